"""Adjusted hazard ratios in `extval evaluate`: against R, by definition, and on hard input."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.stats.cox import cox_regression
from extval.stats.proportional_hazards import proportional_hazards_test

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
"""
COX = """\
cox:
  predictors:
    Marker: {column: lp_part, kind: continuous}
    Centre: {column: center, kind: categorical, reference: south}
"""


@pytest.fixture
def study():
    frame = pd.DataFrame(REFERENCE["study"]).sort_values("id").reset_index(drop=True)
    return frame.assign(sex=np.where(np.arange(len(frame)) % 3, "F", "M"))


@pytest.fixture
def run(extval, write, tmp_path):
    def evaluate(frame, text, *flags):
        protocol = tmp_path / "protocol.yaml"
        protocol.write_text(text, encoding="utf-8")
        out = tmp_path / "out"
        said = extval(
            *("evaluate", write(frame), "--protocol", protocol, "--out", out, "--force", *flags)
        )
        assert said.code == 0, said.stderr
        rows = pd.read_csv(out / "cox.csv", keep_default_na=False, na_values=[""])
        rows = rows.fillna({"predictor": "", "contrast": ""})
        return rows.set_index(["cohort", "metric", "predictor", "contrast"]).sort_index()

    return evaluate


def outside(study):
    cut = np.median(study.loc[study["cohort"] == "development", "lp_full"])
    rest = study[study["cohort"] == "validation"]
    return rest, (rest["lp_full"] > cut).to_numpy(float)


def test_the_numbers_are_those_of_coxph_and_cox_zph(run, study):
    rows = run(study, PROTOCOL + COX, "--no-report")
    wanted = REFERENCE["more"]["cox"]
    terms = [("full", "high v low"), ("Marker", "per 1"), ("Centre", "east v south")]
    for i, who in enumerate(terms):
        row = rows.loc[("validation", "log_hazard_ratio", *who)]
        assert_allclose(row[["estimate", "se"]].astype(float), [wanted["coef"][i], wanted["se"][i]])
        hazard = rows.loc[("validation", "hazard_ratio", *who)]
        margin = 1.959963984540054 * wanted["se"][i]
        limits = np.exp([wanted["coef"][i] - margin, wanted["coef"][i] + margin])
        assert_allclose(hazard[["lower", "upper"]].astype(float), limits, rtol=1e-7)
    for i, predictor in enumerate(["full", "Marker", "Centre", ""]):
        row = rows.loc[("validation", "proportional_hazards", predictor, "")]
        assert_allclose(row["estimate"], wanted["chisq"][i], rtol=1e-6)
        row = rows.loc[("validation", "proportional_hazards_p", predictor, "")]
        assert_allclose(row["estimate"], wanted["p"][i], rtol=1e-6)
    row = rows.loc[("validation", "likelihood_ratio", "", "")]
    assert_allclose(row["estimate"], wanted["lr"], rtol=1e-8)
    # A category that nobody here has stays out of the fit, and says so.
    absent = rows.loc[("validation", "hazard_ratio", "Centre", "north v south")]
    assert np.isnan(absent["estimate"])
    assert "does not vary" in absent["note"]


@pytest.mark.parametrize("strata", ["center", "sex"])
def test_linear_predictor_per_unit_and_strata(run, study, strata):
    text = PROTOCOL + (
        "cox:\n  model_as: linear-predictor\n  strata: "
        + strata
        + "\n  predictors: {Marker: {column: lp_part, kind: continuous, per: 0.5}}\n"
    )
    rows = run(study, text, "--no-report")
    rest, _ = outside(study)
    x = np.column_stack([rest["lp_full"], rest["lp_part"] / 0.5])
    data = rest["time"], rest["event"]
    for method, metric in (("wald", "hazard_ratio"), ("profile", "hazard_ratio_profile")):
        fit = cox_regression(*data, x, strata=rest[strata], method=method)
        row = rows.loc[("validation", metric, "Marker", "per 0.5")]
        term = fit.terms[1].hazard_ratio
        numbers = [term.value, term.interval.low, term.interval.high]
        assert_allclose(row[["estimate", "lower", "upper"]].astype(float), numbers, rtol=1e-9)
        assert f"stratified by {strata}" in row["method"]
    alone = cox_regression(*data, x[:, [1]], strata=rest[strata]).terms[0].hazard_ratio
    row = rows.loc[("validation", "hazard_ratio_unadjusted", "Marker", "per 0.5")]
    assert_allclose(row["estimate"], alone.value, rtol=1e-9)
    test = proportional_hazards_test(*data, x, strata=rest[strata]).overall
    row = rows.loc[("validation", "proportional_hazards", "", "")]
    assert_allclose(row["estimate"], test.statistic, rtol=1e-9)


