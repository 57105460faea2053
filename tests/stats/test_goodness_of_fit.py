"""Hosmer-Lemeshow, Pigeon-Heyse, Spiegelhalter, le Cessie: definition, invariances, R, edges."""

import json
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import expit, logit
from scipy.stats import chi2

from extval.stats.goodness_of_fit import (
    hosmer_lemeshow,
    le_cessie_recalibrated,
    le_cessie_van_houwelingen,
    pigeon_heyse,
    spiegelhalter,
)
from extval.stats.results import Status
from tests.oracles import calibration
from tests.oracles import goodness_of_fit as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "goodness_of_fit.json").read_text())
CASES = [pytest.param(case, id=case["id"]) for case in R["cases"]]
RISKS = [0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 0.9]


@st.composite
def studies(draw):
    """Draw outcomes and heavily tied risks."""
    n = draw(st.integers(2, 40))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    return y, np.array(draw(st.lists(st.sampled_from(RISKS), min_size=n, max_size=n)))


@given(studies(), st.integers(2, 12))
def test_grouped_tests_match_the_definition(study, g):
    y, p = study
    used = len(oracle.groups(p, g))
    for test, statistic, lost in (
        (hosmer_lemeshow, oracle.hosmer_lemeshow, 2),
        (pigeon_heyse, oracle.pigeon_heyse, 1),
    ):
        got = test(y, p, n_groups=g, external=True)
        assert (got.groups_asked, got.groups_used, got.df) == (g, used, used)
        assert_allclose(got.statistic, statistic(y, p, g), rtol=1e-10, atol=1e-12)
        assert_allclose(got.p_value, chi2.sf(got.statistic, used), rtol=1e-10)
        assert (got.status is Status.RISK_GROUPS_MERGED) == (used < g)
        own = test(y, p, n_groups=g, external=False)
        if used > lost:
            assert own.statistic == got.statistic and own.df == used - lost
        else:
            assert own.status is Status.TOO_FEW_RISK_GROUPS and isnan(own.p_value)


@given(studies())
def test_spiegelhalter_matches_the_definition(study):
    y, p = study
    got = spiegelhalter(y, p)
    assert_allclose([got.statistic, got.p_value], oracle.spiegelhalter(y, p), rtol=1e-9, atol=1e-12)


@given(studies(), st.data())
def test_le_cessie_matches_the_definition(study, data):
    y, p = study
    cells = data.draw(st.lists(st.integers(-2, 2), min_size=len(y), max_size=len(y)))
    columns = np.column_stack([np.ones(len(y)), cells])
    got = le_cessie_van_houwelingen(y, p, columns)
    if got.status is Status.OK:
        wanted = oracle.le_cessie(y, p, columns)
        assert_allclose([got.statistic, got.p_value], wanted, rtol=1e-7, atol=1e-9)
    without = le_cessie_van_houwelingen(y, p, np.empty((len(y), 0)))
    assert without.statistic == spiegelhalter(y, p).statistic


@given(studies())
def test_le_cessie_after_recalibration_matches_the_definition(study):
    """Refitted intercept and slope, and the projection on their columns; else a named reason."""
    y, p = study
    got = le_cessie_recalibrated(y, p)
    columns = np.column_stack([np.ones(len(y)), logit(p)])
    if 0 < y.sum() < y.size and np.ptp(p) > 0:
        if calibration.separated(columns, y):
            assert got.status is Status.SEPARATION
            return
        fitted, _, _ = calibration.logistic(columns, y)
        if got.status is Status.NO_VARIANCE_OF_SCORE:
            assert len(set(p)) == 2 or abs(fitted[1]) < 1e-6
            return
        assert got.status is Status.OK
        assume(len(set(p)) > 2 and abs(fitted[1]) > 1e-3)
        wanted = oracle.le_cessie(y, expit(columns @ fitted), columns)
        assert_allclose([got.statistic, got.p_value], wanted, rtol=1e-6, atol=1e-8)
        # Risks that are wrong only in intercept and slope give the same test.
        moved = le_cessie_recalibrated(y, expit(1.0 - 0.5 * logit(p)))
        assert_allclose(moved.statistic, got.statistic, rtol=1e-6, atol=1e-8)
    else:
        assert got.status in (Status.ONE_CLASS, Status.CONSTANT_PREDICTION)
        assert isnan(got.statistic) and isnan(got.p_value)


@pytest.mark.parametrize(
    ("y", "p", "status"),
    [
        ([], [], Status.NO_PATIENTS),
        ([0, 1, 1], [0.0, 0.5, 1.0], Status.LOGIT_UNDEFINED),
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], Status.SEPARATION),
        ([0, 1, 0, 1], [0.2, 0.2, 0.3, 0.3], Status.NO_VARIANCE_OF_SCORE),
    ],
)
def test_le_cessie_without_a_recalibration_has_a_sentence(y, p, status):
    got = le_cessie_recalibrated(y, p)
    assert got.status is status and isnan(got.p_value)


