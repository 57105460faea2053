"""`extval.stats.kaplan_meier` against its definition, its invariances and R survival."""

import json
from math import inf, isnan, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats.kaplan_meier import (
    INTERVAL_METHODS,
    kaplan_meier,
    quantile,
    reverse_kaplan_meier,
    survival_at,
)
from extval.stats.landmark import landmark
from extval.stats.numbers_at_risk import numbers_at_risk
from extval.stats.results import Status
from tests.oracles import survival_description as oracle

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "survival_description.json").read_text()
)
CURVES = REFERENCE["curves"]


@st.composite
def cohorts(draw, *, delayed=False):
    """Draw small integer times, heavily tied; entries below them where asked for."""
    n = draw(st.integers(1, 12))
    time = draw(st.lists(st.integers(1 if delayed else 0, 6), min_size=n, max_size=n))
    event = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    entry = [draw(st.integers(0, t - 1)) for t in time] if delayed else None
    return time, event, entry


def columns(rows):
    return np.array(rows, dtype=float).reshape(-1, 5).T


@given(
    st.booleans().flatmap(lambda late: cohorts(delayed=late)),
    st.sampled_from(INTERVAL_METHODS),
    st.sampled_from([0.8, 0.95]),
)
def test_matches_the_definition(cohort, method, level):
    time, event, entry = cohort
    km = kaplan_meier(time, event, entry=entry, method=method, confidence_level=level)
    rows = oracle.kaplan_meier(time, event, entry, level=level, method=method)
    found = [km.time, km.survival, km.std_error, km.lower, km.upper]
    for got, wanted in zip(found, columns(rows), strict=True):
        assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)
    counts = [[float(x) for x in row] for row in oracle.life_table(time, event, entry)]
    assert_array_equal(np.array([km.time, km.at_risk, km.events, km.censored]).T, counts)
    for q in (0.25, 0.5):
        got = quantile(km, q)
        limits = [oracle.quantile(rows, q, column) for column in (1, 3, 4)]
        assert_allclose([got.value, got.interval.low], limits[:2])
        high = inf if isnan(limits[2]) and not isnan(limits[1]) else limits[2]
        assert_allclose(got.interval.high, high)


@given(cohorts(), st.data())
def test_weights_count_patients(cohort, data):
    time, event, _ = cohort
    size = len(time)
    weights = data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    weighted = kaplan_meier(time, event, weights=weights)
    repeated = kaplan_meier(np.repeat(time, weights), np.repeat(event, weights))
    for name in ("time", "survival", "lower", "upper", "std_error", "at_risk", "events"):
        assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-13)


@given(st.booleans().flatmap(lambda late: cohorts(delayed=late)), st.randoms(use_true_random=False))
def test_order_and_unit_do_not_matter(cohort, random):
    time, event, entry = cohort
    rows = list(range(len(time)))
    random.shuffle(rows)
    started = None if entry is None else 4.0 * np.array(entry)[rows]
    km = kaplan_meier(time, event, entry=entry)
    moved = kaplan_meier(4.0 * np.array(time)[rows], np.array(event)[rows], entry=started)
    assert_array_equal(moved.time, 4.0 * km.time)
    for name in ("survival", "lower", "upper", "std_error"):
        assert_array_equal(getattr(moved, name), getattr(km, name))


@given(cohorts(), st.lists(st.integers(-1, 8), min_size=1, max_size=4))
def test_numbers_at_risk_match_the_definition_and_add_up(cohort, at):
    time, event, _ = cohort
    counts = numbers_at_risk(time, event, at)
    found = np.array([counts.at_risk, counts.events, counts.censored]).T
    assert_array_equal(found, oracle.numbers_at_risk(time, event, at))
    assert_array_equal(found.sum(axis=1), len(time))


@given(cohorts(delayed=True), st.lists(st.integers(0, 8), min_size=1, max_size=4))
def test_numbers_at_risk_with_delayed_entry(cohort, at):
    time, event, entry = cohort
    counts = numbers_at_risk(time, event, at, entry=entry)
    found = np.array([counts.at_risk, counts.events, counts.censored]).T
    assert_array_equal(found, oracle.numbers_at_risk(time, event, at, entry))


