"""Signatures: features left after each step, selected features, formulas, classifiers."""

from collections.abc import Iterator, Sequence

from extval.reports import format as fmt
from extval.reports.blocks import (
    INTERVAL,
    RIGHT,
    Band,
    Block,
    Cell,
    Column,
    Paragraph,
    Row,
    Table,
)
from extval.reports.index import Index
from extval.reports.sections import lasso
from extval.reports.sections.learned_rows import Record, models_with, records, scale_of
from extval.reports.tabulation import Footnotes

MOST_SIGNATURES, MOST_FEATURES = 6, 40
INTERCEPT, SCORE = "(intercept)", "score"
STEPS = {
    "(given)": "Given",
    "reliability": "Reliability between delineations",
    "completeness": "Completeness",
    "imputation": "Imputation of the median",
    "combat": "ComBat harmonisation",
    "variance": "Variance",
    "z-score": "Standardisation (z-score)",
    "correlation": "Correlation with other features",
    "mrmr": "mRMR",
    "screen": "Univariate screen",
    "model": "Coefficient in the model",
}


def blocks(index: Index) -> list[Block]:
    """Return tables and figures of the signatures; nothing without one."""
    signatures = models_with(index, "steps")
    if not signatures:
        return []
    found: list[Block] = [
        _steps(index, signatures[start : start + MOST_SIGNATURES])
        for start in range(0, len(signatures), MOST_SIGNATURES)
    ]
    found += [table for table in (_reliability(index), _features(index, signatures)) if table]
    said = [f"{row['model']}: {row['sentence']}" for row in records(index, "notes")]
    if said:
        found.append(Paragraph(" ".join(said)))
    lassos = {model: listed(index, model) for model in _lassos(index)}
    if lassos:
        found.append(lasso.figure(index, lassos))
    return [*found, *_candidates(index)]


def formulas(index: Index) -> list[Block]:
    """Return every linear score as text, with the score within it where that is not known."""
    found: list[Block] = []
    own = {model: _terms(index, model, SCORE) for model in models_with(index, "formula")}
    for model in own:
        rows = records(index, "formula", model)
        for output in dict.fromkeys(str(row["output"]) for row in rows):
            terms = _terms(index, model, output)
            name = model if output == SCORE else output
            if output != SCORE and own.get(output) == terms:
                continue  # it stands there as the score of its own model
            about = [scale_of(index, name), "" if name == model else f"within {model}"]
            said = "; ".join(part for part in about if part)
            found.append(Paragraph(f"{name}{f' ({said})' if said else ''} = {expression(terms)}"))
    if not found:
        return []
    baseline = ", baseline survival" if index.is_survival else ""
    risk = "A score in log odds gives the risk 1 / (1 + exp(\u2212score))."
    if index.is_survival:
        risk = (
            "The risk up to a horizon is 1 \u2212 S\u2080 to the power of exp(score), with the "
            "baseline survival S\u2080 at that horizon."
        )
    intro = (
        "Features enter as z-scores: after the steps above, minus the mean and divided by the "
        "standard deviation of the development patients. Clinical predictors enter as they are; "
        f"a cut or a category is 1 or 0. {risk} Coefficients have six digits here; all digits are "
        "in modelling/formula.csv, and all that a prediction needs (means, standard deviations, "
        f"harmonisation{baseline}) is in models/."
    )
    return [Paragraph(intro), *found]


def expression(terms: dict[str, float]) -> str:
    r"""Return intercept and weighted terms as one line of text.

    Examples
    --------
    >>> expression({"(intercept)": 0.5, "a": 0.25, "b": 2.0}).replace("\u00d7", "*")
    '0.5 + 0.25 * a + 2 * b'
    """
    text = ""
    for name, value in terms.items():
        if name == INTERCEPT:
            text = fmt.plain(value) if value != 0.0 or len(terms) == 1 else ""
            continue
        weighted = f"{fmt.plain(abs(value))} \u00d7 {name}"
        sign = "\u2212" if value < 0.0 else "+"
        if text:
            text += f" {sign} {weighted}"
        else:
            text = weighted if value >= 0.0 else f"{sign}{weighted}"
    return text


