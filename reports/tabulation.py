"""Rows of the store to tables: a band a cohort or centre, a row a model, a column a measure."""

from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from string import ascii_lowercase

from extval.reports import format as fmt
from extval.reports import labels
from extval.reports.blocks import INTERVAL, RIGHT, Band, Cell, Column, Footnote, Row, Table
from extval.reports.index import Index, Measure
from extval.validate.store import CohortRow, ComparisonRow, MetricRow

# Their differences between models are so small that the decimals of the measure show nothing.
SMALL_DIFFERENCES = frozenset({"brier", "brier_t", "ibs", "net_benefit", "net_benefit_t"})


class Footnotes:
    """Gives every distinct sentence one letter, in order of appearance."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def mark(self, sentence: str) -> str:
        """Return the letter of a sentence; no letter for an empty one."""
        if not sentence:
            return ""
        return self._letters.setdefault(sentence, _letter(len(self._letters)))

    def listed(self) -> tuple[Footnote, ...]:
        """Return the sentences with their letters."""
        return tuple(Footnote(letter, text) for text, letter in self._letters.items())


def metric_table(
    index: Index,
    *,
    caption: str,
    groups: Sequence[CohortRow],
    measures: Sequence[Measure],
    remarks: Iterable[str] = (),
    more: Callable[[CohortRow], Iterable[tuple[str, str]]] = lambda _: (),
    said: Callable[[MetricRow], str] = lambda row: row.note,
) -> Table | None:
    """Return the table of several measures of every model in every group.

    A measure that no group has is left out, and so is a group that has none of them; None if
    nothing remains. A column that is a test takes its degrees of freedom into the same cell.
    `more` gives further lines of a group: a name and the text of the first measure. `said` gives
    the footnote of a row.
    """
    names = index.models
    used = [m for m in measures if any(index.row(g, n, m) for g in groups for n in names)]
    if not used:
        return None
    notes, found = Footnotes(), []
    rows: list[Row | Band] = []
    for group in groups:
        lines = [
            (name, [index.row(group, name, measure) for measure in used])
            for name in names
            if any(index.row(group, name, measure) for measure in used)
        ]
        if lines and len(groups) > 1:
            rows.append(Band(index.title(group), notes.mark(group.note)))
        for name, cells in lines:
            found += [cell for cell in cells if cell is not None]
            shown = (metric_cell(index, group, cell, notes, said) for cell in cells)
            rows.append(Row((Cell(name), *shown)))
        blanks = (Cell(fmt.ABSENT),) * (len(used) - 1)
        rows += [Row((Cell(name), Cell(text), *blanks)) for name, text in more(group)]
    return Table(
        caption=caption,
        columns=(Column("Model"), *(column(index, measure, found) for measure in used)),
        rows=tuple(rows),
        footnotes=notes.listed(),
        remarks=(*remarks, *explanations(index, found)),
    )


def comparison_table(
    index: Index,
    *,
    caption: str,
    entries: Sequence[tuple[str, CohortRow, str]],
) -> Table | None:
    """Return a table of differences; None without any.

    Each entry is the text of a band, the cohort or centre, and the metric that was compared; all
    metrics of one table have the same unit. The band is left out when there is only one.
    """
    notes = Footnotes()
    rows: list[Row | Band] = []
    found: list[ComparisonRow] = []
    bands = [entry for entry in entries if index.comparisons(*entry[1:])]
    for band, group, metric in bands:
        if len(bands) > 1:
            rows.append(Band(band, notes.mark(group.note)))
        for line in index.comparisons(group, metric):
            found.append(line)
            rows.append(_comparison_row(index, line, notes))
    if not found:
        return None
    adjustment = next((line.adjustment for line in found if line.adjustment), "none")
    adjusted = {"none": "", "holm": "P,\u00a0Holm"}.get(adjustment, f"P, {adjustment}")
    with_df = any(line.df is not None for line in found)
    columns: tuple[Column, ...] = (
        Column("Comparison" if any(line.model_a != line.model_b for line in found) else "Model"),
        Column(f"Difference{_unit_of(found[0].metric)} {index.ci}", INTERVAL),
        Column("Statistic (df)" if with_df else "z", RIGHT),
        Column("P", RIGHT),
        Column(adjusted, RIGHT),
    )
    kept = [True, True, any(line.statistic is not None for line in found), True, bool(adjusted)]
    columns = tuple(compress(columns, kept))
    rows = [Row(tuple(compress(r.cells, kept))) if isinstance(r, Row) else r for r in rows]
    methods = "; ".join(dict.fromkeys(line.method for line in found if line.method))
    family = (
        f" {adjusted}: adjusted over the comparisons in one measure "
        "(at one horizon) in one cohort or centre."
        if adjusted
        else ""
    )
    return Table(
        caption=caption,
        columns=columns,
        rows=tuple(rows),
        footnotes=notes.listed(),
        remarks=(
            *((f"Estimators. {methods}.",) if methods else ()),
            f"P, two-sided, raw.{family}",
        ),
    )


def _unit_of(metric: str) -> str:
    """Return the unit of a difference for its heading."""
    percent = labels.label(metric).kind == labels.PERCENT
    return ", percentage points" if percent else ""


def explanations(index: Index, rows: Iterable[MetricRow]) -> tuple[str, ...]:
    """Return the remarks below a table: abbreviations, and the estimator of every column."""
    rows = list(rows)
    metrics = list(dict.fromkeys(row.metric for row in rows))
    written_out = [
        f"{labels.heading(metric)}, {labels.label(metric).meaning}"
        for metric in metrics
        if labels.label(metric).meaning
    ]
    methods: dict[str, list[str]] = {}
    for row in rows:
        name = labels.heading(row.metric)
        if row.method and not row.metric.endswith(("_df", "_p")):
            known = methods.setdefault(row.method, [])
            if name not in known:
                known.append(name)
    estimators = [f"{', '.join(names)}: {method}" for method, names in methods.items()]
    interval = any(row.lower is not None for row in rows)
    return tuple(
        remark
        for remark in (
            f"Values are estimates ({index.level} confidence intervals)." if interval else "",
            "; ".join(written_out) + "." if written_out else "",
            "Estimators. " + ". ".join(estimators) + "." if estimators else "",
        )
        if remark
    )


def metric_cell(
    index: Index,
    group: CohortRow,
    row: MetricRow | None,
    notes: Footnotes,
    said: Callable[[MetricRow], str] = lambda row: row.note,
) -> Cell:
    """Return the cell of one number; what is said of it becomes a footnote."""
    if row is None:
        return Cell(fmt.ABSENT)
    df = index.row(group, row.model, Measure(f"{row.metric}_df", row.horizon))
    text = labels.shown(row, df=None if df is None else df.estimate)
    return Cell(text, notes.mark(said(row)))


def column(index: Index, measure: Measure, found: Sequence[MetricRow]) -> Column:
    """Return the heading of one measure; `found` are the rows that the table shows."""
    about = labels.label(measure.metric)
    rows = [row for row in found if row.metric == measure.metric]
    heading = about.name
    if measure.horizon is not None:
        heading = f"{heading} at {at_horizon(index, measure.horizon)}"
    thresholds = {row.threshold for row in rows}
    if measure.metric in ("net_benefit", "net_benefit_t") and len(thresholds) == 1:
        joint = " at" if measure.horizon is None else ", threshold"
        heading = f"{heading}{joint} {fmt.threshold(thresholds.pop())}"
    if any(row.lower is not None for row in rows):
        return Column(f"{heading} {index.ci}", INTERVAL)
    return Column(heading, INTERVAL if about.kind == labels.STATISTIC else RIGHT)


def at_horizon(index: Index, horizon: float) -> str:
    """Return a horizon with its unit."""
    return fmt.with_unit(horizon, index.unit)


def _comparison_row(index: Index, line: ComparisonRow, notes: Footnotes) -> Row:
    about = labels.label(line.metric)
    values = (line.difference, line.lower, line.upper)
    bounded = line.lower is not None or bool(line.note)
    if about.kind == labels.PERCENT:
        difference = fmt.percentages(*values, digits=about.digits, bounded=bounded)
    else:
        digits = max(about.digits, 2) + (line.metric in SMALL_DIFFERENCES)
        difference = fmt.estimate(*values, digits=digits, bounded=bounded)
    name = line.model_a
    if line.model_b != line.model_a:
        name = f"{line.model_a} \u2212 {line.model_b}"
    if line.horizon is not None:
        name = f"{name}, {at_horizon(index, line.horizon)}"
    statistic = fmt.number(line.statistic, digits=2)
    if line.statistic is None and line.p_value is not None:
        statistic = fmt.ABSENT  # an exact test has no statistic
    if line.df is not None and line.statistic is not None:
        statistic = f"{statistic} ({fmt.plain(line.df, significant=4)})"
    return Row(
        (
            Cell(name, notes.mark(line.note)),
            Cell(difference),
            Cell(statistic),
            Cell(fmt.p_value(line.p_value)),
            Cell(fmt.p_value(line.p_adjusted)),
        )
    )


def _letter(position: int) -> str:
    """Return a, b, ..., z, aa, ab, ..."""
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, len(ascii_lowercase))
        letters = ascii_lowercase[rest] + letters
    return letters
