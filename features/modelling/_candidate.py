"""One classifier with its settings, fitted to scaled and, if asked, balanced rows; its score."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from extval.features.modelling.balancing import balance
from extval.features.modelling.recalibrating import squeezed_logit
from extval.stats._checks import BoolArray, FloatArray

# From the simplest to the most complex: the order in which equals are preferred.
CLASSIFIERS = ("logistic", "decision-tree", "knn", "svm", "adaboost", "random-forest")

# Within a classifier, too, the simplest setting comes first and wins a tie.
TUNING_GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "logistic": {"C": (0.01, 0.1, 1.0, 10.0, 100.0)},
    "decision-tree": {"max_depth": (1, 2, 3), "min_samples_leaf": (10, 5)},
    "knn": {"n_neighbors": (21, 15, 9, 5, 3)},
    "svm": {"kernel": ("linear", "rbf"), "C": (0.1, 1.0, 10.0)},
    "adaboost": {"n_estimators": (10, 25, 50)},
    # One setting: forests gain little by tuning, and each costs more than the others together.
    "random-forest": {"min_samples_leaf": (5,)},
}

FIXED_SETTINGS: dict[str, dict[str, Any]] = {
    "logistic": {"solver": "newton-cholesky", "max_iter": 200},
    "decision-tree": {},
    # A search tree would save nothing at these sizes and could not be stored without pickle.
    "knn": {"weights": "uniform", "algorithm": "brute"},
    # Below libsvm's own tolerance of 1e-3 a linear kernel of fewer features than patients may
    # never converge: rounding stops the descent at about 1e-6, and the loop has no end.
    "svm": {"gamma": "scale", "tol": 1e-3},
    "adaboost": {"learning_rate": 1.0},
    "random-forest": {"n_estimators": 300, "max_features": "sqrt"},
}

TREES_WHILE_TUNING = 100

Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FittedCandidate:
    """A scikit-learn classifier, and the mean and scale of the features it was fitted on."""

    estimator: Any
    mean: FloatArray
    scale: FloatArray
    n_synthetic: int

    def score(self, x: FloatArray, n: int) -> FloatArray:
        """Return the score of each row: a decision function, or the logit of a squeezed share."""
        return score_of(self.estimator, (x - self.mean) / self.scale, n)


def score_of(estimator: Any, scaled: FloatArray, n: int) -> FloatArray:
    """Return the score of scaled rows, shape (n,); the higher, the likelier the event."""
    if hasattr(estimator, "decision_function"):
        return np.asarray(estimator.decision_function(scaled), dtype=np.float64)
    return squeezed_logit(np.asarray(estimator.predict_proba(scaled), dtype=np.float64)[:, 1], n)


def build(name: str, settings: Mapping[str, Any], *, random_state: int) -> Any:
    """Return the unfitted scikit-learn estimator."""
    given = {**FIXED_SETTINGS[name], **settings}
    match name:
        case "logistic":
            return LogisticRegression(**given)
        case "decision-tree":
            return DecisionTreeClassifier(random_state=random_state, **given)
        case "knn":
            return KNeighborsClassifier(**given)
        case "svm":
            return SVC(**given)
        case "adaboost":
            stump = DecisionTreeClassifier(max_depth=1)
            return AdaBoostClassifier(stump, random_state=random_state, **given)
    return RandomForestClassifier(random_state=random_state, n_jobs=1, **given)


def fit_candidate(
    name: str,
    settings: Mapping[str, Any],
    x: FloatArray,
    is_event: BoolArray,
    *,
    smote: bool,
    random_state: int,
) -> FittedCandidate:
    """Scale by these rows, balance them if asked, and fit."""
    mean, scale, rows, outcome = _prepared(x, is_event, smote=smote, random_state=random_state)
    estimator = build(name, settings, random_state=random_state)
    estimator.fit(rows, outcome.astype(np.int64))
    return FittedCandidate(estimator, mean, scale, rows.shape[0] - x.shape[0])


def scores_over_grid(
    name: str,
    grid: Sequence[Settings],
    train: tuple[FloatArray, BoolArray],
    test: FloatArray,
    *,
    n: int,
    smote: bool,
    random_state: int,
) -> FloatArray:
    """Return the scores of the rows `test`, shape (settings, rows), from fits to `train`.

    Rows are scaled and balanced once for all settings. AdaBoost is fitted once with the most
    rounds, because its first rounds are those of a fit with fewer; forests have
    `TREES_WHILE_TUNING` trees.
    """
    mean, scale, rows, outcome = _prepared(*train, smote=smote, random_state=random_state)
    labels, scaled = outcome.astype(np.int64), (test - mean) / scale
    found = np.empty((len(grid), test.shape[0]))
    stages: dict[tuple[tuple[str, Any], ...], list[FloatArray]] = {}
    for g, settings in enumerate(grid):
        if name == "adaboost" and "n_estimators" in settings:
            others = {key: value for key, value in settings.items() if key != "n_estimators"}
            key = tuple(others.items())
            if key not in stages:
                most = {**others, "n_estimators": max(each["n_estimators"] for each in grid)}
                boosted = build(name, most, random_state=random_state).fit(rows, labels)
                stages[key] = list(boosted.staged_decision_function(scaled))
            # Boosting stops early when a stump makes no error, or none is better than chance.
            found[g] = stages[key][min(settings["n_estimators"], len(stages[key])) - 1]
            continue
        chosen = settings
        if name == "random-forest" and "n_estimators" not in settings:
            chosen = {**settings, "n_estimators": TREES_WHILE_TUNING}
        estimator = build(name, chosen, random_state=random_state).fit(rows, labels)
        found[g] = score_of(estimator, scaled, n)
    return found


def settings_of(name: str, grid: Mapping[str, Iterable[Any]] | None, fewest: int) -> list[Settings]:
    """Return every combination of the grid, the first parameter slowest.

    Values of `n_neighbors` beyond `fewest`, the rows of the smallest training fold, are left out.
    """
    if name not in CLASSIFIERS:
        raise ValueError(f"`name` must be one of {', '.join(CLASSIFIERS)}; got {name!r}.")
    given = {key: list(values) for key, values in (grid or TUNING_GRIDS[name]).items()}
    known = {**FIXED_SETTINGS[name], **TUNING_GRIDS[name]}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f"`grid` of {name} has the parameter {unknown[0]!r}; it may have "
            f"{', '.join(sorted(known))}."
        )
    empty = [key for key, values in given.items() if not values]
    if empty:
        raise ValueError(f"`grid` of {name} gives no value for `{empty[0]}`; give at least one.")
    if "n_neighbors" in given:
        least = min(given["n_neighbors"])
        given["n_neighbors"] = [k for k in given["n_neighbors"] if k <= fewest]
        if not given["n_neighbors"]:
            raise ValueError(
                f"`grid` of knn asks for {least} neighbours at least, and the smallest training "
                f"fold has {fewest} patients. Offer a smaller number."
            )
    return [dict(zip(given, values, strict=True)) for values in product(*given.values())]


def _prepared(
    x: FloatArray, is_event: BoolArray, *, smote: bool, random_state: int
) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
    """Return mean and scale of the rows, then the rows scaled and, if asked, balanced."""
    mean, scale = x.mean(axis=0), x.std(axis=0, ddof=1)
    # A column that is constant but for rounding is left at 0 rather than blown up.
    scale = np.where(scale > 1e-12 * np.maximum(1.0, np.abs(mean)), scale, 1.0)
    rows = (x - mean) / scale
    if smote:
        rows, is_event = balance(rows, is_event, random_state=random_state)
    return mean, scale, rows, is_event
