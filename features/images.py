"""Reading an image and its mask: NIfTI, NRRD, MHA and DICOM series through SimpleITK.

Everything that is wrong with a file raises `CaseError`, so that the case fails alone and with its
reason.
"""

import hashlib
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from extval.features import dicom, nifti
from extval.features.errors import CaseError

SAME_GRID_MM = 1e-3
CHUNK = 1 << 20
MaskGrid = Literal["refuse", "resample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GridDifference:
    """How far the grid of a mask is from the grid of its image.

    `corner_mm` is the greatest distance between the two grids' corners; `direction` the greatest
    difference of two direction cosines.
    """

    same_size: bool
    spacing_mm: float
    origin_mm: float
    direction: float
    corner_mm: float

    @property
    def same(self) -> bool:
        """Return whether both are one grid, up to rounding in the file (a micrometre)."""
        return self.same_size and self.corner_mm <= SAME_GRID_MM


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An image and the region of interest on its grid (1 inside, 0 outside).

    `labels` are the values other than 0 that the mask file holds. `resampled` tells that the mask
    was drawn on another grid and moved to this one by nearest neighbour; `kept` is then the
    region's volume after over before. `orientation_mm` is how far apart a NIfTI header's two
    statements of place are, for image or mask; 0 for other formats.
    """

    image: Any
    roi: Any
    labels: tuple[int, ...]
    grid: GridDifference
    resampled: bool
    kept: float
    orientation_mm: float = 0.0

    def voxels(self) -> NDArray[Any]:
        """Return the image as an array (slice, row, column), without a copy."""
        array: NDArray[Any] = sitk.GetArrayViewFromImage(self.image)
        return array

    def inside(self) -> NDArray[np.bool_]:
        """Return the region as booleans (slice, row, column)."""
        return np.asarray(sitk.GetArrayViewFromImage(self.roi) == 1)


def single_threaded() -> None:
    """Let ITK use one thread and keep its warnings to itself; what matters is checked here."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    sitk.ProcessObject.GlobalWarningDisplayOff()


def read_pair(image: Path, mask: Path, *, label: int = 1, mask_grid: MaskGrid = "refuse") -> Pair:
    """Return image and region of interest, or raise `CaseError` with what is wrong.

    Parameters
    ----------
    image, mask : Path
        Files, or folders that hold one DICOM series each. A mask may also be an RTSTRUCT or
        DICOM-SEG file.
    label : int
        Value of the region in the mask.
    mask_grid : {"refuse", "resample"}
        What happens to a mask on another grid than the image's.
    """
    scan = read_image(image)
    drawn = dicom.read_mask(mask, scan, label) if dicom.is_mask(mask) else _read(mask, "mask")
    values = _mask_values(drawn)
    labels = tuple(int(value) for value in np.unique(values) if value != 0)
    if not labels:
        raise CaseError("empty-mask", "the mask is empty: it holds nothing but 0.")
    if label not in labels:
        found = ", ".join(str(value) for value in labels[:10])
        raise CaseError(
            "other-label",
            f"the mask does not hold label {label}; it holds {found}. Name the right one in the "
            "column `label`.",
        )
    roi = sitk.GetImageFromArray((values == label).astype(np.uint8))
    roi.CopyInformation(drawn)
    grid = grid_difference(scan, roi)
    apart = max(nifti.orientation_gap(image), nifti.orientation_gap(mask))
    if grid.same:
        roi.CopyInformation(scan)
        return Pair(
            image=scan,
            roi=roi,
            labels=labels,
            grid=grid,
            resampled=False,
            kept=1.0,
            orientation_mm=apart,
        )
    if mask_grid == "refuse":
        raise CaseError("other-grid", f"{_other_grid(scan, drawn, grid)} {_OTHER_GRID_REMEDY}")
    moved, kept = _onto_grid(roi, scan)
    return Pair(
        image=scan,
        roi=moved,
        labels=labels,
        grid=grid,
        resampled=True,
        kept=kept,
        orientation_mm=apart,
    )


_OTHER_GRID_REMEDY = (
    "Check that it is this patient's mask; if it was drawn on another grid of the same scan, set "
    "`images: {mask_grid: resample}`."
)


def read_image(path: Path) -> Any:
    """Return a scalar 3-D image with finite voxels, or raise `CaseError`."""
    image = _read(path, "image")
    nifti.check_finite(sitk.GetArrayViewFromImage(image), "image")
    return image


def grid_difference(image: Any, mask: Any) -> GridDifference:
    """Return how far the grid of `mask` is from that of `image`, in mm."""
    corner = 0.0
    if image.GetSize() == mask.GetSize():
        for corners in product(*((0, n - 1) for n in image.GetSize())):
            a = np.asarray(image.TransformIndexToPhysicalPoint(corners))
            b = np.asarray(mask.TransformIndexToPhysicalPoint(corners))
            corner = max(corner, float(np.linalg.norm(a - b)))
    else:
        for pick in product((0, 1), repeat=3):
            ends = [
                np.asarray(
                    grid.TransformIndexToPhysicalPoint(
                        [(n - 1) * at for n, at in zip(grid.GetSize(), pick, strict=True)]
                    )
                )
                for grid in (image, mask)
            ]
            corner = max(corner, float(np.linalg.norm(ends[0] - ends[1])))
    spacing = np.abs(np.subtract(image.GetSpacing(), mask.GetSpacing()))
    direction = np.abs(np.subtract(image.GetDirection(), mask.GetDirection()))
    origin = np.linalg.norm(np.subtract(image.GetOrigin(), mask.GetOrigin()))
    return GridDifference(
        same_size=image.GetSize() == mask.GetSize(),
        spacing_mm=float(spacing.max()),
        origin_mm=float(origin),
        direction=float(direction.max()),
        corner_mm=corner,
    )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's files in the order of their names."""
    digest = hashlib.sha256()
    if path.is_dir():
        for item in sorted(entry for entry in path.iterdir() if entry.is_file()):
            digest.update(f"{item.name}\0{file_sha256(item)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def voxel_sha256(image: Any) -> str:
    """Return a hash of size and voxel values, the same for every file format that holds them."""
    voxels = sitk.GetArrayViewFromImage(image)
    digest = hashlib.sha256(str(voxels.shape).encode())
    digest.update(np.ascontiguousarray(voxels, dtype=np.float32).data)
    return digest.hexdigest()


def _read(path: Path, kind: str) -> Any:
    if path.is_dir():
        image = dicom.read_series(path, kind)
    else:
        nifti.check(path, kind)
        try:
            image = sitk.ReadImage(str(path))
        except RuntimeError as error:
            raise CaseError(
                "unreadable", f"the {kind} {path.name} cannot be read: {_last_line(error)}."
            ) from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise CaseError(
            "not-scalar",
            f"the {kind} {path.name} has {image.GetNumberOfComponentsPerPixel()} values a voxel; "
            "one is needed.",
        )
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3:
        size = " x ".join(str(n) for n in image.GetSize())
        raise CaseError(
            "not-3d",
            f"the {kind} {path.name} is {image.GetDimension()}-dimensional ({size}); a volume is "
            "needed.",
        )
    spacing = np.asarray(image.GetSpacing())
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise CaseError(
            "bad-spacing", f"the {kind} {path.name} has the spacing {tuple(spacing.tolist())} mm."
        )
    return image


def _mask_values(mask: Any) -> NDArray[Any]:
    values: NDArray[Any] = sitk.GetArrayViewFromImage(mask)
    if np.issubdtype(values.dtype, np.floating):
        if not np.isfinite(values).all() or (values != np.rint(values)).any():
            raise CaseError(
                "fractional-mask",
                "the mask holds values that are not whole numbers, so that its border is not "
                "defined. Save it as a label map.",
            )
        values = values.astype(np.int64)
    return values


def _other_grid(image: Any, mask: Any, grid: GridDifference) -> str:
    """Say in mm how the two grids differ."""
    parts = []
    if not grid.same_size:
        sizes = (" x ".join(str(n) for n in item.GetSize()) for item in (mask, image))
        parts.append("size {} against {}".format(*sizes))
    if grid.spacing_mm > SAME_GRID_MM:
        parts.append(f"spacing off by {grid.spacing_mm:.3g} mm")
    if grid.origin_mm > SAME_GRID_MM:
        parts.append(f"origin off by {grid.origin_mm:.3g} mm")
    if grid.direction > 1e-4:
        parts.append(f"direction off by {grid.direction:.3g}")
    parts.append(f"corners up to {grid.corner_mm:.3g} mm apart")
    return f"the mask is not on the grid of the image ({', '.join(parts)})."


def _onto_grid(roi: Any, image: Any) -> tuple[Any, float]:
    """Return the region on the image's grid by nearest neighbour, and the volume kept."""
    inside = np.asarray(sitk.GetArrayViewFromImage(roi) == 1)
    axes = [np.flatnonzero(inside.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))][::-1]
    limits = np.asarray(image.GetSize(), dtype=float) - 0.5
    for corner in product(*((int(axis[0]), int(axis[-1])) for axis in axes)):
        point = roi.TransformIndexToPhysicalPoint(corner)
        at = np.asarray(image.TransformPhysicalPointToContinuousIndex(point))
        if (at < -0.5).any() or (at > limits).any():
            raise CaseError(
                "outside-image",
                "the region of interest reaches out of the image: the mask belongs to another "
                "scan or patient.",
            )
    moved = sitk.Resample(roi, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    count = int((sitk.GetArrayViewFromImage(moved) == 1).sum())
    if not count:
        raise CaseError("empty-mask", "nothing is left of the mask on the grid of the image.")
    before = float(inside.sum()) * float(np.prod(roi.GetSpacing()))
    return moved, count * float(np.prod(image.GetSpacing())) / before


def _last_line(error: RuntimeError) -> str:
    """Return the part of an ITK message that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else "no reason given"
    return text.removeprefix("sitk::ERROR: ").removeprefix("ITK ERROR: ").rstrip(".")
