"""Compiled loops of the ROC statistics: presorted integers in, integers out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

BLOCK = 4096


@kernel
def twice_wins(
    ascending: NDArray[np.float64], order: NDArray[np.intp], n_cases: int, wins: NDArray[Any]
) -> None:
    """Write twice the number of pairs that each patient helps the score to win; a tie is half.

    Rows 0 to ``n_cases - 1`` are cases, the rest controls; `order` sorts them into `ascending`.
    A case gets the controls below it, a control the cases above it, each (n,) and even or, with
    ties, odd. Integers, so that equal placements are equal to the last bit.
    """
    n = order.size
    cases_below, controls_below = 0, 0
    start = 0
    while start < n:
        stop = start + 1
        cases = 1 if order[start] < n_cases else 0
        while stop < n and ascending[stop] == ascending[start]:
            if order[stop] < n_cases:
                cases += 1
            stop += 1
        controls = stop - start - cases
        for i in range(start, stop):
            row = order[i]
            if row < n_cases:
                wins[row] = 2 * controls_below + controls
            else:
                wins[row] = 2 * (n_cases - cases_below) - cases
        cases_below += cases
        controls_below += controls
        start = stop


@kernel
def product_sums(wins: NDArray[Any], out: NDArray[np.int64]) -> None:
    """Add the sums of products of all pairs of rows of `wins`, shape (k, n), into `out`, (k, k).

    The upper triangle only. Whoever calls keeps n small enough for 64-bit sums.
    """
    k, n = wins.shape
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        for a in range(k):
            for b in range(a, k):
                total = np.int64(0)
                for i in range(start, stop):
                    total += np.int64(wins[a, i]) * np.int64(wins[b, i])
                out[a, b] += total
