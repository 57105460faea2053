"""Cox's partial likelihood with its derivatives: the sums that fits, residuals and tests share.

Reductions are written with `einsum`, not matrix products: a threaded BLAS may add in another
order on another machine, and results must not depend on that.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoxStratum:
    """The n patients of one stratum, arranged for risk-set sums over its m distinct event times.

    Attributes
    ----------
    rows : ndarray of shape (n,)
        Which rows of the data these are, ordered by the last event time they are at risk for.
    x : ndarray of shape (n, p)
    slot_time : ndarray of shape (m,)
    start, stop : ndarray of shape (n,)
        Patient i is at risk for the event times ``start[i]`` up to, not including, ``stop[i]``.
    first_in, by_start, first_after : ndarray
        ``first_in[j]`` is the first row at risk for event time j or later. Where entry is delayed,
        `by_start` orders the rows by `start`; ``first_after[j]`` is the first to enter after j.
    dying : ndarray of shape (events,)
        Row positions of the events, ordered by event time.
    slot, step : ndarray of shape (events,)
        Event time of each, and the share of that time's events that Efron's method has taken out
        of the risk set before it; zero for Breslow's.
    slot_start : ndarray of shape (m,)
        Where each event time begins in `dying`.
    """

    rows: IndexArray
    x: FloatArray
    slot_time: FloatArray
    start: IndexArray
    stop: IndexArray
    first_in: IndexArray
    by_start: IndexArray | None
    first_after: IndexArray | None
    dying: IndexArray
    slot: IndexArray
    step: FloatArray
    slot_start: IndexArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskSums:
    """Risk-set sums of one stratum at one coefficient vector; e runs over its events.

    Attributes
    ----------
    relative_risk : ndarray of shape (n,)
        ``exp(x'b)`` up to the factor ``exp(shift)``.
    log_total, inverse : ndarray of shape (events,)
        Logarithm and inverse of the total relative risk from which each event was drawn.
    mean : ndarray of shape (events, p)
        Risk-weighted covariate mean there.
    shift : float
    """

    relative_risk: FloatArray
    log_total: FloatArray
    inverse: FloatArray
    mean: FloatArray
    shift: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Derivatives:
    """Log partial likelihood, its gradient, and the information (minus the second derivative)."""

    value: float
    gradient: FloatArray
    information: FloatArray


def strata_of(
    time: FloatArray,
    event: NDArray[np.bool_],
    x: FloatArray,
    *,
    layer: IndexArray,
    entry: FloatArray | None,
    efron: bool,
) -> list[CoxStratum]:
    """Arrange the patients by stratum; a stratum without an event has no say and is left out."""
    arranged = []
    for s in np.unique(layer[event]):
        rows = np.flatnonzero(layer == s)
        began = None if entry is None else entry[rows]
        arranged.append(_arrange(rows, time[rows], event[rows], x[rows], began, efron=efron))
    return arranged


def risk_sums(stratum: CoxStratum, lp: FloatArray) -> RiskSums:
    """Return the risk-set sums at the linear predictors `lp`, shape (n,), of its rows."""
    shift = float(lp.max())
    risk = np.exp(lp - shift)
    total = _at_event_times(stratum, risk)
    weighted = risk[:, None] * stratum.x
    moment = _at_event_times(stratum, weighted)
    dying_total = np.add.reduceat(risk[stratum.dying], stratum.slot_start)
    dying_moment = np.add.reduceat(weighted[stratum.dying], stratum.slot_start, axis=0)
    left = total[stratum.slot] - stratum.step * dying_total[stratum.slot]
    with np.errstate(divide="ignore", invalid="ignore"):  # a step so wide that all risk vanishes
        log_total, inverse = np.log(left), 1.0 / left
        mean = moment[stratum.slot] - stratum.step[:, None] * dying_moment[stratum.slot]
        mean *= inverse[:, None]
    return RiskSums(
        relative_risk=risk, log_total=log_total, inverse=inverse, mean=mean, shift=shift
    )


def exposure(stratum: CoxStratum, increments: NDArray[Any]) -> FloatArray:
    """Add up, for every patient, the event-wise `increments` that he or she was exposed to.

    `increments` has shape (events,) or (events, p). A patient is exposed to an increment at the
    event times at which he or she was at risk; a patient who died then, to 1 - step of it.
    """
    by_slot = np.add.reduceat(increments, stratum.slot_start, axis=0)
    running = np.zeros((by_slot.shape[0] + 1, *by_slot.shape[1:]))
    np.cumsum(by_slot, axis=0, out=running[1:])
    total = running[stratum.stop]
    if stratum.by_start is not None:
        total = total - running[stratum.start]
    step = stratum.step.reshape(-1, *[1] * (increments.ndim - 1))
    taken_out = np.add.reduceat(step * increments, stratum.slot_start, axis=0)
    total[stratum.dying] -= taken_out[stratum.slot]
    return np.asarray(total)


def derivatives(strata: list[CoxStratum], beta: FloatArray) -> Derivatives:
    """Return the log partial likelihood and its derivatives at `beta`, shape (p,).

    Not finite where `beta` is so wide that the relative risk of a whole risk set vanishes.
    """
    value, gradient = 0.0, np.zeros(beta.size)
    information = np.zeros((beta.size, beta.size))
    for stratum in strata:
        lp = np.einsum("ij,j->i", stratum.x, beta)
        sums = risk_sums(stratum, lp)
        if not np.isfinite(sums.inverse).all():
            return Derivatives(value=-np.inf, gradient=gradient, information=information)
        value += float((lp[stratum.dying] - sums.shift - sums.log_total).sum())
        gradient += (stratum.x[stratum.dying] - sums.mean).sum(axis=0)
        information += moment_matrix(stratum, sums, np.ones(sums.inverse.size))
    return Derivatives(value=value, gradient=gradient, information=information)


def moment_matrix(stratum: CoxStratum, sums: RiskSums, factor: FloatArray) -> FloatArray:
    """Return the covariate covariance in the risk set, times `factor`, summed over events.

    The second moments are summed over patients, each weighted by the hazard met, so that no
    (events, p, p) array is needed.
    """
    met = exposure(stratum, factor * sums.inverse) * sums.relative_risk
    second = np.einsum("ij,ik->jk", met[:, None] * stratum.x, stratum.x)
    first = np.einsum("ij,ik->jk", factor[:, None] * sums.mean, sums.mean)
    return np.asarray(second - first)


def is_monotone(strata: list[CoxStratum], direction: FloatArray) -> bool:
    """Return whether every event has the highest `x @ direction` of its risk set (to 1e-3).

    Along such a direction the likelihood rises for ever.
    """
    for stratum in strata:
        score = np.einsum("ij,j->i", stratum.x, direction)
        slack = 1e-3 * float(np.ptp(score))
        if stratum.by_start is None:
            highest = np.maximum.accumulate(score[::-1])[::-1][stratum.first_in]
        else:
            at_risk = [
                score[(stratum.start <= j) & (j < stratum.stop)].max()
                for j in range(stratum.slot_time.size)
            ]
            highest = np.array(at_risk)
        if (score[stratum.dying] < highest[stratum.slot] - slack).any():
            return False
    return True


def _arrange(
    rows: IndexArray,
    time: FloatArray,
    event: NDArray[np.bool_],
    x: FloatArray,
    entry: FloatArray | None,
    *,
    efron: bool,
) -> CoxStratum:
    slot_time, deaths = np.unique(time[event], return_counts=True)
    stop = np.searchsorted(slot_time, time, side="right")
    order = np.argsort(stop, kind="stable")
    rows, stop, event, x = rows[order], stop[order], event[order], x[order]
    slots = np.arange(slot_time.size)
    if entry is None:
        start, by_start, first_after = np.zeros(rows.size, dtype=np.intp), None, None
    else:
        start = np.searchsorted(slot_time, entry[order], side="right")
        by_start = np.argsort(start, kind="stable")
        first_after = np.searchsorted(start[by_start], slots, side="right")

    dying = np.flatnonzero(event)
    slot_start = np.cumsum(deaths) - deaths
    slot = np.repeat(slots, deaths)
    step = np.zeros(dying.size)
    if efron:
        step = (np.arange(dying.size) - slot_start[slot]) / deaths[slot]
    return CoxStratum(
        rows=rows,
        x=x,
        slot_time=slot_time,
        start=start,
        stop=stop,
        first_in=np.searchsorted(stop, slots, side="right"),
        by_start=by_start,
        first_after=first_after,
        dying=dying,
        slot=slot,
        step=step,
        slot_start=slot_start,
    )


def _at_event_times(stratum: CoxStratum, values: FloatArray) -> FloatArray:
    """Sum `values`, shape (n,) or (n, p), over the risk set of each event time."""
    total = np.cumsum(values[::-1], axis=0)[::-1][stratum.first_in]
    if stratum.by_start is not None and stratum.first_after is not None:
        later = np.zeros((values.shape[0] + 1, *values.shape[1:]))
        later[:-1] = np.cumsum(values[stratum.by_start][::-1], axis=0)[::-1]
        total = total - later[stratum.first_after]
    return np.asarray(total)
