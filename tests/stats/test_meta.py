"""`extval.stats.meta` against its definition, its invariances and R metafor."""

import json
from dataclasses import astuple
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit

from extval.stats.meta import leave_one_center_out, pool_centers, probability_beyond
from extval.stats.results import Interval, Status
from tests.oracles import meta as oracle

METAFOR = json.loads((Path(__file__).parents[1] / "reference" / "meta.json").read_text())
NAMES = {"knha": "hartung-knapp", "adhoc": "hartung-knapp-adhoc", "z": "wald"}


@st.composite
def centers(draw, least=2):
    """Draw tied estimates in tenths and standard errors in twentieths."""
    k = draw(st.integers(least, 7))
    y = draw(st.lists(st.integers(-8, 8), min_size=k, max_size=k).filter(lambda y: len(set(y)) > 1))
    se = draw(st.lists(st.integers(1, 12), min_size=k, max_size=k))
    return np.array(y) / 10, np.array(se) / 20


def numbers(pooled):
    """Return every number of a result that does not depend on the order of centres."""
    out = []
    for field in astuple(pooled):
        if isinstance(field, tuple) and len(field) == 3 and field[2] == 0.95:
            out += field[:2]
        elif isinstance(field, float):
            out.append(field)
    return np.array(out)


@given(centers(), st.sampled_from([0.8, 0.95]))
def test_matches_the_definition(study, level):
    y, se = study
    got = pool_centers(y, se, confidence_level=level)
    best = oracle.restricted_log_likelihood(y, se**2, got.tau2)
    assert best >= oracle.restricted_log_likelihood(y, se**2, oracle.reml(y, se**2)) - 1e-10
    mean, std_error, *limits = oracle.pool(y, se**2, got.tau2, level)
    assert_allclose(got.value, mean, atol=1e-14)
    assert_allclose(got.scaled_se, std_error, rtol=1e-11)
    found = [
        got.interval.low,
        got.interval.high,
        got.prediction_interval.low,
        got.prediction_interval.high,
    ]
    assert_allclose(found, limits, rtol=1e-8, atol=1e-10)
    between = [got.tau2_interval.low, got.tau2_interval.high]
    assert_allclose(between, oracle.q_profile(y, se**2, level), rtol=1e-9, atol=1e-12)


@given(centers(), st.randoms(use_true_random=False))
def test_order_of_centres_does_not_matter(study, random):
    y, se = study
    order = list(range(y.size))
    random.shuffle(order)
    got, wanted = pool_centers(y[order], se[order]), pool_centers(y, se)
    assert_allclose(numbers(got), numbers(wanted), rtol=1e-7, atol=1e-9)
    assert_allclose(got.weights, np.array(wanted.weights)[order], rtol=1e-7)


@given(centers(), st.sampled_from([0.25, 8.0]), st.integers(-3, 3))
def test_unit_and_origin_carry_over(study, unit, shift):
    y, se = study
    got, wanted = pool_centers(unit * y + shift, unit * se), pool_centers(y, se)
    assert_allclose(got.value, unit * wanted.value + shift, rtol=1e-9, atol=1e-12)
    assert_allclose(got.tau2, unit**2 * wanted.tau2, rtol=1e-6, atol=1e-10)
    assert_allclose(got.i2, wanted.i2, rtol=1e-6, atol=1e-5)  # per cent; the edge at 0 is flat


@given(centers(), st.integers(0, 3))
def test_centres_without_an_estimate_stay_in_the_counts(study, n_missing):
    y, se = study
    holed = pool_centers(
        np.concatenate([[nan] * n_missing, y]), np.concatenate([[nan] * n_missing, se])
    )
    whole = pool_centers(y, se)
    assert_array_equal(numbers(holed), numbers(whole))
    assert (holed.n_centers, holed.n_not_estimable) == (y.size, n_missing)
    assert np.isnan(holed.weights[:n_missing]).all()
    assert holed.weights[n_missing:] == whole.weights