@given(studies(), st.randoms(use_true_random=False), st.integers(2, 10))
def test_order_and_complement_do_not_matter(study, random, g):
    y, p = study
    order = list(range(len(y)))
    random.shuffle(order)
    for test in (hosmer_lemeshow, pigeon_heyse):
        got = test(y[order], p[order], n_groups=g, external=True)
        wanted = test(y, p, n_groups=g, external=True)
        assert_allclose(got.statistic, wanted.statistic, rtol=1e-11, atol=1e-13)
    z = spiegelhalter(y, p).statistic
    assert_allclose(spiegelhalter(y[order], p[order]).statistic, z, rtol=1e-9, atol=1e-12)
    assert_allclose(spiegelhalter(1 - y, 1 - p).statistic, z, rtol=1e-9, atol=1e-12)


@given(st.lists(st.integers(0, 1), min_size=6, max_size=6))
def test_repeating_all_patients_doubles_chi_square_within_the_same_groups(outcomes):
    y, p = np.array(outcomes), np.array([0.1, 0.1, 0.1, 0.4, 0.4, 0.4])
    once, twice = (
        hosmer_lemeshow(np.tile(y, k), np.tile(p, k), n_groups=2, external=True) for k in (1, 2)
    )
    assert once.groups_used == twice.groups_used == 2
    assert_allclose(twice.statistic, 2 * once.statistic, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_r(case):
    y, p = case["y"], case["p"]
    for reference in case["groups"]:
        for test, name in ((hosmer_lemeshow, "hl"), (pigeon_heyse, "ph")):
            for external in (True, False):
                wanted = reference[f"{name}_{'external' if external else 'development'}"]
                got = test(y, p, n_groups=reference["g"], external=external)
                assert got.groups_used == reference["used"]
                assert_allclose(got.statistic, wanted["statistic"], rtol=1e-12, err_msg=name)
                assert_allclose(got.p_value, wanted["p_value"], rtol=1e-10, err_msg=name)
                assert got.df == wanted["df"]
    got, wanted = spiegelhalter(y, p), case["spiegelhalter"]
    assert_allclose(got.statistic, wanted["statistic"], rtol=1e-11)
    assert_allclose(got.p_value, wanted["p_value"], rtol=1e-10)


@pytest.mark.parametrize("fit", [pytest.param(fit, id=fit["id"]) for fit in R["fits"]])
def test_le_cessie_agrees_with_rms(fit):
    columns = np.column_stack([np.ones(len(fit["y"])), fit["x"]])
    got = le_cessie_van_houwelingen(fit["y"], fit["p"], columns)
    assert_allclose(got.statistic, fit["statistic"], rtol=1e-10)
    assert_allclose(got.p_value, fit["p_value"], rtol=1e-10)


@pytest.mark.parametrize(
    ("y", "p", "g", "status"),
    [
        ([0, 1, 0, 1], [0.3] * 4, 2, Status.RISK_GROUPS_MERGED),
        ([0, 0, 0, 1], [0.0, 0.0, 0.5, 0.5], 2, Status.CERTAIN_RISK_GROUP_KEPT),
        ([0, 1, 0, 1], [0.0, 0.0, 0.5, 0.5], 2, Status.CERTAIN_RISK_GROUP),
        ([0, 1, 0, 1], [0.5, 0.5, 1.0, 1.0], 2, Status.CERTAIN_RISK_GROUP),
        ([0, 0, 0], [0.1, 0.2, 0.3], 10, Status.RISK_GROUPS_MERGED),
        ([], [], 10, Status.NO_PATIENTS),
    ],
)
def test_certain_and_merged_groups_have_a_sentence(y, p, g, status):
    for test in (hosmer_lemeshow, pigeon_heyse):
        got = test(y, p, n_groups=g, external=True)
        assert got.status is status
        defined = status in (Status.RISK_GROUPS_MERGED, Status.CERTAIN_RISK_GROUP_KEPT)
        assert np.isfinite([got.statistic, got.df, got.p_value]).all() == defined


@pytest.mark.parametrize(
    ("y", "p", "status"),
    [
        ([0, 1], [0.5, 0.5], Status.NO_VARIANCE_OF_SCORE),
        ([0, 1, 1], [0.0, 1.0, 0.0], Status.NO_VARIANCE_OF_SCORE),
        ([], [], Status.NO_PATIENTS),
        ([1, 1], [0.2, 0.3], Status.OK),
    ],
)
def test_spiegelhalter_without_variance_has_a_sentence(y, p, status):
    got = spiegelhalter(y, p)
    assert got.status is status and isnan(got.p_value) == (status is not Status.OK)
    columns = np.ones((len(y), 0))
    assert le_cessie_van_houwelingen(y, p, columns).status is status


def test_columns_that_explain_everything_leave_no_variance():
    got = le_cessie_van_houwelingen([0, 1], [0.2, 0.3], [[1, 0], [0, 1]])
    assert got.status is Status.NO_VARIANCE_OF_SCORE


def test_the_method_says_groups_and_degrees_of_freedom():
    y, p = [0, 1, 0, 1, 1], [0.1, 0.1, 0.2, 0.3, 0.3]
    got = hosmer_lemeshow(y, p, external=True)
    assert got.method == (
        "Hosmer-Lemeshow, 10 quantile groups (type 7), merged to 3 by equal risks, "
        "df = groups (external data)"
    )
    with pytest.raises(ValueError, match="`n_groups` must be an integer of at least 2; got 1"):
        hosmer_lemeshow(y, p, n_groups=1, external=True)
