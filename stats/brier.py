"""Overall performance: the Brier score and its scaled form, log loss and Nagelkerke's R2."""

from math import expm1, log, log1p, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray
from extval.stats.results import Estimate, Interval, Status


def brier(y_true: ArrayLike, y_prob: ArrayLike, *, confidence_level: float = 0.95) -> Estimate:
    r"""Estimate the Brier score, the mean squared difference of outcome and predicted risk.

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
        In [0, 1], 0 is perfect. One patient has no interval; equal squared errors have none
        either, and `status` says so.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`B = \frac1n \sum (y_i - p_i)^2`; the interval is that of a mean, from the standard
    deviation of the squared errors (divisor n - 1), clipped to [0, 1] [1]_. Agrees with R rms 6.5
    ``val.prob`` (Brier) and ``t.test(..)$stderr`` of the squared errors to 1e-12.

    References
    ----------
    .. [1] Bradley, Schwartz & Hashino (2008), Weather and Forecasting 23:992.
       :doi:`10.1175/2007WAF2007049.1`

    Examples
    --------
    >>> round(brier([0, 0, 1, 1], [0.2, 0.4, 0.5, 0.6]).value, 6)
    0.1525
    """
    is_event, risk = _checked(y_true, y_prob)
    level = _checks.level(confidence_level)
    name = "mean squared error; Wald from per-patient squared errors"
    if is_event.size == 0:
        return _estimate(nan, nan, name, is_event, level, Status.NO_PATIENTS)
    squared = (is_event - risk) ** 2
    value = float(squared.mean())
    return _estimate(
        value, _standard_error(squared), name, is_event, level, Status.OK, low=0.0, high=1.0
    )


def brier_scaled(
    y_true: ArrayLike, y_prob: ArrayLike, *, confidence_level: float = 0.95
) -> Estimate:
    r"""Estimate the scaled Brier score: 1 minus Brier over that of the observed prevalence.

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
        At most 1, which is perfect; 0 is as good as the prevalence for everyone, below 0 is
        worse. NaN with a status if all outcomes are equal.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`1 - B / (\bar y (1 - \bar y))`, also called index of prediction accuracy [1]_. The
    standard error is that of the mean of its influence function,
    :math:`-(d_i - B)/V + B (1 - 2\bar y)(y_i - \bar y)/V^2` with :math:`d_i` the squared errors and
    :math:`V = \bar y(1 - \bar y)`, which counts the prevalence as estimated; the upper limit is
    clipped to 1. The value agrees with the formula on R rms 6.5 ``val.prob`` to 1e-12.

    References
    ----------
    .. [1] Kattan & Gerds (2018), Diagnostic and Prognostic Research 2:7.
       :doi:`10.1186/s41512-018-0029-2`

    Examples
    --------
    >>> round(brier_scaled([0, 0, 1, 1], [0.2, 0.4, 0.5, 0.6]).value, 6)
    0.39
    """
    is_event, risk = _checked(y_true, y_prob)
    level = _checks.level(confidence_level)
    name = "1 - Brier / (prevalence (1 - prevalence)); Wald from the influence function"
    n, events = is_event.size, int(np.count_nonzero(is_event))
    if events in (0, n):
        status = Status.ONE_CLASS if n else Status.NO_PATIENTS
        return _estimate(nan, nan, name, is_event, level, status)
    squared = (is_event - risk) ** 2
    score, prevalence = float(squared.mean()), events / n
    reference = prevalence * (1.0 - prevalence)
    influence = -squared / reference + (is_event - prevalence) * (
        score * (1.0 - 2.0 * prevalence) / reference**2
    )
    value = 1.0 - score / reference
    return _estimate(value, _standard_error(influence), name, is_event, level, Status.OK, high=1.0)


def log_loss(y_true: ArrayLike, y_prob: ArrayLike, *, confidence_level: float = 0.95) -> Estimate:
    r"""Estimate the log loss, minus the mean log-likelihood of the predicted risks.

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
        In nats, 0 is perfect. NaN with a status if a risk of exactly 0 or 1 is contradicted.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`-\frac1n \sum y_i \log p_i + (1 - y_i) \log(1 - p_i)`; the interval is that of a mean,
    not below 0. Nothing is clipped, unlike in scikit-learn. Agrees with R 4.2 to 1e-12.

    Examples
    --------
    >>> round(log_loss([0, 0, 1, 1], [0.2, 0.4, 0.5, 0.6]).value, 6)
    0.484485
    """
    is_event, risk = _checked(y_true, y_prob)
    level = _checks.level(confidence_level)
    name = "minus mean log-likelihood; Wald from per-patient values"
    if is_event.size == 0:
        return _estimate(nan, nan, name, is_event, level, Status.NO_PATIENTS)
    if _contradicted(is_event, risk):
        return _estimate(nan, nan, name, is_event, level, Status.CERTAIN_AND_WRONG)
    loss = -_log_likelihoods(is_event, risk)
    value = float(loss.mean())
    return _estimate(value, _standard_error(loss), name, is_event, level, Status.OK, low=0.0)


