"""What clinicians may hand to `extval run`: every refusal is a sentence, and leaves no results."""

import json

import numpy as np
import pandas as pd
import pytest

from extval.validate import internal_external, run_data, stored_fit, study_file
from extval.validate.run_folder import README, STAGES
from tests.validate import cohort

SMALL = cohort.SMALL
CLINICAL = """\
schema_version: 1
seed: 5
clinical: {table: clinical.csv}
outcome: {column: event, name: Metastasis}
models:
  clinical: {clinical: {predictors: {large: {column: size_cm, above: 10}}}}
internal_validation: {folds: 3}
bootstrap: {n_resamples: 0}
calibration: {belt_up_to: 0}
"""
SURVIVAL = CLINICAL.replace(
    "outcome: {column: event, name: Metastasis}",
    "outcome: {time: months, event: event, unit: months, horizons: [12]}",
).replace("calibration: {belt_up_to: 0}\n", "")
GRADE = CLINICAL.replace(
    "large: {column: size_cm, above: 10}", "g: {column: grade, categorical: true}"
)


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
        return extval("run", file, "--out", tmp_path / out, "--no-report", "--jobs", "1", *flags)

    return go


def refused(done, tmp_path, *sentences):
    assert done.code == 2, done.stderr
    for sentence in sentences:
        assert sentence in done.stderr
    out = tmp_path / "out"
    assert not out.is_dir() or [path.name for path in out.iterdir()] == [STAGES]
    assert not list(out.rglob("*.part"))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("RS", "a/b", "model `a/b` cannot be written as a file of that name"),
        ("RS", "'..'", "model `..` cannot be written as a file"),
        ("RS", "'a:b'", "model `a:b` cannot be written as a file"),
        ("RS", "Con", "model `Con` cannot be written as a file"),
        ("DLRN", "rs", "models `RS` and `rs` differ in capitals only"),
        ("large:", "RS:", "clinical predictor is called `RS` like the signature"),
        ("RS", "size_cm", "its predictions would be called `size_cm`"),
        ("RS", "event", "its predictions would be called `event`"),
        ("RS", "T1__original_glcm_F03", "as a column of clinical.csv or of the features is"),
        ("size_cm", "size_mm", "predictor `large`: clinical.csv has no column `size_mm`. Did you"),
        (
            "size_cm, above: 10",
            "event",
            "predictor `large` is the column `event`, which is the out",
        ),
        ("size_cm, above: 10", "patient", "which only names the patients"),
        ("batch: scanner", "batch: scaner", "models.RS: harmonisation: clinical.csv has no colu"),
        ("new_batch: none", "covariates: [event]", "covariate 1 of ComBat is the column `event`"),
        (
            "new_batch: none",
            "calibration: cal",
            "calibration of ComBat: clinical.csv has no column",
        ),
    ],
)
def test_names_are_checked_first(run, tmp_path, old, new, sentence):
    refused(run(SMALL.replace(old, new)), tmp_path, sentence)


