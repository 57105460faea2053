"""Agreement of readers on a continuous measurement: the six intraclass correlations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc, fdtri

from extval.stats import _checks
from extval.stats._f_quantile import f_quantile
from extval.stats._kernels_agreement import rating_sums_of_squares
from extval.stats.results import Status

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ICC_FORMS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IccForm:
    """One form of the intraclass correlation for every feature; arrays of shape (features,).

    Attributes
    ----------
    name : str
        One of `ICC_FORMS`.
    value, low, high : ndarray of float
        Estimate and limits of its two-sided confidence interval.
    statistic, df1, df2, p_value : ndarray of float
        F test of a true correlation of zero against a positive one (one-sided, as in `psych`).
    """

    name: str
    value: FloatArray
    low: FloatArray
    high: FloatArray
    statistic: FloatArray
    df1: FloatArray
    df2: FloatArray
    p_value: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IccResult:
    """All six intraclass correlations of a set of features read by the same raters.

    Attributes
    ----------
    forms : tuple of IccForm
        In the order of `ICC_FORMS`; `form` picks one by name.
    n_subjects, n_excluded, n_missing : ndarray of int, shape (features,)
        Subjects that entered, subjects left out because a rating was missing, and missing ratings.
    n_raters : int
        Raters (or repeated readings).
    confidence_level : float
        Level of every interval.
    method : str
        Estimator and interval as run.
    status : tuple of Status, length features
        `Status.OK`, or why some or all forms of that feature are NaN.
    """

    forms: tuple[IccForm, ...]
    n_subjects: IntArray
    n_excluded: IntArray
    n_missing: IntArray
    n_raters: int
    confidence_level: float
    method: str
    status: tuple[Status, ...]

    def form(self, name: str) -> IccForm:
        """Return one form, for example ``"ICC(2,1)"``."""
        _checks.choice(name, ICC_FORMS, name="name")
        return self.forms[ICC_FORMS.index(name)]


def icc(ratings: ArrayLike, *, confidence_level: float = 0.95) -> IccResult:
    r"""Estimate ICC(1,1), (2,1), (3,1), (1,k), (2,k) and (3,k) of many features at once.

    Parameters
    ----------
    ratings : array_like of shape (features, subjects, raters), finite or NaN
        ``ratings[f, i, j]`` is what rater j read for feature f of subject i; NaN is a missing
        reading. A subject with a missing reading is left out of that feature alone and counted.
    confidence_level : float in (0, 1)
        Level of the two-sided intervals.

    Returns
    -------
    IccResult
        A feature with fewer than two complete subjects, or whose ratings are all equal, is NaN.
        When subjects differ so little that the average-rater forms leave their domain (a
        non-positive denominator), those forms alone are NaN. Equal ratings by all raters of
        subjects that differ give 1 with the interval (1, 1), F = inf and P = 0.

    Raises
    ------
    ValueError
        If the array is not three-dimensional, has fewer than two raters or an infinite value.

    Notes
    -----
    With the mean squares between subjects :math:`B`, between raters :math:`J`, of the residual
    :math:`E` and within subjects :math:`W`, of n subjects and k raters [1]_ [2]_,

    .. math:: ICC(1,1) = \frac{B-W}{B+(k-1)W}, \quad
              ICC(2,1) = \frac{B-E}{B+(k-1)E+k(J-E)/n}, \quad
              ICC(3,1) = \frac{B-E}{B+(k-1)E},

    and the k forms replace one rating by the mean of k (Spearman-Brown). (1,·) and (2,·) measure
    absolute agreement, (3,·) consistency. Intervals of (1,·) and (3,·) are exact under normality;
    that of (2,·) uses Satterthwaite degrees of freedom. Agrees with R psych 2.2.9
    ``ICC(lmer = FALSE)`` to 1e-11 relative, with three exceptions: psych stops at missing
    ratings, prints P as 1 - cdf (0 below 1e-16), and continues the k forms beyond their pole
    (ICC2k = 27.5 for readers who contradict each other), where they are NaN here.

    References
    ----------
    .. [1] Shrout & Fleiss (1979), Psychol Bull 86:420. :doi:`10.1037/0033-2909.86.2.420`
    .. [2] McGraw & Wong (1996), Psychol Methods 1:30. :doi:`10.1037/1082-989X.1.1.30`

    Examples
    --------
    Six subjects, four raters (Shrout and Fleiss, table 2):

    >>> table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8],
    ...          [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> result = icc([table])
    >>> [round(float(form.value[0]), 2) for form in result.forms]
    [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]
    """
    x = _checks.ratings(ratings)
    level = _checks.level(confidence_level)
    n_features, n_given, n_raters = x.shape

    sums = np.empty((4, n_features))
    used = np.empty(n_features, dtype=np.int64)
    flat = x.reshape(n_features, n_given * n_raters)
    rated = ~np.isnan(flat)
    origin = flat[np.arange(n_features), rated.argmax(axis=1)] if n_given else np.zeros(n_features)
    rating_sums_of_squares(x, origin, sums, used)

    n = used.astype(np.float64)
    n[used < 2] = np.nan
    k = float(n_raters)
    with np.errstate(divide="ignore", invalid="ignore"):
        subjects = sums[0] / (n - 1)
        raters = sums[1] / (k - 1)
        residual = sums[2] / ((n - 1) * (k - 1))
        within = sums[3] / (n * (k - 1))
        known = (subjects > 0) | (residual > 0) | (raters > 0)
        n = np.where(known, n, np.nan)
        one_way = _consistency(subjects, within, n - 1, n * (k - 1), k, level)
        two_way = _consistency(subjects, residual, n - 1, (n - 1) * (k - 1), k, level)
        absolute = _absolute(subjects, raters, residual, n, k, level)
        single = (one_way.single, absolute, two_way.single)
        averaged = (one_way.averaged, _spearman_brown(absolute, k), two_way.averaged)
    tests = (one_way, two_way, two_way)

    forms = tuple(
        IccForm(
            name=name,
            value=estimate[0],
            low=estimate[1],
            high=estimate[2],
            statistic=test.statistic,
            df1=test.df1,
            df2=test.df2,
            p_value=test.p_value,
        )
        for name, estimate, test in zip(ICC_FORMS, single + averaged, tests + tests, strict=True)
    )
    outside = np.asarray(np.isnan(np.stack(single + averaged)).any(axis=(0, 1)))
    return IccResult(
        forms=forms,
        n_subjects=used,
        n_excluded=n_given - used,
        n_missing=np.count_nonzero(~rated, axis=1).astype(np.int64),
        n_raters=n_raters,
        confidence_level=level,
        method="ANOVA mean squares; F intervals (Shrout-Fleiss, McGraw-Wong), complete subjects",
        status=_status(used, known, outside),
    )


@dataclass(frozen=True, slots=True)
class _Consistency:
    """The forms that compare the subject mean square with one error mean square."""

    single: FloatArray
    averaged: FloatArray
    statistic: FloatArray
    df1: FloatArray
    df2: FloatArray
    p_value: FloatArray


def _consistency(
    subjects: FloatArray,
    error: FloatArray,
    df1: FloatArray,
    df2: FloatArray,
    k: float,
    level: float,
) -> _Consistency:
    """Return estimate and limits, each of shape (3, features), of (1,·) or (3,·), and the F test.

    The limits replace the error mean square by itself times a quantile of F; written without
    dividing by it, they hold for an error of zero too.
    """
    # Features share their quantiles unless they miss readings.
    _, first, size = np.unique(df1, return_index=True, return_inverse=True)
    upper = fdtri(df1[first], df2[first], 0.5 + level / 2)[size]
    lower = fdtri(df2[first], df1[first], 0.5 + level / 2)[size]
    statistic = np.where(np.isnan(df1), np.nan, subjects / error)
    errors = np.stack(
        [
            error,
            error * upper,
            error / lower,
        ]
    )
    errors = np.where(np.isnan(df1), np.nan, errors)
    averaged = np.where(subjects > 0, 1 - errors / subjects, np.nan)
    return _Consistency(
        single=(subjects - errors) / (subjects + (k - 1) * errors),
        averaged=averaged,
        statistic=statistic,
        df1=df1,
        df2=df2,
        p_value=np.where(np.isinf(statistic), 0.0, fdtrc(df1, df2, statistic)),
    )


def _absolute(
    subjects: FloatArray,
    raters: FloatArray,
    residual: FloatArray,
    n: FloatArray,
    k: float,
    level: float,
) -> FloatArray:
    """Return estimate and limits of ICC(2,1), shape (3, features), after McGraw and Wong."""
    denominator = subjects + (k - 1) * residual + k * (raters - residual) / n
    value = np.where(denominator > 0, (subjects - residual) / denominator, np.nan)
    of_raters = k * value * raters
    of_residual = (n * (1 + (k - 1) * value) - k * value) * residual
    df = (k - 1) * (n - 1) * (of_raters + of_residual) ** 2
    df = df / ((n - 1) * of_raters**2 + of_residual**2)
    # Without any disagreement both sums are zero and every df gives the same limits.
    df = np.where((raters == 0) & (residual == 0), 1.0, df)
    upper, lower = np.full_like(df, np.nan), np.full_like(df, np.nan)
    for size in np.unique(n[~np.isnan(n)]):
        same = np.flatnonzero(n == size)
        upper[same] = f_quantile(size - 1, df[same], 0.5 + level / 2, highest=(k - 1) * size)
        lower[same] = f_quantile(size - 1, df[same], 0.5 - level / 2, highest=(k - 1) * size)
    inflated = subjects / lower
    disagreement = k * raters + (k * n - k - n) * residual
    low = n * (subjects - upper * residual) / (upper * disagreement + n * subjects)
    high = n * (inflated - residual) / (disagreement + n * inflated)
    return _with_both_limits(value, low, high)


def _with_both_limits(value: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Stack estimate and limits, shape (3, features); one NaN limit makes both NaN."""
    undefined = np.isnan(low) | np.isnan(high)
    return np.stack([value, np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)])


def _spearman_brown(single: FloatArray, k: float) -> FloatArray:
    """Return the estimate and limits of a mean of k ratings; NaN beyond the pole at -1/(k - 1)."""
    denominator = 1 + (k - 1) * single
    # At the pole itself rounding must not decide: 1e-12 is its reach, not a tuning constant.
    value, low, high = np.where(denominator > 1e-12, k * single / denominator, np.nan)
    return _with_both_limits(value, low, high)


def _status(
    used: IntArray, known: NDArray[np.bool_], outside: NDArray[np.bool_]
) -> tuple[Status, ...]:
    """Return one reason a feature, the most severe first."""
    status = [Status.OK] * used.size
    for f in np.flatnonzero(outside | ~known | (used < 2)):
        if used[f] < 2:
            status[f] = Status.TOO_FEW_SUBJECTS
        elif not known[f]:
            status[f] = Status.EQUAL_RATINGS
        else:
            status[f] = Status.ICC_OUTSIDE_DOMAIN
    return tuple(status)
