"""Case mix and influence rows are those of the statistics on the same patients."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import logit

from extval.stats.case_mix import case_mix_auc, membership_model, model_based_auc
from extval.stats.case_mix_survival import case_mix_concordance, model_based_concordance
from extval.stats.meta import leave_one_center_out
from tests.validate.test_evaluate_survival import PROTOCOL as SURVIVAL
from tests.validate.test_evaluate_survival import REFERENCE as SURVIVAL_REFERENCE

BINARY = """\
schema_version: 1
outcome: {column: y}
models: {small: {probability: small}, full: {probability: full}}
bootstrap: {n_resamples: 0}
calibration: {belt_up_to: 0}
case_mix:
  predictors: {age: {column: age, kind: continuous}, stage: {column: stage, kind: categorical}}
"""


@pytest.fixture
def described(study):
    rng = np.random.default_rng(5)
    study["age"] = rng.normal(60, 9, len(study)) + 4 * (study["cohort"] == "validation")
    study["stage"] = rng.integers(1, 4, len(study))
    study.loc[study.index[::31], "age"] = np.nan
    return study


@pytest.fixture
def run(extval, write, tmp_path):
    def evaluate(frame, protocol, *flags):
        (tmp_path / "protocol.yaml").write_text(protocol, encoding="utf-8")
        done = extval(
            *("evaluate", write(frame), "--protocol", tmp_path / "protocol.yaml"),
            *("--out", tmp_path / "out", "--force", *(flags or ("--no-report",))),
        )
        assert done.code == 0, done.stderr
        frame = pd.read_csv(
            tmp_path / "out" / "metrics.csv",
            keep_default_na=False,
            na_values=[""],
            float_precision="round_trip",
        )
        frame = frame.fillna({"model": "", "note": ""})
        return frame.set_index(["cohort", "center", "model", "metric"]).sort_index()

    return evaluate


def test_the_membership_model_sees_the_declared_predictors(run, described):
    found = run(described, BINARY)
    columns = pd.DataFrame(
        {"age": described["age"], "b": described["stage"] == 2, "c": described["stage"] == 3}
    )
    known = columns.notna().all(axis=1)
    first = columns[known & (described["cohort"] == "development")].astype(float)
    for center in ("all", "west"):
        outside = described["cohort"] == "validation"
        if center != "all":
            outside &= described["center"] == center
        wanted = membership_model(first, columns[known & outside].astype(float)).c_statistic
        row = found.loc[("validation", center, "", "membership_c")]
        assert_allclose(row[["estimate", "se"]].astype(float), [wanted.value, wanted.se], rtol=1e-8)
        assert row["note"].startswith("Patients without all predictors were left out: ")


def test_each_model_has_its_case_mix_auc(run, described):
    found = run(described, BINARY)
    development = described[described["cohort"] == "development"]
    outside = described[described["cohort"] == "validation"]
    areas = case_mix_auc(outside["y"], outside["full"])
    values = {
        "auc_model_based": areas.model_based.value,
        "auc_model_based_recalibrated": areas.calibrated.value,
        "membership_c": membership_model(
            *(np.column_stack([logit(f["full"]), f["y"]]) for f in (development, outside))
        ).c_statistic.value,
    }
    for metric, value in values.items():
        row = found.loc[("validation", "all", "full", metric)]
        assert_allclose(row["estimate"], value, rtol=1e-8)
    row = found.loc[("development", "all", "full", "auc_model_based")]
    assert_allclose(row["estimate"], model_based_auc(development["full"]).value, rtol=1e-10)


def test_a_risk_of_one_has_no_linear_predictor(run, described):
    described.loc[0, "full"] = 1.0
    found = run(described, BINARY)
    row = found.loc[("validation", "all", "full", "membership_c")]
    assert np.isnan(row["estimate"])
    assert "exactly 0 or 1" in row["note"]


def test_nothing_is_said_of_case_mix_without_predictors(run, described):
    found = run(described, BINARY.partition("case_mix:")[0])
    metrics = found.index.get_level_values("metric")
    assert not metrics.str.startswith(("membership", "auc_model_based")).any()


def test_time_to_event_has_the_membership_of_its_predictors(run, extval, tmp_path):
    study = pd.DataFrame(SURVIVAL_REFERENCE["study"])
    study["grade"] = np.random.default_rng(3).integers(1, 4, len(study))
    protocol = SURVIVAL + "case_mix: {predictors: {g: {column: grade, kind: continuous}}}\n"
    found = run(study, protocol)
    parts = (study.loc[study["cohort"] == c, ["grade"]] for c in ("development", "validation"))
    wanted = membership_model(*parts).c_statistic.value
    assert_allclose(found.loc[("validation", "all", "", "membership_c"), "estimate"], wanted)


@pytest.fixture
def followed():
    study = pd.DataFrame(SURVIVAL_REFERENCE["study"])
    study["grade"] = np.random.default_rng(3).integers(1, 4, len(study))
    return study


def test_each_survival_model_has_its_case_mix_concordance(run, followed):
    protocol = SURVIVAL + "case_mix: {predictors: {g: {column: grade, kind: continuous}}}\n"
    found = run(followed, protocol)
    there, here = (followed[followed["cohort"] == c] for c in ("development", "validation"))
    wanted = case_mix_concordance(here["time"], here["event"], here["lp_full"])
    values = {
        "c_model_based": wanted.model_based.value,
        "c_model_based_recalibrated": wanted.calibrated.value,
        "membership_c": membership_model(there[["lp_full"]], here[["lp_full"]]).c_statistic.value,
    }
    for metric, value in values.items():
        assert_allclose(
            found.loc[("validation", "all", "full", metric), "estimate"], value, rtol=1e-10
        )
    row = found.loc[("development", "all", "full", "c_model_based")]
    assert_allclose(row["estimate"], model_based_concordance(there["lp_full"]).value, rtol=1e-10)
    assert ("development", "all", "full", "c_model_based_recalibrated") not in found.index
    said = found.loc[("validation", "all", "full", "membership_c"), "note"]
    assert said.startswith("The model sees the linear predictor alone")


def test_a_model_with_risks_only_has_the_log_hazard_of_its_first_horizon(run, followed):
    protocol = (
        "schema_version: 1\noutcome: {time: time, event: event, horizons: [5]}\n"
        "columns: {patient: id}\nmodels: {full: {risk: {5: risk}}}\nbootstrap: {n_resamples: 0}\n"
        "case_mix: {predictors: {g: {column: grade, kind: continuous}}}\n"
    )
    x = followed["lp_full"]
    followed["risk"] = 1 - np.exp(-np.exp(0.5 * (x - x.mean()) - 1))
    found = run(followed, protocol)
    here = followed[followed["cohort"] == "validation"]
    row = found.loc[("validation", "all", "full", "c_model_based")]
    assert_allclose(row["estimate"], model_based_concordance(0.5 * here["lp_full"]).value)
    followed.loc[followed.index[followed["cohort"] == "validation"][0], "risk"] = 1.0
    (lost,) = (run(followed, protocol).loc[("validation", "all", "full", "c_model_based")],)
    assert np.isnan(lost["estimate"])
    assert "complementary log-log is infinite" in lost["note"]


def test_competing_events_have_no_case_mix_concordance(run, followed):
    events = np.random.default_rng(4).integers(1, 3, len(followed))
    followed["event"] = np.where(followed["event"] == 1, events, 0)
    protocol = SURVIVAL.replace("event: event", "event: event, cause: 1", 1)
    protocol += "case_mix: {predictors: {g: {column: grade, kind: continuous}}}\n"
    row = run(followed, protocol).loc[("validation", "all", "full", "c_model_based")]
    assert row["note"].startswith("Not estimated with competing events")


def test_influence_is_the_mean_of_the_other_centres(run, described):
    found = run(described, BINARY)
    centers = sorted(set(described.loc[described["cohort"] == "validation", "center"]))
    rows = [found.loc[("validation", center, "full", "oe_ratio")] for center in centers]
    without = leave_one_center_out(
        [row["estimate"] for row in rows],
        [row["se"] for row in rows],
        scale="log",
        test="hartung-knapp-adhoc",
    )
    for center, wanted in zip(centers, without, strict=True):
        row = found.loc[("validation", center, "full", "oe_ratio_random_effects_without")]
        values = row[["estimate", "lower", "upper"]].astype(float)
        limits = [wanted.value, wanted.interval.low, wanted.interval.high]
        assert_allclose(values, limits, rtol=1e-10)


def test_two_centres_have_no_influence_rows(run, described):
    found = run(described[described["center"] != "west"], BINARY)
    assert not found.index.get_level_values("metric").str.endswith("_without").any()


def test_the_report_is_written_and_verifies(run, extval, described, tmp_path):
    run(described, BINARY, "--bootstrap", "0")
    verified = extval("verify", tmp_path / "out")
    assert verified.code == 0, verified.stdout
