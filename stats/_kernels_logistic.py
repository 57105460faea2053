"""Compiled loops of logistic regression: no checks, defaults or hidden randomness."""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._resampling import resample_counts

Floats = NDArray[np.float64]


@kernel
def score_and_information(
    design: Floats,
    events: Floats,
    total: Floats,
    offset: Floats,
    beta: Floats,
    score: Floats,
    information: Floats,
) -> float:
    """Write the gradient (p,) and the information (p, p); return the log-likelihood."""
    p = beta.size
    score[:] = 0.0
    information[:, :] = 0.0
    value = 0.0
    for i in range(design.shape[0]):
        if total[i] == 0.0:
            continue
        eta = offset[i]
        for j in range(p):
            eta += design[i, j] * beta[j]
        small = np.exp(-abs(eta))
        mu = 1.0 / (1.0 + small)
        rest = small * mu
        if eta < 0.0:
            mu, rest = rest, mu
        value += events[i] * eta - total[i] * (max(eta, 0.0) + np.log1p(small))
        residual = events[i] * rest - (total[i] - events[i]) * mu
        weight = total[i] * mu * rest
        for j in range(p):
            score[j] += residual * design[i, j]
            weighted = weight * design[i, j]
            for k in range(j + 1):
                information[j, k] += weighted * design[i, k]
    for j in range(p):
        for k in range(j):
            information[k, j] = information[j, k]
    return value


@kernel
def solve_positive(matrix: Floats, right: Floats, out: Floats) -> bool:
    """Solve ``matrix @ out = right`` by Cholesky; return False if not positive definite.

    The pivots are compared with the diagonal, so that the answer does not depend on units.
    """
    p = right.size
    lower = np.zeros((p, p))
    for j in range(p):
        pivot = matrix[j, j]
        for k in range(j):
            pivot -= lower[j, k] * lower[j, k]
        if not pivot > 1e-13 * matrix[j, j]:
            return False
        lower[j, j] = np.sqrt(pivot)
        for i in range(j + 1, p):
            value = matrix[i, j]
            for k in range(j):
                value -= lower[i, k] * lower[j, k]
            lower[i, j] = value / lower[j, j]
    for j in range(p):
        value = right[j]
        for k in range(j):
            value -= lower[j, k] * out[k]
        out[j] = value / lower[j, j]
    for j in range(p - 1, -1, -1):
        value = out[j]
        for k in range(j + 1, p):
            value -= lower[k, j] * out[k]
        out[j] = value / lower[j, j]
    return True


@kernel
def largest_change(design: Floats, total: Floats, step: Floats) -> float:
    """Return the largest absolute change of a linear predictor under `step`."""
    largest = 0.0
    for i in range(design.shape[0]):
        if total[i] > 0.0:
            change = 0.0
            for j in range(step.size):
                change += design[i, j] * step[j]
            largest = max(largest, abs(change))
    return largest


@kernel
def newton(
    design: Floats,
    events: Floats,
    total: Floats,
    offset: Floats,
    beta: Floats,
    information: Floats,
    max_iterations: int,
) -> tuple[float, int, float]:
    """Maximise the likelihood from `beta`, shape (p,), in place; columns are at most 1 in size.

    Returns the log-likelihood, the iterations, and the largest relative change of a linear
    predictor in the step that met the tolerance (Newton decrement below 1e-18): tiny at a
    maximum, far from tiny where the likelihood is flat because no maximum exists. The change is
    infinite if the information is singular or the iterations ran out. `information` is left at
    the last point. A step is shortened until no linear predictor changes by more than 30, and
    halved while it lowers the likelihood.
    """
    p = beta.size
    score = np.empty(p)
    step = np.empty(p)
    start = np.empty(p)
    value = score_and_information(design, events, total, offset, beta, score, information)
    for iteration in range(max_iterations):
        if not solve_positive(information, score, step):
            return value, iteration, np.inf
        decrement = 0.0
        length = 0.0
        for j in range(p):
            decrement += step[j] * score[j]
            length += abs(step[j])
        size = 1.0
        if length > 30.0:
            size = min(1.0, 30.0 / largest_change(design, total, step))
        start[:] = beta
        before = value
        for _ in range(40):
            for j in range(p):
                beta[j] = start[j] + size * step[j]
            value = score_and_information(design, events, total, offset, beta, score, information)
            if decrement < 1e-8 or value >= before:
                break
            size *= 0.5
        if decrement < 1e-18:
            moved = 0.0
            for i in range(design.shape[0]):
                if total[i] > 0.0:
                    eta = offset[i]
                    change = 0.0
                    for j in range(p):
                        eta += design[i, j] * beta[j]
                        change += design[i, j] * step[j]
                    moved = max(moved, abs(change) / (1.0 + abs(eta)))
            return value, iteration + 1, moved
    return value, max_iterations, np.inf


@kernel
def resampled_coefficients(
    key: np.uint64,
    first_replicate: int,
    design: Floats,
    y: NDArray[np.bool_],
    start: Floats,
    max_iterations: int,
    flat: float,
    counts: NDArray[np.int32],
    coefficients: Floats,
) -> None:
    """Fill `coefficients`, shape (b, p), and `counts`, shape (b, n), for b bootstrap replicates.

    Columns of `design` are at most 1 in size. A replicate without a maximum has NaN.
    """
    n = y.size
    total = np.empty(n)
    events = np.empty(n)
    offset = np.zeros(n)
    information = np.empty((start.size, start.size))
    for b in range(coefficients.shape[0]):
        resample_counts(key, first_replicate + b, counts[b])
        for i in range(n):
            total[i] = counts[b, i]
            events[i] = counts[b, i] if y[i] else 0.0
        coefficients[b] = start
        moved = newton(design, events, total, offset, coefficients[b], information, max_iterations)[
            2
        ]
        if moved > flat:
            coefficients[b] = np.nan
