"""The picture that a network sees: the right slice, the whole tumour, square in mm."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from extval.features.errors import CaseError
from extval.features.images import read_pair
from extval.features.roi_crop import CropSettings, Percentiles, Window, crop

from . import cohort


def pair(folder, values, inside, spacing=(1.0, 1.0, 1.0), direction=None):
    made = []
    for name, array in (("i.nrrd", values.astype(np.float32)), ("m.nrrd", inside.astype(np.uint8))):
        item = sitk.GetImageFromArray(array)
        item.SetSpacing(spacing)
        if direction:
            item.SetDirection(direction)
        made.append(cohort.write(folder, name, item))
    return read_pair(*made)


WIDE = Window(level=50.0, width=100.0)


def test_the_slice_of_largest_area_and_ties_go_to_the_lowest(tmp_path):
    inside = np.zeros((6, 9, 9), dtype=bool)
    inside[1, 4:6, 4:6] = True
    inside[3, 4:7, 4:7] = True
    inside[4, 2:5, 2:5] = True
    values = np.arange(6)[:, None, None] * 10.0 * np.ones((6, 9, 9))
    cut = crop(pair(tmp_path, values, inside), CropSettings(margin_mm=0, intensity=WIDE))
    assert cut.slice_index == 3
    assert cut.picture.shape == (1, 3, 3)
    assert np.all(cut.picture == np.float32(0.3))
    assert cut.region.all()


def test_slices_count_from_the_feet_up_however_the_file_lies(tmp_path):
    inside = np.zeros((6, 5, 5), dtype=bool)
    inside[1, 2:4, 2:4] = True
    values = np.arange(6)[:, None, None] * 10.0 * np.ones((6, 5, 5))
    upside_down = (1, 0, 0, 0, 1, 0, 0, 0, -1)
    cut = crop(
        pair(tmp_path, values, inside, direction=upside_down),
        CropSettings(margin_mm=0, intensity=WIDE),
    )
    assert cut.slice_index == 4
    assert np.all(cut.picture == np.float32(0.1))


@given(
    st.integers(0, 14), st.integers(1, 6), st.integers(0, 14), st.integers(1, 6), st.floats(0, 4)
)
def test_the_whole_region_and_its_margin_are_in_the_picture(
    tmp_path_factory, top, height, left, width, margin
):
    inside = np.zeros((1, 20, 20), dtype=bool)
    inside[0, top : top + height, left : left + width] = True
    values = np.where(inside, 80.0, 20.0)
    folder = tmp_path_factory.mktemp("crop")
    cut = crop(pair(folder, values, inside), CropSettings(margin_mm=margin, intensity=WIDE))
    assert cut.region.sum() == inside.sum()
    rows, columns = cut.region.shape
    assert rows == columns == round(max(height, width) + 2 * margin)
    assert np.all(cut.picture[0][cut.region] == np.float32(0.8))


def test_the_picture_is_square_in_mm(tmp_path):
    inside = np.zeros((1, 12, 30), dtype=bool)
    inside[0, 4:8, 10:20] = True
    cut = crop(
        pair(tmp_path, np.ones((1, 12, 30)) * 50, inside, spacing=(1.0, 2.0, 1.0)),
        CropSettings(margin_mm=2.0, intensity=WIDE),
    )
    assert cut.region.shape == (7, 14)
    assert cut.region.sum() == inside.sum()


def test_outside_the_image_is_zero(tmp_path):
    inside = np.zeros((1, 5, 5), dtype=bool)
    inside[0, 0, 0] = inside[0, 1, 1] = True
    cut = crop(
        pair(tmp_path, np.full((1, 5, 5), 100.0), inside),
        CropSettings(margin_mm=3.0, intensity=WIDE),
    )
    assert cut.picture.shape == (1, 8, 8)
    assert cut.picture[0, :3].max() == 0
    assert cut.picture[0, 3:, 3:].min() == 1


def test_background_and_neighbours(tmp_path):
    inside = np.zeros((3, 6, 6), dtype=bool)
    inside[0, 2:5, 2:5] = True
    values = np.stack([np.full((6, 6), v) for v in (10.0, 20.0, 30.0)])
    given_pair = pair(tmp_path, values, inside)
    masked = crop(given_pair, CropSettings(margin_mm=1, intensity=WIDE, background="masked"))
    assert np.array_equal(masked.picture[0] > 0, masked.region)
    three = crop(given_pair, CropSettings(margin_mm=1, intensity=WIDE, slices=3))
    assert three.picture[:, 2, 2].tolist() == pytest.approx([0.1, 0.1, 0.2])


def test_percentiles_are_of_the_body(tmp_path):
    values = np.zeros((2, 20, 20))
    values[0, 5:15, 5:15] = np.arange(1, 101).reshape(10, 10)
    inside = np.zeros(values.shape, dtype=bool)
    inside[0, 6:9, 6:9] = True
    low, high = np.percentile(np.arange(1, 101), [10, 90])
    cut = crop(
        pair(tmp_path, values, inside),
        CropSettings(margin_mm=0, intensity=Percentiles(low=10, high=90)),
    )
    expected = (values[0, 6:9, 6:9] - low) / (high - low)
    assert cut.picture[0] == pytest.approx(expected.clip(0, 1), rel=1e-6)


def test_a_constant_image_is_refused(tmp_path):
    inside = np.zeros((2, 4, 4), dtype=bool)
    inside[0, 1:3, 1:3] = True
    with pytest.raises(CaseError, match="nothing to see"):
        crop(pair(tmp_path, np.full((2, 4, 4), 5.0), inside), CropSettings())
