"""From the influence of each patient on an estimate to its interval, and to a paired test."""

from math import inf, isnan, nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from extval.stats.results import Comparison, Estimate, Interval, Status

FloatArray = NDArray[np.float64]

# Sums in floating point leave this much, relative to the scale of the values, where the exact
# influences are all equal: 1e-12 is far above rounding and far below one patient in a million.
_EQUAL = 1e-12


def standard_error(influence: FloatArray, *, scale: float = 1.0) -> float:
    """Return the standard error of an estimate from its influence values.

    Parameters
    ----------
    influence : ndarray of shape (n,)
        Scaled so that the estimate is the truth plus their mean.
    scale : float
        Size of the terms they were added up from, for telling zero from rounding.

    Returns
    -------
    float
        Standard deviation (divisor n - 1) over root n; exactly 0 when all influences agree, NaN
        for fewer than two patients.
    """
    if influence.size < 2:
        return nan
    low, high = float(influence.min()), float(influence.max())
    if high - low <= _EQUAL * max(scale, -low, high):
        return 0.0
    centered = influence - influence.mean()
    n = influence.size
    return sqrt(float((centered * centered).sum()) / (n - 1) / n)


def wald_estimate(
    value: float,
    se: float,
    *,
    level: float,
    method: str,
    n: int,
    events: int,
    low: float = -inf,
    high: float = inf,
    if_zero: Status = Status.NO_VARIATION,
    caution: Status = Status.OK,
) -> Estimate:
    """Return the normal interval around `value`, kept within [low, high].

    A standard error of NaN (too few patients) or 0 gives no interval and says why; otherwise
    `caution` is the status.
    """
    status, interval = caution, Interval.undefined(level)
    if isnan(se):
        status = Status.TOO_FEW_PATIENTS
    elif se == 0.0:
        status = if_zero
    else:
        margin = float(ndtri(0.5 + level / 2)) * se
        interval = Interval(max(low, value - margin), min(high, value + margin), level)
    return Estimate(
        value=value, se=se, interval=interval, method=method, n=n, events=events, status=status
    )


def undefined_estimate(
    status: Status, *, level: float, method: str, n: int, events: int
) -> Estimate:
    """Return the estimate that `status` says cannot be had."""
    return Estimate(
        value=nan,
        interval=Interval.undefined(level),
        method=method,
        n=n,
        events=events,
        status=status,
    )


def wald_comparison(
    difference: float,
    se: float,
    *,
    level: float,
    method: str,
    n: int,
    events: int,
    caution: Status = Status.OK,
) -> Comparison:
    """Return the normal test of a difference of zero.

    Zero difference with zero variance is P = 1 with an interval of no width; a difference that
    does not vary has no test.
    """
    margin = float(ndtri(0.5 + level / 2)) * se
    interval = Interval(difference - margin, difference + margin, level)
    statistic, p_value, status = nan, nan, caution
    if isnan(se):
        status = Status.TOO_FEW_PATIENTS
    elif se > 0.0:
        statistic = difference / se
        p_value = float(2 * ndtr(-abs(statistic)))
    elif abs(difference) <= _EQUAL:
        difference, statistic, p_value = 0.0, 0.0, 1.0
        interval = Interval(0.0, 0.0, level)
    else:
        interval, status = Interval.undefined(level), Status.DIFFERENCE_WITHOUT_VARIATION
    return Comparison(
        difference=difference,
        se=nan if status is Status.DIFFERENCE_WITHOUT_VARIATION else se,
        interval=interval,
        statistic=statistic,
        p_value=p_value,
        method=method,
        n=n,
        events=events,
        status=status,
    )


def undefined_comparison(
    status: Status, *, level: float, method: str, n: int, events: int
) -> Comparison:
    """Return the comparison that `status` says cannot be had."""
    return Comparison(
        difference=nan,
        p_value=nan,
        interval=Interval.undefined(level),
        method=method,
        n=n,
        events=events,
        status=status,
    )
