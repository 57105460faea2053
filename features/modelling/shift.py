"""How a cohort's features compare with those of a development: range, shift and unit."""

from typing import Any

import numpy as np
import pandas as pd

from extval.stats._checks import FloatArray

RANGE = ("low", "high", "mean", "sd", "median")
NEAR = 0.1  # of a decimal logarithm: within a quarter of the factor
MANY_OUTSIDE = 0.5
FACTORS = {
    **{10.0**k: f"10^{k}" for k in range(-6, 7) if k},
    25.4: "25.4 (millimetres for inches)",
    2.54: "2.54 (centimetres for inches)",
    1 / 25.4: "1/25.4 (inches for millimetres)",
    1 / 2.54: "1/2.54 (inches for centimetres)",
}


def development_range(X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803
    """Describe each feature in the patients that a model is developed on.

    Parameters
    ----------
    X : DataFrame of shape (n, p), NaN where missing
        Numeric features.

    Returns
    -------
    DataFrame
        A row a feature, named in the index: `low`, `high`, `mean`, `sd` (divisor n - 1), `median`.
        NaN are left out; a feature without a value, and the `sd` of a single one, is NaN.

    Raises
    ------
    ValueError
        If a column is not numeric or a value is infinite.

    Examples
    --------
    >>> development_range(pd.DataFrame({"volume": [1.0, 2.0, 6.0]}))
            low  high  mean        sd  median
    volume  1.0   6.0   3.0  2.645751     2.0
    """
    rows = {}
    for name in X.columns:
        values = _values(X, name)
        known = values[~np.isnan(values)]
        n = known.size
        rows[name] = (
            known.min() if n else np.nan,
            known.max() if n else np.nan,
            known.mean() if n else np.nan,
            known.std(ddof=1) if n > 1 else np.nan,
            np.median(known) if n else np.nan,
        )
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(RANGE), dtype=np.float64)


def shift_of(development: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Compare the features of patients, one or many, with those of a model's development.

    Parameters
    ----------
    development : DataFrame
        From `development_range`: a row a feature that the model uses.
    table : DataFrame of shape (n, columns), NaN where missing
        Holds those features; other columns are not looked at.

    Returns
    -------
    DataFrame
        A row a feature, named in the index:

        - `development_low`, `development_high`, `development_mean`, `development_sd`,
          `development_median`
        - `n`, `missing`: patients with and without a value
        - `external_median`
        - `standardised_mean_shift`: external minus development mean, in development standard
          deviations; NaN where those are 0 or unknown
        - `share_outside`: of the n patients, those below `development_low` or above
          `development_high`
        - `unit_suspect`: a sentence where the unit may differ, else empty
        - `note`: a sentence where more than half lie outside or nothing can be said, else empty

    Raises
    ------
    ValueError
        If a feature is not in the table, is not numeric or is infinite.

    Notes
    -----
    A unit is suspected where the external median lies outside the development range and the ratio
    of the medians is within 0.1 of a decimal logarithm (a factor of 1.26) of a power of ten (up to
    10^6), 25.4, 2.54 or an inverse of them, and dividing by that factor brings the median into the
    range. Of several such factors the nearest is named. A feature that spans orders of magnitude
    in development is not suspected inside its range.

    Examples
    --------
    >>> development = development_range(pd.DataFrame({"diameter": [21.0, 30.0, 34.0, 52.0]}))
    >>> shift = shift_of(development, pd.DataFrame({"diameter": [3.1]}, index=["P7"]))
    >>> shift.loc["diameter", "unit_suspect"]
    'The median is 3.1 here and 32 in development, a factor near 10^-1: check the unit.'
    """
    absent = [name for name in RANGE if name not in development.columns]
    if absent:
        raise ValueError(
            f"`development` has no column {absent[0]!r}; it comes from `development_range`."
        )
    rows = {}
    numbers = development[list(RANGE)].to_numpy(dtype=np.float64)
    for name, described in zip(development.index, numbers, strict=True):
        if name not in table.columns:
            missing = [str(each) for each in development.index if each not in table.columns]
            raise ValueError(
                f"The table has no column {name!r}, a feature of the model; {len(missing)} of "
                f"{len(development)} are absent. Add them or check their names."
            )
        low, high, mean, sd, median = (float(each) for each in described)
        values = _values(table, name)
        known = values[~np.isnan(values)]
        n = known.size
        ours = float(np.median(known)) if n else np.nan
        outside = int(np.count_nonzero((known < low) | (known > high)))
        rows[name] = {
            **dict(zip(_columns(), (low, high, mean, sd, median), strict=False)),
            "n": n,
            "missing": values.size - n,
            "external_median": ours,
            "standardised_mean_shift": (known.mean() - mean) / sd if n and sd > 0.0 else np.nan,
            "share_outside": outside / n if n and not np.isnan(low) else np.nan,
            "unit_suspect": _unit(ours, median, low, high),
            "note": _note(n, outside, low, high),
        }
    return pd.DataFrame.from_dict(rows, orient="index", columns=_columns())


def _columns() -> list[str]:
    return [
        *(f"development_{key}" for key in RANGE),
        "n",
        "missing",
        "external_median",
        "standardised_mean_shift",
        "share_outside",
        "unit_suspect",
        "note",
    ]


def _unit(ours: float, theirs: float, low: float, high: float) -> str:
    """Return the sentence about the unit, empty if it is not suspected."""
    if low <= ours <= high or not ours * theirs > 0.0:
        return ""
    ratio = ours / theirs
    nearest = min(FACTORS, key=lambda factor: abs(np.log10(ratio / factor)))
    if abs(np.log10(ratio / nearest)) > NEAR or not low <= ours / nearest <= high:
        return ""
    return (
        f"The median is {ours:.4g} here and {theirs:.4g} in development, a factor near "
        f"{FACTORS[nearest]}: check the unit."
    )


def _note(n: int, outside: int, low: float, high: float) -> str:
    if n == 0:
        return "No patient has a value, so it cannot be compared with the development."
    if np.isnan(low):
        return "No development patient had a value, so there is no range to compare with."
    if outside <= MANY_OUTSIDE * n:
        return ""
    who = "The patient lies" if n == 1 else f"{outside} of {n} patients lie"
    return (
        f"{who} outside the development range, {low:.4g} to {high:.4g}: check the unit, the "
        "scanner and whether the model applies."
    )


def _values(table: pd.DataFrame, name: Any) -> FloatArray:
    """Return a column as numbers, or raise naming it."""
    column = table[name]
    if isinstance(column, pd.DataFrame):
        raise ValueError(f"Column {name!r} is there {column.shape[1]} times. Keep one.")
    try:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Column {name!r} must hold numbers: {error}.") from error
    bad = np.flatnonzero(np.isinf(values))
    if bad.size:
        raise ValueError(
            f"Feature {name!r} of patient {column.index[bad[0]]!r} is infinite; {bad.size} of "
            f"{values.size} values are. Correct or empty them."
        )
    return np.asarray(values, dtype=np.float64)
