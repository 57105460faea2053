"""Compiled loops of the LASSO: working sets, penalised quadratics, one fit at one lambda.

The fits of all folds share `x` (p, n), a feature a row; a fit k has its own rows, and the mean and
reciprocal scale of every feature on them. A reciprocal scale of 0 marks a feature that does not
vary there: it never enters.
"""

import numpy as np
from numpy.typing import NDArray

from extval.features.modelling._kernels_lasso_cox import cox_curvature, cox_terms
from extval.stats._jit import kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.int8]

LOGISTIC, LINEAR, COX = 0, 1, 2


@kernel
def fold_scales(
    x: Floats, rows: Integers, sizes: Integers, standardise: bool, mean: Floats, inverse: Floats
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
    for i in range(n):
        small = np.exp(-abs(eta[i]))
        near = 1.0 / (1.0 + small)
        far = small * near
        loss += np.log1p(small) + max(eta[i], 0.0) - y[i] * eta[i]
        if eta[i] >= 0.0:
            residual[i] = (y[i] * far - (1.0 - y[i]) * near) / n
        else:
            residual[i] = (y[i] * near - (1.0 - y[i]) * far) / n
        weight[i] = near * far / n
    return loss / n


@kernel
def factorise(gram: Floats, active: Integers, upper: Floats) -> bool:
    """Fill `upper` with the Cholesky factor of the active block; False if it is singular."""
    m = active.size
    for a in range(m):
        for b in range(a, m):
            upper[a, b] = gram[active[a], active[b]]
    for a in range(m):
        if not upper[a, a] > 1e-11 * gram[active[a], active[a]]:
            return False
        root = np.sqrt(upper[a, a])
        for b in range(a, m):
            upper[a, b] /= root
        for c in range(a + 1, m):
            factor = upper[a, c]
            for b in range(c, m):
                upper[c, b] -= factor * upper[a, b]
    return True


@kernel
def newton_step(
    upper: Floats, gradient: Floats, beta: Floats, penalty: float, active: Integers, step: Floats
) -> tuple[float, int]:
    """Fill the step to the minimum with the present signs.

    Returns how far of it no coefficient changes its sign, 1 for all the way, and which of the
    active ones then stands at 0, -1 for none.
    """
    m = active.size
    for a in range(m):
        step[a] = gradient[active[a]] - (penalty if beta[active[a]] > 0.0 else -penalty)
    for a in range(m):
        step[a] /= upper[a, a]
        for b in range(a + 1, m):
            step[b] -= step[a] * upper[a, b]
    length, blocking = 1.0, -1
    for a in range(m - 1, -1, -1):
        for b in range(a + 1, m):
            step[a] -= upper[a, b] * step[b]
        step[a] /= upper[a, a]
    for a in range(m):
        old = beta[active[a]]
        new = old + step[a]
        if new == 0.0 or (new > 0.0) != (old > 0.0):
            reach = -old / step[a]
            if blocking < 0 or reach < length:
                length, blocking = reach, a
    return length, blocking


@kernel
def descend(gram: Floats, gradient: Floats, beta: Floats, penalty: float) -> tuple[float, bool]:
    """Minimise along every coordinate once; return the largest move and whether signs stayed.

    Moves are measured by the change of the gradient.
    """
    largest, settled = 0.0, True
    for j in range(beta.size):
        h = gram[j, j]
        if not h > 0.0:
            continue
        old = beta[j]
        target = gradient[j] + h * old
        new = 0.0
        if target > penalty:
            new = (target - penalty) / h
        elif target < -penalty:
            new = (target + penalty) / h
        change = new - old
        if change != 0.0:
            if (new > 0.0) != (old > 0.0) or (new < 0.0) != (old < 0.0):
                settled = False
            beta[j] = new
            largest = max(largest, h * abs(change))
            for q in range(beta.size):
                gradient[q] -= change * gram[j, q]
    return largest, settled


@kernel
def penalised_quadratic(
    gram: Floats,
    gradient: Floats,
    beta: Floats,
    penalty: float,
    tolerance: float,
    upper: Floats,
    factored: Flags,
) -> None:
    """Minimise a quadratic plus the penalty from `beta`, in place.

    `gradient` is minus that of the quadratic, and follows. Coordinate descent finds the signs;
    once it leaves them alone, the minimum with these signs is solved for, and gone to as far as no
    coefficient changes its sign. `upper` keeps the factor of the block marked in `factored` for
    the next quadratic with the same curvature.
    """
    step = np.empty(beta.size)
    calm, patience = 0, 2
    for _ in range(5000):
        largest, settled = descend(gram, gradient, beta, penalty)
        if largest <= tolerance:
            return
        known = True
        for j in range(beta.size):
            known = known and factored[j] == (beta[j] != 0.0)
        calm = calm + 1 if settled else 0
        if not settled or (calm < patience and not known):
            continue
        active = np.flatnonzero(beta)
        if not known:
            if not factorise(gram, active, upper):
                factored[:] = -1
                calm, patience = 0, min(4 * patience, 1000)
                continue
            for j in range(beta.size):
                factored[j] = beta[j] != 0.0
        length, blocking = newton_step(upper, gradient, beta, penalty, active, step)
        if blocking >= 0:
            calm, patience = 0, min(2 * patience, 64)
        for a in range(active.size):
            j = active[a]
            change = -beta[j] if a == blocking else length * step[a]
            beta[j] = 0.0 if a == blocking else beta[j] + change
            for q in range(beta.size):
                gradient[q] -= change * gram[j, q]


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
    gram[:, :] = np.dot(weighted, columns.T)
    for q in range(m):
        for r in range(m):
            gram[q, r] -= pull[q] * pull[r] / total
    return total


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
    m = members.size
    columns = np.empty((m, n))
    eta = np.full(n, intercept[0])
    coefficients = np.empty(m)
    norm = 0.0
    for q in range(m):
        j = members[q]
        coefficients[q] = beta[j]
        norm += abs(beta[j])
        for i in range(n):
            columns[q, i] = (x[j, rows[i]] - mean[j]) * inverse[j]
        if beta[j] != 0.0:
            for i in range(n):
                eta[i] += beta[j] * columns[q, i]
    residual, weight, risk = np.empty(n), np.empty(n), np.empty(n)
    loss = terms(family, eta, y, first, residual, weight, risk)
    in_model = np.zeros(m, np.int8)
    active = np.empty(0, np.int64)
    held = np.empty((0, n))
    gram = np.empty((0, 0))
    upper = np.empty((0, 0))
    factored = np.empty(0, np.int8)
    pull = np.empty(0)
    slope = 0.0
    before = np.inf
    stale = True
    converged = False
    trial, move = np.empty(n), np.empty(n)
    for _ in range(100):
        gradient = np.dot(columns, residual)
        off = 0.0
        total = 0.0
        if family != COX:
            for i in range(n):
                total += residual[i]
            off = abs(total)
        grown = False
        for q in range(m):
            b = coefficients[q]
            if b == 0.0:
                gap = abs(gradient[q]) - penalty
                if gap > tolerance and not in_model[q]:
                    grown = True
            else:
                gap = abs(gradient[q] - (penalty if b > 0.0 else -penalty))
            off = max(off, gap)
        if off <= tolerance:
            converged = True
            break
        if stale or grown or off > 0.2 * before:
            for q in range(m):
                in_model[q] = coefficients[q] != 0.0 or abs(gradient[q]) > penalty
            active = np.flatnonzero(in_model)
            held = np.empty((active.size, n))
            for a in range(active.size):
                held[a] = columns[active[a]]
            gram = np.empty((active.size, active.size))
            upper = np.empty((active.size, active.size))
            factored = np.full(active.size, np.int8(-1))
            pull = np.empty(active.size)
            slope = curvature(family, held, y, first, weight, risk, gram, pull)
            stale = False
            fresh = True
        else:
            fresh = False
        before = off
        target = np.empty(active.size)
        pushed = np.empty(active.size)
        for a in range(active.size):
            target[a] = coefficients[active[a]]
            pushed[a] = gradient[active[a]] - pull[a] * total / slope
        inner = max(0.1 * tolerance, 1e-4 * off)  # an early quadratic is but an approximation
        penalised_quadratic(gram, pushed, target, penalty, inner, upper, factored)
        shift = total / slope
        move[:] = 0.0
        for a in range(active.size):
            target[a] -= coefficients[active[a]]
            shift -= pull[a] * target[a] / slope
            for i in range(n):
                move[i] += target[a] * held[a, i]
        length = 1.0
        best = loss + penalty * norm
        accepted = False
        for _ in range(40):
            for i in range(n):
                trial[i] = eta[i] + length * (move[i] + shift)
            there = terms(family, trial, y, first, residual, weight, risk)
            norm_there = norm
            for a in range(active.size):
                b = coefficients[active[a]]
                norm_there += abs(b + length * target[a]) - abs(b)
            if there + penalty * norm_there <= best + 1e-13 * (abs(best) + 1e-3):
                accepted = True
                break
            length *= 0.5
            stale = True
        if not accepted:
            terms(family, eta, y, first, residual, weight, risk)
            if fresh:
                break
            continue
        loss = there
        eta[:] = trial
        intercept[0] += length * shift
        for a in range(active.size):
            coefficients[active[a]] += length * target[a]
        norm = 0.0
        for q in range(m):
            norm += abs(coefficients[q])
    eta_all[:] = intercept[0]
    for q in range(m):
        j = members[q]
        beta[j] = coefficients[q]
        if beta[j] != 0.0:
            for i in range(eta_all.size):
                eta_all[i] += beta[j] * ((x[j, i] - mean[j]) * inverse[j])
    residual_all[:] = 0.0
    for i in range(n):
        residual_all[rows[i]] = residual[i]
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
