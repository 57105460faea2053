"""The demonstrations: a simulated truth that large samples show, and a real cohort."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import logit

from extval.stats.calibration import calibration_intercept, calibration_slope
from extval.validate import demonstration


@pytest.fixture(scope="module")
def large():
    sizes = dict.fromkeys(demonstration.SIZES, 60_000)
    return pd.read_csv(io.StringIO(demonstration.simulated(sizes).table))


@pytest.mark.parametrize("model", ["RS", "DLRS", "DLRN", "clinical"])
@pytest.mark.parametrize("center", ["center-1", "center-2"])
def test_every_model_is_calibrated_where_the_truth_is_the_same(large, model, center):
    rows = large[large["center"] == center]
    intercept = calibration_intercept(rows["mdm"], rows[model])
    slope = calibration_slope(rows["mdm"], rows[model])
    assert abs(intercept.value) < 4 * intercept.se
    assert abs(slope.value - 1) < 4 * slope.se


def test_the_nomogram_is_wrong_by_the_stated_amount_at_the_third_centre(large):
    rows = large[large["center"] == "center-3"]
    slope = calibration_slope(rows["mdm"], rows["DLRN"])
    assert abs(slope.value - 0.7) < 4 * slope.se
    expected = 1 / (1 + np.exp(0.4 - 0.7 * logit(rows["DLRN"])))
    assert_allclose(expected.mean(), rows["mdm"].mean(), atol=0.01)


def test_the_default_has_the_shape_of_the_study():
    table = pd.read_csv(io.StringIO(demonstration.simulated().table))
    assert table["center"].value_counts().to_dict() == demonstration.SIZES
    assert set(table.loc[table["cohort"] == "development", "center"]) == {"center-1"}


@pytest.mark.parametrize("study", demonstration.STUDIES)
def test_the_demonstration_runs_and_verifies(extval, tmp_path, study):
    out = tmp_path / "demo"
    said = extval("demo", "--study", study, "--out", out)
    assert said.code == 0, said.stderr
    assert said.stdout.strip().endswith("demo")
    assert (out / "report.pdf").stat().st_size > 20_000
    assert extval("verify", out).code == 0
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    wanted = {
        "rls-mdm": {"auc", "calibration_slope", "oe_ratio", "ici", "net_benefit", "brier"},
        "lung": {"c_harrell", "calibration_slope", "oe_t", "brier_t", "logrank_p", "survival_t"},
    }[study]
    assert wanted <= {row["metric"] for row in results["metrics"]}
    roles = {(row["cohort"], row["center"] == "all") for row in results["cohorts"]}
    assert roles == {(c, pooled) for c in ("development", "validation") for pooled in (True, False)}


def test_an_unknown_demonstration_is_refused(extval, tmp_path):
    said = extval("demo", "--study", "heart", "--out", tmp_path / "demo")
    assert (said.code, "there is no study `heart`" in said.stderr) == (2, True)
