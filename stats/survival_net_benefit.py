"""Net benefit at one threshold for the event by a horizon, and its difference between models."""

from dataclasses import dataclass, replace
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._influence import (
    standard_error,
    undefined_comparison,
    undefined_estimate,
    wald_comparison,
    wald_estimate,
)
from extval.stats._resampling import replicate_key
from extval.stats.bootstrap import percentile_interval
from extval.stats.brier_t import outcomes
from extval.stats.censoring import censoring_curve, censoring_influence, checked_kinds, locate
from extval.stats.results import Comparison, Estimate, Status
from extval.stats.survival_decision import patients_in_time, resampled

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _NetBenefit:
    """A net benefit with the influence of each patient, shape (n,)."""

    value: float
    influence: FloatArray
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Question:
    """Checked arguments that both functions share."""

    time: FloatArray
    kind: NDArray[np.int8]
    threshold: FloatArray
    horizon: float
    n_resamples: int
    key: np.uint64
    level: float
    incidence: str

    @property
    def odds(self) -> float:
        return float(self.threshold[0] / (1.0 - self.threshold[0]))

    @property
    def n(self) -> int:
        return self.kind.size

    @property
    def events(self) -> int:
        return int(np.count_nonzero(self.kind == 1))


def survival_net_benefit(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    threshold: float,
    horizon: float,
    cause: int | None = None,
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the net benefit of one model at one threshold for the event by a horizon.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
        Follow-up in any one unit.
    event : array_like of shape (n,)
        0 censored, 1 the event; with `cause` also other positive integers for competing events.
    risk : array_like of shape (n,), in [0, 1]
        Predicted probability of the event by `horizon`.
    threshold : float in [0, 1)
        A patient is treated when risk >= threshold.
    horizon : float, finite, non-negative
    cause : int or None
        The event of interest among competing ones; None for a single kind of event.
    n_resamples : int
        Bootstrap resamples of patients; with 0 the interval is Wald's.
    rng : numpy.random.Generator or None
        Needed when `n_resamples` is positive.
    confidence_level : float in (0, 1)

    Returns
    -------
    Estimate
        The value of `survival_decision_curve` at the threshold. NaN beyond the last follow-up of
        the patients, or of those treated; 0 without interval when nobody is treated.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Wald's standard error is that of the mean of the influence function: among those treated, that
    of the cumulative incidence (with the censoring curve of those treated); it equals the binary
    one without censoring.

    Examples
    --------
    >>> survival_net_benefit(
    ...     [1, 2, 3, 4], [1, 0, 1, 0], [0.8, 0.5, 0.4, 0.2], threshold=0.25, horizon=3.5
    ... ).value
    0.75
    """
    asked = _question(time, event, threshold, horizon, cause, n_resamples, rng, confidence_level)
    predicted = _checks.probabilities(risk, asked.kind.size, name="risk")
    found = _net_benefit(asked, predicted)
    method = f"net benefit, {asked.incidence} among those treated; Wald from the influence function"
    if found.status is not Status.OK:
        return undefined_estimate(
            found.status, level=asked.level, method=method, n=asked.n, events=asked.events
        )
    estimate = wald_estimate(
        found.value,
        standard_error(found.influence, scale=1.0 + asked.odds),
        level=asked.level,
        method=method,
        n=asked.n,
        events=asked.events,
    )
    if not asked.n_resamples:
        return estimate
    drawn = percentile_interval(_resampled(asked, [predicted])[:, 0], confidence_level=asked.level)
    return replace(
        estimate,
        se=drawn.se,
        interval=drawn.interval,
        method=f"net benefit, {asked.incidence} among those treated; {drawn.method}",
        status=drawn.status,
    )


def survival_net_benefit_difference(
    time: ArrayLike,
    event: ArrayLike,
    risk_a: ArrayLike,
    risk_b: ArrayLike,
    *,
    threshold: float,
    horizon: float,
    cause: int | None = None,
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    confidence_level: float = 0.95,
) -> Comparison:
    r"""Compare the net benefit of two models at one threshold for the event by a horizon.

    Parameters
    ----------
    time, event, threshold, horizon, cause, n_resamples, rng, confidence_level
        As for `survival_net_benefit`.
    risk_a, risk_b : array_like of shape (n,), in [0, 1]
        Predicted probabilities of the event by `horizon`.

    Returns
    -------
    Comparison
        Net benefit a minus net benefit b. `statistic` and `p_value` are Wald's z test either way;
        models that treat the same patients have P = 1.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Examples
    --------
    >>> time, event, a, b = [1, 2, 3, 4], [1, 0, 1, 0], [0.8, 0.5, 0.4, 0.2], [0.4, 0.4, 0.4, 0.4]
    >>> found = survival_net_benefit_difference(time, event, a, b, threshold=0.25, horizon=3.5)
    >>> round(found.difference, 4)
    0.25
    """
    asked = _question(time, event, threshold, horizon, cause, n_resamples, rng, confidence_level)
    risks = [
        _checks.probabilities(values, asked.kind.size, name=name)
        for values, name in ((risk_a, "risk_a"), (risk_b, "risk_b"))
    ]
    a, b = (_net_benefit(asked, predicted) for predicted in risks)
    what = f"net benefit difference, {asked.incidence} among those treated"
    method = f"{what}; Wald from the influence function"
    status = a.status if a.status is not Status.OK else b.status
    if status is not Status.OK:
        return undefined_comparison(
            status, level=asked.level, method=method, n=asked.n, events=asked.events
        )
    comparison = wald_comparison(
        a.value - b.value,
        standard_error(a.influence - b.influence, scale=1.0 + asked.odds),
        level=asked.level,
        method=method,
        n=asked.n,
        events=asked.events,
    )
    if not asked.n_resamples or comparison.se == 0.0:
        return comparison
    many = _resampled(asked, risks)
    drawn = percentile_interval(many[:, 0] - many[:, 1], confidence_level=asked.level)
    return replace(
        comparison,
        se=drawn.se,
        interval=drawn.interval,
        method=f"{what}; {drawn.method}; Wald z",
        status=drawn.status,
    )


def _question(
    time: ArrayLike,
    event: ArrayLike,
    threshold: float,
    horizon: float,
    cause: int | None,
    n_resamples: int,
    rng: np.random.Generator | None,
    confidence_level: float,
) -> _Question:
    follow_up, kind = checked_kinds(time, event, cause)
    resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    return _Question(
        time=follow_up,
        kind=kind,
        threshold=_checks.increasing_thresholds([threshold], name="threshold"),
        horizon=_checks.horizon(horizon),
        n_resamples=resamples,
        key=replicate_key(_checks.generator(rng)) if resamples else np.uint64(0),
        level=_checks.level(confidence_level),
        incidence="1 - Kaplan-Meier" if cause is None else "Aalen-Johansen",
    )


def _net_benefit(asked: _Question, risk: FloatArray) -> _NetBenefit:
    """Return the net benefit: (1 + odds) times the true positives minus odds times all treated."""
    time, kind = asked.time, asked.kind
    treated = risk >= asked.threshold[0]
    status = locate(censoring_curve(time, kind > 0), asked.horizon).status
    contribution = np.zeros(kind.size)
    if status is Status.OK and treated.any():
        own = kind[treated]
        found = outcomes(own, censoring_curve(time[treated], own > 0), asked.horizon)
        if found.state.status is Status.OK:
            weighted = np.where(found.is_case, found.state.weights, 0.0)
            event = weighted + censoring_influence(found.curve, found.state, weighted)
            contribution[treated] = (1.0 + asked.odds) * event - asked.odds
        else:
            status = Status.POSITIVES_NOT_FOLLOWED
    if status is not Status.OK:
        return _NetBenefit(value=nan, influence=np.full(kind.size, nan), status=status)
    value = float(contribution.mean())
    return _NetBenefit(value=value, influence=contribution - value, status=status)


def _resampled(asked: _Question, risks: list[FloatArray]) -> FloatArray:
    """Return the net benefit of each model in each resample, (b, k)."""
    patients = patients_in_time(asked.time, asked.kind, risks, asked.horizon, asked.threshold)
    positives = resampled(patients, 1, asked.key, asked.n_resamples)[..., 1]
    return np.asarray((positives[..., 1] - asked.odds * positives[..., 0]) / asked.kind.size)
