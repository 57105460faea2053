"""The log-rank test of k groups, stratified if asked, with the families of weights."""

from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from extval.stats import _checks
from extval.stats._kernels_survival import score_sums
from extval.stats.results import Status
from extval.stats.risk_sets import RiskSets, risk_sets

FloatArray = NDArray[np.float64]

WEIGHT_FAMILIES = ("logrank", "gehan", "tarone-ware", "peto-peto", "fleming-harrington")
_FAMILY_NAMES = {
    "logrank": "log-rank",
    "gehan": "Gehan (Breslow)",
    "tarone-ware": "Tarone-Ware",
    "peto-peto": "Peto-Peto",
    "fleming-harrington": "Fleming-Harrington",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogrankResult:
    """A comparison of the survival of k groups.

    Attributes
    ----------
    statistic, df, p_value : float
        Chi-square; NaN when not estimable, and then `status` says why.
    groups : tuple
        Labels in increasing order; the arrays below follow it.
    patients, group_events : ndarray of int, shape (k,)
    observed, expected : ndarray of shape (k,)
        Weighted numbers of events (for the log-rank weights: numbers of events).
    variance : ndarray of shape (k, k)
        Covariance of ``observed - expected``; its rows sum to zero.
    method : str
        Test, weights and strata as run.
    n, events : int
    status : Status
    """

    statistic: float
    df: float
    p_value: float
    groups: tuple[Any, ...]
    patients: NDArray[np.int64]
    group_events: NDArray[np.int64]
    observed: FloatArray
    expected: FloatArray
    variance: FloatArray
    method: str
    n: int
    events: int
    status: Status = Status.OK


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreVector:
    """Weighted observed and expected events by group and the covariance of their difference."""

    observed: FloatArray
    expected: FloatArray
    variance: FloatArray


def logrank_test(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    weights: str = "logrank",
    rho: float | None = None,
    gamma: float | None = None,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
) -> LogrankResult:
    r"""Test whether k groups have the same survival.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
    event : array_like of shape (n,), 0 or 1
    group : array_like of shape (n,), labels of one kind
    weights : {"logrank", "gehan", "tarone-ware", "peto-peto", "fleming-harrington"}
        Weight of an event time at which n are at risk: 1; n; the root of n; the pooled
        :math:`\tilde S(t) = \prod (1 - d/(n + 1))`; or :math:`\hat S(t-)^\rho (1 - \hat
        S(t-))^\gamma` with the pooled Kaplan-Meier estimate just before t.
    rho, gamma : float, non-negative, for "fleming-harrington" only
        1 and 0 if not given: R's ``survdiff(rho = 1)``.
    strata : array_like of shape (n,), labels, optional
        Patients are compared within their stratum; weights are computed within it too.
    entry : array_like of shape (n,), optional
        Left truncation: at risk only after `entry`.

    Returns
    -------
    LogrankResult
        NaN with fewer than two groups, without events, and when no event time has two groups at
        risk and a survivor. A group that is never at risk with another costs no degree of freedom.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    At each distinct event time, exact floats (R merges times that differ by about 1e-8 relative),
    group i has :math:`d_i` events and :math:`n_i` at risk:
    :math:`U_i = \sum w (d_i - d n_i / n)` and :math:`V_{ij} = \sum w^2 d \frac{n - d}{n - 1}
    \frac{n_i}{n} (\delta_{ij} - \frac{n_j}{n})`. The statistic is :math:`U' V^- U`; its degrees of
    freedom are the rank of V, counted from which groups meet, not from rounding.
    Agrees with R survival 3.5.3 ``survdiff`` (log-rank and Fleming-Harrington rho, strata) to 1e-12
    and with coin 1.4.2 ``logrank_test`` up to coin's permutation variance. Names differ between
    packages: what survdiff calls Peto-Peto is Fleming-Harrington with rho = 1 here.

    References
    ----------
    Mantel (1966), Cancer Chemother Rep 50:163; Fleming & Harrington (1982), Biometrika 69:553.
    :doi:`10.1093/biomet/69.3.553`

    Examples
    --------
    >>> round(logrank_test([1, 2, 3, 4, 5], [1, 1, 1, 0, 1], list("AABBB")).statistic, 6)
    4.263158
    """
    follow_up = _checks.durations(time)
    n = follow_up.size
    had_event = _checks.binary(event, name="event")
    _checks.same_length(had_event, n, name="event")
    groups, member = _checks.labels(group, n, name="group")
    started = None if entry is None else _checks.entries(entry, follow_up)
    layers, layer = (
        (np.zeros(1), np.zeros(n, dtype=np.intp))
        if strata is None
        else _checks.labels(strata, n, name="strata")
    )
    family = _checks.choice(weights, WEIGHT_FAMILIES, name="weights")
    powers = weight_powers(family, rho, gamma)

    k = groups.size
    ended = np.zeros((2, k), dtype=np.intp)  # censored and with the event, by group
    score = ScoreVector(observed=np.zeros(k), expected=np.zeros(k), variance=np.zeros((k, k)))
    for s in range(layers.size):
        inside = slice(None) if layers.size == 1 else layer == s
        sets = risk_sets(
            follow_up[inside],
            had_event[inside],
            entry=None if started is None else started[inside],
            member=member[inside],
            n_groups=k,
        )
        part = score_vector(sets, family, powers)
        ended += sets.ended.sum(axis=2)
        score.observed[:] += part.observed
        score.expected[:] += part.expected
        score.variance[:] += part.variance
    statistic, df = quadratic_form(score)

    without, group_events = ended
    events = int(group_events.sum())
    status = Status.OK
    if n == 0:
        status = Status.NO_PATIENTS
    elif k < 2:
        status = Status.ONE_GROUP
    elif events == 0:
        status = Status.NO_EVENTS
    elif df == 0:
        status = Status.NO_COMPARABLE_GROUPS
    return LogrankResult(
        statistic=statistic,
        df=float(df) if df else nan,
        p_value=float(chdtrc(df, statistic)) if df else nan,
        groups=tuple(groups.tolist()),
        patients=without + group_events,
        group_events=group_events,
        observed=score.observed,
        expected=score.expected,
        variance=score.variance,
        method=method_text(family, powers, stratified=strata is not None),
        n=n,
        events=events,
        status=status,
    )


def score_vector(sets: RiskSets, family: str, powers: tuple[float, float]) -> ScoreVector:
    """Return U = observed - expected, in its two parts, and its covariance for one stratum."""
    events, at_risk = sets.ended[1], sets.at_risk
    groups, m = events.shape
    w = np.ones(m)
    if family != "logrank":
        w = event_time_weights(events.sum(axis=0), at_risk.sum(axis=0), family, powers)
    observed, expected, variance = np.zeros(groups), np.zeros(groups), np.zeros((groups, groups))
    score_sums(events, at_risk, w, observed, expected, variance)
    return ScoreVector(observed=observed, expected=expected, variance=variance)


def event_time_weights(
    d: NDArray[np.int64], n: NDArray[np.int64], family: str, powers: tuple[float, float]
) -> FloatArray:
    """Return the weight of each time from its pooled events and numbers at risk, (m,) all.

    Those of event times mean something, and do not depend on the times between them.
    """
    if family == "gehan":
        return n.astype(np.float64)
    if family == "tarone-ware":
        return np.asarray(np.sqrt(n), dtype=np.float64)
    if family == "peto-peto":
        return np.asarray(np.cumprod((n + 1 - d) / (n + 1)), dtype=np.float64)
    if family == "fleming-harrington":
        before = np.ones(d.size)
        before[1:] = np.cumprod((n - d) / n)[:-1]
        return np.asarray(before ** powers[0] * (1.0 - before) ** powers[1])
    return np.ones(d.size)


def quadratic_form(score: ScoreVector) -> tuple[float, int]:
    """Return ``U' V^- U`` and the rank of V; (NaN, 0) if no two groups were ever compared.

    V is a weighted graph Laplacian: ``-V[i, j] > 0`` exactly when groups i and j met at an event
    time with a survivor. Its rank is the number of groups less the number of connected parts, and
    within each part one group is redundant.
    """
    difference = score.observed - score.expected
    if difference.size == 2:  # the usual case, without the algebra
        u, v = float(difference[1]), float(score.variance[1, 1])
        return (u * (u / v), 1) if v > 0.0 else (nan, 0)
    statistic, rank = 0.0, 0
    for part in connected_groups(score.variance < 0.0):
        if part.size > 1:
            rest = part[1:]
            block = score.variance[np.ix_(rest, rest)]
            statistic += float(difference[rest] @ np.linalg.solve(block, difference[rest]))
            rank += rest.size
    return (statistic, rank) if rank else (nan, 0)


def method_text(family: str, powers: tuple[float, float], *, stratified: bool) -> str:
    """Return the name of the test as run."""
    name = _FAMILY_NAMES[family]
    if family == "fleming-harrington":
        name += f" (rho = {powers[0]:g}, gamma = {powers[1]:g})"
    return f"{name} test, stratified" if stratified else f"{name} test"


def weight_powers(family: str, rho: float | None, gamma: float | None) -> tuple[float, float]:
    """Return rho and gamma, checked; they exist for Fleming-Harrington weights alone."""
    if family != "fleming-harrington":
        why = "unless `weights` is 'fleming-harrington'"
        _checks.not_given(rho, name="rho", why=why)
        _checks.not_given(gamma, name="gamma", why=why)
        return 0.0, 0.0
    powers = 1.0 if rho is None else rho, 0.0 if gamma is None else gamma
    return _checks.horizon(powers[0], name="rho"), _checks.horizon(powers[1], name="gamma")


def connected_groups(adjacent: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return the connected parts of an undirected graph as ascending arrays of nodes."""
    reach = adjacent | np.eye(len(adjacent), dtype=np.bool_)
    for _ in range(len(adjacent).bit_length()):
        reach = reach @ reach
    parts = {row.tobytes(): np.flatnonzero(row) for row in reach}
    return list(parts.values())
