"""The short report of `extval agreement`: how well readers agree; every number is from its rows."""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

from extval.reports import format as fmt
from extval.reports import typefaces
from extval.reports.blocks import (
    INTERVAL,
    RIGHT,
    Block,
    Cell,
    Column,
    Paragraph,
    Report,
    Row,
    Section,
    Table,
)
from extval.reports.document import write_pdf
from extval.reports.errors import ReportError
from extval.reports.tabulation import Footnotes
from extval.validate.reader_agreement import AgreementRow
from extval.validate.segmentation_agreement import SegmentationRow, summary

__all__ = ["ReportError", "write_reader_report", "write_segmentation_report"]

MOST_ROWS = 400
_DEFAULT = "Statistics to quote, one a feature."
_ALL = "Every other statistic of the features."


def write_reader_report(
    rows: Sequence[AgreementRow], provenance: Mapping[str, Any], path: Path
) -> None:
    """Write the report on ratings.

    Raises
    ------
    ReportError
        If a name holds a character that no font can draw.
    """
    typefaces.check(("feature", name) for name in dict.fromkeys(r.feature for r in rows))
    typefaces.check(("statistic", name) for name in dict.fromkeys(r.statistic for r in rows))
    quoted = [row for row in rows if row.default]
    others = [row for row in rows if not row.default]
    blocks: list[Block] = []
    if others and len(rows) <= MOST_ROWS:
        blocks.append(_ratings(_ALL, others))
    else:
        said = "Every statistic of every feature is in agreement.csv of the results folder."
        blocks.append(Paragraph(said))
    facts = (
        ("Features", fmt.integer(len(dict.fromkeys(row.feature for row in rows)))),
        ("Subjects", _span(row.subjects for row in quoted)),
        ("Raters", _span(row.raters for row in quoted)),
    )
    first = _ratings(_DEFAULT, quoted[:MOST_ROWS])
    _write("Agreement of readers", facts, first, blocks, provenance, path)


def write_segmentation_report(
    rows: Sequence[SegmentationRow], provenance: Mapping[str, Any], path: Path
) -> None:
    """Write the report on segmentations: a summary a label, then the subjects.

    Raises
    ------
    ReportError
        If a name holds a character that no font can draw.
    """
    typefaces.check(("subject", name) for name in dict.fromkeys(row.subject for row in rows))
    overall = Table(
        caption="Agreement of two readers' segmentations over the subjects.",
        columns=(
            Column("Label"),
            Column("Measure"),
            Column("Median (range)", INTERVAL),
            Column("Subjects", RIGHT),
            Column("Not estimable", RIGHT),
        ),
        rows=tuple(
            Row(
                (
                    Cell(fmt.integer(one.label)),
                    Cell(one.measure),
                    Cell(_estimate(one.median, one.low, one.high)),
                    Cell(fmt.integer(one.subjects)),
                    Cell(fmt.integer(one.not_estimable)),
                )
            )
            for one in summary(rows)
        ),
        remarks=(
            "Surface Dice: share of both surfaces within the tolerance of "
            f"{fmt.plain(rows[0].tolerance)} mm of the other."
            if rows
            else "",
        ),
    )
    blocks: list[Block] = [_masks(rows[:MOST_ROWS])]
    if len(rows) > MOST_ROWS:
        blocks.append(Paragraph("Every subject is in segmentations.csv of the results folder."))
    subjects = len(dict.fromkeys(row.subject for row in rows))
    facts = (("Subjects", fmt.integer(subjects)),)
    _write("Agreement of segmentations", facts, overall, blocks, provenance, path)


