"""Predictions of one model at the horizons of a time-to-event protocol, in one group."""

import numpy as np

from extval.stats.auc_t import auc_t
from extval.stats.auc_t_curve import auc_t_curve
from extval.stats.brier_t import brier_t, ipa_t
from extval.stats.integrated_brier import ibs
from extval.stats.results import Status
from extval.stats.survival_calibration import oe_t
from extval.stats.survival_calibration_curve import calibration_curve_t, calibration_groups_t
from extval.stats.survival_decision import survival_decision_curve
from extval.stats.survival_net_benefit import survival_net_benefit
from extval.validate.cohort import Group
from extval.validate.findings import GroupFindings
from extval.validate.streams import stream
from extval.validate.study import FloatArray, SurvivalStudy
from extval.validate.unavailable import unavailable

CURVE_POINTS = 12
_FLEXIBLE = "flexible calibration at the horizon"
# What a row is called whose estimator could not be run.
ESTIMATORS = {
    "auc_t": "cumulative/dynamic AUC, IPCW",
    "iauc": "average over horizons of the cumulative/dynamic AUC, IPCW",
    "brier_t": "Brier score, IPCW",
    "ipa_t": "index of prediction accuracy, IPCW",
    "ibs": "integrated Brier score, IPCW",
    "ici_t": _FLEXIBLE,
    "e50_t": _FLEXIBLE,
    "e90_t": _FLEXIBLE,
    "emax_t": _FLEXIBLE,
    "net_benefit_t": "net benefit at the horizon",
}


def add_horizons(
    found: GroupFindings, study: SurvivalStudy, group: Group, model: str, *, utility_at: float
) -> None:
    """Add discrimination, calibration and error at each horizon, and what runs over time."""
    protocol, time, kind, cause = study.protocol, study.time, study.kind, study.cause
    level = protocol.confidence_level
    if study.entry is not None:
        _add_with_delayed_entry(found, study, model, utility_at=utility_at)
        return
    for horizon in protocol.outcome.horizons:
        ranking = study.risk.get((model, horizon), study.score(model))
        area = auc_t(time, kind, ranking, horizon=horizon, cause=cause, confidence_level=level)
        found.metric(model, "auc_t", area, horizon=horizon)
    horizons = sorted(protocol.models[model].risk)
    for horizon in horizons:
        risk = study.risk[model, horizon]
        for metric, routine in (("oe_t", oe_t), ("brier_t", brier_t), ("ipa_t", ipa_t)):
            estimate = routine(
                time, kind, risk, horizon=horizon, cause=cause, confidence_level=level
            )
            found.metric(model, metric, estimate, horizon=horizon)
        _add_calibration(found, study, group, model, horizon)
        _add_utility(found, study, group, model, horizon, at=utility_at)
    if len(horizons) > 1:
        risks = np.stack([study.risk[model, horizon] for horizon in horizons])
        error = ibs(time, kind, risks, horizons=horizons, cause=cause, confidence_level=level)
        found.metric(model, "ibs", error, horizon=horizons[-1])
    _add_auc_curve(found, study, model)


def _add_with_delayed_entry(
    found: GroupFindings, study: SurvivalStudy, model: str, *, utility_at: float
) -> None:
    """Add O:E at each horizon, and say of the rest that it is not defined with delayed entry."""
    protocol, horizons = study.protocol, sorted(study.protocol.models[model].risk)

    def without(metric: str, horizon: float, threshold: float | None = None) -> None:
        blank = unavailable(study, ESTIMATORS[metric], Status.DELAYED_ENTRY)
        found.metric(model, metric, blank, horizon=horizon, threshold=threshold)

    for horizon in protocol.outcome.horizons:
        without("auc_t", horizon)
    for horizon in horizons:
        ratio = oe_t(
            study.time,
            study.kind,
            study.risk[model, horizon],
            horizon=horizon,
            cause=study.cause,
            entry=study.entry,
            confidence_level=protocol.confidence_level,
        )
        found.metric(model, "oe_t", ratio, horizon=horizon)
        for metric in ("brier_t", "ipa_t", "ici_t", "e50_t", "e90_t", "emax_t"):
            without(metric, horizon)
        without("net_benefit_t", horizon, utility_at)
    if len(horizons) > 1:
        without("ibs", horizons[-1])
    without("iauc", float(curve_times(study)[-1]))


def curve_times(study: SurvivalStudy) -> FloatArray:
    """Return the times of the AUC(t) curve: as stated, or equal steps to the last horizon."""
    outcome = study.protocol.outcome
    if outcome.curve_times is not None:
        return np.array(outcome.curve_times)
    last = max(outcome.horizons)
    return np.asarray(last * np.arange(1, CURVE_POINTS + 1) / CURVE_POINTS)


