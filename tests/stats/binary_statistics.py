"""The statistics of a binary outcome, each with what it must do when its patients change."""

from dataclasses import dataclass, field, replace

import numpy as np

from extval.stats.classification import classification_measures, confusion
from extval.stats.clustered_auc import (
    clustered_auc,
    clustered_auc_test,
    clustered_auc_test_unpaired,
)
from extval.stats.decision import decision_curve, net_benefit
from extval.stats.decision_difference import decision_curve_difference, net_benefit_difference
from extval.stats.decision_scales import net_benefit_scales
from extval.stats.paired_tests import (
    MCNEMAR_METHODS,
    predictive_value_tests,
    sensitivity_test,
    specificity_test,
)
from extval.stats.partial_auc import partial_auc
from extval.stats.precision_recall import average_precision, precision_recall_curve
from extval.stats.predictive_values import predictive_values_at
from extval.stats.reclassification import integrated_discrimination, net_reclassification
from extval.stats.roc import auc, delong_test, delong_test_unpaired, roc_curve
from extval.stats.roc_band import roc_band
from extval.stats.roc_intervals import auc_bootstrap
from extval.stats.threshold import choose_threshold
from extval.stats.updating import closed_testing_update, update_model
from tests.oracles import weighted
from tests.stats.binary_weights import (
    GRID,
    weighted_at_prevalence,
    weighted_curves,
    weighted_decision_curves,
    weighted_paired,
    weighted_partial,
    weighted_predictive,
    weighted_reclassified,
    weighted_thresholds,
    weighted_updates,
    weighted_utility,
)


@dataclass(frozen=True)
class Study:
    """Outcome, two predictions, clusters, and the threshold `t` (of b: `u`), never a prediction."""

    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    cluster: np.ndarray
    t: float
    u: float

    def rows(self, chosen):
        """Return some rows, in some order, once or several times."""
        kept = {name: getattr(self, name)[chosen] for name in ("y", "a", "b", "cluster")}
        return replace(self, **kept)

    @property
    def calls(self):
        return self.y, self.a >= self.t, self.b >= self.u


@dataclass(frozen=True)
class Row:
    """A statistic and its columns.

    `of` returns results by name. `weighted` returns the values by definition when rows have
    weights. `mirrored` names the same numbers in the study of the complement, by name: another
    name, and what to do with its value. A column that does not apply is a reason.
    """

    of: object
    weighted: object
    monotone: str = ""
    complement: object = field(default_factory=dict)
    repeats_keep_values: bool = True


def seeded():
    return np.random.default_rng(5)


def by_name(name, result):
    return {name: result}


def partial(over):
    def of(s):
        options = {"low": 0.2, "high": 0.75, "n_resamples": 8, "rng": seeded()}
        found = partial_auc(s.y, s.a, over=over, **options)
        return {f"raw {over}": found.raw, f"corrected {over}": found.corrected}

    return of


def both_partial(s):
    return partial("specificity")(s) | partial("sensitivity")(s)


def halves(s):
    """Return two groups of different patients: here the same patients, with two predictions."""
    return s.y, s.a, s.y[::-1], s.b[::-1]


def thresholds(s):
    found = {}
    for rule, at in (("youden", None), ("closest-to-corner", None), ("sensitivity", 0.8)):
        chosen = choose_threshold(s.y, s.a, rule=rule, at=at)
        found[f"{rule} sensitivity"] = chosen.sensitivity
        found[f"{rule} specificity"] = chosen.specificity
    return found


def curves(s):
    """Return the curves as numbers."""
    roc, recall = roc_curve(s.y, s.a), precision_recall_curve(s.y, s.a)
    band = roc_band(s.y, s.a, specificity=[0.25, 0.6], n_resamples=8, rng=seeded())
    named = {
        "roc": np.column_stack([roc.sensitivity, roc.specificity]),
        "precision-recall": np.column_stack([recall.recall, recall.precision]),
        "band": np.column_stack([band.sensitivity, band.lower, band.upper]),
    }
    return {f"{name} {i}": v for name, part in named.items() for i, v in enumerate(part.ravel())}


def measures(s):
    return classification_measures(confusion(s.y, s.a, s.t))


