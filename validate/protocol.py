"""The protocol file: what is validated, how, and with which seed, fixed before looking.

Every default is a field here, so that `protocol.yaml` in the results folder shows them all.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from extval.validate.protocol_settings import (
    DEFAULT_SEED,
    SCHEMA_VERSION,
    Baseline,
    BinaryDecisionGrid,
    Bootstrap,
    Calibration,
    CaseMix,
    Classification,
    Comparisons,
    Cox,
    DecisionGrid,
    Discrimination,
    LogRank,
    Missing,
    Name,
    Precision,
    Probability,
    RiskGroups,
    Strict,
    Subgroup,
    SurvivalCurves,
    SurvivalPrecision,
    Thresholds,
    Updating,
)


class Columns(Strict):
    """Columns that say who and where a patient is. `cohort` holds development | validation.

    `cluster` is for several rows a patient (lesions): it names the patient, `patient` the row.
    """

    patient: Name = "patient"
    center: Name = "center"
    cohort: Name = "cohort"
    cluster: Name | None = None


class BinaryOutcome(Strict):
    """A 0/1 outcome."""

    column: Name
    name: Name | None = None


class SurvivalOutcome(Strict):
    """A right-censored time to event; `event` is 1 for the event and 0 for censored.

    `curve_times` are the times of the AUC(t) curve; when not given, twelve equal steps to the
    last horizon. With `cause`, the event of interest among competing ones, `event` holds 0 for
    censored and a positive whole number for each kind of event. `entry` holds when each patient
    came under observation (left truncation), on the clock of `time`; without it all did at zero.
    """

    time: Name
    event: Name
    unit: Name = "time units"
    horizons: Annotated[list[Annotated[float, Field(gt=0.0)]], Field(min_length=1)]
    curve_times: Annotated[list[Annotated[float, Field(gt=0.0)]], Field(min_length=1)] | None = None
    cause: Annotated[int, Field(ge=1)] | None = None
    entry: Name | None = None
    name: Name | None = None

    @model_validator(mode="after")
    def _increasing(self) -> "SurvivalOutcome":
        for key in ("horizons", "curve_times"):
            times = getattr(self, key)
            if times is not None and times != sorted(set(times)):
                raise ValueError(f"`{key}` must increase, without repeats")
        return self


# One column, or a list: a column for every imputed data set.
Predictions = Name | Annotated[list[Name], Field(min_length=2)]


class BinaryModel(Strict):
    """A model that predicts the probability of the outcome.

    A list of columns is one of predictions from several imputed data sets.
    """

    probability: Predictions

    def columns(self) -> list[list[str]]:
        """Return the columns of every prediction, one an imputation."""
        return [listed(self.probability)]

    @model_validator(mode="after")
    def _imputed_once(self) -> "BinaryModel":
        _check_imputations(self.columns())
        return self


class SurvivalModel(Strict):
    """A model for time to event: a linear predictor, risks at the horizons, or both.

    A list of columns is one of predictions from several imputed data sets.
    """

    linear_predictor: Predictions | None = None
    risk: dict[float, Predictions] = Field(default_factory=dict)

    def columns(self) -> list[list[str]]:
        """Return the columns of every prediction, one an imputation."""
        first = [] if self.linear_predictor is None else [self.linear_predictor]
        return [listed(one) for one in (*first, *self.risk.values())]

    @model_validator(mode="after")
    def _has_something(self) -> "SurvivalModel":
        if self.linear_predictor is None and not self.risk:
            raise ValueError("give `linear_predictor`, `risk`, or both")
        _check_imputations(self.columns())
        return self


class Analysis(Strict):
    """What is computed whatever the outcome, and who the patients are."""

    schema_version: Literal[1] = SCHEMA_VERSION
    title: Name | None = None
    seed: Annotated[int, Field(ge=0)] = DEFAULT_SEED
    columns: Columns = Columns()
    bootstrap: Bootstrap = Bootstrap()
    confidence_level: Probability = 0.95
    comparisons: Comparisons = Comparisons()
    decision_curve: DecisionGrid = DecisionGrid()
    subgroups: dict[Name, Subgroup] = Field(default_factory=dict)
    baseline: Baseline = Baseline()
    case_mix: CaseMix = CaseMix()


class BinaryAnalysis(Analysis):
    """What is computed of a binary outcome."""

    outcome: BinaryOutcome
    decision_curve: BinaryDecisionGrid = BinaryDecisionGrid()
    thresholds: Thresholds = Thresholds()
    discrimination: Discrimination = Discrimination()
    classification: Classification = Classification()
    calibration: Calibration = Calibration()
    updating: Updating = Updating()
    precision: Precision = Precision()

    @model_validator(mode="after")
    def _resampled(self) -> "BinaryAnalysis":
        check_resampling(self)
        return self


class SurvivalAnalysis(Analysis):
    """What is computed of a right-censored time to event.

    `landmarks` are times from which the patients then at risk are looked at again, with the clock
    restarted.
    """

    outcome: SurvivalOutcome
    risk_groups: RiskGroups = RiskGroups()
    precision: SurvivalPrecision = SurvivalPrecision()
    survival_curves: SurvivalCurves = SurvivalCurves()
    log_rank: LogRank = LogRank()
    landmarks: list[Annotated[float, Field(gt=0.0)]] = Field(default_factory=list)
    cox: Cox = Cox()

    @model_validator(mode="after")
    def _landmarks_increase(self) -> "SurvivalAnalysis":
        if self.landmarks != sorted(set(self.landmarks)):
            raise ValueError("`landmarks` must increase, without repeats")
        return self

    @model_validator(mode="after")
    def _weights_are_of_the_log_rank_test(self) -> "SurvivalAnalysis":
        if self.outcome.cause is not None and self.log_rank.weights != "log-rank":
            raise ValueError(
                f"`log_rank.weights: {self.log_rank.weights}` is for a single kind of event: with "
                "`outcome.cause` the risk groups are compared by Gray's test"
            )
        return self


class BinaryProtocol(BinaryAnalysis):
    """Validation of models for a binary outcome."""

    models: Annotated[dict[Name, BinaryModel], Field(min_length=1)]
    missing: Missing = Missing()

    @model_validator(mode="after")
    def _consistent(self) -> "BinaryProtocol":
        _check_reference(self.comparisons.reference, list(self.models))
        check_harm(self.decision_curve, list(self.models))
        _check_missing(self.missing, self.models)
        return self


class SurvivalProtocol(SurvivalAnalysis):
    """Validation of models for a right-censored time to event."""

    models: Annotated[dict[Name, SurvivalModel], Field(min_length=1)]
    missing: Missing = Missing()

    @model_validator(mode="after")
    def _consistent(self) -> "SurvivalProtocol":
        _check_reference(self.comparisons.reference, list(self.models))
        _check_missing(self.missing, self.models)
        for name, model in self.models.items():
            if name in self.cox.predictors:
                raise ValueError(f"`{name}` is a model and a predictor of `cox`; rename one")
            wanted = self.cox.predictors and self.cox.model_as == "linear-predictor"
            if wanted and model.linear_predictor is None:
                raise ValueError(f"`cox.model_as: linear-predictor` needs that of model `{name}`")
            for horizon in model.risk:
                if horizon not in self.outcome.horizons:
                    raise ValueError(
                        f"model `{name}` gives a risk at {horizon:g}, which is not one of the "
                        f"horizons {[float(h) for h in self.outcome.horizons]}"
                    )
        return self


Protocol = BinaryProtocol | SurvivalProtocol


def _check_reference(reference: str | None, models: Sequence[str]) -> None:
    if reference is not None and reference not in models:
        raise ValueError(
            f"comparisons.reference `{reference}` is not a model; the models are "
            f"{', '.join(models)}"
        )


def check_harm(grid: BinaryDecisionGrid, models: Sequence[str]) -> None:
    """Raise unless every harm is that of a model."""
    for name in grid.harm:
        if name not in models:
            raise ValueError(
                f"decision_curve.harm names `{name}`, which is not a model; the models are "
                f"{', '.join(models)}"
            )


def check_resampling(protocol: BinaryAnalysis) -> None:
    """Raise if an interval is asked for that needs resamples, and there are none."""
    wanted = protocol.discrimination.interval
    if wanted.startswith("bootstrap") and not protocol.bootstrap.n_resamples:
        raise ValueError(
            f"discrimination.interval `{wanted}` needs resamples, and bootstrap.n_resamples is 0; "
            "give at least 2 (1000 is usual), or another interval (delong, logit, hanley-mcneil)"
        )


def listed(columns: str | list[str]) -> list[str]:
    """Return the columns of one prediction, one an imputation."""
    return [columns] if isinstance(columns, str) else columns


def imputations(models: Mapping[str, BinaryModel | SurvivalModel]) -> dict[str, int]:
    """Return how many imputations each model's predictions come from; 1 without imputation."""
    return {name: max(map(len, model.columns())) for name, model in models.items()}


