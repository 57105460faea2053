"""Every statistic of a time to event under what must not matter, and what must scale.

The order of patients, the unit of time, every patient twice, integer weights as repeats, and
patients in a stratum of their own. One row a statistic, so that a new one has its invariances too.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats.auc_t import auc_t, auc_t_test
from extval.stats.auc_t_curve import auc_t_curve, integrated_auc_test
from extval.stats.brier_t import brier_t, brier_t_test, ipa_t, ipa_t_test
from extval.stats.censoring import censoring_weights
from extval.stats.competing_risks import aalen_johansen, incidence_at
from extval.stats.concordance import c_harrell, c_uno, concordance_test
from extval.stats.cox import cox_regression
from extval.stats.gray import gray_test
from extval.stats.integrated_brier import ibs, ibs_test
from extval.stats.kaplan_meier import kaplan_meier, quantile, reverse_kaplan_meier, survival_at
from extval.stats.logrank import logrank_test
from extval.stats.logrank_contrasts import logrank_trend_test
from extval.stats.proportional_hazards import proportional_hazards_test
from extval.stats.rmst import rmst, rmst_comparison
from extval.stats.survival_calibration import calibration_slope_cox, oe_t
from extval.stats.survival_net_benefit import (
    survival_net_benefit,
    survival_net_benefit_difference,
)
from tests.stats.censored_patients import patients

HORIZONS = (2.5, 4.0)


class Study:
    """Patients of a property test; `unit` multiplies every time, horizons included."""

    def __init__(self, time, kind, scores, risks, unit=1.0):
        self.time, self.kind, self.unit = time * unit, np.asarray(kind), unit
        self.event = (self.kind == 1).astype(int)
        self.score, self.other = scores
        self.risk, self.less = risks
        self.group = (self.score > 0).astype(int)
        self.at = HORIZONS[0] * unit
        self.horizons = [h * unit for h in HORIZONS]

    @property
    def rows(self):
        return np.vstack([self.risk / 2, self.risk]), np.vstack([self.less / 2, self.less])


def estimate(found):
    return [found.value, found.se, found.interval.low, found.interval.high]


def comparison(found):
    low, high = found.interval.low, found.interval.high
    return [found.difference, found.se, low, high, found.p_value]


def statistic(found):
    return [found.statistic, found.df, found.p_value]


def curve(s):
    return kaplan_meier(s.time, s.event)


def incidence(s):
    return aalen_johansen(s.time, s.kind, n_causes=2)


# What each statistic returns; those in TIMES are in the unit of time.
STATISTICS = {
    "survival": lambda s: estimate(survival_at(curve(s), s.at)),
    "median": lambda s: estimate(quantile(curve(s), q=0.5)),
    "quartile": lambda s: estimate(quantile(curve(s), q=0.25)),
    "follow-up": lambda s: estimate(quantile(reverse_kaplan_meier(s.time, s.event), q=0.5)),
    "rmst": lambda s: estimate(rmst(s.time, s.event, tau=s.at)),
    "rmst difference": lambda s: comparison(
        rmst_comparison(s.time, s.event, s.group, tau=s.at).difference
    )[:4],
    "rmst ratio": lambda s: estimate(rmst_comparison(s.time, s.event, s.group, tau=s.at).ratio),
    "log-rank": lambda s: statistic(logrank_test(s.time, s.event, s.group)),
    "Gehan": lambda s: statistic(logrank_test(s.time, s.event, s.group, weights="gehan")),
    "Tarone-Ware": lambda s: statistic(
        logrank_test(s.time, s.event, s.group, weights="tarone-ware")
    ),
    "Peto-Peto": lambda s: statistic(logrank_test(s.time, s.event, s.group, weights="peto-peto")),
    "Fleming-Harrington": lambda s: statistic(
        logrank_test(s.time, s.event, s.group, weights="fleming-harrington", rho=1.0, gamma=0.5)
    ),
    "trend": lambda s: statistic(
        logrank_trend_test(s.time, s.event, s.score, scores=np.unique(s.score))
    ),
    "Cox": lambda s: estimate(
        cox_regression(s.time, s.event, s.score[:, None]).terms[0].log_hazard_ratio
    ),
    "proportional hazards": lambda s: statistic(
        proportional_hazards_test(s.time, s.event, s.score[:, None]).overall
    ),
    "slope": lambda s: estimate(calibration_slope_cox(s.time, s.event, s.score)),
    "Harrell": lambda s: estimate(c_harrell(s.time, s.event, s.score)),
    "Uno": lambda s: estimate(c_uno(s.time, s.event, s.score, horizon=s.at)),
    "Harrell difference": lambda s: comparison(
        concordance_test(s.time, s.event, s.score, s.other, estimator="harrell")
    ),
    "Uno difference": lambda s: comparison(
        concordance_test(s.time, s.event, s.score, s.other, estimator="uno", horizon=s.at)
    ),
    "AUC(t)": lambda s: estimate(auc_t(s.time, s.kind, s.score, horizon=s.at, cause=1)),
    "AUC(t) difference": lambda s: comparison(
        auc_t_test(s.time, s.kind, s.score, s.other, horizon=s.at, cause=1)
    ),
    "integrated AUC": lambda s: estimate(
        auc_t_curve(s.time, s.kind, s.score, horizons=s.horizons, cause=1).integrated
    ),
    "integrated AUC difference": lambda s: comparison(
        integrated_auc_test(s.time, s.kind, s.score, s.other, horizons=s.horizons, cause=1)
    ),
    "Brier(t)": lambda s: estimate(brier_t(s.time, s.kind, s.risk, horizon=s.at, cause=1)),
    "Brier(t) difference": lambda s: comparison(
        brier_t_test(s.time, s.kind, s.risk, s.less, horizon=s.at, cause=1)
    ),
    "IPA": lambda s: estimate(ipa_t(s.time, s.kind, s.risk, horizon=s.at, cause=1)),
    "IPA difference": lambda s: comparison(
        ipa_t_test(s.time, s.kind, s.risk, s.less, horizon=s.at, cause=1)
    ),
    "integrated Brier": lambda s: estimate(
        ibs(s.time, s.kind, s.rows[0], horizons=s.horizons, cause=1)
    ),
    "integrated Brier difference": lambda s: comparison(
        ibs_test(s.time, s.kind, *s.rows, horizons=s.horizons, cause=1)
    ),
    "O:E": lambda s: estimate(oe_t(s.time, s.kind, s.risk, horizon=s.at, cause=1)),
    "net benefit": lambda s: estimate(
        survival_net_benefit(s.time, s.kind, s.risk, threshold=0.4, horizon=s.at, cause=1)
    ),
    "net benefit difference": lambda s: comparison(
        survival_net_benefit_difference(
            s.time, s.kind, s.risk, s.less, threshold=0.4, horizon=s.at, cause=1
        )
    ),
    "Aalen-Johansen": lambda s: estimate(incidence_at(incidence(s), s.at)),
    "Gray": lambda s: statistic(gray_test(s.time, s.kind, s.group)),
    "censoring weights": lambda s: [
        getattr(censoring_weights(s.time, s.kind > 0, horizon=s.at), part)
        for part in ("mean", "largest", "uncensored", "known")
    ],
}
TIMES = ("median", "quartile", "follow-up", "rmst", "rmst difference")


def numbers(name, study):
    """Return the numbers of a statistic; an error says the same for all versions of a study."""
    try:
        return np.array(STATISTICS[name](study), dtype=float)
    except ValueError as error:
        return str(error)


def same(got, wanted, factor=1.0):
    assert isinstance(got, str) == isinstance(wanted, str)
    if not isinstance(got, str):
        assert_allclose(got, wanted * factor, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", STATISTICS)
@settings(max_examples=40)
@given(data=patients(least=4, kinds=3), random=st.randoms(use_true_random=False))
def test_order_of_patients_does_not_matter(name, data, random):
    time, kind, scores, risks = data
    order = list(range(time.size))
    random.shuffle(order)
    moved = Study(time[order], kind[order], scores[:, order], risks[:, order])
    same(numbers(name, moved), numbers(name, Study(*data)))


@pytest.mark.parametrize("name", STATISTICS)
@settings(max_examples=40)
@given(data=patients(least=4, kinds=3), unit=st.sampled_from([0.25, 30.4375, 365.25]))
def test_the_unit_of_time_scales_times_alone(name, data, unit):
    factor = unit if name in TIMES else 1.0
    same(numbers(name, Study(*data, unit=unit)), numbers(name, Study(*data)), factor)


# Every patient twice: the same estimate. Efron's ties and the log-rank variance of tied events
# depend on how many are tied, and a Holm or P value on the size of the sample, so those are not
# here. A copy is tied with its original in time, and no pair of the C-index.
DUPLICATED = (
    *("survival", "median", "quartile", "follow-up", "rmst", "rmst difference", "rmst ratio"),
    *("Harrell", "Uno", "Harrell difference", "Uno difference", "AUC(t)", "AUC(t) difference"),
    *("integrated AUC", "integrated AUC difference", "Brier(t)", "Brier(t) difference", "IPA"),
    *("IPA difference", "integrated Brier", "integrated Brier difference", "O:E", "net benefit"),
    *("net benefit difference", "Aalen-Johansen", "censoring weights"),
)


@pytest.mark.parametrize("name", DUPLICATED)
@settings(max_examples=40)
@given(data=patients(least=4, kinds=3))
def test_every_patient_twice_is_the_same_estimate(name, data):
    time, kind, scores, risks = data
    twice = Study(*(np.concatenate([a, a], axis=-1) for a in (time, kind, scores, risks)))
    got, wanted = numbers(name, twice), numbers(name, Study(*data))
    assert isinstance(got, str) == isinstance(wanted, str)
    if not isinstance(got, str):
        kept = slice(0, 3) if name == "censoring weights" else slice(0, 1)
        assert_allclose(got[kept], wanted[kept], rtol=1e-9, atol=1e-12)


def errors(s):
    """Return standard errors that are sums over events at risk: Greenwood's."""
    fit = rmst(s.time, s.event, tau=s.at)
    return [survival_at(curve(s), s.at).se, fit.se, incidence_at(incidence(s), s.at).se]


