"""Bootstrap AUC, partial AUC, ROC band and precision-recall: definitions, peers and edges."""

import json
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from sklearn.metrics import average_precision_score
from sklearn.metrics import precision_recall_curve as sklearn_curve

from extval.stats import Status
from extval.stats._resampling import replicate_key
from extval.stats.bootstrap import bca_interval, percentile_interval
from extval.stats.partial_auc import partial_auc
from extval.stats.precision_recall import average_precision, precision_recall_curve
from extval.stats.roc import auc
from extval.stats.roc_band import roc_band
from extval.stats.roc_intervals import auc_bootstrap
from tests.oracles import resampling
from tests.oracles import roc as oracle

FOLDER = Path(__file__).parents[1] / "reference"
PROC = json.loads((FOLDER / "roc.json").read_text())
MONTE_CARLO = json.loads((FOLDER / "bootstrap.json").read_text())["monte_carlo"]


@st.composite
def studies(draw):
    """Draw labels with at least 2 per class and a heavily tied integer score."""
    n = draw(st.integers(4, 20))
    rest = draw(st.lists(st.integers(0, 1), min_size=n - 4, max_size=n - 4))
    y = draw(st.permutations([0, 0, 1, 1, *rest]))
    return np.array(y), np.array(draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n)))


def replicates(y, s, statistic, n_resamples, seed, draw=resampling.resample):
    """Return the statistic of each resample, drawn by the plain-Python generators."""
    key = int(replicate_key(np.random.default_rng(seed)))
    sizes = [int(np.sum(y == 1)), int(np.sum(y == 0))]
    return [statistic(*oracle.resampled(y, s, draw(key, b, sizes))) for b in range(n_resamples)]


def smaller_class_first(key, b, sizes):
    """Return the rows of a resample of cases and controls; the smaller class is drawn first."""
    if sizes[0] > sizes[1]:
        return resampling.resample_in_rounds(key, b, sizes[::-1])[::-1]
    return resampling.resample_in_rounds(key, b, sizes)


def limits(found):
    return found.interval.low, found.interval.high


@given(studies(), st.integers(0, 99))
@settings(max_examples=20)
def test_bootstrap_auc_is_the_auc_of_expanded_resamples(study, seed):
    y, s = study
    wanted = percentile_interval(replicates(y, s, oracle.auc, 20, seed, smaller_class_first))
    found = auc_bootstrap(y, s, n_resamples=20, rng=np.random.default_rng(seed))
    assert_equal(found.value, auc(y, s).value)
    if found.status is Status.OK:
        assert_allclose(limits(found), limits(wanted), rtol=1e-12)
        assert_allclose(found.se, wanted.se, rtol=1e-10)
    else:
        assert found.status in {
            Status.PERFECT_SEPARATION,
            Status.CONSTANT_SCORE,
            Status.RESAMPLES_EQUAL,
        }


@pytest.mark.parametrize("case", PROC["one"][3:5], ids=lambda case: case["id"])
def test_bca_uses_the_jackknife_of_both_classes(case):
    y, s = np.array(case["y"]), np.array(case["score"])
    found = auc_bootstrap(y, s, n_resamples=60, rng=np.random.default_rng(4), method="bca")
    kept = [np.arange(y.size) != i for i in range(y.size)]
    wanted = bca_interval(
        replicates(y, s, oracle.auc, 60, 4, smaller_class_first),
        oracle.auc(y, s),
        [oracle.auc(y[keep], s[keep]) for keep in kept],
        strata=y,
    )
    assert_allclose(limits(found), limits(wanted), rtol=1e-12)
    assert found.method == "Mann-Whitney; stratified bootstrap BCa, 60 resamples"


@given(studies(), st.sampled_from(["specificity", "sensitivity"]), st.data())
def test_partial_area_is_the_clipped_polygon(study, over, data):
    y, s = study
    grid = st.integers(0, 12).map(lambda k: k / 12)
    low, high = sorted(data.draw(st.lists(grid, min_size=2, max_size=2, unique=True)))
    found = partial_auc(y, s, low=low, high=high, over=over, n_resamples=0, rng=None)
    assert_allclose(found.raw.value, oracle.partial_area(y, s, over, low, high), atol=1e-14)
    assert found.raw.status is Status.NOT_RESAMPLED


@given(studies(), st.sampled_from(["specificity", "sensitivity"]))
def test_whole_range_is_the_auc_and_parts_add_up(study, over):
    y, s = study

    def area(low, high):
        return partial_auc(y, s, low=low, high=high, over=over, n_resamples=0, rng=None).raw.value

    assert_allclose(area(0, 1), auc(y, s).value, atol=1e-14)
    assert_allclose(area(0, 0.35) + area(0.35, 1), area(0, 1), atol=1e-14)


