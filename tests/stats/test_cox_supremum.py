"""Cox models whose likelihood is monotone, or nearly so: named, or found however far out."""

import json
from math import inf, isnan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq

from extval.stats.cox import cox_regression
from extval.stats.cox_residuals import cox_residuals
from extval.stats.cox_survival import cox_survival
from extval.stats.proportional_hazards import proportional_hazards_test
from extval.stats.results import Status
from tests.oracles import cox as oracle

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "cox_nearly_monotone.json").read_text()
)
NAMED = {Status.NO_EVENTS, Status.UNINFORMATIVE_PREDICTOR, Status.COLLINEAR}


@st.composite
def small_cohorts(draw):
    """Draw 3 to 12 patients with heavy ties, one to three integer covariates, strata and entry."""
    n, p = draw(st.integers(3, 12)), draw(st.integers(1, 3))
    time = draw(st.lists(st.integers(1, 5), min_size=n, max_size=n))
    event = draw(st.lists(st.sampled_from([0, 1, 1]), min_size=n, max_size=n))
    x = draw(st.lists(st.integers(-2, 2), min_size=n * p, max_size=n * p))
    options = {"ties": draw(st.sampled_from(["efron", "breslow"]))}
    if draw(st.booleans()):
        options["strata"] = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    if draw(st.booleans()):
        options["entry"] = [draw(st.integers(0, t - 1)) for t in time]
    return (time, event, np.reshape(x, (n, p)).astype(float)), options


@given(small_cohorts())
def test_every_fit_is_the_maximum_or_has_none(cohort):
    """The order of the covariates decides, by a linear program over all pairs."""
    data, options = cohort
    where = {name: options[name] for name in ("entry", "strata") if name in options}
    fit = cox_regression(*data, **options)
    p = data[2].shape[1]
    rows = oracle.comparisons(*data, **where)
    if np.linalg.matrix_rank(rows) < p or not len(rows):
        assert fit.status in NAMED
        return
    rises = oracle.rising(rows)
    assert fit.status is (Status.MONOTONE_LIKELIHOOD if rises else Status.OK)
    if not rises:
        assert_allclose(oracle.score(fit.coefficients, *data, **options), 0.0, atol=1e-8)
        value = oracle.log_likelihood(fit.coefficients, *data, **options)
        assert_allclose(fit.log_likelihood, value, rtol=1e-10, atol=1e-10)
        return
    for j in range(p):
        sides = [side for side in (-1, 1) if oracle.rising(rows, j, side)]
        assert fit.diverging[j] in (sides or [0])
    assert_array_equal(np.isnan(fit.coefficients), fit.diverging != 0)
    limit = oracle.supremum(rows, *data, **options)
    assert_allclose(fit.log_likelihood, limit, rtol=1e-7, atol=1e-7)


@given(small_cohorts())
def test_profile_limits_are_where_the_definition_says(cohort):
    (time, event, x), options = cohort
    x = x[:, :1]
    fit = cox_regression(time, event, x, **options, method="profile")
    assume(fit.status in (Status.OK, Status.MONOTONE_LIKELIHOOD))
    assert fit.terms[0].status is not Status.PROFILE_UNBOUNDED
    interval = fit.terms[0].log_hazard_ratio.interval
    for limit, side in ((interval.low, -1), (interval.high, 1)):
        if fit.diverging[0] == side:
            assert limit == side * inf
            continue
        value = oracle.log_likelihood([limit], time, event, x, **options)
        drop = 2 * (fit.log_likelihood - value)
        assert_allclose(drop, 1.959963984540054**2, rtol=1e-8)


