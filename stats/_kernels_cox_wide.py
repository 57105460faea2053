"""Compiled sums of Cox's partial likelihood that stay exact for coefficients of any size.

A risk set is summed up as: its rank, the weight of its patients relative to the heaviest, that
patient's covariates (the anchor), and mean and scatter of the covariates beside the anchor. Sets
are merged without subtraction of sums, and relative weights come from differences of covariates, so
that nothing overflows or cancels.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]


@kernel
def merge(into: FloatArray, other: FloatArray, factor: float, beta: FloatArray) -> None:
    """Add `other`, `factor` times, to the set `into`: (weight, rank, anchor, mean, scatter).

    Of sets of different rank the lower one has no weight. Shapes (2 + 2 p + p p,).
    """
    p = beta.size
    if other[0] == 0.0 or factor == 0.0 or (into[0] > 0.0 and other[1] < into[1]):
        return
    if into[0] == 0.0 or other[1] > into[1]:
        into[:] = other
        into[0] *= factor
        into[2 + 2 * p :] *= factor
        return
    ahead = 0.0
    for j in range(p):
        ahead += beta[j] * (other[2 + j] - into[2 + j])
    here, there = into[0], factor * other[0]
    keep, take = 1.0, factor
    if ahead > 0.0:
        keep = np.exp(-ahead)
        here *= keep
    else:
        shrink = np.exp(ahead)
        there *= shrink
        take *= shrink
    total = here + there
    both = here * there / total
    apart = np.empty(p)
    for j in range(p):
        apart[j] = (other[2 + j] - into[2 + j]) + other[2 + p + j] - into[2 + p + j]
    for j in range(p):
        for k in range(p):
            at = 2 + 2 * p + j * p + k
            into[at] = keep * into[at] + take * other[at] + apart[j] * apart[k] * both
    for j in range(p):
        if ahead > 0.0:
            into[2 + j] = other[2 + j]
            into[2 + p + j] = other[2 + p + j] - apart[j] * (here / total)
        else:
            into[2 + p + j] += apart[j] * (there / total)
    into[0] = total


@kernel
def add_patient(into: FloatArray, x: FloatArray, rank: float, beta: FloatArray) -> None:
    """Add one patient with covariates `x`, (p,), to a set."""
    alone = np.zeros(into.size)
    alone[0] = 1.0
    alone[1] = rank
    alone[2 : 2 + beta.size] = x
    merge(into, alone, 1.0, beta)


@kernel
def add_derivatives(
    x: FloatArray,
    rank: NDArray[np.int64],
    start: IndexArray,
    first_in: IndexArray,
    dying: IndexArray,
    step: FloatArray,
    slot_start: IndexArray,
    delayed: int,
    beta: FloatArray,
    gradient: FloatArray,
    information: FloatArray,
) -> float:
    """Add one stratum to `gradient`, (p,), and `information`, (p, p); return its log likelihood.

    Arguments are those of `CoxStratum`, and `rank`, shape (n,): in a risk set only patients of
    the highest rank have a weight. `delayed` is 1 if patients enter late.
    """
    n, p = x.shape
    m = slot_start.size
    size = 2 + 2 * p + p * p
    is_dying = np.zeros(n, dtype=np.bool_)
    is_dying[dying] = True
    others, died, drawn = np.zeros(size), np.zeros(size), np.zeros(size)
    value = 0.0
    for j in range(m - 1, -1, -1):
        last = slot_start[j + 1] if j + 1 < m else dying.size
        died[:] = 0.0
        for e in range(slot_start[j], last):
            add_patient(died, x[dying[e]], rank[dying[e]], beta)
        end = n
        if delayed:
            others[:] = 0.0
        elif j + 1 < m:
            end = first_in[j + 1]
        died_first, died_last = dying[slot_start[j]], dying[last - 1]
        for i in range(first_in[j], end):
            now = is_dying[i] and died_first <= i <= died_last
            if start[i] <= j and not now:
                add_patient(others, x[i], rank[i], beta)
        for e in range(slot_start[j], last):
            drawn[:] = others
            merge(drawn, died, 1.0 - step[e], beta)
            value -= np.log(drawn[0])
            for k in range(p):
                beside = x[dying[e], k] - drawn[2 + k]
                value += beta[k] * beside
                gradient[k] += beside - drawn[2 + p + k]
                for h in range(p):
                    information[k, h] += drawn[2 + 2 * p + k * p + h] / drawn[0]
        merge(others, died, 1.0, beta)
    return value
