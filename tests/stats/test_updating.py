"""Updating a model: R, definition of closed testing and cross-fitting, invariances, edges."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2

from extval.stats.calibration import calibration_intercept, calibration_slope
from extval.stats.results import Status
from extval.stats.updating import (
    UPDATES,
    closed_testing_update,
    cross_fitted_update,
    stratified_folds,
    update_model,
    updated_risk,
)
from tests.oracles import calibration as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "updating.json").read_text())["cases"]


@st.composite
def studies(draw):
    """Draw overlapping outcomes and tied risks."""
    n = draw(st.integers(6, 25))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    risks = st.sampled_from([0.05, 0.2, 0.3, 0.6, 0.9])
    p = np.array(draw(st.lists(risks, min_size=n, max_size=n)))
    case, control = p[y == 1], p[y == 0]
    assume(case.size and control.size)
    assume(case.min() < control.max() and control.min() < case.max())
    return y, p


@pytest.mark.parametrize("case", R, ids=lambda case: case["id"])
def test_agrees_with_r(case):
    y, p, x = case["y"], case["p"], case["x"]
    models = [update_model(y, p, kind=kind, design=x) for kind in UPDATES]
    assert_allclose(models[1].intercept, case["intercept"], rtol=1e-9)
    assert_allclose([models[2].intercept, models[2].slope], case["logistic"], rtol=1e-9)
    assert_allclose(models[3].coefficients, case["refit"], rtol=1e-8)
    names = ("intercept", "logistic", "refit")
    for model, name in zip(models[1:], names, strict=True):
        assert_allclose(updated_risk(model, p, design=x), case["risk"][name], rtol=1e-8)
    for design, name in ((x, "wide"), (None, "narrow")):
        got, wanted = closed_testing_update(y, p, design=design), case[name]
        assert UPDATES.index(got.model.kind) == wanted["chosen"] - 1
        for j, test in enumerate(got.tests):
            statistic, p_value = wanted["statistic"][j], wanted["p_value"][j]
            assert_allclose(test.statistic, statistic, rtol=1e-8, atol=1e-10, err_msg="tests")
            assert_allclose(test.p_value, p_value, rtol=1e-8, err_msg="tests")
            assert test.df == wanted["df"][j]


@given(studies(), st.sampled_from([0.01, 0.3, 0.9]))
def test_closed_testing_stops_at_the_first_test_that_is_not_significant(study, alpha):
    y, p = study
    lp = oracle.logit(p)
    likelihoods = [
        oracle.log_likelihood(y, lp),
        oracle.log_likelihood(y, oracle.intercept_at(y, lp) + lp),
    ]
    top = oracle.logistic(np.column_stack([np.ones(len(lp)), lp]), y)[2]
    wanted = "intercept+slope"
    for j in (1, 0):
        p_value = chi2.sf(max(2 * (top - likelihoods[j]), 0), 2 - j)
        assume(abs(p_value - alpha) > 1e-6)
        wanted = UPDATES[j] if p_value >= alpha else wanted
    got = closed_testing_update(y, p, alpha=alpha)
    assert got.model.kind == wanted and got.alpha == alpha


@given(studies())
def test_an_updated_model_is_calibrated_where_it_was_fitted(study):
    y, p = study
    moved = updated_risk(update_model(y, p, kind="intercept"), p)
    assert_allclose(calibration_intercept(y, moved).value, 0, atol=1e-8)
    recalibrated = updated_risk(update_model(y, p, kind="intercept+slope"), p)
    assume(recalibrated.min() > 1e-6 and recalibrated.max() < 1 - 1e-6)
    assume(np.ptp(recalibrated) > 1e-6)
    assert_allclose(calibration_slope(y, recalibrated).value, 1, rtol=1e-6)
    assert_array_equal(updated_risk(update_model(y, p, kind="none"), p), p)


@given(studies())
def test_the_complement_of_the_outcome_gives_the_complement_of_the_risk(study):
    y, p = study
    for kind in ("intercept", "intercept+slope"):
        got = updated_risk(update_model(1 - y, 1 - p, kind=kind), 1 - p)
        assert_allclose(1 - got, updated_risk(update_model(y, p, kind=kind), p), rtol=1e-7)


@pytest.mark.parametrize("kind", ["closed testing", *UPDATES])
def test_cross_fitting_never_fits_on_the_patients_it_predicts(kind):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(120, 2))
    p = 1 / (1 + np.exp(-x.sum(axis=1)))
    y = (rng.random(120) < 1 / (1 + np.exp(-1.0 - 0.5 * x[:, 0]))).astype(int)
    got = cross_fitted_update(y, p, kind=kind, design=x, n_folds=6, rng=np.random.default_rng(2))
    for fold in range(6):
        inside = got.fold == fold
        data = (y[~inside], p[~inside])
        if kind == "closed testing":
            model = closed_testing_update(*data, design=x[~inside]).model
        else:
            model = update_model(*data, kind=kind, design=x[~inside])
        assert got.kinds[fold] == model.kind
        assert_allclose(
            got.y_prob[inside], updated_risk(model, p[inside], design=x[inside]), rtol=1e-12
        )
    assert got.status is Status.OK


@given(st.lists(st.booleans(), min_size=2, max_size=40), st.integers(2, 10), st.integers(0, 9))
def test_folds_are_as_equal_as_they_can_be(outcomes, folds, seed):
    y = np.array(outcomes)
    fold = stratified_folds(y, folds, np.random.default_rng(seed))
    for part in (fold, fold[y], fold[~y]):
        sizes = np.bincount(part, minlength=folds)
        assert sizes.max() - sizes.min() <= 1
    assert_array_equal(fold, stratified_folds(y, folds, np.random.default_rng(seed)))


@pytest.mark.parametrize(
    ("y", "p", "kind", "status"),
    [
        ([0, 0, 0], [0.1, 0.2, 0.3], "intercept", Status.ONE_CLASS),
        ([0, 1, 1], [0.0, 0.2, 0.3], "intercept", Status.LOGIT_UNDEFINED),
        ([0, 1, 1], [0.0, 0.2, 0.3], "intercept+slope", Status.LOGIT_UNDEFINED),
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], "intercept+slope", Status.SEPARATION),
        ([0, 1, 0, 1], [0.3] * 4, "intercept+slope", Status.COLLINEAR),
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], "refit", Status.SEPARATION),
        ([], [], "intercept", Status.NO_PATIENTS),
    ],
)
def test_what_cannot_be_updated_has_a_sentence(y, p, kind, status):
    model = update_model(y, p, kind=kind, design=[[float(v)] for v in p] or np.empty((0, 1)))
    assert model.status is status and np.isnan([model.intercept, model.slope]).all()
    assert np.isnan(updated_risk(model, [0.2, 0.4], design=[[0.2], [0.4]])).all()


def test_a_widest_model_without_a_maximum_leaves_the_original_alone():
    got = closed_testing_update([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4])
    assert got.model.kind == "none" and got.model.status is Status.SEPARATION
    assert got.tests[0].status is Status.SEPARATION and np.isnan(got.tests[0].p_value)
    got = closed_testing_update([0, 1, 1], [0.0, 0.2, 0.3])
    assert got.model.kind == "none" and got.model.status is Status.LOGIT_UNDEFINED


def test_a_fold_without_an_update_is_said():
    y, p = [0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4]
    got = cross_fitted_update(y, p, kind="intercept", n_folds=4, rng=np.random.default_rng(0))
    alone = np.flatnonzero(np.array(y) == 1)
    assert got.status is Status.ONE_CLASS and np.isnan(got.y_prob[alone]).all()
    assert np.isfinite(np.delete(got.y_prob, alone)).all()


def test_one_column_is_refitted_without_a_test_against_itself():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 1))
    p = 1 / (1 + np.exp(-2 * x[:, 0]))
    y = (rng.random(200) < 1 / (1 + np.exp(1 - 0.5 * x[:, 0]))).astype(int)
    got = closed_testing_update(y, p, design=x)
    assert got.model.kind == "refit" and [test.df for test in got.tests] == [2, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: update_model([0, 1], [0.1, 0.2], kind="slope"),
            "`kind` must be one of none, intercept, intercept.slope, refit; got 'slope'",
        ),
        (
            lambda: update_model([0, 1], [0.1, 0.2], kind="refit"),
            r"`design` is needed to refit a model: pass its columns, shape \(2, p\)",
        ),
        (
            lambda: closed_testing_update([0, 1], [0.1, 0.2], design=np.empty((2, 0))),
            r"`design` must have at least one column; got shape \(2, 0\)",
        ),
        (
            lambda: cross_fitted_update([0, 1], [0.1, 0.2], rng=None),
            "`rng` must be a numpy.random.Generator",
        ),
        (
            lambda: closed_testing_update([0, 1], [0.1, 0.2], alpha=5),
            r"`alpha` must lie in \(0, 1\); got 5",
        ),
    ],
)
def test_errors_name_the_argument_and_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
