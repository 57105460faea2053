"""Landmark analysis: the patients still under observation and event-free at a chosen time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats.results import Status


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Landmark:
    """Who enters a landmark analysis, and why the others do not.

    Attributes
    ----------
    kept : ndarray of bool, shape (n,)
        Under observation and event-free just after the landmark.
    time : ndarray of shape (kept,)
        Follow-up of those, counted from the landmark.
    at : float
    n, n_kept, n_events : int
        Patients, those kept, and the events among those kept.
    n_event_before, n_censored_before, n_entered_after : int
        Left out: had the event or were censored at the landmark or before, or came later.
    status : Status
    """

    kept: NDArray[np.bool_]
    time: NDArray[np.float64]
    at: float
    n: int
    n_kept: int
    n_events: int
    n_event_before: int
    n_censored_before: int
    n_entered_after: int
    status: Status = Status.OK


def landmark(
    time: ArrayLike, event: ArrayLike, *, at: float, entry: ArrayLike | None = None
) -> Landmark:
    """Choose the patients of a landmark analysis and restart their clock.

    Groups that are formed by what happens after time zero (response, a second treatment) may be
    compared from a landmark on, by their membership at the landmark; comparing them from time zero
    credits them with the time it took to join.

    Parameters
    ----------
    time, event, entry
        As for `kaplan_meier`.
    at : float, finite, non-negative
        The landmark, in the unit of `time`.

    Returns
    -------
    Landmark
        Those with ``time > at`` (and ``entry <= at``): an event or a censoring at the landmark
        itself lies before it. The counts add up to all patients.

    Raises
    ------
    ValueError
        If an argument leaves its domain.

    References
    ----------
    Anderson, Cain & Gelber (1983), J Clin Oncol 1:710. :doi:`10.1200/JCO.1983.1.11.710`

    Examples
    --------
    >>> chosen = landmark([2, 5, 6, 9], [1, 0, 1, 1], at=5)
    >>> chosen.time.tolist(), chosen.n_event_before, chosen.n_censored_before
    ([1.0, 4.0], 1, 1)
    """
    follow_up = _checks.durations(time)
    had_event = _checks.binary(event, name="event")
    _checks.same_length(had_event, follow_up.size, name="event")
    moment = _checks.horizon(at, name="at")
    remaining = follow_up > moment
    kept = remaining
    if entry is not None:
        kept = remaining & (_checks.entries(entry, follow_up) <= moment)
    n_kept = int(np.count_nonzero(kept))
    return Landmark(
        kept=kept,
        time=follow_up[kept] - moment,
        at=moment,
        n=follow_up.size,
        n_kept=n_kept,
        n_events=int(np.count_nonzero(had_event[kept])),
        n_event_before=int(np.count_nonzero(had_event[~remaining])),
        n_censored_before=int(np.count_nonzero(~had_event[~remaining])),
        n_entered_after=int(np.count_nonzero(remaining & ~kept)),
        status=Status.OK if n_kept else Status.NO_PATIENTS,
    )
