"""Compiled loops of the AUC(t) of resamples: counts over patients who were sorted once.

As in `extval.stats._kernels_auc_curve`, four horizons are done side by side.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._kernels_horizons import LANES, left_table, tie_ends
from extval.stats._resampling import resample_counts

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
Small = NDArray[np.int32]
Kinds = NDArray[np.int8]


@kernel
def by_time(
    time: FloatArray,
    kind: Kinds,
    orders: Small,
    repeats: BoolArray,
    horizons: FloatArray,
    row: Small,
    what: Kinds,
    when: FloatArray,
    enters: Small,
    until: IntArray,
) -> None:
    """Write place by score, kind and time of each patient by time, events first at equal times.

    Also `enters`, the first horizon at or after each patient's time, by score, and how many have
    left by each horizon.
    """
    n, h = time.size, horizons.size
    place = np.empty(n, np.int32)
    for i in range(n):
        place[orders[1, i]] = i
    a, begin, to = 0, 0, 0
    while begin < n:
        now, end = time[orders[0, begin]], begin + 1
        while a < h and horizons[a] < now:
            until[a] = begin
            a += 1
        while end < n and repeats[0, end]:
            end += 1
        for turn in range(2):
            for k in range(begin, end):
                patient = orders[0, k]
                if (kind[patient] == 0) == (turn == 1):
                    i = place[patient]
                    row[to], what[to], when[to], enters[i] = i, kind[patient], now, a
                    to += 1
        begin = end
    until[a:] = n


@kernel
def counted_weights(
    counts: Small,
    row: Small,
    what: Kinds,
    when: FloatArray,
    until: IntArray,
    horizons: FloatArray,
    as_case: FloatArray,
    as_other: FloatArray,
    uncensored: FloatArray,
    total: FloatArray,
) -> tuple[int, int, int]:
    """Write the weights of patients drawn `counts` times, (n,), by the resample's censoring curve.

    At each horizon, (h,): the probability of not being censored and the weight of all cases.
    Return how many horizons the resample reaches, and from which to which place by time patients
    were censored at its last time (an empty range if it ends with an event). Weights of those who
    leave after the last horizon mean nothing.
    """
    reached, end = horizons.size, row.size
    while counts[row[end - 1]] == 0:
        end -= 1
    stop = end
    if what[end - 1] == 0:  # the resample ends with censorings: they do not enter any weight
        while stop > 0 and what[stop - 1] == 0 and when[stop - 1] == when[end - 1]:
            stop -= 1
        while reached > 0 and horizons[reached - 1] > when[end - 1]:
            reached -= 1
    at_risk, inverse, cases, begin = row.size, 1.0, 0.0, 0
    for a in range(reached):
        for k in range(begin, min(until[a], stop)):
            i = row[k]
            count = counts[i]
            if what[k] == 0:
                inverse *= at_risk / (at_risk - count)
            elif what[k] == 1:
                as_case[i] = count * inverse
                cases += as_case[i]
            else:
                as_other[i] = count * inverse
            at_risk -= count
        begin = min(until[a], stop)
        uncensored[a], total[a] = 1.0 / inverse, cases
    for k in range(stop, until[reached - 1] if reached > 0 else 0):  # nobody drawn has left later
        as_case[row[k]] = 0.0
        as_other[row[k]] = 0.0
    return reached, stop, end


@kernel
def counted_below(
    counts: Small,
    enters: Small,
    as_other: FloatArray,
    left: FloatArray,
    free: FloatArray,
    uncensored: FloatArray,
    below: FloatArray,
) -> None:
    """Write the weights of controls before each place by score, (n + 1, lanes).

    `as_other` is empty without competing events.
    """
    below[0, :] = 0.0
    for i in range(enters.size):
        e, count = enters[i], float(counts[i])
        for s in range(LANES):
            below[i + 1, s] = below[i, s] + count * free[e, s]
    others = np.zeros(LANES)
    for i in range(as_other.size):
        e, weight = enters[i], as_other[i]
        for s in range(LANES):
            others[s] += uncensored[s] * weight * left[e, s]
            below[i + 1, s] += others[s]


@kernel
def counted_wins(
    case_row: Small,
    start: Small,
    stop: Small,
    enters: Small,
    as_case: FloatArray,
    left: FloatArray,
    below: FloatArray,
    wins: FloatArray,
) -> None:
    """Write twice the weight of the pairs won at four horizons, (lanes,)."""
    wins[:] = 0.0
    for j in range(case_row.size):
        i = case_row[j]
        e, first, last, weight = enters[i], start[i], stop[i], as_case[i]
        for s in range(LANES):
            wins[s] += weight * (below[first, s] + below[last, s]) * left[e, s]


@kernel
def resampled_auc(
    key: np.uint64,
    first: int,
    time: FloatArray,
    kind: Kinds,
    orders: Small,
    repeats: BoolArray,
    horizons: FloatArray,
    auc: FloatArray,
    incidence: FloatArray,
) -> None:
    """Write AUC and cumulative incidence at h horizons of each resample of the patients, (b, h).

    `orders` and `repeats`, (2, n), are those of the times and of the scores; patients are drawn in
    the order of their scores. NaN where a resample does not reach the horizon, and for the AUC
    where it has no case or no control. The censoring curve is that of the resample.
    """
    n, h = time.size, horizons.size
    row, what, when = np.empty(n, np.int32), np.empty(n, np.int8), np.empty(n)
    enters, until = np.empty(n, np.int32), np.empty(h, np.int64)
    by_time(time, kind, orders, repeats, horizons, row, what, when, enters, until)
    start, stop = np.arange(n).astype(np.int32), np.arange(n).astype(np.int32)
    if repeats[1].any():
        tie_ends(repeats[1], start, stop)
    case_row, cases_until = row[what == 1], np.empty(h, np.int64)
    for a in range(h):
        cases_until[a] = np.count_nonzero(what[: until[a]] == 1)
    blocks = (h + LANES - 1) // LANES
    left, free = np.empty((2, blocks, h + 1, LANES))
    for j in range(blocks):
        left_table(j * LANES, min(LANES, h - j * LANES), left[j], free[j])
    counts, below, wins = np.empty(n, np.int32), np.empty((n + 1, LANES)), np.empty(LANES)
    as_case, as_other, total = np.zeros(n), np.zeros(n), np.zeros(h)
    others = as_other if (what == 2).any() else as_other[:0]
    uncensored = np.ones(blocks * LANES)
    for b in range(auc.shape[0]):
        resample_counts(key, first + b, counts)
        reached, begin, end = counted_weights(
            counts, row, what, when, until, horizons, as_case, as_other, uncensored, total
        )
        # A horizon at the last time finds those censored then free of the event.
        at_last = reached > 0 and begin < end and horizons[reached - 1] == when[end - 1]
        for k in range(begin, end if at_last else begin):
            enters[row[k]] += 1
        for a in range(h):
            auc[b, a] = np.nan
            incidence[b, a] = total[a] / n if a < reached else np.nan
        for j in range(blocks):
            lane, last = j * LANES, min((j + 1) * LANES, reached)
            if last <= lane:
                break
            own = uncensored[lane : lane + LANES]
            counted_below(counts, enters, others, left[j], free[j], own, below)
            in_time = case_row[: cases_until[last - 1]]
            counted_wins(in_time, start, stop, enters, as_case, left[j], below, wins)
            for a in range(lane, last):
                pairs = total[a] * below[n, a - lane]
                if pairs > 0.0:
                    auc[b, a] = wins[a - lane] / (2.0 * pairs)
        for k in range(begin, end if at_last else begin):
            enters[row[k]] -= 1
