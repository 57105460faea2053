"""The same study gives the same bytes: any workers, hash seed, time zone, folder."""

import os
import subprocess
import sys

import pytest

from tests.validate import cohort

STUDY = """\
schema_version: 1
seed: 7
clinical: {table: clinical.csv}
outcome: {column: event, name: Metastasis}
feature_tables: {table: features.csv}
preparation:
  harmonisation: {batch: scanner, new_batch: estimate}
  selection: {method: mrmr, k: 5}
models:
  RS: {signature: {features: [handcrafted], lasso: {folds: 3}}}
  Tree: {signature: {classifier: {candidates: [{name: decision-tree}], folds: 2, repeats: 1}}}
  clinical: {clinical: {predictors: {g: {column: grade, categorical: true}}}}
  DLRN: {combined: {signature: RS, clinical: clinical}}
internal_validation: {folds: 3, leave_one_center_out: all}
bootstrap: {n_resamples: 10}
calibration: {belt_up_to: 0}
"""


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """Return the folders of two runs of one study under different circumstances."""
    tables = cohort.simulate(3)
    found, started = [], []
    for place, jobs, seed, zone, inside in (
        ("here", 1, "0", "UTC", False),
        ("über dort", 2, "4711", "Pacific/Auckland", True),
    ):
        folder = tmp_path_factory.mktemp("run") / place
        file = cohort.write(folder / "study", *tables, STUDY)
        elsewhere = folder if inside else "/"
        given = file.relative_to(folder) if inside else file
        command = [sys.executable, "-m", "extval.validate.cli", "run", given]
        command += ["--out", "out" if inside else folder / "out", "--jobs", str(jobs)]
        environment = os.environ | {"PYTHONHASHSEED": seed, "TZ": zone}
        process = subprocess.Popen(
            command,
            cwd=elsewhere,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append((process, folder / "out"))
    for process, out in started:
        _, said = process.communicate()
        assert process.returncode == 0, said
        found.append(out)
    return found


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] != "stages"
    }


def test_every_file_is_the_same(two_runs):
    first, second = map(files_of, two_runs)
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []
    assert {"report.pdf", "manifest.json", "models/Tree.skops", "predictions.csv"} <= set(first)


def test_the_fits_in_the_stages_are_the_same(two_runs):
    first, second = (files_of(out / "stages") for out in two_runs)
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []
