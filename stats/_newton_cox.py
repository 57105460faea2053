"""Maximising Cox's partial likelihood: Newton steps, divergence, and profile-likelihood limits."""

from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from extval.stats._cox_supremum import Maximum, supremum
from extval.stats._partial_likelihood import CoxStratum, Derivatives, derivatives
from extval.stats.results import Status

FloatArray = NDArray[np.float64]

_MAX_ITERATIONS = 30
_SMALL_STEP = 1e-9  # on columns of unit variance; the step that is taken last squares the error
_LEVEL = 1e-12  # gain of the log likelihood, relative, below which it counts as level
_FLAT = 1e-8  # information beside the second moment it is the rest of: below it is half rounding
_SINGULAR = 1e-11  # smallest eigenvalue of the information, relative to the largest


def is_estimable(information: FloatArray, events: int) -> Status:
    """Return why the information at zero does not identify all coefficients, if it does not."""
    spread = np.diag(information)
    if (spread <= _SINGULAR * events).any():
        return Status.UNINFORMATIVE_PREDICTOR
    correlation = information / np.sqrt(np.outer(spread, spread))
    eigenvalues = np.linalg.eigvalsh(correlation)
    return Status.COLLINEAR if eigenvalues[0] <= _SINGULAR * eigenvalues[-1] else Status.OK


def maximise(strata: list[CoxStratum], beta: FloatArray, free: NDArray[np.bool_]) -> Maximum:
    """Maximise over the coefficients marked `free`, shape (p,), starting at `beta`.

    Newton's method from there ends at nearly every maximum. Where it does not, or the information
    there is small beside its rounding, the likelihood may have no maximum: `supremum` decides.
    """
    here, unit = derivatives(strata, beta), np.eye(beta.size)[:, free]
    for iteration in range(_MAX_ITERATIONS):
        step = _newton_step(here, free)
        if step is None:
            break
        settled = np.abs(step).max(initial=0.0) <= _SMALL_STEP * (1.0 + np.abs(beta).max())
        if settled and step.any():
            beta = beta + step
            here = derivatives(strata, beta)
        if settled:
            return Maximum(
                beta=beta,
                value=here.value,
                gradient=here.gradient,
                information=here.information,
                identified=unit,
                cone=None,
                iterations=iteration,
                status=Status.OK,
            )
        beta, here = _ascend(strata, beta, here, step)
    return supremum(strata, beta, free)


def _newton_step(here: Derivatives, free: NDArray[np.bool_]) -> FloatArray | None:
    """Return the Newton step, or None where the information is no better than rounding."""
    step = np.zeros(free.size)
    if not np.isfinite(here.value):
        return None
    if free.any():
        inside = np.ix_(free, free)
        root = np.sqrt(here.second_moment[free])
        root[root == 0.0] = 1.0
        eigenvalues, vectors = np.linalg.eigh(here.information[inside] / np.outer(root, root))
        if eigenvalues[0] <= _FLAT:
            return None
        along = np.einsum("ij,i->j", vectors, here.gradient[free] / root) / eigenvalues
        step[free] = np.einsum("ij,j->i", vectors, along) / root
    return step


def _ascend(
    strata: list[CoxStratum], beta: FloatArray, here: Derivatives, step: FloatArray
) -> tuple[FloatArray, Derivatives]:
    """Take the step, halved until the likelihood does not fall (or is no longer finite)."""
    lowest = here.value - _LEVEL * (1.0 + abs(here.value))
    ahead = derivatives(strata, beta + step)
    for _ in range(_MAX_ITERATIONS):
        if ahead.value >= lowest:
            break
        step = step / 2.0
        ahead = derivatives(strata, beta + step)
    return beta + step, ahead


def profile_limit(
    strata: list[CoxStratum], best: Maximum, j: int, *, z: float, reach: float
) -> float:
    """Return where the signed root of the profile deviance of coefficient j equals `z`.

    The search starts `reach` away from the maximum, on that side, and doubles the distance until
    the limit is bracketed; then Newton's method on the root, which is nearly linear, falling back
    on halving the bracket. Where the likelihood has its supremum at infinity, the search first goes
    towards it until the root is below `z`. NaN if no limit is found.
    """
    free = np.arange(best.beta.size) != j
    finite = best.diverging == 0
    middle = float(best.beta[j]) if finite[j] else 0.0
    inner, outer = middle if finite[j] else nan, nan
    at, beta = middle + reach if finite[j] else 0.0, best.beta
    for _ in range(400):
        start = np.where(finite, beta, 0.0)
        start[j] = at
        profile = maximise(strata, start, free)
        if profile.status is Status.NOT_CONVERGED:
            return nan
        beta = profile.beta
        root = sqrt(max(2.0 * (best.value - profile.value), 0.0))
        if abs(root - z) <= 1e-11 * z:
            return float(at)
        if root < z:
            inner = at
        else:
            outer = at
        if abs(outer - inner) <= 1e-13 * (1.0 + abs(at)):
            return float(at)
        slope = -float(profile.gradient[j]) / root if root > 0.0 else 0.0
        newton = at - (root - z) / slope if slope else nan
        if np.isnan(inner):
            middle, at = at, 2.0 * at - reach
        elif np.isnan(outer):
            furthest = at + 2.0 * (at - middle) if at != middle else at + reach
            ahead = (newton - at) * reach > 0.0
            at = (min if reach > 0.0 else max)(newton, furthest) if ahead else furthest
        else:
            at = newton if min(inner, outer) < newton < max(inner, outer) else (inner + outer) / 2.0
    return nan
