"""The Kaplan-Meier curve and what is read off it."""

from dataclasses import dataclass
from math import inf, nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from extval.stats import _checks
from extval.stats._kernels_survival import product_limit
from extval.stats.results import Estimate, Interval, Status
from extval.stats.risk_sets import risk_sets

FloatArray = NDArray[np.float64]

INTERVAL_METHODS = ("plain", "log", "log-log")

# A curve lies at a level if it is this close to it, as in R's quantile.survfit: products of
# fractions rarely hit one half to the last bit.
_ROUNDING = 1e-12
_AT_LEVEL = 1.4901161193847656e-08


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KaplanMeier:
    """A survival curve at the m distinct observed times, in increasing order; 1 before the first.

    Attributes
    ----------
    time, survival : ndarray of shape (m,)
        ``survival[j]`` holds from ``time[j]`` up to, not including, ``time[j + 1]``.
    lower, upper : ndarray of shape (m,)
        Pointwise limits; NaN where the curve is exactly 1 or 0 and its variance tells nothing.
    std_error : ndarray of shape (m,)
        Greenwood standard error of `survival`; 0 before the first event, NaN at zero.
    at_risk, events, censored : ndarray of shape (m,)
        At risk just before `time`, and leaving at it. Integers, or sums of weights.
    level : float
        Confidence level of the limits.
    method : str
        Estimator and interval as run.
    interval : str
        Scale of the limits: "plain", "log" or "log-log".
    n, n_events : int
        Patients (rows with a positive weight) and how many of them had the event.
    status : Status
        `Status.OK`, `NO_PATIENTS`, `NO_EVENTS` (the curve stays at 1) or `RISK_SET_EMPTIED`.
    """

    time: FloatArray
    survival: FloatArray
    lower: FloatArray
    upper: FloatArray
    std_error: FloatArray
    at_risk: NDArray[Any]
    events: NDArray[Any]
    censored: NDArray[Any]
    level: float
    method: str
    interval: str
    n: int
    n_events: int
    status: Status = Status.OK


def kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    confidence_level: float = 0.95,
    method: str = "log-log",
) -> KaplanMeier:
    r"""Estimate the survival curve of right-censored times.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
        Follow-up in any one unit.
    event : array_like of shape (n,), 0 or 1
        1 if the event happened at `time`, 0 if the patient was censored then.
    entry : array_like of shape (n,), non-negative and before `time`, optional
        Left truncation: the patient is at risk only after `entry` (up to and including `time`).
    weights : array_like of shape (n,), non-negative, optional
        How many patients a row stands for (frequency weights); rows of weight 0 are left out.
    confidence_level : float in (0, 1)
    method : {"log-log", "log", "plain"}
        Scale on which the pointwise limits are symmetric.

    Returns
    -------
    KaplanMeier
        Empty arrays without patients, a curve at 1 without events; `status` says so.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With :math:`d_j` events among :math:`n_j` at risk, :math:`\hat S(t) = \prod_{t_j \le t}
    (1 - d_j / n_j)` and Greenwood's :math:`\mathrm{se} = \hat S \sqrt{\sum d_j / (n_j (n_j -
    d_j))}`. A patient censored at a time is still at risk for the events of that time.

    Times are compared as exact floats. R survival merges times that differ by less than about
    1e-8 relative (``timefix``); round such times before calling if they are meant to be tied.
    Agrees with R survival 3.5.3 ``survfit`` to 1e-12, except where the curve is exactly 1: R has
    plain and log limits of 1 there, here all limits are NaN, as the log-log limits of R are.

    References
    ----------
    Kaplan & Meier (1958), J Am Stat Assoc 53:457. :doi:`10.1080/01621459.1958.10501452`

    Examples
    --------
    >>> kaplan_meier([6, 7, 10, 15], [1, 0, 1, 1]).survival.round(3).tolist()
    [0.75, 0.75, 0.375, 0.0]
    """
    follow_up = _checks.durations(time)
    had_event = _checks.binary(event, name="event")
    _checks.same_length(had_event, follow_up.size, name="event")
    started = None if entry is None else _checks.entries(entry, follow_up)
    counts = None if weights is None else _checks.weights(weights, follow_up.size)
    level = _checks.level(confidence_level)
    scale = _checks.choice(method, INTERVAL_METHODS, name="method")
    if counts is not None:
        kept = counts > 0.0
        follow_up, had_event, counts = follow_up[kept], had_event[kept], counts[kept]
        started = None if started is None else started[kept]

    sets = risk_sets(follow_up, had_event, entry=started, weights=counts)
    at_risk, (censored, events) = sets.at_risk[0], sets.ended[:, 0]
    staying = at_risk - events
    if counts is not None:  # sums of weights cancel to a rounding error, counts to zero
        people = risk_sets(follow_up, had_event, entry=started)
        staying[people.at_risk[0] == people.ended[1, 0]] = 0.0
    survival, greenwood = np.empty((2, at_risk.size))
    product_limit(at_risk, events, staying, survival, greenwood)
    with np.errstate(invalid="ignore"):
        std_error = survival * greenwood
    lower, upper = probability_limits(survival, greenwood, float(ndtri(0.5 + level / 2)), scale)

    n, n_events = follow_up.size, int(np.count_nonzero(had_event))
    status = Status.OK
    if n == 0:
        status = Status.NO_PATIENTS
    elif n_events == 0:
        status = Status.NO_EVENTS
    elif started is not None and survival.size > 1 and survival[-2] == 0.0:
        status = Status.RISK_SET_EMPTIED
    return KaplanMeier(
        time=sets.time,
        survival=survival,
        lower=lower,
        upper=upper,
        std_error=std_error,
        at_risk=at_risk,
        events=events,
        censored=censored,
        level=level,
        method=f"Kaplan-Meier; Greenwood, {scale}",
        interval=scale,
        n=n,
        n_events=n_events,
        status=status,
    )


