"""`extval.stats.bland_altman` against its definition, its invariances and R."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats.bland_altman import bland_altman
from extval.stats.results import Status
from tests.oracles import bland_altman as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "bland_altman.json").read_text())


@st.composite
def readings(draw):
    n = draw(st.integers(3, 12))
    a = draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n))
    b = draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n))
    a, b = np.array(a, float), np.array(b, float)
    assume(np.ptp(a - b) > 0)
    return a, b


@settings(max_examples=15)
@given(readings(), st.sampled_from([0.8, 0.95]), st.sampled_from([0.9, 0.95]))
def test_matches_the_definition(study, share, level):
    got = bland_altman(*study, agreement_level=share, confidence_level=level)
    found = [got.bias, got.sd, got.lower_limit, got.upper_limit]
    found += [got.upper_interval.low, got.upper_interval.high]
    assert_allclose(found, oracle.limits(*study, share, level), rtol=1e-8, atol=1e-9)


@given(readings(), st.sampled_from(["exact", "approximate"]))
def test_swapping_the_readings_mirrors_everything(study, method):
    a, b = study
    got, other = bland_altman(a, b, method=method), bland_altman(b, a, method=method)
    assert_allclose(got.bias, -other.bias)
    assert_allclose(got.upper_limit, -other.lower_limit)
    assert_allclose(got.upper_interval.low, -other.lower_interval.high)
    assert_allclose(got.slope, -other.slope, atol=1e-13)


@given(readings(), st.sampled_from([0.5, 4.0]), st.integers(-3, 3))
def test_unit_and_common_offset_carry_over(study, unit, shift):
    a, b = study
    got, wanted = bland_altman(unit * a + shift, unit * b + shift), bland_altman(a, b)
    assert_allclose(got.upper_interval.high, unit * wanted.upper_interval.high, rtol=1e-9)
    assert_allclose(got.lower_limit, unit * wanted.lower_limit, rtol=1e-9, atol=1e-12)


@given(readings())
def test_missing_pairs_are_left_out_and_counted(study):
    a, b = study
    got = bland_altman(np.append(a, [np.nan, 1]), np.append(b, [2, np.nan]))
    assert got == replace(bland_altman(a, b), n_excluded=2) or np.isnan(got.slope_p_value)
    assert (got.n, got.n_excluded) == (a.size, 2)


@pytest.mark.parametrize("case", R["cases"], ids=lambda case: case["id"])
def test_agrees_with_r(case):
    for method in ("exact", "approximate"):
        got = bland_altman(
            case["a"],
            case["b"],
            method=method,
            agreement_level=case["share"],
            confidence_level=case["level"],
        )
        assert_allclose([got.bias, got.sd], [case["bias"], case["sd"]], rtol=1e-11, err_msg="bias")
        assert_allclose(
            [got.lower_limit, got.upper_limit], case["limits"], rtol=1e-11, err_msg="limits"
        )
        found = [got.bias_interval.low, got.bias_interval.high]
        assert_allclose(found, case["bias_interval"], rtol=1e-9, atol=1e-9, err_msg="bias")
        # R's own quantile of the non-central t stops at a relative 1e-11.
        found = [got.upper_interval.low, got.upper_interval.high]
        assert_allclose(found, case[method], rtol=1e-8, err_msg=method)
        found = [got.slope_interval.low, got.slope_interval.high]
        assert_allclose(found, case["slope_interval"], rtol=1e-8, err_msg="slope")
        found, wanted = [got.slope, got.slope_p_value], [case["slope"], case["slope_p"]]
        assert_allclose(found, wanted, rtol=1e-9, err_msg="slope")


@pytest.mark.parametrize(
    ("a", "b", "status"),
    [
        ([], [], Status.TOO_FEW_PAIRS),
        ([1.0], [2.0], Status.TOO_FEW_PAIRS),
        ([1.0, np.nan], [2.0, 3.0], Status.TOO_FEW_PAIRS),
    ],
)
def test_too_few_pairs_are_said(a, b, status):
    got = bland_altman(a, b)
    assert got.status is status
    assert np.isnan([got.bias, got.sd, got.upper_limit, got.slope]).all()


def test_equal_differences_have_limits_without_intervals():
    for a, b in (([1, 2, 4], [0, 1, 3]), ([1.1, 2.1, 4.1], [0.1, 1.1, 3.1])):
        equal = bland_altman(a, b)
        assert equal.status is Status.EQUAL_DIFFERENCES
        assert_allclose([equal.bias, equal.lower_limit, equal.upper_limit], 1, rtol=1e-15)
        assert (equal.sd, equal.slope) == (0, 0)
        assert np.isnan([equal.upper_interval.low, equal.slope_p_value]).all()


def test_two_pairs_have_limits_but_no_slope_test():
    got = bland_altman([1, 3], [2, 2])
    assert got.status is Status.OK
    assert np.isfinite([got.upper_interval.high, got.slope]).all()
    assert np.isnan(got.slope_p_value)
    flat = bland_altman([1, 2, 3], [3, 2, 1])
    assert np.isnan(flat.slope)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bland_altman([1, 2], [1]), r"equally long; got \(2,\) and \(1,\)"),
        (lambda: bland_altman([1, np.inf], [1, 2]), "`a` .* first at index 1"),
        (lambda: bland_altman([1, 2], [1, 2], method="bootstrap"), "`method` must be one of"),
        (lambda: bland_altman([1, 2], [1, 2], agreement_level=1), "`agreement_level`"),
    ],
)
def test_errors_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
