"""O:E, Cox slope and flexible calibration at a horizon: definitions, invariances, R, edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtri

from extval.stats._kernels_cox_counts import baseline_hazard, maximize
from extval.stats.calibration import oe_ratio
from extval.stats.cox import cox_regression
from extval.stats.results import Status
from extval.stats.survival_calibration import calibration_slope_cox, oe_t
from extval.stats.survival_calibration_curve import calibration_curve_t, calibration_groups_t
from tests.oracles import ipcw as oracle
from tests.stats.censored_patients import CASES, COMPETING, patients, shuffled

HORIZONS = st.sampled_from([0.0, 1.0, 2.5, 4.0, 6.0, 9.0])
Z = float(ndtri(0.975))


@given(patients(kinds=3), HORIZONS)
def test_oe_is_incidence_over_mean_risk(data, horizon):
    time, kind, _, (risk, _) = data
    found = oe_t(time, kind, risk, horizon=horizon, cause=1)
    alone = oe_t(time, kind > 0, risk, horizon=horizon)
    if oracle.weights(time, kind, horizon) is None:
        assert found.status is alone.status is Status.BEYOND_FOLLOW_UP
    elif not risk.any():
        assert found.status is alone.status is Status.NO_EXPECTED_EVENTS
    else:
        incidence = oracle.incidence(time, kind, horizon)
        assert_allclose(found.value, incidence / risk.mean(), rtol=1e-12, atol=1e-14)
        any_event = oracle.incidence(time, kind > 0, horizon)
        assert_allclose(alone.value, any_event / risk.mean(), rtol=1e-12, atol=1e-14)
        if not (kind == 2).any():
            assert_allclose(found.se, alone.se, rtol=1e-9, atol=1e-12)


@given(patients(least=2), HORIZONS)
def test_without_censoring_oe_is_the_binary_ratio(data, horizon):
    time, _, _, (risk, _) = data
    found = oe_t(time, np.ones(time.size), risk, horizon=horizon)
    binary = oe_ratio(time <= horizon, risk)
    assert_allclose(found.value, binary.value, rtol=1e-12)
    if found.status is Status.OK:
        assert_allclose(found.se, binary.se, rtol=1e-10)
        assert_allclose(found.interval.low, binary.interval.low, rtol=1e-10)
        assert_allclose(found.interval.high, binary.interval.high, rtol=1e-10)
    if found.status is Status.NO_EVENT_BY_HORIZON:
        assert_allclose(found.interval.high, binary.interval.high, rtol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_oe_and_slope_match_r(name):
    case = CASES[name]
    time, event = case["time"], case["event"]
    for risk in case["risk"]:
        for j, horizon in enumerate(case["horizons"]):
            got = oe_t(time, event, risk[j], horizon=horizon)
            survival, se = case["km"][j], case["km_se"][j]
            assert_allclose(got.value, (1 - survival) / np.mean(risk[j]), rtol=1e-12)
            factor = np.exp(Z * se / (1 - survival))
            assert_allclose(got.interval.low, got.value / factor, rtol=1e-11)
            assert_allclose(got.interval.high, got.value * factor, rtol=1e-11)
    for lp, wanted in zip(case["lp"], case["slope"], strict=True):
        slope = calibration_slope_cox(time, event, lp)
        assert_allclose([slope.value, slope.se], wanted, rtol=1e-8, err_msg="slope")


@pytest.mark.parametrize("name", COMPETING)
def test_oe_matches_r_with_competing_risks(name):
    case = COMPETING[name]
    for j, horizon in enumerate(case["horizons"]):
        got = oe_t(case["time"], case["code"], case["risk"][0], horizon=horizon, cause=1)
        expected = np.mean(case["risk"][0])
        assert_allclose(got.value, case["incidence"][j] / expected, rtol=1e-12)
        assert_allclose(got.se, case["incidence_se"][j] / expected, rtol=1e-10)


@given(patients(), st.sampled_from([-2.0, 0.5, 3.0]), st.integers(-2, 2))
def test_slope_follows_the_unit_of_the_linear_predictor(data, unit, shift):
    time, event, (lp, _), _ = data
    slope = calibration_slope_cox(time, event, lp)
    scaled = calibration_slope_cox(time, event, unit * lp + shift)
    assert scaled.status is slope.status
    assert_allclose(scaled.value * unit, slope.value, rtol=1e-6, atol=1e-9)
    assert_allclose(scaled.se * abs(unit), slope.se, rtol=1e-6)


@pytest.mark.parametrize("name", ["lung", "veteran", "rotterdam-gbsg"])
def test_flexible_calibration_matches_rms_and_survival(name):
    case = CASES[name]
    risk, horizon = case["risk"][0][-2], case["horizons"][-2]
    for wanted in case["flexible"]:
        found = calibration_curve_t(
            case["time"], case["event"], risk, horizon=horizon, n_knots=wanted["knots"]
        )
        for j, part in enumerate(("ici", "e50", "e90", "emax")):
            both = wanted["rms"][j], wanted["survival"][j]
            assert_allclose(getattr(found, part).value, both, rtol=1e-8, err_msg=part)


@pytest.mark.parametrize("name", CASES)
def test_groups_match_r(name):
    case, wanted = CASES[name], CASES[name]["groups"]
    risk, horizon = case["risk"][0][-2], case["horizons"][-2]
    found = calibration_groups_t(case["time"], case["event"], risk, horizon=horizon, n_groups=4)
    assert_allclose(found.mean_predicted, wanted["predicted"], rtol=1e-12)
    assert_allclose(found.observed, wanted["observed"], rtol=1e-12)
    for side in ("lower", "upper"):
        limits = np.array(wanted[side], dtype=float)
        assert_allclose(getattr(found, side), limits, rtol=1e-10)
    assert found.n.sum() == len(case["time"])


def fits(time, event, x, counts, horizon):
    """Return the compiled fit's coefficients and baseline hazard."""
    order = np.lexsort((event, -time))
    opens = np.append(True, np.diff(time[order]) != 0)
    beta = np.zeros(x.shape[1])
    arguments = event[order].astype(bool), opens, np.ascontiguousarray(x[order]), counts[order]
    least = np.full(x.shape[1], 1e-9)
    done = maximize(*arguments, least, 40, 1e-9, beta)
    return done, beta, baseline_hazard(time[order], *arguments, beta, horizon)


