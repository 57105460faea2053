"""A cohort's features: checked, extracted, gathered into tables."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from extval.features import deep, handcrafted, self_test
from extval.features.cases import (
    Extracted,
    Failure,
    Inspection,
    Settings,
    Stored,
    extract_case,
    failure,
    inspect_case,
    read_stored,
    remove_parts,
    sizes,
    stage_names,
    stages,
    stored_path,
)
from extval.features.deep import DeepSettings
from extval.features.handcrafted import Parameters
from extval.features.images import MaskGrid
from extval.features.manifest import (
    Case,
    missing_phases,
    patients,
    phases,
    prefixed,
    readers,
)
from extval.features.roi_comparison import compare, roi_rows
from extval.features.roi_quality import Finding, Preparation, case_findings
from extval.features.running import Watch, run_each

DEVELOPMENT = "development"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a study asks for. `drop_null` drops deep features that are null on development."""

    modality: str = "other"
    mask_grid: MaskGrid = "refuse"
    handcrafted: Parameters | None = None
    deep: DeepSettings | None = None
    drop_null: bool = True
    min_nonzero_share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The regions of interest of a cohort before extraction.

    `rows` is the quality table, `comparisons` one row a pair of readers or phases.
    """

    inspections: tuple[Inspection, ...]
    findings: tuple[Finding, ...]
    failures: tuple[Failure, ...]
    rows: list[dict[str, Any]]
    comparisons: list[dict[str, Any]]

    @property
    def failed(self) -> bool:
        """Return whether anything but an absent phase is wrong."""
        return _failed(self.failures)

    def usable(self) -> list[Inspection]:
        """Return the cases that may be extracted."""
        refused = {
            (item.patient, item.phase, item.reader)
            for item in self.findings
            if item.severity == "error"
        }
        return [
            item
            for item in self.inspections
            if item.record is not None
            and (item.case.patient, item.case.phase, item.case.reader) not in refused
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long the computed cases took, summed over workers; `inside` is pyradiomics itself."""

    computed: int
    reused: int
    seconds: float
    inside: float
    voxels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """Feature tables by reader (the first is the main one) and all that goes beside them."""

    tables: dict[str, pa.Table]
    quality: Quality
    failures: tuple[Failure, ...]
    diagnostics: pa.Table
    cases: list[dict[str, Any]]
    settings: Settings
    weights: str
    null_features: tuple[str, ...]
    effort: Effort

    @property
    def failed(self) -> bool:
        """Return whether anything but an absent phase went wrong."""
        return _failed(self.failures)


def prepare(plan: Plan) -> tuple[Settings, str]:
    """Return the settings of a run after its self-test, and the sentence that names the weights.

    Raises
    ------
    FeatureInputError
        When this installation cannot compute what the plan asks for.
    """
    names: tuple[str, ...] = ()
    hand_versions: dict[str, str] = {}
    if plan.handcrafted is not None:
        self_test.check_ibsi()
        names = self_test.feature_names(plan.handcrafted)
        hand_versions = handcrafted.versions()
    digest, sentence, deep_versions = "", "", dict[str, str]()
    if plan.deep is not None:
        loaded = deep.load(plan.deep.network, plan.deep.weights)
        digest, sentence, deep_versions = loaded.sha256, loaded.sentence, deep.versions()
    settings = Settings(
        mask_grid=plan.mask_grid,
        preparation=preparation(plan),
        handcrafted=plan.handcrafted,
        names=names,
        deep=plan.deep,
        deep_sha256=digest,
        handcrafted_versions=tuple(sorted(hand_versions.items())),
        deep_versions=tuple(sorted(deep_versions.items())),
    )
    return settings, sentence


def preparation(plan: Plan) -> Preparation:
    """Return what the quality checks need to know of a plan."""
    if plan.handcrafted is None:
        return Preparation(modality="ct" if plan.modality == "ct" else "other")
    return plan.handcrafted.preparation(plan.modality)


