"""Every statistic of a binary outcome under the same transformations of the same patients.

One row a statistic, one column a property; a property that a statistic does not have is there with
the reason. The patients are few and heavily tied, and both classes are there.
"""

from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats.clustered_auc import (
    clustered_auc,
)
from extval.stats.partial_auc import partial_auc
from extval.stats.results import Comparison, Status
from extval.stats.roc import auc, roc_curve
from extval.stats.threshold import choose_threshold
from tests.stats.binary_statistics import ROWS, Study


@st.composite
def studies(draw):
    n = draw(st.integers(6, 20))
    rest = draw(st.lists(st.integers(0, 1), min_size=n - 4, max_size=n - 4))
    risk = st.lists(st.integers(1, 7).map(lambda k: k / 8), min_size=n, max_size=n)
    labels = draw(st.lists(st.integers(0, 5), min_size=n - 4, max_size=n - 4))
    t, u = draw(st.sampled_from([(0.3, 0.3), (0.3, 0.55), (0.7, 0.2)]))
    return Study(
        y=np.array([0, 0, 1, 1, *rest]),
        a=np.array(draw(risk)),
        b=np.array(draw(risk)),
        cluster=np.array([0, 1, 0, 2, *labels]),
        t=t,
        u=u,
    )


NAMES = pytest.mark.parametrize("name", ROWS)
few = settings(max_examples=20, deadline=None)


def numbers(result):
    """Return value, standard error, limits, and the test if there is one."""
    if isinstance(result, float | int | np.floating):
        return [float(result)]
    first = result.difference if isinstance(result, Comparison) else result.value
    found = [first, result.se, result.interval.low, result.interval.high]
    if isinstance(result, Comparison):
        found += [result.statistic, result.p_value]
    return found


def value(result):
    return numbers(result)[0]


@NAMES
@given(studies(), st.randoms())
@few
def test_order_of_patients_does_not_matter(name, study, random):
    order = list(range(study.y.size))
    random.shuffle(order)
    plain, moved = ROWS[name].of(study), ROWS[name].of(study.rows(order))
    assert list(plain) == list(moved)
    for key, result in plain.items():
        assert_allclose(numbers(moved[key]), numbers(result), rtol=1e-8, atol=1e-12, err_msg=key)


@NAMES
@given(studies())
@few
def test_a_monotone_transform_that_keeps_the_thresholds_changes_nothing(name, study):
    row = ROWS[name]
    if row.monotone:
        assert len(row.monotone) > 20
        return
    assume(study.t == study.u)

    def moved(p):
        up, t = p >= study.t, study.t
        above = t + (1 - t) * (np.abs(p - t) / (1 - t)) ** 3
        return np.where(up, above, t * (p / t) ** 3)

    plain = row.of(study)
    again = row.of(replace(study, a=moved(study.a), b=moved(study.b)))
    for key, result in plain.items():
        assert_allclose(numbers(again[key]), numbers(result), rtol=1e-9, atol=1e-13, err_msg=key)


@NAMES
@given(studies())
@few
def test_complement_of_outcome_and_risk(name, study):
    row = ROWS[name]
    if isinstance(row.complement, str):
        assert len(row.complement) > 20
        return
    other = replace(
        study, y=1 - study.y, a=1 - study.a, b=1 - study.b, t=1 - study.t, u=1 - study.u
    )
    plain, mirrored = row.of(study), row.of(other)
    change = {
        None: lambda found: found,
        "value": lambda found: found[:1],
        "negative": lambda found: [-found[0]],
        "inverse": lambda found: [1 / found[0], None, 1 / found[3], 1 / found[2]],
        "odds": lambda found: [
            x * (1 if i > 3 else study.t / (1 - study.t)) for i, x in enumerate(found)
        ],
    }
    for key, result in plain.items():
        wanted = row.complement.get(key, (key, None))
        if wanted is None:
            continue
        there = change[wanted[1]](numbers(mirrored[wanted[0]]))
        here = numbers(result)[: len(there)]
        known = [i for i, part in enumerate(there) if part is not None]
        assert_allclose(
            [here[i] for i in known],
            [there[i] for i in known],
            rtol=1e-7,
            atol=1e-9,
            err_msg=key,
        )


def defined_by_counts(result):
    """Return whether a zero cell was filled, so that repeats are not the same table."""
    return getattr(result, "status", None) is Status.ZERO_CELL


