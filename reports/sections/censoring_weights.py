"""The check of the censoring weights of every cohort: they are its own patients', averaging 1."""

from extval.reports.blocks import LEFT, Band, Cell, Column, Row, Table
from extval.reports.index import Index, Measure
from extval.reports.tabulation import Footnotes, at_horizon, column, metric_cell
from extval.validate.censoring_check import METRICS


def measures(index: Index) -> list[Measure]:
    """Return the metrics that the table shows."""
    return [Measure(metric, horizon) for metric in METRICS for horizon in index.horizons]


def blocks(index: Index) -> list[Table]:
    """Return the table: a band a cohort and a line a horizon."""
    notes = Footnotes()
    lines: list[Row | Band] = []
    for group in index.cohorts:
        cells = {
            horizon: [index.row(group, "", Measure(metric, horizon)) for metric in METRICS]
            for horizon in index.horizons
        }
        if any(cell for found in cells.values() for cell in found):
            lines.append(Band(index.title(group)))
            lines += [
                Row(
                    (
                        Cell(at_horizon(index, horizon)),
                        *(metric_cell(index, group, cell, notes) for cell in found),
                    )
                )
                for horizon, found in cells.items()
            ]
    if not lines:
        return []
    return [
        Table(
            caption="Check of the censoring weights.",
            columns=(
                Column("Horizon", LEFT),
                *(column(index, Measure(metric), []) for metric in METRICS),
            ),
            rows=tuple(lines),
            footnotes=notes.listed(),
            remarks=(
                "Inverse probability of censoring, from the Kaplan-Meier curve of the censoring "
                "times of the patients of the band alone, never from another cohort. Their own "
                "weights average 1. State known: patients whose state at the horizon is known.",
            ),
        )
    ]
