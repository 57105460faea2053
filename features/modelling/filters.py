"""Steps that need no outcome: incomplete, constant and redundant features; medians; z-scores."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from extval.features.modelling._correlated import (
    RULES,
    beyond_limit,
    dropped_for,
    ranks,
    unit_columns,
)
from extval.features.modelling._matrix import constant, feature_names, matrix, refuse_constant
from extval.features.modelling._selection import KeepsFeatures
from extval.features.modelling.patients import LearnsFromPatients
from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray


class _Filter(KeepsFeatures):
    """A filter that says why it drops a feature."""

    dropped_: dict[str, str]

    def _keep(self, support: BoolArray, dropped: dict[str, str]) -> Self:
        if not support.any():
            raise ValueError(
                f"{type(self).__name__} drops all {support.size} features, the first because: "
                f"{next(iter(dropped.values()))} Relax its limit or look at the table."
            )
        self.support_, self.dropped_ = support, dropped
        return self


class CompletenessFilter(_Filter):
    """Drop features that too many of the patients lack.

    Parameters
    ----------
    max_missing : float in [0, 1)
        A feature missing in a larger share of the patients that the step is fitted on is dropped;
        0 keeps complete features only.

    Attributes
    ----------
    missing_share_ : ndarray of shape (p,)
    support_ : ndarray of bool, shape (p,)
        True for a feature that is kept.
    dropped_ : dict of str to str
        Why, for each dropped feature.

    Examples
    --------
    >>> step = CompletenessFilter(0.5).fit([[1.0, np.nan], [2.0, np.nan], [3.0, 4.0]])
    >>> step.dropped_
    {'x1': 'Missing in 2 of 3 patients (66.7 %), which is more than 50.0 %.'}
    """

    _takes_gaps = True

    def __init__(self, max_missing: float = 0.2) -> None:
        self.max_missing = max_missing

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Count the gaps of every feature.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p), NaN where missing
        y : ignored

        Raises
        ------
        ValueError
            If no feature is left, or a value is infinite.
        """
        share = self.max_missing
        if not 0.0 <= share < 1.0:
            raise ValueError(f"`max_missing` must be at least 0 and below 1; got {share!r}.")
        x = matrix(self, X, reset=True, missing=True)
        self._remember(X)
        n, names = x.shape[0], feature_names(self)
        absent = np.count_nonzero(np.isnan(x), axis=0)
        self.missing_share_ = absent / n
        support = absent <= share * n
        dropped = {
            names[j]: f"Missing in {absent[j]} of {n} patients ({100 * absent[j] / n:.1f} %), "
            f"which is more than {100 * share:.1f} %."
            for j in np.flatnonzero(~support)
        }
        return self._keep(support, dropped)


