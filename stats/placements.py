"""Placements of cases among controls and the reverse: the integers under every AUC statistic."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from extval.stats._kernels_roc import product_sums, twice_wins
from extval.stats.results import Status

_LARGEST_SUM = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Placements:
    """Exact sums over the placements of `n_cases` cases and `n_controls` controls, k scores.

    Attributes
    ----------
    total : tuple of k int
        Twice the number of (case, control) pairs won, a tie counting one half.
    case_spread, control_spread : tuple of k tuples of k int
        ``size * sum(v w) - sum(v) sum(w)`` over the doubled placements of that class, Python
        integers of any length, so that a zero variance is exactly zero.
    """

    n_cases: int
    n_controls: int
    total: tuple[int, ...]
    case_spread: tuple[tuple[int, ...], ...]
    control_spread: tuple[tuple[int, ...], ...]

    @property
    def n(self) -> int:
        """Return the number of patients."""
        return self.n_cases + self.n_controls

    @property
    def status(self) -> Status:
        """Return why no AUC is defined, or `Status.OK`."""
        if self.n_cases and self.n_controls:
            return Status.OK
        return Status.ONE_CLASS if self.n else Status.NO_PATIENTS

    def auc(self, a: int) -> float:
        """Return the AUC of score `a`."""
        return self.total[a] / (2 * self.n_cases * self.n_controls)

    def auc_difference(self, a: int, b: int) -> float:
        """Return AUC a minus AUC b, rounded once."""
        return (self.total[a] - self.total[b]) / (2 * self.n_cases * self.n_controls)

    def variance(self, a: int) -> float:
        """Return DeLong's variance of AUC a; NaN with fewer than two patients in a class."""
        return self._per_pair(self.case_spread[a][a], self.control_spread[a][a])

    def difference_variance(self, a: int, b: int) -> float:
        """Return DeLong's variance of AUC a minus AUC b."""
        case, control = self.case_spread, self.control_spread
        return self._per_pair(
            case[a][a] + case[b][b] - 2 * case[a][b],
            control[a][a] + control[b][b] - 2 * control[a][b],
        )

    def covariance(self, a: int, b: int) -> float:
        """Return DeLong's covariance of AUC a and AUC b."""
        return self._per_pair(self.case_spread[a][b], self.control_spread[a][b])

    def _per_pair(self, case_spread: int, control_spread: int) -> float:
        m, n = self.n_cases, self.n_controls
        if min(m, n) < 2:
            return nan
        exact = case_spread * (n - 1) + control_spread * (m - 1)
        return exact / (4 * m * m * n * n * (m - 1) * (n - 1))


def placements(is_case: NDArray[np.bool_], scores: Sequence[NDArray[np.float64]]) -> Placements:
    """Return the placement sums of k scores, each (n,), of the same patients."""
    wins = doubled_placements(is_case, scores)
    m = int(np.count_nonzero(is_case))
    case, control = wins[:, :m], wins[:, m:]
    total = tuple(int(row) for row in case.sum(axis=1, dtype=np.int64))
    return Placements(
        n_cases=m,
        n_controls=is_case.size - m,
        total=total,
        case_spread=_spread(case, total, 2 * (is_case.size - m)),
        control_spread=_spread(control, total, 2 * m),
    )


def doubled_placements(
    is_case: NDArray[np.bool_], scores: Sequence[NDArray[np.float64]]
) -> NDArray[np.int32]:
    """Return twice the placement of each patient, (k, n), cases first, each class in row order.

    Twice a case's number of controls below it, or a control's number of cases above it, ties
    counting one half; n must stay below 2**30.
    """
    rows = np.concatenate([np.flatnonzero(is_case), np.flatnonzero(~is_case)])
    n_cases = int(np.count_nonzero(is_case))
    wins = np.empty((len(scores), is_case.size), np.int32)
    for score, out in zip(scores, wins, strict=True):
        grouped = score[rows]
        # Ties are handled as whole blocks, so the order within them, hence stability, is free.
        order = np.argsort(grouped)
        twice_wins(np.sort(grouped), order, n_cases, out)
    return wins


def counts_at_or_above(
    is_case: NDArray[np.bool_], score: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return each distinct score, descending, and the cases and controls that reach it."""
    ascending = np.sort(score)
    first = np.append(True, ascending[1:] != ascending[:-1])[: ascending.size]
    thresholds = ascending[first][::-1]
    cases = np.sort(score[is_case])
    reached = is_case.size - np.flatnonzero(first)[::-1]
    true_positives = cases.size - np.searchsorted(cases, thresholds, side="left")
    return thresholds, true_positives, reached - true_positives


def _spread(
    wins: NDArray[np.int32], total: tuple[int, ...], largest: int
) -> tuple[tuple[int, ...], ...]:
    """Return ``size * sum(v w) - sum(v) sum(w)`` for every pair of rows, without overflow."""
    k, size = wins.shape
    products = [[0] * k for _ in range(k)]
    step = max(1, _LARGEST_SUM // max(1, largest * largest))
    for start in range(0, size, step):
        sums = np.zeros((k, k), np.int64)
        product_sums(wins[:, start : start + step], sums)
        for a in range(k):
            for b in range(a, k):
                products[a][b] += int(sums[a, b])
    return tuple(
        tuple(size * products[min(a, b)][max(a, b)] - total[a] * total[b] for b in range(k))
        for a in range(k)
    )
