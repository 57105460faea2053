"""Fitting and locking the models of a study on development patients, and nobody else.

What is kept of a fit is plain data: the locked model, development predictions, whom each step saw,
and tables for the reader. It is stored under a key of everything that it depends on, so that the
same command goes on where it was stopped.
"""

import hashlib
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import clone

from extval.features.modelling.audit import (
    LeakageError,
    fit_records,
    refuse_leaks,
)
from extval.features.modelling.combined import CombinedModel
from extval.features.modelling.out_of_fold import splits, stratified_folds
from extval.features.modelling.outcome import is_survival
from extval.features.modelling.signature import Signature
from extval.stats.logistic import logistic_regression
from extval.stats.optimism import optimism_bootstrap
from extval.validate import locked_model, locking, modelling_tables, procedures
from extval.validate.errors import InputError
from extval.validate.locked_model import Link, LockedModel, ModelKind, ModelOutcome, Training
from extval.validate.model_plan import ClinicalPlan, CombinedPlan, SignaturePlan
from extval.validate.protocol import BinaryOutcome
from extval.validate.run_data import RunData, sha256_of
from extval.validate.stored_fit import (
    PACKAGES,
    StoredFit,
    Tables,
    key_of,
    revived,
    store,
)
from extval.validate.streams import stream
from extval.validate.study_file import Run

LINKS: dict[str, Link] = {"logistic": "logit", "cox": "log-hazard"}
KINDS: dict[type, ModelKind] = {
    SignaturePlan: "signature",
    ClinicalPlan: "clinical",
    CombinedPlan: "combined",
}

Watch = Callable[[int, int], None]


def order_of(study: Run) -> list[str]:
    """Return the names of the models, those that others are built on first."""
    ranks = {SignaturePlan: 0, ClinicalPlan: 0, CombinedPlan: 1}
    return sorted(study.models, key=lambda name: ranks[type(study.models[name].plan)])


def fit_model(
    study: Run,
    data: RunData,
    outcome: NDArray[Any],
    name: str,
    *,
    cache: Path,
    n_jobs: int,
    watch: Watch,
) -> StoredFit:
    """Return the model `name`, fitted on the development patients, or as it was stored before.

    Parameters
    ----------
    outcome : ndarray
        Outcomes of the development patients, in the order of `data.table[data.development]`.
    cache : Path
        Folder of stored fits.

    Raises
    ------
    InputError
        If the plan cannot be carried out on these patients, or a step saw a patient that it must
        not see; model and step are named.
    """
    table = data.table[data.development]
    key = key_of(study, data, name, outcome)
    stored = cache / f"{key}.json"
    before = revived(stored)
    if before is not None:
        return before
    unfitted = procedures.estimator(study, data, name)
    try:
        found = _fitted(study, data, unfitted, table, outcome, name, n_jobs=n_jobs, watch=watch)
    except (ValueError, LeakageError, locking.LockError) as error:
        raise InputError(f"models.{name}: {error}") from error
    store(stored, found)
    return found


