"""Compiled loops of bootstrap curves: no checks, sorting or hidden randomness.

Arrays describe the distinct predictors `x` in ascending order, as in `_kernels_moments`; patient i
has the predictor ``x[distinct[i]]``, `distinct` ascending.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._kernels_moments import STRIDE, WIDTH, Floats, Ints
from extval.stats._kernels_smooth import local_polynomial, lowess_curve
from extval.stats._resampling import resample_counts


@kernel
def resampled_rows(
    key: np.uint64,
    b: int,
    x: Floats,
    distinct: Ints,
    y: NDArray[np.bool_],
    first: Ints,
    counts: NDArray[np.int32],
    kept_x: Floats,
    kept_total: Floats,
    kept_events: Floats,
    kept_below: Floats,
    kept_first: Ints,
) -> int:
    """Draw replicate `b` and write the predictors that it holds; return how many they are.

    Patient i has the predictor ``x[distinct[i]]``, `distinct` ascending; `counts`, shape (n,), is
    how often each patient was drawn.
    """
    resample_counts(key, b, counts)
    i = 0
    kept = 0
    kept_below[0] = 0.0
    for s in range(first.size - 1):
        kept_first[s] = kept
        for j in range(first[s], first[s + 1]):
            total = counts[i]
            events = counts[i] * y[i]
            i += 1
            while i < y.size and distinct[i] == j:
                total += counts[i]
                events += counts[i] * y[i]
                i += 1
            kept_x[kept] = x[j]  # overwritten by the next one unless it counts
            kept_total[kept] = total
            kept_events[kept] = events
            kept_below[kept + 1] = kept_below[kept] + total
            kept += min(total, 1)
    kept_first[first.size - 1] = kept
    return kept


@kernel
def resampled_loess(
    key: np.uint64,
    first_replicate: int,
    x: Floats,
    distinct: Ints,
    y: NDArray[np.bool_],
    wanted: float,
    targets: Floats,
    degree: int,
    first: Ints,
    center: Floats,
    radius: Floats,
    counts: NDArray[np.int32],
    curves: Floats,
) -> None:
    """Fill `curves`, shape (b, t), and `counts`, shape (b, n), for b bootstrap replicates."""
    m, k = x.size, center.size
    kept_x, kept_total, kept_events = np.empty(m), np.empty(m), np.empty(m)
    below = np.empty(m + 1)
    kept_first = np.empty(k + 1, dtype=np.int64)
    prefix = np.empty((m // STRIDE + 2 * k + 1, WIDTH))
    for b in range(curves.shape[0]):
        kept = resampled_rows(
            key,
            first_replicate + b,
            x,
            distinct,
            y,
            first,
            counts[b],
            kept_x,
            kept_total,
            kept_events,
            below,
            kept_first,
        )
        local_polynomial(
            kept_x[:kept],
            kept_total[:kept],
            kept_events[:kept],
            below[: kept + 1],
            wanted,
            targets,
            degree,
            kept_first,
            center,
            radius,
            prefix,
            curves[b],
        )


@kernel
def resampled_lowess(
    key: np.uint64,
    first_replicate: int,
    x: Floats,
    distinct: Ints,
    y: NDArray[np.bool_],
    wanted: float,
    spacing: float,
    targets: Floats,
    first: Ints,
    center: Floats,
    radius: Floats,
    counts: NDArray[np.int32],
    curves: Floats,
) -> None:
    """Fill `curves`, shape (b, t), and `counts`, shape (b, n), for b bootstrap replicates."""
    m, k = x.size, center.size
    kept_x, kept_total, kept_events = np.empty(m), np.empty(m), np.empty(m)
    below = np.empty(m + 1)
    kept_first = np.empty(k + 1, dtype=np.int64)
    prefix = np.empty((m // STRIDE + 2 * k + 1, WIDTH))
    for b in range(curves.shape[0]):
        kept = resampled_rows(
            key,
            first_replicate + b,
            x,
            distinct,
            y,
            first,
            counts[b],
            kept_x,
            kept_total,
            kept_events,
            below,
            kept_first,
        )
        lowess_curve(
            kept_x[:kept],
            kept_total[:kept],
            kept_events[:kept],
            below[: kept + 1],
            wanted,
            spacing,
            targets,
            kept_first,
            center,
            radius,
            prefix,
            curves[b],
        )


@kernel
def absolute_gaps(
    fitted: Floats,
    predicted: Floats,
    left: Ints,
    fraction: Floats,
    distinct: Ints,
    counts: NDArray[Any],
    out: Floats,
) -> None:
    """Write |prediction - curve| of every resampled patient into `out`, shape (b, n + 2).

    The last two columns are room to write without asking; they hold nothing.

    The curve of replicate b, shape (t,), is `fitted[b]`, interpolated linearly at distinct
    prediction j between targets ``left[j]`` and ``left[j] + 1``.
    """
    gap = np.empty(predicted.size)
    for b in range(counts.shape[0]):
        for j in range(predicted.size):
            low = fitted[b, left[j]]
            value = low
            if fraction[j] > 0.0:
                value = low + fraction[j] * (fitted[b, left[j] + 1] - low)
            gap[j] = abs(predicted[j] - value)
        filled = 0
        for i in range(distinct.size):
            value = gap[distinct[i]]
            times = counts[b, i]
            out[b, filled] = value  # nine in ten patients are drawn twice at most
            out[b, filled + 1] = value
            for j in range(2, times):
                out[b, filled + j] = value
            filled += times
