"""Compiled loops of the smoothers: no checks, sorting or hidden randomness.

Arrays describe the distinct predictors `x` in ascending order, as in `_kernels_moments`.
"""

import numpy as np

from extval.stats._jit import kernel
from extval.stats._kernels_moments import (
    Floats,
    Ints,
    nearest_window,
    prefix_moments,
    solved,
    weighed_rows,
    window_moments,
)


@kernel
def segment_of(first: Ints, i: int, segment: int) -> int:
    """Return the segment that holds predictor `i`, searched from `segment`."""
    while segment > 0 and first[segment] > i:
        segment -= 1
    while segment < first.size - 2 and first[segment + 1] <= i:
        segment += 1
    return segment


@kernel
def cubed_weight(v: float) -> float:
    """Return the tricube weight, 0 where it is below 1e-27: rounding, not information."""
    c = max(1.0 - abs(v) ** 3, 0.0) ** 3
    return c if c > 1e-27 else 0.0


@kernel
def careful_fit(
    x: Floats,
    total: Floats,
    events: Floats,
    start: int,
    stop: int,
    x0: float,
    h: float,
    degree: int,
) -> float:
    """Return the local polynomial at `x0` by orthogonal polynomials in several passes.

    The degree falls to what the distinct predictors of positive weight determine; NaN without any.
    """
    s0 = s1 = t0 = 0.0
    distinct = 0
    for i in range(start, stop):
        v = (x[i] - x0) / h
        c = cubed_weight(v)
        if c * total[i] > 0.0:
            distinct += 1
        s0 += c * total[i]
        s1 += c * total[i] * v
        t0 += c * events[i]
    if distinct == 0:
        return np.nan
    mean, level = s1 / s0, t0 / s0
    if min(degree, distinct - 1) == 0:
        return level
    s2 = s3 = t1 = 0.0
    for i in range(start, stop):
        v = (x[i] - x0) / h
        c = cubed_weight(v)
        d = v - mean
        s2 += c * total[i] * d * d
        s3 += c * total[i] * d * d * d
        t1 += c * (events[i] - level * total[i]) * d
    slope = t1 / s2
    fit = level - slope * mean
    if min(degree, distinct - 1) == 1:
        return fit
    skew, spread = s3 / s2, s2 / s0
    s4 = t2 = 0.0
    for i in range(start, stop):
        v = (x[i] - x0) / h
        c = cubed_weight(v)
        d = v - mean
        q = d * d - skew * d - spread
        s4 += c * total[i] * q * q
        t2 += c * (events[i] - (level + slope * d) * total[i]) * q
    return fit + t2 / s4 * (mean * mean + skew * mean - spread)


@kernel
def local_polynomial(
    x: Floats,
    total: Floats,
    events: Floats,
    below: Floats,
    wanted: float,
    targets: Floats,
    degree: int,
    first: Ints,
    center: Floats,
    radius: Floats,
    prefix: Floats,
    out: Floats,
) -> None:
    """Write the tricube local polynomial at each target, ascending, shape (t,), into `out`.

    NaN where the half-width is 0.
    """
    prefix_moments(x, total, events, first, center, radius, prefix)
    scratch = np.empty((2, 10))
    left = right = split = begin = end = segment = 0
    for g in range(targets.size):
        x0 = targets[g]
        left, right, h = nearest_window(x, below, wanted, x0, left, right)
        if h <= 0.0:
            out[g] = np.nan
            continue
        begin, end = weighed_rows(x, x0, h, 1.0, begin, end)
        while split < x.size and x[split] < x0:
            split += 1
        segment = segment_of(first, begin, segment)
        moments = window_moments(
            x,
            total,
            events,
            begin,
            end,
            split,
            x0,
            h,
            0.0,
            first,
            center,
            radius,
            prefix,
            segment,
            scratch,
        )
        out[g], sound = solved(moments, degree)
        if not sound:
            out[g] = careful_fit(x, total, events, begin, end, x0, h, degree)


@kernel
def line_at(
    x: Floats,
    total: Floats,
    events: Floats,
    start: int,
    stop: int,
    x0: float,
    h: float,
    near: float,
    span: float,
) -> float:
    """Return lowess's local line at `x0` in two passes: a local mean where x hardly varies.

    That is where the weighted standard deviation of x is at most a thousandth of `span`, the range.
    """
    s0 = s1 = t0 = 0.0
    for i in range(start, stop):
        v = (x[i] - x0) / h if h > 0.0 else 0.0
        c = 1.0 if abs(v) <= near else (1.0 - abs(v) ** 3) ** 3
        s0 += c * total[i]
        s1 += c * total[i] * v
        t0 += c * events[i]
    mean, level = s1 / s0, t0 / s0
    s2 = t1 = 0.0
    for i in range(start, stop):
        v = (x[i] - x0) / h if h > 0.0 else 0.0
        c = 1.0 if abs(v) <= near else (1.0 - abs(v) ** 3) ** 3
        s2 += c * total[i] * (v - mean) * (v - mean)
        t1 += c * (events[i] - level * total[i]) * (v - mean)
    if np.sqrt(s2 / s0) * h <= 0.001 * span:
        return level
    return level - t1 / s2 * mean


@kernel
def lowess_curve(
    x: Floats,
    total: Floats,
    events: Floats,
    below: Floats,
    wanted: float,
    spacing: float,
    targets: Floats,
    first: Ints,
    center: Floats,
    radius: Floats,
    prefix: Floats,
    out: Floats,
) -> None:
    """Write R's lowess without robustness iterations at ascending targets into `out`, shape (t,).

    Lines are fitted at predictors at most `spacing` times the range apart (or at neighbours), and
    joined straight; outside the range of x there is NaN.
    """
    m = x.size
    span = x[m - 1] - x[0]
    prefix_moments(x, total, events, first, center, radius, prefix)
    scratch = np.empty((2, 10))
    left = right = split = begin = end = segment = 0
    anchor, last, last_fit, g = 0, -1, 0.0, 0
    out[:] = np.nan
    while g < targets.size and targets[g] < x[0]:
        g += 1
    while anchor < m:
        x0 = x[anchor]
        left, right, h = nearest_window(x, below, wanted, x0, left, right)
        if h > 0.0:
            begin, end = weighed_rows(x, x0, h, 0.999, begin, end)
        else:
            begin, end = anchor, anchor + 1
        while split < m and x[split] < x0:
            split += 1
        segment = segment_of(first, begin, segment)
        sound = h > 0.0
        if sound:
            moments = window_moments(
                x,
                total,
                events,
                begin,
                end,
                split,
                x0,
                h,
                0.001,
                first,
                center,
                radius,
                prefix,
                segment,
                scratch,
            )
            fit, sound = solved(moments, 1)
        if not sound:
            fit = line_at(x, total, events, begin, end, x0, h, 0.001, span)
        while g < targets.size and targets[g] <= x0:
            if last < 0 or targets[g] == x0:
                out[g] = fit
            else:
                share = (targets[g] - x[last]) / (x0 - x[last])
                out[g] = share * fit + (1.0 - share) * last_fit
            g += 1
        last, last_fit = anchor, fit
        anchor += 1
        while anchor < m - 1 and x[anchor + 1] <= x[last] + spacing * span:
            anchor += 1