def nagelkerke_r2(
    y_true: ArrayLike, y_prob: ArrayLike, *, confidence_level: float = 0.95
) -> Estimate:
    r"""Estimate Nagelkerke's R2 of the predicted risks as they are.

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
        At most 1, which is perfect; below 0 if the observed prevalence for everyone predicts
        better. NaN with a status if all outcomes are equal or a risk of exactly 0 or 1 is
        contradicted.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`(1 - e^{2(\ell_0 - \ell)/n}) / (1 - e^{2\ell_0/n})` [1]_ with :math:`\ell` of the
    predictions, not refitted, and :math:`\ell_0` of the observed prevalence. The standard error is
    that of the mean of its influence function; the upper limit is clipped to 1. The value
    agrees with rms 6.5 ``val.prob`` (R2) to 1e-8.

    References
    ----------
    .. [1] Nagelkerke (1991), Biometrika 78:691. :doi:`10.1093/biomet/78.3.691`

    Examples
    --------
    >>> round(nagelkerke_r2([0, 0, 1, 1], [0.2, 0.4, 0.5, 0.6]).value, 6)
    0.454923
    """
    is_event, risk = _checked(y_true, y_prob)
    level = _checks.level(confidence_level)
    name = "Nagelkerke, predictions not refitted; Wald from the influence function"
    n, events = is_event.size, int(np.count_nonzero(is_event))
    if events in (0, n):
        status = Status.ONE_CLASS if n else Status.NO_PATIENTS
        return _estimate(nan, nan, name, is_event, level, status)
    if _contradicted(is_event, risk):
        return _estimate(nan, nan, name, is_event, level, Status.CERTAIN_AND_WRONG)
    likelihood = _log_likelihoods(is_event, risk)
    prevalence = events / n
    null = prevalence * log(prevalence) + (1.0 - prevalence) * log1p(-prevalence)
    gain, most = -expm1(2.0 * (null - float(likelihood.mean()))), -expm1(2.0 * null)
    value = gain / most
    by_null = (-2.0 * (1.0 - gain) + 2.0 * value * (1.0 - most)) / most
    odds = log(prevalence) - log1p(-prevalence)
    influence = by_null * odds * is_event + 2.0 * (1.0 - gain) / most * likelihood
    return _estimate(value, _standard_error(influence), name, is_event, level, Status.OK, high=1.0)


def _contradicted(is_event: BoolArray, risk: FloatArray) -> bool:
    return bool(np.any(np.where(is_event, risk == 0.0, risk == 1.0)))


def _log_likelihoods(is_event: BoolArray, risk: FloatArray) -> FloatArray:
    """Return log P(Y = y) of each patient, shape (n,)."""
    return np.where(
        is_event, np.log(np.where(is_event, risk, 1.0)), np.log1p(-np.where(is_event, 0.0, risk))
    )


def _checked(y_true: ArrayLike, y_prob: ArrayLike) -> tuple[BoolArray, FloatArray]:
    is_event = _checks.binary(y_true)
    return is_event, _checks.probabilities(y_prob, is_event.size)


def _standard_error(values: FloatArray) -> float:
    """Return the standard error of the mean; NaN for a single value."""
    if values.size < 2:
        return nan
    return float(values.std(ddof=1)) / sqrt(values.size) if np.ptp(values) > 0.0 else 0.0


def _estimate(
    value: float,
    se: float,
    name: str,
    is_event: BoolArray,
    level: float,
    status: Status,
    *,
    low: float = -np.inf,
    high: float = np.inf,
) -> Estimate:
    """Return the Wald interval around `value`, kept within [low, high]."""
    if status is Status.OK and np.isnan(se):
        status = Status.TOO_FEW_PATIENTS
    elif status is Status.OK and se == 0.0:
        status = Status.NO_VARIATION
    interval = Interval.undefined(level)
    if status is Status.OK:
        margin = float(ndtri(0.5 + level / 2)) * se
        interval = Interval(max(value - margin, low), min(value + margin, high), level)
    return Estimate(
        value=value,
        se=se,
        interval=interval,
        method=name,
        n=is_event.size,
        events=int(np.count_nonzero(is_event)),
        status=status,
    )
