"""Compiled loops of life tables and of permutation tests: arrays in, counts out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._resampling import first_state, next_word

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Small = NDArray[np.int32]

_32 = np.uint64(32)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_TWO_32 = np.uint64(0x100000000)


@kernel
def count_risk_sets(
    time: FloatArray,
    order: Small,
    repeats: NDArray[np.bool_],
    cause: NDArray[Any],
    member: IntArray,
    entry: FloatArray,
    arrival: Small,
    present: IntArray,
    distinct: FloatArray,
    at_risk: IntArray,
    ended: IntArray,
) -> None:
    """Fill `distinct` (m,), `at_risk` (g, m) and `ended` (causes + 1, g, m, zero on entry).

    `order` sorts the n times and `repeats` marks those equal to the one before; `cause` and
    `member` say why and from which of g groups each patient leaves. `arrival` sorts the entry times
    (both empty without delayed entry); `present`, shape (g,), who is there before the first entry.
    """
    i, e, j = 0, 0, 0
    n, groups = order.size, present.size
    while i < n:
        t = time[order[i]]
        while e < arrival.size and entry[arrival[e]] < t:
            present[member[arrival[e]]] += 1
            e += 1
        distinct[j] = t
        for g in range(groups):
            at_risk[g, j] = present[g]
        end = i + 1
        while end < n and repeats[end]:
            end += 1
        for k in range(i, end):
            row = order[k]
            ended[int(cause[row]), member[row], j] += 1
            present[member[row]] -= 1
        i = end
        j += 1


@kernel
def product_limit(
    at_risk: NDArray[Any],
    events: NDArray[Any],
    staying: NDArray[Any],
    survival: FloatArray,
    greenwood: FloatArray,
) -> None:
    """Write the Kaplan-Meier curve and Greenwood's standard error of its logarithm, (m,)."""
    s, variance = 1.0, 0.0
    for j in range(at_risk.size):
        s *= staying[j] / at_risk[j]
        if staying[j] != 0:
            variance += events[j] / (at_risk[j] * staying[j])
        else:
            variance = np.inf
        survival[j], greenwood[j] = s, np.sqrt(variance)


@kernel
def score_sums(
    events: IntArray,
    at_risk: IntArray,
    weight: FloatArray,
    observed: FloatArray,
    expected: FloatArray,
    variance: FloatArray,
) -> None:
    """Add up weighted observed and expected events, (g,), and the covariance of their difference.

    `events` and `at_risk`, (g, m), at each time; `weight`, (m,). The sums are zero on entry.
    """
    groups, m = events.shape
    died, present = np.zeros(m, np.int64), np.zeros(m, np.int64)
    for g in range(groups):
        for j in range(m):
            died[j] += events[g, j]
            present[j] += at_risk[g, j]
    # Sums of one thing at a time, and no branch on whether a time has an event, which is as good as
    # random: three times faster than time by time.
    deaths, spread = np.empty(m), np.empty(m)
    for j in range(m):
        d, n, w = float(died[j]), float(present[j]), weight[j]
        each = 1.0 / n
        deaths[j] = w * d * each
        spread[j] = w * w * each * each * (d * (n - d) / max(n - 1.0, 1.0))
    for g in range(groups):
        seen, foreseen = 0.0, 0.0
        for j in range(m):
            seen += weight[j] * events[g, j]
            foreseen += deaths[j] * at_risk[g, j]
        observed[g] += seen
        expected[g] += foreseen
        for other in range(g):
            shared = 0.0
            for j in range(m):
                shared += at_risk[other, j] * at_risk[g, j] * spread[j]
            variance[g, other] = variance[other, g] = -shared
            variance[g, g] += shared
            variance[other, other] += shared


@kernel
def count_shuffles(
    key: np.uint64, n_shuffles: int, scores: FloatArray, sizes: IntArray, bound: float
) -> int:
    """Count the random allocations whose statistic is at least `bound`.

    `scores`, shape (n,), sum to zero; `sizes`, shape (k,), sum to n, the largest group last. The
    statistic is the sum over groups of (sum of scores) ** 2 / size. Shuffle b draws the members of
    all groups but the last by a partial Fisher-Yates shuffle from the state (key, b), each index by
    Lemire's multiply-and-reject, so that every allocation is equally likely.
    """
    n, k = scores.size, sizes.size
    drawn = n - sizes[k - 1]
    deck = np.empty(n)
    found = 0
    for b in range(n_shuffles):
        deck[:] = scores
        s0, s1, s2, s3 = first_state(key, b)
        word, half = np.uint64(0), 0
        group, left, total, rest, statistic = 0, sizes[0], 0.0, 0.0, 0.0
        for i in range(drawn):
            span = np.uint64(n - i)
            while True:
                if half == 0:
                    word, s0, s1, s2, s3 = next_word(s0, s1, s2, s3)
                    product = (word >> _32) * span
                else:
                    product = (word & _LOW_HALF) * span
                half = 1 - half
                low = product & _LOW_HALF
                if low >= span or low >= (_TWO_32 - span) % span:
                    break
            j = i + np.int64(product >> _32)
            score = deck[j]
            deck[j] = deck[i]
            total += score
            left -= 1
            if left == 0:
                statistic += total * total / sizes[group]
                rest -= total
                total = 0.0
                group += 1
                left = sizes[group]
        statistic += rest * rest / sizes[k - 1]
        if statistic >= bound:
            found += 1
    return found


@kernel
def count_allocations(
    labels: IntArray, scores: FloatArray, sizes: IntArray, bound: float
) -> tuple[int, int]:
    """Count all distinct allocations, and those whose statistic is at least `bound`.

    `labels`, shape (n,), holds the groups in increasing order and is run through all its distinct
    orderings; the statistic is that of `count_shuffles`.
    """
    n, k = scores.size, sizes.size
    sums = np.empty(k)
    found, total = 0, 0
    while True:
        sums[:] = 0.0
        for i in range(n):
            sums[labels[i]] += scores[i]
        statistic = 0.0
        for g in range(k):
            statistic += sums[g] * sums[g] / sizes[g]
        total += 1
        if statistic >= bound:
            found += 1
        # The next ordering: raise the last label that can be raised, then sort what follows.
        i = n - 2
        while i >= 0 and labels[i] >= labels[i + 1]:
            i -= 1
        if i < 0:
            return total, found
        j = n - 1
        while labels[j] <= labels[i]:
            j -= 1
        labels[i], labels[j] = labels[j], labels[i]
        low, high = i + 1, n - 1
        while low < high:
            labels[low], labels[high] = labels[high], labels[low]
            low += 1
            high -= 1
