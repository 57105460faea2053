"""What the three LASSO estimators share: a cross-validated lambda and a linear predictor."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from extval.features.modelling._matrix import matrix
from extval.features.modelling.lasso_path import TOLERANCE, cross_validated_lasso
from extval.features.modelling.patients import LearnsFromPatients
from extval.stats import _checks
from extval.stats._checks import FloatArray

RULES = ("min", "1se")


class CrossValidatedLasso(LearnsFromPatients, BaseEstimator):  # type: ignore[misc]
    """A LASSO model at the lambda that cross-validation chose; a family gives the rest.

    Its parameters and attributes are told where a family is.
    """

    family_ = ""
    link_ = ""

    def __init__(
        self,
        n_folds: int = 10,
        repeats: int = 1,
        rule: str = "min",
        measure: str = "deviance",
        random_state: int = 0,
        n_lambda: int = 100,
        lambda_min_ratio: float | None = None,
        standardise: bool = True,  # noqa: FBT001, FBT002 - scikit-learn sets it by name
        tolerance: float = TOLERANCE,
    ) -> None:
        self.n_folds = n_folds
        self.repeats = repeats
        self.rule = rule
        self.measure = measure
        self.random_state = random_state
        self.n_lambda = n_lambda
        self.lambda_min_ratio = lambda_min_ratio
        self.standardise = standardise
        self.tolerance = tolerance

    def _outcome(self, y: Any, n: int) -> Any:
        """Return the outcome as `lasso_path` takes it, or raise."""
        raise NotImplementedError

    def fit(self, X: ArrayLike, y: ArrayLike, folds: ArrayLike | None = None) -> Self:  # noqa: N803
        """Fit the path, choose its lambda, and keep the model there.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
        y : array_like of shape (n,)
        folds : array_like of shape (n,) or (repeats, n), optional
            Fold of every patient, in place of `n_folds`, `repeats` and `random_state`.

        Raises
        ------
        ValueError
            If a value is missing or infinite, the outcome has one class, there are fewer events
            than folds, or a parameter has no meaning.
        """
        _checks.choice(self.rule, RULES, name="rule")
        x = matrix(self, X, reset=True, at_least=2)
        found = cross_validated_lasso(
            x,
            self._outcome(y, x.shape[0]),
            family=self.family_,
            measure=self.measure,
            n_folds=self.n_folds,
            folds=folds,
            repeats=self.repeats,
            random_state=self.random_state,
            n_lambda=self.n_lambda,
            lambda_min_ratio=self.lambda_min_ratio,
            standardise=self.standardise,
            tolerance=self.tolerance,
        )
        self._remember(X)
        at = found.index_min if self.rule == "min" else found.index_1se
        self.path_ = found.path
        self.cv_ = found
        self.lambda_ = float(found.path.lambdas[at])
        self.lambda_min_ = found.lambda_min
        self.lambda_1se_ = found.lambda_1se
        self.coef_: FloatArray = found.path.coefficients[at].copy()
        self.intercept_ = float(found.path.intercepts[at])
        self.selection_frequency_: FloatArray = found.selection_frequency[at].copy()
        self.null_ = not self.coef_.any()
        self.converged_ = found.converged
        self.sentence_ = self._sentence(y, found.n_folds, found.repeats)
        return self

    def linear_predictor(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """Return the score, shape (n,): intercept and weighted features, on the scale of `link_`.

        Raises
        ------
        ValueError
            If the features are not those of `fit`, or a value is missing or infinite.
        """
        check_is_fitted(self, "coef_")
        x = matrix(self, X, reset=False)
        kept = np.flatnonzero(self.coef_)
        return np.asarray(x[:, kept] @ self.coef_[kept] + self.intercept_)

    def _sentence(self, y: Any, n_folds: int, repeats: int) -> str:
        """Return what was found, in words."""
        draws = f"{n_folds} folds" if repeats == 1 else f"{repeats} draws of {n_folds} folds"
        chosen = f"lambda {self.lambda_:.4g} (rule {self.rule}, {self.measure}, {draws})"
        if self.null_:
            text = (
                f"The LASSO shrank the coefficients of all {self.coef_.size:,} features to zero "
                f"at {chosen}: a null model, {self._null_prediction(y)}."
            )
        else:
            kept = int(np.count_nonzero(self.coef_))
            text = f"The LASSO kept {kept} of {self.coef_.size:,} features at {chosen}."
        if self.cv_.index_min == self.path_.lambdas.size - 1:
            text += " The best lambda is the last of the path: a smaller one might be better."
        if not self.converged_:
            text += " Some models of the path did not converge."
        return text

    def _null_prediction(self, y: Any) -> str:
        raise NotImplementedError


def prevalence(y: NDArray[Any]) -> str:
    """Return the prevalence of a 0/1 outcome in words."""
    values = np.asarray(y, dtype=np.float64)
    return f"{values.mean():.3f} ({int(values.sum())} of {values.size} patients)"
