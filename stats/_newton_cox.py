"""Maximising Cox's partial likelihood: Newton steps, divergence, and profile-likelihood limits."""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from extval.stats._partial_likelihood import (
    CoxStratum,
    Derivatives,
    derivatives,
    is_monotone,
)
from extval.stats.results import Status

FloatArray = NDArray[np.float64]

_MAX_ITERATIONS = 60
_SMALL_STEP = 1e-9  # on columns of unit variance; the step that is taken last squares the error
_FLAT = 1e-12  # gain of the log likelihood, relative, below which it counts as level
_SINGULAR = 1e-11  # smallest eigenvalue of the information, relative to the largest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Maximum:
    """Where the likelihood is highest over the free coefficients; `diverging` holds -1, 0 or 1."""

    beta: FloatArray
    value: float
    gradient: FloatArray
    information: FloatArray
    diverging: NDArray[np.int8]
    iterations: int
    status: Status


def is_estimable(information: FloatArray, events: int) -> Status:
    """Return why the information at zero does not identify all coefficients, if it does not."""
    spread = np.diag(information)
    if (spread <= _SINGULAR * events).any():
        return Status.UNINFORMATIVE_PREDICTOR
    correlation = information / np.sqrt(np.outer(spread, spread))
    eigenvalues = np.linalg.eigvalsh(correlation)
    return Status.COLLINEAR if eigenvalues[0] <= _SINGULAR * eigenvalues[-1] else Status.OK


def maximise(strata: list[CoxStratum], beta: FloatArray, free: NDArray[np.bool_]) -> Maximum:
    """Maximise over the coefficients marked `free`, shape (p,), starting at `beta`."""
    here, level_steps, iterations = derivatives(strata, beta), 0, 0
    status, direction = Status.NOT_CONVERGED, np.zeros(beta.size)
    while status is Status.NOT_CONVERGED and iterations < _MAX_ITERATIONS:
        try:
            step = _newton_step(here, free)
        except np.linalg.LinAlgError:
            break
        size = float(np.abs(step).max())
        level = float(here.gradient @ step) <= _FLAT * (1.0 + abs(here.value))
        level_steps += level
        if level and size > 1e-3 and is_monotone(strata, step):
            status, direction = Status.MONOTONE_LIKELIHOOD, step
        elif level_steps > 3 or size <= _SMALL_STEP * (1.0 + float(np.abs(beta).max())):
            status, beta = Status.OK, beta + step
            here = derivatives(strata, beta)
        else:
            beta, here = _ascend(strata, beta, here, step)
            iterations += 1
    diverging = np.where(np.abs(direction) > 1e-3 * np.abs(direction).max(), np.sign(direction), 0)
    return Maximum(
        beta=beta,
        value=here.value,
        gradient=here.gradient,
        information=here.information,
        diverging=diverging.astype(np.int8),
        iterations=iterations,
        status=status,
    )


def _newton_step(here: Derivatives, free: NDArray[np.bool_]) -> FloatArray:
    step = np.zeros(free.size)
    if free.any():
        step[free] = np.linalg.solve(here.information[np.ix_(free, free)], here.gradient[free])
    return step


def _ascend(
    strata: list[CoxStratum], beta: FloatArray, here: Derivatives, step: FloatArray
) -> tuple[FloatArray, Derivatives]:
    """Take the step, halved until the likelihood does not fall (or is no longer finite)."""
    lowest = here.value - _FLAT * (1.0 + abs(here.value))
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
    on halving the bracket. NaN if no limit is found.
    """
    free = np.arange(best.beta.size) != j
    middle = float(best.beta[j])
    inner, outer = middle, nan
    at, beta = middle + reach, best.beta
    for _ in range(200):
        start = beta.copy()
        start[j] = at
        profile = maximise(strata, start, free)
        if profile.status is Status.NOT_CONVERGED:
            return nan
        beta = profile.beta
        root = sqrt(max(2.0 * (best.value - profile.value), 0.0))
        if abs(root - z) <= 1e-11 * z:
            return at
        if root < z:
            inner = at
        else:
            outer = at
        if abs(outer - inner) <= 1e-13 * (1.0 + abs(at)):
            return at
        slope = -float(profile.gradient[j]) / root if root > 0.0 else 0.0
        newton = at - (root - z) / slope if slope else nan
        if np.isnan(outer):
            furthest = at + 2.0 * (at - middle)
            ahead = (newton - at) * reach > 0.0
            at = (min if reach > 0.0 else max)(newton, furthest) if ahead else furthest
        else:
            at = newton if min(inner, outer) < newton < max(inner, outer) else (inner + outer) / 2.0
    return nan
