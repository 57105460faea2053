"""Cox regression, its residuals, curves and proportional-hazards test against R and definitions."""

import json
from math import inf, isnan, log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats.concordance import c_harrell
from extval.stats.cox import cox_regression
from extval.stats.cox_residuals import cox_residuals, robust_covariance
from extval.stats.cox_survival import cox_survival
from extval.stats.logrank import logrank_test
from extval.stats.proportional_hazards import TRANSFORMS, proportional_hazards_test
from extval.stats.results import Status
from tests.oracles import cox as oracle

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "cox.json").read_text())
CASES = REFERENCE["cases"]
by_id = pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])


def options(case):
    return {name: case[name] for name in ("strata", "entry", "ties") if name in case}


def data(case):
    return case["time"], case["event"], case["x"]


@st.composite
def cohorts(draw, *, delayed=False):
    """Draw tied integer times and small integer covariates."""
    n, p = draw(st.integers(4, 12)), draw(st.integers(1, 2))
    time = draw(st.lists(st.integers(1, 5), min_size=n, max_size=n))
    event = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    x = draw(st.lists(st.integers(-2, 2), min_size=n * p, max_size=n * p))
    entry = [draw(st.integers(0, t - 1)) for t in time] if delayed else None
    return time, event, np.reshape(x, (n, p)).astype(float), entry


def variant(case):
    return "".join(f", {case.get(name) if name == 'ties' else name}" for name in options(case))


def matches(got, wanted, rtol=1e-8, err_msg=""):
    wanted = np.atleast_1d(np.array(wanted, dtype=float))
    atol = rtol * float(np.abs(wanted).max())
    assert_allclose(got, wanted, rtol=rtol, atol=atol, err_msg=err_msg)


@by_id
def test_agrees_with_coxph(case):
    fit = cox_regression(*data(case), **options(case))
    assert fit.status is Status.OK
    name = f"fit{variant(case)}"
    matches(fit.coefficients, case["coefficients"], err_msg=name)
    matches(fit.covariance, case["covariance"], err_msg=name)
    found = [fit.log_likelihood_null, fit.log_likelihood]
    assert_allclose(found, case["loglik"], rtol=1e-12, err_msg=name)
    assert_allclose(fit.score.statistic, case["score"], rtol=1e-9, err_msg="tests")
    assert_allclose(fit.wald.statistic, case["wald"], rtol=1e-8, err_msg="tests")
    ratio = 2 * (case["loglik"][1] - case["loglik"][0])
    assert_allclose(fit.likelihood_ratio.statistic, ratio, rtol=1e-9, err_msg="tests")
    se = np.sqrt(np.diag(np.atleast_2d(case["covariance"])))
    for j, term in enumerate(fit.terms):
        assert_allclose(term.log_hazard_ratio.se, se[j], rtol=1e-8, err_msg=name)
        low = fit.coefficients[j] - 1.959963984540054 * se[j]
        found = log(term.hazard_ratio.value), log(term.hazard_ratio.interval.low)
        np.testing.assert_allclose(found, (fit.coefficients[j], low), rtol=1e-7, atol=1e-9)


@by_id
def test_profile_limits_agree_with_uniroot_on_coxph(case):
    fit = cox_regression(*data(case), **options(case), method="profile")
    for term, wanted in zip(fit.terms, case["profile"], strict=True):
        interval = term.log_hazard_ratio.interval
        assert term.status is Status.OK
        assert_allclose([interval.low, interval.high], wanted, rtol=1e-6, atol=1e-9)


