"""`extval activation`: where a locked signature's deep features look in one patient's images."""

from collections.abc import Mapping
from pathlib import Path

from extval.features import images
from extval.features.activation import ActivationMap, activation_map
from extval.features.deep import DeepSettings
from extval.features.errors import CaseError, FeatureInputError
from extval.features.manifest import Case, read_manifest, readers
from extval.validate import extract_study, yaml_file
from extval.validate.errors import InputError
from extval.validate.extract_study import Features, Images
from extval.validate.locked_model import LockedModel, read_model
from extval.validate.run_data import DEEP
from extval.validate.study_file import read_run
from extval.validate.table import read_table


def activation_maps(model_file: Path, study_file: Path, patient: str) -> dict[str, ActivationMap]:
    """Return the Grad-CAM of every phase in which a locked signature uses deep features.

    Parameters
    ----------
    model_file : Path
        Locked model with a formula.
    study_file : Path
        Study of `extval run` or `extval extract` whose deep features the model uses.
    patient : str
        A patient of the study's manifest.

    Raises
    ------
    InputError
        If the model has no formula or no deep features, or the patient's images are not there.
    """
    model = read_model(model_file)
    asked, features, batches = _sources(study_file, patient, model)
    by_phase: dict[str, dict[str, float]] = {}
    for name, value in raw_coefficients(model, batches).items():
        if DEEP.match(name):
            phase, _, feature = name.rpartition("__")
            by_phase.setdefault(phase, {})[feature] = value
    if not by_phase:
        raise InputError(f"{model_file.name}: the model `{model.name}` uses no deep features.")
    try:
        plan = extract_study.plan(asked, features, study_file.parent)
        if plan.deep is None:
            raise InputError(f"{study_file}: `features.deep` is not there.")
        cases = read_manifest(study_file.parent / asked.manifest, allow_outside=asked.allow_outside)
        main = readers(cases)[0]
        mine = {c.phase: c for c in cases if c.patient == patient and c.reader == main}
        return {
            phase: _map(mine, phase, patient, plan.deep, wanted, asked)
            for phase, wanted in sorted(by_phase.items())
        }
    except FeatureInputError as error:
        raise InputError(str(error)) from error


def raw_coefficients(model: LockedModel, batches: Mapping[str, str]) -> dict[str, float]:
    """Return what a unit of each raw feature adds to the first linear score of a model.

    Coefficients of z-scores are divided by the SD, and those of harmonised features by the scale
    of the patient's batch; `batches` holds the patient's label in each batch column.

    Raises
    ------
    InputError
        If the model's features do not enter a formula, or the batch has no locked scale.
    """
    linear = next((step for step in model.steps if step.step == "linear"), None)
    if linear is None or any(step.step == "classifier" for step in model.steps):
        raise InputError(
            f"the model `{model.name}` has no formula; activation maps need a linear signature."
        )
    found = dict(linear.coefficients)
    for step in model.steps[: model.steps.index(linear)][::-1]:
        if step.step == "standardise":
            found = {name: b / step.sd.get(name, 1.0) for name, b in found.items()}
        elif step.step == "combat":
            label = batches.get(step.batch, "")
            if label not in step.scale and step.new_batch != "none":
                raise InputError(
                    f"column `{step.batch}`: the batch {label!r} has no locked scale; known are "
                    f"{', '.join(step.scale)}."
                )
            scale = dict(zip(step.features, step.scale.get(label, ()), strict=False))
            found = {name: b / scale.get(name, 1.0) for name, b in found.items()}
    return found


def _sources(
    study_file: Path, patient: str, model: LockedModel
) -> tuple[Images, Features, dict[str, str]]:
    """Return images and features of a study, and the patient's labels of ComBat's batches."""
    columns = [step.batch for step in model.steps if step.step == "combat"]
    if "clinical" not in yaml_file.read_mapping(study_file):
        study = extract_study.read_study(study_file)
        return study.images, study.features, {}
    run = read_run(study_file)
    if run.images is None or run.features is None:
        raise InputError(f"{study_file} names no `images` and `features` to look at.")
    table = read_table(study_file.parent / run.clinical.table)
    who = table.text(run.columns.patient)
    if patient not in who:
        raise InputError(f"{table.name}: there is no patient {patient!r}.")
    row = who.index(patient)
    return run.images, run.features, {name: table.text(name)[row] for name in columns}


def _map(
    mine: Mapping[str, Case],
    phase: str,
    patient: str,
    settings: DeepSettings,
    coefficients: Mapping[str, float],
    asked: Images,
) -> ActivationMap:
    if phase not in mine:
        raise InputError(
            f"{asked.manifest}: patient {patient!r} has no image{f' of {phase}' if phase else ''}."
        )
    try:
        image, mask = mine[phase].files()
        pair = images.read_pair(image, mask, label=mine[phase].label, mask_grid=asked.mask_grid)
    except CaseError as error:
        raise InputError(f"{asked.manifest}, patient {patient}: {error}") from error
    return activation_map(pair, settings, coefficients)
