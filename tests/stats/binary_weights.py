"""Values of the statistics in `binary_statistics` by definition, rows having weights."""

import numpy as np

from extval.stats.logistic import logistic_regression
from extval.stats.paired_tests import MCNEMAR_METHODS
from tests.oracles import weighted

GRID = [0.1, 0.35, 0.8]


def weighted_partial(over):
    def of(s, w):
        raw = weighted.partial_area(s.y, s.a, w, over, 0.2, 0.75)
        chance = 0.55 - (0.75**2 - 0.2**2) / 2
        corrected = (1 + (raw - chance) / (0.55 - chance)) / 2
        return {f"raw {over}": raw, f"corrected {over}": corrected}

    return of


def weighted_thresholds(s, w):
    found, best = {}, {}
    for t in sorted(set(s.a.tolist()), reverse=True):
        tp, fp, fn, tn = weighted.table(s.y, s.a, w, t)
        m, n = tp + fn, tn + fp
        losses = {
            "youden": fn * n + fp * m,
            "closest-to-corner": (fn * n) ** 2 + (fp * m) ** 2,
            "sensitivity": 0 if tp / m >= 0.8 else 1,
        }
        for rule, loss in losses.items():
            if rule not in best or loss < best[rule]:
                best[rule] = loss
                found[f"{rule} sensitivity"], found[f"{rule} specificity"] = tp / m, tn / n
    return found


def weighted_curves(s, w):
    points = [(se, sp) for sp, se in weighted.polygon(s.y, s.a, w)]
    found = {f"roc {i}": v for i, v in enumerate(np.array(points).ravel())}
    precision = []
    for t in sorted(set(s.a.tolist()), reverse=True):
        tp, fp, fn, _ = weighted.table(s.y, s.a, w, t)
        precision += [tp / (tp + fn), tp / (tp + fp)]
    return found | {f"precision-recall {i}": v for i, v in enumerate(precision)}


def weighted_at_prevalence(s, w):
    tp, fp, fn, tn = weighted.table(s.y, s.a, w, s.t)
    if not (tp and fp and fn and tn):
        return {}
    se, sp, found = tp / (tp + fn), tn / (tn + fp), {}
    for pi in (0.1, 0.9):
        found[f"ppv at {pi}"] = se * pi / (se * pi + (1 - sp) * (1 - pi))
        found[f"npv at {pi}"] = sp * (1 - pi) / (sp * (1 - pi) + (1 - se) * pi)
    return found


def weighted_paired(s, w):
    _, a, b = s.calls
    gain = a.astype(float) - b
    of_cases, of_controls = weighted.mean(gain, w, s.y == 1), -weighted.mean(gain, w, s.y == 0)
    found = {f"sensitivity {method}": of_cases for method in MCNEMAR_METHODS}
    return found | {f"specificity {method}": of_controls for method in MCNEMAR_METHODS}


def weighted_predictive(s, w):
    _, a, b = s.calls
    found = {}
    for name, wanted, (first, second) in (("ppv", 1, (a, b)), ("npv", 0, (~a, ~b))):
        if first.any() and second.any():
            right = (s.y == wanted).astype(float)
            found[name] = weighted.mean(right, w, first) - weighted.mean(right, w, second)
    return found


def weighted_utility(s, w):
    benefit = weighted.net_benefit(s.y, s.a, w, s.t)
    everybody = weighted.net_benefit(s.y, np.ones(s.y.size), w, s.t)
    return {
        "net benefit": benefit,
        "net_benefit": benefit,
        "standardized": benefit / weighted.mean(s.y.astype(float), w, s.y >= 0),
        "interventions_avoided": (benefit - everybody) * (1 - s.t) / s.t,
    }


def weighted_decision_curves(s, w):
    a, b = ([weighted.net_benefit(s.y, p, w, t) for t in GRID] for p in (s.a, s.b))
    found = {f"curve {i}": value for i, value in enumerate([*a, *b])}
    return found | {f"difference {i}": p - q for i, (p, q) in enumerate(zip(a, b, strict=True))}


def weighted_reclassified(s, w):
    found = {}
    for name, up in (
        ("free", np.sign(s.a - s.b)),
        ("cut", (s.a >= s.t).astype(float) - (s.b >= s.t)),
    ):
        cases, controls = weighted.mean(up, w, s.y == 1), -weighted.mean(up, w, s.y == 0)
        found |= {f"{name} events": cases, f"{name} nonevents": controls}
        found[f"{name} total"] = cases + controls
    return found


def weighted_updates(s, w):
    lp, ones = np.log(s.a / (1 - s.a)), np.ones((s.y.size, 1))
    large = logistic_regression(ones, s.y, offset=lp, weights=w).coefficients
    both = logistic_regression(np.column_stack([ones, lp]), s.y, weights=w).coefficients
    return {
        "intercept intercept": large[0],
        "intercept slope": 1.0,
        "intercept+slope intercept": both[0],
        "intercept+slope slope": both[1],
    }
