"""Decision curves for a time to event: net benefit by a horizon over threshold probabilities."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._kernels_decision import threshold_bins
from extval.stats._kernels_survival_decision import cases_in_groups, resampled_cases
from extval.stats._resampling import replicate_key
from extval.stats.bootstrap import percentile_band
from extval.stats.censoring import checked_kinds
from extval.stats.decision import Band, DecisionCurve
from extval.stats.decision_difference import DecisionDifference
from extval.stats.results import Status

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatientsInTime:
    """Patients in increasing time, with the groups that k models put them in.

    Attributes
    ----------
    kind : ndarray of int8, shape (n,)
        0 censored, 1 the event of interest, 2 a competing event.
    opens : ndarray of bool, shape (n,)
        First patient of each distinct time.
    reached : ndarray of int32, shape (k, n)
        One more than the number of thresholds at or below each patient's risk.
    n_before, n_until : int
        Patients who leave before the horizon, and by it.
    """

    kind: NDArray[np.int8]
    opens: NDArray[np.bool_]
    reached: NDArray[np.int32]
    n_before: int
    n_until: int


@dataclass(frozen=True, slots=True)
class _Measures:
    net_benefit: FloatArray
    treat_all: FloatArray
    standardized: FloatArray
    avoided: FloatArray
    tp_rate: FloatArray
    fp_rate: FloatArray


def survival_decision_curve(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    horizon: float,
    thresholds: ArrayLike,
    cause: int | None = None,
    harm: ArrayLike | None = None,
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    confidence_level: float = 0.95,
) -> DecisionCurve:
    r"""Compute the decision curves of k models for the event by a horizon.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
        Follow-up in any one unit.
    event : array_like of shape (n,)
        0 censored, 1 the event; with `cause` also other positive integers for competing events.
    risk : array_like of shape (k, n), in [0, 1]
        Predicted probability of the event by `horizon` (not of being free of it), one row a model.
    horizon : float, finite, non-negative
        In the unit of `time`.
    thresholds : array_like of shape (t,), strictly increasing in [0, 1)
        Threshold probabilities; a patient is treated when risk >= threshold.
    cause : int or None
        The event of interest among competing ones; None for a single kind of event.
    harm : array_like of shape (k,) or None
        Harm of obtaining each model's prediction, in net-benefit units.
    n_resamples : int
        Bootstrap resamples of patients, one draw for all models; 0 gives no band.
    rng : numpy.random.Generator or None
        Needed when `n_resamples` is positive.
    confidence_level : float in (0, 1)
        Of the pointwise percentile limits.

    Returns
    -------
    DecisionCurve
        All NaN beyond the last follow-up. NaN at thresholds where those treated are not followed
        to the horizon (unless the last of them had the event); `status` says so. Where nobody is
        treated the net benefit is 0 (less the harm).

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With :math:`\hat F` the cumulative incidence by the horizon *among those treated* (1 -
    Kaplan-Meier, or Aalen-Johansen with competing risks) and :math:`\pi` their share, the true
    positives are :math:`\pi \hat F` and the false positives :math:`\pi(1 - \hat F)` a patient; net
    benefit is :math:`\pi\hat F - \pi(1 - \hat F)\,p/(1 - p)` [1]_. Agrees with the same formula on
    R survival 3.5.3 ``survfit`` to 1e-12. dcurves (R 0.5.1 and Python 1.1.7), given a marker and
    asked for probabilities (``as_probability``), uses the probability of *no* event as the risk and
    so ranks the patients upside down; given risks it agrees.

    References
    ----------
    .. [1] Vickers et al. (2008), BMC Med Inform Decis Mak 8:53. :doi:`10.1186/1472-6947-8-53`

    Examples
    --------
    >>> curve = survival_decision_curve(
    ...     [1, 2, 3, 4], [1, 0, 1, 0], [[0.8, 0.5, 0.4, 0.2]], horizon=3.5, thresholds=[0.25, 0.5]
    ... )
    >>> curve.net_benefit.round(4).tolist(), curve.treat_all.round(4).tolist()
    ([[0.75, nan]], [0.5, 0.25])
    """
    follow_up, kind = checked_kinds(time, event, cause)
    rows = _checks.probability_rows(risk, follow_up.size, name="risk")
    _checks.positive_integer(len(rows), name="the number of rows of risk")
    at = _checks.horizon(horizon)
    grid = _checks.increasing_thresholds(thresholds)
    harms = np.zeros(len(rows)) if harm is None else _checks.finite(harm, len(rows), name="harm")
    resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    level = _checks.level(confidence_level)
    key = replicate_key(_checks.generator(rng)) if resamples else np.uint64(0)
    n = follow_up.size
    patients = patients_in_time(follow_up, kind, rows, at, grid)
    positives = counted(patients, grid.size)
    found = _measures(positives, n, grid, harms)
    nothing = np.full_like(found.net_benefit, nan)
    bands = {name: Band(lower=nothing, upper=nothing) for name in ("nb", "standardized", "avoided")}
    bands["all"] = Band(lower=nothing[0], upper=nothing[0])
    status = status_of(positives, n)
    if resamples and status not in {Status.NO_PATIENTS, Status.BEYOND_FOLLOW_UP}:
        many = _measures(resampled(patients, grid.size, key, resamples), n, grid, harms)
        for name, values in (
            ("nb", many.net_benefit),
            ("standardized", many.standardized),
            ("avoided", many.avoided),
            ("all", many.treat_all),
        ):
            lower, upper = percentile_band(values, confidence_level=level)
            bands[name] = Band(lower=lower, upper=upper)
    incidence = "1 - Kaplan-Meier" if cause is None else "Aalen-Johansen"
    resampling = f"; bootstrap percentile, {resamples} resamples" if resamples else ""
    return DecisionCurve(
        thresholds=grid,
        net_benefit=found.net_benefit,
        treat_all=found.treat_all,
        treat_none=np.zeros(grid.size),
        standardized=found.standardized,
        interventions_avoided=found.avoided,
        true_positive_rate=found.tp_rate,
        false_positive_rate=found.fp_rate,
        lower=bands["nb"].lower,
        upper=bands["nb"].upper,
        standardized_band=bands["standardized"],
        interventions_avoided_band=bands["avoided"],
        treat_all_band=bands["all"],
        n=n,
        events=int(np.count_nonzero(kind == 1)),
        n_resamples=resamples,
        confidence_level=level,
        method=f"net benefit, {incidence} among those treated{resampling}",
        status=status,
    )


def survival_decision_curve_difference(
    time: ArrayLike,
    event: ArrayLike,
    risk_a: ArrayLike,
    risk_b: ArrayLike,
    *,
    horizon: float,
    thresholds: ArrayLike,
    cause: int | None = None,
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    confidence_level: float = 0.95,
) -> DecisionDifference:
    """Compute the difference between two decision curves for the event by a horizon.

    Parameters
    ----------
    time, event, horizon, thresholds, cause, n_resamples, rng, confidence_level
        As for `survival_decision_curve`.
    risk_a, risk_b : array_like of shape (n,), in [0, 1]
        Predicted probabilities of the event by `horizon`.

    Returns
    -------
    DecisionDifference
        Net benefit of a minus that of b, NaN where one of the two is.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Examples
    --------
    >>> time, event, a, b = [1, 2, 3, 4], [1, 0, 1, 0], [0.8, 0.5, 0.4, 0.2], [0.4, 0.4, 0.4, 0.4]
    >>> found = survival_decision_curve_difference(
    ...     time, event, a, b, horizon=3.5, thresholds=[0.25]
    ... )
    >>> found.difference.round(4).tolist()
    [0.25]
    """
    follow_up, kind = checked_kinds(time, event, cause)
    rows = [
        _checks.probabilities(values, follow_up.size, name=name)
        for values, name in ((risk_a, "risk_a"), (risk_b, "risk_b"))
    ]
    at = _checks.horizon(horizon)
    grid = _checks.increasing_thresholds(thresholds)
    resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    level = _checks.level(confidence_level)
    key = replicate_key(_checks.generator(rng)) if resamples else np.uint64(0)
    n = follow_up.size
    patients = patients_in_time(follow_up, kind, rows, at, grid)
    positives = counted(patients, grid.size)
    status, no_harm = status_of(positives, n), np.zeros(2)
    curves = _measures(positives, n, grid, no_harm).net_benefit
    lower, upper = np.full(grid.size, nan), np.full(grid.size, nan)
    if resamples and status not in {Status.NO_PATIENTS, Status.BEYOND_FOLLOW_UP}:
        many = _measures(resampled(patients, grid.size, key, resamples), n, grid, no_harm)
        pairs = many.net_benefit
        lower, upper = percentile_band(pairs[:, 0] - pairs[:, 1], confidence_level=level)
    resampling = f"; bootstrap percentile, {resamples} resamples" if resamples else ""
    return DecisionDifference(
        thresholds=grid,
        difference=curves[0] - curves[1],
        lower=lower,
        upper=upper,
        n=n,
        events=int(np.count_nonzero(kind == 1)),
        n_resamples=resamples,
        confidence_level=level,
        method=f"net benefit difference by a horizon{resampling}",
        status=status,
    )


def patients_in_time(
    time: FloatArray,
    kind: NDArray[np.int8],
    rows: list[FloatArray],
    horizon: float,
    thresholds: FloatArray,
) -> PatientsInTime:
    """Sort the patients by time, and count the thresholds that each reaches under each model."""
    order = np.argsort(time, kind="stable")
    ascending = time[order]
    opens = np.append(True, ascending[1:] != ascending[:-1])[: time.size]
    nobody = np.zeros(time.size, dtype=np.bool_)
    reached = np.empty((len(rows), time.size), np.int32)
    for row, out in zip(rows, reached, strict=True):
        threshold_bins(np.ascontiguousarray(row[order]), nobody, thresholds, out)
    return PatientsInTime(
        kind=kind[order],
        opens=opens,
        reached=reached // 2 + np.int32(1),
        n_before=int(np.searchsorted(ascending, horizon, side="left")),
        n_until=int(np.searchsorted(ascending, horizon, side="right")),
    )


def counted(patients: PatientsInTime, n_thresholds: int) -> FloatArray:
    """Return false and true positives, (k, 2, t + 1); first those of treating all."""
    positives = np.empty((patients.reached.shape[0], 2, n_thresholds + 1))
    ones = np.ones(patients.kind.size, np.int32)
    for row, out in zip(patients.reached, positives, strict=True):
        cases_in_groups(
            patients.kind, patients.opens, row, ones, patients.n_before, patients.n_until, out
        )
    return positives


def resampled(
    patients: PatientsInTime, n_thresholds: int, key: np.uint64, n_resamples: int
) -> FloatArray:
    """Return false and true positives of each resample, (b, k, 2, t + 1)."""
    positives = np.empty((n_resamples, patients.reached.shape[0], 2, n_thresholds + 1))
    resampled_cases(
        key,
        0,
        patients.kind,
        patients.opens,
        patients.reached,
        patients.n_before,
        patients.n_until,
        positives,
    )
    return positives


def status_of(positives: FloatArray, n: int) -> Status:
    """Return what the counts of `counted` leave undefined."""
    if n == 0:
        return Status.NO_PATIENTS
    if np.isnan(positives[..., 0]).any():
        return Status.BEYOND_FOLLOW_UP
    return Status.SOME_THRESHOLDS_UNDEFINED if np.isnan(positives).any() else Status.OK


def _measures(
    positives: FloatArray, n: int, thresholds: FloatArray, harms: FloatArray
) -> _Measures:
    """Return the curves from counts (..., k, 2, t + 1), any leading axes."""
    fp, tp = positives[..., 0, 1:], positives[..., 1, 1:]
    total = positives[..., 1, :1]
    odds = thresholds / (1.0 - thresholds)
    harm = harms[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        lost = np.where(np.isnan(total), nan, 0.0)
        benefit = (tp - odds * fp) / n - harm + lost
        avoided = (n - total - fp - (total - tp) / odds) / n - harm / odds
        everyone = (total - odds * (n - total)) / n
        return _Measures(
            net_benefit=benefit,
            treat_all=everyone[..., 0, :],
            standardized=np.where(total > 0, benefit * n / total, nan),
            avoided=np.where(np.isfinite(avoided), avoided, nan),
            tp_rate=tp / n + lost,
            fp_rate=fp / n + lost,
        )
