"""A signature and clinical predictors in one regression: the model that a nomogram draws."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from extval.features.modelling.out_of_fold import out_of_fold, patient_folds
from extval.features.modelling.patients import LearnsFromPatients
from extval.features.modelling.predictor_gaps import filled
from extval.features.modelling.regression import RegressionModel
from extval.stats._checks import FloatArray


class RegressionWithScore(LearnsFromPatients, BaseEstimator):  # type: ignore[misc]
    """A clinical model's predictors and a score in one regression.

    Where the clinical model selects its predictors, it does so in `fit`, without the score; those
    that it keeps enter beside the score, so that a cross-validation repeats the selection too.

    Parameters
    ----------
    clinical : ClinicalModel
    score : str
        Column of the score; it enters as a number.

    Attributes
    ----------
    clinical_ : ClinicalModel
        Fitted for its choice of predictors.
    model_ : RegressionModel
        The regression that predicts.
    """

    def __init__(self, clinical: Any, score: str) -> None:
        self.clinical = clinical
        self.score = score

    def fit(self, x: pd.DataFrame, y: NDArray[Any]) -> Self:
        """Choose the clinical predictors, then fit them together with the score."""
        self._remember(x)
        self.clinical_ = clone(self.clinical).fit(x, y)
        predictors = {self.score: {"column": self.score, "kind": "numeric"}}
        predictors |= self.clinical_.model_.settings_
        self.model_ = RegressionModel(
            self.clinical.kind,
            predictors,
            horizons=self.clinical.horizons,
            confidence_level=self.clinical.confidence_level,
            separation=self.clinical.separation,
        ).fit(filled(x, self.clinical_.fills_), y)
        if hasattr(self.model_, "classes_"):
            self.classes_ = self.model_.classes_
        return self

    def linear_predictor(self, x: pd.DataFrame) -> FloatArray:
        """Return the linear predictor, shape (n,)."""
        return self.model_.linear_predictor(filled(x, self.clinical_.fills_))

    def predict_proba(self, x: pd.DataFrame) -> FloatArray:
        """Return probabilities of shape (n, 2), those of the event last."""
        known = filled(x, self.clinical_.fills_)
        return np.asarray(self.model_.predict_proba(known), dtype=np.float64)

    def risk(self, x: pd.DataFrame, horizons: Any) -> FloatArray:
        """Return risks of shape (n, number of horizons)."""
        known = filled(x, self.clinical_.fills_)
        return np.asarray(self.model_.risk(known, horizons), dtype=np.float64)


class CombinedModel(LearnsFromPatients, BaseEstimator):  # type: ignore[misc]
    """Regression on a signature's score and clinical predictors.

    The regression is fitted on out-of-fold scores: a score from a signature that had seen the
    patient would be too good, and the regression would trust it too much.

    Parameters
    ----------
    signature : Signature
        Cloned and fitted n_folds + 1 times.
    regression : estimator with `fit`, `linear_predictor` and `predict_proba` or `risk`
        Takes a table whose columns are the clinical predictors and `name`.
    name : str
        Column that holds the score.
    n_folds : int
        Folds of the out-of-fold scores.
    random_state : int
        Seed of the folds.

    Attributes
    ----------
    signature_ : Signature
        Fitted on all patients; it scores new ones.
    regression_ : estimator
    fold_ : ndarray of int, shape (n,)
    out_of_fold_ : ndarray of shape (n,)
        Scores that the regression was fitted on.
    out_of_fold_models_ : list of Signature
    """

    def __init__(
        self,
        signature: Any,
        regression: Any,
        name: str = "signature",
        n_folds: int = 10,
        random_state: int = 0,
    ) -> None:
        self.signature = signature
        self.regression = regression
        self.name = name
        self.n_folds = n_folds
        self.random_state = random_state

    def fit(self, x: pd.DataFrame, y: NDArray[Any]) -> Self:
        """Fit the regression on out-of-fold scores, and the signature on all patients.

        Raises
        ------
        ValueError
            If there are fewer events than folds, or a part refuses its input.
        """
        self._remember(x)
        self.fold_ = patient_folds(x, y, n_folds=self.n_folds, random_state=self.random_state)
        self.out_of_fold_, self.out_of_fold_models_ = out_of_fold(self.signature, x, y, self.fold_)
        self.regression_ = clone(self.regression).fit(x.assign(**{self.name: self.out_of_fold_}), y)
        self.signature_ = clone(self.signature).fit(x, y)
        if hasattr(self.regression_, "classes_"):
            self.classes_ = self.regression_.classes_
        return self

    def with_score(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return the table with the score of the fitted signature as the column `name`."""
        return x.assign(**{self.name: self.signature_.linear_predictor(x)})

    def linear_predictor(self, x: pd.DataFrame) -> FloatArray:
        """Return the linear predictor of the regression, shape (n,)."""
        return np.asarray(self.regression_.linear_predictor(self.with_score(x)), dtype=np.float64)

    def predict_proba(self, x: pd.DataFrame) -> FloatArray:
        """Return probabilities of shape (n, 2), those of the event last."""
        return np.asarray(self.regression_.predict_proba(self.with_score(x)), dtype=np.float64)

    def risk(self, x: pd.DataFrame, horizons: Any) -> FloatArray:
        """Return risks of shape (n, number of horizons)."""
        return np.asarray(self.regression_.risk(self.with_score(x), horizons), dtype=np.float64)
