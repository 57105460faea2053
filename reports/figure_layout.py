"""Figures to strips: a row of panels each, drawn by matplotlib when the page is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure as MplFigure
from reportlab.lib.units import mm

from extval.reports import format as fmt
from extval.reports import typeset
from extval.reports.blocks import Figure, Key, Panel
from extval.reports.boxes import FloatBox, Piece, Strip, TextPiece
from extval.reports.canvas import draw_figure
from extval.reports.pages import column_width
from extval.reports.table_layout import CAPTION, FOOT
from extval.reports.typeset import Line, Span, Style

TITLE = Style(size=7.0, leading=8.8, bold=True)
SUBTITLE = Style(size=6.5, leading=8.8)
KEY = Style(size=6.8, leading=10.0)
ROW_LABEL = Style(size=6.3, leading=6.7)
GAP, RIGHT_MARGIN, BELOW, BETWEEN, ABOVE = 4 * mm, 3 * mm, 8.6 * mm, 2.2 * mm, 2.2 * mm
SAMPLE = 20.0
MOST_LABEL = 140.0
POINTS_PER_INCH = 72.0


def lay_figure(figure: Figure, number: int, *, compact: bool = False) -> FloatBox:
    """Return a figure as a box; `compact` takes the caption without a number."""
    width = column_width(landscape=False)
    title = f"Figure {fmt.integer(number)}"
    spans = (
        [Span(figure.caption)] if compact else [Span(f"{title}. ", bold=True), Span(figure.caption)]
    )
    caption = TextPiece(typeset.break_lines(spans, width, CAPTION), CAPTION)
    again = TextPiece(
        typeset.break_lines([Span(f"{title}, continued.", bold=True)], width, CAPTION), CAPTION
    )
    keys: list[Piece] = [KeysPiece.of(figure.keys, width)] if figure.keys else []
    notes = [TextPiece(typeset.break_lines(remark, width, FOOT), FOOT) for remark in figure.remarks]
    return FloatBox(
        head=[caption, *keys],
        again=[again, *keys],
        strips=[Strip(PanelsPiece.of(row, figure, width)) for row in _in_rows(figure)],
        foot=notes,
    )


@dataclass(slots=True)
class KeysPiece:
    """The legend: samples of lines with their names, in as many lines as it takes."""

    rows: list[list[tuple[float, Key, Line]]]

    @classmethod
    def of(cls, keys: Sequence[Key], width: float) -> "KeysPiece":
        """Return the legend broken to `width`."""
        rows: list[list[tuple[float, Key, Line]]] = [[]]
        x = 0.0
        for key in keys:
            line = typeset.shortened(key.label, width - SAMPLE - 6.0, KEY)[0]
            wide = SAMPLE + 4.0 + line.width
            if rows[-1] and x + wide > width:
                rows.append([])
                x = 0.0
            rows[-1].append((x, key, line))
            x += wide + 12.0
        return cls(rows)

    @property
    def height(self) -> float:
        """Return the height in points."""
        return len(self.rows) * KEY.leading + 4.0

    def draw(self, canvas: Any, x: float, top: float) -> None:
        """Draw samples and names."""
        for number, row in enumerate(self.rows):
            upper = top - 2.0 - number * KEY.leading
            middle = upper - KEY.leading / 2 + 0.4
            for offset, key, line in row:
                canvas.saveState()
                canvas.setStrokeColor(key.color)
                canvas.setFillColor(key.color)
                canvas.setLineWidth(1.1)
                if key.dash:
                    canvas.setDash(list(key.dash))
                canvas.line(x + offset, middle, x + offset + SAMPLE, middle)
                canvas.restoreState()
                typeset.draw_lines(canvas, [line], x + offset + SAMPLE + 4.0, upper, style=KEY)


@dataclass(slots=True)
class PanelsPiece:
    """Panels side by side; the row's labels, if any, stand at the left."""

    panels: tuple[Panel, ...]
    titles: list[list[Line]]
    labels: list[list[Line]]
    label_width: float
    panel_width: float
    left: float

    @classmethod
    def of(cls, panels: tuple[Panel, ...], figure: Figure, width: float) -> "PanelsPiece":
        """Return a row of panels of a figure."""
        label_width = 0.0
        labels: list[list[Line]] = []
        if figure.row_labels:
            widest = max(typeset.natural_width(text, ROW_LABEL) for text in figure.row_labels)
            label_width = min(widest, MOST_LABEL) + 4.0
            labels = [
                typeset.shortened(text, label_width - 4.0, ROW_LABEL, lines=2)
                for text in figure.row_labels
            ]
        panel_width = (width - label_width - GAP * (figure.columns - 1)) / figure.columns
        room = panel_width - figure.left_mm * mm
        titles = [
            [
                *(typeset.shortened(panel.title, room, TITLE, lines=3) if panel.title else []),
                *_regular(panel.subtitle, room),
            ]
            for panel in panels
        ]
        return cls(panels, titles, labels, label_width, panel_width, figure.left_mm * mm)

    @property
    def height(self) -> float:
        """Return the height in points."""
        return self._title_height + max(map(_plots_height, self.panels))

    @property
    def _title_height(self) -> float:
        return max(len(lines) for lines in self.titles) * TITLE.leading + 3.0

    def draw(self, canvas: Any, x: float, top: float) -> None:
        """Draw titles, labels and plots."""
        for place, (panel, title) in enumerate(zip(self.panels, self.titles, strict=True)):
            left = x + self.label_width + place * (self.panel_width + GAP)
            lowered = self._title_height - 3.0 - len(title) * TITLE.leading
            self._draw_title(canvas, title, left + self.left, top - 3.0 - lowered, panel)
            height = _plots_height(panel)
            canvas.saveState()
            canvas.translate(left, top - self._title_height - height)
            draw_figure(_paint(panel, self.panel_width, height, self.left), canvas)
            canvas.restoreState()
        self._draw_labels(canvas, x, top - self._title_height - ABOVE)

    def _draw_title(
        self, canvas: Any, lines: list[Line], x: float, top: float, panel: Panel
    ) -> None:
        bold = lines[:-1] if panel.subtitle else lines
        typeset.draw_lines(canvas, bold, x, top, style=TITLE)
        below = top - len(bold) * TITLE.leading
        typeset.draw_lines(canvas, lines[len(bold) :], x, below, style=SUBTITLE)

    def _draw_labels(self, canvas: Any, x: float, top: float) -> None:
        if not self.labels:
            return
        step = self.panels[0].plots[0].height_mm * mm / len(self.labels)
        for number, lines in enumerate(self.labels):
            upper = top - (number + 0.5) * step + len(lines) * ROW_LABEL.leading / 2
            typeset.draw_lines(canvas, lines, x, upper, style=ROW_LABEL)


def _regular(text: str, width: float) -> list[Line]:
    return typeset.shortened(text, width, SUBTITLE) if text else []


def _in_rows(figure: Figure) -> list[tuple[Panel, ...]]:
    panels = figure.panels
    return [panels[i : i + figure.columns] for i in range(0, len(panels), figure.columns)]


def _plots_height(panel: Panel) -> float:
    plots = sum(plot.height_mm * mm for plot in panel.plots)
    return float(ABOVE + plots + BETWEEN * (len(panel.plots) - 1) + BELOW)


def _paint(panel: Panel, width: float, height: float, left: float) -> MplFigure:
    """Return the matplotlib figure of a panel, 72 dots per inch."""
    figure = MplFigure(
        figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH), dpi=POINTS_PER_INCH
    )
    figure.patch.set_visible(False)
    top = height - ABOVE
    for plot in panel.plots:
        tall = plot.height_mm * mm
        ax = figure.add_axes(
            (
                left / width,
                (top - tall) / height,
                (width - left - RIGHT_MARGIN) / width,
                tall / height,
            )
        )
        plot.draw(ax)
        top -= tall + BETWEEN
    return figure
