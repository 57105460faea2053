"""Competing risks from their definitions, one time and one patient at a time; no code of stats."""

from math import nan, sqrt

import numpy as np
from scipy.stats import chi2


def incidence(time, cause, wanted, weights=None, entry=None):
    """Return rows (t, survival, incidence of `wanted`) of the Aalen-Johansen estimate."""
    n = len(time)
    weights = [1.0] * n if weights is None else weights
    entry = [-1.0] * n if entry is None else entry
    s, f, rows = 1.0, 0.0, []
    for t in sorted(set(time)):
        risk = sum(w for u, e, w in zip(time, entry, weights, strict=True) if e < t <= u)
        own = sum(w for u, c, w in zip(time, cause, weights, strict=True) if u == t and c == wanted)
        any_ = sum(w for u, c, w in zip(time, cause, weights, strict=True) if u == t and c > 0)
        f += s * own / risk
        s *= 1 - any_ / risk
        rows.append((t, s, f))
    return rows


def jackknife_error(time, cause, wanted):
    """Return the infinitesimal-jackknife standard errors, each patient's weight nudged in turn."""
    n, h = len(time), 1e-5
    squares = 0.0
    for i in range(n):
        nudged = []
        for side in (-h, h):
            weights = [1.0 + side * (j == i) for j in range(n)]
            nudged.append(np.array([row[2] for row in incidence(time, cause, wanted, weights)]))
        squares = squares + ((nudged[1] - nudged[0]) / (2 * h)) ** 2
    return np.sqrt(squares)


def gray(time, kind, group, rho=0.0, strata=None, *, negative_ties=False):
    """Return (statistic, df, P) of Gray's test; `kind` is 0, 1 (of interest) or 2 (other event).

    With `negative_ties` the factor for tied events may fall below zero, as in R's cmprsk.
    """
    labels = sorted(set(group))
    strata = [0] * len(time) if strata is None else strata
    k = len(labels)
    score, variance = np.zeros(k), np.zeros((k, k))
    for s in sorted(set(strata)):
        rows = [r for r in zip(time, kind, group, strata, strict=True) if r[3] == s]
        u, v = _one_stratum(rows, labels, rho, negative_ties=negative_ties)
        score, variance = score + u, variance + v
    block = variance[1:, 1:]
    if k < 2 or np.linalg.matrix_rank(block, tol=1e-9) < k - 1:
        return nan, nan, nan
    statistic = float(score[1:] @ np.linalg.solve(block, score[1:]))
    return statistic, k - 1, float(chi2.sf(statistic, k - 1))


def _one_stratum(rows, labels, rho, *, negative_ties):
    k = len(labels)
    survival, own_incidence, pooled = [1.0] * k, [0.0] * k, 0.0
    steps, c, score = [], np.zeros((k, k)), np.zeros(k)
    for t in sorted({u for u, m, _, _ in rows if m}):
        y = [sum(u >= t and g == a for u, _, g, _ in rows) for a in labels]
        d1 = [sum(u == t and m == 1 and g == a for u, m, g, _ in rows) for a in labels]
        d2 = [sum(u == t and m == 2 and g == a for u, m, g, _ in rows) for a in labels]
        h = [y[i] / survival[i] if y[i] else 0.0 for i in range(k)]
        r = [h[i] * (1 - own_incidence[i]) for i in range(k)]
        w = (1 - pooled) ** rho
        for i in range(k):
            score[i] += w * (d1[i] - sum(d1) * r[i] / sum(r))
        a = np.array(
            [[w * (h[i] * (i == j) - h[i] * h[j] / sum(h)) for j in range(k)] for i in range(k)]
        )
        step = sum(d1) / sum(h)
        c = c + a * step / (1 - pooled)
        pooled += step
        before = list(survival)
        for i in range(k):
            if y[i]:
                own_incidence[i] += survival[i] * d1[i] / y[i]
                survival[i] *= 1 - (d1[i] + d2[i]) / y[i]
        steps.append((y, d1, d2, h, a, c, step, pooled, before, list(survival)))
    variance = np.zeros((k, k))
    for y, d1, d2, h, a, c_then, step, pooled_then, before, after in steps:
        for g in range(k):
            if not y[g]:
                continue
            ratio = (1 - pooled_then) / after[g] if after[g] > 0 else 0.0
            to_come = c[:, g] - c_then[:, g]
            size, ties = sum(h) * before[g], 1.0
            if sum(d1) > 1:
                ties = (size - sum(d1)) / (size - 1) if size > 1 else 0.0
                ties = ties if negative_ties else max(ties, 0.0)
            effect = a[:, g] + (1 - ratio) * to_come
            variance += np.outer(effect, effect) * ties * step / h[g]
            if after[g] > 0 and d2[g]:
                ties = (y[g] - d2[g]) / (y[g] - 1) if d2[g] > 1 else 1.0
                effect = ratio * to_come
                variance += np.outer(effect, effect) * ties * before[g] ** 2 * d2[g] / y[g] ** 2
    return score, variance


def standard_error(time, cause, wanted):
    """Return the delta-method standard errors, each time's sum written out."""
    rows = incidence(time, cause, wanted)
    out = []
    for t, _, f in rows:
        total, s = 0.0, 1.0
        for u, survival, f_then in rows:
            if u > t:
                break
            n = sum(x >= u for x in time)
            own = sum(x == u and c == wanted for x, c in zip(time, cause, strict=True))
            d = sum(x == u and c > 0 for x, c in zip(time, cause, strict=True))
            if n > d:
                total += (f - f_then) ** 2 * d / (n * (n - d))
            total += s**2 * own * (n - own) / n**3 - 2 * (f - f_then) * s * own / n**2
            s = survival
        out.append(sqrt(max(total, 0.0)))
    return np.array(out)
