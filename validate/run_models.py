"""The second stage of `extval run`: models fitted on development, locked, and their predictions.

External outcomes are read here by nobody but a choice on external patients that the study asks
for, and by `write_predictions`, which comes when every model is locked.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from extval.features.modelling.shift import shift_of
from extval.validate import fitting, locked_model, modelling_tables, yaml_file
from extval.validate.applying import new_batches
from extval.validate.errors import InputError
from extval.validate.external_choice import candidates_of, chosen, fit_candidates
from extval.validate.freezing import with_cuts, with_threshold
from extval.validate.locked_model import LockedModel
from extval.validate.protocol import (
    BinaryModel,
    BinaryOutcome,
    BinaryProtocol,
    Protocol,
    SurvivalModel,
    SurvivalProtocol,
    resolved,
)
from extval.validate.run_data import RunData, naming, read_run_data
from extval.validate.stored_fit import StoredFit
from extval.validate.study_file import BinaryRun, Run
from extval.validate.tidy_table import tidy_csv

COMPETING = (
    "The models were learned with competing events as censored: their risks are 1 - exp(-H) of the "
    "cause of interest, which exceeds the share of patients who will have it when competing events "
    "are frequent. O:E(t) and calibration show by how much."
)

Progress = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What the second stage hands on: everything but external outcomes."""

    study: Run
    data: RunData
    fits: Mapping[str, StoredFit]
    locked: Mapping[str, LockedModel]
    predictions: pd.DataFrame
    tables: modelling_tables.Tables
    order: tuple[Mapping[str, str], ...]


def fit_models(
    study: Run,
    study_file: Path,
    features: tuple[Path | None, dict[str, Path]],
    stages: Path,
    *,
    n_jobs: int,
    progress: Progress,
    say: Say,
) -> Models:
    """Return the locked models, and what they predict for patients whose outcomes are unread."""
    data = read_run_data(study, study_file.parent / study.clinical.table, *features)
    data, excluded, who = _complete(data)
    for sentence in excluded:
        say(f"{sentence} They are {who}.")
    data.check_predictors()
    outcome = data.outcome_of(data.development)
    external = data.table[~data.development]
    order = [{"event": "development outcomes read", "patients": str(outcome.size)}]

    def fit(name: str, wanted: Run) -> StoredFit:
        with progress(f"Fitting {name}") as watch:
            return fitting.fit_model(
                wanted, data, outcome, name, cache=stages / "models", n_jobs=n_jobs, watch=watch
            )

    fits: dict[str, StoredFit] = {}
    # A choice on external patients comes last: nothing is fitted after their outcomes are read.
    names = fitting.order_of(study)
    for name in sorted(names, key=lambda name: candidates_of(study, name) is not None):
        if isinstance(study, BinaryRun) and candidates_of(study, name) is not None:
            candidates = fit_candidates(study, name, partial(fit, name))
            order.append(
                {
                    "event": "external outcomes read to choose a classifier (see the caution)",
                    "model": name,
                    "candidates": str(len(candidates)),
                }
            )
            answers = data.outcome_of(~data.development)
            fits[name] = chosen(name, candidates, external, answers)
        else:
            fits[name] = fit(name, study)
    fits = {name: fits[name] for name in study.models}
    locked = _with_thresholds(study, data, outcome, fits)
    order += [
        {"event": "model locked", "model": name, "sha256": model.sha256}
        for name, model in locked.items()
    ]
    predicted = {}
    for name, model in locked.items():
        with naming(f"model {name}"):
            predicted[name] = model.predict(
                external, locked_model.classifier_from(fits[name].classifier)
            )
        order.append(
            {"event": "external patients predicted", "model": name, "patients": str(len(external))}
        )
    tables = modelling_tables.joined([fit.tables for fit in fits.values()])
    records = [record for fit in fits.values() for record in fit.records]
    tables["audit"] = modelling_tables.audit(records, frozenset(map(str, external.index)))
    tables["shift"] = _shift(locked, external)
    cautions = [*excluded, *_harmonised(locked, external)]
    if not isinstance(study.outcome, BinaryOutcome) and study.outcome.cause is not None:
        cautions.append(COMPETING)
    cautions += [text for fit in fits.values() for text in fit.model.cautions]
    tables["cautions"] = {"sentence": list(dict.fromkeys(cautions))}
    return Models(
        study=study,
        data=data,
        fits=fits,
        locked=locked,
        predictions=_predictions(study, data, fits, predicted),
        tables=tables,
        order=tuple(order),
    )


