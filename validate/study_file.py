"""The study file of `extval run`: from images or feature tables to locked and validated models.

Its analyses are those of a protocol (`protocol.py`); what is new here is where the features come
from (`images` and `features`, or `feature_tables`), and how `models` are learned from them. The
reference page `docs/study-file.md` is generated from these classes.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from extval.validate import yaml_file
from extval.validate.errors import InputError
from extval.validate.extract_study import Features, Images
from extval.validate.model_plan import Folds, ModelPlan, Preparation, SignaturePlan
from extval.validate.protocol import Analysis, BinaryAnalysis, SurvivalAnalysis, check_harm
from extval.validate.protocol_settings import Name, Strict

FILE_NAME = re.compile(r"\w(?:[\w .+-]{0,58}\w)?\+?")
RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{i}" for port in ("com", "lpt") for i in range(10)),
}

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
        check_harm(self.decision_curve, list(self.models))
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
