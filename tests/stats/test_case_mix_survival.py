"""`extval.stats.case_mix_survival` against its definition, its invariances and sums in R."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats import case_mix_survival
from extval.stats.case_mix_survival import case_mix_concordance, model_based_concordance
from extval.stats.concordance import c_harrell
from extval.stats.results import Status
from tests.oracles import agreement
from tests.oracles import case_mix as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "case_mix_survival.json").read_text())

predictors = st.lists(st.integers(-3, 3), min_size=2, max_size=8).map(lambda x: np.array(x) / 2)


@given(predictors)
def test_it_is_the_mean_chance_over_all_pairs(lp):
    got = model_based_concordance(lp)
    assert_allclose(got.value, oracle.concordance_of_hazards(lp), rtol=1e-12)
    assert got.n == lp.size


@given(predictors)
def test_its_standard_error_is_a_jackknife(lp):
    assume(np.ptp(lp) > 0)
    wanted = agreement.jackknife_se(lambda share: oracle.concordance_of_hazards(lp, share), lp.size)
    assert_allclose(model_based_concordance(lp).se, wanted, rtol=1e-6, atol=1e-7)


@given(predictors, st.integers(-5, 5), st.randoms(use_true_random=False))
def test_shift_sign_and_order_do_not_matter(lp, shift, random):
    shuffled = lp.tolist()
    random.shuffle(shuffled)
    wanted = model_based_concordance(lp)
    for other in (shuffled, lp + shift, -lp):
        got = model_based_concordance(other)
        assert_allclose([got.value, got.se], [wanted.value, wanted.se], rtol=1e-9, atol=1e-12)


@given(predictors)
def test_a_steeper_predictor_discriminates_more(lp):
    assume(np.ptp(lp) > 0)
    assert model_based_concordance(2 * lp).value > model_based_concordance(lp).value > 0.5


@pytest.mark.parametrize("case", R["cohorts"], ids=lambda case: case["id"])
def test_case_mix_concordance_agrees_with_r(case):
    got = case_mix_concordance(case["time"], case["event"], case["lp"])
    assert_allclose(got.model_based.value, case["model_based"], rtol=1e-12)
    assert_allclose(got.calibrated.value, case["calibrated"], rtol=1e-8, err_msg="calibrated")
    assert got.model_based.events == got.calibrated.events == sum(case["event"])


def test_it_is_what_harrells_c_tends_to_without_censoring():
    rng = np.random.default_rng(1)
    lp = rng.normal(size=4000)
    time = rng.exponential(np.exp(-lp))
    got, seen = model_based_concordance(lp), c_harrell(time, np.ones(lp.size), lp)
    assert abs(got.value - seen.value) < 4 * seen.se


def test_very_many_patients_are_stood_for_by_quantiles(monkeypatch):
    lp = np.random.default_rng(2).normal(size=3000)
    whole = model_based_concordance(lp)
    monkeypatch.setattr(case_mix_survival, "MOST_PATIENTS", 1000)
    few = model_based_concordance(lp)
    assert_allclose([few.value, few.se], [whole.value, whole.se], rtol=2e-3)
    assert few.n == 3000
    assert "1000 quantiles" in few.method


def test_edges_have_a_sentence():
    for lp in ([], [1.0]):
        got = model_based_concordance(lp)
        assert np.isnan(got.value)
        assert got.status is Status.NO_EXPECTED_PAIRS
    equal = model_based_concordance([2.0, 2.0, 2.0])
    assert (equal.value, equal.status) == (0.5, Status.CONSTANT_SCORE)
    assert np.isnan(equal.interval.low)
    wild = model_based_concordance([-800.0, 0.0, 800.0])
    assert wild.value == 1.0
    never = case_mix_concordance([1, 2, 3], [0, 0, 0], [0.1, 0.2, 0.5])
    assert never.model_based.value > 0.5
    assert np.isnan(never.calibrated.value)
    assert never.calibrated.status is Status.NO_EVENTS


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="`linear_predictor`"):
        model_based_concordance([0.1, np.nan])
    with pytest.raises(ValueError, match="`linear_predictor`"):
        case_mix_concordance([1, 2], [1, 0], [0.1, np.inf])
