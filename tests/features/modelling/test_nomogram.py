"""Nomograms and `pretty` against R, the definition of points, the model's own risks, and edges."""

import json
from math import inf, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from extval.features.modelling.clinical import TWO_ROUNDS, ClinicalModel
from extval.features.modelling.nomogram import (
    NO_EFFECT,
    NOT_ESTIMATED,
    nomogram_of_effects,
    nomogram_points,
    points_table,
    read_off,
    totals_table,
)
from extval.features.modelling.nomogram_axes import categorical_effect, numeric_effect
from extval.features.modelling.outcome import survival
from extval.features.modelling.pretty import pretty
from extval.features.modelling.regression import RegressionModel
from tests.oracles import nomogram as oracle

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "nomogram.json").read_text())
DATA = pd.DataFrame(REFERENCE["data"])
SURVIVAL = survival(DATA["time"], DATA["dead"])


def test_pretty_agrees_with_r():
    for case in REFERENCE["pretty"]:
        found, wanted = pretty(case["low"], case["high"], case["n"]), np.array(case["ticks"], float)
        # The JSON has 15 digits, so the step is the scale on which ticks far from 0 are compared.
        step = np.diff(wanted).max() if wanted.size > 1 else 1.0
        assert_allclose(found, wanted, rtol=2e-15, atol=1e-9 * step, err_msg=str(case))


@given(
    st.floats(-1e3, 1e3),  # farther from 0 the differences of ticks lose their digits
    st.floats(1e-3, 1e6),
    st.integers(1, 30),
)
def test_pretty_values_are_round_cover_the_range_and_are_neither_few_nor_many(low, span, n):
    high = low + span
    ticks = pretty(low, high, n)
    step = np.diff(ticks)
    assert ticks[0] <= low + 1e-9 * step[0] and ticks[-1] >= high - 1e-9 * step[0]
    assert_allclose(step, step[0], rtol=1e-6)
    assert np.isclose(step[0], oracle.steps(low, high, n), rtol=1e-6).any()
    assert n // 3 <= step.size <= 2.5 * n + 2


@pytest.mark.parametrize("limits", [(1, 0), (nan, 1), (0, inf), (-1e308, 1e308)])
def test_pretty_refuses_what_is_no_range(limits):
    with pytest.raises(ValueError, match="finite limits in ascending order"):
        pretty(*limits)
    with pytest.raises(ValueError, match="at least 1"):
        pretty(0, 1, 0)


def fitted(case):
    if case["kind"] == "logistic":
        return RegressionModel("logistic", case["predictors"]).fit(DATA, DATA["event"])
    model = RegressionModel("cox", case["predictors"], horizons=case["horizons"])
    return model.fit(DATA, SURVIVAL)


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: case["id"])
def test_agrees_with_rms(case):
    shown = {"shows": "survival", "probabilities": case.get("survivals")}
    if case["kind"] == "logistic":
        shown = {"probabilities": case["risks"]}
    found = nomogram_points(fitted(case), max_points=case["max_points"], **shown)
    assert_allclose(found.points_per_unit, case["per_unit"], rtol=1e-8)
    assert_allclose(found.intercept, case["intercept"], rtol=1e-8)
    assert_allclose(found.total_ticks, case["total"], rtol=1e-12)
    assert_allclose(found.lp_ticks, case["lp"], rtol=1e-12, atol=1e-14)
    assert_allclose(found.lp_points, case["lp_points"], rtol=1e-8, atol=1e-8)
    assert [axis.name for axis in found.axes] == case["predictors"]
    for axis in found.axes:
        wanted = case["axes"][axis.name]
        if axis.slope is None:
            assert list(axis.values) == wanted["values"]
        else:
            assert_allclose(axis.values, wanted["values"], rtol=1e-14)
        assert_allclose(axis.points, wanted["points"], rtol=1e-8, atol=1e-10)

    axes = case.get("survival_points") or [case["risk_points"]]
    ticks = case.get("survivals") or case["risks"]
    for axis, places in zip(found.outcome_axes, axes, strict=True):
        pairs = sorted(zip(places, ticks, strict=True))
        inside = [(at, p) for at, p in pairs if 0 <= at <= found.total_ticks[-1]]
        assert axis.probabilities == tuple(p for _, p in inside)
        assert_allclose(axis.points, [at for at, _ in inside], rtol=1e-8)
    if case["kind"] == "cox":
        assert_allclose([a.baseline for a in found.outcome_axes], case["baseline"], rtol=1e-8)
        assert [a.horizon for a in found.outcome_axes] == case["horizons"]


