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
from numpy.typing import NDArray

from extval.features.modelling.outcome import survival
from extval.validate.cohort import DEVELOPMENT, Roster, read_roster
from extval.validate.errors import InputError
from extval.validate.feature_table import read_features, refuse_infinite, stranger_hint
from extval.validate.locked_steps import labels, numbers
from extval.validate.model_plan import ClinicalPlan, CombinedPlan, SignaturePlan
from extval.validate.protocol import BinaryOutcome
from extval.validate.study_file import Run, preparation_of
from extval.validate.table import Table, read_table

BoolArray = NDArray[np.bool_]

DEEP = re.compile(r"^(?:.+__)?resnet\d+_")
FEWEST_READ = 3  # patients that an intraclass correlation needs
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
        part = self.clinical.rows(chosen)
        if isinstance(outcome, BinaryOutcome):
            return part.binary(outcome.column).astype(np.int64)
        time = part.numbers(outcome.time)
        _check_times(time, chosen, self.clinical.name, outcome.time)
        if outcome.cause is None:
            event = part.binary(outcome.event)
        else:
            event = part.causes(outcome.event, outcome.cause) == 1
        return survival(time, event)

    def check_predictors(self) -> None:
        """Refuse empty cells of predictors and batches before anything is fitted.

        External patients are looked at too where a model takes all of its predictors; one that
        chooses among them may leave out the column with the gap.
        """
        for plan in (model.plan for model in self.study.models.values()):
            chooses = isinstance(plan, ClinicalPlan) and plan.selection is not None
            table = self.table[self.development] if chooses else self.table
            predictors = {} if isinstance(plan, SignaturePlan) else plan.predictors
            with naming(self.clinical.name):
                for item in () if _fills_gaps(plan) else predictors.values():
                    if item.categorical:
                        labels(table, item.column)
                    else:
                        numbers(table, item.column)
                if isinstance(plan, SignaturePlan):
                    harmonisation = preparation_of(self.study, plan).harmonisation
                    if harmonisation is not None:
                        labels(self.table, harmonisation.batch)

    def features_of(self, kinds: list[str], phases: list[str] | None) -> list[str]:
        """Return the feature columns of some kinds and phases, in the table's order."""
        chosen = [
            name
            for name in self.features
            if ("deep" if DEEP.match(name) else "handcrafted") in kinds
            and (phases is None or phase_of(name) in phases)
        ]
        if not self.features:
            raise InputError("the feature table holds no features, only identifiers.")
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


def read_clinical(study: Run, path: Path) -> tuple[Table, Roster]:
    """Return the clinical table and who is in it; every column that a model names is there."""
    table = read_table(path)
    roster = read_roster(table, study.columns)
    _check_columns(study, table)
    return table, roster


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
    table, roster = read_clinical(study, clinical)
    order = roster.order
    identifiers = [table.text(study.columns.patient)[row] for row in order]
    index = pd.Index(identifiers, name="patient")
    frame = pd.DataFrame(
        {name: _cells(table, name, order) for name in _predictors(study, table)}, index=index
    )
    for name in sorted(numeric_columns(study) & set(frame.columns)):
        with naming(table.name):
            frame[name] = numbers(frame, name, empty=True)
    for name in sorted(_covariates(study) - numeric_columns(study) - _categories(study)):
        if _are_numbers(frame[name][roster.cohort == DEVELOPMENT]):
            with naming(table.name):
                frame[name] = numbers(frame, name, empty=True)
    found, absent, read = pd.DataFrame(index=frame.index), (), {}
    if features is not None:
        raw = read_features(features, study.columns)
        _check_patients(raw, features, frame.index, clinical)
        # The outcome is a clinical column too: as a feature it would predict itself.
        double = [name for name in raw.columns if name in table.columns]
        if double:
            if double[0] in outcome_columns(study):
                raise InputError(
                    f"{features.name}: column `{double[0]}` is the outcome, and must not be among "
                    "the features. Leave the column out."
                )
            raise InputError(
                f"column `{double[0]}` is both a feature in {features.name} and a column of "
                f"{clinical.name}; rename one."
            )
        absent = tuple(patient for patient in frame.index if patient not in raw.index)
        found = raw.reindex(frame.index)
        _check_twins(found, np.asarray(roster.cohort == DEVELOPMENT), features)
        refuse_infinite(found[roster.cohort == DEVELOPMENT], features.name)
        read = {reader: read_features(path, study.columns) for reader, path in readings.items()}
        inside = found[roster.cohort == DEVELOPMENT]
        for reader, path in readings.items():
            _check_reading(read[reader], inside, f"{path.name} (reading {reader})")
    _check_reliability(study, read)
    _check_model_names(study, [*table.columns, *found.columns], table.name)
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


def _fills_gaps(plan: SignaturePlan | ClinicalPlan | CombinedPlan) -> bool:
    """Return whether a model fills gaps in its own predictors."""
    return not isinstance(plan, SignaturePlan) and plan.missing != "refuse"


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


def _categories(study: Run) -> set[str]:
    """Return the clinical columns that a model takes as categories."""
    plans = [model.plan for model in study.models.values()]
    return {
        item.column
        for plan in plans
        if not isinstance(plan, SignaturePlan)
        for item in plan.predictors.values()
        if item.categorical
    }


def _covariates(study: Run) -> set[str]:
    """Return the clinical columns whose effects a ComBat keeps."""
    plans = [model.plan for model in study.models.values()]
    wanted = [preparation_of(study, p).harmonisation for p in plans if isinstance(p, SignaturePlan)]
    return {column for one in wanted if one is not None for column in one.covariates}


def _are_numbers(cells: "pd.Series[Any]") -> bool:
    """Return whether every cell that is not empty holds a number: then it is no category."""
    return bool(pd.to_numeric(cells.dropna(), errors="coerce").notna().all())


