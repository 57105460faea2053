"""How unlike the validation patients are, and the AUC that their case mix allows."""

from collections.abc import Sequence

from extval.reports.blocks import Band, Cell, Row, Section, Table
from extval.reports.blocks import Column as Heading
from extval.reports.index import VALIDATION, Index, Measure
from extval.reports.tabulation import Footnotes, column, explanations, metric_cell, metric_table
from extval.validate.store import CohortRow, MetricRow

MEMBERSHIP = Measure("membership_c")
AREAS = tuple(map(Measure, ("auc_model_based", "auc_model_based_recalibrated")))
PREDICTORS = "declared predictors"
CONCORDANCES = tuple(map(Measure, ("c_model_based", "c_model_based_recalibrated")))
BY_OUTCOME = "{}: linear predictor and outcome"
BY_PREDICTOR = "{}: linear predictor"


def measures(index: Index) -> tuple[Measure, ...]:
    """Return the metrics that this section shows."""
    del index
    return (MEMBERSHIP, *AREAS, *CONCORDANCES)


def section(index: Index) -> Section:
    """Return the membership models, and the observed AUC beside those of the case mix."""
    outside = [group for group in index.results.cohorts if group.cohort == VALIDATION]
    if len(index.centers(VALIDATION)) < 2:
        outside = [group for group in outside if group.center == "all"]
    described = [group for group in outside if index.row(group, "", MEMBERSHIP)]
    if not described:
        return Section("Case mix", ())
    membership = _membership(index, described)
    shown = CONCORDANCES if index.is_survival else AREAS
    if not any(index.row(group, name, shown[0]) for group in outside for name in index.models):
        return Section("Case mix", (membership,))
    expected = metric_table(
        index,
        caption=(
            "C-index observed, and expected in these patients if every linear predictor were true."
            if index.is_survival
            else "AUC observed, and expected in these patients if every predicted risk were true."
        ),
        groups=[*outside, *(group for group in index.cohorts if group not in outside)],
        measures=(Measure("c_harrell" if index.is_survival else "auc"), *shown),
        remarks=(
            "Observed below expected: coefficients do not hold here. Expected here below expected "
            "in the development cohort: these patients are more alike.",
        ),
    )
    return Section("Case mix", (membership, *((expected,) if expected else ())))


def _membership(index: Index, groups: Sequence[CohortRow]) -> Table:
    notes = Footnotes()
    found: list[MetricRow] = []
    lines: list[Row | Band] = []
    for group in groups:
        if len(groups) > 1:
            lines.append(Band(index.title(group)))
        for name in ("", *index.models):
            row = index.row(group, name, MEMBERSHIP)
            if row is None:
                continue
            found.append(row)
            cell = metric_cell(index, group, row, notes)
            sees = BY_PREDICTOR if index.is_survival else BY_OUTCOME
            lines.append(Row((Cell(sees.format(name) if name else PREDICTORS), cell)))
    return Table(
        caption="How well a model tells the validation from the development patients.",
        columns=(Heading("The model sees"), column(index, MEMBERSHIP, found)),
        rows=tuple(lines),
        footnotes=notes.listed(),
        remarks=explanations(index, found),
    )
