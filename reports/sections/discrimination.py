"""How well the models rank patients: binary outcome."""

from functools import partial

from extval.reports.blocks import Block, Figure, Panel, Paragraph, Plot, Section, Subheading
from extval.reports.figures.roc import plot_roc
from extval.reports.index import Index, Measure
from extval.reports.sections.legends import model_curves, model_keys
from extval.reports.tabulation import comparison_table, metric_table
from extval.validate.store import CohortRow

SQUARE_MM = 62.0


def measures(index: Index) -> tuple[Measure, ...]:
    """Return the metrics that this section shows."""
    if index.is_survival:
        return ()
    return tuple(Measure(metric) for metric in ("auc", "pauc", "average_precision"))


def section(index: Index) -> Section:
    """Return AUCs, ROC curves and the differences between models."""
    if index.is_survival:
        return Section("Discrimination", ())
    blocks: list[Block] = []
    table = metric_table(
        index,
        caption="Discrimination. The development cohort shows apparent performance.",
        groups=index.cohorts,
        measures=measures(index),
    )
    blocks += [table] if table else []
    blocks.append(roc_figure(index))
    return Section("Discrimination", (*blocks, *comparisons(index)))


def comparisons(index: Index) -> tuple[Block, ...]:
    """Return one table of differences for every metric that was compared."""
    metrics = list(dict.fromkeys(row.metric for row in index.results.comparisons))
    tables = [
        comparison_table(
            index,
            caption="Differences between models, first minus second.",
            groups=index.cohorts,
            metric=metric,
        )
        for metric in metrics
    ]
    found = [table for table in tables if table is not None]
    return (Subheading("Differences between models"), *found) if found else ()


def roc_figure(index: Index) -> Figure | Paragraph:
    """Return the ROC curves of the pooled cohorts, or a sentence if there is none."""
    panels = [panel for group in index.cohorts if (panel := roc_panel(index, group, SQUARE_MM))]
    if not panels:
        return Paragraph("There is no ROC curve: no cohort has patients with and without the event.")
    return Figure(
        caption="ROC curves.", panels=tuple(panels), columns=2, keys=model_keys(index)
    )


def roc_panel(index: Index, group: CohortRow, size_mm: float, *, title: str = "") -> Panel | None:
    """Return the ROC curves of one cohort or centre, or None."""
    curves = model_curves(index, "roc", group)
    if not curves:
        return None
    return Panel(title or index.title(group), (Plot(partial(plot_roc, curves), size_mm),))
