"""Thresholds, the two-by-two table and its measures: enumeration, epiR, pROC, edges."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_equal

from extval.stats import Status
from extval.stats.classification import Confusion, classification_measures, confusion
from extval.stats.predictive_values import predictive_values_at
from extval.stats.threshold import choose_threshold
from tests.oracles import classification as oracle

FOLDER = Path(__file__).parents[1] / "reference"
R = json.loads((FOLDER / "classification.json").read_text())
PROC = json.loads((FOLDER / "roc.json").read_text())

KEYS = [
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "lr_positive",
    "lr_negative",
    "dor",
    "youden",
]


@st.composite
def studies(draw):
    n = draw(st.integers(2, 25))
    rest = draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2))
    y = draw(st.permutations([0, 1, *rest]))
    return np.array(y), np.array(draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n)))


cells = st.builds(Confusion, **{key: st.integers(0, 30) for key in ("tp", "fp", "fn", "tn")})
filled = st.builds(Confusion, **{key: st.integers(1, 30) for key in ("tp", "fp", "fn", "tn")})


def numbers(found):
    return [found.value, found.interval.low, found.interval.high]


# ---- thresholds -------------------------------------------------------------------------------


@given(
    studies(),
    st.sampled_from(
        [
            ("youden", None),
            ("closest-to-corner", None),
            ("sensitivity", 0.8),
            ("sensitivity", 1.0),
            ("specificity", 0.5),
            ("specificity", 0.75),
            ("cost-ratio", 3.0),
            ("cost-ratio", 0.1),
        ]
    ),
)
def test_threshold_is_the_best_by_enumeration(study, rule):
    y, s = study
    found = choose_threshold(y, s, rule=rule[0], at=rule[1])
    wanted = oracle.best_threshold(y.tolist(), s.tolist(), *rule)
    if wanted is None:
        assert found.status is Status.NOT_ATTAINABLE
        assert np.isnan([found.value, found.sensitivity, found.specificity]).all()
        return
    assert found.value == wanted
    tp, fp, fn, tn = oracle.table(y, s, wanted)
    assert (found.sensitivity, found.specificity) == (tp / (tp + fn), tn / (tn + fp))
    assert (found.n, found.events, found.rule) == (y.size, y.sum(), rule[0])


@given(studies(), st.randoms())
def test_threshold_moves_with_the_scores_and_not_with_their_order(study, random):
    y, s = study
    order = list(range(y.size))
    random.shuffle(order)
    for rule in ("youden", "closest-to-corner"):
        plain = choose_threshold(y, s, rule=rule)
        moved = choose_threshold(y[order], np.exp(s[order]), rule=rule)
        assert moved.value == np.exp(plain.value)
        twice = choose_threshold(np.tile(y, 2), np.tile(s, 2), rule=rule)
        assert twice.value == plain.value


def test_equally_good_thresholds_go_to_the_higher():
    y, s = [0, 1, 0, 1], [1, 2, 3, 4]  # 2 and 4 both have J = 1/2
    assert choose_threshold(y, s, rule="youden").value == 4


def test_corner_distances_that_tie_exactly_are_not_decided_by_rounding():
    """(1 - se, sp') of 3/5 and 4/5 in either order have the same distance, 1."""
    y = np.array([1] * 5 + [0] * 5)
    s = np.array([9, 9, 5, 2, 2, 9, 9, 9, 5, 1])
    found = choose_threshold(y, s, rule="closest-to-corner")
    assert found.value == oracle.best_threshold(y.tolist(), s.tolist(), "closest-to-corner")


@pytest.mark.parametrize("case", PROC["one"][:6], ids=lambda case: case["id"])
@pytest.mark.parametrize(
    ("rule", "at", "key"),
    [
        ("youden", None, "youden"),
        ("closest-to-corner", None, "topleft"),
        ("cost-ratio", 3.0, "cost3"),
    ],
)
def test_threshold_calls_the_same_patients_positive_as_proc(case, rule, at, key):
    wanted = case["best"][key]
    found = choose_threshold(case["y"], case["score"], rule=rule, at=at)
    # pROC's cut lies midway below the observed score; of its ties ours is the highest.
    assert_allclose(
        [found.sensitivity, found.specificity],
        [wanted["sensitivity"][-1], wanted["specificity"][-1]],
        rtol=1e-14,
    )
    lower = [s for s in case["score"] if s < found.value]
    below = max(lower) if lower else -np.inf
    assert_allclose(wanted["threshold"][-1], (below + found.value) / 2, rtol=1e-13)


def test_stated_value_is_kept_whatever_the_patients():
    found = choose_threshold([1, 1], [0.1, 0.3], rule="value", at=0.2)
    assert (found.value, found.sensitivity, found.status) == (0.2, 0.5, Status.ONE_CLASS)
    assert np.isnan(found.specificity)
    assert choose_threshold([], [], rule="value", at=0.2).status is Status.NO_PATIENTS


@pytest.mark.parametrize("rule", ["youden", "closest-to-corner"])
def test_no_threshold_from_one_class(rule):
    found = choose_threshold([1, 1], [1, 2], rule=rule)
    assert np.isnan([found.value, found.sensitivity, found.specificity]).all()
    assert found.status is Status.ONE_CLASS


@pytest.mark.parametrize(
    ("rule", "at", "message"),
    [
        ("gut feeling", None, "`rule` must be one of youden"),
        ("sensitivity", None, r"`at` must lie in \(0, 1\] for the rule 'sensitivity'; got None"),
        ("specificity", 1.5, r"`at` must lie in \(0, 1\]"),
        ("cost-ratio", 0, "`at` must lie in"),
        ("value", np.nan, "`at` must lie in"),
        ("youden", 0.5, "`at` must not be given for the rule 'youden'; got 0.5"),
    ],
)
def test_threshold_errors(rule, at, message):
    with pytest.raises(ValueError, match=message):
        choose_threshold([0, 1], [1, 2], rule=rule, at=at)


# ---- the table and its measures ---------------------------------------------------------------


@given(studies(), st.integers(-5, 5))
def test_confusion_counts_every_patient_once(study, threshold):
    found = confusion(*study, threshold)
    assert (found.tp, found.fp, found.fn, found.tn) == oracle.table(*study, threshold)
    assert (found.n, found.events) == (study[0].size, study[0].sum())


@pytest.mark.parametrize("case", R["tables"], ids=lambda case: str(case["cells"]))
@pytest.mark.parametrize(("method", "key"), [("wilson", "wilson"), ("clopper-pearson", "exact")])
def test_measures_agree_with_epir(case, method, key):
    table = Confusion(**dict(zip(("tp", "fp", "fn", "tn"), case["cells"], strict=True)))
    found = classification_measures(table, method=method)
    assert list(found) == KEYS
    for name, wanted in case[key].items():
        if name in found:
            kind = "" if name in ("lr_positive", "lr_negative", "dor") else f", {method}"
            assert_allclose(numbers(found[name]), wanted, rtol=1e-12, err_msg=name + kind)
    square = case["youden" if key == "wilson" else "youden_exact"]
    wanted = np.array([case[key]["youden_epi"][0], *square])
    assert_allclose(numbers(found["youden"]), wanted, rtol=1e-12, err_msg="youden")
    found_too = numbers(found["balanced_accuracy"])
    assert_allclose(found_too, (wanted + 1) / 2, rtol=1e-12, err_msg="balanced accuracy")
    if method == "wilson":
        assert_allclose(numbers(found["f1"]), case["f1"], rtol=1e-12, err_msg="f1")


@given(filled)
def test_complement_exchanges_the_measures(table):
    other = Confusion(tp=table.tn, fp=table.fn, fn=table.fp, tn=table.tp)
    a, b = classification_measures(table), classification_measures(other)
    for name, mirrored in (
        ("sensitivity", "specificity"),
        ("ppv", "npv"),
        ("accuracy", "accuracy"),
        ("youden", "youden"),
        ("dor", "dor"),
    ):
        assert_allclose(numbers(a[name]), numbers(b[mirrored]), rtol=1e-12, atol=1e-14)
    assert_allclose(a["lr_positive"].value, 1 / b["lr_negative"].value, rtol=1e-12)
    assert_allclose(a["dor"].value, a["lr_positive"].value / a["lr_negative"].value, rtol=1e-12)


@given(cells)
def test_every_measure_is_a_number_inside_its_interval_or_says_why_not(table):
    for name, found in classification_measures(table).items():
        value, low, high = numbers(found)
        if np.isnan(value):
            assert found.status is not Status.OK, name
            assert np.isnan([low, high]).all(), name
        else:
            assert low - 1e-12 <= value <= high + 1e-12, name
            assert low < high, name
        assert (found.n, found.events) == (table.n, table.events)


@given(filled)
def test_doubling_the_table_keeps_the_values_and_narrows_the_intervals(table):
    twice = Confusion(tp=2 * table.tp, fp=2 * table.fp, fn=2 * table.fn, tn=2 * table.tn)
    once, double = classification_measures(table), classification_measures(twice)
    for name, found in double.items():
        assert_allclose(found.value, once[name].value, rtol=1e-12, atol=1e-15)
        assert (
            numbers(found)[2] - numbers(found)[1] < numbers(once[name])[2] - numbers(once[name])[1]
        )


@pytest.mark.parametrize(
    ("table", "undefined", "status"),
    [
        ((0, 0, 0, 0), KEYS, Status.NO_PATIENTS),
        (
            (0, 0, 0, 5),
            ["sensitivity", "youden", "balanced_accuracy", "dor", "lr_positive"],
            Status.ONE_CLASS,
        ),
        ((0, 0, 0, 5), ["f1"], Status.NO_EVENT_NONE_POSITIVE),
        ((0, 0, 3, 5), ["ppv"], Status.NONE_POSITIVE),
        ((3, 5, 0, 0), ["npv"], Status.NONE_NEGATIVE),
        ((3, 0, 2, 0), ["specificity", "lr_negative"], Status.ONE_CLASS),
    ],
)
def test_undefined_measures_say_why(table, undefined, status):
    found = classification_measures(
        Confusion(**dict(zip(("tp", "fp", "fn", "tn"), table, strict=True)))
    )
    for name in undefined:
        assert np.isnan(found[name].value), name
        assert found[name].status is status, name


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        ((4, 0, 2, 6), "lr_positive", (4.5 / 7) / (0.5 / 7)),
        ((6, 2, 0, 4), "lr_negative", (0.5 / 7) / (4.5 / 7)),
        ((0, 2, 3, 4), "lr_positive", (0.5 / 4) / (2.5 / 7)),
        ((4, 0, 2, 6), "dor", 4.5 * 6.5 / (0.5 * 2.5)),
        ((3, 5, 0, 0), "lr_positive", (3.5 / 4) / (5.5 / 6)),  # all positive: log variance zero
    ],
)
def test_zero_cell_adds_a_half_to_all_four_and_says_so(table, name, value):
    found = classification_measures(
        Confusion(**dict(zip(("tp", "fp", "fn", "tn"), table, strict=True)))
    )[name]
    assert_allclose(found.value, value, rtol=1e-13)
    assert found.status is Status.ZERO_CELL


