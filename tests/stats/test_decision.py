"""Decision curves and their differences: patient by patient, dcurves, resamples, edges."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from extval.stats import Status
from extval.stats._kernels_decision import count_positives
from extval.stats._resampling import replicate_key
from extval.stats.bootstrap import percentile_interval
from extval.stats.decision import decision_curve, net_benefit
from extval.stats.decision_difference import decision_curve_difference, net_benefit_difference
from tests.oracles import decision as oracle
from tests.oracles import resampling

DCURVES = json.loads((Path(__file__).parents[1] / "reference" / "decision.json").read_text())
CASES = pytest.mark.parametrize("case", DCURVES["cases"], ids=lambda case: case["id"])
EIGHTHS = st.integers(0, 8).map(lambda k: k / 8)


@st.composite
def studies(draw, models=2):
    """Draw outcomes and risks that often equal a threshold of the grid."""
    n = draw(st.integers(1, 25))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    risk = st.lists(EIGHTHS, min_size=n, max_size=n)
    return np.array(y), np.array([draw(risk) for _ in range(models)])


grids = st.lists(
    st.one_of(EIGHTHS, st.floats(0, 0.99)).filter(lambda t: t < 1),
    min_size=1,
    max_size=9,
    unique=True,
).map(sorted)


def resamples(n, n_resamples, seed):
    key = int(replicate_key(np.random.default_rng(seed)))
    return [np.array(resampling.resample(key, b, [n])[0]) for b in range(n_resamples)]


def limits(found):
    return found.interval.low, found.interval.high


@given(studies(), grids)
def test_curves_are_the_means_of_the_contributions(study, grid):
    y, probs = study
    curve = decision_curve(y, probs, thresholds=grid)
    for j, p in enumerate(probs):
        assert_allclose(
            curve.net_benefit[j], [oracle.net_benefit(y, p, t) for t in grid], atol=1e-13
        )
        for i, t in enumerate(grid):
            if t > 1e-6:
                assert_allclose(
                    curve.interventions_avoided[j, i],
                    oracle.interventions_avoided(y, p, t),
                    atol=1e-8 / t,
                )
            assert curve.true_positive_rate[j, i] == np.mean((p >= t) & (y == 1))
            assert curve.false_positive_rate[j, i] == np.mean((p >= t) & (y == 0))
    assert_allclose(curve.treat_all, [oracle.treat_all(y, t) for t in grid], atol=1e-13)
    assert not curve.treat_none.any()
    if y.any():
        assert_allclose(curve.standardized, curve.net_benefit / y.mean(), rtol=1e-12, atol=1e-15)
    else:
        assert np.isnan(curve.standardized).all()
    assert np.isnan(curve.lower).all()


@pytest.mark.parametrize(
    "grid",
    [
        np.arange(1, 100) / 100,
        np.linspace(0.05, 0.3, 26),
        np.array([0.3]),
        np.array([0.0, 0.5]),
        np.array([0.1, 0.1000001, 0.11, 0.5, 0.9]),
        np.array([0.25, np.nextafter(0.25, 1.0)]),
        np.sort(np.random.default_rng(3).random(40)),
    ],
)
def test_a_probability_at_a_threshold_or_beside_it_is_counted_exactly(grid):
    some = np.random.default_rng(1).random(5000)
    prob = np.concatenate(
        [some, grid, np.nextafter(grid, 0.0), np.nextafter(grid, 1.0), np.round(some, 2), [0.0, 1]]
    )
    is_case = np.random.default_rng(2).random(prob.size) < 0.3
    counts = np.empty((2, grid.size), np.int64)
    count_positives(prob, is_case, grid, counts)
    reached = prob >= grid[:, np.newaxis]
    assert_array_equal(counts, [(reached & ~is_case).sum(axis=1), (reached & is_case).sum(axis=1)])


@given(studies(), grids, st.randoms())
def test_order_and_duplication_of_patients_do_not_matter(study, grid, random):
    y, probs = study
    order = list(range(y.size))
    random.shuffle(order)
    plain = decision_curve(y, probs, thresholds=grid)
    moved = decision_curve(y[order], probs[:, order], thresholds=grid)
    twice = decision_curve(np.tile(y, 2), np.tile(probs, 2), thresholds=grid)
    assert_array_equal(moved.net_benefit, plain.net_benefit)
    assert_allclose(twice.net_benefit, plain.net_benefit, rtol=1e-13, atol=1e-15)


@given(studies(1), grids)
def test_treating_everyone_is_the_curve_of_a_model_that_says_one(study, grid):
    y, _ = study
    curve = decision_curve(y, np.array([np.ones(y.size), np.zeros(y.size)]), thresholds=grid)
    assert_array_equal(curve.net_benefit[0], curve.treat_all)
    above_zero = np.array(grid) > 0
    assert_array_equal(curve.net_benefit[1][above_zero], curve.treat_none[above_zero])


@CASES
def test_agrees_with_dcurves(case):
    curve = decision_curve(
        case["y"], case["y_prob"], thresholds=case["thresholds"], harm=case["harm"]
    )
    for name in ("net_benefit", "true_positive_rate", "false_positive_rate", "treat_all"):
        assert_allclose(getattr(curve, name), case[name], rtol=1e-12, atol=1e-15, err_msg=name)
    assert_allclose(curve.interventions_avoided, case["interventions_avoided"], atol=1e-11)


@given(studies(2), st.integers(0, 99))
@settings(max_examples=20)
def test_bands_are_those_of_expanded_resamples(study, seed):
    y, probs = study
    grid = [0.125, 0.3, 0.75]
    rows = resamples(y.size, 12, seed)
    curve = decision_curve(
        y, probs, thresholds=grid, n_resamples=12, rng=np.random.default_rng(seed)
    )
    again = [decision_curve(y[r], probs[:, r], thresholds=grid) for r in rows]
    for name, lower, upper in (
        ("net_benefit", curve.lower, curve.upper),
        ("treat_all", curve.treat_all_band.lower, curve.treat_all_band.upper),
        ("standardized", curve.standardized_band.lower, curve.standardized_band.upper),
        (
            "interventions_avoided",
            curve.interventions_avoided_band.lower,
            curve.interventions_avoided_band.upper,
        ),
    ):
        values = np.array([getattr(each, name) for each in again])
        enough = np.count_nonzero(~np.isnan(values), axis=0) >= 2
        wanted = np.nanquantile(np.where(enough, values, 0.0), [0.025, 0.975], axis=0)
        assert_allclose(lower[enough], wanted[0][enough], rtol=1e-10, atol=1e-13, err_msg=name)
        assert_allclose(upper[enough], wanted[1][enough], rtol=1e-10, atol=1e-13, err_msg=name)
        assert np.isnan(lower[~enough]).all()


@given(studies(1), st.sampled_from([0.0, 0.125, 0.3, 0.5, 0.9]))
def test_wald_interval_is_that_of_the_mean_contribution(study, threshold):
    y, (p,) = study
    found = net_benefit(y, p, threshold=threshold)
    parts = oracle.contributions(y, p, threshold)
    assert_allclose(found.value, parts.mean(), atol=1e-14)
    if found.status is Status.OK:
        assert_allclose(found.se, parts.std(ddof=1) / np.sqrt(y.size), rtol=1e-10)
        assert_allclose(np.mean(limits(found)), found.value, atol=1e-12)
    else:
        assert found.status is Status.NO_VARIATION
        assert y.size == 1 or np.ptp(parts) == 0 or (threshold == 0 and found.status)
        assert np.isnan(limits(found)).all()


def test_bootstrap_interval_is_that_of_expanded_resamples():
    case = DCURVES["cases"][0]
    y, p = np.array(case["y"]), np.array(case["y_prob"][1])
    rng = np.random.default_rng(6)
    found = net_benefit(y, p, threshold=0.3, n_resamples=50, rng=rng)
    wanted = percentile_interval(
        [oracle.net_benefit(y[r], p[r], 0.3) for r in resamples(y.size, 50, 6)]
    )
    assert_allclose(limits(found), limits(wanted), rtol=1e-12)
    assert found.method == "net benefit; bootstrap percentile, 50 resamples"


@given(studies(2), st.sampled_from([0.125, 0.3, 0.5, 0.9]))
def test_difference_is_the_mean_of_paired_contributions(study, threshold):
    y, (a, b) = study
    found = net_benefit_difference(y, a, b, threshold=threshold)
    parts = oracle.contributions(y, a, threshold) - oracle.contributions(y, b, threshold)
    assert_allclose(found.difference, parts.mean(), atol=1e-14)
    back = net_benefit_difference(y, b, a, threshold=threshold)
    assert_array_equal(back.difference, -found.difference)
    assert_allclose(back.p_value, found.p_value, rtol=1e-12)
    if found.status is Status.OK and found.se > 0:
        assert_allclose(found.se, parts.std(ddof=1) / np.sqrt(y.size), rtol=1e-10)
    elif found.status is Status.OK:
        assert found.p_value == 1.0
        assert not parts.any()
    else:
        assert np.ptp(parts) == 0


@given(studies(1), grids)
def test_a_model_against_itself_has_no_difference(study, grid):
    y, (p,) = study
    curve = decision_curve_difference(
        y, p, p, thresholds=grid, n_resamples=5, rng=np.random.default_rng(1)
    )
    assert not curve.difference.any()
    assert not curve.lower.any()
    found = net_benefit_difference(
        y, p, p, threshold=grid[0], n_resamples=5, rng=np.random.default_rng(1)
    )
    assert (found.difference, found.p_value, *limits(found)) == (0.0, 1.0, 0.0, 0.0)


def test_difference_curve_is_paired_and_consistent_with_the_single_threshold():
    case = DCURVES["cases"][0]
    y, (a, b), grid = case["y"], case["y_prob"], [0.1, 0.25, 0.6]
    one = decision_curve(y, [a, b], thresholds=grid)
    both = decision_curve_difference(
        y, a, b, thresholds=grid, n_resamples=40, rng=np.random.default_rng(2)
    )
    assert_allclose(both.difference, one.net_benefit[0] - one.net_benefit[1], atol=1e-15)
    for i, t in enumerate(grid):
        single = net_benefit_difference(
            y, a, b, threshold=t, n_resamples=40, rng=np.random.default_rng(2)
        )
        assert_allclose(single.difference, both.difference[i], atol=1e-15)
        assert_allclose(limits(single), (both.lower[i], both.upper[i]), atol=1e-15)


@given(studies(2), st.sampled_from([0.125, 0.3, 0.9]), st.sampled_from([0, 8]))
def test_harm_is_subtracted_and_moves_no_width(study, threshold, n_resamples):
    y, (a, b) = study

    def options():
        rng = np.random.default_rng(3)
        return {"threshold": threshold, "n_resamples": n_resamples, "rng": rng}

    free, harmed = (net_benefit(y, a, harm=harm, **options()) for harm in (0.0, 0.02))
    assert_allclose(harmed.value, free.value - 0.02, atol=1e-15)
    assert_allclose(harmed.se, free.se, rtol=1e-9)
    assert_allclose(limits(harmed), np.array(limits(free)) - 0.02, atol=1e-14)
    assert ("less a harm of 0.02" in harmed.method) and "harm" not in free.method
    plain = net_benefit_difference(y, a, b, **options())
    moved = net_benefit_difference(y, a, b, harm=(0.02, 0.005), **options())
    assert_allclose(moved.difference, plain.difference - 0.015, atol=1e-15)
    same = net_benefit_difference(y, a, b, harm=(0.02, 0.02), **options())
    assert_allclose(
        [same.difference, same.p_value, *limits(same)],
        [plain.difference, plain.p_value, *limits(plain)],
        atol=1e-15,
    )
    if plain.status is Status.OK and plain.se > 0:
        assert_allclose(moved.se, plain.se, rtol=1e-9)
        assert_allclose(limits(moved), np.array(limits(plain)) - 0.015, atol=1e-14)
    curve = decision_curve_difference(
        y,
        a,
        b,
        thresholds=[threshold],
        harm=(0.02, 0.005),
        n_resamples=n_resamples,
        rng=options()["rng"],
    )
    assert_allclose(curve.difference[0], moved.difference, atol=1e-15)


def test_a_harm_without_any_other_difference_has_no_test():
    found = net_benefit_difference([0, 1, 1], [0.6] * 3, [0.7] * 3, threshold=0.5, harm=(0.1, 0.0))
    assert (found.difference, found.status) == (-0.1, Status.NO_VARIATION)
    assert np.isnan([found.p_value, *limits(found)]).all()


@CASES
def test_harm_agrees_with_dcurves(case):
    for j, t in enumerate(case["thresholds"]):
        harms = case["harm"] or [0.0] * len(case["y_prob"])
        for i, (p, harm) in enumerate(zip(case["y_prob"], harms, strict=True)):
            found = net_benefit(case["y"], p, threshold=t, harm=harm)
            assert_allclose(found.value, case["net_benefit"][i][j], rtol=1e-12, atol=1e-15)


@given(studies(2), st.sampled_from([0.3, 0.9]), st.lists(st.integers(1, 3), min_size=25))
def test_repeated_patients_count_as_often_as_they_are_there(study, threshold, times):
    y, (a, b) = study
    weights = np.array(times[: y.size])
    again = [np.repeat(column, weights) for column in (y, a, b)]
    parts = [oracle.contributions(y, p, threshold) for p in (a, b)]
    means = [np.average(part, weights=weights) for part in parts]
    assert_allclose(net_benefit(*again[:2], threshold=threshold).value, means[0], atol=1e-13)
    found = net_benefit_difference(*again, threshold=threshold)
    assert_allclose(found.difference, means[0] - means[1], atol=1e-13)


@pytest.mark.parametrize("n_resamples", [0, 10])
def test_nobody(n_resamples):
    rng = np.random.default_rng(1)
    curve = decision_curve([], np.empty((2, 0)), thresholds=[0.2], n_resamples=n_resamples, rng=rng)
    difference = decision_curve_difference(
        [], [], [], thresholds=[0.2], n_resamples=n_resamples, rng=rng
    )
    single = net_benefit([], [], threshold=0.2, n_resamples=n_resamples, rng=rng)
    pair = net_benefit_difference([], [], [], threshold=0.2, n_resamples=n_resamples, rng=rng)
    for found in (curve, difference, single, pair):
        assert found.status is Status.NO_PATIENTS
    assert np.isnan([*curve.net_benefit[0], *difference.difference, single.value]).all()


def test_one_class_still_has_net_benefit():
    found = net_benefit([0, 0, 0, 0], [0.1, 0.6, 0.7, 0.2], threshold=0.5)
    assert (found.value, found.status) == (-0.5, Status.OK)
    curve = decision_curve([1, 1], [[0.1, 0.6]], thresholds=[0.5])
    assert curve.net_benefit[0, 0] == 0.5


def test_nobody_above_the_threshold_gives_no_interval():
    for n_resamples, status in ((0, Status.NO_VARIATION), (20, Status.RESAMPLES_EQUAL)):
        found = net_benefit(
            [0, 1, 0],
            [0.1, 0.2, 0.3],
            threshold=0.9,
            n_resamples=n_resamples,
            rng=np.random.default_rng(1),
        )
        assert (found.value, found.status) == (0.0, status)
        assert np.isnan(limits(found)).all()


def test_probabilities_of_zero_and_one_and_threshold_zero():
    curve = decision_curve([0, 1], [[0.0, 1.0]], thresholds=[0.0, 0.5, 0.999])
    assert_array_equal(curve.net_benefit[0], [0.5, 0.5, 0.5])
    assert np.isnan(curve.interventions_avoided[0, 0])


@pytest.mark.parametrize("wrong", [np.nextafter(1, 2), -5e-324, -0.5, 7.0, np.inf, -np.inf])
def test_a_probability_just_outside_the_unit_interval_is_refused(wrong):
    with pytest.raises(ValueError, match="`y_prob`"):
        net_benefit([0, 1, 1], [0.5, wrong, 0.5], threshold=0.2)


def test_a_negative_zero_is_a_probability():
    found = net_benefit([0, 1, 1], [-0.0, 1.0, 5e-324], threshold=0.0)
    assert found.value == net_benefit([0, 1, 1], [0.0, 1.0, 0.0], threshold=0.0).value


def test_same_seed_same_result():
    case = DCURVES["cases"][0]
    y, probs = case["y"], case["y_prob"]
    runs = [
        decision_curve(
            y, probs, thresholds=[0.1, 0.5], n_resamples=30, rng=np.random.default_rng(9)
        )
        for _ in range(2)
    ]
    assert_equal(asdict(runs[0]), asdict(runs[1]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: decision_curve([0, 1], [0.1, 0.2], thresholds=[0.5]), r"shape \(models, 2\)"),
        (
            lambda: decision_curve([0, 1], [[0.1, 1.2]], thresholds=[0.5]),
            r"`y_prob\[0\]` must lie in \[0, 1\]; 1 of 2",
        ),
        (lambda: decision_curve([0, 1], [[0, 1]], thresholds=[0.5, 0.5]), "increase strictly"),
        (lambda: decision_curve([0, 1], [[0, 1]], thresholds=[1.0]), r"must lie in \[0, 1\)"),
        (lambda: decision_curve([0, 1], [[0, 1]], thresholds=[]), "must be 1-D and not empty"),
        (
            lambda: decision_curve([0, 1], [[0, 1]], thresholds=[0.5], n_resamples=9),
            "`rng` must be a numpy.random.Generator",
        ),
        (lambda: net_benefit([0, 1], [0, 1], threshold=1.0), r"`threshold` must lie in \[0, 1\)"),
        (
            lambda: net_benefit_difference([0, 1], [0, 1], [0, 2], threshold=0.5),
            r"`prob_b` must lie in \[0, 1\]",
        ),
        (
            lambda: net_benefit([0, 1], [0, 1], threshold=0.5, harm=np.inf),
            r"`harm` must be finite; 1 of 1 .*index 0 \(inf\)",
        ),
        (
            lambda: net_benefit_difference([0, 1], [0, 1], [0, 1], threshold=0.5, harm=0.1),
            r"`harm` must have shape \(2,\)",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_equal_contributions_of_a_case_and_a_control_have_no_variation():
    """At a threshold of one half a missed event and a false positive weigh alike."""
    found = net_benefit_difference([0, 1], [0.0, 0.5], [0.5, 0.0], threshold=0.5)
    assert (found.difference, found.status) == (1.0, Status.NO_VARIATION)
    assert np.isnan(found.p_value)
