"""Where the axes of calibration and decision curves end."""

import pytest
from matplotlib.figure import Figure

from extval.reports.figures.calibration import end_of_axes, plot_calibration
from extval.reports.figures.decision import plot_decision, plot_decision_difference
from extval.reports.palette import Look

LOOK = Look("#0F4C81", (), "o")


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.mark.parametrize(
    ("predicted", "observed", "end"),
    [
        ([0.0, 0.04], [0.0, 0.01], 0.05),
        ([0.0, 0.04], [0.0, 0.049], 0.1),  # room above the highest point
        ([0.01, 0.2], [None, 0.3], 0.5),
        ([0.01, 0.5], [0.0, 0.1], 1.0),
        ([0.1, 0.9], [0.0, 1.0], 1.0),
    ],
)
def test_low_risks_fill_the_axes(ax, predicted, observed, end):
    curve = {"predicted": predicted, "observed": observed, "lower": [None] * 2, "upper": [None] * 2}
    assert end_of_axes([curve, {}]) == end
    plot_calibration(curve, {}, LOOK, ax, alone=True, end=end)
    assert ax.get_xlim() == ax.get_ylim() == (0.0, end)
    assert list(ax.get_xticks()) == pytest.approx([end * k / 5 for k in range(6)])


def test_without_a_curve_the_axes_are_whole():
    assert end_of_axes([{}, {}]) == 1.0


THRESHOLDS = [k / 100 for k in range(1, 81)]


def curve_up_to(last, name="net_benefit"):
    values = [0.01 if t <= last else 0.0 for t in THRESHOLDS]
    same = {"threshold": THRESHOLDS, "lower": [None] * 80, "upper": [None] * 80}
    return {**same, name: values}


@pytest.mark.parametrize(
    ("last", "at", "end"), [(0.13, None, 0.2), (0.13, 0.3, 0.35), (0.8, None, 0.8), (0.0, 0.3, 0.8)]
)
def test_thresholds_that_nobody_reaches_are_left_out(ax, last, at, end):
    plot_decision([(LOOK, curve_up_to(last))], {}, {}, ax, at=at)
    assert ax.get_xlim() == pytest.approx((0.01, end))
    plot_decision_difference(curve_up_to(last, "difference"), ax, at=at)
    assert ax.get_xlim() == pytest.approx((0.01, end))
