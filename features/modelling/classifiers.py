"""Six classifiers of a 0/1 outcome, tuned, with or without SMOTE, and recalibrated."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from extval.features.modelling._candidate import (
    CLASSIFIERS,
    TREES_WHILE_TUNING,
    TUNING_GRIDS,
    FittedCandidate,
    Settings,
    fit_candidate,
    scores_over_grid,
    settings_of,
)
from extval.features.modelling.balancing import SMOTE_NEIGHBORS, neighbors_available
from extval.features.modelling.out_of_fold import splits, stratified_folds
from extval.features.modelling.patients import LearnsFromPatients, rows_by_patient
from extval.features.modelling.recalibrating import recalibrate
from extval.stats._checks import BoolArray, FloatArray
from extval.stats.placements import placements

__all__ = ["CLASSIFIERS", "TREES_WHILE_TUNING", "TUNING_GRIDS", "TunedClassifier"]

SAME_AUC = 1e-12  # settings whose mean AUCs differ by rounding alone are equally good


class TunedClassifier(LearnsFromPatients, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Tune a classifier by cross-validation, recalibrate its score out of fold, and fit it.

    ================= ==========================================================================
    `name`            scikit-learn estimator; default grid, simplest first; what is fixed
    ================= ==========================================================================
    `logistic`        ``LogisticRegression``, ridge (the intercept is not penalised);
                      C 0.01, 0.1, 1, 10, 100
    `decision-tree`   ``DecisionTreeClassifier``; max_depth 1, 2, 3, min_samples_leaf 10, 5
    `knn`             ``KNeighborsClassifier``; n_neighbors 21, 15, 9, 5, 3 (those that the
                      smallest training fold allows); equal weights, Euclidean
    `svm`             ``SVC``; kernel linear, rbf, C 0.1, 1, 10; gamma "scale"
    `adaboost`        ``AdaBoostClassifier`` of stumps; n_estimators 10, 25, 50; learning rate 1
    `random-forest`   ``RandomForestClassifier``; min_samples_leaf 5; 300 trees (100 out of
                      fold), square root of the number of features at a split
    ================= ==========================================================================

    Parameters
    ----------
    name : str
        One of the above.
    smote : bool
        Balance the outcomes of the rows to fit on with SMOTE (`balancing.balance`).
    grid : mapping of str to sequence, optional
        Parameters and values to try instead of the default, simplest first.
    n_folds : int, at least 2
        Folds; as many as the rarer outcome has patients where that is fewer.
    repeats : int, at least 1
        How often the folds are drawn.
    random_state : int
        Seed of folds, SMOTE and trees.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        Outcomes; the second is the event.
    best_params_ : dict
        Settings with the highest mean AUC over folds and repeats; the simplest of equals.
    tuning_table_ : list of dict
        Settings, mean AUC and its SD over the repeats (None for one repeat), in grid order.
    recalibration_intercept_, recalibration_slope_ : float
        The linear predictor is intercept + slope score (`recalibrating.recalibrate`).
    mean_, scale_ : ndarray of shape (p,)
        Mean and SD (n - 1) of the features; 1 instead of the SD of a constant.
    coef_, intercept_ : ndarray of shape (p,), float
        Of the linear predictor in the features as given, scaling and recalibration included;
        only for a logistic regression and a linear SVM.
    estimator_ : scikit-learn estimator
        Fitted to all patients, scaled.
    out_of_fold_scores_ : ndarray of shape (repeats, n)
        Scores before recalibration of patients in whose fit they had no part.
    out_of_fold_ : ndarray of shape (n,)
        Recalibrated linear predictors, the mean over repeats: what a nomogram that includes this
        signature should be fitted on.
    fold_ : ndarray of int, shape (repeats, n)
        Fold of every patient.
    n_fitted_ : int
        Patients fitted on.
    n_synthetic_ : int
        Synthetic patients added to them.
    n_folds_ : int
        Folds used.
    holds_patients_ : bool
        Whether `estimator_` contains rows of (scaled) features of patients: all of them for KNN,
        support vectors for SVM. With SMOTE some of these rows are synthetic, which does not
        make the others less real.
    notes_ : tuple of str
        What was unusual, in sentences.

    Notes
    -----
    The score is the decision function of logistic regression, SVM and AdaBoost, and for the other
    three the logit of their share of votes moved off 0 and 1
    (`recalibrating.squeezed_logit`). Tuning looks at the AUC, because neither the scores of an SVM
    or AdaBoost nor anything after SMOTE is a probability before recalibration. Within each
    training fold features are scaled, then balanced. The two numbers of the recalibration are
    estimated from the out-of-fold scores of the best settings, on real patients only; that the
    same folds chose those settings makes the slope a little too high, which the small grids
    bound. The order of patients matters to the draw of the folds and of the trees' samples, and
    to the third digit of an SVM's score, at which libsvm stops; to nothing else.
    """

    def __init__(
        self,
        name: str = "logistic",
        *,
        smote: bool = False,
        grid: Mapping[str, Sequence[Any]] | None = None,
        n_folds: int = 5,
        repeats: int = 5,
        random_state: int = 0,
    ) -> None:
        self.name = name
        self.smote = smote
        self.grid = grid
        self.n_folds = n_folds
        self.repeats = repeats
        self.random_state = random_state

    def fit(self, x: ArrayLike, y: ArrayLike) -> Self:
        """Tune, recalibrate and fit.

        Parameters
        ----------
        x : array_like or DataFrame of shape (n, p), finite
            Features.
        y : array_like of shape (n,)
            Outcome, 0 or 1 (or two other labels, the later of which is the event).

        Raises
        ------
        ValueError
            If a setting is unknown, an outcome has fewer than two patients, no feature varies, or
            SMOTE has fewer than two patients of the rarer outcome in a training fold.
        """
        self._remember(x)
        rows, labels = validate_data(self, x, y, dtype=np.float64, ensure_min_samples=2)
        first, patient = rows_by_patient(x, labels.size)
        self.classes_, _ = two_outcomes(labels[first])
        is_event = np.asarray(labels == self.classes_[1])
        self.n_fitted_ = int(is_event.size)
        self.n_folds_, notes = usable_folds(is_event[first], self.n_folds, self.repeats)
        self.fold_ = draw_folds(is_event[first], self.n_folds_, self.repeats, self.random_state)
        self.fold_ = self.fold_[:, patient]
        notes += self._smote_notes(is_event)
        if not np.any(rows.max(axis=0) > rows.min(axis=0)):
            raise ValueError("no feature varies between patients; there is nothing to learn from.")
        largest = max(int(np.bincount(fold).max()) for fold in self.fold_)
        grid = settings_of(self.name, self.grid, is_event.size - largest)

        scores = self._out_of_fold(grid, rows, is_event)
        best = self._tuned(grid, scores, is_event)
        self.out_of_fold_scores_ = scores[best]
        found = recalibrate(self.out_of_fold_scores_, is_event)
        self.recalibration_intercept_, self.recalibration_slope_ = found.intercept, found.slope
        self.out_of_fold_ = self._recalibrated(self.out_of_fold_scores_).mean(axis=0)
        fitted = fit_candidate(
            self.name,
            self.best_params_,
            rows,
            is_event,
            smote=self.smote,
            random_state=self.random_state,
        )
        self.estimator_, self.n_synthetic_ = fitted.estimator, fitted.n_synthetic
        self.mean_, self.scale_ = fitted.mean, fitted.scale
        self.keep_linear_formula()
        self.holds_patients_ = self.name in ("knn", "svm")
        self.notes_ = tuple(notes + [found.note] * bool(found.note))
        return self

    def score_function(self, x: ArrayLike) -> FloatArray:
        """Return the score of each row before recalibration, shape (n,)."""
        check_is_fitted(self)
        rows = validate_data(self, x, dtype=np.float64, reset=False)
        candidate = FittedCandidate(self.estimator_, self.mean_, self.scale_, self.n_synthetic_)
        return candidate.score(rows, self.n_fitted_)

    def linear_predictor(self, x: ArrayLike) -> FloatArray:
        """Return the logit of the recalibrated probability of the event, shape (n,)."""
        return self._recalibrated(self.score_function(x))

    def predict_proba(self, x: ArrayLike) -> FloatArray:
        """Return recalibrated probabilities of the two outcomes, shape (n, 2)."""
        lp = self.linear_predictor(x)
        return np.column_stack((expit(-lp), expit(lp)))

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return the likelier outcome of each row, shape (n,); the event at exactly one half."""
        likelier = (self.linear_predictor(x) >= 0.0).astype(np.intp)
        return np.asarray(self.classes_[likelier])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _recalibrated(self, score: FloatArray) -> FloatArray:
        return self.recalibration_intercept_ + self.recalibration_slope_ * score

    def _out_of_fold(
        self, grid: list[Settings], rows: FloatArray, is_event: BoolArray
    ) -> FloatArray:
        """Return out-of-fold scores, (settings, repeats, n)."""
        scores = np.empty((len(grid), self.repeats, is_event.size))
        for r in range(self.repeats):
            for train, test in splits(self.fold_[r]):
                scores[:, r, test] = scores_over_grid(
                    self.name,
                    grid,
                    (rows[train], is_event[train]),
                    rows[test],
                    n=is_event.size,
                    smote=self.smote,
                    random_state=self.random_state,
                )
        return scores

    def _tuned(self, grid: list[Settings], scores: FloatArray, is_event: BoolArray) -> int:
        """Keep the table of the grid and return the number of the best settings."""
        per_repeat = np.empty(scores.shape[:2])
        for r in range(self.repeats):
            aucs = []
            for _, test in splits(self.fold_[r]):
                found = placements(is_event[test], np.ascontiguousarray(scores[:, r, test]))
                aucs.append([found.auc(g) for g in range(len(grid))])
            per_repeat[:, r] = np.mean(aucs, axis=0)
        means = per_repeat.mean(axis=1)
        best = int(np.flatnonzero(means >= means.max() - SAME_AUC)[0])
        self.best_params_ = dict(grid[best])
        self.tuning_table_ = [
            {
                "settings": dict(settings),
                "auc": float(means[g]),
                "sd": float(per_repeat[g].std(ddof=1)) if self.repeats > 1 else None,
            }
            for g, settings in enumerate(grid)
        ]
        return best

    def keep_linear_formula(self) -> None:
        """Keep the coefficients of the linear predictor in the features as given, if it is one."""
        for attribute in ("coef_", "intercept_"):  # of an earlier fit of another classifier
            self.__dict__.pop(attribute, None)
        linear_svm = self.name == "svm" and self.estimator_.kernel == "linear"
        if self.name != "logistic" and not linear_svm:
            return
        own = np.ravel(self.estimator_.coef_) / self.scale_
        start = float(np.ravel(self.estimator_.intercept_)[0] - own @ self.mean_)
        self.coef_ = self.recalibration_slope_ * own
        self.intercept_ = self.recalibration_intercept_ + self.recalibration_slope_ * start

    def _smote_notes(self, is_event: BoolArray) -> list[str]:
        if not self.smote:
            return []
        in_fold = min(
            int(np.bincount(is_event[train], minlength=2).min())
            for fold in self.fold_
            for train, _ in splits(fold)
        )
        k = neighbors_available(in_fold)
        if k == SMOTE_NEIGHBORS:
            return []
        return [
            f"SMOTE drew from {k} nearest neighbour{'s' * (k > 1)} instead of {SMOTE_NEIGHBORS} in "
            f"some training folds, which have as few as {in_fold} patients with the rarer outcome."
        ]


def two_outcomes(labels: NDArray[Any]) -> tuple[NDArray[Any], BoolArray]:
    """Return the two labels and which patients have the event, the later label.

    Raises
    ------
    ValueError
        Unless there are two outcomes with at least two patients each.
    """
    check_classification_targets(labels)
    classes, counts = np.unique(labels, return_counts=True)
    if classes.size > 2:
        kind = type_of_target(labels)
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"{kind}: `y` has {classes.size} classes. Code the outcome as 0 and 1."
        )
    if classes.size < 2 or counts.min() < 2:
        raise ValueError(
            "each class of the outcome needs at least 2 patients, one to fit on and one to check; "
            f"`y` has {', '.join(f'{n} of {c}' for c, n in zip(classes, counts, strict=True))}."
        )
    return classes, np.asarray(labels == classes[1])


def usable_folds(is_event: BoolArray, n_folds: int, repeats: int) -> tuple[int, list[str]]:
    """Return how many folds the rarer outcome allows, and a sentence where that is fewer."""
    if n_folds < 2 or repeats < 1:
        raise ValueError(
            f"`n_folds` must be at least 2 and `repeats` at least 1; got {n_folds} and {repeats}."
        )
    events = int(np.count_nonzero(is_event))
    fewest = min(events, is_event.size - events)
    if fewest >= n_folds:
        return n_folds, []
    return fewest, [
        f"Cross-validation had {fewest} folds instead of {n_folds}, because only {fewest} patients "
        "have the rarer outcome and every fold needs one."
    ]


def draw_folds(
    is_event: BoolArray, n_folds: int, repeats: int, random_state: int
) -> NDArray[np.intp]:
    """Return stratified folds, shape (repeats, n); repeat r of a seed is the same whatever R is."""
    outcome = is_event.astype(np.int64)
    seeds = [
        int(np.random.SeedSequence([random_state, r]).generate_state(1)[0]) for r in range(repeats)
    ]
    return np.stack(
        [stratified_folds(outcome, n_folds=n_folds, random_state=seed) for seed in seeds]
    )
