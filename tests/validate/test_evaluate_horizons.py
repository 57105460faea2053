"""What `extval evaluate` says at several horizons: against R, and what it says where it cannot."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.stats.auc_t_curve import integrated_auc_test
from extval.stats.integrated_brier import ibs_test
from extval.stats.survival_net_benefit import survival_net_benefit_difference

FOLDER = Path(__file__).parents[1] / "reference"
STUDY = json.loads((FOLDER / "evaluate_survival.json").read_text(encoding="utf-8"))["study"]
REFERENCE = json.loads((FOLDER / "evaluate_horizons.json").read_text(encoding="utf-8"))
PROTOCOL = """\
schema_version: 1
seed: 7
outcome: {time: time, event: event, unit: years, horizons: [3, 5], curve_times: [1, 2, 4, 6]}
columns: {patient: id, center: center, cohort: cohort}
models:
  full: {linear_predictor: lp_full, risk: {3: r_full_3, 5: r_full}}
  part: {linear_predictor: lp_part, risk: {3: r_part_3, 5: r_part}}
decision_curve: {at: 0.3}
bootstrap: {n_resamples: 0}
"""
VALIDATION = ("validation", "all")


@pytest.fixture
def study():
    return pd.DataFrame(STUDY).merge(pd.DataFrame(REFERENCE["more"]), on="id")


@pytest.fixture
def run(extval, write, tmp_path):
    def evaluate(frame, text=PROTOCOL, *flags):
        protocol, out = tmp_path / "protocol.yaml", tmp_path / "out"
        protocol.write_text(text, encoding="utf-8")
        flags = ("--out", out, "--force", *flags)
        said = extval("evaluate", write(frame), "--protocol", protocol, *flags)
        assert said.code == 0, said.stderr
        return out

    return evaluate


def rows(out, name="metrics"):
    frame = pd.read_csv(out / f"{name}.csv", keep_default_na=False, na_values=[""])
    return frame.fillna({"model": "", "predictor": "", "contrast": ""} if name != "pairs" else {})


def row(frame, metric, horizon=None, model="", **where):
    where = {"cohort": "validation", "center": "all", "metric": metric, "model": model, **where}
    chosen = np.logical_and.reduce([frame[key] == value for key, value in where.items()])
    if horizon is not None:
        chosen &= (frame["horizon"] == horizon).to_numpy()
    (found,) = (one for _, one in frame[chosen].iterrows())
    return found


def numbers(found, *columns):
    return found[list(columns or ("estimate", "se", "lower", "upper"))].astype(float)


@pytest.mark.parametrize("scale", ["plain", "log", "log-log"])
def test_limits_and_quantiles_of_the_curves_are_those_of_r(run, study, scale):
    text = f"survival_curves: {{interval: {scale}, quantiles: [0.1, 0.25, 0.5]}}\n"
    out = run(study, PROTOCOL + text, "--no-report")
    found, wanted = rows(out), REFERENCE["limits"][scale]
    assert_allclose(numbers(row(found, "survival_t", 5)), wanted["survival_t"], rtol=1e-9)
    names = ("survival_quantile_0.1", "survival_quantile_0.25", "survival_median")
    for name, quantile in zip(names, wanted["quantiles"], strict=True):
        assert_allclose(numbers(row(found, name), "estimate", "lower", "upper"), quantile)
    follow_up = numbers(row(found, "follow_up_median"), "estimate", "lower", "upper")
    assert_allclose(follow_up, wanted["follow_up"])
    curve = pd.read_csv(out / "curves" / "kaplan_meier.csv")
    everyone = curve[(curve["cohort"] == "validation") & (curve["center"] == "all")]
    at = everyone[everyone["model"].isna() & (everyone["time"] <= 5)].iloc[-1]
    assert_allclose(at[["lower", "upper"]].astype(float), wanted["survival_t"][2:], rtol=1e-9)


def test_outcomes_of_the_risk_groups_are_those_of_r(run, study):
    found = rows(run(study, PROTOCOL, "--no-report"))
    means = {}
    for name, wanted in REFERENCE["groups"].items():
        for i, horizon in enumerate(REFERENCE["horizons"]):
            at = row(found, f"survival_t_{name}", horizon, "full")
            assert_allclose(numbers(at), wanted["survival_t"][i], rtol=1e-9)
            mean = row(found, f"rmst_{name}", horizon, "full")
            assert_allclose(numbers(mean, "estimate", "se"), wanted["rmst"][i], rtol=1e-9)
            means[name, horizon] = wanted["rmst"][i]
        median = numbers(row(found, f"survival_median_{name}", model="full"), "estimate", "upper")
        quantile, _, upper = wanted["median"]
        assert_allclose(median, [quantile, np.inf if upper == "NA" else upper])
    for horizon in REFERENCE["horizons"]:
        (a, se_a), (b, se_b) = means["high", horizon], means["low", horizon]
        difference = row(found, "rmst_difference", horizon, "full")
        wanted = [a - b, np.hypot(se_a, se_b)]
        assert_allclose(numbers(difference, "estimate", "se"), wanted, rtol=1e-9)
        assert_allclose(row(found, "rmst_ratio", horizon, "full")["estimate"], a / b, rtol=1e-9)


def test_censoring_weights_are_those_of_r_and_average_one(run, study):
    found = rows(run(study, PROTOCOL, "--no-report"))
    parts = ("mean", "largest", "known")
    for horizon, wanted in zip(REFERENCE["horizons"], REFERENCE["weights"], strict=True):
        values = [row(found, f"censoring_weights_{p}", horizon)["estimate"] for p in parts]
        assert_allclose(values, wanted, rtol=1e-12)
    every = found[found["metric"] == "censoring_weights_mean"]["estimate"].dropna()
    assert len(every) == 2 * 5
    np.testing.assert_allclose(every, 1.0, rtol=1e-12)


def test_censoring_weights_come_from_the_cohort_that_is_validated(run, study):
    before = rows(run(study, PROTOCOL, "--no-report"))
    development = study["cohort"] == "development"
    study.loc[development, "event"] = 1 - study.loc[development, "event"]
    study.loc[development, "time"] = study.loc[development, "time"].clip(upper=5.5)
    after = rows(run(study, PROTOCOL, "--no-report"))
    for metric in ("brier_t", "auc_t", "ipa_t", "oe_t"):
        for horizon in REFERENCE["horizons"]:
            same = (row(frame, metric, horizon, "full")["estimate"] for frame in (before, after))
            assert len(set(same)) == 1


def test_paired_differences_are_those_of_r(run, study):
    found = rows(run(study, PROTOCOL, "--no-report"), "comparisons")
    assert set(found["metric"]) == {
        *("c_harrell", "c_uno", "auc_t", "iauc", "brier_t", "ipa_t", "ibs", "net_benefit_t")
    }
    found = found[(found["cohort"] == "validation") & (found["center"] == "all")]
    found = found.set_index(["metric", "horizon"])
    names = ("brier_t", "ipa_t", "net_benefit_t")
    for horizon, wanted in zip(REFERENCE["horizons"], REFERENCE["pairs"], strict=True):
        for metric, difference in zip(names, wanted, strict=True):
            assert_allclose(found.loc[(metric, horizon), "difference"], difference, rtol=1e-8)
    mean = np.mean([wanted[0] for wanted in REFERENCE["pairs"]])  # trapezium over two horizons
    assert_allclose(found.loc[("ibs", 5), "difference"], mean, rtol=1e-8)
    # What R gives no standard error for is the test of the library, tested by its definition.
    rest = study[study["cohort"] == "validation"]
    data = rest["time"], rest["event"]
    tests = {
        ("ibs", 5): ibs_test(
            *data,
            rest[["r_full_3", "r_full"]].T,
            rest[["r_part_3", "r_part"]].T,
            horizons=[3, 5],
        ),
        ("iauc", 6): integrated_auc_test(
            *data, rest["lp_full"], rest["lp_part"], horizons=[1, 2, 4, 6]
        ),
        ("net_benefit_t", 3): survival_net_benefit_difference(
            *data, rest["r_full_3"], rest["r_part_3"], threshold=0.3, horizon=3
        ),
    }
    for where, test in tests.items():
        values = found.loc[where, ["difference", "se", "lower", "upper", "p_value"]].astype(float)
        low, high = test.interval.low, test.interval.high
        wanted = test.difference, test.se, low, high, test.p_value
        np.testing.assert_allclose(values, wanted, rtol=1e-9)


def test_categories_of_a_predictor_are_compared_with_their_reference(run, study):
    cox = "cox: {predictors: {Grade: {column: grade, kind: categorical, reference: B}}}\n"
    found, wanted = rows(run(study, PROTOCOL + cox), "cox"), REFERENCE["cox"]
    for i, contrast in enumerate(("A v B", "C v B")):
        who = {"model": "full", "predictor": "Grade", "contrast": contrast}
        alone = row(found, "hazard_ratio_unadjusted", **who)["estimate"]
        assert_allclose(np.log(alone), wanted["unadjusted"][i], rtol=1e-8)
        beside = row(found, "log_hazard_ratio", **who)["estimate"]
        assert_allclose(beside, wanted["adjusted"][i + 1], rtol=1e-8)


def test_a_reference_category_that_nobody_has_leaves_the_others_in_the_fit(run, study):
    cox = "cox: {predictors: {Grade: {column: grade, kind: categorical, reference: B}}}\n"
    kept = (study["cohort"] == "development") | (study["grade"] != "B")
    found, wanted = rows(run(study[kept], PROTOCOL + cox), "cox"), REFERENCE["cox"]["without"]
    model = {"model": "full", "predictor": "full", "contrast": "high v low"}
    values = numbers(row(found, "log_hazard_ratio", **model), "estimate", "se")
    assert_allclose(values, [wanted["coef"], wanted["se"]], rtol=1e-8)
    for contrast, metric in product(
        ("A v B", "C v B"), ("hazard_ratio", "hazard_ratio_unadjusted", "wald_p")
    ):
        missing = row(found, metric, model="full", predictor="Grade", contrast=contrast)
        assert np.isnan(missing["estimate"])
        assert "no patient is in the category" in missing["note"]
    for i, predictor in enumerate(("full", "Grade", "")):
        whole = {"model": "full", "predictor": predictor, "contrast": ""}
        test = row(found, "proportional_hazards", **whole)
        assert_allclose(test["estimate"], wanted["zph"][i], rtol=1e-6)
        df = row(found, "proportional_hazards_df", **whole)["estimate"]
        assert df == wanted["zph_df"][i]
    whole = {"model": "full", "predictor": "", "contrast": ""}
    assert_allclose(row(found, "likelihood_ratio", **whole)["estimate"], wanted["lr"], rtol=1e-8)


def test_models_with_risks_at_different_horizons(run, study):
    text = PROTOCOL.replace("risk: {3: r_part_3, 5: r_part}", "risk: {5: r_part}")
    text += "comparisons: {reference: part}\n"
    found = rows(run(study, text, "--no-report"), "comparisons")
    horizons = {m: set(found.loc[found["metric"] == m, "horizon"]) for m in set(found["metric"])}
    assert horizons["auc_t"] == {3, 5}
    assert horizons["brier_t"] == horizons["ipa_t"] == horizons["net_benefit_t"] == {5}
    assert "ibs" not in horizons


def test_an_empty_risk_group_and_a_horizon_past_follow_up(run, study):
    rest = study["cohort"] == "validation"
    study.loc[rest, "lp_full"] += 9.0
    study.loc[rest, "time"] = study.loc[rest, "time"].clip(upper=4.0)
    study.loc[rest & (study["time"] == 4.0), "event"] = 0
    found = rows(run(study))
    for metric in ("survival_t_low", "rmst_low", "survival_median_low"):
        empty = row(found, metric, None if "median" in metric else 3, "full")
        assert np.isnan(empty["estimate"])
        assert "no patient" in empty["note"]
    late = row(found, "rmst_high", 5, "full")
    assert np.isnan(late["estimate"])
    assert "beyond the last follow-up" in late["note"]
    assert row(found, "rmst_high", 3, "full")["estimate"] > 0.0
    weights = row(found, "censoring_weights_mean", 5)
    assert "beyond the last follow-up" in weights["note"]
    uno = row(found, "c_uno", 5, "full")
    assert uno["note"].startswith("Nobody is followed to 5: this is the C-index up to 4.")
    missing = found[found["estimate"].isna()]
    assert missing["note"].notna().all()


def test_competing_events_and_delayed_entry_keep_the_rows(run, study):
    third = np.arange(len(study)) % 3 == 0
    study["event"] = np.where((study["event"] == 1) & third, 2, study["event"])
    study["entry"] = np.where(third, 0.4 * study["time"], 0.0).round(2)
    competing = PROTOCOL.replace("event: event,", "event: event, cause: 1,")
    found = rows(run(study, competing))
    low, high = (row(found, f"incidence_t_{g}", 5, "full")["estimate"] for g in ("low", "high"))
    assert 0.0 < low < high < 1.0
    assert "Aalen-Johansen" in row(found, "net_benefit_t", 5, "full")["method"]
    assert not set(found["metric"]) & {"survival_t_low", "rmst_low"}
    late = competing.replace("cause: 1,", "cause: 1, entry: entry,")
    out = run(study, late)
    found, pairs = rows(out), rows(out, "comparisons")
    assert "delayed entry" in row(found, "censoring_weights_mean", 5)["note"]
    assert not np.isnan(row(found, "incidence_t_high", 5, "full")["estimate"])
    for metric in ("ibs", "ipa_t", "iauc", "net_benefit_t"):
        chosen = pairs[pairs["metric"] == metric]
        assert chosen["difference"].isna().all()
        assert chosen["note"].str.contains("delayed entry").all()


def test_results_verify_and_do_not_depend_on_order_or_jobs(run, extval, study, tmp_path):
    text = PROTOCOL.replace("n_resamples: 0", "n_resamples: 20")
    out = run(study, text, "--no-report", "--jobs", "1")
    files = ("metrics.csv", "comparisons.csv", "curves/decision_t.csv")
    before = [(out / name).read_bytes() for name in files]
    assert extval("verify", out).code == 0
    shuffled = study.sample(frac=1.0, random_state=1)
    out = run(shuffled, text, "--no-report", "--jobs", "2")
    assert [(out / name).read_bytes() for name in files] == before
    decision = pd.read_csv(tmp_path / "out" / "curves" / "decision_t.csv")
    assert {"standardized", "interventions_avoided_upper"} <= set(decision.columns)
    everyone = decision[decision["model"] == "treat all"]
    assert everyone["lower"].notna().all()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("survival_curves: {interval: arcsin}", "survival_curves.interval"),
        ("survival_curves: {quantiles: [0.5, 0.25]}", "`quantiles` must increase"),
        ("survival_curves: {quantiles: [1.0]}", "survival_curves.quantiles"),
        ("survival_curves: {quantiles: []}", "survival_curves.quantiles"),
    ],
)
def test_wrong_settings_are_named(extval, write, study, tmp_path, extra, message):
    protocol, out = tmp_path / "protocol.yaml", tmp_path / "out"
    protocol.write_text(f"{PROTOCOL}{extra}\n", encoding="utf-8")
    said = extval("evaluate", write(study), "--protocol", protocol, "--out", out)
    assert (said.code, message in said.stderr) == (2, True), said.stderr
    assert not out.exists()


def test_risks_that_fall_with_time_are_pointed_out(run, study):
    protocol = PROTOCOL.replace("{3: r_full_3, 5: r_full}", "{3: r_full, 5: r_full_3}")
    out = run(study, protocol, "--no-report")
    (caution,) = (
        said
        for said in json.loads((out / "results.json").read_text(encoding="utf-8"))["cautions"]
        if "smaller than" in said
    )
    assert caution.startswith("full: in 299 of 300 patients the predicted risk by 5 is smaller")


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        ("", "or name the kind of interest among competing events in `outcome.cause`"),
        ("cause: 3,", "no patient has the event 3 of `outcome.cause`; the kinds of event there"),
    ],
)
def test_a_cause_that_nobody_has_is_refused(extval, write, study, tmp_path, cause, message):
    protocol, out = tmp_path / "protocol.yaml", tmp_path / "out"
    protocol.write_text(PROTOCOL.replace("event: event,", f"event: event, {cause}"), "utf-8")
    study.loc[3, "event"] = 2
    said = extval("evaluate", write(study), "--protocol", protocol, "--out", out)
    assert (said.code, message in said.stderr) == (2, True), said.stderr
    assert not out.exists()


@pytest.mark.parametrize("cause", ["", "cause: 1,"])
def test_a_risk_set_that_ran_out_is_said(run, study, cause):
    """The first patient under observation has the event before anybody else arrives."""
    rest = np.flatnonzero(study["cohort"] == "validation")
    study["entry"] = 0.0
    study.loc[rest, "time"] += 1.0
    study.loc[rest, "entry"] = 0.9
    study.loc[rest[0], ["entry", "time", "event"]] = [0.0, 0.5, 1]
    text = PROTOCOL.replace("event: event,", f"event: event, entry: entry, {cause}")
    found = rows(run(study, text, "--no-report"))
    metric = "incidence_t" if cause else "survival_t"
    at = row(found, metric, 3)
    assert at["estimate"] == (1.0 if cause else 0.0)
    assert "ran out" in at["note"]
    assert "at 0.5, before others came" in at["note"]
    development = row(found, metric, 3, cohort="development")
    assert pd.isna(development["note"])
