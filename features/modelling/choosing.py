"""Choosing one of several classifiers: on development, or, with a caution, on external patients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any, Self

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from extval.features.modelling._candidate import CLASSIFIERS
from extval.features.modelling.classifiers import (
    TunedClassifier,
    draw_folds,
    two_outcomes,
    usable_folds,
)
from extval.features.modelling.out_of_fold import splits
from extval.features.modelling.patients import LearnsFromPatients, rows_by_patient
from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray
from extval.stats.brier import brier, log_loss
from extval.stats.roc import auc

METRICS = ("auc", "brier", "log-loss")
RULES = ("one-standard-error", "best")

# The simplest first: the order in which candidates that are as good as the best are taken.
ALL_CANDIDATES = tuple((name, smote) for name in CLASSIFIERS for smote in (False, True))

CAUTION = (
    "CAUTION: the classifier was chosen on the external patients, as the one of {count} with the "
    "highest AUC there. That AUC ({value:.3f}) is therefore optimistic and is not an external "
    "validation; other patients are needed for one."
)

SAME = 1e-12  # a difference that is rounding alone


class ChosenClassifier(LearnsFromPatients, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Choose a classifier by repeated cross-validation on development, and fit it to all of it.

    The tuning of every candidate is repeated in every training fold, so that the estimate of
    each is of the whole procedure. All candidates are judged on the same folds.

    Parameters
    ----------
    candidates : sequence of (name, smote), optional
        Names of `classifiers.CLASSIFIERS`, each without or with SMOTE, simplest first; by default
        all twelve in the order of `ALL_CANDIDATES`.
    n_folds : int, at least 2
        Outer folds; as many as the rarer outcome has patients where that is fewer.
    repeats : int, at least 1
        How often the outer folds are drawn.
    metric : {"auc", "brier", "log-loss"}
        What is averaged over folds: the AUC within the fold, the Brier score, or the log loss of
        the recalibrated probabilities.
    rule : {"one-standard-error", "best"}
        The first of the candidates that are within one standard error of the best, or the best
        itself (the first of equals).
    tuning_folds, tuning_repeats : int
        `n_folds` and `repeats` of `TunedClassifier`, in every fold and in the final fit.
    random_state : int
        Seed.
    n_jobs : int
        Workers (joblib); the result does not depend on it.
    choose_on : {"development"}
        This estimator never sees external patients. ``"external"`` is refused with the name of
        the function that does it, `choose_on_external`.

    Attributes
    ----------
    chosen_ : tuple of (str, bool)
        Name and SMOTE of the chosen candidate.
    model_ : TunedClassifier
        It, fitted to all patients.
    table_ : list of dict
        One row a candidate in the given order: `name`, `smote`, `mean` of the metric over folds
        and repeats, `sd` of the means of the repeats (None for one repeat), `per_repeat`,
        `worse` (the mean difference to the best, fold by fold, not negative),
        `worse_standard_error`, `within_one_standard_error`, `chosen`.
    results_ : ndarray of shape (candidates, repeats, n_folds_)
        The metric in every fold.
    fold_ : ndarray of int, shape (repeats, n)
    n_folds_ : int
    classes_ : ndarray of shape (2,)
    holds_patients_ : bool
        Of `model_`.
    notes_ : tuple of str
        What was unusual, in sentences, those of `model_` included.

    Notes
    -----
    With the differences :math:`d_j` to the best in the :math:`J` folds of all repeats, of
    variance :math:`s^2`, the standard error of their mean is
    :math:`\sqrt{(1/J + 1/(k-1))\, s^2}` for k folds [1]_: training sets overlap, so that repeats
    do not multiply patients. The mean of the chosen candidate is a little optimistic, being
    among the highest of several; a bootstrap or cross-validation of this estimator is not.

    References
    ----------
    .. [1] Nadeau & Bengio (2003), Mach Learn 52:239. :doi:`10.1023/A:1024068626366`
    """

    def __init__(
        self,
        candidates: Sequence[tuple[str, bool]] | None = None,
        *,
        n_folds: int = 5,
        repeats: int = 5,
        metric: str = "auc",
        rule: str = "one-standard-error",
        tuning_folds: int = 5,
        tuning_repeats: int = 1,
        random_state: int = 0,
        n_jobs: int = 1,
        choose_on: str = "development",
    ) -> None:
        self.candidates = candidates
        self.n_folds = n_folds
        self.repeats = repeats
        self.metric = metric
        self.rule = rule
        self.tuning_folds = tuning_folds
        self.tuning_repeats = tuning_repeats
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.choose_on = choose_on

    def fit(self, x: ArrayLike, y: ArrayLike) -> Self:
        """Judge every candidate, choose one and fit it.

        Parameters
        ----------
        x : array_like or DataFrame of shape (n, p), finite
            Features.
        y : array_like of shape (n,)
            Outcome, 0 or 1 (or two other labels, the later of which is the event).

        Raises
        ------
        ValueError
            If a setting is unknown, a candidate is given twice, or a candidate refuses its input.
        """
        candidates = self._checked_candidates()
        self._remember(x)
        rows, labels = validate_data(self, x, y, dtype=np.float64, ensure_min_samples=2)
        first, patient = rows_by_patient(x, labels.size)
        self.classes_, _ = two_outcomes(labels[first])
        is_event = np.asarray(labels == self.classes_[1])
        self.n_folds_, notes = usable_folds(is_event[first], self.n_folds, self.repeats)
        _enough_to_nest(is_event[first], self.n_folds_)
        self.fold_ = draw_folds(is_event[first], self.n_folds_, self.repeats, self.random_state)
        self.fold_ = self.fold_[:, patient]
        # The models of the folds must know a patient's copies as well.
        named = pd.DataFrame(rows, index=patient)
        tasks = [(c, r) for c in range(len(candidates)) for r in range(self.repeats)]
        found = Parallel(n_jobs=self.n_jobs)(
            delayed(_judged)(self._unfitted(candidates[c]), named, is_event, fold, self.metric)
            for c, fold in ((c, self.fold_[r]) for c, r in tasks)
        )
        self.results_ = np.reshape(found, (len(candidates), self.repeats, self.n_folds_))
        self.table_ = comparison_table(
            candidates, self.results_, higher_is_better=self.metric == "auc", rule=self.rule
        )
        self.chosen_ = next(
            candidate
            for candidate, row in zip(candidates, self.table_, strict=True)
            if row["chosen"]
        )
        # `x` and not `rows`: the model keeps the names of features and patients.
        self.model_ = self._unfitted(self.chosen_).fit(x, labels)
        self.holds_patients_ = self.model_.holds_patients_
        self.notes_ = tuple(notes) + tuple(n for n in self.model_.notes_ if n not in notes)
        return self

    def linear_predictor(self, x: ArrayLike) -> FloatArray:
        """Return the logit of the recalibrated probability of the event, shape (n,)."""
        return self._fitted_to(x).linear_predictor(x)

    def predict_proba(self, x: ArrayLike) -> FloatArray:
        """Return recalibrated probabilities of the two outcomes, shape (n, 2)."""
        return self._fitted_to(x).predict_proba(x)

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return the likelier outcome of each row, shape (n,)."""
        return self._fitted_to(x).predict(x)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _fitted_to(self, x: ArrayLike) -> TunedClassifier:
        """Return the chosen model after a check of `x` in this estimator's own name."""
        check_is_fitted(self)
        validate_data(self, x, dtype=np.float64, reset=False)
        return self.model_

    def _unfitted(self, candidate: tuple[str, bool]) -> TunedClassifier:
        name, smote = candidate
        return TunedClassifier(
            name,
            smote=smote,
            n_folds=self.tuning_folds,
            repeats=self.tuning_repeats,
            random_state=self.random_state,
        )

    def _checked_candidates(self) -> list[tuple[str, bool]]:
        if self.choose_on != "development":
            raise ValueError(
                f"`choose_on` is {self.choose_on!r}, and this estimator chooses on development "
                "alone. To repeat a study that chose on its external patients, call "
                "`choose_on_external`, whose result carries a caution."
            )
        _checks.choice(self.metric, METRICS, name="metric")
        _checks.choice(self.rule, RULES, name="rule")
        given = ALL_CANDIDATES if self.candidates is None else self.candidates
        candidates = [(str(name), bool(smote)) for name, smote in given]
        if not candidates:
            raise ValueError("`candidates` is empty; give at least one (name, smote).")
        for name, _ in candidates:
            if name not in CLASSIFIERS:
                raise ValueError(
                    f"`candidates` has {name!r}; a name must be one of {', '.join(CLASSIFIERS)}."
                )
        twice = [each for each in candidates if candidates.count(each) > 1]
        if twice:
            raise ValueError(f"`candidates` has {label(*twice[0])} more than once.")
        return candidates


