"""Text to lines: mixed fonts, line breaks also inside Chinese and long names, raised marks.

There is no markup language: text is plain, so `&` and `<` need no escaping anywhere.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from extval.reports import typefaces

INK = "#1A1A1A"
RAISED_SIZE, RAISED_BY = 0.68, 0.36
SYLLABLE = 6
"""A name is not broken at a hyphen or underscore before so many characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a text looks: size and leading in points, colour as `#RRGGBB`."""

    size: float
    leading: float
    bold: bool = False
    color: str = INK


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text; `raised` is a footnote mark."""

    text: str
    bold: bool = False
    raised: bool = False
    color: str = ""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A span, or a part of it, with its width in points."""

    span: Span
    width: float


@dataclass(slots=True)
class Line:
    """Fragments side by side."""

    fragments: list[Fragment]
    width: float


@dataclass(slots=True)
class _Atom:
    """What is never broken (unless it is wider than the line); `gap` is the blank before it."""

    fragments: list[Fragment]
    width: float
    gap: float


Text = str | Sequence[Span]


def spans_of(text: Text) -> tuple[Span, ...]:
    """Return a text as spans."""
    return (Span(text),) if isinstance(text, str) else tuple(text)


def natural_width(text: Text, style: Style) -> float:
    """Return the width of a text on one line."""
    return sum(_width(span.text, span, style) for span in spans_of(text))


def least_width(text: Text, style: Style) -> float:
    """Return the width of the widest piece that is not broken."""
    return max((atom.width for atom in _atoms(spans_of(text), style)), default=0.0)


def break_lines(text: Text, width: float, style: Style) -> list[Line]:
    """Return `text` in lines no wider than `width`; an empty text is one empty line."""
    lines = [Line([], 0.0)]
    for atom in _atoms(spans_of(text), style):
        if not atom.fragments:
            continue
        line = lines[-1]
        gap = atom.gap if line.fragments else 0.0
        if line.fragments and line.width + gap + atom.width > width + 1e-6:
            line, gap = Line([], 0.0), 0.0
            lines.append(line)
        if atom.width <= width + 1e-6:
            _put(line, atom, gap)
            continue
        for piece in _characters(atom, style):
            if line.fragments and line.width + piece.width > width + 1e-6:
                line = Line([], 0.0)
                lines.append(line)
            _put(line, piece, 0.0)
    return lines


def wrapped(text: str, width: float, style: Style) -> list[str]:
    """Return the lines of a plain text as strings."""
    return [
        "".join(fragment.span.text for fragment in line.fragments)
        for line in break_lines(text, width, style)
    ]


def shortened(text: str, width: float, style: Style, *, lines: int = 1) -> list[Line]:
    """Return at most so many lines; what does not fit is replaced by an ellipsis."""
    whole = break_lines(text, width, style)
    keep = text
    while len(whole) > lines and keep:
        keep = keep[:-1]
        whole = break_lines(keep.rstrip() + "…", width, style)
    return whole


def draw_lines(
    canvas: Any,
    lines: Sequence[Line],
    x: float,
    top: float,
    *,
    style: Style,
    width: float = 0.0,
    align: str = "left",
) -> None:
    """Draw lines downwards from `top`; `align` is left, right or center within `width`."""
    leading = style.leading
    first = top - (leading - style.size) / 2 - typefaces.ASCENT * style.size
    room = {"left": 0.0, "right": 1.0, "center": 0.5}[align]
    for number, line in enumerate(lines):
        start = x + room * (width - line.width)
        for fragment in line.fragments:
            _draw_fragment(canvas, fragment, start, first - number * leading, style)
            start += fragment.width


def draw_text(canvas: Any, text: str, x: float, y: float, *, style: Style) -> None:
    """Draw one line of plain text with its baseline at `y`."""
    _draw_fragment(canvas, Fragment(Span(text), 0.0), x, y, style)


def _draw_fragment(canvas: Any, fragment: Fragment, x: float, y: float, style: Style) -> None:
    span = fragment.span
    size = style.size * (RAISED_SIZE if span.raised else 1.0)
    canvas.setFillColor(span.color or style.color)
    pen = canvas.beginText(x, y + (RAISED_BY * style.size if span.raised else 0.0))
    for font, piece in typefaces.runs(span.text, bold=span.bold or style.bold):
        pen.setFont(font, size)
        pen.textOut(piece)
    canvas.drawText(pen)


def _width(text: str, span: Span, style: Style) -> float:
    size = style.size * (RAISED_SIZE if span.raised else 1.0)
    return typefaces.width(text, size, bold=span.bold or style.bold)


def _atoms(spans: Sequence[Span], style: Style) -> Iterator[_Atom]:
    """Yield the unbreakable pieces; one may consist of several spans (a word and its mark)."""
    atom: _Atom | None = None
    for span in spans:
        for number, word in enumerate(typefaces.clean(span.text).split(" ")):
            if number:
                if atom is not None:
                    yield atom
                atom = _Atom([], 0.0, _width(" ", span, style))
            for place, piece in enumerate(_breakable(word)):
                if place and atom is not None:
                    yield atom
                    atom = None
                if piece:
                    atom = atom or _Atom([], 0.0, 0.0)
                    width = _width(piece, span, style)
                    atom.fragments.append(Fragment(replace(span, text=piece), width))
                    atom.width += width
    if atom is not None:
        yield atom


def _breakable(word: str) -> list[str]:
    """Cut a word where a line may end in it: around ideographs, after - and _ in a name."""
    pieces, start = [], 0
    for i in range(1, len(word)):
        before, after = word[i - 1], word[i]
        joint = before in "-_" and after.isalpha() and i - start >= SYLLABLE
        ideographs = _ideographic(before) or _ideographic(after)
        if joint or (ideographs and not _closes(after) and not _opens(before)):
            pieces.append(word[start:i])
            start = i
    return [*pieces, word[start:]]


def _closes(character: str) -> bool:
    return unicodedata.category(character) in ("Pe", "Pf", "Po")


def _opens(character: str) -> bool:
    return unicodedata.category(character) in ("Ps", "Pi")


def _ideographic(character: str) -> bool:
    return (
        "\u2e80" <= character <= "\u9fff"
        or "\uac00" <= character <= "\ufaff"
        or ("\uff00" <= character <= "\uffef")
    )


def _characters(atom: _Atom, style: Style) -> Iterator[_Atom]:
    """Cut an atom that is wider than the line into its characters."""
    for fragment in atom.fragments:
        for character in fragment.span.text:
            width = _width(character, fragment.span, style)
            yield _Atom([Fragment(replace(fragment.span, text=character), width)], width, 0.0)


def _put(line: Line, atom: _Atom, gap: float) -> None:
    """Append an atom; equal neighbours become one fragment, so that text reads as text."""
    for position, fragment in enumerate(atom.fragments):
        space = " " if gap and position == 0 else ""
        before = line.fragments[-1] if line.fragments else None
        if before is not None and replace(before.span, text="") == replace(fragment.span, text=""):
            span = replace(before.span, text=before.span.text + space + fragment.span.text)
            width = before.width + (gap if space else 0.0) + fragment.width
            line.fragments[-1] = Fragment(span, width)
        else:
            span = replace(fragment.span, text=space + fragment.span.text)
            line.fragments.append(Fragment(span, (gap if space else 0.0) + fragment.width))
    line.width += gap + atom.width
