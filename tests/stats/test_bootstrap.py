"""Bootstrap intervals from replicate values: order statistics, R, and resamples without a value."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from extval.stats import Status
from extval.stats.bootstrap import bca_interval, percentile_band, percentile_interval

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "bootstrap.json").read_text())

samples = arrays.arrays(np.float64, st.integers(3, 40), elements=st.integers(-9, 9).map(float))


def limits(found):
    return found.interval.low, found.interval.high


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: case["id"])
def test_agrees_with_r(case):
    plain = percentile_interval(case["replicates"])
    ninety = percentile_interval(case["replicates"], confidence_level=0.9)
    corrected = bca_interval(case["replicates"], case["estimate"], case["jackknife"])
    assert_allclose(limits(plain), case["percentile"], rtol=1e-13)
    assert_allclose(limits(ninety), case["percentile90"], rtol=1e-13)
    assert_allclose(limits(corrected), case["bca"], rtol=1e-12, err_msg="BCa")
    assert plain.method == "bootstrap percentile, 999 resamples"
    assert_allclose(plain.se, np.std(case["replicates"], ddof=1), rtol=1e-13)


@given(samples, st.sampled_from([0.5, 0.8, 0.95]))
def test_percentile_is_interpolated_order_statistics(values, level):
    found = percentile_interval(values, confidence_level=level)
    if values.min() == values.max():
        assert found.status is Status.RESAMPLES_EQUAL
        assert np.isnan(limits(found)).all()
        return
    ascending = np.sort(values)
    for limit, share in zip(limits(found), ((1 - level) / 2, (1 + level) / 2), strict=True):
        position = share * (values.size - 1)
        below = int(position)
        above = min(below + 1, values.size - 1)
        wanted = ascending[below] + (position - below) * (ascending[above] - ascending[below])
        assert_allclose(limit, wanted, rtol=1e-12, atol=1e-12)


@given(samples)
def test_percentile_moves_with_a_linear_transform(values):
    moved = percentile_interval(2.0 * values + 3.0)
    assert_allclose(limits(moved), 2.0 * np.array(limits(percentile_interval(values))) + 3.0)


@given(samples, samples)
def test_bca_does_not_depend_on_order_or_scale_of_the_jackknife(values, jackknife):
    estimate = float(np.median(values)) + 0.25
    found = bca_interval(values, estimate, jackknife)
    again = bca_interval(values[::-1], estimate, 5.0 * jackknife[::-1] + 1.0)
    assert_allclose(limits(found), limits(again), rtol=1e-9)


def test_symmetric_case_is_the_percentile_interval():
    values = np.arange(-50.0, 51.0)
    assert_allclose(
        limits(bca_interval(values, 0.0, [1.0, 1.0, 1.0])), limits(percentile_interval(values))
    )


def test_strata_scale_the_acceleration():
    values = np.random.default_rng(3).exponential(size=500)
    jackknife, strata = np.array([0.0, 0.5, 3.0, 0.2, 0.9]), np.array([0, 0, 0, 1, 1])
    moves = [
        (part.size - 1) / part.size * (part.mean() - part)
        for part in (jackknife[:3], jackknife[3:])
    ]
    d = np.concatenate(moves)
    found = bca_interval(values, 0.7, jackknife, strata=strata)
    # One stratum of all d + constant has the same centred moves up to a factor.
    same = bca_interval(values, 0.7, -d)
    assert_allclose(limits(found), limits(same), rtol=1e-12)


def test_undefined_replicates_are_left_out_counted_and_said():
    found = percentile_interval([1.0, np.nan, 2.0, 3.0, np.nan])
    assert (found.n_resamples, found.n_undefined) == (5, 2)
    assert found.method == "bootstrap percentile, 5 resamples, 2 undefined"
    assert found.status is Status.SOME_RESAMPLES_UNDEFINED
    assert limits(found) == limits(percentile_interval([1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([], Status.RESAMPLES_UNDEFINED),
        ([1.0], Status.RESAMPLES_UNDEFINED),
        ([np.nan, np.nan, 1.0], Status.RESAMPLES_UNDEFINED),
        ([2.0, 2.0, 2.0], Status.RESAMPLES_EQUAL),
    ],
)
def test_nothing_to_go_on(values, status):
    for found in (percentile_interval(values), bca_interval(values, 1.5, [1.0, 2.0])):
        assert found.status is status
        assert np.isnan(limits(found)).all()


@pytest.mark.parametrize("estimate", [0.0, 9.0])
def test_all_replicates_on_one_side(estimate):
    found = bca_interval([1.0, 2.0, 3.0], estimate, [1.0, 2.0])
    assert found.status is Status.RESAMPLES_ONE_SIDED
    assert np.isnan(limits(found)).all()


def test_acceleration_too_large_for_the_level():
    values = np.append(np.zeros(1), np.arange(1.0, 4000.0))
    found = bca_interval(values, 3998.5, [0.0] * 50 + [-1.0], confidence_level=0.9999)
    assert found.status is Status.BCA_OUT_OF_RANGE
    assert np.isnan(limits(found)).all()


def test_band_is_the_interval_of_each_point():
    values = np.random.default_rng(5).normal(size=(60, 2, 3))
    values[::4, 0, 1] = np.nan
    values[:, 1, 2] = np.nan
    values[0, 1, 2] = 1.0
    lower, upper = percentile_band(values, confidence_level=0.9)
    for at in np.ndindex(2, 3):
        found = percentile_interval(values[(slice(None), *at)], confidence_level=0.9)
        assert_equal((lower[at], upper[at]), limits(found))
    same, _ = percentile_band(np.ones((5, 2)))
    assert_array_equal(same, [1.0, 1.0])
    assert np.isnan(percentile_band(np.ones((1, 2)))[0]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: percentile_interval([1.0, np.inf]), r"`replicates` must be finite or NaN"),
        (lambda: percentile_interval([[1.0]]), r"`replicates` must be 1-D"),
        (lambda: bca_interval([1.0, 2.0], 1.0, [1.0], strata=[1, 2]), r"`strata` must have 1"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
