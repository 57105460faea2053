"""Calibration bands and the optimism bootstrap beside R's rms and stats, and statsmodels.

Ours is one call of the public routine: band, ICI, E50, E90 and Emax with their intervals (loops of
the peers give the curve alone, val.prob the distances too). Peers that need minutes run fewer
replicates and are scaled to 1,000, which the row says. Both sides time the statistic alone, on the
same arrays, least of several runs; R runs in its own process and times itself.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from scipy.special import expit

from benchmarks.measuring import least
from extval.stats.calibration_curve import calibration_curve
from extval.stats.logistic import LogisticModel
from extval.stats.optimism import optimism_bootstrap

SCRIPT = Path(__file__).parent / "r" / "calibration.R"
REPLICATES = 1000
# job of the R script, what it is, smoother, replicates at n = 200 and at n = 5,000
PEERS = (
    ("calibrate", "rms calibrate (refits the model)", "lowess", 200, 40),
    ("val_prob", "rms val.prob in a loop", "lowess", 200, 40),
    ("lowess", "R lowess + approx in a loop", "lowess", 1000, 100),
    ("loess", "R loess (direct) in a loop", "loess", 20, 1),
)


def study(n, columns):
    """Return outcomes and the columns of a model; the first is the logit of a risk."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, columns))
    x[:, 0] = -0.5 + 1.3 * x[:, 0]
    y = (rng.random(n) < expit(0.2 + 0.8 * x[:, 0])).astype(float)
    return y, x


def peer(job, y, x, replicates, repeats):
    """Return R's own time and values, or the reason why it was not run."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None, "skipped: there is no Rscript on the path"
    with tempfile.TemporaryDirectory() as folder:
        y.tofile(Path(folder) / "y.bin")
        x.T.tofile(Path(folder) / "x.bin")
        size = [str(y.size), str(x.shape[1]), str(replicates), str(repeats)]
        done = subprocess.run(
            [rscript, SCRIPT, folder, job, *size], capture_output=True, text=True, check=False
        )
    if done.returncode:
        return None, f"skipped: {done.stderr.strip().splitlines()[-1]}"
    return json.loads(done.stdout), ""


def row(job, size, name, seconds, ours_seconds, agreement):
    return {
        "job": job,
        "size": size,
        "peer": name,
        "peer_seconds": seconds,
        "ours_seconds": ours_seconds,
        "ratio": None if seconds is None else seconds / ours_seconds,
        "agreement": agreement,
    }


def apart(curve, wanted, name):
    """Return how far two curves are apart, or fail: speed without agreement is no result."""
    inside = slice(1, -1)  # approx has no value where rounding puts an end outside the data
    gap = float(np.abs(curve[inside] - np.asarray(wanted, float)[inside]).max())
    if not gap < 1e-8:
        raise AssertionError(f"{name} disagrees: {gap}")
    return f"curve {gap:.0e} apart"


def band_rows(n, repeats, column):
    y, x = study(n, 1)
    p = expit(x[:, 0])
    grid = np.linspace(p.min(), p.max(), 50)
    ours = {}
    for smoother in ("lowess", "loess"):

        def work(smoother=smoother):
            rng = np.random.default_rng(1)
            return calibration_curve(
                y, p, smoother=smoother, grid=grid, n_resamples=REPLICATES, rng=rng
            )

        ours[smoother] = least(work, repeats)
    for job, task, smoother, *counts in PEERS:
        count = counts[column]
        found, agreement = peer(job, y, x, count, 2)
        seconds, curve = ours[smoother]
        name = task
        if found is not None:
            agreement = apart(curve.observed, found["value"], task)
            if count < REPLICATES:
                agreement += f"; peer scaled from {count} replicates"
            name = f"{task}, rms {found['version']}, R {found['R']}"
        total = None if found is None else found["seconds"] * REPLICATES / count
        job_name = f"calibration band, {smoother}, with distances"
        yield row(job_name, f"n = {n:,}, 1,000 resamples", name, total, seconds, agreement)
    yield statsmodels_row(y, p, grid, ours["lowess"], n)


def statsmodels_row(y, p, grid, ours, n):
    from statsmodels.nonparametric.smoothers_lowess import lowess

    count = REPLICATES if n <= 1000 else 20
    rng = np.random.default_rng(1)

    def work():
        for _ in range(count):
            i = rng.integers(0, n, n)
            lowess(y[i], p[i], frac=2 / 3, it=0, delta=0.01 * np.ptp(p[i]))
        fitted = lowess(y, p, frac=2 / 3, it=0, delta=0.01 * np.ptp(p), return_sorted=True)
        return np.interp(grid, fitted[:, 0], fitted[:, 1])

    seconds, curve = least(work, 1)
    seconds *= REPLICATES / count
    agreement = apart(ours[1].observed, curve, "statsmodels")
    if count < REPLICATES:
        agreement += f"; peer scaled from {count} replicates"
    name = "statsmodels lowess (delta 0.01) in a loop"
    job = "calibration band, lowess, with distances"
    return row(job, f"n = {n:,}, 1,000 resamples", name, seconds, ours[0], agreement)


def optimism_row(n, columns):
    y, x = study(n, columns)
    found, agreement = peer("validate", y, x, REPLICATES, 2)

    def work():
        rng = np.random.default_rng(1)
        return optimism_bootstrap(LogisticModel(), x, y, n_resamples=REPLICATES, rng=rng)

    seconds, ours = least(work, 3)
    if found is not None:
        metrics = {metric.metric: metric for metric in ours.metrics}
        wanted = found["value"]
        worst = 0.0
        for name, value in (
            ("auc", wanted["dxy"] / 2),
            ("calibration_slope", wanted["slope"]),
            ("brier", wanted["brier"]),
        ):
            allowed = 4 * 2**0.5 * metrics[name].monte_carlo_se
            worst = max(worst, abs(metrics[name].optimism - value) / allowed)
        if worst > 1:
            raise AssertionError(f"rms validate disagrees by {worst} times what chance allows")
        agreement = f"AUC, slope, Brier within {worst:.2f} of four Monte Carlo standard errors"
    version = "" if found is None else f", rms {found['version']}"
    return row(
        f"optimism bootstrap of a logistic model, {columns} predictors",
        f"n = {n:,}, 1,000 resamples",
        f"rms validate{version} (without ICI)",
        None if found is None else found["seconds"],
        seconds,
        agreement,
    )


def run():
    rows = [*band_rows(200, 5, 0), *band_rows(5000, 3, 1)]
    return [*rows, optimism_row(200, 5), optimism_row(1000, 10)]


if __name__ == "__main__":
    for result in run():
        print(result)
