"""How numbers read in a report; every digit printed anywhere passes through here."""

from collections.abc import Sequence
from math import floor, inf, isfinite, isnan, log10

NOT_ESTIMABLE = "not estimable"
ABSENT = "\u2014"
_MINUS = "\u2212"
_TIMES = "\u00d7"
_THIN = "\u202f"
_NO_BREAK = "\u00a0"
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SCIENTIFIC_FROM = 1e6

Number = float | int | None


def number(value: Number, *, digits: int = 3) -> str:
    """Return `value` with a typographic minus and no negative zero.

    Examples
    --------
    >>> number(-0.0004), number(2.5, digits=1), number(None), number(float("inf"))
    ('0.000', '2.5', 'not estimable', '∞')
    """
    if value is None or isnan(value):
        return NOT_ESTIMABLE
    if abs(value) == inf:
        return "∞" if value > 0 else f"{_MINUS}∞"
    if abs(value) >= _SCIENTIFIC_FROM and not float(value).is_integer():
        return _scientific(value)
    whole, point, decimals = f"{abs(value):.{digits}f}".partition(".")
    negative = value < 0 and (whole + decimals).strip("0") != ""
    return (_MINUS if negative else "") + _grouped(whole) + point + decimals


def integer(value: Number) -> str:
    """Return a whole number; from five digits on with thin spaces between thousands.

    Examples
    --------
    >>> integer(1234), integer(0), integer(None)
    ('1234', '0', 'not estimable')
    """
    return number(value, digits=0)


def estimate(
    value: Number, lower: Number, upper: Number, *, digits: int = 3, bounded: bool = True
) -> str:
    """Return ``value (lower to upper)``; say so when the limits could not be estimated.

    With ``bounded=False`` the method gives no limits, and only the value is printed.

    Examples
    --------
    >>> estimate(0.8237, 0.7357, 0.8868)
    '0.824 (0.736 to 0.887)'
    >>> estimate(1.0, None, None, digits=2), estimate(None, None, None)
    ('1.00 (not estimable)', 'not estimable')
    """
    shown = number(value, digits=digits)
    if shown == NOT_ESTIMABLE or not bounded:
        return shown
    if lower is None or upper is None or isnan(lower) or isnan(upper):
        return f"{shown} ({NOT_ESTIMABLE})"
    return f"{shown} ({number(lower, digits=digits)} to {number(upper, digits=digits)})"


def limits(lower: Number, upper: Number, *, digits: int = 3) -> str:
    """Return ``lower to upper`` of an interval that stands alone.

    Examples
    --------
    >>> limits(0.5, 1.25, digits=2), limits(None, None)
    ('0.50 to 1.25', 'not estimable')
    """
    if lower is None or upper is None or isnan(lower) or isnan(upper):
        return NOT_ESTIMABLE
    return f"{number(lower, digits=digits)} to {number(upper, digits=digits)}"


def p_value(p: Number) -> str:
    """Return a P value with three decimals; never 0.000, and 1.000 only for exactly 1.

    Examples
    --------
    >>> p_value(0.0000312), p_value(0.02718), p_value(0.99987), p_value(1.0)
    ('<0.001', '0.027', '>0.999', '1.000')
    """
    if p is None or isnan(p):
        return NOT_ESTIMABLE
    if p < 0.001:
        return "<0.001"
    return ">0.999" if 0.9995 <= p < 1.0 else number(p)


def percent(share: Number, *, digits: int = 1) -> str:
    """Return a proportion as a percentage.

    Examples
    --------
    >>> percent(0.6049), percent(0.0, digits=0)
    ('60.5%', '0%')
    """
    if share is None or isnan(share):
        return NOT_ESTIMABLE
    return f"{number(100.0 * share, digits=digits)}%"


def percentages(
    value: Number, lower: Number, upper: Number, *, digits: int = 1, bounded: bool = True
) -> str:
    """Return a proportion with its limits in per cent, without the sign (the heading has it).

    Examples
    --------
    >>> percentages(0.8237, 0.7357, 0.8868)
    '82.4 (73.6 to 88.7)'
    """
    hundredfold = (None if v is None else 100.0 * v for v in (value, lower, upper))
    return estimate(*hundredfold, digits=digits, bounded=bounded)


def section_number(*parts: int) -> str:
    """Return the number of a section and its parts.

    Examples
    --------
    >>> section_number(6), section_number(6, 2)
    ('6', '6.2')
    """
    return ".".join(integer(part) for part in parts)


def share(part: int, whole: int) -> str:
    """Return ``part/whole (percentage)``, with a decimal only from 100 on.

    Examples
    --------
    >>> share(0, 6), share(115, 123), share(0, 0)
    ('0/6 (0%)', '115/123 (93.5%)', '0/0')
    """
    fraction = f"{integer(part)}/{integer(whole)}"
    if not whole:
        return fraction
    return f"{fraction} ({percent(part / whole, digits=1 if whole >= 100 else 0)})"


def interval_heading(confidence_level: float) -> str:
    r"""Return what a heading says of the limits below it; it is never broken into two lines.

    Examples
    --------
    >>> interval_heading(0.95)
    '(95%\xa0CI)'
    """
    return f"({level(confidence_level)}{_NO_BREAK}CI)"


