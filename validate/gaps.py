"""Empty cells in predictions and outcome, where the protocol leaves such patients out."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from extval.validate.characteristics import is_missing
from extval.validate.errors import InputError
from extval.validate.protocol import BinaryProtocol, Protocol
from extval.validate.table import Table

BoolArray = NDArray[np.bool_]
# A value that every column of predictions or outcomes may hold; the patient is left out anyway.
_PLACEHOLDER = "0"


def needed_columns(protocol: Protocol) -> dict[str, str]:
    """Return the columns without which a patient cannot be analysed, and what each is.

    Examples
    --------
    >>> from extval.validate.protocol import BinaryModel, BinaryOutcome
    >>> needed_columns(BinaryProtocol(
    ...     outcome=BinaryOutcome(column="y"), models={"A": BinaryModel(probability="p")}))
    {'y': 'outcome', 'p': 'prediction of A'}
    """
    if isinstance(protocol, BinaryProtocol):
        found = {protocol.outcome.column: "outcome"}
    else:
        found = {protocol.outcome.time: "outcome", protocol.outcome.event: "outcome"}
        if protocol.outcome.entry is not None:
            found[protocol.outcome.entry] = "outcome"
    for name, model in protocol.models.items():
        for columns in model.columns():
            for column in columns:
                use = f"prediction of {name}"
                before = found.get(column)
                found[column] = use if before in (None, use) else f"{before}, {use}"
    return found


def without_gaps(table: Table, protocol: Protocol) -> tuple[Table, dict[str, BoolArray]]:
    """Return the table with a placeholder in empty cells, and where they are, (n,) a column.

    Only `complete-case` looks for them; otherwise reading the column ends with an error.
    """
    if protocol.missing.rule != "complete-case":
        return table, {}
    gaps = {
        column: np.array([is_missing(cell) for cell in table.text(column)], dtype=np.bool_)
        for column in needed_columns(protocol)
    }
    for column, cells in gaps.items():
        if cells.any():
            table = table.filled(column, cells, _PLACEHOLDER)
    return table, gaps


def refuse_gaps(table: Table, protocol: Protocol) -> None:
    """Raise for the first column with an empty cell, with what a protocol can say about it."""
    if protocol.missing.rule == "complete-case":
        return
    needed = needed_columns(protocol)
    for column, use in sorted(needed.items(), key=lambda item: item[1] == "outcome"):
        cells = table.text(column) if column in table.columns else []
        rows = [row for row, cell in enumerate(cells) if is_missing(cell)]
        if rows:
            cell = cells[rows[0]]
            shown = f"holds {cell!r}, which stands for a missing value" if cell else "is empty"
            raise InputError(
                f"{table.name}, column `{column}`, row {rows[0] + 2}: the cell {shown} "
                f"({use}: {len(rows)} of {table.n_rows} are missing). Write `missing: {{rule: "
                "complete-case}` in the protocol to leave such patients out and count them"
                f"{'' if use == 'outcome' else ', or impute before the model is applied'}."
            )


def incomplete(gaps: Mapping[str, BoolArray], n: int) -> BoolArray:
    """Return who has a gap in any column, shape (n,)."""
    found = np.zeros(n, dtype=np.bool_)
    for cells in gaps.values():
        found |= cells
    return found
