"""Fine-Gray from an explicit weighted data set, a patient and a time at a time; no code of stats.

`kind` is 0 for censored, 1 for the event of interest, 2 for a competing one.
"""

from math import exp, log

import numpy as np
from scipy.optimize import linprog


def uncensored_before(time, kind, at):
    """Return the Kaplan-Meier probability of not being censored before `at`, events first."""
    g = 1.0
    for u in sorted({t for t, k in zip(time, kind, strict=True) if k == 0 and t < at}):
        censored = sum(t == u and k == 0 for t, k in zip(time, kind, strict=True))
        exposed = censored + sum(t > u for t in time)
        g *= 1 - censored / exposed
    return g


def weight(time, kind, i, at):
    """Return the weight of patient i in the risk set of time `at`."""
    if time[i] >= at:
        return 1.0
    if kind[i] != 2:
        return 0.0
    return uncensored_before(time, kind, at) / uncensored_before(time, kind, time[i])


def weighted_rows(time, kind):
    """Return the weighted data set: for each event of interest, (who has it, everyone's weight)."""
    n = len(time)
    sets = {
        t: [weight(time, kind, i, t) for i in range(n)]
        for t in {time[i] for i in range(n) if kind[i] == 1}
    }
    return [(i, sets[time[i]]) for i in range(n) if kind[i] == 1]


def log_likelihood(beta, rows, x):
    """Return Breslow's log partial likelihood."""
    risk = [exp(float(np.dot(row, beta))) for row in x]
    return sum(
        log(risk[i]) - log(sum(w * r for w, r in zip(weights, risk, strict=True)))
        for i, weights in rows
    )


def derivatives(beta, rows, x):
    """Return the gradient and the information, summed over the events of interest."""
    x = np.asarray(x, float)
    gradient, information = np.zeros(x.shape[1]), np.zeros((x.shape[1],) * 2)
    for i, weights in rows:
        share = np.array(weights) * np.exp(x @ beta)
        share /= share.sum()
        mean = share @ x
        gradient += x[i] - mean
        information += (x * share[:, None]).T @ x - np.outer(mean, mean)
    return gradient, information


def maximum(rows, x):
    """Return the coefficients by Newton's steps, none longer than 1; there must be a maximum."""
    beta = np.zeros(np.asarray(x).shape[1])
    for _ in range(2000):
        step = np.linalg.solve(*derivatives(beta, rows, x)[::-1])
        beta = beta + step / max(1.0, np.abs(step).max())
        if np.abs(step).max() < 1e-11:
            return beta
    raise AssertionError("no maximum")


def incidence(beta, time, kind, x, at, horizon):
    """Return the cumulative incidence by the horizon of a patient with the predictors `at`."""
    rows = weighted_rows(time, kind)
    risk = [exp(float(np.dot(row, beta))) for row in x]
    hazard = sum(
        1 / sum(w * r for w, r in zip(weights, risk, strict=True))
        for i, weights in rows
        if time[i] <= horizon
    )
    return 1 - exp(-hazard * exp(float(np.dot(at, beta))))


def is_monotone(rows, x):
    """Return whether along some direction every event ranks highest of its risk set, not all tied.

    Linear programming: the gaps between events and the others at risk, none of them negative, add
    up to something.
    """
    x = np.asarray(x, float)
    gaps = [x[i] - x[j] for i, weights in rows for j, w in enumerate(weights) if w > 0 and j != i]
    if not gaps:
        return False
    gaps = np.array(gaps) / np.abs(gaps).max()
    found = linprog(-gaps.sum(axis=0), A_ub=-gaps, b_ub=np.zeros(len(gaps)), bounds=(-1, 1))
    return bool(-found.fun > 1e-6)


def sandwich(beta, time, kind, x):
    """Return Fine and Gray's covariance, each residual by its own sum over events or censorings."""
    x = np.asarray(x, float)
    n, p = x.shape
    risk = np.exp(x @ beta)
    times = sorted({time[i] for i in range(n) if kind[i] == 1})
    weights = {s: np.array([weight(time, kind, i, s) for i in range(n)]) for s in times}
    hazard, mean = {}, {}
    for s in times:
        total = float(weights[s] @ risk)
        mean[s] = (weights[s] * risk) @ x / total
        hazard[s] = sum(time[i] == s and kind[i] == 1 for i in range(n)) / total
    exposed, censored = {}, {}
    for u in sorted({time[i] for i in range(n) if kind[i] == 0}):
        censored[u] = sum(time[i] == u and kind[i] == 0 for i in range(n))
        exposed[u] = censored[u] + sum(t > u for t in time)
    q = {
        u: sum(
            (
                (x[j] - mean[s]) * weights[s][j] * risk[j] * hazard[s]
                for j in range(n)
                if kind[j] == 2 and time[j] <= u
                for s in times
                if s > u
            ),
            start=np.zeros(p),
        )
        for u in censored
    }
    residual = np.zeros((n, p))
    for i in range(n):
        if kind[i] == 1:
            residual[i] += x[i] - mean[time[i]]
        for s in times:
            residual[i] -= (x[i] - mean[s]) * weights[s][i] * risk[i] * hazard[s]
        for u, leaving in censored.items():
            if kind[i] == 0 and time[i] == u:
                residual[i] += q[u] / exposed[u]
            if time[i] > u or (kind[i] == 0 and time[i] == u):
                residual[i] -= q[u] / exposed[u] * leaving / exposed[u]
    inverse = np.linalg.inv(derivatives(beta, weighted_rows(time, kind), x)[1])
    return inverse @ (residual.T @ residual) @ inverse
