"""`RegressionModel` against R's glm and coxph, its definition, its invariances and its edges."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from extval.features.modelling.clinical import ClinicalModel
from extval.features.modelling.outcome import survival
from extval.features.modelling.regression import RegressionModel
from extval.stats.firth import firth_logistic
from tests.oracles import cox as cox_oracle

REFERENCE = json.loads(
    (Path(__file__).parents[2] / "reference" / "clinical_model.json").read_text()
)
DATA = pd.DataFrame(REFERENCE["data"])
DATA.index = [f"P{i:03d}" for i in range(len(DATA))]
SETTINGS = {
    "grade_f": {"column": "grade", "kind": "categorical"},
    "size_gt_10": {"column": "size", "above": 10},
}
EVENT, SURVIVAL = DATA["event"].to_numpy(), survival(DATA["time"], DATA["dead"])


def outcome_of(kind):
    return SURVIVAL if kind == "cox" else EVENT


def settings(names):
    return {name: SETTINGS.get(name) for name in names}


def reference_id(case):
    return f"{case['kind']}-{len(case['predictors'])}"


@pytest.mark.parametrize("case", REFERENCE["models"], ids=reference_id)
def test_agrees_with_glm_and_coxph(case):
    model = RegressionModel(
        case["kind"], settings(case["predictors"]), horizons=case.get("horizons")
    ).fit(DATA, outcome_of(case["kind"]))
    assert model.sentence_ == ""
    table, kind = model.table_, case["kind"]
    coefficients, se = np.atleast_1d(case["coefficients"]), np.atleast_1d(case["se"])
    assert_allclose(model.coef_, coefficients, rtol=1e-8, err_msg=kind)
    assert_allclose(table["se"], se, rtol=1e-8, err_msg=kind)
    assert_allclose(model.log_likelihood_, case["loglik"], rtol=1e-11, err_msg=kind)
    margin = 1.959963984540054 * se
    assert_allclose(table["ratio"], np.exp(coefficients), rtol=1e-8, err_msg=kind)
    assert_allclose(table["wald_lower"], np.exp(coefficients - margin), rtol=1e-8, err_msg=kind)
    assert_allclose(table["wald_upper"], np.exp(coefficients + margin), rtol=1e-8, err_msg=kind)
    limits = np.log(table[["profile_lower", "profile_upper"]])
    wanted = np.reshape(case["profile"], (-1, 2))
    assert_allclose(limits, wanted, rtol=1e-6, atol=1e-8, err_msg=f"{kind}, profile")
    for name, short in (("likelihood_ratio_p", "lr"), ("wald_p", "wald")):
        wanted = np.atleast_1d(case[f"joint_{short}"])
        assert_allclose(model.tests_[name], wanted, rtol=1e-7, err_msg=f"{kind}, tests")
    if kind == "logistic":
        assert_allclose(model.intercept_, case["intercept"], rtol=1e-8, err_msg=kind)
        risks = model.predict_proba(DATA)[:, 1]
        assert_allclose(risks, case["risk"], rtol=1e-8, err_msg=f"{kind}, risks")
    else:
        assert_allclose(model.survival(DATA), case["survival"], rtol=1e-8, err_msg=f"{kind}, risks")
        risks, wanted = model.risk(DATA, [6, 36]), 1 - model.survival(DATA)[:, [0, 2]]
        np.testing.assert_allclose(risks, wanted, rtol=1e-12)


def test_a_single_term_has_the_same_test_alone_and_jointly():
    model = RegressionModel("logistic", ["age", "size"]).fit(DATA, EVENT)
    assert_allclose(model.table_["likelihood_ratio_p"], model.tests_["likelihood_ratio_p"])
    assert_allclose(model.table_["wald_p"], model.tests_["wald_p"], rtol=1e-9)


@st.composite
def cohorts(draw):
    """Draw small integer predictors with many ties, a category, an outcome and follow-up times."""
    n = draw(st.integers(12, 24))

    def integers(low, high):
        return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))

    table = pd.DataFrame(
        {"a": integers(-2, 2), "b": integers(0, 3), "c": np.array(list("xyz"))[integers(0, 2)]}
    )
    return table, integers(0, 1), integers(1, 6)


@given(cohorts())
def test_the_score_vanishes_at_a_logistic_maximum(cohort):
    table, event, _ = cohort
    assume(0 < event.sum() < event.size)
    model = RegressionModel().fit(table, event)
    assume(model.sentence_ == "")
    residual = event - model.predict_proba(table)[:, 1]
    columns = [table["a"], table["b"], table["c"] == model.levels_["c"][1]]
    for column in [np.ones(event.size), *columns]:
        assert_allclose((np.asarray(column, float) * residual).sum(), 0, atol=1e-8)


@given(cohorts())
def test_the_score_vanishes_at_a_cox_maximum_and_the_baseline_is_efrons(cohort):
    table, event, time = cohort
    assume(event.any())
    model = RegressionModel("cox", ["a", "b"], horizons=[2, 4]).fit(table, survival(time, event))
    assume(np.isfinite(model.coef_).all())
    x = table[["a", "b"]].to_numpy(float)
    slope = cox_oracle.gradient(model.coef_, time, event, x)
    assert_allclose(slope, 0, atol=1e-6)
    lp = (x - x.mean(axis=0)) @ model.coef_
    for horizon, found in model.baseline_survival_.items():
        hazard = 0.0
        for t in sorted(set(time[(event == 1) & (time <= horizon)])):
            died = np.flatnonzero((time == t) & (event == 1))
            for step in range(died.size):
                left = np.exp(lp[time >= t]).sum() - step / died.size * np.exp(lp[died]).sum()
                hazard += 1 / left
        if horizon <= time.max():
            assert_allclose(found, np.exp(-hazard), rtol=1e-10)


@given(cohorts(), st.randoms(use_true_random=False))
def test_the_order_of_patients_and_the_reference_level_do_not_change_predictions(cohort, random):
    table, event, time = cohort
    assume(0 < event.sum() < event.size)
    order = list(range(event.size))
    random.shuffle(order)
    for kind, y in (("logistic", event), ("cox", survival(time, event))):
        model = RegressionModel(kind).fit(table, y)
        assume(model.sentence_ == "")
        shuffled = RegressionModel(kind).fit(table.iloc[order], y[order])
        assert_allclose(
            shuffled.linear_predictor(table), model.linear_predictor(table), rtol=1e-6, atol=1e-7
        )
        last = sorted(set(table["c"]))[-1]
        moved = {"a": None, "b": None, "c": {"reference": last}}
        other = RegressionModel(kind, moved).fit(table, y)
        assert other.levels_["c"][0] == last
        assert_allclose(
            other.linear_predictor(table), model.linear_predictor(table), rtol=1e-6, atol=1e-7
        )


def test_a_patients_prediction_does_not_depend_on_who_else_is_there():
    model = RegressionModel("logistic", ["age", "size", "stage"]).fit(DATA, EVENT)
    together = model.linear_predictor(DATA)
    alone = [model.linear_predictor(DATA.iloc[[i]])[0] for i in range(12)]
    assert_array_equal(together[:12], alone)


def test_a_cut_equals_its_own_column():
    cut = RegressionModel("logistic", settings(["size_gt_10"])).fit(DATA, EVENT)
    column = RegressionModel("logistic", ["size_gt_10"]).fit(DATA, EVENT)
    assert_array_equal(cut.coef_, column.coef_)
    assert cut.terms_ == column.terms_ == ("size_gt_10",)
    from_ten = {"big": {"column": "size", "at_least": 10}}
    reached = RegressionModel("logistic", from_ten).fit(DATA, EVENT)
    assert_allclose(reached.means_, [(DATA["size"] >= 10).mean()])


def test_coding_of_each_type_of_column():
    table = DATA.assign(
        flag=DATA["sex"] == 1, rank=pd.Categorical(DATA["stage"], ["T3", "T1", "T2", "T9"])
    )
    model = RegressionModel("logistic", ["flag", "rank", "oedema", "grade"]).fit(table, EVENT)
    assert model.terms_ == ("flag", "rank=T1", "rank=T2", "oedema=yes", "grade")
    assert model.levels_ == {"rank": ("T3", "T1", "T2"), "oedema": ("no", "yes")}
    assert model.predictors_[1].absent == ("T9",)
    assert "No patient had the declared level T9 of rank." in model.sentence_
    assert np.isfinite(model.coef_).all()
    declared = {"g": {"column": "grade", "levels": [1, 2, 3], "reference": 2}}
    assert RegressionModel("logistic", declared).fit(DATA, EVENT).terms_ == ("g=1", "g=3")
    floats = DATA.assign(grade=DATA["grade"].astype(float))
    fitted = RegressionModel("logistic", declared).fit(DATA, EVENT)
    assert_array_equal(fitted.linear_predictor(floats), fitted.linear_predictor(DATA))


def test_a_predictor_declares_itself_again():
    names = settings(["grade_f", "size_gt_10", "age", "stage"])
    model = RegressionModel("logistic", names).fit(DATA, EVENT)
    again = RegressionModel("logistic", json.loads(json.dumps(model.settings_)))
    assert again.fit(DATA, EVENT).predictors_ == model.predictors_


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (4, "stage", "T9", "`stage` holds 'T9' for patient P004.*the model knows T1, T2, T3"),
        (4, "stage", None, "`stage` has no value for patient P004"),
        (7, "age", np.nan, "`age` has no value for patient P007.*Impute"),
        (7, "age", np.inf, "`age` has the value inf for patient P007"),
    ],
)
def test_values_that_the_model_cannot_read_are_refused(row, column, value, message):
    model = RegressionModel("logistic", ["age", "stage"]).fit(DATA, EVENT)
    changed = DATA.copy()
    changed[column] = changed[column].astype(object if column == "stage" else float)
    changed.iloc[row, changed.columns.get_loc(column)] = value
    with pytest.raises(ValueError, match=message):
        model.linear_predictor(changed)


def test_dates_are_refused():
    with pytest.raises(ValueError, match="`seen` of predictor `seen` holds dates"):
        RegressionModel("logistic", ["seen"]).fit(DATA.assign(seen=pd.Timestamp(2020, 1, 1)), EVENT)


def test_a_declared_level_without_patients_is_refused_at_prediction():
    declared = {"stage": {"levels": ["T1", "T2", "T3", "T4"]}}
    model = RegressionModel("logistic", declared).fit(DATA, EVENT)
    later = DATA.assign(stage="T4")
    with pytest.raises(ValueError, match=r"'T4' for patient P000.*no patient of the development"):
        model.linear_predictor(later)


@pytest.mark.parametrize(
    ("predictors", "message"),
    [
        (["agee"], "needs the column `agee`"),
        ("age", "must be a list or a mapping"),
        ({"age": {"colum": "age"}}, "unknown setting `colum`"),
        ({"x": {"column": "size", "above": 1, "at_least": 2}}, "only one of"),
        ({"stage": {"levels": ["T1", "T2"]}}, "not a declared level"),
        ({"stage": {"reference": "T0"}}, "reference level 'T0'.*T1, T3|T3, T1|T2"),
        ({"stage": {"kind": "numeric"}}, "`stage` must hold numbers"),
        ({"stage": {"kind": "text"}}, "`kind` of predictor `stage`"),
    ],
)
def test_declarations_that_do_not_fit_the_table_are_refused(predictors, message):
    with pytest.raises(ValueError, match=message):
        RegressionModel("logistic", predictors).fit(DATA, EVENT)


@pytest.mark.parametrize(
    ("kind", "y", "message"),
    [
        ("logistic", SURVIVAL, "learns a 0/1 outcome"),
        ("cox", EVENT, "learns a time to event"),
        ("logistic", np.zeros(len(DATA)), "two classes"),
        ("cox", survival(DATA["time"], np.zeros(len(DATA))), "No patient has the event"),
        ("probit", EVENT, "`kind` must be one of"),
        ("logistic", EVENT[:-1], "inconsistent numbers of samples"),
    ],
)
def test_outcomes_that_do_not_fit_the_model_are_refused(kind, y, message):
    with pytest.raises(ValueError, match=message):
        RegressionModel(kind, ["age"]).fit(DATA, y)


def test_separation_names_the_predictor():
    separated = DATA.assign(perfect=np.where(EVENT == 1, "ill", "well"))
    model = RegressionModel("logistic", ["age", "perfect"]).fit(separated, EVENT)
    assert "perfect=well separates patients" in model.sentence_
    assert np.isnan(model.coef_).all() and np.isnan(model.predict_proba(separated)).all()
    assert (model.table_["note"] == model.sentence_).all()
    assert np.isnan(model.tests_["likelihood_ratio_p"]).all()
    with pytest.raises(ValueError, match="No outcome can be predicted"):
        model.predict(separated)


def test_a_level_without_events_is_quasi_complete_separation():
    table = DATA.assign(rare=["a" if e else "b" if i % 2 else "a" for i, e in enumerate(EVENT)])
    model = RegressionModel("logistic", ["rare"]).fit(table, EVENT)
    assert "rare=b separates" in model.sentence_


def test_a_monotone_cox_likelihood_has_a_sentence_and_one_profile_limit():
    late = DATA.assign(first=(DATA["dead"] == 1).astype(int))
    model = RegressionModel("cox", ["first"], horizons=[12]).fit(late, SURVIVAL)
    assert "no maximum" in model.sentence_
    assert np.isnan(model.risk(late)).all()
    row = model.table_.iloc[0]
    assert np.isnan(row["ratio"])
    assert row["profile_lower"] > 1 and row["profile_upper"] == np.inf


@pytest.mark.parametrize("column", ["one", "same"])
def test_a_predictor_without_variation_is_named(column):
    table = DATA.assign(one=1.0, same="a")
    for kind in ("logistic", "cox"):
        model = RegressionModel(kind, ["age", column], horizons=[6]).fit(table, outcome_of(kind))
        assert f"the same value of {column}" in model.sentence_
        assert np.isnan(model.linear_predictor(table)).all()


def test_collinear_predictors_are_said():
    table = DATA.assign(twice=2 * DATA["age"] + 1)
    model = RegressionModel("logistic", ["age", "twice"]).fit(table, EVENT)
    assert "linear combination" in model.sentence_


def test_the_null_model_predicts_the_event_rate_and_the_baseline():
    null = RegressionModel("logistic", []).fit(DATA, EVENT)
    assert_allclose(null.predict_proba(DATA)[:, 1], EVENT.mean(), rtol=1e-12)
    assert null.table_.empty and null.tests_.empty
    cox = RegressionModel("cox", [], horizons=[12]).fit(DATA, SURVIVAL)
    hazard = 0.0
    time, dead = DATA["time"].to_numpy(), DATA["dead"].to_numpy()
    for t in np.unique(time[(dead == 1) & (time <= 12)]):
        deaths = int(((time == t) & (dead == 1)).sum())
        hazard += sum(1 / ((time >= t).sum() - step) for step in range(deaths))
    assert_allclose(cox.survival(DATA)[:, 0], np.exp(-hazard), rtol=1e-12)
    assert cox.table_.empty


def test_horizons_beyond_the_follow_up_are_undefined_or_refused():
    last = float(DATA["time"].max())
    model = RegressionModel("cox", ["age"], horizons=[12, last + 1]).fit(DATA, SURVIVAL)
    assert "beyond the longest follow-up" in model.sentence_
    assert_array_equal(np.isnan(model.risk(DATA)).all(axis=0), [False, True])
    with pytest.raises(ValueError, match="beyond the longest follow-up"):
        model.risk(DATA, [last + 1])
    with pytest.raises(ValueError, match="Give `horizons`"):
        RegressionModel("cox", ["age"]).fit(DATA, SURVIVAL).risk(DATA)


def test_tables_are_made_when_read_and_models_are_cloned_and_pickled():
    model = RegressionModel("cox", ["age", "stage"], horizons=[12]).fit(DATA, SURVIVAL)
    assert model.__dict__["_table"] is None
    assert model.table_ is model.table_
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.risk(DATA), model.risk(DATA))
    assert clone(model).get_params() == model.get_params()
    assert model.patients_seen_ == tuple(DATA.index)
    assert not hasattr(model, "predict_proba") and not hasattr(RegressionModel("logistic"), "risk")


def test_columns_are_found_by_name_and_others_ignored():
    model = RegressionModel("logistic", ["age", "size"]).fit(DATA, EVENT)
    rearranged = DATA[["size", "ki67", "age"]]
    assert_array_equal(model.linear_predictor(rearranged), model.linear_predictor(DATA))
    with pytest.raises(ValueError, match="needs the column `size`"):
        model.linear_predictor(DATA[["age"]])
    assert_array_equal(model.feature_names_in_, ["age", "size"])


def test_an_array_has_numbered_predictors():
    values = DATA[["age", "size"]].to_numpy(float)
    model = RegressionModel().fit(values, EVENT)
    assert model.terms_ == ("x0", "x1") and model.patients_seen_ is None
    named = RegressionModel("logistic", ["age", "size"]).fit(DATA, EVENT)
    assert_array_equal(model.linear_predictor(values), named.linear_predictor(DATA))


# scikit-learn's own tables are separable, where maximum likelihood has no answer to predict with.
SEPARABLE = "the data of this check are separable: no maximum-likelihood estimate exists"
EXPECTED = dict.fromkeys(
    (
        "check_estimators_pickle",
        "check_f_contiguous_array_estimator",
        "check_classifiers_classes",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
        "check_dict_unchanged",
    ),
    SEPARABLE,
)


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@parametrize_with_checks(
    [RegressionModel(), ClinicalModel()], expected_failed_checks=lambda _: EXPECTED
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_firth_stands_for_an_estimate_that_does_not_exist():
    x = pd.DataFrame({"size": [1.0, 2, 3, 4, 5, 6, 7]}, index=list("abcdefg"))
    y = np.array([0, 0, 0, 0, 1, 1, 1])
    plain = RegressionModel().fit(x, y)
    assert np.isnan(plain.coef_).all()
    assert not plain.firth_
    model = RegressionModel(separation="firth").fit(x, y)
    design = np.column_stack((np.ones(7), x["size"]))
    expected = firth_logistic(design, y)
    assert model.firth_
    assert_allclose([model.intercept_, *model.coef_], expected.coefficients, rtol=1e-6)
    row = model.table_.iloc[0]
    assert_allclose(row["se"], np.sqrt(expected.covariance[1, 1]), rtol=1e-6)
    assert np.isfinite([row["wald_lower"], row["wald_upper"], row["wald_p"]]).all()
    assert np.isnan([row["profile_lower"], row["profile_upper"]]).all()
    assert "Firth's penalised estimate stands in its place" in row["note"]
    assert np.isfinite(model.predict_proba(x)).all()


def test_firth_is_not_used_where_maximum_likelihood_exists():
    x = pd.DataFrame({"size": [1.0, 2, 3, 4, 5, 6, 7]})
    y = np.array([0, 1, 0, 1, 0, 1, 1])
    plain, asked = RegressionModel().fit(x, y), RegressionModel(separation="firth").fit(x, y)
    assert not asked.firth_
    assert_allclose(asked.coef_, plain.coef_, rtol=0)