def at_prevalence(s):
    table = confusion(s.y, s.a, s.t)
    return {
        f"{name} at {prevalence}": found
        for prevalence in (0.1, 0.9)
        for name, found in predictive_values_at(table, prevalence=prevalence).items()
    }


def paired(s):
    found = {}
    for method in MCNEMAR_METHODS:
        found[f"sensitivity {method}"] = sensitivity_test(*s.calls, method=method)
        found[f"specificity {method}"] = specificity_test(*s.calls, method=method)
    return found


def utility(s):
    scales = net_benefit_scales(s.y, s.a, threshold=s.t)
    return {"net benefit": net_benefit(s.y, s.a, threshold=s.t), **scales}


def decision_curves(s):
    curve = decision_curve(s.y, [s.a, s.b], thresholds=GRID)
    difference = decision_curve_difference(s.y, s.a, s.b, thresholds=GRID).difference
    return {
        f"{name} {i}": value
        for name, values in (("curve", curve.net_benefit.ravel()), ("difference", difference))
        for i, value in enumerate(values)
    }


def reclassified(s):
    found = {}
    for name, cuts in (("free", None), ("cut", [s.t])):
        index = net_reclassification(s.y, s.a, s.b, cuts=cuts)
        parts = {"events": index.events, "nonevents": index.nonevents, "total": index.total}
        found |= {f"{name} {part}": result for part, result in parts.items()}
    return found


def updates(s):
    found = {}
    for kind in ("intercept", "intercept+slope"):
        model = update_model(s.y, s.a, kind=kind)
        found |= {f"{kind} intercept": model.intercept, f"{kind} slope": model.slope}
    chosen = closed_testing_update(s.y, s.a)
    for i, test in enumerate(chosen.tests[:1]):
        found |= {f"test {i} statistic": test.statistic, f"test {i} P": test.p_value}
    return found


ON_THE_RISK_SCALE = "depends on the risks themselves, not on their order"

