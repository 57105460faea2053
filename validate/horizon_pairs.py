"""Paired differences between models at the horizons of a time-to-event protocol, and over time."""

from collections.abc import Callable
from itertools import groupby

import numpy as np

from extval.stats.auc_t import auc_t_test
from extval.stats.auc_t_curve import integrated_auc_test
from extval.stats.brier_t import brier_t_test, ipa_t_test
from extval.stats.integrated_brier import ibs_test
from extval.stats.results import Comparison, Status
from extval.stats.survival_net_benefit import survival_net_benefit_difference
from extval.validate.cohort import Group
from extval.validate.discrimination import Pairs, model_pairs
from extval.validate.findings import GroupFindings
from extval.validate.horizon import ESTIMATORS, curve_times
from extval.validate.streams import stream
from extval.validate.study import FloatArray, SurvivalStudy
from extval.validate.unavailable import not_compared

Test = Callable[[str, str], Comparison]


def add_horizon_pairs(
    found: GroupFindings, study: SurvivalStudy, group: Group, *, utility_at: float
) -> None:
    """Add the paired differences in every measure at a horizon and over time.

    Each measure at a horizon is one family for Holm's adjustment. Measures of risks compare the
    models that give a risk there; the integrated Brier score, over the horizons at which both do.
    """
    everyone = list(study.protocol.models)
    for horizon in study.protocol.outcome.horizons:
        names = [name for name in everyone if (name, horizon) in study.risk]
        for metric, compared, test in (
            ("auc_t", everyone, _auc(study, horizon)),
            ("brier_t", names, _error(study, horizon, brier_t_test)),
            ("ipa_t", names, _error(study, horizon, ipa_t_test)),
            ("net_benefit_t", names, _utility(study, group, horizon, utility_at)),
        ):
            _add(found, study, metric, _chosen(study, compared), test, horizon)
    averaged = _averaged(study, curve_times(study))
    _add(found, study, "iauc", _chosen(study, everyone), averaged, float(curve_times(study)[-1]))
    spans = [(_common(study, *pair), pair) for pair in _chosen(study, everyone)]
    wide = sorted((span, pair) for span, pair in spans if len(span) > 1)
    for span, members in groupby(wide, key=lambda one: one[0]):
        pairs = [pair for _, pair in members]
        _add(found, study, "ibs", pairs, _integrated(study, span), span[-1])


def _chosen(study: SurvivalStudy, names: list[str]) -> list[tuple[str, str]]:
    return model_pairs(names, study.protocol.comparisons.reference)


def _add(
    found: GroupFindings,
    study: SurvivalStudy,
    metric: str,
    pairs: list[tuple[str, str]],
    test: Test,
    horizon: float,
) -> None:
    """Add one family; with delayed entry its rows say that there is no such test."""
    if study.entry is not None:
        blank = not_compared(study, ESTIMATORS[metric], Status.DELAYED_ENTRY)
        tested: Pairs = [(a, b, blank) for a, b in pairs]
    else:
        tested = [(a, b, test(a, b)) for a, b in pairs]
    adjustment = study.protocol.comparisons.adjustment
    found.family(metric, tested, adjustment=adjustment, horizon=horizon)


def _auc(study: SurvivalStudy, horizon: float) -> Test:
    def ranking(name: str) -> FloatArray:
        return study.risk.get((name, horizon), study.score(name))

    return lambda a, b: auc_t_test(
        study.time,
        study.kind,
        ranking(a),
        ranking(b),
        horizon=horizon,
        cause=study.cause,
        confidence_level=study.protocol.confidence_level,
    )


def _error(study: SurvivalStudy, horizon: float, routine: Callable[..., Comparison]) -> Test:
    return lambda a, b: routine(
        study.time,
        study.kind,
        study.risk[a, horizon],
        study.risk[b, horizon],
        horizon=horizon,
        cause=study.cause,
        confidence_level=study.protocol.confidence_level,
    )


def _utility(study: SurvivalStudy, group: Group, horizon: float, threshold: float) -> Test:
    protocol = study.protocol

    def test(a: str, b: str) -> Comparison:
        name = f"net_benefit_t_difference/{group.label}/{a}/{b}/{horizon:g}"
        return survival_net_benefit_difference(
            study.time,
            study.kind,
            study.risk[a, horizon],
            study.risk[b, horizon],
            threshold=threshold,
            horizon=horizon,
            cause=study.cause,
            n_resamples=protocol.bootstrap.n_resamples,
            rng=stream(protocol.seed, name),
            confidence_level=protocol.confidence_level,
        )

    return test


def _averaged(study: SurvivalStudy, horizons: FloatArray) -> Test:
    return lambda a, b: integrated_auc_test(
        study.time,
        study.kind,
        study.score(a),
        study.score(b),
        horizons=horizons,
        cause=study.cause,
        confidence_level=study.protocol.confidence_level,
    )


def _common(study: SurvivalStudy, a: str, b: str) -> tuple[float, ...]:
    """Return the horizons at which both models give a risk."""
    horizons = study.protocol.outcome.horizons
    return tuple(h for h in horizons if (a, h) in study.risk and (b, h) in study.risk)


def _integrated(study: SurvivalStudy, horizons: tuple[float, ...]) -> Test:
    def risks(name: str) -> FloatArray:
        return np.stack([study.risk[name, horizon] for horizon in horizons])

    return lambda a, b: ibs_test(
        study.time,
        study.kind,
        risks(a),
        risks(b),
        horizons=horizons,
        cause=study.cause,
        confidence_level=study.protocol.confidence_level,
    )
