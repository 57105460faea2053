"""Boundary checks: the only code in `extval.stats` that raises on user input."""

from collections.abc import Collection, Sequence
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


def share(value: float, *, name: str) -> float:
    """Return `value` if it lies in the half-open interval (0, 1]."""
    if not 0.0 < value <= 1.0:
        raise ValueError(f"`{name}` must lie in (0, 1]; got {value}.")
    return float(value)


def generator(rng: np.random.Generator | None, *, name: str = "rng") -> np.random.Generator:
    """Return `rng` if it is a numpy Generator; resampling has no hidden default."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(
            f"`{name}` must be a numpy.random.Generator when resampling; got {rng!r}. Pass "
            "numpy.random.default_rng(seed)."
        )
    return rng


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
    bad = np.flatnonzero(np.diff(out) <= 0.0)
    if bad.size:
        raise ValueError(
            f"`{name}` must increase strictly; index {bad[0] + 1} ({out[bad[0] + 1]}) does not."
        )
    return out


def one_a_horizon(rows: int, n_horizons: int, *, name: str) -> None:
    """Raise unless there is one row of predictions a horizon."""
    if rows != n_horizons:
        raise ValueError(f"`{name}` must have one row a horizon, {n_horizons} in all; got {rows}.")


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


def ratings(values: ArrayLike, *, name: str = "ratings") -> FloatArray:
    """Return C-contiguous float64 of shape `(features, subjects, raters)`; NaN is a missing one."""
    out = np.ascontiguousarray(values, dtype=np.float64)
    if out.ndim != 3:
        raise ValueError(
            f"`{name}` must have shape (features, subjects, raters); got {out.shape}. Add a "
            "leading axis for a single feature."
        )
    if out.shape[2] < 2:
        raise ValueError(f"`{name}` needs at least 2 raters on its last axis; got {out.shape[2]}.")
    if np.isinf(out).any():
        bad = np.argwhere(np.isinf(out))
        raise ValueError(
            f"`{name}` must be finite or NaN (missing); {len(bad)} of {out.size} values are "
            f"infinite, first at index {tuple(int(i) for i in bad[0])}."
        )
    return out


def successes_of(successes: int, n: int) -> tuple[int, int]:
    """Return `(successes, n)` if both are integers with ``0 <= successes <= n``."""
    positive_integer(n, name="n", at_least=0)
    positive_integer(successes, name="successes", at_least=0)
    if successes > n:
        raise ValueError(f"`successes` must not exceed `n`; got {successes} of {n}.")
    return int(successes), int(n)


def score_rows(values: ArrayLike, n: int, *, name: str) -> FloatArray:
    """Return `values` as finite C-contiguous float64 of shape `(k, n)`, one row a model."""
    rows = _model_rows(values, n, name=name)
    if not np.isfinite(rows).all():
        for j, row in enumerate(rows):
            finite(row, n, name=f"{name}[{j}]")
    return rows


def probability_rows(values: ArrayLike, n: int, *, name: str = "y_prob") -> list[FloatArray]:
    """Return the k rows of a `(k, n)` array, one a model, each in [0, 1]."""
    rows = _model_rows(values, n, name=name)
    return [probabilities(row, n, name=f"{name}[{j}]") for j, row in enumerate(rows)]


def _model_rows(values: ArrayLike, n: int, *, name: str) -> FloatArray:
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


def number_in(
    value: float | None, *, name: str, above: float, up_to: float, why: str = ""
) -> float:
    """Return `value` if it is a number with ``above < value <= up_to``."""
    if value is None or not above < value <= up_to:
        raise ValueError(f"`{name}` must lie in ({above:g}, {up_to:g}]{why}; got {value}.")
    return float(value)


def not_given(value: object, *, name: str, why: str) -> None:
    """Raise if an argument was given that has no meaning here."""
    if value is not None:
        raise ValueError(f"`{name}` must not be given {why}; got {value!r}.")


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


def index(value: int, size: int, *, name: str) -> int:
    """Return `value` if it is an integer with ``0 <= value < size``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"`{name}` must be an integer; got {value!r}.")
    if not 0 <= value < size:
        raise ValueError(f"`{name}` must lie in 0 to {size - 1}; got {value}.")
    return int(value)


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
    try:
        distinct = np.unique(arr)
    except TypeError:
        raise ValueError(
            f"`{name}` must hold labels of one kind, all numbers or all text."
        ) from None
    return distinct, np.searchsorted(distinct, arr)


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


