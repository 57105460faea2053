"""ComBat: scanner and centre effects, learned on development and removed with frozen numbers."""

from collections.abc import Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from extval.features.modelling import _combat_table as reading
from extval.features.modelling._combat_effects import batch_effect, learn
from extval.features.modelling._combat_shrinkage import Shrinkage
from extval.features.modelling._kernels_combat import remove_batch
from extval.features.modelling.patients import LearnsFromPatients
from extval.stats import _checks
from extval.stats._checks import FloatArray

__all__ = ["ComBat", "batch_effect"]

NEW_BATCH = ("refuse", "none", "estimate")
FEW_PATIENTS = 10


class ComBat(LearnsFromPatients, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Remove the location and scale that a scanner or centre adds to each feature.

    Parameters
    ----------
    batch : str
        Column of `X` that holds the scanner or centre.
    covariates : sequence of str
        Columns of `X` whose effect is preserved; numbers enter as they are, text, categories and
        booleans by level. Never the outcome: a patient to be predicted has none.
    outcome : str, optional
        Name of the outcome column; a covariate, a batch or a feature of that name is refused.
        `fit(X, y)` also refuses a covariate that equals `y` or relabels it.
    parametric : bool
        True for the normal and inverse gamma priors, False for the non-parametric ones.
    mean_only : bool
        Remove the location alone.
    empirical_bayes : bool
        False keeps every feature's own batch mean and variance.
    reference : str, optional
        A batch whose values stay as they are and to which the others are moved (reference-batch
        ComBat, `ref.batch` of sva) [2]_.
    new_batch : {'refuse', 'none', 'estimate'}
        What `transform` does with patients of a batch that development did not have. 'none' leaves
        their values as they are. 'estimate'
        takes location and scale from the rows given to that call (their features, no outcomes);
        `with_batch` freezes such an estimate instead.

    Attributes
    ----------
    features_ : tuple of str, length p
        Columns that are harmonised, the columns of the output; all below are in their order.
    batches_ : tuple of str
        Labels of the development batches, sorted.
    n_per_batch_ : dict of str to int
        Patients that each batch was learned from.
    grand_mean_ : ndarray of shape (p,)
        Weighted mean of the batches (mean of the reference) at covariates of zero.
    covariate_terms_ : tuple of str, length q
        Design columns: the name of a number, or ``column=level`` for each level but the first.
    covariate_levels_ : dict of str to tuple of str
        Levels of the categorical covariates, sorted; the first is the baseline.
    covariate_coefficients_ : ndarray of shape (q, p)
        Effects of `covariate_terms_`, in the unit of the feature.
    pooled_sd_ : ndarray of shape (p,)
        Root mean squared residual (divisor n, of the reference alone if there is one).
    location_, scale_ : dict of str to ndarray of shape (p,)
        What is removed from each batch, on the standardised scale: `location_` in units of
        `pooled_sd_`, `scale_` a ratio of standard deviations (sva's delta is its square).
    unchanged_ : tuple of str
        Features that are constant in at least one batch (left alone as a whole, as in sva) or
        that batch and covariates explain completely; their location is 0 and their scale 1.
    cautions_ : tuple of str
        Sentences to print: small batches, batches with one outcome only.
    estimated_from_ : dict of str to int
        Patients from whose features each batch beyond development was estimated, by `with_batch`
        or by the last `transform`.

    Notes
    -----
    With the residual standard deviation :math:`\sigma_f`, grand mean :math:`\alpha_f` and
    covariate effects :math:`\beta_f` of the development, a value of batch b becomes [1]_

    .. math:: x^* = \frac{x - m - \sigma_f\, location_{bf}}{scale_{bf}} + m,
              \qquad m = \alpha_f + c^\top\beta_f.

    Agrees with R sva 3.46.0 ``ComBat`` to 1e-10, with three deliberate differences: a batch of
    one patient is refused (sva silently turns to `mean_only`), features that are explained
    completely are left alone (sva divides by rounding errors), and non-parametric weights that
    sva underflows to 0/0 stay defined. sva's habits are kept: iterations stop when the largest
    relative change over the features of a batch is below 1e-4, the change of a location being
    divided by its signed value (so a feature with its sign flipped may stop one iteration
    earlier or later); with `mean_only` the shrinkage ignores the batch's size.

    M-ComBat [3]_ is another method than `reference`: it standardises every batch by its own mean
    and standard deviation before the empirical Bayes step, which leaves that step nothing to
    shrink. Without covariates ``reference=..., empirical_bayes=False`` gives its values but for
    the divisor of the reference's variance, n here and n - 1 there.

    The step takes a table with a batch column, so scikit-learn's `check_estimator`, which passes
    arrays of numbers, does not apply.

    References
    ----------
    .. [1] Johnson, Li & Rabinovic (2007), Biostatistics 8:118. :doi:`10.1093/biostatistics/kxj037`
    .. [2] Zhang et al. (2018), BMC Bioinformatics 19:262. :doi:`10.1186/s12859-018-2263-6`
    .. [3] Stein et al. (2015), BMC Bioinformatics 16:63. :doi:`10.1186/s12859-015-0478-3`

    Examples
    --------
    >>> table = pd.DataFrame({"scanner": list("AAABBB"), "f": [1.0, 2.0, 3.0, 11.0, 12.0, 13.0]})
    >>> step = ComBat("scanner", mean_only=True, empirical_bayes=False).fit(table)
    >>> step.transform(table).ravel().tolist()
    [6.0, 7.0, 8.0, 6.0, 7.0, 8.0]
    """

    def __init__(
        self,
        batch: str,
        *,
        covariates: Sequence[str] = (),
        outcome: str | None = None,
        parametric: bool = True,
        mean_only: bool = False,
        empirical_bayes: bool = True,
        reference: str | None = None,
        new_batch: str = "refuse",
    ) -> None:
        self.batch = batch
        self.covariates = covariates
        self.outcome = outcome
        self.parametric = parametric
        self.mean_only = mean_only
        self.empirical_bayes = empirical_bayes
        self.reference = reference
        self.new_batch = new_batch

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:  # noqa: N803
        """Learn grand mean, covariate effects, pooled variance and the effect of each batch.

        Parameters
        ----------
        X : DataFrame of shape (n, columns)
            Development patients: batch, covariates and features.
        y : array_like of shape (n,), optional
            Outcome; only used to refuse a design that leaks or is confounded with it.

        Returns
        -------
        ComBat
            Itself.

        Raises
        ------
        ValueError
            If there is one batch only or a batch of one patient; if batch and outcome, or batch
            and covariates, cannot be told apart; if a covariate is the outcome; if a label is
            missing or a feature is not finite.
        """
        _checks.choice(self.new_batch, NEW_BATCH, name="new_batch")
        reading.refuse_roles(**self._roles())
        reading.refuse_table(X, **self._roles())
        batch = self._batch(X)
        names, code, size = np.unique(batch.astype(str), return_inverse=True, return_counts=True)
        reading.refuse_batches(names.tolist(), size.tolist(), reference=self.reference)
        cautions = _few(dict(zip(names.tolist(), size.tolist(), strict=True)))
        if y is not None:
            reading.refuse_outcome(X, self.covariates, y)
            cautions += reading.batches_against_outcome(batch, y)
        validate_data(self, X, skip_check_array=True, reset=True)
        self._remember(X)
        meta = {self.batch, *self.covariates}
        self.features_ = tuple([name for name in X.columns.tolist() if name not in meta])
        self.batches_ = tuple(names.tolist())
        self.n_per_batch_ = dict(zip(self.batches_, size.tolist(), strict=True))
        covariates = [reading.covariate(X[name]) for name in self.covariates]
        self.covariate_terms_ = tuple(term for one in covariates for term in one.terms)
        self.covariate_levels_ = {
            one.column: one.levels for one in covariates if one.levels is not None
        }
        self._learn(X, code.astype(np.int64), size.astype(np.float64))
        if len(self.features_) - len(self.unchanged_) == 1 and self.empirical_bayes:
            cautions.append(
                "Only one feature can be harmonised, so its batch effects were not shrunken: "
                "empirical Bayes needs the other features."
            )
        self.cautions_ = tuple(cautions)
        self.estimated_from_: dict[str, int] = {}
        return self

    def transform(self, X: pd.DataFrame) -> FloatArray:  # noqa: N803
        """Return the harmonised features, shape (n, p), without batch and covariates.

        Parameters
        ----------
        X : DataFrame of shape (n, columns)
            Any number of patients; columns are found by name, others are ignored.

        Raises
        ------
        ValueError
            If a patient's batch was not in development (unless `new_batch` is 'estimate'), a
            covariate level is unknown, or a column or value is missing.
        """
        check_is_fitted(self)
        reading.refuse_table(X, **self._roles())
        batch = self._batch(X)
        x = reading.features(X, self.features_)
        terms = reading.design(X, self._covariates())
        names, code = np.unique(batch.astype(str), return_inverse=True)
        effects = {name: (self.location_[name], self.scale_[name]) for name in self.location_}
        new = [name for name in names.tolist() if name not in effects]
        if new and self.new_batch == "refuse":
            rows = np.flatnonzero(np.isin(batch.astype(str), new))
            raise ValueError(
                f"Batch {new[0]!r} was not in the development, which had "
                f"{', '.join(self.location_)}; {rows.size} patients have a new batch, first "
                f"{X.index[rows[0]]!r}. Add it with `with_batch`, or set `new_batch='estimate'`."
            )
        counts = self.n_per_batch_
        estimated = {name: counts[name] for name in counts if name not in self.batches_}
        everyone = np.arange(len(self.features_))
        for name in new:
            if self.new_batch == "none":
                effects[name] = (np.zeros(len(x)), np.ones(len(x)))
                continue
            rows = np.flatnonzero(batch == name)
            effects[name] = self._estimate(x[:, rows], terms[:, rows], everyone, name)
            estimated[name] = int(rows.size)
        self.estimated_from_ = estimated
        out = np.empty_like(x)
        remove_batch(
            x,
            code.astype(np.int64),
            terms,
            self.grand_mean_,
            self.covariate_coefficients_,
            self.pooled_sd_,
            np.array([effects[name][0] for name in names.tolist()]),
            np.array([effects[name][1] for name in names.tolist()]),
            out,
        )
        return out.T

    def estimate_batch(self, X: pd.DataFrame) -> tuple[FloatArray, FloatArray]:  # noqa: N803
        """Estimate the location and scale of a new batch from patients without outcomes.

        Parameters
        ----------
        X : DataFrame of shape (n, columns), n >= 2
            Patients of the new batch: the covariates, and all or some of the features, which
            share their priors; the batch column may be absent.

        Returns
        -------
        location, scale : ndarray of shape (features in X,)
            In the order of X's columns, on the scale of `location_` and `scale_`. Grand mean,
            covariate effects and pooled variance stay those of the development. A feature that
            is constant in X, or in `unchanged_`, has 0 and 1.

        Raises
        ------
        ValueError
            If X has fewer than 2 patients, several batches, or columns unknown to development.
        """
        check_is_fitted(self)
        reading.refuse_table(X, **self._roles())
        found = {"new"} if self.batch not in X.columns else set(self._batch(X))
        if len(found) != 1:
            raise ValueError(
                f"The patients must be of one new batch; column {self.batch!r} has {len(found)}: "
                f"{', '.join(sorted(found))}. Call once for each."
            )
        meta = {self.batch, *self.covariates}
        wanted = [column for column in X.columns if column not in meta]
        place = {feature: j for j, feature in enumerate(self.features_)}
        unknown = [column for column in wanted if column not in place]
        if unknown:
            raise ValueError(
                f"Column {unknown[0]!r} is no feature that ComBat was fitted on; {len(unknown)} "
                "such columns. Leave them out."
            )
        return self._estimate(
            reading.features(X, wanted),
            reading.design(X, self._covariates()),
            np.array([place[column] for column in wanted]),
            found.pop(),
        )

    def with_batch(self, name: str, X: pd.DataFrame) -> Self:  # noqa: N803
        """Return a copy that knows one more batch, its location and scale frozen.

        Parameters
        ----------
        name : str
            Label of the new batch.
        X : DataFrame of shape (n, columns), n >= 2
            Patients of that batch with all features and covariates, as in `estimate_batch`.

        Raises
        ------
        ValueError
            If the batch is known already, is another than in X, or a feature is missing.
        """
        check_is_fitted(self)
        if name in self.location_:
            raise ValueError(f"Batch {name!r} is known already; its parameters are frozen.")
        reading.features(X, self.features_)  # says which is missing
        meta = [column for column in (self.batch, *self.covariates) if column in X.columns]
        location, scale = self.estimate_batch(X[[*meta, *self.features_]])
        if self.batch in X.columns and self._batch(X)[0] != name:
            raise ValueError(f"The patients are of batch {self._batch(X)[0]!r}, not {name!r}.")
        extended = copy(self)
        extended.location_ = {**self.location_, name: location}
        extended.scale_ = {**self.scale_, name: scale}
        extended.n_per_batch_ = {**self.n_per_batch_, name: len(X)}
        extended.estimated_from_ = {**self.estimated_from_, name: len(X)}
        extended.cautions_ = (*self.cautions_, *_few({name: len(X)}))
        return extended

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the harmonised features; `input_features` is not used."""
        check_is_fitted(self)
        return np.array(self.features_, dtype=object)

    def _learn(self, table: pd.DataFrame, code: NDArray[np.int64], size: FloatArray) -> None:
        """Set grand mean, coefficients, pooled SD and the effect of each batch."""
        found = learn(
            reading.features(table, self.features_),
            terms=reading.design(table, self._covariates()),
            batch=code,
            size=size,
            covariates=self._covariates(),
            reference=None if self.reference is None else self.batches_.index(self.reference),
            how=self._how(),
        )
        self.grand_mean_, self.covariate_coefficients_ = found.grand_mean, found.slope
        self.pooled_sd_ = found.pooled_sd
        self.unchanged_ = tuple(self.features_[j] for j in np.flatnonzero(found.unchanged))
        self.location_ = dict(zip(self.batches_, found.location, strict=True))
        self.scale_ = dict(zip(self.batches_, found.scale, strict=True))

    def _roles(self) -> dict[str, Any]:
        return {"batch": self.batch, "covariates": self.covariates, "outcome": self.outcome}

    def _batch(self, table: pd.DataFrame) -> reading.Labels:
        if self.batch not in table.columns:
            raise ValueError(
                f"The table has no column {self.batch!r}, which holds the batch. Add it."
            )
        return reading.labels(table[self.batch], role="Batch")

    def _how(self) -> Shrinkage:
        return Shrinkage(
            parametric=self.parametric,
            mean_only=self.mean_only,
            empirical_bayes=self.empirical_bayes,
        )

    def _covariates(self) -> list[reading.Covariate]:
        levels = self.covariate_levels_
        return [reading.Covariate(column=c, levels=levels.get(c)) for c in self.covariates]

    def _estimate(
        self, x: FloatArray, terms: FloatArray, columns: NDArray[np.intp], name: str
    ) -> tuple[FloatArray, FloatArray]:
        """Return location and scale of a new batch; `columns` places the rows of `x`."""
        if x.shape[1] < 2:
            raise ValueError(
                f"Batch {name!r} has {x.shape[1]} patient; its location and scale need at least "
                "2. Collect more patients of that scanner, or predict without harmonising."
            )
        covariate_effect = terms.T @ self.covariate_coefficients_[:, columns]
        return batch_effect(
            x.T,
            expected=self.grand_mean_[columns] + covariate_effect,
            pooled_sd=self.pooled_sd_[columns],
            parametric=self.parametric,
            mean_only=self.mean_only,
            empirical_bayes=self.empirical_bayes,
        )


def _few(sizes: dict[str, int]) -> list[str]:
    """Return a caution for each batch that is too small for a stable scale."""
    return [
        f"Batch {name!r} has {n} patients; its location and scale are unstable below "
        f"{FEW_PATIENTS}."
        for name, n in sizes.items()
        if n < FEW_PATIENTS
    ]
