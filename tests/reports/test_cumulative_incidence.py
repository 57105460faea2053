"""Cumulative incidence in the report: two causes, risk groups, Gray's test, and none of these."""

from dataclasses import replace

import pytest
from matplotlib.figure import Figure as MplFigure

from extval.reports.blocks import Figure, Paragraph, Subheading
from extval.reports.figures.cumulative_incidence import axis_end, plot_cumulative_incidence
from extval.reports.index import Index
from extval.reports.palette import Look
from extval.reports.report import write_report
from extval.reports.sections import centers, cumulative_incidence, others, summary, survival
from tests.reports.factory import survival_results

LOOK = Look("#004488", (), "")


def with_competing(results):
    """Return the same results with incidences in the place of the survival curves."""
    old = results.curves["kaplan_meier"]
    curves = dict(results.curves)
    del curves["kaplan_meier"]
    table = {name: values * 2 for name, values in old.items()}
    risk = [1.0 - s for s in old["survival"]]
    table["cause"] = ["interest"] * len(risk) + ["competing"] * len(risk)
    table["incidence"] = risk + [r / 2 for r in risk]
    table["lower"] = [max(f - 0.05, 0.0) for f in table["incidence"]]
    table["upper"] = [f + 0.05 for f in table["incidence"]]
    table["competing"] = [0] * len(table["cause"])
    del table["survival"]
    curves["cumulative_incidence"] = table
    below = dict(curves["risk_table"])
    below["competing"] = [n // 3 for n in below["events"]]
    curves["risk_table"] = below
    metrics = tuple(
        replace(
            row,
            metric=row.metric.replace("logrank", "gray").replace("survival_t", "incidence_t"),
            method="Aalen-Johansen; made up" if row.metric == "survival_t" else row.method,
        )
        for row in results.metrics
    )
    outcome = {**results.protocol["outcome"], "cause": 1}
    protocol = {**results.protocol, "outcome": outcome}
    return replace(results, curves=curves, metrics=metrics, protocol=protocol)


@pytest.fixture(scope="module")
def results():
    return with_competing(survival_results())


def figures(blocks):
    return [block for block in blocks if isinstance(block, Figure)]


def paragraphs(blocks):
    return [block.text for block in blocks if isinstance(block, Paragraph)]


def test_the_section_names_the_estimator_and_draws_both_causes(results):
    index = Index(results)
    blocks = cumulative_incidence.blocks(index, survival.risk_group_keys(index))
    assert blocks[0] == Subheading("Cumulative incidence")
    assert paragraphs(blocks)[0].startswith("Estimator: Aalen-Johansen; made up. The event of ")
    everybody, *grouped = figures(blocks)
    assert len(everybody.panels) == len(grouped) == len(index.cohorts)
    panels = grouped[0].panels
    assert [panel.title for panel in panels] == [m for m in index.models for _ in range(2)]
    assert panels[0].subtitle == "Event of interest; Gray's P = 0.042"
    assert panels[1].subtitle == "Competing events"
    assert [key.label for key in grouped[0].keys] == ["low risk", "intermediate risk", "high risk"]


def test_every_part_of_the_report_has_the_curves_and_none_is_listed_as_unknown(results):
    index = Index(results)
    kept = survival.section(index).blocks
    assert Subheading("Kaplan-Meier curves") not in kept
    captions = [figure.caption for figure in figures(summary.blocks(index))]
    assert any(caption.startswith("Cumulative incidence in the external") for caption in captions)
    by_center = figures(centers.section(index).blocks)
    small = [f for f in by_center if f.caption.startswith("Cumulative incidence in all patients")]
    assert len(small[0].panels) == len([g for g in index.results.cohorts if g.center != "all"])
    assert "cumulative_incidence" not in " ".join(paragraphs(others.section(index).blocks))


def test_a_study_without_competing_events_has_no_such_section():
    index = Index(survival_results())
    assert cumulative_incidence.blocks(index, ()) == []


def test_one_risk_group_is_a_sentence_and_the_curve_of_everybody_stays(results):
    table = results.curves["cumulative_incidence"]
    kept = [i for i, group in enumerate(table["group"]) if group in ("", "low")]
    fewer = {name: [values[i] for i in kept] for name, values in table.items()}
    curves = {**results.curves, "cumulative_incidence": fewer}
    index = Index(replace(results, curves=curves))
    blocks = cumulative_incidence.blocks(index, ())
    assert len(figures(blocks)) == 1
    said = [text for text in paragraphs(blocks) if "there are no risk groups" in text]
    assert len(said) == len(index.cohorts)
    assert "full, 淋巴结 nodal" in said[0]


def test_an_undefined_test_is_said(results):
    metrics = tuple(
        replace(row, estimate=None) if row.metric == "gray_p" else row for row in results.metrics
    )
    index = Index(replace(results, metrics=metrics))
    panel = cumulative_incidence.risk_group_panels(index, index.cohorts[0], "full")[0]
    assert panel.subtitle == "Event of interest; Gray's P not estimable"


def test_results_written_before_causes_had_a_column_are_drawn(results):
    table = results.curves["cumulative_incidence"]
    kept = [i for i, cause in enumerate(table["cause"]) if cause == "interest"]
    old = {n: [v[i] for i in kept] for n, v in table.items() if n != "cause"}
    below = {n: v for n, v in results.curves["risk_table"].items() if n != "competing"}
    curves = {**results.curves, "cumulative_incidence": old, "risk_table": below}
    index = Index(replace(results, curves=curves))
    found = figures(cumulative_incidence.blocks(index, ()))
    assert len(found[1].panels) == len(index.models)


def test_curves_start_at_zero_and_flat_ones_are_drawn():
    flat = {
        "time": [2.0],
        "incidence": [0.0],
        "lower": [None],
        "upper": [None],
        "censored": [1],
    }
    ax = MplFigure().add_axes((0.1, 0.1, 0.8, 0.8))
    plot_cumulative_incidence([(LOOK, flat)], ax, highest=axis_end([flat]))
    line = next(line for line in ax.lines if line.get_color() == LOOK.color)
    assert line.get_xydata().tolist() == [[0.0, 0.0], [2.0, 0.0]]
    assert ax.get_ylim() == (0.0, 0.2 * 1.02)


def test_panels_of_all_patients_share_their_axis(results):
    index = Index(results)
    (everybody, *_) = figures(cumulative_incidence.blocks(index, ()))
    ends = set()
    for panel in everybody.panels:
        ax = MplFigure().add_axes((0.1, 0.1, 0.8, 0.8))
        ends.add(panel.plots[0].draw(ax).get_ylim())
    assert len(ends) == 1


@pytest.mark.parametrize(("top", "end"), [(0.0, 0.2), (0.2, 0.2), (0.21, 0.4), (1.0, 1.0)])
def test_the_axis_holds_curve_and_limits(top, end):
    assert axis_end([{"incidence": [0.0], "upper": [None, top]}]) == end
    assert axis_end([]) == 1.0


def test_the_pdf_is_written(results, tmp_path):
    write_report(results, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").stat().st_size > 10_000
