"""What no other section shows: metrics and curves that the report does not know by name."""

from extval.reports import format as fmt
from extval.reports.blocks import (
    INTERVAL,
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
from extval.reports.index import Index, Measure
from extval.reports.labels import label, shown
from extval.reports.sections import (
    calibration,
    case_mix,
    classification,
    cohorts,
    discrimination,
    heterogeneity,
    sample_size,
    survival,
    updating,
    utility,
)
from extval.reports.sections.differences import differences
from extval.reports.tabulation import Footnotes, at_horizon, explanations
from extval.validate.store import MetricRow

KNOWN_CURVES = {
    "roc",
    "calibration",
    "calibration_groups",
    "risk_distribution",
    "decision",
    "kaplan_meier",
    "risk_table",
    "kaplan_meier_landmark",
    "cumulative_incidence",
    "cumulative_incidence_landmark",
    "risk_table_landmark",
    "roc_band",
    "precision_recall",
    "decision_difference",
    "calibration_belt",
    "calibration_t",
    "calibration_groups_t",
    "decision_t",
    "auc_t",
}


def section(index: Index) -> Section:
    """Return a table of all metrics, and the names of all curves, that were not shown before."""
    rows = remaining(index)
    blocks: list[Block] = []
    if rows:
        blocks.append(_table(index, rows))
    blocks += differences(index, [m for m in index.compared if not _is_shown(index, m)])
    curves = [kind for kind in index.results.curves if kind not in KNOWN_CURVES]
    if curves:
        files = ", ".join(f"curves/{kind}.csv" for kind in curves)
        blocks.append(
            Paragraph(f"Curves that are not drawn here are in the results folder: {files}.")
        )
    return Section("Further results", tuple(blocks))


def _is_shown(index: Index, metric: str) -> bool:
    """Return whether another section prints the differences in a metric."""
    if index.is_survival or "_vs_" in metric:
        return True
    known = (
        *discrimination.COMPARED,
        *classification.PROPORTIONS,
        *classification.COMBINED,
        *utility.COMPARED,
    )
    return metric in known


def remaining(index: Index) -> list[MetricRow]:
    """Return the rows that no other section shows."""
    declared: list[Measure] = []
    for module in (
        cohorts,
        discrimination,
        classification,
        calibration,
        utility,
        survival,
        heterogeneity,
        case_mix,
        updating,
        sample_size,
    ):
        declared += module.measures(index)
    printed = {
        id(row)
        for group in index.results.cohorts
        for model in (*index.models, "")
        for measure in declared
        if (row := index.row(group, model, measure)) is not None
    }
    return [row for row in index.results.metrics if id(row) not in printed]


def _table(index: Index, rows: list[MetricRow]) -> Table:
    notes = Footnotes()
    lines: list[Row | Band] = []
    for group in index.results.cohorts:
        mine = [r for r in rows if (r.cohort, r.center) == (group.cohort, group.center)]
        if mine:
            lines.append(Band(index.title(group)))
        lines += [
            Row(
                (
                    Cell(_name(index, row)),
                    Cell(row.model or "all patients"),
                    Cell(shown(row), notes.mark(row.note)),
                    Cell(fmt.integer(row.n)),
                    Cell(fmt.integer(row.events)),
                )
            )
            for row in mine
        ]
    return Table(
        caption="Further metrics.",
        columns=(
            Column("Metric"),
            Column("Model"),
            Column(f"Estimate {index.ci}", INTERVAL),
            Column("Patients", RIGHT),
            Column("Events", RIGHT),
        ),
        rows=tuple(lines),
        footnotes=notes.listed(),
        remarks=explanations(index, rows),
    )


def _name(index: Index, row: MetricRow) -> str:
    name = label(row.metric).name
    if row.horizon is not None:
        name = f"{name} at {at_horizon(index, row.horizon)}"
    if row.threshold is not None:
        name = f"{name}, threshold {fmt.threshold(row.threshold)}"
    return name
