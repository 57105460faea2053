"""Case mix: how unlike the validation patients are, and the AUC or C that their mix allows."""

from collections.abc import Sequence

import numpy as np
from scipy.special import logit

from extval.stats.case_mix import case_mix_auc, membership_model, model_based_auc
from extval.stats.case_mix_survival import (
    CaseMixConcordance,
    case_mix_concordance,
)
from extval.stats.results import Estimate, Interval, Status
from extval.validate.characteristics import MISSING, labels, numbers, ordered
from extval.validate.cohort import ALL_CENTERS, DEVELOPMENT, VALIDATION, Group
from extval.validate.findings import GroupFindings
from extval.validate.study import BinaryStudy, FloatArray, Study, SurvivalStudy

WITHOUT_OUTCOME = (
    "The model sees the linear predictor alone: the length of follow-up would tell cohorts apart."
)


def describe_case_mix(study: Study, groups: Sequence[Group]) -> list[GroupFindings]:
    """Return the rows on case mix of every validation group, when predictors are declared.

    ``membership_c`` without a model: how well the declared predictors tell the group from the
    development cohort; with a model (0/1 outcome): how well its linear predictor and the outcome
    do. ``auc_model_based``: the AUC that the predicted risks would have if they were true, the
    development cohort's included; ``auc_model_based_recalibrated``: after recalibration here. For
    a time to event these are ``c_model_based`` and ``c_model_based_recalibrated``, and membership
    is told from the linear predictor alone.
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
        else:
            _add_survival_models(mine, study, development, group)
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


def _add_survival_models(
    found: GroupFindings, study: SurvivalStudy, development: Group, group: Group
) -> None:
    level = study.protocol.confidence_level
    for name in study.protocol.models:
        log_hazard = _log_hazard(study, name)
        finite = bool(np.isfinite(log_hazard).all())
        if group is not development:
            here, there = log_hazard[group.rows], log_hazard[development.rows]
            membership = (
                membership_model(
                    there[:, np.newaxis], here[:, np.newaxis], confidence_level=level
                ).c_statistic
                if finite
                else _not_estimable(
                    study.of(group), group, "membership model", Status.CLOGLOG_UNDEFINED
                )
            )
            found.metric(name, "membership_c", membership, note=WITHOUT_OUTCOME)
        concordance = _concordance(study.of(group), group, log_hazard[group.rows])
        found.metric(name, "c_model_based", concordance.model_based)
        if group is not development:
            found.metric(name, "c_model_based_recalibrated", concordance.calibrated)


def _concordance(study: SurvivalStudy, group: Group, log_hazard: FloatArray) -> CaseMixConcordance:
    """Return the model-based concordance of a group, or why there is none."""
    level, status = study.protocol.confidence_level, Status.OK
    if study.competing:
        status = Status.COMPETING_EVENTS
    elif not np.isfinite(log_hazard).all():
        status = Status.CLOGLOG_UNDEFINED
    if status is Status.OK:
        return case_mix_concordance(
            study.time, study.event, log_hazard, entry=study.entry, confidence_level=level
        )
    blank = _not_estimable(study, group, "model-based concordance", status)
    return CaseMixConcordance(model_based=blank, calibrated=blank)


def _log_hazard(study: SurvivalStudy, model: str) -> FloatArray:
    """Return the linear predictor, or else the log cumulative hazard at the first horizon."""
    if model in study.linear_predictor:
        return study.linear_predictor[model]
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(-np.log1p(-study.score(model))))


def _not_estimable(study: SurvivalStudy, group: Group, method: str, status: Status) -> Estimate:
    return Estimate(
        value=np.nan,
        interval=Interval.undefined(study.protocol.confidence_level),
        method=method,
        n=group.rows.size,
        events=int(np.count_nonzero(study.event)),
        status=status,
    )


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
