"""Intercept, slope, O:E and the tests of weak calibration: definition, invariances, R, edges."""

import json
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats.calibration import calibration_intercept, calibration_slope, oe_ratio
from extval.stats.results import Status
from extval.stats.weak_calibration import weak_calibration_tests
from tests.oracles import calibration as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "calibration.json").read_text())["cases"]
RISKS = [0.05, 0.1, 0.2, 0.3, 0.5, 0.6, 0.8, 0.95]


@st.composite
def studies(draw, *, separable=False):
    """Draw outcomes with both classes and heavily tied risks; overlapping unless `separable`."""
    n = draw(st.integers(4, 25))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    p = np.array(draw(st.lists(st.sampled_from(RISKS), min_size=n, max_size=n)))
    assume(0 < y.sum() < n)
    if not separable:
        case, control = p[y == 1], p[y == 0]
        assume(case.min() < control.max() and control.min() < case.max() and np.ptp(p) > 0)
    return y, p


def limits(estimate):
    return [estimate.value, estimate.interval.low, estimate.interval.high]


@given(studies())
def test_intercept_and_slope_match_the_definition(study):
    y, p = study
    a = oracle.intercept_at(y, oracle.logit(p))
    assert_allclose(calibration_intercept(y, p).value, a, rtol=1e-9, atol=1e-11)
    got, (value, se) = calibration_slope(y, p), oracle.slope(y, p)
    assert_allclose([got.value, got.se], [value, se], rtol=1e-8, atol=1e-10)


@given(studies(), st.sampled_from([0.8, 0.95]))
def test_profile_limits_are_the_roots_of_the_profile_deviance(study, level):
    y, p = study
    got = calibration_slope(y, p, method="profile", confidence_level=level).interval
    wanted = oracle.slope_profile(y, p, level)
    assert_allclose([got.low, got.high], wanted, rtol=1e-7, atol=1e-8)  # the oracle's own roots


@given(studies(separable=True), st.sampled_from([0.5, 0.95]))
def test_oe_matches_the_definition(study, level):
    y, p = study
    got = oe_ratio(y, p, confidence_level=level)
    assert_allclose(limits(got), oracle.oe(y, p, level), rtol=1e-12)


@given(studies(separable=True))
def test_the_slope_is_missing_exactly_when_a_linear_programme_separates(study):
    y, p = study
    assume(np.ptp(p) > 0)
    columns = np.column_stack([np.ones(len(p)), oracle.logit(p)])
    got = calibration_slope(y, p)
    assert (got.status is Status.SEPARATION) == oracle.separated(columns, y)
    assert isnan(got.value) == (got.status is Status.SEPARATION)


@given(studies(), st.randoms(use_true_random=False))
def test_the_order_of_patients_does_not_matter(study, random):
    y, p = study
    order = list(range(len(y)))
    random.shuffle(order)
    for statistic in (calibration_intercept, calibration_slope, oe_ratio):
        got, wanted = statistic(y[order], p[order]), statistic(y, p)
        assert_allclose(limits(got), limits(wanted), rtol=1e-9, atol=1e-12)


@given(studies(), st.sampled_from(["wald", "profile"]))
def test_complement_turns_the_intercept_and_keeps_the_slope(study, method):
    y, p = study
    a, b = calibration_intercept(y, p, method=method), calibration_slope(y, p, method=method)
    turned = calibration_intercept(1 - y, 1 - p, method=method)
    assert_allclose(
        [turned.value, turned.interval.low, turned.interval.high],
        [-a.value, -a.interval.high, -a.interval.low],
        rtol=1e-7,
        atol=1e-9,
    )
    again = calibration_slope(1 - y, 1 - p, method=method)
    assert_allclose(limits(again), limits(b), rtol=1e-7, atol=1e-9)


@given(studies())
def test_doubling_the_data_keeps_the_estimates_and_halves_the_variance(study):
    y, p = study
    twice = np.tile(y, 2), np.tile(p, 2)
    for statistic in (calibration_intercept, calibration_slope, oe_ratio):
        once, double = statistic(y, p), statistic(*twice)
        assert_allclose(double.value, once.value, rtol=1e-9, atol=1e-11)
        assert_allclose(double.se * np.sqrt(2), once.se, rtol=1e-9)


@given(studies())
def test_the_tests_of_weak_calibration_add_up_and_match_the_likelihoods(study):
    y, p = study
    tests = weak_calibration_tests(y, p)
    assert_allclose(
        tests.overall.statistic,
        tests.in_the_large.statistic + tests.slope.statistic,
        rtol=1e-9,
        atol=1e-11,
    )
    lp = oracle.logit(p)
    large = oracle.log_likelihood(y, oracle.intercept_at(y, lp) + lp)
    wanted = 2 * (large - oracle.log_likelihood(y, lp))
    assert_allclose(tests.in_the_large.statistic, wanted, rtol=1e-9, atol=1e-11)


@given(studies())
def test_recalibrated_risks_are_weakly_calibrated(study):
    y, p = study
    lp = oracle.logit(p)
    columns = np.column_stack([np.ones(len(lp)), lp])
    coefficients, _, _ = oracle.logistic(columns, y)
    again = 1 / (1 + np.exp(-(columns @ coefficients)))
    assume(again.min() > 1e-6 and again.max() < 1 - 1e-6 and np.ptp(again) > 1e-6)
    assert_allclose(calibration_intercept(y, again).value, 0, atol=1e-8)
    assert_allclose(calibration_slope(y, again).value, 1, rtol=1e-7)
    assert weak_calibration_tests(y, again).overall.p_value > 1 - 1e-6