def test_a_zero_cell_elsewhere_leaves_a_ratio_alone():
    found = classification_measures(Confusion(tp=5, fp=2, fn=0, tn=8))["lr_positive"]
    assert (found.status, found.value) == (Status.OK, 5.0)


def test_measures_errors():
    with pytest.raises(ValueError, match="`method` must be one of wilson, clopper-pearson"):
        classification_measures(Confusion(tp=1, fp=1, fn=1, tn=1), method="wald")
    with pytest.raises(ValueError, match="`threshold` must lie in"):
        confusion([0, 1], [1, 2], np.nan)


# ---- predictive values at a stated prevalence -------------------------------------------------


@pytest.mark.parametrize("case", R["tables"], ids=lambda case: str(case["cells"]))
def test_predictive_values_at_prevalence_agree_with_r(case):
    table = Confusion(**dict(zip(("tp", "fp", "fn", "tn"), case["cells"], strict=True)))
    found = predictive_values_at(table, prevalence=case["prevalence"])
    assert_allclose(numbers(found["ppv"]), case["ppv_at"], rtol=1e-12)
    assert_allclose(numbers(found["npv"]), case["npv_at"], rtol=1e-12)


@given(filled)
def test_at_its_own_event_rate_the_values_are_the_observed_ones(table):
    found = predictive_values_at(table, prevalence=table.events / table.n)
    measures = classification_measures(table)
    for name in ("ppv", "npv"):
        assert_allclose(found[name].value, measures[name].value, rtol=1e-12)


