"""Cox's partial likelihood from its definition, a risk set at a time; no code of stats."""

from math import exp, inf, log

import numpy as np
from scipy.optimize import linprog, minimize


def log_likelihood(beta, time, event, x, entry=None, strata=None, ties="efron"):
    """Return the log partial likelihood by scanning all patients at every event time."""
    n = len(time)
    entry = [-inf] * n if entry is None else entry
    strata = [0] * n if strata is None else strata
    total = 0.0
    for s, t in sorted({(strata[i], time[i]) for i in range(n) if event[i]}):
        inside = [i for i in range(n) if strata[i] == s]
        at_risk = [i for i in inside if entry[i] < t <= time[i]]
        died = [i for i in inside if time[i] == t and event[i]]
        lp = {i: float(np.dot(x[i], beta)) for i in inside}
        highest = max(lp[i] for i in at_risk)
        lp = {i: lp[i] - highest for i in at_risk}
        everyone, dying = sum(exp(lp[i]) for i in at_risk), sum(exp(lp[i]) for i in died)
        for step, i in enumerate(died):
            taken = step / len(died) if ties == "efron" else 0.0
            total += lp[i] - log(everyone - taken * dying)
    return total


def gradient(beta, *data, **options):
    """Return the gradient by central differences."""
    h = 1e-5 * np.eye(len(beta))
    f = [
        (log_likelihood(beta + e, *data, **options), log_likelihood(beta - e, *data, **options))
        for e in h
    ]
    return np.array([(up - down) / 2e-5 for up, down in f])


def maximum(p, *data, **options):
    """Return the maximum of the log partial likelihood by a search that uses no derivatives."""

    def height(beta):
        return -log_likelihood(beta, *data, **options) if np.abs(beta).max() < 60 else inf

    found = minimize(
        height,
        np.zeros(p),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4000, "maxfev": 8000},
    )
    return -found.fun


def extended_log_likelihood(beta, theta, g, time, event, x, **options):
    """Return the log partial likelihood with the effect beta + theta * g(t) at each event time.

    One stratum an event time: each risk set is scored by itself with its own effect.
    """
    total = 0.0
    for t in sorted({u for u, d in zip(time, event, strict=True) if d}):
        at_risk = [i for i in range(len(time)) if time[i] >= t]
        effect = np.asarray(beta) + np.asarray(theta) * g(t)
        total += log_likelihood(
            effect,
            [t] * len(at_risk),
            [bool(event[i]) and time[i] == t for i in at_risk],
            [x[i] for i in at_risk],
            **options,
        )
    return total


def risk_sets(time, event, entry=None, strata=None):
    """Yield, for every stratum and event time, who has the event and who is at risk."""
    n = len(time)
    entry = [-inf] * n if entry is None else entry
    strata = [0] * n if strata is None else strata
    for s, t in sorted({(strata[i], time[i]) for i in range(n) if event[i]}):
        at_risk = [i for i in range(n) if strata[i] == s and entry[i] < t <= time[i]]
        yield [i for i in at_risk if time[i] == t and event[i]], at_risk


def score(beta, time, event, x, entry=None, strata=None, ties="efron"):
    """Return the derivative of the log partial likelihood, risk set by risk set."""
    x, total = np.asarray(x, float), np.zeros(len(beta))
    for died, at_risk in risk_sets(time, event, entry, strata):
        lp = x[at_risk] @ beta
        risk = np.exp(lp - lp.max())
        dying = np.isin(at_risk, died)
        for step, i in enumerate(died):
            weight = risk * (1 - dying * (step / len(died) if ties == "efron" else 0.0))
            total += x[i] - weight @ x[at_risk] / weight.sum()
    return total


def comparisons(time, event, x, entry=None, strata=None):
    """Return x of each patient with the event less x of each patient at risk, (pairs, p)."""
    x = np.asarray(x, float)
    pairs = [x[i] - x[k] for d, r in risk_sets(time, event, entry, strata) for i in d for k in r]
    return np.reshape(pairs, (-1, x.shape[1]))


def rising(rows, j=None, side=1):
    """Return whether some b has rows b >= 0 with one of them positive, by linear programming.

    With `j`, whether such a b (or one with all rows zero) has a coefficient j of sign `side`.
    """
    unit = np.zeros(rows.shape[1])
    if j is not None:
        unit[j] = side
    cost = rows.sum(axis=0) if j is None else unit
    best = linprog(-cost, A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1))
    return -best.fun > 1e-9


def supremum(rows, time, event, x, **options):
    """Return the limit of the log likelihood along a direction inside the cone of rising ones."""
    m, p = rows.shape
    gain = linprog(
        np.r_[np.zeros(p), -np.ones(m)],
        A_ub=np.hstack([-rows, np.eye(m)]),
        b_ub=np.zeros(m),
        bounds=[(None, None)] * p + [(0, 1)] * m,
    )
    direction = gain.x[:p] / (rows @ gain.x[:p])[gain.x[p:] > 0.5].min()
    found = minimize(
        lambda beta: -log_likelihood(beta, time, event, x, **options),
        40 * direction,
        jac=lambda beta: -score(beta, time, event, x, **options),
        method="BFGS",
        options={"gtol": 1e-10},
    )
    return -found.fun
