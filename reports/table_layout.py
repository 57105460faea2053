"""Tables to strips: column widths, aligned numbers, headings that repeat on every page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from extval.reports import format as fmt
from extval.reports import typeset
from extval.reports.blocks import LEFT, RIGHT, Band, Cell, Row, Table
from extval.reports.boxes import FloatBox, Piece, RulePiece, Strip, TextPiece
from extval.reports.pages import column_width
from extval.reports.typeset import Line, Span, Style

CELL = Style(size=7.0, leading=9.0)
HEAD = Style(size=7.0, leading=8.8, bold=True)
CAPTION = Style(size=8.0, leading=11.0)
FOOT = Style(size=6.3, leading=8.2, color="#333333")
GAP, MOST_EXTRA, LEAST_TEXT, MOST_HEADING, ROW_PAD = 9.0, 30.0, 64.0, 90.0, 1.6
SHRUNK = 0.87
STACKED_FROM = 8
"""Brackets of so many characters go below their estimate when a column is narrow."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the columns of a table stand, and whether intervals go below their estimates."""

    widths: tuple[float, ...]
    anchors: tuple[float, ...]
    gap: float
    stacked: bool
    landscape: bool
    cell: Style
    head: Style

    @property
    def width(self) -> float:
        return sum(self.widths) + self.gap * (len(self.widths) - 1)

    def lefts(self) -> list[float]:
        found, x = [], 0.0
        for width in self.widths:
            found.append(x)
            x += width + self.gap
        return found


def lay_table(table: Table, number: int) -> FloatBox:
    """Return a table as a box; it turns to landscape only when it does not fit otherwise."""
    layout = _fit(table)
    width = column_width(landscape=layout.landscape)
    title = f"Table {fmt.integer(number)}"
    caption = typeset.break_lines(
        [Span(f"{title}. ", bold=True), Span(table.caption)], width, CAPTION
    )
    again = typeset.break_lines([Span(f"{title}, continued.", bold=True)], width, CAPTION)
    heading: list[Piece] = [
        RulePiece(layout.width, 0.9, 3.0, 1.5),
        _heading(table, layout),
        RulePiece(layout.width, 0.45, 1.5, 1.5),
    ]
    return FloatBox(
        head=[TextPiece(caption, CAPTION), *heading],
        again=[TextPiece(again, CAPTION), *heading],
        strips=_strips(table, layout),
        tail=[RulePiece(layout.width, 0.9, 1.0, 3.0)],
        foot=lay_notes(table, width),
        landscape=layout.landscape,
    )


def lay_notes(table: Table, width: float) -> list[TextPiece]:
    """Return the remarks and footnotes that stand below a table."""
    pieces = [TextPiece(typeset.break_lines(text, width, FOOT), FOOT) for text in table.remarks]
    for note in table.footnotes:
        spans = [Span(note.mark, raised=True), Span(f" {note.text}")]
        pieces.append(TextPiece(typeset.break_lines(spans, width, FOOT), FOOT))
    return pieces


@dataclass(slots=True)
class _CellBox:
    """The drawn lines of a cell with their offsets from the left edge of the column."""

    lines: list[tuple[float, Line]]
    style: Style

    @property
    def height(self) -> float:
        return len(self.lines) * self.style.leading

    def draw(self, canvas: Any, x: float, top: float) -> None:
        for offset, line in self.lines:
            typeset.draw_lines(canvas, [line], x + offset, top, style=self.style)
            top -= self.style.leading


@dataclass(slots=True)
class _RowPiece:
    cells: list[_CellBox]
    lefts: list[float]
    pad: float = ROW_PAD
    at_bottom: bool = False

    @property
    def height(self) -> float:
        return max(cell.height for cell in self.cells) + 2 * self.pad

    def draw(self, canvas: Any, x: float, top: float) -> None:
        tallest = max(cell.height for cell in self.cells)
        for cell, left in zip(self.cells, self.lefts, strict=True):
            down = tallest - cell.height if self.at_bottom else 0.0
            cell.draw(canvas, x + left, top - self.pad - down)


