"""Sections are data, so they are compared as data; no PDF is parsed here."""

from dataclasses import replace

import pytest

from extval.reports.blocks import Band, Caution, Figure, Paragraph, Row, Subheading, Table
from extval.reports.index import Index, Measure
from extval.reports.report import build_report
from extval.reports.sections import (
    calibration,
    centers,
    classification,
    cohorts,
    discrimination,
    heterogeneity,
    methods,
    others,
    sample_size,
    summary,
    survival,
    updating,
    utility,
)
from extval.validate.store import ComparisonRow, MetricRow
from tests.reports.factory import ENOUGH, NO_INTERVAL, ONE_CLASS, binary_results, survival_results

MINUS = "\u2212"
NB = "\u00a0"


@pytest.fixture(scope="module")
def binary():
    return Index(binary_results())


@pytest.fixture(scope="module")
def timed():
    return Index(survival_results())


def tables(blocks):
    return [block for block in blocks if isinstance(block, Table)]


def texts(row):
    return tuple(cell.text for cell in row.cells)


def line(table, name, nth=0):
    return [row for row in table.rows if isinstance(row, Row) and row.cells[0].text == name][nth]


def changed(index, change, **wanted):
    """Return an index in which `change` was applied to the metric rows that match."""
    rows = tuple(
        replace(row, **change)
        if all(getattr(row, name) == value for name, value in wanted.items())
        else row
        for row in index.results.metrics
    )
    return Index(replace(index.results, metrics=rows))


def test_the_summary_has_the_four_numbers_with_their_limits(binary):
    where = {"cohort": "validation", "center": "all", "model": "DLRN"}
    index = changed(
        binary, {"estimate": 0.8237, "lower": 0.7357, "upper": 0.8868}, metric="auc", **where
    )
    index = changed(
        index,
        {"estimate": -0.004, "lower": -0.25, "upper": 0.2},
        metric="calibration_slope",
        **where,
    )
    table = tables(summary.blocks(index))[0]
    assert [column.heading for column in table.columns] == [
        "Model",
        f"AUC (95%{NB}CI)",
        f"Slope (95%{NB}CI)",
        f"O:E (95%{NB}CI)",
        f"Net benefit at 0.40 (95%{NB}CI)",
    ]
    assert texts(line(table, "DLRN"))[:3] == (
        "DLRN",
        "0.824 (0.736 to 0.887)",
        f"0.00 ({MINUS}0.25 to 0.20)",
    )
    assert [row.cells[0].text for row in table.rows] == ["RS", "DLRS", "DLRN", "clinical"]
    assert any("Mann-Whitney; DeLong" in remark for remark in table.remarks)


def test_the_first_page_has_cautions_and_says_what_is_not_estimable(binary):
    blocks = summary.blocks(binary)
    assert [b.sentences for b in blocks if isinstance(b, Caution)] == [binary.results.cautions]
    said = next(b.text for b in blocks if isinstance(b, Paragraph))
    missing = [
        row
        for row in binary.results.metrics
        if row.estimate is None and not row.metric.endswith(("_df", "_p"))
    ]
    assert f"{len(missing)}{NB}numbers (one class)" in said


def test_the_first_page_says_when_everything_is_estimable():
    index = Index(binary_results(centers=("A", "B")))
    assert Paragraph("Every number of this report is estimable.") in summary.blocks(index)


def test_facts_name_outcome_models_and_cohorts(binary, timed):
    found = dict(summary.facts(binary))
    assert found["Outcome"] == "Métastase & décès"
    assert found["Validation"] == f"362{NB}patients, events 197/362 (54.4%); 4{NB}centres"
    assert found["Development"].endswith(f"1{NB}centre")
    assert dict(summary.facts(timed))["Outcome"] == (
        "Recurrence-free survival; horizon 5 years, 2.5 years"
    )


def test_a_note_is_a_footnote_with_one_letter_for_equal_sentences(binary):
    table = next(t for t in tables(centers.section(binary).blocks) if "utility" in t.caption)
    row = [row for row in table.rows if isinstance(row, Row)][12]
    band = next(r for r in table.rows if isinstance(r, Band) and "one class" in r.text)
    assert texts(row) == ("RS", *["not estimable"] * 4)
    letters = {note.mark: note.text for note in table.footnotes}
    assert {letters[cell.marks] for cell in row.cells[1:]} == {ONE_CLASS}
    assert letters[band.marks] == "Every patient had the event."
    assert len(letters) == 2


