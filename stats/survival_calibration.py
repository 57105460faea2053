"""Calibration of predictions of a time to event: O:E at a horizon, and the Cox slope."""

from math import exp, nan

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtri

from extval.stats import _checks
from extval.stats._influence import undefined_estimate
from extval.stats.censoring import checked_kinds, checked_times
from extval.stats.competing_risks import aalen_johansen, incidence_at
from extval.stats.cox import cox_regression
from extval.stats.kaplan_meier import kaplan_meier, survival_at
from extval.stats.results import Estimate, Interval, Status


def oe_t(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    horizon: float,
    cause: int | None = None,
    entry: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the ratio of observed to expected risk of the event by a horizon.

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
    entry : array_like of shape (n,), optional
        Left truncation: at risk only after `entry`.
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
    Observed is :math:`\hat F(t) = 1 - \hat S(t)` by Kaplan-Meier, or the Aalen-Johansen cumulative
    incidence with competing risks; expected is the mean predicted risk, held fixed. With the
    standard error of :math:`\hat F(t)` (Greenwood, or the delta method with competing risks), that
    of the log ratio is :math:`s = \mathrm{se}\{\hat F(t)\} / \hat F(t)`; the limits are the ratio
    times :math:`\exp(\pm z s)`, and `se` is the ratio times *s*. Without censoring this is the
    log-scale interval of the binary O:E. If no event was seen among the *r* patients followed at
    least to the horizon, the upper limit is that of Clopper and Pearson for 0 of *r*, over the
    expected risk. Agrees with the same formula on R survival 3.5.3 ``survfit`` to 1e-10.

    References
    ----------
    McLernon et al. (2023), Ann Intern Med 176:105. :doi:`10.7326/M22-0844`

    Examples
    --------
    >>> round(oe_t([1, 2, 3, 4], [1, 0, 1, 0], [0.5, 0.4, 0.4, 0.2], horizon=3.5).value, 6)
    1.666667
    """
    follow_up, kind = checked_kinds(time, event, cause)
    predicted = _checks.probabilities(risk, follow_up.size, name="risk")
    at = _checks.horizon(horizon)
    level = _checks.level(confidence_level)
    n, events = follow_up.size, int(np.count_nonzero(kind == 1))
    if cause is None:
        method = "1 - Kaplan-Meier / mean predicted risk; Greenwood on the log scale"
        found = survival_at(kaplan_meier(follow_up, kind, entry=entry), at)
        observed = 1.0 - found.value
    else:
        method = "Aalen-Johansen / mean predicted risk; delta method on the log scale"
        incidence = aalen_johansen(follow_up, kind, n_causes=2, entry=entry)
        found = incidence_at(incidence, at, cause=1)
        observed = found.value
    status = found.status
    if not np.isnan(observed) and not predicted.any():
        observed, status = nan, Status.NO_EXPECTED_EVENTS
    if np.isnan(observed):
        return undefined_estimate(status, level=level, method=method, n=n, events=events)
    expected = float(predicted.mean())
    ratio, se, interval = observed / expected, nan, Interval.undefined(level)
    if observed == 0.0:
        seen = follow_up >= at
        if entry is not None:  # who came later says nothing of the time before
            seen &= np.asarray(entry) == 0.0
        followed = int(np.count_nonzero(seen))
        upper = float(betaincinv(1, followed, 0.5 + level / 2)) if followed else 1.0
        interval, status = Interval(0.0, upper / expected, level), Status.NO_EVENT_BY_HORIZON
        method = f"{method.partition(';')[0]}; exact binomial (Clopper-Pearson)"
    elif status is Status.OK:
        log_se = found.se / observed
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
    entry: ArrayLike | None = None,
    method: str = "wald",
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
    entry : array_like of shape (n,), optional
        Left truncation: at risk only after `entry`.
    method : {"wald", "profile"}
        Interval: normal approximation, or profile likelihood.
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
    The fit is `extval.stats.cox.cox_regression` with Efron's handling of equal times. Agrees with R
    survival 3.5.3 ``coxph(Surv(time, event) ~ lp)`` to 1e-8 when that is iterated to convergence.

    Examples
    --------
    >>> slope = calibration_slope_cox([1, 2, 3, 4], [1, 1, 0, 1], [0.9, 0.1, 0.4, -0.2])
    >>> round(slope.value, 6)
    3.05444
    """
    follow_up, had_event = checked_times(time, event)
    lp = _checks.finite(linear_predictor, follow_up.size, name="linear_predictor")
    level = _checks.level(confidence_level)
    if follow_up.size and had_event.any() and np.ptp(lp) == 0.0:
        return undefined_estimate(
            Status.CONSTANT_PREDICTION,
            level=level,
            method="Cox regression of the linear predictor",
            n=follow_up.size,
            events=int(np.count_nonzero(had_event)),
        )
    fit = cox_regression(
        follow_up,
        had_event,
        lp[:, np.newaxis],
        entry=entry,
        method=method,
        confidence_level=level,
    )
    return fit.terms[0].log_hazard_ratio
