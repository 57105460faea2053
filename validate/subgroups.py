"""Performance in the subgroups that the protocol declares, in the pooled validation cohort.

Nothing is searched for: only declared subgroups are looked at, each with a test of whether its
levels differ. Levels with few events are not shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from math import nan

import numpy as np

from extval.stats.calibration import calibration_slope, oe_ratio
from extval.stats.clustered_auc import clustered_auc
from extval.stats.concordance import c_harrell
from extval.stats.meta import pool_centers
from extval.stats.results import Estimate, Interval, SignificanceTest
from extval.stats.roc import auc
from extval.stats.survival_calibration import calibration_slope_cox, oe_t
from extval.validate.characteristics import MISSING, Level, levels
from extval.validate.cohort import Group
from extval.validate.findings import GroupFindings
from extval.validate.protocol_settings import Subgroup
from extval.validate.store import SubgroupRow
from extval.validate.study import BinaryStudy, Study, SurvivalStudy

LEAST_EVENTS = 10
_SCALES = {"oe_ratio": "log", "oe_t": "log"}
_TESTS = {
    "auc": "unpaired DeLong chi-square",
    "c_harrell": "heterogeneity Q of the levels",
    "calibration_slope": "heterogeneity Q of the levels",
    "oe_ratio": "heterogeneity Q of the levels, log scale",
    "oe_t": "heterogeneity Q of the levels, log scale",
}
_TOO_FEW_LEVELS = "Not estimable: fewer than two levels have an estimate with a standard error."

Key = tuple[str, str, float | None]
Estimates = dict[Key, Estimate]


def subgroup_rows(study: Study, validation: Group) -> tuple[SubgroupRow, ...]:
    """Return the rows of every declared subgroup of the pooled validation cohort.

    For each level and model: AUC (or Harrell's C), O:E and calibration slope, or a sentence when
    there are fewer than 10 events (for a 0/1 outcome also: or patients without the event). Then,
    for each model and measure, the test that the levels with a value do not differ.
    """
    pooled = study.of(validation)
    return tuple(
        row
        for name, declared in study.protocol.subgroups.items()
        for row in _subgroup(pooled, validation, name, declared)
    )


def _subgroup(
    pooled: Study, validation: Group, name: str, declared: Subgroup
) -> Iterator[SubgroupRow]:
    by_level: dict[str, Estimates] = {}
    for level in levels(pooled.roster.characteristics[declared.column], declared):
        found = GroupFindings(validation)
        estimates, said = _level(pooled, level, validation)
        for (model, metric, horizon), estimate in estimates.items():
            found.metric(model, metric, estimate, horizon=horizon, note=said)
        yield from _rows(found, name, level.name)
        if level.name != MISSING:
            by_level[level.name] = estimates
    found = GroupFindings(validation)
    for (model, metric, horizon), mine in _families(by_level).items():
        test = _interaction(mine, metric)
        said = _TOO_FEW_LEVELS if np.isnan(test.statistic) else ""
        found.test(model, f"{metric}_interaction", test, horizon=horizon, note=said)
    yield from _rows(found, name, "")


def _rows(found: GroupFindings, subgroup: str, level: str) -> Iterator[SubgroupRow]:
    for row in found.metrics:
        yield SubgroupRow(**asdict(row), subgroup=subgroup, level_name=level)


def _level(pooled: Study, level: Level, validation: Group) -> tuple[Estimates, str]:
    """Return the estimates of one level, blank with a sentence when it has too few events."""
    study = pooled.of(replace(validation, rows=level.rows))
    outcome = study.y_true if isinstance(study, BinaryStudy) else study.event
    n, events = int(outcome.size), int(np.count_nonzero(outcome))
    others = n - events if isinstance(study, BinaryStudy) else n
    said = _too_few(events, others)
    if said:
        estimates = {
            key: Estimate(
                value=nan,
                interval=Interval.undefined(study.protocol.confidence_level),
                method=f"shown from {LEAST_EVENTS} events",
                n=n,
                events=events,
            )
            for key in _keys(study)
        }
        return estimates, said
    if isinstance(study, BinaryStudy):
        return dict(_binary(study)), ""
    return dict(_survival(study)), ""


def _too_few(events: int, others: int) -> str:
    if events < LEAST_EVENTS:
        return f"Not shown: fewer than {LEAST_EVENTS} events ({events})."
    if others < LEAST_EVENTS:
        return f"Not shown: fewer than {LEAST_EVENTS} patients without the event ({others})."
    return ""


def _keys(study: Study) -> Iterator[Key]:
    """Yield what is estimated in every level, in the order of `_binary` and `_survival`."""
    for name in study.protocol.models:
        if isinstance(study, BinaryStudy):
            yield from ((name, metric, None) for metric in ("auc", "oe_ratio", "calibration_slope"))
            continue
        yield name, "c_harrell", None
        for horizon in sorted(study.protocol.models[name].risk):
            yield name, "oe_t", horizon
        if name in study.linear_predictor:
            yield name, "calibration_slope", None


def _binary(study: BinaryStudy) -> Iterator[tuple[Key, Estimate]]:
    level, y_true = study.protocol.confidence_level, study.y_true
    method = study.protocol.calibration.interval
    for name, y_prob in study.y_prob.items():
        if study.cluster is None:
            area = auc(y_true, y_prob, confidence_level=level)
        else:
            area = clustered_auc(y_true, y_prob, study.cluster, confidence_level=level)
        yield (name, "auc", None), area
        yield (name, "oe_ratio", None), oe_ratio(y_true, y_prob, confidence_level=level)
        slope = calibration_slope(y_true, y_prob, method=method, confidence_level=level)
        yield (name, "calibration_slope", None), slope


def _survival(study: SurvivalStudy) -> Iterator[tuple[Key, Estimate]]:
    level, time, event = study.protocol.confidence_level, study.time, study.event
    for name, model in study.protocol.models.items():
        found = c_harrell(time, event, study.score(name), entry=study.entry, confidence_level=level)
        yield (name, "c_harrell", None), found
        for horizon in sorted(model.risk):
            ratio = oe_t(
                time,
                study.kind,
                study.risk[name, horizon],
                horizon=horizon,
                cause=study.cause,
                entry=study.entry,
                confidence_level=level,
            )
            yield (name, "oe_t", horizon), ratio
        if name in study.linear_predictor:
            lp = study.linear_predictor[name]
            slope = calibration_slope_cox(
                time, event, lp, entry=study.entry, confidence_level=level
            )
            yield (name, "calibration_slope", None), slope


def _families(by_level: Mapping[str, Estimates]) -> dict[Key, list[Estimate]]:
    found: dict[Key, list[Estimate]] = {}
    for estimates in by_level.values():
        for key, estimate in estimates.items():
            found.setdefault(key, []).append(estimate)
    return found


def _interaction(estimates: Sequence[Estimate], metric: str) -> SignificanceTest:
    """Test that the levels have one value; a level without a standard error cannot take part."""
    pooled = pool_centers(
        [estimate.value for estimate in estimates],
        [estimate.se for estimate in estimates],
        scale=_SCALES.get(metric, "identity"),
    )
    tested = pooled.n_centers
    return SignificanceTest(
        statistic=pooled.q,
        df=float(pooled.q_df) if tested > 1 else nan,
        p_value=pooled.q_p_value,
        method=f"{_TESTS[metric]}; {tested} of {len(estimates)} levels",
        n=sum(estimate.n for estimate in estimates),
        events=sum(estimate.events for estimate in estimates),
    )
