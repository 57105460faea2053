"""ComBat learned from all patients at once, external ones included: only to reproduce papers."""

from typing import Any, Self

import pandas as pd

from extval.features.modelling.combat import ComBat

CAUTION = (
    "ComBat was learned from development and external patients together, because the study asked "
    "for it (`new_batch: joint`). The external features shaped the model, so this is no external "
    "validation in the strict sense; nobody could have used the model this way on a new patient."
)


class JointComBat(ComBat):
    """ComBat whose `fit` also learns from `others`: external patients' features, no outcomes.

    Parameters are those of `ComBat`, and

    others : DataFrame
        Batch, covariates and features of the external patients. Their empty cells are filled with
        the medians of the table that `fit` is given.

    `patients_seen_` lists the external patients too, so that the leakage audit shows them.
    """

    def __init__(self, batch: str, others: pd.DataFrame, **options: Any) -> None:
        super().__init__(batch, **options)
        self.others = others

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:  # noqa: N803
        """Learn from the rows of `X` and of `others`; the outcome is not used."""
        known = self.others.loc[:, list(X.columns)]
        medians = X.median(numeric_only=True)
        return super().fit(pd.concat([X, known.fillna(medians)]), None)

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Return the parameters that `clone` copies: ComBat's own and `others`."""
        return sorted([*ComBat._get_param_names(), "others"])
