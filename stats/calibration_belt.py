"""The GiViTI calibration belt: polynomial logistic recalibration, its test and its region."""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtri, erfc, expit, logit

from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray
from extval.stats.calibration import linear_predictor
from extval.stats.logistic import LogisticFit, fitted
from extval.stats.profile_likelihood import profile_limit
from extval.stats.results import Status

_HIGHEST_DEGREE = 4
_GRID = 101
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(48)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBelt:
    """The region of calibration curves that the data do not reject.

    Attributes
    ----------
    grid, lower, upper : ndarray of shape (g,)
        Predicted risk, and the limits of the observed risk there.
    level : float
        Confidence level of the belt.
    degree : int
        Degree of the polynomial that forward selection chose; 0 if not estimable.
    statistic, p_value : float
        Likelihood-ratio test of perfect calibration, its distribution allowing for the selection.
    method : str
    """

    grid: FloatArray
    lower: FloatArray
    upper: FloatArray
    level: float
    degree: int
    statistic: float
    p_value: float
    method: str
    n: int
    events: int
    status: Status = Status.OK


def calibration_belt(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    external: bool,
    grid: ArrayLike | None = None,
    confidence_level: float = 0.95,
    selection_level: float = 0.95,
) -> CalibrationBelt:
    r"""Draw the calibration belt and test perfect calibration.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risk.
    external : bool
        True for patients who had no part in fitting the model. False for development data, where
        intercept and slope are already fitted: the polynomial then starts at degree 2.
    grid : array_like of shape (g,), in (0, 1), optional
        Predicted risks at which to return the belt; by default 101 points from the smallest to
        the largest prediction.
    confidence_level : float in (0, 1)
        Level of the belt.
    selection_level : float in (0, 1)
        A further degree enters if its likelihood-ratio test is significant at 1 minus this.

    Returns
    -------
    CalibrationBelt
        NaN with a status if all outcomes are equal, a predicted risk is exactly 0 or 1, the
        predictions are too few for the first polynomial, or a polynomial separates the outcomes.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\mathrm{logit} P(Y = 1) = \sum_{j \le m} \beta_j \mathrm{logit}(p)^j`, with m from 1 (2
    on development data) up to 4 by forward selection [1]_. Given m, the statistic is distributed
    as a chi-square with 2 (1) degrees of freedom plus, for each degree that entered, a chi-square
    with 1 that exceeded the threshold of selection; the belt is the range of the curve over
    all coefficients whose deviance from the maximum stays below that distribution's quantile
    [2]_: at each risk a profile-likelihood interval. These are the definitions of R givitiR
    1.3 (in no Debian package, so not run); tests check the distribution against its published
    integrals, and the limits against R 4.2 ``glm``, to 1e-6.

    References
    ----------
    .. [1] Finazzi et al. (2011), PLoS ONE 6:e16110. :doi:`10.1371/journal.pone.0016110`
    .. [2] Nattino, Finazzi & Bertolini (2014), Stat Med 33:2390. :doi:`10.1002/sim.6100`
    """
    is_event = _checks.binary(y_true)
    risk = _checks.probabilities(y_prob, is_event.size)
    level = _checks.level(confidence_level)
    kept = _checks.level(selection_level, name="selection_level")
    at = _grid(risk, grid)
    first = 1 if external else 2
    name = (
        f"GiViTI belt, {'external' if external else 'development'} data, forward selection from "
        f"degree {first} at {kept:g}"
    )

    def undefined(status: Status) -> CalibrationBelt:
        return CalibrationBelt(
            grid=at,
            lower=np.full(at.size, nan),
            upper=np.full(at.size, nan),
            level=level,
            degree=0,
            statistic=nan,
            p_value=nan,
            method=name,
            n=is_event.size,
            events=int(np.count_nonzero(is_event)),
            status=status,
        )

    lp, status = linear_predictor(is_event, risk)
    if status is not Status.OK:
        return undefined(status)
    highest = min(_HIGHEST_DEGREE, np.unique(lp).size - 1)
    if highest < first:
        return undefined(Status.COLLINEAR if highest else Status.CONSTANT_PREDICTION)
    center, width = float(lp.mean()), float(lp.std())
    columns, triangle = np.linalg.qr(_powers((lp - center) / width, highest))
    degree, fit = _selected(columns, is_event, first, float(chdtri(1, 1.0 - kept)))
    if fit.status is not Status.OK:
        return undefined(fit.status)
    perfect = fitted(np.empty((lp.size, 0)), is_event, np.ones(lp.size), lp).log_likelihood
    statistic = max(2.0 * (fit.log_likelihood - perfect), 0.0)
    entered = degree - first
    drop = _quantile(1.0 - level, entered, kept, external=external)
    here = np.linalg.solve(triangle.T, _powers((logit(at) - center) / width, highest).T).T
    lower, upper = _limits(columns[:, : degree + 1], here[:, : degree + 1], is_event, fit, drop)
    return CalibrationBelt(
        grid=at,
        lower=lower,
        upper=upper,
        level=level,
        degree=degree,
        statistic=statistic,
        p_value=float(selected_sf(np.array(statistic), entered, kept, external=external)),
        method=name,
        n=is_event.size,
        events=int(np.count_nonzero(is_event)),
    )


