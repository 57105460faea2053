"""Bland-Altman limits of agreement between two readings of the same subjects."""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import nctdtrit, ndtri, stdtr, stdtrit

from extval.stats import _checks
from extval.stats.results import Interval, Status

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlandAltman:
    """How far two readings of a subject lie apart.

    Attributes
    ----------
    bias, bias_interval : float, Interval
        Mean of the differences a - b, with its t interval.
    sd : float
        Standard deviation of the differences.
    lower_limit, lower_interval, upper_limit, upper_interval : float, Interval, float, Interval
        Limits of agreement, between which `agreement_level` of the differences are expected, each
        with its own confidence interval.
    agreement_level : float
        Share of differences meant by the limits.
    slope, slope_interval, slope_p_value : float, Interval, float
        Regression of the difference on the mean of the two readings: a proportional bias.
    n, n_excluded : int
        Complete pairs, and pairs left out because a reading was missing.
    method : str
        Interval method as run.
    status : Status
        `Status.OK`, or what is NaN and why.
    """

    bias: float
    bias_interval: Interval
    sd: float
    lower_limit: float
    lower_interval: Interval
    upper_limit: float
    upper_interval: Interval
    agreement_level: float
    slope: float
    slope_interval: Interval
    slope_p_value: float
    n: int
    n_excluded: int
    method: str
    status: Status


def bland_altman(
    a: ArrayLike,
    b: ArrayLike,
    *,
    method: str = "exact",
    agreement_level: float = 0.95,
    confidence_level: float = 0.95,
) -> BlandAltman:
    r"""Estimate bias and limits of agreement of two readings, each with its interval.

    Parameters
    ----------
    a, b : array_like of shape (n,), finite or NaN
        The two readings of every subject in the same unit; a pair with NaN is left out and
        counted.
    method : {"exact", "approximate"}
        Interval of the limits: from the non-central t distribution, or Bland and Altman's
        large-sample standard error with Student's t.
    agreement_level : float in (0, 1)
        Share of differences between the limits, 0.95 for bias plus and minus 1.96 sd.
    confidence_level : float in (0, 1)
        Level of all intervals.

    Returns
    -------
    BlandAltman
        NaN with fewer than two complete pairs. When all differences are equal the limits equal
        the bias and have no interval. The slope needs three pairs and means that vary.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With mean d and standard deviation s of the differences and :math:`z = \Phi^{-1}`, the upper
    limit is :math:`d + zs`. Approximate [1]_: variance :math:`s^2(1/n + z^2/(2(n-1)))`. Exact
    [2]_: :math:`d + s\,t_{n-1,\,z\sqrt n}^{-1}(p)/\sqrt n` at the two tail probabilities p, where
    the second index is the non-centrality. Agrees with these formulas in R 4.2.2 (``qt`` with
    ``ncp``) to 1e-9.

    References
    ----------
    .. [1] Bland & Altman (1999), Stat Methods Med Res 8:135. :doi:`10.1177/096228029900800204`
    .. [2] Carkeet (2015), Optom Vis Sci 92:e71. :doi:`10.1097/OPX.0000000000000513`

    Examples
    --------
    >>> limits = bland_altman([10.2, 11.8, 9.9, 14.1, 12.0], [10.0, 12.1, 9.5, 13.5, 12.2])
    >>> f"{limits.bias:.2f} ({limits.lower_limit:.2f} to {limits.upper_limit:.2f})"
    '0.14 (-0.61 to 0.89)'
    """
    _checks.choice(method, ("exact", "approximate"), name="method")
    share = _checks.level(agreement_level, name="agreement_level")
    level = _checks.level(confidence_level)
    first, second = _checks.pairs(a, b)
    complete = ~(np.isnan(first) | np.isnan(second))
    x, y = first[complete], second[complete]
    n = x.size
    difference, middle = x - y, (x + y) / 2
    words = f"limits of agreement, {method} intervals"

    none = Interval.undefined(level)
    bias = sd = low = high = nan
    bias_interval = low_interval = high_interval = none
    status = Status.TOO_FEW_PAIRS
    if n >= 2:
        status = Status.OK
        bias = float(difference.mean())
        sd = 0.0 if _equal(difference, x, y) else float(difference.std(ddof=1))
        z = float(ndtri(0.5 + share / 2))
        low, high = bias - z * sd, bias + z * sd
        if sd == 0:
            status = Status.EQUAL_DIFFERENCES
        else:
            reach = float(stdtrit(n - 1, 0.5 + level / 2)) * sd / sqrt(n)
            bias_interval = Interval(bias - reach, bias + reach, level)
            inner, outer = _reaches(n, z, level, method)
            low_interval = Interval(bias - outer * sd, bias - inner * sd, level)
            high_interval = Interval(bias + inner * sd, bias + outer * sd, level)
    slope, slope_interval, slope_p_value = 0.0, none, nan
    if sd != 0:
        slope, slope_interval, slope_p_value = _proportional_bias(difference, middle, level)
    return BlandAltman(
        bias=bias,
        bias_interval=bias_interval,
        sd=sd,
        lower_limit=low,
        lower_interval=low_interval,
        upper_limit=high,
        upper_interval=high_interval,
        agreement_level=share,
        slope=slope,
        slope_interval=slope_interval,
        slope_p_value=slope_p_value,
        n=n,
        n_excluded=first.size - n,
        method=words,
        status=status,
    )


def _equal(difference: FloatArray, x: FloatArray, y: FloatArray) -> bool:
    """Return whether the differences vary by no more than the rounding of the readings."""
    size = max(float(np.abs(x).max()), float(np.abs(y).max()))
    return float(np.ptp(difference)) <= 4 * float(np.finfo(np.float64).eps) * size


def _reaches(n: int, z: float, level: float, method: str) -> tuple[float, float]:
    """Return the distances of the limits of the upper limit from the bias, in sd."""
    tails = 0.5 - level / 2, 0.5 + level / 2
    if method == "exact":
        shift = z * sqrt(n)
        inner, outer = (float(nctdtrit(n - 1, shift, tail)) / sqrt(n) for tail in tails)
        return inner, outer
    margin = float(stdtrit(n - 1, tails[1])) * sqrt(1 / n + z**2 / (2 * (n - 1)))
    return z - margin, z + margin


def _proportional_bias(
    difference: FloatArray, middle: FloatArray, level: float
) -> tuple[float, Interval, float]:
    """Return the slope of the difference on the mean, its interval and its two-sided P."""
    none = Interval.undefined(level)
    n = difference.size
    if n < 2 or np.ptp(middle) == 0:
        return nan, none, nan
    away = middle - middle.mean()
    spread = float(away @ away)
    slope = float(away @ difference) / spread
    if n < 3:
        return slope, none, nan
    residual = difference - difference.mean() - slope * away
    se = sqrt(float(residual @ residual) / (n - 2) / spread)
    if se == 0:
        return slope, none, nan
    reach = float(stdtrit(n - 2, 0.5 + level / 2)) * se
    p_value = 2 * float(stdtr(n - 2, -abs(slope / se)))
    return slope, Interval(slope - reach, slope + reach, level), p_value
