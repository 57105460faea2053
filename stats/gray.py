"""Gray's test: the cumulative incidence of one cause compared among k groups."""

from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from extval.stats import _checks
from extval.stats.logrank import connected_groups
from extval.stats.results import Status
from extval.stats.risk_sets import RiskSets, risk_sets

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GrayResult:
    """A comparison of the cumulative incidence of one cause among k groups.

    Attributes
    ----------
    statistic, df, p_value : float
        Chi-square; NaN when not estimable, and then `status` says why.
    groups : tuple
        Labels in increasing order; the arrays below follow it.
    cause : int
    score : ndarray of shape (k,)
        Weighted observed minus expected events of that cause; they sum to 0.
    variance : ndarray of shape (k, k)
        Covariance of `score`.
    method : str
    n, events : int
        Patients, and events of that cause.
    status : Status
    """

    statistic: float
    df: float
    p_value: float
    groups: tuple[Any, ...]
    cause: int
    score: FloatArray
    variance: FloatArray
    method: str
    n: int
    events: int
    status: Status = Status.OK


def gray_test(
    time: ArrayLike,
    cause: ArrayLike,
    group: ArrayLike,
    *,
    cause_of_interest: int = 1,
    rho: float = 0.0,
    strata: ArrayLike | None = None,
) -> GrayResult:
    r"""Test whether k groups have the same cumulative incidence of one cause.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
    cause : array_like of shape (n,), integers
        0 if censored at `time`, else the cause of the event.
    group : array_like of shape (n,), labels of one kind
    cause_of_interest : int, at least 1
    rho : float, non-negative
        Events weigh (1 - pooled incidence before) ** rho.
    strata : array_like of shape (n,), labels, optional

    Returns
    -------
    GrayResult
        NaN with fewer than two groups, without events of that cause, when no two groups are at
        risk at one of them, and when the variance does not exist. A group that is never at risk
        with another at such an event costs no degree of freedom.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Patients with another event stay in the risk set with the share expected to be still
    uncensored: :math:`R_i = Y_i (1 - F_i(t-)) / S_i(t-)`, and the score is :math:`\sum_t
    w (d_i - d R_i / R)`. Its variance, in the martingale form of [1]_, is that of the increments of
    both kinds of event in every group, with a finite-population factor for ties.
    Times are equal only if they are the same float.
    Agrees with R cmprsk 2.2-11 ``cuminc`` (rho, strata) to 1e-9 with three exceptions: a group that
    is never compared makes cmprsk's matrix singular (-1 is printed); its P is 1 - cdf; and its
    factor for ties can be negative where the risk set is effectively smaller than the number of
    tied events, where it is 0 here.

    References
    ----------
    .. [1] Gray (1988), Ann Stat 16:1141. :doi:`10.1214/aos/1176350951`

    Examples
    --------
    >>> test = gray_test([1, 2, 3, 4, 5, 6], [1, 2, 1, 1, 0, 2], list("AABABB"))
    >>> round(test.statistic, 4)
    0.3583
    """
    follow_up = _checks.durations(time)
    n = follow_up.size
    codes, _ = _checks.causes(cause, n, n_causes=None)
    groups, member = _checks.labels(group, n, name="group")
    wanted = _checks.positive_integer(cause_of_interest, name="cause_of_interest")
    power = _checks.horizon(rho, name="rho")
    layer = np.zeros(n, np.intp) if strata is None else _checks.labels(strata, n, name="strata")[1]

    kind = np.where(codes == wanted, 1, np.where(codes > 0, 2, 0))
    k = groups.size
    score, variance = np.zeros(k), np.zeros((k, k))
    compared, exists = np.zeros((k, k), dtype=np.bool_), True
    for s in np.unique(layer[kind == 1]):
        inside = layer == s
        part = _score_and_variance(
            risk_sets(
                follow_up[inside], kind[inside], n_causes=2, member=member[inside], n_groups=k
            ),
            power,
        )
        exists = exists and part is not None
        if part is not None:
            score += part[0]
            variance += part[1]
            compared |= part[2]
    parts = [part for part in connected_groups(compared) if part.size > 1]

    events = int(np.count_nonzero(kind == 1))
    status = Status.OK
    if n == 0:
        status = Status.NO_PATIENTS
    elif k < 2:
        status = Status.ONE_GROUP
    elif events == 0:
        status = Status.NO_EVENTS
    elif exists and not parts:
        status = Status.NO_COMPARABLE_GROUPS
    statistic, df = nan, 0
    if status is Status.OK:
        statistic, df = _quadratic_form(score, variance, parts) if exists else (nan, 0)
        status = Status.GRAY_UNDEFINED if np.isnan(statistic) else Status.OK
    return GrayResult(
        statistic=statistic,
        df=float(df) if df else nan,
        p_value=float(chdtrc(df, statistic)) if df else nan,
        groups=tuple(groups.tolist()),
        cause=wanted,
        score=score,
        variance=variance,
        method=f"Gray's test (rho = {power:g}){'' if strata is None else ', stratified'}",
        n=n,
        events=events,
        status=status,
    )


