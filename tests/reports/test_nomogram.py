"""The drawn nomogram: every tick where its points say, every label readable, nothing computed."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import rc_context
from matplotlib.figure import Figure

from extval.features.modelling.nomogram import NO_EFFECT, nomogram_of_effects
from extval.features.modelling.nomogram_axes import categorical_effect, numeric_effect
from extval.features.modelling.pretty import pretty
from extval.reports.canvas import draw_figure
from extval.reports.figures.axes import STYLE
from extval.reports.figures.nomogram import nomogram_height_mm, plot_nomogram

WIDTH_MM = 180.0
SUBTYPE = {"leiomyosarcoma": 0.0, "liposarcoma": 0.4, "undifferentiated pleomorphic": -0.3}


def effects(slopes=(0.04, -0.11), levels=SUBTYPE):
    found = [
        numeric_effect("age", slopes[0], pretty(31, 88, 10), label="Age (years)"),
        numeric_effect("size", slopes[1], pretty(2, 31, 10), label="Tumour size (cm)"),
    ]
    return [*found, categorical_effect("subtype", levels, label="Histological subtype")]


def drawn(nomogram, width_mm=WIDTH_MM, **options):
    """Return the axes of a figure as high as the nomogram wants."""
    shown = options.get("linear_predictor", True)
    with rc_context(STYLE):
        height = nomogram_height_mm(nomogram, width_mm, linear_predictor=shown)
        figure = Figure(figsize=(width_mm / 25.4, height / 25.4), dpi=72)
        return plot_nomogram(nomogram, figure.add_axes((0, 0, 1, 1)), **options)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def scale_of(ax):
    """Return where 0 and 100 points stand, and the heights of the axes from the top."""
    lines = [line.get_data() for line in ax.lines]
    axes = [(x[:2], y[0]) for x, y in lines if len(x) == 3 and y[0] == y[1]]
    axes.sort(key=lambda axis: -axis[1])
    return axes[0][0], [y for _, y in axes]


def overlaps(ax):
    """Return the pairs of texts that touch."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in ax.texts]
    return [
        (a, b)
        for (a, one), (b, two) in itertools.combinations(boxes, 2)
        if one.x0 < two.x1 and two.x0 < one.x1 and one.y0 + 1 < two.y1 and two.y0 + 1 < one.y1
    ]


def test_labels_stand_at_their_points():
    nomogram = nomogram_of_effects(effects(), intercept=-1.0)
    ax = drawn(nomogram, outcome="lung metastasis")
    (zero, hundred), y = scale_of(ax)
    for axis, below in zip(nomogram.axes, y[1:], strict=False):
        wanted = zero + (hundred - zero) * np.array(axis.points) / 100
        ticks = [
            x for line in ax.lines for x, at in zip(*line.get_data(), strict=True) if at == below
        ]
        assert np.isclose(np.reshape(ticks, (-1, 1)), wanted, atol=1e-6).any(axis=0).all()
    names = ["Points", "Age (years)", "Tumour size (cm)", "Histological subtype", "Total points"]
    for name in [*names, "Linear predictor", "Risk of lung metastasis"]:
        assert name in texts(ax)


def test_a_cox_model_has_an_axis_a_horizon():
    survivals = {12.0: 0.9, 36.0: 0.7, 60.0: 0.55}
    nomogram = nomogram_of_effects(
        effects(), intercept=0.0, baseline_survival=survivals, shows="survival"
    )
    ax = drawn(nomogram, unit="months", linear_predictor=False)
    shown = " ".join(texts(ax))
    for horizon in (12, 36, 60):
        assert f"at {horizon} months" in shown
    assert "Linear predictor" not in shown
    assert overlaps(ax) == []


@given(
    st.lists(st.integers(-20, 20), min_size=3, max_size=5),
    st.tuples(st.integers(-20, 20), st.integers(-20, 20)),
    st.integers(-30, 30),
    st.sampled_from([90.0, 120.0, 180.0]),
)
@settings(max_examples=15)
def test_no_label_touches_another_or_leaves_the_figure(levels, slopes, intercept, width):
    names = ["leiomyosarcoma", "liposarcoma", "undifferentiated", "myxofibrosarcoma", "other"]
    coefficients = dict(zip(names, [0, *levels], strict=False))
    nomogram = nomogram_of_effects(
        effects([s / 200 for s in slopes], {k: v / 10 for k, v in coefficients.items()}),
        intercept=intercept / 10,
    )
    ax = drawn(nomogram, width)
    if nomogram.axes:
        assert overlaps(ax) == []
        for text in ax.texts:
            box = text.get_window_extent()
            assert box.x0 > -1.0 and box.x1 < width / 25.4 * 72 + 1.0, text.get_text()


def test_values_without_effect_share_a_place_and_a_label():
    ax = drawn(nomogram_of_effects(effects(slopes=(0.0, 1.0)), intercept=0.0))
    assert "30 to 90" in texts(ax)
    level = {"a": 0.0, "b": 0.0, "c": 1.0}
    ax = drawn(nomogram_of_effects(effects(levels=level), intercept=0.0))
    assert "a, b" in texts(ax)


def test_without_a_nomogram_its_sentence_is_written():
    ax = drawn(nomogram_of_effects([], intercept=0.0))
    assert texts(ax) == [NO_EFFECT]


@pytest.mark.parametrize("width", [85.0, 180.0])
def test_it_can_be_drawn_on_a_page(tmp_path, width):
    from reportlab.pdfgen.canvas import Canvas

    ax = drawn(nomogram_of_effects(effects(), intercept=-1.0), width)
    canvas = Canvas(str(tmp_path / "page.pdf"), pageCompression=0)
    with rc_context(STYLE):
        draw_figure(ax.figure, canvas)
    canvas.save()
    assert (tmp_path / "page.pdf").stat().st_size > 1000
