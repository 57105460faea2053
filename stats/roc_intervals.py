"""Intervals of an AUC besides DeLong's Wald interval."""

from functools import cache
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri

from extval.stats import _checks
from extval.stats import _quick_results as quick
from extval.stats._kernels_roc import resampled_levels
from extval.stats._resampling import WORDS_AT_ONCE, replicate_key, room_for_rows
from extval.stats.bootstrap import bca_interval, percentile_interval
from extval.stats.placements import doubled_placements
from extval.stats.results import Estimate, Interval, Status


def auc_bootstrap(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    method: str = "percentile",
    confidence_level: float = 0.95,
) -> Estimate:
    """Estimate the area under the ROC curve with a stratified bootstrap interval.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    y_score : array_like of shape (n,), finite
        Higher means more likely to have the event; a tied pair counts one half.
    n_resamples : int, at least 2
        Patients with and without the event are resampled apart, so every resample has as many
        events as the data.
    rng : numpy.random.Generator
    method : {"percentile", "bca"}
    confidence_level : float in (0, 1)

    Returns
    -------
    Estimate
        `se` is the standard deviation over resamples. The interval is NaN with fewer than two
        patients a class and where the resamples cannot vary (complete separation, constant score).

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    The percentile interval agrees with R pROC 1.18.0 ``ci.auc(method = "bootstrap")`` up to Monte
    Carlo error. Resamples are counts over the scores sorted once.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> found = auc_bootstrap([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], n_resamples=500, rng=rng)
    >>> round(found.value, 4), found.method
    (0.8889, 'Mann-Whitney; stratified bootstrap percentile, 500 resamples')
    """
    is_case = _checks.binary(y_true)
    score = _checks.finite(y_score, is_case.size, name="y_score")
    n_resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=2)
    method = _checks.choice(method, ("percentile", "bca"), name="method")
    level = _checks.level(confidence_level)
    key = replicate_key(_checks.generator(rng))

    m = int(np.count_nonzero(is_case))
    n = is_case.size - m
    value, se, interval = np.nan, np.nan, Interval.undefined(level)
    how = f"bootstrap {'BCa' if method == 'bca' else 'percentile'}, {n_resamples} resamples"
    status = Status.OK if m and n else Status.ONE_CLASS if m + n else Status.NO_PATIENTS
    if status is Status.OK:
        wins = doubled_placements(is_case, score[np.newaxis])[0].astype(np.int64)
        value = int(wins[:m].sum()) / (2 * m * n)
        if value in {0.0, 1.0}:
            status = Status.PERFECT_SEPARATION
        elif wins[:m].max() == wins[:m].min() and wins[m:].max() == wins[m:].min():
            status = Status.CONSTANT_SCORE
        elif min(m, n) < 2:
            status = Status.TOO_FEW_PER_CLASS
    if status is Status.OK:
        resampled = _resampled_aucs(key, score[is_case], score[~is_case], n_resamples)
        found = (
            percentile_interval(resampled, confidence_level=level)
            if method == "percentile"
            else bca_interval(
                resampled,
                value,
                _jackknife(wins, m, n),
                strata=np.arange(m + n) < m,
                confidence_level=level,
            )
        )
        se, interval, how, status = found.se, found.interval, found.method, found.status
    return Estimate(
        value=value,
        se=se,
        interval=interval,
        method=f"Mann-Whitney; stratified {how}",
        n=m + n,
        events=m,
        status=status,
    )


def hanley_mcneil_variance(value: float, n_cases: int, n_controls: int) -> float:
    """Return the variance of an AUC under exponential scores; exactly 0 at an AUC of 0 or 1."""
    if value in {0.0, 1.0}:
        return 0.0
    square = value * value
    q1 = value / (2.0 - value)
    q2 = 2.0 * square / (1.0 + value)
    spread = (
        value * (1.0 - value) + (n_cases - 1) * (q1 - square) + (n_controls - 1) * (q2 - square)
    )
    return spread / (n_cases * n_controls)


def wald_interval(
    value: float, se: float, level: float, *, low: float = -inf, high: float = inf
) -> Interval:
    """Return the Wald interval, clipped to ``[low, high]``."""
    margin = normal_quantile(level) * se
    return quick.interval(max(low, value - margin), min(high, value + margin), level)


def logit_interval(value: float, margin: float, level: float) -> Interval:
    """Return the interval ``logit(value) +- margin/(value (1 - value))``, transformed back."""
    center, reach = logit(value), margin / (value * (1.0 - value))
    return Interval(float(expit(center - reach)), float(expit(center + reach)), level)


@cache
def normal_quantile(level: float) -> float:
    """Return how many standard errors a two-sided interval of this level reaches each way."""
    return float(ndtri(0.5 + level / 2))


def _resampled_aucs(
    key: np.uint64,
    case_scores: NDArray[np.float64],
    control_scores: NDArray[np.float64],
    n_resamples: int,
) -> NDArray[np.float64]:
    """Return the AUC of each resample; the smaller class is counted, the larger drawn."""
    cases, controls = np.sort(case_scores), np.sort(control_scores)
    cases_drawn = cases.size > controls.size
    drawn, counted = (cases, controls) if cases_drawn else (controls, cases)
    below = counted.searchsorted(drawn, side="left")
    up_to = counted.searchsorted(drawn, side="right")
    codes = below
    if np.array_equal(below, up_to):
        below = up_to = below[:0]
    else:
        # Both ascend, so that their sum tells where either does.
        new = np.diff(below + up_to, prepend=-1) > 0
        codes, below, up_to = np.cumsum(new) - 1, below[new], up_to[new]
    words = np.empty(WORDS_AT_ONCE, np.uint64)
    sums = np.empty(n_resamples, np.int64)
    resampled_levels(
        key,
        codes.astype(np.uint16 if codes[-1] < 2**16 else np.uint32),
        below.astype(np.int32),
        up_to.astype(np.int32),
        words,
        room_for_rows(words, counted.size),
        room_for_rows(words, drawn.size),
        np.empty(counted.size, np.int32),
        np.empty(counted.size + 1, np.int32),
        sums,
    )
    doubled_pairs = 2 * cases.size * controls.size
    return (sums if cases_drawn else doubled_pairs - sums) / doubled_pairs


def _jackknife(wins: NDArray[np.int64], m: int, n: int) -> NDArray[np.float64]:
    """Return the AUC without each patient in turn, cases first; at least two a class."""
    total = int(wins[:m].sum())
    pairs = np.where(np.arange(m + n) < m, 2 * (m - 1) * n, 2 * m * (n - 1))
    return (total - wins) / pairs
