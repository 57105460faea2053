"""Choosing between classifiers: the whole tuning is nested, and external patients are kept out."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from extval.features.modelling.choosing import (
    ALL_CANDIDATES,
    ChosenClassifier,
    choose_on_external,
    comparison_table,
    label,
)
from extval.features.modelling.classifiers import TunedClassifier

QUICK = [("logistic", False), ("knn", False), ("knn", True)]


def cohort(n=60, p=3, signal=1.5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    latent = signal * x[:, 0] + rng.logistic(size=n)
    return x, (latent > np.quantile(latent, 0.65)).astype(int)


def chosen(**options):
    return ChosenClassifier(**{"candidates": QUICK, "repeats": 2, "n_folds": 3, **options})


@pytest.mark.parametrize(
    ("metric", "oracle"),
    [
        ("auc", roc_auc_score),
        ("brier", brier_score_loss),
        ("log-loss", lambda y, p: log_loss(y, p, labels=[0, 1])),
    ],
)
def test_the_table_is_what_a_loop_over_folds_finds(metric, oracle):
    x, y = cohort()
    model = chosen(metric=metric).fit(x, y)
    for row, (name, smote) in zip(model.table_, QUICK, strict=True):
        means = []
        for fold in model.fold_:
            values = []
            for k in range(3):
                train, test = fold != k, fold == k
                inner = TunedClassifier(name, smote=smote, repeats=1).fit(x[train], y[train])
                values.append(oracle(y[test], inner.predict_proba(x[test])[:, 1]))
            means.append(np.mean(values))
        np.testing.assert_allclose(row["per_repeat"], means, rtol=1e-12)
        assert row["mean"] == pytest.approx(np.mean(means), rel=1e-12)
        assert row["sd"] == pytest.approx(np.std(means, ddof=1), rel=1e-9)
    (name, smote) = model.chosen_
    alone = TunedClassifier(name, smote=smote, repeats=1).fit(x, y)
    np.testing.assert_array_equal(model.predict_proba(x), alone.predict_proba(x))
    np.testing.assert_array_equal(model.linear_predictor(x), alone.linear_predictor(x))
    np.testing.assert_array_equal(model.predict(x), alone.predict(x))


def test_a_fold_is_judged_by_models_that_never_saw_it(monkeypatch):
    x, y = cohort()
    seen = []
    fit, predict = TunedClassifier.fit, TunedClassifier.linear_predictor

    def spying_fit(self, rows, labels):
        self.rows = {tuple(row) for row in np.asarray(rows)}
        return fit(self, rows, labels)

    def spying_predict(self, rows):
        seen.append((self.rows, {tuple(row) for row in np.asarray(rows)}))
        return predict(self, rows)

    monkeypatch.setattr(TunedClassifier, "fit", spying_fit)
    monkeypatch.setattr(TunedClassifier, "linear_predictor", spying_predict)
    chosen().fit(x, y)
    assert len(seen) == 3 * 2 * 3
    for fitted, judged in seen:
        assert not fitted & judged
        assert len(fitted | judged) == 60


def test_copies_of_a_patient_share_a_fold_in_choosing_and_in_tuning(monkeypatch):
    x, y = cohort()
    rows = np.random.default_rng(3).integers(60, size=60)
    fit, tuned = TunedClassifier.fit, []

    def spying_fit(self, table, labels):
        fitted = fit(self, table, labels)
        tuned.append((np.asarray(table.index), fitted.fold_))
        return fitted

    monkeypatch.setattr(TunedClassifier, "fit", spying_fit)
    names = [f"P{row:02d}" for row in rows]
    model = chosen().fit(pd.DataFrame(x[rows], index=names), y[rows])
    drawn = [(np.array(names), model.fold_), *tuned]
    assert len(drawn) == 1 + 3 * 2 * 3 + 1
    for index, folds in drawn:
        for name in np.unique(index):
            copies = np.flatnonzero(index == name)
            assert (folds[:, copies] == folds[:, copies[:1]]).all()


def test_nothing_is_found_in_noise():
    means = []
    for seed in range(4):
        x, y = cohort(n=80, signal=0.0, seed=seed)
        model = chosen(candidates=QUICK[1:], random_state=seed, repeats=1).fit(x, y)
        means.append([row["mean"] for row in model.table_])
    assert np.abs(np.mean(means, axis=0) - 0.5).max() < 0.08


def results(*means, noise=0.05):
    """Return the metric of candidates over 4 repeats of 5 folds with shared and own noise."""
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 0.1, (4, 5))
    own = rng.normal(0, noise, (len(means), 4, 5))
    own -= own.mean(axis=(1, 2), keepdims=True)
    return np.array(means)[:, None, None] + shared + own


def picked(table):
    return [k for k, row in enumerate(table) if row["chosen"]]


def test_the_first_within_one_standard_error_is_chosen():
    three = [("logistic", False), ("knn", False), ("svm", False)]
    found = results(0.70, 0.79, 0.80)
    table = comparison_table(three, found, higher_is_better=True, rule="one-standard-error")
    gap = (found[2] - found[1]).ravel()
    assert table[1]["worse"] == pytest.approx(gap.mean(), rel=1e-9)
    error = np.sqrt((1 / 20 + 1 / 4) * gap.var(ddof=1))
    assert table[1]["worse_standard_error"] == pytest.approx(error, rel=1e-12)
    assert [row["within_one_standard_error"] for row in table] == [False, True, True]
    assert picked(table) == [1]
    best = comparison_table(three, found, higher_is_better=True, rule="best")
    assert picked(best) == [2]
    # A loss is the same with the sign turned.
    loss = comparison_table(three, -found, higher_is_better=False, rule="one-standard-error")
    assert picked(loss) == [1]
    assert loss[0]["worse"] == pytest.approx(table[0]["worse"], rel=1e-12)


def test_noise_that_candidates_share_does_not_widen_the_error():
    two = [("logistic", False), ("knn", False)]
    found = results(0.74, 0.80, noise=1e-3)
    table = comparison_table(two, found, higher_is_better=True, rule="one-standard-error")
    assert picked(table) == [1]


def test_equals_go_to_the_first():
    two = [("logistic", False), ("knn", False)]
    found = np.stack([results(0.8)[0]] * 2)
    for rule in ("best", "one-standard-error"):
        table = comparison_table(two, found, higher_is_better=True, rule=rule)
        assert picked(table) == [0]
        assert table[1]["worse"] == 0.0 and table[1]["worse_standard_error"] == 0.0


def test_workers_change_nothing():
    x, y = cohort()
    alone = chosen().fit(x, y)
    with parallel_config(backend="threading"):  # processes only take longer to start
        together = chosen(n_jobs=2).fit(x, y)
    assert alone.table_ == together.table_
    np.testing.assert_array_equal(alone.results_, together.results_)
    np.testing.assert_array_equal(alone.predict_proba(x), together.predict_proba(x))


def test_names_and_notes_reach_the_model():
    x, y = cohort()
    y = (np.arange(60) < 4).astype(int)
    table = pd.DataFrame(x, columns=list("abc"), index=[f"P{k}" for k in range(60)])
    model = chosen(candidates=[("logistic", False)], n_folds=5, tuning_folds=3).fit(table, y)
    assert model.patients_seen_ == model.model_.patients_seen_ == tuple(table.index)
    assert list(model.model_.feature_names_in_) == list("abc")
    assert model.n_folds_ == 4
    assert "4 folds instead of 5" in model.notes_[0]


def test_all_candidates_are_the_default_and_go_from_simple_to_complex():
    assert len(ALL_CANDIDATES) == 12
    assert ALL_CANDIDATES[:3] == (
        ("logistic", False), ("logistic", True), ("decision-tree", False),
    )  # fmt: skip
    assert ChosenClassifier()._checked_candidates() == list(ALL_CANDIDATES)
    assert [label("svm", smote) for smote in (False, True)] == ["svm", "svm + SMOTE"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"choose_on": "external"}, "call `choose_on_external`, whose result carries a caution"),
        ({"candidates": []}, "`candidates` is empty"),
        ({"candidates": [("xgboost", False)]}, "`candidates` has 'xgboost'"),
        ({"candidates": [("knn", True), ("knn", True)]}, r"has knn \+ SMOTE more than once"),
        ({"metric": "accuracy"}, "`metric`"),
        ({"rule": "any"}, "`rule`"),
        ({"n_folds": 1}, "`n_folds` must be at least 2"),
    ],
)
def test_refusals(options, said):
    with pytest.raises(ValueError, match=said):
        chosen(**options).fit(*cohort())


def test_too_few_events_to_nest():
    x, _ = cohort()
    with pytest.raises(ValueError, match=r"3 with the rarer outcome in 2 folds leave 1"):
        chosen(n_folds=2).fit(x, (np.arange(60) < 3).astype(int))


def test_choosing_on_external_patients_says_loudly_what_that_is():
    x, y = cohort()
    new_x, new_y = cohort(seed=1)
    fitted = {
        label(name, smote): TunedClassifier(name, smote=smote, repeats=1).fit(x, y)
        for name, smote in QUICK
    }
    found = choose_on_external(fitted, new_x, new_y)
    values = {k: roc_auc_score(new_y, m.linear_predictor(new_x)) for k, m in fitted.items()}
    assert found.auc == pytest.approx(values, rel=1e-12)
    assert found.chosen == max(values, key=values.get)
    assert (found.n, found.events) == (60, 21)
    assert found.caution.startswith("CAUTION: the classifier was chosen on the external patients")
    assert f"one of 3 with the highest AUC there. That AUC ({max(values.values()):.3f})" in (
        found.caution
    )
    with pytest.raises(ValueError, match="the same outcome"):
        choose_on_external(fitted, new_x, np.ones(60))
    with pytest.raises(ValueError, match="`fitted_candidates` is empty"):
        choose_on_external({}, new_x, new_y)


def test_the_best_of_many_on_external_patients_is_optimistic():
    highest = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        y = np.arange(40) < 15

        class Guess:
            def __init__(self, score):
                self.score = score

            def linear_predictor(self, _):
                return self.score

        guesses = {str(k): Guess(rng.normal(size=40)) for k in range(12)}
        found = choose_on_external(guesses, np.zeros((40, 1)), y)
        highest.append(found.auc[found.chosen])
    assert np.mean(highest) > 0.6


@parametrize_with_checks(
    [ChosenClassifier([("logistic", False)], n_folds=2, repeats=1, tuning_folds=2)],
    # Its ten rows have three events, and nested folds of two need four; the sentence says so.
    expected_failed_checks=lambda _: {"check_fit2d_1feature": "too few events to nest folds"},
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)
