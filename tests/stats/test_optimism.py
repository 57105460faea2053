"""The optimism bootstrap: definition, R on stated resamples and by rms, edges."""

import json
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from extval.stats import optimism as module
from extval.stats._resampling import replicate_key, resample_counts
from extval.stats.brier import brier
from extval.stats.calibration import calibration_intercept, calibration_slope
from extval.stats.calibration_curve import calibration_curve
from extval.stats.logistic import LogisticModel
from extval.stats.optimism import METRICS, optimism_bootstrap
from extval.stats.results import Status
from extval.stats.roc import auc

R = json.loads((Path(__file__).parents[1] / "reference" / "optimism.json").read_text())


def study(n=60, columns=3, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, columns))
    return x, (rng.random(n) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)


def performance(y, p):
    """Return the five measures from the public routines, one call each."""
    return [
        auc(y, p).value,
        calibration_intercept(y, p).value,
        calibration_slope(y, p).value,
        brier(y, p).value,
        calibration_curve(y, p).ici.value,
    ]


@pytest.mark.parametrize(
    "estimator",
    [LogisticModel(), make_pipeline(StandardScaler(), LogisticRegression(C=0.3))],
    ids=["logistic", "pipeline"],
)
def test_matches_the_definition(estimator):
    x, y = study()
    got = optimism_bootstrap(estimator, x, y, n_resamples=12, rng=np.random.default_rng(5))
    key = replicate_key(np.random.default_rng(5))
    apparent = performance(y, type(estimator).fit(estimator, x, y).predict_proba(x)[:, 1])
    differences, moved = [], []
    for b in range(12):
        counts = np.empty(60, np.int32)
        resample_counts(key, b, counts)
        drawn = np.repeat(np.arange(60), counts)
        p = estimator.fit(x[drawn], y[drawn]).predict_proba(x)[:, 1]
        differences.append(np.subtract(performance(y[drawn], p[drawn]), performance(y, p)))
        assert_allclose(got.instability.resampled[b], p, rtol=1e-9)
        moved.append(np.abs(p - got.instability.prediction))
    wanted = np.mean(differences, axis=0)
    assert [metric.metric for metric in got.metrics] == list(METRICS)
    assert_allclose([m.apparent for m in got.metrics], apparent, rtol=1e-8, atol=1e-10)
    assert_allclose([m.optimism for m in got.metrics], wanted, rtol=1e-7, atol=1e-9)
    corrected = [m.corrected.value for m in got.metrics]
    assert_allclose(corrected, np.subtract(apparent, wanted), rtol=1e-7, atol=1e-9)
    spread = np.std(differences, axis=0, ddof=1) / np.sqrt(12)
    assert_allclose([m.monte_carlo_se for m in got.metrics], spread, rtol=1e-6)
    assert_allclose(got.instability.mape, np.mean(moved, axis=0), rtol=1e-8)


def test_agrees_with_r_on_the_same_resamples(monkeypatch):
    rows = iter(np.array(R["counts"]))

    def stated(_key, _b, counts_out):
        counts_out[:] = next(rows)

    monkeypatch.setattr(module, "resample_counts", stated)
    got = optimism_bootstrap(
        LogisticModel(), R["x"], R["y"], n_resamples=25, rng=np.random.default_rng(0)
    )
    for metric in got.metrics:
        name = metric.metric
        assert_allclose(metric.apparent, R["apparent"][name], rtol=1e-8, atol=1e-10, err_msg=name)
        assert_allclose(metric.optimism, R["optimism"][name], rtol=1e-7, atol=1e-9, err_msg=name)
        assert_allclose(metric.monte_carlo_se, R["optimism_sd"][name] / 5, rtol=1e-7, err_msg=name)
    assert_allclose(got.instability.mape, R["mape"], rtol=1e-8)


def test_agrees_with_rms_validate_within_monte_carlo_error():
    got = optimism_bootstrap(
        LogisticModel(), R["x"], R["y"], n_resamples=500, rng=np.random.default_rng(8)
    )
    metrics = {metric.metric: metric for metric in got.metrics}
    for name, wanted in (
        ("auc", R["rms"]["dxy"] / 2),
        ("calibration_slope", R["rms"]["slope"]),
        ("brier", R["rms"]["brier"]),
    ):
        # means of 500 and of rms's 2,000 resamples: four standard errors of their difference
        tolerance = 4 * np.sqrt(1 + 500 / R["rms"]["resamples"]) * metrics[name].monte_carlo_se
        assert abs(metrics[name].optimism - wanted) < tolerance


