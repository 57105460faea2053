"""Posterior predictive of one incomplete column, written out; shares no code with stats."""

import numpy as np
from scipy import stats


def predictive(x, y, at):
    """Return the t distribution of a new y at x = `at`, flat prior, straight line."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    n = len(x)
    slope, intercept, *_ = stats.linregress(x, y)
    s2 = ((y - intercept - slope * x) ** 2).sum() / (n - 2)
    spread = 1 + 1 / n + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum()
    return stats.t(n - 2, intercept + slope * at, np.sqrt(s2 * spread))
