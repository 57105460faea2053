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


def cohen_kappa(pairs, credit, share=None):
    """Return kappa from pairs of codes: mean credit against that of all independent pairings."""
    first, second = np.asarray(pairs).T
    share = np.full(len(first), 1 / len(first)) if share is None else share
    together = np.array([credit(a, b) for a, b in zip(first, second, strict=True)])
    apart = np.array([[credit(a, b) for a in first] for b in second])
    observed, expected = share @ together, share @ apart @ share
    return (observed - expected) / (1 - expected)


def fleiss_kappa(codes):
    """Return kappa from the agreement of all pairs of raters within and of all ratings."""
    codes = np.asarray(codes)
    m = codes.shape[1]
    within = [
        np.mean([row[i] == row[j] for i in range(m) for j in range(m) if i != j]) for row in codes
    ]
    every = codes.ravel()
    expected = np.mean(every[:, None] == every)
    return (np.mean(within) - expected) / (1 - expected)


def jackknife_se(statistic, n):
    """Return the infinitesimal-jackknife standard error of a function of the subjects' shares."""
    h = 1e-5
    even = np.full(n, 1 / n)

    def influence(i):
        only = np.eye(n)[i]
        up, down = statistic((1 - h) * even + h * only), statistic((1 + h) * even - h * only)
        return (up - down) / (2 * h)

    return np.sqrt(sum(influence(i) ** 2 for i in range(n))) / n
