"""The parts of the Brier score: definition, invariances, R, edges."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.isotonic import IsotonicRegression

from extval.stats.brier import brier
from extval.stats.brier_decomposition import brier_decomposition
from extval.stats.results import Status
from tests.oracles import brier_decomposition as oracle

R = json.loads((Path(__file__).parents[1] / "reference" / "brier_decomposition.json").read_text())


@st.composite
def studies(draw):
    """Draw outcomes and heavily tied risks."""
    n = draw(st.integers(1, 20))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    risks = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0])
    return y, np.array(draw(st.lists(risks, min_size=n, max_size=n)))


def parts(result):
    return [result.miscalibration, result.discrimination, result.uncertainty, result.within_groups]


@given(studies())
def test_corp_matches_the_definition(study):
    got = brier_decomposition(*study)
    assert_allclose(parts(got), [*oracle.corp(*study), 0.0], rtol=1e-11, atol=1e-14)
    assert got.miscalibration >= 0 and got.discrimination >= 0


@given(studies(), st.integers(1, 6))
def test_murphy_matches_the_definition(study, g):
    got = brier_decomposition(*study, method="murphy", n_groups=g)
    assert_allclose(parts(got), oracle.murphy(*study, g), rtol=1e-11, atol=1e-14)


@given(studies(), st.sampled_from(["corp", "murphy"]), st.randoms(use_true_random=False))
def test_the_parts_add_up_whatever_the_order(study, method, random):
    y, p = study
    order = list(range(len(y)))
    random.shuffle(order)
    got = brier_decomposition(y, p, method=method)
    total = got.miscalibration - got.discrimination + got.uncertainty + got.within_groups
    assert_allclose([total, got.brier], brier(y, p).value, rtol=1e-11, atol=1e-14)
    again = brier_decomposition(y[order], p[order], method=method)
    assert_allclose(parts(again), parts(got), rtol=1e-11, atol=1e-14)


@given(studies(), st.integers(2, 3))
def test_complement_repetition_and_monotone_transforms_leave_corp_discrimination(study, times):
    y, p = study
    wanted = brier_decomposition(y, p)
    for again in ((1 - y, 1 - p), (np.tile(y, times), np.tile(p, times))):
        assert_allclose(parts(brier_decomposition(*again)), parts(wanted), rtol=1e-10, atol=1e-13)
    squared = brier_decomposition(y, p**2)
    assert_allclose(squared.discrimination, wanted.discrimination, rtol=1e-10, atol=1e-13)


@given(studies())
def test_corp_agrees_with_scikit_learn(study):
    y, p = study
    fitted = IsotonicRegression().fit(p, y).predict(p)
    wanted = brier(y, p).value - np.mean((y - fitted) ** 2)
    assert_allclose(brier_decomposition(y, p).miscalibration, wanted, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("case", R["cases"], ids=lambda case: case["id"])
def test_agrees_with_r(case):
    y, p = case["y"], case["p"]
    corp = brier_decomposition(y, p)
    murphy = brier_decomposition(y, p, method="murphy", n_groups=5)
    wanted = [case[f"corp_{k}"] for k in ("miscalibration", "discrimination")]
    assert_allclose(parts(corp), [*wanted, case["uncertainty"], 0], rtol=1e-11, atol=1e-14)
    wanted = [case[k] for k in ("murphy_reliability", "murphy_resolution", "uncertainty")]
    wanted = [*wanted, case["murphy_within"]]
    assert_allclose(parts(murphy), wanted, rtol=1e-10, atol=1e-14, err_msg="Murphy")
    assert murphy.method == f"Murphy: 5 quantile groups (type 7), {case['groups']} used"


def test_edges():
    assert brier_decomposition([], []).status is Status.NO_PATIENTS
    assert np.isnan(parts(brier_decomposition([], [], method="murphy"))).all()
    assert parts(brier_decomposition([1, 1], [0.5, 0.5])) == [0.25, 0, 0, 0]  # one class
    assert parts(brier_decomposition([0, 1], [0.0, 1.0])) == [0, 0.25, 0.25, 0]  # perfect
    constant = brier_decomposition([0, 1, 1, 1], [0.25] * 4)
    assert_allclose(parts(constant), [0.25, 0, 0.1875, 0], atol=1e-15)
    with pytest.raises(ValueError, match="`method` must be one of corp, murphy; got 'bins'"):
        brier_decomposition([0, 1], [0.1, 0.2], method="bins")
