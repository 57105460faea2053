"""Evaluation of one group of patients for a binary outcome: which parts, in which order."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from extval.stats.clustered_auc import clustered_auc_test_unpaired
from extval.stats.proportions import wilson
from extval.stats.results import Comparison, Estimate
from extval.stats.roc import delong_test_unpaired
from extval.validate.calibration import add_calibration
from extval.validate.cohort import ALL_CENTERS, DEVELOPMENT, VALIDATION, Group
from extval.validate.discrimination import add_discrimination, auc_pairs, classification_pairs
from extval.validate.findings import GroupFindings
from extval.validate.precision import add_precision
from extval.validate.store import ModelRow
from extval.validate.study import BinaryStudy
from extval.validate.updating import add_updating
from extval.validate.utility import (
    add_differences,
    add_strategies,
    add_utility,
    utility_pairs,
)


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
    add_strategies(found, study, group)
    return found


def evaluate_model(
    study: BinaryStudy, group: Group, model: ModelRow, *, utility_at: float
) -> GroupFindings:
    """Return everything about one model in one group."""
    found = GroupFindings(group)
    add_discrimination(found, study, group, model)
    add_calibration(found, study, group, model.name)
    add_utility(found, study, group, model.name, at=utility_at)
    if group.cohort == VALIDATION:
        add_updating(found, study, group, model.name)
        add_precision(found, study, model.name, at=utility_at)
    return found


def compare_models(
    study: BinaryStudy, group: Group, models: tuple[ModelRow, ...], *, utility_at: float
) -> GroupFindings:
    """Return the paired differences between models; each measure is one family for Holm."""
    found, adjustment = GroupFindings(group), study.protocol.comparisons.adjustment
    if len(models) < 2:
        return found
    families = {
        "auc": auc_pairs(study),
        **classification_pairs(study, models),
        **utility_pairs(study, group, at=utility_at),
    }
    for metric, pairs in families.items():
        found.family(metric, pairs, adjustment=adjustment)
    add_differences(found, study, group)
    return found


def compare_groups(study: BinaryStudy, groups: Sequence[Group]) -> list[GroupFindings]:
    """Return unpaired differences in AUC of each model between groups of different patients.

    ``auc_vs_development``: a validation group minus the development cohort.
    ``auc_vs_center:NAME``: a validation centre minus another one.
    """
    development = next(
        group for group in groups if group.cohort == DEVELOPMENT and group.center == ALL_CENTERS
    )
    outside = [group for group in groups if group.cohort == VALIDATION]
    centers = [group for group in outside if group.center != ALL_CENTERS]
    found = []
    for group in outside:
        mine = GroupFindings(group)
        mine.family(
            "auc_vs_development",
            [(name, name, _unpaired(study, group, development, name)) for name in study.y_prob],
            adjustment=study.protocol.comparisons.adjustment,
        )
        found.append(mine)
    for first, second in combinations(centers, 2):
        mine = GroupFindings(first)
        mine.family(
            f"auc_vs_center:{second.center}",
            [(name, name, _unpaired(study, first, second, name)) for name in study.y_prob],
            adjustment=study.protocol.comparisons.adjustment,
        )
        found.append(mine)
    return found


def _unpaired(study: BinaryStudy, first: Group, second: Group, model: str) -> Comparison:
    level, score = study.protocol.confidence_level, study.y_prob[model]
    a, b = ((study.y_true[rows], score[rows]) for rows in (first.rows, second.rows))
    if study.cluster is None:
        return delong_test_unpaired(*a, *b, confidence_level=level)
    return clustered_auc_test_unpaired(
        *a, study.cluster[first.rows], *b, study.cluster[second.rows], confidence_level=level
    )
