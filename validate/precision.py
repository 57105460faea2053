"""Was the external cohort large enough: Riley's criteria, from the cohort as it turned out."""

from dataclasses import replace
from math import inf, nan

import numpy as np
from scipy.special import logit

from extval.stats.linear_predictor import sampled_linear_predictor
from extval.stats.results import Estimate, Interval, Status
from extval.stats.roc import auc
from extval.stats.samplesize import (
    BinaryDesign,
    PrecisionCriterion,
    binary_precision,
    binary_sample_size,
)
from extval.validate.findings import GroupFindings
from extval.validate.study import BinaryStudy, FloatArray

CRITERIA = ("oe_ratio", "calibration_slope", "auc", "net_benefit")
MAX_SAMPLE = 2000


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


def _name(criterion: PrecisionCriterion) -> str:
    return next(name for name in CRITERIA if name in criterion.measure)


def _sentence(needed: PrecisionCriterion, here: PrecisionCriterion, n: int) -> str:
    reached = "wider than any use" if here.width == inf else f"{here.width:.2f}"
    verdict = "large enough" if here.sufficient else "too small"
    return (
        f"{needed.n} patients give an interval of width {needed.target_width:g}; these {n} give "
        f"{reached}: {verdict}."
    )


def _thinned(lp: FloatArray) -> FloatArray:
    """Return the distribution of the linear predictor by at most 2,000 of its quantiles."""
    if lp.size <= MAX_SAMPLE:
        return lp
    return np.quantile(lp, (np.arange(MAX_SAMPLE) + 0.5) / MAX_SAMPLE)
