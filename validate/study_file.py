"""The study file of `extval run`: from images or feature tables to locked and validated models.

Its analyses are those of a protocol (`protocol.py`); what is new here is where the features come
from (`images` and `features`, or `feature_tables`), and how `models` are learned from them. The
reference page `docs/study-file.md` is generated from these classes.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from extval.validate import yaml_file
from extval.validate.errors import InputError
from extval.validate.extract_study import Features, Images
from extval.validate.protocol import Analysis, BinaryAnalysis, SurvivalAnalysis
from extval.validate.protocol_settings import Name, Strict

FILE_NAME = re.compile(r"\w(?:[\w .+-]{0,58}\w)?\+?")
RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{i}" for port in ("com", "lpt") for i in range(10)),
}

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Folds = Annotated[int, Field(ge=2, le=50)]
Kind = Literal["handcrafted", "deep"]
ICCForm = Literal["ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"]
ClassifierName = Literal["logistic", "decision-tree", "random-forest", "svm", "adaboost", "knn"]
Gaps = Literal["refuse", "development-median"]
ReaderKind = Literal["inter", "intra"]


class Clinical(Strict):
    """The table with one row a patient: identifiers, cohort, outcome, clinical predictors."""

    table: Name


class Reading(Strict):
    """Features of a repeated delineation: by another reader (inter) or the same one (intra)."""

    table: Name
    kind: ReaderKind = "inter"


class FeatureTables(Strict):
    """Features that were extracted before, as `extval extract` writes them.

    `table` holds a row a patient; `readings` the repeated delineations, under the readers' names.
    """

    table: Name
    readings: dict[Name, Reading] = Field(default_factory=dict)


class Missing(Strict):
    """What happens to empty cells of features.

    A feature that is empty in more than `max_share` of the development patients is dropped. `rule`
    `impute` fills other gaps with the development median; `exclude` leaves out patients of whom a
    phase or the features altogether are missing, and refuses other gaps.
    """

    max_share: Share = 0.2
    rule: Literal["impute", "exclude"] = "impute"


class Reliability(Strict):
    """Features must be repeatable: intraclass correlation of readings of development patients.

    `keep` compares the point estimate or the lower confidence limit with `above`. Deep features
    without readings are kept.
    """

    form: ICCForm = "ICC(2,1)"
    keep: Literal["estimate", "lower"] = "estimate"
    above: Share = 0.75


class Harmonisation(Strict):
    """ComBat over the batches in a column (scanner, centre), learned on development patients.

    `new_batch` says what happens to a batch that development never saw: `none`, its values stay as
    they are; `refuse`; `estimate`, its shift is estimated from its patients' features without
    their outcomes, or from those with 1 in the column `calibration`; the report then calls the
    result transductive. `joint` learns from all patients at once, external ones included, and is
    there only to reproduce what papers did.
    """

    batch: Name
    new_batch: Literal["none", "refuse", "estimate", "joint"] = "none"
    calibration: Name | None = None
    covariates: list[Name] = Field(default_factory=list)
    parametric: bool = True
    mean_only: bool = False
    reference: Name | None = None


class Selection(Strict):
    """Fewer features before the model: mRMR, a univariate screen, or none.

    `k` and `variant` belong to mRMR; `threshold`, `adjustment` and `minimum` (features with the
    smallest P values that are kept even if none passes) to the screen.
    """

    method: Literal["mrmr", "screen", "none"] = "mrmr"
    k: Annotated[int, Field(ge=1)] = 25
    variant: Literal[
        "f-correlation-difference",
        "f-correlation-quotient",
        "mutual-information-difference",
        "mutual-information-quotient",
    ] = "f-correlation-quotient"
    threshold: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05
    adjustment: Literal["benjamini-hochberg", "holm", "none"] = "benjamini-hochberg"
    minimum: Annotated[int, Field(ge=0)] = 1


class Preparation(Strict):
    """The steps between the feature table and the model of a signature, in this order.

    Reliability filter, completeness, imputation, ComBat, variance, z-score, correlation, selection.
    All are learned on development patients, and again inside every fold.
    """

    reliability: Reliability | None = None
    missing: Missing = Missing()
    harmonisation: Harmonisation | None = None
    variance_above: Annotated[float, Field(ge=0.0)] = 0.0
    correlation_above: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    selection: Selection = Selection()


class Lasso(Strict):
    """Penalised regression; the penalty from cross-validation (`min` or one standard error).

    `family` `auto` is logistic for a 0/1 outcome and Cox for a time to event. `linear` fits 0/1 by
    least squares, as some published scores did: its score is no log odds.
    """

    family: Literal["auto", "logistic", "linear", "cox"] = "auto"
    rule: Literal["min", "1se"] = "min"
    folds: Folds | None = None
    repeats: Annotated[int, Field(ge=1, le=1000)] = 1


class Candidate(Strict):
    """A classifier, with or without SMOTE in its training folds."""

    name: ClassifierName
    smote: bool = False


class Classifiers(Strict):
    """Classifiers among which repeated cross-validation on development patients chooses.

    `choose_on: external` looks at the external outcomes, as some papers did; the report cautions.
    """

    candidates: Annotated[list[Candidate], Field(min_length=1)] = Field(
        default_factory=lambda: [
            Candidate(name=name, smote=smote)
            for name in get_args(ClassifierName)
            for smote in (False, True)
        ]
    )
    folds: Folds = 5
    repeats: Annotated[int, Field(ge=1, le=100)] = 3
    choose_on: Literal["development", "external"] = "development"


class SignaturePlan(Strict):
    """A score from features. `phases` keeps the features of some phases; none means all.

    Keys of `preparation` that are given here replace those of the study.
    """

    features: Annotated[list[Kind], Field(min_length=1)] = Field(
        default_factory=lambda: list[Kind](["handcrafted"])
    )
    phases: list[Name] | None = None
    preparation: Preparation | None = None
    lasso: Lasso | None = None
    classifier: Classifiers | None = None

    @model_validator(mode="after")
    def _one_model(self) -> "SignaturePlan":
        if self.lasso is not None and self.classifier is not None:
            raise ValueError("give `lasso` or `classifier`, one of the two")
        return self


class Predictor(Strict):
    """A clinical predictor: a column as it is, or 1 where it is above a cut.

    A categorical column is compared with `reference`, by default its first category.
    """

    column: Name
    above: float | None = None
    categorical: bool = False
    reference: Name | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Predictor":
        if self.categorical and self.above is not None:
            raise ValueError("a categorical column has no cut `above`")
        if self.reference is not None and not self.categorical:
            raise ValueError("`reference` belongs to a categorical column")
        return self


class ClinicalPlan(Strict):
    """Logistic or Cox regression on clinical predictors.

    Without `selection` all predictors are in the model (recommended: name them beforehand). With
    it, univariate and then multivariable P values choose, as the papers did. `missing` says what
    happens to a patient without a value: `refuse`, or `development-median` (of a category, the
    most frequent one), learned inside every fold and written into the locked model.
    """

    predictors: Annotated[dict[Name, Predictor], Field(min_length=1)]
    selection: "PValueSelection | None" = None
    missing: Gaps = "refuse"


class PValueSelection(Strict):
    """Limits of the P values that choose clinical predictors."""

    univariate_p: Annotated[float, Field(gt=0.0, le=1.0)] = 0.10
    multivariable_p: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05
    elimination: Literal["single-pass", "backward"] = "single-pass"


class CombinedPlan(Strict):
    """Regression on the out-of-fold score of a signature and clinical predictors: the nomogram.

    `clinical` names a clinical model, whose predictors (those that it kept) enter, with its rule
    for missing values; or give `predictors` and `missing`.
    """

    signature: Name
    clinical: Name | None = None
    predictors: dict[Name, Predictor] = Field(default_factory=dict)
    missing: Gaps = "refuse"

    @model_validator(mode="after")
    def _one_source(self) -> "CombinedPlan":
        if (self.clinical is None) == (not self.predictors):
            raise ValueError("give `clinical` (a clinical model) or `predictors`, one of the two")
        return self


class ModelPlan(Strict):
    """One model of the study: a signature, a clinical model, or the two combined."""

    signature: SignaturePlan | None = None
    clinical: ClinicalPlan | None = None
    combined: CombinedPlan | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "ModelPlan":
        given = [key for key in ("signature", "clinical", "combined") if getattr(self, key)]
        if len(given) != 1:
            raise ValueError("give `signature`, `clinical` or `combined`, one of the three")
        return self

    @property
    def plan(self) -> SignaturePlan | ClinicalPlan | CombinedPlan:
        """Return the one plan that is given."""
        found = self.signature or self.clinical or self.combined
        assert found is not None  # one of the three, by the validator
        return found


class InternalValidation(Strict):
    """How models are judged on the patients they are learned from.

    Development predictions are those of models fitted without the patient's fold
    (`out-of-fold`), or those of the locked model itself (`apparent`), which flatter. Scores that
    enter a combined model are always out-of-fold. `optimism_resamples` repeats the whole procedure
    in that many bootstrap resamples (Harrell), which takes as many times as long.
    `leave_one_center_out` is internal-external cross-validation: each centre is predicted by
    models fitted to the other centres, of development or (after the models are locked and judged)
    of the whole study.
    """

    folds: Folds = 10
    predictions: Literal["out-of-fold", "apparent"] = "out-of-fold"
    optimism_resamples: Annotated[int, Field(ge=0, le=10_000)] = 0
    leave_one_center_out: Literal["none", "development", "all"] = "none"


class _Run(Analysis):
    """What a study file says besides the analyses."""

    clinical: Clinical
    images: Images | None = None
    features: Features | None = None
    feature_tables: FeatureTables | None = None
    readers: dict[Name, ReaderKind] = Field(default_factory=dict)
    preparation: Preparation = Preparation()
    models: Annotated[dict[Name, ModelPlan], Field(min_length=1)]
    internal_validation: InternalValidation = InternalValidation()

    @model_validator(mode="after")
    def _consistent(self) -> "_Run":
        if (self.images is None) != (self.features is None):
            raise ValueError("`images` and `features` go together")
        if self.images is not None and self.feature_tables is not None:
            raise ValueError("give `images` with `features`, or `feature_tables`, not both")
        _check_names(list(self.models))
        needs = [name for name, model in self.models.items() if model.signature is not None]
        if needs and self.images is None and self.feature_tables is None:
            raise ValueError(
                f"model `{needs[0]}` is a signature, but there are neither `images` nor "
                "`feature_tables`"
            )
        for name, model in self.models.items():
            if model.combined is not None:
                _check_part(self.models, name, model.combined.signature, "signature")
                part = self.models[model.combined.signature].signature
                chooses = part.classifier if part is not None else None
                if chooses is not None and chooses.choose_on == "external":
                    raise ValueError(
                        f"model `{name}` is built on `{model.combined.signature}`, whose "
                        "classifier is chosen on external patients; choose it on development"
                    )
                predictors = model.combined.predictors
                if model.combined.clinical is not None:
                    _check_part(self.models, name, model.combined.clinical, "clinical")
                    other = self.models[model.combined.clinical].clinical
                    predictors = {} if other is None else other.predictors
                if model.combined.signature in predictors:
                    raise ValueError(
                        f"model `{name}`: a clinical predictor is called "
                        f"`{model.combined.signature}` like the signature, and would take its "
                        "place; rename one"
                    )
        reference = self.comparisons.reference
        if reference is not None and reference not in self.models:
            raise ValueError(f"comparisons.reference `{reference}` is not a model")
        return self


class BinaryRun(BinaryAnalysis, _Run):
    """A study of a binary outcome."""

    @model_validator(mode="after")
    def _no_times(self) -> "BinaryRun":
        _check_families(self.models, ("auto", "logistic", "linear"), "a 0/1 outcome")
        return self


class SurvivalRun(SurvivalAnalysis, _Run):
    """A study of a right-censored time to event."""

    @model_validator(mode="after")
    def _binary_only(self) -> "SurvivalRun":
        if self.outcome.entry is not None:
            raise ValueError(
                "`outcome.entry` is for `extval evaluate`; models are not learned from delayed "
                "entry here"
            )
        if self.internal_validation.optimism_resamples:
            raise ValueError(
                "`internal_validation.optimism_resamples` is for a 0/1 outcome; leave it out, and "
                "the out-of-fold predictions say what the models are worth"
            )
        _check_families(self.models, ("auto", "cox"), "a time to event")
        written = [f"{time:g}" for time in self.outcome.horizons]
        if len(set(written)) < len(written):
            raise ValueError("`outcome.horizons` must differ in their first six digits")
        for name, model in self.models.items():
            if model.signature is not None and model.signature.classifier is not None:
                raise ValueError(
                    f"model `{name}`: classifiers are for a 0/1 outcome; use `lasso` (Cox)"
                )
        return self


Run = BinaryRun | SurvivalRun


def read_run(path: Path) -> Run:
    """Return the study in a YAML file; every problem is named with path and line."""
    raw = yaml_file.read_mapping(path)
    kind = raw.get("outcome")
    if not isinstance(kind, dict) or not ({"column", "time"} & set(kind)):
        raise InputError(
            f"{path}, `outcome`: give `column` for a 0/1 outcome, or `time`, `event` and "
            "`horizons` for a time to event."
        )
    form: type[BinaryRun | SurvivalRun] = SurvivalRun if "time" in kind else BinaryRun
    return yaml_file.parse(form, raw, path)


def preparation_of(study: Run, plan: SignaturePlan) -> Preparation:
    """Return the study's preparation with what the signature says otherwise."""
    if plan.preparation is None:
        return study.preparation
    given: dict[str, Any] = {
        key: getattr(plan.preparation, key) for key in plan.preparation.model_fields_set
    }
    return study.preparation.model_copy(update=given)


