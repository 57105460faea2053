"""How the models of a study file are learned: preparation of features, and three kinds of model.

A signature of features, a clinical model of columns of the clinical table, or the two combined.
"""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from extval.validate.protocol_settings import Name, Strict

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Folds = Annotated[int, Field(ge=2, le=50)]
Kind = Literal["handcrafted", "deep"]
ICCForm = Literal["ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"]
ClassifierName = Literal["logistic", "decision-tree", "random-forest", "svm", "adaboost", "knn"]
Gaps = Literal["refuse", "development-median"]


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
