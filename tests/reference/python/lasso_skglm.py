"""Write logistic LASSO models of skglm to standard output.

Run in an environment that has skglm: ``python lasso_skglm.py > ../lasso_skglm.json``.
"""

import json
import sys
from importlib.metadata import version

import numpy as np
import skglm
from skglm.datafits import Logistic
from skglm.penalties import L1
from skglm.solvers import ProxNewton


def case(seed, n, p, share):
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(n, p)), 3)
    y = (x[:, 0] - x[:, 1] + rng.normal(size=n) > 0).astype(float)
    lam = float(share * np.abs(x.T @ (y - y.mean())).max() / n)
    solver = ProxNewton(tol=1e-13, max_iter=200, max_pn_iter=5000, fit_intercept=True)
    fit = skglm.GeneralizedLinearEstimator(Logistic(), L1(lam), solver).fit(x, 2 * y - 1)
    return {
        "x": x.tolist(),
        "y": y.tolist(),
        "lambda": lam,
        "coefficient": np.ravel(fit.coef_).tolist(),
        "intercept": float(np.ravel(fit.intercept_)[0]),
    }


cases = [case(1, 60, 20, 0.3), case(2, 40, 80, 0.2)]
meta = {"python": sys.version.split()[0], "skglm": version("skglm")}
json.dump({"meta": meta, "cases": cases}, sys.stdout)
