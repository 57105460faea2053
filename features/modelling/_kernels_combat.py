"""Compiled loops of ComBat: features are rows, so that each is read once; no checks."""

import math

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel


@kernel
def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the inner product in four running sums, so that additions do not wait in line."""
    n = a.size
    s0 = s1 = s2 = s3 = 0.0
    whole = n - n % 4
    for i in range(0, whole, 4):
        s0 += a[i] * b[i]
        s1 += a[i + 1] * b[i + 1]
        s2 += a[i + 2] * b[i + 2]
        s3 += a[i + 3] * b[i + 3]
    for i in range(whole, n):
        s0 += a[i] * b[i]
    return (s0 + s1) + (s2 + s3)


@kernel
def fit_features(
    y: NDArray[np.float64],
    order: NDArray[np.int64],
    start: NDArray[np.int64],
    within: NDArray[np.float64],
    projector: NDArray[np.float64],
    mean: NDArray[np.float64],
    slope: NDArray[np.float64],
    squares: NDArray[np.float64],
    largest: NDArray[np.float64],
    flat: NDArray[np.bool_],
) -> None:
    """Regress every feature on batch and covariates.

    `y` has shape (p, n); ``order[start[j]:start[j + 1]]`` are the patients of batch j of k.
    `within` (q, n) are the covariates centred in each batch and `projector` (q, n) their
    pseudo-inverse, both with patients in that `order`. Fill `mean` (k, p), the plain batch means;
    `slope` (q, p); `squares` (k, p), the residual sums of squares of each batch; `largest` (p,),
    the largest magnitude; `flat` (p,), constant in some batch.
    """
    p, n = y.shape
    q = within.shape[0]
    k = start.size - 1
    rest = np.empty(n)
    ones = np.ones(n)
    for f in range(p):
        for i in range(n):
            rest[i] = y[f, order[i]]
        flat[f] = False
        top = 0.0
        for j in range(k):
            mine = rest[start[j] : start[j + 1]]
            # Deviations from any one value cost no digits to a large offset.
            first = mine[0]
            lowest = highest = first
            for i in range(mine.size):
                lowest = min(lowest, mine[i])
                highest = max(highest, mine[i])
                mine[i] -= first
            flat[f] |= lowest == highest
            top = max(top, abs(lowest), abs(highest))
            shift = _dot(mine, ones[: mine.size]) / mine.size
            mean[j, f] = first + shift
            for i in range(mine.size):
                mine[i] -= shift
        largest[f] = top
        for c in range(q):
            slope[c, f] = _dot(projector[c], rest)
        for c in range(q):
            for i in range(n):
                rest[i] -= slope[c, f] * within[c, i]
        for j in range(k):
            mine = rest[start[j] : start[j + 1]]
            squares[j, f] = _dot(mine, mine)


@kernel
def remove_batch(
    y: NDArray[np.float64],
    batch: NDArray[np.int64],
    covariates: NDArray[np.float64],
    grand: NDArray[np.float64],
    slope: NDArray[np.float64],
    sd: NDArray[np.float64],
    location: NDArray[np.float64],
    scale: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Fill `out` (p, n) with `y` freed of its batch's `location` and `scale`, both (k, p).

    `batch` (n,) holds codes below k, `covariates` has shape (q, n), `slope` (q, p), `grand` and
    `sd` (p,). Where the location is 0 and the scale 1 the value is handed through, so that no
    rounding touches it.
    """
    p, n = y.shape
    q = covariates.shape[0]
    k = location.shape[0]
    shift = np.empty(k)
    factor = np.empty(k)
    expected = np.empty(n)
    for f in range(p):
        any_untouched = False
        for j in range(k):
            shift[j] = location[j, f] * sd[f]
            factor[j] = 1.0 / scale[j, f]
            any_untouched |= location[j, f] == 0.0 and scale[j, f] == 1.0
        for i in range(n):
            expected[i] = grand[f]
        for c in range(q):
            for i in range(n):
                expected[i] += slope[c, f] * covariates[c, i]
        for i in range(n):
            j = batch[i]
            out[f, i] = (y[f, i] - expected[i] - shift[j]) * factor[j] + expected[i]
        if any_untouched:
            for i in range(n):
                if location[batch[i], f] == 0.0 and scale[batch[i], f] == 1.0:
                    out[f, i] = y[f, i]


@kernel
def weigh_by_likelihood(
    location: NDArray[np.float64],
    variance: NDArray[np.float64],
    squares: NDArray[np.float64],
    n: float,
    out_location: NDArray[np.float64],
    out_variance: NDArray[np.float64],
) -> None:
    """Average the other features' `location` and `variance`, weighted by the likelihood of f's.

    All arrays have shape (p,), p >= 2. The n values of feature f enter through their mean,
    `location[f]`, and their sum of squares about it, `squares[f]`. The largest log-likelihood is
    subtracted before `exp`, so that no weight sum underflows to zero.
    """
    p = location.size
    level = np.empty(p)
    logs = np.empty(p)
    for j in range(p):
        level[j] = -0.5 * n * math.log(variance[j])
    for f in range(p):
        best = -np.inf
        for j in range(p):
            apart = location[f] - location[j]
            logs[j] = level[j] - (squares[f] + n * apart * apart) / (2.0 * variance[j])
            if j != f and logs[j] > best:
                best = logs[j]
        total = 0.0
        sum_location = 0.0
        sum_variance = 0.0
        for j in range(p):
            if j != f:
                weight = math.exp(logs[j] - best)
                total += weight
                sum_location += location[j] * weight
                sum_variance += variance[j] * weight
        out_location[f] = sum_location / total
        out_variance[f] = sum_variance / total
