"""Folds of a cross-validated LASSO, and what the patients held out say at every lambda."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from extval.features.modelling._lasso_lockstep import Lockstep, Task, saturated_cox
from extval.stats._checks import BoolArray, FloatArray
from extval.stats.placements import placements

Folds = NDArray[np.intp]

MEASURES = {
    "logistic": ("deviance", "auc", "misclassification"),
    "linear": ("deviance",),
    "cox": ("deviance",),
}
PROBABILITY_LIMIT = 1e-5  # as in glmnet: one patient must not make a deviance infinite


def strata(task: Task) -> BoolArray | None:
    """Return who has the event; None for a continuous outcome, which has no strata."""
    values = np.unique(task.y)
    return task.y == 1.0 if np.isin(values, (0.0, 1.0)).all() else None


def draw_folds(task: Task, *, n_folds: int, repeats: int, random_state: int) -> Folds:
    """Return `repeats` draws of balanced folds, stratified by event, shape (repeats, n)."""
    event = strata(task)
    n = task.y.size
    fewest, kind = n, "patients"
    if event is not None:
        fewest, kind = int(np.count_nonzero(event)), "events"
        if task.family != "cox" and n - fewest < fewest:
            fewest, kind = n - fewest, "patients without the event"
    if fewest < n_folds:
        raise ValueError(
            f"{fewest} {kind} cannot be spread over {n_folds} folds, each of which needs one. "
            f"Use `n_folds` <= {fewest}."
        )
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(random_state)))
    folds = np.empty((repeats, n), np.intp)
    for fold in folds:
        order = rng.permutation(n)
        if event is not None:  # those with the event are dealt first, then the others follow on
            order = np.concatenate([order[event[order]], order[~event[order]]])
        fold[order] = np.arange(n) % n_folds
    return folds


def given_folds(task: Task, folds: ArrayLike) -> tuple[Folds, int]:
    """Return folds from 0, shape (repeats, n), and how many; every fold must be of use."""
    given = np.atleast_2d(np.asarray(folds))
    n = task.y.size
    if given.ndim != 2 or given.shape[1] != n or given.dtype.kind not in "iuf":
        raise ValueError(f"`folds` must hold a number a patient, shape ({n},); got {given.shape}.")
    labels, codes = np.unique(given, return_inverse=True)
    codes = codes.reshape(given.shape).astype(np.intp)
    if labels.size < 2:
        raise ValueError("`folds` must hold at least 2 different folds; got 1.")
    event = strata(task)
    for row in codes:
        for k in range(labels.size):
            held = row == k
            if not held.any():
                raise ValueError(f"`folds` has no patient in fold {labels[k]}.")
            if event is None:
                continue
            fitted = event[~held]
            if not fitted.any() or (task.family == "logistic" and fitted.all()):
                left = "one outcome only" if task.family == "logistic" else "no event"
                raise ValueError(f"`folds` leaves {left} outside fold {labels[k]}.")
            if task.family == "cox" and not event[held].any():
                raise ValueError(f"`folds` has no event in fold {labels[k]}; each needs one.")
    return codes, int(labels.size)


def by_fold(
    task: Task, run: Lockstep, folds: Folds, n_folds: int, measure: str
) -> tuple[FloatArray, FloatArray]:
    """Return the measure (repeats, k, L) of every fold, and the weight (repeats, k) of each."""
    values = np.empty((len(folds), n_folds, run.lambdas.size))
    weights = np.empty((len(folds), n_folds))
    if task.time is not None:
        saturated = saturated_cox(task.time, task.y)
    for r, fold in enumerate(folds):
        loss = None if measure == "auc" or task.family == "cox" else _losses(task, run, r, measure)
        for k in range(n_folds):
            held = fold == k
            weights[r, k] = np.count_nonzero(held)
            if loss is not None:
                values[r, k] = loss[:, held].mean(axis=1)
            elif task.time is None:
                values[r, k] = _auc(task.y[held] == 1.0, run.held_out[r][:, held], fold=k)
            else:
                weights[r, k] = task.y[held].sum()
                rise = run.held_out_loss[r, :, k]
                rise = rise - saturated + saturated_cox(task.time[~held], task.y[~held])
                values[r, k] = 2.0 * rise / weights[r, k]
    return values, weights


def _losses(task: Task, run: Lockstep, r: int, measure: str) -> FloatArray:
    """Return the loss of every patient held out, shape (L, n)."""
    if task.family == "linear":
        return np.asarray((task.y - run.held_out[r]) ** 2)
    probability = expit(run.held_out[r])
    if measure == "misclassification":
        return np.asarray((probability > 0.5) != (task.y == 1.0), dtype=np.float64)
    probability = np.clip(probability, PROBABILITY_LIMIT, 1.0 - PROBABILITY_LIMIT)
    return np.asarray(-2.0 * np.log(np.where(task.y == 1.0, probability, 1.0 - probability)))


def _auc(is_case: BoolArray, scores: FloatArray, *, fold: int) -> FloatArray:
    if is_case.all() or not is_case.any():
        raise ValueError(
            f"`measure` cannot be auc: the patients of fold {fold} all have the same outcome. "
            "Use fewer folds, or the deviance."
        )
    sums = placements(is_case, np.ascontiguousarray(scores))
    return np.array([sums.auc(i) for i in range(len(scores))])


def curve(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean (L,) and standard error (L,) over folds, averaged over repeats.

    The standard error is that of one draw of folds: the draws share their patients, so that more
    of them do not make the mean more certain.
    """
    share = (weights / weights.sum(axis=1, keepdims=True))[:, :, None]
    mean = (share * values).sum(axis=1, keepdims=True)
    variance = (share * (values - mean) ** 2).sum(axis=1) / (values.shape[1] - 1)
    return mean[:, 0].mean(axis=0), np.sqrt(variance).mean(axis=0)


def chosen_lambdas(measure: str, mean: FloatArray, se: FloatArray) -> tuple[int, int]:
    """Return the index of the best lambda, and of the largest within a standard error of it."""
    loss = -mean if measure == "auc" else mean
    best = int(np.argmin(loss))  # the first of equals is the largest lambda
    return best, int(np.flatnonzero(loss <= loss[best] + se[best])[0])
