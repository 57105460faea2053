"""Smoothers of an outcome on one predictor: local regression as R's loess and lowess define it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._checks import FloatArray
from extval.stats._kernels_moments import STRIDE, WIDTH, half_widths, halved_segments
from extval.stats._kernels_smooth import local_polynomial, lowess_curve

IndexArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collapsed:
    """The distinct values of one predictor, ascending, with the outcome summed at each.

    `x`, `total`, `events` have shape (m,); `below`, shape (m + 1,), counts the rows before each;
    `order`, shape (n,), sorts the rows, and `index`, shape (n,), is the distinct value of each
    sorted row.
    """

    x: FloatArray
    total: FloatArray
    events: FloatArray
    below: FloatArray
    order: NDArray[np.intp]
    index: IndexArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Runs of neighbouring predictors whose moments are held about one centre.

    Segment s holds ``first[s]`` up to ``first[s + 1]``; `center` and `radius` have shape (s,).
    """

    first: IndexArray
    center: FloatArray
    radius: FloatArray


def collapse(x: FloatArray, y: FloatArray) -> Collapsed:
    """Return the distinct values of `x` with the totals of `y` at each; n >= 1 rows."""
    order = np.argsort(x, kind="stable")
    ordered = x[order]
    new = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    start = np.flatnonzero(new)
    total = np.diff(start, append=x.size).astype(np.float64)
    return Collapsed(
        x=ordered[start],
        total=total,
        events=np.add.reduceat(y[order], start),
        below=np.concatenate(([0.0], np.cumsum(total))),
        order=order,
        index=np.cumsum(new) - 1,
    )


