"""The order of values, ties in the order in which they stand."""

import numpy as np
from numpy.typing import NDArray

from extval.stats._kernels_sort import pack, unpack

# Up to 2**14 rows leave 18 of 32 bits to the value, enough to tell nearly all apart.
_SHORT = 2**14


def stable_order(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return ``np.argsort(values, kind="stable")`` of n values that are not NaN, 5 times faster."""
    order, _ = stable_orders(np.ascontiguousarray(values, dtype=np.float64)[np.newaxis])
    return np.asarray(order[0], np.intp)


def stable_orders(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the stable order of each row of (k, n) values, and which equal the one before.

    Both are (k, n); the second is of the ordered values. `values` is contiguous and without NaN;
    n must stay below 2**31.
    """
    n = values.shape[1]
    row_bits = (n - 1).bit_length()
    order = np.empty(values.shape, np.int32)
    repeats = np.empty(values.shape, np.bool_)
    for kind, bits in ((np.uint32, 32), (np.uint64, 63)) if n <= _SHORT else ((np.uint64, 63),):
        packed = np.empty(values.shape, kind)
        pack(values, row_bits, bits - row_bits, packed)
        packed.sort()
        if unpack(values, row_bits, packed, order, repeats):
            return order, repeats
    order[:] = np.argsort(values, kind="stable")
    ascending = np.take_along_axis(values, order, axis=1)
    repeats[:, 1:] = ascending[:, 1:] == ascending[:, :-1]
    repeats[:, :1] = False
    return order, repeats
