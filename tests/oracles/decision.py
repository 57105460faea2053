"""Net benefit, patient by patient."""

import numpy as np


def contributions(y, p, threshold):
    """Return what each patient adds to the net benefit."""
    odds = threshold / (1 - threshold)
    return np.array(
        [0.0 if pi < threshold else (1.0 if yi else -odds) for yi, pi in zip(y, p, strict=True)]
    )


def net_benefit(y, p, threshold):
    return contributions(y, p, threshold).mean()


def treat_all(y, threshold):
    return contributions(y, np.ones(len(y)), threshold).mean()


def interventions_avoided(y, p, threshold):
    """Return the gain over treating all, in untreated patients for no missed event."""
    gain = net_benefit(y, p, threshold) - treat_all(y, threshold)
    return gain / (threshold / (1 - threshold))