def level(confidence_level: float) -> str:
    """Return a confidence level as a percentage without needless decimals.

    Examples
    --------
    >>> level(0.95), level(0.975)
    ('95%', '97.5%')
    """
    return f"{plain(round(100.0 * confidence_level, 6))}%"


def threshold(value: Number) -> str:
    """Return a threshold with two decimals, or three when two would change it.

    Examples
    --------
    >>> threshold(0.4), threshold(0.34782), threshold(-0.5)
    ('0.40', '0.348', '\u22120.50')
    """
    if value is None or not isfinite(value):
        return number(value)
    return number(value, digits=2 if round(value, 2) == value else 3)


def plain(value: Number, *, significant: int = 6) -> str:
    """Return a number as a person would write it: no needless zeros.

    Examples
    --------
    >>> plain(5.0), plain(0.05), plain(20240416), plain(365.25), plain(1e-9)
    ('5', '0.05', '20240416', '365.25', '1 \u00d7 10⁻⁹')
    >>> plain(289.6, significant=2), plain(99.96, significant=3)
    ('290', '100')
    """
    if value is None or not isfinite(value):
        return number(value)
    if isinstance(value, int):
        return str(value).replace("-", _MINUS)
    if value.is_integer() and abs(value) < 1e15:
        return f"{value:.0f}".replace("-", _MINUS)
    if not 1e-4 <= abs(value) < _SCIENTIFIC_FROM:
        return _scientific(value)
    digits = max(0, significant - 1 - floor(log10(abs(value))))
    text = number(value, digits=digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def with_unit(value: float, unit: str) -> str:
    """Return a time with its unit, in the singular where it is one.

    Examples
    --------
    >>> with_unit(1.0, "years"), with_unit(5.0, "years"), with_unit(1.0, "s"), with_unit(2.0, "")
    ('1 year', '5 years', '1 s', '2')
    """
    one = value == 1.0 and len(unit) > 1
    return f"{plain(value)} {unit.removesuffix('s') if one else unit}".strip()


def general(value: Number) -> str:
    """Return a number of unknown kind with three significant digits, at most four decimals.

    Examples
    --------
    >>> general(0.04567), general(12.3456), general(4.0), general(-123.4)
    ('0.0457', '12.3', '4.00', '\u2212123')
    """
    if value is None or not isfinite(value) or value == 0:
        return number(value)
    return number(value, digits=min(4, max(0, 2 - floor(log10(abs(value))))))


def general_estimate(value: Number, lower: Number, upper: Number, *, bounded: bool = True) -> str:
    """Return ``value (lower to upper)`` of unknown kind, all with the decimals of the value.

    Examples
    --------
    >>> general_estimate(0.4567, 0.4, 0.5), general_estimate(12.345, None, None, bounded=False)
    ('0.457 (0.400 to 0.500)', '12.3')
    """
    if value is None or not isfinite(value) or value == 0:
        return estimate(value, lower, upper, bounded=bounded)
    digits = min(4, max(0, 2 - floor(log10(abs(value)))))
    return estimate(value, lower, upper, digits=digits, bounded=bounded)


def time_estimate(value: Number, lower: Number, upper: Number, *, bounded: bool = True) -> str:
    """Return ``value (lower to upper)`` of a time, the largest with three significant digits.

    Examples
    --------
    >>> time_estimate(0.0124, -0.3944, 0.4193), time_estimate(241.4951, 221.2, 261.8)
    ('0.012 (\u22120.394 to 0.419)', '241 (221 to 262)')
    """
    sizes = [abs(x) for x in (value, lower, upper) if x is not None and isfinite(x) and x != 0]
    digits = min(4, max(0, 2 - floor(log10(max(sizes))))) if sizes else 0
    return estimate(value, lower, upper, digits=digits, bounded=bounded)


def counted(count: int, singular: str, plural: str = "") -> str:
    r"""Return a count with its noun.

    Examples
    --------
    >>> counted(1, "patient"), counted(12345, "patient"), counted(0, "centre", "centres")
    ('1\xa0patient', '12\u202f345\xa0patients', '0\xa0centres')
    """
    return f"{integer(count)}{_NO_BREAK}{singular if count == 1 else plural or singular + 's'}"


def ticks(values: Sequence[float]) -> list[str]:
    """Return the labels of an axis: the same number of decimals for all, and no more than needed.

    Examples
    --------
    >>> ticks([0.0, 0.25, 0.5]), ticks([-1, 0, 1])
    (['0.00', '0.25', '0.50'], ['\u22121', '0', '1'])
    """
    digits = next(
        (d for d in range(6) if all(abs(round(v, d) - v) <= 1e-9 * max(1, abs(v)) for v in values)),
        6,
    )
    return [number(value, digits=digits) for value in values]


def _grouped(whole: str) -> str:
    """Return digits with thin spaces between thousands from five digits on."""
    return f"{int(whole):,}".replace(",", _THIN) if len(whole) > 4 else whole


def _scientific(value: float) -> str:
    mantissa, _, exponent = f"{abs(value):.2e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    sign = _MINUS if value < 0 else ""
    return f"{sign}{mantissa} {_TIMES} 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
