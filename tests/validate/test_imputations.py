"""Predictions from several imputed data sets: each is evaluated alone, then rows are pooled."""

from math import inf, log

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, logit
from scipy.stats import norm
from scipy.stats import t as student

from extval.validate import store
from tests.oracles import rubin as oracle

M = 3
BINARY = """\
schema_version: 1
outcome: {{column: y}}
models: {{small: {{probability: small}}, full: {{probability: {full}}}}}
bootstrap: {{n_resamples: 0}}
calibration: {{belt_up_to: 0}}
thresholds: {{value: 0.3}}
subgroups: {{half: {{column: half}}}}
"""
SURVIVAL = """\
schema_version: 1
outcome: {{time: time, event: event, horizons: [2, 4]}}
models:
  A: {{linear_predictor: {lp}, risk: {{2: {near}, 4: {far}}}}}
  B: {{risk: {{2: other}}}}
bootstrap: {{n_resamples: 0}}
landmarks: [1]
risk_groups: {{rule: cuts, cuts: [0.5]}}
cox: {{predictors: {{age: {{column: age, kind: continuous}}}}}}
"""
LIST = "[full_1, full_2, full_3]"


@pytest.fixture
def run(extval, write, tmp_path):
    """Return a function that evaluates a table and returns the stored results."""

    def evaluate(frame, protocol, *flags, out="out"):
        (tmp_path / "protocol.yaml").write_text(protocol, encoding="utf-8")
        done = extval(
            *("evaluate", write(frame), "--protocol", tmp_path / "protocol.yaml"),
            *("--out", tmp_path / out, *(flags or ("--no-report",))),
        )
        if done.code:
            return done
        return store.load(tmp_path / out)

    return evaluate


@pytest.fixture
def imputed(study):
    """Return the study with three draws of a prediction that a fifth of the patients lack."""
    rng = np.random.default_rng(11)
    study["half"] = np.where(np.arange(len(study)) % 2, "odd", "even")
    lacking = rng.random(len(study)) < 0.2
    for k in range(1, M + 1):
        noise = rng.normal(0.0, 0.8, len(study)) * lacking
        study[f"full_{k}"] = expit(logit(study["full"]) + noise)
    return study


