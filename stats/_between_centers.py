"""How much centres differ: REML variance between centres, Q-profile interval, I2."""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from extval.stats.results import Interval

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heterogeneity:
    tau2: float
    tau2_se: float
    tau2_interval: Interval
    i2: float
    i2_interval: Interval
    h2: float

    @classmethod
    def undefined(cls, level: float) -> "Heterogeneity":
        none = Interval.undefined(level)
        return cls(tau2=nan, tau2_se=nan, tau2_interval=none, i2=nan, i2_interval=none, h2=nan)


def heterogeneity(y: FloatArray, v: FloatArray, tau2: float, level: float) -> Heterogeneity:
    """Return what is said about centres that differ; at least two centres."""
    w = 1 / v
    typical = float((y.size - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum()))
    w = 1 / (v + tau2)
    trace = float((w**2).sum() - 2 * (w**3).sum() / w.sum() + ((w**2).sum() / w.sum()) ** 2)
    low = _q_profile(y, v, float(chdtri(y.size - 1, 0.5 - level / 2)))
    high = _q_profile(y, v, float(chdtri(y.size - 1, 0.5 + level / 2)))
    return Heterogeneity(
        tau2=tau2,
        tau2_se=sqrt(2 / trace),
        tau2_interval=Interval(low, high, level),
        i2=100 * tau2 / (tau2 + typical),
        i2_interval=Interval(100 * low / (low + typical), 100 * high / (high + typical), level),
        h2=1 + tau2 / typical,
    )


def restricted_maximum_likelihood(y: FloatArray, v: FloatArray) -> float:
    """Return the variance between centres that maximises the restricted likelihood, exactly.

    A grid over (0, all of the observed spread) finds the highest peak, for there can be two;
    bisection of the score then settles every digit.
    """
    top = float(np.ptp(y) ** 2 + v.max())
    grid = np.concatenate([[0.0], np.geomspace(1e-10, 10.0, 221) * top])
    height = _restricted_likelihood(y, v, grid)
    best = int(np.argmax(height))
    # A peak that rises above 0 by rounding alone is a peak at 0.
    rise = height[best] - height[0]
    level = rise <= 1e-13 * y.size * max(1.0, abs(float(height[0])))
    if level and _restricted_score(y, v, 0.0) <= 1e-12 * float((1 / v).sum()):
        return 0.0
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    return _bisect(lambda tau2: _restricted_score(y, v, tau2), float(low), float(high))


def _restricted_likelihood(y: FloatArray, v: FloatArray, tau2: FloatArray) -> FloatArray:
    """Return the restricted log-likelihood, up to a constant, for an array of variances."""
    total = v + tau2[:, None]
    w = 1 / total
    mean = (w @ y) / w.sum(axis=1)
    spread = (w * (y - mean[:, None]) ** 2).sum(axis=1)
    return np.asarray(-0.5 * (np.log(total).sum(axis=1) + np.log(w.sum(axis=1)) + spread))


def _restricted_score(y: FloatArray, v: FloatArray, tau2: float) -> float:
    """Return twice the derivative of the restricted log-likelihood."""
    w = 1 / (v + tau2)
    mean = w @ y / w.sum()
    return float((w**2) @ (y - mean) ** 2 - w.sum() + (w**2).sum() / w.sum())


def _q_profile(y: FloatArray, v: FloatArray, target: float) -> float:
    """Return the variance between centres at which Cochran's Q, which falls, equals `target`."""

    def excess(tau2: float) -> float:
        w = 1 / (v + tau2)
        return float(w @ (y - w @ y / w.sum()) ** 2) - target

    if excess(0.0) <= 0:
        return 0.0
    high = float(np.ptp(y) ** 2 + v.max())
    while excess(high) > 0:
        high *= 4
    return _bisect(excess, 0.0, high)


def _bisect(falling: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a function that is positive below it, to the last bit."""
    while True:
        middle = 0.5 * (low + high)
        if not low < middle < high:
            return middle
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
