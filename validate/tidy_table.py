"""Tidy tables as CSV text: one header, numbers at full precision, nothing for what is not there."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from typing import Any


def tidy_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return CSV text with numbers at full precision; NaN and None are empty cells."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def rows_csv(kind: type, rows: Iterable[Any]) -> str:
    """Return the text of a table whose rows are of one dataclass; its fields are the columns."""
    return tidy_csv([field.name for field in fields(kind)], map(astuple, rows))


def columns_csv(table: Mapping[str, Sequence[Any]]) -> str:
    """Return the text of a table that is held column by column."""
    return tidy_csv(list(table), zip(*table.values(), strict=True))


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(value) if isinstance(value, float) else value
