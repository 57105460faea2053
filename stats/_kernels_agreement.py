"""Compiled loops of reader agreement: arrays in, arrays out; no checks, sorting or defaults."""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

_EPS = float(np.finfo(np.float64).eps)


@kernel
def _complete_totals(
    x: NDArray[np.float64], origin: float, row: NDArray[np.float64], rater: NDArray[np.float64]
) -> tuple[int, float, float]:
    """Fill the row means (NaN when incomplete) and rater totals of `x - origin`.

    `x` has shape (subjects, raters). Return the number of complete rows, the total of
    `x - origin` over them and the sum of squares of `x`.
    """
    n_subjects, n_raters = x.shape
    n = 0
    total = 0.0
    squares = 0.0
    rater[:] = 0.0
    for i in range(n_subjects):
        row_total = 0.0
        row_squares = 0.0
        for j in range(n_raters):
            row_total += x[i, j] - origin
            row_squares += x[i, j] * x[i, j]
        row[i] = row_total / n_raters
        if not np.isnan(row_total):
            n += 1
            total += row_total
            squares += row_squares
            for j in range(n_raters):
                rater[j] += x[i, j] - origin
    return n, total, squares


@kernel
def rating_sums_of_squares(
    ratings: NDArray[np.float64],
    origin: NDArray[np.float64],
    sums: NDArray[np.float64],
    used: NDArray[np.int64],
) -> None:
    """Fill `sums`, shape (4, features), and `used`, shape (features,), in two passes a feature.

    `ratings` has shape (features, subjects, raters), C-contiguous; a subject with a NaN is left
    out. `origin`, shape (features,), is any value near the ratings: it is subtracted first so
    that a large offset costs no digits. Rows of `sums`: between subjects, between raters,
    residual, within subjects. A sum that is no larger than the rounding error of its own
    computation becomes exactly 0, so that equal readings are recognised as equal.
    """
    n_features, n_subjects, n_raters = ratings.shape
    row = np.empty(n_subjects)
    rater = np.empty(n_raters)
    for f in range(n_features):
        n, total, squares = _complete_totals(ratings[f], origin[f], row, rater)
        used[f] = n
        sums[:, f] = 0.0
        if n == 0:
            continue
        grand = total / (n * n_raters)
        for j in range(n_raters):
            rater[j] = rater[j] / n - grand
            sums[1, f] += n * rater[j] * rater[j]
        for i in range(n_subjects):
            if np.isnan(row[i]):
                continue
            sums[0, f] += n_raters * (row[i] - grand) * (row[i] - grand)
            for j in range(n_raters):
                inside = ratings[f, i, j] - origin[f] - row[i]
                sums[2, f] += (inside - rater[j]) * (inside - rater[j])
                sums[3, f] += inside * inside
        noise = squares * (4.0 * n_raters * n * _EPS) ** 2
        for m in range(4):
            if sums[m, f] <= noise:
                sums[m, f] = 0.0
