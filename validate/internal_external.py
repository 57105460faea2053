"""Internal-external cross-validation: every centre is predicted by models of the other centres.

It shows how the modelling procedure, not one locked model, travels between centres. Over the whole
study it uses outcomes of external centres for fitting, so it runs after the locked models are
judged and never touches them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone

from extval.validate import across_centers, binary, procedures, survival
from extval.validate.cohort import ALL_CENTERS, Group
from extval.validate.errors import InputError
from extval.validate.findings import Findings, GroupFindings
from extval.validate.run_data import RunData
from extval.validate.store import MetricRow, ModelRow
from extval.validate.study import BinaryStudy, Study, SurvivalStudy
from extval.validate.study_file import BinaryRun, Run

ROLE = "iecv"
METRICS = (
    *("auc", "oe_ratio", "calibration_intercept", "calibration_slope", "brier"),
    *("c_harrell", "c_uno", "oe_t"),
)
COLUMNS = (
    *("model", "center", "metric", "horizon", "estimate", "se", "lower", "upper"),
    *("method", "n", "events", "note"),
)

Watch = Callable[[int, int], None]


def internal_external(
    study: Run,
    data: RunData,
    outcome: NDArray[Any],
    evaluated: Study,
    models: Sequence[ModelRow],
    *,
    utility_at: float,
    n_jobs: int,
    watch: Watch,
) -> dict[str, list[Any]]:
    """Return the rows of every centre that was left out once, and what they give together.

    Parameters
    ----------
    outcome : ndarray of shape (n,)
        Outcomes of all patients of `data`.
    evaluated : Study
        The study as it was evaluated: the same patients in the same order.
    models : sequence of ModelRow
        The locked models, for their thresholds.

    Returns
    -------
    dict of column to list
        Columns as in `metrics.csv`; `center` is ``all`` for all left-out centres together.

    Raises
    ------
    InputError
        If there are fewer than two centres.
    """
    center = evaluated.roster.center
    member = np.ones(center.size, dtype=np.bool_)
    if study.internal_validation.leave_one_center_out == "development":
        member = data.development
    names = sorted(set(center[member]))
    if len(names) < 2:
        raise InputError(
            "`internal_validation.leave_one_center_out` needs at least two centres; "
            f"{', '.join(names)} is the only one of them. Use `all`, or leave it out."
        )
    jobs = [(name, left_out) for name in study.models for left_out in names]
    watch(0, len(jobs))
    tasks = (
        delayed(_predicted)(
            procedures.estimator(study, data, name),
            data.table[member & (center != left_out)],
            outcome[member & (center != left_out)],
            data.table[member & (center == left_out)],
            procedures.horizons_of(study),
        )
        for name, left_out in jobs
    )
    predictions: dict[str, list[pd.DataFrame]] = {}
    refused: dict[tuple[str, str], str] = {}
    found = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    for done, ((name, left_out), (table, sentence)) in enumerate(
        zip(jobs, found, strict=True), start=1
    ):
        predictions.setdefault(name, []).append(table)
        if sentence:
            refused[name, left_out] = sentence
        watch(done, len(jobs))
    whole = {name: pd.concat(tables) for name, tables in predictions.items()}
    return _rows(study, data, evaluated, models, whole, refused, names, member, utility_at)


def _predicted(
    unfitted: Any,
    table: pd.DataFrame,
    outcome: NDArray[Any],
    left_out: pd.DataFrame,
    horizons: tuple[float, ...],
) -> tuple[pd.DataFrame, str]:
    """Return what a model of the other centres predicts for one, or why there is no model."""
    columns = [f"risk_{t:g}" for t in horizons] if horizons else ["probability"]
    try:
        model = clone(unfitted).fit(table, outcome)
        if not horizons:
            values = {"probability": model.predict_proba(left_out)[:, 1]}
        else:
            risk = model.risk(left_out, list(horizons))
            values = {column: risk[:, j] for j, column in enumerate(columns)}
        values["score"] = model.linear_predictor(left_out)
    except ValueError as error:
        nothing = pd.DataFrame(np.nan, index=left_out.index, columns=[*columns, "score"])
        return nothing, nameless(str(error), [*table.index, *left_out.index])
    return pd.DataFrame(values, index=left_out.index), ""


def nameless(sentence: str, patients: Sequence[Any]) -> str:
    """Return a sentence about patients without their identifiers, for tables that are published."""
    known = sorted({re.escape(str(label)) for label in patients}, key=len, reverse=True)
    names = "|".join(known)
    quoted = re.sub(rf"(?:\bpatient )?(?:'(?:{names})'|\"(?:{names})\")", "a patient", sentence)
    return re.sub(rf"\bpatient (?:{names})(?!\w)", "a patient", quoted)


def _rows(
    study: Run,
    data: RunData,
    evaluated: Study,
    models: Sequence[ModelRow],
    predicted: Mapping[str, pd.DataFrame],
    refused: Mapping[tuple[str, str], str],
    names: Sequence[str],
    member: NDArray[np.bool_],
    utility_at: float,
) -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = {column: [] for column in COLUMNS}
    center = evaluated.roster.center
    for model in models:
        values = predicted[model.name].reindex(data.table.index)
        alone = _with_predictions(study, evaluated, model.name, values)
        kept = [name for name in names if (model.name, name) not in refused]
        groups = [
            Group(cohort=ROLE, center=name, rows=np.flatnonzero(member & (center == name)))
            for name in kept
        ]
        everyone = member & np.isin(center, kept)
        whole = Group(cohort=ROLE, center=ALL_CENTERS, rows=np.flatnonzero(everyone))
        findings = Findings()
        for group in [*groups, *([whole] if kept else [])]:
            findings.merge([_evaluated(alone.of(group), group, model, utility_at)])
        findings.metrics = [row for row in findings.metrics if row.metric in METRICS]
        by_center = [row for row in findings.metrics if row.center != ALL_CENTERS]
        pooled = across_centers.pool(whole, by_center, confidence_level=study.confidence_level)
        for row in (*findings.metrics, *pooled.metrics):
            _add(table, row)
        for (name, left_out), sentence in refused.items():
            if name == model.name:
                row_values = dict.fromkeys(COLUMNS) | {
                    "model": name,
                    "center": left_out,
                    "metric": "auc" if isinstance(study, BinaryRun) else "c_harrell",
                    "method": "",
                    "n": int(np.count_nonzero(member & (center == left_out))),
                    "note": f"No model could be learned without this centre: {sentence}",
                }
                for column in COLUMNS:
                    table[column].append(row_values[column])
    return table


def _evaluated(study: Study, group: Group, model: ModelRow, utility_at: float) -> GroupFindings:
    if isinstance(study, BinaryStudy):
        return binary.evaluate_model(study, group, model, utility_at=utility_at)
    return survival.evaluate_model(study, group, model, utility_at=utility_at)


def _with_predictions(study: Run, evaluated: Study, name: str, values: pd.DataFrame) -> Study:
    """Return the evaluated study with the predictions of one model replaced."""
    if isinstance(evaluated, SurvivalStudy):
        horizons = procedures.horizons_of(study)
        return replace(
            evaluated,
            linear_predictor={name: values["score"].to_numpy()},
            risk={(name, t): values[f"risk_{t:g}"].to_numpy() for t in horizons},
        )
    return replace(evaluated, y_prob={name: values["probability"].to_numpy()})


def _add(table: dict[str, list[Any]], row: MetricRow) -> None:
    for column in COLUMNS:
        table[column].append(getattr(row, column))
