"""Model-based AUC by enumerating outcomes and by double sums; shares no code with stats."""

from itertools import product

import numpy as np


def expected_concordance(p):
    """Return expected concordant over expected usable pairs, summed over all 2^n outcomes."""
    concordant = usable = 0.0
    for outcome in product((0, 1), repeat=len(p)):
        chance = np.prod([q if y else 1 - q for q, y in zip(p, outcome, strict=True)])
        cases = [q for q, y in zip(p, outcome, strict=True) if y]
        controls = [q for q, y in zip(p, outcome, strict=True) if not y]
        usable += chance * len(cases) * len(controls)
        concordant += chance * sum((a > b) + 0.5 * (a == b) for a in cases for b in controls)
    return concordant / usable


def weighted_concordance(p, share):
    """Return the model-based AUC when patient i makes up `share[i]` of the cohort."""
    p, share = np.asarray(p, float), np.asarray(share, float)
    weight = np.outer(share * p, share * (1 - p))
    np.fill_diagonal(weight, 0)
    win = (p[:, None] > p) + 0.5 * (p[:, None] == p)
    return (weight * win).sum() / weight.sum()


def chance_earlier(a, b):
    """Return the probability that hazard exp(a) has its exponential event before exp(b)."""
    return np.exp(a) / (np.exp(a) + np.exp(b))


def concordance_of_hazards(lp, share=None):
    """Return the chance that the higher predictor of a pair has the event first; ties one half."""
    share = np.ones(len(lp)) if share is None else np.asarray(share, float)
    concordant = pairs = 0.0
    for i in range(len(lp)):
        for j in range(len(lp)):
            if i == j:
                continue
            weight = share[i] * share[j]
            pairs += weight
            low, high = sorted((lp[i], lp[j]))
            concordant += weight * (0.5 if low == high else chance_earlier(high, low))
    return concordant / pairs
