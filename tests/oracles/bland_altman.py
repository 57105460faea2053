"""Limits of agreement by their definition; shares no code with stats."""

import numpy as np
from scipy import stats
from scipy.special import ndtr


def limits(a, b, share, level):
    """Return bias, sd, both limits, and the exact interval of the upper one by root finding."""
    d = np.asarray(a, float) - np.asarray(b, float)
    n, mean, sd = len(d), d.mean(), np.sqrt(((d - d.mean()) ** 2).sum() / (len(d) - 1))
    z = stats.norm.ppf((1 + share) / 2)

    node, weight = np.polynomial.legendre.leggauss(400)
    grid = (node + 1) / 2 * (1 + 15 / np.sqrt(n))  # s / sigma
    weight = weight * stats.chi.pdf(grid * np.sqrt(n - 1), n - 1)
    weight /= weight.sum()

    def edge(tail):
        """Find the limit above which the true one would be seen this rarely."""
        low, high = -50.0, 500.0
        for _ in range(60):
            middle = (low + high) / 2
            below = weight @ ndtr(np.sqrt(n) * (middle * grid - z))
            low, high = (middle, high) if below < tail else (low, middle)
        return mean + sd * low

    return mean, sd, mean - z * sd, mean + z * sd, edge((1 - level) / 2), edge((1 + level) / 2)
