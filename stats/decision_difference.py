"""Difference in net benefit between two models of the same patients."""

from dataclasses import dataclass
from functools import partial
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from extval.stats import _checks
from extval.stats.bootstrap import percentile_band, percentile_interval
from extval.stats.decision import counts_at, resampled_counts_at
from extval.stats.results import Comparison, Interval, Status

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionDifference:
    """Net benefit of a minus that of b over t thresholds, with pointwise percentile limits.

    `lower` and `upper` are NaN when `n_resamples` is 0.
    """

    thresholds: FloatArray
    difference: FloatArray
    lower: FloatArray
    upper: FloatArray
    n: int
    events: int
    n_resamples: int
    confidence_level: float
    method: str
    status: Status = Status.OK


def decision_curve_difference(
    y_true: ArrayLike,
    prob_a: ArrayLike,
    prob_b: ArrayLike,
    *,
    thresholds: ArrayLike,
    harm: tuple[float, float] = (0.0, 0.0),
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    confidence_level: float = 0.95,
) -> DecisionDifference:
    """Compute the difference between two decision curves.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    prob_a, prob_b : array_like of shape (n,), in [0, 1]
    thresholds : array_like of shape (t,), strictly increasing in [0, 1)
    harm : tuple of two floats, finite
        Harm of obtaining the prediction of a and of b, in net-benefit units; each is subtracted.
    n_resamples : int
        Bootstrap resamples of patients, the same for both models; 0 gives no band.
    rng : numpy.random.Generator or None
        Needed when `n_resamples` is positive.
    confidence_level : float in (0, 1)

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Examples
    --------
    >>> y, a, b = [0, 0, 0, 1], [0.1, 0.3, 0.2, 0.6], [0.3, 0.3, 0.3, 0.4]
    >>> decision_curve_difference(y, a, b, thresholds=[0.2, 0.5]).difference.tolist()
    [0.0625, 0.25]
    """
    is_case = _checks.binary(y_true)
    rows = [
        _checks.probabilities(prob_a, is_case.size, name="prob_a"),
        _checks.probabilities(prob_b, is_case.size, name="prob_b"),
    ]
    grid = _checks.increasing_thresholds(thresholds)
    n_resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    level = _checks.level(confidence_level)
    more = _more_harm(harm)
    n = is_case.size
    difference = np.full(grid.size, nan)
    lower, upper = difference.copy(), difference.copy()
    if n:
        difference = _difference(counts_at(is_case, rows, grid), grid, n) - more
        if n_resamples:
            many, _ = resampled_counts_at(is_case, rows, grid, n_resamples, rng)
            lower, upper = percentile_band(
                _difference(many, grid, n) - more, confidence_level=level
            )
    resampling = f"; bootstrap percentile, {n_resamples} resamples" if n_resamples else ""
    return DecisionDifference(
        thresholds=grid,
        difference=difference,
        lower=lower,
        upper=upper,
        n=n,
        events=int(np.count_nonzero(is_case)),
        n_resamples=n_resamples,
        confidence_level=level,
        method=f"net benefit difference{_harms(harm)}{resampling}",
        status=Status.OK if n else Status.NO_PATIENTS,
    )


