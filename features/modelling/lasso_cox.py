"""LASSO signature of a time to event."""

from typing import Any

from extval.features.modelling._lasso_estimator import CrossValidatedLasso
from extval.features.modelling._matrix import survival_outcome
from extval.features.modelling.lasso_path import TOLERANCE


class LassoCox(CrossValidatedLasso):
    """Cox LASSO at a lambda chosen by cross-validation.

    Ties follow Breslow, as in glmnet (not Efron, the default of unpenalised Cox models here).

    Parameters
    ----------
    n_folds : int
        Folds, in which events are spread evenly; at most the number of events.
    repeats, rule, random_state, n_lambda, lambda_min_ratio, standardise, tolerance
        As `LassoLogistic`.
    measure : {"deviance"}
        Of the partial likelihood: what a fold adds to it, an event.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
        Log hazard ratios a unit of the feature.
    intercept_ : float
        0: the baseline hazard holds it.
    link_ : str
        "log-hazard".
    lambda_, lambda_min_, lambda_1se_, selection_frequency_, null_, sentence_, converged_, path_, \
cv_
        As `LassoLogistic`.
    """

    family_, link_ = "cox", "log-hazard"

    def __init__(
        self,
        n_folds: int = 5,
        repeats: int = 1,
        rule: str = "min",
        measure: str = "deviance",
        random_state: int = 0,
        n_lambda: int = 100,
        lambda_min_ratio: float | None = None,
        standardise: bool = True,  # noqa: FBT001, FBT002 - scikit-learn sets it by name
        tolerance: float = TOLERANCE,
    ) -> None:
        super().__init__(
            n_folds=n_folds,
            repeats=repeats,
            rule=rule,
            measure=measure,
            random_state=random_state,
            n_lambda=n_lambda,
            lambda_min_ratio=lambda_min_ratio,
            standardise=standardise,
            tolerance=tolerance,
        )

    def _outcome(self, y: Any, n: int) -> Any:
        survival_outcome(self, y, n)
        return y

    def _null_prediction(self, _y: Any) -> str:
        return "which gives everyone the same hazard"
