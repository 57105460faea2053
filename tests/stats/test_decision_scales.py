"""Standardised net benefit and interventions avoided: patient by patient, R, dcurves, edges."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_equal

from extval.stats import Status
from extval.stats._resampling import replicate_key
from extval.stats.bootstrap import percentile_interval
from extval.stats.decision import decision_curve, net_benefit
from extval.stats.decision_scales import net_benefit_scales
from tests.oracles import decision as oracle
from tests.oracles import resampling

FOLDER = Path(__file__).parents[1] / "reference"
R = json.loads((FOLDER / "decision_scales.json").read_text())["cases"]
DCURVES = json.loads((FOLDER / "decision.json").read_text())["cases"]
KEYS = ("net_benefit", "standardized", "interventions_avoided")
THRESHOLDS = st.sampled_from([0.125, 0.3, 0.5, 0.9])


@st.composite
def studies(draw):
    n = draw(st.integers(1, 25))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    risks = st.integers(0, 8).map(lambda k: k / 8)
    return np.array(y), np.array(draw(st.lists(risks, min_size=n, max_size=n)))


def numbers(found):
    return [found.value, found.se, found.interval.low, found.interval.high]


def by_definition(y, p, threshold, harm):
    """Return the two values patient by patient, and what each patient adds to them."""
    gains = oracle.contributions(y, p, threshold) - harm
    everybody = oracle.contributions(y, np.ones(len(y)), threshold)
    spared = (gains - everybody) / (threshold / (1 - threshold))
    rate = np.mean(y)
    share = gains.mean() / rate if rate else np.nan
    return {
        "net_benefit": (gains.mean(), gains),
        "standardized": (share, (gains - share * y) / rate if rate else spared * np.nan),
        "interventions_avoided": (spared.mean(), spared),
    }


@given(studies(), THRESHOLDS, st.sampled_from([0.0, 0.02]))
def test_values_and_errors_are_those_of_the_patients(study, threshold, harm):
    y, p = study
    found = net_benefit_scales(y, p, threshold=threshold, harm=harm)
    for key, (value, influence) in by_definition(y, p, threshold, harm).items():
        got = found[key]
        assert_allclose(got.value, value, atol=1e-12)
        if got.status is Status.OK:
            assert_allclose(got.se, influence.std(ddof=1) / np.sqrt(y.size), rtol=1e-9)
            assert_allclose((got.interval.low + got.interval.high) / 2, value, atol=1e-11)
        elif got.status is Status.NO_VARIATION:
            assert y.size == 1 or np.ptp(influence) < 1e-12
        else:
            assert got.status is Status.ONE_CLASS and not y.any() and key == "standardized"


@given(studies(), THRESHOLDS, st.randoms())
def test_order_does_not_matter_and_repeats_count(study, threshold, random):
    y, p = study
    order = list(range(y.size))
    random.shuffle(order)
    times = np.array([random.randint(1, 3) for _ in y])
    plain = net_benefit_scales(y, p, threshold=threshold)
    moved = net_benefit_scales(y[order], p[order], threshold=threshold)
    twice = net_benefit_scales(np.tile(y, 2), np.tile(p, 2), threshold=threshold)
    repeated = net_benefit_scales(np.repeat(y, times), np.repeat(p, times), threshold=threshold)
    spared = by_definition(y, p, threshold, 0.0)["interventions_avoided"]
    assert_equal([numbers(moved[key]) for key in KEYS], [numbers(plain[key]) for key in KEYS])
    for key in KEYS:
        assert_allclose(twice[key].value, plain[key].value, rtol=1e-12, atol=1e-15)
    assert_allclose(
        repeated["interventions_avoided"].value, np.average(spared[1], weights=times), atol=1e-12
    )
    if y.any():
        parts = oracle.contributions(y, p, threshold)
        share = np.average(parts, weights=times) / np.average(y, weights=times)
        assert_allclose(repeated["standardized"].value, share, atol=1e-12)


@given(studies(), st.sampled_from([0.2, 0.3, 0.45, 0.9]))
def test_interventions_avoided_are_the_net_benefit_of_the_complement(study, threshold):
    """Sparing treatment is a decision too: for 1 - y, by 1 - p, at the threshold 1 - t."""
    y, p = study
    other = net_benefit(1 - y, 1 - p, threshold=1 - threshold)
    found = net_benefit_scales(y, p, threshold=threshold)["interventions_avoided"]
    assert_allclose(found.value, other.value, atol=1e-12)
    assert_allclose(found.se, other.se, rtol=1e-9)


@given(studies(), THRESHOLDS)
def test_a_monotone_transform_that_keeps_the_threshold_changes_nothing(study, threshold):
    y, p = study
    moved = np.where(p >= threshold, (1 + p) / 2, p / 2)
    moved = np.where(p >= threshold, np.maximum(moved, threshold), moved)
    assume(((moved >= threshold) == (p >= threshold)).all())
    one, two = (net_benefit_scales(y, x, threshold=threshold) for x in (p, moved))
    assert_equal([numbers(one[key]) for key in KEYS], [numbers(two[key]) for key in KEYS])


@pytest.mark.parametrize("case", R, ids=lambda case: case["id"])
def test_agrees_with_r(case):
    setting = {"threshold": case["threshold"], "harm": case["harm"]}
    found = net_benefit_scales(case["y"], case["p"], **setting)
    for key in KEYS:
        assert_allclose(numbers(found[key]), case[key], rtol=1e-11, atol=1e-14, err_msg=key)


@pytest.mark.parametrize("case", DCURVES, ids=lambda case: case["id"])
def test_interventions_avoided_agree_with_dcurves(case):
    for j, risks in enumerate(case["y_prob"]):
        harm = 0.0 if case["harm"] is None else case["harm"][j]
        for t, wanted in zip(case["thresholds"], case["interventions_avoided"][j], strict=True):
            found = net_benefit_scales(case["y"], risks, threshold=t, harm=harm)
            assert_allclose(found["interventions_avoided"].value, wanted, atol=1e-11)


@given(studies(), THRESHOLDS, st.sampled_from([0, 12]))
def test_net_benefit_is_that_of_its_own_routine(study, threshold, n_resamples):
    def options():
        rng = np.random.default_rng(3)
        return {"threshold": threshold, "harm": 0.01, "n_resamples": n_resamples, "rng": rng}

    found = net_benefit_scales(*study, **options())["net_benefit"]
    wanted = net_benefit(*study, **options())
    assert (found.value, found.method, found.status) == (wanted.value, wanted.method, wanted.status)
    assert_allclose(numbers(found), numbers(wanted), rtol=1e-12)


@given(studies(), st.sampled_from([0.0, 0.02]), st.integers(0, 50))
@settings(max_examples=20)
def test_bootstrap_is_that_of_expanded_resamples_and_of_the_curve(study, harm, seed):
    y, p = study
    rng = np.random.default_rng(seed)
    found = net_benefit_scales(y, p, threshold=0.3, harm=harm, n_resamples=15, rng=rng)
    key = int(replicate_key(np.random.default_rng(seed)))
    drawn = [np.array(resampling.resample(key, b, [y.size])[0]) for b in range(15)]
    for name in KEYS:
        many = [by_definition(y[rows], p[rows], 0.3, harm)[name][0] for rows in drawn]
        wanted, got = percentile_interval(many), found[name]
        if got.status in {Status.OK, Status.SOME_RESAMPLES_UNDEFINED}:
            assert_allclose(numbers(got)[2:], [wanted.interval.low, wanted.interval.high])
            assert_allclose(got.se, wanted.se, rtol=1e-9, atol=1e-14)
    curve = decision_curve(
        y, [p], thresholds=[0.3], harm=[harm], n_resamples=15, rng=np.random.default_rng(seed)
    )
    assert_allclose(found["standardized"].value, curve.standardized[0, 0])
    assert_allclose(found["interventions_avoided"].value, curve.interventions_avoided[0, 0])
    if found["interventions_avoided"].status is Status.OK:
        band = curve.interventions_avoided_band
        limits = numbers(found["interventions_avoided"])[2:]
        assert_allclose(limits, [band.lower[0, 0], band.upper[0, 0]], atol=1e-14)


@pytest.mark.parametrize("n_resamples", [0, 10])
def test_edges(n_resamples):
    options = {"n_resamples": n_resamples, "rng": np.random.default_rng(1)}
    nobody = net_benefit_scales([], [], threshold=0.2, **options)
    assert {each.status for each in nobody.values()} == {Status.NO_PATIENTS}
    quiet = net_benefit_scales([0, 0, 0], [0.1, 0.5, 0.7], threshold=0.2, **options)
    assert quiet["standardized"].status is Status.ONE_CLASS
    assert np.isnan(quiet["standardized"].value)
    assert_allclose(quiet["interventions_avoided"].value, 1 / 3)
    untreated = net_benefit_scales([0, 1, 0], [0.1, 0.1, 0.1], threshold=0.2, **options)
    assert untreated["standardized"].value == 0.0
    stuck = Status.RESAMPLES_EQUAL if n_resamples else Status.NO_VARIATION
    assert untreated["standardized"].status in {stuck, Status.RESAMPLES_UNDEFINED}
    everybody = net_benefit_scales([0, 1, 0], [1.0, 1.0, 1.0], threshold=0.2, **options)
    assert everybody["interventions_avoided"].value == 0.0
    assert everybody["interventions_avoided"].status is stuck
    assert np.isnan(numbers(everybody["interventions_avoided"])[1:]).sum() >= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.0}, r"`threshold` must lie in \(0, 1\); got 0.0"),
        ({"threshold": 0.5, "harm": np.nan}, "`harm` must be finite"),
        ({"threshold": 0.5, "n_resamples": 5}, "`rng` must be a numpy.random.Generator"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        net_benefit_scales([0, 1], [0.2, 0.7], **options)
