"""Intervals of an AUC besides DeLong's Wald interval."""

import numpy as np

from extval.stats.results import Interval


def hanley_mcneil_variance(value: float, n_cases: int, n_controls: int) -> float:
    """Return the variance of an AUC under exponential scores; exactly 0 at an AUC of 0 or 1."""
    if value in {0.0, 1.0}:
        return 0.0
    square = value * value
    q1 = value / (2.0 - value)
    q2 = 2.0 * square / (1.0 + value)
    spread = (
        value * (1.0 - value) + (n_cases - 1) * (q1 - square) + (n_controls - 1) * (q2 - square)
    )
    return spread / (n_cases * n_controls)


def logit_interval(value: float, se: float, z: float, level: float) -> Interval:
    """Return the Wald interval of ``logit(value)``, by the delta method, transformed back."""
    odds = value / (1.0 - value)
    factor = float(np.exp(z * se / (value * (1.0 - value))))
    return Interval(odds / (odds + factor), odds * factor / (1.0 + odds * factor), level)
