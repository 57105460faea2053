"""`extval.stats.agreement.icc` against its definition, its invariances and R psych."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import fdtri

from extval.stats._f_quantile import f_quantile
from extval.stats.agreement import ICC_FORMS, icc
from extval.stats.results import Status
from tests.oracles import agreement as oracle

PSYCH = json.loads((Path(__file__).parents[1] / "reference" / "agreement.json").read_text())
ALL = ("value", "low", "high", "statistic", "p_value")


def numbers(result, feature=0, fields=ALL):
    """Return an array of shape (6 forms, fields)."""
    return np.array([[getattr(form, name)[feature] for name in fields] for form in result.forms])


@st.composite
def tables(draw):
    """Draw small integer ratings, many ties, subjects by raters."""
    n, k = draw(st.integers(2, 8)), draw(st.integers(2, 4))
    cells = draw(st.lists(st.integers(-3, 3), min_size=n * k, max_size=n * k))
    return np.array(cells, float).reshape(n, k)


@given(tables(), st.sampled_from([0.8, 0.95]))
def test_matches_the_definition(table, level):
    result = icc([table], confidence_level=level)
    subjects, within, _, residual = oracle._mean_squares(table)
    assume(min(subjects, within, residual) > 1e-9 and abs(subjects - residual) > 1e-9)
    with np.errstate(all="ignore"):  # the oracle divides by zero at the poles
        got, wanted = numbers(result), oracle.icc(table, level)
    pole = -1 / (table.shape[1] - 1)
    assume(np.isfinite(wanted).all() and np.abs(wanted[:3, :3] - pole).min() > 1e-7)
    beyond = (wanted[:3, :2] <= pole).any(axis=1)
    assert_array_equal(np.isnan(got[3:, :3]).any(axis=1), beyond)
    defined = ~np.isnan(got)
    assert_allclose(got[defined], wanted[defined], rtol=1e-9, atol=1e-12)


@given(tables(), st.randoms(use_true_random=False))
def test_order_of_subjects_and_raters_does_not_matter(table, random):
    rows, columns = list(range(table.shape[0])), list(range(table.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    got, wanted = numbers(icc([table[rows][:, columns]])), numbers(icc([table]))
    near = ~(np.abs(wanted) > 1e6)  # beside the pole of the k forms a digit is worth millions
    assert_allclose(got[near], wanted[near], rtol=1e-9, atol=1e-12)


@given(tables(), st.sampled_from([-4.0, 0.5, 1024.0]))
def test_unit_and_sign_do_not_matter(table, unit):
    assert_array_equal(numbers(icc([unit * table])), numbers(icc([table])))


@given(tables(), st.integers(-5, 5))
def test_consistency_ignores_a_readers_offset(table, shift):
    moved = table.copy()
    moved[:, 0] += shift
    for name in ("ICC(3,1)", "ICC(3,k)"):
        got, wanted = icc([moved]).form(name), icc([table]).form(name)
        assume(np.isfinite(wanted.statistic[0]))
        assert_allclose(got.value, wanted.value, rtol=1e-10, atol=1e-12)
        assert_allclose(got.low, wanted.low, rtol=1e-10, atol=1e-12)


@given(st.lists(tables(), min_size=1, max_size=1).map(lambda t: t[0]), st.data())
def test_a_missing_reading_removes_its_subject_from_that_feature_only(table, data):
    row = data.draw(st.integers(0, table.shape[0] - 1))
    column = data.draw(st.integers(0, table.shape[1] - 1))
    holed = table.copy()
    holed[row, column] = np.nan
    result = icc([table, holed])
    assert_array_equal(numbers(result, 0), numbers(icc([table])))
    assert_allclose(
        numbers(result, 1),
        numbers(icc([np.delete(table, row, axis=0)])),
        rtol=1e-10,  # another reading is subtracted as the origin
        atol=1e-13,
    )
    assert_array_equal(result.n_excluded, [0, 1])
    assert_array_equal(result.n_missing, [0, 1])
    assert_array_equal(result.n_subjects, [table.shape[0], table.shape[0] - 1])


@pytest.mark.parametrize("case", PSYCH["cases"], ids=lambda case: case["id"])
def test_agrees_with_psych(case):
    got = icc([case["x"]], confidence_level=case["level"])
    # aov() in R loses six digits of every mean square to an offset of 1e6; we subtract it first.
    offset = case["id"] == "large-offset"
    pole = -1 / (len(case["x"][0]) - 1)  # psych continues the k forms beyond it
    for name, rtol in {"value": 1e-11, "statistic": 1e-11, "low": 1e-10, "high": 1e-10}.items():
        found, wanted = numbers(got, fields=[name])[:, 0], np.array(case[name])
        end = case["value" if name in ("value", "statistic") else "low"]
        beyond = np.array([False] * 3 + [x <= pole and name != "statistic" for x in end[:3]])
        assert_array_equal(np.isnan(found), beyond)
        assert_allclose(
            found[~beyond],
            wanted[~beyond],
            rtol=1e-9 if offset else rtol,
            atol=1e-13,
            err_msg="offset" if offset else name,
        )
    for name in ("df1", "df2"):
        assert_array_equal(numbers(got, fields=[name])[:, 0], case[name])
    p_value = numbers(got, fields=["p_value"])[:, 0]
    rtol, name = (1e-7, "offset") if offset else (1e-9, "P")
    assert_allclose(p_value, case["p_value"], rtol=rtol, err_msg=name)
    # psych prints 1 - cdf
    assert_allclose(p_value, case["p_psych"], atol=1e-15, rtol=1e-8, err_msg="P, psych")


def test_a_large_offset_costs_no_digits():
    case = next(case for case in PSYCH["cases"] if case["id"] == "large-offset")
    table = [[Fraction(str(x)) for x in row] for row in case["x"]]
    n, k = len(table), len(table[0])
    grand = sum(map(sum, table)) / (n * k)
    row = [sum(r) / k for r in table]
    column = [sum(c) / n for c in zip(*table, strict=True)]
    subjects = k * sum((r - grand) ** 2 for r in row) / (n - 1)
    residual = sum(
        (table[i][j] - row[i] - column[j] + grand) ** 2 for i in range(n) for j in range(k)
    )
    exact = float(subjects / (residual / ((n - 1) * (k - 1))))
    # 1000000.126 itself is stored to 6e-11, hence not 1e-15
    assert_allclose(icc([case["x"]]).form("ICC(3,1)").statistic[0], exact, rtol=1e-9)


def test_reproduces_shrout_and_fleiss():
    got = numbers(icc([PSYCH["cases"][0]["x"]]), fields=["value", "low", "high"])
    published = [
        [0.1657417684, -0.1329323, 0.7225601],
        [0.2897637795, 0.0187865, 0.7610843],
        [0.7148407148, 0.3424648, 0.9458583],
    ]
    assert_allclose(got[:3], published, atol=5e-8)
    assert_allclose(got[3:, 0], [0.4427971, 0.6200505, 0.9093155], atol=5e-8)


@pytest.mark.parametrize(
    ("table", "status"),
    [
        ([[1, 1], [1, 1], [1, 1]], Status.EQUAL_RATINGS),
        ([[0.1, 0.1, 0.1]] * 7, Status.EQUAL_RATINGS),
        ([[1, 2], [np.nan, 3]], Status.TOO_FEW_SUBJECTS),
        ([[np.nan, np.nan], [np.nan, 3]], Status.TOO_FEW_SUBJECTS),
        (np.empty((0, 2)), Status.TOO_FEW_SUBJECTS),
    ],
    ids=["constant", "constant-not-dyadic", "one-subject", "no-complete-subject", "empty"],
)
def test_nothing_to_estimate_is_said(table, status):
    result = icc([table])
    assert result.status == (status,)
    assert np.isnan(numbers(result)).all()


@pytest.mark.parametrize("offset", [0, 0.1, 1e9])
def test_perfect_agreement_is_one_not_undefined(offset):
    result = icc([np.array([[1, 1, 1], [2, 2, 2], [4, 4, 4]]) + offset])
    assert result.status == (Status.OK,)
    assert_array_equal(numbers(result), [[1, 1, 1, np.inf, 0]] * 6)


def test_a_constant_bias_is_consistent_but_not_in_agreement():
    result = icc([[[1, 2], [2, 3], [4, 5]]])
    assert_array_equal(numbers(result)[2], [1, 1, 1, np.inf, 0])
    assert 0 < result.form("ICC(2,1)").value[0] < 1
    assert np.isfinite(numbers(result, fields=["value", "low", "high"])).all()


def test_subjects_without_variance_have_no_average_form():
    result = icc([[[1, 2], [2, 1]]])
    assert result.status == (Status.ICC_OUTSIDE_DOMAIN,)
    assert_array_equal(result.form("ICC(3,1)").value, [-1])
    assert np.isnan(result.form("ICC(3,k)").value).all()


def test_features_do_not_see_each_other():
    rng = np.random.default_rng(3)
    block = rng.normal(size=(7, 12, 3)) + rng.normal(size=(7, 12, 1))
    together = icc(block)
    for f in range(7):
        assert_array_equal(numbers(together, f), numbers(icc(block[f : f + 1])))


def test_form_names():
    result = icc([[[1, 2], [2, 3], [4, 4]]])
    assert tuple(form.name for form in result.forms) == ICC_FORMS
    assert result.form("ICC(3,k)") is result.forms[5]
    with pytest.raises(ValueError, match="`name` must be one of"):
        result.form("ICC2")


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ([[1, 2], [3, 4]], r"shape \(features, subjects, raters\); got \(2, 2\)"),
        ([[[1], [2]]], "at least 2 raters on its last axis; got 1"),
        ([[[1, np.inf], [2, 2]]], r"1 of 4 values are infinite, first at index \(0, 0, 1\)"),
    ],
)
def test_errors_name_the_place(ratings, message):
    with pytest.raises(ValueError, match=message):
        icc(ratings)


def test_thousands_of_features_have_the_intervals_of_one():
    rng = np.random.default_rng(12)
    block = rng.normal(size=(1500, 9, 3)) + rng.normal(size=(1500, 9, 1)) * rng.random((1500, 1, 1))
    block[::50, 3, 1] = np.nan
    together = icc(block)
    for f in range(0, 1500, 25):
        assert_allclose(
            numbers(together, f), numbers(icc(block[f : f + 1])), rtol=1e-11, atol=1e-13
        )


@pytest.mark.parametrize("df1", [1.0, 5.0, 59.0, 199.0])
@pytest.mark.parametrize("probability", [0.005, 0.025, 0.9, 0.975, 0.995])
def test_tabulated_f_quantiles_are_the_inverted_ones(df1, probability):
    df2 = np.geomspace(0.3, 400, 1100)
    found = f_quantile(df1, df2, probability, highest=400.0)
    assert_allclose(found, fdtri(df1, df2, probability), rtol=1e-11)
