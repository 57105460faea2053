"""Placements of cases among controls and the reverse: the integers under every AUC statistic."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from extval.stats._kernels_roc import product_sums, twice_wins
from extval.stats.results import Status

_LARGEST_SUM = 2**62
_CACHED_ROWS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Placements:
    """Exact sums over the placements of `n_cases` cases and `n_controls` controls, k scores.

    Attributes
    ----------
    total : tuple of k int
        Twice the number of (case, control) pairs won, a tie counting one half.
    case_products, control_products : tuple of k tuples of k int
        Sums of products of the doubled placements of two scores over that class, upper triangle;
        Python integers of any length, so that a zero variance is exactly zero.
    """

    n_cases: int
    n_controls: int
    total: tuple[int, ...]
    case_products: tuple[tuple[int, ...], ...]
    control_products: tuple[tuple[int, ...], ...]

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
        return self._over_pairs(
            self.case_products[a][a], self.control_products[a][a], self.total[a] ** 2
        )

    def difference_variance(self, a: int, b: int) -> float:
        """Return DeLong's variance of AUC a minus AUC b, ``a != b``."""
        low, high = (a, b) if a < b else (b, a)
        case, control = self.case_products, self.control_products
        return self._over_pairs(
            case[a][a] + case[b][b] - 2 * case[low][high],
            control[a][a] + control[b][b] - 2 * control[low][high],
            (self.total[a] - self.total[b]) ** 2,
        )

    def _over_pairs(self, case_squares: int, control_squares: int, squared_total: int) -> float:
        """Return the sum of the two classes' variances of a mean, rounded once."""
        m, n = self.n_cases, self.n_controls
        if m < 2 or n < 2:
            return nan
        case_spread = m * case_squares - squared_total
        control_spread = n * control_squares - squared_total
        exact = case_spread * (n - 1) + control_spread * (m - 1)
        return exact / (4 * m * m * n * n * (m - 1) * (n - 1))


def placements(is_case: NDArray[np.bool_], scores: NDArray[np.float64]) -> Placements:
    """Return the placement sums of k scores, (k, n), of the same patients."""
    wins = doubled_placements(is_case, scores)
    k, n = wins.shape
    n_cases = int(np.count_nonzero(is_case))
    sums, limbs = np.empty(k, np.int64), np.empty((2, k, k, 2), np.int64)
    block = min(_CACHED_ROWS, max(1, _LARGEST_SUM // (4 * n * n + 1)))
    product_sums(wins, n_cases, block, sums, limbs)
    total = tuple(sums.tolist())
    cases, controls = (
        tuple(tuple((high << 32) + low for high, low in row) for row in group)
        for group in limbs.tolist()
    )
    return Placements(
        n_cases=n_cases,
        n_controls=n - n_cases,
        total=total,
        case_products=cases,
        control_products=controls,
    )


def doubled_placements(
    is_case: NDArray[np.bool_], scores: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Return twice the placement of each patient, (k, n), cases first, each class in row order.

    Twice a case's number of controls below it, or a control's number of cases above it, ties
    counting one half; n must stay below 2**30.
    """
    wins = np.empty(scores.shape, np.int32)
    twice_wins(is_case, scores, int(np.count_nonzero(is_case)), wins)
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
