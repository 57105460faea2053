"""Compiled loops of mRMR: the greedy choice with running redundancies; no checks.

Every feature is summed over patients in the same order, wherever its column stands, so equal
columns have equal scores; a library's matrix product does not promise that.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

Floats = NDArray[np.float64]
BLOCK = 1024  # features whose sums stay in the nearest cache
TIED = 1e-10  # scores this close, relative to their terms, are tied


@kernel
def best(
    relevance: Floats,
    redundancy: Floats,
    taken: NDArray[np.bool_],
    count: int,
    quotient: bool,  # noqa: FBT001
    score: Floats,
) -> int:
    """Fill `score`, (p,), and return the first feature whose score is the highest but for a tie.

    `redundancy` is the sum over the `count` features chosen so far.
    """
    p = relevance.size
    top = -1
    for j in range(p):
        if taken[j]:
            continue
        if count == 0:
            score[j] = relevance[j]
        elif quotient:
            score[j] = relevance[j] / (redundancy[j] / count)
        else:
            score[j] = relevance[j] - redundancy[j] / count
        if top < 0 or score[j] > score[top]:
            top = j
    if np.isinf(score[top]):
        return top
    size = abs(score[top])
    if count > 0 and not quotient:
        size = abs(relevance[top]) + redundancy[top] / count
    least = score[top] - TIED * size - 1e-12
    for j in range(top):
        if not taken[j] and score[j] >= least:
            return j
    return top


@kernel
def f_statistics(x: Floats, outcome: NDArray[np.uint8], out: Floats) -> None:
    """Fill `out`, (p,), with F of the columns of `x`, (n, p), on two classes, both present.

    Values are taken from the first of their class, so that equal values have no variance at all.
    """
    n, p = x.shape
    size = np.zeros(2, dtype=np.int64)
    first = np.zeros(2, dtype=np.int64)
    for i in range(n - 1, -1, -1):
        size[outcome[i]] += 1
        first[outcome[i]] = i
    mean = np.empty((2, BLOCK))
    inside = np.empty(BLOCK)
    for start in range(0, p, BLOCK):
        width = min(BLOCK, p - start)
        mean[:, :] = 0.0
        inside[:] = 0.0
        for i in range(n):
            c = outcome[i]
            row = x[i, start : start + width]
            origin = x[first[c], start : start + width]
            for j in range(width):
                mean[c, j] += row[j] - origin[j]
        for c in range(2):
            for j in range(width):
                mean[c, j] /= size[c]
        for i in range(n):
            c = outcome[i]
            row = x[i, start : start + width]
            origin = x[first[c], start : start + width]
            for j in range(width):
                rest = row[j] - origin[j] - mean[c, j]
                inside[j] += rest * rest
        for j in range(width):
            gap = x[first[0], start + j] + mean[0, j] - x[first[1], start + j] - mean[1, j]
            between = gap * gap * (size[0] * size[1] / n)
            within = inside[j] / (n - 2)
            if within > 0.0:
                out[start + j] = between / within
            else:
                out[start + j] = np.inf if between > 0.0 else 0.0


@kernel
def select_by_correlation(
    unit: Floats,
    relevance: Floats,
    floor: float,
    quotient: bool,  # noqa: FBT001
    chosen: NDArray[np.int64],
    scores: Floats,
) -> None:
    """Fill `chosen` and `scores`, (k,); `unit`, (n, p), has centred columns of length 1."""
    n, p = unit.shape
    redundancy = np.zeros(p)
    taken = np.zeros(p, dtype=np.bool_)
    score = np.empty(p)
    total = np.empty(BLOCK)
    for step in range(chosen.size):
        at = best(relevance, redundancy, taken, step, quotient, score)
        chosen[step] = at
        scores[step] = score[at]
        taken[at] = True
        if step + 1 == chosen.size:
            return
        for start in range(0, p, BLOCK):
            width = min(BLOCK, p - start)
            total[:] = 0.0
            for i in range(n):
                factor = unit[i, at]
                row = unit[i, start : start + width]
                for j in range(width):
                    total[j] += factor * row[j]
            for j in range(width):
                redundancy[start + j] += max(abs(total[j]), floor)


@kernel
def information(
    a: NDArray[np.uint8],
    b: NDArray[np.uint8],
    table: NDArray[np.int64],
    logs: Floats,
) -> float:
    """Return the mutual information in nats of two codings; `logs[c]` is ``c log(c)``."""
    table[:, :] = 0
    for i in range(a.size):
        table[a[i], b[i]] += 1
    value = logs[a.size]
    for r in range(table.shape[0]):
        total = 0
        for c in range(table.shape[1]):
            value += logs[table[r, c]]
            total += table[r, c]
        value -= logs[total]
    for c in range(table.shape[1]):
        total = 0
        for r in range(table.shape[0]):
            total += table[r, c]
        value -= logs[total]
    value /= a.size
    return value if value > 1e-14 else 0.0


@kernel
def select_by_information(
    codes: NDArray[np.uint8],
    outcome: NDArray[np.uint8],
    levels: int,
    floor: float,
    quotient: bool,  # noqa: FBT001
    relevance: Floats,
    chosen: NDArray[np.int64],
    scores: Floats,
) -> None:
    """Fill `relevance`, (p,), `chosen` and `scores`, (k,); `codes`, (p, n), lie below `levels`."""
    p, n = codes.shape
    logs = np.zeros(n + 1)
    for c in range(2, n + 1):
        logs[c] = c * np.log(c)
    table = np.empty((levels, levels), dtype=np.int64)
    for j in range(p):
        relevance[j] = information(codes[j], outcome, table, logs)
    redundancy = np.zeros(p)
    taken = np.zeros(p, dtype=np.bool_)
    score = np.empty(p)
    for step in range(chosen.size):
        at = best(relevance, redundancy, taken, step, quotient, score)
        chosen[step] = at
        scores[step] = score[at]
        taken[at] = True
        if step + 1 == chosen.size:
            return
        for j in range(p):
            if not taken[j]:
                redundancy[j] += max(information(codes[j], codes[at], table, logs), floor)