@pytest.mark.parametrize(
    ("table", "status"),
    [
        (Confusion(tp=0, fp=0, fn=0, tn=0), Status.NO_PATIENTS),
        (Confusion(tp=2, fp=0, fn=1, tn=0), Status.ONE_CLASS),
        (Confusion(tp=2, fp=3, fn=0, tn=0), Status.ZERO_CELL),
    ],
)
def test_predictive_values_edges(table, status):
    found = predictive_values_at(table, prevalence=0.3)
    assert {estimate.status for estimate in found.values()} == {status}
    assert_equal(np.isnan(found["ppv"].value), status is not Status.ZERO_CELL)


@given(cells, st.sampled_from([0.01, 0.3, 0.9]))
def test_predictive_values_at_prevalence_are_the_likelihood_ratios_carried_over(table, prevalence):
    """Prior odds times LR+ (LR-) are the odds, limits too, and a zero cell is filled for both."""
    found = predictive_values_at(table, prevalence=prevalence)
    ratios, odds = classification_measures(table), prevalence / (1 - prevalence)
    for name, ratio in (("ppv", "lr_positive"), ("npv", "lr_negative")):
        got, behind = found[name], ratios[ratio]
        assert got.status is behind.status
        wanted = np.array(numbers(behind)) * odds
        risks = wanted / (1 + wanted)
        if name == "npv":
            risks = (1 - risks)[[0, 2, 1]]
        assert_allclose(numbers(got), risks, rtol=1e-10)


def test_a_zero_cell_fills_only_the_value_that_needs_it():
    found = predictive_values_at(Confusion(tp=8, fp=0, fn=2, tn=10), prevalence=0.5)
    assert found["ppv"].status is Status.ZERO_CELL and found["npv"].status is Status.OK
    assert_allclose(found["npv"].value, 1 / (1 + 0.2))


def test_predictive_values_errors():
    with pytest.raises(ValueError, match=r"`prevalence` must lie in \(0, 1\)"):
        predictive_values_at(Confusion(tp=1, fp=1, fn=1, tn=1), prevalence=0)
