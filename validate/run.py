"""`extval run`: from images or feature tables to locked models and their external validation.

Three stages. *Features* are extracted, or read from a table. *Models* are fitted on development
patients and locked. *Validation* predicts the external patients with the locked files, and only
then reads their outcomes. Features and fits are kept in `stages/` of the results folder under keys
of their content, so that the same command goes on where it was stopped; the results themselves are
written under a temporary name and moved, the manifest last.
"""

import shlex
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from extval.validate import folder
from extval.validate.characteristics import read_characteristics
from extval.validate.cohort import read_clusters
from extval.validate.evaluation import evaluate, with_modelling
from extval.validate.external_choice import candidates_of
from extval.validate.extract_study import ExtractStudy
from extval.validate.internal_external import internal_external
from extval.validate.run_data import outcome_columns, read_clinical
from extval.validate.run_folder import check_folder, results_folder
from extval.validate.run_models import (
    Progress,
    Say,
    fit_models,
    protocol_of,
    write_models,
    write_predictions,
)
from extval.validate.store import Results
from extval.validate.study import read_study
from extval.validate.study_file import Run, read_run
from extval.validate.table import read_table

UNTIL = ("features", "models", "report")


def check_clinical(study: Run, path: Path) -> None:
    """Refuse a clinical table without a column that a model or an analysis names.

    Before features are extracted and models fitted, which takes hours. Of the outcome only the
    names of its columns are looked at.
    """
    table, roster = read_clinical(study, path)
    for column in sorted(outcome_columns(study)):
        table.text(column)
    if study.columns.cluster is not None:
        read_clusters(table, study.columns.cluster, roster)
    read_characteristics(table, protocol_of(study), roster)


def extract_features(
    study: Run,
    study_file: Path,
    stages: Path,
    *,
    n_jobs: int,
    dask: str | None,
    progress: Progress,
    say: Say,
) -> tuple[Path | None, dict[str, Path]]:
    """Return the feature table and those of further readers, extracting them where needed."""
    here = study_file.parent
    if study.feature_tables is not None:
        tables = study.feature_tables
        readings = {name: here / item.table for name, item in tables.readings.items()}
        return here / tables.table, readings
    if study.images is None or study.features is None:
        return None, {}
    from extval.validate import extraction  # noqa: PLC0415

    out = stages / "features"
    extraction.extract_study_of(
        ExtractStudy(seed=study.seed, images=study.images, features=study.features),
        study_file,
        out,
        n_jobs=n_jobs,
        dask=dask,
        progress=progress,
        say=say,
    )
    return out / "features.parquet", extraction.reading_tables(out)


def inputs_of(
    study: Run, study_file: Path, features: Path | None, readings: Mapping[str, Path]
) -> list[dict[str, Any]]:
    """Return what the manifest says of the files that were read."""
    found = [
        folder.input_record(study_file, "study"),
        folder.input_record(study_file.parent / study.clinical.table, "clinical"),
    ]
    if study.images is not None:
        found.append(folder.input_record(study_file.parent / study.images.manifest, "manifest"))
    if features is not None:
        found.append(folder.input_record(features, "features"))
    found += [folder.input_record(path, f"reading {name}") for name, path in readings.items()]
    return found


def run_study(
    study_file: Path,
    out: Path,
    *,
    until: str,
    force: bool,
    n_jobs: int,
    dask: str | None,
    progress: Progress,
    say: Say,
    report: Callable[[Results, Path], None] | None,
) -> Results | None:
    """Run a study file up to a stage; return the results of the validation, if it came to that.

    Parameters
    ----------
    study_file : Path
        Paths in it are relative to its folder.
    out : Path
        New or empty folder, or that of an earlier run, which is then resumed.
    until : {"features", "models", "report"}
        Last stage.
    report : callable or None
        Writes the PDF.

    Raises
    ------
    InputError
        With a sentence on what is wrong; the folder then holds no results, only stages.
    """
    study = read_run(study_file)
    check_clinical(study, study_file.parent / study.clinical.table)
    stages = check_folder(out, force=force)
    features = extract_features(
        study, study_file, stages, n_jobs=n_jobs, dask=dask, progress=progress, say=say
    )
    if until == "features":
        if study.images is None:
            say("There is nothing to extract: the study has no `images`.")
        return None
    found = fit_models(
        study, study_file, features, stages, n_jobs=n_jobs, progress=progress, say=say
    )
    with results_folder(out) as temporary:
        write_models(temporary, found)
        if until == "models":
            chose = any(candidates_of(study, name) is not None for name in study.models)
            read = (
                "External outcomes chose a classifier" if chose else "No external outcome was read"
            )
            say(
                f"Locked: {', '.join(found.locked)}. {read}; the same command without --until goes "
                "on from here."
            )
            return None
        with tempfile.TemporaryDirectory() as scratch:
            table = Path(scratch) / "predictions"
            write_predictions(table, found)
            # Complaints about a column name the file that the user has, and its rows.
            clinical = replace(
                read_table(table), name=found.data.clinical.name, _lines=found.data.order
            )
            evaluated = read_study(clinical, protocol_of(study))
        with progress("Evaluating") as watch:
            results = evaluate(
                evaluated,
                inputs=inputs_of(study, study_file, *features),
                command=shlex.join(["extval", "run", study_file.name]),
                n_jobs=n_jobs,
                watch=watch,
            )
        order = [*found.order, {"event": "external outcomes read"}]
        tables = dict(found.tables)
        if study.internal_validation.leave_one_center_out != "none":
            with progress("Leaving centres out") as watch:
                tables["internal_external"] = internal_external(
                    study,
                    found.data,
                    found.data.outcome_of(np.ones(len(found.data.table), dtype=np.bool_)),
                    evaluated,
                    results.models,
                    utility_at=results.protocol["decision_curve"]["at"],
                    n_jobs=n_jobs,
                    watch=watch,
                )
            order.append({"event": "centres left out one by one, with all outcomes"})
        results = with_modelling(results, tables, order)
        folder.write_results(temporary, results, evaluated, report=report)
    return results
