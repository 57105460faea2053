"""The time-dependent AUC as a curve over horizons, and its average."""

from dataclasses import dataclass, replace
from math import isnan, nan

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from extval.stats import _checks
from extval.stats._auc_over_horizons import horizon_points
from extval.stats._influence import (
    standard_error,
    undefined_comparison,
    undefined_estimate,
    wald_comparison,
    wald_estimate,
)
from extval.stats._kernels_auc_resampled import resampled_auc
from extval.stats._kernels_ipcw import add_censoring_effects
from extval.stats._resampling import replicate_key
from extval.stats._sorting import stable_orders
from extval.stats.auc_t import (
    AucAtHorizon,
    ScoredPatients,
    auc_at_horizon,
    influence_difference,
    scored_patients,
)
from extval.stats.bootstrap import percentile_interval
from extval.stats.censoring import censoring_curve, checked_kinds, locate
from extval.stats.results import Comparison, Estimate, Status

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_METHOD = "cumulative/dynamic AUC, IPCW by marginal Kaplan-Meier censoring of these patients"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AucCurve:
    """Time-dependent AUC at h horizons, and its average.

    Attributes
    ----------
    horizons, auc, se, lower, upper : ndarray of shape (h,)
        NaN where `statuses` says so; limits are pointwise.
    cases, controls : ndarray of int, shape (h,)
        Patients known to have had the event by the horizon, and to be without it.
    statuses : tuple of Status, length h
        `Status.OK`, or why the AUC or its interval is undefined there.
    integrated : Estimate
        AUC averaged over the horizons.
    n, events, n_resamples : int
    confidence_level : float
    method : str
    """

    horizons: FloatArray
    auc: FloatArray
    se: FloatArray
    lower: FloatArray
    upper: FloatArray
    cases: IntArray
    controls: IntArray
    statuses: tuple[Status, ...]
    integrated: Estimate
    n: int
    events: int
    n_resamples: int
    confidence_level: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Average:
    """The integrated AUC with each patient's influence on it."""

    value: float
    influence: FloatArray
    status: Status


def auc_t_curve(
    time: ArrayLike,
    event: ArrayLike,
    score: ArrayLike,
    *,
    horizons: ArrayLike,
    cause: int | None = None,
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    confidence_level: float = 0.95,
) -> AucCurve:
    r"""Estimate the cumulative/dynamic AUC of a score at several horizons, and its average.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
        Follow-up in any one unit.
    event : array_like of shape (n,)
        0 censored, 1 the event; with `cause` also other positive integers for competing events.
    score : array_like of shape (n,), finite
        Higher means an earlier event.
    horizons : array_like of shape (h,), strictly increasing, non-negative
        In the unit of `time`.
    cause : int or None
        The event of interest among competing ones; None for a single kind of event.
    n_resamples : int
        Bootstrap resamples of patients; with 0 standard errors and limits come from the influence
        functions.
    rng : numpy.random.Generator or None
        Needed when `n_resamples` is positive.
    confidence_level : float in (0, 1)

    Returns
    -------
    AucCurve
        Each point equals `extval.stats.auc_t.auc_t`.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    The average is :math:`\sum_k AUC(t_k) \{F(t_k) - F(t_{k-1})\} / F(t_h)` with *F* the cumulative
    incidence of the event (1 - Kaplan-Meier, or Aalen-Johansen with competing risks) and
    :math:`F(t_0) = 0`: each horizon counts by the events since the one before. Its influence
    function counts *F* as estimated. A horizon without new events has no weight.

    Resamples are drawn as counts and carry their own censoring curve; resamples in which an AUC
    is undefined are left out of its limits. Points agree with R riskRegression 2022.11.28 to
    1e-10; the average agrees with ``cumulative_dynamic_auc`` of scikit-survival where their
    censoring weights agree.

    Examples
    --------
    >>> curve = auc_t_curve([1, 2, 3, 4, 5], [1, 1, 0, 1, 0], [3, 5, 1, 2, 2], horizons=[1, 2, 4])
    >>> curve.auc.round(4).tolist(), round(curve.integrated.value, 4)
    ([0.75, 1.0, 0.7857], 0.8367)
    """
    follow_up, kind = checked_kinds(time, event, cause)
    values = _checks.finite(score, follow_up.size, name="score")
    at = _checks.horizons(horizons)
    resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    level = _checks.level(confidence_level)
    key = replicate_key(_checks.generator(rng)) if resamples else np.uint64(0)
    n, events = follow_up.size, int(np.count_nonzero(kind == 1))
    method = f"{_METHOD}; influence function"
    whole = f"average over horizons by events; {method}"
    found = horizon_points(follow_up, kind, values, at) if n > 1 else None
    if found is None or not found.se.all() or found.average_se == 0.0:
        # Separated or tied scores: zero is told from rounding by the influences one by one.
        patients = scored_patients(follow_up, kind, values)
        points = _points(patients, at)
        integrated = _point(_average(patients, points, at), level, whole, n, events)
        cases = np.array([point.cases for point in points])
        controls = np.array([point.controls for point in points])
        estimates = [_point(point, level, method, n, events) for point in points]
        auc = np.array([estimate.value for estimate in estimates])
        se = np.array([estimate.se for estimate in estimates])
        width = np.where(se == 0.0, nan, se)
        statuses = tuple(estimate.status for estimate in estimates)
    else:
        average = found.average, found.average_se, found.average_status
        integrated = _wald(*average, whole, level=level, n=n, events=events)
        cases, controls, statuses = found.cases, found.controls, found.statuses
        auc, se = found.auc, found.se
        width = se
    if resamples and n:
        method = f"{_METHOD}; bootstrap percentile, {resamples} resamples"
        drawn, incidence = _resampled(follow_up, kind, values, at, key, resamples)
        se, lower, upper, statuses = _limits_of_resamples(auc, drawn, statuses, level)
        integrated = _from_resamples(
            integrated, _weighted(drawn, incidence), f"average over horizons by events; {method}"
        )
    else:
        margin = float(ndtri(0.5 + level / 2)) * width
        lower, upper = np.maximum(auc - margin, 0.0), np.minimum(auc + margin, 1.0)
    return AucCurve(
        horizons=at,
        auc=auc,
        se=se,
        lower=lower,
        upper=upper,
        cases=cases,
        controls=controls,
        statuses=statuses,
        integrated=integrated,
        n=n,
        events=events,
        n_resamples=resamples,
        confidence_level=level,
        method=method,
    )