@given(patients(least=6, most=14), st.lists(st.integers(0, 3), min_size=14, max_size=14))
def test_the_counted_cox_model_is_that_of_the_expanded_patients(data, counts):
    time, event, scores, _ = data
    counts = np.array(counts[: time.size], np.int32)
    rows = np.repeat(np.arange(time.size), counts)
    wanted = cox_regression(time[rows], event[rows], scores.T[rows])
    done, beta, hazard = fits(time, event, scores.T, counts, 4.0)
    if wanted.status is Status.MONOTONE_LIKELIHOOD:
        assert not done  # there are resamples that no curve can be read from
    if wanted.status is not Status.OK or np.abs(wanted.coefficients).max() > 10:
        return
    assert done
    assert_allclose(beta, wanted.coefficients, rtol=1e-6, atol=1e-8)
    lp, total = scores.T @ beta, 0.0
    for at in {t for t, e in zip(time[rows], event[rows], strict=True) if e and t <= 4.0}:
        risk = np.exp(lp[rows][time[rows] >= at]).sum()
        died = np.exp(lp[rows][(time[rows] == at) & (event[rows] == 1)])
        total += sum(1 / (risk - step / died.size * died.sum()) for step in range(died.size))
    assert_allclose(hazard, total, rtol=1e-10)


def test_the_band_holds_the_curve_and_repeats():
    case = CASES["rotterdam-gbsg"]
    arguments = case["time"], case["event"], case["risk"][0][1]
    found, again = (
        calibration_curve_t(
            *arguments, horizon=3, n_resamples=60, rng=np.random.default_rng(5), grid=[0.2, 0.4]
        )
        for _ in range(2)
    )
    assert_array_equal(found.lower, again.lower)
    assert ((found.lower < found.observed) & (found.observed < found.upper)).all()
    assert found.ici.interval.low < found.ici.value < found.ici.interval.high
    assert_array_equal(
        found.observed, calibration_curve_t(*arguments, horizon=3, grid=[0.2, 0.4]).observed
    )


@given(st.randoms(use_true_random=False))
def test_order_of_patients_does_not_matter(random):
    case = CASES["lung"]
    time, event, risk = case["time"], case["event"], case["risk"][0][1]
    order = list(range(len(time)))
    random.shuffle(order)
    moved = shuffled(order, time, event, risk)
    found, wanted = (
        calibration_curve_t(*a, horizon=365).ici.value for a in (moved, (time, event, risk))
    )
    assert_allclose(found, wanted, rtol=1e-8)


