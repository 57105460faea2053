"""Nomograms: points for the values of predictors, and the risk that a total of points means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

from extval.features.modelling._likelihoods import COX, LOGISTIC
from extval.features.modelling.nomogram_axes import (
    RISK,
    SURVIVAL,
    Effect,
    OutcomeAxis,
    PredictorAxis,
    effects_of,
    outcome_axis,
    ticks,
)
from extval.features.modelling.predictors import level_label
from extval.stats import _checks

SHOWN = (RISK, SURVIVAL)
PROBABILITIES = (0.01, 0.05, *(tenth / 10 for tenth in range(1, 10)), 0.95, 0.99)
NO_EFFECT = (
    "There is no nomogram: the model has no predictor with an effect, so it gives every patient "
    "the same risk."
)
NOT_ESTIMATED = "There is no nomogram: a coefficient of the model is not estimable."

Value = float | str | bool | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Nomogram:
    """All that a figure and a table of points need.

    Attributes
    ----------
    kind : {"logistic", "cox"}
    max_points : float
        Points of the widest predictor's whole axis.
    points_per_unit : float
        Points a unit of the linear predictor.
    intercept : float
        Linear predictor of 0 total points.
    points_ticks, total_ticks : tuple of float
    axes : tuple of PredictorAxis
        Empty if there is no nomogram.
    lp_ticks, lp_points : tuple of float
        Round linear predictors, and the total points they stand at.
    outcome_axes : tuple of OutcomeAxis
        One; of a Cox model one a horizon.
    sentence : str
        Why there is no nomogram, or an axis has no ticks; empty if all is well.
    """

    kind: str
    max_points: float
    points_per_unit: float
    intercept: float
    points_ticks: tuple[float, ...]
    axes: tuple[PredictorAxis, ...]
    total_ticks: tuple[float, ...]
    lp_ticks: tuple[float, ...]
    lp_points: tuple[float, ...]
    outcome_axes: tuple[OutcomeAxis, ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the nomogram says of one patient.

    `outside` names the predictors whose value lies beyond the drawn axis: the points are right,
    but cannot be read off the figure, and the model extrapolates.
    """

    points: dict[str, float]
    total_points: float
    linear_predictor: float
    probabilities: tuple[float, ...]
    outside: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsRow:
    """One line of the table of points."""

    predictor: str
    value: str | float
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalRow:
    """One line of the table of totals; probabilities in the order of the outcome axes."""

    total_points: float
    linear_predictor: float
    probabilities: tuple[float, ...]


def nomogram_points(
    model: Any,
    *,
    labels: Mapping[str, str] | None = None,
    shows: str = RISK,
    probabilities: Sequence[float] = PROBABILITIES,
    max_points: float = 100.0,
    n_ticks: int = 10,
) -> Nomogram:
    """Return the nomogram of a fitted `RegressionModel` or `ClinicalModel`.

    Parameters
    ----------
    model : RegressionModel or ClinicalModel
        A Cox model has one outcome axis for each of its `horizons`.
    labels : mapping of str to str, optional
        Printed names of predictors, units included: ``{"size": "Tumour size (cm)"}``.
    shows : {"risk", "survival"}
        Probability of the event, or of no event, on the outcome axes.
    probabilities : sequence of float in (0, 1)
        Wanted ticks there; those that no total of points reaches are left out.
    max_points : float, positive
    n_ticks : int, at least 1
        Wanted intervals on the axes of numbers.

    Returns
    -------
    Nomogram

    Raises
    ------
    ValueError
        If an argument leaves the domain given above, or a Cox model has no horizons.
    """
    final = getattr(model, "model_", model)
    kind = str(final.kind)
    baseline = final.baseline_survival_ if kind == COX else None
    if kind == COX and not baseline:
        raise ValueError(
            "The nomogram of a Cox model needs times to predict at; make the model with `horizons`."
        )
    shift = float((final.means_ * final.coef_).sum()) if kind == COX else 0.0
    return nomogram_of_effects(
        effects_of(final, labels or {}, n_ticks),
        intercept=float(final.intercept_) - shift,
        lp_range=final.lp_range_,
        baseline_survival=baseline,
        shows=shows,
        probabilities=probabilities,
        max_points=max_points,
        n_ticks=n_ticks,
    )


