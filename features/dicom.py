"""DICOM: series as volumes, and masks stored as RTSTRUCT or DICOM-SEG.

Series need SimpleITK alone. RTSTRUCT and DICOM-SEG need the optional extra `dicom` (highdicom and
with it pydicom). `label` picks the ROI number of an RTSTRUCT or the segment number of a SEG.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from extval.features.errors import CaseError

UNEVEN = 0.01  # share of the slice distance by which gaps may differ (rounding in the header)
OFF_PLANE = 0.5  # share of the slice distance by which a contour may lie beside its slice
ON_VOXEL = 0.01  # share of a voxel by which a segmentation may lie beside the image's grid
_RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
_SEG = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")


def read_series(folder: Path, kind: str) -> Any:
    """Return the one DICOM series of a folder as a volume, or raise `CaseError`."""
    reader = sitk.ImageSeriesReader()
    series = reader.GetGDCMSeriesIDs(str(folder))
    if not series:
        raise CaseError("unreadable", f"the {kind} {folder.name} is a folder without DICOM files.")
    if len(series) > 1:
        raise CaseError(
            "several-series",
            f"the folder {folder.name} holds {len(series)} DICOM series; keep one a folder.",
        )
    names = reader.GetGDCMSeriesFileNames(str(folder), series[0])
    _check_slices(folder, names)
    reader.SetFileNames(names)
    try:
        return reader.Execute()
    except RuntimeError as error:
        line = str(error).strip().splitlines()[-1]
        raise CaseError(
            "unreadable", f"the DICOM series in {folder.name} cannot be read: {line}"
        ) from error


def is_mask(path: Path) -> bool:
    """Return whether `path` is a DICOM file whose class is RTSTRUCT or SEG."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(4096)
    if start[128:132] != b"DICM":
        return False
    return any(uid.encode() in start for uid in (_RTSTRUCT, *_SEG))


def read_mask(path: Path, image: Any, label: int) -> Any:
    """Return the mask of an RTSTRUCT or SEG file on the grid of `image`, or raise `CaseError`."""
    try:
        import highdicom  # noqa: PLC0415 - an optional extra
        import pydicom  # noqa: PLC0415
    except ImportError as error:
        raise CaseError(
            "needs-highdicom",
            f"{path.name} is an RTSTRUCT or DICOM-SEG file; reading it needs the extra `dicom` "
            "(pip install 'extval[dicom]').",
        ) from error
    try:
        dataset = pydicom.dcmread(path)
    except (OSError, ValueError, pydicom.errors.InvalidDicomError) as error:
        raise CaseError("unreadable", f"the mask {path.name} cannot be read: {error}.") from error
    if dataset.SOPClassUID == _RTSTRUCT:
        return _contours(dataset, image, label)
    return _segment(highdicom.seg.Segmentation.from_dataset(dataset), image, label)


