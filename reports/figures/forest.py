"""Forest plots: one estimate with its interval a line."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.markers import CARETLEFT, CARETRIGHT
from matplotlib.ticker import FixedLocator, NullLocator

from extval.reports.figures.axes import TickLabels, draw_segments, dress
from extval.reports.palette import GREY, LIGHT_GREY

CENTER, POOL, PREDICTION = "center", "pool", "prediction"
LEAST_TICKS, MOST_TICKS = 3, 6


@dataclass(frozen=True, slots=True)
class ForestLine:
    """An estimate with its limits, None where it is not estimable.

    `kind` is `CENTER` (a square), `POOL` (a diamond) or `PREDICTION` (a bar without an estimate).
    """

    estimate: float | None
    lower: float | None
    upper: float | None
    kind: str = CENTER


def plot_forest(
    lines: Sequence[ForestLine],
    ax: Axes,
    *,
    color: str,
    xlabel: str,
    xlim: tuple[float, float],
    ideal: float | None = None,
    log: bool = False,
    labels: Sequence[str] = (),
) -> Axes:
    """Draw the lines from the top, evenly spaced; limits beyond `xlim` end in an arrow.

    `labels` name the lines at the left; without them the caller prints the names.
    """
    low_end, high_end = xlim
    if log:
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
    if ideal is not None and low_end <= ideal <= high_end:
        ax.axvline(ideal, color=GREY, linewidth=0.5)
    for y in range(1, len(lines)):
        if (lines[y].kind == CENTER) != (lines[y - 1].kind == CENTER):
            ax.axhline(y - 0.5, color=LIGHT_GREY, linewidth=0.5)
    _draw_limits(ax, lines, color, xlim)
    _draw_estimates(ax, lines, color, xlim)
    dress(ax, xlabel=xlabel, xlim=xlim, ylim=(len(lines) - 0.5, -0.5), yticks=())
    if log:
        ax.xaxis.set_major_locator(FixedLocator(_log_ticks(low_end, high_end)))
        ax.xaxis.set_major_formatter(TickLabels())
    if labels:
        ax.set_yticks(range(len(lines)), labels)
        ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax


def _draw_limits(
    ax: Axes, lines: Sequence[ForestLine], color: str, xlim: tuple[float, float]
) -> None:
    """Draw the intervals; an arrow where one goes on beyond the axis."""
    first, last = xlim
    for kinds, thick in (((CENTER, POOL), 0.9), ((PREDICTION,), 2.2)):
        segments = []
        for y, line in enumerate(lines):
            if line.lower is None or line.upper is None or line.kind not in kinds:
                continue
            low, high = max(line.lower, first), min(line.upper, last)
            if low <= high and not _is_diamond(line, xlim):
                segments.append(((low, y), (high, y)))
            for beyond, end, marker in (
                (line.lower < first, first, CARETLEFT),
                (line.upper > last, last, CARETRIGHT),
            ):
                if beyond:
                    ax.plot([end], [y], marker=marker, markersize=3, color=color, clip_on=False)
        draw_segments(ax, segments, color=color, linewidth=thick, solid_capstyle="butt")


def _draw_estimates(
    ax: Axes, lines: Sequence[ForestLine], color: str, xlim: tuple[float, float]
) -> None:
    """Draw squares, and diamonds as wide as their intervals."""
    squares: dict[str, list[tuple[float, float]]] = {"s": [], "D": []}
    for y, line in enumerate(lines):
        middle, known = line.estimate, line.lower is not None
        if middle is None or (line.kind == PREDICTION and known):
            continue
        if _is_diamond(line, xlim):
            corners = [(line.lower, y), (middle, y - 0.28), (line.upper, y), (middle, y + 0.28)]
            ax.fill(*zip(*corners, strict=True), color=color, linewidth=0)
        elif xlim[0] <= middle <= xlim[1]:
            squares["D" if line.kind == POOL else "s"].append((middle, float(y)))
    for symbol, points in squares.items():
        if points:
            x, y_all = zip(*points, strict=True)
            ax.plot(x, y_all, linestyle="none", marker=symbol, markersize=3.2, color=color)


def _is_diamond(line: ForestLine, xlim: tuple[float, float]) -> bool:
    """Return whether a pooled estimate is drawn as a diamond: all of it is inside the axis."""
    if line.kind != POOL or line.estimate is None or line.lower is None or line.upper is None:
        return False
    return line.lower >= xlim[0] and line.upper <= xlim[1]


def _log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers inside the limits of a logarithmic axis."""
    for steps in ((1, 2, 5), (1, 3), (1,)):
        found = [m * 10.0**e for e in range(-4, 5) for m in steps if low <= m * 10.0**e <= high]
        if len(found) <= MOST_TICKS:
            break
    if len(found) >= LEAST_TICKS:
        return found
    fine = (6, 8, 10, 12, 15, 20, 30, 40, 50)
    return [m * 10.0**e for e in range(-5, 4) for m in fine if low <= m * 10.0**e <= high]
