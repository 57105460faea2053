"""`extval.stats.logistic.logistic_regression`: definition, invariances, edges (R: calibration)."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats.logistic import logistic_regression
from extval.stats.results import Status
from tests.oracles import calibration as oracle


@st.composite
def designs(draw):
    """Draw an intercept and one or two small integer columns, with outcomes and an offset."""
    n, p = draw(st.integers(4, 14)), draw(st.integers(1, 2))
    cells = draw(st.lists(st.integers(-2, 2), min_size=n * p, max_size=n * p))
    x = np.column_stack([np.ones(n), np.array(cells, float).reshape(n, p)])
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    assume(0 < y.sum() < n and np.linalg.matrix_rank(x) == p + 1)
    offset = np.array(draw(st.lists(st.sampled_from([-1.0, 0.0, 0.5]), min_size=n, max_size=n)))
    return x, y, offset


@given(designs())
def test_matches_dense_newton_steps_and_names_separation(design):
    x, y, offset = design
    got = logistic_regression(x, y, offset=offset)
    if oracle.separated(x, y):
        assert got.status is Status.SEPARATION
        assert np.isnan(got.coefficients).all() and np.isnan(got.covariance).all()
        return
    assert got.status is Status.OK
    coefficients, covariance, log_likelihood = oracle.logistic(x, y, offset)
    assert_allclose(got.coefficients, coefficients, rtol=1e-8, atol=1e-10)
    assert_allclose(got.covariance, covariance, rtol=1e-7, atol=1e-9)
    assert_allclose(got.log_likelihood, log_likelihood, rtol=1e-10)


@given(designs(), st.data())
def test_a_weight_of_k_is_k_rows(design, data):
    x, y, offset = design
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(y), max_size=len(y))))
    assume(weights.sum() > 0)
    rows = np.repeat(np.arange(len(y)), weights)
    got = logistic_regression(x, y, offset=offset, weights=weights)
    wanted = logistic_regression(x[rows], y[rows], offset=offset[rows])
    assert got.status is wanted.status
    assert_allclose(got.coefficients, wanted.coefficients, rtol=1e-9, atol=1e-11)
    assert_allclose(got.covariance, wanted.covariance, rtol=1e-8, atol=1e-10)


@given(designs(), st.sampled_from([1e-6, 1e6]))
def test_the_unit_of_a_column_does_not_matter(design, unit):
    x, y, offset = design
    scaled = x.copy()
    scaled[:, 1] *= unit
    got = logistic_regression(scaled, y, offset=offset)
    wanted = logistic_regression(x, y, offset=offset)
    assert got.status is wanted.status
    assert_allclose(got.coefficients[1] * unit, wanted.coefficients[1], rtol=1e-9, atol=1e-12)


ONES = [[1.0]] * 4


@pytest.mark.parametrize(
    ("x", "y", "status"),
    [
        (ONES, [0, 0, 0, 0], Status.ONE_CLASS),
        (ONES, [1, 1, 1, 1], Status.ONE_CLASS),
        ([[1, 1], [1, 1], [1, 1], [1, 1]], [0, 1, 0, 1], Status.COLLINEAR),
        ([[1, 0], [1, 0], [1, 0], [1, 0]], [0, 1, 0, 1], Status.COLLINEAR),
        ([[1, 0], [1, 1], [1, 2], [1, 3]], [0, 0, 1, 1], Status.SEPARATION),
        ([[1, 0], [1, 1], [1, 1], [1, 3]], [0, 0, 1, 1], Status.SEPARATION),
        ([[1, 0], [1, 0], [1, 1], [1, 1]], [0, 1, 1, 1], Status.SEPARATION),
        (np.empty((0, 1)), [], Status.NO_PATIENTS),
    ],
)
def test_what_has_no_maximum_is_named(x, y, status):
    got = logistic_regression(x, y)
    assert got.status is status
    assert np.isnan(got.coefficients).all() and got.events == sum(y)


def test_an_extreme_predictor_is_not_taken_for_separation():
    x = np.column_stack([np.ones(8), [0, 1, 2, 3, 4, 5, 6, 1000.0]])
    got = logistic_regression(x, [0, 1, 0, 1, 0, 1, 1, 1])
    assert got.status is Status.OK and abs(got.coefficients[1]) < 10


def test_errors_name_row_and_column():
    with pytest.raises(ValueError, match=r"`design` must be finite; 1 of 4 .* row 1, column 0"):
        logistic_regression([[1, 2], [np.nan, 3]], [0, 1])
    with pytest.raises(ValueError, match=r"`design` must have shape \(3, columns\); got \(2, 2\)"):
        logistic_regression([[1, 2], [1, 3]], [0, 1, 1])
    with pytest.raises(ValueError, match="`weights` must not be negative; 1 of 2"):
        logistic_regression([[1], [1]], [0, 1], weights=[1, -1])
