"""The picture that a network sees: one slice around the tumour, square, with its edge.

The slice is the axial one with the largest area of the region (ties: the lowest index, from the
feet up in LPS). Around the region's bounding box goes a margin in mm, the shorter side is filled
up to a square in mm, and what lies outside the image is 0. Nothing is cut off, unlike
torchvision's resize to 256 and crop of 224.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from extval.features.errors import CaseError
from extval.features.images import Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A CT window: level - width / 2 becomes 0, level + width / 2 becomes 1."""

    level: float = 40.0
    width: float = 400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Two percentiles of the voxels brighter than the image's darkest become 0 and 1."""

    low: float = 0.5
    high: float = 99.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CropSettings:
    """How the picture is cut: see the module.

    `slices` is 1, or 3 for the slice with its two neighbours as channels (2.5D; at the end of the
    image the last slice again). `background` tells whether voxels outside the region are kept.
    """

    margin_mm: float = 10.0
    slices: Literal[1, 3] = 1
    background: Literal["kept", "masked"] = "kept"
    intensity: Window | Percentiles = Percentiles()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A picture of shape (channels, rows, columns) in [0, 1], its region and its slice."""

    picture: NDArray[np.float32]
    region: NDArray[np.bool_]
    slice_index: int


def crop(pair: Pair, settings: CropSettings) -> Crop:
    """Return the picture of a region, or raise `CaseError` when its intensities are constant."""
    image = sitk.DICOMOrient(pair.image, "LPS")
    roi = sitk.DICOMOrient(pair.roi, "LPS")
    voxels: NDArray[Any] = sitk.GetArrayViewFromImage(image)
    inside = np.asarray(sitk.GetArrayViewFromImage(roi) == 1)
    middle = int(np.argmax(inside.sum(axis=(1, 2))))
    low, high = _limits(voxels, settings.intensity)
    spacing = image.GetSpacing()
    rows = _side(inside[middle].any(axis=1), spacing[1])
    columns = _side(inside[middle].any(axis=0), spacing[0])
    side_mm = max(rows[1], columns[1]) + 2 * settings.margin_mm
    places = [_pixels(rows[0], side_mm, spacing[1]), _pixels(columns[0], side_mm, spacing[0])]
    region = _take(inside[middle], places).astype(bool)
    channels = []
    around = (-1, 0, 1) if settings.slices == 3 else (0,)
    for step in around:
        at = min(max(middle + step, 0), len(voxels) - 1)
        scaled = np.clip((voxels[at].astype(np.float64) - low) / (high - low), 0.0, 1.0)
        if settings.background == "masked":
            scaled = np.where(inside[at], scaled, 0.0)
        channels.append(_take(scaled, places))
    return Crop(picture=np.stack(channels).astype(np.float32), region=region, slice_index=middle)


def _limits(voxels: NDArray[Any], intensity: Window | Percentiles) -> tuple[float, float]:
    if isinstance(intensity, Window):
        half = intensity.width / 2
        return intensity.level - half, intensity.level + half
    body = voxels[voxels > voxels.min()]
    if body.size:
        low, high = np.percentile(body.astype(np.float64), [intensity.low, intensity.high])
        if high > low:
            return float(low), float(high)
    raise CaseError(
        "constant-image",
        f"the {intensity.low:g}th and {intensity.high:g}th percentile of the image are the same; "
        "there is nothing to see.",
    )


def _side(occupied: NDArray[np.bool_], spacing: float) -> tuple[float, float]:
    """Return the middle (in pixels) and the length (in mm) of the region along one axis."""
    at = np.flatnonzero(occupied)
    return (at[0] + at[-1]) / 2, (at[-1] - at[0] + 1) * spacing


def _pixels(middle: float, side_mm: float, spacing: float) -> tuple[int, int]:
    """Return the first pixel and the number of pixels of a side of the square."""
    count = max(round(side_mm / spacing), 1)
    return int(np.floor(middle - (count - 1) / 2 + 0.5)), count


def _take(plane: NDArray[Any], places: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Return a rectangle of a plane, 0 where it reaches out of it."""
    out = np.zeros([count for _, count in places])
    source, target = [], []
    for (start, count), n in zip(places, plane.shape, strict=True):
        first, last = max(start, 0), min(start + count, n)
        source.append(slice(first, last))
        target.append(slice(first - start, last - start))
    out[tuple(target)] = plane[tuple(source)]
    return out
