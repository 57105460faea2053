"""Kaplan-Meier curves, log-rank tests and Cox regression beside lifelines and R's survival.

All sides time the statistic alone, on the same arrays, least of several runs; R runs in its own
process and times itself. Times in R's ``survdiff`` are ranks, so that its merging of nearly equal
times (``timefix``) does not change the question.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measuring import least
from extval.stats.cox import cox_regression
from extval.stats.kaplan_meier import kaplan_meier
from extval.stats.logrank import logrank_test
from extval.stats.permutation_logrank import permutation_logrank_test
from extval.stats.proportional_hazards import proportional_hazards_test

SCRIPT = Path(__file__).parent / "r" / "survival.R"
N = 10_000
PERMUTATIONS = 10_000


def study(n):
    """Return times, events, two groups and a covariate; exponential times, a third censored."""
    rng = np.random.default_rng(2)
    group = (rng.random(n) < 0.5).astype(float)
    x = rng.normal(size=n)
    failure = rng.exponential(size=n) * np.exp(-0.7 * x - 0.3 * group)
    censoring = rng.exponential(2.0, size=n)
    return np.minimum(failure, censoring), (failure <= censoring).astype(float), group, x


def in_r(job, arrays, repeats):
    """Return R's own time and values, or the reason why it was not run."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None, "skipped: there is no Rscript on the path"
    with tempfile.TemporaryDirectory() as folder:
        for name, values in zip(("time", "event", "group", "x"), arrays, strict=True):
            values.tofile(Path(folder) / f"{name}.bin")
        done = subprocess.run(
            [rscript, SCRIPT, folder, job, str(arrays[0].size), str(repeats)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        return None, f"skipped: {done.stderr.strip().splitlines()[-1]}"
    return json.loads(done.stdout), ""


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


def r_row(job, size, name, arrays, ours_seconds, ours, *, repeats, scale=1.0):
    found, reason = in_r(name, arrays, repeats)
    if found is None:
        return row(job, size, "R survival", None, ours_seconds, reason)
    wanted = np.atleast_1d(found["value"])
    agreement = "times alone" if ours is None else differ(ours, wanted)
    seconds = found["seconds"] * scale
    return row(job, size, f"R survival {found['version']}", seconds, ours_seconds, agreement)


def differ(ours, theirs):
    return f"largest relative difference {np.max(np.abs(np.divide(ours, theirs) - 1)):.1e}"


def kaplan_meier_rows():
    from lifelines import KaplanMeierFitter
    from lifelines import __version__ as version

    arrays = study(N)
    t, event, group, _ = arrays
    sides = [(t[s], event[s]) for s in (group == 0.0, group == 1.0)]
    seconds, ours = least(lambda: [kaplan_meier(*side) for side in sides], 30)
    job, size = "Kaplan-Meier with intervals, two groups", f"n = {N}"
    peer, theirs = least(lambda: [KaplanMeierFitter().fit(*side) for side in sides], 3)
    inside = [(km.survival > 0) & (km.survival < 1) for km in ours]
    survival = [km.survival[i] for km, i in zip(ours, inside, strict=True)]
    # lifelines begins its curves at time 0.
    fitted = [k.survival_function_["KM_estimate"].to_numpy()[1:] for k in theirs]
    fitted = [curve[i] for curve, i in zip(fitted, inside, strict=True)]
    agreement = differ(np.concatenate(survival), np.concatenate(fitted))
    yield row(job, size, f"lifelines {version}", peer, seconds, agreement)
    lower = [km.lower[i] for km, i in zip(ours, inside, strict=True)]
    yield r_row(job, size, "km", arrays, seconds, np.concatenate(survival + lower), repeats=7)


def logrank_rows():
    from lifelines import __version__ as version
    from lifelines.statistics import logrank_test as lifelines_logrank

    t, event, group, x = study(N)
    t = np.argsort(np.argsort(t)).astype(float)
    seconds, ours = least(lambda: logrank_test(t, event, group), 30)
    job, size, sides = "log-rank test", f"n = {N}", [group == 0.0, group == 1.0]
    peer, theirs = least(
        lambda: lifelines_logrank(*(t[s] for s in sides), *(event[s] for s in sides)), 3
    )
    agreement = differ(ours.statistic, theirs.test_statistic)
    yield row(job, size, f"lifelines {version}", peer, seconds, agreement)
    yield r_row(job, size, "logrank", (t, event, group, x), seconds, ours.statistic, repeats=7)


def permutation_rows():
    from lifelines import __version__ as version
    from lifelines.statistics import logrank_test as lifelines_logrank

    arrays = study(200)
    t, event, group, _ = arrays
    seconds, ours = least(
        lambda: permutation_logrank_test(
            t, event, group, n_resamples=PERMUTATIONS, rng=np.random.default_rng(1)
        ),
        20,
    )
    job, size = "permutation log-rank test", f"n = 200, {PERMUTATIONS} permutations"
    rng, some = np.random.default_rng(1), 50

    def loop():
        found = []
        for _ in range(some):
            g = rng.permutation(group) == 0.0
            found.append(lifelines_logrank(t[g], t[~g], event[g], event[~g]).test_statistic)
        return found

    peer, _ = least(loop, 1)
    agreement = f"P = {ours.p_value:.4f}, log-rank P = {logrank_test(t, event, group).p_value:.4f}"
    name = f"lifelines {version} in a loop, from {some}"
    yield row(job, size, name, peer * PERMUTATIONS / some, seconds, agreement)
    yield r_row(
        job, size, "permutation", arrays, seconds, None, repeats=3, scale=PERMUTATIONS / 200
    )


def cox_rows():
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines import __version__ as version

    arrays = study(N)
    t, event, group, x = arrays
    predictors = np.column_stack([x, group])
    seconds, ours = least(lambda: cox_regression(t, event, predictors), 7)
    job, size = "Cox regression, two predictors", f"n = {N}"
    table = pd.DataFrame({"t": t, "event": event, "x": x, "group": group})
    peer, theirs = least(lambda: CoxPHFitter().fit(table, "t", "event"), 2)
    agreement = differ(ours.coefficients, theirs.params_.to_numpy())
    yield row(job, size, f"lifelines {version}", peer, seconds, agreement)
    both = np.concatenate([ours.coefficients, np.sqrt(np.diag(ours.covariance))])
    yield r_row(job, size, "cox", arrays, seconds, both, repeats=5)
    seconds, tested = least(lambda: proportional_hazards_test(t, event, predictors), 7)
    found = [test.statistic for test in (*tested.terms.values(), tested.overall)]
    job = "proportional-hazards test (ours with the fit)"
    yield r_row(job, size, "zph", arrays, seconds, found, repeats=5)


def run():
    return [*kaplan_meier_rows(), *logrank_rows(), *permutation_rows(), *cox_rows()]
