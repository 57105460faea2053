"""Calibration curves, their distances and groups: definition, invariances, R, edges."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from extval.stats import calibration_curve as module
from extval.stats.calibration_curve import calibration_curve, calibration_groups
from extval.stats.proportions import wilson
from extval.stats.results import Status
from tests.oracles import goodness_of_fit, smoothers

R = json.loads((Path(__file__).parents[1] / "reference" / "smoothers.json").read_text())
CASES = [pytest.param(case, id=case["id"]) for case in R["cases"]]
DISTANCES = ("ici", "e50", "e90", "emax")
RISKS = [0.05, 0.1, 0.2, 0.3, 0.45, 0.5, 0.7, 0.9]


@st.composite
def studies(draw):
    """Draw both outcomes and tied risks, at least four distinct."""
    n = draw(st.integers(8, 30))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    p = np.array(draw(st.lists(st.sampled_from(RISKS), min_size=n, max_size=n)))
    assume(0 < y.sum() < n and np.unique(p).size >= 4)
    return y, p


def values(curve):
    return [getattr(curve, name).value for name in DISTANCES]


def simulated(n, *, seed=0, slope=0.7):
    rng = np.random.default_rng(seed)
    lp = rng.normal(-0.5, 1.2, n)
    return (rng.random(n) < 1 / (1 + np.exp(-0.2 - slope * lp))).astype(int), 1 / (1 + np.exp(-lp))


@given(studies())
def test_distances_match_the_definition(study):
    y, p = study
    got = calibration_curve(y, p)
    curve = smoothers.loess(p, y, p)
    if np.isnan(curve).any():
        assert got.status is Status.ZERO_BANDWIDTH and np.isnan(values(got)).all()
        return
    assert_allclose(values(got), smoothers.distances(curve, p), rtol=1e-8, atol=1e-9)
    low = calibration_curve(y, p, smoother="lowess")
    assert_allclose(
        values(low), smoothers.distances(smoothers.lowess(p, y, p), p), rtol=1e-8, atol=1e-9
    )


@given(studies(), st.randoms(use_true_random=False), st.sampled_from(["loess", "lowess"]))
def test_order_and_complement_do_not_matter(study, random, smoother):
    y, p = study
    order = list(range(len(y)))
    random.shuffle(order)
    wanted = calibration_curve(y, p, smoother=smoother)
    shuffled = calibration_curve(y[order], p[order], smoother=smoother)
    assert_array_equal(shuffled.observed, wanted.observed)
    assert_allclose(values(shuffled), values(wanted), rtol=1e-12)
    turned = calibration_curve(1 - y, 1 - p, smoother=smoother)
    assert_allclose(values(turned), values(wanted), rtol=1e-6, atol=1e-8)
    inside = slice(1, -1)  # rounding of 1 - p can put an end outside
    assert_allclose(
        1 - turned.observed[::-1][inside], wanted.observed[inside], rtol=1e-6, atol=1e-8
    )


@given(studies())
def test_distances_are_ordered(study):
    ici, e50, e90, emax = values(calibration_curve(*study, smoother="lowess"))
    assert 0 <= e50 <= e90 <= emax and ici <= emax * (1 + 1e-12)


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_r(case):
    y, p, grid = case["y"], case["p"], case["grid"]
    curve = calibration_curve(y, p, grid=grid)
    assert_allclose(curve.observed, case["loess"], rtol=1e-10, atol=1e-11)
    assert_allclose(values(curve), [case["loess_distances"][k] for k in DISTANCES], rtol=1e-10)
    low = calibration_curve(y, p, smoother="lowess")
    wanted = [case["lowess_distances"][k] for k in DISTANCES]
    assert_allclose(values(low), wanted, rtol=1e-10, err_msg="lowess")
    val_prob = case["val_prob"]
    wanted = [val_prob["Eavg"], val_prob["E90"], val_prob["Emax"]]
    found = [low.ici.value, low.e90.value, low.emax.value]
    assert_allclose(found, wanted, rtol=1e-10, err_msg="val.prob")
    for k in (3, 4, 5):
        if f"rcs{k}" in case:
            spline = calibration_curve(y, p, grid=grid, smoother="rcs", n_knots=k)
            wanted = case[f"rcs{k}"]["grid"]
            assert_allclose(spline.observed, wanted, rtol=1e-8, atol=1e-10, err_msg="rcs")
            wanted = [case[f"rcs{k}"]["distances"][name] for name in DISTANCES]
            assert_allclose(values(spline), wanted, rtol=1e-8, err_msg="rcs")


def test_the_default_grid_spans_the_predictions_and_every_number_names_its_smoother():
    y, p = simulated(150)
    for smoother, name in (("loess", "loess (degree 2"), ("lowess", "lowess"), ("rcs", "5 knots")):
        curve = calibration_curve(y, p, smoother=smoother)
        assert curve.grid.size == 101 and (curve.grid[0], curve.grid[-1]) == (p.min(), p.max())
        assert np.isfinite(curve.observed).all() and np.isnan(curve.lower).all()
        assert all(name in getattr(curve, k).method for k in DISTANCES) and name in curve.method
        assert np.isnan(curve.ici.interval.low) and curve.n_resamples == 0


@pytest.mark.parametrize("smoother", ["loess", "lowess", "rcs"])
def test_band_and_intervals_are_percentiles_of_refitted_resamples(smoother):
    y, p = simulated(120, seed=4)
    grid = np.linspace(0.2, 0.6, 5)
    curve = calibration_curve(
        y, p, smoother=smoother, grid=grid, n_resamples=200, rng=np.random.default_rng(1)
    )
    assert (curve.lower < curve.observed).all() and (curve.observed < curve.upper).all()
    rng = np.random.default_rng(2)
    curves, icis = [], []
    for _ in range(200):
        drawn = rng.integers(0, 120, 120)
        again = calibration_curve(y[drawn], p[drawn], smoother=smoother, grid=grid)
        curves.append(again.observed)
        icis.append(again.ici.value)
    # two independent sets of 200 resamples: their standard deviations agree within 5 sd / sqrt(400)
    assert_allclose(curve.ici.se, np.std(icis, ddof=1), rtol=0.25)
    width = np.subtract(*np.nanquantile(curves, [0.975, 0.025], axis=0))
    assert_allclose(curve.upper - curve.lower, width, rtol=0.35)


@pytest.mark.parametrize("smoother", ["loess", "lowess", "rcs"])
def test_replicates_do_not_depend_on_batches(smoother, monkeypatch):
    y, p = simulated(60, seed=5)

    def run():
        return calibration_curve(
            y, p, smoother=smoother, n_resamples=23, rng=np.random.default_rng(9)
        )

    wanted = run()
    monkeypatch.setattr(module, "_CELLS_AT_ONCE", 60 * 7)
    got = run()
    assert_array_equal(got.lower, wanted.lower)
    assert [getattr(got, k) for k in DISTANCES] == [getattr(wanted, k) for k in DISTANCES]


def test_interpolated_replicates_differ_little_from_exact_ones(monkeypatch):
    y, p = simulated(700, seed=6)

    def run():
        return calibration_curve(y, p, n_resamples=40, rng=np.random.default_rng(9))

    exact = run()
    monkeypatch.setattr(module, "_EXACT_UP_TO", 100)
    near = run()
    assert "interpolated between" in near.ici.method and "interpolated" not in exact.ici.method
    assert values(near) == values(exact)  # the estimates themselves are never interpolated
    for name in DISTANCES:
        a, b = getattr(near, name).interval, getattr(exact, name).interval
        assert_allclose([a.low, a.high], [b.low, b.high], rtol=2e-3)


@pytest.mark.parametrize(
    ("y", "p", "smoother", "status"),
    [
        ([0, 0, 0, 0, 0], [0.1, 0.2, 0.3, 0.4, 0.5], "loess", Status.ONE_CLASS),
        ([], [], "loess", Status.NO_PATIENTS),
        ([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.3], "lowess", Status.TOO_FEW_DISTINCT_PREDICTIONS),
        ([0, 1] * 4, [0.5] * 8, "rcs", Status.TOO_FEW_DISTINCT_PREDICTIONS),
        ([0, 1] * 10, [0.1, 0.2, 0.3] + [0.4] * 17, "loess", Status.ZERO_BANDWIDTH),
        ([0, 1] * 4, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], "rcs", Status.LOGIT_UNDEFINED),
        ([0] * 10 + [1] * 10, np.linspace(0.1, 0.9, 20), "rcs", Status.SEPARATION),
    ],
)
def test_what_has_no_curve_has_a_sentence(y, p, smoother, status):
    rng = np.random.default_rng(0)
    curve = calibration_curve(y, p, smoother=smoother, n_resamples=5, rng=rng)
    assert curve.status is status and curve.ici.status is status
    assert np.isnan(values(curve)).all() and np.isnan(curve.observed).all()


@pytest.mark.parametrize("smoother", ["loess", "lowess"])
def test_risks_of_zero_and_one_and_a_single_event_have_a_curve(smoother):
    p = np.linspace(0.0, 1.0, 12)
    curve = calibration_curve(
        [0] * 11 + [1], p, smoother=smoother, n_resamples=30, rng=np.random.default_rng(1)
    )
    assert curve.status is Status.OK and np.isfinite(curve.observed).all()
    assert curve.ici.interval.low <= curve.ici.interval.high


@given(studies(), st.integers(2, 6))
def test_groups_match_the_definition(study, g):
    y, p = study
    got = calibration_groups(y, p, n_groups=g)
    parts = goodness_of_fit.groups(p, g)
    assert got.n.tolist() == [len(part) for part in parts] and got.n_groups == len(parts)
    assert got.events.tolist() == [sum(y[i] for i in part) for part in parts]
    assert_allclose(got.mean_predicted, [np.mean(p[part]) for part in parts], rtol=1e-12)
    for j in range(got.n_groups):
        limits = wilson(int(got.events[j]), int(got.n[j]))
        assert (got.lower[j], got.upper[j]) == (limits.low, limits.high)


def test_fewer_patients_than_groups_leave_fewer_groups():
    assert calibration_groups([0, 1, 1], [0.1, 0.2, 0.3]).n.tolist() == [1, 1, 1]
    assert calibration_groups([0, 1, 1], [0.2, 0.2, 0.2]).n.tolist() == [3]
    assert calibration_groups([], []).n_groups == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smoother": "gam"}, "`smoother` must be one of loess, lowess, rcs; got 'gam'"),
        ({"n_knots": 2}, "`n_knots` must be one of 3, 4, 5; got '2'"),
        ({"n_resamples": -1}, "`n_resamples` must be an integer of at least 0; got -1"),
        ({"n_resamples": 5}, "`rng` must be a numpy.random.Generator when resampling; got None"),
        ({"grid": [0.1, 1.5]}, r"`grid` must lie in \[0, 1\]; 1 of 2 .* index 1"),
    ],
)
def test_errors_name_the_argument_and_the_value(options, message):
    y, p = simulated(20)
    with pytest.raises(ValueError, match=message):
        calibration_curve(y, p, **options)


def test_an_interval_that_leaves_out_its_estimate_says_why():
    """A curve fitted to the outcomes of its own predictions is nearly perfect."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(80, 6))
    y = rng.uniform(size=80) < 1 / (1 + np.exp(-x[:, 0]))
    apparent = LogisticRegression(C=1e6).fit(x, y).predict_proba(x)[:, 1]
    curve = calibration_curve(y, apparent, smoother="rcs", n_resamples=200, rng=rng)
    assert curve.ici.interval.low > curve.ici.value
    assert curve.ici.status is Status.DISTANCE_OUTSIDE_ITS_INTERVAL
    bare = calibration_curve(y, apparent, smoother="rcs")
    assert bare.ici.status is Status.OK