def net_benefit_difference(
    y_true: ArrayLike,
    prob_a: ArrayLike,
    prob_b: ArrayLike,
    *,
    threshold: float,
    harm: tuple[float, float] = (0.0, 0.0),
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    confidence_level: float = 0.95,
) -> Comparison:
    r"""Compare the net benefit of two models at one threshold probability.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    prob_a, prob_b : array_like of shape (n,), in [0, 1]
    threshold : float in [0, 1)
    harm : tuple of two floats, finite
        Harm of obtaining the prediction of a and of b, in net-benefit units; each is subtracted.
    n_resamples : int
        Bootstrap resamples of patients; with 0 the interval is Wald's.
    rng : numpy.random.Generator or None
        Needed when `n_resamples` is positive.
    confidence_level : float in (0, 1)

    Returns
    -------
    Comparison
        Net benefit a minus net benefit b. `statistic` and `p_value` are Wald's z test either way;
        models of the same harm that call the same patients positive have P = 1 and the interval
        (0, 0).

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    The mean of what each patient contributes to the difference: :math:`\pm 1` for an event that
    one model alone calls positive, :math:`\mp t/(1-t)` for a non-event, else 0.

    Examples
    --------
    >>> y, a, b = [0, 0, 0, 1], [0.1, 0.3, 0.2, 0.6], [0.3, 0.3, 0.3, 0.4]
    >>> net_benefit_difference(y, a, b, threshold=0.2).difference
    0.0625
    """
    is_case = _checks.binary(y_true)
    a = _checks.probabilities(prob_a, is_case.size, name="prob_a")
    b = _checks.probabilities(prob_b, is_case.size, name="prob_b")
    grid = _checks.increasing_thresholds([threshold], name="threshold")
    n_resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    level = _checks.level(confidence_level)
    more = _more_harm(harm)
    n = is_case.size
    how = f"bootstrap percentile, {n_resamples} resamples" if n_resamples else "Wald"
    result = partial(Comparison, n=n, events=int(np.count_nonzero(is_case)))
    name = f"net benefit difference{_harms(harm)}"
    method = f"{name}; {how}; Wald z"
    undefined = Interval.undefined(level)
    if not n:
        return result(difference=nan, interval=undefined, method=method, status=Status.NO_PATIENTS)
    odds = float(grid[0] / (1.0 - grid[0]))
    only_a, only_b = (a >= grid[0]) & (b < grid[0]), (b >= grid[0]) & (a < grid[0])
    case_a, case_b = (int(np.count_nonzero(only & is_case)) for only in (only_a, only_b))
    control_a, control_b = (int(np.count_nonzero(only & ~is_case)) for only in (only_a, only_b))
    moved = case_a + case_b + control_a + control_b
    if not moved and not more:
        no_width = Interval(0.0, 0.0, level)
        return result(
            difference=0.0,
            se=0.0,
            interval=no_width,
            statistic=0.0,
            p_value=1.0,
            method=method,
        )
    difference = (case_a - case_b - odds * (control_a - control_b)) / n
    # Contribution of a patient, and how many patients make it.
    parts = [(1.0, case_a), (-1.0, case_b), (-odds, control_a), (odds, control_b), (0.0, n - moved)]
    spread = sum(count * (value - difference) ** 2 for value, count in parts)
    if n < 2 or len({value for value, count in parts if count}) == 1:
        return result(
            difference=difference - more,
            interval=undefined,
            method=method,
            status=Status.NO_VARIATION,
        )
    se, difference = sqrt(spread / (n * (n - 1))), difference - more
    statistic = difference / se
    margin = float(ndtri(0.5 + level / 2)) * se
    interval, status = Interval(difference - margin, difference + margin, level), Status.OK
    if n_resamples:
        many, _ = resampled_counts_at(is_case, [a, b], grid, n_resamples, rng)
        found = percentile_interval(_difference(many, grid, n)[:, 0] - more, confidence_level=level)
        se, interval, status = found.se, found.interval, found.status
        method = f"{name}; {found.method}; Wald z"
    return result(
        difference=difference,
        se=se,
        interval=interval,
        statistic=statistic,
        p_value=float(2 * ndtr(-abs(statistic))),
        method=method,
        status=status,
    )


def _difference(positives: NDArray[np.int64], thresholds: FloatArray, n: int) -> FloatArray:
    """Return net benefit a minus b, (..., t), from counts (..., 2, 2, t); whole until the end."""
    more = positives[..., 0, :, :] - positives[..., 1, :, :]
    odds = thresholds / (1.0 - thresholds)
    return np.asarray((more[..., 1, :] - odds * more[..., 0, :]) / n, dtype=np.float64)


def _more_harm(harm: tuple[float, float]) -> float:
    """Return by how much obtaining a's prediction harms more than obtaining b's."""
    of_a, of_b = _checks.finite(harm, 2, name="harm")
    return float(of_a - of_b)


def _harms(harm: tuple[float, float]) -> str:
    return f" less harms of {harm[0]:g} and {harm[1]:g}" if any(harm) else ""