@by_id
def test_residuals_agree_with_r(case):
    fit = cox_regression(*data(case), **options(case))
    left = cox_residuals(*data(case), fit.coefficients, **options(case))
    matches(left.martingale, case["martingale"], err_msg="martingale")
    scores = np.ravel(case["score_residuals"])
    matches(left.score.ravel(), scores, rtol=1e-7, err_msg="score")
    rows = left.schoenfeld_rows
    time, event = np.array(case["time"]), np.array(case["event"])
    assert_array_equal(np.sort(rows), np.flatnonzero(event))
    # R orders the events of a time as it sorted them; the sets of rows must be the same.
    layer = np.array(case.get("strata", np.zeros(time.size)))
    assert_array_equal(np.lexsort((time[rows], layer[rows])), np.arange(rows.size))
    wanted = np.reshape(case["schoenfeld"], (rows.size, -1))
    for at in {(layer[i], time[i]) for i in rows}:
        same = (layer[rows] == at[0]) & (time[rows] == at[1])
        scale = np.abs(wanted).max()
        assert_allclose(
            np.sort(left.schoenfeld[same], axis=0),
            np.sort(wanted[same], axis=0),
            rtol=1e-7,
            atol=1e-8 * scale,
            err_msg="Schoenfeld",
        )
    robust = robust_covariance(left.score, fit.covariance)
    matches(robust, case["robust"], rtol=1e-7, err_msg="robust")
    clustered = robust_covariance(left.score, fit.covariance, cluster=case["cluster"])
    matches(clustered, case["clustered"], rtol=1e-7, err_msg="robust")


@pytest.mark.parametrize("case", [c for c in CASES if "curve" in c], ids=lambda c: c["id"])
def test_predicted_curve_agrees_with_survfit(case):
    fit = cox_regression(*data(case), **options(case))
    more = {name: case[name] for name in ("entry",) if name in case}
    (curve,) = cox_survival(*data(case), fit, at=np.atleast_1d(case["at"]), **more)
    wanted = case["curve"]
    assert_array_equal(curve.time, wanted["time"])
    assert_allclose(curve.cumulative_hazard, wanted["cumhaz"], rtol=1e-8)
    assert_allclose(curve.std_error, wanted["std_error"], rtol=1e-8)
    assert_allclose(curve.lower, wanted["lower"], rtol=1e-8, atol=1e-12)
    assert_allclose(curve.upper, wanted["upper"], rtol=1e-8)


@by_id
def test_proportional_hazards_agree_with_cox_zph(case):
    for reference in case["zph"]:
        test = proportional_hazards_test(
            *data(case), **options(case), transform=reference["transform"]
        )
        tests = [*test.terms.values(), test.overall]
        found = [[t.statistic, t.df, t.p_value] for t in tests]
        name = reference["transform"] + variant(case)
        assert_allclose(found, reference["table"], rtol=1e-7, err_msg=name)
        matches(test.transformed, reference["x"], rtol=1e-12, err_msg="transformed time")
        if "y" in reference:
            assert_array_equal(test.time, reference["time"])
            wanted = np.reshape(reference["y"], test.effect.shape)
            sums = test.effect.sum(axis=0), wanted.sum(axis=0)
            assert_allclose(*sums, rtol=1e-6, err_msg="scaled Schoenfeld")
            moments = [(values**2).sum(axis=0) for values in (test.effect, wanted)]
            assert_allclose(*moments, rtol=1e-6, err_msg="scaled Schoenfeld")


def test_terms_of_several_columns_agree_with_cox_zph():
    case = next(case for case in CASES if case["id"] == "veteran")
    names = ["squamous-small", "squamous-adeno", "squamous-large", "karno"]
    test = proportional_hazards_test(
        *data(case), names=names, terms={"celltype": names[:3], "karno": names[3:]}
    )
    tests = [*test.terms.values(), test.overall]
    found = [[t.statistic, t.df, t.p_value] for t in tests]
    assert_allclose(found, case["zph_terms"], rtol=1e-7)


