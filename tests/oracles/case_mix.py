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
