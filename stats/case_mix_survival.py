"""Case mix for a time to event: the C-index that the spread of a linear predictor allows."""

from dataclasses import dataclass, replace
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtri

from extval.stats import _checks
from extval.stats.results import Estimate, Interval, Status
from extval.stats.survival_calibration import calibration_slope_cox

FloatArray = NDArray[np.float64]

MOST_PATIENTS = 5_000  # all pairs of so many; beyond, quantiles stand for the patients
_BLOCK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMixConcordance:
    """The C-index that linear predictors would allow, before and after recalibration.

    Attributes
    ----------
    model_based : Estimate
        C-index expected in these patients if the linear predictor were true. Below that of the
        development cohort, the patients are more alike.
    calibrated : Estimate
        The same after the predictor was multiplied by the calibration slope of this cohort.
    """

    model_based: Estimate
    calibrated: Estimate


def model_based_concordance(
    linear_predictor: ArrayLike, *, confidence_level: float = 0.95
) -> Estimate:
    r"""Return the C-index that a proportional-hazards model expects, whatever the follow-up.

    Parameters
    ----------
    linear_predictor : array_like of shape (n,), finite
        Log relative hazards; no outcome is used.
    confidence_level : float in (0, 1)
        Level of the Wald interval, clipped to [0.5, 1], with patients as sampled.

    Returns
    -------
    Estimate
        `events` is 0: none is looked at. NaN with fewer than two patients; a constant predictor
        gives 0.5 without an interval.

    Raises
    ------
    ValueError
        If a value is not finite.

    Notes
    -----
    Of two patients the first has the event earlier with probability
    :math:`1/(1 + e^{\eta_j - \eta_i})`, so that the expected concordance is

    .. math:: \frac{2}{n(n - 1)} \sum_{i < j} \frac{1}{1 + e^{-|\eta_i - \eta_j|}},

    ties one half: the concordance probability of Gönen & Heller [1]_, which van Klaveren's
    model-based concordance is for a Cox model [2]_. Its standard error is that of a U-statistic,
    with the coefficients as given. Above 5,000 patients it is computed from 5,000 quantiles, and
    `method` says so. Agrees with the double sum in R 4.2.2 to 1e-12.

    References
    ----------
    .. [1] Gönen & Heller (2005), Biometrika 92:965. :doi:`10.1093/biomet/92.4.965`
    .. [2] van Klaveren, Gönen, Steyerberg & Vergouwe (2016), Stat Med 35:4136.
       :doi:`10.1002/sim.6997`

    Examples
    --------
    >>> round(model_based_concordance([0.0, 0.5, 1.0, 2.5]).value, 3)
    0.766
    """
    lp = _checks.vector(linear_predictor, name="linear_predictor")
    return _concordance(lp, _checks.level(confidence_level), "model-based concordance")


def case_mix_concordance(
    time: ArrayLike,
    event: ArrayLike,
    linear_predictor: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> CaseMixConcordance:
    """Compute the C-index that the case mix of this cohort allows.

    Parameters
    ----------
    time, event : array_like of shape (n,)
        Follow-up, and whether it ended with the event.
    linear_predictor : array_like of shape (n,), finite
        Log relative hazards.
    entry : array_like of shape (n,), optional
        When each patient came under observation.
    confidence_level : float in (0, 1)
        Level of the intervals.

    Returns
    -------
    CaseMixConcordance
        `calibrated` is NaN, with the status of the Cox model, when its slope has no estimate.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    See `model_based_concordance`. An observed C-index looks at pairs that end within the
    follow-up only, so it need not equal `calibrated` even where the model holds.

    Examples
    --------
    >>> found = case_mix_concordance([5, 3, 4, 1, 2], [0, 1, 1, 1, 0], [-1, 0.2, 0.6, 0.9, -0.3])
    >>> round(found.model_based.value, 2)
    0.71
    """
    level = _checks.level(confidence_level)
    lp = _checks.vector(linear_predictor, name="linear_predictor")
    slope = calibration_slope_cox(time, event, lp, entry=entry, confidence_level=level)
    method = "model-based concordance, recalibrated"
    if np.isnan(slope.value):
        calibrated = _undefined(method, lp.size, level, slope.status)
    else:
        calibrated = _concordance(slope.value * lp, level, method)
    return CaseMixConcordance(
        model_based=replace(
            _concordance(lp, level, "model-based concordance"), events=slope.events
        ),
        calibrated=replace(calibrated, events=slope.events),
    )


def _concordance(lp: FloatArray, level: float, method: str) -> Estimate:
    n = lp.size
    if n < 2:
        return _undefined(method, n, level, Status.NO_EXPECTED_PAIRS)
    if n > MOST_PATIENTS:
        lp = np.quantile(lp, (np.arange(MOST_PATIENTS) + 0.5) / MOST_PATIENTS)
        method = f"{method}, from {MOST_PATIENTS} quantiles"
    mine = _mean_over_others(lp)
    value = float(mine.mean())
    se = 2 * sqrt(float(((mine - value) ** 2).sum()) / lp.size / n)
    reach = float(ndtri(0.5 + level / 2)) * se
    interval, status = Interval(max(value - reach, 0.5), min(value + reach, 1.0), level), Status.OK
    if np.ptp(lp) == 0.0:
        se, interval, status = 0.0, Interval.undefined(level), Status.CONSTANT_SCORE
    return Estimate(
        value=value, se=se, interval=interval, method=method, n=n, events=0, status=status
    )


def _mean_over_others(lp: FloatArray) -> FloatArray:
    """Return each patient's mean chance, over all others, that the pair is concordant."""
    found = np.empty(lp.size)
    for start in range(0, lp.size, _BLOCK):
        block = lp[start : start + _BLOCK, np.newaxis]
        found[start : start + _BLOCK] = expit(np.abs(block - lp)).sum(axis=1)
    return (found - 0.5) / (lp.size - 1)  # without the pair with oneself


def _undefined(method: str, n: int, level: float, status: Status) -> Estimate:
    return Estimate(
        value=nan,
        interval=Interval.undefined(level),
        method=method,
        n=n,
        events=0,
        status=status,
    )
