"""Compiled loops of the AUC(t) curve: all horizons at once, with their standard errors.

What a patient adds to the AUC at one horizon depends on who he or she is there. Cases, and those
with a competing event, are gone through in the order of time, in which the censoring curve is
estimated; those free of the event share one effect of that curve; those censored before have no
other. So no horizon needs more than two passes over the scores, and no influence is stored.
Influences add up to zero: their squares need no centring.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Small = NDArray[np.int32]


@kernel
def tie_ends(keys: NDArray[np.uint64], start: Small, stop: Small) -> bool:
    """Write the ends of the group of equal scores around each of n patients; return if any tie."""
    n, first, tied = keys.size, 0, False
    while first < n:
        last = first + 1
        while last < n and keys[last] == keys[first]:
            last += 1
        for i in range(first, last):
            start[i], stop[i] = first, last
        tied |= last > first + 1
        first = last
    return tied


@kernel
def lay_out(
    time: FloatArray,
    time_order: Small,
    score_order: Small,
    kind: NDArray[np.int8],
    left_at: FloatArray,
    as_case: FloatArray,
    as_other: FloatArray,
    event_row: Small,
    event_is_case: NDArray[np.bool_],
    event_time: FloatArray,
    event_weight: FloatArray,
    event_after: Small,
    censored_row: Small,
    censoring_time: FloatArray,
    first_censored: Small,
    events_before: Small,
    inverse_at_risk: FloatArray,
    hazard: FloatArray,
    curve: FloatArray,
) -> int:
    """Lay the patients out by score and by time; return the number c of censoring times.

    By score, (n,): `left_at`, and the weights `as_case` and `as_other`, zero on entry. By time:
    those with an event (place by score, whether of interest, time, inverse of the probability of
    not being censored before, censoring times up to theirs), then the censored (place by score).
    Of each censoring time, (c + 1,) and more: where its patients begin, the events up to it, one
    over those at risk, the hazard of being censored and the curve after it.

    Events come before the censorings of the same time, as in
    `extval.stats.censoring.censoring_curve`. Those censored at the last time leave at infinity: a
    horizon at that time finds them free of the event.
    """
    n = time.size
    place = np.empty(n, np.int32)
    for i in range(n):
        place[score_order[i]] = i
    events, censored, c, uncensored = 0, 0, 0, 1.0
    begin = 0
    while begin < n:
        now = time[time_order[begin]]
        end, leaving = begin, 0
        while end < n and time[time_order[end]] == now:
            leaving += kind[time_order[end]] == 0
            end += 1
        for k in range(begin, end):
            patient = time_order[k]
            i = place[patient]
            left_at[i] = now
            if kind[patient] == 0:
                censored_row[censored] = i
                censored += 1
                continue
            is_case = kind[patient] == 1
            weight = 1.0 / uncensored
            event_row[events], event_is_case[events], event_time[events] = i, is_case, now
            event_weight[events], event_after[events] = weight, c + (leaving > 0)
            if is_case:
                as_case[i] = weight
            else:
                as_other[i] = weight
            events += 1
        if leaving > 0:
            at_risk = n - begin
            left = at_risk - (end - begin - leaving)
            uncensored *= (left - leaving) / left
            censoring_time[c], first_censored[c] = now, censored - leaving
            events_before[c] = events
            inverse_at_risk[c], hazard[c], curve[c] = 1.0 / at_risk, leaving / at_risk, uncensored
            c += 1
            if end == n:
                for k in range(censored - leaving, censored):
                    left_at[censored_row[k]] = np.inf
        begin = end
    first_censored[c] = censored
    return c


@kernel
def prefix_weights(
    left_at: FloatArray,
    as_case: FloatArray,
    as_other: FloatArray,
    horizon: float,
    uncensored: float,
    below: FloatArray,
    passed: FloatArray,
) -> int:
    """Write the weights of controls and of cases before each place by score, (n + 1,) both.

    `as_other` is empty without competing events. Return how many are free of the event.
    """
    n, free, cases = left_at.size, 0, 0.0
    for i in range(n):
        below[i], passed[i] = free, cases
        happened = left_at[i] <= horizon
        free += not happened
        cases += as_case[i] if happened else 0.0
    below[n], passed[n] = free, cases
    others = 0.0
    for i in range(as_other.size):
        below[i] += others
        others += uncensored * as_other[i] if left_at[i] <= horizon else 0.0
    below[n] += others
    return free


@kernel
def squares_of_free(
    left_at: FloatArray,
    start: Small,
    stop: Small,
    horizon: float,
    passed: FloatArray,
    scale: float,
    base: float,
    drift: float,
    step: float,
    control_sum: FloatArray,
) -> float:
    """Return the sum of squared influences of those free of the event.

    Adds `step` times their own part to `control_sum`, (n,). `start` is empty without ties.
    """
    tied = start.size > 0
    one, two = 0.0, 0.0  # two sums, so that one addition need not wait for the other
    for i in range(left_at.size):
        above = passed[start[i]] + passed[stop[i]] if tied else 2.0 * passed[i]
        free = left_at[i] > horizon
        own = base - scale * above if free else 0.0
        x = own - drift if free else 0.0
        control_sum[i] += step * own
        one, two = two + x * x, one
    return one + two


@kernel
def case_terms(
    event_row: Small,
    event_ends: Small,
    event_is_case: NDArray[np.bool_],
    event_weight: FloatArray,
    count: int,
    uncensored: float,
    below: FloatArray,
    passed: FloatArray,
    term: FloatArray,
) -> tuple[float, int]:
    """Write twice the weight of pairs that each of the first `count` events helps to win.

    Return twice the weight of all pairs won, and the number of cases. `event_ends` is empty
    without ties.
    """
    tied, all_cases = event_ends.shape[1] > 0, passed[passed.size - 1]
    wins, cases = 0.0, 0
    for j in range(count):
        first = event_ends[0, j] if tied else event_row[j]
        last = event_ends[1, j] if tied else event_row[j]
        if event_is_case[j]:
            term[j] = event_weight[j] * (below[first] + below[last])
            wins += term[j]
            cases += 1
        else:
            later = 2.0 * all_cases - passed[first] - passed[last]
            term[j] = uncensored * event_weight[j] * later
    return wins, cases


@kernel
def censoring_drift(
    term: FloatArray,
    count: int,
    free: float,
    n_jumps: int,
    events_before: Small,
    inverse_at_risk: FloatArray,
    hazard: FloatArray,
    later: FloatArray,
    jump: FloatArray,
    drift: FloatArray,
) -> None:
    """Write what reaches the patients through the estimated censoring curve.

    A patient who leaves after k censoring times loses ``drift[k]``, and one who is censored at
    time k gains ``jump[k]`` first. `free` is the sum of the terms of those free of the event.
    """
    later[count] = free
    for j in range(count - 1, -1, -1):
        later[j] = later[j + 1] + term[j]
    drift[0] = 0.0
    for k in range(n_jumps):
        jump[k] = later[min(events_before[k], count)] * inverse_at_risk[k]
        drift[k + 1] = drift[k] + hazard[k] * jump[k]


@kernel
def squares_of_average(
    used: FloatArray,
    average: float,
    counts: IntArray,
    n_jumps: IntArray,
    event_row: Small,
    event_is_case: NDArray[np.bool_],
    event_weight: FloatArray,
    event_after: Small,
    censored_row: Small,
    first_censored: Small,
    events_before: Small,
    inverse_at_risk: FloatArray,
    hazard: FloatArray,
    term: FloatArray,
    later: FloatArray,
    jump: FloatArray,
    drift: FloatArray,
    event_sum: FloatArray,
    control_sum: FloatArray,
    all_jumps: FloatArray,
    all_drifts: FloatArray,
    drifts_from: FloatArray,
) -> float:
    """Return the sum of squared influences on the average, times the squared last incidence.

    `event_sum` to `drifts_from` hold the influences on the AUCs `used`, each times the step of the
    incidence; `drifts_from[k]` reaches all who leave after k censoring times or more.
    """
    # The incidences, too, are estimated: each case weighs by the AUC of the horizon it enters at.
    m, count, jumps, a = hazard.size, counts[used.size - 1], n_jumps[used.size - 1], 0
    for j in range(count):
        while counts[a] <= j:
            a += 1
        term[j] = (used[a] - average) * event_weight[j] if event_is_case[j] else 0.0
    censoring_drift(
        *(term, count, 0.0, jumps, events_before, inverse_at_risk, hazard, later, jump, drift)
    )
    shared = 0.0
    for k in range(m + 1):
        shared += drifts_from[k]
        all_drifts[k] += shared + drift[min(k, jumps)]
        if k < jumps:
            all_jumps[k] += jump[k]
    sum_of_squares = 0.0
    for j in range(event_row.size):
        x = event_sum[j] + control_sum[event_row[j]] - all_drifts[event_after[j]]
        if j < count:
            x += term[j]
        sum_of_squares += x * x
    for k in range(m):
        for i in range(first_censored[k], first_censored[k + 1]):
            x = control_sum[censored_row[i]] + all_jumps[k] - all_drifts[k + 1]
            sum_of_squares += x * x
    return sum_of_squares


@kernel
def auc_over_horizons(
    left_at: FloatArray,
    start: Small,
    stop: Small,
    as_case: FloatArray,
    as_other: FloatArray,
    event_row: Small,
    event_ends: Small,
    event_is_case: NDArray[np.bool_],
    event_weight: FloatArray,
    event_after: Small,
    censored_row: Small,
    first_censored: Small,
    events_before: Small,
    inverse_at_risk: FloatArray,
    hazard: FloatArray,
    horizons: FloatArray,
    counts: IntArray,
    n_jumps: IntArray,
    uncensored: FloatArray,
    auc: FloatArray,
    squares: FloatArray,
    incidence: FloatArray,
    cases: IntArray,
    controls: IntArray,
) -> tuple[float, float]:
    """Write AUC, sum of squared influences, incidence and counts at h horizons, (h,) each.

    `counts` are the events by each horizon and `n_jumps` the censoring times that enter. `start`,
    `stop` and `event_ends` (2, events) are empty without ties, `as_other` without competing events.
    Return the AUC averaged over horizons and the sum of its squared influences; they mean nothing
    where a horizon that has weight has no AUC.
    """
    n, n_events, m = left_at.size, event_row.size, hazard.size
    below, passed = np.empty(n + 1), np.empty(n + 1)
    term, later = np.zeros(n_events), np.empty(n_events + 1)
    jump, drift = np.empty(m), np.empty(m + 1)
    control_sum, event_sum = np.zeros(n), np.zeros(n_events)
    all_jumps, all_drifts, drifts_from = np.zeros(m), np.zeros(m + 1), np.zeros(m + 2)
    used = np.zeros(auc.size)
    before, total, average = 0.0, 0.0, 0.0
    for a in range(auc.size):
        count, jumps, g = counts[a], n_jumps[a], uncensored[a]
        free = prefix_weights(left_at, as_case, as_other, horizons[a], g, below, passed)
        all_controls, all_cases = below[n], passed[n]
        wins, cases[a] = case_terms(
            event_row, event_ends, event_is_case, event_weight, count, g, below, passed, term
        )
        controls[a] = free + count - cases[a]
        total = all_cases / n
        incidence[a], step = total, total - before
        before = total
        if cases[a] == 0 or controls[a] == 0:
            auc[a], squares[a] = np.nan, np.nan
            continue
        auc[a] = wins / (2.0 * all_cases * all_controls)
        scale = n / (2.0 * all_cases * all_controls)
        a_case, a_control = auc[a] * n / all_cases, auc[a] * n / all_controls
        others = 0.0
        for j in range(count):
            expected = a_case if event_is_case[j] else g * a_control
            term[j] = term[j] * scale - event_weight[j] * expected
        for j in range(count if as_other.size else 0):
            others += 0.0 if event_is_case[j] else term[j]
        # The terms of all controls add up to zero, so those of the free are minus the others'.
        censoring_drift(
            *(term, count, -others, jumps, events_before, inverse_at_risk, hazard),
            *(later, jump, drift),
        )
        sum_of_squares = 0.0
        for j in range(count):
            x = term[j] - drift[min(event_after[j], jumps)]
            sum_of_squares += x * x
            event_sum[j] += step * term[j]
        for k in range(jumps):
            x = jump[k] - drift[k + 1]
            sum_of_squares += (first_censored[k + 1] - first_censored[k]) * x * x
            all_jumps[k] += step * jump[k]
            all_drifts[k] += step * drift[k]
        drifts_from[jumps] += step * drift[jumps]
        base = 2.0 * all_cases * scale - a_control
        sum_of_squares += squares_of_free(
            *(left_at, start, stop, horizons[a], passed, scale, base, drift[jumps], step),
            control_sum,
        )
        squares[a] = sum_of_squares
        if step > 0.0:
            used[a] = auc[a]
            average += auc[a] * step
    if not total > 0.0:
        return np.nan, np.nan
    average /= total
    sum_of_squares = squares_of_average(
        *(used, average, counts, n_jumps, event_row, event_is_case, event_weight, event_after),
        *(censored_row, first_censored, events_before, inverse_at_risk, hazard),
        *(term, later, jump, drift, event_sum, control_sum, all_jumps, all_drifts, drifts_from),
    )
    return average, sum_of_squares / (total * total)
