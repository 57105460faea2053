"""The area under the ROC curve, its DeLong inference, and the curve itself."""

from dataclasses import dataclass
from functools import partial
from math import inf, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from extval.stats import _checks
from extval.stats._delong import auc_from, caution, difference_from
from extval.stats._quick_results import open_twin
from extval.stats.placements import placements
from extval.stats.resampled_curves import operating_points
from extval.stats.results import Comparison, Estimate, Interval, Status

AUC_METHODS = ("delong", "logit", "hanley-mcneil")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairComparison:
    """The comparison of two of k models: `a` and `b` are their row numbers."""

    a: int
    b: int
    comparison: Comparison


_OpenPair = open_twin(PairComparison)


@dataclass(frozen=True, slots=True, kw_only=True)
class AucComparison:
    """The AUCs of k models of the same patients and their paired comparisons."""

    estimates: tuple[Estimate, ...]
    pairs: tuple[PairComparison, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RocCurve:
    """Operating points of "positive means score >= threshold", from none to all positive.

    Attributes
    ----------
    thresholds : ndarray of shape (points,)
        ``inf`` for the corner where nobody is positive, then each distinct score, descending.
    sensitivity, specificity : ndarray of shape (points,)
        All three are empty when all patients have the same outcome, and `status` says so.
    n, events : int
    """

    thresholds: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]
    n: int
    events: int
    status: Status = Status.OK


def auc(
    y_true: ArrayLike, y_score: ArrayLike, *, method: str = "delong", confidence_level: float = 0.95
) -> Estimate:
    r"""Estimate the area under the ROC curve with a closed-form interval.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks a patient with the event.
    y_score : array_like of shape (n,), finite
        Higher means more likely to have the event; it is never turned round. Only the ranking
        matters; a tied pair counts one half.
    method : {"delong", "logit", "hanley-mcneil"}
        Wald interval clipped to [0, 1] from DeLong's variance; the same on the logit scale; or
        Wald, clipped, from Hanley and McNeil's variance for exponential scores.
    confidence_level : float in (0, 1)

    Returns
    -------
    Estimate
        NaN with one class only. The interval is NaN with fewer than two patients a class
        (`"hanley-mcneil"` needs one), and when the AUC is exactly 0 or 1 or the score constant,
        where DeLong's variance is zero: `status` says which.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\hat A` is the share of the :math:`mn` pairs that the case wins, and
    :math:`\mathrm{Var} = s^2(V_{10})/m + s^2(V_{01})/n` over the placements [1]_, computed from
    ranks [2]_ in integers up to one division.
    Agrees with R pROC 1.18.0 ``auc``, ``var`` and ``ci.auc(method = "delong")`` to 1e-12, except
    where pROC prints (1, 1) as the interval of an AUC of 1.

    References
    ----------
    .. [1] DeLong et al. (1988), Biometrics 44:837. :doi:`10.2307/2531595`
    .. [2] Sun & Xu (2014), IEEE SPL 21:1389. :doi:`10.1109/LSP.2014.2337313`
    .. [3] Hanley & McNeil (1982), Radiology 143:29. :doi:`10.1148/radiology.143.1.7063747`

    Examples
    --------
    >>> found = auc([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6])
    >>> round(found.value, 4), round(found.interval.low, 4), found.interval.high
    (0.8889, 0.5809, 1.0)
    """
    is_case = _checks.binary(y_true)
    score = _checks.finite(y_score, is_case.size, name="y_score")
    method = _checks.choice(method, AUC_METHODS, name="method")
    level = _checks.level(confidence_level)

    return auc_from(placements(is_case, score[np.newaxis]), 0, method, level)


