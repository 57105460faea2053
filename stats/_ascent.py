"""Newton's method with a line search, for concave likelihoods whose maximum may lie far out."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_MAX_ITERATIONS = 1000
_SMALL_STEP = 1e-9
_SETTLED = 1e-22  # gain that a last Newton step promises, relative to the log likelihood
_ROUNDING = 1e-12  # the same, where no step gains any more


class _Derivatives(Protocol):
    @property
    def value(self) -> float: ...
    @property
    def gradient(self) -> FloatArray: ...
    @property
    def information(self) -> FloatArray: ...


D = TypeVar("D", bound=_Derivatives)


def ascend(
    evaluate: Callable[[FloatArray], D], start: FloatArray, basis: FloatArray
) -> tuple[FloatArray, D, int, bool]:
    """Maximise over ``start + basis @ c``, basis of shape (p, k), by steps of the best length.

    Returns the place, what `evaluate` says there, the iterations, and whether it is the maximum.
    """
    beta, here = start, evaluate(start)
    floor = np.einsum("ij,ik,kj->j", basis, here.information, basis)
    gain = 0.0
    for iteration in range(_MAX_ITERATIONS + 1):
        step = _step(here, basis, floor)
        gain = float((here.gradient * step).sum())
        settled = np.abs(step).max(initial=0.0) <= _SMALL_STEP * (1.0 + np.abs(beta).max())
        if settled or gain <= _SETTLED * (1.0 + abs(here.value)):
            if step.any():
                beta = beta + step
                here = evaluate(beta)
            return beta, here, iteration, True
        length = _length(evaluate, beta, step, gain)
        if length == 0.0:
            break
        beta = beta + length * step
        here = evaluate(beta)
    return beta, here, iteration, gain <= _ROUNDING * (1.0 + abs(here.value))


def _step(here: _Derivatives, basis: FloatArray, floor: FloatArray) -> FloatArray:
    """Return the Newton step in the directions of `basis`, shape (p, k)."""
    inner = np.einsum("ij,ik,kl->jl", basis, here.information, basis)
    root = np.sqrt(np.maximum(np.diag(inner), 1e-200 * floor))
    root[root == 0.0] = 1.0
    eigenvalues, vectors = np.linalg.eigh(inner / np.outer(root, root))
    slope = np.einsum("ij,i->j", basis, here.gradient) / root
    along = np.einsum("ij,i->j", vectors, slope) / np.maximum(eigenvalues, 1e-14)
    return np.asarray(np.einsum("ij,j->i", basis, np.einsum("ij,j->i", vectors, along) / root))


def _length(
    evaluate: Callable[[FloatArray], D], beta: FloatArray, step: FloatArray, gain: float
) -> float:
    """Return how far to go along `step`: doubled while it rises as steeply, halved once beyond."""
    near, far, length = 0.0, np.inf, 1.0
    for _ in range(200):
        slope = float((evaluate(beta + length * step).gradient * step).sum())
        if abs(slope) <= 0.5 * gain:
            return length
        if slope > 0.0:
            near = length
        else:
            far = length
        length = 2.0 * near if np.isinf(far) else (near + far) / 2.0
    return near
