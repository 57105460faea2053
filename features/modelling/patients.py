"""Whose rows a step was fitted on, so that an audit can show that none was external."""

from typing import Any

import pandas as pd


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