def segments(x: FloatArray, below: FloatArray, wanted: float, targets: FloatArray) -> Segments:
    """Cut ascending `x` into runs no wider than the windows of `targets` that meet them.

    Narrow segments keep the moments about their centres exact. A sample of the targets places
    the cuts, which change no result.
    """
    sample = np.ascontiguousarray(targets[:: max(1, targets.size // 512)])
    width = np.empty(sample.size)
    half_widths(x, below, wanted, sample, width)
    first = np.empty(x.size + 1, dtype=np.int64)
    edges = first[: halved_segments(x, sample, width, first) + 1].copy()
    low, high = x[edges[:-1]], x[edges[1:] - 1]
    radius = 0.5 * (high - low)
    return Segments(
        first=edges,
        center=low + radius,
        radius=np.where(radius > 0.0, radius, 1.0),
    )


def neighbours(n: int, span: float) -> int:
    """Return how many of `n` rows the window of R's loess holds at a `span` up to 1."""
    return min(n, int(np.floor(n * span + 1e-5)))


def lowess_neighbours(n: int, span: float) -> int:
    """Return how many of `n` rows the window of R's lowess holds at a `span` up to 1."""
    return max(min(n, 2), min(n, int(np.floor(n * span + 1e-7))))


def loess_at(data: Collapsed, targets: FloatArray, *, wanted: int, degree: int = 2) -> FloatArray:
    """Return the tricube local polynomial at ascending `targets`; NaN where a window is a point."""
    cuts = segments(data.x, data.below, float(wanted), targets)
    out = np.empty(targets.size)
    local_polynomial(
        data.x,
        data.total,
        data.events,
        data.below,
        float(wanted),
        targets,
        degree,
        cuts.first,
        cuts.center,
        cuts.radius,
        prefix_rows(data, cuts),
        out,
    )
    return out


def lowess_at(
    data: Collapsed, targets: FloatArray, *, wanted: int, spacing: float = 0.01
) -> FloatArray:
    """Return R's lowess without robustness iterations at ascending `targets`; NaN outside x."""
    cuts = segments(data.x, data.below, float(wanted), data.x)
    out = np.empty(targets.size)
    lowess_curve(
        data.x,
        data.total,
        data.events,
        data.below,
        float(wanted),
        spacing,
        targets,
        cuts.first,
        cuts.center,
        cuts.radius,
        prefix_rows(data, cuts),
        out,
    )
    return out


def prefix_rows(data: Collapsed, cuts: Segments) -> FloatArray:
    """Return room for the prefix moments of all segments."""
    return np.empty((data.x.size // STRIDE + 2 * cuts.center.size + 1, WIDTH))


def loess(
    x: ArrayLike, y: ArrayLike, at: ArrayLike, *, span: float = 0.75, degree: int = 2
) -> FloatArray:
    r"""Smooth `y` on `x` by local polynomials and return the fit at each value of `at`.

    Parameters
    ----------
    x, y : array_like of shape (n,), finite
        Predictor and outcome, n >= 1.
    at : array_like of shape (t,), finite
        Where to fit, in any order; outside the range of `x` the fit extrapolates.
    span : float in (0, 1]
        Share of the rows in each window.
    degree : int, 1 or 2
        Degree of the local polynomial.

    Returns
    -------
    ndarray of shape (t,)
        NaN where the window has zero width, which is where more than `span` of all rows share
        one value of `x`. A window with too few distinct predictors lowers the degree.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above, or a window holds no row.

    Notes
    -----
    The window of :math:`x_0` holds the :math:`q = \lfloor n \cdot \mathrm{span} \rfloor` nearest
    rows; with :math:`h` the distance of the farthest, a row weighs :math:`(1 - (|x - x_0|/h)^3)^3`
    [1]_. Agrees with R 4.2 ``loess(..., control = loess.control(surface = "direct"))`` to 1e-8. R's
    default, ``surface = "interpolate"``, fits at a few vertices and blends; it differs in the third
    digit.
    In a window with fewer distinct predictors than coefficients R takes a pseudo-inverse instead
    of a lower degree; at the predictors themselves the two coincide.

    References
    ----------
    .. [1] Cleveland & Devlin (1988), JASA 83:596. :doi:`10.1080/01621459.1988.10478639`

    Examples
    --------
    >>> [round(float(v), 6) for v in loess([0, 1, 2, 3, 4], [0, 1, 4, 9, 16], [2, 3], span=1)]
    [4.0, 9.0]
    """
    outcome = _checks.vector(y, name="y")
    predictor = _checks.finite(x, outcome.size, name="x")
    targets = _checks.vector(at, name="at")
    wanted = neighbours(outcome.size, _checks.share(span, name="span"))
    _checks.positive_integer(wanted, name="span * number of rows")
    _checks.choice(str(degree), ("1", "2"), name="degree")
    order = np.argsort(targets, kind="stable")
    out = np.empty(targets.size)
    out[order] = loess_at(
        collapse(predictor, outcome), targets[order], wanted=wanted, degree=degree
    )
    return out


def lowess(x: ArrayLike, y: ArrayLike, at: ArrayLike, *, span: float = 2 / 3) -> FloatArray:
    r"""Smooth `y` on `x` by R's lowess without robustness iterations.

    Parameters
    ----------
    x, y : array_like of shape (n,), finite
        Predictor and outcome, n >= 1.
    at : array_like of shape (t,), finite
        Where to return the curve, in any order.
    span : float in (0, 1]
        Share of the rows in each window.

    Returns
    -------
    ndarray of shape (t,)
        NaN outside the range of `x`: lowess does not extrapolate.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above, or `x` is empty.

    Notes
    -----
    Local lines with tricube weights in windows of :math:`\lfloor n \cdot \mathrm{span} \rfloor`
    rows, fitted at predictors up to a hundredth of the range apart and joined straight [1]_.
    Agrees with R 4.2 ``lowess(x, y, f = span, iter = 0)`` and ``approx`` to 1e-8; it is the
    smoother of rms ``val.prob`` and ``calibrate``.

    References
    ----------
    .. [1] Cleveland (1979), JASA 74:829. :doi:`10.1080/01621459.1979.10481038`

    Examples
    --------
    >>> [round(float(v), 6) for v in lowess([0, 1, 2, 3, 4], [1, 3, 5, 7, 9], [0.5, 5])]
    [2.0, nan]
    """
    outcome = _checks.vector(y, name="y")
    predictor = _checks.finite(x, outcome.size, name="x")
    targets = _checks.vector(at, name="at")
    wanted = lowess_neighbours(outcome.size, _checks.share(span, name="span"))
    _checks.positive_integer(wanted, name="number of rows")
    order = np.argsort(targets, kind="stable")
    out = np.empty(targets.size)
    out[order] = lowess_at(collapse(predictor, outcome), targets[order], wanted=wanted)
    return out
