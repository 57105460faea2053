"""Checks of outcomes, scores, predicted risks and other rows of patients."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_ONE = np.float64(1.0).view(np.uint64)


def binary(values: ArrayLike, *, name: str = "y_true") -> BoolArray:
    """Return `values` as a boolean array of shape `(n,)`; one class only is not an error."""
    arr = np.asarray(values)
    if arr.ndim != 1:
        raise ValueError(f"`{name}` must be 1-D; got shape {arr.shape}.")
    if arr.dtype == np.bool_:
        return arr
    if arr.dtype.kind in "iuf":
        is_one = np.asarray(arr == 1)
        allowed = (arr == 0) | is_one
    else:
        allowed, is_one = np.isin(arr, (0, 1)), arr
    if not allowed.all():
        bad = np.flatnonzero(~allowed)
        raise ValueError(
            f"`{name}` must hold only 0 and 1; {bad.size} of {arr.size} values do not, first at "
            f"index {bad[0]} ({arr[bad[0]]})."
        )
    return is_one.astype(np.bool_, copy=False)


def finite(values: ArrayLike, n: int, *, name: str) -> FloatArray:
    """Return `values` as finite C-contiguous float64 of shape `(n,)`."""
    out = np.ascontiguousarray(values, dtype=np.float64)
    if out.shape != (n,):
        raise ValueError(f"`{name}` must have shape ({n},); got {out.shape}.")
    is_finite = np.isfinite(out)
    if not is_finite.all():
        bad = np.flatnonzero(~is_finite)
        raise ValueError(
            f"`{name}` must be finite; {bad.size} of {n} values are not, first at index "
            f"{bad[0]} ({out[bad[0]]}). Drop or impute those rows before calling."
        )
    return out


def probabilities(values: ArrayLike, n: int, *, name: str = "y_prob") -> FloatArray:
    """Return `values` as float64 of shape `(n,)` in [0, 1]."""
    out = np.ascontiguousarray(values, dtype=np.float64)
    if out.shape != (n,) or not _within_unit(out):
        finite(out, n, name=name)
        bad = np.flatnonzero((out < 0.0) | (out > 1.0))
        raise ValueError(
            f"`{name}` must lie in [0, 1]; {bad.size} of {n} values do not, first at index "
            f"{bad[0]} ({out[bad[0]]})."
        )
    return out


def _within_unit(values: FloatArray) -> bool:
    """Return whether no value is outside [0, 1] or NaN; one pass over the memory but for -0.0.

    Read as whole numbers, the floats from 0 to 1 are those up to 1; all others are larger.
    """
    if not values.size or values.view(np.uint64).max() <= _ONE:
        return True
    return bool(values.min() >= 0.0 and values.max() <= 1.0)


def vector(values: ArrayLike, *, name: str) -> FloatArray:
    """Return `values` as finite C-contiguous float64 of shape `(n,)`, any n."""
    arr = np.asarray(values, dtype=np.float64)
    if arr.ndim != 1:
        raise ValueError(f"`{name}` must be 1-D; got shape {arr.shape}.")
    return finite(arr, arr.size, name=name)


def same_length(values: ArrayLike, n: int, *, name: str) -> None:
    """Raise unless `values` has `n` entries along its last axis."""
    got = np.shape(values)
    if not got or got[-1] != n:
        raise ValueError(f"`{name}` must have {n} entries along its last axis; got shape {got}.")


def score_rows(values: ArrayLike, n: int, *, name: str) -> FloatArray:
    """Return `values` as finite C-contiguous float64 of shape `(k, n)`, one row a model."""
    rows = model_rows(values, n, name=name)
    if not np.isfinite(rows).all():
        for j, row in enumerate(rows):
            finite(row, n, name=f"{name}[{j}]")
    return rows


def probability_rows(values: ArrayLike, n: int, *, name: str = "y_prob") -> list[FloatArray]:
    """Return the k rows of a `(k, n)` array, one a model, each in [0, 1]."""
    rows = model_rows(values, n, name=name)
    return [probabilities(row, n, name=f"{name}[{j}]") for j, row in enumerate(rows)]


def model_rows(values: ArrayLike, n: int, *, name: str) -> FloatArray:
    """Return `values` as C-contiguous float64 of shape `(k, n)`, one row a model, any value."""
    rows = np.ascontiguousarray(values, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != n:
        raise ValueError(
            f"`{name}` must have shape (models, {n}), one row a model; got {rows.shape}. Add a "
            "leading axis for a single model."
        )
    return rows


def increasing_thresholds(values: ArrayLike, *, name: str = "thresholds") -> FloatArray:
    """Return threshold probabilities, strictly increasing in [0, 1), as float64 `(t,)`."""
    out = np.ascontiguousarray(values, dtype=np.float64)
    if out.ndim != 1 or out.size == 0:
        raise ValueError(f"`{name}` must be 1-D and not empty; got shape {out.shape}.")
    bad = np.flatnonzero(~((out >= 0.0) & (out < 1.0)))
    if bad.size:
        raise ValueError(
            f"`{name}` must lie in [0, 1); {bad.size} of {out.size} values do not, first at index "
            f"{bad[0]} ({out[bad[0]]})."
        )
    bad = np.flatnonzero(np.diff(out) <= 0.0)
    if bad.size:
        raise ValueError(
            f"`{name}` must increase strictly; index {bad[0] + 1} ({out[bad[0] + 1]}) does not."
        )
    return out


def p_values(values: ArrayLike, *, name: str = "p_values") -> FloatArray:
    """Return P values as float64 of shape `(k,)`, each in [0, 1] or NaN (no test)."""
    out = np.asarray(values, dtype=np.float64)
    if out.ndim != 1:
        raise ValueError(f"`{name}` must be 1-D; got shape {out.shape}.")
    bad = np.flatnonzero((out < 0.0) | (out > 1.0))
    if bad.size:
        raise ValueError(
            f"`{name}` must lie in [0, 1]; {bad.size} of {out.size} values do not, first at index "
            f"{bad[0]} ({out[bad[0]]})."
        )
    return out


def replicates(values: ArrayLike, *, name: str = "replicates") -> FloatArray:
    """Return resampled values as float64 of shape `(b,)`; NaN is an undefined one."""
    out = np.asarray(values, dtype=np.float64)
    if out.ndim != 1:
        raise ValueError(f"`{name}` must be 1-D; got shape {out.shape}.")
    bad = np.flatnonzero(np.isinf(out))
    if bad.size:
        raise ValueError(
            f"`{name}` must be finite or NaN (undefined); {bad.size} of {out.size} values are "
            f"infinite, first at index {bad[0]}."
        )
    return out


def matrix(values: ArrayLike, n: int, *, name: str) -> FloatArray:
    """Return `values` as finite C-contiguous float64 of shape `(n, p)`, any p."""
    out = np.ascontiguousarray(values, dtype=np.float64)
    if out.ndim != 2 or out.shape[0] != n:
        raise ValueError(f"`{name}` must have shape ({n}, columns); got {out.shape}.")
    bad = np.argwhere(~np.isfinite(out))
    if bad.size:
        row, column = (int(i) for i in bad[0])
        raise ValueError(
            f"`{name}` must be finite; {len(bad)} of {out.size} values are not, first at row "
            f"{row}, column {column} ({out[row, column]}). Drop or impute those rows before "
            "calling."
        )
    return out


def weights(values: ArrayLike, n: int, *, name: str = "weights") -> FloatArray:
    """Return `values` as finite float64 of shape `(n,)`, none negative."""
    out = finite(values, n, name=name)
    bad = np.flatnonzero(out < 0.0)
    if bad.size:
        raise ValueError(
            f"`{name}` must not be negative; {bad.size} of {n} values are, first at index "
            f"{bad[0]} ({out[bad[0]]})."
        )
    return out


def labels(values: ArrayLike, n: int, *, name: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the sorted distinct labels and each row's index into them, shape `(n,)`."""
    arr = np.asarray(values)
    if arr.shape != (n,):
        raise ValueError(f"`{name}` must have shape ({n},); got {arr.shape}.")
    if arr.dtype.kind == "O":
        absent = [x is None or (isinstance(x, float) and np.isnan(x)) for x in arr.tolist()]
        missing = np.flatnonzero(absent)
    else:
        missing = np.flatnonzero(np.isnan(arr) if arr.dtype.kind == "f" else [])
    if missing.size:
        raise ValueError(
            f"`{name}` must not be missing; {missing.size} of {n} values are, first at index "
            f"{missing[0]}. Drop those rows or give them a label before calling."
        )
    if arr.dtype.kind in "biuf" and arr.size:  # two numbers, the usual case, need no sorting
        low, high = arr.min(), arr.max()
        is_high = arr == high
        if low < high and (is_high | (arr == low)).all():
            return np.array([low, high]), is_high.astype(np.intp)
    try:
        distinct = np.unique(arr)
    except TypeError:
        raise ValueError(
            f"`{name}` must hold labels of one kind, all numbers or all text."
        ) from None
    return distinct, np.searchsorted(distinct, arr)


