"""Nomograms: a scale of points, an axis for each predictor, and totals with what they mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf

from matplotlib.axes import Axes

from extval.features.modelling.nomogram import Nomogram
from extval.features.modelling.nomogram_axes import SURVIVAL, OutcomeAxis, PredictorAxis
from extval.reports import format as fmt
from extval.reports import typefaces
from extval.reports.figures.axes import draw_segments
from extval.reports.palette import BLACK, GREY, LIGHT_GREY, tint

COLOR = "#004488"
LABEL, NAME, NAME_LINE = 6.0, 6.5, 7.7  # sizes of tick labels and names, height of a name's line
TICK, MINOR, PAD, LINE = 2.6, 1.4, 1.2, 6.6  # points: lengths of ticks, gap to and height of text
GAP, WORD_GAP = 3.2, 6.0  # least room between two tick labels, numbers and words
JOINED = 40.0  # width up to which the labels of one place are joined
EDGE = 1.0  # widths of labels are a little larger where a renderer rounds them to its dots
BETWEEN, SECTION = 5.0, 9.0  # between rows, and before the totals
MOST_NAME, MOST_EDGE = 0.25, 0.12  # of the width: for the names, and for labels beyond an axis
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
POINTS_PER_INCH, MM = 72.0, 72.0 / 25.4
# Which probabilities keep their labels where there is no room for all.
FIRST_PROBABILITIES = (0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8, 0.05, 0.95, 0.01, 0.99)

Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Mark:
    """A tick label: its tick, and where its middle stands if that is not at the tick.

    Slots 0 and 1 are the first lines below and above the axis, 2 and 3 the second, and so on.
    """

    x: float
    text: str
    middle: float
    slot: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One axis, in points from the left edge of the plot."""

    name: list[str]
    ticks: list[float]
    minor: list[float]
    marks: list[Mark]
    color: str
    bold: bool = False
    gap: float = BETWEEN

    @property
    def up(self) -> float:
        """Return the height above the line."""
        return self._room(1)

    @property
    def down(self) -> float:
        """Return the depth below the line."""
        return self._room(0)

    def _room(self, side: int) -> float:
        """Return what ticks and labels on one side take, and half of the name at least."""
        levels = [mark.slot // 2 + 1 for mark in self.marks if mark.slot % 2 == side]
        labels = PAD + LINE * max(levels) if levels else 0.0
        return max(TICK + labels, len(self.name) * NAME_LINE / 2)


def plot_nomogram(
    nomogram: Nomogram,
    ax: Axes,
    *,
    outcome: str = "",
    unit: str = "",
    linear_predictor: bool = True,
    color: str = COLOR,
) -> Axes:
    """Draw a nomogram; `outcome` completes "Risk of", `unit` is that of the horizons.

    Tick labels are thinned, or put on both sides of the line, so that none touches another; for
    room without crowding make the axes `nomogram_height_mm` high.
    """
    width, height = size_in_points(ax)
    ax.set(xlim=(0, width), ylim=(0, height), xticks=(), yticks=())
    for spine in ax.spines.values():
        spine.set_visible(False)
    if not nomogram.axes:
        ax.text(0, height / 2, nomogram.sentence, size=NAME, ha="left", va="center", wrap=True)
        return ax
    rows = _rows(nomogram, width, outcome, unit, color, with_lp=linear_predictor)
    spare = (height - _height(rows)) / (len(rows) + 1)
    top = height - max(spare, 0.0) / 2
    places: list[float] = []
    for row in rows:
        top -= row.gap + row.up + (spare if places else 0.0)
        places.append(top)
        top -= row.down
    predictors = len(nomogram.axes)
    _draw_guides(ax, rows[0].ticks, places[0], places[predictors])
    _draw_guides(ax, rows[predictors + 1].ticks, places[predictors + 1], places[-1])
    for row, y in zip(rows, places, strict=True):
        _draw(ax, row, y)
    return ax


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Return how wide and high the axes are on paper."""
    box, figure = ax.get_window_extent(), ax.get_figure(root=True)
    if figure is None:
        raise ValueError("The axes must belong to a figure.")
    inch = POINTS_PER_INCH / figure.dpi
    return float(box.width) * inch, float(box.height) * inch


def nomogram_height_mm(
    nomogram: Nomogram, width_mm: float, *, linear_predictor: bool = True
) -> float:
    """Return the height at which a nomogram of that width is neither crowded nor loose."""
    if not nomogram.axes:
        return 12.0
    rows = _rows(nomogram, width_mm * MM, "", "", COLOR, with_lp=linear_predictor)
    return (_height(rows) + 2.0 * len(rows)) / MM


def _height(rows: Sequence[Row]) -> float:
    return sum(row.up + row.down + row.gap for row in rows)


def _rows(
    nomogram: Nomogram, width: float, outcome: str, unit: str, color: str, *, with_lp: bool
) -> list[Row]:
    totals = ["Total points", *(["Linear predictor"] if with_lp else [])]
    outcomes = [_outcome_name(axis, outcome, unit) for axis in nomogram.outcome_axes]
    left, right = _margins(nomogram, width, ["Points", *totals, *outcomes])
    room = width - left - right

    def points(value: float) -> float:
        return left + room * value / nomogram.points_ticks[-1]

    def total(value: float) -> float:
        return left + room * value / nomogram.total_ticks[-1]

    def named(name: str) -> list[str]:
        return _wrapped(name, MOST_NAME * width)

    rows = [_scale(named("Points"), nomogram.points_ticks, points, above=True)]
    for predictor in nomogram.axes:
        lines = named(predictor.label)
        bounds = (_wide(lines) + GAP, width - EDGE)
        rows.append(_predictor(lines, predictor, points, color, bounds))
    rows.append(_scale(named("Total points"), nomogram.total_ticks, total, gap=SECTION))
    if with_lp:
        lp = [
            (value, at)
            for value, at in zip(nomogram.lp_ticks, nomogram.lp_points, strict=True)
            if 0.0 <= at <= nomogram.total_ticks[-1]
        ]
        values, at = [value for value, _ in lp], [total(place) for _, place in lp]
        marks = _thinned(at, values)
        rows.append(Row(named("Linear predictor"), at, [], marks, GREY))
    for axis, name in zip(nomogram.outcome_axes, outcomes, strict=True):
        at = [total(place) for place in axis.points]
        marks = _by_importance(at, axis.probabilities)
        rows.append(Row(named(name), at, [], marks, BLACK, bold=True))
    return rows


def _margins(nomogram: Nomogram, width: float, other_names: Sequence[str]) -> tuple[float, float]:
    """Return the room left and right of the axes, so that no label meets a name or the edge."""
    most, edge = MOST_NAME * width, MOST_EDGE * width

    def wide(name: str) -> float:
        return _wide(_wrapped(name, most))

    predictors = fmt.ticks([float(value) for value in nomogram.lp_ticks])
    last = max((typefaces.width(text, LABEL) / 2 for text in predictors), default=0.0)
    left, right = max(map(wide, other_names)) + 12.0, max(8.0, last)
    for axis in nomogram.axes:
        values = axis.labels or fmt.ticks([float(value) for value in axis.values])
        half = [typefaces.width(text, LABEL) / 2 for text in values]
        reach = [
            h - at / nomogram.max_points * (width - left)
            for h, at in zip(half, axis.points, strict=True)
        ]
        left = max(left, wide(axis.label) + 6.0 + min(max(reach), edge))
        beyond = [
            h - (1 - at / nomogram.max_points) * (width - left)
            for h, at in zip(half, axis.points, strict=True)
        ]
        right = max(right, min(max(beyond), edge))
    return left, right


def _outcome_name(axis: OutcomeAxis, outcome: str, unit: str) -> str:
    name = "Event-free probability" if axis.shows == SURVIVAL else "Risk"
    if outcome:
        name = f"Probability without {outcome}" if axis.shows == SURVIVAL else f"Risk of {outcome}"
    if axis.horizon is None:
        return name
    return f"{name} at {fmt.with_unit(axis.horizon, unit)}"


def _scale(
    name: list[str],
    ticks: Sequence[float],
    scale: Scale,
    *,
    above: bool = False,
    gap: float = BETWEEN,
) -> Row:
    """Return a scale of points with four short ticks between the long ones."""
    at = [scale(tick) for tick in ticks]
    fifth = (ticks[1] - ticks[0]) / 5
    minor = [scale(tick + k * fifth) for tick in ticks[:-1] for k in range(1, 5)]
    marks = [replace(mark, slot=int(above)) for mark in _thinned(at, ticks)]
    return Row(name, at, minor, marks, BLACK, bold=True, gap=gap)


def _predictor(
    name: list[str], axis: PredictorAxis, scale: Scale, color: str, bounds: tuple[float, float]
) -> Row:
    at = [scale(points) for points in axis.points]
    if axis.slope is None or axis.labels:
        return Row(name, at, [], _all_labelled(at, axis.labels, bounds), color)
    values = [float(value) for value in axis.values]
    if max(at) - min(at) < 1.0:  # no effect to speak of: all values at one place
        text = " to ".join(fmt.ticks([values[0], values[-1]]))
        return Row(name, at[:1], [], _all_labelled(at[:1], [text], bounds), color)
    return Row(name, _apart(at), [], _thinned(at, values, bounds), color)


def _thinned(
    at: Sequence[float], values: Sequence[float], bounds: tuple[float, float] = (-inf, inf)
) -> list[Mark]:
    """Return every k-th label, k the least that leaves room; at least the first and the last."""
    n = len(at)
    for step in STEPS:
        chosen = range(0, n, step)
        if len(chosen) < 2:
            break
        texts = fmt.ticks([values[i] for i in chosen])
        marks = [Mark(at[i], text, at[i]) for i, text in zip(chosen, texts, strict=True)]
        if not any(_touch(a, b) for a, b in pairwise(marks)):
            return marks
    ends = sorted({0, n - 1}) if n else []
    return _all_labelled([at[i] for i in ends], fmt.ticks([values[i] for i in ends]), bounds)


def _all_labelled(
    at: Sequence[float], texts: Sequence[str], bounds: tuple[float, float]
) -> list[Mark]:
    """Return all labels, those without room below the line above it or in a further line.

    Short labels of values at the same place become one. Labels stay within `bounds`.
    """
    together: list[tuple[float, str]] = []
    for x, text in sorted(zip(at, texts, strict=True), key=lambda pair: pair[0]):
        joined = f"{together[-1][1]}, {text}" if together else text
        if together and x - together[-1][0] < 0.5 and typefaces.width(joined, LABEL) < JOINED:
            together[-1] = (together[-1][0], joined)
        else:
            together.append((x, text))
    marks: list[Mark] = []
    for x, text in together:
        half = typefaces.width(text, LABEL) / 2
        middle = max(min(x, bounds[1] - half), bounds[0] + half)
        slot = 0
        while any(
            _touch(Mark(x, text, middle), other, WORD_GAP) for other in marks if other.slot == slot
        ):
            slot += 1
        marks.append(Mark(x, text, middle, slot))
    return marks


def _by_importance(at: Sequence[float], probabilities: Sequence[float]) -> list[Mark]:
    """Return labels of probabilities, the most usual ones first, where there is room."""
    order = {p: rank for rank, p in enumerate(FIRST_PROBABILITIES)}
    pairs = sorted(
        zip(at, probabilities, strict=True), key=lambda pair: (order.get(pair[1], 99), pair[0])
    )
    marks: list[Mark] = []
    for x, p in pairs:
        mark = Mark(x, fmt.plain(p), x)
        if not any(_touch(mark, other) for other in marks):
            marks.append(mark)
    return marks


def _touch(one: Mark, other: Mark, gap: float = GAP) -> bool:
    half = (typefaces.width(one.text, LABEL) + typefaces.width(other.text, LABEL)) / 2
    return abs(one.middle - other.middle) < half + gap


def _apart(at: Sequence[float]) -> list[float]:
    """Return places for ticks: where they would merge into a bar, only the two ends."""
    closest = min(abs(b - a) for a, b in pairwise(at))
    return list(at) if closest >= 2.0 else [at[0], at[-1]]


def _wrapped(name: str, width: float) -> list[str]:
    """Break a name into lines of at most `width` at blanks."""
    lines: list[str] = []
    for word in name.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and typefaces.width(longer, NAME, bold=True) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _wide(lines: Sequence[str]) -> float:
    return max(typefaces.width(line, NAME, bold=True) for line in lines)


def _draw_guides(ax: Axes, at: Sequence[float], top: float, bottom: float) -> None:
    lines = [((x, bottom), (x, top)) for x in at]
    draw_segments(ax, lines, color=tint(LIGHT_GREY, 0.7), linewidth=0.4, zorder=0.5)


def _draw(ax: Axes, row: Row, y: float) -> None:
    weight = "bold" if row.bold else "normal"
    middle = (len(row.name) - 1) / 2
    for number, line in enumerate(row.name):
        lowered = y + (middle - number) * NAME_LINE
        ax.text(0, lowered, line, size=NAME, weight=weight, va="center_baseline", ha="left")
    if row.ticks:
        ends = [((min(row.ticks), y), (max(row.ticks), y))]
        draw_segments(ax, ends, color=row.color, linewidth=0.8, solid_capstyle="butt")
    upward = any(mark.slot % 2 == 0 for mark in row.marks) is False
    side = 1.0 if upward else -1.0
    over = {mark.x for mark in row.marks if mark.slot % 2}
    long = [((x, y), (x, y + (TICK if x in over else side * TICK))) for x in row.ticks]
    short = [((x, y), (x, y + side * MINOR)) for x in row.minor]
    draw_segments(ax, long, color=row.color, linewidth=0.6, solid_capstyle="butt")
    draw_segments(ax, short, color=row.color, linewidth=0.4, solid_capstyle="butt")
    for mark in row.marks:
        level = mark.slot // 2
        away = TICK + PAD + level * LINE
        above = mark.slot % 2 == 1
        ax.text(
            mark.middle,
            y + away if above else y - away,
            mark.text,
            size=LABEL,
            ha="center",
            va="bottom" if above else "top",
        )