@pytest.mark.parametrize(
    ("study", "sentence"),
    [
        (SMALL + "subgroups: {sex: {column: gender}}\n", "clinical.csv has no column `gender`"),
        (
            SMALL + "baseline: {variables: {age: {column: agee, kind: continuous}}}\n",
            "clinical.csv has no column `agee`",
        ),
        (SMALL.replace("column: event", "column: evnt"), "clinical.csv has no column `evnt`"),
        (
            SMALL + "columns: {patient: patient, cluster: person}\n",
            "clinical.csv has no column `person`",
        ),
    ],
)
def test_columns_of_analyses_are_checked_before_anything_is_fitted(run, tmp_path, study, sentence):
    done = run(study)
    refused(done, tmp_path, sentence)
    assert "Fitting" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "study", "sentence"),
    [
        ("outcome-among-features", SMALL, "column `event` is the outcome, and must not be among"),
        ("lost-zeros", SMALL, "It has '000': a spreadsheet may have dropped leading zeros."),
        ("twin-in-development", SMALL, "that is one image in one cohort"),
        ("infinite", SMALL, "features.csv, column `T1__original_glcm_F00`, patient P003: inf"),
        ("gap-development", CLINICAL, "clinical.csv, column `size_cm`, patient P003: the cell is"),
        ("gap-external", CLINICAL, "clinical.csv, column `size_cm`, patient P103: the cell is em"),
        ("gap-grade", GRADE, "clinical.csv, column `grade`, patient P103: the cell is empty"),
        ("gap-scanner", SMALL, "clinical.csv, column `scanner`, patient P103: the cell is empty"),
        ("rare-grade", GRADE, "internal validation, fold "),
        ("same-value", CLINICAL, "models.clinical: Not estimable: all patients have the same val"),
        ("negative-time", SURVIVAL, "clinical.csv, column `months`, row 105: follow-up of -1 is"),
    ],
)
def test_what_is_in_the_tables_is_checked(run, tables, tmp_path, change, study, sentence):
    clinical, features = (table.copy() for table in tables)
    if change == "outcome-among-features":
        features["event"] = clinical["event"]
    elif change == "lost-zeros":
        clinical["patient"] = [f"{i:03d}" for i in range(len(clinical))]
        features["patient"] = range(len(clinical))
    elif change == "twin-in-development":
        features.iloc[3, 1:] = features.iloc[0, 1:]
    elif change == "infinite":
        features.iloc[3, 1] = np.inf
    elif change.startswith("gap-"):
        column = {"grade": "grade", "scanner": "scanner"}.get(change[4:], "size_cm")
        clinical.loc[3 if change == "gap-development" else 103, column] = None
    elif change == "rare-grade":
        clinical.loc[3, "grade"] = "G9"
    elif change == "same-value":
        clinical["size_cm"] = 3.0
    else:
        clinical.loc[103, "months"] = -1.0
    refused(run(study, clinical=clinical, features=features), tmp_path, sentence)


def test_identifiers_with_leading_zeros_are_joined_as_they_are(tables, tmp_path):
    clinical, features = (table.copy() for table in tables)
    for table in (clinical, features):
        table["patient"] = [f"{i:03d}" for i in range(len(table))]
    file = cohort.write(tmp_path, clinical, features, SMALL)
    data = run_data.read_run_data(
        study_file.read_run(file), tmp_path / "clinical.csv", tmp_path / "features.csv", {}
    )
    assert data.table.index[7] == "007"
    expected = features["T1__original_glcm_F00"].to_numpy()
    np.testing.assert_allclose(data.table["T1__original_glcm_F00"], expected, rtol=1e-15)


def test_a_cut_may_be_called_like_another_column(run, tmp_path):
    """`months` is a cut of the size here, and another predictor reads the column `months`."""
    study = CLINICAL.replace(
        "large: {column: size_cm, above: 10}",
        "months: {column: size_cm, above: 10}, time: {column: months}",
    )
    assert run(study, "--until", "models").code == 0
    model = json.loads((tmp_path / "out" / "models" / "clinical.json").read_text("utf-8"))
    assert set(model["steps"][-2]["coefficients"]) == {"size_cm>10", "months"}


def test_other_files_in_the_folder_stay(run, tmp_path):
    assert run(CLINICAL).code == 0
    out = tmp_path / "out"
    (out / "letter to the editor.txt").write_text("mine", encoding="utf-8")
    (out / "my plots").mkdir()
    assert run(CLINICAL, "--force").code == 0
    assert (out / "letter to the editor.txt").read_text(encoding="utf-8") == "mine"
    assert (out / "my plots").is_dir()
    assert "is private" in (out / STAGES / README).read_text(encoding="utf-8")


def test_a_folder_with_stages_of_its_own_is_not_taken_for_a_run(run, tmp_path):
    (tmp_path / "out" / "stages").mkdir(parents=True)
    (tmp_path / "out" / "models").mkdir()
    done = run(CLINICAL)
    assert done.code == 2
    assert "holds other files than those of a run" in done.stderr
    assert (tmp_path / "out" / "models").is_dir()


def test_a_stage_that_was_cut_short_is_fitted_again(run, tmp_path):
    assert run(CLINICAL, "--until", "models").code == 0
    models = tmp_path / "out" / "models" / "clinical.json"
    before = models.read_bytes()
    (stage,) = (tmp_path / "out" / STAGES / "models").glob("*.json")
    stage.write_text(stage.read_text(encoding="utf-8")[:100], encoding="utf-8")
    assert run(CLINICAL, "--until", "models").code == 0
    assert models.read_bytes() == before


def test_a_stage_that_cannot_be_written_is_named(run, tmp_path, monkeypatch):
    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stored_fit.Path, "replace", full)
    done = run(CLINICAL)
    assert done.code == 2
    assert "cannot be written: No space left on device" in done.stderr
    assert not list((tmp_path / "out").rglob("*.part"))