def test_public_numbers():
    """Published values of R survival 3 on its lung data."""
    case = CASES[0]
    fit = cox_regression(*data(case), names=["age", "sex", "ph.ecog"])
    assert_allclose(fit.coefficients, [0.0110668, -0.5526124, 0.4637285], rtol=1e-5)
    test = proportional_hazards_test(*data(case), names=["age", "sex", "ph.ecog"])
    found = [test.terms[name].statistic for name in ("age", "sex", "ph.ecog")]
    wanted = [0.18798767, 2.30543723, 2.05424877]
    assert_allclose([*found, test.overall.statistic], [*wanted, 4.46365759], rtol=1e-7)
    concordance = c_harrell(case["time"], case["event"], np.array(case["x"]) @ fit.coefficients)
    assert_allclose(concordance.value, REFERENCE["lung_concordance"], rtol=1e-12)
    assert_allclose(concordance.value, 0.63714, atol=1e-5)


@given(
    st.booleans().flatmap(lambda late: cohorts(delayed=late)),
    st.sampled_from(["efron", "breslow"]),
    st.data(),
)
def test_fit_is_the_maximum_of_the_definition(cohort, ties, draws):
    time, event, x, entry = cohort
    strata = draws.draw(st.none() | st.lists(st.integers(0, 1), min_size=12, max_size=12))
    strata = None if strata is None else strata[: len(time)]
    fit = cox_regression(time, event, x, entry=entry, strata=strata, ties=ties)
    rest = {"entry": entry, "strata": strata, "ties": ties}
    if fit.status is Status.OK:
        value = oracle.log_likelihood(fit.coefficients, time, event, x, **rest)
        assert_allclose(fit.log_likelihood, value, rtol=1e-12, atol=1e-12)
        slope = oracle.gradient(fit.coefficients, time, event, x, **rest)
        assert_allclose(slope, 0, atol=1e-6)
    if fit.status in (Status.OK, Status.MONOTONE_LIKELIHOOD):
        null = oracle.log_likelihood(np.zeros(x.shape[1]), time, event, x, **rest)
        assert_allclose(fit.log_likelihood_null, null, rtol=1e-12, atol=1e-12)


@given(cohorts(), st.sampled_from(["efron", "breslow"]))
def test_divergence_is_real(cohort, ties):
    """A coefficient is said to diverge if and only if the likelihood keeps rising."""
    time, event, x, _ = cohort
    fit = cox_regression(time, event, x, ties=ties)
    assume(fit.status in (Status.OK, Status.MONOTONE_LIKELIHOOD))
    if fit.status is Status.OK:
        # Strictly concave along every axis, far out too.
        for j in range(x.shape[1]):
            for side in (-8.0, 8.0):
                moved = fit.coefficients + side * np.eye(x.shape[1])[j]
                far = oracle.log_likelihood(moved, time, event, x, ties=ties)
                assert far < fit.log_likelihood - 1e-9
    else:
        assert fit.diverging.any()
        assert_array_equal(np.isnan(fit.coefficients), fit.diverging != 0)
        limit = oracle.maximum(x.shape[1], time, event, x, ties=ties)
        assert fit.log_likelihood > limit - 1e-9


@given(cohorts(), st.randoms(use_true_random=False))
def test_order_unit_and_origin_do_not_matter(cohort, random):
    time, event, x, _ = cohort
    rows = list(range(len(time)))
    random.shuffle(rows)
    fit = cox_regression(time, event, x)
    moved = cox_regression(
        7.0 * np.array(time)[rows], np.array(event)[rows], 1000.0 - 0.5 * x[rows]
    )
    assert moved.status is fit.status
    assume(fit.status is Status.OK)
    assert_allclose(moved.coefficients, -2 * fit.coefficients, rtol=1e-7, atol=1e-9)
    assert_allclose(moved.log_likelihood, fit.log_likelihood, rtol=1e-11, atol=1e-11)


