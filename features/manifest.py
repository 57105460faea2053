"""The manifest of a cohort: one row an image-mask pair, paths relative to the file.

The columns are `patient, center, cohort, scanner, phase, reader, image, mask, label`; only image
and mask must be there, and pyradiomics' own `Image, Mask, Label` is read as well. A row whose
files are not there, or lie outside the manifest's folder, is kept with its reason: it fails alone.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from extval.features.errors import CaseError, FeatureInputError

COLUMNS = ("patient", "center", "cohort", "scanner", "phase", "reader", "image", "mask", "label")
SPELLINGS = {
    "patient": ("patient", "patient_id", "patientid", "subject", "id", "case"),
    "center": ("center", "centre", "institution", "hospital"),
    "cohort": ("cohort", "split"),
    "scanner": ("scanner",),
    "phase": ("phase", "sequence", "modality"),
    "reader": ("reader", "rater", "observer"),
    "image": ("image", "image_path"),
    "mask": ("mask", "segmentation", "mask_path"),
    "label": ("label",),
}
PREFIX_MARK = "__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One image with one region of interest.

    `row` counts as a spreadsheet does (the header is row 1). `image` and `mask` are None where
    the manifest leaves the cell empty.
    """

    row: int
    patient: str
    center: str
    cohort: str
    scanner: str
    phase: str
    reader: str
    image: Path | None
    mask: Path | None
    label: int
    outside: str = ""

    @property
    def name(self) -> str:
        """Return how messages call the case: patient, phase and reader."""
        return " ".join(part for part in (self.patient, self.phase, self.reader) if part)

    def files(self) -> tuple[Path, Path]:
        """Return image and mask; raise `CaseError` where one is absent or out of bounds."""
        if self.outside:
            raise CaseError("outside-folder", self.outside)
        for kind, path in (("image", self.image), ("mask", self.mask)):
            if path is None:
                raise CaseError(f"no-{kind}", f"row {self.row} of the manifest names no {kind}.")
            if not path.exists():
                raise CaseError(f"no-{kind}", f"the {kind} {path.name} does not exist.")
        assert self.image is not None and self.mask is not None
        return self.image, self.mask


def read_manifest(path: Path, *, allow_outside: bool = False) -> tuple[Case, ...]:
    """Return the cases of a manifest in the order of its rows.

    Raises
    ------
    FeatureInputError
        When the file cannot be read, lacks a column, contradicts itself about a patient, or names
        the same patient, phase, reader and label twice.
    """
    rows, columns = _rows(path)
    named = _columns(path, columns)
    folder = path.parent.resolve()
    cases = tuple(
        _case(
            path,
            number,
            {key: row[name].strip() for key, name in named.items()},
            folder,
            allow_outside=allow_outside,
        )
        for number, row in rows
    )
    if not cases:
        raise FeatureInputError(f"{path.name} has a header but no rows.")
    _check_agreement(path, cases)
    return cases


def phases(cases: Iterable[Case]) -> list[str]:
    """Return the phases in the order in which they first appear."""
    return list(dict.fromkeys(case.phase for case in cases))


def readers(cases: Iterable[Case]) -> list[str]:
    """Return the readers in the order in which they first appear; the first one is the main."""
    return list(dict.fromkeys(case.reader for case in cases))


def patients(cases: Iterable[Case]) -> list[Case]:
    """Return the first case of each patient."""
    first: dict[str, Case] = {}
    for case in cases:
        first.setdefault(case.patient, case)
    return list(first.values())


def missing_phases(cases: Iterable[Case]) -> list[tuple[Case, str]]:
    """Return (first case of the patient, phase) for every phase that a patient lacks.

    Only the first reader counts: a second reader delineates a subset.
    """
    cases = list(cases)
    main = readers(cases)[0]
    there = {(case.patient, case.phase) for case in cases if case.reader == main}
    wanted = phases(case for case in cases if case.reader == main)
    return [
        (patient, phase)
        for patient in patients(case for case in cases if case.reader == main)
        for phase in wanted
        if (patient.patient, phase) not in there
    ]


def prefixed(phase: str, name: str) -> str:
    """Return a feature's column name: the phase, two underscores and the name."""
    return f"{phase}{PREFIX_MARK}{name}" if phase else name


