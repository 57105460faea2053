"""Compiled loops of survival decision curves: one pass over time for all thresholds.

Patients come in increasing time, `opens` marks the first of each distinct time, `kind` is 0 for
censored, 1 for the event of interest, 2 for a competing event. A patient is in groups 0 to
``reached - 1`` of T groups; group 0 holds everyone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._resampling import resample_counts

FloatArray = NDArray[np.float64]


@kernel
def cases_in_groups(
    kind: NDArray[np.int8],
    opens: NDArray[np.bool_],
    reached: NDArray[np.int32],
    counts: NDArray[Any],
    n_before: int,
    n_until: int,
    positives: FloatArray,
) -> None:
    """Write how many of each group are without and with the event by the horizon, (2, T).

    The sum of the two is the size of the group, and the second is the size times the cumulative
    incidence of the event of interest (Aalen-Johansen; 1 - Kaplan-Meier without competing events).
    The first `n_before` patients leave before the horizon, the first `n_until` by it. NaN for a
    group that is not followed to the horizon and whose curve is not at zero.
    """
    n, groups = kind.size, positives.shape[1]
    size = np.zeros(groups + 1)
    for i in range(n):
        size[reached[i]] += counts[i]
    for g in range(groups - 1, 0, -1):
        size[g] += size[g + 1]
    size[0] = 0.0
    at_risk = size[1:].copy()
    followed = np.zeros(groups)  # still there just before the horizon
    free, incidence = np.ones(groups), np.zeros(groups)
    start = 0
    while start < n_until:
        if start == n_before:
            followed[:] = at_risk
        stop = start + 1
        while stop < n_until and not opens[stop]:
            stop += 1
        if stop == start + 1:
            if counts[start] > 0:
                leave_alone(kind[start], reached[start], counts[start], at_risk, free, incidence)
        else:
            leave_together(kind, reached, counts, start, stop, at_risk, free, incidence)
        start = stop
    if n_before == n_until:
        followed[:] = at_risk
    for g in range(groups):
        share = incidence[g]
        if size[g + 1] > 0.0 and followed[g] <= 0.0 and free[g] > 0.0:
            share = np.nan
        positives[1, g] = size[g + 1] * share
        positives[0, g] = size[g + 1] * (1.0 - share)


@kernel
def leave_alone(
    kind: int,
    reached: int,
    count: float,
    at_risk: FloatArray,
    free: FloatArray,
    incidence: FloatArray,
) -> None:
    """Let a patient who is alone at a time leave the groups, (T,)."""
    for g in range(reached):
        if kind > 0:
            share = free[g] * count / at_risk[g]
            if kind == 1:
                incidence[g] += share
            free[g] *= (at_risk[g] - count) / at_risk[g]
        at_risk[g] -= count


@kernel
def leave_together(
    kind: NDArray[np.int8],
    reached: NDArray[np.int32],
    counts: NDArray[Any],
    start: int,
    stop: int,
    at_risk: FloatArray,
    free: FloatArray,
    incidence: FloatArray,
) -> None:
    """Let the patients `start` to `stop`, who share a time, leave the groups, (T,)."""
    groups = at_risk.size
    leaving = np.zeros((3, groups + 1))
    for i in range(start, stop):
        leaving[kind[i], reached[i]] += counts[i]
    censored, events, others = 0.0, 0.0, 0.0
    for g in range(groups - 1, -1, -1):
        censored += leaving[0, g + 1]
        events += leaving[1, g + 1]
        others += leaving[2, g + 1]
        if events + others > 0.0:
            incidence[g] += free[g] * events / at_risk[g]
            free[g] *= (at_risk[g] - events - others) / at_risk[g]
        at_risk[g] -= censored + events + others


@kernel
def resampled_cases(
    key: np.uint64,
    first: int,
    kind: NDArray[np.int8],
    opens: NDArray[np.bool_],
    reached: NDArray[np.int32],
    n_before: int,
    n_until: int,
    positives: FloatArray,
) -> None:
    """Write the numbers of `cases_in_groups` of each resample, (b, k, 2, T), for k models.

    `reached` is (k, n); one draw of patients serves all models.
    """
    counts = np.empty(kind.size, np.int32)
    for b in range(positives.shape[0]):
        resample_counts(key, first + b, counts)
        for j in range(positives.shape[1]):
            cases_in_groups(kind, opens, reached[j], counts, n_before, n_until, positives[b, j])