@given(studies())
def test_complement_exchanges_sensitivity_and_specificity(study):
    y, s = study
    a = partial_auc(y, s, low=0.2, high=0.7, n_resamples=0, rng=None, over="sensitivity")
    b = partial_auc(1 - y, -s, low=0.2, high=0.7, n_resamples=0, rng=None, over="specificity")
    assert_allclose(a.corrected.value, b.corrected.value, atol=1e-13)


@pytest.mark.parametrize("case", PROC["one"], ids=lambda case: case["id"])
def test_partial_area_agrees_with_proc(case):
    for wanted in case["partial"]:
        found = partial_auc(
            case["y"],
            case["score"],
            low=wanted["low"],
            high=wanted["high"],
            over=wanted["over"],
            n_resamples=0,
            rng=None,
        )
        assert_allclose(found.raw.value, wanted["raw"], rtol=1e-12, err_msg="raw")
        assert_allclose(found.corrected.value, wanted["corrected"], rtol=1e-12)


def test_published_partial_area_of_asah():
    case = PROC["one"][1]
    found = partial_auc(case["y"], case["score"], low=0.9, high=1, n_resamples=0, rng=None)
    assert_allclose(found.raw.value, 0.03275745, atol=5e-9)
    assert_allclose(found.corrected.value, 0.6460919, atol=5e-8)


def test_partial_area_intervals_are_those_of_expanded_resamples():
    case = PROC["one"][4]
    y, s = np.array(case["y"]), np.array(case["score"])
    found = partial_auc(y, s, low=0.6, high=1, n_resamples=40, rng=np.random.default_rng(3))
    wanted = percentile_interval(
        replicates(y, s, lambda *d: oracle.partial_area(*d, "specificity", 0.6, 1.0), 40, 3)
    )
    assert_allclose(limits(found.raw), limits(wanted), rtol=1e-12)
    chance = 0.4 - (1 - 0.36) / 2
    for corrected, raw in zip(limits(found.corrected), limits(found.raw), strict=True):
        assert_allclose(corrected, (1 + (raw - chance) / (0.4 - chance)) / 2, rtol=1e-12)


@pytest.mark.parametrize("case", PROC["one"], ids=lambda case: case["id"])
def test_sensitivity_at_specificity_agrees_with_proc(case):
    wanted = case["at_specificity"]
    band = roc_band(
        case["y"],
        case["score"],
        specificity=wanted["specificity"],
        n_resamples=2,
        rng=np.random.default_rng(1),
    )
    assert_allclose(band.sensitivity, wanted["sensitivity"], rtol=1e-13, atol=1e-15)


@given(studies())
def test_band_sensitivity_is_the_highest_of_the_polygon(study):
    y, s = study
    grid = [0, 1 / 3, 0.5, 0.75, 1]
    band = roc_band(y, s, specificity=grid, n_resamples=2, rng=np.random.default_rng(1))
    assert_allclose(band.sensitivity, [oracle.sensitivity_at(y, s, x) for x in grid], atol=1e-14)


def test_band_is_that_of_expanded_resamples():
    case = PROC["one"][4]
    y, s, grid = np.array(case["y"]), np.array(case["score"]), [0.2, 0.5, 0.9]
    band = roc_band(y, s, specificity=grid, n_resamples=30, rng=np.random.default_rng(8))
    for i, x in enumerate(grid):
        wanted = percentile_interval(
            replicates(y, s, lambda *d, at=x: oracle.sensitivity_at(*d, at), 30, 8)
        )
        assert_allclose((band.lower[i], band.upper[i]), limits(wanted), rtol=1e-12)


@pytest.mark.parametrize("name", MONTE_CARLO)
def test_resampled_intervals_agree_with_proc_up_to_monte_carlo_error(name):
    case = MONTE_CARLO[name]
    y, s = case["y"], case["score"]
    # 0.004 is about four Monte Carlo standard errors of a 2.5% quantile of 20,000 replicates.
    found = auc_bootstrap(y, s, n_resamples=4000, rng=np.random.default_rng(1))
    assert_allclose(limits(found), case["auc"], atol=0.006)
    partial = partial_auc(y, s, low=0.7, high=1, n_resamples=2000, rng=np.random.default_rng(1))
    assert_allclose(limits(partial.raw), case["partial"], atol=0.006)
    band = roc_band(
        y,
        s,
        specificity=case["specificity"],
        n_resamples=2000,
        rng=np.random.default_rng(1),
    )
    one_case = 1 / sum(y)  # a quantile of a proportion can fall one step aside
    assert_allclose(band.lower, case["lower"], atol=1.01 * one_case)
    assert_allclose(band.upper, case["upper"], atol=1.01 * one_case)


