"""Round numbers for the ticks of an axis, by the rule of R's `pretty`."""

import sys
from math import ceil, floor, isfinite, log10

import numpy as np

from extval.stats._checks import FloatArray

_ROUNDING = 1e-10  # of a step; a limit this close to a tick is on it
_SMALLEST = 2.0**-20 * sys.float_info.min
_HIGH_BIAS = 1.5
_FIVE_BIAS = 0.5 + 1.5 * _HIGH_BIAS
_SHRINK = 0.75


def pretty(low: float, high: float, n: int = 5) -> FloatArray:
    """Return about ``n + 1`` equally spaced round values that cover the interval.

    Parameters
    ----------
    low, high : float, finite
        With ``low <= high``. Equal limits give a few values around them.
    n : int, at least 1
        Wanted number of intervals; at least a third of it is returned.

    Returns
    -------
    ndarray of shape (k,)
        Steps are 1, 2, 5 or 10 times a power of ten.

    Raises
    ------
    ValueError
        If a limit is not finite, or `low` exceeds `high`, or they are too far apart for floats.

    Notes
    -----
    The step is the member u of {1, 2, 5, 10} times a power of ten nearest to the wanted one, c,
    with larger steps favoured by ``u - c < 1.5 (c - u')`` over the next smaller u' (2.75 for 5).
    Agrees with R 4.2 ``pretty`` (its defaults) to the rounding of the last digit.

    References
    ----------
    Becker, Chambers & Wilks (1988), The New S Language.

    Examples
    --------
    >>> pretty(0, 163, 10).tolist()
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0]
    """
    if not (isfinite(low) and isfinite(high) and low <= high and isfinite(high - low)):
        raise ValueError(
            f"An axis needs finite limits in ascending order; got {low} to {high}. Check the "
            "values of the predictor."
        )
    if n < 1:
        raise ValueError(f"`n` must be at least 1; got {n}.")
    fewest = n // 3
    step = _step(float(low), float(high), n, fewest)
    first = floor(low / step + _ROUNDING)
    last = ceil(high / step - _ROUNDING)
    while first * step > low + _ROUNDING * step:
        first -= 1
    while last * step < high - _ROUNDING * step:
        last += 1
    lacking = fewest - (last - first)
    if lacking > 0:
        if low == 0.0 and first == 0 and high != 0.0:
            last += lacking
        elif high == 0.0 and last == 0 and low != 0.0:
            first -= lacking
        else:
            half, rest = lacking // 2, lacking // 2 + lacking % 2
            first, last = (first - rest, last + half) if first >= 0 else (first - half, last + rest)
    return _multiples(first, last, step)


def _step(low: float, high: float, n: int, fewest: int) -> float:
    """Return the step: 1, 2, 5 or 10 times a power of ten."""
    span, size = high - low, max(abs(low), abs(high))
    bound = 1.0 + 1.0 / (1.0 + _HIGH_BIAS)  # largest wanted step in units of the returned one
    narrow = size == 0.0 or span < size * bound * n * sys.float_info.epsilon * 3.0
    if narrow:
        wanted = size if size > 0.0 else 1.0
        wanted = _SHRINK * (9.0 + wanted / 10.0 if wanted > 10.0 else wanted)
        if fewest > 1:
            wanted /= fewest
    else:
        wanted = span / n
    wanted = min(max(wanted, _SMALLEST), sys.float_info.max / 1.25)
    unit = base = 10.0 ** floor(log10(wanted))
    for factor, bias in ((2.0, _HIGH_BIAS), (5.0, _FIVE_BIAS), (10.0, _HIGH_BIAS)):
        if factor * base - wanted >= bias * (wanted - unit):
            break
        unit = factor * base
    return unit


def _multiples(first: int, last: int, step: float) -> FloatArray:
    """Return the multiples of a step; below 1 as the quotients that print as short decimals."""
    factors = np.arange(first, last + 1, dtype=np.float64)
    if 1e-300 < step < 1.0:
        return np.asarray(factors / np.round(1.0 / step))
    return np.asarray(factors * step)
