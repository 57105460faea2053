"""Slow, obvious definitions of the smoothers."""

import numpy as np


def loess(x, y, at, span=0.75, degree=2):
    """Return R's direct loess by a pseudo-inverse at each point; NaN in a window of no width."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    out = []
    for x0 in at:
        distance = np.abs(x - x0)
        h = np.sort(distance)[int(np.floor(len(x) * span + 1e-5)) - 1]
        if h == 0:
            out.append(np.nan)
            continue
        root = np.where(distance < h, (1 - (distance / h) ** 3) ** 3, 0) ** 0.5
        design = np.vander((x - x0) / h, degree + 1, increasing=True) * root[:, None]
        out.append(np.linalg.lstsq(design, y * root, rcond=1e-13)[0][0] if root.any() else np.nan)
    return np.array(out)


def determined(x, at, span=0.75, degree=2):
    """Return where enough distinct predictors weigh something for the full degree."""
    x = np.asarray(x, float)
    out = []
    for x0 in at:
        distance = np.abs(x - x0)
        h = np.sort(distance)[int(np.floor(len(x) * span + 1e-5)) - 1]
        weight = (1 - np.minimum(distance / (h or 1), 1) ** 3) ** 3
        out.append(len(set(x[weight > 1e-27])) > degree)
    return np.array(out)


def lowess(x, y, at, span=2 / 3):
    """Return R's lowess (iter = 0, delta = 0.01 range): local lines joined straight."""
    order = np.argsort(x, kind="stable")
    x, y = np.asarray(x, float)[order], np.asarray(y, float)[order]
    n, whole = len(x), x[-1] - x[0]
    k = max(min(2, n), min(n, int(span * n + 1e-7)))
    distinct = np.unique(x)
    anchors, values = [], []
    i = 0
    while i < len(distinct):
        x0 = distinct[i]
        distance = np.abs(x - x0)
        h = np.sort(distance)[k - 1]
        w = np.where(distance <= 0.999 * h, (1 - (distance / (h or 1)) ** 3) ** 3, 0)
        w = np.where(distance <= 0.001 * h, 1.0, w)
        w = w / w.sum()
        mean = w @ x
        spread = w @ (x - mean) ** 2
        if np.sqrt(spread) > 0.001 * whole:
            w = w * (1 + (x0 - mean) * (x - mean) / spread)
        anchors.append(x0)
        values.append(w @ y)
        within = np.flatnonzero(distinct <= x0 + 0.01 * whole)[-1]
        i = max(i + 1, within) if i < len(distinct) - 1 else len(distinct)
    return np.interp(at, anchors, values, left=np.nan, right=np.nan)


def distances(curve, p):
    """Return ICI, E50, E90, Emax from the curve at every patient's prediction."""
    gap = np.abs(np.asarray(curve) - np.asarray(p))
    return gap.mean(), np.quantile(gap, 0.5), np.quantile(gap, 0.9), gap.max()


def spline(x, knots):
    """Return the restricted cubic spline term by term."""
    k = len(knots)

    def cube(u):
        return max(u, 0.0) ** 3

    rows = []
    for v in x:
        row = [v]
        for j in range(k - 2):
            a = (knots[-1] - knots[j]) / (knots[-1] - knots[-2])
            b = (knots[-2] - knots[j]) / (knots[-1] - knots[-2])
            term = cube(v - knots[j]) - a * cube(v - knots[-2]) + b * cube(v - knots[-1])
            row.append(term / (knots[-1] - knots[0]) ** 2)
        rows.append(row)
    return np.array(rows)
