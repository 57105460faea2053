"""Compiled loops of the ROC statistics: presorted integers in, integers out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._resampling import draw_counts, first_state

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


@kernel
def resampled_wins(
    key: np.uint64,
    controls_below: NDArray[Any],
    controls_up_to: NDArray[Any],
    n_controls: int,
    twice: NDArray[np.int64],
) -> None:
    """Write twice the pairs won in each replicate resampled within the classes, shape (b,).

    For the cases in any fixed order: how many of the ascending controls lie below each, and below
    or level with it.
    """
    n_cases = controls_below.size
    case_counts = np.empty(n_cases, np.int32)
    control_counts = np.empty(n_controls, np.int32)
    cumulative = np.zeros(n_controls + 1, np.int64)
    for b in range(twice.size):
        state = draw_counts(first_state(key, b), case_counts)
        draw_counts(state, control_counts)
        total = np.int64(0)
        for j in range(n_controls):
            total += control_counts[j]
            cumulative[j + 1] = total
        total = np.int64(0)
        for i in range(n_cases):
            drawn = np.int64(case_counts[i])
            total += drawn * (cumulative[controls_below[i]] + cumulative[controls_up_to[i]])
        twice[b] = total


@kernel
def resampled_curve(
    key: np.uint64,
    b: int,
    case_codes: NDArray[Any],
    control_codes: NDArray[Any],
    counts: NDArray[Any],
    reached: NDArray[np.int64],
) -> None:
    """Write the cumulated false and true positives of replicate `b`, shape (2, d + 1), from (0, 0).

    Codes number the d distinct scores from the highest down; `counts` is room for the draws of the
    larger class.
    """
    reached[:] = 0
    cases = counts[: case_codes.size]
    state = draw_counts(first_state(key, b), cases)
    for i in range(case_codes.size):
        reached[1, case_codes[i] + 1] += cases[i]
    controls = counts[: control_codes.size]
    draw_counts(state, controls)
    for i in range(control_codes.size):
        reached[0, control_codes[i] + 1] += controls[i]
    for c in range(1, reached.shape[1]):
        reached[0, c] += reached[0, c - 1]
        reached[1, c] += reached[1, c - 1]
