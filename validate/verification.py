"""Recompute a results folder from its inputs and name every file or number that differs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from extval.validate import folder as results_folder
from extval.validate.errors import InputError
from extval.validate.locked_model import read_model
from extval.validate.store import (
    BaselineRow,
    ComparisonRow,
    MetricRow,
    MissingPatternRow,
    MissingRow,
    Results,
)

StoredRow = MetricRow | ComparisonRow | BaselineRow | MissingRow | MissingPatternRow

MAX_LISTED = 20
LEARNED = ("models/", "study.yaml")  # learned from features, which a results folder does not hold
_ROW_KEYS = (
    *("by", "cohort", "center", "group", "subgroup", "level_name"),
    *("variable", "category", "measure", "column", "pattern"),
    *("predictor", "contrast"),
    *("model", "model_a", "model_b", "metric", "horizon", "threshold"),
)


def changed_files(folder: Path) -> list[str]:
    """Return a sentence for each file that is not as the manifest says."""
    manifest = results_folder.read_manifest(folder)
    recorded = {item["path"]: item["sha256"] for item in manifest["outputs"]}
    present = set(results_folder.listed_files(folder))
    found = [f"{name} is missing." for name in sorted(set(recorded) - present)]
    found += [
        f"{name} is not in the manifest: it was added afterwards."
        for name in sorted(present - set(recorded))
    ]
    found += [
        f"{name} was changed after it was written: its sha256 is not the manifest's."
        for name in sorted(present & set(recorded))
        if results_folder.sha256(folder / name) != recorded[name]
    ]
    return found


def unlocked_models(folder: Path, recorded: Results) -> list[str]:
    """Return a sentence for each locked model that is not as it was locked and evaluated."""
    evaluated = {row.name: row for row in recorded.models}
    found = []
    for path in sorted((folder / "models").glob("*.json")):
        try:
            model = read_model(path)
        except InputError as error:
            found.append(str(error))
            continue
        row = evaluated.get(model.name)
        if row is not None and row.threshold != model.threshold:
            found.append(
                f"{path.name}: the threshold is {model.threshold}, but {row.threshold} was used."
            )
    return found


def differing_files(folder: Path, again: Path) -> list[str]:
    """Return a sentence for each recorded file whose bytes differ from the recomputation's."""
    recorded = {item["path"] for item in results_folder.read_manifest(folder)["outputs"]}
    return [
        f"{name} differs from its recomputation."
        for name in results_folder.listed_files(folder)
        if name in recorded
        and not name.startswith(LEARNED)
        and (
            not (again / name).is_file()
            or (folder / name).read_bytes() != (again / name).read_bytes()
        )
    ]


def differing_numbers(recorded: Results, again: Results) -> list[str]:
    """Return a sentence for each number that the recomputation does not give."""
    found = list(_differences("metrics.csv", recorded.metrics, again.metrics))
    found += _differences("comparisons.csv", recorded.comparisons, again.comparisons)
    found += _differences("subgroups.csv", recorded.subgroups, again.subgroups)
    found += _differences("baseline.csv", recorded.baseline, again.baseline)
    found += _differences("cox.csv", recorded.cox, again.cox)
    found += _differences("missing.csv", recorded.missing, again.missing)
    patterns = (recorded.missing_patterns, again.missing_patterns)
    found += _differences("missing_patterns.csv", *patterns)
    found += [
        f"frozen model `{mine.name}` differs: {asdict(mine)} was recorded, {asdict(new)} comes out."
        for mine, new in zip(recorded.models, again.models, strict=False)
        if mine != new
    ]
    return found


def limited(sentences: list[str], *, say: Callable[[str], None]) -> None:
    """Say the first sentences, and how many more there are."""
    for sentence in sentences[:MAX_LISTED]:
        say(sentence)
    if len(sentences) > MAX_LISTED:
        say(f"... and {len(sentences) - MAX_LISTED} more.")


def _differences(
    name: str,
    recorded: Sequence[StoredRow],
    again: Sequence[StoredRow],
) -> Iterator[str]:
    mine = {_key(row): asdict(row) for row in recorded}
    new = {_key(row): asdict(row) for row in again}
    for key in {**mine, **new}:
        if key not in new:
            yield f"{name}: {_where(key)} is recorded but does not come out."
        elif key not in mine:
            yield f"{name}: {_where(key)} comes out but is not recorded."
    for key, row in mine.items():
        for column, value in row.items():
            if key in new and new[key][column] != value:
                yield (
                    f"{name}: {_where(key)}, column {column}: {value!r} is recorded, "
                    f"{new[key][column]!r} comes out."
                )


def _key(row: StoredRow) -> tuple[Any, ...]:
    cells = asdict(row)
    return tuple((name, cells[name]) for name in _ROW_KEYS if name in cells)


def _where(key: tuple[Any, ...]) -> str:
    return ", ".join(f"{name} {value}" for name, value in key if value not in ("", None))