def spread_sample(values: ArrayLike, *, name: str = "values") -> FloatArray:
    """Return finite `values`, `(n,)`, of which at least two differ."""
    out = vector(values, name=name)
    if out.size < 2 or out.min() == out.max():
        raise ValueError(f"`{name}` must hold at least two different values; got {out.size}.")
    return out


def names_of(values: Sequence[str] | None, count: int, *, name: str = "names") -> tuple[str, ...]:
    """Return `count` distinct names, made up as x1, x2, ... where none were given."""
    if values is None:
        return tuple(f"x{j + 1}" for j in range(count))
    out = tuple(str(value) for value in values)
    if len(out) != count or len(set(out)) != count:
        raise ValueError(f"`{name}` must hold {count} distinct names; got {', '.join(out)}.")
    return out


def knots(values: ArrayLike, *, name: str = "knots") -> FloatArray:
    """Return at least three strictly increasing knots as float64 of shape `(k,)`."""
    out = vector(values, name=name)
    if out.size < 3:
        raise ValueError(f"`{name}` needs at least 3 values; got {out.size}.")
    bad = np.flatnonzero(np.diff(out) <= 0.0)
    if bad.size:
        raise ValueError(
            f"`{name}` must increase strictly; index {bad[0] + 1} ({out[bad[0] + 1]}) does not."
        )
    return out


