"""`extval.stats.rubin` against its definition, its invariances and the rules written out in R."""

import json
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import expit

from extval.stats.proportions import wilson
from extval.stats.results import Status
from extval.stats.rubin import needed_imputations, pool_imputations, pool_proportions
from tests.oracles import rubin as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "rubin.json").read_text())


@st.composite
def imputations(draw):
    m = draw(st.integers(2, 8))
    q = draw(st.lists(st.integers(-8, 8), min_size=m, max_size=m))
    se = draw(st.lists(st.integers(1, 9), min_size=m, max_size=m))
    return np.array(q) / 10, np.array(se) / 20


@given(imputations(), st.sampled_from([inf, 12.0, 500.0]), st.sampled_from([0.8, 0.95]))
def test_matches_the_definition(study, complete_df, level):
    q, se = study
    got = pool_imputations(q, se, complete_df=complete_df, confidence_level=level)
    mean, total, df = oracle.pool(q, se, complete_df)
    assert_allclose([got.scaled_value, got.scaled_se], [mean, total], rtol=1e-12, atol=1e-15)
    if df < 1e25:  # equal estimates, up to rounding in the oracle
        assert_allclose(got.df, df, rtol=1e-10)
    limits = oracle.interval(q, se, complete_df, level)
    assert_allclose([got.interval.low, got.interval.high], limits, rtol=1e-8, atol=1e-9)


@given(imputations(), st.randoms(use_true_random=False))
def test_order_of_imputations_does_not_matter(study, random):
    q, se = study
    order = list(range(q.size))
    random.shuffle(order)
    a, b = pool_imputations(q[order], se[order]), pool_imputations(q, se)
    assert_allclose([a.value, a.scaled_se, a.fmi], [b.value, b.scaled_se, b.fmi], atol=1e-12)


@given(imputations(), st.sampled_from(["log", "logit"]))
def test_scales_are_transforms(study, scale):
    q, se = study
    back = {"log": np.exp, "logit": expit}[scale]
    value = back(q)
    slope = 1 / value if scale == "log" else 1 / (value * (1 - value))
    plain = pool_imputations(q, se)
    for got in (
        pool_imputations(value, se / slope, scale=scale),
        pool_imputations(value, se, scale=scale, se_scale="scaled"),
    ):
        assert_allclose(got.value, back(plain.value), rtol=1e-10)
        assert_allclose(got.interval.low, back(plain.interval.low), rtol=1e-8)
        assert_allclose(got.fmi, plain.fmi, rtol=1e-8, atol=1e-12)


@given(imputations())
def test_more_spread_between_imputations_means_more_missing_information(study):
    q, se = study
    calm = pool_imputations(np.full_like(q, q.mean()), se)
    wild = pool_imputations(q, se)
    assert calm.between == 0
    assert calm.df == inf
    assert_allclose(calm.scaled_se, np.sqrt((se**2).mean()))
    assert wild.fmi >= calm.fmi
    assert wild.scaled_se >= calm.scaled_se * (1 - 1e-15)
    assert 0 < wild.relative_efficiency <= 1


@pytest.mark.parametrize("case", R["cases"], ids=lambda case: case["id"])
def test_agrees_with_r(case):
    got = pool_imputations(
        case["q"],
        case["se"],
        complete_df=case["complete"] or inf,
        confidence_level=case["level"],
    )
    found = [got.value, got.scaled_se, got.within, got.between, got.relative_increase]
    wanted = [case[k] for k in ("value", "se_total", "within", "between", "r")]
    assert_allclose(found, wanted, rtol=1e-12, atol=1e-17)
    assert_allclose([got.lambda_, got.fmi], [case["lambda"], case["fmi"]], rtol=1e-12, atol=1e-17)
    assert_allclose(got.df, case["df_pooled"] or inf, rtol=1e-12, err_msg="df")
    assert_allclose(
        [got.p_value, got.interval.low, got.interval.high],
        [case["p_value"], case["low"], case["high"]],
        rtol=1e-9,
        err_msg="P and interval",
    )


@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=6),
    st.integers(12, 40),
    st.sampled_from([0.9]),
)
def test_limits_of_a_proportion_solve_their_equation(counts, n, level):
    p = np.array(counts) / n
    got = pool_proportions(p, n, confidence_level=level)
    mean, within, between = oracle.proportion_parts(p, n)
    if within == 0 and between > 0:
        assert got.status is Status.EDGE_OF_SCALE
        return
    assert_allclose([got.value, got.between, got.within], [mean, between, within], atol=1e-15)
    for limit in (got.interval.low, got.interval.high):
        left, right = oracle.proportion_equation(p, n, limit, level)
        assert_allclose(left, right, rtol=1e-8, atol=1e-12)
    assert 0 <= got.interval.low <= mean <= got.interval.high <= 1


@given(st.integers(0, 20), st.integers(20, 60), st.integers(2, 5))
def test_equal_proportions_have_the_interval_of_wilson(count, n, m):
    got = pool_proportions([count / n] * m, n)
    plain = wilson(count, n)
    assert_allclose([got.interval.low, got.interval.high], [plain.low, plain.high], atol=1e-12)
    assert got.value == count / n
    assert got.df == inf


def test_proportions_of_nobody_and_everybody_have_no_limits():
    got = pool_proportions([0.0, 1.0], 7)
    assert got.status is Status.EDGE_OF_SCALE
    assert np.isnan([got.value, got.interval.low]).all()


def test_a_perfect_auc_in_one_imputation_has_no_logit():
    got = pool_imputations([1.0, 0.9], [0.0, 0.05], scale="logit")
    assert got.status is Status.EDGE_OF_SCALE
    assert np.isnan([got.value, got.interval.low, got.fmi]).all()


def test_no_standard_error_at_all_is_said():
    got = pool_imputations([1.0, 1.0], [0.0, 0.0])
    assert got.status is Status.ZERO_STANDARD_ERROR
    assert np.isnan(got.value)


@pytest.mark.parametrize(
    ("share", "wanted"), [(0, 5), (0.04, 5), (0.05, 5), (0.07, 7), (0.071, 8), (0.29, 29), (1, 100)]
)
def test_imputations_follow_the_fraction_incomplete(share, wanted):
    assert needed_imputations(share) == wanted


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pool_imputations([0.5], [0.1]), "at least 2 imputations; got 1"),
        (lambda: pool_imputations([0.5, np.nan], [0.1, 0.1]), r"`value` .* index 1 \(nan\)"),
        (lambda: pool_imputations([0.5, 0.6], [0.1, np.nan]), r"`se` .* index 1 \(nan\)"),
        (lambda: pool_imputations([0.5, 0.6], [0.1, 0.1], complete_df=0), "`complete_df`"),
        (lambda: pool_imputations([0.5, 1.6], [0.1, 0.1], scale="logit"), r"\[0, 1\]"),
        (lambda: pool_proportions([0.5, 1.6], 9), r"\[0, 1\]"),
        (lambda: pool_proportions([0.5, 0.6], 0), "`n`"),
        (lambda: needed_imputations(1.2), "`fraction_incomplete`"),
    ],
)
def test_errors_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
