"""The protocol of a run: from its file, or from the flags of the command line."""

from pathlib import Path

from pydantic import ValidationError

from extval.validate import yaml_file
from extval.validate.errors import InputError
from extval.validate.protocol import (
    BinaryProtocol,
    Columns,
    Protocol,
    SurvivalProtocol,
    binary_protocol,
    check_resampling,
)
from extval.validate.protocol_settings import DEFAULT_SEED, Bootstrap, Thresholds

NAMES_OF_RULES = "youden, closest-to-corner, sensitivity:0.9, specificity:0.9 or a probability"


def from_file(path: Path, *, seed: int | None = None, n_resamples: int | None = None) -> Protocol:
    """Return the protocol of a file; a seed or number of resamples given here wins."""
    raw = yaml_file.read_mapping(path)
    kind = raw.get("outcome")
    if not isinstance(kind, dict) or not ({"column", "time"} & set(kind)):
        raise InputError(
            f"{path}, `outcome`: give `column` for a 0/1 outcome, or `time`, `event` and "
            "`horizons` for a time to event."
        )
    form: type[BinaryProtocol | SurvivalProtocol] = (
        SurvivalProtocol if "time" in kind else BinaryProtocol
    )
    protocol: Protocol = yaml_file.parse(form, raw, path)
    changes: dict[str, object] = {}
    if seed is not None:
        changes["seed"] = seed
    if n_resamples is not None:
        changes["bootstrap"] = _bootstrap(n_resamples)
    changed = protocol.model_copy(update=changes)
    if isinstance(changed, BinaryProtocol):
        try:
            check_resampling(changed)
        except ValueError as error:
            raise InputError(f"--bootstrap {n_resamples}: {error}.") from error
    return changed


def from_flags(
    outcome: str | None,
    models: str | None,
    columns: tuple[str, str, str],
    threshold: str,
    *,
    seed: int | None,
    n_resamples: int | None,
) -> BinaryProtocol:
    """Return the protocol that the flags describe; `columns` are patient, center and cohort."""
    if outcome is None or models is None:
        raise InputError("give --outcome and --models (columns of the table), or --protocol FILE.")
    names = [name.strip() for name in models.split(",") if name.strip()]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if not names or doubled:
        what = f"names {doubled[0]} twice" if doubled else "names no column"
        raise InputError(f"--models {what}; give each column once, for example --models RS,DLRN.")
    return binary_protocol(
        outcome=outcome,
        models=names,
        columns=Columns(patient=columns[0], center=columns[1], cohort=columns[2]),
        thresholds=_thresholds(threshold),
        seed=DEFAULT_SEED if seed is None else seed,
        n_resamples=1000 if n_resamples is None else _bootstrap(n_resamples).n_resamples,
    )


def _bootstrap(n_resamples: int) -> Bootstrap:
    """Return the number of resamples that `--bootstrap` gives."""
    try:
        return Bootstrap(n_resamples=n_resamples)
    except ValidationError as error:
        raise InputError(
            f"--bootstrap {n_resamples}: give 0 for no resampling, or a number from 2 to 100,000 "
            "(1000 is usual)."
        ) from error


def _thresholds(text: str) -> Thresholds:
    """Return the rule that `--threshold` names."""
    rule, _, at = text.partition(":")
    raw: dict[str, object] = {"rule": rule}
    try:
        if at:
            raw["at"] = float(at)
        elif rule.replace(".", "", 1).isdigit():
            raw = {"value": float(rule)}
        return Thresholds.model_validate(raw)
    except (ValueError, ValidationError) as error:
        raise InputError(f"--threshold {text!r} is not a rule; give {NAMES_OF_RULES}.") from error
