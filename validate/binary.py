"""Evaluation of one group of patients for a binary outcome: which routines, in which order."""

import numpy as np

from extval.stats.brier import brier, brier_scaled
from extval.stats.calibration import calibration_intercept, calibration_slope, oe_ratio
from extval.stats.calibration_curve import calibration_curve, calibration_groups
from extval.stats.classification import classification_measures, confusion
from extval.stats.decision import decision_curve, net_benefit
from extval.stats.goodness_of_fit import hosmer_lemeshow
from extval.stats.proportions import wilson
from extval.stats.results import Estimate, SignificanceTest
from extval.stats.roc import RocCurve, auc, delong_pairs, roc_curve
from extval.validate.cohort import VALIDATION, Group
from extval.validate.findings import GroupFindings
from extval.validate.store import ModelRow
from extval.validate.streams import stream
from extval.validate.study import BinaryStudy, BoolArray, FloatArray

MAX_ROC_POINTS = 1000
DISTRIBUTION_BINS = 40


def describe(study: BinaryStudy, group: Group) -> GroupFindings:
    """Return what is known of the group before any model is looked at."""
    found, y_true = GroupFindings(group), study.y_true
    n, events = y_true.size, int(np.count_nonzero(y_true))
    found.metric(
        "",
        "prevalence",
        Estimate(
            value=events / n,
            interval=wilson(events, n, confidence_level=study.protocol.confidence_level),
            method="proportion; Wilson",
            n=n,
            events=events,
        ),
    )
    return found


def evaluate_model(
    study: BinaryStudy, group: Group, model: ModelRow, *, utility_at: float
) -> GroupFindings:
    """Return everything about one model in one group."""
    protocol, y_true, y_prob = study.protocol, study.y_true, study.y_prob[model.name]
    found, level = GroupFindings(group), protocol.confidence_level

    found.metric(model.name, "auc", auc(y_true, y_prob, confidence_level=level))
    _add_roc(found, model.name, roc_curve(y_true, y_prob))
    if model.threshold is not None:
        counts = confusion(y_true, y_prob, model.threshold)
        measures = classification_measures(counts, confidence_level=level)
        for metric, estimate in measures.items():
            found.metric(
                model.name, metric, estimate, threshold=model.threshold, note=model.threshold_note
            )

    for metric, routine in (
        ("calibration_intercept", calibration_intercept),
        ("calibration_slope", calibration_slope),
        ("oe_ratio", oe_ratio),
    ):
        found.metric(model.name, metric, routine(y_true, y_prob, confidence_level=level))
    _add_calibration(found, study, group, model.name)
    for metric, routine in (("brier", brier), ("brier_scaled", brier_scaled)):
        found.metric(model.name, metric, routine(y_true, y_prob, confidence_level=level))
    fit = hosmer_lemeshow(
        y_true,
        y_prob,
        n_groups=protocol.calibration.groups,
        external=group.cohort == VALIDATION,
    )
    found.test(
        model.name,
        "hosmer_lemeshow",
        SignificanceTest(
            statistic=fit.statistic,
            df=fit.df,
            p_value=fit.p_value,
            method=fit.method,
            n=fit.n,
            events=fit.events,
            status=fit.status,
        ),
    )
    _add_utility(found, study, group, model.name, utility_at=utility_at)
    return found


def compare_models(study: BinaryStudy, group: Group) -> GroupFindings:
    """Return the paired differences in AUC and the curves that belong to no model."""
    protocol, y_true = study.protocol, study.y_true
    found = GroupFindings(group)
    names = list(study.y_prob)
    reference = protocol.comparisons.reference
    if len(names) > 1:
        pairs = delong_pairs(
            y_true,
            np.stack([study.y_prob[name] for name in names]),
            reference=None if reference is None else names.index(reference),
            confidence_level=protocol.confidence_level,
        )
        found.family(
            "auc",
            [(names[p.a], names[p.b], p.comparison) for p in pairs],
            adjustment=protocol.comparisons.adjustment,
        )
    grid = protocol.decision_curve.thresholds()
    strategies = decision_curve(y_true, study.y_prob[names[0]][np.newaxis], thresholds=grid)
    empty = [np.nan] * len(grid)
    for label, values in (
        ("treat all", strategies.treat_all),
        ("treat none", strategies.treat_none),
    ):
        found.curve(
            "decision",
            {"model": label},
            threshold=grid,
            net_benefit=values,
            lower=empty,
            upper=empty,
        )
    return found


