"""Baseline-table tests against enumeration, their invariances, R stats and coin."""

import json
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats.contingency import (
    chi_square_test,
    fisher_exact_test,
    fisher_monte_carlo_test,
)
from extval.stats.group_tests import (
    anova_test,
    kruskal_wallis_test,
    mann_whitney_test,
    student_t_test,
    welch_t_test,
)
from extval.stats.results import Status
from extval.stats.standardized_difference import (
    standardized_mean_difference,
    standardized_proportion_difference,
)
from tests.oracles import group_tests as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "group_tests.json").read_text())

small = st.lists(st.integers(-3, 3), min_size=2, max_size=6)
samples = st.lists(small, min_size=2, max_size=4)


@st.composite
def tables(draw, rows=(2, 4), columns=(2, 4), most=4):
    r, c = draw(st.integers(*rows)), draw(st.integers(*columns))
    cells = draw(st.lists(st.integers(0, most), min_size=r * c, max_size=r * c))
    return np.array(cells).reshape(r, c)


@given(small, small)
def test_exact_mann_whitney_enumerates_all_allocations(x, y):
    assume(len({*x, *y}) > 1)
    got = mann_whitney_test(x, y, method="exact")
    assert got.statistic == oracle.mann_whitney_u(x, y)
    assert_allclose(got.p_value, oracle.mann_whitney_exact(x, y), rtol=1e-12)


@given(samples)
def test_rank_and_variance_tests_match_their_definitions(groups):
    assume(len({x for group in groups for x in group}) > 1)
    assert_allclose(
        kruskal_wallis_test(groups).statistic, oracle.kruskal_wallis(groups), rtol=1e-12, atol=1e-13
    )
    assume(any(len(set(group)) > 1 for group in groups))
    assert_allclose(anova_test(groups).statistic, oracle.anova_f(groups), rtol=1e-10, atol=1e-12)


@given(small, small)
def test_two_groups_are_a_special_case(x, y):
    assume(len(set(x)) > 1 or len(set(y)) > 1)
    t, f = student_t_test(x, y), anova_test([x, y])
    assert_allclose(t.statistic**2, f.statistic, rtol=1e-10, atol=1e-13)
    assert_allclose(t.p_value, f.p_value, rtol=1e-9)
    u = mann_whitney_test(x, y, method="asymptotic", continuity=False)
    assert_allclose(u.p_value, kruskal_wallis_test([x, y]).p_value, rtol=1e-10)


@given(small, small)
def test_swapping_groups_keeps_p(x, y):
    for test in (student_t_test, welch_t_test, mann_whitney_test, standardized_mean_difference):
        a, b = test(x, y), test(y, x)
        if test is standardized_mean_difference:
            assert_allclose(a.value, -b.value)
        else:
            assert_allclose(a.p_value, b.p_value, rtol=1e-13)


@given(small, small, st.sampled_from([0.5, 3.0]), st.integers(-2, 2))
def test_unit_and_origin_do_not_matter(x, y, unit, shift):
    u, v = unit * np.array(x) + shift, unit * np.array(y) + shift
    for test in (student_t_test, welch_t_test):
        assert_allclose(test(u, v).p_value, test(x, y).p_value, rtol=1e-9)
    assert mann_whitney_test(u, v) == mann_whitney_test(x, y)


@given(tables())
def test_fisher_enumerates_all_tables(table):
    occupied = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    assume(min(occupied.shape) >= 2 and table.sum() <= 18)
    got = fisher_exact_test(table)
    assert_allclose(got.p_value, oracle.fisher(occupied), rtol=1e-10)


