"""Aalen-Johansen and Gray's test against definitions, invariances, survfit and cmprsk."""

import json
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats.competing_risks import aalen_johansen, incidence_at
from extval.stats.gray import gray_test
from extval.stats.kaplan_meier import INTERVAL_METHODS, kaplan_meier
from extval.stats.results import Status
from tests.oracles import competing_risks as oracle

CASES = json.loads((Path(__file__).parents[1] / "reference" / "competing_risks.json").read_text())[
    "cases"
]
by_id = pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])


@st.composite
def cohorts(draw, *, max_groups=3):
    """Draw small integer times, heavily tied, two causes, a few groups."""
    n = draw(st.integers(2, 12))
    ranges = [(1, 5), (0, 2), (0, max_groups - 1)]
    return tuple(
        draw(st.lists(st.integers(low, high), min_size=n, max_size=n)) for low, high in ranges
    )


@given(cohorts())
def test_matches_the_definition(cohort):
    time, cause, _ = cohort
    got = aalen_johansen(time, cause, n_causes=2)
    for wanted in (1, 2):
        rows = np.array(oracle.incidence(time, cause, wanted))
        assert_array_equal(got.time, rows[:, 0])
        assert_allclose(got.survival, rows[:, 1], atol=1e-14)
        assert_allclose(got.incidence[wanted - 1], rows[:, 2], rtol=1e-13)
        error = oracle.standard_error(time, cause, wanted)
        assert_allclose(got.std_error[wanted - 1], error, rtol=1e-10, atol=1e-8)
    assert_allclose(got.survival + got.incidence.sum(axis=0), 1.0)


@given(cohorts())
def test_error_is_the_infinitesimal_jackknife(cohort):
    time, cause, _ = cohort
    got = aalen_johansen(time, cause, n_causes=2)
    for wanted in (1, 2):
        error = oracle.jackknife_error(time, cause, wanted)
        assert_allclose(got.std_error[wanted - 1], error, rtol=1e-6, atol=1e-7)


@given(cohorts(), st.data())
def test_delayed_entry_and_weights(cohort, data):
    time, cause, _ = cohort
    entry = [data.draw(st.integers(0, t - 1)) for t in time]
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(time), max_size=len(time)))
    got = aalen_johansen(time, cause, n_causes=2, entry=entry)
    for wanted in (1, 2):
        rows = oracle.incidence(time, cause, wanted, entry=entry)
        assert_allclose(got.incidence[wanted - 1], [row[2] for row in rows], rtol=1e-13)
    weighted = aalen_johansen(time, cause, n_causes=2, entry=entry, weights=weights)
    repeated = aalen_johansen(
        *(np.repeat(values, weights) for values in (time, cause)),
        n_causes=2,
        entry=np.repeat(entry, weights),
    )
    for name in ("time", "survival", "incidence", "events"):
        assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-13)
    assert_allclose(weighted.std_error, repeated.std_error, rtol=1e-7, atol=1e-8)


@given(cohorts(), st.sampled_from(INTERVAL_METHODS))
def test_one_cause_is_one_minus_kaplan_meier(cohort, method):
    time, event = cohort[0], [int(c > 0) for c in cohort[1]]
    got, km = aalen_johansen(time, event, method=method), kaplan_meier(time, event, method="plain")
    assert_allclose(got.incidence[0], 1 - km.survival, atol=1e-14)
    inside = km.survival > 0
    assert_allclose(got.std_error[0][inside], km.std_error[inside], rtol=1e-7, atol=1e-8)
    if method == "plain":
        assert_allclose(got.lower[0][inside], 1 - km.upper[inside], atol=1e-7)


