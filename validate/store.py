"""The results store: typed rows in `results.json`, and the tidy files that are views of it.

Every printed number comes from here. Not estimable is a row whose `estimate` is empty and whose
`note` is a sentence; the row is never left out.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from extval.stats.results import Comparison, Estimate, SignificanceTest

SCHEMA = "extval-results/1"


class StoreError(Exception):
    """A results file that cannot be read as this schema; the message names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """One line of `metrics.csv`: one number of one model in one cohort or centre.

    `model` is empty for a number of the cohort itself (prevalence, median follow-up).
    """

    cohort: str
    center: str
    role: str
    model: str
    metric: str
    horizon: float | None
    threshold: float | None
    estimate: float | None
    se: float | None
    lower: float | None
    upper: float | None
    level: float | None
    method: str
    n: int
    events: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupRow(MetricRow):
    """One line of `subgroups.csv`: a metric in one level of a declared subgroup.

    `level_name` is empty for the test of interaction, which is about all levels.
    """

    subgroup: str
    level_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxRow(MetricRow):
    """One line of `cox.csv`: a number of the Cox model of one model beside declared predictors.

    `predictor` is the model itself or a declared predictor, and empty for what is about all of
    them. `contrast` says what is compared (``high v low``, ``per 10``), and is empty for a test of
    a whole predictor.
    """

    predictor: str
    contrast: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One line of `comparisons.csv`: `model_a` minus `model_b` in one cohort or centre."""

    cohort: str
    center: str
    metric: str
    horizon: float | None
    model_a: str
    model_b: str
    difference: float | None
    se: float | None
    lower: float | None
    upper: float | None
    statistic: float | None
    df: float | None
    p_value: float | None
    p_adjusted: float | None
    adjustment: str
    method: str
    n: int
    events: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRow:
    """One line of `baseline.csv`: one number about a characteristic of the patients.

    `by` says what splits the patients (cohort, center, outcome); `cohort` is ``all``, or the one
    that is split. `group` is empty for what compares the groups. `n` is the number of patients
    behind the number; `category` is empty for a continuous characteristic.
    """

    by: str
    cohort: str
    group: str
    variable: str
    category: str
    measure: str
    value: float | None
    lower: float | None
    upper: float | None
    method: str
    n: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRow:
    """One line of `missing.csv`: how many cells of a column are empty in one cohort or centre.

    `use` says what the protocol names the column for. The row without a column counts the patients
    who were left out because a prediction or the outcome is missing.
    """

    cohort: str
    center: str
    column: str
    use: str
    n: int
    missing: int
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPatternRow:
    """One line of `missing_patterns.csv`: patients in whom the same columns are empty.

    `pattern` holds the columns with ``; `` between them; it is empty for complete patients.
    """

    cohort: str
    center: str
    pattern: str
    columns: int
    patients: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRow:
    """One cohort or centre: who is in it. `center` is ``all`` for the pooled cohort."""

    cohort: str
    center: str
    role: str
    n: int
    events: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model as it was frozen before any external outcome was read.

    `columns` names the columns of the input that hold its predictions. `threshold` with its
    `threshold_rule`, and `risk_group_cuts` with `risk_group_rule`, come from development data.
    """

    name: str
    columns: Mapping[str, str]
    threshold: float | None = None
    threshold_rule: str = ""
    threshold_note: str = ""
    risk_group_cuts: tuple[float, ...] = ()
    risk_group_rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that an evaluation found; what `results.json` holds.

    `curves` maps a kind (``roc``, ``calibration``, ...) to a tidy table held by columns, and so
    does `modelling` for what a run learned (``selection``, ``ratios``, ``audit``, ...).
    `cautions` are sentences that the report must print on its first page.
    """

    kind: str
    title: str
    protocol: Mapping[str, Any]
    cohorts: tuple[CohortRow, ...]
    models: tuple[ModelRow, ...]
    metrics: tuple[MetricRow, ...]
    comparisons: tuple[ComparisonRow, ...]
    curves: Mapping[str, Mapping[str, list[Any]]]
    subgroups: tuple[SubgroupRow, ...] = ()
    baseline: tuple[BaselineRow, ...] = ()
    cox: tuple[CoxRow, ...] = ()
    missing: tuple[MissingRow, ...] = ()
    missing_patterns: tuple[MissingPatternRow, ...] = ()
    modelling: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    schema: str = SCHEMA


def metric_row(
    found: Estimate,
    *,
    cohort: str,
    center: str,
    role: str,
    model: str,
    metric: str,
    horizon: float | None = None,
    threshold: float | None = None,
    note: str = "",
) -> MetricRow:
    """Return the row of an estimate; `note` is added to the sentence of its status."""
    return MetricRow(
        cohort=cohort,
        center=center,
        role=role,
        model=model,
        metric=metric,
        horizon=horizon,
        threshold=threshold,
        estimate=_number(found.value),
        se=_number(found.se),
        lower=_number(found.interval.low),
        upper=_number(found.interval.high),
        level=found.interval.level,
        method=found.method,
        n=found.n,
        events=found.events,
        note=_join(found.status.value, note),
    )


def significance_rows(
    found: SignificanceTest,
    *,
    cohort: str,
    center: str,
    role: str,
    model: str,
    metric: str,
    horizon: float | None = None,
    note: str = "",
) -> list[MetricRow]:
    """Return the rows `metric` (the statistic), `metric_df` and `metric_p` of one test.

    A test whose reference has no degrees of freedom has no `metric_df` row; that of an undefined
    chi-square test is empty.
    """
    parts = [("", found.statistic), ("_df", found.df), ("_p", found.p_value)]
    if found.reference != "chi-square":
        del parts[1]
    return [
        MetricRow(
            cohort=cohort,
            center=center,
            role=role,
            model=model,
            metric=metric + suffix,
            horizon=horizon,
            threshold=None,
            estimate=_number(value),
            se=None,
            lower=None,
            upper=None,
            level=None,
            method=found.method,
            n=found.n,
            events=found.events,
            note=_join(found.status.value, note),
        )
        for suffix, value in parts
    ]


def comparison_row(
    found: Comparison,
    *,
    cohort: str,
    center: str,
    metric: str,
    model_a: str,
    model_b: str,
    p_adjusted: float,
    adjustment: str,
    horizon: float | None = None,
) -> ComparisonRow:
    """Return the row of a difference between two models."""
    return ComparisonRow(
        cohort=cohort,
        center=center,
        metric=metric,
        horizon=horizon,
        model_a=model_a,
        model_b=model_b,
        difference=_number(found.difference),
        se=_number(found.se),
        lower=_number(found.interval.low),
        upper=_number(found.interval.high),
        statistic=_number(found.statistic),
        df=_number(found.df),
        p_value=_number(found.p_value),
        p_adjusted=_number(p_adjusted),
        adjustment=adjustment,
        method=found.method,
        n=found.n,
        events=found.events,
        note=found.status.value,
    )


def to_json(results: Results) -> str:
    """Return the text of `results.json`: full precision, NaN as null, infinities as text."""
    return json.dumps(_plain(asdict(results)), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def from_json(text: str, *, source: str) -> Results:
    """Return the results that `to_json` wrote; `source` names the file in error messages."""
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise StoreError(f"{source} is not valid JSON: {error}.") from error
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        found = raw.get("schema") if isinstance(raw, dict) else type(raw).__name__
        raise StoreError(
            f"{source} has schema {found!r}; this version of extval reads {SCHEMA!r}. "
            "Run `extval evaluate` again, or use the version that wrote it."
        )
    try:
        return Results(
            kind=raw["kind"],
            title=raw["title"],
            protocol=raw["protocol"],
            cohorts=tuple(CohortRow(**row) for row in raw["cohorts"]),
            models=tuple(_model_row(_revive(row)) for row in raw["models"]),
            metrics=tuple(MetricRow(**_revive(row)) for row in raw["metrics"]),
            comparisons=tuple(ComparisonRow(**_revive(row)) for row in raw["comparisons"]),
            curves=_revive(raw["curves"]),
            subgroups=tuple(SubgroupRow(**_revive(row)) for row in raw.get("subgroups", ())),
            baseline=tuple(BaselineRow(**_revive(row)) for row in raw.get("baseline", ())),
            cox=tuple(CoxRow(**_revive(row)) for row in raw.get("cox", ())),
            missing=tuple(MissingRow(**row) for row in raw.get("missing", ())),
            missing_patterns=tuple(
                MissingPatternRow(**row) for row in raw.get("missing_patterns", ())
            ),
            modelling=_revive(raw.get("modelling", {})),
            cautions=tuple(raw["cautions"]),
            provenance=raw["provenance"],
        )
    except (KeyError, TypeError) as error:
        raise StoreError(f"{source} does not follow schema {SCHEMA}: {error}.") from error


def load(folder: Path) -> Results:
    """Read `results.json` of a results folder."""
    path = folder / "results.json"
    if not path.is_file():
        raise StoreError(f"{folder} holds no results.json; it is not a results folder of extval.")
    return from_json(path.read_text(encoding="utf-8"), source=str(path))


def _model_row(row: dict[str, Any]) -> ModelRow:
    return ModelRow(**(row | {"risk_group_cuts": tuple(row["risk_group_cuts"])}))


def _number(value: float) -> float | None:
    """Return a plain float, or None for NaN."""
    return None if math.isnan(value) else float(value)


def _join(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _plain(value: Any) -> Any:
    """Return `value` in JSON's own types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
    return value


def _revive(value: Any) -> Any:
    """Undo `_plain` for infinities."""
    if isinstance(value, dict):
        return {key: _revive(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_revive(item) for item in value]
    if value == "Infinity":
        return math.inf
    if value == "-Infinity":
        return -math.inf
    return value
