"""AUC inference beside R's pROC: DeLong tests of four models, and the stratified bootstrap.

Both sides time the statistic alone, on the same arrays, in CPU seconds of their one thread: the
least of several runs, so that other work on the machine does not decide. pROC runs in its own
process and times itself.
"""

import json
import shutil
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import measuring
from extval.stats.roc import compare_aucs
from extval.stats.roc_intervals import auc_bootstrap

SCRIPT = Path(__file__).parent / "r" / "discrimination.R"
DELONG_SIZES = ((200, 50, 500), (10_000, 10, 50), (1_000_000, 2, 7))
BOOTSTRAP_SIZES = ((200, 5, 20), (10_000, 2, 10))

least = partial(measuring.least, clock=time.process_time)


def study(n, *, ties):
    """Return outcomes (three in ten) and four correlated scores of growing strength."""
    rng = np.random.default_rng(1)
    y = (rng.permutation(n) < 0.3 * n).astype(float)
    common = rng.normal(size=n)
    scores = np.array(
        [(0.6 + 0.25 * j) * y + 0.7 * common + 0.7 * rng.normal(size=n) for j in range(4)]
    )
    return y, np.round(scores, 1) if ties else scores


def peer(job, y, scores, repeats):
    """Return pROC's own time and values, or the reason why it was not run."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None, "skipped: there is no Rscript on the path"
    with tempfile.TemporaryDirectory() as folder:
        y.tofile(Path(folder) / "y.bin")
        scores.tofile(Path(folder) / "s.bin")
        done = subprocess.run(
            [rscript, SCRIPT, folder, job, str(y.size), str(repeats)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        return None, f"skipped: {done.stderr.strip().splitlines()[-1]}"
    return json.loads(done.stdout), ""


def row(job, size, found, ours_seconds, agreement):
    seconds = None if found is None else found["seconds"]
    return {
        "job": job,
        "size": size,
        "peer": "pROC" if found is None else f"pROC {found['version']}",
        "peer_seconds": seconds,
        "ours_seconds": ours_seconds,
        "ratio": None if seconds is None else seconds / ours_seconds,
        "agreement": agreement,
    }


def delong_row(n, peer_repeats, repeats, *, ties):
    y, scores = study(n, ties=ties)
    found, agreement = peer("delong", y, scores, peer_repeats)
    seconds, ours = least(lambda: compare_aucs(y, scores), repeats)
    if found is not None:
        value = found["value"]
        by_auc = np.abs(np.subtract([each.value for each in ours.estimates], value["auc"])).max()
        by_low = np.abs(
            np.subtract([each.interval.low for each in ours.estimates], value["low"])
        ).max()
        z = np.array([pair.comparison.statistic for pair in ours.pairs])
        by_z = np.abs(z / np.array(value["z"]) - 1).max()
        if max(by_auc, by_low, by_z) > 1e-8:
            raise AssertionError(f"pROC disagrees at n = {n}: {by_auc}, {by_low}, {by_z}")
        agreement = f"AUC {by_auc:.0e}, limit {by_low:.0e}, z {by_z:.0e} (relative)"
    size = f"n = {n:,}{', rounded scores' if ties else ''}"
    return row("DeLong: 4 models, 4 intervals, 6 tests", size, found, seconds, agreement)


def bootstrap_row(n, peer_repeats, repeats):
    y, scores = study(n, ties=False)
    found, agreement = peer("bootstrap", y, scores, peer_repeats)
    rng = np.random.default_rng(1)
    seconds, ours = least(lambda: auc_bootstrap(y, scores[1], n_resamples=2000, rng=rng), repeats)
    if found is not None:
        value = found["value"]
        # Each limit is a quantile of 2,000 replicates: six Monte Carlo standard errors of the gap.
        allowed = 6 * 2**0.5 * ours.se * (0.025 * 0.975 / 2000) ** 0.5 / 0.0584
        gap = max(abs(ours.interval.low - value["low"]), abs(ours.interval.high - value["high"]))
        if gap > allowed:
            raise AssertionError(f"pROC disagrees at n = {n}: {gap} > {allowed}")
        agreement = f"limits {gap:.0e} apart, Monte Carlo allows {allowed:.0e}"
    size = f"n = {n:,}, 2,000 resamples"
    return row("AUC: stratified bootstrap", size, found, seconds, agreement)


def run():
    rows = [delong_row(*size, ties=False) for size in DELONG_SIZES]
    rows.append(delong_row(*DELONG_SIZES[1], ties=True))
    return rows + [bootstrap_row(*size) for size in BOOTSTRAP_SIZES]


if __name__ == "__main__":
    for result in run():
        print(result)