def _ratings(caption: str, rows: Sequence[AgreementRow]) -> Table:
    notes = Footnotes()
    level = rows[0].level if rows else 0.95
    lines = tuple(
        Row(
            (
                Cell(row.feature),
                Cell(row.statistic, notes.mark(row.note)),
                Cell(_estimate(row.estimate, row.lower, row.upper)),
                Cell(fmt.ABSENT if isnan(row.p_value) else fmt.p_value(row.p_value)),
                Cell(fmt.integer(row.subjects)),
                Cell(fmt.integer(row.excluded)),
                Cell(fmt.integer(row.raters)),
            )
        )
        for row in rows
    )
    return Table(
        caption=caption,
        columns=(
            Column("Feature"),
            Column("Statistic"),
            Column(f"Estimate {fmt.interval_heading(level)}", INTERVAL),
            Column("P", RIGHT),
            Column("Subjects", RIGHT),
            Column("Left out", RIGHT),
            Column("Raters", RIGHT),
        ),
        rows=lines,
        footnotes=notes.listed(),
        remarks=(
            "P: of no agreement beyond chance (kappa) or no variance between subjects (intraclass "
            "correlation), raw. Left out: subjects without a rating by every rater.",
            f"Estimators. {'; '.join(dict.fromkeys(row.method for row in rows))}.",
        ),
    )


def _masks(rows: Sequence[SegmentationRow]) -> Table:
    notes = Footnotes()
    return Table(
        caption="Subjects.",
        columns=(
            Column("Subject"),
            Column("Label", RIGHT),
            *(
                Column(name, RIGHT)
                for name in ("Dice", "Jaccard", "Hausdorff-95, mm", "Surface Dice", "ml", "ml")
            ),
        ),
        rows=tuple(
            Row(
                (
                    Cell(row.subject, notes.mark(row.note)),
                    Cell(fmt.integer(row.label)),
                    *(
                        Cell(
                            fmt.NOT_ESTIMABLE if isnan(value) else fmt.number(value, digits=digits)
                        )
                        for value, digits in (
                            (row.dice, 3),
                            (row.jaccard, 3),
                            (row.hausdorff_95, 1),
                            (row.surface_dice, 3),
                            (row.volume_a / 1000.0, 2),
                            (row.volume_b / 1000.0, 2),
                        )
                    ),
                )
            )
            for row in rows
        ),
        footnotes=notes.listed(),
        remarks=("ml: volume of the first and of the second reader.",),
    )


def _estimate(value: float, low: float, high: float) -> str:
    known = [None if isnan(one) else one for one in (value, low, high)]
    return fmt.estimate(known[0], known[1], known[2], digits=3, bounded=True)


def _span(counts: Iterator[int]) -> str:
    known = sorted(set(counts))
    if len(known) < 2:
        return "".join(map(fmt.integer, known)) or fmt.ABSENT
    return f"{fmt.integer(known[0])} to {fmt.integer(known[-1])}"


def _write(
    title: str,
    facts: Sequence[tuple[str, str]],
    first: Table,
    blocks: Sequence[Block],
    provenance: Mapping[str, Any],
    path: Path,
) -> None:
    inputs = provenance["inputs"][:MOST_ROWS]
    versions = {"extval": provenance["extval"], "Python": provenance["python"]}
    versions |= provenance["packages"]
    made = Section(
        "Provenance",
        (
            Paragraph(f"Command: {provenance['command']}."),
            Table(
                caption="Inputs.",
                columns=(Column("File"), Column("Role"), Column("SHA-256")),
                rows=tuple(
                    Row(tuple(Cell(str(item[key])) for key in ("name", "role", "sha256")))
                    for item in inputs
                ),
            ),
            Table(
                caption="Versions.",
                columns=(Column("Software"), Column("Version")),
                rows=tuple(Row((Cell(name), Cell(str(v)))) for name, v in versions.items()),
            ),
        ),
    )
    typefaces.check(("input", str(item["name"])) for item in inputs)
    report = Report(
        title=title,
        subtitle="extval agreement",
        facts=tuple(facts),
        summary=(first,),
        sections=(Section("In detail", tuple(blocks)), made),
        footer=f"extval {provenance['extval']}",
    )
    write_pdf(report, path)
