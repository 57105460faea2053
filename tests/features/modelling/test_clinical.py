"""`ClinicalModel`: the papers' two rounds of P values against R, and its invariances and edges."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from extval.features.modelling.clinical import (
    PRESPECIFIED,
    SELECTION_CAUTION,
    TWO_ROUNDS,
    ClinicalModel,
)
from extval.features.modelling.outcome import survival
from extval.features.modelling.regression import RegressionModel

REFERENCE = json.loads(
    (Path(__file__).parents[2] / "reference" / "clinical_model.json").read_text()
)
DATA = pd.DataFrame(REFERENCE["data"])
DATA.index = [f"P{i:03d}" for i in range(len(DATA))]
EVENT, SURVIVAL = DATA["event"].to_numpy(), survival(DATA["time"], DATA["dead"])
ALL = dict.fromkeys(("age", "size", "sex", "stage", "ki67", "oedema"))
ALL["grade_f"] = {"column": "grade", "kind": "categorical"}


def outcome_of(kind):
    return SURVIVAL if kind == "cox" else EVENT


def selection_id(case):
    parts = ("kind", "test", "elimination", "univariate_p")
    return "-".join(str(case[part]) for part in parts)


@pytest.mark.parametrize("case", REFERENCE["selections"], ids=selection_id)
def test_selects_as_r_does(case):
    model = ClinicalModel(
        case["kind"],
        {name: ALL[name] for name in case["candidates"]},
        TWO_ROUNDS,
        univariate_p=case["univariate_p"],
        multivariable_p=case["multivariable_p"],
        elimination=case["elimination"],
        test="likelihood-ratio" if case["test"] == "lr" else "wald",
    ).fit(DATA, outcome_of(case["kind"]))
    assert_allclose(list(model.univariate_p_.values()), case["alone"], rtol=1e-7)
    assert list(model.multivariable_p_) == case["entered"]
    assert_allclose(list(model.multivariable_p_.values()), case["together"], rtol=1e-7)
    assert list(model.selected_) == case["kept"]
    assert model.cautions_[0] == SELECTION_CAUTION
    assert {name for name, _ in model.steps_} == set(case["entered"]) - set(case["kept"])


@pytest.mark.parametrize("kind", ["logistic", "cox"])
def test_the_final_model_is_the_regression_on_the_selected_predictors(kind):
    y = outcome_of(kind)
    model = ClinicalModel(kind, ALL, TWO_ROUNDS, horizons=[12]).fit(DATA, y)
    plain = RegressionModel(kind, list(model.selected_), horizons=[12]).fit(DATA, y)
    assert_array_equal(model.linear_predictor(DATA), plain.linear_predictor(DATA))
    if kind == "cox":
        assert_array_equal(model.risk(DATA), plain.risk(DATA))
        assert_allclose(model.survival(DATA, [6]), 1 - plain.risk(DATA, [6]), rtol=1e-12)
    else:
        assert_array_equal(model.predict_proba(DATA), plain.predict_proba(DATA))
        assert_array_equal(model.predict(DATA), plain.predict(DATA))
    pd.testing.assert_frame_equal(model.model_.table_, plain.table_)


def test_prespecified_predictors_are_all_kept_without_a_caution_of_selection():
    model = ClinicalModel("logistic", ["age", "size"], PRESPECIFIED).fit(DATA, EVENT)
    assert model.selected_ == ("age", "size") and model.cautions_ == ()
    assert model.univariate_table_.empty and model.multivariable_table_.empty
    assert list(model.univariate_table_)[-2:] == ["joint_p", "kept"]


def test_tables_show_both_rounds():
    model = ClinicalModel("cox", ALL, TWO_ROUNDS).fit(DATA, SURVIVAL)
    alone = model.univariate_table_
    stage = RegressionModel("cox", ["stage"]).fit(DATA, SURVIVAL)
    rows = alone[alone["predictor"] == "stage"]
    assert list(rows["term"]) == ["stage=T2", "stage=T3"]
    assert_allclose(rows["ratio"], stage.table_["ratio"], rtol=1e-12)
    assert_allclose(rows["joint_p"], stage.tests_["likelihood_ratio_p"][0], rtol=1e-9)
    assert set(alone.loc[alone["kept"], "predictor"]) == set(model.multivariable_p_)
    together = model.multivariable_table_
    whole = RegressionModel("cox", list(model.multivariable_p_)).fit(DATA, SURVIVAL)
    assert_allclose(together["profile_upper"], whole.table_["profile_upper"], rtol=1e-12)
    assert set(together.loc[together["kept"], "predictor"]) == set(model.selected_)


def test_nothing_selected_is_the_null_model_with_a_sentence():
    model = ClinicalModel("logistic", ALL, TWO_ROUNDS, univariate_p=1e-9).fit(DATA, EVENT)
    assert model.selected_ == () and "No candidate was significant alone" in model.sentence_
    assert_allclose(model.predict_proba(DATA)[:, 1], EVENT.mean(), rtol=1e-12)
    second = ClinicalModel("cox", ALL, TWO_ROUNDS, multivariable_p=1e-9, horizons=[12])
    second.fit(DATA, SURVIVAL)
    assert "in the multivariable model" in second.sentence_ and second.multivariable_p_
    assert np.ptp(second.risk(DATA)) == 0.0
    assert_allclose(
        second.risk(DATA)[0],
        RegressionModel("cox", [], horizons=[12]).fit(DATA, SURVIVAL).risk(DATA.iloc[:1])[0],
    )


def test_a_candidate_that_cannot_be_tested_is_named():
    table = DATA.assign(perfect=EVENT, same="a", one=1)
    candidates = ["age", "size", "perfect", "same", "one"]
    model = ClinicalModel("logistic", candidates, TWO_ROUNDS).fit(table, EVENT)
    assert model.selected_ == ("age", "size")
    text = " ".join(model.cautions_)
    assert "perfect could not be tested and was left out. Not estimable: perfect sep" in text
    assert "same could not be tested" in text and "one could not be tested" in text


def test_a_multivariable_model_without_a_maximum_keeps_nothing():
    table = DATA.assign(twice=2 * DATA["size"])
    model = ClinicalModel("logistic", ["size", "twice"], TWO_ROUNDS).fit(table, EVENT)
    assert model.selected_ == ()
    assert any("kept no predictor" in caution for caution in model.cautions_)
    assert np.isnan(list(model.multivariable_p_.values())).all()


def test_too_many_candidates_for_the_events_are_cautioned():
    few = DATA.iloc[:40]
    model = ClinicalModel("logistic", ALL, PRESPECIFIED).fit(few, EVENT[:40])
    assert "candidate coefficients" in model.cautions_[0] and len(model.cautions_) == 1


@given(st.permutations(list(ALL)))
def test_the_order_of_candidates_does_not_matter(order):
    model = ClinicalModel("logistic", {name: ALL[name] for name in order}, TWO_ROUNDS)
    assert set(model.fit(DATA, EVENT).selected_) == {"age", "size"}


def test_an_external_table_needs_only_the_selected_columns():
    model = ClinicalModel("logistic", ALL, TWO_ROUNDS).fit(DATA, EVENT)
    assert_array_equal(model.predict_proba(DATA[["size", "age"]]), model.predict_proba(DATA))
    with pytest.raises(ValueError, match="needs the column `size`"):
        model.predict_proba(DATA[["age"]])


def test_refits_clones_and_pickles_are_equal():
    model = ClinicalModel("cox", ALL, TWO_ROUNDS, horizons=[12]).fit(DATA, SURVIVAL)
    again = clone(model).fit(DATA, SURVIVAL)
    assert_array_equal(again.risk(DATA), model.risk(DATA))
    assert_array_equal(pickle.loads(pickle.dumps(model)).risk(DATA), model.risk(DATA))
    assert model.patients_seen_ == model.model_.patients_seen_ == tuple(DATA.index)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rule": "stepwise"}, "`rule` must be one of"),
        ({"elimination": "forward"}, "`elimination` must be one of"),
        ({"test": "score"}, "`test` must be one of"),
        ({"univariate_p": 0}, "`univariate_p` must lie in"),
        ({"multivariable_p": 1.5}, "`multivariable_p` must lie in"),
        ({"kind": "linear"}, "`kind` must be one of"),
    ],
)
def test_settings_outside_their_domain_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ClinicalModel(**{"candidates": ["age"], **settings}).fit(DATA, EVENT)