def test_an_interval_that_is_missing_is_said_beside_its_estimate(binary):
    index = changed(
        binary,
        {"estimate": 1.0, "lower": None, "upper": None, "note": NO_INTERVAL},
        metric="auc",
        cohort="validation",
        center="all",
        model="RS",
    )
    table = tables(discrimination.section(index).blocks)[0]
    assert line(table, "RS").cells[1].text == "1.000 (not estimable)"
    assert NO_INTERVAL in {note.text for note in table.footnotes}


def test_comparisons_print_raw_and_adjusted_p(binary):
    table = tables(discrimination.section(binary).blocks)[1]
    row = next(r for r in binary.results.comparisons if (r.model_a, r.model_b) == ("RS", "DLRS"))
    found = line(table, f"RS {MINUS} DLRS")
    assert texts(found)[3:] == ("<0.001", "<0.001")
    assert texts(line(table, f"RS {MINUS} DLRN"))[3:] == ("0.042", "0.084")
    assert texts(line(table, f"RS {MINUS} clinical"))[3:] == ("1.000", "1.000")
    assert [column.heading for column in table.columns][-1] == f"P,{NB}Holm"
    assert row.method in table.remarks[0]


def test_a_family_without_adjustment_or_statistic_has_no_such_column(binary):
    lines = tuple(
        replace(row, adjustment="none", statistic=None) for row in binary.results.comparisons
    )
    index = Index(replace(binary.results, comparisons=lines))
    table = tables(discrimination.section(index).blocks)[1]
    assert [column.heading.split(" ")[0] for column in table.columns] == [
        "Comparison",
        "Difference",
        "P",
    ]


def test_thresholds_say_their_rule_and_that_they_were_fixed_before(binary):
    said = classification.section(binary).blocks[0]
    assert isinstance(said, Paragraph)
    assert "youden on the development cohort" in said.text
    assert "DLRN, 0.432" in said.text
    assert "before any external outcome was read" in said.text


def test_hosmer_lemeshow_has_its_degrees_of_freedom(binary):
    table = tables(calibration.section(binary).blocks)[1]
    weak = tables(calibration.section(binary).blocks)[-1]
    assert texts(line(weak, "RS"))[1:] == ("11.5 (2)", "0.042")
    assert line(table, "RS").cells[-2].text == "11.5 (10)"
    assert line(table, "RS", nth=1).cells[-2].text == "11.5 (8)"
    assert line(table, "RS").cells[-1].text == "0.042"


def test_calibration_has_a_panel_for_every_model_with_its_distribution(binary):
    figures = [b for b in calibration.section(binary).blocks if isinstance(b, Figure)]
    assert [figure.caption.partition(". ")[2] for figure in figures[:2]] == [
        f"Validation cohort, all centres pooled: 362{NB}patients, 197{NB}events.",
        f"Development cohort (apparent performance): 12\u202f345{NB}patients, 4000{NB}events.",
    ]
    assert [panel.title for panel in figures[0].panels] == list(binary.models)
    assert {len(panel.plots) for panel in figures[0].panels} == {2}


def test_net_benefit_stands_beside_treating_all_and_none(binary):
    table = tables(utility.section(binary).blocks)[0]
    assert texts(line(table, "Treat all")) == ("Treat all", "0.200")
    assert texts(line(table, "Treat none")) == ("Treat none", "0.000")


def test_development_is_labelled_as_apparent(binary):
    for module in (discrimination, classification, calibration, utility):
        table = tables(module.section(binary).blocks)[0]
        bands = [row.text for row in table.rows if isinstance(row, Band)]
        assert bands[0].startswith("Validation cohort")
        assert "apparent performance" in bands[1]


def test_unknown_metrics_curves_and_differences_are_still_reported(binary):
    extra = replace(binary.results.comparisons[0], metric="new_index")
    index = Index(replace(binary.results, comparisons=(*binary.results.comparisons, extra)))
    blocks = others.section(index).blocks
    rows = [row for row in tables(blocks)[0].rows if isinstance(row, Row)]
    assert len(rows) == len(index.models) * len(index.results.cohorts)
    assert rows[0].cells[0].text == "new index"
    assert "curves/weather.csv" in next(b.text for b in blocks if isinstance(b, Paragraph))
    assert "new index" in tables(blocks)[1].caption


def test_every_metric_row_is_printed_somewhere(binary, timed):
    for index in (binary, timed):
        left = {row.metric for row in others.remaining(index)}
        assert left <= {"new_index"}


def test_every_metric_of_every_centre_can_be_found_in_the_further_results_or_a_section():
    results = binary_results(centers=("A", "B"))
    row = results.metrics[5]
    later = replace(row, threshold=0.9)
    index = Index(replace(results, metrics=(*results.metrics, later)))
    assert later in others.remaining(index)


