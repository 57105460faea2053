"""Sample sizes against the midpoint rule, R `integrate` and simulated cohorts in R."""

import json
from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import expit

from extval.stats.linear_predictor import (
    beta_risks,
    binormal_linear_predictor,
    normal_linear_predictor,
    quadrature,
    sampled_linear_predictor,
)
from extval.stats.samplesize import BinaryDesign, binary_precision, binary_sample_size
from extval.stats.samplesize_survival import (
    SurvivalDesign,
    log_hazard_of_risk,
    survival_precision,
    survival_sample_size,
)
from tests.oracles import samplesize as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "samplesize.json").read_text())

FAMILIES = {
    "normal": normal_linear_predictor,
    "beta": beta_risks,
}


def criteria(size):
    return {criterion.measure: criterion for criterion in size.criteria}


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("normal", (-2.0, 0.05)),
        ("normal", (-5.0, 2.5)),
        ("normal", (0.0, 6.0)),
        ("beta", (0.5, 0.5)),
        ("beta", (2.0, 40.0)),
        ("beta", (900.0, 3000.0)),
        ("binormal", (0.1, 0.7)),
        ("binormal", (0.5, 0.95)),
    ],
)
@pytest.mark.parametrize("calibration", [(0.0, 1.0), (0.3, 0.8)])
def test_slope_matches_the_midpoint_rule(family, parameters, calibration):
    make = {**FAMILIES, "binormal": binormal_linear_predictor}[family]
    lp = make(*parameters)
    design = BinaryDesign(
        prevalence=0.3,
        auc=0.8,
        linear_predictor=lp,
        calibration_intercept=calibration[0],
        calibration_slope=calibration[1],
    )
    got = criteria(binary_precision(design, 100))["calibration_slope"]
    wanted = oracle.slope_variance(family, lp.parameters, *calibration)
    assert_allclose(100 * got.se**2, wanted, rtol=1e-8)


@pytest.mark.parametrize("case", R["cases"], ids=lambda case: case["id"])
def test_binary_criteria_agree_with_r_integrate(case):
    widths = dict(
        zip(
            ("oe_width", "slope_width", "auc_width", "net_benefit_width"),
            case["widths"],
            strict=True,
        )
    )
    design = BinaryDesign(
        prevalence=case["prevalence"],
        auc=case["auc"],
        linear_predictor=FAMILIES[case["family"]](*case["parameters"]),
        threshold=case["threshold"],
        **widths,
    )
    size = binary_sample_size(design)
    assert [criterion.n for criterion in size.criteria] == case["n"]
    assert size.n == max(case["n"])
    assert size.sufficient
    np.testing.assert_allclose(size.events, max(case["n"]) * case["prevalence"])
    assert_allclose(size.implied_risk, case["implied_risk"], rtol=1e-10)
    assert_allclose(size.implied_auc, case["implied_auc"], rtol=1e-8)
    at = criteria(binary_precision(design, 250))
    slope = 250 * at["calibration_slope"].se ** 2
    assert_allclose(slope, case["unit_slope"], rtol=1e-10, err_msg="slope")
    benefit = at["standardized_net_benefit"]
    found = benefit.anticipated, 250 * benefit.se**2
    wanted = case["standardized_net_benefit"], case["unit_net_benefit"]
    assert_allclose(found, wanted, rtol=1e-9, err_msg="net benefit")
    given_values = replace(design, sensitivity=case["sensitivity"], specificity=case["specificity"])
    np.testing.assert_allclose(
        criteria(binary_precision(given_values, 250))["standardized_net_benefit"].se,
        benefit.se,
        rtol=1e-9,
    )


def test_the_exact_value_of_the_pmvalsampsize_example():
    design = BinaryDesign(
        prevalence=0.018, auc=0.8, linear_predictor=normal_linear_predictor(-5, 2.5), oe_width=1
    )
    assert criteria(binary_sample_size(design))["calibration_slope"].n == 4554


