"""`extval extract` and `extval check`: a study file in, a folder of feature tables out.

The folder keeps each case's features in `cases/`, so that the same command resumes a killed run.
The tables are written under temporary names and renamed at the end, the manifest last: a folder
with a `manifest.json` is whole.
"""

import csv
import io
import json
import os
import platform
import re
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from extval.features import extraction, handcrafted
from extval.features.cases import Settings
from extval.features.errors import FeatureInputError
from extval.features.extraction import Extraction, Plan, Quality
from extval.features.manifest import Case, read_manifest, readers
from extval.features.running import on_cluster
from extval.validate import extract_study, folder
from extval.validate.errors import InputError
from extval.validate.extract_study import ExtractStudy

MANIFEST_SCHEMA = "extval-features/1"
CASES = "cases"
ROI_FILE = "roi.csv"
FAILURE_COLUMNS = ("patient", "phase", "reader", "code", "reason")
FINDING_COLUMNS = ("patient", "phase", "reader", "code", "severity", "sentence")

Progress = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]


def extract(
    study_file: Path,
    out: Path,
    *,
    n_jobs: int,
    dask: str | None,
    progress: Progress,
    say: Callable[[str], None],
) -> bool:
    """Extract the features of a study into `out`; return whether a case failed.

    Raises
    ------
    InputError
        When study, manifest, parameters or weights are wrong, or `out` holds something else.
    """
    study = extract_study.read_study(study_file)
    return extract_study_of(
        study, study_file, out, n_jobs=n_jobs, dask=dask, progress=progress, say=say
    )


def extract_study_of(
    study: ExtractStudy,
    study_file: Path,
    out: Path,
    *,
    n_jobs: int,
    dask: str | None,
    progress: Progress,
    say: Callable[[str], None],
) -> bool:
    """Extract as `extract` does, a study that is read already; paths are those of its file."""
    _check_folder(out)
    with _as_input_error(), on_cluster(dask) as cluster:
        plan = extract_study.plan(study.images, study.features, study_file.parent)
        cases = _cases(study, study_file)
        _check_readers(cases)
        settings, weights = extraction.prepare(plan)
        if weights:
            say(f"Deep features: {weights}.")
        kept = out / CASES
        with progress("Checking") as watch:
            quality = extraction.check(
                cases, settings, kept, n_jobs=n_jobs, watch=watch, cluster=cluster
            )
        with progress("Extracting") as watch:
            found = extraction.extract(
                cases,
                settings,
                kept,
                quality=quality,
                plan=plan,
                weights=weights,
                n_jobs=n_jobs,
                watch=watch,
                cluster=cluster,
            )
    _write(out, found, study, study_file, plan)
    _say_summary(found, say)
    return found.failed


def check(
    path: Path, *, n_jobs: int, progress: Progress, out: Path | None, scratch: Path
) -> Quality:
    """Return the quality of every region of interest that a study or a manifest names.

    A manifest alone tells nothing of bin width, filters or modality; those checks are left out.
    """
    with _as_input_error():
        if path.suffix.lower() in (".yaml", ".yml"):
            study = extract_study.read_study(path)
            plan = extract_study.plan(study.images, study.features, path.parent)
            cases = _cases(study, path)
        else:
            plan, cases = Plan(), read_manifest(path)
        settings = Settings(mask_grid=plan.mask_grid, preparation=extraction.preparation(plan))
        with progress("Checking") as watch:
            quality = extraction.check(cases, settings, scratch, n_jobs=n_jobs, watch=watch)
    if out is not None:
        _replace(out, _csv(quality.rows).encode())
    return quality


def reading_tables(out: Path) -> dict[str, Path]:
    """Return the feature tables of further readers in a folder of features, by their names."""
    prefix = "features_"
    return {path.stem.removeprefix(prefix): path for path in sorted(out.glob(f"{prefix}*.parquet"))}


def check_lines(quality: Quality) -> list[str]:
    """Return the failures and findings as lines, the gravest first, and a count."""
    lines = [
        f"{'absent' if item.code == 'missing-phase' else 'failed':8} {item.code:22} "
        f"{_who(item.patient, item.phase, item.reader)}: {item.reason}"
        for item in quality.failures
    ]
    for severity in ("warning", "note"):
        lines += [
            f"{severity:8} {item.code:22} {_who(item.patient, item.phase, item.reader)}: "
            f"{item.sentence}"
            for item in quality.findings
            if item.severity == severity and item.code != "missing-phase"
        ]
    measured = sum(item.record is not None for item in quality.inspections)
    lines.append(f"{measured} of {len(quality.inspections)} regions of interest can be measured.")
    return lines


def _who(*parts: str) -> str:
    return " ".join(part for part in parts if part)


class _as_input_error:  # noqa: N801 - reads as a statement
    """Turn a complaint of the features room into one that the command line prints."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, FeatureInputError):
            raise InputError(str(error)) from error


def _cases(study: ExtractStudy, study_file: Path) -> tuple[Case, ...]:
    return read_manifest(
        study_file.parent / study.images.manifest, allow_outside=study.images.allow_outside
    )


def _check_folder(out: Path) -> None:
    """Accept a new or empty folder, or one of an earlier extraction, which is then resumed."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder for the features.")
    if out.is_dir() and any(out.iterdir()) and not (out / CASES).is_dir():
        raise InputError(
            f"{out} holds other files than those of an extraction. Name another folder."
        )
    try:
        (out / CASES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out} cannot be made: {error.strerror}.") from error


