"""Missing cells are counted where they are, and complete cases are those of a smaller table."""

import json

import numpy as np
import pandas as pd
import pytest

PROTOCOL = """\
schema_version: 1
outcome: {{column: y}}
models: {{small: {{probability: small}}, full: {{probability: full}}}}
bootstrap: {{n_resamples: 0}}
calibration: {{belt_up_to: 0}}
missing: {{rule: {rule}}}
"""
DESCRIBED = """\
baseline:
  variables: {age: {column: age, kind: continuous}, stage: {column: stage, kind: categorical}}
subgroups: {stage: {column: stage}}
"""
SURVIVAL = """\
schema_version: 1
outcome: {time: time, event: event, horizons: [2]}
models: {risk: {risk: {2: risk}}}
bootstrap: {n_resamples: 0}
missing: {rule: complete-case}
"""


@pytest.fixture
def run(extval, write, tmp_path):
    """Return a function that evaluates a table and returns the folder, or what was said."""

    def evaluate(frame, protocol, *flags, out="out"):
        (tmp_path / "protocol.yaml").write_text(protocol, encoding="utf-8")
        done = extval(
            *("evaluate", write(frame), "--protocol", tmp_path / "protocol.yaml"),
            *("--out", tmp_path / out, *(flags or ("--no-report",))),
        )
        return (tmp_path / out) if done.code == 0 else done

    return evaluate


@pytest.fixture
def gappy(study):
    """Return the study with gaps in a prediction, the outcome and two characteristics."""
    rng = np.random.default_rng(3)
    study["age"] = rng.normal(60, 9, len(study)).round(1)
    study["stage"] = rng.integers(1, 4, len(study)).astype(object)
    study["y"] = study["y"].astype(object)
    study.loc[study.index[::17], "small"] = np.nan
    study.loc[study.index[5::29], "y"] = ""
    study.loc[study.index[::13], "age"] = np.nan
    study.loc[study.index[::26], "stage"] = "NA"
    return study


def complete(frame):
    return frame[frame["small"].notna() & (frame["y"] != "")]


def test_complete_cases_give_the_numbers_of_the_table_without_the_others(run, gappy):
    left = run(gappy, PROTOCOL.format(rule="complete-case"), out="left")
    small = run(complete(gappy), PROTOCOL.format(rule="refuse"), out="small")
    for name in ("metrics.csv", "comparisons.csv", "curves/roc.csv"):
        assert (left / name).read_bytes() == (small / name).read_bytes()


def test_every_missing_cell_is_counted_by_cohort_and_centre(run, gappy):
    out = run(gappy, PROTOCOL.format(rule="complete-case") + DESCRIBED)
    found = pd.read_csv(out / "missing.csv", keep_default_na=False)
    assert list(found.columns) == ["cohort", "center", "column", "use", "n", "missing", "share"]
    gaps = {
        "y": gappy["y"] == "",
        "small": gappy["small"].isna(),
        "full": gappy["full"].isna(),
        "age": gappy["age"].isna(),
        "stage": gappy["stage"] == "NA",
        "": gappy["small"].isna() | (gappy["y"] == ""),
    }
    uses = found.drop_duplicates("column").set_index("column")["use"]
    assert uses["stage"] == "baseline table, subgroup"
    assert uses["small"] == "prediction of small"
    assert uses["y"] == "outcome"
    assert len(found) == len(gaps) * found[["cohort", "center"]].drop_duplicates().shape[0]
    for row in found.itertuples():
        here = gappy["cohort"] == row.cohort
        if row.center != "all":
            here &= gappy["center"] == row.center
        assert (row.n, row.missing) == (here.sum(), (here & gaps[row.column]).sum())
        assert float(row.share) == pytest.approx(row.missing / row.n, rel=1e-12)


def test_patterns_say_what_goes_missing_together(run, gappy):
    out = run(gappy, PROTOCOL.format(rule="complete-case") + DESCRIBED)
    found = pd.read_csv(out / "missing_patterns.csv", keep_default_na=False)
    gaps = pd.DataFrame(
        {
            "y": gappy["y"] == "",
            "small": gappy["small"].isna(),
            "age": gappy["age"].isna(),
            "stage": gappy["stage"] == "NA",
        }
    )
    said = gaps.apply(lambda row: "; ".join(row.index[row]), axis=1)
    for (cohort, center), rows in found.groupby(["cohort", "center"]):
        here = gappy["cohort"] == cohort
        if center != "all":
            here &= gappy["center"] == center
        wanted = said[here].value_counts().to_dict()
        assert dict(zip(rows["pattern"], rows["patients"], strict=True)) == wanted
        assert rows["share"].sum() == pytest.approx(1.0)
        assert (rows["patients"].diff().dropna() <= 0).all()
        assert [len(p.split("; ")) if p else 0 for p in rows["pattern"]] == list(rows["columns"])


