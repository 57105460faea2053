"""Cumulative hazard and survival that a fitted Cox model predicts for one covariate vector."""

from dataclasses import dataclass, replace
from math import exp, nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from extval.stats import _checks
from extval.stats._partial_likelihood import CoxStratum, risk_sums, strata_of
from extval.stats.cox import CoxFit
from extval.stats.results import Status

FloatArray = NDArray[np.float64]

_REACH = 340.0  # log hazards up to which squares of hazards are finite


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoxSurvival:
    """Predicted curves at the m distinct event times of one stratum.

    Attributes
    ----------
    stratum : label or None
        None if the model has no strata.
    time, cumulative_hazard, survival : ndarray of shape (m,)
        Each value holds from its time on; before the first, 0 and 1.
    std_error : ndarray of shape (m,)
        Of the cumulative hazard, coefficients estimated.
    lower, upper : ndarray of shape (m,)
        Limits of `survival`, symmetric for its logarithm and at most 1.
    level : float
    last_follow_up : float
        The curve says nothing beyond this time.
    method : str
    status : Status
        `Status.OK`, or that of the fit; then there are no curves. Where the relative hazards span
        more than floating-point numbers, the curve is NaN.
    """

    stratum: Any
    time: FloatArray
    cumulative_hazard: FloatArray
    std_error: FloatArray
    survival: FloatArray
    lower: FloatArray
    upper: FloatArray
    level: float
    last_follow_up: float
    method: str
    status: Status = Status.OK


def cox_survival(
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    fit: CoxFit,
    *,
    at: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> tuple[CoxSurvival, ...]:
    r"""Predict survival from a Cox model for a patient with covariates `at`.

    Parameters
    ----------
    time, event, x, strata, entry
        The data that `fit` was made from.
    fit : CoxFit
    at : array_like of shape (p,), finite, optional
        The column means if not given; zeros give the baseline hazard.
    confidence_level : float in (0, 1)

    Returns
    -------
    tuple of CoxSurvival
        One for each stratum with an event, in the order of the labels. Empty if the fit has not
        all coefficients.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\hat H(t) = e^{x_0'b} \sum_e 1 / c_e`, where :math:`c_e` is the total relative risk from
    which event e was drawn (Breslow's estimator; with Efron's ties, Efron's), with variance
    :math:`e^{2 x_0'b} (\sum 1 / c_e^2 + q'Vq)`, :math:`q = \sum (\bar x_e - x_0) / c_e`.
    Agrees with R survival 3.5.3 ``survfit.coxph`` (its defaults) to 1e-10.

    References
    ----------
    Tsiatis (1981), Ann Stat 9:93. :doi:`10.1214/aos/1176345335`

    Examples
    --------
    >>> from extval.stats.cox import cox_regression
    >>> data = [1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 1, 1], [[2], [3], [1], [2], [0], [1]]
    >>> curve = cox_survival(*data, cox_regression(*data), at=[1])[0]
    >>> curve.survival.round(4).tolist()
    [0.9006, 0.7913, 0.6297, 0.3298, 0.1213]
    """
    follow_up = _checks.durations(time)
    n = follow_up.size
    had_event = _checks.binary(event, name="event")
    _checks.same_length(had_event, n, name="event")
    predictors = _checks.matrix(x, n, name="x")
    p = fit.coefficients.size
    _checks.same_length(predictors, p, name="x")
    point = fit.center if at is None else _checks.finite(at, p, name="at")
    layer, names = np.zeros(n, np.intp), np.array([None])
    if strata is not None:
        names, layer = _checks.labels(strata, n, name="strata")
    started = None if entry is None else _checks.entries(entry, follow_up)
    level = _checks.level(confidence_level)
    if np.isnan(fit.coefficients).any():
        return ()

    layers = strata_of(
        follow_up,
        had_event,
        predictors - fit.center,
        layer=layer,
        entry=started,
        efron=fit.ties == "efron",
    )
    return tuple(
        _curve(
            stratum, fit, point - fit.center, names[s], float(follow_up[layer == s].max()), level
        )
        for stratum, s in ((stratum, layer[stratum.rows[0]]) for stratum in layers)
    )


def _curve(
    stratum: CoxStratum, fit: CoxFit, point: FloatArray, name: Any, last: float, level: float
) -> CoxSurvival:
    """Return the curve of one stratum; `point` and the covariates have the means subtracted."""
    sums = risk_sums(stratum, np.einsum("ij,j->i", stratum.x, fit.coefficients))
    ahead, status = float((point * fit.coefficients).sum()) - sums.shift, fit.status
    if sums.vanish or max(abs(ahead), float(np.abs(sums.log_total).max())) > _REACH:
        status = Status.RELATIVE_HAZARD_TOO_WIDE
        sums = replace(sums, inverse=np.full(sums.inverse.size, nan))
    factor = exp(min(ahead, _REACH))
    running = [
        np.cumsum(np.add.reduceat(increments, stratum.slot_start, axis=0), axis=0)
        for increments in (
            sums.inverse,
            sums.inverse**2,
            (sums.mean - point) * sums.inverse[:, None],
        )
    ]
    hazard = factor * running[0]
    through_beta = np.einsum("tj,jk,tk->t", running[2], fit.covariance, running[2])
    std_error = factor * np.sqrt(running[1] + through_beta)
    margin = float(ndtri(0.5 + level / 2)) * std_error
    return CoxSurvival(
        stratum=name,
        time=stratum.slot_time,
        cumulative_hazard=hazard,
        std_error=std_error,
        survival=np.exp(-hazard),
        lower=np.exp(-hazard - margin),
        upper=np.exp(np.minimum(margin - hazard, 0.0)),
        level=level,
        last_follow_up=last,
        method=f"Cox regression, {fit.ties.capitalize()} cumulative hazard; log",
        status=status,
    )
