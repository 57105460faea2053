"""Boxes that a page is filled with: each knows its height, how to split, and how to draw itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

from extval.reports import format as fmt
from extval.reports import typeset
from extval.reports.typeset import Line, Style, Text

CAUTION_INK, CAUTION_PAPER = "#CC3311", "#FBF1EE"
RULE = "#1A1A1A"
UNSPLIT_BELOW = 260.0
"""Tables and figures up to this height (points) move to the next page rather than split."""


class Box(Protocol):
    """Something that stands in the column of a page; lengths are in points."""

    space: float
    """Blank above, dropped at the top of a page."""
    keep: bool
    """Whether it must not be the last thing on a page."""
    landscape: bool

    @property
    def height(self) -> float:
        """Return the height without the blank above."""

    @property
    def least(self) -> float:
        """Return the height that must be free for it to begin on a page."""

    def split(self, room: float) -> "tuple[Box, Box] | None":
        """Return a part not higher than `room` and the rest, or None if it cannot be split so."""

    def draw(self, canvas: Any, x: float, top: float) -> None:
        """Draw it with its upper left corner at (x, top)."""


@dataclass(slots=True)
class TextBox:
    """Lines of text."""

    lines: list[Line]
    style: Style
    space: float = 0.0
    keep: bool = False
    landscape: bool = False

    @classmethod
    def of(cls, text: Text, width: float, style: Style, **options: Any) -> Self:
        """Return the box of a text broken to `width`."""
        return cls(typeset.break_lines(text, width, style), style, **options)

    @property
    def height(self) -> float:
        """Return the height in points."""
        return len(self.lines) * self.style.leading

    @property
    def least(self) -> float:
        """Return the height of the first two lines (all, if there are three)."""
        return self.style.leading * (len(self.lines) if len(self.lines) <= 3 else 2)

    def split(self, room: float) -> tuple[Box, Box] | None:
        """Split between lines, never leaving one alone."""
        fit = min(int(room / self.style.leading + 1e-6), len(self.lines) - 2)
        if fit < 2:
            return None
        first = TextBox(self.lines[:fit], self.style, self.space, landscape=self.landscape)
        rest = replace(self, lines=self.lines[fit:], space=0.0)
        return first, rest

    def draw(self, canvas: Any, x: float, top: float) -> None:
        """Draw the lines."""
        typeset.draw_lines(canvas, self.lines, x, top, style=self.style)


@dataclass(slots=True)
class HeadingBox:
    """A heading that stands in the contents and in the outline."""

    lines: list[Line]
    style: Style
    entry: str
    key: str
    level: int
    space: float
    landscape: bool = False
    keep: bool = True
    page: int = 0

    @property
    def height(self) -> float:
        """Return the height in points."""
        return len(self.lines) * self.style.leading + 2.0

    @property
    def least(self) -> float:
        """Return the height, as it is never split."""
        return self.height

    def split(self, room: float) -> tuple[Box, Box] | None:
        """Return None."""
        return None

    def draw(self, canvas: Any, x: float, top: float) -> None:
        """Draw the heading and set its bookmark."""
        canvas.bookmarkHorizontal(self.key, 0, top + 6.0)
        canvas.addOutlineEntry(self.entry, self.key, self.level, closed=self.level == 0)
        typeset.draw_lines(canvas, self.lines, x, top, style=self.style)


@dataclass(slots=True)
class ContentsBox:
    """The table of contents; page numbers are read from the headings when it is drawn."""

    headings: Sequence[HeadingBox]
    styles: tuple[Style, Style]
    width: float
    space: float = 4.0
    keep: bool = False
    landscape: bool = False

    @property
    def height(self) -> float:
        """Return the height in points."""
        return sum(self.styles[heading.level].leading for heading in self.headings)

    @property
    def least(self) -> float:
        """Return the height of a few lines."""
        return min(self.height, 5 * self.styles[0].leading)

    def split(self, room: float) -> tuple[Box, Box] | None:
        """Split between entries."""
        used, fit = 0.0, 0
        for heading in self.headings:
            used += self.styles[heading.level].leading
            if used > room:
                break
            fit += 1
        if not fit or fit == len(self.headings):
            return None
        first = ContentsBox(self.headings[:fit], self.styles, self.width, self.space)
        return first, ContentsBox(self.headings[fit:], self.styles, self.width, 0.0)

    def draw(self, canvas: Any, x: float, top: float) -> None:
        """Draw one line a heading, each a link."""
        for heading in self.headings:
            style = self.styles[heading.level]
            page = fmt.integer(heading.page)
            right = x + self.width
            number_width = typeset.natural_width(page, style)
            left = x + 12.0 * heading.level
            room = right - left - number_width - 24.0
            line = typeset.shortened(heading.entry, room, style)
            typeset.draw_lines(canvas, line, left, top, style=style)
            number = typeset.break_lines(page, 60.0, style)
            typeset.draw_lines(canvas, number, right - number_width, top, style=style)
            canvas.saveState()
            canvas.setStrokeColor("#999999")
            canvas.setLineWidth(0.5)
            canvas.setDash([0.5, 2.5])
            base = top - style.leading / 2 - 0.28 * style.size
            canvas.line(left + line[0].width + 4.0, base, right - number_width - 4.0, base)
            canvas.restoreState()
            area = (x, top - style.leading, right, top)
            canvas.linkAbsolute("", heading.key, area, thickness=0)
            top -= style.leading


@dataclass(slots=True)
class CautionBox:
    """Sentences in a box with a coloured edge."""

    lines: list[Line]
    style: Style
    width: float
    space: float = 8.0
    keep: bool = False
    landscape: bool = False

    PAD = 5.0

    @classmethod
    def of(cls, title: str, sentences: Sequence[str], width: float, style: Style) -> Self:
        """Return the box with a title line and a line or more for every sentence."""
        lines = typeset.break_lines(
            [typeset.Span(title, bold=True, color=CAUTION_INK)], width - 16.0, style
        )
        for sentence in sentences:
            lines += typeset.break_lines(sentence, width - 16.0, style)
        return cls(lines, style, width)

    @property
    def height(self) -> float:
        """Return the height in points."""
        return len(self.lines) * self.style.leading + 2 * self.PAD

    @property
    def least(self) -> float:
        """Return the height of the first lines."""
        return min(len(self.lines), 3) * self.style.leading + 2 * self.PAD

    def split(self, room: float) -> tuple[Box, Box] | None:
        """Split between lines."""
        fit = int((room - 2 * self.PAD) / self.style.leading + 1e-6)
        if fit < 2 or fit >= len(self.lines):
            return None
        first = CautionBox(self.lines[:fit], self.style, self.width, self.space)
        return first, CautionBox(self.lines[fit:], self.style, self.width, 0.0)

    def draw(self, canvas: Any, x: float, top: float) -> None:
        """Draw the box and its text."""
        canvas.saveState()
        canvas.setFillColor(CAUTION_PAPER)
        canvas.rect(x, top - self.height, self.width, self.height, stroke=0, fill=1)
        canvas.setFillColor(CAUTION_INK)
        canvas.rect(x, top - self.height, 2.0, self.height, stroke=0, fill=1)
        canvas.restoreState()
        typeset.draw_lines(canvas, self.lines, x + 9.0, top - self.PAD, style=self.style)


class Piece(Protocol):
    """A strip of a table or figure."""

    @property
    def height(self) -> float:
        """Return the height in points."""

    def draw(self, canvas: Any, x: float, top: float) -> None:
        """Draw it with its upper left corner at (x, top)."""


@dataclass(slots=True)
class TextPiece:
    """Lines of text with a blank above."""

    lines: list[Line]
    style: Style
    above: float = 0.0

    @property
    def height(self) -> float:
        """Return the height in points."""
        return self.above + len(self.lines) * self.style.leading

    def draw(self, canvas: Any, x: float, top: float) -> None:
        """Draw the lines."""
        typeset.draw_lines(canvas, self.lines, x, top - self.above, style=self.style)


@dataclass(slots=True)
class RulePiece:
    """A horizontal rule with blanks above and below."""

    width: float
    thickness: float = 0.8
    above: float = 1.5
    below: float = 1.5

    @property
    def height(self) -> float:
        """Return the height in points."""
        return self.above + self.below

    def draw(self, canvas: Any, x: float, top: float) -> None:
        """Draw the rule."""
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(self.thickness)
        canvas.line(x, top - self.above, x + self.width, top - self.above)


@dataclass(slots=True)
class Strip:
    """A row of a table or of panels. `band` names it and is repeated after a page break."""

    piece: Piece
    is_band: bool = False
    band: Piece | None = None


@dataclass(slots=True)
class FloatBox:
    """A table or a figure: head, strips, tail on every page; foot at the very end."""

    head: list[Piece]
    again: list[Piece]
    strips: list[Strip]
    tail: list[Piece] = field(default_factory=list)
    foot: list[TextPiece] = field(default_factory=list)
    space: float = 12.0
    keep: bool = False
    landscape: bool = False

    @property
    def height(self) -> float:
        """Return the height in points."""
        strips = sum(strip.piece.height for strip in self.strips)
        return _sum(self.head) + strips + _sum(self.tail) + _sum(self.foot)

    @property
    def least(self) -> float:
        """Return the height of the head and the first strips, or all of something small."""
        indivisible = len(self.strips) == 1 and _sum(self.foot) <= UNSPLIT_BELOW
        if indivisible or self.height <= UNSPLIT_BELOW:
            return self.height
        first = 0.0
        for strip in self.strips:
            first += strip.piece.height
            if not strip.is_band:
                break
        return _sum(self.head) + first + _sum(self.tail)

    def split(self, room: float) -> tuple[Box, Box] | None:
        """Split between strips; a band is never the last strip, and the foot not alone."""
        used, fit = _sum(self.head) + _sum(self.tail), 0
        for strip in self.strips:
            used += strip.piece.height
            if used > room + 1e-6:
                break
            fit += 1
        if fit == len(self.strips):
            if fit == 1 or _sum(self.foot) > UNSPLIT_BELOW:
                return self._without_foot()
            fit -= 1
        while fit and self.strips[fit - 1].is_band:
            fit -= 1
        if not fit:
            return None
        return self._part(self.strips[:fit]), self._rest(fit)

    def draw(self, canvas: Any, x: float, top: float) -> None:
        """Draw everything from the top."""
        strips = (strip.piece for strip in self.strips)
        for piece in (*self.head, *strips, *self.tail, *self.foot):
            piece.draw(canvas, x, top)
            top -= piece.height

    def _part(self, strips: list[Strip]) -> "FloatBox":
        return replace(self, strips=strips, foot=[], keep=False)

    def _rest(self, fit: int) -> "FloatBox":
        first = self.strips[fit]
        band = first.band if not first.is_band else None
        strips = ([Strip(band, is_band=True)] if band is not None else []) + self.strips[fit:]
        return replace(self, head=self.again, strips=strips, space=0.0)

    def _without_foot(self) -> tuple[Box, Box] | None:
        if not self.foot:
            return None
        lines = [line for piece in self.foot for line in piece.lines]
        text = TextBox(lines, self.foot[0].style, 3.0, keep=self.keep, landscape=self.landscape)
        return self._part(self.strips), text


def _sum(pieces: Sequence[Piece]) -> float:
    return sum(piece.height for piece in pieces)
