"""Tables about fitted models for the reader: what was dropped, selected, estimated, and from whom.

Each is tidy and held by columns, the model's name first; they go into `modelling/` of the results
folder and into the report.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from extval.features.modelling.audit import FitRecord
from extval.features.modelling.choosing import ChosenClassifier
from extval.features.modelling.clinical import ClinicalModel
from extval.features.modelling.combined import CombinedModel, RegressionWithScore
from extval.features.modelling.joint_combat import CAUTION as JOINT_CAUTION
from extval.features.modelling.joint_combat import JointComBat
from extval.features.modelling.nomogram import nomogram_points, points_table
from extval.features.modelling.nomogram_axes import effects_of
from extval.features.modelling.outcome import is_survival, time_and_event
from extval.features.modelling.regression import RegressionModel
from extval.features.modelling.signature import Signature
from extval.stats.concordance import c_harrell
from extval.stats.optimism import OptimismBootstrap
from extval.stats.roc import auc
from extval.validate.locked_model import LockedModel
from extval.validate.run_data import DEEP

N_TICKS = 10

Columns = dict[str, list[Any]]
Tables = dict[str, Columns]


def of_model(fitted: Any, name: str, model: LockedModel) -> Tables:
    """Return the tables of one fitted model."""
    found: Tables = {"formula": _formula(model)}
    if isinstance(fitted, Signature):
        found |= _signature(fitted, name)
    elif isinstance(fitted, CombinedModel):
        found |= _regression(fitted.regression_, name)
    else:
        found |= _clinical(fitted, name)
    return {kind: columns for kind, columns in found.items() if columns and any(columns.values())}


def internal(
    name: str,
    outcome: NDArray[Any],
    fold: NDArray[np.intp],
    development: Mapping[str, Sequence[float]],
    *,
    used: str,
) -> Tables:
    """Return what the model is worth on the patients it was learned from, both ways.

    `used` names the predictions (out-of-fold or apparent) that stand for development elsewhere.
    """
    rows = []
    for label, prefix in (("apparent", "apparent_"), ("out-of-fold", "")):
        score = np.asarray(development[f"{prefix}score"])
        if is_survival(outcome):
            time, event = time_and_event(outcome)
            found, metric = c_harrell(time, event, score), "c_harrell"
        else:
            found, metric = auc(outcome, score), "auc"
        rows.append(
            {
                "model": name,
                "predictions": label,
                "used": label == used,
                "folds": int(fold.max()) + 1 if label == "out-of-fold" else 0,
                "metric": metric,
                "estimate": found.value,
                "lower": found.interval.low,
                "upper": found.interval.high,
                "method": found.method,
                "note": found.status.value,
            }
        )
    return {"internal": _by_column(rows)}


def optimism(name: str, found: OptimismBootstrap) -> Tables:
    """Return apparent and optimism-corrected performance, and how far predictions move."""
    rows = [
        {
            "model": name,
            "metric": item.metric,
            "resamples": found.n_resamples,
            "apparent": item.apparent,
            "optimism": item.optimism,
            "monte_carlo_se": item.monte_carlo_se,
            "corrected": item.corrected.value,
            "lower": item.corrected.interval.low,
            "upper": item.corrected.interval.high,
            "undefined_resamples": item.n_undefined,
            "note": item.corrected.status.value,
        }
        for item in found.metrics
    ]
    moved = found.instability
    instability: Columns = {
        "model": [name] * found.n,
        "prediction": moved.prediction.tolist(),
        "lower": moved.lower.tolist(),
        "upper": moved.upper.tolist(),
        "mape": moved.mape.tolist(),
    }
    return {"optimism": _by_column(rows), "instability": instability}


def audit(records: Iterable[FitRecord], external: frozenset[str]) -> Columns:
    """Return the leakage audit: a row for each step of each model, fits of one kind together."""
    grouped: dict[tuple[str, str, str], list[FitRecord]] = {}
    for record in records:
        grouped.setdefault((record.model, record.step, _kind(record.purpose)), []).append(record)
    rows = []
    for (model, step, purpose), fits in grouped.items():
        sizes = [len(fit.patients) for fit in fits]
        rows.append(
            {
                "model": model,
                "step": step,
                "purpose": purpose,
                "fits": len(fits),
                "patients_min": min(sizes),
                "patients_max": max(sizes),
                "external_seen": len({p for fit in fits for p in fit.patients} & external),
                "held_out_seen": sum(len(set(fit.patients) & set(fit.unseen)) for fit in fits),
            }
        )
    return _by_column(rows)


def cautions(fitted: Any, name: str) -> list[str]:
    """Return what a reader must know of the steps of a model, each sentence once."""
    found: list[str] = []
    for step in _parts(fitted):
        if isinstance(step, JointComBat):
            found.append(JOINT_CAUTION)
        for attribute in ("cautions_", "notes_"):
            found += getattr(step, attribute, ())
        untested = [item for item in getattr(step, "unread_", ()) if not DEEP.match(str(item))]
        if untested:
            found.append(
                f"{len(untested)} handcrafted features, the first `{untested[0]}`, are in no "
                "reading: they were kept without a test of their reliability."
            )
        # A LASSO always has a sentence; it is a caution if the model is null or not converged.
        fine = hasattr(step, "null_") and not step.null_ and step.converged_
        sentence = getattr(step, "sentence_", "")
        found += [sentence] if sentence and not fine else []
        if getattr(step, "holds_patients_", False) and not hasattr(step, "coef_"):
            found.append(
                "The classifier's file holds standardised features of development patients; treat "
                "it as patient data."
            )
    return [f"{name}: {text}" for text in dict.fromkeys(found)]


def joined(tables: Sequence[Tables]) -> Tables:
    """Return the tables of several models, one below the other, kinds in order of appearance."""
    found: Tables = {}
    for each in tables:
        for kind, columns in each.items():
            whole = found.setdefault(kind, {column: [] for column in columns})
            rows = len(next(iter(whole.values()), []))
            for column in columns:
                whole.setdefault(column, [None] * rows)
            added = len(next(iter(columns.values())))
            for column, cells in whole.items():
                cells.extend(columns.get(column, [None] * added))
    return found


def _signature(fitted: Signature, name: str) -> Tables:
    dropped, found = [], Tables()
    n_given = len(fitted.columns)
    steps = [{"model": name, "step": "(given)", "features": n_given}]
    for label, step, _ in fitted.steps_:
        for feature, reason in getattr(step, "dropped_", {}).items():
            dropped.append({"model": name, "step": label, "feature": feature, "reason": reason})
        steps.append({"model": name, "step": label, "features": len(step.get_feature_names_out())})
        if label == "reliability":
            found["reliability"] = _of_frame(step.table_, name)
        if label == "screen":
            found["screen"] = _of_frame(step.table_, name)
        if label == "mrmr":
            found["selection"] = _mrmr(step, name)
    final = fitted.model_
    coefficients = np.ravel(getattr(final, "coef_", np.zeros(0)))
    if coefficients.size:
        kept = int(np.count_nonzero(coefficients))
        steps.append({"model": name, "step": "model", "features": kept})
    found["steps"] = _by_column(steps)
    found["dropped"] = _by_column(dropped)
    if isinstance(final, ChosenClassifier):
        rows = [
            {key: value for key, value in row.items() if key != "per_repeat"}
            | {"metric": final.metric}
            for row in final.table_
        ]
        found["candidates"] = _of_frame(
            pd.DataFrame(rows).rename(columns={"name": "classifier"}), name
        )
    elif hasattr(final, "cv_"):
        found["notes"] = {"model": [name], "sentence": [final.sentence_]}
        found |= _lasso(final, fitted.features_, name)
    return found


def _mrmr(step: Any, name: str) -> Columns:
    rows = [
        {"model": name, "rank": rank, "feature": feature, "score": float(score)}
        for rank, (feature, score) in enumerate(zip(step.selected_, step.scores_, strict=True), 1)
    ]
    return _by_column(rows)


def _lasso(final: Any, features: Sequence[str], name: str) -> Tables:
    cv, path = final.cv_, final.path_
    curve = [
        {
            "model": name,
            "lambda": float(path.lambdas[i]),
            "measure": cv.measure,
            "mean": float(cv.mean[i]),
            "se": float(cv.se[i]),
            "nonzero": int(path.n_nonzero[i]),
            "mark": _mark(i, cv),
            "chosen": bool(path.lambdas[i] == final.lambda_),
        }
        for i in range(len(path.lambdas))
    ]
    ever = np.flatnonzero(np.any(path.coefficients != 0.0, axis=0))
    lines = [
        {
            "model": name,
            "feature": features[int(j)],
            "lambda": float(path.lambdas[i]),
            "coefficient": float(path.coefficients[i, j]),
        }
        for j in ever
        for i in range(len(path.lambdas))
    ]
    frequency = [
        {"model": name, "feature": feature, "frequency": float(value)}
        for feature, value in zip(features, np.ravel(final.selection_frequency_), strict=True)
        if value > 0.0
    ]
    return {
        "lasso_cv": _by_column(curve),
        "lasso_path": _by_column(lines),
        "lasso_frequency": _by_column(frequency),
    }


def _mark(i: int, cv: Any) -> str:
    marks = [("min", cv.index_min), ("1se", cv.index_1se)]
    return ", ".join(mark for mark, index in marks if i == index)


def _clinical(fitted: ClinicalModel, name: str) -> Tables:
    found = _ratios(fitted.model_, name)
    if fitted.rule != "prespecified":
        found["univariate"] = _of_frame(fitted.univariate_table_, name)
        found["multivariable"] = _of_frame(fitted.multivariable_table_, name)
    return found


def _regression(fitted: RegressionWithScore, name: str) -> Tables:
    return _ratios(fitted.model_, name) | _nomogram(fitted.model_, name)


def _ratios(model: RegressionModel, name: str) -> Tables:
    return {"ratios": _of_frame(model.table_, name)} if model.terms_ else {}


def _nomogram(model: RegressionModel, name: str) -> Tables:
    """Return the points, and what a figure of them needs: effects of the values, and the scale."""
    drawn = nomogram_points(model)
    if drawn.sentence and not drawn.axes:
        return {}
    effects = [
        {
            "model": name,
            "predictor": effect.name,
            "value": str(value) if effect.slope is None else float(value),
            "label": effect.labels[place] if effect.labels else "",
            "effect": float(effect.effects[place]),
            "slope": effect.slope,
        }
        for effect in effects_of(model, {}, N_TICKS)
        for place, value in enumerate(effect.values)
    ]
    cox = model.kind == "cox"
    baselines = list(model.baseline_survival_.items()) if cox else [(None, None)]
    low, high = model.lp_range_
    centre = float(model.means_ @ model.coef_) if cox else 0.0
    scale = [
        {
            "model": name,
            "intercept": float(model.intercept_) - centre,
            "lp_low": low,
            "lp_high": high,
            "horizon": horizon,
            "baseline_survival": survival,
        }
        for horizon, survival in baselines
    ]
    points = pd.DataFrame([asdict(row) for row in points_table(drawn)])
    return {
        "nomogram": _of_frame(points, name),
        "nomogram_effects": _by_column(effects),
        "nomogram_scale": _by_column(scale),
    }


def _formula(model: LockedModel) -> Columns:
    """Return the linear combinations of a model, and what leads from the score to a prediction.

    Besides terms there are `(calibration intercept)` and `(calibration slope)` of a score that is
    no logit, and `(baseline survival at T)` where the score is 0.
    """
    rows: list[tuple[str, str, float]] = []
    for step in model.steps:
        if step.step == "linear":
            rows.append((step.output, "(intercept)", step.intercept))
            rows += [(step.output, term, b) for term, b in step.coefficients.items()]
        elif step.step == "probability" and model.link == "identity":
            rows.append((step.output, "(calibration intercept)", step.intercept))
            rows.append((step.output, "(calibration slope)", step.slope))
        elif step.step == "survival":
            rows += [
                (step.outputs[time], f"(baseline survival at {time})", survival)
                for time, survival in step.baseline_survival.items()
            ]
    return {
        "model": [model.name] * len(rows),
        "link": [model.link] * len(rows),
        "output": [output for output, _, _ in rows],
        "term": [term for _, term, _ in rows],
        "coefficient": [value for _, _, value in rows],
    }


def _parts(fitted: Any) -> list[Any]:
    if isinstance(fitted, Signature):
        return [*(step for _, step, _ in fitted.steps_), fitted.model_]
    if isinstance(fitted, CombinedModel):
        return [*_parts(fitted.signature_), fitted.regression_.clinical_, fitted.regression_.model_]
    return [fitted]


def _kind(purpose: str) -> str:
    """Return a purpose without the number of its fold."""
    return re.sub(r",? fold \d+ of \d+| fold \d+", "", purpose)


def _of_frame(frame: pd.DataFrame, name: str) -> Columns:
    columns: Columns = {"model": [name] * len(frame)}
    for column in frame.columns:
        columns[str(column)] = [_plain(value) for value in frame[column].tolist()]
    return columns


def _by_column(rows: Sequence[Mapping[str, Any]]) -> Columns:
    return {key: [row[key] for row in rows] for key in (rows[0] if rows else {})}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return value.item() if isinstance(value, np.generic) else value