def listed(index: Index, model: str) -> list[str]:
    """Return the features of a signature that the report prints, in the order of their numbers.

    By mRMR rank or in the order of the table, with those that the LASSO's path has; of a long
    list, the features of the model and those that the figure of the path names.
    """
    ranked = [str(row["feature"]) for row in records(index, "selection", model)]
    screened = [str(row["name"]) for row in records(index, "screen", model) if row["kept"]]
    coefficients = _coefficients(index, model)
    path = [str(row["feature"]) for row in records(index, "lasso_path", model)]
    every = list(dict.fromkeys([*ranked, *screened, *coefficients, *path]))
    if len(every) <= MOST_FEATURES:
        return every
    wanted = {*coefficients, *lasso.largest(index, model)}
    return [name for name in every if name in wanted] or every[:MOST_FEATURES]


def _terms(index: Index, model: str, output: str) -> dict[str, float]:
    rows = records(index, "formula", model)
    return {str(row["term"]): row["coefficient"] for row in rows if row["output"] == output}


def _coefficients(index: Index, model: str) -> dict[str, float]:
    """Return the coefficients of a score by feature, without the intercept."""
    terms = _terms(index, model, SCORE)
    return {name: value for name, value in terms.items() if name != INTERCEPT}


def _lassos(index: Index) -> list[str]:
    return models_with(index, "lasso_cv")


def _steps(index: Index, signatures: Sequence[str]) -> Table:
    counts = {
        model: {str(row["step"]): row["features"] for row in records(index, "steps", model)}
        for model in signatures
    }
    there = [*dict.fromkeys(step for found in counts.values() for step in found)]
    order = list(STEPS)
    last = len(order) - 1  # a step that is not known by name goes before the model
    there.sort(key=lambda step: order.index(step) if step in order else last - 0.5)
    classifiers = [model for model in signatures if "model" not in counts[model]]
    return Table(
        caption="Number of features left after each step of the signatures.",
        columns=(Column("Step"), *(Column(model, RIGHT) for model in signatures)),
        rows=tuple(
            Row(
                (
                    Cell(STEPS.get(step, step)),
                    *(
                        Cell(fmt.integer(found[step]) if step in found else fmt.ABSENT)
                        for found in counts.values()
                    ),
                )
            )
            for step in there
        ),
        remarks=(
            "The features that a step dropped stand with their reasons in modelling/dropped.csv.",
            *(
                (f"{', '.join(classifiers)}: a classifier uses all features that reach it.",)
                if classifiers
                else ()
            ),
        ),
    )


def _reliability(index: Index) -> Table | None:
    """Return how many features were repeatable; signatures with the same answer share rows."""
    groups: dict[tuple[Row, ...], list[str]] = {}
    for model in models_with(index, "reliability"):
        groups.setdefault(_reliability_rows(records(index, "reliability", model)), []).append(model)
    if not groups:
        return None
    lines: list[Row | Band] = []
    for rows, models in groups.items():
        lines += [Band(", ".join(models)), *rows]
    return Table(
        caption="Reliability of the features: intraclass correlation (ICC) between delineations.",
        columns=(
            Column("Comparison"),
            Column("Form"),
            Column("Patients", RIGHT),
            Column("Features", RIGHT),
            Column("ICC, range", RIGHT),
            Column("Not estimable", RIGHT),
            Column("Kept", RIGHT),
        ),
        rows=tuple(lines),
        remarks=(
            "A feature is kept if it passes in every comparison; features that no reader measured "
            "are not in this table. ICC of every feature: modelling/reliability.csv.",
        ),
    )


def _reliability_rows(rows: list[Record]) -> tuple[Row, ...]:
    found = []
    for place, comparison in enumerate(dict.fromkeys(row["comparison"] for row in rows)):
        mine = [row for row in rows if row["comparison"] == comparison]
        known = [row["estimate"] for row in mine if row["estimate"] is not None]
        kept = sum(bool(row["kept"]) for row in mine)
        least, most = (min(known), max(known)) if known else (None, None)
        subjects = sorted({row["subjects"] for row in mine})
        patients = " to ".join(fmt.integer(n) for n in dict.fromkeys([subjects[0], subjects[-1]]))
        cells = (
            str(comparison),
            str(mine[0]["form"]),
            patients,
            fmt.integer(len(mine)),
            fmt.limits(least, most, digits=2),
            fmt.integer(len(mine) - len(known)),
            "" if place else fmt.share(kept, len(mine)),
        )
        found.append(Row(tuple(Cell(text) for text in cells)))
    return tuple(found)


