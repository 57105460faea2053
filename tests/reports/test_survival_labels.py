"""Survival parts of the report: outcomes of risk groups, censoring weights, how times are shown."""

import pytest

from extval.reports.labels import label, shown
from extval.validate.store import MetricRow


def row(metric, estimate, lower=None, upper=None):
    return MetricRow(
        cohort="validation",
        center="all",
        role="validation",
        model="A",
        metric=metric,
        horizon=None,
        threshold=None,
        estimate=estimate,
        se=None,
        lower=lower,
        upper=upper,
        level=0.95,
        method="",
        n=10,
        events=5,
        note="",
    )


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("survival_t_high", "Survival, high, %"),
        ("incidence_t_group_1_of_4", "Incidence, group 1 of 4, %"),
        ("rmst_low", "RMST, low"),
        ("rmst_difference_high", "Difference in RMST, high v low"),
        ("survival_median_low", "Median survival, low"),
        ("survival_quantile_0.25", "Time to 25% with the event"),
        ("survival_quantile_0.1_high", "Time to 10% with the event, high"),
        ("c_harrell_prediction", "Harrell's C, prediction interval"),
        ("logrank_high_v_low_p", "logrank high v low, P"),
    ],
)
def test_names_of_what_is_known_of_a_risk_group(metric, name):
    assert label(metric).name == name


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((0.97539, 0.96772, 0.98306), "0.975 (0.968 to 0.983)"),
        ((2.48466, 2.42318, 2.54613), "2.48 (2.42 to 2.55)"),
        ((241.495085, 221.19, 261.8), "241 (221 to 262)"),
        ((-0.0124, -0.419, 0.394), "\u22120.012 (\u22120.419 to 0.394)"),
        ((4.9, 3.7, float("inf")), "4.90 (3.70 to ∞)"),
        ((0.0, None, None), "0"),
    ],
)
def test_times_have_three_digits_in_any_unit(values, text):
    assert shown(row("rmst", *values)).startswith(text)
