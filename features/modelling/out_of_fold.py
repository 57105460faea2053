"""Predictions for patients whom the model was not fitted on: the whole procedure, fold by fold."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from extval.features.modelling.outcome import is_survival
from extval.features.modelling.patients import rows_by_patient
from extval.stats._checks import FloatArray


def stratified_folds(y: NDArray[Any], *, n_folds: int, random_state: int) -> NDArray[np.intp]:
    """Return the fold of every patient, events spread evenly over the folds.

    Parameters
    ----------
    y : ndarray of shape (n,)
        0/1, or a time to event, whose folds are balanced by event.
    n_folds : int, at least 2
        Folds.
    random_state : int
        Seed of the draw.

    Returns
    -------
    ndarray of int, shape (n,)
        From 0 to ``n_folds - 1``. Within events, and within the others, the sizes of the folds
        differ by at most 1, and so do the sizes of the folds altogether.

    Raises
    ------
    ValueError
        If there are fewer events than folds, or fewer patients without one where the outcome is
        0/1 (of a time to event, a fold needs no censored patient).
    """
    event = _event(y)
    events, others = int(np.count_nonzero(event)), int(np.count_nonzero(~event))
    fewest = events if is_survival(y) else min(events, others)
    if fewest < n_folds:
        kind = "events" if events == fewest else "patients without the event"
        raise ValueError(
            f"{fewest} {kind} cannot be spread over {n_folds} folds, each of which needs one. "
            f"Use at most {fewest} folds{'' if fewest >= 2 else ', which is too few for any'}."
        )
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(random_state)))
    fold = np.empty(event.size, dtype=np.intp)
    dealt = 0
    for member in (event, ~event):  # dealt like cards, going on where the last card fell
        rows = rng.permutation(np.flatnonzero(member))
        fold[rows] = (dealt + np.arange(rows.size)) % n_folds
        dealt += rows.size
    return fold


def patient_folds(
    x: pd.DataFrame, y: NDArray[Any], *, n_folds: int, random_state: int
) -> NDArray[np.intp]:
    """Return `stratified_folds` of the patients in the index; all rows of one share a fold."""
    first, patient = rows_by_patient(x, len(x))
    fold = stratified_folds(y[first], n_folds=n_folds, random_state=random_state)
    return np.asarray(fold[patient])


def out_of_fold(
    estimator: Any, x: pd.DataFrame, y: NDArray[Any], fold: NDArray[np.intp]
) -> tuple[FloatArray, list[Any]]:
    """Return each patient's linear predictor from a model fitted without the patient's fold.

    Parameters
    ----------
    estimator : object with `fit` and `linear_predictor`
        The whole procedure; it is cloned before every fit.
    x : DataFrame of n rows
        One row a patient.
    y : ndarray of shape (n,)
        Outcome.
    fold : ndarray of int, shape (n,)
        Fold of every patient.

    Returns
    -------
    score : ndarray of shape (n,)
        Linear predictors.
    fitted : list
        The fitted clones, one a fold, in the order of the folds.
    """
    score = np.full(len(x), np.nan)
    fitted = []
    for train, test in splits(fold):
        model = clone(estimator).fit(x.iloc[train], y[train])
        score[test] = model.linear_predictor(x.iloc[test])
        fitted.append(model)
    return score, fitted


def splits(fold: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the rows to fit on and the rows to predict, fold by fold."""
    for k in range(int(fold.max()) + 1):
        yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)


def _event(y: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(y["event"] if is_survival(y) else np.asarray(y) == 1)
