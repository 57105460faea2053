"""`extval.stats.auc_t` and its curve against definitions, invariances and R riskRegression."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats._resampling import replicate_key, resample_counts
from extval.stats.auc_t import auc_t, auc_t_test
from extval.stats.auc_t_curve import auc_t_curve, integrated_auc_test
from extval.stats.results import Status
from tests.oracles import ipcw as oracle
from tests.stats.censored_patients import CASES, COMPETING, patients, shuffled

HORIZONS = st.sampled_from([0.0, 1.0, 2.5, 4.0, 6.0, 9.0])
NOTHING = {Status.BEYOND_FOLLOW_UP, Status.NO_CASE_BY_HORIZON, Status.NO_CONTROL_AT_HORIZON}


def wanted_at(time, kind, score, horizon):
    """Return the definition's AUC and influences, or None."""
    if oracle.weights(time, kind, horizon) is None:
        return None
    return oracle.auc(time, kind, score, horizon)


@given(patients(most=10, kinds=3), HORIZONS)
def test_matches_the_definition(data, horizon):
    time, kind, (a, b), _ = data
    got = auc_t(time, kind, a, horizon=horizon, cause=1)
    test = auc_t_test(time, kind, a, b, horizon=horizon, cause=1)
    wanted = wanted_at(time, kind, a, horizon)
    if wanted is None:
        assert got.status in NOTHING and test.status in NOTHING
        assert np.isnan([got.value, got.se, got.interval.low, test.p_value]).all()
        return
    value, influence = wanted
    other, influence_b = oracle.auc(time, kind, b, horizon)
    assert_allclose(got.value, value, rtol=1e-12, atol=1e-14)
    se = oracle.standard_error(influence)
    assert_allclose(got.se, se if se > 1e-11 else 0.0, rtol=1e-9)
    assert (got.status is Status.SEPARATED_OR_TIED) == (got.se == 0.0)
    change = oracle.standard_error(np.subtract(influence, influence_b))
    assert_allclose(test.difference, value - other, atol=1e-13)
    if change > 1e-11:
        assert_allclose(test.se, change, rtol=1e-9)
    elif abs(value - other) < 1e-12:
        assert (test.difference, test.p_value) == (0.0, 1.0)


@given(patients(most=12), HORIZONS)
def test_one_kind_of_event_is_cause_1_of_1(data, horizon):
    time, event, (a, b), _ = data
    alone = auc_t(time, event, a, horizon=horizon)
    among = auc_t(time, event * 3, a, horizon=horizon, cause=3)
    assert_array_equal([alone.value, alone.se], [among.value, among.se])
    tests = [
        auc_t_test(time, event, a, b, horizon=horizon),
        auc_t_test(time, event, a, b, horizon=horizon, cause=1),
    ]
    assert_array_equal([tests[0].se, tests[0].p_value], [tests[1].se, tests[1].p_value])


@given(patients(kinds=3), HORIZONS, st.randoms(use_true_random=False))
def test_order_of_patients_does_not_matter(data, horizon, random):
    time, kind, (a, _), _ = data
    order = list(range(time.size))
    random.shuffle(order)
    found = auc_t(time, kind, a, horizon=horizon, cause=1)
    moved = auc_t(*shuffled(order, time, kind, a), horizon=horizon, cause=1)
    assert_allclose([moved.value, moved.se], [found.value, found.se], rtol=1e-9, atol=1e-13)
    assert moved.status is found.status


@given(patients(kinds=3), HORIZONS)
def test_only_the_order_of_scores_and_times_counts(data, horizon):
    time, kind, (a, _), _ = data
    found = auc_t(time, kind, a, horizon=horizon, cause=1)
    same = auc_t(np.sqrt(time), kind, np.exp(3 * a), horizon=np.sqrt(horizon), cause=1)
    assert_array_equal([same.value, same.se], [found.value, found.se])
    mirrored = auc_t(time, kind, -a, horizon=horizon, cause=1)
    assert_allclose(mirrored.value, 1 - found.value, rtol=1e-10, atol=1e-13)
    assert_allclose(mirrored.se, found.se, rtol=1e-8, atol=1e-11)


