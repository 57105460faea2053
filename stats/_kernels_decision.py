"""Compiled loops of the decision curves: bins and counts, no sorting."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._resampling import resample_counts

_CACHED = 4096
_ONE = np.float64(1.0).view(np.uint64)


@kernel
def count_positives(
    y_prob: NDArray[np.float64],
    is_case: NDArray[np.bool_],
    thresholds: NDArray[np.float64],
    positives: NDArray[np.int64],
) -> bool:
    """Write the false and true positives at each threshold, (2, t); no array of n is made.

    False, with nothing written, where a value is outside [0, 1]: looking is nearly free here.
    """
    n = y_prob.size
    codes = np.empty(min(n, _CACHED), np.int32)
    tables = np.zeros((4, 2 * (thresholds.size + 1)), np.int64)
    for start in range(0, n, _CACHED):
        stop = min(start + _CACHED, n)
        if not within_unit(y_prob[start:stop]):
            return False
        block = codes[: stop - start]
        threshold_bins(y_prob[start:stop], is_case[start:stop], thresholds, block)
        add_codes(block, tables)
    counts_at_thresholds(tables.sum(axis=0), positives)
    return True


@kernel
def within_unit(values: NDArray[np.float64]) -> bool:
    """Return whether no value is outside [0, 1] or NaN.

    Read as whole numbers, the floats from 0 to 1 are those up to 1; -0.0 and all others are larger.
    """
    bits, largest = values.view(np.uint64), np.uint64(0)
    for i in range(bits.size):
        largest = max(largest, bits[i])
    if largest <= _ONE:
        return True
    inside = True
    for i in range(values.size):
        inside = inside and values[i] >= 0.0 and values[i] <= 1.0
    return inside


@kernel
def threshold_bins(
    y_prob: NDArray[np.float64],
    is_case: NDArray[np.bool_],
    thresholds: NDArray[np.float64],
    codes: NDArray[Any],
) -> None:
    """Write ``2 * (number of thresholds <= y_prob) + is_case`` of each patient, shape (n,).

    Each patient is compared with the threshold that is nearest on an even grid, without a branch.
    The guess which that is rises with y_prob, so where it is right for the thresholds themselves,
    one comparison is enough for all between; on any other increasing grid a search follows.
    """
    size = thresholds.size
    first = thresholds[0]
    width = thresholds[size - 1] - first
    scale = (size - 1) / width if width > 1e-9 else 0.0
    last = size - 1.0
    # A loop of its own, as only loops that look nothing up become vector instructions.
    for i in range(y_prob.size):
        codes[i] = np.int32(min(max((y_prob[i] - first) * scale + 0.5, 0.0), last))
    for i in range(y_prob.size):
        nearest = np.uint32(codes[i])
        reached = nearest + np.uint32(y_prob[i] >= thresholds[nearest])
        codes[i] = np.uint32(2) * reached + np.uint32(is_case[i])
    even = True
    for j in range(size):
        even = even and int((thresholds[j] - first) * scale + 0.5) == j
    if not even:
        for i in range(y_prob.size):
            p = y_prob[i]
            reached = codes[i] // 2
            while reached < size and p >= thresholds[reached]:
                reached += 1
            while reached > 0 and p < thresholds[reached - 1]:
                reached -= 1
            codes[i] = 2 * reached + is_case[i]


@kernel
def counts_at_thresholds(histogram: NDArray[np.int64], positives: NDArray[np.int64]) -> None:
    """Write the false and true positives, (2, t), from how often each code occurs, (2 (t + 1),)."""
    false_positives, true_positives = 0, 0
    for t in range(positives.shape[1], 0, -1):
        false_positives += histogram[2 * t]
        true_positives += histogram[2 * t + 1]
        positives[0, t - 1] = false_positives
        positives[1, t - 1] = true_positives


@kernel
def add_codes(codes: NDArray[Any], tables: NDArray[np.int64]) -> None:
    """Add how often each code occurs to four tables, so that equal neighbours do not wait."""
    n = codes.size
    whole = n - n % 4
    for i in range(0, whole, 4):
        tables[0, codes[i]] += 1
        tables[1, codes[i + 1]] += 1
        tables[2, codes[i + 2]] += 1
        tables[3, codes[i + 3]] += 1
    for i in range(whole, n):
        tables[0, codes[i]] += 1


@kernel
def resampled_counts(
    key: np.uint64,
    first: int,
    codes: NDArray[Any],
    positives: NDArray[np.int64],
    events: NDArray[np.int64],
) -> None:
    """Write false and true positives, (b, k, 2, t), and events, (b,), of resamples of patients.

    `codes`, (n, k), holds each patient's code for each of k models; replicate numbers start at
    `first`.
    """
    n, k = codes.shape
    counts = np.empty(n, np.int32)
    histogram = np.empty((k, 2 * (positives.shape[3] + 1)), np.int64)
    for b in range(positives.shape[0]):
        resample_counts(key, first + b, counts)
        histogram[:] = 0
        total = 0
        for i in range(n):
            count = counts[i]
            total += count * (np.int64(codes[i, 0]) & 1)
            for j in range(k):
                histogram[j, codes[i, j]] += count
        events[b] = total
        for j in range(k):
            counts_at_thresholds(histogram[j], positives[b, j])
