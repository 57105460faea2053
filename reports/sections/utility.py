"""Whether decisions by the models do more good than treating everybody or nobody."""

from functools import partial

from extval.reports import format as fmt
from extval.reports.blocks import Block, Figure, Panel, Paragraph, Plot, Section
from extval.reports.figures.decision import plot_decision, plot_decision_difference
from extval.reports.index import Columns, Index, Measure
from extval.reports.sections.differences import differences
from extval.reports.sections.legends import (
    TREAT_ALL_NAME,
    TREAT_NONE_NAME,
    model_curves,
    model_keys,
    strategy_keys,
)
from extval.reports.tabulation import metric_table
from extval.validate.store import CohortRow

OVERVIEW_MM, PANEL_MM = 56.0, 38.0
SAME = 1e-9
SCALES = ("net_benefit_standardized", "interventions_avoided")
NRI = ("nri_categorical", "nri_continuous")
COMPARED = (
    "net_benefit",
    *(f"{index}{part}" for index in NRI for part in ("", "_events", "_nonevents")),
    "idi",
)
MOST_PAIRS = 12


def measures(index: Index) -> tuple[Measure, ...]:
    """Return the metrics that this section shows."""
    if index.is_survival:
        return tuple(Measure("net_benefit", horizon) for horizon in index.horizons)
    return tuple(map(Measure, ("net_benefit", *SCALES)))


def section(index: Index) -> Section:
    """Return net benefit at the stated threshold and decision curves."""
    table = metric_table(
        index,
        caption="Net benefit at the stated threshold.",
        groups=index.cohorts,
        measures=measures(index),
        more=partial(_strategy_rows, index),
    )
    overview = [p for g in index.cohorts if (p := decision_panel(index, g, OVERVIEW_MM))]
    blocks: list[Block] = []
    if table is not None:
        blocks.append(table)
    if overview:
        blocks.append(
            Figure(
                caption="Decision curves of all models.",
                panels=tuple(overview),
                columns=2,
                left_mm=13.0,
                keys=(*model_keys(index), *strategy_keys()),
                remarks=(_meaning(index),),
            )
        )
        blocks += _with_bands(index)
        blocks += _pairs(index)
    elif table is not None:
        blocks.append(Paragraph("There is no decision curve in these results."))
    return Section("Clinical utility", (*blocks, *differences(index, COMPARED)))


def decision_panel(
    index: Index, group: CohortRow, size_mm: float, *, title: str = ""
) -> Panel | None:
    """Return the decision curves of all models in one panel, or None."""
    curves = model_curves(index, "decision", group)
    if not curves:
        return None
    draw = partial(plot_decision, curves, *_strategies(index, group), at=_stated(index))
    subtitle = "" if title else index.size(group)
    return Panel(title or index.name(group), (Plot(draw, size_mm),), subtitle)


def _with_bands(index: Index) -> list[Block]:
    """Return one panel a model with the limits of its net benefit, for every pooled cohort."""
    blocks: list[Block] = []
    for group in index.cohorts:
        panels = []
        for name in index.models:
            curve = index.curve("decision", group, model=name)
            if curve and any(low is not None for low in curve["lower"]):
                look = index.looks[name]
                draw = partial(
                    plot_decision,
                    [(look, curve)],
                    *_strategies(index, group),
                    at=_stated(index),
                    band=True,
                )
                panels.append(Panel(name, (Plot(draw, PANEL_MM),)))
        if panels:
            blocks.append(
                Figure(
                    caption=f"Net benefit with its pointwise {index.level} bootstrap band. "
                    f"{index.title(group)}.",
                    panels=tuple(panels),
                    columns=3,
                    left_mm=11.0,
                    keys=strategy_keys(),
                )
            )
    return blocks


def _pairs(index: Index) -> list[Block]:
    """Return the difference between two decision curves in one panel a pair of models."""
    rows = [row for group in index.cohorts for row in index.comparisons(group, "net_benefit")]
    pairs = list(dict.fromkeys((row.model_a, row.model_b) for row in rows))
    if len(pairs) > MOST_PAIRS:
        return [
            Paragraph(
                f"The decision curves of {len(pairs)} pairs of models differ by what is in "
                "curves/decision_difference.csv of the results folder; they are too many to draw."
            )
        ]
    blocks: list[Block] = []
    for group in index.cohorts:
        panels = []
        for a, b in pairs:
            curve = index.curve("decision_difference", group, model_a=a, model_b=b)
            if curve:
                draw = partial(plot_decision_difference, curve, at=_stated(index))
                panels.append(Panel(f"{a} \u2212 {b}", (Plot(draw, PANEL_MM),)))
        if panels:
            blocks.append(
                Figure(
                    caption="Difference in net benefit, first minus second, with its pointwise "
                    f"{index.level} bootstrap band. {index.title(group)}.",
                    panels=tuple(panels),
                    columns=3,
                    left_mm=13.0,
                )
            )
    return blocks


def _strategies(index: Index, group: CohortRow) -> tuple[Columns, Columns]:
    return (
        index.curve("decision", group, model=TREAT_ALL_NAME),
        index.curve("decision", group, model=TREAT_NONE_NAME),
    )


def _stated(index: Index) -> float | None:
    at = index.protocol.get("decision_curve", {}).get("at")
    return None if at is None else float(at)


def _meaning(index: Index) -> str:
    at = _stated(index)
    marked = f" The grey line marks the stated threshold, {fmt.threshold(at)}." if at else ""
    return (
        "Net benefit per patient: true positives minus false positives weighted by the odds of the "
        f"threshold probability.{marked}"
    )


def _strategy_rows(index: Index, group: CohortRow) -> list[tuple[str, str]]:
    """Return the net benefit of treating everybody and nobody at the stated threshold."""
    at, rows = _stated(index), []
    for name, curve in zip(
        (TREAT_ALL_NAME, TREAT_NONE_NAME), _strategies(index, group), strict=True
    ):
        columns = ("threshold", "net_benefit", "lower", "upper")
        points = zip(*(curve.get(column, ()) for column in columns), strict=True)
        rows += [
            (name.capitalize(), fmt.estimate(value, low, high, bounded=low is not None))
            for threshold, value, low, high in points
            if at is not None and abs(threshold - at) < SAME
        ]
    return rows
