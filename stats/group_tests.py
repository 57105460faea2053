"""Comparison of a measurement between groups: t, F and rank tests of a baseline table."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, fdtrc, ndtr, stdtr

from extval.stats import _checks
from extval.stats.results import Status

FloatArray = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
_EXACT_BELOW = 50
_EXACT_AT_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTest:
    """A test that groups have the same location.

    Attributes
    ----------
    statistic, df, df_error, p_value : float
        t, F, U, z-less rank sum or H as `method` says, with its degrees of freedom (`df_error`
        for F only; NaN where the reference distribution has none) and the two-sided P.
    sizes : tuple of int
        Patients a group.
    method : str
        Test as run.
    status : Status
        `Status.OK`, or why the test is undefined.
    """

    statistic: float
    df: float = nan
    df_error: float = nan
    p_value: float
    sizes: tuple[int, ...]
    method: str
    status: Status = Status.OK


def student_t_test(a: ArrayLike, b: ArrayLike) -> GroupTest:
    """Compare two means by Student's t test, which assumes equal variances.

    Parameters
    ----------
    a, b : array_like of shape (n_a,), (n_b,), finite
        Measurements of the two groups.

    Returns
    -------
    GroupTest
        NaN with fewer than three patients in all or an empty group, or when neither group varies.

    Raises
    ------
    ValueError
        If a value is not finite.

    Notes
    -----
    Agrees with R 4.2.2 ``t.test(var.equal = TRUE)`` to 1e-12.

    Examples
    --------
    >>> round(student_t_test([1, 2, 3, 4], [2, 4, 6, 9]).p_value, 4)
    0.1419
    """
    x, y = _checks.vector(a, name="a"), _checks.vector(b, name="b")
    sizes = (x.size, y.size)
    method = "Student t test"
    if min(sizes) < 1 or sum(sizes) < 3:
        return _undefined(sizes, method, Status.TOO_FEW_PER_GROUP)
    df = x.size + y.size - 2
    pooled = (_squares(x) + _squares(y)) / df
    return _t_test(x, y, pooled * (1 / x.size + 1 / y.size), float(df), method)


def welch_t_test(a: ArrayLike, b: ArrayLike) -> GroupTest:
    """Compare two means by Welch's t test, which lets variances differ.

    Parameters
    ----------
    a, b : array_like of shape (n_a,), (n_b,), finite
        Measurements of the two groups.

    Returns
    -------
    GroupTest
        NaN with fewer than two patients in a group, or when neither group varies.

    Raises
    ------
    ValueError
        If a value is not finite.

    Notes
    -----
    Agrees with R 4.2.2 ``t.test`` to 1e-12.

    Examples
    --------
    >>> round(welch_t_test([1, 2, 3, 4], [2, 4, 6, 9]).p_value, 4)
    0.1647
    """
    x, y = _checks.vector(a, name="a"), _checks.vector(b, name="b")
    sizes = (x.size, y.size)
    method = "Welch t test"
    if min(sizes) < 2:
        return _undefined(sizes, method, Status.TOO_FEW_PER_GROUP)
    first, second = _squares(x) / (x.size - 1) / x.size, _squares(y) / (y.size - 1) / y.size
    total = first + second
    df = nan
    if total > 0:
        df = total**2 / (first**2 / (x.size - 1) + second**2 / (y.size - 1))
    return _t_test(x, y, total, df, method)


def anova_test(groups: Sequence[ArrayLike]) -> GroupTest:
    """Compare the means of two or more groups by the F test of one-way analysis of variance.

    Parameters
    ----------
    groups : sequence of array_like, each of shape (n_j,), finite
        Measurements by group; empty groups are left out.

    Returns
    -------
    GroupTest
        NaN with fewer than two groups with patients, without residual degrees of freedom, or
        when no group varies.

    Raises
    ------
    ValueError
        If a value is not finite or there are fewer than two groups.

    Notes
    -----
    Agrees with R 4.2.2 ``oneway.test(var.equal = TRUE)`` to 1e-12.

    Examples
    --------
    >>> round(anova_test([[1, 2, 3], [2, 3, 5], [4, 6, 9]]).p_value, 4)
    0.0618
    """
    given = _checks.groups(groups)
    sizes = tuple(group.size for group in given)
    method = "one-way analysis of variance"
    held = [group for group in given if group.size]
    n = sum(sizes)
    if len(held) < 2 or n <= len(held):
        return _undefined(sizes, method, Status.TOO_FEW_PER_GROUP)
    means = np.array([group.mean() for group in held])
    weights = np.array([group.size for group in held])
    within = sum(_squares(group) for group in held)
    between = float(weights @ (means - weights @ means / n) ** 2)
    df, df_error = len(held) - 1, n - len(held)
    if within <= _rounding(held):
        return _undefined(sizes, method, Status.CONSTANT_WITHIN_GROUPS)
    f = between / df / (within / df_error)
    return GroupTest(
        statistic=f,
        df=float(df),
        df_error=float(df_error),
        p_value=float(fdtrc(df, df_error, f)),
        sizes=sizes,
        method=method,
    )


def mann_whitney_test(
    a: ArrayLike, b: ArrayLike, *, method: str = "auto", continuity: bool = True
) -> GroupTest:
    r"""Compare two groups by the Mann-Whitney (Wilcoxon rank-sum) test.

    Parameters
    ----------
    a, b : array_like of shape (n_a,), (n_b,), finite
        Measurements of the two groups.
    method : {"auto", "exact", "asymptotic"}
        ``auto`` is R's rule: exact when both groups have fewer than 50 patients and there are no
        ties, otherwise the normal approximation. ``exact`` handles ties too (the permutation
        distribution of the mid-ranks), up to 200 patients in all.
    continuity : bool
        Whether the approximation is corrected by one half.

    Returns
    -------
    GroupTest
        `statistic` is U, the pairs in which `a` is larger, ties one half. NaN when a group is
        empty or all values are equal.

    Raises
    ------
    ValueError
        If a value is not finite, or an exact test of more than 200 patients is asked for.

    Notes
    -----
    :math:`\sigma^2 = \frac{n_a n_b}{12}\left(N + 1 - \frac{\sum (t^3 - t)}{N(N-1)}\right)` with
    ties of size t. The exact P is the probability of a U at least as far from its mean. Agrees
    with R 4.2.2 ``wilcox.test`` and, with ties, with coin 1.4.2
    ``wilcox_test(distribution = "exact")`` to 1e-12.

    Examples
    --------
    >>> test = mann_whitney_test([1, 2, 3, 4], [5, 6, 7])
    >>> test.statistic, round(test.p_value, 4)
    (0.0, 0.0571)
    """
    x, y = _checks.vector(a, name="a"), _checks.vector(b, name="b")
    _checks.choice(method, ("auto", "exact", "asymptotic"), name="method")
    sizes = (x.size, y.size)
    if min(sizes) < 1:
        return _undefined(sizes, "Mann-Whitney test", Status.TOO_FEW_PER_GROUP)
    ranks, ties = _ranks(np.concatenate([x, y]))
    if ties.size == 1:
        return _undefined(sizes, "Mann-Whitney test", Status.ALL_TIED)
    u = float(ranks[: x.size].sum()) - x.size * (x.size + 1) / 2
    middle = x.size * y.size / 2
    n = x.size + y.size
    tied = bool(ties.max() > 1)
    exact = max(sizes) < _EXACT_BELOW and not tied if method == "auto" else method == "exact"
    if exact:
        _checks.exact_size(n, at_most=_EXACT_AT_MOST)
        p_value = _exact_rank_sum(ranks, x.size)
        words = "Mann-Whitney test, exact"
    else:
        lost = float((ties**3 - ties).sum()) / (n * (n - 1))
        sigma = sqrt(x.size * y.size / 12 * (n + 1 - lost))
        gap = u - middle
        if continuity:
            gap = copysign(max(abs(gap) - 0.5, 0.0), gap)
        p_value = min(1.0, 2 * float(ndtr(-abs(gap) / sigma)))
        words = "Mann-Whitney test, normal approximation"
        if continuity:
            words += " with continuity correction"
    return GroupTest(statistic=u, p_value=p_value, sizes=sizes, method=words)


def kruskal_wallis_test(groups: Sequence[ArrayLike]) -> GroupTest:
    """Compare two or more groups by the Kruskal-Wallis rank test, corrected for ties.

    Parameters
    ----------
    groups : sequence of array_like, each of shape (n_j,), finite
        Measurements by group; empty groups are left out.

    Returns
    -------
    GroupTest
        `statistic` is H. NaN with fewer than two groups with patients or when all values are
        equal.

    Raises
    ------
    ValueError
        If a value is not finite or there are fewer than two groups.

    Notes
    -----
    Agrees with R 4.2.2 ``kruskal.test`` to 1e-12.

    Examples
    --------
    >>> round(kruskal_wallis_test([[1, 2, 3], [2, 3, 5], [4, 6, 9]]).p_value, 4)
    0.0761
    """
    given = _checks.groups(groups)
    sizes = tuple(group.size for group in given)
    method = "Kruskal-Wallis test"
    held = [group for group in given if group.size]
    if len(held) < 2:
        return _undefined(sizes, method, Status.TOO_FEW_PER_GROUP)
    ranks, ties = _ranks(np.concatenate(held))
    if ties.size == 1:
        return _undefined(sizes, method, Status.ALL_TIED)
    n = ranks.size
    counts = np.array([group.size for group in held])
    ends = np.cumsum(counts)
    # Rank sums minus their expectation are exact halves, so that equal groups give exactly 0.
    excess = np.diff(np.cumsum(ranks)[ends - 1], prepend=0.0) - counts * (n + 1) / 2
    spread = 1 - float((ties**3 - ties).sum()) / (float(n) ** 3 - n)
    h = 12 / (n * (n + 1)) * float((excess**2 / counts).sum()) / spread
    df = len(held) - 1
    return GroupTest(
        statistic=h, df=float(df), p_value=float(chdtrc(df, h)), sizes=sizes, method=method
    )


def _t_test(x: FloatArray, y: FloatArray, variance: float, df: float, method: str) -> GroupTest:
    """Return the test of equal means; R's rule says when the data are essentially constant."""
    means = float(x.mean()), float(y.mean())
    std_error = sqrt(variance)
    if std_error < 10 * _EPS * max(abs(means[0]), abs(means[1])) or std_error == 0:
        return _undefined((x.size, y.size), method, Status.CONSTANT_WITHIN_GROUPS)
    t = (means[0] - means[1]) / std_error
    return GroupTest(
        statistic=t,
        df=df,
        p_value=2 * float(stdtr(df, -abs(t))),
        sizes=(x.size, y.size),
        method=method,
    )


