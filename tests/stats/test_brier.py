"""Brier, scaled Brier, log loss and Nagelkerke's R2: definition, invariances, R, edges."""

import json
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import norm

from extval.stats.brier import brier, brier_scaled, log_loss, nagelkerke_r2
from extval.stats.results import Status
from tests.oracles import calibration as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "calibration.json").read_text())["cases"]
PAIRS = (
    (brier, oracle.brier),
    (brier_scaled, oracle.brier_scaled),
    (log_loss, oracle.log_loss),
    (nagelkerke_r2, oracle.nagelkerke),
)


@st.composite
def studies(draw):
    """Draw both outcomes and tied risks."""
    n = draw(st.integers(3, 25))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    assume(0 < y.sum() < n)
    risks = st.sampled_from([0.05, 0.2, 0.3, 0.5, 0.8, 0.99])
    return y, np.array(draw(st.lists(risks, min_size=n, max_size=n)))


@given(studies())
def test_values_match_the_definition(study):
    for statistic, definition in PAIRS:
        assert_allclose(statistic(*study).value, definition(*study), rtol=1e-11, atol=1e-13)


@given(studies(), st.sampled_from([0.5, 0.95]))
def test_brier_interval_is_that_of_a_mean(study, level):
    y, p = study
    squared = (y - p) ** 2
    assume(np.ptp(squared) > 0)
    got = brier(y, p, confidence_level=level)
    wanted = norm.interval(level, squared.mean(), squared.std(ddof=1) / np.sqrt(len(y)))
    assert_allclose([got.interval.low, got.interval.high], np.clip(wanted, 0, 1), rtol=1e-12)


@pytest.mark.parametrize(("statistic", "definition"), PAIRS, ids=lambda f: f.__name__)
def test_standard_errors_are_those_of_the_jackknife(statistic, definition):
    rng = np.random.default_rng(2)
    p = rng.uniform(0.05, 0.7, 1500)
    y = (rng.random(1500) < p).astype(int)
    # influence functions and jackknife differ by terms of order 1 / n
    jackknife = oracle.jackknife_se(definition_fast(definition), y, p)
    assert_allclose(statistic(y, p).se, jackknife, rtol=3e-3)


def definition_fast(definition):
    """Return the same formula on arrays, which the jackknife can afford 1,500 times."""

    def scaled(y, p):
        return 1 - np.mean((y - p) ** 2) / np.mean((y - y.mean()) ** 2)

    def loss(y, p):
        return -np.mean(np.where(y == 1, np.log(p), np.log1p(-p)))

    def nagelkerke(y, p):
        null, model = loss(y, np.full(len(y), y.mean())), loss(y, p)
        return (1 - np.exp(2 * (model - null))) / (1 - np.exp(-2 * null))

    return {
        "brier": lambda y, p: np.mean((y - p) ** 2),
        "brier_scaled": scaled,
        "log_loss": loss,
        "nagelkerke": nagelkerke,
    }[definition.__name__]


@given(studies(), st.randoms(use_true_random=False))
def test_order_complement_and_repetition_do_not_matter(study, random):
    y, p = study
    order = list(range(len(y)))
    random.shuffle(order)
    for statistic, _ in PAIRS:
        wanted = statistic(y, p).value
        for again in ((y[order], p[order]), (1 - y, 1 - p), (np.tile(y, 3), np.tile(p, 3))):
            assert_allclose(statistic(*again).value, wanted, rtol=1e-10, atol=1e-12)


@given(studies())
def test_the_observed_prevalence_for_everyone_explains_nothing(study):
    y, _ = study
    p = np.full(len(y), y.mean())
    assert_allclose([brier_scaled(y, p).value, nagelkerke_r2(y, p).value], 0, atol=1e-12)


@pytest.mark.parametrize("case", R, ids=lambda case: case["id"])
def test_agrees_with_r(case):
    y, p, val_prob = case["y"], case["p"], case["val_prob"]
    score, loss = brier(y, p), log_loss(y, p)
    assert_allclose([score.value, score.se], [val_prob["Brier"], case["brier_se"]], rtol=1e-12)
    scaled, wanted = brier_scaled(y, p).value, 1 - val_prob["Brier"] / case["brier_max"]
    assert_allclose(scaled, wanted, rtol=1e-11, err_msg="scaled")
    wanted = [case["log_loss"], case["log_loss_se"]]
    assert_allclose([loss.value, loss.se], wanted, rtol=1e-12, err_msg="log loss")
    got = nagelkerke_r2(y, p).value
    assert_allclose(got, [val_prob["R2"], case["nagelkerke"]], rtol=1e-10, err_msg="Nagelkerke")


@pytest.mark.parametrize(
    ("y", "p", "statuses"),
    [
        ([], [], [Status.NO_PATIENTS] * 4),
        ([1], [0.3], [Status.TOO_FEW_PATIENTS, Status.ONE_CLASS] * 2),
        ([0, 0, 0], [0.1, 0.2, 0.2], [Status.OK, Status.ONE_CLASS] * 2),
        ([0, 1], [0.5, 0.5], [Status.NO_VARIATION] * 4),
        ([0, 1, 1], [0.0, 1.0, 1.0], [Status.NO_VARIATION] * 3 + [Status.NO_VARIATION]),
        ([0, 1, 1], [1.0, 0.5, 0.6], [Status.OK, Status.OK] + [Status.CERTAIN_AND_WRONG] * 2),
        ([0, 1, 1], [0.0, 0.5, 0.6], [Status.OK] * 4),
    ],
)
def test_what_has_no_value_or_interval_has_a_sentence(y, p, statuses):
    got = [statistic(y, p) for statistic, _ in PAIRS]
    assert [estimate.status for estimate in got] == statuses
    for estimate in got:
        assert isnan(estimate.interval.low) == (estimate.status is not Status.OK)


def test_perfect_predictions_have_perfect_values():
    y, p = [0, 1, 0, 1], [0.0, 1.0, 0.0, 1.0]
    assert [statistic(y, p).value for statistic, _ in PAIRS] == [0, 1, 0, 1]


def test_errors_name_the_argument_the_value_and_the_place():
    for statistic, _ in PAIRS:
        with pytest.raises(ValueError, match=r"`y_prob` must lie in \[0, 1\]; 1 of 2 .* index 0"):
            statistic([0, 1], [-0.1, 0.5])
        with pytest.raises(ValueError, match=r"`y_true` must hold only 0 and 1"):
            statistic([0, 3], [0.1, 0.5])