@given(cohorts(), st.sampled_from([0.0, 0.5, 1.0]), st.booleans(), st.data())
def test_gray_matches_the_definition(cohort, rho, stratified, data):
    time, cause, group = cohort
    size = len(time)
    strata = data.draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))
    strata = strata if stratified else None
    got = gray_test(time, cause, group, rho=rho, strata=strata)
    assert isnan(got.statistic) == (got.status is not Status.OK)
    assume(got.status is Status.OK)
    statistic, df, p_value = oracle.gray(time, cause, group, rho, strata)
    assume(df == got.df)
    assert_allclose([got.statistic, got.p_value], [statistic, p_value], rtol=1e-7, atol=1e-10)


@given(cohorts(), st.randoms(use_true_random=False))
def test_gray_ignores_order_names_and_unit(cohort, random):
    rows = list(range(len(cohort[0])))
    random.shuffle(rows)
    time, cause, group = (np.array(values)[rows] for values in cohort)
    whole = gray_test(*cohort)
    moved = gray_test(0.25 * time, cause, np.array(["c", "b", "a"])[group])
    assert moved.status is whole.status
    assert_allclose(moved.statistic, whole.statistic, rtol=1e-7, atol=1e-10)


@by_id
def test_agrees_with_survfit(case):
    reference = case["curve"]
    k = max(case["cause"])
    got = aalen_johansen(case["time"], case["cause"])
    assert_array_equal(got.time, reference["time"])
    assert_array_equal(got.at_risk, reference["at_risk"])
    assert_array_equal(got.events.T, np.reshape(reference["n_event"], (-1, k)))
    assert_array_equal(got.censored, reference["n_censor"])
    states = np.array(reference["pstate"])
    assert_allclose(got.survival, states[:, 0], rtol=1e-11, atol=1e-15)
    assert_allclose(got.incidence.T, states[:, 1:], rtol=1e-12, atol=1e-15)
    error = np.array(reference["std_error"])[:, 1:].T
    assert_allclose(got.std_error, error, rtol=1e-9, atol=1e-9, err_msg="standard error")
    inside = (got.incidence > 0) & (got.incidence < 1 - 1e-12)
    for limits in reference["limits"]:
        got = aalen_johansen(case["time"], case["cause"], method=limits["type"])
        for name in ("lower", "upper"):
            wanted = np.array(limits[name], dtype=float)[:, 1:].T
            assert_allclose(getattr(got, name)[inside], wanted[inside], rtol=1e-8, err_msg="limits")


@by_id
def test_agrees_with_cmprsk(case):
    for reference in case["gray"]:
        causes, statistics = (
            np.atleast_1d(reference["cause"]),
            np.atleast_1d(reference["statistic"]),
        )
        for wanted, statistic in zip(causes, statistics, strict=True):
            kind = [0 if c == 0 else 1 if c == wanted else 2 for c in case["cause"]]
            data, rho = (case["time"], kind, case["group"]), reference["rho"]
            strata = case.get("strata")
            # cmprsk's factor for ties may be negative; the definition with that is cmprsk's number.
            as_there = oracle.gray(*data, rho, strata, negative_ties=True)
            assert_allclose(as_there[0], statistic, rtol=1e-10, err_msg="definition")
            mended = oracle.gray(*data, rho, strata)
            got = gray_test(
                case["time"],
                case["cause"],
                case["group"],
                cause_of_interest=int(wanted),
                rho=rho,
                strata=strata,
            )
            found = got.statistic, got.df, got.p_value
            np.testing.assert_allclose(found, mended, rtol=1e-9)
            if case["id"] not in ("heavy-ties", "stratified"):
                assert_allclose(got.statistic, statistic, rtol=1e-9)


def test_negative_ties_would_take_variance_away():
    case = next(case for case in CASES if case["id"] == "heavy-ties")
    kind = [0 if c == 0 else 1 if c == 1 else 2 for c in case["cause"]]
    there = oracle.gray(case["time"], kind, case["group"], negative_ties=True)
    assert there[0] > gray_test(case["time"], case["cause"], case["group"]).statistic


