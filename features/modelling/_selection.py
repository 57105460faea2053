"""What every step that keeps some of the features has in common."""

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted

from extval.features.modelling._matrix import matrix
from extval.features.modelling.patients import LearnsFromPatients
from extval.stats._checks import BoolArray, FloatArray


class KeepsFeatures(LearnsFromPatients, SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """A step that keeps the features marked in `support_`, in the order of the columns.

    `_takes_gaps` says whether it allows NaN, `_learns_from_outcome` whether `fit` needs `y`.
    """

    support_: BoolArray
    _takes_gaps = False
    _learns_from_outcome = False

    def transform(self, X: Any) -> FloatArray:  # noqa: N803
        """Return the kept features in the order of the columns, shape (n, kept).

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            The columns that `fit` saw; NaN where `fit` allows it, and they stay.

        Raises
        ------
        ValueError
            If the columns are not those of `fit`, or a value is infinite (or missing, where `fit`
            refuses gaps).
        """
        check_is_fitted(self)
        return matrix(self, X, reset=False, missing=self._takes_gaps)[:, self.support_]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._takes_gaps
        tags.target_tags.required = self._learns_from_outcome
        return tags

    def _get_support_mask(self) -> BoolArray:
        check_is_fitted(self)
        return self.support_
