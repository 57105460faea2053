"""One case at a time: what a worker process does, and the files that let a killed run resume.

A case's features are kept in a Parquet file under a key made of the bytes of image and mask, the
label, every setting and every version. A changed setting or a repaired mask has another key and
is computed anew; nothing else is. A failure is never kept, so that it is tried again.
"""

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from extval.features import deep, handcrafted
from extval.features.deep import DeepSettings
from extval.features.errors import CaseError
from extval.features.handcrafted import Parameters
from extval.features.images import MaskGrid, Pair, file_sha256, read_pair
from extval.features.manifest import Case
from extval.features.roi_quality import Preparation, RoiRecord, measure

KEY_SCHEMA = "extval-case/1"
_DIAGNOSTICS = b"diagnostics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a case's features depend on, apart from its files.

    `names` are the handcrafted features in their order, as the self-test found them. `versions`
    are those of the main process; a worker with others refuses to work.
    """

    mask_grid: MaskGrid
    preparation: Preparation
    handcrafted: Parameters | None = None
    names: tuple[str, ...] = ()
    deep: DeepSettings | None = None
    deep_sha256: str = ""
    handcrafted_versions: tuple[tuple[str, str], ...] = ()
    deep_versions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A case that gives no features, or not all of them, and why."""

    patient: str
    phase: str
    reader: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found before extraction: the region's properties, or why the case is refused."""

    case: Case
    image_sha256: str = ""
    mask_sha256: str = ""
    record: RoiRecord | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """How one case went. `seconds` is the worker's time, `inside` the part within pyradiomics."""

    case: Case
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0
    inside: float = 0.0
    voxels: int = 0
    computed: int = 0
    reused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The features of one case as they were kept, with their diagnostics."""

    values: dict[str, float]
    diagnostics: dict[str, Any]


def inspect_case(case: Case, settings: Settings, folder: Path, *, keep_outline: bool) -> Inspection:
    """Return the properties of a case's region, from its kept file if nothing has changed."""
    image_hash = mask_hash = ""
    try:
        image, mask = case.files()
        image_hash, mask_hash = file_sha256(image), file_sha256(mask)
        key = _key(
            "roi",
            case,
            (image_hash, mask_hash),
            {
                "mask_grid": settings.mask_grid,
                "preparation": asdict(settings.preparation),
                "outline": keep_outline,
            },
        )
        path = folder / f"roi-{key}.json"
        record = _read_record(path)
        if record is None:
            pair = _pair(case, settings)
            record = measure(pair, settings.preparation, keep_outline=keep_outline)
            _write_atomically(path, _record_bytes(record))
    except Exception as error:  # one bad case must not stop the others
        return Inspection(
            case=case,
            image_sha256=image_hash,
            mask_sha256=mask_hash,
            failure=as_failure(case, error),
        )
    return Inspection(case=case, image_sha256=image_hash, mask_sha256=mask_hash, record=record)


def extract_case(inspection: Inspection, settings: Settings, folder: Path) -> Extracted:
    """Compute and keep whatever features of a case are not kept yet."""
    case, started = inspection.case, time.perf_counter()
    failures: list[Failure] = []
    pair: Pair | None = None
    inside, voxels, computed, reused = 0.0, 0, 0, 0
    for stage in stages(settings):
        path = stored_path(inspection, settings, folder, stage)
        kept = read_stored(path)
        if kept is None or set(kept.values) != set(stage_names(settings, stage)):
            try:
                pair = pair or _pair(case, settings)
                _check_versions(settings, stage)
                kept, spent = _compute(stage, pair, settings)
                inside += spent
                _write_atomically(path, _stored_bytes(kept))
                computed += 1
            except Exception as error:  # one bad case must not stop the others
                failures.append(as_failure(case, error))
                continue
        else:
            reused += 1
        failures += _undefined(case, kept)
        voxels = max(voxels, _voxels(kept))
    return Extracted(
        case=case,
        failures=tuple(failures),
        seconds=time.perf_counter() - started,
        inside=inside,
        voxels=voxels if computed else 0,
        computed=computed,
        reused=reused,
    )


def stages(settings: Settings) -> tuple[str, ...]:
    """Return which kinds of features are asked for."""
    wanted = (("handcrafted", settings.handcrafted), ("deep", settings.deep))
    return tuple(name for name, asked in wanted if asked is not None)


def stage_names(settings: Settings, stage: str) -> tuple[str, ...]:
    """Return the feature names of one kind, in their order."""
    if stage == "handcrafted":
        return settings.names
    assert settings.deep is not None
    return deep.feature_names(settings.deep)


def stored_path(inspection: Inspection, settings: Settings, folder: Path, stage: str) -> Path:
    """Return the file that keeps one kind of features of a case."""
    hashes = (inspection.image_sha256, inspection.mask_sha256)
    chosen: dict[str, Any] = {"mask_grid": settings.mask_grid}
    if stage == "handcrafted":
        assert settings.handcrafted is not None
        chosen |= {
            "content": settings.handcrafted.content,
            "names": settings.names,
            "versions": dict(settings.handcrafted_versions),
        }
    else:
        assert settings.deep is not None
        chosen |= {
            "network": settings.deep.network,
            "layer": settings.deep.layer,
            "weights": settings.deep_sha256,
            "crop": asdict(settings.deep.crop),
            "intensity": type(settings.deep.crop.intensity).__name__,
            "versions": dict(settings.deep_versions),
        }
    return folder / f"{stage}-{_key(stage, inspection.case, hashes, chosen)}.parquet"


