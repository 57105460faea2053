"""Cumulative incidence of one cause, or of several, with the limits."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from extval.reports.figures.axes import QUINTS, Columns, dress, hide_bottom
from extval.reports.figures.kaplan_meier import draw_steps, last_time
from extval.reports.palette import Look

TENTHS = (0.0, 0.1, 0.2, 0.3, 0.4)
HEADROOM = 1.02


def plot_cumulative_incidence(
    curves: Sequence[tuple[Look, Columns]],
    ax: Axes,
    *,
    ylabel: str = "Cumulative incidence",
    highest: float = 1.0,
    last: float | None = None,
    times: Sequence[float] = (),
    marks: Sequence[float] = (),
) -> Axes:
    """Draw incidences with their limits, and a tick where patients were censored.

    The columns are time, incidence, lower, upper, censored. `highest` is where the vertical axis
    ends, `last` where that of time does; `times` are its ticks, `marks` are horizons.
    """
    drawn = [(look, _from_start(curve)) for look, curve in curves]
    draw_steps(ax, drawn, "incidence", marks=marks)
    steps = QUINTS if highest > TENTHS[-1] else TENTHS
    dress(
        ax,
        ylabel=ylabel,
        xlim=(0, last_time(drawn, last)),
        ylim=(0, HEADROOM * highest),
        xticks=times or None,
        yticks=[at for at in steps if at <= highest],
    )
    hide_bottom(ax)
    return ax


def axis_end(curves: Sequence[Columns]) -> float:
    """Return where a vertical axis that holds all curves and limits ends: 0.2, 0.4, ... or 1."""
    known = [v for c in curves for name in ("incidence", "upper") for v in c[name] if v is not None]
    top = max(known, default=1.0)
    return next((at for at in QUINTS[1:] if top <= at), 1.0)


def _from_start(curve: Columns) -> Columns:
    """Let a curve begin at time 0, where nobody has had an event."""
    if not len(curve["time"]) or curve["time"][0] <= 0:
        return curve
    start = {"time": 0.0, "incidence": 0.0, "lower": 0.0, "upper": 0.0, "censored": 0}
    return {name: [value, *curve[name]] for name, value in start.items()}
