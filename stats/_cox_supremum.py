"""Cox's partial likelihood where Newton's method alone does not end: monotone, or nearly so.

Whether a maximum exists is decided by the order of the covariates in the risk sets, not by watching
iterations. If it does not, the likelihood has a supremum: that of the same likelihood in which each
risk set holds only those whom the cone of rising directions does not tell from the patient who had
the event. Either way one concave function with a maximum is left, and a line search finds it
however far out it lies.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extval.stats._ascent import ascend
from extval.stats._kernels_cox_wide import add_derivatives
from extval.stats._partial_likelihood import CoxStratum, Derivatives
from extval.stats._recession import Recession, recession
from extval.stats.results import Status

FloatArray = NDArray[np.float64]
Ranks = list[NDArray[np.int64]]

_EQUAL = 1e-10  # scores in a direction of the cone, relative: closer ones are the same


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Maximum:
    """Where the likelihood is highest over the free coefficients, or has its supremum.

    Attributes
    ----------
    beta : ndarray of shape (p,)
        Meaningless in the directions of `cone`.
    value : float
    gradient, information : ndarray of shape (p,) and (p, p)
    identified : ndarray of shape (p, k)
        What the free coefficients still tell at the supremum; the unit vectors at a maximum.
    cone : Recession or None
        Over all p coefficients; None where there is a maximum.
    iterations : int
    status : Status
    """

    beta: FloatArray
    value: float
    gradient: FloatArray
    information: FloatArray
    identified: FloatArray
    cone: Recession | None
    iterations: int
    status: Status

    @property
    def diverging(self) -> NDArray[np.int8]:
        """1 or -1 where a coefficient is infinite or no longer determined, else 0; shape (p,)."""
        if self.cone is None:
            return np.zeros(self.beta.size, dtype=np.int8)
        side = np.where(self.cone.climbs, 1, np.where(self.cone.falls, -1, 0))
        both = self.cone.climbs & self.cone.falls & (self.cone.direction < 0.0)
        return np.where(both, -1, side).astype(np.int8)

    @property
    def covariance(self) -> FloatArray:
        """Inverse of the information in the identified directions, shape (p, p)."""
        basis = self.identified
        inner = np.einsum("ji,jk,kl->il", basis, self.information, basis)
        return np.asarray(np.einsum("ij,jk,lk->il", basis, np.linalg.inv(inner), basis))


def supremum(strata: list[CoxStratum], beta: FloatArray, free: NDArray[np.bool_]) -> Maximum:
    """Maximise over the coefficients marked `free`, shape (p,), the others as in `beta`."""
    p = beta.size
    unit = np.eye(p)[:, free]
    cone, ranks, basis = None, [np.zeros(s.rows.size, dtype=np.int64) for s in strata], unit
    rising = recession(orderings(strata)[:, free]) if free.any() else None
    if rising is not None:
        cone = _embedded(rising, unit)
        ranks = _ranks(strata, cone.direction)
        _, _, right = np.linalg.svd(rising.span.T, full_matrices=True)
        basis = np.einsum("ij,jk->ik", unit, right[rising.span.shape[1] :].T)
    start = np.where(free, 0.0, beta)
    beta, here, iterations, found = ascend(
        lambda place: wide_derivatives(strata, place, ranks), start, basis
    )
    status = Status.OK if cone is None else Status.MONOTONE_LIKELIHOOD
    return Maximum(
        beta=beta,
        value=here.value,
        gradient=here.gradient,
        information=here.information,
        identified=basis,
        cone=cone,
        iterations=iterations,
        status=status if found else Status.NOT_CONVERGED,
    )


def wide_derivatives(strata: list[CoxStratum], beta: FloatArray, ranks: Ranks) -> Derivatives:
    """Return `derivatives` at `beta`, of any size, among those of the highest rank at risk."""
    p, value = beta.size, 0.0
    gradient, information = np.zeros(p), np.zeros((p, p))
    for stratum, rank in zip(strata, ranks, strict=True):
        value += add_derivatives(
            np.ascontiguousarray(stratum.x),
            rank,
            stratum.start,
            stratum.first_in,
            stratum.dying,
            stratum.step,
            stratum.slot_start,
            int(stratum.cover is not None),
            beta,
            gradient,
            information,
        )
    return Derivatives(
        value=value, gradient=gradient, information=information, second_moment=np.diag(information)
    )


def orderings(strata: list[CoxStratum]) -> FloatArray:
    """Return rows d, shape (m, p), for which d'b >= 0 says that b'x is highest for every event.

    One patient with the event stands for all of his or her time. Where the one of the next time
    is already at risk, a patient at risk both times need be compared only the second time.
    """
    rows = []
    for s in strata:
        n, m = s.rows.size, s.slot_time.size
        first, ends = s.dying[s.slot_start], np.append(s.slot_start[1:], s.dying.size)
        for j in range(m):
            seen = n
            if j + 1 < m and s.start[first[j + 1]] <= j:
                seen = int(s.first_in[j + 1])
                rows.append(s.x[first[j]][None, :] - s.x[first[j + 1]])
            beside = s.x[s.first_in[j] : seen]
            if s.cover is not None:
                beside = beside[s.start[s.first_in[j] : seen] <= j]
            rows.append(s.x[first[j]] - beside)
            if ends[j] > s.slot_start[j] + 1:
                rows.append(s.x[s.dying[s.slot_start[j] : ends[j]]] - s.x[first[j]])
    return np.concatenate(rows)


def _embedded(cone: Recession, unit: FloatArray) -> Recession:
    """Return the cone over all coefficients, those that are not free at zero."""
    return Recession(
        direction=np.einsum("ij,j->i", unit, cone.direction),
        span=np.einsum("ij,jk->ik", unit, cone.span),
        falls=np.einsum("ij,j->i", unit, cone.falls) > 0.0,
        climbs=np.einsum("ij,j->i", unit, cone.climbs) > 0.0,
    )


def _ranks(strata: list[CoxStratum], direction: FloatArray) -> Ranks:
    """Return, for each stratum, the dense rank of ``x @ direction``, equal up to rounding."""
    ranks = []
    for stratum in strata:
        score = np.einsum("ij,j->i", stratum.x, direction)
        order = np.argsort(score, kind="stable")
        slack = _EQUAL * float(np.abs(stratum.x).max() * np.abs(direction).max())
        slack *= float(np.count_nonzero(direction) > 1)  # one column is compared exactly
        rank = np.zeros(score.size, dtype=np.int64)
        rank[order[1:]] = np.cumsum(np.diff(score[order]) > slack)
        ranks.append(rank)
    return ranks
