"""Flexible calibration of a time-to-event prediction at a horizon: curve, ICI, grouped points."""

from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._influence import undefined_estimate
from extval.stats._kernels_cox_counts import baseline_hazard, resampled_risks
from extval.stats._resampling import replicate_key
from extval.stats.bootstrap import percentile_band, percentile_interval
from extval.stats.calibration_curve import CalibrationCurve, CalibrationGroups
from extval.stats.censoring import checked_times
from extval.stats.cox import cox_regression
from extval.stats.kaplan_meier import kaplan_meier, survival_at
from extval.stats.quantile_groups import quantile_members
from extval.stats.results import Estimate, Interval, Status
from extval.stats.splines import spline_basis, spline_knots

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_GRID = 101
_CELLS_AT_ONCE = 4_000_000
_MAX_ITERATIONS = 40
_SMALL_STEP = 1e-9


def calibration_curve_t(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    horizon: float,
    n_knots: int = 3,
    grid: ArrayLike | None = None,
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    confidence_level: float = 0.95,
) -> CalibrationCurve:
    r"""Smooth the observed on the predicted risk at a horizon, and measure the distance.

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
    n_knots : int from 3 to 5
        Knots of the spline, at Hmisc's default quantiles of the transformed risk.
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
        `ici`, `e50`, `e90` and `emax` are those at the horizon. NaN with a status beyond the last
        follow-up, without an event by the horizon, if a predicted risk is exactly 0 or 1, there
        are too few distinct predictions, or the Cox model has no fit.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    A Cox model (Efron) of these patients with a restricted cubic spline of :math:`\log(-\log(1 -
    p))` gives each its observed risk :math:`1 - \exp\{-\hat H_0(t) e^{x'b}\}`, with the baseline
    hazard estimated with Efron's correction; ICI, E50, E90 and Emax are mean, median, 90th
    percentile (R's type 7) and maximum over patients of \|observed - predicted\| [1]_. Agrees with
    R rms 6.5 ``cph(Surv ~ rcs(cll, 3), surv = TRUE)`` with ``survest``, and with survival 3.5.3
    ``coxph`` with ``survfit``, to 1e-8.

    Band and intervals are percentiles over resamples of patients, the knots held fixed; a resample
    that ends before the horizon or has no fit is left out. Distances are never negative, so a
    resample lies farther from the diagonal than the data.

    References
    ----------
    .. [1] Austin, Harrell & van Klaveren (2020), Stat Med 39:2714. :doi:`10.1002/sim.8570`

    Examples
    --------
    >>> time, event = [1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 0, 1, 1, 0, 1, 0]
    >>> risk = [0.8, 0.6, 0.7, 0.3, 0.5, 0.2, 0.4, 0.1]
    >>> round(calibration_curve_t(time, event, risk, horizon=5).ici.value, 4)
    0.1587
    """
    follow_up, had_event = checked_times(time, event)
    predicted = _checks.probabilities(risk, follow_up.size, name="risk")
    until = _checks.horizon(horizon)
    _checks.choice(str(n_knots), ("3", "4", "5"), name="n_knots")
    level = _checks.level(confidence_level)
    resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    key = replicate_key(_checks.generator(rng)) if resamples else np.uint64(0)
    at = _grid(predicted, grid)
    fit = _FlexibleCox(follow_up, had_event, predicted, until, n_knots)
    values, observed = np.full(4, nan), np.full(at.size, nan)
    lower, upper = observed.copy(), observed.copy()
    replicates = np.empty((0, 4))
    name = fit.name
    if fit.status is Status.OK:
        observed = fit.at(at)
        values = _distances(np.abs(fit.at(predicted) - predicted)[np.newaxis])[0]
        if resamples:
            curves, replicates = fit.resampled(at, key, resamples)
            lower, upper = percentile_band(curves, confidence_level=level)
            name += f"; bootstrap percentile, {resamples} resamples"
    n, events = follow_up.size, int(np.count_nonzero(had_event))
    ici, e50, e90, emax = (
        _distance(values[j], replicates[:, j], fit.status, name, level, n, events) for j in range(4)
    )
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
        n=n,
        events=events,
        n_resamples=resamples,
        status=fit.status,
    )


