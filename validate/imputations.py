"""Results of several imputed data sets become one: Rubin's rules, row by row.

Every imputation is evaluated by the code that evaluates a study without any; only finished rows
meet here. What Rubin's rules do not cover is a mean without limits, or not estimable.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from math import inf, isinf, isnan, log, nan
from typing import Any, TypeVar

import numpy as np
from scipy.special import ndtri

from extval.stats.multiplicity import holm
from extval.stats.rubin import ImputedEstimate, pool_imputations, pool_proportions
from extval.validate.findings import Findings
from extval.validate.landmarks import ENDING as LANDMARK
from extval.validate.store import ComparisonRow, MetricRow

# Scales on which estimates with a standard error are about normal.
SCALES = dict.fromkeys(
    (
        *("auc", "average_precision", "c_harrell", "c_uno", "auc_t", "iauc", "membership_c"),
        *("auc_model_based", "auc_model_based_recalibrated"),
        *("c_model_based", "c_model_based_recalibrated"),
    ),
    "logit",
)
SCALES |= dict.fromkeys(("oe_ratio", "oe_t"), "log")
SCALES |= dict.fromkeys(
    (
        *("calibration_intercept", "calibration_slope", "pauc", "pauc_corrected"),
        *("brier", "brier_scaled", "nagelkerke_r2", "log_loss"),
        *("net_benefit", "net_benefit_standardized", "interventions_avoided"),
        *("updated_calibration_intercept", "updated_calibration_slope", "updated_brier"),
        *("brier_t", "ipa_t", "ibs", "net_benefit_t", "rmst_difference", "log_hazard_ratio"),
    ),
    "identity",
)
# Ratios whose limits are Wald's on the log scale, which gives their standard error there.
RATIOS = ("lr_positive", "lr_negative", "dor", "hazard_ratio", "rmst_ratio")
# Proportions of patients whose number is known and the same in every imputation.
PROPORTIONS = ("sensitivity", "specificity", "accuracy")
NEEDED = "needed_n_"
# Curves whose points lie at the same place in every imputation: means of their heights.
AVERAGED = {
    "decision": ("cohort", "center", "model", "threshold"),
    "decision_difference": ("cohort", "center", "model_a", "model_b", "threshold"),
    "decision_t": ("cohort", "center", "model", "horizon", "threshold"),
    "auc_t": ("cohort", "center", "model", "time"),
}
# A band without its curve says nothing once its limits are gone.
BANDS = ("calibration_belt", "roc_band")

# What tells rows of one model apart in `subgroups.csv` and `cox.csv`.
_WITHIN = ("subgroup", "level_name", "predictor", "contrast")

MEAN_ONLY = (
    "The interval is not estimable: Rubin's rules do not cover this measure; the value is the mean "
    "over the imputations."
)
NO_TEST = (
    "Not estimable: a test is not pooled over imputations; see the pooled estimates with their "
    "intervals."
)
LARGEST = "The largest over the imputations."

AnyMetric = TypeVar("AnyMetric", bound=MetricRow)
AnyRow = TypeVar("AnyRow", bound=MetricRow | ComparisonRow)


def pool_findings(
    central: Findings,
    imputed: Sequence[Findings],
    models: Collection[str],
    *,
    confidence_level: float,
) -> Findings:
    """Return the findings with the rows of the imputed models pooled.

    Parameters
    ----------
    central : Findings
        Of the mean predictions: what is about the other models and about patients, and curves that
        cannot be averaged.
    imputed : sequence of Findings
        Of every imputation.
    models : collection of str
        Models whose predictions were imputed.
    confidence_level : float in (0, 1)
        Level of the intervals of pooled differences.
    """
    return Findings(
        metrics=pool_metrics(central.metrics, [one.metrics for one in imputed], models),
        comparisons=_pool_comparisons(
            central.comparisons, [one.comparisons for one in imputed], models, confidence_level
        ),
        curves=_pool_curves(central.curves, [one.curves for one in imputed], models),
    )


def pool_metrics(
    central: Sequence[AnyMetric],
    imputed: Sequence[Sequence[AnyMetric]],
    models: Collection[str],
) -> list[AnyMetric]:
    """Return the central rows, those of the imputed models pooled."""
    places = [{_metric_key(row): row for row in rows} for rows in imputed]
    known = {_metric_key(row) for row in central}
    return [
        _pool_metric(row, [place.get(_metric_key(row)) for place in places], known)
        if row.model in models
        else row
        for row in central
    ]


def _metric_key(row: MetricRow, metric: str | None = None) -> Hashable:
    within = (getattr(row, name, "") for name in _WITHIN)
    where = (row.cohort, row.center, row.model, row.horizon, row.threshold, *within)
    return (*where, row.metric if metric is None else metric)


def _pool_metric(
    row: AnyMetric, found: Sequence[AnyMetric | None], known: Collection[Hashable]
) -> AnyMetric:
    """Return the row that stands for those of all imputations."""
    rows = [one for one in found if one is not None]
    same: AnyMetric | None = _unchanged(rows, found)
    if same is not None:
        return same
    m, first = len(found), rows[0] if rows else row
    blank: AnyMetric = replace(first, estimate=None, se=None, lower=None, upper=None)
    base = row.metric.removesuffix("_df").removesuffix("_p")
    if _metric_key(row, f"{base}_p") in known:
        return replace(blank, method=f"{first.method}; {m} imputations", note=NO_TEST)
    estimates = [one.estimate for one in rows if one.estimate is not None]
    if len(estimates) < m:
        why = next((one.note for one in rows if one.estimate is None), "")
        said = f"Not estimable in {m - len(estimates)} of {m} imputations. {why}".strip()
        return replace(blank, method=f"{first.method}; {m} imputations", note=said)
    if row.metric.startswith(NEEDED):
        most = max(rows, key=lambda one: one.estimate or 0.0)
        return replace(most, note=" ".join(text for text in (most.note, LARGEST) if text))
    pooled = _pooled(row.metric, rows)
    if pooled is None:
        return replace(
            blank,
            estimate=float(np.mean(estimates)),
            method=f"{first.method}; mean over {m} imputations",
            note=_joined(*(one.note for one in rows), MEAN_ONLY),
        )
    return replace(
        first,
        estimate=_number(pooled.value),
        se=_number(_natural_se(pooled)),
        lower=_number(pooled.interval.low),
        upper=_number(pooled.interval.high),
        method=_method(first.method, m, pooled.scale),
        note=_joined(pooled.status.value, *(one.note for one in rows)),
    )


def _pooled(metric: str, rows: Sequence[MetricRow]) -> ImputedEstimate | None:
    """Return the estimates by Rubin's rules, or None where these do not cover the measure."""
    values, level = [_known(row.estimate) for row in rows], rows[0].level
    if level is None:
        return None
    if metric in PROPORTIONS:
        n, events = rows[0].n, rows[0].events
        whole = {"sensitivity": events, "specificity": n - events}.get(metric, n)
        return pool_proportions(values, whole, confidence_level=level) if whole else None
    scale, se_scale = SCALES.get(metric.removesuffix(LANDMARK)), "natural"
    errors = [_known(row.se) for row in rows]
    if metric.startswith("rmst_difference"):
        scale = "identity"
    elif metric.startswith(RATIOS):
        scale, se_scale = "log", "scaled"
        errors = [_log_se(row, level) for row in rows]
    if scale is None or np.isnan(errors).any():
        return None
    return pool_imputations(values, errors, scale=scale, se_scale=se_scale, confidence_level=level)


