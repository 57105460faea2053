"""Decision curves."""

from collections.abc import Sequence
from math import ceil

from matplotlib.axes import Axes

from extval.reports.figures.axes import Columns, draw_line, dress
from extval.reports.palette import GREY, LIGHT_GREY, TREAT_ALL, TREAT_NONE, Look, tint

STEP = 0.05  # of thresholds, to which the end of their axis is rounded


def plot_decision(
    curves: Sequence[tuple[Look, Columns]],
    treat_all: Columns,
    treat_none: Columns,
    ax: Axes,
    *,
    at: float | None = None,
    band: bool = False,
) -> Axes:
    """Draw net benefit against threshold probability.

    The columns are threshold, net_benefit, lower and upper. `at` marks the threshold of the
    tables; `band` adds the limits, which is for one model at a time.
    """
    if band:
        for look, curve in curves:
            known = [
                (t, low, high)
                for t, low, high in zip(
                    curve["threshold"], curve["lower"], curve["upper"], strict=True
                )
                if low is not None and high is not None
            ]
            if known:
                t, low, high = zip(*known, strict=True)
                ax.fill_between(t, low, high, color=tint(look.color), linewidth=0)
    if at is not None:
        ax.axvline(at, color=LIGHT_GREY, linewidth=0.6)
    for strategy, look in ((treat_all, TREAT_ALL), (treat_none, TREAT_NONE)):
        if strategy:
            draw_line(ax, strategy["threshold"], strategy["net_benefit"], look, linewidth=0.8)
    top, left, right = 0.0, [], []
    for look, curve in (*curves, (TREAT_ALL, treat_all)):
        if not curve:
            continue
        if curve is not treat_all:
            draw_line(ax, curve["threshold"], curve["net_benefit"], look)
        top = max([top, *(value for value in curve["net_benefit"] if value is not None)])
        if band and curve is not treat_all:
            top = max([top, *(value for value in curve["upper"] if value is not None)])
        left.append(min(curve["threshold"]))
        right.append(max(curve["threshold"]))
    last = _end([curve for _, curve in curves], "net_benefit", right, at)
    top = top or 0.1
    dress(
        ax,
        xlabel="Threshold probability",
        ylabel="Net benefit",
        xlim=(min(left, default=0.0), last),
        ylim=(-0.12 * top, 1.06 * top),
    )
    ax.spines["bottom"].set_color(GREY)
    return ax


def plot_decision_difference(curve: Columns, ax: Axes, *, at: float | None = None) -> Axes:
    """Draw a difference in net benefit, columns threshold, difference, lower and upper."""
    known = [
        (t, low, high)
        for t, low, high in zip(curve["threshold"], curve["lower"], curve["upper"], strict=True)
        if low is not None and high is not None
    ]
    if known:
        t, low, high = zip(*known, strict=True)
        ax.fill_between(t, low, high, color=tint(GREY), linewidth=0)
    if at is not None:
        ax.axvline(at, color=LIGHT_GREY, linewidth=0.6)
    ax.axhline(0.0, color=GREY, linewidth=0.6)
    ax.plot(curve["threshold"], curve["difference"], color="#000000", linewidth=1.0)
    heights = [v for name in ("difference", "lower", "upper") for v in curve[name] if v is not None]
    bottom, top = min([0.0, *heights]), max([0.0, *heights])
    room = 0.08 * (top - bottom) or 0.01
    return dress(
        ax,
        xlabel="Threshold probability",
        ylabel="Difference",
        xlim=(min(curve["threshold"]), _end([curve], "difference", curve["threshold"], at)),
        ylim=(bottom - room, top + room),
    )


def _end(curves: Sequence[Columns], name: str, right: Sequence[float], at: float | None) -> float:
    """Return where the axis of thresholds ends: a little beyond those above which nobody is."""
    reached = [
        threshold
        for curve in curves
        for threshold, value in zip(curve["threshold"], curve[name], strict=True)
        if value
    ]
    last = float(max(right, default=1.0))
    if not reached:
        return last
    beyond = ceil(max([*reached, at or 0.0]) / STEP + 0.5) * STEP
    return float(min(last, beyond))