def check(
    cases: Sequence[Case],
    settings: Settings,
    folder: Path,
    *,
    n_jobs: int = 1,
    watch: Watch | None = None,
    cluster: Any = None,
) -> Quality:
    """Look at every region of interest and across the cohort; nothing is extracted."""
    remove_parts(folder)
    several = len(readers(cases)) > 1
    look = partial(inspect_case, settings=settings, folder=folder, keep_outline=several)
    found = run_each(
        look, cases, n_jobs=n_jobs, lost=_lost_inspection, watch=watch, cluster=cluster
    )
    measured = [(item.case, item.record) for item in found if item.record is not None]
    findings = [finding for case, record in measured for finding in case_findings(case, record)]
    across, comparisons = compare(measured, cases)
    findings += across
    failures = [item.failure for item in found if item.failure is not None]
    for case, phase in missing_phases(cases):
        failures.append(
            failure(case, "missing-phase", f"the manifest has no {phase or 'image'}.", phase=phase)
        )
    by_name = {(case.patient, case.phase, case.reader): case for case in cases}
    failures += [
        failure(by_name[item.patient, item.phase, item.reader], item.code, item.sentence)
        for item in findings
        if item.severity == "error"
    ]
    rows = roi_rows([(item.case, item.record) for item in found], findings)
    return Quality(
        inspections=tuple(found),
        findings=tuple(findings),
        failures=tuple(failures),
        rows=rows,
        comparisons=comparisons,
    )


def extract(
    cases: Sequence[Case],
    settings: Settings,
    folder: Path,
    *,
    quality: Quality,
    plan: Plan,
    weights: str = "",
    n_jobs: int = 1,
    watch: Watch | None = None,
    cluster: Any = None,
) -> Extraction:
    """Return the features of a checked cohort; what `folder` keeps from before is not redone."""
    usable = quality.usable()
    weight = dict(zip(map(id, usable), sizes([item.case for item in usable]), strict=True))
    ordered = sorted(usable, key=lambda item: -weight[id(item)])  # the longest first
    work = partial(extract_case, settings=settings, folder=folder)
    done = run_each(
        work, ordered, n_jobs=n_jobs, lost=_lost_extraction, watch=watch, cluster=cluster
    )
    by_row = {item.case.row: item for item in done}
    failures = [*quality.failures]
    for item in quality.inspections:
        if item.case.row in by_row:
            failures += by_row[item.case.row].failures
    stored = _stored(usable, settings, folder)
    null = _null_features(cases, stored, settings, plan)
    return Extraction(
        tables={
            reader: _table(cases, stored, settings, reader, frozenset(null))
            for reader in readers(cases)
        },
        quality=quality,
        failures=tuple(failures),
        diagnostics=_diagnostics(usable, stored),
        cases=[_case_entry(item, stored) for item in quality.inspections],
        settings=settings,
        weights=weights,
        null_features=null,
        effort=_effort(done),
    )


Kept = dict[tuple[int, str], Stored]


def _stored(usable: Sequence[Inspection], settings: Settings, folder: Path) -> Kept:
    """Return what is kept of each usable case, by row of the manifest and kind."""
    found: Kept = {}
    for item in usable:
        for stage in stages(settings):
            kept = read_stored(stored_path(item, settings, folder, stage))
            if kept is not None:
                found[item.case.row, stage] = kept
    return found


def _table(
    cases: Sequence[Case], stored: Kept, settings: Settings, reader: str, null: frozenset[str]
) -> pa.Table:
    """Return one reader's table: a row a patient, empty cells where there is no value."""
    mine = [case for case in cases if case.reader == reader]
    people = patients(mine)
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(case, name) for case in people], pa.string())
        for name in ("patient", "center", "cohort")
    }
    row_of = {(case.patient, case.phase): case.row for case in mine}
    for stage in stages(settings):
        for phase in phases(cases):
            kept = [stored.get((row_of.get((case.patient, phase), -1), stage)) for case in people]
            for name in stage_names(settings, stage):
                column = prefixed(phase, name)
                if column not in null:
                    columns[column] = pa.array([_cell(item, name) for item in kept], pa.float64())
    return pa.table(columns)


