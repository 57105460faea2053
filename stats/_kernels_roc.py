"""Compiled loops of the ROC statistics: presorted integers in, integers out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._resampling import (
    draw_counts,
    first_counter,
    first_state,
    random_rows,
)

_CACHED = 1024


@kernel
def cases_first(is_case: NDArray[np.bool_], places: NDArray[np.int32]) -> int:
    """Write the place of each patient, cases before controls, in row order; return the cases."""
    n_cases = 0
    for i in range(is_case.size):
        n_cases += 1 if is_case[i] else 0
    case, control = 0, n_cases
    for i in range(is_case.size):
        event = 1 if is_case[i] else 0
        # No branch on the outcome here and below: it is as good as random, and costs more.
        places[i] = case * event + control * (1 - event)
        case += event
        control += 1 - event
    return n_cases


@kernel
def twice_wins(
    order: NDArray[np.int32],
    repeats: NDArray[np.bool_],
    places: NDArray[np.int32],
    n_cases: int,
    wins: NDArray[Any],
) -> None:
    """Write twice the number of pairs that each patient helps each score to win; a tie is half.

    `order` and `repeats` are those of `stable_orders`, (k, n), and `wins` is (k, n) by the
    `places` of `cases_first`. A case gets the controls below it, a control the cases above it.
    Integers, so that equal placements are equal to the last bit.
    """
    for j in range(order.shape[0]):
        any_tied = False
        for i in range(order.shape[1]):
            any_tied |= repeats[j, i]
        if any_tied:
            wins_with_ties(order[j], repeats[j], places, n_cases, wins[j])
        else:
            wins_without_ties(order[j], places, n_cases, wins[j])


@kernel
def wins_without_ties(
    rows: NDArray[np.int32], places: NDArray[np.int32], n_cases: int, won: NDArray[Any]
) -> None:
    """Write the doubled placements of n patients, (n,), by their rows in ascending order."""
    cases, below = np.int32(n_cases), np.int32(0)
    for i in range(rows.size):
        # Unsigned: numba need not ask whether an index counts from the end.
        place = places[np.uint32(rows[i])]
        event = place < cases
        won[np.uint32(place)] = 2 * ((np.int32(i) if event else cases) - below)
        below += np.int32(1) if event else np.int32(0)


@kernel
def wins_with_ties(
    rows: NDArray[np.int32],
    tied: NDArray[np.bool_],
    places: NDArray[np.int32],
    n_cases: int,
    won: NDArray[Any],
) -> None:
    """Write the same where a score may equal the one before, as `tied` says."""
    n, below, start = rows.size, 0, 0
    while start < n:
        level = below + (1 if places[np.uint32(rows[start])] < n_cases else 0)
        stop = start + 1
        while stop < n and tied[stop]:
            level += 1 if places[np.uint32(rows[stop])] < n_cases else 0
            stop += 1
        of_case = start + stop - below - level
        of_control = 2 * n_cases - below - level
        for i in range(start, stop):
            place = places[np.uint32(rows[i])]
            won[np.uint32(place)] = of_case if place < n_cases else of_control
        below, start = level, stop


@kernel
def product_sums(
    wins: NDArray[Any], cases: int, case_end: int, controls: int, end: int, out: NDArray[np.int64]
) -> None:
    """Write sums of products of two rows of `wins`, (k, n), and of each row, in each class.

    ``out[0, a, b]``, of (2, k, k + 1), is of rows a <= b over the columns from `cases` up to
    `case_end`, ``out[1]`` over those from `controls` to `end`, and ``out[:, a, k]`` of row a alone.
    Whoever calls takes few enough columns for 64-bit sums.
    """
    k = wins.shape[0]
    out[:] = 0
    for c in range(2):
        first, last = (cases, case_end) if c == 0 else (controls, end)
        for start in range(first, last, _CACHED):
            stop = min(start + _CACHED, last)
            for a in range(k):
                row = wins[a, start:stop]
                out[c, a, k] += row.sum()
                for b in range(a, k):
                    other = wins[b, start:stop]
                    total = np.int64(0)
                    for i in range(row.size):
                        total += np.int64(row[i]) * np.int64(other[i])
                    out[c, a, b] += total


@kernel
def resampled_levels(
    key: np.uint64,
    codes: NDArray[Any],
    below: NDArray[np.int32],
    up_to: NDArray[np.int32],
    words: NDArray[np.uint64],
    counted_rows: NDArray[Any],
    drawn_rows: NDArray[Any],
    counts: NDArray[np.int32],
    cumulative: NDArray[np.int32],
    sums: NDArray[np.int64],
) -> None:
    """Write for each replicate resampled within two classes its doubled pairs, shape (b,).

    A pair is a patient of the class that is drawn, (n,), above one of the class that is counted,
    (m,); a tie is half. ``below[codes[i]]`` of the ascending patients of the latter lie below
    patient i, ``up_to[codes[i]]`` below or level. Without ties `codes` may be those numbers
    themselves, and the other two empty. The rest is room: words, two views of them by
    `room_for_rows`, and arrays of (m,) and (m + 1,).
    """
    level = np.empty(below.size, np.int32)
    cumulative[0] = 0
    for b in range(sums.size):
        counter = count_rows(first_counter(key, b), counts, words, counted_rows)
        total = 0
        for j in range(counts.size):
            total += counts[j]
            cumulative[j + 1] = total
        if level.size == 0:
            sums[b] = 2 * sum_levels(counter, codes, cumulative, words, drawn_rows)
        else:
            for c in range(level.size):
                level[c] = cumulative[below[c]] + cumulative[up_to[c]]
            sums[b] = sum_levels(counter, codes, level, words, drawn_rows)


@kernel
def count_rows(
    counter: np.uint64, counts: NDArray[np.int32], words: NDArray[np.uint64], rows: NDArray[Any]
) -> np.uint64:
    """Fill `counts`, (n,), with n draws from n rows; return the counter after them."""
    counts[:] = 0
    missing = counts.size
    while missing > 0:
        left, missing = missing, 0
        while left > 0:
            size = min(rows.size, left)
            counter, repeat = random_rows(counter, counts.size, words, rows, size)
            for i in range(size):
                counts[rows[i]] += 1
            left -= size
            missing += int(repeat)
        counts[0] -= missing
    return counter


@kernel
def sum_levels(
    counter: np.uint64,
    codes: NDArray[Any],
    level: NDArray[np.int32],
    words: NDArray[np.uint64],
    rows: NDArray[Any],
) -> np.int64:
    """Return the sum of ``level[codes]`` over n draws from n rows, `codes` being (n,)."""
    total = np.int64(0)
    missing = codes.size
    while missing > 0:
        left, missing = missing, 0
        while left > 0:
            size = min(rows.size, left)
            counter, repeat = random_rows(counter, codes.size, words, rows, size)
            for i in range(size):
                total += level[codes[rows[i]]]
            left -= size
            missing += int(repeat)
        total -= np.int64(missing) * level[codes[0]]
    return total


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
