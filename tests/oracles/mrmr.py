"""mRMR, redundancy and univariate relevance from their definitions, a pair at a time.

No code of features or stats.
"""

from collections import Counter
from fractions import Fraction
from math import log, sqrt

import numpy as np
from scipy.stats import f_oneway


def correlation(a, b):
    """Return Pearson's correlation."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / sqrt((a * a).sum() * (b * b).sum()))


def f_statistic(a, y):
    """Return F of the one-way analysis of variance."""
    groups = [[v for v, c in zip(a, y, strict=True) if c == k] for k in (0, 1)]
    if all(len(set(g)) == 1 for g in groups):
        return np.inf if groups[0][0] != groups[1][0] else 0.0
    return float(f_oneway(*groups).statistic)


def entropy(labels):
    """Return Shannon's entropy in nats."""
    n = len(labels)
    return -sum(c / n * log(c / n) for c in Counter(labels).values())


def information(a, b):
    """Return the mutual information as H(a) + H(b) - H(a, b)."""
    a, b = list(a), list(b)
    return entropy(a) + entropy(b) - entropy(list(zip(a, b, strict=True)))


def states(a, how):
    """Return the discretized feature, as the docstring of MRMR words it."""
    a = np.asarray(a, float)
    center, spread = a.mean(), a.std(ddof=1)
    slack = 1e-9 * spread
    if how == "mean-and-sd":
        cuts = (center - spread, center + spread)
        return [0 if v < cuts[0] - slack else 2 if v > cuts[1] + slack else 1 for v in a]
    cuts = np.quantile(a, [0.2, 0.4, 0.6, 0.8])
    return [sum(v > cut + slack for cut in cuts) for v in a]


def cox_score(a, time, event):
    """Return the score statistic of a Cox model with `a` alone, Efron's ties, in fractions."""
    a = [Fraction(float(v)) for v in a]
    gradient = information = Fraction(0)
    for t in sorted({t for t, d in zip(time, event, strict=True) if d}):
        at_risk = [i for i in range(len(a)) if time[i] >= t]
        died = [i for i in at_risk if time[i] == t and event[i]]
        for step, i in enumerate(died):
            weight = {j: 1 - Fraction(step, len(died)) * (j in died) for j in at_risk}
            total = sum(weight.values())
            mean = sum(w * a[j] for j, w in weight.items()) / total
            gradient += a[i] - mean
            information += sum(w * (a[j] - mean) ** 2 for j, w in weight.items()) / total
    return float(gradient**2 / information) if information else 0.0


def select(x, y, k, variant, discretization="mean-and-sd", floor=0.001, relevance=None):
    """Return the chosen columns, their scores and the relevance of all."""
    columns = np.asarray(x, float).T
    p = len(columns)
    if variant.startswith("mutual"):
        coded = [states(column, discretization) for column in columns]
        relevance = [information(code, y) for code in coded]

        def redundancy(i, j):
            return information(coded[i], coded[j])
    else:
        if relevance is None:
            relevance = [f_statistic(column, y) for column in columns]

        def redundancy(i, j):
            return abs(correlation(columns[i], columns[j]))

    quotient = variant.endswith("quotient")
    chosen, scores = [], []
    while len(chosen) < min(k, p):
        found = {}
        for j in range(p):
            if j in chosen:
                continue
            pairs = [redundancy(j, i) for i in chosen]
            if quotient:
                pairs = [max(r, floor) for r in pairs]
            mean = sum(pairs) / len(pairs) if pairs else None
            if mean is None:
                found[j] = (relevance[j], abs(relevance[j]))
            elif quotient:
                found[j] = (relevance[j] / mean, relevance[j] / mean)
            else:
                found[j] = (relevance[j] - mean, relevance[j] + mean)
        top, size = max(found.values())
        slack = 0.0 if np.isinf(top) else 1e-10 * size + 1e-12
        tied = [j for j, (score, _) in found.items() if score >= top - slack]
        chosen.append(tied[0])
        scores.append(found[tied[0]][0])
    return chosen, scores, relevance


def redundant(x, above, *, rule, correlate=correlation):
    """Return the columns that a correlation filter drops, by looking at all pairs."""
    columns = np.asarray(x, float).T
    p = len(columns)
    size = [[abs(correlate(a, b)) for b in columns] for a in columns]
    mean = [round(sum(row) / p, 12) for row in size]

    def beyond(i, j):
        return i != j and size[i][j] > above + 1e-12

    if rule == "caret":
        return {
            j
            for j in range(p)
            for i in range(p)
            if beyond(i, j) and (mean[j] > mean[i] or (mean[j] == mean[i] and j < i))
        }
    kept = []
    for j in sorted(range(p), key=lambda j: (mean[j], j)):
        if not any(beyond(i, j) for i in kept):
            kept.append(j)
    return set(range(p)) - set(kept)
