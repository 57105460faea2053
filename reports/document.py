"""A report to PDF: boxes are laid out first, so that every page number is known before drawing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from extval.reports import format as fmt
from extval.reports import pages, typefaces, typeset
from extval.reports.blocks import Block, Caution, Figure, Paragraph, Report, Subheading, Table
from extval.reports.boxes import Box, CautionBox, ContentsBox, HeadingBox, TextBox
from extval.reports.figure_layout import lay_figure
from extval.reports.figures.axes import STYLE
from extval.reports.pages import SIDE, Page, column_width
from extval.reports.table_layout import lay_table
from extval.reports.typeset import Span, Style

KICKER = Style(size=7.0, leading=10.0, color="#555555")
TITLE = Style(size=15.0, leading=19.0, bold=True)
FACT = Style(size=7.6, leading=10.4)
BODY = Style(size=8.2, leading=11.6)
SMALL = Style(size=7.4, leading=10.0)
HEADING = Style(size=12.5, leading=16.0, bold=True)
SUBHEADING = Style(size=9.5, leading=13.0, bold=True)
CONTENTS = (
    Style(size=8.2, leading=13.0, bold=True),
    Style(size=7.6, leading=10.8),
)
RUNNING = Style(size=6.3, leading=8.0, color="#555555")


def write_pdf(report: Report, path: Path) -> None:
    """Write a report as a PDF (A4) whose bytes depend on nothing but the report."""
    boxes, breaks = _boxes(report)
    sheets = pages.fill(boxes, breaks=breaks)
    typefaces.font(typefaces.REGULAR)
    typefaces.font(typefaces.BOLD)
    canvas = Canvas(
        str(path),
        pagesize=A4,
        invariant=1,
        pageCompression=1,
        initialFontName=typefaces.REGULAR,
        initialFontSize=BODY.size,
        lang="en-GB",
    )
    canvas.setTitle(typefaces.clean(report.title))
    canvas.setSubject(typefaces.clean(report.subtitle))
    canvas.setAuthor("extval")
    canvas.setCreator("extval")
    canvas.showOutline()
    with mpl.rc_context(STYLE):
        for number, sheet in enumerate(sheets, start=1):
            _draw_page(canvas, sheet, report, number, len(sheets))
    canvas.save()


def _draw_page(canvas: Any, sheet: Page, report: Report, number: int, total: int) -> None:
    width, height = sheet.size
    canvas.setPageSize((width, height))
    _draw_margins(canvas, report, number, total, width, height)
    for box, top in sheet.placed:
        box.draw(canvas, SIDE, top)
    canvas.showPage()


def _draw_margins(
    canvas: Any, report: Report, number: int, total: int, width: float, height: float
) -> None:
    """Draw the running title (not on the first page), the footer and the page number."""
    inner = width - 2 * SIDE
    count = f"Page {fmt.integer(number)} of {fmt.integer(total)}"
    count_width = typeset.natural_width(count, RUNNING)
    footer = typeset.shortened(report.footer, inner - count_width - 12.0, RUNNING)
    low = 10 * mm
    canvas.setStrokeColor("#BBBBBB")
    canvas.setLineWidth(0.4)
    canvas.line(SIDE, low + 2.0, width - SIDE, low + 2.0)
    typeset.draw_lines(canvas, footer, SIDE, low, style=RUNNING)
    line = typeset.break_lines(count, inner, RUNNING)
    typeset.draw_lines(canvas, line, width - SIDE - count_width, low, style=RUNNING)
    if number > 1:
        title = typeset.shortened(report.title, inner, RUNNING)
        high = height - 9.5 * mm
        typeset.draw_lines(canvas, title, SIDE, high, style=RUNNING)
        canvas.line(SIDE, high - RUNNING.leading - 1.5, width - SIDE, high - RUNNING.leading - 1.5)


def _boxes(report: Report) -> tuple[list[Box], frozenset[int]]:
    """Return all boxes in order, and the positions of those that begin a page."""
    width = column_width(landscape=False)
    headings: list[HeadingBox] = []
    numbers = _Numbers()
    title = HeadingBox(
        typeset.break_lines(report.title, width, TITLE),
        TITLE,
        "Summary",
        "summary",
        0,
        space=0.0,
        keep=True,
    )
    headings.append(title)
    boxes: list[Box] = [TextBox.of(report.subtitle, width, KICKER, keep=True), title]
    for name, text in report.facts:
        boxes.append(TextBox.of([Span(f"{name}. ", bold=True), Span(text)], width, FACT, space=0.0))
    boxes += _first_page(report.summary, boxes, numbers, width)
    breaks = {len(boxes)}
    contents = TextBox.of("Contents", width, HEADING, keep=True)
    boxes += [contents, ContentsBox(headings, CONTENTS, width)]
    for position, section in enumerate(report.sections, start=1):
        name = f"{fmt.section_number(position)} {section.title}"
        heading = HeadingBox(
            typeset.break_lines(name, width, HEADING),
            HEADING,
            name,
            f"section-{position}",
            0,
            space=20.0,
        )
        headings.append(heading)
        if section.new_page:
            breaks.add(len(boxes))
        boxes.append(heading)
        part = 0
        for block in section.blocks:
            if isinstance(block, Subheading):
                part += 1
                entry = f"{fmt.section_number(position, part)} {block.text}"
                lower = HeadingBox(
                    typeset.break_lines(entry, width, SUBHEADING),
                    SUBHEADING,
                    entry,
                    f"section-{position}-{part}",
                    1,
                    space=12.0,
                )
                headings.append(lower)
                boxes.append(lower)
            else:
                boxes += _laid(block, numbers, width)
    _turn_headings(boxes)
    return boxes, frozenset(breaks)


def _first_page(
    blocks: Sequence[Block], above: Sequence[Box], numbers: "_Numbers", width: float
) -> list[Box]:
    """Return the boxes of the summary, without optional figures where they need a second page.

    The last optional figure goes first. When even the rest is too long, the others stay.
    """
    optional = [b for b in blocks if isinstance(b, Figure) and b.optional]
    attempts = []
    for count in range(len(optional), -1, -1):
        dropped = optional[count:]
        trial = _Numbers()
        kept = [block for block in blocks if block not in dropped]
        boxes = [box for block in kept for box in _laid(block, trial, width)]
        attempts.append((trial, boxes))
        if len(pages.fill([*above, *boxes])) == 1:
            break
    else:
        trial, boxes = attempts[min(1, len(attempts) - 1)]
    numbers.tables, numbers.figures = trial.tables, trial.figures
    return boxes


class _Numbers:
    """Counts tables and figures."""

    def __init__(self) -> None:
        self.tables = self.figures = 0


def _laid(block: Block, numbers: _Numbers, width: float) -> Iterator[Box]:
    if isinstance(block, Table):
        numbers.tables += 1
        yield lay_table(block, numbers.tables)
    elif isinstance(block, Figure):
        numbers.figures += 1
        yield lay_figure(block, numbers.figures)
    elif isinstance(block, Paragraph):
        yield TextBox.of(block.text, width, BODY, space=5.0)
    elif isinstance(block, Caution):
        yield CautionBox.of(block.title, block.sentences, width, SMALL)


def _turn_headings(boxes: list[Box]) -> None:
    """Put a heading on the landscape page of the table that it announces."""
    for box, following in zip(reversed(boxes[:-1]), reversed(boxes[1:]), strict=True):
        if isinstance(box, HeadingBox) and following.landscape:
            box.landscape = True
