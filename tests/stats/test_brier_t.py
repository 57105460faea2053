"""`extval.stats.brier_t` and `integrated_brier` against definitions, invariances and R."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats.brier import brier, brier_scaled
from extval.stats.brier_t import brier_t, brier_t_test, ipa_t, ipa_t_test
from extval.stats.integrated_brier import ibs, ibs_test
from extval.stats.results import Status
from tests.oracles import ipcw as oracle
from tests.stats.censored_patients import CASES, COMPETING, patients, shuffled

HORIZONS = st.sampled_from([0.0, 1.0, 2.5, 4.0, 6.0, 9.0])


@given(patients(most=10, kinds=3), HORIZONS)
def test_matches_the_definition(data, horizon):
    time, kind, _, (a, b) = data
    got = brier_t(time, kind, a, horizon=horizon, cause=1)
    test = brier_t_test(time, kind, a, b, horizon=horizon, cause=1)
    scaled = ipa_t(time, kind, a, horizon=horizon, cause=1)
    gain = ipa_t_test(time, kind, a, b, horizon=horizon, cause=1)
    assert gain.status is scaled.status or not np.isnan(scaled.value)
    if oracle.weights(time, kind, horizon) is None:
        for found in (got, test, scaled):
            assert found.status is Status.BEYOND_FOLLOW_UP
        assert np.isnan([got.value, test.difference, scaled.value]).all()
        return
    value, influence = oracle.brier(time, kind, a, horizon)
    other, influence_b = oracle.brier(time, kind, b, horizon)
    assert_allclose(got.value, value, rtol=1e-12, atol=1e-14)
    assert_allclose(test.difference, value - other, atol=1e-13)
    case = oracle.is_case(time, kind, horizon)
    risk, moved = oracle.influence_of_mean(time, kind, horizon, case)
    nobody_or_all = scaled.status in {Status.NO_CASE_BY_HORIZON, Status.NO_CONTROL_AT_HORIZON}
    assert nobody_or_all == (min(risk, 1 - risk) < 1e-12)
    if time.size == 1:
        assert got.status is Status.TOO_FEW_PATIENTS
        return
    se = oracle.standard_error(influence)
    assert_allclose(got.se, se if se > 1e-11 else 0.0, rtol=1e-9)
    assert (got.status is Status.NO_VARIATION) == (got.se == 0.0)
    change = oracle.standard_error(np.subtract(influence, influence_b))
    if change > 1e-11:
        assert_allclose(test.se, change, rtol=1e-9)
    if not nobody_or_all:
        null = risk * (1 - risk)
        assert_allclose(scaled.value, 1 - value / null, rtol=1e-10, atol=1e-12)
        slope = value * (1 - 2 * risk) / null**2
        ratio = [-d / null + slope * m for d, m in zip(influence, moved, strict=True)]
        se = oracle.standard_error(ratio)
        assert_allclose(scaled.se, se if se > 1e-10 else 0.0, rtol=1e-8)
        assert_allclose(gain.difference, (other - value) / null, rtol=1e-9, atol=1e-11)
        slope = other * (1 - 2 * risk) / null**2
        another = [-d / null + slope * m for d, m in zip(influence_b, moved, strict=True)]
        se = oracle.standard_error(np.subtract(ratio, another))
        if se > 1e-9:
            assert_allclose(gain.se, se, rtol=1e-7)
            assert_allclose(gain.statistic, gain.difference / se, rtol=1e-7)


@given(patients(kinds=3), HORIZONS, st.randoms(use_true_random=False))
def test_order_of_patients_does_not_matter(data, horizon, random):
    time, kind, _, (a, _) = data
    order = list(range(time.size))
    random.shuffle(order)
    for routine in (brier_t, ipa_t):
        found = routine(time, kind, a, horizon=horizon, cause=1)
        moved = routine(*shuffled(order, time, kind, a), horizon=horizon, cause=1)
        assert_allclose([moved.value, moved.se], [found.value, found.se], rtol=1e-9, atol=1e-13)


@given(patients(), HORIZONS)
def test_predicting_the_complement_of_the_complement(data, horizon):
    """Two causes and no third: the risk of one is the risk of not the other, once all is over."""
    time, kind, _, (a, _) = data
    one, other = (
        brier_t(time, kind, a, horizon=horizon),
        brier_t(time, kind * 2, a, horizon=horizon, cause=2),
    )
    assert_array_equal([one.value, one.se], [other.value, other.se])
    everyone = np.ones(time.size, int)
    over = 9.0
    first = brier_t(time, kind + 1, a, horizon=over, cause=1)
    second = brier_t(time, kind + 1, 1 - a, horizon=over, cause=2)
    assert_allclose([first.value, first.se], [second.value, second.se], rtol=1e-9, atol=1e-12)
    assert brier_t(time, everyone, everyone, horizon=over).value == 0.0


@given(patients(least=2), HORIZONS)
def test_without_censoring_it_is_the_binary_score(data, horizon):
    time, _, _, (a, _) = data
    events = np.ones(time.size, int)
    found, binary = brier_t(time, events, a, horizon=horizon), brier(time <= horizon, a)
    assert_allclose(found.value, binary.value, rtol=1e-12, atol=1e-14)
    if found.status is Status.OK:
        assert_allclose(found.se, binary.se, rtol=1e-9)
    scaled, plain = ipa_t(time, events, a, horizon=horizon), brier_scaled(time <= horizon, a)
    assert_allclose(scaled.value, plain.value, rtol=1e-10, atol=1e-12)
    if scaled.status is Status.OK:
        assert_allclose(scaled.se, plain.se, rtol=1e-8)


@given(patients(least=2, kinds=3))
def test_the_integral_is_the_trapezoid_of_the_scores(data):
    time, kind, _, (a, b) = data
    horizons = [0.5, 1.0, 3.5]
    rows, others = np.vstack([a / 2, a, a]), np.vstack([b, b, b])
    found = ibs(time, kind, rows, horizons=horizons, cause=1)
    if found.status is Status.BEYOND_FOLLOW_UP:
        assert oracle.weights(time, kind, 3.5) is None
        return
    parts = [oracle.brier(time, kind, r, h) for r, h in zip(rows, horizons, strict=True)]
    weights = np.array([0.25, 0.25 + 1.25, 1.25]) / 3
    assert_allclose(found.value, weights @ [p[0] for p in parts], rtol=1e-12, atol=1e-14)
    se = oracle.standard_error(weights @ np.array([p[1] for p in parts]))
    assert_allclose(found.se, se if se > 1e-11 else 0.0, rtol=1e-8)
    test = ibs_test(time, kind, rows, others, horizons=horizons, cause=1)
    other = ibs(time, kind, others, horizons=horizons, cause=1)
    assert_allclose(test.difference, found.value - other.value, atol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_matches_r_risk_regression(name):
    case = CASES[name]
    time, event, horizons = case["time"], case["event"], case["horizons"]
    for risk, wanted in zip(case["risk"], case["brier"], strict=True):
        for j, horizon in enumerate(horizons):
            got = brier_t(time, event, risk[j], horizon=horizon)
            assert_allclose(got.value, wanted["Brier"][j], rtol=1e-11)
            assert_allclose(got.se, wanted["se"][j], rtol=1e-10)
            assert_allclose(got.interval.low, wanted["lower"][j], rtol=1e-10)
            scaled = ipa_t(time, event, risk[j], horizon=horizon).value
            null = case["brier_null"][j]
            ipa = 1 - wanted["Brier"][j] / null
            assert_allclose(scaled, ipa, rtol=1e-9, atol=1e-12, err_msg="IPA")
    contrast = case["brier_difference"]
    for j, horizon in enumerate(horizons):
        a, b = (risk[j] for risk in case["risk"])
        test = brier_t_test(time, event, a, b, horizon=horizon)
        wanted = contrast["delta.Brier"][j]
        assert_allclose(-test.difference, wanted, rtol=1e-9, atol=1e-13, err_msg="difference")
        assert_allclose(test.se, contrast["se"][j], rtol=1e-9, err_msg="difference")
        assert_allclose(test.p_value, contrast["p"][j], rtol=1e-7, err_msg="difference")
    found = [ibs(time, event, risk, horizons=horizons).value for risk in case["risk"]]
    assert_allclose(found, case["ibs"], rtol=1e-11, err_msg="integrated")


@pytest.mark.parametrize("name", COMPETING)
def test_matches_r_with_competing_risks(name):
    case = COMPETING[name]
    for risk, wanted in zip(case["risk"], case["brier"], strict=True):
        for j, horizon in enumerate(case["horizons"]):
            arguments = {"horizon": horizon, "cause": case["cause"]}
            got = brier_t(case["time"], case["code"], risk, **arguments)
            assert_allclose(got.value, wanted["Brier"][j], rtol=1e-11)
            assert_allclose(got.se, wanted["se"][j], rtol=1e-10)
            scaled = ipa_t(case["time"], case["code"], risk, **arguments)
            ipa = 1 - wanted["Brier"][j] / case["brier_null"][j]
            assert_allclose(scaled.value, ipa, rtol=1e-9, err_msg="IPA")


@pytest.mark.parametrize(
    ("time", "event", "horizon", "status"),
    [
        ([], [], 1, Status.NO_PATIENTS),
        ([2.0], [1], 1, Status.TOO_FEW_PATIENTS),
        ([2.0], [0], 3, Status.BEYOND_FOLLOW_UP),
        ([2.0], [1], 3, Status.TOO_FEW_PATIENTS),
        ([1, 2, 3], [0, 0, 0], 0.5, Status.NO_VARIATION),
        ([1, 2, 3], [1, 1, 1], 4, Status.NO_VARIATION),
        ([1, 2, 3], [1, 1, 0], 4, Status.BEYOND_FOLLOW_UP),
        ([0, 0, 3], [1, 1, 0], 0, Status.NO_VARIATION),
    ],
)
def test_edges(time, event, horizon, status):
    risk = [0.5] * len(time)
    found = brier_t(time, event, risk, horizon=horizon)
    assert found.status is status
    assert np.isnan(found.interval.low)
    assert np.isnan(found.value) == (status in {Status.NO_PATIENTS, Status.BEYOND_FOLLOW_UP})
    over = ibs(time, event, [risk, risk], horizons=[0.0, max(horizon, 0.1)])
    assert over.status is found.status or over.status in {Status.OK, Status.NO_VARIATION}


def test_identical_predictions_have_p_1():
    test = brier_t_test([1, 2, 3], [1, 0, 1], [0.2, 0.4, 0.3], [0.2, 0.4, 0.3], horizon=1.5)
    assert (test.difference, test.se, test.p_value) == (0.0, 0.0, 1.0)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"`risk` must lie in \[0, 1\]; 1 of 2"):
        brier_t([1, 2], [1, 0], [0.2, 1.4], horizon=1)
    with pytest.raises(ValueError, match="`risk` must have one row a horizon, 3 in all; got 2"):
        ibs([1, 2], [1, 0], [[0.1, 0.2], [0.3, 0.4]], horizons=[1, 1.5, 2])
    with pytest.raises(ValueError, match="`horizons` must hold at least 2; got 1"):
        ibs([1, 2], [1, 0], [[0.1, 0.2]], horizons=[1])
