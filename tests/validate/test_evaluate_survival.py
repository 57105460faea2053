"""The main job for a time to event: against R, and on hard input."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.stats.survival_calibration_curve import calibration_curve_t, calibration_groups_t

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "evaluate_survival.json").read_text(encoding="utf-8")
)
PROTOCOL = """\
schema_version: 1
seed: 7
outcome: {time: time, event: event, unit: years, horizons: [5], name: Recurrence-free survival}
columns: {patient: id, center: center, cohort: cohort}
models:
  full: {linear_predictor: lp_full, risk: {5: r_full}}
  part: {linear_predictor: lp_part, risk: {5: r_part}}
"""


@pytest.fixture
def study():
    return pd.DataFrame(REFERENCE["study"])


@pytest.fixture
def run(extval, write, tmp_path):
    def evaluate(frame, protocol=PROTOCOL, *flags):
        (tmp_path / "protocol.yaml").write_text(protocol, encoding="utf-8")
        return extval(
            *("evaluate", write(frame), "--protocol", tmp_path / "protocol.yaml"),
            *("--out", tmp_path / "out", *flags),
        )

    return evaluate


def metrics(out):
    frame = pd.read_csv(out / "metrics.csv", keep_default_na=False, na_values=[""])
    return frame.fillna({"model": ""}).set_index(["cohort", "center", "model", "metric"])


def test_the_numbers_are_those_of_r(run, study, tmp_path):
    assert run(study, PROTOCOL, "--no-report").code == 0
    found = metrics(tmp_path / "out")
    pairs = pd.read_csv(tmp_path / "out" / "comparisons.csv")
    pairs = pairs[pairs["metric"] == "c_harrell"].set_index(["cohort", "center"])
    for group in REFERENCE["groups"]:
        where = (group["cohort"], group["center"])
        row = found.loc[(*where, "", "survival_t")]
        values = row[["estimate", "se", "lower", "upper"]].astype(float)
        assert_allclose(values, group["survival_t"], rtol=1e-8)
        for model, wanted in group["models"].items():
            for metric in ("c_harrell", "calibration_slope", "brier_t"):
                row = found.loc[(*where, model, metric)]
                values = row[["estimate", "se"]].astype(float)
                assert_allclose(values, wanted[metric], rtol=1e-7)
            for metric in ("oe_t", "logrank"):
                value = found.loc[(*where, model, metric), "estimate"]
                assert_allclose(value, wanted[metric], rtol=1e-8)
        row = pairs.loc[where]
        values = row[["difference", "se"]].astype(float)
        assert_allclose(values, group["difference"], rtol=1e-7, atol=1e-12)


def test_the_report_is_written_and_verifies(run, extval, study, tmp_path):
    assert run(study).code == 0
    out = tmp_path / "out"
    assert (out / "report.pdf").stat().st_size > 10_000
    assert {path.stem for path in (out / "curves").iterdir()} >= {"kaplan_meier", "risk_table"}
    assert extval("verify", out).code == 0


def test_risk_groups_come_from_development_alone(run, study, tmp_path):
    run(study, PROTOCOL, "--no-report")
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    development = study[study["cohort"] == "development"]
    for model in results["models"]:
        wanted = np.median(development[f"lp_{model['name']}"])
        assert model["risk_group_cuts"] == [wanted]


def hard(frame, change):
    frame = frame.copy()
    east = frame["center"] == "east"
    match change:
        case "all censored":
            frame.loc[east, "event"] = 0
        case "no event before the horizon":
            frame.loc[east, "time"] += 6.0
        case "horizon past the last follow-up":
            frame.loc[east, "time"] = frame.loc[east, "time"].clip(upper=3.0)
        case "one event":
            frame.loc[east, "event"] = (np.arange(east.sum()) == 3).astype(int)
        case "one patient":
            frame = frame[~east | (np.cumsum(east) <= 1)]
        case "time zero":
            frame.loc[east, "time"] = 0.0
        case "constant model":
            frame[["lp_full", "r_full"]] = [0.1, 0.4]
        case "identical models":
            frame["lp_part"], frame["r_part"] = frame["lp_full"], frame["r_full"]
        case "certain predictions":
            frame["r_full"] = (frame["r_full"] > 0.5).astype(float)
        case "heavy ties":
            frame["time"] = np.ceil(frame["time"])
    return frame


@pytest.mark.parametrize(
    "change",
    [
        "all censored",
        "no event before the horizon",
        "horizon past the last follow-up",
        "one event",
        "one patient",
        "time zero",
        "constant model",
        "identical models",
        "certain predictions",
        "heavy ties",
    ],
)
def test_hard_input_keeps_every_row_and_says_why(run, study, tmp_path, change):
    assert run(study, PROTOCOL, "--no-report").code == 0
    usual = metrics(tmp_path / "out").index
    said = run(hard(study, change), PROTOCOL, "--force")
    assert said.code == 0, said.stderr
    found = metrics(tmp_path / "out")
    assert set(usual) <= set(found.index)
    missing = found[found["estimate"].isna()]
    assert (missing["note"].fillna("") != "").all(), missing[missing["note"].isna()]
    pairs = pd.read_csv(tmp_path / "out" / "comparisons.csv")
    assert (pairs["note"].notna() | pairs["p_value"].notna()).all()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("time", -1.0, "follow-up of -1 is negative"),
        ("time", np.inf, "inf is not a finite number"),
        ("event", 3, "3 is not 0 or 1"),
        ("lp_full", "high", "'high', which is not a number"),
        ("lp_part", -np.inf, "-inf is not a finite number"),
        ("r_full", 1.01, "1.01 is not a probability"),
    ],
)
def test_wrong_input_is_named(run, study, tmp_path, column, value, message):
    study = study.astype({column: object})
    study.loc[7, column] = value
    said = run(study)
    assert (said.code, message in said.stderr) == (2, True), said.stderr
    assert f"column `{column}`, row 9" in said.stderr
    assert not (tmp_path / "out").exists()


def test_three_risk_groups_and_a_reference_model(run, study, tmp_path):
    extra = "risk_groups: {rule: tertiles}\ncomparisons: {reference: part, adjustment: none}\n"
    assert run(study, PROTOCOL + extra, "--no-report").code == 0
    curves = pd.read_csv(tmp_path / "out" / "curves" / "kaplan_meier.csv")
    assert set(curves["group"].dropna()) == {"low", "intermediate", "high"}
    pairs = pd.read_csv(tmp_path / "out" / "comparisons.csv")
    assert set(zip(pairs["model_a"], pairs["model_b"], strict=True)) == {("full", "part")}
    assert set(pairs["adjustment"]) == {"none"}


def test_every_survival_statistic_is_there(run, study, tmp_path):
    protocol = PROTOCOL.replace("horizons: [5]", "horizons: [3, 5], curve_times: [1, 2, 3, 4]")
    protocol = protocol.replace("risk: {5: r_full}", "risk: {3: r_three, 5: r_full}")
    study["r_three"] = (0.7 * study["r_full"]).round(4)
    assert run(study, protocol, "--bootstrap", "30", "--no-report").code == 0
    out = tmp_path / "out"
    found = set(pd.read_csv(out / "metrics.csv").query("model == 'full'")["metric"])
    wanted = "c_harrell c_uno auc_t iauc oe_t brier_t ipa_t ibs ici_t e50_t e90_t emax_t"
    assert set(wanted.split()) | {"hazard_ratio", "rmst_difference", "logrank_p"} <= found
    pairs = pd.read_csv(out / "comparisons.csv")
    differences = "c_harrell c_uno auc_t iauc brier_t ipa_t net_benefit_t"
    assert set(pairs["metric"]) == set(differences.split())
    curve = pd.read_csv(out / "curves" / "auc_t.csv")
    assert set(curve["time"]) == {1.0, 2.0, 3.0, 4.0}
    assert set(pd.read_csv(out / "curves" / "calibration_t.csv")["horizon"]) == {3, 5}


def test_competing_events_are_carried_through(run, extval, study, tmp_path):
    died, third = study["event"] == 1, np.arange(len(study)) % 3 == 0
    study["event"] = np.where(died & third, 7, study["event"])
    protocol = PROTOCOL.replace("horizons: [5]", "horizons: [5], cause: 1")
    assert run(study, protocol, "--bootstrap", "20").code == 0
    out = tmp_path / "out"
    rows = metrics(out)
    metric_names = set(rows.index.get_level_values("metric"))
    assert {"incidence_t", "gray_p", "auc_t", "brier_t", "oe_t", "net_benefit_t"} <= metric_names
    assert not {"survival_t", "logrank"} & metric_names
    incidence = rows.loc[("validation", "all", "", "incidence_t")]
    outside = study[study["cohort"] == "validation"]
    assert incidence["n"] == len(outside)
    assert incidence["events"] == (outside["event"] == 1).sum()
    assert extval("verify", out).code == 0


def test_cumulative_incidences_are_calibrated_by_a_fine_gray_model(run, extval, study, tmp_path):
    died, third = study["event"] == 1, np.arange(len(study)) % 3 == 0
    study["event"] = np.where(died & third, 7, study["event"])
    protocol = PROTOCOL.replace("horizons: [5]", "horizons: [5], cause: 1")
    assert run(study, protocol, "--bootstrap", "20").code == 0
    out, outside = tmp_path / "out", study[study["cohort"] == "validation"]
    observed = (outside["time"], outside["event"], outside["r_full"])
    wanted = calibration_curve_t(*observed, horizon=5, cause=1)
    rows = metrics(out)
    for measure in ("ici", "e50", "e90", "emax"):
        row = rows.loc[("validation", "all", "full", f"{measure}_t")]
        assert_allclose(float(row["estimate"]), getattr(wanted, measure).value, rtol=1e-10)
        assert row["method"].startswith("Fine-Gray regression on a restricted cubic spline of")
        assert row["method"].endswith("3 knots, held fixed; bootstrap percentile, 20 resamples")
        assert row["lower"] < row["upper"]
    curves = pd.read_csv(out / "curves" / "calibration_t.csv")
    assert set(curves["smoother"]) == {"rcs, Fine-Gray"}
    mine = curves.query("cohort == 'validation' and center == 'all' and model == 'full'")
    assert_allclose(mine["observed"], wanted.observed, rtol=1e-10)
    assert (mine["lower"] < mine["upper"]).all()
    groups = pd.read_csv(out / "curves" / "calibration_groups_t.csv")
    mine = groups.query("cohort == 'validation' and center == 'all' and model == 'full'")
    wanted = calibration_groups_t(*observed, horizon=5, cause=1)
    assert_allclose(mine["observed"], wanted.observed, rtol=1e-10)
    assert mine["events"].sum() == ((outside["event"] == 1) & (outside["time"] <= 5)).sum()
    assert extval("verify", out).code == 0

    stored = (out / "curves" / "calibration_t.csv").read_text(encoding="utf-8")
    (out / "curves" / "calibration_t.csv").write_text(
        stored.replace("rcs, Fine-Gray", "rcs"), encoding="utf-8"
    )
    said = extval("verify", out)
    assert (said.code, "calibration_t.csv" in said.stdout + said.stderr) == (1, True)


def test_a_cause_that_is_no_whole_number_is_named(run, study):
    study["event"] = study["event"].astype(float)
    study.loc[4, "event"] = 0.5
    said = run(study, PROTOCOL.replace("horizons: [5]", "horizons: [5], cause: 1"))
    assert (said.code, "row 6: 0.5 is not 0 (censored)" in said.stderr) == (2, True)


def test_a_protocol_without_an_outcome_is_refused(run, study):
    said = run(study, PROTOCOL.replace("outcome:", "outcomes:"))
    assert (said.code, "`outcome`: give `column`" in said.stderr) == (2, True)
