"""Who was in the study, and which models were validated."""

from extval.reports import format as fmt
from extval.reports.blocks import LEFT, RIGHT, Band, Block, Cell, Column, Row, Section, Table
from extval.reports.index import Index, Measure
from extval.reports.sections import risk_group_outcomes
from extval.reports.tabulation import Footnotes, column, explanations, metric_cell
from extval.validate.store import MetricRow, ModelRow


def measures(index: Index) -> tuple[Measure, ...]:
    """Return what is known of a cohort without any model."""
    if not index.is_survival:
        return (Measure("prevalence"),)
    restricted = (Measure("rmst", horizon) for horizon in index.horizons)
    at_horizons = (Measure(m, h) for m in ("survival_t", "incidence_t") for h in index.horizons)
    quantiles = map(Measure, risk_group_outcomes.quantiles(index))
    return (*at_horizons, *restricted, *quantiles, Measure("follow_up_median"))


def section(index: Index) -> Section:
    """Return the cohorts and centres, and the models as they were frozen."""
    blocks: list[Block] = []
    if index.results.cohorts:
        blocks.append(_cohort_table(index))
    if index.results.models:
        blocks.append(_model_table(index))
    return Section("Cohorts and models", tuple(blocks))


def _cohort_table(index: Index) -> Table:
    notes, found = Footnotes(), []
    wanted = [
        measure
        for measure in measures(index)
        if any(index.row(group, "", measure) for group in index.results.cohorts)
    ]
    rows: list[Row | Band] = []
    for pooled in index.cohorts:
        centers = index.centers(pooled.cohort)
        rows.append(Band(index.name(pooled)))
        lines = [(center.center, center) for center in centers] if len(centers) > 1 else []
        only = centers[0].center if len(centers) == 1 else "All centres"
        for name, group in [*lines, (only, pooled)]:
            cells = [index.row(group, "", measure) for measure in wanted]
            found += [cell for cell in cells if cell is not None]
            rows.append(
                Row(
                    (
                        Cell(name, notes.mark(group.note)),
                        Cell(fmt.integer(group.n)),
                        Cell(fmt.integer(group.events)),
                        *(metric_cell(index, group, cell, notes) for cell in cells),
                    )
                )
            )
    return Table(
        caption=f"Patients and events by cohort and centre. Outcome: {index.outcome}.",
        columns=(
            Column("Cohort and centre", LEFT),
            Column("Patients", RIGHT),
            Column("Events", RIGHT),
            *(column(index, measure, found) for measure in wanted),
        ),
        rows=tuple(rows),
        footnotes=notes.listed(),
        remarks=(*_unit(index, found), *explanations(index, found)),
    )


def _unit(index: Index, found: list[MetricRow]) -> tuple[str, ...]:
    return (f"Times in {index.unit}.",) if index.is_survival and found else ()


def _model_table(index: Index) -> Table:
    notes = Footnotes()
    thresholds = any(
        model.threshold is not None or model.threshold_rule for model in _models(index)
    )
    cuts = any(model.risk_group_cuts for model in _models(index))
    columns = [Column("Model", LEFT), Column("Columns of the input", LEFT)]
    if thresholds:
        columns += [Column("Threshold", RIGHT), Column("Rule", LEFT)]
    if cuts:
        columns += [Column("Cuts of the risk groups", LEFT), Column("Rule", LEFT)]
    rows = []
    for model in _models(index):
        cells = [
            Cell(model.name),
            Cell(", ".join(f"{what}: {name}" for what, name in model.columns.items())),
        ]
        if thresholds:
            cells += [
                Cell(fmt.threshold(model.threshold), notes.mark(model.threshold_note)),
                Cell(model.threshold_rule or fmt.ABSENT),
            ]
        if cuts:
            text = ", ".join(fmt.general(cut) for cut in model.risk_group_cuts)
            cells += [Cell(text or fmt.ABSENT), Cell(model.risk_group_rule or fmt.ABSENT)]
        rows.append(Row(tuple(cells)))
    return Table(
        caption="The models as they were frozen before any external outcome was read.",
        columns=tuple(columns),
        rows=tuple(rows),
        footnotes=notes.listed(),
    )


def _models(index: Index) -> tuple[ModelRow, ...]:
    return index.results.models