def nomogram_of_effects(
    effects: Sequence[Effect],
    *,
    intercept: float,
    lp_range: tuple[float, float] | None = None,
    baseline_survival: Mapping[float, float] | None = None,
    shows: str = RISK,
    probabilities: Sequence[float] = PROBABILITIES,
    max_points: float = 100.0,
    n_ticks: int = 10,
) -> Nomogram:
    r"""Return the nomogram of a linear predictor, such as a published one.

    Parameters
    ----------
    effects : sequence of Effect
    intercept : float
        Linear predictor where all effects are 0 (of a centred Cox model, minus the sum of means
        times coefficients).
    lp_range : (float, float), optional
        Lowest and highest linear predictor among patients; if not given, those of the axes.
    baseline_survival : mapping of float to float in (0, 1), optional
        Of a Cox model: time to the survival there with a linear predictor of 0. Without it the
        model is logistic.
    shows, probabilities, max_points, n_ticks
        As of `nomogram_points`.

    Returns
    -------
    Nomogram
        Without axes, and with a sentence, if no predictor has an effect.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    The rule of rms ``nomogram``: an axis shows round numbers that cover the development range (or
    the values themselves if at most 10 are distinct); the predictor whose axis spans the largest
    part of the linear predictor, :math:`r = \max_j (\max f_j - \min f_j)`, gets `max_points`;
    value x of predictor j gets :math:`(f_j(x) - \min f_j) \cdot max\_points / r`. Agrees with R
    rms 6.5.0 ``nomogram`` in points and axes to 1e-8; its outcome axis interpolates among 1,000
    linear predictors, this one is inverted exactly.

    References
    ----------
    Harrell (2015), Regression Modeling Strategies. :doi:`10.1007/978-3-319-19425-7`
    Iasonos et al. (2008), J Clin Oncol 26:1364. :doi:`10.1200/JCO.2007.12.9791`
    """
    _checks.choice(shows, SHOWN, name="shows")
    _checks.positive(max_points, name="max_points")
    _checks.positive_integer(n_ticks, name="n_ticks")
    wanted = [_checks.between(p, 0.0, 1.0, name="probabilities") for p in probabilities]
    kind = LOGISTIC if baseline_survival is None else COX
    spans = [max(e.effects) - min(e.effects) for e in effects]
    if not isfinite(intercept) or not all(map(isfinite, spans)):
        return _nothing(kind, max_points, NOT_ESTIMATED)
    if max(spans, default=0.0) == 0.0:
        return _nothing(kind, max_points, NO_EFFECT)

    scale = max_points / max(spans)
    lowest = [min(e.effects) for e in effects]
    start = intercept + sum(lowest)
    low, high = lp_range if lp_range is not None else (start, start + sum(spans))
    lp_ticks = ticks(low, high, n_ticks)
    highest_total = max_points
    if len(effects) > 1:
        highest_total = max(max_points, scale * (lp_ticks[-1] - start))
    total_ticks = ticks(0.0, highest_total, n_ticks)
    baselines: list[tuple[float | None, float | None]] = [(None, None)]
    if baseline_survival is not None:
        baselines = list(baseline_survival.items())
    outcome_axes = tuple(
        outcome_axis(horizon, survival, wanted, shows, start, scale, total_ticks[-1])
        for horizon, survival in baselines
    )
    bare = [axis for axis in outcome_axes if not axis.points]
    return Nomogram(
        kind=kind,
        max_points=float(max_points),
        points_per_unit=scale,
        intercept=start,
        points_ticks=ticks(0.0, max_points, n_ticks),
        axes=tuple(
            PredictorAxis(
                name=e.name,
                label=e.label,
                values=e.values,
                labels=e.labels,
                points=tuple((effect - zero) * scale for effect in e.effects),
                slope=e.slope,
                lowest=zero,
            )
            for e, zero in zip(effects, lowest, strict=True)
        ),
        total_ticks=total_ticks,
        lp_ticks=lp_ticks,
        lp_points=tuple((lp - start) * scale for lp in lp_ticks),
        outcome_axes=outcome_axes,
        sentence=_bare_sentence(bare),
    )


