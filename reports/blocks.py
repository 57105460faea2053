"""What a report is made of: plain data that any renderer can draw."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes

LEFT, RIGHT, INTERVAL = "left", "right", "interval"


@dataclass(frozen=True, slots=True)
class Cell:
    """Text already formatted, with the letters of its footnotes (``a,c``)."""

    text: str
    marks: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and how the cells below it stand.

    `align` is `LEFT`, `RIGHT`, or `INTERVAL`: estimates end, and their brackets begin, on one line
    down the column, and a narrow column may put the brackets below the estimate.
    """

    heading: str
    align: str = LEFT


@dataclass(frozen=True, slots=True)
class Row:
    """Cells, one a column."""

    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """A row that names the rows below it, up to the next band; repeated after a page break."""

    text: str
    marks: str = ""


@dataclass(frozen=True, slots=True)
class Footnote:
    """A sentence and the letter that points to it."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `remarks` (abbreviations, estimators) stand below it before the footnotes."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row | Band, ...]
    footnotes: tuple[Footnote, ...] = ()
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wrong = [r for r in self.rows if isinstance(r, Row) and len(r.cells) != len(self.columns)]
        if wrong:
            raise ValueError(f"a row has not {len(self.columns)} cells: {wrong[0]}")


@dataclass(frozen=True, slots=True)
class Plot:
    """One pair of axes. `draw` paints on the axes it is given and touches nothing else."""

    draw: Callable[[Axes], Axes]
    height_mm: float = 50.0


@dataclass(frozen=True, slots=True)
class Panel:
    """Plots above one another that share their horizontal axis, under a title and a subtitle."""

    title: str
    plots: tuple[Plot, ...]
    subtitle: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a figure's legend."""

    label: str
    color: str
    dash: tuple[float, ...] = ()
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels in rows of `columns`; a long figure continues on the next page.

    `row_labels` name evenly spaced rows of every panel (a forest plot), from the top, and are
    printed once at the left of each row of panels. An `optional` figure on the first page is left
    out when it does not fit there.
    """

    caption: str
    panels: tuple[Panel, ...]
    columns: int = 2
    keys: tuple[Key, ...] = ()
    row_labels: tuple[str, ...] = ()
    left_mm: float = 12.0
    remarks: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Caution:
    """Sentences that a reader must see before the numbers; printed in a box."""

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subheading:
    """A heading of the second level; it stands in the contents."""

    text: str


Block = Table | Figure | Paragraph | Caution | Subheading


@dataclass(frozen=True, slots=True)
class Section:
    """A titled run of blocks; `new_page` makes it begin on a page of its own."""

    title: str
    blocks: tuple[Block, ...]
    new_page: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report: what the first page says, then numbered sections.

    `facts` are pairs of a label and a text under the title; `summary` stands on the first page.
    """

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    summary: tuple[Block, ...]
    sections: tuple[Section, ...]
    footer: str