@given(data=patients(least=4, kinds=3))
def test_every_patient_twice_divides_greenwoods_errors_by_root_two(data):
    time, kind, scores, risks = data
    twice = Study(*(np.concatenate([a, a], axis=-1) for a in (time, kind, scores, risks)))
    one, both = errors(Study(*data)), errors(twice)
    assert_allclose(both[:2], np.divide(one[:2], np.sqrt(2)), rtol=1e-9, atol=1e-12)


@given(data=patients(least=4, kinds=3))
def test_a_mean_of_influences_shrinks_as_a_mean_does(data):
    """The standard error has the divisor n - 1: twice the patients, (n - 1) / (2n - 1) of it."""
    time, kind, scores, risks = data
    n = time.size
    twice = Study(*(np.concatenate([a, a], axis=-1) for a in (time, kind, scores, risks)))
    for name in ("Brier(t)", "IPA", "AUC(t)", "integrated Brier", "Brier(t) difference"):
        one, both = numbers(name, Study(*data)), numbers(name, twice)
        if np.isfinite([one[1], both[1]]).all():
            assert_allclose(both[1], one[1] * np.sqrt((n - 1) / (2 * n - 1)), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", STATISTICS)
@settings(max_examples=40)
@given(data=patients(least=4, kinds=3), random=st.randoms(use_true_random=False))
def test_nearly_equal_times_are_different_times(name, data, random):
    """R's survival would merge times 1e-10 apart (``timefix``); here only equal floats are tied."""
    time, kind, scores, risks = data
    steps = np.array(random.sample(range(time.size), time.size))
    near, far = (Study(time + 1 + gap * steps, kind, scores, risks) for gap in (1e-10, 1e-3))
    got, wanted = numbers(name, near), numbers(name, far)
    if name in (*TIMES, "rmst ratio") and not isinstance(got, str):
        assert_allclose(got[0], wanted[0], atol=0.1)  # these move with the times themselves
    else:
        same(got, wanted)


@given(data=patients(least=4, most=9), counts=st.lists(st.integers(0, 3), min_size=9, max_size=9))
def test_weights_are_repeats(data, counts):
    time, event, *_ = data
    counts = np.array(counts[: time.size])
    rows = np.repeat(np.arange(time.size), counts)
    for routine in (kaplan_meier, aalen_johansen):
        weighted, repeated = routine(time, event, weights=counts), routine(time[rows], event[rows])
        name = "survival" if routine is kaplan_meier else "incidence"
        assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-12, atol=1e-14)
        assert_allclose(weighted.std_error, repeated.std_error, rtol=1e-9, atol=1e-12)
    for tau in (1.5, 4.0):
        weighted = rmst(time, event, tau=tau, weights=counts)
        repeated = rmst(time[rows], event[rows], tau=tau)
        assert weighted.status is repeated.status
        assert_allclose([weighted.value, weighted.se], [repeated.value, repeated.se], rtol=1e-9)


@pytest.mark.parametrize("name", STATISTICS)
def test_every_statistic_is_defined_where_there_are_patients_enough(name):
    rng = np.random.default_rng(5)
    scores = rng.integers(-2, 3, (2, 60)).astype(float)
    time = np.ceil(8 * rng.exponential(np.exp(-0.3 * scores[0]))) / 2
    kind = rng.choice([0, 1, 2], 60, p=[0.3, 0.5, 0.2])
    study = Study(time, kind, scores, (rng.integers(1, 10, (2, 60)) + scores + 2) / 14)
    found = numbers(name, study)
    without = ("quartile", "median", "follow-up", "rmst ratio")  # no standard error
    assert np.isfinite(np.delete(found, [1] if name in without else [])).all(), found
