"""Which features are redundant: blocks of the correlation matrix, and whom to drop for whom."""

import numpy as np
from numpy.typing import NDArray

from extval.stats._checks import BoolArray, FloatArray

RULES = ("greedy", "caret")
BLOCK = 512
SLACK = 1e-12  # correlations this close to the limit are not beyond it
DECIMALS = 12  # of the means that are compared


def unit_columns(x: FloatArray) -> FloatArray:
    """Return the columns of `x`, none constant, centred and of length 1."""
    unit = x / np.abs(x).max(axis=0)  # so that no square over- or underflows
    unit -= unit.mean(axis=0)
    unit /= np.sqrt(np.einsum("ij,ij->j", unit, unit))
    return np.ascontiguousarray(unit)


def ranks(x: FloatArray) -> FloatArray:
    """Return the ranks within each column of `x`, shape (n, p); tied values share their mean."""
    order = np.argsort(x, axis=0, kind="stable")
    ascending = np.take_along_axis(x, order, axis=0)
    place = np.broadcast_to(np.arange(x.shape[0])[:, None], x.shape)
    starts = np.ones(x.shape, dtype=np.bool_)
    starts[1:] = ascending[1:] != ascending[:-1]
    ends = np.ones(x.shape, dtype=np.bool_)
    ends[:-1] = starts[1:]
    first = np.maximum.accumulate(np.where(starts, place, 0), axis=0)
    last = np.minimum.accumulate(np.where(ends, place, x.shape[0])[::-1], axis=0)[::-1]
    out = np.empty(x.shape)
    np.put_along_axis(out, order, (first + last) / 2.0 + 1.0, axis=0)
    return out


def beyond_limit(unit: FloatArray, above: float) -> tuple[BoolArray, FloatArray]:
    """Return which pairs correlate beyond the limit, (p, p), and the mean absolute correlation.

    `unit`, shape (n, p), has centred columns of length 1. The correlations are formed in blocks
    and not kept: 6,865 features have 47 million.
    """
    p = unit.shape[1]
    beyond = np.empty((p, p), dtype=np.bool_)
    mean = np.empty(p)
    for start in range(0, p, BLOCK):
        rows = slice(start, min(start + BLOCK, p))
        size = np.abs(unit[:, rows].T @ unit)
        mean[rows] = size.mean(axis=1)
        beyond[rows] = size > above + SLACK
    np.fill_diagonal(beyond, val=False)
    return beyond, mean


def dropped_for(
    beyond: BoolArray, mean: FloatArray, sorts: NDArray[np.intp], *, rule: str
) -> NDArray[np.intp]:
    """Return, for each feature, the one it is dropped for, or -1 if it is kept; shape (p,).

    `sorts` breaks ties of the mean: the greedy rule keeps the feature with the smaller value.
    """
    p = mean.size
    rounded = np.round(mean, DECIMALS)
    because = np.full(p, -1, dtype=np.intp)
    if rule == "caret":
        last_first = np.lexsort((-np.arange(p), rounded))  # of equal means the first is dropped
        rank = np.empty(p, dtype=np.intp)
        rank[last_first] = np.arange(p)
        for j in range(p):
            partners = np.flatnonzero(beyond[j])
            if partners.size:
                lowest = partners[np.argmin(rank[partners])]
                because[j] = lowest if rank[lowest] < rank[j] else -1
        return because
    order = np.lexsort((sorts, rounded))
    kept = np.zeros(p, dtype=np.bool_)
    for j in order:
        partners = np.flatnonzero(beyond[j] & kept)
        if partners.size:
            lowest = np.lexsort((sorts[partners], rounded[partners]))[0]
            because[j] = partners[lowest]
        else:
            kept[j] = True
    return because
