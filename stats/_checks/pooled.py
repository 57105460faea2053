"""Checks of estimates that are pooled over centres or imputations."""

import numpy as np
from numpy.typing import ArrayLike

from extval.stats._checks.arrays import FloatArray, finite, vector


def centers(values: ArrayLike, se: ArrayLike, *, scale: str) -> tuple[FloatArray, FloatArray]:
    """Return estimates on `scale` and their standard errors, both `(centers,)`, NaN allowed."""
    out = np.array(values, dtype=np.float64)
    errors = np.array(se, dtype=np.float64)
    if out.ndim != 1 or errors.shape != out.shape:
        raise ValueError(
            f"`value` and `se` must be 1-D and equally long; got {out.shape} and {errors.shape}."
        )
    bad = np.flatnonzero((errors < 0) | np.isinf(errors))
    if bad.size:
        raise ValueError(
            f"`se` must be finite and not negative, or NaN; {bad.size} of {out.size} values are "
            f"not, first at index {bad[0]} ({errors[bad[0]]})."
        )
    _on_scale(out, scale, name="value")
    return out, errors


def bound(value: float, *, scale: str) -> float:
    """Return `value` if it is finite and lies on `scale`."""
    if not np.isfinite(value):
        raise ValueError(f"`bound` must be finite; got {value}.")
    _on_scale(np.array([value]), scale, name="bound")
    return float(value)


def _on_scale(values: FloatArray, scale: str, *, name: str) -> None:
    low, high = {"identity": (-np.inf, np.inf), "log": (0.0, np.inf), "logit": (0.0, 1.0)}[scale]
    bad = np.flatnonzero((values < low) | (values > high) | np.isinf(values))
    if bad.size:
        raise ValueError(
            f"`{name}` must be finite and lie in [{low:g}, {high:g}] for the {scale} scale; "
            f"{bad.size} of {values.size} values do not, first at index {bad[0]} "
            f"({values[bad[0]]})."
        )


def imputed(values: ArrayLike, se: ArrayLike, *, scale: str) -> tuple[FloatArray, FloatArray]:
    """Return the estimates of two or more imputations and their standard errors, all finite."""
    out = vector(values, name="value")
    if out.size < 2:
        raise ValueError(f"`value` must hold at least 2 imputations; got {out.size}.")
    finite(se, out.size, name="se")
    return centers(out, se, scale=scale)
