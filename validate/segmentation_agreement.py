"""Agreement of two readers' segmentations: Dice, Jaccard, Hausdorff distance, surface Dice."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats.segmentation_overlap import segmentation_overlap
from extval.validate.errors import InputError
from extval.validate.table import Table
from extval.validate.tidy_table import tidy_csv

COLUMNS = ("subject", "reader_a", "reader_b")
_SUMMARY = (
    ("dice", "Dice"),
    ("jaccard", "Jaccard"),
    ("hausdorff_95", "Hausdorff-95 (mm)"),
    ("surface_dice", "surface Dice"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationRow:
    """One line of `segmentations.csv`: one label of one subject, in mm and cubic mm."""

    subject: str
    label: int
    voxels_a: int
    voxels_b: int
    volume_a: float
    volume_b: float
    dice: float
    jaccard: float
    hausdorff: float
    hausdorff_95: float
    mean_surface_distance: float
    surface_dice: float
    tolerance: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationSummary:
    """One measure of one label over the subjects; NaN when no subject has a value."""

    label: int
    measure: str
    median: float
    low: float
    high: float
    subjects: int
    not_estimable: int


def segmentation_agreement(
    table: Table, folder: Path, *, tolerance: float
) -> Iterator[list[SegmentationRow]]:
    """Yield the rows of every subject; mask files are named relative to `folder`."""
    subjects, first, second = (table.text(name) for name in COLUMNS)
    for row, (subject, a, b) in enumerate(zip(subjects, first, second, strict=True)):
        for name, cell in zip(COLUMNS, (subject, a, b), strict=True):
            if cell == "":
                raise InputError(
                    f"{table.name}, column `{name}`, row {row + 2}: the cell is empty."
                )
        yield _subject(table, row, subject, (folder / a, folder / b), tolerance)


def as_csv(rows: Sequence[SegmentationRow]) -> str:
    """Return the text of `segmentations.csv`."""
    header = [field.name for field in fields(SegmentationRow)]
    return tidy_csv(header, (tuple(asdict(row).values()) for row in rows))


def summary(rows: Sequence[SegmentationRow]) -> list[SegmentationSummary]:
    """Return the median and range of every measure over the subjects, label by label."""
    found = []
    for label in sorted({row.label for row in rows}):
        mine = [row for row in rows if row.label == label]
        for name, shown in _SUMMARY:
            values = [value for row in mine if not isnan(value := getattr(row, name))]
            found.append(
                SegmentationSummary(
                    label=label,
                    measure=shown,
                    median=float(np.median(values)) if values else nan,
                    low=min(values, default=nan),
                    high=max(values, default=nan),
                    subjects=len(mine),
                    not_estimable=len(mine) - len(values),
                )
            )
    return found


def as_text(rows: Sequence[SegmentationRow]) -> Iterator[str]:
    """Yield a line a measure and label."""
    for one in summary(rows):
        if isnan(one.median):
            yield f"label {one.label}: {one.measure} not estimable; {one.subjects} subjects."
            continue
        undefined = f", {one.not_estimable} not estimable" if one.not_estimable else ""
        yield (
            f"label {one.label}: {one.measure} median {one.median:.3f} "
            f"(range {one.low:.3f} to {one.high:.3f}); {one.subjects} subjects{undefined}."
        )


def mask_paths(table: Table, folder: Path) -> list[Path]:
    """Return the mask files that a table names, each once, in its order."""
    cells = zip(*(table.text(name) for name in COLUMNS[1:]), strict=True)
    return list(dict.fromkeys(folder / cell for row in cells for cell in row))


def _subject(
    table: Table, row: int, subject: str, paths: tuple[Path, Path], tolerance: float
) -> list[SegmentationRow]:
    try:
        from extval.features import images  # noqa: PLC0415
        from extval.features.errors import CaseError  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            f"reading masks needs the imaging extra ({error.name} is not installed): "
            "pip install 'extval[imaging]'."
        ) from error
    masks = []
    for column, path in zip(COLUMNS[1:], paths, strict=True):
        where = f"{table.name}, column `{column}`, row {row + 2}"
        if not path.exists():
            raise InputError(f"{where}: {path} does not exist.")
        try:
            masks.append(images.read_image(path))
        except CaseError as error:
            raise InputError(f"{where}: {error}") from error
        _check_whole(where, path, _voxels(masks[-1]))
    difference = images.grid_difference(*masks)
    if not difference.same:
        raise InputError(
            f"{table.name}, row {row + 2}: the masks of subject {subject!r} are not on one grid "
            f"(corners up to {difference.corner_mm:.3g} mm apart). Resample one onto the other."
        )
    a, b = (_voxels(mask).astype(np.int64) for mask in masks)
    found = segmentation_overlap(
        a, b, spacing=tuple(masks[0].GetSpacing())[::-1], tolerance=tolerance
    )
    if not found:
        raise InputError(
            f"{table.name}, row {row + 2}: both masks of subject {subject!r} are empty."
        )
    names = {field.name for field in fields(SegmentationRow)} - {"subject", "note"}
    return [
        SegmentationRow(
            subject=subject,
            note=one.status.value,
            **{name: getattr(one, name) for name in names},
        )
        for one in found
    ]


def _voxels(mask: Any) -> NDArray[Any]:
    from SimpleITK import GetArrayViewFromImage  # noqa: PLC0415

    array: NDArray[Any] = GetArrayViewFromImage(mask)
    return array


def _check_whole(where: str, path: Path, voxels: NDArray[Any]) -> None:
    if np.issubdtype(voxels.dtype, np.floating) and (voxels != np.rint(voxels)).any():
        raise InputError(
            f"{where}: {path.name} holds values that are not whole numbers; save it as a label map."
        )
