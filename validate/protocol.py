"""The protocol file: what is validated, how, and with which seed, fixed before looking.

Every default is a field here, so that `protocol.yaml` in the results folder shows them all.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

SCHEMA_VERSION: Literal[1] = 1
DEFAULT_SEED = 20240416

Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Probability = Annotated[float, Field(gt=0.0, lt=1.0)]
Split = Literal["cohort", "center", "outcome"]


class Strict(BaseModel):
    """Unknown keys are errors, and values are never silently changed into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


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


class Thresholds(Strict):
    """How each model's decision threshold is chosen on development data, then frozen.

    `at` is the wanted sensitivity or specificity, or the cost ratio; `value` a stated threshold.
    """

    rule: Literal[
        "youden", "closest-to-corner", "sensitivity", "specificity", "cost-ratio", "value"
    ] = "youden"
    at: Annotated[float, Field(gt=0.0)] | None = None
    value: Annotated[float, Field(ge=0.0, le=1.0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _value_is_a_rule(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("value") is not None and "rule" not in raw:
            return {**raw, "rule": "value"}
        return raw

    @model_validator(mode="after")
    def _complete(self) -> "Thresholds":
        if self.rule == "value" and self.value is None:
            raise ValueError("rule `value` needs `value`, the stated threshold")
        if self.rule != "value" and self.value is not None:
            raise ValueError(f"rule `{self.rule}` takes no `value`")
        if (self.rule in ("sensitivity", "specificity", "cost-ratio")) != (self.at is not None):
            needs = "takes no" if self.at is not None else "needs"
            raise ValueError(f"rule `{self.rule}` {needs} `at`")
        if self.rule in ("sensitivity", "specificity") and self.at is not None and self.at > 1.0:
            raise ValueError(f"`at` is a {self.rule} and must be at most 1")
        return self


class RiskGroups(Strict):
    """How risk groups are cut on the development cohort's predictions, then frozen."""

    rule: Literal["median", "tertiles", "quartiles", "cuts"] = "median"
    cuts: list[float] | None = None

    @model_validator(mode="after")
    def _complete(self) -> "RiskGroups":
        if (self.rule == "cuts") != bool(self.cuts):
            raise ValueError("rule `cuts` goes with a list `cuts`, and only that rule does")
        return self


class LogRank(Strict):
    """Tests between risk groups: weights of the event times, strata, and a permutation test.

    `rho` and `gamma` are for Fleming-Harrington weights alone. `strata` is `center` or a column:
    the stratified test stands beside the plain one, with `center` where several centres are
    pooled. A permutation test is added where a risk group has fewer than `permutations_below`
    events; `permutations: 0` leaves it out. With a `cause`, Gray's test takes the place of the
    log-rank test.
    """

    weights: Literal["log-rank", "gehan", "tarone-ware", "peto-peto", "fleming-harrington"] = (
        "log-rank"
    )
    rho: Annotated[float, Field(ge=0.0)] | None = None
    gamma: Annotated[float, Field(ge=0.0)] | None = None
    strata: Name | None = "center"
    permutations: Annotated[int, Field(ge=0, le=1_000_000)] = 10_000
    permutations_below: Annotated[int, Field(ge=0)] = 10

    @model_validator(mode="after")
    def _powers(self) -> "LogRank":
        if self.weights != "fleming-harrington" and (self.rho, self.gamma) != (None, None):
            raise ValueError("`rho` and `gamma` go with `weights: fleming-harrington` alone")
        return self


class DecisionGrid(Strict):
    """Threshold probabilities of the decision curves.

    `at` is where net benefit is tabulated; when it is not given, the development cohort's event
    rate (binary) or event probability at the horizon (time to event), rounded to the grid.
    """

    start: Probability = Field(default=0.05, alias="from")
    stop: Probability = Field(default=0.80, alias="to")
    step: Probability = 0.01
    at: Probability | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "DecisionGrid":
        if self.start >= self.stop:
            raise ValueError("`from` must be smaller than `to`")
        return self

    def thresholds(self) -> list[float]:
        """Return the grid, ends included, free of accumulated rounding."""
        count = int((self.stop - self.start) / self.step + 1e-9) + 1
        return [round(self.start + i * self.step, 10) for i in range(count)]


class Bootstrap(Strict):
    """Number of bootstrap resamples; 0 switches resampling off."""

    n_resamples: Annotated[int, Field(ge=0, le=100_000)] = 1000


class Comparisons(Strict):
    """Which models are compared: all pairs, or each with `reference`.

    `mcnemar` is the variant for paired sensitivity and specificity. `reclassification` adds NRI
    and IDI, which are known to mislead, for readers who are asked for them.
    """

    reference: Name | None = None
    adjustment: Literal["holm", "none"] = "holm"
    mcnemar: Literal["exact", "mid-p"] = "exact"
    reclassification: bool = False


class PartialArea(Strict):
    """The part of the ROC curve whose area is reported beside the whole."""

    over: Literal["specificity", "sensitivity"] = "specificity"
    low: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(default=0.9, alias="from")
    high: Annotated[float, Field(gt=0.0, le=1.0)] = Field(default=1.0, alias="to")

    @model_validator(mode="after")
    def _ordered(self) -> "PartialArea":
        if self.low >= self.high:
            raise ValueError("`from` must be smaller than `to`")
        return self


class Discrimination(Strict):
    """Interval of the AUC, and an optional partial area."""

    interval: Literal[
        "delong", "logit", "hanley-mcneil", "bootstrap-percentile", "bootstrap-bca"
    ] = "delong"
    partial: PartialArea | None = None


class Classification(Strict):
    """Interval of the proportions, and prevalences at which PPV and NPV are also given."""

    interval: Literal["wilson", "clopper-pearson"] = "wilson"
    prevalence: list[Probability] = Field(default_factory=list)


class Calibration(Strict):
    """Flexible calibration curve, intervals of intercept and slope, groups of the group tests.

    The calibration belt with its test is drawn for groups of up to `belt_up_to` patients: its fits
    take longest on large tables, where it is a line anyway. 0 leaves it out.
    """

    smoother: Literal["loess", "rcs", "lowess"] = "loess"
    belt_up_to: Annotated[int, Field(ge=0)] = 20_000
    interval: Literal["wald", "profile"] = "wald"
    groups: Annotated[int, Field(ge=2, le=100)] = 10


class Updating(Strict):
    """Folds in which an updated model is judged on patients it was not fitted on."""

    folds: Annotated[int, Field(ge=2, le=50)] = 10


class Precision(Strict):
    """Widths of 95% intervals that make an external cohort large enough (Riley 2021)."""

    oe_ratio: Annotated[float, Field(gt=0.0)] = 0.2
    calibration_slope: Annotated[float, Field(gt=0.0)] = 0.2
    auc: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    net_benefit: Annotated[float, Field(gt=0.0)] = 0.2


class SurvivalPrecision(Strict):
    """Widths of 95% intervals that make an external cohort large enough (Riley 2022)."""

    oe_t: Annotated[float, Field(gt=0.0)] = 0.2
    calibration_slope: Annotated[float, Field(gt=0.0)] = 0.2
    c_harrell: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    net_benefit: Annotated[float, Field(gt=0.0)] = 0.2


class Subgroup(Strict):
    """Patients by the categories of a column, or by bands of a number between `cuts`."""

    column: Name
    cuts: Annotated[list[float], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _increasing(self) -> "Subgroup":
        if self.cuts is not None and self.cuts != sorted(set(self.cuts)):
            raise ValueError("`cuts` must increase, without repeats")
        return self


class Characteristic(Strict):
    """A characteristic of the patients."""

    column: Name
    kind: Literal["continuous", "categorical"]


class Baseline(Strict):
    """The baseline table, and the tests if `p_values` are wanted (several journals forbid them).

    `continuous_test` is `rank` (Mann-Whitney, Kruskal-Wallis) or `mean` (Welch's t, ANOVA);
    `categorical_test` `auto` is Fisher's exact test when an expected count is below 5, and the
    chi-square test without continuity correction otherwise.
    """

    variables: dict[Name, Characteristic] = Field(default_factory=dict)
    by: Annotated[list[Split], Field(min_length=1)] = ["cohort"]
    p_values: bool = False
    continuous_test: Literal["rank", "mean"] = "rank"
    categorical_test: Literal["auto", "chi-square", "fisher"] = "auto"


class CaseMix(Strict):
    """Predictors that a membership model tells the cohorts apart by; without any there is none."""

    predictors: dict[Name, Characteristic] = Field(default_factory=dict)


class Missing(Strict):
    """What happens to a patient without a prediction or the outcome.

    `refuse` takes no such table. `complete-case` leaves these patients out and counts them.
    `development-median` and `multiple-imputation` fill in predictors before a model is applied.
    """

    rule: Literal["refuse", "complete-case", "development-median", "multiple-imputation"] = "refuse"


class Predictor(Characteristic):
    """A predictor of a Cox model: a number, `per` so many units, or categories v `reference`.

    Without a `reference` it is the first category, in order of size or letter.
    """

    per: Annotated[float, Field(gt=0.0)] = 1.0
    reference: Name | None = None

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Predictor":
        if self.kind == "continuous" and self.reference is not None:
            raise ValueError("`reference` is a category; a continuous predictor has none")
        if self.kind == "categorical" and self.per != 1.0:
            raise ValueError("`per` goes with a continuous predictor")
        return self


class Cox(Strict):
    """Cox models of each model's prediction beside declared predictors; without any there is none.

    `model_as` is what a model enters as: its frozen risk groups or its linear predictor. `strata`,
    `center` or a column, gives each stratum its own baseline hazard.
    """

    predictors: dict[Name, Predictor] = Field(default_factory=dict)
    model_as: Literal["risk-groups", "linear-predictor"] = "risk-groups"
    strata: Name | None = None


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
    thresholds: Thresholds = Thresholds()
    discrimination: Discrimination = Discrimination()
    classification: Classification = Classification()
    calibration: Calibration = Calibration()
    updating: Updating = Updating()
    precision: Precision = Precision()


class SurvivalAnalysis(Analysis):
    """What is computed of a right-censored time to event.

    `landmarks` are times from which the patients then at risk are looked at again, with the clock
    restarted.
    """

    outcome: SurvivalOutcome
    risk_groups: RiskGroups = RiskGroups()
    precision: SurvivalPrecision = SurvivalPrecision()
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
