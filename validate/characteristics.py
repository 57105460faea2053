"""Characteristics of patients: what subgroups are made of and baseline tables describe.

The cells are kept as the text of the input, so that a results folder reads back as the table did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from extval.validate.cohort import Roster
from extval.validate.errors import InputError
from extval.validate.protocol import BinaryProtocol, Protocol, SurvivalProtocol
from extval.validate.protocol_settings import Subgroup
from extval.validate.table import Table

MISSING = "missing"
CENTER = "center"
MOST_LEVELS = 20
_MISSING_CELLS = frozenset({"", "na", "nan", "n/a", "null", "none", MISSING})

Cells = NDArray[np.object_]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Patients who share one value of a characteristic; `rows` are their places, ascending."""

    name: str
    rows: NDArray[np.intp]


def read_characteristics(table: Table, protocol: Protocol, roster: Roster) -> dict[str, Cells]:
    """Return the columns that subgroups, baseline, case mix, strata and Cox models name.

    Values of numeric columns are checked here, where the row of the input is still known.
    """
    numeric = {group.column for group in protocol.subgroups.values() if group.cuts is not None}
    coded = {group.column for group in protocol.subgroups.values() if group.cuts is None}
    named = [*protocol.baseline.variables.values(), *protocol.case_mix.predictors.values()]
    if isinstance(protocol, SurvivalProtocol):
        named += protocol.cox.predictors.values()
        strata = {protocol.log_rank.strata, protocol.cox.strata}
        coded |= {column for column in strata if column is not None and column != CENTER}
    for variable in named:
        (numeric if variable.kind == "continuous" else coded).add(variable.column)
    _check_allowed(protocol, coded, numeric | coded)
    found: dict[str, Cells] = {}
    for column in sorted(numeric | coded):
        cells = table.measurement_text(column) if column in numeric else table.text(column)
        if column in numeric:
            _check_numbers(table, column, cells)
        if column in coded:
            _check_few(table, column, cells)
        found[column] = np.array(cells, dtype=object)[roster.order]
    return found


def numbers(cells: Sequence[str] | Cells) -> FloatArray:
    """Return a characteristic as numbers, NaN where it is missing.

    Examples
    --------
    >>> numbers(["61", "", "58.5"])
    array([61. ,  nan, 58.5])
    """
    return np.array([np.nan if is_missing(cell) else float(cell) for cell in cells], dtype=float)


def labels(cells: Sequence[str] | Cells) -> list[str]:
    """Return a characteristic as categories; `MISSING` stands for a cell without one."""
    return [MISSING if is_missing(cell) else str(cell) for cell in cells]


def ordered(names: Sequence[str]) -> list[str]:
    """Return the different categories in their order: numbers by size, text by letter, no missing.

    Examples
    --------
    >>> ordered(["10", "9", "missing", "9"]), ordered(["b", "a", "10"])
    (['9', '10'], ['10', 'a', 'b'])
    """
    known = sorted({name for name in names if name != MISSING})
    try:
        return sorted(known, key=float)
    except ValueError:
        return known


def levels(cells: Cells, declared: Subgroup) -> list[Level]:
    """Return the patients of every level of a declared subgroup; the missing ones last."""
    if declared.cuts is None:
        names = labels(cells)
        order = ordered(names)
    else:
        order = bands(declared.cuts)
        values = numbers(cells)
        place = np.searchsorted(np.array(declared.cuts), values, side="right")
        names = [
            MISSING if np.isnan(value) else order[index]
            for value, index in zip(values, place, strict=True)
        ]
    named = np.array(names, dtype=object)
    if MISSING in names:
        order = [*order, MISSING]
    return [Level(name=name, rows=np.flatnonzero(named == name)) for name in order]


def bands(cuts: Sequence[float]) -> list[str]:
    """Return the names of the bands between cuts; a cut itself belongs to the band above it.

    Examples
    --------
    >>> bands([60, 70])
    ['below 60', '60 to below 70', '70 or more']
    """
    between = [f"{a:g} to below {b:g}" for a, b in pairwise(cuts)]
    return [f"below {cuts[0]:g}", *between, f"{cuts[-1]:g} or more"]


def written(
    characteristics: Mapping[str, Cells], present: Mapping[str, object]
) -> dict[str, list[str]]:
    """Return the columns that a table of predictions needs beside those that it has."""
    return {
        column: [str(cell) for cell in cells]
        for column, cells in characteristics.items()
        if column not in present
    }


def is_missing(cell: str) -> bool:
    """Return whether a cell is empty or says in words that there is no value."""
    return cell.strip().casefold() in _MISSING_CELLS


def _check_allowed(protocol: Protocol, coded: set[str], wanted: set[str]) -> None:
    columns = protocol.columns
    for column in (columns.patient, columns.cluster):
        if column in wanted:
            raise InputError(
                f"column `{column}` identifies patients: it cannot be a subgroup or a variable of "
                "the baseline table."
            )
    if isinstance(protocol, BinaryProtocol):
        outcome = {protocol.outcome.column}
    else:
        outcome = {protocol.outcome.time, protocol.outcome.event}
    for column in sorted(outcome & coded):
        raise InputError(
            f"column `{column}` is the outcome: performance in subgroups of it means nothing, and "
            "the baseline table shows it with `by: [outcome]`."
        )


def _check_numbers(table: Table, column: str, cells: Sequence[str]) -> None:
    for index, cell in enumerate(cells):
        if is_missing(cell):
            continue
        try:
            finite = np.isfinite(float(cell))
        except ValueError:
            finite = False
        if not finite:
            raise InputError(
                f"{table.name}, column `{column}`, row {index + 2}: {cell!r} is not a number. "
                "Correct it, leave the cell empty if it is missing, or declare the column without "
                "`cuts` (subgroup) or as `categorical` (baseline)."
            )


def _check_few(table: Table, column: str, cells: Sequence[str]) -> None:
    names = ordered(labels(cells))
    if len(names) > MOST_LEVELS:
        raise InputError(
            f"{table.name}, column `{column}` has {len(names)} different values; at most "
            f"{MOST_LEVELS} are categories. Give `cuts` (subgroup), or declare it as `continuous` "
            "(baseline)."
        )
