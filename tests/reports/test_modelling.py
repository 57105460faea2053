"""The part of the report on how models were learned: its cells are those of the tables."""

from dataclasses import replace
from math import nan

import numpy as np
import pytest
from matplotlib.figure import Figure as MplFigure
from numpy.testing import assert_allclose
from pypdf import PdfReader

from extval.reports.blocks import Band, Caution, Figure, Paragraph, Row, Table
from extval.reports.errors import ReportError
from extval.reports.index import Index
from extval.reports.report import build_report, write_report
from extval.reports.sections import lasso, leakage, modelling, regressions, signatures
from extval.validate import store
from tests.reports.factory import binary_results
from tests.reports.learned import LONG, ORDER, OTHER, SEPARATED, THIRD, learned, rows_of

LAMBDAS = (0.4, 0.2, 0.1)
NB, DASH, MINUS = "\u00a0", "\u2014", "\u2212"


@pytest.fixture(scope="module")
def index():
    return learned()


def table(blocks, start):
    """Return the table whose caption begins so."""
    return next(b for b in blocks if isinstance(b, Table) and b.caption.startswith(start))


def cells(found):
    """Return the texts of a table: tuples of rows, and names of bands."""
    return [
        row.text if isinstance(row, Band) else tuple(cell.text for cell in row.cells)
        for row in found.rows
    ]


def paragraphs(blocks):
    return [block.text for block in blocks if isinstance(block, Paragraph)]


def figures(blocks):
    return [block for block in blocks if isinstance(block, Figure)]


def drawn(panel):
    """Return the axes of a panel after it was drawn."""
    ax = MplFigure(figsize=(6, 3)).add_axes((0, 0, 1, 1))
    panel.plots[0].draw(ax)
    return ax


def test_an_evaluation_of_given_predictions_has_no_such_section():
    index = Index(binary_results())
    assert modelling.section(index).blocks == ()
    assert leakage.audit(index).blocks == leakage.shift(index).blocks == ()
    titles = [section.title for section in build_report(index.results).sections]
    assert not {"How the models were learned", "Leakage audit", "Shift of the inputs"} & set(titles)


def test_sections_stand_before_the_results_of_validation(index):
    titles = [section.title for section in build_report(index.results).sections]
    first = titles.index("How the models were learned")
    wanted = ["Leakage audit", "Shift of the inputs", "Discrimination"]
    assert titles[first + 1 : first + 4] == wanted


def test_every_kind_of_table_may_be_absent(index):
    for kind in index.results.modelling:
        some = learned(without=(kind,))
        assert modelling.section(some).blocks
        leakage.audit(some)
        leakage.shift(some)


def test_numbers_of_features_stand_step_by_step(index):
    found = table(signatures.blocks(index), "Number of features")
    assert [column.heading for column in found.columns] == ["Step", "RS", "DLRS"]
    assert cells(found) == [
        ("Given", "1316", "2340"),
        ("Reliability between delineations", "900", DASH),
        ("mRMR", "3", DASH),
        ("Univariate screen", DASH, "1"),
        ("Coefficient in the model", "2", DASH),
    ]
    assert found.remarks[1] == "DLRS: a classifier uses all features that reach it."


def test_an_unknown_step_is_called_by_its_name_and_stands_before_the_model():
    steps = rows_of("model step features", ("RS", "model", 2), ("RS", "fold", 4), ("RS", "mrmr", 5))
    found = table(signatures.blocks(learned(steps=steps)), "Number of features")
    assert [row[0] for row in cells(found)] == ["mRMR", "fold", "Coefficient in the model"]


def test_reliability_counts_features_by_comparison(index):
    assert cells(table(signatures.blocks(index), "Reliability")) == [
        "RS",
        ("inter: B", "ICC(2,1)", "30", "2", "0.91 to 0.91", "1", "1/2 (50%)"),
        ("intra: A2", "ICC(2,1)", "25", "2", "0.42 to 0.97", "0", ""),
    ]


