"""Everything that a protocol asks of a binary outcome: against R, on hard input, and refused."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

R = json.loads((Path(__file__).parents[1] / "reference" / "evaluate_binary.json").read_text())
HEAD = "schema_version: 1\noutcome: {column: y}\n"
MODELS = "models: {small: {probability: small}, full: {probability: full}}\n"
CLUSTER = "columns: {cluster: person}\n"
LINES = {
    "bootstrap": "{n_resamples: 0}",
    "calibration": "{belt_up_to: 0}",
    "decision_curve": "{at: 0.45, harm: {}}",
    "discrimination": "{interval: logit, partial: {from: 0.8, to: 1.0}}",
    "classification": "{interval: clopper-pearson, prevalence: [0.1]}",
    "comparisons": "{mcnemar: exact, reclassification: true}",
}


@pytest.fixture
def protocol(tmp_path):
    """Return a function that writes a protocol: the lines above, some of them changed."""

    def write(extra="", **lines):
        text = HEAD + extra
        text += "" if "models:" in extra else MODELS
        text += "".join(f"{key}: {value}\n" for key, value in (LINES | lines).items())
        path = tmp_path / "protocol.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def run(extval, write, tmp_path):
    """Return a function that evaluates and returns metrics, comparisons and the folder."""

    def evaluate(study, protocol, *flags):
        out = tmp_path / "out"
        arguments = ("--protocol", protocol, "--out", out, "--no-report", "--force", *flags)
        said = extval("evaluate", write(study), *arguments)
        assert said.code == 0, said.stderr
        where = {"keep_default_na": False, "na_values": [""]}
        metrics = pd.read_csv(out / "metrics.csv", **where).fillna({"model": ""})
        pairs = pd.read_csv(out / "comparisons.csv", **where)
        return (
            metrics.set_index(["cohort", "center", "model", "metric"]).sort_index(),
            pairs.set_index(["cohort", "center", "metric", "model_a", "model_b"]).sort_index(),
            out,
        )

    return evaluate


def numbers(row):
    return row[["estimate", "lower", "upper"]].astype(float).tolist()


@pytest.mark.parametrize(
    ("interval", "table"), [("clopper-pearson", "exact"), ("wilson", "wilson")]
)
def test_the_numbers_of_a_model_are_those_of_r(run, study, protocol, interval, table):
    asked = protocol(classification=f"{{interval: {interval}, prevalence: [0.1]}}")
    metrics, _, _ = run(study, asked)
    for group in R["groups"]:
        where = (group["cohort"], group["center"])
        for model, wanted in group["models"].items():
            mine = metrics.loc[(*where, model)]
            assert_allclose(mine.loc["sensitivity", "threshold"], wanted["threshold"])
            assert_allclose(numbers(mine.loc["auc"]), wanted["auc_logit"], rtol=1e-10)
            for metric in ("pauc", "pauc_corrected"):
                assert_allclose(mine.loc[metric, "estimate"], wanted[metric], rtol=1e-10)
            for metric, limits in wanted[table].items():
                if "Inf" in limits:  # epiR divides by the empty cell; we fill all four and say so
                    assert "0.5 was added" in mine.loc[metric, "note"]
                    continue
                assert_allclose(numbers(mine.loc[metric]), limits, rtol=1e-10, err_msg=metric)
            for metric in ("ppv", "npv"):
                row = mine.loc[f"{metric}_at_prevalence_0.1"]
                if "0.5 was added" in str(row["note"]):
                    assert metric == "ppv" and wanted[f"{metric}_at"] == 1.0
                    continue
                assert_allclose(row["estimate"], wanted[f"{metric}_at"], rtol=1e-10)
            for metric in ("net_benefit", "net_benefit_standardized", "interventions_avoided"):
                found = numbers(mine.loc[metric])
                assert_allclose(found, wanted[metric], rtol=1e-10, atol=1e-14, err_msg=metric)


@pytest.mark.parametrize(("mcnemar", "tested"), [("exact", "exact"), ("mid-p", "mid")])
def test_the_differences_are_those_of_r(run, study, protocol, mcnemar, tested):
    _, pairs, _ = run(
        study, protocol(comparisons=f"{{mcnemar: {mcnemar}, reclassification: true}}")
    )
    for group in R["groups"]:
        where = (group["cohort"], group["center"])
        pair, wanted = pairs.xs(("small", "full"), level=("model_a", "model_b")), group["pair"]
        pair = pair.loc[where]
        assert_allclose(
            pair.loc["auc", ["statistic", "p_value"]].tolist(), wanted["auc"], rtol=1e-9
        )
        for metric in ("sensitivity", "specificity"):
            assert_allclose(
                pair.loc[metric, "difference"], wanted[metric]["difference"], atol=1e-12
            )
            assert_allclose(pair.loc[metric, "p_value"], wanted[metric][tested], rtol=1e-10)
        for metric in (name for name in wanted if name.startswith("nri")):
            assert_allclose(pair.loc[metric, "difference"], wanted[metric], atol=1e-12)
        assert_allclose(
            pair.loc["idi", ["difference", "statistic"]].tolist(), wanted["idi"], rtol=1e-9
        )
        for model, wanted in (group.get("apart") or {}).items():
            row = pairs.loc[(*where, "auc_vs_development", model, model)]
            assert_allclose(row[["statistic", "df", "p_value"]].tolist(), wanted, rtol=1e-9)
    for between in R["between"]:
        metric = f"auc_vs_center:{between['second']}"
        for model, wanted in between["models"].items():
            row = pairs.loc[("validation", between["first"], metric, model, model)]
            assert_allclose(row[["statistic", "df", "p_value"]].tolist(), wanted, rtol=1e-9)


def test_a_named_reference_and_no_adjustment(run, study, protocol):
    study["third"] = (study["small"] + study["full"]) / 2
    models = MODELS.replace("}}", "}, third: {probability: third}}")
    _, holm, _ = run(study, protocol(models))
    _, pairs, out = run(study, protocol(models, comparisons="{reference: third, adjustment: none}"))
    own = pairs.loc[("validation", "all", "auc")]
    assert list(own.index) == [("full", "third"), ("small", "third")]
    assert_allclose(own["p_adjusted"], own["p_value"])
    every = holm.loc[("validation", "all", "auc")]
    assert len(every) == 3
    assert (every["p_adjusted"] >= every["p_value"]).all() and set(every["adjustment"]) == {"holm"}
    curve = pd.read_csv(out / "curves" / "decision_difference.csv")
    assert set(zip(curve["model_a"], curve["model_b"], strict=True)) == set(own.index)


def test_curves_hold_what_the_rows_say(run, study, protocol):
    metrics, pairs, out = run(study, protocol(bootstrap="{n_resamples: 40}"))
    at = metrics.loc[("validation", "all", "full", "net_benefit")]
    curve = pd.read_csv(out / "curves" / "decision.csv").query("cohort == 'validation'")
    curve = curve[(curve["center"] == "all") & np.isclose(curve["threshold"], 0.45)]
    model = curve[curve["model"] == "full"].iloc[0]
    assert_allclose(model["net_benefit"], at["estimate"], atol=1e-15)
    for scale, metric in (
        ("standardized", "net_benefit_standardized"),
        ("interventions_avoided", "interventions_avoided"),
    ):
        row = metrics.loc[("validation", "all", "full", metric)]
        assert_allclose(model[scale], row["estimate"], atol=1e-15)
        assert row["lower"] < row["estimate"] < row["upper"] and row["threshold"] == 0.45
    everybody = curve[curve["model"] == "treat all"].iloc[0]
    assert everybody["lower"] < everybody["net_benefit"] < everybody["upper"]
    gap = pd.read_csv(out / "curves" / "decision_difference.csv")
    gap = gap[(gap["cohort"] == "validation") & (gap["center"] == "all")]
    gap = gap[np.isclose(gap["threshold"], 0.45)].iloc[0]
    row = pairs.loc[("validation", "all", "net_benefit", "small", "full")]
    found = gap[["difference", "lower", "upper"]].astype(float).tolist()
    assert_allclose(found, row[["difference", "lower", "upper"]].tolist(), atol=1e-15)
    recall = pd.read_csv(out / "curves" / "precision_recall.csv")
    recall = recall[(recall["cohort"] == "validation") & (recall["center"] == "all")]
    recall = recall[recall["model"] == "full"]
    steps = np.diff(recall["recall"], prepend=0.0) @ recall["precision"]
    assert_allclose(steps, metrics.loc[("validation", "all", "full", "average_precision")].estimate)
    prevalence = metrics.loc[("validation", "all", "", "prevalence"), "estimate"]
    assert_allclose(recall["event_rate"], prevalence)


def test_harm_is_subtracted_everywhere_and_verified(run, study, protocol, extval):
    free, free_pairs, _ = run(study, protocol())
    harmed, pairs, out = run(study, protocol(decision_curve="{at: 0.45, harm: {full: 0.02}}"))
    for metric, less in (
        ("net_benefit", 0.02),
        (
            "net_benefit_standardized",
            0.02 / free.loc[("validation", "all", "", "prevalence")].estimate,
        ),
        ("interventions_avoided", 0.02 * 0.55 / 0.45),
    ):
        before, after = (m.loc[("validation", "all", "full", metric)] for m in (free, harmed))
        assert_allclose(after["estimate"], before["estimate"] - less)
        assert "harm of 0.02" in after["method"] and "harm" not in before["method"]
    key = ("validation", "all", "net_benefit", "small", "full")
    assert_allclose(pairs.loc[key, "difference"], free_pairs.loc[key, "difference"] + 0.02)
    assert extval("verify", out).code == 0


def test_a_rule_that_no_threshold_meets_leaves_rows_with_a_sentence(run, study, protocol):
    top = study["cohort"] == "development"
    study.loc[study[top & (study["y"] == 0)].index[0], "small"] = 1.0  # nobody lies above
    metrics, pairs, _ = run(study, protocol("thresholds: {rule: specificity, at: 1.0}\n"))
    mine = metrics.loc[("validation", "all", "small")]
    for metric in ("sensitivity", "ppv", "lr_positive", "f1", "npv_at_prevalence_0.1"):
        assert math.isnan(mine.loc[metric, "estimate"]) and math.isnan(mine.loc[metric, "lower"])
        assert "chose no threshold" in mine.loc[metric, "note"]
    assert not math.isnan(metrics.loc[("validation", "all", "full", "sensitivity"), "estimate"])
    row = pairs.loc[("validation", "all", "sensitivity", "small", "full")]
    assert math.isnan(row["difference"]) and "chose no threshold" in row["note"]
    assert not math.isnan(mine.loc["auc", "estimate"])


def test_an_update_that_is_not_estimable_has_no_number(run, study, protocol):
    study.loc[study["center"] == "west", "y"] = 1
    study.loc[study["center"] == "east", "full"] = 0.4
    metrics, _, _ = run(study, protocol())
    for center, model in (("west", "small"), ("east", "full")):
        for metric in ("update_intercept", "update_slope", "updated_brier"):
            row = metrics.loc[("validation", center, model, metric)]
            assert math.isnan(row["estimate"]) and "Not estimable" in row["note"]
    assert metrics["estimate"].notna().any()
    shown = metrics[metrics["note"].str.startswith("Not estimable", na=False)]
    assert shown["estimate"].isna().all()


def clustered(study):
    order = study.groupby("center").cumcount() // 2
    study["person"] = study["center"] + order.astype(str)
    return study


def test_clusters_count_in_every_auc_and_the_rest_is_cautioned(run, study, protocol):
    metrics, pairs, out = run(clustered(study), protocol(CLUSTER))
    between = pairs[pairs.index.get_level_values("metric").str.startswith("auc")]
    assert between["method"].str.contains("Obuchowski").all()
    both = [
        metrics.loc[("validation", center, "full", "auc"), "se"] for center in ("east", "south")
    ]
    row = pairs.loc[("validation", "east", "auc_vs_center:south", "full", "full")]
    assert_allclose(row["se"], np.hypot(*both))
    assert_allclose(row["p_value"], math.erfc(abs(row["statistic"]) / math.sqrt(2)))
    cautions = json.loads((out / "results.json").read_text())["cautions"]
    (said,) = [text for text in cautions if "Several rows of one patient" in text]
    assert "380 rows of 190 patients" in said and "Obuchowski" in said


def test_a_patient_of_two_centres_is_no_independent_comparison(run, study, protocol):
    study = clustered(study)
    place = {center: study[study["center"] == center].index[0] for center in ("east", "south")}
    study.loc[place["south"], "person"] = study.loc[place["east"], "person"]
    _, pairs, _ = run(study, protocol(CLUSTER))
    row = pairs.loc[("validation", "east", "auc_vs_center:south", "full", "full")]
    assert math.isnan(row["p_value"]) and "lies in both groups" in row["note"]
    other = pairs.loc[("validation", "east", "auc_vs_center:west", "full", "full")]
    assert not math.isnan(other["p_value"])


def test_a_patient_of_both_cohorts_is_refused(extval, write, study, protocol, tmp_path):
    study = clustered(study)
    first = study[study["cohort"] == "validation"].index[0]
    study.loc[first, "person"] = study[study["cohort"] == "development"]["person"].iloc[0]
    path = write(study)
    before = {*tmp_path.iterdir(), tmp_path / "protocol.yaml"}
    said = extval("evaluate", path, "--protocol", protocol(CLUSTER), "--out", tmp_path / "new")
    assert said.code == 2 and "Traceback" not in said.stderr
    assert "study.csv, column `person`, row " in said.stderr
    assert "rows in the development and in the validation cohort" in said.stderr
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("lines", "flags", "message"),
    [
        (
            {"bootstrap": "{n_resamples: 1}"},
            (),
            "line 4, `bootstrap`: a single resample shows no uncertainty; give 0",
        ),
        ({}, ("--bootstrap", "1"), "--bootstrap 1: give 0 for no resampling, or a number from 2"),
        ({}, ("--bootstrap", "200000"), "--bootstrap 200000: give 0 for no resampling"),
        (
            {"discrimination": "{interval: bootstrap-bca}"},
            (),
            "discrimination.interval `bootstrap-bca` needs resamples, and bootstrap.n_resamples",
        ),
        (
            {"discrimination": "{interval: bootstrap-bca}", "bootstrap": "{n_resamples: 20}"},
            ("--bootstrap", "0"),
            "--bootstrap 0: discrimination.interval `bootstrap-bca` needs resamples",
        ),
        (
            {"decision_curve": "{step: 0.00001}"},
            (),
            "`decision_curve`: a `step` of 1e-05 makes 75,001 thresholds; make it larger",
        ),
        (
            {"decision_curve": "{harm: {ful: 0.01}}"},
            (),
            "decision_curve.harm names `ful`, which is not a model; the models are small, full",
        ),
        ({"decision_curve": "{harm: {full: 2}}"}, (), "`decision_curve.harm.full`: input should"),
        ({"classification": "{prevalence: [10]}"}, (), "`classification.prevalence.0`: input"),
        ({"comparisons": "{reference: fulll}"}, (), "reference `fulll` is not a model"),
        ({"comparisons": "{mcnemar: midp}"}, (), "`comparisons.mcnemar`: input should be 'exact'"),
        ({"discrimination": "{partial: {from: 90}}"}, (), "`discrimination.partial.from`: input"),
    ],
)
def test_wrong_settings_are_named_and_leave_nothing(
    extval, write, study, protocol, tmp_path, lines, flags, message
):
    path, asked = write(study), protocol(**lines)
    before = set(tmp_path.iterdir())
    said = extval("evaluate", path, "--protocol", asked, "--out", tmp_path / "new", *flags)
    assert said.code == 2 and "Traceback" not in said.stderr
    assert message in said.stderr.replace("\n", " "), said.stderr
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("", "is empty (prediction of full: 1 of 380 are missing)"),
        ("NA", "holds 'NA', which stands for a"),
    ],
)
def test_a_missing_prediction_is_refused_with_the_way_out(
    extval, write, study, protocol, tmp_path, cell, shown
):
    study = study.astype({"full": object})
    study.loc[9, "full"] = cell
    path, asked = write(study), protocol()
    said = extval("evaluate", path, "--protocol", asked, "--out", tmp_path / "new")
    assert said.code == 2
    assert f"column `full`, row 11: the cell {shown}" in said.stderr
    assert "`missing: {rule: complete-case}`" in said.stderr


def test_several_lesions_of_a_patient_are_shown_the_way(extval, write, study, protocol, tmp_path):
    study.loc[1, "patient"] = study.loc[0, "patient"]
    path, asked = write(study), protocol()
    said = extval("evaluate", path, "--protocol", asked, "--out", tmp_path / "new")
    assert said.code == 2 and "name the patient in `columns.cluster`" in said.stderr


def test_clusters_of_one_row_need_no_caution(run, study, protocol):
    study["person"] = study["patient"]
    metrics, _, out = run(study, protocol(CLUSTER))
    cautions = json.loads((out / "results.json").read_text())["cautions"]
    assert not any("Several rows" in text for text in cautions)
    plain, _, _ = run(study, protocol(discrimination="{interval: delong}"))
    for model in ("small", "full"):
        key = ("validation", "all", model, "auc")
        assert_allclose(metrics.loc[key, "se"], plain.loc[key, "se"], rtol=1e-10)


def test_one_resample_is_refused_without_a_protocol_too(extval, write, study, tmp_path):
    flags = ("--outcome", "y", "--models", "full", "--bootstrap", "1")
    said = extval("evaluate", write(study), "--out", tmp_path / "new", *flags)
    assert said.code == 2 and "--bootstrap 1: give 0" in said.stderr
    assert not (tmp_path / "new").exists()


def test_imputed_predictions_have_mean_differences_without_bands(run, study, protocol):
    study["full_2"] = (study["full"] * 0.9 + 0.05).round(4)
    models = "models: {small: {probability: small}, full: {probability: [full, full_2]}}\n"
    metrics, pairs, out = run(study, protocol(models, bootstrap="{n_resamples: 10}"))
    gap = pd.read_csv(out / "curves" / "decision_difference.csv")
    assert gap["lower"].isna().all() and gap["difference"].notna().all()
    at = gap[(gap["cohort"] == "validation") & (gap["center"] == "all")]
    at = at[np.isclose(at["threshold"], 0.45)].iloc[0]
    row = pairs.loc[("validation", "all", "net_benefit", "small", "full")]
    assert_allclose(at["difference"], row["difference"])
    for metric in ("net_benefit_standardized", "interventions_avoided"):
        row = metrics.loc[("validation", "all", "full", metric)]
        assert "Rubin" in row["method"] and row["lower"] < row["estimate"] < row["upper"]