def test_the_order_of_rows_changes_nothing(run, gappy):
    rule = PROTOCOL.format(rule="complete-case") + DESCRIBED
    first, second = run(gappy, rule, out="a"), run(gappy[::-1], rule, out="b")
    for name in ("missing.csv", "missing_patterns.csv", "metrics.csv", "predictions.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_those_left_out_stay_in_the_folder_and_it_verifies(run, extval, gappy):
    out = run(gappy, PROTOCOL.format(rule="complete-case") + DESCRIBED)
    kept = pd.read_csv(out / "predictions.csv")
    assert len(kept) == len(gappy)
    assert kept["small"].isna().sum() == gappy["small"].isna().sum()
    results = json.loads((out / "results.json").read_text())
    assert any(sentence.startswith("Complete cases: ") for sentence in results["cautions"])
    pooled = [row for row in results["cohorts"] if row["center"] == "all"]
    assert sum(row["n"] for row in pooled) == len(complete(gappy))
    done = extval("verify", out)
    assert done.code == 0, done.stdout


def test_without_the_rule_a_gap_is_refused_as_before(run, gappy):
    done = run(gappy, PROTOCOL.format(rule="refuse"))
    assert done.code == 2
    assert "column `small`, row 2: the cell is empty" in done.stderr


def test_gaps_do_not_hide_wrong_cells(run, gappy):
    gappy.loc[gappy.index[3], "small"] = 1.5
    done = run(gappy, PROTOCOL.format(rule="complete-case"))
    assert (done.code, "row 5: 1.5 is not a probability" in done.stderr) == (2, True)


def test_a_cohort_without_complete_cases_is_an_error(run, study):
    study.loc[study["cohort"] == "development", "full"] = np.nan
    done = run(study, PROTOCOL.format(rule="complete-case"))
    assert "leaves no development patient" in done.stderr


def test_no_gap_means_no_caution_and_the_numbers_as_without_the_rule(run, study):
    one = run(study, PROTOCOL.format(rule="complete-case"), out="one")
    two = run(study, PROTOCOL.format(rule="refuse"), out="two")
    assert (one / "metrics.csv").read_bytes() == (two / "metrics.csv").read_bytes()
    assert not (two / "missing.csv").exists()
    assert not (one / "missing_patterns.csv").exists()
    assert set(pd.read_csv(one / "missing.csv")["missing"]) == {0}


@pytest.mark.parametrize("rule", ["development-median", "multiple-imputation"])
def test_frozen_predictions_cannot_be_imputed_here(run, study, rule):
    done = run(study, PROTOCOL.format(rule=rule))
    assert done.code == 2
    assert "impute before the model is applied" in done.stderr


def test_a_missing_time_event_or_risk_leaves_a_patient_out(run):
    rng = np.random.default_rng(8)
    n = 90
    frame = pd.DataFrame(
        {
            "patient": [f"p{i:03d}" for i in range(n)],
            "center": "c",
            "cohort": np.repeat(["development", "validation"], n // 2),
            "time": rng.exponential(3, n).round(3),
            "event": rng.integers(0, 2, n).astype(float),
            "risk": rng.uniform(0.1, 0.9, n).round(4),
        }
    )
    whole = frame.copy()
    for column, rows in (("time", [3, 50]), ("event", [10]), ("risk", [60, 61, 3])):
        frame.loc[rows, column] = np.nan
    left = run(frame, SURVIVAL, out="left")
    small = run(whole.drop(index=[3, 10, 50, 60, 61]), SURVIVAL, out="small")
    assert (left / "metrics.csv").read_bytes() == (small / "metrics.csv").read_bytes()


def test_the_report_has_the_tables(run, gappy):
    from extval.reports.index import Index
    from extval.reports.sections import missing
    from extval.validate import store

    out = run(gappy, PROTOCOL.format(rule="complete-case") + DESCRIBED)
    section = missing.section(Index(store.load(out)))
    captions = [block.caption for block in section.blocks if hasattr(block, "caption")]
    assert captions == [
        "Missing cells by cohort.",
        "Missing cells by centre; columns and centres without any are not listed.",
        "Columns that are missing together.",
    ]
    first = section.blocks[1]
    names = [row.cells[0].text for row in first.rows]
    assert names == ["y", "small", "full", "age", "stage", first.rows[-1].cells[0].text]
    development = gappy[gappy["cohort"] == "development"]
    count = development["age"].isna().sum()
    assert first.rows[3].cells[-1].text == f"{count} ({100 * count / len(development):.1f})"


def test_columns_of_cox_models_and_strata_are_named(run):
    rng = np.random.default_rng(2)
    n = 80
    frame = pd.DataFrame(
        {
            "patient": [f"p{i:03d}" for i in range(n)],
            "center": "c",
            "cohort": np.repeat(["development", "validation"], n // 2),
            "time": rng.exponential(3, n),
            "event": rng.integers(0, 2, n),
            "risk": rng.uniform(0.1, 0.9, n),
            "age": rng.normal(60, 9, n).round(),
            "arm": rng.integers(0, 2, n).astype(object),
        }
    )
    frame.loc[[1, 2, 60], "age"] = np.nan
    frame.loc[[2], "arm"] = ""
    protocol = SURVIVAL.replace("missing: {rule: complete-case}\n", "") + (
        "cox: {predictors: {age: {column: age, kind: continuous}}, strata: arm}\n"
    )
    found = pd.read_csv(run(frame, protocol) / "missing.csv").set_index(
        ["cohort", "center", "column"]
    )
    assert found.loc[("development", "all", "age"), ["use", "missing"]].tolist() == ["Cox model", 2]
    assert found.loc[("development", "all", "arm"), ["use", "missing"]].tolist() == ["strata", 1]
    assert "" not in found.index.get_level_values("column")  # nobody can be left out here
