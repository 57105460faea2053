"""LASSO paths and signatures against their definition, their invariances, glmnet and skglm."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from extval.features.modelling.lasso import (
    LassoLinear,
    LassoLogistic,
    cross_validated_lasso,
    lasso_path,
)
from tests.oracles import lasso as oracle

REFERENCE = Path(__file__).parents[2] / "reference"
ALL = json.loads((REFERENCE / "lasso.json").read_text())["cases"]
GLMNET = [case for case in ALL if case["family"] != "cox"]
SKGLM = json.loads((REFERENCE / "lasso_skglm.json").read_text())["cases"]
FAMILIES = ("logistic", "linear")


def patients(family="logistic", n=40, p=6, seed=1, *, noise=1.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) * np.exp(rng.normal(size=p)) + rng.normal(size=p)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    score = 1.5 * z[:, 0] - z[:, 1] + noise * rng.normal(size=n)
    return x, (score > 0.2).astype(float) if family == "logistic" else score


@st.composite
def tables(draw):
    """Draw small whole numbers, much tied, and an outcome of both classes."""
    n, p = draw(st.integers(6, 12)), draw(st.integers(1, 5))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, size=(n, p)).astype(float)
    y = np.zeros(n)
    y[rng.permutation(n)[: draw(st.integers(2, n - 2))]] = 1.0
    return x, y


def conditions(path, x, y, family, time=None, **options):
    return [
        oracle.worst_condition(family, x, y, time, lam, a, b, **options)
        for lam, a, b in zip(path.lambdas, path.intercepts, path.coefficients, strict=True)
    ]


@given(tables(), st.sampled_from(FAMILIES), st.booleans())
def test_every_model_meets_the_conditions_of_the_minimum(table, family, standardise):
    x, y = table
    start = oracle.largest_lambda(family, x, y, standardise=standardise)
    lambdas = [f * max(start, 0.01) for f in (1.5, 0.8, 0.3, 0.05)]
    path = lasso_path(x, y, family=family, lambdas=lambdas, standardise=standardise)
    assert path.converged.all()
    assert path.status == ""
    off = conditions(path, x, y, family, standardise=standardise)
    assert max(off) <= 2e-8 * max(start, 1e-6) + 1e-14
    assert path.n_nonzero[0] == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_all_features_of_a_wide_table_meet_the_conditions(family):
    x, y = patients(family, n=50, p=400)
    path = lasso_path(x, y, family=family)
    assert path.converged.all()
    assert max(conditions(path, x, y, family)) <= 1.1e-8 * path.lambdas[0]
    assert path.n_nonzero[-1] > 20


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("standardise", [True, False])
def test_matches_proximal_gradient(family, standardise):
    x, y = patients(family, n=30, p=4)
    start = oracle.largest_lambda(family, x, y, standardise=standardise)
    for share in (0.7, 0.2):
        a, b = oracle.proximal_gradient(family, x, y, None, share * start, standardise=standardise)
        path = lasso_path(x, y, family=family, lambdas=[share * start], standardise=standardise)
        assert_allclose(path.coefficients[0], b, rtol=1e-6, atol=1e-8)
        assert_allclose(path.intercepts[0], a, rtol=1e-6, atol=1e-8)
        assert_array_equal(path.coefficients[0] == 0, b == 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_path_starts_where_the_first_feature_enters(family):
    x, y = patients(family)
    path = lasso_path(x, y, family=family, n_lambda=20)
    assert_allclose(path.lambdas[0], oracle.largest_lambda(family, x, y), rtol=1e-12)
    near = lasso_path(x, y, family=family, n_lambda=3, lambda_min_ratio=0.99)
    assert_array_equal(near.n_nonzero, [0, 1, 1])
    ratios = path.lambdas[1:] / path.lambdas[:-1]
    assert_allclose(ratios, 1e-4 ** (1 / 19), rtol=1e-12)


def test_deviances_are_those_of_the_definition():
    for family in FAMILIES:
        x, y = patients(family)
        path = lasso_path(x, y, family=family, n_lambda=10)
        null = 2 * len(y) * oracle.loss(family, np.full(len(y), path.intercepts[0]), y)
        assert_allclose(path.null_deviance, null, rtol=1e-12)
        last = oracle.loss(family, path.intercepts[-1] + x @ path.coefficients[-1], y)
        assert_allclose(path.deviance_ratio[-1], 1 - 2 * len(y) * last / null, rtol=1e-10)


@given(tables(), st.randoms(use_true_random=False))
def test_order_of_patients_and_features_does_not_matter(table, random):
    x, y = table
    x = x + 0.01 * np.arange(x.shape[1]) * np.arange(x.shape[0])[:, None] ** 2  # no equal columns
    rows, columns = list(range(x.shape[0])), list(range(x.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    lambdas = [0.2, 0.05]
    for family in FAMILIES:
        plain = lasso_path(x, y, family=family, lambdas=lambdas)
        moved = lasso_path(x[rows][:, columns], y[rows], family=family, lambdas=lambdas)
        assert_allclose(
            moved.deviance_ratio, plain.deviance_ratio, rtol=0, atol=1e-7
        )  # coefficients need not be unique
        assert_allclose(
            x[rows][:, columns] @ moved.coefficients[1] + moved.intercepts[1],
            (x @ plain.coefficients[1] + plain.intercepts[1])[rows],
            atol=1e-5,
        )


@pytest.mark.parametrize("family", FAMILIES)
def test_unit_offset_and_duplicates(family):
    x, y = patients(family)
    lambdas = [0.2, 0.02]
    plain = lasso_path(x, y, family=family, lambdas=lambdas)
    units, offset = 10.0 ** np.arange(-3, 3), np.array([0, 5, -1e4, 1e3, 1, 0])
    moved = lasso_path(x * units + offset, y, family=family, lambdas=lambdas)
    assert_allclose(moved.coefficients * units, plain.coefficients, rtol=1e-6, atol=1e-9)
    shifted = moved.intercepts + moved.coefficients @ offset
    assert_allclose(shifted, plain.intercepts, rtol=1e-5, atol=1e-7)
    twice = lasso_path(np.vstack([x, x]), np.r_[y, y], family=family, lambdas=lambdas)
    assert_allclose(twice.coefficients, plain.coefficients, rtol=1e-6, atol=1e-9)


def test_the_opposite_outcome_has_the_opposite_signs():
    x, y = patients()
    a, b = (lasso_path(x, each, lambdas=[0.1, 0.01]) for each in (y, 1 - y))
    assert_allclose(a.coefficients, -b.coefficients, rtol=1e-7, atol=1e-10)
    assert_allclose(a.intercepts, -b.intercepts, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("case", GLMNET, ids=lambda case: case["id"])
def test_paths_agree_with_glmnet(case):
    x, y, scale = np.array(case["x"]), np.array(case["y"]), np.std(case["x"], axis=0)
    options = {"family": case["family"], "standardise": case["standardise"]}
    own = lasso_path(x, y, lambda_min_ratio=case["ratio"], **options)
    # and leaves it at the same place
    assert_allclose(own.lambdas, case["lambda"], rtol=1e-12, err_msg="lambda")
    path = lasso_path(x, y, lambdas=case["lambda"], **options)
    assert_allclose(
        path.coefficients[case["at"]] * scale,
        np.array(case["coefficient"]) * scale,
        atol=4e-6,
        err_msg="coefficients",
    )
    large, name = (1e5, "offset") if case["id"] == "constant-and-offset" else (1.0, "intercepts")
    found = path.intercepts[case["at"]]
    assert_allclose(found, case["intercept"], atol=2e-6 * large, err_msg=name)
    assert_allclose(path.deviance_ratio, case["deviance_ratio"], atol=1e-7, err_msg="deviance")
    assert_allclose(path.null_deviance, case["null_deviance"], rtol=1e-12, err_msg="null")


@pytest.mark.parametrize("case", GLMNET, ids=lambda case: case["id"])
def test_curves_agree_with_cv_glmnet(case):
    for wanted in case["curves"]:
        measure = {"class": "misclassification"}.get(wanted["measure"], wanted["measure"])
        found = cross_validated_lasso(
            case["x"],
            case["y"],
            family=case["family"],
            standardise=case["standardise"],
            lambdas=case["lambda"],
            folds=case["fold"],
            measure=measure,
        )
        assert_allclose(found.mean, wanted["mean"], rtol=1e-5)
        assert_allclose(found.se, wanted["se"], rtol=1e-5, atol=1e-12)
        assert [found.index_min, found.index_1se] == wanted["index"]
        assert found.lambda_min == case["lambda"][wanted["index"][0]]
        assert found.converged


def test_agrees_with_skglm():
    for case in SKGLM:
        x, y, lam = np.array(case["x"]), np.array(case["y"]), case["lambda"]
        path = lasso_path(x, y, lambdas=[lam], standardise=False)
        assert_allclose(path.coefficients[0], case["coefficient"], atol=1e-8)
        assert_allclose(path.intercepts[0], case["intercept"], atol=1e-8)
        assert_array_equal(path.coefficients[0] == 0, np.array(case["coefficient"]) == 0)


def test_a_model_without_a_fold_is_the_model_of_the_other_patients():
    x, y = patients(n=60, p=30)
    folds = np.arange(60) % 4
    found = cross_validated_lasso(x, y, folds=folds, lambdas=[0.15, 0.08, 0.02])
    kept = np.zeros((3, 30))
    for k in range(4):
        held = folds == k
        path = lasso_path(x[~held], y[~held], lambdas=[0.15, 0.08, 0.02])
        kept += path.coefficients != 0
        eta = path.intercepts[:, None] + path.coefficients @ x[held].T
        deviance = [2 * oracle.loss("logistic", e, y[held]) for e in eta]
        assert_allclose(found.by_fold[0, k], deviance, rtol=1e-6)
    assert_array_equal(found.selection_frequency, kept / 4)
    assert_allclose(found.mean, found.by_fold[0].mean(axis=0), rtol=1e-12)
    assert_allclose(found.se, found.by_fold[0].std(axis=0, ddof=1) / 2, rtol=1e-12)


def test_a_feature_that_varies_in_the_held_out_fold_only_is_left_out_of_its_model():
    x, y = patients(n=40, p=3)
    folds = np.arange(40) % 4
    x[:, 2] = np.where(np.arange(40) == 8, 3.0, 0.1)
    found = cross_validated_lasso(x, y, folds=folds, lambdas=[0.1, 1e-4])
    assert_array_equal(found.selection_frequency[1], [1.0, 1.0, 0.75])


def test_repeats_average_their_curves_and_count_all_their_models():
    x, y = patients(n=40, p=8)
    found = cross_validated_lasso(x, y, n_folds=4, repeats=3, lambdas=[0.1, 0.05])
    singles = [cross_validated_lasso(x, y, folds=f, lambdas=[0.1, 0.05]) for f in found.folds]
    assert len({tuple(f) for f in found.folds}) == 3
    assert_allclose(found.mean, np.mean([s.mean for s in singles], axis=0), rtol=1e-10)
    assert_allclose(found.se, np.mean([s.se for s in singles], axis=0), rtol=1e-8)
    frequency = np.mean([s.selection_frequency for s in singles], axis=0)
    assert_allclose(found.selection_frequency, frequency, rtol=1e-12)


@given(st.integers(3, 6), st.integers(0, 50))
def test_folds_are_stratified_and_balanced(k, seed):
    x, y = patients(n=37, p=2)
    folds = cross_validated_lasso(x, y, n_folds=k, random_state=seed, lambdas=[1.0, 0.5]).folds[0]
    for member in (np.ones(37, bool), y == 1, y == 0):
        sizes = np.bincount(folds[member], minlength=k)
        assert np.ptp(sizes) <= 1


def test_the_auc_rule_prefers_the_largest():
    x, y = patients(n=60, p=5)
    found = cross_validated_lasso(x, y, n_folds=5, measure="auc")
    assert found.mean[found.index_min] == found.mean.max()
    floor = found.mean.max() - found.se[found.index_min]
    assert found.index_1se == np.flatnonzero(found.mean >= floor)[0]


# --- estimators -------------------------------------------------------------------------------


def table(n=60, p=5, seed=2):
    x, y = patients(n=n, p=p, seed=seed)
    index = [f"P{i:03d}" for i in range(n)]
    return pd.DataFrame(x, index=index, columns=[f"f{j}" for j in range(p)]), y.astype(int)


def test_the_signature_is_the_model_at_the_chosen_lambda():
    x, y = table()
    for rule in ("min", "1se"):
        model = LassoLogistic(n_folds=5, rule=rule).fit(x, y)
        at = getattr(model.cv_, f"index_{rule}")
        assert model.lambda_ == getattr(model, f"lambda_{rule}_") == model.path_.lambdas[at]
        assert_array_equal(model.coef_, model.path_.coefficients[at])
        assert_array_equal(model.selection_frequency_, model.cv_.selection_frequency[at])
        eta = x.to_numpy() @ model.coef_ + model.intercept_
        assert_allclose(model.linear_predictor(x), eta, rtol=1e-12)
        assert_allclose(model.predict_proba(x)[:, 1], 1 / (1 + np.exp(-eta)), rtol=1e-12)
        assert_array_equal(model.predict(x), (eta > 0).astype(int))
        assert model.patients_seen_ == tuple(x.index)
        assert list(model.feature_names_in_) == list(x.columns)
        assert not model.null_
    assert "kept" in model.sentence_
    assert model.link_ == "logit"


def test_given_folds_replace_the_draw():
    x, y = table()
    folds = np.arange(60) % 3
    model = LassoLogistic().fit(x, y, folds=folds)
    assert_array_equal(model.cv_.folds[0], folds)
    assert "3 folds" in model.sentence_


def test_the_linear_signature_of_a_0_1_outcome_has_no_probability():
    x, y = table()
    model = LassoLinear(n_folds=5).fit(x, y)
    assert model.link_ == "identity"
    assert not hasattr(model, "predict_proba")
    assert_allclose(model.linear_predictor(x).mean(), y.mean(), rtol=1e-12)
    strata = [y[model.cv_.folds[0] == k].sum() for k in range(5)]
    assert max(strata) - min(strata) <= 1


def test_a_null_model_says_so():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(50, 3)), np.arange(50) % 5 == 0
    model = LassoLogistic(n_folds=5, rule="1se").fit(x, y.astype(int))
    assert model.null_
    assert "null model" in model.sentence_
    assert "0.200 (10 of 50 patients)" in model.sentence_
    assert_allclose(model.predict_proba(x)[:, 1], 0.2, rtol=1e-12)
    linear = LassoLinear(n_folds=5, rule="1se").fit(x, y.astype(int))
    assert linear.null_
    assert "development prevalence, 0.200" in linear.sentence_
    assert (
        "development mean"
        in LassoLinear(rule="1se").fit(x, x @ [0, 0, 0] + rng.normal(size=50)).sentence_
    )


def test_same_bytes_with_any_number_of_threads():
    x, y = patients(n=70, p=900)
    found = []
    for threads in (1, 2, 8):
        with threadpool_limits(threads):
            found.append(cross_validated_lasso(x, y, n_folds=5, n_lambda=40))
    for other in found[1:]:
        assert other.path.coefficients.tobytes() == found[0].path.coefficients.tobytes()
        assert other.mean.tobytes() == found[0].mean.tobytes()


def test_a_constant_feature_has_the_coefficient_zero():
    x, y = table()
    with_constant = x.assign(flat=0.1)
    model, plain = (LassoLogistic(n_folds=5).fit(t, y) for t in (with_constant, x))
    assert model.coef_[-1] == 0
    assert_allclose(model.coef_[:-1], plain.coef_, rtol=1e-9)


def test_refusals_name_what_is_wrong():
    x, y = table()
    few = np.where(np.arange(60) < 4, 1, 0)
    with pytest.raises(ValueError, match=r"4 events cannot be spread over 10 folds.*<= 4"):
        LassoLogistic().fit(x, few)
    with pytest.raises(ValueError, match=r"4 patients without the event cannot be spread over 10"):
        LassoLogistic().fit(x, 1 - few)
    with pytest.raises(ValueError, match="one class"):
        LassoLogistic().fit(x, np.ones(60))
    holed = x.copy()
    holed.loc["P007", "f3"] = np.nan
    with pytest.raises(ValueError, match=r"'f3' of patient 'P007'"):
        LassoLogistic().fit(holed, y)
    with pytest.raises(ValueError, match=r"'f3' of patient 'P007'"):
        LassoLogistic(n_folds=4).fit(x, y).linear_predictor(holed)
    with pytest.raises(ValueError, match="`rule` must be one of min, 1se"):
        LassoLogistic(rule="best").fit(x, y)
    with pytest.raises(ValueError, match="`measure` must be one of deviance"):
        LassoLinear(measure="auc").fit(x, y)
    with pytest.raises(ValueError, match="a feature that varies with the outcome"):
        lasso_path(np.ones((60, 2)), y)
    with pytest.raises(ValueError, match="`y` must vary"):
        lasso_path(x, np.zeros(60), family="linear")
    with pytest.raises(ValueError, match="`family` must be one of"):
        lasso_path(x, y, family="poisson")
    with pytest.raises(ValueError, match="`lambdas` must hold positive numbers"):
        lasso_path(x, y, lambdas=[0.1, 0.0])
    with pytest.raises(ValueError, match="`lambda_min_ratio` must lie in"):
        lasso_path(x, y, lambda_min_ratio=1.0)
    with pytest.raises(ValueError, match="at least 2 different folds"):
        cross_validated_lasso(x, y, folds=np.zeros(60))
    with pytest.raises(ValueError, match="shape"):
        cross_validated_lasso(x, y, folds=np.zeros(59))
    with pytest.raises(ValueError, match="one outcome only outside fold"):
        cross_validated_lasso(x, y, folds=y)
    with pytest.raises(ValueError, match="`measure` cannot be auc"):
        cross_validated_lasso(
            x, few, measure="auc", folds=np.where(few, np.arange(60) % 2, np.arange(60) % 3)
        )
    with pytest.raises(NotFittedError):
        LassoLogistic().linear_predictor(x)


def test_clone_and_parameters():
    model = LassoLogistic(n_folds=4, rule="1se", repeats=2, random_state=7)
    assert clone(model).get_params() == model.get_params()
    x, y = table()
    first, second = (clone(model).fit(x, y) for _ in range(2))
    assert first.coef_.tobytes() == second.coef_.tobytes()
    assert clone(model).set_params(random_state=8).fit(x, y).cv_.mean.tobytes() != (
        first.cv_.mean.tobytes()
    )


OTHER_LABELS = "the outcome of a signature is 0/1, other labels are refused"
NOT_APPLICABLE = {
    "check_estimators_dtypes": OTHER_LABELS,
    "check_classifier_data_not_an_array": OTHER_LABELS,
    "check_classifiers_classes": OTHER_LABELS,
    "check_classifier_not_supporting_multiclass": OTHER_LABELS,
    "check_fit2d_1feature": OTHER_LABELS,
    "check_supervised_y_2d": "a column of outcomes is refused, not flattened with a warning",
}


@parametrize_with_checks(
    [LassoLogistic(n_folds=3, n_lambda=10), LassoLinear(n_folds=3, n_lambda=10)],
    expected_failed_checks=lambda e: NOT_APPLICABLE if isinstance(e, LassoLogistic) else {},
)
def test_is_a_scikit_learn_estimator(estimator, check):
    check(estimator)
