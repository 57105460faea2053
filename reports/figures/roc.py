"""ROC curves."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from extval.reports.figures.axes import QUINTS, Columns, draw_line, dress
from extval.reports.palette import LIGHT_GREY, Look


def plot_roc(curves: Sequence[tuple[Look, Columns]], ax: Axes) -> Axes:
    """Draw ROC curves; the columns are `sensitivity` and `specificity` in order of threshold."""
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
