"""Compiled loops of the censoring-weighted AUC: patients sorted by score, times as ranks.

`position` is the rank of a patient's time among the m distinct times, `kind` 0 for censored, 1 for
the event of interest, 2 for a competing event; both (n,), in increasing order of score.
`opens` marks the first patient of each distinct score. A horizon is given by `n_times`, how many
distinct times lie at or before it, and by `free_from`: patients censored at that position or later
are free of the event at the horizon (normally m: nobody).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._resampling import resample_counts

FloatArray = NDArray[np.float64]


@kernel
def weights_at_horizon(
    position: NDArray[Any],
    kind: NDArray[np.int8],
    inverse_before: FloatArray,
    n_times: int,
    free_from: int,
    uncensored: float,
    case: FloatArray,
    control: FloatArray,
) -> tuple[int, int]:
    """Write each patient's weight as a case and as a control, (n,); return how many there are.

    Controls without any event count 1: their common weight cancels, and sums of ones are exact.
    Written without branches, because neither times nor kinds are in any order here.
    """
    cases, controls = 0, 0
    for i in range(position.size):
        q, k = position[i], kind[i]
        free = (q >= n_times) | ((k == 0) & (q >= free_from))
        is_case = (not free) & (k == 1)
        other = (not free) & (k == 2)
        case[i] = is_case * inverse_before[i]
        control[i] = free + other * (uncensored * inverse_before[i])
        cases += is_case
        controls += free | other
    return cases, controls


@kernel
def twice_won(
    opens: NDArray[np.bool_], case: FloatArray, control: FloatArray, won: FloatArray
) -> tuple[float, float, float]:
    """Write twice the weight of pairs that each patient helps the score to win, (n,).

    Equal scores count half. Returns twice the weight of all pairs won, and the sums of both
    weights.
    """
    n = opens.size
    below, passed, wins = 0.0, 0.0, 0.0
    start = 0
    while start < n:  # cases: the controls below; controls: minus the cases not above
        cases, controls = case[start], control[start]
        stop = start + 1
        while stop < n and not opens[stop]:
            cases += case[stop]
            controls += control[stop]
            stop += 1
        as_case, as_control = 2.0 * below + controls, 2.0 * passed + cases
        for i in range(start, stop):
            won[i] = case[i] * as_case - control[i] * as_control
        wins += cases * as_case
        below += controls
        passed += cases
        start = stop
    for i in range(n):
        won[i] += control[i] * (2.0 * passed)
    return wins, passed, below


@kernel
def add_censoring_effects(
    position: NDArray[Any],
    kind: NDArray[np.int8],
    n_jumps: int,
    inverse_at_risk: FloatArray,
    hazard: FloatArray,
    terms: FloatArray,
) -> None:
    """Add to `terms`, (n,), what reaches each patient through the estimated censoring curve.

    `terms` holds weights times values; `hazard` is that of being censored, (m,). As
    `extval.stats.censoring.censoring_influence`; the patients free of the event all lie behind
    the censorings that count.
    """
    n, m = position.size, hazard.size
    later = np.zeros(m)
    for i in range(n):
        later[position[i]] += terms[i]
    running = 0.0
    for q in range(m - 1, -1, -1):
        running, later[q] = running + later[q], running
    effect = np.empty(2 * m)  # of an event at each time, then of being censored at it
    drift = 0.0
    for q in range(n_jumps):
        jump = later[q] * inverse_at_risk[q]
        drift += hazard[q] * jump
        effect[q] = -drift
        effect[m + q] = jump - drift
    effect[n_jumps:m] = -drift
    effect[m + n_jumps :] = -drift
    for i in range(n):
        terms[i] += effect[position[i] + m * (kind[i] == 0)]


@kernel
def auc_with_influence(
    position: NDArray[Any],
    kind: NDArray[np.int8],
    opens: NDArray[np.bool_],
    inverse_before: FloatArray,
    inverse_at_risk: FloatArray,
    hazard: FloatArray,
    n_times: int,
    n_jumps: int,
    free_from: int,
    uncensored: float,
    influence: FloatArray,
) -> tuple[float, float, int, int]:
    """Return AUC and cumulative incidence at one horizon, and how many cases and controls.

    Writes each patient's influence on the AUC, (n,), scaled so that its mean is the error. Both
    are NaN without a case or a control.
    """
    n = position.size
    case, control = np.empty(n), np.empty(n)
    cases, controls = weights_at_horizon(
        position, kind, inverse_before, n_times, free_from, uncensored, case, control
    )
    wins, all_cases, all_controls = twice_won(opens, case, control, influence)
    if cases == 0 or controls == 0:
        influence[:] = np.nan
        return np.nan, all_cases / n, cases, controls
    auc = wins / (2.0 * all_cases * all_controls)
    scale = n / (2.0 * all_cases * all_controls)
    a_case, a_control = auc * n / all_cases, auc * n / all_controls
    for i in range(n):
        influence[i] = influence[i] * scale - (case[i] * a_case + control[i] * a_control)
    add_censoring_effects(position, kind, n_jumps, inverse_at_risk, hazard, influence)
    return auc, all_cases / n, cases, controls


@kernel
def resampled_auc(
    key: np.uint64,
    first: int,
    position: NDArray[Any],
    kind: NDArray[np.int8],
    opens: NDArray[np.bool_],
    m: int,
    n_times: NDArray[np.int64],
    on_time: NDArray[np.bool_],
    auc: FloatArray,
    incidence: FloatArray,
) -> None:
    """Write AUC and cumulative incidence at h horizons of each resample of the patients, (b, h).

    `on_time` says that the horizon equals a distinct time. NaN where a resample does not reach the
    horizon, and for the AUC where it has no case or no control. The censoring curve is that of
    the resample.
    """
    n, h = position.size, n_times.size
    counts = np.empty(n, np.int32)
    leaving = np.empty((2, m), np.int64)
    before = np.empty(m + 1)
    enters = np.searchsorted(n_times, position, side="right")
    free_from = np.empty(h, np.int64)
    uncensored = np.empty(h)
    for b in range(auc.shape[0]):
        resample_counts(key, first + b, counts)
        leaving[:] = 0
        for i in range(n):
            leaving[1 if kind[i] > 0 else 0, position[i]] += counts[i]
        last = censoring_before(leaving, n, before)
        for a in range(h):
            free_from[a] = m
            uncensored[a] = before[n_times[a]]
            if n_times[a] > last and leaving[0, last] > 0:
                free_from[a] = last if on_time[a] and n_times[a] == last + 1 else -1
                uncensored[a] = before[last]
        counted_auc(
            position,
            kind,
            opens,
            counts,
            before,
            enters,
            free_from,
            uncensored,
            auc[b],
            incidence[b],
        )


@kernel
def censoring_before(leaving: NDArray[np.int64], n: int, before: FloatArray) -> int:
    """Write the curve of not being censored before each time, (m + 1,); return the last time drawn.

    The last entry is the curve after the last time.
    """
    m = leaving.shape[1]
    at_risk, curve, last = n, 1.0, 0
    for q in range(m):
        before[q] = curve
        left = at_risk - leaving[1, q]
        if leaving[0, q] > 0:
            curve *= (left - leaving[0, q]) / left
        if left < at_risk or leaving[0, q] > 0:
            last = q
        at_risk = left - leaving[0, q]
    before[m] = curve
    return last


@kernel
def counted_auc(
    position: NDArray[Any],
    kind: NDArray[np.int8],
    opens: NDArray[np.bool_],
    counts: NDArray[np.int32],
    before: FloatArray,
    enters: NDArray[np.int64],
    free_from: NDArray[np.int64],
    uncensored: FloatArray,
    auc: FloatArray,
    incidence: FloatArray,
) -> None:
    """Write AUC and incidence at h horizons with each patient counted `counts` times, (h,).

    `enters` is the first horizon at or after each patient's time. All horizons are done in one
    pass over the scores: a patient is a control before `enters` and may be a case from there.
    `free_from` is -1 where the horizon is beyond the last time drawn.
    """
    n, h = position.size, free_from.size
    below, wins, cases = np.zeros(h), np.zeros(h), np.zeros(h + 1)
    start = 0
    while start < n:
        stop = start + 1
        while stop < n and not opens[stop]:
            stop += 1
        for i in range(start, stop):  # cases against the controls below their score
            if counts[i] > 0 and kind[i] == 1:
                weight = counts[i] / before[position[i]]
                cases[enters[i]] += weight
                for a in range(enters[i], h):
                    wins[a] += weight * below[a]
        if stop > start + 1:
            add_ties(
                position, kind, counts, before, enters, free_from, uncensored, start, stop, wins
            )
        for i in range(start, stop):
            if counts[i] > 0:
                add_control(
                    position[i],
                    kind[i],
                    float(counts[i]),
                    before,
                    enters[i],
                    free_from,
                    uncensored,
                    below,
                )
        start = stop
    total = 0.0
    for a in range(h):
        total += cases[a]
        incidence[a] = total / n if free_from[a] >= 0 else np.nan
        defined = free_from[a] >= 0 and total > 0.0 and below[a] > 0.0
        auc[a] = wins[a] / (total * below[a]) if defined else np.nan


@kernel
def add_control(
    position: int,
    kind: int,
    count: float,
    before: FloatArray,
    enters: int,
    free_from: NDArray[np.int64],
    uncensored: FloatArray,
    controls: FloatArray,
) -> None:
    """Add the weight of one patient as a control at each horizon to `controls`, (h,)."""
    for a in range(enters):
        controls[a] += count
    if kind == 0:
        for a in range(enters, controls.size):
            if position >= free_from[a]:
                controls[a] += count
    elif kind == 2:
        weight = count / before[position]
        for a in range(enters, controls.size):
            controls[a] += weight * uncensored[a]


@kernel
def add_ties(
    position: NDArray[Any],
    kind: NDArray[np.int8],
    counts: NDArray[np.int32],
    before: FloatArray,
    enters: NDArray[np.int64],
    free_from: NDArray[np.int64],
    uncensored: FloatArray,
    start: int,
    stop: int,
    wins: FloatArray,
) -> None:
    """Add half of the pairs among the equal scores `start` to `stop` to `wins`, (h,)."""
    controls = np.zeros(wins.size)
    for i in range(start, stop):
        if counts[i] > 0:
            add_control(
                position[i],
                kind[i],
                float(counts[i]),
                before,
                enters[i],
                free_from,
                uncensored,
                controls,
            )
    for i in range(start, stop):
        if counts[i] > 0 and kind[i] == 1:
            weight = 0.5 * counts[i] / before[position[i]]
            for a in range(enters[i], wins.size):
                wins[a] += weight * controls[a]
