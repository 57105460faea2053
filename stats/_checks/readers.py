"""Checks of what readers rated and segmented."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats._checks.arrays import BoolArray, FloatArray


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
