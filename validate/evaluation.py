"""The main job: a table of frozen predictions and a protocol in, results out.

Thresholds and risk-group cuts are frozen on development patients first; then every cohort and
every centre is evaluated by the same code.
"""

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from itertools import islice, pairwise
from typing import Any

import numpy as np

from extval.validate import across_centers, binary, survival
from extval.validate.adjusted import cox_rows
from extval.validate.baseline import baseline_rows
from extval.validate.case_mix import describe_case_mix
from extval.validate.cohort import ALL_CENTERS, DEVELOPMENT, VALIDATION, Group
from extval.validate.findings import Findings, GroupFindings
from extval.validate.freezing import (
    binary_event_rate,
    freeze_binary,
    freeze_survival,
    survival_event_rate,
    utility_threshold,
)
from extval.validate.imputations import pool_findings, pool_metrics
from extval.validate.missing import left_out, missing_patterns, missing_rows
from extval.validate.protocol import imputations, resolved
from extval.validate.store import CohortRow, ModelRow, Results
from extval.validate.study import BinaryStudy, Study, SurvivalStudy
from extval.validate.subgroups import subgroup_rows

PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "numba",
    "matplotlib",
    "reportlab",
    "pydantic",
    "ruamel.yaml",
    "joblib",
)

Task = Callable[[], GroupFindings]
Watch = Callable[[int, int], None]


def evaluate(
    study: Study,
    *,
    inputs: Sequence[dict[str, Any]] = (),
    command: str = "",
    n_jobs: int = 1,
    watch: Watch = lambda done, total: None,
) -> Results:
    """Return the external validation of a study.

    Parameters
    ----------
    study : BinaryStudy or SurvivalStudy
        Outcome and frozen predictions of development and validation patients.
    inputs : sequence of mappings
        Name, role and sha256 of the files that were read, for the provenance.
    command : str
        The command in a form that holds on every machine.
    n_jobs : int
        Threads. The results do not depend on it.
    watch : callable
        Is told how many of how many parts are done.
    """
    groups = study.roster.groups()
    development = study.of(_group(groups, DEVELOPMENT))
    protocol = resolved(study.protocol)
    models: tuple[ModelRow, ...]
    if isinstance(development, BinaryStudy):
        models = freeze_binary(development)
        grid, rate = study.protocol.decision_curve, binary_event_rate(development)
    else:
        models = freeze_survival(development)
        grid, rate = study.protocol.decision_curve, survival_event_rate(development)
    utility_at = utility_threshold(grid, rate)
    protocol["decision_curve"]["at"] = utility_at

    several = [name for name, m in imputations(study.protocol.models).items() if m > 1]
    imputed = tuple(model for model in models if model.name in several)
    studies: list[tuple[Study, tuple[ModelRow, ...]]] = [(study, models)]
    studies += [(one, imputed) for one in study.imputations]
    tasks = [list(_parts(one, groups, models, mine, utility_at)) for one, mine in studies]
    done = _run([task for part in tasks for task in part], n_jobs=n_jobs, watch=watch)
    each = [
        _findings(one, groups, islice(done, len(part)))
        for (one, _), part in zip(studies, tasks, strict=True)
    ]
    validation, level = _group(groups, VALIDATION), study.protocol.confidence_level
    found, subgroups = each[0], subgroup_rows(study, validation)
    cox = cox_rows(study, groups, models) if isinstance(study, SurvivalStudy) else ()
    if study.imputations:
        found = pool_findings(found, each[1:], several, confidence_level=level)
        again = [subgroup_rows(one, validation) for one in study.imputations]
        subgroups = tuple(pool_metrics(subgroups, again, several))
    if isinstance(study, SurvivalStudy) and study.imputations:
        fitted = [cox_rows(one, groups, models) for one in study.imputations]
        cox = tuple(pool_metrics(cox, fitted, several))
    found.merge([across_centers.pool(validation, found.metrics, confidence_level=level)])
    found.merge(across_centers.influence(groups, found.metrics, confidence_level=level))
    cohorts = tuple(_cohort_row(study.of(group), group) for group in groups)
    return Results(
        kind="binary" if isinstance(study, BinaryStudy) else "survival",
        title=study.protocol.title or f"External validation: {_outcome_name(study)}",
        protocol=protocol,
        cohorts=cohorts,
        models=models,
        metrics=tuple(found.metrics),
        comparisons=tuple(found.comparisons),
        curves=found.curves,
        subgroups=subgroups,
        baseline=baseline_rows(study),
        cox=cox,
        missing=missing_rows(study),
        missing_patterns=missing_patterns(study),
        cautions=tuple(_cautions(cohorts, study)),
        provenance={
            "extval": metadata.version("extval"),
            "python": platform.python_version(),
            "packages": {name: metadata.version(name) for name in PACKAGES},
            "seed": study.protocol.seed,
            "inputs": list(inputs),
            "command": command,
        },
    )


