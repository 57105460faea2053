"""The results folder: written whole under a temporary name, then renamed into place."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from extval.validate import store, yaml_file
from extval.validate.characteristics import written
from extval.validate.errors import InputError
from extval.validate.protocol import SurvivalProtocol, listed
from extval.validate.store import (
    BaselineRow,
    ComparisonRow,
    CoxRow,
    MetricRow,
    MissingPatternRow,
    MissingRow,
    Results,
    SubgroupRow,
)
from extval.validate.study import AnyStudy, Study, SurvivalStudy
from extval.validate.tidy_table import columns_csv, rows_csv

MANIFEST_SCHEMA = "extval-manifest/1"
ALWAYS_THERE = ("metrics", "comparisons")  # the other tables are written where they have a row
CHUNK = 1 << 20


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def input_record(path: Path, role: str) -> dict[str, Any]:
    """Return what the manifest says of an input: its name without folders, size and hash."""
    return {
        "role": role,
        "name": path.name,
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
    }


@contextmanager
def new_folder(out: Path, *, force: bool) -> Iterator[Path]:
    """Yield a temporary folder beside `out` that becomes `out` when the block ends well.

    When the block fails nothing is left behind and an older `out` is as it was.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder for the results.")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise InputError(
            f"{out} already holds files. Name another folder, or add --force to replace it."
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out} cannot be made: {error.strerror}.") from error
    temporary = out.parent / f".{out.name}.{os.getpid()}.part"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir()
    except OSError as error:
        raise InputError(f"{out.parent} cannot be written to: {error.strerror}.") from error
    try:
        yield temporary
        _put_in_place(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_results(
    folder: Path,
    results: Results,
    study: Study,
    *,
    report: Callable[[Results, Path], None] | None = None,
) -> None:
    """Write every file of the results folder; the manifest comes last."""
    _write(folder / "results.json", store.to_json(results))
    for name, (form, rows) in {
        "metrics": (MetricRow, results.metrics),
        "comparisons": (ComparisonRow, results.comparisons),
        "subgroups": (SubgroupRow, results.subgroups),
        "baseline": (BaselineRow, results.baseline),
        "cox": (CoxRow, results.cox),
        "missing": (MissingRow, results.missing),
        "missing_patterns": (MissingPatternRow, results.missing_patterns),
    }.items():
        if rows or name in ALWAYS_THERE:
            _write(folder / f"{name}.csv", rows_csv(form, rows))
    (folder / "curves").mkdir()
    for kind, table in results.curves.items():
        _write(folder / "curves" / f"{kind}.csv", columns_csv(table))
    if results.modelling:
        (folder / "modelling").mkdir()
        for kind, table in results.modelling.items():
            _write(folder / "modelling" / f"{kind}.csv", columns_csv(table))
    _write(folder / "predictions.csv", _predictions(study))
    _write(folder / "protocol.yaml", yaml_file.dump(dict(results.protocol)))
    if report is not None:
        report(results, folder / "report.pdf")
    write_manifest(folder, results_schema=results.schema, provenance=results.provenance)


def listed_files(folder: Path) -> list[str]:
    """Return the files of a results folder but the manifest, in a stable order.

    What a run keeps in `stages/`, in order to go on where it was stopped, is no result.
    """
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(
        name for name in found if name != "manifest.json" and not name.startswith("stages/")
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a results folder."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise InputError(f"{folder} holds no manifest.json; it is not a results folder of extval.")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != MANIFEST_SCHEMA:
        raise InputError(f"{path} does not follow schema {MANIFEST_SCHEMA}.")
    return manifest


def write_manifest(folder: Path, *, results_schema: str, provenance: Mapping[str, Any]) -> None:
    """Write `manifest.json`: what was read, what is in the folder, and with which versions."""
    manifest = {
        "schema": MANIFEST_SCHEMA,
        "results_schema": results_schema,
        "command": provenance["command"],
        "seed": provenance["seed"],
        "versions": {
            "extval": provenance["extval"],
            "python": provenance["python"],
            **provenance["packages"],
        },
        "inputs": provenance["inputs"],
        **({"order": provenance["order"]} if "order" in provenance else {}),
        "outputs": [
            {
                "path": name,
                "bytes": (folder / name).stat().st_size,
                "sha256": sha256(folder / name),
            }
            for name in listed_files(folder)
        ],
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    _write(folder / "manifest.json", text)


def _predictions(study: Study) -> str:
    """Return outcome and predictions of every patient under pseudonyms, as the protocol reads.

    Patients who were left out for an empty cell are there, with that cell empty.
    """
    protocol = study.protocol
    everyone = study if study.whole is None else study.whole.study
    gaps = {} if study.whole is None else study.whole.gaps
    roster = everyone.roster
    columns: dict[str, Any] = {
        protocol.columns.patient: roster.patient,
        protocol.columns.center: roster.center.tolist(),
        protocol.columns.cohort: roster.cohort.tolist(),
    }
    if isinstance(everyone, SurvivalStudy):
        columns |= _survival_columns(everyone, everyone.protocol)
    else:
        if everyone.protocol.columns.cluster is not None and everyone.cluster is not None:
            columns[everyone.protocol.columns.cluster] = everyone.cluster.tolist()
        columns[everyone.protocol.outcome.column] = everyone.y_true.astype(int).tolist()
        for name, model in everyone.protocol.models.items():
            for one, column in _imputed(everyone, listed(model.probability)):
                columns[column] = one.y_prob[name].tolist()
    for column, empty in gaps.items():
        cells = zip(columns[column], empty.tolist(), strict=True)
        columns[column] = ["" if gap else value for value, gap in cells]
    columns |= written(roster.characteristics, columns)
    return columns_csv(columns)


def _imputed(study: AnyStudy, columns: Sequence[str]) -> Iterator[tuple[AnyStudy, str]]:
    """Yield each column of a prediction with the study that holds its values."""
    if len(columns) < 2:
        return ((study, column) for column in columns)
    return zip(study.imputations, columns, strict=True)


def _survival_columns(study: SurvivalStudy, protocol: SurvivalProtocol) -> dict[str, Any]:
    columns: dict[str, Any] = {
        protocol.outcome.time: study.time.tolist(),
        protocol.outcome.event: _event_codes(study, protocol),
    }
    if protocol.outcome.entry is not None and study.entry is not None:
        columns[protocol.outcome.entry] = study.entry.tolist()
    for name, model in protocol.models.items():
        for one, column in _imputed(study, listed(model.linear_predictor or [])):
            columns[column] = one.linear_predictor[name].tolist()
        for horizon, named in model.risk.items():
            for one, column in _imputed(study, listed(named)):
                columns[column] = one.risk[name, horizon].tolist()
    return columns


def _event_codes(study: SurvivalStudy, protocol: SurvivalProtocol) -> list[int]:
    """Return 0, the cause of interest, and another number for every competing event."""
    cause = protocol.outcome.cause
    if cause is None:
        return list(study.kind.tolist())
    other = 2 if cause == 1 else 1
    return [(0, cause, other)[kind] for kind in study.kind.tolist()]


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _put_in_place(temporary: Path, out: Path) -> None:
    """Rename `temporary` to `out`; an older `out` is set aside first and put back on failure."""
    aside = out.parent / f".{out.name}.{os.getpid()}.old"
    replaced = out.exists()
    if replaced:
        out.rename(aside)
    try:
        temporary.rename(out)
    except OSError:
        if replaced:
            aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)
