"""Compiled minimum of a quadratic with a LASSO penalty: coordinate descent, then exact.

The quadratic of a step has as many variables as features in the model, so that all work here is
on small square matrices.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.int8]


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