def _log_se(row: MetricRow, level: float) -> float:
    """Return the standard error of a ratio's logarithm from its limits; NaN if not Wald's."""
    limits = [_known(value) for value in (row.lower, row.estimate, row.upper)]
    if not all(0.0 < value < inf for value in limits):
        return nan
    low, middle, high = (log(value) for value in limits)
    if abs(low + high - 2 * middle) > 1e-9 * (high - low):
        return nan
    return (high - low) / (2 * float(ndtri(0.5 + level / 2)))


def _natural_se(pooled: ImputedEstimate) -> float:
    """Return the standard error of the natural value, by the delta method."""
    if pooled.scale == "log":
        return pooled.value * pooled.scaled_se
    if pooled.scale == "logit":
        return pooled.value * (1 - pooled.value) * pooled.scaled_se
    return pooled.scaled_se


def _pool_comparisons(
    central: Sequence[ComparisonRow],
    imputed: Sequence[Sequence[ComparisonRow]],
    models: Collection[str],
    level: float,
) -> list[ComparisonRow]:
    """Return the differences, pooled where a model is imputed, with P adjusted again."""
    places = [{_comparison_key(row): row for row in rows} for rows in imputed]
    rows = [
        _pool_comparison(row, [place.get(_comparison_key(row)) for place in places], level)
        if row.model_a in models or row.model_b in models
        else row
        for row in central
    ]
    families: dict[Hashable, list[int]] = {}
    for place, row in enumerate(rows):
        family = (row.cohort, row.center, row.metric, row.horizon)
        families.setdefault(family, []).append(place)
    for members in families.values():
        touched = any(rows[i].model_a in models or rows[i].model_b in models for i in members)
        if not touched:
            continue
        raw = [_known(rows[i].p_value) for i in members]
        adjusted = holm(raw) if rows[members[0]].adjustment == "holm" else np.array(raw)
        for i, value in zip(members, adjusted, strict=True):
            rows[i] = replace(rows[i], p_adjusted=_number(float(value)))
    return rows


