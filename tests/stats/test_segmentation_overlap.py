"""`extval.stats.segmentation_overlap` against all pairs of voxels, invariances and MONAI."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from extval.stats.results import Status
from extval.stats.segmentation_overlap import segmentation_overlap
from tests.oracles import segmentation_overlap as oracle

MONAI = json.loads((Path(__file__).parents[1] / "reference/segmentation_overlap.json").read_text())
FIELDS = (
    "dice",
    "jaccard",
    "hausdorff",
    "hausdorff_95",
    "mean_surface_distance",
    "surface_dice",
)


def numbers(overlap):
    return [getattr(overlap, name) for name in FIELDS]


@st.composite
def masks(draw):
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=2, max_size=3)))
    size = int(np.prod(shape))
    pair = [
        np.array(draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))).reshape(shape)
        for _ in range(2)
    ]
    assume(pair[0].any() and pair[1].any())
    spacing = draw(st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=3, max_size=3))
    return *pair, tuple(spacing[: len(shape)])


@given(masks(), st.sampled_from([0.0, 1.0, 2.5]))
def test_matches_all_pairs_of_voxels(study, tolerance):
    a, b, spacing = study
    (got,) = segmentation_overlap(a, b, spacing=spacing, tolerance=tolerance)
    assert_allclose(numbers(got), oracle.overlap(a, b, spacing, tolerance), rtol=1e-12)


@given(masks())
def test_swapping_readers_and_axes_does_not_matter(study):
    a, b, spacing = study
    (wanted,) = segmentation_overlap(a, b, spacing=spacing)
    (swapped,) = segmentation_overlap(b, a, spacing=spacing)
    (turned,) = segmentation_overlap(a.T, b.T, spacing=spacing[::-1])
    assert_allclose(numbers(swapped), numbers(wanted), rtol=1e-13)
    assert_allclose(numbers(turned), numbers(wanted), rtol=1e-13)
    assert (swapped.volume_a, swapped.volume_b) == (wanted.volume_b, wanted.volume_a)


@given(masks(), st.sampled_from([0.5, 4.0]))
def test_distances_scale_with_the_spacing(study, unit):
    a, b, spacing = study
    (wanted,) = segmentation_overlap(a, b, spacing=spacing)
    (got,) = segmentation_overlap(a, b, spacing=[unit * s for s in spacing], tolerance=unit)
    scale = np.array([1, 1, unit, unit, unit, 1])
    assert_allclose(numbers(got), scale * numbers(wanted), rtol=1e-12)


@given(masks())
def test_background_around_does_not_matter(study):
    a, b, spacing = study
    (wanted,) = segmentation_overlap(a, b, spacing=spacing)
    (got,) = segmentation_overlap(np.pad(a, 2), np.pad(b, 2), spacing=spacing)
    assert got == wanted


@given(masks())
def test_a_segmentation_agrees_with_itself(study):
    a, _, spacing = study
    (got,) = segmentation_overlap(a, a, spacing=spacing, tolerance=0.0)
    assert numbers(got) == [1, 1, 0, 0, 0, 1]


@given(masks())
def test_labels_do_not_see_each_other(study):
    a, b, spacing = study
    both = segmentation_overlap(2 * a + 5 * (1 - a), 2 * b + 5 * (1 - b), spacing=spacing)
    (alone,) = segmentation_overlap(a, b, spacing=spacing)
    assert both[0].label == 2
    assert numbers(both[0]) == numbers(alone)


@pytest.mark.parametrize("case", MONAI["cases"], ids=lambda case: case["id"])
def test_agrees_with_monai(case):
    (got,) = segmentation_overlap(
        case["a"], case["b"], spacing=case["spacing"], tolerance=case["tolerance"]
    )
    for name in ("dice", "jaccard", "hausdorff", "hausdorff_95", "surface_dice"):
        assert_allclose(getattr(got, name), case[name], rtol=2e-7, err_msg=name)  # float32
    sizes = [len(oracle.surface(np.array(case[name]))) for name in "ab"]
    # MONAI's function takes the mean from its first argument's surface to its second's.
    forward, back = case["directed_means"]
    pooled = (sizes[0] * forward + sizes[1] * back) / sum(sizes)
    assert_allclose(got.mean_surface_distance, pooled, rtol=1e-6)


def test_absent_labels_are_said():
    empty, full = np.zeros((3, 3), int), np.ones((3, 3), int)
    (neither,) = segmentation_overlap(empty, empty, spacing=(1, 1), labels=[1])
    assert neither.status is Status.NO_SEGMENTATION
    assert np.isnan(numbers(neither)).all()
    (one,) = segmentation_overlap(empty, full, spacing=(1, 1))
    assert one.status is Status.ONE_SEGMENTATION
    assert (one.dice, one.jaccard, one.surface_dice) == (0, 0, 0)
    assert np.isnan([one.hausdorff, one.hausdorff_95, one.mean_surface_distance]).all()
    assert (one.voxels_a, one.voxels_b, one.volume_b) == (0, 9, 9.0)
    assert segmentation_overlap(empty, empty, spacing=(1, 1)) == ()


def test_a_single_voxel_is_its_own_surface():
    a = np.zeros((4, 4, 4), bool)
    b = a.copy()
    a[0, 0, 0], b[0, 0, 3] = True, True
    (got,) = segmentation_overlap(a, b, spacing=(1, 1, 2))
    assert numbers(got) == [0, 0, 6, 6, 6, 0]


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        (np.zeros((2, 2), int), np.zeros((2, 3), int), {}, r"got \(2, 2\) and \(2, 3\)"),
        (np.zeros(4, int), np.zeros(4, int), {"spacing": (1,)}, "2-D or 3-D"),
        (np.zeros((2, 2)), np.zeros((2, 2), int), {}, "`a` must hold whole-number labels"),
        (np.zeros((2, 2), int), np.zeros((2, 2), int), {"spacing": (1, 0)}, "2 positive lengths"),
        (np.zeros((2, 2), int), np.zeros((2, 2), int), {"tolerance": -1}, "`tolerance`"),
    ],
)
def test_errors_name_the_argument(a, b, options, message):
    with pytest.raises(ValueError, match=message):
        segmentation_overlap(a, b, **{"spacing": (1, 1), **options})
