"""AUC(t) at several horizons at once, with standard errors: what the curve is made of."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from extval.stats._kernels_auc_curve import auc_over_horizons
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
    n, h = time.size, horizons.size
    both = np.empty((2, n))
    both[0], both[1] = time, score
    orders, repeats = stable_orders(both)
    auc, se, incidence = np.full((3, h), nan)
    counts = np.zeros((2, h), np.int64)
    reached, average, average_se = auc_over_horizons(
        time, kind, orders, repeats, horizons, ROUNDING, auc, se, incidence, counts
    )
    statuses, status = (Status.OK,) * h, Status.OK
    if reached < h or not counts.all():
        statuses = tuple(_status(j < reached, *counts[:, j].tolist()) for j in range(h))
        status = statuses[-1]
        if incidence[-1] > 0.0:
            steps = np.diff(incidence, prepend=0.0) > 0.0
            weighing = [found for found, step in zip(statuses, steps, strict=True) if step]
            status = next((found for found in weighing if found is not Status.OK), Status.OK)
        if status is not Status.OK:
            average = average_se = nan
    return HorizonPoints(
        auc=auc,
        se=se,
        incidence=incidence,
        cases=counts[0],
        controls=counts[1],
        statuses=statuses,
        average=average,
        average_se=average_se,
        average_status=status,
    )


def _status(reached: object, cases: int, controls: int) -> Status:
    """Return `OK`, or why a horizon has no AUC."""
    if not reached:
        return Status.BEYOND_FOLLOW_UP
    if cases == 0:
        return Status.NO_CASE_BY_HORIZON
    return Status.OK if controls else Status.NO_CONTROL_AT_HORIZON
