"""Unpenalised logistic and Cox regression on columns of a table, with publishable ratios."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils import ClassifierTags, check_consistent_length, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from extval.features.modelling._likelihoods import (
    COX,
    LOGISTIC,
    Outcome,
    baseline_hazard,
    likelihood_ratio,
    maximum,
    term_table,
    trouble,
    wald,
    with_firth,
)
from extval.features.modelling.outcome import is_survival, time_and_event
from extval.features.modelling.patients import LearnsFromPatients
from extval.features.modelling.predictors import (
    CATEGORICAL,
    FEW_VALUES,
    Declared,
    Predictor,
    learned,
    table_of,
)
from extval.stats import _checks
from extval.stats._checks import FloatArray
from extval.stats.firth import firth_logistic
from extval.stats.results import Status

KINDS = (LOGISTIC, COX)
TIES = ("efron", "breslow")
SEPARATION = ("undefined", "firth")
FIRTH = "Firth's penalised estimate stands in its place."


def of_kind(kind: str) -> Any:
    """Return the check that a method exists for one kind of model only."""
    return available_if(lambda model: model.kind == kind)


class RegressionModel(LearnsFromPatients, BaseEstimator):  # type: ignore[misc]
    r"""Multivariable logistic or Cox regression by maximum likelihood.

    Parameters
    ----------
    kind : {"logistic", "cox"}
    predictors : mapping, list of str, or None
        Columns of the table and how they enter: see
        `extval.features.modelling.predictors.learned`. Text is coded by treatment contrasts with
        a reference level (declared, else the first sorted level); numbers, 0/1 among them, enter
        as they are; ``{"size_gt_10": {"column": "size_cm", "above": 10}}`` enters a cut. None
        takes all columns, an empty list none.
    ties : {"efron", "breslow"}
        Of a Cox model.
    horizons : list of float or None
        Times, in the unit of the follow-up, at which a Cox model predicts risk; increasing.
    confidence_level : float in (0, 1)
        Of the intervals in `table_`.
    separation : {"undefined", "firth"}
        What stands for a logistic model that has no maximum-likelihood estimate because outcomes
        are separated: NaN, or Firth's penalised estimate. `sentence_` says so either way.

    Attributes
    ----------
    predictors_ : tuple of Predictor
    settings_ : dict of str to dict
        The same as plain declarations, kinds and levels filled in.
    terms_ : tuple of str
        One a coefficient: "age", "stage=T2".
    coef_ : ndarray of shape (terms,)
        Log odds ratios or log hazard ratios a unit. NaN where no finite estimate exists; then
        `sentence_` says why, and predictions are NaN.
    intercept_ : float
        Of a logistic model; 0 for a Cox model.
    levels_ : dict of str to tuple
        Levels of the categorical predictors, the reference first.
    means_ : ndarray of shape (terms,)
        Column means of the development patients. A Cox linear predictor is 0 there.
    ranges_ : dict of str to (float, float)
        Lowest and highest development value of each predictor that is not categorical.
    values_ : dict of str to tuple of float
        The development values of such a predictor, if at most 10 are distinct.
    lp_range_ : tuple of float
        Lowest and highest linear predictor of the development patients.
    baseline_time_, baseline_hazard_ : ndarray
        Of a Cox model: event times, and the cumulative hazard from each on, of a patient whose
        linear predictor is 0.
    baseline_survival_ : dict of float to float
        The survival of that patient at `horizons`. NaN beyond the longest follow-up.
    last_follow_up_ : float
        Longest follow-up of a Cox model's development patients.
    classes_ : ndarray of shape (2,)
        The two outcomes of a logistic model; the second is the event.
    log_likelihood_ : float
    n_, events_ : int
    firth_ : bool
        Whether Firth's estimate stands for one that does not exist.
    sentence_ : str
        Why something is undefined, and which declared levels nobody had; empty if all is well.

    Notes
    -----
    Logistic: :math:`logit(p) = a + x'b`. Cox: :math:`S(t) = S_0(t)^{\exp((x - \bar x)'b)}`, where
    :math:`S_0 = \exp(-H_0)` with Efron's (Breslow's) cumulative hazard, at the column *means*,
    indicator columns included, as rms ``cph`` has it. R's survival since version 3.2 leaves 0/1
    columns uncentred: its baseline differs from this one, its predictions do not. Agrees with R
    survival 3.5.3 ``coxph`` and ``survfit`` and with stats 4.2 ``glm``: coefficients, Wald limits
    and likelihood-ratio tests to 1e-8, profile limits to 1e-6.

    References
    ----------
    Venzon & Moolgavkar (1988), Appl Stat 37:87 (profile limits). :doi:`10.2307/2347496`

    Examples
    --------
    >>> import pandas as pd
    >>> from extval.features.modelling.regression import RegressionModel
    >>> x = pd.DataFrame({"size_cm": [4, 12, 8, 15, 11, 6, 9, 13]}, index=list("ABCDEFGH"))
    >>> cut = {"size_gt_10": {"column": "size_cm", "above": 10}}
    >>> model = RegressionModel(predictors=cut).fit(x, [0, 1, 1, 0, 1, 0, 0, 1])
    >>> model.terms_, round(float(model.table_["ratio"][0]), 6)
    (('size_gt_10',), 9.0)
    """

    def __init__(
        self,
        kind: str = LOGISTIC,
        predictors: Declared = None,
        *,
        ties: str = "efron",
        horizons: Any = None,
        confidence_level: float = 0.95,
        separation: str = "undefined",
    ) -> None:
        self.kind = kind
        self.predictors = predictors
        self.ties = ties
        self.horizons = horizons
        self.confidence_level = confidence_level
        self.separation = separation

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Fit the model.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, columns)
        y : array_like of shape (n,)
            Two outcomes, the greater one (1) the event; of a Cox model,
            `extval.features.modelling.outcome.survival`.

        Returns
        -------
        RegressionModel

        Raises
        ------
        ValueError
            If the outcome is of the other kind or has no event, or a patient has no value or an
            undeclared level.
        """
        _checks.choice(self.kind, KINDS, name="kind")
        _checks.choice(self.separation, SEPARATION, name="separation")
        table, named = table_of(self, X, self.predictors, reset=True)
        self.predictors_ = learned(self.predictors, table, named=named)
        columns = self._columns(table, named=named)
        outcome, classes = outcome_of(self.kind, X, y, ties=self.ties)
        if classes is not None:
            self.classes_ = classes
        self._remember(X)
        self.terms_ = tuple(term for p in self.predictors_ for term in p.terms)
        self.settings_ = {p.name: p.setting for p in self.predictors_}
        self.levels_ = {p.name: p.levels for p in self.predictors_ if p.kind == CATEGORICAL}
        self.means_ = columns.mean(axis=0)
        self.n_, self.events_ = columns.shape[0], int(np.count_nonzero(outcome.event))
        self._training = (outcome, columns)
        self._best = maximum(outcome, columns)
        self._table: pd.DataFrame | None = None
        self._tests: pd.DataFrame | None = None

        single = [p.name for p in self.predictors_ if not p.terms]
        self.sentence_ = trouble(outcome, columns, self.terms_, self._best.status)
        if single and not self.sentence_:
            names = ", ".join(single)
            self.sentence_ = f"Not estimable: all patients have the same value of {names}."
        undefined = bool(single) or np.isnan(self._best.log_likelihood)
        self.coef_ = np.full_like(self.means_, np.nan) if single else self._best.coefficients
        self.intercept_ = np.nan if undefined else self._best.intercept
        self.log_likelihood_ = np.nan if undefined else self._best.log_likelihood
        wanted = self.separation == "firth" and self._best.status is Status.SEPARATION
        self.firth_ = wanted and not single and self._learn_firth(columns, outcome)
        self._describe(columns)
        if self.kind == COX:
            self._learn_baseline(outcome, columns, undefined=undefined)
        for predictor in self.predictors_:
            if predictor.absent:
                absent = ", ".join(map(str, predictor.absent))
                note = f"No patient had the declared level {absent} of {predictor.name}."
                self.sentence_ = f"{self.sentence_} {note}".strip()
        return self

    @property
    def table_(self) -> pd.DataFrame:
        """One row a term: coefficient, se, ratio, both intervals, both P values, and a note.

        Limits are on the scale of the ratio. Computed when first read.
        """
        check_is_fitted(self, "coef_")
        if self._table is None:
            self._table = term_table(
                *self._training,
                self.terms_,
                self._best,
                level=_checks.level(self.confidence_level),
                note=self.sentence_ if np.isnan(self.log_likelihood_) else "",
            )
            if self.firth_:
                with_firth(self._table, self.coef_, self._firth_se, self.confidence_level)
        return self._table

    @property
    def tests_(self) -> pd.DataFrame:
        """One row a predictor: joint tests of all its coefficients, likelihood-ratio and Wald."""
        check_is_fitted(self, "coef_")
        if self._tests is None:
            rows = []
            for predictor, places in self._places():
                ratio = likelihood_ratio(*self._training, self._best, places)
                joint = wald(self._best, places)
                numbers = (ratio.statistic, ratio.p_value, joint.statistic, joint.p_value)
                rows.append((predictor.name, ratio.df, *numbers))
            names = ["predictor", "df", "likelihood_ratio", "likelihood_ratio_p", "wald", "wald_p"]
            self._tests = pd.DataFrame(rows, columns=names)
        return self._tests

    def linear_predictor(self, X: Any) -> FloatArray:  # noqa: N803
        """Return the log odds, or the log hazard ratio to a patient at `means_`, shape (n,).

        Raises
        ------
        ValueError
            If a patient has no value, or a level that the model does not know.
        """
        check_is_fitted(self, "coef_")
        table, named = table_of(self, X, self.predictors, reset=False)
        return self._predictor_of(self._columns(table, named=named))

    @of_kind(LOGISTIC)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> FloatArray:  # noqa: N803
        """Return the probabilities of the two outcomes, shape (n, 2)."""
        lp = self.linear_predictor(X)
        return np.column_stack((expit(-lp), expit(lp)))

    @of_kind(LOGISTIC)  # type: ignore[untyped-decorator]
    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the more probable outcome, shape (n,); a tie is the event.

        Raises
        ------
        ValueError
            If the model has no finite estimate.
        """
        lp = self.linear_predictor(X)
        if np.isnan(lp).any():
            raise ValueError(f"No outcome can be predicted. {self.sentence_}")
        return np.asarray(self.classes_[(lp >= 0.0).astype(np.intp)])

    @of_kind(COX)  # type: ignore[untyped-decorator]
    def survival(self, X: Any, horizons: ArrayLike | None = None) -> FloatArray:  # noqa: N803
        """Return the probability of no event up to each horizon, shape (n, horizons).

        NaN at a horizon of the constructor that no development patient was followed to.

        Raises
        ------
        ValueError
            If there are no horizons, or one given here is beyond the longest follow-up.
        """
        check_is_fitted(self, "coef_")
        if horizons is None:
            if not self.baseline_survival_:
                raise ValueError("Give `horizons`, here or when the model is made.")
            baseline = np.array(list(self.baseline_survival_.values()))
        else:
            times = _checks.horizons(horizons)
            if times[-1] > self.last_follow_up_:
                raise ValueError(
                    f"Horizon {times[-1]:g} is beyond the longest follow-up of the development "
                    f"patients, {self.last_follow_up_:g}; the model knows nothing there."
                )
            baseline = self._baseline_at(times)
        return np.asarray(baseline ** np.exp(self.linear_predictor(X))[:, None])

    @of_kind(COX)  # type: ignore[untyped-decorator]
    def risk(self, X: Any, horizons: ArrayLike | None = None) -> FloatArray:  # noqa: N803
        """Return the probability of an event up to each horizon: 1 - `survival`."""
        return np.asarray(1.0 - self.survival(X, horizons))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        if self.kind == LOGISTIC:
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags

    def _columns(self, table: pd.DataFrame, *, named: bool) -> FloatArray:
        blocks = [p.columns(table, named=named) for p in self.predictors_]
        return np.concatenate([np.empty((len(table), 0)), *blocks], axis=1)

    def _places(self) -> list[tuple[Predictor, list[int]]]:
        """Return each predictor with the places of its coefficients."""
        places, first = [], 0
        for predictor in self.predictors_:
            places.append((predictor, list(range(first, first + len(predictor.terms)))))
            first += len(predictor.terms)
        return places

    def _predictor_of(self, columns: FloatArray) -> FloatArray:
        if self.kind == COX:
            columns = columns - self.means_
        # Summed column by column, so that a patient's value does not depend on who else is there.
        return np.asarray(self.intercept_ + (columns * self.coef_).sum(axis=1))

    def _learn_firth(self, columns: FloatArray, outcome: Outcome) -> bool:
        """Take Firth's estimate where maximum likelihood has none; return whether there is one."""
        centred = np.column_stack((np.ones(len(columns)), columns - self.means_))
        fit = firth_logistic(centred, outcome.event)
        if fit.status is not Status.OK:
            return False
        self.coef_ = fit.coefficients[1:]
        self.intercept_ = float(fit.coefficients[0] - self.means_ @ self.coef_)
        self._firth_se = np.sqrt(np.diag(fit.covariance))[1:]
        self.sentence_ = f"{self.sentence_} {FIRTH}"
        return True

    def _describe(self, columns: FloatArray) -> None:
        """Keep what a nomogram needs of the development patients."""
        self.ranges_: dict[str, tuple[float, float]] = {}
        self.values_: dict[str, tuple[float, ...]] = {}
        for predictor, places in self._places():
            if predictor.kind != CATEGORICAL:
                values = np.unique(columns[:, places[0]])
                self.ranges_[predictor.name] = (float(values[0]), float(values[-1]))
                if values.size <= FEW_VALUES:
                    self.values_[predictor.name] = tuple(float(v) for v in values)
        lp = self._predictor_of(columns)
        self.lp_range_ = (float(lp.min()), float(lp.max()))

    def _learn_baseline(self, outcome: Outcome, columns: FloatArray, *, undefined: bool) -> None:
        assert outcome.time is not None
        self.last_follow_up_ = float(outcome.time.max())
        self.baseline_time_, self.baseline_hazard_ = np.empty(0), np.empty(0)
        if not undefined:
            found = baseline_hazard(outcome, columns, self.coef_)
            self.baseline_time_, self.baseline_hazard_ = found
        self.baseline_survival_: dict[float, float] = {}
        if self.horizons is None:
            return
        times = _checks.horizons(self.horizons)
        survival = self._baseline_at(times) if not undefined else np.full(times.size, np.nan)
        survival[times > self.last_follow_up_] = np.nan
        self.baseline_survival_ = dict(zip(times.tolist(), survival.tolist(), strict=True))
        if times[-1] > self.last_follow_up_:
            self.sentence_ = (
                f"{self.sentence_} No risk is estimable beyond the longest follow-up, "
                f"{self.last_follow_up_:g}."
            ).strip()

    def _baseline_at(self, times: FloatArray) -> FloatArray:
        running = np.concatenate(([0.0], self.baseline_hazard_))
        return np.exp(-running[np.searchsorted(self.baseline_time_, times, side="right")])


