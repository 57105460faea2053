"""Every centre by itself: forest plots, tables, and curves in small."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from matplotlib.axes import Axes

from extval.reports.blocks import Block, Figure, Panel, Paragraph, Plot, Section, Subheading
from extval.reports.figures.forest import CENTER, POOL, PREDICTION, ForestLine, plot_forest
from extval.reports.index import POOLED, VALIDATION, Index, Measure
from extval.reports.labels import GENERAL, heading, label
from extval.reports.sections import cumulative_incidence
from extval.reports.sections.calibration import overlay_panel
from extval.reports.sections.differences import VS_CENTER
from extval.reports.sections.discrimination import roc_panel
from extval.reports.sections.heterogeneity import (
    POOLED_SUFFIX,
    PREDICTION_SUFFIX,
    WITHOUT,
    heterogeneity_table,
    influence_table,
    pooled_measures,
)
from extval.reports.sections.legends import model_keys, strategy_keys
from extval.reports.sections.survival import AT_RISK, cohort_panel
from extval.reports.sections.utility import decision_panel
from extval.reports.tabulation import at_horizon, comparison_table, metric_table
from extval.validate.across_centers import MOST_INFLUENTIAL
from extval.validate.store import CohortRow

LINE_MM, SMALL_MM, MOST_PANELS = 4.8, 40.0, 4
MOST_DIFFERENCES, MOST_LINES = 150, 42
_FULL = {"auc": (0.0, 1.0), "c_harrell": (0.0, 1.0), "auc_t": (0.0, 1.0)}
_IDEAL = {"calibration_slope": 1.0, "oe_ratio": 1.0, "oe_t": 1.0, "calibration_intercept": 0.0}
_LOG = {"oe_ratio", "oe_t", "hazard_ratio"}
_LOG_LIMITS = (0.1, 10.0)
SHOWN_ELSEWHERE = ("update", "needed_n_", "membership_", "auc_model_based")


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
    blocks += _left_out(index)
    blocks += [table for table in (heterogeneity_table(index), influence_table(index)) if table]
    if pooled_measures(index) and len(index.centers(VALIDATION)) > MOST_INFLUENTIAL:
        said = f"The influence of single centres is computed for up to {MOST_INFLUENTIAL} of them."
        blocks.append(Paragraph(said))
    blocks += _comparisons(index, groups)
    figures = list(_small_multiples(index, groups))
    if figures:
        blocks += [Subheading("Curves"), *figures]
    return Section("Centres", tuple(blocks))


def _left_out(index: Index) -> Iterator[Paragraph]:
    """Yield the sentence that names the measures of single centres that are not printed here."""
    printed = {measure.metric for _, chosen in _tables(index) for measure in chosen}
    printed |= {"prevalence", "survival_t", "survival_median", "follow_up_median", "rmst"}
    others = dict.fromkeys(
        heading(row.metric)
        for row in index.results.metrics
        if row.center != POOLED
        and row.model
        and row.metric not in printed
        and not row.metric.endswith(("_df", "_p"))
        and not row.metric.startswith(SHOWN_ELSEWHERE)
        and not row.metric.endswith(WITHOUT)
        and label(row.metric).kind != GENERAL
    )
    if others:
        yield Paragraph(
            "These measures of the single centres are in metrics.csv of the results folder: "
            f"{', '.join(others)}."
        )


def _comparisons(index: Index, groups: Sequence[CohortRow]) -> Iterator[Block]:
    """Yield the differences between models in every centre, and those between centres."""
    between = [metric for metric in index.compared if VS_CENTER in metric]
    metrics = [metric for metric in index.compared if "_vs_" not in metric]
    jobs = [
        (
            f"{heading(metric)} by centre: differences between models, first minus second.",
            [(index.title(group), group, metric) for group in groups],
        )
        for metric in metrics
    ]
    if between:
        named = [
            (f"{group.center} \u2212 {metric.partition(VS_CENTER)[2]}", group, metric)
            for group in groups
            for metric in between
        ]
        jobs.append(("Differences between centres (different patients).", named))
    long = []
    for caption, entries in jobs:
        if sum(len(index.comparisons(*entry[1:])) for entry in entries) > MOST_DIFFERENCES:
            long.append(caption.partition(":")[0].removesuffix("."))
            continue
        table = comparison_table(index, caption=caption, entries=entries)
        if table is not None:
            yield table
    if long:
        yield Paragraph(
            "These differences are too many to print; they are in comparisons.csv of the results "
            f"folder: {'; '.join(long)}."
        )


def _forest_measures(index: Index) -> tuple[Measure, ...]:
    if not index.is_survival:
        return tuple(map(Measure, ("auc", "calibration_slope", "oe_ratio")))
    at_first = [Measure("oe_t", horizon) for horizon in index.horizons[:1]]
    return (Measure("c_harrell"), Measure("calibration_slope"), *at_first)


def _tables(index: Index) -> Iterator[tuple[str, list[Measure]]]:
    if not index.is_survival:
        chosen = ("auc", "calibration_slope", "oe_ratio", "net_benefit")
        yield "Discrimination, calibration and utility by centre.", [*map(Measure, chosen)]
        classified = ("sensitivity", "specificity", "ppv", "npv")
        yield "Classification at the frozen threshold by centre.", [*map(Measure, classified)]
        further = ("calibration_intercept", "ici", "brier", "hosmer_lemeshow", "hosmer_lemeshow_p")
        yield "Further calibration and overall error by centre.", [*map(Measure, further)]
        return
    first = ("c_harrell", "calibration_slope", "logrank", "logrank_p")
    yield "Discrimination, calibration slope and risk groups by centre.", [*map(Measure, first)]
    for horizon in index.horizons:
        yield (
            "Calibration and error at the horizon by centre.",
            [Measure("oe_t", horizon), Measure("brier_t", horizon)],
        )


def _forests(index: Index) -> Iterator[Figure]:
    for measure in _forest_measures(index):
        yield from forests(index, measure)


def forests(index: Index, measure: Measure, *, only: tuple[str, ...] = ()) -> list[Figure]:
    """Return the forest plots of one measure: a panel a model, a line a centre, then the pooled.

    `only` names the cohorts to draw, all if it is empty. Very many centres take several figures.
    """
    lines = [line for line in _lines(index, measure) if not only or line[1].cohort in only]
    drawn = {
        name: [
            _line(index, group, name, Measure(metric, measure.horizon), kind)
            for _, group, metric, kind in lines
        ]
        for name in index.models
    }
    known = [line for column in drawn.values() for line in column if line.estimate is not None]
    if not known:
        return []
    about = label(measure.metric)
    at = "" if measure.horizon is None else f" at {at_horizon(index, measure.horizon)}"
    draw = partial(
        plot_forest,
        xlabel=f"{about.name}{at} {index.ci}",
        xlim=axis_limits(measure.metric, known),
        ideal=_IDEAL.get(measure.metric),
        log=measure.metric in _LOG,
    )
    parts = [slice(start, start + MOST_LINES) for start in range(0, len(lines), MOST_LINES)]
    return [
        Figure(
            caption=f"{about.name}{at} by centre.",
            panels=tuple(
                _forest_panel(
                    name,
                    partial(draw, column[part], color=index.looks[name].color),
                    len(column[part]),
                )
                for name, column in drawn.items()
                if any(line.estimate is not None for line in column)
            ),
            columns=panels_across(len(index.models)),
            row_labels=tuple(text for text, *_ in lines[part]),
            left_mm=1.0,
            remarks=(
                "Squares, centres; diamonds, all patients of a cohort together, and the "
                "random-effects mean of the centres; bar, where a new centre is expected. An "
                "arrow means that the interval goes on beyond the axis; an empty line, that the "
                "number is not estimable.",
            ),
        )
        for part in parts
    ]


def _forest_panel(name: str, draw: Callable[[Axes], Axes], lines: int) -> Panel:
    return Panel(name, (Plot(draw, LINE_MM * lines),))


def _lines(index: Index, measure: Measure) -> list[tuple[str, CohortRow, str, str]]:
    """Return label, group, metric and kind of every line of a forest plot."""
    lines: list[tuple[str, CohortRow, str, str]] = []
    metric = measure.metric
    for pooled in index.cohorts:
        centers = index.centers(pooled.cohort)
        if len(centers) > 1:
            lines += [(index.name(center), center, metric, CENTER) for center in centers]
        name = f"{pooled.cohort[:1].upper()}{pooled.cohort[1:]}, all"
        lines.append((name, pooled, metric, POOL))
        for suffix, said, mark in (
            (POOLED_SUFFIX, "Random effects", POOL),
            (PREDICTION_SUFFIX, "Prediction interval", PREDICTION),
        ):
            extra = Measure(metric + suffix, measure.horizon)
            if any(index.row(pooled, model, extra) for model in index.models):
                lines.append((said, pooled, extra.metric, mark))
    return lines


def _line(index: Index, group: CohortRow, model: str, measure: Measure, kind: str) -> ForestLine:
    row = index.row(group, model, measure)
    if row is None:
        return ForestLine(None, None, None, kind)
    return ForestLine(row.estimate, row.lower, row.upper, kind)


def axis_limits(metric: str, lines: Sequence[ForestLine]) -> tuple[float, float]:
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


def panels_across(models: int) -> int:
    """Return how many panels stand beside one another."""
    return next((n for n in (MOST_PANELS, 3, 2) if models >= n), 2)


def _small_multiples(index: Index, groups: Sequence[CohortRow]) -> Iterator[Figure]:
    kinds: list[tuple[str, Callable[[CohortRow], Panel | None], bool]]
    keys = () if index.is_survival else model_keys(index)
    if cumulative_incidence.is_stored(index):
        keys, end = cumulative_incidence.keys(), cumulative_incidence.common_end(index, groups)
        kinds = [
            (
                "Cumulative incidence in all patients by centre.",
                lambda g: cumulative_incidence.cohort_panel(index, g, small=True, highest=end),
                False,
            )
        ]
    elif index.is_survival:
        kinds = [
            (
                "Kaplan-Meier curve of all patients by centre.",
                lambda g: cohort_panel(index, g, small=True),
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
        yield Figure(
            caption=caption,
            panels=drawn,
            columns=3,
            left_mm=11.0,
            keys=(*keys, *(strategy_keys() if strategies else ())),
            remarks=(
                *((AT_RISK,) if index.is_survival else ()),
                *(
                    (f"Not drawn, because not estimable: {', '.join(left_out)}.",)
                    if left_out
                    else ()
                ),
            ),
        )
