"""Was the external cohort large enough: Riley's criteria, from the cohort as it turned out."""

from dataclasses import replace
from math import inf, nan

import numpy as np
from scipy.special import logit

from extval.stats.censoring import censoring_curve, locate
from extval.stats.linear_predictor import sampled_linear_predictor
from extval.stats.results import Estimate, Interval, Status
from extval.stats.roc import auc
from extval.stats.samplesize import (
    BinaryDesign,
    PrecisionCriterion,
    binary_precision,
    binary_sample_size,
)
from extval.stats.samplesize_survival import (
    SurvivalDesign,
    survival_precision,
    survival_sample_size,
)
from extval.validate.findings import GroupFindings
from extval.validate.study import BinaryStudy, FloatArray, SurvivalStudy

CRITERIA = ("oe_ratio", "calibration_slope", "auc", "net_benefit")
# What the design calls a measure, and the metric that it is about.
CRITERIA_T = {
    "oe_t": "oe_t",
    "calibration_slope_t": "calibration_slope_t",
    "calibration_slope": "calibration_slope",
    "c_harrell": "c_harrell",
    "standardized_net_benefit": "net_benefit_t",
}
# The variances for a time to event are integrated over time too, so fewer quantiles are taken.
MAX_SAMPLE, MAX_SAMPLE_T = 2000, 500


def add_precision(found: GroupFindings, study: BinaryStudy, model: str, *, at: float) -> None:
    """Add the patients needed for each criterion, with the width that this cohort reached.

    The design is the cohort itself: its event rate, the model's AUC in it and the distribution of
    its predictions, with perfect calibration. ``needed_n_NAME`` for each criterion.
    """
    y_true, y_prob = study.y_true, study.y_prob[model]
    n, events, level = y_true.size, int(np.count_nonzero(y_true)), study.protocol.confidence_level
    area = auc(y_true, y_prob)
    lp = logit(y_prob)
    status = area.status if np.isnan(area.value) else Status.OK
    if status is Status.OK and not np.isfinite(lp).all():
        status = Status.LOGIT_UNDEFINED
    elif status is Status.OK and (np.ptp(lp) == 0.0 or area.value in (0.0, 1.0)):
        status = Status.CONSTANT_SCORE if np.ptp(lp) == 0.0 else Status.PERFECT_SEPARATION
    blank = Estimate(
        value=nan,
        interval=Interval.undefined(level),
        method="Riley 2021 criteria for the cohort as it is",
        n=n,
        events=events,
        status=status,
    )
    if status is not Status.OK:
        for name in CRITERIA:
            found.metric(model, f"needed_n_{name}", blank)
        return
    widths = study.protocol.precision
    design = BinaryDesign(
        prevalence=events / n,
        auc=area.value,
        linear_predictor=sampled_linear_predictor(_thinned(lp)),
        threshold=at,
        oe_width=widths.oe_ratio,
        slope_width=widths.calibration_slope,
        auc_width=widths.auc,
        net_benefit_width=widths.net_benefit,
        confidence_level=level,
    )
    wanted, reached = binary_sample_size(design), binary_precision(design, n)
    for needed, here in zip(wanted.criteria, reached.criteria, strict=True):
        estimate = replace(blank, value=float(needed.n), method=wanted.method)
        found.metric(model, f"needed_n_{_name(needed)}", estimate, note=_sentence(needed, here, n))


def add_precision_t(
    found: GroupFindings, study: SurvivalStudy, model: str, horizon: float, *, at: float
) -> None:
    """Add the patients needed for each criterion at a horizon, with the width that is reached.

    The design is the cohort itself: the distribution of the model's risks at the horizon, taken as
    true, and the censoring before it. ``needed_n_NAME`` for each criterion.
    """
    level, risk = study.protocol.confidence_level, study.risk[model, horizon]
    censoring = locate(censoring_curve(study.time, study.kind != 0), horizon)
    blank = Estimate(
        value=nan,
        interval=Interval.undefined(level),
        method="Riley 2022 criteria for the cohort as it is",
        n=risk.size,
        events=int(np.count_nonzero(study.event)),
        status=_undefined_t(study, risk, censoring.uncensored, censoring.status),
    )
    if blank.status is not Status.OK:
        for name in CRITERIA_T.values():
            found.metric(model, f"needed_n_{name}", blank, horizon=horizon)
        return
    widths, benefit = study.protocol.precision, bool((risk > at).any())
    design = SurvivalDesign(
        linear_predictor=sampled_linear_predictor(_thinned(_log_hazard(risk), MAX_SAMPLE_T)),
        lost=1.0 - censoring.uncensored,
        threshold=at if benefit else None,
        oe_width=widths.oe_t,
        slope_width=widths.calibration_slope,
        c_width=widths.c_harrell,
        net_benefit_width=widths.net_benefit,
        confidence_level=level,
    )
    wanted, reached = survival_sample_size(design), survival_precision(design, risk.size)
    for needed, here in zip(wanted.criteria, reached.criteria, strict=True):
        estimate = replace(blank, value=float(needed.n), method=wanted.method)
        name, said = CRITERIA_T[needed.measure], _sentence(needed, here, risk.size)
        found.metric(model, f"needed_n_{name}", estimate, horizon=horizon, note=said)
    if not benefit:
        nobody = replace(blank, status=Status.NONE_POSITIVE)
        found.metric(model, "needed_n_net_benefit_t", nobody, horizon=horizon)


def _undefined_t(
    study: SurvivalStudy, risk: FloatArray, uncensored: float, followed: Status
) -> Status:
    """Return why the criteria have no answer in this group."""
    if study.competing:
        return Status.COMPETING_EVENTS
    if study.entry is not None:
        return Status.DELAYED_ENTRY
    if followed is not Status.OK:
        return followed
    if not uncensored > 0.0:
        return Status.BEYOND_FOLLOW_UP
    if ((risk == 0.0) | (risk == 1.0)).any():
        return Status.CLOGLOG_UNDEFINED
    return Status.CONSTANT_PREDICTION if np.ptp(risk) == 0.0 else Status.OK


def _log_hazard(risk: FloatArray) -> FloatArray:
    """Return the log cumulative hazard that a risk stands for."""
    return np.asarray(np.log(-np.log1p(-risk)))


def _name(criterion: PrecisionCriterion) -> str:
    return next(name for name in CRITERIA if name in criterion.measure)


def _sentence(needed: PrecisionCriterion, here: PrecisionCriterion, n: int) -> str:
    reached = "wider than any use" if here.width == inf else f"{here.width:.2f}"
    verdict = "large enough" if here.sufficient else "too small"
    return (
        f"{needed.n} patients give an interval of width {needed.target_width:g}; these {n} give "
        f"{reached}: {verdict}."
    )


def _thinned(lp: FloatArray, most: int = MAX_SAMPLE) -> FloatArray:
    """Return the distribution of the linear predictor by at most `most` of its quantiles."""
    if lp.size <= most:
        return lp
    return np.quantile(lp, (np.arange(most) + 0.5) / most)
