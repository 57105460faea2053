"""Slow, obvious definitions of the goodness-of-fit tests."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
from scipy.stats import norm


def groups(p, g):
    """Return lists of patients between exact type-7 quantiles, ties together, none empty."""
    exact = [Fraction(float(v)) for v in p]
    ordered = sorted(exact)
    cuts = []
    for j in range(1, g):
        position = Fraction((len(p) - 1) * j, g)
        low = int(position)
        part = position - low
        above = ordered[min(low + 1, len(p) - 1)]
        cuts.append((1 - part) * ordered[low] + part * above)
    cuts = sorted({c for c in cuts if ordered[0] < c < ordered[-1]})
    edges = [ordered[0] - 1, *cuts, ordered[-1]]
    parts = [[i for i, v in enumerate(exact) if low < v <= high] for low, high in pairwise(edges)]
    return [part for part in parts if part]


def hosmer_lemeshow(y, p, g):
    total = 0.0
    for part in groups(p, g):
        n, o, e = len(part), sum(y[i] for i in part), sum(p[i] for i in part)
        total += (o - e) ** 2 / e + ((n - o) - (n - e)) ** 2 / (n - e)
    return total


def pigeon_heyse(y, p, g):
    total = 0.0
    for part in groups(p, g):
        n, o, e = len(part), sum(y[i] for i in part), sum(p[i] for i in part)
        phi = sum(p[i] * (1 - p[i]) for i in part) / (n * (e / n) * (1 - e / n))
        total += ((o - e) ** 2 / e + (o - e) ** 2 / (n - e)) / phi
    return total


def spiegelhalter(y, p):
    """Return z and P of the Brier score against its mean and variance under calibration."""
    score = sum((a - b) ** 2 for a, b in zip(y, p, strict=True))
    mean = sum(b * (1 - b) for b in p)
    variance = sum((1 - 2 * b) ** 2 * b * (1 - b) for b in p)
    z = (score - mean) / np.sqrt(variance)
    return z, 2 * norm.sf(abs(z))


def le_cessie(y, p, columns):
    """Return z and P: the sum of squares, its variance by projecting out fitted columns."""
    y, p = np.asarray(y, float), np.asarray(p, float)
    w = p * (1 - p)
    x = np.asarray(columns, float) * np.sqrt(w)[:, None]
    d = (1 - 2 * p) * np.sqrt(w)
    rest = d - x @ np.linalg.lstsq(x, d, rcond=None)[0]
    z = (np.sum((y - p) ** 2) - np.sum(w)) / np.sqrt(np.sum(rest**2))
    return z, 2 * norm.sf(abs(z))