def _write(out: Path, found: Extraction, study: ExtractStudy, study_file: Path, plan: Plan) -> None:
    """Write every table beside its final name, then rename them all, the manifest last."""
    temporary = out / f".{os.getpid()}.part"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        for name, content in _files(found).items():
            (temporary / name).write_bytes(content)
        names = sorted(path.name for path in temporary.iterdir())
        manifest = _manifest(temporary, names, found, study, study_file, plan)
        (out / "manifest.json").unlink(missing_ok=True)
        for stale in out.glob("features*"):
            if stale.name not in names:
                stale.unlink()
        for name in names:
            (temporary / name).replace(out / name)
        _replace(out / "manifest.json", manifest.encode())
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _files(found: Extraction) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for name, table in _named(found.tables).items():
        files[f"{name}.parquet"] = _parquet(table)
        files[f"{name}.csv"] = _table_csv(table)
    files[ROI_FILE] = _csv(found.quality.rows).encode()
    files["roi_findings.csv"] = _csv(
        extraction.finding_rows(found.quality.findings), FINDING_COLUMNS
    ).encode()
    if found.quality.comparisons:
        files["roi_comparisons.csv"] = _csv(found.quality.comparisons).encode()
    failures = extraction.failure_rows(found.failures)
    files["failures.csv"] = _csv(failures, FAILURE_COLUMNS).encode()
    files["diagnostics.parquet"] = _parquet(found.diagnostics)
    return files


def _named(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Return the tables by file name: the main reader's is `features`, others add their name."""
    return {
        _file_name(reader, index): table for index, (reader, table) in enumerate(tables.items())
    }


def _file_name(reader: str, index: int) -> str:
    return f"features_{re.sub(r'[^A-Za-z0-9.-]+', '-', reader)}" if index else "features"


def _check_readers(cases: Sequence[Case]) -> None:
    """Refuse readers whose names would give one file name."""
    names: dict[str, str] = {}
    for index, reader in enumerate(readers(cases)):
        name = _file_name(reader, index).lower()
        if name in names:
            raise InputError(
                f"the readers {names[name]!r} and {reader!r} would both be written to {name}.csv; "
                "rename one."
            )
        names[name] = reader


def _manifest(
    temporary: Path,
    names: Sequence[str],
    found: Extraction,
    study: ExtractStudy,
    study_file: Path,
    plan: Plan,
) -> str:
    settings = found.settings
    inputs = [
        folder.input_record(study_file, "study"),
        folder.input_record(study_file.parent / study.images.manifest, "manifest"),
    ]
    chosen = study.features.handcrafted
    if chosen is not None and chosen.parameters is not None:
        inputs.append(folder.input_record(study_file.parent / chosen.parameters, "parameters"))
    hand = deep = None
    if plan.handcrafted is not None:
        hand = {
            "parameters": plan.handcrafted.name,
            "features_per_phase": len(settings.names),
            "settings": handcrafted.Extractor(plan.handcrafted).resolved(),
        }
    if plan.deep is not None:
        deep = {
            "weights": found.weights,
            "weights_sha256": settings.deep_sha256,
            "null_features_dropped": list(found.null_features),
        }
    manifest = {
        "schema": MANIFEST_SCHEMA,
        "command": shlex.join(["extval", "extract", study_file.name]),
        "study": study.model_dump(mode="json"),
        "main_reader": next(iter(found.tables)),
        "handcrafted": hand,
        "deep": deep,
        "versions": {
            "extval": metadata.version("extval"),
            "python": platform.python_version(),
            **dict(settings.deep_versions),
            **dict(settings.handcrafted_versions),
        },
        "inputs": inputs,
        "cases": found.cases,
        "outputs": [
            {
                "path": name,
                "bytes": (temporary / name).stat().st_size,
                "sha256": folder.sha256(temporary / name),
            }
            for name in names
        ],
    }
    return json.dumps(manifest, ensure_ascii=False, indent=1, default=str) + "\n"


def _say_summary(found: Extraction, say: Callable[[str], None]) -> None:
    effort = found.effort
    if effort.computed:
        said = f"{effort.computed} computed"
        if effort.inside:
            share = 1.0 - effort.inside / effort.seconds
            said += (
                f" in {effort.seconds:.0f} s of work on {effort.voxels / 1e6:.2f} million voxels, "
                f"{share:.1%} of it outside pyradiomics"
            )
        say(f"Features: {said}; {effort.reused} kept from before.")
    else:
        say(f"Features: nothing to compute; {effort.reused} kept from before.")
    missing = sum(item.code == "missing-phase" for item in found.failures)
    failed = len(found.failures) - missing
    if failed or missing:
        say(f"{failed} failed and {missing} absent; failures.csv says why.")


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _table_csv(table: pa.Table) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return out.getvalue().encode()


def _csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    out = io.StringIO()
    names = columns or (list(rows[0]) if rows else [])
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)
