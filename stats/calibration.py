"""Calibration in the large and weak calibration: intercept, slope, O:E."""

from math import exp, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, chdtri, logit, ndtri

from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray
from extval.stats.logistic import fitted
from extval.stats.profile_likelihood import profile_limit
from extval.stats.results import Estimate, Interval, Status

_METHODS = ("wald", "profile")


def calibration_intercept(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    method: str = "wald",
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate calibration in the large: the intercept beside the offset logit(p).

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risk.
    method : {"wald", "profile"}
        Interval: normal approximation, or likelihood-ratio.
    confidence_level : float in (0, 1)
        Level of the two-sided interval.

    Returns
    -------
    Estimate
        0 is perfect; above 0 the risks were too low. NaN with a status if all outcomes are equal
        or a predicted risk is exactly 0 or 1.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`a` in :math:`\mathrm{logit} P(Y = 1) = a + \mathrm{logit}(p)`, slope fixed at 1 [1]_;
    it is not the intercept that ``rms::val.prob`` prints, which is fitted together with the slope.
    Agrees with R 4.2 ``glm(y ~ 1 + offset(qlogis(p)), binomial)`` to 1e-8.

    References
    ----------
    .. [1] Van Calster et al. (2019), BMC Medicine 17:230. :doi:`10.1186/s12916-019-1466-7`

    Examples
    --------
    >>> round(calibration_intercept([0, 0, 1, 1], [0.2, 0.4, 0.5, 0.6]).value, 6)
    0.333405
    """
    is_event, risk, level = _checked(y_true, y_prob, method, confidence_level)
    name = f"logistic recalibration, slope fixed at 1; {_named(method)}"
    lp, status = linear_predictor(is_event, risk)
    if status is not Status.OK:
        return _undefined(name, level, is_event, status)
    ones = np.ones((is_event.size, 1))
    return _coefficient(ones, is_event, lp, position=0, method=method, level=level, name=name)


def calibration_slope(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    method: str = "wald",
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the calibration slope: the coefficient of logit(p).

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risk.
    method : {"wald", "profile"}
        Interval: normal approximation, or profile likelihood.
    confidence_level : float in (0, 1)
        Level of the two-sided interval.

    Returns
    -------
    Estimate
        1 is perfect; below 1 the risks were too extreme. NaN with a status if all outcomes are
        equal, all predictions are equal, a predicted risk is exactly 0 or 1, or the predictions
        separate the outcomes.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`b` in :math:`\mathrm{logit} P(Y = 1) = a + b\,\mathrm{logit}(p)` [1]_. The profile
    limits are the roots of :math:`2(\ell_{\max} - \max_a \ell(a, b)) = \chi^2_{1}`. Agrees with R
    4.2 ``glm`` and rms 6.5 ``val.prob`` to 1e-8; the profile limits agree with the roots of the
    deviance of ``glm`` to 1e-6 (``confint`` interpolates and is good to three digits).

    References
    ----------
    .. [1] Cox (1958), Biometrika 45:562. :doi:`10.1093/biomet/45.3-4.562`

    Examples
    --------
    >>> round(calibration_slope([0, 1, 0, 1], [0.2, 0.4, 0.5, 0.6]).value, 6)
    1.987296
    """
    is_event, risk, level = _checked(y_true, y_prob, method, confidence_level)
    name = f"logistic recalibration; {_named(method)}"
    lp, status = linear_predictor(is_event, risk)
    if status is Status.OK and np.ptp(lp) == 0.0:
        status = Status.CONSTANT_PREDICTION
    if status is Status.OK and separates(lp, is_event):
        status = Status.SEPARATION
    if status is not Status.OK:
        return _undefined(name, level, is_event, status)
    columns = np.column_stack((np.ones(is_event.size), lp))
    zero = np.zeros(is_event.size)
    return _coefficient(columns, is_event, zero, position=1, method=method, level=level, name=name)


def oe_ratio(y_true: ArrayLike, y_prob: ArrayLike, *, confidence_level: float = 0.95) -> Estimate:
    r"""Estimate the ratio of observed to expected events, with a log-scale interval.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risk.
    confidence_level : float in (0, 1)
        Level of the two-sided interval.

    Returns
    -------
    Estimate
        1 is perfect; above 1 the risks were too low. With no event, or only events, the limits
        are exact and `status` says so; NaN if the predicted risks sum to 0.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With :math:`O` events in :math:`n` patients and :math:`E = \sum p_i` held fixed, the standard
    error of :math:`\log(O/E)` is :math:`\sqrt{(1 - O/n)/O}` [1]_; `se` is that times
    :math:`O/E`. For :math:`O \in \{0, n\}` the limits are Clopper-Pearson limits of
    :math:`O/n`, divided by :math:`E/n`. Agrees with the same formula in R to 1e-12.

    References
    ----------
    .. [1] Debray et al. (2017), BMJ 356:i6460. :doi:`10.1136/bmj.i6460`

    Examples
    --------
    >>> round(oe_ratio([0, 0, 1, 1], [0.2, 0.4, 0.5, 0.6]).value, 6)
    1.176471
    """
    is_event, risk, level = _checked(y_true, y_prob, "wald", confidence_level)
    n, observed = is_event.size, int(np.count_nonzero(is_event))
    name = "observed / expected; log-scale Wald"
    if n == 0:
        return _undefined(name, level, is_event, Status.NO_PATIENTS)
    expected = float(risk.sum())
    if expected == 0.0:
        return _undefined(name, level, is_event, Status.NO_EXPECTED_EVENTS)
    ratio = observed / expected
    if 0 < observed < n:
        se = sqrt((n - observed) / n / observed)
        factor = exp(float(ndtri(0.5 + level / 2)) * se)
        interval = Interval(ratio / factor, ratio * factor, level)
        return _estimate(ratio, se * ratio, interval, name, is_event, Status.OK)
    tail = (1.0 - level) / 2
    low = float(betaincinv(observed, 1, tail)) if observed else 0.0
    high = 1.0 if observed else float(betaincinv(1, n, 1.0 - tail))
    return _estimate(
        ratio,
        nan,
        Interval(low * n / expected, high * n / expected, level),
        "observed / expected; exact binomial (Clopper-Pearson)",
        is_event,
        Status.EXACT_LIMITS_FOR_OE,
    )


def _checked(
    y_true: ArrayLike, y_prob: ArrayLike, method: str, confidence_level: float
) -> tuple[BoolArray, FloatArray, float]:
    is_event = _checks.binary(y_true)
    risk = _checks.probabilities(y_prob, is_event.size)
    _checks.choice(method, _METHODS, name="method")
    return is_event, risk, _checks.level(confidence_level)


def _named(method: str) -> str:
    return {"wald": "Wald", "profile": "profile likelihood"}[method]


def linear_predictor(is_event: BoolArray, risk: FloatArray) -> tuple[FloatArray, Status]:
    """Return logit(p) and whether a logistic recalibration exists at all."""
    events = int(np.count_nonzero(is_event))
    if is_event.size == 0:
        return risk, Status.NO_PATIENTS
    if events in (0, is_event.size):
        return risk, Status.ONE_CLASS
    if risk.min() == 0.0 or risk.max() == 1.0:
        return risk, Status.LOGIT_UNDEFINED
    return logit(risk), Status.OK


def separates(lp: FloatArray, is_event: BoolArray) -> bool:
    """Return whether a cut on `lp` puts all events on one side, ties at the cut allowed."""
    case, control = lp[is_event], lp[~is_event]
    return bool(case.min() >= control.max() or control.min() >= case.max())


def _coefficient(
    columns: FloatArray,
    is_event: BoolArray,
    shift: FloatArray,
    *,
    position: int,
    method: str,
    level: float,
    name: str,
) -> Estimate:
    """Return one coefficient of a logistic model with its interval."""
    total = np.ones(is_event.size)
    fit = fitted(columns, is_event, total, shift)
    if fit.status is not Status.OK:
        return _undefined(name, level, is_event, fit.status)
    value = float(fit.coefficients[position])
    se = sqrt(float(fit.covariance[position, position]))
    margin = float(ndtri(0.5 + level / 2)) * se
    interval = Interval(value - margin, value + margin, level)
    if method == "profile":
        column = columns[:, position]
        others = np.ascontiguousarray(np.delete(columns, position, axis=1))
        drop = float(chdtri(1, 1.0 - level))
        low, high = (
            profile_limit(others, column, shift, is_event, fit, position, side * margin, drop)
            for side in (-1.0, 1.0)
        )
        interval = Interval(low, high, level)
    return _estimate(value, se, interval, name, is_event, Status.OK)


def _estimate(
    value: float, se: float, interval: Interval, name: str, is_event: BoolArray, status: Status
) -> Estimate:
    return Estimate(
        value=value,
        se=se,
        interval=interval,
        method=name,
        n=is_event.size,
        events=int(np.count_nonzero(is_event)),
        status=status,
    )


def _undefined(name: str, level: float, is_event: BoolArray, status: Status) -> Estimate:
    return _estimate(nan, nan, Interval.undefined(level), name, is_event, status)
