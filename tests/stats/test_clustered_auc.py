"""Clustered AUC against Obuchowski's sums, DeLong as the special case, and its edges."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats import Status
from extval.stats.clustered_auc import (
    clustered_auc,
    clustered_auc_test,
    clustered_auc_test_unpaired,
)
from extval.stats.roc import auc, delong_test, delong_test_unpaired
from tests.oracles import roc as oracle

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "clustered_auc.json").read_text())
CASES = pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: case["id"])


@st.composite
def studies(draw):
    """Draw clustered labels with at least two clusters for each class."""
    n = draw(st.integers(4, 24))
    rest = draw(st.lists(st.integers(0, 1), min_size=n - 4, max_size=n - 4))
    labels = draw(st.lists(st.integers(0, 5), min_size=n - 4, max_size=n - 4))
    score = st.lists(st.integers(-4, 4), min_size=n, max_size=n)
    y, cluster = np.array([0, 0, 1, 1, *rest]), np.array([0, 1, 0, 2, *labels])
    return y, np.array(draw(score)), np.array(draw(score)), cluster


@given(studies())
def test_variance_is_obuchowskis(study):
    y, a, b, cluster = study
    found, wanted = clustered_auc(y, a, cluster), oracle.obuchowski(y, a, a, cluster)
    assert_allclose(found.value, oracle.auc(y, a), rtol=1e-14)
    if found.status is Status.OK:
        assert_allclose(found.se**2, wanted, rtol=1e-9, atol=1e-16)
    else:
        assert wanted < 1e-16
    compared = clustered_auc_test(y, a, b, cluster)
    parts = oracle.obuchowski(y, b, b, cluster) - 2 * oracle.obuchowski(y, a, b, cluster)
    if compared.status is Status.OK:
        assert_allclose(compared.se**2, wanted + parts, rtol=1e-8, atol=1e-15)
    else:
        assert wanted + parts < 1e-15


@given(studies())
def test_one_observation_a_cluster_is_delong(study):
    y, a, b, _ = study
    own = np.arange(y.size)
    found, plain = clustered_auc(y, a, own), auc(y, a)
    assert found.status is plain.status
    assert_allclose([found.value, found.se], [plain.value, plain.se], rtol=1e-12)
    compared, test = clustered_auc_test(y, a, b, own), delong_test(y, a, b)
    assert_allclose(compared.difference, test.difference, atol=1e-15)
    assert_allclose(compared.se, test.se, rtol=1e-10)
    assert_allclose(compared.p_value, test.p_value, rtol=1e-9)


@given(studies(), st.integers(2, 4))
def test_repeating_observations_within_their_cluster_changes_nothing(study, times):
    y, a, _, cluster = study
    once = clustered_auc(y, a, cluster)
    many = clustered_auc(np.tile(y, times), np.tile(a, times), np.tile(cluster, times))
    assert many.status is once.status
    assert_allclose([many.value, many.se], [once.value, once.se], rtol=1e-11)


@given(studies(), st.randoms())
def test_order_and_names_of_clusters_do_not_matter(study, random):
    y, a, b, cluster = study
    order = list(range(y.size))
    random.shuffle(order)
    names = np.array(["f", "e", "d", "c", "b", "a"])[cluster]
    plain = clustered_auc_test(y, a, b, cluster)
    moved = clustered_auc_test(y[order], a[order], b[order], names[order])
    assert moved.status is plain.status
    assert_allclose([moved.difference, moved.se], [plain.difference, plain.se], rtol=1e-12)


@given(studies())
def test_a_score_against_a_monotone_transform_has_p_one(study):
    y, a, _, cluster = study
    found = clustered_auc_test(y, a, np.exp(a / 2.0), cluster)
    assert (found.p_value, found.difference, found.se) == (1.0, 0.0, 0.0)


@CASES
def test_agrees_with_the_formula_in_r(case):
    found = clustered_auc(case["y"], case["a"], case["cluster"])
    assert_allclose(found.value, case["auc"], rtol=1e-13)
    assert_allclose(found.se**2, case["variance"], rtol=1e-12)
    assert_allclose([found.interval.low, found.interval.high], case["interval"], rtol=1e-12)
    compared = clustered_auc_test(case["y"], case["a"], case["b"], case["cluster"])
    assert_allclose(
        [compared.difference, compared.se**2, compared.statistic, compared.p_value],
        [case["difference"], case["difference_variance"], case["statistic"], case["p_value"]],
        rtol=1e-11,
        err_msg="difference",
    )


@pytest.mark.parametrize("case", REFERENCE["unpaired"], ids=lambda case: f"{case['first']}")
def test_unpaired_agrees_with_the_formula_in_r(case):
    a, b = (REFERENCE["cases"][case[place] - 1] for place in ("first", "second"))
    elsewhere = [-1 - label for label in b["cluster"]]
    found = clustered_auc_test_unpaired(
        a["y"], a["a"], a["cluster"], b["y"], b["a"], elsewhere, confidence_level=0.9
    )
    assert_allclose(
        [found.difference, found.se**2, found.statistic, found.p_value],
        [case["difference"], case["variance"], case["statistic"], case["p_value"]],
        rtol=1e-11,
    )
    assert_allclose([found.interval.low, found.interval.high], case["interval"], rtol=1e-11)
    assert found.n == len(a["y"]) + len(b["y"])


@given(studies(), studies())
def test_unpaired_adds_the_variances(first, second):
    (ya, a, _, ca), (yb, b, _, cb) = first, second
    found = clustered_auc_test_unpaired(ya, a, ca, yb, b, cb + 10)
    one, two = clustered_auc(ya, a, ca), clustered_auc(yb, b, cb + 10)
    assert_allclose(found.difference, one.value - two.value, atol=1e-15)
    back = clustered_auc_test_unpaired(yb, b, cb + 10, ya, a, ca)
    assert (back.difference, back.p_value) == (-found.difference, found.p_value) or np.isnan(
        found.p_value
    )
    if found.status is Status.OK:
        known = [oracle.obuchowski(ya, a, a, ca), oracle.obuchowski(yb, b, b, cb)]
        assert_allclose(found.se**2, sum(known), rtol=1e-8, atol=1e-15)


@given(studies(), studies())
def test_unpaired_with_one_observation_a_cluster_has_delongs_variance(first, second):
    (ya, a, *_), (yb, b, *_) = first, second
    found = clustered_auc_test_unpaired(ya, a, np.arange(ya.size), yb, b, -1 - np.arange(yb.size))
    plain = delong_test_unpaired(ya, a, yb, b)
    assert found.status is plain.status
    assert_allclose([found.difference, found.se], [plain.difference, plain.se], rtol=1e-11)


@given(studies())
def test_complement_of_the_outcome_mirrors_the_clustered_auc(study):
    y, a, b, cluster = study
    one, other = clustered_auc(y, a, cluster), clustered_auc(1 - y, -a, cluster)
    assert other.status is one.status
    assert_allclose([other.value, other.se], [one.value, one.se], rtol=1e-12)
    test, mirrored = (
        clustered_auc_test(*columns, cluster) for columns in ((y, a, b), (1 - y, -a, -b))
    )
    assert_allclose([mirrored.difference, mirrored.se], [test.difference, test.se], atol=1e-14)


@pytest.mark.parametrize(
    ("cluster_b", "y_b", "b", "status"),
    [
        (["x", "y", "a", "z"], [0, 1, 0, 1], [1, 3, 2, 4], Status.CLUSTERS_SHARED),
        (["x", "x", "x", "x"], [0, 1, 0, 1], [1, 3, 2, 0], Status.TOO_FEW_CLUSTERS),
        (["x", "y", "x", "y"], [1, 1, 1, 1], [1, 3, 2, 0], Status.ONE_CLASS),
        ([], [], [], Status.NO_PATIENTS),
    ],
)
def test_unpaired_edges(cluster_b, y_b, b, status):
    y, a, cluster = [0, 0, 1, 1, 0, 1], [1, 2, 3, 1, 3, 2], ["a", "b", "a", "c", "d", "d"]
    found = clustered_auc_test_unpaired(y, a, cluster, y_b, b, cluster_b)
    assert found.status is status
    assert np.isnan([found.p_value, found.se, found.interval.low]).all()
    assert np.isnan(found.difference) == (status in {Status.ONE_CLASS, Status.NO_PATIENTS})


def test_unpaired_without_any_variance():
    y, s, cluster = [0, 0, 1, 1], [1, 1, 2, 2], ["a", "b", "a", "b"]
    found = clustered_auc_test_unpaired(y, s, cluster, y, [3, 3, 3, 3], ["c", "d", "c", "d"])
    assert (found.status, found.difference) == (Status.UNPAIRED_ZERO_VARIANCE, 0.5)
    assert np.isnan(found.p_value)


@pytest.mark.parametrize(
    ("y", "a", "cluster", "status"),
    [
        ([], [], [], Status.NO_PATIENTS),
        ([1, 1], [1, 2], [1, 2], Status.ONE_CLASS),
        ([0, 1, 0, 1], [1, 3, 2, 0], [1, 1, 1, 1], Status.TOO_FEW_CLUSTERS),
        ([0, 0, 1, 1], [1, 2, 3, 4], [1, 2, 1, 2], Status.PERFECT_SEPARATION),
        ([0, 0, 1, 1], [1, 1, 1, 1], [1, 2, 1, 2], Status.CONSTANT_SCORE),
    ],
)
def test_edges(y, a, cluster, status):
    found, compared = clustered_auc(y, a, cluster), clustered_auc_test(y, a, a, cluster)
    assert found.status is status
    assert np.isnan([found.se, found.interval.low, found.interval.high]).all()
    if status in {Status.PERFECT_SEPARATION, Status.CONSTANT_SCORE}:
        assert compared.p_value == 1.0
    else:
        assert compared.status is status
        assert np.isnan(compared.p_value)


def test_zero_variance_with_a_difference_and_negative_variance():
    y, cluster = [0, 0, 1, 1], [1, 2, 1, 2]
    reversed_ranking = clustered_auc_test(y, [1, 2, 3, 4], [4, 3, 2, 1], cluster)
    assert reversed_ranking.status is Status.ZERO_VARIANCE
    # Each cluster's case beats half the controls and its control loses to the other half.
    balanced = clustered_auc([0, 1, 0, 1], [1, 2, 3, 4], [1, 1, 2, 2])
    assert balanced.status is Status.NEGATIVE_VARIANCE
    assert np.isnan(balanced.se)


def test_errors():
    with pytest.raises(ValueError, match=r"`cluster` must have shape \(2,\)"):
        clustered_auc([0, 1], [1, 2], [1])
    with pytest.raises(ValueError, match="`cluster` must not be missing"):
        clustered_auc([0, 1], [1, 2], [1.0, np.nan])


def test_swapping_scores():
    case = REFERENCE["cases"][0]
    found = clustered_auc_test(case["y"], case["b"], case["a"], case["cluster"])
    assert_allclose(found.statistic, -case["statistic"], rtol=1e-11)
