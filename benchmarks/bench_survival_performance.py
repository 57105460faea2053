"""C-index, time-dependent AUC and survival decision curves beside lifelines, survival and others.

Ours is one call of the public routine, standard errors and intervals included, whether the peer has
them or not (lifelines and scikit-survival have none). Agreement is checked first. Peers that need
minutes run fewer replicates and are scaled to 1,000, which the row says; scikit-survival runs only
where it happens to be installed. Least of several runs, on the same arrays; R times itself.
"""

import importlib.util
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measuring import least
from extval.stats.auc_t_curve import auc_t_curve
from extval.stats.concordance import c_harrell
from extval.stats.survival_decision import survival_decision_curve

SCRIPT = Path(__file__).parent / "r" / "survival_performance.R"
REPLICATES = 1000
THRESHOLDS = np.linspace(0.01, 0.98, 98)


def study(n):
    """Return follow-up, events and a score of n patients, with twelve horizons.

    Times are rounded, because R merges times within about 1e-8 and ours are equal or not.
    """
    rng = np.random.default_rng(7)
    x = rng.normal(size=n)
    event, censored = rng.exponential(np.exp(-0.7 * x)), rng.exponential(2.0, n)
    follow_up = np.minimum(event, censored).round(6)
    score = 0.7 * x + rng.normal(scale=0.5, size=n)
    horizons = np.quantile(follow_up, np.linspace(0.15, 0.8, 12))
    return follow_up, (event <= censored).astype(float), score, horizons


def in_r(job, data, count=0, repeats=2):
    """Return R's own time and values, or the reason why it was not run."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None, "skipped: there is no Rscript on the path"
    with tempfile.TemporaryDirectory() as folder:
        names = ("time", "event", "score", "horizons", "thresholds")
        for name, values in zip(names, (*data, THRESHOLDS), strict=True):
            np.asarray(values, float).tofile(Path(folder) / f"{name}.bin")
        command = [rscript, SCRIPT, folder, job, str(count), str(repeats)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None, f"skipped: {done.stderr.strip().splitlines()[-1]}"
    return json.loads(done.stdout), ""


def row(job, size, peer, seconds, ours_seconds, agreement):
    return {
        "job": job,
        "size": size,
        "peer": peer,
        "peer_seconds": seconds,
        "ours_seconds": ours_seconds,
        "ratio": None if seconds is None else seconds / ours_seconds,
        "agreement": agreement,
    }


def apart(got, wanted, within, peer):
    """Return how far two results are apart, or fail: speed without agreement is no result."""
    gap = float(np.abs(np.asarray(got) - np.asarray(wanted, float)).max())
    if not gap <= within:
        raise AssertionError(f"{peer} disagrees: {gap}")
    return f"{gap:.0e} apart"


def r_row(job, size, peer, script, data, ours, scale=1.0, **options):
    """Return the row of one R peer."""
    seconds, value = ours
    found, agreement = in_r(script, data, **options)
    if found is None:
        return row(job, size, peer, None, seconds, agreement)
    agreement = apart(value, found["value"], 1e-9, peer)
    if scale != 1.0:
        agreement += f"; peer scaled from {REPLICATES / scale:.0f} replicates"
    name = f"{peer}, {found['version']}, R {found['R']}"
    return row(job, size, name, found["seconds"] * scale, seconds, agreement)


def concordance_rows():
    from lifelines.utils import concordance_index

    for n, repeats in ((10_000, 7), (100_000, 3)):
        data = study(n)
        seconds, found = least(lambda d=data: c_harrell(*d[:3]), repeats)
        ours = seconds, [found.value, found.se]
        job, size = "Harrell's C with standard error", f"n = {n:,}"
        yield r_row(job, size, "concordance", "concordance", data, ours)
        if n <= 10_000:
            peer_seconds, value = least(lambda d=data: concordance_index(d[0], -d[2], d[1]), 3)
            agreement = apart(found.value, value, 1e-12, "lifelines") + "; no standard error"
            yield row(job, size, "lifelines concordance_index", peer_seconds, seconds, agreement)


def sksurv_auc(data):
    """Return scikit-survival's function of rows of the data."""
    from sksurv.metrics import cumulative_dynamic_auc

    follow_up, event, score, horizons = data
    outcome = np.empty(follow_up.size, dtype=[("event", bool), ("time", float)])
    outcome["event"], outcome["time"] = event, follow_up

    def work(rows):
        return cumulative_dynamic_auc(outcome[rows], outcome[rows], score[rows], horizons)[0]

    return work


