"""Tests between risk groups in `extval evaluate`: each is a routine's, on the right patients."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.stats.gray import gray_test
from extval.stats.logrank import logrank_test
from extval.stats.logrank_contrasts import logrank_trend_test, pairwise_logrank_tests
from extval.stats.permutation_logrank import permutation_logrank_test
from extval.stats.rmst import rmst_comparison
from extval.validate.streams import stream

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "evaluate_survival.json").read_text(encoding="utf-8")
)
PROTOCOL = """\
schema_version: 1
seed: 7
outcome: {time: time, event: event, unit: years, horizons: [5]}
columns: {patient: id, center: center, cohort: cohort}
models: {full: {linear_predictor: lp_full}}
risk_groups: {rule: tertiles}
bootstrap: {n_resamples: 0}
"""


@pytest.fixture
def study():
    frame = pd.DataFrame(REFERENCE["study"]).sort_values("id")
    return frame.assign(stage=np.where(np.arange(len(frame)) % 3, "I", "II"))


@pytest.fixture
def found(extval, write, tmp_path):
    def evaluate(frame, more="", *flags, text=PROTOCOL):
        protocol = tmp_path / "protocol.yaml"
        protocol.write_text(text + more, encoding="utf-8")
        out = tmp_path / "out"
        said = extval(
            *("evaluate", write(frame), "--protocol", protocol, "--out", out, "--force", *flags)
        )
        assert said.code == 0, said.stderr
        rows = pd.read_csv(out / "metrics.csv", keep_default_na=False, na_values=[""])
        return rows[rows["model"].notna()].set_index(["cohort", "center", "metric"])

    return evaluate


def outside(study, cuts=(1 / 3, 2 / 3)):
    """Return the validation patients and their risk group by the cuts of development."""
    development = study[study["cohort"] == "development"]
    rest = study[study["cohort"] == "validation"]
    member = np.searchsorted(np.quantile(development["lp_full"], cuts), rest["lp_full"])
    return rest, member


def of(rows, metric, center="all", column="estimate"):
    return rows.loc[("validation", center, metric), column]


def same_test(rows, name, test):
    assert_allclose(of(rows, name), test.statistic, rtol=1e-12)
    assert_allclose(of(rows, f"{name}_df"), test.df, rtol=1e-12)
    assert_allclose(of(rows, f"{name}_p"), test.p_value, rtol=1e-12)


def test_three_groups_have_a_trend_pairs_and_strata(found, study):
    rows = found(study, "", "--no-report")
    rest, member = outside(study)
    data = rest["time"], rest["event"], member
    same_test(rows, "logrank", logrank_test(*data))
    same_test(rows, "logrank_trend", logrank_trend_test(*data))
    same_test(rows, "logrank_stratified", logrank_test(*data, strata=rest["center"]))
    names = ["low", "intermediate", "high"]
    for pair in pairwise_logrank_tests(*data):
        name = f"logrank_{names[pair.b]}_v_{names[pair.a]}"
        same_test(rows, name, pair.test)
        assert_allclose(of(rows, f"{name}_holm_p"), pair.p_adjusted, rtol=1e-12)
    assert "by center" in of(rows, "logrank_stratified", column="method")
    assert ("validation", "south", "logrank_stratified") not in rows.index  # it is one stratum
    high = np.isin(member, [0, 2])
    ratio = rmst_comparison(
        rest["time"][high], rest["event"][high], np.where(member[high], 0, 1), tau=5
    ).ratio
    assert_allclose(of(rows, "rmst_ratio_high"), ratio.value, rtol=1e-12)


def test_the_stratified_test_is_that_of_r(found, study):
    text = PROTOCOL.replace("rule: tertiles", "rule: median")
    rows = found(study, "", "--no-report", text=text)
    wanted = REFERENCE["more"]["logrank_stratified"]
    assert_allclose(of(rows, "logrank_stratified"), wanted, rtol=1e-8)


@pytest.mark.parametrize(
    ("asked", "weights"),
    [
        ("weights: gehan", {"weights": "gehan"}),
        ("weights: tarone-ware", {"weights": "tarone-ware"}),
        ("weights: peto-peto", {"weights": "peto-peto"}),
        (
            "weights: fleming-harrington, rho: 0, gamma: 1",
            {"weights": "fleming-harrington", "rho": 0.0, "gamma": 1.0},
        ),
    ],
)
def test_weights_and_strata_are_those_of_the_protocol(found, study, asked, weights):
    rows = found(study, f"log_rank: {{{asked}, strata: stage}}\n", "--no-report")
    rest, member = outside(study)
    data = rest["time"], rest["event"], member
    same_test(rows, "logrank", logrank_test(*data, **weights))
    same_test(rows, "logrank_trend", logrank_trend_test(*data, **weights))
    strata = rest["stage"]
    same_test(rows, "logrank_stratified", logrank_test(*data, strata=strata, **weights))
    assert ("validation", "south", "logrank_stratified") in rows.index


def test_patients_without_a_stratum_are_left_out_and_counted(found, study):
    study.loc[study.index[::7], "stage"] = ""
    rows = found(study, "log_rank: {strata: stage}\n", "--no-report")
    rest, member = outside(study)
    known = (rest["stage"] != "").to_numpy()
    rest, member = rest[known], member[known]
    wanted = logrank_test(rest["time"], rest["event"], member, strata=rest["stage"])
    same_test(rows, "logrank_stratified", wanted)
    assert f"({(~known).sum()} without it" in of(rows, "logrank_stratified", column="method")


def test_a_permutation_test_where_a_group_has_few_events(found, study):
    rows = found(study, "log_rank: {permutations: 500}\n", "--no-report")
    rest, member = outside(study)
    east = (rest["center"] == "east").to_numpy()
    assert np.bincount(member[east & rest["event"].astype(bool)], minlength=3).min() < 10
    wanted = permutation_logrank_test(
        rest["time"][east],
        rest["event"][east],
        member[east],
        n_resamples=500,
        rng=stream(7, "permutation/validation/east/full"),
    )
    assert_allclose(of(rows, "logrank_permutation_p", "east"), wanted.p_value, rtol=1e-12)
    assert_allclose(of(rows, "logrank_permutation", "east"), wanted.statistic, rtol=1e-12)
    assert ("development", "all", "logrank_permutation_p") not in rows.index
    rows = found(study, "log_rank: {permutations: 0}\n", "--no-report")
    assert "logrank_permutation" not in rows.index.get_level_values("metric")


@pytest.mark.parametrize("more", ["", "log_rank: {permutations_below: 1000}\n"])
def test_with_competing_events_there_is_a_value_or_a_sentence(found, study, more):
    third = np.arange(len(study)) % 3 == 0
    study["event"] = np.where((study["event"] == 1) & third, 2, study["event"])
    competing = PROTOCOL.replace("horizons: [5]", "horizons: [5], cause: 1")
    rows = found(study, more, text=competing)
    rest, member = outside(study)
    same_test(rows, "gray", gray_test(rest["time"], rest["event"], member))
    stratified = gray_test(rest["time"], rest["event"], member, strata=rest["center"])
    same_test(rows, "gray_stratified", stratified)
    assert "competing" in of(rows, "gray_trend", column="note")
    if more:
        assert "competing" in of(rows, "gray_permutation", column="note")
    missing = rows[rows["estimate"].isna()]
    assert missing["note"].notna().all()


@pytest.mark.parametrize("empty", ["one group", "no events"])
def test_a_group_that_is_not_there_has_its_rows(found, study, empty):
    usual = found(study, "", "--no-report").index
    east = study["center"] == "east"
    if empty == "one group":
        study.loc[east, "lp_full"] = 9.0
    else:
        study.loc[east, "event"] = 0
    rows = found(study)
    assert set(usual) <= set(rows.index)
    assert rows[rows["estimate"].isna()]["note"].notna().all()
    assert np.isnan(of(rows, "logrank_high_v_low_holm_p", "east"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("log_rank: {rho: 1}\n", "`rho` and `gamma` go with"),
        ("log_rank: {weights: wilcoxon}\n", "log_rank.weights"),
        ("log_rank: {strata: grade}\n", "no column `grade`"),
    ],
)
def test_wrong_settings_are_named(extval, write, study, tmp_path, more, message):
    protocol = tmp_path / "protocol.yaml"
    protocol.write_text(PROTOCOL + more, encoding="utf-8")
    said = extval("evaluate", write(study), "--protocol", protocol, "--out", tmp_path / "out")
    assert (said.code, message in said.stderr) == (2, True), said.stderr
