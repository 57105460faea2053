"""Compiled loops of the LASSO: one fit at one lambda, over its working set.

Arrays are copied in loops: numba takes seconds to compile an assignment to a slice.

The fits of all folds share `x` (p, n), a feature a row; a fit k has its own rows, and the mean and
reciprocal scale of every feature on them. A reciprocal scale of 0 marks a feature that does not
vary there: it never enters.
"""

import numpy as np
from numpy.typing import NDArray

from extval.features.modelling._kernels_lasso_cox import cox_curvature, cox_terms
from extval.features.modelling._kernels_lasso_quadratic import penalised_quadratic
from extval.stats._jit import kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.int8]

LOGISTIC, LINEAR, COX = 0, 1, 2


@kernel
def terms(
    family: int,
    eta: Floats,
    y: Floats,
    first: Integers,
    residual: Floats,
    weight: Floats,
    risk: Floats,
) -> float:
    """Return the mean loss; fill minus its gradient in `eta`, and its (diagonal) curvature."""
    n = eta.size
    if family == COX:
        return cox_terms(eta, y, first, residual, weight, risk)
    loss = 0.0
    if family == LINEAR:
        for i in range(n):
            gap = y[i] - eta[i]
            loss += 0.5 * gap * gap
            residual[i] = gap / n
            weight[i] = 1.0 / n
        return loss / n
    product = 1.0  # of terms between 1 and 2: one logarithm for many of them
    for i in range(n):
        small = np.exp(-abs(eta[i]))
        near = 1.0 / (1.0 + small)
        far = small * near
        product *= 1.0 + small
        if product > 1e200:
            loss += np.log(product)
            product = 1.0
        loss += max(eta[i], 0.0) - y[i] * eta[i]
        if eta[i] >= 0.0:
            residual[i] = (y[i] * far - (1.0 - y[i]) * near) / n
        else:
            residual[i] = (y[i] * near - (1.0 - y[i]) * far) / n
        weight[i] = near * far / n
    return float(loss + np.log(product)) / n


@kernel
def curvature(
    family: int,
    columns: Floats,
    y: Floats,
    first: Integers,
    weight: Floats,
    risk: Floats,
    gram: Floats,
    pull: Floats,
) -> float:
    """Write the curvature in the coefficients, the intercept profiled out, and its `pull` on it.

    Returns the curvature in the intercept: with `pull` this gives the step of the intercept that
    goes with a step of the coefficients. Infinite where there is no intercept.
    """
    m, n = columns.shape
    if family == COX:
        cox_curvature(columns, y, first, weight, risk, gram)
        pull[:] = 0.0
        return np.inf
    weighted = np.empty((m, n))
    total = 0.0
    for i in range(n):
        total += weight[i]
    for q in range(m):
        pull[q] = 0.0
        for i in range(n):
            weighted[q, i] = columns[q, i] * weight[i]
            pull[q] += weighted[q, i]
    np.dot(weighted, columns.T, gram)
    for q in range(m):
        for r in range(m):
            gram[q, r] -= pull[q] * pull[r] / total
    return total


@kernel
def take_columns(
    x: Floats,
    rows: Integers,
    mean: Floats,
    inverse: Floats,
    members: Integers,
    beta: Floats,
    columns: Floats,
    coefficients: Floats,
    eta: Floats,
) -> None:
    """Fill the scaled features (m, n) of a working set, their coefficients; add them to `eta`."""
    for q in range(members.size):
        j = members[q]
        coefficients[q] = beta[j]
        for i in range(rows.size):
            columns[q, i] = (x[j, rows[i]] - mean[j]) * inverse[j]
        if beta[j] != 0.0:
            for i in range(rows.size):
                eta[i] += beta[j] * columns[q, i]


@kernel
def worst_condition(
    gradient: Floats, coefficients: Floats, penalty: float, tolerance: float, in_model: Flags
) -> tuple[float, bool]:
    """Return by how much a condition is off at most, and whether a feature must enter the model."""
    off, grown = 0.0, False
    for q in range(gradient.size):
        b = coefficients[q]
        if b == 0.0:
            gap = abs(gradient[q]) - penalty
            grown = grown or (gap > tolerance and in_model[q] == 0)
        else:
            gap = abs(gradient[q] - (penalty if b > 0.0 else -penalty))
        off = max(off, gap)
    return off, grown


@kernel
def search(
    family: int,
    eta: Floats,
    move: Floats,
    y: Floats,
    first: Integers,
    penalty: float,
    beta: Floats,
    step: Floats,
    start: float,
    trial: Floats,
    residual: Floats,
    weight: Floats,
    risk: Floats,
) -> tuple[float, float]:
    """Halve the step until the objective, loss `start` plus penalty, does not rise.

    Returns the length, 0 if there is none, and the loss there. Fills `trial` with the linear
    predictor there, and the derivatives.
    """
    best = start
    for a in range(beta.size):
        best += penalty * abs(beta[a])
    length = 1.0
    for _ in range(40):
        for i in range(eta.size):
            trial[i] = eta[i] + length * move[i]
        loss = terms(family, trial, y, first, residual, weight, risk)
        there = loss
        for a in range(beta.size):
            there += penalty * abs(beta[a] + length * step[a])
        if there <= best + 1e-13 * (abs(best) + 1e-3):
            return length, loss
        length *= 0.5
    return 0.0, terms(family, eta, y, first, residual, weight, risk)


