"""Curves of a time to event that are not survival curves: over time, or at a horizon."""

from collections.abc import Iterator
from functools import partial

from extval.reports.blocks import Figure, Panel, Plot
from extval.reports.figures.calibration import end_of_axes, plot_calibration
from extval.reports.figures.decision import plot_decision
from extval.reports.figures.over_time import plot_over_time
from extval.reports.index import Index
from extval.reports.sections.cumulative_incidence import is_stored
from extval.reports.sections.legends import (
    TREAT_ALL_NAME,
    TREAT_NONE_NAME,
    model_curves,
    model_keys,
    strategy_keys,
)
from extval.reports.tabulation import at_horizon
from extval.validate.store import CohortRow

WIDE_MM, SQUARE_MM = 50.0, 40.0


def horizon_figures(index: Index) -> Iterator[Figure]:
    """Yield AUC over time, and calibration and decision curves at every horizon."""
    panels = [panel for group in index.cohorts if (panel := _auc_panel(index, group))]
    if panels:
        yield Figure(
            caption="Cumulative/dynamic AUC over time.",
            panels=tuple(panels),
            columns=2,
            keys=model_keys(index),
            remarks=(f"Thin vertical lines, {index.level} limits.",),
        )
    for horizon in index.horizons:
        for group in index.cohorts:
            yield from _calibration(index, group, horizon)
        decisions = [p for group in index.cohorts if (p := _decision_panel(index, group, horizon))]
        if decisions:
            yield Figure(
                caption=f"Decision curves at {at_horizon(index, horizon)}.",
                panels=tuple(decisions),
                columns=2,
                left_mm=13.0,
                keys=(*model_keys(index), *strategy_keys()),
                remarks=(f"Net benefit per patient, {_observed_risk(index)} among those treated.",),
            )
            yield from _with_bands(index, horizon)


def _observed_risk(index: Index) -> str:
    """Return what the risk observed by a horizon is estimated with."""
    return "Aalen-Johansen incidence" if is_stored(index) else "1 \u2212 Kaplan-Meier"


def _auc_panel(index: Index, group: CohortRow) -> Panel | None:
    curves = model_curves(index, "auc_t", group)
    if not curves:
        return None
    draw = partial(
        plot_over_time, curves, value="auc", ylabel="AUC(t)", unit=index.unit, chance=0.5
    )
    return Panel(index.name(group), (Plot(draw, WIDE_MM),), index.size(group))


def _calibration(index: Index, group: CohortRow, horizon: float) -> Iterator[Figure]:
    panels = []
    tables = {
        name: [
            index.curve(kind, group, model=name, horizon=horizon)
            for kind in ("calibration_t", "calibration_groups_t")
        ]
        for name in index.models
    }
    end = end_of_axes(table for pair in tables.values() for table in pair)
    for name, (curve, groups) in tables.items():
        if curve or groups:
            look = index.looks[name]
            draw = partial(plot_calibration, curve, groups, look, alone=True, end=end)
            panels.append(Panel(name, (Plot(draw, SQUARE_MM),)))
    if panels:
        model = "Fine-Gray" if is_stored(index) else "Cox"
        observed = _observed_risk(index)
        yield Figure(
            caption=f"Calibration at {at_horizon(index, horizon)}. {index.title(group)}.",
            panels=tuple(panels),
            columns=3,
            left_mm=10.0,
            remarks=(
                f"Line, flexible curve ({model}, restricted cubic spline) with its pointwise "
                f"{index.level} band; symbols, groups of equal size by predicted probability, "
                f"{observed} with {index.level} limits; grey diagonal, ideal.",
            ),
        )


def _decision_panel(index: Index, group: CohortRow, horizon: float) -> Panel | None:
    curves = [
        (index.looks[name], curve)
        for name in index.models
        if (curve := index.curve("decision_t", group, model=name, horizon=horizon))
    ]
    if not curves:
        return None
    treat_all = index.curve("decision_t", group, model=TREAT_ALL_NAME, horizon=horizon)
    treat_none = index.curve("decision_t", group, model=TREAT_NONE_NAME, horizon=horizon)
    at = index.protocol.get("decision_curve", {}).get("at")
    stated = None if at is None else float(at)
    draw = partial(plot_decision, curves, treat_all, treat_none, at=stated)
    return Panel(index.name(group), (Plot(draw, WIDE_MM),), index.size(group))


def _with_bands(index: Index, horizon: float) -> Iterator[Figure]:
    """Yield one panel a model with the limits of its net benefit, for every pooled cohort."""
    for group in index.cohorts:
        treat_all = index.curve("decision_t", group, model=TREAT_ALL_NAME, horizon=horizon)
        treat_none = index.curve("decision_t", group, model=TREAT_NONE_NAME, horizon=horizon)
        panels = []
        for name in index.models:
            curve = index.curve("decision_t", group, model=name, horizon=horizon)
            if curve and any(low is not None for low in curve["lower"]):
                drawn = [(index.looks[name], curve)]
                draw = partial(plot_decision, drawn, treat_all, treat_none, band=True)
                panels.append(Panel(name, (Plot(draw, SQUARE_MM),)))
        if panels:
            yield Figure(
                caption=f"Net benefit at {at_horizon(index, horizon)} with its pointwise "
                f"{index.level} bootstrap band. {index.title(group)}.",
                panels=tuple(panels),
                columns=3,
                left_mm=11.0,
                keys=strategy_keys(),
            )