def test_features_have_rank_coefficient_and_frequency(index):
    assert cells(table(signatures.blocks(index), "Selected features")) == [
        "RS",
        ("1", LONG, "1", DASH, "0.5000", "100%"),
        ("2", OTHER, "2", DASH, f"{MINUS}0.3333", "0%"),
        ("3", THIRD, "3", DASH, "0", "20%"),
        "DLRS",
        ("1", THIRD, DASH, "0.005", DASH, DASH),
    ]


def test_a_long_list_shows_the_features_with_a_coefficient():
    many = [("RS", rank, f"f{rank}", 1.0) for rank in range(1, 99)]
    index = learned(selection=rows_of("model rank feature score", ("RS", 0, LONG, 1.0), *many))
    assert signatures.listed(index, "RS") == [LONG, OTHER]
    found = table(signatures.blocks(index), "Selected features")
    assert found.footnotes[0].text.startswith(f"99{NB}features reached the model")


def test_a_long_list_keeps_the_features_that_the_path_names():
    path = [("RS", f"f{j}", x, (j + 1) * (x < 0.4)) for j in range(60) for x in LAMBDAS]
    formula = rows_of("model output term coefficient", ("RS", "score", "(intercept)", -0.1))
    index = learned(
        without=("selection", "screen"),
        lasso_path=rows_of("model feature lambda coefficient", *path),
        formula=formula,
    )
    assert signatures.listed(index, "RS") == [f"f{j}" for j in range(54, 60)]
    legend = drawn(figures(signatures.blocks(index))[0].panels[1]).get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["6", "5", "4", "3", "2", "1"]


def test_no_path_is_named_where_the_best_lambda_keeps_nothing(index):
    rows = index.results.modelling["lasso_cv"]
    null = learned(lasso_cv=rows | {"nonzero": [0, 0, 2]})
    assert drawn(figures(signatures.blocks(null))[0].panels[1]).get_legend() is None


def test_classifiers_say_which_was_chosen(index):
    assert cells(table(signatures.blocks(index), "Classifiers")) == [
        "DLRS",
        ("logistic", "no", "0.700", "0.010", "0.020 (0.030)", "yes", "chosen"),
        ("random-forest", "yes", "0.720", DASH, "best", "yes", DASH),
    ]


def test_formulas_are_text_and_a_known_score_is_not_repeated(index):
    assert paragraphs(signatures.formulas(index))[1:] == [
        f"RS = {MINUS}0.25 + 0.5 \u00d7 {LONG} {MINUS} 0.333333 \u00d7 {OTHER}",
        "DLRN (log odds) = 1 + 2 \u00d7 RS",
        f"clinical (log odds) = {MINUS}1.5 \u00d7 large",
    ]


def test_a_score_says_its_scale_where_the_results_do():
    formula = rows_of(
        "model output term coefficient link", ("RS", "score", "(intercept)", 0.5, "identity")
    )
    said = paragraphs(signatures.formulas(learned(formula=formula)))[1]
    assert said == "RS (least squares of the 0/1 outcome, no log odds) = 0.5"
    said = paragraphs(signatures.formulas(learned(survival=True)))
    assert any(text.startswith("RS (log hazard) = ") for text in said)


def test_a_score_within_another_model_is_written_when_it_differs():
    formula = rows_of(
        "model output term coefficient",
        ("RS", "score", "a", 1.0),
        ("DLRN", "RS", "a", 2.0),
        ("DLRN", "score", "RS", 3.0),
    )
    said = paragraphs(signatures.formulas(learned(formula=formula)))[1:]
    assert "RS (within DLRN) = 2 \u00d7 a" in said


def test_the_lasso_is_rebuilt_from_its_tables(index):
    features, cv = lasso.cross_validation(index, "RS")
    assert features == [LONG, OTHER]
    assert_allclose(cv.path.coefficients, [[0, 0], [0.5, 0], [0.6, -0.1]])
    assert (cv.lambda_min, cv.lambda_1se, cv.path.family) == (0.2, 0.4, "logistic")
    assert lasso.cross_validation(learned(survival=True), "RS")[1].path.family == "cox"


