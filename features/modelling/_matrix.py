"""How the steps of a model read their features: numbers, named columns, and no silent gaps."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from extval.features.modelling.outcome import is_survival, time_and_event
from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray

CONSTANT = 1e-12  # range beside the largest magnitude, below which a feature is rounding noise


def matrix(
    step: Any,
    x: Any,
    *,
    reset: bool,
    missing: bool = False,
    at_least: int = 1,
) -> FloatArray:
    """Return the features as float64 of shape (n, p) and let scikit-learn check their names.

    `reset` in `fit`; `missing` allows NaN; fewer patients than `at_least` are refused. Refusals
    name the first feature and patient.
    """
    if reset and isinstance(x, pd.DataFrame) and not x.columns.is_unique:
        twice = x.columns[x.columns.duplicated()]
        raise ValueError(
            f"Column {twice[0]!r} is there more than once; {len(twice)} columns repeat a name. "
            "Keep one of each."
        )
    out = x.to_numpy() if isinstance(x, pd.DataFrame) and x.shape[1] else None
    if out is not None and out.dtype.kind in "fiu":
        # scikit-learn looks at every column's type, which takes longer than fitting most steps
        validate_data(step, x, skip_check_array=True, reset=reset)
        out = np.ascontiguousarray(out, dtype=np.float64)
    else:
        out = validate_data(
            step, x, dtype=np.float64, ensure_all_finite=False, ensure_min_samples=0, reset=reset
        )
    if out.shape[0] < at_least:
        raise ValueError(
            f"{type(step).__name__} needs at least {at_least} patients; got n_samples = "
            f"{out.shape[0]}."
        )
    with np.errstate(all="ignore"):  # one sum tells whether a slower look is needed
        if np.isfinite(out.sum()):
            return np.asarray(out, dtype=np.float64)
    bad = np.isinf(out) if missing else ~np.isfinite(out)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        patient = x.index[row] if isinstance(x, pd.DataFrame) else row
        what = "missing (NaN)" if np.isnan(out[row, column]) else f"infinite ({out[row, column]})"
        raise ValueError(
            f"Feature {feature_names(step)[column]!r} of patient {patient!r} is {what}; "
            f"{int(bad.sum())} of {out.size} values are NaN or infinite. "
            f"{type(step).__name__} takes numbers only: impute or drop them in an earlier step."
        )
    return np.asarray(out, dtype=np.float64)


def feature_names(step: Any) -> list[str]:
    """Return the names of the columns that `step` was given; x0, x1, ... for an array."""
    named = getattr(step, "feature_names_in_", None)
    if named is None:
        return [f"x{j}" for j in range(step.n_features_in_)]
    return [str(name) for name in named]


def constant(x: FloatArray) -> BoolArray:
    """Tell which columns do not vary: range at most 1e-12 of the largest magnitude.

    The rule is relative, so a feature in tiny units is not constant, while one whose values differ
    by rounding is. NaN is left out; a column of NaN alone is constant.
    """
    if x.shape[0] == 0:
        return np.ones(x.shape[1], dtype=np.bool_)
    with np.errstate(all="ignore"):
        low = np.fmin.reduce(x, axis=0)
        high = np.fmax.reduce(x, axis=0)
        return np.asarray(~(high - low > CONSTANT * np.maximum(np.abs(low), np.abs(high))))


def refuse_constant(step: Any, x: FloatArray) -> None:
    """Raise if a column does not vary, naming the first."""
    flat = np.flatnonzero(constant(x))
    if flat.size:
        raise ValueError(
            f"Feature {feature_names(step)[flat[0]]!r} is constant in the {x.shape[0]} patients; "
            f"{flat.size} of {x.shape[1]} features are. {type(step).__name__} is not defined for "
            "them: put VarianceFilter before it."
        )


def binary_outcome(step: Any, y: Any, n: int) -> BoolArray:
    """Return a 0/1 outcome of `n` patients, both classes present, or raise."""
    _given(step, y, n)
    try:
        is_event = _checks.binary(y, name="y")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{type(step).__name__} takes a 0/1 outcome. Unknown label type: {error}"
        ) from error
    if is_event.all() or not is_event.any():
        raise ValueError(
            f"All {n} patients have the same outcome (one class), so {type(step).__name__} has "
            "nothing to compare. Check `y`."
        )
    return is_event


def survival_outcome(step: Any, y: Any, n: int) -> tuple[FloatArray, BoolArray]:
    """Return time and event of `n` patients, one event at least, or raise."""
    _given(step, y, n)
    if not is_survival(y):
        raise ValueError(
            f"{type(step).__name__} needs a time to event; `y` is none. Build it with "
            "`survival(time, event)`."
        )
    time, event = time_and_event(y)
    _checks.durations(time)
    if not event.any():
        raise ValueError(
            f"None of the {n} patients had the event, so {type(step).__name__} has nothing to "
            "compare. Check `y`."
        )
    return time, event


def _given(step: Any, y: Any, n: int) -> None:
    if y is None:
        raise ValueError(
            f"{type(step).__name__} requires y to be passed, but the target y is None: it learns "
            "from the outcome."
        )
    shape = np.asarray(y).shape
    if shape[:1] != (n,):
        raise ValueError(
            f"`X` has {n} patients and `y` {shape[0] if shape else 'no'} values: "
            "found input variables with inconsistent numbers of samples."
        )
