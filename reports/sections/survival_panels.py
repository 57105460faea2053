"""Panels of survival curves: the curves, and the numbers at risk below them."""

from collections.abc import Sequence
from functools import partial

from extval.reports.blocks import Panel, Plot
from extval.reports.figures.kaplan_meier import plot_kaplan_meier, plot_risk_table
from extval.reports.index import Columns, Index
from extval.reports.palette import Look

CURVE_MM, SMALL_MM, RISK_LINE_MM = 46.0, 32.0, 3.6

Curves = list[tuple[str, Look, Columns, Columns]]


def curves_panel(
    index: Index,
    title: str,
    curves: Curves,
    *,
    small: bool = False,
    subtitle: str = "",
    landmark: float | None = None,
) -> Panel:
    """Return one panel; each curve has a name, a look, its points and its numbers at risk.

    The horizons are marked, unless the clock starts at a landmark.
    """
    last = max(max(curve["time"]) for _, _, curve, _ in curves)
    ticks = sorted({t for *_, table in curves for t in table.get("time", ()) if t <= last})
    horizons = index.horizons if landmark is None else ()
    drawn = partial(
        plot_kaplan_meier,
        [(look, curve) for _, look, curve, _ in curves],
        last=last,
        times=ticks,
        marks=[horizon for horizon in horizons if horizon <= last],
    )
    unit = index.unit if landmark is None else f"{index.unit} from the landmark"
    tables = [(name, look, table) for name, look, _, table in curves if table]
    plots = [Plot(drawn, SMALL_MM if small else CURVE_MM)]
    if tables:
        at_risk = partial(plot_risk_table, tables, unit=unit, last=last, events=not small)
        plots.append(Plot(at_risk, RISK_LINE_MM * len(tables)))
    return Panel(title, tuple(plots), subtitle)


def group_names(index: Index, model: str) -> Sequence[str]:
    """Return the risk groups of a model from low to high, whichever cohort they occur in."""
    tables = (index.results.curves.get(kind) for kind in ("kaplan_meier", "cumulative_incidence"))
    seen = {
        name
        for table in tables
        if table
        for owner, name in zip(table["model"], table["group"], strict=True)
        if owner == model and name
    }
    order = {"low": 0, "intermediate": 1, "high": 2}
    return sorted(seen, key=lambda name: (order.get(name, 3), name))
