"""Properties of a region against their definitions, and every finding once."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from extval.features.errors import CaseError
from extval.features.images import read_pair
from extval.features.manifest import Case
from extval.features.roi_comparison import compare, roi_rows
from extval.features.roi_quality import Preparation, case_findings, largest_diameter, measure

from . import cohort


def pair_of(folder, scan, mask, **options):
    return read_pair(
        cohort.write(folder, "image.nii.gz", scan),
        cohort.write(folder, "mask.nii.gz", mask),
        **options,
    )


def case(patient="P1", phase="A", reader="", cohort_name="development", row=2):
    return Case(
        row=row, patient=patient, center="", cohort=cohort_name, scanner="", phase=phase,
        reader=reader, image=None, mask=None, label=1,
    )  # fmt: skip


def codes(record):
    return {code: severity for code, severity, _ in record.codes}


def region(shape):
    return hnp.arrays(bool, shape).filter(lambda a: a.sum() >= 2)


@given(region((4, 5, 6)))
def test_largest_diameter_is_that_of_all_pairs(inside):
    spacing = np.array([3.0, 0.7, 0.9])
    points = np.argwhere(inside) * spacing
    slow = max(float(np.sqrt(((a - b) ** 2).sum())) for a in points for b in points)
    assert largest_diameter(inside, spacing) == pytest.approx(slow, rel=1e-12)


@pytest.mark.parametrize("shape", [(16, 24, 24), (1, 80, 80)])
def test_largest_diameter_of_large_regions_goes_by_their_hull(shape, monkeypatch):
    inside = np.random.default_rng(0).random(shape) < 0.2
    spacing = np.array([2.0, 1.0, 1.0])
    monkeypatch.setattr("extval.features.roi_quality.HULL_FROM", 10)
    by_hull = largest_diameter(inside, spacing)
    monkeypatch.setattr("extval.features.roi_quality.HULL_FROM", 10**9)
    assert by_hull == largest_diameter(inside, spacing)


def test_measures_of_a_ball(tmp_path):
    scan = cohort.image()
    mask = cohort.ball(scan)
    pair = pair_of(tmp_path, scan, mask)
    record = measure(pair, Preparation(bin_width=5.0))
    inside = sitk.GetArrayFromImage(mask) == 1
    values = sitk.GetArrayFromImage(scan)[inside]
    assert record.voxels == inside.sum()
    assert record.volume_ml == pytest.approx(inside.sum() * 2.0 / 1000)
    assert record.slices == 6
    assert (record.components, record.largest_component) == (1, 1.0)
    assert (record.intensity_min, record.intensity_max) == (values.min(), values.max())
    assert record.grey_levels == np.floor(values.max() / 5) - np.floor(values.min() / 5) + 1
    index = np.argwhere(inside).mean(axis=0)[::-1]
    assert record.centroid == pytest.approx(index * [1, 1, 2] + [5, -7, 30])
    assert not record.touches_border
    assert codes(record) == {}


def test_grey_levels_of_a_normalised_image_follow_pyradiomics(tmp_path):
    scan = cohort.image()
    pair = pair_of(tmp_path, scan, cohort.ball(scan))
    plan = Preparation(bin_width=5.0, normalize=True, normalize_scale=100.0, outliers=1.0)
    normal = sitk.GetArrayFromImage(sitk.Normalize(scan)).clip(-1, 1) * 100
    values = normal[pair.inside()]
    levels = np.floor(values.max() / 5) - np.floor(values.min() / 5) + 1
    assert measure(pair, plan).grey_levels == levels


def test_a_region_at_the_border_and_in_pieces(tmp_path):
    scan = cohort.image()
    mask = cohort.ball(scan, radius=2.5)
    mask[0:2, 0:7, 0] = 1
    record = measure(pair_of(tmp_path, scan, mask), Preparation())
    assert codes(record)["touches-border"] == "warning"
    assert codes(record)["several-components"] == "warning"
    assert codes(record)["small-roi"] == "warning"
    assert record.components == 2
    mask = cohort.ball(scan, radius=4.4)
    mask[11, 0, 0] = 1
    record = measure(pair_of(tmp_path, scan, mask), Preparation())
    assert codes(record)["stray-voxels"] == "note"


def test_other_findings_of_one_case(tmp_path):
    scan = cohort.image() * 0 + 7.0
    mask = cohort.ball(scan, at=(5, 6.5, 5.5), radius=4)
    mask[:, :, 0:5] = 0
    mask[:, :, 6:] = 0
    mask[0, 13, 9] = 5
    plan = Preparation(modality="ct", bin_width=25, sigmas=(1.0, 3.0), padding_mm=5.0)
    record = measure(pair_of(tmp_path, scan, mask), plan)
    assert codes(record).keys() >= {
        "constant", "several-labels", "one-slice", "few-grey-levels", "log-padding",
    }  # fmt: skip
    sentences = " ".join(text for _, _, text in record.codes)
    assert "gives 1 grey level in the region" in sentences
    assert "5 mm of image are there" in sentences or "mm of image are there" in sentences


def test_hounsfield_units_and_too_many_grey_levels(tmp_path):
    scan = cohort.image()
    scan[6, 7, 5] = 3000.0
    plan = Preparation(modality="ct", bin_width=5.0)
    found = codes(measure(pair_of(tmp_path, scan, cohort.ball(scan)), plan))
    assert found["intensity-range"] == "warning"
    assert found["many-grey-levels"] == "warning"


def test_a_moved_mask_and_rounding_are_said(tmp_path):
    scan = cohort.image()
    fine = sitk.Expand(cohort.ball(scan), [1, 1, 2], sitk.sitkNearestNeighbor)
    record = measure(pair_of(tmp_path, scan, fine, mask_grid="resample"), Preparation())
    assert codes(record)["mask-resampled"] == "warning"
    mask = cohort.ball(scan)
    mask.SetOrigin((5.0, -7.0, 30.00001))
    record = measure(
        read_pair(cohort.write(tmp_path, "i.nrrd", scan), cohort.write(tmp_path, "m.nrrd", mask)),
        Preparation(),
    )
    assert codes(record)["grid-rounding"] == "note"


def test_a_single_voxel_is_refused(tmp_path):
    scan = cohort.image()
    mask = cohort.ball(scan, radius=0.1, at=(5, 6, 6))
    with pytest.raises(CaseError, match="single voxel"):
        measure(pair_of(tmp_path, scan, mask), Preparation())


def measured(folder, who, scan, mask):
    folder = folder / f"{who.patient}{who.phase}{who.reader}"
    record = measure(pair_of(folder, scan, mask), Preparation(), keep_outline=True)
    return who, record


@given(st.data())
def test_dice_of_two_readers(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("dice")
    scan = cohort.image(size=(5, 4, 3))
    arrays = [data.draw(region((3, 4, 5))) for _ in range(2)]
    masks = []
    for array in arrays:
        mask = sitk.GetImageFromArray(array.astype(np.uint8))
        mask.CopyInformation(scan)
        masks.append(mask)
    a, b = arrays
    records = [
        measured(folder, case(reader=f"R{i}", row=i), scan, mask) for i, mask in enumerate(masks)
    ]
    _, rows = compare(records, [who for who, _ in records])
    (row,) = rows
    assert row["dice"] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
    assert row["volume_ratio"] == pytest.approx(b.sum() / a.sum())


def test_readers_on_different_grids_have_no_dice(tmp_path):
    scan, other = cohort.image(), cohort.image(1, size=(16, 16, 16))
    records = [
        measured(tmp_path, case(reader="R1"), scan, cohort.ball(scan)),
        measured(tmp_path, case(reader="R2", row=3), other, cohort.ball(other)),
    ]
    findings, rows = compare(records, [who for who, _ in records])
    assert rows[0]["dice"] is None
    assert "readers-other-grid" in {item.code for item in findings}


def test_phases_far_apart_or_of_another_size(tmp_path):
    scan = cohort.image(size=(40, 40, 30))
    near = cohort.ball(scan, radius=3, at=(5, 5, 5))
    far = cohort.ball(scan, radius=5, at=(20, 30, 30))
    records = [
        measured(tmp_path, case(phase="A"), scan, near),
        measured(tmp_path, case(phase="V", row=3), cohort.image(3, size=(40, 40, 30)), far),
    ]
    findings, rows = compare(records, [who for who, _ in records])
    assert {item.code for item in findings} == {"volume-ratio", "centroid-shift"}
    assert rows[0]["centroid_shift_mm"] == pytest.approx(np.linalg.norm([25.0, 25.0, 30.0]))


@pytest.mark.parametrize(
    ("second", "code", "severity"),
    [
        (case("P2", cohort_name="validation", row=3), "same-image", "error"),
        (case("P2", row=3), "same-image", "warning"),
        (case("P1", phase="V", row=3), "same-image-two-phases", "warning"),
    ],
)
def test_one_image_under_two_names(tmp_path, second, code, severity):
    scan = cohort.image()
    records = [measured(tmp_path, who, scan, cohort.ball(scan)) for who in (case(), second)]
    findings, _ = compare(records, [who for who, _ in records])
    assert [(item.code, item.severity) for item in findings if item.code != "missing-phase"] == [
        (code, severity)
    ]


def test_two_readers_of_one_image_are_no_double(tmp_path):
    scan = cohort.image()
    people = [case(reader="R1"), case(reader="R2", row=3)]
    records = [measured(tmp_path, who, scan, cohort.ball(scan)) for who in people]
    assert compare(records, people)[0] == []


def test_the_table_has_a_row_for_every_case(tmp_path):
    scan = cohort.image()
    good = measured(tmp_path, case(), scan, cohort.ball(scan, radius=2))
    bad = case("P2", row=3)
    rows = roi_rows([good, (bad, None)], case_findings(*good))
    assert [row["patient"] for row in rows] == ["P1", "P2"]
    assert rows[0].keys() == rows[1].keys()
    assert rows[0]["findings"] == "small-roi"
    assert rows[1]["voxels"] is None


def test_two_orientations_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr("extval.features.nifti.orientation_gap", lambda _: 5.0)
    scan = cohort.image()
    record = measure(pair_of(tmp_path, scan, cohort.ball(scan)), Preparation())
    assert codes(record)["two-orientations"] == "warning"


def test_grey_levels_that_would_not_fit_into_memory_are_an_error(tmp_path):
    scan = cohort.image()
    record = measure(pair_of(tmp_path, scan, cohort.ball(scan)), Preparation(bin_width=0.001))
    assert codes(record)["too-many-grey-levels"] == "error"
