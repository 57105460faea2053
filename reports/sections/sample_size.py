"""Whether the external cohort was large enough for precise estimates."""

from collections.abc import Iterator, Sequence

from extval.reports import format as fmt
from extval.reports.blocks import (
    LEFT,
    RIGHT,
    Band,
    Block,
    Cell,
    Column,
    Paragraph,
    Row,
    Section,
    Table,
)
from extval.reports.index import VALIDATION, Index, Measure
from extval.reports.labels import label, shown
from extval.reports.tabulation import at_horizon
from extval.validate.store import CohortRow, MetricRow

PREFIX = "needed_n_"
MOST_ROWS = 100


def measures(index: Index) -> tuple[Measure, ...]:
    """Return the metrics that this section shows."""
    rows = (row for row in index.results.metrics if row.metric.startswith(PREFIX))
    return tuple(Measure(*where) for where in dict.fromkeys((r.metric, r.horizon) for r in rows))


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
    reasons = {row.note for each in rows.values() for row in each if row.estimate is None}
    unknown = sum(row.estimate is None for each in rows.values() for row in each)
    if unknown == total and len(reasons) == 1:
        said = f"Patients needed for precise estimates. {reasons.pop()}"
        return Section("Sample size", (Paragraph(said),))
    shown_groups = everything if total <= MOST_ROWS else groups
    lines: list[Row | Band] = []
    for group in shown_groups:
        if len(shown_groups) > 1:
            lines.append(Band(index.title(group)))
        lines += [
            Row(
                (
                    Cell(row.model),
                    Cell(_criterion(index, row)),
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
    blocks: list[Block] = []
    if pooled is not None:
        blocks.append(Paragraph(_verdict(index, pooled, rows[pooled])))
    blocks.append(table)
    if shown_groups is not everything:
        said = "The same numbers for every centre are in metrics.csv of the results folder."
        blocks.append(Paragraph(said))
    return Section("Sample size", tuple(blocks))


def _criterion(index: Index, row: MetricRow) -> str:
    name = label(row.metric).name
    return name if row.horizon is None else f"{name}, {at_horizon(index, row.horizon)}"


def _verdict(index: Index, pooled: CohortRow, rows: Sequence[MetricRow]) -> str:
    """Return whether the pooled cohort was large enough, and for which criteria it was not."""
    cohort = f"The pooled validation cohort ({index.size(pooled)})"
    known = [row for row in rows if row.estimate is not None]
    short = [row for row in known if row.estimate is not None and row.estimate > row.n]
    if not known:
        return f"{cohort}: whether it was large enough is not estimable."
    left_out = len(rows) - len(known)
    also = f" {fmt.counted(left_out, 'criterion', 'criteria')} could not be judged." * bool(
        left_out
    )
    if not short:
        return f"{cohort} was large enough for every criterion of every model.{also}"
    if len(short) == len(known):
        return f"{cohort} was too small for every criterion of every model.{also}"
    said = []
    for model in index.models:
        names = [_short(index, row) for row in short if row.model == model]
        if names:
            said.append(f"{model} ({', '.join(names)})")
    return f"{cohort} was too small for these criteria: {'; '.join(said)}.{also}"


def _short(index: Index, row: MetricRow) -> str:
    return _criterion(index, row).removeprefix("Patients needed for ").removeprefix("the ")


def _rows(index: Index, group: CohortRow) -> Iterator[MetricRow]:
    for model in index.models:
        for measure in measures(index):
            row = index.row(group, model, measure)
            if row is not None:
                yield row
