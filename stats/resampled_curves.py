"""Operating points of a score and of its stratified resamples: the counts under every ROC curve."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extval.stats._kernels_roc import resampled_curve
from extval.stats.placements import counts_at_or_above
from extval.stats.results import Status

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoints:
    """Cumulated false and true positives, (d + 1,) each, from none positive to all positive.

    Point 0 is (0, 0), point i + 1 calls positive the scores at or above ``thresholds[i]``, the
    distinct scores in descending order.
    """

    thresholds: NDArray[np.float64]
    false_positives: IntArray
    true_positives: IntArray
    n_cases: int
    n_controls: int

    @property
    def status(self) -> Status:
        """Return whether both classes are there."""
        if self.n_cases and self.n_controls:
            return Status.OK
        return Status.ONE_CLASS if self.n_cases + self.n_controls else Status.NO_PATIENTS

    @property
    def sensitivity(self) -> NDArray[np.float64]:
        """Return the share of cases that are positive at each point."""
        return self.true_positives / self.n_cases

    @property
    def specificity(self) -> NDArray[np.float64]:
        """Return the share of controls that are negative at each point."""
        return (self.n_controls - self.false_positives) / self.n_controls


def operating_points(is_case: NDArray[np.bool_], score: NDArray[np.float64]) -> OperatingPoints:
    """Return the operating points of a score."""
    thresholds, true_positives, false_positives = counts_at_or_above(is_case, score)
    n_cases = int(np.count_nonzero(is_case))
    return OperatingPoints(
        thresholds=thresholds,
        false_positives=np.append(0, false_positives),
        true_positives=np.append(0, true_positives),
        n_cases=n_cases,
        n_controls=is_case.size - n_cases,
    )


def resampled_points(
    key: np.uint64, points: OperatingPoints, n_resamples: int
) -> Iterator[OperatingPoints]:
    """Yield the operating points of resamples within the classes; the arrays are used again."""
    distinct = np.arange(points.thresholds.size)
    # Rows ascend by score, as for the AUC: one key draws the same patients for every statistic.
    case_codes = np.repeat(distinct, np.diff(points.true_positives))[::-1].copy()
    control_codes = np.repeat(distinct, np.diff(points.false_positives))[::-1].copy()
    counts = np.empty(max(points.n_cases, points.n_controls), np.int32)
    reached = np.empty((2, distinct.size + 1), np.int64)
    replicate = OperatingPoints(
        thresholds=points.thresholds,
        false_positives=reached[0],
        true_positives=reached[1],
        n_cases=points.n_cases,
        n_controls=points.n_controls,
    )
    for b in range(n_resamples):
        resampled_curve(key, b, case_codes, control_codes, counts, reached)
        yield replicate
