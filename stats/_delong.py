"""Estimates and paired comparisons of AUCs, read off the exact placement sums."""

from math import isnan, nan, sqrt

from scipy.special import ndtr

from extval.stats import _quick_results as quick
from extval.stats.placements import Placements
from extval.stats.results import Comparison, Estimate, Interval, Status
from extval.stats.roc_intervals import (
    hanley_mcneil_variance,
    logit_interval,
    normal_quantile,
    wald_interval,
)

_NAME = {
    "delong": "Mann-Whitney; DeLong",
    "logit": "Mann-Whitney; DeLong on the logit scale",
    "hanley-mcneil": "Mann-Whitney; Hanley-McNeil",
}
_CERTAIN = (0.0, 1.0)
# Members of an Enum take a search; this one is asked for often.
_OK = Status.OK


def auc_from(found: Placements, j: int, method: str, level: float) -> Estimate:
    """Return the AUC of score j with the interval of a closed-form method."""
    value, se, interval, status = nan, nan, None, found.status
    if status is _OK:
        value = found.auc(j)
        variance = (
            hanley_mcneil_variance(value, found.n_cases, found.n_controls)
            if method == "hanley-mcneil"
            else found.variance(j)
        )
        if variance > 0.0:
            se = sqrt(variance)
            interval = (
                logit_interval(value, normal_quantile(level) * se, level)
                if method == "logit"
                else wald_interval(value, se, level, low=0.0, high=1.0)
            )
        elif isnan(variance):
            status = Status.TOO_FEW_PER_CLASS
        else:
            status = Status.CONSTANT_SCORE if 0.0 < value < 1.0 else Status.PERFECT_SEPARATION
    return quick.estimate(
        value,
        se,
        interval or Interval.undefined(level),
        _NAME[method],
        found.n,
        found.n_cases,
        status,
    )


def difference_from(found: Placements, a: int, b: int, level: float) -> Comparison:
    """Return AUC a minus AUC b with its paired DeLong test."""
    difference, se, statistic, p_value = nan, nan, nan, nan
    interval, status = None, found.status
    if status is _OK:
        difference, variance = found.auc_difference(a, b), found.difference_variance(a, b)
        if variance > 0.0:
            se = sqrt(variance)
            margin = normal_quantile(level) * se
            interval = quick.interval(difference - margin, difference + margin, level)
            statistic = difference / se
            p_value = float(2 * ndtr(-abs(statistic)))
            status = caution(found.auc(a), found.auc(b))
        elif isnan(variance):
            status = Status.TOO_FEW_PER_CLASS
        elif difference != 0.0:
            status = Status.ZERO_VARIANCE
        else:
            difference, se, statistic, p_value = 0.0, 0.0, 0.0, 1.0
            interval = Interval(0.0, 0.0, level)
    return quick.comparison(
        difference,
        se,
        interval or Interval.undefined(level),
        statistic,
        nan,
        p_value,
        "Mann-Whitney; DeLong, paired",
        found.n,
        found.n_cases,
        status,
    )


def caution(auc_a: float, auc_b: float) -> Status:
    """Return the caution that an AUC of exactly 0 or 1 asks for."""
    certain = auc_a in _CERTAIN or auc_b in _CERTAIN
    return Status.ONE_AUC_PERFECT if certain else _OK