@given(tables(most=9), st.randoms(use_true_random=False))
def test_order_of_rows_and_columns_does_not_matter(table, random):
    rows, columns = list(range(table.shape[0])), list(range(table.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    other = table[rows][:, columns].T
    for test in (fisher_exact_test, chi_square_test):
        assert_allclose(test(other).p_value, test(table).p_value, rtol=1e-9)


@given(tables())
def test_empty_rows_and_columns_say_nothing(table):
    padded = np.pad(table, ((0, 1), (1, 0)))
    for test in (fisher_exact_test, chi_square_test):
        a, b = test(padded), test(table)
        assert repr(a) == repr(b)


@pytest.mark.parametrize("case", R["two_groups"], ids=lambda case: case["id"])
def test_two_groups_agree_with_r(case):
    x, y = case["x"], case["y"]
    for test, name in ((student_t_test, "student"), (welch_t_test, "welch")):
        got = test(x, y)
        found = got.statistic, got.df, got.p_value
        assert_allclose(found, case[name], rtol=1e-10, err_msg=name)
    assert mann_whitney_test(x, y).statistic == case["u"]
    assert_allclose(mann_whitney_test(x, y).p_value, case["auto"], rtol=1e-10)
    found = mann_whitney_test(x, y, method="asymptotic").p_value
    assert_allclose(found, case["corrected"], rtol=1e-10)
    found = mann_whitney_test(x, y, method="asymptotic", continuity=False).p_value
    assert_allclose(found, case["uncorrected"], rtol=1e-10)
    if isinstance(case["coin_exact"], float):
        found = mann_whitney_test(x, y, method="exact").p_value
        assert_allclose(found, case["coin_exact"], rtol=1e-9)
    assert_allclose(
        standardized_mean_difference(x, y).value, case["smd"], rtol=1e-12, err_msg="SMD"
    )


@pytest.mark.parametrize("case", R["k_groups"], ids=lambda case: case["id"])
def test_several_groups_agree_with_r(case):
    got = anova_test(case["groups"])
    found = [got.statistic, got.df, got.df_error, got.p_value]
    assert_allclose(found, case["anova"], rtol=1e-11, err_msg="ANOVA")
    got = kruskal_wallis_test(case["groups"])
    assert_allclose([got.statistic, got.df, got.p_value], case["kruskal"], rtol=1e-11)


@pytest.mark.parametrize("case", R["tables"], ids=lambda case: case["id"])
def test_tables_agree_with_r(case):
    got = chi_square_test(case["table"])
    assert_allclose([got.statistic, got.df, got.p_value], case["chisq"], rtol=1e-11)
    assert_allclose(got.min_expected, case["expected"], rtol=1e-13)
    got = chi_square_test(case["table"], yates=True)
    assert_allclose([got.statistic, got.p_value], case["yates"], rtol=1e-11, err_msg="Yates")
    two = np.shape(case["table"]) == (2, 2)
    # FEXACT, for other tables, carries the probabilities of paths in bins of its own width.
    p_value, name = fisher_exact_test(case["table"]).p_value, f"Fisher{'' if two else ', r x c'}"
    assert_allclose(p_value, case["fisher"], rtol=1e-11 if two else 1e-8, err_msg=name)
    if isinstance(case["smd"], float):
        columns = np.array(case["table"]).T
        got = standardized_proportion_difference(columns[0], columns[1])
        assert_allclose(abs(got.value), case["smd"], rtol=1e-10, err_msg="SMD")


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="millions of paths need compiled loops")
def test_a_5_by_4_table_of_a_hundred_patients_is_exact():
    rng = np.random.default_rng(5)
    table = rng.multinomial(100, np.full(20, 0.05)).reshape(5, 4)
    exact = fisher_exact_test(table)
    assert exact.status is Status.OK
    simulated = fisher_monte_carlo_test(table, n_resamples=20_000, rng=rng)
    error = np.sqrt(exact.p_value * (1 - exact.p_value) / 20_000)
    assert abs(simulated.p_value - exact.p_value) < 4 * error


def test_monte_carlo_depends_on_the_key_alone():
    table = [[5, 3, 1], [2, 6, 4]]
    first, again = (
        fisher_monte_carlo_test(table, n_resamples=500, rng=np.random.default_rng(7))
        for _ in range(2)
    )
    assert first == again
    with pytest.raises(ValueError, match="`rng` must be"):
        fisher_monte_carlo_test(table, n_resamples=500, rng=None)


def test_too_many_tables_are_said_not_waited_for():
    got = fisher_exact_test(np.arange(1, 31).reshape(5, 6), max_paths=10_000)
    assert got.status is Status.EXACT_TEST_TOO_LARGE
    assert np.isnan(got.p_value)
    huge = fisher_exact_test(np.full((12, 12), 10**6), max_paths=1000)
    assert huge.status is Status.EXACT_TEST_TOO_LARGE


def test_tiny_p_values_keep_their_digits():
    got = fisher_exact_test(np.eye(5, dtype=int) * 12)
    log_p = 5 * np.log(np.arange(1, 13)).sum() * 2 - np.log(np.arange(1, 61)).sum()
    log_p -= 5 * np.log(np.arange(1, 13)).sum()
    assert_allclose(np.log(got.p_value), log_p + np.log(120), rtol=1e-12)  # 5! equal tables


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (student_t_test([1], [2]), Status.TOO_FEW_PER_GROUP),
        (student_t_test([], [1, 2, 3]), Status.TOO_FEW_PER_GROUP),
        (student_t_test([1, 1], [1, 1]), Status.CONSTANT_WITHIN_GROUPS),
        (welch_t_test([0.1, 0.1, 0.1], [0.3, 0.3]), Status.CONSTANT_WITHIN_GROUPS),
        (welch_t_test([1], [2, 3]), Status.TOO_FEW_PER_GROUP),
        (anova_test([[0.1] * 3, [0.3] * 3]), Status.CONSTANT_WITHIN_GROUPS),
        (anova_test([[1], [2]]), Status.TOO_FEW_PER_GROUP),
        (anova_test([[], [2, 3]]), Status.TOO_FEW_PER_GROUP),
        (mann_whitney_test([], [1]), Status.TOO_FEW_PER_GROUP),
        (mann_whitney_test([2, 2], [2]), Status.ALL_TIED),
        (kruskal_wallis_test([[1], [1, 1]]), Status.ALL_TIED),
        (kruskal_wallis_test([[1], []]), Status.TOO_FEW_PER_GROUP),
        (chi_square_test([[3, 4], [0, 0]]), Status.ONE_ROW_OR_COLUMN),
        (fisher_exact_test([[0, 4], [0, 2]]), Status.ONE_ROW_OR_COLUMN),
        (fisher_exact_test(np.zeros((2, 2))), Status.ONE_ROW_OR_COLUMN),
    ],
)
def test_undefined_is_a_value_with_a_reason(result, status):
    assert result.status is status
    assert np.isnan(result.p_value)
    assert np.isnan(result.statistic)


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (standardized_mean_difference([1], [2, 3]), Status.TOO_FEW_PER_GROUP),
        (standardized_mean_difference([1, 1], [3, 3]), Status.NO_COMMON_SPREAD),
        (standardized_proportion_difference([0, 0], [3, 1]), Status.TOO_FEW_PER_GROUP),
        (standardized_proportion_difference([3, 0], [0, 4]), Status.NO_COMMON_SPREAD),
        (standardized_proportion_difference([3, 0], [4, 0]), Status.NO_COMMON_SPREAD),
    ],
)
def test_undefined_differences_say_why(result, status):
    assert result.status is status
    assert np.isnan([result.value, result.interval.low]).all()


