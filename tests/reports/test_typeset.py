"""Lines never leave their column, whatever the names; no character is lost or boxed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extval.reports import typefaces, typeset
from extval.reports.errors import ReportError
from extval.reports.typeset import Span, Style

STYLE = Style(size=7.0, leading=9.0)
WORDS = st.text(st.sampled_from("aW& <-_.9é中文\uff0c\uff08\uff09"), min_size=0, max_size=60)


@given(WORDS, st.floats(20.0, 200.0))
def test_no_line_is_wider_than_its_column(text, width):
    for line in typeset.break_lines(text, width, STYLE):
        drawn = sum(typeset.natural_width([fragment.span], STYLE) for fragment in line.fragments)
        assert drawn == pytest.approx(line.width, abs=1e-6)
        assert drawn <= width + 1e-6


@given(WORDS, st.floats(20.0, 200.0))
def test_breaking_loses_nothing_but_blanks(text, width):
    joined = "".join(typeset.wrapped(text, width, STYLE))
    assert joined.replace(" ", "") == typefaces.clean(text).replace(" ", "")


def test_a_word_and_its_mark_stay_together():
    lines = typeset.break_lines([Span("aaa bbb"), Span("c", raised=True)], 20.0, STYLE)
    assert [f.span.text for f in lines[-1].fragments] == ["bbb", "c"]


def test_names_break_at_joints_and_chinese_anywhere():
    assert typeset.wrapped("a_very_long_model_name", 50.0, STYLE) == [
        "a_very_",
        "long_model_",
        "name",
    ]
    assert len(typeset.wrapped("中文医院中文医院", 30.0, STYLE)) == 2
    assert not typeset.wrapped("中文医院\uff0c中文医院", 30.0, STYLE)[1].startswith("\uff0c")


def test_a_shortened_text_ends_in_an_ellipsis():
    lines = typeset.shortened("one two three four five", 40.0, STYLE)
    assert len(lines) == 1
    assert lines[0].fragments[-1].span.text.endswith("…")
    assert lines[0].width <= 40.0


def test_each_character_goes_to_a_font_that_has_it():
    runs = typefaces.runs("A & é 中文 β")
    assert [name for name, _ in runs] == [
        typefaces.REGULAR,
        typefaces.FALLBACK,
        typefaces.REGULAR,
    ]
    assert "".join(text for _, text in runs) == "A & é 中文 β"
    assert typefaces.runs("x中", bold=True) == (
        (typefaces.BOLD, "x"),
        (typefaces.FALLBACK, "中"),
    )


def test_a_decomposed_accent_is_composed():
    assert typefaces.runs("e\u0301") == ((typefaces.REGULAR, "é"),)


@pytest.mark.parametrize("bad", ["\U00020000", "שלום", "مرحبا", "a\x07", "a\u200bb", "\ud800", "ก็"])
def test_what_cannot_be_drawn_right_is_named(bad):
    assert typefaces.uncovered(f"ok {bad}")
    with pytest.raises(ReportError) as raised:
        typefaces.check([("title", "fine"), ("model", bad)])
    message = str(raised.value)
    assert "model" in message
    assert "title" not in message
    assert f"U+{ord(typefaces.uncovered(bad)[0]):04X}" in message
    assert "left-to-right" in message
    assert message.replace("\n", "").isprintable()


def test_runs_themselves_refuse_too():
    with pytest.raises(ReportError, match=r"U\+05E9"):
        typefaces.runs("ש")