def integrated_auc_test(
    time: ArrayLike,
    event: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    horizons: ArrayLike,
    cause: int | None = None,
    confidence_level: float = 0.95,
) -> Comparison:
    """Test whether two scores of the same patients have the same AUC averaged over horizons.

    Parameters
    ----------
    time, event, horizons, cause, confidence_level
        As for `auc_t_curve`.
    score_a, score_b : array_like of shape (n,), finite
        Higher means an earlier event.

    Returns
    -------
    Comparison
        `difference` is the average of a minus that of b, `statistic` is z.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Examples
    --------
    >>> times, events = [1, 2, 3, 4, 5], [1, 1, 0, 1, 0]
    >>> test = integrated_auc_test(
    ...     times, events, [3, 5, 1, 2, 2], [5, 4, 3, 2, 1], horizons=[1, 2, 4]
    ... )
    >>> round(test.difference, 4)
    -0.1633
    """
    follow_up, kind = checked_kinds(time, event, cause)
    scores = [
        _checks.finite(score, follow_up.size, name=name)
        for score, name in ((score_a, "score_a"), (score_b, "score_b"))
    ]
    at = _checks.horizons(horizons)
    level = _checks.level(confidence_level)
    n, events = follow_up.size, int(np.count_nonzero(kind == 1))
    method = f"{_METHOD}, averaged over {at.size} horizons; influence function, paired"
    curve = censoring_curve(follow_up, kind > 0)
    sorted_a, sorted_b = (scored_patients(follow_up, kind, score, curve) for score in scores)
    a, b = (_average(patients, _points(patients, at), at) for patients in (sorted_a, sorted_b))
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


def _points(patients: ScoredPatients, horizons: FloatArray) -> list[AucAtHorizon]:
    return [auc_at_horizon(patients, float(t)) for t in horizons]


def _point(
    point: AucAtHorizon | _Average, level: float, method: str, n: int, events: int
) -> Estimate:
    se = nan if np.isnan(point.value) else standard_error(point.influence)
    return _wald(point.value, se, point.status, method, level=level, n=n, events=events)


def _wald(
    value: float, se: float, status: Status, method: str, *, level: float, n: int, events: int
) -> Estimate:
    if isnan(value):
        return undefined_estimate(status, level=level, method=method, n=n, events=events)
    return wald_estimate(
        value,
        se,
        level=level,
        method=method,
        n=n,
        events=events,
        low=0.0,
        high=1.0,
        if_zero=Status.SEPARATED_OR_TIED,
    )


