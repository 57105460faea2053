"""LASSO plots show the numbers of the path and of its cross-validation."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

from extval.features.modelling.lasso_path import cross_validated_lasso
from extval.reports.figures.lasso import plot_lasso_cv, plot_lasso_paths, plot_selection_frequency
from extval.reports.palette import GREY

RNG = np.random.default_rng(4)
X = RNG.normal(size=(60, 12))
Y = X[:, 0] - X[:, 1] + RNG.normal(size=60) > 0
CV = cross_validated_lasso(X, Y, n_folds=5, n_lambda=30)
LOG = np.log(CV.path.lambdas)


@pytest.fixture
def ax():
    return Figure().subplots()


def test_the_curve_has_a_point_and_a_bar_of_one_standard_error_a_lambda(ax):
    bars, points, best, sparse = plot_lasso_cv(CV, ax).lines
    assert_array_equal(points.get_xdata(), LOG)
    assert_array_equal(points.get_ydata(), CV.mean)
    assert_array_equal(bars.get_ydata()[0::3], CV.mean - CV.se)
    assert_array_equal(bars.get_ydata()[1::3], CV.mean + CV.se)
    assert_allclose(best.get_xdata(), np.log(CV.lambda_min))
    assert_allclose(sparse.get_xdata(), np.log(CV.lambda_1se))
    assert ax.get_ylabel() == "Cross-validated deviance"


def test_the_numbers_above_are_those_of_the_coefficients(ax):
    found = {text.get_position()[0]: int(text.get_text()) for text in plot_lasso_cv(CV, ax).texts}
    counts = dict(zip(LOG, CV.path.n_nonzero, strict=True))
    assert found == {x: counts[x] for x in found}
    assert {LOG[0], LOG[-1]} <= set(found)


def test_every_feature_of_the_path_is_a_line_and_the_largest_are_named(ax):
    names = [f"f{j}" for j in range(12)]
    plot_lasso_paths(CV.path, ax, names=names, scale=X.std(axis=0), cv=CV)
    assert len(ax.lines) == np.count_nonzero(CV.path.coefficients.any(axis=0)) + 2
    size = np.abs(CV.path.coefficients * X.std(axis=0))[CV.index_min]
    wanted = [names[j] for j in np.argsort(-size)[:6]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == wanted
    line = next(line for line in ax.lines if line.get_label() == wanted[0])
    j = names.index(wanted[0])
    assert_allclose(line.get_ydata(), CV.path.coefficients[:, j] * X[:, j].std())


def test_without_names_all_paths_are_grey(ax):
    plot_lasso_paths(CV.path, ax)
    assert {line.get_color() for line in ax.lines} == {GREY}
    assert ax.get_legend() is None


def test_frequencies_are_bars_from_the_most_frequent(ax):
    frequency = {"a": 0.2, "b": 1.0, "c": 0.0, "d": 0.6}
    plot_selection_frequency(frequency, ax, kept=["b"], at_most=2)
    assert [bar.get_width() for bar in ax.patches] == [1.0, 0.6]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "d"]
    assert ax.patches[0].get_facecolor() != ax.patches[1].get_facecolor()
    assert ax.yaxis_inverted()


def test_no_feature_was_ever_kept(ax):
    plot_selection_frequency({"a": 0.0}, ax)
    assert not ax.patches
