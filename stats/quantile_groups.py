"""Groups of patients by quantiles of predicted risk, with ties kept together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extval.stats._checks import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileGroups:
    """Counts in groups of ascending risk; all arrays have shape (groups used,).

    `expected` is the sum of the predicted risks, `variance` the sum of p (1 - p).
    """

    n: NDArray[np.int64]
    events: NDArray[np.int64]
    expected: FloatArray
    variance: FloatArray


def quantile_groups(is_event: BoolArray, risk: FloatArray, n_groups: int) -> QuantileGroups:
    """Return the counts in the groups of `quantile_members`."""
    group = quantile_members(risk, n_groups)
    size = np.bincount(group)
    used = size > 0
    return QuantileGroups(
        n=size[used],
        events=np.bincount(group[is_event], minlength=size.size)[used],
        expected=_sums(group, risk, used),
        variance=_sums(group, risk * (1.0 - risk), used),
    )


def quantile_members(risk: FloatArray, n_groups: int) -> NDArray[np.intp]:
    """Return each patient's group between the quantiles j / n_groups (R's type 7) of `risk`.

    A group holds the risks above one quantile up to and including the next, the first also the
    smallest; equal quantiles count once and empty groups not at all, so that there may be fewer
    groups than asked for, and numbers without a patient. These are the groups of
    ``ResourceSelection::hoslem.test``. The positions (n - 1) j / n_groups are exact here; R rounds
    them, which can move a risk that lies exactly on a quantile.
    """
    if not risk.size:
        return np.zeros(0, dtype=np.intp)
    ordered = np.sort(risk)
    position = (risk.size - 1) * np.arange(1, n_groups)
    low, part = position // n_groups, (position % n_groups) / n_groups
    below, above = ordered[low], ordered[np.minimum(low + 1, risk.size - 1)]
    cut = np.clip((1.0 - part) * below + part * above, below, above)
    inner = np.unique(cut[(cut > ordered[0]) & (cut < ordered[-1])])
    return np.searchsorted(inner, risk, side="left")


def _sums(group: NDArray[np.intp], values: FloatArray, used: NDArray[np.bool_]) -> FloatArray:
    """Return the sum of `values`, shape (n,), in each used group."""
    return np.bincount(group, weights=values, minlength=used.size)[used].astype(np.float64)