def test_centres_have_forests_tables_and_small_multiples(binary):
    blocks = centers.section(binary).blocks
    figures = [block for block in blocks if isinstance(block, Figure)]
    assert figures[0].row_labels == (
        "R&D <Klinik>",
        "Zürich é",
        "中文医院",
        "one class",
        "Validation, all",
        "Development, all",
    )
    assert [panel.title for panel in figures[0].panels] == list(binary.models)
    roc = next(figure for figure in figures if figure.caption.startswith("ROC"))
    assert [panel.title for panel in roc.panels] == ["R&D <Klinik>", "Zürich é", "中文医院"]
    assert roc.remarks == ("Not drawn, because not estimable: one class.",)
    assert [b.text for b in blocks if isinstance(b, Subheading)] == [
        "Forest plots",
        "Tables",
        "Curves",
    ]


def test_very_many_centres_take_several_forest_plots():
    index = Index(binary_results(models=("a", "b"), centers=tuple(f"c{i}" for i in range(60))))
    found = centers.forests(index, Measure("auc"))
    assert [len(figure.row_labels) for figure in found] == [42, 20]


def test_too_many_differences_are_left_to_the_file():
    index = Index(binary_results(centers=tuple(f"c{i}" for i in range(40))))
    said = [b.text for b in centers.section(index).blocks if isinstance(b, Paragraph)]
    assert said[1:] == [
        "These differences are too many to print; they are in comparisons.csv of the results "
        "folder: AUC by centre."
    ]


def test_measures_of_centres_that_are_not_printed_are_named(binary):
    said = next(b.text for b in centers.section(binary).blocks if isinstance(b, Paragraph))
    assert "metrics.csv" in said
    for name in ("Accuracy", "E50", "Log loss"):
        assert name in said
    for name in ("AUC", "Sensitivity", "new index", "Patients needed"):
        assert name not in said


def test_an_update_says_in_a_footnote_what_was_chosen(binary):
    table = tables(updating.section(binary).blocks)[0]
    letters = {note.mark: note.text for note in table.footnotes}
    assert letters[line(table, "RS").cells[1].marks] == "Closed testing at 0.05 chose: intercept."


def test_sample_size_says_how_many_and_whether_it_was_enough(binary):
    table = tables(sample_size.section(binary).blocks)[0]
    found = line(table, "DLRN")
    assert texts(found)[1:] == ("Patients needed for the AUC", "395", ENOUGH)
    many = Index(binary_results(centers=tuple(f"c{i}" for i in range(30))))
    blocks = sample_size.section(many).blocks
    assert "was " in blocks[0].text
    assert len(blocks[1].rows) == len(many.models)
    assert "metrics.csv" in blocks[2].text


def test_sample_sizes_that_are_all_undefined_for_one_reason_are_one_sentence():
    results = binary_results()
    why = "Not estimated with competing events."
    rows = tuple(
        replace(row, estimate=None, note=why) if row.metric.startswith("needed_n_") else row
        for row in results.metrics
    )
    index = Index(replace(results, metrics=rows))
    (said,) = sample_size.section(index).blocks
    assert said.text == f"Patients needed for precise estimates. {why}"
    page = " ".join(b.text for b in summary.blocks(index) if isinstance(b, Paragraph))
    models = ", ".join(index.models)
    assert page.count("the patients needed of") == len(index.cohorts)
    assert f"the patients needed of {models}" in page


def test_horizons_have_tables_and_curves(timed):
    blocks = survival.section(timed).blocks
    captions = [block.caption for block in blocks if isinstance(block, (Table, Figure))]
    for expected in (
        "Cumulative/dynamic AUC over time.",
        "Decision curves at 5 years.",
        "Decision curves at 2.5 years.",
        "Net benefit at the horizon.",
    ):
        assert expected in captions
    assert sum(caption.startswith("Calibration at") for caption in captions) == 4


def test_one_centre_a_cohort_needs_no_centre_section():
    index = Index(binary_results(centers=("A",)))
    blocks = centers.section(index).blocks
    assert len(blocks) == 1
    assert "validation: A" in blocks[0].text


def pooled_rows(index, metric):
    """Return the rows that random-effects pooling adds."""
    template = next(row for row in index.results.metrics if row.metric == metric and row.model)
    parts = (
        ("_random_effects", 0.71, "random effects; 3 centres"),
        ("_prediction", 0.71, "random effects; 3 centres; prediction interval"),
        ("_tau2", 0.0123, "random effects; 3 centres; Q-profile interval"),
        ("_i2", 45.67, "random effects; 3 centres; Q-profile interval"),
    )
    return tuple(
        replace(template, metric=metric + suffix, estimate=value, method=method)
        for suffix, value, method in parts
    )


