"""Results of a made-up study with everything a report must cope with.

The numbers are plausible and drawn from a fixed seed; nothing here is an estimate of anything.
"""

from dataclasses import dataclass, field
from itertools import combinations
from math import nan
from typing import Any

import numpy as np

from extval.validate.store import CohortRow, ComparisonRow, MetricRow, ModelRow, Results

ONE_CLASS = "Not estimable: all patients have the same outcome."
NO_INTERVAL = "The interval is not estimable: it needs at least two patients of each kind."
MODELS = ("RS", "DLRS", "DLRN", "clinical")
CENTERS = ("R&D <Klinik>", "Zürich é", "中文医院", "one class")
LEVEL = 0.95

BINARY = {
    "auc": (0.8, "Mann-Whitney; DeLong"),
    "average_precision": (0.6, "average precision; bootstrap"),
    "sensitivity": (0.75, "proportion; Wilson"),
    "specificity": (0.7, "proportion; Wilson"),
    "ppv": (0.6, "proportion; Wilson"),
    "npv": (0.8, "proportion; Wilson"),
    "accuracy": (0.7, "proportion; Wilson"),
    "balanced_accuracy": (0.7, "mean; square-and-add"),
    "f1": (0.66, "F1; Wilson, transformed"),
    "lr_positive": (2.5, "ratio; Wald on the log scale"),
    "lr_negative": (0.4, "ratio; Wald on the log scale"),
    "dor": (6.0, "ratio; Wald on the log scale"),
    "youden": (0.4, "sum; square-and-add"),
    "calibration_intercept": (-0.1, "logistic recalibration, slope fixed at 1; Wald"),
    "calibration_slope": (0.9, "logistic recalibration; Wald"),
    "oe_ratio": (1.1, "observed / expected; log-scale Wald"),
    "ici": (0.05, "loess; bootstrap percentile"),
    "e50": (0.04, "loess; bootstrap percentile"),
    "e90": (0.1, "loess; bootstrap percentile"),
    "emax": (0.2, "loess; bootstrap percentile"),
    "brier": (0.18, "mean squared error; Wald"),
    "brier_scaled": (0.25, "1 - Brier / null; Wald"),
    "net_benefit": (0.2, "net benefit; bootstrap percentile"),
    "nagelkerke_r2": (0.3, "Nagelkerke; Wald"),
    "log_loss": (0.5, "minus mean log-likelihood; Wald"),
    "brier_miscalibration": (0.01, "isotonic regression"),
    "brier_discrimination": (0.07, "isotonic regression"),
    "brier_uncertainty": (0.24, "isotonic regression"),
    "update_intercept": (0.3, "closed testing at 0.05 chose: intercept"),
    "update_slope": (1.0, "closed testing at 0.05 chose: intercept"),
    "updated_calibration_intercept": (0.0, "cross-fitted in 10 folds"),
    "updated_calibration_slope": (1.0, "cross-fitted in 10 folds"),
    "updated_brier": (0.2, "cross-fitted in 10 folds"),
    "needed_n_auc": (395.0, "Riley 2021 criteria"),
    "new_index": (12.345, "an estimator that the report has never heard of"),
}
SURVIVAL = {
    "c_harrell": (0.7, "Harrell's C; infinitesimal jackknife"),
    "calibration_slope": (0.9, "Cox regression, Efron ties; Wald"),
    "oe_t": (1.1, "1 - Kaplan-Meier / mean predicted risk"),
    "brier_t": (0.2, "IPCW Brier score"),
}
SURVIVAL |= {
    "c_uno": (0.7, "Uno's C"),
    "hazard_ratio": (2.0, "Cox regression; Wald"),
    "auc_t": (0.7, "IPCW"),
    "ici_t": (0.05, "Cox regression on a spline"),
    "net_benefit_t": (0.1, "net benefit, 1 - Kaplan-Meier"),
    "rmst_difference": (-0.5, "Kaplan-Meier, Greenwood"),
}
AT_HORIZON = {"oe_t", "brier_t", "auc_t", "ici_t", "net_benefit_t", "rmst_difference"}
ENOUGH = "395 patients give an interval of width 0.1; these 617 give 0.08: large enough."
AT_THRESHOLD = {"sensitivity", "specificity", "ppv", "npv", "accuracy", "balanced_accuracy", "f1"}
AT_THRESHOLD |= {"lr_positive", "lr_negative", "dor", "youden"}


