"""Discrimination and classification of one model in one group, and between models."""

from dataclasses import replace
from functools import partial
from itertools import combinations
from math import inf, nan

import numpy as np
from numpy.typing import NDArray

from extval.stats.classification import classification_measures, confusion
from extval.stats.clustered_auc import clustered_auc, clustered_auc_test
from extval.stats.paired_tests import predictive_value_tests, sensitivity_test, specificity_test
from extval.stats.partial_auc import partial_auc
from extval.stats.precision_recall import average_precision, precision_recall_curve
from extval.stats.predictive_values import predictive_values_at
from extval.stats.results import Comparison, Estimate, Interval, Status
from extval.stats.roc import RocCurve, auc, delong_pairs, roc_curve
from extval.stats.roc_band import roc_band
from extval.stats.roc_intervals import auc_bootstrap
from extval.validate.cohort import Group
from extval.validate.findings import GroupFindings
from extval.validate.store import ModelRow
from extval.validate.streams import stream
from extval.validate.study import BinaryStudy

MAX_ROC_POINTS = 1000
BAND_SPECIFICITIES = np.linspace(0.0, 1.0, 51)
FloatArray = NDArray[np.float64]
Pairs = list[tuple[str, str, Comparison]]


def add_discrimination(
    found: GroupFindings, study: BinaryStudy, group: Group, model: ModelRow
) -> None:
    """Add AUC, partial AUC, average precision, both curves, and the measures at the threshold."""
    protocol, y_true, y_prob = study.protocol, study.y_true, study.y_prob[model.name]
    level, n_resamples = protocol.confidence_level, protocol.bootstrap.n_resamples
    found.metric(model.name, "auc", _auc(study, group, model.name))
    part = protocol.discrimination.partial
    if part is not None:
        area = partial_auc(
            y_true,
            y_prob,
            low=part.low,
            high=part.high,
            over=part.over,
            n_resamples=n_resamples,
            rng=stream(protocol.seed, f"partial_auc/{group.label}/{model.name}"),
            confidence_level=level,
        )
        found.metric(model.name, "pauc", area.raw)
        found.metric(model.name, "pauc_corrected", area.corrected)
    precision = average_precision(
        y_true,
        y_prob,
        n_resamples=n_resamples,
        rng=stream(protocol.seed, f"average_precision/{group.label}/{model.name}"),
        confidence_level=level,
    )
    found.metric(model.name, "average_precision", precision)
    _add_roc(found, model.name, roc_curve(y_true, y_prob))
    if n_resamples:
        _add_band(found, study, group, model.name)
    _add_precision_recall(found, study, model.name)
    _add_classification(found, study, model)


def auc_pairs(study: BinaryStudy) -> Pairs:
    """Return the paired differences in AUC of the models in one group."""
    protocol, names = study.protocol, list(study.y_prob)
    reference = protocol.comparisons.reference
    if study.cluster is not None:
        test = partial(clustered_auc_test, confidence_level=protocol.confidence_level)
        return [
            (a, b, test(study.y_true, study.y_prob[a], study.y_prob[b], study.cluster))
            for a, b in model_pairs(names, reference)
        ]
    found = delong_pairs(
        study.y_true,
        np.stack([study.y_prob[name] for name in names]),
        reference=None if reference is None else names.index(reference),
        confidence_level=protocol.confidence_level,
    )
    return [(names[pair.a], names[pair.b], pair.comparison) for pair in found]


def classification_pairs(study: BinaryStudy, models: tuple[ModelRow, ...]) -> dict[str, Pairs]:
    """Return paired differences at the frozen thresholds: sensitivity, specificity, PPV, NPV."""
    protocol, level = study.protocol, study.protocol.confidence_level
    positive = {
        model.name: study.y_prob[model.name] >= model.threshold
        for model in models
        if model.threshold is not None
    }
    found: dict[str, Pairs] = {"sensitivity": [], "specificity": [], "ppv": [], "npv": []}
    for a, b in model_pairs(list(study.y_prob), protocol.comparisons.reference):
        if a not in positive or b not in positive:
            for pairs in found.values():
                pairs.append((a, b, _without_threshold(study)))
            continue
        calls = (study.y_true, positive[a], positive[b])
        method = protocol.comparisons.mcnemar
        for name, test in (("sensitivity", sensitivity_test), ("specificity", specificity_test)):
            found[name].append((a, b, test(*calls, method=method, confidence_level=level)))
        values = predictive_value_tests(*calls, confidence_level=level)
        found["ppv"].append((a, b, values["ppv"]))
        found["npv"].append((a, b, values["npv"]))
    return found


