"""Placements of cases among controls and the reverse: the integers under every AUC statistic."""

from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._kernels_roc import cases_first, product_sums, twice_wins
from extval.stats._sorting import stable_orders
from extval.stats.results import Status

_OK = Status.OK
_LARGEST_SUM = 2**62
# So many scores are ordered at once: more would leave the cache.
_AT_ONCE = 2**16


@dataclass(slots=True, kw_only=True)
class Placements:
    """Exact sums over the placements of n patients, `n_cases` and `n_controls`, and k scores.

    Attributes
    ----------
    total : list of k int
        Twice the number of (case, control) pairs won, a tie counting one half.
    products : list of k lists of int
        DeLong's covariances of AUC a with AUCs a, a + 1, ... times `variance_divisor`; Python
        integers of any length, so that a zero variance is exactly zero.
    doubled_pairs : int
        What `total` is divided by for the AUC.
    variance_divisor : int
        What `products` is divided by; zero with fewer than two patients in a class.
    status : Status
        Why no AUC is defined, or `Status.OK`.
    """

    n: int
    n_cases: int
    n_controls: int
    total: list[int]
    products: list[list[int]]
    doubled_pairs: int
    variance_divisor: int
    status: Status

    def auc(self, a: int) -> float:
        """Return the AUC of score `a`."""
        return self.total[a] / self.doubled_pairs

    def auc_difference(self, a: int, b: int) -> float:
        """Return AUC a minus AUC b, rounded once."""
        return (self.total[a] - self.total[b]) / self.doubled_pairs

    def variance(self, a: int) -> float:
        """Return DeLong's variance of AUC a, rounded once; NaN with under two in a class."""
        return self.products[a][0] / self.variance_divisor if self.variance_divisor else nan

    def difference_variance(self, a: int, b: int) -> float:
        """Return DeLong's variance of AUC a minus AUC b, ``a != b``, rounded once."""
        if not self.variance_divisor:
            return nan
        products = self.products
        between = products[a][b - a] if a < b else products[b][a - b]
        return (products[a][0] + products[b][0] - 2 * between) / self.variance_divisor


def placements(is_case: NDArray[np.bool_], scores: NDArray[np.float64]) -> Placements:
    """Return the placement sums of k scores, (k, n), of the same patients."""
    k = scores.shape[0]
    wins, m = _doubled_placements(is_case, scores)
    n = is_case.size - m
    of_cases, of_controls = _exact_sums(wins, m)
    total = [row[k] for row in of_cases]
    # m and n times a sum of squared deviations, each over the other class's degrees of freedom.
    by_case, by_control, by_total = m * (n - 1), n * (m - 1), m + n - 2
    products = []
    for a in range(k):
        in_cases, in_controls, taken = of_cases[a], of_controls[a], by_total * total[a]
        products.append(
            [
                by_case * in_cases[b] + by_control * in_controls[b] - taken * total[b]
                for b in range(a, k)
            ]
        )
    return Placements(
        n=m + n,
        n_cases=m,
        n_controls=n,
        total=total,
        products=products,
        doubled_pairs=2 * m * n,
        variance_divisor=4 * m * m * n * n * (m - 1) * (n - 1),
        status=_OK if m and n else Status.ONE_CLASS if m + n else Status.NO_PATIENTS,
    )


def doubled_placements(
    is_case: NDArray[np.bool_], scores: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Return twice the placement of each patient, (k, n), cases first, each class in row order.

    Twice a case's number of controls below it, or a control's number of cases above it, ties
    counting one half; n must stay below 2**30.
    """
    return _doubled_placements(is_case, scores)[0]


def _doubled_placements(
    is_case: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[NDArray[np.int32], int]:
    """Return the same and the number of cases."""
    k, n = scores.shape
    places = np.empty(n, np.int32)
    n_cases = cases_first(is_case, places)
    wins = np.empty((k, n), np.int32)
    step = max(1, _AT_ONCE // max(1, n))
    for j in range(0, k, step):
        order, repeats = stable_orders(scores[j : j + step])
        twice_wins(order, repeats, places, n_cases, wins[j : j + step])
    return wins, n_cases


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


def _exact_sums(wins: NDArray[np.int32], m: int) -> list[list[list[int]]]:
    """Return what `product_sums` writes, over all m cases and over all controls.

    In Python integers, from blocks that 64 bits are enough for.
    """
    k, size = wins.shape
    n = size - m
    blocks = max(1, -(-4 * m * n * max(m, n) // _LARGEST_SUM))
    out = np.empty((2, k, k + 1), np.int64)
    found: list[list[list[int]]] = []
    for t in range(blocks):
        u = t + 1
        product_sums(
            wins, m * t // blocks, m * u // blocks, m + n * t // blocks, m + n * u // blocks, out
        )
        found = _added(found, out.tolist()) if found else out.tolist()
    return found


def _added(first: Any, second: Any) -> Any:
    """Return the sums of two nested lists of integers."""
    if isinstance(first, int):
        return first + second
    return [_added(a, b) for a, b in zip(first, second, strict=True)]
