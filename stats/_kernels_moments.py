"""Compiled loops of local regression, windows and moments: no checks, sorting or hidden randomness.

All arrays describe the distinct predictors `x` in ascending order, shape (m,), with `total`
patients and `events` events at each. Windows are found on counts, so a resample is the same data
with other counts. Moments are held segment by segment about the segment's own centre: a window is
the difference of two prefix sums a segment and side, and stays exact when it is narrow beside the
range.
"""

from math import comb

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STRIDE = 8  # prefix sums are stored at every eighth predictor; the rest is summed directly
_TOTALS = 14  # tricube (degree 9) times a quartic
WIDTH = 26  # and, for the events, times a quadratic: 12 more
_BINOMIAL = np.array([[float(comb(m, k)) for k in range(10)] for m in range(10)])
_CUBE = np.array([1.0, -3.0, 3.0, -1.0])

Moments = tuple[float, float, float, float, float, float, float, float]


@kernel
def nearest_window(
    x: Floats, below: Floats, wanted: float, x0: float, left: int, right: int
) -> tuple[int, int, float]:
    """Return the window [left, right] of the `wanted` nearest patients of `x0`, and its half-width.

    `below[i]` counts the patients before `x[i]`, shape (m + 1,). `left, right` is the window of a
    smaller `x0`, or (0, 0). The half-width is the distance of the `wanted`-th nearest patient.
    """
    m = x.size
    while right < m - 1 and below[right + 1] - below[left] < wanted:
        right += 1
    width = max(x0 - x[left], x[right] - x0)
    while left < m - 1:
        reach = right
        while reach < m - 1 and below[reach + 1] - below[left + 1] < wanted:
            reach += 1
        if below[reach + 1] - below[left + 1] < wanted:
            break
        next_width = max(x0 - x[left + 1], x[reach] - x0)
        if next_width >= width:
            break
        left, right, width = left + 1, reach, next_width
    return left, right, width


@kernel
def half_widths(x: Floats, below: Floats, wanted: float, targets: Floats, out: Floats) -> None:
    """Write the half-width of the window of each target, ascending, shape (t,), into `out`."""
    left, right = 0, 0
    for g in range(targets.size):
        left, right, out[g] = nearest_window(x, below, wanted, targets[g], left, right)


@kernel
def halved_segments(x: Floats, sample: Floats, width: Floats, first: Ints) -> int:
    """Halve the range of `x` until no radius exceeds the half-width of a window that meets it.

    Writes where each segment starts, and m at the end, into `first`, shape (m + 1,); returns how
    many there are. `sample` and `width` are windows. Up to 16 predictors need no halving: they
    are summed directly.
    """
    stops = np.empty(x.size + 1, dtype=np.int64)
    stops[0] = x.size
    waiting, count, start = 1, 0, 0
    while waiting > 0:
        stop = stops[waiting - 1]
        low, high = x[start], x[stop - 1]
        narrowest = np.inf
        for g in range(sample.size):
            if sample[g] + width[g] >= low and sample[g] - width[g] <= high:
                narrowest = min(narrowest, width[g])
        if stop - start <= 16 or high - low <= 2.0 * narrowest:
            first[count] = start
            count += 1
            start = stop
            waiting -= 1
            continue
        middle = low + 0.5 * (high - low)
        left, right = start + 1, stop - 1  # the first predictor above the middle, both sides kept
        while left < right:
            probe = (left + right) // 2
            if x[probe] <= middle:
                left = probe + 1
            else:
                right = probe
        stops[waiting] = left
        waiting += 1
    first[count] = x.size
    return count


