"""What ComBat reads from a patient table: batch labels, covariates to preserve, features."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from extval.features.modelling.outcome import is_survival
from extval.stats._checks import FloatArray

Labels = NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariate:
    """A column whose effect is kept; `levels` are those of a category, None for a number."""

    column: str
    levels: tuple[str, ...] | None

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of its columns in the design: one, or one for each level after the first."""
        if self.levels is None:
            return (self.column,)
        return tuple(f"{self.column}={level}" for level in self.levels[1:])


def labels(column: "pd.Series[Any]", *, role: str) -> Labels:
    """Return the labels of a column as text; 2.0 is written 2, as a column of numbers with gaps."""
    missing = np.flatnonzero(column.isna().to_numpy() | (column.astype(str) == "").to_numpy())
    if missing.size:
        raise ValueError(
            f"{role} column {column.name!r} has no label for {missing.size} of {len(column)} "
            f"patients, first {column.index[missing[0]]!r}. Fill it in or leave those patients out."
        )
    return np.array([_label(value) for value in column.tolist()], dtype=object)


def _label(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


def covariate(column: "pd.Series[Any]") -> Covariate:
    """Return a covariate with the levels that it has in the development table."""
    name = str(column.name)
    if column.nunique(dropna=True) < 2:
        raise ValueError(
            f"Covariate {name!r} has the same value in all patients, so there is nothing to "
            "preserve. Leave it out of `covariates`."
        )
    if _numeric(column):
        return Covariate(column=name, levels=None)
    return Covariate(column=name, levels=tuple(sorted(set(labels(column, role="Covariate")))))


def _numeric(column: "pd.Series[Any]") -> bool:
    if column.dtype == object:
        known = column.dropna().tolist()
        return all(isinstance(x, Real) and not isinstance(x, (bool, np.bool_)) for x in known)
    dtype = column.dtype
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)


def design(table: pd.DataFrame, covariates: Sequence[Covariate]) -> FloatArray:
    """Return the covariate terms, shape (q, n)."""
    rows: list[FloatArray] = []
    for one in covariates:
        column = table[one.column]
        if one.levels is None:
            rows.append(_numbers(column.to_frame(), role="Covariate")[0])
            continue
        found = labels(column, role="Covariate")
        strange = [i for i, label in enumerate(found) if label not in one.levels]
        if strange:
            raise ValueError(
                f"Covariate {one.column!r} is {found[strange[0]]!r} for patient "
                f"{table.index[strange[0]]!r}; development knew {', '.join(one.levels)}. Its "
                "effect is unknown, so it cannot be preserved."
            )
        rows.extend((found == level).astype(np.float64) for level in one.levels[1:])
    return np.array(rows).reshape(len(rows), len(table))


def features(table: pd.DataFrame, names: Sequence[str]) -> FloatArray:
    """Return the features as rows, shape (p, n), finite."""
    if not names:
        raise ValueError(
            "The table has no feature column beside the batch and the covariates. Add features."
        )
    place = table.columns.get_indexer(pd.Index(names))
    if (place < 0).any():
        absent = np.flatnonzero(place < 0)
        raise ValueError(
            f"Feature {names[absent[0]]!r} of the development is not in the table; {absent.size} "
            "are missing. Extract them, or fit without them."
        )
    together = bool((np.diff(place) == 1).all())  # a slice of columns is not copied
    return _numbers(
        table.iloc[:, slice(place[0], place[-1] + 1) if together else place], role="Feature"
    )


