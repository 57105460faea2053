"""Random-effects pooling from matrices and general optimisers; shares no code with stats."""

import numpy as np
from scipy import stats
from scipy.optimize import brentq, minimize_scalar


def restricted_log_likelihood(y, v, tau2):
    """Return the multivariate-normal likelihood of the n - 1 error contrasts of y."""
    n = len(y)
    contrasts = np.linalg.qr(np.column_stack([np.ones(n), np.eye(n)]))[0][:, 1:n]
    covariance = contrasts.T @ np.diag(np.asarray(v) + tau2) @ contrasts
    return stats.multivariate_normal(np.zeros(n - 1), covariance).logpdf(contrasts.T @ y)


def reml(y, v):
    """Return tau2 by a grid and a bounded search."""
    top = 4 * (np.ptp(y) ** 2 + max(v))
    grid = np.concatenate([[0], np.geomspace(1e-6, 1, 60) * top])
    best = int(np.argmax([restricted_log_likelihood(y, v, t) for t in grid]))
    found = minimize_scalar(
        lambda t: -restricted_log_likelihood(y, v, t),
        bounds=(grid[max(best - 1, 0)], grid[min(best + 1, 60)]),
        method="bounded",
        options={"xatol": 1e-12 * top},
    )
    return found.x


def pool(y, v, tau2, level):
    """Return mean, its Hartung-Knapp se, limits and prediction limits at a given tau2."""
    y = np.asarray(y, float)
    k = len(y)
    weight = np.linalg.inv(np.diag(np.asarray(v) + tau2))
    one = np.ones(k)
    mean = one @ weight @ y / (one @ weight @ one)
    residual = y - mean
    se = np.sqrt(residual @ weight @ residual / (k - 1) / (one @ weight @ one))
    confidence = stats.t(k - 1, loc=mean, scale=se).interval(level)
    prediction = stats.t(k - 1, loc=mean, scale=np.sqrt(se**2 + tau2)).interval(level)
    return mean, se, *confidence, *prediction


def q_profile(y, v, level):
    """Return the tau2 at which the generalised Q has its upper and lower tail."""
    y, v = np.asarray(y, float), np.asarray(v, float)

    def q(tau2):
        w = 1 / (v + tau2)
        return sum(w * (y - np.average(y, weights=w)) ** 2)

    limits = []
    for tail in ((1 + level) / 2, (1 - level) / 2):
        critical = stats.chi2.ppf(tail, len(y) - 1)
        if q(0) <= critical:
            limits.append(0.0)
        else:
            limits.append(brentq(lambda t, c=critical: q(t) - c, 0, 1e7, xtol=1e-14, rtol=1e-14))
    return limits
