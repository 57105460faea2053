"""No external patient changes what is learned, and no held-out one what predicts it."""

from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

from extval.features.modelling.audit import FitRecord, LeakageError, refuse_leaks
from extval.features.modelling.out_of_fold import stratified_folds
from extval.validate import fitting, locked_model, procedures, run_data
from extval.validate.run_models import fit_models
from extval.validate.study_file import read_run
from tests.validate import cohort

STUDY = """\
schema_version: 1
seed: 5
clinical: {table: clinical.csv}
outcome: {column: event}
feature_tables: {table: features.csv, readings: {R2: {table: second.csv}}}
preparation:
  reliability: {above: 0.5}
  missing: {max_share: 0.3, rule: impute}
  harmonisation: {batch: scanner, new_batch: MODE}
  correlation_above: 0.9
  selection: {method: mrmr, k: 6}
models:
  RS: {signature: {features: [handcrafted], lasso: {folds: 3, family: linear}}}
  clinical:
    clinical:
      predictors: {size: {column: size_cm}, grade: {column: grade, categorical: true}}
      selection: {univariate_p: 0.5, multivariable_p: 0.5}
  DLRN: {combined: {signature: RS, clinical: clinical}}
internal_validation: {folds: 3}
"""
FROM_EXTERNAL = {"audit", "shift", "cautions"}


def gaps(features, rng):
    """Return the features with some empty cells, the first column's in a quarter of patients."""
    found = features.copy()
    hole = rng.random((len(found), found.shape[1] - 1)) < 0.02
    hole[:, 0] = rng.random(len(found)) < 0.25
    found.iloc[:, 1:] = found.iloc[:, 1:].mask(hole)
    return found


@pytest.fixture(scope="module")
def tables():
    clinical, features = cohort.simulate(1)
    clinical["scanner"] = clinical["scanner"].where(clinical["center"] != "C", "S2")
    features = gaps(features, np.random.default_rng(2))
    return clinical, features


def learned(folder, clinical, features, mode, outside):
    """Return the locked models, development predictions, and tables that a run learns."""
    file = cohort.write(folder, clinical, features, STUDY.replace("MODE", mode))
    rng = np.random.default_rng(3)
    second = features[~outside].iloc[:25].copy()
    second.iloc[:, 1:] *= 1 + 0.02 * rng.standard_normal((25, second.shape[1] - 1))
    again = features[outside].iloc[:10]  # a reader may have read external patients too
    pd.concat([second, again]).to_csv(folder / "second.csv", index=False)
    found = fit_models(
        read_run(file),
        file,
        (folder / "features.csv", {"R2": folder / "second.csv"}),
        folder / "stages",
        n_jobs=1,
        progress=lambda _: nullcontext(lambda *_: None),
        say=lambda _: None,
    )
    inside = found.data.development
    return (
        {name: locked_model.to_json(model) for name, model in found.locked.items()},
        found.predictions[inside].to_csv(),
        {name: found.tables[name] for name in sorted(set(found.tables) - FROM_EXTERNAL)},
        found.tables["audit"],
    )


@pytest.mark.parametrize("mode", ["none", "refuse", "estimate"])
def test_external_patients_change_nothing_that_is_learned(tables, tmp_path, mode):
    clinical, features = (table.copy() for table in tables)
    outside = (clinical["cohort"] == "validation").to_numpy()
    before = learned(tmp_path / "before", clinical, features, mode, outside)
    assert set(before[3]["external_seen"]) == {0}
    assert set(before[3]["held_out_seen"]) == {0}
    rng = np.random.default_rng(8)
    columns = features.columns[1:]
    features.loc[outside, columns] = (
        features.loc[outside, columns] * 100 + rng.normal(size=60)[:, None]
    )
    features.loc[np.flatnonzero(outside)[:20], columns[3:9]] = np.nan
    clinical.loc[outside, "event"] = 1 - clinical.loc[outside, "event"]
    clinical.loc[outside, "size_cm"] *= 7
    clinical.loc[outside, "grade"] = "G1"
    if mode != "refuse":
        clinical.loc[outside, "scanner"] = "S9"
    keep = ~outside | (rng.random(outside.size) < 0.7)
    after = learned(tmp_path / "after", clinical[keep], features[keep], mode, outside[keep])
    assert after[:3] == before[:3]


@pytest.mark.parametrize("name", ["RS", "clinical", "DLRN"])
def test_who_is_left_out_together_does_not_matter(tables, tmp_path, name):
    """A patient's features do not change what is predicted for others of the same fold."""
    clinical, features = (table.copy() for table in tables)
    found = []
    for change in (False, True):
        if change:
            first = found[0][0]
            row = int(np.flatnonzero(first == first[0])[0])
            features.iloc[row, 1:] = features.iloc[row, 1:] * 3 + 1
            clinical.loc[row, "size_cm"] *= 2
        study = STUDY.replace("MODE", "none").replace("  reliability: {above: 0.5}\n", "")
        study = study.replace(", readings: {R2: {table: second.csv}}", "")
        file = cohort.write(tmp_path / str(change), clinical, features, study)
        wanted = read_run(file)
        data = run_data.read_run_data(
            wanted, file.parent / "clinical.csv", file.parent / "features.csv", {}
        )
        outcome = data.outcome_of(data.development)
        fold = stratified_folds(
            outcome, n_folds=3, random_state=procedures.seed_of(wanted, "internal validation")
        )
        stored = fitting.fit_model(
            wanted,
            data,
            outcome,
            name,
            cache=tmp_path / f"cache {change}",
            n_jobs=1,
            watch=lambda *_: None,
        )
        found.append((fold, np.array(stored.development["score"])))
    (fold, before), (_, after) = found
    others = fold == fold[0]
    others[row] = False
    assert np.array_equal(before[others], after[others])
    assert not np.array_equal(before[fold != fold[0]], after[fold != fold[0]])


def test_joint_combat_may_see_external_patients_but_no_held_out_one():
    record = FitRecord(
        model="RS", step="combat", purpose="fold 1", patients=("a", "e"), unseen=("a",)
    )
    with pytest.raises(LeakageError, match="a, who is predicted by this fit"):
        refuse_leaks([record], external=["e"], except_steps=("combat",))
