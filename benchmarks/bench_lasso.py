"""Cross-validated LASSO beside R's cv.glmnet, on the sizes of radiomic studies.

Both sides fit the path of all patients and of every fold on the same patients, features and folds,
one thread, and time themselves; least of several runs. First the coefficients are compared
with glmnet converged to 1e-14 (wide Cox: to 1e-12 and on 40 lambdas; more takes it minutes). The
row also says how far cv.glmnet's own coefficients are from those, at its default tolerance, with
which it was timed.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measuring import least
from extval.features.modelling.lasso_path import cross_validated_lasso, lasso_path
from extval.features.modelling.outcome import survival

SCRIPT = Path(__file__).parent / "r" / "lasso.R"


def cohort(family, n, p, n_folds):
    rng = np.random.default_rng(n + p)
    x = rng.normal(size=(n, p))
    x[:, 1:] += 0.5 * x[:, :-1]  # neighbours correlate
    score = x[:, 0] - x[:, 1] + 0.5 * x[:, 2]
    time_, fold = None, rng.permutation(n) % n_folds
    if family == "cox":
        event_at, stop = rng.exponential(np.exp(-score)), rng.exponential(2.0, n)
        time_, y = np.minimum(event_at, stop), (event_at <= stop).astype(float)
    else:
        y = (rng.random(n) < 1 / (1 + np.exp(-score))).astype(float)
    return x, y, time_, fold


def peer(family, x, y, time_, fold, repeats, agree, thresh):
    """Return R's own time and coefficients, or the reason why it was not run."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None, None, "skipped: there is no Rscript on the path"
    arrays = {"x": x.T, "y": y, "fold": fold + 1.0, "time": y if time_ is None else time_}
    name = {"logistic": "binomial", "cox": "cox"}[family]
    with tempfile.TemporaryDirectory() as folder:
        for key, values in arrays.items():
            np.ascontiguousarray(values, dtype=float).tofile(Path(folder) / f"{key}.bin")
        settings = [str(each) for each in (len(y), repeats, agree, thresh)]
        done = subprocess.run(
            [rscript, SCRIPT, folder, name, *settings], capture_output=True, text=True, check=False
        )
        if done.returncode:
            return None, None, f"skipped: {done.stderr.strip().splitlines()[-1]}"
        found = json.loads(done.stdout)
        coefficients = np.fromfile(Path(folder) / "coefficient.bin")
    return found, coefficients.reshape(len(found["agree"]), x.shape[1]), ""


def row(family, n, p, n_folds, *, repeats, agree, thresh, limit):
    x, y, time_, fold = cohort(family, n, p, n_folds)
    found, theirs, agreement = peer(family, x, y, time_, fold, repeats, agree, thresh)
    outcome = y if time_ is None else survival(time_, y)
    if found is not None:
        path = lasso_path(x, outcome, family=family, lambdas=found["agree"])
        worst = float(np.abs(path.coefficients - theirs).max())
        if worst > limit:
            raise AssertionError(f"glmnet disagrees on {family}, p = {p}: {worst}")
        own = f"coefficients {worst:.0e}; cv.glmnet's own are {found['off']:.0e} off"
        agreement = f"{own} ({len(found['agree'])} of {len(found['lambda'])} lambdas)"

    def work():
        return cross_validated_lasso(x, outcome, family=family, folds=fold)

    seconds, ours = least(work, repeats)
    peer_seconds = None if found is None else found["seconds"]
    return {
        "job": f"LASSO path and cross-validation, {family}",
        "size": f"n = {n}, p = {p:,}, {n_folds} folds, {ours.path.lambdas.size} lambdas",
        "peer": "glmnet" if found is None else f"{found['version']} cv.glmnet",
        "peer_seconds": peer_seconds,
        "ours_seconds": seconds,
        "ratio": None if peer_seconds is None else peer_seconds / seconds,
        "agreement": agreement,
    }


def run():
    """Return the rows; the two large ones are the sizes of a radiomic and a CT survival study."""
    return [
        row("logistic", 121, 25, 10, repeats=5, agree=100, thresh=1e-14, limit=1e-4),
        row("logistic", 121, 6865, 10, repeats=3, agree=100, thresh=1e-14, limit=1e-4),
        row("cox", 96, 25, 5, repeats=5, agree=100, thresh=1e-14, limit=1e-4),
        row("cox", 96, 2169, 5, repeats=2, agree=40, thresh=1e-12, limit=1e-4),
    ]
