"""AUC(t) at several horizons at once, with standard errors: what the curve is made of."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from extval.stats._kernels_auc_curve import (
    auc_over_horizons,
    lay_out,
    tie_ends,
)
from extval.stats._sorting import stable_orders
from extval.stats.results import Status

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Squared influences this small, a patient, are rounding: the patients are separated or tied.
ROUNDING = 1e-20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HorizonPoints:
    """AUC and cumulative incidence at h horizons, and the average of the AUC.

    Attributes
    ----------
    auc, se, incidence : ndarray of shape (h,)
        Standard errors are NaN where the AUC is, and 0 where only rounding varies.
    cases, controls : ndarray of int, shape (h,)
    statuses : tuple of Status, length h
        `OK`, or why the AUC is NaN.
    average, average_se : float
        NaN with `average_status` where a horizon that has weight has no AUC.
    average_status : Status
    """

    auc: FloatArray
    se: FloatArray
    incidence: FloatArray
    cases: IntArray
    controls: IntArray
    statuses: tuple[Status, ...]
    average: float
    average_se: float
    average_status: Status


def horizon_points(
    time: FloatArray, kind: NDArray[np.int8], score: FloatArray, horizons: FloatArray
) -> HorizonPoints:
    """Return the AUC at each horizon and its average; at least one patient, inputs checked."""
    n, events = time.size, int(np.count_nonzero(kind))
    (score_order, time_order), _ = stable_orders(np.stack([score, time]))
    start, stop = np.empty((2, n), np.int32)
    tied = tie_ends(score[score_order], start, stop)
    left_at, censoring_time, inverse_at_risk, hazard, curve = np.empty((5, n))
    as_case, as_other = np.zeros((2, n))
    event_time, event_weight = np.empty((2, events))
    event_row, event_after = np.empty((2, events), np.int32)
    event_is_case = np.empty(events, np.bool_)
    censored_row = np.empty(n - events, np.int32)
    first_censored, events_before = np.empty((2, n + 1), np.int32)
    m = lay_out(
        *(time, time_order, score_order, kind, left_at, as_case, as_other),
        *(event_row, event_is_case, event_time, event_weight, event_after, censored_row),
        *(censoring_time, first_censored, events_before, inverse_at_risk, hazard, curve),
    )
    if event_is_case.all():
        as_other = as_other[:0]
    ends = np.stack([start[event_row], stop[event_row]]) if tied else np.empty((2, 0), np.int32)
    if not tied:
        start = stop = start[:0]

    # As `extval.stats.censoring.locate`, for all horizons.
    last = time[time_order[-1]]
    last_censored = m > 0 and censoring_time[m - 1] == last
    reached = int(horizons.searchsorted(last, side="right")) if last_censored else horizons.size
    n_jumps = censoring_time[:m].searchsorted(horizons, side="right")
    n_jumps -= last_censored & (horizons == last)
    uncensored = np.where(n_jumps > 0, curve[n_jumps - 1], 1.0)
    counts = event_time.searchsorted(horizons, side="right")
    h = horizons.size
    auc, squares, incidence = np.full((3, h), nan)
    cases, controls = np.zeros((2, h), np.int64)
    average = squared = nan
    if reached:
        average, squared = auc_over_horizons(
            left_at,
            start,
            stop,
            as_case,
            as_other,
            event_row,
            ends,
            event_is_case,
            event_weight,
            event_after,
            censored_row,
            first_censored,
            events_before,
            inverse_at_risk[:m],
            hazard[:m],
            horizons[:reached],
            counts[:reached],
            n_jumps[:reached],
            uncensored[:reached],
            auc[:reached],
            squares[:reached],
            incidence[:reached],
            cases[:reached],
            controls[:reached],
        )
    statuses = tuple(
        Status.BEYOND_FOLLOW_UP
        if j >= reached
        else Status.NO_CASE_BY_HORIZON
        if cases[j] == 0
        else Status.NO_CONTROL_AT_HORIZON
        if controls[j] == 0
        else Status.OK
        for j in range(h)
    )
    status = statuses[-1]
    if incidence[-1] > 0.0:
        steps = np.diff(incidence, prepend=0.0) > 0.0
        weighing = [found for found, step in zip(statuses, steps, strict=True) if step]
        status = next((found for found in weighing if found is not Status.OK), Status.OK)
    if status is not Status.OK:
        average = squared = nan
    return HorizonPoints(
        auc=auc,
        se=_standard_errors(squares, n),
        incidence=incidence,
        cases=cases,
        controls=controls,
        statuses=statuses,
        average=average,
        average_se=float(_standard_errors(np.array([squared]), n)[0]),
        average_status=status,
    )


def _standard_errors(squares: FloatArray, n: int) -> FloatArray:
    """Return standard errors from sums of squared influences, whose sum is zero."""
    if n < 2:
        return np.full(squares.size, nan)
    squares = np.where(squares <= ROUNDING * n, 0.0, squares)
    return np.asarray(np.sqrt(squares / (n - 1) / n))
