"""Keep the features that readers reproduce, judged on development patients alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from extval.features.modelling.patients import LearnsFromPatients
from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray
from extval.stats.agreement import ICC_FORMS, icc

KINDS = ("inter", "intra")
KEEP = ("estimate", "lower")
UNREAD = ("refuse", "keep", "drop")
FEWEST_SUBJECTS, FEW_SUBJECTS = 3, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """The main reader beside `readers`, over the rows of X that all of them delineated."""

    name: str
    readers: tuple[str, ...]
    rows: NDArray[np.intp]


class ReliabilityFilter(LearnsFromPatients, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Keep features whose intraclass correlation between delineations is high enough.

    Parameters
    ----------
    readings : dict of str to DataFrame
        Features from repeated delineations, by reader: index patients, columns features named as
        in `X`. `X` itself is the main reader's table. Patients may be missing from a reading, and
        a reading may hold patients that are not in `X`; those are never used.
    kinds : dict of str to {'inter', 'intra'}, optional
        'inter' (the default of every reader) for other readers, who are compared with the main
        one all together; 'intra' for the main reader's own second reading, each compared alone.
    form : str
        One of the six of `extval.stats.agreement.ICC_FORMS`. ``ICC(2,1)`` is the absolute
        agreement of a single reader, the reader being random.
    keep : {'estimate', 'lower'}
        Compare the estimate, or the lower limit of its interval, with `above`.
    above : float
        A feature is kept if every one of its correlations is greater than this.
    confidence_level : float in (0, 1)
        Level of the two-sided intervals.
    unread : {'refuse', 'keep', 'drop'}
        What happens to columns of `X` that no reading has (deep, clinical).

    Attributes
    ----------
    table_ : DataFrame
        One row a feature and comparison: feature, comparison, form, subjects, estimate, lower,
        upper, p_value, kept (whether the feature is kept), note (why a value is undefined).
    kept_ : tuple of str
        Columns of the output, in the order of `X`.
    dropped_ : dict of str to str
        Every column that is left out, with the reason as a sentence.
    unread_ : tuple of str
        Columns that no reading has.
    patients_read_ : tuple of str
        Patients of `X` that entered a comparison.
    cautions_ : tuple of str
        Sentences to print: fewer than 10 subjects, a reading that equals the main reader's.

    Notes
    -----
    Put this step before anything that changes the features (ComBat, z-scores): the readings are
    raw. A patient who occurs more than once in `X`, as in a bootstrap, counts as often. The
    interval of ``ICC(2,1)`` uses Satterthwaite degrees of freedom; see `extval.stats.agreement`,
    which agrees with R psych ``ICC``. A feature whose correlation is undefined (all readings
    equal, fewer than 3 subjects) is dropped. The step takes tables with patients as index, so
    scikit-learn's `check_estimator`, which passes arrays, does not apply.

    Examples
    --------
    >>> main = pd.DataFrame({"volume": [1.0, 2, 3, 4], "noise": [1.0, 2, 3, 4]}, index=list("abcd"))
    >>> second = main.assign(noise=[4.0, 1, 2, 3])
    >>> ReliabilityFilter({"second": second}).fit(main).kept_
    ('volume',)
    """

    def __init__(
        self,
        readings: Mapping[str, pd.DataFrame],
        *,
        kinds: Mapping[str, str] | None = None,
        form: str = "ICC(2,1)",
        keep: str = "estimate",
        above: float = 0.75,
        confidence_level: float = 0.95,
        unread: str = "refuse",
    ) -> None:
        self.readings = readings
        self.kinds = kinds
        self.form = form
        self.keep = keep
        self.above = above
        self.confidence_level = confidence_level
        self.unread = unread

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:  # noqa: N803
        """Compare the readings of the patients in `X`.

        Parameters
        ----------
        X : DataFrame of shape (n, columns)
            The main reader's features; the index names the patients.
        y : ignored
            For scikit-learn.

        Returns
        -------
        ReliabilityFilter
            Itself.

        Raises
        ------
        ValueError
            If a comparison has fewer than 3 patients, a feature is in some readings only or in
            none (unless `unread` allows it), a reading names a patient twice or holds text, or
            no feature is reliable.
        """
        self._check_parameters()
        patients = _patients(X, name="X")
        readings = {str(name): self._reading(name) for name in self.readings}
        validate_data(self, X, skip_check_array=True, reset=True)
        self._remember(X)
        read = self._read_columns(X, readings)
        known = set(read)
        self.unread_ = tuple([column for column in X.columns.tolist() if column not in known])
        if self.unread_ and self.unread == "refuse":
            raise ValueError(
                f"No reading has the columns {_first(self.unread_)}, so their reliability is "
                "unknown. Set `unread` to 'keep' (deep or clinical columns) or 'drop'."
            )
        comparisons = self._comparisons(patients, readings)
        main = _values(X[read], name="X")
        cautions: list[str] = []
        parts, reliable = [], np.ones(len(read), dtype=np.bool_)
        for one in comparisons:
            labels = [patients[row] for row in one.rows]
            others = [_values(readings[r].loc[labels, read], name=r) for r in one.readers]
            mine = main[one.rows]
            cautions += self._cautions(one, mine, others)
            # icc wants (features, subjects, raters).
            part, passed = self._compare(one, np.stack([mine, *others], axis=-1).transpose(1, 0, 2))
            reliable &= passed
            parts.append(part.assign(feature=read))
        self._decide(X, read, parts, reliable)
        used = sorted({row for one in comparisons for row in one.rows.tolist()})
        self.patients_read_ = tuple(dict.fromkeys(patients[row] for row in used))
        self.cautions_ = tuple(cautions)
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[Any]:  # noqa: N803
        """Return the kept columns, shape (n, kept), unchanged and found by name.

        Raises
        ------
        ValueError
            If a kept column is not in `X`.
        """
        check_is_fitted(self)
        _patients(X, name="X")
        absent = [name for name in self.kept_ if name not in X.columns]
        if absent:
            raise ValueError(
                f"X lacks {len(absent)} of the kept columns: {_first(absent)}. Extract them first."
            )
        return np.asarray(X[list(self.kept_)].to_numpy())

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the kept columns; `input_features` is not used."""
        check_is_fitted(self)
        return np.array(self.kept_, dtype=object)

    def _check_parameters(self) -> None:
        _checks.choice(self.form, ICC_FORMS, name="form")
        _checks.choice(self.keep, KEEP, name="keep")
        _checks.choice(self.unread, UNREAD, name="unread")
        _checks.level(self.confidence_level)
        if not self.readings:
            raise ValueError("`readings` is empty. Give the table of at least one more reading.")
        for reader, kind in (self.kinds or {}).items():
            if reader not in self.readings:
                raise ValueError(f"`kinds` names {reader!r}, who is not among the `readings`.")
            _checks.choice(kind, KINDS, name=f"kinds[{reader!r}]")

    def _reading(self, reader: str) -> pd.DataFrame:
        """Return the table of a reader, indexed by patient as text."""
        table = self.readings[reader]
        patients = _patients(table, name=f"readings[{reader!r}]")
        twice = [
            label for label, again in zip(patients, table.index.duplicated(), strict=True) if again
        ]
        if twice:
            raise ValueError(
                f"readings[{reader!r}] has patient {twice[0]!r} twice. Keep one row, or give "
                "repeated readings as readers of their own."
            )
        return table.set_axis(pd.Index(patients, dtype=object), axis=0)

    def _read_columns(self, x: pd.DataFrame, readings: Mapping[str, pd.DataFrame]) -> list[str]:
        """Return the columns of `x` that are in the readings: in all of them."""
        anywhere = set().union(*(table.columns for table in readings.values()))
        read = [column for column in x.columns if column in anywhere]
        for reader, table in readings.items():
            known = set(table.columns)
            absent = [column for column in read if column not in known]
            if absent:
                raise ValueError(
                    f"Reader {reader!r} lacks {len(absent)} features that another reading has: "
                    f"{_first(absent)}. Extract them for every reading, or drop them from all."
                )
        if not read:
            raise ValueError(
                "No column of X is in any reading. Name the features of the readings as in X."
            )
        return read

    def _comparisons(
        self, patients: list[str], readings: Mapping[str, pd.DataFrame]
    ) -> list[_Comparison]:
        kinds = self.kinds or {}
        inter = tuple(reader for reader in readings if kinds.get(reader, "inter") == "inter")
        intra = [(reader,) for reader in readings if reader not in inter]
        found = []
        for kind, readers in [("inter", inter)] * bool(inter) + [("intra", one) for one in intra]:
            known = set.intersection(*(set(readings[reader].index) for reader in readers))
            rows = np.flatnonzero([patient in known for patient in patients])
            name = f"{kind}: {', '.join(readers)}"
            if rows.size < FEWEST_SUBJECTS:
                raise ValueError(
                    f"Comparison {name!r} has {rows.size} patients of X with all readings; at "
                    f"least {FEWEST_SUBJECTS} are needed. Check that the patients are named alike "
                    f"in X (first {patients[0]!r}) and in the readings (first "
                    f"{next(iter(readings[readers[0]].index), None)!r})."
                )
            found.append(_Comparison(name=name, readers=readers, rows=rows))
        return found

    def _cautions(self, one: _Comparison, mine: FloatArray, others: list[FloatArray]) -> list[str]:
        said = []
        if one.rows.size < FEW_SUBJECTS:
            said.append(
                f"Comparison {one.name!r} has {one.rows.size} patients; below {FEW_SUBJECTS} an "
                "intraclass correlation is very uncertain."
            )
        said += [
            f"Reader {reader!r} has exactly the main reader's values in comparison {one.name!r}; "
            "look whether the same table was given twice."
            for reader, values in zip(one.readers, others, strict=True)
            if np.array_equal(mine, values, equal_nan=True)
        ]
        return said

    def _compare(self, one: _Comparison, ratings: FloatArray) -> tuple[pd.DataFrame, BoolArray]:
        """Return the rows of one comparison, and which features pass it."""
        found = icc(np.ascontiguousarray(ratings), confidence_level=self.confidence_level)
        form = found.form(self.form)
        few = found.n_subjects < FEWEST_SUBJECTS
        judged = np.where(few, np.nan, form.value if self.keep == "estimate" else form.low)
        note = np.array([status.value for status in found.status], dtype=object)
        # The status speaks of all six forms; where this one is defined it does not concern it.
        note[~np.isnan(form.value)] = ""
        note[~np.isnan(form.value) & np.isnan(form.low)] = "The interval is not estimable."
        note[few] = f"Not estimable: fewer than {FEWEST_SUBJECTS} subjects have all readings."
        part = pd.DataFrame(
            {
                "comparison": one.name,
                "form": self.form,
                "subjects": found.n_subjects,
                "estimate": np.where(few, np.nan, form.value),
                "lower": np.where(few, np.nan, form.low),
                "upper": np.where(few, np.nan, form.high),
                "p_value": np.where(few, np.nan, form.p_value),
                "note": note,
            }
        )
        return part, judged > self.above

    def _decide(
        self, x: pd.DataFrame, read: list[str], parts: list[pd.DataFrame], reliable: BoolArray
    ) -> None:
        """Set the table, the columns to keep and the reasons to drop the others."""
        table = pd.concat([part.assign(kept=reliable) for part in parts], ignore_index=True)
        order = [
            "feature",
            "comparison",
            "form",
            "subjects",
            "estimate",
            "lower",
            "upper",
            "p_value",
            "kept",
            "note",
        ]
        self.table_ = table[order]
        judged = np.array(
            [part["estimate" if self.keep == "estimate" else "lower"] for part in parts]
        )
        what = self.form if self.keep == "estimate" else f"The lower limit of {self.form}"
        self.dropped_: dict[str, str] = {}
        for f in np.flatnonzero(~reliable):
            undefined = np.flatnonzero(np.isnan(judged[:, f]))
            worst = undefined[0] if undefined.size else np.argmin(judged[:, f])
            part = parts[int(worst)]
            self.dropped_[read[f]] = (
                f"{part['comparison'].iloc[0]}: {part['note'].iloc[f]}"
                if undefined.size
                else f"{part['comparison'].iloc[0]}: {what} is {judged[worst, f]:.3f}, not above "
                f"{self.above:g}."
            )
        if self.unread == "drop":
            self.dropped_ |= dict.fromkeys(self.unread_, "No reading has this column.")
        self.kept_ = tuple(column for column in x.columns if column not in self.dropped_)
        if not reliable.any():
            raise ValueError(
                f"No feature is reliable: of {len(read)}, none has {self.form} above "
                f"{self.above:g} in every comparison. Check that X and the readings are on one "
                "scale (raw features), and that patients and columns are named alike."
            )


def _patients(table: Any, *, name: str) -> list[str]:
    """Return the index as text."""
    if not isinstance(table, pd.DataFrame):
        raise ValueError(
            f"`{name}` must be a DataFrame whose index names the patients; got "
            f"{type(table).__name__}."
        )
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise ValueError(f"`{name}` has column {twice!r} twice. Rename or drop one of them.")
    return [str(label) for label in table.index]


def _values(table: pd.DataFrame, *, name: str) -> FloatArray:
    """Return numbers, shape (patients, features); NaN is a missing reading."""
    try:
        values = table.to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        text = [c for c in table if not pd.api.types.is_numeric_dtype(table[c].dtype)]
        raise ValueError(
            f"Reader {name!r}: column {text[0]!r} holds text. Leave it out of the readings."
        ) from None
    bad = np.argwhere(np.isinf(values))
    if len(bad):
        raise ValueError(
            f"Reader {name!r}: column {table.columns[bad[0][1]]!r} of patient "
            f"{table.index[bad[0][0]]!r} is infinite. Extract it again or leave it empty."
        )
    return values


def _first(names: Iterable[str], count: int = 3) -> str:
    """Return the first names, and how many more there are."""
    every = [repr(name) for name in names]
    more = f" and {len(every) - count} more" if len(every) > count else ""
    return ", ".join(every[:count]) + more
