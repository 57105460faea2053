"""Compiled loops of Fisher's exact test: arrays in, arrays out; no checks, sorting or defaults.

A table is filled column by column. What is left of the row totals is the state; tables that have
reached the same state by paths of the same probability are carried as one entry. `lf` holds the
logarithms of the factorials of 0, 1, 2, ... throughout, and a path's `past` is the sum of the
log-factorials of its cells, so that a table is as unlikely as the observed one when its sum is at
least the observed sum.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._resampling import first_state, mix, next_word

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_32 = np.uint64(32)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_TWO_32 = np.uint64(0x100000000)
_GRAIN = 2.0**27  # paths whose sums differ by less than 1e-8 are one path


@kernel
def _decode(key: int, base: int, left: IntArray) -> None:
    """Write the digits of `key` into `left`."""
    for i in range(left.size):
        left[i] = key % base
        key //= base


@kernel
def _encode_sorted(left: IntArray, base: int, work: IntArray) -> int:
    """Return the key of a state; the order of its rows does not matter."""
    for i in range(left.size):
        value = left[i]
        j = i
        while j > 0 and work[j - 1] < value:
            work[j] = work[j - 1]
            j -= 1
        work[j] = value
    key = 0
    for i in range(left.size - 1, -1, -1):
        key = key * base + work[i]
    return key


@kernel
def _greedy(total: int, parts: IntArray, lf: FloatArray) -> float:
    """Return the largest sum of log-factorials of `total` filled into descending `parts`."""
    value = 0.0
    for j in range(parts.size):
        take = min(total, parts[j])
        value += lf[take]
        total -= take
    return value


@kernel
def _bounds(
    left: IntArray, columns: IntArray, lf: FloatArray, log: FloatArray
) -> tuple[float, float]:
    """Return a lower and an upper bound of the sum over the `columns` that remain.

    `left` and `columns` descend. The lower bound is the Lagrange dual at the expected counts:
    with one multiplier a margin every cell is minimised by itself, at the whole number below its
    expectation. The upper bound forgets the other rows (or columns) and fills each row greedily.
    """
    n = 0
    for i in range(left.size):
        n += left[i]
    low = -n * log[n]
    rows_high = 0.0
    for i in range(left.size):
        low += left[i] * log[left[i]]
        rows_high += _greedy(left[i], columns, lf)
    columns_high = 0.0
    for j in range(columns.size):
        low += columns[j] * log[columns[j]]
        columns_high += _greedy(columns[j], left, lf)
        for i in range(left.size):
            cell = left[i] * columns[j] // n
            if cell > 0:
                low += lf[cell] - cell * (log[left[i]] + log[columns[j]] - log[n])
    return low, min(rows_high, columns_high)


@kernel
def _next_column(left: IntArray, room: IntArray, x: IntArray, level: int, need: int) -> bool:
    """Step `x` to the next way of dividing a column among the rows; False after the last.

    `room[i]` is the sum of ``left[i:]``. Call with `level` -1 and the column total first, then
    with the number of rows.
    """
    n = left.size
    if level < 0:
        i = 0
    else:
        i = n - 2
        need = x[n - 1]
        while i >= 0:
            need += x[i]
            if x[i] < left[i] and x[i] < need:
                x[i] += 1
                need -= x[i]
                break
            i -= 1
        if i < 0:
            return False
        i += 1
    while i < n:
        least = need - room[i + 1]
        x[i] = least if least > 0 else 0
        if i == n - 1:
            x[i] = need
        need -= x[i]
        i += 1
    return True


@kernel
def _slot(slots: IntArray, labels: IntArray, key: int, grain: int) -> np.int64:
    """Return the slot of the entry labelled (key, grain), or the free one where it belongs."""
    word = mix(np.uint64(key) ^ mix(np.uint64(grain)))
    slot = np.int64(word & np.uint64(slots.size - 1))
    while slots[slot] >= 0 and not (
        labels[0, slots[slot]] == key and labels[1, slots[slot]] == grain
    ):
        slot = (slot + 1) & (slots.size - 1)
    return slot


@kernel
def _larger(slots: IntArray, labels: IntArray) -> IntArray:
    """Return twice as many slots that hold the same entries."""
    more = np.full(2 * slots.size, -1, np.int64)
    for e in range(slots.size // 2):
        more[_slot(more, labels, labels[0, e], labels[1, e])] = e
    return more


@kernel
def _open_node(
    key: int, base: int, column: int, left: IntArray, room: IntArray, lf: FloatArray
) -> float:
    """Unpack a node into `left` and `room`.

    Return the logarithm of what a way of dividing `column` has to be divided by the product of
    its factorials to become a probability.
    """
    _decode(key, base, left)
    room[left.size] = 0
    for i in range(left.size - 1, -1, -1):
        room[i] = room[i + 1] + left[i]
    ways = lf[column] + lf[room[0] - column] - lf[room[0]]
    for i in range(left.size):
        ways += lf[left[i]]
    return float(ways)


@kernel
def _group_end(keys: IntArray, start: int) -> int:
    stop = start + 1
    while stop < keys.size and keys[stop] == keys[start]:
        stop += 1
    return stop


@kernel
def advance(
    keys: IntArray,
    past: FloatArray,
    mass: FloatArray,
    columns: IntArray,
    step: int,
    n_rows: int,
    base: int,
    observed: float,
    lf: FloatArray,
    log: FloatArray,
    budget: int,
) -> tuple[IntArray, FloatArray, FloatArray, float, int]:
    """Fill column `step` of every entry and merge the entries that have become equal.

    Entries are grouped by `keys`. Return the new keys, pasts and masses, the probability of the
    paths that end in the tail whatever follows, and what is left of `budget`, which counts
    extended paths; below zero the work was abandoned.
    """
    left = np.empty(n_rows, np.int64)
    after = np.empty(n_rows, np.int64)
    ordered = np.empty(n_rows, np.int64)
    x = np.empty(n_rows, np.int64)
    room = np.zeros(n_rows + 1, np.int64)
    remaining = columns[step + 1 :][::-1]
    slots = np.full(1 << 12, -1, np.int64)
    labels = np.empty((2, slots.size), np.int64)
    numbers = np.empty((2, slots.size))
    count = 0
    tail = 0.0
    start = 0
    while start < keys.size and budget >= 0:
        stop = _group_end(keys, start)
        ways = _open_node(keys[start], base, columns[step], left, room, lf)
        more = _next_column(left, room, x, -1, columns[step])
        while more:
            budget -= stop - start
            here = 0.0
            there = 0.0
            for i in range(n_rows):
                after[i] = left[i] - x[i]
                here += lf[x[i]]
                there += lf[after[i]]
            chance = np.exp(ways - here - there)
            key = _encode_sorted(after, base, ordered)
            low, high = _bounds(ordered, remaining, lf, log)
            for e in range(start, stop):
                value = past[e] + here
                if value + low >= observed:
                    tail += mass[e] * chance
                elif value + high >= observed:
                    grain = int(value * _GRAIN + 0.5)
                    slot = _slot(slots, labels, key, grain)
                    if slots[slot] >= 0:
                        numbers[1, slots[slot]] += mass[e] * chance
                        continue
                    slots[slot] = count
                    labels[0, count] = key
                    labels[1, count] = grain
                    numbers[0, count] = value
                    numbers[1, count] = mass[e] * chance
                    count += 1
                    if 2 * count == slots.size:
                        slots = _larger(slots, labels)
                        labels = np.concatenate((labels, np.empty_like(labels)), axis=1)
                        numbers = np.concatenate((numbers, np.empty_like(numbers)), axis=1)
            more = budget >= 0 and _next_column(left, room, x, n_rows, 0)
        start = stop
    return labels[0, :count], numbers[0, :count], numbers[1, :count], tail, budget


@kernel
def finish(
    keys: IntArray,
    past: FloatArray,
    mass: FloatArray,
    columns: IntArray,
    n_rows: int,
    base: int,
    observed: float,
    lf: FloatArray,
    budget: int,
) -> tuple[float, int]:
    """Fill the last two columns of every entry; return the tail and what is left of `budget`.

    Entries are grouped by `keys` and ascend in `past` within a group. The second of the two
    columns is determined by the first.
    """
    beyond = mass.copy()
    left = np.empty(n_rows, np.int64)
    x = np.empty(n_rows, np.int64)
    room = np.zeros(n_rows + 1, np.int64)
    column = columns[columns.size - 2]
    tail = 0.0
    start = 0
    while start < keys.size and budget >= 0:
        stop = _group_end(keys, start)
        for e in range(stop - 2, start - 1, -1):
            beyond[e] += beyond[e + 1]
        ways = _open_node(keys[start], base, column, left, room, lf)
        more = _next_column(left, room, x, -1, column)
        while more:
            budget -= 1
            future = 0.0
            for i in range(n_rows):
                future += lf[x[i]] + lf[left[i] - x[i]]
            low = start
            high = stop
            while low < high:
                middle = (low + high) // 2
                if past[middle] + future >= observed:
                    high = middle
                else:
                    low = middle + 1
            if low < stop:
                tail += beyond[low] * np.exp(ways - future)
            more = budget >= 0 and _next_column(left, room, x, n_rows, 0)
        start = stop
    return tail, budget


@kernel
def count_random_tables(
    key: np.uint64,
    n_resamples: int,
    row_of: IntArray,
    columns: IntArray,
    n_rows: int,
    observed: float,
    lf: FloatArray,
) -> int:
    """Count the random tables with both margins fixed that are as unlikely as `observed`.

    `row_of`, shape (n,), is the row of every patient. Table b deals the patients to the columns
    by a Fisher-Yates shuffle from the state (key, b), each index by Lemire's multiply-and-reject.
    """
    n = row_of.size
    deck = np.empty(n, np.int64)
    cells = np.empty(n_rows, np.int64)
    found = 0
    for b in range(n_resamples):
        deck[:] = row_of
        s0, s1, s2, s3 = first_state(key, b)
        value = 0.0
        dealt = 0
        for j in range(columns.size):
            cells[:] = 0
            for _ in range(columns[j]):
                span = np.uint64(n - dealt)
                while True:
                    word, s0, s1, s2, s3 = next_word(s0, s1, s2, s3)
                    product = (word >> _32) * span
                    low = product & _LOW_HALF
                    if low >= span or low >= (_TWO_32 - span) % span:
                        break
                pick = dealt + np.int64(product >> _32)
                cells[deck[pick]] += 1
                deck[pick] = deck[dealt]
                dealt += 1
            for i in range(n_rows):
                value += lf[cells[i]]
        if value >= observed:
            found += 1
    return found
