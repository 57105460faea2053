"""Boundary checks: the only code in `extval.stats` that raises on user input."""

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def binary(values: ArrayLike, *, name: str = "y_true") -> BoolArray:
    """Return `values` as a boolean array of shape `(n,)`; one class only is not an error."""
    arr = np.asarray(values)
    if arr.ndim != 1:
        raise ValueError(f"`{name}` must be 1-D; got shape {arr.shape}.")
    bad = np.flatnonzero(~np.isin(arr, (0, 1)))
    if bad.size:
        raise ValueError(
            f"`{name}` must hold only 0 and 1; {bad.size} of {arr.size} values do not, first at "
            f"index {bad[0]} ({arr[bad[0]]})."
        )
    return arr.astype(np.bool_)


def finite(values: ArrayLike, n: int, *, name: str) -> FloatArray:
    """Return `values` as finite C-contiguous float64 of shape `(n,)`."""
    out = np.ascontiguousarray(values, dtype=np.float64)
    if out.shape != (n,):
        raise ValueError(f"`{name}` must have shape ({n},); got {out.shape}.")
    bad = np.flatnonzero(~np.isfinite(out))
    if bad.size:
        raise ValueError(
            f"`{name}` must be finite; {bad.size} of {n} values are not, first at index "
            f"{bad[0]} ({out[bad[0]]}). Drop or impute those rows before calling."
        )
    return out


def probabilities(values: ArrayLike, n: int, *, name: str = "y_prob") -> FloatArray:
    """Return `values` as float64 of shape `(n,)` in [0, 1]."""
    out = finite(values, n, name=name)
    bad = np.flatnonzero((out < 0.0) | (out > 1.0))
    if bad.size:
        raise ValueError(
            f"`{name}` must lie in [0, 1]; {bad.size} of {n} values do not, first at index "
            f"{bad[0]} ({out[bad[0]]})."
        )
    return out


def durations(values: ArrayLike, *, name: str = "time") -> FloatArray:
    """Return follow-up times as finite, non-negative float64 of shape `(n,)`."""
    arr = np.asarray(values, dtype=np.float64)
    if arr.ndim != 1:
        raise ValueError(f"`{name}` must be 1-D; got shape {arr.shape}.")
    out = finite(arr, arr.size, name=name)
    bad = np.flatnonzero(out < 0.0)
    if bad.size:
        raise ValueError(
            f"`{name}` must not be negative; {bad.size} of {arr.size} values are, first at index "
            f"{bad[0]} ({out[bad[0]]})."
        )
    return out


def same_length(values: ArrayLike, n: int, *, name: str) -> None:
    """Raise unless `values` has `n` entries along its last axis."""
    got = np.shape(values)
    if not got or got[-1] != n:
        raise ValueError(f"`{name}` must have {n} entries along its last axis; got shape {got}.")


def level(value: float, *, name: str = "confidence_level") -> float:
    """Return `value` if it lies in the open interval (0, 1)."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"`{name}` must lie in (0, 1); got {value}.")
    return float(value)


def choice(value: str, allowed: Collection[str], *, name: str) -> str:
    """Return `value` if it is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {', '.join(allowed)}; got {value!r}.")
    return value


def positive_integer(value: int, *, name: str, at_least: int = 1) -> int:
    """Return `value` if it is an integer of at least `at_least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < at_least:
        raise ValueError(f"`{name}` must be an integer of at least {at_least}; got {value!r}.")
    return int(value)
