"""Where packages disagree: which number is whose, as docs/agreement-notes.md says it.

The numbers of R and of Python packages are in tests/reference/disagreements*.json, written by the
scripts of the same name in tests/reference/r and tests/reference/python.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from extval.stats.auc_t import auc_t
from extval.stats.brier_t import brier_t
from extval.stats.calibration import calibration_slope
from extval.stats.calibration_curve import calibration_curve
from extval.stats.concordance import c_harrell
from extval.stats.goodness_of_fit import hosmer_lemeshow
from extval.stats.kaplan_meier import kaplan_meier
from extval.stats.proportional_hazards import proportional_hazards_test
from extval.stats.results import Status
from extval.stats.rmst import rmst
from extval.stats.roc import auc
from extval.stats.survival_net_benefit import survival_net_benefit

FOLDER = Path(__file__).parents[1] / "reference"
R, PYTHON = (
    json.loads((FOLDER / f"disagreements{side}.json").read_text(encoding="utf-8"))
    for side in ("", "_python")
)


@pytest.mark.parametrize("name", ["lung", "veteran"])
def test_variance_of_the_restricted_mean(name):
    case, other = R["rmst"][name], PYTHON["rmst"][name]
    found = rmst(case["time"], case["event"], tau=case["tau"])
    assert_allclose([found.value, found.se**2], [case["rmst"], case["variance"]], rtol=1e-10)
    assert_allclose(found.value, other["rmst"], rtol=1e-12)
    # lifelines gives the variance of one patient's restricted time, not that of the mean.
    curve = kaplan_meier(case["time"], case["event"])
    before = np.concatenate([[1.0], curve.survival])
    cut = np.concatenate([[0.0], np.minimum(curve.time, case["tau"]), [case["tau"]]])
    second_moment = (before * np.diff(cut**2)).sum()
    # It integrates the steps numerically, hence the fourth digit.
    assert_allclose(other["variance"], second_moment - found.value**2, rtol=2e-3)
    assert 0.9 < other["variance"] / len(case["time"]) / case["variance"] < 1.0


@pytest.mark.parametrize("name", ["lung", "veteran"])
def test_proportional_hazards(name):
    case, other = R["ph"][name], PYTHON["ph"][name]
    x = np.column_stack(list(case["x"].values()))
    for transform, wanted in case["zph"].items():
        test = proportional_hazards_test(case["time"], case["event"], x, transform=transform)
        found = [t.statistic for t in (*test.terms.values(), test.overall)]
        assert_allclose(found, wanted["chisq"], rtol=1e-7)
    # lifelines has the approximation that R gave up in survival 3.
    assert_allclose(other["identity"], case["zph"]["identity"]["before"], rtol=1e-3)
    # The likelihood ratio of the product with time sides with the score test.
    ratio, score = case["likelihood_ratio"], case["zph"]["identity"]["chisq"]
    nearer = [abs(np.log(r / s)) for r, s in zip(ratio, score[:-1], strict=True)]
    further = [abs(np.log(r / a)) for r, a in zip(ratio, other["identity"], strict=True)]
    assert max(nearer) < 0.25 and max(further) > 1.5


def test_nearly_equal_times():
    case = R["timefix"]
    assert_allclose(kaplan_meier(case["time"], case["event"]).survival, case["exact"], rtol=1e-14)
    rounded = kaplan_meier(np.round(case["time"], 8), case["event"])
    assert_array_equal(rounded.survival, case["fixed"])


def test_perfect_separation_has_no_interval():
    assert R["perfect"] == [1, 1, 1]
    found = auc([0, 0, 0, 1, 1, 1], range(1, 7))
    assert found.value == 1.0
    assert np.isnan([found.interval.low, found.interval.high]).all()
    assert found.status is not Status.OK


def test_side_and_source_of_the_censoring_weights():
    case, other = R["weights"], PYTHON["weights"]
    data = case["time"], case["event"], np.array(case["risk"])
    found = [rule(*data, horizon=case["horizon"]).value for rule in (brier_t, auc_t)]
    assert_allclose(found, [case["brier"], case["auc"]], rtol=1e-9)
    # scikit-survival weights an event at T by G(T), riskRegression and we by G(T-).
    gap = np.abs(np.subtract(list(other["validation"].values()), found))
    assert (gap > 1e-5).all() and (gap < 2e-4).all()
    # With the weights of the development cohort the error looks smaller by a third.
    assert other["development"]["brier"] < 0.7 * case["brier"]
    assert other["development"]["auc"] > case["auc"] + 0.01


def test_scores_that_lie_close_together_are_not_tied():
    case = PYTHON["close_scores"]
    assert (case["tied_tol"], case["exact"]) == (0.5, 1.0)
    assert c_harrell([1, 2, 3, 4], [1, 1, 1, 1], case["scores"]).value == 1.0


def test_smoothers():
    y, p, wanted = (R["calibration"][name] for name in ("y", "p", "ici"))
    low, direct = (calibration_curve(y, p, smoother=name).ici.value for name in ("lowess", "loess"))
    assert_allclose(low, [wanted["lowess_0"], wanted["val_prob"]], rtol=1e-9)
    assert_allclose(direct, wanted["direct"], rtol=1e-9)
    assert wanted["lowess_3"] < 0.92 * wanted["lowess_0"]
    fair, surfaces = R["calibration"]["fair"], R["calibration"]["fair_ici"]
    assert_allclose(calibration_curve(fair, p).ici.value, surfaces["direct"], rtol=1e-9)
    assert surfaces["interpolate"] < 0.98 * surfaces["direct"]


def test_a_penalised_slope_is_another_number():
    y, p = np.array(R["calibration"]["y"]), np.array(R["calibration"]["p"])
    lp = np.log(p / (1 - p))[:, np.newaxis]
    ridge = float(LogisticRegression().fit(lp, y).coef_[0, 0])
    assert 0.001 < calibration_slope(y, p).value - ridge < 0.01


def test_quantile_groups_of_hosmer_and_lemeshow():
    case = R["hosmer_lemeshow"]
    found = hosmer_lemeshow(case["y"], case["p"], n_groups=10, external=False)
    assert_allclose(found.statistic, case["type_7"], rtol=1e-9)
    assert abs(case["type_2"] - case["type_7"]) > 0.5


def test_a_survival_probability_is_no_risk():
    case = R["decision"]
    setting = {"horizon": case["horizon"], "threshold": case["threshold"]}
    data, survival = (case["time"], case["event"]), np.array(case["survival"])
    found = survival_net_benefit(*data, 1 - survival, **setting).value
    assert_allclose(found, case["as_risk"], rtol=1e-9)
    assert_allclose(PYTHON["decision"], case["as_survival"], rtol=1e-9)
    assert case["as_survival"] < 0 < case["as_risk"]
