"""Random-effects rows are those of the statistic on the centres' own rows."""

from math import nan

import numpy as np
import pandas as pd
import pytest

from extval.stats.meta import pool_centers

FLAGS = ("--outcome", "y", "--models", "small,full", "--bootstrap", "0", "--no-report")


def metrics(out):
    frame = pd.read_csv(
        out / "metrics.csv", keep_default_na=False, na_values=[""], float_precision="round_trip"
    )
    return frame.fillna({"model": ""})


@pytest.mark.parametrize(
    ("metric", "scale"),
    [("auc", "logit"), ("oe_ratio", "log"), ("calibration_slope", "identity")],
)
def test_the_rows_come_from_the_centres(extval, write, study, tmp_path, metric, scale):
    assert extval("evaluate", write(study), "--out", tmp_path / "out", *FLAGS).code == 0
    rows = metrics(tmp_path / "out")
    rows = rows[(rows["cohort"] == "validation") & (rows["model"] == "full")]
    centers = rows[(rows["center"] != "all") & (rows["metric"] == metric)]
    wanted = pool_centers(
        centers["estimate"], centers["se"], scale=scale, test="hartung-knapp-adhoc"
    )
    found = rows[rows["center"] == "all"].set_index("metric")
    row = found.loc[f"{metric}_random_effects"]
    assert (row["estimate"], row["lower"]) == (wanted.value, wanted.interval.low)
    row = found.loc[f"{metric}_prediction"]
    assert (row["lower"], row["upper"]) == (
        wanted.prediction_interval.low,
        wanted.prediction_interval.high,
    )
    assert found.loc[f"{metric}_i2", "estimate"] == wanted.i2
    assert "3 centres" in row["method"]


def test_a_centre_that_is_not_estimable_is_counted(extval, write, study, tmp_path):
    study.loc[study["center"] == "west", "y"] = 1
    extval("evaluate", write(study), "--out", tmp_path / "out", *FLAGS)
    rows = metrics(tmp_path / "out")
    rows = rows[(rows["model"] == "full") & (rows["metric"] == "auc_random_effects")]
    row = rows.iloc[0]
    assert "2 centres, 1 not estimable" in row["method"]
    assert np.isfinite(row["estimate"])


def test_one_centre_is_not_pooled(extval, write, study, tmp_path):
    study = study[study["center"].isin(["north", "south"])]
    extval("evaluate", write(study), "--out", tmp_path / "out", *FLAGS)
    assert not metrics(tmp_path / "out")["metric"].str.endswith("_random_effects").any()


def test_nan_is_what_a_missing_number_becomes():
    assert pool_centers([0.8, nan], [0.02, nan], scale="logit").n_not_estimable == 1