def test_rms_interpolates_its_outcome_axis_and_this_one_is_exact():
    case = next(case for case in REFERENCE["cases"] if case["id"] == "logistic")
    found = nomogram_points(fitted(case), probabilities=case["risks"]).outcome_axes[0]
    assert_allclose(found.points, case["approximate"]["points"], atol=2e-4)
    for at, risk in zip(found.points, found.probabilities, strict=True):
        row = totals_table(nomogram_points(fitted(case)), [at])[0]
        assert_allclose(row.probabilities, risk, rtol=1e-12)


@pytest.mark.parametrize("predictors", [["age", "size", "stage"], ["size"], ["sex", "marker"]])
def test_reading_the_nomogram_is_predicting(predictors):
    model = RegressionModel("logistic", predictors).fit(DATA, DATA["event"])
    found = nomogram_points(model)
    readings = [read_off(found, row) for row in DATA.to_dict("records")]
    risks = [reading.probabilities[0] for reading in readings]
    assert_allclose(risks, model.predict_proba(DATA)[:, 1], rtol=1e-12)
    assert not any(reading.outside for reading in readings)

    cox = RegressionModel("cox", predictors, horizons=[12, 36, 60]).fit(DATA, SURVIVAL)
    for shows, wanted in (("risk", cox.risk(DATA)), ("survival", cox.survival(DATA))):
        found = nomogram_points(cox, shows=shows)
        read = [read_off(found, row).probabilities for row in DATA.to_dict("records")]
        assert_allclose(read, wanted, rtol=1e-11)


def test_a_cut_and_a_clinical_model_have_a_nomogram():
    candidates = {"size_gt_10": {"column": "size", "above": 10}, "marker": None, "stage": None}
    model = ClinicalModel("logistic", candidates, TWO_ROUNDS, univariate_p=0.9, multivariable_p=0.9)
    model.fit(DATA, DATA["event"])
    found = nomogram_points(model, labels={"size_gt_10": "Tumour size (cm)"})
    axis = found.axes[0]
    assert (axis.label, axis.labels) == ("Tumour size (cm)", ("\u2264 10", "> 10"))
    patient = {**DATA.iloc[0].to_dict(), "size_gt_10": int(DATA["size"][0] > 10)}
    assert_allclose(
        read_off(found, patient).probabilities[0], model.predict_proba(DATA)[0, 1], rtol=1e-12
    )
    rows = points_table(found)
    assert rows[0].predictor == "Tumour size (cm)" and rows[0].value == "\u2264 10"
    assert len(rows) == sum(len(axis.values) for axis in found.axes)


@st.composite
def linear_predictors(draw):
    """Draw one to four predictors with their coefficients, some zero, and a patient."""
    coefficient = st.integers(-30, 30).map(lambda k: k / 10)
    effects, patient = {}, {}
    for place in range(draw(st.integers(1, 4))):
        name = f"p{place}"
        if draw(st.booleans()):
            effects[name] = draw(coefficient)
            patient[name] = draw(st.integers(-3, 7))
        else:
            effects[name] = {"a": 0.0, "b": draw(coefficient), "c": draw(coefficient)}
            patient[name] = draw(st.sampled_from("abc"))
    return effects, patient


def effects_of(effects, shown):
    return [
        categorical_effect(name, effect)
        if isinstance(effect, dict)
        else numeric_effect(name, effect, shown[name])
        for name, effect in effects.items()
    ]


@given(linear_predictors(), st.integers(-20, 20), st.sampled_from([None, 0.3, 0.9]))
def test_points_and_risks_follow_their_definition(drawn, intercept, baseline):
    effects, patient = drawn
    shown = {
        name: list("abc") if isinstance(effect, dict) else list(pretty(-3, 7, 10))
        for name, effect in effects.items()
    }
    survivals = None if baseline is None else {12.0: baseline}
    found = nomogram_of_effects(
        effects_of(effects, shown), intercept=intercept / 10, baseline_survival=survivals
    )
    widths = [
        max(e.values()) - min(e.values()) if isinstance(e, dict) else abs(e)
        for e in effects.values()
    ]
    if not any(widths):
        assert found.sentence == NO_EFFECT and found.axes == ()
        with pytest.raises(ValueError, match="There is no nomogram"):
            read_off(found, patient)
        return
    wanted = oracle.points(effects, shown)
    for axis in found.axes:
        assert_allclose(axis.points, wanted[axis.name], rtol=1e-11, atol=1e-11)
        assert min(axis.points) == 0.0
    assert_allclose(max(max(axis.points) for axis in found.axes), 100.0, rtol=1e-12)
    risk = oracle.risk(intercept / 10, effects, patient, baseline)
    assert_allclose(read_off(found, patient).probabilities[0], risk, rtol=1e-9, atol=1e-15)


