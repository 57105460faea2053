"""Filling in missing predictors before a model is applied: learned on development patients alone.

Predictions that are frozen come with their imputations as columns; these routines are for models
that this package applies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats.imputation import (
    fill_missing,
    impute,
    learn_chained_equations,
    typical_values,
)
from extval.stats.rubin import needed_imputations

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImputedTables:
    """Predictors without gaps.

    Attributes
    ----------
    development, external : ndarray of shape (imputations, patients, columns)
        Filled tables; observed cells are as they were. One imputation when a single value is
        filled in.
    incomplete_development, incomplete_external : float in [0, 1]
        Share of patients with a missing predictor.
    method : str
        What was done, for the report.
    """

    development: FloatArray
    external: FloatArray
    incomplete_development: float
    incomplete_external: float
    method: str


def impute_development_median(
    development: ArrayLike, external: ArrayLike, *, kinds: Sequence[str]
) -> ImputedTables:
    """Fill gaps with the development median, or most frequent category.

    Parameters
    ----------
    development, external : array_like of shape (n_d, columns), (n_e, columns), finite or NaN
        Predictors; NaN is missing, categories are codes.
    kinds : sequence of {"continuous", "categorical"}, one a column
        Kind of every column.

    Returns
    -------
    ImputedTables
        With one imputation. Intervals that follow do not know of the uncertainty of the fill.

    Raises
    ------
    ValueError
        If a column has no observed development value, or the tables differ in their columns.

    Examples
    --------
    >>> filled = impute_development_median(
    ...     [[50.0], [60.0], [70.0]], [[np.nan], [90.0]], kinds=["continuous"])
    >>> filled.external.tolist()
    [[[60.0], [90.0]]]
    """
    values = typical_values(development, kinds=kinds)
    return ImputedTables(
        development=fill_missing(development, values)[np.newaxis],
        external=fill_missing(external, values)[np.newaxis],
        incomplete_development=_incomplete(development),
        incomplete_external=_incomplete(external),
        method="median (category: most frequent) of the development patients",
    )


def impute_chained(
    development: ArrayLike,
    external: ArrayLike,
    *,
    kinds: Sequence[str],
    rng: np.random.Generator,
    n_imputations: int | None = None,
    n_iterations: int = 10,
) -> ImputedTables:
    """Fill gaps several times by chained equations learned on development patients.

    Parameters
    ----------
    development, external : array_like of shape (n_d, columns), (n_e, columns), finite or NaN
        Predictors; NaN is missing, categories are codes. No outcome: it is unknown when a
        prediction is made, and the external one must not reach the predictions.
    kinds : sequence of {"continuous", "categorical"}, one a column
        Kind of every column.
    rng : numpy.random.Generator
        Keys of the learning, of the development and of the external draws, in this order.
    n_imputations : int, positive, optional
        When not given, one for every per cent of incomplete patients in the table with more of
        them, and at least 5 [1]_; one when nothing is missing anywhere.
    n_iterations : int, positive
        Rounds of the chain.

    Returns
    -------
    ImputedTables
        Imputation b of both tables is drawn from the same draw of the equations. Adding or taking
        away external patients changes nothing in the equations.

    Raises
    ------
    ValueError
        If a column has no observed development value, the tables differ in their columns, or an
        external patient has a category that no development patient had.

    References
    ----------
    .. [1] White, Royston & Wood (2011), Stat Med 30:377. :doi:`10.1002/sim.4067`

    Examples
    --------
    >>> x = np.arange(40.0)
    >>> development = np.column_stack([x, 2 * x + x % 3])
    >>> filled = impute_chained(development, [[10.0, np.nan], [3.0, 8.0]],
    ...     kinds=["continuous"] * 2, rng=np.random.default_rng(1))
    >>> filled.external.shape, filled.incomplete_external
    ((50, 2, 2), 0.5)
    """
    shares = _incomplete(development), _incomplete(external)
    wanted = needed_imputations(max(shares)) if max(shares) > 0 else 1
    count = wanted if n_imputations is None else n_imputations
    learned = learn_chained_equations(
        development, kinds=kinds, n_imputations=count, rng=rng, n_iterations=n_iterations
    )
    return ImputedTables(
        development=impute(learned, development, rng=rng),
        external=impute(learned, external, rng=rng),
        incomplete_development=shares[0],
        incomplete_external=shares[1],
        method=(
            f"{count} imputations by chained equations learned on {learned.n_development} "
            f"development patients without the outcome, {n_iterations} rounds"
        ),
    )


def _incomplete(table: ArrayLike) -> float:
    """Return the share of patients with a missing value."""
    gaps = np.isnan(np.asarray(table, dtype=np.float64)).any(axis=-1)
    return float(np.count_nonzero(gaps)) / gaps.size if gaps.size else 0.0
