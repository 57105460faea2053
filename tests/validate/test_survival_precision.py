"""Patients needed for a time to event: the design is the cohort, with widths near the real ones."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.reports.blocks import Paragraph
from extval.reports.index import Index
from extval.reports.sections import others, sample_size
from extval.stats.kaplan_meier import reverse_kaplan_meier, survival_at
from extval.stats.linear_predictor import sampled_linear_predictor
from extval.stats.samplesize_survival import SurvivalDesign, survival_sample_size
from extval.validate import store

PROTOCOL = """\
schema_version: 1
outcome: {time: time, event: event, unit: years, horizons: [2, 4]}
models: {A: {risk: {2: r2, 4: r4}}}
bootstrap: {n_resamples: 0}
decision_curve: {at: 0.3}
precision: {c_harrell: 0.15}
"""
NAMES = ("oe_t", "calibration_slope_t", "calibration_slope", "c_harrell", "net_benefit_t")


@pytest.fixture
def frame():
    rng = np.random.default_rng(6)
    n = 600
    x = rng.normal(0.0, 0.9, n)
    time, censoring = rng.exponential(4.0 * np.exp(-x)), rng.uniform(1.0, 9.0, n)
    return pd.DataFrame(
        {
            "patient": [f"p{i:03d}" for i in range(n)],
            "center": "c",
            "cohort": np.repeat(["development", "validation"], n // 2),
            "time": np.minimum(time, censoring),
            "event": (time <= censoring).astype(int),
            "r2": 1 - np.exp(-2 / 4.0 * np.exp(x)),
            "r4": 1 - np.exp(-4 / 4.0 * np.exp(x)),
        }
    )


@pytest.fixture
def run(extval, write, tmp_path):
    def evaluate(frame, protocol=PROTOCOL):
        (tmp_path / "protocol.yaml").write_text(protocol, encoding="utf-8")
        done = extval(
            *("evaluate", write(frame), "--protocol", tmp_path / "protocol.yaml"),
            *("--out", tmp_path / "out", "--no-report", "--force"),
        )
        assert done.code == 0, done.stderr
        return store.load(tmp_path / "out")

    return evaluate


def needed(results):
    return {
        (row.metric.removeprefix("needed_n_"), row.horizon): row
        for row in results.metrics
        if row.metric.startswith("needed_n_") and row.center == "all"
    }


def test_the_design_is_the_cohort_itself(run, frame):
    found = needed(run(frame))
    assert set(found) == {(name, horizon) for name in NAMES for horizon in (2.0, 4.0)}
    outside = frame[frame["cohort"] == "validation"]
    for horizon, column in ((2.0, "r2"), (4.0, "r4")):
        follow_up = reverse_kaplan_meier(outside["time"], outside["event"])
        size = survival_sample_size(
            SurvivalDesign(
                linear_predictor=sampled_linear_predictor(
                    np.log(-np.log(1 - outside[column].to_numpy()))
                ),
                lost=1 - survival_at(follow_up, horizon).value,
                threshold=0.3,
                c_width=0.15,
            )
        )
        wanted = [criterion.n for criterion in size.criteria]
        assert [found[name, horizon].estimate for name in NAMES] == wanted
        for name in NAMES:
            row = found[name, horizon]
            verdict = "large enough" if row.estimate <= row.n else "too small"
            assert row.note.endswith(f"{verdict}.")


def test_the_width_that_is_reached_is_near_that_of_the_cohort(run, frame):
    results = run(frame)
    found = needed(results)
    rows = {
        (row.metric, row.horizon): row
        for row in results.metrics
        if (row.cohort, row.center) == ("validation", "all")
    }
    for name, horizon, own in (("oe_t", 2.0, 2.0), ("oe_t", 4.0, 4.0)):
        reached = float(found[name, horizon].note.split(" give ")[-1].split(":")[0])
        row = rows[name, own]
        assert_allclose(reached, row.upper - row.lower, rtol=0.2)


def test_the_report_says_whether_the_cohort_was_large_enough(run, frame):
    index = Index(run(frame))
    verdict, table = sample_size.section(index).blocks
    assert isinstance(verdict, Paragraph)
    assert "patients" in verdict.text
    assert "was too small for" in verdict.text
    assert len(table.rows) == 10
    assert table.rows[0].cells[1].text == "Patients needed for O:E(t), 2 years"
    left = {row.metric for row in others.remaining(index)}
    assert not any(metric.startswith("needed_n_") for metric in left)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.assign(r2=0.4, r4=0.5), "all patients have the same predicted risk"),
        (lambda f: f.assign(r2=f["r2"].where(f.index != 500, 1.0)), "exactly 0 or 1"),
        (lambda f: f.assign(time=np.minimum(f["time"], 1.9), event=0), "beyond the last follow-up"),
    ],
)
def test_what_has_no_answer_has_a_sentence(run, frame, change, said):
    row = needed(run(change(frame)))["c_harrell", 2.0]
    assert row.estimate is None
    assert said in row.note


def test_a_threshold_that_nobody_reaches_costs_the_net_benefit_only(run, frame):
    low = frame.assign(r2=frame["r2"] * 0.2, r4=frame["r4"] * 0.2)
    found = needed(run(low))
    assert found["net_benefit_t", 2.0].estimate is None
    assert "no patient is at or above the threshold" in found["net_benefit_t", 2.0].note
    assert found["oe_t", 2.0].estimate > 0


def test_competing_events_are_said(run, frame):
    rng = np.random.default_rng(1)
    frame["event"] = np.where(frame["event"] == 1, rng.integers(1, 3, len(frame)), 0)
    found = needed(run(frame, PROTOCOL.replace("horizons", "cause: 1, horizons")))
    assert found["oe_t", 4.0].note.startswith("Not estimated with competing events")
