"""Survival decision curves and net benefit against definitions, invariances, R and edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats._resampling import replicate_key, resample_counts
from extval.stats.decision import decision_curve, net_benefit
from extval.stats.results import Status
from extval.stats.survival_decision import (
    survival_decision_curve,
    survival_decision_curve_difference,
)
from extval.stats.survival_net_benefit import (
    survival_net_benefit,
    survival_net_benefit_difference,
)
from tests.oracles import ipcw as oracle
from tests.stats.censored_patients import CASES, COMPETING, patients, shuffled

HORIZONS = st.sampled_from([0.0, 1.0, 2.5, 4.0, 6.0, 9.0])
GRID = [0.0, 0.1, 0.3, 0.5, 0.7, 0.95]


@given(patients(kinds=3), HORIZONS)
def test_matches_the_definition(data, horizon):
    time, kind, _, (a, b) = data
    curve = survival_decision_curve(time, kind, [a, b], horizon=horizon, thresholds=GRID, cause=1)
    if oracle.weights(time, kind, horizon) is None:
        assert curve.status is Status.BEYOND_FOLLOW_UP
        assert np.isnan(curve.net_benefit).all() and np.isnan(curve.treat_all).all()
        return
    wanted = [[oracle.net_benefit(time, kind, r, t, horizon) for t in GRID] for r in (a, b)]
    assert_allclose(curve.net_benefit, np.array(wanted, float), rtol=1e-11, atol=1e-13)
    everyone = [oracle.net_benefit(time, kind, np.ones(time.size), t, horizon) for t in GRID]
    assert_allclose(curve.treat_all, everyone, rtol=1e-11, atol=1e-13)
    missing = None in wanted[0] + wanted[1]
    assert (curve.status is Status.SOME_THRESHOLDS_UNDEFINED) == missing
    rates = curve.true_positive_rate - np.array(GRID) / (1 - np.array(GRID)) * (
        curve.false_positive_rate
    )
    assert_allclose(rates, curve.net_benefit, atol=1e-13)
    difference = survival_decision_curve_difference(
        time, kind, a, b, horizon=horizon, thresholds=GRID, cause=1
    )
    assert_allclose(difference.difference, curve.net_benefit[0] - curve.net_benefit[1], atol=1e-14)


@given(patients(most=10, kinds=3), HORIZONS, st.sampled_from(GRID))
def test_one_threshold_and_its_influence_function(data, horizon, threshold):
    time, kind, _, (a, b) = data
    arguments = {"threshold": threshold, "horizon": horizon, "cause": 1}
    found = survival_net_benefit(time, kind, a, **arguments)
    curve = survival_decision_curve(
        time, kind, [a, b], horizon=horizon, thresholds=[threshold], cause=1
    )
    assert_allclose(found.value, curve.net_benefit[0, 0], rtol=1e-11, atol=1e-13)
    test = survival_net_benefit_difference(time, kind, a, b, **arguments)
    assert_allclose(test.difference, curve.net_benefit[0, 0] - curve.net_benefit[1, 0], atol=1e-13)
    if np.isnan(found.value):
        assert found.status in {Status.BEYOND_FOLLOW_UP, Status.POSITIVES_NOT_FOLLOWED}
        return
    treated = a >= threshold
    own_time, own_kind = time[treated], kind[treated]
    odds = threshold / (1 - threshold)
    contribution = np.zeros(time.size)
    if treated.any():
        case = oracle.is_case(own_time, own_kind, horizon)
        mean, influence = oracle.influence_of_mean(own_time, own_kind, horizon, case)
        contribution[treated] = (1 + odds) * (np.array(influence) + mean) - odds
    if time.size > 1:
        se = oracle.standard_error(contribution)
        assert_allclose(found.se, se if se > 1e-11 * (1 + odds) else 0.0, rtol=1e-8)


@given(patients(least=2), HORIZONS)
def test_without_censoring_it_is_the_binary_curve(data, horizon):
    time, _, _, (a, b) = data
    events = np.ones(time.size)
    found = survival_decision_curve(time, events, [a, b], horizon=horizon, thresholds=GRID)
    binary = decision_curve(time <= horizon, [a, b], thresholds=GRID)
    for name in ("net_benefit", "treat_all", "standardized", "interventions_avoided"):
        assert_allclose(getattr(found, name), getattr(binary, name), rtol=1e-9, atol=1e-12)
    one = survival_net_benefit(time, events, a, threshold=0.3, horizon=horizon)
    plain = net_benefit(time <= horizon, a, threshold=0.3)
    assert_allclose(one.value, plain.value, atol=1e-13)
    if one.status is Status.OK:
        assert_allclose(one.se, plain.se, rtol=1e-9)


@given(patients(kinds=3), HORIZONS, st.randoms(use_true_random=False))
def test_order_of_patients_does_not_matter(data, horizon, random):
    time, kind, _, risks = data
    order = list(range(time.size))
    random.shuffle(order)
    found, moved = (
        survival_decision_curve(*d, horizon=horizon, thresholds=GRID, cause=1)
        for d in ((time, kind, risks), shuffled(order, time, kind, risks))
    )
    assert_allclose(moved.net_benefit, found.net_benefit, rtol=1e-10, atol=1e-13)


@given(patients(least=2, most=9, kinds=3), st.integers(0, 2**32 - 1))
def test_resamples_are_the_curves_of_the_expanded_patients(data, seed):
    time, kind, _, (a, b) = data
    grid, horizon = [0.1, 0.5], 4.0
    rng = np.random.default_rng(seed)
    found = survival_decision_curve(
        time, kind, [a, b], horizon=horizon, thresholds=grid, cause=1, n_resamples=4, rng=rng
    )
    difference = survival_decision_curve_difference(
        time,
        kind,
        a,
        b,
        horizon=horizon,
        thresholds=grid,
        cause=1,
        n_resamples=4,
        rng=np.random.default_rng(seed),
    )
    if found.status is Status.BEYOND_FOLLOW_UP:
        assert np.isnan(found.lower).all()
        return
    key, order = replicate_key(np.random.default_rng(seed)), np.argsort(time, kind="stable")
    drawn = []
    for replicate in range(4):
        counts = np.empty(time.size, np.int32)
        resample_counts(key, replicate, counts)
        rows = np.repeat(order, counts)
        one = survival_decision_curve(
            time[rows], kind[rows], [a[rows], b[rows]], horizon=horizon, thresholds=grid, cause=1
        )
        drawn.append(one.net_benefit)
    values = np.array(drawn)
    for j in range(2):
        for t in range(2):
            column = values[:, j, t][~np.isnan(values[:, j, t])]
            if column.size >= 2:
                assert_allclose(found.lower[j, t], np.quantile(column, 0.025), atol=1e-12)
                assert_allclose(found.upper[j, t], np.quantile(column, 0.975), atol=1e-12)
            else:
                assert np.isnan(found.lower[j, t])
    pairs = values[:, 0] - values[:, 1]
    if not np.isnan(pairs).any():
        assert_allclose(difference.upper, np.quantile(pairs, 0.975, axis=0), atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_matches_r_survfit(name):
    case = CASES[name]
    risks = [risk[-2] for risk in case["risk"]]
    found = survival_decision_curve(
        case["time"],
        case["event"],
        risks,
        horizon=case["horizons"][-2],
        thresholds=case["thresholds"],
    )
    wanted = np.array(case["net_benefit"], dtype=float)
    assert_allclose(found.net_benefit, wanted, rtol=1e-10, atol=1e-13)
    assert_allclose(found.treat_all, case["treat_all"], rtol=1e-11, err_msg="treat all")


@pytest.mark.parametrize("name", COMPETING)
def test_matches_r_with_competing_risks(name):
    case = COMPETING[name]
    found = survival_decision_curve(
        case["time"],
        case["code"],
        case["risk"],
        horizon=case["horizons"][1],
        thresholds=case["thresholds"],
        cause=case["cause"],
    )
    assert_allclose(found.net_benefit, case["net_benefit"], rtol=1e-11, atol=1e-14)


def test_wald_and_bootstrap_agree():
    case = CASES["rotterdam-gbsg"]
    a, b = case["risk"][0][1], case["risk"][1][1]
    arguments = {"threshold": 0.3, "horizon": 3.0}
    drawn = {"n_resamples": 2000, "rng": np.random.default_rng(2)}
    wald = survival_net_benefit(case["time"], case["event"], a, **arguments)
    boot = survival_net_benefit(case["time"], case["event"], a, **arguments, **drawn)
    assert_allclose(boot.se, wald.se, rtol=0.06)
    test = survival_net_benefit_difference(case["time"], case["event"], a, b, **arguments)
    again = survival_net_benefit_difference(case["time"], case["event"], a, b, **arguments, **drawn)
    assert again.p_value == test.p_value
    assert_allclose(again.se, test.se, rtol=0.08)


@pytest.mark.parametrize(
    ("time", "event", "risk", "horizon", "status"),
    [
        ([], [], [], 1, Status.NO_PATIENTS),
        ([2.0], [1], [0.5], 1, Status.TOO_FEW_PATIENTS),
        ([2.0], [0], [0.5], 3, Status.BEYOND_FOLLOW_UP),
        ([1, 2, 3], [0, 0, 0], [0.9, 0.1, 0.1], 2, Status.POSITIVES_NOT_FOLLOWED),
        ([1, 2, 3], [1, 0, 0], [0.9, 0.1, 0.1], 2, Status.OK),
        ([1, 2, 3], [1, 1, 1], [0.1, 0.1, 0.1], 2, Status.NO_VARIATION),
        ([0, 2, 3], [1, 1, 1], [0.9, 0.9, 0.1], 0, Status.OK),
    ],
)
def test_edges(time, event, risk, horizon, status):
    found = survival_net_benefit(time, event, risk, threshold=0.3, horizon=horizon)
    assert found.status is status
    assert np.isnan(found.interval.low) == (status is not Status.OK)
    rng = np.random.default_rng(1)
    curve = survival_decision_curve(
        time, event, [risk], horizon=horizon, thresholds=[0.3], n_resamples=3, rng=rng
    )
    assert_allclose(curve.net_benefit[0, 0], found.value, atol=1e-15)
    same = survival_net_benefit_difference(
        time, event, risk, risk, threshold=0.3, horizon=horizon, n_resamples=3, rng=rng
    )
    undefined = np.isnan(found.value) or time == [2.0]
    assert undefined or (same.difference, same.p_value) == (0.0, 1.0)


def test_harm_is_subtracted():
    arguments = [1, 2, 3, 4], [1, 0, 1, 0], [[0.8, 0.5, 0.4, 0.2]]
    plain = survival_decision_curve(*arguments, horizon=3.5, thresholds=[0.25])
    harmed = survival_decision_curve(*arguments, horizon=3.5, thresholds=[0.25], harm=[0.02])
    assert_allclose(plain.net_benefit - harmed.net_benefit, 0.02)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"`risk` must have shape \(models, 2\)"):
        survival_decision_curve([1, 2], [1, 0], [0.1, 0.2], horizon=1, thresholds=[0.1])
    with pytest.raises(ValueError, match="`the number of rows of risk` must be an integer"):
        survival_decision_curve([1, 2], [1, 0], np.empty((0, 2)), horizon=1, thresholds=[0.1])
    with pytest.raises(ValueError, match=r"`threshold` must lie in \[0, 1\)"):
        survival_net_benefit([1, 2], [1, 0], [0.1, 0.2], threshold=1.0, horizon=1)
