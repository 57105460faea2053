"""The cohorts of a study: development and validation patients, centre by centre.

Patients are put in the order of their identifiers, so that the order of the rows in the input
changes nothing, and leave under pseudonyms.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from extval.validate.errors import InputError
from extval.validate.protocol import Columns
from extval.validate.table import Table

ALL_CENTERS = "all"
DEVELOPMENT = "development"
VALIDATION = "validation"
COHORTS = (DEVELOPMENT, VALIDATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Patients that are evaluated together: a cohort (`center` is ``all``) or one centre."""

    cohort: str
    center: str
    rows: NDArray[np.intp]

    @property
    def role(self) -> str:
        """Return the role of the group in this study."""
        return self.cohort

    @property
    def label(self) -> str:
        """Return the name under which the group's random streams are derived."""
        return f"{self.cohort}/{self.center}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Who is in the study: pseudonym, centre and cohort of each patient, shape (n,) each.

    `order` holds the input row of each patient, so that other columns can follow;
    `characteristics` the text of the columns that subgroups and baseline table name.
    """

    patient: tuple[str, ...]
    center: NDArray[np.object_]
    cohort: NDArray[np.object_]
    order: NDArray[np.intp]
    characteristics: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)

    def groups(self) -> list[Group]:
        """Return the pooled cohorts, each followed by its centres in alphabetical order."""
        found: list[Group] = []
        for cohort in COHORTS:
            member = self.cohort == cohort
            found.append(Group(cohort=cohort, center=ALL_CENTERS, rows=np.flatnonzero(member)))
            found += [
                Group(
                    cohort=cohort,
                    center=center,
                    rows=np.flatnonzero(member & (self.center == center)),
                )
                for center in sorted(set(self.center[member]))
            ]
        return found

    def rows(self, cohort: str) -> NDArray[np.intp]:
        """Return the patients of one cohort."""
        return np.flatnonzero(self.cohort == cohort)


def read_roster(table: Table, columns: Columns) -> Roster:
    """Return who is in the study, after checking identifiers, centres and cohort labels."""
    patients = table.text(columns.patient)
    centers = table.text(columns.center)
    cohorts = table.text(columns.cohort)
    _check_filled(table, columns.patient, patients)
    _check_filled(table, columns.center, centers)
    _check_unique(table, columns.patient, patients)
    _check_labels(table, columns.cohort, cohorts)
    if ALL_CENTERS in centers:
        row = centers.index(ALL_CENTERS)
        raise InputError(
            f"{table.name}, column `{columns.center}`, row {row + 2}: a centre cannot be called "
            f"`{ALL_CENTERS}`; that name stands for the pooled cohort. Rename the centre."
        )
    order = np.array(sorted(range(table.n_rows), key=patients.__getitem__), dtype=np.intp)
    width = len(str(table.n_rows))
    return Roster(
        patient=tuple(f"P{rank + 1:0{width}d}" for rank in range(table.n_rows)),
        center=np.array(centers, dtype=object)[order],
        cohort=np.array(cohorts, dtype=object)[order],
        order=order,
    )


def read_clusters(table: Table, column: str, roster: Roster) -> NDArray[np.object_]:
    """Return the patient that each row belongs to, under pseudonyms, in the roster's order."""
    labels = table.text(column)
    _check_filled(table, column, labels)
    place = np.argsort(roster.order)
    cohorts: dict[str, str] = {}
    for row, label in enumerate(labels):
        mine = str(roster.cohort[place[row]])
        if cohorts.setdefault(label, mine) != mine:
            raise InputError(
                f"{table.name}, column `{column}`, row {row + 2}: {label!r} has rows in the "
                "development and in the validation cohort. All rows of one patient belong to one "
                "cohort; an external validation cannot use a patient who developed the model."
            )
    rank = {label: index + 1 for index, label in enumerate(sorted(set(labels)))}
    width = len(str(len(rank)))
    ordered = [f"C{rank[labels[row]]:0{width}d}" for row in roster.order]
    return np.array(ordered, dtype=object)


def _check_filled(table: Table, column: str, cells: Sequence[str]) -> None:
    if "" in cells:
        row = cells.index("")
        raise InputError(
            f"{table.name}, column `{column}`, row {row + 2}: the cell is empty. "
            "Every patient needs an entry."
        )


def _check_unique(table: Table, column: str, patients: Sequence[str]) -> None:
    if len(set(patients)) == len(patients):
        return
    name, times = next(item for item in Counter(patients).most_common() if item[1] > 1)
    rows = [index + 2 for index, patient in enumerate(patients) if patient == name]
    raise InputError(
        f"{table.name}, column `{column}`: patient {name!r} is there {times} times "
        f"(rows {', '.join(map(str, rows[:5]))}{', ...' if times > 5 else ''}). "
        "Keep one row for each patient; where a patient has several lesions, number the rows here "
        "and name the patient in `columns.cluster`."
    )


def _check_labels(table: Table, column: str, cohorts: Sequence[str]) -> None:
    unknown = next((i for i, label in enumerate(cohorts) if label not in COHORTS), None)
    if unknown is not None:
        raise InputError(
            f"{table.name}, column `{column}`, row {unknown + 2}: {cohorts[unknown]!r} is not a "
            f"cohort; use `{DEVELOPMENT}` or `{VALIDATION}`."
        )
    for cohort, consequence in (
        (DEVELOPMENT, "thresholds are frozen on development patients"),
        (VALIDATION, "there is nothing to validate on"),
    ):
        if cohort not in cohorts:
            raise InputError(
                f"{table.name}, column `{column}`: no patient is labelled `{cohort}`; "
                f"{consequence}."
            )
