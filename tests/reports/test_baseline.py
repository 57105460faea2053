"""The section of the baseline table."""

from dataclasses import replace

import pytest

from extval.reports.blocks import Band, Row
from extval.reports.index import Index
from extval.reports.report import build_report, write_report
from extval.reports.sections import baseline
from extval.validate.store import BaselineRow
from tests.reports.factory import binary_results

NB = "\u00a0"
EMPTY = "Not estimable: there is no patient in this group."


def row(group, variable, measure, value, *, category="", n=50, by="cohort", **changes):
    plain = {"lower": None, "upper": None, "method": "", "note": ""} | changes
    return BaselineRow(
        by=by,
        cohort="all" if by == "cohort" else "validation",
        group=group,
        variable=variable,
        category=category,
        measure=measure,
        value=value,
        n=n,
        **plain,
    )


def numbers(group, by="cohort", **changed):
    values = {"n": 49, "missing": 1, "mean": 61.23, "sd": 8.9, "median": 61.0}
    values |= {"q1": 55.0, "q3": 67.5, "minimum": 40.0, "maximum": 80.0}
    return [
        row(group, "Age", name, changed.get(name, value), by=by, note=changed.get("note", ""))
        for name, value in values.items()
    ]


def counts(group, by="cohort"):
    return [
        row(group, "性别", "n", 50, by=by),
        row(group, "性别", "missing", 0, by=by),
        row(group, "性别", "count", 20, category="female", by=by),
        row(group, "性别", "proportion", 0.4, category="female", by=by),
    ]


@pytest.fixture(scope="module")
def results():
    nothing = dict.fromkeys(("mean", "sd", "median", "q1", "q3", "minimum", "maximum"))
    rows = [
        *numbers("development"),
        *numbers("validation", **nothing, note=EMPTY),
        row("", "Age", "smd", -0.256, lower=-0.4, upper=-0.1, method="means"),
        row("", "Age", "test_p", 0.0004, method="Welch t test; rule: Welch t test for two groups"),
        *counts("development"),
        *counts("validation"),
        row("", "性别", "smd", None, note="Not estimable: neither group varies."),
        row("", "性别", "test_p", 1.0, method="Fisher-Freeman-Halton test; rule: one"),
        *(line for center in "ABCDEFG" for line in numbers(center, "center")),
        row("", "Age", "smd_largest", 0.31, method="largest of 21 pairs", by="center"),
    ]
    return replace(binary_results(models=("RS",)), baseline=tuple(rows))


def test_a_band_a_variable_and_the_comparison_beside_its_first_line(results):
    table = baseline.section(Index(results)).blocks[0]
    assert [column.heading for column in table.columns] == [
        "Characteristic",
        f"development (n{NB}={NB}50)",
        f"validation (n{NB}={NB}50)",
        f"SMD (95%{NB}CI)",
        "P",
    ]
    assert [line.text for line in table.rows if isinstance(line, Band)] == ["Age", "性别"]
    minus = "\u2212"
    rows = [tuple(cell.text for cell in r.cells) for r in table.rows if isinstance(r, Row)]
    assert rows == [
        (
            "median [IQR]",
            "61.0 [55.0 to 67.5]",
            "not estimable",
            f"{minus}0.26 ({minus}0.40 to {minus}0.10)",
            "<0.001",
        ),
        ("mean (SD)", "61.2 (8.9)", "not estimable", "", ""),
        ("range", "40.0 to 80.0", "not estimable", "", ""),
        ("missing, n", "1", "1", "", ""),
        ("female, n (%)", "20 (40.0)", "20 (40.0)", "not estimable", "1.000"),
    ]
    said = {note.text for note in table.footnotes}
    assert said == {
        EMPTY,
        "Welch t test.",
        "Fisher-Freeman-Halton test.",
        "Not estimable: neither group varies.",
    }
    assert "by the declared rule: Welch t test for two groups" in table.remarks[2]


def test_many_centres_take_several_tables(results):
    first, second = baseline.section(Index(results)).blocks[1:]
    assert len(first.columns) == 1 + baseline.MOST_GROUPS
    assert [column.heading for column in second.columns][1:] == [
        f"F (n{NB}={NB}50)",
        f"G (n{NB}={NB}50)",
        "Largest SMD",
    ]
    assert "No test was declared." in second.remarks


def test_no_baseline_no_section():
    titles = [part.title for part in build_report(binary_results()).sections]
    assert "Characteristics of the patients" not in titles


def test_the_pdf_is_written(results, tmp_path):
    write_report(results, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").stat().st_size > 10_000
