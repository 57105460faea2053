"""Limits of one coefficient of a logistic model where its profile deviance reaches a value."""

from math import inf, nan

import numpy as np
from scipy.special import expit

from extval.stats._checks import BoolArray, FloatArray
from extval.stats.logistic import LogisticFit, fitted
from extval.stats.results import Status


def profile_limit(
    others: FloatArray,
    column: FloatArray,
    shift: FloatArray,
    is_event: BoolArray,
    fit: LogisticFit,
    position: int,
    margin: float,
    drop: float,
) -> float:
    """Return where the profile deviance of the coefficient of `column` has risen by `drop`.

    `fit` is the whole model, with the coefficient at `position` and those of `others`, shape
    (n, p - 1), around it; `margin` is the first step from the estimate and gives the side.
    Newton's method inside a bracket: the derivative of the profile is the score of the
    coefficient. NaN if a profiled fit has no maximum.
    """
    total = np.ones(is_event.size)
    best = float(fit.coefficients[position])
    start = np.delete(fit.coefficients, position)
    inner, outer, value = best, inf * margin, best + margin
    for _ in range(100):
        nuisance = fitted(others, is_event, total, shift + value * column, start=start)
        if nuisance.status is not Status.OK:
            return nan
        start = nuisance.coefficients
        excess = 2.0 * (fit.log_likelihood - nuisance.log_likelihood) - drop
        if excess < 0.0:
            inner = value
        else:
            outer = value
        predictor = shift + value * column + others @ start
        score = float(column @ (is_event - expit(predictor)))
        step = excess / (2.0 * score) if score != 0.0 else nan
        proposal = value + step
        if not min(inner, outer) < proposal < max(inner, outer):
            proposal = 0.5 * (inner + outer) if abs(outer) < inf else 2.0 * value - best
        if abs(proposal - value) <= 1e-13 * max(abs(value), abs(margin)):
            return proposal
        value = proposal
    return value
