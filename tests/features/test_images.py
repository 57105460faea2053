"""Reading: every broken file is one reason, and none becomes an invented value."""

import gzip
import struct

import numpy as np
import pytest
import SimpleITK as sitk

from extval.features import nifti
from extval.features.errors import CaseError
from extval.features.images import file_sha256, read_image, read_pair, voxel_sha256

from . import cohort


def refused(code, *arguments, **options):
    with pytest.raises(CaseError) as caught:
        read_pair(*arguments, **options)
    assert caught.value.code == code, caught.value
    assert caught.value.sentence.endswith("."), caught.value.sentence
    return caught.value.sentence


@pytest.fixture
def scan():
    return cohort.image()


@pytest.fixture
def files(tmp_path, scan):
    return (
        cohort.write(tmp_path, "image.nii.gz", scan),
        cohort.write(tmp_path, "mask.nii.gz", cohort.ball(scan)),
    )


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "mha"])
def test_formats(tmp_path, scan, ending):
    image = cohort.write(tmp_path, f"image.{ending}", scan)
    mask = cohort.write(tmp_path, f"mask.{ending}", cohort.ball(scan))
    pair = read_pair(image, mask)
    assert np.array_equal(pair.voxels(), sitk.GetArrayFromImage(scan))
    assert pair.inside().sum() == (sitk.GetArrayFromImage(cohort.ball(scan)) == 1).sum()
    assert pair.grid.same
    assert not pair.resampled


def test_the_content_hash_does_not_depend_on_the_format(tmp_path, scan):
    hashes = {
        voxel_sha256(read_image(cohort.write(tmp_path, f"image.{ending}", scan)))
        for ending in ("nii", "nii.gz", "nrrd", "mha")
    }
    assert len(hashes) == 1


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "mha"])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.999])
def test_truncated_files(tmp_path, scan, files, ending, share):
    path = cohort.write(tmp_path, f"short.{ending}", scan)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CaseError) as caught:
        read_pair(path, files[1])
    assert caught.value.code in ("truncated", "unreadable")


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.nrrd", "x.mha", "x.txt", "x"])
@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8bgarbage"])
def test_files_that_are_no_images(tmp_path, files, name, content):
    (tmp_path / name).write_bytes(content)
    refused("unreadable", tmp_path / name, files[1])


def test_a_truncated_file_that_was_compressed_again(tmp_path, scan, files):
    path = cohort.write(tmp_path, "plain.nii", scan)
    short = tmp_path / "again.nii.gz"
    short.write_bytes(gzip.compress(path.read_bytes()[:-100]))
    sentence = refused("truncated", short, files[1])
    assert "holds" in sentence


def test_a_folder_for_a_file(tmp_path, files):
    (tmp_path / "folder").mkdir()
    assert "without DICOM files" in refused("unreadable", tmp_path / "folder", files[1])


def test_two_and_four_dimensions(tmp_path, scan, files):
    flat = cohort.write(tmp_path, "flat.nii.gz", scan[:, :, 3])
    assert "2-dimensional (12 x 14)" in refused("not-3d", flat, files[1])
    four = cohort.write(tmp_path, "four.nii.gz", sitk.JoinSeries([scan, scan]))
    assert "4-dimensional" in refused("not-3d", four, files[1])
    one = cohort.write(tmp_path, "one.nii.gz", sitk.JoinSeries([scan]))
    assert read_pair(one, files[1]).image.GetDimension() == 3


def test_colour_images(tmp_path, scan, files):
    byte = sitk.Cast(scan, sitk.sitkUInt8)
    path = cohort.write(tmp_path, "rgb.nii.gz", sitk.Compose([byte, byte, byte]))
    refused("not-scalar", path, files[1])


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_spacings_that_are_none(tmp_path, scan, files, value):
    path = cohort.write(tmp_path, "image.nii", scan)
    data = bytearray(path.read_bytes())
    struct.pack_into("<f", data, 76 + 4 * 3, value)
    path.write_bytes(data)
    refused("bad-spacing", path, files[1])


@pytest.mark.parametrize("ending", ["nrrd", "mha"])
def test_spacing_zero_in_text_headers(tmp_path, scan, files, ending):
    path = cohort.write(tmp_path, f"zero.{ending}", scan)
    data = path.read_bytes()
    data = data.replace(b"(0,0,2)", b"(0,0,0)").replace(b"Spacing = 1 1 2", b"Spacing = 1 1 0")
    path.write_bytes(data)
    assert "pacing" in refused("unreadable", path, files[1])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers(tmp_path, scan, files, value):
    scan[4, 5, 6] = value
    path = cohort.write(tmp_path, "nan.nii.gz", scan)
    assert "1 of 1680 voxels" in refused("non-finite-voxels", path, files[1])
    assert "(4, 5, 6)" in refused("non-finite-voxels", path, files[1])


