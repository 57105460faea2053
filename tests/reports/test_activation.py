"""The figure of an activation map: opaque, tinted by the map, with the region's outline."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from extval.features.activation import ActivationMap
from extval.reports.figures.activation import FULL_TINT, HEAT, plot_activation, tinted


def activation(heat):
    region = np.zeros((8, 8), dtype=bool)
    region[2:6, 2:6] = True
    return ActivationMap(
        picture=np.full((8, 8), 0.5, dtype=np.float32),
        region=region,
        heat=heat,
        score=1.0,
        slice_index=3,
        weights="resnet18 with RANDOM weights (seed 1)",
    )


def test_tint_follows_the_map():
    heat = np.zeros((8, 8))
    heat[3, 3], heat[4, 4] = 2.0, 1.0
    colours = tinted(activation(heat))
    assert colours.shape == (8, 8, 3)
    assert colours[0, 0].tolist() == [0.5, 0.5, 0.5]
    full = 0.5 * (1 - FULL_TINT) + np.array(to_rgb(HEAT)) * FULL_TINT
    assert colours[3, 3] == pytest.approx(full)
    assert colours[4, 4] == pytest.approx((full + 0.5) / 2)


def test_a_map_without_heat_is_the_picture():
    assert np.all(tinted(activation(np.zeros((8, 8)))) == 0.5)


def test_the_figure_names_the_weights_and_is_opaque():
    ax = plot_activation(activation(np.ones((8, 8))), Figure().add_subplot())
    assert "RANDOM" in ax.get_xlabel()
    assert ax.images[0].get_alpha() is None
