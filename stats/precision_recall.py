"""The precision-recall curve and average precision."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._resampling import replicate_key
from extval.stats.bootstrap import percentile_interval
from extval.stats.resampled_curves import OperatingPoints, operating_points, resampled_points
from extval.stats.results import Estimate, Interval, Status

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionRecallCurve:
    """Precision (PPV) and recall (sensitivity) of "positive means score >= threshold".

    One point a distinct score, descending; `prevalence` is the precision of a useless score.
    Empty arrays with one class only.
    """

    thresholds: FloatArray
    precision: FloatArray
    recall: FloatArray
    prevalence: float
    n: int
    events: int
    status: Status = Status.OK


def precision_recall_curve(y_true: ArrayLike, y_score: ArrayLike) -> PrecisionRecallCurve:
    """Return the empirical precision-recall curve.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    y_score : array_like of shape (n,), finite

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Agrees with scikit-learn 1.9 ``precision_recall_curve``, which lists the points the other way
    round and adds the point (precision 1, recall 0), observed nowhere.

    Examples
    --------
    >>> curve = precision_recall_curve([0, 1, 0, 1], [1, 2, 3, 4])
    >>> curve.precision.round(3).tolist(), curve.recall.tolist()
    ([1.0, 0.5, 0.667, 0.5], [0.5, 0.5, 1.0, 1.0])
    """
    is_case = _checks.binary(y_true)
    points = operating_points(is_case, _checks.finite(y_score, is_case.size, name="y_score"))
    ok = points.status is Status.OK
    none = np.empty(0)
    return PrecisionRecallCurve(
        thresholds=points.thresholds if ok else none,
        precision=_precision(points)[1:] if ok else none,
        recall=points.sensitivity[1:] if ok else none,
        prevalence=points.n_cases / is_case.size if is_case.size else nan,
        n=is_case.size,
        events=points.n_cases,
        status=points.status,
    )


def average_precision(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    n_resamples: int,
    rng: np.random.Generator | None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate average precision with a stratified bootstrap interval.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    y_score : array_like of shape (n,), finite
    n_resamples : int
        Resamples within the classes, so that the prevalence, on which average precision depends,
        stays that of the data; 0 gives no interval.
    rng : numpy.random.Generator or None
        Needed when `n_resamples` is positive.
    confidence_level : float in (0, 1)

    Returns
    -------
    Estimate
        NaN with one class only. A useless score has the prevalence ``events / n``.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\sum_k (R_k - R_{k-1}) P_k` over the distinct scores, a sum without interpolation.
    Agrees with scikit-learn 1.9 ``average_precision_score`` to 1e-12.

    Examples
    --------
    >>> found = average_precision([0, 1, 0, 1], [1, 2, 3, 4], n_resamples=0, rng=None)
    >>> round(found.value, 4)
    0.8333
    """
    is_case = _checks.binary(y_true)
    points = operating_points(is_case, _checks.finite(y_score, is_case.size, name="y_score"))
    n_resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    level = _checks.level(confidence_level)
    se, interval, status, how = nan, Interval.undefined(level), points.status, "no interval"
    ok = status is Status.OK
    if ok and n_resamples:
        key = replicate_key(_checks.generator(rng))
        resampled = [_average(each) for each in resampled_points(key, points, n_resamples)]
        found = percentile_interval(resampled, confidence_level=level)
        se, interval, status = found.se, found.interval, found.status
        how = f"stratified {found.method}"
    elif ok:
        status = Status.NOT_RESAMPLED
    return Estimate(
        value=_average(points) if ok else nan,
        se=se,
        interval=interval,
        method=f"average precision; {how}",
        n=is_case.size,
        events=points.n_cases,
        status=status,
    )


def _precision(points: OperatingPoints) -> FloatArray:
    """Return the precision at each point, 0 where nobody is positive."""
    positives = points.true_positives + points.false_positives
    return np.asarray(points.true_positives / np.maximum(positives, 1), dtype=np.float64)


def _average(points: OperatingPoints) -> float:
    gained = np.diff(points.true_positives)
    return float((gained * _precision(points)[1:]).sum()) / points.n_cases
