"""What updating a model to the validated place would change."""

from extval.reports.blocks import Paragraph, Section
from extval.reports.index import VALIDATION, Index, Measure
from extval.reports.tabulation import metric_table
from extval.validate.store import MetricRow

CHOSEN = ("update_intercept", "update_slope")
AFTER = ("updated_calibration_intercept", "updated_calibration_slope", "updated_brier")


def measures(index: Index) -> tuple[Measure, ...]:
    """Return the metrics that this section shows."""
    del index
    return tuple(map(Measure, (*CHOSEN, *AFTER)))


def section(index: Index) -> Section:
    """Return the update that was chosen, and calibration and error after it."""
    groups = [group for group in index.results.cohorts if group.cohort == VALIDATION]
    table = metric_table(
        index,
        caption="Recalibration to the validated place, and calibration and error after it.",
        groups=[g for g in groups if g.center == "all" or len(groups) > 2],
        measures=measures(index),
        said=_said,
    )
    if table is None:
        return Section("Updating", ())
    return Section(
        "Updating",
        (
            Paragraph(
                "An updated model is another model: the numbers of the other sections are those of "
                "the frozen models. Values after the update are cross-fitted, so that no patient "
                "is judged by an update that was fitted on it."
            ),
            table,
        ),
    )


def _said(row: MetricRow) -> str:
    """Return the method as a footnote where it says which update was chosen for the model."""
    if row.metric not in CHOSEN:
        return row.note
    sentence = row.method[:1].upper() + row.method[1:]
    return f"{sentence}. {row.note}".strip()
