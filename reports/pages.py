"""Fill pages with boxes: one column, portrait or landscape, nothing is drawn yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm

from extval.reports.boxes import Box, HeadingBox

SIDE, TOP, BOTTOM = 18 * mm, 19 * mm, 17 * mm


@dataclass(slots=True)
class Page:
    """A page and what stands on it: boxes with the height of their upper edge."""

    landscape: bool
    placed: list[tuple[Box, float]] = field(default_factory=list)

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height in points."""
        return (A4[1], A4[0]) if self.landscape else A4


def column_width(*, landscape: bool) -> float:
    """Return the width of the text in points."""
    return float((A4[1] if landscape else A4[0]) - 2 * SIDE)


def column_height(*, landscape: bool) -> float:
    """Return the height of the text in points."""
    return float((A4[0] if landscape else A4[1]) - TOP - BOTTOM)


def fill(boxes: Sequence[Box], *, breaks: frozenset[int] = frozenset()) -> list[Page]:
    """Return the pages; a new one begins before each box whose position is in `breaks`.

    Boxes that keep with the next stay together with its beginning. A box that fits nowhere is
    placed at the top of a page of its own.
    """
    filler = _Filler()
    for position, box in enumerate(boxes):
        if position in breaks:
            filler.new_page(landscape=box.landscape)
        chain = 0.0
        follower = position
        while boxes[follower].keep and follower + 1 < len(boxes) and follower + 1 not in breaks:
            chain += boxes[follower].height + boxes[follower + 1].space
            follower += 1
            if boxes[follower].landscape != box.landscape:
                break
        filler.place(box, needed=chain + boxes[follower].least)
        if isinstance(box, HeadingBox):
            box.page = filler.page_number
    return filler.pages


class _Filler:
    def __init__(self) -> None:
        self.pages: list[Page] = []
        self._room = 0.0

    @property
    def page_number(self) -> int:
        return len(self.pages)

    def new_page(self, *, landscape: bool) -> None:
        if not self.pages or self.pages[-1].placed or self.pages[-1].landscape != landscape:
            if self.pages and not self.pages[-1].placed:
                self.pages.pop()
            self.pages.append(Page(landscape))
        self._room = column_height(landscape=landscape)

    def place(self, box: Box, *, needed: float) -> None:
        if not self.pages or self.pages[-1].landscape != box.landscape:
            self.new_page(landscape=box.landscape)
        if self.pages[-1].placed and box.space + needed > self._room:
            whole = column_height(landscape=box.landscape)
            if needed <= whole or box.space + box.least > self._room:
                self.new_page(landscape=box.landscape)
        rest: Box | None = box
        while rest is not None:
            rest = self._put(rest)

    def _put(self, box: Box) -> Box | None:
        """Put as much of a box as fits on this page, or else on the next; return the rest."""
        page = self.pages[-1]
        blank = box.space if page.placed else 0.0
        if box.height <= self._room - blank + 1e-6:
            self._draw_at(box, blank)
            return None
        parts = box.split(self._room - blank)
        if parts is not None:
            self._draw_at(parts[0], blank)
            self.new_page(landscape=box.landscape)
            return parts[1]
        if page.placed:
            self.new_page(landscape=box.landscape)
            return box
        self._draw_at(box, blank)
        return None

    def _draw_at(self, box: Box, blank: float) -> None:
        page = self.pages[-1]
        used = column_height(landscape=page.landscape) - self._room
        page.placed.append((box, page.size[1] - TOP - used - blank))
        self._room -= blank + box.height
