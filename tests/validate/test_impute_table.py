"""`extval impute`: gaps filled from development alone, the rest of the table as it was."""

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.validate import locked_model
from extval.validate.locked_model import LockedModel

FLAGS = ("--continuous", "age,size", "--categorical", "grade")


@pytest.fixture
def table():
    rng = np.random.default_rng(2)
    n = 90
    size = rng.gamma(4.0, 2.0, n)
    frame = pd.DataFrame(
        {
            "patient": [f"P{i:02d}" for i in range(n)],
            "center": np.where(np.arange(n) < 60, "A", "B"),
            "cohort": np.where(np.arange(n) < 60, "development", "validation"),
            "age": (50 + 2 * size + rng.standard_normal(n)).round(2),
            "size": size.round(2),
            "grade": rng.choice(["G1", "G2", "G3"], n),
            "y": (rng.random(n) < 1 / (1 + np.exp(-(size - 8) / 3))).astype(int),
        }
    )
    frame["size"] = frame["size"].astype(object)
    frame.loc[[3, 9, 20, 61, 70, 80], "size"] = ""
    frame.loc[[5, 66], "grade"] = ""
    return frame


@pytest.fixture
def impute(extval, write, tmp_path):
    def run(frame, *flags, out="imputed"):
        return extval("impute", write(frame), *FLAGS, "--out", tmp_path / out, *flags)

    return run


def tables(folder):
    return [pd.read_csv(path, dtype=str) for path in sorted(folder.glob("imputed_*.csv"))]


def test_only_gaps_are_filled(impute, table, tmp_path):
    done = impute(table)
    assert done.code == 0, done.stderr
    found = tables(tmp_path / "imputed")
    share = 4 / 30  # of validation patients, the larger share
    assert len(found) == max(5, np.ceil(100 * share))
    assert "13.3% of validation" in done.stdout
    known = table.astype(str) != ""
    for each in found:
        assert each.notna().all(axis=None)
        assert (each[known] == table.astype(str)[known]).where(known, other=True).all(axis=None)
        assert set(each["grade"]) <= {"G1", "G2", "G3"}
    filled = np.array([each.loc[61, "size"] for each in found], dtype=float)
    assert filled.std() > 0  # imputations differ


def test_external_patients_and_outcomes_change_nothing_in_development(impute, table, tmp_path):
    assert impute(table, "--imputations", "5", out="a").code == 0
    outside = (table["cohort"] == "validation").to_numpy()
    other = table.copy()
    other["y"] = 1 - other["y"]
    other.loc[outside, "age"] *= 3
    assert impute(other, "--imputations", "5", out="b").code == 0
    for a, b in zip(tables(tmp_path / "a"), tables(tmp_path / "b"), strict=True):
        columns = ["age", "size", "grade"]
        pd.testing.assert_frame_equal(a.loc[~outside, columns], b.loc[~outside, columns])


def test_the_median_is_that_of_development(impute, table, tmp_path):
    assert impute(table, "--method", "median").code == 0
    (found,) = tables(tmp_path / "imputed")
    inside = pd.to_numeric(table["size"][:60], errors="coerce")
    assert_allclose(float(found.loc[61, "size"]), inside.median())
    manifest = json.loads((tmp_path / "imputed" / "manifest.json").read_text(encoding="utf-8"))
    assert "--method median" in manifest["command"]
    gaps = pd.read_csv(tmp_path / "imputed" / "missing.csv")
    assert gaps.set_index(["cohort", "column"]).loc[("validation", "size"), "missing"] == 3


def test_imputed_predictions_go_into_an_evaluation(extval, impute, table, tmp_path):
    """The whole way: impute, apply a locked model to every table, evaluate all predictions."""
    assert impute(table, "--imputations", "5").code == 0
    steps = [
        {"step": "linear", "intercept": -3.0, "coefficients": {"size": 0.35}, "output": "score"},
        {"step": "probability", "column": "score", "output": "p"},
    ]
    model = {
        "schema": "extval-model/1",
        "name": "M",
        "kind": "formula",
        "outcome": {"kind": "binary", "name": "y"},
        "link": "logit",
        "steps": steps,
        "outputs": {"score": "score", "probability": "p"},
    }
    path = tmp_path / "M.json"
    locked = locked_model.locked(LockedModel.model_validate(model))
    path.write_text(locked_model.to_json(locked), encoding="utf-8")
    whole = table[["patient", "center", "cohort", "y"]].copy()
    for number, file in enumerate(sorted((tmp_path / "imputed").glob("imputed_*.csv")), 1):
        assert extval("apply", path, file, "--out", tmp_path / "p.csv").code == 0
        whole[f"M_{number}"] = pd.read_csv(tmp_path / "p.csv")["M_probability"]
    whole.to_csv(tmp_path / "predictions.csv", index=False)
    (tmp_path / "protocol.yaml").write_text(
        "schema_version: 1\noutcome: {column: y}\nbootstrap: {n_resamples: 0}\n"
        "calibration: {belt_up_to: 0}\n"
        "models: {M: {probability: [M_1, M_2, M_3, M_4, M_5]}}\n",
        encoding="utf-8",
    )
    done = extval(
        *("evaluate", tmp_path / "predictions.csv", "--protocol", tmp_path / "protocol.yaml"),
        *("--out", tmp_path / "out", "--no-report"),
    )
    assert done.code == 0, done.stderr
    metrics = pd.read_csv(tmp_path / "out" / "metrics.csv")
    auc = metrics[(metrics.metric == "auc") & (metrics.cohort == "validation")].iloc[0]
    assert "5 imputations" in auc["method"]
    assert 0.5 < auc["estimate"] < 1.0


@pytest.mark.parametrize(
    ("change", "flags", "sentence"),
    [
        ({}, ("--method", "magic"), "--method 'magic' is unknown"),
        ({"grade": "G9"}, (), "no development patient has 'G9'"),
        ({"size": "large"}, (), "'large' is not a finite number"),
        ({"cohort": "test"}, (), "'test' is not a cohort"),
    ],
)
def test_bad_input_has_a_sentence(impute, table, tmp_path, change, flags, sentence):
    for column, value in change.items():
        table[column] = table[column].astype(object)
        table.loc[85, column] = value
    done = impute(table, *flags)
    assert done.code == 2
    assert sentence in done.stderr
    assert not (tmp_path / "imputed").exists()


def test_without_predictors_it_says_what_to_give(extval, write, table, tmp_path):
    done = extval("impute", write(table), "--out", tmp_path / "x")
    assert done.code == 2
    assert "--continuous age,size" in done.stderr
