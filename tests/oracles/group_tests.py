"""Baseline-table tests by enumeration and from definitions; shares no code with stats."""

from fractions import Fraction
from itertools import combinations
from math import factorial

import numpy as np
from scipy import stats


def mann_whitney_u(x, y):
    """Return the pairs in which x is larger, ties one half."""
    return sum((a > b) + 0.5 * (a == b) for a in x for b in y)


def mann_whitney_exact(x, y):
    """Return the two-sided P over all ways to choose the first group."""
    pooled = [*x, *y]
    middle = len(x) * len(y) / 2

    def distance(chosen):
        rest = [pooled[i] for i in range(len(pooled)) if i not in chosen]
        return abs(mann_whitney_u([pooled[i] for i in chosen], rest) - middle)

    observed = distance(tuple(range(len(x))))
    every = [distance(chosen) for chosen in combinations(range(len(pooled)), len(x))]
    return sum(d >= observed for d in every) / len(every)


def kruskal_wallis(groups):
    """Return H as the variance ratio of ranks: between groups over all."""
    ranks = stats.rankdata(np.concatenate(groups))
    place = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    between = sum(
        (place == j).sum() * (ranks[place == j].mean() - ranks.mean()) ** 2
        for j in range(len(groups))
    )
    return between / ranks.var(ddof=1)


def anova_f(groups):
    """Return F by comparing residual sums of squares of two linear models."""
    y = np.concatenate(groups)
    place = np.repeat(np.eye(len(groups)), [len(g) for g in groups], axis=0)
    fitted = place @ np.linalg.lstsq(place, y, rcond=None)[0]
    null, full = ((y - y.mean()) ** 2).sum(), ((y - fitted) ** 2).sum()
    df, df_error = len(groups) - 1, len(y) - len(groups)
    return (null - full) / df / (full / df_error)


def fisher(table):
    """Return Fisher's P in exact fractions from every table with the observed margins."""
    table = np.asarray(table).tolist()
    rows, columns = [sum(r) for r in table], [sum(c) for c in zip(*table, strict=True)]

    def weight(cells):
        value = Fraction(1)
        for cell in cells:
            value /= factorial(cell)
        return value

    def fill(rows_left, columns_left):
        if len(rows_left) == 1:
            yield columns_left
            return
        for first in divide(rows_left[0], columns_left):
            rest = [c - x for c, x in zip(columns_left, first, strict=True)]
            for others in fill(rows_left[1:], rest):
                yield [*first, *others]

    def divide(total, room):
        if len(room) == 1:
            if total <= room[0]:
                yield [total]
            return
        for x in range(min(total, room[0]) + 1):
            for rest in divide(total - x, room[1:]):
                yield [x, *rest]

    observed = weight([cell for row in table for cell in row])
    weights = [weight(cells) for cells in fill(rows, columns)]
    return float(sum(w for w in weights if w <= observed) / sum(weights))
