"""Instability of a model: how far its predictions move when it is developed again.

The plots of Riley and Collins (2023, doi 10.1002/bimj.202200302) of the models that the optimism
bootstrap fitted.
"""

import numpy as np
from matplotlib.axes import Axes

from extval.reports.figures.axes import QUINTS, dress
from extval.reports.palette import BLACK, GREY, LIGHT_GREY
from extval.stats.optimism import Instability


def plot_prediction_instability(instability: Instability, ax: Axes) -> Axes:
    """Draw each patient's predictions by the resampled models over that by the model itself.

    The lines are the pointwise limits of the resampled predictions.
    """
    known = instability.resampled[~np.isnan(instability.resampled).any(axis=1)]
    original = np.broadcast_to(instability.prediction, known.shape)
    ax.plot(original.ravel(), known.ravel(), linestyle="", marker=".", markersize=0.8, color=GREY)
    ax.plot([0, 1], [0, 1], color=LIGHT_GREY, linewidth=0.6)
    order = np.argsort(instability.prediction, kind="stable")
    for limit in (instability.lower, instability.upper):
        ax.plot(
            instability.prediction[order],
            limit[order],
            color=BLACK,
            linewidth=0.8,
            dashes=(3.0, 1.5),
        )
    return dress(
        ax,
        xlabel="Predicted probability, developed model",
        ylabel="Predicted probability, resampled models",
        xlim=(0, 1),
        ylim=(0, 1),
        xticks=QUINTS,
        yticks=QUINTS,
    )


def plot_mape(instability: Instability, ax: Axes) -> Axes:
    """Draw each patient's mean absolute prediction error over the predicted probability."""
    ax.plot(
        instability.prediction,
        instability.mape,
        linestyle="",
        marker="o",
        markersize=2.0,
        markerfacecolor="none",
        markeredgewidth=0.5,
        color=BLACK,
    )
    return dress(
        ax,
        xlabel="Predicted probability, developed model",
        ylabel="Mean absolute difference of resampled models",
        xlim=(0, 1),
        ylim=(0, max(0.1, float(np.nanmax(instability.mape)) * 1.05)),
        xticks=QUINTS,
    )
