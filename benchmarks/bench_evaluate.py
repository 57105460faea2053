"""The command line as a user meets it: start-up, a usual table, and a very large one.

There is no peer that does the same job, so `peer_seconds` is the budget that we set ourselves.
Kernels are compiled by a first run that does not count.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

COMMAND = (sys.executable, "-m", "extval.validate.cli")


def timed(*arguments):
    """Return the wall time of one run of the command line, which must succeed."""
    started = time.perf_counter()
    subprocess.run([*COMMAND, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def table(n, n_models):
    """Return n simulated patients in four centres with predictions of several models."""
    rng = np.random.default_rng(1)
    lp = rng.normal(-0.5, 1.2, n)
    center = rng.choice(["a", "b", "c", "d"], n)
    frame = pd.DataFrame({"patient": np.arange(n), "center": center})
    frame["cohort"] = np.where(center == "a", "development", "validation")
    frame["y"] = (rng.random(n) < 1 / (1 + np.exp(-lp))).astype(int)
    for j in range(n_models):
        noisy = lp + rng.normal(0, 0.3 + 0.2 * j, n)
        frame[f"m{j}"] = 1 / (1 + np.exp(-noisy))
    return frame


def row(job, size, budget, seconds, agreement):
    return {
        "job": job,
        "size": size,
        "peer": "budget",
        "peer_seconds": budget,
        "ours_seconds": seconds,
        "ratio": budget / seconds,
        "agreement": agreement,
    }


def run():
    yield row("extval --help", "-", 0.5, min(timed("--help") for _ in range(5)), "exit code 0")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        small, large = folder / "small.csv", folder / "large.csv"
        table(920, 3).to_csv(small, index=False)
        flags = ("--outcome", "y", "--force", "--out", folder / "out")
        usual = ("evaluate", small, *flags, "--models", "m0,m1,m2", "--jobs", "2")
        timed(*usual)
        seconds = min(timed(*usual) for _ in range(3))
        verified = "verified" if timed("verify", folder / "out") else ""
        yield row("evaluate with PDF", "920 x 3, 1,000 resamples", 10.0, seconds, verified)
        table(1_000_000, 4).to_csv(large, index=False)
        huge = ("evaluate", large, *flags, "--models", "m0,m1,m2,m3", "--bootstrap", "0")
        seconds = timed(*huge, "--jobs", "2")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        size = f"1,000,000 x 4, no resamples, peak {peak:.2f} GiB"
        yield row("evaluate with PDF", size, 60.0, seconds, "exit code 0")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for result in run():
        print(result)
