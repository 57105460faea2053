"""The baseline table: its numbers are those of pandas and of the tests it names."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi2_contingency, kruskal, mannwhitneyu, ttest_ind

from extval.stats.contingency import fisher_exact_test

PROTOCOL = """\
schema_version: 1
outcome: {column: y}
models: {full: {probability: full}}
bootstrap: {n_resamples: 0}
calibration: {belt_up_to: 0}
baseline:
  by: [cohort, center, outcome]
  p_values: true
  variables:
    Age: {column: age, kind: continuous}
    Sex: {column: sex, kind: categorical}
    Stage: {column: stage, kind: categorical}
"""


@pytest.fixture
def described(study):
    rng = np.random.default_rng(11)
    study["age"] = rng.normal(62, 9, len(study)).round(1)
    study["sex"] = rng.choice(["female", "male"], len(study))
    study["stage"] = rng.choice([1, 2, 10], len(study), p=[0.97, 0.02, 0.01])
    study.loc[study.index[::19], "age"] = np.nan
    study.loc[study.index[::29], "sex"] = "NA"
    return study


@pytest.fixture
def run(extval, write, tmp_path):
    def evaluate(frame, protocol=PROTOCOL):
        (tmp_path / "protocol.yaml").write_text(protocol, encoding="utf-8")
        return extval(
            *("evaluate", write(frame), "--protocol", tmp_path / "protocol.yaml"),
            *("--out", tmp_path / "out", "--no-report"),
        )

    return evaluate


def rows(out):
    frame = pd.read_csv(
        out / "baseline.csv",
        keep_default_na=False,
        dtype={"category": str, "group": str, "note": str},
        na_values={"value": [""], "lower": [""], "upper": [""]},
        float_precision="round_trip",
    )
    keys = ["by", "cohort", "group", "variable", "category", "measure"]
    assert not frame.duplicated(keys).any()
    return frame.set_index(keys).sort_index()


def test_a_number_is_described_by_its_known_values(run, described, tmp_path):
    assert run(described).code == 0
    found = rows(tmp_path / "out")
    for cohort in ("development", "validation"):
        mine = described[described["cohort"] == cohort]
        age = mine["age"].dropna()
        where = ("cohort", "all", cohort, "Age", "")
        wanted = {
            "n": age.size,
            "missing": len(mine) - age.size,
            "mean": age.mean(),
            "sd": age.std(),
            "median": age.median(),
            "q1": age.quantile(0.25),
            "q3": age.quantile(0.75),
            "minimum": age.min(),
            "maximum": age.max(),
        }
        values = [found.loc[(*where, name), "value"] for name in wanted]
        assert_allclose(values, list(wanted.values()), rtol=1e-12)


def test_categories_are_shares_of_the_known_in_their_order(run, described, tmp_path):
    run(described)
    frame = pd.read_csv(tmp_path / "out" / "baseline.csv", keep_default_na=False)
    stages = frame[(frame["variable"] == "Stage") & (frame["measure"] == "count")]
    assert list(dict.fromkeys(stages["category"].astype(str))) == ["1", "2", "10"]
    found = rows(tmp_path / "out")
    mine = described[(described["cohort"] == "validation") & (described["sex"] != "NA")]
    where = ("cohort", "all", "validation", "Sex", "male")
    assert found.loc[(*where, "count"), "value"] == (mine["sex"] == "male").sum()
    share = found.loc[(*where, "proportion"), "value"]
    assert_allclose(share, (mine["sex"] == "male").mean(), rtol=1e-12)
    missing = found.loc[("cohort", "all", "validation", "Sex", "", "missing"), "value"]
    assert missing == ((described["cohort"] == "validation") & (described["sex"] == "NA")).sum()


def test_differences_are_standardised(run, described, tmp_path):
    run(described)
    found = rows(tmp_path / "out")
    a, b = (
        described.loc[described["cohort"] == cohort, "age"].dropna()
        for cohort in ("development", "validation")
    )
    wanted = (a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / 2)
    row = found.loc[("cohort", "all", "", "Age", "", "smd")]
    assert_allclose(row["value"], wanted, rtol=1e-10)
    assert row["lower"] < row["value"] < row["upper"]
    centers = found.loc[("center", "validation", "", "Age", "", "smd_largest")]
    assert "largest of 3 pairs" in centers["method"]


def test_the_declared_rule_chooses_the_test(run, described, tmp_path):
    run(described)
    found = rows(tmp_path / "out")
    outside = described[described["cohort"] == "validation"].dropna(subset="age")
    ages = [group["age"] for _, group in outside.groupby("y")]
    row = found.loc[("outcome", "validation", "", "Age", "", "test_p")]
    assert_allclose(row["value"], mannwhitneyu(*ages).pvalue, rtol=1e-9)
    by_center = [group["age"] for _, group in outside.groupby("center")]
    row = found.loc[("center", "validation", "", "Age", "", "test_p")]
    assert_allclose(row["value"], kruskal(*by_center).pvalue, rtol=1e-9)
    known = described[described["sex"] != "NA"]
    table = pd.crosstab(known["cohort"], known["sex"])
    row = found.loc[("cohort", "all", "", "Sex", "", "test_p")]
    assert_allclose(row["value"], chi2_contingency(table, correction=False).pvalue, rtol=1e-9)
    assert "expected count is below 5" in row["method"]
    stage = pd.crosstab(described["cohort"], described["stage"])
    row = found.loc[("cohort", "all", "", "Stage", "", "test_p")]
    assert "Fisher" in row["method"].partition(";")[0]
    assert_allclose(row["value"], fisher_exact_test(stage).p_value, rtol=1e-12)


def test_means_can_be_compared_instead(run, described, tmp_path):
    run(described, PROTOCOL.replace("p_values: true", "p_values: true\n  continuous_test: mean"))
    found = rows(tmp_path / "out")
    known = described.dropna(subset="age")
    ages = [known.loc[known["cohort"] == c, "age"] for c in ("development", "validation")]
    row = found.loc[("cohort", "all", "", "Age", "", "test_p")]
    assert_allclose(row["value"], ttest_ind(*ages, equal_var=False).pvalue, rtol=1e-9)


def test_without_p_values_there_is_no_test(run, described, tmp_path):
    run(described, PROTOCOL.replace("p_values: true", "p_values: false"))
    assert not rows(tmp_path / "out").reset_index()["measure"].str.startswith("test").any()


def test_a_variable_that_nobody_has_is_said(run, extval, described, tmp_path):
    described.loc[described["cohort"] == "validation", ["age", "sex"]] = [np.nan, "NA"]
    assert run(described).code == 0
    found = rows(tmp_path / "out")
    row = found.loc[("cohort", "all", "validation", "Age", "", "mean")]
    assert np.isnan(row["value"])
    assert row["note"] == "Not estimable: there is no patient in this group."
    assert np.isnan(found.loc[("cohort", "all", "", "Age", "", "smd"), "value"])
    assert extval("verify", tmp_path / "out").code == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("column: age", "column: agee", "has no column `agee`"),
        ("column: sex, kind: categorical", "column: sex, kind: continuous", "is not a number"),
        ("kind: categorical", "kind: ordinal", "baseline.variables"),
        ("column: sex", "column: y", "column `y` is the outcome"),
    ],
)
def test_wrong_declarations_say_where(run, described, old, new, message):
    failed = run(described, PROTOCOL.replace(old, new))
    assert failed.code == 2
    assert message in failed.stderr