ROWS = {
    "AUC, three intervals": Row(
        lambda s: {m: auc(s.y, s.a, method=m) for m in ("delong", "logit", "hanley-mcneil")},
        lambda s, w: dict.fromkeys(
            ("delong", "logit", "hanley-mcneil"), weighted.pairs(s.y, s.a, w)
        ),
        # Hanley and McNeil's variance takes cases and controls for unlike distributions.
        complement={"hanley-mcneil": ("hanley-mcneil", "value")},
    ),
    "AUC, bootstrap": Row(
        lambda s: {
            m: auc_bootstrap(s.y, s.a, n_resamples=12, rng=seeded(), method=m)
            for m in ("percentile", "bca")
        },
        lambda s, w: dict.fromkeys(("percentile", "bca"), weighted.pairs(s.y, s.a, w)),
        complement={m: (m, "value") for m in ("percentile", "bca")},
    ),
    "AUC difference, paired": Row(
        lambda s: by_name("delong", delong_test(s.y, s.a, s.b)),
        lambda s, w: {"delong": weighted.pairs(s.y, s.a, w) - weighted.pairs(s.y, s.b, w)},
    ),
    "AUC difference, unpaired": Row(
        lambda s: by_name("delong", delong_test_unpaired(*halves(s))),
        lambda s, w: {"delong": weighted.pairs(s.y, s.a, w) - weighted.pairs(s.y, s.b, w)},
    ),
    "clustered AUC": Row(
        lambda s: {
            "one": clustered_auc(s.y, s.a, s.cluster),
            "paired": clustered_auc_test(s.y, s.a, s.b, s.cluster),
            "unpaired": clustered_auc_test_unpaired(
                s.y, s.a, s.cluster, s.y[::-1], s.b[::-1], -1 - s.cluster[::-1]
            ),
        },
        lambda s, w: {
            "one": weighted.pairs(s.y, s.a, w),
            "paired": weighted.pairs(s.y, s.a, w) - weighted.pairs(s.y, s.b, w),
            "unpaired": weighted.pairs(s.y, s.a, w) - weighted.pairs(s.y, s.b, w),
        },
    ),
    "partial AUC": Row(
        both_partial,
        lambda s, w: weighted_partial("specificity")(s, w) | weighted_partial("sensitivity")(s, w),
        complement={
            f"{kind} {one}": (f"{kind} {other}", "value")
            for kind in ("raw", "corrected")
            for one, other in (("specificity", "sensitivity"), ("sensitivity", "specificity"))
        },
    ),
    "average precision": Row(
        lambda s: by_name("ap", average_precision(s.y, s.a, n_resamples=8, rng=seeded())),
        lambda s, w: {"ap": weighted.average_precision(s.y, s.a, w)},
        complement="precision is about the positives alone; the complement has another",
    ),
    "ROC and precision-recall curves, ROC band": Row(
        curves,
        weighted_curves,
        complement="the corners of the curve change places; the area is looked at instead",
    ),
    "threshold rules": Row(
        thresholds,
        weighted_thresholds,
        complement="of equally good thresholds the highest is taken, and the complement turns them",
    ),
    "classification": Row(
        measures,
        lambda s, w: weighted.measures(s.y, s.a, w, s.t),
        complement={
            "sensitivity": ("specificity", None),
            "specificity": ("sensitivity", None),
            "ppv": ("npv", None),
            "npv": ("ppv", None),
            "lr_positive": ("lr_negative", "inverse"),
            "lr_negative": ("lr_positive", "inverse"),
            "f1": None,  # about the positives alone
        },
        repeats_keep_values=False,  # a zero cell gets 0.5 whatever the number of patients
    ),
    "predictive values at a prevalence": Row(
        at_prevalence,
        weighted_at_prevalence,
        complement={
            "ppv at 0.1": ("npv at 0.9", None),
            "npv at 0.1": ("ppv at 0.9", None),
            "ppv at 0.9": ("npv at 0.1", None),
            "npv at 0.9": ("ppv at 0.1", None),
        },
        repeats_keep_values=False,
    ),
    "McNemar's tests": Row(
        paired,
        weighted_paired,
        complement={
            f"{one} {method}": (f"{other} {method}", None)
            for method in MCNEMAR_METHODS
            for one, other in (("sensitivity", "specificity"), ("specificity", "sensitivity"))
        },
    ),
    "paired predictive values": Row(
        lambda s: predictive_value_tests(*s.calls),
        weighted_predictive,
        complement={"ppv": ("npv", None), "npv": ("ppv", None)},
    ),
    "net benefit on three scales": Row(
        utility,
        weighted_utility,
        complement={
            "net benefit": ("interventions_avoided", None),
            "net_benefit": ("interventions_avoided", None),
            "interventions_avoided": ("net_benefit", None),
            "standardized": None,  # its unit is the event rate, which the complement changes
        },
    ),
    "net benefit difference": Row(
        lambda s: by_name("nb", net_benefit_difference(s.y, s.a, s.b, threshold=s.t)),
        lambda s, w: {
            "nb": weighted.net_benefit(s.y, s.a, w, s.t) - weighted.net_benefit(s.y, s.b, w, s.t)
        },
        complement={"nb": ("nb", "odds")},
    ),
    "decision curves": Row(
        decision_curves,
        weighted_decision_curves,
        monotone=ON_THE_RISK_SCALE,
        complement="the grid turns too; the single threshold is looked at instead",
    ),
    "NRI": Row(
        reclassified,
        weighted_reclassified,
        complement={
            f"{kind} {one}": (f"{kind} {other}", None)
            for kind in ("free", "cut")
            for one, other in (("events", "nonevents"), ("nonevents", "events"))
        },
    ),
    "IDI": Row(
        lambda s: by_name("idi", integrated_discrimination(s.y, s.a, s.b)),
        lambda s, w: {
            "idi": weighted.mean(s.a - s.b, w, s.y == 1) - weighted.mean(s.a - s.b, w, s.y == 0)
        },
        monotone=ON_THE_RISK_SCALE,
    ),
    "updating": Row(
        updates,
        weighted_updates,
        monotone=ON_THE_RISK_SCALE,
        complement={
            "intercept intercept": ("intercept intercept", "negative"),
            "intercept+slope intercept": ("intercept+slope intercept", "negative"),
        },
        repeats_keep_values=False,  # the tests grow with the number of patients
    ),
}
