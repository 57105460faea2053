"""Whether the external cohort was large enough for precise estimates."""

from collections.abc import Iterator

from extval.reports import format as fmt
from extval.reports.blocks import LEFT, RIGHT, Band, Cell, Column, Paragraph, Row, Section, Table
from extval.reports.index import VALIDATION, Index, Measure
from extval.reports.labels import label, shown
from extval.validate.store import CohortRow, MetricRow

PREFIX = "needed_n_"
MOST_ROWS = 100


def measures(index: Index) -> tuple[Measure, ...]:
    """Return the metrics that this section shows."""
    found = (row.metric for row in index.results.metrics if row.metric.startswith(PREFIX))
    return tuple(map(Measure, dict.fromkeys(found)))


def section(index: Index) -> Section:
    """Return the number of patients that each criterion asks for, with the verdict."""
    pooled = index.pooled(VALIDATION)
    groups = [pooled] if pooled is not None else []
    centers = index.centers(VALIDATION)
    everything = [*groups, *centers] if len(centers) > 1 else groups
    rows = {group: list(_rows(index, group)) for group in everything}
    total = sum(map(len, rows.values()))
    if not total:
        return Section("Sample size", ())
    shown_groups = everything if total <= MOST_ROWS else groups
    lines: list[Row | Band] = []
    for group in shown_groups:
        if len(shown_groups) > 1:
            lines.append(Band(index.title(group)))
        lines += [
            Row(
                (
                    Cell(row.model),
                    Cell(label(row.metric).name),
                    Cell(shown(row)),
                    Cell(row.note or fmt.ABSENT),
                )
            )
            for row in rows[group]
        ]
    methods = dict.fromkeys(row.method for group in shown_groups for row in rows[group])
    table = Table(
        caption="Patients needed for precise estimates, and whether there were enough.",
        columns=(
            Column("Model", LEFT),
            Column("Criterion", LEFT),
            Column("Needed", RIGHT),
            Column("Reached", LEFT),
        ),
        rows=tuple(lines),
        remarks=(f"Estimators. {'; '.join(methods)}.",),
    )
    if shown_groups is everything:
        return Section("Sample size", (table,))
    said = "The same numbers for every centre are in metrics.csv of the results folder."
    return Section("Sample size", (table, Paragraph(said)))


def _rows(index: Index, group: CohortRow) -> Iterator[MetricRow]:
    for model in index.models:
        for measure in measures(index):
            row = index.row(group, model, measure)
            if row is not None:
                yield row
