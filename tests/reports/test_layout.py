"""Pages: nothing overlaps or leaves the column, long tables repeat their headings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extval.reports import pages, typeset
from extval.reports.blocks import (
    INTERVAL,
    RIGHT,
    Band,
    Cell,
    Column,
    Figure,
    Footnote,
    Panel,
    Plot,
    Row,
    Table,
)
from extval.reports.boxes import CautionBox, ContentsBox, FloatBox, HeadingBox, TextBox
from extval.reports.figure_layout import lay_figure
from extval.reports.pages import column_height, column_width, fill
from extval.reports.table_layout import lay_table
from extval.reports.typeset import Style

STYLE = Style(size=8.0, leading=11.0)
NAMES = st.text(st.sampled_from("aW& _-中文9"), min_size=1, max_size=60)


def table(*, n_rows=4, n_columns=4, name="model", notes=(), bands=False):
    cells = tuple(Cell(f"0.{i}23 (0.{i}01 to 0.{i}99)", "a") for i in range(n_columns))
    rows = []
    for i in range(n_rows):
        if bands and i % 10 == 0:
            rows.append(Band(f"Band {i}"))
        rows.append(Row((Cell(name), *cells)))
    columns = (Column("Model"), *(Column("AUC (95% CI)", INTERVAL) for _ in cells))
    return Table("A caption.", columns, tuple(rows), tuple(notes))


def right_edges(box):
    """Return the right edge of every line of text in a table, from the left of the column."""
    for strip in box.strips:
        if strip.is_band:
            yield from (line.width for line in strip.piece.lines)
            continue
        for cell, left in zip(strip.piece.cells, strip.piece.lefts, strict=True):
            for offset, line in cell.lines:
                yield left + offset + sum(fragment.width for fragment in line.fragments)


@given(NAMES, st.integers(1, 9))
def test_no_cell_leaves_the_page(name, n_columns):
    box = lay_table(table(n_columns=n_columns, name=name), 1)
    assert max(right_edges(box)) <= column_width(landscape=box.landscape) + 0.01


@given(NAMES, NAMES)
def test_no_cell_reaches_into_its_neighbour(first, second):
    columns = (Column("First"), Column("Second"), Column("n", RIGHT))
    rows = (Row((Cell(first, "a"), Cell(second, "b"), Cell("12", "c"))),)
    box = lay_table(Table("A caption.", columns, rows), 1)
    piece = box.strips[0].piece
    for cell, left, limit in zip(piece.cells, piece.lefts, [*piece.lefts[1:], 1e9], strict=True):
        for offset, line in cell.lines:
            assert offset >= -1e-6
            assert left + offset + line.width <= limit


def test_a_wide_table_stacks_its_intervals_then_turns_to_landscape():
    def lines_in(box):
        return max(len(cell.lines) for cell in box.strips[0].piece.cells)

    narrow, stacked, turned = (lay_table(table(n_columns=n), 1) for n in (3, 6, 9))
    assert (narrow.landscape, lines_in(narrow)) == (False, 1)
    assert (stacked.landscape, lines_in(stacked)) == (False, 2)
    assert turned.landscape


def test_estimates_and_brackets_stand_on_one_line_down_the_column():
    cells = [Cell("0.812 (0.7 to 0.9)"), Cell("\u221210.123 (0.7 to 0.9)"), Cell("not estimable")]
    rows = tuple(Row((Cell("m"), cell)) for cell in cells)
    box = lay_table(Table("c", (Column("Model"), Column("AUC", INTERVAL)), rows), 1)

    def bracket(strip):
        offset, line = strip.piece.cells[1].lines[0]
        before = line.fragments[0].span.text.partition("(")[0]
        return offset + typeset.natural_width(before, strip.piece.cells[1].style)

    assert bracket(box.strips[0]) == pytest.approx(bracket(box.strips[1]))
    assert box.strips[2].piece.cells[1].lines[0][0] == 0.0


def test_a_table_with_too_many_columns_is_an_error():
    with pytest.raises(ValueError, match="row has not"):
        Table("c", (Column("a"),), (Row((Cell("x"), Cell("y"))),))


def test_a_long_table_repeats_its_heading_and_its_band():
    box = lay_table(table(n_rows=200, bands=True, notes=[Footnote("a", "A note.")]), 3)
    filled = fill([box])
    assert len(filled) > 2
    parts = [page.placed[0][0] for page in filled]
    assert all(isinstance(part, FloatBox) for part in parts)
    heading = parts[0].head[1:]
    for part in parts[1:]:
        assert part.head[1:] == heading
        caption = part.head[0].lines[0].fragments[0].span.text
        assert caption == "Table 3, continued."
        assert part.strips[0].is_band
    assert not any(part.foot for part in parts[:-1])
    assert parts[-1].foot
    assert not any(part.strips[-1].is_band for part in parts)
    rows = sum(not strip.is_band for part in parts for strip in part.strips)
    assert rows == 200


def test_a_small_table_is_not_split():
    filler = TextBox.of("word " * 3000, column_width(landscape=False), STYLE)
    boxes = [filler, lay_table(table(n_rows=12), 1)]
    filled = fill(boxes)
    assert isinstance(filled[-1].placed[-1][0], FloatBox)
    assert sum(isinstance(box, FloatBox) for page in filled for box, _ in page.placed) == 1


def test_footnotes_longer_than_a_page_flow_on():
    notes = [Footnote(str(i), "A long sentence that explains something. " * 12) for i in range(60)]
    filled = fill([lay_table(table(notes=notes), 1)])
    assert len(filled) > 1
    check_no_overlap(filled)


def heading(level=0):
    lines = typeset.break_lines("A heading", 400.0, STYLE)
    return HeadingBox(lines, STYLE, "A heading", "key", level, space=12.0)


def check_no_overlap(filled):
    for page in filled:
        low = pages.BOTTOM
        bottoms = [top - box.height for box, top in page.placed]
        tops = [top for _, top in page.placed]
        assert all(bottom >= low - 0.01 for bottom in bottoms)
        for bottom, following in zip(bottoms, tops[1:], strict=False):
            assert following <= bottom + 1e-6


@given(st.lists(st.integers(0, 5), min_size=1, max_size=14), st.data())
def test_boxes_fill_pages_without_overlap_and_headings_stay_with_what_follows(kinds, data):
    width = column_width(landscape=False)
    boxes = []
    for kind in kinds:
        size = data.draw(st.integers(1, 120))
        boxes.append(
            (
                lambda n: TextBox.of("word " * 12 * n, width, STYLE, space=5.0),
                lambda n: lay_table(table(n_rows=n, bands=True), 1),
                lambda n: CautionBox.of("Cautions", ["A sentence to read. " * 5] * n, width, STYLE),
                lambda n: heading(),
                lambda n: ContentsBox([heading(1)] * n, (STYLE, STYLE), width),
                lambda n: lay_figure(figure(n % 9 + 1), 1),
            )[kind](size)
        )
    filled = fill(boxes)
    check_no_overlap(filled)
    for page in filled[:-1]:
        last = page.placed[-1][0]
        assert not isinstance(last, HeadingBox) or all(
            isinstance(box, HeadingBox) for box, _ in page.placed
        )


def figure(n_panels, **options):
    panel = Panel("A panel with a name", (Plot(lambda ax: ax, 40.0), Plot(lambda ax: ax, 9.0)))
    return Figure("A figure.", (panel,) * n_panels, columns=3, **options)


def test_small_multiples_continue_on_the_next_page_with_their_legend():
    filled = fill([lay_figure(figure(20), 2)])
    assert len(filled) == 3
    assert filled[1].placed[0][0].head[0].lines[0].fragments[0].span.text == "Figure 2, continued."
    panels = [len(strip.piece.panels) for p in filled for strip in p.placed[0][0].strips]
    assert sum(panels) == 20


def test_every_box_fits_on_some_page():
    assert lay_figure(figure(1), 1).height < column_height(landscape=False)


def test_a_landscape_table_gets_pages_of_its_own():
    text = TextBox.of("word", 100.0, STYLE)
    filled = fill([text, lay_table(table(n_columns=9), 1), text])
    assert [page.landscape for page in filled] == [False, True, False]
    check_no_overlap(filled)
