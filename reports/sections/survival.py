"""Everything about a time to event: curves, risk groups, discrimination, calibration, error."""

from collections.abc import Iterator

from extval.reports.blocks import Block, Figure, Key, Panel, Section, Subheading, Table
from extval.reports.index import Columns, Index, Measure
from extval.reports.palette import Look, risk_group_looks
from extval.reports.sections import (
    censoring_weights,
    cumulative_incidence,
    landmarks,
    risk_group_outcomes,
    risk_group_tests,
)
from extval.reports.sections.differences import differences
from extval.reports.sections.horizons import horizon_figures
from extval.reports.sections.survival_panels import Curves, curves_panel, group_names
from extval.reports.tabulation import metric_table
from extval.validate.risk_groups import risk_group_names
from extval.validate.store import CohortRow

EVERYBODY = Look("#1A1A1A", (), "")
AT_RISK = "Below the curves: number at risk."
AT_HORIZON = ("auc_t", "oe_t", "ici_t", "brier_t", "ipa_t")
DISTANCES = ("e50_t", "e90_t", "emax_t", "ibs")
UTILITY = ("net_benefit_t",)


def ranking(index: Index) -> tuple[Measure, ...]:
    """Return the measures of ranking as a whole, and the calibration slope with its test."""
    outcome = index.protocol["outcome"]
    last = (outcome.get("curve_times") or index.horizons)[-1]
    others = ("calibration_slope", "proportional_hazards", "proportional_hazards_p")
    ranked = (Measure("c_harrell"), Measure("c_uno"), Measure("iauc", float(last)))
    return (*ranked, *map(Measure, others))


def at_horizons(index: Index) -> tuple[Measure, ...]:
    """Return the measures at each horizon."""
    return tuple(
        Measure(metric, horizon)
        for horizon in index.horizons
        for metric in (*AT_HORIZON, *DISTANCES, *UTILITY)
    )


def risk_groups(index: Index) -> list[tuple[Measure, ...]]:
    """Return the measures between the risk groups: one table for two groups, else two."""
    several = max((len(model.risk_group_cuts) for model in index.results.models), default=1) > 1
    higher = dict.fromkeys(
        f"_{name}".replace(" ", "_")
        for model in index.results.models
        for name in risk_group_names(len(model.risk_group_cuts) + 1)[1:]
    )
    endings = ("", *higher) if several else ("",)
    ratios = tuple(Measure(f"hazard_ratio{ending}") for ending in endings)
    restricted = tuple(
        Measure(f"{metric}{ending}", horizon)
        for horizon in index.horizons
        for metric in ("rmst_difference", "rmst_ratio")
        for ending in endings
    )
    tests = tuple(Measure(f"{name}{part}") for name in ("logrank", "gray") for part in ("", "_p"))
    if several or len(index.horizons) > 1:
        each = [tuple(m for m in restricted if m.horizon == h) for h in index.horizons]
        return [(*ratios, *tests), *each]
    return [(*ratios, *restricted, *tests)]


def measures(index: Index) -> tuple[Measure, ...]:
    """Return the metrics that this section shows."""
    if not index.is_survival:
        return ()
    return (
        *ranking(index),
        *(measure for table in risk_groups(index) for measure in table),
        Measure("proportional_hazards_df"),
        Measure("logrank_df"),
        Measure("gray_df"),
        *risk_group_outcomes.measures(index),
        *risk_group_tests.measures(index),
        *censoring_weights.measures(index),
        *landmarks.measures(index),
        *at_horizons(index),
    )


