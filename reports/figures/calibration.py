"""Calibration curves, grouped points and the distribution of predictions."""

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes

from extval.reports.figures.axes import (
    Columns,
    draw_line,
    draw_segments,
    dress,
    hide_bottom,
)
from extval.reports.palette import GREY, LIGHT_GREY, Look, tint

ENDS = (0.05, 0.1, 0.25, 0.5)  # where the axes may end if no risk comes near to 1
ROOM = 1.1


def end_of_axes(tables: Iterable[Columns]) -> float:
    """Return where both axes of calibration curves and groups end: 1, or sooner for low risks."""
    names = ("predicted", "observed", "mean_predicted")
    found = [
        value
        for table in tables
        for name in names
        for value in table.get(name, ())
        if value is not None
    ]
    highest = ROOM * max(found, default=1.0)
    return min((end for end in ENDS if end >= highest), default=1.0)


def plot_calibration(
    curve: Columns, groups: Columns, look: Look, ax: Axes, *, alone: bool = False, end: float = 1.0
) -> Axes:
    """Draw one model's flexible curve with its band, and the groups with their limits.

    `curve` has predicted, observed, lower, upper; `groups` has mean_predicted, observed, lower,
    upper. Either may be empty. Unless `alone`, the plot below carries the labels of the axis. Both
    axes go up to `end`.
    """
    if curve and not _missing(curve["lower"]):
        ax.fill_between(
            curve["predicted"],
            _drawn(curve["lower"]),
            _drawn(curve["upper"]),
            color=tint(look.color),
            linewidth=0,
        )
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.5)
    if curve:
        draw_line(ax, curve["predicted"], curve["observed"], Look(look.color, (), ""))
    if groups:
        x, y = groups["mean_predicted"], groups["observed"]
        limits = [
            (at, low, high)
            for at, low, high in zip(x, groups["lower"], groups["upper"], strict=True)
            if low is not None and high is not None
        ]
        draw_segments(
            ax,
            [((at, low), (at, high)) for at, low, high in limits],
            color=look.color,
            linewidth=0.5,
        )
        ax.plot(
            x,
            y,
            linestyle="none",
            marker=look.marker or "o",
            markersize=2.8,
            markerfacecolor="#FFFFFF",
            markeredgecolor=look.color,
            markeredgewidth=0.7,
            clip_on=False,
        )
    _square(ax, end)
    if not alone:
        hide_bottom(ax)
    return ax


def plot_calibration_overlay(
    curves: Sequence[tuple[Look, Columns]], ax: Axes, *, end: float = 1.0
) -> Axes:
    """Draw the flexible curves of several models without bands."""
    ax.plot([0, 1], [0, 1], color=LIGHT_GREY, linewidth=0.6)
    for look, curve in curves:
        draw_line(ax, curve["predicted"], curve["observed"], look)
    return _square(ax, end)


def plot_belt(belt: Columns, look: Look, ax: Axes) -> Axes:
    """Draw a calibration belt; the columns are level, predicted, lower and upper.

    Belts of several levels lie on one another, the highest level at the bottom.
    """
    levels = sorted(set(belt["level"]), reverse=True)
    for depth, level in enumerate(levels, start=1):
        points = [
            point
            for at, *point in zip(
                belt["level"], belt["predicted"], belt["lower"], belt["upper"], strict=True
            )
            if at == level and None not in point
        ]
        if points:
            predicted, lower, upper = zip(*points, strict=True)
            shade = tint(look.color, 0.5 * depth / len(levels))
            ax.fill_between(predicted, lower, upper, color=shade, linewidth=0)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.5)
    return _square(ax, 1.0)


def plot_risk_distribution(
    events: Columns, others: Columns, look: Look, ax: Axes, *, end: float = 1.0
) -> Axes:
    """Draw counts by predicted risk: patients with the event upwards, the others downwards."""
    for table, sign, color in ((events, 1, look.color), (others, -1, "#A6A6A6")):
        if table:
            edges = [*table["bin_low"], table["bin_high"][-1]]
            heights = [sign * count for count in table["count"]]
            ax.stairs(heights, edges, fill=True, color=color, linewidth=0)
    tallest = max([1, *(events.get("count") or ()), *(others.get("count") or ())])
    ax.axhline(0, color=GREY, linewidth=0.4)
    dress(
        ax,
        xlabel="Predicted probability",
        xlim=(0, end),
        ylim=(-1.05 * tallest, 1.05 * tallest),
        xticks=_fifths(end),
        yticks=(),
    )
    ax.spines["left"].set_visible(False)
    return ax


def _square(ax: Axes, end: float) -> Axes:
    return dress(
        ax,
        xlabel="Predicted probability",
        ylabel="Observed proportion",
        xlim=(0, end),
        ylim=(0, end),
        xticks=_fifths(end),
        yticks=_fifths(end),
    )


def _fifths(end: float) -> tuple[float, ...]:
    return tuple(end * fifth / 5 for fifth in range(6))


def _missing(values: Sequence[float | None]) -> bool:
    return all(value is None for value in values)


def _drawn(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]
