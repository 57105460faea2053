"""The main job end to end: against R, on hard but legal input, and on wrong input."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

FLAGS = ("--outcome", "y", "--models", "small,full")
QUICK = (*FLAGS, "--bootstrap", "20", "--no-report")
FILES = {
    "results.json",
    "metrics.csv",
    "comparisons.csv",
    "predictions.csv",
    "protocol.yaml",
    "manifest.json",
    "curves",
}


def numbers(out):
    """Return `metrics.csv` with one row a number, indexed by who and what."""
    frame = pd.read_csv(out / "metrics.csv", keep_default_na=False, na_values=[""])
    frame["model"] = frame["model"].fillna("")
    return frame.set_index(["cohort", "center", "model", "metric"]).sort_index()


@pytest.fixture
def evaluated(extval, write, study, tmp_path):
    out = tmp_path / "out"
    assert extval("evaluate", write(study), "--out", out, *QUICK).code == 0
    return out


def test_the_numbers_are_those_of_r(evaluated, reference):
    found = numbers(evaluated)
    pairs = pd.read_csv(evaluated / "comparisons.csv")
    pairs = pairs[pairs["metric"] == "auc"].set_index(["cohort", "center"])
    for group in reference["groups"]:
        where = (group["cohort"], group["center"])
        for model, wanted in group["models"].items():
            for metric in ("auc", "calibration_intercept", "calibration_slope"):
                row = found.loc[(*where, model, metric)]
                values = [row["estimate"], row["se"], row["lower"], row["upper"]]
                assert_allclose(values, wanted[metric], rtol=1e-8, atol=1e-10)
            for metric in (
                "oe_ratio",
                "brier",
                "brier_scaled",
                "hosmer_lemeshow",
                "hosmer_lemeshow_df",
                "hosmer_lemeshow_p",
            ):
                got = found.loc[(*where, model, metric), "estimate"]
                assert_allclose(got, wanted[metric], rtol=1e-10)
            assert_allclose(found.loc[(*where, model, "brier"), "n"], group["n"])
        row = pairs.loc[where]
        assert (row["model_a"], row["model_b"]) == ("small", "full")
        got = row[["difference", "lower", "upper", "statistic", "p_value"]].astype(float)
        assert_allclose(got, group["delong"], rtol=1e-8, atol=1e-12)


def test_further_tests_and_curves_of_calibration_are_those_of_r(evaluated, reference):
    """Profile limits, le Cessie-van Houwelingen after recalibration, and the three smoothers."""
    found = numbers(evaluated)
    for group in reference["groups"]:
        where = (group["cohort"], group["center"])
        for model, wanted in group["models"].items():
            for metric in ("calibration_intercept", "calibration_slope"):
                row = found.loc[(*where, model, f"{metric}_profile")]
                limits = row[["lower", "upper"]].astype(float)
                assert_allclose(limits, wanted[f"{metric}_profile"], rtol=1e-6, atol=1e-8)
                plain = found.loc[(*where, model, metric)]
                np.testing.assert_array_equal(row["estimate"], plain["estimate"])
            for metric in ("le_cessie", "le_cessie_p"):
                value = found.loc[(*where, model, metric), "estimate"]
                assert_allclose(value, wanted[metric], rtol=1e-6, err_msg="le Cessie")
            for smoother, distances in wanted["distances"].items():
                suffix = "" if smoother == "loess" else f"_{smoother}"
                for name, distance in zip(("ici", "e50", "e90", "emax"), distances, strict=True):
                    row = found.loc[(*where, model, f"{name}{suffix}")]
                    if distance is None:  # R's coefficients run away
                        assert np.isnan(row["estimate"]) and "separates" in row["note"]
                        continue
                    assert_allclose(row["estimate"], distance, rtol=1e-6, err_msg="distances")
                    assert row["lower"] <= row["upper"]


def test_the_folder_is_as_documented(evaluated):
    assert {path.name for path in evaluated.iterdir()} == FILES
    assert {path.stem for path in (evaluated / "curves").iterdir()} == {
        "roc",
        "roc_band",
        "precision_recall",
        "calibration",
        "calibration_belt",
        "calibration_groups",
        "calibration_smoothers",
        "risk_distribution",
        "decision",
        "decision_difference",
    }
    manifest = json.loads((evaluated / "manifest.json").read_text())
    listed = {item["path"] for item in manifest["outputs"]}
    there = {p.relative_to(evaluated).as_posix() for p in evaluated.rglob("*") if p.is_file()}
    assert listed == there - {"manifest.json"}
    assert [item["name"] for item in manifest["inputs"]] == ["study.csv"]


def test_every_scale_of_the_decision_curve_has_its_band(evaluated):
    curve = pd.read_csv(evaluated / "curves" / "decision.csv")
    model = curve[curve["model"] == "full"]
    for name in ("net_benefit", "standardized", "interventions_avoided"):
        limits = ("lower", "upper") if name == "net_benefit" else (f"{name}_lower", f"{name}_upper")
        low, high = (model[column] for column in limits)
        assert ((low <= high) | low.isna()).all()
        assert (low <= model[name] + 1e-9).mean() > 0.9
        assert (model[name] <= high + 1e-9).mean() > 0.9


def test_predictions_leave_under_pseudonyms(evaluated, study):
    written = pd.read_csv(evaluated / "predictions.csv")
    assert not set(written["patient"]) & set(study["patient"])
    sorted_study = study.sort_values("patient", ignore_index=True)
    pd.testing.assert_frame_equal(
        written.drop(columns="patient"), sorted_study[written.columns[1:]], check_dtype=False
    )


def test_thresholds_come_from_development_alone(extval, write, study, tmp_path, evaluated):
    changed = study.copy()
    outside = changed["cohort"] == "validation"
    changed.loc[outside, "y"] = 1 - changed.loc[outside, "y"]
    out = tmp_path / "changed"
    assert extval("evaluate", write(changed, "c.csv"), "--out", out, *QUICK).code == 0
    before, after = (json.loads((f / "results.json").read_text()) for f in (evaluated, out))
    assert before["models"] == after["models"]
    assert before["protocol"] == after["protocol"]


def test_the_order_of_rows_changes_nothing(extval, write, study, tmp_path, evaluated):
    shuffled = study.sample(frac=1.0, random_state=3)
    out = tmp_path / "shuffled"
    assert extval("evaluate", write(shuffled, "s.csv"), "--out", out, *QUICK).code == 0
    for name in ("metrics.csv", "comparisons.csv", "predictions.csv", "protocol.yaml"):
        assert (out / name).read_bytes() == (evaluated / name).read_bytes()


def test_same_bytes_for_jobs_folder_hash_seed_and_time_zone(write, study, tmp_path):
    written = []
    for index, (jobs, hash_seed, zone) in enumerate((("1", "0", "UTC"), ("2", "77", "Asia/Tokyo"))):
        place = tmp_path / f"place {index}"
        place.mkdir()
        study.to_csv(place / "study.csv", index=False)
        subprocess.run(
            [
                *(sys.executable, "-m", "extval.validate.cli", "evaluate", "study.csv"),
                *("--out", "out", *FLAGS, "--bootstrap", "50", "--jobs", jobs),
            ],
            check=True,
            cwd=place,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone},
        )
        out = place / "out"
        written.append(
            {p.relative_to(out): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
        )
    assert written[0].keys() == written[1].keys()
    assert [name for name in written[0] if written[0][name] != written[1][name]] == []


def test_verify_agrees_and_names_a_changed_number(extval, write, study, tmp_path, evaluated):
    assert extval("verify", evaluated).code == 0
    assert extval("verify", evaluated, "--table", write(study)).code == 0
    path = evaluated / "results.json"
    recorded = json.loads(path.read_text())
    row = next(i for i, r in enumerate(recorded["metrics"]) if r["metric"] == "auc")
    recorded["metrics"][row]["estimate"] = 0.99
    path.write_text(json.dumps(recorded))
    said = extval("verify", evaluated)
    assert said.code == 1
    assert "results.json was changed after it was written" in said.stdout
    assert "metric auc, column estimate: 0.99 is recorded" in said.stdout
    (evaluated / "metrics.csv").unlink()
    assert "metrics.csv is missing" in extval("verify", evaluated).stdout


def test_verify_names_another_table(extval, write, study, evaluated):
    other = study.copy()
    other.loc[0, "full"] = 0.123
    said = extval("verify", evaluated, "--table", write(other, "study.csv"))
    assert said.code == 1
    assert "study.csv is not the table that was evaluated" in said.stdout


# Legal but hard: the rows are there, with a sentence.


def hard(frame, change):
    frame = frame.copy()
    west = frame["center"] == "west"
    match change:
        case "one class":
            frame.loc[west, "y"] = 1
        case "one event":
            frame.loc[west, "y"] = (np.arange(west.sum()) == 4).astype(int)
        case "constant model":
            frame["small"] = 0.3
        case "identical models":
            frame["small"] = frame["full"]
        case "perfect separation":
            frame["small"] = np.where(frame["y"] == 1, 0.9, 0.1) + frame["full"] / 20
        case "certain predictions":
            frame.loc[[3, 200, 300], "small"] = [0.0, 1.0, 1.0]
        case "all certain":
            frame["small"] = (frame["full"] > 0.5).astype(float)
        case "few patients":
            frame = frame[~west | (np.cumsum(west) <= 4)]
        case "one patient":
            frame = frame[~west | (np.cumsum(west) <= 1)]
        case "development of one class":
            frame.loc[frame["cohort"] == "development", "y"] = 0
    return frame


@pytest.mark.parametrize(
    "change",
    [
        "one class",
        "one event",
        "constant model",
        "identical models",
        "perfect separation",
        "certain predictions",
        "all certain",
        "few patients",
        "one patient",
        "development of one class",
    ],
)
def test_hard_input_keeps_every_row_and_says_why(extval, write, study, tmp_path, change, evaluated):
    out = tmp_path / "hard"
    said = extval(
        "evaluate",
        write(hard(study, change), "hard.csv"),
        "--out",
        out,
        *FLAGS,
        "--bootstrap",
        "20",
    )
    assert said.code == 0, said.stderr
    assert (out / "report.pdf").stat().st_size > 10_000
    found, usual = numbers(out), numbers(evaluated)
    if change != "development of one class":
        assert set(usual.index) <= set(found.index)
    missing = found[found["estimate"].isna()]
    assert (missing["note"].fillna("") != "").all(), missing[missing["note"].isna()]
    pairs = pd.read_csv(out / "comparisons.csv")
    assert (pairs["note"].notna() | pairs["p_value"].notna()).all()
    if change == "identical models":
        between = pairs[pairs["model_a"] != pairs["model_b"]]
        assert (between["p_value"] == 1.0).all(), between[between["p_value"] != 1.0]
        assert (between["difference"] == 0.0).all()


def test_one_class_in_a_centre_is_said_in_its_rows(extval, write, study, tmp_path):
    out = tmp_path / "one"
    extval("evaluate", write(hard(study, "one class")), "--out", out, *QUICK)
    row = numbers(out).loc[("validation", "west", "full", "auc")]
    assert math.isnan(row["estimate"])
    assert "same outcome" in row["note"]
    cautions = json.loads((out / "results.json").read_text())["cautions"]
    assert any(text.startswith("west: Every patient had the event") for text in cautions)


# Wrong input: a sentence, exit code 2, nothing left behind.


def drop(column):
    return lambda frame: frame.drop(columns=column)


def put(column, row, value):
    def change(frame):
        frame = frame.astype({column: object})
        frame.loc[row, column] = value
        return frame

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("full"), "has no column `full`"),
        (drop("center"), "has no column `center`"),
        (put("y", 5, 2), "column `y`, row 7: 2 is not 0 or 1"),
        (put("y", 5, "yes"), "column `y`, row 7: the cell holds 'yes'"),
        (put("full", 9, 1.5), "column `full`, row 11: 1.5 is not a probability"),
        (put("full", 9, ""), "column `full`, row 11: the cell is empty"),
        (put("small", 9, "abc"), "column `small`, row 11: the cell holds 'abc'"),
        (put("patient", 1, "Q293"), "patient 'Q293' is there 2 times (rows 2, 3)"),
        (put("patient", 1, ""), "column `patient`, row 3: the cell is empty"),
        (put("cohort", 4, "training"), "row 6: 'training' is not a cohort"),
        (put("center", 4, "all"), "row 6: a centre cannot be called `all`"),
        (lambda f: f[f["cohort"] == "validation"], "no patient is labelled `development`"),
        (lambda f: f[f["cohort"] == "development"], "no patient is labelled `validation`"),
        (lambda f: f.iloc[:0], "has a header but no patients"),
    ],
)
def test_wrong_input_is_named_and_leaves_nothing(extval, write, study, tmp_path, change, message):
    path = write(change(study), "wrong.csv")
    before = set(tmp_path.iterdir())
    said = extval("evaluate", path, "--out", tmp_path / "new", *QUICK)
    assert said.code == 2
    assert message in said.stderr
    assert "Traceback" not in said.stderr
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--outcome", "y"), "give --outcome and --models"),
        (("--outcome", "y", "--models", "full,full"), "names full twice"),
        (("--outcome", "y", "--models", ","), "names no column"),
        ((*FLAGS, "--threshold", "best"), "is not a rule"),
        ((*FLAGS, "--threshold", "sensitivity:x"), "is not a rule"),
        ((*FLAGS, "--threshold", "1.5"), "is not a rule"),
        ((*FLAGS, "--protocol", "missing.yaml"), "--outcome, --models: without --protocol only"),
        (("--protocol", "missing.yaml", "--threshold", "0.2"), "--threshold: without --protocol"),
        (("--protocol", "missing.yaml"), "missing.yaml cannot be read"),
    ],
)
def test_wrong_flags_are_named(extval, write, study, tmp_path, flags, message):
    said = extval("evaluate", write(study), "--out", tmp_path / "new", *flags)
    assert (said.code, message in said.stderr) == (2, True), said.stderr
    assert not (tmp_path / "new").exists()


def test_a_folder_with_files_is_kept_unless_forced(extval, write, study, tmp_path):
    out, path = tmp_path / "out", write(study)
    out.mkdir()
    (out / "thesis.txt").write_text("keep me")
    said = extval("evaluate", path, "--out", out, *QUICK)
    assert (said.code, "already holds files" in said.stderr) == (2, True)
    assert (out / "thesis.txt").read_text() == "keep me"
    bad = write(drop("full")(study), "bad.csv")
    assert extval("evaluate", bad, "--out", out, *QUICK, "--force").code == 2
    assert (out / "thesis.txt").read_text() == "keep me"
    assert extval("evaluate", path, "--out", out, *QUICK, "--force").code == 0
    assert not (out / "thesis.txt").exists()
    assert {p.name for p in tmp_path.iterdir()} == {"out", "study.csv", "bad.csv"}


@pytest.mark.parametrize(("rule", "value"), [("0.25", 0.25), ("sensitivity:0.9", None)])
def test_threshold_rules_of_the_command_line(extval, write, study, tmp_path, rule, value):
    out = tmp_path / "out"
    assert extval("evaluate", write(study), "--out", out, *QUICK, "--threshold", rule).code == 0
    found = numbers(out)
    row = found.loc[("development", "all", "full", "sensitivity")]
    if value is None:
        assert row["estimate"] >= 0.9
    else:
        assert row["threshold"] == value


def test_without_resampling_there_is_no_band_and_net_benefit_is_wald(
    extval, write, study, tmp_path
):
    out = tmp_path / "out"
    flags = (*FLAGS, "--bootstrap", "0", "--no-report")
    assert extval("evaluate", write(study), "--out", out, *flags).code == 0
    row = numbers(out).loc[("validation", "all", "full", "net_benefit")]
    assert "Wald" in row["method"]
    assert pd.read_csv(out / "curves" / "calibration.csv")["lower"].isna().all()


def test_semicolons_and_parquet_give_the_same_numbers(extval, study, tmp_path, evaluated):
    study.to_csv(tmp_path / "s.csv", index=False, sep=";", encoding="utf-8-sig")
    study.to_parquet(tmp_path / "s.parquet")
    for name in ("s.csv", "s.parquet"):
        out = tmp_path / f"out-{name}"
        assert extval("evaluate", tmp_path / name, "--out", out, *QUICK).code == 0
        assert (out / "metrics.csv").read_bytes() == (evaluated / "metrics.csv").read_bytes()


def test_every_option_of_the_binary_protocol_reaches_the_results(extval, write, study, tmp_path):
    study["lesion_of"] = [f"person {row // 2}" for row in range(len(study))]
    protocol = tmp_path / "p.yaml"
    protocol.write_text(
        "schema_version: 1\n"
        "outcome: {column: y}\n"
        "columns: {cluster: lesion_of}\n"
        "models: {small: {probability: small}, full: {probability: full}}\n"
        "bootstrap: {n_resamples: 30}\n"
        "discrimination: {partial: {over: specificity, from: 0.8, to: 1.0}}\n"
        "classification: {interval: clopper-pearson, prevalence: [0.1]}\n"
        "calibration: {smoother: rcs, interval: profile, groups: 8}\n"
        "comparisons: {reference: full, mcnemar: mid-p, reclassification: true}\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    said = extval("evaluate", write(study), "--protocol", protocol, "--out", out, "--no-report")
    assert said.code == 0, said.stderr
    found = numbers(out).loc[("validation", "all", "full")]
    for metric, words in {
        "auc": "Obuchowski",
        "pauc": "0.8",
        "pauc_corrected": "McClish",
        "sensitivity": "Clopper-Pearson",
        "ppv_at_prevalence_0.1": "0.1",
        "ici": "spline",
        "calibration_slope": "profile",
        "hosmer_lemeshow": "8 quantile groups",
        "weak_calibration_p": "likelihood ratio",
        "calibration_belt_p": "GiViTI",
        "brier_miscalibration": "CORP",
    }.items():
        assert words in found.loc[metric, "method"], metric
    pairs = pd.read_csv(out / "comparisons.csv")
    pairs = pairs[(pairs["cohort"] == "validation") & (pairs["center"] == "all")]
    between = pairs[pairs["model_a"] != pairs["model_b"]].set_index("metric")
    assert set(between["model_b"]) == {"full"}
    assert "mid-P" in between.loc["sensitivity", "method"]
    assert {"auc", "specificity", "ppv", "npv", "net_benefit", "nri_continuous", "idi"} <= set(
        between.index
    )
    assert between.loc[["nri_continuous", "nri_categorical", "idi"], "note"].notna().all()
    assert "auc_vs_development" in set(pairs["metric"])
    assert extval("verify", out).code == 0


@pytest.mark.parametrize("interval", ["logit", "hanley-mcneil", "bootstrap-percentile"])
def test_the_interval_of_the_auc_can_be_chosen(extval, write, study, tmp_path, interval):
    protocol = tmp_path / "p.yaml"
    protocol.write_text(
        "schema_version: 1\n"
        "outcome: {column: y}\n"
        "models: {full: {probability: full}}\n"
        "bootstrap: {n_resamples: 50}\n"
        f"discrimination: {{interval: {interval}}}\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    extval("evaluate", write(study), "--protocol", protocol, "--out", out, "--no-report")
    row = numbers(out).loc[("validation", "all", "full", "auc")]
    assert interval.split("-")[0] in row["method"].lower()
    assert row["lower"] < row["estimate"] < row["upper"]