def selected_sf(
    statistic: FloatArray, entered: int, selection_level: float, *, external: bool
) -> FloatArray:
    """Return P(T > statistic) when `entered` degrees were added by forward selection.

    T is a chi-square with 2 degrees of freedom (1 on development data) plus `entered`
    chi-squares with 1, each above the selection threshold k. With each of those as a squared
    normal, ``S_j(t) = (integral of S_{j-1}(t - z**2) 2 phi(z) dz + P(z**2 > t - (j-1) k)) / q``
    from sqrt(k) to sqrt(t - (j-1) k), q = P(z**2 > k); Gauss-Legendre after a substitution that
    removes the root at the upper end.
    """
    if entered == 0:
        tail = np.exp(-0.5 * statistic) if external else erfc(np.sqrt(0.5 * statistic))
        return np.asarray(tail)
    threshold = float(chdtri(1, 1.0 - selection_level))
    entry = 1.0 - selection_level
    low = sqrt(threshold)
    reach = statistic - (entered - 1) * threshold
    high = np.sqrt(np.maximum(reach, threshold))
    rest = 0.5 * (1.0 - _NODES)
    z = high[..., None] - (high - low)[..., None] * rest**2
    left = np.maximum(statistic[..., None] - z**2, 0.0)
    inner = selected_sf(left, entered - 1, selection_level, external=external)
    density = np.sqrt(2.0 / np.pi) * np.exp(-0.5 * z**2) / entry
    integral = ((inner * density * 2.0 * rest) @ (0.5 * _NODE_WEIGHTS)) * (high - low)
    beyond = erfc(high / sqrt(2.0)) / entry
    return np.asarray(np.where(reach <= threshold, 1.0, integral + beyond))


def _quantile(tail: float, entered: int, selection_level: float, *, external: bool) -> float:
    """Return the statistic exceeded with probability `tail`, by bisection."""

    def sf(value: float) -> float:
        return float(selected_sf(np.array(value), entered, selection_level, external=external))

    low, high = 0.0, 1.0
    while sf(high) > tail:
        low, high = high, 2.0 * high
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if sf(middle) > tail else (low, middle)
    return 0.5 * (low + high)


def _powers(x: FloatArray, degree: int) -> FloatArray:
    return np.vander(x, degree + 1, increasing=True)


def _selected(
    columns: FloatArray, is_event: BoolArray, first: int, threshold: float
) -> tuple[int, LogisticFit]:
    """Return the degree that forward selection stops at, and its fit."""
    total, shift = np.ones(is_event.size), np.zeros(is_event.size)

    def fit(degree: int) -> LogisticFit:
        return fitted(np.ascontiguousarray(columns[:, : degree + 1]), is_event, total, shift)

    degree, best = first, fit(first)
    while best.status is Status.OK and degree < columns.shape[1] - 1:
        wider = fit(degree + 1)
        if wider.status is not Status.OK:
            return degree, wider
        if 2.0 * (wider.log_likelihood - best.log_likelihood) <= threshold:
            break
        degree, best = degree + 1, wider
    return degree, best


def _limits(
    columns: FloatArray, here: FloatArray, is_event: BoolArray, fit: LogisticFit, drop: float
) -> tuple[FloatArray, FloatArray]:
    """Return the belt: at each risk the curve's logit is made the intercept and profiled."""
    shift, ones = np.zeros(is_event.size), np.ones(is_event.size)
    limits = np.empty((here.shape[0], 2))
    for g in range(here.shape[0]):
        moved = fit.coefficients.copy()
        moved[0] = here[g] @ fit.coefficients
        se = sqrt(float(here[g] @ fit.covariance @ here[g]))
        centred = LogisticFit(
            coefficients=moved,
            covariance=fit.covariance,
            log_likelihood=fit.log_likelihood,
            iterations=fit.iterations,
            n=fit.n,
            events=fit.events,
            status=fit.status,
        )
        others = np.ascontiguousarray(columns[:, 1:] - here[g, 1:])
        for side, sign in enumerate((-1.0, 1.0)):
            step = sign * sqrt(drop) * se
            limits[g, side] = profile_limit(others, ones, shift, is_event, centred, 0, step, drop)
    lower, upper = expit(limits).T
    return lower, upper


def _grid(risk: FloatArray, grid: ArrayLike | None) -> FloatArray:
    if grid is not None:
        return _checks.open_probabilities(grid, name="grid")
    if not risk.size:
        return np.full(_GRID, nan)
    return np.linspace(risk.min(), risk.max(), _GRID)