@given(centers(), st.sampled_from(["log", "logit"]))
def test_scales_are_transforms(study, scale):
    y, se = study
    forward, back = {"log": (np.log, np.exp), "logit": (logit, expit)}[scale]
    value = back(y)
    slope = 1 / value if scale == "log" else 1 / (value * (1 - value))
    plain = pool_centers(forward(value), se)
    for got in (
        pool_centers(value, se / slope, scale=scale),
        pool_centers(value, se, scale=scale, se_scale="scaled"),
    ):
        assert_allclose(got.value, back(plain.value), rtol=1e-8)
        assert_allclose(
            [got.interval.low, got.prediction_interval.high],
            back(np.array([plain.interval.low, plain.prediction_interval.high])),
            rtol=1e-7,
        )
        assert_allclose(got.tau2, plain.tau2, rtol=1e-6, atol=1e-9)


@given(centers(), st.sampled_from(list(NAMES.values())))
def test_probability_beyond_is_the_inverse_of_the_prediction_interval(study, test):
    pooled = pool_centers(*study, test=test)
    low, high = pooled.prediction_interval.low, pooled.prediction_interval.high
    assert_allclose(probability_beyond(pooled, low, side="below"), 0.025, rtol=1e-7)
    assert_allclose(probability_beyond(pooled, high, side="above"), 0.025, rtol=1e-7)
    assert_allclose(
        probability_beyond(pooled, 0.3, side="below"),
        1 - probability_beyond(pooled, 0.3, side="above"),
        atol=1e-12,
    )


@pytest.mark.parametrize("case", METAFOR["cases"], ids=lambda case: case["id"])
def test_agrees_with_metafor(case):
    se = np.sqrt(case["v"])
    for row in case["tests"]:
        got = pool_centers(case["y"], se, test=NAMES[row["test"]], confidence_level=case["level"])
        found = {
            "value": got.value,
            "se": got.scaled_se,
            "statistic": got.statistic,
            "p_value": got.p_value,
            "low": got.interval.low,
            "high": got.interval.high,
            "pi_low": got.prediction_interval.low,
            "pi_high": got.prediction_interval.high,
        }
        wanted = [row[name] for name in found]
        assert_allclose(list(found.values()), wanted, rtol=1e-9, err_msg=row["test"])
    found = {
        "tau2": got.tau2,
        "tau2_se": got.tau2_se,
        "tau2_low": got.tau2_interval.low,
        "tau2_high": got.tau2_interval.high,
        "i2": got.i2,
        "i2_low": got.i2_interval.low,
        "i2_high": got.i2_interval.high,
        "h2": got.h2,
        "q": got.q,
        "q_p_value": got.q_p_value,
        "common": got.common_value,
    }
    assert_allclose(list(found.values()), [case[name] for name in found], rtol=1e-9, atol=1e-14)
    assert_allclose(got.weights, case["weights"], rtol=1e-9)


@pytest.mark.parametrize("case", METAFOR["cases"][:4], ids=lambda case: case["id"])
def test_leave_one_out_agrees_with_metafor(case):
    left = leave_one_center_out(case["y"], np.sqrt(case["v"]))
    assert_allclose([pooled.value for pooled in left], case["leave_one_out"], rtol=1e-8)


def test_reproduces_the_published_bcg_analysis():
    case = METAFOR["cases"][0]
    wald = pool_centers(case["y"], np.sqrt(case["v"]), test="wald")
    knapp = pool_centers(case["y"], np.sqrt(case["v"]))
    # Printed by metafor with its default convergence threshold, which is 7e-8 off in tau2.
    found = [wald.value, wald.scaled_se, wald.tau2, wald.i2]
    assert_allclose(found, [-0.71453235, 0.17978153, 0.31324333, 92.221386], atol=2e-6)
    assert_allclose(wald.prediction_interval.low, -1.8666923, atol=2e-7)
    assert_allclose(wald.prediction_interval.high, 0.43762765, atol=2e-7)
    assert_allclose([knapp.interval.low, knapp.interval.high], [-1.1084437, -0.32062097], atol=1e-7)


