"""The tests between risk groups beside that of all groups: strata, trend, pairs, permutation."""

from collections.abc import Iterator

from extval.reports import format as fmt
from extval.reports.blocks import RIGHT, Band, Block, Cell, Column, Row, Table
from extval.reports.index import Index, Measure
from extval.reports.tabulation import Footnotes
from extval.validate.risk_groups import risk_group_names
from extval.validate.store import CohortRow, MetricRow

BASES = ("logrank", "gray")


def parts(index: Index) -> dict[str, str]:
    """Return what is tested, under the part of the metric's name that says so."""
    found = {"": "all groups", "_stratified": "all groups, stratified", "_trend": "trend"}
    for model in index.results.models:
        names = risk_group_names(len(model.risk_group_cuts) + 1)
        for place, lower in enumerate(names):
            for higher in names[place + 1 :]:
                pair = f"_{higher}_v_{lower}".replace(" ", "_")
                found[pair] = f"{higher} v {lower}"
    return {**found, "_permutation": "all groups, permutation"}


def measures(index: Index, ending: str = "") -> Iterator[Measure]:
    """Yield every metric that the table shows; `ending` goes after the names."""
    for base in BASES:
        for part in parts(index):
            name = f"{base}{part}"
            yield from (Measure(f"{name}{ending}{end}") for end in ("", "_df", "_p"))
            yield Measure(f"{name}_holm{ending}_p")


def blocks(index: Index) -> list[Block]:
    """Return the table of all tests between the risk groups; none if there is but one test."""
    notes, rows, methods = Footnotes(), list[Row | Band](), dict[str, None]()
    several, adjusted = False, False
    for group in index.cohorts:
        lines = []
        for model in index.models:
            for base in BASES:
                for part, what in parts(index).items():
                    test = index.row(group, model, Measure(f"{base}{part}"))
                    if test is None:
                        continue
                    several |= part != ""
                    adjusted |= _p(index, group, model, f"{base}{part}_holm") is not None
                    methods[test.method] = None
                    lines.append(_line(index, group, test, what, notes))
        if lines:
            rows += [Band(index.title(group)), *lines]
    if not several:
        return []
    columns = [Column("Model"), Column("Test of"), Column("χ² (df)", RIGHT), Column("P", RIGHT)]
    said: tuple[str, ...] = ()
    if adjusted:
        columns.append(Column("P,\u00a0Holm", RIGHT))
        said = ("P, Holm: adjusted over the pairs of one model in one cohort.",)
    else:
        rows = [Row(r.cells[:-1]) if isinstance(r, Row) else r for r in rows]
    return [
        Table(
            caption="Tests between the risk groups.",
            columns=tuple(columns),
            rows=tuple(rows),
            footnotes=notes.listed(),
            remarks=(f"Estimators. {'. '.join(methods)}.", *said),
        )
    ]


def _p(index: Index, group: CohortRow, model: str, name: str) -> MetricRow | None:
    return index.row(group, model, Measure(f"{name}_p"))


def _line(index: Index, group: CohortRow, test: MetricRow, what: str, notes: Footnotes) -> Row:
    df = index.row(group, test.model, Measure(f"{test.metric}_df"))
    raw, holm = (_p(index, group, test.model, test.metric + end) for end in ("", "_holm"))
    statistic = fmt.number(test.estimate, digits=1)
    if df is not None and df.estimate is not None:
        statistic = f"{statistic} ({fmt.plain(df.estimate)})"
    return Row(
        (
            Cell(test.model),
            Cell(what, notes.mark(test.note)),
            Cell(statistic),
            Cell(fmt.p_value(None if raw is None else raw.estimate)),
            Cell(fmt.ABSENT if holm is None else fmt.p_value(holm.estimate)),
        )
    )
