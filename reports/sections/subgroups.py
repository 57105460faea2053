"""Performance in the subgroups that the protocol declares."""

from collections.abc import Iterator
from functools import partial

from extval.reports import format as fmt
from extval.reports.blocks import (
    RIGHT,
    Band,
    Cell,
    Column,
    Figure,
    Panel,
    Plot,
    Row,
    Section,
    Table,
)
from extval.reports.figures.forest import ForestLine, plot_forest
from extval.reports.index import VALIDATION, Index, Measure
from extval.reports.labels import heading, label, shown
from extval.reports.sections.centers import LINE_MM, MOST_LINES, axis_limits, panels_across
from extval.reports.tabulation import Footnotes, column, explanations
from extval.validate.store import MetricRow, SubgroupRow

INTERACTION = "_interaction"
NOT_SHOWN = "not shown"
TESTED = "Interaction: χ² (df), P"


def section(index: Index) -> Section:
    """Return a table of all declared subgroups and the forest plot of discrimination."""
    rows = index.results.subgroups
    if not rows:
        return Section("Subgroups", ())
    return Section("Subgroups", (_table(index, rows), *_forests(index, rows)))


def _table(index: Index, rows: tuple[SubgroupRow, ...]) -> Table:
    """Return a band a subgroup and model, a row a level, and the tests of interaction below."""
    measures = _measures(rows)
    notes = Footnotes()
    found: list[MetricRow] = []
    lines: list[Row | Band] = []
    for subgroup in dict.fromkeys(row.subgroup for row in rows):
        for model in index.models:
            mine = [row for row in rows if (row.subgroup, row.model) == (subgroup, model)]
            if not mine:
                continue
            lines.append(Band(f"{subgroup}: {model}" if len(index.models) > 1 else subgroup))
            for level in dict.fromkeys(row.level_name for row in mine if row.level_name):
                cells = [_of(mine, level, measure) for measure in measures]
                found += [cell for cell in cells if cell is not None]
                size = next(cell for cell in cells if cell is not None)
                lines.append(
                    Row(
                        (
                            Cell(level),
                            Cell(fmt.integer(size.n)),
                            Cell(fmt.integer(size.events)),
                            *(_estimate(cell, notes) for cell in cells),
                        )
                    )
                )
            tests = [_test(mine, measure, notes) for measure in measures]
            lines.append(Row((Cell(TESTED), Cell(""), Cell(""), *tests)))
    estimated = [row for row in found if row.estimate is not None]
    named = dict.fromkeys(
        f"{heading(row.metric.removesuffix(INTERACTION))}: {row.method.partition(';')[0]}"
        for row in rows
        if row.metric.endswith(INTERACTION)
    )
    return Table(
        caption="Performance in the declared subgroups of the pooled validation cohort.",
        columns=(
            Column("Level"),
            Column("Patients", RIGHT),
            Column("Events", RIGHT),
            *(column(index, measure, found) for measure in measures),
        ),
        rows=tuple(lines),
        footnotes=notes.listed(),
        remarks=(
            "Interaction, test that the levels have the same value; patients whose level is "
            f"missing take no part. {'. '.join(named)}. P, raw: with many subgroups some are "
            "small by chance.",
            *explanations(index, estimated),
        ),
    )


def _measures(rows: tuple[SubgroupRow, ...]) -> tuple[Measure, ...]:
    """Return what was estimated in the levels, in the order of the store."""
    return tuple(dict.fromkeys(Measure(row.metric, row.horizon) for row in rows if row.level_name))


def _of(rows: list[SubgroupRow], level: str, measure: Measure) -> SubgroupRow | None:
    wanted = (level, measure.metric, measure.horizon)
    return next((r for r in rows if (r.level_name, r.metric, r.horizon) == wanted), None)


def _estimate(row: SubgroupRow | None, notes: Footnotes) -> Cell:
    if row is None:
        return Cell(fmt.ABSENT)
    hidden = row.estimate is None and row.note.startswith("Not shown")
    return Cell(NOT_SHOWN if hidden else shown(row), notes.mark(row.note))


def _test(rows: list[SubgroupRow], measure: Measure, notes: Footnotes) -> Cell:
    parts = [
        _of(rows, "", Measure(f"{measure.metric}{INTERACTION}{suffix}", measure.horizon))
        for suffix in ("", "_df", "_p")
    ]
    statistic, df, p_value = parts
    if statistic is None or df is None or p_value is None:
        return Cell(fmt.ABSENT)
    if statistic.estimate is None:
        return Cell(fmt.NOT_ESTIMABLE, notes.mark(statistic.note))
    said = f"{fmt.number(statistic.estimate, digits=1)} ({fmt.plain(df.estimate)})"
    return Cell(f"{said}, {fmt.p_value(p_value.estimate)}", notes.mark(statistic.note))


def _forests(index: Index, rows: tuple[SubgroupRow, ...]) -> Iterator[Figure]:
    """Yield the forest plot of the first measure: a panel a model, a line a level."""
    measure = _measures(rows)[0]
    names = dict.fromkeys((row.subgroup, row.level_name) for row in rows if row.level_name)
    lines = {
        model: [
            _line([r for r in rows if (r.subgroup, r.model) == (subgroup, model)], level, measure)
            for subgroup, level in names
        ]
        for model in index.models
    }
    known = [line for drawn in lines.values() for line in drawn if line.estimate is not None]
    if not known or index.pooled(VALIDATION) is None:
        return
    name = label(measure.metric).name
    draw = partial(
        plot_forest,
        xlabel=f"{name} {index.ci}",
        xlim=axis_limits(measure.metric, known),
    )
    for start in range(0, len(names), MOST_LINES):
        part = slice(start, start + MOST_LINES)
        yield Figure(
            caption=f"{name} by subgroup.",
            panels=tuple(
                Panel(
                    model,
                    (
                        Plot(
                            partial(draw, drawn[part], color=index.looks[model].color),
                            LINE_MM * len(drawn[part]),
                        ),
                    ),
                )
                for model, drawn in lines.items()
            ),
            columns=panels_across(len(index.models)),
            row_labels=tuple(f"{subgroup}: {level}" for subgroup, level in names)[part],
            left_mm=1.0,
            remarks=("An empty line: not shown or not estimable.",),
        )


def _line(rows: list[SubgroupRow], level: str, measure: Measure) -> ForestLine:
    row = _of(rows, level, measure)
    if row is None:
        return ForestLine(None, None, None)
    return ForestLine(row.estimate, row.lower, row.upper)