def test_higgins_prediction_interval_loses_one_degree_of_freedom():
    y, se = [0.1, 0.5, 0.9, 0.4], [0.1, 0.2, 0.1, 0.2]
    usual = pool_centers(y, se)
    wider = pool_centers(y, se, prediction="k-2")
    assert (usual.prediction_df, wider.prediction_df) == (3, 2)
    assert wider.prediction_interval.high > usual.prediction_interval.high
    assert wider.interval == usual.interval


def test_two_centres_have_no_k_minus_2_prediction():
    pooled = pool_centers([0.1, 0.5], [0.1, 0.1], prediction="k-2")
    assert pooled.status is Status.TOO_FEW_CENTERS_TO_PREDICT
    assert isnan(pooled.prediction_interval.low)
    assert isnan(probability_beyond(pooled, 0.0, side="below"))
    assert np.isfinite([pooled.value, pooled.interval.low, pooled.tau2]).all()


def test_one_centre_is_itself():
    pooled = pool_centers([nan, 1.2, 0.9], [0.1, 0.2, nan], scale="log", se_scale="scaled")
    assert pooled.status is Status.ONE_CENTER
    assert (pooled.n_centers, pooled.n_not_estimable) == (1, 2)
    assert_allclose(pooled.value, 1.2)
    assert_allclose(np.log(pooled.interval.high), np.log(1.2) + 1.959963984540054 * 0.2)
    assert np.isnan([pooled.tau2, pooled.i2, pooled.q, pooled.prediction_interval.low]).all()
    assert isnan(probability_beyond(pooled, 1.0, side="above"))


def test_no_centre_is_said():
    for y, se in (([], []), ([nan], [0.1]), ([0.3], [0.0])):
        pooled = pool_centers(y, se)
        assert pooled.status is Status.NO_CENTER
        assert pooled.n_not_estimable == len(y)
        assert isnan(pooled.value)
        assert isnan(probability_beyond(pooled, 0.5, side="below"))


def test_a_perfect_auc_has_no_logit():
    pooled = pool_centers([1.0, 0.8, 0.7], [0.01, 0.05, 0.05], scale="logit")
    assert (pooled.n_centers, pooled.n_not_estimable) == (2, 1)
    assert isnan(pooled.weights[0])


def test_equal_centres_have_no_hartung_knapp_error():
    pooled = pool_centers([0.1] * 3, [0.1, 0.2, 0.3])
    assert pooled.status is Status.EQUAL_CENTERS
    assert pooled.tau2 == 0
    assert pooled.tau2_interval == Interval(0.0, 0.0, 0.95)
    assert np.isnan([pooled.interval.low, pooled.statistic, pooled.p_value]).all()
    assert_allclose(pooled.value, 0.1)
    adhoc = pool_centers([0.1] * 3, [0.1, 0.2, 0.3], test="hartung-knapp-adhoc")
    assert adhoc.status is Status.OK
    assert adhoc.interval.low < 0.1 < adhoc.interval.high


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pool_centers([0.5], [0.1, 0.2]), r"equally long; got \(1,\) and \(2,\)"),
        (lambda: pool_centers([0.5, 0.6], [0.1, -0.2]), r"`se` .* first at index 1 \(-0.2\)"),
        (lambda: pool_centers([0.5, 1.6], [0.1, 0.2], scale="logit"), r"\[0, 1\] .* index 1 \(1.6"),
        (lambda: pool_centers([0.5], [0.1], scale="probit"), "`scale` must be one of"),
        (lambda: pool_centers([0.5], [0.1], test="t"), "`test` must be one of"),
        (
            lambda: probability_beyond(pool_centers([0.5, 0.6], [0.1, 0.1]), nan, side="below"),
            "`bound` must be finite",
        ),
        (
            lambda: probability_beyond(pool_centers([0.5, 0.6], [0.1, 0.1]), 0.5, side="left"),
            "`side` must be one of",
        ),
    ],
)
def test_errors_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