def reverse_kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    confidence_level: float = 0.95,
    method: str = "log-log",
) -> KaplanMeier:
    """Estimate the curve of potential follow-up: censoring is the event, and the event censors.

    Parameters and result are those of `kaplan_meier`; `events` counts the patients censored at a
    time and `censored` those with the event. `quantile` of it gives the median follow-up.

    Notes
    -----
    Agrees with R survival 3.5.3 ``survfit(Surv(time, 1 - event) ~ 1)``: where an event and a
    censoring share a time, the patient with the event still counts as at risk of being censored.
    Inverse-probability-of-censoring weights take the other order.

    References
    ----------
    Schemper & Smith (1996), Control Clin Trials 17:343. :doi:`10.1016/0197-2456(96)00075-X`

    Examples
    --------
    >>> quantile(reverse_kaplan_meier([6, 7, 10, 15], [1, 0, 1, 0])).value
    15.0
    """
    censoring = ~_checks.binary(event, name="event")
    curve = kaplan_meier(
        time,
        censoring,
        entry=entry,
        weights=weights,
        confidence_level=confidence_level,
        method=method,
    )
    return KaplanMeier(
        **{name: getattr(curve, name) for name in curve.__slots__ if name != "method"},
        method=f"reverse Kaplan-Meier; Greenwood, {curve.interval}",
    )


def survival_at(km: KaplanMeier, t: float) -> Estimate:
    """Read the survival probability at time `t` off the curve.

    Parameters
    ----------
    km : KaplanMeier
    t : float, finite, non-negative

    Returns
    -------
    Estimate
        NaN beyond the last follow-up unless the curve is already at zero. Without an interval
        where the curve is exactly 1 or 0. `status` says which.

    Raises
    ------
    ValueError
        If `t` is negative or not finite.

    Examples
    --------
    >>> survival_at(kaplan_meier([6, 7, 10, 15], [1, 0, 1, 0]), 8.0).value
    0.75
    """
    at = _checks.horizon(t, name="t")
    j = int(np.searchsorted(km.time, at, side="right")) - 1
    value, se, limits, status = 1.0, 0.0, (nan, nan), Status.NO_EVENT_YET
    if km.n == 0:
        value, se, status = nan, nan, Status.NO_PATIENTS
    elif at > km.time[-1] and km.survival[-1] > 0.0:
        value, se, status = nan, nan, Status.BEYOND_FOLLOW_UP
    elif j >= 0 and km.survival[j] < 1.0:
        value, se = float(km.survival[j]), float(km.std_error[j])
        limits = float(km.lower[j]), float(km.upper[j])
        if value == 0.0:
            emptied = km.status is Status.RISK_SET_EMPTIED
            status = Status.RISK_SET_EMPTIED if emptied else Status.CURVE_AT_ZERO
        else:
            status = Status.OK
    return Estimate(
        value=value,
        se=se,
        interval=Interval(*limits, km.level),
        method=km.method,
        n=km.n,
        events=km.n_events,
        status=status,
    )