@given(cohorts())
def test_residuals_add_up(cohort):
    time, event, x, _ = cohort
    fit = cox_regression(time, event, x)
    assume(fit.status is Status.OK)
    left = cox_residuals(time, event, x, fit.coefficients)
    assert_allclose(left.martingale.sum(), 0, atol=1e-10)
    assert_allclose(left.score.sum(axis=0), 0, atol=1e-8)
    assert_allclose(left.schoenfeld.sum(axis=0), 0, atol=1e-8)


@given(cohorts())
def test_score_test_of_two_groups_is_the_logrank_test(cohort):
    time, event, x, _ = cohort
    time = np.array(time) + np.linspace(0, 0.5, len(time))  # without ties they are the same
    group = (x[:, 0] > 0).astype(float)
    fit = cox_regression(time, event, group[:, None])
    assume(fit.status in (Status.OK, Status.MONOTONE_LIKELIHOOD))
    test = logrank_test(time, event, group)
    assert_allclose(fit.score.statistic, test.statistic, rtol=1e-9, atol=1e-12)


@given(cohorts(), st.sampled_from(["efron", "breslow"]))
def test_proportional_hazards_test_is_a_score_test(cohort, ties):
    """u'V^-1 u of the extended likelihood, differentiated numerically from its definition."""
    time, event, x, _ = cohort
    x = x[:, :1]
    fit = cox_regression(time, event, x, ties=ties)
    test = proportional_hazards_test(time, event, x, ties=ties, transform="identity")
    assume(fit.status is Status.OK and test.overall.status is Status.OK)
    assume(abs(fit.coefficients[0]) < 5)
    middle = np.mean([t for t, d in zip(time, event, strict=True) if d])

    def value(b, theta):
        return oracle.extended_log_likelihood(
            [fit.coefficients[0] + b], [theta], lambda t: t - middle, time, event, x, ties=ties
        )

    h = 1e-4
    u = (value(0, h) - value(0, -h)) / (2 * h)
    bb = -(value(h, 0) - 2 * value(0, 0) + value(-h, 0)) / h**2
    tt = -(value(0, h) - 2 * value(0, 0) + value(0, -h)) / h**2
    bt = -(value(h, h) - value(h, -h) - value(-h, h) + value(-h, -h)) / (4 * h**2)
    assume(tt - bt**2 / bb > 1e-2)
    assert_allclose(test.overall.statistic, u**2 / (tt - bt**2 / bb), rtol=1e-3, atol=1e-5)


def test_a_monotone_likelihood_is_named():
    """Patients with x1 = 1 have all the events; x2 is ordinary."""
    x = [[1, 0], [1, 1], [1, 0], [1, 1], [0, 1], [0, 0]]
    fit = cox_regression(
        [1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 0], x, names=["treated", "other"], method="profile"
    )
    treated, other = fit.terms
    assert fit.status is treated.status is Status.MONOTONE_LIKELIHOOD
    assert fit.diverging.tolist() == [1, 0]
    assert isnan(treated.hazard_ratio.value) and isnan(treated.p_value)
    assert treated.hazard_ratio.interval.high == inf and treated.hazard_ratio.interval.low > 1
    assert other.status is Status.MONOTONE_ELSEWHERE
    # In the limit only the four treated compare with each other.
    limit = cox_regression([1, 2, 3, 4], [1, 1, 1, 1], np.array(x)[:4, 1:])
    assert_allclose(other.log_hazard_ratio.value, limit.coefficients[0], rtol=1e-7)
    assert_allclose(other.log_hazard_ratio.se, limit.terms[0].log_hazard_ratio.se, rtol=1e-6)
    assert_allclose(fit.log_likelihood, limit.log_likelihood, rtol=1e-9)
    assert fit.likelihood_ratio.p_value < 0.05 and fit.score.status is Status.OK
    assert isnan(fit.wald.p_value) and fit.wald.status is Status.MONOTONE_LIKELIHOOD
    wald = cox_regression([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 0], x)
    assert isnan(wald.terms[0].hazard_ratio.interval.high)
    test = proportional_hazards_test([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 0], x)
    assert test.status is test.overall.status is Status.MONOTONE_LIKELIHOOD
    assert cox_survival([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 0], x, fit) == ()