def _numbers(table: pd.DataFrame, *, role: str) -> FloatArray:
    try:
        plain = set(table.dtypes) == {np.dtype(np.float64)}  # the usual table is not copied
        found = table.to_numpy() if plain else table.to_numpy(np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        text = [name for name in table if not _numeric(table[name])]
        raise ValueError(
            f"{role} column {text[0]!r} holds text or categories. Name it as `batch` or in "
            "`covariates`, or leave it out."
        ) from None
    values = np.ascontiguousarray(found.T)
    # A sum is finite unless a value is not (or the sum overflows, which the search then denies).
    if not np.isfinite(values.sum()):
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            column, row = (int(i) for i in bad[0])
            raise ValueError(
                f"{role} column {table.columns[column]!r} must be finite; patient "
                f"{table.index[row]!r} has {values[column, row]} ({len(bad)} values in all are "
                "missing or infinite). Impute or leave them out before ComBat."
            )
    return values


def refuse_confounded(
    terms: FloatArray, within: FloatArray, covariates: Sequence[Covariate]
) -> None:
    """Raise, as sva does, if batches and covariates together have no unique effects.

    `terms` has shape (q, n); `within` is the same, centred in each batch.
    """
    overall = terms - terms.mean(axis=1, keepdims=True)
    size = np.linalg.norm(overall, axis=1, keepdims=True)
    if np.linalg.matrix_rank(within / size) == len(terms):
        return
    names = ", ".join(repr(one.column) for one in covariates)
    if np.linalg.matrix_rank(overall / size) < len(terms):
        raise ValueError(
            f"The covariates {names} determine each other, so their effects cannot be told apart. "
            "Leave one of them out."
        )
    raise ValueError(
        f"Covariate and batch are confounded ({names}): within the batches the covariates do not "
        "vary enough to tell their effects from those of the batch. Leave the covariate out."
    )


def refuse_outcome(table: pd.DataFrame, covariates: Sequence[str], y: Any) -> None:
    """Raise if a covariate is the outcome under another name."""
    fields = [y["time"], y["event"]] if is_survival(y) else [np.asarray(y)]
    for name in covariates:
        column = table[name]
        for outcome in fields:
            if len(outcome) != len(column):
                raise ValueError(
                    f"`y` must have one outcome a patient, {len(column)}; got {len(outcome)}."
                )
            if _same(column, outcome):
                raise ValueError(
                    f"Covariate {name!r} is the outcome itself, or a relabelling of it. ComBat may "
                    "not preserve the outcome: external patients would have to be harmonised with "
                    "it, and the development performance would be too good."
                )


def _same(column: "pd.Series[Any]", outcome: NDArray[Any]) -> bool:
    """Tell whether two columns are equal up to the names of their values, or a linear scale."""
    ours, theirs = pd.factorize(column)[0], pd.factorize(outcome)[0]
    pairs = len(set(zip(ours.tolist(), theirs.tolist(), strict=True)))
    distinct = len(set(theirs.tolist()))
    if distinct <= 2 or distinct < len(theirs) / 2:
        return distinct > 1 and pairs == distinct == len(set(ours.tolist()))
    # Of nearly distinct values (times) every other such column would be a relabelling.
    if not _numeric(column) or outcome.dtype.kind not in "iuf" or column.nunique() < 2:
        return False
    correlation = np.corrcoef(column.to_numpy(dtype=np.float64), outcome.astype(np.float64))[0, 1]
    return bool(abs(correlation) > 1 - 1e-12)


def batches_against_outcome(batch: Labels, y: Any) -> list[str]:
    """Raise if the batches separate the outcomes; return a caution for each with one outcome."""
    outcome = y["event"] if is_survival(y) else np.asarray(y)
    if len(outcome) != len(batch):
        raise ValueError(f"`y` must have one outcome a patient, {len(batch)}; got {len(outcome)}.")
    if len(set(outcome.tolist())) < 2:
        return []
    alone = [name for name in sorted(set(batch)) if len(set(outcome[batch == name].tolist())) == 1]
    if len(alone) == len(set(batch)):
        raise ValueError(
            "Batch and outcome are confounded: every batch has one outcome only, so removing the "
            "batch effect removes or invents the effect of the outcome. ComBat cannot be used here."
        )
    return [
        f"All patients of batch {name!r} have the same outcome, so removing its batch effect also "
        "removes part of the effect of the outcome."
        for name in alone
    ]


def refuse_table(table: Any, *, batch: str, covariates: Sequence[str], outcome: str | None) -> None:
    """Raise unless `table` is a DataFrame with the covariates and without the outcome."""
    if not isinstance(table, pd.DataFrame):
        raise ValueError(
            f"ComBat takes a DataFrame, because it reads the batch from the column {batch!r}; got "
            f"{type(table).__name__}."
        )
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise ValueError(f"Column {twice!r} occurs twice. Rename or drop one of them.")
    absent = [name for name in covariates if name not in table.columns]
    if absent:
        raise ValueError(f"The table has no column {absent[0]!r}, a covariate of ComBat. Add it.")
    if outcome is not None and outcome in table.columns:
        raise ValueError(
            f"The outcome {outcome!r} is among the columns of X and would be harmonised as a "
            "feature. Take it out and pass it as `y`."
        )


def refuse_roles(*, batch: str, covariates: Sequence[str], outcome: str | None) -> None:
    """Raise if a column has two roles, or the outcome any."""
    if isinstance(covariates, str):
        raise ValueError(
            f"`covariates` must be a list of column names; got the text {covariates!r}."
        )
    if batch in covariates or len(set(covariates)) < len(covariates):
        raise ValueError(
            f"`covariates` must be distinct columns other than the batch {batch!r}; got "
            f"{', '.join(covariates)}."
        )
    if outcome is not None and outcome in (batch, *covariates):
        raise ValueError(
            f"The outcome {outcome!r} may be neither batch nor covariate of ComBat: harmonising "
            "with it leaks it into the features. Leave it out."
        )


def refuse_batches(names: Sequence[str], size: Sequence[int], *, reference: str | None) -> None:
    """Raise if there is one batch only, a batch of one patient, or no reference batch."""
    if len(names) < 2:
        raise ValueError(
            f"All patients are of batch {names[0]!r}: there is no batch effect to remove. Leave "
            "ComBat out of the procedure."
        )
    lone = [name for name, n in zip(names, size, strict=True) if n < 2]
    if lone:
        raise ValueError(
            f"Batch {lone[0]!r} has one patient, so its scale cannot be estimated. Merge it with "
            "a like scanner or leave the patient out."
        )
    if reference is not None and reference not in names:
        raise ValueError(
            f"The reference batch {reference!r} is not in the table, which has {', '.join(names)}."
        )
