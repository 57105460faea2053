"""From a fitted estimator to a locked model: the numbers that predicting needs, and no others."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from extval.features.modelling.choosing import ChosenClassifier
from extval.features.modelling.combat import ComBat
from extval.features.modelling.combined import CombinedModel
from extval.features.modelling.filters import MedianImputer, ZScore
from extval.features.modelling.predictors import CATEGORICAL, CUT, Predictor, level_label
from extval.features.modelling.regression import RegressionModel
from extval.features.modelling.signature import Signature
from extval.stats._checks import FloatArray
from extval.validate.locked_model import InputRange, LockedModel, Outputs
from extval.validate.locked_steps import (
    Above,
    Classifier,
    CovariateTerm,
    FillText,
    Harmonise,
    Impute,
    Indicator,
    Linear,
    Probability,
    Standardise,
    Step,
    Survival,
)

SCORE = "score"
PROBABILITY = "probability"
AGREEMENT = 1e-8


class LockError(Exception):
    """The locked model does not predict what the fitted one does; it must not be used."""


def signature_steps(
    model: Signature, *, new_batch: str, calibration: str | None, score: str, file: str
) -> tuple[list[Step], bytes | None]:
    """Return the steps from features to `score`, and the bytes of a classifier if there is one.

    Only features that the final model uses are kept, with their constants.
    """
    content: bytes | None = None
    final = model.model_
    if isinstance(final, ChosenClassifier):
        final = final.model_
    if hasattr(final, "coef_"):
        named = zip(model.features_, np.ravel(final.coef_), strict=True)
        coefficients = {name: float(value) for name, value in named if value != 0.0}
        used = list(coefficients)
        last: Step = Linear(
            intercept=float(np.ravel(final.intercept_)[0]),
            coefficients=coefficients,
            output=score,
        )
    else:
        from extval.features.modelling.classifier_file import to_bytes  # noqa: PLC0415

        content, used = to_bytes(final), list(model.features_)
        last = Classifier(
            file=file,
            sha256=hashlib.sha256(content).hexdigest(),
            inputs=used,
            output=score,
        )
    found: list[Step] = [last]
    for _, step, _ in reversed(model.steps_):
        locked = _preparing(step, used, new_batch=new_batch, calibration=calibration)
        if locked is not None and used:
            found.append(locked)
    return found[::-1], content


def regression_steps(
    model: RegressionModel, *, score: str, fills: Mapping[str, float | str]
) -> list[Step]:
    """Return the steps from clinical columns (and a signature's score) to `score`.

    `fills` holds what fills gaps in the columns, where gaps are filled.

    Raises
    ------
    LockError
        If the regression has no finite estimate.
    """
    if not np.isfinite(model.coef_).all() or not np.isfinite(model.intercept_):
        raise LockError(model.sentence_ or "the regression has no finite estimate.")
    read = {predictor.column for predictor in model.predictors_}
    found = _filling(read, fills)
    for predictor in model.predictors_:
        found += _coding(predictor, read)
    centre = float(model.means_ @ model.coef_) if model.kind == "cox" else 0.0
    columns = [column for predictor in model.predictors_ for column in _columns(predictor, read)]
    coefficients = dict(zip(columns, map(float, model.coef_), strict=True))
    intercept = float(model.intercept_) - centre
    return [*found, Linear(intercept=intercept, coefficients=coefficients, output=score)]


def last_steps(
    *,
    calibration: tuple[float, float] | None,
    baseline_survival: Mapping[float, float],
    score: str = SCORE,
) -> tuple[list[Step], Outputs]:
    """Return the steps from the score to probability or risks, and the names of the outputs.

    `calibration` is intercept and slope of the logistic curve from score to probability; None
    where the score predicts no probability.
    """
    if baseline_survival:
        outputs = {f"{time:g}": f"risk_{time:g}" for time in baseline_survival}
        step = Survival(
            column=score,
            baseline_survival={f"{time:g}": s for time, s in baseline_survival.items()},
            outputs=outputs,
        )
        return [step], Outputs(score=score, risk=outputs)
    if calibration is None:
        return [], Outputs(score=score)
    intercept, slope = calibration
    step_ = Probability(column=score, intercept=intercept, slope=slope, output=PROBABILITY)
    return [step_], Outputs(score=score, probability=PROBABILITY)


def combined_steps(
    model: CombinedModel, *, new_batch: str, calibration: str | None, file: str
) -> tuple[list[Step], bytes | None]:
    """Return the steps of a signature and of the regression on its score."""
    signature, content = signature_steps(
        model.signature_,
        new_batch=new_batch,
        calibration=calibration,
        score=model.name,
        file=file,
    )
    regression = model.regression_
    fills = regression.clinical_.fills_
    return [*signature, *regression_steps(regression.model_, score=SCORE, fills=fills)], content


def input_ranges(columns: Sequence[str], table: pd.DataFrame) -> dict[str, InputRange]:
    """Return the range of every numeric input in the development patients of `table`."""
    found = {}
    for column in columns:
        if column not in table.columns:
            continue
        values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64)
        values = values[np.isfinite(values)]
        text = table[column].dtype == object
        if values.size == 0 or (text and values.size < table[column].notna().sum()):
            continue
        found[column] = InputRange(
            low=float(values.min()),
            high=float(values.max()),
            mean=float(values.mean()),
            sd=float(values.std(ddof=1)) if values.size > 1 else 0.0,
            median=float(np.median(values)),
        )
    return found


def check_lock(model: LockedModel, predicted: pd.DataFrame, expected: FloatArray) -> None:
    """Raise unless the locked model gives the fitted one's scores for development patients.

    Raises
    ------
    LockError
        Naming the patient with the largest difference.
    """
    score = predicted["score"].to_numpy()
    scale = np.maximum(1.0, np.abs(expected))
    gap = np.abs(score - expected) / scale
    worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
    if not gap[worst] <= AGREEMENT:
        raise LockError(
            f"model `{model.name}` would not be locked as it was fitted: patient "
            f"{predicted.index[worst]} has score {expected[worst]!r} by the fit and "
            f"{score[worst]!r} by the locked file. This is a fault of extval; please report it."
        )


def _preparing(
    step: Any, used: list[str], *, new_batch: str, calibration: str | None
) -> Step | None:
    """Return what a step does to the features in use; a filter does nothing to them."""
    if isinstance(step, ZScore):
        place = _places(step)
        return Standardise(
            mean={name: float(step.mean_[place[name]]) for name in used},
            sd={name: float(step.sd_[place[name]]) for name in used},
        )
    if isinstance(step, MedianImputer):
        place = _places(step)
        return Impute(median={name: float(step.medians_[place[name]]) for name in used})
    if isinstance(step, ComBat):
        return _harmonise(step, used, new_batch=new_batch, calibration=calibration)
    return None


def _places(step: Any) -> dict[str, int]:
    return {str(name): place for place, name in enumerate(step.feature_names_in_)}


def _harmonise(
    step: ComBat, used: list[str], *, new_batch: str, calibration: str | None
) -> Harmonise:
    place = {name: index for index, name in enumerate(step.features_)}
    rows = [place[name] for name in used]
    return Harmonise.model_validate(
        {
            "batch": step.batch,
            "features": used,
            "grand_mean": step.grand_mean_[rows].tolist(),
            "pooled_sd": step.pooled_sd_[rows].tolist(),
            "covariates": [
                _covariate(step, term, step.covariate_coefficients_[index][rows].tolist())
                for index, term in enumerate(step.covariate_terms_)
            ],
            "location": {name: values[rows].tolist() for name, values in step.location_.items()},
            "scale": {name: values[rows].tolist() for name, values in step.scale_.items()},
            "new_batch": "refuse" if new_batch == "joint" else new_batch,
            "calibration": calibration,
            "parametric": step.parametric,
            "mean_only": step.mean_only,
        }
    )


def _covariate(step: ComBat, term: str, coefficients: list[float]) -> CovariateTerm:
    for column, levels in step.covariate_levels_.items():
        for level in levels:
            if term == f"{column}={level}":
                return CovariateTerm(
                    column=column,
                    level=level,
                    levels=[str(each) for each in levels],
                    coefficients=coefficients,
                )
    return CovariateTerm(column=term, coefficients=coefficients)


def _filling(columns: set[str], fills: Mapping[str, float | str]) -> list[Step]:
    """Return the steps that fill gaps in some columns."""
    median = {c: v for c, v in fills.items() if c in columns and isinstance(v, float)}
    value = {c: v for c, v in fills.items() if c in columns and isinstance(v, str)}
    found: list[Step] = [Impute(median=median)] if median else []
    return [*found, FillText(value=value)] if value else found


def _coding(predictor: Predictor, read: set[str]) -> list[Step]:
    if predictor.kind == CATEGORICAL:
        levels = [level_label(level) for level in predictor.levels]
        return [
            Indicator(column=predictor.column, equals=level, levels=levels, output=term)
            for level, term in zip(levels[1:], predictor.terms, strict=True)
        ]
    if predictor.kind == CUT and predictor.cut is not None:
        return [
            Above(
                column=predictor.column,
                above=predictor.cut,
                inclusive=predictor.inclusive,
                output=_cut_name(predictor, read),
            )
        ]
    return []


def _columns(predictor: Predictor, read: set[str]) -> list[str]:
    """Return the columns of the table that hold the predictor's terms after its coding."""
    if predictor.kind == CATEGORICAL:
        return list(predictor.terms)
    return [_cut_name(predictor, read) if predictor.kind == CUT else predictor.column]


def _cut_name(predictor: Predictor, read: set[str]) -> str:
    """Return the predictor's name, or one that no column has where a step reads such a column."""
    if predictor.name not in read:
        return predictor.name
    return f"{predictor.column}{'>=' if predictor.inclusive else '>'}{predictor.cut:g}"