def _strips(table: Table, layout: _Layout) -> list[Strip]:
    strips: list[Strip] = []
    lefts, again = layout.lefts(), None
    for row in table.rows:
        if isinstance(row, Band):
            spans = [Span(row.text, bold=True)]
            marks = [Span(row.marks, raised=True)] if row.marks else []
            piece = _band([*spans, *marks], layout, above=4.0 if strips else 1.0)
            again = _band([*spans, Span(", continued")], layout, above=1.0)
            strips.append(Strip(piece, is_band=True))
        else:
            strips.append(Strip(_RowPiece(_cells(row, table, layout), lefts), band=again))
    return strips


def _band(spans: Sequence[Span], layout: _Layout, *, above: float) -> TextPiece:
    lines = typeset.break_lines(spans, layout.width, layout.cell)
    return TextPiece(lines, layout.cell, above=above)


def _heading(table: Table, layout: _Layout) -> _RowPiece:
    cells = []
    for column, width, anchor in zip(table.columns, layout.widths, layout.anchors, strict=True):
        lines = typeset.break_lines(column.heading, width, layout.head)
        right = column.align == RIGHT
        placed = [(width - anchor - line.width if right else 0.0, line) for line in lines]
        cells.append(_CellBox(placed, layout.head))
    return _RowPiece(cells, layout.lefts(), pad=0.0, at_bottom=True)


def _cells(row: Row, table: Table, layout: _Layout) -> list[_CellBox]:
    style, boxes = layout.cell, []
    for cell, column, width, anchor in zip(
        row.cells, table.columns, layout.widths, layout.anchors, strict=True
    ):
        spans = _spans(cell)
        if column.align == LEFT:
            lines = [(0.0, line) for line in typeset.break_lines(spans, width, style)]
        elif column.align == RIGHT:
            text = typeset.break_lines(cell.text, width, style)
            lines = [(width - anchor - line.width, line) for line in text]
            if cell.marks:
                mark = typeset.break_lines([Span(cell.marks, raised=True)], width, style)[0]
                last = lines[-1][1]
                last.fragments.extend(mark.fragments)
        else:
            lines = _interval(cell, width, anchor, layout)
        boxes.append(_CellBox(lines, style))
    return boxes


def _interval(cell: Cell, width: float, anchor: float, layout: _Layout) -> list[tuple[float, Line]]:
    """Return estimate and brackets: side by side around the anchor, or above one another."""
    style = layout.cell
    value, limits = _parts(cell.text)
    marks = [Span(cell.marks, raised=True)] if cell.marks else []
    if not _is_number(cell.text):
        return [
            (0.0, line) for line in typeset.break_lines([Span(cell.text), *marks], width, style)
        ]
    indent = max(0.0, anchor - typeset.natural_width(value, style))
    if layout.stacked and len(limits) >= STACKED_FROM:
        below = typeset.break_lines([Span(limits), *marks], width, style)
        return [(0.0, line) for line in (*typeset.break_lines(value, width, style), *below)]
    if layout.stacked:
        indent = 0.0
    text = f"{value} {limits}" if limits else value
    return [
        (indent if number == 0 else 0.0, line)
        for number, line in enumerate(
            typeset.break_lines([Span(text), *marks], max(width - indent, 1.0), style)
        )
    ]


def _fit(table: Table) -> _Layout:
    """Return the first layout that fits: portrait, stacked, landscape, smaller, squeezed."""
    attempts = [
        (stacked, landscape, scale)
        for landscape, scale in ((False, 1.0), (True, 1.0), (True, SHRUNK))
        for stacked in (False, True)
    ]
    for stacked, landscape, scale in attempts:
        layout = _attempt(table, stacked=stacked, landscape=landscape, scale=scale, squeeze=False)
        if layout is not None:
            return layout
    squeezed = _attempt(table, stacked=True, landscape=True, scale=SHRUNK, squeeze=True)
    if squeezed is None:
        raise ValueError(f"the table {table.caption!r} has too many columns for a page")
    return squeezed


