"""Locked models: the steps by their formulas, a published score, tampering, and bad tables."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit

from extval.features.modelling.combat import ComBat
from extval.validate import locked_model, locking
from extval.validate.errors import InputError
from extval.validate.locked_model import LockedModel, classifier_from

# The DLR-score of Tian 2024 as printed (z-scored inputs); its intercept is 48/121.
PUBLISHED = {
    "D_lbp-3D-k_ngtdm_Complexity": 0.031597,
    "X1309": 0.066068,
    "X179": 0.075600,
    "X1312": -0.015528,
    "X1255": 0.041467,
    "A_original_gldm_LargeDependenceHighGrayLevelEmphasis": 0.041481,
    "X1387": 0.059346,
    "X1487": 0.048740,
    "X66": -0.091377,
    "X94": 0.050499,
    "D_lbp-3D-m2_glszm_GrayLevelVariance": 0.057080,
    "X247": -0.047711,
    "V_original_gldm_LowGrayLevelEmphasis": -0.062957,
    "X155": -0.048884,
    "X294": -0.034018,
    "X1444": 0.028234,
    "D_lbp-3D-m2_gldm_DependenceEntropy": 0.025147,
    "X367": -0.052596,
    "X452": 0.034525,
    "X1165": 0.049526,
    "X1106": -0.054271,
}
INTERCEPT = 0.39669421487603296


def model(steps, *, score="score", **more):
    content = {
        "schema": "extval-model/1",
        "name": "RS",
        "kind": "signature",
        "outcome": {"kind": "binary", "name": "MDM"},
        "link": "logit",
        "steps": steps,
        "outputs": {"score": score},
    }
    return LockedModel.model_validate(content | more)


def predict(locked, table, content=None):
    return locked.predict(table, classifier_from(content))


def linear(**coefficients):
    return {"step": "linear", "intercept": 1.0, "coefficients": coefficients, "output": "score"}


@pytest.fixture
def published():
    step = {
        "step": "linear",
        "intercept": INTERCEPT,
        "coefficients": PUBLISHED,
        "output": "DLR-score",
    }
    return model(
        [step], score="DLR-score", kind="formula", link="identity", source="Tian et al. 2024"
    )


@pytest.fixture
def lock_file(extval, tmp_path, published):
    raw = tmp_path / "formula.json"
    raw.write_text(locked_model.to_json(published), encoding="utf-8")
    assert extval("lock", raw, "--out", tmp_path / "dlrs.json").code == 0
    return tmp_path / "dlrs.json"


def test_the_published_formula_is_applied_as_printed(extval, tmp_path, lock_file):
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.standard_normal((3, 21)), columns=list(PUBLISHED))
    table.insert(0, "patient", ["a", "b", "c"])
    table["age"] = [50, 60, 70]  # further columns do not matter
    table.to_csv(tmp_path / "new.csv", index=False)
    done = extval("apply", lock_file, tmp_path / "new.csv", "--out", tmp_path / "scores.csv")
    assert done.code == 0, done.stderr
    scores = pd.read_csv(tmp_path / "scores.csv")
    by_hand = INTERCEPT + table[list(PUBLISHED)].to_numpy() @ np.array(list(PUBLISHED.values()))
    assert list(scores["patient"]) == ["a", "b", "c"]
    assert_allclose(scores["RS_score"], by_hand, rtol=1e-12)
    # the mean patient has every z-score at 0: the score is the development prevalence
    assert_allclose(INTERCEPT, 48 / 121, rtol=1e-14)


def test_one_patient_is_enough(extval, tmp_path, lock_file):
    row = pd.DataFrame([{"patient": "a"} | dict.fromkeys(PUBLISHED, 0.0)])
    row.to_csv(tmp_path / "one.csv", index=False)
    done = extval("apply", lock_file, tmp_path / "one.csv")
    assert done.code == 0
    assert repr(INTERCEPT) in done.stdout


def test_missing_features_are_named(extval, tmp_path, lock_file):
    row = pd.DataFrame([{"patient": "a"} | dict.fromkeys(PUBLISHED, 0.0)])
    row.drop(columns=["X66", "X1106"]).to_csv(tmp_path / "one.csv", index=False)
    done = extval("apply", lock_file, tmp_path / "one.csv")
    assert done.code == 2
    assert "needs 2 columns that the table does not have: `X66`, `X1106`" in done.stderr


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("", "column `X66`, patient a: the cell is empty"),
        ("n/a", "column `X66`, patient a: 'n/a' is not a finite number"),
        ("inf", "column `X66`, patient a: 'inf' is not a finite number"),
    ],
)
def test_a_cell_that_is_no_number_is_named(extval, tmp_path, lock_file, cell, sentence):
    row = pd.DataFrame([{"patient": "a"} | dict.fromkeys(PUBLISHED, 0.0)]).astype(object)
    row["X66"] = cell
    row.to_csv(tmp_path / "one.csv", index=False)
    done = extval("apply", lock_file, tmp_path / "one.csv")
    assert done.code == 2
    assert sentence in done.stderr


def test_a_changed_model_is_refused(extval, tmp_path, lock_file):
    raw = json.loads(lock_file.read_text(encoding="utf-8"))
    raw["steps"][0]["coefficients"]["X66"] = 0.091377
    lock_file.write_text(json.dumps(raw), encoding="utf-8")
    pd.DataFrame([{"patient": "a"}]).to_csv(tmp_path / "one.csv", index=False)
    done = extval("apply", lock_file, tmp_path / "one.csv")
    assert done.code == 2
    assert "was changed after it was locked" in done.stderr


def test_formatting_the_file_anew_does_not_break_the_lock(lock_file):
    raw = json.loads(lock_file.read_text(encoding="utf-8"))
    lock_file.write_text(json.dumps(raw, indent=4), encoding="utf-8")
    assert locked_model.read_model(lock_file).name == "RS"


def test_an_unlocked_model_is_refused(extval, tmp_path, published):
    (tmp_path / "open.json").write_text(locked_model.to_json(published), encoding="utf-8")
    pd.DataFrame([{"patient": "a"}]).to_csv(tmp_path / "one.csv", index=False)
    done = extval("apply", tmp_path / "open.json", tmp_path / "one.csv")
    assert done.code == 2
    assert "is not locked" in done.stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is no locked model"),
        ('{"schema": "extval-model/1"}', "`name`: Field required"),
    ],
)
def test_what_is_no_model_is_refused(extval, tmp_path, text, sentence):
    (tmp_path / "m.json").write_text(text, encoding="utf-8")
    done = extval("apply", tmp_path / "m.json", tmp_path / "none.csv")
    assert done.code == 2
    assert sentence in done.stderr


def test_a_step_that_is_unknown_is_refused():
    with pytest.raises(ValueError, match="exec"):
        model([{"step": "exec", "code": "1"}])


def test_outputs_must_be_written_by_a_step():
    with pytest.raises(ValueError, match="no step writes `total`"):
        model([linear(a=1.0)], score="total")


def test_steps_by_their_formulas():
    locked = model(
        [
            {"step": "impute", "median": {"a": 5.0}},
            {"step": "standardise", "mean": {"a": 3.0}, "sd": {"a": 2.0}},
            {"step": "above", "column": "size", "above": 10.0, "output": "large"},
            {
                "step": "indicator",
                "column": "grade",
                "equals": "G3",
                "levels": ["G1", "G2", "G3"],
                "output": "grade=G3",
            },
            linear(a=2.0, large=0.5, **{"grade=G3": -1.0}),
            {
                "step": "probability",
                "column": "score",
                "intercept": 0.1,
                "slope": 0.8,
                "output": "p",
            },
        ],
        outputs={"score": "score", "probability": "p"},
    )
    assert locked.columns == ("a", "size", "grade")
    table = pd.DataFrame(
        {"a": ["1", None], "size": ["10", "10.5"], "grade": ["G3", "G1"]}, index=["p1", "p2"]
    )
    found = predict(locked, table)
    score = np.array([1 + 2 * (1 - 3) / 2 - 1, 1 + 2 * (5 - 3) / 2 + 0.5])
    assert_allclose(found["score"], score, rtol=1e-15)
    assert_allclose(found["probability"], expit(0.1 + 0.8 * score), rtol=1e-15)


def test_risks_at_horizons():
    locked = model(
        [
            linear(a=1.0),
            {
                "step": "survival",
                "column": "score",
                "baseline_survival": {"1": 0.9, "5": 0.0},
                "outputs": {"1": "r1", "5": "r5"},
            },
        ],
        outputs={"score": "score", "risk": {"1": "r1", "5": "r5"}},
        link="log-hazard",
    )
    found = predict(locked, pd.DataFrame({"a": [-1.0, 0.0]}, index=["p", "q"]))
    assert_allclose(found["risk_1"], 1 - 0.9 ** np.exp([0.0, 1.0]), rtol=1e-14)
    assert_allclose(found["risk_5"], 1.0)


def test_an_unknown_category_is_named():
    step = {"step": "indicator", "column": "g", "equals": "b", "levels": ["a", "b"], "output": "x"}
    locked = model([step, linear(x=1.0)])
    with pytest.raises(InputError, match="column `g`, patient q: 'c' was never seen"):
        predict(locked, pd.DataFrame({"g": ["a", "c"]}, index=["p", "q"]))


@pytest.fixture
def two_scanners():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.standard_normal((24, 5)), columns=list("vwxyz"))
    frame.index = [f"P{i}" for i in range(24)]
    frame.insert(0, "scanner", ["A", "B"] * 12)
    frame.loc[frame["scanner"] == "B", list("vwxyz")] *= 3.0
    return frame


def combat_step(combat, new_batch, **more):
    return {
        "step": "combat",
        "batch": "scanner",
        "features": list(combat.features_),
        "grand_mean": combat.grand_mean_.tolist(),
        "pooled_sd": combat.pooled_sd_.tolist(),
        "location": {name: v.tolist() for name, v in combat.location_.items()},
        "scale": {name: v.tolist() for name, v in combat.scale_.items()},
        "new_batch": new_batch,
    } | more


def scored(frame, steps):
    sums = linear(v=1.0, w=10.0, x=100.0, y=1e3, z=1e4)
    return predict(model([*steps, sums]), frame)["score"].to_numpy()


WEIGHTS = np.array([1.0, 10.0, 100.0, 1e3, 1e4])


def test_combat_known_batches_are_as_the_estimator_has_them(two_scanners):
    combat = ComBat("scanner").fit(two_scanners)
    expected = combat.transform(two_scanners) @ WEIGHTS + 1.0
    assert_allclose(scored(two_scanners, [combat_step(combat, "refuse")]), expected, rtol=1e-11)


def test_combat_with_covariates_is_as_the_estimator_has_it(two_scanners):
    table = two_scanners.assign(age=np.arange(24.0) % 7, sex=list("mmf") * 8)
    combat = ComBat("scanner", covariates=("age", "sex")).fit(table)
    locked = locking._preparing(combat, list("vwxyz"), new_batch="refuse", calibration=None)
    found = scored(table, [locked.model_dump()])
    assert_allclose(found, combat.transform(table) @ WEIGHTS + 1.0, rtol=1e-11)
    assert [term.level for term in locked.covariates] == [None, "m"]


def test_combat_a_new_batch_is_refused_left_alone_or_estimated(two_scanners):
    combat = ComBat("scanner", new_batch="estimate").fit(two_scanners)
    new = two_scanners.assign(scanner="C")
    new[list("vwxyz")] += 7.0
    with pytest.raises(InputError, match="patient P0: 'C' was not among the batches"):
        scored(new, [combat_step(combat, "refuse")])
    plain = new[list("vwxyz")].to_numpy() @ WEIGHTS + 1.0
    assert_allclose(scored(new, [combat_step(combat, "none")]), plain, rtol=1e-12)
    expected = combat.transform(new) @ WEIGHTS + 1.0
    assert_allclose(scored(new, [combat_step(combat, "estimate")]), expected, rtol=1e-11)
    with pytest.raises(InputError, match="cannot be estimated from 1 patient;"):
        scored(new.iloc[:1], [combat_step(combat, "estimate")])


def test_combat_a_calibration_subset_alone_decides_the_shift(two_scanners):
    combat = ComBat("scanner", new_batch="estimate").fit(two_scanners)
    new = two_scanners.assign(scanner="C", subset=[1, 0, 0] * 8)
    step = combat_step(combat, "estimate", calibration="subset")
    before = scored(new, [step])
    changed = new.copy()
    changed.loc["P1", list("vwxyz")] += 5.0  # not in the subset
    after = scored(changed, [step])
    assert_allclose(np.delete(after, 1), np.delete(before, 1), rtol=1e-12)
    changed.loc["P0", list("vwxyz")] += 5.0  # in the subset
    assert np.all(scored(changed, [step])[2:] != after[2:])


def test_a_locked_model_that_was_changed_cannot_be_locked_again(extval, tmp_path, lock_file):
    raw = json.loads(lock_file.read_text(encoding="utf-8"))
    raw["threshold"] = 0.5
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(raw), encoding="utf-8")
    done = extval("lock", changed, "--out", tmp_path / "again.json")
    assert done.code == 2
    assert "was locked before and changed since" in done.stderr
    assert not (tmp_path / "again.json").exists()
    changed.write_text(json.dumps(raw | {"sha256": ""}), encoding="utf-8")
    assert extval("lock", changed, "--out", tmp_path / "again.json").code == 0


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[" * 100_000, b"patient,a\n1,2\n"])
@pytest.mark.parametrize("command", ["apply", "lock"])
def test_a_file_that_is_no_json_is_named(extval, tmp_path, command, content):
    path = tmp_path / "m.json"
    path.write_bytes(content)
    done = extval(command, path, *(["t.csv"] if command == "apply" else ["--out", tmp_path / "o"]))
    assert done.code == 2
    assert f"{path} is not valid JSON" in done.stderr


@pytest.mark.parametrize("command", ["apply", "lock", "init"])
def test_a_file_that_cannot_be_written_is_named(extval, tmp_path, lock_file, command):
    row = pd.DataFrame([{"patient": "a"} | dict.fromkeys(PUBLISHED, 0.0)])
    row.to_csv(tmp_path / "one.csv", index=False)
    out = tmp_path / "none" / "file"
    done = {
        "apply": lambda: extval("apply", lock_file, tmp_path / "one.csv", "--out", out),
        "lock": lambda: extval("lock", lock_file, "--out", out),
        "init": lambda: extval("init", out),
    }[command]()
    assert done.code == 2
    assert f"{out} cannot be written: No such file or directory." in done.stderr


def test_apply_does_not_write_over_what_it_reads(extval, tmp_path, lock_file):
    row = pd.DataFrame([{"patient": "a"} | dict.fromkeys(PUBLISHED, 0.0)])
    row.to_csv(tmp_path / "one.csv", index=False)
    for path in (lock_file, tmp_path / "one.csv"):
        before = path.read_bytes()
        done = extval("apply", lock_file, tmp_path / "one.csv", "--out", path)
        assert done.code == 2
        assert "is the model or the table itself" in done.stderr
        assert path.read_bytes() == before


def test_apply_says_what_was_filled_in_and_which_scanner_is_new(extval, tmp_path):
    steps = [
        {"step": "impute", "median": {"a": 5.0, "b": 1.0}},
        {
            **{"step": "combat", "batch": "scanner", "features": ["a", "b"]},
            **{"grand_mean": [0.0, 0.0], "pooled_sd": [1.0, 1.0], "new_batch": "none"},
            **{"location": {"S1": [0.0, 0.0]}, "scale": {"S1": [1.0, 1.0]}},
        },
        linear(a=1.0, b=1.0),
    ]
    inputs = {"a": {"low": 1.0, "high": 9.0, "mean": 5.0, "sd": 2.0, "median": 5.0}}
    found = locked_model.locked(model(steps, inputs=inputs))
    (tmp_path / "m.json").write_text(locked_model.to_json(found), encoding="utf-8")
    table = "patient,scanner,a,b\np,S1,50,\nq,S2,52,\nr,S2,,\n"
    (tmp_path / "new.csv").write_text(table, encoding="utf-8")
    done = extval("apply", tmp_path / "m.json", tmp_path / "new.csv")
    assert done.code == 0, done.stderr
    assert "3 of 3 patients have empty cells among the 2 features" in done.stderr
    assert "(most: r, 2 of 2); they were filled with development medians" in done.stderr
    assert "2 patients have a scanner (S2) that development did not have" in done.stderr
    assert "a: The median is 51 here and 5 in development" in done.stderr


def test_the_formula_in_the_documentation_is_the_published_one():
    path = Path(__file__).parents[2] / "docs" / "formulas" / "tian-2024-dlr-score.json"
    locked = locked_model.read_model(path)
    (step,) = locked.steps
    assert dict(step.coefficients) == PUBLISHED
    assert step.intercept == INTERCEPT
    assert locked.link == "identity"
