"""Who is at risk, and what happens, at each distinct time: the counts behind every life table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._kernels_survival import count_risk_sets
from extval.stats._sorting import stable_orders

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskSets:
    """Counts of g groups at the m distinct observed times, in increasing order.

    Attributes
    ----------
    time : ndarray of shape (m,)
        Distinct times as given: two times are equal only if they are the same float.
    at_risk : ndarray of shape (g, m)
        Patients who entered before `time` and left at `time` or later.
    ended : ndarray of shape (causes + 1, g, m)
        Patients who left at `time`: ``ended[0]`` censored, ``ended[c]`` with an event of cause c.
        Counts are integers, or float sums of weights where weights were given.
    """

    time: FloatArray
    at_risk: NDArray[Any]
    ended: NDArray[Any]


def risk_sets(
    time: FloatArray,
    cause: NDArray[Any],
    *,
    n_causes: int = 1,
    entry: FloatArray | None = None,
    weights: FloatArray | None = None,
    member: NDArray[np.intp] | None = None,
    n_groups: int = 1,
) -> RiskSets:
    """Count patients at risk and leaving, a group and a cause at a time.

    Parameters
    ----------
    time : ndarray of shape (n,), checked
        When each patient left.
    cause : ndarray of shape (n,), of bool or int in 0 to n_causes
        Why: 0 is censored.
    n_causes, n_groups : int
    entry : ndarray of shape (n,), optional
        When each patient came under observation; at risk at t are those with entry < t <= time.
    weights : ndarray of shape (n,), optional
        How many patients a row stands for.
    member : ndarray of shape (n,), optional
        Group of each row, in 0 to n_groups - 1.

    Notes
    -----
    Neither the counts nor the sums of weights, which run over the rows as given, depend on how the
    sort arranges equal times.
    """
    alone = member is None
    if member is None:
        member = np.zeros(time.size, dtype=np.intp)
    if weights is not None:
        return _weighted(time, cause, n_causes, entry, weights, member, n_groups)
    orders, repeats = stable_orders(time[np.newaxis])
    m = time.size - int(np.count_nonzero(repeats))
    if entry is None:
        entry, arrival = np.zeros(0), np.zeros(0, dtype=np.int32)
        present = np.zeros(n_groups, dtype=np.intp)
        if alone:
            present[0] = time.size
        else:
            present += np.bincount(member, minlength=n_groups)
    else:
        arrival = stable_orders(entry[np.newaxis])[0][0]
        present = np.zeros(n_groups, dtype=np.intp)
    sets = RiskSets(
        time=np.empty(m),
        at_risk=np.empty((n_groups, m), dtype=np.intp),
        ended=np.zeros((n_causes + 1, n_groups, m), dtype=np.intp),
    )
    count_risk_sets(
        time,
        orders[0],
        repeats[0],
        cause,
        member,
        entry,
        arrival,
        present,
        sets.time,
        sets.at_risk,
        sets.ended,
    )
    return sets


def _weighted(
    time: FloatArray,
    cause: NDArray[Any],
    n_causes: int,
    entry: FloatArray | None,
    weights: FloatArray,
    member: NDArray[np.intp],
    n_groups: int,
) -> RiskSets:
    distinct, position = np.unique(time, return_inverse=True)
    m = distinct.size
    cell = position + m * member + n_groups * m * cause
    ended = np.bincount(cell, weights, (n_causes + 1) * n_groups * m)
    ended = ended.reshape(n_causes + 1, n_groups, m)
    at_risk = np.cumsum(ended.sum(axis=0)[:, ::-1], axis=1)[:, ::-1]
    if entry is not None:
        cell = np.searchsorted(distinct, entry, side="right") + (m + 1) * member
        entering = np.bincount(cell, weights, n_groups * (m + 1)).reshape(n_groups, m + 1)
        at_risk = at_risk - np.cumsum(entering[:, :0:-1], axis=1)[:, ::-1]
    return RiskSets(time=distinct, at_risk=at_risk, ended=ended)
