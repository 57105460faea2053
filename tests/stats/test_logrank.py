"""Log-rank tests, trend, pairs and permutation against definition, invariances and R."""

import json
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats.logrank import WEIGHT_FAMILIES, logrank_test
from extval.stats.logrank_contrasts import logrank_trend_test, pairwise_logrank_tests
from extval.stats.multiplicity import holm
from extval.stats.permutation_logrank import permutation_logrank_test, rank_scores
from extval.stats.results import Status
from tests.oracles import survival_description as oracle

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "survival_description.json").read_text()
)
TESTS = REFERENCE["tests"]
COIN_NAMES = {
    "logrank": {"weights": "logrank"},
    "Gehan-Breslow": {"weights": "gehan"},
    "Tarone-Ware": {"weights": "tarone-ware"},
    "Prentice-Marek": {"weights": "peto-peto"},
    "Fleming-Harrington": {"weights": "fleming-harrington", "rho": 0.5, "gamma": 1.0},
}
FAMILIES = st.sampled_from(WEIGHT_FAMILIES)


@st.composite
def cohorts(draw, max_groups=3, max_size=12):
    """Draw small integer times, heavily tied, in a few groups."""
    n = draw(st.integers(2, max_size))
    integers = [(1, 6), (0, 1), (0, max_groups - 1)]
    return tuple(
        draw(st.lists(st.integers(low, high), min_size=n, max_size=n)) for low, high in integers
    )


def options(family):
    return {"rho": 0.5, "gamma": 1.0} if family == "fleming-harrington" else {}


@given(cohorts(), FAMILIES, st.booleans(), st.booleans(), st.data())
def test_matches_the_definition(cohort, family, stratified, delayed, data):
    time, event, group = cohort
    n, more = len(time), {}
    if stratified:
        more["strata"] = data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    if delayed:
        more["entry"] = [data.draw(st.integers(0, t - 1)) for t in time]
    got = logrank_test(time, event, group, weights=family, **options(family), **more)
    # In the oracle rho and gamma apply to Fleming-Harrington alone.
    wanted = oracle.logrank_parts(time, event, group, family, 0.5, 1.0, **more)
    for name, values in zip(("observed", "expected", "variance"), wanted, strict=True):
        assert_allclose(getattr(got, name), values, rtol=1e-11, atol=1e-12)
    test = oracle.logrank(time, event, group, family, 0.5, 1.0, **more)
    assert_allclose([got.statistic, got.df, got.p_value], test, rtol=1e-8, atol=1e-12)
    assert isnan(got.statistic) == (got.status is not Status.OK)


@given(cohorts(), FAMILIES, st.randoms(use_true_random=False))
def test_order_names_and_unit_do_not_matter(cohort, family, random):
    rows = list(range(len(cohort[0])))
    random.shuffle(rows)
    time, event, group = (np.array(values)[rows] for values in cohort)
    whole = logrank_test(*cohort, weights=family)
    moved = logrank_test(0.5 * time, event, np.array(["c", "b", "a"])[group], weights=family)
    assert_allclose(moved.statistic, whole.statistic, rtol=1e-9, atol=1e-12)
    assert_allclose(moved.observed[::-1], whole.observed, rtol=1e-12)


@given(cohorts(), FAMILIES)
def test_a_stratum_each_of_the_same_patients_doubles_the_parts(cohort, family):
    single = logrank_test(*cohort, weights=family)
    double = logrank_test(
        *(2 * values for values in cohort), weights=family, strata=np.repeat([0, 1], len(cohort[0]))
    )
    assert_allclose(double.variance, 2 * single.variance, rtol=1e-12, atol=1e-15)
    assert_allclose(double.statistic, 2 * single.statistic, rtol=1e-8, atol=1e-12)


@given(cohorts(max_groups=2), FAMILIES)
def test_trend_of_two_groups_is_the_test_itself(cohort, family):
    whole = logrank_test(*cohort, weights=family)
    trend = logrank_trend_test(*cohort, weights=family, scores=[3, -1][: len(whole.groups)])
    assert_allclose(trend.statistic, whole.statistic, rtol=1e-10, atol=1e-14)


@given(cohorts(max_size=7), FAMILIES)
def test_rank_scores_add_up_to_observed_minus_expected(cohort, family):
    whole = logrank_test(*cohort, weights=family, **options(family))
    powers = (0.5, 1.0) if options(family) else (0.0, 0.0)
    time, event = np.array(cohort[0], float), np.array(cohort[1], bool)
    scores = rank_scores(time, event, family, powers)
    sums = [scores[np.array(cohort[2]) == label].sum() for label in whole.groups]
    assert_allclose(sums, whole.observed - whole.expected, atol=1e-12)


