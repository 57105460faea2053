"""Clinical utility of one model in one group, and between models."""

import numpy as np

from extval.stats.decision import decision_curve
from extval.stats.decision_difference import decision_curve_difference, net_benefit_difference
from extval.stats.decision_scales import net_benefit_scales
from extval.stats.reclassification import integrated_discrimination, net_reclassification
from extval.validate.cohort import Group
from extval.validate.discrimination import Pairs, model_pairs
from extval.validate.findings import GroupFindings
from extval.validate.streams import stream
from extval.validate.study import BinaryStudy

_SCALED = tuple(
    name + limit
    for name in ("standardized", "interventions_avoided")
    for limit in ("", "_lower", "_upper")
)


def add_utility(
    found: GroupFindings, study: BinaryStudy, group: Group, model: str, *, at: float
) -> None:
    """Add net benefit at the tabulated threshold, its two scales, and the curve with its band."""
    protocol, y_true, y_prob = study.protocol, study.y_true, study.y_prob[model]
    n_resamples, level = protocol.bootstrap.n_resamples, protocol.confidence_level
    harm = protocol.decision_curve.harm.get(model, 0.0)
    scales = net_benefit_scales(
        y_true,
        y_prob,
        threshold=at,
        harm=harm,
        n_resamples=n_resamples,
        rng=stream(protocol.seed, f"net_benefit/{group.label}/{model}"),
        confidence_level=level,
    )
    found.metric(model, "net_benefit", scales["net_benefit"], threshold=at)
    found.metric(model, "net_benefit_standardized", scales["standardized"], threshold=at)
    found.metric(model, "interventions_avoided", scales["interventions_avoided"], threshold=at)
    grid = protocol.decision_curve.thresholds()
    curve = decision_curve(
        y_true,
        y_prob[np.newaxis],
        thresholds=grid,
        harm=[harm],
        n_resamples=n_resamples,
        rng=stream(protocol.seed, f"decision_curve/{group.label}/{model}"),
        confidence_level=level,
    )
    found.curve(
        "decision",
        {"model": model},
        threshold=grid,
        net_benefit=curve.net_benefit[0],
        lower=curve.lower[0],
        upper=curve.upper[0],
        standardized=curve.standardized[0],
        standardized_lower=curve.standardized_band.lower[0],
        standardized_upper=curve.standardized_band.upper[0],
        interventions_avoided=curve.interventions_avoided[0],
        interventions_avoided_lower=curve.interventions_avoided_band.lower[0],
        interventions_avoided_upper=curve.interventions_avoided_band.upper[0],
    )


def add_strategies(found: GroupFindings, study: BinaryStudy, group: Group) -> None:
    """Add the decision curves of treating everybody, with its band, and nobody."""
    protocol, grid = study.protocol, study.protocol.decision_curve.thresholds()
    anyone = next(iter(study.y_prob.values()))
    curve = decision_curve(
        study.y_true,
        anyone[np.newaxis],
        thresholds=grid,
        n_resamples=protocol.bootstrap.n_resamples,
        rng=stream(protocol.seed, f"treat_all/{group.label}"),
        confidence_level=protocol.confidence_level,
    )
    empty, everybody = np.full(len(grid), np.nan), curve.treat_all_band
    for label, values, lower, upper in (
        ("treat all", curve.treat_all, everybody.lower, everybody.upper),
        ("treat none", curve.treat_none, empty, empty),
    ):
        found.curve(
            "decision",
            {"model": label},
            threshold=grid,
            net_benefit=values,
            lower=lower,
            upper=upper,
            **dict.fromkeys(_SCALED, empty),
        )


def add_differences(found: GroupFindings, study: BinaryStudy, group: Group) -> None:
    """Add the difference between two decision curves, with its band, for every compared pair."""
    protocol = study.protocol
    for a, b in model_pairs(list(study.y_prob), protocol.comparisons.reference):
        curve = decision_curve_difference(
            study.y_true,
            study.y_prob[a],
            study.y_prob[b],
            thresholds=protocol.decision_curve.thresholds(),
            harm=_harms(study, a, b),
            n_resamples=protocol.bootstrap.n_resamples,
            rng=stream(protocol.seed, f"net_benefit_difference/{group.label}/{a}/{b}"),
            confidence_level=protocol.confidence_level,
        )
        found.curve(
            "decision_difference",
            {"model_a": a, "model_b": b},
            threshold=curve.thresholds,
            difference=curve.difference,
            lower=curve.lower,
            upper=curve.upper,
        )


def utility_pairs(study: BinaryStudy, group: Group, *, at: float) -> dict[str, Pairs]:
    """Return differences in net benefit and, where asked for, NRI and IDI with their cautions."""
    protocol, y_true, level = study.protocol, study.y_true, study.protocol.confidence_level
    found: dict[str, Pairs] = {"net_benefit": []}
    for a, b in model_pairs(list(study.y_prob), protocol.comparisons.reference):
        probabilities = (y_true, study.y_prob[a], study.y_prob[b])
        difference = net_benefit_difference(
            *probabilities,
            threshold=at,
            harm=_harms(study, a, b),
            n_resamples=protocol.bootstrap.n_resamples,
            rng=stream(protocol.seed, f"net_benefit_difference/{group.label}/{a}/{b}"),
            confidence_level=level,
        )
        found["net_benefit"].append((a, b, difference))
        if protocol.comparisons.reclassification:
            moved = net_reclassification(*probabilities, cuts=[at], confidence_level=level)
            free = net_reclassification(*probabilities, confidence_level=level)
            gained = integrated_discrimination(*probabilities, confidence_level=level)
            for name, index in (("nri_categorical", moved), ("nri_continuous", free)):
                found.setdefault(name, []).append((a, b, index.total))
                found.setdefault(f"{name}_events", []).append((a, b, index.events))
                found.setdefault(f"{name}_nonevents", []).append((a, b, index.nonevents))
            found.setdefault("idi", []).append((a, b, gained))
    return found


def _harms(study: BinaryStudy, a: str, b: str) -> tuple[float, float]:
    harm = study.protocol.decision_curve.harm
    return harm.get(a, 0.0), harm.get(b, 0.0)
