"""The optimism bootstrap under transformations of the patients, on stated resamples."""

from contextlib import contextmanager
from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats import optimism as module
from extval.stats.optimism import METRICS, optimism_bootstrap

RESAMPLES = 6
few = settings(max_examples=25, deadline=None)


class ShrunkRates:
    """Predicts the event rate of a group, drawn towards that of everybody."""

    def fit(self, x, y):
        groups, self.rate = x[:, 0], np.mean(y)
        self.rates = {g: np.mean(y[groups == g]) for g in np.unique(groups)}

    def predict_proba(self, x):
        p = np.array([0.6 * self.rates.get(g, self.rate) + 0.4 * self.rate for g in x[:, 0]])
        return np.column_stack([1 - p, p])


class Fixed:
    """Predicts what the second column says, whatever it was fitted on."""

    def fit(self, x, y):
        pass

    def predict_proba(self, x):
        return np.column_stack([1 - x[:, 1], x[:, 1]])


class AboveMedian:
    """Predicts by the side of the median of a column: only the order of its values matters."""

    def fit(self, x, y):
        column = np.sort(x[:, 1])
        self.cut = column[column.size // 2]
        up = x[:, 1] >= self.cut
        self.p = [np.mean(y[part]) * 0.8 + 0.1 if part.any() else 0.5 for part in (~up, up)]

    def predict_proba(self, x):
        p = np.where(x[:, 1] >= self.cut, self.p[1], self.p[0])
        return np.column_stack([1 - p, p])


@st.composite
def studies(draw):
    """Draw outcomes, a group and a tied risk of each patient, and the counts of each resample."""
    n = draw(st.integers(8, 16))
    y = np.array([0, 0, 1, 1, *draw(st.lists(st.integers(0, 1), min_size=n - 4, max_size=n - 4))])
    group = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)), dtype=float)
    risk = np.array(draw(st.lists(st.integers(1, 7), min_size=n, max_size=n))) / 8
    seed = draw(st.integers(0, 1000))
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return np.column_stack([group, risk]), y, counts


@contextmanager
def stated(counts):
    """Let replicate b draw what row b of `counts` says."""

    def write(_key, b, out):
        out[:] = counts[b]

    with mock.patch.object(module, "resample_counts", write):
        yield


def run(estimator, x, y, counts):
    with stated(counts):
        return optimism_bootstrap(
            estimator, x, y, n_resamples=RESAMPLES, rng=np.random.default_rng(0)
        )


def numbers(found, metrics=METRICS):
    rows = {row.metric: row for row in found.metrics}
    return np.array(
        [
            [rows[m].apparent, rows[m].optimism, rows[m].corrected.value, rows[m].n_undefined]
            for m in metrics
        ]
    )


@given(studies(), st.randoms())
@few
def test_order_of_patients_does_not_matter(study, random):
    x, y, counts = study
    order = list(range(y.size))
    random.shuffle(order)
    plain, moved = (
        run(ShrunkRates(), *study),
        run(ShrunkRates(), x[order], y[order], counts[:, order]),
    )
    assert_allclose(numbers(moved), numbers(plain), rtol=1e-7, atol=1e-9)
    assert_allclose(moved.instability.mape, plain.instability.mape[order], atol=1e-13)


@given(studies())
@few
def test_complement_of_the_outcome_turns_the_intercept_alone(study):
    x, y, counts = study
    plain, other = run(ShrunkRates(), *study), run(ShrunkRates(), x, 1 - y, counts)
    sign = np.array([-1.0 if m == "calibration_intercept" else 1.0 for m in METRICS])
    wanted = numbers(plain)
    wanted[:, :3] *= sign[:, np.newaxis]
    assert_allclose(numbers(other), wanted, rtol=1e-6, atol=1e-7)
    assert_allclose(other.instability.prediction, 1 - plain.instability.prediction, atol=1e-14)
    assert_allclose(other.instability.mape, plain.instability.mape, atol=1e-13)


@given(studies())
@few
def test_a_monotone_transform_does_not_matter_to_a_procedure_that_orders(study):
    x, y, counts = study
    moved = np.column_stack([x[:, 0], np.exp(3 * x[:, 1])])
    plain, again = (run(AboveMedian(), columns, y, counts) for columns in (x, moved))
    assert_allclose(numbers(again), numbers(plain), rtol=1e-12)


@given(studies())
@few
def test_duplicated_patients_and_resamples_have_the_same_optimism(study):
    x, y, counts = study
    twice = run(ShrunkRates(), np.tile(x, (2, 1)), np.tile(y, 2), np.tile(counts, (1, 2)))
    smooth = [m for m in METRICS if m != "ici"]  # loess has windows of a number of patients
    plain = numbers(run(ShrunkRates(), *study), smooth)
    assert_allclose(numbers(twice, smooth), plain, rtol=1e-6, atol=1e-8)


@given(studies())
@few
def test_counts_of_a_resample_are_weights(study):
    """Predictions that learn nothing: the optimism is that of weighted means and pairs."""
    x, y, counts = study
    found = run(Fixed(), *study)
    rows = {row.metric: row for row in found.metrics}
    p, events, kept = x[:, 1], counts @ y, counts.sum(axis=1)
    usable = (events > 0) & (events < kept)
    errors = (y - p) ** 2
    brier = [w @ errors / y.size - errors.mean() for w in counts[usable]]
    gap = p[y == 1][:, None] - p[y == 0][None, :]
    wins = (gap > 0) + 0.5 * (gap == 0)
    auc = [
        w[y == 1] @ wins @ w[y == 0] / (w[y == 1].sum() * w[y == 0].sum()) - wins.mean()
        for w in counts[usable]
    ]
    if usable.any():
        assert_allclose(rows["brier"].optimism, np.mean(brier), atol=1e-13)
        assert_allclose(rows["auc"].optimism, np.mean(auc), atol=1e-13)
    assert rows["auc"].n_undefined == (~usable).sum()
    assert_allclose(np.nan_to_num(found.instability.mape), 0.0, atol=0)


@given(st.integers(0, 50))
@few
def test_all_tied(seed):
    rng = np.random.default_rng(seed)
    x, y = np.zeros((10, 2)) + 0.5, np.array([0, 1] * 5)
    counts = rng.multinomial(10, np.full(10, 0.1), size=RESAMPLES)
    rows = {row.metric: row for row in run(ShrunkRates(), x, y, counts).metrics}
    assert (rows["auc"].apparent, rows["auc"].optimism) == (0.5, 0.0)
    assert np.isnan(rows["calibration_slope"].corrected.value)
