"""Checks of predictors with gaps."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike

from extval.stats._checks.arrays import BoolArray, FloatArray
from extval.stats._checks.scalars import choice


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
