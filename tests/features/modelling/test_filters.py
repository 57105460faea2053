"""`extval.features.modelling.filters` against definitions, invariances, R and scikit-learn."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import rankdata
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from extval.features.modelling._correlated import ranks
from extval.features.modelling.filters import (
    CompletenessFilter,
    CorrelationFilter,
    MedianImputer,
    VarianceFilter,
    ZScore,
)
from tests.oracles import mrmr as oracle

R = json.loads((Path(__file__).parents[2] / "reference" / "screening.json").read_text())
STEPS = (CompletenessFilter, VarianceFilter, CorrelationFilter, MedianImputer, ZScore)
NAN = np.nan


@st.composite
def tables(draw, *, gaps=False, least=2):
    """Draw small integers with ties, perhaps with gaps."""
    n, p = draw(st.integers(least, 8)), draw(st.integers(1, 7))
    value = st.integers(-3, 3)
    cell = st.one_of(st.just(None), value, value) if gaps else value
    cells = draw(st.lists(cell, min_size=n * p, max_size=n * p))
    return np.array(cells, float).reshape(n, p)


def varying(x):
    assume((np.ptp(x, axis=0) > 0).all())
    return x


def dropped(step):
    return {int(name[1:]) for name in step.dropped_}


@given(tables(gaps=True), st.sampled_from([0.0, 0.2, 0.5]))
def test_completeness_is_a_share_of_the_patients_it_is_fitted_on(x, limit):
    lacks = [sum(np.isnan(v) for v in column) / len(column) for column in x.T]
    wanted = {j for j, share in enumerate(lacks) if share > limit}
    if len(wanted) == x.shape[1]:
        with pytest.raises(ValueError, match=r"CompletenessFilter drops all"):
            CompletenessFilter(limit).fit(x)
        return
    step = CompletenessFilter(limit).fit(x)
    assert dropped(step) == wanted
    assert_array_equal(step.missing_share_, lacks)
    assert_array_equal(step.transform(x), x[:, [j not in wanted for j in range(x.shape[1])]])


def test_completeness_says_why():
    x = pd.DataFrame({"a": [1.0, NAN, NAN], "b": [1.0, 2, 3]}, index=["P1", "P2", "P3"])
    step = CompletenessFilter().fit(x)
    assert step.dropped_ == {"a": "Missing in 2 of 3 patients (66.7 %), which is more than 20.0 %."}
    assert step.patients_seen_ == ("P1", "P2", "P3")
    assert step.get_feature_names_out().tolist() == ["b"]


@given(tables(gaps=True), st.sampled_from([0.0, 1.0, 2.5]))
def test_variance_matches_the_definition(x, limit):
    known = [column[~np.isnan(column)] for column in x.T]
    wanted = [v.size > 1 and v.var(ddof=1) > limit * (1 + 1e-12) for v in known]
    assume(any(wanted))
    step = VarianceFilter(limit).fit(x)
    assert_array_equal(step.support_, wanted)
    assert_allclose(
        step.variances_, [v.var(ddof=1) if v.size > 1 else NAN for v in known], rtol=1e-12
    )


@given(tables(), st.sampled_from([1e-150, 1e-9, 1.0, 1e9]), st.integers(0, 2**32 - 1))
def test_a_constant_feature_is_one_whose_range_is_rounding(x, unit, seed):
    noise = 1 + 2e-16 * np.random.default_rng(seed).integers(-2, 3, x.shape[0])
    wide = np.column_stack((unit * x, unit * 0.3 * noise, unit * np.arange(len(x))))
    step = VarianceFilter().fit(wide)
    wanted = {j for j in range(x.shape[1]) if np.ptp(x[:, j]) == 0} | {x.shape[1]}
    assert dropped(step) == wanted


def test_units_near_the_range_of_floats():
    x = np.array([[1.0, 2.0], [2.0, 1.0], [4.0, 3.0]])
    for unit in (1e-300, 1e-200, 1e200, 1e300):
        assert VarianceFilter().fit(unit * x).support_.all()
        assert_allclose(
            ZScore().fit(unit * x).transform(unit * x), ZScore().fit(x).transform(x), rtol=1e-12
        )
        assert CorrelationFilter().fit(unit * x).support_.all()


def test_variance_says_why():
    x = pd.DataFrame({"a": [1.0, NAN, 1], "b": [1.0, 2, 3], "c": [NAN] * 3, "d": [0.0, 0.1, 0.2]})
    assert VarianceFilter(0.5).fit(x).dropped_ == {
        "a": "Constant at 1 in the 2 patients who have it.",
        "c": "No patient has it.",
        "d": "Its variance 0.01 is not above 0.5.",
    }


@given(tables(least=3), st.sampled_from([0.5, 0.9, 1.0]), st.sampled_from(["greedy", "caret"]))
def test_correlation_filter_matches_the_definition(x, above, rule):
    varying(x)
    wanted = oracle.redundant(x, above, rule=rule)
    assume(len(wanted) < x.shape[1])
    assert dropped(CorrelationFilter(above, rule=rule).fit(x)) == wanted


@given(tables(least=3), st.sampled_from([0.5, 0.9, 1.0]))
def test_rank_correlation_is_the_correlation_of_ranks(x, above):
    varying(x)
    step = CorrelationFilter(above, "spearman").fit(x)
    wanted = oracle.redundant(np.apply_along_axis(rankdata, 0, x), above, rule="greedy")
    assert dropped(step) == wanted
    assert_array_equal(ranks(x), rankdata(x, axis=0))
    assert step.support_.sum() == CorrelationFilter(above, "spearman").fit(x**3).support_.sum()


@given(tables(least=3), st.sampled_from([0.5, 0.9]))
def test_the_greedy_rule_leaves_no_pair_and_a_substitute_for_each(x, above):
    varying(x)
    kept = CorrelationFilter(above).fit(x).support_
    r = np.abs([[oracle.correlation(a, b) for b in x.T] for a in x.T])
    off = r[np.ix_(kept, kept)] - np.eye(kept.sum())
    assert (off <= above + 1e-9).all()
    assert (r[np.ix_(~kept, kept)].max(axis=1, initial=1) > above - 1e-9).all()


@given(tables(least=3), st.sampled_from(["pearson", "spearman"]), st.randoms(use_true_random=False))
def test_orders_and_units_do_not_matter(x, method, random):
    varying(x)
    rows, order = list(range(x.shape[0])), list(range(x.shape[1]))
    random.shuffle(rows)
    random.shuffle(order)
    units = np.array([random.choice([-25.4, 1e-6, 1.0]) for _ in order])
    table = pd.DataFrame(x, columns=[f"f{j}" for j in order])
    one = CorrelationFilter(0.8, method).fit(table)
    other = CorrelationFilter(0.8, method).fit((units * table).iloc[rows, order])
    assert set(one.dropped_) == set(other.dropped_)


def test_of_duplicates_the_name_that_sorts_first_is_kept():
    table = pd.DataFrame({"c": [1.0, 2, 4], "a": [1.0, 2, 4], "b": [-1.0, -2, -4]})
    assert CorrelationFilter().fit(table).dropped_ == {
        "c": "Pearson's correlation with 'a', which is kept, is 1.000; its mean is equal.",
        "b": "Pearson's correlation with 'a', which is kept, is -1.000; its mean is equal.",
    }
    assert set(CorrelationFilter(rule="caret").fit(table).dropped_) == {"c", "a"}


@pytest.mark.parametrize("case", R["chains"], ids=lambda case: case["id"])
def test_caret_rule_agrees_with_caret(case):
    step = CorrelationFilter(case["above"], case["method"], rule="caret").fit(case["x"])
    assert sorted(j + 1 for j in dropped(step)) == case["dropped"]
    greedy = CorrelationFilter(case["above"], case["method"]).fit(case["x"])
    assert dropped(greedy) <= dropped(step)


def test_blocks_do_not_show():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(30, 8)) @ rng.normal(size=(8, 1100)) + rng.normal(size=(30, 1100))
    step = CorrelationFilter(0.8).fit(x)
    r = np.abs(np.corrcoef(x.T))
    assert_allclose(step.mean_correlation_, r.mean(axis=1), rtol=1e-12)
    kept = np.flatnonzero(step.support_)
    assert (r[np.ix_(kept, kept)] - np.eye(kept.size)).max() <= 0.8


@given(tables(gaps=True), tables(gaps=True))
def test_medians_are_those_of_simple_imputer(x, new):
    assume((~np.isnan(x)).any(axis=0).all())
    step = MedianImputer().fit(x)
    peer = SimpleImputer(strategy="median").fit(x)
    assert_array_equal(step.medians_, peer.statistics_)
    assert_array_equal(step.imputed_, np.isnan(x).sum(axis=0))
    if new.shape[1] == x.shape[1]:
        assert_array_equal(step.transform(new), peer.transform(new))
        assert sum(step.imputed_in(new).values()) == np.isnan(new).sum()


def test_the_table_given_is_not_changed():
    x = np.array([[1.0, NAN], [2.0, 3.0], [4.0, 5.0]])
    before = x.copy()
    make_pipeline(MedianImputer(), ZScore()).fit_transform(x)
    assert_array_equal(x, before)


@pytest.mark.parametrize("case", R["studies"], ids=lambda case: case["id"])
def test_z_scores_agree_with_scale(case):
    step = ZScore().fit(case["x"])
    assert_allclose(step.transform(case["x"]), case["z"], rtol=1e-12, atol=1e-13)


@given(tables(), st.sampled_from([0.1, 1e9]), st.integers(-5, 5))
def test_z_scores_have_no_unit(x, unit, origin):
    varying(x)
    moved = unit * (x + origin)
    assert_allclose(ZScore().fit(moved).transform(moved), ZScore().fit(x).transform(x), atol=1e-12)
    z = ZScore().fit(x).transform(x)
    assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    assert_allclose(z.std(axis=0, ddof=1), 1, rtol=1e-12)


def test_pandas_goes_in_and_comes_out():
    table = pd.DataFrame(
        {"a": [1.0, NAN, 3, 9], "b": [5.0] * 4, "c": [1.0, 2, 3, 9], "d": [NAN] * 3 + [1.0]},
        index=["P1", "P2", "P3", "P4"],
    )
    chain = make_pipeline(
        CompletenessFilter(0.3), MedianImputer(), VarianceFilter(), ZScore(), CorrelationFilter()
    ).set_output(transform="pandas")
    out = chain.fit_transform(table)
    assert out.columns.tolist() == ["a"]
    assert out.index.tolist() == table.index.tolist()
    one = chain.transform(table.iloc[[1]])
    assert_array_equal(one, out.iloc[[1]])
    assert chain[1].imputed_in(table[["a", "b", "c"]]) == {"a": 1}


HOLE = pd.DataFrame({"a": [1.0, 2, 3], "b": [4.0, NAN, 6]}, index=["P1", "P2", "P3"])
FLAT = pd.DataFrame({"a": [1.0, 2, 3], "b": [0.3, 0.1 + 0.2, 0.3]})


@pytest.mark.parametrize(
    ("step", "x", "message"),
    [
        (ZScore(), HOLE, r"Feature 'b' of patient 'P2' is missing \(NaN\); 1 of 6"),
        (CorrelationFilter(), HOLE, r"Feature 'b' of patient 'P2' is missing"),
        (ZScore(), FLAT, r"Feature 'b' is constant in the 3 patients; 1 of 2"),
        (CorrelationFilter(), FLAT, r"Feature 'b' is constant in the 3"),
        (ZScore(), HOLE.iloc[:1], r"at least 2 patients; got n_samples = 1"),
        (MedianImputer(), HOLE.iloc[[1]], r"Feature 'b' is missing in all 1 patients"),
        (MedianImputer(), HOLE.replace(4.0, np.inf), r"'b' of patient 'P1' is infinite \(inf\)"),
        (CompletenessFilter(), HOLE * NAN, r"drops all 2 features, the first because: Missing"),
        (VarianceFilter(100), HOLE, r"drops all 2 features"),
        (CompletenessFilter(1.0), HOLE, r"`max_missing` must be at least 0 and below 1"),
        (VarianceFilter(-1), HOLE, r"above"),
        (CorrelationFilter(0), HOLE, r"`above` must lie in \(0, 1\]"),
        (CorrelationFilter(method="kendall"), HOLE, r"method"),
        (CorrelationFilter(rule="first"), HOLE, r"rule"),
        (ZScore(), pd.concat([FLAT, FLAT], axis=1), r"Column 'a' is there more than once"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(step, x, message):
    with pytest.raises(ValueError, match=message):
        step.fit(x)


def test_new_patients_are_checked_too():
    full = HOLE.fillna(0.0)
    with pytest.raises(ValueError, match=r"Feature 'b' of patient 'P2' is missing"):
        ZScore().fit(full).transform(HOLE)
    with pytest.raises(ValueError, match=r"feature names should match"):
        ZScore().fit(full).transform(full.rename(columns={"b": "c"}))


@pytest.mark.parametrize("step", STEPS)
def test_scikit_learn_accepts_it(step):
    check_estimator(step(), on_skip=None)