def test_random_effects_have_a_table_and_a_line_in_the_forest(binary):
    rows = pooled_rows(binary, "auc")
    index = Index(replace(binary.results, metrics=(*binary.results.metrics, *rows)))
    table = heterogeneity.heterogeneity_table(index)
    limits = f"{rows[0].lower:.3f} to {rows[0].upper:.3f}"
    assert [row.text for row in table.rows if isinstance(row, Band)] == ["AUC"]
    assert texts(line(table, "RS"))[1:3] == (f"0.710 ({limits})", limits)
    assert texts(line(table, "RS"))[3].startswith("0.012 (")
    assert texts(line(table, "RS"))[4].startswith("45.7 (")
    assert "Random effects" in centers.forests(index, Measure("auc"))[0].row_labels
    assert {row.metric for row in others.remaining(index)} == {"new_index"}


def test_differences_from_development_and_between_centres(binary):
    template = binary.results.comparisons[0]
    extra = (
        replace(template, metric="auc_vs_development", model_b=template.model_a, df=57.25),
        replace(
            template,
            metric="auc_vs_center:中文医院",
            center="Zürich é",
            model_b=template.model_a,
            statistic=None,
            p_value=0.5,
        ),
    )
    index = Index(replace(binary.results, comparisons=(*binary.results.comparisons, *extra)))
    found = tables(discrimination.section(index).blocks)[-1]
    assert "minus the development cohort" in found.caption
    assert texts(found.rows[0])[2].endswith(" (57.25)")
    between = [t for t in tables(centers.section(index).blocks) if "between centres" in t.caption]
    assert between[-1].columns[0].heading == "Model"
    assert texts(between[-1].rows[0])[0] == "RS"


def test_a_time_to_event_has_its_own_sections(timed):
    report = build_report(timed.results)
    assert [section.title for section in report.sections] == [
        "Cohorts and models",
        "Survival",
        "Centres",
        "Methods and protocol",
        "Provenance",
    ]
    table = tables(report.summary)[0]
    assert [column.heading.partition(" (95")[0] for column in table.columns] == [
        "Model",
        "Harrell's C",
        "Slope",
        "O:E(t) at 5 years",
        "Brier(t) at 5 years",
    ]


def test_risk_groups_run_from_low_to_high(timed):
    keys = survival.risk_group_keys(timed)
    assert [key.label for key in keys] == ["low risk", "intermediate risk", "high risk"]
    figures = [b for b in survival.section(timed).blocks if isinstance(b, Figure)]
    assert [panel.title for panel in figures[1].panels] == list(timed.models)


def test_cohorts_list_centres_and_frozen_models(binary, timed):
    who, models = cohorts.section(binary).blocks
    assert texts(line(who, "Zürich é"))[:3] == ("Zürich é", "87", "32")
    assert texts(line(who, "Köln"))[:3] == ("Köln", "12\u202f345", "4000")
    assert texts(line(models, "DLRN")) == (
        "DLRN",
        "probability: p_2",
        "0.432",
        "youden on the development cohort",
    )
    cuts = cohorts.section(timed).blocks[1]
    assert texts(line(cuts, "full"))[2] == f"{MINUS}0.250, 0.750"


def test_provenance_has_hashes_versions_and_seed(binary):
    said, inputs, versions = methods.provenance(binary).blocks
    assert "20240416" in said.text
    assert texts(inputs.rows[0]) == ("Tabelle & Co.csv", "table", "0123456789abcdef" * 4)
    assert ("scipy", "1.15.3") in [texts(row) for row in versions.rows]


def test_the_protocol_is_printed_with_every_default(binary):
    table = methods.section(binary).blocks[2]
    values = {texts(row) for row in table.rows}
    assert ("decision_curve.from", "0.05") in values
    assert ("thresholds.value", "—") in values
    assert ("models.DLRN.probability", "DLRN") in values


def test_a_report_of_almost_nothing_can_be_built():
    results = binary_results(models=(), centers=("A",), cautions=())
    empty = replace(results, metrics=(), comparisons=(), curves={}, models=(), cohorts=())
    report = build_report(empty)
    assert report.sections[-1].title == "Provenance"
    assert not tables(report.summary)


def test_rows_keep_the_type_of_the_store(binary):
    assert all(isinstance(row, MetricRow) for row in others.remaining(binary))
    assert all(isinstance(row, ComparisonRow) for row in binary.results.comparisons)