def test_reading_the_curve():
    curve = aalen_johansen([1, 2, 3, 4], [1, 2, 0, 0])
    assert incidence_at(curve, 0.5).status is Status.NO_EVENT_YET
    assert incidence_at(curve, 1.5, cause=2).value == 0.0
    got = incidence_at(curve, 3, cause=2)
    assert got.value == 0.25 and got.events == 1 and got.interval.low < 0.25 < got.interval.high
    beyond = incidence_at(curve, 5)
    assert isnan(beyond.value) and beyond.status is Status.BEYOND_FOLLOW_UP
    everyone = aalen_johansen([1, 2], [1, 1], n_causes=2)
    assert incidence_at(everyone, 9).value == 1.0
    assert incidence_at(everyone, 9).status is Status.ALL_HAD_THIS_EVENT
    assert incidence_at(everyone, 9, cause=2).status is Status.NO_EVENT_YET
    assert incidence_at(aalen_johansen([], []), 1).status is Status.NO_PATIENTS
    with pytest.raises(ValueError, match="`cause - 1` must lie in 0 to 1"):
        incidence_at(curve, 1, cause=3)


def test_edges_of_the_curve():
    assert aalen_johansen([], [], n_causes=3).incidence.shape == (3, 0)
    quiet = aalen_johansen([1, 2], [0, 0])
    assert quiet.status is Status.NO_EVENTS and (quiet.incidence == 0).all()
    emptied = aalen_johansen([2, 5, 6], [1, 2, 0], entry=[0, 3, 3])
    assert emptied.status is Status.RISK_SET_EMPTIED and emptied.incidence[0].tolist() == [1, 1, 1]
    assert incidence_at(emptied, 3.0).status is Status.RISK_SET_EMPTIED
    at_zero = aalen_johansen([0, 0, 1], [1, 2, 0])
    assert_allclose(at_zero.incidence[:, 0], 1 / 3)


@pytest.mark.parametrize(
    ("time", "cause", "group", "status"),
    [
        ([], [], [], Status.NO_PATIENTS),
        ([1, 2], [1, 2], ["a", "a"], Status.ONE_GROUP),
        ([1, 2], [0, 2], ["a", "b"], Status.NO_EVENTS),
        ([1, 3, 4], [2, 1, 1], ["a", "b", "b"], Status.NO_COMPARABLE_GROUPS),
        ([3, 3], [1, 1], ["a", "b"], Status.GRAY_UNDEFINED),
    ],
)
def test_edges_of_grays_test(time, cause, group, status):
    test = gray_test(time, cause, group)
    assert test.status is status
    assert isnan(test.statistic) and isnan(test.df) and isnan(test.p_value)


def test_a_group_that_is_never_compared_costs_no_degree_of_freedom():
    time, cause = [1, 1, 5, 6, 7, 8, 9], [0, 0, 1, 1, 1, 2, 1]
    test = gray_test(time, cause, [1, 1, 2, 2, 3, 3, 3])
    alone = gray_test(time[2:], cause[2:], [2, 2, 3, 3, 3])
    assert test.df == 1 and test.status is Status.OK
    assert_allclose(test.statistic, alone.statistic)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"`cause` must hold 0 \(censored\), 1, 2, ...; 1 of 2"):
        aalen_johansen([1, 2], [1, 0.5])
    with pytest.raises(ValueError, match="`cause` must not exceed `n_causes`, 1; got 2"):
        aalen_johansen([1, 2], [1, 2], n_causes=1)
    with pytest.raises(ValueError, match="`cause_of_interest` must be an integer of at least 1"):
        gray_test([1, 2], [1, 2], [0, 1], cause_of_interest=0)
    with pytest.raises(ValueError, match="`cause` must have shape"):
        gray_test([1, 2], [1], [0, 1])


def test_an_incidence_that_is_one_but_for_rounding_has_no_limits():
    got = aalen_johansen([1, 1, 1, 2, 2, 3], [0, 2, 2, 2, 2, 2], n_causes=2)
    assert_allclose(got.incidence[1, -1], 1.0, rtol=1e-15)
    assert np.isnan(got.lower[1, -1])
    assert np.isnan(got.upper[1, -1])
