"""ComBat from its definition, one feature and one patient at a time; shares no code with it."""

import math

import numpy as np


def combat(
    x,
    batch,
    covariates=None,
    *,
    parametric=True,
    mean_only=False,
    empirical_bayes=True,
    reference=None,
):
    """Return the harmonised `x` (patients, features), location and scale by batch.

    `covariates` is a numeric design (patients, q) without intercept.
    """
    x = np.asarray(x, float)
    n, p = x.shape
    names = sorted(set(batch))
    rows = {b: [i for i in range(n) if batch[i] == b] for b in names}
    c = np.zeros((n, 0)) if covariates is None else np.asarray(covariates, float)
    dummies = np.array([[batch[i] == b for b in names] for i in range(n)], float)
    z, expected, sd = np.empty_like(x), np.empty_like(x), np.empty(p)
    left_alone = [f for f in range(p) if any(len(set(x[rows[b], f])) == 1 for b in names)]
    for f in range(p):
        beta = np.linalg.lstsq(np.hstack([dummies, c]), x[:, f], rcond=None)[0]
        levels, slopes = beta[: len(names)], beta[len(names) :]
        residual = x[:, f] - dummies @ levels - c @ slopes
        if reference is None:
            grand = sum(len(rows[b]) / n * level for b, level in zip(names, levels, strict=True))
            sd[f] = math.sqrt(sum(r**2 for r in residual) / n)
        else:
            grand = levels[names.index(reference)]
            inside = residual[rows[reference]]
            sd[f] = math.sqrt(sum(r**2 for r in inside) / len(inside))
        expected[:, f] = grand + c @ slopes
        z[:, f] = (x[:, f] - expected[:, f]) / (1 if f in left_alone else sd[f])
    used = [f for f in range(p) if f not in left_alone]
    out, location, scale = x.copy(), {}, {}
    for b in names:
        location[b], scale[b] = np.zeros(p), np.ones(p)
        if b == reference:
            continue
        mine = z[np.ix_(rows[b], used)]
        g, d = _posterior(
            mine, parametric=parametric, mean_only=mean_only, empirical_bayes=empirical_bayes
        )
        location[b][used], scale[b][used] = g, np.sqrt(d)
        for i in rows[b]:
            for f in used:
                value = (z[i, f] - location[b][f]) / scale[b][f]
                out[i, f] = value * sd[f] + expected[i, f]
    return out, location, scale


def _posterior(z, *, parametric, mean_only, empirical_bayes):
    """Return the shrunken means and variances of the columns of `z`."""
    n, p = z.shape
    g_hat = [sum(z[:, f]) / n for f in range(p)]
    d_hat = [sum((v - g_hat[f]) ** 2 for v in z[:, f]) / (n - 1) for f in range(p)]
    if mean_only:
        d_hat = [1.0] * p
    if not empirical_bayes or p < 2:
        return g_hat, d_hat
    if not parametric:
        return _weighted(z, g_hat, d_hat)
    center = sum(g_hat) / p
    t2 = sum((g - center) ** 2 for g in g_hat) / (p - 1)
    if mean_only:
        return [(t2 * g + center) / (t2 + 1) for g in g_hat], d_hat
    m = sum(d_hat) / p
    s2 = sum((d - m) ** 2 for d in d_hat) / (p - 1)
    a, b = (2 * s2 + m**2) / s2, (m * s2 + m**3) / s2
    g_old, d_old, change = g_hat, d_hat, 1.0
    while change > 1e-4:
        g_new = [
            (t2 * n * g + d * center) / (t2 * n + d) for g, d in zip(g_hat, d_old, strict=True)
        ]
        d_new = [
            (0.5 * sum((v - g_new[f]) ** 2 for v in z[:, f]) + b) / (n / 2 + a - 1)
            for f in range(p)
        ]
        pairs = [*zip(g_new, g_old, strict=True), *zip(d_new, d_old, strict=True)]
        change = max(abs(new - old) / old for new, old in pairs)
        g_old, d_old = g_new, d_new
    return g_new, d_new


def _weighted(z, g_hat, d_hat):
    p = z.shape[1]
    g_star, d_star = [], []
    for f in range(p):
        others = [j for j in range(p) if j != f]
        weight = [
            math.prod(
                math.exp(-((v - g_hat[j]) ** 2) / (2 * d_hat[j]))
                / math.sqrt(2 * math.pi * d_hat[j])
                for v in z[:, f]
            )
            for j in others
        ]
        g_star.append(sum(w * g_hat[j] for w, j in zip(weight, others, strict=True)) / sum(weight))
        d_star.append(sum(w * d_hat[j] for w, j in zip(weight, others, strict=True)) / sum(weight))
    return g_star, d_star
