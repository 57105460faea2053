"""Forest plots of odds or hazard ratios, each with its Wald and its profile-likelihood interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan, log, nan
from typing import Any

from matplotlib.axes import Axes
from matplotlib.markers import CARETLEFT, CARETRIGHT

from extval.features.modelling.predictors import CATEGORICAL, CUT, level_label
from extval.features.modelling.regression import RegressionModel
from extval.reports import format as fmt
from extval.reports import typefaces
from extval.reports.figures.axes import draw_segments
from extval.reports.figures.forest import _log_ticks
from extval.reports.figures.nomogram import MM, size_in_points
from extval.reports.palette import BLACK, GREY, LIGHT_GREY

RATIO, HEADING, REFERENCE = "ratio", "heading", "reference"
COLOR = "#004488"
SIZE, TICK_SIZE = 6.5, 6.0
WALD_BELOW = 3.2  # points between the two intervals
ROW, HEAD, FOOT = 14.0, 16.0, 26.0  # points: heights of a line, the headings and the axis
COLUMN_GAP, INDENT, MARGIN = 10.0, 8.0, 2.0
LOWEST, HIGHEST = 0.02, 50.0  # limits beyond are drawn as arrows
_MIDDLE: Any = {"ha": "left", "va": "center_baseline"}


@dataclass(frozen=True, slots=True)
class RatioLine:
    """One ratio with its limits and P value; NaN where not estimable.

    `role` is `RATIO`, or `HEADING` (a name alone) or `REFERENCE` (the level of ratio 1).
    """

    label: str
    ratio: float = nan
    wald: tuple[float, float] = (nan, nan)
    profile: tuple[float, float] = (nan, nan)
    likelihood_ratio_p: float = nan
    role: str = "ratio"
    indented: bool = False


@dataclass(frozen=True, slots=True)
class _Layout:
    """Points from the left: where the plot and the columns of text begin, and the plot's scale."""

    left: float
    right: float
    low: float
    high: float
    columns: tuple[float, ...]

    def x(self, ratio: float) -> float:
        share = (log(ratio) - log(self.low)) / (log(self.high) - log(self.low))
        return self.left + (self.right - self.left) * share


def ratio_lines(model: RegressionModel, labels: Mapping[str, str] | None = None) -> list[RatioLine]:
    """Return the lines of a fitted model.

    A predictor of more than two levels has a heading and a line for its reference level.
    """
    names = labels or {}
    rows = iter(model.table_.to_dict("records"))
    lines: list[RatioLine] = []
    for predictor in model.predictors_:
        label = names.get(predictor.name, predictor.name)
        levels = [level_label(level) for level in predictor.levels]
        if predictor.kind == CUT:
            sign = "\u2265" if predictor.inclusive else ">"
            lines.append(_line(f"{label} {sign} {fmt.plain(predictor.cut)}", next(rows)))
        elif predictor.kind != CATEGORICAL:
            lines.append(_line(label, next(rows)))
        elif len(levels) == 2:
            lines.append(_line(f"{label}: {levels[1]} vs {levels[0]}", next(rows)))
        elif len(levels) > 2:
            lines.append(RatioLine(label, role=HEADING))
            lines.append(RatioLine(levels[0], ratio=1.0, role=REFERENCE, indented=True))
            lines += [_line(level, next(rows), indented=True) for level in levels[1:]]
    return lines


def _line(label: str, row: Mapping[Any, Any], *, indented: bool = False) -> RatioLine:
    return RatioLine(
        label,
        ratio=row["ratio"],
        wald=(row["wald_lower"], row["wald_upper"]),
        profile=(row["profile_lower"], row["profile_upper"]),
        likelihood_ratio_p=row["likelihood_ratio_p"],
        indented=indented,
    )


def ratios_height_mm(n_lines: int) -> float:
    """Return the height that a forest plot of so many lines takes."""
    return (HEAD + FOOT + ROW * n_lines) / MM


def plot_ratios(
    lines: Sequence[RatioLine],
    ax: Axes,
    *,
    kind: str = "odds",
    confidence_level: float = 0.95,
    color: str = COLOR,
) -> Axes:
    """Draw ratios on a logarithmic axis with names at the left and numbers at the right.

    `kind` is "odds" or "hazard". The profile interval is the thick line, Wald's the thin one
    below it; a limit beyond the axis ends in an arrow.
    """
    width, height = size_in_points(ax)
    ax.set(xlim=(0, width), ylim=(0, height), xticks=(), yticks=())
    for spine in ax.spines.values():
        spine.set_visible(False)
    level = fmt.level(confidence_level)
    heads = (f"{kind.capitalize()} ratio", f"Profile {level} CI", f"Wald {level} CI", "P (LR)")
    cells = [_cells(line) for line in lines]
    layout = _layout(lines, heads, cells, width)
    top = height - HEAD
    bottom = top - ROW * len(lines)
    for x, text, ink in zip(layout.columns, heads, (BLACK, color, GREY, BLACK), strict=True):
        ax.text(x, height - HEAD / 2, text, size=SIZE, weight="bold", color=ink, **_MIDDLE)
    draw_segments(ax, [((0, top), (width, top))], color=BLACK, linewidth=0.6)
    _draw_axis(ax, layout, top, bottom, heads[0])
    for number, (line, texts) in enumerate(zip(lines, cells, strict=True)):
        y = top - ROW * (number + 0.5)
        if number and not line.indented:
            draw_segments(
                ax, [((0, y + ROW / 2), (width, y + ROW / 2))], color=LIGHT_GREY, linewidth=0.3
            )
        ax.text(INDENT * line.indented, y, line.label, size=SIZE, **_MIDDLE)
        for x, text in zip(layout.columns, texts, strict=True):
            ax.text(x, y, text, size=SIZE, **_MIDDLE)
        _draw_line(ax, line, layout, y, color)
    return ax


