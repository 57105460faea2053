"""Intraclass correlations, kappa and overlap from their definitions; shares no code with stats."""

import numpy as np
from scipy.stats import f as f_distribution


def _mean_squares(table):
    """Return the five mean squares by least squares on dummy columns, not by sums of means."""
    x = np.asarray(table, float)
    n, k = x.shape
    y = x.ravel()
    subject = np.repeat(np.eye(n), k, axis=0)
    rater = np.tile(np.eye(k), (n, 1))

    def residual_sum(design):
        fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
        return ((y - fitted) ** 2).sum()

    total = residual_sum(np.ones((n * k, 1)))
    within = residual_sum(subject)
    both = residual_sum(np.hstack([subject, rater]))
    return (
        (total - within) / (n - 1),
        within / (n * (k - 1)),
        (within - both) / (k - 1),
        both / ((n - 1) * (k - 1)),
    )


def icc(table, level=0.95):
    """Return rows (value, low, high, F, p) of the six forms, in the order 1, 2, 3, 1k, 2k, 3k."""
    x = np.asarray(table, float)
    n, k = x.shape
    msb, msw, msj, mse = _mean_squares(x)
    q = 1 - (1 - level) / 2
    one = _from_f(msb / msw, n - 1, n * (k - 1), k, q)
    three = _from_f(msb / mse, n - 1, (n - 1) * (k - 1), k, q)

    value = (msb - mse) / (msb + (k - 1) * mse + k * (msj - mse) / n)
    # McGraw and Wong's a and b.
    a = k * value / (n * (1 - value))
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    v = (a * msj + b * mse) ** 2 / ((a * msj) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)))
    upper, lower = f_distribution.ppf(q, n - 1, v), f_distribution.ppf(q, v, n - 1)
    two = [
        value,
        n * (msb - upper * mse) / (upper * (k * msj + (k * n - k - n) * mse) + n * msb),
        n * (lower * msb - mse) / (k * msj + (k * n - k - n) * mse + n * lower * msb),
        *three[3:],
    ]
    mean_of_k = [
        [k * r / (1 + (k - 1) * r) for r in row[:3]] + row[3:] for row in (one, two, three)
    ]
    return np.array([one, two, three, *mean_of_k])


def _from_f(ratio, df1, df2, k, q):
    low = ratio / f_distribution.ppf(q, df1, df2)
    high = ratio * f_distribution.ppf(q, df2, df1)
    limits = [(x - 1) / (x + k - 1) for x in (ratio, low, high)]
    return [*limits, ratio, f_distribution.sf(ratio, df1, df2)]