def _fitted(
    study: Run,
    data: RunData,
    unfitted: Any,
    table: pd.DataFrame,
    outcome: NDArray[Any],
    name: str,
    *,
    n_jobs: int,
    watch: Watch,
) -> StoredFit:
    fold = stratified_folds(
        outcome,
        n_folds=study.internal_validation.folds,
        random_state=procedures.seed_of(study, "internal validation"),
    )
    parts = list(splits(fold))
    watch(0, len(parts) + 1)
    horizons = procedures.horizons_of(study)
    fitted = clone(unfitted).fit(table, outcome)
    if np.isnan(fitted.linear_predictor(table)).any():
        raise ValueError(_why(fitted) or "the model has no finite estimate.")
    watch(1, len(parts) + 1)
    jobs = (
        delayed(_fold)(
            unfitted,
            table.iloc[train],
            outcome[train],
            table.iloc[test],
            horizons,
            label=f"fold {k} of {len(parts)}",
        )
        for k, (train, test) in enumerate(parts, start=1)
    )
    predictions: list[pd.DataFrame] = []
    records = list(fit_records(fitted, name=name))
    everyone = [str(label) for label in table.index]
    for k, (model, predicted) in enumerate(
        Parallel(n_jobs=n_jobs, return_as="generator")(jobs), start=1
    ):
        if predicted.isna().any(axis=None):
            raise ValueError(
                f"without fold {k} of {len(parts)} the model has no finite estimate, so its "
                f"patients cannot be predicted. {_why(model)} Use fewer folds "
                "(`internal_validation.folds`) or fewer predictors."
            )
        predictions.append(predicted)
        records += fit_records(
            model,
            name=name,
            purpose=f"cross-validation, fold {k} of {len(parts)}",
            unseen=tuple(everyone[row] for row in parts[k - 1][1]),
        )
        watch(k + 1, len(parts) + 1)
    joint = procedures.harmonisation_of(study, name)
    allowed = joint is not None and joint.new_batch == "joint"
    external = [str(label) for label in data.table.index[~data.development]]
    refuse_leaks(records, external=external, except_steps=("combat",) if allowed else ())

    out_of_fold = pd.concat(predictions).loc[table.index]
    calibration = _calibration(fitted, out_of_fold["score"].to_numpy(), outcome)
    model, content = _locked(study, data, fitted, table, outcome, name, calibration)
    apparent = model.predict(table, locked_model.classifier_from(content))
    locking.check_lock(model, apparent, fitted.linear_predictor(table))
    if "probability" in apparent and "probability" not in out_of_fold:
        out_of_fold = out_of_fold.assign(
            probability=_cross_fitted(fitted, out_of_fold["score"].to_numpy(), outcome, parts)
        )
    development = {column: out_of_fold[column].tolist() for column in apparent.columns}
    development |= {f"apparent_{column}": apparent[column].tolist() for column in apparent.columns}
    tables = modelling_tables.of_model(fitted, name, model)
    used = study.internal_validation.predictions
    tables |= modelling_tables.internal(name, outcome, fold, development, used=used)
    if study.internal_validation.optimism_resamples:
        tables |= _optimism(study, unfitted, fitted, table, outcome, name)
    return StoredFit(
        model=model,
        classifier=content,
        development=development,
        records=tuple(records),
        tables=tables,
    )


def _fold(
    unfitted: Any,
    table: pd.DataFrame,
    outcome: NDArray[Any],
    held_out: pd.DataFrame,
    horizons: tuple[float, ...],
    *,
    label: str,
) -> tuple[Any, pd.DataFrame]:
    """Return a model fitted without some patients, and what it predicts for them."""
    try:
        return _without(unfitted, table, outcome, held_out, horizons)
    except ValueError as error:
        raise ValueError(
            f"internal validation, {label} ({len(table)} patients to learn from, {len(held_out)} "
            f"left out): {error}"
        ) from error


def _without(
    unfitted: Any,
    table: pd.DataFrame,
    outcome: NDArray[Any],
    held_out: pd.DataFrame,
    horizons: tuple[float, ...],
) -> tuple[Any, pd.DataFrame]:
    model = clone(unfitted).fit(table, outcome)
    columns: dict[str, Any] = {"score": model.linear_predictor(held_out)}
    if horizons:
        risk = model.risk(held_out, list(horizons))
        columns |= {f"risk_{time:g}": risk[:, j] for j, time in enumerate(horizons)}
    elif link_of(model) == "logit":
        columns["probability"] = model.predict_proba(held_out)[:, 1]
    return model, pd.DataFrame(columns, index=held_out.index)