def _cells(line: RatioLine) -> tuple[str, ...]:
    """Return the texts of the columns at the right."""
    if line.role == HEADING:
        return "", "", "", ""
    if line.role == REFERENCE:
        return "1 (reference)", "", "", ""
    if not isfinite(line.ratio):
        return fmt.number(nan), fmt.ABSENT, fmt.ABSENT, fmt.ABSENT
    limits = [fmt.limits(*ends, digits=2) for ends in (line.profile, line.wald)]
    return fmt.number(line.ratio, digits=2), *limits, fmt.p_value(line.likelihood_ratio_p)


def _layout(
    lines: Sequence[RatioLine],
    heads: Sequence[str],
    cells: Sequence[Sequence[str]],
    width: float,
) -> _Layout:
    def wide(text: str, *, bold: bool = False) -> float:
        return typefaces.width(text, SIZE, bold=bold)

    widths = [
        max([wide(head, bold=True), *(wide(texts[i]) for texts in cells)])
        for i, head in enumerate(heads)
    ]
    starts, x = [], width - MARGIN
    for w in reversed(widths):
        x -= w
        starts.append(x)
        x -= COLUMN_GAP
    names = [wide(line.label) + INDENT * line.indented for line in lines]
    left = max(names, default=0.0) + COLUMN_GAP
    ends = [v for line in lines for v in (line.ratio, *line.profile, *line.wald)]
    known = [v for v in ends if isfinite(v) and v > 0.0] + [1.0]
    low = max(min(0.8, min(known) * 0.9), LOWEST)
    high = min(max(1.25, max(known) * 1.1), HIGHEST)
    return _Layout(left, x, low, high, tuple(reversed(starts)))


def _draw_axis(ax: Axes, layout: _Layout, top: float, bottom: float, name: str) -> None:
    none = layout.x(1.0)
    draw_segments(ax, [((none, bottom), (none, top))], color=GREY, linewidth=0.5)
    draw_segments(ax, [((layout.left, bottom), (layout.right, bottom))], color=BLACK, linewidth=0.5)
    ticks = _log_ticks(layout.low, layout.high)
    marks = [((layout.x(t), bottom), (layout.x(t), bottom - 2.2)) for t in ticks]
    draw_segments(ax, marks, color=BLACK, linewidth=0.5)
    taken: list[tuple[float, float]] = []
    for tick in sorted(ticks, key=lambda t: (t != 1.0, t)):  # 1 has its label in any case
        x, half = layout.x(tick), typefaces.width(fmt.plain(tick), TICK_SIZE) / 2 + 2.0
        if not any(x - half < end and x + half > start for start, end in taken):
            ax.text(x, bottom - 4.0, fmt.plain(tick), size=TICK_SIZE, ha="center", va="top")
            taken.append((x - half, x + half))
    middle = (layout.left + layout.right) / 2
    ax.text(middle, bottom - 13.0, f"{name} (log scale)", size=SIZE, ha="center", va="top")


def _draw_line(ax: Axes, line: RatioLine, layout: _Layout, y: float, color: str) -> None:
    if line.role == HEADING or not isfinite(line.ratio):
        return
    if line.role == REFERENCE:
        ax.plot([layout.x(1.0)], [y], marker="s", markersize=2.8, color=GREY)
        return
    for (low, high), ink, thick, at in (
        (line.wald, GREY, 0.7, y - WALD_BELOW),
        (line.profile, color, 1.3, y),
    ):
        if isnan(low) or isnan(high) or low > layout.high or high < layout.low:
            continue
        first, last = layout.x(max(low, layout.low)), layout.x(min(high, layout.high))
        draw_segments(
            ax, [((first, at), (last, at))], color=ink, linewidth=thick, solid_capstyle="butt"
        )
        for beyond, x, marker in (
            (low < layout.low, first, CARETLEFT),
            (high > layout.high, last, CARETRIGHT),
        ):
            if beyond:
                ax.plot([x], [at], marker=marker, markersize=3, color=ink)
    if layout.low <= line.ratio <= layout.high:
        ax.plot([layout.x(line.ratio)], [y], marker="s", markersize=3.6, color=color)
