"""Compiled loops of the AUC(t) curve: all horizons at once, with their standard errors.

What a patient adds to the AUC at one horizon depends on who he or she is there. Cases, and those
with a competing event, are gone through in the order of time, in which the censoring curve is
estimated; those free of the event share one effect of that curve; those censored before have no
other. Influences add up to zero: their squares need no centring.

Four horizons are done side by side, so that the processor adds and multiplies four numbers at once.
Who has left by a horizon is read from a table, `left`: its row is the first horizon at or after a
patient's time (`enters`), its columns are the four horizons, and it holds 0.0 or 1.0.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._kernels_horizons import LANES, lay_out, left_table, tie_ends

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
Small = NDArray[np.int32]


@kernel
def prefix_weights(
    enters: Small,
    as_case: FloatArray,
    as_other: FloatArray,
    left: FloatArray,
    free: FloatArray,
    uncensored: FloatArray,
    below: FloatArray,
    passed: FloatArray,
) -> None:
    """Write the weights of controls and of cases before each place by score, (n + 1, lanes).

    `as_other` is empty without competing events.
    """
    below[0, :] = 0.0
    passed[0, :] = 0.0
    for i in range(enters.size):
        e, weight = enters[i], as_case[i]
        for s in range(LANES):
            passed[i + 1, s] = passed[i, s] + weight * left[e, s]
            below[i + 1, s] = below[i, s] + free[e, s]
    others = np.zeros(LANES)
    for i in range(as_other.size):
        e, weight = enters[i], as_other[i]
        for s in range(LANES):
            others[s] += uncensored[s] * weight * left[e, s]
            below[i + 1, s] += others[s]


@kernel
def event_terms(
    count: int,
    start: Small,
    stop: Small,
    event_row: Small,
    event_enters: Small,
    event_is_case: BoolArray,
    event_weight: FloatArray,
    left: FloatArray,
    uncensored: FloatArray,
    below: FloatArray,
    passed: FloatArray,
    term: FloatArray,
    sums: FloatArray,
) -> None:
    """Write twice the weight of pairs that each of the first `count` events helps to win.

    `sums`, (3, lanes), zero on entry: those of the cases and of the others, and the others' weight
    as events.
    """
    n = below.shape[0] - 1
    for j in range(count):
        e, weight = event_enters[j], event_weight[j]
        first, last = start[event_row[j]], stop[event_row[j]]
        if event_is_case[j]:
            for s in range(LANES):
                term[j, s] = weight * (below[first, s] + below[last, s]) * left[e, s]
                sums[0, s] += term[j, s]
        else:
            for s in range(LANES):
                own = uncensored[s] * weight * left[e, s]
                term[j, s] = own * (2.0 * passed[n, s] - passed[first, s] - passed[last, s])
                sums[1, s] += term[j, s]
                sums[2, s] += weight * left[e, s]


@kernel
def censoring_drift(
    count: int,
    n_jumps: int,
    term: FloatArray,
    left: FloatArray,
    step: FloatArray,
    jump_enters: Small,
    first_censored: Small,
    events_before: Small,
    inverse_at_risk: FloatArray,
    hazard: FloatArray,
    later: FloatArray,
    drift: FloatArray,
    all_jumps: FloatArray,
    all_drifts: FloatArray,
    squares: FloatArray,
) -> None:
    """Write what reaches the patients through the estimated censoring curve, (times + 1, lanes).

    A patient who leaves after k censoring times loses ``drift[k]``; one who is censored at time k
    gains the jump at it first. ``later[count]`` holds the sum of the terms of those free of the
    event; the squared influences of the censored are added to `squares`.
    """
    for j in range(count - 1, -1, -1):
        for s in range(LANES):
            later[j, s] = later[j + 1, s] + term[j, s]
    drift[0, :] = 0.0
    for k in range(n_jumps):
        e, j, own_hazard = jump_enters[k], min(events_before[k], count), hazard[k]
        leaving, inverse = float(first_censored[k + 1] - first_censored[k]), inverse_at_risk[k]
        jumps, drifts = 0.0, 0.0
        for s in range(LANES):
            jump = later[j, s] * inverse * left[e, s]
            drift[k + 1, s] = drift[k, s] + own_hazard * jump
            x = jump - drift[k + 1, s] * left[e, s]
            squares[s] += leaving * x * x
            jumps += step[s] * jump
            drifts += step[s] * drift[k + 1, s]
        all_jumps[k] += jumps
        all_drifts[k + 1] += drifts
    for s in range(LANES):
        for k in range(n_jumps, hazard.size):
            all_drifts[k + 1] += step[s] * drift[n_jumps, s]


@kernel
def squares_of_events(
    count: int,
    n_jumps: int,
    term: FloatArray,
    drift: FloatArray,
    left: FloatArray,
    step: FloatArray,
    event_enters: Small,
    event_after: Small,
    event_sum: FloatArray,
    squares: FloatArray,
) -> None:
    """Add the squared influences of those with an event; add their parts of the average."""
    for j in range(count):
        e, k, own = event_enters[j], min(event_after[j], n_jumps), 0.0
        for s in range(LANES):
            x = term[j, s] - drift[k, s] * left[e, s]
            squares[s] += x * x
            own += step[s] * term[j, s]
        event_sum[j] += own


@kernel
def squares_of_free(
    start: Small,
    stop: Small,
    enters: Small,
    free: FloatArray,
    passed: FloatArray,
    scale: FloatArray,
    base: FloatArray,
    drift: FloatArray,
    step: FloatArray,
    control_sum: FloatArray,
    squares: FloatArray,
) -> None:
    """Add the squared influences of those free of the event; add their parts of the average."""
    shared, rest = np.zeros(free.shape[0]), np.empty(LANES)
    for s in range(LANES):
        rest[s] = base[s] - drift[s]
        for e in range(free.shape[0]):
            shared[e] += step[s] * drift[s] * free[e, s]
    for i in range(enters.size):
        e, first, last = enters[i], start[i], stop[i]
        own = shared[e]
        for s in range(LANES):
            x = (rest[s] - scale[s] * (passed[first, s] + passed[last, s])) * free[e, s]
            squares[s] += x * x
            own += step[s] * x
        control_sum[i] += own


@kernel
def squares_of_average(
    used: FloatArray,
    average: float,
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
    event_sum: FloatArray,
    control_sum: FloatArray,
    all_jumps: FloatArray,
    all_drifts: FloatArray,
) -> float:
    """Return the sum of squared influences on the average, times the squared last incidence.

    `event_sum` to `all_drifts` hold the influences on the AUCs `used`, each times the step of the
    incidence.
    """
    # The incidences, too, are estimated: each case weighs by the AUC of the horizon it enters at.
    count, c = event_row.size, hazard.size
    later = np.zeros(count + 1)
    for j in range(count - 1, -1, -1):
        e, own = event_enters[j], 0.0
        if e < used.size and event_is_case[j]:
            own = (used[e] - average) * event_weight[j]
        event_sum[j] += own
        later[j] = later[j + 1] + own
    drift = 0.0
    for k in range(c):
        if jump_enters[k] < used.size:
            jump = later[events_before[k]] * inverse_at_risk[k]
            drift += hazard[k] * jump
            all_jumps[k] += jump
        all_drifts[k + 1] += drift
    sum_of_squares = 0.0
    for j in range(count):
        x = event_sum[j] + control_sum[event_row[j]] - all_drifts[event_after[j]]
        sum_of_squares += x * x
    for k in range(c):
        for i in range(first_censored[k], first_censored[k + 1]):
            x = control_sum[censored_row[i]] + all_jumps[k] - all_drifts[k + 1]
            sum_of_squares += x * x
    return sum_of_squares


@kernel
def scale_lanes(
    n: int,
    first: int,
    n_lanes: int,
    counts: IntArray,
    cases_at: FloatArray,
    uncensored: FloatArray,
    sums: FloatArray,
    all_controls: FloatArray,
    all_cases: FloatArray,
    before: float,
    average: float,
    auc: FloatArray,
    incidence: FloatArray,
    used: FloatArray,
    scale: FloatArray,
    base: FloatArray,
    step: FloatArray,
    expected: FloatArray,
) -> tuple[float, float]:
    """Write AUC and incidence of the lanes, and what turns weights of pairs into influences.

    Return the last incidence and the sum so far of AUCs times steps of the incidence; `before` and
    `average` are those of the lanes before. `scale` to `expected`, zero on entry, stay zero where
    there is no AUC.
    """
    for s in range(n_lanes):
        a = first + s
        incidence[a] = cases_at[a] / n
        step[s], before = incidence[a] - before, incidence[a]
        if counts[0, a] == 0 or counts[1, a] == 0:
            continue
        pairs = all_cases[s] * all_controls[s]
        auc[a] = sums[0, s] / (2.0 * pairs)
        scale[s] = n / (2.0 * pairs)
        expected[0, s] = auc[a] * n / all_cases[s]
        expected[1, s] = uncensored[s] * (auc[a] * n / all_controls[s])
        base[s] = 2.0 * all_cases[s] * scale[s] - auc[a] * n / all_controls[s]
        if step[s] > 0.0:
            used[a] = auc[a]
            average += auc[a] * step[s]
    return before, average


@kernel
def scale_terms(
    count: int,
    event_enters: Small,
    event_is_case: BoolArray,
    event_weight: FloatArray,
    left: FloatArray,
    scale: FloatArray,
    expected: FloatArray,
    term: FloatArray,
) -> None:
    """Turn the weights of pairs won into influences, censoring curve apart."""
    for j in range(count):
        e, weight, which = event_enters[j], event_weight[j], 0 if event_is_case[j] else 1
        for s in range(LANES):
            term[j, s] = term[j, s] * scale[s] - weight * expected[which, s] * left[e, s]


@kernel
def se_of_squares(squares: float, n: int, rounding: float) -> float:
    """Return the standard error from the sum of squared influences, which add up to zero."""
    if n < 2:
        return np.nan
    return 0.0 if squares <= rounding * n else np.sqrt(squares / (n - 1) / n)


@kernel
def auc_over_horizons(
    time: FloatArray,
    kind: NDArray[np.int8],
    orders: Small,
    repeats: BoolArray,
    horizons: FloatArray,
    rounding: float,
    auc: FloatArray,
    se: FloatArray,
    incidence: FloatArray,
    counts: IntArray,
) -> tuple[int, float, float]:
    """Write AUC, standard error and incidence, (h,), cases and controls, (2, h).

    `orders` and `repeats`, (2, n), are those of the times and of the scores. Horizons beyond the
    follow-up, and AUCs without a case or a control, are left as they are. Squared influences of
    `rounding` a patient are zero. Return how many horizons are reached, the AUC averaged over them
    and its standard error, which mean nothing where a horizon that has weight has no AUC.
    """
    n, h = time.size, horizons.size
    events, others, tied = 0, 0, False
    place, start = np.empty(n, np.int32), np.empty(n, np.int32)
    for i in range(n):
        events += kind[i] != 0
        others += kind[i] == 2
        tied |= repeats[1, i]
        place[orders[1, i]] = start[i] = i
    enters, as_case, as_other = np.empty(n, np.int32), np.zeros(n), np.zeros(n)
    event_row, event_enters = np.empty(events, np.int32), np.empty(events, np.int32)
    event_is_case, event_weight = np.empty(events, np.bool_), np.empty(events)
    event_after, censored_row = np.empty(events, np.int32), np.empty(n - events, np.int32)
    first_censored, jump_enters = np.empty(n + 1, np.int32), np.empty(n, np.int32)
    events_before, inverse_at_risk, hazard = np.empty(n, np.int32), np.empty(n), np.empty(n)
    at_horizon, uncensored_at, cases_at = np.empty((4, h), np.int64), np.empty(h), np.empty(h)
    c, reached = lay_out(
        *(time, orders[0], repeats[0], place, kind, horizons, enters, as_case, as_other),
        *(event_row, event_enters, event_is_case, event_weight, event_after),
        *(censored_row, first_censored, jump_enters, events_before),
        *(inverse_at_risk, hazard),
        at_horizon,
        *(uncensored_at, cases_at),
    )
    hazard, inverse_at_risk, as_other = (
        hazard[:c],
        inverse_at_risk[:c],
        as_other[: n * (others > 0)],
    )
    counts[:, :reached] = at_horizon[1:3, :reached]
    stop = start
    if tied:
        stop = np.empty(n, np.int32)
        tie_ends(repeats[1], start, stop)

    left, free = np.empty((h + 1, LANES)), np.empty((h + 1, LANES))
    # One allocation: the system takes several large ones back, and hands them out anew, each time.
    below, passed, term, later, drift = np.empty((5, n + 1, LANES))
    uncensored = np.empty(LANES)
    event_sum, control_sum = np.zeros(events), np.zeros(n)
    all_jumps, all_drifts = np.zeros(c), np.zeros(c + 1)
    used, before, average = np.zeros(reached), 0.0, 0.0
    for first in range(0, reached, LANES):
        n_lanes = min(LANES, reached - first)
        left_table(first, n_lanes, left, free)
        uncensored[:n_lanes] = uncensored_at[first : first + n_lanes]
        uncensored[n_lanes:] = 1.0
        count, n_jumps = at_horizon[0, first + n_lanes - 1], at_horizon[3, first + n_lanes - 1]
        prefix_weights(enters, as_case, as_other, left, free, uncensored, below, passed)
        sums, squares, expected = np.zeros((3, LANES)), np.zeros(LANES), np.zeros((2, LANES))
        scale, base, step = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        event_terms(
            *(count, start, stop, event_row, event_enters, event_is_case, event_weight, left),
            *(uncensored, below, passed, term, sums),
        )
        before, average = scale_lanes(
            *(n, first, n_lanes, counts, cases_at, uncensored, sums, below[n], passed[n]),
            *(before, average, auc, incidence, used, scale, base, step, expected),
        )
        scale_terms(count, event_enters, event_is_case, event_weight, left, scale, expected, term)
        for s in range(LANES):
            # The terms of all controls add up to zero: those of the free are minus the others'.
            later[count, s] = sums[2, s] * expected[1, s] - sums[1, s] * scale[s]
        censoring_drift(
            *(count, n_jumps, term, left, step, jump_enters, first_censored, events_before),
            *(inverse_at_risk, hazard, later, drift, all_jumps, all_drifts, squares),
        )
        squares_of_events(
            *(count, n_jumps, term, drift, left, step, event_enters, event_after),
            *(event_sum, squares),
        )
        squares_of_free(
            *(start, stop, enters, free, passed, scale, base, drift[n_jumps], step),
            *(control_sum, squares),
        )
        for s in range(n_lanes):
            if scale[s] > 0.0:
                se[first + s] = se_of_squares(squares[s], n, rounding)
    if not before > 0.0:
        return reached, np.nan, np.nan
    average /= before
    sum_of_squares = squares_of_average(
        *(used, average, event_row, event_enters, event_is_case, event_weight, event_after),
        *(censored_row, first_censored, jump_enters, events_before, inverse_at_risk, hazard),
        *(event_sum, control_sum, all_jumps, all_drifts),
    )
    return reached, average, se_of_squares(sum_of_squares / (before * before), n, rounding)
