"""Forest plots: one estimate with its interval a line."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.markers import CARETLEFT, CARETRIGHT
from matplotlib.ticker import FixedLocator, NullLocator

from extval.reports.figures.axes import TickLabels, dress
from extval.reports.palette import GREY, LIGHT_GREY

CENTER, POOL, PREDICTION = "center", "pool", "prediction"


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
    for y, line in enumerate(lines):
        if line.estimate is not None:
            _draw(ax, y, line, color, low_end, high_end)
        if y and (line.kind == CENTER) != (lines[y - 1].kind == CENTER):
            ax.axhline(y - 0.5, color=LIGHT_GREY, linewidth=0.5)
    dress(ax, xlabel=xlabel, xlim=xlim, ylim=(len(lines) - 0.5, -0.5), yticks=())
    if log:
        ax.xaxis.set_major_locator(FixedLocator(_log_ticks(low_end, high_end)))
        ax.xaxis.set_major_formatter(TickLabels())
    if labels:
        ax.set_yticks(range(len(lines)), labels)
        ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax


def _draw(ax: Axes, y: int, line: ForestLine, color: str, low_end: float, high_end: float) -> None:
    """Draw one line of the plot."""
    middle, known = line.estimate, line.lower is not None and line.upper is not None
    if line.lower is not None and line.upper is not None:
        low, high = max(line.lower, low_end), min(line.upper, high_end)
        inside = line.lower >= low_end and line.upper <= high_end
        if line.kind == POOL and inside:
            corners = [(low, y), (middle, y - 0.28), (high, y), (middle, y + 0.28)]
            ax.fill(*zip(*corners, strict=True), color=color, linewidth=0)
            return
        if low <= high:
            thick = 2.2 if line.kind == PREDICTION else 0.9
            ax.plot([low, high], [y, y], color=color, linewidth=thick, solid_capstyle="butt")
        for beyond, end, marker in (
            (line.lower < low_end, low_end, CARETLEFT),
            (line.upper > high_end, high_end, CARETRIGHT),
        ):
            if beyond:
                ax.plot([end], [y], marker=marker, markersize=3, color=color, clip_on=False)
    if line.kind == PREDICTION and known:
        return
    if middle is not None and low_end <= middle <= high_end:
        symbol = "D" if line.kind == POOL else "s"
        ax.plot([middle], [y], marker=symbol, markersize=3.2, color=color)


def _log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers inside the limits of a logarithmic axis."""
    fine = [m * 10.0**e for e in range(-4, 5) for m in (1, 2, 5)]
    inside = [t for t in fine if low <= t <= high]
    if len(inside) < 3:
        more = [m / 10 * 10.0**e for e in range(-3, 4) for m in (6, 8, 10, 12, 15, 20, 30, 40, 50)]
        inside = [t for t in more if low <= t <= high]
    return inside if len(inside) < 7 else [t for t in inside if f"{t:e}"[0] == "1"]
