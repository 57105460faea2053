"""Clinical and combined models: how predictors were chosen, ratios, forest plots, nomograms."""

from collections.abc import Iterator, Sequence
from functools import partial
from math import nan
from typing import Any

from reportlab.lib.units import mm

from extval.features.modelling.nomogram import Nomogram, nomogram_of_effects, totals_table
from extval.features.modelling.nomogram_axes import Effect
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
    Table,
)
from extval.reports.figure_layout import RIGHT_MARGIN
from extval.reports.figures.nomogram import nomogram_height_mm, plot_nomogram
from extval.reports.figures.odds import RatioLine, plot_ratios, ratios_height_mm
from extval.reports.index import Index
from extval.reports.pages import column_width
from extval.reports.sections.learned_rows import Record, models_with, records
from extval.reports.tabulation import Footnotes, at_horizon

PAIRS = 4
BELOW_MM = 7.0
"""Room for an axis that every panel has below it; a forest plot brings its own."""


def blocks(index: Index) -> list[Block]:
    """Return tables of the rounds of selection and of the final models, and their forest plots."""
    found: list[Block] = [_rounds(index, model) for model in models_with(index, "univariate")]
    models = models_with(index, "ratios")
    if models:
        found += [_ratios(index, models), _forest(index, models)]
    return found


def nomograms(index: Index) -> list[Block]:
    """Return figure, points and totals of every nomogram."""
    found: list[Block] = []
    for model in models_with(index, "nomogram_scale"):
        nomogram = rebuilt(index, model)
        if not nomogram.axes:
            found.append(Paragraph(f"{model}: {nomogram.sentence}"))
            continue
        found += [_figure(index, model, nomogram), _points(index, model)]
        found.append(_totals(index, model, nomogram))
    return found


def rebuilt(index: Index, model: str) -> Nomogram:
    """Return a nomogram from the effects of its predictors and its scale."""
    scale = records(index, "nomogram_scale", model)
    grouped: dict[str, list[Record]] = {}
    for row in records(index, "nomogram_effects", model):
        grouped.setdefault(str(row["predictor"]), []).append(row)
    effects = [
        Effect(
            name=name,
            label=f"{name} score" if name in models_with(index, "steps") else name,
            values=tuple(row["value"] for row in rows),
            labels=tuple(str(row["label"]) for row in rows) if rows[0]["label"] else (),
            effects=tuple(_number(row["effect"]) for row in rows),
            slope=rows[0]["slope"],
        )
        for name, rows in grouped.items()
    ]
    survival = {
        float(row["horizon"]): float(row["baseline_survival"])
        for row in scale
        if row["horizon"] is not None
    }
    return nomogram_of_effects(
        effects,
        intercept=_number(scale[0]["intercept"]),
        lp_range=(_number(scale[0]["lp_low"]), _number(scale[0]["lp_high"])),
        baseline_survival=survival or None,
    )


def _number(value: float | None) -> float:
    return nan if value is None else float(value)


def _kind(index: Index) -> str:
    return "hazard" if index.is_survival else "odds"


def _ratio_name(index: Index) -> str:
    return f"{_kind(index).capitalize()} ratio"


def _term(name: Any) -> str:
    """Return the name of a term: a level stands after a colon.

    Examples
    --------
    >>> _term("grade=G2"), _term("large")
    ('grade: G2', 'large')
    """
    return str(name).replace("=", ": ", 1)


def _rounds(index: Index, model: str) -> Table:
    """Return the paper's table: each predictor alone, and together those that passed."""
    notes = Footnotes()
    together = {str(row["term"]): row for row in records(index, "multivariable", model)}
    lines, seen = [], ""
    final = {str(row["term"]) for row in records(index, "ratios", model)}
    for row in records(index, "univariate", model):
        term, first = str(row["term"]), row["predictor"] != seen
        seen = str(row["predictor"])
        other = together.get(term)
        cells = (
            Cell(_term(term)),
            _limits(row, "profile", notes),
            Cell(fmt.p_value(row["joint_p"]) if first else ""),
            Cell(fmt.ABSENT) if other is None else _limits(other, "profile", notes),
            Cell(
                "" if not first else fmt.ABSENT if other is None else fmt.p_value(other["joint_p"])
            ),
            Cell("yes" if term in final else "no"),
        )
        lines.append(Row(cells))
    name = _ratio_name(index)
    return Table(
        caption=f"Choice of the predictors of {model}: univariate, then multivariable.",
        columns=(
            Column("Predictor"),
            Column(f"Univariate {name.lower()} {index.ci}", INTERVAL),
            Column("P", RIGHT),
            Column(f"Multivariable {name.lower()} {index.ci}", INTERVAL),
            Column("P", RIGHT),
            Column("In the model"),
        ),
        rows=tuple(lines),
        footnotes=notes.listed(),
        remarks=(
            "P, likelihood-ratio test of all levels of a predictor together. Intervals by profile "
            f"likelihood. {fmt.ABSENT}, did not pass the univariate round. Selection by P values "
            "makes coefficients too large and intervals too narrow. Wald limits: "
            "modelling/univariate.csv and modelling/multivariable.csv.",
        ),
    )


def _limits(row: Record, kind: str, notes: Footnotes) -> Cell:
    ratio, low, high = (row[key] for key in ("ratio", f"{kind}_lower", f"{kind}_upper"))
    return Cell(fmt.estimate(ratio, low, high, digits=2), notes.mark(str(row["note"] or "")))


