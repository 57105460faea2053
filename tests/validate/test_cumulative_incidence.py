"""Cumulative incidence of a study with competing events: what is stored, verified and drawn."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.stats.competing_risks import aalen_johansen
from tests.oracles.competing_risks import incidence

PROTOCOL = """\
schema_version: 1
seed: 7
outcome: {time: time, event: event, cause: 1, unit: years, horizons: [3], name: Recurrence}
columns: {patient: id, center: center, cohort: cohort}
models: {full: {linear_predictor: lp}, flat: {linear_predictor: lp_flat}}
risk_groups: {rule: cuts, cuts: [0.2]}
bootstrap: {n_resamples: 0}
"""


@pytest.fixture
def patients():
    """Return patients whose recurrence depends on `lp`, and whose deaths compete with it."""
    rng, n = np.random.default_rng(20), 90
    lp = rng.standard_normal(n).round(2)
    recurrence = rng.exponential(6.0 * np.exp(-0.6 * lp))
    death, end = rng.exponential(9.0, n), rng.uniform(2.0, 8.0, n)
    first = np.minimum(np.minimum(recurrence, death), end)
    return pd.DataFrame(
        {
            "id": [f"P{i:02d}" for i in range(n)],
            "center": np.where(np.arange(n) < 40, "A", np.where(np.arange(n) % 3, "east", "west")),
            "cohort": np.where(np.arange(n) < 40, "development", "validation"),
            "time": np.ceil(4 * first) / 4,
            "event": np.where(first == end, 0, np.where(first == recurrence, 1, 3)),
            "lp": lp,
            "lp_flat": 0.1,
        }
    )


@pytest.fixture
def run(extval, write, tmp_path):
    def evaluate(frame, *flags):
        (tmp_path / "protocol.yaml").write_text(PROTOCOL, encoding="utf-8")
        said = extval(
            *("evaluate", write(frame), "--protocol", tmp_path / "protocol.yaml", "--force"),
            *("--out", tmp_path / "out", *flags),
        )
        assert said.code == 0, said.stderr
        return tmp_path / "out"

    return evaluate


def table(out, kind="cumulative_incidence"):
    return pd.read_csv(out / "curves" / f"{kind}.csv", keep_default_na=False, na_values=[""])


def of(rows, **wanted):
    for name, value in wanted.items():
        column = rows[name].fillna("") if value == "" else rows[name]
        rows = rows[column == value]
    return rows


def test_each_cause_group_and_cohort_has_its_curve(run, patients):
    rows = table(run(patients, "--no-report"))
    for cohort, center, group in (
        ("validation", "all", ""),
        ("validation", "all", "high"),
        ("validation", "west", "low"),
        ("development", "all", "low"),
    ):
        who = patients["cohort"] == cohort
        who &= (center == "all") | (patients["center"] == center)
        who &= (group == "") | ((patients["lp"] > 0.2) == (group == "high"))
        time, kind = patients[who]["time"], patients[who]["event"].replace(3, 2)
        model = "full" if group else ""
        curve = aalen_johansen(time, kind, n_causes=2)
        for row, cause in enumerate(("interest", "competing")):
            labels = {"cohort": cohort, "center": center, "model": model, "group": group}
            found = of(rows, **labels, cause=cause)
            slow = np.array(incidence(list(time), list(kind), row + 1))
            assert_allclose(found["time"], slow[:, 0], rtol=0)
            assert_allclose(found["incidence"], slow[:, 2], rtol=1e-12)
            assert_allclose(found["lower"], curve.lower[row], rtol=1e-12)
            assert_allclose(found["upper"], curve.upper[row], rtol=1e-12)
            assert found["at_risk"].tolist() == [(time >= t).sum() for t in slow[:, 0]]
            own = [((time == t) & (kind == row + 1)).sum() for t in slow[:, 0]]
            other = [((time == t) & (kind == 2 - row)).sum() for t in slow[:, 0]]
            assert (found["events"].tolist(), found["competing"].tolist()) == (own, other)


def test_numbers_at_risk_count_competing_events_apart(run, patients):
    rows = of(table(run(patients, "--no-report"), "risk_table"), cohort="validation", center="all")
    rest = patients[patients["cohort"] == "validation"]
    for row in of(rows, model="").itertuples():
        before = rest[rest["time"] < row.time]["event"]
        counts = [(before == code).sum() for code in (1, 3, 0)]
        assert [row.events, row.competing, row.censored] == counts
        assert row.at_risk + sum(counts) == len(rest)


def test_the_folder_verifies_and_a_changed_curve_is_named(run, extval, patients):
    out = run(patients)
    assert extval("verify", out).code == 0
    path = out / "curves" / "cumulative_incidence.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("competing,0.25,0.0", "competing,0.25,0.5", 1), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != text
    said = extval("verify", out)
    assert said.code == 1
    assert "curves/cumulative_incidence.csv differs from its recomputation" in (
        said.stdout + said.stderr
    )


def test_the_report_is_written_again_from_the_results_alone(run, extval, patients, tmp_path):
    out = run(patients)
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("results.json", "manifest.json"):
        (alone / name).write_bytes((out / name).read_bytes())
    assert extval("report", alone).code == 0
    assert (alone / "report.pdf").read_bytes() == (out / "report.pdf").read_bytes()


@pytest.mark.parametrize(
    "change",
    ["no event of interest", "no competing event", "all censored", "one patient", "time zero"],
)
def test_hard_input_has_curves_and_a_report(run, extval, patients, change):
    east = patients["center"] == "east"
    match change:
        case "no event of interest":
            patients.loc[east, "event"] = patients.loc[east, "event"].replace(1, 0)
        case "no competing event":
            patients.loc[east, "event"] = patients.loc[east, "event"].replace(3, 0)
        case "all censored":
            patients.loc[east, "event"] = 0
        case "one patient":
            patients = patients[~east | (np.cumsum(east) <= 1)]
        case "time zero":
            patients.loc[east, "time"] = 0.0
    out = run(patients)
    rows = of(table(out), center="east", model="")
    assert set(rows["cause"]) == {"interest", "competing"}
    assert rows["incidence"].between(0.0, 1.0).all()
    nothing = {"no event of interest": ["interest"], "no competing event": ["competing"]}
    nothing["all censored"] = ["interest", "competing"]
    for cause in nothing.get(change, ()):
        none = of(rows, cause=cause)
        assert (none["incidence"] == 0.0).all()
        assert none[["lower", "upper"]].isna().all(axis=None)
    assert extval("verify", out).code == 0
