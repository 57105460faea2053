"""The integrated Brier score: the Brier score averaged over a span of time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._influence import (
    standard_error,
    undefined_comparison,
    undefined_estimate,
    wald_comparison,
    wald_estimate,
)
from extval.stats.brier_t import Outcomes, brier_with_influence, outcomes
from extval.stats.censoring import censoring_curve, checked_kinds
from extval.stats.results import Comparison, Estimate, Status

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Span:
    """What is known at each of h horizons, with the weight of each in the average."""

    at: list[Outcomes]
    weights: FloatArray
    level: float
    method: str
    n: int
    events: int

    @property
    def status(self) -> Status:
        return self.at[-1].state.status


def ibs(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    *,
    horizons: ArrayLike,
    cause: int | None = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the integrated Brier score over the span of the horizons.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
        Follow-up in any one unit.
    event : array_like of shape (n,)
        0 censored, 1 the event; with `cause` also other positive integers for competing events.
    risk : array_like of shape (h, n), in [0, 1]
        Predicted probability of the event by each horizon, one row a horizon.
    horizons : array_like of shape (h,), h >= 2, strictly increasing, non-negative
        In the unit of `time`. Put 0 first (with risks of 0) for the span from time 0.
    cause : int or None
        The event of interest among competing ones; None for a single kind of event.
    confidence_level : float in (0, 1)

    Returns
    -------
    Estimate
        0 is perfect. NaN when the last horizon is beyond the last follow-up.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\frac{1}{t_h - t_1} \int_{t_1}^{t_h} B(t)\,dt` by the trapezoidal rule between the
    horizons, so that a finer grid changes the number slightly and `method` says how many there
    were [1]_. The influence function is the same average of those of the Brier scores. Agrees
    with the trapezoidal rule on R riskRegression 2022.11.28 ``Score(times = horizons)`` to 1e-10;
    R pec ``crps`` uses left-hand steps instead.

    References
    ----------
    .. [1] Graf, Schmoor, Sauerbrei & Schumacher (1999), Stat Med 18:2529.
       :doi:`10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5`

    Examples
    --------
    >>> risk = [[0.3, 0.2, 0.1, 0.1], [0.8, 0.5, 0.4, 0.2]]
    >>> round(ibs([1, 2, 3, 4], [1, 0, 1, 0], risk, horizons=[1.5, 3.5]).value, 6)
    0.14875
    """
    span = _span(time, event, horizons, cause, confidence_level)
    risks = _risk_rows(risk, span, name="risk")
    if span.status is not Status.OK:
        return undefined_estimate(
            span.status, level=span.level, method=span.method, n=span.n, events=span.events
        )
    value, influence = _average(span, risks)
    return wald_estimate(
        value,
        standard_error(influence),
        level=span.level,
        method=span.method,
        n=span.n,
        events=span.events,
        low=0.0,
        high=1.0,
    )


def ibs_test(
    time: ArrayLike,
    event: ArrayLike,
    risk_a: ArrayLike,
    risk_b: ArrayLike,
    *,
    horizons: ArrayLike,
    cause: int | None = None,
    confidence_level: float = 0.95,
) -> Comparison:
    """Test whether two models of the same patients have the same integrated Brier score.

    Parameters
    ----------
    time, event, horizons, cause, confidence_level
        As for `ibs`.
    risk_a, risk_b : array_like of shape (h, n), in [0, 1]
        Predicted probabilities of the event by each horizon, one row a horizon.

    Returns
    -------
    Comparison
        `difference` is the score of a minus that of b (negative: a is better), `statistic` is z.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Examples
    --------
    >>> a, b = [[0.3, 0.2, 0.1, 0.1], [0.8, 0.5, 0.4, 0.2]], [[0.2] * 4, [0.5] * 4]
    >>> test = ibs_test([1, 2, 3, 4], [1, 0, 1, 0], a, b, horizons=[1.5, 3.5])
    >>> round(test.difference, 6)
    -0.07125
    """
    span = _span(time, event, horizons, cause, confidence_level)
    rows = [
        _risk_rows(risk, span, name=name) for risk, name in ((risk_a, "risk_a"), (risk_b, "risk_b"))
    ]
    method = f"{span.method}, paired"
    if span.status is not Status.OK:
        return undefined_comparison(
            span.status, level=span.level, method=method, n=span.n, events=span.events
        )
    (a, influence_a), (b, influence_b) = (_average(span, risks) for risks in rows)
    return wald_comparison(
        a - b,
        standard_error(influence_a - influence_b),
        level=span.level,
        method=method,
        n=span.n,
        events=span.events,
    )


def _span(
    time: ArrayLike,
    event: ArrayLike,
    horizons: ArrayLike,
    cause: int | None,
    confidence_level: float,
) -> _Span:
    follow_up, kind = checked_kinds(time, event, cause)
    at = _checks.horizons(horizons, at_least=2)
    level = _checks.level(confidence_level)
    curve = censoring_curve(follow_up, kind > 0)
    widths = np.diff(at)
    weights = np.append(widths, 0.0) + np.append(0.0, widths)
    return _Span(
        at=[outcomes(kind, curve, float(horizon)) for horizon in at],
        weights=weights / (2.0 * (at[-1] - at[0])),
        level=level,
        method=(
            f"integrated IPCW Brier score, trapezoidal over {at.size} horizons, marginal "
            "Kaplan-Meier censoring of these patients; influence function"
        ),
        n=kind.size,
        events=int(np.count_nonzero(kind == 1)),
    )


def _risk_rows(risk: ArrayLike, span: _Span, *, name: str) -> list[FloatArray]:
    rows = _checks.probability_rows(risk, span.n, name=name)
    _checks.one_a_horizon(len(rows), span.weights.size, name=name)
    return rows


def _average(span: _Span, risks: list[FloatArray]) -> tuple[float, FloatArray]:
    value, influence = 0.0, np.zeros(span.n)
    for found, weight, risk in zip(span.at, span.weights, risks, strict=True):
        score, own = brier_with_influence(found, risk)
        value += float(weight) * score
        influence += weight * own
    return value, influence
