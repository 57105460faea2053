"""The fonts of a report, and which of them draws which character.

DejaVu Sans, which matplotlib brings along, draws nearly everything; `fonts/` holds a fallback for
Chinese, Japanese and Korean. What neither can draw is an error, never an empty box.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import matplotlib as mpl
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from extval.reports.errors import ReportError

REGULAR = "extval-sans"
BOLD = "extval-sans-bold"
FALLBACK = "extval-fallback"

ASCENT, DESCENT = 0.76, 0.24
"""Height above and depth below the baseline that a line of text claims, in font sizes."""

_FILES = {
    REGULAR: Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf",
    BOLD: Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf",
    FALLBACK: Path(__file__).parent / "fonts" / "DroidSansFallbackFull.ttf",
}
# Scripts that read from right to left or need shaping would be drawn in the wrong order.
_RIGHT_TO_LEFT = {"R", "AL", "AN", "RLE", "RLO", "RLI"}
_BLANKS = dict.fromkeys(map(ord, "\t\n\r\v\f\x85\u2028\u2029"), " ")
_PLAIN_MARKS = range(0x0300, 0x0370)

Run = tuple[str, str]


def clean(text: str) -> str:
    """Return `text` composed (NFC), with tabs and line ends as blanks."""
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", text.translate(_BLANKS))


@cache
def font(name: str) -> TTFont:
    """Return a font, registered with reportlab; the big fallback is read only when needed."""
    loaded = TTFont(name, str(_FILES[name]))
    pdfmetrics.registerFont(loaded)
    return loaded


def uncovered(text: str) -> list[str]:
    """Return the characters of `text` that cannot be drawn right, each once."""
    return [c for c in dict.fromkeys(clean(text)) if _font_of(c, bold=False) is None]


def check(places: Iterable[tuple[str, str]]) -> None:
    """Raise `ReportError` when a text cannot be drawn; `places` pairs where it stands with it.

    Raises
    ------
    ReportError
        The message names the characters, where they stand, and what to do.
    """
    problems = []
    for place, text in places:
        bad = uncovered(text)
        if bad:
            names = ", ".join(f"{_visible(c)} (U+{ord(c):04X})" for c in bad[:8])
            more = ", ..." if len(bad) > 8 else ""
            problems.append(
                f"{place} {ascii(text) if _hostile(text) else repr(text)}: {names}{more}"
            )
    if problems:
        raise ReportError(
            "The report cannot draw these characters:\n"
            + "\n".join(problems)
            + "\nRename them in the table or the protocol with letters of a left-to-right script, "
            "then run again; --no-report leaves the report out."
        )


@cache
def runs(text: str, *, bold: bool = False) -> tuple[Run, ...]:
    """Return `text` cut into (font, text) pieces, each drawn by one font.

    Raises
    ------
    ReportError
        If no font draws one of the characters.
    """
    pieces: list[list[str]] = []
    for character in clean(text):
        name = _font_of(character, bold=bold)
        if name is None:
            check([("text", text)])
            continue
        if pieces and pieces[-1][0] == name:
            pieces[-1][1] += character
        else:
            pieces.append([name, character])
    return tuple((name, piece) for name, piece in pieces)


@cache
def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return how wide `text` is in points."""
    total = 0.0
    for name, piece in runs(text, bold=bold):
        face = font(name).face
        widths, default = face.charWidths, face.defaultWidth
        total += sum(widths.get(ord(c), default) for c in piece)
    return total * size / 1000.0


@cache
def _font_of(character: str, *, bold: bool) -> str | None:
    """Return the font that draws a character, or None."""
    if unicodedata.bidirectional(character) in _RIGHT_TO_LEFT:
        return None
    category = unicodedata.category(character)
    if category[0] == "C" or (category[0] == "M" and ord(character) not in _PLAIN_MARKS):
        return None
    for name in (BOLD, REGULAR, FALLBACK) if bold else (REGULAR, FALLBACK):
        if ord(character) in font(name).face.charToGlyph:
            return name
    return None


def _visible(character: str) -> str:
    return character if character.isprintable() and not _hostile(character) else "control character"


def _hostile(text: str) -> bool:
    """Return whether printing the text could disturb a terminal."""
    return any(unicodedata.category(c)[0] == "C" or "\ud800" <= c <= "\udfff" for c in text)