@given(cohorts(), st.integers(0, 6))
def test_landmark_keeps_those_still_there(cohort, at):
    time, event, _ = np.array(cohort[0]), np.array(cohort[1]), None
    chosen = landmark(time, event, at=at)
    assert_array_equal(chosen.kept, time > at)
    assert_array_equal(chosen.time, time[time > at] - at)
    left_out = chosen.n_event_before + chosen.n_censored_before + chosen.n_entered_after
    assert chosen.n_kept + left_out == chosen.n == time.size
    # Conditional survival: the curve restarted at the landmark is S(t) / S(landmark).
    if chosen.n_kept:
        whole, part = kaplan_meier(time, event), kaplan_meier(chosen.time, event[chosen.kept])
        base = survival_at(whole, at).value
        assert_allclose(part.survival * base, whole.survival[whole.time > at], atol=1e-15)


def test_landmark_with_delayed_entry_leaves_later_arrivals_out():
    chosen = landmark([4, 6, 9, 9], [1, 1, 0, 1], at=5, entry=[0, 1, 6, 5])
    assert chosen.kept.tolist() == [False, True, False, True]
    assert (chosen.n_event_before, chosen.n_entered_after, chosen.n_events) == (1, 1, 2)
    assert landmark([1, 2], [1, 1], at=2).status is Status.NO_PATIENTS


@pytest.mark.parametrize("case", CURVES, ids=lambda case: case["id"])
def test_agrees_with_survfit(case):
    data = {name: case.get(name) for name in ("entry", "weights")}
    level, kind = case["level"], "".join(f", {name}" for name in data if name in case)
    km = kaplan_meier(case["time"], case["event"], confidence_level=level, **data)
    assert_array_equal(km.time, case["distinct"])
    assert_allclose(
        km.survival, case["survival"], rtol=1e-12, atol=1e-15, err_msg=f"survival{kind}"
    )
    assert_allclose(km.at_risk, case["at_risk"], rtol=1e-13, err_msg="numbers at risk")
    assert_allclose(km.events, case["n_event"], rtol=1e-13, err_msg="numbers at risk")
    assert_allclose(
        km.censored, case["n_censor"], rtol=1e-13, atol=1e-13, err_msg="numbers at risk"
    )
    assert_allclose(
        km.std_error, numbers(case["std_error"]), rtol=1e-11, atol=1e-15, err_msg=f"survival{kind}"
    )
    open_part = (km.survival > 0) & (km.survival < 1)
    for reference in case["types"]:
        km = kaplan_meier(
            case["time"], case["event"], confidence_level=level, method=reference["type"], **data
        )
        for name in ("lower", "upper"):
            got, wanted = getattr(km, name), numbers(reference[name])
            assert_allclose(got[open_part], wanted[open_part], rtol=1e-11, err_msg=f"limits{kind}")
            assert np.isnan(got[~open_part]).all()
        for j, q in enumerate(case["probs"]):
            got = quantile(km, q)
            assert_allclose(
                got.value, numbers(reference["quantile"])[j], rtol=1e-13, err_msg=f"quantiles{kind}"
            )
            assert_allclose(
                got.interval.low,
                numbers(reference["quantile_lower"])[j],
                rtol=1e-13,
                err_msg=f"quantiles{kind}",
            )
            high = numbers(reference["quantile_upper"])[j]
            if isnan(high) and not isnan(got.interval.low):
                assert got.interval.high == inf
            else:
                assert_allclose(got.interval.high, high, rtol=1e-13, err_msg=f"quantiles{kind}")
    if "weights" not in case:
        counts = numbers_at_risk(case["time"], case["event"], case["at"], entry=data["entry"])
        assert_allclose(counts.at_risk, case["at_risk_at"], rtol=0, err_msg="numbers at risk")
    if "reverse_survival" in case:
        km = reverse_kaplan_meier(case["time"], case["event"], confidence_level=level)
        assert_allclose(
            km.survival, case["reverse_survival"], rtol=1e-12, atol=1e-15, err_msg="reverse"
        )
        got = quantile(km)
        found = [got.value, got.interval.low, got.interval.high]
        found = [nan if x == inf else x for x in found]
        assert_allclose(found, numbers(case["reverse_median"]), rtol=1e-13, err_msg="reverse")


def numbers(values):
    return np.array([nan if v in (None, "NA", "NaN") else v for v in values], dtype=float)


def test_times_are_compared_as_exact_floats():
    case = next(case for case in CURVES if case["id"] == "nearly-equal")
    assert kaplan_meier(case["time"], case["event"]).time.size == 4
    assert kaplan_meier(np.round(case["time"], 6), case["event"]).time.size == 3


