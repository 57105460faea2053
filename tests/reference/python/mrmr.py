"""Write the choices of mrmr-selection to standard output.

Run in an environment that has mrmr_selection: ``python mrmr.py > ../mrmr.json``.
"""

import json
import sys
from importlib.metadata import version

sys.path = [folder for folder in sys.path if folder != sys.path[0]]  # this file has its name

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from mrmr import mrmr_classif  # noqa: E402


def cohort(seed, n, p, factors, decimals):
    """Draw correlated features and a 0/1 outcome; repeated in the test from the same numbers."""
    rng = np.random.default_rng(seed)
    hidden = rng.integers(-3, 4, (n, factors))
    x = hidden @ rng.integers(-2, 3, (factors, p)) + rng.integers(-40, 41, (n, p)) / 10
    y = hidden[:, 0] + hidden[:, 1] + rng.integers(-3, 4, n) > 0
    return np.round(x, decimals), y.astype(int)


def case(name, k, *size):
    x, y = cohort(*size)
    frame = pd.DataFrame(x, columns=[f"f{j}" for j in range(x.shape[1])])
    chosen = mrmr_classif(frame, pd.Series(y), K=k, n_jobs=1, show_progress=False)
    return {"id": name, "k": k, "cohort": size, "selected": chosen, "sum": float(x.sum())}


def main():
    cases = [
        case("wide", 25, 1, 121, 2000, 12, 1),
        case("narrow", 30, 2, 40, 30, 4, 1),
        case("few patients", 20, 3, 12, 100, 3, 1),
        case("whole numbers", 15, 4, 60, 200, 6, 0),
    ]
    meta = {"python": sys.version.split()[0], "mrmr_selection": version("mrmr_selection")}
    json.dump({"meta": meta, "cases": cases}, sys.stdout)


main()
