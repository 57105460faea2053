"""Where a deep signature looks: the picture of a region with its activation map."""

from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from extval.features.activation import ActivationMap
from extval.reports.palette import LIGHT_GREY

HEAT = "#CC3311"
WIDEST = 56  # characters of a line below the picture
FULL_TINT = 0.7  # share of the heat's colour where the map is largest


def plot_activation(found: ActivationMap, ax: Axes) -> Axes:
    """Draw the picture in grey, tinted where it raises the score, with the region's outline."""
    ax.imshow(tinted(found), interpolation="nearest")
    ax.contour(found.region.astype(float), levels=[0.5], colors=[LIGHT_GREY], linewidths=0.8)
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel("\n".join(wrap(found.weights, WIDEST)), fontsize=7)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def tinted(found: ActivationMap) -> NDArray[np.float64]:
    """Return the picture as opaque colours of shape (rows, columns, 3), blended beforehand."""
    grey = np.repeat(found.picture[:, :, None].astype(np.float64), 3, axis=2)
    largest = float(found.heat.max())
    share = FULL_TINT * found.heat[:, :, None] / largest if largest > 0 else 0.0
    return np.asarray(grey * (1 - share) + np.array(to_rgb(HEAT)) * share)
