"""Gaps in clinical predictors, filled with what is typical of the development patients."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from extval.stats.imputation import typical_values

RULES = ("refuse", "development-median")
Fill = float | str


def typical(table: pd.DataFrame) -> dict[str, Fill]:
    """Return the median of every column of numbers, and the most frequent text of the others.

    Of several most frequent texts the first in alphabetical order is taken.

    Raises
    ------
    ValueError
        If nobody has a value of some column.

    Examples
    --------
    >>> typical(pd.DataFrame({"age": [50.0, None, 70.0], "stage": ["T2", "T1", "T2"]}))
    {'age': 60.0, 'stage': 'T2'}
    """
    found: dict[str, Fill] = {}
    for name, cells in table.items():
        if cells.isna().all():
            raise ValueError(f"No patient has a value in column `{name}`. Leave the predictor out.")
        if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
            values = cells.to_numpy(dtype=np.float64, na_value=np.nan)
            found[str(name)] = float(typical_values(values[:, None], kinds=["continuous"])[0])
        else:
            texts, counts = np.unique(cells.dropna().astype(str), return_counts=True)
            found[str(name)] = str(texts[np.argmax(counts)])
    return found


def filled(table: pd.DataFrame, fills: Mapping[str, Fill]) -> pd.DataFrame:
    """Return the table with the gaps in the columns of `fills` filled; others are as they were."""
    there = {name: value for name, value in fills.items() if name in table.columns}
    gaps = {name: table[name].isna() for name in there}
    return table.assign(
        **{name: table[name].mask(gaps[name], value) for name, value in there.items()}
    )


def sentences(table: pd.DataFrame, fills: Mapping[str, Fill]) -> list[str]:
    """Return what was filled in, a sentence a column with gaps."""
    counts = {name: int(table[name].isna().sum()) for name in fills if name in table.columns}
    return [
        f"{count} of {len(table)} development patients had no {name}; "
        f"{fills[name]:g} was filled in, the development median."
        if isinstance(fills[name], float)
        else f"{count} of {len(table)} development patients had no {name}; "
        f"{fills[name]} was filled in, the most frequent value of development."
        for name, count in counts.items()
        if count
    ]
