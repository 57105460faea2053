"""A confidence band for the ROC curve."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._resampling import replicate_key
from extval.stats.bootstrap import percentile_band
from extval.stats.resampled_curves import OperatingPoints, operating_points, resampled_points
from extval.stats.results import Status

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RocBand:
    """Sensitivity at given specificities with pointwise limits; NaN with one class only."""

    specificity: FloatArray
    sensitivity: FloatArray
    lower: FloatArray
    upper: FloatArray
    n: int
    events: int
    n_resamples: int
    confidence_level: float
    method: str
    status: Status = Status.OK


def roc_band(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    specificity: ArrayLike,
    n_resamples: int,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> RocBand:
    """Estimate sensitivity at given specificities with a pointwise bootstrap band.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    y_score : array_like of shape (n,), finite
    specificity : array_like of shape (g,), in [0, 1]
    n_resamples : int, at least 2
        Patients with and without the event are resampled apart.
    rng : numpy.random.Generator
    confidence_level : float in (0, 1)
        Of each point, not of the whole curve.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Between operating points sensitivity is interpolated linearly; where several have the
    specificity, the highest sensitivity is taken. Agrees with R pROC 1.18.0 ``coords`` to 1e-12
    and with ``ci.se`` up to Monte Carlo error.
    A band touches 0 or 1 where few patients lie: it is then too narrow.

    Examples
    --------
    >>> band = roc_band(
    ...     [0, 0, 1, 1],
    ...     [1, 3, 2, 4],
    ...     specificity=[0.5, 0.75],
    ...     n_resamples=200,
    ...     rng=np.random.default_rng(1),
    ... )
    >>> band.sensitivity.tolist()
    [1.0, 0.5]
    """
    is_case = _checks.binary(y_true)
    score = _checks.finite(y_score, is_case.size, name="y_score")
    wanted = _checks.vector(specificity, name="specificity")
    _checks.probabilities(wanted, wanted.size, name="specificity")
    n_resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=2)
    level = _checks.level(confidence_level)
    key = replicate_key(_checks.generator(rng))

    points = operating_points(is_case, score)
    found = lower = upper = np.full(wanted.size, nan)
    if points.status is Status.OK:
        found = sensitivity_at(points, wanted)
        resampled = np.array(
            [sensitivity_at(each, wanted) for each in resampled_points(key, points, n_resamples)]
        )
        lower, upper = percentile_band(resampled, confidence_level=level)
    return RocBand(
        specificity=wanted,
        sensitivity=found,
        lower=lower,
        upper=upper,
        n=is_case.size,
        events=points.n_cases,
        n_resamples=n_resamples,
        confidence_level=level,
        method=f"empirical ROC; stratified bootstrap percentile, {n_resamples} resamples",
        status=points.status,
    )


def sensitivity_at(points: OperatingPoints, specificity: FloatArray) -> FloatArray:
    """Return the sensitivity of the ROC polygon at each specificity, shape (g,)."""
    y, x = points.sensitivity, points.specificity
    # Specificity descends from 1: the last point that still reaches the wanted one.
    at = x.size - 1 - np.searchsorted(x[::-1], specificity, side="left")
    following = np.minimum(at + 1, x.size - 1)
    gap = x[at] - x[following]
    part = np.divide(x[at] - specificity, gap, out=np.zeros(at.size), where=gap > 0.0)
    return y[at] + part * (y[following] - y[at])
