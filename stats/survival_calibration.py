"""Calibration of predictions of a time to event: O:E at a horizon, and the Cox slope."""

from dataclasses import dataclass
from math import exp, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri

from extval.stats import _checks
from extval.stats._influence import undefined_estimate, wald_estimate
from extval.stats.censoring import checked_times
from extval.stats.kaplan_meier import kaplan_meier, survival_at
from extval.stats.results import Estimate, Interval, Status

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_MAX_STEPS = 100
_ENOUGH = 1e-12  # relative change of the log-likelihood, or of the slope, that ends the iterations


def oe_t(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    horizon: float,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the ratio of observed to expected risk of the event by a horizon.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
        Follow-up in any one unit.
    event : array_like of shape (n,), 0 or 1
        1 if the event happened at `time`, 0 if the patient was censored then.
    risk : array_like of shape (n,), in [0, 1]
        Predicted probability of the event by `horizon`.
    horizon : float, finite, non-negative
        In the unit of `time`.
    confidence_level : float in (0, 1)

    Returns
    -------
    Estimate
        1 is perfect; above 1 the risks were too low. NaN beyond the last follow-up (unless the
        last patient had the event) and if all predicted risks are 0. Without an event by the
        horizon the ratio is 0 and its upper limit exact; where Kaplan-Meier is at zero there is
        no interval. `status` says which.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Observed is :math:`1 - \hat S(t)` by Kaplan-Meier, expected the mean predicted risk, held
    fixed. With Greenwood's standard error of :math:`\hat S(t)`, that of the log ratio is
    :math:`s = \mathrm{se}\{\hat S(t)\} / (1 - \hat S(t))`; the limits are the ratio times
    :math:`\exp(\pm z s)`, and `se` is the ratio times *s*. Without censoring this is the log-scale
    interval of the binary O:E. If no event was seen among the *r* patients followed at least to
    the horizon, the upper limit is that of Clopper and Pearson for 0 of *r*, over the expected
    risk. Agrees with the same formula on R survival 3.5.3 ``survfit`` to 1e-12.

    References
    ----------
    McLernon et al. (2023), Ann Intern Med 176:105. :doi:`10.7326/M22-0844`

    Examples
    --------
    >>> round(oe_t([1, 2, 3, 4], [1, 0, 1, 0], [0.5, 0.4, 0.4, 0.2], horizon=3.5).value, 6)
    1.666667
    """
    follow_up, had_event = checked_times(time, event)
    predicted = _checks.probabilities(risk, follow_up.size, name="risk")
    at = _checks.horizon(horizon)
    level = _checks.level(confidence_level)
    method = "1 - Kaplan-Meier / mean predicted risk; Greenwood on the log scale"
    n, events = follow_up.size, int(np.count_nonzero(had_event))
    survival = survival_at(kaplan_meier(follow_up, had_event), at)
    if np.isnan(survival.value):
        return undefined_estimate(survival.status, level=level, method=method, n=n, events=events)
    expected = float(predicted.mean())
    if expected == 0.0:
        status = Status.NO_EXPECTED_EVENTS
        return undefined_estimate(status, level=level, method=method, n=n, events=events)
    observed = 1.0 - survival.value
    ratio, se, interval, status = observed / expected, nan, Interval.undefined(level), Status.OK
    if survival.value == 0.0:
        status = Status.CURVE_AT_ZERO
    elif observed == 0.0:
        followed = int(np.count_nonzero(follow_up >= at))
        upper = 1.0 - float(betaincinv(followed, 1, (1.0 - level) / 2))
        interval, status = Interval(0.0, upper / expected, level), Status.NO_EVENT_BY_HORIZON
        method = "1 - Kaplan-Meier / mean predicted risk; exact binomial (Clopper-Pearson)"
    else:
        log_se = survival.se / observed
        factor = exp(float(ndtri(0.5 + level / 2)) * log_se)
        se, interval = ratio * log_se, Interval(ratio / factor, ratio * factor, level)
    return Estimate(
        value=ratio, se=se, interval=interval, method=method, n=n, events=events, status=status
    )


def calibration_slope_cox(
    time: ArrayLike,
    event: ArrayLike,
    linear_predictor: ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the calibration slope: the Cox coefficient of the model's linear predictor.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
        Follow-up in any one unit.
    event : array_like of shape (n,), 0 or 1
        1 if the event happened at `time`, 0 if the patient was censored then.
    linear_predictor : array_like of shape (n,), finite
        Log relative hazard that the model gives each patient; its origin does not matter.
    confidence_level : float in (0, 1)

    Returns
    -------
    Estimate
        1 is perfect; below 1 the predictions were too extreme. NaN with a status without events,
        with a constant linear predictor, or when the partial likelihood has no maximum.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Newton-Raphson with step halving on the partial likelihood with Efron's handling of equal
    times [1]_; Wald interval from the information. Agrees with R survival 3.5.3 ``coxph(Surv(time,
    event) ~ lp)`` to 1e-8 when that is iterated to convergence.

    References
    ----------
    .. [1] Efron (1977), J Am Stat Assoc 72:557. :doi:`10.1080/01621459.1977.10480613`

    Examples
    --------
    >>> slope = calibration_slope_cox([1, 2, 3, 4], [1, 1, 0, 1], [0.9, 0.1, 0.4, -0.2])
    >>> round(slope.value, 6)
    3.05444
    """
    follow_up, had_event = checked_times(time, event)
    lp = _checks.finite(linear_predictor, follow_up.size, name="linear_predictor")
    level = _checks.level(confidence_level)
    method = "Cox model of the linear predictor, Efron ties; Wald"
    n, events = follow_up.size, int(np.count_nonzero(had_event))
    value, se, status = nan, nan, Status.OK
    if n == 0:
        status = Status.NO_PATIENTS
    elif events == 0:
        status = Status.NO_EVENTS
    elif np.ptp(lp) == 0.0:
        status = Status.CONSTANT_PREDICTION
    else:
        value, se, status = _cox_slope(follow_up, had_event, lp)
    if status is not Status.OK:
        return undefined_estimate(status, level=level, method=method, n=n, events=events)
    return wald_estimate(value, se, level=level, method=method, n=n, events=events)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _RiskSets:
    """Patients from the last time to the first, and the events with their risk sets.

    For event e: `row[e]` is its patient, `end[e]` the size of its risk set (the first `end[e]`
    rows), `first[e]` and `last[e]` bound the events at its time, `share[e]` is Efron's share.
    """

    x: FloatArray
    row: IntArray
    end: IntArray
    first: IntArray
    last: IntArray
    share: FloatArray


def _cox_slope(
    time: FloatArray, had_event: BoolArray, lp: FloatArray
) -> tuple[float, float, Status]:
    """Return slope, standard error and status; the linear predictor varies."""
    center, spread = float(lp.mean()), float(lp.std())
    sets = _risk_sets(time, had_event, (lp - center) / spread)
    status = _no_maximum(sets)
    if status is not Status.OK:
        return nan, nan, status
    slope = 0.0
    loglik, score, information = _partial_likelihood(sets, slope)
    for _ in range(_MAX_STEPS):
        step = score / information
        for _ in range(_MAX_STEPS):
            new = _partial_likelihood(sets, slope + step)
            if np.isfinite(new).all() and new[0] >= loglik - _ENOUGH * (1.0 + abs(loglik)):
                break
            step /= 2.0
        slope += step
        loglik, score, information = new
        if abs(step) <= _ENOUGH * (1.0 + abs(slope)):
            return slope / spread, 1.0 / (sqrt(information) * spread), Status.OK
    return nan, nan, Status.NOT_CONVERGED


def _risk_sets(time: FloatArray, had_event: BoolArray, x: FloatArray) -> _RiskSets:
    order = np.lexsort((had_event, -time))  # the events of a time last
    falling, is_event = time[order], had_event[order]
    row = np.flatnonzero(is_event)
    end = np.searchsorted(-falling, -falling[row], side="right")
    first = np.searchsorted(end, end, side="left")
    last = np.searchsorted(end, end, side="right")
    share = (np.arange(row.size) - first) / (last - first)
    return _RiskSets(x=x[order], row=row, end=end, first=first, last=last, share=share)


def _no_maximum(sets: _RiskSets) -> Status:
    """Return why the partial likelihood has no maximum, if so."""
    highest = np.maximum.accumulate(sets.x)[sets.end - 1]
    lowest = np.minimum.accumulate(sets.x)[sets.end - 1]
    own = sets.x[sets.row]
    if (highest == lowest).all():
        return Status.UNINFORMATIVE_PREDICTOR
    if (own == highest).all() or (own == lowest).all():
        return Status.MONOTONE_LIKELIHOOD
    return Status.OK


def _partial_likelihood(sets: _RiskSets, slope: float) -> tuple[float, float, float]:
    """Return log partial likelihood, score and information at `slope`."""
    eta = slope * sets.x
    hazard = np.exp(eta - eta.max())
    moments = np.vstack((hazard, hazard * sets.x, hazard * sets.x**2))
    at_risk = np.cumsum(moments, axis=1)[:, sets.end - 1]
    of_events = np.concatenate((np.zeros((3, 1)), np.cumsum(moments[:, sets.row], axis=1)), axis=1)
    tied = of_events[:, sets.last] - of_events[:, sets.first]
    s0, s1, s2 = at_risk - sets.share * tied
    mean = s1 / s0
    return (
        float((eta[sets.row] - eta.max() - np.log(s0)).sum()),
        float((sets.x[sets.row] - mean).sum()),
        float((s2 / s0 - mean**2).sum()),
    )
