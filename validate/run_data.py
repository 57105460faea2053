"""The tables of a study that is run: features and clinical data joined by patient.

External outcomes are not read here. `RunData.outcome_of` is the only way to them, and the run
calls it for external patients after the models are locked.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from extval.features.modelling.outcome import survival
from extval.validate.cohort import DEVELOPMENT, read_roster
from extval.validate.errors import InputError
from extval.validate.locked_steps import numbers
from extval.validate.protocol import BinaryOutcome
from extval.validate.study_file import Run, SignaturePlan
from extval.validate.table import Table, read_table

BoolArray = NDArray[np.bool_]

IDENTIFIERS = ("patient", "center", "cohort")
DEEP = re.compile(r"^(?:.+__)?resnet\d+_")
ENOUGH = 5  # features below which two patients may be alike by chance
PHASE = re.compile(r"^(.+?)__")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """Everything about the patients but their outcomes, one row a patient, sorted by identifier.

    Attributes
    ----------
    clinical : Table
        As read; text, in the order of the file.
    order : ndarray of int, shape (n,)
        Row of `clinical` of each patient.
    table : DataFrame of n rows
        Features and clinical columns; the index holds the identifiers.
    development : ndarray of bool, shape (n,)
    features : tuple of str
        Names of the feature columns.
    readings : mapping of reader to DataFrame
        Features of repeated delineations.
    without_features : tuple of str
        Patients whom the feature table does not hold.
    """

    study: Run
    clinical: Table
    order: NDArray[np.intp]
    table: pd.DataFrame
    development: BoolArray
    features: tuple[str, ...]
    readings: Mapping[str, pd.DataFrame]
    without_features: tuple[str, ...]

    def outcome_of(self, rows: BoolArray) -> NDArray[Any]:
        """Return the outcome of some patients: 0/1, or time and event."""
        outcome = self.study.outcome
        chosen = self.order[rows]
        if isinstance(outcome, BinaryOutcome):
            return self.clinical.rows(chosen).binary(outcome.column).astype(np.int64)
        part = self.clinical.rows(chosen)
        time = part.numbers(outcome.time)
        if outcome.cause is None:
            event = part.binary(outcome.event)
        else:
            event = part.causes(outcome.event, outcome.cause) == 1
        return survival(time, event)

    def features_of(self, kinds: list[str], phases: list[str] | None) -> list[str]:
        """Return the feature columns of some kinds and phases, in the table's order."""
        chosen = [
            name
            for name in self.features
            if ("deep" if DEEP.match(name) else "handcrafted") in kinds
            and (phases is None or phase_of(name) in phases)
        ]
        if not chosen:
            there = sorted({phase_of(name) or "(none)" for name in self.features})
            raise InputError(
                f"the feature table holds no {' or '.join(kinds)} features"
                f"{'' if phases is None else ' of phase ' + ', '.join(phases)}; its phases are "
                f"{', '.join(there)}."
            )
        return chosen


def phase_of(feature: str) -> str | None:
    """Return the phase that a feature's name begins with, before the double underscore."""
    found = PHASE.match(feature)
    return found.group(1) if found else None


def read_run_data(
    study: Run, clinical: Path, features: Path | None, readings: Mapping[str, Path]
) -> RunData:
    """Return the patients of a study, after checking that the tables are about the same people.

    Raises
    ------
    InputError
        If a table cannot be read, a patient is there twice, a feature table names a patient that
        the clinical table does not have, or a column is in both.
    """
    table = read_table(clinical)
    roster = read_roster(table, study.columns)
    order = roster.order
    identifiers = [table.text(study.columns.patient)[row] for row in order]
    index = pd.Index(identifiers, name="patient")
    frame = pd.DataFrame(
        {name: _cells(table, name, order) for name in _predictors(study, table)}, index=index
    )
    for name in sorted(numeric_columns(study) & set(frame.columns)):
        with naming(table.name):
            frame[name] = numbers(frame, name, empty=True)
    found, absent, read = pd.DataFrame(index=frame.index), (), {}
    if features is not None:
        raw = read_features(features)
        _check_patients(raw, features, frame.index, clinical)
        double = [name for name in raw.columns if name in frame.columns]
        if double:
            raise InputError(
                f"column `{double[0]}` is both a feature in {features.name} and a column of "
                f"{clinical.name}; rename one."
            )
        absent = tuple(patient for patient in frame.index if patient not in raw.index)
        found = raw.reindex(frame.index)
        _check_twins(found, np.asarray(roster.cohort == DEVELOPMENT), features)
        read = {reader: read_features(path) for reader, path in readings.items()}
    return RunData(
        study=study,
        clinical=table,
        order=order,
        table=pd.concat([frame, found], axis=1),
        development=np.asarray(roster.cohort == DEVELOPMENT),
        features=tuple(found.columns),
        readings=read,
        without_features=absent,
    )