DESIGN = BinaryDesign(
    prevalence=0.2,
    auc=0.75,
    linear_predictor=binormal_linear_predictor(0.2, 0.75),
    threshold=0.25,
)
COHORT = SurvivalDesign(
    linear_predictor=log_hazard_of_risk(0.3, 0.8), lost=0.4, shape=0.8, threshold=0.3
)


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_the_needed_n_is_the_smallest_that_suffices(kind):
    size, at, design = {
        "binary": (binary_sample_size, binary_precision, DESIGN),
        "survival": (survival_sample_size, survival_precision, COHORT),
    }[kind]
    for name, criterion in criteria(size(design)).items():
        assert criteria(at(design, criterion.n))[name] == criterion
        assert criterion.sufficient
        assert not criteria(at(design, criterion.n - 1))[name].sufficient
    whole = size(design)
    assert at(design, whole.n).sufficient
    assert not at(design, whole.n - 1).sufficient


@given(st.sampled_from([0.1, 0.25, 0.4]), st.sampled_from([0.6, 0.75, 0.9]))
def test_the_binormal_model_is_calibrated_and_has_its_auc(prevalence, auc):
    design = BinaryDesign(
        prevalence=prevalence, auc=auc, linear_predictor=binormal_linear_predictor(prevalence, auc)
    )
    got = binary_precision(design, 100)
    assert_allclose([got.implied_risk, got.implied_auc], [prevalence, auc], rtol=1e-10)


@given(st.lists(st.integers(-4, 4), min_size=2, max_size=30).filter(lambda x: len(set(x)) > 1))
def test_a_sample_is_its_own_distribution(values):
    x = np.array(values) / 2
    design = BinaryDesign(
        prevalence=0.3, auc=0.7, linear_predictor=sampled_linear_predictor(x), threshold=0.05
    )
    got = binary_precision(design, 50)
    p = expit(x)
    information = np.cov(x, aweights=p * (1 - p), ddof=0) * (p * (1 - p)).mean()
    at = criteria(got)
    assert_allclose(50 * at["calibration_slope"].se ** 2, 1 / information, rtol=1e-9)
    pairs = np.outer(p, 1 - p)
    wins = (x[:, None] > x) + 0.5 * (x[:, None] == x)
    assert_allclose(got.implied_auc, (pairs * wins).sum() / pairs.sum(), rtol=1e-12)
    twice = replace(design, linear_predictor=sampled_linear_predictor(np.tile(x, 2)))
    assert_allclose(
        [c.se for c in binary_precision(twice, 50).criteria], [c.se for c in got.criteria]
    )


def test_a_large_sample_approaches_the_distribution():
    quantiles = -1 + 0.9 * np.sqrt(2) * np.array(
        [float(oracle.norm.ppf((i + 0.5) / 2000)) / np.sqrt(2) for i in range(2000)]
    )
    normal = normal_linear_predictor(-1, 0.9)
    sample = sampled_linear_predictor(quantiles)
    for maker in (
        lambda lp: binary_precision(
            BinaryDesign(prevalence=0.3, auc=0.7, linear_predictor=lp, threshold=0.3), 100
        ),
        lambda lp: survival_precision(replace(COHORT, linear_predictor=lp), 100),
    ):
        assert_allclose(
            [c.se for c in maker(sample).criteria],
            [c.se for c in maker(normal).criteria],
            rtol=3e-3,
        )


def test_uncensored_cohorts_are_binomial():
    lp = normal_linear_predictor(-1, 0.8)
    design = SurvivalDesign(linear_predictor=lp, lost=0.0)
    got = survival_precision(design, 400)
    risk = got.implied_risk
    at = criteria(got)
    assert_allclose(400 * at["oe_t"].se ** 2, (1 - risk) / risk, rtol=1e-8)
    assert_allclose(
        400 * at["calibration_slope_t"].se ** 2,
        oracle.uncensored_slope_variance(-1, 0.8),
        rtol=1e-8,
    )
    assert_allclose(
        risk, oracle.expectation(lambda x: -np.expm1(-np.exp(x)), "normal", (-1, 0.8)), rtol=1e-10
    )


