"""Fits that are kept: what is stored of one, and the key of everything that it depends on."""

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.features.modelling.audit import (
    FitRecord,
)
from extval.validate import procedures
from extval.validate.errors import InputError
from extval.validate.locked_model import LockedModel
from extval.validate.model_plan import CombinedPlan
from extval.validate.run_data import RunData, sha256_of
from extval.validate.study_file import Run

FORMAT = "extval-fit/9"
PACKAGES = ("numpy", "scipy", "pandas", "numba", "scikit-learn", "imbalanced-learn")

Tables = dict[str, dict[str, list[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFit:
    """A model fitted and locked.

    Attributes
    ----------
    model : LockedModel
        Without thresholds yet: those come from the development predictions.
    classifier : bytes or None
        Content of the classifier's file.
    development : mapping of column to list
        Out-of-fold predictions of the development patients: `score`, and `probability` or
        `risk_...`; `apparent_...` are those of the locked model.
    records : tuple of FitRecord
        Whom every step of every fit saw.
    tables : mapping
        Tidy tables for the reader, by kind.
    """

    model: LockedModel
    classifier: bytes | None
    development: Mapping[str, list[float]]
    records: tuple[FitRecord, ...]
    tables: Tables = field(default_factory=dict)


def key_of(study: Run, data: RunData, name: str, outcome: NDArray[Any]) -> str:
    """Return a key of everything that the fit of a model depends on."""
    plan = study.models[name].plan
    parts: dict[str, Any] = {name: study.models[name].model_dump(mode="json")}
    if isinstance(plan, CombinedPlan):
        for part in (plan.signature, plan.clinical):
            if part is not None:
                parts[part] = study.models[part].model_dump(mode="json")
    content = {
        "format": FORMAT,
        "name": name,
        "models": parts,
        "preparation": study.preparation.model_dump(mode="json"),
        "internal_validation": study.internal_validation.model_dump(mode="json"),
        "outcome": study.outcome.model_dump(mode="json"),
        "seed": study.seed,
        "level": study.confidence_level,
        "data": sha256_of(data.table[data.development], outcome),
        "external": _external_key(study, data, name),
        "reader_kinds": procedures.reader_kinds(study, data.readings),
        "readings": {
            reader: sha256_of(values, np.zeros(0)) for reader, values in data.readings.items()
        },
        "versions": {item: metadata.version(item) for item in ("extval", *PACKAGES)},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _external_key(study: Run, data: RunData, name: str) -> str:
    """Return the hash of external features where a fit sees them (joint ComBat), else nothing."""
    wanted = procedures.harmonisation_of(study, name)
    if wanted is None or wanted.new_batch != "joint":
        return ""
    return sha256_of(data.table[~data.development], np.zeros(0))


def store(path: Path, found: StoredFit) -> None:
    """Write a fit under its key, whole or not at all."""
    content = {
        "format": FORMAT,
        "model": found.model.model_dump(mode="json", by_alias=True),
        "classifier": None
        if found.classifier is None
        else base64.b64encode(found.classifier).decode(),
        "development": dict(found.development),
        "records": [asdict(record) for record in found.records],
        "tables": found.tables,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part")  # two runs may share the folder
    try:
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def revived(path: Path) -> StoredFit | None:
    """Return a stored fit; None where there is none, or none that can be read."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        coded = raw["classifier"]
        return StoredFit(
            model=LockedModel.model_validate(raw["model"]),
            classifier=None if coded is None else base64.b64decode(coded),
            development=raw["development"],
            records=tuple(
                FitRecord(**(item | {key: tuple(item[key]) for key in ("patients", "unseen")}))
                for item in raw["records"]
            ),
            tables=raw["tables"],
        )
    except (OSError, ValueError, KeyError, TypeError):  # absent, cut short, or of another version
        return None
