"""AUC and DeLong inference against the pair matrix, R pROC, their invariances and their edges."""

import json
import pickle
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from extval.stats import Status, placements
from extval.stats.roc import (
    auc,
    compare_aucs,
    delong_pairs,
    delong_test,
    delong_test_unpaired,
    roc_curve,
)
from tests.oracles import roc as oracle

PROC = json.loads((Path(__file__).parents[1] / "reference" / "roc.json").read_text())


def by_id(case):
    return case["id"]


def numbers(result):
    """Return a result as a plain dictionary, NaN equal to NaN under assert_equal."""
    return asdict(result)


@st.composite
def studies(draw, n_scores=2):
    """Draw labels with at least 2 per class and heavily tied integer scores."""
    n = draw(st.integers(4, 30))
    rest = draw(st.lists(st.integers(0, 1), min_size=n - 4, max_size=n - 4))
    score = st.lists(st.integers(-4, 4), min_size=n, max_size=n)
    y = draw(st.permutations([0, 0, 1, 1, *rest]))
    return np.array(y), *(np.array(draw(score)) for _ in range(n_scores))


@given(studies(1))
def test_auc_and_variance_match_the_pair_matrix(study):
    found, variance = auc(*study), oracle.delong_covariance(study[0], study[1], study[1])
    assert_allclose(found.value, oracle.auc(*study), rtol=1e-14)
    if found.status is Status.OK:
        assert_allclose(found.se, np.sqrt(variance), rtol=1e-12)
    else:
        assert variance < 1e-30


@given(studies(2))
def test_difference_matches_the_pair_matrix(study):
    found, (difference, se, low, high) = delong_test(*study), oracle.delong(*study)
    assert_allclose(found.difference, difference, atol=1e-15)
    if found.status in {Status.OK, Status.ONE_AUC_PERFECT} and found.se > 0:
        assert_allclose(
            [found.se, found.interval.low, found.interval.high],
            [se, low, high],
            rtol=1e-10,
            atol=1e-14,
        )
    else:
        assert se < 1e-15


@given(studies(2), st.randoms())
def test_order_of_patients_does_not_matter(study, random):
    y, a, b = study
    order = list(range(len(y)))
    random.shuffle(order)
    assert_equal(numbers(delong_test(y[order], a[order], b[order])), numbers(delong_test(y, a, b)))
    assert_equal(numbers(auc(y[order], a[order])), numbers(auc(y, a)))


@given(studies(2))
def test_only_the_ranking_matters(study):
    y, a, b = study
    moved = delong_test(y, a.astype(float) ** 3, 2.0 * b + 7)
    assert_equal(numbers(moved), numbers(delong_test(y, a, b)))


@given(studies(2))
def test_swapping_the_scores_negates_the_difference(study):
    y, a, b = study
    forward, back = delong_test(y, a, b), delong_test(y, b, a)
    assert_array_equal(back.difference, -forward.difference)
    assert_array_equal(back.statistic, -forward.statistic)
    assert_equal(back.p_value, forward.p_value)


@given(studies(1))
def test_complement_of_the_outcome_mirrors_the_auc(study):
    y, s = study
    assert_equal(auc(1 - y, -s).se, auc(y, s).se)
    assert_allclose(auc(1 - y, s).value, 1 - auc(y, s).value, atol=1e-15)


@given(studies(1))
def test_duplicating_the_patients_keeps_the_auc(study):
    y, s = study
    twice = auc(np.tile(y, 2), np.tile(s, 2))
    assert twice.value == auc(y, s).value
    if twice.status is Status.OK:
        assert twice.se < auc(y, s).se


@given(studies(1))
def test_a_score_against_itself_or_its_monotone_transform_has_p_one(study):
    y, s = study
    for other in (s, np.exp(s / 3.0), s * 1000.0):
        found = delong_test(y, s, other)
        assert found.p_value == 1.0
        assert (found.difference, found.interval.low, found.interval.high) == (0.0, 0.0, 0.0)
        assert found.status is Status.OK


