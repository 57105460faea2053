"""`extval.stats.concordance` against its definition, its invariances and R survival."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats._resampling import replicate_key, resample_counts
from extval.stats.concordance import c_harrell, c_uno, concordance_test
from extval.stats.results import Status
from tests.oracles import concordance as oracle
from tests.stats.censored_patients import CASES, patients, shuffled

ESTIMATORS = {"harrell": c_harrell, "uno": c_uno}
HORIZONS = st.sampled_from([None, 0.0, 2.0, 3.5, 6.0])


@given(patients(), HORIZONS, st.sampled_from(["harrell", "uno"]))
def test_matches_the_definition(data, horizon, name):
    time, event, (a, b), _ = data
    option = {"horizon": horizon} if name == "uno" else {}
    at = option.get("horizon")
    got = ESTIMATORS[name](time, event, a, **option)
    wanted = oracle.concordance(time, event, a, name, at)
    test = concordance_test(time, event, a, b, estimator=name, **option)
    if wanted is None:
        assert got.status in {Status.NO_COMPARABLE_PAIR, Status.NO_PATIENTS}
        assert np.isnan([got.value, got.se, test.difference, test.p_value]).all()
        return
    value, influence = wanted
    other, influence_b = oracle.concordance(time, event, b, name, at)
    assert_allclose(got.value, value, rtol=1e-12)
    assert_allclose(got.se, oracle.standard_error(influence), rtol=1e-10, atol=1e-14)
    change = np.subtract(influence, influence_b)
    assert_allclose(test.difference, value - other, atol=1e-14)
    se = oracle.standard_error(change)
    if se > 1e-12:
        assert_allclose(test.se, se, rtol=1e-10)
        assert_allclose(test.statistic, (value - other) / se, rtol=1e-9, atol=1e-12)
    elif abs(value - other) < 1e-12:
        assert (test.se, test.statistic, test.p_value) == (0.0, 0.0, 1.0)
    else:
        assert test.status is Status.DIFFERENCE_WITHOUT_VARIATION


@given(patients(), st.randoms(use_true_random=False))
def test_order_of_patients_does_not_matter(data, random):
    time, event, (a, b), _ = data
    order = list(range(time.size))
    random.shuffle(order)
    moved = shuffled(order, time, event, a, b)
    assert_same(c_harrell(*moved[:3]), c_harrell(time, event, a))
    assert_same(c_uno(*moved[:3]), c_uno(time, event, a))
    assert_same(concordance_test(*moved), concordance_test(time, event, a, b))


@given(patients())
def test_only_the_order_of_times_and_scores_counts(data):
    time, event, (a, _), _ = data
    assert c_harrell(time**2 + 3.0, event, np.exp(a)) == c_harrell(time, event, a)
    assert_same(c_uno(time**2 + 3.0, event, np.exp(a)), c_uno(time, event, a))


@given(patients())
def test_a_reversed_score_mirrors_c(data):
    time, event, (a, b), _ = data
    for routine in ESTIMATORS.values():
        found, mirrored = routine(time, event, a), routine(time, event, -a)
        assert_allclose(mirrored.value, 1 - found.value, rtol=1e-12, atol=1e-15)
        assert_allclose(mirrored.se, found.se, rtol=1e-10, atol=1e-15)
    swapped, test = (concordance_test(time, event, *pair) for pair in ((b, a), (a, b)))
    assert_allclose(swapped.difference, -test.difference, atol=1e-15)
    assert_allclose(swapped.p_value, test.p_value, rtol=1e-9)


@given(patients(least=2))
def test_without_censoring_uno_is_harrell(data):
    time, _, (a, _), _ = data
    ones = np.ones(time.size, int)
    uno, harrell = c_uno(time, ones, a), c_harrell(time, ones, a)
    assert_allclose([uno.value, uno.se], [harrell.value, harrell.se], rtol=1e-12)


@given(patients(least=2, most=10), HORIZONS, st.integers(0, 2**32 - 1))
def test_resamples_are_the_estimates_of_the_expanded_patients(data, horizon, seed):
    time, event, (a, _), _ = data
    key, order = replicate_key(np.random.default_rng(seed)), np.argsort(time, kind="stable")
    for name, option in (("harrell", {}), ("uno", {"horizon": horizon})):
        rng = np.random.default_rng(seed)
        found = ESTIMATORS[name](time, event, a, n_resamples=3, rng=rng, **option)
        drawn = []
        for b in range(3):
            counts = np.empty(time.size, np.int32)
            resample_counts(key, b, counts)
            rows = np.repeat(order, counts)
            drawn.append(ESTIMATORS[name](time[rows], event[rows], a[rows], **option).value)
        drawn = np.array(drawn)
        drawn = drawn[~np.isnan(drawn)]
        if found.status in {Status.OK, Status.SOME_RESAMPLES_UNDEFINED}:
            assert_allclose(found.se, drawn.std(ddof=1), rtol=1e-9, atol=1e-12)
            assert_allclose(found.interval.high, np.quantile(drawn, 0.975), rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_matches_r_survival(name):
    case = CASES[name]
    time, event, scores = case["time"], case["event"], case["lp"]
    tau = case["tau"] if case["tau"] else None
    for key, estimator, horizon in (("c_harrell", "harrell", None), ("c_uno", "uno", tau)):
        option = {} if horizon is None else {"horizon": horizon}
        got = [ESTIMATORS[estimator](time, event, score, **option) for score in scores]
        wanted = case[key]
        values, errors = [g.value for g in got], [g.se for g in got]
        assert_allclose(values, wanted["value"], rtol=1e-12, err_msg=estimator)
        assert_allclose(errors, wanted["se"], rtol=1e-11, err_msg=f"{estimator}, SE")
        test = concordance_test(time, event, *scores, estimator=estimator, horizon=horizon)
        name = f"{estimator}, difference"
        assert_allclose(test.se, wanted["se_difference"], rtol=1e-10, err_msg=name)


def test_jackknife_and_bootstrap_standard_errors_agree():
    case = CASES["rotterdam-gbsg"]
    for routine in ESTIMATORS.values():
        plain = routine(case["time"], case["event"], case["lp"][0])
        rng = np.random.default_rng(4)
        drawn = routine(case["time"], case["event"], case["lp"][0], n_resamples=1000, rng=rng)
        assert drawn.value == plain.value
        assert_allclose(drawn.se, plain.se, rtol=0.08)  # Monte Carlo error 2.2%


def test_lung_as_published():
    case = CASES["lung"]
    assert round(c_harrell(case["time"], case["event"], case["lp"][0]).value, 5) == 0.63714


@pytest.mark.parametrize(
    ("time", "event", "score", "status"),
    [
        ([], [], [], Status.NO_PATIENTS),
        ([3.0], [1], [1.0], Status.NO_COMPARABLE_PAIR),
        ([1, 2, 3], [0, 0, 0], [1, 2, 3], Status.NO_COMPARABLE_PAIR),
        ([2, 2, 2], [1, 1, 1], [1, 2, 3], Status.NO_COMPARABLE_PAIR),
        ([1, 2, 3], [0, 0, 1], [1, 2, 3], Status.NO_COMPARABLE_PAIR),
    ],
)
def test_nothing_to_compare(time, event, score, status):
    for routine in ESTIMATORS.values():
        found = routine(time, event, score)
        assert np.isnan([found.value, found.se, found.interval.low]).all()
        assert found.status is status


@pytest.mark.parametrize(("score", "value"), [([3, 2, 1, 0], 1), ([0, 1, 2, 3], 0), ([5] * 4, 0.5)])
def test_perfect_reversed_and_constant_scores_have_no_interval(score, value):
    for routine in ESTIMATORS.values():
        found = routine([0, 1, 2, 3], [1, 0, 1, 1], score)
        assert (found.value, found.se) == (value, 0.0)
        assert np.isnan(found.interval.low)
        assert found.status is Status.ALL_PAIRS_ALIKE


def test_interval_stays_within_0_and_1():
    found = c_harrell([1, 2, 3, 4], [1, 1, 1, 1], [4, 3, 1, 2])
    assert (found.interval.high, found.interval.level) == (1.0, 0.95)
    narrower = c_harrell([1, 2, 3, 4], [1, 1, 1, 1], [4, 3, 1, 2], confidence_level=0.5)
    assert narrower.interval.low > found.interval.low


def test_identical_and_equivalent_scores_have_p_1():
    time, event, a = [1, 2, 3, 4, 5], [1, 1, 0, 1, 1], np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    for estimator in ESTIMATORS:
        test = concordance_test(time, event, a, np.exp(a), estimator=estimator)
        assert (test.difference, test.p_value, test.status) == (0.0, 1.0, Status.OK)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="`time` must not be negative; 1 of 2"):
        c_harrell([-1, 2], [1, 0], [1, 2])
    with pytest.raises(ValueError, match="`event` must hold only 0 and 1; 1 of 2"):
        c_harrell([1, 2], [1, 2], [1, 2])
    with pytest.raises(ValueError, match="`score_b` must be finite"):
        concordance_test([1, 2], [1, 0], [1, 2], [1, np.nan])
    with pytest.raises(ValueError, match="`estimator` must be one of"):
        concordance_test([1, 2], [1, 0], [1, 2], [1, 2], estimator="somers")
    with pytest.raises(ValueError, match="`horizon` must not be given for Harrell's C"):
        concordance_test([1, 2], [1, 0], [1, 2], [1, 2], horizon=1.0)


def assert_same(got, wanted):
    for name in ("value", "difference", "se", "statistic", "p_value"):
        if hasattr(wanted, name):
            assert_allclose(getattr(got, name), getattr(wanted, name), rtol=1e-9, atol=1e-12)
    assert got.status is wanted.status


def with_entry(time, event, score, entry):
    """Return C and its jackknife over the pairs in which both were under observation."""
    n = len(time)
    wins, pairs = np.zeros(n), np.zeros(n)
    for i in range(n):
        for j in range(n):
            outlived = time[j] > time[i] or (time[j] == time[i] and not event[j])
            if i != j and event[i] and entry[j] < time[i] and outlived:
                won = float(score[i] > score[j]) + 0.5 * float(score[i] == score[j])
                wins[[i, j]] += won
                pairs[[i, j]] += 1
    if not pairs.any():
        return np.nan, np.zeros(n)
    value = wins.sum() / pairs.sum()
    return value, (wins - value * pairs) / (pairs.sum() / 2)


@given(st.data())
def test_with_delayed_entry_pairs_meet_under_observation(data):
    n = data.draw(st.integers(2, 9))
    time = np.array(data.draw(st.lists(st.integers(1, 5), min_size=n, max_size=n)), float)
    entry = np.array([data.draw(st.integers(0, int(t) - 1)) for t in time], float)
    event = data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    a, b = (data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)) for _ in range(2))
    found = c_harrell(time, event, a, entry=entry)
    wanted, influence = with_entry(time, event, a, entry)
    assert_allclose(found.value, wanted, rtol=1e-12)
    if np.isnan(wanted):
        assert found.status.value
        return
    assert_allclose(found.se, np.sqrt((influence**2).sum()), rtol=1e-12, atol=1e-12)
    other, influence_b = with_entry(time, event, b, entry)
    test = concordance_test(time, event, a, b, entry=entry)
    assert_allclose(test.difference, wanted - other, rtol=1e-12, atol=1e-12)
    if not np.isnan(test.se):
        se = np.sqrt(((influence - influence_b) ** 2).sum())
        assert_allclose(test.se, se, rtol=1e-10, atol=1e-12)


def test_what_delayed_entry_does_not_go_with():
    data, late = ([1, 2, 3], [1, 1, 0], [3, 2, 1]), {"entry": [0, 0, 1]}
    with pytest.raises(ValueError, match="`n_resamples` must be 0 with `entry`"):
        c_harrell(*data, **late, n_resamples=5, rng=np.random.default_rng(1))
    with pytest.raises(ValueError, match="Uno's C"):
        concordance_test(*data, [1, 2, 3], estimator="uno", **late)
    with pytest.raises(ValueError, match="`entry` must be before `time`"):
        c_harrell(*data, entry=[0, 2, 1])
