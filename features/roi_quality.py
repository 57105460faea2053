"""What a region of interest is like, looked at before hours of extraction.

`measure` describes one image-mask pair and raises what forbids its use. Every finding has a code,
a severity and a sentence; an `error` keeps the case out of the extraction. `roi_comparison` looks
across the cohort.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from extval.features.errors import CaseError
from extval.features.images import Pair, voxel_sha256
from extval.features.manifest import Case

Severity = Literal["error", "warning", "note"]

CT_RANGE_HU = (-200.0, 500.0)
GREY_LEVELS = (16, 128)
MOST_GREY_LEVELS = 5000  # 13 co-occurrence matrices of 5,000 x 5,000 are 2.6 GB
ORIENTATION_MM = 0.1  # beyond what single precision leaves of a turned grid
LOG_PADDING = 3.0  # sigmas of a Gaussian that the padding should hold
SMALL_ROI_VOXELS = 100
MAIN_COMPONENT = 0.95
HULL_FROM = 1500  # below, all pairs are faster than a hull


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know about a case."""

    patient: str
    phase: str
    reader: str
    code: str
    severity: Severity
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How the extraction will treat intensities, as far as the checks need it.

    `padding_mm` is None when nothing is resampled and the filters see the whole image.
    """

    modality: Literal["ct", "other"] = "other"
    bin_width: float | None = None
    normalize: bool = False
    normalize_scale: float = 1.0
    outliers: float | None = None
    sigmas: tuple[float, ...] = ()
    padding_mm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoiRecord:
    """The measured properties of one region of interest.

    Lengths are in mm between voxel centres, `volume_ml` counts voxels, `centroid` is in LPS
    coordinates (mm). `outline` is the region for comparisons between readers: its lower corner,
    size and packed bits; it is not written out.
    """

    size: tuple[int, ...]
    spacing: tuple[float, ...]
    grid_spacing_mm: float
    grid_origin_mm: float
    grid_direction: float
    grid_corner_mm: float
    orientation_mm: float
    resampled: bool
    volume_kept: float
    labels: tuple[int, ...]
    voxels: int
    volume_ml: float
    slices: int
    largest_diameter_mm: float
    touches_border: bool
    components: int
    largest_component: float
    intensity_min: float
    intensity_max: float
    grey_levels: int | None
    centroid: tuple[float, ...]
    image_hash: str
    codes: tuple[tuple[str, Severity, str], ...] = ()
    outline: tuple[tuple[int, ...], tuple[int, ...], bytes] | None = field(default=None, repr=False)


def measure(pair: Pair, preparation: Preparation, *, keep_outline: bool = False) -> RoiRecord:
    """Return the properties of one region of interest with the findings that it gives.

    Raises
    ------
    CaseError
        For a single voxel, from which nothing can be measured.
    """
    inside = pair.inside()
    count = int(inside.sum())
    if count == 1:
        raise CaseError("single-voxel", "the region of interest is a single voxel.")
    box = ndimage.find_objects(inside.astype(np.uint8))[0]
    cropped = inside[box]
    spacing = tuple(float(step) for step in pair.image.GetSpacing())
    per_axis = np.asarray(spacing[::-1])
    components, share = _components(cropped)
    values = pair.voxels()[box][cropped].astype(np.float64)
    index = np.argwhere(cropped).mean(axis=0) + [part.start for part in box]
    centroid = pair.image.TransformContinuousIndexToPhysicalPoint(index[::-1].tolist())
    record = RoiRecord(
        size=tuple(pair.image.GetSize()),
        spacing=spacing,
        grid_spacing_mm=pair.grid.spacing_mm,
        grid_origin_mm=pair.grid.origin_mm,
        grid_direction=pair.grid.direction,
        grid_corner_mm=pair.grid.corner_mm,
        orientation_mm=pair.orientation_mm,
        resampled=pair.resampled,
        volume_kept=pair.kept,
        labels=pair.labels,
        voxels=count,
        volume_ml=count * float(np.prod(spacing)) / 1000.0,
        slices=int(cropped.any(axis=(1, 2)).sum()),
        largest_diameter_mm=largest_diameter(cropped, per_axis),
        touches_border=any(
            part.start == 0 or part.stop == n for part, n in zip(box, inside.shape, strict=True)
        ),
        components=components,
        largest_component=share,
        intensity_min=float(values.min()),
        intensity_max=float(values.max()),
        grey_levels=_grey_levels(pair, values, preparation),
        centroid=tuple(float(at) for at in centroid),
        image_hash=voxel_sha256(pair.image),
        outline=(
            (tuple(part.start for part in box), cropped.shape, np.packbits(cropped).tobytes())
            if keep_outline
            else None
        ),
    )
    return _with_codes(record, preparation, box, inside.shape)


def largest_diameter(inside: NDArray[np.bool_], spacing: NDArray[np.float64]) -> float:
    """Return the greatest distance between two voxel centres of a region, in mm.

    Examples
    --------
    >>> import numpy as np
    >>> largest_diameter(np.ones((1, 4, 5), dtype=bool), np.array([3.0, 1.0, 1.0]))
    5.0
    """
    ends = inside.copy()
    for axis in range(3):  # a vertex of the hull is the first or last voxel of its row, any axis
        padded = np.pad(inside, [(1, 1) if axis == a else (0, 0) for a in range(3)])
        before = np.take(padded, range(inside.shape[axis]), axis=axis)
        after = np.take(padded, range(2, inside.shape[axis] + 2), axis=axis)
        ends &= ~(before & after)
    points = np.argwhere(ends) * spacing
    if len(points) < 2:
        return 0.0
    if len(points) > HULL_FROM:
        try:
            points = points[ConvexHull(points).vertices]
        except QhullError:  # all in one plane: no volume to take a hull of
            flat = points[:, np.ptp(points, axis=0) > 0]
            points = points[ConvexHull(flat).vertices]
    return float(pdist(points).max())


def case_findings(case: Case, record: RoiRecord) -> list[Finding]:
    """Return the findings of one case."""
    return [finding(case, code, severity, text) for code, severity, text in record.codes]


def finding(
    case: Case, code: str, severity: Severity, sentence: str, *, phase: str | None = None
) -> Finding:
    """Return a finding of a case, or of another phase of its patient."""
    return Finding(
        patient=case.patient,
        phase=case.phase if phase is None else phase,
        reader=case.reader,
        code=code,
        severity=severity,
        sentence=sentence,
    )


def _with_codes(
    record: RoiRecord, preparation: Preparation, box: tuple[slice, ...], shape: tuple[int, ...]
) -> RoiRecord:
    """Return the record with its findings, the gravest kinds first."""
    codes: list[tuple[str, Severity, str]] = []
    if record.resampled:
        codes.append(
            (
                "mask-resampled",
                "warning",
                "the mask was drawn on another grid (corners up to "
                f"{record.grid_corner_mm:.3g} mm apart) and moved to the image's by nearest "
                f"neighbour; {record.volume_kept:.1%} of its volume remained.",
            )
        )
    elif record.grid_corner_mm > 0:
        codes.append(
            (
                "grid-rounding",
                "note",
                f"mask and image are {record.grid_corner_mm:.2g} mm apart, rounding in the file; "
                "the image's grid was taken.",
            )
        )
    if record.orientation_mm > ORIENTATION_MM:
        codes.append(
            (
                "two-orientations",
                "warning",
                "qform and sform of the NIfTI header place it up to "
                f"{record.orientation_mm:.3g} mm apart; programs differ in which they take.",
            )
        )
    if len(record.labels) > 1:
        listed = ", ".join(str(label) for label in record.labels[:10])
        codes.append(("several-labels", "note", f"the mask holds the labels {listed}."))
    if record.voxels < SMALL_ROI_VOXELS:
        codes.append(
            (
                "small-roi",
                "warning",
                f"the region has {record.voxels} voxels; texture of fewer than {SMALL_ROI_VOXELS} "
                "says little.",
            )
        )
    if record.slices == 1:
        codes.append(("one-slice", "warning", "the region lies in a single slice."))
    if record.touches_border:
        codes.append(
            (
                "touches-border",
                "warning",
                "the region reaches the border of the image and may be cut off.",
            )
        )
    if record.largest_component < MAIN_COMPONENT:
        codes.append(
            (
                "several-components",
                "warning",
                f"the region has {record.components} components; the largest holds "
                f"{record.largest_component:.0%}.",
            )
        )
    elif record.components > 1:
        codes.append(
            (
                "stray-voxels",
                "note",
                f"the region has {record.components} components; the largest holds "
                f"{record.largest_component:.1%}.",
            )
        )
    codes += _intensity_codes(record, preparation)
    codes += _filter_codes(record, preparation, box, shape)
    return replace(record, codes=tuple(codes))


def _intensity_codes(
    record: RoiRecord, preparation: Preparation
) -> list[tuple[str, Severity, str]]:
    codes: list[tuple[str, Severity, str]] = []
    low, high = record.intensity_min, record.intensity_max
    if low == high:
        codes.append(("constant", "warning", f"every voxel of the region is {low:g}."))
    if preparation.modality == "ct" and (low < CT_RANGE_HU[0] or high > CT_RANGE_HU[1]):
        codes.append(
            (
                "intensity-range",
                "warning",
                f"the region ranges from {low:g} to {high:g} HU; below {CT_RANGE_HU[0]:g} is air "
                f"or fat, above {CT_RANGE_HU[1]:g} bone or metal.",
            )
        )
    levels = record.grey_levels
    if levels is not None and levels > MOST_GREY_LEVELS:
        codes.append(
            (
                "too-many-grey-levels",
                "error",
                f"a bin width of {preparation.bin_width:g} gives {levels} grey levels in the "
                f"region; matrices of more than {MOST_GREY_LEVELS} do not fit into memory. Take a "
                "wider bin.",
            )
        )
    elif levels is not None and not GREY_LEVELS[0] <= levels <= GREY_LEVELS[1]:
        many = "few" if levels < GREY_LEVELS[0] else "many"
        codes.append(
            (
                f"{many}-grey-levels",
                "warning",
                f"a bin width of {preparation.bin_width:g} gives {levels} grey "
                f"level{'' if levels == 1 else 's'} in the region; {GREY_LEVELS[0]} to "
                f"{GREY_LEVELS[1]} are usual.",
            )
        )
    return codes


def _filter_codes(
    record: RoiRecord, preparation: Preparation, box: tuple[slice, ...], shape: tuple[int, ...]
) -> list[tuple[str, Severity, str]]:
    """Return what is missing beside the region for the widest LoG filter."""
    if not preparation.sigmas:
        return []
    widest = max(preparation.sigmas)
    wanted = LOG_PADDING * widest
    margins = [
        min(part.start, n - part.stop) * step
        for part, n, step in zip(box, shape, record.spacing[::-1], strict=True)
    ]
    there = min(margins)
    if preparation.padding_mm is not None:
        there = min(there, preparation.padding_mm)
    if there >= wanted:
        return []
    return [
        (
            "log-padding",
            "note",
            f"LoG with sigma {widest:g} mm reaches about {wanted:g} mm; {there:.3g} mm of image "
            "are there beside the region, so that its border values depend on how the filter ends.",
        )
    ]


def _grey_levels(pair: Pair, values: NDArray[np.float64], preparation: Preparation) -> int | None:
    """Return the number of bins from the darkest to the brightest voxel, before resampling."""
    if preparation.bin_width is None:
        return None
    low, high = float(values.min()), float(values.max())
    if preparation.normalize:
        whole = pair.voxels().astype(np.float64)
        mean, sd = float(whole.mean()), float(whole.std(ddof=1))
        if sd == 0.0:
            return 1
        ends = np.array([low - mean, high - mean]) / sd
        if preparation.outliers is not None:
            ends = np.clip(ends, -preparation.outliers, preparation.outliers)
        low, high = (ends * preparation.normalize_scale).tolist()
    width = preparation.bin_width
    return int(np.floor(high / width) - np.floor(low / width)) + 1


def _components(inside: NDArray[np.bool_]) -> tuple[int, float]:
    """Return the number of components (26 neighbours) and the share of the largest."""
    labelled, count = ndimage.label(inside, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labelled.ravel())[1:]
    return int(count), float(sizes.max() / sizes.sum())
