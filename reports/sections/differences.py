"""Differences between models, one table a metric."""

from collections.abc import Sequence

from extval.reports.blocks import Block, Subheading
from extval.reports.index import Index
from extval.reports.labels import heading
from extval.reports.tabulation import comparison_table

VS_DEVELOPMENT, VS_CENTER = "_vs_development", "_vs_center:"


def differences(
    index: Index, metrics: Sequence[str], *, title: str = "Differences between models"
) -> tuple[Block, ...]:
    """Return one table of differences for every metric that was compared, under a subheading."""
    tables = [
        comparison_table(
            index,
            caption=f"{heading(metric)}: differences between models, first minus second.",
            entries=[(index.title(group), group, metric) for group in index.cohorts],
        )
        for metric in metrics
        if metric in index.compared
    ]
    found = [table for table in tables if table is not None]
    return (Subheading(title), *found) if found else ()
