"""Statistics of a binary outcome when each row stands for several patients, by definition.

A weight is a number of patients. What a package without weights says of rows that are repeated
must be what these say of the rows with their weights.
"""

from itertools import pairwise

import numpy as np


def pairs(y, s, w):
    """Return the weighted share of pairs that the case wins, 1/2 for a tie."""
    case, control = y == 1, y == 0
    gap = s[case][:, None] - s[control][None, :]
    both = w[case][:, None] * w[control][None, :]
    return float(((gap > 0) + 0.5 * (gap == 0)).ravel() @ both.ravel() / both.sum())


def table(y, s, w, threshold):
    """Return (tp, fp, fn, tn) in patients."""
    up = s >= threshold
    groups = (up & (y == 1), up & (y == 0), ~up & (y == 1), ~up & (y == 0))
    return tuple(int(w[group].sum()) for group in groups)


def polygon(y, s, w):
    """Return (specificity, sensitivity) from none positive to all positive."""
    points = [(1.0, 0.0)]
    for t in sorted(set(s.tolist()), reverse=True):
        tp, fp, fn, tn = table(y, s, w, t)
        points.append((tn / (tn + fp), tp / (tp + fn)))
    return points


def partial_area(y, s, w, over, low, high):
    points = polygon(y, s, w)
    curve = points[::-1] if over == "specificity" else [(se, sp) for sp, se in points]
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(curve):
        left, right = max(x0, low), min(x1, high)
        if left < right:
            slope = (y1 - y0) / (x1 - x0)
            area += (right - left) * (y0 + slope * ((left + right) / 2 - x0))
    return area


def average_precision(y, s, w):
    total, before = 0.0, 0
    for t in sorted(set(s.tolist()), reverse=True):
        tp, fp, *_ = table(y, s, w, t)
        total += (tp - before) * tp / (tp + fp)
        before = tp
    return total / w[y == 1].sum()


def measures(y, s, w, threshold):
    """Return the measures of a two-by-two table; NaN where a denominator or a cell is zero."""
    tp, fp, fn, tn = (float(count) for count in table(y, s, w, threshold))

    def share(a, b):
        return a / b if b else np.nan

    sensitivity, specificity = share(tp, tp + fn), share(tn, tn + fp)
    found = {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": share(tp, tp + fp),
        "npv": share(tn, tn + fn),
        "accuracy": share(tp + tn, tp + fp + fn + tn),
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "f1": share(2 * tp, 2 * tp + fp + fn),
        "youden": sensitivity + specificity - 1,
    }
    if tp and fp and fn and tn:
        found |= {
            "lr_positive": sensitivity / (1 - specificity),
            "lr_negative": (1 - sensitivity) / specificity,
            "dor": tp * tn / (fp * fn),
        }
    return found


def net_benefit(y, p, w, threshold):
    tp, fp, *_ = table(y, p, w, threshold)
    return (tp - fp * threshold / (1 - threshold)) / w.sum()


def mean(values, w, kept):
    """Return the weighted mean of the kept rows."""
    return float(np.average(values[kept], weights=w[kept]))
