"""Reading a table of features: one row a patient, one column of numbers a feature.

Identifiers stay text, so that `007` is not `7`. CSV with comma, semicolon (then with decimal
commas or points) or tab, UTF-8 with or without BOM, and Parquet.
"""

import csv
import difflib
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from extval.validate.errors import InputError
from extval.validate.protocol import Columns

IDENTIFIERS = ("patient", "center", "cohort")
ROW_NUMBERS = re.compile(r"^(?:Unnamed: \d+|__index_level_\d+__|)$")
SPREADSHEETS = (".xlsx", ".xls", ".ods")
EMPTY = ("", "na", "n/a", "nan", "null", "none", "#n/a", "-nan")
BLOCK = 1 << 26  # bytes that are read at once; a row of a wide table must fit
LARGEST = 1e100  # beyond it squares overflow; no measurement of an image comes near


def read_features(path: Path, columns: Columns | None = None) -> pd.DataFrame:
    """Return a feature table: patients as the index, one column of numbers a feature.

    Empty cells are NaN. The columns `patient`, `center` and `cohort`, under these names or those
    of the study's `columns`, are no features.

    Raises
    ------
    InputError
        If the file cannot be read, has no column of patients, names a patient or a column twice,
        or holds anything but numbers.
    """
    wanted = Columns() if columns is None else columns
    skipped = {*IDENTIFIERS, wanted.patient, wanted.center, wanted.cohort}
    raw, decimal_comma = _read(path, skipped)
    names = [str(name).strip() for name in raw.column_names]
    _check_names(path, names)
    raw = raw.rename_columns(names)
    key = _patient_column(path, names, wanted.patient)
    if raw.num_rows == 0:
        raise InputError(f"{path.name} has a header but no patients.")
    patients = _identifiers(path, raw.column(key), key)
    values = {
        name: _numbers(path, raw.column(name), name, patients, decimal_comma=decimal_comma)
        for name in names
        if name not in skipped
    }
    return pd.DataFrame(values, index=pd.Index(patients, name="patient"), dtype=np.float64)


def refuse_infinite(values: pd.DataFrame, file: str) -> None:
    """Raise for the first value that is infinite or so large that its square is."""
    wrong = np.abs(values.to_numpy(dtype=np.float64)) > LARGEST
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        cell = values.iloc[row, column]
        raise InputError(
            f"{file}, column `{values.columns[column]}`, patient {values.index[row]}: {cell:g} "
            f"cannot be a measurement ({int(wrong.sum())} values are infinite or beyond "
            f"{LARGEST:g}). Empty the cell, or leave the column out."
        )


def stranger_hint(patient: str, known: pd.Index) -> str:
    """Return what may be wrong with an identifier that the clinical table does not have."""
    for other in known:
        if other.lstrip("0") == patient.lstrip("0"):
            return f" It has {other!r}: a spreadsheet may have dropped leading zeros."
        if patient.endswith(".0") and other == patient[:-2]:
            return f" It has {other!r}: save the identifiers as text."
        if other.casefold() == patient.casefold():
            return f" It has {other!r}: write identifiers alike."
    return ""


def _read(path: Path, text: set[str]) -> tuple[pa.Table, bool]:
    """Return the table, its columns `text` as text, and whether it may have decimal commas."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a CSV or Parquet file.")
    if not path.is_file():
        raise InputError(f"{path} does not exist.")
    if path.suffix.lower() in SPREADSHEETS:
        raise InputError(f"{path.name} is a spreadsheet; save it as 'CSV UTF-8' (or as Parquet).")
    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is empty; it needs a header and at least one patient.")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pa.parquet.read_table(path), False
        delimiter, header = _header(path)
        read = pa.csv.read_csv(
            path,
            read_options=pa.csv.ReadOptions(block_size=BLOCK),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter),
            convert_options=pa.csv.ConvertOptions(
                column_types={name: pa.string() for name in header if name.strip() in text},
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        first = str(error).splitlines()[0].rstrip(".: ")
        raise InputError(f"{path.name} cannot be read as a table: {first}.") from error
    return read, delimiter == ";"


def _header(path: Path) -> tuple[str, list[str]]:
    """Return the separator that the header line uses most, outside quotes, and its names."""
    with path.open("rb") as file:
        first = file.readline()
    try:
        line = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name} is not UTF-8 text; save it as 'CSV UTF-8' (or as Parquet)."
        ) from error
    bare = re.sub(r'"[^"]*"', "", line)
    delimiter = max((",", ";", "\t"), key=bare.count)
    return delimiter, next(csv.reader([line], delimiter=delimiter), [])


def _check_names(path: Path, names: list[str]) -> None:
    for place, name in enumerate(names, start=1):
        if ROW_NUMBERS.match(name):
            what = f"is called {name!r}" if name else "has no name"
            raise InputError(
                f"{path.name}: column {place} {what}; row numbers would be taken for a feature. "
                "Leave the column out, or name it."
            )
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise InputError(f"{path.name}: column `{double}` is there more than once.")


def _patient_column(path: Path, names: list[str], wanted: str) -> str:
    for name in (wanted, "patient"):
        if name in names:
            return name
    like = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(wanted.casefold(), like, n=1, cutoff=0.6)
    guess = f" Did you mean `{like[close[0]]}`? Then rename it." if close else ""
    raise InputError(f"{path.name} has no column `{wanted}`.{guess}")


def _identifiers(path: Path, column: pa.ChunkedArray, name: str) -> list[str]:
    cells = column.to_pylist()
    if pa.types.is_floating(column.type):  # as pandas keeps whole numbers beside an empty cell
        cells = [int(c) if c is not None and float(c).is_integer() else c for c in cells]
    patients = ["" if cell is None else str(cell).strip() for cell in cells]
    if "" in patients:
        raise InputError(
            f"{path.name}, column `{name}`, row {patients.index('') + 2}: the cell is empty. "
            "Every row needs a patient."
        )
    if len(set(patients)) < len(patients):
        twice, times = Counter(patients).most_common(1)[0]
        rows = ", ".join(str(i + 2) for i, cell in enumerate(patients) if cell == twice)
        raise InputError(
            f"{path.name}, column `{name}`: patient {twice!r} is there {times} times (rows {rows})."
            " Keep one row for each patient."
        )
    return patients


def _numbers(
    path: Path, column: pa.ChunkedArray, name: str, patients: list[str], *, decimal_comma: bool
) -> NDArray[np.float64]:
    """Return a column as numbers; the first cell that is none is named with its patient."""
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64)
    out = np.full(len(column), np.nan)
    for row, cell in enumerate(column.to_pylist()):
        text = "" if cell is None else str(cell).strip()
        if text.casefold() in EMPTY:
            continue
        try:
            if isinstance(cell, bool):
                raise ValueError
            out[row] = float(text.replace(",", ".") if decimal_comma else text)
        except ValueError:
            raise InputError(
                f"{path.name}, column `{name}`: {text!r} is not a number (patient "
                f"{patients[row]}). A feature table holds `patient`, `center`, `cohort` and "
                "numbers; put other columns into the clinical table."
            ) from None
    return out
