"""`extval run`: what is learned, from whom, what is written, and what is refused."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.features.modelling.out_of_fold import splits
from extval.features.modelling.signature import Signature
from extval.stats.roc import auc
from extval.validate import fitting, procedures, run_data, study_file
from extval.validate.errors import InputError
from tests.validate import cohort

SMALL = cohort.SMALL
QUICK = ("--no-report", "--jobs", "1")


@pytest.fixture(scope="module")
def tables():
    return cohort.simulate(1)


@pytest.fixture
def run(extval, tmp_path, tables):
    def go(study=SMALL, *flags, clinical=None, features=None, out="out"):
        file = cohort.write(
            tmp_path / "study",
            tables[0] if clinical is None else clinical,
            tables[1] if features is None else features,
            study,
        )
        return extval("run", file, "--out", tmp_path / out, *QUICK, *flags)

    return go


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tables):
    """Return the folder of one whole run with its report, made by the command itself."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("run")
    file = cohort.write(folder / "study", *tables, SMALL)
    subprocess.run(
        [sys.executable, "-m", "extval.validate.cli", "run", file, "--out", folder / "out"],
        check=True,
        capture_output=True,
    )
    return folder / "out"


def models_of(folder):
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((folder / "models").glob("*.json"))
    }


def test_everything_is_there(finished):
    names = {path.relative_to(finished).as_posix() for path in finished.rglob("*")}
    assert {
        *("results.json", "metrics.csv", "comparisons.csv", "predictions.csv", "protocol.yaml"),
        *("study.yaml", "manifest.json", "report.pdf"),
        *("models/RS.json", "models/clinical.json", "models/DLRN.json"),
        *("modelling/audit.csv", "modelling/formula.csv", "modelling/shift.csv"),
        *("modelling/nomogram.csv", "modelling/ratios.csv", "modelling/lasso_cv.csv"),
    } <= names
    metrics = pd.read_csv(finished / "metrics.csv")
    assert set(metrics["model"].dropna()) == {"RS", "clinical", "DLRN"}
    recorded = json.loads((finished / "manifest.json").read_text(encoding="utf-8"))
    assert not any(item["path"].startswith("stages/") for item in recorded["outputs"])


def test_it_verifies(extval, finished):
    assert extval("verify", finished).code == 0


