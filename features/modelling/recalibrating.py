"""From the score of a classifier to a probability, by two numbers learned out of fold."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from extval.stats._checks import BoolArray, FloatArray
from extval.stats.logistic import LogisticFit, fitted
from extval.stats.results import Status

FLAT_NOTE = (
    "Out of fold, a higher score did not go with a higher risk: the recalibration slope is held at "
    "0, and every patient is given the event rate of development."
)
CONSTANT_NOTE = (
    "Out of fold, the score was the same for all patients: the recalibration slope is 0, and every "
    "patient is given the event rate of development."
)
SEPARATED_NOTE = (
    "Out of fold, the score separated the outcomes, for which no logistic recalibration exists: "
    "Platt's smoothed outcomes were used instead of 0 and 1."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibration:
    """The risk is expit(`intercept` + `slope` score); `note` says what was unusual, or is empty."""

    intercept: float
    slope: float
    note: str = ""


def squeezed_logit(probability: FloatArray, n: int) -> FloatArray:
    """Return the logit of probabilities that were moved off 0 and 1 without making ties.

    Parameters
    ----------
    probability : ndarray of float in [0, 1]
        Shares of votes, of a leaf or of neighbours.
    n : int
        Patients in development.

    Returns
    -------
    ndarray
        ``logit((p (n - 1) + 1/2) / n)``: 0 becomes 1/(2n), 1 becomes 1 - 1/(2n), and the order of
        patients is kept, which clipping would not do [1]_.

    References
    ----------
    .. [1] Smithson & Verkuilen (2006), Psychol Methods 11:54. :doi:`10.1037/1082-989X.11.1.54`

    Examples
    --------
    >>> squeezed_logit(np.array([0.0, 0.5, 1.0]), 5).round(4).tolist()
    [-2.1972, 0.0, 2.1972]
    """
    return np.asarray(logit((probability * (n - 1) + 0.5) / n), dtype=np.float64)


def recalibrate(score: FloatArray, is_event: BoolArray) -> Recalibration:
    r"""Estimate intercept and slope of the outcome on out-of-fold scores.

    Parameters
    ----------
    score : ndarray of shape (repeats, n)
        Score of every patient from models fitted without that patient, once a repeat.
    is_event : ndarray of bool, shape (n,)
        Outcome of the same patients; real ones only, never synthetic ones.

    Returns
    -------
    Recalibration
        Maximum-likelihood estimates of the logistic model, all repeats stacked, under the
        condition that the slope is not negative: a higher score never means a lower risk, and
        where the likelihood asks for that the slope is 0.

    Notes
    -----
    Refitting the outcome on the recalibrated linear predictors of the same patients gives
    intercept 0 and slope 1 wherever the slope is positive and the scores do not separate the
    outcomes. Where they do, the outcomes are replaced by
    :math:`(n_1 + 1)/(n_1 + 2)` and :math:`1/(n_0 + 2)` [1]_.

    References
    ----------
    .. [1] Platt (1999), Advances in Large Margin Classifiers, MIT Press, 61.
    """
    repeats = score.shape[0]
    stacked, outcome = score.ravel(), np.tile(is_event, repeats)
    share = np.full(stacked.size, 1.0 / repeats)  # every patient counts once
    events = int(np.count_nonzero(is_event))
    base = float(logit(events / is_event.size))
    if stacked.min() == stacked.max():
        return Recalibration(intercept=base, slope=0.0, note=CONSTANT_NOTE)
    fit, note = _fit(stacked, outcome, share), ""
    if fit.status is not Status.OK:
        high, low = (events + 1) / (events + 2), 1 / (is_event.size - events + 2)
        target = np.where(outcome, high, low)
        fit = _fit(
            np.tile(stacked, 2),
            np.repeat([True, False], stacked.size),
            np.concatenate((share * target, share * (1.0 - target))),
        )
        note = SEPARATED_NOTE
    intercept, slope = (float(value) for value in fit.coefficients)
    if not slope > 0.0:
        return Recalibration(intercept=base, slope=0.0, note=FLAT_NOTE)
    return Recalibration(intercept=intercept, slope=slope, note=note)


def _fit(score: FloatArray, outcome: BoolArray, weight: FloatArray) -> LogisticFit:
    columns = np.column_stack((np.ones(score.size), score))
    return fitted(columns, outcome, weight, np.zeros(score.size))
