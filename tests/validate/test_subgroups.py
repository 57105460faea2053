"""Declared subgroups: each level is what the statistic says of its patients alone."""

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi2

from extval.stats.calibration import calibration_slope, oe_ratio
from extval.stats.concordance import c_harrell
from extval.stats.roc import auc
from extval.validate.characteristics import MISSING, levels, ordered
from extval.validate.protocol_settings import Subgroup
from tests.validate.test_evaluate_survival import PROTOCOL as SURVIVAL
from tests.validate.test_evaluate_survival import REFERENCE as SURVIVAL_REFERENCE

BINARY = """\
schema_version: 1
outcome: {column: y}
models: {small: {probability: small}, full: {probability: full}}
bootstrap: {n_resamples: 0}
calibration: {belt_up_to: 0}
subgroups: {sex: {column: sex}, age: {column: age, cuts: [60, 70]}, site: {column: center}}
"""


@pytest.fixture
def described(study):
    """Return the simulated study with sex and age, a few of them missing."""
    rng = np.random.default_rng(8)
    study["sex"] = rng.choice(["female", "male"], len(study))
    study["age"] = rng.integers(45, 85, len(study)).astype(float).round(1)
    study.loc[study.index[::17], "sex"] = ""
    study.loc[study.index[::23], "age"] = np.nan
    return study


@pytest.fixture
def run(extval, write, tmp_path):
    def evaluate(frame, protocol, *flags):
        (tmp_path / "protocol.yaml").write_text(protocol, encoding="utf-8")
        return extval(
            *("evaluate", write(frame), "--protocol", tmp_path / "protocol.yaml"),
            *("--out", tmp_path / "out", *(flags or ("--no-report",))),
        )

    return evaluate


def subgroups(out):
    frame = pd.read_csv(
        out / "subgroups.csv",
        keep_default_na=False,
        na_values=[""],
        float_precision="round_trip",
        dtype={"level_name": str},
    )
    frame = frame.fillna({"model": "", "level_name": "", "note": ""})
    return frame.set_index(["subgroup", "level_name", "model", "metric"]).sort_index()


def test_each_level_is_its_patients_alone(run, described, tmp_path):
    assert run(described, BINARY).code == 0
    found = subgroups(tmp_path / "out")
    outside = described[described["cohort"] == "validation"]
    wanted = {
        ("sex", "male"): outside["sex"] == "male",
        ("sex", "missing"): outside["sex"] == "",
        ("age", "below 60"): outside["age"] < 60,
        ("age", "60 to below 70"): (outside["age"] >= 60) & (outside["age"] < 70),
        ("age", "70 or more"): outside["age"] >= 70,
        ("age", "missing"): outside["age"].isna(),
    }
    for where, member in wanted.items():
        mine = outside[member]
        for metric, routine in (
            ("auc", auc),
            ("oe_ratio", oe_ratio),
            ("calibration_slope", calibration_slope),
        ):
            row = found.loc[(*where, "full", metric)]
            assert (row["n"], row["events"]) == (len(mine), mine["y"].sum())
            if mine["y"].sum() < 10:
                assert np.isnan(row["estimate"])
                assert row["note"].startswith("Not shown: fewer than 10 events (")
                continue
            estimate = routine(mine["y"], mine["full"])
            values = [estimate.value, estimate.interval.low, estimate.interval.high]
            assert_allclose(row[["estimate", "lower", "upper"]].astype(float), values, rtol=1e-10)


def test_the_interaction_is_the_chi_square_of_the_levels(run, described, tmp_path):
    run(described, BINARY)
    found = subgroups(tmp_path / "out")
    for metric, transform in (("auc", lambda v: v), ("oe_ratio", np.log)):
        rows = [found.loc[("sex", level, "full", metric)] for level in ("female", "male")]
        se = [r["se"] / (r["estimate"] if metric == "oe_ratio" else 1.0) for r in rows]
        gap = transform(rows[0]["estimate"]) - transform(rows[1]["estimate"])
        statistic = gap**2 / (se[0] ** 2 + se[1] ** 2)
        name = f"{metric}_interaction"
        assert_allclose(found.loc[("sex", "", "full", name), "estimate"], statistic, rtol=1e-9)
        assert found.loc[("sex", "", "full", f"{name}_df"), "estimate"] == 1.0
        p_value = found.loc[("sex", "", "full", f"{name}_p"), "estimate"]
        assert_allclose(p_value, chi2.sf(statistic, 1), rtol=1e-8)
    assert "unpaired DeLong" in found.loc[("sex", "", "full", "auc_interaction"), "method"]


