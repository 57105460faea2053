"""Firth's logistic regression: its closed form, its definition, R, and where likelihood fails."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from extval.stats.firth import firth_logistic
from extval.stats.logistic import logistic_regression
from extval.stats.results import Status

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "firth.json").read_text(encoding="utf-8")
)
CASES = REFERENCE["cases"]


def with_ones(x):
    x = np.asarray(x, dtype=float)
    return np.column_stack((np.ones(len(x)), x))


def penalised(beta, x, y):
    """Return the penalised log-likelihood as it is defined."""
    p = 1 / (1 + np.exp(-(x @ beta)))
    information = x.T @ np.diag(p * (1 - p)) @ x
    likelihood = np.sum(np.log(np.where(y == 1, p, 1 - p)))
    return likelihood + 0.5 * np.log(np.linalg.det(information))


@pytest.mark.parametrize("name", CASES)
def test_r(name):
    case = CASES[name]
    fit = firth_logistic(with_ones(case["x"]), case["y"])
    assert_allclose(fit.coefficients, case["coefficients"], rtol=1e-6)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), case["se"], rtol=1e-6, err_msg="SE")


@pytest.mark.parametrize("name", ["separated", "quasi", "ordinary"])
def test_definition(name):
    x, y = with_ones(CASES[name]["x"]), np.array(CASES[name]["y"])
    fit = firth_logistic(x, y)
    assert_allclose(fit.log_likelihood, penalised(fit.coefficients, x, y), rtol=1e-10)
    found = minimize(
        lambda beta: -penalised(beta, x, y), np.zeros(x.shape[1]), options={"gtol": 1e-8}
    )
    assert_allclose(fit.coefficients, found.x, atol=2e-5)
    assert fit.log_likelihood >= -found.fun - 1e-12


@given(a=st.integers(0, 12), b=st.integers(0, 12), c=st.integers(0, 12), d=st.integers(0, 12))
def test_a_two_by_two_table_gets_half_a_patient_a_cell(a, b, c, d):
    if a + b == 0 or c + d == 0:
        return
    x = with_ones(np.repeat([0.0, 1.0], [a + b, c + d])[:, None])
    y = np.repeat([1, 0, 1, 0], [a, b, c, d])
    odds = np.log((a + 0.5) / (b + 0.5)), np.log((c + 0.5) / (d + 0.5))
    fit = firth_logistic(x, y)
    assert_allclose(fit.coefficients, [odds[0], odds[1] - odds[0]], atol=1e-8)


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 1)), min_size=4, max_size=20),
    st.floats(0.1, 50.0),
    st.floats(-5.0, 5.0),
)
def test_units_and_names_of_the_outcomes(pairs, stretch, shift):
    x = np.array([pair[0] for pair in pairs], dtype=float)
    y = np.array([pair[1] for pair in pairs])
    if np.ptp(x) == 0:
        return
    b = firth_logistic(with_ones(x[:, None]), y).coefficients
    moved = firth_logistic(with_ones((stretch * x + shift)[:, None]), y).coefficients
    assert_allclose(moved[1] * stretch, b[1], rtol=1e-5, atol=1e-7)
    flipped = firth_logistic(with_ones(x[:, None]), 1 - y).coefficients
    assert_allclose(flipped, -b, rtol=1e-6, atol=1e-8)


def test_it_is_finite_where_maximum_likelihood_is_not():
    x, y = with_ones(CASES["separated"]["x"]), CASES["separated"]["y"]
    assert logistic_regression(x, y).status is Status.SEPARATION
    assert np.isfinite(firth_logistic(x, y).coefficients).all()


def test_edges():
    x = with_ones([[1.0], [2.0], [3.0]])
    one_outcome = firth_logistic(x, [1, 1, 1])
    assert one_outcome.status is Status.OK
    assert np.isfinite(one_outcome.coefficients).all()
    assert firth_logistic(np.column_stack((x, x[:, 1])), [0, 1, 0]).status is Status.COLLINEAR
    with pytest.raises(ValueError, match="design"):
        firth_logistic([[np.nan], [1.0]], [0, 1])