def _rows(path: Path) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    if not path.is_file():
        what = "is a folder; give the CSV file" if path.is_dir() else "does not exist"
        raise FeatureInputError(f"{path} {what}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FeatureInputError(f"{path} is not UTF-8 text; save it as CSV in UTF-8.") from error
    except OSError as error:
        raise FeatureInputError(f"{path} cannot be read: {error.strerror}.") from error
    lines = text.splitlines()
    if not lines:
        raise FeatureInputError(f"{path} is empty; it needs a header with `image` and `mask`.")
    delimiter = max(",;\t", key=lines[0].count)
    reader = csv.reader(lines, delimiter=delimiter)
    header = [cell.strip() for cell in next(reader)]
    rows: list[tuple[int, dict[str, str]]] = []
    for number, cells in enumerate(reader, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise FeatureInputError(
                f"{path.name}, row {number} has {len(cells)} cells where the header has "
                f"{len(header)}."
            )
        rows.append((number, dict(zip(header, cells, strict=True))))
    return rows, header


def _columns(path: Path, header: list[str]) -> dict[str, str]:
    """Return the file's own column name for each of ours that it has."""
    by_lower: dict[str, list[str]] = {}
    for name in header:
        by_lower.setdefault(name.lower(), []).append(name)
    doubled = next((names[0] for names in by_lower.values() if len(names) > 1), None)
    if doubled is not None:
        raise FeatureInputError(f"{path.name} has the column `{doubled}` more than once.")
    found: dict[str, str] = {}
    for ours, spellings in SPELLINGS.items():
        names = [by_lower[spelling][0] for spelling in spellings if spelling in by_lower]
        if names:
            found[ours] = names[0]
    for needed in ("image", "mask"):
        if needed not in found:
            raise FeatureInputError(
                f"{path.name} has no column `{needed}`; its columns are "
                f"{', '.join(f'`{name}`' for name in header)}."
            )
    return found


def _case(
    path: Path, row: int, cells: Mapping[str, str], folder: Path, *, allow_outside: bool
) -> Case:
    if "patient" in cells and not cells["patient"]:
        raise FeatureInputError(f"{path.name}, row {row}: the patient is missing.")
    places: dict[str, Path | None] = {}
    outside = ""
    for kind in ("image", "mask"):
        text = cells[kind]
        places[kind] = (folder / text).resolve() if text else None
        place = places[kind]
        if place is not None and not allow_outside and not place.is_relative_to(folder):
            outside = outside or (
                f"the {kind} of row {row} lies outside the folder of the manifest ({text}). Move "
                "it there, or set `images: {allow_outside: true}` if this is meant."
            )
    return Case(
        row=row,
        patient=cells.get("patient") or f"row-{row}",
        center=cells.get("center", ""),
        cohort=cells.get("cohort", ""),
        scanner=cells.get("scanner", ""),
        phase=_phase(path, row, cells.get("phase", "")),
        reader=cells.get("reader", ""),
        image=places["image"],
        mask=places["mask"],
        label=_label(path, row, cells.get("label", "")),
        outside=outside,
    )


def _phase(path: Path, row: int, text: str) -> str:
    if PREFIX_MARK in text:
        raise FeatureInputError(
            f"{path.name}, row {row}: the phase {text!r} holds two underscores, which separate "
            "phase and feature in column names. Use one."
        )
    return text


def _label(path: Path, row: int, text: str) -> int:
    if not text:
        return 1
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (value.is_integer() and 1 <= value <= 2**31 - 1):
        raise FeatureInputError(
            f"{path.name}, row {row}: the label {text!r} is not a whole number of at least 1."
        )
    return int(value)


def _check_agreement(path: Path, cases: tuple[Case, ...]) -> None:
    """Refuse a patient in two centers or cohorts, and a case that is there twice."""
    first: dict[str, Case] = {}
    seen: dict[tuple[str, str, str], Case] = {}
    for case in cases:
        before = first.setdefault(case.patient, case)
        for what in ("center", "cohort"):
            if getattr(before, what) != getattr(case, what):
                raise FeatureInputError(
                    f"{path.name}, row {case.row}: patient {case.patient} has {what} "
                    f"{getattr(case, what)!r} here and {getattr(before, what)!r} in row "
                    f"{before.row}. A patient belongs to one {what}."
                )
        key = (case.patient, case.phase, case.reader)
        if key in seen:
            raise FeatureInputError(
                f"{path.name}, row {case.row}: {case.name} is already in row {seen[key].row}. "
                "Give each patient, phase and reader one row; several lesions need their own "
                "`phase` or one mask."
            )
        seen[key] = case