@pytest.fixture
def follow_up():
    rng = np.random.default_rng(4)
    n = 160
    x = rng.normal(size=n)
    time, censoring = rng.exponential(3.0 * np.exp(-0.8 * x)), rng.uniform(2.0, 9.0, n)
    frame = pd.DataFrame(
        {
            "patient": [f"p{i:03d}" for i in range(n)],
            "center": "c",
            "cohort": np.repeat(["development", "validation"], n // 2),
            "time": np.minimum(time, censoring).round(3) + 0.001,
            "event": (time <= censoring).astype(int),
            "other": expit(rng.normal(size=n)),
            "age": rng.normal(60.0, 9.0, n).round(),
        }
    )
    for k in range(1, M + 1):
        seen = x + rng.normal(0.0, 0.4, n) * (rng.random(n) < 0.3)
        frame[f"lp_{k}"] = seen
        for horizon in (2, 4):
            frame[f"r{horizon}_{k}"] = 1 - np.exp(-horizon / 3.0 * np.exp(0.8 * seen))
    return frame


def rows(results, table="metrics"):
    if table == "comparisons":
        return {
            (r.cohort, r.center, r.metric, r.horizon, r.model_a, r.model_b): r
            for r in results.comparisons
        }
    return {
        (
            *(r.cohort, r.center, r.model, r.metric, r.horizon),
            *(getattr(r, "subgroup", getattr(r, "predictor", "")),),
            *(getattr(r, "level_name", getattr(r, "contrast", "")),),
        ): r
        for r in getattr(results, table)
    }


@pytest.fixture(scope="module")
def computed():
    """Return what has been computed before by a test of this module."""
    return {}


@pytest.fixture
def pooled(run, imputed, computed):
    """Return the results of the three imputations together."""
    if "pooled" not in computed:
        computed["pooled"] = run(imputed, BINARY.format(full=LIST), out="pooled")
    return computed["pooled"]


@pytest.fixture
def alone(run, imputed, computed):
    """Return the results of a study of each imputation alone."""
    if "alone" not in computed:
        computed["alone"] = [
            run(imputed.assign(full=imputed[f"full_{k}"]), BINARY.format(full="full"), out=f"k{k}")
            for k in range(1, M + 1)
        ]
    return computed["alone"]


@pytest.fixture
def plain(run, imputed, computed):
    """Return the results of the prediction before it was imputed."""
    if "plain" not in computed:
        computed["plain"] = run(imputed, BINARY.format(full="full"), out="plain")
    return computed["plain"]


def test_metrics_are_rubin_of_the_imputations_taken_alone(pooled, alone):
    alone = [rows(one) for one in alone]
    scales = {
        "auc": (logit, expit, lambda p: 1 / (p * (1 - p))),
        "oe_ratio": (np.log, np.exp, lambda p: 1 / p),
        "calibration_slope": (np.asarray, np.asarray, np.ones_like),
        "calibration_intercept": (np.asarray, np.asarray, np.ones_like),
        "brier": (np.asarray, np.asarray, np.ones_like),
    }
    checked = 0
    for key, row in rows(pooled).items():
        if key[2] != "full" or key[3] not in scales:
            continue
        to, back, slope = scales[key[3]]
        values = np.array([one[key].estimate for one in alone])
        errors = np.array([one[key].se for one in alone]) * slope(values)
        mean, total, _ = oracle.pool(to(values), errors, inf)
        low, high = oracle.interval(to(values), errors, inf, 0.95)
        assert_allclose(row.estimate, back(mean), rtol=1e-12)
        assert_allclose([row.lower, row.upper], [back(low), back(high)], rtol=1e-8)
        assert_allclose(row.se, total / slope(back(mean)), rtol=1e-10)
        assert f"Rubin over {M} imputations" in row.method
        checked += 1
    assert checked >= 5 * 3


def test_classification_is_pooled_with_wilson_limits(pooled, alone):
    pooled, alone = rows(pooled), [rows(one) for one in alone]
    key = ("validation", "all", "full", "sensitivity", None, "", "")
    p = np.array([one[key].estimate for one in alone])
    n = pooled[key].events
    within, between = np.mean(p * (1 - p)) / n, p.var(ddof=1)
    r = (1 + 1 / M) * between / within
    quantile = student.ppf(0.975, (M - 1) * (1 + 1 / r) ** 2) if r else norm.ppf(0.975)
    for limit in (pooled[key].lower, pooled[key].upper):
        distance = (p.mean() - limit) ** 2
        assert_allclose(distance, quantile**2 * (1 + r) * limit * (1 - limit) / n, rtol=1e-8)
    ratio = pooled[*key[:3], "lr_positive", *key[4:]]
    assert "log scale" in ratio.method
    assert_allclose(
        ratio.estimate,
        np.exp(np.mean([log(one[*key[:3], "lr_positive", *key[4:]].estimate) for one in alone])),
        rtol=1e-12,
    )


def test_what_rubin_does_not_cover_is_a_mean_or_says_that_it_is_not_pooled(pooled, alone):
    pooled, alone = rows(pooled), [rows(one) for one in alone]
    where = ("validation", "all", "full")
    for metric in ("ici", "e90", "ppv", "youden", "brier_miscalibration"):
        row = pooled[*where, metric, None, "", ""]
        wanted = np.mean([one[*where, metric, None, "", ""].estimate for one in alone])
        assert_allclose(row.estimate, wanted, rtol=1e-12)
        assert row.lower is row.upper is row.se is None
        assert "mean over the imputations" in row.note
    for metric in ("hosmer_lemeshow", "hosmer_lemeshow_p", "spiegelhalter_z_p", "weak_calibration"):
        row = pooled[*where, metric, None, "", ""]
        assert row.estimate is None
        assert row.note.startswith("Not estimable: a test is not pooled")
    needed = pooled[*where, "needed_n_auc", None, "", ""]
    largest = max(one[*where, "needed_n_auc", None, "", ""].estimate for one in alone)
    assert needed.estimate == largest


def test_differences_are_pooled_and_holm_runs_over_the_pooled_p(pooled, alone):
    pooled, alone = rows(pooled, "comparisons"), [rows(one, "comparisons") for one in alone]
    key = ("validation", "all", "auc", None, "small", "full")
    values, errors = (
        np.array([getattr(one[key], name) for one in alone]) for name in ("difference", "se")
    )
    mean, total, df = oracle.pool(values, errors, inf)
    row = pooled[key]
    assert_allclose([row.difference, row.se, row.df], [mean, total, df], rtol=1e-10)
    assert_allclose(row.p_value, 2 * student.sf(abs(mean / total), df), rtol=1e-8)
    assert row.p_adjusted == row.p_value  # one pair is a family of its own
    exact = pooled["validation", "all", "sensitivity", None, "small", "full"]
    assert exact.p_value is exact.p_adjusted is None
    assert "mean over the imputations" in exact.note


def test_subgroups_are_pooled(pooled, alone):
    pooled, alone = rows(pooled, "subgroups"), [rows(one, "subgroups") for one in alone]
    key = ("validation", "all", "full", "auc", None, "half", "odd")
    values = np.array([one[key].estimate for one in alone])
    assert_allclose(pooled[key].estimate, expit(logit(values).mean()), rtol=1e-12)
    test = pooled["validation", "all", "full", "auc_interaction_p", None, "half", ""]
    assert test.estimate is None


def test_equal_imputations_are_the_single_prediction(run, imputed, plain):
    for k in range(1, M + 1):
        imputed[f"full_{k}"] = imputed["full"]
    pooled = run(imputed, BINARY.format(full=LIST))
    numbers = ("estimate", "se", "lower", "upper", "n", "events", "note", "threshold")
    for table in ("metrics", "subgroups"):
        found = rows(pooled, table)
        for key, row in rows(plain, table).items():
            if "_random_effects" not in key[3]:
                assert [getattr(found[key], x) for x in numbers] == [
                    getattr(row, x) for x in numbers
                ], key
    names = ("difference", "se", "lower", "upper", "statistic", "df", "p_value", "p_adjusted")
    found = rows(pooled, "comparisons")
    for key, row in rows(plain, "comparisons").items():
        assert [getattr(found[key], x) for x in names] == [getattr(row, x) for x in names], key
    assert [m.threshold for m in pooled.models] == [m.threshold for m in plain.models]


def test_the_other_models_keep_every_byte(pooled, plain):
    assert [r for r in pooled.metrics if r.model in ("", "small")] == [
        r for r in plain.metrics if r.model in ("", "small")
    ]


def test_the_order_of_the_imputations_changes_nothing_but_rounding(run, imputed, pooled):
    first = rows(pooled)
    second = rows(run(imputed, BINARY.format(full="[full_3, full_1, full_2]"), out="b"))
    for key, row in first.items():
        for name in ("estimate", "se", "lower", "upper"):
            a, b = getattr(row, name), getattr(second[key], name)
            assert (a is None) == (b is None)
            if a is not None:
                assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_decision_curves_are_means(pooled, alone):
    frames = [pd.DataFrame(one.curves["decision"]) for one in alone]
    found, mine = pd.DataFrame(pooled.curves["decision"]), frames[0]["model"] == "full"
    wanted = np.mean([frame["net_benefit"][mine] for frame in frames], axis=0)
    assert_allclose(found["net_benefit"][mine].astype(float), wanted, rtol=1e-12)
    assert (found["net_benefit"][~mine] == frames[0]["net_benefit"][~mine]).all()


def test_no_curve_of_an_imputed_model_has_a_band(run, imputed):
    quick = BINARY.replace("n_resamples: 0", "n_resamples: 4").replace("to: 0", "to: 1000")
    curves = run(imputed[::4], quick.format(full=LIST)).curves
    for kind in ("calibration_belt", "roc_band"):
        assert set(curves[kind]["model"]) == {"small"}
    for kind in ("calibration", "calibration_groups", "decision"):
        table = pd.DataFrame(curves[kind])
        assert table.query("model == 'full'")["upper"].isna().all()
        assert table.query("model == 'small'")["upper"].notna().any()


def test_centres_are_pooled_after_their_imputations(pooled):
    pooled = rows(pooled)
    centers = [r for k, r in pooled.items() if k[:1] + k[2:4] == ("validation", "full", "auc")]
    mean = pooled["validation", "all", "full", "auc_random_effects", None, "", ""]
    values = [r.estimate for r in centers if r.center != "all"]
    assert min(values) <= mean.estimate <= max(values)


def test_the_folder_holds_every_imputation_and_verifies(run, extval, imputed, tmp_path):
    run(imputed, BINARY.format(full=LIST), "--jobs", "2")
    kept = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert {"small", "full_1", "full_2", "full_3"} <= set(kept.columns)
    done = extval("verify", tmp_path / "out")
    assert done.code == 0, done.stdout


def test_survival_predictions_are_pooled(run, follow_up):
    lists = {"lp": "lp", "near": "r2", "far": "r4"}
    several = {k: f"[{', '.join(f'{v}_{i}' for i in range(1, M + 1))}]" for k, v in lists.items()}
    found = run(follow_up, SURVIVAL.format(**several))
    single = [
        run(follow_up, SURVIVAL.format(**{k: f"{v}_{i}" for k, v in lists.items()}), out=str(i))
        for i in range(1, M + 1)
    ]
    pooled, alone = rows(found), [rows(one) for one in single]
    where = ("validation", "all", "A")
    for metric, horizon, back, to in (
        ("c_harrell", None, expit, logit),
        ("oe_t", 2.0, np.exp, np.log),
        ("calibration_slope", None, np.asarray, np.asarray),
        ("auc_t", 4.0, expit, logit),
        ("c_harrell_landmark", 1.0, expit, logit),
        ("hazard_ratio_landmark", 1.0, np.exp, np.log),
    ):
        key = (*where, metric, horizon, "", "")
        values = np.array([one[key].estimate for one in alone])
        assert_allclose(pooled[key].estimate, back(to(values).mean()), rtol=1e-12)
        assert pooled[key].lower < pooled[key].estimate < pooled[key].upper
    assert pooled[*where, "logrank_p", None, "", ""].estimate is None

    cox, fitted = rows(found, "cox"), [rows(one, "cox") for one in single]
    adjusted = [key for key in cox if key[2] == "A" and key[3] == "hazard_ratio"]
    assert {key[5] for key in adjusted} == {"A", "age"}
    for key in adjusted:
        values = [one[key].estimate for one in fitted]
        assert_allclose(cox[key].estimate, np.exp(np.mean(np.log(values))), rtol=1e-12)
    assert [row for key, row in cox.items() if key[2] == "B"] == [
        row for key, row in fitted[0].items() if key[2] == "B"
    ]


@pytest.mark.parametrize(
    ("full", "message"),
    [
        ("[full_1, full_1]", "is listed twice"),
        ("[full_1]", "at least 2 items"),
        ("[full_1, nosuch]", "has no column `nosuch`"),
    ],
)
def test_wrong_lists_are_named(run, imputed, full, message):
    done = run(imputed, BINARY.format(full=full))
    assert done.code == 2
    assert message in done.stderr


def test_models_must_have_the_same_number_of_imputations(run, imputed):
    protocol = BINARY.format(full=LIST).replace("probability: small", "probability: [small, full]")
    done = run(imputed, protocol)
    assert "the same number of imputations, or one" in done.stderr
    assert "`small` 2, `full` 3" in done.stderr


def test_an_imputation_without_an_estimate_is_said(run, imputed):
    imputed.loc[imputed["cohort"] == "validation", "full_2"] = 0.5
    pooled = rows(run(imputed, BINARY.format(full=LIST)))
    row = pooled["validation", "all", "full", "calibration_slope", None, "", ""]
    assert row.estimate is None
    assert row.note.startswith(f"Not estimable in 1 of {M} imputations. Not estimable: ")