@dataclass
class Made:
    """What is collected while results are made."""

    rng: np.random.Generator
    metrics: list[MetricRow] = field(default_factory=list)
    comparisons: list[ComparisonRow] = field(default_factory=list)
    curves: dict[str, dict[str, list[Any]]] = field(default_factory=dict)

    def metric(self, group, model, metric, value, method, **options):
        """Add a row with limits around the value; a one-class centre has no numbers."""
        note = ONE_CLASS if hopeless(group) else ""
        value = None if hopeless(group) else float(value + 0.05 * self.rng.standard_normal())
        half = 0.05 + 0.1 * self.rng.random()
        settings = {
            "horizon": None,
            "threshold": None,
            "se": None if value is None else half / 1.96,
            "lower": None if value is None else value - half,
            "upper": None if value is None else value + half,
            "level": LEVEL,
            "note": note,
        } | options
        self.metrics.append(
            MetricRow(
                cohort=group.cohort,
                center=group.center,
                role=group.role,
                model=model,
                metric=metric,
                estimate=value,
                method=method,
                n=group.n,
                events=group.events,
                **settings,
            )
        )

    def test(self, group, model, metric, df, method):
        """Add the three rows of a test."""
        plain = {"se": None, "lower": None, "upper": None, "level": None}
        for suffix, value in (("", 11.5), ("_df", df), ("_p", 0.0421)):
            self.metric(group, model, metric + suffix, 0.0, method, **plain)
            made = None if hopeless(group) else float(value)
            row = self.metrics.pop()
            self.metrics.append(
                MetricRow(**{name: getattr(row, name) for name in ROW_FIELDS} | {"estimate": made})
            )

    def compare(self, group, metric, models):
        """Add all paired differences."""
        for i, (a, b) in enumerate(combinations(models, 2)):
            known = not hopeless(group)
            difference = float(0.05 * self.rng.standard_normal())
            self.comparisons.append(
                ComparisonRow(
                    cohort=group.cohort,
                    center=group.center,
                    metric=metric,
                    horizon=None,
                    model_a=a,
                    model_b=b,
                    difference=difference if known else None,
                    se=0.02 if known else None,
                    lower=difference - 0.04 if known else None,
                    upper=difference + 0.04 if known else None,
                    statistic=difference / 0.02 if known else None,
                    df=None,
                    p_value=(1e-9, 0.0421, 1.0)[i % 3] if known else None,
                    p_adjusted=(3e-9, 0.0842, 1.0)[i % 3] if known else None,
                    adjustment="holm",
                    method="Mann-Whitney; DeLong, paired",
                    n=group.n,
                    events=group.events,
                    note="" if known else ONE_CLASS,
                )
            )

    def curve(self, kind, where, labels, /, **columns):
        """Add the points of one curve."""
        count = len(next(iter(columns.values())))
        who = {"cohort": where.cohort, "center": where.center, **labels}
        table = self.curves.setdefault(kind, {name: [] for name in (*who, *columns)})
        for name, label in who.items():
            table[name] += [label] * count
        for name, values in columns.items():
            table[name] += np.asarray(values).tolist()


ROW_FIELDS = tuple(MetricRow.__dataclass_fields__)


def hopeless(group):
    """Return whether nothing can be estimated in a centre."""
    return group.center == "one class"


def roster(centers, development=("Köln",)):
    """Return the cohorts: pooled validation with its centres, and development."""
    sizes = [(80 + 7 * i, 30 + 2 * i) for i in range(len(centers))]
    sizes = [(n, n if c == "one class" else e) for c, (n, e) in zip(centers, sizes, strict=True)]
    rows = [
        CohortRow(
            cohort="validation",
            center=center,
            role="validation",
            n=n,
            events=events,
            note="Every patient had the event." if n == events else "",
        )
        for center, (n, events) in zip(centers, sizes, strict=True)
    ]
    pooled = {"n": sum(n for n, _ in sizes), "events": sum(events for _, events in sizes)}
    rows.insert(
        0, CohortRow(cohort="validation", center="all", role="validation", note="", **pooled)
    )
    rows += [
        CohortRow(
            cohort="development",
            center=center,
            role="development",
            n=12345 // (len(development) if center == "all" else 1),
            events=4000,
            note="",
        )
        for center in ("all", *development)
    ]
    return tuple(rows)


def provenance():
    """Return versions, inputs and hashes."""
    return {
        "extval": "0.1.0",
        "python": "3.11.7",
        "packages": {"numpy": "2.0.1", "scipy": "1.15.3"},
        "seed": 20240416,
        "inputs": [{"name": "Tabelle & Co.csv", "role": "table", "sha256": "0123456789abcdef" * 4}],
        "command": "extval evaluate 'Tabelle & Co.csv' --protocol protocol.yaml",
    }