def fill_contour(polygon: NDArray[np.float64], *, rows: int, columns: int) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie inside a polygon (even-odd rule).

    Parameters
    ----------
    polygon : ndarray, shape (m, 2)
        Vertices as (column, row) in pixel indices; the last is joined to the first.
    rows, columns : int
        Size of the slice.
    """
    inside = np.zeros((rows, columns), dtype=bool)
    x0, y0 = polygon[:, 0], polygon[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    centres = np.arange(columns, dtype=float)
    first = max(int(np.floor(y0.min())), 0)
    last = min(int(np.ceil(y0.max())), rows - 1)
    for row in range(first, last + 1):
        crosses = (y0 <= row) != (y1 <= row)
        at = x0[crosses] + (row - y0[crosses]) / (y1[crosses] - y0[crosses]) * (
            x1[crosses] - x0[crosses]
        )
        inside[row] = (centres[:, None] > at[None, :]).sum(axis=1) % 2 == 1
    return inside


def _check_slices(folder: Path, names: Sequence[str]) -> None:
    """Refuse missing or uneven slices and a series that does not state its pixel spacing."""
    reader = sitk.ImageFileReader()
    reader.LoadPrivateTagsOff()
    places: list[NDArray[np.float64]] = []
    normal = np.array([0.0, 0.0, 1.0])
    for name in names:
        reader.SetFileName(name)
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            raise CaseError(
                "unreadable", f"the DICOM file {Path(name).name} cannot be read."
            ) from error
        tags = {
            tag: reader.GetMetaData(tag) if reader.HasMetaDataKey(tag) else ""
            for tag in ("0028|0030", "0020|0032", "0020|0037")
        }
        spacing = [float(part) for part in tags["0028|0030"].split("\\") if part.strip()]
        if len(spacing) != 2 or min(spacing) <= 0:
            raise CaseError(
                "bad-spacing", f"the DICOM file {Path(name).name} states no pixel spacing."
            )
        if tags["0020|0032"]:
            places.append(np.array([float(part) for part in tags["0020|0032"].split("\\")]))
        cosines = [float(part) for part in tags["0020|0037"].split("\\") if part.strip()]
        if len(cosines) == 6:
            normal = np.cross(cosines[:3], cosines[3:])
    if len(places) != len(names) or len(places) < 2:
        return
    gaps = np.diff(np.sort(np.array(places) @ normal))
    usual = float(np.median(gaps))
    if usual <= 0 or np.abs(gaps - usual).max() > UNEVEN * usual:
        raise CaseError(
            "uneven-slices",
            f"the slices in {folder.name} are {gaps.min():.3g} to {gaps.max():.3g} mm apart: one "
            "is missing or there twice. Interpolate or complete the series first.",
        )


def _contours(dataset: Any, image: Any, label: int) -> Any:
    """Return the ROI with number `label` of an RTSTRUCT, filled slice by slice (even-odd)."""
    names = {int(roi.ROINumber): str(roi.ROIName) for roi in dataset.StructureSetROISequence}
    found = [roi for roi in dataset.ROIContourSequence if int(roi.ReferencedROINumber) == label]
    if not found:
        listed = ", ".join(f"{number} ({name})" for number, name in sorted(names.items()))
        raise CaseError("other-label", f"the RTSTRUCT has no ROI {label}; it has {listed}.")
    columns, rows, slices = image.GetSize()
    filled = np.zeros((slices, rows, columns), dtype=bool)
    for contour in getattr(found[0], "ContourSequence", []):
        if contour.ContourGeometricType != "CLOSED_PLANAR":
            continue
        points = np.asarray(contour.ContourData, dtype=float).reshape(-1, 3)
        at = np.array([image.TransformPhysicalPointToContinuousIndex(p.tolist()) for p in points])
        height = float(at[:, 2].mean())
        here = round(height)
        if np.ptp(at[:, 2]) > OFF_PLANE or abs(height - here) > OFF_PLANE:
            raise CaseError("other-grid", "a contour does not lie in a slice of the image.")
        if not 0 <= here < slices:
            raise CaseError("outside-image", "a contour lies above or below the image.")
        filled[here] ^= fill_contour(at[:, :2], rows=rows, columns=columns)
    mask = sitk.GetImageFromArray(filled.astype(np.int32) * label)
    mask.CopyInformation(image)
    return mask


def _segment(segmentation: Any, image: Any, label: int) -> Any:
    """Return segment `label` of a DICOM-SEG as a label map on the grid of `image`.

    A segmentation often holds only the slices where there is something, in any order; every voxel
    must fall on a voxel of the image.
    """
    numbers = [int(number) for number in segmentation.segment_numbers]
    if label not in numbers:
        listed = ", ".join(str(number) for number in numbers)
        raise CaseError("other-label", f"the DICOM-SEG has no segment {label}; it has {listed}.")
    volume = segmentation.get_volume(segment_numbers=[label], combine_segments=False)
    array = np.asarray(volume.array)
    inside = np.argwhere((array[..., 0] if array.ndim == 4 else array) != 0).astype(float)
    affine = np.asarray(volume.affine, dtype=float)  # (slice, row, column) to LPS millimetres
    points = inside @ affine[:3, :3].T + affine[:3, 3]
    direction = np.asarray(image.GetDirection()).reshape(3, 3)
    at = (points - np.asarray(image.GetOrigin())) @ direction / np.asarray(image.GetSpacing())
    index = np.rint(at).astype(int)
    if len(index) and np.abs(at - index).max() > ON_VOXEL:
        raise CaseError("other-grid", "the DICOM-SEG was drawn on another grid than the image's.")
    if ((index < 0) | (index >= np.asarray(image.GetSize()))).any():
        raise CaseError("outside-image", "the DICOM-SEG reaches out of the image.")
    filled = np.zeros(image.GetSize()[::-1], dtype=np.int32)
    filled[index[:, 2], index[:, 1], index[:, 0]] = label
    mask = sitk.GetImageFromArray(filled)
    mask.CopyInformation(image)
    return mask
