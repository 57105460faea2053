"""`extval.stats.kappa` against its definition, its invariances, R psych and epiR, statsmodels."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats.kappa import cohen_kappa, fleiss_kappa, light_kappa
from extval.stats.results import Status
from tests.oracles import agreement as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "kappa.json").read_text())
LIGHT = json.loads((Path(__file__).parents[1] / "reference" / "light_kappa.json").read_text())
POWER = {"none": 0, "linear": 1, "quadratic": 2}


@st.composite
def ratings(draw, raters=(2, 2)):
    n, m = draw(st.integers(2, 12)), draw(st.integers(*raters))
    cells = draw(st.lists(st.integers(0, 3), min_size=n * m, max_size=n * m))
    return np.array(cells).reshape(n, m)


def credit_of(weights, c):
    def credit(a, b):
        return float(a == b) if weights == "none" else 1 - (abs(a - b) / (c - 1)) ** POWER[weights]

    return credit


@given(ratings(), st.sampled_from(list(POWER)))
def test_cohen_matches_its_definition(pairs, weights):
    assume(len(set(pairs.ravel().tolist())) > 1)
    got = cohen_kappa(pairs, weights=weights, categories=[0, 1, 2, 3])
    assert_allclose(
        got.value, oracle.cohen_kappa(pairs, credit_of(weights, 4)), rtol=1e-12, atol=1e-14
    )


@given(ratings((2, 5)))
def test_fleiss_matches_its_definition(codes):
    assume(len(set(codes.ravel().tolist())) > 1)
    got = fleiss_kappa(codes)
    assert_allclose(got.value, oracle.fleiss_kappa(codes), rtol=1e-12, atol=1e-14)


@given(ratings(), st.sampled_from(list(POWER)))
def test_standard_errors_are_infinitesimal_jackknives(pairs, weights):
    assume(len(set(pairs.ravel().tolist())) > 1)

    def value(share):
        return oracle.cohen_kappa(pairs, credit_of(weights, 4), share)

    got = cohen_kappa(pairs, weights=weights, categories=[0, 1, 2, 3])
    wanted = oracle.jackknife_se(value, len(pairs))
    assert_allclose(got.se, wanted, rtol=1e-6, atol=2e-7)  # numerical derivative


@given(ratings(), st.sampled_from(list(POWER)))
def test_agrees_with_statsmodels(pairs, weights):
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    assume(len(set(pairs.ravel().tolist())) > 1)
    table = np.zeros((4, 4))
    np.add.at(table, tuple(pairs.T), 1)
    got = cohen_kappa(pairs, weights=weights, categories=[0, 1, 2, 3])
    scheme = {"none": None, "linear": "linear", "quadratic": "quadratic"}[weights]
    with np.errstate(all="ignore"):  # it takes roots of variances that are -1e-17
        wanted = inter_rater.cohens_kappa(table, wt=scheme)
    assert_allclose(got.value, wanted.kappa, rtol=1e-11, atol=1e-13)
    assert_allclose(got.se**2, wanted.var_kappa, rtol=1e-9, atol=1e-12)


@given(ratings(), st.sampled_from(list(POWER)), st.randoms(use_true_random=False))
def test_order_of_subjects_and_raters_does_not_matter(pairs, weights, random):
    order = list(range(len(pairs)))
    random.shuffle(order)
    a = cohen_kappa(pairs[order][:, ::-1], weights=weights)
    b = cohen_kappa(pairs, weights=weights)
    assert_allclose(
        [a.value, a.se, a.statistic], [b.value, b.se, b.statistic], rtol=1e-9, atol=1e-7
    )


@given(ratings((2, 4)))
def test_names_of_categories_do_not_matter(codes):
    names = np.array(["mild", "none", "severe", "absent"])
    a, b = fleiss_kappa(names[codes]), fleiss_kappa(codes)
    assert_allclose(
        [a.value, a.se, a.statistic], [b.value, b.se, b.statistic], rtol=1e-9, atol=1e-7
    )
    assert a.categories == tuple(sorted(set(names[codes].ravel().tolist())))


@given(ratings())
def test_a_missing_rating_removes_its_subject(pairs):
    holed = np.vstack([pairs.astype(float), [np.nan, 1.0], [2.0, np.nan]])
    a, b = cohen_kappa(holed), cohen_kappa(pairs)
    assert (a.n, a.n_excluded) == (len(pairs), 2)
    assert_allclose([a.value, a.se], [b.value, b.se])
    text = [["x" if v == 0 else "y" for v in row] for row in pairs.tolist()]
    objects = np.array([*text, [None, "x"]], dtype=object)
    assert fleiss_kappa(objects).n_excluded == 1


@given(ratings())
def test_two_categories_make_the_weights_irrelevant(pairs):
    binary = np.minimum(pairs, 1)
    values = [cohen_kappa(binary, weights=weights).value for weights in POWER]
    assert_allclose(values, values[0])


@pytest.mark.parametrize("case", R["cohen"], ids=lambda case: case["id"])
def test_cohen_agrees_with_psych_and_epir(case):
    got = cohen_kappa(case["x"])
    found = [got.value, got.se, got.interval.low, got.interval.high]
    assert_allclose(found, [case[k] for k in ("kappa", "se", "low", "high")], rtol=1e-11)
    if case["epir"]:
        # epiR 2.0.57 builds the interval of method "fleiss" from the null standard error.
        null_se = got.value / got.statistic
        assert_allclose([got.value, null_se], case["epir"][:2], rtol=1e-11, err_msg="epiR")
    for weights in ("linear", "quadratic"):
        got = cohen_kappa(case["x"], weights=weights)
        assert_allclose(got.value, case[weights][0], rtol=1e-12, err_msg=weights)
        # numerical derivative in R
        assert_allclose(got.se, case[weights][1], rtol=1e-7, err_msg="weighted, SE")


def test_psych_weighted_variance_is_wrong():
    """psych 2.2.9 multiplies the weights with the margins of the other rater."""
    skewed = next(case for case in R["cohen"] if case["id"] == "skewed")
    assert skewed["psych_weighted_variance"] == 0
    got = cohen_kappa(skewed["x"], weights="quadratic")
    assert_allclose(got.value, skewed["psych_weighted"], rtol=1e-11)
    assert got.se > 0.1


@pytest.mark.parametrize("case", R["fleiss"], ids=lambda case: case["id"])
def test_fleiss_agrees_with_the_formulas_in_r(case):
    got = fleiss_kappa(case["x"])
    assert_allclose(got.value, case["kappa"], rtol=1e-12)
    assert_allclose(got.se, case["se"], rtol=1e-7, err_msg="SE")  # numerical derivative in R
    assert_allclose(got.statistic, case["z"], rtol=1e-12)


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (cohen_kappa([[1, 1], [1, 1]]), Status.ONE_CATEGORY),
        (cohen_kappa([[1, 1], [1, 1]], categories=[1, 2]), Status.ONE_CATEGORY),
        (fleiss_kappa([[1, 1, 1]] * 3), Status.ONE_CATEGORY),
        (cohen_kappa([[np.nan, 1.0]]), Status.NO_PATIENTS),
        (cohen_kappa(np.empty((0, 2))), Status.NO_PATIENTS),
        (fleiss_kappa(np.empty((0, 3))), Status.NO_PATIENTS),
    ],
)
def test_undefined_is_a_value_with_a_reason(result, status):
    assert result.status is status
    assert np.isnan([result.value, result.se, result.interval.low, result.p_value]).all()


@pytest.mark.parametrize("kappa", [cohen_kappa, fleiss_kappa])
def test_perfect_agreement_has_no_asymptotic_interval(kappa):
    got = kappa([[1, 1], [2, 2], [3, 3]])
    assert (got.value, got.se, got.status) == (1.0, 0.0, Status.PERFECT_AGREEMENT)
    assert np.isnan(got.interval.low)
    assert got.p_value < 0.05


def test_complete_disagreement_has_no_spread_either():
    got = cohen_kappa([[1, 2], [2, 1]] * 4)
    assert_allclose(got.value, -1)
    assert got.status is Status.ZERO_STANDARD_ERROR
    assert np.isnan(got.interval.low)


def test_one_rater_always_the_same_is_chance():
    got = cohen_kappa([[1, 1], [1, 2], [1, 2]])
    assert_allclose(got.value, 0, atol=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cohen_kappa([[1, 2, 3]]), "2 raters"),
        (lambda: cohen_kappa([1, 2]), "shape"),
        (lambda: cohen_kappa([[1, 2]], weights="cubic"), "`weights` must be one of"),
        (lambda: cohen_kappa([["a", "b"]], weights="linear"), "given in their order"),
        (lambda: cohen_kappa([[1, 2]], categories=[1]), "2 is not"),
        (
            lambda: fleiss_kappa(np.array([[1, "a"]], dtype=object)),
            "labels of one kind",
        ),
    ],
)
def test_errors_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_text_can_be_weighted_in_its_own_order():
    order = ["low", "mid", "high"]
    text = [["low", "mid"], ["high", "high"], ["mid", "mid"], ["low", "low"], ["high", "low"]]
    codes = [[order.index(x) for x in row] for row in text]
    a = cohen_kappa(text, weights="linear", categories=order)
    assert a.categories == ("low", "mid", "high")
    assert_allclose(a.value, cohen_kappa(codes, weights="linear").value)


@given(ratings((2, 4)), st.sampled_from(list(POWER)))
def test_light_is_the_mean_of_all_pairs(codes, weights):
    pairs = list(combinations(range(codes.shape[1]), 2))
    assume(all(len(set(codes[:, pair].ravel().tolist())) > 1 for pair in pairs))
    got = light_kappa(codes, weights=weights, categories=[0, 1, 2, 3])

    def value(share=None):
        credit = credit_of(weights, 4)
        return np.mean([oracle.cohen_kappa(codes[:, pair], credit, share) for pair in pairs])

    assert_allclose(got.value, value(), rtol=1e-12, atol=1e-13)
    if got.value < 1:
        assert_allclose(got.se, oracle.jackknife_se(value, len(codes)), rtol=1e-6, atol=2e-7)
    assert np.isnan([got.statistic, got.p_value]).all()


@given(ratings(), st.sampled_from(list(POWER)))
def test_light_of_two_raters_is_cohens(pairs, weights):
    assume(len(set(pairs.ravel().tolist())) > 1)
    options = {"weights": weights, "categories": [0, 1, 2, 3]}
    light, cohen = light_kappa(pairs, **options), cohen_kappa(pairs, **options)
    assert_allclose([light.value, light.se], [cohen.value, cohen.se], rtol=1e-12, atol=1e-14)


@given(ratings((3, 4)), st.randoms(use_true_random=False))
def test_light_does_not_know_the_order_of_subjects_and_raters(codes, random):
    rows, columns = list(range(len(codes))), list(range(codes.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    options = {"weights": "linear", "categories": [0, 1, 2, 3]}
    a, b = light_kappa(codes, **options), light_kappa(codes[rows][:, columns], **options)
    assert_allclose([a.value, a.se], [b.value, b.se], rtol=1e-9, atol=1e-9)
    assert a.status is b.status


@pytest.mark.parametrize("case", LIGHT["cases"], ids=lambda case: case["id"])
def test_light_agrees_with_psych(case):
    for weights, name in (("none", "kappa"), ("linear", "linear"), ("quadratic", "quadratic")):
        got = light_kappa(case["x"], weights=weights, categories=range(1, 1 + np.max(case["x"])))
        assert_allclose(got.value, case[name], rtol=1e-12)
        assert_allclose(got.se, case[f"se_{name}"], rtol=1e-7, err_msg="SE")


def test_light_has_its_edges():
    alike = light_kappa([[1, 1, 1], [2, 2, 2]], weights="none")
    assert (alike.value, alike.status) == (1.0, Status.PERFECT_AGREEMENT)
    one = light_kappa([[1, 1, 2], [1, 1, 1]], weights="none")
    assert (np.isnan(one.value), one.status) == (True, Status.ONE_CATEGORY)
    nobody = light_kappa(np.array([[1, None, 2]], dtype=object), weights="none")
    assert (nobody.status, nobody.n_excluded) == (Status.NO_PATIENTS, 1)
    with pytest.raises(ValueError, match="categories"):
        light_kappa([["a", "b", "a"]], weights="linear")