def read_features(path: Path) -> pd.DataFrame:
    """Return a feature table: patients as the index, one column of numbers a feature.

    Empty cells are NaN. The columns `patient`, `center` and `cohort` are no features.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist.")
    try:
        raw = (
            pa.parquet.read_table(path)
            if path.suffix.lower() in (".parquet", ".pq")
            else pa.csv.read_csv(path)
        )
    except (pa.ArrowInvalid, OSError) as error:
        first = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{path.name} cannot be read as a table: {first}.") from error
    if "patient" not in raw.column_names:
        raise InputError(f"{path.name} has no column `patient`.")
    patients = [str(cell).strip() for cell in raw.column("patient").to_pylist()]
    double = sorted({patient for patient in patients if patients.count(patient) > 1})
    if double:
        raise InputError(f"{path.name}: patient {double[0]!r} is there more than once.")
    columns = {}
    for name in raw.column_names:
        if name in IDENTIFIERS:
            continue
        column = raw.column(name)
        if pa.types.is_null(column.type):
            columns[name] = np.full(raw.num_rows, np.nan)
        elif pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
            columns[name] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        else:
            cell = next(item for item in column.to_pylist() if not _is_number(item))
            raise InputError(
                f"{path.name}, column `{name}`: {cell!r} is not a number. A feature table holds "
                "`patient`, `center`, `cohort` and numbers; put other columns into the clinical "
                "table."
            )
    return pd.DataFrame(columns, index=pd.Index(patients, name="patient"), dtype=np.float64)


def sha256_of(table: pd.DataFrame, outcome: NDArray[Any]) -> str:
    """Return the hash of what a model is learned from: names, values and outcomes."""
    digest = hashlib.sha256()
    digest.update("\n".join(map(str, table.columns)).encode())
    digest.update("\n".join(map(str, table.index)).encode())
    for name in table.columns:
        values = table[name]
        if values.dtype == object:
            digest.update("\n".join(map(str, values)).encode())
        else:
            digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    digest.update(np.ascontiguousarray(outcome).tobytes())
    return digest.hexdigest()


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Put the name of a file before the sentence of an `InputError` that is raised inside."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{file}, {error}") from error


def numeric_columns(study: Run) -> set[str]:
    """Return the clinical columns that a model takes as numbers."""
    found = set()
    for model in study.models.values():
        plan = model.plan
        predictors = {} if isinstance(plan, SignaturePlan) else plan.predictors
        found |= {item.column for item in predictors.values() if not item.categorical}
    return found


def _cells(table: Table, name: str, order: NDArray[np.intp]) -> NDArray[np.object_]:
    """Return a column as text in the patients' order; an empty cell is None."""
    cells = table.measurement_text(name)
    return np.array([cells[row] or None for row in order], dtype=object)


def _predictors(study: Run, table: Table) -> list[str]:
    """Return the clinical columns that a model or a step may read: never those of the outcome."""
    outcome = study.outcome
    hidden = (
        {outcome.column} if isinstance(outcome, BinaryOutcome) else {outcome.time, outcome.event}
    )
    hidden |= {study.columns.patient}
    return [name for name in table.columns if name not in hidden]


def _check_patients(raw: pd.DataFrame, path: Path, known: pd.Index, clinical: Path) -> None:
    strangers = [patient for patient in raw.index if patient not in known]
    if strangers:
        raise InputError(
            f"{path.name}: patient {strangers[0]!r} is not in {clinical.name} "
            f"({len(strangers)} are not). Add the patient there, or leave the row out."
        )


def _check_twins(features: pd.DataFrame, development: BoolArray, path: Path) -> None:
    """Refuse an external patient whose features are a development patient's, value by value."""
    if features.shape[1] < ENOUGH:
        return
    known: dict[bytes, Any] = {}
    for place in np.argsort(~development, kind="stable"):  # development first
        row = features.iloc[place].to_numpy(dtype=np.float64)
        if np.isnan(row).all():
            continue
        patient, key = features.index[place], row.tobytes()
        if development[place]:
            known.setdefault(key, patient)
        elif key in known:
            raise InputError(
                f"{path.name}: patients {known[key]} (development) and {patient} (validation) have "
                f"the same values in all {row.size} features; that is one image in two cohorts. "
                "Leave one of them out."
            )


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return cell is None
    return True
