"""A radix sort of floating-point scores with their order; 2 to 5 times faster than `np.argsort`.

It earns its place where ranks are the whole cost of a statistic, as for the AUC.
"""

import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import kernel

_SIGN = np.uint64(1 << 63)
_FEW = 64
_MANY = 4096

Keys = NDArray[np.uint64]
Order = NDArray[np.int32]


@kernel
def sort_keys(
    values: NDArray[np.float64], keys: Keys, order: Order, spare_keys: Keys, spare_order: Order
) -> tuple[Keys, Order]:
    """Return ascending keys of the finite `values`, (n,), and the rows they come from.

    Equal keys are equal values (0.0 and -0.0 included) and keep the order of their rows. The four
    arrays are room of shape (n,), of which two are returned; n must stay below 2**31.

    Three radix passes order the leading bits of the range and insertion the few that agree in
    them; when those are many, further passes order all bits.
    """
    n = values.size
    bits = values.view(np.uint64)
    low, high = ~np.uint64(0), np.uint64(0)
    for i in range(n):
        key = bits[i]
        if key == _SIGN:
            key = np.uint64(0)
        key = ~key if key & _SIGN else key | _SIGN
        keys[i] = key
        order[i] = i
        low, high = min(low, key), max(high, key)
    width = 0
    span = high - low if n > 0 else np.uint64(0)
    while width < 64 and span >> np.uint64(width) > np.uint64(0):
        width += 1
    digit = 11 if n > _MANY else 8
    leading = max(width - 3 * digit, 0)
    if n > _FEW:
        keys, order, spare_keys, spare_order = radix_passes(
            keys, order, spare_keys, spare_order, low, leading, width, digit
        )
    if not insert(keys, order, 8 * n if n > _FEW else n * n):
        keys, order, spare_keys, spare_order = radix_passes(
            keys, order, spare_keys, spare_order, low, 0, width, digit
        )
    return keys, order


@kernel
def radix_passes(
    keys: Keys,
    order: Order,
    spare_keys: Keys,
    spare_order: Order,
    low: np.uint64,
    first: int,
    width: int,
    digit: int,
) -> tuple[Keys, Order, Keys, Order]:
    """Order ``keys - low`` by its bits from `first` up to `width`, `digit` a pass, stably."""
    n = keys.size
    mask = np.uint64((1 << digit) - 1)
    slots = np.empty(1 << digit, np.int64)
    for start in range(first, width, digit):
        shift = np.uint64(start)
        slots[:] = 0
        for i in range(n):
            slots[((keys[i] - low) >> shift) & mask] += 1
        total = 0
        for value in range(slots.size):
            count = slots[value]
            slots[value] = total
            total += count
        for i in range(n):
            key = keys[i]
            value = ((key - low) >> shift) & mask
            slot = slots[value]
            slots[value] = slot + 1
            spare_keys[slot] = key
            spare_order[slot] = order[i]
        keys, spare_keys = spare_keys, keys
        order, spare_order = spare_order, order
    return keys, order, spare_keys, spare_order


@kernel
def insert(keys: Keys, order: Order, budget: int) -> bool:
    """Finish nearly sorted keys by insertion; False once more than `budget` moves were made."""
    moves = 0
    for i in range(1, keys.size):
        key, row = keys[i], order[i]
        j = i
        while j > 0 and keys[j - 1] > key:
            keys[j] = keys[j - 1]
            order[j] = order[j - 1]
            j -= 1
        keys[j] = key
        order[j] = row
        moves += i - j
        if moves > budget:
            return False
    return True
