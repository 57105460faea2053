"""Landmark analyses in `extval evaluate`: who is at risk, and what is found from there on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.stats.competing_risks import aalen_johansen
from extval.stats.concordance import c_harrell
from extval.stats.cox import cox_regression
from extval.stats.gray import gray_test
from extval.stats.kaplan_meier import kaplan_meier
from extval.stats.logrank import logrank_test

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "evaluate_survival.json").read_text(encoding="utf-8")
)
PROTOCOL = """\
schema_version: 1
seed: 7
outcome: {time: time, event: event, unit: years, horizons: [5]}
columns: {patient: id, center: center, cohort: cohort}
models: {full: {linear_predictor: lp_full}}
bootstrap: {n_resamples: 0}
landmarks: [1, 3]
"""


@pytest.fixture
def study():
    return pd.DataFrame(REFERENCE["study"]).sort_values("id").reset_index(drop=True)


@pytest.fixture
def run(extval, write, tmp_path):
    def evaluate(frame, *flags, text=PROTOCOL):
        protocol = tmp_path / "protocol.yaml"
        protocol.write_text(text, encoding="utf-8")
        out = tmp_path / "out"
        said = extval(
            *("evaluate", write(frame), "--protocol", protocol, "--out", out, "--force", *flags)
        )
        assert said.code == 0, said.stderr
        rows = pd.read_csv(out / "metrics.csv", keep_default_na=False, na_values=[""])
        rows = rows.fillna({"model": "", "horizon": 0})
        return rows.set_index(["cohort", "center", "model", "metric", "horizon"]).sort_index()

    return evaluate


def from_landmark(study, at):
    """Return the validation patients seen and event-free after `at`, and who is at high risk."""
    cut = np.median(study.loc[study["cohort"] == "development", "lp_full"])
    rest = study[(study["cohort"] == "validation") & (study["time"] > at)]
    return rest.assign(time=rest["time"] - at), (rest["lp_full"] > cut).to_numpy()


def where(metric, at, model="full", center="all"):
    return "validation", center, model, metric, at


@pytest.mark.parametrize("at", [1.0, 3.0])
def test_the_clock_restarts_for_those_at_risk(run, study, tmp_path, at):
    rows = run(study, "--no-report")
    rest, high = from_landmark(study, at)
    data = rest["time"], rest["event"]
    count = rows.loc[where("at_risk_landmark", at, "")]
    assert (count["estimate"], count["n"], count["events"]) == (len(rest),) * 2 + (sum(data[1]),)
    everybody = study[study["cohort"] == "validation"]
    before = everybody[everybody["time"] <= at]
    told = f"Left out of {len(everybody)}: {before['event'].sum()} with an event and "
    assert told + f"{(1 - before['event']).sum()} censored" in count["note"]
    found = rows.loc[where("c_harrell_landmark", at)]
    wanted = c_harrell(*data, rest["lp_full"])
    assert_allclose([found["estimate"], found["se"]], [wanted.value, wanted.se], rtol=1e-12)
    test = logrank_test(*data, high)
    assert_allclose(rows.loc[where("logrank_landmark", at), "estimate"], test.statistic)
    assert_allclose(rows.loc[where("logrank_landmark_p", at), "estimate"], test.p_value)
    strata = logrank_test(*data, high, strata=rest["center"])
    found = rows.loc[where("logrank_stratified_landmark", at), "estimate"]
    assert_allclose(found, strata.statistic)
    ratio = cox_regression(*data, high[:, np.newaxis]).terms[0].hazard_ratio
    assert_allclose(rows.loc[where("hazard_ratio_landmark", at), "estimate"], ratio.value)
    table = pd.read_csv(tmp_path / "out" / "curves" / "kaplan_meier_landmark.csv")
    table = table.query("cohort == 'validation' and center == 'all' and group == 'high'")
    table = table[table["landmark"] == at]
    curve = kaplan_meier(data[0][high], data[1][high])
    assert_allclose(table["survival"], curve.survival, rtol=1e-12)
    assert_allclose(table["time"], curve.time, rtol=1e-12)


def test_the_numbers_are_those_of_r(run, study):
    rows = run(study, "--no-report")
    wanted = REFERENCE["more"]["landmark"]
    found = rows.loc[where("c_harrell_landmark", 3.0)]
    assert found["n"] == wanted["n"]
    assert_allclose(found[["estimate", "se"]].astype(float), wanted["c_harrell"], rtol=1e-8)
    test = rows.loc[where("logrank_landmark", 3.0), "estimate"]
    assert_allclose(test, wanted["logrank"], rtol=1e-8)


def test_numbers_from_time_zero_are_as_without_landmarks(run, study):
    with_them = run(study, "--no-report")
    without = run(study, "--no-report", text=PROTOCOL.replace("landmarks: [1, 3]\n", ""))
    names = with_them.index.get_level_values("metric")
    kept = with_them[~names.str.contains("_landmark")]
    pd.testing.assert_frame_equal(kept, without)


def test_who_entered_after_the_landmark_is_left_out(run, study):
    study["entry"] = np.where(np.arange(len(study)) % 3 == 0, 0.6 * study["time"], 0.0).round(2)
    text = PROTOCOL.replace("event: event,", "event: event, entry: entry,")
    rows = run(study, "--no-report", text=text)
    rest, _ = from_landmark(study[study["entry"] <= 3], 3)
    late = (study["cohort"] == "validation") & (study["time"] > 3) & (study["entry"] > 3)
    count = rows.loc[where("at_risk_landmark", 3.0, "")]
    assert count["n"] == len(rest)
    assert f"{late.sum()} who entered later" in count["note"]
    wanted = c_harrell(rest["time"], rest["event"], rest["lp_full"])
    assert_allclose(rows.loc[where("c_harrell_landmark", 3.0), "estimate"], wanted.value)


def test_a_competing_event_ends_being_at_risk(run, study, tmp_path):
    third = np.arange(len(study)) % 3 == 0
    study["event"] = np.where((study["event"] == 1) & third, 2, study["event"])
    text = PROTOCOL.replace("horizons: [5]", "horizons: [5], cause: 1")
    rows = run(study, text=text)
    rest, high = from_landmark(study, 3)
    test = gray_test(rest["time"], rest["event"], high)
    assert_allclose(rows.loc[where("gray_landmark", 3.0), "estimate"], test.statistic)
    wanted = c_harrell(rest["time"], rest["event"] == 1, rest["lp_full"])
    assert_allclose(rows.loc[where("c_harrell_landmark", 3.0), "estimate"], wanted.value)
    table = pd.read_csv(tmp_path / "out" / "curves" / "cumulative_incidence_landmark.csv")
    table = table.query("cohort == 'validation' and center == 'all' and group == 'high'")
    curve = aalen_johansen(rest["time"][high], rest["event"][high], n_causes=2)
    table = table[table["landmark"] == 3].groupby("cause")["incidence"]
    assert_allclose(table.get_group("interest"), curve.incidence[0], rtol=1e-12)
    assert_allclose(table.get_group("competing"), curve.incidence[1], rtol=1e-12)


@pytest.mark.parametrize("change", ["nobody left", "no events after", "one group"])
def test_hard_landmarks_keep_every_row(run, extval, study, tmp_path, change):
    usual = run(study, "--no-report").index
    east = study["center"] == "east"
    if change == "nobody left":
        study.loc[east, "time"] = study.loc[east, "time"].clip(upper=3.0)
    elif change == "no events after":
        study.loc[east & (study["time"] > 3), "event"] = 0
    else:
        study.loc[east, "lp_full"] = 9.0
    rows = run(study)
    assert set(usual) <= set(rows.index)
    missing = rows[rows["estimate"].isna()]
    assert missing["note"].notna().all(), missing[missing["note"].isna()]
    assert extval("verify", tmp_path / "out").code == 0


@pytest.mark.parametrize("landmarks", ["[3, 1]", "[1, 1]", "[0]", "[-1]"])
def test_wrong_landmarks_are_named(extval, write, study, tmp_path, landmarks):
    protocol = tmp_path / "protocol.yaml"
    protocol.write_text(PROTOCOL.replace("[1, 3]", landmarks), encoding="utf-8")
    said = extval("evaluate", write(study), "--protocol", protocol, "--out", tmp_path / "out")
    assert (said.code, "landmarks" in said.stderr) == (2, True), said.stderr
