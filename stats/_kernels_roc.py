"""Compiled loops of the ROC statistics: presorted integers in, integers out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._kernels_sort import sort_keys
from extval.stats._resampling import draw_counts, first_state

_CACHED = 1024


@kernel
def twice_wins(
    is_case: NDArray[np.bool_], scores: NDArray[np.float64], n_cases: int, wins: NDArray[Any]
) -> None:
    """Write twice the number of pairs that each patient helps each score to win; a tie is half.

    `scores` and `wins` are (k, n); in `wins` the cases come first, then the controls, each in row
    order. A case gets the controls below it, a control the cases above it. Integers, so that equal
    placements are equal to the last bit.
    """
    k, n = wins.shape
    # No branch on the outcome here and below: it is as good as random, and costs more than the sum.
    rows = np.empty(n, np.int32)
    case, control = 0, n_cases
    for i in range(n):
        event = 1 if is_case[i] else 0
        rows[case * event + control * (1 - event)] = i
        case += event
        control += 1 - event
    grouped = np.empty(n, np.float64)
    keys, order = np.empty(n, np.uint64), np.empty(n, np.int32)
    spare_keys, spare_order = np.empty(n, np.uint64), np.empty(n, np.int32)
    for j in range(k):
        score = scores[j]
        for i in range(n):
            grouped[i] = score[rows[i]]
        ascending, ascending_order = sort_keys(grouped, keys, order, spare_keys, spare_order)
        count_wins(ascending, ascending_order, n_cases, wins[j])


@kernel
def count_wins(
    ascending: NDArray[np.uint64], order: NDArray[np.int32], n_cases: int, wins: NDArray[Any]
) -> None:
    """Write the doubled placements of one score, (n,), from its sorted keys and their order."""
    n = order.size
    cases_below, controls_below = 0, 0
    start = 0
    while start < n:
        if start + 1 == n or ascending[start + 1] != ascending[start]:
            row = order[start]
            event = 1 if row < n_cases else 0
            wins[row] = 2 * (controls_below * event + (n_cases - cases_below) * (1 - event))
            cases_below += event
            controls_below += 1 - event
            start += 1
            continue
        stop, cases = start, 0
        while stop < n and ascending[stop] == ascending[start]:
            cases += 1 if order[stop] < n_cases else 0
            stop += 1
        controls = stop - start - cases
        of_case = 2 * controls_below + controls
        of_control = 2 * (n_cases - cases_below) - cases
        for i in range(start, stop):
            row = order[i]
            event = 1 if row < n_cases else 0
            wins[row] = of_case * event + of_control * (1 - event)
        cases_below += cases
        controls_below += controls
        start = stop


@kernel
def product_sums(
    wins: NDArray[Any], first: int, last: int, sums: NDArray[np.int64], out: NDArray[np.int64]
) -> None:
    """Write the sums of rows of `wins`, (k, n), and of their products, over columns first to last.

    The upper triangle of (k, k) only. Whoever calls takes few enough columns for 64-bit sums.
    """
    k = wins.shape[0]
    sums[:] = 0
    out[:] = 0
    for start in range(first, last, _CACHED):
        stop = min(start + _CACHED, last)
        for a in range(k):
            row = wins[a, start:stop]
            sums[a] += row.sum()
            for b in range(a, k):
                other = wins[b, start:stop]
                total = np.int64(0)
                for i in range(row.size):
                    total += np.int64(row[i]) * np.int64(other[i])
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
    cumulative = np.zeros(n_controls + 1, np.int32)
    for b in range(twice.size):
        state = draw_counts(first_state(key, b), case_counts)
        draw_counts(state, control_counts)
        below = np.int32(0)
        for j in range(n_controls):
            below += control_counts[j]
            cumulative[j + 1] = below
        total = np.int64(0)
        for i in range(n_cases):
            beaten = np.int64(cumulative[controls_below[i]]) + cumulative[controls_up_to[i]]
            total += case_counts[i] * beaten
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