@given(studies(4), st.sampled_from([None, 0, 2]))
def test_pairs_are_the_single_tests_to_the_last_bit(study, reference):
    y, *scores = study
    pairs = delong_pairs(y, scores, reference=reference)
    wanted = (
        [(a, b) for a in range(4) for b in range(a + 1, 4)]
        if reference is None
        else [(a, reference) for a in range(4) if a != reference]
    )
    assert [(p.a, p.b) for p in pairs] == wanted
    for p in pairs:
        assert_equal(numbers(p.comparison), numbers(delong_test(y, scores[p.a], scores[p.b])))
    together = compare_aucs(y, scores, reference=reference)
    assert_equal([numbers(p) for p in together.pairs], [numbers(p) for p in pairs])
    assert_equal([numbers(e) for e in together.estimates], [numbers(auc(y, s)) for s in scores])


@given(studies(1))
def test_curve_area_is_the_auc_and_points_are_the_counts(study):
    y, s = study
    curve = roc_curve(y, s)
    area = np.trapezoid(curve.sensitivity, 1 - curve.specificity)
    assert_allclose(area, auc(y, s).value, rtol=1e-14)
    assert_array_equal(curve.thresholds[1:], np.unique(s)[::-1])
    assert_allclose(
        np.column_stack([curve.specificity, curve.sensitivity]), oracle.polygon(y, s), rtol=1e-15
    )


@pytest.mark.parametrize("case", PROC["one"], ids=by_id)
def test_auc_agrees_with_proc(case):
    y, s = case["y"], case["score"]
    m, n = sum(y), len(y) - sum(y)
    wald, ninety = auc(y, s), auc(y, s, confidence_level=0.9)
    logit, hanley = auc(y, s, method="logit"), auc(y, s, method="hanley-mcneil")
    assert_allclose(wald.value, case["auc"], rtol=1e-14)
    assert_allclose(wald.se**2, case["variance"], rtol=1e-13)
    assert_allclose([wald.interval.low, wald.interval.high], case["delong95"], rtol=1e-13)
    assert_allclose([ninety.interval.low, ninety.interval.high], case["delong90"], rtol=1e-13)
    assert_allclose(
        [logit.interval.low, logit.interval.high], case["logit"], rtol=1e-13, err_msg="logit"
    )
    wanted = case["hanley_mcneil"]
    assert_allclose(hanley.se**2, wanted["variance"], rtol=1e-12, err_msg="Hanley-McNeil")
    assert_allclose(
        [hanley.interval.low, hanley.interval.high],
        [wanted["low"], wanted["high"]],
        rtol=1e-12,
        err_msg="Hanley-McNeil",
    )
    assert (wald.n, wald.events) == (m + n, m)


@pytest.mark.parametrize("case", PROC["one"], ids=by_id)
def test_curve_agrees_with_proc(case):
    curve = roc_curve(case["y"], case["score"])
    assert_allclose(curve.sensitivity, case["curve"]["sensitivity"][::-1], rtol=1e-14)
    assert_allclose(curve.specificity, case["curve"]["specificity"][::-1], rtol=1e-14)


@pytest.mark.parametrize("case", PROC["paired"], ids=by_id)
def test_paired_test_agrees_with_proc(case):
    found = delong_test(case["y"], case["a"], case["b"])
    assert_allclose(
        [found.difference, found.statistic, found.p_value, found.interval.low, found.interval.high],
        [case["difference"], case["statistic"], case["p_value"], *case["interval"]],
        rtol=1e-11,  # the JSON carries 15 digits, of which a small difference has fewer
        atol=1e-15,
    )


@pytest.mark.parametrize("case", PROC["unpaired"], ids=by_id)
def test_unpaired_test_agrees_with_proc(case):
    found = delong_test_unpaired(case["y_a"], case["a"], case["y_b"], case["b"])
    assert_allclose(
        [found.difference, found.statistic, found.df, found.p_value],
        [case["difference"], case["statistic"], case["df"], case["p_value"]],
        rtol=1e-12,
    )
    assert found.n == len(case["y_a"]) + len(case["y_b"])


def test_unpaired_interval_excludes_zero_exactly_when_p_is_small():
    case = PROC["unpaired"][1]
    p = case["p_value"]
    for shift, crosses in ((1e-6, True), (-1e-6, False)):
        found = delong_test_unpaired(
            case["y_a"], case["a"], case["y_b"], case["b"], confidence_level=1 - p + shift
        )
        assert (found.interval.low < 0.0 < found.interval.high) is crosses


