"""The Brier score of a time-to-event prediction at a horizon."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._influence import standard_error, undefined_estimate, wald_estimate
from extval.stats.censoring import (
    CensoringCurve,
    StateAtHorizon,
    censoring_curve,
    censoring_influence,
    checked_times,
    state_at_horizon,
)
from extval.stats.results import Estimate, Status

FloatArray = NDArray[np.float64]

_METHOD = "IPCW Brier score, marginal Kaplan-Meier censoring of these patients; influence function"


def brier_t(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    horizon: float,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the Brier score at a horizon, weighted for censoring.

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
        0 is perfect. NaN beyond the last follow-up (unless the last patient had the event);
        without interval for one patient and when all patients contribute the same.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\frac1n \sum_i w_i(t) (1\{T_i \le t\} - p_i)^2` with the weights of
    `extval.stats.censoring.censoring_weights` [1]_. The standard error is that of the mean of the
    influence function, which counts the censoring curve as estimated; the interval is clipped to
    [0, 1]. Agrees with R riskRegression 2022.11.28 ``Score(metrics = "brier", cens.model = "km")``
    to 1e-10.

    References
    ----------
    .. [1] Gerds & Schumacher (2006), Biom J 48:1029. :doi:`10.1002/bimj.200610301`

    Examples
    --------
    >>> round(brier_t([1, 2, 3, 4], [1, 0, 1, 0], [0.8, 0.5, 0.4, 0.2], horizon=3.5).value, 6)
    0.16
    """
    follow_up, had_event = checked_times(time, event)
    predicted = _checks.probabilities(risk, follow_up.size, name="risk")
    at = _checks.horizon(horizon)
    level = _checks.level(confidence_level)
    n, events = follow_up.size, int(np.count_nonzero(had_event))
    curve = censoring_curve(follow_up, had_event)
    state = state_at_horizon(curve, at)
    if state.status is not Status.OK:
        return undefined_estimate(state.status, level=level, method=_METHOD, n=n, events=events)
    value, influence = brier_with_influence(curve, state, predicted)
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


def brier_with_influence(
    curve: CensoringCurve, state: StateAtHorizon, risk: FloatArray
) -> tuple[float, FloatArray]:
    """Return the Brier score and each patient's influence on it, shape (n,)."""
    weighted = state.weights * (state.had_event - risk) ** 2
    value = float(weighted.mean())
    return value, weighted - value + censoring_influence(curve, state, weighted)
