"""Look up rows and curves of a results store by who they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from extval.reports import format as fmt
from extval.reports.palette import Look, model_looks
from extval.validate.store import CohortRow, ComparisonRow, MetricRow, ModelRow, Results

POOLED = "all"
OUT_OF_FOLD, APPARENT = "out-of-fold", "apparent performance"
DEVELOPMENT, VALIDATION = "development", "validation"

Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric, at one horizon if it has horizons."""

    metric: str
    horizon: float | None = None


class Index:
    """The rows of a results store, by cohort, centre, model and metric. Nothing is computed."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.models = tuple(model.name for model in results.models)
        self.looks: dict[str, Look] = model_looks(self.models)
        self._metrics: dict[tuple[str, str, str, str], list[MetricRow]] = {}
        for row in results.metrics:
            key = (row.cohort, row.center, row.model, row.metric)
            self._metrics.setdefault(key, []).append(row)
        self._comparisons: dict[tuple[str, str, str], list[ComparisonRow]] = {}
        for line in results.comparisons:
            where = (line.cohort, line.center, line.metric)
            self._comparisons.setdefault(where, []).append(line)
        self._curves: dict[str, dict[tuple[str, str], list[int]]] = {}

    @property
    def is_survival(self) -> bool:
        """Return whether the outcome is a time to event."""
        return self.results.kind == "survival"

    @property
    def protocol(self) -> Mapping[str, Any]:
        """Return the protocol as resolved."""
        return self.results.protocol

    @property
    def outcome(self) -> str:
        """Return what the outcome is called."""
        outcome = self.protocol["outcome"]
        return str(outcome.get("name") or outcome.get("column") or outcome.get("event"))

    @property
    def unit(self) -> str:
        """Return the unit of time."""
        return str(self.protocol["outcome"].get("unit") or "time units")

    @property
    def horizons(self) -> tuple[float, ...]:
        """Return the horizons of a time-to-event protocol."""
        return tuple(self.protocol["outcome"].get("horizons") or ())

    @property
    def level(self) -> str:
        """Return the confidence level as text."""
        return fmt.level(self.protocol.get("confidence_level", 0.95))

    @property
    def ci(self) -> str:
        """Return the confidence level as headings have it, in brackets."""
        return fmt.interval_heading(self.protocol.get("confidence_level", 0.95))

    def model(self, name: str) -> ModelRow:
        """Return a model as it was frozen."""
        return next(model for model in self.results.models if model.name == name)

    def pooled(self, cohort: str) -> CohortRow | None:
        """Return the pooled cohort, or None."""
        return next(
            (g for g in self.results.cohorts if g.cohort == cohort and g.center == POOLED), None
        )

    @property
    def cohorts(self) -> tuple[CohortRow, ...]:
        """Return the pooled cohorts: validation first, development last."""
        found = [g for g in self.results.cohorts if g.center == POOLED]
        return tuple(sorted(found, key=lambda g: g.cohort == DEVELOPMENT))

    def centers(self, cohort: str) -> tuple[CohortRow, ...]:
        """Return the single centres of a cohort."""
        return tuple(g for g in self.results.cohorts if g.cohort == cohort and g.center != POOLED)

    def row(self, group: CohortRow, model: str, measure: Measure) -> MetricRow | None:
        """Return the row of one number, or None; the first, should there be several thresholds."""
        rows = self._metrics.get((group.cohort, group.center, model, measure.metric), ())
        wanted = measure.horizon
        return next((row for row in rows if wanted is None or row.horizon == wanted), None)

    def comparisons(self, group: CohortRow, metric: str) -> list[ComparisonRow]:
        """Return the differences in one metric in one cohort or centre."""
        return self._comparisons.get((group.cohort, group.center, metric), [])

    @property
    def compared(self) -> tuple[str, ...]:
        """Return the metrics of which there are differences, in the order of the store."""
        return tuple(dict.fromkeys(row.metric for row in self.results.comparisons))

    def curve(self, kind: str, where: CohortRow, /, **labels: Any) -> Columns:
        """Return the points of one curve by columns; empty when there is none."""
        table = self.results.curves.get(kind)
        if not table:
            return {}
        if kind not in self._curves:
            places: dict[tuple[str, str], list[int]] = {}
            for i, who in enumerate(zip(table["cohort"], table["center"], strict=True)):
                places.setdefault(who, []).append(i)
            self._curves[kind] = places
        chosen = self._curves[kind].get((where.cohort, where.center), [])
        for name, label in labels.items():
            column = table[name]
            chosen = [i for i in chosen if column[i] == label]
        if not chosen:
            return {}
        return {name: [_known(column[i]) for i in chosen] for name, column in table.items()}

    def name(self, group: CohortRow) -> str:
        """Return what the report calls a cohort or centre."""
        if group.center != POOLED:
            return (
                group.center if group.cohort == VALIDATION else f"{group.center} ({group.cohort})"
            )
        title = group.cohort[:1].upper() + group.cohort[1:]
        if group.cohort == DEVELOPMENT:
            return f"{title} cohort ({self.development_shows})"
        several = len(self.centers(group.cohort)) > 1
        return f"{title} cohort, all centres pooled" if several else f"{title} cohort"

    @property
    def development_shows(self) -> str:
        """Return what the numbers of the development cohort are, in two words."""
        internal = self.results.modelling.get("internal", {})
        used = zip(internal.get("predictions", ()), internal.get("used", ()), strict=True)
        if any(used_here and label == OUT_OF_FOLD for label, used_here in used):
            return "out-of-fold predictions"
        return APPARENT

    def size(self, group: CohortRow) -> str:
        """Return patients and events of a cohort or centre in words."""
        patients, events = fmt.counted(group.n, "patient"), fmt.counted(group.events, "event")
        return f"{patients}, {events}"

    def title(self, group: CohortRow) -> str:
        """Return the name and the size of a cohort or centre."""
        return f"{self.name(group)}: {self.size(group)}"


def _known(value: Any) -> Any:
    """Return None for NaN: results in memory and results from a file give the same report."""
    return None if isinstance(value, float) and isnan(value) else value
