"""Empirical Bayes of one batch: its features' shifts and variances are drawn to each other."""

from dataclasses import dataclass

import numpy as np

from extval.features.modelling._kernels_combat import weigh_by_likelihood
from extval.stats._checks import FloatArray

# sva's it.sol: relative change at which it stops. The cap only ends what would never end.
TOLERANCE = 1e-4
MOST_ITERATIONS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrinkage:
    """Which priors, if any, and whether the variances are left alone."""

    parametric: bool
    mean_only: bool
    empirical_bayes: bool


def shrink(
    location: FloatArray, variance: FloatArray, n: int, how: Shrinkage
) -> tuple[FloatArray, FloatArray]:
    """Return the shrunken location and variance of one batch, each of shape (p,).

    `location` and `variance` (ddof 1) are those of the batch's n patients after standardising;
    the variances must be positive. A single feature has no others to be drawn to and keeps its
    own. With `mean_only` the variances returned are 1.
    """
    ones = np.ones_like(variance)
    if not how.empirical_bayes or location.size < 2:
        return location, ones if how.mean_only else variance
    if not how.parametric:
        # With equal variances the sums of squares cancel from the weights.
        of_prior = ones if how.mean_only else variance
        found = np.empty_like(location), np.empty_like(variance)
        weigh_by_likelihood(location, of_prior, (n - 1) * variance, float(n), *found)
        return found[0], ones if how.mean_only else found[1]
    center, spread = float(location.mean()), float(location.var(ddof=1))
    if how.mean_only:
        # sva passes n = 1 here, whatever the batch's size.
        return (spread * location + center) / (spread + 1.0), ones
    return _iterate(location, variance, n, center, spread)


def _iterate(
    location: FloatArray, variance: FloatArray, n: int, center: float, spread: float
) -> tuple[FloatArray, FloatArray]:
    """Return the posterior means under a normal and an inverse gamma prior (sva's `it.sol`).

    All features of the batch iterate until the largest change is at most `TOLERANCE`. As in sva
    the change of a location is divided by its signed old value, so that features with a negative
    location never hold the iteration up.
    """
    mean, var = float(variance.mean()), float(variance.var(ddof=1))
    if var == 0.0:  # the inverse gamma prior is a single point
        fixed = np.full_like(variance, mean)
        return _posterior_location(location, center, n, fixed, spread), fixed
    shape, rate = (2 * var + mean**2) / var, (mean * var + mean**3) / var
    old_location, old_variance = location, variance
    for _ in range(MOST_ITERATIONS):
        new_location = _posterior_location(location, center, n, old_variance, spread)
        squares = (n - 1) * variance + n * (location - new_location) ** 2
        new_variance = (0.5 * squares + rate) / (n / 2 + shape - 1)
        moved = np.abs(new_location - old_location)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(moved == 0.0, 0.0, moved / old_location)
        change = max(
            float(relative.max()), float((np.abs(new_variance - old_variance) / old_variance).max())
        )
        old_location, old_variance = new_location, new_variance
        if change <= TOLERANCE:
            return new_location, new_variance
    raise ValueError(
        f"ComBat did not converge in {MOST_ITERATIONS} iterations. Look for features of extreme "
        "scale in one batch, or set `empirical_bayes=False`."
    )


def _posterior_location(
    location: FloatArray, center: float, n: int, variance: FloatArray, spread: float
) -> FloatArray:
    return (spread * n * location + variance * center) / (spread * n + variance)
