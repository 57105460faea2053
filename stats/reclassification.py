"""Net reclassification and integrated discrimination improvement, with their known defects."""

from dataclasses import dataclass
from functools import partial
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from extval.stats import _checks
from extval.stats.results import Comparison, Interval, Status

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclassification:
    """Net reclassification of new beside old: among events, among non-events, and their sum.

    A result with an interval always carries `Status.NRI_CAUTION`.
    """

    events: Comparison
    nonevents: Comparison
    total: Comparison


def net_reclassification(
    y_true: ArrayLike,
    prob_new: ArrayLike,
    prob_old: ArrayLike,
    *,
    cuts: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> Reclassification:
    r"""Estimate the net reclassification improvement of a new model over an old one.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    prob_new, prob_old : array_like of shape (n,), in [0, 1]
    cuts : array_like of shape (c,), strictly increasing in [0, 1), or None
        Bounds of the risk categories; a category holds its lower bound. None gives the
        category-free (continuous) index: any higher risk counts as up.
    confidence_level : float in (0, 1)

    Returns
    -------
    Reclassification
        Each part's `difference` is a net share in [-1, 1] and the total lies in [-2, 2]; NaN
        where a class is absent.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Events: :math:`D = P(up) - P(down)`; non-events: :math:`P(down) - P(up)`; variance
    :math:`(P(up) + P(down) - D^2)/m` each. Agrees with R Hmisc 4.8.0 ``improveProb`` to 1e-12.
    The index rises for a worthless marker in a miscalibrated model and weighs non-events and
    events alike whatever the prevalence [2]_, [3]_: net benefit answers the question it is asked.

    References
    ----------
    .. [1] Pencina et al. (2011), Statistics in Medicine 30:11. :doi:`10.1002/sim.4085`
    .. [2] Hilden & Gerds (2014), Statistics in Medicine 33:3405. :doi:`10.1002/sim.5804`
    .. [3] Pepe et al. (2015), Statistics in Biosciences 7:282. :doi:`10.1007/s12561-014-9118-0`

    Examples
    --------
    >>> y, new, old = [1, 1, 0, 0], [0.7, 0.6, 0.2, 0.4], [0.5, 0.7, 0.3, 0.3]
    >>> net_reclassification(y, new, old).total.difference
    0.0
    """
    is_case = _checks.binary(y_true)
    new = _checks.probabilities(prob_new, is_case.size, name="prob_new")
    old = _checks.probabilities(prob_old, is_case.size, name="prob_old")
    level = _checks.level(confidence_level)
    name = "category-free"
    if cuts is not None:
        grid = _checks.increasing_thresholds(cuts, name="cuts")
        new, old = (np.searchsorted(grid, p, side="right").astype(float) for p in (new, old))
        name = f"categories cut at {', '.join(f'{cut:g}' for cut in grid)}"
    sign = np.sign(new - old).astype(np.int64)
    m, n = int(np.count_nonzero(is_case)), int(np.count_nonzero(~is_case))
    cases, controls = sign[is_case], -sign[~is_case]
    result = partial(
        _comparison,
        level=level,
        method=f"net reclassification, {name}; Wald",
        n=m + n,
        events=m,
    )
    events = _net(cases)
    nonevents = _net(controls)
    return Reclassification(
        events=result(events, absent=not m),
        nonevents=result(nonevents, absent=not n),
        total=result(
            _Net(events.difference + nonevents.difference, events.variance + nonevents.variance),
            absent=not m or not n,
        ),
    )


def integrated_discrimination(
    y_true: ArrayLike,
    prob_new: ArrayLike,
    prob_old: ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> Comparison:
    r"""Estimate the integrated discrimination improvement of a new model over an old one.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    prob_new, prob_old : array_like of shape (n,), in [0, 1]
    confidence_level : float in (0, 1)

    Returns
    -------
    Comparison
        The gain in mean risk of events less that of non-events, with z and a Wald interval. A
        result with an interval carries `Status.IDI_CAUTION`. NaN with one class only; with fewer
        than two patients a class only the difference is given.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\bar d_1 - \bar d_0` over the differences *d* of the two risks of a patient, variance
    :math:`s_1^2/m + s_0^2/n`. Agrees with R Hmisc 4.8.0 ``improveProb`` to 1e-12. The test is not
    valid for nested models fitted on the same patients, and the index depends on calibration.

    References
    ----------
    Pencina et al. (2008), Statistics in Medicine 27:157. :doi:`10.1002/sim.2929`

    Examples
    --------
    >>> y, new, old = [1, 1, 0, 0], [0.7, 0.6, 0.2, 0.4], [0.5, 0.7, 0.3, 0.3]
    >>> round(integrated_discrimination(y, new, old).difference, 4)
    0.05
    """
    is_case = _checks.binary(y_true)
    new = _checks.probabilities(prob_new, is_case.size, name="prob_new")
    old = _checks.probabilities(prob_old, is_case.size, name="prob_old")
    level = _checks.level(confidence_level)
    gain = new - old
    cases, controls = gain[is_case], gain[~is_case]
    m, n = cases.size, controls.size
    result = partial(
        Comparison,
        method="integrated discrimination improvement; Wald",
        n=m + n,
        events=m,
    )
    undefined = Interval.undefined(level)
    if not m or not n:
        status = Status.ONE_CLASS if m + n else Status.NO_PATIENTS
        return result(difference=nan, interval=undefined, status=status)
    difference = float(cases.mean() - controls.mean())
    if min(m, n) < 2:
        status = Status.TOO_FEW_PER_CLASS
        return result(difference=difference, interval=undefined, status=status)
    if not gain.any():
        no_width = Interval(0.0, 0.0, level)
        return result(
            difference=0.0,
            se=0.0,
            interval=no_width,
            statistic=0.0,
            p_value=1.0,
            status=Status.IDI_CAUTION,
        )
    # A constant shift can leave rounding in the variance: equal gains are what counts.
    if cases.min() == cases.max() and controls.min() == controls.max():
        return result(difference=difference, interval=undefined, status=Status.NO_VARIATION)
    se = sqrt(float(cases.var(ddof=1)) / m + float(controls.var(ddof=1)) / n)
    margin = float(ndtri(0.5 + level / 2)) * se
    statistic = difference / se
    return result(
        difference=difference,
        se=se,
        interval=Interval(difference - margin, difference + margin, level),
        statistic=statistic,
        p_value=float(2 * ndtr(-abs(statistic))),
        status=Status.IDI_CAUTION,
    )


@dataclass(frozen=True, slots=True)
class _Net:
    difference: float
    variance: float


def _net(sign: NDArray[np.int64]) -> _Net:
    """Return the net share of patients moved the right way, from -1, 0, 1 a patient."""
    size = sign.size
    if not size:
        return _Net(nan, nan)
    net, moved = int(sign.sum()), int(np.count_nonzero(sign))
    return _Net(net / size, (moved * size - net * net) / size**3)


def _comparison(
    net: _Net, *, absent: bool, level: float, method: str, n: int, events: int
) -> Comparison:
    result = partial(Comparison, method=method, n=n, events=events)
    if absent:
        status = Status.ONE_CLASS if n else Status.NO_PATIENTS
        return result(difference=nan, interval=Interval.undefined(level), status=status)
    if net.variance == 0.0 and net.difference == 0.0:
        no_width = Interval(0.0, 0.0, level)
        return result(
            difference=0.0,
            se=0.0,
            interval=no_width,
            statistic=0.0,
            p_value=1.0,
            status=Status.NRI_CAUTION,
        )
    if net.variance == 0.0:
        undefined = Interval.undefined(level)
        return result(difference=net.difference, interval=undefined, status=Status.NO_VARIATION)
    se = sqrt(net.variance)
    margin = float(ndtri(0.5 + level / 2)) * se
    statistic = net.difference / se
    return result(
        difference=net.difference,
        se=se,
        interval=Interval(net.difference - margin, net.difference + margin, level),
        statistic=statistic,
        p_value=float(2 * ndtr(-abs(statistic))),
        status=Status.NRI_CAUTION,
    )
