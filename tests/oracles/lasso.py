"""The LASSO from its definition: its minimum by proximal gradient, its conditions."""

import numpy as np


def scales(x, *, standardise=True):
    """Return the population standard deviations, 1 where a column does not vary."""
    x = np.asarray(x, float)
    sd = x.std(axis=0)
    return np.where((sd == 0) | (not standardise), 1.0, sd)


def loss(family, eta, y, time=None):
    """Return the mean loss of linear predictors: the part of the objective without the penalty."""
    if family == "linear":
        return 0.5 * np.mean((y - eta) ** 2)
    if family == "logistic":
        return np.mean(np.logaddexp(0, eta) - y * eta)
    total = 0.0
    for i in range(len(y)):  # Breslow: every event faces all who are still there at its time
        if y[i]:
            total += np.log(np.exp(eta[time >= time[i]]).sum()) - eta[i]
    return total / len(y)


def slope(family, eta, y, time=None):
    """Return the derivative of `loss` in every linear predictor."""
    n = len(y)
    if family == "linear":
        return (eta - y) / n
    if family == "logistic":
        return (1 / (1 + np.exp(-eta)) - y) / n
    out = -np.asarray(y, float)
    for i in range(n):
        if y[i]:
            risk = np.where(time >= time[i], np.exp(eta), 0.0)
            out = out + risk / risk.sum()
    return out / n


def objective(family, x, y, time, lam, intercept, beta, *, standardise=True):
    penalty = lam * np.abs(beta * scales(x, standardise=standardise)).sum()
    return loss(family, intercept + x @ beta, y, time) + penalty


def worst_condition(family, x, y, time, lam, intercept, beta, *, standardise=True):
    """Return by how much the worst condition of the minimum is off (in units of lambda's scale)."""
    residual = slope(family, intercept + x @ beta, y, time)
    # Centred: what the intercept is off by is counted once, below.
    gradient = -((x - x.mean(axis=0)).T @ residual) / scales(x, standardise=standardise)
    at_zero = np.maximum(np.abs(gradient) - lam, 0)
    off = np.where(beta == 0, at_zero, np.abs(gradient - lam * np.sign(beta)))
    off[np.ptp(x, axis=0) == 0] = 0
    free = 0.0 if family == "cox" else abs(residual.sum())
    return max(off.max(), free)


def proximal_gradient(family, x, y, time, lam, *, standardise=True, rounds=20000):
    """Return intercept and coefficients by accelerated proximal gradient with backtracking."""
    scale = scales(x, standardise=standardise)
    z = (x - x.mean(axis=0)) / scale
    design = z if family == "cox" else np.column_stack([np.ones(len(y)), z])
    shrink = np.full(design.shape[1], lam)
    if family != "cox":
        shrink[0] = 0.0
    here = ahead = np.zeros(design.shape[1])
    step, momentum = 1.0, 1.0
    for _ in range(rounds):
        value = loss(family, design @ ahead, y, time)
        gradient = design.T @ slope(family, design @ ahead, y, time)
        while True:
            moved = ahead - step * gradient
            new = np.sign(moved) * np.maximum(np.abs(moved) - step * shrink, 0)
            d = new - ahead
            bound = value + gradient @ d + d @ d / (2 * step)
            if loss(family, design @ new, y, time) <= bound + 1e-14:
                break
            step /= 2
        if (ahead - new) @ (new - here) > 0:  # the momentum leads astray: restart it
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / following * (new - here)
        done = np.abs(new - here).max() < 1e-13
        here, momentum = new, following
        if done:
            break
    beta = (here if family == "cox" else here[1:]) / scale
    return (0.0 if family == "cox" else here[0] - x.mean(axis=0) @ beta), beta


def largest_lambda(family, x, y, time=None, *, standardise=True):
    """Return the smallest lambda at which no coefficient is left."""
    null = np.zeros(len(y))
    if family == "linear":
        null += np.mean(y)
    elif family == "logistic":
        null += np.log(np.mean(y) / (1 - np.mean(y)))
    centred = (x - x.mean(axis=0)) / scales(x, standardise=standardise)
    return np.abs(centred.T @ slope(family, null, y, time)).max()
