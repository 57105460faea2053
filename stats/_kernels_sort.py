"""Values packed with their rows into whole numbers, so that NumPy's vectorised sort orders both.

Each value becomes its leading bits, above them nothing and below them its row. The sorted numbers
hold the stable order, but for values that differ only below the leading bits: insertion finishes
these.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

_MAGNITUDE = np.int64(2**63 - 1)
# Values nearer to zero than the largest times 2**-32 share their leading bits: so no bits are spent
# on exponents that hardly any value has.
_REACH = np.int64(32 << 52)
_A_VALUE = 8


@kernel
def pack(values: NDArray[np.float64], row_bits: int, free_bits: int, packed: NDArray[Any]) -> None:
    """Write (k, n) whole numbers, each ``[free_bits of the value | row_bits of its row]``.

    They ascend where the `values`, (k, n) without NaN, do; 0.0 and -0.0 have the same bits.
    """
    k, n = values.shape
    shift_row = np.int64(row_bits)
    for j in range(k):
        bits = values[j].view(np.int64)
        top = np.int64(0)
        for i in range(n):
            top = max(top, bits[i] & _MAGNITUDE)
        zero = max(top - _REACH, np.int64(0))
        low, high = _MAGNITUDE, -_MAGNITUDE
        for i in range(n):
            size = max((bits[i] & _MAGNITUDE) - zero, np.int64(0))
            value = -size if bits[i] < 0 else size
            low, high = min(low, value), max(high, value)
        width = 0
        while width < 62 and (high - low) >> np.int64(width) > np.int64(0):
            width += 1
        shift = np.int64(max(width - free_bits, 0))
        for i in range(n):
            size = max((bits[i] & _MAGNITUDE) - zero, np.int64(0))
            value = -size if bits[i] < 0 else size
            packed[j, i] = (((value - low) >> shift) << shift_row) | np.int64(i)


@kernel
def unpack(
    values: NDArray[np.float64],
    row_bits: int,
    packed: NDArray[Any],
    order: NDArray[np.int32],
    repeats: NDArray[np.bool_],
) -> bool:
    """Write the stable order of each row of `values`, and where a value equals the one before.

    `packed` is sorted; all are (k, n). False, with neither complete, once values that share their
    leading bits took more moves than eight a value.
    """
    k, n = values.shape
    mask = (np.int64(1) << np.int64(row_bits)) - np.int64(1)
    places = np.empty(n, np.int32)
    for j in range(k):
        numbers, rows, alike = packed[j], order[j], repeats[j]
        for i in range(n):
            rows[i] = np.int64(numbers[i]) & mask
        alike[:1] = False
        for i in range(1, n):
            alike[i] = (np.int64(numbers[i]) ^ np.int64(numbers[i - 1])) <= mask
        # No branch on a bit that is as good as random: it costs more than the write.
        found = 0
        for i in range(1, n):
            places[found] = i
            found += 1 if alike[i] else 0
        if found > 0 and not insert(values[j], rows, alike, places[:found]):
            return False
    return True


@kernel
def insert(
    values: NDArray[np.float64],
    rows: NDArray[np.int32],
    alike: NDArray[np.bool_],
    places: NDArray[np.int32],
) -> bool:
    """Order runs of values with the same leading bits; leave `alike` where they are equal.

    `places` are those whose leading bits are the ones before. Most runs are pairs.
    """
    budget = _A_VALUE * rows.size
    t = 0
    while t < places.size:
        i = places[t]
        t += 1
        if t == places.size or places[t] != i + 1:
            first, second = rows[i - 1], rows[i]
            low, high = values[first], values[second]
            alike[i] = low == high
            rows[i - 1] = second if low > high else first
            rows[i] = first if low > high else second
            continue
        start, before, moved = i - 1, values[rows[i - 1]], False
        stop = False
        while not stop:
            row = rows[i]
            value = values[row]
            alike[i] = value == before
            if before > value:
                moved = True
                to = i
                while to > start and values[rows[to - 1]] > value:
                    rows[to] = rows[to - 1]
                    to -= 1
                rows[to] = row
                budget -= i - to
                if budget < 0:
                    return False
            else:
                before = value
            i += 1
            stop = t == places.size or places[t] != i
            t += 0 if stop else 1
        if moved:
            for place in range(start + 1, i):
                alike[place] = values[rows[place]] == values[rows[place - 1]]
    return True
