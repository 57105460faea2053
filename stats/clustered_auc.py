"""AUC when observations come in clusters, such as several lesions of one patient."""

from dataclasses import dataclass
from functools import partial
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from extval.stats import _checks
from extval.stats._delong import caution
from extval.stats.placements import doubled_placements
from extval.stats.results import Comparison, Estimate, Interval, Status

IntArray = NDArray[np.int64]


def clustered_auc(
    y_true: ArrayLike, y_score: ArrayLike, cluster: ArrayLike, *, confidence_level: float = 0.95
) -> Estimate:
    r"""Estimate the AUC of clustered observations with Obuchowski's variance.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome of each observation; a cluster may hold both outcomes.
    y_score : array_like of shape (n,), finite
    cluster : array_like of shape (n,)
        Label of the cluster (patient) of each observation.
    confidence_level : float in (0, 1)

    Returns
    -------
    Estimate
        `n` and `events` count observations; `method` says how many clusters. The interval is
        Wald's, clipped to [0, 1]; NaN as for `auc`, with fewer than two clusters that hold a class,
        and when the variance estimate is negative.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With :math:`V_{10}` summed over the :math:`m_i` cases and :math:`V_{01}` over the :math:`n_i`
    controls of cluster *i*, :math:`\mathrm{Var} = S_{10}/m + S_{01}/n + 2 S_{11}/(mn)` where
    :math:`S_{10} = \frac{I_{10}}{(I_{10}-1)m}\sum_i (V_{10,i} - m_i \hat A)^2`, likewise
    :math:`S_{01}`, and :math:`S_{11} = \frac{I}{I-1}\sum_i (V_{10,i} - m_i \hat A)
    (V_{01,i} - n_i \hat A)`. With one observation a cluster this is DeLong's variance, exactly.

    References
    ----------
    Obuchowski (1997), Biometrics 53:567. :doi:`10.2307/2533958`

    Examples
    --------
    >>> patient = ["a", "a", "b", "b", "c", "c"]
    >>> found = clustered_auc([0, 1, 0, 1, 0, 1], [1, 4, 2, 3, 5, 6], patient)
    >>> round(found.value, 4), round(found.se, 4)
    (0.7778, 0.1111)
    """
    is_case = _checks.binary(y_true)
    score = _checks.finite(y_score, is_case.size, name="y_score")
    _, codes = _checks.labels(cluster, is_case.size, name="cluster")
    level = _checks.level(confidence_level)
    found = _clustered(is_case, score[np.newaxis], codes)
    result = partial(
        Estimate,
        method=f"Mann-Whitney; Obuchowski, {found.n_clusters} clusters",
        n=is_case.size,
        events=found.m,
    )
    undefined = Interval.undefined(level)
    if not found.m or not found.n:
        status = Status.ONE_CLASS if is_case.size else Status.NO_PATIENTS
        return result(value=nan, interval=undefined, status=status)
    value = found.total[0] / (2 * found.m * found.n)
    status, variance = found.variance(found.case_moves[0], found.control_moves[0])
    if status is Status.NO_VARIATION:
        status = Status.CONSTANT_SCORE if 0.0 < value < 1.0 else Status.PERFECT_SEPARATION
    if status is not Status.OK:
        return result(value=value, interval=undefined, status=status)
    se = sqrt(variance)
    margin = float(ndtri(0.5 + level / 2)) * se
    interval = Interval(max(0.0, value - margin), min(1.0, value + margin), level)
    return result(value=value, se=se, interval=interval)


