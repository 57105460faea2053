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
_LEVEL = 1e-12  # gain of the log likelihood, relative, below which it counts as level
_FLAT = 1e-12  # information beside the second moment it is the rest of, below which it is rounding
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
    """Maximise over the coefficients marked `free`, shape (p,), starting at `beta`.

    Where the likelihood rises for ever, steps stay long while the gain fades. The movement is then
    checked to be a direction of such a rise, and goes on until the gain is level. Directions whose
    information has faded below the rounding of its terms take no part in a step.
    """
    here, path, level_steps = derivatives(strata, beta), [beta], 0
    status, flat, direction = Status.NOT_CONVERGED, np.zeros((beta.size, 0)), np.zeros(beta.size)
    while status is Status.NOT_CONVERGED and len(path) <= _MAX_ITERATIONS:
        step, flat = _newton_step(here, free)
        size = float(np.abs(step).max())
        settled = size <= _SMALL_STEP * (1.0 + float(np.abs(beta).max()))
        gain = float((here.gradient * step).sum()) / (1.0 + abs(here.value))
        level_steps += gain <= _LEVEL
        if not direction.any() and gain <= 1e3 * _LEVEL and (flat.size or size > 1e-3):
            direction = _rise(strata, path, step)
        if direction.any() and (gain <= _LEVEL or settled):
            status = Status.MONOTONE_LIKELIHOOD
        elif settled or level_steps > 3:
            if flat.size:
                break
            status, beta = Status.OK, beta + step
            here = derivatives(strata, beta)
        else:
            beta, here = _ascend(strata, beta, here, step)
            path.append(beta)

    diverging = np.zeros(beta.size, dtype=np.int8)
    if status is Status.MONOTONE_LIKELIHOOD:
        moved = np.abs(direction) > 1e-3 * np.abs(direction).max()
        undetermined = (flat * flat).sum(axis=1) > 1e-6
        diverging[moved | undetermined] = np.where(beta < 0.0, -1, 1)[moved | undetermined]
    return Maximum(
        beta=beta,
        value=here.value,
        gradient=here.gradient,
        information=here.information,
        diverging=diverging,
        iterations=len(path) - 1,
        status=status,
    )


def _rise(strata: list[CoxStratum], path: list[FloatArray], step: FloatArray) -> FloatArray:
    """Return a direction of the latest movement along which the likelihood rises, or zeros."""
    recent = [path[-1] - path[max(len(path) - back, 0)] for back in (3, 6, 12, len(path))]
    for direction in (step, *recent):
        if direction.any() and is_monotone(strata, direction):
            return direction
    return np.zeros(step.size)


def _newton_step(here: Derivatives, free: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Return the Newton step and the free directions, as columns, that are numerically flat."""
    step, flat = np.zeros(free.size), np.zeros((free.size, 0))
    if free.any():
        inside = np.ix_(free, free)
        root = np.sqrt(here.second_moment[free])
        root[root == 0.0] = 1.0
        eigenvalues, vectors = np.linalg.eigh(here.information[inside] / np.outer(root, root))
        curved = eigenvalues > _FLAT
        along = np.einsum("ij,i->j", vectors, here.gradient[free] / root)
        along = np.where(curved, along / np.where(curved, eigenvalues, 1.0), 0.0)
        step[free] = np.einsum("ij,j->i", vectors, along) / root
        flat = np.zeros((free.size, int(np.count_nonzero(~curved))))
        directions = vectors[:, ~curved] / root[:, None]
        flat[free] = directions / np.sqrt((directions * directions).sum(axis=0))
    return step, flat


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
    on halving the bracket. NaN if no limit is found.
    """
    free = np.arange(best.beta.size) != j
    middle = float(best.beta[j])
    inner, outer = middle, nan
    at, beta = middle + reach, best.beta
    for _ in range(200):
        start = np.where(best.diverging == 0, beta, 0.0)
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
