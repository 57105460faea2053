"""A locked model: everything that predicting needs, in one JSON file that carries its own hash.

The file is written before any external outcome is read, and `extval apply` needs nothing else
(besides the classifier's own file, where there is no formula). See `locked_steps.py` for what a
model can consist of.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from extval.validate.errors import InputError
from extval.validate.locked_steps import ReadClassifier, Step, columns_read

SCHEMA = "extval-model/1"
LISTED = 10

ModelKind = Literal["signature", "clinical", "combined", "formula"]
Link = Literal["logit", "identity", "log-hazard"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ModelOutcome(_Part):
    """What the model predicts."""

    kind: Literal["binary", "survival"]
    name: str
    horizons: list[float] = Field(default_factory=list)
    unit: str | None = None


class Training(_Part):
    """Whom the model was learned from; absent for a formula taken from a publication."""

    n: int
    events: int
    data_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    patients_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class InputRange(_Part):
    """A measurement as development patients had it, for the check of units and shift."""

    low: float
    high: float
    mean: float
    sd: float
    median: float


class Outputs(_Part):
    """Columns that hold the score and what it means."""

    score: str
    probability: str | None = None
    risk: dict[str, str] = Field(default_factory=dict)


class LockedModel(_Part):
    """A model as it was frozen on development patients.

    Attributes
    ----------
    name, kind : str
        Its name in the study, and what it is: `signature`, `clinical`, `combined` or `formula`.
    link : {"logit", "identity", "log-hazard"}
        Scale of the score. An identity-linked score (a linear LASSO of a 0/1 outcome) is no
        log odds.
    inputs : mapping
        Ranges of the numeric inputs in development patients.
    steps : list
        What is computed, in order.
    threshold, risk_group_cuts
        Frozen on development predictions; None and empty when there are none.
    source : str
        A citation, or the study file that it came from.
    sha256 : str
        Of the file's other content in canonical form.
    """

    schema_: Literal["extval-model/1"] = Field(default="extval-model/1", alias="schema")
    name: Annotated[str, Field(min_length=1)]
    kind: ModelKind
    outcome: ModelOutcome
    link: Link
    inputs: dict[str, InputRange] = Field(default_factory=dict)
    steps: Annotated[list[Step], Field(min_length=1)]
    outputs: Outputs
    threshold: float | None = None
    threshold_rule: str = ""
    risk_group_cuts: list[float] = Field(default_factory=list)
    risk_group_rule: str = ""
    training: Training | None = None
    cautions: list[str] = Field(default_factory=list)
    source: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    sha256: str = ""

    @model_validator(mode="after")
    def _outputs_are_written(self) -> "LockedModel":
        written = {
            name
            for step in self.steps
            for name in (
                list(step.outputs.values())
                if step.step == "survival"
                else [step.output]
                if hasattr(step, "output")
                else []
            )
        }
        wanted = [self.outputs.score, *self.outputs.risk.values()]
        wanted += [] if self.outputs.probability is None else [self.outputs.probability]
        for name in wanted:
            if name not in written:
                raise ValueError(f"no step writes `{name}`, which `outputs` names")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that a table must have."""
        return columns_read(list(self.steps))

    def predict(self, table: pd.DataFrame, read: ReadClassifier) -> pd.DataFrame:
        """Return score, probability and risks of every row; the index is the patients'.

        Parameters
        ----------
        table : DataFrame
            One row a patient, with `columns` among its columns; others are ignored. There is no
            way to hand an outcome to a model.
        read : callable
            Given the name and the sha256 of a classifier's file, returns the classifier; see
            `classifier_in` and `classifier_from`.

        Raises
        ------
        InputError
            If a column is missing (all are named), or a cell cannot be used (patient named).
        """
        missing = [column for column in self.columns if column not in table.columns]
        if missing:
            more = f", ... ({len(missing) - LISTED} more)" if len(missing) > LISTED else ""
            raise InputError(
                f"model `{self.name}` needs {len(missing)} column"
                f"{'s' if len(missing) > 1 else ''} that the table does not have: "
                f"{', '.join(f'`{name}`' for name in missing[:LISTED])}{more}."
            )
        work = table[list(self.columns)]
        for step in self.steps:
            work = step.apply(work, read)
        wanted = {"score": self.outputs.score}
        if self.outputs.probability is not None:
            wanted["probability"] = self.outputs.probability
        wanted |= {f"risk_{time}": column for time, column in self.outputs.risk.items()}
        return pd.DataFrame({name: work[column] for name, column in wanted.items()})


def locked(model: LockedModel) -> LockedModel:
    """Return the model with its own hash filled in."""
    return model.model_copy(update={"sha256": _digest(_plain(model))})


def to_json(model: LockedModel) -> str:
    """Return the text of the model file."""
    return json.dumps(_plain(model), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def read_model(path: Path) -> LockedModel:
    """Return the model in a file, after checking its schema and its hash.

    Raises
    ------
    InputError
        If the file is no model, names an unknown step, or was changed after it was locked.
    """
    model, found = _read(path)
    if not model.sha256:
        raise InputError(
            f"{path} is not locked: `sha256` is empty. Lock it with "
            f"`extval lock {path} --out LOCKED.json`."
        )
    if model.sha256 != found:
        raise InputError(
            f"{path} was changed after it was locked: its sha256 is {found[:12]}..., the file says "
            f"{model.sha256[:12]}... Take the original file."
        )
    return model


def read_unlocked(path: Path) -> LockedModel:
    """Return the model in a file written by hand, its `sha256` still absent or empty.

    Raises
    ------
    InputError
        If the file is no model, or was locked before and changed since.
    """
    model, found = _read(path)
    if model.sha256 and model.sha256 != found:
        raise InputError(
            f"{path} was locked before and changed since. Take the original file; or, if this is "
            "to be a model of its own, empty its `sha256`."
        )
    return model


def _read(path: Path) -> tuple[LockedModel, str]:
    """Return the model in a file and the hash of its content."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise InputError(f"{path} does not follow schema {SCHEMA}; it is no locked model.")
    try:
        return LockedModel.model_validate(raw), _digest(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "(top level)"
        raise InputError(f"{path}, `{where}`: {first['msg']}.") from error


def _plain(model: LockedModel) -> dict[str, Any]:
    plain: dict[str, Any] = model.model_dump(mode="json", by_alias=True)
    return plain


def _digest(plain: dict[str, Any]) -> str:
    """Return the hash of everything but the hash: sorted keys, no blanks."""
    content = {key: value for key, value in plain.items() if key != "sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def classifier_in(folder: Path) -> ReadClassifier:
    """Return a reader of the classifier's file in a folder, for `LockedModel.predict`."""

    def read(file: str, digest: str) -> Any:
        path = folder / Path(file).name
        if not path.is_file():
            raise InputError(f"{path} is missing; the model's classifier lies in it.")
        return classifier_from(path.read_bytes())(str(path), digest)

    return read


def classifier_from(content: bytes | None) -> ReadClassifier:
    """Return a reader of a classifier that is in memory, for `LockedModel.predict`."""

    def read(file: str, digest: str) -> Any:
        from extval.features.modelling.classifier_file import from_bytes  # noqa: PLC0415

        if content is None or hashlib.sha256(content).hexdigest() != digest:
            raise InputError(f"{file} is not the classifier that was locked: its sha256 differs.")
        try:
            return from_bytes(content)
        except ValueError as error:
            raise InputError(f"{file}: {error}") from error

    return read
