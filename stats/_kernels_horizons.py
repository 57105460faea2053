"""Compiled layout of censored patients for several horizons: by score, by time, by horizon."""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
Small = NDArray[np.int32]

LANES = 4


@kernel
def tie_ends(repeats: BoolArray, start: Small, stop: Small) -> None:
    """Write the ends of the group of equal scores around each of n patients."""
    n, first = repeats.size, 0
    while first < n:
        last = first + 1
        while last < n and repeats[last]:
            last += 1
        for i in range(first, last):
            start[i], stop[i] = first, last
        first = last


@kernel
def lay_out(
    time: FloatArray,
    order: Small,
    repeats: BoolArray,
    place: Small,
    kind: NDArray[np.int8],
    horizons: FloatArray,
    enters: Small,
    as_case: FloatArray,
    as_other: FloatArray,
    event_row: Small,
    event_enters: Small,
    event_is_case: BoolArray,
    event_weight: FloatArray,
    event_after: Small,
    censored_row: Small,
    first_censored: Small,
    jump_enters: Small,
    events_before: Small,
    inverse_at_risk: FloatArray,
    hazard: FloatArray,
    at_horizon: IntArray,
    uncensored_at: FloatArray,
    cases_at: FloatArray,
) -> tuple[int, int]:
    """Lay the patients out; return the number c of censoring times and of horizons reached.

    `order` sorts the times, and `place` is each patient's place by score. By score, (n,): `enters`,
    and the weights `as_case` and `as_other`, zero on entry. By time: those with an event (place by
    score, `enters`, whether of interest, inverse of the probability of not being censored before,
    censoring times up to theirs), then the censored (place by score). Of each censoring time,
    (c + 1,) and more: where its patients begin, `enters`, the events up to it, one over those at
    risk, the hazard of being censored. At each horizon: events, cases, controls and censoring times
    that enter, (4, h); the probability of not being censored; the weight of all cases.

    As `extval.stats.censoring.censoring_curve` and `locate`: events come before the censorings of
    the same time; those censored at the last time are free at all horizons, of which the last that
    is reached may be at that time.
    """
    n, h = time.size, horizons.size
    events, cases, censored, c, a, begin, leaving = 0, 0, 0, 0, 0, 0, 0
    curve, before, weight, all_cases, now = 1.0, 1.0, 1.0, 0.0, 0.0
    while begin < n:
        now = time[order[begin]]
        while a < h and horizons[a] < now:
            at_horizon[0, a], at_horizon[1, a], at_horizon[3, a] = events, cases, c
            at_horizon[2, a] = n - begin + events - cases
            uncensored_at[a], cases_at[a] = curve, all_cases
            a += 1
        end, leaving = begin, 0
        while end < n and (end == begin or repeats[end]):
            leaving += kind[order[end]] == 0
            end += 1
        for k in range(begin, end):
            patient = order[k]
            i = place[patient]
            enters[i] = a
            if kind[patient] == 0:
                censored_row[censored] = i
                censored += 1
                continue
            is_case = kind[patient] == 1
            event_row[events], event_enters[events], event_is_case[events] = i, a, is_case
            event_weight[events], event_after[events] = weight, c + (leaving > 0)
            events += 1
            if is_case:
                as_case[i] = weight
                all_cases += weight
                cases += 1
            else:
                as_other[i] = weight
        if leaving > 0:
            left = n - begin - (end - begin - leaving)
            before, curve = curve, curve * ((left - leaving) / left)
            weight = 1.0 / curve if curve > 0.0 else 0.0
            first_censored[c], jump_enters[c] = censored - leaving, a
            events_before[c] = events
            inverse_at_risk[c], hazard[c] = 1.0 / (n - begin), leaving / (n - begin)
            c += 1
        begin = end
    first_censored[c] = censored
    while a < h and (leaving == 0 or horizons[a] == now):
        at_horizon[0, a], at_horizon[1, a] = events, cases
        at_horizon[2, a], at_horizon[3, a] = leaving + events - cases, c - (leaving > 0)
        uncensored_at[a], cases_at[a] = before if leaving > 0 else curve, all_cases
        a += 1
    if leaving > 0:
        jump_enters[c - 1] = h
        for k in range(censored - leaving, censored):
            enters[censored_row[k]] = h
    return c, a


@kernel
def left_table(first: int, n_lanes: int, left: FloatArray, free: FloatArray) -> None:
    """Write who has left by four horizons, and who is free then, (h + 1, lanes); 0.0 or 1.0.

    Row e is for a patient who enters at horizon e. Nobody has left in a lane without a horizon.
    """
    for e in range(left.shape[0]):
        for s in range(LANES):
            left[e, s] = 1.0 if e <= first + s and s < n_lanes else 0.0
            free[e, s] = 1.0 - left[e, s]