KINDS = {
    "exact": lambda t, rng: -t[:, None],
    "uneven": lambda t, rng: np.exp(-20 * t / t[-1])[:, None],
    "two": lambda t, rng: np.column_stack([-t, rng.normal(size=t.size)]),
    "two-binary": lambda t, rng: np.column_stack([-t, np.arange(t.size) // 2 % 2]),
    "rotated": lambda t, rng: np.column_stack([-t, rng.normal(size=t.size)]) @ [[1, 2], [-1, 1]],
}


@pytest.mark.parametrize("n", [5, 20, 100, 500])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("design", ["plain", "censored", "strata", "late"])
def test_events_in_the_order_of_a_predictor_are_named(n, kind, design):
    rng = np.random.default_rng([7, n])
    time = np.cumsum(rng.exponential(size=n))
    event, options = np.ones(n), {}
    if design == "censored":
        event = (rng.random(n) < 0.6) * 1.0
        event[0] = 1.0
    if design == "strata":
        options["strata"] = np.arange(n) % 2
    if design == "late":
        options["entry"] = 0.5 * time * rng.random(n)
    x = KINDS[kind](time, rng)
    fit = cox_regression(time, event, x, **options)
    assert fit.status is Status.MONOTONE_LIKELIHOOD
    assert fit.diverging[0] != 0 and isnan(fit.coefficients[0])
    assert_allclose(fit.log_likelihood, 0.0, atol=1e-12)
    assert fit.likelihood_ratio.p_value < 0.2 and fit.score.status is Status.OK
    test = proportional_hazards_test(time, event, x, **options)
    assert test.overall.status is Status.MONOTONE_LIKELIHOOD


def test_thousands_of_uneven_gaps_do_not_hide_the_order():
    """The noise can go either way once the order alone explains everything."""
    rng = np.random.default_rng(1)
    time = np.cumsum(rng.exponential(size=4000))
    fit = cox_regression(time, np.ones(4000), np.column_stack([-time, rng.normal(size=4000)]))
    assert fit.status is Status.MONOTONE_LIKELIHOOD and fit.log_likelihood == 0.0
    assert fit.diverging[0] == 1 and fit.diverging[1] != 0


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda c: f"{c['n']}-{c['gap']}")
def test_one_pair_out_of_order_agrees_with_coxph(case):
    n = case["n"]
    time = np.arange(1.0, n + 1)
    x = -time
    x[n // 2 - 1] = x[n // 2 - 2] + case["gap"]
    fit = cox_regression(time, np.ones(n), x[:, None], method="profile")
    assert fit.status is Status.OK and fit.terms[0].status is Status.NEARLY_MONOTONE
    assert_allclose(fit.coefficients[0], case["coefficient"], rtol=1e-8)
    assert_allclose(fit.covariance[0, 0], case["variance"], rtol=1e-7)
    assert_allclose(fit.log_likelihood, case["loglik"][1], rtol=1e-10)
    interval = fit.terms[0].log_hazard_ratio.interval
    assert 0.0 < interval.low < fit.coefficients[0] < interval.high < inf


@pytest.mark.parametrize("gap", [1e-1, 1e-3, 1e-6])
@pytest.mark.parametrize("n", [4, 60, 400])
def test_a_finite_estimate_is_found_however_far_out(n, gap):
    """All but the first pair are so far apart that only it and the second pair matter."""
    time = np.arange(1.0, n + 1)
    x = -(3.0 ** np.minimum(time, 6)) - time
    x[0] = x[1] - gap
    fit = cox_regression(time, np.ones(n), x[:, None])

    def slope(b):
        """Derivative at b, from differences of x that cannot cancel."""
        total = 0.0
        for i in range(n):
            apart = x[i:] - x[i]
            weight = np.exp(b * (apart - apart.max()))
            total -= (weight * apart).sum() / weight.sum()
        return total

    wanted = brentq(slope, 1e-9, 1e9, xtol=1e-300, rtol=1e-14)
    assert fit.status is Status.OK
    assert_allclose(fit.coefficients[0], wanted, rtol=1e-7)


def test_a_combination_that_diverges_leaves_what_it_does_not_touch():
    """g separates; w and c do not. The columns g + w and g - w diverge, their difference does not.

    The standard error of c must then still count w as estimated.
    """
    rng = np.random.default_rng(2)
    time, g = np.arange(1.0, 41.0), (np.arange(40) < 20) * 1.0
    event = (np.arange(40) < 20) * 1.0
    w, c = rng.normal(size=(2, 40))
    c += 0.5 * w
    plain = cox_regression(time, event, np.column_stack([g, w, c]))
    mixed = cox_regression(time, event, np.column_stack([g + w, g - w, c]))
    assert plain.diverging.tolist() == [1, 0, 0] and mixed.diverging.tolist() == [1, 1, 0]
    assert mixed.terms[2].status is Status.MONOTONE_ELSEWHERE
    assert_allclose(mixed.coefficients[2], plain.coefficients[2], rtol=1e-8)
    assert_allclose(mixed.covariance[2, 2], plain.covariance[2, 2], rtol=1e-7)
    inside = cox_regression(time[:20], np.ones(20), np.column_stack([w, c])[:20])
    assert_allclose(plain.coefficients[1:], inside.coefficients, rtol=1e-8)
    assert_allclose(plain.covariance[1:, 1:], inside.covariance, rtol=1e-7)


def test_a_coefficient_that_can_go_either_way_has_no_limits():
    """With three patients and one event in the corner of both predictors, each alone suffices."""
    fit = cox_regression([1, 2, 2], [1, 0, 0], [[1, 1], [0, 1], [1, 0]], method="profile")
    assert fit.status is Status.MONOTONE_LIKELIHOOD
    free = cox_regression([1, 2, 2], [1, 0, 0], [[1, 0], [0, 0.5], [0, -0.5]], method="profile")
    assert free.diverging.tolist()[0] == 1
    interval = free.terms[1].log_hazard_ratio.interval
    assert (interval.low, interval.high) == (-inf, inf)


def test_what_follows_from_an_extreme_fit_is_named():
    time = np.arange(1.0, 101.0)
    x = -time
    x[49] = x[48] + 0.001
    data = (time, np.ones(100), x[:, None])
    fit = cox_regression(*data)
    (curve,) = cox_survival(*data, fit)
    assert curve.status is Status.RELATIVE_HAZARD_TOO_WIDE and np.isnan(curve.survival).all()
    left = cox_residuals(*data, fit.coefficients)
    assert left.status is Status.RELATIVE_HAZARD_TOO_WIDE and np.isnan(left.martingale).all()
    test = proportional_hazards_test(*data)
    assert test.overall.status is test.status is Status.RELATIVE_HAZARD_TOO_WIDE


def test_an_ordinary_strong_effect_has_no_caution():
    rng = np.random.default_rng(4)
    time = np.arange(1.0, 501.0)
    fit = cox_regression(time, np.ones(500), (-time + 5 * rng.normal(size=500))[:, None])
    assert abs(fit.coefficients[0]) * 500 > 34 and fit.terms[0].status is Status.OK