def test_empty_masks_and_other_labels(tmp_path, scan, files):
    empty = cohort.write(tmp_path, "empty.nii.gz", cohort.ball(scan) * 0)
    refused("empty-mask", files[0], empty)
    two = cohort.write(tmp_path, "two.nii.gz", cohort.ball(scan, label=2))
    assert "it holds 2" in refused("other-label", files[0], two)
    assert read_pair(files[0], two, label=2).inside().sum() > 0


def test_masks_stored_as_floats(tmp_path, scan, files):
    whole = cohort.write(tmp_path, "float.nii.gz", sitk.Cast(cohort.ball(scan), sitk.sitkFloat32))
    assert np.array_equal(read_pair(files[0], whole).inside(), read_pair(*files).inside())
    soft = cohort.write(
        tmp_path, "soft.nii.gz", sitk.Cast(cohort.ball(scan), sitk.sitkFloat32) * 0.7
    )
    refused("fractional-mask", files[0], soft)


def test_a_mask_of_another_patient(tmp_path, files):
    other = cohort.image(1, size=(20, 20, 20), origin=(0.0, 0.0, 0.0))
    mask = cohort.write(tmp_path, "other.nii.gz", cohort.ball(other))
    sentence = refused("other-grid", files[0], mask)
    assert "size 20 x 20 x 20 against 12 x 14 x 10" in sentence
    assert "mm" in sentence
    refused("outside-image", files[0], mask, mask_grid="resample")


def test_tolerances_are_never_widened(tmp_path, scan, files):
    mask = cohort.ball(scan)
    mask.SetOrigin((5.0, -7.0, 30.01))
    assert "origin off by 0.01 mm" in refused(
        "other-grid", files[0], cohort.write(tmp_path, "shifted.nii.gz", mask)
    )
    mask.SetOrigin((5.0, -7.0, 30.0))
    mask.SetSpacing((1.0, 1.0, 2.001))
    refused("other-grid", files[0], cohort.write(tmp_path, "stretched.nii.gz", mask))
    mask.SetSpacing((1.0, 1.0, 2.0))
    turn = np.deg2rad(0.5)
    mask.SetDirection((np.cos(turn), -np.sin(turn), 0, np.sin(turn), np.cos(turn), 0, 0, 0, 1))
    assert "direction" in refused(
        "other-grid", files[0], cohort.write(tmp_path, "turned.nii.gz", mask)
    )


def test_rounding_in_the_header_is_not_another_grid(tmp_path, scan, files):
    mask = cohort.ball(scan)
    mask.SetOrigin((5.0, -7.0, 30.0 + 1e-5))
    pair = read_pair(files[0], cohort.write(tmp_path, "rounded.nrrd", mask))
    assert 0 < pair.grid.corner_mm < 1e-4
    assert pair.roi.GetOrigin() == pair.image.GetOrigin()


def test_a_mask_on_a_finer_grid_is_moved_only_when_asked(tmp_path, scan, files):
    mask = cohort.ball(scan)
    fine = sitk.Expand(mask, [1, 1, 2], sitk.sitkNearestNeighbor)
    path = cohort.write(tmp_path, "fine.nii.gz", fine)
    refused("other-grid", files[0], path)
    pair = read_pair(files[0], path, mask_grid="resample")
    assert pair.resampled
    assert np.array_equal(pair.inside(), sitk.GetArrayFromImage(mask) == 1)
    assert pair.kept == pytest.approx(1.0)


def test_folder_hash_follows_names_and_content(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    first = file_sha256(tmp_path)
    (tmp_path / "a").write_bytes(b"2")
    assert file_sha256(tmp_path) != first


@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_qform_and_sform_that_disagree_are_measured(tmp_path, scan, ending):
    turn = np.deg2rad(20)
    turned = (np.cos(turn), -np.sin(turn), 0, np.sin(turn), np.cos(turn), 0, 0, 0, -1)
    for direction in ((1, 0, 0, 0, 1, 0, 0, 0, 1), turned):
        scan.SetDirection(direction)
        path = cohort.write(tmp_path, f"image.{ending}", scan)
        assert nifti.orientation_gap(path) < 1e-4
    data = bytearray(
        gzip.decompress(path.read_bytes()) if ending == "nii.gz" else path.read_bytes()
    )
    (before,) = struct.unpack_from("<f", data, 280 + 12)
    struct.pack_into("<f", data, 280 + 12, before + 5.0)
    path.write_bytes(gzip.compress(bytes(data)) if ending == "nii.gz" else data)
    assert nifti.orientation_gap(path) == pytest.approx(5.0, abs=1e-4)
    struct.pack_into("<2h", data, 252, 1, 0)
    path.write_bytes(gzip.compress(bytes(data)) if ending == "nii.gz" else data)
    assert nifti.orientation_gap(path) == 0.0
    assert nifti.orientation_gap(cohort.write(tmp_path, "image.nrrd", scan)) == 0.0
