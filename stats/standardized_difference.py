"""Standardised mean differences of a baseline table: how unlike two groups are, without a test."""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from extval.stats import _checks
from extval.stats.results import Interval, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardizedDifference:
    """A difference between two groups in units of their common standard deviation.

    Attributes
    ----------
    value : float
        First group minus second; a distance, hence not negative, for three or more categories.
    interval : Interval
        Large-sample confidence interval.
    sizes : tuple of int
        Patients of the two groups.
    method : str
        Definition as used.
    status : Status
        `Status.OK`, or why the difference is NaN.
    """

    value: float
    interval: Interval
    sizes: tuple[int, int]
    method: str
    status: Status = Status.OK


def standardized_mean_difference(
    a: ArrayLike, b: ArrayLike, *, confidence_level: float = 0.95
) -> StandardizedDifference:
    r"""Return the difference of two means over the root of the mean variance.

    Parameters
    ----------
    a, b : array_like of shape (n_a,), (n_b,), finite
        Measurements of the two groups.
    confidence_level : float in (0, 1)
        Level of the interval.

    Returns
    -------
    StandardizedDifference
        NaN with fewer than two patients in a group or when neither varies.

    Raises
    ------
    ValueError
        If a value is not finite.

    Notes
    -----
    :math:`d = (\bar a - \bar b)/\sqrt{(s_a^2 + s_b^2)/2}` [1]_, with the interval
    :math:`d \pm z\sqrt{(n_a + n_b)/(n_a n_b) + d^2/(2(n_a + n_b))}`.

    References
    ----------
    .. [1] Austin (2009), Stat Med 28:3083. :doi:`10.1002/sim.3697`

    Examples
    --------
    >>> round(standardized_mean_difference([1, 2, 3, 4], [2, 4, 6, 9]).value, 3)
    -1.195
    """
    x, y = _checks.vector(a, name="a"), _checks.vector(b, name="b")
    level = _checks.level(confidence_level)
    sizes = (x.size, y.size)
    if min(sizes) < 2:
        return _undefined(sizes, _MEANS, level, Status.TOO_FEW_PER_GROUP)
    spread = sqrt((float(x.var(ddof=1)) + float(y.var(ddof=1))) / 2)
    if max(float(np.ptp(x)), float(np.ptp(y))) == 0:
        return _undefined(sizes, _MEANS, level, Status.NO_COMMON_SPREAD)
    return _result(float(x.mean() - y.mean()) / spread, sizes, _MEANS, level)


def standardized_proportion_difference(
    counts_a: ArrayLike, counts_b: ArrayLike, *, confidence_level: float = 0.95
) -> StandardizedDifference:
    r"""Return the standardised difference of two groups in a categorical variable.

    Parameters
    ----------
    counts_a, counts_b : array_like of int, shape (categories,)
        Patients a category. With two categories the sign is that of the second one.
    confidence_level : float in (0, 1)
        Level of the interval.

    Returns
    -------
    StandardizedDifference
        NaN when a group is empty, or when neither group varies (all in one category, or each
        group in categories where the other has nobody and no spread is left).

    Raises
    ------
    ValueError
        If the counts are not whole, not negative and equally many.

    Notes
    -----
    Two categories: :math:`(p_a - p_b)/\sqrt{(p_a(1-p_a) + p_b(1-p_b))/2}`; more: the Mahalanobis
    distance of the proportions without one category, in the mean of the two multinomial
    covariances (Yang & Dalton 2012), which does not depend on the category left out.

    Examples
    --------
    >>> round(standardized_proportion_difference([40, 60], [55, 45]).value, 3)
    0.304
    """
    table = _checks.contingency(np.stack([np.asarray(counts_a), np.asarray(counts_b)]))
    level = _checks.level(confidence_level)
    sizes = (int(table[0].sum()), int(table[1].sum()))
    if min(sizes) < 1:
        return _undefined(sizes, _PROPORTIONS, level, Status.TOO_FEW_PER_GROUP)
    occupied = table[:, table.sum(axis=0) > 0]
    p = occupied[:, 1:] / np.array(sizes)[:, None]
    gap = p[0] - p[1]
    covariance = sum(np.diag(row) - np.outer(row, row) for row in p) / 2
    if p.shape[1] == 0 or np.linalg.matrix_rank(covariance) < p.shape[1]:
        return _undefined(sizes, _PROPORTIONS, level, Status.NO_COMMON_SPREAD)
    value = sqrt(float(gap @ np.linalg.solve(covariance, gap)))
    if table.shape[1] == 2 and gap[0] < 0:
        value = -value
    return _result(value, sizes, _PROPORTIONS, level)


_MEANS = "difference of means over the root mean variance"
_PROPORTIONS = "Mahalanobis distance of proportions (Yang-Dalton)"


def _result(
    value: float, sizes: tuple[int, int], method: str, level: float
) -> StandardizedDifference:
    n = sum(sizes)
    margin = float(ndtri(0.5 + level / 2)) * sqrt(n / (sizes[0] * sizes[1]) + value**2 / (2 * n))
    return StandardizedDifference(
        value=value,
        interval=Interval(value - margin, value + margin, level),
        sizes=sizes,
        method=method,
    )


def _undefined(
    sizes: tuple[int, int], method: str, level: float, status: Status
) -> StandardizedDifference:
    return StandardizedDifference(
        value=nan,
        interval=Interval.undefined(level),
        sizes=sizes,
        method=method,
        status=status,
    )
