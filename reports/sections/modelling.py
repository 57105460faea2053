"""How the models were learned, from the features or the clinical table to their internal worth."""

from functools import partial

import numpy as np

from extval.reports import format as fmt
from extval.reports.blocks import (
    INTERVAL,
    RIGHT,
    Band,
    Block,
    Cell,
    Column,
    Figure,
    Panel,
    Paragraph,
    Plot,
    Row,
    Section,
    Subheading,
    Table,
)
from extval.reports.figures.instability import plot_mape, plot_prediction_instability
from extval.reports.index import OUT_OF_FOLD, Index
from extval.reports.labels import heading, label
from extval.reports.sections import regressions, signatures
from extval.reports.sections.learned_rows import Record, models_with, records
from extval.reports.tabulation import Footnotes
from extval.stats.optimism import Instability

APPARENT = "apparent"
INSTABILITY_MM = 48.0
LEFT_OUT = ("auc", "c_harrell", "calibration_slope", "oe_ratio")
POOLED = "_random_effects"


def section(index: Index) -> Section:
    """Return what a run learned; nothing for an evaluation of given predictions."""
    parts: list[tuple[str, list[Block]]] = [
        ("Signatures: steps and features", signatures.blocks(index)),
        ("Scores as formulas", signatures.formulas(index)),
        ("Regression models", regressions.blocks(index)),
        ("Nomograms", regressions.nomograms(index)),
        ("Internal validation", internal(index)),
    ]
    blocks: list[Block] = []
    for title, found in parts:
        blocks += [Subheading(title), *found] if found else []
    return Section("How the models were learned", tuple(blocks))


def internal(index: Index) -> list[Block]:
    """Return apparent and out-of-fold performance in development side by side."""
    rows = records(index, "internal")
    if not rows:
        return []
    notes = Footnotes()
    lines = [_internal_row(model, rows, notes) for model in models_with(index, "internal")]
    name = heading(str(rows[0]["metric"]))
    methods = dict.fromkeys(str(row["method"]) for row in rows)
    about = label(str(rows[0]["metric"])).meaning
    table = Table(
        caption="Performance in the development patients, measured in two ways.",
        columns=(
            Column("Model"),
            Column(f"Apparent {name} {index.ci}", INTERVAL),
            Column(f"Out-of-fold {name} {index.ci}", INTERVAL),
        ),
        rows=tuple(lines),
        footnotes=notes.listed(),
        remarks=(
            "Apparent: the locked model in the patients it was learned from, which flatters. "
            "Out-of-fold: each patient predicted by the whole procedure, every step included, "
            "learned without the patient's fold.",
            *((f"{name}, {about}.",) if about else ()),
            f"Estimators. {'. '.join(methods)}.",
        ),
    )
    return [
        Paragraph(_entering(rows)),
        table,
        *_optimism(index),
        *_instability(index),
        *_left_out(index),
    ]


def _entering(rows: list[Record]) -> str:
    """Return which predictions stand for development in the rest of the report."""
    folds = sorted({row["folds"] for row in rows if row["predictions"] == OUT_OF_FOLD})
    number = " or ".join(fmt.integer(count) for count in folds)
    used = {row["predictions"] for row in rows if row.get("used")}
    if used == {OUT_OF_FOLD}:
        return (
            f"The out-of-fold predictions ({number} folds) stand for the development cohort "
            "everywhere else in this report: its performance, the comparisons of models, "
            "thresholds and risk groups rest on them."
        )
    if used == {APPARENT}:
        return (
            "The apparent predictions, those of the locked models themselves, stand for the "
            "development cohort everywhere else in this report, as the study asked; they flatter. "
            f"The out-of-fold predictions ({number} folds) are for comparison only."
        )
    return "The results do not say which of the two predictions enter the other sections."


def _internal_row(model: str, rows: list[Record], notes: Footnotes) -> Row:
    cells = [Cell(model)]
    for kind in (APPARENT, OUT_OF_FOLD):
        row = next((r for r in rows if (r["model"], r["predictions"]) == (model, kind)), None)
        if row is None:
            cells.append(Cell(fmt.ABSENT))
            continue
        digits = label(str(row["metric"])).digits
        text = fmt.estimate(row["estimate"], row["lower"], row["upper"], digits=digits)
        cells.append(Cell(text, notes.mark(str(row["note"] or ""))))
    return Row(tuple(cells))


