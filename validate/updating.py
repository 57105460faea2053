"""What updating would do to a model at the validated place, judged on patients it has not seen."""

from dataclasses import replace

import numpy as np

from extval.stats.brier import brier
from extval.stats.calibration import calibration_intercept, calibration_slope
from extval.stats.results import Estimate, Interval, Status
from extval.stats.updating import closed_testing_update, cross_fitted_update
from extval.validate.cohort import Group
from extval.validate.findings import GroupFindings
from extval.validate.streams import stream
from extval.validate.study import BinaryStudy


def add_updating(found: GroupFindings, study: BinaryStudy, group: Group, model: str) -> None:
    """Add the update that closed testing chooses, and its cross-fitted calibration and error.

    ``update_intercept`` and ``update_slope`` recalibrate the logit of the prediction;
    ``updated_...`` are the cross-fitted numbers, so no patient is judged by an update that was
    fitted on it.
    """
    protocol, y_true, y_prob = study.protocol, study.y_true, study.y_prob[model]
    level, events = protocol.confidence_level, int(np.count_nonzero(y_true))
    chosen = closed_testing_update(y_true, y_prob)
    words = f"closed testing at {chosen.alpha:g} chose: {chosen.model.kind}"
    for metric, value in (
        ("update_intercept", chosen.model.intercept),
        ("update_slope", chosen.model.slope),
    ):
        estimate = Estimate(
            value=value if chosen.model.status is Status.OK else np.nan,
            interval=Interval.undefined(level),
            method=words,
            n=y_true.size,
            events=events,
            status=chosen.model.status,
        )
        found.metric(model, metric, estimate)
    crossed = cross_fitted_update(
        y_true,
        y_prob,
        n_folds=protocol.updating.folds,
        rng=stream(protocol.seed, f"updating/{group.label}/{model}"),
    )
    for metric, routine in (
        ("calibration_intercept", calibration_intercept),
        ("calibration_slope", calibration_slope),
        ("brier", brier),
    ):
        if crossed.status is Status.OK:
            judged = routine(y_true, crossed.y_prob, confidence_level=level)
            method = f"{judged.method}; after closed testing, cross-fitted"
            judged = replace(judged, method=f"{method} in {protocol.updating.folds} folds")
        else:
            judged = Estimate(
                value=np.nan,
                interval=Interval.undefined(level),
                method="after closed testing, cross-fitted",
                n=y_true.size,
                events=events,
                status=crossed.status,
            )
        found.metric(model, f"updated_{metric}", judged)
