"""Cox LASSO paths and signatures against their definition, their invariances and glmnet."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from extval.features.modelling.lasso import cross_validated_lasso, lasso_path
from extval.features.modelling.lasso_cox import LassoCox
from extval.features.modelling.outcome import survival
from extval.stats.cox import cox_regression
from tests.oracles import lasso as oracle

FILE = Path(__file__).parents[2] / "reference" / "lasso.json"
GLMNET = [c for c in json.loads(FILE.read_text())["cases"] if c["family"] == "cox"]


def patients(n=50, p=6, seed=1, *, digits=8):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) * np.exp(rng.normal(size=p)) + rng.normal(size=p)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    time = rng.exponential(np.exp(-z[:, 0] + 0.7 * z[:, 1]))
    stop = rng.exponential(2.0, n)
    return x, np.round(np.minimum(time, stop), digits), (time <= stop).astype(float)


@st.composite
def tables(draw):
    """Draw small whole numbers and much tied times, at least one event."""
    n, p = draw(st.integers(5, 12)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x, time = rng.integers(-2, 3, size=(n, p)).astype(float), rng.integers(0, 5, n).astype(float)
    event = rng.integers(0, 2, n).astype(float)
    event[rng.integers(n)] = 1.0
    return x, time, event


@given(tables(), st.booleans())
def test_every_model_meets_the_conditions_of_the_minimum(table, standardise):
    x, time, event = table
    start = oracle.largest_lambda("cox", x, event, time, standardise=standardise)
    lambdas = [f * max(start, 0.01) for f in (1.5, 0.8, 0.3, 0.05)]
    y = survival(time, event)
    path = lasso_path(x, y, family="cox", lambdas=lambdas, standardise=standardise)
    assert path.converged.all()
    assert_array_equal(path.intercepts, 0.0)
    for lam, beta in zip(path.lambdas, path.coefficients, strict=True):
        off = oracle.worst_condition("cox", x, event, time, lam, 0.0, beta, standardise=standardise)
        assert off <= 2e-8 * max(start, lambdas[-1])


def test_all_features_of_a_wide_table_meet_the_conditions():
    x, time, event = patients(p=300)
    path = lasso_path(x, survival(time, event), family="cox")
    assert path.converged.all()
    for lam, beta in zip(path.lambdas, path.coefficients, strict=True):
        off = oracle.worst_condition("cox", x, event, time, lam, 0.0, beta)
        assert off <= 1.1e-8 * path.lambdas[0]


def test_matches_proximal_gradient_with_ties():
    x, time, event = patients(n=25, p=4, digits=1)
    assert np.unique(time[event == 1]).size < event.sum()
    start = oracle.largest_lambda("cox", x, event, time)
    for share in (0.6, 0.1):
        _, beta = oracle.proximal_gradient("cox", x, event, time, share * start)
        path = lasso_path(x, survival(time, event), family="cox", lambdas=[share * start])
        assert_allclose(path.coefficients[0], beta, rtol=1e-6, atol=1e-8)


def test_without_a_penalty_it_is_cox_regression_with_breslows_ties():
    x, time, event = patients(n=60, p=3, digits=1)
    path = lasso_path(x, survival(time, event), family="cox", lambdas=[1e-10], tolerance=1e-13)
    fit = cox_regression(time, event, x, ties="breslow")
    assert_allclose(path.coefficients[0], fit.coefficients, rtol=1e-6)
    ties = np.unique(time[event == 1], return_counts=True)[1]
    null = -2 * (fit.log_likelihood_null + (ties * np.log(ties)).sum())
    assert_allclose(path.null_deviance, null, rtol=1e-12)
    gain = 2 * (fit.log_likelihood - fit.log_likelihood_null)
    assert_allclose(path.deviance_ratio[0], gain / null, rtol=1e-7)


@given(tables(), st.randoms(use_true_random=False))
def test_order_of_patients_and_unit_of_time_do_not_matter(table, random):
    x, time, event = table
    order = list(range(len(time)))
    random.shuffle(order)
    plain = lasso_path(x, survival(time, event), family="cox", lambdas=[0.2, 0.05])
    y = survival(365.25 * time[order], event[order])
    moved = lasso_path(x[order], y, family="cox", lambdas=[0.2, 0.05])
    assert_allclose(moved.deviance_ratio, plain.deviance_ratio, atol=1e-7)


def test_unit_offset_and_duplicates():
    x, time, event = patients()
    lambdas = [0.1, 0.02]
    plain = lasso_path(x, survival(time, event), family="cox", lambdas=lambdas)
    units, offset = 10.0 ** np.arange(-3, 3), np.array([0, 5, -1e4, 1e3, 1, 0])
    moved = lasso_path(x * units + offset, survival(time, event), family="cox", lambdas=lambdas)
    assert_allclose(moved.coefficients * units, plain.coefficients, rtol=1e-6, atol=1e-9)
    doubled = survival(np.r_[time, time], np.r_[event, event])
    twice = lasso_path(np.vstack([x, x]), doubled, family="cox", lambdas=lambdas)
    assert_allclose(twice.coefficients, plain.coefficients, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("case", GLMNET, ids=lambda case: case["id"])
def test_paths_agree_with_glmnet(case):
    y, scale = survival(case["time"], case["y"]), np.std(case["x"], axis=0)
    own = lasso_path(case["x"], y, family="cox", lambda_min_ratio=case["ratio"])
    # and leaves it at the same place
    assert_allclose(own.lambdas, case["lambda"], rtol=1e-8, err_msg="lambda")
    path = lasso_path(case["x"], y, family="cox", lambdas=case["lambda"])
    assert_allclose(
        path.coefficients[case["at"]] * scale,
        np.array(case["coefficient"]) * scale,
        atol=4e-6,
        err_msg="coefficients",
    )
    assert_allclose(path.deviance_ratio, case["deviance_ratio"], atol=3e-7, err_msg="deviance")
    assert_allclose(path.null_deviance, case["null_deviance"], rtol=1e-12, err_msg="null")


@pytest.mark.parametrize("case", GLMNET, ids=lambda case: case["id"])
def test_curves_agree_with_cv_glmnet(case):
    (wanted,) = case["curves"]
    y = survival(case["time"], case["y"])
    found = cross_validated_lasso(
        case["x"], y, family="cox", lambdas=case["lambda"], folds=case["fold"]
    )
    assert_allclose(found.mean, wanted["mean"], rtol=1e-5)
    assert_allclose(found.se, wanted["se"], rtol=1e-5)
    assert [found.index_min, found.index_1se] == wanted["index"]


def test_the_deviance_of_a_fold_is_what_it_adds_an_event():
    x, time, event = patients(digits=1)
    folds = np.arange(50) % 5
    found = cross_validated_lasso(
        x, survival(time, event), family="cox", folds=folds, lambdas=[0.1, 0.05]
    )

    def deviance(eta, kept):
        counts = np.unique(time[kept & (event == 1)], return_counts=True)[1]
        loss = kept.sum() * oracle.loss("cox", eta[kept], event[kept], time[kept])
        return 2 * (loss - (counts * np.log(counts)).sum())

    for k in range(5):
        out = folds != k
        path = lasso_path(
            x[out], survival(time[out], event[out]), family="cox", lambdas=[0.1, 0.05]
        )
        for at in range(2):
            eta = x @ path.coefficients[at]
            added = deviance(eta, np.ones(50, bool)) - deviance(eta, out)
            assert_allclose(found.by_fold[0, k, at], added / event[~out].sum(), rtol=1e-6)
    weight = np.bincount(folds, weights=event)
    assert_allclose(found.mean, np.average(found.by_fold[0], axis=0, weights=weight), rtol=1e-12)


def test_the_signature_is_the_model_at_the_chosen_lambda():
    x, time, event = patients(n=80)
    frame = pd.DataFrame(x, index=[f"P{i}" for i in range(80)]).add_prefix("f")
    y = survival(time, event)
    for rule in ("min", "1se"):
        model = LassoCox(rule=rule).fit(frame, y)
        at = getattr(model.cv_, f"index_{rule}")
        assert_array_equal(model.coef_, model.path_.coefficients[at])
        assert model.intercept_ == 0.0
        assert_allclose(model.linear_predictor(frame), x @ model.coef_, rtol=1e-12)
        assert model.patients_seen_ == tuple(frame.index)
    assert model.link_ == "log-hazard"
    assert model.cv_.n_folds == 5
    assert not hasattr(model, "predict_proba")
    assert clone(model).get_params() == model.get_params()
    assert "kept" in model.sentence_


def test_a_null_model_says_so():
    x, time, event = patients(n=60)
    order = np.random.default_rng(5).permutation(60)
    model = LassoCox(rule="1se").fit(x[order], survival(time, event))
    assert model.null_
    assert "gives everyone the same hazard" in model.sentence_
    assert_array_equal(model.linear_predictor(x), 0.0)


def test_all_patients_may_have_the_event():
    x, time, _ = patients()
    found = cross_validated_lasso(x, survival(time, np.ones(50)), family="cox", n_folds=5)
    assert np.isfinite(found.mean).all()


def test_refusals_name_what_is_wrong():
    x, time, event = patients()
    few = np.where(np.arange(50) < 3, 1, 0)
    with pytest.raises(ValueError, match=r"3 events cannot be spread over 5 folds.*<= 3"):
        LassoCox().fit(x, survival(time, few))
    with pytest.raises(ValueError, match="None of the 50 patients had the event"):
        LassoCox().fit(x, survival(time, np.zeros(50)))
    with pytest.raises(ValueError, match="needs a time to event"):
        LassoCox().fit(x, event)
    with pytest.raises(ValueError, match="must be a time to event"):
        lasso_path(x, event, family="cox")
    with pytest.raises(ValueError, match="must hold an event"):
        lasso_path(x, survival(time, np.zeros(50)), family="cox")
    third = np.minimum((np.arange(50) + 1) // 2, 2)  # fold 2 has no event
    with pytest.raises(ValueError, match="no event in fold 2"):
        cross_validated_lasso(x, survival(time, few), family="cox", folds=third)
    with pytest.raises(ValueError, match="no event outside fold 0"):
        cross_validated_lasso(x, survival(time, few), family="cox", folds=1 - few)