def test_published_numbers_of_asah():
    """Numbers of the pROC documentation and of its authors' tests."""
    one = {case["id"]: case for case in PROC["one"]}
    y = one["aSAH wfns"]["y"]
    wfns, s100b, ndka = (one[f"aSAH {name}"]["score"] for name in ("wfns", "s100b", "ndka"))
    values = [auc(y, s).value for s in (wfns, s100b, ndka)]
    assert_allclose(values, [0.823678861789, 0.731368563686, 0.611957994580], atol=5e-13)
    paired = delong_test(y, wfns, s100b)
    assert_allclose(
        [paired.statistic, paired.p_value, paired.interval.low, paired.interval.high],
        [2.20898359144091, 0.0271757822291882, 0.0104061770, 0.1742144192],
        atol=5e-10,
    )
    assert_allclose(paired.statistic, 2.20898359144091, rtol=1e-13)
    unpaired = delong_test_unpaired(y, wfns, y, ndka)
    assert_allclose(
        [unpaired.statistic, unpaired.p_value], [3.10125096778969, 0.00220950791756457], rtol=1e-12
    )
    assert_allclose(unpaired.df, 197.12525, atol=5e-6)
    logit = auc(y, wfns, method="logit").interval
    assert_allclose([logit.low, logit.high], [0.7357641, 0.8868418], atol=5e-8)


UNDEFINED = (float("nan"), float("nan"))


@pytest.mark.parametrize("method", ["delong", "logit", "hanley-mcneil"])
@pytest.mark.parametrize(
    ("y", "s", "value", "status"),
    [
        ([], [], np.nan, Status.NO_PATIENTS),
        ([1, 1], [1, 2], np.nan, Status.ONE_CLASS),
        ([0], [1], np.nan, Status.ONE_CLASS),
        ([0, 0, 1, 1], [1, 2, 3, 4], 1.0, Status.PERFECT_SEPARATION),
        ([0, 0, 1, 1], [4, 3, 2, 1], 0.0, Status.PERFECT_SEPARATION),
    ],
)
def test_no_interval_where_none_is_honest(method, y, s, value, status):
    found = auc(y, s, method=method)
    assert_equal(found.value, value)
    assert found.status is status
    assert_equal((found.interval.low, found.interval.high), UNDEFINED)


def test_constant_score():
    found = auc([0, 0, 1, 1], [3, 3, 3, 3])
    assert (found.value, found.status) == (0.5, Status.CONSTANT_SCORE)
    assert_equal((found.interval.low, found.interval.high), UNDEFINED)
    assert auc([0, 0, 1, 1], [3, 3, 3, 3], method="hanley-mcneil").status is Status.OK


def test_one_event_has_a_value_but_no_delong_interval():
    found = auc([0, 0, 0, 1], [1, 2, 4, 3])
    assert_allclose(found.value, 2 / 3)
    assert found.status is Status.TOO_FEW_PER_CLASS
    assert_equal((found.interval.low, found.interval.high), UNDEFINED)
    assert auc([0, 0, 0, 1], [1, 2, 4, 3], method="hanley-mcneil").status is Status.OK
    compared = delong_test([0, 0, 0, 1], [1, 2, 4, 3], [1, 2, 3, 4])
    assert compared.status is Status.TOO_FEW_PER_CLASS
    assert_allclose(compared.difference, -1 / 3)


@pytest.mark.parametrize(
    ("a", "b", "difference"),
    [
        ([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1], 1),
        ([1, 3, 5, 6, 4, 2], [1, 3, 5, 4, 2, 0], 1 / 3),  # pROC 1.18.0 reports p = 0
    ],
    ids=["opposite-ranking", "constant-advantage"],
)
def test_zero_variance_with_a_difference_is_undefined_not_significant(a, b, difference):
    found = delong_test([0, 0, 0, 1, 1, 1], a, b)
    assert found.status is Status.ZERO_VARIANCE
    assert np.isnan([found.p_value, found.statistic, found.interval.low, found.interval.high]).all()
    assert_allclose(found.difference, difference, rtol=1e-15)


def test_one_perfect_model_is_a_caution():
    found = delong_test([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6], [1, 2, 4, 3, 5, 6])
    assert found.status is Status.ONE_AUC_PERFECT
    assert found.p_value < 1