@pytest.mark.parametrize("case", R, ids=lambda case: case["id"])
def test_agrees_with_r(case):
    y, p = case["y"], case["p"]
    a = calibration_intercept(y, p, method="profile")
    b = calibration_slope(y, p, method="profile", confidence_level=0.9)
    for found, name in ((a, "intercept"), (b, "slope")):
        assert_allclose(found.value, case[name], rtol=1e-10, err_msg=name)
        # glm takes its standard errors from the weights of the last but one iteration
        assert_allclose(found.se, case[f"{name}_se"], rtol=1e-8, err_msg=f"{name}, SE")
        wanted, ends = case[f"{name}_profile"], [found.interval.low, found.interval.high]
        assert_allclose(ends, wanted, rtol=1e-10, err_msg=f"{name}, profile")
    # lrm stops at a change of 0.025 in the deviance, so val.prob's slope is good to seven digits
    assert_allclose(b.value, case["val_prob"]["Slope"], rtol=1e-6, err_msg="val.prob")
    oe = oe_ratio(y, p)
    assert_allclose(limits(oe), [case["oe"], *case["oe_interval"]], rtol=1e-13, err_msg="O:E")
    tests = weak_calibration_tests(y, p)
    for got, name in ((tests.overall, "overall"), (tests.in_the_large, "in_the_large")):
        wanted = case[name]
        assert_allclose(got.statistic, wanted["statistic"], rtol=1e-9, atol=1e-12)
        assert_allclose(got.p_value, wanted["p_value"], rtol=1e-9)
        assert got.df == wanted["df"]
    assert_allclose(tests.slope.p_value, case["slope_test"]["p_value"], rtol=1e-9)
    assert_allclose(tests.overall.statistic, case["val_prob"]["U:Chi-sq"], rtol=1e-9)


@pytest.mark.parametrize(
    ("y", "p", "intercept", "slope"),
    [
        ([0, 0, 0], [0.1, 0.2, 0.3], Status.ONE_CLASS, Status.ONE_CLASS),
        ([1, 1], [0.1, 0.2], Status.ONE_CLASS, Status.ONE_CLASS),
        ([0, 1, 1], [0.0, 0.2, 0.3], Status.LOGIT_UNDEFINED, Status.LOGIT_UNDEFINED),
        ([0, 1, 1], [0.1, 0.2, 1.0], Status.LOGIT_UNDEFINED, Status.LOGIT_UNDEFINED),
        ([0, 1, 0, 1], [0.3] * 4, Status.OK, Status.CONSTANT_PREDICTION),
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], Status.OK, Status.SEPARATION),
        ([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.4], Status.OK, Status.SEPARATION),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], Status.OK, Status.SEPARATION),
        ([], [], Status.NO_PATIENTS, Status.NO_PATIENTS),
    ],
)
def test_what_has_no_estimate_has_a_sentence(y, p, intercept, slope):
    a, b, tests = calibration_intercept(y, p), calibration_slope(y, p), weak_calibration_tests(y, p)
    assert (a.status, b.status) == (intercept, slope)
    for estimate in (a, b):
        defined = estimate.status is Status.OK
        assert np.isfinite([*limits(estimate), estimate.se]).all() == defined
        assert np.isnan([*limits(estimate), estimate.se]).all() != defined
    assert (tests.overall.status, tests.in_the_large.status) == (slope, intercept)
    assert isnan(tests.overall.p_value) == (slope is not Status.OK)


@pytest.mark.parametrize(("y", "low"), [([0, 0, 0, 0], 0.0), ([1, 1, 1, 1], None)])
def test_oe_without_events_or_non_events_has_exact_limits(y, low):
    got = oe_ratio(y, [0.1, 0.2, 0.3, 0.4])
    assert got.status is Status.EXACT_LIMITS_FOR_OE and isnan(got.se)
    assert got.value == sum(y) / 1.0
    assert (got.interval.low == 0.0) == (low == 0.0)
    assert got.interval.low <= got.value <= got.interval.high


def test_oe_of_risks_that_are_all_zero_is_undefined():
    got = oe_ratio([0, 1], [0.0, 0.0])
    assert got.status is Status.NO_EXPECTED_EVENTS and isnan(got.value)
    assert oe_ratio([0, 1, 1], [0.0, 1.0, 1.0]).value == 1.0


def test_predictions_near_zero_keep_an_intercept():
    got = calibration_intercept([0, 1, 1], [1e-300, 1e-300, 1e-290], method="profile")
    assert got.status is Status.OK and got.interval.low < got.value < got.interval.high


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calibration_slope([0, 2], [0.1, 0.2]), r"`y_true` must hold only 0 and 1; 1 of 2"),
        (lambda: oe_ratio([0, 1], [0.1, 1.2]), r"`y_prob` must lie in \[0, 1\]; 1 of 2 .* index 1"),
        (lambda: oe_ratio([0, 1], [0.1]), r"`y_prob` must have shape \(2,\); got \(1,\)"),
        (
            lambda: calibration_slope([0, 1], [0.1, 0.2], method="exact"),
            "`method` must be one of wald, profile; got 'exact'",
        ),
        (
            lambda: calibration_intercept([0, 1], [0.1, 0.2], confidence_level=95),
            r"`confidence_level` must lie in \(0, 1\); got 95",
        ),
    ],
)
def test_errors_name_the_argument_the_value_and_the_place(call, message):
    with pytest.raises(ValueError, match=message):
        call()
