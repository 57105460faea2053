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
    first_in : ndarray of shape (m,)
        First row at risk for event time j or later.
    cover : _Cover or None
        Where entry is delayed: each patient's event times as nodes of a binary tree.
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
    cover: "_Cover | None"
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
        ``exp(x'b)`` up to the factor ``exp(shift)``; at most 1 for who is never at risk.
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

    @property
    def vanish(self) -> bool:
        """Whether the relative risk of a whole risk set underflows beside the largest one."""
        return not bool((self.inverse <= _WIDE).all())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Derivatives:
    """Log partial likelihood, its gradient, and the information (minus the second derivative).

    The information is a difference of second moments; `second_moment`, shape (p,), is the diagonal
    of the larger one, which sets the size of its rounding errors.
    """

    value: float
    gradient: FloatArray
    information: FloatArray
    second_moment: FloatArray


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


# Inverse relative risks of risk sets up to here can be added up over any number of events.
_WIDE = 1e290


def risk_sums(stratum: CoxStratum, lp: FloatArray) -> RiskSums:
    """Return the risk-set sums at the linear predictors `lp`, shape (n,), of its rows."""
    # Who is never at risk is in no sum: such a patient must not set the scale, nor overflow it.
    shift = float(np.max(lp, where=stratum.start < stratum.stop, initial=-np.inf))
    risk = np.exp(np.minimum(lp - shift, 0.0))
    total = _at_event_times(stratum, risk)
    weighted = risk[:, None] * stratum.x
    moment = _at_event_times(stratum, weighted)
    dying_total = np.add.reduceat(risk[stratum.dying], stratum.slot_start)
    dying_moment = np.add.reduceat(weighted[stratum.dying], stratum.slot_start, axis=0)
    left = total[stratum.slot] - stratum.step * dying_total[stratum.slot]
    with np.errstate(all="ignore"):  # a step so wide that all risk vanishes
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
    if stratum.cover is None:
        running = np.zeros((by_slot.shape[0] + 1, *by_slot.shape[1:]))
        np.cumsum(by_slot, axis=0, out=running[1:])
        total = running[stratum.stop]
    else:
        total = stratum.cover.over_intervals(by_slot, stratum.rows.size)
    step = stratum.step.reshape(-1, *[1] * (increments.ndim - 1))
    taken_out = np.add.reduceat(step * increments, stratum.slot_start, axis=0)
    total[stratum.dying] -= taken_out[stratum.slot]
    return np.asarray(total)


def derivatives(strata: list[CoxStratum], beta: FloatArray) -> Derivatives:
    """Return the log partial likelihood and its derivatives at `beta`, shape (p,).

    Not finite where `beta` is so wide that the relative risk of a whole risk set vanishes.
    """
    value, gradient = 0.0, np.zeros(beta.size)
    information, second_moment = np.zeros((beta.size, beta.size)), np.zeros(beta.size)
    for stratum in strata:
        lp = np.einsum("ij,j->i", stratum.x, beta)
        sums = risk_sums(stratum, lp)
        if sums.vanish:
            value = -np.inf
            break
        value += float((lp[stratum.dying] - sums.shift - sums.log_total).sum())
        gradient += (stratum.x[stratum.dying] - sums.mean).sum(axis=0)
        second, first = moment_matrices(stratum, sums, np.ones(sums.inverse.size))
        information += second - first
        second_moment += np.diag(second)
    return Derivatives(
        value=value, gradient=gradient, information=information, second_moment=second_moment
    )


def moment_matrices(
    stratum: CoxStratum, sums: RiskSums, factor: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return second moments and squared means of the covariates in the risk sets, (p, p) each.

    Both are multiplied by `factor` and summed over events; their difference is the covariance. The
    second moments are summed over patients, each weighted by the hazard met, so that no
    (events, p, p) array is needed.
    """
    met = exposure(stratum, factor * sums.inverse) * sums.relative_risk
    second = np.einsum("ij,ik->jk", met[:, None] * stratum.x, stratum.x)
    first = np.einsum("ij,ik->jk", factor[:, None] * sums.mean, sums.mean)
    return second, first


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
        start, cover = np.zeros(rows.size, dtype=np.intp), None
    else:
        start = np.searchsorted(slot_time, entry[order], side="right")
        cover = _cover(start, stop, slot_time.size)

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
        cover=cover,
        dying=dying,
        slot=slot,
        step=step,
        slot_start=slot_start,
    )


def _at_event_times(stratum: CoxStratum, values: FloatArray) -> FloatArray:
    """Sum `values`, shape (n,) or (n, p), over the risk set of each event time."""
    if stratum.cover is None:
        return np.asarray(np.cumsum(values[::-1], axis=0)[::-1][stratum.first_in])
    return stratum.cover.at_leaves(values, stratum.slot_time.size)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cover:
    """Intervals of leaves as sets of nodes of a binary tree, so that sums need no subtraction.

    Taking those who enter later off a running total would lose all digits of a small risk set.
    Node 1 is the root, node i has the children 2i and 2i + 1, and leaf j is node `leaves` + j.
    """

    row: IndexArray
    node: IndexArray
    leaves: int

    def at_leaves(self, values: FloatArray, m: int) -> FloatArray:
        """Return, for each of m leaves, the sum of the values of the intervals that hold it."""
        tree = _gather(self.node, values[self.row], 2 * self.leaves)
        width = 1
        while width < self.leaves:
            tree[2 * width : 4 * width] += np.repeat(tree[width : 2 * width], 2, axis=0)
            width *= 2
        return tree[self.leaves : self.leaves + m]

    def over_intervals(self, values: FloatArray, n: int) -> FloatArray:
        """Return, for each of n intervals, the sum of the values of its leaves."""
        tree = np.zeros((2 * self.leaves, *values.shape[1:]))
        tree[self.leaves : self.leaves + values.shape[0]] = values
        width = self.leaves // 2
        while width:
            children = tree[2 * width : 4 * width]
            tree[width : 2 * width] = children[::2] + children[1::2]
            width //= 2
        return _gather(self.row, tree[self.node], n)


def _cover(start: IndexArray, stop: IndexArray, m: int) -> _Cover:
    """Split each interval ``start[i]`` to ``stop[i]`` of m leaves into whole subtrees."""
    leaves = 1 << (m - 1).bit_length()
    low, high, every = start + leaves, stop + leaves, np.arange(start.size)
    rows, nodes = [], []
    while (low < high).any():
        left = (low < high) & (low % 2 == 1)
        rows.append(every[left])
        nodes.append(low[left])
        low = low + left
        right = (low < high) & (high % 2 == 1)
        high = high - right
        rows.append(every[right])
        nodes.append(high[right])
        low, high = low // 2, high // 2
    return _Cover(row=np.concatenate(rows), node=np.concatenate(nodes), leaves=leaves)


def _gather(place: IndexArray, values: FloatArray, size: int) -> FloatArray:
    """Add up `values`, shape (k,) or (k, p), by `place`."""
    if values.ndim == 1:
        return np.asarray(np.bincount(place, values, size), dtype=np.float64)
    return np.stack([np.bincount(place, column, size) for column in values.T], axis=1)
