"""Clinical predictors as declared by a person, turned into the columns of a regression model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from extval.stats._checks import FloatArray

NUMERIC, CATEGORICAL, CUT = "numeric", "categorical", "cut"
SETTINGS = ("column", "kind", "levels", "reference", "above", "at_least")
FEW_VALUES = 10  # up to as many distinct values are shown one by one, as by rms::datadist

Declared = Mapping[str, Mapping[str, Any] | None] | Sequence[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """One predictor as it enters a model.

    Attributes
    ----------
    name, column : str
        What the model calls it, and the column it is read from.
    kind : {"numeric", "categorical", "cut"}
    levels : tuple
        Of a categorical predictor: the levels that development patients had, reference first.
    absent : tuple
        Declared levels that no development patient had; they have no coefficient.
    cut : float or None
        Of a cut: patients above it (from it on, if `inclusive`) are 1, the others 0.
    inclusive : bool
    """

    name: str
    column: str
    kind: str
    levels: tuple[Any, ...] = ()
    absent: tuple[Any, ...] = ()
    cut: float | None = None
    inclusive: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """Return the names of its columns in the model: none for a single level."""
        if self.kind == CATEGORICAL:
            return tuple(f"{self.name}={level_label(level)}" for level in self.levels[1:])
        return (self.name,)

    @property
    def setting(self) -> dict[str, Any]:
        """Return the declaration that makes this predictor again."""
        if self.kind == CUT:
            return {"column": self.column, "at_least" if self.inclusive else "above": self.cut}
        if self.kind == NUMERIC:
            return {"column": self.column, "kind": NUMERIC}
        levels = [*self.levels, *self.absent]
        return {"column": self.column, "levels": levels, "reference": next(iter(levels))}

    def columns(self, table: pd.DataFrame, *, named: bool) -> FloatArray:
        """Return its columns of the design, shape (n, terms).

        Raises
        ------
        ValueError
            If a patient has no value or an unknown one; column, patient and value are named.
        """
        if self.kind == CATEGORICAL:
            values = _categories(table[self.column], named=named)
            index = {level: place for place, level in enumerate(self.levels)}
            places = np.array([index.get(value, -1) for value in values], dtype=np.intp)
            if (places < 0).any():
                row = int(np.flatnonzero(places < 0)[0])
                raise ValueError(self._unknown(values[row], patient(table, row, named=named)))
            return np.asarray(places[:, None] == np.arange(1, len(self.levels)), dtype=np.float64)
        numbers = _numbers(table[self.column], named=named)
        if self.cut is not None:
            beyond = numbers >= self.cut if self.inclusive else numbers > self.cut
            return np.asarray(beyond, dtype=np.float64)[:, None]
        return np.asarray(numbers[:, None])

    def _unknown(self, value: Any, who: str) -> str:
        known = ", ".join(level_label(level) for level in self.levels)
        why = "it is not a level of this predictor"
        if value in self.absent:
            why = "no patient of the development data had it"
        return (
            f"Column `{self.column}` holds {level_label(value)!r} for {who}, but {why}; the model "
            f"knows {known}. Correct the value, merge it with a known level, or leave the patient "
            "out."
        )


def level_label(level: Any) -> str:
    """Return a level as text; a whole number stored as float has no decimals.

    Examples
    --------
    >>> level_label("T2"), level_label(2.0), level_label(True)
    ('T2', '2', 'True')
    """
    return f"{level:g}" if isinstance(level, float) else str(level)


def learned(declared: Declared, table: pd.DataFrame, *, named: bool) -> tuple[Predictor, ...]:
    """Return the predictors with their kinds and levels, as found in the development table.

    Parameters
    ----------
    declared : mapping, sequence of str, or None
        None takes every column. A sequence names columns. A mapping gives each predictor its
        settings, or None for the defaults: `column` (else its own name); `kind` ("numeric" or
        "categorical"; else by the column's type, text being categorical); `levels` in order and
        `reference` (else sorted, the first is the reference); or one of `above` and `at_least`,
        which make a predictor that is 1 for patients above (or from) that value.
    table : DataFrame
    named : bool
        Whether the index holds patient identifiers.

    Raises
    ------
    ValueError
        If a setting or a column does not exist, or a patient has no value or an undeclared level.
    """
    settings = _settings(declared, table)
    return tuple(_learned(name, setting, table, named=named) for name, setting in settings.items())


def table_of(
    estimator: Any, x: Any, declared: Declared, *, reset: bool
) -> tuple[pd.DataFrame, bool]:
    """Return the declared columns of `x` as a table, and whether its index names patients.

    In a DataFrame the declared columns are found by name and others are ignored; without a
    declaration all columns are predictors, and scikit-learn's checks of their names apply. The
    columns of an array are called x0, x1, ...

    Raises
    ------
    ValueError
        If a column is missing.
    """
    if not isinstance(x, pd.DataFrame):
        values = validate_data(estimator, x, reset=reset, dtype=np.float64)
        names = getattr(estimator, "feature_names_in_", None)
        if names is None or reset:
            names = [f"x{place}" for place in range(values.shape[1])]
        return pd.DataFrame(values, columns=list(names)), False
    table = x
    if declared is not None:
        wanted = {name: s.get("column", name) for name, s in _settings(declared, None).items()}
        for name, column in wanted.items():
            if column not in x.columns:
                raise ValueError(
                    f"Predictor `{name}` needs the column `{column}`, which the table does not "
                    "have. Add the column or correct the name."
                )
        table = x.loc[:, list(dict.fromkeys(wanted.values()))]
    if table.columns.has_duplicates:
        twice = table.columns[table.columns.duplicated()][0]
        raise ValueError(f"The table has two columns `{twice}`; rename or remove one.")
    if not len(table):
        raise ValueError("The table has no patients: Found array with 0 sample(s).")
    if len(table.columns):
        validate_data(estimator, table, reset=reset, skip_check_array=True)
    elif reset:
        estimator.n_features_in_ = 0
    return table, True


def patient(table: pd.DataFrame, row: int, *, named: bool) -> str:
    """Return what an error calls the patient in a row."""
    return f"patient {table.index[row]}" if named else f"row {row}"


def _settings(declared: Declared, table: pd.DataFrame | None) -> dict[str, dict[str, Any]]:
    if isinstance(declared, str):
        raise ValueError(f"`predictors` must be a list or a mapping; got the text {declared!r}.")
    if isinstance(declared, Mapping):
        settings = {str(name): dict(setting or {}) for name, setting in declared.items()}
    else:
        names = table.columns if declared is None and table is not None else declared or ()
        settings = {str(name): {"column": name} for name in names}
    for name, setting in settings.items():
        unknown = set(setting) - set(SETTINGS)
        if unknown:
            raise ValueError(
                f"Predictor `{name}` has the unknown setting `{sorted(unknown)[0]}`; the settings "
                f"are {', '.join(SETTINGS)}."
            )
        if len({"above", "at_least", "levels"} & set(setting)) > 1:
            raise ValueError(
                f"Predictor `{name}` may have only one of `above`, `at_least` and `levels`."
            )
    return settings


def _learned(name: str, setting: dict[str, Any], table: pd.DataFrame, *, named: bool) -> Predictor:
    column = setting.get("column", name)
    if column not in table.columns:
        raise ValueError(f"Predictor `{name}` needs the column `{column}`, which is not there.")
    values = table[column]
    for rule in ("above", "at_least"):
        if rule in setting:
            _numbers(values, named=named)
            return Predictor(
                name=name,
                column=column,
                kind=CUT,
                cut=float(setting[rule]),
                inclusive=rule == "at_least",
            )
    if values.dtype.kind in "mM":
        raise ValueError(
            f"Column `{column}` of predictor `{name}` holds dates; turn them into a number, such "
            "as the years to diagnosis, before the model."
        )
    is_text = not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values))
    chosen = is_text or "levels" in setting or "reference" in setting
    kind = setting.get("kind", CATEGORICAL if chosen else NUMERIC)
    if kind not in (NUMERIC, CATEGORICAL):
        raise ValueError(
            f"`kind` of predictor `{name}` must be numeric or categorical; got {kind!r}."
        )
    if kind == NUMERIC:
        _numbers(values, named=named)
        return Predictor(name=name, column=column, kind=NUMERIC)
    return _with_levels(name, column, setting, table, named=named)


def _with_levels(
    name: str, column: str, setting: dict[str, Any], table: pd.DataFrame, *, named: bool
) -> Predictor:
    found = _categories(table[column], named=named)
    seen = dict.fromkeys(found)
    if "levels" in setting:
        order = [_plain(level) for level in setting["levels"]]
        for row, value in enumerate(found):
            if value not in order:
                raise ValueError(
                    f"Column `{column}` holds {level_label(value)!r} for "
                    f"{patient(table, row, named=named)}, which is not a declared level of "
                    f"predictor `{name}` ({', '.join(map(level_label, order))}). Declare it or "
                    "correct the value."
                )
    elif isinstance(table[column].dtype, pd.CategoricalDtype):
        order = [_plain(level) for level in table[column].cat.categories]
    else:
        order = _sorted(seen)
    reference = _plain(setting.get("reference", next(level for level in order if level in seen)))
    if reference not in seen:
        raise ValueError(
            f"No patient has the reference level {level_label(reference)!r} of predictor `{name}` "
            f"(column `{column}`); choose one of {', '.join(map(level_label, seen))}."
        )
    present = [level for level in order if level in seen and level != reference]
    return Predictor(
        name=name,
        column=column,
        kind=CATEGORICAL,
        levels=(reference, *present),
        absent=tuple(level for level in order if level not in seen),
    )


def _numbers(values: pd.Series, *, named: bool) -> FloatArray:
    try:
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Column `{values.name}` must hold numbers; {error}. Declare the predictor as "
            "categorical or correct the values."
        ) from error
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        raise ValueError(_missing(values, bad, named=named))
    return np.ascontiguousarray(numbers)


def _categories(values: pd.Series, *, named: bool) -> list[Any]:
    bad = np.flatnonzero(values.isna().to_numpy())
    if bad.size:
        raise ValueError(_missing(values, bad, named=named))
    return list(values.tolist())


def _missing(values: pd.Series, bad: Any, *, named: bool) -> str:
    who = patient(values.to_frame(), int(bad[0]), named=named)
    more = f" and {bad.size - 1} more" if bad.size > 1 else ""
    value = values.iloc[int(bad[0])]
    got = "no value" if pd.isna(value) else f"the value {value}"
    return (
        f"Column `{values.name}` has {got} for {who}{more}. Impute it in an earlier step, or leave "
        "out these patients."
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _sorted(values: Any) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:  # numbers and text in one column
        return sorted(values, key=str)