def test_the_kind_of_a_reading_is_part_of_what_a_fit_depends_on(tables, tmp_path):
    clinical, features = tables
    features.iloc[:20].to_csv(tmp_path / "second.csv", index=False)
    keys = []
    for kind in ("inter", "intra"):
        study = SMALL.replace(
            "{table: features.csv}",
            f"{{table: features.csv, readings: {{R2: {{table: second.csv, kind: {kind}}}}}}}",
        )
        wanted = study_file.read_run(cohort.write(tmp_path, clinical, features, study))
        data = run_data.read_run_data(
            wanted,
            tmp_path / "clinical.csv",
            tmp_path / "features.csv",
            {"R2": tmp_path / "second.csv"},
        )
        keys.append(stored_fit.key_of(wanted, data, "RS", data.outcome_of(data.development)))
    assert keys[0] != keys[1]


def with_reading(tmp_path, second, study=SMALL):
    second.to_csv(tmp_path / "second.csv", index=False)
    return study.replace(
        "{table: features.csv}",
        "{table: features.csv, readings: {R2: {table: ../second.csv}}}",
    ).replace("preparation:", "preparation:\n  reliability: {above: 0.5}")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("none", "models.RS: `preparation.reliability` needs repeated delineations, and there"),
        ("names", "second.csv (reading R2): 0 of its 25 patients are development patients; at lea"),
        ("external", "second.csv (reading R2): 0 of its 25 patients are development patients"),
        ("columns", "second.csv (reading R2) has no feature in common with the feature table"),
    ],
)
def test_readings_that_say_nothing_of_reliability_are_refused(
    run, tables, tmp_path, change, sentence
):
    second = tables[1].iloc[100:125] if change == "external" else tables[1].iloc[:25]
    if change == "names":
        second = second.assign(patient="X" + second["patient"])
    elif change == "columns":
        second = second.rename(columns=str.upper).rename(columns={"PATIENT": "patient"})
    study = with_reading(tmp_path, second)
    if change == "none":
        study = SMALL.replace("preparation:", "preparation:\n  reliability: {above: 0.5}")
    refused(run(study), tmp_path, sentence)


def test_features_without_a_reading_are_counted(run, tables, tmp_path):
    second = tables[1].iloc[:25].drop(columns="T1__original_glcm_F01")
    assert run(with_reading(tmp_path, second)).code == 0
    cautions = pd.read_csv(tmp_path / "out" / "modelling" / "cautions.csv")["sentence"]
    expected = "1 handcrafted features, the first `T1__original_glcm_F01`, are in no reading"
    assert cautions.str.contains(expected).any()


def test_a_covariate_of_combat_with_numbers_is_a_number(tables, tmp_path):
    """Whether or not a model has it as a predictor; `grade` stays a category."""
    study = SMALL.replace("new_batch: none", "new_batch: none, covariates: [months, grade]")
    file = cohort.write(tmp_path, *tables, study)
    data = run_data.read_run_data(
        study_file.read_run(file), tmp_path / "clinical.csv", tmp_path / "features.csv", {}
    )
    assert data.table["months"].dtype == np.float64
    assert data.table["grade"].dtype == object


def test_a_covariate_of_combat_that_development_never_saw_is_named(run, tables, tmp_path):
    clinical = tables[0].copy()
    clinical.loc[103, "grade"] = "G9"
    study = SMALL.replace("new_batch: none", "new_batch: none, covariates: [grade]")
    sentence = "column `grade`, patient P103: 'G9' was never seen in development; known are G1, "
    refused(run(study, clinical=clinical), tmp_path, sentence)


def test_horizons_that_are_written_alike_are_refused(run, tmp_path):
    sentence = "`outcome.horizons` must differ in their first six digits"
    refused(run(SURVIVAL.replace("[12]", "[12, 12.0000001]")), tmp_path, sentence)