def with_modelling(
    results: Results,
    tables: Mapping[str, Mapping[str, list[Any]]],
    order: Sequence[Mapping[str, str]],
) -> Results:
    """Return the results together with what is known of how the models were learned.

    `tables["cautions"]` holds sentences that go before the evaluation's own; `order` is the order
    of events that the manifest shows.
    """
    first = tables.get("cautions", {}).get("sentence", [])
    return replace(
        results,
        modelling=tables,
        cautions=(*first, *results.cautions),
        provenance={**results.provenance, "order": list(order)},
    )


def default_jobs() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _parts(
    study: Study,
    groups: Sequence[Group],
    models: tuple[ModelRow, ...],
    mine: tuple[ModelRow, ...],
    utility_at: float,
) -> Iterator[Task]:
    """Yield the independent parts of the work on a study; `mine` are the models to describe."""
    for group in groups:
        yield from _tasks(study.of(group), group, models, mine, utility_at)


def _findings(study: Study, groups: Sequence[Group], done: Iterable[GroupFindings]) -> Findings:
    """Return what was found in each group, and between groups."""
    found = Findings()
    found.merge(done)
    if isinstance(study, BinaryStudy):
        found.merge(binary.compare_groups(study, groups))
    found.merge(describe_case_mix(study, groups))
    return found


def _tasks(
    study: Study,
    group: Group,
    models: tuple[ModelRow, ...],
    mine: tuple[ModelRow, ...],
    utility_at: float,
) -> Iterator[Task]:
    """Yield the independent parts of the work on one group."""
    if isinstance(study, BinaryStudy):
        yield lambda: binary.describe(study, group)
        for model in mine:
            yield _bind(binary.evaluate_model, study, group, model, utility_at=utility_at)
        yield _bind(binary.compare_models, study, group, models, utility_at=utility_at)
    else:
        yield lambda: survival.describe(study, group)
        for model in mine:
            yield _bind(survival.evaluate_model, study, group, model, utility_at=utility_at)
        yield _bind(survival.compare_models, study, group, utility_at=utility_at)


def _bind(routine: Callable[..., GroupFindings], *args: Any, **options: Any) -> Task:
    return lambda: routine(*args, **options)


def _run(tasks: Sequence[Task], *, n_jobs: int, watch: Watch) -> Iterator[GroupFindings]:
    """Yield the findings in the order of the tasks, however many threads work on them."""
    watch(0, len(tasks))
    if n_jobs == 1:
        results: Iterator[GroupFindings] = (task() for task in tasks)
    else:
        from joblib import Parallel, delayed  # noqa: PLC0415

        pool = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
        results = pool(delayed(task)() for task in tasks)
    for done, found in enumerate(results, start=1):
        watch(done, len(tasks))
        yield found


def _outcome_name(study: Study) -> str:
    if isinstance(study, BinaryStudy):
        return study.protocol.outcome.name or study.protocol.outcome.column
    return study.protocol.outcome.name or study.protocol.outcome.event


def _group(groups: Sequence[Group], cohort: str) -> Group:
    return next(g for g in groups if g.cohort == cohort and g.center == ALL_CENTERS)


