"""The settings of a protocol: what is computed, and how, with every default.

`protocol.py` puts them together with the outcome and the models.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

SCHEMA_VERSION: Literal[1] = 1
DEFAULT_SEED = 20240416
MOST_THRESHOLDS = 1000

Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Probability = Annotated[float, Field(gt=0.0, lt=1.0)]
Split = Literal["cohort", "center", "outcome"]


class Strict(BaseModel):
    """Unknown keys are errors, and values are never silently changed into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


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


class SurvivalCurves(Strict):
    """Limits of the survival curves, and which quantiles of the time to event are read off them.

    `interval` is the scale on which the limits are symmetric, also in the curves of cumulative
    incidence. `quantiles` are shares of patients with the event: 0.5 is the median.
    """

    interval: Literal["log-log", "log", "plain"] = "log-log"
    quantiles: Annotated[list[Probability], Field(min_length=1)] = [0.5]

    @model_validator(mode="after")
    def _increasing(self) -> "SurvivalCurves":
        if self.quantiles != sorted(set(self.quantiles)):
            raise ValueError("`quantiles` must increase, without repeats")
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
        if self._count() > MOST_THRESHOLDS:
            raise ValueError(
                f"a `step` of {self.step:g} makes {self._count():,} thresholds; make it larger, so "
                f"that there are at most {MOST_THRESHOLDS:,}"
            )
        return self

    def _count(self) -> int:
        return int((self.stop - self.start) / self.step + 1e-9) + 1

    def thresholds(self) -> list[float]:
        """Return the grid, ends included, free of accumulated rounding."""
        return [round(self.start + i * self.step, 10) for i in range(self._count())]


class BinaryDecisionGrid(DecisionGrid):
    """Threshold probabilities of the decision curves, and what the models' predictions cost.

    `at` is where net benefit is tabulated; when it is not given, the development cohort's event
    rate, rounded to the grid. `harm` names models and the harm of obtaining their predictions (a
    biopsy, a scan), in net-benefit units: 0.01 is worth one missed event in 100 patients. It is
    subtracted from the model's net benefit at every threshold.
    """

    harm: dict[Name, Annotated[float, Field(ge=0.0, lt=1.0)]] = Field(default_factory=dict)


class Bootstrap(Strict):
    """Number of bootstrap resamples; 0 switches resampling off."""

    n_resamples: Annotated[int, Field(ge=0, le=100_000)] = 1000

    @model_validator(mode="after")
    def _not_one(self) -> "Bootstrap":
        if self.n_resamples == 1:
            raise ValueError(
                "a single resample shows no uncertainty; give 0 for no resampling, or at least 2 "
                "(1000 is usual)"
            )
        return self


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
