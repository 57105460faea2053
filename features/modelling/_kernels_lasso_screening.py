"""Compiled loops over all features of all fits: their scales, and who enters a working set.

Products are those of the features (p, n) with the residuals of the fits (K, n); mean and inverse
(reciprocal scale) are (K, p), and an inverse of 0 marks a feature that does not vary in a fit.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.int8]


@kernel
def fold_scales(
    x: Floats,
    rows: Integers,
    sizes: Integers,
    standardise: bool,  # noqa: FBT001
    mean: Floats,
    inverse: Floats,
) -> None:
    """Fill mean and reciprocal scale (K, p): population standard deviations, or 1."""
    p = x.shape[0]
    for j in range(p):
        for k in range(sizes.size):
            n = sizes[k]
            total = 0.0
            low = x[j, rows[k, 0]]
            high = low
            for i in range(n):
                value = x[j, rows[k, i]]
                total += value
                low = min(low, value)
                high = max(high, value)
            center = total / n
            mean[k, j] = center
            inverse[k, j] = 0.0
            if high > low:
                inverse[k, j] = 1.0
                if standardise:
                    squares = 0.0
                    for i in range(n):
                        gap = x[j, rows[k, i]] - center
                        squares += gap * gap
                    inverse[k, j] = 1.0 / np.sqrt(squares / n)


@kernel
def choose(
    products: Floats,
    sums: Floats,
    mean: Floats,
    inverse: Floats,
    beta: Floats,
    threshold: float,
    chosen: Flags,
) -> None:
    """Mark the working set of every fit: non-zero coefficients and gradients from `threshold`."""
    for k in range(sums.size):
        for j in range(chosen.shape[1]):
            gradient = (products[k, j] - mean[k, j] * sums[k]) * inverse[k, j]
            chosen[k, j] = beta[k, j] != 0.0 or abs(gradient) >= threshold


@kernel
def add_violators(
    products: Floats,
    sums: Floats,
    mean: Floats,
    inverse: Floats,
    limit: float,
    fits: Integers,
    chosen: Flags,
    added: Integers,
) -> None:
    """Mark features outside the working set whose gradient exceeds `limit`; count them."""
    for q in range(fits.size):
        k = fits[q]
        added[q] = 0
        for j in range(chosen.shape[1]):
            if not chosen[k, j]:
                gradient = (products[q, j] - mean[k, j] * sums[k]) * inverse[k, j]
                if abs(gradient) > limit:
                    chosen[k, j] = 1
                    added[q] += 1