def outcome_of(
    kind: str, x: Any, y: Any, *, ties: str = "efron"
) -> tuple[Outcome, NDArray[Any] | None]:
    """Return the outcome as the fit takes it and, of a logistic model, its two classes.

    Raises
    ------
    ValueError
        If the outcome does not fit the kind of model, or nobody (or everybody) has the event.
    """
    if kind == COX:
        if not is_survival(y):
            raise ValueError(
                "A Cox model learns a time to event: make `y` with "
                "`extval.features.modelling.outcome.survival(time, event)`."
            )
        check_consistent_length(x, y)
        time, event = time_and_event(y)
        time = _checks.durations(time)
        if not event.any():
            raise ValueError("No patient has the event, so no Cox model can be fitted.")
        return Outcome(event=event, time=time, ties=_checks.choice(ties, TIES, name="ties")), None
    if is_survival(y):
        raise ValueError("A logistic model learns a 0/1 outcome; `y` is a time to event.")
    labels = column_or_1d(y, warn=True)
    check_classification_targets(labels)
    check_consistent_length(x, labels)
    classes = np.unique(labels)
    if classes.size != 2:
        raise ValueError(
            "Only binary classification is supported: a logistic model needs two classes of "
            f"outcome; `y` holds {classes.size} class(es): {', '.join(map(str, classes[:5]))}."
        )
    return Outcome(event=np.ascontiguousarray(labels == classes[1])), classes
