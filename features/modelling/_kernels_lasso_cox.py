"""Compiled loops of the Cox partial likelihood with Breslow's ties, on rows sorted by time.

`first` (n,) holds, for every row, the index of the first row with the same time: the patients at
risk at that time are the rows from there on.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@kernel
def cox_terms(
    eta: Floats, event: Floats, first: Integers, residual: Floats, weight: Floats, risk: Floats
) -> float:
    """Return minus the mean log partial likelihood; fill what its derivatives need.

    `residual` is minus the gradient in `eta`; `weight` the first, diagonal term of the curvature;
    `risk` the hazard ratios, up to a factor.
    """
    n = eta.size
    shift = eta[0]
    for i in range(n):
        shift = max(shift, eta[i])
    at_risk = 0.0
    loss = 0.0
    events = 0.0
    for i in range(n - 1, -1, -1):
        risk[i] = np.exp(eta[i] - shift)
        at_risk += risk[i]
        if event[i] > 0.0:
            events += 1.0
            loss -= eta[i] - shift
        residual[i] = 0.0
        if first[i] == i:  # all rows of this time are in: `residual` holds its hazard for now
            if events > 0.0:
                loss += events * np.log(at_risk)
                residual[i] = events / at_risk
            events = 0.0
    hazard = 0.0
    for i in range(n):
        hazard += residual[i]
        weight[i] = risk[i] * hazard / n
        residual[i] = event[i] / n - weight[i]
    return loss / n


@kernel
def cox_curvature(
    columns: Floats, event: Floats, first: Integers, weight: Floats, risk: Floats, out: Floats
) -> None:
    """Write the curvature of the loss in the coefficients of `columns` (m, n) to `out` (m, m)."""
    m, n = columns.shape
    weighted = np.empty((m, n))
    for q in range(m):
        for i in range(n):
            weighted[q, i] = columns[q, i] * weight[i]
    np.dot(weighted, columns.T, out)
    means = np.zeros((n, m))  # at an event time, its weighted means, times sqrt(events / n)
    total = np.zeros(m)
    at_risk = 0.0
    events = 0.0
    times = 0
    for i in range(n - 1, -1, -1):
        at_risk += risk[i]
        for q in range(m):
            total[q] += risk[i] * columns[q, i]
        if event[i] > 0.0:
            events += 1.0
        if first[i] == i:
            if events > 0.0:
                factor = np.sqrt(events / n) / at_risk
                for q in range(m):
                    means[times, q] = factor * total[q]
                times += 1
            events = 0.0
    held = means[:times]
    taken = np.dot(held.T, held)
    for q in range(m):
        for r in range(m):
            out[q, r] -= taken[q, r]


@kernel
def cox_losses(eta: Floats, event: Floats, first: Integers, out: Floats) -> None:
    """Write minus the summed log partial likelihood of every row of `eta` (k, n) to `out` (k,)."""
    k, n = eta.shape
    residual, weight, risk = np.empty(n), np.empty(n), np.empty(n)
    for row in range(k):
        out[row] = n * cox_terms(eta[row], event, first, residual, weight, risk)
