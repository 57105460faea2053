"""Hazard ratios of each model beside declared predictors: a table and a forest plot a model."""

from collections.abc import Iterator
from functools import partial

from extval.reports import format as fmt
from extval.reports.blocks import (
    INTERVAL,
    RIGHT,
    Band,
    Block,
    Cell,
    Column,
    Figure,
    Panel,
    Plot,
    Row,
    Section,
    Table,
)
from extval.reports.figures.forest import ForestLine, plot_forest
from extval.reports.index import POOLED, Index
from extval.reports.sections.centers import LINE_MM, axis_limits
from extval.reports.tabulation import Footnotes
from extval.validate.store import CohortRow, CoxRow

RATIOS = {
    "hazard_ratio_unadjusted": "Unadjusted {ci}",
    "hazard_ratio": "Adjusted {ci}",
    "hazard_ratio_profile": "Profile likelihood {ci}",
}


def section(index: Index) -> Section:
    """Return tables and forest plots; nothing without declared predictors."""
    rows = index.results.cox
    blocks: list[Block] = []
    for model in index.models:
        mine = [row for row in rows if row.model == model]
        if mine:
            blocks += [_table(index, model, mine), *_forest(index, model, mine)]
    return Section("Adjusted hazard ratios", tuple(blocks))


def _contrasts(rows: list[CoxRow]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row.predictor, row.contrast) for row in rows if row.contrast))


def _find(rows: list[CoxRow], group: CohortRow, metric: str, who: tuple[str, str]) -> CoxRow | None:
    wanted = (group.cohort, POOLED, metric, *who)
    return next(
        (r for r in rows if (r.cohort, r.center, r.metric, r.predictor, r.contrast) == wanted), None
    )


def _table(index: Index, model: str, rows: list[CoxRow]) -> Table:
    notes = Footnotes()
    lines: list[Row | Band] = []
    for group in index.cohorts:
        first = next((row for row in rows if row.cohort == group.cohort), None)
        if first is None:
            continue
        size = f"{fmt.counted(first.n, 'patient')}, {fmt.counted(first.events, 'event')}"
        lines.append(Band(f"{index.name(group)}: {size}"))
        seen = ""
        for who in _contrasts(rows):
            cells = [_ratio(_find(rows, group, name, who), notes) for name in RATIOS]
            wald = _find(rows, group, "wald_p", who)
            test = "" if who[0] == seen else _test(rows, group, who[0])
            seen = who[0]
            lines.append(
                Row(
                    (
                        Cell(f"{who[0]}: {who[1]}"),
                        *cells,
                        Cell(fmt.p_value(None if wald is None else wald.estimate)),
                        Cell(test),
                    )
                )
            )
        blanks = (Cell(""),) * (len(RATIOS) + 1)
        lines.append(Row((Cell("All predictors"), *blanks, Cell(_test(rows, group, "")))))
    methods = dict.fromkeys(row.method for row in rows if row.metric in RATIOS)
    return Table(
        caption=f"Cox model of {model} beside the declared predictors.",
        columns=(
            Column("Predictor"),
            *(Column(heading.format(ci=index.ci), INTERVAL) for heading in RATIOS.values()),
            Column("P", RIGHT),
            Column("PH, P", RIGHT),
        ),
        rows=tuple(lines),
        footnotes=notes.listed(),
        remarks=(
            f"Estimators. {'. '.join(methods)}.",
            "Unadjusted: each predictor alone, in the same patients. P, Wald test of the adjusted "
            "hazard ratio. PH, test of proportional hazards (scaled Schoenfeld residuals) of a "
            "predictor, and of all at once.",
        ),
    )


def _ratio(row: CoxRow | None, notes: Footnotes) -> Cell:
    if row is None:
        return Cell(fmt.ABSENT)
    text = fmt.estimate(row.estimate, row.lower, row.upper, digits=2)
    return Cell(text, notes.mark(row.note))


def _test(rows: list[CoxRow], group: CohortRow, predictor: str) -> str:
    row = _find(rows, group, "proportional_hazards_p", (predictor, ""))
    return fmt.ABSENT if row is None else fmt.p_value(row.estimate)


def _forest(index: Index, model: str, rows: list[CoxRow]) -> Iterator[Figure]:
    """Yield the adjusted hazard ratios, a panel a cohort and a line a contrast."""
    names = _contrasts(rows)
    cohorts = [group for group in index.cohorts if any(r.cohort == group.cohort for r in rows)]
    lines = {
        group.cohort: [_line(_find(rows, group, "hazard_ratio", who)) for who in names]
        for group in cohorts
    }
    known = [line for drawn in lines.values() for line in drawn if line.estimate is not None]
    if not known:
        return
    draw = partial(
        plot_forest,
        color=index.looks[model].color,
        xlabel=f"Adjusted hazard ratio {index.ci}",
        xlim=axis_limits("hazard_ratio", known),
        ideal=1.0,
        log=True,
    )
    yield Figure(
        caption=f"Adjusted hazard ratios, Cox model of {model} beside the declared predictors.",
        panels=tuple(
            Panel(
                index.name(group),
                (Plot(partial(draw, lines[group.cohort]), LINE_MM * len(names)),),
            )
            for group in cohorts
        ),
        columns=2,
        row_labels=tuple(f"{predictor}: {contrast}" for predictor, contrast in names),
        left_mm=1.0,
        remarks=("An empty line: not estimable. An arrow: the interval goes on.",),
    )


def _line(row: CoxRow | None) -> ForestLine:
    if row is None:
        return ForestLine(None, None, None)
    return ForestLine(row.estimate, row.lower, row.upper)
