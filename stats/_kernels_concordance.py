"""Compiled loops of the concordance: Fenwick trees of ranks over presorted patients."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._resampling import resample_counts

Small = NDArray[np.int32]

_NONE, _ONE = np.uint64(0), np.uint64(1)
_HALF, _LOWER = 32, 2**32 - 1
_PATIENT, _PATIENT_WITH_EVENT = 1, 2**32 + 1


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
def dense_ranks(
    order: Small, repeats: NDArray[np.bool_], rank: Small, below: NDArray[np.int64]
) -> int:
    """Write the rank of each of n values, equal values equal, and how many lie below each rank.

    `order` sorts them and `repeats` marks those equal to the one before. Return how many ranks k
    there are; the first k + 1 of `below`, (n + 1,), are written.
    """
    n, k = order.size, 0
    for i in range(n):
        if not repeats[i]:
            below[k] = i
            k += 1
        rank[order[i]] = k - 1
    below[k] = n
    return k


@kernel
def twice_below(tree: NDArray[Any], ties: NDArray[Any], rank: int) -> Any:
    """Return twice what a Fenwick tree holds below `rank`, and once what it holds at it."""
    total = tree[0]  # always zero; carries the type
    r = np.uint64(rank)
    while r > _NONE:
        total += tree[r]
        r &= r - _ONE
    return 2 * total + ties[rank] if ties.size > 0 else 2 * total


@kernel
def add_patient(tree: NDArray[Any], ties: NDArray[Any], rank: int, amount: Any) -> None:
    """Add `amount` at `rank` of a Fenwick tree, (ranks + 1,)."""
    r, size = np.uint64(rank) + _ONE, np.uint64(tree.size)
    while r < size:
        tree[r] += amount
        r += r & (~r + _ONE)
    if ties.size > 0:
        ties[rank] += amount


@kernel
def count_pairs(
    order: Small,
    repeats: NDArray[np.bool_],
    is_event: NDArray[np.bool_],
    rank: Small,
    below: NDArray[np.int64],
    n_ranks: int,
    later: NDArray[np.int64],
    earlier: NDArray[np.int64],
) -> None:
    """Count the pairs of each patient, twice the wins and all, (2, n) both.

    `later` counts an event's pairs with patients who outlived it (zero on entry), `earlier` a
    patient's with the events he or she outlived. `order` sorts the times and `repeats` marks those
    equal to the one before; `rank`, `below` and `n_ranks` are the scores' `dense_ranks`. A patient
    censored at an event's time outlived it, another event then did not. An event wins a pair with
    its higher score; a tie is half a win.

    One pass from the first time: those who outlive an event are all but the patients met so far.
    The tree counts patients in the lower half of its numbers, events in the upper half.
    """
    n = order.size
    tree = np.zeros(n_ranks + 1, np.int64)
    ties = np.zeros(n_ranks if n_ranks < n else 0, np.int64)
    events, start = 0, 0
    while start < n:  # those with an earlier time are in the tree
        stop = start + 1
        while stop < n and repeats[stop]:
            stop += 1
        if stop == start + 1:
            i = order[start]
            r, amount = rank[i], _PATIENT
            met = twice_below(tree, ties, r)
            earlier[0, i], earlier[1, i] = 2 * events - (met >> _HALF), events
            if is_event[i]:
                later[0, i] = below[r] + below[r + 1] - (met & _LOWER) - 1
                later[1, i] = n - stop
                events += 1
                amount = _PATIENT_WITH_EVENT
            add_patient(tree, ties, r, amount)
        else:  # events against those before, the later against events, then the censored
            before, gone = events, start
            for turn in range(4):
                for k in range(start, stop):
                    i = order[k]
                    r = rank[i]
                    if is_event[i] != (turn < 3):
                        continue
                    if turn == 1:
                        add_patient(tree, ties, r, _PATIENT_WITH_EVENT)
                        events += 1
                        gone += 1
                        continue
                    met = twice_below(tree, ties, r)
                    if turn == 2:
                        itself = 1 if ties.size == 0 else 0  # else it is among the ties
                        later[0, i] = below[r] + below[r + 1] - (met & _LOWER) - itself
                        later[1, i] = n - gone
                    else:
                        total = before if turn == 0 else events
                        earlier[0, i], earlier[1, i] = 2 * total - (met >> _HALF), total
                    if turn == 3:
                        add_patient(tree, ties, r, _PATIENT)
        start = stop


@kernel
def weigh_earlier(
    order: Small,
    repeats: NDArray[np.bool_],
    is_event: NDArray[np.bool_],
    event_weight: NDArray[np.float64],
    rank: Small,
    n_ranks: int,
    earlier: NDArray[np.float64],
) -> None:
    """Sum the weights of the events that each patient outlived, (2, n), as `count_pairs` counts."""
    n = order.size
    tree = np.zeros(n_ranks + 1)
    ties = np.zeros(n_ranks if n_ranks < n else 0)
    added, start = 0.0, 0
    while start < n:
        stop = start + 1
        while stop < n and repeats[stop]:
            stop += 1
        for turn in range(3):  # events against those before; events enter; then the censored
            for k in range(start, stop):
                i = order[k]
                if is_event[i] != (turn < 2):
                    continue
                if turn == 1:
                    add_patient(tree, ties, rank[i], event_weight[i])
                    added += event_weight[i]
                else:
                    earlier[0, i] = 2.0 * added - twice_below(tree, ties, rank[i])
                    earlier[1, i] = added
        start = stop


@kernel
def pair_influence(
    later: NDArray[np.int64],
    earlier: NDArray[Any],
    event_weight: NDArray[Any],
    influence: NDArray[np.float64],
) -> float:
    """Write each patient's influence on the share of pairs won, (n,), and return the share.

    NaN, with nothing written, where there is no pair.
    """
    wins, pairs = 0 * event_weight[:1].sum(), 0 * event_weight[:1].sum()
    for i in range(influence.size):
        wins += later[0, i] * event_weight[i]
        pairs += later[1, i] * event_weight[i]
    if not pairs > 0:
        return np.nan
    value = float(wins / 2 / pairs)
    for i in range(influence.size):
        won = later[0, i] * event_weight[i] + earlier[0, i]
        own = later[1, i] * event_weight[i] + earlier[1, i]
        influence[i] = (won / 2 - value * own) / pairs
    return value


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