def _optimism(index: Index) -> list[Block]:
    """Return the optimism that a bootstrap of the whole procedure found, if one was run."""
    notes = Footnotes()
    lines: list[Row | Band] = []
    for model in models_with(index, "optimism"):
        lines.append(Band(model))
        for row in records(index, "optimism", model):
            about = label(str(row["metric"]))
            shown = [row[key] for key in ("apparent", "optimism", "monte_carlo_se", "corrected")]
            apparent, moved, error, corrected = (fmt.number(v, digits=3) for v in shown)
            cells = (
                Cell(about.name, notes.mark(str(row["note"] or ""))),
                Cell(apparent),
                Cell(f"{moved} ({error})"),
                Cell(corrected),
                Cell(
                    fmt.ABSENT if row["lower"] is None else fmt.limits(row["lower"], row["upper"])
                ),
            )
            lines.append(Row(cells))
    if not lines:
        return []
    resamples = {row["resamples"] for row in records(index, "optimism")}
    return [
        Table(
            caption="Optimism of the whole procedure, by the bootstrap.",
            columns=(
                Column("Measure"),
                Column("Apparent", RIGHT),
                Column("Optimism (SE)", INTERVAL),
                Column("Corrected", RIGHT),
                Column(f"{index.level} interval", RIGHT),
            ),
            rows=tuple(lines),
            footnotes=notes.listed(),
            remarks=(
                "Optimism, mean over "
                f"{' or '.join(fmt.integer(count) for count in sorted(resamples))} resamples of "
                "the performance of a model learned in a resample, there minus in all development "
                "patients (Harrell); SE, its Monte Carlo standard error; corrected, apparent minus "
                "optimism.",
            ),
        )
    ]


def _instability(index: Index) -> list[Block]:
    """Return how far each patient's prediction moves when the model is learned again."""
    panels: list[Panel] = []
    for model in models_with(index, "instability"):
        rows = records(index, "instability", model)
        columns = {
            key: np.array([np.nan if row[key] is None else row[key] for row in rows])
            for key in ("prediction", "lower", "upper", "mape")
        }
        moved = Instability(resampled=np.empty((0, len(rows))), **columns)
        panels += [
            Panel(model, (Plot(partial(plot_prediction_instability, moved), INSTABILITY_MM),)),
            Panel(model, (Plot(partial(plot_mape, moved), INSTABILITY_MM),)),
        ]
    if not panels:
        return []
    return [
        Figure(
            caption="Instability of the predictions for the development patients.",
            panels=tuple(panels),
            columns=2,
            left_mm=14.0,
            remarks=(
                "Left: limits, patient by patient, of what the models learned in resamples "
                "predict, over the prediction of the model itself. Right: the mean absolute "
                "difference of the two (Riley and Collins 2023).",
            ),
        )
    ]


def _left_out(index: Index) -> list[Block]:
    """Return what models of the other centres are worth in each centre, if that was asked."""
    rows = records(index, "internal_external")
    if not rows:
        return []
    shown = [m for m in LEFT_OUT if any(row["metric"] == m for row in rows)]
    if not shown:
        return []
    notes = Footnotes()
    lines: list[Row | Band] = []
    for model in models_with(index, "internal_external"):
        lines.append(Band(model))
        mine = records(index, "internal_external", model)
        for center in dict.fromkeys(str(row["center"]) for row in mine):
            of_center = [row for row in mine if row["center"] == center]
            cells = [Cell("all, each by models of the others" if center == "all" else center)]
            cells.append(Cell(fmt.integer(of_center[0]["n"])))
            cells += [_left_out_cell(of_center, metric, notes) for metric in shown]
            lines.append(Row(tuple(cells)))
        pooled = [_left_out_cell(mine, f"{metric}{POOLED}", notes) for metric in shown]
        lines.append(Row((Cell("random effects over centres"), Cell(""), *pooled)))
    methods = {
        heading(row["metric"]): f"{heading(row['metric'])}: {row['method']}"
        for row in rows
        if row["metric"] in shown and row["method"]
    }
    together = next((row["method"] for row in rows if row["metric"] == shown[0] + POOLED), "")
    if together:
        methods[POOLED] = f"Centres together: {together}"
    return [
        Table(
            caption="Internal-external cross-validation: every centre predicted without it.",
            columns=(
                Column("Centre"),
                Column("Patients", RIGHT),
                *(Column(f"{heading(metric)} ({index.level} CI)", INTERVAL) for metric in shown),
            ),
            rows=tuple(lines),
            footnotes=notes.listed(),
            remarks=(
                "The whole procedure was learned again without each centre; these are not the "
                "locked models. All numbers: modelling/internal_external.csv.",
                f"Estimators. {'. '.join(methods.values())}.",
            ),
        )
    ]


def _left_out_cell(rows: list[Record], metric: str, notes: Footnotes) -> Cell:
    row = next((r for r in rows if r["metric"] == metric and r["horizon"] is None), None)
    if row is None:
        return Cell(fmt.ABSENT)
    digits = label(metric.removesuffix(POOLED)).digits
    text = fmt.estimate(row["estimate"], row["lower"], row["upper"], digits=digits)
    return Cell(text, notes.mark(str(row["note"] or "")))
