"""Net reclassification and integrated discrimination against Hmisc, their definition and edges."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_equal

from extval.stats import Status
from extval.stats.reclassification import integrated_discrimination, net_reclassification
from tests.oracles import classification as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "reclassification.json").read_text())
CASES = pytest.mark.parametrize("case", R["cases"], ids=lambda case: case["id"])


@st.composite
def studies(draw):
    n = draw(st.integers(4, 25))
    rest = draw(st.lists(st.integers(0, 1), min_size=n - 4, max_size=n - 4))
    risk = st.lists(st.integers(0, 8).map(lambda k: k / 8), min_size=n, max_size=n)
    return np.array([0, 0, 1, 1, *rest]), np.array(draw(risk)), np.array(draw(risk))


@given(studies(), st.sampled_from([None, [0.5], [0.25, 0.6]]))
def test_net_shares_are_counted(study, cuts):
    y, new, old = study
    found = net_reclassification(y, new, old, cuts=cuts)
    (up, down), (up0, down0) = oracle.reclassified(y, new, old, cuts)
    assert_allclose(found.events.difference, up - down, atol=1e-15)
    assert_allclose(found.nonevents.difference, down0 - up0, atol=1e-15)
    assert_allclose(found.total.difference, up - down + down0 - up0, atol=1e-15)


@given(studies())
def test_integrated_discrimination_is_the_gain_in_mean_risk(study):
    y, new, old = study
    found = integrated_discrimination(y, new, old)
    slope = [p[y == 1].mean() - p[y == 0].mean() for p in (new, old)]
    assert_allclose(found.difference, slope[0] - slope[1], atol=1e-14)


@given(studies(), st.randoms())
def test_order_does_not_matter_and_swapping_negates(study, random):
    y, new, old = study
    order = list(range(y.size))
    random.shuffle(order)
    for index in (
        lambda *d: net_reclassification(*d).total,
        lambda *d: net_reclassification(*d, cuts=[0.5]).total,
        integrated_discrimination,
    ):
        plain = index(y, new, old)
        assert_allclose(index(y[order], new[order], old[order]).se, plain.se, rtol=1e-10)
        assert_allclose(index(y, old, new).difference, -plain.difference, atol=1e-15)
        assert_allclose(index(y, old, new).p_value, plain.p_value, rtol=1e-10)


@given(studies())
def test_complement_of_outcome_and_risk_changes_nothing(study):
    y, new, old = study
    for index in (lambda *d: net_reclassification(*d).total, integrated_discrimination):
        mirrored = index(1 - y, 1 - new, 1 - old)
        assert_allclose(mirrored.difference, index(y, new, old).difference, atol=1e-14)


@CASES
def test_agrees_with_improve_prob(case):
    y, new, old = case["y"], case["new"], case["old"]
    found = net_reclassification(y, new, old, cuts=case["cuts"] or None)
    for part in ("events", "nonevents", "total"):
        got = getattr(found, part)
        assert_allclose(
            [got.difference, got.statistic, got.interval.low, got.interval.high],
            case[part],
            rtol=1e-11,
            err_msg="categorical" if case["cuts"] else "continuous",
        )
        assert got.status is Status.NRI_CAUTION
    idi = integrated_discrimination(y, new, old)
    assert_allclose([idi.difference, idi.se, idi.statistic, idi.p_value], case["idi"], rtol=1e-11)
    assert idi.status is Status.IDI_CAUTION


def test_a_model_against_itself_has_p_one():
    y, p = [0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]
    for found in (net_reclassification(y, p, p).total, integrated_discrimination(y, p, p)):
        assert (found.difference, found.p_value, found.se) == (0.0, 1.0, 0.0)
        assert found.status in {Status.NRI_CAUTION, Status.IDI_CAUTION}  # the warning stays


@given(studies(), st.lists(st.integers(1, 3), min_size=25))
def test_repeated_patients_count_as_often_as_they_are_there(study, times):
    y, new, old = study
    weights = np.array(times[: y.size])
    again = [np.repeat(column, weights) for column in (y, new, old)]

    def mean(values, kept):
        return np.average(values[kept], weights=weights[kept])

    moves = np.sign(new - old)
    index = net_reclassification(*again)
    assert_allclose(index.events.difference, mean(moves, y == 1), atol=1e-14)
    assert_allclose(index.nonevents.difference, -mean(moves, y == 0), atol=1e-14)
    gain = mean(new - old, y == 1) - mean(new - old, y == 0)
    assert_allclose(integrated_discrimination(*again).difference, gain, atol=1e-14)


@given(studies(), st.integers(2, 4))
def test_duplicating_the_patients_narrows_the_intervals(study, times):
    y, new, old = study
    many = [np.tile(column, times) for column in (y, new, old)]
    once, often = net_reclassification(y, new, old).total, net_reclassification(*many).total
    assert_allclose(often.difference, once.difference, atol=1e-15)
    if once.se > 0:
        assert_allclose(often.se, once.se / np.sqrt(times), rtol=1e-10)
    one, more = integrated_discrimination(y, new, old), integrated_discrimination(*many)
    assert_allclose(more.difference, one.difference, atol=1e-14)
    if one.status is Status.IDI_CAUTION and one.se > 1e-12:
        assert more.se < one.se


@given(studies())
def test_only_the_category_matters_and_for_the_continuous_index_only_the_direction(study):
    y, new, old = study
    free, cut = net_reclassification(y, new, old), net_reclassification(y, new, old, cuts=[0.3])
    assert net_reclassification(y, new**3, old**3) == free
    assert net_reclassification(y, new**3, old**3, cuts=[0.3**3]).total.difference == (
        cut.total.difference
    )


@pytest.mark.parametrize(("y", "status"), [([], Status.NO_PATIENTS), ([1, 1], Status.ONE_CLASS)])
def test_absent_classes(y, status):
    p = [0.5] * len(y)
    found = net_reclassification(y, p, p)
    assert found.total.status is found.nonevents.status is status
    assert np.isnan(found.total.difference)
    assert integrated_discrimination(y, p, p).status is status


def test_everyone_moves_alike():
    y, old = [0, 0, 1, 1], np.array([0.25, 0.5, 0.25, 0.5])
    found = net_reclassification(y, old + 0.25, old)
    assert found.events.difference == 1.0
    assert found.events.status is Status.NO_VARIATION
    assert np.isnan(found.events.interval.low)
    shifted = integrated_discrimination(y, old + 0.25, old)
    assert_equal(shifted.difference, 0.0)
    assert shifted.status is Status.NO_VARIATION


def test_one_event():
    found = integrated_discrimination([0, 0, 1], [0.1, 0.3, 0.5], [0.2, 0.2, 0.2])
    assert found.status is Status.TOO_FEW_PER_CLASS
    assert_allclose(found.difference, 0.3)


def test_errors():
    with pytest.raises(ValueError, match=r"`prob_new` must lie in \[0, 1\]"):
        net_reclassification([0, 1], [0.5, 1.5], [0.5, 0.5])
    with pytest.raises(ValueError, match="`cuts` must increase strictly"):
        net_reclassification([0, 1], [0.5, 0.5], [0.5, 0.5], cuts=[0.5, 0.5])
