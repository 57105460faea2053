"""Who is at risk, and what happens, at each distinct time: the counts behind every life table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskSets:
    """Counts of g groups at the m distinct observed times, in increasing order.

    Attributes
    ----------
    time : ndarray of shape (m,)
        Distinct times as given: two times are equal only if they are the same float.
    at_risk : ndarray of shape (m, g)
        Patients who entered before `time` and left at `time` or later.
    ended : ndarray of shape (causes + 1, m, g)
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
    Sums of weights run over the rows as given, so equal times cannot be reordered by the sort.
    """
    order = np.argsort(time)
    ascending = time[order]
    first = np.ones(time.size, dtype=np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    distinct = ascending[first]
    position = np.empty(time.size, dtype=np.intp)
    position[order] = np.cumsum(first) - 1

    m, cells = distinct.size, distinct.size * n_groups
    cell = position if member is None else position * n_groups + member
    ended = np.bincount(cause * cells + cell, weights, (n_causes + 1) * cells)
    ended = ended.reshape(n_causes + 1, m, n_groups)
    at_risk = np.cumsum(ended.sum(axis=0)[::-1], axis=0)[::-1]
    if entry is not None:
        position = np.searchsorted(distinct, entry, side="right")
        cell = position if member is None else position * n_groups + member
        entering = np.bincount(cell, weights, cells + n_groups).reshape(m + 1, n_groups)
        at_risk = at_risk - np.cumsum(entering[:0:-1], axis=0)[::-1]
    return RiskSets(time=distinct, at_risk=at_risk, ended=ended)
