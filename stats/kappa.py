"""Agreement of readers on categories: Cohen's, weighted, Fleiss' and Light's kappa."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from extval.stats import _checks
from extval.stats.results import Interval, Status

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kappa:
    """A chance-corrected agreement with its interval and its test.

    Attributes
    ----------
    value, se, interval : float, float, Interval
        Kappa, its asymptotic standard error and Wald interval (upper limit at most 1).
    statistic, p_value : float
        z and two-sided P of the hypothesis of agreement by chance, with the null standard error.
    observed, expected : float
        (Weighted) proportion of agreement, observed and expected by chance.
    categories : tuple
        Categories in their order.
    n, n_excluded : int
        Subjects rated by all raters, and subjects left out because a rating was missing.
    n_raters : int
        Raters.
    method : str
        Estimator as run.
    status : Status
        `Status.OK`, or what is NaN and why.
    """

    value: float
    se: float
    interval: Interval
    statistic: float
    p_value: float
    observed: float
    expected: float
    categories: tuple[Any, ...]
    n: int
    n_excluded: int
    n_raters: int
    method: str
    status: Status


def cohen_kappa(
    ratings: ArrayLike,
    *,
    weights: str = "none",
    categories: Sequence[Any] | None = None,
    confidence_level: float = 0.95,
) -> Kappa:
    r"""Measure the agreement of two raters on categories.

    Parameters
    ----------
    ratings : array_like of shape (subjects, 2), numbers or text
        What each rater said; None or NaN is missing, and that subject is left out and counted
        (text with missing values must come as an object array).
    weights : {"none", "linear", "quadratic"}
        Credit of a near miss: none; :math:`1 - |i - j|/(c - 1)`; or :math:`1 - (i - j)^2/(c - 1)^2`
        for the i-th and j-th of c categories.
    categories : sequence, optional
        All categories in their order, also those that nobody used; by default the sorted labels
        that occur. Must be given to weight text labels.
    confidence_level : float in (0, 1)
        Level of the interval.

    Returns
    -------
    Kappa
        NaN without complete subjects and when both raters used one and the same category only.
        Perfect agreement gives 1 with a standard error of 0 and no interval.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With cell proportions :math:`p_{ij}`, weights :math:`w_{ij}` and their margin means
    :math:`\bar w_{i.} = \sum_j w_{ij} p_{.j}`, :math:`\bar w_{.j} = \sum_i w_{ij} p_{i.}`,

    .. math:: \kappa = \frac{p_o - p_e}{1 - p_e}, \quad
       var = \frac{\sum p_{ij}[w_{ij} - (\bar w_{i.} + \bar w_{.j})(1 - \kappa)]^2
       - [\kappa - p_e(1 - \kappa)]^2}{n(1 - p_e)^2}

    (Fleiss, Cohen & Everitt [1]_), which is the infinitesimal jackknife. Agrees with R psych
    2.2.9 ``cohen.kappa`` (unweighted) and statsmodels ``cohens_kappa`` to 1e-11. psych 2.2.9
    multiplies the weights with the margins of the other rater, so that its variance of a weighted
    kappa is wrong unless the margins are equal, and often zero; epiR 2.0.57 ``epi.kappa`` builds
    its interval from the standard error under chance.

    References
    ----------
    .. [1] Fleiss, Cohen & Everitt (1969), Psychol Bull 72:323. :doi:`10.1037/h0028106`

    Examples
    --------
    >>> kappa = cohen_kappa([[1, 1], [1, 2], [2, 2], [3, 3], [3, 2], [1, 1]])
    >>> round(kappa.value, 3), round(kappa.se, 3)
    (0.52, 0.241)
    """
    _checks.choice(weights, ("none", "linear", "quadratic"), name="weights")
    level = _checks.level(confidence_level)
    codes, complete, labels = _checks.categorical_ratings(ratings, categories)
    _checks.raters(codes.shape[1], wanted=2)
    if weights != "none":
        _checks.ordered_categories(categories, labels)
    c = len(labels)
    counts = np.zeros((c, c))
    np.add.at(counts, (codes[complete, 0], codes[complete, 1]), 1.0)
    n = int(complete.sum())
    about = _About(labels, n, codes.shape[0] - n, 2, f"Cohen's kappa, weights {weights}", level)
    if n == 0:
        return about.undefined(Status.NO_PATIENTS)
    if c == 1 or np.count_nonzero(counts.sum(axis=0) + counts.sum(axis=1)) == 1:
        return about.undefined(Status.ONE_CATEGORY)

    agreement = _weighted(counts, _credit(c, weights))
    perfect = bool(np.count_nonzero(counts) == np.count_nonzero(np.diag(counts)))
    variance = float((counts / n * agreement.influence**2).sum())
    return about.result(
        value=1.0 if perfect else agreement.kappa,
        se=0.0 if perfect else _root(variance) / sqrt(n),
        null_se=_root(agreement.chance) / (sqrt(n) * (1 - agreement.expected)),
        observed=agreement.observed,
        expected=agreement.expected,
    )


def light_kappa(
    ratings: ArrayLike,
    *,
    weights: str = "quadratic",
    categories: Sequence[Any] | None = None,
    confidence_level: float = 0.95,
) -> Kappa:
    r"""Measure the agreement of several raters as the mean of Cohen's kappas of all pairs.

    Parameters
    ----------
    ratings : array_like of shape (subjects, raters), numbers or text
        What each rater said; None or NaN is missing, and that subject is left out for every pair
        and counted (text with missing values must come as an object array).
    weights : {"none", "linear", "quadratic"}
        As in `cohen_kappa`.
    categories : sequence, optional
        All categories in their order; must be given to weight text labels.
    confidence_level : float in (0, 1)
        Level of the interval.

    Returns
    -------
    Kappa
        NaN when a pair of raters used one and the same category only. There is no test against
        chance; `observed` and `expected` are means over the pairs.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Light [1]_ has no standard error. The one here is the infinitesimal jackknife over subjects of
    the mean, which allows for the subjects that the pairs share; for two raters it is that of
    `cohen_kappa`. The value agrees with R psych 2.2.9 ``cohen.kappa`` (``av.kappa``, ``av.wt``) to
    1e-12.

    References
    ----------
    .. [1] Light (1971), Psychol Bull 76:365. :doi:`10.1037/h0031643`

    Examples
    --------
    >>> kappa = light_kappa([[1, 1, 2], [2, 2, 2], [3, 3, 3], [3, 2, 3], [1, 1, 1]])
    >>> round(kappa.value, 3)
    0.801
    """
    _checks.choice(weights, ("none", "linear", "quadratic"), name="weights")
    level = _checks.level(confidence_level)
    codes, complete, labels = _checks.categorical_ratings(ratings, categories)
    if weights != "none":
        _checks.ordered_categories(categories, labels)
    c, n, m = len(labels), int(complete.sum()), codes.shape[1]
    method = f"Light's kappa, weights {weights}"
    about = _About(labels, n, codes.shape[0] - n, m, method, level)
    if n == 0:
        return about.undefined(Status.NO_PATIENTS)
    found, influence = [], np.zeros(n)
    for first, second in combinations(codes[complete].T, 2):
        counts = np.zeros((c, c))
        np.add.at(counts, (first, second), 1.0)
        if c == 1 or np.count_nonzero(counts.sum(axis=0) + counts.sum(axis=1)) == 1:
            return about.undefined(Status.ONE_CATEGORY)
        pair = _weighted(counts, _credit(c, weights))
        found.append(pair)
        influence += pair.influence[first, second]
    pairs = len(found)
    perfect = bool((codes[complete] == codes[complete][:, :1]).all())
    variance = float(((influence / pairs) ** 2).sum()) / n
    return about.result(
        value=1.0 if perfect else float(np.mean([pair.kappa for pair in found])),
        se=0.0 if perfect else _root(variance) / sqrt(n),
        null_se=nan,
        observed=float(np.mean([pair.observed for pair in found])),
        expected=float(np.mean([pair.expected for pair in found])),
    )


def fleiss_kappa(
    ratings: ArrayLike,
    *,
    categories: Sequence[Any] | None = None,
    confidence_level: float = 0.95,
) -> Kappa:
    r"""Measure the agreement of two or more raters on unordered categories.

    Parameters
    ----------
    ratings : array_like of shape (subjects, raters), numbers or text
        Raters need not be the same for all subjects. None or NaN is missing, and that subject is
        left out and counted (text with missing values must come as an object array).
    categories : sequence, optional
        All categories; by default the sorted labels that occur.
    confidence_level : float in (0, 1)
        Level of the interval.

    Returns
    -------
    Kappa
        NaN without complete subjects and when one category was used only; the interval needs two
        subjects and some disagreement.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With :math:`n_{ij}` of m raters putting subject i into category j,
    :math:`p_o = \overline{(\sum_j n_{ij}^2 - m)/(m(m - 1))}` and
    :math:`p_e = \sum_j \bar p_j^2` [1]_. The interval takes subjects as sampled and linearises
    kappa in them (Gwet [3]_); the test has the standard error under chance [2]_, as
    ``irr::kappam.fleiss``. Agrees with these formulas in R, and with Fleiss' worked example, to
    1e-12.

    References
    ----------
    .. [1] Fleiss (1971), Psychol Bull 76:378. :doi:`10.1037/h0031619`
    .. [2] Fleiss, Nee & Landis (1979), Psychol Bull 86:974. :doi:`10.1037/0033-2909.86.5.974`
    .. [3] Gwet (2021), Educ Psychol Meas 81:781. :doi:`10.1177/0013164420973080`

    Examples
    --------
    >>> kappa = fleiss_kappa([[1, 1, 1], [1, 2, 1], [2, 2, 2], [3, 3, 1], [2, 2, 3]])
    >>> round(kappa.value, 3)
    0.375
    """
    level = _checks.level(confidence_level)
    codes, complete, labels = _checks.categorical_ratings(ratings, categories)
    n, m = int(complete.sum()), codes.shape[1]
    about = _About(labels, n, codes.shape[0] - n, m, "Fleiss' kappa", level)
    if n == 0:
        return about.undefined(Status.NO_PATIENTS)
    counts = np.zeros((n, len(labels)))
    np.add.at(counts, (np.repeat(np.arange(n), m), codes[complete].ravel()), 1.0)
    share = counts.sum(axis=0) / (n * m)
    if np.count_nonzero(share) == 1:
        return about.undefined(Status.ONE_CATEGORY)

    agreement = ((counts**2).sum(axis=1) - m) / (m * (m - 1))
    observed = float(agreement.mean())
    expected = float(share @ share)
    kappa = (observed - expected) / (1 - expected)
    by_subject = (agreement - expected) / (1 - expected)
    chance = counts @ share / m
    linear = by_subject - 2 * (1 - kappa) * (chance - expected) / (1 - expected)
    perfect = bool((agreement == 1).all())
    se = _root(float(((linear - kappa) ** 2).sum()) / (n * (n - 1))) if n > 1 else nan
    pq = share * (1 - share)
    null = float(pq.sum()) ** 2 - float(pq @ (1 - 2 * share))
    return about.result(
        value=1.0 if perfect else kappa,
        se=0.0 if perfect else se,
        null_se=sqrt(2 * null / (n * m * (m - 1))) / float(pq.sum()),
        observed=observed,
        expected=expected,
    )


@dataclass(frozen=True, slots=True)
class _Weighted:
    """A weighted kappa of two raters; `influence` (c, c) of a subject in each cell."""

    kappa: float
    observed: float
    expected: float
    influence: FloatArray
    chance: float


def _weighted(counts: FloatArray, credit: FloatArray) -> _Weighted:
    p = counts / counts.sum()
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    observed = float((credit * p).sum())
    expected = float(rows @ credit @ columns)
    kappa = (observed - expected) / (1 - expected)
    margin = (credit @ columns)[:, None] + credit.T @ rows
    influence = credit - margin * (1 - kappa) - (kappa - expected * (1 - kappa))
    return _Weighted(
        kappa=kappa,
        observed=observed,
        expected=expected,
        influence=influence / (1 - expected),
        chance=float(rows @ (credit - margin) ** 2 @ columns) - expected**2,
    )


def _root(variance: float) -> float:
    """Return the root of a variance that is zero when it is no more than rounding."""
    return sqrt(variance) if variance > 1e-14 else 0.0


def _credit(c: int, weights: str) -> FloatArray:
    """Return the weight of every pair of categories, shape (c, c); ones on the diagonal."""
    if weights == "none":
        return np.eye(c)
    distance = np.abs(np.subtract.outer(np.arange(c), np.arange(c))) / (c - 1)
    return np.asarray(1 - distance ** (1 if weights == "linear" else 2))


@dataclass(frozen=True, slots=True)
class _About:
    """What is known before kappa is."""

    categories: list[Any]
    n: int
    n_excluded: int
    n_raters: int
    method: str
    level: float

    def result(
        self, *, value: float, se: float, null_se: float, observed: float, expected: float
    ) -> Kappa:
        """Return a defined kappa; its interval needs a positive standard error."""
        margin = float(ndtri(0.5 + self.level / 2)) * se
        status, interval = Status.OK, Interval(value - margin, min(value + margin, 1.0), self.level)
        if not se > 0:
            status = Status.ZERO_STANDARD_ERROR if se == 0 else Status.TOO_FEW_PATIENTS
            status = Status.PERFECT_AGREEMENT if value == 1 else status
            interval = Interval.undefined(self.level)
        z = value / null_se if null_se > 0 else nan
        return Kappa(
            value=value,
            se=se,
            interval=interval,
            statistic=z,
            p_value=2 * float(ndtr(-abs(z))),
            observed=observed,
            expected=expected,
            categories=tuple(self.categories),
            n=self.n,
            n_excluded=self.n_excluded,
            n_raters=self.n_raters,
            method=self.method,
            status=status,
        )

    def undefined(self, status: Status) -> Kappa:
        """Return a kappa that could not be estimated."""
        return Kappa(
            value=nan,
            se=nan,
            interval=Interval.undefined(self.level),
            statistic=nan,
            p_value=nan,
            observed=nan,
            expected=nan,
            categories=tuple(self.categories),
            n=self.n,
            n_excluded=self.n_excluded,
            n_raters=self.n_raters,
            method=self.method,
            status=status,
        )
