"""SMOTE: where synthetic patients lie, how many there are, and when there can be none."""

import numpy as np
import pytest

from extval.features.modelling.balancing import balance, neighbors_available


def cohort(n, events, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)), np.arange(n) < events


@pytest.mark.parametrize(("events", "k"), [(12, 5), (4, 3), (2, 1)])
def test_synthetic_patients_lie_between_a_patient_and_a_near_one_of_the_same_outcome(events, k):
    x, is_event = cohort(40, events)
    rows, outcome = balance(x, is_event, random_state=3)
    np.testing.assert_array_equal(rows[:40], x)
    np.testing.assert_array_equal(outcome[:40], is_event)
    assert outcome[40:].all()
    assert outcome.sum() == (~outcome).sum() == 40 - events
    minority = x[is_event]
    for row in rows[40:]:
        found = False
        for start in minority:
            near = np.argsort(np.linalg.norm(minority - start, axis=1))[1 : k + 1]
            for end in minority[near]:
                step = (row - start) @ (end - start) / ((end - start) @ (end - start))
                on_line = np.linalg.norm(start + step * (end - start) - row) < 1e-12
                found |= bool(on_line and -1e-12 <= step <= 1 + 1e-12)
        assert found


def test_the_rarer_outcome_may_be_the_absence_of_the_event():
    x, is_event = cohort(20, 15)
    _, outcome = balance(x, is_event, random_state=0)
    assert not outcome[20:].any() and outcome.size == 30


def test_equal_outcomes_are_left_alone():
    x, is_event = cohort(10, 5)
    rows, outcome = balance(x, is_event, random_state=0)
    assert rows is x and outcome is is_event


def test_the_seed_decides():
    x, is_event = cohort(30, 8)
    first, again, other = (balance(x, is_event, random_state=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(("minority", "k"), [(2, 1), (5, 4), (6, 5), (60, 5)])
def test_neighbours(minority, k):
    assert neighbors_available(minority) == k


@pytest.mark.parametrize("events", [0, 1])
def test_fewer_than_two_are_refused(events):
    with pytest.raises(ValueError, match=r"it needs at least 2 in every training fold"):
        balance(*cohort(10, events), random_state=0)