def horizon(value: float, *, name: str = "horizon") -> float:
    """Return a time at which to evaluate, finite and not negative."""
    if not 0.0 <= value < np.inf:
        raise ValueError(f"`{name}` must be finite and not negative; got {value}.")
    return float(value)


def real(value: float, *, name: str) -> float:
    """Return `value` if it is a finite number."""
    if not np.isfinite(value):
        raise ValueError(f"`{name}` must be finite; got {value}.")
    return float(value)


def positive(value: float, *, name: str) -> float:
    """Return `value` if it is finite and above zero."""
    if not 0.0 < value < np.inf:
        raise ValueError(f"`{name}` must be finite and above 0; got {value}.")
    return float(value)


def unit(value: float, *, name: str) -> float:
    """Return `value` if it lies in the closed interval [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"`{name}` must lie in [0, 1]; got {value}.")
    return float(value)


def between(value: float, low: float, high: float, *, name: str) -> float:
    """Return `value` if it lies in the open interval (low, high)."""
    if not low < value < high:
        raise ValueError(f"`{name}` must lie in ({low:g}, {high:g}); got {value}.")
    return float(value)


def lost(value: float, *, name: str = "lost") -> float:
    """Return `value` if it lies in the half-open interval [0, 1)."""
    if not 0.0 <= value < 1.0:
        raise ValueError(f"`{name}` must lie in [0, 1); got {value}.")
    return float(value)


def both_or_neither(first: object, second: object, *, names: tuple[str, str]) -> None:
    """Raise if just one of two arguments is given."""
    if (first is None) != (second is None):
        raise ValueError(f"`{names[0]}` and `{names[1]}` must be given together or not at all.")


def spread_sample(values: ArrayLike, *, name: str = "values") -> FloatArray:
    """Return finite `values`, `(n,)`, of which at least two differ."""
    out = vector(values, name=name)
    if out.size < 2 or out.min() == out.max():
        raise ValueError(f"`{name}` must hold at least two different values; got {out.size}.")
    return out


def reached_threshold(share_above: float, threshold: float, *, name: str = "threshold") -> None:
    """Raise if nobody is expected above a risk threshold."""
    if not share_above > 0.0:
        raise ValueError(
            f"`{name}` must be below some risk of the assumed linear predictor; none is above "
            f"{threshold}."
        )


def ordered_units(low: float, high: float) -> tuple[float, float]:
    """Return `(low, high)` if ``0 <= low < high <= 1``."""
    if not 0.0 <= low < high <= 1.0:
        raise ValueError(f"`low` and `high` must satisfy 0 <= low < high <= 1; got {low}, {high}.")
    return float(low), float(high)


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


def two_groups(count: int, *, name: str = "group") -> None:
    """Raise unless there are exactly two different labels."""
    if count != 2:
        raise ValueError(f"`{name}` must hold exactly two different labels; got {count}.")


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


def exact_size(n: int, *, at_most: int) -> None:
    """Raise if an exact distribution is asked for more patients than can be enumerated."""
    if n > at_most:
        raise ValueError(
            f"`method` 'exact' is for at most {at_most} patients; got {n}. Use 'asymptotic'."
        )


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


def categorical_ratings(
    values: ArrayLike, categories: Sequence[Any] | None, *, name: str = "ratings"
) -> tuple[NDArray[np.intp], BoolArray, list[Any]]:
    """Return codes `(subjects, raters)`, which subjects are complete, and the categories.

    None and NaN are missing; the codes of an incomplete subject mean nothing. Without
    `categories` these are the sorted labels that occur.
    """
    arr = np.asarray(values)
    if arr.ndim != 2 or arr.shape[1] < 2:
        raise ValueError(
            f"`{name}` must have shape (subjects, raters) with at least 2 raters; got {arr.shape}."
        )
    rows = arr.tolist()
    missing = [
        any(x is None or (isinstance(x, float) and np.isnan(x)) for x in row) for row in rows
    ]
    complete = ~np.array(missing, dtype=np.bool_)
    kept = [row for row, gap in zip(rows, missing, strict=True) if not gap]
    try:
        found = sorted({x for row in kept for x in row})
    except TypeError:
        raise ValueError(
            f"`{name}` must hold labels of one kind, all numbers or all text."
        ) from None
    known = found if categories is None else list(categories)
    place = {label: code for code, label in enumerate(known)}
    unknown = [x for x in found if x not in place]
    if unknown:
        raise ValueError(f"`categories` must hold every label of `{name}`; {unknown[0]!r} is not.")
    codes = np.zeros(arr.shape, dtype=np.intp)
    codes[complete] = np.array([[place[x] for x in row] for row in kept]).reshape(-1, arr.shape[1])
    return codes, complete, known


def ordered_categories(categories: Sequence[Any] | None, found: Sequence[Any]) -> None:
    """Raise if text labels are to be weighted by distance without a stated order."""
    if categories is None and any(isinstance(x, str) for x in found):
        raise ValueError(
            "`categories` must be given in their order when text labels are weighted; sorted by "
            f"letters they would be {', '.join(map(str, found))}."
        )


def raters(n: int, *, wanted: int) -> None:
    """Raise unless there are `wanted` raters."""
    if n != wanted:
        raise ValueError(f"`ratings` must have {wanted} raters (columns) here; got {n}.")


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


def above_zero(value: float, *, name: str) -> float:
    """Return `value` if it is above zero; infinity is allowed."""
    if not value > 0.0:
        raise ValueError(f"`{name}` must be above 0; got {value}.")
    return float(value)


def imputed(values: ArrayLike, se: ArrayLike, *, scale: str) -> tuple[FloatArray, FloatArray]:
    """Return the estimates of two or more imputations and their standard errors, all finite."""
    out = vector(values, name="value")
    if out.size < 2:
        raise ValueError(f"`value` must hold at least 2 imputations; got {out.size}.")
    finite(se, out.size, name="se")
    return centers(out, se, scale=scale)


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


def label_volumes(
    a: ArrayLike, b: ArrayLike, spacing: Sequence[float]
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[float, ...]]:
    """Return two label images of one shape, in 2-D or 3-D, and the spacing of their axes."""
    first, second = np.asarray(a), np.asarray(b)
    if first.ndim not in (2, 3) or first.shape != second.shape:
        raise ValueError(
            f"`a` and `b` must be 2-D or 3-D and of one shape; got {first.shape} and "
            f"{second.shape}."
        )
    for name, arr in (("a", first), ("b", second)):
        if arr.dtype.kind not in "biu":
            raise ValueError(f"`{name}` must hold whole-number labels; got dtype {arr.dtype}.")
    sizes = tuple(float(size) for size in spacing)
    if len(sizes) != first.ndim or not all(0.0 < size < np.inf for size in sizes):
        raise ValueError(
            f"`spacing` must hold {first.ndim} positive lengths, one an axis; got {sizes}."
        )
    return first.astype(np.int64, copy=False), second.astype(np.int64, copy=False), sizes


def not_negative(value: float, *, name: str) -> float:
    """Return `value` if it is finite and not below zero."""
    if not 0.0 <= value < np.inf:
        raise ValueError(f"`{name}` must be finite and not negative; got {value}.")
    return float(value)


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


def incomplete(values: ArrayLike, *, name: str, columns: int | None = None) -> FloatArray:
    """Return `values` as float64 of shape `(n, columns)`, finite or NaN (missing)."""
    out = np.array(values, dtype=np.float64)
    if out.ndim != 2 or out.shape[1] < 1 or columns not in (None, out.shape[1]):
        wanted = "columns" if columns is None else str(columns)
        raise ValueError(f"`{name}` must have shape (n, {wanted}); got {out.shape}.")
    bad = np.argwhere(np.isinf(out))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise ValueError(
            f"`{name}` must be finite or NaN (missing); {len(bad)} of {out.size} values are "
            f"infinite, first at row {row}, column {column}."
        )
    return out


def kinds_of(kinds: Sequence[str], columns: int, allowed: Collection[str]) -> None:
    """Raise unless every column has an allowed kind."""
    if len(kinds) != columns:
        raise ValueError(f"`kinds` must have {columns} entries, one a column; got {len(kinds)}.")
    for kind in kinds:
        choice(kind, allowed, name="kinds")


def observed_columns(missing: BoolArray) -> None:
    """Raise if a column of development data has no observed value."""
    empty = np.flatnonzero(missing.all(axis=0))
    if empty.size:
        raise ValueError(
            f"`development` must have an observed value in every column; column {empty[0]} has "
            "none. Leave that column out."
        )


def known_levels(values: FloatArray, levels: FloatArray, *, column: int) -> None:
    """Raise if a categorical column holds a code that was not seen in development."""
    if levels.size:
        strange = np.setdiff1d(values, levels)
        if strange.size:
            raise ValueError(
                f"`patients` must hold known codes in column {column}; {strange[0]:g} is not "
                f"among {', '.join(f'{level:g}' for level in levels)}."
            )