@given(patients(least=3, most=10), st.integers(0, 2**32 - 1))
def test_resamples_are_the_estimates_of_the_expanded_patients(data, seed):
    time, event, (a, _), _ = data
    horizons = [0.0, 1.0, 2.5, 4.0, 6.0, 7.0]
    curve = auc_t_curve(
        time, event, a, horizons=horizons, n_resamples=3, rng=np.random.default_rng(seed)
    )
    key = replicate_key(np.random.default_rng(seed))
    order = np.argsort(a, kind="stable")  # the routine draws patients in order of score
    drawn = []
    for b in range(3):
        counts = np.empty(time.size, np.int32)
        resample_counts(key, b, counts)
        rows = np.repeat(order, counts)
        drawn.append(auc_t_curve(time[rows], event[rows], a[rows], horizons=horizons))
    for j in range(6):
        values = np.array([one.auc[j] for one in drawn])
        defined = values[~np.isnan(values)]
        if curve.statuses[j] in {Status.OK, Status.SOME_RESAMPLES_UNDEFINED}:
            assert_allclose(curve.se[j], defined.std(ddof=1), rtol=1e-9, atol=1e-12)
            assert_allclose(curve.lower[j], np.quantile(defined, 0.025), atol=1e-12)
    averages = np.array([one.integrated.value for one in drawn])
    if curve.integrated.status in {Status.OK, Status.SOME_RESAMPLES_UNDEFINED}:
        defined = averages[~np.isnan(averages)]
        assert_allclose(curve.integrated.se, defined.std(ddof=1), rtol=1e-9, atol=1e-12)


@given(patients(least=2, most=10, kinds=3))
def test_the_average_weighs_by_events(data):
    time, kind, (a, b), _ = data
    horizons = np.array([1.0, 2.5, 4.0])
    found = auc_t_curve(time, kind, a, horizons=horizons, cause=1)
    parts = [wanted_at(time, kind, a, h) for h in horizons]
    risk = [oracle.incidence(time, kind, h) for h in horizons]
    steps = np.diff(risk, prepend=0.0)
    beyond = oracle.weights(time, kind, horizons[-1]) is None
    missing = any(p is None and s > 0 for p, s in zip(parts, steps, strict=True))
    if beyond or missing or risk[-1] == 0:
        assert np.isnan(found.integrated.value)
        assert found.integrated.status is not Status.OK
        return
    value = sum(p[0] * s for p, s in zip(parts, steps, strict=True) if s > 0) / risk[-1]
    assert_allclose(found.integrated.value, value, rtol=1e-12)
    influence = np.zeros(time.size)
    before = np.zeros(time.size)
    for part, step, horizon in zip(parts, steps, horizons, strict=True):
        case = oracle.is_case(time, kind, horizon)
        moved = np.array(oracle.influence_of_mean(time, kind, horizon, case)[1])
        if step > 0:
            influence += np.array(part[1]) * step + (part[0] - value) * (moved - before)
        before = moved
    se = oracle.standard_error(influence / risk[-1])
    assert_allclose(found.integrated.se, se if se > 1e-11 else 0.0, rtol=1e-8)
    other = auc_t_curve(time, kind, b, horizons=horizons, cause=1).integrated.value
    test = integrated_auc_test(time, kind, a, b, horizons=horizons, cause=1)
    assert_allclose(test.difference, value - other, atol=1e-13)


def test_points_of_a_curve_are_single_estimates():
    case = CASES["lung"]
    time, event, score = case["time"], case["event"], case["lp"][0]
    curve = auc_t_curve(time, event, score, horizons=case["horizons"])
    single = [auc_t(time, event, score, horizon=h) for h in case["horizons"]]
    assert_array_equal(curve.auc, [one.value for one in single])
    assert_array_equal(curve.se, [one.se for one in single])
    assert_array_equal(curve.lower, [one.interval.low for one in single])
    assert (curve.cases + curve.controls <= len(time)).all()


@pytest.mark.parametrize("name", CASES)
def test_matches_r_risk_regression(name):
    case = CASES[name]
    time, event, scores = case["time"], case["event"], case["lp"]
    for score, wanted in zip(scores, case["auc"], strict=True):
        curve = auc_t_curve(time, event, score, horizons=case["horizons"])
        for field, column in (("auc", "AUC"), ("se", "se"), ("lower", "lower"), ("upper", "upper")):
            name = field if field in ("auc", "se") else "limits"
            assert_allclose(getattr(curve, field), wanted[column], rtol=1e-10, err_msg=name)
        risk = 1 - np.array(case["km"])
        average = np.diff(risk, prepend=0.0) @ wanted["AUC"] / risk[-1]
        assert_allclose(curve.integrated.value, average, rtol=1e-10, err_msg="integrated")
    difference = case["auc_difference"]
    for j, horizon in enumerate(case["horizons"]):
        test = auc_t_test(time, event, *scores, horizon=horizon)
        wanted = difference["delta.AUC"][j]
        assert_allclose(-test.difference, wanted, rtol=1e-10, atol=1e-14, err_msg="difference")
        assert_allclose(test.se, difference["se"][j], rtol=1e-10, err_msg="difference")
        assert_allclose(test.p_value, difference["p"][j], rtol=1e-8, err_msg="difference")


