"""A measure over time, one line a model."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from extval.reports.figures.axes import Columns, draw_line, dress
from extval.reports.palette import LIGHT_GREY, Look


def plot_over_time(
    curves: Sequence[tuple[Look, Columns]],
    ax: Axes,
    *,
    value: str,
    ylabel: str,
    unit: str,
    chance: float | None = None,
) -> Axes:
    """Draw the column `value` against the column `time`; `chance` marks what guessing reaches.

    The columns lower and upper, where there are any, are drawn as thin lines through the points.
    """
    if chance is not None:
        ax.axhline(chance, color=LIGHT_GREY, linewidth=0.6)
    for look, curve in curves:
        points = [
            (t, height)
            for t, height in zip(curve["time"], curve[value], strict=True)
            if height is not None
        ]
        limits = [
            one
            for one in zip(curve["time"], curve["lower"], curve["upper"], strict=True)
            if None not in one
        ]
        if limits:
            ax.vlines(*zip(*limits, strict=True), color=look.color, linewidth=0.4, zorder=1)
        if points:
            times, heights = zip(*points, strict=True)
            draw_line(ax, times, heights, look)
            ax.plot(
                times,
                heights,
                linestyle="none",
                marker=look.marker or "o",
                markersize=2.4,
                color=look.color,
            )
    return dress(ax, xlabel=f"Time ({unit})", ylabel=ylabel)
