"""Directions in which a likelihood of ordered linear predictors rises for ever, by linear program.

The likelihoods of Cox and of logistic regression have no maximum if, and only if, some coefficient
vector b has ``rows @ b >= 0`` with one inequality strict: the rows are the differences in
covariates that the outcomes order (the patient with the event less another one at risk), or the
covariates with the sign of the outcome.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array, hstack

FloatArray = NDArray[np.float64]

_ZERO = 1e-9  # of a row of unit size, relative: below it is rounding
_SIGN = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recession:
    """The cone of directions in which a likelihood rises to its supremum.

    Attributes
    ----------
    direction : ndarray of shape (p,)
        Inside the cone: strict in every row in which any direction of the cone is.
    span : ndarray of shape (p, k)
        Orthonormal; what the likelihood says nothing about once it is at its supremum.
    falls, climbs : ndarray of bool, shape (p,)
        Whether a direction of the cone takes this coefficient to minus or plus infinity.
    """

    direction: FloatArray
    span: FloatArray
    falls: NDArray[np.bool_]
    climbs: NDArray[np.bool_]


def recession(rows: FloatArray) -> Recession | None:
    """Return the cone ``rows @ b >= 0``, rows of shape (m, p), or None if no row can be strict."""
    size = np.abs(rows).max(axis=1, initial=0.0)
    normed = np.unique(rows[size > 0.0] / size[size > 0.0, None], axis=0)
    p = rows.shape[1]
    if not normed.size:
        return None
    if p == 1:
        signs = np.sign(normed[:, 0])
        if (signs != signs[0]).any():
            return None
        direction = signs[:1]
        return Recession(
            direction=direction, span=np.ones((1, 1)), falls=direction < 0.0, climbs=direction > 0.0
        )
    found = _one_column(normed) or _widest(normed)
    if found is None:
        return None
    direction, span = found
    falls, climbs = _signs(normed, direction, span)
    return Recession(direction=direction, span=span, falls=falls, climbs=climbs)


def _one_column(rows: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Return the first column that is strict in every row by itself: exact for any gaps."""
    for j in range(rows.shape[1]):
        side = np.sign(rows[0, j])
        if side != 0.0 and (rows[:, j] * side > 0.0).all():
            return side * np.eye(rows.shape[1])[j], np.eye(rows.shape[1])
    return None


def _widest(rows: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Return a direction strict in as many rows as can be, and the null space of the others.

    Each row has a gain of at most 1, so that scaling up a direction that is strict in a row earns
    all of it: the gains of the optimum are 0 or 1. The answer of the program, good to 1e-7, is then
    projected to where the rows without gain are zero, and must still be strict in the others.
    """
    m, p = rows.shape
    answer = _least(
        np.concatenate((np.zeros(p), -np.ones(m))),
        hstack([csr_array(rows), -eye_array(m)], format="csr"),
        [(None, None)] * p + [(0.0, 1.0)] * m,
    )
    if answer is None:
        return None
    strict = answer[p:] > 0.5
    if not strict.any():
        return None
    span = np.eye(p)
    if not strict.all():
        _, singular, right = np.linalg.svd(rows[~strict], full_matrices=True)
        rank = int(np.count_nonzero(singular > _ZERO * singular[0]))
        span = right[rank:].T
    direction = np.einsum("ij,j->i", span, np.einsum("ij,i->j", span, answer[:p]))
    gain = np.einsum("ij,j->i", rows[strict], direction)
    return (direction, span) if (gain > 0.25).all() else None


def _signs(
    rows: FloatArray, direction: FloatArray, span: FloatArray
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which coefficients a direction of the cone can lower, and which it can raise."""
    size = _SIGN * np.abs(direction).max()
    free = np.abs(span).max(axis=1) > _SIGN
    either = free & (np.abs(direction) <= size)  # inside the cone at zero: it can go both ways
    falls, climbs = either | (direction < -size), either | (direction > size)
    if span.shape[1] > 1:
        inside = np.einsum("ij,jk->ik", rows, span)
        inside = inside[np.abs(inside).max(axis=1) > _ZERO]
        for j in range(direction.size):
            for sign, seen in ((1.0, falls), (-1.0, climbs)):
                if not seen[j] and free[j]:
                    answer = _least(sign * span[j], inside, (-1.0, 1.0))
                    seen[j] = answer is not None and sign * (span[j] * answer).sum() < -_SIGN
    return falls, climbs


def _least(cost: FloatArray, rows: Any, bounds: Any) -> FloatArray | None:
    """Return x within `bounds` for which ``rows @ x >= 0`` and ``cost @ x`` is least."""
    from scipy.optimize import linprog  # noqa: PLC0415 - slow to load, and seldom needed

    nothing = np.zeros(rows.shape[0])
    answer = linprog(cost, A_ub=-rows, b_ub=nothing, bounds=bounds, method="highs")
    return np.asarray(answer.x) if answer.status == 0 else None
