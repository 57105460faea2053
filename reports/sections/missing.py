"""What is missing, in which cohort and centre, and which columns go missing together."""

from collections.abc import Iterator, Sequence

from extval.reports import format as fmt
from extval.reports.blocks import (
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
from extval.reports.index import POOLED, Index
from extval.validate.store import MissingRow

MOST_PATTERNS = 12
MOST_LINES = 60
_RULES = {
    "refuse": "A missing prediction or outcome would have been refused.",
    "complete-case": (
        "Patients without a prediction or the outcome were left out; the columns below count all "
        "patients of the table."
    ),
}


def section(index: Index) -> Section:
    """Return the tables of missing cells; nothing when no column may have any."""
    rows = index.results.missing
    if not rows:
        return Section("Missing data", ())
    rule = str(index.protocol.get("missing", {}).get("rule", "refuse"))
    said = _RULES.get(rule, "")
    columns = {row.column for row in rows if row.column}
    if not any(row.missing for row in rows):
        count = fmt.counted(len(columns), "column")
        text = f"No cell is missing in the {count} that the protocol names. {said}".strip()
        return Section("Missing data", (Paragraph(text),))
    blocks: list[Block] = [Paragraph(said)] if said else []
    blocks.append(_by_cohort(index, rows))
    blocks += _by_center(index, rows)
    blocks += _patterns(index)
    return Section("Missing data", tuple(blocks))


def _by_cohort(index: Index, rows: Sequence[MissingRow]) -> Table:
    groups = index.cohorts
    found = {(row.cohort, row.column): row for row in rows if row.center == POOLED}
    columns = dict.fromkeys(row.column for row in rows)
    lines = []
    for column in columns:
        first = found[groups[0].cohort, column]
        cells = [Cell(_count(found[group.cohort, column])) for group in groups]
        name = column or first.use[:1].upper() + first.use[1:]
        lines.append(Row((Cell(name), Cell(first.use if column else ""), *cells)))
    sizes = [found[group.cohort, next(iter(columns))].n for group in groups]
    return Table(
        caption="Missing cells by cohort.",
        columns=(
            Column("Column"),
            Column("Named as"),
            *(
                Column(f"{group.cohort} (n\u00a0=\u00a0{fmt.integer(n)}), n (%)", RIGHT)
                for group, n in zip(groups, sizes, strict=True)
            ),
        ),
        rows=tuple(lines),
        remarks=("Percentages are of all patients of the cohort.",),
    )


def _by_center(index: Index, rows: Sequence[MissingRow]) -> Iterator[Block]:
    """Yield the centres of a cohort with several, and the columns that are missing there."""
    several = {group.cohort for group in index.cohorts if len(index.centers(group.cohort)) > 1}
    shown = [r for r in rows if r.center != POOLED and r.cohort in several and r.missing]
    if not shown:
        return
    if len(shown) > MOST_LINES:
        yield Paragraph("The missing cells of every centre are in missing.csv.")
        return
    lines: list[Row | Band] = []
    for cohort, center in dict.fromkeys((row.cohort, row.center) for row in shown):
        mine = [row for row in shown if (row.cohort, row.center) == (cohort, center)]
        lines.append(Band(f"{center} ({cohort}): {fmt.counted(mine[0].n, 'patient')}"))
        lines += [Row((Cell(row.column or row.use), Cell(_count(row)))) for row in mine]
    yield Table(
        caption="Missing cells by centre; columns and centres without any are not listed.",
        columns=(Column("Column"), Column("Missing, n (%)", RIGHT)),
        rows=tuple(lines),
    )


def _patterns(index: Index) -> Iterator[Block]:
    lines: list[Row | Band] = []
    rest = 0
    for group in index.cohorts:
        where = (group.cohort, POOLED)
        mine = [r for r in index.results.missing_patterns if (r.cohort, r.center) == where]
        rest += max(0, len(mine) - MOST_PATTERNS)
        lines.append(Band(index.name(group)))
        lines += [
            Row(
                (
                    Cell(row.pattern or "none"),
                    Cell(fmt.integer(row.columns)),
                    Cell(f"{fmt.integer(row.patients)} ({fmt.number(100 * row.share, digits=1)})"),
                )
            )
            for row in mine[:MOST_PATTERNS]
        ]
    said = f"{rest} rarer patterns are in missing_patterns.csv." if rest else ""
    yield Table(
        caption="Columns that are missing together.",
        columns=(
            Column("Missing columns"),
            Column("Columns", RIGHT),
            Column("Patients, n (%)", RIGHT),
        ),
        rows=tuple(lines),
        remarks=(said,) if said else (),
    )


def _count(row: MissingRow) -> str:
    if row.share is None:
        return fmt.ABSENT
    return f"{fmt.integer(row.missing)} ({fmt.number(100 * row.share, digits=1)})"
