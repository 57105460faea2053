"""Confidence intervals for one proportion."""

from math import sqrt

from scipy.special import betaincinv, ndtri

from extval.stats import _checks
from extval.stats.results import Interval


def wilson(successes: int, n: int, *, confidence_level: float = 0.95) -> Interval:
    r"""Return the Wilson score interval of a proportion, without continuity correction.

    Parameters
    ----------
    successes, n : int, 0 <= successes <= n
        Count and its total. With `n` of 0 both limits are NaN.
    confidence_level : float in (0, 1)

    Raises
    ------
    ValueError
        If the counts are not integers or not in order.

    Notes
    -----
    The proportions :math:`\pi` with :math:`|x - n\pi| \le z\sqrt{n\pi(1-\pi)}`.
    The lower limit is exactly 0 at no success, the upper exactly 1 at n successes.
    Agrees with R 4.2.2 ``prop.test(correct = FALSE)`` to 1e-12.

    References
    ----------
    Wilson (1927), JASA 22:209. :doi:`10.1080/01621459.1927.10502953`

    Examples
    --------
    >>> limits = wilson(8, 10)
    >>> round(limits.low, 4), round(limits.high, 4)
    (0.4902, 0.9433)
    """
    x, n = _checks.successes_of(successes, n)
    level = _checks.level(confidence_level)
    if n == 0:
        return Interval.undefined(level)
    z = float(ndtri(0.5 + level / 2))
    half_width = z * sqrt(x * (n - x) / n + z * z / 4)
    low = 0.0 if x == 0 else (x + z * z / 2 - half_width) / (n + z * z)
    high = 1.0 if x == n else (x + z * z / 2 + half_width) / (n + z * z)
    return Interval(low, high, level)


def clopper_pearson(successes: int, n: int, *, confidence_level: float = 0.95) -> Interval:
    """Return the Clopper-Pearson ("exact") interval of a proportion.

    Parameters
    ----------
    successes, n : int, 0 <= successes <= n
        Count and its total. With `n` of 0 both limits are NaN.
    confidence_level : float in (0, 1)

    Raises
    ------
    ValueError
        If the counts are not integers or not in order.

    Notes
    -----
    Quantiles of Beta(x, n - x + 1) and Beta(x + 1, n - x); covers at least the level, often more.
    Agrees with R 4.2.2 ``binom.test`` to 1e-12.

    References
    ----------
    Clopper & Pearson (1934), Biometrika 26:404. :doi:`10.1093/biomet/26.4.404`

    Examples
    --------
    >>> limits = clopper_pearson(8, 10)
    >>> round(limits.low, 4), round(limits.high, 4)
    (0.4439, 0.9748)
    """
    x, n = _checks.successes_of(successes, n)
    level = _checks.level(confidence_level)
    if n == 0:
        return Interval.undefined(level)
    tail = (1.0 - level) / 2
    low = 0.0 if x == 0 else float(betaincinv(x, n - x + 1, tail))
    # By symmetry the upper limit is one minus the lower limit of the failures.
    high = 1.0 if x == n else 1.0 - float(betaincinv(n - x, x + 1, tail))
    return Interval(low, high, level)


INTERVALS = {"wilson": wilson, "clopper-pearson": clopper_pearson}
"""The interval methods by the name that a user gives."""
