"""A signature: steps that prepare features and a final model, fitted as one procedure.

Everything that is learned is learned in `fit`, so that a cross-validation or a bootstrap which
clones and fits a signature repeats all of it.
"""

from collections.abc import Sequence
from inspect import signature
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, clone

from extval.features.modelling.baseline_hazard import breslow_survival
from extval.features.modelling.out_of_fold import patient_folds
from extval.features.modelling.outcome import is_survival
from extval.features.modelling.patients import LearnsFromPatients
from extval.stats._checks import FloatArray

Step = tuple[str, Any, Sequence[str]]


class Signature(LearnsFromPatients, BaseEstimator):  # type: ignore[misc]
    r"""Features to a score: a chain of transformers and a final model.

    Parameters
    ----------
    columns : sequence of str
        Features of the table that the first step is given.
    steps : sequence of (name, transformer, columns)
        Applied in this order; each is cloned, fitted on what the one before left together with
        further `columns` of the table (the scanner, for ComBat), and kept.
    model : estimator
        Final model with `fit` and `linear_predictor`, which is the score.
    horizons : sequence of float
        Times at which a survival model also gives risks.

    Attributes
    ----------
    steps_ : list of (name, fitted transformer, columns)
    model_ : fitted estimator
    features_ : tuple of str
        Features that reach the final model.
    baseline_survival_ : dict of float to float
        Survival at a linear predictor of 0 at each horizon, after Breslow with the coefficients
        of the final model; empty for a 0/1 outcome.
    classes_ : ndarray
        ``[0, 1]`` for a 0/1 outcome.
    """

    def __init__(
        self,
        columns: Sequence[str],
        steps: Sequence[Step],
        model: Any,
        horizons: Sequence[float] = (),
    ) -> None:
        self.columns = columns
        self.steps = steps
        self.model = model
        self.horizons = horizons

    def fit(self, x: pd.DataFrame, y: NDArray[Any]) -> Self:
        """Fit every step and the final model.

        Parameters
        ----------
        x : DataFrame of n rows
            One row a patient, identifiers as the index.
        y : ndarray of shape (n,)
            0/1, or a time to event (`outcome.survival`).

        Raises
        ------
        ValueError
            If a column is missing, no feature is left, or a step refuses its input; the sentence
            names the step.
        """
        self._remember(x)
        table = _columns_of(x, self.columns)
        self.steps_: list[Step] = []
        for name, step, further in self.steps:
            given = _with(table, x, further)
            fitted = _fitted(name, clone(step).set_output(transform="pandas"), given, y)
            table = fitted.transform(given)
            self.steps_.append((name, fitted, further))
            if table.shape[1] == 0:
                raise ValueError(
                    f"step `{name}` left none of the features it was given. Loosen its limit, or "
                    "look at the table of what it dropped."
                )
        self.features_ = tuple(str(column) for column in table.columns)
        self.model_ = _fitted("model", clone(self.model), table, y, **_folds(self.model, table, y))
        self.baseline_survival_: dict[float, float] = {}
        if is_survival(y):
            self.baseline_survival_ = breslow_survival(y, self._score(table), self.horizons)
        else:
            self.classes_ = np.array([0, 1])
        return self

    def transform(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return the features as they reach the final model, shape (n, len(features_))."""
        table = _columns_of(x, self.columns)
        for _, step, further in self.steps_:
            table = step.transform(_with(table, x, further))
        return table

    def linear_predictor(self, x: pd.DataFrame) -> FloatArray:
        """Return the score, shape (n,), on the scale of the final model's link."""
        return self._score(self.transform(x))

    def predict_proba(self, x: pd.DataFrame) -> FloatArray:
        """Return probabilities of shape (n, 2), those of the event last."""
        table = self.transform(x)
        if hasattr(self.model_, "predict_proba"):
            return np.asarray(self.model_.predict_proba(table), dtype=np.float64)
        probability = expit(self._score(table))
        return np.column_stack((1.0 - probability, probability))

    def risk(self, x: pd.DataFrame, horizons: Sequence[float] | None = None) -> FloatArray:
        """Return risks of shape (n, number of horizons)."""
        score = self.linear_predictor(x)
        asked = self.horizons if horizons is None else horizons
        return np.column_stack(
            [-np.expm1(np.log(self.baseline_survival_[t]) * np.exp(score)) for t in asked]
        )

    def _score(self, table: pd.DataFrame) -> FloatArray:
        return np.asarray(self.model_.linear_predictor(table), dtype=np.float64)


def _columns_of(x: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    missing = [column for column in columns if column not in x.columns]
    if missing:
        raise ValueError(
            f"{len(missing)} of the {len(columns)} columns that the signature needs are "
            f"not there: {', '.join(missing[:5])}{', ...' if len(missing) > 5 else ''}."
        )
    return x[list(columns)]


def _with(table: pd.DataFrame, x: pd.DataFrame, further: Sequence[str]) -> pd.DataFrame:
    """Return the table with columns of `x` put in front, for a step that needs them."""
    return pd.concat([_columns_of(x, further), table], axis=1) if further else table


def _folds(model: Any, table: pd.DataFrame, y: NDArray[Any]) -> dict[str, Any]:
    """Return the folds of a cross-validated model where patients are there several times.

    In a bootstrap resample the copies of a patient must share a fold: else the penalty is judged
    on patients that the model has seen, and comes out too small. There are fewer folds where
    fewer different patients have the event.
    """
    if table.index.is_unique or "folds" not in signature(model.fit).parameters:
        return {}
    first = ~table.index.duplicated()
    event = np.asarray(y["event"] if is_survival(y) else y == 1)[first]
    fewest = int(min(np.count_nonzero(event), np.count_nonzero(~event)))
    n_folds = max(2, min(model.n_folds, fewest))
    seeds = np.random.SeedSequence(model.random_state).generate_state(model.repeats)
    folds = [patient_folds(table, y, n_folds=n_folds, random_state=int(seed)) for seed in seeds]
    return {"folds": np.stack(folds)}


def _fitted(name: str, step: Any, table: pd.DataFrame, y: NDArray[Any], **more: Any) -> Any:
    """Return `step` fitted; a refusal is told with the name of the step."""
    try:
        return step.fit(table, y, **more)
    except ValueError as error:
        raise ValueError(f"step `{name}`: {error}") from error