def test_the_interval_is_that_of_the_resamples_moved_by_the_optimism():
    x, y = study()
    got = optimism_bootstrap(
        LogisticModel(), x, y, n_resamples=100, rng=np.random.default_rng(3), confidence_level=0.9
    )
    by_name = {metric.metric: metric for metric in got.metrics}
    key, own = replicate_key(np.random.default_rng(3)), []
    for b in range(100):
        counts = np.empty(60, np.int32)
        resample_counts(key, b, counts)
        drawn = np.repeat(np.arange(60), counts)
        own.append(auc(y[drawn], got.instability.resampled[b][drawn]).value)
    wanted = np.quantile(own, [0.05, 0.95]) - by_name["auc"].optimism
    interval = by_name["auc"].corrected.interval
    assert_allclose([interval.low, interval.high], wanted, rtol=1e-10)
    slope = by_name["calibration_slope"].corrected
    assert slope.status is Status.OPTIMISM_WITHOUT_INTERVAL and isnan(slope.interval.low)
    lower, upper = np.quantile(got.instability.resampled, [0.05, 0.95], axis=0)
    assert_allclose(got.instability.lower, lower)
    assert_allclose(got.instability.upper, upper)


def test_the_same_generator_gives_the_same_result_and_the_estimator_is_left_alone():
    x, y = study()
    estimator = LogisticModel()
    one, two = (
        optimism_bootstrap(estimator, x, y, n_resamples=8, rng=np.random.default_rng(2))
        for _ in range(2)
    )
    assert one.metrics == two.metrics and estimator.coefficients.size == 0
    assert_array_equal(one.instability.resampled, two.instability.resampled)


class Certain:
    """Predicts 0 and 1, as an overgrown tree does."""

    def fit(self, x, y):
        self.cut = np.median(x[:, 0])

    def predict_proba(self, x):
        p = (x[:, 0] > self.cut).astype(float)
        return np.column_stack([1 - p, p])


class Constant(Certain):
    """Predicts the prevalence."""

    def fit(self, x, y):
        self.p = np.mean(y)

    def predict_proba(self, x):
        return np.full((len(x), 2), [1 - self.p, self.p])


def test_certain_predictions_leave_what_needs_no_logit():
    x, y = study()
    got = optimism_bootstrap(Certain(), x, y, n_resamples=6, rng=np.random.default_rng(2))
    statuses = [metric.corrected.status for metric in got.metrics]
    undefined = Status.APPARENT_UNDEFINED
    assert statuses == [Status.OK, undefined, undefined, Status.OK, undefined]
    assert [metric.n_undefined for metric in got.metrics] == [0, 6, 6, 0, 6]
    assert all(isnan(metric.corrected.value) == (metric.n_undefined > 0) for metric in got.metrics)


def test_a_constant_prediction_has_an_auc_of_one_half_and_no_slope():
    x, y = study()
    got = optimism_bootstrap(Constant(), x, y, n_resamples=6, rng=np.random.default_rng(2))
    by_name = {metric.metric: metric for metric in got.metrics}
    assert by_name["auc"].corrected.value == 0.5
    assert by_name["auc"].corrected.status is Status.RESAMPLES_EQUAL
    assert by_name["calibration_slope"].corrected.status is Status.APPARENT_UNDEFINED
    assert np.isfinite(by_name["calibration_intercept"].corrected.value)


def test_resamples_with_one_outcome_are_left_out_and_counted():
    x, _ = study(8)
    y = np.array([1, 0, 0, 0, 0, 0, 0, 0])
    got = optimism_bootstrap(Constant(), x, y, n_resamples=60, rng=np.random.default_rng(2))
    lost = int(np.isnan(got.instability.resampled).all(axis=1).sum())
    assert 0 < lost < 60 and got.metrics[0].n_undefined == lost
    assert got.metrics[1].corrected.status is Status.SOME_RESAMPLES_UNDEFINED
    assert np.isfinite(got.instability.mape).all()


@pytest.mark.parametrize(("y", "status"), [([0, 0, 0], Status.ONE_CLASS), ([], Status.NO_PATIENTS)])
def test_without_both_outcomes_nothing_is_fitted(y, status):
    got = optimism_bootstrap(
        Constant(), np.zeros((len(y), 2)), y, n_resamples=3, rng=np.random.default_rng(0)
    )
    assert {metric.corrected.status for metric in got.metrics} == {status}
    assert all(isnan(metric.corrected.value) for metric in got.metrics)
    assert np.isnan(got.instability.mape).all()


class OneColumn(Constant):
    """Returns what `predict` would."""

    def predict_proba(self, x):
        return np.full(len(x), self.p)


def test_errors_name_the_argument_and_the_value():
    x, y = study(10)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"`x` must have shape \(10, columns\); got \(9, 3\)"):
        optimism_bootstrap(LogisticModel(), x[1:], y, n_resamples=2, rng=rng)
    with pytest.raises(ValueError, match=r"`estimator.predict_proba` must return shape \(10, 2\)"):
        optimism_bootstrap(OneColumn(), x, y, n_resamples=2, rng=rng)
    with pytest.raises(ValueError, match="`n_resamples` must be an integer of at least 1; got 0"):
        optimism_bootstrap(LogisticModel(), x, y, n_resamples=0, rng=rng)