def test_a_changed_model_does_not_verify(extval, finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    path = copy / "models" / "RS.json"
    path.write_text(path.read_text(encoding="utf-8").replace("logit", "identity"), "utf-8")
    done = extval("verify", copy)
    assert done.code == 1
    assert "was changed after it was locked" in done.stdout


def test_models_are_locked_before_external_outcomes_are_read(finished):
    order = json.loads((finished / "manifest.json").read_text(encoding="utf-8"))["order"]
    events = [item["event"] for item in order]
    assert events[0] == "development outcomes read"
    assert events[-1] == "external outcomes read"
    assert events.count("model locked") == 3
    assert events.index("external patients predicted") > 3
    hashes = {item["model"]: item["sha256"] for item in order if item["event"] == "model locked"}
    assert hashes == {name: model["sha256"] for name, model in models_of(finished).items()}


def test_no_fit_saw_an_external_or_a_held_out_patient(finished):
    audit = pd.read_csv(finished / "modelling" / "audit.csv")
    assert (audit["external_seen"] == 0).all()
    assert (audit["held_out_seen"] == 0).all()
    assert set(audit["step"]) == {
        *("completeness", "imputation", "combat", "variance", "z-score", "mrmr", "model"),
        "regression",
    }


def test_the_locked_files_give_the_external_predictions(extval, finished, tables, tmp_path):
    clinical, features = tables
    whole = clinical.merge(features, on="patient")
    external = whole[whole["cohort"] == "validation"].drop(columns=["event", "cohort", "months"])
    external.to_csv(tmp_path / "new.csv", index=False)
    written = pd.read_csv(finished / "predictions.csv")
    written = written[written["cohort"] == "validation"]  # sorted by patient, as the table is
    for name in models_of(finished):
        done = extval("apply", finished / "models" / f"{name}.json", tmp_path / "new.csv")
        assert done.code == 0, done.stderr
        rows = [line.split(",") for line in done.stdout.splitlines()]
        place = rows[0].index(f"{name}_probability")
        found = np.array([float(row[place]) for row in rows[1:]])
        assert_allclose(found, written[name], rtol=1e-12)


def test_external_patients_change_no_model(run, tables, tmp_path, finished):
    clinical, features = (table.copy() for table in tables)
    outside = (clinical["cohort"] == "validation").to_numpy()
    clinical.loc[outside, "event"] = 1 - clinical.loc[outside, "event"]
    columns = features.columns[1:]
    features.loc[outside, columns] = features.loc[outside, columns] * 1000 + 5
    clinical.loc[outside, "size_cm"] *= 10
    done = run(clinical=clinical, features=features)
    assert done.code == 0, done.stderr
    assert models_of(tmp_path / "out") == models_of(finished)


def test_the_same_command_goes_on_where_it_stopped(run, tmp_path, monkeypatch, finished):
    assert run(SMALL, "--until", "models").code == 0
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert models_of(tmp_path / "out") == models_of(finished)

    def refuse(*_args):
        raise AssertionError("fitted again")

    monkeypatch.setattr(procedures, "estimator", refuse)
    assert run(SMALL).code == 0
    for name in ("metrics.csv", "predictions.csv", "modelling/audit.csv", "models/DLRN.json"):
        assert (tmp_path / "out" / name).read_bytes() == (finished / name).read_bytes()


def test_a_run_does_not_replace_results_unasked(run):
    assert run(SMALL).code == 0
    again = run(SMALL)
    assert again.code == 2
    assert "--force" in again.stderr
    assert run(SMALL, "--force").code == 0


def test_development_rows_are_out_of_fold_unless_asked(run, tmp_path, finished):
    apparent = SMALL.replace("{folds: 3}\nboot", "{folds: 3, predictions: apparent}\nboot")
    assert run(apparent).code == 0
    internal = pd.read_csv(tmp_path / "out" / "modelling" / "internal.csv")
    metrics = pd.read_csv(tmp_path / "out" / "metrics.csv")
    for folder, label in ((tmp_path / "out", "apparent"), (finished, "out-of-fold")):
        internal = pd.read_csv(folder / "modelling" / "internal.csv").set_index(
            ["model", "predictions"]
        )
        metrics = pd.read_csv(folder / "metrics.csv")
        rows = metrics[(metrics.metric == "auc") & (metrics.cohort == "development")]
        for row in rows[rows.center == "all"].itertuples():
            assert_allclose(row.estimate, internal.loc[(row.model, label), "estimate"], rtol=1e-12)
            assert internal.loc[(row.model, label), "used"]


def test_a_time_to_event(run, tmp_path):
    study = SMALL.replace(
        "outcome: {column: event, name: Metastasis}",
        "outcome: {time: months, event: event, unit: months, horizons: [12, 24]}",
    ).replace("calibration: {belt_up_to: 0}\n", "")
    done = run(study)
    assert done.code == 0, done.stderr
    model = models_of(tmp_path / "out")["DLRN"]
    assert model["link"] == "log-hazard"
    assert model["risk_group_rule"] == "median of the development cohort"
    assert set(model["outputs"]["risk"]) == {"12", "24"}
    predictions = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert (predictions["DLRN_risk_24"] >= predictions["DLRN_risk_12"]).all()
    metrics = pd.read_csv(tmp_path / "out" / "metrics.csv")
    assert {"c_harrell", "auc_t", "oe_t"} <= set(metrics["metric"])


def test_probabilities_of_a_linear_score_come_from_the_other_folds():
    rng = np.random.default_rng(1)
    linear = Signature([], steps=[], model=None)
    linear.model_ = SimpleNamespace(link_="identity")
    score, outcome = rng.normal(size=60), rng.integers(2, size=60)
    parts = list(splits(np.arange(60) % 3))
    found = fitting._cross_fitted(linear, score, outcome, parts)
    own = parts[0][1]
    changed = outcome.copy()
    changed[own] = 1 - outcome[own]
    again = fitting._cross_fitted(linear, score, changed, parts)
    np.testing.assert_array_equal(found[own], again[own])
    assert (found[parts[1][1]] != again[parts[1][1]]).all()
    changed[:] = score > 0.0
    with pytest.raises(ValueError, match="without fold 1 of 3 the scores separate"):
        fitting._cross_fitted(linear, score, changed, parts)


def test_a_linear_lasso_is_no_logit(run, tmp_path):
    study = SMALL.replace("lasso: {folds: 3}", "lasso: {folds: 3, family: linear}")
    assert run(study).code == 0
    model = models_of(tmp_path / "out")["RS"]
    assert model["link"] == "identity"
    last = model["steps"][-1]
    assert last["step"] == "probability"
    assert (last["intercept"], last["slope"]) != (0.0, 1.0)
    development = 33 / 70
    linear = next(step for step in model["steps"] if step["step"] == "linear")
    assert_allclose(linear["intercept"], development, rtol=1e-9)  # as in the published formula


def test_joint_combat_is_cautioned_and_shown(run, tmp_path):
    done = run(SMALL.replace("new_batch: none", "new_batch: joint"))
    assert done.code == 0, done.stderr
    cautions = pd.read_csv(tmp_path / "out" / "modelling" / "cautions.csv")["sentence"]
    assert any("no external validation in the strict sense" in c for c in cautions)
    audit = pd.read_csv(tmp_path / "out" / "modelling" / "audit.csv")
    assert set(audit.loc[audit["external_seen"] > 0, "step"]) == {"combat"}


def test_a_new_centre_is_called_transductive(run, tmp_path):
    done = run(SMALL.replace("new_batch: none", "new_batch: estimate"))
    assert done.code == 0, done.stderr
    cautions = pd.read_csv(tmp_path / "out" / "modelling" / "cautions.csv")["sentence"]
    assert any("30 external patients" in c and "transductive" in c for c in cautions)


def test_choosing_on_external_patients_is_cautioned(run, tmp_path):
    classifier = (
        "classifier: {candidates: [{name: knn}, {name: logistic}], folds: 2, repeats: 1, "
        "choose_on: external}"
    )
    study = SMALL.replace("lasso: {folds: 3}", classifier)
    study = study.replace("  DLRN: {combined: {signature: RS, clinical: clinical}}\n", "")
    done = run(study)
    assert done.code == 0, done.stderr
    cautions = pd.read_csv(tmp_path / "out" / "modelling" / "cautions.csv")["sentence"]
    assert any("the classifier was chosen on the external patients" in c for c in cautions)
    choice = pd.read_csv(tmp_path / "out" / "modelling" / "external_choice.csv")
    metrics = pd.read_csv(tmp_path / "out" / "metrics.csv")
    row = metrics[
        (metrics.metric == "auc")
        & (metrics.cohort == "validation")
        & (metrics.center == "all")
        & (metrics.model == "RS")
    ].iloc[0]
    assert_allclose(row.estimate, choice["external_auc"].max(), rtol=1e-12)


def test_a_nomogram_on_an_externally_chosen_signature_is_refused(run):
    classifier = "classifier: {candidates: [{name: knn}], choose_on: external}"
    done = run(SMALL.replace("lasso: {folds: 3}", classifier))
    assert done.code == 2
    assert "is chosen on external patients; choose it on development" in done.stderr


def test_centres_are_left_out_one_by_one(run, tmp_path):
    study = SMALL.replace("{folds: 3}\nboot", "{folds: 3, leave_one_center_out: all}\nboot")
    done = run(study.replace("new_batch: none", "new_batch: estimate"))
    assert done.code == 0, done.stderr
    rows = pd.read_csv(tmp_path / "out" / "modelling" / "internal_external.csv")
    assert set(rows["center"]) == {"A", "B", "C", "all"}
    assert "auc_random_effects" in set(rows["metric"])
    assert models_of(tmp_path / "out")["clinical"]["training"]["n"] == 70


def estimators(tables, tmp_path):
    file = cohort.write(tmp_path / "study", *tables, SMALL)
    study = study_file.read_run(file)
    data = run_data.read_run_data(
        study, tmp_path / "study" / "clinical.csv", tmp_path / "study" / "features.csv", {}
    )
    return study, data


def test_permuted_labels_give_an_external_auc_of_one_half(tables, tmp_path):
    study, data = estimators(tables, tmp_path)
    y = data.outcome_of(data.development)
    truth = data.outcome_of(~data.development)
    rng = np.random.default_rng(11)
    found = []
    for _ in range(40):
        model = procedures.estimator(study, data, "RS")
        model.fit(data.table[data.development], rng.permutation(y))
        external = rng.permutation(truth)
        found.append(auc(external, model.linear_predictor(data.table[~data.development])).value)
    mean, se = np.mean(found), np.std(found, ddof=1) / np.sqrt(len(found))
    assert se < 0.03
    assert abs(mean - 0.5) < 3 * se


def test_a_fit_that_sees_everybody_stops_the_run(tables, tmp_path, monkeypatch):
    """Were a model handed external patients by mistake, nothing would be written."""
    study, data = estimators(tables, tmp_path)
    y = data.outcome_of(np.ones(len(data.table), dtype=bool))
    everybody = data.table.copy()
    honest = fitting._fitted

    def leaking(study_, data_, unfitted, _table, _outcome, name, **more):
        return honest(study_, data_, unfitted, everybody, y, name, **more)

    monkeypatch.setattr(fitting, "_fitted", leaking)
    with pytest.raises(InputError, match="who is an external patient"):
        fitting.fit_model(
            study,
            data,
            y[data.development],
            "clinical",
            cache=tmp_path / "cache",
            n_jobs=1,
            watch=lambda *_: None,
        )
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("k: 6}", None),
        ("nan-feature", None),
        ("few-events", "models.RS: step `model`: "),
        ("one-scanner", "step `combat`"),
        ("stranger", "patient 'X999' is not in clinical.csv"),
        ("twin", "that is one image in two cohorts"),
        ("text", "column `T1__original_glcm_F00`: 'high' is not a number"),
        ("no-predictor", "size_cm"),
        ("outcome-covariate", "step `combat`"),
    ],
)
def test_bad_input_has_a_sentence(run, tables, tmp_path, change, sentence):
    clinical, features = (table.copy() for table in tables)
    study = SMALL
    if change == "nan-feature":
        features.loc[3, "T1__original_glcm_F00"] = np.nan
    elif change == "few-events":
        events = np.flatnonzero((clinical["event"] == 1) & (clinical["cohort"] == "development"))
        clinical.loc[events[4:], "event"] = 0
        study = SMALL.replace("lasso: {folds: 3}", "lasso: {folds: 10}")
    elif change == "one-scanner":
        clinical["scanner"] = "S1"
    elif change == "stranger":
        features.loc[0, "patient"] = "X999"
    elif change == "twin":
        features.iloc[100, 1:] = features.iloc[0, 1:]
    elif change == "text":
        features["T1__original_glcm_F00"] = features["T1__original_glcm_F00"].astype(object)
        features.loc[2, "T1__original_glcm_F00"] = "high"
    elif change == "no-predictor":
        clinical = clinical.drop(columns="size_cm")
    elif change == "outcome-covariate":
        clinical["copy"] = clinical["event"]
        study = SMALL.replace("new_batch: none", "new_batch: none, covariates: [copy]")
    done = run(study, clinical=clinical, features=features)
    if sentence is None:
        assert done.code == 0, done.stderr
        return
    assert done.code == 2
    assert sentence in done.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert not (tmp_path / "out" / "models").exists()


