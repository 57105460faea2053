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
