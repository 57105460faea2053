"""Whose rows a step was fitted on, so that an audit can show that none was external."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class LearnsFromPatients:
    """Mixin of every step that learns: it keeps the identifiers of the patients it has seen.

    Attributes
    ----------
    patients_seen_ : tuple of str or None
        Index of the table that `fit` was given, in its order; None when it was given an array,
        which names nobody.
    """

    patients_seen_: tuple[str, ...] | None

    def _remember(self, x: Any) -> None:
        """Keep the index of the table `x`; every `fit` calls this with what it learned from."""
        named = isinstance(x, pd.DataFrame)
        self.patients_seen_ = tuple(str(label) for label in x.index) if named else None


def rows_by_patient(x: Any, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first row of every patient, and the number of the patient of every row.

    In a bootstrap resample a patient is there several times; were the copies in different folds,
    the patient's own copy would be among those that a fold's model learns from. The rows of an
    array, which names nobody, and of a table without copies are patients of their own.
    """
    if not isinstance(x, pd.DataFrame) or x.index.is_unique:
        return np.arange(n), np.arange(n)
    _, first, patient = np.unique(
        np.asarray(x.index, dtype=str), return_index=True, return_inverse=True
    )
    return first, patient
