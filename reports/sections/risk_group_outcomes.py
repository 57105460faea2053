"""What happened to the patients of each frozen risk group, at the horizons and on the whole."""

from collections.abc import Iterator
from dataclasses import replace

from extval.reports import format as fmt
from extval.reports.blocks import LEFT, RIGHT, Band, Cell, Column, Row, Table
from extval.reports.index import Index, Measure
from extval.reports.tabulation import Footnotes, column, explanations, metric_cell
from extval.validate.outcomes import quantile_name
from extval.validate.risk_groups import risk_group_names
from extval.validate.store import MetricRow

CAPTION = "Outcome of the risk groups frozen on the development cohort"


def quantiles(index: Index) -> tuple[str, ...]:
    """Return the metrics of the quantiles that the protocol asks for."""
    asked = index.protocol.get("survival_curves", {}).get("quantiles", [0.5])
    return tuple(quantile_name(q) for q in asked)


def _parts(index: Index) -> Iterator[tuple[str, list[Measure]]]:
    """Yield the tables: a caption and measures without the name of the risk group."""
    curves = [Measure(m, h) for m in ("survival_t", "incidence_t") for h in index.horizons]
    yield f"{CAPTION}.", [*curves, *map(Measure, quantiles(index))]
    yield f"{CAPTION}: restricted means.", [Measure("rmst", h) for h in index.horizons]


def measures(index: Index) -> list[Measure]:
    """Return the metrics that these tables show."""
    endings = dict.fromkeys(_ending(name) for m in index.models for name in _names(index, m))
    return [
        Measure(f"{measure.metric}{ending}", measure.horizon)
        for _, wanted in _parts(index)
        for measure in wanted
        for ending in endings
    ]


def blocks(index: Index) -> Iterator[Table]:
    """Yield a table of probabilities and quantiles, and one of restricted means."""
    for caption, wanted in _parts(index):
        table = _table(index, caption, wanted)
        if table is not None:
            yield table


def _names(index: Index, model: str) -> list[str]:
    """Return the risk groups of a model from low to high, those without a patient too."""
    return risk_group_names(len(index.model(model).risk_group_cuts) + 1)


def _ending(name: str) -> str:
    return f"_{name.replace(' ', '_')}"


def _table(index: Index, caption: str, wanted: list[Measure]) -> Table | None:
    notes, found = Footnotes(), list[MetricRow]()
    lines: list[Row | Band] = []
    lookup = {
        (group.cohort, model, name, measure): index.row(
            group, model, Measure(f"{measure.metric}{_ending(name)}", measure.horizon)
        )
        for group in index.cohorts
        for model in index.models
        for name in _names(index, model)
        for measure in wanted
    }
    used = [m for m in wanted if any(row for key, row in lookup.items() if key[3] == m)]
    if not used:
        return None
    for group in index.cohorts:
        lines.append(Band(index.title(group), notes.mark(group.note)))
        for model in index.models:
            for name in _names(index, model):
                cells = [lookup[group.cohort, model, name, measure] for measure in used]
                known = [cell for cell in cells if cell is not None]
                found += known
                counts = (known[0].n, known[0].events) if known else (None, None)
                lines.append(
                    Row(
                        (
                            Cell(model),
                            Cell(name),
                            *(Cell(fmt.integer(count)) for count in counts),
                            *(metric_cell(index, group, cell, notes) for cell in cells),
                        )
                    )
                )
    return Table(
        caption=caption,
        columns=(
            Column("Model"),
            Column("Risk group", LEFT),
            Column("Patients", RIGHT),
            Column("Events", RIGHT),
            *(column(index, measure, _renamed(found, measure)) for measure in used),
        ),
        rows=tuple(lines),
        footnotes=notes.listed(),
        remarks=(
            f"Times in {index.unit}.",
            *explanations(index, [row for m in used for row in _renamed(found, m)]),
        ),
    )


def _renamed(rows: list[MetricRow], measure: Measure) -> list[MetricRow]:
    """Return the rows of a measure in any risk group, under the name of the measure."""
    return [
        replace(row, metric=measure.metric)
        for row in rows
        if row.metric.startswith(f"{measure.metric}_") and row.horizon == measure.horizon
    ]
