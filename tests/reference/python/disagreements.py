"""Write what lifelines, scikit-survival and dcurves say where they differ to standard output.

Run where these are installed, after r/disagreements.R:
``python disagreements.py > ../disagreements_python.json``.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import dcurves
import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import proportional_hazard_test
from lifelines.utils import restricted_mean_survival_time
from sksurv.metrics import brier_score, concordance_index_censored, cumulative_dynamic_auc
from sksurv.util import Surv

R = json.loads((Path(__file__).parents[1] / "disagreements.json").read_text(encoding="utf-8"))


def restricted_mean(case):
    curve = KaplanMeierFitter().fit(case["time"], case["event"])
    found = restricted_mean_survival_time(curve, t=case["tau"], return_variance=True)
    return dict(zip(("rmst", "variance"), map(float, found), strict=True))


def proportional_hazards(case):
    frame = pd.DataFrame({"time": case["time"], "event": case["event"], **case["x"]})
    fit = CoxPHFitter().fit(frame, "time", "event")
    found = {}
    for transform in case["zph"]:
        test = proportional_hazard_test(fit, frame, time_transform=transform)
        found[transform] = [float(test.summary.loc[name, "test_statistic"]) for name in case["x"]]
    return found


def weighted(case):
    tested = Surv.from_arrays(np.array(case["event"], bool), case["time"])
    learned = case["development"]
    learned = Surv.from_arrays(np.array(learned["event"], bool), learned["time"])
    risk, at = np.array(case["risk"]), [case["horizon"]]
    found = {}
    for name, weights_from in (("development", learned), ("validation", tested)):
        score = brier_score(weights_from, tested, (1 - risk)[:, np.newaxis], at)[1][0]
        area = cumulative_dynamic_auc(weights_from, tested, risk, at)[0][0]
        found[name] = {"brier": float(score), "auc": float(area)}
    return found


def close_scores():
    scores = 1e-9 * np.array([4.0, 3.0, 2.0, 1.0])
    data = np.ones(4, bool), np.arange(1.0, 5.0), scores
    tied, exact = (concordance_index_censored(*data, tied_tol=tol)[0] for tol in (1e-8, 0.0))
    return {"scores": scores.tolist(), "tied_tol": tied, "exact": exact}


def survival_decision(case):
    frame = pd.DataFrame({name: case[name] for name in ("time", "event", "marker")})
    found = dcurves.dca(
        frame,
        "event",
        ["marker"],
        thresholds=[case["threshold"]],
        time=case["horizon"],
        time_to_outcome_col="time",
        models_to_prob=["marker"],
    )
    return float(found.loc[found["model"] == "marker", "net_benefit"].iloc[0])


PACKAGES = ("lifelines", "scikit-survival", "dcurves")
json.dump(
    {
        "meta": {"python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}},
        "rmst": {name: restricted_mean(case) for name, case in R["rmst"].items()},
        "ph": {name: proportional_hazards(case) for name, case in R["ph"].items()},
        "weights": weighted(R["weights"]),
        "close_scores": close_scores(),
        "decision": survival_decision(R["decision"]),
    },
    sys.stdout,
    indent=1,
)
