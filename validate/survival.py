"""Evaluation of one group of patients for a time to event: which routines, in which order."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from extval.stats.brier_t import brier_t
from extval.stats.concordance import c_harrell, concordance_test
from extval.stats.kaplan_meier import (
    KaplanMeier,
    kaplan_meier,
    numbers_at_risk,
    quantile,
    reverse_kaplan_meier,
    survival_at,
)
from extval.stats.logrank import logrank_test
from extval.stats.results import SignificanceTest
from extval.stats.survival_calibration import calibration_slope_cox, oe_t
from extval.validate.cohort import Group
from extval.validate.findings import GroupFindings
from extval.validate.store import ModelRow
from extval.validate.study import FloatArray, SurvivalStudy

RISK_TABLE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def describe(study: SurvivalStudy, group: Group) -> GroupFindings:
    """Return what is known of the group before any model is looked at."""
    found, level = GroupFindings(group), study.protocol.confidence_level
    curve = kaplan_meier(study.time, study.event, confidence_level=level)
    for horizon in study.protocol.outcome.horizons:
        found.metric("", "survival_t", survival_at(curve, horizon), horizon=horizon)
    found.metric("", "survival_median", quantile(curve, q=0.5))
    follow_up = reverse_kaplan_meier(study.time, study.event, confidence_level=level)
    found.metric("", "follow_up_median", quantile(follow_up, q=0.5))
    _add_curve(found, "", "", curve)
    _add_risk_table(found, study, "", "", np.ones(study.time.size, dtype=bool))
    return found


def evaluate_model(study: SurvivalStudy, group: Group, model: ModelRow) -> GroupFindings:
    """Return everything about one model in one group."""
    protocol, time, event = study.protocol, study.time, study.event
    found, level, score = GroupFindings(group), protocol.confidence_level, study.score(model.name)

    found.metric(model.name, "c_harrell", c_harrell(time, event, score, confidence_level=level))
    if model.name in study.linear_predictor:
        slope = calibration_slope_cox(
            time, event, study.linear_predictor[model.name], confidence_level=level
        )
        found.metric(model.name, "calibration_slope", slope)
    for horizon in protocol.models[model.name].risk:
        risk = study.risk[model.name, horizon]
        for metric, routine in (("oe_t", oe_t), ("brier_t", brier_t)):
            estimate = routine(time, event, risk, horizon=horizon, confidence_level=level)
            found.metric(model.name, metric, estimate, horizon=horizon)
    _add_risk_groups(found, study, model, score)
    return found


def compare_models(study: SurvivalStudy, group: Group) -> GroupFindings:
    """Return the paired differences in Harrell's C."""
    protocol, found = study.protocol, GroupFindings(group)
    names, reference = list(protocol.models), protocol.comparisons.reference
    if reference is None:
        pairs = list(combinations(names, 2))
    else:
        pairs = [(name, reference) for name in names if name != reference]
    if pairs:
        found.family(
            "c_harrell",
            [
                (
                    a,
                    b,
                    concordance_test(
                        study.time,
                        study.event,
                        study.score(a),
                        study.score(b),
                        confidence_level=protocol.confidence_level,
                    ),
                )
                for a, b in pairs
            ],
            adjustment=protocol.comparisons.adjustment,
        )
    return found


def risk_group_names(count: int) -> list[str]:
    """Return the names of `count` risk groups, from low to high."""
    if count == 2:
        return ["low", "high"]
    if count == 3:
        return ["low", "intermediate", "high"]
    return [f"group {index + 1} of {count}" for index in range(count)]


def _add_risk_groups(
    found: GroupFindings, study: SurvivalStudy, model: ModelRow, score: FloatArray
) -> None:
    """Split at the frozen cuts (above a cut means the higher group), compare, and draw."""
    cuts = np.asarray(model.risk_group_cuts, dtype=np.float64)
    member = np.searchsorted(cuts, score, side="left")
    names = risk_group_names(cuts.size + 1)
    tested = logrank_test(study.time, study.event, member)
    found.test(
        model.name,
        "logrank",
        SignificanceTest(
            statistic=tested.statistic,
            df=tested.df,
            p_value=tested.p_value,
            method=f"{tested.method}; risk groups: {model.risk_group_rule}",
            n=tested.n,
            events=tested.events,
            status=tested.status,
        ),
    )
    for index, name in enumerate(names):
        chosen = member == index
        if chosen.any():
            curve = kaplan_meier(
                study.time[chosen],
                study.event[chosen],
                confidence_level=study.protocol.confidence_level,
            )
            _add_curve(found, model.name, name, curve)
            _add_risk_table(found, study, model.name, name, chosen)


def _add_curve(found: GroupFindings, model: str, risk_group: str, curve: KaplanMeier) -> None:
    found.curve(
        "kaplan_meier",
        {"model": model, "group": risk_group},
        time=curve.time,
        survival=curve.survival,
        lower=curve.lower,
        upper=curve.upper,
        at_risk=curve.at_risk,
        events=curve.events,
        censored=curve.censored,
    )


def _add_risk_table(
    found: GroupFindings,
    study: SurvivalStudy,
    model: str,
    risk_group: str,
    chosen: NDArray[np.bool_],
) -> None:
    at = risk_table_times(float(study.time.max()))
    counts = numbers_at_risk(study.time[chosen], study.event[chosen], at)
    found.curve(
        "risk_table",
        {"model": model, "group": risk_group},
        time=at,
        at_risk=counts.at_risk,
        events=counts.events,
        censored=counts.censored,
    )


def risk_table_times(last: float) -> FloatArray:
    """Return four to seven round times from 0 to the last follow-up."""
    if last <= 0.0:
        return np.zeros(1)
    rough = last / 5.0
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(s * power for s in RISK_TABLE_STEPS if s * power >= rough * (1 - 1e-12))
    return np.asarray(np.arange(int(np.floor(last / step * (1 + 1e-12))) + 1) * step)
