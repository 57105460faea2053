"""Choosing a classifier on the external patients, as some papers did: only on request, and said.

Every candidate is fitted and locked first; then the external outcomes are read and the one with
the highest AUC becomes the model. Its external AUC is the best of several and flatters it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from extval.features.modelling.choosing import choose_on_external, label
from extval.validate.errors import InputError
from extval.validate.locked_model import classifier_from
from extval.validate.model_plan import Classifiers, ModelPlan, SignaturePlan
from extval.validate.modelling_tables import joined
from extval.validate.stored_fit import StoredFit
from extval.validate.study_file import BinaryRun, Run

Fit = Callable[[Run], StoredFit]


@dataclass(frozen=True, slots=True)
class _External:
    """What `choose_on_external` asks of a classifier, answered by a locked candidate."""

    fit: StoredFit

    def linear_predictor(self, x: pd.DataFrame) -> NDArray[np.float64]:
        """Return the candidate's scores of the patients in `x`."""
        predicted = self.fit.model.predict(x, classifier_from(self.fit.classifier))
        return np.asarray(predicted["score"], dtype=np.float64)


def candidates_of(study: Run, name: str) -> Classifiers | None:
    """Return the classifiers of a model that is to be chosen on external patients, else None."""
    plan = study.models[name].plan
    if not isinstance(plan, SignaturePlan) or plan.classifier is None:
        return None
    return plan.classifier if plan.classifier.choose_on == "external" else None


def fit_candidates(study: BinaryRun, name: str, fit: Fit) -> dict[str, StoredFit]:
    """Return every candidate of the model `name`, fitted and locked as if it were the only one."""
    wanted = candidates_of(study, name)
    plan = study.models[name].plan
    assert wanted is not None
    assert isinstance(plan, SignaturePlan)
    found = {}
    for candidate in wanted.candidates:
        alone = wanted.model_copy(update={"candidates": [candidate], "choose_on": "development"})
        signature = plan.model_copy(update={"classifier": alone})
        models = {**study.models, name: ModelPlan(signature=signature)}
        found[label(candidate.name, candidate.smote)] = fit(
            study.model_copy(update={"models": models})
        )
    return found


def chosen(
    name: str,
    candidates: Mapping[str, StoredFit],
    external: pd.DataFrame,
    outcome: NDArray[np.int64],
) -> StoredFit:
    """Return the candidate with the highest external AUC, with a caution and the table of all.

    Raises
    ------
    InputError
        If all external patients have the same outcome.
    """
    asked = {key: _External(fit) for key, fit in candidates.items()}
    try:
        choice = choose_on_external(asked, external, outcome)
    except ValueError as error:
        raise InputError(f"models.{name}, choose_on external: {error}") from error
    best = candidates[choice.chosen]
    table: dict[str, list[Any]] = {
        "model": [name] * len(choice.auc),
        "classifier": list(choice.auc),
        "external_auc": list(choice.auc.values()),
        "chosen": [key == choice.chosen for key in choice.auc],
    }
    cautions = [f"{name}: {choice.caution}", *best.model.cautions]
    tables = {key: value for key, value in best.tables.items() if key != "candidates"}
    return replace(
        best,
        model=best.model.model_copy(update={"cautions": cautions}),
        tables=joined([tables, {"external_choice": table}]),
    )
