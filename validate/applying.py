"""`extval apply`: a locked model on new patients, with a look at whether their values are alike."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from extval.features.modelling.shift import shift_of
from extval.validate.errors import InputError
from extval.validate.locked_model import LockedModel, classifier_in, read_model
from extval.validate.run_data import naming
from extval.validate.table import Table, read_table
from extval.validate.tidy_table import tidy_csv

LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Predictions as CSV text, and what a reader must know of them."""

    csv: str
    sentences: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Write the CSV, whole or not at all."""
        write_whole(path, self.csv)


def write_whole(path: Path, text: str) -> None:
    """Write a text file under a temporary name and rename it.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def apply_model(model_file: Path, table_file: Path, *, patient: str) -> Applied:
    """Return what a locked model predicts for the patients of a table.

    Raises
    ------
    InputError
        If the model was changed after it was locked, a column is missing (all are named), or a
        cell cannot be used (file, column and patient are named).
    """
    model = read_model(model_file)
    raw = read_table(table_file)
    table = _frame(raw, model, patient)
    with naming(raw.name):
        predicted = model.predict(table, classifier_in(model_file.parent))
    columns = {patient: list(map(str, table.index))}
    columns |= {f"{model.name}_{name}": predicted[name].tolist() for name in predicted.columns}
    if model.threshold is not None and "probability" in predicted.columns:
        above = predicted["probability"].to_numpy() >= model.threshold
        columns[f"{model.name}_high_risk"] = above.astype(int).tolist()
    if model.risk_group_cuts:
        group = np.searchsorted(model.risk_group_cuts, predicted["score"].to_numpy(), side="left")
        columns[f"{model.name}_risk_group"] = (group + 1).tolist()
    return Applied(
        csv=tidy_csv(list(columns), zip(*columns.values(), strict=True)),
        sentences=(
            *model.cautions,
            *_filled(model, table),
            *new_batches(model, table),
            *_shifts(model, table),
        ),
    )


def _frame(raw: Table, model: LockedModel, patient: str) -> pd.DataFrame:
    """Return the model's columns as text, patients as the index."""
    identifiers = raw.text(patient) if patient in raw.columns else []
    if not identifiers:
        raise InputError(
            f"{raw.name} has no column `{patient}`; name the column of identifiers with --patient."
        )
    double = next((who for who in identifiers if identifiers.count(who) > 1), None)
    if double is not None or "" in identifiers:
        what = f"patient {double!r} is there more than once" if double else "an identifier is empty"
        raise InputError(f"{raw.name}, column `{patient}`: {what}. Keep one row for each patient.")
    there = [column for column in model.columns if column in raw.columns]
    cells = {column: [c or None for c in raw.measurement_text(column)] for column in there}
    return pd.DataFrame(cells, index=pd.Index(identifiers, name="patient"), dtype=object)


def _filled(model: LockedModel, table: pd.DataFrame) -> list[str]:
    """Return a sentence on cells that were empty and got the median of development."""
    columns = [name for step in model.steps if step.step == "impute" for name in step.median]
    if not columns:
        return []
    empty = table[columns].isna().sum(axis=1)
    patients = int((empty > 0).sum())
    if not patients:
        return []
    worst = empty.idxmax()
    who = "1 patient has" if patients == 1 else f"{patients} of {len(table)} patients have"
    return [
        f"{who} empty cells among the {len(columns)} features of the model (most: {worst}, "
        f"{int(empty.max())} of {len(columns)}); they were filled with development medians, which "
        "say nothing of the patient."
    ]


def new_batches(model: LockedModel, table: pd.DataFrame, whom: str = "patient") -> list[str]:
    """Return a sentence for each batch (scanner, centre) that development did not have."""
    found = []
    for step in model.steps:
        if step.step != "combat":
            continue
        batches = table[step.batch].astype(str)
        for batch, count in batches[~batches.isin(list(step.location))].value_counts().items():
            done = (
                f"their shift was estimated from the features of "
                f"{'these patients' if step.calibration is None else 'a calibration subset'}"
                " without outcomes: the result is transductive"
                if step.new_batch == "estimate"
                else "their features were left as they are"
            )
            who = f"1 {whom} has" if count == 1 else f"{count} {whom}s have"
            found.append(f"{who} a {step.batch} ({batch}) that development did not have; {done}.")
    return found


def _shifts(model: LockedModel, table: pd.DataFrame) -> list[str]:
    """Return a sentence for each input whose values look unlike those of development."""
    if not model.inputs:
        return []
    summary = pd.DataFrame({k: v.model_dump() for k, v in model.inputs.items()}).T
    summary = summary.astype(np.float64)
    values = pd.DataFrame(
        {column: pd.to_numeric(table[column], errors="coerce") for column in summary.index}
    )
    found = shift_of(summary, values)
    said = [f"{name}: {text}" for name, text in found["unit_suspect"].items() if text]
    more = len(said) - LISTED
    return said[:LISTED] + ([f"... and {more} more inputs."] if more > 0 else [])