def test_nobody_is_named_in_what_may_be_published(run, tables, tmp_path):
    clinical, features = (table.copy() for table in tables)
    names = [f"Mustermann^{i:03d}" for i in range(len(clinical))]
    clinical["patient"] = names
    features["patient"] = names
    features.loc[[5, 110], [name for name in features if name.startswith("T2__")]] = np.nan
    study = SMALL.replace("{folds: 3}\nboot", "{folds: 3, leave_one_center_out: all}\nboot")
    done = run(
        study.replace("new_batch: none", "new_batch: estimate"),
        features=features,
        clinical=clinical,
    )
    assert done.code == 0, done.stderr
    assert "They are Mustermann^005, Mustermann^110." in done.stderr
    out = tmp_path / "out"
    files = [path for path in out.rglob("*") if path.is_file() and STAGES not in path.parts]
    assert len(files) > 20
    for path in files:
        assert b"Mustermann" not in path.read_bytes(), path
    cautions = pd.read_csv(out / "modelling" / "cautions.csv")["sentence"]
    assert cautions.str.contains("2 patients lack a phase or all features").any()


def test_a_centre_that_cannot_be_predicted_names_no_patient(run, tables, tmp_path):
    clinical, features = (table.copy() for table in tables)
    for table in (clinical, features):
        table["patient"] = "Mustermann^" + table["patient"]
    inside = clinical["center"] == "A"  # no other centre has the scanner S4
    clinical.loc[inside, "scanner"] = (["S1", "S2", "S4"] * 24)[:70]
    clinical.loc[~inside, "scanner"] = ["S1", "S2"] * 30
    study = SMALL.replace("{folds: 3}\nboot", "{folds: 3, leave_one_center_out: all}\nboot")
    done = run(
        study.replace("new_batch: none", "new_batch: refuse"), clinical=clinical, features=features
    )
    assert done.code == 0, done.stderr
    rows = pd.read_csv(tmp_path / "out" / "modelling" / "internal_external.csv")
    notes = rows.loc[rows["center"] == "A", "note"].dropna()
    assert notes.str.startswith("No model could be learned without this centre").any()
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file() and STAGES not in path.parts:
            assert b"Mustermann" not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("'S4' is the scanner of patient '7'.", "'S4' is the scanner of a patient."),
        ("no value for patient 7 and 3 more", "no value for a patient and 3 more"),
        ("no value for patient 77.", "no value for a patient."),
        ("7 of 77 patients, first 'M (7)'", "7 of 77 patients, first a patient"),
        ("patient 78 is not in the study", "patient 78 is not in the study"),
    ],
)
def test_sentences_lose_the_names_of_patients(sentence, expected):
    assert internal_external.nameless(sentence, ["7", "77", "M (7)"]) == expected


def test_a_file_that_may_not_be_read_is_named(run, tmp_path, monkeypatch):
    def forbidden(*_args):
        raise PermissionError(13, "Permission denied", "clinical.csv")

    monkeypatch.setattr(run_data, "read_table", forbidden)
    refused(run(CLINICAL), tmp_path, "error: clinical.csv: Permission denied.")


def test_each_stage_says_what_it_did(run, tmp_path):
    assert "There is nothing to extract" in run(CLINICAL, "--until", "features").stderr
    said = run(CLINICAL, "--until", "models").stderr
    assert "Locked: clinical. No external outcome was read" in said


@pytest.mark.parametrize(("outcome", "family"), [("0/1", "cox"), ("time", "linear")])
def test_a_lasso_that_does_not_fit_the_outcome_is_refused(run, tmp_path, outcome, family):
    study = SMALL.replace("lasso: {folds: 3}", f"lasso: {{family: {family}}}")
    if outcome == "time":
        study = study.replace("{column: event, name: M", "{time: months, event: event, name: M")
        study = study.replace("name: Metastasis}", "unit: months, horizons: [12]}")
        study = study.replace("calibration: {belt_up_to: 0}\n", "")
    refused(run(study), tmp_path, f"model `RS`: lasso family `{family}` does not fit a ")


def test_a_choice_on_external_patients_comes_after_every_other_fit(run, tmp_path):
    classifier = "classifier: {candidates: [{name: knn}], folds: 2, choose_on: external}"
    study = SMALL.replace("lasso: {folds: 3}", classifier).replace(
        "  DLRN: {combined: {signature: RS, clinical: clinical}}\n", ""
    )
    said = run(study, "--until", "models").stderr
    assert "External outcomes chose a classifier" in said
    fitted = sorted((tmp_path / "out" / STAGES / "models").glob("*.json"), key=_written)
    names = [json.loads(path.read_text(encoding="utf-8"))["model"]["name"] for path in fitted]
    assert sorted(names) == ["RS", "clinical"]
    assert names[-1] == "RS"


def _written(path):
    return path.stat().st_mtime_ns
