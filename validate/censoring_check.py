"""The check of the censoring weights: of which patients they are, and that they average one."""

from math import nan

import numpy as np

from extval.stats.censoring import censoring_weights
from extval.stats.results import Estimate, Interval, Status
from extval.validate.findings import GroupFindings
from extval.validate.study import SurvivalStudy
from extval.validate.unavailable import unavailable

METRICS = ("censoring_weights_mean", "censoring_weights_largest", "censoring_weights_known")


def add_censoring_check(found: GroupFindings, study: SurvivalStudy) -> None:
    """Add mean and largest censoring weight of these patients at each horizon, and how many count.

    Weights of the patients themselves average 1; those of another cohort give themselves away.
    ``censoring_weights_known`` is the number of patients whose state at the horizon is known.
    """
    for horizon in study.protocol.outcome.horizons:
        if study.entry is not None:
            blank = unavailable(study, "censoring weights", Status.DELAYED_ENTRY)
            for metric in METRICS:
                found.metric("", metric, blank, horizon=horizon)
            continue
        weights = censoring_weights(study.time, study.kind != 0, horizon=horizon)
        known = float(weights.known) if weights.status is Status.OK else nan
        for metric, value in zip(METRICS, (weights.mean, weights.largest, known), strict=True):
            number = Estimate(
                value=value,
                interval=Interval.undefined(study.protocol.confidence_level),
                method=weights.method,
                n=weights.n,
                events=int(np.count_nonzero(study.event)),
                status=weights.status,
            )
            found.metric("", metric, number, horizon=horizon)
