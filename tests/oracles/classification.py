"""Two-by-two tables, thresholds, paired tests and reclassification by enumeration."""

from fractions import Fraction
from itertools import pairwise
from math import comb

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binom, norm


def wilson(x, n, level):
    """Return the proportions at which the score test just fails to reject."""
    z = norm.ppf(0.5 + level / 2)

    def gap(p):
        return (x - n * p) ** 2 - z * z * n * p * (1 - p)

    low = 0.0 if x == 0 else brentq(gap, 0, x / n - 1e-15, xtol=1e-15)
    high = 1.0 if x == n else brentq(gap, x / n + 1e-15, 1, xtol=1e-15)
    return low, high


def clopper_pearson(x, n, level):
    """Return the proportions at which each one-sided binomial test just fails to reject."""
    tail = (1 - level) / 2
    low = 0.0 if x == 0 else brentq(lambda p: binom.sf(x - 1, n, p) - tail, 0, 1, xtol=1e-15)
    high = 1.0 if x == n else brentq(lambda p: binom.cdf(x, n, p) - tail, 0, 1, xtol=1e-15)
    return low, high


def holm(p_values):
    """Return adjusted P: the smallest level at which Holm's procedure rejects each hypothesis."""
    alive = [(p, i) for i, p in enumerate(p_values) if not np.isnan(p)]
    out = [float("nan")] * len(p_values)
    floor = 0.0
    for rank, (p, i) in enumerate(sorted(alive)):
        floor = max(floor, min(1.0, (len(alive) - rank) * p))
        out[i] = floor
    return out


def table(y, s, threshold):
    """Return (tp, fp, fn, tn), one patient at a time."""
    tp = fp = fn = tn = 0
    for outcome, score in zip(y, s, strict=True):
        if score >= threshold:
            tp, fp = tp + (outcome == 1), fp + (outcome == 0)
        else:
            fn, tn = fn + (outcome == 1), tn + (outcome == 0)
    return tp, fp, fn, tn


def best_threshold(y, s, rule, at=None):
    """Return the chosen observed score, trying each from the highest down, in exact arithmetic."""
    best, found = None, None
    for t in sorted(set(s), reverse=True):
        tp, fp, fn, tn = (int(count) for count in table(y, s, t))
        se, sp = Fraction(tp, tp + fn), Fraction(tn, tn + fp)
        if rule == "sensitivity" and tp / (tp + fn) >= at:
            return t
        if rule == "specificity" and tn / (tn + fp) >= at:
            found = t
        value = {
            "youden": se + sp,
            "closest-to-corner": -((1 - se) ** 2) - (1 - sp) ** 2,
            "cost-ratio": -fp - Fraction(at or 0) * fn,
        }.get(rule)
        if value is not None and (best is None or value > best):
            best, found = value, t
    return found


def mcnemar_exact(a, b):
    """Return (exact, mid-P) by adding up the binomial probabilities of all outcomes."""
    n = a + b
    if n == 0:
        return 1.0, 1.0
    weight = [comb(n, k) for k in range(n + 1)]
    as_extreme = [w for k, w in enumerate(weight) if abs(2 * k - n) >= abs(a - b)]
    equal = [w for k, w in enumerate(weight) if abs(2 * k - n) == abs(a - b)]
    total = 2**n
    exact = Fraction(sum(as_extreme), total)
    return float(exact), float(exact - Fraction(sum(equal), 2 * total))


def tango_accepts(a, b, n, delta, z):
    """Say whether the score test keeps a paired difference, maximising the likelihood blindly."""
    if abs(delta) >= 1:
        return (a, b) == ((n, 0) if delta > 0 else (0, n))
    low = max(0.0, -delta)
    grid_low, grid_high = low, (1 - delta) / 2

    def likelihood(q):  # q is the share positive by b alone, q + delta by a alone
        parts = ((a, q + delta), (b, q), (n - a - b, 1 - 2 * q - delta))
        return sum(k * np.log(p) if p > 0 else (-np.inf if k else 0.0) for k, p in parts)

    for _ in range(200):  # golden-section search of a concave function
        third = (grid_high - grid_low) / 3
        if likelihood(grid_low + third) < likelihood(grid_high - third):
            grid_low += third
        else:
            grid_high -= third
    q = (grid_low + grid_high) / 2
    return (a - b - n * delta) ** 2 <= z * z * n * (2 * q + delta - delta * delta)


def predictive(y, a, b):
    """Return (difference, score chi-square, robust standard error) of PPV, patient by patient."""
    y, a, b = np.asarray(y), np.asarray(a), np.asarray(b)
    na, nb = a.sum(), b.sum()
    p = (y[a == 1].sum() + y[b == 1].sum()) / (na + nb)
    pa, pb = y[a == 1].mean(), y[b == 1].mean()
    shared = sum((yi - p) ** 2 for yi, ai, bi in zip(y, a, b, strict=True) if ai and bi)
    pooled = (p * (1 - p) - 2 * shared / (na + nb)) * (1 / na + 1 / nb)
    moved = a * (y - pa) / na - b * (y - pb) / nb
    return pa - pb, (pa - pb) ** 2 / pooled, np.sqrt((moved**2).sum())


def reclassified(y, new, old, cuts):
    """Return (up, down) shares among events and among non-events."""

    def category(p):
        if cuts is None:
            return p
        bounds = [-1.0, *cuts, 2.0]
        return next(i for i, (low, high) in enumerate(pairwise(bounds)) if low <= p < high)

    shares = {}
    for outcome in (1, 0):
        rows = [
            (category(n), category(o))
            for yi, n, o in zip(y, new, old, strict=True)
            if yi == outcome
        ]
        shares[outcome] = (
            sum(n > o for n, o in rows) / len(rows),
            sum(n < o for n, o in rows) / len(rows),
        )
    return shares[1], shares[0]