def write_models(target: Path, found: Models) -> None:
    """Write `models/` (the locked files) and `study.yaml` into a folder."""
    models = target / "models"
    models.mkdir(parents=True)
    for name, model in found.locked.items():
        text = locked_model.to_json(model)
        (models / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")
        content = found.fits[name].classifier
        if content is not None:
            (models / f"{name}.skops").write_bytes(content)
    study = yaml_file.dump(resolved(found.study))
    (target / "study.yaml").write_text(study, encoding="utf-8", newline="\n")


def write_predictions(path: Path, found: Models) -> None:
    """Write the table that is evaluated: now, and only now, external outcomes are read."""
    data, study = found.data, found.study
    table = found.predictions.copy()
    data.outcome_of(np.ones(len(table), dtype=np.bool_))  # every cell is one, or the run stops
    outcome, columns = study.outcome, study.columns
    clinical = data.table.drop(columns=list(data.features))
    names = {columns.patient: list(map(str, table.index))}
    read = (
        (outcome.column,) if isinstance(outcome, BinaryOutcome) else (outcome.time, outcome.event)
    )
    answer = {}
    for column in read:
        cells = data.clinical.measurement_text(column)
        answer[column] = [cells[row] for row in data.order]
    whole = pd.concat(
        [
            pd.DataFrame(names, index=table.index),
            pd.DataFrame(answer, index=table.index),
            clinical,
            table,
        ],
        axis=1,
    )
    path.write_text(_csv({c: whole[c].tolist() for c in whole.columns}), encoding="utf-8")


def _complete(data: RunData) -> tuple[RunData, list[str], str]:
    """Return the patients with features, a sentence on the others, and who they are.

    The sentence goes into files that may be published and names nobody.
    """
    missing = data.study.preparation.missing
    values = data.table[list(data.features)]
    if values.empty or not values.size:
        return data, [], ""
    absent = values.isna()
    gone = absent.all(axis=1)
    phases = {name: _phase(name) for name in data.features}
    for phase in sorted(set(phases.values())):
        columns = [name for name in data.features if phases[name] == phase]
        gone |= absent[columns].all(axis=1)
    count = int(gone.sum())
    if not count:
        return data, [], ""
    who = ", ".join(map(str, values.index[gone][:5])) + (", ..." if count > 5 else "")
    text = "1 patient lacks" if count == 1 else f"{count} patients lack"
    text += f" a phase or all features ({int(gone[data.development].sum())} of development, "
    text += f"{int(gone[~data.development].sum())} external)"
    if missing.rule == "impute":
        text += "; empty cells were filled with development medians, so their scores say little."
        return data, [text], who
    keep = ~gone.to_numpy()
    kept = replace(
        data,
        order=data.order[keep],
        table=data.table[keep],
        development=data.development[keep],
    )
    for inside, cohort in ((kept.development, "development"), (~kept.development, "external")):
        if not inside.any():
            raise InputError(f"{text}, and no {cohort} patient is left. They are {who}.")
    return kept, [f"{text}; left out, as `missing.rule: exclude` says."], who


def _phase(name: str) -> str:
    return name.split("__", 1)[0] if "__" in name else ""


def _with_thresholds(
    study: Run, data: RunData, outcome: Any, fits: Mapping[str, StoredFit]
) -> dict[str, LockedModel]:
    """Return the models with thresholds or risk-group cuts from development, locked."""
    found = {}
    for name, fit in fits.items():
        chosen = _predictions_used(study, fit)
        if isinstance(study, BinaryRun):
            row = with_threshold(
                name, {}, study.thresholds, outcome == 1, np.asarray(chosen["probability"])
            )
        else:
            row = with_cuts(name, {}, study.risk_groups, np.asarray(chosen["score"]))
        changes = {
            "threshold": row.threshold,
            "threshold_rule": row.threshold_rule,
            "risk_group_cuts": list(row.risk_group_cuts),
            "risk_group_rule": row.risk_group_rule,
            "source": study.title or "",
        }
        found[name] = locked_model.locked(fit.model.model_copy(update=changes))
    return found


def _predictions_used(study: Run, fit: StoredFit) -> dict[str, list[float]]:
    """Return the development predictions that the study asks for: out-of-fold, or apparent."""
    apparent = study.internal_validation.predictions == "apparent"
    return {
        column: fit.development[f"apparent_{column}" if apparent else column]
        for column in fit.development
        if not column.startswith("apparent_")
    }


def _predictions(
    study: Run,
    data: RunData,
    fits: Mapping[str, StoredFit],
    external: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """Return what every model predicts: development as the study asks, external by the lock."""
    columns: dict[str, pd.Series[float]] = {}
    inside = data.table.index[data.development]
    for name, fit in fits.items():
        for output, values in _predictions_used(study, fit).items():
            if output == "score" and not is_time_to_event(study):
                continue
            whole = pd.concat([pd.Series(values, index=inside), external[name][output]])
            columns[_column(name, output)] = whole.loc[data.table.index]
    return pd.DataFrame(columns)


def is_time_to_event(study: Run) -> bool:
    """Return whether the outcome is a time to event."""
    return not isinstance(study, BinaryRun)


def _column(model: str, output: str) -> str:
    """Return the column of the predictions table: the model's name for its probability."""
    return model if output == "probability" else f"{model}_{output}"


def _shift(locked: Mapping[str, LockedModel], external: pd.DataFrame) -> modelling_tables.Columns:
    """Return how far the external measurements are from the development's, input by input."""
    frames = []
    for name, model in locked.items():
        if not model.inputs:
            continue
        summary = pd.DataFrame(
            {key: value.model_dump() for key, value in model.inputs.items()}
        ).T.astype(np.float64)
        values = pd.DataFrame(
            {column: pd.to_numeric(external[column], errors="coerce") for column in summary.index}
        )
        found = shift_of(summary, values)
        found.insert(0, "feature", list(map(str, found.index)))
        found.insert(0, "model", name)
        frames.append(found)
    if not frames:
        return {}
    whole = pd.concat(frames, ignore_index=True)
    return {str(column): whole[column].tolist() for column in whole.columns}


def _harmonised(locked: Mapping[str, LockedModel], external: pd.DataFrame) -> list[str]:
    """Return a sentence for each external batch that development did not have, models together."""
    named: dict[str, list[str]] = {}
    for name, model in locked.items():
        for sentence in new_batches(model, external, "external patient"):
            named.setdefault(sentence, []).append(name)
    return [f"{', '.join(names)}: {sentence}" for sentence, names in named.items()]


def _csv(columns: Mapping[str, list[Any]]) -> str:
    return tidy_csv(list(columns), zip(*columns.values(), strict=True))


def protocol_of(study: Run) -> Protocol:
    """Return the protocol of the evaluation: the study's analyses with the models' columns."""
    given = {
        key: getattr(study, key)
        for form in (BinaryProtocol, SurvivalProtocol)
        for key in form.model_fields
        if key in type(study).model_fields and key != "models"
    }
    if isinstance(study.outcome, BinaryOutcome):
        models = {name: BinaryModel(probability=name) for name in study.models}
        return BinaryProtocol(**given, models=models)
    survival = {
        name: SurvivalModel(
            linear_predictor=_column(name, "score"),
            risk={time: _column(name, f"risk_{time:g}") for time in study.outcome.horizons},
        )
        for name in study.models
    }
    return SurvivalProtocol(**given, models=survival)