def _from_resamples(estimate: Estimate, replicates: FloatArray, method: str) -> Estimate:
    """Return the estimate with the standard error and limits of its resamples."""
    if np.isnan(estimate.value):
        return estimate
    found = percentile_interval(replicates, confidence_level=estimate.interval.level)
    return replace(
        estimate, se=found.se, interval=found.interval, status=found.status, method=method
    )


def _average(
    patients: ScoredPatients, points: list[AucAtHorizon], horizons: FloatArray
) -> _Average:
    """Return the average over horizons, each weighted by the events since the one before.

    Its influence has three parts: that of each AUC; that of each step of the incidence, times the
    AUC there; and that of the last incidence, times minus the average. The last two are sums over
    a patient's own weight as a case, so that they pass through the censoring curve once.
    """
    incidence = np.array([point.incidence for point in points])
    total, status = float(incidence[-1]), points[-1].status
    steps = np.diff(incidence, prepend=0.0)
    if total > 0.0:
        weighing = [point.status for point, step in zip(points, steps, strict=True) if step > 0.0]
        status = next((found for found in weighing if found is not Status.OK), Status.OK)
    if status is not Status.OK:
        return _Average(value=nan, influence=np.full(patients.order.size, nan), status=status)
    auc = np.array(
        [point.value if step > 0.0 else 0.0 for point, step in zip(points, steps, strict=True)]
    )
    value = float((auc * steps).sum() / total)
    first = np.searchsorted(horizons, patients.curve.time)  # horizon at which a time enters
    at_entry = np.append(auc - value, 0.0)[first][patients.position]
    influence = np.where(patients.kind == 1, patients.inverse_before * at_entry, 0.0)
    add_censoring_effects(
        patients.position,
        patients.kind,
        locate(patients.curve, float(horizons[-1])).n_jumps,
        patients.inverse_at_risk,
        patients.hazard,
        influence,
    )
    for point, step in zip(points, steps, strict=True):
        if step > 0.0:
            influence += step * point.influence
    return _Average(value=value, influence=influence / total, status=status)


def _weighted(auc: FloatArray, incidence: FloatArray) -> FloatArray:
    """Return the average AUC of each resample, (b,), from AUC and incidence, (b, h)."""
    steps = np.diff(incidence, axis=1, prepend=0.0)
    total = incidence[:, -1]
    sums = np.where(steps > 0.0, auc, 0.0) * steps
    defined = total > 0.0
    return np.where(defined, sums.sum(axis=1) / np.where(defined, total, 1.0), nan)


def _resampled(
    time: FloatArray,
    kind: NDArray[np.int8],
    score: FloatArray,
    horizons: FloatArray,
    key: np.uint64,
    n_resamples: int,
) -> tuple[FloatArray, FloatArray]:
    """Return AUC and cumulative incidence of each resample at each horizon, (b, h) both."""
    auc, incidence = np.empty((2, n_resamples, horizons.size))
    orders, repeats = stable_orders(np.stack([time, score]))
    resampled_auc(key, 0, time, kind, orders, repeats, horizons, auc, incidence)
    return auc, incidence


def _limits_of_resamples(
    auc: FloatArray, drawn: FloatArray, statuses: tuple[Status, ...], level: float
) -> tuple[FloatArray, FloatArray, FloatArray, tuple[Status, ...]]:
    """Return standard errors, limits and statuses at h horizons from resamples, (b, h).

    As `percentile_interval` has them, and where all AUCs are defined, for all horizons at once.
    """
    columns = np.ascontiguousarray(drawn.T)
    if len(drawn) > 1 and not np.isnan(auc).any() and (columns.min(1) < columns.max(1)).all():
        lower, upper = np.quantile(columns, [(1 - level) / 2, (1 + level) / 2], axis=1)
        return columns.std(axis=1, ddof=1), lower, upper, (Status.OK,) * auc.size
    se, lower, upper = np.full((3, auc.size), nan)
    said = list(statuses)
    for j in np.flatnonzero(~np.isnan(auc)):
        found = percentile_interval(columns[j], confidence_level=level)
        se[j], said[j] = found.se, found.status
        lower[j], upper[j] = found.interval.low, found.interval.high
    return se, lower, upper, tuple(said)
