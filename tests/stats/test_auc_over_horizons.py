"""All horizons of an AUC(t) curve at once give what each gives by itself, patient by patient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats._auc_over_horizons import horizon_points
from extval.stats._influence import standard_error
from extval.stats.auc_t import auc_at_horizon, scored_patients
from extval.stats.auc_t_curve import _average, auc_t_curve


def one_by_one(time, kind, score, horizons):
    patients = scored_patients(time, kind, score)
    points = [auc_at_horizon(patients, float(t)) for t in horizons]
    return points, _average(patients, points, horizons)


def assert_same(time, kind, score, horizons):
    time, score = np.asarray(time, float), np.asarray(score, float)
    kind, horizons = np.asarray(kind, np.int8), np.asarray(horizons, float)
    found = horizon_points(time, kind, score, horizons)
    points, average = one_by_one(time, kind, score, horizons)
    assert found.statuses == tuple(point.status for point in points)
    assert_array_equal(found.cases, [point.cases for point in points])
    assert_array_equal(found.controls, [point.controls for point in points])
    assert_allclose(found.auc, [point.value for point in points], rtol=1e-12)
    assert_allclose(found.incidence, [point.incidence for point in points], rtol=1e-12)
    wanted = [standard_error(point.influence) for point in points]
    assert_allclose(found.se, wanted, rtol=1e-12, atol=1e-10)
    assert found.average_status is average.status
    assert_allclose(found.average, average.value, rtol=1e-12)
    assert_allclose(found.average_se, standard_error(average.influence), rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("competing", [False, True])
@pytest.mark.parametrize("ties", ["none", "times", "scores", "both"])
@pytest.mark.parametrize("n", [40, 700])
def test_as_one_horizon_at_a_time(n, ties, competing):
    rng = np.random.default_rng(n)
    score = rng.normal(size=n)
    time = rng.exponential(np.exp(-0.7 * score)) + 0.01
    if ties in ("times", "both"):
        time = np.ceil(4 * time)
    if ties in ("scores", "both"):
        score = np.round(2 * score)
    kind = rng.choice([0, 1, 2] if competing else [0, 1], n)
    kind[np.argmax(time)] = 0
    horizons = np.unique(np.append(np.quantile(time, np.linspace(0.1, 0.9, 7)), time.max()))
    assert_same(time, kind, score, horizons)
    assert_same(time, kind, score, np.append(horizons, 2 * time.max()))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_small_tied_patients(data):
    n = data.draw(st.integers(2, 9))
    small = st.integers(0, 4)
    time = data.draw(st.lists(small, min_size=n, max_size=n))
    kind = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    score = data.draw(st.lists(small, min_size=n, max_size=n))
    horizons = sorted(data.draw(st.sets(st.integers(0, 5), min_size=1, max_size=4)))
    assert_same(time, kind, score, horizons)


def test_the_curve_has_no_variance_where_scores_separate():
    curve = auc_t_curve([1, 2, 3, 4], [1, 1, 0, 0], [4, 3, 2, 1], horizons=[1, 2])
    assert_array_equal(curve.auc, 1.0)
    assert np.isnan(curve.lower).all()
    assert "separates" in curve.statuses[0].value
