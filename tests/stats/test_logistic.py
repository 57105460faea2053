"""`extval.stats.logistic.logistic_regression`: definition, invariances, edges (R: calibration)."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import brentq
from scipy.special import expit

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


@st.composite
def tiny_designs(draw):
    """Draw 3 to 12 patients with one to four tied columns, an intercept perhaps among them."""
    n, p = draw(st.integers(3, 12)), draw(st.integers(1, 4))
    cells = draw(st.lists(st.integers(-2, 2), min_size=n * p, max_size=n * p))
    x = np.array(cells, float).reshape(n, p)
    if draw(st.booleans()):
        x[:, 0] = 1.0
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    offset = np.array(draw(st.lists(st.sampled_from([-40.0, 0.0, 1.5]), min_size=n, max_size=n)))
    return x, y, offset


@given(tiny_designs())
def test_every_fit_is_the_maximum_or_has_none(design):
    """Complete and quasi-complete separation are those of a linear program over the patients."""
    x, y, offset = design
    got = logistic_regression(x, y, offset=offset)
    if np.linalg.matrix_rank(x) < x.shape[1]:
        assert got.status in (Status.COLLINEAR, Status.ONE_CLASS)
    elif oracle.separated(x, y):
        assert got.status is (Status.SEPARATION if 0 < y.sum() < y.size else Status.ONE_CLASS)
    else:
        assert not oracle.completely_separated(x, y)
        assert got.status is Status.OK
        # Each residual is 1 - mu or -mu: the score is their sum without cancellation.
        sign = np.where(y == 1, 1.0, -1.0)
        residual = sign * expit(-sign * (x @ got.coefficients + offset))
        assert_allclose(x.T @ residual, 0.0, atol=1e-9)


@given(tiny_designs(), st.integers(-2, 2))
def test_a_complete_separation_is_named(design, cut):
    x, _, _ = design
    x[:, 0] = 1.0
    y = (x[:, 1:].sum(axis=1) > cut + 0.5).astype(int)
    assume(0 < y.sum() < y.size and np.linalg.matrix_rank(x) == x.shape[1])
    assert oracle.completely_separated(x, y)
    assert logistic_regression(x, y).status is Status.SEPARATION


def test_a_separation_behind_an_offset_that_rounds_probabilities_to_one_is_named():
    x = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    found = logistic_regression(x, [1, 1, 0, 1], offset=[-40.0, -40.0, 0.0, 0.0])
    assert found.status is Status.SEPARATION


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6, 1e-8])
def test_a_finite_maximum_is_found_however_far_out(gap):
    """One pair in the wrong order by `gap`; through the origin, the slope solves one equation."""
    x = np.array([-3.0, -1.0, -0.5, gap, -gap, 0.7, 2.0])
    y = np.array([0, 0, 0, 0, 1, 1, 1])
    got = logistic_regression(x[:, None], y)
    sign = np.where(y == 1, 1.0, -1.0)
    wanted = brentq(lambda b: (sign * x * expit(-sign * x * b)).sum(), 0, 1e12, rtol=1e-15)
    assert got.status is Status.OK
    assert_allclose(got.coefficients[0], wanted, rtol=1e-8)
    with_intercept = logistic_regression(np.column_stack([np.ones(7), x]), y)
    assert with_intercept.status is Status.OK and with_intercept.coefficients[1] > 5


@pytest.mark.parametrize("n", [6, 50, 500])
@pytest.mark.parametrize("tie", [0, 1])
def test_uneven_gaps_do_not_hide_a_separation(n, tie):
    """Gaps from 1 to exp(-20), complete or with a tie at the cut, beside a noise column."""
    x = np.exp(-20 * np.arange(n) / n)
    y = (np.arange(n) < n // 2) * 1
    if tie:
        x[n // 2] = x[n // 2 - 1]
    noise = np.random.default_rng(n).normal(size=n)
    for columns in ([np.ones(n), x], [np.ones(n), x, noise], [np.ones(n), x + noise, noise]):
        assert logistic_regression(np.column_stack(columns), y).status is Status.SEPARATION


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