@kernel
def hand_over(
    x: Floats,
    rows: Integers,
    mean: Floats,
    inverse: Floats,
    members: Integers,
    coefficients: Floats,
    intercept: float,
    residual: Floats,
    beta: Floats,
    eta_all: Floats,
    residual_all: Floats,
) -> None:
    """Write what a fit found: coefficients, everyone's linear predictor, residuals of its rows."""
    eta_all[:] = intercept
    for q in range(members.size):
        j = members[q]
        beta[j] = coefficients[q]
        if beta[j] != 0.0:
            for i in range(eta_all.size):
                eta_all[i] += beta[j] * ((x[j, i] - mean[j]) * inverse[j])
    residual_all[:] = 0.0
    for i in range(rows.size):
        residual_all[rows[i]] = residual[i]


@kernel
def solve(
    family: int,
    x: Floats,
    rows: Integers,
    y: Floats,
    first: Integers,
    mean: Floats,
    inverse: Floats,
    chosen: Flags,
    penalty: float,
    tolerance: float,
    beta: Floats,
    intercept: Floats,
    eta_all: Floats,
    residual_all: Floats,
) -> tuple[float, bool]:
    """Fit the model to `rows` at one lambda over the working set, from `beta` in place.

    Newton's method on the loss, each step a penalised quadratic. Returns the mean loss and whether
    no condition of the minimum is off by more than `tolerance`. Fills `eta_all` for all patients
    and `residual_all` for those of the fit. A curvature serves several steps while the conditions
    come closer by a factor of 5 at each.
    """
    n = rows.size
    members = np.flatnonzero(chosen)
    columns, coefficients = np.empty((members.size, n)), np.empty(members.size)
    eta = np.full(n, intercept[0])
    take_columns(x, rows, mean, inverse, members, beta, columns, coefficients, eta)
    residual, weight, risk = np.empty(n), np.empty(n), np.empty(n)
    trial, move = np.empty(n), np.empty(n)
    loss = terms(family, eta, y, first, residual, weight, risk)
    in_model = np.zeros(members.size, np.int8)
    active = np.empty(0, np.int64)
    held, gram, upper = np.empty((0, n)), np.empty((0, 0)), np.empty((0, 0))
    factored, pull = np.empty(0, np.int8), np.empty(0)
    slope, before, stale, converged = 0.0, np.inf, True, False
    for _ in range(100):
        gradient = np.dot(columns, residual)
        total = 0.0 if family == COX else residual.sum()
        off, grown = worst_condition(gradient, coefficients, penalty, tolerance, in_model)
        off = max(off, abs(total))
        if off <= tolerance:
            converged = True
            break
        fresh = stale or grown or off > 0.2 * before
        if fresh:
            for q in range(members.size):
                in_model[q] = coefficients[q] != 0.0 or abs(gradient[q]) > penalty
            active = np.flatnonzero(in_model)
            m = active.size
            held, gram, upper = np.empty((m, n)), np.empty((m, m)), np.empty((m, m))
            factored, pull = np.full(m, np.int8(-1)), np.empty(m)
            for a in range(m):
                for i in range(n):
                    held[a, i] = columns[active[a], i]
            slope = curvature(family, held, y, first, weight, risk, gram, pull)
        before = off
        here = coefficients[active]
        target = here.copy()
        pushed = gradient[active] - pull * (total / slope)
        inner = max(0.1 * tolerance, 1e-4 * off)  # an early quadratic is but an approximation
        penalised_quadratic(gram, pushed, target, penalty, inner, upper, factored)
        step = target - here
        shift = (total - (pull * step).sum()) / slope
        move[:] = shift
        for a in range(step.size):
            for i in range(n):
                move[i] += step[a] * held[a, i]
        length, loss = search(
            family, eta, move, y, first, penalty, here, step, loss, trial, residual, weight, risk
        )
        stale = length < 1.0
        if length == 0.0:
            if fresh:
                break
            continue
        for i in range(n):
            eta[i] = trial[i]
        intercept[0] += length * shift
        for a in range(step.size):
            coefficients[active[a]] = target[a] if length == 1.0 else here[a] + length * step[a]
    hand_over(
        x,
        rows,
        mean,
        inverse,
        members,
        coefficients,
        intercept[0],
        residual,
        beta,
        eta_all,
        residual_all,
    )
    return loss, converged


@kernel
def solve_fits(
    family: int,
    x: Floats,
    rows: Integers,
    sizes: Integers,
    y: Floats,
    first: Integers,
    mean: Floats,
    inverse: Floats,
    chosen: Flags,
    penalty: float,
    tolerance: float,
    fits: Integers,
    beta: Floats,
    intercept: Floats,
    eta: Floats,
    residual: Floats,
    loss: Floats,
    converged: NDArray[np.bool_],
) -> None:
    """Solve the fits with the indices `fits` at one lambda, one after the other."""
    for q in range(fits.size):
        k = fits[q]
        n = sizes[k]
        loss[k], converged[k] = solve(
            family,
            x,
            rows[k, :n],
            y[k, :n],
            first[k, :n],
            mean[k],
            inverse[k],
            chosen[k],
            penalty,
            tolerance,
            beta[k],
            intercept[k : k + 1],
            eta[k],
            residual[k],
        )