def test_lasso_panels_show_features_by_their_numbers(index):
    figure = figures(signatures.blocks(index))[0]
    names = [panel.title for panel in figure.panels]
    assert names == ["RS: cross-validation", "RS: coefficients", "RS: selection frequency"]
    legend = drawn(figure.panels[1]).get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["1", "2"]
    bars = drawn(figure.panels[2])
    assert [label.get_text() for label in bars.get_yticklabels()] == ["1", "3"]
    assert_allclose(drawn(figure.panels[0]).lines[1].get_ydata(), [1.3, 1.25, 1.27])


def test_a_lasso_that_kept_nothing_is_drawn():
    index = learned(without=("lasso_path", "lasso_frequency"))
    for panel in figures(signatures.blocks(index))[0].panels:
        drawn(panel)


def test_both_rounds_of_selection_stand_side_by_side(index):
    assert cells(table(regressions.blocks(index), "Choice of the predictors")) == [
        ("large", "3.00 (1.65 to 4.95)", "0.010", "2.80 (1.54 to 4.62)", "0.010", "yes"),
        ("grade: G2", "2.40 (1.32 to 3.96)", "0.200", "2.20 (1.21 to 3.63)", "0.200", "no"),
        ("grade: G3", "2.60 (1.43 to 4.29)", "", "2.00 (1.10 to 3.30)", "", "no"),
        ("age", "not estimable", "0.600", DASH, DASH, "no"),
    ]


def test_ratios_have_both_intervals_and_undefined_ones_a_note(index):
    found = table(regressions.blocks(index), "Coefficients and odds ratios")
    no = ("not estimable",) * 7
    assert cells(found) == [
        "DLRN",
        ("RS", "2.000", "1.000", "4.00", "2.20 to 6.60", "0.030", "2.00 to 6.00", "0.040"),
        ("grade: G2", *no),
        "clinical",
        ("large", "1.500", "0.750", "3.00", "1.65 to 4.95", "0.030", "1.50 to 4.50", "0.040"),
    ]
    assert [note.text for note in found.footnotes] == [SEPARATED]
    assert isinstance(found.rows[2], Row)
    assert found.rows[2].cells[1].marks == found.footnotes[0].mark


def test_forest_plots_have_the_lines_of_the_table(index):
    figure = figures(regressions.blocks(index))[0]
    assert [panel.title for panel in figure.panels] == ["DLRN", "clinical"]
    lines = regressions.ratio_lines(index, "DLRN")
    assert (lines[0].ratio, lines[0].wald, lines[0].profile) == (4.0, (2.0, 6.0), (2.2, 6.6))
    assert np.isnan(lines[1].ratio)
    assert figures(regressions.blocks(learned(survival=True)))[0].caption.startswith("Hazard")


def test_the_nomogram_is_rebuilt_and_its_points_are_those_of_the_table(index):
    nomogram = regressions.rebuilt(index, "DLRN")
    points = [point for axis in nomogram.axes for point in axis.points]
    assert_allclose(points, index.results.modelling["nomogram"]["points"])
    blocks = regressions.nomograms(index)
    assert cells(table(blocks, "Points of the nomogram")) == [
        "RS score",
        (f"{MINUS}1", "0.0", "0.5", "75.0", "1", "100.0", "", ""),
        "large",
        ("\u2264 10", "0.0", "> 10", "25.0", "", "", "", ""),
    ]
    totals = table(blocks, "What the total points")
    assert cells(totals)[0][:2] == ("Linear predictor", f"{MINUS}1.00")
    assert cells(totals)[1][:2] == ("Risk, %", "26.9")  # 1 / (1 + e)


def test_a_nomogram_of_survival_has_the_risk_at_every_horizon():
    scale = rows_of(
        "model intercept lp_low lp_high horizon baseline_survival",
        ("DLRN", 1.0, -1.0, 4.0, 12.0, 0.9),
        ("DLRN", 1.0, -1.0, 4.0, 24.0, 0.8),
    )
    index = learned(survival=True, nomogram_scale=scale)
    totals = table(regressions.nomograms(index), "What the total points")
    heads = [row[0] for row in cells(totals)]
    unit = index.unit
    assert heads == ["Linear predictor", f"Risk at 12 {unit}, %", f"Risk at 24 {unit}, %"]
    assert cells(totals)[1][1] == "3.8"  # 1 - 0.9 ** exp(-1)


