"""From the plan of a model in the study file to the estimator that carries the plan out.

Nothing is fitted here. Every seed is derived by name from the study's, so that a model does not
change because another is added.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from extval.features.modelling.clinical import ClinicalModel
from extval.features.modelling.combat import ComBat
from extval.features.modelling.combined import CombinedModel, RegressionWithScore
from extval.features.modelling.filters import (
    CompletenessFilter,
    CorrelationFilter,
    MedianImputer,
    VarianceFilter,
    ZScore,
)
from extval.features.modelling.joint_combat import JointComBat
from extval.features.modelling.mrmr import MRMR
from extval.features.modelling.reliability import ReliabilityFilter
from extval.features.modelling.screening import UnivariateScreen
from extval.features.modelling.signature import Signature, Step
from extval.validate.model_plan import (
    ClinicalPlan,
    CombinedPlan,
    Harmonisation,
    Lasso,
    Predictor,
    Preparation,
    Selection,
    SignaturePlan,
)
from extval.validate.protocol import BinaryOutcome
from extval.validate.run_data import RunData
from extval.validate.study_file import Run, preparation_of

COX_FOLDS = 5


def estimator(study: Run, data: RunData, name: str) -> Any:
    """Return the unfitted estimator of the model `name`."""
    plan = study.models[name].plan
    if isinstance(plan, SignaturePlan):
        return _signature(study, data, name, plan)
    if isinstance(plan, ClinicalPlan):
        return _clinical(study, plan)
    return _combined(study, data, name, plan)


def kind_of(study: Run) -> str:
    """Return `logistic` or `cox`, by the study's outcome."""
    return "logistic" if isinstance(study.outcome, BinaryOutcome) else "cox"


def harmonisation_of(study: Run, name: str) -> Harmonisation | None:
    """Return how the features of a model are harmonised; of a combined one, its signature's."""
    plan = study.models[name].plan
    if isinstance(plan, CombinedPlan):
        plan = study.models[plan.signature].plan
    return preparation_of(study, plan).harmonisation if isinstance(plan, SignaturePlan) else None


def horizons_of(study: Run) -> tuple[float, ...]:
    """Return the horizons of a time to event; none for a 0/1 outcome."""
    outcome = study.outcome
    return () if isinstance(outcome, BinaryOutcome) else tuple(outcome.horizons)


def seed_of(study: Run, name: str) -> int:
    """Return the seed of a named part of the study, below 2**32."""
    return (study.seed * 1_000_003 + zlib.crc32(name.encode())) % 2**32


def _signature(study: Run, data: RunData, name: str, plan: SignaturePlan) -> Signature:
    preparation = preparation_of(study, plan)
    columns = data.features_of(list(plan.features), plan.phases)
    return Signature(
        columns=columns,
        steps=_steps(study, data, columns, preparation),
        model=_model(study, name, plan),
        horizons=horizons_of(study),
    )


def _steps(study: Run, data: RunData, columns: Sequence[str], wanted: Preparation) -> list[Step]:
    """Return the steps before the model, each with the further columns that it needs."""
    found: list[Step] = []
    readings = data.readings
    read = {name for table in readings.values() for name in table.columns}
    if wanted.reliability is not None and read & set(columns):
        found.append(
            (
                "reliability",
                ReliabilityFilter(
                    dict(readings),
                    kinds=reader_kinds(study, readings),
                    form=wanted.reliability.form,
                    keep=wanted.reliability.keep,
                    above=wanted.reliability.above,
                    confidence_level=study.confidence_level,
                    unread="keep",
                ),
                (),
            )
        )
    found.append(("completeness", CompletenessFilter(max_missing=wanted.missing.max_share), ()))
    if wanted.missing.rule == "impute":
        found.append(("imputation", MedianImputer(), ()))
    if wanted.harmonisation is not None:
        further = (wanted.harmonisation.batch, *wanted.harmonisation.covariates)
        found.append(("combat", _combat(study, data, wanted.harmonisation), further))
    found.append(("variance", VarianceFilter(above=wanted.variance_above), ()))
    found.append(("z-score", ZScore(), ()))
    if wanted.correlation_above is not None:
        found.append(("correlation", CorrelationFilter(above=wanted.correlation_above), ()))
    found += _selection(study, wanted.selection)
    return found