TIMES, EVENTS = [1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 0, 1, 1, 0, 1, 0]
RISKS = [0.8, 0.6, 0.7, 0.3, 0.5, 0.2, 0.4, 0.1]


@pytest.mark.parametrize(
    ("time", "event", "risk", "horizon", "status"),
    [
        ([], [], [], 1, Status.NO_PATIENTS),
        (TIMES, EVENTS, RISKS, 9, Status.BEYOND_FOLLOW_UP),
        (TIMES, EVENTS, RISKS, 0.5, Status.NO_CASE_BY_HORIZON),
        (TIMES, [0] * 8, RISKS, 5, Status.NO_CASE_BY_HORIZON),
        (TIMES, EVENTS, [0.0, *RISKS[1:]], 5, Status.CLOGLOG_UNDEFINED),
        (TIMES, EVENTS, [0.4] * 8, 5, Status.CONSTANT_PREDICTION),
        (TIMES, EVENTS, [0.4, 0.2] * 4, 5, Status.TOO_FEW_DISTINCT_PREDICTIONS),
        (TIMES, EVENTS, [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], 5, Status.MONOTONE_LIKELIHOOD),
    ],
)
def test_edges_of_the_curve(time, event, risk, horizon, status):
    rng = np.random.default_rng(1)
    found = calibration_curve_t(time, event, risk, horizon=horizon, n_resamples=4, rng=rng)
    assert found.status is status
    assert np.isnan(found.observed).all() and np.isnan(found.upper).all()
    assert np.isnan(found.ici.value) and found.ici.status is status


@pytest.mark.parametrize(
    ("time", "event", "horizon", "status"),
    [
        ([], [], 1, Status.NO_PATIENTS),
        ([2.0], [1], 1, Status.NO_EVENT_BY_HORIZON),
        ([2.0], [1], 3, Status.CURVE_AT_ZERO),
        ([2.0], [0], 3, Status.BEYOND_FOLLOW_UP),
        ([0.0, 1.0], [1, 0], 0, Status.OK),
        ([1, 2, 3], [0, 0, 0], 2, Status.NO_EVENT_BY_HORIZON),
    ],
)
def test_edges_of_oe(time, event, horizon, status):
    found = oe_t(time, event, [0.3] * len(time), horizon=horizon)
    assert found.status is status
    assert np.isnan(found.value) == (status in {Status.NO_PATIENTS, Status.BEYOND_FOLLOW_UP})
    competing = oe_t(time, event, [0.3] * len(time), horizon=horizon, cause=1)
    assert_array_equal(competing.value, found.value)


@pytest.mark.parametrize(
    ("time", "event", "lp", "status"),
    [
        ([], [], [], Status.NO_PATIENTS),
        ([1, 2], [0, 0], [1, 2], Status.NO_EVENTS),
        ([1, 2], [1, 1], [2, 2], Status.CONSTANT_PREDICTION),
        ([1, 2, 3], [1, 1, 1], [3, 2, 1], Status.MONOTONE_LIKELIHOOD),
        ([3], [1], [1], Status.CONSTANT_PREDICTION),
    ],
)
def test_edges_of_the_slope(time, event, lp, status):
    found = calibration_slope_cox(time, event, lp)
    assert found.status is status
    assert np.isnan([found.value, found.se, found.interval.low]).all()


def test_groups_that_end_early_are_not_extrapolated():
    found = calibration_groups_t(
        [1, 2, 5, 6], [0, 1, 1, 0], [0.9, 0.8, 0.2, 0.1], horizon=4, n_groups=2
    )
    assert found.observed.tolist() == [0.0, 1.0]
    early = calibration_groups_t(
        [2, 1, 5, 6], [0, 1, 1, 0], [0.9, 0.8, 0.2, 0.1], horizon=4, n_groups=2
    )
    assert np.isnan(early.observed[1]) and early.n_groups == 2
    assert calibration_groups_t([], [], [], horizon=1).n_groups == 0


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="`linear_predictor` must be finite"):
        calibration_slope_cox([1, 2], [1, 0], [np.inf, 1])
    with pytest.raises(ValueError, match="`n_knots` must be one of 3, 4, 5"):
        calibration_curve_t(TIMES, EVENTS, RISKS, horizon=5, n_knots=6)
    with pytest.raises(ValueError, match="`rng` must be a numpy"):
        calibration_curve_t(TIMES, EVENTS, RISKS, horizon=5, n_resamples=10)