@given(cohorts(max_size=7), FAMILIES)
def test_exact_permutation_matches_the_definition(cohort, family):
    rng = np.random.default_rng(1)
    got = permutation_logrank_test(
        *cohort, weights=family, **options(family), n_resamples=10_000, rng=rng
    )
    assume(got.status is Status.OK)
    time, event, group = cohort
    assert got.exact
    wanted = oracle.permutation_p(time, event, group, family=family, rho=0.5, gamma=1.0)
    assert_allclose(got.p_value, wanted, rtol=1e-12)


@pytest.mark.parametrize("case", TESTS, ids=lambda case: case["id"])
def test_agrees_with_survdiff(case):
    data = case["time"], case["event"], case["group"]
    for reference in case["survdiff"]:
        rho = reference["rho"]
        family = {"weights": "fleming-harrington", "rho": rho} if rho else {}
        name = ("G-rho" if rho else "log-rank") + (", stratified" if "strata" in case else "")
        got = logrank_test(*data, strata=case.get("strata"), **family)
        assert_allclose(got.statistic, reference["statistic"], rtol=1e-11, err_msg=name)
        assert_allclose(got.p_value, reference["p_value"], rtol=1e-9, err_msg=name)
        assert_allclose(got.observed, reference["observed"], rtol=1e-12, err_msg=name)
        assert_allclose(got.expected, reference["expected"], rtol=1e-12, err_msg=name)
        assert_allclose(got.variance, reference["variance"], rtol=1e-11, atol=1e-13, err_msg=name)


@pytest.mark.parametrize(
    "case", [case for case in TESTS if "coin" in case], ids=lambda case: case["id"]
)
def test_agrees_with_coin(case):
    data = case["time"], case["event"], case["group"]
    rng = np.random.default_rng(1)
    for reference in case["coin"]:
        family = COIN_NAMES[reference["type"]]
        got = logrank_test(*data, **family)
        difference = np.atleast_1d(reference["difference"])
        found = (got.observed - got.expected)[: difference.size]
        assert_allclose(found, difference, rtol=1e-11, atol=1e-12, err_msg=reference["type"])
        test = permutation_logrank_test(*data, **family, n_resamples=10, rng=rng)
        assert_allclose(
            test.statistic, reference["quadratic"], rtol=1e-10, err_msg=reference["type"]
        )
    for reference in case.get("exact", []):
        family = COIN_NAMES[reference["type"]]
        test = permutation_logrank_test(*data, **family, n_resamples=1000, rng=rng)
        assert test.exact
        assert_allclose(test.p_value, reference["p_value"], rtol=1e-12, err_msg="exact")


@pytest.mark.parametrize(
    "case", [case for case in TESTS if "pairwise" in case], ids=lambda case: case["id"]
)
def test_trend_and_pairs_agree_with_r(case):
    data = case["time"], case["event"], case["group"]
    trend = logrank_trend_test(*data)
    assert_allclose(trend.statistic, case["trend"], rtol=1e-10, err_msg="trend")
    pairs = pairwise_logrank_tests(*data)
    raw = np.atleast_1d(case["pairwise"]["raw"])
    tested = np.array([not isnan(pair.test.p_value) for pair in pairs])
    # survdiff gives chi-square 0 and P = 1 where one group is never at risk; here that is no test.
    assert_array_equal(raw[~tested], 1.0)
    found = np.array([pair.test.p_value for pair in pairs])[tested]
    assert_allclose(found, raw[tested], rtol=1e-9, err_msg="pairs")
    # Not recorded as R's: the adjustment is ours.
    np.testing.assert_allclose(
        [pair.p_adjusted for pair in pairs], holm(np.where(tested, raw, nan))
    )
    if tested.all():
        wanted = np.atleast_1d(case["pairwise"]["holm"])
        assert_allclose([p.p_adjusted for p in pairs], wanted, err_msg="pairs, Holm")


def test_public_numbers():
    """Published values of R survival on its lung and veteran data."""
    lung, by_ecog, veteran = TESTS[0], TESTS[2], TESTS[3]
    data = lung["time"], lung["event"], lung["group"]
    assert_allclose(logrank_test(*data).statistic, 10.3267419549, rtol=1e-11)
    rho_1 = logrank_test(*data, weights="fleming-harrington", rho=1)
    assert_allclose(rho_1.statistic, 12.7141514012, rtol=1e-11)
    stratified = logrank_test(
        by_ecog["time"], by_ecog["event"], by_ecog["group"], strata=by_ecog["strata"]
    )
    assert_allclose(stratified.statistic, 10.7950596335, rtol=1e-11)
    celltype = logrank_test(veteran["time"], veteran["event"], veteran["group"])
    assert_allclose(celltype.statistic, 25.4, atol=0.05)
    assert celltype.df == 3


