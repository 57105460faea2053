"""What all plots share: style, tick labels, dashes. No global setting of matplotlib is touched."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, Formatter, MaxNLocator

from extval.reports import format as fmt
from extval.reports.palette import Look

Columns = Mapping[str, Sequence[Any]]

STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 6.5,
    "axes.labelsize": 6.5,
    "axes.labelpad": 2.5,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.grid": False,
    "figure.facecolor": "none",
    "lines.linewidth": 1.0,
    "lines.scale_dashes": False,
    "xtick.labelsize": 6.0,
    "ytick.labelsize": 6.0,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.2,
    "ytick.major.size": 2.2,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "text.parse_math": False,
    "path.simplify": True,
}
"""Settings for `matplotlib.rc_context` while figures are made and drawn."""

QUINTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class TickLabels(Formatter):
    """Tick labels through the formatting module."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the label of one tick."""
        return fmt.plain(x)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the labels of all ticks of an axis."""
        return fmt.ticks([float(value) for value in values])


def dress(
    ax: Axes,
    *,
    xlabel: str = "",
    ylabel: str = "",
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    xticks: Sequence[float] | None = None,
    yticks: Sequence[float] | None = None,
) -> Axes:
    """Set labels, limits and ticks; return the axes."""
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if xlim is not None:
        ax.set_xlim(*xlim)
    if ylim is not None:
        ax.set_ylim(*ylim)
    for axis, at in ((ax.xaxis, xticks), (ax.yaxis, yticks)):
        axis.set_major_locator(
            MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]) if at is None else FixedLocator(list(at))
        )
        axis.set_major_formatter(TickLabels())
    return ax


def draw_line(ax: Axes, x: Sequence[float], y: Sequence[float], look: Look, **options: Any) -> None:
    """Draw a line in the look of its series."""
    dash = (0, look.dash) if look.dash else "-"
    ax.plot(x, y, color=look.color, linestyle=dash, **options)


def draw_segments(
    ax: Axes,
    segments: Sequence[tuple[tuple[float, float], tuple[float, float]]],
    **options: Any,
) -> None:
    """Draw straight lines from point to point as one artist, with a gap after each."""
    gap = float("nan")
    x = [value for (x0, _), (x1, _) in segments for value in (x0, x1, gap)]
    y = [value for (_, y0), (_, y1) in segments for value in (y0, y1, gap)]
    if segments:
        ax.plot(x, y, **options)


def hide_bottom(ax: Axes) -> None:
    """Take the tick labels off an axis that the plot below shares."""
    ax.tick_params(labelbottom=False)
    ax.set_xlabel("")