def test_a_missing_phase_is_filled_in_and_said_or_left_out(run, tables, tmp_path):
    clinical, features = tables
    gone = features.copy()
    second = [name for name in features if name.startswith("T2__")]
    gone.loc[[5, 110], second] = np.nan
    done = run(features=gone)
    assert done.code == 0, done.stderr
    assert "2 patients lack a phase or all features (1 of development, 1 external)" in done.stderr
    left_out = SMALL.replace("preparation:", "preparation:\n  missing: {rule: exclude}")
    done = run(left_out, features=gone, out="other")
    assert done.code == 0, done.stderr
    assert len(pd.read_csv(tmp_path / "other" / "predictions.csv")) == len(clinical) - 2


def test_a_null_model_has_a_sentence(run, tables, tmp_path):
    noise = tables[1].copy()
    rng = np.random.default_rng(9)
    noise.iloc[:, 1:] = rng.standard_normal((len(noise), noise.shape[1] - 1))
    study = SMALL.replace("lasso: {folds: 3}", "lasso: {folds: 3, rule: 1se}")
    study = study.replace("{method: mrmr, k: 6}", "{method: none}")
    study = study.replace("  DLRN: {combined: {signature: RS, clinical: clinical}}\n", "")
    done = run(study, features=noise)
    assert done.code == 0, done.stderr
    cautions = pd.read_csv(tmp_path / "out" / "modelling" / "cautions.csv")["sentence"].tolist()
    assert any(c.startswith("RS: ") and "null" in c.lower() for c in cautions), cautions


