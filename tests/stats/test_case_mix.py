"""`extval.stats.case_mix` against its definition, its invariances, R glm and pROC."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats.case_mix import case_mix_auc, membership_model, model_based_auc
from extval.stats.results import Status
from tests.oracles import agreement
from tests.oracles import case_mix as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "case_mix.json").read_text())

risks = st.lists(st.integers(0, 10), min_size=2, max_size=8).map(lambda p: np.array(p) / 10)


@given(risks)
def test_model_based_auc_is_the_expected_concordance(p):
    assume(0 < p.sum() < p.size)
    got = model_based_auc(p)
    assert_allclose(got.value, oracle.expected_concordance(p), rtol=1e-12)
    assert got.n == p.size


@given(risks)
def test_its_standard_error_is_a_jackknife(p):
    assume(0 < p.sum() < p.size and np.ptp(p) > 0)
    wanted = agreement.jackknife_se(lambda share: oracle.weighted_concordance(p, share), p.size)
    assert_allclose(model_based_auc(p).se, wanted, rtol=1e-6, atol=1e-7)  # numerical derivative


@given(risks, st.randoms(use_true_random=False))
def test_order_and_complement_do_not_matter(p, random):
    assume(0 < p.sum() < p.size)
    shuffled = p.tolist()
    random.shuffle(shuffled)
    wanted = model_based_auc(p)
    for other in (model_based_auc(shuffled), model_based_auc(1 - p)):
        assert_allclose(other.value, wanted.value, rtol=1e-12)
        assert_allclose(other.se, wanted.se, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", R["cohorts"], ids=lambda case: case["id"])
def test_case_mix_auc_agrees_with_r(case):
    got = case_mix_auc(case["y"], case["p"])
    assert_allclose(got.observed.value, case["observed"], rtol=1e-13, err_msg="observed")
    assert_allclose(got.model_based.value, case["model_based"], rtol=1e-12)
    assert_allclose(got.calibrated.value, case["calibrated"], rtol=1e-9, err_msg="calibrated")


@pytest.mark.parametrize("case", R["memberships"], ids=lambda case: case["id"])
def test_membership_agrees_with_r(case):
    got = membership_model(case["development"], case["validation"])
    assert_allclose(got.coefficients, case["coefficients"], rtol=1e-9)
    found = [
        got.c_statistic.value,
        got.c_statistic.interval.low,
        got.c_statistic.interval.high,
    ]
    assert_allclose(found, [case["c"], *case["interval"]], rtol=1e-10, err_msg="AUC")
    assert (got.n_development, got.n_validation) == (
        len(case["development"]),
        len(case["validation"]),
    )
    assert got.c_statistic.events == got.n_validation


def test_membership_does_not_depend_on_units():
    case = R["memberships"][1]
    scale, shift = np.array([1000.0, 0.01]), np.array([5.0, -3.0])
    wanted = membership_model(case["development"], case["validation"])
    got = membership_model(
        np.array(case["development"]) * scale + shift, np.array(case["validation"]) * scale + shift
    )
    assert_allclose(got.coefficients, wanted.coefficients, rtol=1e-8)
    assert_allclose(got.c_statistic.value, wanted.c_statistic.value)
    swapped = membership_model(case["validation"], case["development"])
    assert_allclose(swapped.c_statistic.value, wanted.c_statistic.value)
    assert_allclose(swapped.coefficients, -wanted.coefficients, rtol=1e-8)


def test_overfitted_predictions_fall_short_of_their_case_mix():
    case = next(case for case in R["cohorts"] if case["id"] == "overfitted")
    got = case_mix_auc(case["y"], case["p"])
    assert got.calibrated.value < got.model_based.value
    assert got.observed.value < got.model_based.value


@pytest.mark.parametrize("p", [[], [0.4], [0, 0, 0], [1.0, 1.0]])
def test_no_expected_pairs_are_said(p):
    got = model_based_auc(p)
    assert got.status is Status.NO_EXPECTED_PAIRS
    assert np.isnan([got.value, got.interval.low]).all()


def test_certain_risks_are_perfect_and_equal_risks_are_chance():
    perfect = model_based_auc([0, 0, 1, 1])
    assert (perfect.value, perfect.status) == (1.0, Status.OK)
    equal = model_based_auc([0.3, 0.3, 0.3])
    assert_allclose(equal.value, 0.5)
    assert equal.status is Status.CONSTANT_PREDICTION
    assert np.isnan(equal.interval.low)


@pytest.mark.parametrize(
    ("y", "p", "status"),
    [
        ([0, 1, 1], [0.0, 0.5, 0.7], Status.LOGIT_UNDEFINED),
        ([0, 0, 1], [0.2, 0.5, 0.7], Status.SEPARATION),
        ([0, 0, 0], [0.2, 0.5, 0.7], Status.ONE_CLASS),
        ([0, 1, 1], [0.5, 0.5, 0.5], Status.COLLINEAR),
    ],
)
def test_a_recalibration_without_a_maximum_is_said(y, p, status):
    got = case_mix_auc(y, p)
    assert got.calibrated.status is status
    assert np.isnan(got.calibrated.value)
    assert np.isfinite(got.model_based.value)


@pytest.mark.parametrize(
    ("development", "validation", "status"),
    [
        ([[1.0], [2.0]], [[5.0], [6.0]], Status.SEPARATION),
        ([[1.0, 2.0], [2.0, 4.0]], [[1.5, 3.0], [0.5, 1.0]], Status.COLLINEAR),
        (np.empty((0, 1)), [[5.0], [6.0]], Status.NO_PATIENTS),
        (np.empty((0, 1)), np.empty((0, 1)), Status.NO_PATIENTS),
    ],
)
def test_cohorts_without_a_membership_model_are_said(development, validation, status):
    got = membership_model(development, validation)
    assert got.c_statistic.status is status
    assert np.isnan(got.c_statistic.value)
    assert np.isnan(got.coefficients).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: membership_model([[1.0]], [[1.0, 2.0]]), r"got \(1, 1\) and \(1, 2\)"),
        (lambda: membership_model([[1.0]], [[np.nan]]), "`validation` must be finite"),
        (lambda: model_based_auc([0.1, 1.2]), r"`y_prob` must lie in \[0, 1\]"),
    ],
)
def test_errors_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_single_members_keep_their_order():
    got = membership_model([[1.0], [2.0], [4.0]], [[3.0], [0.5], [5.0]])
    assert_array_equal(got.coefficients.shape, (1,))