@pytest.mark.parametrize("case", R["survival"], ids=lambda case: case["id"])
def test_survival_variances_agree_with_simulated_cohorts(case):
    design = SurvivalDesign(
        linear_predictor=normal_linear_predictor(case["mean"], case["sd"]),
        lost=case["lost"],
        shape=case["shape"],
        threshold=case["threshold"],
    )
    at = criteria(survival_precision(design, case["n"]))
    for name, average, spread in zip(case["measure"], case["average"], case["spread"], strict=True):
        # A standard deviation over m replicates has a relative standard error of 1/sqrt(2m);
        # three of those for the simulation and 2 % for the limit n -> infinity.
        noise = 3 / np.sqrt(2 * case["replicates"]) + 0.02
        assert_allclose(at[name].se, spread, rtol=noise, err_msg=name)
        if name in ("c_harrell", "standardized_net_benefit"):
            error = 4 * spread / np.sqrt(case["replicates"])
            assert_allclose(at[name].anticipated, average, atol=error + 1 / case["n"])


def test_survival_slope_agrees_with_the_published_simulation():
    hazard, censoring, years = 0.052, 0.418, 3
    design = SurvivalDesign(
        linear_predictor=normal_linear_predictor(log(hazard * years), 0.699),
        lost=float(-np.expm1(-censoring * years)),
    )
    published = R["published"]
    for n, se in zip(published["n"], published["se"], strict=True):
        got = criteria(survival_precision(design, n))["calibration_slope_t"].se
        assert_allclose(got, se, rtol=0.01)  # 50 simulations


@given(st.sampled_from([0.02, 0.3, 0.9]), st.sampled_from([0.2, 1.0, 2.0]))
def test_log_hazard_of_risk_has_that_mean_risk(risk, sd):
    lp = log_hazard_of_risk(risk, sd)
    panels = quadrature(lp)
    assert_allclose(float(panels.mean(-np.expm1(-np.exp(panels.nodes)))), risk, rtol=1e-10)


def test_more_censoring_needs_more_patients():
    sizes = [
        [c.n for c in survival_sample_size(replace(COHORT, lost=lost)).criteria]
        for lost in (0.0, 0.3, 0.6, 0.9)
    ]
    assert (np.diff(sizes, axis=0) > 0).all()


def test_distributions_describe_themselves():
    assert "mean -5 and standard deviation 2.5" in normal_linear_predictor(-5, 2.5).describe()
    assert "alpha 2 and beta 3" in beta_risks(2, 3).describe()
    assert "standard deviation 0.95" in binormal_linear_predictor(0.2, 0.75).describe()
    assert sampled_linear_predictor([0, 1, 2]).describe() == "linear predictors of 3 patients"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: binary_sample_size(replace(DESIGN, prevalence=0)), "`prevalence` must lie in"),
        (lambda: binary_sample_size(replace(DESIGN, auc=1)), "`auc` must lie in"),
        (lambda: binary_sample_size(replace(DESIGN, oe_width=0)), "`oe_width` must be"),
        (lambda: binary_sample_size(replace(DESIGN, sensitivity=0.5)), "given together"),
        (lambda: binary_precision(DESIGN, 1), "`n` must be an integer of at least 2"),
        (lambda: survival_sample_size(replace(COHORT, lost=1.0)), r"`lost` must lie in \[0, 1\)"),
        (lambda: survival_sample_size(replace(COHORT, shape=0)), "`shape` must be"),
        (lambda: sampled_linear_predictor([1, 1]), "two different values"),
        (lambda: binormal_linear_predictor(0.2, 0.5), r"`auc` must lie in \(0.5, 1\)"),
        (lambda: normal_linear_predictor(0, -1), "`sd` must be"),
        (
            lambda: binary_sample_size(
                replace(DESIGN, linear_predictor=sampled_linear_predictor([-3, -2]))
            ),
            "none is above 0.25",
        ),
    ],
)
def test_errors_name_the_field(call, message):
    with pytest.raises(ValueError, match=message):
        call()
