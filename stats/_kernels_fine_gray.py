"""Compiled loops of a Fine-Gray model on patients who are each counted, as in a resample.

Patients come from the first time to the last. `opens` marks the first patient of each distinct
time; `kind` is 0 for censored, 1 for the event of interest, 2 for a competing one. A patient
counted c times is c patients, in the risk sets, among Breslow's ties and in the censoring curve.

Who had a competing event at T stays at risk with weight G(t-) / G(T-) of the Kaplan-Meier curve
of the censoring times, in which events come before censorings of the same time.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel
from extval.stats._kernels_cox_counts import newton_step
from extval.stats._resampling import resample_counts

FloatArray = NDArray[np.float64]


@kernel
def uncensored_before(
    kind: NDArray[np.int8],
    opens: NDArray[np.bool_],
    counts: NDArray[np.int32],
    before: FloatArray,
) -> None:
    """Write G(T-) at each patient's own time, (n,)."""
    n = kind.size
    at_risk = 0
    for i in range(n):
        at_risk += counts[i]
    here, ended, censored = 1.0, 0, 0
    for i in range(n):
        if opens[i] and i > 0:
            exposed = at_risk - ended + censored  # events first: not at risk of these censorings
            if censored > 0:
                here *= (exposed - censored) / exposed
            at_risk -= ended
            ended, censored = 0, 0
        before[i] = here
        ended += counts[i]
        if kind[i] == 0:
            censored += counts[i]


@kernel
def relative_risks(
    kind: NDArray[np.int8],
    opens: NDArray[np.bool_],
    x: FloatArray,
    counts: NDArray[np.int32],
    beta: FloatArray,
    lp: FloatArray,
    hazard: FloatArray,
) -> float:
    """Write the linear predictors and count * exp(lp - shift), both (n,); return the shift.

    It is the largest linear predictor of all who are in a risk set; who is in none must not set
    the scale, nor overflow it.
    """
    n, p = x.shape
    shift, first, seen = -np.inf, 0, False
    for i in range(n):
        lp[i] = 0.0
        for j in range(p):
            lp[i] += x[i, j] * beta[j]
        if opens[i] and not seen:
            first = i
        if counts[i] > 0:
            seen = seen or kind[i] == 1
            if kind[i] == 2:
                shift = max(shift, lp[i])
    for i in range(first, n):
        if counts[i] > 0:
            shift = max(shift, lp[i])
    for i in range(n):
        hazard[i] = counts[i] * np.exp(min(lp[i] - shift, 0.0))
    return shift


@kernel
def add_moments(sums: FloatArray, hazard: float, x: FloatArray, i: int) -> None:
    """Add hazard, hazard times x and hazard times x x' of row i to `sums`, (1 + p + p p,)."""
    p = x.shape[1]
    sums[0] += hazard
    for j in range(p):
        weighted = hazard * x[i, j]
        sums[1 + j] += weighted
        for k in range(j + 1):
            sums[1 + p + j * p + k] += weighted * x[i, k]


@kernel
def later_moments(
    opens: NDArray[np.bool_], x: FloatArray, hazard: FloatArray, totals: FloatArray
) -> None:
    """Write the moments of those followed to a time or longer at its first row, (n, 1 + p + p p).

    See `add_moments`; `totals` may have one column, for the hazards alone.
    """
    sums = np.zeros(totals.shape[1])
    for i in range(hazard.size - 1, -1, -1):
        if sums.size == 1:
            sums[0] += hazard[i]
        elif hazard[i] > 0.0:
            add_moments(sums, hazard[i], x, i)
        if opens[i]:
            for j in range(sums.size):
                totals[i, j] = sums[j]


@kernel
def derivatives(
    kind: NDArray[np.int8],
    opens: NDArray[np.bool_],
    x: FloatArray,
    counts: NDArray[np.int32],
    before: FloatArray,
    beta: FloatArray,
    totals: FloatArray,
    gradient: FloatArray,
    information: FloatArray,
) -> float:
    """Return the log partial likelihood at `beta`, (p,); write its derivatives, (p,) and (p, p).

    NaN where every hazard of a risk set underflows. Only the lower triangle of `information` is
    written; `totals`, (n, 1 + p + p p), is work space.
    """
    n, p = x.shape
    lp, hazard = np.empty(n), np.empty(n)
    shift = relative_risks(kind, opens, x, counts, beta, lp, hazard)
    later_moments(opens, x, hazard, totals)
    gradient[:] = 0.0
    information[:] = 0.0
    value, first, events, any_added = 0.0, 0, 0, False
    staying, added = np.zeros(totals.shape[1]), np.zeros(totals.shape[1])
    for i in range(n):
        if opens[i]:
            first = i
        if kind[i] == 2 and hazard[i] > 0.0:
            add_moments(added, hazard[i] / before[i], x, i)
            any_added = True
        elif kind[i] == 1 and counts[i] > 0:
            events += counts[i]
            value += counts[i] * (lp[i] - shift)
            for j in range(p):
                gradient[j] += counts[i] * x[i, j]
        if i + 1 == n or opens[i + 1]:
            if events > 0:
                value -= take_out(events, totals, first, before[i], staying, gradient, information)
                events = 0
            if any_added:
                for j in range(added.size):
                    staying[j] += added[j]
                    added[j] = 0.0
                any_added = False
    return value


