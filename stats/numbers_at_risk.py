"""How many are at risk at the times below a survival curve, and how many have left before."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NumbersAtRisk:
    """Counts under a survival curve at the asked times; integer arrays of shape (times,).

    `at_risk` are under observation just before the time; `events` and `censored` have left
    strictly before it. Without delayed entry the three add up to all patients.
    """

    at_risk: NDArray[np.int64]
    events: NDArray[np.int64]
    censored: NDArray[np.int64]


def numbers_at_risk(
    time: ArrayLike, event: ArrayLike, at: ArrayLike, *, entry: ArrayLike | None = None
) -> NumbersAtRisk:
    """Count who is at risk at the asked times, and who has left before them.

    Parameters
    ----------
    time, event, entry
        As for `kaplan_meier`.
    at : array_like of shape (times,), finite
        In any order.

    Returns
    -------
    NumbersAtRisk
        `at_risk` counts ``entry < at <= time``, an entry of 0 being before any time, and agrees
        with ``n.risk`` of R's ``summary.survfit(times=)``; `events` and `censored` count
        ``time < at``.

    Raises
    ------
    ValueError
        If an argument leaves its domain.

    Examples
    --------
    >>> numbers_at_risk([6, 7, 10, 15], [1, 0, 1, 1], [0, 7, 20]).at_risk.tolist()
    [4, 3, 0]
    """
    follow_up = _checks.durations(time)
    had_event = _checks.binary(event, name="event")
    _checks.same_length(had_event, follow_up.size, name="event")
    asked = _checks.vector(at, name="at")

    events, censored = (
        np.searchsorted(np.sort(follow_up[kind]), asked) for kind in (had_event, ~had_event)
    )
    entered: NDArray[np.int64] | int = follow_up.size
    if entry is not None:
        started = _checks.entries(entry, follow_up)
        started = np.sort(np.where(started == 0.0, -np.inf, started))
        entered = np.searchsorted(started, asked)
    return NumbersAtRisk(at_risk=entered - events - censored, events=events, censored=censored)
