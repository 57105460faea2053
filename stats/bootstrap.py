"""Confidence intervals from bootstrap replicates; undefined replicates are counted and said."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from extval.stats import _checks
from extval.stats.results import Interval, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapInterval:
    """An interval from replicates.

    Attributes
    ----------
    interval : Interval
        NaN limits when `status` says that it is not estimable.
    se : float
        Standard deviation of the defined replicates; NaN with fewer than two.
    n_resamples, n_undefined : int
        Replicates given, and how many of them were NaN and left out.
    method : str
        For example ``"bootstrap percentile, 1000 resamples, 3 undefined"``.
    """

    interval: Interval
    se: float
    n_resamples: int
    n_undefined: int
    method: str
    status: Status = Status.OK


def percentile_interval(
    replicates: ArrayLike, *, confidence_level: float = 0.95
) -> BootstrapInterval:
    """Return the percentile interval of bootstrap replicates.

    Parameters
    ----------
    replicates : array_like of shape (n_resamples,)
        NaN marks a resample in which the value is undefined.
    confidence_level : float in (0, 1)

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Quantiles interpolate linearly between order statistics (R's type 7), as R pROC does; R boot
    interpolates on the normal scale at (B + 1) alpha instead.

    Examples
    --------
    >>> percentile_interval([1.0, 2.0, 3.0, 4.0, 5.0], confidence_level=0.5).interval.low
    2.0
    """
    values = _checks.replicates(replicates)
    level = _checks.level(confidence_level)
    defined = values[~np.isnan(values)]
    status = _status(values, defined)
    interval = (
        Interval.undefined(level)
        if status in _NOT_ESTIMABLE
        else _quantiles(defined, (1 - level) / 2, (1 + level) / 2, level)
    )
    return _result("percentile", values, defined, interval, status)


def bca_interval(
    replicates: ArrayLike,
    estimate: float,
    jackknife: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> BootstrapInterval:
    r"""Return the bias-corrected and accelerated interval of bootstrap replicates.

    Parameters
    ----------
    replicates : array_like of shape (n_resamples,)
        NaN marks a resample in which the value is undefined.
    estimate : float
        The value in the data themselves.
    jackknife : array_like of shape (n,)
        The value without each patient in turn; NaN where it is undefined, which is left out.
    strata : array_like of shape (n,) or None
        Stratum of each patient when resampling was within strata.
    confidence_level : float in (0, 1)

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With :math:`z_0 = \Phi^{-1}` of the share of replicates below the estimate (ties half) and
    :math:`a = \sum d_i^3 / 6 (\sum d_i^2)^{3/2}`, where
    :math:`d_i = \frac{n_s-1}{n_s}(\bar\theta_s - \theta_{(-i)})` within the patient's stratum
    *s*, the limits are the quantiles at
    :math:`\Phi(z_0 + (z_0 + z_\alpha)/(1 - a(z_0 + z_\alpha)))` [1]_. R boot 1.3.28 ``boot.ci``
    differs in four ways: it centres the jackknife at the estimate, counts replicates equal to the
    estimate as above it, interpolates quantiles on the normal scale, and with strata leaves out
    the factor :math:`1/n_s` that Davison and Hinkley (1997, chapter 5) ask for. The same formula in
    R 4.2.2 agrees to 1e-12.
    The jackknife values equal (as in a constant) give a = 0.

    References
    ----------
    .. [1] Efron (1987), JASA 82:171. :doi:`10.1080/01621459.1987.10478410`
    """
    values = _checks.replicates(replicates)
    left_out = _checks.replicates(jackknife, name="jackknife")
    groups = np.zeros(left_out.size) if strata is None else np.asarray(strata)
    _checks.same_length(groups, left_out.size, name="strata")
    level = _checks.level(confidence_level)
    defined = values[~np.isnan(values)]
    status = _status(values, defined)
    undefined = Interval.undefined(level)
    if status in _NOT_ESTIMABLE:
        return _result("BCa", values, defined, undefined, status)
    below = np.count_nonzero(defined < estimate) + np.count_nonzero(defined <= estimate)
    if below in {0, 2 * defined.size}:
        return _result("BCa", values, defined, undefined, Status.RESAMPLES_ONE_SIDED)
    bias = float(ndtri(below / (2 * defined.size)))
    acceleration = _acceleration(left_out, groups)
    shifted = bias + np.array([ndtri((1 - level) / 2), ndtri((1 + level) / 2)])
    if (1 - acceleration * shifted).min() <= 0.0:
        return _result("BCa", values, defined, undefined, Status.BCA_OUT_OF_RANGE)
    low, high = ndtr(bias + shifted / (1 - acceleration * shifted))
    interval = _quantiles(defined, float(low), float(high), level)
    return _result("BCa", values, defined, interval, status)


def percentile_band(
    replicates: NDArray[np.float64], *, confidence_level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pointwise percentile limits over the first axis of replicates.

    Parameters
    ----------
    replicates : ndarray of shape (n_resamples, ...)
        NaN marks an undefined value; a point with fewer than two defined ones gets NaN limits.
    confidence_level : float in (0, 1)

    Returns
    -------
    lower, upper : ndarray of shape (...)
        A point at which all resamples agree has limits equal to that value.
    """
    level = _checks.level(confidence_level)
    ends = [(1 - level) / 2, (1 + level) / 2]
    missing = np.isnan(replicates)
    if replicates.shape[0] < 2:
        lower = np.full(replicates.shape[1:], nan)
        return lower, lower.copy()
    if not missing.any():
        lower, upper = np.quantile(replicates, ends, axis=0)
        return lower, upper
    enough = replicates.shape[0] - np.count_nonzero(missing, axis=0) >= 2
    filled = np.where(enough, replicates, 0.0)
    lower, upper = np.nanquantile(filled, ends, axis=0)
    return np.where(enough, lower, nan), np.where(enough, upper, nan)


_NOT_ESTIMABLE = {Status.RESAMPLES_UNDEFINED, Status.RESAMPLES_EQUAL}


def _status(values: NDArray[np.float64], defined: NDArray[np.float64]) -> Status:
    if defined.size < 2:
        return Status.RESAMPLES_UNDEFINED
    if defined.min() == defined.max():
        return Status.RESAMPLES_EQUAL
    return Status.OK if defined.size == values.size else Status.SOME_RESAMPLES_UNDEFINED


def _quantiles(values: NDArray[np.float64], low: float, high: float, level: float) -> Interval:
    limits = np.quantile(values, [low, high])
    return Interval(float(limits[0]), float(limits[1]), level)


def _acceleration(left_out: NDArray[np.float64], groups: NDArray[np.generic]) -> float:
    moved = []
    for group in np.unique(groups):
        own = left_out[groups == group]
        own = own[~np.isnan(own)]
        if own.size:
            moved.append((own.size - 1) / own.size * (own.mean() - own))
    distance = np.concatenate(moved) if moved else np.zeros(0)
    largest = np.abs(distance).max(initial=0.0)
    if largest == 0.0:
        return 0.0
    scaled = distance / largest
    return float((scaled**3).sum() / (6 * (scaled**2).sum() ** 1.5))


def _result(
    name: str,
    values: NDArray[np.float64],
    defined: NDArray[np.float64],
    interval: Interval,
    status: Status,
) -> BootstrapInterval:
    n_undefined = values.size - defined.size
    left_out = f", {n_undefined} undefined" if n_undefined else ""
    return BootstrapInterval(
        interval=interval,
        se=float(defined.std(ddof=1)) if defined.size > 1 else nan,
        n_resamples=values.size,
        n_undefined=n_undefined,
        method=f"bootstrap {name}, {values.size} resamples{left_out}",
        status=status,
    )