def _check_names(models: list[str]) -> None:
    """Refuse names that cannot be file names, on this computer or another."""
    seen: dict[str, str] = {}
    for name in models:
        if not FILE_NAME.fullmatch(name) or name.casefold() in RESERVED:
            raise ValueError(
                f"model `{name}` cannot be written as a file of that name; use letters, digits, "
                "`_`, `-`, `+`, `.` and blanks, a letter or digit first and last, at most 60"
            )
        if name.casefold() in seen:
            raise ValueError(
                f"models `{seen[name.casefold()]}` and `{name}` differ in capitals only, and so "
                "would their files; rename one"
            )
        seen[name.casefold()] = name


def _check_families(models: dict[str, ModelPlan], known: tuple[str, ...], outcome: str) -> None:
    for name, model in models.items():
        lasso = None if model.signature is None else model.signature.lasso
        if lasso is not None and lasso.family not in known:
            raise ValueError(
                f"model `{name}`: lasso family `{lasso.family}` does not fit {outcome}; choose one "
                f"of {', '.join(known)}"
            )


def _check_part(models: dict[str, ModelPlan], name: str, part: str, kind: str) -> None:
    if part not in models or getattr(models[part], kind) is None:
        there = [other for other, model in models.items() if getattr(model, kind) is not None]
        raise ValueError(
            f"model `{name}` needs the {kind} model `{part}`, which is not there; "
            f"{kind} models are: {', '.join(there) or 'none'}"
        )