def _comparison_key(row: ComparisonRow) -> Hashable:
    return (row.cohort, row.center, row.metric, row.horizon, row.model_a, row.model_b)


def _pool_comparison(
    row: ComparisonRow, found: Sequence[ComparisonRow | None], level: float
) -> ComparisonRow:
    rows = [one for one in found if one is not None]
    same = _unchanged(rows, found)
    if same is not None:
        return same
    m, first = len(found), rows[0] if rows else row
    empty: dict[str, Any] = dict.fromkeys(
        ("difference", "se", "lower", "upper", "statistic", "df", "p_value")
    )
    differences = [one.difference for one in rows if one.difference is not None]
    errors = [one.se for one in rows if one.se is not None]
    method = f"{first.method}; {m} imputations"
    if len(differences) < m:
        why = next((one.note for one in rows if one.difference is None), "")
        said = f"Not estimable in {m - len(differences)} of {m} imputations. {why}".strip()
        return replace(first, **empty, method=method, note=said)
    if len(errors) < m:
        said = _joined(*(one.note for one in rows), MEAN_ONLY)
        mean = empty | {"difference": float(np.mean(differences))}
        return replace(first, **mean, method=f"{method}, mean", note=said)
    pooled = pool_imputations(differences, errors, confidence_level=level)
    return replace(
        first,
        difference=_number(pooled.value),
        se=_number(pooled.scaled_se),
        lower=_number(pooled.interval.low),
        upper=_number(pooled.interval.high),
        statistic=_number(pooled.statistic),
        df=None if isinf(pooled.df) else _number(pooled.df),
        p_value=_number(pooled.p_value),
        method=_method(first.method, m, "identity"),
        note=_joined(pooled.status.value, *(one.note for one in rows)),
    )


def _pool_curves(
    central: Mapping[str, Mapping[str, list[Any]]],
    imputed: Sequence[Mapping[str, Mapping[str, list[Any]]]],
    models: Collection[str],
) -> dict[str, dict[str, list[Any]]]:
    """Return the curves: of imputed models means, or those of the mean predictions; no bands."""
    found = {}
    for kind, table in central.items():
        named = [table[name] for name in ("model", "model_a", "model_b") if name in table]
        rows = range(len(next(iter(table.values()))))
        imputes = [any(column[i] in models for column in named) for i in rows]
        kept = [i for i in rows if not (kind in BANDS and imputes[i])]
        columns = {name: [values[i] for i in kept] for name, values in table.items()}
        touched = [place for place, i in enumerate(kept) if imputes[i]]
        if touched:
            if kind in AVERAGED:
                _average(columns, touched, [one.get(kind, {}) for one in imputed], AVERAGED[kind])
            for name, values in columns.items():
                if name in ("lower", "upper") or name.endswith(("_lower", "_upper")):
                    for place in touched:
                        values[place] = nan
        found[kind] = columns
    return found


def _average(
    columns: dict[str, list[Any]],
    touched: Sequence[int],
    imputed: Sequence[Mapping[str, list[Any]]],
    where: Sequence[str],
) -> None:
    """Put means over the imputations into the rows `touched`; `where` names what identifies one."""
    places = [
        {key: i for i, key in enumerate(zip(*(table[name] for name in where), strict=True))}
        for table in imputed
    ]
    for place in touched:
        key = tuple(columns[name][place] for name in where)
        for name, mean in columns.items():
            values = [t[name][at[key]] for t, at in zip(imputed, places, strict=True) if key in at]
            if name not in where and all(isinstance(value, float | int) for value in values):
                mean[place] = values[0] if len(set(values)) == 1 else float(np.mean(values))


def _unchanged(rows: Sequence[AnyRow], found: Sequence[AnyRow | None]) -> AnyRow | None:
    """Return the row with a word on the imputations if they all gave it."""
    if len(rows) < len(found) or any(row != rows[0] for row in rows):
        return None
    same = f"the same in all {len(found)} imputations"
    return replace(rows[0], method=f"{rows[0].method}; {same}" if rows[0].method else same)


def _method(method: str, m: int, scale: str) -> str:
    return f"{method}; Rubin over {m} imputations, {scale} scale"


def _joined(*sentences: str) -> str:
    return " ".join(dict.fromkeys(sentence for sentence in sentences if sentence))


def _known(value: float | None) -> float:
    return nan if value is None else value


def _number(value: float) -> float | None:
    return None if isnan(value) else value
