"""Area under part of the ROC curve."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike

from extval.stats import _checks
from extval.stats._resampling import replicate_key
from extval.stats.bootstrap import percentile_interval
from extval.stats.resampled_curves import OperatingPoints, operating_points, resampled_points
from extval.stats.results import Estimate, Interval, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialAuc:
    """The area under part of the ROC curve, as it is and McClish-corrected to 0.5 for chance."""

    raw: Estimate
    corrected: Estimate
    over: str
    low: float
    high: float


def partial_auc(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    low: float,
    high: float,
    n_resamples: int,
    rng: np.random.Generator | None,
    over: str = "specificity",
    confidence_level: float = 0.95,
) -> PartialAuc:
    r"""Estimate the area under the ROC curve over a range of specificity or sensitivity.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    y_score : array_like of shape (n,), finite
        Higher means more likely to have the event.
    low, high : float, 0 <= low < high <= 1
        Range of `over`, for example 0.9 to 1.
    n_resamples : int
        Stratified bootstrap resamples; 0 gives no interval.
    rng : numpy.random.Generator or None
        Needed when `n_resamples` is positive.
    over : {"specificity", "sensitivity"}
        With ``specificity`` the area of sensitivity over it, and the reverse.
    confidence_level : float in (0, 1)

    Returns
    -------
    PartialAuc
        Percentile intervals of both; NaN with one class only.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    The curve is the polygon through the operating points, ties giving a slanted side. With the
    area by chance :math:`c = (h - l) - (h^2 - l^2)/2` and the width :math:`w = h - l`, McClish's
    correction is :math:`(1 + (A - c)/(w - c))/2`. Agrees with R pROC 1.18.0
    ``auc(partial.auc = ...)`` to 1e-12.

    References
    ----------
    McClish (1989), Med Decis Making 9:190. :doi:`10.1177/0272989X8900900307`

    Examples
    --------
    >>> found = partial_auc(
    ...     [0, 0, 0, 1, 1], [1, 2, 4, 3, 5], low=0.5, high=1, n_resamples=0, rng=None
    ... )
    >>> round(found.raw.value, 4), round(found.corrected.value, 4)
    (0.3333, 0.7778)
    """
    is_case = _checks.binary(y_true)
    score = _checks.finite(y_score, is_case.size, name="y_score")
    over = _checks.choice(over, ("specificity", "sensitivity"), name="over")
    low, high = _checks.ordered_units(low, high)
    n_resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    level = _checks.level(confidence_level)

    points = operating_points(is_case, score)
    raw = _areas([points], over, low, high)[0] if points.status is Status.OK else nan
    resampled = None
    if n_resamples and points.status is Status.OK:
        key = replicate_key(_checks.generator(rng))
        resampled = _areas(resampled_points(key, points, n_resamples), over, low, high)
    width = high - low
    chance = width - (high * high - low * low) / 2.0

    def estimate(*, corrected: bool) -> Estimate:
        def scale(area: float) -> float:
            return (1.0 + (area - chance) / (width - chance)) / 2.0 if corrected else area

        se, interval, status, how = nan, Interval.undefined(level), points.status, "no interval"
        if status is Status.OK and resampled is None:
            status = Status.NOT_RESAMPLED
        if resampled is not None:
            found = percentile_interval([scale(a) for a in resampled], confidence_level=level)
            se, interval, status = found.se, found.interval, found.status
            how = f"stratified {found.method}"
        name = "McClish-corrected partial area" if corrected else "partial area"
        return Estimate(
            value=scale(raw),
            se=se,
            interval=interval,
            method=f"{name}, {over} {low:g} to {high:g}; {how}",
            n=is_case.size,
            events=points.n_cases,
            status=status,
        )

    return PartialAuc(
        raw=estimate(corrected=False),
        corrected=estimate(corrected=True),
        over=over,
        low=low,
        high=high,
    )


def _areas(many: Iterable[OperatingPoints], over: str, low: float, high: float) -> list[float]:
    """Return the area under each polygon between `low` and `high` of `over`."""
    areas = []
    for points in many:
        sensitivity, specificity = points.sensitivity, points.specificity
        x, height = (
            (sensitivity, specificity)
            if over == "sensitivity"
            else (specificity[::-1], sensitivity[::-1])
        )
        start, step = x[:-1], np.diff(x)
        sloped = step > 0.0
        slope = np.divide(np.diff(height), step, out=np.zeros(step.size), where=sloped)
        left = np.clip(start, low, high)
        right = np.clip(x[1:], low, high)
        middle = height[:-1] + slope * ((left - start) + (right - start)) / 2.0
        areas.append(float(((right - left) * middle)[sloped].sum()))
    return areas
