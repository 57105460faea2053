"""Compiled loops of ComBat: features are rows, so that each is read once; no checks."""

import math

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel


@kernel
def fit_features(
    y: NDArray[np.float64],
    batch: NDArray[np.int64],
    size: NDArray[np.float64],
    within: NDArray[np.float64],
    projector: NDArray[np.float64],
    mean: NDArray[np.float64],
    slope: NDArray[np.float64],
    squares: NDArray[np.float64],
    largest: NDArray[np.float64],
    flat: NDArray[np.bool_],
) -> None:
    """Regress every feature on batch and covariates.

    `y` has shape (p, n); `batch` (n,) holds codes of k batches of `size` (k,). `within` (q, n) are
    the covariates centred in each batch and `projector` (q, n) their pseudo-inverse. Fill `mean`
    (k, p), the plain batch means; `slope` (q, p); `squares` (k, p), the residual sums of squares
    of each batch; `largest` (p,), the largest magnitude; `flat` (p,), constant in some batch.
    """
    p, n = y.shape
    q = within.shape[0]
    k = size.size
    rest = np.empty(n)
    first = np.empty(k)
    varies = np.empty(k, dtype=np.bool_)
    seen = np.empty(k, dtype=np.bool_)
    for f in range(p):
        seen[:] = False
        varies[:] = False
        top = 0.0
        for j in range(k):
            mean[j, f] = 0.0
            squares[j, f] = 0.0
        for i in range(n):
            j = batch[i]
            if not seen[j]:
                seen[j] = True
                first[j] = y[f, i]
            varies[j] |= y[f, i] != first[j]
            mean[j, f] += y[f, i] - first[j]
            top = max(top, abs(y[f, i]))
        largest[f] = top
        flat[f] = not varies.all()
        for j in range(k):
            mean[j, f] = first[j] + mean[j, f] / size[j]
        for i in range(n):
            rest[i] = y[f, i] - mean[batch[i], f]
        for c in range(q):
            total = 0.0
            for i in range(n):
                total += projector[c, i] * rest[i]
            slope[c, f] = total
        for c in range(q):
            for i in range(n):
                rest[i] -= slope[c, f] * within[c, i]
        for i in range(n):
            squares[batch[i], f] += rest[i] * rest[i]


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

    `covariates` has shape (q, n), `slope` (q, p), `grand` and `sd` (p,). Where the location is 0
    and the scale 1 the value is handed through, so that no rounding touches it.
    """
    p, n = y.shape
    q = covariates.shape[0]
    k = location.shape[0]
    shift = np.empty(k)
    factor = np.empty(k)
    untouched = np.empty(k, dtype=np.bool_)
    for f in range(p):
        for j in range(k):
            shift[j] = location[j, f] * sd[f]
            factor[j] = 1.0 / scale[j, f]
            untouched[j] = location[j, f] == 0.0 and scale[j, f] == 1.0
        for i in range(n):
            expected = grand[f]
            for c in range(q):
                expected += slope[c, f] * covariates[c, i]
            j = batch[i]
            if untouched[j]:
                out[f, i] = y[f, i]
            else:
                out[f, i] = (y[f, i] - expected - shift[j]) * factor[j] + expected


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
