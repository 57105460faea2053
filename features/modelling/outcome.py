"""The two outcomes a model can learn: 0/1, and a right-censored time to event."""

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats._checks import BoolArray, FloatArray

SURVIVAL_FIELDS = (("event", "?"), ("time", "<f8"))


def survival(time: ArrayLike, event: ArrayLike) -> NDArray[np.void]:
    """Return time and event as the one array that `fit` takes as `y`.

    Parameters
    ----------
    time : array_like of shape (n,), at least 0
        Follow-up.
    event : array_like of shape (n,), 0 or 1
        1 for the event, 0 for censored.

    Returns
    -------
    ndarray of shape (n,)
        Structured, with the fields `event` and `time` (the layout that scikit-survival reads).
    """
    times = np.asarray(time, dtype=np.float64)
    y = np.empty(times.shape, dtype=list(SURVIVAL_FIELDS))
    y["event"] = np.asarray(event, dtype=np.float64) == 1
    y["time"] = times
    return y


def is_survival(y: Any) -> TypeGuard[NDArray[np.void]]:
    """Tell whether `y` is a time to event."""
    return isinstance(y, np.ndarray) and y.dtype.names == ("event", "time")


def time_and_event(y: NDArray[np.void]) -> tuple[FloatArray, BoolArray]:
    """Return the two fields of a time to event."""
    return np.ascontiguousarray(y["time"]), np.ascontiguousarray(y["event"])
