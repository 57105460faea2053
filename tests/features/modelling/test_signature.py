"""A signature is its steps, one after the other, and a combined model trusts no apparent score."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from extval.features.modelling.audit import LeakageError, fit_records, refuse_leaks
from extval.features.modelling.baseline_hazard import breslow_survival
from extval.features.modelling.classifiers import TunedClassifier
from extval.features.modelling.clinical import ClinicalModel
from extval.features.modelling.combat import ComBat
from extval.features.modelling.combined import CombinedModel, RegressionWithScore
from extval.features.modelling.filters import (
    CompletenessFilter,
    CorrelationFilter,
    MedianImputer,
    VarianceFilter,
    ZScore,
)
from extval.features.modelling.lasso import LassoLogistic
from extval.features.modelling.mrmr import MRMR
from extval.features.modelling.out_of_fold import out_of_fold, stratified_folds
from extval.features.modelling.outcome import survival
from extval.features.modelling.regression import RegressionModel
from extval.features.modelling.reliability import ReliabilityFilter
from extval.features.modelling.signature import Signature
from tests.validate import cohort

FEATURES = [f"T1__original_glcm_F{k:02d}" for k in range(3)]


@pytest.fixture(scope="module")
def study():
    clinical, features = cohort.simulate(2)
    table = clinical.merge(features, on="patient").set_index("patient")
    inside = (table["cohort"] == "development").to_numpy()
    return table[inside], table["event"].to_numpy()[inside], table[~inside]


def signature(model=None, **more):
    steps = [
        ("imputation", MedianImputer(), ()),
        ("combat", ComBat("scanner"), ("scanner",)),
        ("variance", VarianceFilter(), ()),
        ("z-score", ZScore(), ()),
    ]
    return Signature(columns=FEATURES, steps=steps, model=model or RegressionModel(), **more)


def test_it_is_its_steps_one_after_the_other(study):
    table, y, _ = study
    fitted = signature().fit(table, y)
    x = MedianImputer().set_output(transform="pandas").fit_transform(table[FEATURES])
    given = pd.concat([table[["scanner"]], x], axis=1)
    x = ComBat("scanner").set_output(transform="pandas").fit(given).transform(given)
    x = ZScore().set_output(transform="pandas").fit_transform(x)
    model = RegressionModel().fit(x, y)
    assert_allclose(fitted.linear_predictor(table), model.linear_predictor(x), rtol=1e-12)
    assert_allclose(fitted.predict_proba(table), model.predict_proba(x), rtol=1e-12)
    assert fitted.features_ == tuple(FEATURES)
    assert list(fitted.classes_) == [0, 1]


def test_predicting_learns_nothing(study):
    table, y, external = study
    known = external[external["scanner"] != "S3"]
    fitted = signature().fit(table, y)
    together = fitted.linear_predictor(known)
    alone = [fitted.linear_predictor(known.iloc[[i]])[0] for i in range(len(known))]
    assert_allclose(together, alone, rtol=1e-12)


def test_survival_gives_risks_after_breslow(study):
    table, _, _ = study
    y = survival(table["months"], table["event"])
    fitted = signature(RegressionModel("cox"), horizons=(12.0, 24.0)).fit(table, y)
    score = fitted.linear_predictor(table)
    baseline = breslow_survival(y, score, (12.0, 24.0))
    expected = [1 - baseline[t] ** np.exp(score) for t in (12.0, 24.0)]
    assert_allclose(fitted.risk(table), np.transpose(expected), rtol=1e-12)


def test_a_refusal_names_the_step(study):
    table, y, _ = study
    one = table.assign(scanner="S1")
    with pytest.raises(ValueError, match=r"^step `combat`: "):
        signature().fit(one, y)


def test_missing_columns_are_named(study):
    table, y, _ = study
    with pytest.raises(ValueError, match=r"1 of the 3 columns .*: T1__original_glcm_F01"):
        signature().fit(table.drop(columns=FEATURES[1]), y)


def test_breslow_by_its_sum():
    y = survival([1.0, 2.0, 2.0, 3.0, 4.0], [1, 1, 1, 0, 1])
    score = np.array([0.1, 0.2, -0.3, 0.0, 0.5])
    ratio = np.exp(score)
    hazard = 1 / ratio.sum() + 2 / ratio[1:].sum()
    assert_allclose(breslow_survival(y, score, [2.5])[2.5], np.exp(-hazard), rtol=1e-14)
    assert breslow_survival(y, score, [0.5])[0.5] == 1.0
    with pytest.raises(ValueError, match="horizon 5 lies beyond the last follow-up"):
        breslow_survival(y, score, [5.0])


def combined():
    clinical = ClinicalModel("logistic", {"size": {"column": "size_cm"}})
    return CombinedModel(
        signature(), RegressionWithScore(clinical, "RS"), name="RS", n_folds=5, random_state=4
    )


def test_the_regression_is_fitted_on_out_of_fold_scores(study):
    table, y, _ = study
    fitted = combined().fit(table, y)
    fold = stratified_folds(y, n_folds=5, random_state=4)
    score, _ = out_of_fold(signature(), table, y, fold)
    assert_allclose(fitted.out_of_fold_, score, rtol=1e-12)
    by_hand = RegressionModel("logistic", ["RS", "size_cm"]).fit(table.assign(RS=score), y)
    assert_allclose(fitted.regression_.model_.coef_, by_hand.coef_, rtol=1e-8)
    again = signature().fit(table, y).linear_predictor(table)
    assert_allclose(
        fitted.linear_predictor(table), by_hand.linear_predictor(table.assign(RS=again)), rtol=1e-8
    )


def test_every_fit_of_a_combined_model_is_on_record(study):
    table, y, external = study
    records = list(fit_records(combined().fit(table, y), name="DLRN"))
    # 1 regression, and 4 steps with a model in 1 + 5 signatures
    assert len(records) == 1 + 6 * 5
    refuse_leaks(records, external=external.index)
    held_out = [record for record in records if record.unseen]
    assert len(held_out) == 5 * 5
    assert all(not set(r.patients) & set(r.unseen) for r in held_out)


STEPS = {
    "reliability": lambda readings: ReliabilityFilter(readings, above=0.1),
    "completeness": lambda _: CompletenessFilter(),
    "imputation": lambda _: MedianImputer(),
    "variance": lambda _: VarianceFilter(),
    "z-score": lambda _: ZScore(),
    "correlation": lambda _: CorrelationFilter(),
    "selection": lambda _: MRMR(k=2),
}
MODELS = {
    "penalty": lambda: LassoLogistic(n_folds=3),
    "SMOTE": lambda: TunedClassifier("logistic", smote=True, n_folds=2, repeats=1),
}


@pytest.mark.parametrize("trap", [*STEPS, "combat", *MODELS])
def test_a_step_that_saw_an_external_patient_stops_the_run(study, trap):
    """Fitting any one step on external rows, as careless pipelines do, is caught by its name."""
    table, y, external = study
    everybody = pd.concat([table, external])
    outcomes = np.r_[y, external["event"].to_numpy()]
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal((len(everybody), len(FEATURES)))
    readings = {"R2": everybody[FEATURES] + noise}
    if trap in MODELS:
        chain, name = signature(MODELS[trap]()), "model"
    elif trap == "combat":
        chain, name = signature(), trap
    else:
        steps = [(trap, STEPS[trap](readings), ())]
        chain, name = Signature(columns=FEATURES, steps=steps, model=RegressionModel()), trap
    honest, leaking = clone(chain).fit(table, y), clone(chain).fit(everybody, outcomes)
    refuse_leaks(list(fit_records(honest, name="RS")), external=external.index)
    if name == "model":
        honest.model_ = leaking.model_
    else:
        stolen = {label: step for label, *step in leaking.steps_}
        honest.steps_ = [
            (label, *(stolen[label] if label == name else step)) for label, *step in honest.steps_
        ]
    with pytest.raises(LeakageError, match=f"step `{name}` .* who is an external patient"):
        refuse_leaks(list(fit_records(honest, name="RS")), external=external.index)


def test_an_apparent_score_in_a_combined_model_is_caught(study):
    table, y, external = study
    fitted = combined().fit(table, y)
    fitted.out_of_fold_models_[2] = fitted.signature_  # it saw everybody, fold 3 included
    with pytest.raises(LeakageError, match=r"without fold 3.*is predicted by this fit"):
        refuse_leaks(list(fit_records(fitted, name="DLRN")), external=external.index)


def test_a_step_without_a_record_is_not_believed(study):
    table, y, _ = study
    fitted = signature().fit(table, y)
    del fitted.steps_[0][1].patients_seen_
    with pytest.raises(LeakageError, match="step `imputation` does not say"):
        list(fit_records(fitted, name="RS"))


def test_fitted_on_an_array_is_not_believed_either(study):
    table, y, _ = study
    fitted = signature().fit(table, y)
    fitted.steps_[3][1].fit(table[FEATURES].to_numpy())
    with pytest.raises(LeakageError, match="step `z-score` does not say"):
        list(fit_records(fitted, name="RS"))


def test_copies_of_a_patient_share_the_folds_of_the_lasso(monkeypatch):
    """In a bootstrap resample a copy in another fold would show the model whom it is judged on."""
    rng = np.random.default_rng(4)
    noise = pd.DataFrame(rng.standard_normal((60, 12)), columns=[f"f{k}" for k in range(12)])
    noise.index = [f"P{i:02d}" for i in range(60)]
    outcome = np.arange(60) % 2
    rows = rng.integers(0, 60, 60)
    given = {}
    honest = LassoLogistic.fit

    def fit(self, x, y, folds=None):
        given["folds"] = folds
        return honest(self, x, y, folds)

    monkeypatch.setattr(LassoLogistic, "fit", fit)
    unfitted = Signature(list(noise), [("z-score", ZScore(), ())], LassoLogistic(repeats=2))
    clone(unfitted).fit(noise, outcome)
    assert given["folds"] is None  # everybody once: as the LASSO draws them
    clone(unfitted).fit(noise.iloc[rows], outcome[rows])
    assert given["folds"].shape == (2, 60)
    assert not np.array_equal(given["folds"][0], given["folds"][1])
    for fold in given["folds"]:
        assert pd.Series(fold).groupby(rows).nunique().max() == 1


def test_a_resample_with_few_events_has_fewer_folds():
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.standard_normal((20, 3)), columns=list("abc"))
    table.index = [f"P{i:02d}" for i in range(20)]
    outcome = np.r_[np.ones(4, int), np.zeros(16, int)]
    rows = np.r_[[0, 0, 0, 1, 1, 1, 2, 2, 2], np.arange(4, 20)]
    unfitted = Signature(list(table), [("z-score", ZScore(), ())], LassoLogistic(n_folds=5))
    found = unfitted.fit(table.iloc[rows], outcome[rows])
    assert "3 folds" in found.model_.sentence_


def test_breslow_agrees_with_r():
    path = Path(__file__).parents[2] / "reference" / "baseline_hazard.json"
    case = json.loads(path.read_text(encoding="utf-8"))
    y = survival(case["time"], case["event"])
    found = breslow_survival(y, np.array(case["lp"]), case["at"])
    assert_allclose([found[t] for t in case["at"]], case["survival"], rtol=1e-8)
