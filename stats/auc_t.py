"""Time-dependent AUC: cases had the event by a time, controls are still free of it."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._auc_over_horizons import horizon_points
from extval.stats._influence import (
    standard_error,
    undefined_comparison,
    undefined_estimate,
    wald_comparison,
    wald_estimate,
)
from extval.stats._kernels_ipcw import auc_with_influence
from extval.stats._sorting import stable_orders
from extval.stats.censoring import CensoringCurve, censoring_curve, checked_kinds, locate
from extval.stats.results import Comparison, Estimate, Status

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_METHOD = (
    "cumulative/dynamic AUC, IPCW by marginal Kaplan-Meier censoring of these patients; influence "
    "function"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredPatients:
    """Patients in increasing order of score, with the censoring curve they share.

    Attributes
    ----------
    order : ndarray of shape (n,)
    position : ndarray of shape (n,)
        Rank of each patient's time among the distinct times.
    kind : ndarray of int8, shape (n,)
        0 censored, 1 the event of interest, 2 a competing event.
    opens : ndarray of bool, shape (n,)
        First patient of each distinct score.
    inverse_before : ndarray of shape (n,)
        Inverse of the probability of being uncensored just before each patient's time.
    inverse_at_risk, hazard : ndarray of shape (m,)
        Of being censored, at each distinct time.
    curve : CensoringCurve
    """

    order: NDArray[np.int32]
    position: IntArray
    kind: NDArray[np.int8]
    opens: BoolArray
    inverse_before: FloatArray
    inverse_at_risk: FloatArray
    hazard: FloatArray
    curve: CensoringCurve


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AucAtHorizon:
    """AUC and cumulative incidence at one horizon.

    Attributes
    ----------
    value, incidence : float
    influence : ndarray of shape (n,)
        Of each patient on `value`, in increasing order of score.
    cases, controls : int
    status : Status
        `OK`, or why `value` is NaN.
    """

    value: float
    influence: FloatArray
    incidence: float
    cases: int
    controls: int
    status: Status


def auc_t(
    time: ArrayLike,
    event: ArrayLike,
    score: ArrayLike,
    *,
    horizon: float,
    cause: int | None = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the cumulative/dynamic AUC of a score at a horizon.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
        Follow-up in any one unit.
    event : array_like of shape (n,)
        0 censored, 1 the event; with `cause` also other positive integers for competing events.
    score : array_like of shape (n,), finite
        Higher means an earlier event.
    horizon : float, finite, non-negative
        In the unit of `time`.
    cause : int or None
        The event of interest among competing ones; None for a single kind of event.
    confidence_level : float in (0, 1)

    Returns
    -------
    Estimate
        0.5 is chance. NaN without a case or without a control and beyond the last follow-up;
        without an interval where all cases and controls are separated or tied. `status` says why.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    A case had the event by *t*, a control is free of it at *t* or, with competing risks, had
    another event before. With the weights :math:`w_i` of
    `extval.stats.censoring.censoring_weights`, the AUC is the weighted share of pairs in which the
    case has the higher score, equal scores counting half [1]_, [2]_. The standard error comes from
    the influence function, which counts the censoring curve as estimated [2]_; the interval is
    clipped to [0, 1]. Agrees with R riskRegression 2022.11.28 ``Score(metrics = "auc", cens.model
    = "km")`` to 1e-10.

    References
    ----------
    .. [1] Uno, Cai, Tian & Wei (2007), J Am Stat Assoc 102:527. :doi:`10.1198/016214507000000149`
    .. [2] Blanche, Dartigues & Jacqmin-Gadda (2013), Stat Med 32:5381. :doi:`10.1002/sim.5958`

    Examples
    --------
    >>> round(auc_t([1, 2, 3, 4, 5], [1, 0, 1, 0, 0], [5, 1, 2, 3, 1], horizon=3.5).value, 6)
    0.714286
    """
    follow_up, kind = checked_kinds(time, event, cause)
    values = _checks.finite(score, follow_up.size, name="score")
    at = _checks.horizon(horizon)
    level = _checks.level(confidence_level)
    n, events = follow_up.size, int(np.count_nonzero(kind == 1))
    value, se, status = _value_and_error(follow_up, kind, values, at)
    if np.isnan(value):
        return undefined_estimate(status, level=level, method=_METHOD, n=n, events=events)
    return wald_estimate(
        value,
        se,
        level=level,
        method=_METHOD,
        n=n,
        events=events,
        low=0.0,
        high=1.0,
        if_zero=Status.SEPARATED_OR_TIED,
    )