def calibration_groups_t(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    horizon: float,
    n_groups: int = 5,
    confidence_level: float = 0.95,
) -> CalibrationGroups:
    """Return observed (Kaplan-Meier) against mean predicted risk in groups of ascending risk.

    Parameters
    ----------
    time, event, risk, horizon
        As for `calibration_curve_t`.
    n_groups : int, at least 1
        Groups asked for, between quantiles of `risk`; equal risks stay together.
    confidence_level : float in (0, 1)
        Of the log-log limits.

    Returns
    -------
    CalibrationGroups
        `events` are those observed by the horizon. Observed risk and limits are NaN in a group
        that is not followed to the horizon; the limits also where its curve is at 1 or 0.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Examples
    --------
    >>> groups = calibration_groups_t(
    ...     [1, 2, 3, 4], [1, 1, 0, 1], [0.8, 0.3, 0.6, 0.1], horizon=3, n_groups=2
    ... )
    >>> [float(x) for x in groups.observed]
    [0.5, 0.5]
    """
    follow_up, had_event = checked_times(time, event)
    predicted = _checks.probabilities(risk, follow_up.size, name="risk")
    at = _checks.horizon(horizon)
    asked = _checks.positive_integer(n_groups, name="n_groups")
    level = _checks.level(confidence_level)
    member = quantile_members(predicted, asked)
    rows = [np.flatnonzero(member == group) for group in np.unique(member)]
    found = [
        survival_at(kaplan_meier(follow_up[row], had_event[row], confidence_level=level), at)
        for row in rows
    ]
    return CalibrationGroups(
        mean_predicted=np.array([predicted[row].mean() for row in rows]),
        observed=np.array([1.0 - survival.value for survival in found]),
        lower=np.array([1.0 - survival.interval.high for survival in found]),
        upper=np.array([1.0 - survival.interval.low for survival in found]),
        n=np.array([row.size for row in rows], dtype=np.int64),
        events=np.array(
            [np.count_nonzero(had_event[row] & (follow_up[row] <= at)) for row in rows],
            dtype=np.int64,
        ),
        n_groups=len(rows),
    )


