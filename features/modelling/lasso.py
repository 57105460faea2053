"""LASSO signatures of a 0/1 outcome: logistic, and the linear one that many papers publish."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags

from extval.features.modelling._lasso_estimator import CrossValidatedLasso, prevalence
from extval.features.modelling._matrix import _given, binary_outcome
from extval.features.modelling.lasso_path import (
    LassoCrossValidation,
    LassoPath,
    cross_validated_lasso,
    lasso_path,
)
from extval.stats import _checks
from extval.stats._checks import FloatArray

__all__ = [
    "LassoCrossValidation",
    "LassoLinear",
    "LassoLogistic",
    "LassoPath",
    "cross_validated_lasso",
    "lasso_path",
]


class LassoLogistic(ClassifierMixin, CrossValidatedLasso):  # type: ignore[misc]
    """Logistic LASSO at a lambda chosen by cross-validation.

    Parameters
    ----------
    n_folds : int
        Folds, stratified by outcome; at most the number of events and of non-events.
    repeats : int
        Draws of folds; the curve that chooses is their mean.
    rule : {"min", "1se"}
        The best lambda, or the largest within a standard error of it.
    measure : {"deviance", "auc", "misclassification"}
    random_state : int
        Seed of the draws.
    n_lambda, lambda_min_ratio, standardise, tolerance
        As `lasso_path`.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
        For the features as they were given; 0 for one that does not vary.
    intercept_ : float
    link_ : str
        "logit".
    lambda_, lambda_min_, lambda_1se_ : float
        The one that was used, and the two that the rules choose.
    selection_frequency_ : ndarray of shape (p,)
        Share of the models without a fold (repeats x folds) that keep the feature at `lambda_`.
    null_ : bool
        Whether all coefficients are zero.
    sentence_ : str
        What was found, in words.
    converged_ : bool
    path_ : LassoPath
    cv_ : LassoCrossValidation
    classes_ : ndarray
        ``[0, 1]``.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(60, 4))
    >>> model = LassoLogistic(n_folds=5, rule="1se").fit(x, x[:, 0] + rng.normal(size=60) > 0)
    >>> model.sentence_
    'The LASSO kept 1 of 4 features at lambda 0.1207 (rule 1se, deviance, 5 folds).'
    """

    family_, link_ = "logistic", "logit"

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that there are two classes."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _outcome(self, y: Any, n: int) -> Any:
        outcome = binary_outcome(self, y, n)
        self.classes_ = np.array([0, 1])
        return outcome

    def predict_proba(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """Return probabilities of shape (n, 2), those of the event last."""
        probability = expit(self.linear_predictor(X))
        return np.column_stack((1.0 - probability, probability))

    def decision_function(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """Return the linear predictor, under the name that scikit-learn looks for."""
        return self.linear_predictor(X)

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:  # noqa: N803
        """Return 1 where the probability exceeds 0.5, else 0."""
        above = self.linear_predictor(X) > 0.0
        return np.asarray(self.classes_[above.astype(np.intp)])

    def _null_prediction(self, y: Any) -> str:
        return f"which predicts the development prevalence, {prevalence(y)}, for everyone"


class LassoLinear(CrossValidatedLasso):
    """Linear LASSO at a lambda chosen by cross-validation, also of a 0/1 outcome.

    Least squares on 0/1 is the kind of score that many published signatures are: with the
    identity link it is no probability and may leave [0, 1], hence there is no `predict_proba`.

    Parameters
    ----------
    n_folds, repeats, rule, measure, random_state, n_lambda, lambda_min_ratio, standardise, \
tolerance
        As `LassoLogistic`; the one measure is "deviance", the mean squared error. Folds are
        stratified if the outcome is 0/1.

    Attributes
    ----------
    coef_, intercept_, lambda_, lambda_min_, lambda_1se_, selection_frequency_, null_, sentence_, \
converged_, path_, cv_
        As `LassoLogistic`.
    link_ : str
        "identity".
    """

    family_, link_ = "linear", "identity"

    def _outcome(self, y: Any, n: int) -> Any:
        _given(self, y, n)
        return _checks.finite(y, n, name="y")

    def _null_prediction(self, y: Any) -> str:
        values = np.asarray(y, dtype=np.float64)
        if np.isin(values, (0.0, 1.0)).all():
            return f"whose score is the development prevalence, {prevalence(y)}, for everyone"
        return f"whose score is the development mean, {values.mean():.4g}, for everyone"
