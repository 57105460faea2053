"""Axes of a nomogram: what a predictor contributes, and where a probability stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, log
from typing import Any

import numpy as np
from scipy.special import expit, logit

from extval.features.modelling.predictors import CATEGORICAL, CUT, Predictor, level_label
from extval.features.modelling.pretty import pretty

RISK, SURVIVAL = "risk", "survival"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One predictor of a linear predictor, at the values that its axis shows.

    Attributes
    ----------
    name, label : str
        As in the model, and as printed.
    values : tuple
        Numbers in ascending order, or levels.
    labels : tuple of str
        What to print at the values; empty for plain numbers.
    effects : tuple of float
        Contribution of each value to the linear predictor.
    slope : float or None
        Contribution a unit of a numeric predictor; None for levels.
    """

    name: str
    label: str
    values: tuple[Any, ...]
    labels: tuple[str, ...]
    effects: tuple[float, ...]
    slope: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorAxis:
    """One predictor's axis: the fields of `Effect`, the points of its values, and its zero.

    `lowest` is the contribution to the linear predictor that gets 0 points.
    """

    name: str
    label: str
    values: tuple[Any, ...]
    labels: tuple[str, ...]
    points: tuple[float, ...]
    slope: float | None
    lowest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeAxis:
    """Probabilities along the total points.

    Attributes
    ----------
    shows : {"risk", "survival"}
    horizon : float or None
        Of a Cox model: the time that the probability is for.
    baseline : float or None
        Of a Cox model: the survival at `horizon` with a linear predictor of 0.
    probabilities, points : tuple of float
        Ticks, by points ascending, and the total points they stand at.
    """

    shows: str
    horizon: float | None
    baseline: float | None
    probabilities: tuple[float, ...]
    points: tuple[float, ...]

    def probability(self, linear_predictor: float) -> float:
        """Return the risk, or survival, at a linear predictor."""
        if self.baseline is None:
            risk = float(expit(linear_predictor))
            return risk if self.shows == RISK else 1.0 - risk
        survival = float(self.baseline ** np.exp(linear_predictor))
        return survival if self.shows == SURVIVAL else 1.0 - survival


def numeric_effect(
    name: str, coefficient: float, values: Sequence[float], *, label: str = ""
) -> Effect:
    """Return the effect of a numeric predictor at the values its axis shows, ascending."""
    return Effect(
        name=name,
        label=label or name,
        values=tuple(values),
        labels=(),
        effects=tuple(coefficient * value for value in values),
        slope=coefficient,
    )


def categorical_effect(name: str, coefficients: Mapping[Any, float], *, label: str = "") -> Effect:
    """Return the effect of a categorical predictor; the reference level has 0."""
    return Effect(
        name=name,
        label=label or name,
        values=tuple(coefficients),
        labels=tuple(level_label(level) for level in coefficients),
        effects=tuple(coefficients.values()),
        slope=None,
    )


def effects_of(model: Any, labels: Mapping[str, str], n_ticks: int) -> list[Effect]:
    """Return the effects of a fitted model at the values that rms shows."""
    effects, first = [], 0
    for predictor in model.predictors_:
        beta = [float(b) for b in model.coef_[first : first + len(predictor.terms)]]
        first += len(predictor.terms)
        label = labels.get(predictor.name, predictor.name)
        if predictor.kind == CATEGORICAL:
            found = dict(zip(predictor.levels, [0.0, *beta], strict=False))
            effects.append(categorical_effect(predictor.name, found, label=label))
            continue
        values = model.values_.get(predictor.name)
        if values is None:
            low, high = model.ranges_[predictor.name]
            values = ticks(low, high, n_ticks)
        effect = numeric_effect(predictor.name, beta[0], values, label=label)
        effects.append(_with_cut_labels(effect, predictor))
    return effects


def _with_cut_labels(effect: Effect, predictor: Predictor) -> Effect:
    if predictor.kind != CUT:
        return effect
    low, high = ("<", "\u2265") if predictor.inclusive else ("\u2264", ">")
    names = {0.0: f"{low} {predictor.cut:g}", 1.0: f"{high} {predictor.cut:g}"}
    return Effect(
        name=effect.name,
        label=effect.label,
        values=effect.values,
        labels=tuple(names[value] for value in effect.values),
        effects=effect.effects,
        slope=effect.slope,
    )


def outcome_axis(
    horizon: float | None,
    survival: float | None,
    wanted: Sequence[float],
    shows: str,
    start: float,
    scale: float,
    last: float,
) -> OutcomeAxis:
    """Return the axis with the wanted ticks that lie between 0 and `last` total points."""
    found = sorted(((_lp_at(p, survival, shows) - start) * scale, p) for p in wanted)
    inside = [(total, p) for total, p in found if 0.0 <= total <= last]
    return OutcomeAxis(
        shows=shows,
        horizon=horizon,
        baseline=survival,
        probabilities=tuple(p for _, p in inside),
        points=tuple(total for total, _ in inside),
    )


def _lp_at(probability: float, survival: float | None, shows: str) -> float:
    """Return the linear predictor with a probability; infinite if there is none."""
    if survival is None:
        return float(logit(probability if shows == RISK else 1.0 - probability))
    if not 0.0 < survival < 1.0:
        return inf
    return log(log(1.0 - probability if shows == RISK else probability) / log(survival))


def ticks(low: float, high: float, n: int) -> tuple[float, ...]:
    """Return about n + 1 round values that cover the interval."""
    return tuple(float(tick) for tick in pretty(low, high, n))
