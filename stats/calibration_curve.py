"""Flexible calibration curves and the distances read off them: ICI, E50, E90, Emax."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._calibration_distances import distances, four_estimates
from extval.stats._checks import BoolArray, FloatArray
from extval.stats._kernels_curves import absolute_gaps
from extval.stats._resampling import replicate_key
from extval.stats.bootstrap import percentile_band
from extval.stats.curve_fits import SMOOTHERS, CurveFit, curve_fit
from extval.stats.proportions import wilson
from extval.stats.quantile_groups import quantile_groups
from extval.stats.results import Estimate, Interval, Status
from extval.stats.smoothers import Collapsed, collapse

_EXACT_UP_TO = 1024
_KNOTS_ABOVE = 257
_GRID = 101
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationCurve:
    """A smooth curve of observed on predicted risk.

    Attributes
    ----------
    grid, observed, lower, upper : ndarray of shape (g,)
        Predicted risk, the curve there, and its pointwise band; not clipped to [0, 1]. The band is
        NaN without resampling, and all but `grid` is NaN where `status` says so.
    ici, e50, e90, emax : Estimate
        Mean, median, 90th percentile and maximum over patients of |curve - prediction|.
    method : str
        The smoother with its settings and the band as run.
    """

    grid: FloatArray
    observed: FloatArray
    lower: FloatArray
    upper: FloatArray
    ici: Estimate
    e50: Estimate
    e90: Estimate
    emax: Estimate
    method: str
    n: int
    events: int
    n_resamples: int
    status: Status = Status.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationGroups:
    """Observed risk in quantile groups of predicted risk; arrays of shape (n_groups,).

    `n_groups` counts the groups used: equal risks stay together and can merge groups.
    """

    mean_predicted: FloatArray
    observed: FloatArray
    lower: FloatArray
    upper: FloatArray
    n: NDArray[np.int64]
    events: NDArray[np.int64]
    n_groups: int


def calibration_curve(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    smoother: str = "loess",
    n_knots: int = 5,
    grid: ArrayLike | None = None,
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    confidence_level: float = 0.95,
) -> CalibrationCurve:
    r"""Smooth the outcome on the predicted risk, and measure the distance from the diagonal.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risk.
    smoother : {"loess", "lowess", "rcs"}
        Local quadratic regression, span 0.75, fitted directly at every point; R's lowess as rms
        ``val.prob`` uses it; or logistic regression on a restricted cubic spline of logit(p).
    n_knots : int from 3 to 5
        Knots of the spline, at Hmisc's default quantiles of logit(p); unused otherwise.
    grid : array_like of shape (g,), in [0, 1], optional
        Predicted risks at which to return the curve; by default 101 points from the smallest to
        the largest prediction.
    n_resamples : int
        Bootstrap resamples of the patients for the band and the intervals; 0 for none.
    rng : numpy.random.Generator, needed if `n_resamples` > 0
    confidence_level : float in (0, 1)
        Level of the pointwise band and of the intervals.

    Returns
    -------
    CalibrationCurve
        NaN with a status if all outcomes are equal, there are fewer than four distinct
        predictions, a window of loess has zero width, or the spline has no fit (a predicted risk
        of exactly 0 or 1, separation). Outside the range of the predictions lowess is NaN.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    ICI is the mean over patients of :math:`|\hat P(Y = 1 \mid p_i) - p_i|`, E50 and E90 the median
    and 90th percentile (R's type 7), Emax the maximum [1]_; they depend on the smoother, which
    `method` names. The curve is fitted at every patient's prediction and not clipped to [0, 1].
    Agrees with R 4.2 ``loess(y ~ p, control = loess.control(surface = "direct"))``, with rms 6.5
    ``val.prob`` (Eavg, E90, Emax) for lowess and with rms ``lrm(y ~ rcs(qlogis(p), k))`` to 1e-8.

    Band and intervals are percentiles over resamples of patients. Distances are never negative,
    so a resample lies farther from the diagonal than the data, and an interval may lie wholly
    above 0 under perfect calibration. With more than 1024 distinct predictions the curve of a
    resample is interpolated linearly between 257 quantiles of the predictions and 101 equally
    spaced points; the estimate itself is not. A point of the band rests on the resamples that
    have a value there.

    References
    ----------
    .. [1] Austin & Steyerberg (2019), Stat Med 38:4051. :doi:`10.1002/sim.8281`

    Examples
    --------
    >>> y, p = [0, 0, 1, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    >>> round(calibration_curve(y, p).ici.value, 4)
    0.1376
    """
    is_event = _checks.binary(y_true)
    risk = _checks.probabilities(y_prob, is_event.size)
    _checks.choice(smoother, SMOOTHERS, name="smoother")
    _checks.choice(str(n_knots), ("3", "4", "5"), name="n_knots")
    level = _checks.level(confidence_level)
    resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    key = replicate_key(_checks.generator(rng)) if resamples else np.uint64(0)
    at = _grid(risk, grid)
    status = _status(is_event)
    if status is not Status.OK:
        return _undefined(is_event, at, level, resamples, smoother, status)

    data = collapse(risk, is_event.astype(np.float64))
    if data.x.size < 4:
        status = Status.TOO_FEW_DISTINCT_PREDICTIONS
        return _undefined(is_event, at, level, resamples, smoother, status)
    curve = curve_fit(smoother, data, is_event[data.order], n_knots=n_knots)
    if curve.status is not Status.OK:
        return _undefined(is_event, at, level, resamples, curve.name, curve.status)
    fitted = curve.at(data.x)
    if np.isnan(fitted).any():
        return _undefined(is_event, at, level, resamples, curve.name, Status.ZERO_BANDWIDTH)
    order = np.argsort(at, kind="stable")
    observed = np.empty(at.size)
    observed[order] = curve.at(at[order])
    gaps = np.repeat(np.abs(fitted - data.x), data.total.astype(np.int64))
    values = distances(gaps[None, :])[0]
    points = _points(data)
    lower, upper = np.full(at.size, nan), np.full(at.size, nan)
    replicates = np.empty((0, 4))
    name = curve.name
    if resamples:
        curves, replicates = _resampled(curve, data, at, points, key, resamples)
        lower, upper = percentile_band(curves, confidence_level=level)
        name += f"; bootstrap percentile, {resamples} resamples"
        if points.size < data.x.size:
            name += f", their curves interpolated between {points.size} predictions"
    events = int(np.count_nonzero(is_event))
    ici, e50, e90, emax = four_estimates(values, replicates, name, level, risk.size, events)
    return CalibrationCurve(
        grid=at,
        observed=observed,
        lower=lower,
        upper=upper,
        ici=ici,
        e50=e50,
        e90=e90,
        emax=emax,
        method=name,
        n=risk.size,
        events=events,
        n_resamples=resamples,
    )


def calibration_groups(
    y_true: ArrayLike, y_prob: ArrayLike, *, n_groups: int = 10, confidence_level: float = 0.95
) -> CalibrationGroups:
    """Return observed against mean predicted risk in quantile groups, with Wilson limits.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risk.
    n_groups : int, at least 1
        Groups asked for.
    confidence_level : float in (0, 1)
        Level of the Wilson limits.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Examples
    --------
    >>> groups = calibration_groups([0, 1, 0, 1], [0.1, 0.3, 0.6, 0.8], n_groups=2)
    >>> [float(x) for x in groups.observed]
    [0.5, 0.5]
    """
    is_event = _checks.binary(y_true)
    risk = _checks.probabilities(y_prob, is_event.size)
    asked = _checks.positive_integer(n_groups, name="n_groups")
    level = _checks.level(confidence_level)
    groups = quantile_groups(is_event, risk, asked)
    limits = [
        wilson(int(x), int(n), confidence_level=level)
        for x, n in zip(groups.events, groups.n, strict=True)
    ]
    return CalibrationGroups(
        mean_predicted=groups.expected / groups.n,
        observed=groups.events / groups.n,
        lower=np.array([limit.low for limit in limits]),
        upper=np.array([limit.high for limit in limits]),
        n=groups.n,
        events=groups.events,
        n_groups=groups.n.size,
    )


def _grid(risk: FloatArray, grid: ArrayLike | None) -> FloatArray:
    if grid is not None:
        at = _checks.vector(grid, name="grid")
        return _checks.probabilities(at, at.size, name="grid")
    if risk.size == 0:
        return np.full(_GRID, nan)
    return np.linspace(risk.min(), risk.max(), _GRID)


def _status(is_event: BoolArray) -> Status:
    if is_event.size == 0:
        return Status.NO_PATIENTS
    return Status.OK if is_event.any() and not is_event.all() else Status.ONE_CLASS


def _points(data: Collapsed) -> FloatArray:
    """Return where the curve of a resample is fitted to measure its distances."""
    if data.x.size <= _EXACT_UP_TO:
        return data.x
    quantile = np.linspace(0, data.x.size - 1, _KNOTS_ABOVE).round().astype(np.intp)
    return np.unique(np.concatenate((data.x[quantile], np.linspace(data.x[0], data.x[-1], _GRID))))


def _resampled(
    curve: CurveFit,
    data: Collapsed,
    at: FloatArray,
    points: FloatArray,
    key: np.uint64,
    count: int,
) -> tuple[FloatArray, FloatArray]:
    """Return the curves on the grid, (count, g), and the four distances, (count, 4)."""
    targets = np.unique(np.concatenate((at, points)))
    on_grid, on_points = np.searchsorted(targets, at), np.searchsorted(targets, points)
    left = np.searchsorted(points, data.x, side="right") - 1
    right = np.minimum(left + 1, points.size - 1)
    width = np.where(right > left, points[right] - points[left], 1.0)
    fraction = (data.x - points[left]) / width
    n = data.index.size
    batch = max(1, min(count, _CELLS_AT_ONCE // n))
    curves, found = np.empty((count, at.size)), np.empty((count, 4))
    counts = np.empty((batch, n), dtype=np.int32)
    fitted, gaps = np.empty((batch, targets.size)), np.empty((batch, n + 2))
    for start in range(0, count, batch):
        size = min(batch, count - start)
        curve.resampled(key, start, targets, counts[:size], fitted[:size])
        curves[start : start + size] = fitted[:size, on_grid]
        own = np.ascontiguousarray(fitted[:size, on_points])
        absolute_gaps(own, data.x, left, fraction, data.index, counts[:size], gaps[:size])
        found[start : start + size] = distances(gaps[:size, :n])
    return curves, found


def _undefined(
    is_event: BoolArray,
    at: FloatArray,
    level: float,
    n_resamples: int,
    name: str,
    status: Status,
) -> CalibrationCurve:
    events = int(np.count_nonzero(is_event))
    none = np.full(at.size, nan)
    distance = Estimate(
        value=nan,
        interval=Interval.undefined(level),
        method=name,
        n=is_event.size,
        events=events,
        status=status,
    )
    return CalibrationCurve(
        grid=at,
        observed=none,
        lower=none.copy(),
        upper=none.copy(),
        ici=distance,
        e50=distance,
        e90=distance,
        emax=distance,
        method=name,
        n=is_event.size,
        events=events,
        n_resamples=n_resamples,
        status=status,
    )