def auc_rows():
    job = "AUC(t) at 12 times with standard errors"
    for n, repeats in ((200, 15), (10_000, 9)):
        data = study(n)
        seconds, curve = least(lambda d=data: auc_t_curve(*d[:3], horizons=d[3]), repeats)
        size = f"n = {n:,}"
        both = seconds, np.append(curve.auc, curve.se)
        if n <= 1000:
            yield r_row(job, size, "Score with standard errors", "score_se", data, both)
        plain = seconds, curve.auc
        yield r_row(job, size, "Score without standard errors", "score", data, plain)
        if importlib.util.find_spec("sksurv"):
            work, everyone = sksurv_auc(data), np.arange(n)
            peer_seconds, value = least(lambda w=work, e=everyone: w(e), repeats)
            agreement = apart(curve.auc, value, 1e-6, "scikit-survival") + "; no standard errors"
            peer = "scikit-survival cumulative_dynamic_auc"
            yield row(job, size, peer, peer_seconds, seconds, agreement)


def resampling_rows():
    data = follow_up, event, score, horizons = study(200)
    job, size = "AUC(t) at 12 times, bootstrap intervals", "n = 200, 1,000 resamples"

    def ours():
        rng = np.random.default_rng(1)
        return auc_t_curve(
            follow_up, event, score, horizons=horizons, n_resamples=REPLICATES, rng=rng
        )

    seconds, curve = least(ours, 7)
    timed, count = (seconds, curve.auc), 10
    scale = REPLICATES / count
    options = {"count": count, "repeats": 1, "scale": scale}
    yield r_row(job, size, "Score in a loop", "score_loop", data, timed, **options)
    if importlib.util.find_spec("sksurv"):
        work, count, rng = sksurv_auc(data), 100, np.random.default_rng(1)

        def loop():
            for _ in range(count):
                rows = rng.integers(0, 200, 200)
                if follow_up[rows].max() > horizons[-1]:
                    work(rows)
            return work(np.arange(200))

        peer_seconds, value = least(loop, 2)
        agreement = apart(curve.auc, value, 1e-6, "scikit-survival")
        agreement += f"; peer scaled from {count} replicates"
        peer = "scikit-survival cumulative_dynamic_auc in a loop"
        yield row(job, size, peer, peer_seconds * REPLICATES / count, seconds, agreement)


def decision_rows():
    data = follow_up, event, score, horizons = study(1000)
    risk, job = -np.expm1(-np.exp(score)), "survival decision curve, 98 thresholds"
    arguments = {"horizon": horizons[5], "thresholds": THRESHOLDS}
    seconds, curve = least(
        lambda: survival_decision_curve(follow_up, event, [risk], **arguments), 15
    )
    timed = seconds, curve.net_benefit[0]
    yield r_row(job, "n = 1,000", "survfit at each threshold", "net_benefit", data, timed)

    def resampled():
        rng = np.random.default_rng(1)
        return survival_decision_curve(
            follow_up, event, [risk], n_resamples=REPLICATES, rng=rng, **arguments
        )

    seconds, curve = least(resampled, 3)
    timed = seconds, curve.net_benefit[0]
    peer, size = "survfit at each threshold in a loop", "n = 1,000, 1,000 resamples"
    yield r_row(job + ", band", size, peer, "net_benefit", data, timed, scale=float(REPLICATES))


def run():
    """Yield one row a comparison."""
    yield from concordance_rows()
    yield from auc_rows()
    yield from resampling_rows()
    yield from decision_rows()