def _quadratic_form(
    score: FloatArray, variance: FloatArray, parts: list[NDArray[np.intp]]
) -> tuple[float, int]:
    """Return the statistic and its degrees of freedom; NaN and 0 if the variance is singular."""
    statistic, df = 0.0, 0
    for part in parts:
        rest = part[1:]
        block = variance[np.ix_(rest, rest)]
        scale = np.sqrt(np.diag(block))
        if (scale == 0.0).any():
            return nan, 0
        if np.linalg.eigvalsh(block / np.outer(scale, scale))[0] <= 1e-10:
            return nan, 0
        statistic += float((score[rest] * np.linalg.solve(block, score[rest])).sum())
        df += rest.size
    return statistic, df


def _score_and_variance(
    sets: RiskSets, rho: float
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]] | None:
    """Return the scores, their covariance and which groups met; None if there is no variance.

    Arrays are over the times t with an event of any cause and the groups i, j or r.
    """
    happened = (sets.ended[1] + sets.ended[2]).any(axis=0)
    y, own, other = (a[:, happened].T for a in (sets.at_risk, sets.ended[1], sets.ended[2]))
    d = own.sum(axis=1)
    present = y > 0
    n = np.maximum(y, 1)
    after = np.cumprod((n - own - other) / n, axis=0)
    before = np.concatenate([np.ones((1, y.shape[1])), after[:-1]])
    incidence = np.cumsum(before * own / n, axis=0)
    free = 1.0 - np.concatenate([np.zeros((1, y.shape[1])), incidence[:-1]])

    # Patients at risk divided by their chance of being there: h, and with F_i taken off, R.
    h = np.where(present, y / np.where(present, before, 1.0), 0.0)
    total = h.sum(axis=1)
    step = d / total
    pooled = np.cumsum(step)
    rest_before = 1.0 - np.concatenate([[0.0], pooled[:-1]])
    if (rest_before[d > 0] <= 1e-12).any():
        return None
    w = np.maximum(rest_before, 0.0) ** rho
    r = h * free
    score = (w[:, None] * (own - d[:, None] * r / r.sum(axis=1)[:, None])).sum(axis=0)

    share = h / total[:, None]
    a = -w[:, None, None] * h[:, :, None] * share[:, None, :]
    every = np.arange(y.shape[1])
    a[:, every, every] += w[:, None] * h
    hazard = np.where(d > 0, step / np.where(d > 0, rest_before, 1.0), 0.0)
    running = np.cumsum(a * hazard[:, None, None], axis=0)
    to_come = running[-1] - running

    # Increments of the event of interest, expected under the pooled incidence, in each group r.
    rest = (1.0 - pooled)[:, None] / np.where(after > 0.0, after, 1.0)
    pull = np.where(after > 0.0, 1.0 - rest, 1.0)
    size = total[:, None] * before
    several = np.broadcast_to(d[:, None] > 1, size.shape)
    ties = np.where(several, 0.0, 1.0)
    np.divide(size - d[:, None], size - 1.0, out=ties, where=several & (size > d[:, None]))
    variance_own = np.where(present, ties * step[:, None] / np.where(present, h, 1.0), 0.0)
    effect = a + pull[:, None, :] * to_come
    covariance = np.einsum("tir,tjr,tr->ij", effect, effect, variance_own)
    # Increments of the other events, as observed.
    lost = np.where((after > 0.0) & (other > 0), rest, 0.0)
    ties = np.where(other > 1, (n - other) / np.maximum(n - 1, 1), 1.0)
    variance_other = ties * before**2 * other / n**2
    covariance += np.einsum("tir,tjr,tr->ij", to_come, to_come, lost**2 * variance_other)
    met = (present[d > 0][:, :, None] & present[d > 0][:, None, :]).any(axis=0)
    return score, covariance, met
