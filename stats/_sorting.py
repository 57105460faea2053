"""The order of values, ties in the order in which they stand."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def stable_order(values: NDArray[Any]) -> NDArray[np.intp]:
    """Return ``np.argsort(values, kind="stable")``, several times faster where nothing is tied.

    Without ties there is one order only, and NumPy's unstable sort, which uses the processor's
    vector instructions, finds it on every machine.
    """
    order = np.argsort(values)
    ascending = values[order]
    if (ascending[1:] == ascending[:-1]).any():
        return np.argsort(values, kind="stable")
    return order
