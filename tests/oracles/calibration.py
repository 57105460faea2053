"""Slow, obvious definitions for calibration in the large and weak calibration."""

import numpy as np
from scipy.optimize import brentq, linprog
from scipy.special import expit
from scipy.stats import beta, chi2, norm


def logit(p):
    return np.log(np.asarray(p, float)) - np.log1p(-np.asarray(p, float))


def log_likelihood(y, eta):
    """Return the sum of log P(Y = y)."""
    return sum(
        -np.logaddexp(0, -e) if one else -np.logaddexp(0, e) for one, e in zip(y, eta, strict=True)
    )


def intercept_at(y, offset):
    """Return the a with sum(y) = sum(expit(a + offset)); both classes must be there."""
    reach = 40 + np.abs(offset).max()
    return brentq(lambda a: sum(y) - np.sum(expit(a + offset)), -reach, reach, xtol=1e-13)


def logistic(columns, y, offset=0.0):
    """Return (coefficients, covariance, log-likelihood) by Newton steps with dense matrices."""
    x, y = np.asarray(columns, float), np.asarray(y, float)
    beta_ = np.zeros(x.shape[1])
    for _ in range(100):
        mu = expit(x @ beta_ + offset)
        hessian = x.T @ np.diag(mu * (1 - mu)) @ x
        step = np.linalg.solve(hessian, x.T @ (y - mu))
        if np.abs(step).max() > 2:
            step *= 2 / np.abs(step).max()
        beta_ = beta_ + step
    return beta_, np.linalg.inv(hessian), log_likelihood(y, x @ beta_ + offset)


def slope(y, p):
    lp = logit(p)
    coefficients, covariance, _ = logistic(np.column_stack([np.ones(len(lp)), lp]), y)
    return coefficients[1], np.sqrt(covariance[1, 1])


def slope_profile(y, p, level):
    """Return the two roots of the profile deviance of the slope."""
    lp, (best, se) = logit(p), slope(y, p)

    def profile(b):
        return log_likelihood(y, intercept_at(y, b * lp) + b * lp)

    def drop(b):
        return 2 * (profile(best) - profile(b)) - chi2.ppf(level, 1)

    low, high = best - se, best + se
    while drop(low) < 0:
        low -= se
    while drop(high) < 0:
        high += se
    return brentq(drop, low, best), brentq(drop, best, high)


def separated(columns, y):
    """Return whether a direction raises no non-event and lowers no event, by linear programming."""
    x = np.asarray(columns, float) * np.where(np.asarray(y) == 1, 1, -1)[:, None]
    best = linprog(-x.sum(axis=0), A_ub=-x, b_ub=np.zeros(len(x)), bounds=(-1, 1))
    return -best.fun > 1e-9


def completely_separated(columns, y):
    """Return whether a direction has every event strictly above every non-event."""
    x = np.asarray(columns, float) * np.where(np.asarray(y) == 1, 1, -1)[:, None]
    found = linprog(np.zeros(x.shape[1]), A_ub=-x, b_ub=-np.ones(len(x)), bounds=(None, None))
    return found.status == 0


def oe(y, p, level):
    observed, expected, n = sum(y), sum(p), len(y)
    tail = (1 - level) / 2
    if observed == 0:
        return 0.0, 0.0, beta.ppf(1 - tail, 1, n) * n / expected
    if observed == n:
        return n / expected, beta.ppf(tail, n, 1) * n / expected, n / expected
    ratio, se = observed / expected, np.sqrt(1 / observed - 1 / n)
    return ratio, *np.exp(norm.interval(level, np.log(ratio), se))


def brier(y, p):
    return sum((a - b) ** 2 for a, b in zip(y, p, strict=True)) / len(y)


def brier_scaled(y, p):
    return 1 - brier(y, p) / brier(y, [np.mean(y)] * len(y))


def jackknife_se(statistic, y, p):
    """Return the jackknife standard error, to which influence functions tend."""
    y, p, n = np.asarray(y), np.asarray(p), len(y)
    left_out = [statistic(np.delete(y, i), np.delete(p, i)) for i in range(n)]
    return np.sqrt((n - 1) / n * np.sum((left_out - np.mean(left_out)) ** 2))


def log_loss(y, p):
    return -np.mean([np.log(b) if a else np.log1p(-b) for a, b in zip(y, p, strict=True)])


def nagelkerke(y, p):
    n, null = len(y), -len(y) * log_loss(y, [np.mean(y)] * len(y))
    model = -n * log_loss(y, p)
    return (1 - np.exp(2 / n * (null - model))) / (1 - np.exp(2 / n * null))
