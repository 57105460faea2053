"""Compiled loops of one-feature models: every feature by itself; no checks.

Features are rows, centred and scaled to unit variance. What is written for each feature is its
coefficient and standard error on that scale, the Wald, likelihood-ratio and score statistics, and
a code that says why the first three may be NaN.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._kernels_logistic import newton

Floats = NDArray[np.float64]

FITTED, NOT_CONVERGED, SEPARATED, UNINFORMATIVE = 0, 1, 2, 3
ITERATIONS = 60
FLAT = 1e-4  # as in extval.stats.logistic
POOR = 1e-11  # information beside the number of events, as in extval.stats.cox


@kernel
def xlogx(x: float) -> float:
    """Return ``x log(x)``, 0 at 0."""
    return x * np.log(x) if x > 0.0 else 0.0


@kernel
def separated_logistic(x: Floats, y: Floats) -> float:
    """Return the supremum of the log likelihood if outcomes are separated by `x`, else 1."""
    low = np.array([np.inf, np.inf])
    high = np.array([-np.inf, -np.inf])
    for i in range(x.size):
        c = int(y[i])
        low[c] = min(low[c], x[i])
        high[c] = max(high[c], x[i])
    for c in range(2):
        if high[c] <= low[1 - c]:
            mixed = np.zeros(2)
            if high[c] == low[1 - c]:
                for i in range(x.size):
                    if x[i] == high[c]:
                        mixed[int(y[i])] += 1.0
            return xlogx(mixed[0]) + xlogx(mixed[1]) - xlogx(mixed[0] + mixed[1])
    return 1.0


@kernel
def logistic_features(x: Floats, y: Floats, out: Floats, code: NDArray[np.int8]) -> None:
    """Fill `out`, (p, 5), and `code`, (p,), with logistic models of `y`, (n,), on rows of `x`."""
    p, n = x.shape
    design = np.ones((n, 2))
    total = np.ones(n)
    offset = np.zeros(n)
    beta = np.zeros(2)
    information = np.zeros((2, 2))
    share = y.mean()
    null = xlogx(y.sum()) + xlogx(n - y.sum()) - xlogx(float(n))
    for f in range(p):
        out[f, :] = np.nan
        gradient = 0.0
        squares = 0.0
        largest = 0.0
        for i in range(n):
            gradient += (y[i] - share) * x[f, i]
            squares += x[f, i] * x[f, i]
            largest = max(largest, abs(x[f, i]))
        out[f, 4] = gradient * gradient / (share * (1.0 - share) * squares)
        supremum = separated_logistic(x[f], y)
        if supremum <= 0.0:
            code[f] = SEPARATED
            out[f, 3] = 2.0 * (supremum - null)
            continue
        for i in range(n):
            design[i, 1] = x[f, i] / largest
        beta[:] = 0.0
        beta[0] = np.log(share / (1.0 - share))
        value, _, moved = newton(design, y, total, offset, beta, information, 200)
        if moved > FLAT:
            code[f] = NOT_CONVERGED
            continue
        a = information[0, 0]
        b = information[0, 1]
        variance = a / (a * information[1, 1] - b * b)
        code[f] = FITTED
        out[f, 0] = beta[1] / largest
        out[f, 1] = np.sqrt(variance) / largest
        out[f, 2] = beta[1] * beta[1] / variance
        out[f, 3] = max(2.0 * (value - null), 0.0)


@kernel
def cox_derivatives(
    x: Floats,
    event: NDArray[np.bool_],
    start: NDArray[np.int64],
    beta: float,
    out: Floats,
) -> float:
    """Return the log partial likelihood of one feature; write gradient and information to `out`.

    Rows come in increasing time; `start`, (m + 1,), bounds the rows of each distinct time. Efron's
    ties.
    """
    shift = -np.inf
    for i in range(x.size):
        shift = max(shift, beta * x[i])
    s0 = 0.0
    s1 = 0.0
    s2 = 0.0
    value = 0.0
    out[0] = 0.0
    out[1] = 0.0
    for g in range(start.size - 2, -1, -1):
        d0 = 0.0
        d1 = 0.0
        d2 = 0.0
        deaths = 0
        for i in range(start[g], start[g + 1]):
            risk = np.exp(beta * x[i] - shift)
            s0 += risk
            s1 += risk * x[i]
            s2 += risk * x[i] * x[i]
            if event[i]:
                deaths += 1
                d0 += risk
                d1 += risk * x[i]
                d2 += risk * x[i] * x[i]
                value += beta * x[i] - shift
                out[0] += x[i]
        for step in range(deaths):
            taken = step / deaths
            left = s0 - taken * d0
            if not left > 0.0:
                return -np.inf
            mean = (s1 - taken * d1) / left
            value -= np.log(left)
            out[0] -= mean
            out[1] += (s2 - taken * d2) / left - mean * mean
    return value


@kernel
def separated_cox(
    x: Floats, event: NDArray[np.bool_], start: NDArray[np.int64], sign: float
) -> float:
    """Return the supremum of the likelihood if it rises for ever with `sign` times beta, else 1."""
    highest = -np.inf
    count = 0
    value = 0.0
    for g in range(start.size - 2, -1, -1):
        deaths = 0
        lowest = np.inf
        for i in range(start[g], start[g + 1]):
            here = sign * x[i]
            if here > highest:
                highest = here
                count = 0
            if here == highest:
                count += 1
            if event[i]:
                deaths += 1
                lowest = min(lowest, here)
        if deaths > 0 and lowest < highest:
            return 1.0
        for step in range(deaths):
            value -= np.log(count - step)
    return value


@kernel
def cox_features(
    x: Floats,
    event: NDArray[np.bool_],
    start: NDArray[np.int64],
    out: Floats,
    code: NDArray[np.int8],
    score_only: bool,  # noqa: FBT001
) -> None:
    """Fill `out`, (p, 5), and `code`, (p,), with Cox models on the rows of `x`, (p, n)."""
    at = np.empty(2)
    events = np.count_nonzero(event)
    for f in range(x.shape[0]):
        out[f, :] = np.nan
        null = cox_derivatives(x[f], event, start, 0.0, at)
        if not at[1] > POOR * events:
            code[f] = UNINFORMATIVE
            continue
        out[f, 4] = at[0] * at[0] / at[1]
        code[f] = FITTED
        if score_only:
            continue
        supremum = separated_cox(x[f], event, start, 1.0)
        if supremum > 0.0:
            supremum = separated_cox(x[f], event, start, -1.0)
        if supremum <= 0.0:
            code[f] = SEPARATED
            out[f, 3] = 2.0 * (supremum - null)
            continue
        beta = 0.0
        value = null
        code[f] = NOT_CONVERGED
        for _ in range(ITERATIONS):
            if not at[1] > 0.0:
                break
            step = at[0] / at[1]
            settled = abs(step) <= 1e-9 * (1.0 + abs(beta))
            before = value
            for _half in range(ITERATIONS):
                value = cox_derivatives(x[f], event, start, beta + step, at)
                if settled or value >= before - 1e-12 * (1.0 + abs(before)):
                    break
                step *= 0.5
            beta += step
            if settled:
                if at[1] > 0.0:
                    code[f] = FITTED
                    out[f, 0] = beta
                    out[f, 1] = 1.0 / np.sqrt(at[1])
                    out[f, 2] = beta * beta * at[1]
                    out[f, 3] = max(2.0 * (value - null), 0.0)
                break