def quantile(km: KaplanMeier, q: float = 0.5) -> Estimate:
    r"""Read off the time by which the fraction `q` had the event, with Brookmeyer-Crowley limits.

    Parameters
    ----------
    km : KaplanMeier
    q : float in (0, 1)
        0.5 gives the median.

    Returns
    -------
    Estimate
        NaN if the curve does not come down to ``1 - q``. The upper limit is infinite if the upper
        confidence curve does not. `status` says which; there is no standard error.

    Raises
    ------
    ValueError
        If `q` is outside (0, 1).

    Notes
    -----
    The first time at which the curve is at or below ``1 - q``; where it lies exactly at that level
    (to 1.5e-8), the middle of the stretch. The limits are the same reading of the two confidence
    curves [1]_. Agrees with R survival 3.5.3 ``quantile.survfit`` to 1e-12.

    References
    ----------
    .. [1] Brookmeyer & Crowley (1982), Biometrics 38:29. :doi:`10.2307/2530286`

    Examples
    --------
    >>> quantile(kaplan_meier([6, 7, 10, 15], [1, 0, 1, 1]), q=0.5).value
    10.0
    """
    wanted = 1.0 - _checks.number_in(q, name="q", above=0.0, up_to=np.nextafter(1.0, 0.0))
    value, low, high = (_time_at(km.time, c, wanted) for c in (km.survival, km.lower, km.upper))
    status = Status.OK
    if km.n == 0:
        status = Status.NO_PATIENTS
    elif np.isnan(value):
        status = Status.QUANTILE_NOT_REACHED
    elif np.isnan(low):
        status = Status.LIMITS_NOT_REACHED
    elif np.isnan(high):
        status = Status.UPPER_LIMIT_NOT_REACHED
    return Estimate(
        value=value,
        interval=Interval(low, inf if np.isnan(high) and not np.isnan(low) else high, km.level),
        method=f"{km.method}; Brookmeyer-Crowley",
        n=km.n,
        events=km.n_events,
        status=status,
    )


def probability_limits(
    estimate: FloatArray, relative_error: FloatArray, z: float, scale: str
) -> tuple[FloatArray, FloatArray]:
    """Return pointwise limits, NaN at 0 and 1; `relative_error` is the standard error of log S.

    An incidence that adds up to 1 but for rounding counts as 1.
    """
    outside = (estimate <= 0.0) | (1.0 - estimate <= _ROUNDING)
    with np.errstate(all="ignore"):
        s, margin = estimate, z * relative_error
        if scale == "plain":
            lower, upper = np.maximum(s - margin * s, 0.0), np.minimum(s + margin * s, 1.0)
        elif scale == "log":
            lower, upper = s * np.exp(-margin), np.minimum(s * np.exp(margin), 1.0)
        else:
            log_s = np.log(s)
            margin /= log_s
            lower = np.exp(log_s * np.exp(-margin))
            upper = np.exp(log_s * np.exp(margin))
    lower[outside] = upper[outside] = nan
    return lower, upper


def _time_at(time: FloatArray, curve: FloatArray, wanted: float) -> float:
    """Return where a falling step curve comes down to `wanted`; NaN values are passed over."""
    reached = np.flatnonzero(curve <= wanted + _AT_LEVEL)
    if reached.size == 0:
        return nan
    below = np.flatnonzero(curve < wanted - _AT_LEVEL)
    first = float(time[reached[0]])
    if below.size == 0 and not np.isnan(curve[-1]):
        return (first + float(time[-1])) / 2
    return (first + float(time[below[0]])) / 2 if below.size else nan
