"""How often the intervals cover the truth, in simulated external cohorts of a known truth.

``make coverage-study`` prints, for each measure and cohort size, the share of nominal 95% intervals
that hold the true value, with its Monte Carlo standard error. The truth is that of 4,000,000
simulated patients.
"""

import sys

import numpy as np
from scipy.special import expit

from extval.stats.brier import brier, brier_scaled
from extval.stats.brier_t import brier_t
from extval.stats.calibration import calibration_intercept, calibration_slope, oe_ratio
from extval.stats.concordance import c_harrell
from extval.stats.decision import net_benefit
from extval.stats.roc import auc
from extval.stats.survival_calibration import calibration_slope_cox, oe_t

SIZES, REPLICATES, TRUTH_SIZE, HORIZON = (60, 120, 500), 2000, 4_000_000, 2.0


def binary_cohort(rng, n):
    """Return outcome and predictions of a model whose slope is 0.8 in this population."""
    lp = rng.normal(-0.8, 1.2, n)
    return rng.random(n) < expit(0.2 + 0.8 * lp), expit(lp)


def survival_cohort(rng, n, *, censored=True):
    """Return time, event, linear predictor and risk by the horizon."""
    lp = rng.normal(0.0, 0.8, n)
    time = rng.exponential(1.0, n) / (0.25 * np.exp(0.8 * lp))
    limit = rng.uniform(1.0, 6.0, n) if censored else np.full(n, np.inf)
    return np.minimum(time, limit), time <= limit, lp, -np.expm1(-0.25 * HORIZON * np.exp(lp))


def binary_measures(y, p):
    """Yield name and estimate of each measure."""
    yield "auc, DeLong", auc(y, p)
    yield "auc, logit", auc(y, p, method="logit")
    yield "calibration_intercept, Wald", calibration_intercept(y, p)
    yield "calibration_slope, Wald", calibration_slope(y, p)
    yield "calibration_slope, profile", calibration_slope(y, p, method="profile")
    yield "oe_ratio", oe_ratio(y, p)
    yield "brier", brier(y, p)
    yield "brier_scaled", brier_scaled(y, p)
    yield "net_benefit at 0.3, Wald", net_benefit(y, p, threshold=0.3)


def survival_measures(time, event, lp, risk):
    """Yield name and estimate of each measure."""
    yield "oe_t", oe_t(time, event, risk, horizon=HORIZON)
    yield "brier_t", brier_t(time, event, risk, horizon=HORIZON)
    yield "calibration_slope, Cox", calibration_slope_cox(time, event, lp)
    yield "c_harrell", c_harrell(time, event, lp)


def binary_truth(rng):
    """Return the true value of each measure."""
    y, p = binary_cohort(rng, TRUTH_SIZE)
    return {name: found.value for name, found in binary_measures(y, p) if "profile" not in name}


def survival_truth(rng):
    """Return the true value of each measure; the C-index is that of the censored population."""
    whole = survival_cohort(rng, TRUTH_SIZE // 4, censored=False)
    found = {name: each.value for name, each in survival_measures(*whole)}
    seen = survival_cohort(rng, TRUTH_SIZE // 4)
    return found | {"c_harrell": c_harrell(*seen[:3]).value}


def study(title, cohort, measures, truth, rng):
    """Print the coverage of each measure at each size."""
    for n in SIZES:
        covered, defined = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0)
        for _ in range(REPLICATES):
            for name, found in measures(*cohort(rng, n)):
                low, high = found.interval.low, found.interval.high
                if np.isfinite(low) and np.isfinite(high):
                    defined[name] += 1
                    covered[name] += low <= truth[name] <= high
        for name, value in truth.items():
            share = covered[name] / max(1, defined[name])
            error = np.sqrt(share * (1 - share) / max(1, defined[name]))
            line = f"{title:<9}{name:<30}{n:>6}{value:>10.4f}{share:>10.3f} ({error:.3f})"
            print(f"{line}{REPLICATES - defined[name]:>8}", flush=True)


def main():
    print(f"{'outcome':<9}{'measure':<30}{'n':>6}{'truth':>10}{'coverage (SE)':>18}  undefined")
    rng = np.random.default_rng(20240416)
    truth = binary_truth(rng)
    truth["calibration_slope, profile"] = truth["calibration_slope, Wald"]
    study("binary", binary_cohort, binary_measures, truth, rng)
    study("survival", survival_cohort, survival_measures, survival_truth(rng), rng)
    return 0


if __name__ == "__main__":
    sys.exit(main())
