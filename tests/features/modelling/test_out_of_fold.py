"""Folds that are even, and predictions by models that never saw the patient."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator

from extval.features.modelling.out_of_fold import out_of_fold, splits, stratified_folds
from extval.features.modelling.outcome import survival


class Memory(BaseEstimator):
    """Predicts 1 for a patient whom it was fitted on, 0 for any other."""

    def fit(self, x, y):
        self.seen_ = set(x.index)
        return self

    def linear_predictor(self, x):
        return np.array([float(label in self.seen_) for label in x.index])


@given(
    events=st.integers(2, 40),
    others=st.integers(2, 40),
    folds=st.integers(2, 10),
    seed=st.integers(0, 99),
)
def test_folds_are_even_in_size_and_in_events(events, others, folds, seed):
    y = np.r_[np.ones(events), np.zeros(others)]
    if min(events, others) < folds:
        with pytest.raises(ValueError, match=f"cannot be spread over {folds} folds"):
            stratified_folds(y, n_folds=folds, random_state=seed)
        return
    fold = stratified_folds(y, n_folds=folds, random_state=seed)
    for member in (y == 1, y == 0, y >= 0):
        sizes = np.bincount(fold[member], minlength=folds)
        assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(fold, stratified_folds(y, n_folds=folds, random_state=seed))


def test_a_time_to_event_is_balanced_by_event():
    event = np.r_[np.ones(6), np.zeros(14)]
    fold = stratified_folds(survival(np.arange(20.0), event), n_folds=3, random_state=1)
    assert np.bincount(fold[:6]).tolist() == [2, 2, 2]


def test_a_fold_of_a_time_to_event_needs_no_censored_patient():
    event = np.r_[np.ones(9), 0.0]
    fold = stratified_folds(survival(np.arange(10.0), event), n_folds=3, random_state=1)
    assert np.bincount(fold).tolist() == [4, 3, 3]


def test_too_few_events_says_how_many_folds_would_do():
    y = np.r_[np.ones(4), np.zeros(30)]
    with pytest.raises(ValueError, match=r"4 events cannot be spread over 10 folds.*at most 4"):
        stratified_folds(y, n_folds=10, random_state=0)


def test_nobody_is_predicted_by_a_model_that_saw_them():
    x = pd.DataFrame({"a": np.arange(12.0)}, index=[f"P{i}" for i in range(12)])
    y = np.tile([0, 1], 6)
    fold = stratified_folds(y, n_folds=4, random_state=3)
    score, fitted = out_of_fold(Memory(), x, y, fold)
    assert score.tolist() == [0.0] * 12
    assert len(fitted) == 4
    for (train, test), model in zip(splits(fold), fitted, strict=True):
        assert model.seen_ == set(x.index[train])
        assert not set(train) & set(test)
