"""Case mix: how unlike the validation patients are, and the AUC that their mix allows."""

from collections.abc import Sequence

import numpy as np
from scipy.special import logit

from extval.stats.case_mix import case_mix_auc, membership_model, model_based_auc
from extval.stats.results import Estimate, Interval, Status
from extval.validate.characteristics import MISSING, labels, numbers, ordered
from extval.validate.cohort import ALL_CENTERS, DEVELOPMENT, VALIDATION, Group
from extval.validate.findings import GroupFindings
from extval.validate.study import BinaryStudy, FloatArray, Study


def describe_case_mix(study: Study, groups: Sequence[Group]) -> list[GroupFindings]:
    """Return the rows on case mix of every validation group, when predictors are declared.

    ``membership_c`` without a model: how well the declared predictors tell the group from the
    development cohort; with a model (0/1 outcome): how well its linear predictor and the outcome
    do. ``auc_model_based``: the AUC that the predicted risks would have if they were true, the
    development cohort's included; ``auc_model_based_recalibrated``: after recalibration here.
    """
    if not study.protocol.case_mix.predictors:
        return []
    development = next(
        group for group in groups if group.cohort == DEVELOPMENT and group.center == ALL_CENTERS
    )
    columns = _columns(study)
    found = []
    for group in groups:
        if group.cohort != VALIDATION and group is not development:
            continue
        mine = GroupFindings(group)
        if group is not development:
            _add_membership(mine, study, columns, development, group)
        if isinstance(study, BinaryStudy):
            _add_models(mine, study, development, group)
        found.append(mine)
    return found


def _columns(study: Study) -> FloatArray:
    """Return the declared predictors, shape (patients, columns): categories as 0/1, NaN missing."""
    found: list[FloatArray] = []
    for variable in study.protocol.case_mix.predictors.values():
        cells = study.roster.characteristics[variable.column]
        if variable.kind == "continuous":
            found.append(numbers(cells))
            continue
        names = np.array(labels(cells), dtype=object)
        found += [
            np.where(names == MISSING, np.nan, names == category)
            for category in ordered(labels(cells))[1:]
        ]
    return np.column_stack(found) if found else np.empty((study.roster.order.size, 0))


def _add_membership(
    found: GroupFindings, study: Study, columns: FloatArray, development: Group, group: Group
) -> None:
    first, second = columns[development.rows], columns[group.rows]
    kept = [~np.isnan(rows).any(axis=1) for rows in (first, second)]
    left_out = sum(int(np.count_nonzero(~complete)) for complete in kept)
    membership = membership_model(
        first[kept[0]], second[kept[1]], confidence_level=study.protocol.confidence_level
    )
    said = f"Patients without all predictors were left out: {left_out}." if left_out else ""
    found.metric("", "membership_c", membership.c_statistic, note=said)


def _add_models(found: GroupFindings, study: BinaryStudy, development: Group, group: Group) -> None:
    level, y_true = study.protocol.confidence_level, study.y_true
    for name, y_prob in study.y_prob.items():
        here = y_prob[group.rows]
        if group is development:
            expected = model_based_auc(here, confidence_level=level)
            found.metric(name, "auc_model_based", expected)
            continue
        found.metric(name, "membership_c", _by_outcome(study, name, development, group))
        areas = case_mix_auc(y_true[group.rows], here, confidence_level=level)
        found.metric(name, "auc_model_based", areas.model_based)
        found.metric(name, "auc_model_based_recalibrated", areas.calibrated)


def _by_outcome(study: BinaryStudy, model: str, development: Group, group: Group) -> Estimate:
    """Return the membership c-statistic of a linear predictor and the outcome."""
    level, y_prob = study.protocol.confidence_level, study.y_prob[model]
    both = np.concatenate([development.rows, group.rows])
    if ((y_prob[both] == 0.0) | (y_prob[both] == 1.0)).any():
        return Estimate(
            value=np.nan,
            interval=Interval.undefined(level),
            method="membership model; AUC, DeLong",
            n=both.size,
            events=group.rows.size,
            status=Status.LOGIT_UNDEFINED,
        )
    columns = np.column_stack([logit(y_prob), study.y_true])
    membership = membership_model(
        columns[development.rows], columns[group.rows], confidence_level=level
    )
    return membership.c_statistic
