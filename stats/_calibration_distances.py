"""Distances between a calibration curve and the predictions: ICI, E50, E90 and Emax."""

from math import nan

import numpy as np
from numpy.typing import NDArray

from extval.stats.bootstrap import percentile_interval
from extval.stats.results import Estimate, Interval, Status

FloatArray = NDArray[np.float64]


def distances(gaps: FloatArray) -> FloatArray:
    """Return mean, median, 90th percentile (type 7) and maximum of each row, shape (b, 4).

    A row of `gaps`, shape (b, n), with NaN gives NaN. The rows are left in another order.
    """
    n = gaps.shape[1]
    mean, largest = gaps.mean(axis=1), gaps.max(axis=1)
    places = [divmod((n - 1) * tenths, 10) for tenths in (5, 9)]
    picked = sorted({min(low + step, n - 1) for low, _ in places for step in (0, 1)})
    gaps.partition(picked, axis=1)
    out = [mean]
    for low, rest in places:
        part = rest / 10
        below, above = gaps[:, low], gaps[:, min(low + 1, n - 1)]
        out.append(np.clip((1.0 - part) * below + part * above, below, above))
    table = np.column_stack((*out, largest))
    table[np.isnan(mean)] = nan
    return table


def four_estimates(
    values: FloatArray, replicates: FloatArray, method: str, level: float, n: int, events: int
) -> list[Estimate]:
    """Return the distances, (4,), with percentile intervals from replicates, (b, 4) or (0, 4).

    An interval that leaves out its own estimate is kept, and the status says why.
    """
    found = []
    for value, of_resamples in zip(values.tolist(), replicates.T, strict=True):
        interval, se, status = Interval.undefined(level), nan, Status.OK
        if of_resamples.size:
            limits = percentile_interval(of_resamples, confidence_level=level)
            interval, se, status = limits.interval, limits.se, limits.status
            if status is Status.OK and not interval.low <= value <= interval.high:
                status = Status.DISTANCE_OUTSIDE_ITS_INTERVAL
        found.append(
            Estimate(
                value=value,
                se=se,
                interval=interval,
                method=method,
                n=n,
                events=events,
                status=status,
            )
        )
    return found
