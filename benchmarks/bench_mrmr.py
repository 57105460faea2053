"""mRMR beside mrmr-selection, and one model a feature beside R's glm and coxph.

CPU seconds of one thread, least of several runs. mrmr-selection is not a dependency of this
project: its row runs where it is importable, and says so where not. Mutual information is compared
with a loop over scikit-learn's `mutual_info_score`, timed on a few pairs and scaled up (the row
says so); glm and coxph are timed on a few features and scaled likewise. Agreement is checked
before a ratio is given.
"""

import json
import shutil
import subprocess
import tempfile
import time
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import measuring
from extval.features.modelling.mrmr import MRMR, discretized
from extval.features.modelling.outcome import survival
from extval.features.modelling.screening import UnivariateScreen

SCRIPT = Path(__file__).parent / "r" / "screening.R"
N, P, K, FEATURES, TIMED, PAIRS = 121, 6865, 25, 5500, 60, 200

least = partial(measuring.least, clock=time.process_time)


def row(job, size, peer, peer_seconds, ours_seconds, agreement):
    return {
        "job": job,
        "size": size,
        "peer": peer,
        "peer_seconds": peer_seconds,
        "ours_seconds": ours_seconds,
        "ratio": None if peer_seconds is None else peer_seconds / ours_seconds,
        "agreement": agreement,
    }


def cohort(p):
    rng = np.random.default_rng(10)
    hidden = rng.standard_normal((N, 60))
    x = hidden @ rng.standard_normal((60, p)) * 0.5 + rng.standard_normal((N, p))
    y = (hidden[:, 0] + hidden[:, 1] + rng.standard_normal(N) > 0).astype(int)
    return pd.DataFrame(x, columns=[f"f{j}" for j in range(p)]), y, hidden, rng


def correlation_row():
    frame, y, _, _ = cohort(P)
    seconds, ours = least(lambda: MRMR(K).fit(frame, y).selected_, 20)
    name, theirs, agreement = "mrmr-selection", None, "skipped: mrmr is not importable"
    try:
        from mrmr import mrmr_classif
    except ImportError:
        pass
    else:
        name = f"mrmr-selection {metadata.version('mrmr-selection')}"
        started = time.process_time()
        chosen = mrmr_classif(frame, pd.Series(y), K=K, n_jobs=1, show_progress=False)
        theirs = time.process_time() - started
        if list(ours) != chosen:
            raise AssertionError("mrmr-selection chooses others")
        agreement = f"the same {K} features in the same order"
    size = f"{K} of {P:,} features, n = {N}"
    return row("mRMR: F and correlation, quotient", size, name, theirs, seconds, agreement)


def information_row():
    from sklearn.metrics import mutual_info_score

    frame, y, _, _ = cohort(P)
    step = MRMR(K, "mutual-information-quotient", discretization="quintiles")
    seconds, ours = least(lambda: step.fit(frame, y), 5)
    codes, _ = discretized(frame.to_numpy(), "quintiles")
    peer, found = least(lambda: [mutual_info_score(codes[j], y) for j in range(PAIRS)], 2)
    gap = float(np.abs(np.array(found) - ours.relevance_[:PAIRS]).max())
    if gap > 1e-12:
        raise AssertionError(f"mutual_info_score disagrees: {gap}")
    name = f"scikit-learn {metadata.version('scikit-learn')} mutual_info_score"
    agreement = f"information {gap:.0e}; timed on {PAIRS} of {P * K:,} pairs and scaled"
    size = f"{K} of {P:,} features, n = {N}"
    return row("mRMR: information", size, name, P * K / PAIRS * peer, seconds, agreement)


def screening_rows():
    frame, y, hidden, rng = cohort(FEATURES)
    frame = frame.round(9)  # as many digits as travel to R
    time_ = np.ceil(40 * rng.exponential(size=N) * np.exp(-hidden[:, 0]))
    event = rng.random(N) < 0.7
    rscript, found, why = shutil.which("Rscript"), None, "skipped: no Rscript on the path"
    if rscript is not None:
        numbers = {
            "x": frame.iloc[:, :TIMED].to_numpy().tolist(),
            "y": y.tolist(),
            "time": time_.tolist(),
            "event": event.astype(int).tolist(),
        }
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "input.json").write_text(json.dumps(numbers), encoding="utf-8")
            done = subprocess.run(
                [rscript, SCRIPT, folder], capture_output=True, text=True, check=False
            )
        if done.returncode:
            why = f"skipped: {done.stderr.strip().splitlines()[-1]}"
        else:
            found = json.loads(done.stdout)
    for model, outcome in (("logistic", y), ("cox", survival(time_, event))):
        screen = UnivariateScreen(model, minimum=1)
        seconds, ours = least(lambda s=screen, o=outcome: s.fit(frame, o).table_, 5)
        theirs, name, agreement = None, {"logistic": "glm", "cox": "coxph"}[model], why
        if found is not None:
            values = np.array(found[model]["value"])
            mine = ours[["coefficient", "se"]].to_numpy()[:TIMED]
            gap = float(np.abs(mine / values - 1).max())
            if gap > 1e-5:
                raise AssertionError(f"{name} disagrees: {gap}")
            theirs, name = FEATURES / TIMED * found[model]["seconds"], found[model]["version"]
            agreement = f"coefficient, SE {gap:.0e}; R timed on {TIMED} features and scaled"
        size = f"{FEATURES:,} features, n = {N}"
        yield row(f"Univariate screen: {model}", size, name, theirs, seconds, agreement)


def run():
    """Return the rows."""
    return [correlation_row(), information_row(), *screening_rows()]
