"""Reading a table of predictions: text first, then each column as what the protocol says it is.

CSV with comma, semicolon or tab, UTF-8 with or without BOM, and Parquet. Every complaint names
file, column, row and value. A row is counted as a spreadsheet counts it: the header is row 1.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from extval.validate.errors import InputError

_DECIMAL_COMMA = r"^\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*$"


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose columns are still text; `name` is the file's name for messages."""

    name: str
    columns: tuple[str, ...]
    n_rows: int
    _data: pa.Table
    _decimal_comma: bool
    _lines: NDArray[np.intp] | None = None

    def rows(self, chosen: NDArray[np.intp]) -> "Table":
        """Return some rows as a table of their own; nobody else's cells can be reached there."""
        return replace(
            self, n_rows=int(chosen.size), _data=self._data.take(pa.array(chosen)), _lines=chosen
        )

    def text(self, column: str) -> list[str]:
        """Return a column as text without surrounding blanks; an empty cell is ``""``."""
        self._require(column)
        cells: list[str] = pc.utf8_trim_whitespace(self._strings(column)).to_pylist()
        return cells

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Return a column as float64; text and empty cells are errors that name the row."""
        self._require(column)
        data = self._data.column(column)
        if pa.types.is_floating(data.type) or pa.types.is_integer(data.type):
            values = data.cast(pa.float64()).to_numpy(zero_copy_only=False)
            out = np.asarray(values, dtype=np.float64)
        else:
            cells = pc.utf8_trim_whitespace(self._strings(column))
            if self._decimal_comma:
                commas = pc.match_substring_regex(cells, _DECIMAL_COMMA)
                cells = pc.if_else(commas, pc.replace_substring(cells, ",", "."), cells)
            try:
                out = cells.cast(pa.float64()).to_numpy(zero_copy_only=False)
            except pa.ArrowInvalid:
                self._first_bad_number(column, cells)
        bad = np.flatnonzero(np.isnan(out))
        if bad.size:
            row = int(bad[0])
            raise InputError(
                f"{self.name}, column `{column}`, row {self._line(row)}: the value is missing "
                f"({bad.size} of {self.n_rows} are). Drop or impute those rows before."
            )
        return out

    def filled(self, column: str, gaps: NDArray[np.bool_], value: str) -> "Table":
        """Return the table with `value` in some cells of a column, so that the others read on."""
        self._require(column)
        cells = pc.if_else(pa.array(gaps), value, self._strings(column))
        place = self.columns.index(column)
        return replace(self, _data=self._data.set_column(place, column, cells))

    def measurement_text(self, column: str) -> list[str]:
        """Return a column of numbers as text with decimal points; cells may be empty."""
        cells = self.text(column)
        if not self._decimal_comma:
            return cells
        comma = re.compile(_DECIMAL_COMMA)
        return [cell.replace(",", ".") if comma.match(cell) else cell for cell in cells]

    def binary(self, column: str, *, hint: str = "") -> NDArray[np.bool_]:
        """Return a 0/1 column as booleans; `hint` ends the message if it holds anything else."""
        values = self.numbers(column)
        bad = np.flatnonzero((values != 0.0) & (values != 1.0))
        if bad.size:
            row = int(bad[0])
            raise InputError(
                f"{self.name}, column `{column}`, row {self._line(row)}: {values[row]:g} is not 0 "
                f"or 1 ({bad.size} of {self.n_rows} values are not). Code the event as 1 and no "
                f"event as 0{hint}."
            )
        return np.asarray(values == 1.0)

    def causes(self, column: str, cause: int) -> NDArray[np.int8]:
        """Return 0 for censored, 1 for the event `cause` and 2 for any competing event."""
        values = self.numbers(column)
        bad = np.flatnonzero((values < 0.0) | (values != np.floor(values)))
        if bad.size:
            row = int(bad[0])
            raise InputError(
                f"{self.name}, column `{column}`, row {self._line(row)}: {values[row]:g} is not 0 "
                f"(censored) or the number of a kind of event ({bad.size} of {self.n_rows} are "
                "not)."
            )
        return np.where(values == 0.0, 0, np.where(values == cause, 1, 2)).astype(np.int8)

    def probabilities(self, column: str) -> NDArray[np.float64]:
        """Return a column of probabilities."""
        values = self.numbers(column)
        bad = np.flatnonzero(~((values >= 0.0) & (values <= 1.0)))
        if bad.size:
            row = int(bad[0])
            raise InputError(
                f"{self.name}, column `{column}`, row {self._line(row)}: {values[row]:g} is not a "
                f"probability in [0, 1] ({bad.size} of {self.n_rows} values are not). Give "
                "probabilities, not scores or percentages."
            )
        return values

    def _line(self, row: int) -> int:
        """Return the line of the file, as a spreadsheet counts, that a row of this table is."""
        return (row if self._lines is None else int(self._lines[row])) + 2

    def _strings(self, column: str) -> pa.ChunkedArray:
        return pc.fill_null(self._data.column(column).cast(pa.string()), "")

    def _require(self, column: str) -> None:
        if column in self.columns:
            return
        close = difflib.get_close_matches(column, self.columns, n=1, cutoff=0.6)
        guess = f" Did you mean `{close[0]}`?" if close else ""
        raise InputError(
            f"{self.name} has no column `{column}`.{guess} Its columns are: "
            f"{', '.join(f'`{name}`' for name in self.columns)}."
        )

    def _first_bad_number(self, column: str, cells: pa.ChunkedArray) -> None:
        """Raise for the first cell that is not a number."""
        for index, cell in enumerate(cells.to_pylist()):
            try:
                float(cell)
            except ValueError:
                shown = "is empty" if cell == "" else f"holds {cell!r}, which is not a number"
                raise InputError(
                    f"{self.name}, column `{column}`, row {self._line(index)}: the cell {shown}. "
                    "Drop or impute such rows before."
                ) from None
        raise InputError(f"{self.name}, column `{column}` cannot be read as numbers.")


def read_table(path: Path) -> Table:
    """Return the table in a CSV or Parquet file."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a CSV or Parquet file.")
    if not path.is_file():
        raise InputError(f"{path} does not exist.")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty; it needs a header and at least one patient.")
    if path.suffix.lower() in (".xlsx", ".xls", ".ods"):
        raise InputError(
            f"{path.name} is a workbook; save the sheet as 'CSV UTF-8' and give that file, so that "
            "what is read is what can be seen."
        )
    if path.suffix.lower() in (".parquet", ".pq"):
        data, decimal_comma = _read_parquet(path), False
    else:
        delimiter = _delimiter(path)
        data, decimal_comma = _read_csv(path, delimiter), delimiter == ";"
    names = [str(name).strip() for name in data.column_names]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"{path.name}: column `{doubled[0]}` is there more than once.")
    if data.num_rows == 0:
        raise InputError(f"{path.name} has a header but no patients.")
    return Table(
        name=path.name,
        columns=tuple(names),
        n_rows=data.num_rows,
        _data=data.rename_columns(names),
        _decimal_comma=decimal_comma,
    )


def _delimiter(path: Path) -> str:
    """Return the separator that the header line uses most, outside quotes."""
    with path.open("rb") as file:
        header = file.readline()
    try:
        line = re.sub(r'"[^"]*"', "", header.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name} is not UTF-8 text; save it as 'CSV UTF-8' (or as Parquet)."
        ) from error
    return max((",", ";", "\t"), key=line.count)


def _read_csv(path: Path, delimiter: str) -> pa.Table:
    header = pa.csv.ReadOptions(autogenerate_column_names=False, use_threads=True)
    parse = pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    try:
        with pa.csv.open_csv(path, read_options=header, parse_options=parse) as first:
            names: Sequence[str] = first.schema.names
        convert = pa.csv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=False
        )
        return pa.csv.read_csv(
            path, read_options=header, parse_options=parse, convert_options=convert
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        text = str(error).strip()
        if "UTF8" in text:
            text = "it is not UTF-8 text; save it as 'CSV UTF-8' (or as Parquet)"
        raise InputError(f"{path.name} cannot be read as CSV: {text.rstrip('.')}.") from error


def _read_parquet(path: Path) -> pa.Table:
    try:
        return pa.parquet.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        first = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{path.name} cannot be read as Parquet: {first}.") from error
