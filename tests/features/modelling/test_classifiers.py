"""Tuned classifiers: what they see, what they learn, and that nothing leaks between folds."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from extval.features.modelling import _candidate
from extval.features.modelling.balancing import balance
from extval.features.modelling.classifiers import CLASSIFIERS, TUNING_GRIDS, TunedClassifier
from extval.stats.calibration import calibration_slope

# The whole grid of a quick classifier, and one small setting of a slow one.
SMALL = {
    "adaboost": {"n_estimators": [3]},
    "random-forest": {"n_estimators": [10]},
}


def cohort(n=60, p=4, share=0.3, signal=1.5, seed=0):
    """Return features and a 0/1 outcome of exactly `share` that depends on the first feature."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) * [10.0**k for k in range(p)] + 5.0
    latent = signal * (x[:, 0] - 5.0) + rng.logistic(size=n)
    return x, (latent > np.quantile(latent, 1 - share)).astype(int)


def tuned(name, **options):
    return TunedClassifier(name, grid=SMALL.get(name), **{"repeats": 1, **options})


@pytest.mark.parametrize("smote", [False, True])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_each_learns(name, smote):
    x, y = cohort(n=80, signal=3.0)
    new_x, new_y = cohort(n=400, signal=3.0, seed=1)
    model = tuned(name, smote=smote).fit(x, y)
    risk = model.predict_proba(new_x)
    assert roc_auc_score(new_y, risk[:, 1]) > 0.7
    np.testing.assert_allclose(risk.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(risk[:, 1], expit(model.linear_predictor(new_x)), rtol=1e-12)
    assert risk.min() > 0.0 and risk.max() < 1.0
    # SMOTE makes half the patients events; recalibration brings the risks back.
    assert abs(risk[:, 1].mean() - 0.3) < 0.1
    assert model.n_synthetic_ == (32 if smote else 0)
    assert model.holds_patients_ == (name in ("knn", "svm"))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_out_of_fold_slope_is_one_by_construction(name):
    x, y = cohort(n=80, signal=2.0)
    model = tuned(name).fit(x, y)
    assert model.recalibration_slope_ > 0
    lp = model.recalibration_intercept_ + model.recalibration_slope_ * model.out_of_fold_scores_[0]
    assert calibration_slope(y, expit(lp)).value == pytest.approx(1.0, abs=1e-8)
    np.testing.assert_allclose(model.out_of_fold_, lp, rtol=1e-12, atol=1e-12)


class Spy:
    """A classifier that writes down the rows it was fitted on and asked about."""

    seen: list = []  # noqa: RUF012

    def fit(self, rows, labels):
        self.fitted = (rows, labels)
        return self

    def decision_function(self, rows):
        Spy.seen.append((*self.fitted, rows))
        return rows[:, 0]


def test_no_validation_row_is_fitted_on_and_no_synthetic_row_is_validated_on(monkeypatch):
    monkeypatch.setattr(_candidate, "build", lambda *_, **__: Spy())
    monkeypatch.setattr(TunedClassifier, "keep_linear_formula", lambda _: None)
    Spy.seen = []
    x, y = cohort()
    model = TunedClassifier(smote=True, repeats=2, grid={"C": [1.0]}).fit(x, y)
    assert len(Spy.seen) == 10
    validated = []
    for (rows, labels, asked), (r, k) in zip(
        Spy.seen, [(r, k) for r in range(2) for k in range(5)], strict=True
    ):
        train, test = x[model.fold_[r] != k], x[model.fold_[r] == k]
        mean, scale = train.mean(axis=0), train.std(axis=0, ddof=1)
        # Scaled by the training rows alone; synthetic rows follow the real ones.
        np.testing.assert_allclose(rows[: len(train)], (train - mean) / scale, rtol=1e-12)
        np.testing.assert_allclose(asked, (test - mean) / scale, rtol=1e-12)
        assert labels.sum() * 2 == labels.size > len(train)
        fitted = {tuple(row) for row in np.round(rows, 9)}
        assert not fitted & {tuple(row) for row in np.round(asked, 9)}
        validated.extend((r, row) for row in np.flatnonzero(model.fold_[r] == k))
    assert sorted(validated) == [(r, row) for r in range(2) for row in range(60)]


def test_smote_before_the_split_would_find_signal_in_noise():
    ours, leaky = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(80, 5)), np.arange(80) < 16
        model = TunedClassifier(
            "knn", smote=True, repeats=2, grid={"n_neighbors": [3]}, random_state=seed
        ).fit(x, y)
        ours.append(model.tuning_table_[0]["auc"])
        rows, outcome = balance(x, y, random_state=seed)
        wrong = TunedClassifier("knn", repeats=2, grid={"n_neighbors": [3]}, random_state=seed)
        leaky.append(wrong.fit(rows, outcome).tuning_table_[0]["auc"])
    assert np.mean(leaky) > 0.8
    assert abs(np.mean(ours) - 0.5) < 0.08