def _add_calibration(
    found: GroupFindings, study: SurvivalStudy, group: Group, model: str, horizon: float
) -> None:
    protocol, risk = study.protocol, study.risk[model, horizon]
    level = protocol.confidence_level
    curve = calibration_curve_t(
        study.time,
        study.kind,
        risk,
        horizon=horizon,
        cause=study.cause,
        n_resamples=protocol.bootstrap.n_resamples,
        rng=stream(protocol.seed, f"calibration_t/{group.label}/{model}/{horizon:g}"),
        confidence_level=level,
    )
    for metric in ("ici", "e50", "e90", "emax"):
        found.metric(model, f"{metric}_t", getattr(curve, metric), horizon=horizon)
    found.curve(
        "calibration_t",
        {
            "model": model,
            "horizon": horizon,
            "smoother": "rcs, Fine-Gray" if study.competing else "rcs",
        },
        predicted=curve.grid,
        observed=curve.observed,
        lower=curve.lower,
        upper=curve.upper,
    )
    groups = calibration_groups_t(
        study.time,
        study.kind,
        risk,
        horizon=horizon,
        cause=study.cause,
        confidence_level=level,
    )
    found.curve(
        "calibration_groups_t",
        {"model": model, "horizon": horizon},
        group=np.arange(1, groups.n.size + 1),
        mean_predicted=groups.mean_predicted,
        observed=groups.observed,
        lower=groups.lower,
        upper=groups.upper,
        n=groups.n,
        events=groups.events,
    )


def _add_utility(
    found: GroupFindings,
    study: SurvivalStudy,
    group: Group,
    model: str,
    horizon: float,
    *,
    at: float,
) -> None:
    """Add net benefit at the tabulated threshold, and the decision curve, for one horizon."""
    protocol, level = study.protocol, study.protocol.confidence_level
    grid = protocol.decision_curve.thresholds()
    name = f"decision_t/{group.label}/{model}/{horizon:g}"
    curve = survival_decision_curve(
        study.time,
        study.kind,
        study.risk[model, horizon][np.newaxis],
        horizon=horizon,
        thresholds=grid,
        cause=study.cause,
        n_resamples=protocol.bootstrap.n_resamples,
        rng=stream(protocol.seed, name),
        confidence_level=level,
    )
    estimate = survival_net_benefit(
        study.time,
        study.kind,
        study.risk[model, horizon],
        threshold=at,
        horizon=horizon,
        cause=study.cause,
        n_resamples=protocol.bootstrap.n_resamples,
        rng=stream(protocol.seed, name),
        confidence_level=level,
    )
    found.metric(model, "net_benefit_t", estimate, horizon=horizon, threshold=at)
    empty = np.full(len(grid), np.nan)
    own = {
        "net_benefit": curve.net_benefit[0],
        "lower": curve.lower[0],
        "upper": curve.upper[0],
        "standardized": curve.standardized[0],
        "standardized_lower": curve.standardized_band.lower[0],
        "standardized_upper": curve.standardized_band.upper[0],
        "interventions_avoided": curve.interventions_avoided[0],
        "interventions_avoided_lower": curve.interventions_avoided_band.lower[0],
        "interventions_avoided_upper": curve.interventions_avoided_band.upper[0],
    }
    everyone = {
        "net_benefit": curve.treat_all,
        "lower": curve.treat_all_band.lower,
        "upper": curve.treat_all_band.upper,
    }
    found.curve("decision_t", {"model": model, "horizon": horizon}, threshold=grid, **own)
    if model == next(iter(protocol.models)):
        for label, columns in (
            ("treat all", everyone),
            ("treat none", {"net_benefit": curve.treat_none}),
        ):
            found.curve(
                "decision_t",
                {"model": label, "horizon": horizon},
                threshold=grid,
                **(dict.fromkeys(own, empty) | columns),
            )


def _add_auc_curve(found: GroupFindings, study: SurvivalStudy, model: str) -> None:
    """Add AUC(t) over time and its average."""
    curve = auc_t_curve(
        study.time,
        study.kind,
        study.score(model),
        horizons=curve_times(study),
        cause=study.cause,
        confidence_level=study.protocol.confidence_level,
    )
    found.metric(model, "iauc", curve.integrated, horizon=float(curve.horizons[-1]))
    found.curve(
        "auc_t",
        {"model": model},
        time=curve.horizons,
        auc=curve.auc,
        lower=curve.lower,
        upper=curve.upper,
        cases=curve.cases,
        controls=curve.controls,
        note=[status.value for status in curve.statuses],
    )
