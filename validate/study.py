"""A study in memory: the roster, the outcome and the frozen predictions, checked once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from extval.validate.characteristics import read_characteristics
from extval.validate.cohort import Group, Roster, read_clusters, read_roster
from extval.validate.errors import InputError
from extval.validate.protocol import BinaryProtocol, Protocol, SurvivalProtocol
from extval.validate.table import Table

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryStudy:
    """Outcome (n,) and predicted probabilities (n,) of each model, in the roster's order.

    `cluster` (n,) holds a pseudonym of the patient where several rows are of one patient.
    """

    protocol: BinaryProtocol
    roster: Roster
    y_true: BoolArray
    y_prob: Mapping[str, FloatArray]
    cluster: NDArray[np.object_] | None = None

    def of(self, group: Group) -> Self:
        """Return the patients of one group; nobody else's data can be reached through it."""
        rows = group.rows
        return replace(
            self,
            roster=_take(self.roster, rows),
            y_true=self.y_true[rows],
            y_prob={name: values[rows] for name, values in self.y_prob.items()},
            cluster=None if self.cluster is None else self.cluster[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalStudy:
    """Follow-up (n,), event (n,) and each model's predictions, in the roster's order.

    `kind` is 0 for censored, 1 for the event of interest and 2 for a competing one, which a single
    kind of event never has; `event` is True for the event of interest. `score` orders patients by
    risk: the linear predictor, or else the risk at the first horizon.
    """

    protocol: SurvivalProtocol
    roster: Roster
    time: FloatArray
    kind: NDArray[np.int8]
    linear_predictor: Mapping[str, FloatArray]
    risk: Mapping[tuple[str, float], FloatArray]

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
        )


Study = BinaryStudy | SurvivalStudy


def read_binary(table: Table, protocol: BinaryProtocol) -> BinaryStudy:
    """Return the study that a table holds, or an error that names column, row and value."""
    y_prob = {
        name: table.probabilities(model.probability) for name, model in protocol.models.items()
    }
    y_true = table.binary(protocol.outcome.column)
    roster = _described(table, protocol, read_roster(table, protocol.columns))
    cluster = None
    if protocol.columns.cluster is not None:
        cluster = read_clusters(table, protocol.columns.cluster, roster)
    return BinaryStudy(
        protocol=protocol,
        roster=roster,
        y_true=y_true[roster.order],
        y_prob={name: values[roster.order] for name, values in y_prob.items()},
        cluster=cluster,
    )


def read_survival(table: Table, protocol: SurvivalProtocol) -> SurvivalStudy:
    """Return the study that a table holds, or an error that names column, row and value."""
    linear_predictor = {
        name: table.numbers(model.linear_predictor)
        for name, model in protocol.models.items()
        if model.linear_predictor is not None
    }
    risk = {
        (name, horizon): table.probabilities(column)
        for name, model in protocol.models.items()
        for horizon, column in model.risk.items()
    }
    for name, values in linear_predictor.items():
        _check_finite(table, protocol.models[name].linear_predictor or "", values)
    time = table.numbers(protocol.outcome.time)
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
    if outcome.cause is None:
        kind = table.binary(outcome.event).astype(np.int8)
    else:
        kind = table.causes(outcome.event, outcome.cause)
    roster = _described(table, protocol, read_roster(table, protocol.columns))
    order = roster.order
    return SurvivalStudy(
        protocol=protocol,
        roster=roster,
        time=time[order],
        kind=kind[order],
        linear_predictor={name: values[order] for name, values in linear_predictor.items()},
        risk={key: values[order] for key, values in risk.items()},
    )


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