def _cohort_row(study: Study, group: Group) -> CohortRow:
    outcome = study.event if isinstance(study, SurvivalStudy) else study.y_true
    events, n = int(np.count_nonzero(outcome)), int(outcome.size)
    note = ""
    if events == 0:
        note = "No patient had the event: discrimination and calibration are not estimable."
    elif isinstance(study, BinaryStudy) and events == n:
        note = "Every patient had the event: discrimination and calibration are not estimable."
    return CohortRow(
        cohort=group.cohort,
        center=group.center,
        role=group.role,
        n=n,
        events=events,
        note=note,
    )


def _cautions(cohorts: Sequence[CohortRow], study: Study) -> Iterator[str]:
    """Yield what a reader must know before the first number."""
    binary_outcome = isinstance(study, BinaryStudy)
    if isinstance(study, SurvivalStudy) and study.competing:
        yield (
            "There are competing events. AUC(t), Brier(t), O:E(t), the calibration curve with its "
            "distances and net benefit are for the cause of interest among them; the C-index, "
            "calibration slope and hazard ratios are cause-specific, with competing events as "
            "censored."
        )
    if isinstance(study, SurvivalStudy) and study.entry is not None:
        yield (
            "Patients came under observation after time zero (left truncation). Curves, log-rank "
            "tests, Cox models, Harrell's C and O:E(t) count each from entry on; what is not "
            "defined then has a row with a sentence."
        )
    if isinstance(study, SurvivalStudy):
        yield from _falling_risks(study)
    several = {name: m for name, m in imputations(study.protocol.models).items() if m > 1}
    if several:
        frozen = "risk groups" if isinstance(study, SurvivalStudy) else "thresholds"
        yield (
            f"Multiple imputation: the predictions of {', '.join(several)} come from "
            f"{next(iter(several.values()))} imputed data sets. Estimates are pooled by Rubin's "
            "rules where these apply, or are means without limits; tests are not pooled. Curves "
            f"are means, or are drawn for the mean predictions, without bands; {frozen} were "
            "frozen on the mean predictions of the development cohort."
        )
    clusters = study.cluster if isinstance(study, BinaryStudy) else None
    if clusters is not None and len(set(clusters)) < clusters.size:
        yield (
            f"Several rows of one patient: {clusters.size} rows of "
            f"{len(set(clusters))} patients (column `{study.protocol.columns.cluster}`). The "
            "AUCs, and their comparisons between models, cohorts and centres, allow for it "
            "(Obuchowski); all other intervals and P values, bootstrap included, take rows as "
            "independent: intervals are too narrow and P values too small."
        )
    dropped = left_out(study)
    if dropped:
        counts = " and ".join(f"{count} {cohort}" for cohort, count in sorted(dropped.items()))
        yield (
            f"Complete cases: {counts} patients were left out because a prediction or the outcome "
            "is missing. The results hold for all patients only if these are missing at random, "
            "independently of the outcome."
        )
    wanted = "100 events and 100 patients without the event" if binary_outcome else "100 events"
    for row in cohorts:
        if row.cohort != VALIDATION:
            continue
        if row.center == ALL_CENTERS:
            fewest = min(row.events, row.n - row.events) if binary_outcome else row.events
            if fewest < 100:
                yield (
                    f"The pooled validation cohort has {row.events} events in {row.n} patients; "
                    f"at least {wanted} are usually wanted for an external validation, so the "
                    "intervals say more than the estimates."
                )
        elif row.note:
            yield f"{row.center}: {row.note}"


def _falling_risks(study: SurvivalStudy) -> Iterator[str]:
    """Yield which models give risks that fall with time, as columns that were mixed up do."""
    for name, model in study.protocol.models.items():
        for earlier, later in pairwise(sorted(model.risk)):
            falls = int(np.count_nonzero(study.risk[name, later] < study.risk[name, earlier]))
            if falls:
                yield (
                    f"{name}: in {falls} of {study.time.size} patients the predicted risk by "
                    f"{later:g} is smaller than that by {earlier:g}, which no risk can be. Check "
                    "which column belongs to which horizon."
                )
