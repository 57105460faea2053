"""Cox's partial likelihood from its definition, a risk set at a time; no code of stats."""

from math import exp, inf, log

import numpy as np
from scipy.optimize import minimize


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