def _add_roc(found: GroupFindings, model: str, curve: RocCurve) -> None:
    """Add the ROC curve, thinned evenly along its length when it has very many points."""
    if not curve.sensitivity.size:
        return
    keep = np.arange(curve.sensitivity.size)
    if keep.size > MAX_ROC_POINTS:
        walked = curve.sensitivity - curve.specificity
        marks = np.linspace(walked[0], walked[-1], MAX_ROC_POINTS)
        keep = np.unique(np.searchsorted(walked, marks).clip(0, keep.size - 1))
    found.curve(
        "roc",
        {"model": model},
        threshold=curve.thresholds[keep],
        sensitivity=curve.sensitivity[keep],
        specificity=curve.specificity[keep],
    )


def _add_calibration(found: GroupFindings, study: BinaryStudy, group: Group, model: str) -> None:
    protocol, y_true, y_prob = study.protocol, study.y_true, study.y_prob[model]
    level = protocol.confidence_level
    curve = calibration_curve(
        y_true,
        y_prob,
        smoother=protocol.calibration.smoother,
        n_resamples=protocol.bootstrap.n_resamples,
        rng=stream(protocol.seed, f"calibration/{group.label}/{model}"),
        confidence_level=level,
    )
    for metric in ("ici", "e50", "e90", "emax"):
        found.metric(model, metric, getattr(curve, metric))
    if curve.grid.size:
        found.curve(
            "calibration",
            {"model": model, "smoother": protocol.calibration.smoother},
            predicted=curve.grid,
            observed=curve.observed,
            lower=curve.lower,
            upper=curve.upper,
        )
    groups = calibration_groups(
        y_true, y_prob, n_groups=protocol.calibration.groups, confidence_level=level
    )
    found.curve(
        "calibration_groups",
        {"model": model},
        group=np.arange(1, groups.n.size + 1),
        mean_predicted=groups.mean_predicted,
        observed=groups.observed,
        lower=groups.lower,
        upper=groups.upper,
        n=groups.n,
        events=groups.events,
    )
    _add_distribution(found, model, y_true, y_prob)


def _add_distribution(
    found: GroupFindings, model: str, y_true: BoolArray, y_prob: FloatArray
) -> None:
    """Add how many patients with and without the event have each predicted probability."""
    edges = np.linspace(0.0, 1.0, DISTRIBUTION_BINS + 1)
    for outcome in (0, 1):
        counts, _ = np.histogram(y_prob[y_true == outcome], edges)
        found.curve(
            "risk_distribution",
            {"model": model, "outcome": outcome},
            bin_low=edges[:-1],
            bin_high=edges[1:],
            count=counts,
        )


def _add_utility(
    found: GroupFindings, study: BinaryStudy, group: Group, model: str, *, utility_at: float
) -> None:
    protocol, y_true, y_prob = study.protocol, study.y_true, study.y_prob[model]
    n_resamples, level = protocol.bootstrap.n_resamples, protocol.confidence_level
    found.metric(
        model,
        "net_benefit",
        net_benefit(
            y_true,
            y_prob,
            threshold=utility_at,
            rng=stream(protocol.seed, f"net_benefit/{group.label}/{model}"),
            n_resamples=n_resamples,
            confidence_level=level,
        ),
        threshold=utility_at,
    )
    grid = protocol.decision_curve.thresholds()
    curve = decision_curve(
        y_true,
        y_prob[np.newaxis],
        thresholds=grid,
        rng=stream(protocol.seed, f"decision_curve/{group.label}/{model}"),
        n_resamples=n_resamples,
        confidence_level=level,
    )
    found.curve(
        "decision",
        {"model": model},
        threshold=grid,
        net_benefit=curve.net_benefit[0],
        lower=curve.lower[0],
        upper=curve.upper[0],
    )
