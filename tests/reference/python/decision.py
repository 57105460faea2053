"""Write decision-curve reference values from dcurves to standard output.

Run in an environment that has dcurves: ``python decision.py > ../decision.json``.
"""

import json
import sys
from importlib.metadata import version

import dcurves
import numpy as np
import pandas as pd


def case(name, y, probs, thresholds, harm=None):
    frame = pd.DataFrame({"y": y, **{f"m{j}": p for j, p in enumerate(probs)}})
    models = [f"m{j}" for j in range(len(probs))]
    found = dcurves.dca(
        frame,
        "y",
        models,
        thresholds=thresholds,
        harm=None if harm is None else dict(zip(models, harm, strict=True)),
    )

    def column(model, key):
        rows = found[found["model"] == model].sort_values("threshold")
        return rows[key].astype(float).tolist()

    return {
        "id": name,
        "y": list(map(int, y)),
        "y_prob": [list(map(float, p)) for p in probs],
        "thresholds": list(map(float, thresholds)),
        "harm": harm,
        "net_benefit": [column(m, "net_benefit") for m in models],
        "true_positive_rate": [column(m, "tp_rate") for m in models],
        "false_positive_rate": [column(m, "fp_rate") for m in models],
        "treat_all": column("all", "net_benefit"),
        "interventions_avoided": [column(m, "net_intervention_avoided") for m in models],
    }


def main():
    rng = np.random.default_rng(20240421)
    n = 150
    y = rng.random(n) < 0.3
    x = rng.normal(size=n) + y
    fine = 1 / (1 + np.exp(-(x - 1.2)))
    coarse = np.round(np.clip(fine + rng.normal(size=n) * 0.1, 0, 1), 1)
    cases = [
        case("two models", y, [fine, coarse], np.arange(1, 100) / 100),
        case("uneven grid", y, [coarse], [0.05, 0.1, 0.2, 0.5, 0.55, 0.9]),
        case("with harm", y, [fine, coarse], np.arange(5, 60, 5) / 100, harm=[0.01, 0.0]),
    ]
    meta = {"python": sys.version.split()[0], "dcurves": version("dcurves")}
    json.dump({"meta": meta, "cases": cases}, sys.stdout)


main()
