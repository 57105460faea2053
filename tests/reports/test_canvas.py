"""The renderer draws vectors and real text on the canvas, and refuses transparency."""

import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas

from extval.reports import typefaces
from extval.reports.canvas import draw_figure
from extval.reports.figures.axes import STYLE


def drawn(paint):
    """Return the page on which `paint` drew in one pair of axes."""
    typefaces.font(typefaces.REGULAR)
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(200, 200), invariant=1, initialFontName=typefaces.REGULAR)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(200 / 72, 200 / 72), dpi=72)
        ax = figure.add_axes((0.2, 0.2, 0.7, 0.7))
        paint(ax)
        draw_figure(figure, canvas)
    canvas.showPage()
    canvas.save()
    return PdfReader(out).pages[0]


def test_text_is_text_in_every_script():
    page = drawn(lambda ax: ax.set(xlabel="A & B <é> $x$ 中文", ylabel="rotated", title="β ≥ 1"))
    text = page.extract_text()
    for expected in ("A & B <é> $x$ 中文", "rotated", "β ≥ 1"):
        assert expected in text


def test_lines_markers_areas_and_clipping_are_vectors():
    def paint(ax):
        ax.plot([0, 1, np.nan, 2], [0, 5, 1, 2], marker="o", linestyle=(0, (3, 1)))
        ax.fill_between([0, 1], [0, 0], [1, 2], color="#CCCCCC")
        ax.step([0, 1, 2], [1, 0, 1], where="post")
        ax.set(xlim=(0, 1), ylim=(0, 1))

    page = drawn(paint)
    content = page.get_contents().get_data()
    assert b" re W* n" in content  # a clipping path
    assert b"[3 1] 0.0 d" in content
    assert not page.images


def test_an_image_is_drawn():
    page = drawn(lambda ax: ax.imshow(np.eye(4)))
    assert len(page.images) == 1


@pytest.mark.parametrize(
    "paint",
    [
        lambda ax: ax.plot([0, 1], [0, 1], alpha=0.5),
        lambda ax: ax.fill_between([0, 1], [0, 0], [1, 1], color=(1, 0, 0, 0.3)),
        lambda ax: ax.text(0.5, 0.5, "x", color=(0, 0, 0, 0.5)),
    ],
)
def test_transparency_is_refused(paint):
    with pytest.raises(ValueError, match="blend the tint beforehand"):
        drawn(paint)


def test_no_global_setting_is_left_behind():
    before = dict(mpl.rcParams)
    drawn(lambda ax: ax.plot([0, 1], [0, 1]))
    assert dict(mpl.rcParams) == before