def test_few_patients_without_the_event_are_not_shown_either(run, described, tmp_path):
    male = described["sex"] == "male"
    described.loc[male, "y"] = 1
    described.loc[described.index[male][:3], "y"] = 0
    run(described, BINARY)
    found = subgroups(tmp_path / "out")
    assert "without the event" in found.loc[("sex", "male", "full", "auc"), "note"]
    row = found.loc[("sex", "", "full", "auc_interaction")]
    assert np.isnan(row["estimate"])
    assert "fewer than two levels" in row["note"]


def test_the_folder_verifies_alone_and_reads_back(run, extval, described, tmp_path):
    assert run(described, BINARY, "--bootstrap", "0").code == 0
    out = tmp_path / "out"
    verified = extval("verify", out)
    assert verified.code == 0, verified.stdout
    stored = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert len(stored["subgroups"]) == len(subgroups(out))


def test_a_changed_number_is_found(run, extval, described, tmp_path):
    run(described, BINARY)
    path = tmp_path / "out" / "results.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored["subgroups"][0]["estimate"] = 0.999
    path.write_text(json.dumps(stored), encoding="utf-8")
    verified = extval("verify", tmp_path / "out")
    assert verified.code == 1
    assert "subgroups.csv: cohort validation, center all, subgroup sex" in verified.stdout


def test_time_to_event(run, extval, tmp_path):
    study = pd.DataFrame(SURVIVAL_REFERENCE["study"])
    rng = np.random.default_rng(3)
    study["grade"] = rng.integers(1, 4, len(study))
    assert run(study, SURVIVAL + "subgroups: {grade: {column: grade}}\n").code == 0
    found = subgroups(tmp_path / "out")
    mine = study[(study["cohort"] == "validation") & (study["grade"] == 2)]
    wanted = c_harrell(mine["time"], mine["event"], mine["lp_full"])
    row = found.loc[("grade", "2", "full", "c_harrell")]
    assert_allclose(row[["estimate", "se"]].astype(float), [wanted.value, wanted.se], rtol=1e-10)
    metrics = set(found.loc[("grade", "2", "full")].index)
    assert metrics == {"c_harrell", "oe_t", "calibration_slope"}
    assert "oe_t_interaction_p" in found.loc[("grade", "", "full")].index
    assert extval("verify", tmp_path / "out").code == 0


def test_a_level_is_in_the_order_of_its_numbers():
    assert ordered(["10", "9", "missing"]) == ["9", "10"]
    found = levels(
        np.array(["70", "", "60", "59.9", "NA"], dtype=object),
        Subgroup(column="a", cuts=[60.0, 70.0]),
    )
    assert [(level.name, level.rows.tolist()) for level in found] == [
        ("below 60", [3]),
        ("60 to below 70", [2]),
        ("70 or more", [0]),
        (MISSING, [1, 4]),
    ]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("{a: {column: sexx}}", "has no column `sexx`. Did you mean `sex`?"),
        ("{a: {column: sex, cuts: [1]}}", "column `sex`, row 3: "),
        ("{a: {column: age}}", "different values; at most 20 are categories"),
        ("{a: {column: y}}", "column `y` is the outcome"),
        ("{a: {column: patient}}", "column `patient` identifies patients"),
        ("{a: {column: age, cuts: [70, 60]}}", "`cuts` must increase"),
    ],
)
def test_wrong_declarations_say_where(run, described, declared, message):
    start = BINARY.rpartition("subgroups:")[0]
    failed = run(described, f"{start}subgroups: {declared}\n")
    assert failed.code == 2
    assert message in failed.stderr