def test_reading_the_curve():
    km = kaplan_meier([2, 4, 4, 6, 8], [0, 1, 1, 0, 0])
    assert survival_at(km, 3.9).status is Status.NO_EVENT_YET
    assert survival_at(km, 3.9).value == 1.0 and isnan(survival_at(km, 3.9).interval.low)
    assert survival_at(km, 4).value == survival_at(km, 8).value == 0.5
    beyond = survival_at(km, 8.1)
    assert isnan(beyond.value) and beyond.status is Status.BEYOND_FOLLOW_UP
    ended = kaplan_meier([2, 4, 4], [0, 1, 1])
    assert survival_at(ended, 99).value == 0.0
    assert survival_at(ended, 99).status is Status.CURVE_AT_ZERO
    assert survival_at(kaplan_meier([], []), 1).status is Status.NO_PATIENTS
    with pytest.raises(ValueError, match="`t` must be finite and not negative; got -1"):
        survival_at(km, -1)


def test_quantiles_that_are_not_reached():
    km = kaplan_meier([1, 2, 3, 4], [0, 1, 0, 0])
    assert quantile(km).status is Status.QUANTILE_NOT_REACHED
    assert isnan(quantile(km).value)
    assert quantile(kaplan_meier([1], [1])).status is Status.LIMITS_NOT_REACHED
    assert quantile(kaplan_meier([], [])).status is Status.NO_PATIENTS
    ten = kaplan_meier(range(1, 11), [1] * 6 + [0] * 4)
    assert quantile(ten, 0.5).status is Status.UPPER_LIMIT_NOT_REACHED
    assert quantile(ten, 0.5).interval.high == inf
    for q in (0.0, 1.0, nan):
        with pytest.raises(ValueError, match="`q` must lie in"):
            quantile(km, q)


def test_edges():
    nobody = kaplan_meier([], [])
    assert (nobody.time.size, nobody.n, nobody.status) == (0, 0, Status.NO_PATIENTS)
    censored = kaplan_meier([1, 2], [0, 0])
    assert censored.status is Status.NO_EVENTS and (censored.survival == 1).all()
    at_once = kaplan_meier([0, 0], [1, 1])
    assert at_once.survival.tolist() == [0.0] and np.isnan(at_once.std_error).all()
    emptied = kaplan_meier([2, 5, 6], [1, 1, 0], entry=[0, 3, 3])
    assert emptied.status is Status.RISK_SET_EMPTIED and (emptied.survival == 0).all()
    fractions = kaplan_meier([2, 5, 6], [1, 1, 0], entry=[0, 3, 3], weights=[0.1, 0.7, 0.3])
    assert (fractions.survival == 0).all()
    assert kaplan_meier([1, 2], [1, 1], weights=[0, 0]).status is Status.NO_PATIENTS
    assert numbers_at_risk([1, 2], [1, 0], [], entry=[0, 0]).at_risk.size == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"time": [1, -2], "event": [1, 0]},
            "`time` must not be negative; 1 of 2 values are, first",
        ),
        ({"time": [1, 2], "event": [1, 2]}, "`event` must hold only 0 and 1; 1 of 2 values do not"),
        ({"time": [1, 2], "event": [1]}, "`event` must have 2 entries"),
        (
            {"time": [1, 2], "event": [1, 0], "entry": [0, 2]},
            "`entry` must be before `time`; 1 of 2",
        ),
        ({"time": [1, 2], "event": [1, 0], "weights": [1, -1]}, "`weights` must not be negative"),
        (
            {"time": [1], "event": [1], "method": "loglog"},
            "`method` must be one of plain, log, log-log",
        ),
        ({"time": [1], "event": [1], "confidence_level": 95}, "`confidence_level` must lie in"),
    ],
)
def test_bad_input_is_named(arguments, message):
    data = arguments.pop("time"), arguments.pop("event")
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        kaplan_meier(*data, **arguments)


def test_a_curve_at_zero_because_late_arrivals_are_missing_says_so():
    time, event = [2, 5, 6, 7, 8, 9], [1, 0, 1, 0, 1, 0]
    km = kaplan_meier(time, event, entry=[0, 3, 3, 3, 3, 3])
    found = survival_at(km, 4.0)
    assert found.value == 0.0
    assert found.status is Status.RISK_SET_EMPTIED
    last = survival_at(kaplan_meier([1, 2], [1, 1]), 4.0)
    assert last.status is Status.CURVE_AT_ZERO
