"""Compiled loops of a Cox model with few columns on resampled patients, each counted.

Patients come from the last time to the first, events of a time after its censorings. `opens` marks
the first patient of each distinct time. A patient counted c times is c patients, Efron's ties
included.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._resampling import resample_counts

FloatArray = NDArray[np.float64]


@kernel
def derivatives(
    is_event: NDArray[np.bool_],
    opens: NDArray[np.bool_],
    x: FloatArray,
    counts: NDArray[np.int32],
    beta: FloatArray,
    gradient: FloatArray,
    information: FloatArray,
) -> float:
    """Return the log partial likelihood at `beta`, (p,); write its derivatives, (p,) and (p, p)."""
    n, p = x.shape
    gradient[:] = 0.0
    information[:] = 0.0
    value = 0.0
    risk, died = np.zeros(1 + p + p * p), np.zeros(1 + p + p * p)
    deaths = 0
    for i in range(n):
        count = counts[i]
        if count > 0:
            lp = 0.0
            for j in range(p):
                lp += x[i, j] * beta[j]
            hazard = count * np.exp(lp)
            add_moments(risk, hazard, x[i])
            if is_event[i]:
                deaths += count
                add_moments(died, hazard, x[i])
                value += count * lp
                for j in range(p):
                    gradient[j] += count * x[i, j]
        if deaths > 0 and (i + 1 == n or opens[i + 1]):
            for step in range(deaths):
                value -= leave_out(risk, died, step / deaths, gradient, information)
            deaths = 0
            died[:] = 0.0
    return value


@kernel
def add_moments(sums: FloatArray, hazard: float, x: FloatArray) -> None:
    """Add one patient's hazard, hazard times x and hazard times x x' to `sums`, (1 + p + p p,)."""
    p = x.size
    sums[0] += hazard
    for j in range(p):
        weighted = hazard * x[j]
        sums[1 + j] += weighted
        for k in range(j + 1):
            sums[1 + p + j * p + k] += weighted * x[k]


@kernel
def leave_out(
    risk: FloatArray,
    died: FloatArray,
    share: float,
    gradient: FloatArray,
    information: FloatArray,
) -> float:
    """Subtract the risk-set mean of one death, add its variance; return the log of the risk.

    Efron: `share` of those who die at the time has left the risk set. NaN where a step went so far
    that every hazard underflows; the caller then shortens the step.
    """
    p = gradient.size
    total = risk[0] - share * died[0]
    if not total > 0.0:
        return np.nan
    for j in range(p):
        mean_j = (risk[1 + j] - share * died[1 + j]) / total
        gradient[j] -= mean_j
        for k in range(j + 1):
            mean_k = (risk[1 + k] - share * died[1 + k]) / total
            square = (risk[1 + p + j * p + k] - share * died[1 + p + j * p + k]) / total
            information[j, k] += square - mean_j * mean_k
    return float(np.log(total))


@kernel
def newton_step(information: FloatArray, gradient: FloatArray, step: FloatArray) -> bool:
    """Write the solution of information step = gradient, by Cholesky in place; False if singular.

    Only the lower triangle of `information` is read.
    """
    p = gradient.size
    for j in range(p):
        pivot = information[j, j]
        floor = 1e-11 * pivot
        for k in range(j):
            pivot -= information[j, k] ** 2
        if not pivot > floor:
            return False
        information[j, j] = np.sqrt(pivot)
        for i in range(j + 1, p):
            entry = information[i, j]
            for k in range(j):
                entry -= information[i, k] * information[j, k]
            information[i, j] = entry / information[j, j]
    for j in range(p):
        entry = gradient[j]
        for k in range(j):
            entry -= information[j, k] * step[k]
        step[j] = entry / information[j, j]
    for j in range(p - 1, -1, -1):
        entry = step[j]
        for i in range(j + 1, p):
            entry -= information[i, j] * step[i]
        step[j] = entry / information[j, j]
    return True


@kernel
def maximize(
    is_event: NDArray[np.bool_],
    opens: NDArray[np.bool_],
    x: FloatArray,
    counts: NDArray[np.int32],
    least: FloatArray,
    max_iterations: int,
    tolerance: float,
    beta: FloatArray,
) -> bool:
    """Move `beta`, (p,), to the maximum of the partial likelihood; False if it is not reached.

    Columns of unit variance; the last Newton step is below `tolerance`. Where the likelihood rises
    for ever, gradient and information fade into rounding errors, whose steps can be short: it is a
    maximum only if the information of each coefficient is above `least`, (p,).
    """
    p = beta.size
    gradient, step = np.empty(p), np.empty(p)
    information = np.empty((p, p))
    value = derivatives(is_event, opens, x, counts, beta, gradient, information)
    for _ in range(max_iterations):
        if not newton_step(information, gradient, step):
            return False
        newton = np.abs(step).max()
        size = newton
        beta += step
        after = derivatives(is_event, opens, x, counts, beta, gradient, information)
        while not after >= value - 1e-10 * (1.0 + abs(value)):
            if size <= tolerance:
                return False
            step *= 0.5
            size *= 0.5
            beta -= step
            after = derivatives(is_event, opens, x, counts, beta, gradient, information)
        value = after
        if newton <= tolerance:
            return bool(np.all(np.diag(information) > least))
    return False


@kernel
def baseline_hazard(
    time: FloatArray,
    is_event: NDArray[np.bool_],
    opens: NDArray[np.bool_],
    x: FloatArray,
    counts: NDArray[np.int32],
    beta: FloatArray,
    horizon: float,
) -> float:
    """Return the cumulative hazard by the horizon of a patient with x = 0, Efron's ties.

    NaN where every hazard of a risk set underflows.
    """
    n, p = x.shape
    total, at_risk, died, deaths = 0.0, 0.0, 0.0, 0
    for i in range(n):
        lp = 0.0
        for j in range(p):
            lp += x[i, j] * beta[j]
        hazard = counts[i] * np.exp(lp)
        at_risk += hazard
        if is_event[i] and time[i] <= horizon:
            deaths += counts[i]
            died += hazard
        if i + 1 == n or opens[i + 1]:
            for step in range(deaths):
                left = at_risk - step / deaths * died
                if not left > 0.0:
                    return np.nan
                total += 1.0 / left
            deaths, died = 0, 0.0
    return total


@kernel
def resampled_risks(
    key: np.uint64,
    first: int,
    time: FloatArray,
    is_event: NDArray[np.bool_],
    opens: NDArray[np.bool_],
    x: FloatArray,
    start: FloatArray,
    horizon: float,
    targets: FloatArray,
    least: FloatArray,
    max_iterations: int,
    tolerance: float,
    counts: NDArray[np.int32],
    risks: FloatArray,
) -> None:
    """Write the risk by the horizon at `targets`, (t, p), of each resample's Cox model, (b, t).

    `counts`, (b, n), is how often each patient was drawn. NaN where a resample's model has no
    maximum, or its last time is before the horizon. Iterations start at `start`, (p,).
    """
    p = start.size
    beta = np.empty(p)
    for b in range(risks.shape[0]):
        drawn = counts[b]
        resample_counts(key, first + b, drawn)
        risks[b] = np.nan
        last = 0
        while drawn[last] == 0:
            last += 1
        beta[:] = start
        if time[last] < horizon or not maximize(
            is_event, opens, x, drawn, least, max_iterations, tolerance, beta
        ):
            continue
        hazard = baseline_hazard(time, is_event, opens, x, drawn, beta, horizon)
        for t in range(targets.shape[0]):
            lp = 0.0
            for j in range(p):
                lp += targets[t, j] * beta[j]
            risks[b, t] = -np.expm1(-hazard * np.exp(lp))
