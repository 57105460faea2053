"""Reader agreement, exact tests and pooling beside R's psych, stats and metafor.

All six intraclass correlations, with F, P and intervals, of 5,502 features at once against a loop
over psych::ICC, which is timed on a few features and scaled up (the row says so); Fisher's exact
test of 5 x 4 tables; random-effects pooling by REML. Least of several runs on both sides, on the
same numbers; R times itself. Agreement is checked before a ratio is given.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measuring import least
from extval.stats.agreement import icc
from extval.stats.contingency import fisher_exact_test
from extval.stats.meta import pool_centers

SCRIPT = Path(__file__).parent / "r" / "agreement.R"
FEATURES, SUBJECTS, RATERS, TIMED = 5502, 60, 2, 60


def peer(job, n, repeats, **numbers):
    """Return R's own time and values, or the reason why it was not run."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None, "skipped: there is no Rscript on the path"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "input.json").write_text(json.dumps(numbers), encoding="utf-8")
        done = subprocess.run(
            [rscript, SCRIPT, folder, job, str(n), str(repeats)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        return None, f"skipped: {done.stderr.strip().splitlines()[-1]}"
    return json.loads(done.stdout), ""


def row(job, size, name, found, scale, ours_seconds, agreement):
    seconds = None if found is None else scale * found["seconds"]
    return {
        "job": job,
        "size": size,
        "peer": name if found is None else found["version"],
        "peer_seconds": seconds,
        "ours_seconds": ours_seconds,
        "ratio": None if seconds is None else seconds / ours_seconds,
        "agreement": agreement,
    }


def icc_row():
    rng = np.random.default_rng(8)
    ratings = rng.normal(size=(FEATURES, SUBJECTS, 1)) * rng.uniform(0.5, 2, (FEATURES, 1, 1))
    ratings = ratings + rng.normal(0, 0.2, (FEATURES, 1, RATERS))
    noise = rng.uniform(0.2, 1, (FEATURES, 1, 1))
    ratings = np.round(
        ratings + noise * rng.normal(size=(FEATURES, SUBJECTS, RATERS)), 9
    )  # as many digits as travel to R
    found, agreement = peer("icc", TIMED, 3, ratings=ratings[:TIMED].tolist())
    seconds, ours = least(lambda: icc(ratings), 40)
    if found is not None:
        worst = 0.0
        for k, form in enumerate(ours.forms):
            for name in ("value", "low", "high", "statistic"):
                theirs = np.array([each[name][k] for each in found["value"]])
                gap = np.abs(getattr(form, name)[:TIMED] - theirs) / np.maximum(1, np.abs(theirs))
                worst = max(worst, float(gap.max()))
            theirs = np.array([each["p"][k] for each in found["value"]])
            worst = max(worst, float(np.abs(form.p_value[:TIMED] - theirs).max()))
        if worst > 1e-9:
            raise AssertionError(f"psych disagrees: {worst}")
        agreement = f"six forms, F, P, limits {worst:.0e}; psych timed on {TIMED} and scaled"
    size = f"{FEATURES:,} features x {SUBJECTS} subjects x {RATERS} readers"
    return row("ICC: six forms", size, "psych", found, FEATURES / TIMED, seconds, agreement)


def fisher_row(n, count, peer_repeats):
    rng = np.random.default_rng(n)
    shares = np.outer([0.3, 0.25, 0.2, 0.15, 0.1], [0.4, 0.3, 0.2, 0.1]).ravel()
    tables = [rng.multinomial(n, shares).reshape(5, 4) for _ in range(count)]
    found, agreement = peer("fisher", count, peer_repeats, tables=[t.tolist() for t in tables])
    seconds, ours = least(lambda: [fisher_exact_test(table).p_value for table in tables], 3)
    if found is not None:
        worst = max(abs(a / b - 1) for a, b in zip(ours, found["value"], strict=True))
        if worst > 1e-7:
            raise AssertionError(f"fisher.test disagrees at n = {n}: {worst}")
        agreement = f"P {worst:.0e} (relative)"
    size = f"{count} tables 5 x 4, n = {n}"
    return row("Fisher's exact test", size, "stats", found, 1.0, seconds, agreement)


def meta_row():
    rng = np.random.default_rng(13)
    y = np.round(rng.normal(1.2, 0.4, (200, 13)), 6)
    v = np.round(rng.chisquare(4, (200, 13)) / 60 + 0.005, 6)
    found, agreement = peer("meta", 200, 3, y=y.tolist(), v=v.tolist())
    se = np.sqrt(v)
    seconds, ours = least(lambda: [pool_centers(*each) for each in zip(y, se, strict=True)], 5)
    if found is not None:
        mine = np.array(
            [
                [
                    each.value,
                    each.interval.low,
                    each.interval.high,
                    each.tau2,
                    each.prediction_interval.low,
                    each.prediction_interval.high,
                ]
                for each in ours
            ]
        )
        worst = float(np.abs(mine - np.array(found["value"])).max())
        if worst > 1e-6:
            raise AssertionError(f"metafor disagrees: {worst}")
        agreement = f"mean, limits, tau2, prediction {worst:.0e}"
    return row(
        "Random effects: REML, Hartung-Knapp, Q-profile",
        "200 poolings of 13 centres",
        "metafor",
        found,
        1.0,
        seconds,
        agreement,
    )


def run():
    """Return the rows, slowest peer first."""
    return [icc_row(), fisher_row(60, 10, 3), fisher_row(100, 3, 1), meta_row()]
