"""Regions of interest across the cohort: readers, phases, doubled images, and the ROI table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

import numpy as np

from extval.features.manifest import Case, missing_phases, readers
from extval.features.roi_quality import Finding, RoiRecord, finding

DICE_LOW = 0.7
VOLUME_RATIO = (0.5, 2.0)
CENTROID_SHIFT_MM = 20.0

Item = tuple[Case, RoiRecord]


def compare(
    records: Sequence[Item], cases: Sequence[Case]
) -> tuple[list[Finding], list[dict[str, Any]]]:
    """Return findings across the cohort, and one row for every pair of readers or phases."""
    findings: list[Finding] = []
    rows: list[dict[str, Any]] = []
    for case, phase in missing_phases(cases):
        sentence = f"patient {case.patient} has no {phase or 'image'}; those cells stay empty."
        findings.append(finding(case, "missing-phase", "warning", sentence, phase=phase))
    findings += _doubles(records)
    by_patient = groupby(
        sorted(records, key=lambda item: item[0].patient), key=lambda item: item[0].patient
    )
    main = readers(cases)[0]
    for _, group in by_patient:
        items = list(group)
        for a, b in _reader_pairs(items, main):
            found, row = _compare_readers(a, b)
            findings += found
            rows.append(row)
        for a, b in _phase_pairs(items):
            found, row = _compare_phases(a, b)
            findings += found
            rows.append(row)
    return findings, rows


def roi_rows(
    records: Iterable[tuple[Case, RoiRecord | None]], findings: Iterable[Finding]
) -> list[dict[str, Any]]:
    """Return the ROI quality table: a row a pair, with empty cells where unmeasured."""
    codes: dict[tuple[str, str, str], list[str]] = {}
    for item in findings:
        codes.setdefault((item.patient, item.phase, item.reader), []).append(item.code)
    rows = []
    for case, record in records:
        row: dict[str, Any] = {
            "patient": case.patient,
            "center": case.center,
            "cohort": case.cohort,
            "scanner": case.scanner,
            "phase": case.phase,
            "reader": case.reader,
            "label": case.label,
        }
        row |= _flat(record) if record is not None else dict.fromkeys(_flat_names())
        row["findings"] = " ".join(codes.get((case.patient, case.phase, case.reader), []))
        rows.append(row)
    return rows


def _doubles(records: Sequence[Item]) -> list[Finding]:
    """Return the images that are there more than once: across cohorts, patients or phases."""
    by_hash: dict[str, list[Case]] = {}
    for case, record in records:
        by_hash.setdefault(record.image_hash, []).append(case)
    findings = []
    for cases in by_hash.values():
        first = cases[0]
        for case in cases[1:]:
            if case.patient != first.patient:
                across = case.cohort != first.cohort
                where = (
                    f"in cohort {first.cohort!r} and in {case.cohort!r}"
                    if across
                    else "in one cohort"
                )
                findings.append(
                    finding(
                        case,
                        "same-image",
                        "error" if across else "warning",
                        f"the image is voxel by voxel that of patient {first.patient} "
                        f"({first.phase or 'no phase'}), {where}. One patient under two names "
                        "is no external validation; remove one.",
                    )
                )
            elif case.phase != first.phase:
                findings.append(
                    finding(
                        case,
                        "same-image-two-phases",
                        "warning",
                        f"phases {first.phase} and {case.phase} are one image, voxel by voxel.",
                    )
                )
    return findings


def _reader_pairs(items: Sequence[Item], main: str) -> list[tuple[Item, Item]]:
    by_phase: dict[str, list[Item]] = {}
    for item in items:
        by_phase.setdefault(item[0].phase, []).append(item)
    pairs = []
    for group in by_phase.values():
        first = next((item for item in group if item[0].reader == main), group[0])
        pairs += [(first, item) for item in group if item is not first]
    return pairs


def _phase_pairs(items: Sequence[Item]) -> list[tuple[Item, Item]]:
    by_reader: dict[str, list[Item]] = {}
    for item in items:
        by_reader.setdefault(item[0].reader, []).append(item)
    return [(group[0], item) for group in by_reader.values() for item in group[1:]]


def _compare_readers(a: Item, b: Item) -> tuple[list[Finding], dict[str, Any]]:
    dice = _dice(a[1], b[1])
    row = _pair_row("reader", a, b) | {"dice": dice}
    if dice is None:
        sentence = (
            f"readers {a[0].reader or '(first)'} and {b[0].reader} drew on different grids; their "
            "Dice is not computed."
        )
        return [finding(b[0], "readers-other-grid", "warning", sentence)], row
    if dice < DICE_LOW:
        sentence = (
            f"the Dice of readers {a[0].reader or '(first)'} and {b[0].reader} is {dice:.2f}."
        )
        return [finding(b[0], "low-dice", "warning", sentence)], row
    return [], row


def _compare_phases(a: Item, b: Item) -> tuple[list[Finding], dict[str, Any]]:
    row = _pair_row("phase", a, b) | {"dice": None}
    findings = []
    ratio, shift = row["volume_ratio"], row["centroid_shift_mm"]
    if not VOLUME_RATIO[0] <= ratio <= VOLUME_RATIO[1]:
        sentence = f"the volume in {b[0].phase} is {ratio:.2f} times that in {a[0].phase}."
        findings.append(finding(b[0], "volume-ratio", "warning", sentence))
    if shift > CENTROID_SHIFT_MM:
        sentence = f"the centroid in {b[0].phase} lies {shift:.0f} mm from that in {a[0].phase}."
        findings.append(finding(b[0], "centroid-shift", "warning", sentence))
    return findings, row


def _pair_row(kind: str, a: Item, b: Item) -> dict[str, Any]:
    shift = float(np.linalg.norm(np.subtract(a[1].centroid, b[1].centroid)))
    return {
        "patient": a[0].patient,
        "comparison": kind,
        "phase_a": a[0].phase,
        "reader_a": a[0].reader,
        "phase_b": b[0].phase,
        "reader_b": b[0].reader,
        "volume_ratio": b[1].volume_ml / a[1].volume_ml,
        "centroid_shift_mm": shift,
    }


def _dice(a: RoiRecord, b: RoiRecord) -> float | None:
    """Return twice the common voxels over the sum of both; None on different grids."""
    if a.outline is None or b.outline is None or a.size != b.size or a.spacing != b.spacing:
        return None
    whole = np.zeros(a.size[::-1], dtype=np.int8)
    for outline in (a.outline, b.outline):
        start, shape, packed = outline
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=int(np.prod(shape)))
        whole[tuple(slice(at, at + n) for at, n in zip(start, shape, strict=True))] += bits.reshape(
            shape
        ).astype(np.int8)
    return 2.0 * int((whole == 2).sum()) / (a.voxels + b.voxels)


def _flat(record: RoiRecord) -> dict[str, Any]:
    """Return the record as cells: vectors with one column an axis."""
    plain: Mapping[str, Any] = asdict(record)
    cells: dict[str, Any] = {}
    for name in RoiRecord.__dataclass_fields__:
        if name in ("codes", "outline"):
            continue
        value = plain[name]
        if name == "labels":
            cells[name] = " ".join(str(label) for label in value)
        elif isinstance(value, tuple):
            cells |= {f"{name}_{axis}": part for axis, part in zip("xyz", value, strict=True)}
        elif isinstance(value, bool):
            cells[name] = int(value)
        else:
            cells[name] = value
    return cells


def _flat_names() -> list[str]:
    names: list[str] = []
    for name in RoiRecord.__dataclass_fields__:
        if name in ("size", "spacing", "centroid"):
            names += [f"{name}_{axis}" for axis in "xyz"]
        elif name not in ("codes", "outline"):
            names.append(name)
    return names
