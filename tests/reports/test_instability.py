"""Instability plots show what the optimism bootstrap found, point by point."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_array_equal

from extval.reports.figures.instability import plot_mape, plot_prediction_instability
from extval.stats.optimism import Instability

PREDICTION = np.array([0.6, 0.2, 0.4])
RESAMPLED = np.array([[0.5, 0.3, 0.4], [np.nan] * 3, [0.7, 0.1, 0.5]])
INSTABILITY = Instability(
    prediction=PREDICTION,
    resampled=RESAMPLED,
    lower=np.array([0.5, 0.1, 0.4]),
    upper=np.array([0.7, 0.3, 0.5]),
    mape=np.array([0.1, 0.1, 0.05]),
)


@pytest.fixture
def ax():
    return Figure().subplots()


def test_every_resampled_prediction_is_a_point_and_undefined_resamples_are_left_out(ax):
    points = plot_prediction_instability(INSTABILITY, ax).lines[0]
    assert_array_equal(points.get_xdata(), np.tile(PREDICTION, 2))
    assert_array_equal(points.get_ydata(), RESAMPLED[[0, 2]].ravel())


def test_the_limits_run_from_the_lowest_to_the_highest_prediction(ax):
    lower, upper = plot_prediction_instability(INSTABILITY, ax).lines[2:]
    assert_array_equal(lower.get_xdata(), [0.2, 0.4, 0.6])
    assert_array_equal(lower.get_ydata(), [0.1, 0.4, 0.5])
    assert_array_equal(upper.get_ydata(), [0.3, 0.5, 0.7])


def test_the_mean_absolute_difference_is_drawn_for_each_patient(ax):
    points = plot_mape(INSTABILITY, ax).lines[0]
    assert_array_equal(points.get_xdata(), PREDICTION)
    assert_array_equal(points.get_ydata(), INSTABILITY.mape)
