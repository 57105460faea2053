"""ComBat of a radiomics table beside R's sva, on the same numbers; R times itself.

Fit and transform of 5,502 features of 179 patients in 2 and 3 centres with two covariates, and
the non-parametric priors on 500 features. Ours starts from the patient table (pandas) and ends
with the harmonised array, all checks included; sva starts from the matrix. Least of several runs
on both sides; agreement is checked before a ratio is given. neuroCombat is not beside them: it
does not run on NumPy 2.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measuring import least
from extval.features.modelling.combat import ComBat

SCRIPT = Path(__file__).parent / "r" / "combat.R"
PATIENTS, COMPARED = 179, 200


def peer(job, repeats, **numbers):
    """Return R's own time and values, or the reason why it was not run."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None, "skipped: there is no Rscript on the path"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "input.json").write_text(json.dumps(numbers), encoding="utf-8")
        done = subprocess.run(
            [rscript, SCRIPT, folder, job, str(COMPARED), str(repeats)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        return None, f"skipped: {done.stderr.strip().splitlines()[-1]}"
    return json.loads(done.stdout), ""


def patients(features, centers):
    """Return a patient table with the batch `center`, two covariates and the features."""
    rng = np.random.default_rng(9)
    center = rng.permutation(np.arange(PATIENTS) % centers)
    age, sex = rng.normal(60, 10, PATIENTS).round(1), rng.integers(0, 2, PATIENTS)
    x = rng.normal(size=(features, PATIENTS)) * rng.gamma(2, 1, (features, 1))
    x += rng.normal(0, 1, (features, centers))[:, center] + 0.02 * rng.normal(
        size=(features, 1)
    ) * (age - 60)
    x *= rng.uniform(0.7, 1.4, (features, centers))[:, center]
    table = pd.DataFrame(x.T.round(9), columns=[f"f{j}" for j in range(features)])
    meta = pd.DataFrame({"center": [f"C{c}" for c in center], "age": age, "sex": sex})
    return pd.concat([table, meta], axis=1)


def combat_row(features, centers, *, parametric, repeats):
    table = patients(features, centers)
    x = table.iloc[:, :features].to_numpy().T
    step = ComBat("center", covariates=("age", "sex"), parametric=parametric)
    seconds, ours = least(lambda: step.fit(table).transform(table), 5 * repeats)
    found, agreement = peer(
        "parametric" if parametric else "non-parametric",
        repeats,
        x=x.tolist(),
        batch=table["center"].tolist(),
        age=table["age"].tolist(),
        sex=table["sex"].tolist(),
    )
    if found is not None:
        theirs = np.array(found["value"])
        worst = float((np.abs(ours.T[:COMPARED] - theirs) / np.maximum(1, np.abs(theirs))).max())
        if worst > 1e-10:
            raise AssertionError(f"sva disagrees: {worst}")
        agreement = f"first {COMPARED} features {worst:.0e}"
    return {
        "job": f"ComBat, {'parametric' if parametric else 'non-parametric'}, two covariates",
        "size": f"{features:,} features x {PATIENTS} patients x {centers} centres",
        "peer": "sva" if found is None else found["version"],
        "peer_seconds": None if found is None else found["seconds"],
        "ours_seconds": seconds,
        "ratio": None if found is None else found["seconds"] / seconds,
        "agreement": agreement,
    }


def run():
    """Return a row for each size."""
    return [
        combat_row(5502, 2, parametric=True, repeats=3),
        combat_row(5502, 3, parametric=True, repeats=3),
        combat_row(500, 3, parametric=False, repeats=2),
    ]