def delong_test(
    y_true: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, *, confidence_level: float = 0.95
) -> Comparison:
    r"""Test whether two scores of the same patients have equal AUC.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks a patient with the event.
    score_a, score_b : array_like of shape (n,), finite
        Higher means more likely to have the event. Only the ranking matters; ties count one half.
    confidence_level : float in (0, 1)
        Level of the two-sided Wald interval for the difference.

    Returns
    -------
    Comparison
        `difference` is AUC a minus AUC b, `statistic` is z. A zero variance with a zero
        difference (a score against itself or a monotone transform of itself) gives P = 1 and the
        interval (0, 0); a zero variance with another difference gives NaN and
        `Status.ZERO_VARIANCE`, as no number would be honest.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\mathrm{Var} = s^2(V_{10}^a - V_{10}^b)/m + s^2(V_{01}^a - V_{01}^b)/n` over the
    placements of :math:`m` cases and :math:`n` controls. Agrees with R pROC 1.18.0
    ``roc.test(method = "delong", paired = TRUE)`` to 1e-12, except that pROC reports
    ``Z = Inf, p = 0`` for a zero variance with a difference.

    References
    ----------
    DeLong et al. (1988), Biometrics 44:837. :doi:`10.2307/2531595`

    Examples
    --------
    >>> found = delong_test([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [1, 4, 5, 2, 3, 6])
    >>> round(found.difference, 4), round(found.p_value, 4)
    (0.3333, 0.2207)
    """
    is_case = _checks.binary(y_true)
    a = _checks.finite(score_a, is_case.size, name="score_a")
    b = _checks.finite(score_b, is_case.size, name="score_b")
    level = _checks.level(confidence_level)
    return difference_from(placements(is_case, np.stack([a, b])), 0, 1, level)


def delong_pairs(
    y_true: ArrayLike,
    scores: ArrayLike,
    *,
    reference: int | None = None,
    confidence_level: float = 0.95,
) -> tuple[PairComparison, ...]:
    """Compare the AUCs of k models of the same patients: the pairs of `compare_aucs`."""
    return compare_aucs(
        y_true, scores, reference=reference, confidence_level=confidence_level
    ).pairs


def compare_aucs(
    y_true: ArrayLike,
    scores: ArrayLike,
    *,
    reference: int | None = None,
    confidence_level: float = 0.95,
) -> AucComparison:
    """Estimate the AUCs of k models of the same patients and compare them, from one covariance.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    scores : array_like of shape (k, n), finite
        One row a model.
    reference : int or None, 0 <= reference < k
        With None all pairs ``a < b``, else each other model `a` minus the reference `b`.
    confidence_level : float in (0, 1)

    Returns
    -------
    AucComparison
        Each estimate equal to `auc` of the model, and each pair to `delong_test` of the two, to
        the last bit.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Examples
    --------
    >>> scores = [[1, 2, 4, 3, 5, 6], [1, 4, 5, 2, 3, 6], [6, 4, 2, 3, 5, 1]]
    >>> found = compare_aucs([0, 0, 0, 1, 1, 1], scores)
    >>> [(p.a, p.b) for p in found.pairs], round(found.estimates[0].value, 4)
    ([(0, 1), (0, 2), (1, 2)], 0.8889)
    """
    is_case = _checks.binary(y_true)
    rows = _checks.score_rows(scores, is_case.size, name="scores")
    level = _checks.level(confidence_level)
    k = rows.shape[0]
    if reference is None:
        pairs = [(a, b) for a in range(k) for b in range(a + 1, k)]
    else:
        chosen = _checks.index(reference, k, name="reference")
        pairs = [(a, chosen) for a in range(k) if a != chosen]
    found = placements(is_case, rows)
    return AucComparison(
        estimates=tuple([auc_from(found, j, "delong", level) for j in range(k)]),
        pairs=tuple([_pair(a, b, difference_from(found, a, b, level)) for a, b in pairs]),
    )


def _pair(a: int, b: int, comparison: Comparison) -> PairComparison:
    """Return the same as `PairComparison`."""
    made: Any = _OpenPair()
    made.a = a
    made.b = b
    made.comparison = comparison
    made.__class__ = PairComparison
    filled: PairComparison = made
    return filled


