"""Compiled loops of the concordance: Fenwick trees of ranks over presorted patients."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._resampling import resample_counts


@kernel
def add_at(tree: NDArray[Any], rank: int, amount: Any) -> None:
    """Add `amount` at `rank`, 0 to size - 2, of a Fenwick tree."""
    r = rank + 1
    while r < tree.size:
        tree[r] += amount
        r += r & -r


@kernel
def sum_below(tree: NDArray[Any], rank: int) -> Any:
    """Return the sum of what was added below `rank`."""
    total = tree[0]  # always zero; carries the type
    r = rank
    while r > 0:
        total += tree[r]
        r -= r & -r
    return total


@kernel
def pairs_with_later(
    time: NDArray[np.float64],
    is_event: NDArray[np.bool_],
    rank: NDArray[np.int32],
    n_ranks: int,
    pairs: NDArray[np.int64],
) -> None:
    """Count each event's pairs with patients who outlived it, (2, n): twice the wins, and all.

    Patients come in increasing time; `rank` is that of their scores, equal scores equal. A patient
    censored at the event's time outlived it, another event then did not. The event wins a pair
    with its higher score; a tie is half a win.
    """
    tree = np.zeros(n_ranks + 1, np.int64)
    same = np.zeros(n_ranks, np.int64)
    added = 0
    stop = time.size
    while stop > 0:  # from the last time: those still followed are in the tree
        start = stop - 1
        while start > 0 and time[start - 1] == time[stop - 1]:
            start -= 1
        for turn in range(3):
            for i in range(start, stop):
                r = rank[i]
                if turn == 1 and is_event[i]:
                    pairs[0, i] = 2 * sum_below(tree, r) + same[r]
                    pairs[1, i] = added
                elif turn != 1 and is_event[i] == (turn == 2):
                    add_at(tree, r, 1)
                    same[r] += 1
                    added += 1
        stop = start


@kernel
def pairs_with_earlier(
    time: NDArray[np.float64],
    is_event: NDArray[np.bool_],
    rank: NDArray[np.int32],
    event_weight: NDArray[Any],
    n_ranks: int,
    pairs: NDArray[Any],
) -> None:
    """Sum the weights of the events that each patient outlived, (2, n): twice their wins, and all.

    The same pairs as `pairs_with_later`, seen from the patient who outlived; `event_weight` and
    `pairs` have one type.
    """
    tree = np.zeros(n_ranks + 1, event_weight.dtype)
    same = np.zeros(n_ranks, event_weight.dtype)
    added = tree[0]
    n = time.size
    start = 0
    while start < n:  # from the first time: the events so far are in the tree
        stop = start + 1
        while stop < n and time[stop] == time[start]:
            stop += 1
        for turn in range(3):
            for i in range(start, stop):
                r = rank[i]
                if turn == 1 and is_event[i]:
                    add_at(tree, r, event_weight[i])
                    same[r] += event_weight[i]
                    added += event_weight[i]
                elif turn != 1 and is_event[i] == (turn == 0):
                    pairs[0, i] = 2 * (added - sum_below(tree, r)) - same[r]
                    pairs[1, i] = added
        start = stop


@kernel
def resampled_concordance(
    key: np.uint64,
    first: int,
    time: NDArray[np.float64],
    is_event: NDArray[np.bool_],
    rank: NDArray[np.int32],
    n_ranks: int,
    last_counted: int,
    power: int,
    values: NDArray[np.float64],
) -> None:
    """Write C of each resample of the patients, (b,); NaN where no pair is comparable.

    Events of the first `last_counted` patients count. With `power` 2 they weigh the inverse square
    of the resample's own curve of not being censored (Uno's C), with 0 they weigh 1.
    """
    n = time.size
    counts = np.empty(n, np.int32)
    weight = np.ones(n)
    for b in range(values.size):
        resample_counts(key, first + b, counts)
        if power > 0:
            inverse_square_uncensored(time, is_event, counts, weight)
        wins, pairs = counted_pairs(time, is_event, rank, n_ranks, counts, last_counted, weight)
        values[b] = wins / (2.0 * pairs) if pairs > 0.0 else np.nan


@kernel
def inverse_square_uncensored(
    time: NDArray[np.float64],
    is_event: NDArray[np.bool_],
    counts: NDArray[np.int32],
    weight: NDArray[np.float64],
) -> None:
    """Write 1 / G(T-)**2 of each patient, (n,), events before censorings at equal times."""
    n = time.size
    at_risk, curve = n, 1.0
    start = 0
    while start < n and at_risk > 0:
        stop, events, censored = start, 0, 0
        while stop < n and time[stop] == time[start]:
            weight[stop] = 1.0 / (curve * curve)
            if is_event[stop]:
                events += counts[stop]
            else:
                censored += counts[stop]
            stop += 1
        left = at_risk - events
        if censored > 0:
            curve *= (left - censored) / left
        at_risk = left - censored
        start = stop


@kernel
def counted_pairs(
    time: NDArray[np.float64],
    is_event: NDArray[np.bool_],
    rank: NDArray[np.int32],
    n_ranks: int,
    counts: NDArray[np.int32],
    last_counted: int,
    weight: NDArray[np.float64],
) -> tuple[float, float]:
    """Return twice the weight of the pairs won, and that of all, each patient counted `counts`."""
    tree = np.zeros(n_ranks + 1, np.int64)
    same = np.zeros(n_ranks, np.int64)
    added, wins, pairs = 0, 0.0, 0.0
    stop = time.size
    while stop > 0:
        start = stop - 1
        while start > 0 and time[start - 1] == time[stop - 1]:
            start -= 1
        for turn in range(3):
            for i in range(start, stop):
                r, count = rank[i], int(counts[i])
                if count == 0:
                    continue
                if turn == 1 and is_event[i] and i < last_counted:
                    wins += weight[i] * count * (2 * sum_below(tree, r) + same[r])
                    pairs += weight[i] * count * added
                elif turn != 1 and is_event[i] == (turn == 2):
                    add_at(tree, r, count)
                    same[r] += count
                    added += count
        stop = start
    return wins, pairs
