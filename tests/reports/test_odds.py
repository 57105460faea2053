"""The forest plot of ratios: lines of a model, both intervals where they belong, and edges."""

from math import inf, log, nan

import numpy as np
import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from extval.features.modelling.outcome import survival
from extval.features.modelling.regression import RegressionModel
from extval.reports.figures.axes import STYLE
from extval.reports.figures.odds import (
    HEADING,
    REFERENCE,
    RatioLine,
    plot_ratios,
    ratio_lines,
    ratios_height_mm,
)
from extval.reports.palette import GREY

COLOR = "#004488"


def drawn(lines, width_mm=180.0, **options):
    with rc_context(STYLE):
        size = (width_mm / 25.4, ratios_height_mm(len(lines)) / 25.4)
        figure = Figure(figsize=size, dpi=72)
        return plot_ratios(lines, figure.add_axes((0, 0, 1, 1)), **options)


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "size": rng.gamma(4, 3, 90),
            "stage": rng.choice(["T1", "T2", "T3"], 90),
            "sex": rng.choice(["female", "male"], 90),
        }
    )
    predictors = {"big": {"column": "size", "above": 10}, "size": None, "stage": None, "sex": None}
    y = survival(rng.exponential(10, 90), rng.random(90) < 0.7)
    return RegressionModel("cox", predictors).fit(table, y)


def test_lines_of_a_model(model):
    lines = ratio_lines(model, {"big": "Tumour size (cm)", "stage": "T stage", "sex": "Sex"})
    wanted = ["Tumour size (cm) > 10", "size", "T stage", "T1", "T2", "T3", "Sex: male vs female"]
    assert [line.label for line in lines] == wanted
    assert [line.role for line in lines][2:4] == [HEADING, REFERENCE]
    estimates = [line for line in lines if line.role == "ratio"]
    assert_allclose([line.ratio for line in estimates], model.table_["ratio"])
    assert_allclose([line.profile for line in estimates], model.table_.iloc[:, 6:8])
    assert_allclose([line.wald for line in estimates], model.table_.iloc[:, 4:6])


def test_both_intervals_are_drawn_to_scale():
    lines = [RatioLine("a", 2.0, (0.8, 5.0), (0.9, 5.5), 0.04), RatioLine("b", 0.5, (0.25, 1.0))]
    ax = drawn(lines, kind="odds")
    squares = [line for line in ax.lines if line.get_marker() == "s"]
    (two,), (half,) = (line.get_xdata() for line in squares)
    unit = (two - half) / log(4)
    for color, (low, high) in ((COLOR, (0.9, 5.5)), (GREY, (0.8, 5.0))):
        ends = [
            line.get_xdata()[:2]
            for line in ax.lines
            if line.get_color() == color and np.ptp(line.get_ydata()[:2]) == 0
        ]
        assert_allclose(ends[0], two + unit * np.log([low / 2, high / 2]), rtol=1e-9)
    shown = texts(ax)
    for text in ("Odds ratio", "Profile 95% CI", "Wald 95% CI", "2.00", "0.80 to 5.00", "0.040"):
        assert text in shown


def test_limits_beyond_the_axis_end_in_an_arrow():
    lines = [RatioLine("a", 30.0, (2.0, 900.0), (1.5, inf), 0.01)]
    ax = drawn(lines)
    arrows = [line for line in ax.lines if line.get_marker() not in ("None", "s", None)]
    assert len(arrows) == 2
    assert max(line.get_xdata()[0] for line in arrows) <= ax.get_xlim()[1]


def test_what_is_not_estimable_is_said():
    ax = drawn([RatioLine("a"), RatioLine("b", nan, (nan, nan), (2.0, inf))])
    assert texts(ax).count("not estimable") == 2
    assert not [line for line in ax.lines if line.get_marker() == "s"]
    assert drawn([]) is not None


def test_no_text_touches_another(model):
    ax = drawn(ratio_lines(model), kind="hazard")
    boxes = [text.get_window_extent() for text in ax.texts]
    for i, one in enumerate(boxes):
        assert one.x1 <= ax.bbox.x1 + 1.0
        for two in boxes[:i]:
            apart = one.x0 >= two.x1 or two.x0 >= one.x1 or one.y0 >= two.y1 or two.y0 >= one.y1
            assert apart