def test_a_model_without_predictors_has_a_sentence_for_a_nomogram():
    index = learned(without=("nomogram", "nomogram_effects"))
    assert paragraphs(regressions.nomograms(index))[0].startswith("DLRN: There is no nomogram")


def test_internal_validation_says_which_predictions_are_used(index):
    blocks = modelling.internal(index)
    assert paragraphs(blocks)[0].startswith("The out-of-fold predictions (10 folds) stand for")
    assert cells(table(blocks, "Performance")) == [
        ("RS", "0.790 (0.680 to 0.900)", "0.570 (0.430 to 0.700)"),
        ("clinical", "not estimable", DASH),
    ]
    assert table(blocks, "Performance").footnotes[0].text == SEPARATED
    rows = index.results.modelling["internal"]
    turned = rows | {"used": [not used for used in rows["used"]]}
    assert "flatter" in paragraphs(modelling.internal(learned(internal=turned)))[0]
    silent = {key: column for key, column in rows.items() if key != "used"}
    assert "do not say" in paragraphs(modelling.internal(learned(internal=silent)))[0]


def test_instability_is_drawn_where_a_bootstrap_was_run():
    moved = rows_of(
        "model prediction lower upper mape",
        ("RS", 0.2, 0.1, 0.4, 0.05),
        ("RS", 0.7, 0.5, 0.9, 0.08),
    )
    found = [
        block
        for block in modelling.internal(learned(instability=moved))
        if getattr(block, "caption", "").startswith("Instability")
    ]
    assert len(found) == 1
    assert [panel.title for panel in found[0].panels] == ["RS", "RS"]
    axes = MplFigure().subplots(1, 2)
    drawn = [panel.plots[0].draw(ax) for panel, ax in zip(found[0].panels, axes, strict=True)]
    assert drawn[1].lines[0].get_ydata().tolist() == [0.05, 0.08]
    assert drawn[0].lines[-1].get_ydata().tolist() == [0.4, 0.9]


def test_optimism_has_a_table_where_it_was_estimated():
    optimism = rows_of(
        "model metric resamples apparent optimism monte_carlo_se corrected lower upper "
        "undefined_resamples note",
        ("RS", "auc", 200, 0.8, 0.1, 0.004, 0.7, nan, nan, 0, ""),
    )
    found = table(modelling.internal(learned(optimism=optimism)), "Optimism")
    assert cells(found) == ["RS", ("AUC", "0.800", "0.100 (0.004)", "0.700", DASH)]
    assert "mean over 200 resamples" in found.remarks[0]


def test_the_audit_joins_steps_and_models_that_saw_the_same(index):
    blocks = leakage.audit(index).blocks
    assert paragraphs(blocks)[0].startswith(f"None of the 10{NB}fits saw an external patient")
    assert cells(table(blocks, "Which patients")) == [
        "RS",
        ("locked model", "ComBat, mRMR", "2", "70", "0", "0"),
        ("out-of-fold predictions", "ComBat, mRMR", "6", "46 to 47", "0", "0"),
        "DLRN, clinical, each",
        ("locked model", "regression", "1", "70", "0", "0"),
    ]


def test_a_leak_is_loud(index):
    rows = index.results.modelling["audit"]
    seen = rows | {"external_seen": [60, 0, 0, 0, 0, 0], "held_out_seen": [0, 0, 2, 0, 0, 0]}
    blocks = leakage.audit(learned(audit=seen)).blocks
    assert isinstance(blocks[0], Caution)
    assert blocks[0].sentences == (
        f"Up to 1{NB}fit of 10 saw external patients (RS: combat). Results that rest on them are "
        "no external validation.",
        f"Up to 3{NB}fits of 10 saw held-out patients (RS: combat). Results that rest on them are "
        "no internal validation.",
    )
    assert ("locked model", "ComBat", "1", "70", "60", "0") in cells(table(blocks, "Which"))


