"""What the report makes of the options of a binary protocol: tables, figures, sentences."""

import json
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure as Canvas

from extval.reports.blocks import Figure, Paragraph, Table
from extval.reports.figures.decision import plot_decision_difference
from extval.reports.figures.roc import plot_precision_recall
from extval.reports.index import Index
from extval.reports.labels import heading, label
from extval.reports.sections import classification, discrimination, others, utility
from extval.validate import protocol_source
from extval.validate.evaluation import evaluate
from extval.validate.study import read_study
from extval.validate.table import read_table

STUDY = json.loads(
    (Path(__file__).parents[1] / "reference" / "evaluate.json").read_text(encoding="utf-8")
)["study"]
PROTOCOL = """\
schema_version: 1
outcome: {column: y}
models: {%s}
bootstrap: {n_resamples: 10}
calibration: {belt_up_to: 0}
classification: {prevalence: [0.1, 0.025]}
comparisons: {reclassification: true}
decision_curve: {at: 0.45, step: 0.05}
"""


def index_of(folder, models):
    frame = pd.DataFrame(STUDY)
    for k in range(models - 2):
        frame[f"m{k}"] = frame["full"] ** (k + 2)
    names = [name for name in frame if name in ("small", "full") or name.startswith("m")]
    frame.to_csv(folder / "t.csv", index=False)
    text = PROTOCOL % ", ".join(f"{name}: {{probability: {name}}}" for name in names)
    (folder / "p.yaml").write_text(text, encoding="utf-8")
    protocol = protocol_source.from_file(folder / "p.yaml")
    return Index(evaluate(read_study(read_table(folder / "t.csv"), protocol)))


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return index_of(tmp_path_factory.mktemp("binary"), 2)


def of(section, kind, words):
    return [b for b in section.blocks if isinstance(b, kind) and words in b.caption]


def test_every_row_and_curve_has_its_place(index):
    blocks = others.section(index).blocks
    assert not [block for block in blocks if isinstance(block, Table)]
    named = " ".join(block.text for block in blocks if isinstance(block, Paragraph))
    assert "precision_recall" not in named and "decision" not in named


def test_predictive_values_at_a_prevalence_have_a_table(index):
    (table,) = of(classification.section(index), Table, "Predictive values")
    heads = [column.heading for column in table.columns]
    for wanted in ("PPV at 10%, %", "NPV at 10%, %", "PPV at 2.5%, %", "NPV at 2.5%, %"):
        assert any(head.startswith(wanted) for head in heads), heads
    assert heading("ppv_at_prevalence_0.025") == "PPV at 2.5%"
    assert label("auc_vs_development").name == "AUC"


def test_net_benefit_has_three_scales_and_treating_everybody_an_interval(index):
    (table,) = of(utility.section(index), Table, "Net benefit at the stated threshold")
    heads = [column.heading for column in table.columns]
    assert any("Standardised net benefit" in head for head in heads)
    assert any("Interventions avoided" in head for head in heads)
    rows = [row for row in table.rows if hasattr(row, "cells")]
    texts = {row.cells[0].text: row.cells[1].text for row in rows}
    assert " to " in texts["Treat all"] and texts["Treat none"] == "0.000"


def test_differences_of_decision_curves_are_drawn_for_every_pair(index):
    figures = of(utility.section(index), Figure, "Difference in net benefit")
    assert len(figures) == len(index.cohorts) == 2
    assert [panel.title for panel in figures[0].panels] == ["small \u2212 full"]


def test_nri_is_split_into_events_and_nonevents(index):
    captions = [b.caption for b in utility.section(index).blocks if isinstance(b, Table)]
    for name in ("Categorical NRI", "Continuous NRI"):
        for part in ("", ", events", ", non-events"):
            assert any(c.startswith(f"{name}{part}: differences") for c in captions), (name, part)


def test_precision_and_recall_are_drawn(index):
    (figure,) = of(discrimination.section(index), Figure, "Precision-recall")
    assert len(figure.panels) == 2 and "event rate" in figure.remarks[0]


def test_many_pairs_are_named_and_not_drawn(tmp_path):
    many = index_of(tmp_path, 6)
    section = utility.section(many)
    assert not of(section, Figure, "Difference in net benefit")
    said = [b.text for b in section.blocks if isinstance(b, Paragraph)]
    assert any("15 pairs" in text and "decision_difference.csv" in text for text in said)


def test_plots_of_curves_without_bands_or_points():
    ax = Canvas().subplots()
    curve = {"threshold": [0.1, 0.2], "difference": [0.0, 0.0], "lower": [None, None]}
    plot_decision_difference({**curve, "upper": [None, None]}, ax, at=0.1)
    low, high = ax.get_ylim()
    assert low < 0 < high and ax.get_xlim() == (0.1, 0.2)
    assert plot_precision_recall([], Canvas().subplots()).get_ylim() == (0, 1)
