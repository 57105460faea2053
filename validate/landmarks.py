"""Landmark analyses: the patients at risk at a chosen time, with the clock restarted there.

The metrics end in `_landmark` and carry the landmark in the column `horizon`; the curves have files
of their own. Delayed entry is over for those who are at risk at the landmark.
"""

from dataclasses import replace

import numpy as np

from extval.stats.concordance import c_harrell
from extval.stats.landmark import Landmark, landmark
from extval.stats.results import Estimate, Interval
from extval.validate.cohort import Group
from extval.validate.findings import GroupFindings
from extval.validate.risk_group_tests import add_tests
from extval.validate.risk_groups import (
    add_group_curves,
    risk_group_hazard_ratio,
    risk_group_members,
)
from extval.validate.store import ModelRow
from extval.validate.study import SurvivalStudy

ENDING = "_landmark"


def describe_landmarks(found: GroupFindings, study: SurvivalStudy) -> None:
    """Add how many patients are at risk just after each landmark, and why the others are not."""
    for at in study.protocol.landmarks:
        chosen = _chosen(study, at)
        said = (
            f"Left out of {chosen.n}: {chosen.n_event_before} with an event and "
            f"{chosen.n_censored_before} censored by the landmark"
        )
        if study.entry is not None:
            said += f", {chosen.n_entered_after} who entered later"
        count = Estimate(
            value=float(chosen.n_kept),
            interval=Interval.undefined(study.protocol.confidence_level),
            method="event-free and under observation just after the landmark",
            n=chosen.n_kept,
            events=int(np.count_nonzero(study.event[chosen.kept])),
        )
        found.metric("", f"at_risk{ENDING}", count, horizon=at, note=f"{said}.")


def add_landmarks(
    found: GroupFindings, study: SurvivalStudy, group: Group, model: ModelRow
) -> None:
    """Add C-index, tests, hazard ratios and curves of one model from each landmark on."""
    level = study.protocol.confidence_level
    for at in study.protocol.landmarks:
        later = _from(study, at)
        score = later.score(model.name)
        said = f"from the landmark at {at:g}, clock restarted"
        harrell = c_harrell(later.time, later.event, score, confidence_level=level)
        told = replace(harrell, method=f"{harrell.method}; {said}")
        found.metric(model.name, f"c_harrell{ENDING}", told, horizon=at)
        member, names = risk_group_members(model, score)
        add_tests(
            *(found, later, group, model, member, names), ending=ENDING, horizon=at, pooled=study
        )
        for index in range(1, len(names)):
            pair = (member == 0) | (member == index)
            ratio = risk_group_hazard_ratio(
                later.time[pair], later.event[pair], member[pair] > 0, None, level
            )
            word = "" if len(names) == 2 else f"_{names[index].replace(' ', '_')}"
            told = replace(ratio, method=f"{ratio.method}; {names[index]} v low; {said}")
            found.metric(model.name, f"hazard_ratio{word}{ENDING}", told, horizon=at)
        add_group_curves(found, later, model.name, member, names, landmark=at)


def _chosen(study: SurvivalStudy, at: float) -> Landmark:
    """Return who is at risk just after the landmark; a competing event ends that too."""
    return landmark(study.time, study.kind != 0, at=at, entry=study.entry)


def _from(study: SurvivalStudy, at: float) -> SurvivalStudy:
    """Return the patients at risk just after the landmark, with time counted from there."""
    chosen = _chosen(study, at)
    rows = np.flatnonzero(chosen.kept)
    kept = study.of(Group(cohort="", center="", rows=rows))
    return replace(kept, time=chosen.time, entry=None)
