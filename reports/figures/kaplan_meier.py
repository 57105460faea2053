"""Kaplan-Meier curves and the numbers at risk below them."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from extval.reports import format as fmt
from extval.reports.figures.axes import QUINTS, Columns, draw_line, dress, hide_bottom
from extval.reports.palette import LIGHT_GREY, Look, tint


def plot_kaplan_meier(
    curves: Sequence[tuple[Look, Columns]],
    ax: Axes,
    *,
    ylabel: str = "Event-free probability",
    last: float | None = None,
    times: Sequence[float] = (),
    marks: Sequence[float] = (),
) -> Axes:
    """Draw survival with its limits, and a tick where patients were censored.

    The columns are time, survival, lower, upper, censored. `times` are the ticks, `last` is where
    the axis ends, `marks` are horizons.
    """
    drawn = [(look, _from_start(curve)) for look, curve in curves]
    draw_steps(ax, drawn, "survival", marks=marks)
    dress(
        ax,
        ylabel=ylabel,
        xlim=(0, last_time(drawn, last)),
        ylim=(0, 1.02),
        xticks=times or None,
        yticks=QUINTS,
    )
    hide_bottom(ax)
    return ax


def draw_steps(
    ax: Axes,
    curves: Sequence[tuple[Look, Columns]],
    column: str,
    *,
    marks: Sequence[float] = (),
) -> None:
    """Draw the steps of `column` with their limits, and a tick where patients were censored.

    `marks` are horizons.
    """
    for mark in marks:
        ax.axvline(mark, color=LIGHT_GREY, linewidth=0.6)
    edges: list[tuple[Sequence[float], Sequence[float], str]] = []
    for look, curve in curves:
        known = [
            (t, low, high)
            for t, low, high in zip(curve["time"], curve["lower"], curve["upper"], strict=True)
            if low is not None and high is not None
        ]
        if known:
            at, low, high = zip(*known, strict=True)
            ax.fill_between(at, low, high, step="post", color=tint(look.color, 0.13), linewidth=0)
            edges += [(at, limit, tint(look.color, 0.4)) for limit in (low, high)]
    for t, limit, color in edges:  # a band may lie below another one; its edges never do
        ax.step(t, limit, where="post", color=color, linewidth=0.4)
    for look, curve in curves:
        draw_line(ax, curve["time"], curve[column], look, drawstyle="steps-post")
        censored = [
            (t, s)
            for t, s, c in zip(curve["time"], curve[column], curve["censored"], strict=True)
            if c and s is not None
        ]
        if censored:
            t, s = zip(*censored, strict=True)
            ax.plot(
                t,
                s,
                linestyle="none",
                marker="|",
                markersize=3,
                markeredgewidth=0.4,
                color=look.color,
            )


def last_time(curves: Sequence[tuple[Look, Columns]], last: float | None) -> float:
    """Return where the axis of time ends: at `last`, else at the last time, else at 1."""
    return last or max((max(c["time"]) for _, c in curves if len(c["time"])), default=1.0) or 1.0


def plot_risk_table(
    groups: Sequence[tuple[str, Look, Columns]],
    ax: Axes,
    *,
    unit: str,
    last: float | None = None,
    events: bool = True,
) -> Axes:
    """Write the numbers at risk under the curves, with the events so far if `events`.

    The columns are time, at_risk and events.
    """
    times: list[float] = sorted({t for _, _, table in groups for t in table["time"]})
    end = last or max(times, default=1.0) or 1.0
    for line, (name, look, table) in enumerate(groups):
        ax.annotate(
            name,
            xy=(0.0, line),
            xycoords=("axes fraction", "data"),
            xytext=(-14.0 if events else -9.0, 0.0),
            textcoords="offset points",
            ha="right",
            va="center_baseline",
            size=5.5,
            color=look.color,
        )
        columns = zip(table["time"], table["at_risk"], table["events"], strict=True)
        for t, at_risk, so_far in columns:
            if t <= end:
                text = fmt.integer(at_risk) + (f" ({fmt.integer(so_far)})" if events else "")
                ax.text(
                    t, line, text, ha="center", va="center_baseline", size=5.5, color=look.color
                )
    ax.set_ylim(len(groups) - 0.4, -0.6)
    dress(
        ax,
        xlabel=f"Time ({unit})",
        xlim=(0, end),
        xticks=[t for t in times if t <= end],
        yticks=(),
    )
    ax.spines["left"].set_visible(False)
    return ax


def _from_start(curve: Columns) -> Columns:
    """Let a curve begin at time 0, where everybody is event-free."""
    if not len(curve["time"]) or curve["time"][0] <= 0:
        return curve
    start = {"time": 0.0, "survival": 1.0, "lower": 1.0, "upper": 1.0, "censored": 0}
    return {name: [value, *curve[name]] for name, value in start.items()}
