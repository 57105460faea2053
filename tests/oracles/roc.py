"""AUC statistics straight from their definitions: all pairs, all thresholds, no ranks."""

from itertools import pairwise

import numpy as np
from scipy.stats import norm


def wins(y, s):
    """Return the m x n matrix of won pairs, 1/2 for a tie."""
    y, s = np.asarray(y), np.asarray(s, float)
    gap = s[y == 1][:, None] - s[y == 0][None, :]
    return (gap > 0) + 0.5 * (gap == 0)


def auc(y, s):
    return wins(y, s).mean()


def delong_covariance(y, a, b):
    """Return DeLong's covariance of two AUCs from the two pair matrices."""
    wa, wb = wins(y, a), wins(y, b)
    m, n = wa.shape
    case = np.cov(wa.mean(axis=1), wb.mean(axis=1), ddof=1)[0, 1]
    control = np.cov(wa.mean(axis=0), wb.mean(axis=0), ddof=1)[0, 1]
    return case / m + control / n


def delong(y, a, b, level=0.95):
    """Return (difference, standard error, low, high)."""
    d = wins(y, a) - wins(y, b)
    m, n = d.shape
    se = np.sqrt(d.mean(axis=1).var(ddof=1) / m + d.mean(axis=0).var(ddof=1) / n)
    z = norm.ppf(0.5 + level / 2)
    return d.mean(), se, d.mean() - z * se, d.mean() + z * se


def polygon(y, s):
    """Return the ROC polygon as (specificity, sensitivity) points, from none positive."""
    y, s = np.asarray(y), np.asarray(s, float)
    cuts = sorted(set(s.tolist()), reverse=True)
    return [(1.0, 0.0), *((np.mean(s[y == 0] < t), np.mean(s[y == 1] >= t)) for t in cuts)]


def partial_area(y, s, over, low, high):
    """Add up the trapezoid under the part of each side of the polygon that lies in the range."""
    points = polygon(y, s)
    curve = points[::-1] if over == "specificity" else [(se, sp) for sp, se in points]
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(curve):
        left, right = max(x0, low), min(x1, high)
        if left < right:
            slope = (y1 - y0) / (x1 - x0)
            area += (right - left) * (y0 + slope * (left - x0) + y0 + slope * (right - x0)) / 2
    return area


def sensitivity_at(y, s, specificity):
    """Return the highest sensitivity of the polygon at one specificity."""
    best = 0.0
    for (x0, y0), (x1, y1) in pairwise(polygon(y, s)):
        if x0 == specificity:
            best = max(best, y0)
        if x1 == specificity:
            best = max(best, y1)
        if x1 < specificity < x0:
            best = max(best, y0 + (y1 - y0) * (x0 - specificity) / (x0 - x1))
    return best


def average_precision(y, s):
    y, s = np.asarray(y), np.asarray(s, float)
    total, before = 0.0, 0.0
    for t in sorted(set(s.tolist()), reverse=True):
        recall = np.mean(s[y == 1] >= t)
        total += (recall - before) * np.mean(y[s >= t])
        before = recall
    return total


def obuchowski(y, a, b, cluster):
    """Return the covariance of two clustered AUCs, cluster by cluster."""
    y, cluster = np.asarray(y), np.asarray(cluster)
    wa, wb = wins(y, a), wins(y, b)
    m, n = wa.shape
    own10, own01 = cluster[y == 1], cluster[y == 0]
    labels = sorted(set(cluster.tolist()))
    i10, i01 = len(set(own10.tolist())), len(set(own01.tolist()))
    s10 = s01 = s11 = s11_reverse = 0.0
    for label in labels:
        mi, ni = np.sum(own10 == label), np.sum(own01 == label)
        xa = wa.mean(axis=1)[own10 == label].sum() - mi * wa.mean()
        xb = wb.mean(axis=1)[own10 == label].sum() - mi * wb.mean()
        ya = wa.mean(axis=0)[own01 == label].sum() - ni * wa.mean()
        yb = wb.mean(axis=0)[own01 == label].sum() - ni * wb.mean()
        s10 += xa * xb
        s01 += ya * yb
        s11 += xa * yb
        s11_reverse += ya * xb
    s10 *= i10 / ((i10 - 1) * m)
    s01 *= i01 / ((i01 - 1) * n)
    factor = len(labels) / (len(labels) - 1)
    return s10 / m + s01 / n + factor * (s11 + s11_reverse) / (m * n)


def resampled(y, s, rows):
    """Return the rows of a stratified resample: drawn case numbers, then control numbers."""
    y, s = np.asarray(y), np.asarray(s, float)
    cases, controls = np.sort(s[y == 1]), np.sort(s[y == 0])
    drawn = np.concatenate([cases[rows[0]], controls[rows[1]]])
    return np.repeat([1, 0], [len(rows[0]), len(rows[1])]), drawn
