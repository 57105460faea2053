"""Fine-Gray regression: explicit weights, invariances, cmprsk and survival, edges."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats._kernels_fine_gray import baseline_steps, maximize, uncensored_before
from extval.stats.competing_risks import aalen_johansen
from extval.stats.cox import cox_regression
from extval.stats.fine_gray import Subdistribution, fine_gray_regression, predicted_incidence
from extval.stats.results import Status
from tests.oracles import fine_gray as oracle
from tests.stats.censored_patients import patients, shuffled

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "fine_gray.json").read_text(encoding="utf-8")
)
CASES = {case["id"]: case for case in REFERENCE["cases"]}


def columns(case):
    """Return the predictors of a case, (n, p)."""
    x = case["x"]
    return np.column_stack(list(x.values())) if isinstance(x, dict) else np.array(x)


@given(patients(kinds=3, least=2), st.integers(1, 2))
def test_matches_the_weighted_data_set(data, p):
    time, kind, scores, _ = data
    x = scores[:p].T
    found = fine_gray_regression(time, kind, x)
    if found.status in {Status.NO_EVENTS, Status.UNINFORMATIVE_PREDICTOR, Status.COLLINEAR}:
        assert np.isnan(found.coefficients).all() and np.isnan(found.covariance).all()
        return
    rows = oracle.weighted_rows(time, kind)
    monotone = oracle.is_monotone(rows, x)
    assert found.status is (Status.MONOTONE_LIKELIHOOD if monotone else Status.OK)
    if monotone:
        return
    wanted = oracle.maximum(rows, x)
    assert_allclose(found.coefficients, wanted, rtol=1e-6, atol=1e-8)
    assert_allclose(
        found.log_likelihood, oracle.log_likelihood(wanted, rows, x), rtol=1e-9, atol=1e-9
    )
    beta = found.coefficients
    _, information = oracle.derivatives(beta, rows, x)
    assert_allclose(found.model_covariance @ information, np.eye(p), atol=1e-7)
    assert_allclose(found.covariance, oracle.sandwich(beta, time, kind, x), rtol=1e-6, atol=1e-9)
    horizon = min(3.0, time.max())
    got = predicted_incidence(found, x[:2], t=horizon)
    incidence = [oracle.incidence(beta, time, kind, x, at, horizon) for at in x[:2]]
    assert_allclose(got, incidence, rtol=1e-8, atol=1e-12)


@given(patients(kinds=3))
def test_the_weights_make_the_aalen_johansen_curve(data):
    """Without predictors the product over the weighted risk sets is the cumulative incidence."""
    time, kind, scores, _ = data
    sets = Subdistribution(time, kind.astype(np.int8), scores.T)
    _, steps = sets.baseline(np.zeros(2))
    product = 1.0 - np.cumprod(1.0 - steps)[np.append(np.flatnonzero(sets.opens)[1:] - 1, -1)]
    wanted = aalen_johansen(time, kind, n_causes=2).incidence[0]
    assert_allclose(product, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_finegray_and_coxph(name):
    case = CASES[name]
    x = columns(case)
    found, wanted = fine_gray_regression(case["time"], case["code"], x), case["finegray"]
    logs = found.log_likelihood_null, found.log_likelihood
    incidence = predicted_incidence(found, x[:5], t=case["horizon"])
    assert_allclose(found.coefficients, wanted["coef"], rtol=1e-8, err_msg="coefficients")
    assert_allclose(found.model_covariance, wanted["var"], rtol=1e-8, err_msg="covariance")
    assert_allclose(logs, wanted["loglik"], rtol=1e-8, err_msg="log likelihood")
    assert_allclose(incidence, wanted["incidence"], rtol=1e-8, err_msg="incidence")


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_crr(name):
    """For crr, censorings at the time of an event are moved a little later."""
    case = CASES[name]
    x = columns(case)
    found, wanted = fine_gray_regression(case["time"], case["code"], x), case["crr"]
    logs = found.log_likelihood_null, found.log_likelihood
    incidence = predicted_incidence(found, x[:5], t=case["horizon"])
    assert_allclose(found.coefficients, wanted["coef"], rtol=1e-8, err_msg="coefficients")
    assert_allclose(found.covariance, wanted["var"], rtol=1e-8, err_msg="sandwich")
    assert_allclose(found.model_covariance, wanted["inverse"], rtol=1e-8, err_msg="covariance")
    assert_allclose(logs, [wanted["null"], wanted["loglik"]], rtol=1e-8, err_msg="log likelihood")
    assert_allclose(incidence, wanted["incidence"], rtol=1e-8, err_msg="incidence")


@given(patients(kinds=2, least=3), st.floats(0.2, 30.0))
def test_without_competing_events_it_is_the_cox_model(data, unit):
    time, event, scores, _ = data
    cox = cox_regression(time, event, scores.T, ties="breslow")
    found = fine_gray_regression(unit * time, event, scores.T)
    assert (found.status is Status.OK) == (cox.status is Status.OK)
    if found.status is Status.OK:
        assert_allclose(found.coefficients, cox.coefficients, rtol=1e-6, atol=1e-8)
        assert_allclose(found.model_covariance, cox.covariance, rtol=1e-6, atol=1e-8)
        assert_allclose(found.log_likelihood, cox.log_likelihood, rtol=1e-9, atol=1e-9)


@given(patients(kinds=4, least=4), st.randoms(use_true_random=False))
def test_order_labels_of_rivals_copies_and_time_scale_do_not_matter(data, random):
    time, codes, scores, _ = data
    found = fine_gray_regression(time, codes, scores.T, cause=2)
    assume(found.status is Status.OK and np.abs(found.coefficients).max() < 8.0)
    order = list(range(time.size))
    random.shuffle(order)
    moved, relabelled = shuffled(order, time, np.array([0, 7, 2, 1])[codes])
    others = (
        (moved, relabelled, scores.T[order]),
        (3.0 * np.sqrt(time), codes, scores.T),
        (np.tile(time, 3), np.tile(codes, 3), np.tile(scores.T, (3, 1))),
    )
    for other in others:
        again = fine_gray_regression(*other, cause=2)
        assert_allclose(again.coefficients, found.coefficients, rtol=1e-6, atol=1e-8)
        assert_allclose(again.hazard, found.hazard, rtol=1e-6)
        copies = again.n / found.n
        assert_allclose(again.covariance * copies, found.covariance, rtol=1e-5, atol=1e-8)


def test_who_left_before_the_first_event_changes_nothing_however_extreme():
    case = CASES["untied"]
    time, code, x = np.array(case["time"]), np.array(case["code"]), columns(case)
    first = time[code > 0].min()
    assert first > 0.0
    found = fine_gray_regression(time, code, x)
    for extreme in (1.0, 2000.0, -2000.0):
        more = np.append(time, first / 2), np.append(code, 0), np.vstack((x, [[extreme, 1.0]]))
        again = fine_gray_regression(*more)
        assert_allclose(again.coefficients, found.coefficients, rtol=1e-8)
        assert_allclose(again.covariance, found.covariance, rtol=1e-8)
        assert_allclose(again.model_covariance, found.model_covariance, rtol=1e-8)
        got, wanted = (predicted_incidence(fit, x[:3], t=6) for fit in (again, found))
        assert_allclose(got, wanted, rtol=1e-8)


@given(patients(kinds=3, least=6), st.lists(st.integers(0, 3), min_size=14, max_size=14))
def test_counted_patients_are_copies(data, counts):
    time, kind, scores, _ = data
    counts = np.array(counts[: time.size], np.int32)
    rows = np.repeat(np.arange(time.size), counts)
    wanted = fine_gray_regression(time[rows], kind[rows], scores.T[rows])
    assume(wanted.status is Status.OK and np.abs(wanted.coefficients).max() < 8.0)
    order = np.lexsort((kind, time))
    kinds, opens = kind[order].astype(np.int8), np.append(True, np.diff(time[order]) != 0)
    drawn, x = counts[order], np.ascontiguousarray(scores.T[order] - wanted.center)
    before, total, steps = np.empty((3, time.size))
    beta = np.zeros(2)
    uncensored_before(kinds, opens, drawn, before)
    assert maximize(kinds, opens, x, drawn, before, np.zeros(2), 60, 1e-9, beta)
    assert_allclose(beta, wanted.coefficients, rtol=1e-6, atol=1e-8)
    baseline_steps(kinds, opens, x, drawn, before, beta, total, steps)
    assert_allclose(np.cumsum(steps[steps > 0]), wanted.hazard, rtol=1e-6)


@pytest.mark.parametrize(
    ("time", "event", "x", "status"),
    [
        ([], [], np.empty((0, 1)), Status.NO_PATIENTS),
        ([1, 2, 3], [0, 0, 0], [[1], [2], [3]], Status.NO_EVENTS),
        ([1, 2, 3], [2, 2, 0], [[1], [2], [3]], Status.NO_EVENTS),
        ([1, 2, 3], [1, 2, 0], [[1], [1], [1]], Status.UNINFORMATIVE_PREDICTOR),
        ([1, 2, 3], [2, 0, 1], [[1], [2], [2]], Status.MONOTONE_LIKELIHOOD),
        ([1, 2, 3, 4], [1, 2, 1, 0], [[4], [3], [2], [1]], Status.OK),
        ([1, 2, 3, 4], [1, 2, 1, 0], [[4], [2], [3], [1]], Status.MONOTONE_LIKELIHOOD),
        ([1, 2, 3, 4], [1, 1, 2, 0], [[4, 8], [2, 4], [3, 6], [1, 2]], Status.COLLINEAR),
        ([1, 1, 1, 1], [1, 1, 2, 0], [[1], [2], [2], [0]], Status.OK),
    ],
)
def test_edges(time, event, x, status):
    found = fine_gray_regression(time, event, x)
    assert found.status is status
    assert found.n == len(time) and found.events == sum(e == 1 for e in event)
    defined = status is Status.OK
    assert np.isfinite(found.coefficients).all() == defined
    assert np.isfinite(predicted_incidence(found, np.zeros((1, found.center.size)), t=0)) == defined
    assert defined == (found.hazard.size > 0)


def test_no_incidence_beyond_follow_up_and_none_before_the_first_event():
    found = fine_gray_regression([1, 2, 3, 4], [1, 2, 1, 0], [[4], [3], [2], [1]])
    assert_array_equal(predicted_incidence(found, [[2], [3]], t=0.5), [0.0, 0.0])
    assert np.isnan(predicted_incidence(found, [[2]], t=4.5)).all()


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="`event` must hold whole numbers"):
        fine_gray_regression([1, 2], [1, 0.5], [[1], [2]])
    with pytest.raises(ValueError, match="`cause` must be an integer of at least 1"):
        fine_gray_regression([1, 2], [1, 0], [[1], [2]], cause=0)
    with pytest.raises(ValueError, match="`x` must have shape"):
        fine_gray_regression([1, 2], [1, 0], [1, 2])
    fit = fine_gray_regression([1, 2, 3, 4], [1, 2, 1, 0], [[4], [3], [2], [1]])
    with pytest.raises(ValueError, match="a row of x"):
        predicted_incidence(fit, [[1, 2]], t=1)