class _FlexibleCox:
    """A Cox model of a spline of the transformed risk, and what it says at the horizon."""

    status = Status.OK

    def __init__(
        self,
        time: FloatArray,
        had_event: BoolArray,
        risk: FloatArray,
        horizon: float,
        n_knots: int,
    ) -> None:
        self.name = (
            f"Cox regression on a restricted cubic spline of log(-log(1 - p)), {n_knots} knots"
        )
        self.status = _unusable(time, had_event, risk, horizon)
        if self.status is not Status.OK:
            return
        transformed = _cloglog(risk)
        self._knots = spline_knots(transformed, n_knots)
        if self._knots.size < 3:
            self.status = Status.TOO_FEW_DISTINCT_PREDICTIONS
            return
        if self._knots.size < n_knots:
            self.name += f", {self._knots.size} of them distinct"
        self.name += ", held fixed"
        design = spline_basis(transformed, self._knots)
        model = cox_regression(time, had_event, design)
        self.status = model.status
        if self.status is not Status.OK:
            return
        self._center, self._scale = design.mean(axis=0), design.std(axis=0)
        self._beta = model.coefficients * self._scale
        order = np.lexsort((had_event, -time))  # from the last time, events of a time last
        self._time, self._is_event = time[order], had_event[order]
        self._risk, self._horizon = risk[order], horizon
        self._x = np.ascontiguousarray((design[order] - self._center) / self._scale)
        self._opens = np.append(True, self._time[1:] != self._time[:-1])
        ones = np.ones(time.size, np.int32)
        self._hazard = baseline_hazard(
            self._time, self._is_event, self._opens, self._x, ones, self._beta, horizon
        )

    def _columns(self, risk: FloatArray) -> FloatArray:
        """Return the columns at predicted risks, NaN at 0 and 1."""
        inside = (risk > 0.0) & (risk < 1.0)
        columns = np.full((risk.size, self._scale.size), nan)
        basis = spline_basis(_cloglog(risk[inside]), self._knots)
        columns[inside] = (basis - self._center) / self._scale
        return columns

    def at(self, risk: FloatArray) -> FloatArray:
        """Return the observed risk at predicted risks; NaN at 0 and 1."""
        lp = np.einsum("ij,j->i", self._columns(risk), self._beta)
        return np.asarray(-np.expm1(-self._hazard * np.exp(lp)))

    def resampled(
        self, grid: FloatArray, key: np.uint64, count: int
    ) -> tuple[FloatArray, FloatArray]:
        """Return the curves on the grid, (count, g), and the four distances, (count, 4)."""
        n = self._time.size
        distinct, place = np.unique(self._risk, return_inverse=True)
        targets = self._columns(np.concatenate((grid, distinct)))
        curves, distances = np.empty((count, grid.size)), np.empty((count, 4))
        batch = max(1, min(count, _CELLS_AT_ONCE // (n + targets.shape[0])))
        counts = np.empty((batch, n), np.int32)
        risks = np.empty((batch, targets.shape[0]))
        rows = np.arange(n)
        for first in range(0, count, batch):
            size = min(batch, count - first)
            resampled_risks(
                key,
                first,
                self._time,
                self._is_event,
                self._opens,
                self._x,
                self._beta,
                self._horizon,
                targets,
                _MAX_ITERATIONS,
                _SMALL_STEP,
                counts[:size],
                risks[:size],
            )
            curves[first : first + size] = risks[:size, : grid.size]
            gaps = np.abs(risks[:size, grid.size :] - distinct)
            drawn = np.stack([np.repeat(rows, drawn) for drawn in counts[:size]])
            distances[first : first + size] = _distances(
                np.take_along_axis(gaps, place[drawn], axis=1)
            )
        return curves, distances


def _unusable(time: FloatArray, had_event: BoolArray, risk: FloatArray, horizon: float) -> Status:
    """Return why no curve can be fitted, if so."""
    if time.size == 0:
        return Status.NO_PATIENTS
    if horizon > time.max():
        return Status.BEYOND_FOLLOW_UP
    if not (had_event & (time <= horizon)).any():
        return Status.NO_CASE_BY_HORIZON
    if risk.min() == 0.0 or risk.max() == 1.0:
        return Status.CLOGLOG_UNDEFINED
    distinct = np.unique(risk).size
    if distinct == 1:
        return Status.CONSTANT_PREDICTION
    return Status.OK if distinct >= 4 else Status.TOO_FEW_DISTINCT_PREDICTIONS


def _cloglog(risk: FloatArray) -> FloatArray:
    return np.asarray(np.log(-np.log1p(-risk)))


def _grid(risk: FloatArray, grid: ArrayLike | None) -> FloatArray:
    if grid is not None:
        at = _checks.vector(grid, name="grid")
        return _checks.probabilities(at, at.size, name="grid")
    if risk.size == 0:
        return np.full(_GRID, nan)
    return np.linspace(risk.min(), risk.max(), _GRID)


def _distances(gaps: FloatArray) -> FloatArray:
    """Return mean, median, 90th percentile (type 7) and maximum of each row, shape (b, 4)."""
    missing = np.isnan(gaps[:, 0])
    filled = np.where(missing[:, np.newaxis], 0.0, gaps)
    out = np.column_stack(
        (
            filled.mean(axis=1),
            np.quantile(filled, 0.5, axis=1),
            np.quantile(filled, 0.9, axis=1),
            filled.max(axis=1),
        )
    )
    out[missing] = nan
    return out


def _distance(
    value: float,
    replicates: FloatArray,
    status: Status,
    name: str,
    level: float,
    n: int,
    events: int,
) -> Estimate:
    if status is not Status.OK:
        return undefined_estimate(status, level=level, method=name, n=n, events=events)
    interval, se = Interval.undefined(level), nan
    if replicates.size:
        found = percentile_interval(replicates, confidence_level=level)
        interval, se, status = found.interval, found.se, found.status
    return Estimate(
        value=float(value), se=se, interval=interval, method=name, n=n, events=events, status=status
    )
