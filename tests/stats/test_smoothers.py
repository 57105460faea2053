"""loess, lowess and restricted cubic splines: definition, invariances, R, edges."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats._resampling import resample_counts
from extval.stats.curve_fits import curve_fit
from extval.stats.smoothers import collapse, loess, lowess
from extval.stats.splines import spline_basis, spline_knots
from tests.oracles import smoothers as oracle
from tests.oracles.calibration import logistic

R = json.loads((Path(__file__).parents[1] / "reference" / "smoothers.json").read_text())
CASES = [pytest.param(case, id=case["id"]) for case in R["cases"]]
AT = np.linspace(-1.0, 7.0, 33)


@st.composite
def clouds(draw, smallest=4):
    """Draw outcomes on heavily tied integer predictors."""
    n = draw(st.integers(smallest, 30))
    x = np.array(draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)), float)
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), float)
    assume(np.unique(x).size > 1)
    return x, y


@given(clouds(), st.sampled_from([0.5, 0.75, 1.0]), st.sampled_from([1, 2]))
def test_loess_matches_the_definition(cloud, span, degree):
    x, y = cloud
    at = np.concatenate([AT, np.unique(x)])
    got = loess(x, y, at, span=span, degree=degree)
    wanted = oracle.loess(x, y, at, span, degree)
    assert_array_equal(np.isnan(got), np.isnan(wanted))
    # where predictors are too few for the degree, the pseudo-inverse agrees at predictors only
    same = oracle.determined(x, at, span, degree) | np.isin(at, x)
    assert_allclose(got[same], wanted[same], rtol=1e-9, atol=1e-10)


@given(clouds(), st.sampled_from([0.3, 2 / 3, 1.0]))
def test_lowess_matches_the_definition(cloud, span):
    x, y = cloud
    got = lowess(x, y, AT, span=span)
    assert_allclose(got, oracle.lowess(x, y, AT, span), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("spread", [1.0, 4.0, 12.0])
@pytest.mark.parametrize("degree", [1, 2])
def test_moments_stay_exact_where_windows_are_narrow(spread, degree):
    rng = np.random.default_rng(7)
    x = 1 / (1 + np.exp(rng.normal(4.0, spread, 400)))  # most of it in a sliver of its range
    y = (rng.random(400) < 0.3).astype(float)
    at = np.concatenate([x[:80], np.linspace(x.min(), x.max(), 40)])
    got, wanted = loess(x, y, at, degree=degree), oracle.loess(x, y, at, degree=degree)
    assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)


@given(clouds(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_targets_does_not_matter(cloud, random):
    x, y = cloud
    rows, points = list(range(len(x))), list(range(len(AT)))
    random.shuffle(rows)
    random.shuffle(points)
    for smoother in (loess, lowess):
        got = smoother(x[rows], y[rows], AT[points])
        assert_array_equal(got, smoother(x, y, AT)[points])


@given(clouds(), st.sampled_from([-2.0, 0.25, 8.0]), st.sampled_from([0.0, 3.0]))
def test_units_of_the_predictor_do_not_matter(cloud, unit, shift):
    x, y = cloud
    for smoother in (loess, lowess):
        got = smoother(unit * x + shift, y, unit * AT + shift)
        assert_allclose(got, smoother(x, y, AT), rtol=1e-8, atol=1e-9)


@given(clouds())
def test_complement_of_the_outcome_turns_the_curve(cloud):
    x, y = cloud
    for smoother in (loess, lowess):
        assert_allclose(smoother(x, 1 - y, AT), 1 - smoother(x, y, AT), rtol=1e-8, atol=1e-9)


@given(clouds(), st.integers(2, 3))
def test_repeating_all_rows_keeps_the_curve_of_the_same_share(cloud, times):
    x, y = cloud
    wanted = loess(x, y, AT, span=1.0)
    again = loess(np.tile(x, times), np.tile(y, times), AT, span=1.0)
    assert_allclose(again, wanted, rtol=1e-8, atol=1e-9)


@given(clouds(smallest=8))
def test_a_parabola_is_left_as_it_is(cloud):
    x, _ = cloud
    at = AT[oracle.determined(x, AT)]
    y = 1.0 - 0.5 * x + 0.25 * x**2
    assert_allclose(loess(x, y, at), 1.0 - 0.5 * at + 0.25 * at**2, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("smoother", ["loess", "lowess", "rcs"])
@pytest.mark.parametrize("digits", [1, 2, 8])
def test_a_resample_is_fitted_as_its_expanded_rows(smoother, digits):
    rng = np.random.default_rng(3)
    p = np.clip(np.round(rng.beta(1.0, 2.0, 60), digits), 0.05, 0.95)
    y = rng.random(60) < p
    data = collapse(p, y.astype(float))
    ordered, outcome = p[data.order], y[data.order]
    fit = curve_fit(smoother, data, outcome, n_knots=3)
    targets = np.linspace(0.1, 0.8, 15)
    counts, curves = np.empty((25, 60), np.int32), np.empty((25, 15))
    fit.resampled(np.uint64(11), 4, targets, counts, curves)
    for b in range(25):
        drawn = np.empty(60, np.int32)
        resample_counts(np.uint64(11), 4 + b, drawn)
        assert_array_equal(counts[b], drawn)
        x, o = np.repeat(ordered, drawn), np.repeat(outcome, drawn).astype(float)
        if smoother == "loess":
            wanted = oracle.loess(x, o, targets)
            same = oracle.determined(x, targets) | np.isin(targets, x)
        elif smoother == "lowess":
            wanted, same = oracle.lowess(x, o, targets), slice(None)
        else:
            knots = spline_knots(np.log(ordered / (1 - ordered)), 3)

            def columns(v, knots=knots):
                lp = np.log(v / (1 - v))
                return np.column_stack([np.ones(len(lp)), oracle.spline(lp, knots)])

            wanted = 1 / (1 + np.exp(-(columns(targets) @ logistic(columns(x), o)[0])))
            same = slice(None)
        assert_allclose(curves[b][same], wanted[same], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_r(case):
    y, p, grid = case["y"], case["p"], case["grid"]
    assert_allclose(loess(p, y, grid), case["loess"], rtol=1e-10, atol=1e-11)
    line = loess(p, y, grid, span=0.5, degree=1)
    assert_allclose(line, case["loess_line"], rtol=1e-10, atol=1e-11)
    inside = slice(1, -1)  # 15 digits of the JSON can put the ends of the grid outside the data
    got = lowess(p, y, grid)[inside]
    assert_allclose(got, case["lowess"][inside], rtol=1e-10, atol=1e-11, err_msg="lowess")


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in R["knots"]])
def test_knots_agree_with_hmisc(case):
    assert_allclose(spline_knots(case["x"], case["k"]), case["knots"], rtol=1e-13, atol=1e-14)


@given(
    st.lists(st.integers(-9, 9), min_size=1, max_size=20),
    st.lists(st.integers(-6, 6), min_size=3, max_size=6, unique=True).map(sorted),
)
def test_the_spline_matches_the_definition_and_is_straight_outside(x, knots):
    got = spline_basis(x, knots)
    assert_allclose(got, oracle.spline(x, knots), rtol=1e-11, atol=1e-12)
    ends = np.array([knots[0] - 3.0, knots[0] - 2.0, knots[0] - 1.0])
    beyond = spline_basis(np.concatenate([ends, ends - ends[0] + knots[-1] + 1.0]), knots)
    assert_allclose(np.diff(beyond[:3], n=2, axis=0), 0, atol=1e-10)
    assert_allclose(np.diff(beyond[3:], n=2, axis=0), 0, atol=1e-9)


def test_a_window_without_width_has_no_fit():
    x, y = [0.0, 1.0, 1.0, 1.0, 1.0, 2.0], [0, 1, 0, 1, 0, 1]
    assert np.isnan(loess(x, y, [1.0], span=0.5))
    assert lowess(x, y, [1.0], span=0.5) == 0.5  # lowess takes the mean of the ties


def test_two_distinct_predictors_get_a_line_through_their_means():
    x, y = [0.0, 0.0, 1.0, 1.0, 3.0], [0, 1, 1, 1, 0]
    assert_allclose(loess(x, y, [0.0, 0.5, 1.0], span=1), [0.5, 0.75, 1.0], rtol=1e-12)
    # three nearest rows all at the edge of the window: none weighs anything, R stops with an error
    assert np.isnan(loess(x, y, [0.5], span=0.6))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: loess([1.0], [1.0, 2.0], [1.0]), r"`x` must have shape \(2,\); got \(1,\)"),
        (lambda: loess([1.0], [1.0], [1.0], span=0), r"`span` must lie in \(0, 1\]; got 0"),
        (lambda: loess([1.0, 2.0], [1.0, 0.0], [1.0], degree=3), "`degree` must be one of 1, 2"),
        (
            lambda: loess([1.0], [1.0], [1.0], span=0.5),
            "`span . number of rows` must be an integer",
        ),
        (lambda: lowess([], [], [1.0]), "`number of rows` must be an integer of at least 1"),
        (
            lambda: spline_basis([1.0], [0, 0, 1]),
            r"`knots` must increase strictly; index 1 \(0.0\)",
        ),
        (lambda: spline_basis([1.0], [0, 1]), "`knots` needs at least 3 values; got 2"),
        (lambda: spline_knots([1.0], 8), "`n_knots` must be one of 3, 4, 5, 6, 7; got '8'"),
    ],
)
def test_errors_name_the_argument_and_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
