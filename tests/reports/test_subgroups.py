"""The section of declared subgroups."""

from dataclasses import asdict, replace

import pytest

from extval.reports.blocks import Band, Figure, Row
from extval.reports.index import Index
from extval.reports.report import build_report, write_report
from extval.reports.sections import subgroups
from extval.validate.store import MetricRow, SubgroupRow
from tests.reports.factory import binary_results

FEW = "Not shown: fewer than 10 events (4)."
PLAIN = MetricRow(
    cohort="validation",
    center="all",
    role="validation",
    model="",
    metric="",
    horizon=None,
    threshold=None,
    estimate=None,
    se=None,
    lower=None,
    upper=None,
    level=None,
    method="",
    n=120,
    events=40,
    note="",
)


def row(level_name, model, metric, estimate=None, **changes):
    limits = {} if estimate is None or level_name == "" else {"lower": 0.61, "upper": 0.89}
    changed = replace(PLAIN, model=model, metric=metric, estimate=estimate, **limits | changes)
    return SubgroupRow(**asdict(changed), subgroup="性别 sex", level_name=level_name)


@pytest.fixture(scope="module")
def results():
    whole = binary_results(models=("RS", "DLRN"))
    rows = [
        made
        for model in ("RS", "DLRN")
        for made in (
            row("female", model, "auc", 0.75, method="Mann-Whitney; DeLong", level=0.95),
            row("female", model, "oe_ratio", 0.8, level=0.95),
            row("male", model, "auc", n=9, events=4, note=FEW, level=0.95),
            row("male", model, "oe_ratio", n=9, events=4, note=FEW, level=0.95),
            row("", model, "auc_interaction", 2.34, method="unpaired DeLong chi-square; 2 of 2"),
            row("", model, "auc_interaction_df", 1.0),
            row("", model, "auc_interaction_p", 0.126),
            row("", model, "oe_ratio_interaction", note="Not estimable: one level."),
            row("", model, "oe_ratio_interaction_df"),
            row("", model, "oe_ratio_interaction_p"),
        )
    ]
    return replace(whole, subgroups=tuple(rows))


def test_a_row_a_level_and_the_test_below(results):
    table = subgroups.section(Index(results)).blocks[0]
    bands = [line.text for line in table.rows if isinstance(line, Band)]
    assert bands == ["性别 sex: RS", "性别 sex: DLRN"]
    rows = [tuple(cell.text for cell in r.cells) for r in table.rows if isinstance(r, Row)]
    assert rows[:3] == [
        ("female", "120", "40", "0.750 (0.610 to 0.890)", "0.80 (0.61 to 0.89)"),
        ("male", "9", "4", "not shown", "not shown"),
        (subgroups.TESTED, "", "", "2.3 (1), 0.126", "not estimable"),
    ]
    assert {note.text for note in table.footnotes} == {FEW, "Not estimable: one level."}
    assert "AUC: unpaired DeLong chi-square" in table.remarks[0]


def test_the_forest_plot_has_a_line_a_level(results):
    figure = next(b for b in subgroups.section(Index(results)).blocks if isinstance(b, Figure))
    assert figure.row_labels == ("性别 sex: female", "性别 sex: male")
    assert [panel.title for panel in figure.panels] == ["RS", "DLRN"]


def test_no_subgroup_no_section():
    titles = [part.title for part in build_report(binary_results()).sections]
    assert "Subgroups" not in titles


def test_the_pdf_is_written(results, tmp_path):
    write_report(results, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").stat().st_size > 10_000