def delong_test_unpaired(
    y_true_a: ArrayLike,
    score_a: ArrayLike,
    y_true_b: ArrayLike,
    score_b: ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> Comparison:
    """Test whether AUCs in two groups of different patients (cohorts, centres) are equal.

    Parameters
    ----------
    y_true_a, y_true_b : array_like of shape (n_a,) and (n_b,), 0 or 1
    score_a, score_b : array_like of shape (n_a,) and (n_b,), finite
        Higher means more likely to have the event.
    confidence_level : float in (0, 1)

    Returns
    -------
    Comparison
        `difference` is AUC a minus AUC b; `statistic` is t on `df` degrees of freedom; `n` and
        `events` add the two groups. NaN with one class only, with fewer than two patients in a
        class, and when neither AUC varies: `status` says which.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    The DeLong variances are added; `df` is Welch's with the group sizes, as in R pROC 1.18.0
    ``roc.test(paired = FALSE, method = "delong")``, which agrees to 1e-12. The interval uses the
    same t distribution, so that it leaves out 0 exactly when P is below 1 - level.
    """
    case_a = _checks.binary(y_true_a, name="y_true_a")
    case_b = _checks.binary(y_true_b, name="y_true_b")
    level = _checks.level(confidence_level)
    a = placements(case_a, _checks.finite(score_a, case_a.size, name="score_a")[np.newaxis])
    b = placements(case_b, _checks.finite(score_b, case_b.size, name="score_b")[np.newaxis])
    found = partial(
        Comparison,
        method="Mann-Whitney; DeLong, unpaired; Welch t",
        n=a.n + b.n,
        events=a.n_cases + b.n_cases,
    )
    undefined = Interval.undefined(level)
    for part in (a, b):
        if part.status is not Status.OK:
            return found(difference=nan, interval=undefined, status=part.status)
    difference = a.auc(0) - b.auc(0)
    variance_a, variance_b = a.variance(0), b.variance(0)
    variance = variance_a + variance_b
    if not variance > 0.0:
        status = Status.UNPAIRED_ZERO_VARIANCE if variance == 0.0 else Status.TOO_FEW_PER_CLASS
        return found(difference=difference, interval=undefined, status=status)
    se = sqrt(variance)
    df = variance**2 / (variance_a**2 / (a.n - 1) + variance_b**2 / (b.n - 1))
    margin = float(stdtrit(df, 0.5 + level / 2)) * se
    statistic = difference / se
    return found(
        difference=difference,
        se=se,
        interval=Interval(difference - margin, difference + margin, level),
        statistic=statistic,
        df=df,
        p_value=float(2 * stdtr(df, -abs(statistic))),
        status=caution(a.auc(0), b.auc(0)),
    )


def roc_curve(y_true: ArrayLike, y_score: ArrayLike) -> RocCurve:
    """Return the empirical ROC curve: one point a distinct score, and the corner.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    y_score : array_like of shape (n,), finite

    Returns
    -------
    RocCurve
        Positive means score >= threshold. R's pROC puts its thresholds midway between
        neighbouring scores; the sensitivities and specificities are the same.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Examples
    --------
    >>> roc_curve([0, 1, 1], [1, 1, 2]).sensitivity.tolist()
    [0.0, 0.5, 1.0]
    """
    is_case = _checks.binary(y_true)
    score = _checks.finite(y_score, is_case.size, name="y_score")
    points = operating_points(is_case, score)
    ok, none = points.status is Status.OK, np.empty(0)
    return RocCurve(
        thresholds=np.append(inf, points.thresholds) if ok else none,
        sensitivity=points.sensitivity if ok else none,
        specificity=points.specificity if ok else none,
        n=is_case.size,
        events=points.n_cases,
        status=points.status,
    )
