"""ROC curves."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from extval.reports.figures.axes import QUINTS, Columns, draw_line, dress
from extval.reports.palette import LIGHT_GREY, Look, tint


def plot_roc(curves: Sequence[tuple[Look, Columns]], ax: Axes) -> Axes:
    """Draw ROC curves; the columns are `sensitivity` and `specificity` in order of threshold."""
    return _dressed(curves, ax)


def plot_roc_band(curve: Columns, band: Columns, look: Look, ax: Axes) -> Axes:
    """Draw the ROC curve of one model with its band: columns specificity, lower and upper."""
    known = [
        (1.0 - specificity, low, high)
        for specificity, low, high in zip(
            band["specificity"], band["lower"], band["upper"], strict=True
        )
        if low is not None and high is not None
    ]
    if known:
        fall_out, low, high = zip(*known, strict=True)
        ax.fill_between(fall_out, low, high, color=tint(look.color), linewidth=0)
    return _dressed([(look, curve)] if curve else [], ax)


def _dressed(curves: Sequence[tuple[Look, Columns]], ax: Axes) -> Axes:
    ax.plot([0, 1], [0, 1], color=LIGHT_GREY, linewidth=0.6)
    for look, curve in curves:
        fall_out = [1.0 - value for value in curve["specificity"]]
        draw_line(ax, fall_out, curve["sensitivity"], look, clip_on=False)
    return dress(
        ax,
        xlabel="1 \u2212 specificity",
        ylabel="Sensitivity",
        xlim=(0, 1),
        ylim=(0, 1),
        xticks=QUINTS,
        yticks=QUINTS,
    )


def plot_precision_recall(curves: Sequence[tuple[Look, Columns]], ax: Axes) -> Axes:
    """Draw precision-recall curves; the grey line is the event rate, which no ranking gives."""
    for look, curve in curves:
        ax.plot([0, 1], [curve["event_rate"][0]] * 2, color=LIGHT_GREY, linewidth=0.6)
        draw_line(ax, curve["recall"], curve["precision"], look, clip_on=False)
    return dress(
        ax,
        xlabel="Recall (sensitivity)",
        ylabel="Precision (PPV)",
        xlim=(0, 1),
        ylim=(0, 1),
        xticks=QUINTS,
        yticks=QUINTS,
    )