def test_patients_without_a_predictor_are_left_out_and_counted(run, extval, study, tmp_path):
    study["lp_extra"] = study["lp_part"].astype(object).where(np.arange(300) % 5 > 0, "")
    text = PROTOCOL + "cox: {predictors: {Extra: {column: lp_extra, kind: continuous}}}\n"
    rows = run(study, text)
    rest, high = outside(study)
    kept = (rest["lp_extra"] != "").to_numpy()
    x = np.column_stack([high, rest["lp_part"]])[kept]
    fit = cox_regression(rest["time"][kept], rest["event"][kept], x)
    row = rows.loc[("validation", "hazard_ratio", "full", "high v low")]
    assert_allclose(row["estimate"], fit.terms[0].hazard_ratio.value, rtol=1e-9)
    assert row["n"] == kept.sum()
    assert f"were left out: {(~kept).sum()}." in row["note"]
    assert extval("verify", tmp_path / "out").code == 0


def test_delayed_entry_and_competing_events(run, study):
    study["entry"] = np.where(np.arange(300) % 3 == 0, 0.6 * study["time"], 0.0).round(2)
    study["event"] = np.where((study["event"] == 1) & (np.arange(300) % 4 == 0), 2, study["event"])
    text = PROTOCOL.replace("event: event,", "event: event, entry: entry, cause: 1,") + COX
    rows = run(study, text)
    rest, high = outside(study)
    x = np.column_stack([high, rest["lp_part"], rest["center"] == "east"])
    fit = cox_regression(rest["time"], rest["event"] == 1, x, entry=rest["entry"])
    row = rows.loc[("validation", "hazard_ratio", "Marker", "per 1")]
    assert_allclose(row["estimate"], fit.terms[1].hazard_ratio.value, rtol=1e-9)
    missing = rows[rows["estimate"].isna()]
    assert missing["note"].notna().all()


@pytest.mark.parametrize("change", ["no events", "one group", "separated", "nobody complete"])
def test_hard_input_keeps_every_row_and_says_why(run, study, change):
    usual = run(study, PROTOCOL + COX, "--no-report").index
    rest = study["cohort"] == "validation"
    if change == "no events":
        study.loc[rest, "event"] = 0
    elif change == "one group":
        study.loc[rest, "lp_full"] = 9.0
    elif change == "separated":
        study.loc[rest, "lp_part"] = -study.loc[rest, "time"]
    else:
        study["lp_part"] = study["lp_part"].astype(object).where(~rest, "NA")
    rows = run(study, PROTOCOL + COX)
    assert set(usual) <= set(rows.index)
    missing = rows[rows["estimate"].isna()]
    assert missing["note"].notna().all(), missing[missing["note"].isna()]


@pytest.mark.parametrize(
    ("cox", "message"),
    [
        ("predictors: {full: {column: lp_part, kind: continuous}}", "is a model and a predictor"),
        ("predictors: {A: {column: sex, kind: categorical, per: 2}}", "`per` goes with"),
        ("predictors: {A: {column: lp_part, kind: continuous, reference: x}}", "is a category"),
        ("predictors: {A: {column: sex, kind: categorical, reference: X}}", "`X` does not occur"),
        ("predictors: {A: {column: grade, kind: categorical}}", "no column `grade`"),
    ],
)
def test_wrong_predictors_are_named(extval, write, study, tmp_path, cox, message):
    protocol = tmp_path / "protocol.yaml"
    protocol.write_text(PROTOCOL + f"cox: {{{cox}}}\n", encoding="utf-8")
    said = extval("evaluate", write(study), "--protocol", protocol, "--out", tmp_path / "out")
    assert (said.code, message in said.stderr) == (2, True), said.stderr