def test_a_monotone_likelihood_is_named_beside_patients_who_were_never_at_risk():
    """Patient 7, censored before the event, has a value far above those at risk: 0 and 6."""
    time, event = [2, 1, 1, 1, 1, 1, 2, 1], [1, 0, 0, 0, 0, 0, 0, 0]
    x = np.array([[-12.0], [0], [0], [0], [0], [-9], [-13], [17]])
    fit = cox_regression(time, event, x, method="profile")
    assert fit.status is fit.terms[0].status is Status.MONOTONE_LIKELIHOOD
    assert fit.diverging.tolist() == [1]
    assert_allclose(fit.score.statistic, 1.0, rtol=1e-12)
    assert_allclose(fit.likelihood_ratio.statistic, 2 * np.log(2), rtol=1e-9)
    # Twice the drop from 0 is 3.84 where log(1 + exp(-b)) is 1.92.
    lower = -np.log(np.expm1(1.959963984540054**2 / 2))
    assert_allclose(fit.terms[0].log_hazard_ratio.interval.low, lower, rtol=1e-8)
    alone = cox_regression([2, 2], [1, 0], x[[0, 6]], method="profile")
    assert_allclose(fit.score.statistic, alone.score.statistic, rtol=1e-12)
    entered_late = cox_regression(
        [*time, 9], [*event, 0], [*x.tolist(), [40.0]], entry=[0] * 8 + [8]
    )
    assert entered_late.status is Status.MONOTONE_LIKELIHOOD
    assert_allclose(entered_late.likelihood_ratio.statistic, 2 * np.log(2), rtol=1e-9)


def test_patients_who_were_never_at_risk_change_nothing():
    rng = np.random.default_rng(5)
    time, x = rng.integers(2, 9, 40).astype(float), rng.normal(size=(40, 2))
    event = rng.random(40) < 0.6
    fit = cox_regression(time, event, x)
    far = cox_regression([*time, 1, 1], [*event, 0, 0], [*x, [600, 0], [0, -900]])
    assert_allclose(far.coefficients, fit.coefficients, rtol=1e-9)
    assert_allclose(far.covariance, fit.covariance, rtol=1e-8)
    assert_allclose(far.log_likelihood, fit.log_likelihood, rtol=1e-12)


def test_wide_values_do_not_overflow():
    rng = np.random.default_rng(3)
    x = rng.standard_cauchy((60, 2)) * [1e-6, 1e6]
    fit = cox_regression(rng.exponential(size=60), np.ones(60), x, method="profile")
    assert fit.status is Status.OK and np.isfinite(fit.coefficients).all()


@pytest.mark.parametrize(
    ("event", "x", "status"),
    [
        ([0, 0, 0, 0], [[1], [2], [3], [5]], Status.NO_EVENTS),
        ([1, 1, 1, 0], [[2], [2], [2], [2]], Status.UNINFORMATIVE_PREDICTOR),
        ([0, 1, 1, 0], [[9], [2], [2], [2]], Status.UNINFORMATIVE_PREDICTOR),
        ([1, 1, 1, 0], [[1, 2], [2, 4], [5, 10], [3, 6]], Status.COLLINEAR),
        ([1, 1, 1, 0], np.eye(4) + np.arange(4)[:, None], Status.COLLINEAR),
    ],
)
def test_fits_that_do_not_exist(event, x, status):
    for method in ("wald", "profile"):
        fit = cox_regression([1, 2, 3, 4], event, x, method=method)
        assert fit.status is status
        assert np.isnan(fit.coefficients).all() and isnan(fit.likelihood_ratio.p_value)
        assert all(term.hazard_ratio.status is status for term in fit.terms)
    assert proportional_hazards_test([1, 2, 3, 4], event, x).overall.status is status


