"""Brier score of a time-to-event prediction at a horizon; index of prediction accuracy."""

from dataclasses import dataclass

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
from extval.stats.censoring import (
    CensoringCurve,
    StateAtHorizon,
    censoring_curve,
    censoring_influence,
    checked_kinds,
    state_at_horizon,
)
from extval.stats.results import Comparison, Estimate, Status

FloatArray = NDArray[np.float64]

_METHOD = "IPCW Brier score, marginal Kaplan-Meier censoring of these patients; influence function"
_IPA = (
    "1 - Brier / Brier of the observed incidence, IPCW by marginal Kaplan-Meier censoring of these "
    "patients; influence function"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """Patients with what is known of them at one horizon.

    Attributes
    ----------
    kind : ndarray of int8, shape (n,)
        0 censored, 1 the event of interest, 2 a competing event.
    is_case : ndarray of bool, shape (n,)
        The event of interest was observed by the horizon.
    curve : CensoringCurve
    state : StateAtHorizon
    """

    kind: NDArray[np.int8]
    is_case: NDArray[np.bool_]
    curve: CensoringCurve
    state: StateAtHorizon

    @property
    def events(self) -> int:
        """Return how many patients had the event of interest, at any time."""
        return int(np.count_nonzero(self.kind == 1))


def brier_t(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    horizon: float,
    cause: int | None = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the Brier score at a horizon, weighted for censoring.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
        Follow-up in any one unit.
    event : array_like of shape (n,)
        0 censored, 1 the event; with `cause` also other positive integers for competing events.
    risk : array_like of shape (n,), in [0, 1]
        Predicted probability of the event by `horizon`.
    horizon : float, finite, non-negative
        In the unit of `time`.
    cause : int or None
        The event of interest among competing ones; None for a single kind of event.
    confidence_level : float in (0, 1)

    Returns
    -------
    Estimate
        0 is perfect. NaN beyond the last follow-up (unless the last patient had an event); without
        interval for one patient and when all patients contribute the same.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\frac1n \sum_i w_i(t) (D_i(t) - p_i)^2` with :math:`D_i(t) = 1` if the event of interest
    happened by *t* and the weights of `extval.stats.censoring.censoring_weights` [1]_. The standard
    error is that of the mean of the influence function, which counts the censoring curve as
    estimated; the interval is clipped to [0, 1]. Agrees with R riskRegression 2022.11.28
    ``Score(metrics = "brier", cens.model = "km")``, competing risks included, to 1e-10.

    References
    ----------
    .. [1] Gerds & Schumacher (2006), Biom J 48:1029. :doi:`10.1002/bimj.200610301`

    Examples
    --------
    >>> round(brier_t([1, 2, 3, 4], [1, 0, 1, 0], [0.8, 0.5, 0.4, 0.2], horizon=3.5).value, 6)
    0.16
    """
    found = outcomes_at(time, event, horizon, cause)
    predicted = _checks.probabilities(risk, found.kind.size, name="risk")
    level = _checks.level(confidence_level)
    n, events = found.kind.size, found.events
    if found.state.status is not Status.OK:
        return undefined_estimate(
            found.state.status, level=level, method=_METHOD, n=n, events=events
        )
    value, influence = brier_with_influence(found, predicted)
    return wald_estimate(
        value,
        standard_error(influence),
        level=level,
        method=_METHOD,
        n=n,
        events=events,
        low=0.0,
        high=1.0,
    )


def brier_t_test(
    time: ArrayLike,
    event: ArrayLike,
    risk_a: ArrayLike,
    risk_b: ArrayLike,
    *,
    horizon: float,
    cause: int | None = None,
    confidence_level: float = 0.95,
) -> Comparison:
    """Test whether two models of the same patients have the same Brier score at a horizon.

    Parameters
    ----------
    time, event, horizon, cause, confidence_level
        As for `brier_t`.
    risk_a, risk_b : array_like of shape (n,), in [0, 1]
        Predicted probabilities of the event by `horizon`.

    Returns
    -------
    Comparison
        `difference` is Brier of a minus Brier of b (negative: a is better), `statistic` is z.
        Identical predictions give P = 1.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    The standard error is that of the difference of the influence functions. Agrees with the
    contrasts of R riskRegression 2022.11.28 ``Score`` to 1e-10 (which have the other sign).

    Examples
    --------
    >>> test = brier_t_test(
    ...     [1, 2, 3, 4], [1, 0, 1, 0], [0.8, 0.5, 0.4, 0.2], [0.5, 0.5, 0.5, 0.5], horizon=3.5
    ... )
    >>> round(test.difference, 6)
    -0.09
    """
    found = outcomes_at(time, event, horizon, cause)
    n, events = found.kind.size, found.events
    risks = [
        _checks.probabilities(risk, n, name=name)
        for risk, name in ((risk_a, "risk_a"), (risk_b, "risk_b"))
    ]
    level = _checks.level(confidence_level)
    method = f"{_METHOD}, paired"
    if found.state.status is not Status.OK:
        return undefined_comparison(
            found.state.status, level=level, method=method, n=n, events=events
        )
    (a, influence_a), (b, influence_b) = (brier_with_influence(found, risk) for risk in risks)
    return wald_comparison(
        a - b,
        standard_error(influence_a - influence_b),
        level=level,
        method=method,
        n=n,
        events=events,
    )


def ipa_t(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    horizon: float,
    cause: int | None = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the index of prediction accuracy at a horizon, the scaled Brier score.

    Parameters
    ----------
    time, event, risk, horizon, cause, confidence_level
        As for `brier_t`.

    Returns
    -------
    Estimate
        At most 1, which is perfect; 0 is as good as the observed incidence for everyone, below 0
        worse. NaN where nobody or everybody had the event by the horizon and beyond the last
        follow-up.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`1 - B(t) / \{F(t)(1 - F(t))\}` with *F* the observed cumulative incidence (1 -
    Kaplan-Meier, or Aalen-Johansen with competing risks), whose Brier score as a prediction for
    everyone the denominator is [1]_. The standard error is that of the mean of the influence
    function of the ratio, which counts *F* as estimated; the upper limit is clipped to 1. The
    value agrees with R riskRegression 2022.11.28 ``Score(summary = "ipa")`` to 1e-10 (that
    package gives no interval).

    References
    ----------
    .. [1] Kattan & Gerds (2018), Diagnostic and Prognostic Research 2:7.
       :doi:`10.1186/s41512-018-0029-2`

    Examples
    --------
    >>> round(ipa_t([1, 2, 3, 4], [1, 0, 1, 0], [0.8, 0.5, 0.4, 0.2], horizon=3.5).value, 6)
    0.317333
    """
    found = outcomes_at(time, event, horizon, cause)
    predicted = _checks.probabilities(risk, found.kind.size, name="risk")
    level = _checks.level(confidence_level)
    n, events = found.kind.size, found.events
    status = _reference_status(found)
    if status is not Status.OK:
        return undefined_estimate(status, level=level, method=_IPA, n=n, events=events)
    score, influence = brier_with_influence(found, predicted)
    incidence, moved = incidence_with_influence(found)
    reference = incidence * (1.0 - incidence)
    change = influence - score * (1.0 - 2.0 * incidence) * moved / reference
    return wald_estimate(
        1.0 - score / reference,
        standard_error(change / reference),
        level=level,
        method=_IPA,
        n=n,
        events=events,
        high=1.0,
    )


def ipa_t_test(
    time: ArrayLike,
    event: ArrayLike,
    risk_a: ArrayLike,
    risk_b: ArrayLike,
    *,
    horizon: float,
    cause: int | None = None,
    confidence_level: float = 0.95,
) -> Comparison:
    r"""Test whether two models of the same patients have the same index of prediction accuracy.

    Parameters
    ----------
    time, event, risk_a, risk_b, horizon, cause, confidence_level
        As for `brier_t_test`.

    Returns
    -------
    Comparison
        `difference` is the index of a minus that of b (positive: a is better), `statistic` is z.
        Identical predictions give P = 1. NaN where `ipa_t` is.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\{B_b(t) - B_a(t)\} / \{F(t)(1 - F(t))\}`, with the standard error of the mean of the
    influence function of this ratio, which counts *F* as estimated; so *z* differs slightly from
    that of `brier_t_test`, where the denominator plays no part.

    Examples
    --------
    >>> test = ipa_t_test(
    ...     [1, 2, 3, 4], [1, 0, 1, 0], [0.8, 0.5, 0.4, 0.2], [0.5, 0.5, 0.5, 0.5], horizon=3.5
    ... )
    >>> round(test.difference, 6)
    0.384
    """
    found = outcomes_at(time, event, horizon, cause)
    n, events = found.kind.size, found.events
    risks = [
        _checks.probabilities(risk, n, name=name)
        for risk, name in ((risk_a, "risk_a"), (risk_b, "risk_b"))
    ]
    level = _checks.level(confidence_level)
    method, status = f"{_IPA}, paired", _reference_status(found)
    if status is not Status.OK:
        return undefined_comparison(status, level=level, method=method, n=n, events=events)
    (a, influence_a), (b, influence_b) = (brier_with_influence(found, risk) for risk in risks)
    incidence, moved = incidence_with_influence(found)
    reference = incidence * (1.0 - incidence)
    change = influence_b - influence_a - (b - a) * (1.0 - 2.0 * incidence) * moved / reference
    return wald_comparison(
        (b - a) / reference,
        standard_error(change / reference),
        level=level,
        method=method,
        n=n,
        events=events,
    )


def outcomes_at(time: ArrayLike, event: ArrayLike, horizon: float, cause: int | None) -> Outcomes:
    """Check times, events and horizon, and return what is known at the horizon."""
    follow_up, kind = checked_kinds(time, event, cause)
    at = _checks.horizon(horizon)
    return outcomes(kind, censoring_curve(follow_up, kind > 0), at)


def outcomes(kind: NDArray[np.int8], curve: CensoringCurve, horizon: float) -> Outcomes:
    """Return what is known at the horizon of patients whose censoring curve is at hand."""
    state = state_at_horizon(curve, horizon)
    return Outcomes(kind=kind, is_case=state.had_event & (kind == 1), curve=curve, state=state)


def brier_with_influence(found: Outcomes, risk: FloatArray) -> tuple[float, FloatArray]:
    """Return the Brier score and each patient's influence on it, shape (n,)."""
    return _mean_with_influence(found, (found.is_case - risk) ** 2)


def incidence_with_influence(found: Outcomes) -> tuple[float, FloatArray]:
    """Return the cumulative incidence and each patient's influence on it, shape (n,)."""
    return _mean_with_influence(found, found.is_case.astype(np.float64))


def _reference_status(found: Outcomes) -> Status:
    """Return why predicting the observed incidence has no Brier score above zero."""
    status = found.state.status
    if status is Status.OK and not found.is_case.any():
        return Status.NO_CASE_BY_HORIZON
    if status is Status.OK and found.is_case[found.state.weights > 0.0].all():
        return Status.NO_CONTROL_AT_HORIZON
    return status


def _mean_with_influence(found: Outcomes, values: FloatArray) -> tuple[float, FloatArray]:
    weighted = found.state.weights * values
    mean = float(weighted.mean())
    return mean, weighted - mean + censoring_influence(found.curve, found.state, weighted)