def auc_t_test(
    time: ArrayLike,
    event: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    horizon: float,
    cause: int | None = None,
    confidence_level: float = 0.95,
) -> Comparison:
    """Test whether two scores of the same patients have the same AUC at a horizon.

    Parameters
    ----------
    time, event, horizon, cause, confidence_level
        As for `auc_t`.
    score_a, score_b : array_like of shape (n,), finite
        Higher means an earlier event.

    Returns
    -------
    Comparison
        `difference` is AUC of a minus AUC of b, `statistic` is z. Scores that rank every case and
        control alike give P = 1.

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
    >>> test = auc_t_test([1, 2, 3, 4], [1, 0, 1, 0], [4, 1, 2, 3], [4, 2, 3, 1], horizon=3.5)
    >>> round(test.difference, 6)
    -0.6
    """
    follow_up, kind = checked_kinds(time, event, cause)
    scores = [
        _checks.finite(score, follow_up.size, name=name)
        for score, name in ((score_a, "score_a"), (score_b, "score_b"))
    ]
    at = _checks.horizon(horizon)
    level = _checks.level(confidence_level)
    n, events = follow_up.size, int(np.count_nonzero(kind == 1))
    method = f"{_METHOD}, paired"
    curve = censoring_curve(follow_up, kind > 0)
    sorted_a, sorted_b = (scored_patients(follow_up, kind, score, curve) for score in scores)
    a, b = auc_at_horizon(sorted_a, at), auc_at_horizon(sorted_b, at)
    if np.isnan(a.value):
        return undefined_comparison(a.status, level=level, method=method, n=n, events=events)
    return wald_comparison(
        a.value - b.value,
        standard_error(influence_difference(sorted_a, a.influence, sorted_b, b.influence)),
        level=level,
        method=method,
        n=n,
        events=events,
    )


def _value_and_error(
    time: FloatArray, kind: NDArray[np.int8], score: FloatArray, horizon: float
) -> tuple[float, float, Status]:
    """Return the AUC at one horizon, as the curve has it, and its standard error."""
    if time.size > 1:
        points = horizon_points(time, kind, score, np.array([horizon]))
        if points.se[0] != 0.0:
            return float(points.auc[0]), float(points.se[0]), points.statuses[0]
    # Separated or tied scores: zero is told from rounding by the influences one by one.
    found = auc_at_horizon(scored_patients(time, kind, score), horizon)
    return found.value, standard_error(found.influence), found.status


def scored_patients(
    time: FloatArray, kind: NDArray[np.int8], score: FloatArray, curve: CensoringCurve | None = None
) -> ScoredPatients:
    """Sort the patients by score; `curve` saves computing their censoring curve again."""
    shared = censoring_curve(time, kind > 0) if curve is None else curve
    orders, repeats = stable_orders(score[np.newaxis])
    order = orders[0]
    position = shared.position[order]
    return ScoredPatients(
        order=order,
        position=position,
        kind=kind[order],
        opens=~repeats[0],
        inverse_before=(1.0 / shared.before)[position],
        inverse_at_risk=1.0 / shared.at_risk,
        hazard=shared.censored / shared.at_risk,
        curve=shared,
    )


def auc_at_horizon(patients: ScoredPatients, horizon: float) -> AucAtHorizon:
    """Return the AUC at one horizon with each patient's influence on it."""
    at = locate(patients.curve, horizon)
    influence = np.full(patients.order.size, nan)
    value, incidence, cases, controls = nan, nan, 0, 0
    status = at.status
    if status is Status.OK:
        value, incidence, cases, controls = auc_with_influence(
            patients.position,
            patients.kind,
            patients.opens,
            patients.inverse_before,
            patients.inverse_at_risk,
            patients.hazard,
            at.n_times,
            at.n_jumps,
            at.free_from,
            at.uncensored,
            influence,
        )
        if np.isnan(value):
            status = Status.NO_CONTROL_AT_HORIZON if cases else Status.NO_CASE_BY_HORIZON
    return AucAtHorizon(
        value=value,
        influence=influence,
        incidence=incidence,
        cases=cases,
        controls=controls,
        status=status,
    )


def influence_difference(
    a: ScoredPatients, influence_a: FloatArray, b: ScoredPatients, influence_b: FloatArray
) -> FloatArray:
    """Return the difference of two models' influences, patient by patient, shape (n,)."""
    difference = np.empty(a.order.size)
    difference[a.order] = influence_a
    difference[b.order] -= influence_b
    return difference
