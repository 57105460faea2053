"""The leakage audit: whom every step was fitted on, and whether one of them was external."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from extval.features.modelling.combined import CombinedModel
from extval.features.modelling.signature import Signature


class LeakageError(Exception):
    """A step was fitted on patients that it must never see; the message names step and patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRecord:
    """One fit: what was learned, in which model, and from whom.

    Attributes
    ----------
    model, step : str
    purpose : str
        `locked model`, or which out-of-fold fit it was.
    patients : tuple of str
        Identifiers of the rows that `fit` was given.
    unseen : tuple of str
        Patients who must not be among them: those whom the fit then predicts.
    """

    model: str
    step: str
    purpose: str
    patients: tuple[str, ...]
    unseen: tuple[str, ...] = ()


def fit_records(
    model: Any, *, name: str, purpose: str = "locked model", unseen: tuple[str, ...] = ()
) -> Iterator[FitRecord]:
    """Yield a record of every step of a fitted model, those of its parts included.

    Raises
    ------
    LeakageError
        If a step did not keep whom it was fitted on: what cannot be shown is not believed.
    """
    for step, fitted in _steps(model):
        seen = getattr(fitted, "patients_seen_", None)
        if seen is None:
            raise LeakageError(
                f"model `{name}`, step `{step}` does not say which patients it was fitted on."
            )
        yield FitRecord(model=name, step=step, purpose=purpose, patients=seen, unseen=unseen)
    if isinstance(model, CombinedModel):
        yield from fit_records(
            model.signature_, name=name, purpose=f"{purpose}: signature", unseen=unseen
        )
        everyone = model.patients_seen_ or ()
        for k, part in enumerate(model.out_of_fold_models_):
            held_out = tuple(
                patient for patient, fold in zip(everyone, model.fold_, strict=True) if fold == k
            )
            yield from fit_records(
                part,
                name=name,
                purpose=f"{purpose}: signature without fold {k + 1}",
                unseen=unseen + held_out,
            )


def refuse_leaks(
    records: Collection[FitRecord],
    *,
    external: Collection[str],
    except_steps: Collection[str] = (),
) -> None:
    """Raise for the first fit that saw an external patient, or one that it then predicted.

    Steps in `except_steps` may see external patients: the study asked for it, and the report
    cautions.

    Raises
    ------
    LeakageError
        Naming model, step, purpose and the first such patient.
    """
    outside = frozenset(external)
    for record in records:
        for patient in record.patients:
            if patient in outside and record.step not in except_steps:
                raise LeakageError(_sentence(record, patient, "is an external patient"))
        held_out = frozenset(record.unseen)
        for patient in record.patients:
            if patient in held_out:
                raise LeakageError(_sentence(record, patient, "is predicted by this fit"))


def _steps(model: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(model, Signature):
        yield from ((name, step) for name, step, _ in model.steps_)
        yield "model", model.model_
    elif isinstance(model, CombinedModel):
        yield "regression", model.regression_
    else:
        yield "regression", model


def _sentence(record: FitRecord, patient: str, what: str) -> str:
    return (
        f"model `{record.model}`, step `{record.step}` ({record.purpose}) was fitted on "
        f"{len(record.patients)} patients, among them {patient}, who {what}. Nothing that is "
        "learned may see such patients; the run stops here."
    )
