"""Every number that is printed passes through one module; these are its edges."""

import ast
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extval.reports import format as fmt

REPORTS = Path(__file__).parents[2] / "reports"
MINUS = "\u2212"
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-0.0004, "0.000"),
        (-0.0, "0.000"),
        (-0.01, f"{MINUS}0.010"),
        (nan, fmt.NOT_ESTIMABLE),
        (None, fmt.NOT_ESTIMABLE),
        (inf, "∞"),
        (-inf, f"{MINUS}∞"),
        (2, "2.000"),
        (12345.6789, "12\u202f345.679"),
        (-1.5e9 - 0.5, f"{MINUS}1.5 \u00d7 10⁹"),
    ],
)
def test_numbers_have_a_real_minus_and_no_negative_zero(value, shown):
    assert fmt.number(value) == shown


@given(FLOATS, st.integers(0, 6))
def test_no_number_is_printed_with_a_hyphen_or_an_exponent(value, digits):
    text = fmt.number(value, digits=digits)
    assert "-" not in text
    assert "e" not in text
    if MINUS in text:
        assert value < 0


@given(FLOATS, FLOATS, FLOATS)
def test_an_estimate_reads_as_value_and_limits(value, low, high):
    text = fmt.estimate(value, low, high)
    assert text == f"{fmt.number(value)} ({fmt.number(low)} to {fmt.number(high)})"


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((None, None, None), "not estimable"),
        ((nan, 0.1, 0.2), "not estimable"),
        ((0.5, None, None), "0.500 (not estimable)"),
        ((0.5, 0.4, inf), "0.500 (0.400 to ∞)"),
    ],
)
def test_limits_that_are_missing_are_said(values, shown):
    assert fmt.estimate(*values) == shown


@given(st.floats(0, 1))
def test_a_p_value_is_never_zero_and_one_only_if_it_is(p):
    text = fmt.p_value(p)
    assert text != "0.000"
    assert (text == "1.000") == (p == 1.0)


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(0, 6, "0/6 (0%)"), (6, 6, "6/6 (100%)"), (1, 3000, "1/3000 (0.0%)"), (0, 0, "0/0")],
)
def test_shares(part, whole, shown):
    assert fmt.share(part, whole) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (20240416, "20240416"),
        (2**70, str(2**70)),
        (-3, f"{MINUS}3"),
        (5.0, "5"),
        (0.1 + 0.2, "0.3"),
        (123456.789, "123\u202f457"),
        (nan, fmt.NOT_ESTIMABLE),
    ],
)
def test_plain_numbers_read_as_written(value, shown):
    assert fmt.plain(value) == shown


@given(st.lists(FLOATS, min_size=1, max_size=6))
def test_tick_labels_have_equally_many_decimals(values):
    decimals = {
        len(text.partition(".")[2]) for text in fmt.ticks(values) if "10" not in text or "." in text
    }
    plain = {d for d, t in zip(decimals, fmt.ticks(values), strict=False) if "\u00d7" not in t}
    assert len(plain) <= 2


def test_no_other_module_formats_a_number():
    for path in sorted(REPORTS.rglob("*.py")):
        if path.name in ("format.py", "palette.py"):  # a palette rounds its colours
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
                spec = ast.unparse(node.format_spec)
                assert not set("defgn%") & set(spec.strip("f'\"")), f"{path.name}: {spec}"
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            assert not (called and node.func.id in {"round", "format"}), f"{path.name}: rounds"
