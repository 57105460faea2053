"""`extval.features.modelling.screening` against the models of stats, invariances and R."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import chdtrc
from sklearn.utils.estimator_checks import check_estimator

from extval.features.modelling import _univariate
from extval.features.modelling.outcome import survival
from extval.features.modelling.screening import UnivariateScreen
from extval.stats.cox import cox_regression
from extval.stats.logistic import logistic_regression
from extval.stats.multiplicity import benjamini_hochberg, holm
from extval.stats.results import Status

R = json.loads((Path(__file__).parents[2] / "reference" / "screening.json").read_text())
TESTS = ("wald", "likelihood-ratio", "score")
by_id = pytest.mark.parametrize("case", R["studies"], ids=lambda case: case["id"])
NUMBERS = ["coefficient", "se", "statistic", "p"]


@st.composite
def cohorts(draw):
    """Draw tied integer features, an event, and tied times."""
    n, p = draw(st.integers(3, 12)), draw(st.integers(1, 4))
    cells = draw(st.lists(st.integers(-2, 2), min_size=n * p, max_size=n * p))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    time = draw(st.lists(st.integers(1, 5), min_size=n, max_size=n))
    assume(sum(y))
    return np.array(cells, float).reshape(n, p), np.array(y), np.array(time, float)


def log_binomial(k, n):
    return sum(c * np.log(c / n) for c in (k, n - k) if c)


@given(cohorts())
def test_logistic_models_are_those_of_stats(cohort):
    x, y, _ = cohort
    assume(y.sum() < y.size)
    got = _univariate.logistic(x, y == 1)
    for j, sentence in enumerate(got.sentences("logistic")):
        column = x[:, j]
        if np.ptp(column) == 0:
            assert sentence == "Not estimable: the feature is the same in every patient."
            assert np.isnan([got.wald[j], got.score[j], got.likelihood_ratio[j]]).all()
            continue
        fit = logistic_regression(np.column_stack((np.ones(y.size), column)), y)
        assert sentence == fit.status.value
        null = log_binomial(y.sum(), y.size)
        centered = column - column.mean()
        share = y.mean()
        score = (centered @ y) ** 2 / (share * (1 - share) * (centered @ centered))
        assert_allclose(got.score[j], score, rtol=1e-11, atol=1e-13)
        if fit.status is Status.OK:
            se = np.sqrt(fit.covariance[1, 1])
            assert_allclose(got.coefficient[j], fit.coefficients[1], rtol=1e-9, atol=1e-9)
            assert_allclose(got.se[j], se, rtol=1e-9)
            assert_allclose(got.wald[j], (fit.coefficients[1] / se) ** 2, rtol=1e-8, atol=1e-12)
            ratio = 2 * (fit.log_likelihood - null)
            assert_allclose(got.likelihood_ratio[j], ratio, rtol=1e-9, atol=1e-12)
        else:  # the supremum: each value of a tie between the classes is fitted by its own share
            assert np.isnan([got.coefficient[j], got.se[j], got.wald[j]]).all()
            tie = [v for v in set(column) if 0 < y[column == v].sum() < (column == v).sum()]
            best = sum(log_binomial(y[column == v].sum(), (column == v).sum()) for v in tie)
            assert_allclose(got.likelihood_ratio[j], 2 * (best - null), rtol=1e-12)


@given(cohorts())
def test_cox_models_are_those_of_stats(cohort):
    x, event, time = cohort
    got = _univariate.cox(x, time, event == 1)
    sentences = got.sentences("cox")
    for j, sentence in enumerate(sentences):
        fit = cox_regression(time, event, x[:, [j]])
        if np.ptp(x[:, j]) == 0:
            assert "same in every patient" in sentence
            assert np.isnan(got.score[j])
            continue
        assert sentence == fit.status.value
        assert_allclose(got.score[j], fit.score.statistic, rtol=1e-10, atol=1e-13)
        assert_allclose(
            got.likelihood_ratio[j], fit.likelihood_ratio.statistic, rtol=1e-9, atol=1e-10
        )
        assert_allclose(got.coefficient[j], fit.coefficients[0], rtol=1e-9, atol=1e-12)
        assert_allclose(got.se[j], np.sqrt(fit.covariance[0, 0]), rtol=1e-9)
        wald = fit.wald.statistic if fit.status is Status.OK else np.nan
        assert_allclose(got.wald[j], wald, rtol=1e-8, atol=1e-12)


@by_id
@pytest.mark.parametrize("model", ["logistic", "cox"])
def test_agrees_with_glm_and_coxph(case, model):
    y = case["y"] if model == "logistic" else survival(case["time"], case["event"])
    wanted, p = np.array(case[model]), case[f"{model}_p"]
    for k, test in enumerate(TESTS):
        screen = UnivariateScreen(model, test, minimum=1).fit(case["x"], y)
        table = screen.table_
        assert_allclose(table["coefficient"], wanted[:, 0], rtol=1e-8, atol=0)
        assert_allclose(table["se"], wanted[:, 1], rtol=1e-8)
        assert_allclose(table["statistic"], wanted[:, 2 + k], rtol=1e-8, atol=1e-12)
        assert_allclose(table["p"], np.array(p["p"])[:, k], rtol=1e-8)
        assert_allclose(table["p_adjusted"], np.array(p["bh"])[:, k], rtol=1e-8)
        adjusted = UnivariateScreen(model, test, adjustment="holm", minimum=1).fit(case["x"], y)
        assert_allclose(adjusted.table_["p_adjusted"], np.array(p["holm"])[:, k], rtol=1e-8)
        assert_array_equal(
            screen.table_["kept"],
            (table["p_adjusted"] < 0.05)
            | ((table["p"] == table["p"].min()) & ~(table["p_adjusted"] < 0.05).any()),
        )


def test_adjusted_p_values_agree_with_r():
    p = [np.nan if value in (None, "NA") else value for value in R["adjust"]["p"]]
    for adjust, name in ((benjamini_hochberg, "bh"), (holm, "holm")):
        wanted = [np.nan if value in (None, "NA") else value for value in R["adjust"][name]]
        assert_allclose(adjust(p), wanted, rtol=1e-15)


@given(cohorts(), st.sampled_from(["logistic", "cox"]), st.randoms(use_true_random=False))
def test_orders_and_units_do_not_matter(cohort, model, random):
    x, event, time = cohort
    assume(event.sum() < event.size and (np.ptp(x, axis=0) > 0).any())
    y = event if model == "logistic" else survival(time, event)
    rows, order = list(range(x.shape[0])), list(range(x.shape[1]))
    random.shuffle(rows)
    random.shuffle(order)
    units = np.array([random.choice([-25.4, 1e-6, 1e3]) for _ in order])
    screen = UnivariateScreen(model, "score", 1.0, "none", minimum=4)
    try:
        one = screen.fit(x, y).table_.iloc[order]
    except ValueError as error:
        assert "no test is defined" in str(error)  # noqa: PT017
        return
    other = screen.fit(units * x[rows][:, order], y[rows]).table_
    assert_allclose(other["coefficient"] * units, one["coefficient"], rtol=1e-8, atol=1e-11)
    assert_allclose(other["statistic"], one["statistic"], rtol=1e-9, atol=1e-12)
    assert other["note"].tolist() == one["note"].tolist()


def test_a_perfect_feature_is_dropped_by_wald_and_kept_by_the_others():
    rng = np.random.default_rng(4)
    y = np.arange(40) % 2
    x = pd.DataFrame({"noise": rng.normal(size=40), "perfect": y + 0.1 * rng.normal(size=40)})
    table = UnivariateScreen("logistic", "wald", 1.0).fit(x, y).table_.set_index("name")
    assert table.loc["perfect", "note"] == Status.SEPARATION.value
    assert np.isnan(table.loc["perfect", NUMBERS].astype(float)).all()
    assert table["kept"].tolist() == [True, False]
    for test in TESTS[1:]:
        screen = UnivariateScreen("logistic", test).fit(x, y)
        assert screen.get_feature_names_out().tolist() == ["perfect"]
    ratio = UnivariateScreen("logistic", "likelihood-ratio").fit(x, y).table_["statistic"][1]
    assert ratio == pytest.approx(80 * np.log(2))
    y = survival(-x["perfect"].to_numpy() + 2, np.ones(40))
    table = UnivariateScreen("cox", "score").fit(x, y).table_
    assert table["note"].tolist() == ["", Status.MONOTONE_LIKELIHOOD.value]
    assert table["kept"].tolist() == [False, True]


def test_one_event_against_a_near_patient_is_a_monotone_likelihood():
    x = np.array([[-12.0], [0], [0], [0], [0], [-9], [-13], [17]])
    event = np.arange(8) == 0
    got = _univariate.cox(x, np.array([2.0, 1, 1, 1, 1, 1, 2, 1]), event)
    assert got.sentences("cox") == [Status.MONOTONE_LIKELIHOOD.value]
    assert_allclose(got.score, [1.0], rtol=1e-12)  # (1/2)^2 over a variance of 1/4
    assert_allclose(got.likelihood_ratio, [2 * np.log(2)], rtol=1e-12)


def test_the_minimum_is_filled_up_and_said():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(30, 5)), np.arange(30) % 2
    screen = UnivariateScreen(threshold=1e-6, minimum=2).fit(x, y)
    table = screen.table_
    assert screen.support_.sum() == 2
    assert set(table["p"].nsmallest(2).index) == set(np.flatnonzero(screen.support_))
    assert (table["note"][screen.support_].str.startswith("Kept to reach the minimum")).all()
    assert screen.transform(x).shape == (30, 2)
    with pytest.raises(ValueError, match=r"keeps none of 5 features.*the smallest is 0\."):
        UnivariateScreen(threshold=1e-6).fit(x, y)


def test_statistics_have_one_degree_of_freedom():
    case = R["studies"][0]
    table = UnivariateScreen(threshold=1.0).fit(case["x"], case["y"]).table_
    assert_array_equal(table["p"], chdtrc(1, table["statistic"]))
    assert_allclose(table["statistic"], (table["coefficient"] / table["se"]) ** 2, rtol=1e-12)


GOOD = pd.DataFrame({"a": [1.0, 2, 3, 5], "b": [2.0, 1, 7, 5]}, index=["P1", "P2", "P3", "P4"])


@pytest.mark.parametrize(
    ("change", "y", "options", "message"),
    [
        ({"b": [2.0, np.nan, 7, 5]}, [0, 0, 1, 1], {}, r"Feature 'b' of patient 'P2' is missing"),
        ({}, [0, 0, 0, 0], {}, r"All 4 patients have the same outcome"),
        ({}, survival([1, 2, 3, 4], [1, 1, 0, 1]), {}, r"takes a 0/1 outcome"),
        ({}, [0, 0, 1, 1], {"model": "cox"}, r"needs a time to event"),
        ({}, survival([1, 2, 3, 4], [0, 0, 0, 0]), {"model": "cox"}, r"None of the 4 patients"),
        ({"a": 1.0, "b": 2.0}, [0, 0, 1, 1], {}, r"no test is defined"),
        ({}, None, {}, r"requires y to be passed"),
        ({}, [0, 0, 1, 1], {"model": "probit"}, r"model"),
        ({}, [0, 0, 1, 1], {"test": "rao"}, r"test"),
        ({}, [0, 0, 1, 1], {"adjustment": "fdr"}, r"adjustment"),
        ({}, [0, 0, 1, 1], {"threshold": 0.0}, r"`threshold` must lie in \(0, 1\]"),
        ({}, [0, 0, 1, 1], {"minimum": -1}, r"minimum"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(change, y, options, message):
    with pytest.raises(ValueError, match=message):
        UnivariateScreen(**options).fit(GOOD.assign(**change), y)


class OddClasses(UnivariateScreen):
    """What scikit-learn's checks, which draw up to three classes, can be passed to."""

    def fit(self, X, y=None):
        return super().fit(
            X, None if y is None else np.unique(np.asarray(y), return_inverse=True)[1] % 2
        )


def test_scikit_learn_accepts_it():
    check_estimator(OddClasses(test="score", minimum=1), on_skip=None)
