"""Adjustment of P values for the number of tests in a family."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from extval.stats import _checks


def holm(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Holm's step-down adjusted P values, in the order given.

    Parameters
    ----------
    p_values : array_like of shape (k,), in [0, 1] or NaN
        NaN is a test that could not be made: it stays NaN and does not count in the family.

    Returns
    -------
    ndarray of shape (k,)

    Notes
    -----
    With ``p(1) <= ... <= p(m)`` the adjusted value of the i-th is the largest of
    ``min(1, (m - j + 1) p(j))`` over ``j <= i``.
    Agrees with R 4.2.2 ``p.adjust(method = "holm")`` to 1e-15.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6:65.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    p = _checks.p_values(p_values)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    ascending = tested[np.argsort(p[tested], kind="stable")]
    factor = np.arange(ascending.size, 0, -1)
    adjusted[ascending] = np.minimum(np.maximum.accumulate(factor * p[ascending]), 1.0)
    return adjusted


def benjamini_hochberg(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Benjamini and Hochberg's step-up adjusted P values, in the order given.

    Parameters
    ----------
    p_values : array_like of shape (k,), in [0, 1] or NaN
        NaN is a test that could not be made: it stays NaN and does not count in the family.

    Returns
    -------
    ndarray of shape (k,)
        Keeping those at or below q keeps the expected share of false findings among them at or
        below q if the tests are independent or positively dependent.

    Notes
    -----
    With ``p(1) <= ... <= p(m)`` the adjusted value of the i-th is the smallest of
    ``min(1, m p(j) / j)`` over ``j >= i``.
    Agrees with R 4.2.2 ``p.adjust(method = "BH")`` to 1e-15.

    References
    ----------
    Benjamini & Hochberg (1995), J R Stat Soc B 57:289. :doi:`10.1111/j.2517-6161.1995.tb02031.x`

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.04, 0.04]
    """
    p = _checks.p_values(p_values)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    descending = tested[np.argsort(p[tested], kind="stable")][::-1]
    factor = tested.size / np.arange(tested.size, 0, -1)
    adjusted[descending] = np.minimum(np.minimum.accumulate(factor * p[descending]), 1.0)
    return adjusted