def section(index: Index) -> Section:
    """Return the performance of models for a time to event."""
    if not index.is_survival:
        return Section("Survival", ())
    blocks: list[Block] = [
        table for caption, chosen in _tables(index) if (table := _table(index, caption, chosen))
    ]
    blocks += risk_group_outcomes.blocks(index)
    blocks += risk_group_tests.blocks(index)
    blocks += differences(index, [m for m in index.compared if "_vs_" not in m])
    figures = [*_whole_cohorts(index), *_risk_groups(index)]
    if figures:
        blocks += [Subheading("Kaplan-Meier curves"), *figures]
    blocks += cumulative_incidence.blocks(index, risk_group_keys(index))
    blocks += landmarks.blocks(index, risk_group_keys(index), _legend(index, marks=False))
    over_time = list(horizon_figures(index))
    if over_time:
        blocks += [Subheading("Discrimination, calibration and utility at horizons"), *over_time]
    blocks += censoring_weights.blocks(index)
    return Section("Survival", tuple(blocks))


def _tables(index: Index) -> Iterator[tuple[str, list[Measure]]]:
    yield "Discrimination and calibration slope.", list(ranking(index))
    for table in risk_groups(index):
        yield "Differences between the risk groups cut on the development cohort.", list(table)
    for horizon in index.horizons:
        for caption, metrics in (
            ("Discrimination, calibration and error at the horizon.", AT_HORIZON),
            ("Distance of the flexible calibration curve from ideal, and averages.", DISTANCES),
            ("Net benefit at the horizon.", UTILITY),
        ):
            yield caption, [Measure(metric, horizon) for metric in metrics]


def _table(index: Index, caption: str, chosen: list[Measure]) -> Table | None:
    return metric_table(index, caption=caption, groups=index.cohorts, measures=chosen)


def risk_group_panel(
    index: Index, group: CohortRow, model: str, *, small: bool = False
) -> Panel | None:
    """Return the curves of one model's risk groups with the numbers at risk, or None."""
    names = group_names(index, model)
    looks = risk_group_looks(names)
    found = [
        (name, looks[name], *_curve(index, group, model, name))
        for name in names
        if _curve(index, group, model, name)[0]
    ]
    return curves_panel(index, model, found, small=small) if found else None


def cohort_panel(
    index: Index, group: CohortRow, *, small: bool = False, title: str = ""
) -> Panel | None:
    """Return the curve of all patients of a cohort or centre, or None."""
    curve, at_risk = _curve(index, group, "", "")
    found: Curves = [("", EVERYBODY, curve, at_risk)]
    if not curve:
        return None
    subtitle = "" if title else index.size(group)
    return curves_panel(index, title or index.name(group), found, small=small, subtitle=subtitle)


def risk_group_keys(index: Index) -> tuple[Key, ...]:
    """Return the legend of the risk groups, those of all models together."""
    keys: dict[str, Key] = {}
    for model in index.models:
        for name, look in risk_group_looks(group_names(index, model)).items():
            keys.setdefault(
                name, Key(f"{name} risk" if " " not in name else name, look.color, look.dash)
            )
    return tuple(keys.values())


def _whole_cohorts(index: Index) -> Iterator[Figure]:
    panels = [panel for group in index.cohorts if (panel := cohort_panel(index, group))]
    if panels:
        yield Figure(
            caption=f"Kaplan-Meier curve of all patients. {index.outcome}.",
            panels=tuple(panels),
            columns=2,
            left_mm=14.0,
            remarks=(_legend(index),),
        )


def _risk_groups(index: Index) -> Iterator[Figure]:
    for group in index.cohorts:
        panels = [
            panel for model in index.models if (panel := risk_group_panel(index, group, model))
        ]
        if panels:
            yield Figure(
                caption=f"Risk groups frozen on the development cohort. {index.title(group)}.",
                panels=tuple(panels),
                columns=2,
                left_mm=18.0,
                keys=risk_group_keys(index),
                remarks=(_legend(index),),
            )


def _legend(index: Index, *, marks: bool = True) -> str:
    return (
        f"Bands, {index.level} limits; ticks, censored patients"
        f"{'; grey vertical lines, horizons' if marks else ''}. "
        "Below: number at risk and, in brackets, events before that time."
    )


def _curve(index: Index, group: CohortRow, model: str, risk_group: str) -> tuple[Columns, Columns]:
    return (
        index.curve("kaplan_meier", group, model=model, group=risk_group),
        index.curve("risk_table", group, model=model, group=risk_group),
    )
