"""`extval.stats.censoring` against its definition, its invariances and its edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats.censoring import censoring_weights
from extval.stats.kaplan_meier import kaplan_meier, survival_at
from extval.stats.results import Status
from tests.oracles import ipcw as oracle
from tests.stats.censored_patients import CASES, patients, shuffled

HORIZONS = st.sampled_from([0.0, 1.0, 2.5, 4.0, 6.0, 9.0])


@given(patients(), HORIZONS)
def test_matches_the_definition(data, horizon):
    time, event, _, _ = data
    found = censoring_weights(time, event, horizon=horizon)
    wanted = oracle.weights(time, event, horizon)
    if wanted is None:
        assert found.status is Status.BEYOND_FOLLOW_UP
        assert np.isnan(found.weights).all() and np.isnan([found.mean, found.largest]).all()
        return
    assert_allclose(found.weights, wanted, rtol=1e-13)
    assert found.known == np.count_nonzero(wanted)
    assert found.largest == found.weights.max()


@given(patients(), HORIZONS)
def test_weights_of_ones_own_patients_average_one(data, horizon):
    time, event, _, _ = data
    found = censoring_weights(time, event, horizon=horizon)
    if found.status is Status.OK:
        assert_allclose(found.mean, 1.0, rtol=1e-13)
        by_then = found.weights[(time <= horizon) & (event == 1)].sum() / time.size
        survival = survival_at(kaplan_meier(time, event), horizon).value
        assert_allclose(by_then, 1 - survival, rtol=1e-12, atol=1e-14)


@given(patients(), HORIZONS, st.randoms(use_true_random=False))
def test_order_of_patients_does_not_matter(data, horizon, random):
    time, event, _, _ = data
    order = list(range(time.size))
    random.shuffle(order)
    found = censoring_weights(time, event, horizon=horizon)
    moved = censoring_weights(*shuffled(order, time, event), horizon=horizon)
    assert_array_equal(moved.weights, found.weights[order])


def test_weights_of_another_cohort_give_themselves_away():
    case = CASES["rotterdam-gbsg"]
    time, event = np.array(case["time"]), np.array(case["event"])
    own = censoring_weights(time, event, horizon=4.99)
    assert abs(own.mean - 1.0) < 1e-12
    assert own.known == np.count_nonzero((time > 4.99) | (event == 1))


def test_events_come_before_censorings_at_the_same_time():
    found = censoring_weights([1, 1, 2, 3], [1, 0, 1, 1], horizon=2.5)
    assert_allclose(found.weights, [1.0, 0.0, 1.5, 1.5], rtol=1e-15)


def test_a_patient_censored_exactly_at_the_horizon_is_not_counted():
    found = censoring_weights([1, 2, 3], [1, 0, 0], horizon=2)
    assert found.weights.tolist() == [1.0, 0.0, 2.0]


def test_administrative_censoring_at_the_horizon_counts_as_free():
    found = censoring_weights([1, 2, 3, 3], [1, 0, 0, 0], horizon=3)
    assert_allclose(found.weights, [1.0, 0.0, 1.5, 1.5], rtol=1e-15)
    just_before = censoring_weights([1, 2, 3, 3], [1, 0, 0, 0], horizon=2.999)
    assert_array_equal(found.weights, just_before.weights)


@pytest.mark.parametrize(
    ("time", "event", "horizon", "status"),
    [
        ([], [], 1.0, Status.NO_PATIENTS),
        ([1.0, 2.0], [1, 0], 2.5, Status.BEYOND_FOLLOW_UP),
        ([1.0, 2.0], [0, 1], 2.5, Status.OK),
        ([0.0], [0], 0.0, Status.OK),
        ([0.0], [1], 0.0, Status.OK),
        ([1.0, 2.0], [0, 0], 0.5, Status.OK),
        ([1.0, 2.0], [0, 0], 1.5, Status.OK),
    ],
)
def test_edges(time, event, horizon, status):
    found = censoring_weights(time, event, horizon=horizon)
    assert found.status is status
    assert np.isnan(found.mean) != (status is Status.OK)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="`horizon` must be finite and not negative; got -1"):
        censoring_weights([1], [1], horizon=-1)
    with pytest.raises(ValueError, match="`event` must have 2 entries"):
        censoring_weights([1, 2], [1], horizon=1)