def test_standardized_proportion_difference_is_invariant_to_the_category_left_out():
    a, b = np.array([5, 9, 2, 4]), np.array([3, 3, 8, 6])
    wanted = standardized_proportion_difference(a, b).value
    for order in ([3, 1, 0, 2], [2, 3, 1, 0]):
        found = standardized_proportion_difference(a[order], b[order]).value
        assert_allclose(found, wanted, rtol=1e-12)
    two = standardized_proportion_difference([6, 4], [3, 7])
    assert_allclose(two.value, (0.4 - 0.7) / np.sqrt((0.24 + 0.21) / 2))
    assert two.interval.low < two.value < two.interval.high


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: chi_square_test([[1, 2.5], [1, 1]]), r"row 0, column 1 \(2.5\)"),
        (lambda: chi_square_test([1, 2]), "two dimensions"),
        (lambda: anova_test([[1, 2]]), "at least two groups; got 1"),
        (lambda: anova_test([[1, 2], [np.nan]]), r"`groups\[1\]` must be finite"),
        (lambda: mann_whitney_test([1], [2], method="normal"), "`method` must be one of"),
        (lambda: mann_whitney_test(range(150), range(60), method="exact"), "at most 200 patients"),
    ],
)
def test_errors_name_the_place(call, message):
    with pytest.raises(ValueError, match=message):
        call()
