"""Every centre by itself: forest plots, tables, and curves in small."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from extval.reports.blocks import Block, Figure, Panel, Paragraph, Plot, Section, Subheading
from extval.reports.figures.forest import ForestLine, plot_forest
from extval.reports.index import DEVELOPMENT, Index, Measure
from extval.reports.labels import label
from extval.reports.sections.calibration import overlay_panel
from extval.reports.sections.discrimination import roc_panel
from extval.reports.sections.legends import model_keys, strategy_keys
from extval.reports.sections.survival import cohort_panel
from extval.reports.sections.utility import decision_panel
from extval.reports.tabulation import at_horizon, comparison_table, metric_table
from extval.validate.store import CohortRow

LINE_MM, SMALL_MM, MOST_PANELS = 4.4, 40.0, 4
_FULL = {"auc": (0.0, 1.0), "c_harrell": (0.0, 1.0), "auc_t": (0.0, 1.0)}
_IDEAL = {"calibration_slope": 1.0, "oe_ratio": 1.0, "oe_t": 1.0, "calibration_intercept": 0.0}
_LOG = {"oe_ratio", "oe_t"}
_LOG_LIMITS = (0.1, 10.0)


def measures(index: Index) -> tuple[Measure, ...]:
    """Return no metric: this section repeats, centre by centre, what the others show."""
    del index
    return ()


def section(index: Index) -> Section:
    """Return the results of every centre, those of several development centres included."""
    groups = [
        center
        for pooled in index.cohorts
        for center in index.centers(pooled.cohort)
        if len(index.centers(pooled.cohort)) > 1
    ]
    if not groups:
        names = [
            f"{pooled.cohort}: {center.center}"
            for pooled in index.cohorts
            for center in index.centers(pooled.cohort)
        ]
        said = "Each cohort has one centre, so the pooled results are those of the centre"
        return Section("Centres", (Paragraph(f"{said} ({'; '.join(names)})."),) if names else ())
    blocks: list[Block] = [Subheading("Forest plots"), *_forests(index)]
    blocks.append(Subheading("Tables"))
    for caption, chosen in _tables(index):
        table = metric_table(index, caption=caption, groups=groups, measures=chosen)
        blocks += [table] if table else []
    for metric in dict.fromkeys(row.metric for row in index.results.comparisons):
        compared = comparison_table(
            index,
            caption="Differences between models by centre, first minus second.",
            groups=groups,
            metric=metric,
        )
        blocks += [compared] if compared else []
    figures = list(_small_multiples(index, groups))
    if figures:
        blocks += [Subheading("Curves"), *figures]
    return Section("Centres", tuple(blocks))


def _forest_measures(index: Index) -> tuple[Measure, ...]:
    if not index.is_survival:
        return tuple(map(Measure, ("auc", "calibration_slope", "oe_ratio")))
    at_first = [Measure("oe_t", horizon) for horizon in index.horizons[:1]]
    return (Measure("c_harrell"), Measure("calibration_slope"), *at_first)


def _tables(index: Index) -> Iterator[tuple[str, list[Measure]]]:
    if not index.is_survival:
        chosen = ("auc", "calibration_slope", "oe_ratio", "net_benefit")
        yield "Discrimination, calibration and utility by centre.", [*map(Measure, chosen)]
        chosen = ("sensitivity", "specificity", "ppv", "npv")
        yield "Classification at the frozen threshold by centre.", [*map(Measure, chosen)]
        chosen = ("calibration_intercept", "ici", "brier", "hosmer_lemeshow", "hosmer_lemeshow_p")
        yield "Further calibration and overall error by centre.", [*map(Measure, chosen)]
        return
    first = ("c_harrell", "calibration_slope", "logrank", "logrank_p")
    yield "Discrimination, calibration slope and risk groups by centre.", [*map(Measure, first)]
    for horizon in index.horizons:
        yield (
            "Calibration and error at the horizon by centre.",
            [Measure("oe_t", horizon), Measure("brier_t", horizon)],
        )


def _forests(index: Index) -> Iterator[Figure]:
    """Yield one forest plot a measure: a panel a model, a line a centre, the pooled one last."""
    for measure in _forest_measures(index):
        lines = [
            (group, pooled.center == group.center)
            for pooled in index.cohorts
            if pooled.cohort != DEVELOPMENT or len(index.centers(pooled.cohort)) > 1
            for group in (*index.centers(pooled.cohort), pooled)
        ]
        lines += [
            (pooled, True)
            for pooled in index.cohorts
            if pooled.cohort == DEVELOPMENT and len(index.centers(pooled.cohort)) <= 1
        ]
        panels = {
            name: [_line(index, group, name, measure, pooled=pooled) for group, pooled in lines]
            for name in index.models
        }
        known = [line for drawn in panels.values() for line in drawn if line.estimate is not None]
        if not known:
            continue
        about = label(measure.metric)
        at = "" if measure.horizon is None else f" at {at_horizon(index, measure.horizon)}"
        draw = partial(
            plot_forest,
            xlabel=f"{about.name}{at} ({index.level} CI)",
            xlim=_limits(measure.metric, known),
            ideal=_IDEAL.get(measure.metric),
            log=measure.metric in _LOG,
        )
        yield Figure(
            caption=f"{about.name}{at} by centre.",
            panels=tuple(
                Panel(
                    name,
                    (
                        Plot(
                            partial(draw, drawn, color=index.looks[name].color),
                            LINE_MM * len(drawn),
                        ),
                    ),
                )
                for name, drawn in panels.items()
            ),
            columns=_across(len(index.models)),
            row_labels=tuple(_short_name(index, group) for group, _ in lines),
            left_mm=1.0,
            remarks=(
                "Squares, centres; diamonds, all patients of a cohort together. An arrow means that "
                "the interval goes on beyond the axis; an empty line, that the number is not "
                "estimable.",
            ),
        )


def _short_name(index: Index, group: CohortRow) -> str:
    if group.center != "all":
        return index.name(group)
    return f"{group.cohort[:1].upper()}{group.cohort[1:]}, all"


def _line(
    index: Index, group: CohortRow, model: str, measure: Measure, *, pooled: bool
) -> ForestLine:
    row = index.row(group, model, measure)
    if row is None:
        return ForestLine(None, None, None, pooled)
    return ForestLine(row.estimate, row.lower, row.upper, pooled)


def _limits(metric: str, lines: Sequence[ForestLine]) -> tuple[float, float]:
    """Return the ends of the axis: what was estimated, cut where intervals run away."""
    values = [line.estimate for line in lines if line.estimate is not None]
    lows = [line.lower for line in lines if line.lower is not None]
    highs = [line.upper for line in lines if line.upper is not None]
    if metric in _LOG:
        low = max(min([v for v in (*values, *lows) if v > 0], default=0.5), _LOG_LIMITS[0])
        high = min(max([*values, *highs, 1.0]), _LOG_LIMITS[1])
        return min(low, 0.8) / 1.1, max(high, 1.25) * 1.1
    low, high = min([*values, *lows]), max([*values, *highs])
    if metric in _FULL:
        floor, ceiling = _FULL[metric]
        return max(floor, min(low, 0.5) - 0.02), min(ceiling, high + 0.02)
    spread = max(max(values) - min(values), 0.5)
    low, high = max(low, min(values) - 2 * spread), min(high, max(values) + 2 * spread)
    ideal = _IDEAL.get(metric, values[0])
    low, high = min(low, ideal), max(high, ideal)
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def _across(models: int) -> int:
    return next((n for n in (MOST_PANELS, 3, 2) if models >= n), 2)


def _small_multiples(index: Index, groups: Sequence[CohortRow]) -> Iterator[Figure]:
    kinds: list[tuple[str, Callable[[CohortRow], Panel | None], bool]]
    if index.is_survival:
        kinds = [
            (
                "Kaplan-Meier curve of all patients by centre.",
                lambda g: cohort_panel(index, g, title=index.title(g), height_mm=SMALL_MM - 8.0),
                False,
            )
        ]
    else:
        kinds = [
            ("ROC curves by centre.", lambda g: roc_panel(index, g, SMALL_MM), False),
            (
                "Flexible calibration curves by centre.",
                lambda g: overlay_panel(index, g, SMALL_MM),
                False,
            ),
            ("Decision curves by centre.", lambda g: decision_panel(index, g, SMALL_MM), True),
        ]
    for caption, make, strategies in kinds:
        panels = [(group, make(group)) for group in groups]
        drawn = tuple(panel for _, panel in panels if panel is not None)
        if not drawn:
            continue
        left_out = [index.name(group) for group, panel in panels if panel is None]
        keys = () if index.is_survival else model_keys(index)
        yield Figure(
            caption=caption,
            panels=drawn,
            columns=3,
            left_mm=11.0,
            keys=(*keys, *(strategy_keys() if strategies else ())),
            remarks=(f"Not drawn, because not estimable: {', '.join(left_out)}.",) if left_out else (),
        )