@given(linear_predictors(), st.sampled_from([0.5, 2.0, 10.0]))
def test_the_unit_of_a_predictor_and_the_points_scale_do_not_matter(drawn, factor):
    effects, patient = drawn
    shown = {n: list(pretty(-3, 7, 10)) for n in effects}
    first = nomogram_of_effects(effects_of(effects, shown), intercept=0.0)
    assume(first.axes)
    other_unit = {n: e if isinstance(e, dict) else e / factor for n, e in effects.items()}
    moved = {n: [factor * v for v in values] for n, values in shown.items()}
    second = nomogram_of_effects(effects_of(other_unit, moved), intercept=0.0, max_points=50.0)
    for a, b in zip(first.axes, second.axes, strict=True):
        assert_allclose(np.array(a.points) / 2, b.points, rtol=1e-9, atol=1e-9)
    scaled = {n: v if isinstance(v, str) else factor * v for n, v in patient.items()}
    one, two = read_off(first, patient), read_off(second, scaled)
    assert_allclose(one.linear_predictor, two.linear_predictor, rtol=1e-9, atol=1e-9)


def test_edges():
    zero = nomogram_of_effects(
        [numeric_effect("a", 0.0, [0, 1]), numeric_effect("b", -2.0, [0, 1])], intercept=1.0
    )
    assert_array_equal(zero.axes[0].points, [0, 0])
    assert_array_equal(zero.axes[1].points, [100, 0])
    alone = nomogram_of_effects([numeric_effect("a", 1e-9, [0, 1e9])], intercept=-1.0)
    assert alone.total_ticks[-1] == 100.0
    wide = nomogram_of_effects([numeric_effect("a", 1e-12, pretty(1e-8, 1e12, 10))], intercept=0.0)
    assert_allclose(read_off(wide, {"a": 5e11}).probabilities[0], expit(0.5), rtol=1e-12)
    assert nomogram_of_effects([], intercept=0.0).sentence == NO_EFFECT
    broken = nomogram_of_effects([numeric_effect("a", nan, [0, 1])], intercept=0.0)
    assert broken.sentence == NOT_ESTIMATED and broken.axes == ()
    null = RegressionModel("logistic", []).fit(DATA, DATA["event"])
    assert nomogram_points(null).sentence == NO_EFFECT


def test_an_outcome_that_no_total_reaches_has_a_bare_axis_and_a_sentence():
    effects = [numeric_effect("a", 1.0, [0, 1, 2])]
    for survivals in ({12.0: 1.0}, {12.0: 1 - 1e-9}, {12.0: nan}):
        found = nomogram_of_effects(effects, intercept=0.0, baseline_survival=survivals)
        assert found.outcome_axes[0].points == ()
        assert "at 12" in found.sentence


def test_values_beyond_the_axis_are_read_and_named():
    effects = [numeric_effect("a", 1.0, [0, 1, 2]), numeric_effect("b", 1.0, [0, 1, 2])]
    found = nomogram_of_effects(effects, intercept=-1.0)
    reading = read_off(found, {"a": 3, "b": 1})
    assert reading.outside == ("a",)
    assert_allclose(reading.probabilities[0], expit(3), rtol=1e-12)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": 1}, "Give a value for the predictor `stage`"),
        ({"a": 1, "stage": "T9"}, "no level 'T9'; it has T1, T2"),
        ({"a": nan, "stage": "T1"}, "`a` must be finite"),
    ],
)
def test_values_that_cannot_be_read_are_refused(values, message):
    effects = [numeric_effect("a", 1.0, [0, 1]), categorical_effect("stage", {"T1": 0, "T2": 0.5})]
    with pytest.raises(ValueError, match=message):
        read_off(nomogram_of_effects(effects, intercept=0.0), values)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shows": "odds"}, "`shows` must be one of"),
        ({"probabilities": [0.0]}, "`probabilities` must lie in"),
        ({"max_points": 0}, "`max_points` must be finite and above 0"),
        ({"n_ticks": 0}, "`n_ticks` must be an integer"),
    ],
)
def test_settings_outside_their_domain_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        nomogram_of_effects([numeric_effect("a", 1.0, [0, 1])], intercept=0.0, **settings)


def test_a_cox_model_needs_horizons():
    with pytest.raises(ValueError, match="make the model with `horizons`"):
        nomogram_points(RegressionModel("cox", ["age"]).fit(DATA, SURVIVAL))