def contingency(values: ArrayLike, *, name: str = "table") -> NDArray[np.int64]:
    """Return a table of counts, `(rows, columns)`: whole numbers, none negative."""
    arr = np.asarray(values, dtype=np.float64)
    if arr.ndim != 2:
        raise ValueError(f"`{name}` must have two dimensions; got shape {arr.shape}.")
    bad = np.argwhere(~(np.isfinite(arr) & (arr >= 0) & (arr == np.floor(arr))))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise ValueError(
            f"`{name}` must hold counts, whole and not negative; {len(bad)} of {arr.size} are "
            f"not, first at row {row}, column {column} ({arr[row, column]})."
        )
    return arr.astype(np.int64)


def groups(values: Sequence[ArrayLike], *, name: str = "groups") -> list[FloatArray]:
    """Return two or more finite samples, each `(n_j,)`."""
    if len(values) < 2:
        raise ValueError(f"`{name}` must hold at least two groups; got {len(values)}.")
    return [vector(group, name=f"{name}[{j}]") for j, group in enumerate(values)]


def positive_values(values: FloatArray, *, name: str, why: str) -> None:
    """Raise unless all of the checked `values` are above zero."""
    bad = np.flatnonzero(values <= 0.0)
    if bad.size:
        raise ValueError(f"`{name}` must be positive {why}; {bad.size} values are zero.")


def open_probabilities(values: ArrayLike, *, name: str) -> FloatArray:
    """Return `values` as float64 of shape `(n,)` strictly between 0 and 1, any n."""
    out = vector(values, name=name)
    bad = np.flatnonzero((out <= 0.0) | (out >= 1.0))
    if bad.size:
        raise ValueError(
            f"`{name}` must lie in (0, 1); {bad.size} of {out.size} values do not, first at index "
            f"{bad[0]} ({out[bad[0]]})."
        )
    return out


def design_for_refit(values: ArrayLike | None, n: int, *, name: str = "design") -> FloatArray:
    """Return the columns of a refit as finite float64 of shape `(n, p)`, p >= 1."""
    if values is None:
        raise ValueError(f"`{name}` is needed to refit a model: pass its columns, shape ({n}, p).")
    out = matrix(values, n, name=name)
    if out.shape[1] == 0:
        raise ValueError(f"`{name}` must have at least one column; got shape {out.shape}.")
    return out


def rows(values: ArrayLike, n: int, *, name: str) -> NDArray[Any]:
    """Return `values` as a 2-D array of `n` rows of any type; missing values are let through."""
    out = np.asarray(values)
    if out.ndim != 2 or out.shape[0] != n:
        raise ValueError(f"`{name}` must have shape ({n}, columns); got {out.shape}.")
    return out


def two_class_probabilities(values: ArrayLike, n: int) -> FloatArray:
    """Return the probability of outcome 1, shape `(n,)`, from what `predict_proba` returned."""
    table = np.asarray(values, dtype=np.float64)
    if table.shape != (n, 2):
        raise ValueError(
            f"`estimator.predict_proba` must return shape ({n}, 2), the probability of outcome 1 "
            f"last; got {table.shape}."
        )
    return np.ascontiguousarray(table[:, 1])


def pairs(a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return two equally long readings of the same subjects, `(n,)`; NaN is a missing one."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(
            f"`a` and `b` must be 1-D and equally long; got {first.shape} and {second.shape}."
        )
    for name, arr in (("a", first), ("b", second)):
        bad = np.flatnonzero(np.isinf(arr))
        if bad.size:
            raise ValueError(
                f"`{name}` must be finite or NaN (missing); {bad.size} of {arr.size} values are "
                f"infinite, first at index {bad[0]}."
            )
    return first, second


def case_mix(development: ArrayLike, validation: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the same columns of two cohorts, `(n_d, p)` and `(n_v, p)`, finite."""
    first, second = (np.asarray(x, dtype=np.float64) for x in (development, validation))
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(
            "`development` and `validation` must be 2-D with the same columns; got "
            f"{first.shape} and {second.shape}."
        )
    return (
        matrix(first, len(first), name="development"),
        matrix(second, len(second), name="validation"),
    )
