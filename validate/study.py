"""A study in memory: the roster, the outcome and the frozen predictions, checked once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from extval.validate.characteristics import read_characteristics
from extval.validate.cohort import COHORTS, Group, Roster, read_clusters, read_roster
from extval.validate.errors import InputError
from extval.validate.gaps import incomplete, refuse_gaps, without_gaps
from extval.validate.protocol import BinaryProtocol, Protocol, SurvivalProtocol, imputations, listed
from extval.validate.table import Table

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryStudy:
    """Outcome (n,) and predicted probabilities (n,) of each model, in the roster's order.

    `cluster` (n,) holds a pseudonym of the patient where several rows are of one patient. With
    predictions from several imputed data sets `imputations` holds a study for each, and `y_prob`
    here their means. `whole` is the study before patients with gaps were left out.
    """

    protocol: BinaryProtocol
    roster: Roster
    y_true: BoolArray
    y_prob: Mapping[str, FloatArray]
    cluster: NDArray[np.object_] | None = None
    imputations: tuple["BinaryStudy", ...] = ()
    whole: "Whole | None" = None

    def of(self, group: Group) -> Self:
        """Return the patients of one group; nobody else's data can be reached through it."""
        rows = group.rows
        return replace(
            self,
            roster=_take(self.roster, rows),
            y_true=self.y_true[rows],
            y_prob={name: values[rows] for name, values in self.y_prob.items()},
            cluster=None if self.cluster is None else self.cluster[rows],
            imputations=tuple(one.of(group) for one in self.imputations),
            whole=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalStudy:
    """Follow-up (n,), event (n,) and each model's predictions, in the roster's order.

    `kind` is 0 for censored, 1 for the event of interest and 2 for a competing one, which a single
    kind of event never has; `event` is True for the event of interest. `entry` (n,) is when each
    came under observation, None if all did at time zero. `score` orders patients by
    risk: the linear predictor, or else the risk at the first horizon. `imputations` and `whole` are
    as in a `BinaryStudy`.
    """

    protocol: SurvivalProtocol
    roster: Roster
    time: FloatArray
    kind: NDArray[np.int8]
    linear_predictor: Mapping[str, FloatArray]
    risk: Mapping[tuple[str, float], FloatArray]
    entry: FloatArray | None = None
    imputations: tuple["SurvivalStudy", ...] = ()
    whole: "Whole | None" = None

    @property
    def event(self) -> BoolArray:
        """Return who had the event of interest; a competing event ends follow-up without it."""
        return np.asarray(self.kind == 1)

    @property
    def competing(self) -> bool:
        """Return whether the protocol names one cause among competing events."""
        return self.protocol.outcome.cause is not None

    @property
    def cause(self) -> int | None:
        """Return the `cause` to hand to a routine together with `kind`."""
        return 1 if self.competing else None

    def score(self, model: str) -> FloatArray:
        """Return what orders the patients by risk under `model`, shape (n,)."""
        if model in self.linear_predictor:
            return self.linear_predictor[model]
        return self.risk[model, min(self.protocol.models[model].risk)]

    def of(self, group: Group) -> Self:
        """Return the patients of one group; nobody else's data can be reached through it."""
        rows = group.rows
        return replace(
            self,
            roster=_take(self.roster, rows),
            time=self.time[rows],
            kind=self.kind[rows],
            linear_predictor={name: v[rows] for name, v in self.linear_predictor.items()},
            risk={key: values[rows] for key, values in self.risk.items()},
            entry=None if self.entry is None else self.entry[rows],
            imputations=tuple(one.of(group) for one in self.imputations),
            whole=None,
        )


Study = BinaryStudy | SurvivalStudy
AnyStudy = TypeVar("AnyStudy", BinaryStudy, SurvivalStudy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """All patients of the table; where ``gaps[column]`` is True the value in `study` is none."""

    study: Study
    gaps: Mapping[str, BoolArray]


def read_study(table: Table, protocol: Protocol) -> Study:
    """Return the study that a table holds, of the kind of outcome that the protocol names."""
    try:
        if isinstance(protocol, BinaryProtocol):
            return read_binary(table, protocol)
        return read_survival(table, protocol)
    except InputError:
        refuse_gaps(table, protocol)  # a better sentence, where an empty cell is the reason
        raise


def read_binary(table: Table, protocol: BinaryProtocol) -> BinaryStudy:
    """Return the study that a table holds, or an error that names column, row and value."""
    filled, gaps = without_gaps(table, protocol)
    found = {
        column: filled.probabilities(column)
        for model in protocol.models.values()
        for column in listed(model.probability)
    }
    y_true = filled.binary(protocol.outcome.column)
    roster = _described(table, protocol, read_roster(table, protocol.columns))
    cluster = None
    if protocol.columns.cluster is not None:
        cluster = read_clusters(table, protocol.columns.cluster, roster)

    def study(imputation: int | None) -> BinaryStudy:
        return BinaryStudy(
            protocol=protocol,
            roster=roster,
            y_true=y_true[roster.order],
            y_prob={
                name: _of_imputation(found, model.probability, imputation)[roster.order]
                for name, model in protocol.models.items()
            },
            cluster=cluster,
        )

    everyone = replace(study(None), imputations=tuple(map(study, _imputed(protocol))))
    return _complete(everyone, gaps)


def read_survival(table: Table, protocol: SurvivalProtocol) -> SurvivalStudy:
    """Return the study that a table holds, or an error that names column, row and value."""
    filled, gaps = without_gaps(table, protocol)
    predictors = {
        column: filled.numbers(column)
        for model in protocol.models.values()
        for column in listed(model.linear_predictor or [])
    }
    risks = {
        column: filled.probabilities(column)
        for model in protocol.models.values()
        for columns in model.risk.values()
        for column in listed(columns)
    }
    for column, values in predictors.items():
        _check_finite(table, column, values)
    time = filled.numbers(protocol.outcome.time)
    _check_finite(table, protocol.outcome.time, time)
    negative = np.flatnonzero(time < 0.0)
    if negative.size:
        row = int(negative[0])
        raise InputError(
            f"{table.name}, column `{protocol.outcome.time}`, row {row + 2}: follow-up of "
            f"{time[row]:g} is negative ({negative.size} of {table.n_rows} are). Count time from "
            "the start of follow-up."
        )
    outcome = protocol.outcome
    entry = None
    if outcome.entry is not None:
        entry = filled.numbers(outcome.entry)
        _check_entry(table, outcome.entry, entry, time, incomplete(gaps, table.n_rows))
    if outcome.cause is None:
        hint = ", or name the kind of interest among competing events in `outcome.cause`"
        kind = filled.binary(outcome.event, hint=hint).astype(np.int8)
    else:
        kind = filled.causes(outcome.event, outcome.cause)
        _check_cause(filled, outcome.event, outcome.cause, kind)
    roster = _described(table, protocol, read_roster(table, protocol.columns))
    order = roster.order

    def study(imputation: int | None) -> SurvivalStudy:
        return SurvivalStudy(
            protocol=protocol,
            roster=roster,
            time=time[order],
            kind=kind[order],
            linear_predictor={
                name: _of_imputation(predictors, model.linear_predictor, imputation)[order]
                for name, model in protocol.models.items()
                if model.linear_predictor is not None
            },
            risk={
                (name, horizon): _of_imputation(risks, columns, imputation)[order]
                for name, model in protocol.models.items()
                for horizon, columns in model.risk.items()
            },
            entry=None if entry is None else entry[order],
        )

    everyone = replace(study(None), imputations=tuple(map(study, _imputed(protocol))))
    return _complete(everyone, gaps)


def _check_cause(table: Table, column: str, cause: int, kind: NDArray[np.int8]) -> None:
    """Raise if there are events and none is of the cause of interest."""
    if kind.any() and not (kind == 1).any():
        there = sorted({int(code) for code in table.numbers(column)} - {0})
        raise InputError(
            f"{table.name}, column `{column}`: no patient has the event {cause} of "
            f"`outcome.cause`; the kinds of event there are {', '.join(map(str, there))}. "
            "Name one of them."
        )


def _check_entry(
    table: Table, column: str, entry: FloatArray, time: FloatArray, left_out: BoolArray
) -> None:
    """Raise unless everybody came under observation at time zero or later, and before leaving."""
    for wrong, said in (
        (~(np.isfinite(entry) & (entry >= 0.0)), "is not a finite number of at least 0"),
        (~(entry < time), "is not before the end of follow-up"),
    ):
        bad = np.flatnonzero(wrong & ~left_out)
        if bad.size:
            row = int(bad[0])
            raise InputError(
                f"{table.name}, column `{column}`, row {row + 2}: entry at {entry[row]:g} {said} "
                f"({bad.size} of {table.n_rows} are not; follow-up of this patient ends at "
                f"{time[row]:g}). Count both from the same time zero, and leave out patients who "
                "were never under observation."
            )


def _imputed(protocol: Protocol) -> Sequence[int]:
    """Return the numbers of the imputations; none when every model has one column."""
    count = max(imputations(protocol.models).values())
    return range(count) if count > 1 else ()


def _of_imputation(
    found: Mapping[str, FloatArray], columns: str | list[str], imputation: int | None
) -> FloatArray:
    """Return the predictions of one imputation, or their mean over the imputations."""
    values = [found[column] for column in listed(columns)]
    if len(values) == 1:
        return values[0]
    if imputation is not None:
        return values[imputation]
    stack = np.stack(values)
    # A patient without imputed values keeps the prediction to the last digit.
    return np.asarray(np.where(np.ptp(stack, axis=0) == 0.0, stack[0], stack.mean(axis=0)))


def _complete(everyone: AnyStudy, gaps: Mapping[str, BoolArray]) -> AnyStudy:
    """Return the study of the patients without gaps; `gaps` is in the order of the input."""
    roster = everyone.roster
    ordered = {column: cells[roster.order] for column, cells in gaps.items()}
    left_out = incomplete(ordered, len(roster.patient))
    if not left_out.any():
        return everyone
    kept = np.flatnonzero(~left_out)
    for cohort in COHORTS:
        if cohort not in roster.cohort[kept]:
            raise InputError(
                f"missing.rule `complete-case` leaves no {cohort} patient: in each of them a "
                "prediction or the outcome is missing."
            )
    study = everyone.of(Group(cohort="", center="", rows=kept))
    return replace(study, whole=Whole(study=everyone, gaps=ordered))


def _take(roster: Roster, rows: NDArray[np.intp]) -> Roster:
    return Roster(
        patient=tuple(roster.patient[row] for row in rows),
        center=roster.center[rows],
        cohort=roster.cohort[rows],
        order=roster.order[rows],
        characteristics={name: cells[rows] for name, cells in roster.characteristics.items()},
    )


def _described(table: Table, protocol: Protocol, roster: Roster) -> Roster:
    found = read_characteristics(table, protocol, roster)
    return replace(roster, characteristics=found)


def _check_finite(table: Table, column: str, values: FloatArray) -> None:
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        row = int(bad[0])
        raise InputError(
            f"{table.name}, column `{column}`, row {row + 2}: {values[row]} is not a finite "
            f"number ({bad.size} of {table.n_rows} values are not)."
        )
