"""How well the models rank patients: binary outcome."""

from collections.abc import Iterator
from functools import partial

from extval.reports.blocks import Block, Figure, Panel, Paragraph, Plot, Section
from extval.reports.figures.roc import plot_precision_recall, plot_roc, plot_roc_band
from extval.reports.index import DEVELOPMENT, POOLED, Index, Measure
from extval.reports.sections.differences import VS_DEVELOPMENT, differences
from extval.reports.sections.legends import model_curves, model_keys
from extval.reports.tabulation import comparison_table, metric_table
from extval.validate.store import CohortRow

SQUARE_MM, BAND_MM = 62.0, 40.0
COMPARED = ("auc", "pauc", "pauc_corrected", "average_precision")


def measures(index: Index) -> tuple[Measure, ...]:
    """Return the metrics that this section shows."""
    if index.is_survival:
        return ()
    return tuple(Measure(metric) for metric in COMPARED)


def section(index: Index) -> Section:
    """Return AUCs, ROC curves and the differences between models."""
    if index.is_survival:
        return Section("Discrimination", ())
    blocks: list[Block] = []
    table = metric_table(
        index,
        caption=f"Discrimination. The development cohort shows {index.development_shows}.",
        groups=index.cohorts,
        measures=measures(index),
    )
    blocks += [table] if table else []
    blocks.append(roc_figure(index))
    blocks += _bands(index)
    blocks += _precision_recall(index)
    return Section(
        "Discrimination", (*blocks, *differences(index, COMPARED), *_against_development(index))
    )


def roc_figure(index: Index) -> Figure | Paragraph:
    """Return the ROC curves of the pooled cohorts, or a sentence if there is none."""
    panels = [panel for group in index.cohorts if (panel := roc_panel(index, group, SQUARE_MM))]
    if not panels:
        return Paragraph(
            "There is no ROC curve: no cohort has patients with and without the event."
        )
    return Figure(caption="ROC curves.", panels=tuple(panels), columns=2, keys=model_keys(index))


def _bands(index: Index) -> Iterator[Figure]:
    """Yield the ROC curve of every model with its band, in each pooled cohort."""
    for group in index.cohorts:
        panels = []
        for name in index.models:
            band = index.curve("roc_band", group, model=name)
            if band:
                curve, look = index.curve("roc", group, model=name), index.looks[name]
                draw = partial(plot_roc_band, curve, band, look)
                panels.append(Panel(name, (Plot(draw, BAND_MM),)))
        if panels:
            yield Figure(
                caption=f"ROC curves with their {index.level} bands. {index.title(group)}.",
                panels=tuple(panels),
                columns=3,
                left_mm=10.0,
            )


def _precision_recall(index: Index) -> Iterator[Figure]:
    """Yield the precision-recall curves of the pooled cohorts."""
    panels = []
    for group in index.cohorts:
        curves = model_curves(index, "precision_recall", group)
        if curves:
            plot = Plot(partial(plot_precision_recall, curves), SQUARE_MM)
            panels.append(Panel(index.name(group), (plot,), index.size(group)))
    if panels:
        yield Figure(
            caption="Precision-recall curves.",
            panels=tuple(panels),
            columns=2,
            keys=model_keys(index),
            remarks=("Grey line, the event rate: the precision of a useless prediction.",),
        )


def roc_panel(index: Index, group: CohortRow, size_mm: float, *, title: str = "") -> Panel | None:
    """Return the ROC curves of one cohort or centre, or None."""
    curves = model_curves(index, "roc", group)
    if not curves:
        return None
    return Panel(
        title or index.name(group),
        (Plot(partial(plot_roc, curves), size_mm),),
        "" if title else index.size(group),
    )


def _against_development(index: Index) -> Iterator[Block]:
    """Yield the differences between each validation cohort or centre and development."""
    groups = [g for g in index.results.cohorts if g.cohort != DEVELOPMENT]
    pooled_first = sorted(groups, key=lambda group: group.center != POOLED)
    for metric in index.compared:
        if metric.endswith(VS_DEVELOPMENT):
            table = comparison_table(
                index,
                caption="Each cohort or centre minus the development cohort (different patients).",
                entries=[(index.title(group), group, metric) for group in pooled_first],
            )
            if table is not None:
                yield table