@kernel
def prefix_moments(
    x: Floats,
    total: Floats,
    events: Floats,
    first: Ints,
    center: Floats,
    radius: Floats,
    out: Floats,
) -> None:
    """Write prefix sums of total * t**q, q < 14, and events * t**q, q < 12, into `out`.

    Segment s holds the predictors ``first[s]`` up to ``first[s + 1]``, and
    t = (x - center[s]) / radius[s]. Row ``first[s] // 8 + s + k`` of `out`, shape
    (m // 8 + 2 * segments + 1, 26), holds the sums over the first 8 k predictors of segment s.
    """
    sums = np.empty(WIDTH)
    for s in range(center.size):
        sums[:] = 0.0
        row = first[s] // STRIDE + s
        out[row, :] = 0.0
        for i in range(first[s], first[s + 1]):
            t = (x[i] - center[s]) / radius[s]
            square = t * t
            a, b = total[i], events[i]
            odd_a, odd_b = a * t, b * t
            for q in range(0, 12, 2):  # two powers at a time: half as long a chain of products
                sums[q] += a
                sums[q + 1] += odd_a
                sums[_TOTALS + q] += b
                sums[_TOTALS + q + 1] += odd_b
                a *= square
                b *= square
                odd_a *= square
                odd_b *= square
            sums[12] += a
            sums[13] += odd_a
            if (i + 1 - first[s]) % STRIDE == 0:
                row += 1
                for q in range(WIDTH):
                    out[row, q] = sums[q]


@kernel
def direct_moments(
    x: Floats,
    total: Floats,
    events: Floats,
    start: int,
    stop: int,
    x0: float,
    h: float,
    near: float,
) -> Moments:
    """Return sum c v**j, j < 5, and sum c v**j events, j < 3, over [start, stop).

    v = (x - x0) / h, and the weight is (1 - |v|**3)**3, or 1 where |v| <= near.
    """
    s0 = s1 = s2 = s3 = s4 = t0 = t1 = t2 = 0.0
    for i in range(start, stop):
        v = (x[i] - x0) / h
        u = abs(v)
        c = 1.0 - u * u * u
        c = c * c * c
        if u <= near:
            c = 1.0
        w = c * total[i]
        e = c * events[i]
        s0 += w
        t0 += e
        w *= v
        e *= v
        s1 += w
        t1 += e
        w *= v
        e *= v
        s2 += w
        t2 += e
        w *= v
        s3 += w
        s4 += w * v
    return s0, s1, s2, s3, s4, t0, t1, t2


@kernel
def expanded_moments(
    high: Floats, low: Floats, shift: float, scale: float, side: float, scratch: Floats
) -> Moments:
    """Return the moments of `direct_moments` from the prefix sums `high - low` of one segment.

    v = shift + scale * t throughout the piece, which lies on one side of the target:
    side is -1 left of it and 1 right of it. `scratch`, shape (2, 10), is overwritten.
    """
    power, weight = scratch[0], scratch[1]
    power[0] = 1.0
    for k in range(1, 10):
        power[k] = power[k - 1] * (side * shift)
        weight[k] = 0.0
    weight[0] = 0.0
    for j in range(4):  # (1 - u**3)**3 as a polynomial in t, u = side * v
        for k in range(3 * j + 1):
            weight[k] += _CUBE[j] * _BINOMIAL[3 * j, k] * power[3 * j - k]
    factor = 1.0
    a0 = a1 = a2 = a3 = a4 = b0 = b1 = b2 = 0.0
    for k in range(10):
        w = weight[k] * factor
        factor *= side * scale
        a0 += w * (high[k] - low[k])
        a1 += w * (high[k + 1] - low[k + 1])
        a2 += w * (high[k + 2] - low[k + 2])
        a3 += w * (high[k + 3] - low[k + 3])
        a4 += w * (high[k + 4] - low[k + 4])
        b0 += w * (high[_TOTALS + k] - low[_TOTALS + k])
        b1 += w * (high[_TOTALS + k + 1] - low[_TOTALS + k + 1])
        b2 += w * (high[_TOTALS + k + 2] - low[_TOTALS + k + 2])
    r, z = scale, shift
    return (
        a0,
        z * a0 + r * a1,
        z * z * a0 + r * (2.0 * z * a1 + r * a2),
        z * z * z * a0 + r * (3.0 * z * z * a1 + r * (3.0 * z * a2 + r * a3)),
        z * z * z * z * a0
        + r * (4.0 * z * z * z * a1 + r * (6.0 * z * z * a2 + r * (4.0 * z * a3 + r * a4))),
        b0,
        z * b0 + r * b1,
        z * z * b0 + r * (2.0 * z * b1 + r * b2),
    )


