"""Placements of cases among controls and the reverse: the integers under every AUC statistic."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from extval.stats._kernels_roc import cases_first, product_sums, twice_wins
from extval.stats._sorting import stable_orders
from extval.stats.results import Status

_LARGEST_SUM = 2**62
# So many scores are ordered at once: more would leave the cache.
_AT_ONCE = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Placements:
    """Exact sums over the placements of `n_cases` cases and `n_controls` controls, k scores.

    Attributes
    ----------
    total : list of k int
        Twice the number of (case, control) pairs won, a tie counting one half.
    case_products, control_products : list of k lists of k int
        Sums of products of the doubled placements of two scores over that class, upper triangle;
        Python integers of any length, so that a zero variance is exactly zero.
    doubled_pairs : int
        What `total` is divided by for the AUC.
    variance_divisor : int
        What an exact spread is divided by; zero with fewer than two patients in a class.
    status : Status
        Why no AUC is defined, or `Status.OK`.
    """

    n_cases: int
    n_controls: int
    total: list[int]
    case_products: list[list[int]]
    control_products: list[list[int]]
    doubled_pairs: int
    variance_divisor: int
    status: Status

    @property
    def n(self) -> int:
        """Return the number of patients."""
        return self.n_cases + self.n_controls

    def auc(self, a: int) -> float:
        """Return the AUC of score `a`."""
        return self.total[a] / self.doubled_pairs

    def auc_difference(self, a: int, b: int) -> float:
        """Return AUC a minus AUC b, rounded once."""
        return (self.total[a] - self.total[b]) / self.doubled_pairs

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
        if not self.variance_divisor:
            return nan
        m, n = self.n_cases, self.n_controls
        case_spread = m * case_squares - squared_total
        control_spread = n * control_squares - squared_total
        return (case_spread * (n - 1) + control_spread * (m - 1)) / self.variance_divisor


def placements(is_case: NDArray[np.bool_], scores: NDArray[np.float64]) -> Placements:
    """Return the placement sums of k scores, (k, n), of the same patients."""
    m = int(np.count_nonzero(is_case))
    n = is_case.size - m
    wins = doubled_placements(is_case, scores)
    total, case_products = _exact_sums(wins, 0, m, 2 * n)
    _, control_products = _exact_sums(wins, m, m + n, 2 * m)
    status = Status.OK
    if not (m and n):
        status = Status.ONE_CLASS if m + n else Status.NO_PATIENTS
    return Placements(
        n_cases=m,
        n_controls=n,
        total=total,
        case_products=case_products,
        control_products=control_products,
        doubled_pairs=2 * m * n,
        variance_divisor=4 * m * m * n * n * (m - 1) * (n - 1),
        status=status,
    )


def doubled_placements(
    is_case: NDArray[np.bool_], scores: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Return twice the placement of each patient, (k, n), cases first, each class in row order.

    Twice a case's number of controls below it, or a control's number of cases above it, ties
    counting one half; n must stay below 2**30.
    """
    k, n = scores.shape
    places = np.empty(n, np.int32)
    n_cases = cases_first(is_case, places)
    wins = np.empty((k, n), np.int32)
    step = max(1, _AT_ONCE // max(1, n))
    for j in range(0, k, step):
        order, repeats = stable_orders(scores[j : j + step])
        twice_wins(order, repeats, places, n_cases, wins[j : j + step])
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


def _exact_sums(
    wins: NDArray[np.int32], first: int, last: int, largest: int
) -> tuple[list[int], list[list[int]]]:
    """Return sums of k rows, and of products of two, in blocks that 64 bits are enough for."""
    k = wins.shape[0]
    sums, products = np.empty(k, np.int64), np.empty((k, k), np.int64)
    step = max(1, _LARGEST_SUM // max(1, largest * largest))
    product_sums(wins, first, min(first + step, last), sums, products)
    total, added = sums.tolist(), products.tolist()
    for start in range(first + step, last, step):
        product_sums(wins, start, min(start + step, last), sums, products)
        total = [a + b for a, b in zip(total, sums.tolist(), strict=True)]
        added = [
            [a + b for a, b in zip(*rows, strict=True)]
            for rows in zip(added, products.tolist(), strict=True)
        ]
    return total, added
