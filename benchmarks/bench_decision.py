"""Net-benefit curves beside dcurves and beside the loops one writes by hand in NumPy.

CPU seconds of one thread, least of several runs. dcurves is not a dependency of this project: its
rows are skipped where it is not installed.
"""

import time
from functools import partial
from importlib import metadata

import numpy as np
import pandas as pd

from benchmarks import measuring
from extval.stats.decision import decision_curve

THRESHOLDS = np.arange(1, 100) / 100
SIZES = ((1000, 3, 200), (10_000, 2, 50), (1_000_000, 1, 7))

least = partial(measuring.least, clock=time.process_time)


def study(n):
    """Return outcomes (three in ten) and the risks of four models."""
    rng = np.random.default_rng(1)
    y = (rng.permutation(n) < 0.3 * n).astype(np.int64)
    common = rng.normal(size=n)
    logits = [
        (0.6 + 0.25 * j) * y + 0.7 * common + 0.7 * rng.normal(size=n) - 1.0 for j in range(4)
    ]
    return y, 1 / (1 + np.exp(-np.array(logits)))


def numpy_loop(y, risks):
    """Return net benefit by counting at each threshold."""
    event, out = y == 1, np.empty((len(risks), THRESHOLDS.size))
    for j, risk in enumerate(risks):
        for i, threshold in enumerate(THRESHOLDS):
            positive = risk >= threshold
            tp = np.count_nonzero(positive & event)
            fp = np.count_nonzero(positive) - tp
            out[j, i] = (tp - fp * threshold / (1 - threshold)) / y.size
    return out


def numpy_resamples(y, risks, n_resamples):
    """Return the net benefit of resampled patients, each resample counted from anew."""
    rng = np.random.default_rng(2)
    drawn = (rng.integers(0, y.size, y.size) for _ in range(n_resamples))
    return np.array([numpy_loop(y[rows], risks[:, rows]) for rows in drawn])


def dcurves_curves(y, risks):
    """Return net benefit by dcurves, shape (models, thresholds)."""
    import dcurves

    models = [f"m{j}" for j in range(len(risks))]
    frame = pd.DataFrame({"y": y, **dict(zip(models, risks, strict=True))})
    found = dcurves.dca(data=frame, outcome="y", modelnames=models, thresholds=THRESHOLDS)
    found = found[found["model"].isin(models)].sort_values(["model", "threshold"])
    return found["net_benefit"].to_numpy(float).reshape(len(models), -1)


def dcurves_version():
    try:
        return f"dcurves {metadata.version('dcurves')}"
    except metadata.PackageNotFoundError:
        return None


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


def gap(ours, theirs, size):
    largest = np.abs(ours - theirs).max()
    if largest > 1e-12:
        raise AssertionError(f"net benefit differs by {largest} at {size}")
    return f"largest difference {largest:.0e}"


def curve_rows(n, peer_repeats, repeats):
    y, risks = study(n)
    job, size = "net benefit: 4 models, 99 thresholds", f"n = {n:,}"
    seconds, ours = least(lambda: decision_curve(y, risks, thresholds=THRESHOLDS), repeats)
    by_hand, wanted = least(lambda: numpy_loop(y, risks), peer_repeats)
    agreement = gap(ours.net_benefit, wanted, size)
    yield row(job, size, "NumPy loop over thresholds", by_hand, seconds, agreement)
    peer = dcurves_version()
    if peer is None:
        yield row(job, size, "dcurves", None, seconds, "skipped: dcurves is not installed")
        return
    theirs, wanted = least(lambda: dcurves_curves(y, risks), peer_repeats, warm=n < 100_000)
    yield row(job, size, peer, theirs, seconds, gap(ours.net_benefit, wanted, size))


def band_rows(n, n_resamples, few):
    y, risks = study(n)
    job, size = "net-benefit band: 4 models, 99 thresholds", f"n = {n:,}, {n_resamples:,} resamples"
    rng = np.random.default_rng(1)
    seconds, ours = least(
        lambda: decision_curve(y, risks, thresholds=THRESHOLDS, n_resamples=n_resamples, rng=rng),
        5,
    )
    by_hand, many = least(lambda: numpy_resamples(y, risks, few), 2)
    # Half the band over the spread of the peer's few resamples, where patients are still treated.
    inner = slice(5, 50)
    width = (ours.upper - ours.lower)[:, inner] / (2 * 1.96)
    ratio = float(np.median(width / many.std(axis=0, ddof=1)[:, inner]))
    if not 0.85 < ratio < 1.15:
        raise AssertionError(f"the bootstrap spread is {ratio:.2f} times that of NumPy")
    agreement = f"spread {ratio:.2f} times that of {few} NumPy resamples"
    scale = n_resamples / few
    yield row(job, size, f"NumPy, from {few} resamples", by_hand * scale, seconds, agreement)
    peer = dcurves_version()
    if peer is None:
        yield row(job, size, "dcurves", None, seconds, "skipped: dcurves is not installed")
        return
    theirs, _ = least(lambda: dcurves_curves(y, risks), 3)
    yield row(job, size, f"{peer}, from 1 resample", theirs * n_resamples, seconds, agreement)


def run():
    rows = [row for size in SIZES for row in curve_rows(*size)]
    return [*rows, *band_rows(1000, 1000, 100)]


if __name__ == "__main__":
    for result in run():
        print(result)