def protocol(outcome, models):
    """Return a protocol as resolved."""
    return {
        "schema_version": 1,
        "title": None,
        "seed": 20240416,
        "outcome": outcome,
        "columns": {"patient": "patient", "center": "center", "cohort": "cohort"},
        "models": {name: {"probability": name} for name in models},
        "thresholds": {"rule": "youden", "at": None, "value": None},
        "decision_curve": {"from": 0.05, "to": 0.8, "step": 0.05, "at": 0.4},
        "bootstrap": {"n_resamples": 1000},
        "confidence_level": LEVEL,
        "comparisons": {"reference": None, "adjustment": "holm"},
        "calibration": {"smoother": "loess", "groups": 10},
    }


def binary_results(
    *, models=MODELS, centers=CENTERS, title="Study of A & B <see>: 影像组学", points=21, **changes
):
    """Return results for a binary outcome."""
    made = Made(np.random.default_rng(7))
    cohorts = roster(centers)
    for group in cohorts:
        made.metric(group, "", "prevalence", 0.4, "proportion; Wilson")
        for model in models:
            for metric, (value, method) in BINARY.items():
                where = {"threshold": 0.4321} if metric in AT_THRESHOLD else {}
                where |= {"threshold": 0.4} if metric == "net_benefit" else {}
                if metric.startswith("needed_n"):
                    where |= {"lower": None, "upper": None}
                    where |= {} if hopeless(group) else {"note": ENOUGH}
                made.metric(group, model, metric, value, method, **where)
            df = 10.0 if group.cohort == "validation" else 8.0
            made.test(group, model, "weak_calibration", 2.0, "likelihood ratio")
            made.test(group, model, "hosmer_lemeshow", df, f"Hosmer-Lemeshow, df {df:.0f}")
            if not hopeless(group):
                add_binary_curves(made, group, model, points)
        made.compare(group, "auc", models)
        grid = np.linspace(0.05, 0.8, 16).round(10)
        nothing = [nan] * grid.size
        for name, values in (("treat all", 0.6 - grid), ("treat none", 0 * grid)):
            made.curve(
                "decision",
                group,
                {"model": name},
                threshold=grid,
                net_benefit=values,
                lower=nothing,
                upper=nothing,
            )
    made.curve("weather", cohorts[0], {"model": ""}, rain=[1.0, 2.0])
    return Results(
        **{
            "kind": "binary",
            "title": title,
            "protocol": protocol({"column": "y", "name": "Métastase & décès"}, models),
            "cohorts": cohorts,
            "models": tuple(
                ModelRow(
                    name=name,
                    columns={"probability": f"p_{i}"},
                    threshold=0.4321,
                    threshold_rule="youden on the development cohort",
                )
                for i, name in enumerate(models)
            ),
            "metrics": tuple(made.metrics),
            "comparisons": tuple(made.comparisons),
            "curves": made.curves,
            "cautions": ("The pooled validation cohort has few events; read the intervals.",),
            "provenance": provenance(),
        }
        | changes
    )


def add_binary_curves(made, group, model, points):
    """Add all curves of one model in one group."""
    grid = np.linspace(0, 1, points)
    made.curve(
        "roc",
        group,
        {"model": model},
        threshold=grid[::-1],
        sensitivity=grid**0.5,
        specificity=1 - grid,
    )
    made.curve(
        "calibration",
        group,
        {"model": model, "smoother": "loess"},
        predicted=grid,
        observed=grid**1.2,
        lower=np.clip(grid**1.2 - 0.1, 0, 1),
        upper=np.clip(grid**1.2 + 0.1, 0, 1),
    )
    made.curve(
        "roc_band",
        group,
        {"model": model},
        specificity=1 - grid,
        sensitivity=grid**0.5,
        lower=np.clip(grid**0.5 - 0.1, 0, 1),
        upper=[nan, *np.clip(grid**0.5 + 0.1, 0, 1)[1:]],
    )
    for level in (0.8, 0.95):
        made.curve(
            "calibration_belt",
            group,
            {"model": model, "level": level},
            predicted=grid,
            lower=grid - level / 10,
            upper=grid + level / 10,
        )
    tenths = np.arange(10) / 10 + 0.05
    made.curve(
        "calibration_groups",
        group,
        {"model": model},
        group=np.arange(1, 11),
        mean_predicted=tenths,
        observed=tenths**1.1,
        lower=[nan, *np.clip(tenths**1.1 - 0.1, 0, 1)[1:]],
        upper=[nan, *np.clip(tenths**1.1 + 0.1, 0, 1)[1:]],
        n=[10] * 10,
        events=np.arange(10),
    )
    edges = np.linspace(0, 1, 21)
    for outcome in (0, 1):
        made.curve(
            "risk_distribution",
            group,
            {"model": model, "outcome": outcome},
            bin_low=edges[:-1],
            bin_high=edges[1:],
            count=made.rng.integers(0, 9, 20),
        )
    at = np.linspace(0.05, 0.8, 16).round(10)
    benefit = 0.6 - 0.7 * at
    made.curve(
        "decision",
        group,
        {"model": model},
        threshold=at,
        net_benefit=benefit,
        lower=benefit - 0.05,
        upper=benefit + 0.05,
    )