def read_stored(path: Path) -> Stored | None:
    """Return the kept features of a case, or None where there are none that can be read."""
    try:
        table = pq.read_table(path)
        values = dict(zip(table["feature"].to_pylist(), table["value"].to_pylist(), strict=True))
        diagnostics = json.loads((table.schema.metadata or {})[_DIAGNOSTICS])
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return None
    return Stored(values=values, diagnostics=diagnostics)


def as_failure(case: Case, error: Exception) -> Failure:
    """Return the row of a case that could not be used."""
    if isinstance(error, CaseError):
        return failure(case, error.code, error.sentence)
    if isinstance(error, MemoryError):
        return failure(case, "out-of-memory", "the worker ran out of memory.")
    line = str(error).strip().splitlines()
    said = line[0] if line else "no reason given"
    return failure(case, "unexpected", f"{type(error).__name__}: {said}")


def failure(case: Case, code: str, reason: str, *, phase: str | None = None) -> Failure:
    """Return the failure of a case, or of another phase of its patient."""
    return Failure(
        patient=case.patient,
        phase=case.phase if phase is None else phase,
        reader=case.reader,
        code=code,
        reason=reason,
    )


def remove_parts(folder: Path) -> None:
    """Remove what a killed run left half-written."""
    for path in folder.glob(".*.part"):
        path.unlink(missing_ok=True)


def _pair(case: Case, settings: Settings) -> Pair:
    image, mask = case.files()
    return read_pair(image, mask, label=case.label, mask_grid=settings.mask_grid)


def _compute(stage: str, pair: Pair, settings: Settings) -> tuple[Stored, float]:
    if stage == "deep":
        assert settings.deep is not None
        return Stored(values=deep.extract(pair, settings.deep), diagnostics={}), 0.0
    assert settings.handcrafted is not None
    found = _extractor(_frozen(settings.handcrafted)).extract(pair.image, pair.roi)
    missing = [name for name in settings.names if name not in found.values]
    if missing or len(found.values) != len(settings.names):
        kinds = ", ".join(dict.fromkeys(name.split("_")[0] for name in missing)) or "none"
        said = found.diagnostics.get("diagnostics_Log") or "without a word"
        raise CaseError(
            "features-missing",
            f"pyradiomics gives {len(found.values)} of {len(settings.names)} features; missing "
            f"are those of {kinds} ({said}).",
        )
    values = {name: found.values[name] for name in settings.names}
    return Stored(values=values, diagnostics=found.diagnostics), found.seconds


class _Frozen:
    """Parameters that can be a dictionary key: equal where their content is."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.text = _canonical(parameters.content)

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and other.text == self.text


def _frozen(parameters: Parameters) -> _Frozen:
    return _Frozen(parameters)


@lru_cache(maxsize=1)
def _extractor(frozen: _Frozen) -> handcrafted.Extractor:
    return handcrafted.Extractor(frozen.parameters)


def _check_versions(settings: Settings, stage: str) -> None:
    here = handcrafted.versions() if stage == "handcrafted" else deep.versions()
    there = dict(
        settings.handcrafted_versions if stage == "handcrafted" else settings.deep_versions
    )
    for name, version in there.items():
        if here.get(name) != version:
            raise CaseError(
                "other-versions",
                f"this worker has {name} {here.get(name, 'not installed')}, the main process "
                f"{version}. Install the same versions everywhere.",
            )


def _undefined(case: Case, kept: Stored) -> list[Failure]:
    """Return a row for features that pyradiomics could not compute; their cells stay empty."""
    names = [name for name, value in kept.values.items() if not isfinite(value)]
    if not names:
        return []
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    listed = ", ".join(names[:3])
    return [failure(case, "undefined-features", f"not defined on this region: {listed}{more}.")]


def _voxels(kept: Stored) -> int:
    """Return the voxels of the region as the features saw it, after resampling."""
    for step in ("resegmented", "interpolated", "original"):
        count = kept.diagnostics.get(f"diagnostics_Mask-{step}_VoxelNum")
        if count is not None:
            return int(count)
    return 0


def _key(kind: str, case: Case, hashes: tuple[str, str], chosen: Mapping[str, Any]) -> str:
    text = _canonical(
        {
            "schema": KEY_SCHEMA,
            "kind": kind,
            "image": hashes[0],
            "mask": hashes[1],
            "label": case.label,
            "settings": chosen,
        }
    )
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    return str(value)


def _stored_bytes(kept: Stored) -> bytes:
    table = pa.table(
        {
            "feature": pa.array(list(kept.values), pa.string()),
            "value": pa.array(list(kept.values.values()), pa.float64()),
        }
    )
    text = json.dumps(kept.diagnostics, sort_keys=True)
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({_DIAGNOSTICS: text}), sink)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _record_bytes(record: RoiRecord) -> bytes:
    plain = asdict(record)
    if record.outline is not None:
        start, shape, packed = record.outline
        plain["outline"] = [start, shape, base64.b64encode(packed).decode()]
    return json.dumps(plain).encode()


def _read_record(path: Path) -> RoiRecord | None:
    try:
        plain = json.loads(path.read_bytes())
        for name in ("size", "spacing", "labels", "centroid"):
            plain[name] = tuple(plain[name])
        plain["codes"] = tuple(tuple(code) for code in plain["codes"])
        if plain["outline"] is not None:
            start, shape, packed = plain["outline"]
            plain["outline"] = (tuple(start), tuple(shape), base64.b64decode(packed))
        return RoiRecord(**plain)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_atomically(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)


def sizes(cases: Sequence[Case]) -> list[int]:
    """Return the bytes of each case's mask and image, as a guess of the work in it."""
    found = []
    for case in cases:
        total = 0
        for path in (case.image, case.mask):
            if path is not None and path.is_file():
                total += path.stat().st_size
        found.append(total)
    return found
