"""Flexible calibration of a time-to-event prediction at a horizon: curve, ICI, grouped points."""

from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._calibration_distances import distances, four_estimates
from extval.stats._flexible_risk import FlexibleCox, FlexibleFineGray, FlexibleRisk
from extval.stats._influence import undefined_estimate
from extval.stats._resampling import replicate_key
from extval.stats.bootstrap import percentile_band
from extval.stats.calibration_curve import CalibrationCurve, CalibrationGroups
from extval.stats.censoring import checked_kinds
from extval.stats.competing_risks import aalen_johansen, incidence_at
from extval.stats.kaplan_meier import kaplan_meier, survival_at
from extval.stats.quantile_groups import quantile_members
from extval.stats.results import Status

FloatArray = NDArray[np.float64]

_GRID = 101


def calibration_curve_t(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    horizon: float,
    cause: int | None = None,
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
    event : array_like of shape (n,)
        0 censored, 1 the event; with `cause` also other positive integers for competing events.
    risk : array_like of shape (n,), in [0, 1]
        Predicted probability of the event by `horizon`.
    horizon : float, finite, non-negative
        In the unit of `time`.
    cause : int or None
        The event of interest among competing ones; None for a single kind of event.
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
        are too few distinct predictions, or the model has no fit.

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

    With `cause`, a Fine-Gray model (Breslow) takes the place of the Cox model, and the observed
    risk is the cumulative incidence that it predicts [2]_ (see `fine_gray_regression`). Agrees with
    R survival 3.5.3 ``finegray`` with ``coxph(ties = "breslow")`` to 1e-8, and with cmprsk 2.2-11
    ``crr`` where no censoring ties with an event.

    Band and intervals are percentiles over resamples of patients, the knots held fixed; a resample
    that ends before the horizon or has no fit is left out. Distances are never negative, so a
    resample lies farther from the diagonal than the data.

    References
    ----------
    .. [1] Austin, Harrell & van Klaveren (2020), Stat Med 39:2714. :doi:`10.1002/sim.8570`
    .. [2] Austin, Putter, Giardiello & van Klaveren (2022), Diagn Progn Res 6:2.
       :doi:`10.1186/s41512-021-00114-6`

    Examples
    --------
    >>> time, event = [1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 0, 1, 1, 0, 1, 0]
    >>> risk = [0.8, 0.6, 0.7, 0.3, 0.5, 0.2, 0.4, 0.1]
    >>> round(calibration_curve_t(time, event, risk, horizon=5).ici.value, 4)
    0.1587
    """
    follow_up, kind = checked_kinds(time, event, cause)
    predicted = _checks.probabilities(risk, follow_up.size, name="risk")
    until = _checks.horizon(horizon)
    _checks.choice(str(n_knots), ("3", "4", "5"), name="n_knots")
    level = _checks.level(confidence_level)
    resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    key = replicate_key(_checks.generator(rng)) if resamples else np.uint64(0)
    at = _grid(predicted, grid)
    model: type[FlexibleRisk] = FlexibleCox if cause is None else FlexibleFineGray
    fit = model(follow_up, kind, predicted, until, n_knots)
    values, observed = np.full(4, nan), np.full(at.size, nan)
    lower, upper = observed.copy(), observed.copy()
    replicates = np.empty((0, 4))
    name = fit.name
    if fit.status is Status.OK:
        observed = fit.at(at)
        values = distances(np.abs(fit.at(predicted) - predicted)[np.newaxis])[0]
        if resamples:
            curves, replicates = fit.resampled(at, key, resamples)
            lower, upper = percentile_band(curves, confidence_level=level)
            name += f"; bootstrap percentile, {resamples} resamples"
    n, events = follow_up.size, int(np.count_nonzero(kind == 1))
    if fit.status is Status.OK:
        four = four_estimates(values, replicates, name, level, n, events)
    else:
        four = 4 * [undefined_estimate(fit.status, level=level, method=name, n=n, events=events)]
    ici, e50, e90, emax = four
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
    cause: int | None = None,
    n_groups: int = 5,
    confidence_level: float = 0.95,
) -> CalibrationGroups:
    """Return observed against mean predicted risk in groups of ascending risk.

    Observed is 1 - Kaplan-Meier, or the Aalen-Johansen cumulative incidence with `cause`.

    Parameters
    ----------
    time, event, risk, horizon, cause
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
    follow_up, kind = checked_kinds(time, event, cause)
    predicted = _checks.probabilities(risk, follow_up.size, name="risk")
    at = _checks.horizon(horizon)
    asked = _checks.positive_integer(n_groups, name="n_groups")
    level = _checks.level(confidence_level)
    member = quantile_members(predicted, asked)
    rows = [np.flatnonzero(member == group) for group in np.unique(member)]
    found = np.array(
        [
            _observed(follow_up[row], kind[row], at, level, competing=cause is not None)
            for row in rows
        ]
    ).reshape(-1, 3)
    return CalibrationGroups(
        mean_predicted=np.array([predicted[row].mean() for row in rows]),
        observed=found[:, 0],
        lower=found[:, 1],
        upper=found[:, 2],
        n=np.array([row.size for row in rows], dtype=np.int64),
        events=np.array(
            [np.count_nonzero((kind[row] == 1) & (follow_up[row] <= at)) for row in rows],
            dtype=np.int64,
        ),
        n_groups=len(rows),
    )


def _observed(
    time: FloatArray, kind: NDArray[np.int8], at: float, level: float, *, competing: bool
) -> tuple[float, float, float]:
    """Return the observed risk by the horizon with its log-log limits."""
    if competing:
        incidence = aalen_johansen(time, kind, n_causes=2, confidence_level=level)
        found = incidence_at(incidence, at)
        return found.value, found.interval.low, found.interval.high
    found = survival_at(kaplan_meier(time, kind, confidence_level=level), at)
    return 1.0 - found.value, 1.0 - found.interval.high, 1.0 - found.interval.low


def _grid(risk: FloatArray, grid: ArrayLike | None) -> FloatArray:
    if grid is not None:
        at = _checks.vector(grid, name="grid")
        return _checks.probabilities(at, at.size, name="grid")
    if risk.size == 0:
        return np.full(_GRID, nan)
    return np.linspace(risk.min(), risk.max(), _GRID)
