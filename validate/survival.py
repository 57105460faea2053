"""Evaluation of one group of patients for a time to event: which parts, in which order."""

import numpy as np

from extval.stats.concordance import c_harrell, c_uno, concordance_test
from extval.stats.kaplan_meier import quantile, reverse_kaplan_meier
from extval.stats.proportional_hazards import proportional_hazards_test
from extval.stats.results import Estimate, Status
from extval.stats.survival_calibration import calibration_slope_cox
from extval.validate.censoring_check import add_censoring_check
from extval.validate.cohort import VALIDATION, Group
from extval.validate.discrimination import Pairs, model_pairs
from extval.validate.findings import GroupFindings
from extval.validate.horizon import add_horizons
from extval.validate.horizon_pairs import add_horizon_pairs
from extval.validate.landmarks import add_landmarks, describe_landmarks
from extval.validate.outcomes import add_outcome, incidence_curve, survival_curve
from extval.validate.precision import add_precision_t
from extval.validate.risk_groups import (
    add_curve,
    add_incidence,
    add_risk_groups,
    add_risk_table,
)
from extval.validate.store import ModelRow
from extval.validate.study import FloatArray, SurvivalStudy
from extval.validate.unavailable import not_compared, unavailable


def describe(study: SurvivalStudy, group: Group) -> GroupFindings:
    """Return what is known of the group before any model is looked at."""
    found, everyone = GroupFindings(group), np.ones(study.time.size, dtype=bool)
    add_outcome(found, study, "", everyone)
    if study.competing:
        add_incidence(found, "", "", incidence_curve(study, everyone))
    else:
        add_curve(found, "", "", survival_curve(study, everyone))
    any_event = study.kind != 0
    follow_up = reverse_kaplan_meier(
        study.time,
        any_event,
        entry=study.entry,
        confidence_level=study.protocol.confidence_level,
        method=study.protocol.survival_curves.interval,
    )
    found.metric("", "follow_up_median", quantile(follow_up, q=0.5))
    add_risk_table(found, study, "", "", everyone)
    add_censoring_check(found, study)
    describe_landmarks(found, study)
    return found


def evaluate_model(
    study: SurvivalStudy, group: Group, model: ModelRow, *, utility_at: float
) -> GroupFindings:
    """Return everything about one model in one group."""
    protocol, time, event = study.protocol, study.time, study.event
    found, level, score = GroupFindings(group), protocol.confidence_level, study.score(model.name)
    last = max(protocol.outcome.horizons)
    harrell, uno = _concordance(study, score, last)
    found.metric(model.name, "c_harrell", harrell)
    followed, beyond = float(time.max()), ""
    if last > followed and not np.isnan(uno.value):
        beyond = f"Nobody is followed to {last:g}: this is the C-index up to {followed:g}."
    found.metric(model.name, "c_uno", uno, horizon=last, note=beyond)
    if model.name in study.linear_predictor:
        slope = calibration_slope_cox(
            time,
            event,
            study.linear_predictor[model.name],
            entry=study.entry,
            confidence_level=level,
        )
        found.metric(model.name, "calibration_slope", slope)
        predictor = study.linear_predictor[model.name][:, np.newaxis]
        constant = proportional_hazards_test(time, event, predictor, entry=study.entry)
        found.test(model.name, "proportional_hazards", constant.overall)
    add_horizons(found, study, group, model.name, utility_at=utility_at)
    add_risk_groups(found, study, group, model, score)
    add_landmarks(found, study, group, model)
    if group.cohort == VALIDATION:
        for horizon in sorted(protocol.models[model.name].risk):
            add_precision_t(found, study, model.name, horizon, at=utility_at)
    return found


def compare_models(study: SurvivalStudy, group: Group, *, utility_at: float) -> GroupFindings:
    """Return the paired differences between models; each measure is one family for Holm."""
    protocol, found = study.protocol, GroupFindings(group)
    if len(protocol.models) < 2:
        return found
    adjustment, last = protocol.comparisons.adjustment, max(protocol.outcome.horizons)
    found.family("c_harrell", _concordance_pairs(study, "harrell", None), adjustment=adjustment)
    uno = _concordance_pairs(study, "uno", last)
    found.family("c_uno", uno, adjustment=adjustment, horizon=last)
    add_horizon_pairs(found, study, group, utility_at=utility_at)
    return found


def _concordance(study: SurvivalStudy, score: FloatArray, last: float) -> tuple[Estimate, Estimate]:
    """Return Harrell's and Uno's C; the weights of Uno's are without delayed entry."""
    level, data = study.protocol.confidence_level, (study.time, study.event, score)
    harrell = c_harrell(*data, entry=study.entry, confidence_level=level)
    if study.entry is not None:
        return harrell, unavailable(study, "Uno's C", Status.DELAYED_ENTRY)
    return harrell, c_uno(*data, horizon=last, confidence_level=level)


def _concordance_pairs(study: SurvivalStudy, estimator: str, horizon: float | None) -> Pairs:
    pairs = model_pairs(list(study.protocol.models), study.protocol.comparisons.reference)
    if study.entry is not None and estimator == "uno":
        blank = not_compared(study, "Uno's C", Status.DELAYED_ENTRY)
        return [(a, b, blank) for a, b in pairs]
    return [
        (
            a,
            b,
            concordance_test(
                study.time,
                study.event,
                study.score(a),
                study.score(b),
                estimator=estimator,
                horizon=horizon,
                entry=study.entry,
                confidence_level=study.protocol.confidence_level,
            ),
        )
        for a, b in pairs
    ]