def test_a_written_study_file_runs(extval, tables, tmp_path):
    folder = tmp_path / "study"
    cohort.write(folder, *tables)
    assert extval("init", folder / "new.yaml").code == 0
    text = (
        (folder / "new.yaml")
        .read_text(encoding="utf-8")
        .replace("n_resamples: 1000", "n_resamples: 0")
    )
    (folder / "new.yaml").write_text(text, encoding="utf-8")
    done = extval("run", folder / "new.yaml", "--out", tmp_path / "out", *QUICK)
    assert done.code == 0, done.stderr
    assert extval("init", folder / "new.yaml").code == 2


def test_gaps_in_predictors_are_refused_or_filled_from_development(extval, run, tables, tmp_path):
    clinical = tables[0].copy()
    clinical["size_cm"] = clinical["size_cm"].astype(object)
    clinical.loc[[4, 100], "size_cm"] = None
    clinical.loc[[6, 101], "grade"] = None
    study = SMALL.replace(
        "{large: {column: size_cm, above: 10}}",
        "{size: {column: size_cm}, grade: {column: grade, categorical: true}}",
    )
    refused = run(study, clinical=clinical)
    assert refused.code == 2
    assert "`size_cm`" in refused.stderr
    asked = study.replace("true}}}}", "true}}, missing: development-median}}")
    done = run(asked, clinical=clinical, out="filled")
    assert done.code == 0, done.stderr
    steps = models_of(tmp_path / "filled")["clinical"]["steps"]
    inside = clinical[clinical["cohort"] == "development"]
    assert_allclose(steps[0]["median"]["size_cm"], inside["size_cm"].astype(float).median())
    assert steps[1]["value"]["grade"] == inside["grade"].value_counts().index[0]
    new = tables[0].iloc[[0]].assign(size_cm="", grade="")
    new.to_csv(tmp_path / "new.csv", index=False)
    model = tmp_path / "filled" / "models" / "clinical.json"
    assert extval("apply", model, tmp_path / "new.csv").code == 0
