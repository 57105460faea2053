"""`extval.stats.rmst` against its definition, its invariances and R survival."""

import json
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats.results import Status
from extval.stats.rmst import rmst, rmst_comparison
from tests.oracles import survival_description as oracle

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "survival_description.json").read_text()
)


@st.composite
def cohorts(draw):
    n = draw(st.integers(1, 10))
    time = draw(st.lists(st.integers(0, 6), min_size=n, max_size=n))
    return time, draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))


@given(cohorts(), st.sampled_from([0.5, 2.0, 5.5]))
def test_matches_the_definition(cohort, tau):
    got = rmst(*cohort, tau=tau)
    if got.status is Status.BEYOND_FOLLOW_UP:
        assert tau > max(cohort[0]) and isnan(got.value)
        return
    value, se = oracle.restricted_mean(*cohort, tau)
    assert_allclose([got.value, got.se], [value, se], rtol=1e-12, atol=1e-14)
    assert isnan(got.interval.low) == (se == 0)


@given(cohorts(), st.integers(1, 6))
def test_unit_and_repetition(cohort, tau):
    time, event = np.array(cohort[0]), np.array(cohort[1])
    once = rmst(time, event, tau=tau)
    scaled = rmst(4.0 * time, event, tau=4 * tau)
    assert_allclose([scaled.value, scaled.se], [4 * once.value, 4 * once.se])
    weighted = rmst(time, event, tau=tau, weights=np.full(time.size, 3))
    repeated = rmst(np.tile(time, 3), np.tile(event, 3), tau=tau)
    assert_allclose([weighted.value, weighted.se], [repeated.value, repeated.se])


@pytest.mark.parametrize("case", [c for c in REFERENCE["curves"] if "rmean" in c], ids=str)
def test_agrees_with_survfit(case):
    got = rmst(case["time"], case["event"], tau=case["tau"])
    assert_allclose([got.value, got.se], case["rmean"], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("case", REFERENCE["rmst"], ids=lambda case: f"tau-{case['tau']}")
def test_comparison_agrees_with_r(case):
    got = rmst_comparison(case["time"], case["event"], case["group"], tau=case["tau"])
    assert_allclose([got.rmst_a.value, got.rmst_b.value], case["rmst"], rtol=1e-11)
    assert_allclose([got.rmst_a.se, got.rmst_b.se], case["se"], rtol=1e-10)
    assert_allclose(got.difference.difference, case["difference"], rtol=1e-10, err_msg="difference")
    assert_allclose(got.difference.se, case["difference_se"], rtol=1e-10, err_msg="difference")
    assert_allclose(got.log_ratio.difference, case["log_ratio"], rtol=1e-9, err_msg="ratio")
    assert_allclose(got.log_ratio.se, case["log_ratio_se"], rtol=1e-10, err_msg="ratio")
    assert_allclose(np.log(got.ratio.value), case["log_ratio"], rtol=1e-9, err_msg="ratio")
    low = np.log(got.ratio.interval.low)
    np.testing.assert_allclose(low, got.log_ratio.interval.low, rtol=1e-9)


def test_public_numbers():
    case = REFERENCE["rmst"][0]
    got = rmst_comparison(case["time"], case["event"], case["group"], tau=365)
    found = [got.rmst_a.value, got.rmst_a.se, got.rmst_b.value, got.rmst_b.se]
    assert_allclose(found, [241.495085, 10.3582265, 297.465410, 10.7913240], rtol=1e-8)


def test_edges():
    beyond = rmst([1, 2, 3], [1, 0, 0], tau=4)
    assert isnan(beyond.value) and beyond.status is Status.BEYOND_FOLLOW_UP
    assert rmst([1, 2, 3], [1, 0, 1], tau=4).status is Status.OK
    quiet = rmst([1, 2, 3], [0, 0, 1], tau=2)
    assert quiet.value == 2 and quiet.se == 0 and quiet.status is Status.NO_EVENT_YET
    at_once = rmst([0, 0], [1, 1], tau=2)
    assert at_once.value == 0 and at_once.status is Status.CURVE_AT_ZERO
    assert rmst([], [], tau=2).status is Status.NO_PATIENTS
    compared = rmst_comparison([0, 0, 1, 3], [1, 1, 1, 0], [0, 0, 1, 1], tau=2)
    assert compared.difference.difference == -1.5
    assert isnan(compared.difference.p_value) and isnan(compared.ratio.value)
    assert compared.ratio.status is Status.CURVE_AT_ZERO
    for tau in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="`tau` must lie in"):
            rmst([1], [1], tau=tau)
    with pytest.raises(ValueError, match="`group` must hold exactly two different labels; got 3"):
        rmst_comparison([1, 2, 3], [1, 1, 1], [0, 1, 2], tau=1)