def _enough_to_nest(is_event: BoolArray, n_folds: int) -> None:
    """Raise unless the rarer outcome can be divided again in every training fold."""
    events = int(np.count_nonzero(is_event))
    fewest = min(events, is_event.size - events)
    left = fewest - ceil(fewest / n_folds)
    if left < 2:
        raise ValueError(
            "choosing tunes every candidate anew in each training fold, which needs at least 2 "
            f"patients of each class there; {fewest} with the rarer outcome in {n_folds} folds "
            f"leave {left}. Use one classifier (`TunedClassifier`)."
        )


def label(name: str, smote: bool) -> str:  # noqa: FBT001 - the two halves of a candidate
    """Return how a candidate is called in tables, for example ``"svm + SMOTE"``."""
    return f"{name} + SMOTE" if smote else name


def comparison_table(
    candidates: Sequence[tuple[str, bool]],
    results: FloatArray,
    *,
    higher_is_better: bool,
    rule: str,
) -> list[dict[str, Any]]:
    """Return the table of `ChosenClassifier` from the metric in every fold.

    Parameters
    ----------
    candidates : sequence of (name, smote)
        Simplest first.
    results : ndarray of shape (candidates, repeats, folds)
        The metric.
    higher_is_better : bool
        False for a loss.
    rule : {"one-standard-error", "best"}
    """
    means = results.mean(axis=(1, 2))
    goodness = means if higher_is_better else -means
    best = int(np.flatnonzero(goodness >= goodness.max() - SAME)[0])
    n_folds = results.shape[2]
    share = 1.0 / (results.shape[1] * n_folds) + 1.0 / (n_folds - 1)
    table: list[dict[str, Any]] = []
    for c, (name, smote) in enumerate(candidates):
        gap = results[best] - results[c] if higher_is_better else results[c] - results[best]
        worse = max(float(gap.mean()), 0.0)
        error = sqrt(share * float(gap.var(ddof=1)))
        per_repeat = results[c].mean(axis=1)
        table.append(
            {
                "name": name,
                "smote": smote,
                "mean": float(means[c]),
                "sd": float(per_repeat.std(ddof=1)) if per_repeat.size > 1 else None,
                "per_repeat": [float(value) for value in per_repeat],
                "worse": worse,
                "worse_standard_error": error,
                "within_one_standard_error": worse <= error + SAME,
                "chosen": False,
            }
        )
    chosen = best
    if rule == "one-standard-error":
        chosen = next(c for c, row in enumerate(table) if row["within_one_standard_error"])
    table[chosen]["chosen"] = True
    return table


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalChoice:
    """A choice made on the patients it should have been tested on.

    Attributes
    ----------
    chosen : str
        Key of the chosen candidate.
    auc : dict of str to float
        External AUC of every candidate.
    n, events : int
        External patients and events.
    caution : str
        What a report must print beside the chosen candidate's external AUC.
    """

    chosen: str
    auc: dict[str, float]
    n: int
    events: int
    caution: str


