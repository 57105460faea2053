"""Compiled loop of isotonic regression."""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

Floats = NDArray[np.float64]


@kernel
def pool_adjacent_violators(events: Floats, total: Floats, out: Floats) -> None:
    """Write the non-decreasing least-squares fit to events / total into `out`, shape (m,).

    Totals are positive. Blocks whose risks fall, or are equal, are pooled; counts are compared
    as cross products, exactly.
    """
    m = total.size
    start = np.empty(m, dtype=np.int64)
    pooled_events = np.empty(m)
    pooled_total = np.empty(m)
    blocks = 0
    for i in range(m):
        start[blocks] = i
        pooled_events[blocks] = events[i]
        pooled_total[blocks] = total[i]
        blocks += 1
        while (
            blocks > 1
            and pooled_events[blocks - 2] * pooled_total[blocks - 1]
            >= pooled_events[blocks - 1] * pooled_total[blocks - 2]
        ):
            blocks -= 1
            pooled_events[blocks - 1] += pooled_events[blocks]
            pooled_total[blocks - 1] += pooled_total[blocks]
    for b in range(blocks):
        stop = start[b + 1] if b < blocks - 1 else m
        for i in range(start[b], stop):
            out[i] = pooled_events[b] / pooled_total[b]