def clustered_auc_test(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    cluster: ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> Comparison:
    """Test whether two scores of the same clustered observations have equal AUC.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    score_a, score_b : array_like of shape (n,), finite
    cluster : array_like of shape (n,)
        Label of the cluster (patient) of each observation.
    confidence_level : float in (0, 1)

    Returns
    -------
    Comparison
        AUC a minus AUC b, z and two-sided P. Zero variance is treated as by `delong_test`.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Obuchowski's variance of the difference: that of `clustered_auc` with the differences of the
    placements in place of the placements.

    References
    ----------
    Obuchowski (1997), Biometrics 53:567. :doi:`10.2307/2533958`
    """
    is_case = _checks.binary(y_true)
    a = _checks.finite(score_a, is_case.size, name="score_a")
    b = _checks.finite(score_b, is_case.size, name="score_b")
    _, codes = _checks.labels(cluster, is_case.size, name="cluster")
    level = _checks.level(confidence_level)
    found = _clustered(is_case, np.stack([a, b]), codes)
    result = partial(
        Comparison,
        method=f"Mann-Whitney; Obuchowski, paired, {found.n_clusters} clusters",
        n=is_case.size,
        events=found.m,
    )
    undefined = Interval.undefined(level)
    if not found.m or not found.n:
        status = Status.ONE_CLASS if is_case.size else Status.NO_PATIENTS
        return result(difference=nan, interval=undefined, status=status)
    difference = (found.total[0] - found.total[1]) / (2 * found.m * found.n)
    status, variance = found.variance(
        found.case_moves[0] - found.case_moves[1], found.control_moves[0] - found.control_moves[1]
    )
    if status is Status.NO_VARIATION and difference == 0.0:
        no_width = Interval(0.0, 0.0, level)
        return result(difference=0.0, se=0.0, interval=no_width, statistic=0.0, p_value=1.0)
    if status is Status.NO_VARIATION:
        status = Status.ZERO_VARIANCE
    if status is not Status.OK:
        return result(difference=difference, interval=undefined, status=status)
    se = sqrt(variance)
    margin = float(ndtri(0.5 + level / 2)) * se
    statistic = difference / se
    return result(
        difference=difference,
        se=se,
        interval=Interval(difference - margin, difference + margin, level),
        statistic=statistic,
        p_value=float(2 * ndtr(-abs(statistic))),
    )


def clustered_auc_test_unpaired(
    y_true_a: ArrayLike,
    score_a: ArrayLike,
    cluster_a: ArrayLike,
    y_true_b: ArrayLike,
    score_b: ArrayLike,
    cluster_b: ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> Comparison:
    """Test whether AUCs in two groups without a cluster in common are equal.

    Parameters
    ----------
    y_true_a, y_true_b : array_like of shape (n_a,) and (n_b,), 0 or 1
    score_a, score_b : array_like of shape (n_a,) and (n_b,), finite
    cluster_a, cluster_b : array_like of shape (n_a,) and (n_b,)
        Label of the cluster (patient) of each observation; a label means the same in both groups.
    confidence_level : float in (0, 1)

    Returns
    -------
    Comparison
        AUC a minus AUC b, z and two-sided P; `n` and `events` add the two groups. NaN where
        `clustered_auc` has no standard error in a group, when neither AUC varies, and when a
        cluster lies in both groups, as the groups are then not independent.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Obuchowski's variances of the two AUCs are added; z, because the number of clusters behind a
    variance has no exact degrees of freedom.

    References
    ----------
    Obuchowski (1997), Biometrics 53:567. :doi:`10.2307/2533958`

    Examples
    --------
    >>> y, score = [0, 1, 0, 1, 0, 1], [1, 4, 2, 3, 5, 6]
    >>> found = clustered_auc_test_unpaired(
    ...     y, score, ["a", "a", "b", "b", "c", "c"], y, [1, 2, 3, 4, 6, 5], list("ddeeff")
    ... )
    >>> round(found.difference, 4)
    0.2222
    """
    level = _checks.level(confidence_level)
    groups, labels = [], []
    for letter, y_true, y_score, cluster in (
        ("a", y_true_a, score_a, cluster_a),
        ("b", y_true_b, score_b, cluster_b),
    ):
        is_case = _checks.binary(y_true, name=f"y_true_{letter}")
        score = _checks.finite(y_score, is_case.size, name=f"score_{letter}")
        names, codes = _checks.labels(cluster, is_case.size, name=f"cluster_{letter}")
        groups.append(_clustered(is_case, score[np.newaxis], codes))
        labels.append(set(names.tolist()))
    clusters = " and ".join(str(group.n_clusters) for group in groups)
    result = partial(
        Comparison,
        method=f"Mann-Whitney; Obuchowski, unpaired, {clusters} clusters",
        n=sum(group.m + group.n for group in groups),
        events=sum(group.m for group in groups),
    )
    undefined = Interval.undefined(level)
    for group in groups:
        if not group.m or not group.n:
            status = Status.ONE_CLASS if group.m + group.n else Status.NO_PATIENTS
            return result(difference=nan, interval=undefined, status=status)
    values = [group.total[0] / (2 * group.m * group.n) for group in groups]
    difference = values[0] - values[1]
    if labels[0] & labels[1]:
        return result(difference=difference, interval=undefined, status=Status.CLUSTERS_SHARED)
    found = [group.variance(group.case_moves[0], group.control_moves[0]) for group in groups]
    stuck = [status for status, _ in found if status not in {Status.OK, Status.NO_VARIATION}]
    variance = sum(part for _, part in found)
    if stuck or variance == 0.0:
        status = stuck[0] if stuck else Status.UNPAIRED_ZERO_VARIANCE
        return result(difference=difference, interval=undefined, status=status)
    se = sqrt(variance)
    margin = float(ndtri(0.5 + level / 2)) * se
    statistic = difference / se
    return result(
        difference=difference,
        se=se,
        interval=Interval(difference - margin, difference + margin, level),
        statistic=statistic,
        p_value=float(2 * ndtr(-abs(statistic))),
        status=caution(*values),
    )


@dataclass(frozen=True, slots=True)
class _Clustered:
    """Sums of placements by cluster, as integers scaled by 2 m n and centred at the AUC."""

    m: int
    n: int
    n_clusters: int
    n_with_cases: int
    n_with_controls: int
    total: tuple[int, ...]
    case_moves: IntArray
    control_moves: IntArray

    def variance(self, case_moves: IntArray, control_moves: IntArray) -> tuple[Status, float]:
        """Return Obuchowski's variance, or why there is none; NO_VARIATION when it is zero."""
        if min(self.n_with_cases, self.n_with_controls) < 2:
            return Status.TOO_FEW_CLUSTERS, nan
        if not case_moves.any() and not control_moves.any():
            return Status.NO_VARIATION, 0.0
        m, n = self.m, self.n
        v10, v01 = case_moves / (2 * m * n), control_moves / (2 * m * n)
        s10 = self.n_with_cases / ((self.n_with_cases - 1) * m) * (v10 @ v10)
        s01 = self.n_with_controls / ((self.n_with_controls - 1) * n) * (v01 @ v01)
        s11 = self.n_clusters / (self.n_clusters - 1) * (v10 @ v01)
        variance = float(s10 / m + s01 / n + 2 * s11 / (m * n))
        return (Status.OK, variance) if variance > 0.0 else (Status.NEGATIVE_VARIANCE, nan)


def _clustered(
    is_case: NDArray[np.bool_], scores: NDArray[np.float64], codes: NDArray[np.intp]
) -> _Clustered:
    wins = doubled_placements(is_case, scores).astype(np.int64)
    m = int(np.count_nonzero(is_case))
    n = is_case.size - m
    n_clusters = int(codes.max()) + 1 if codes.size else 0

    def by_cluster(rows: IntArray, where: NDArray[np.intp]) -> IntArray:
        out = np.zeros((len(rows), n_clusters), np.int64)
        for row, own in zip(rows, out, strict=True):
            np.add.at(own, where, row)
        return out

    cases, controls = codes[is_case], codes[~is_case]
    size_10 = np.bincount(cases, minlength=n_clusters)
    size_01 = np.bincount(controls, minlength=n_clusters)
    total = wins[:, :m].sum(axis=1)
    return _Clustered(
        m=m,
        n=n,
        n_clusters=n_clusters,
        n_with_cases=int(np.count_nonzero(size_10)),
        n_with_controls=int(np.count_nonzero(size_01)),
        total=tuple(int(value) for value in total),
        case_moves=m * by_cluster(wins[:, :m], cases) - np.outer(total, size_10),
        control_moves=n * by_cluster(wins[:, m:], controls) - np.outer(total, size_01),
    )