@NAMES
@given(studies(), st.integers(2, 4))
@few
def test_duplicated_patients_keep_the_values_and_narrow_the_intervals(name, study, times):
    row = ROWS[name]
    plain, many = row.of(study), row.of(study.rows(np.tile(np.arange(study.y.size), times)))
    clustered = name == "clustered AUC"  # whole clusters grow: nothing changes
    for key, result in plain.items():
        if defined_by_counts(result) or key.startswith(("test", "band")):
            continue
        assert_allclose(value(many[key]), value(result), rtol=1e-6, atol=1e-9, err_msg=key)
        if isinstance(result, float | int) or "bootstrap" in result.method or clustered:
            continue
        before, after = numbers(result)[1], numbers(many[key])[1]
        if before > 1e-9:  # divisors n - 1 make the ratio a little more than 1 / times
            assert 0.49 < (after / before) ** 2 * times < 1 + 1e-6, key
        low, high = numbers(result)[2:4]
        if high - low > 1e-9 and low > 0 and high < 1:
            assert numbers(many[key])[3] - numbers(many[key])[2] < high - low, key


@NAMES
@given(studies(), st.lists(st.integers(1, 3), min_size=20, max_size=20))
@few
def test_repeated_rows_are_weights(name, study, times):
    row, w = ROWS[name], np.array(times[: study.y.size])
    found = row.of(study.rows(np.repeat(np.arange(study.y.size), w)))
    wanted = row.weighted(study, w)
    assert wanted or "prevalence" in name or "predictive" in name
    for key, expected in wanted.items():
        if defined_by_counts(found[key]):
            continue
        if isinstance(found[key], float) and np.isnan(found[key]):
            continue  # no maximum: the update says so
        assert_allclose(value(found[key]), expected, rtol=1e-7, atol=1e-9, err_msg=key)


@NAMES
@pytest.mark.parametrize("level", [0.125, 0.5])
def test_all_tied(name, level):
    """A constant prediction has a number or a sentence, and a model against itself P = 1."""
    y = np.array([0, 0, 1, 1, 0, 1])
    flat = np.full(6, level)
    study = Study(y=y, a=flat, b=flat, cluster=np.array([0, 1, 0, 2, 3, 3]), t=0.3, u=0.3)
    for key, result in ROWS[name].of(study).items():
        if isinstance(result, float | int | np.floating):
            continue
        found = numbers(result)
        if np.isnan(found[:4]).any() and not (np.isfinite(found[0]) and np.isnan(found[1])):
            assert result.status is not Status.OK, key
        if isinstance(result, Comparison) and "unpaired" not in f"{name} {key}":
            assert found[5] == 1.0 or result.status is not Status.OK, key
            assert found[0] == 0.0 or np.isnan(found[0]), key


@given(studies())
@few
def test_a_tie_counts_as_half_of_each_order(study):
    """Ties broken for the cases and ties broken against them lie equally far on either side."""
    y, a, c = study.y, study.a, study.cluster
    favoured, against = a + 1e-6 * y, a - 1e-6 * y
    for found in (
        lambda s: auc(y, s).value,
        lambda s: clustered_auc(y, s, c).value,
        lambda s: partial_auc(y, s, low=0, high=1, n_resamples=0, rng=None).raw.value,
    ):
        assert_allclose((found(favoured) + found(against)) / 2, found(a), atol=1e-13)


def test_logit_interval_is_wald_on_the_logit():
    """The complement of the ranking gives the complement of the interval, which Wald's also has."""
    y, s = np.array([0, 0, 0, 1, 1, 1, 0, 1]), np.array([1, 2, 4, 3, 5, 6, 4, 4])
    one, other = auc(y, s, method="logit"), auc(y, -s, method="logit")
    assert_allclose(
        [one.interval.low, one.interval.high], [1 - other.interval.high, 1 - other.interval.low]
    )
    middle = [log(x / (1 - x)) for x in (one.interval.low, one.value, one.interval.high)]
    assert_allclose(middle[0] + middle[2], 2 * middle[1], atol=1e-12)


@given(studies())
@few
def test_the_roc_curve_of_the_complement_is_its_mirror(study):
    curve, other = roc_curve(study.y, study.a), roc_curve(1 - study.y, 1 - study.a)
    assert_allclose(other.sensitivity[::-1], curve.specificity, atol=1e-15)
    assert_allclose(other.specificity[::-1], curve.sensitivity, atol=1e-15)


@given(studies())
@few
def test_the_rules_find_as_good_a_threshold_in_the_complement(study):
    for rule, loss in (
        ("youden", lambda se, sp: -se - sp),
        ("closest-to-corner", lambda se, sp: (1 - se) ** 2 + (1 - sp) ** 2),
    ):
        found = choose_threshold(study.y, study.a, rule=rule)
        other = choose_threshold(1 - study.y, 1 - study.a, rule=rule)
        # The complement has no threshold above which nobody is negative; that one is 1 and 0.
        best = min(loss(other.sensitivity, other.specificity), loss(0.0, 1.0))
        assert_allclose(min(loss(found.sensitivity, found.specificity), loss(0.0, 1.0)), best)