class VarianceFilter(_Filter):
    """Drop features that are constant or hardly vary.

    Parameters
    ----------
    above : float, at least 0
        A feature is kept if its variance (divisor n - 1, in its squared unit) is above this. With
        any limit a feature is dropped as constant if its range is at most 1e-12 of its largest
        magnitude: what is left then is rounding.

    Attributes
    ----------
    variances_ : ndarray of shape (p,)
        NaN are left out; 0 for a constant feature, NaN with fewer than 2 values.
    support_ : ndarray of bool, shape (p,)
    dropped_ : dict of str to str

    Examples
    --------
    >>> VarianceFilter().fit([[0.1 + 0.2, 1.0], [0.3, 2.0]]).dropped_
    {'x0': 'Constant at 0.3 in the 2 patients who have it.'}
    """

    _takes_gaps = True

    def __init__(self, above: float = 0.0) -> None:
        self.above = above

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn the variance of every feature.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p), n >= 2, NaN where missing
        y : ignored

        Raises
        ------
        ValueError
            If no feature is left, or a value is infinite.
        """
        limit = _checks.not_negative(self.above, name="above")
        x = matrix(self, X, reset=True, missing=True, at_least=2)
        self._remember(X)
        names = feature_names(self)
        known = np.count_nonzero(~np.isnan(x), axis=0)
        flat = constant(x)
        with np.errstate(all="ignore"):  # none known; a square beyond the range of floats
            center = np.nansum(x, axis=0) / known
            self.variances_ = np.nansum((x - center) ** 2, axis=0) / (known - 1)
        self.variances_[flat & (known > 1)] = 0.0
        self.variances_[known < 2] = np.nan
        support = ~flat & (self.variances_ > limit if limit > 0.0 else known > 1)
        dropped = {}
        for j in np.flatnonzero(~support):
            if known[j] == 0:
                why = "No patient has it."
            elif flat[j]:
                why = f"Constant at {center[j]:.6g} in the {known[j]} patients who have it."
            else:
                why = f"Its variance {self.variances_[j]:.4g} is not above {limit:.4g}."
            dropped[names[j]] = why
        return self._keep(support, dropped)


class CorrelationFilter(_Filter):
    r"""Of features that say the same, keep one.

    Parameters
    ----------
    above : float in (0, 1]
        Features are redundant if the absolute value of their correlation is larger.
    method : {'pearson', 'spearman'}
    rule : {'greedy', 'caret'}
        Both drop, of two redundant features, the one with the larger mean absolute correlation to
        all features. 'greedy' looks at the features from the smallest mean on and drops one that
        is redundant to a feature already kept, so every dropped feature has a kept substitute.
        'caret' drops a feature for any redundant one of smaller mean, kept or not, as
        ``findCorrelation(exact = FALSE)`` does (caret's default from 100 features on), and so
        drops at least as many.

    Attributes
    ----------
    mean_correlation_ : ndarray of shape (p,)
        Mean absolute correlation to all features (itself included, as in caret).
    support_ : ndarray of bool, shape (p,)
    dropped_ : dict of str to str

    Notes
    -----
    Correlations within 1e-12 of `above` are not above it, and means are compared after rounding
    to 12 decimals, so that neither rounding nor the order of columns decides. Of features with
    equal means 'greedy' keeps the one whose name sorts first (of an array, the first column), so
    the result for a table does not depend on the order of its columns; 'caret' drops the first
    column, as caret does. 'caret' agrees with R caret 6.0.93 ``findCorrelation(exact = FALSE)``
    exactly.

    Examples
    --------
    >>> x = [[1.0, 2.0, 5.0], [2.0, 4.0, 1.0], [3.0, 6.1, 4.0], [4.0, 8.0, 2.0]]
    >>> CorrelationFilter().fit(x).dropped_
    {'x0': "Pearson's correlation with 'x1', which is kept, is 1.000; its mean is larger."}
    """

    _takes_gaps = False

    def __init__(
        self, above: float = 0.9, method: str = "pearson", *, rule: str = "greedy"
    ) -> None:
        self.above = above
        self.method = method
        self.rule = rule

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Find the redundant features.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p), n >= 2, finite
        y : ignored

        Raises
        ------
        ValueError
            If a value is missing or a feature is constant.
        """
        if not 0.0 < self.above <= 1.0:
            raise ValueError(f"`above` must lie in (0, 1]; got {self.above!r}.")
        method = _checks.choice(self.method, ("pearson", "spearman"), name="method")
        rule = _checks.choice(self.rule, RULES, name="rule")
        x = matrix(self, X, reset=True, at_least=2)
        refuse_constant(self, x)
        self._remember(X)
        names = feature_names(self)
        unit = unit_columns(ranks(x) if method == "spearman" else x)
        beyond, self.mean_correlation_ = beyond_limit(unit, self.above)
        sorts = np.arange(len(names))
        if hasattr(self, "feature_names_in_"):
            sorts[np.argsort(np.array(names, dtype=object), kind="stable")] = np.arange(len(names))
        because = dropped_for(beyond, self.mean_correlation_, sorts, rule=rule)
        support = because < 0
        how = "Pearson's" if method == "pearson" else "Spearman's"
        dropped = {}
        for j in np.flatnonzero(~support):
            other = because[j]
            r = float(unit[:, j] @ unit[:, other])
            state = "is kept" if support[other] else "is dropped for another"
            equal = f"{self.mean_correlation_[j]:.12f}" == f"{self.mean_correlation_[other]:.12f}"
            dropped[names[j]] = (
                f"{how} correlation with {names[other]!r}, which {state}, is {r:.3f}; its mean is "
                f"{'equal' if equal else 'larger'}."
            )
        return self._keep(support, dropped)


class MedianImputer(LearnsFromPatients, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Fill gaps with the medians of the patients it was fitted on.

    Attributes
    ----------
    medians_ : ndarray of shape (p,)
    imputed_ : ndarray of int, shape (p,)
        Gaps that each feature had in the patients it was fitted on.

    Notes
    -----
    The values are those of scikit-learn's ``SimpleImputer(strategy="median")``, which takes ten
    times as long on a wide table and drops a feature that nobody has; here that is refused.

    Examples
    --------
    >>> step = MedianImputer().fit([[1.0], [np.nan], [4.0]])
    >>> step.transform([[np.nan]]).tolist()
    [[2.5]]
    """

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn the medians.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p), NaN where missing
        y : ignored

        Raises
        ------
        ValueError
            If a feature is missing in every patient, or a value is infinite.
        """
        x = matrix(self, X, reset=True, missing=True)
        gaps = np.isnan(x)
        self.imputed_ = np.count_nonzero(gaps, axis=0)
        empty = np.flatnonzero(self.imputed_ == x.shape[0])
        if empty.size:
            raise ValueError(
                f"Feature {feature_names(self)[empty[0]]!r} is missing in all {x.shape[0]} "
                f"patients; {empty.size} features are. They have no median: drop them with "
                "CompletenessFilter."
            )
        self._remember(X)
        holed = self.imputed_ > 0
        self.medians_ = np.empty(x.shape[1])
        self.medians_[~holed] = np.median(x[:, ~holed], axis=0)
        self.medians_[holed] = np.nanmedian(x[:, holed], axis=0)
        return self

    def transform(self, X: Any) -> FloatArray:  # noqa: N803
        """Return the features, shape (n, p), without gaps.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p), NaN where missing

        Raises
        ------
        ValueError
            If the columns are not those of `fit`, or a value is infinite.
        """
        check_is_fitted(self)
        x = matrix(self, X, reset=False, missing=True)
        gaps = np.isnan(x)
        return np.where(gaps, self.medians_, x) if gaps.any() else x.copy()

    def imputed_in(self, X: Any) -> dict[str, int]:  # noqa: N803
        """Return how many gaps `transform` fills in each feature that has any.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p), NaN where missing
        """
        check_is_fitted(self)
        gaps = np.isnan(matrix(self, X, reset=False, missing=True)).sum(axis=0)
        names = feature_names(self)
        return {names[j]: int(gaps[j]) for j in np.flatnonzero(gaps)}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class ZScore(LearnsFromPatients, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Subtract the mean and divide by the standard deviation of the patients it was fitted on.

    Attributes
    ----------
    mean_, sd_ : ndarray of shape (p,)
        The standard deviation has the divisor n - 1.

    Notes
    -----
    Agrees with R 4.2 ``scale`` to 1e-12; scikit-learn's ``StandardScaler`` divides by n.

    Examples
    --------
    >>> ZScore().fit([[1.0], [2.0], [3.0]]).transform([[4.0]]).tolist()
    [[2.0]]
    """

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn means and standard deviations.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p), n >= 2, finite
        y : ignored

        Raises
        ------
        ValueError
            If a feature is constant, or a value is missing or infinite.
        """
        x = matrix(self, X, reset=True, at_least=2)
        refuse_constant(self, x)
        self._remember(X)
        self.mean_ = x.mean(axis=0)
        power = np.ldexp(1.0, np.frexp(np.abs(x).max(axis=0))[1] - 1)  # no square overflows
        self.sd_ = (x / power).std(axis=0, ddof=1) * power
        return self

    def transform(self, X: Any) -> FloatArray:  # noqa: N803
        """Return the z-scores, shape (n, p).

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p), finite

        Raises
        ------
        ValueError
            If the columns are not those of `fit`, or a value is missing or infinite.
        """
        check_is_fitted(self)
        return np.asarray((matrix(self, X, reset=False) - self.mean_) / self.sd_)
