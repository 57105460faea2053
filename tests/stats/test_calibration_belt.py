"""The calibration belt: distribution and region by definition, R, invariances, edges."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from extval.stats.calibration_belt import calibration_belt, selected_sf
from extval.stats.results import Status
from tests.oracles import calibration_belt as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "calibration_belt.json").read_text())
CASES = [pytest.param(case, id=case["id"]) for case in R["cases"]]


def sf(t, entered, *, external, selection=0.95):
    return float(selected_sf(np.array(t, float), entered, selection, external=external))


@pytest.mark.parametrize("external", [True, False])
@pytest.mark.parametrize("entered", [0, 1, 2])
@pytest.mark.parametrize("selection", [0.8, 0.95])
def test_distribution_matches_the_published_integrals(external, entered, selection):
    degree = entered + (1 if external else 2)
    for t in (0.5, 3.0, 8.0, 9.5, 13.0, 20.0):
        wanted = 1 - oracle.cdf(t, degree, external=external, selection=selection)
        # scipy's quad is good to 1e-8 beside the roots of the printed integrands
        assert_allclose(
            sf(t, entered, external=external, selection=selection), wanted, rtol=1e-7, atol=1e-8
        )


@pytest.mark.parametrize("external", [True, False])
@pytest.mark.parametrize("entered", [1, 2, 3])
def test_distribution_matches_simulation(external, entered):
    rng, n = np.random.default_rng(entered), 40_000
    for t in (4.0 * entered + 2.0, 4.0 * entered + 8.0):
        got = sf(t, entered, external=external)
        simulated = oracle.simulated_sf(t, entered, rng, n, external=external)
        assert abs(got - simulated) < 4.5 * np.sqrt(got * (1 - got) / n) + 1e-9


def test_distribution_agrees_with_r():
    for row in R["distribution"]:
        for name, first in (("external", 1), ("development", 2)):
            if isinstance(row.get(name), float):
                got = sf(row["statistic"], row["degree"] - first, external=name == "external")
                assert_allclose(1 - got, row[name], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("external", [True, False])
def test_agrees_with_r(case, external):
    wanted = case["external" if external else "development"]
    got = calibration_belt(case["y"], case["p"], external=external, grid=wanted["grid"])
    assert got.degree == wanted["degree"] and got.status is Status.OK
    assert_allclose(got.statistic, wanted["statistic"], rtol=1e-9)
    assert_allclose(got.p_value, wanted["p_value"], rtol=1e-7, atol=1e-13)  # R's is 1 - cdf
    assert_allclose(got.lower, wanted["lower"], rtol=1e-6, err_msg="belt")
    assert_allclose(got.upper, wanted["upper"], rtol=1e-6, err_msg="belt")


def study(n=80, seed=1):
    rng = np.random.default_rng(seed)
    p = np.round(rng.beta(2, 3, n), 2).clip(0.05, 0.95)
    return (rng.random(n) < p).astype(int), p


def test_the_region_is_all_lines_within_the_drop_of_the_maximum():
    y, p = study()
    got = calibration_belt(y, p, external=True, grid=[0.2, 0.45], confidence_level=0.8)
    assert got.degree == 1
    drop = -2 * np.log(0.2)  # chi-square, 2 degrees of freedom
    for g, at in enumerate(got.grid):
        assert_allclose(
            [got.lower[g], got.upper[g]], oracle.limits_of_a_line(y, p, at, drop), rtol=1e-6
        )


@pytest.mark.parametrize("external", [True, False])
def test_order_and_complement_do_not_matter(external):
    y, p = study(120)
    got = calibration_belt(y, p, external=external)
    order = np.random.default_rng(0).permutation(len(y))
    shuffled = calibration_belt(y[order], p[order], external=external)
    turned = calibration_belt(1 - y, 1 - p, external=external)
    for other in (shuffled, turned):
        assert_allclose(other.statistic, got.statistic, rtol=1e-8, atol=1e-10)
        assert_allclose(other.p_value, got.p_value, rtol=1e-8)
    assert_allclose(shuffled.lower, got.lower, rtol=1e-7)
    assert_allclose(1 - turned.upper[::-1], got.lower, rtol=1e-6)


def test_a_wider_level_gives_a_wider_belt():
    y, p = study(150)
    narrow = calibration_belt(y, p, external=True, confidence_level=0.8)
    wide = calibration_belt(y, p, external=True, confidence_level=0.95)
    assert (wide.lower < narrow.lower).all() and (narrow.upper < wide.upper).all()
    assert "external data, forward selection from degree 1 at 0.95" in wide.method


@pytest.mark.parametrize(
    ("y", "p", "external", "status"),
    [
        ([], [], True, Status.NO_PATIENTS),
        ([0, 0, 0], [0.1, 0.2, 0.3], True, Status.ONE_CLASS),
        ([0, 1, 1], [0.0, 0.2, 0.3], True, Status.LOGIT_UNDEFINED),
        ([0, 1, 0, 1], [0.3] * 4, True, Status.CONSTANT_PREDICTION),
        ([0, 1, 0, 1], [0.3, 0.3, 0.4, 0.4], False, Status.COLLINEAR),
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], True, Status.SEPARATION),
    ],
)
def test_what_has_no_belt_has_a_sentence(y, p, external, status):
    got = calibration_belt(y, p, external=external)
    assert got.status is status and got.degree == 0
    assert np.isnan([got.statistic, got.p_value]).all() and np.isnan(got.lower).all()


def test_two_distinct_risks_stop_the_selection_at_a_line():
    got = calibration_belt([0, 1, 0, 1, 1, 0], [0.3, 0.3, 0.3, 0.6, 0.6, 0.6], external=True)
    assert got.status is Status.OK and got.degree == 1


def test_errors_name_the_argument_and_the_value():
    with pytest.raises(ValueError, match=r"`grid` must lie in \(0, 1\); 1 of 2 .* index 0 \(0.0\)"):
        calibration_belt([0, 1], [0.2, 0.4], external=True, grid=[0.0, 0.5])
    with pytest.raises(ValueError, match=r"`selection_level` must lie in \(0, 1\); got 2"):
        calibration_belt([0, 1], [0.2, 0.4], external=True, selection_level=2)