def _features(index: Index, signatures: Sequence[str]) -> Table | None:
    notes = Footnotes()
    with_screen = bool(records(index, "screen"))
    with_rank = bool(records(index, "selection"))
    lines: list[Row | Band] = []
    for model in signatures:
        shown = listed(index, model)
        lines += [Band(model, notes.mark(_left_out(index, model, shown)))] if shown else []
        ranks = {str(r["feature"]): r["rank"] for r in records(index, "selection", model)}
        tested = {str(r["name"]): r for r in records(index, "screen", model)}
        share = {
            str(r["feature"]): r["frequency"] for r in records(index, "lasso_frequency", model)
        }
        penalised = model in _lassos(index)
        coefficients = _coefficients(index, model)
        for number, name in enumerate(shown, start=1):
            rank = fmt.integer(ranks[name]) if name in ranks else fmt.ABSENT
            p = fmt.p_value(tested[name]["p_adjusted"]) if name in tested else fmt.ABSENT
            cells = [
                Cell(fmt.integer(number)),
                Cell(name),
                *([Cell(rank)] if with_rank else []),
                *([Cell(p)] if with_screen else []),
                Cell(_coefficient(coefficients.get(name), penalised=penalised)),
                Cell(fmt.percent(share.get(name, 0.0), digits=0) if penalised else fmt.ABSENT),
            ]
            lines.append(Row(tuple(cells)))
    if not lines:
        return None
    return Table(
        caption="Selected features and their coefficients.",
        columns=(
            Column("No.", RIGHT),
            Column("Feature"),
            *([Column("mRMR\u00a0rank", RIGHT)] if with_rank else []),
            *([Column("Screen,\u00a0P", RIGHT)] if with_screen else []),
            Column("Coefficient", RIGHT),
            Column("Kept in\u00a0folds", RIGHT),
        ),
        rows=tuple(lines),
        footnotes=notes.listed(),
        remarks=(
            "Coefficient, per standard deviation of the feature; 0, shrunk to zero by the LASSO"
            f"{'; ' + fmt.ABSENT + ', a classifier has none' if _classifiers(index) else ''}. "
            "Kept in folds, share of the models of the LASSO's own cross-validation, at the chosen "
            "lambda, in which the feature has a coefficient.",
            *(("Screen, P: univariate, adjusted as the study says.",) if with_screen else ()),
        ),
    )


def _left_out(index: Index, model: str, shown: Sequence[str]) -> str:
    """Return what is said of a list that is not printed whole."""
    ranked = len(records(index, "selection", model))
    reached = ranked or sum(bool(row["kept"]) for row in records(index, "screen", model))
    if reached <= len(shown):
        return ""
    said = f"{fmt.counted(reached, 'feature')} reached the model; the others are in modelling/"
    if not _coefficients(index, model):
        return f"{said}."
    return f"{said} and have no coefficient."


def _coefficient(value: float | None, *, penalised: bool) -> str:
    if value is None:
        return fmt.integer(0) if penalised else fmt.ABSENT
    return fmt.number(value, digits=4)


def _classifiers(index: Index) -> list[str]:
    return models_with(index, "candidates")


def _below(row: Record) -> str:
    if row["worse"] == 0.0:
        return "best"
    return f"{fmt.number(row['worse'])} ({fmt.number(row['worse_standard_error'])})"


def _candidates(index: Index) -> Iterator[Table]:
    """Yield the classifiers that were compared, a band a signature."""
    lines: list[Row | Band] = []
    for model in _classifiers(index):
        lines.append(Band(model))
        for row in records(index, "candidates", model):
            cells = (
                str(row["classifier"]),
                "yes" if row["smote"] else "no",
                fmt.number(row["mean"]),
                fmt.ABSENT if row["sd"] is None else fmt.number(row["sd"]),
                _below(row),
                "yes" if row["within_one_standard_error"] else "no",
                "chosen" if row["chosen"] else fmt.ABSENT,
            )
            lines.append(Row(tuple(Cell(text) for text in cells)))
    if lines:
        yield Table(
            caption="Classifiers compared by cross-validation on development patients.",
            columns=(
                Column("Classifier"),
                Column("SMOTE"),
                Column("Mean AUC", RIGHT),
                Column("SD of repeats", RIGHT),
                Column("Below the best (SE)", INTERVAL),
                Column("Within 1 SE"),
                Column("Choice"),
            ),
            rows=tuple(lines),
            remarks=(
                "The first classifier within one standard error (SE) of the best is chosen; SMOTE, "
                "synthetic patients of the rarer outcome in the training folds. The mean of the "
                "chosen one is a little optimistic, being chosen.",
            ),
        )