def auc_by_hand(make, x, y, fold):
    """Return the mean AUC over the folds of scikit-learn's own classifier, scaled by hand."""
    found = []
    for k in range(fold.max() + 1):
        train, test = fold != k, fold == k
        mean, sd = x[train].mean(axis=0), x[train].std(axis=0, ddof=1)
        model = make().fit((x[train] - mean) / sd, y[train])
        risk = model.predict_proba((x[test] - mean) / sd)[:, 1]
        found.append(roc_auc_score(y[test], risk))
    return np.mean(found)


@pytest.mark.parametrize(
    ("name", "parameter", "estimator"),
    [
        ("logistic", "C", lambda c: LogisticRegression(C=c, tol=1e-10)),
        ("knn", "n_neighbors", KNeighborsClassifier),
    ],
)
def test_tuning_is_what_a_loop_over_scikit_learn_finds(name, parameter, estimator):
    x, y = cohort()
    model = TunedClassifier(name, repeats=3).fit(x, y)
    by_hand = []
    for row in model.tuning_table_:
        value = row["settings"][parameter]
        per_repeat = [auc_by_hand(lambda v=value: estimator(v), x, y, f) for f in model.fold_]
        assert row["auc"] == pytest.approx(np.mean(per_repeat), rel=1e-12)
        assert row["sd"] == pytest.approx(np.std(per_repeat, ddof=1), rel=1e-9, abs=1e-12)
        by_hand.append(np.mean(per_repeat))
    best = TUNING_GRIDS[name][parameter][int(np.argmax(np.round(by_hand, 12)))]
    assert model.best_params_ == {parameter: best}


def test_equal_settings_give_the_simplest():
    x, y = cohort(signal=0.0)
    x = (x[:, :1] > 5.0).astype(float)  # one binary feature: every penalty ranks alike
    model = TunedClassifier("logistic", repeats=1).fit(x, y)
    assert len({row["auc"] for row in model.tuning_table_}) == 1
    assert model.best_params_ == {"C": 0.01}


def test_fewer_rounds_of_boosting_are_read_off_a_longer_run():
    x, y = cohort(signal=1.0)
    is_event, sizes = y == 1, [2, 7, 20]
    grid = [{"learning_rate": rate, "n_estimators": n} for rate in (0.5, 1.0) for n in sizes]
    options = {"n": 60, "smote": False, "random_state": 4}
    train = (x[:40], is_event[:40])
    found = _candidate.scores_over_grid("adaboost", grid, train, x[40:], **options)
    for settings, score in zip(grid, found, strict=True):
        alone = _candidate.fit_candidate("adaboost", settings, *train, smote=False, random_state=4)
        np.testing.assert_allclose(score, alone.score(x[40:], 60), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "grid"), [("logistic", None), ("svm", {"kernel": ["linear"]})])
@pytest.mark.parametrize("smote", [False, True])
def test_linear_formula_in_the_features_as_given(name, grid, smote):
    x, y = cohort()
    model = TunedClassifier(name, smote=smote, grid=grid, repeats=1).fit(x, y)
    np.testing.assert_allclose(
        model.intercept_ + x @ model.coef_, model.linear_predictor(x), rtol=1e-9, atol=1e-10
    )


def test_a_formula_does_not_outlive_its_fit():
    x, y = cohort()
    model = TunedClassifier("logistic", repeats=1).fit(x, y)
    model.set_params(name="knn").fit(x, y)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("name", ["logistic", "decision-tree", "knn", "svm"])
def test_row_order_matters_to_the_draw_of_folds_alone(name, monkeypatch):
    x, y = cohort()
    order = np.random.default_rng(5).permutation(60)
    first = tuned(name).fit(x, y)
    monkeypatch.setattr(
        "extval.features.modelling.classifiers.draw_folds",
        lambda *_: first.fold_[:, order],
    )
    again = tuned(name).fit(x[order], y[order])
    assert again.best_params_ == first.best_params_
    # libsvm stops where the gradient is within 1e-3 (and cannot do much better, see below).
    tolerance = 5e-3 if name == "svm" else 1e-7
    np.testing.assert_allclose(
        again.linear_predictor(x), first.linear_predictor(x), rtol=1e-6, atol=tolerance
    )


