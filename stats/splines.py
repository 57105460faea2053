"""Restricted cubic splines as R's Hmisc builds them."""

import numpy as np
from numpy.typing import ArrayLike

from extval.stats import _checks
from extval.stats._checks import FloatArray


def spline_knots(x: ArrayLike, n_knots: int) -> FloatArray:
    """Return default knots of a restricted cubic spline at quantiles of `x`.

    Parameters
    ----------
    x : array_like of shape (n,), finite
        Predictor.
    n_knots : int from 3 to 7
        Knots asked for.

    Returns
    -------
    ndarray of shape (k,)
        Ascending and distinct; fewer than `n_knots` where `x` has few distinct values, and fewer
        than three where no spline can be placed.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Quantiles (type 7) from 0.05 to 0.95, with three knots from 0.1 to 0.9 and with seven from 0.025
    to 0.975; below 100 values the outer knots are the fifth smallest and largest. A value
    that holds at least 5% of the data at one end is passed over. Agrees with R Hmisc 4.8
    ``rcspline.eval(x, nk = n_knots, knots.only = TRUE)``.
    """
    values = np.sort(_checks.vector(x, name="x"))
    _checks.choice(str(n_knots), ("3", "4", "5", "6", "7"), name="n_knots")
    distinct, size = np.unique(values, return_counts=True)
    if distinct.size - 2 <= n_knots:
        return distinct[1:-1]
    outer = 0.1 if n_knots == 3 else 0.025 if n_knots == 7 else 0.05
    share = size / values.size
    low: list[float] = []
    high: list[float] = []
    if share[1:-1].max() < 0.05:
        if share[0] >= 0.05:
            low = [float(distinct[1])]
            values = values[values > distinct[1]]
        if share[-1] >= 0.05:
            high = [float(values[values < values[-1]][-1])]
            values = values[values < high[0]]
    inner = n_knots - len(low) - len(high)
    if inner == 1:
        knots = np.array([np.median(values)])
    else:
        first = 0.5 if inner == 2 else outer
        knots = np.quantile(values, np.linspace(first, 1.0 - outer, inner))
        if np.unique(knots).size < min(inner, 3):
            return _alternative(values, outer, inner, low, high)
        if values.size < 100:
            if not low:
                knots[0] = values[4]
            if not high:
                knots[-1] = values[-5]
    return np.unique(np.concatenate((low, knots, high)))


def _alternative(
    values: FloatArray, outer: float, inner: int, low: list[float], high: list[float]
) -> FloatArray:
    """Return the knots for a predictor so tied that quantiles coincide."""
    knots = np.quantile(values, np.linspace(outer, 1.0 - outer, 2 * inner))
    if low and np.unique(knots).size < 3:
        middle = 0.5 * (low[0] + high[0]) if high else float(np.median(values))
        knots = np.array([low[0], middle, high[0] if high else np.quantile(values, 1.0 - outer)])
    if values.size < 100:
        if not low:
            knots[0] = values[4]
        if not high:
            knots[inner - 1] = values[-5]
    return np.unique(np.concatenate((low, knots, high)))


def spline_basis(x: ArrayLike, knots: ArrayLike) -> FloatArray:
    r"""Return the columns of a restricted cubic spline: `x` itself and k - 2 nonlinear terms.

    Parameters
    ----------
    x : array_like of shape (n,), finite
    knots : array_like of shape (k,), ascending, k >= 3

    Returns
    -------
    ndarray of shape (n, k - 1)

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Cubic between the knots, linear beyond them; term j is
    :math:`(x - t_j)_+^3 - (x - t_{k-1})_+^3 \frac{t_k - t_j}{t_k - t_{k-1}} + (x - t_k)_+^3
    \frac{t_{k-1} - t_j}{t_k - t_{k-1}}`, divided by :math:`(t_k - t_1)^2`. Agrees with R Hmisc 4.8
    ``rcspline.eval(norm = 2)`` to 1e-12.

    References
    ----------
    Stone & Koo (1985), Proc Stat Comp Section ASA, 45.

    Examples
    --------
    >>> spline_basis([0.0, 1.5], [0, 1, 2]).tolist()
    [[0.0, 0.0], [1.5, 0.78125]]
    """
    values = _checks.vector(x, name="x")
    t = _checks.knots(knots)
    last, before = t[-1], t[-2]
    columns = [values]
    for own in t[:-2]:
        term = (
            np.maximum(values - own, 0.0) ** 3
            - np.maximum(values - before, 0.0) ** 3 * ((last - own) / (last - before))
            + np.maximum(values - last, 0.0) ** 3 * ((before - own) / (last - before))
        )
        columns.append(term / (last - t[0]) ** 2)
    return np.column_stack(columns)
