"""DICOM series through SimpleITK; RTSTRUCT and DICOM-SEG where highdicom is installed."""

import sys
import time

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from extval.features import dicom
from extval.features.errors import CaseError
from extval.features.images import read_image, read_pair

from . import cohort

SIZE = (16, 18, 7)
SPACING = (1.5, 1.5, 3.0)
UID = "1.2.826.0.1.3680043.2.1125.1"


def scan():
    made = cohort.image(size=SIZE, spacing=SPACING, origin=(-10.0, 20.0, -50.0))
    return sitk.Cast(sitk.Round(made), sitk.sitkInt16)


def write_series(folder, image, *, series=1, skip=(), tags=()):
    """Write one DICOM file a slice, as a CT scanner would."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for index in range(image.GetSize()[2]):
        if index in skip:
            continue
        piece = image[:, :, index]
        place = image.TransformIndexToPhysicalPoint((0, 0, index))
        for tag, value in {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0008|0018": f"{UID}.{series}.{index + 1}",
            "0008|0060": "CT",
            "0008|0020": "20240101",
            "0008|0030": "120000",
            "0010|0010": "A^B",
            "0010|0020": "P1",
            "0020|000d": f"{UID}.9",
            "0020|000e": f"{UID}.{series}",
            "0020|0052": f"{UID}.8",
            "0020|0032": "\\".join(f"{c:.6f}" for c in place),
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0013": str(index + 1),
            "0018|0050": f"{SPACING[2]}",
            **dict(tags),
        }.items():
            piece.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{series}_{index:02d}.dcm"))
        writer.Execute(piece)
    return folder


def test_a_series_is_the_volume(tmp_path):
    image = scan()
    found = read_image(write_series(tmp_path / "ct", image))
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(image))
    assert found.GetSpacing() == pytest.approx(SPACING)
    assert found.GetOrigin() == pytest.approx(image.GetOrigin())
    mask = cohort.write(tmp_path, "mask.nii.gz", cohort.ball(image))
    assert read_pair(tmp_path / "ct", mask).grid.same


def test_a_missing_slice_is_refused(tmp_path):
    folder = write_series(tmp_path / "ct", scan(), skip=(3,))
    with pytest.raises(CaseError, match="3 to 6 mm apart") as caught:
        read_image(folder)
    assert caught.value.code == "uneven-slices"


def test_two_series_in_a_folder_are_refused(tmp_path):
    write_series(tmp_path / "ct", scan())
    write_series(tmp_path / "ct", scan(), series=2)
    with pytest.raises(CaseError, match="2 DICOM series"):
        read_image(tmp_path / "ct")


def test_a_truncated_slice_is_refused(tmp_path):
    folder = write_series(tmp_path / "ct", scan())
    victim = sorted(folder.iterdir())[2]
    victim.write_bytes(victim.read_bytes()[:300])
    with pytest.raises(CaseError):
        read_image(folder)


def test_a_mask_file_needs_the_extra(tmp_path, monkeypatch):
    path = tmp_path / "rt.dcm"
    path.write_bytes(b"\0" * 128 + b"DICM" + b"1.2.840.10008.5.1.4.1.1.481.3")
    assert dicom.is_mask(path)
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(CaseError, match=r"extval\[dicom\]") as caught:
        dicom.read_mask(path, scan(), 1)
    assert caught.value.code == "needs-highdicom"


def slow_fill(polygon, rows, columns):
    """Cast a ray to the right of every pixel, edge by edge."""
    out = np.zeros((rows, columns), dtype=bool)
    for row in range(rows):
        for column in range(columns):
            inside = False
            for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
                if (y0 <= row) != (y1 <= row):
                    at = x0 + (row - y0) / (y1 - y0) * (x1 - x0)
                    inside ^= at < column
            out[row, column] = inside
    return out


@given(st.lists(st.tuples(st.integers(-2, 9), st.integers(-2, 9)), min_size=3, max_size=8))
def test_contours_are_filled_by_the_even_odd_rule(points):
    polygon = np.array(points, dtype=float) + 0.25
    found = dicom.fill_contour(polygon, rows=6, columns=7)
    assert np.array_equal(found, slow_fill(polygon, 6, 7))


def square(image, index, low, high):
    """Return the contour of pixels low..high (inclusive) of a slice, in mm."""
    corners = [
        (low - 0.5, low - 0.5), (high + 0.5, low - 0.5),
        (high + 0.5, high + 0.5), (low - 0.5, high + 0.5),
    ]  # fmt: skip
    return [
        coordinate
        for x, y in corners
        for coordinate in image.TransformContinuousIndexToPhysicalPoint((x, y, float(index)))
    ]


def write_rtstruct(path, contours, *, number=3):
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.sequence import Sequence

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    meta.MediaStorageSOPInstanceUID = f"{UID}.77"
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.Modality = "RTSTRUCT"
    roi = pydicom.Dataset()
    roi.ROINumber, roi.ROIName = number, "GTV"
    data.StructureSetROISequence = Sequence([roi])
    drawn = pydicom.Dataset()
    drawn.ReferencedROINumber = number
    pieces = []
    for points in contours:
        piece = pydicom.Dataset()
        piece.ContourGeometricType = "CLOSED_PLANAR"
        piece.NumberOfContourPoints = len(points) // 3
        piece.ContourData = [f"{value:.6f}" for value in points]
        pieces.append(piece)
    drawn.ContourSequence = Sequence(pieces)
    data.ROIContourSequence = Sequence([drawn])
    data.save_as(str(path), enforce_file_format=True)
    return path


def test_an_rtstruct_with_a_hole(tmp_path):
    pytest.importorskip("highdicom")
    image = scan()
    folder = write_series(tmp_path / "ct", image)
    contours = [square(image, 2, 3, 9), square(image, 2, 5, 6), square(image, 4, 3, 4)]
    path = write_rtstruct(tmp_path / "rt.dcm", contours)
    pair = read_pair(folder, path, label=3)
    expected = np.zeros(SIZE[::-1], dtype=bool)
    expected[2, 3:10, 3:10] = True
    expected[2, 5:7, 5:7] = False
    expected[4, 3:5, 3:5] = True
    assert np.array_equal(pair.inside(), expected)
    with pytest.raises(CaseError, match=r"no ROI 1; it has 3 \(GTV\)"):
        read_pair(folder, path, label=1)


def test_contours_between_or_beyond_the_slices_are_refused(tmp_path):
    pytest.importorskip("highdicom")
    image = scan()
    beyond = write_rtstruct(tmp_path / "b.dcm", [square(image, 12, 3, 5)])
    with pytest.raises(CaseError) as caught:
        dicom.read_mask(beyond, image, 3)
    assert caught.value.code == "outside-image"


def test_a_dicom_seg(tmp_path):
    hd = pytest.importorskip("highdicom")
    pydicom = pytest.importorskip("pydicom")
    from pydicom.sr.codedict import codes

    image = scan()
    folder = write_series(
        tmp_path / "ct", image, tags={"0010|0030": "", "0010|0040": "", "0020|0010": "1",
        "0008|0090": "", "0008|0050": "", "0020|0011": "1"},
    )  # fmt: skip
    sources = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    inside = sitk.GetArrayFromImage(cohort.ball(image)) == 1
    segment = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="tumour",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    made = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=inside.astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[segment],
        series_instance_uid=f"{UID}.5",
        series_number=5,
        sop_instance_uid=f"{UID}.6",
        instance_number=1,
        manufacturer="x",
        manufacturer_model_name="x",
        software_versions="1",
        device_serial_number=str(int(time.time())),
    )
    path = tmp_path / "seg.dcm"
    made.save_as(str(path))
    assert np.array_equal(read_pair(folder, path).inside(), inside)
    with pytest.raises(CaseError, match="no segment 2"):
        read_pair(folder, path, label=2)
    moved = sitk.Image(image)
    moved.SetOrigin((-10.7, 20.0, -50.0))
    with pytest.raises(CaseError) as caught:
        dicom.read_mask(path, moved, 1)
    assert caught.value.code == "other-grid"