@pytest.mark.parametrize("seed", range(12))
def test_a_linear_svm_of_many_patients_with_few_features_ends(seed):
    """At a tolerance of 1e-8 libsvm went on for ever with such patients."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(121, 6))
    y = rng.uniform(size=121) < expit(1.2 * x[:, 0] + 0.6 * x[:, 1] - 1.2)
    settings = {"kernel": "linear", "C": 10.0}
    fit = _candidate.fit_candidate("svm", settings, x, y, smote=False, random_state=0)
    assert fit.estimator.n_iter_.max() < 200_000


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_units_of_features_do_not_matter(name):
    x, y = cohort()
    first = tuned(name).fit(x, y)
    again = tuned(name).fit(x * 1024.0, y)  # a power of two: not one rounding differs
    np.testing.assert_array_equal(first.linear_predictor(x), again.linear_predictor(x * 1024.0))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_seed_is_a_fit(name):
    x, y = cohort()
    model = tuned(name, smote=True, random_state=7).fit(x, y)
    again = clone(model).fit(x, y)
    np.testing.assert_array_equal(model.linear_predictor(x), again.linear_predictor(x))
    np.testing.assert_array_equal(model.out_of_fold_, again.out_of_fold_)


def test_more_repeats_keep_the_earlier_folds():
    x, y = cohort()
    few, many = (TunedClassifier(repeats=r, grid={"C": [1]}).fit(x, y).fold_ for r in (2, 4))
    np.testing.assert_array_equal(few, many[:2])
    assert len({tuple(row) for row in many}) == 4


def test_names_of_patients_and_features():
    x, y = cohort()
    table = pd.DataFrame(x, columns=list("abcd"), index=[f"P{k}" for k in range(60)])
    model = TunedClassifier(repeats=1).fit(table, y)
    assert model.patients_seen_ == tuple(table.index)
    assert list(model.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        model.predict_proba(table[list("badc")])


def resample(n=60, seed=3):
    """Return a bootstrap sample of `cohort`, each row named after its patient, and the outcome."""
    x, y = cohort(n)
    rows = np.random.default_rng(seed).integers(n, size=n)
    names = [f"P{row:02d}" for row in rows]
    return pd.DataFrame(x[rows], index=names, columns=list("abcd")), y[rows]


def test_copies_of_a_patient_in_a_bootstrap_sample_share_a_fold():
    x, y = resample()
    fold = TunedClassifier("knn", repeats=3).fit(x, y).fold_
    for copies in x.groupby(level=0).indices.values():
        assert (fold[:, copies] == fold[:, copies[:1]]).all()
    # One neighbour is the patient's own copy wherever the folds do not know of it.
    apart = TunedClassifier("knn", grid={"n_neighbors": [1]}, repeats=3)
    informed = clone(apart).fit(x, y).tuning_table_[0]["auc"]
    blind = clone(apart).fit(x.to_numpy(), y).tuning_table_[0]["auc"]
    assert blind > informed + 0.1


def test_two_copies_are_not_two_patients():
    x, y = resample()
    one = np.flatnonzero(y == 1)[0]
    rows = np.append(np.flatnonzero(y == 0), [one, one])
    with pytest.raises(ValueError, match="at least 2 patients"):
        tuned("logistic").fit(x.iloc[rows], y[rows])


def test_a_rare_outcome_has_fewer_folds_and_neighbours_and_says_so():
    x, y = cohort(share=4 / 60)
    model = TunedClassifier(smote=True, repeats=1).fit(x, y)
    assert model.n_folds_ == 4
    folds, neighbours = model.notes_[:2]
    assert "4 folds instead of 5, because only 4 patients" in folds
    assert "2 nearest neighbours instead of 5" in neighbours
    assert TunedClassifier(repeats=1).fit(x, y).notes_[:1] == (folds,)


def test_too_many_neighbours_are_left_out():
    x, y = cohort(n=20, share=0.5)
    model = TunedClassifier("knn", repeats=1).fit(x, y)
    assert [row["settings"]["n_neighbors"] for row in model.tuning_table_] == [15, 9, 5, 3]


def test_grids_go_from_simple_to_complex():
    for name, parameter, step in [
        ("logistic", "C", 1), ("knn", "n_neighbors", -1), ("adaboost", "n_estimators", 1),
        ("decision-tree", "max_depth", 1), ("decision-tree", "min_samples_leaf", -1),
    ]:  # fmt: skip
        assert all(step * (b - a) > 0 for a, b in pairwise(TUNING_GRIDS[name][parameter]))


@pytest.mark.parametrize(
    ("options", "events", "said"),
    [
        ({"name": "xgboost"}, 18, "`name` must be one of logistic, decision-tree"),
        ({"grid": {"c": [1]}}, 18, "`grid` of logistic has the parameter 'c'"),
        ({"grid": {"C": []}}, 18, "gives no value for `C`"),
        ({"n_folds": 1}, 18, "`n_folds` must be at least 2"),
        ({"repeats": 0}, 18, "`repeats` at least 1"),
        ({}, 1, "at least 2 patients, one to fit on"),
        ({}, 0, "each class of the outcome"),
        ({"smote": True}, 2, "SMOTE interpolates between patients"),
        ({"name": "knn", "grid": {"n_neighbors": [90]}}, 18, "asks for 90 neighbours at least"),
    ],
)
def test_refusals(options, events, said):
    x, _ = cohort()
    with pytest.raises(ValueError, match=said):
        TunedClassifier(**options).fit(x, (np.arange(60) < events).astype(int))


def test_features_that_do_not_vary_are_refused_but_one_such_column_is_not():
    x, y = cohort()
    with pytest.raises(ValueError, match="no feature varies"):
        TunedClassifier().fit(np.ones((60, 2)), y)
    x[:, 1] = 0.1
    model = TunedClassifier(repeats=1).fit(x, y)
    assert model.scale_[1] == 1.0 and np.isfinite(model.coef_).all()


@parametrize_with_checks(
    [
        TunedClassifier("logistic", n_folds=2, repeats=1, grid={"C": [1.0]}),
        TunedClassifier("knn", n_folds=2, repeats=1, grid={"n_neighbors": [1]}),
    ]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)
