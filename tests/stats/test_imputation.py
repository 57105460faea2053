"""`extval.stats.imputation` against posteriors of R lm, glm and multinom, and its invariances."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest

from extval.stats import _imputation_models as models
from extval.stats.imputation import (
    fill_missing,
    impute,
    learn_chained_equations,
    typical_values,
)
from tests.oracles import imputation as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "imputation.json").read_text())
LINE = ["continuous"] * 3


def reference(name):
    case = R[name]
    data = np.array([[np.nan if v is None else v for v in row] for row in case["data"]])
    return data, np.array(case["mean"]), np.array(case["covariance"])


def draws_of_last_column(name, kind, m):
    data, mean, covariance = reference(name)
    learned = learn_chained_equations(
        data,
        kinds=["continuous", "continuous", kind],
        n_imputations=m,
        n_iterations=1,
        rng=np.random.default_rng(11),
    )
    draws = np.array([columns[2] for columns in learned.coefficients])
    return draws, mean, covariance, learned


def assert_same_law(draws, mean, covariance):
    """Compare draws (m, k) with a mean and a covariance within Monte Carlo error."""
    m = len(draws)
    sd = np.sqrt(np.diag(covariance))
    assert (np.abs(draws.mean(axis=0) - mean) < 4.5 * sd / np.sqrt(m)).all()
    found = np.cov(draws, rowvar=False) / np.outer(sd, sd)
    wanted = covariance / np.outer(sd, sd)
    assert np.abs(found - wanted).max() < 4.5 * np.sqrt(2 / m)


def test_continuous_coefficients_have_the_posterior_of_lm():
    draws, mean, covariance, learned = draws_of_last_column("continuous", "continuous", 1500)
    assert_same_law(draws, mean, covariance)
    variances = learned.residuals[:, 2] ** 2
    wanted = R["continuous"]["mean_variance"][0]
    assert_allclose(variances.mean(), wanted, rtol=4.5 * np.sqrt(2 / 87 / 1500))


def test_binary_coefficients_have_the_posterior_of_glm():
    draws, mean, covariance, _ = draws_of_last_column("binary", "categorical", 800)
    assert_same_law(draws[:, :, 0], mean, covariance)


def test_category_coefficients_have_the_posterior_of_multinom():
    draws, mean, covariance, _ = draws_of_last_column("categorical", "categorical", 600)
    by_level = draws.transpose(0, 2, 1).reshape(len(draws), -1)
    assert_same_law(by_level, mean.T.ravel(), covariance)


@pytest.mark.parametrize(("name", "levels"), [("binary", 2), ("categorical", 3)])
def test_maxima_agree_with_r(name, levels):
    data, mean, covariance = reference(name)
    seen = ~np.isnan(data[:, 2])
    scaled = (data[:, :2] - data[:, :2].mean(axis=0)) / data[:, :2].std(axis=0)
    design = np.column_stack([np.ones(len(data)), scaled])[seen]
    rows = models._augmented(design, data[seen, 2].astype(int), levels)
    estimate, information = models._maximum(*rows)
    assert_allclose(estimate, mean.reshape(estimate.shape), rtol=1e-5, atol=1e-6)  # BFGS in R
    order = np.arange(3 * (levels - 1)).reshape(3, levels - 1).T.ravel()
    found = np.linalg.inv(information)[np.ix_(order, order)]
    assert_allclose(found, covariance, rtol=1e-4, atol=1e-6)


def test_imputed_values_follow_the_predictive_distribution():
    rng = np.random.default_rng(4)
    x = np.arange(12.0)
    y = 3 + 0.5 * x + rng.normal(size=12)
    y[[0, 11]] = [-40, 60]  # widen the observed range: draws are kept within it
    x[[0, 11]] = [-86, 114]
    learned = learn_chained_equations(
        np.column_stack([x, y]), kinds=LINE[:2], n_imputations=1500, n_iterations=1, rng=rng
    )
    drawn = impute(learned, [[5.0, np.nan]], rng=rng)[:, 0, 1]
    assert kstest(drawn, oracle.predictive(x, y, 5.0).cdf).pvalue > 1e-3


@st.composite
def studies(draw):
    """Draw a small table with gaps: one continuous, one binary, one three-level column."""
    n = draw(st.integers(6, 15))
    a = draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n))
    b = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    c = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    table = np.column_stack([a, b, c]).astype(float)
    holes = draw(st.lists(st.integers(0, 3 * n - 1), max_size=n))
    table.ravel()[holes] = np.nan
    table[0] = [a[0], b[0], c[0]]
    return table


MIXED = ["continuous", "categorical", "categorical"]


@settings(max_examples=25)
@given(studies(), st.integers(0, 2**32))
def test_observed_values_stay_and_drawn_ones_are_possible(table, seed):
    rng = np.random.default_rng(seed)
    learned = learn_chained_equations(table, kinds=MIXED, n_imputations=2, n_iterations=2, rng=rng)
    filled = impute(learned, table, rng=rng)
    seen = ~np.isnan(table)
    for one in filled:
        assert_array_equal(one[seen], table[seen])
        assert np.isfinite(one).all()
        for j in range(3):
            known = table[seen[:, j], j]
            if MIXED[j] == "categorical":
                assert np.isin(one[:, j], known).all()
            assert known.min() <= one[:, j].min() <= one[:, j].max() <= known.max()


@settings(max_examples=10)
@given(studies(), st.integers(0, 2**32))
def test_the_same_stream_gives_the_same_imputations(table, seed):
    def run(m):
        rng = np.random.default_rng(seed)
        learned = learn_chained_equations(
            table, kinds=MIXED, n_imputations=m, n_iterations=2, rng=rng
        )
        return impute(learned, table, rng=rng)

    assert_array_equal(run(2), run(2))
    assert_array_equal(run(3)[:2], run(2))  # a further imputation leaves the others alone


@settings(max_examples=10)
@given(studies(), st.integers(0, 2**32))
def test_units_carry_over(table, seed):
    def run(scale, shift):
        rng = np.random.default_rng(seed)
        moved = table.copy()
        moved[:, 0] = scale * moved[:, 0] + shift
        learned = learn_chained_equations(
            moved, kinds=MIXED, n_imputations=2, n_iterations=2, rng=rng
        )
        return impute(learned, moved, rng=rng)

    plain, moved = run(1.0, 0.0), run(4.0, 8.0)
    assert_allclose(moved[:, :, 0], 4 * plain[:, :, 0] + 8, rtol=1e-9, atol=1e-9)
    assert_array_equal(moved[:, :, 1:], plain[:, :, 1:])


def test_validation_patients_teach_nothing():
    rng = np.random.default_rng(2)
    x = rng.normal(size=60)
    development = np.column_stack([x, 2 * x + 0.1 * rng.normal(size=60)])
    learned = learn_chained_equations(development, kinds=LINE[:2], n_imputations=20, rng=rng)
    # In this cohort the second column runs the other way; its gaps are filled the learned way.
    cohort = np.column_stack([np.linspace(-1, 1, 21), -2 * np.linspace(-1, 1, 21)])
    cohort[::2, 1] = np.nan
    filled = impute(learned, cohort, rng=rng).mean(axis=0)
    assert_allclose(filled[::2, 1], 2 * cohort[::2, 0], atol=0.2)


def test_a_column_complete_in_development_can_be_missing_later():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(50, 1))
    development = np.hstack([x, x + 0.1 * rng.normal(size=(50, 1))])
    learned = learn_chained_equations(development, kinds=LINE[:2], n_imputations=5, rng=rng)
    filled = impute(learned, [[np.nan, 1.0], [np.nan, np.nan]], rng=rng)
    assert np.abs(filled[:, 0, 0] - 1).max() < 0.6
    assert np.isfinite(filled).all()


def test_separated_and_collinear_columns_have_an_imputation():
    x = np.arange(10.0)
    table = np.column_stack([x, 2 * x, x > 4.5, x > 4.5]).astype(float)
    table[0, 2] = table[9, 1] = np.nan
    rng = np.random.default_rng(5)
    learned = learn_chained_equations(
        table, kinds=[*LINE[:2], "categorical", "categorical"], n_imputations=20, rng=rng
    )
    filled = impute(learned, table, rng=rng)
    assert filled[:, 0, 2].mean() < 0.3
    # Column 1 is twice column 0 but for its ridge; draws cannot leave the observed 0 to 16.
    assert filled[:, 9, 1].min() > 12


def test_constant_columns_stay_constant():
    table = np.array([[1.0, 5.0, 2.0], [2.0, 5.0, 2.0], [3.0, np.nan, np.nan], [4.0, 5.0, 2.0]])
    rng = np.random.default_rng(6)
    learned = learn_chained_equations(
        table, kinds=["continuous", "continuous", "categorical"], n_imputations=3, rng=rng
    )
    filled = impute(learned, table, rng=rng)
    assert_array_equal(filled[:, 2, 1:], [[5.0, 2.0]] * 3)


def test_single_column_and_no_patients():
    rng = np.random.default_rng(7)
    learned = learn_chained_equations(
        [[1.0], [3.0], [np.nan]], kinds=["continuous"], n_imputations=2, rng=rng
    )
    assert impute(learned, np.empty((0, 1)), rng=rng).shape == (2, 0, 1)
    codes = learn_chained_equations(
        [[1.0], [3.0], [np.nan]], kinds=["categorical"], n_imputations=2, rng=rng
    )
    assert np.isin(impute(codes, [[np.nan]], rng=rng), [1.0, 3.0]).all()


def test_typical_values_fill():
    table = [[1.0, 2.0], [9.0, 2.0], [2.0, 1.0], [np.nan, 1.0]]
    values = typical_values(table, kinds=["continuous", "categorical"])
    assert_array_equal(values, [2.0, 1.0])  # the smaller of two equally frequent codes
    assert_array_equal(fill_missing([[np.nan, 2.0]], values), [[2.0, 2.0]])


GOOD = [[1.0, 2.0], [2.0, 3.0], [3.0, 5.0]]


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ([1.0, 2.0], {}, r"shape \(n, columns\); got \(2,\)"),
        ([[1.0, np.inf], [2.0, 3.0]], {}, "infinite, first at row 0, column 1"),
        ([[1.0, np.nan], [2.0, np.nan]], {}, "column 1 has none"),
        (GOOD, {"kinds": ["continuous"]}, "2 entries, one a column; got 1"),
        (GOOD, {"kinds": ["continuous", "ordinal"]}, "`kinds` must be one of"),
        (GOOD, {"n_imputations": 0}, "`n_imputations`"),
        (GOOD, {"rng": None}, "`rng` must be"),
    ],
)
def test_learning_errors_name_the_argument(data, options, message):
    given_options = {
        "kinds": ["continuous", "continuous"],
        "n_imputations": 2,
        "rng": np.random.default_rng(1),
        **options,
    }
    with pytest.raises(ValueError, match=message):
        learn_chained_equations(data, **given_options)


def test_imputing_errors_name_the_argument():
    rng = np.random.default_rng(1)
    learned = learn_chained_equations(
        [[1.0, 0.0], [2.0, 1.0], [3.0, 1.0]],
        kinds=["continuous", "categorical"],
        n_imputations=2,
        rng=rng,
    )
    with pytest.raises(ValueError, match="column 1; 7 is not among 0, 1"):
        impute(learned, [[1.0, 7.0]], rng=rng)
    with pytest.raises(ValueError, match=r"shape \(n, 2\); got \(1, 3\)"):
        impute(learned, [[1.0, 0.0, 0.0]], rng=rng)
