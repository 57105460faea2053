"""Rubin's rules as a simulated posterior would have them; shares no code with stats."""

import numpy as np
from scipy import stats


def pool(q, se, complete_df):
    """Return mean, total standard error and degrees of freedom, one sum at a time."""
    m = len(q)
    mean = sum(q) / m
    within = sum(s * s for s in se) / m
    between = sum((x - mean) ** 2 for x in q) / (m - 1)
    total = within + between + between / m
    gamma = (between + between / m) / total
    inverse = gamma * gamma / (m - 1)
    if np.isfinite(complete_df):
        inverse += (complete_df + 3) / (complete_df * (complete_df + 1) * (1 - gamma))
    return mean, total**0.5, 1 / inverse if inverse > 0 else np.inf


def interval(q, se, complete_df, level):
    """Return the limits of the t interval."""
    mean, total, df = pool(q, se, complete_df)
    law = stats.t(df, mean, total) if np.isfinite(df) else stats.norm(mean, total)
    return law.interval(level)


def proportion_parts(p, n):
    """Return mean, within and between variance of proportions of n patients."""
    m = len(p)
    mean = sum(p) / m
    between = sum((x - mean) ** 2 for x in p) / (m - 1)
    if max(p) == min(p):
        between = 0.0
    return mean, sum(x * (1 - x) / n for x in p) / m, between


def proportion_equation(p, n, limit, level):
    """Return both sides of the equation that a limit solves (Lott & Reiter 2020)."""
    m = len(p)
    mean, within, between = proportion_parts(p, n)
    r = (1 + 1 / m) * between / within if within > 0 else 0.0
    law = stats.t((m - 1) * (1 + 1 / r) ** 2) if r > 0 else stats.norm()
    return (mean - limit) ** 2, law.ppf(0.5 + level / 2) ** 2 * (1 + r) * limit * (1 - limit) / n