@pytest.mark.parametrize("name", COMPETING)
def test_matches_r_with_competing_risks(name):
    case = COMPETING[name]
    time, code = case["time"], np.array(case["code"])
    for score, wanted in zip(case["risk"], case["auc"], strict=True):
        curve = auc_t_curve(time, code, score, horizons=case["horizons"], cause=case["cause"])
        assert_allclose(curve.auc, wanted["AUC"], rtol=1e-10)
        assert_allclose(curve.se, wanted["se"], rtol=1e-10)
        renamed = np.array([0, 7, 4])[code]
        again = auc_t_curve(time, renamed, score, horizons=case["horizons"], cause=7)
        assert_array_equal(again.se, curve.se)
    for j, horizon in enumerate(case["horizons"]):
        test = auc_t_test(time, code, *case["risk"], horizon=horizon, cause=case["cause"])
        wanted = case["auc_difference"]["se"][j]
        assert_allclose(test.se, wanted, rtol=1e-10, err_msg="difference")


def test_influence_and_bootstrap_standard_errors_agree():
    case = CASES["rotterdam-gbsg"]
    arguments = case["time"], case["event"], case["lp"][0]
    plain = auc_t_curve(*arguments, horizons=case["horizons"])
    drawn = auc_t_curve(
        *arguments, horizons=case["horizons"], n_resamples=2000, rng=np.random.default_rng(1)
    )
    assert_array_equal(drawn.auc, plain.auc)
    assert_allclose(drawn.se, plain.se, rtol=0.06)  # Monte Carlo error 1.6% of a standard error
    assert_allclose(drawn.integrated.se, plain.integrated.se, rtol=0.06)


@pytest.mark.parametrize(
    ("time", "event", "score", "horizon", "status"),
    [
        ([], [], [], 1, Status.NO_PATIENTS),
        ([2.0], [1], [1.0], 1, Status.NO_CASE_BY_HORIZON),
        ([2.0], [1], [1.0], 2, Status.NO_CONTROL_AT_HORIZON),
        ([2.0], [0], [1.0], 3, Status.BEYOND_FOLLOW_UP),
        ([1, 2, 3], [0, 0, 0], [1, 2, 3], 2, Status.NO_CASE_BY_HORIZON),
        ([1, 2, 3], [1, 1, 1], [1, 2, 3], 4, Status.NO_CONTROL_AT_HORIZON),
        ([1, 2, 3], [1, 1, 0], [3, 2, 1], 4, Status.BEYOND_FOLLOW_UP),
        ([1, 2, 3], [1, 1, 0], [3, 2, 1], 2.5, Status.SEPARATED_OR_TIED),
        ([1, 2, 3], [1, 1, 0], [5, 5, 5], 2.5, Status.SEPARATED_OR_TIED),
        ([0, 0, 3], [1, 1, 0], [2, 3, 1], 0, Status.SEPARATED_OR_TIED),
        ([1, 2, 3, 3], [1, 1, 0, 0], [3, 1, 2, 0], 3, Status.OK),
    ],
)
def test_edges(time, event, score, horizon, status):
    found = auc_t(time, event, score, horizon=horizon)
    assert found.status is status
    assert np.isnan(found.interval.low) == (status is not Status.OK)
    curve = auc_t_curve(time, event, score, horizons=[horizon])
    assert curve.statuses == (status,)
    assert curve.integrated.status is status
    rng = np.random.default_rng(3)
    drawn = auc_t_curve(time, event, score, horizons=[horizon], n_resamples=5, rng=rng)
    assert_array_equal(drawn.auc, curve.auc)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="`event` must hold only 0 and 1"):
        auc_t([1, 2], [1, 2], [1, 2], horizon=1)
    with pytest.raises(ValueError, match="`event` must hold whole numbers from 0"):
        auc_t([1, 2], [1, -2], [1, 2], horizon=1, cause=1)
    with pytest.raises(ValueError, match="`cause` must be an integer of at least 1; got 0"):
        auc_t([1, 2], [1, 2], [1, 2], horizon=1, cause=0)
    with pytest.raises(ValueError, match="`horizons` must increase strictly; index 1"):
        auc_t_curve([1, 2], [1, 0], [1, 2], horizons=[1, 1])
    with pytest.raises(ValueError, match="`rng` must be a numpy"):
        auc_t_curve([1, 2], [1, 0], [1, 2], horizons=[1], n_resamples=10)
