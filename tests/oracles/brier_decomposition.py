"""Slow, obvious definitions of the parts of the Brier score."""

import numpy as np

from tests.oracles import goodness_of_fit


def isotonic(p, y):
    """Return the isotonic fit at each patient: the max-min formula over runs of sorted risks."""
    values = sorted(set(p))
    out = {}
    for v in values:
        best = -np.inf
        for low in (a for a in values if a <= v):
            means = [
                np.mean([o for q, o in zip(p, y, strict=True) if low <= q <= high])
                for high in values
                if high >= v
            ]
            best = max(best, min(means))
        out[v] = best
    return np.array([out[v] for v in p])


def corp(y, p):
    """Return (miscalibration, discrimination, uncertainty)."""
    y, p = np.asarray(y, float), np.asarray(p, float)
    score, fitted = np.mean((y - p) ** 2), np.mean((y - isotonic(list(p), list(y))) ** 2)
    uncertainty = np.mean((y - y.mean()) ** 2)
    return score - fitted, uncertainty - fitted, uncertainty


def murphy(y, p, g):
    """Return (reliability, resolution, uncertainty, within groups)."""
    y, p, n = np.asarray(y, float), np.asarray(p, float), len(y)
    reliability = resolution = within = 0.0
    for part in goodness_of_fit.groups(p, g):
        o, f = y[part], p[part]
        reliability += len(part) * (f.mean() - o.mean()) ** 2 / n
        resolution += len(part) * (o.mean() - y.mean()) ** 2 / n
        within += np.sum((f - f.mean()) ** 2 - 2 * (f - f.mean()) * (o - o.mean())) / n
    return reliability, resolution, np.mean((y - y.mean()) ** 2), within