def _cells(table: Table, name: str, order: NDArray[np.intp]) -> NDArray[np.object_]:
    """Return a column as text in the patients' order; an empty cell is None."""
    cells = table.measurement_text(name)
    return np.array([cells[row] or None for row in order], dtype=object)


def outcome_columns(study: Run) -> set[str]:
    """Return the clinical columns that hold the outcome."""
    outcome = study.outcome
    if isinstance(outcome, BinaryOutcome):
        return {outcome.column}
    return {outcome.time, outcome.event}


def _predictors(study: Run, table: Table) -> list[str]:
    """Return the clinical columns that a model or a step may read: never those of the outcome."""
    hidden = outcome_columns(study) | {study.columns.patient}
    return [name for name in table.columns if name not in hidden]


def _check_columns(study: Run, table: Table) -> None:
    """Refuse a study that names columns which are not there, or the outcome as a predictor."""
    needed = {
        f"models.{name}: predictor `{key}`": item.column
        for name, model in study.models.items()
        if not isinstance(model.plan, SignaturePlan)
        for key, item in model.plan.predictors.items()
    }
    for name, model in study.models.items():
        if isinstance(model.plan, SignaturePlan):
            wanted = preparation_of(study, model.plan).harmonisation
            if wanted is not None:
                needed[f"models.{name}: harmonisation"] = wanted.batch
                if wanted.calibration is not None:
                    needed[f"models.{name}: calibration of ComBat"] = wanted.calibration
                for place, column in enumerate(wanted.covariates):
                    needed[f"models.{name}: covariate {place + 1} of ComBat"] = column
    for what, column in needed.items():
        try:
            table.text(column)
        except InputError as error:
            raise InputError(f"{what}: {error}") from error
        if column in outcome_columns(study):
            raise InputError(
                f"{what} is the column `{column}`, which is the outcome; it cannot predict itself."
            )
        if column == study.columns.patient:
            raise InputError(f"{what} is the column `{column}`, which only names the patients.")


def _check_model_names(study: Run, columns: list[str], file: str) -> None:
    """Refuse a model whose predictions would be called like a column of the tables."""
    outcome = study.outcome
    for name in study.models:
        made = [name]
        if not isinstance(outcome, BinaryOutcome):
            made += [f"{name}_score", *(f"{name}_risk_{time:g}" for time in outcome.horizons)]
        taken = [column for column in made if column in columns]
        if taken:
            raise InputError(
                f"models.{name}: its predictions would be called `{taken[0]}`, as a column of "
                f"{file} or of the features is. Rename the model or the column."
            )


def _check_times(time: NDArray[np.float64], rows: NDArray[np.intp], file: str, column: str) -> None:
    wrong = np.flatnonzero(~((time >= 0.0) & np.isfinite(time)))
    if wrong.size:
        raise InputError(
            f"{file}, column `{column}`, row {rows[wrong[0]] + 2}: follow-up of "
            f"{time[wrong[0]]:g} is no time ({wrong.size} are not). Count time from the start of "
            "follow-up."
        )


def _check_reading(reading: pd.DataFrame, inside: pd.DataFrame, what: str) -> None:
    """Refuse a reading of other patients or features than those of development."""
    shared = reading.index.intersection(inside.index)
    if len(shared) < FEWEST_READ:
        raise InputError(
            f"{what}: {len(shared)} of its {len(reading)} patients are development patients; "
            f"at least {FEWEST_READ} are needed, and 10 wanted. Its first patient is "
            f"{reading.index[0]!r}, the first of development {inside.index[0]!r}: write "
            "identifiers alike."
        )
    if not len(reading.columns.intersection(inside.columns)):
        raise InputError(
            f"{what} has no feature in common with the feature table; write their names alike."
        )


def _check_reliability(study: Run, readings: Mapping[str, pd.DataFrame]) -> None:
    """Refuse a study that wants repeatable features and has no readings to judge them by."""
    for name, model in study.models.items():
        if not isinstance(model.plan, SignaturePlan):
            continue
        if preparation_of(study, model.plan).reliability is not None and not readings:
            raise InputError(
                f"models.{name}: `preparation.reliability` needs repeated delineations, and there "
                "are none. Name their tables under `feature_tables.readings` (or give their masks "
                "in the manifest), or leave `reliability` out."
            )


def _check_patients(raw: pd.DataFrame, path: Path, known: pd.Index, clinical: Path) -> None:
    strangers = [patient for patient in raw.index if patient not in known]
    if strangers:
        raise InputError(
            f"{path.name}: patient {strangers[0]!r} is not in {clinical.name} "
            f"({len(strangers)} are not). Add the patient there, or leave the row out."
            f"{stranger_hint(strangers[0], known)}"
        )


def _check_twins(features: pd.DataFrame, development: BoolArray, path: Path) -> None:
    """Refuse two patients, one of them of development, whose features are alike value by value.

    One image in two cohorts leaks into the validation; twice in development, into other folds.
    """
    if features.shape[1] < ENOUGH:
        return
    known: dict[bytes, Any] = {}
    for place in np.argsort(~development, kind="stable"):  # development first
        row = features.iloc[place].to_numpy(dtype=np.float64)
        if np.isnan(row).all():
            continue
        patient, key = features.index[place], row.tobytes()
        if key in known:
            cohorts = "one cohort" if development[place] else "two cohorts"
            also = "development" if development[place] else "validation"
            raise InputError(
                f"{path.name}: patients {known[key]} (development) and {patient} ({also}) have "
                f"the same values in all {row.size} features; that is one image in {cohorts}. "
                "Leave one of them out."
            )
        if development[place]:
            known[key] = patient
