"""Wilson and Clopper-Pearson intervals, and Holm's adjustment."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats.multiplicity import holm
from extval.stats.proportions import clopper_pearson, wilson
from tests.oracles import classification as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "classification.json").read_text())

counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.sampled_from([0.5, 0.9, 0.95, 0.999])


def limits(found):
    return found.low, found.high


@given(counts, levels)
def test_wilson_inverts_the_score_test(count, level):
    found = wilson(*count, confidence_level=level)
    assert_allclose(limits(found), oracle.wilson(*count, level), atol=1e-13)
    assert found.level == level


@given(counts, levels)
def test_clopper_pearson_inverts_the_binomial_test(count, level):
    found = clopper_pearson(*count, confidence_level=level)
    assert_allclose(limits(found), oracle.clopper_pearson(*count, level), atol=1e-12)


@given(counts, levels, st.sampled_from([wilson, clopper_pearson]))
def test_failures_mirror_successes(count, level, interval):
    x, n = count
    found, mirrored = (interval(k, n, confidence_level=level) for k in (x, n - x))
    assert_allclose(limits(found), (1 - mirrored.high, 1 - mirrored.low), atol=1e-14)
    assert 0.0 <= found.low <= x / n <= found.high <= 1.0


@pytest.mark.parametrize("case", R["proportions"], ids=lambda c: f"{c['x']} of {c['n']}")
def test_agrees_with_r(case):
    x, n = case["x"], case["n"]
    for interval, level, wanted in (
        (wilson, 0.95, "wilson"),
        (wilson, 0.99, "wilson99"),
        (clopper_pearson, 0.95, "exact"),
        (clopper_pearson, 0.8, "exact80"),
    ):
        found = limits(interval(x, n, confidence_level=level))
        assert_allclose(found, case[wanted], rtol=1e-12, atol=1e-16, err_msg=interval.__name__)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_edges(interval):
    assert np.isnan(limits(interval(0, 0))).all()
    assert interval(0, 7).low == 0.0
    assert interval(7, 7).high == 1.0
    assert interval(0, 1).high < 1.0


@pytest.mark.parametrize(
    ("x", "n", "message"),
    [
        (3, 2, "`successes` must not exceed `n`; got 3 of 2"),
        (-1, 2, "`successes` must be an integer of at least 0; got -1"),
        (1.5, 2, "`successes` must be an integer"),
        (1, True, "`n` must be an integer"),
    ],
)
def test_errors(x, n, message):
    with pytest.raises(ValueError, match=message):
        wilson(x, n)


p_values = st.lists(
    st.one_of(st.floats(0, 1), st.sampled_from([0.01, 0.02, 0.5, np.nan])), max_size=12
)


@given(p_values)
def test_holm_is_its_procedure(p):
    assert_allclose(holm(p), oracle.holm(p), rtol=1e-15)


@given(p_values, st.randoms())
def test_holm_follows_the_order_given(p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    assert_array_equal(holm([p[i] for i in order]), holm(p)[order] if p else [])


@pytest.mark.parametrize("case", R["holm"])
def test_holm_agrees_with_r(case):
    assert_allclose(holm(case["p"]), case["adjusted"], rtol=1e-15)


def test_holm_leaves_out_tests_that_could_not_be_made():
    assert_array_equal(holm([np.nan, 0.02, np.nan, 0.03]), [np.nan, 0.04, np.nan, 0.04])
    assert np.isnan(holm([np.nan])).all()
    assert holm([]).size == 0


def test_holm_errors():
    with pytest.raises(ValueError, match=r"`p_values` must lie in \[0, 1\]; 1 of 2 .* \(1.5\)"):
        holm([0.5, 1.5])
