"""Univariate screening: one model for each feature, and a limit on its P value."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from extval.features.modelling import _univariate
from extval.features.modelling._matrix import (
    binary_outcome,
    feature_names,
    matrix,
    survival_outcome,
)
from extval.features.modelling._selection import KeepsFeatures
from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray
from extval.stats.multiplicity import benjamini_hochberg, holm

MODELS = ("logistic", "cox")
TESTS = ("wald", "likelihood-ratio", "score")
ADJUSTMENTS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "benjamini-hochberg": benjamini_hochberg,
    "holm": holm,
    "none": lambda p: p,
}


class UnivariateScreen(KeepsFeatures):
    r"""Keep the features that a model with that feature alone finds associated with the outcome.

    Parameters
    ----------
    model : {'logistic', 'cox'}
        For a 0/1 outcome (with an intercept), or for a time to event (Efron's ties).
    test : {'wald', 'likelihood-ratio', 'score'}
        Each a chi-square of one degree of freedom; Wald's is the squared z value.
    threshold : float in (0, 1]
        A feature is kept if its adjusted P value is below this; 1 keeps all that have one.
    adjustment : {'benjamini-hochberg', 'holm', 'none'}
        For the number of features. A feature whose test is undefined does not count.
    minimum : int, at least 0
        If fewer features pass, those with the smallest P values are kept up to this number (ties:
        first column) and their note says so; with 0, no feature passing is an error.

    Attributes
    ----------
    table_ : DataFrame
        A row a feature: `name`, `coefficient` (log odds or log hazard ratio per unit of the
        feature), `se`, `statistic`, `p`, `p_adjusted`, `kept`, `note`.
    support_ : ndarray of bool, shape (p,)

    Notes
    -----
    Where the feature separates the outcomes (or, in Cox's model, the patient with the event has the
    highest value at every event time), no finite coefficient exists. The Wald test is then
    undefined and the feature is not kept, however well it predicts; its note says so. The
    likelihood-ratio test uses the supremum of the likelihood, and the score test needs no
    estimate; both keep such a feature if they find it associated.

    Agrees with R 4.2 ``glm(family = binomial)`` at ``epsilon = 1e-14`` and R survival 3.5.3
    ``coxph`` (coefficient, standard error, three tests) to 1e-8, and with ``p.adjust`` to 1e-15.

    Examples
    --------
    >>> x = [[1, 2], [2, 9], [3, 4], [4, 3], [5, 8], [6, 1], [7, 6], [8, 4]]
    >>> screen = UnivariateScreen(test="score", adjustment="none")
    >>> screen.fit(x, [0, 0, 0, 1, 0, 1, 1, 1]).table_[["name", "p", "kept"]].round(4)
      name       p   kept
    0   x0  0.0308   True
    1   x1  0.2286  False
    """

    _learns_from_outcome = True

    def __init__(
        self,
        model: str = "logistic",
        test: str = "wald",
        threshold: float = 0.05,
        adjustment: str = "benjamini-hochberg",
        *,
        minimum: int = 0,
    ) -> None:
        self.model = model
        self.test = test
        self.threshold = threshold
        self.adjustment = adjustment
        self.minimum = minimum

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Test every feature.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p), n >= 3, finite
        y : array_like of shape (n,)
            0/1 for 'logistic'; from `outcome.survival` for 'cox'.

        Raises
        ------
        ValueError
            If a value is missing, `y` does not fit the model, there is one class or no event, or
            no feature is kept.
        """
        model = _checks.choice(self.model, MODELS, name="model")
        test = _checks.choice(self.test, TESTS, name="test")
        adjustment = _checks.choice(self.adjustment, ADJUSTMENTS, name="adjustment")
        if not 0.0 < self.threshold <= 1.0:
            raise ValueError(f"`threshold` must lie in (0, 1]; got {self.threshold!r}.")
        minimum = _checks.positive_integer(self.minimum, name="minimum", at_least=0)
        x = matrix(self, X, reset=True, at_least=3)
        if model == "cox":
            found = _univariate.cox(x, *survival_outcome(self, y, x.shape[0]))
        else:
            found = _univariate.logistic(x, binary_outcome(self, y, x.shape[0]))
        statistic = getattr(found, test.replace("-", "_"))
        p = chdtrc(1, statistic)
        adjusted = ADJUSTMENTS[adjustment](p)
        # A limit of 1 lets everything pass that has a P value; rounding must not decide at P = 1.
        passed = adjusted < self.threshold if self.threshold < 1.0 else ~np.isnan(adjusted)
        kept = _at_least(minimum, passed, p)
        notes = found.sentences(model)
        self.table_ = pd.DataFrame(
            {
                "name": feature_names(self),
                "coefficient": found.coefficient,
                "se": found.se,
                "statistic": statistic,
                "p": p,
                "p_adjusted": adjusted,
                "kept": kept,
                "note": [
                    f"{note} {_FILLED_UP}".strip() if filled else note
                    for note, filled in zip(notes, kept & ~passed, strict=True)
                ],
            }
        )
        if not kept.any():
            tested = p[~np.isnan(p)]
            least = (
                f"the smallest is {np.min(adjusted[~np.isnan(p)]):.3g}"
                if tested.size
                else ("no test is defined")
            )
            raise ValueError(
                f"UnivariateScreen keeps none of {p.size} features: no adjusted P value is below "
                f"{self.threshold:g} ({adjustment}); {least}. Raise `threshold`, or set `minimum` "
                "to keep the features with the smallest P values."
            )
        self._remember(X)
        self.support_ = kept
        return self


_FILLED_UP = "Kept to reach the minimum number of features, not for its P value."


def _at_least(minimum: int, passed: BoolArray, p: FloatArray) -> BoolArray:
    """Return who is kept: who passed, filled up with the smallest P values to `minimum`."""
    kept = passed.copy()
    lacking = minimum - int(np.count_nonzero(passed))
    if lacking > 0:
        others = np.flatnonzero(~passed & ~np.isnan(p))
        kept[others[np.argsort(p[others], kind="stable")][:lacking]] = True
    return kept