def test_events_stand_in_their_order(index):
    blocks = leakage.audit(index).blocks
    assert paragraphs(blocks)[1].startswith(f"All 2{NB}models were locked")
    assert cells(table(blocks, "Order of events")) == [
        ("1", "Development outcomes read", f"70{NB}patients"),
        ("2", "Model locked", "RS 0123456789ab; clinical fedcba987654"),
        ("3", "External patients predicted", f"RS 60{NB}patients"),
        ("4", "External outcomes read", DASH),
    ]


def test_outcomes_that_were_read_too_early_are_loud(index):
    turned = [ORDER[0], ORDER[4], *ORDER[1:4]]
    provenance = {**index.results.provenance, "order": turned}
    blocks = leakage.audit(Index(replace(index.results, provenance=provenance))).blocks
    found = next(block for block in blocks if isinstance(block, Caution))
    assert found.sentences[0].endswith(
        "before these events: model locked (RS), model locked (clinical), "
        "external patients predicted (RS)."
    )


def test_the_shift_table_has_notable_inputs_once_and_suspected_units_first(index):
    blocks = leakage.shift(index).blocks
    assert paragraphs(blocks)[0].startswith(f"3 of the 4{NB}inputs of the models look unlike")
    found = table(blocks, "Inputs whose")
    no = "not estimable"
    assert cells(found) == [
        ("size", "clinical", "2.1 to 5.2", "3.2", "290", "9.00", "100%", "2"),
        (OTHER, "RS, DLRN", "0 to 1", "0.5", "0.8", "0.75", "5%", "0"),
        ("age", "clinical", "2.1 to 2.1", "2.1", no, no, no, "60"),
    ]
    assert [note.text for note in found.footnotes] == ["Check the unit.", "No patient has it."]


def test_inputs_like_those_of_development_are_only_counted(index):
    rows = index.results.modelling["shift"]
    calm = {key: column[:1] for key, column in rows.items()}
    blocks = leakage.shift(learned(shift=calm)).blocks
    assert len(blocks) == 1
    assert paragraphs(blocks)[0].startswith(f"None of the 1{NB}input of the models looks unlike")


def test_a_name_that_no_font_draws_is_refused(index, tmp_path):
    bad = index.results.modelling["notes"] | {"sentence": ["\u05d0"]}
    results = learned(notes=bad).results
    with pytest.raises(ReportError, match="modelling/notes"):
        write_report(results, tmp_path / "report.pdf")


def test_the_pdf_is_the_same_from_memory_and_from_a_file(index, tmp_path):
    write_report(index.results, tmp_path / "a.pdf")
    again = store.from_json(store.to_json(index.results), source="results.json")
    write_report(again, tmp_path / "b.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    text = "".join(page.extract_text() for page in PdfReader(tmp_path / "a.pdf").pages)
    assert "How the models were learned" in text
    assert "LargeDependenceHighGrayLevelEmphasis" in text


def test_left_out_centres_have_a_table():
    rows = rows_of(
        "model center metric horizon estimate se lower upper method n events note",
        ("RS", "A", "auc", None, 0.7, 0.05, 0.6, 0.8, "Mann-Whitney; DeLong", 70, 30, ""),
        ("RS", "B", "auc", None, None, None, None, None, "", 9, 0, "No patient had the event."),
        ("RS", "all", "auc", None, 0.68, 0.04, 0.6, 0.76, "Mann-Whitney; DeLong", 79, 30, ""),
        ("RS", "all", "auc_random_effects", None, 0.69, 0.1, 0.4, 0.9, "REML", 79, 30, ""),
    )
    found = table(modelling.internal(learned(internal_external=rows)), "Internal-external")
    lines = [[cell.text for cell in row.cells] for row in found.rows if isinstance(row, Row)]
    assert lines[0] == ["A", "70", "0.700 (0.600 to 0.800)"]
    assert lines[1][2] == "not estimable"
    assert lines[3] == ["random effects over centres", "", "0.690 (0.400 to 0.900)"]
    assert found.footnotes[0].text == "No patient had the event."
