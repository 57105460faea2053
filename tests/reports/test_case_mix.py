"""The section on case mix, and the influence of single centres."""

from dataclasses import replace

import pytest

from extval.reports.blocks import Band, Paragraph, Row
from extval.reports.index import Index
from extval.reports.sections import case_mix, centers, heterogeneity, others
from extval.validate.store import MetricRow
from tests.reports.factory import binary_results


def row(group, model, metric, estimate, note=""):
    return MetricRow(
        cohort=group.cohort,
        center=group.center,
        role=group.role,
        model=model,
        metric=metric,
        horizon=None,
        threshold=None,
        estimate=estimate,
        se=0.02,
        lower=None if estimate is None else estimate - 0.04,
        upper=None if estimate is None else estimate + 0.04,
        level=0.95,
        method="membership model; AUC, DeLong",
        n=group.n,
        events=group.events,
        note=note,
    )


@pytest.fixture(scope="module")
def index():
    made = binary_results(models=("RS",))
    added = []
    for group in made.cohorts:
        pooled = group.center == "all"
        if group.cohort == "validation":
            note = "Patients without all predictors were left out: 7." if pooled else ""
            added.append(row(group, "", "membership_c", 0.612, note))
            added.append(row(group, "RS", "membership_c", 0.55))
            added.append(row(group, "RS", "auc_model_based_recalibrated", 0.7))
        if pooled:
            added.append(row(group, "RS", "auc_random_effects", 0.8))
        elif group.cohort == "validation":
            added.append(row(group, "RS", "auc_random_effects_without", 0.79))
        added.append(row(group, "RS", "auc_model_based", 0.72))
    return Index(replace(made, metrics=(*made.metrics, *added)))


def rows(table):
    return [tuple(cell.text for cell in r.cells) for r in table.rows if isinstance(r, Row)]


def test_membership_by_predictors_and_by_each_model(index):
    membership, areas = case_mix.section(index).blocks
    assert rows(membership)[:2] == [
        (case_mix.PREDICTORS, "0.612 (0.572 to 0.652)"),
        (case_mix.BY_OUTCOME.format("RS"), "0.550 (0.510 to 0.590)"),
    ]
    assert [note.text for note in membership.footnotes] == [
        "Patients without all predictors were left out: 7."
    ]
    assert len([line for line in membership.rows if isinstance(line, Band)]) == 5
    assert [column.heading.partition(" (")[0] for column in areas.columns] == [
        "Model",
        "AUC",
        "Case-mix AUC",
        "Case-mix AUC, recalibrated",
    ]
    assert rows(areas)[0][2] == "0.720 (0.680 to 0.760)"


def test_the_influence_of_every_centre_is_in_the_section_of_centres(index):
    table = heterogeneity.influence_table(index)
    assert table in centers.section(index).blocks
    assert rows(table)[0] == ("RS", "0.790 (0.750 to 0.830)")
    assert table.columns[1].heading.startswith("AUC, mean of the other centres")


def test_nothing_of_it_is_left_for_the_further_results(index):
    left = {line.metric for line in others.remaining(index) if line.center in ("all", "Zürich é")}
    assert not {"membership_c", "auc_model_based", "auc_random_effects_without"} & left


def test_without_rows_there_is_no_section():
    plain = Index(binary_results(models=("RS",)))
    assert case_mix.section(plain).blocks == ()
    assert heterogeneity.influence_table(plain) is None


def test_very_many_centres_are_told_that_influence_is_left_out():
    made = binary_results(models=("RS",), centers=tuple(f"c{i:02d}" for i in range(31)))
    pooled = row(made.cohorts[0], "RS", "auc_random_effects", 0.8)
    many = Index(replace(made, metrics=(*made.metrics, pooled)))
    said = [b.text for b in centers.section(many).blocks if isinstance(b, Paragraph)]
    assert "The influence of single centres is computed for up to 30 of them." in said
