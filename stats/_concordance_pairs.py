"""The C-index from pairs of patients: who outlives whom, and which of the two scores higher."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._kernels_concordance import (
    count_pairs,
    dense_ranks,
    pair_influence,
    weigh_earlier,
)
from extval.stats._sorting import stable_orders
from extval.stats.results import Status

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Concordance:
    """A C-index with the influence of each patient on it, shape (n,); their sum is 0."""

    value: float
    influence: FloatArray
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patients:
    """The order of the times, what each event's pairs weigh (integers or floats), and the rest.

    `repeats` marks the times, in order, that equal the one before.
    """

    order: NDArray[np.int32]
    repeats: BoolArray
    time: FloatArray
    is_event: BoolArray
    event_weight: NDArray[Any]
    entry: FloatArray | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranks:
    """Dense ranks of the scores, (n,), how many there are, and how many scores lie below each."""

    rank: NDArray[np.int32]
    count: int
    below: NDArray[np.int64]


def concordance(patients: Patients, ranks: Ranks) -> Concordance:
    """Return C and its influences, in the order of the arrays that were given."""
    n = patients.order.size
    later, earlier = _pairs(patients, ranks)
    if patients.entry is not None:
        not_later, not_earlier = _pairs_before_entry(patients, patients.entry, ranks)
        later, earlier = later - not_later, earlier - not_earlier
    influence = np.empty(n)
    value = pair_influence(later, earlier, patients.event_weight, influence)
    status = Status.OK
    if np.isnan(value):
        influence[:] = np.nan
        status = Status.NO_COMPARABLE_PAIR if n else Status.NO_PATIENTS
    return Concordance(value=value, influence=influence, status=status)


def _pairs(patients: Patients, ranks: Ranks) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return twice the wins and all pairs of each patient: as events, and with events, (2, n).

    Pairs with events are weighted where the weights are not counts.
    """
    later, earlier = np.zeros((2, 2, patients.order.size), np.int64)
    times = patients.order, patients.repeats, patients.is_event
    count_pairs(*times, ranks.rank, ranks.below, ranks.count, later, earlier)
    if patients.event_weight.dtype.kind != "f":
        return later, earlier
    weighted = np.empty(earlier.shape)
    weigh_earlier(*times, patients.event_weight, ranks.rank, ranks.count, weighted)
    return later, weighted


def _pairs_before_entry(
    patients: Patients, entry: FloatArray, ranks: Ranks
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each patient's pairs in which one had not entered at the event of the other, (2, n).

    First those of an event with patients who entered then or later, then those of a patient with
    the events up to his or her entry. Entering is like being censored then: so the patients are
    counted together with such doubles of theirs.
    """
    n = patients.order.size
    order, repeats = stable_orders(np.concatenate([patients.time, entry])[np.newaxis])
    with_doubles = Patients(
        order=order[0],
        repeats=repeats[0],
        time=patients.time,
        is_event=np.append(patients.is_event, np.zeros(n, np.bool_)),
        event_weight=np.append(patients.event_weight, np.zeros(n, np.int32)),
        entry=None,
    )
    twice = Ranks(rank=np.tile(ranks.rank, 2), count=ranks.count, below=2 * ranks.below)
    later, earlier = _pairs(with_doubles, twice)
    alone, _ = _pairs(patients, ranks)
    return later[:, :n] - alone, earlier[:, n:]


def ranks_of(orders: tuple[NDArray[np.int32], BoolArray], j: int) -> Ranks:
    """Return the ranks of the values of row `j` of what was ordered."""
    order, repeats = orders[0][j], orders[1][j]
    rank, below = np.empty(order.size, np.int32), np.empty(order.size + 1, np.int64)
    count = dense_ranks(order, repeats, rank, below)
    return Ranks(rank=rank, count=count, below=below)