@kernel
def take_out(
    events: int,
    totals: FloatArray,
    row: int,
    uncensored: float,
    staying: FloatArray,
    gradient: FloatArray,
    information: FloatArray,
) -> float:
    """Subtract the risk-set mean of tied events, add its variance; return their log risk.

    That row of `totals` gains the moments of those who stay after a competing event, times
    `uncensored`.
    """
    p = gradient.size
    for j in range(staying.size):
        totals[row, j] += uncensored * staying[j]
    if not totals[row, 0] > 0.0:
        return np.nan
    inverse = 1.0 / totals[row, 0]
    for j in range(p):
        mean_j = totals[row, 1 + j] * inverse
        gradient[j] -= events * mean_j
        for k in range(j + 1):
            square = totals[row, 1 + p + j * p + k] * inverse
            information[j, k] += events * (square - mean_j * (totals[row, 1 + k] * inverse))
    return float(events * np.log(totals[row, 0]))


@kernel
def maximize(
    kind: NDArray[np.int8],
    opens: NDArray[np.bool_],
    x: FloatArray,
    counts: NDArray[np.int32],
    before: FloatArray,
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
    gradient, step, information = np.empty(p), np.empty(p), np.empty((p, p))
    totals = np.empty((kind.size, 1 + p + p * p))
    value = derivatives(kind, opens, x, counts, before, beta, totals, gradient, information)
    for _ in range(max_iterations):
        if not newton_step(information, gradient, step):
            return False
        newton = np.abs(step).max()
        size = newton
        beta += step
        after = derivatives(kind, opens, x, counts, before, beta, totals, gradient, information)
        while not after >= value - 1e-10 * (1.0 + abs(value)):
            if size <= tolerance:
                return False
            step *= 0.5
            size *= 0.5
            beta -= step
            after = derivatives(kind, opens, x, counts, before, beta, totals, gradient, information)
        value = after
        if newton <= tolerance:
            return bool(np.all(np.diag(information) > least))
    return False


@kernel
def baseline_steps(
    kind: NDArray[np.int8],
    opens: NDArray[np.bool_],
    x: FloatArray,
    counts: NDArray[np.int32],
    before: FloatArray,
    beta: FloatArray,
    total: FloatArray,
    steps: FloatArray,
) -> None:
    """Write the risk set's relative risk, (n,), and the hazard step of a patient with x = 0, (n,).

    Both at the first row of each time; the other steps are 0, the other totals undefined. NaN where
    every hazard of a risk set underflows.
    """
    n = kind.size
    lp, hazard, work = np.empty(n), np.empty(n), np.empty((n, 1))
    scale = np.exp(relative_risks(kind, opens, x, counts, beta, lp, hazard))
    later_moments(opens, x, hazard, work)
    first, events, staying, added = 0, 0, 0.0, 0.0
    for i in range(n):
        steps[i] = 0.0
        if opens[i]:
            first = i
        if kind[i] == 1:
            events += counts[i]
        elif kind[i] == 2 and hazard[i] > 0.0:
            added += hazard[i] / before[i]
        if i + 1 == n or opens[i + 1]:
            total[first] = scale * (work[first, 0] + before[i] * staying)
            if events > 0:
                steps[first] = events / total[first] if total[first] > 0.0 else np.nan
                events = 0
            staying += added
            added = 0.0


@kernel
def resampled_risks(
    key: np.uint64,
    first: int,
    time: FloatArray,
    kind: NDArray[np.int8],
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
    """Write the cumulative incidence by the horizon at `targets`, (t, p), of each resample, (b, t).

    `counts`, (b, n), is how often each patient was drawn. NaN where a resample's model has no
    maximum, or its last time is before the horizon. Iterations start at `start`, (p,);
    see `maximize` for `least`.
    """
    n, p = x.shape
    beta, before, total, steps = np.empty(p), np.empty(n), np.empty(n), np.empty(n)
    for b in range(risks.shape[0]):
        drawn = counts[b]
        resample_counts(key, first + b, drawn)
        risks[b] = np.nan
        last = n - 1
        while drawn[last] == 0:
            last -= 1
        if time[last] < horizon:
            continue
        beta[:] = start
        uncensored_before(kind, opens, drawn, before)
        if not maximize(kind, opens, x, drawn, before, least, max_iterations, tolerance, beta):
            continue
        baseline_steps(kind, opens, x, drawn, before, beta, total, steps)
        hazard = 0.0
        for i in range(n):
            if time[i] <= horizon:
                hazard += steps[i]
        for t in range(targets.shape[0]):
            lp = 0.0
            for j in range(p):
                lp += targets[t, j] * beta[j]
            risks[b, t] = -np.expm1(-hazard * np.exp(lp))