def _cell(kept: Stored | None, name: str) -> float | None:
    value = float("nan") if kept is None else kept.values.get(name, float("nan"))
    return value if np.isfinite(value) else None


def _null_features(
    cases: Sequence[Case], stored: Kept, settings: Settings, plan: Plan
) -> tuple[str, ...]:
    """Return the deep columns that are null on the main reader's development patients."""
    if settings.deep is None or not plan.drop_null:
        return ()
    main = readers(cases)[0]
    names = deep.feature_names(settings.deep)
    null: list[str] = []
    for phase in phases(cases):
        rows = [
            [_cell(kept, name) for name in names]
            for case in cases
            if (case.cohort, case.reader, case.phase) == (DEVELOPMENT, main, phase)
            and (kept := stored.get((case.row, "deep"))) is not None
        ]
        if rows:
            values = np.array(rows, dtype=np.float64)
            dropped = deep.null_features(values, min_nonzero_share=plan.min_nonzero_share)
            null += [prefixed(phase, names[index]) for index in np.flatnonzero(dropped)]
    return tuple(null)


def _diagnostics(usable: Sequence[Inspection], stored: Kept) -> pa.Table:
    """Return pyradiomics' diagnostics, one row a case; mixed columns as text."""
    rows = [
        (item.case, stored[item.case.row, "handcrafted"].diagnostics)
        for item in usable
        if (item.case.row, "handcrafted") in stored
    ]
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(case, name) for case, _ in rows], pa.string())
        for name in ("patient", "phase", "reader")
    }
    for name in dict.fromkeys(name for _, found in rows for name in found):
        cells = [found.get(name) for _, found in rows]
        if all(isinstance(cell, int | float) or cell is None for cell in cells):
            columns[name] = pa.array(
                [None if cell is None else float(cell) for cell in cells], pa.float64()
            )
        else:
            columns[name] = pa.array(
                [None if cell is None else str(cell) for cell in cells], pa.string()
            )
    return pa.table(columns)


def _case_entry(item: Inspection, stored: Kept) -> dict[str, Any]:
    """Return what the manifest says of a case: hashes, and the spacing before and after."""
    kept = stored.get((item.case.row, "handcrafted"))
    after = kept.diagnostics.get("diagnostics_Image-interpolated_Spacing") if kept else None
    record = item.record
    return {
        "patient": item.case.patient,
        "phase": item.case.phase,
        "reader": item.case.reader,
        "label": item.case.label,
        "image_sha256": item.image_sha256,
        "mask_sha256": item.mask_sha256,
        "spacing_mm": list(record.spacing) if record else None,
        "resampled_spacing_mm": [float(step) for step in after.split()] if after else None,
        "mask_resampled": record.resampled if record else None,
    }


def _effort(done: Sequence[Extracted]) -> Effort:
    worked = [item for item in done if item.computed]
    return Effort(
        computed=sum(item.computed for item in done),
        reused=sum(item.reused for item in done),
        seconds=sum(item.seconds for item in worked),
        inside=sum(item.inside for item in worked),
        voxels=sum(item.voxels for item in worked),
    )


def _failed(failures: Sequence[Failure]) -> bool:
    return any(item.code != "missing-phase" for item in failures)


_DIED = "the process that worked on it was killed, most likely out of memory."


def _lost_inspection(case: Case) -> Inspection:
    return Inspection(case=case, failure=failure(case, "worker-died", _DIED))


def _lost_extraction(inspection: Inspection) -> Extracted:
    lost = failure(inspection.case, "worker-died", _DIED)
    return Extracted(case=inspection.case, failures=(lost,))


def failure_rows(failures: Sequence[Failure]) -> list[dict[str, Any]]:
    """Return `failures.csv` as rows."""
    return [asdict(item) for item in failures]


def finding_rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the findings as rows."""
    return [{f.name: getattr(item, f.name) for f in fields(Finding)} for item in findings]