def test_random_allocations_agree_with_all_of_them():
    case = TESTS[-1]
    time, event, group = (2 * case[name] for name in ("time", "event", "group"))
    rng = np.random.default_rng(5)
    exact = permutation_logrank_test(time, event, group, n_resamples=9000, rng=rng)
    drawn = permutation_logrank_test(time, event, group, n_resamples=8000, rng=rng)
    assert exact.exact and exact.n_allocations == 8008 and not drawn.exact
    error = np.sqrt(exact.p_value * (1 - exact.p_value) / 8000)
    assert abs(drawn.p_value - exact.p_value) < 4 * error


def test_three_groups_drawn_and_enumerated():
    time, event, group = [1, 2, 3, 4, 5, 6, 7], [1, 1, 1, 1, 0, 1, 1], [0, 0, 1, 1, 2, 2, 2]
    rng = np.random.default_rng(5)
    exact = permutation_logrank_test(time, event, group, n_resamples=210, rng=rng)
    drawn = permutation_logrank_test(time, event, group, n_resamples=209, rng=rng)
    many = [
        permutation_logrank_test(time, event, group, n_resamples=209, rng=rng).p_value
        for _ in range(40)
    ]
    assert exact.exact and exact.n_allocations == 210 and not drawn.exact
    assert abs(np.mean(many) - exact.p_value) < 4 * np.sqrt(0.25 / (40 * 209)) + 1 / 210


def test_permutation_draws_depend_on_the_generator_alone():
    case = TESTS[0]
    data = case["time"], case["event"], case["group"]
    first, again, other = (
        permutation_logrank_test(*data, n_resamples=500, rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first.p_value < 0.02 and other.p_value < 0.02
    with pytest.raises(ValueError, match="`rng` must be a numpy"):
        permutation_logrank_test(*data, n_resamples=500, rng=None)


@pytest.mark.parametrize(
    ("time", "event", "group", "status"),
    [
        ([], [], [], Status.NO_PATIENTS),
        ([1, 2], [1, 1], ["a", "a"], Status.ONE_GROUP),
        ([1, 2], [0, 0], ["a", "b"], Status.NO_EVENTS),
        ([3, 3], [1, 1], ["a", "b"], Status.NO_COMPARABLE_GROUPS),
        ([1, 3, 4], [0, 1, 1], ["a", "b", "b"], Status.NO_COMPARABLE_GROUPS),
    ],
)
def test_edges(time, event, group, status):
    test = logrank_test(time, event, group)
    assert test.status is status
    assert isnan(test.statistic) and isnan(test.df) and isnan(test.p_value)
    trend = logrank_trend_test(time, event, group)
    assert trend.status is status and isnan(trend.p_value)
    rng = np.random.default_rng(1)
    permuted = permutation_logrank_test(time, event, group, n_resamples=10, rng=rng)
    assert permuted.status is status or group == ["a", "b", "b"]
    assert len(pairwise_logrank_tests(time, event, group)) == (len(set(group)) == 2)


def test_a_pair_without_a_test_is_not_counted_in_the_family():
    time, event = [1, 1, 5, 6, 7, 8, 9], [0, 0, 1, 1, 1, 0, 1]
    pairs = pairwise_logrank_tests(time, event, [1, 1, 2, 2, 3, 3, 3])
    assert [isnan(pair.p_adjusted) for pair in pairs] == [True, True, False]
    assert pairs[2].p_adjusted == pairs[2].test.p_value


def test_groups_that_never_meet_cost_degrees_of_freedom():
    """Groups 0 and 1 in one stratum, 2 and 3 in another: two comparisons, not three."""
    time, event = [1, 2, 3, 4] * 2, [1] * 8
    group, strata = [0, 0, 1, 1, 2, 2, 3, 3], [0] * 4 + [1] * 4
    test = logrank_test(time, event, group, strata=strata)
    half = logrank_test(time[:4], event[:4], group[:4])
    assert test.df == 2
    assert_allclose(test.statistic, 2 * half.statistic)


def test_trend_needs_different_scores():
    data = [1, 2, 3, 4], [1, 1, 1, 1], [0, 0, 1, 1]
    assert logrank_trend_test(*data, scores=[2, 2]).status is Status.NO_TREND_TO_TEST


def test_bad_input_is_named():
    data = [1, 2], [1, 0]
    with pytest.raises(ValueError, match="`group` must have shape"):
        logrank_test(*data, [1])
    with pytest.raises(ValueError, match="`group` must not be missing; 1 of 2 values are, first"):
        logrank_test(*data, ["a", None])
    with pytest.raises(ValueError, match="`group` must not be missing"):
        logrank_test(*data, [nan, 1.0])
    with pytest.raises(ValueError, match="`group` must hold labels of one kind"):
        logrank_test(*data, np.array(["a", 1], dtype=object))
    with pytest.raises(ValueError, match="`rho` must not be given unless"):
        logrank_test(*data, [0, 1], rho=1)
    with pytest.raises(ValueError, match="`weights` must be one of logrank, gehan"):
        logrank_test(*data, [0, 1], weights="wilcoxon")