def _combat(study: Run, data: RunData, wanted: Harmonisation) -> ComBat:
    given: dict[str, Any] = {
        "covariates": tuple(wanted.covariates),
        "outcome": _outcome_column(study),
        "parametric": wanted.parametric,
        "mean_only": wanted.mean_only,
        "reference": wanted.reference,
    }
    if wanted.new_batch == "joint":
        return JointComBat(wanted.batch, data.table[~data.development], **given)
    return ComBat(wanted.batch, new_batch=wanted.new_batch, **given)


def _selection(study: Run, wanted: Selection) -> list[Step]:
    if wanted.method == "none":
        return []
    if wanted.method == "mrmr":
        return [("mrmr", MRMR(k=wanted.k, variant=wanted.variant), ())]
    screen = UnivariateScreen(
        model=kind_of(study),
        threshold=wanted.threshold,
        adjustment=wanted.adjustment,
        minimum=wanted.minimum,
    )
    return [("screen", screen, ())]


def _model(study: Run, name: str, plan: SignaturePlan) -> Any:
    seed = seed_of(study, f"{name}/model")
    if plan.classifier is not None:
        from extval.features.modelling.choosing import ChosenClassifier  # noqa: PLC0415

        return ChosenClassifier(
            candidates=[(item.name, item.smote) for item in plan.classifier.candidates],
            n_folds=plan.classifier.folds,
            repeats=plan.classifier.repeats,
            random_state=seed,
        )
    from extval.features.modelling.lasso import LassoLinear, LassoLogistic  # noqa: PLC0415
    from extval.features.modelling.lasso_cox import LassoCox  # noqa: PLC0415

    lasso = plan.lasso or Lasso()
    family = lasso.family if lasso.family != "auto" else kind_of(study)
    kinds = {"logistic": LassoLogistic, "linear": LassoLinear, "cox": LassoCox}
    given: dict[str, Any] = {} if lasso.folds is None else {"n_folds": lasso.folds}
    return kinds[family](rule=lasso.rule, repeats=lasso.repeats, random_state=seed, **given)


def _clinical(study: Run, plan: ClinicalPlan) -> ClinicalModel:
    rule = plan.selection
    given: dict[str, Any] = {}
    if rule is not None:
        given = {
            "univariate_p": rule.univariate_p,
            "multivariable_p": rule.multivariable_p,
            "elimination": rule.elimination,
        }
    return ClinicalModel(
        kind_of(study),
        declared(plan.predictors),
        rule="prespecified" if rule is None else "univariate-then-multivariable",
        horizons=horizons_of(study) or None,
        confidence_level=study.confidence_level,
        separation="firth",
        missing=plan.missing,
        **given,
    )


def _combined(study: Run, data: RunData, name: str, plan: CombinedPlan) -> CombinedModel:
    signature = study.models[plan.signature].plan
    assert isinstance(signature, SignaturePlan)  # the study file checks it
    clinical: Any
    if plan.clinical is not None:
        part = study.models[plan.clinical].plan
        assert isinstance(part, ClinicalPlan)  # likewise
        clinical = _clinical(study, part)
    else:
        clinical = ClinicalModel(
            kind_of(study),
            declared(plan.predictors),
            horizons=horizons_of(study) or None,
            confidence_level=study.confidence_level,
            separation="firth",
            missing=plan.missing,
        )
    return CombinedModel(
        signature=_signature(study, data, plan.signature, signature),
        regression=RegressionWithScore(clinical=clinical, score=plan.signature),
        name=plan.signature,
        n_folds=study.internal_validation.folds,
        random_state=seed_of(study, f"{plan.signature}/folds"),
    )


def declared(predictors: Mapping[str, Predictor]) -> dict[str, dict[str, Any]]:
    """Return the predictors as the regression model takes them."""
    found: dict[str, dict[str, Any]] = {}
    for name, predictor in predictors.items():
        setting: dict[str, Any] = {"column": predictor.column}
        if predictor.above is not None:
            setting["above"] = predictor.above
        else:
            setting["kind"] = "categorical" if predictor.categorical else "numeric"
        if predictor.reference is not None:
            setting["reference"] = predictor.reference
        found[name] = setting
    return found


def reader_kinds(study: Run, readings: Mapping[str, Any]) -> dict[str, str]:
    """Return whether each reading is another reader's (inter) or the same one's (intra)."""
    if study.feature_tables is not None:
        return {name: study.feature_tables.readings[name].kind for name in readings}
    return {name: study.readers.get(name, "inter") for name in readings}


def _outcome_column(study: Run) -> str:
    outcome = study.outcome
    return outcome.column if isinstance(outcome, BinaryOutcome) else outcome.event