def test_edges():
    assert cox_regression([], [], np.zeros((0, 1))).status is Status.NO_PATIENTS
    one = cox_regression([1, 2, 2], [1, 0, 0], [[1], [2], [0]])
    assert one.status is Status.OK and one.events == 1
    alone = proportional_hazards_test([1, 2, 2], [1, 0, 0], [[1], [2], [0]])
    assert alone.overall.status is Status.NO_TIME_VARIATION
    for transform in TRANSFORMS:
        tied = proportional_hazards_test(
            [2, 2, 2, 3], [1, 1, 0, 0], [[1], [2], [0], [2]], transform=transform
        )
        assert tied.overall.status is Status.NO_TIME_VARIATION
    quiet = cox_residuals([1, 2], [0, 0], [[1], [2]], [0.5])
    assert (quiet.martingale == 0).all() and quiet.schoenfeld.shape == (0, 1)
    assert cox_residuals([], [], np.zeros((0, 2)), [0, 0]).score.shape == (0, 2)


def test_a_stratum_without_events_is_left_out_of_the_curves():
    time, event, x = [1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 0], [[1], [0], [0], [1], [1], [0]]
    strata = ["a", "a", "b", "b", "c", "c"]
    fit = cox_regression(time, event, x, strata=strata)
    assert fit.status is Status.OK
    curves = cox_survival(time, event, x, fit, strata=strata)
    assert [curve.stratum for curve in curves] == ["a", "b"]
    assert [curve.last_follow_up for curve in curves] == [2, 4]


def test_equal_strata_have_the_curve_of_one():
    case = next(case for case in CASES if case["id"] == "heavy-ties")
    one = cox_regression(*data(case))
    twice = [2 * case["time"], 2 * case["event"], 2 * case["x"]]
    strata = np.repeat(["a", "b"], len(case["time"]))
    fit = cox_regression(*twice, strata=strata)
    matches(fit.coefficients, one.coefficients)
    matches(fit.covariance, one.covariance / 2)
    (alone,) = cox_survival(*data(case), one)
    for curve in cox_survival(*twice, fit, strata=strata):
        assert_allclose(curve.cumulative_hazard, alone.cumulative_hazard, rtol=1e-9)


def test_bad_input_is_named():
    good = [1, 2, 3], [1, 0, 1]
    with pytest.raises(ValueError, match=r"`x` must have shape \(3, columns\); got \(3,\)"):
        cox_regression(*good, [1, 2, 3])
    with pytest.raises(ValueError, match="`x` must be finite; 1 of 3 values are not, first at row"):
        cox_regression(*good, [[1], [np.nan], [2]])
    with pytest.raises(ValueError, match="`names` must hold 1 distinct names"):
        cox_regression(*good, [[1], [0], [2]], names=["a", "b"])
    with pytest.raises(ValueError, match="`ties` must be one of efron, breslow; got 'exact'"):
        cox_regression(*good, [[1], [0], [2]], ties="exact")
    with pytest.raises(ValueError, match="must be positive where there is an event"):
        proportional_hazards_test([0, 2, 3], [1, 1, 1], [[1], [0], [2]], transform="log")
    with pytest.raises(ValueError, match="`terms` must be one of x1; got 'age'"):
        proportional_hazards_test(*good, [[1], [0], [2]], terms={"age": ["age"]})


def test_a_predictor_that_is_the_time_itself_ends_without_overflow():
    time = np.array([3.1, 0.2, 7.7, 5.4, 1.9, 9.3, 4.8, 6.6, 2.5, 8.2])
    x = np.column_stack([-time, np.arange(10) % 2])
    for method in ("wald", "profile"):
        fit = cox_regression(np.tile(time, 30), np.ones(300), np.tile(x, (30, 1)), method=method)
        assert fit.status is Status.MONOTONE_LIKELIHOOD
        assert np.isnan(fit.coefficients[0])