def points_table(nomogram: Nomogram) -> tuple[PointsRow, ...]:
    """Return the points of every value on every axis."""
    return tuple(
        PointsRow(predictor=axis.label, value=value, points=points)
        for axis in nomogram.axes
        for value, points in zip(axis.labels or axis.values, axis.points, strict=True)
    )


def totals_table(
    nomogram: Nomogram, total_points: Sequence[float] | None = None
) -> tuple[TotalRow, ...]:
    """Return linear predictor and probabilities at totals; by default those of the axis."""
    totals = nomogram.total_ticks if total_points is None else total_points
    return tuple(_at_total(nomogram, float(total)) for total in totals)


def read_off(nomogram: Nomogram, values: Mapping[str, Value]) -> Reading:
    """Return the points, their total and the probabilities of a patient.

    Parameters
    ----------
    nomogram : Nomogram
    values : mapping
        A value for each predictor, by its name in the model: a number, a level, or for a cut 0
        or 1. Others are ignored.

    Returns
    -------
    Reading
        Its probabilities are those of the model, but for the rounding of floats.

    Raises
    ------
    ValueError
        If a value is missing or unknown, or there is no nomogram.
    """
    if not nomogram.axes:
        raise ValueError(nomogram.sentence)
    points, outside = {}, []
    for axis in nomogram.axes:
        if axis.name not in values:
            raise ValueError(f"Give a value for the predictor `{axis.name}`.")
        value = values[axis.name]
        if axis.slope is None:
            if value not in axis.values:
                known = ", ".join(axis.labels)
                raise ValueError(
                    f"`{axis.name}` has no level {level_label(value)!r}; it has {known}."
                )
            points[axis.name] = axis.points[axis.values.index(value)]
            continue
        number = _checks.real(float(value), name=axis.name)
        effect = axis.slope * number
        points[axis.name] = (effect - axis.lowest) * nomogram.points_per_unit
        if not axis.values[0] <= number <= axis.values[-1]:
            outside.append(axis.name)
    found = _at_total(nomogram, sum(points.values()))
    return Reading(
        points=points,
        total_points=found.total_points,
        linear_predictor=found.linear_predictor,
        probabilities=found.probabilities,
        outside=tuple(outside),
    )


def _at_total(nomogram: Nomogram, total: float) -> TotalRow:
    lp = nomogram.intercept + total / nomogram.points_per_unit
    return TotalRow(
        total_points=total,
        linear_predictor=lp,
        probabilities=tuple(axis.probability(lp) for axis in nomogram.outcome_axes),
    )


def _bare_sentence(axes: Sequence[OutcomeAxis]) -> str:
    if not axes:
        return ""
    times = [f" at {axis.horizon:g}" for axis in axes if axis.horizon is not None]
    return (
        f"No wanted probability{','.join(times)} is reached by any total of points, so its axis "
        "has no ticks."
    )


def _nothing(kind: str, max_points: float, sentence: str) -> Nomogram:
    return Nomogram(
        kind=kind,
        max_points=float(max_points),
        points_per_unit=nan,
        intercept=nan,
        points_ticks=(),
        axes=(),
        total_ticks=(),
        lp_ticks=(),
        lp_points=(),
        outcome_axes=(),
        sentence=sentence,
    )