def _without_threshold(study: BinaryStudy) -> Comparison:
    """Return the difference of two models of which one has no threshold."""
    return Comparison(
        difference=nan,
        interval=Interval.undefined(study.protocol.confidence_level),
        method="not compared",
        n=study.y_true.size,
        events=int(np.count_nonzero(study.y_true)),
        status=Status.NO_THRESHOLD,
    )


def model_pairs(names: list[str], reference: str | None) -> list[tuple[str, str]]:
    """Return the pairs that are compared: all, or each other model with the reference."""
    if reference is None or reference not in names:
        return list(combinations(names, 2))
    return [(name, reference) for name in names if name != reference]


def _auc(study: BinaryStudy, group: Group, model: str) -> Estimate:
    """Return the AUC with the interval that the protocol asks for."""
    protocol, y_true, y_prob = study.protocol, study.y_true, study.y_prob[model]
    level, wanted = protocol.confidence_level, protocol.discrimination.interval
    if study.cluster is not None:
        return clustered_auc(y_true, y_prob, study.cluster, confidence_level=level)
    kind, _, method = wanted.partition("-")
    if kind == "bootstrap":
        return auc_bootstrap(
            y_true,
            y_prob,
            method=method,
            n_resamples=protocol.bootstrap.n_resamples,
            rng=stream(protocol.seed, f"auc/{group.label}/{model}"),
            confidence_level=level,
        )
    return auc(y_true, y_prob, method=wanted, confidence_level=level)


def _add_roc(found: GroupFindings, model: str, curve: RocCurve) -> None:
    """Add the ROC curve, thinned evenly along its length when it has very many points."""
    if not curve.sensitivity.size:
        return
    keep = _thinned(curve.sensitivity - curve.specificity)
    found.curve(
        "roc",
        {"model": model},
        threshold=curve.thresholds[keep],
        sensitivity=curve.sensitivity[keep],
        specificity=curve.specificity[keep],
    )


def _add_precision_recall(found: GroupFindings, study: BinaryStudy, model: str) -> None:
    """Add the precision-recall curve, thinned like the ROC curve, with the event rate."""
    curve = precision_recall_curve(study.y_true, study.y_prob[model])
    if not curve.recall.size:
        return
    # With the recall the share called positive grows; each threshold adds to at least one.
    keep = _thinned(curve.recall + curve.recall / curve.precision.clip(1e-300))
    found.curve(
        "precision_recall",
        {"model": model},
        threshold=curve.thresholds[keep],
        recall=curve.recall[keep],
        precision=curve.precision[keep],
        event_rate=np.full(keep.size, curve.prevalence),
    )


def _thinned(walked: FloatArray) -> NDArray[np.intp]:
    """Return the points to keep of a curve along which `walked` never decreases."""
    keep = np.arange(walked.size)
    if keep.size <= MAX_ROC_POINTS:
        return keep
    marks = np.linspace(walked[0], walked[-1], MAX_ROC_POINTS)
    return np.unique(np.searchsorted(walked, marks).clip(0, keep.size - 1))


def _add_band(found: GroupFindings, study: BinaryStudy, group: Group, model: str) -> None:
    """Add the pointwise band of the ROC curve: sensitivity at given specificities."""
    protocol = study.protocol
    band = roc_band(
        study.y_true,
        study.y_prob[model],
        specificity=BAND_SPECIFICITIES,
        n_resamples=protocol.bootstrap.n_resamples,
        rng=stream(protocol.seed, f"roc_band/{group.label}/{model}"),
        confidence_level=protocol.confidence_level,
    )
    found.curve(
        "roc_band",
        {"model": model},
        specificity=band.specificity,
        sensitivity=band.sensitivity,
        lower=band.lower,
        upper=band.upper,
    )


def _add_classification(found: GroupFindings, study: BinaryStudy, model: ModelRow) -> None:
    """Add the measures at the frozen threshold, and PPV and NPV at stated prevalences."""
    asked, level = study.protocol.classification, study.protocol.confidence_level
    y_true, threshold = study.y_true, model.threshold
    counts = confusion(y_true, study.y_prob[model.name], inf if threshold is None else threshold)
    measures = classification_measures(counts, method=asked.interval, confidence_level=level)
    for prevalence in asked.prevalence:
        values = predictive_values_at(counts, prevalence=prevalence, confidence_level=level)
        measures |= {f"{name}_at_prevalence_{prevalence:g}": v for name, v in values.items()}
    for metric, estimate in measures.items():
        if threshold is None:  # the row stays, and says why there is nothing to count
            known = replace(
                estimate,
                value=nan,
                se=nan,
                interval=Interval.undefined(level),
                status=Status.NO_THRESHOLD,
            )
            found.metric(model.name, metric, known)
        else:
            note = model.threshold_note
            found.metric(model.name, metric, estimate, threshold=threshold, note=note)