@given(studies())
def test_average_precision_is_its_definition_and_scikit_learns(study):
    y, s = study
    found = average_precision(y, s, n_resamples=0, rng=None)
    assert_allclose(found.value, oracle.average_precision(y, s), rtol=1e-13)
    theirs = average_precision_score(y, s)
    assert_allclose(found.value, theirs, rtol=1e-13, err_msg="scikit-learn")
    assert found.status is Status.NOT_RESAMPLED


@given(studies())
def test_precision_recall_points_are_scikit_learns(study):
    y, s = study
    curve = precision_recall_curve(y, s)
    precision, recall, thresholds = sklearn_curve(y, s)
    assert_allclose(curve.precision[::-1], precision[:-1], rtol=1e-15)
    assert_allclose(curve.recall[::-1], recall[:-1], rtol=1e-15)
    assert_array_equal(curve.thresholds[::-1], thresholds)
    assert curve.precision[-1] == curve.prevalence


@given(studies())
def test_average_precision_of_duplicated_and_shuffled_patients(study):
    y, s = study
    plain = average_precision(y, s, n_resamples=0, rng=None).value
    twice = average_precision(np.tile(y, 2)[::-1], np.tile(s, 2)[::-1], n_resamples=0, rng=None)
    assert_allclose(twice.value, plain, rtol=1e-14)


def test_average_precision_intervals_are_those_of_expanded_resamples():
    case = PROC["one"][4]
    y, s = np.array(case["y"]), np.array(case["score"])
    found = average_precision(y, s, n_resamples=40, rng=np.random.default_rng(3))
    wanted = percentile_interval(replicates(y, s, oracle.average_precision, 40, 3))
    assert_allclose(limits(found), limits(wanted), rtol=1e-12)
    assert found.method == "average precision; stratified bootstrap percentile, 40 resamples"


def every_statistic(y, s, rng_seed=1):
    rng = np.random.default_rng(rng_seed)
    partial = partial_auc(y, s, low=0.5, high=1, n_resamples=20, rng=rng)
    return [
        auc_bootstrap(y, s, n_resamples=20, rng=rng),
        auc_bootstrap(y, s, n_resamples=20, rng=rng, method="bca"),
        partial.raw,
        partial.corrected,
        average_precision(y, s, n_resamples=20, rng=rng),
    ]


@pytest.mark.parametrize(
    ("y", "s", "status"),
    [
        ([], [], Status.NO_PATIENTS),
        ([1, 1], [1, 2], Status.ONE_CLASS),
        ([0], [1], Status.ONE_CLASS),
    ],
)
def test_one_class(y, s, status):
    for found in every_statistic(y, s):
        assert found.status is status
        assert np.isnan([found.value, *limits(found)]).all()
    band = roc_band(y, s, specificity=[0.5], n_resamples=5, rng=np.random.default_rng(1))
    assert band.status is status
    assert np.isnan([band.sensitivity[0], band.lower[0]]).all()
    curve = precision_recall_curve(y, s)
    assert (curve.status, curve.precision.size) == (status, 0)


@pytest.mark.parametrize(
    ("y", "s"),
    [([0, 0, 1, 1], [1, 2, 3, 4]), ([0, 0, 1, 1], [3, 3, 3, 3])],
    ids=["perfect", "flat"],
)
def test_resamples_that_cannot_vary_give_no_interval(y, s):
    for found in every_statistic(y, s):
        assert found.status in {
            Status.PERFECT_SEPARATION,
            Status.CONSTANT_SCORE,
            Status.RESAMPLES_EQUAL,
        }
        assert not np.isnan(found.value)
        assert np.isnan(limits(found)).all()


def test_one_event():
    found = auc_bootstrap([0, 0, 0, 1], [1, 2, 4, 3], n_resamples=20, rng=np.random.default_rng(1))
    assert found.status is Status.TOO_FEW_PER_CLASS


def test_same_seed_same_result_and_nothing_warns():
    case = PROC["one"][3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, again = (every_statistic(case["y"], case["score"]) for _ in range(2))
    assert_equal([asdict(found) for found in first], [asdict(found) for found in again])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: auc_bootstrap([0, 1], [1, 2], n_resamples=1, rng=None), "`n_resamples` must be"),
        (lambda: auc_bootstrap([0, 1], [1, 2], n_resamples=9, rng=3), "`rng` must be"),
        (
            lambda: partial_auc([0, 1], [1, 2], low=0.5, high=0.5, n_resamples=0, rng=None),
            "0 <= low < high <= 1",
        ),
        (
            lambda: partial_auc([0, 1], [1, 2], low=0, high=1, n_resamples=0, rng=None, over="fpr"),
            "`over` must be one of",
        ),
        (
            lambda: roc_band([0, 1], [1, 2], specificity=[2], n_resamples=9, rng=None),
            r"`specificity` must lie in \[0, 1\]",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
