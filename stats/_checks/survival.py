"""Checks of follow-up times, causes, horizons and delayed entry."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats._checks.arrays import FloatArray, finite, same_length
from extval.stats._checks.scalars import positive_integer


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


def event_codes(values: ArrayLike, *, name: str = "event") -> NDArray[np.int64]:
    """Return codes of competing events, 0 for censored, as int64 of shape `(n,)`."""
    arr = np.asarray(values)
    if arr.ndim != 1:
        raise ValueError(f"`{name}` must be 1-D; got shape {arr.shape}.")
    out = finite(arr, arr.size, name=name)
    bad = np.flatnonzero((out < 0) | (out != np.floor(out)))
    if bad.size:
        raise ValueError(
            f"`{name}` must hold whole numbers from 0 (censored); {bad.size} of {arr.size} values "
            f"are not, first at index {bad[0]} ({arr[bad[0]]})."
        )
    return out.astype(np.int64)


def horizons(values: ArrayLike, *, name: str = "horizons", at_least: int = 1) -> FloatArray:
    """Return times at which to evaluate, non-negative and strictly increasing, float64 `(h,)`."""
    out = durations(values, name=name)
    if out.size < at_least:
        raise ValueError(f"`{name}` must hold at least {at_least}; got {out.size}.")
    bad = np.flatnonzero(out[1:] <= out[:-1])
    if bad.size:
        raise ValueError(
            f"`{name}` must increase strictly; index {bad[0] + 1} ({out[bad[0] + 1]}) does not."
        )
    return out


def entries(values: ArrayLike, time: FloatArray, *, name: str = "entry") -> FloatArray:
    """Return entry times as finite, non-negative float64, each before its `time`."""
    out = durations(values, name=name)
    same_length(out, time.size, name=name)
    bad = np.flatnonzero(out >= time)
    if bad.size:
        raise ValueError(
            f"`{name}` must be before `time`; {bad.size} of {time.size} values are not, first at "
            f"index {bad[0]} ({name} {out[bad[0]]}, time {time[bad[0]]})."
        )
    return out


def causes(
    values: ArrayLike, n: int, *, n_causes: int | None, name: str = "cause"
) -> tuple[NDArray[np.intp], int]:
    """Return cause codes as integers of shape `(n,)`, 0 for censored, and how many causes."""
    arr = np.asarray(values)
    if arr.shape != (n,):
        raise ValueError(f"`{name}` must have shape ({n},); got {arr.shape}.")
    codes = arr.astype(np.float64)
    bad = np.flatnonzero(~((codes >= 0.0) & (codes == np.round(codes))))
    if bad.size:
        raise ValueError(
            f"`{name}` must hold 0 (censored), 1, 2, ...; {bad.size} of {n} values do not, first "
            f"at index {bad[0]} ({arr[bad[0]]})."
        )
    largest = int(codes.max()) if n else 0
    count = max(largest, 1) if n_causes is None else positive_integer(n_causes, name="n_causes")
    if largest > count:
        raise ValueError(f"`{name}` must not exceed `n_causes`, {count}; got {largest}.")
    return codes.astype(np.intp), count
