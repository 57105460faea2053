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
    """Draw the column `value` against the column `time`; `chance` marks what guessing reaches."""
    if chance is not None:
        ax.axhline(chance, color=LIGHT_GREY, linewidth=0.6)
    for look, curve in curves:
        points = [
            (t, height)
            for t, height in zip(curve["time"], curve[value], strict=True)
            if height is not None
        ]
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