def _attempt(
    table: Table, *, stacked: bool, landscape: bool, scale: float, squeeze: bool
) -> _Layout | None:
    cell = Style(size=CELL.size * scale, leading=CELL.leading * scale)
    head = Style(size=HEAD.size * scale, leading=HEAD.leading * scale, bold=True)
    room = column_width(landscape=landscape) - GAP * (len(table.columns) - 1)
    rows = [row for row in table.rows if isinstance(row, Row)]
    widths, anchors, least = [], [], []
    for place, column in enumerate(table.columns):
        cells = [row.cells[place] for row in rows]
        heading = typeset.least_width(column.heading, head)
        if column.align == LEFT:
            natural = max((typeset.natural_width(_spans(c), cell) for c in cells), default=0.0)
            single = max((typeset.least_width(_spans(c), cell) for c in cells), default=0.0)
            anchors.append(0.0)
            least.append(max(heading, single, min(natural, LEAST_TEXT)))
            whole = typeset.natural_width(column.heading, head)
            natural = max(natural, min(whole, MOST_HEADING))
        elif column.align == RIGHT:
            marks = max((_mark_width(c, cell) for c in cells), default=0.0)
            natural = marks + max((typeset.natural_width(c.text, cell) for c in cells), default=0.0)
            anchors.append(marks)
            least.append(max(heading, natural))
        else:
            natural, anchor = _interval_width(cells, cell, stacked=stacked)
            anchors.append(anchor)
            least.append(max(heading, natural))
        widths.append(max(heading, natural))
    if squeeze:
        share = min(1.0, room / sum(least))
        least = [width * share for width in least]
    if sum(least) > room + 1e-6:
        return None
    over = sum(widths) - room
    if over > 0:
        spare = [wide - small for wide, small in zip(widths, least, strict=True)]
        widths = [w - over * s / sum(spare) for w, s in zip(widths, spare, strict=True)]
    gap = GAP + _extra_gap(table, sum(widths), -over, cell)
    return _Layout(tuple(widths), tuple(anchors), gap, stacked, landscape, cell, head)


def _extra_gap(table: Table, used: float, left: float, style: Style) -> float:
    """Return by how much columns are set apart: a little, or so much that bands fit on a line."""
    between = len(table.columns) - 1
    if left <= 0.0 or not between:
        return 0.0
    bands = [row.text for row in table.rows if isinstance(row, Band)]
    bold = replace(style, bold=True)
    longest = max((typeset.natural_width(text, bold) for text in bands), default=0.0)
    wanted = (longest + 8.0 - used) / between - GAP
    return min(max(MOST_EXTRA, wanted), left / between)


def _interval_width(cells: Sequence[Cell], style: Style, *, stacked: bool) -> tuple[float, float]:
    """Return the width of an interval column and where its estimates end."""
    before = after = whole = 0.0
    for cell in cells:
        marks = _mark_width(cell, style)
        if not _is_number(cell.text):
            whole = max(whole, typeset.natural_width(cell.text, style) + marks)
            continue
        value, limits = _parts(cell.text)
        wide = typeset.natural_width(value, style)
        rest = typeset.natural_width(f" {limits}" if limits else "", style) + marks
        if stacked:
            split = len(limits) >= STACKED_FROM
            whole = max(whole, rest if split else 0.0, wide if split else wide + rest)
        before, after = max(before, wide), max(after, rest)
    return (whole, 0.0) if stacked else (max(whole, before + after), before)


def _spans(cell: Cell) -> tuple[Span, ...]:
    return (Span(cell.text), Span(cell.marks, raised=True)) if cell.marks else (Span(cell.text),)


def _mark_width(cell: Cell, style: Style) -> float:
    return typeset.natural_width([Span(cell.marks, raised=True)], style) if cell.marks else 0.0


def _parts(text: str) -> tuple[str, str]:
    value, bracket, rest = text.partition(" (")
    return value, f"({rest}" if bracket else ""


def _is_number(text: str) -> bool:
    return text[:1].isdigit() or text[:1] in ("\u2212", "∞", "<", ">")
