"""Flexible calibration with competing events: explicit weights, invariances, cmprsk, edges."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats._flexible_risk import FlexibleFineGray
from extval.stats._resampling import resample_counts
from extval.stats.competing_risks import aalen_johansen, incidence_at
from extval.stats.fine_gray import fine_gray_regression, predicted_incidence
from extval.stats.results import Status
from extval.stats.splines import spline_basis, spline_knots
from extval.stats.survival_calibration_curve import calibration_curve_t, calibration_groups_t
from tests.oracles import fine_gray as oracle
from tests.oracles.smoothers import distances, spline
from tests.stats.censored_patients import shuffled
from tests.stats.test_fine_gray import CASES

by_name = pytest.mark.parametrize("name", CASES)


@st.composite
def cohorts(draw):
    """Draw 10 to 24 patients: times in 1..9, three causes, distinct risks that lean with time."""
    n = draw(st.integers(10, 24))
    time = np.array(draw(st.lists(st.integers(1, 9), min_size=n, max_size=n)), float)
    code = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    risk = np.array(draw(st.lists(st.integers(3, 97), min_size=n, max_size=n, unique=True)), float)
    return time, code, risk / 100


def four(found):
    return [part.value for part in (found.ici, found.e50, found.e90, found.emax)]


@given(cohorts(), st.sampled_from([2.0, 4.0, 6.0]))
def test_matches_the_weighted_data_set(cohort, horizon):
    time, code, risk = cohort
    found = calibration_curve_t(time, code, risk, horizon=horizon, cause=1)
    kind = np.minimum(code, 2)
    cloglog = np.log(-np.log(1 - risk))
    basis = np.array(spline(cloglog, spline_knots(cloglog, 3)))
    scaled = (basis - basis.mean(axis=0)) / basis.std(axis=0)
    rows = oracle.weighted_rows(time, kind)
    if found.status in {Status.OK, Status.MONOTONE_LIKELIHOOD}:
        assert (found.status is Status.OK) == (not oracle.is_monotone(rows, scaled))
    assume(found.status is Status.OK)
    # Further out the oracle's plain Newton steps do not get there.
    assume(np.abs(fine_gray_regression(time, kind, scaled).coefficients).max() < 30.0)
    beta = oracle.maximum(rows, scaled)
    observed = [oracle.incidence(beta, time, kind, scaled, row, horizon) for row in scaled]
    assert_allclose(four(found), distances(np.array(observed), risk), rtol=1e-6, atol=1e-9)


@by_name
def test_agrees_with_finegray_and_coxph(name):
    case = CASES[name]
    for wanted in case["flexible"]:
        found = curve_of(case, wanted["knots"])
        assert_allclose(four(found), wanted["finegray"], rtol=1e-8)


@by_name
def test_agrees_with_crr(name):
    """For crr, censorings at the time of an event are moved a little later."""
    case = CASES[name]
    for wanted in case["flexible"]:
        assert_allclose(four(curve_of(case, wanted["knots"])), wanted["crr"], rtol=1e-8)


def curve_of(case, n_knots):
    return calibration_curve_t(
        case["time"],
        case["code"],
        case["risk"],
        horizon=case["horizon"],
        cause=1,
        n_knots=n_knots,
    )


@by_name
def test_groups_agree_with_survfit(name):
    case = CASES[name]
    found = calibration_groups_t(
        case["time"], case["code"], case["risk"], horizon=case["horizon"], cause=1, n_groups=4
    )
    got = np.column_stack((found.observed, found.lower, found.upper, found.mean_predicted))
    assert_allclose(got, np.array(case["groups"], float), rtol=1e-10)
    assert found.n.sum() == len(case["time"])


@given(cohorts())
def test_one_group_is_the_aalen_johansen_estimate(cohort):
    time, code, risk = cohort
    found = calibration_groups_t(time, code, risk, horizon=3.0, cause=1, n_groups=1)
    wanted = incidence_at(aalen_johansen(time, code, n_causes=3), 3.0)
    got = found.observed[0], found.lower[0], found.upper[0]
    low, high = wanted.interval.low, wanted.interval.high
    assert_allclose(got, (wanted.value, low, high), rtol=1e-10)
    assert found.events[0] == np.count_nonzero((code == 1) & (time <= 3.0))


@given(cohorts(), st.randoms(use_true_random=False), st.floats(0.1, 20.0))
def test_order_labels_of_rivals_and_time_scale_do_not_matter(cohort, random, unit):
    time, code, risk = cohort
    found = calibration_curve_t(time, code, risk, horizon=4.0, cause=1, grid=[0.2, 0.6])
    order = list(range(time.size))
    random.shuffle(order)
    moved, relabelled, risks = shuffled(order, time, np.array([0, 1, 5, 2])[code], risk)
    for a, b, c, t in (
        (moved, relabelled, risks, 4.0),
        (unit * time, code, risk, unit * 4.0),
        (time, np.minimum(code, 2), risk, 4.0),
    ):
        again = calibration_curve_t(a, b, c, horizon=t, cause=1, grid=[0.2, 0.6])
        assert again.status is found.status
        assert_allclose(again.observed, found.observed, rtol=1e-6, atol=1e-9)
        assert_allclose(four(again), four(found), rtol=1e-6, atol=1e-9)


@given(cohorts(), st.randoms(use_true_random=False))
def test_without_competing_events_or_ties_it_is_the_flexible_cox_curve(cohort, random):
    _, code, risk = cohort
    time = list(range(1, risk.size + 1))
    random.shuffle(time)
    event = code == 1
    cox, found = (
        calibration_curve_t(time, event.astype(int), risk, horizon=8, cause=cause, grid=[0.3])
        for cause in (None, 1)
    )
    assert found.status is cox.status
    assert_allclose(four(found), four(cox), rtol=1e-6, atol=1e-9)
    assert_allclose(found.observed, cox.observed, rtol=1e-6, atol=1e-9)
    assert found.method.startswith("Fine-Gray regression on a restricted cubic spline")


def test_every_resample_is_fitted_with_its_own_censoring_curve():
    case = CASES["tied"]
    time, risk = np.array(case["time"], float), np.array(case["risk"])
    kind, grid, key = np.array(case["code"], np.int8), np.array([0.1, 0.4]), np.uint64(11)
    fit = FlexibleFineGray(time, kind, risk, 6.0, 3)
    curves, gaps = fit.resampled(grid, key, 20)
    order = np.lexsort((kind, time))
    cloglog = np.log(-np.log(1 - risk))
    knots = spline_knots(cloglog, 3)
    counts = np.empty(time.size, np.int32)
    for b in range(20):
        resample_counts(key, b, counts)
        rows = np.repeat(order, counts)
        model = fine_gray_regression(time[rows], kind[rows], spline_basis(cloglog[rows], knots))
        at = spline_basis(np.log(-np.log(1 - grid)), knots)
        assert_allclose(curves[b], predicted_incidence(model, at, t=6), rtol=1e-6)
        own = predicted_incidence(model, spline_basis(cloglog[rows], knots), t=6)
        assert_allclose(gaps[b], distances(own, risk[rows]), rtol=1e-6)


def test_the_band_holds_the_curve_and_repeats():
    case = CASES["pbc"]
    found, again = (
        calibration_curve_t(
            case["time"],
            case["code"],
            case["risk"],
            horizon=case["horizon"],
            cause=1,
            n_resamples=80,
            rng=np.random.default_rng(5),
            grid=[0.2, 0.5],
        )
        for _ in range(2)
    )
    assert_array_equal(found.lower, again.lower)
    assert ((found.lower < found.observed) & (found.observed < found.upper)).all()
    assert found.ici.interval.low < found.ici.value < found.ici.interval.high
    assert found.ici.method == (
        "Fine-Gray regression on a restricted cubic spline of log(-log(1 - p)), 3 knots, held "
        "fixed; bootstrap percentile, 80 resamples"
    )
    assert (found.n, found.events) == (312, 125)


TIMES, CODES = [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 0, 1, 1, 0, 2, 0]
RISKS = [0.8, 0.6, 0.7, 0.3, 0.5, 0.2, 0.4, 0.1]


@pytest.mark.parametrize(
    ("time", "code", "risk", "horizon", "status"),
    [
        ([], [], [], 1, Status.NO_PATIENTS),
        (TIMES, CODES, RISKS, 5, Status.OK),
        (TIMES, CODES, RISKS, 9, Status.BEYOND_FOLLOW_UP),
        (TIMES, CODES, RISKS, 0.5, Status.NO_CASE_BY_HORIZON),
        (TIMES, [0] * 8, RISKS, 5, Status.NO_CASE_BY_HORIZON),
        (TIMES, [2] * 8, RISKS, 5, Status.NO_CASE_BY_HORIZON),
        (TIMES, CODES, [0.0, *RISKS[1:]], 5, Status.CLOGLOG_UNDEFINED),
        (TIMES, CODES, [1.0, *RISKS[1:]], 5, Status.CLOGLOG_UNDEFINED),
        (TIMES, CODES, [0.4] * 8, 5, Status.CONSTANT_PREDICTION),
        (TIMES, CODES, [0.4, 0.2] * 4, 5, Status.TOO_FEW_DISTINCT_PREDICTIONS),
        (
            TIMES,
            [1, 1, 0, 1, 1, 2, 2, 0],
            [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1],
            5,
            Status.MONOTONE_LIKELIHOOD,
        ),
        ([3] * 8, CODES, RISKS, 3, Status.OK),
    ],
)
def test_edges(time, code, risk, horizon, status):
    rng = np.random.default_rng(1)
    found = calibration_curve_t(time, code, risk, horizon=horizon, cause=1, n_resamples=30, rng=rng)
    assert found.status is status
    defined = status is Status.OK
    assert np.isfinite(found.observed).all() == defined
    assert np.isfinite(four(found)).all() == defined
    if not defined:
        assert found.ici.status is status and np.isnan(found.upper).all()


def test_a_cause_that_is_no_whole_number_is_refused():
    with pytest.raises(ValueError, match="`event` must hold whole numbers"):
        calibration_curve_t(TIMES, [0.5] * 8, RISKS, horizon=5, cause=1)
    with pytest.raises(ValueError, match="`event` must"):
        calibration_groups_t(TIMES, CODES, RISKS, horizon=5)