def survival_results(
    *, models=("full", "淋巴结 nodal"), centers=CENTERS, horizons=(5, 2.5), **changes
):
    """Return results for a time to event."""
    made = Made(np.random.default_rng(8))
    cohorts = roster(centers, development=("Köln", "Łódź"))
    for group in cohorts:
        for horizon in horizons:
            made.metric(group, "", "survival_t", 0.7, "Kaplan-Meier; Greenwood", horizon=horizon)
        made.metric(group, "", "follow_up_median", 4.2, "reverse Kaplan-Meier")
        add_survival_curves(made, group, "", "")
        for model in models:
            for metric, (value, method) in SURVIVAL.items():
                for horizon in horizons if metric in AT_HORIZON else (None,):
                    made.metric(group, model, metric, value, method, horizon=horizon)
            made.test(group, model, "logrank", 2.0, "log-rank test; risk groups: tertiles")
            add_horizon_curves(made, group, model, horizons)
            for name in ("low", "intermediate", "high"):
                add_survival_curves(made, group, model, name)
        made.compare(group, "c_harrell", models)
    outcome = {"time": "t", "event": "e", "unit": "years", "horizons": list(horizons)}
    return Results(
        **{
            "kind": "survival",
            "title": "Überleben & Rückfall",
            "protocol": protocol({**outcome, "name": "Recurrence-free survival"}, models),
            "cohorts": cohorts,
            "models": tuple(
                ModelRow(
                    name=name,
                    columns={"linear predictor": f"lp_{i}"},
                    risk_group_cuts=(-0.25, 0.75),
                    risk_group_rule="tertiles of the development cohort",
                )
                for i, name in enumerate(models)
            ),
            "metrics": tuple(made.metrics),
            "comparisons": tuple(made.comparisons),
            "curves": made.curves,
            "cautions": (),
            "provenance": provenance(),
        }
        | changes
    )


def add_horizon_curves(made, group, model, horizons):
    """Add AUC over time, and calibration and decision curves at each horizon."""
    grid = np.linspace(0.05, 0.8, 6)
    made.curve(
        "auc_t",
        group,
        {"model": model},
        time=grid * 5,
        auc=[nan, *(0.8 - 0.1 * grid[1:])],
        lower=0.7 - 0.1 * grid,
        upper=0.9 - 0.1 * grid,
        cases=[3] * 6,
        controls=[9] * 6,
        note=[""] * 6,
    )
    for horizon in horizons:
        made.curve(
            "calibration_t",
            group,
            {"model": model, "horizon": horizon, "smoother": "rcs"},
            predicted=grid,
            observed=grid,
            lower=grid - 0.05,
            upper=grid + 0.05,
        )
        made.curve(
            "calibration_groups_t",
            group,
            {"model": model, "horizon": horizon},
            group=np.arange(1, 7),
            mean_predicted=grid,
            observed=grid,
            lower=grid - 0.05,
            upper=grid + 0.05,
            n=[10] * 6,
            events=[3] * 6,
        )
        for name in (model, "treat all", "treat none"):
            made.curve(
                "decision_t",
                group,
                {"model": name, "horizon": horizon},
                threshold=grid,
                net_benefit=0.3 - 0.4 * grid,
                lower=0.2 - 0.4 * grid,
                upper=0.4 - 0.4 * grid,
            )


def add_survival_curves(made, group, model, name):
    """Add a Kaplan-Meier curve and the numbers at risk below it."""
    time = np.arange(1, 21) / 3
    survival = np.exp(-0.1 * time)
    made.curve(
        "kaplan_meier",
        group,
        {"model": model, "group": name},
        time=time,
        survival=survival,
        lower=survival - 0.05,
        upper=[*(survival[:-1] + 0.05), nan],
        at_risk=np.arange(20, 0, -1),
        events=[1, 0] * 10,
        censored=[0, 1] * 10,
    )
    made.curve(
        "risk_table",
        group,
        {"model": model, "group": name},
        time=[0.0, 2.0, 4.0, 6.0],
        at_risk=[20, 14, 8, 2],
        events=[0, 3, 6, 9],
        censored=[0, 3, 6, 9],
    )
