"""Patients who came under observation late: who is counted from entry on, and what says so."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.stats.competing_risks import aalen_johansen, incidence_at
from extval.stats.cox import cox_regression
from extval.stats.kaplan_meier import kaplan_meier, quantile, survival_at
from extval.stats.logrank import logrank_test
from extval.stats.numbers_at_risk import numbers_at_risk
from extval.stats.proportional_hazards import proportional_hazards_test
from extval.stats.rmst import rmst, rmst_comparison

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "evaluate_survival.json").read_text(encoding="utf-8")
)
PROTOCOL = """\
schema_version: 1
seed: 7
outcome: {time: time, event: event, entry: entry, unit: years, horizons: [3, 5]}
columns: {patient: id, center: center, cohort: cohort}
models:
  full: {linear_predictor: lp_full, risk: {3: r_three, 5: r_full}}
  part: {linear_predictor: lp_part, risk: {5: r_part}}
bootstrap: {n_resamples: 10}
subgroups: {Stage: {column: stage}}
"""
WITHOUT = "c_uno auc_t iauc brier_t ipa_t ibs ici_t e50_t e90_t emax_t net_benefit_t"


@pytest.fixture
def study():
    frame = pd.DataFrame(REFERENCE["study"]).sort_values("id")
    late = np.arange(len(frame)) % 3 == 0
    return frame.assign(
        entry=np.where(late, (frame["time"] * 0.6).round(2), 0.0),
        stage=np.where(np.arange(len(frame)) % 2, "I", "II"),
        r_three=(0.7 * frame["r_full"]).round(4),
    )


@pytest.fixture
def run(extval, write, tmp_path):
    def evaluate(frame, text=PROTOCOL, *flags):
        protocol = tmp_path / "protocol.yaml"
        protocol.write_text(text, encoding="utf-8")
        out = tmp_path / "out"
        return extval(
            *("evaluate", write(frame), "--protocol", protocol, "--out", out, "--force", *flags)
        )

    return evaluate


def metrics(out):
    rows = pd.read_csv(out / "metrics.csv", keep_default_na=False, na_values=[""])
    rows = rows.fillna({"model": ""})
    return rows.set_index(["cohort", "center", "model", "metric"]).sort_index()


def value(rows, model, metric, column="estimate"):
    found = rows.loc[("validation", "all", model, metric)]
    return found[found["horizon"].isna() | (found["horizon"] == 5)].iloc[0][column]


def test_entry_is_heeded_wherever_it_can_be(run, study, tmp_path):
    assert run(study, PROTOCOL, "--no-report").code == 0
    rows = metrics(tmp_path / "out")
    rest = study[study["cohort"] == "validation"]
    data, late = (rest["time"], rest["event"]), {"entry": rest["entry"]}
    curve = kaplan_meier(*data, **late)
    assert_allclose(value(rows, "", "survival_t"), survival_at(curve, 5.0).value, rtol=1e-12)
    assert_allclose(value(rows, "", "survival_median"), quantile(curve, q=0.5).value, rtol=1e-12)
    assert_allclose(value(rows, "", "rmst"), rmst(*data, tau=5.0, **late).value, rtol=1e-12)
    lp = rest["lp_full"].to_numpy()[:, np.newaxis]
    slope = cox_regression(*data, lp, **late).terms[0].log_hazard_ratio
    assert_allclose(value(rows, "full", "calibration_slope"), slope.value, rtol=1e-12)
    constant = proportional_hazards_test(*data, lp, **late).overall
    assert_allclose(value(rows, "full", "proportional_hazards"), constant.statistic, rtol=1e-12)
    observed = 1 - survival_at(curve, 5.0).value
    ratio = observed / rest["r_full"].mean()
    assert_allclose(value(rows, "full", "oe_t"), ratio, rtol=1e-12)
    cut = np.median(study.loc[study["cohort"] == "development", "lp_full"])
    high = (rest["lp_full"] > cut).to_numpy()
    tested = logrank_test(*data, high, **late)
    assert_allclose(value(rows, "full", "logrank"), tested.statistic, rtol=1e-12)
    hazard = cox_regression(*data, high[:, np.newaxis], **late).terms[0].hazard_ratio
    assert_allclose(value(rows, "full", "hazard_ratio"), hazard.value, rtol=1e-12)
    restricted = rmst_comparison(*data, np.where(high, 0, 1), tau=5.0, **late)
    wanted = restricted.difference.difference
    assert_allclose(value(rows, "full", "rmst_difference"), wanted, rtol=1e-12)


def test_the_numbers_are_those_of_r(run, study, tmp_path):
    wanted = REFERENCE["more"]["entry"]
    rest = study["cohort"] == "validation"
    study["entry"] = 0.0
    study.loc[rest, "entry"] = wanted["entry"]
    text = PROTOCOL.replace("n_resamples: 10", "n_resamples: 0")
    assert run(study, text, "--no-report").code == 0
    rows = metrics(tmp_path / "out")
    names = ("estimate", "se", "lower", "upper")
    survival = [value(rows, "", "survival_t", name) for name in names]
    assert_allclose(survival, wanted["survival_t"], rtol=1e-8)
    found = [value(rows, "full", "c_harrell", name) for name in names[:2]]
    assert_allclose(found, wanted["c_harrell"], rtol=1e-10)
    slope = [value(rows, "full", "calibration_slope", name) for name in names[:2]]
    assert_allclose(slope, wanted["slope"], rtol=1e-7)
    assert_allclose(value(rows, "full", "proportional_hazards"), wanted["zph"], rtol=1e-6)


def test_curves_and_numbers_at_risk_count_from_entry(run, study, tmp_path):
    assert run(study, PROTOCOL, "--no-report").code == 0
    table = pd.read_csv(tmp_path / "out" / "curves" / "risk_table.csv")
    rest = study[study["cohort"] == "validation"]
    whole = (table["cohort"] == "validation") & (table["center"] == "all") & table["model"].isna()
    table = table[whole]
    counts = numbers_at_risk(rest["time"], rest["event"], table["time"], entry=rest["entry"])
    assert table["at_risk"].tolist() == counts.at_risk.tolist()
    assert counts.at_risk[1] != (rest["time"] >= table["time"].iloc[1]).sum()


def test_what_is_not_defined_says_so(run, extval, study, tmp_path):
    assert run(study).code == 0
    out = tmp_path / "out"
    rows = metrics(out)
    for metric in WITHOUT.split():
        assert np.isnan(value(rows, "full", metric))
        assert "delayed entry" in value(rows, "full", metric, "note")
    pairs = pd.read_csv(out / "comparisons.csv")
    differences = "c_harrell c_uno auc_t iauc brier_t ipa_t net_benefit_t"
    assert set(pairs["metric"]) == set(differences.split())
    said = pairs["note"].fillna("").str.contains("delayed entry")
    assert (said == (pairs["metric"] != "c_harrell")).all()
    assert not {"auc_t.csv", "decision_t.csv"} & {f.name for f in (out / "curves").iterdir()}
    missing = rows[rows["estimate"].isna()]
    assert missing["note"].notna().all(), missing[missing["note"].isna()]
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert any("left truncation" in caution for caution in results["cautions"])
    assert extval("verify", out).code == 0


def test_entry_at_zero_is_no_entry(run, study, tmp_path):
    text = PROTOCOL + "log_rank: {permutations: 0}\n"
    assert run(study, text.replace("entry: entry, ", ""), "--no-report").code == 0
    without = metrics(tmp_path / "out")
    assert run(study.assign(entry=0.0), text, "--no-report").code == 0
    rows = metrics(tmp_path / "out")
    assert without.index.equals(rows.index)
    both = rows["estimate"].notna().to_numpy()
    assert_allclose(rows["estimate"][both], without["estimate"][both], rtol=1e-10, atol=1e-12)


def test_competing_events_with_delayed_entry(run, study, tmp_path):
    third = np.arange(len(study)) % 3 == 0
    study["event"] = np.where((study["event"] == 1) & third, 2, study["event"])
    text = PROTOCOL.replace("horizons: [3, 5]", "horizons: [3, 5], cause: 1")
    assert run(study, text).code == 0
    rows = metrics(tmp_path / "out")
    rest = study[study["cohort"] == "validation"]
    incidence = aalen_johansen(rest["time"], rest["event"], n_causes=2, entry=rest["entry"])
    wanted = incidence_at(incidence, 5.0).value
    assert_allclose(value(rows, "", "incidence_t"), wanted, rtol=1e-12)
    assert_allclose(value(rows, "full", "oe_t"), wanted / rest["r_full"].mean(), rtol=1e-12)
    assert "delayed entry" in value(rows, "full", "gray", "note")
    missing = rows[rows["estimate"].isna()]
    assert missing["note"].notna().all()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (99.0, "entry at 99 is not before the end of follow-up"),
        (-1.0, "entry at -1 is not a finite number of at least 0"),
        (np.inf, "entry at inf is not a finite number"),
        (None, "the cell is empty"),
    ],
)
def test_wrong_entry_is_named(run, study, entry, message):
    study = study.reset_index(drop=True)
    study.loc[7, "entry"] = entry
    said = run(study, PROTOCOL, "--no-report")
    assert (said.code, message in said.stderr) == (2, True), said.stderr
    assert "column `entry`, row 9" in said.stderr


@pytest.mark.parametrize("change", ["all late", "no events", "one group"])
def test_hard_entry_keeps_every_row(run, study, tmp_path, change):
    assert run(study, PROTOCOL, "--no-report").code == 0
    usual = metrics(tmp_path / "out").index
    east = study["center"] == "east"
    if change == "all late":
        study.loc[east, "entry"] = study.loc[east, "time"] - 0.005
    elif change == "no events":
        study.loc[east, "event"] = 0
    else:
        study.loc[east, "lp_full"] = 9.0
    assert run(study, PROTOCOL).code == 0
    rows = metrics(tmp_path / "out")
    assert set(usual) <= set(rows.index)
    missing = rows[rows["estimate"].isna()]
    assert missing["note"].notna().all(), missing[missing["note"].isna()]