@pytest.mark.parametrize(
    ("y_b", "s_b", "status"),
    [
        ([1, 1], [1, 2], Status.ONE_CLASS),
        ([], [], Status.NO_PATIENTS),
        ([0, 1], [1, 2], Status.TOO_FEW_PER_CLASS),
        ([0, 0, 1, 1], [1, 1, 2, 2], Status.ONE_AUC_PERFECT),
    ],
)
def test_unpaired_edges(y_b, s_b, status):
    found = delong_test_unpaired([0, 0, 1, 1, 0], [1, 3, 2, 4, 1], y_b, s_b)
    assert found.status is status
    assert np.isnan(found.p_value) == (status is not Status.ONE_AUC_PERFECT)


def test_unpaired_without_any_variance():
    found = delong_test_unpaired([0, 0, 1, 1], [1, 1, 2, 2], [0, 0, 1, 1], [1, 1, 1, 1])
    assert found.status is Status.UNPAIRED_ZERO_VARIANCE
    assert found.difference == 0.5
    assert np.isnan(found.p_value)


def test_curve_of_one_class_is_empty():
    curve = roc_curve([1, 1], [1, 2])
    assert curve.thresholds.size == curve.sensitivity.size == curve.specificity.size == 0
    assert curve.status is Status.ONE_CLASS


def test_no_pairs_with_one_model_and_no_result_for_one_class():
    assert delong_pairs([0, 1], [[1, 2]]) == ()
    (pair,) = delong_pairs([1, 1], [[1, 2], [2, 1]])
    assert pair.comparison.status is Status.ONE_CLASS


def test_sums_of_squares_are_split_before_they_overflow(monkeypatch):
    """The same exact integers, whether summed in few blocks or in very many."""
    n, rng = 200, np.random.default_rng(7)
    y, s = np.arange(n) % 3 == 0, rng.integers(0, 30, n)
    whole = auc(y, s)
    monkeypatch.setattr(placements, "_LARGEST_SUM", 2**18)
    assert_equal(numbers(auc(y, s)), numbers(whole))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: auc([0, 2], [1, 2]), r"`y_true` must hold only 0 and 1; 1 of 2"),
        (lambda: auc([0, 1], [1, np.nan]), r"`y_score` must be finite; 1 of 2 .* index 1 \(nan\)"),
        (lambda: auc([0, 1], [1]), r"`y_score` must have shape \(2,\)"),
        (lambda: auc([0, 1], [1, 2], method="wald"), r"`method` must be one of delong, logit"),
        (lambda: auc([0, 1], [1, 2], confidence_level=95), r"`confidence_level` must lie"),
        (lambda: delong_test([0, 1], [1, 2], [1]), r"`score_b` must have shape"),
        (lambda: delong_pairs([0, 1], [1, 2]), r"`scores` must have shape \(models, 2\)"),
        (lambda: delong_pairs([0, 1], [[1, 2], [1, np.inf]]), r"`scores\[1\]` must be finite"),
        (lambda: delong_pairs([0, 1], [[1, 2], [1, 2]], reference=2), r"`reference` must lie"),
        (lambda: delong_test_unpaired([0, 1], [1, 2], [0, 3], [1, 2]), r"`y_true_b` must hold"),
    ],
)
def test_errors_name_the_argument_the_value_and_the_place(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_results_filled_in_while_open_are_the_frozen_results():
    found = compare_aucs([0, 0, 0, 1, 1, 1], [[1, 2, 4, 3, 5, 6], [1, 4, 5, 2, 3, 6]])
    estimate, pair = found.estimates[0], found.pairs[0]
    for made in (estimate, estimate.interval, pair, pair.comparison, pair.comparison.interval):
        again = type(made)(**{field.name: getattr(made, field.name) for field in fields(made)})
        # By their text: a difference with a normal reference has NaN degrees of freedom.
        assert repr(made) == repr(again)
        assert repr(pickle.loads(pickle.dumps(made))) == repr(made)
        with pytest.raises(AttributeError):
            setattr(made, fields(made)[0].name, 0.0)
    assert estimate == replace(estimate)
    assert hash(estimate) == hash(replace(estimate))


def test_results_are_frozen():
    with pytest.raises(AttributeError):
        auc([0, 1], [1, 2]).value = 2
    assert replace(auc([0, 1], [1, 2]), n=5).n == 5