def _ratios(index: Index, models: Sequence[str]) -> Table:
    notes = Footnotes()
    lines: list[Row | Band] = []
    for model in models:
        lines.append(Band(model))
        for row in records(index, "ratios", model):
            mark = notes.mark(str(row["note"] or ""))
            cells = (
                Cell(_term(row["term"])),
                Cell(fmt.number(row["coefficient"]), mark),
                Cell(fmt.number(row["se"])),
                Cell(fmt.number(row["ratio"], digits=2)),
                Cell(fmt.limits(row["profile_lower"], row["profile_upper"], digits=2)),
                Cell(fmt.p_value(row["likelihood_ratio_p"])),
                Cell(fmt.limits(row["wald_lower"], row["wald_upper"], digits=2)),
                Cell(fmt.p_value(row["wald_p"])),
            )
            lines.append(Row(cells))
    return Table(
        caption=f"Coefficients and {_kind(index)} ratios of the regression models.",
        columns=(
            Column("Predictor"),
            Column("Coefficient", RIGHT),
            Column("SE", RIGHT),
            Column(_ratio_name(index), RIGHT),
            Column(f"Profile {index.level}\u00a0CI", RIGHT),
            Column("P\u00a0(LR)", RIGHT),
            Column(f"Wald {index.level}\u00a0CI", RIGHT),
            Column("P\u00a0(Wald)", RIGHT),
        ),
        rows=tuple(lines),
        footnotes=notes.listed(),
        remarks=(
            "CI, confidence interval; LR, likelihood-ratio test; SE, standard error. A level of a "
            "category is compared with the reference level; a score, or a number, is per unit. "
            "Limits and P values do not know of a selection before the model.",
        ),
    )


def _forest(index: Index, models: Sequence[str]) -> Figure:
    level = float(index.protocol.get("confidence_level", 0.95))
    panels = []
    for model in models:
        lines = ratio_lines(index, model)
        color = index.looks[model].color if model in index.looks else "#004488"
        draw = partial(plot_ratios, lines, kind=_kind(index), confidence_level=level, color=color)
        panels.append(Panel(model, (Plot(draw, ratios_height_mm(len(lines)) - BELOW_MM),)))
    return Figure(
        caption=f"{_ratio_name(index)}s of the regression models.",
        panels=tuple(panels),
        columns=1,
        left_mm=0.0,
        remarks=(
            "Thick line, profile-likelihood interval; thin line below it, Wald interval. An "
            "arrow: the interval goes on.",
        ),
    )


def ratio_lines(index: Index, model: str) -> list[RatioLine]:
    """Return the lines of a model's forest plot."""
    return [
        RatioLine(
            _term(row["term"]),
            ratio=_number(row["ratio"]),
            wald=(_number(row["wald_lower"]), _number(row["wald_upper"])),
            profile=(_number(row["profile_lower"]), _number(row["profile_upper"])),
            likelihood_ratio_p=_number(row["likelihood_ratio_p"]),
        )
        for row in records(index, "ratios", model)
    ]


def _figure(index: Index, model: str, nomogram: Nomogram) -> Figure:
    width = (column_width(landscape=False) - RIGHT_MARGIN) / mm
    color = index.looks[model].color if model in index.looks else "#004488"
    draw = partial(
        plot_nomogram,
        nomogram,
        outcome=index.outcome,
        unit=index.unit if index.is_survival else "",
        color=color,
    )
    said = (
        "Read the points of each predictor off the upper scale, add them up, and find the risk "
        "below their sum."
    )
    return Figure(
        caption=f"Nomogram of {model}.",
        panels=(Panel("", (Plot(draw, nomogram_height_mm(nomogram, width)),)),),
        columns=1,
        left_mm=0.0,
        remarks=(" ".join(part for part in (said, nomogram.sentence) if part),),
    )


def _points(index: Index, model: str) -> Table:
    """Return the points of each value: a band a predictor, four pairs of value and points a row."""
    rows: list[Row | Band] = []
    scores = models_with(index, "steps")
    points = records(index, "nomogram", model)
    for predictor in dict.fromkeys(str(row["predictor"]) for row in points):
        rows.append(Band(f"{predictor} score" if predictor in scores else predictor))
        mine = [
            text
            for row in points
            if row["predictor"] == predictor
            for text in (_value(row["value"]), fmt.number(row["points"], digits=1))
        ]
        rows += _in_pairs(mine)
    return Table(
        caption=f"Points of the nomogram of {model}.",
        columns=tuple(Column(name, RIGHT) for _ in range(PAIRS) for name in ("Value", "Points")),
        rows=tuple(rows),
    )


def _in_pairs(texts: Sequence[str]) -> Iterator[Row]:
    """Yield rows of value and points, side by side."""
    wide = 2 * PAIRS
    for start in range(0, len(texts), wide):
        part = [*texts[start : start + wide]]
        yield Row(tuple(Cell(text) for text in [*part, *([""] * (wide - len(part)))]))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else fmt.plain(value)


def _totals(index: Index, model: str, nomogram: Nomogram) -> Table:
    """Return total points as columns, linear predictor and risks as rows."""
    found = totals_table(nomogram)
    headings = [
        "Risk, %" if axis.horizon is None else f"Risk at {at_horizon(index, axis.horizon)}, %"
        for axis in nomogram.outcome_axes
    ]
    lines = [("Linear predictor", [fmt.number(row.linear_predictor, digits=2) for row in found])]
    lines += [
        (heading, [fmt.number(100.0 * row.probabilities[place], digits=1) for row in found])
        for place, heading in enumerate(headings)
    ]
    return Table(
        caption=f"What the total points of {model} mean: risk of {index.outcome}.",
        columns=(
            Column("Total points"),
            *(Column(fmt.plain(row.total_points), RIGHT) for row in found),
        ),
        rows=tuple(
            Row((Cell(heading), *(Cell(text) for text in texts))) for heading, texts in lines
        ),
    )