@kernel
def plus(a: Moments, b: Moments) -> Moments:
    """Return the sum of two sets of moments."""
    return (
        a[0] + b[0],
        a[1] + b[1],
        a[2] + b[2],
        a[3] + b[3],
        a[4] + b[4],
        a[5] + b[5],
        a[6] + b[6],
        a[7] + b[7],
    )


@kernel
def weighed_rows(
    x: Floats, x0: float, h: float, far: float, begin: int, end: int
) -> tuple[int, int]:
    """Return the predictors [begin, end) that weigh something, from those of a smaller target.

    `far` is 1 for distances below `h`, or less than 1 for distances up to far * h.
    """
    m = x.size
    while begin < m and x0 - x[begin] >= h:
        begin += 1
    while begin > 0 and x0 - x[begin - 1] < h:
        begin -= 1
    end = max(end, begin)
    while end < m and x[end] - x0 < h:
        end += 1
    while end > begin and x[end - 1] - x0 >= h:
        end -= 1
    if far < 1.0:
        while begin < end and x0 - x[begin] > far * h:
            begin += 1
        while end > begin and x[end - 1] - x0 > far * h:
            end -= 1
    return begin, end


@kernel
def window_moments(
    x: Floats,
    total: Floats,
    events: Floats,
    start: int,
    stop: int,
    split: int,
    x0: float,
    h: float,
    near: float,
    first: Ints,
    center: Floats,
    radius: Floats,
    prefix: Floats,
    segment: int,
    scratch: Floats,
) -> Moments:
    """Return the moments of [start, stop), which `split` divides at the target.

    `segment` holds `start`. Short pieces, and segments wider than the window, are summed directly.
    """
    moments = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    i = start
    while i < stop:
        while first[segment + 1] <= i:
            segment += 1
        origin = first[segment]
        piece = min(stop, first[segment + 1])
        if i < split < piece:
            piece = split
        low = (i - origin + STRIDE - 1) // STRIDE
        high = (piece - origin) // STRIDE
        if high - low < 3 or radius[segment] > h:
            moments = plus(moments, direct_moments(x, total, events, i, piece, x0, h, near))
        else:
            row = origin // STRIDE + segment
            inside, after = origin + low * STRIDE, origin + high * STRIDE
            side = -1.0 if i < split else 1.0
            shift, scale = (center[segment] - x0) / h, radius[segment] / h
            moments = plus(moments, direct_moments(x, total, events, i, inside, x0, h, near))
            moments = plus(
                moments,
                expanded_moments(
                    prefix[row + high], prefix[row + low], shift, scale, side, scratch
                ),
            )
            moments = plus(moments, direct_moments(x, total, events, after, piece, x0, h, near))
        i = piece
    return moments


@kernel
def solved(s: Moments, degree: int) -> tuple[float, bool]:
    """Return the fit at v = 0 from its moments, and whether the equations are well conditioned."""
    s0, s1, s2, s3, s4, t0, t1, t2 = s
    if s0 <= 0.0:
        return np.nan, False
    mean = s1 / s0
    c2 = s2 - mean * s1
    if c2 <= 1e-4 * s0:
        return np.nan, False
    r1 = t1 - mean * t0
    if degree == 1:
        return t0 / s0 - r1 / c2 * mean, True
    square = s2 / s0
    c3 = s3 - square * s1
    c4 = s4 - square * s2 - c3 / c2 * c3
    if c4 <= 1e-4 * s0:
        return np.nan, False
    curve = (t2 - square * t0 - c3 / c2 * r1) / c4
    slope = (r1 - c3 * curve) / c2
    return t0 / s0 - slope * mean - curve * square, True
