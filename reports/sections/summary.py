"""The first page: what a reader needs before anything else."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from extval.reports import format as fmt
from extval.reports.blocks import Block, Caution, Figure, Panel, Paragraph
from extval.reports.index import DEVELOPMENT, VALIDATION, Index, Measure
from extval.reports.labels import heading
from extval.reports.sections import cumulative_incidence, sample_size
from extval.reports.sections.calibration import overlay_panel
from extval.reports.sections.centers import forests
from extval.reports.sections.discrimination import roc_panel
from extval.reports.sections.legends import model_keys, strategy_keys
from extval.reports.sections.survival import (
    AT_RISK,
    cohort_panel,
    risk_group_keys,
    risk_group_panel,
)
from extval.reports.sections.utility import decision_panel
from extval.reports.tabulation import at_horizon, metric_table
from extval.validate.risk_groups import INTEREST
from extval.validate.store import CohortRow, MetricRow

PANEL_MM = 40.0
MOST_NAMED, MOST_CENTERS, MOST_MODELS = 6, 12, 4


def measures(index: Index) -> tuple[Measure, ...]:
    """Return the four numbers of every model."""
    if not index.is_survival:
        return tuple(map(Measure, ("auc", "calibration_slope", "oe_ratio", "net_benefit")))
    first = index.horizons[0] if index.horizons else None
    return (
        Measure("c_harrell"),
        Measure("calibration_slope"),
        Measure("oe_t", first),
        Measure("brier_t", first),
    )


def subtitle(index: Index) -> str:
    """Return the line above the title."""
    kind = "a time to event" if index.is_survival else "a binary outcome"
    return f"External validation of prediction models for {kind}"


def facts(index: Index) -> tuple[tuple[str, str], ...]:
    """Return outcome, models and cohorts in one line each."""
    horizons = ", ".join(at_horizon(index, horizon) for horizon in index.horizons)
    outcome = index.outcome + (f"; horizon {horizons}" if horizons else "")
    found = [("Outcome", outcome), ("Models", ", ".join(index.models))]
    for group in index.cohorts:
        centers = index.centers(group.cohort)
        where = fmt.counted(len(centers), "centre") if centers else ""
        events = fmt.share(group.events, group.n)
        text = f"{fmt.counted(group.n, 'patient')}, events {events}"
        found.append(
            (f"{group.cohort[:1].upper()}{group.cohort[1:]}", f"{text}; {where}" if where else text)
        )
    return tuple(found)


def blocks(index: Index) -> tuple[Block, ...]:
    """Return the first page: the table, the curves, the cautions, what is not estimable."""
    found: list[Block] = []
    pooled = index.pooled(VALIDATION)
    groups = [pooled] if pooled is not None else list(index.cohorts)
    table = metric_table(
        index,
        caption="; ".join(
            f"Performance of the frozen models. {index.title(group)}." for group in groups
        ),
        groups=groups,
        measures=measures(index),
    )
    found += [table] if table is not None else []
    if pooled is not None:
        found += _figure(index, pooled)
    if index.results.cautions:
        found.append(Caution("Cautions", index.results.cautions))
    found.append(Paragraph(_not_estimable(index)))
    centers = index.centers(VALIDATION)
    if 1 < len(centers) <= MOST_CENTERS and len(index.models) <= MOST_MODELS:
        by_center = forests(index, measures(index)[0], only=(VALIDATION,))
        found += [replace(figure, optional=True) for figure in by_center]
    return tuple(found)


def _figure(index: Index, pooled: CohortRow) -> Iterator[Figure]:
    panels: list[Panel | None]
    if cumulative_incidence.is_stored(index):
        panels = [
            cumulative_incidence.cohort_panel(index, pooled, title="All patients", small=True),
            *(
                panel
                for name in index.models[:2]
                for panel in cumulative_incidence.risk_group_panels(
                    index, pooled, name, causes=(INTEREST,), small=True
                )
            ),
        ]
        keys = (*cumulative_incidence.keys(), *risk_group_keys(index))
        caption = (
            "Cumulative incidence in the external cohort: all patients, and the event of interest "
            "in frozen risk groups."
        )
    elif index.is_survival:
        panels = [
            cohort_panel(index, pooled, title="All patients", small=True),
            *(risk_group_panel(index, pooled, name, small=True) for name in index.models[:2]),
        ]
        keys = risk_group_keys(index)
        caption = (
            "Kaplan-Meier curves of the external cohort: all patients, and frozen risk groups."
        )
    else:
        panels = [
            roc_panel(index, pooled, PANEL_MM, title="Discrimination"),
            overlay_panel(index, pooled, PANEL_MM, title="Calibration"),
            decision_panel(index, pooled, PANEL_MM, title="Clinical utility"),
        ]
        keys = (*model_keys(index), *strategy_keys())
        caption = "ROC, calibration and decision curves of the external cohort."
    drawn = tuple(panel for panel in panels if panel is not None)
    if drawn:
        yield Figure(
            caption=caption,
            panels=drawn,
            columns=3,
            left_mm=16.5 if index.is_survival else 11.0,
            keys=keys,
            remarks=(AT_RISK,) if index.is_survival else (),
            optional=True,
        )


def _not_estimable(index: Index) -> str:
    """Return the sentence that says which numbers have no estimate."""
    parts_of_a_test = ("_df", "_p")
    missing = [
        row
        for row in index.results.metrics
        if row.estimate is None and not row.metric.endswith(parts_of_a_test)
    ]
    if not missing:
        return "Every number of this report is estimable."
    sentences = []
    for group in index.cohorts:
        rows = [r for r in missing if (r.cohort, r.center) == (group.cohort, group.center)]
        named = _named(rows)
        if named:
            more = len(named) - MOST_NAMED
            rest = f" and {fmt.counted(more, 'other measure')}" if more > 0 else ""
            said = "; ".join(named[:MOST_NAMED])
            sentences.append(f"in the {group.cohort} cohort, {said}{rest}")
    centers = [row for row in missing if row.center != "all"]
    if centers:
        names = list(
            dict.fromkeys(
                row.center if row.cohort != DEVELOPMENT else f"{row.center} (development)"
                for row in centers
            )
        )
        listed = ", ".join(names[:MOST_NAMED])
        rest = f" and {fmt.integer(len(names) - MOST_NAMED)} more" if names[MOST_NAMED:] else ""
        numbers = fmt.counted(len(centers), "number")
        sentences.append(f"in single centres, {numbers} ({listed}{rest})")
    return (
        f"Not estimable: {'; '.join(sentences)}. Each is marked where it stands, with the reason "
        "in a footnote."
    )


def _named(rows: Sequence[MetricRow]) -> list[str]:
    """Return each measure with its models; those of the sample size are one, and come last."""
    models: dict[str, dict[str, None]] = {}
    for row in sorted(rows, key=lambda row: row.metric.startswith(sample_size.PREFIX)):
        size = row.metric.startswith(sample_size.PREFIX)
        name = "the patients needed" if size else heading(row.metric)
        models.setdefault(name, {})[row.model or "all patients"] = None
    return [f"{name} of {', '.join(those)}" for name, those in models.items()]
