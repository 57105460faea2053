"""`extval impute`: predictors with gaps filled, learned on development patients alone.

A model is then applied to every imputed table (`extval apply`), and `extval evaluate` takes the
predictions of all imputations and pools what follows by Rubin's rules.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.validate import folder as results_folder
from extval.validate.characteristics import is_missing, numbers
from extval.validate.cohort import DEVELOPMENT, VALIDATION
from extval.validate.errors import InputError
from extval.validate.imputing import impute_chained, impute_development_median
from extval.validate.streams import stream
from extval.validate.table import Table
from extval.validate.tidy_table import tidy_csv

SCHEMA = "extval-imputations/1"
METHODS = ("chained", "median")
CONTINUOUS, CATEGORICAL = "continuous", "categorical"
PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "numba")

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imputed:
    """Whole tables as CSV text, one an imputation, and what a reader must know of them."""

    tables: tuple[str, ...]
    gaps: str
    sentence: str


def impute_table(
    table: Table,
    predictors: Mapping[str, str],
    *,
    cohort: str,
    method: str,
    n_imputations: int | None,
    seed: int,
) -> Imputed:
    """Return a table with the gaps of its predictors filled.

    Parameters
    ----------
    predictors : mapping of column to {"continuous", "categorical"}
        Only these are looked at and filled; a column of the outcome must not be among them.
    cohort : str
        Column with development or validation.
    method : {"chained", "median"}
    n_imputations : int or None
        None: one for every per cent of incomplete patients, at least 5.

    Raises
    ------
    InputError
        If a column is missing or holds something else, nobody of a cohort is there, or an external
        patient has a category that development did not have.
    """
    labels = table.text(cohort)
    inside = np.array([label == DEVELOPMENT for label in labels])
    outside = np.array([label == VALIDATION for label in labels])
    for member, label in ((inside, DEVELOPMENT), (outside, VALIDATION)):
        if not member.any():
            raise InputError(f"{table.name}, column `{cohort}`: no patient is labelled `{label}`.")
    if not (inside | outside).all():
        row = int(np.flatnonzero(~(inside | outside))[0])
        raise InputError(
            f"{table.name}, column `{cohort}`, row {row + 2}: {labels[row]!r} is not a cohort; use "
            f"`{DEVELOPMENT}` or `{VALIDATION}`."
        )
    coded = {name: _coded(table, name, kind, inside) for name, kind in predictors.items()}
    values = np.column_stack([codes for codes, _ in coded.values()])
    kinds = list(predictors.values())
    try:
        found = (
            impute_development_median(values[inside], values[outside], kinds=kinds)
            if method == "median"
            else impute_chained(
                values[inside],
                values[outside],
                kinds=kinds,
                rng=stream(seed, "impute"),
                n_imputations=n_imputations,
            )
        )
    except ValueError as error:
        raise InputError(f"{table.name}: {error}") from error
    tables = []
    for development, external in zip(found.development, found.external, strict=True):
        filled = np.empty_like(values)
        filled[inside], filled[outside] = development, external
        tables.append(_csv(table, coded, values, filled))
    return Imputed(
        tables=tuple(tables),
        gaps=_gaps(list(predictors), values, inside),
        sentence=(
            f"{found.method}; incomplete: {found.incomplete_development:.1%} of development, "
            f"{found.incomplete_external:.1%} of validation patients."
        ),
    )


def write(target: Path, found: Imputed, table: Path, command: str, seed: int) -> None:
    """Write the imputed tables, the table of gaps and the manifest, which comes last."""
    width = len(str(len(found.tables)))
    for number, text in enumerate(found.tables, start=1):
        name = f"imputed_{number:0{width}d}.csv"
        (target / name).write_text(text, encoding="utf-8", newline="\n")
    (target / "missing.csv").write_text(found.gaps, encoding="utf-8", newline="\n")
    about: dict[str, Any] = {
        "extval": metadata.version("extval"),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "seed": seed,
        "inputs": [results_folder.input_record(table, "table")],
        "command": command,
    }
    results_folder.write_manifest(target, results_schema=SCHEMA, provenance=about)


def _coded(
    table: Table, name: str, kind: str, inside: NDArray[np.bool_]
) -> tuple[FloatArray, list[str]]:
    """Return a column as numbers with NaN for gaps, and the categories that the codes stand for."""
    cells = table.measurement_text(name) if kind == CONTINUOUS else table.text(name)
    if kind == CONTINUOUS:
        wrong = next((i for i, c in enumerate(cells) if not is_missing(c) and not _number(c)), None)
        if wrong is not None:
            raise InputError(
                f"{table.name}, column `{name}`, row {wrong + 2}: {cells[wrong]!r} is not a finite "
                "number. Correct it, or call the column categorical."
            )
        return numbers(cells), []
    known = sorted({c for c, here in zip(cells, inside, strict=True) if here and not is_missing(c)})
    codes = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if is_missing(cell):
            continue
        if cell not in known:
            raise InputError(
                f"{table.name}, column `{name}`, row {row + 2}: no development patient has "
                f"{cell!r}; known are {', '.join(known)}."
            )
        codes[row] = known.index(cell)
    return codes, known


def _csv(
    table: Table,
    coded: Mapping[str, tuple[FloatArray, list[str]]],
    before: FloatArray,
    after: FloatArray,
) -> str:
    """Return the whole table as CSV; cells that were there stand as they were written."""
    columns: dict[str, Sequence[Any]] = {name: table.text(name) for name in table.columns}
    for j, (name, (_, known)) in enumerate(coded.items()):
        cells = list(columns[name])
        for row in np.flatnonzero(np.isnan(before[:, j])):
            value = float(after[row, j])
            cells[row] = known[int(value)] if known else repr(value)
        columns[name] = cells
    return tidy_csv(list(columns), zip(*columns.values(), strict=True))


def _gaps(names: Sequence[str], values: FloatArray, inside: NDArray[np.bool_]) -> str:
    rows = [
        (label, name, int(member.sum()), int(np.isnan(values[member, j]).sum()))
        for label, member in ((DEVELOPMENT, inside), (VALIDATION, ~inside))
        for j, name in enumerate(names)
    ]
    return tidy_csv(("cohort", "column", "n", "missing"), rows)


def _number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False
