"""Compiled loops of the decision curves: bins and counts, no sorting."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._resampling import resample_counts


@kernel
def threshold_bins(
    y_prob: NDArray[np.float64],
    is_case: NDArray[np.bool_],
    thresholds: NDArray[np.float64],
    codes: NDArray[Any],
) -> None:
    """Write ``2 * (number of thresholds <= y_prob) + is_case`` of each patient, shape (n,).

    The first guess assumes an even grid; the steps after it make any increasing grid exact.
    """
    size = thresholds.size
    first = thresholds[0]
    width = thresholds[size - 1] - first
    scale = (size - 1) / width if width > 1e-9 else 0.0
    for i in range(y_prob.size):
        p = y_prob[i]
        reached = min(max(int((p - first) * scale) + 1, 0), size)
        while reached < size and p >= thresholds[reached]:
            reached += 1
        while reached > 0 and p < thresholds[reached - 1]:
            reached -= 1
        codes[i] = 2 * reached + (1 if is_case[i] else 0)


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
def code_counts(codes: NDArray[Any], histogram: NDArray[np.int64]) -> None:
    """Write how often each code occurs; four tables, so that equal neighbours do not wait."""
    tables = np.zeros((4, histogram.size), np.int64)
    n = codes.size
    whole = n - n % 4
    for i in range(0, whole, 4):
        tables[0, codes[i]] += 1
        tables[1, codes[i + 1]] += 1
        tables[2, codes[i + 2]] += 1
        tables[3, codes[i + 3]] += 1
    for i in range(whole, n):
        tables[0, codes[i]] += 1
    for c in range(histogram.size):
        histogram[c] = tables[0, c] + tables[1, c] + tables[2, c] + tables[3, c]


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
