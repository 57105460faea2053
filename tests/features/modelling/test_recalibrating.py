"""Recalibration of scores: the likelihood's own maximum, and what happens where there is none."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from extval.features.modelling.recalibrating import (
    CONSTANT_NOTE,
    FLAT_NOTE,
    SEPARATED_NOTE,
    recalibrate,
    squeezed_logit,
)
from extval.stats.calibration import calibration_intercept, calibration_slope


def scored(repeats=1, n=80, strength=1.0, seed=1):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    is_event = rng.uniform(size=n) < expit(truth)
    return 3.0 * strength * truth + rng.normal(size=(repeats, n)) + 2.0, is_event


def test_recalibrated_scores_have_slope_one_and_intercept_zero():
    score, is_event = scored()
    found = recalibrate(score, is_event)
    risk = expit(found.intercept + found.slope * score[0])
    assert calibration_slope(is_event, risk).value == pytest.approx(1.0, abs=1e-8)
    assert calibration_intercept(is_event, risk).value == pytest.approx(0.0, abs=1e-8)
    assert found.note == ""


@pytest.mark.parametrize("repeats", [1, 4])
def test_agrees_with_statsmodels(repeats):
    score, is_event = scored(repeats)
    found = recalibrate(score, is_event)
    design = sm.add_constant(score.ravel())
    theirs = sm.GLM(
        np.tile(is_event, repeats).astype(float), design, family=sm.families.Binomial()
    ).fit(tol=1e-14)
    np.testing.assert_allclose([found.intercept, found.slope], theirs.params, rtol=1e-8)


def test_separated_scores_use_platts_outcomes():
    score, is_event = np.arange(12.0)[np.newaxis], np.arange(12) >= 7
    found = recalibrate(score, is_event)
    target = np.where(is_event, 6 / 7, 1 / 9)
    theirs = sm.GLM(target, sm.add_constant(score[0]), family=sm.families.Binomial())
    np.testing.assert_allclose(
        [found.intercept, found.slope], theirs.fit(tol=1e-14).params, rtol=1e-8
    )
    assert found.note == SEPARATED_NOTE


@pytest.mark.parametrize("strength", [-1.0, -100.0])
def test_a_score_that_ranks_the_wrong_way_is_not_turned_round(strength):
    score, is_event = scored(strength=strength)
    found = recalibrate(score, is_event)
    assert (found.slope, found.note) == (0.0, FLAT_NOTE)
    assert expit(found.intercept) == pytest.approx(is_event.mean(), rel=1e-12)


def test_a_score_that_separates_the_wrong_way_is_not_turned_round():
    found = recalibrate(-np.arange(8.0)[np.newaxis], np.arange(8) >= 4)
    assert (found.intercept, found.slope, found.note) == (0.0, 0.0, FLAT_NOTE)


def test_a_constant_score():
    found = recalibrate(np.full((2, 9), 0.3), np.arange(9) < 3)
    assert (found.slope, found.note) == (0.0, CONSTANT_NOTE)
    assert expit(found.intercept) == pytest.approx(1 / 3, rel=1e-12)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=30), st.integers(2, 500))
def test_squeezing_keeps_order_and_ties(votes, n):
    share = np.array(votes) / 300
    score = squeezed_logit(share, n)
    assert np.isfinite(score).all()
    np.testing.assert_array_equal(np.sign(share[:, None] - share), np.sign(score[:, None] - score))
    assert expit(squeezed_logit(np.array([0.0]), n))[0] == pytest.approx(1 / (2 * n), rel=1e-12)