class _ByRow:
    """The procedure on rows of a table that are named by their numbers, as a resample names them.

    `optimism_bootstrap` takes an array; the procedure needs a table with patients and columns.
    """

    def __init__(self, unfitted: Any, table: pd.DataFrame) -> None:
        self.unfitted = unfitted
        self.table = table

    def __deepcopy__(self, _memo: Any) -> "_ByRow":
        return _ByRow(self.unfitted, self.table)

    def fit(self, rows: NDArray[np.intp], outcome: NDArray[np.int64]) -> None:
        """Fit a clone of the procedure to some rows."""
        self.model = clone(self.unfitted).fit(self.table.iloc[rows[:, 0]], outcome)

    def predict_proba(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the two probabilities of some rows."""
        return np.asarray(self.model.predict_proba(self.table.iloc[rows[:, 0]]))


def _optimism(
    study: Run, unfitted: Any, fitted: Any, table: pd.DataFrame, outcome: NDArray[Any], name: str
) -> Tables:
    """Return the optimism-corrected performance of the whole procedure, with its instability."""
    if link_of(fitted) != "logit":
        return {}
    found = optimism_bootstrap(
        _ByRow(unfitted, table),
        np.arange(len(table))[:, None],
        outcome,
        n_resamples=study.internal_validation.optimism_resamples,
        rng=stream(study.seed, f"optimism/{name}"),
        confidence_level=study.confidence_level,
    )
    return modelling_tables.optimism(name, found)


def _why(model: Any) -> str:
    """Return what a model says of itself when it is not estimable."""
    for part in (getattr(model, "regression_", None), model):
        for holder in (getattr(part, "model_", None), part):
            sentence = str(getattr(holder, "sentence_", ""))
            if sentence:
                return sentence
    return ""


def link_of(model: Any) -> Link:
    """Return the scale of a fitted model's score."""
    if isinstance(model, Signature):
        link: Link = getattr(model.model_, "link_", "logit")
        return link
    if isinstance(model, CombinedModel):
        return LINKS[model.regression_.model_.kind]
    return LINKS[model.kind]


def _calibration(
    fitted: Any, score: NDArray[np.float64], outcome: NDArray[Any]
) -> tuple[float, float] | None:
    """Return intercept and slope from score to logit; a score that is no logit is calibrated.

    The curve of an identity-linked score is fitted on its out-of-fold values.
    """
    if is_survival(outcome):
        return None
    if link_of(fitted) == "logit":
        return (0.0, 1.0)
    found = logistic_regression(np.column_stack((np.ones_like(score), score)), outcome)
    intercept, slope = (float(value) for value in found.coefficients)
    return (intercept, slope) if np.isfinite([intercept, slope]).all() else None


def _cross_fitted(
    fitted: Any,
    score: NDArray[np.float64],
    outcome: NDArray[Any],
    parts: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
) -> NDArray[np.float64]:
    """Return probabilities of out-of-fold scores, each by the curve of the other folds' scores."""
    probability = np.empty(score.size)
    for k, (others, own) in enumerate(parts, start=1):
        curve = _calibration(fitted, score[others], outcome[others])
        if curve is None:
            raise ValueError(
                f"without fold {k} of {len(parts)} the scores separate the outcomes, so that no "
                "curve turns them into probabilities. Use fewer folds (`internal_validation.folds`)"
                " or a logistic LASSO."
            )
        intercept, slope = curve
        probability[own] = expit(intercept + slope * score[own])
    return probability


def _locked(
    study: Run,
    data: RunData,
    fitted: Any,
    table: pd.DataFrame,
    outcome: NDArray[Any],
    name: str,
    calibration: tuple[float, float] | None,
) -> tuple[LockedModel, bytes | None]:
    plan = study.models[name].plan
    harmonise = procedures.harmonisation_of(study, name)
    new_batch = harmonise.new_batch if harmonise else "refuse"
    subset = harmonise.calibration if harmonise else None
    content: bytes | None = None
    baseline: Mapping[float, float] = {}
    file = f"{name}.skops"
    try:
        if isinstance(fitted, Signature):
            steps, content = locking.signature_steps(
                fitted, new_batch=new_batch, calibration=subset, score=locking.SCORE, file=file
            )
            baseline = fitted.baseline_survival_
        elif isinstance(fitted, CombinedModel):
            steps, content = locking.combined_steps(
                fitted, new_batch=new_batch, calibration=subset, file=file
            )
            baseline = getattr(fitted.regression_.model_, "baseline_survival_", {})
        else:
            steps = locking.regression_steps(
                fitted.model_, score=locking.SCORE, fills=fitted.fills_
            )
            baseline = getattr(fitted.model_, "baseline_survival_", {})
    except locking.LockError as error:
        raise InputError(f"models.{name}: {error}") from error
    last, outputs = locking.last_steps(calibration=calibration, baseline_survival=baseline)
    event = outcome["event"] if is_survival(outcome) else outcome == 1
    model = LockedModel(
        name=name,
        kind=KINDS[type(plan)],
        outcome=_outcome(study),
        link=link_of(fitted),
        steps=[*steps, *last],
        outputs=outputs,
        training=Training(
            n=len(table),
            events=int(np.count_nonzero(event)),
            data_sha256=sha256_of(table, outcome),
            patients_sha256=hashlib.sha256("\n".join(map(str, table.index)).encode()).hexdigest(),
        ),
        cautions=modelling_tables.cautions(fitted, name),
        versions={"extval": metadata.version("extval")}
        | {package: metadata.version(package) for package in PACKAGES},
    )
    ranges = locking.input_ranges(model.columns, table)
    return model.model_copy(update={"inputs": ranges}), content


def _outcome(study: Run) -> ModelOutcome:
    outcome = study.outcome
    if isinstance(outcome, BinaryOutcome):
        return ModelOutcome(kind="binary", name=outcome.name or outcome.column)
    return ModelOutcome(
        kind="survival",
        name=outcome.name or outcome.event,
        horizons=list(outcome.horizons),
        unit=outcome.unit,
    )
