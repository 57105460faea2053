"""Who the patients are: the baseline table by cohort, centre and outcome."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import floor, log10

from extval.reports import format as fmt
from extval.reports.blocks import INTERVAL, RIGHT, Band, Cell, Column, Row, Section, Table
from extval.reports.index import POOLED, Index
from extval.reports.tabulation import Footnotes
from extval.validate.store import BaselineRow

MOST_GROUPS = 5
_SPLITS = {"cohort": "cohort", "center": "centre", "outcome": "outcome"}
_NUMBERS = ("median [IQR]", "mean (SD)", "range")


def section(index: Index) -> Section:
    """Return a table a split; many centres take several tables."""
    splits: dict[tuple[str, str], list[BaselineRow]] = {}
    for row in index.results.baseline:
        splits.setdefault((row.by, row.cohort), []).append(row)
    tables = [
        table
        for (by, cohort), rows in splits.items()
        for table in _tables(index, _caption(by, cohort), rows)
    ]
    return Section("Characteristics of the patients", tuple(tables))


def _caption(by: str, cohort: str) -> str:
    of = "" if cohort == POOLED else f" of the {cohort} cohort"
    return f"Baseline characteristics{of} by {_SPLITS.get(by, by)}."


def _tables(index: Index, caption: str, rows: Sequence[BaselineRow]) -> Iterator[Table]:
    """Yield the table of one split; differences and tests of all groups stand in the last part."""
    groups = list(dict.fromkeys(row.group for row in rows if row.group))
    for start in range(0, len(groups), MOST_GROUPS):
        part = groups[start : start + MOST_GROUPS]
        last = start + MOST_GROUPS >= len(groups)
        yield _table(index, caption, rows, part, with_differences=last)


def _table(
    index: Index,
    caption: str,
    rows: Sequence[BaselineRow],
    groups: Sequence[str],
    *,
    with_differences: bool,
) -> Table:
    notes = Footnotes()
    measures = {row.measure for row in rows}
    tested, pairs = "test_p" in measures, "smd_largest" in measures
    lines: list[Row | Band] = []
    for variable in dict.fromkeys(row.variable for row in rows):
        mine = [row for row in rows if row.variable == variable]
        found = {(row.group, row.category, row.measure): row for row in mine}
        beside = _beside(found, notes, tested=tested) if with_differences else ()
        lines.append(Band(variable))
        for place, (name, cells) in enumerate(_lines(mine, found, groups, notes)):
            blank = (Cell(""),) * len(beside)
            lines.append(Row((Cell(name), *cells, *(blank if place else beside))))
    heading = "Largest SMD" if pairs else f"SMD {index.ci}"
    extra = [Column(heading, RIGHT if pairs else INTERVAL), *([Column("P", RIGHT)] * tested)]
    return Table(
        caption=caption,
        columns=(
            Column("Characteristic"),
            *(Column(f"{group} ({_patients(rows, group)})", RIGHT) for group in groups),
            *(extra if with_differences else ()),
        ),
        rows=tuple(lines),
        footnotes=notes.listed(),
        remarks=tuple(_remarks(rows, tested=tested)),
    )


def _remarks(rows: Iterable[BaselineRow], *, tested: bool) -> Iterator[str]:
    rows = list(rows)
    yield (
        "SD, standard deviation; IQR, first to third quartile; SMD, standardised mean difference "
        "(first group minus second; above 0.1 in size the groups are usually called unlike). "
        "Percentages are of the patients whose value is known."
    )
    methods = dict.fromkeys(row.method for row in rows if row.measure.startswith("smd"))
    yield f"Estimators. SMD: {'; '.join(methods)}."
    if tested:
        rules = dict.fromkeys(
            row.method.partition("rule: ")[2] for row in rows if row.measure == "test_p"
        )
        yield f"P, two-sided, raw, by the declared rule: {'; '.join(rules)}."
    else:
        yield "No test was declared."


def _patients(rows: Sequence[BaselineRow], group: str) -> str:
    """Return how many patients a group has; the row of missing values counts them all."""
    count = next(row.n for row in rows if row.group == group and row.measure == "missing")
    return f"n\u00a0=\u00a0{fmt.integer(count)}"


Found = Mapping[tuple[str, str, str], BaselineRow]


def _lines(
    rows: Sequence[BaselineRow], found: Found, groups: Sequence[str], notes: Footnotes
) -> Iterator[tuple[str, list[Cell]]]:
    """Yield the lines of one variable: its numbers or categories, then what is missing."""
    categories = list(dict.fromkeys(row.category for row in rows if row.category))
    if categories:
        for category in categories:
            yield f"{category}, n (%)", [_count(found, group, category) for group in groups]
    else:
        digits = _digits(row.value for row in rows if row.measure == "sd")
        for name in _NUMBERS:
            yield name, [_number(found, group, name, digits, notes) for group in groups]
    missing = [found.get((group, "", "missing")) for group in groups]
    if any(row is not None and row.measure == "missing" and row.value for row in rows):
        cells = [fmt.ABSENT if row is None else fmt.integer(row.value) for row in missing]
        yield "missing, n", [Cell(text) for text in cells]


def _count(found: Found, group: str, category: str) -> Cell:
    count = found.get((group, category, "count"))
    share = found.get((group, category, "proportion"))
    if count is None or share is None or share.value is None:
        return Cell(fmt.ABSENT)
    return Cell(f"{fmt.integer(count.value)} ({fmt.number(100 * share.value, digits=1)})")


def _number(found: Found, group: str, name: str, digits: int, notes: Footnotes) -> Cell:
    wanted = {
        "median [IQR]": ("median", "q1", "q3"),
        "mean (SD)": ("mean", "sd"),
        "range": ("minimum", "maximum"),
    }[name]
    parts = [found[group, "", measure] for measure in wanted]
    values = [fmt.number(part.value, digits=digits) for part in parts]
    mark = notes.mark(next((part.note for part in parts if part.note), ""))
    if parts[0].value is None:
        return Cell(fmt.NOT_ESTIMABLE, mark)
    if name == "median [IQR]":
        return Cell(f"{values[0]} [{values[1]} to {values[2]}]", mark)
    if name == "mean (SD)":
        return Cell(f"{values[0]} ({values[1]})", mark)
    return Cell(f"{values[0]} to {values[1]}", mark)


def _digits(spreads: Iterable[float | None]) -> int:
    """Return the decimals that show two digits of the largest standard deviation."""
    largest = max((s for s in spreads if s), default=1.0)
    return min(4, max(0, 1 - floor(log10(largest))))


def _beside(found: Found, notes: Footnotes, *, tested: bool) -> tuple[Cell, ...]:
    """Return the cells that compare the groups."""
    cells = []
    smd = found.get(("", "", "smd")) or found.get(("", "", "smd_largest"))
    if smd is None:
        cells.append(Cell(fmt.ABSENT))
    else:
        bounded = smd.measure == "smd" and smd.value is not None
        text = fmt.estimate(smd.value, smd.lower, smd.upper, digits=2, bounded=bounded)
        cells.append(Cell(text, notes.mark(smd.note)))
    if tested:
        test = found.get(("", "", "test_p"))
        if test is None:
            cells.append(Cell(fmt.ABSENT))
        else:
            used = f"{test.method.partition('; rule:')[0]}."
            used = used[:1].upper() + used[1:]
            marks = notes.mark(" ".join(part for part in (used, test.note) if part))
            cells.append(Cell(fmt.p_value(test.value), marks))
    return tuple(cells)