def choose_on_external(
    fitted_candidates: Mapping[str, Any], x: ArrayLike, y: ArrayLike
) -> ExternalChoice:
    """Choose the candidate with the highest AUC in external patients, and say what that costs.

    Only for repeating a study that did so: the AUC of the chosen candidate in these patients is
    the highest of several and thereby optimistic.

    Parameters
    ----------
    fitted_candidates : mapping of str to fitted classifier
        With `linear_predictor`; the first of equals is chosen.
    x : array_like or DataFrame of shape (n, p)
        Features of the external patients.
    y : array_like of shape (n,), 0 or 1
        Their outcome.

    Raises
    ------
    ValueError
        If there is no candidate, or all patients have the same outcome.
    """
    is_event = _checks.binary(np.asarray(y), name="y")
    events = int(np.count_nonzero(is_event))
    if not fitted_candidates:
        raise ValueError("`fitted_candidates` is empty; give at least one fitted classifier.")
    if events in (0, is_event.size):
        raise ValueError(
            "all external patients have the same outcome, so that no AUC can choose between "
            "candidates."
        )
    values = {
        key: auc(is_event, model.linear_predictor(x)).value
        for key, model in fitted_candidates.items()
    }
    highest = max(values.values())
    chosen = next(key for key, value in values.items() if value >= highest - SAME)
    return ExternalChoice(
        chosen=chosen,
        auc=values,
        n=int(is_event.size),
        events=events,
        caution=CAUTION.format(count=len(values), value=values[chosen]),
    )


def _judged(
    model: TunedClassifier,
    table: pd.DataFrame,
    is_event: BoolArray,
    fold: NDArray[np.intp],
    metric: str,
) -> list[float]:
    """Return the metric in every fold, the model tuned and fitted anew for each."""
    found = []
    for train, test in splits(fold):
        model.fit(table.iloc[train], is_event[train].astype(np.int64))
        own = table.iloc[test]
        if metric == "auc":
            value = auc(is_event[test], model.linear_predictor(own)).value
        elif metric == "brier":
            value = brier(is_event[test], model.predict_proba(own)[:, 1]).value
        else:
            value = log_loss(is_event[test], model.predict_proba(own)[:, 1]).value
        found.append(value)
    return found
