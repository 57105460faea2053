"""The main job on real patients beside the checkout: 920 in four hospitals, against R."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "heart.json").read_text(encoding="utf-8")
)
CLOSED = ("oe_ratio", "brier", "brier_scaled", "hosmer_lemeshow", "hosmer_lemeshow_p")
FITTED = ("auc", "calibration_intercept", "calibration_slope")


@pytest.fixture
def heart(extval, shared_data, tmp_path):
    table = shared_data / "heart" / "predictions.csv"
    if not table.is_file():
        pytest.skip("../shared/data/heart/predictions.csv is not beside this checkout")
    said = extval(
        *("evaluate", table, "--outcome", "y", "--models", "clinical,stress,combined"),
        *("--out", tmp_path / "out", "--bootstrap", "100"),
    )
    assert said.code == 0, said.stderr
    return tmp_path / "out"


def numbers(out):
    """Return `metrics.csv` by who and what."""
    frame = pd.read_csv(out / "metrics.csv", keep_default_na=False, na_values=[""])
    return frame.fillna({"model": ""}).set_index(["cohort", "center", "model", "metric"])


def test_the_numbers_are_those_of_r(heart):
    found = numbers(heart)
    pairs = pd.read_csv(heart / "comparisons.csv")
    pairs = pairs[pairs["metric"] == "auc"]
    pairs = pairs.set_index(["cohort", "center", "model_a", "model_b"])
    for group in REFERENCE["groups"]:
        where = (group["cohort"], group["center"])
        for model, wanted in group["models"].items():
            for metric in FITTED:
                row = found.loc[(*where, model, metric)]
                values = row[["estimate", "se", "lower", "upper"]].astype(float)
                assert_allclose(values, wanted[metric], rtol=1e-6, atol=1e-9)
            for metric in CLOSED:
                value = found.loc[(*where, model, metric), "estimate"]
                assert_allclose(value, wanted[metric], rtol=1e-9)
        for model_a, model_b, wanted in group["delong"]:
            row = pairs.loc[(*where, model_a, model_b)]
            values = row[["difference", "lower", "upper", "statistic", "p_value"]].astype(float)
            assert_allclose(values, wanted, rtol=1e-8, atol=1e-12)


def test_further_tests_and_curves_of_calibration_are_those_of_r(heart):
    """Profile limits, le Cessie-van Houwelingen after recalibration, and the three smoothers."""
    found = numbers(heart)
    for group in REFERENCE["groups"]:
        where = (group["cohort"], group["center"])
        for model, wanted in group["models"].items():
            for metric in ("calibration_intercept", "calibration_slope"):
                row = found.loc[(*where, model, f"{metric}_profile")]
                limits = row[["lower", "upper"]].astype(float)
                assert_allclose(limits, wanted[f"{metric}_profile"], rtol=1e-6, atol=1e-8)
                plain = found.loc[(*where, model, metric)]
                np.testing.assert_array_equal(row["estimate"], plain["estimate"])
            for metric in ("le_cessie", "le_cessie_p"):
                value = found.loc[(*where, model, metric), "estimate"]
                assert_allclose(value, wanted[metric], rtol=1e-6, err_msg="le Cessie")
            for smoother, distances in wanted["distances"].items():
                suffix = "" if smoother == "loess" else f"_{smoother}"
                for name, distance in zip(("ici", "e50", "e90", "emax"), distances, strict=True):
                    row = found.loc[(*where, model, f"{name}{suffix}")]
                    assert_allclose(row["estimate"], distance, rtol=1e-6, err_msg="distances")
                    assert row["lower"] <= row["upper"]


def test_the_folder_verifies_and_has_a_report(extval, heart):
    assert (heart / "report.pdf").read_bytes().startswith(b"%PDF")
    assert extval("verify", heart).code == 0