def _check_imputations(predictions: Sequence[Sequence[str]]) -> None:
    sizes = sorted({len(columns) for columns in predictions} - {1})
    if len(sizes) > 1:
        raise ValueError(
            f"its predictions come from {sizes[0]} and from {sizes[1]} imputations; list the same "
            "number of columns for each"
        )
    for columns in predictions:
        doubled = [name for name in columns if columns.count(name) > 1]
        if doubled:
            raise ValueError(f"column `{doubled[0]}` is listed twice; list each imputation once")


def _check_missing(missing: Missing, models: Mapping[str, BinaryModel | SurvivalModel]) -> None:
    if missing.rule in ("development-median", "multiple-imputation"):
        raise ValueError(
            f"missing.rule `{missing.rule}` fills in predictors, and predictions are frozen here: "
            "impute before the model is applied, and list one column of predictions an imputation "
            "(models.NAME.probability: [a_1, a_2, ...])"
        )
    several = {name: count for name, count in imputations(models).items() if count > 1}
    if len(set(several.values())) > 1:
        said = ", ".join(f"`{name}` {count}" for name, count in several.items())
        raise ValueError(
            f"all models need the same number of imputations, or one; there are {said}"
        )


def binary_protocol(
    *,
    outcome: str,
    models: Sequence[str],
    columns: Columns,
    thresholds: Thresholds,
    seed: int = DEFAULT_SEED,
    n_resamples: int = 1000,
) -> BinaryProtocol:
    """Return the protocol that the flags of the command line describe."""
    return BinaryProtocol(
        outcome=BinaryOutcome(column=outcome),
        models={name: BinaryModel(probability=name) for name in models},
        columns=columns,
        thresholds=thresholds,
        seed=seed,
        bootstrap=Bootstrap(n_resamples=n_resamples),
    )


def resolved(protocol: Analysis) -> dict[str, Any]:
    """Return the protocol as plain data in the file's own spelling, every default written out."""
    plain: dict[str, Any] = _whole_numbers(protocol.model_dump(by_alias=True))
    return plain


def _whole_numbers(value: Any) -> Any:
    """Write 5.0 as 5, so that a horizon reads as its author wrote it."""
    if isinstance(value, dict):
        return {_whole_numbers(key): _whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
