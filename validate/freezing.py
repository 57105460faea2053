"""What is learned on development patients and then frozen: thresholds and risk-group cuts.

These functions are handed the development patients only; no external outcome can reach them.
"""

from collections.abc import Mapping

import numpy as np

from extval.stats.competing_risks import aalen_johansen, incidence_at
from extval.stats.threshold import choose_threshold
from extval.validate.protocol_settings import DecisionGrid, RiskGroups, Thresholds
from extval.validate.store import ModelRow
from extval.validate.study import BinaryStudy, BoolArray, FloatArray, SurvivalStudy

_PROBABILITIES = {
    "median": (1 / 2,),
    "tertiles": (1 / 3, 2 / 3),
    "quartiles": (1 / 4, 1 / 2, 3 / 4),
}


def freeze_binary(development: BinaryStudy) -> tuple[ModelRow, ...]:
    """Return each model with its decision threshold from the development patients."""
    return tuple(
        with_threshold(
            name,
            _named("probability", development.protocol.models[name].probability),
            development.protocol.thresholds,
            development.y_true,
            y_prob,
        )
        for name, y_prob in development.y_prob.items()
    )


def with_threshold(
    name: str, columns: Mapping[str, str], rule: Thresholds, y_true: BoolArray, y_prob: FloatArray
) -> ModelRow:
    """Return a model with the threshold that the rule chooses in these patients."""
    at = rule.value if rule.rule == "value" else rule.at
    found = choose_threshold(y_true, y_prob, rule=rule.rule, at=at)
    return ModelRow(
        name=name,
        columns=columns,
        threshold=None if np.isnan(found.value) else found.value,
        threshold_rule=_rule_text(rule),
        threshold_note=found.status.value,
    )


def freeze_survival(development: SurvivalStudy) -> tuple[ModelRow, ...]:
    """Return each model with its risk-group cuts from the development patients."""
    rule = development.protocol.risk_groups
    return tuple(
        with_cuts(name, _columns(development, name), rule, development.score(name))
        for name in development.protocol.models
    )


def with_cuts(
    name: str, columns: Mapping[str, str], rule: RiskGroups, score: FloatArray
) -> ModelRow:
    """Return a model with the risk-group cuts that the rule takes from these patients."""
    return ModelRow(
        name=name,
        columns=columns,
        risk_group_cuts=_cuts(rule, score),
        risk_group_rule=_cut_text(rule),
    )


def utility_threshold(grid: DecisionGrid, event_rate: float) -> float:
    """Return the threshold at which net benefit is tabulated.

    As stated in the protocol, or else the development event rate moved to the nearest point of
    the decision-curve grid.
    """
    if grid.at is not None:
        return grid.at
    points = np.array(grid.thresholds())
    return float(points[np.argmin(np.abs(points - event_rate))])


def binary_event_rate(development: BinaryStudy) -> float:
    """Return the share of development patients with the event."""
    return float(np.count_nonzero(development.y_true)) / development.y_true.size


def survival_event_rate(development: SurvivalStudy) -> float:
    """Return the share with the event by the first horizon, in the development patients."""
    horizon = development.protocol.outcome.horizons[0]
    incidence = aalen_johansen(
        development.time, development.kind, n_causes=2, entry=development.entry
    )
    rate = incidence_at(incidence, horizon).value
    return 0.5 if np.isnan(rate) else rate


def _rule_text(rule: Thresholds) -> str:
    if rule.rule == "value":
        return "stated in the protocol"
    detail = "" if rule.at is None else f" at {rule.at:g}"
    return f"{rule.rule}{detail} on the development cohort"


def _cut_text(rule: RiskGroups) -> str:
    if rule.rule == "cuts":
        return "cuts stated in the protocol"
    return f"{rule.rule} of the development cohort"


def _cuts(rule: RiskGroups, score: FloatArray) -> tuple[float, ...]:
    if rule.cuts is not None:
        return tuple(sorted(rule.cuts))
    return tuple(float(cut) for cut in np.quantile(score, _PROBABILITIES[rule.rule]))


def _columns(study: SurvivalStudy, name: str) -> dict[str, str]:
    model = study.protocol.models[name]
    found: dict[str, str] = {}
    for horizon, columns in model.risk.items():
        found |= _named(f"risk at {horizon:g}", columns)
    if model.linear_predictor is not None:
        found |= _named("linear predictor", model.linear_predictor)
    return found


def _named(what: str, columns: str | list[str]) -> dict[str, str]:
    """Return a prediction's column under its name, or its columns by imputation."""
    if isinstance(columns, str):
        return {what: columns}
    return {f"{what}, {len(columns)} imputations": ", ".join(columns)}
