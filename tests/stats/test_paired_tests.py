"""McNemar tests, Tango intervals and predictive values: enumeration, R, published numbers."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_equal
from scipy.stats import norm

from extval.stats import Status
from extval.stats.paired_tests import (
    mcnemar_test,
    predictive_value_tests,
    sensitivity_test,
    specificity_test,
    tango_interval,
)
from tests.oracles import classification as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "classification.json").read_text())

pairs = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        *(st.integers(0, n // 2) for _ in range(2)),
        st.just(n),
    )
)


@st.composite
def studies(draw):
    n = draw(st.integers(1, 30))
    column = st.lists(st.integers(0, 1), min_size=n, max_size=n)
    return tuple(np.array(draw(column)) for _ in range(3))


def rows(*cells):
    """Return y, a, b from counts of (y, a, b) = 111, 110, 101, 100, 011, 010, 001, 000."""
    y, a, b = np.array(np.meshgrid([1, 0], [1, 0], [1, 0], indexing="ij")).reshape(3, -1)
    return tuple(np.repeat(column, cells) for column in (y, a, b))


@given(pairs)
def test_exact_and_mid_p_add_up_the_binomial(pair):
    a, b, n = pair
    exact, mid = oracle.mcnemar_exact(a, b)
    assert_allclose(mcnemar_test(a, b, n=n).p_value, exact, rtol=1e-13)
    assert_allclose(mcnemar_test(a, b, n=n, method="mid-p").p_value, mid, rtol=1e-13)
    for method in ("exact", "mid-p", "asymptotic", "corrected"):
        forward, back = (
            mcnemar_test(a, b, n=n, method=method),
            mcnemar_test(b, a, n=n, method=method),
        )
        assert_equal(asdict(forward), asdict(back))


@given(pairs, st.sampled_from([0.9, 0.95]))
def test_tango_limits_are_where_the_score_test_turns(pair, level):
    a, b, n = pair
    found, z = tango_interval(a, b, n, confidence_level=level), norm.ppf(0.5 + level / 2)
    for limit, outward in ((found.low, -1e-5), (found.high, 1e-5)):
        assert oracle.tango_accepts(a, b, n, limit - outward, z)
        if abs(limit) < 1:
            assert not oracle.tango_accepts(a, b, n, limit + outward, z)


@given(pairs)
def test_tango_mirrors(pair):
    a, b, n = pair
    found, mirrored = tango_interval(a, b, n), tango_interval(b, a, n)
    assert_allclose([found.low, found.high], [-mirrored.high, -mirrored.low], atol=1e-14)
    assert found.low <= (a - b) / n <= found.high


@pytest.mark.parametrize("case", R["mcnemar"], ids=lambda c: f"{c['only_a']}-{c['only_b']}")
def test_mcnemar_agrees_with_r(case):
    a, b, n = case["only_a"], case["only_b"], case["n"]
    exact, middle = mcnemar_test(a, b, n=n), mcnemar_test(a, b, n=n, method="mid-p")
    assert_allclose(exact.p_value, case["exact"], rtol=1e-12, err_msg="exact")
    assert_allclose(middle.p_value, case["mid"], rtol=1e-12, err_msg="mid-P")
    for method in ("asymptotic", "corrected"):
        found = mcnemar_test(a, b, n=n, method=method)
        assert_allclose([found.statistic, found.p_value], case[method], rtol=1e-12)
        assert found.df == 1
    found = tango_interval(a, b, n)
    assert_allclose([found.low, found.high], case["tango"], rtol=1e-12, err_msg="Tango")


def test_published_tango_intervals():
    """Numbers quoted from R ratesci (1, 7 of 21) and PropCIs (25, 28 of 618, 90%)."""
    first = tango_interval(1, 7, 21)
    assert_allclose([first.low, first.high], [-0.517, -0.026], atol=5e-4)
    second = tango_interval(28, 25, 618, confidence_level=0.9)
    assert_allclose([second.low, second.high], [-0.0148, 0.0247], atol=5e-5)


@given(studies())
def test_sensitivity_and_specificity_use_their_own_patients(study):
    y, a, b = study
    for test, own, called in ((sensitivity_test, y == 1, 1), (specificity_test, y == 0, 0)):
        found = test(y, a, b)
        if not own.any():
            assert found.status is Status.ONE_CLASS
            assert np.isnan([found.difference, found.p_value, found.interval.low]).all()
            continue
        a_right, b_right = a[own] == called, b[own] == called
        only_a, only_b = int((a_right & ~b_right).sum()), int((b_right & ~a_right).sum())
        assert_allclose(found.difference, a_right.mean() - b_right.mean(), atol=1e-15)
        assert found.p_value == mcnemar_test(only_a, only_b, n=own.sum()).p_value
        assert found.interval == tango_interval(only_a, only_b, int(own.sum()))
        assert (found.n, found.events) == (own.sum(), own.sum() if called else 0)


@given(studies())
def test_complement_exchanges_the_tests(study):
    y, a, b = study
    assert_equal(sensitivity_test(y, a, b).p_value, specificity_test(1 - y, 1 - a, 1 - b).p_value)
    one, other = predictive_value_tests(y, a, b), predictive_value_tests(1 - y, 1 - a, 1 - b)
    assert_equal(one["ppv"].difference, other["npv"].difference)
    assert_equal(one["npv"].statistic, other["ppv"].statistic)


@given(studies())
def test_predictive_values_match_the_patient_level_definition(study):
    y, a, b = study
    for name, columns in (("ppv", (y, a, b)), ("npv", (1 - y, 1 - a, 1 - b))):
        found = predictive_value_tests(y, a, b)[name]
        if not columns[1].any() or not columns[2].any():
            assert found.status in {Status.NONE_POSITIVE, Status.NONE_NEGATIVE}
            assert np.isnan(found.difference)
        elif found.status is Status.OK and found.se > 0:
            difference, statistic, se = oracle.predictive(*columns)
            assert_allclose(found.difference, difference, atol=1e-15)
            assert_allclose(found.statistic, statistic, rtol=1e-9, atol=1e-25)
            assert_allclose(found.se, se, rtol=1e-7)


@given(studies(), st.randoms())
def test_order_of_patients_does_not_matter(study, random):
    order = list(range(study[0].size))
    random.shuffle(order)
    moved = tuple(column[order] for column in study)
    for test in (sensitivity_test, specificity_test):
        assert_equal(asdict(test(*moved)), asdict(test(*study)))
    assert_equal(
        asdict(predictive_value_tests(*moved)["ppv"]), asdict(predictive_value_tests(*study)["ppv"])
    )


@pytest.mark.parametrize("case", R["predictive"], ids=["simulated", "Paired1"])
def test_predictive_values_agree_with_r(case):
    found = predictive_value_tests(case["y"], case["a"], case["b"])
    for name in ("ppv", "npv"):
        got = found[name]
        assert_allclose(
            [got.difference, got.statistic, got.p_value, got.se], case[name], rtol=1e-11
        )


def test_published_predictive_value_tests():
    """Output of DTComPair 1.2.2 ``pv.wgs(Paired1)`` as its documentation prints it."""
    found = predictive_value_tests(*rows(319, 78, 22, 32, 31, 53, 22, 155))
    ppv, npv = found["ppv"], found["npv"]
    assert_allclose(ppv.difference, -0.04011841, atol=5e-9)
    assert_allclose([ppv.statistic, ppv.p_value], [5.46588745, 0.01939120], atol=5e-9)
    assert_allclose(npv.difference, 0.1121457, atol=5e-8)
    assert_allclose(npv.statistic, 16.53540, atol=5e-6)
    assert_allclose(npv.p_value, 4.775012e-05, atol=5e-12)


@given(studies())
def test_a_classification_against_itself_has_p_one(study):
    y, a, _ = study
    results = [sensitivity_test(y, a, a), specificity_test(y, a, a)]
    results += predictive_value_tests(y, a, a).values()
    for found in results:
        if not np.isnan(found.difference):
            assert (found.difference, found.p_value) == (0.0, 1.0)


def test_predictive_values_without_variance_but_different_patients():
    found = predictive_value_tests([1, 1, 1, 0], [1, 1, 0, 0], [0, 1, 1, 0])["ppv"]
    assert (found.difference, found.status) == (0.0, Status.NO_VARIATION)
    assert np.isnan([found.p_value, found.interval.low]).all()


def test_nobody():
    for found in (
        sensitivity_test([], [], []),
        specificity_test([], [], []),
        predictive_value_tests([], [], [])["ppv"],
    ):
        assert found.status is Status.NO_PATIENTS
        assert np.isnan(found.difference)
    assert mcnemar_test(0, 0, n=0).p_value == 1.0
    assert np.isnan(tango_interval(0, 0, 0).low)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mcnemar_test(3, 3, n=5), "`successes` must not exceed `n`; got 6 of 5"),
        (lambda: mcnemar_test(3, 3, n=9, method="wald"), "`method` must be one of exact"),
        (lambda: sensitivity_test([0, 1], [0, 2], [0, 1]), "`positive_a` must hold only 0 and 1"),
        (lambda: sensitivity_test([0, 1], [0, 1], [0]), "`positive_b` must have 2 entries"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
