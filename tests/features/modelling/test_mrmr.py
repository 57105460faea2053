"""`extval.features.modelling.mrmr` against its definition, its invariances and mrmr-selection."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from extval.features.modelling.mrmr import MRMR, VARIANTS, discretized
from extval.features.modelling.outcome import survival
from tests.oracles import mrmr as oracle

PEER = json.loads((Path(__file__).parents[2] / "reference" / "mrmr.json").read_text())
variants = pytest.mark.parametrize("variant", VARIANTS)
HOW = st.sampled_from(["mean-and-sd", "quintiles"])


@st.composite
def cohorts(draw, *, largest=3, up_to=7):
    """Draw small integers, many ties, every feature varying, both classes present."""
    n, p = draw(st.integers(4, 12)), draw(st.integers(1, up_to))
    cells = draw(st.lists(st.integers(-largest, largest), min_size=n * p, max_size=n * p))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    x = np.array(cells, float).reshape(n, p)
    assume(0 < sum(y) < n and (np.ptp(x, axis=0) > 0).all())
    return x, np.array(y)


def columns(step):
    return [int(name[1:]) for name in step.selected_]


@given(cohorts(), st.sampled_from(VARIANTS), HOW, st.integers(1, 9))
def test_matches_the_definition(cohort, variant, how, k):
    x, y = cohort
    got = MRMR(k, variant, discretization=how).fit(x, y)
    chosen, scores, relevance = oracle.select(x, y, k, variant, how)
    assert columns(got) == chosen
    assert_allclose(got.relevance_, relevance, rtol=1e-12, atol=1e-13)
    assert_allclose(got.scores_, scores, rtol=1e-10, atol=1e-12)
    assert_array_equal(got.transform(x), x[:, sorted(chosen)])


@given(cohorts(largest=20), HOW)
def test_states_match_their_words(cohort, how):
    x, _ = cohort
    codes, levels = discretized(x, how)
    assert_array_equal(codes, [oracle.states(column, how) for column in x.T])
    assert codes.max() < levels


@given(cohorts(), st.sampled_from(VARIANTS), HOW, st.randoms(use_true_random=False))
def test_the_order_of_patients_does_not_matter(cohort, variant, how, random):
    x, y = cohort
    rows = list(range(len(y)))
    random.shuffle(rows)
    step = MRMR(4, variant, discretization=how)
    assert clone(step).fit(x, y).selected_ == clone(step).fit(x[rows], y[rows]).selected_


@given(cohorts(), st.sampled_from(VARIANTS), HOW, st.data())
def test_units_and_origins_do_not_matter(cohort, variant, how, data):
    x, y = cohort
    p = x.shape[1]
    unit = data.draw(st.lists(st.sampled_from([1e-9, 0.1, 25.4, 1e6]), min_size=p, max_size=p))
    origin = data.draw(st.lists(st.integers(-3, 3), min_size=p, max_size=p))
    step = MRMR(4, variant, discretization=how)
    moved = (x + np.array(origin)) * np.array(unit)
    assert clone(step).fit(moved, y).selected_ == clone(step).fit(x, y).selected_


@given(cohorts(), st.sampled_from(VARIANTS), st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_columns_where_nothing_is_tied(
    cohort, variant, random
):
    x, y = cohort
    x = x + np.random.default_rng(1).normal(size=x.shape)  # ties go to the first column
    assume(variant.startswith("f-"))
    order = list(range(x.shape[1]))
    random.shuffle(order)
    frame = pd.DataFrame(x, columns=[f"f{j}" for j in range(x.shape[1])])
    one, other = MRMR(4, variant).fit(frame, y), MRMR(4, variant).fit(frame.iloc[:, order], y)
    assert one.selected_ == other.selected_
    assert_array_equal(one.relevance_[order], other.relevance_)


@variants
def test_of_equal_columns_the_first_wins(variant):
    rng = np.random.default_rng(3)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 2000)) + y[:, None] * rng.uniform(0, 1, 2000)
    best = MRMR(1, variant).fit(x, y).relevance_.argmax()
    for place in (1999, 1023, 1024):  # the kernel works in blocks
        if place > best:
            x[:, place] = 2.54 * x[:, best]
    assert columns(MRMR(1, variant).fit(x, y)) == [best]


@pytest.mark.parametrize("case", PEER["cases"], ids=lambda case: case["id"])
def test_agrees_with_mrmr_selection(case):
    seed, n, p, factors, decimals = case["cohort"]
    rng = np.random.default_rng(seed)
    hidden = rng.integers(-3, 4, (n, factors))
    x = hidden @ rng.integers(-2, 3, (factors, p)) + rng.integers(-40, 41, (n, p)) / 10
    y = (hidden[:, 0] + hidden[:, 1] + rng.integers(-3, 4, n) > 0).astype(int)
    x = np.round(x, decimals)
    assert x.sum() == pytest.approx(case["sum"])
    frame = pd.DataFrame(x, columns=[f"f{j}" for j in range(p)])
    assert list(MRMR(case["k"]).fit(frame, y).selected_) == case["selected"]


@given(cohorts(largest=20), st.data())
def test_relevance_for_a_time_to_event_is_the_score_test(cohort, data):
    x, event = cohort
    n = len(event)
    time = data.draw(st.lists(st.integers(1, 5), min_size=n, max_size=n))
    got = MRMR(9).fit(x, survival(time, event))
    wanted = [oracle.cox_score(column, time, event) for column in x.T]
    assert_allclose(got.relevance_, wanted, rtol=1e-11, atol=1e-12)
    chosen, _, _ = oracle.select(x, None, 9, VARIANTS[1], relevance=got.relevance_)
    assert columns(got) == chosen


def test_a_perfect_feature_has_infinite_relevance_and_comes_first():
    x = np.array([[5, 0.1], [3, 0.1], [4, 0.3], [1, 0.3]])
    got = MRMR(2).fit(x, [0, 0, 1, 1])
    assert got.selected_ == ("x1", "x0")
    assert got.relevance_[1] == np.inf


def test_more_than_there_are_gives_all():
    x = np.random.default_rng(0).normal(size=(20, 3))
    assert len(MRMR(25).fit(x, np.arange(20) % 2).selected_) == 3


def test_minimal_n():
    got = MRMR(1).fit([[1.0, 3.0], [2.0, 1.0], [4.0, 2.0]], [0, 0, 1])
    assert got.selected_ == ("x0",)
    with pytest.raises(ValueError, match=r"at least 3 patients; got n_samples = 2"):
        MRMR(1).fit([[1.0], [2.0]], [0, 1])


def test_names_and_patients_travel():
    frame = pd.DataFrame({"b": [1.0, 2, 5, 4], "a": [4.0, 1, 3, 3]}, index=["P1", "P2", "P3", "P4"])
    step = MRMR(1).set_output(transform="pandas").fit(frame, [0, 0, 1, 1])
    assert step.patients_seen_ == ("P1", "P2", "P3", "P4")
    out = step.transform(frame)
    assert out.columns.tolist() == list(step.selected_) == ["b"]
    assert out.index.tolist() == frame.index.tolist()


GOOD = pd.DataFrame({"a": [1.0, 2, 3, 5], "b": [2.0, 1, 7, 5]}, index=["P1", "P2", "P3", "P4"])


@pytest.mark.parametrize(
    ("change", "y", "options", "message"),
    [
        ({"b": [2.0, np.nan, 7, 5]}, [0, 0, 1, 1], {}, r"Feature 'b' of patient 'P2' is missing"),
        ({"b": [0.3, 0.1 + 0.2, 0.3, 0.3]}, [0, 0, 1, 1], {}, r"Feature 'b' is constant in the 4"),
        ({}, [0, 0, 0, 0], {}, r"All 4 patients have the same outcome"),
        ({}, [0, 0, 1, 2], {}, r"takes a 0/1 outcome"),
        ({}, [0, 1], {}, r"`X` has 4 patients and `y` 2 values"),
        ({}, None, {}, r"requires y to be passed"),
        ({}, survival([1, 2, 3, 4], [0, 0, 0, 0]), {}, r"None of the 4 patients had the event"),
        (
            {},
            survival([1, 2, 3, 4], [1, 0, 1, 1]),
            {"variant": VARIANTS[2]},
            r"defined for a 0/1 outcome",
        ),
        ({}, [0, 0, 1, 1], {"k": 0}, r"k"),
        ({}, [0, 0, 1, 1], {"variant": "miq"}, r"variant"),
        ({}, [0, 0, 1, 1], {"floor": 0.0}, r"floor"),
        ({}, [0, 0, 1, 1], {"variant": VARIANTS[3], "discretization": "x"}, r"discretization"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(change, y, options, message):
    with pytest.raises(ValueError, match=message):
        MRMR(**options).fit(GOOD.assign(**change), y)


class OddClasses(MRMR):
    """What scikit-learn's checks, which draw up to three classes, can be passed to."""

    def fit(self, X, y=None):
        return super().fit(
            X, None if y is None else np.unique(np.asarray(y), return_inverse=True)[1] % 2
        )


def test_scikit_learn_accepts_it():
    check_estimator(OddClasses(), on_skip=None)
