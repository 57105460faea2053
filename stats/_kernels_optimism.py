"""Compiled loop of the optimism bootstrap: how well many sets of predictions perform."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._kernels_logistic import newton
from extval.stats._kernels_moments import STRIDE, WIDTH, half_widths, halved_segments
from extval.stats._kernels_smooth import local_polynomial

Floats = NDArray[np.float64]


@kernel
def twice_wins(total: Floats, events: Floats) -> float:
    """Return twice the number of (case, control) pairs won, ascending predictions, ties half."""
    below = 0.0
    wins = 0.0
    for i in range(total.size):
        controls = total[i] - events[i]
        wins += events[i] * (2.0 * below + controls)
        below += controls
    return wins


@kernel
def loess_ici(x: Floats, total: Floats, events: Floats, span: float) -> float:
    """Return the mean |prediction - loess curve| over all rows; NaN below 4 predictions."""
    m = x.size
    if m < 4:
        return np.nan
    below = np.zeros(m + 1)
    for i in range(m):
        below[i + 1] = below[i] + total[i]
    wanted = np.floor(below[m] * span + 1e-5)
    step = max(1, m // 256)
    sample = x[::step].copy()
    width = np.empty(sample.size)
    half_widths(x, below, wanted, sample, width)
    first = np.empty(m + 1, dtype=np.int64)
    k = halved_segments(x, sample, width, first)
    center = np.empty(k)
    radius = np.empty(k)
    for s in range(k):
        low, high = x[first[s]], x[first[s + 1] - 1]
        radius[s] = 0.5 * (high - low)
        center[s] = low + radius[s]
        if radius[s] == 0.0:
            radius[s] = 1.0
    prefix = np.empty((m // STRIDE + 2 * k + 1, WIDTH))
    fitted = np.empty(m)
    local_polynomial(
        x, total, events, below, wanted, x, 2, first[: k + 1], center, radius, prefix, fitted
    )
    gap = 0.0
    for i in range(m):
        gap += total[i] * abs(fitted[i] - x[i])
    return float(gap / below[m])


@kernel
def recalibration(
    x: Floats, total: Floats, events: Floats, flat: float, max_iterations: int
) -> tuple[float, float]:
    """Return calibration in the large and the calibration slope; NaN where they do not exist."""
    m = x.size
    design = np.ones((m, 2))
    lp = np.empty(m)
    for i in range(m):
        if x[i] <= 0.0 or x[i] >= 1.0:
            return np.nan, np.nan
        lp[i] = np.log(x[i]) - np.log1p(-x[i])
        design[i, 1] = lp[i]
    intercept = np.zeros(1)
    slope = np.array([0.0, 1.0])
    first = design[:, :1].copy()
    moved = newton(first, events, total, lp, intercept, np.empty((1, 1)), max_iterations)[2]
    a = intercept[0] if moved <= flat else np.nan
    moved = newton(design, events, total, np.zeros(m), slope, np.empty((2, 2)), max_iterations)[2]
    return a, slope[1] if moved <= flat else np.nan


@kernel
def performances(
    predictions: Floats,
    order: NDArray[np.intp],
    y: NDArray[np.bool_],
    counts: NDArray[Any],
    span: float,
    flat: float,
    max_iterations: int,
    out: Floats,
) -> None:
    """Write AUC, intercept, slope, Brier score and ICI of each row of `predictions` into `out`.

    `predictions` and `order`, which sorts each row, have shape (b, n); `counts`, shape (b, n), is
    how often each patient counts; `out` has shape (b, 5). A row of NaN, or without both
    outcomes, gives NaN.
    """
    n = y.size
    x = np.empty(n)
    total = np.empty(n)
    events = np.empty(n)
    for b in range(predictions.shape[0]):
        out[b] = np.nan
        m = 0
        cases = 0.0
        size = 0.0
        squared = 0.0
        valid = True
        for j in range(n):
            i = order[b, j]
            c = counts[b, i]
            if c == 0:
                continue
            value = predictions[b, i]
            if np.isnan(value):
                valid = False
                break
            if m == 0 or value != x[m - 1]:
                x[m] = value
                total[m] = 0.0
                events[m] = 0.0
                m += 1
            total[m - 1] += c
            size += c
            miss = value
            if y[i]:
                events[m - 1] += c
                cases += c
                miss = 1.0 - value
            squared += c * miss * miss
        if not valid or cases * (size - cases) == 0.0:
            continue
        out[b, 0] = twice_wins(total[:m], events[:m]) / (2.0 * cases * (size - cases))
        out[b, 1], out[b, 2] = recalibration(x[:m], total[:m], events[:m], flat, max_iterations)
        out[b, 3] = squared / size
        out[b, 4] = loess_ici(x[:m], total[:m], events[:m], span)