def _squares(x: FloatArray) -> float:
    """Return the sum of squares about the mean."""
    return float(((x - x.mean()) ** 2).sum())


def _rounding(groups: list[FloatArray]) -> float:
    """Return what the sum of squares of constant groups can be by rounding alone."""
    return sum(group.size * (10 * _EPS * float(np.abs(group).max())) ** 2 for group in groups)


def _ranks(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mid-ranks of `x` and the sizes of its ties."""
    _, place, ties = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(ties)
    return (last - (ties - 1) / 2)[place], ties.astype(np.float64)


def _exact_rank_sum(ranks: FloatArray, n_first: int) -> float:
    """Return the two-sided P of the rank sum of the first `n_first` patients.

    Doubled mid-ranks are whole numbers: row k of the table counts, as shares, the ways in which
    k patients can have each rank sum. Only sums are formed, so nothing cancels.
    """
    doubled = np.rint(2 * ranks).astype(np.int64)
    doubled -= doubled.min()
    k = min(n_first, ranks.size - n_first)
    chosen = doubled[:n_first] if k == n_first else doubled[n_first:]
    ways = np.zeros((k + 1, int(np.sort(doubled)[-k:].sum()) + 1))
    ways[0, 0] = 1.0
    for rank in np.sort(doubled):
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank]
    shares = ways[k] / ways[k].sum()
    # Doubled once more, the distance from the mean is whole as well.
    sums = np.arange(shares.size)
    distance = np.abs(sums * ranks.size - k * int(doubled.sum()))
    observed = abs(int(chosen.sum()) * ranks.size - k * int(doubled.sum()))
    return min(1.0, float(shares[distance >= observed].sum()))


def _undefined(sizes: tuple[int, ...], method: str, status: Status) -> GroupTest:
    return GroupTest(statistic=nan, p_value=nan, sizes=sizes, method=method, status=status)
