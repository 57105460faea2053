"""Flexible calibration with competing events beside R's cmprsk, and its kernel beside NumPy.

The curve with its 1,000 bootstrap resamples is one call of the public routine; R refits
``cmprsk::crr``, without its variance, on fewer resamples and is scaled, which the row says. The
likelihood with its derivatives is also written with cumulative sums in NumPy, on patients sorted
once. Agreement is checked first. Least of several runs, on the same numbers; R times itself.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measuring import least
from extval.stats.fine_gray import Subdistribution
from extval.stats.splines import spline_basis, spline_knots
from extval.stats.survival_calibration_curve import calibration_curve_t

SCRIPT = Path(__file__).parent / "r" / "fine_gray.R"
REPLICATES, TIMED, HORIZON = 1000, 20, 5.0


def study(n):
    """Return follow-up without ties, kinds of event, and a predicted risk of n patients."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=n)
    own, other = rng.exponential(8 * np.exp(-0.7 * x)), rng.exponential(10.0, n)
    censored = rng.uniform(1, 15, n)
    time = np.minimum(np.minimum(own, other), censored)
    kind = np.where(time == censored, 0, np.where(own < other, 1, 2)).astype(np.int8)
    return time.round(9), kind, (1 - np.exp(-0.3 * np.exp(0.8 * x))).round(6)


def numpy_derivatives(sets, beta):
    """Return the log partial likelihood, gradient and information by cumulative sums."""
    x, hazard = sets.x, np.exp(sets.x @ beta)
    p = x.shape[1]
    outer = (x[:, :, None] * x[:, None, :]).reshape(x.shape[0], p * p)
    moments = hazard[:, None] * np.column_stack((np.ones(x.shape[0]), x, outer))
    stayed = np.where((sets.kind == 2)[:, None], moments / sets.before[:, None], 0.0)
    own = sets.kind == 1
    risk = np.cumsum(moments[::-1], axis=0)[::-1] + sets.before[:, None] * (
        np.cumsum(stayed, axis=0) - stayed
    )
    total, mean = risk[own, 0], risk[own, 1 : 1 + p] / risk[own, :1]
    information = (risk[own, 1 + p :] / total[:, None]).sum(axis=0).reshape(p, p) - mean.T @ mean
    value = float((x[own] @ beta - np.log(total)).sum())
    return value, (x[own] - mean).sum(axis=0), information


def curve_row(n):
    time_, kind, risk = study(n)

    def work():
        return calibration_curve_t(
            time_,
            kind,
            risk,
            horizon=HORIZON,
            cause=1,
            n_resamples=REPLICATES,
            rng=np.random.default_rng(1),
        )

    ours_seconds, ours = least(work, 5)
    size = f"n = {n}, {REPLICATES} resamples (R: {TIMED}, scaled)"
    found = {"job": "ICI(t), competing events", "size": size, "ours_seconds": ours_seconds}
    rscript = shutil.which("Rscript")
    if rscript is None:
        return {**found, "peer": "cmprsk", "agreement": "skipped: there is no Rscript on the path"}
    with tempfile.TemporaryDirectory() as folder:
        numbers = {"time": time_.tolist(), "kind": kind.tolist(), "risk": risk.tolist()}
        text = json.dumps({**numbers, "horizon": HORIZON})
        (Path(folder) / "input.json").write_text(text, encoding="utf-8")
        done = subprocess.run(
            [rscript, SCRIPT, folder, str(TIMED)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        reason = f"skipped: {done.stderr.strip().splitlines()[-1]}"
        return {**found, "peer": "cmprsk", "agreement": reason}
    peer = json.loads(done.stdout)
    np.testing.assert_allclose(ours.ici.value, peer["ici"], rtol=1e-4)  # crr stops early
    gap = abs(ours.ici.value / peer["ici"] - 1)
    seconds = peer["seconds"] * REPLICATES / TIMED
    return {
        **found,
        "peer": peer["version"],
        "peer_seconds": seconds,
        "ratio": seconds / ours_seconds,
        "agreement": f"ICI within {gap:.0e}",
    }


def kernel_row(n):
    time_, kind, risk = study(n)
    cloglog = np.log(-np.log1p(-risk))
    basis = spline_basis(cloglog, spline_knots(cloglog, 3))
    sets = Subdistribution(time_, kind, (basis - basis.mean(axis=0)) / basis.std(axis=0))
    beta = np.array([0.5, -0.2])
    numpy_seconds, wanted = least(lambda: numpy_derivatives(sets, beta), 200)
    ours_seconds, ours = least(lambda: sets.derivatives(beta), 200)
    for got, value in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-9)
    return {
        "job": "Fine-Gray likelihood and derivatives",
        "size": f"n = {n}, 2 columns",
        "peer": "NumPy cumulative sums",
        "peer_seconds": numpy_seconds,
        "ours_seconds": ours_seconds,
        "ratio": numpy_seconds / ours_seconds,
        "agreement": "within 1e-9",
    }


def run():
    yield curve_row(500)
    yield kernel_row(500)
    yield kernel_row(20_000)
