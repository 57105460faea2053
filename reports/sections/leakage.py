"""Whom each fit saw, in which order things happened, and how unlike the external inputs are."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from extval.reports import format as fmt
from extval.reports.blocks import (
    RIGHT,
    Band,
    Block,
    Caution,
    Cell,
    Column,
    Paragraph,
    Row,
    Section,
    Table,
)
from extval.reports.index import Index
from extval.reports.sections.learned_rows import Record, models_with, records
from extval.reports.tabulation import Footnotes

HASH_LENGTH = 12
PURPOSES = {
    "locked model": "locked model",
    "cross-validation": "out-of-fold predictions",
    "locked model: signature": "signature, for external patients",
    "locked model: signature without": "signature's out-of-fold score, on which the model rests",
    "cross-validation: signature": "signature, within out-of-fold predictions",
    "cross-validation: signature without": "the same, its out-of-fold score",
}
STEPS = {"combat": "ComBat", "mrmr": "mRMR"}
LOCKED, OUTCOMES = "model locked", "external outcomes read"
EARLIER = (LOCKED, "external patients predicted")
FAR, MANY, MOST_ROWS = 0.5, 0.1, 40


def audit(index: Index) -> Section:
    """Return the leakage audit and the order of events; nothing where no model was fitted."""
    rows = records(index, "audit")
    blocks: list[Block] = []
    if rows:
        blocks += [*_verdict(rows), _audit_table(index)]
    events = [*index.results.provenance.get("order", ())]
    if events:
        blocks += [*_locked_first(events), _order_table(events)]
    return Section("Leakage audit", tuple(blocks))


def _verdict(rows: Sequence[Record]) -> list[Block]:
    fits = sum(row["fits"] for row in rows)
    leaks = [row for row in rows if row["external_seen"] or row["held_out_seen"]]
    if not leaks:
        return [
            Paragraph(
                f"None of the {fmt.counted(fits, 'fit')} saw an external patient, and none saw a "
                "patient who was held out from it. The patients of every fit were recorded and "
                "compared with the lists of external and of held-out patients."
            )
        ]
    said = []
    for name, kind in (("external_seen", "external"), ("held_out_seen", "held-out")):
        seen = [row for row in rows if row[name]]
        if seen:
            count = fmt.counted(sum(row["fits"] for row in seen), "fit")
            steps = ", ".join(dict.fromkeys(f"{row['model']}: {row['step']}" for row in seen))
            said.append(
                f"Up to {count} of {fmt.integer(fits)} saw {kind} patients ({steps}). Results "
                f"that rest on them are no {'external' if kind == 'external' else 'internal'} "
                "validation."
            )
    return [Caution("Patients were seen who must not be", tuple(said))]


def _audit_table(index: Index) -> Table:
    """Return a row a purpose; steps, and then models, whose fits saw the same share a line."""
    alike: dict[tuple[Row, ...], list[str]] = {}
    for model in models_with(index, "audit"):
        alike.setdefault(_audit_rows(records(index, "audit", model)), []).append(model)
    lines: list[Row | Band] = []
    for rows, models in alike.items():
        lines += [Band(", ".join(models) + (", each" if len(models) > 1 else "")), *rows]
    return Table(
        caption="Which patients the fits saw.",
        columns=(
            Column("Purpose"),
            Column("Steps"),
            Column("Fits", RIGHT),
            Column("Patients", RIGHT),
            Column("External\u00a0seen", RIGHT),
            Column("Held-out\u00a0seen", RIGHT),
        ),
        rows=tuple(lines),
        remarks=(
            "Patients, in the smallest and the largest fit; fits, of all steps named; each step by "
            "itself: modelling/audit.csv. The LASSO's and the classifiers' own folds lie within "
            "the patients of the fit.",
        ),
    )


def _audit_rows(rows: Sequence[Record]) -> tuple[Row, ...]:
    """Return the lines of one model: steps with the same purpose and the same numbers in one."""
    numbers = ("purpose", "fits", "patients_min", "patients_max", "external_seen", "held_out_seen")
    grouped: dict[tuple[Any, ...], list[str]] = {}
    for row in rows:
        grouped.setdefault(tuple(row[name] for name in numbers), []).append(str(row["step"]))
    found = []
    for (purpose, fits, least, most, external, held_out), steps in grouped.items():
        cells = (
            PURPOSES.get(str(purpose), str(purpose)),
            ", ".join(STEPS.get(step, step) for step in steps),
            fmt.integer(fits * len(steps)),
            " to ".join(dict.fromkeys([fmt.integer(least), fmt.integer(most)])),
            fmt.integer(external),
            fmt.integer(held_out),
        )
        found.append(Row(tuple(Cell(text) for text in cells)))
    return tuple(found)


def _locked_first(events: Sequence[Record]) -> list[Block]:
    names = [str(event["event"]) for event in events]
    locked = names.count(LOCKED)
    if OUTCOMES not in names:
        return []
    read = names.index(OUTCOMES)
    late = [f"{e['event']} ({e['model']})" for e in events[read:] if e["event"] in EARLIER]
    if late:
        said = f"External outcomes were read before these events: {', '.join(late)}."
        return [Caution("Outcomes were read too early", (said,))]
    said = "The model was" if locked == 1 else f"All {fmt.counted(locked, 'model')} were"
    return [
        Paragraph(
            f"{said} locked, and the external patients predicted, before any external outcome was "
            "read. A locked file carries its own SHA-256 hash, so that a later change would show."
        )
    ]


def _order_table(events: Sequence[Record]) -> Table:
    """Return the order of events; events of one kind in a row share a line."""
    lines = []
    for number, (name, group) in enumerate(groupby(events, key=lambda e: str(e["event"])), 1):
        text = "; ".join(filter(None, (_event(event) for event in group)))
        cells = (fmt.integer(number), name[:1].upper() + name[1:], text or fmt.ABSENT)
        lines.append(Row(tuple(Cell(cell) for cell in cells)))
    return Table(
        caption="Order of events.",
        columns=(Column("", RIGHT), Column("Event"), Column("What")),
        rows=tuple(lines),
        remarks=(
            f"After a model: the first {fmt.integer(HASH_LENGTH)} characters of the SHA-256 hash "
            "of its file in models/.",
        ),
    )


def _event(event: Record) -> str:
    patients = event.get("patients")
    count = "" if patients is None else fmt.counted(int(patients), "patient")
    parts = (str(event.get("model", "")), str(event.get("sha256", ""))[:HASH_LENGTH], count)
    return " ".join(part for part in parts if part)


def shift(index: Index) -> Section:
    """Return the inputs whose external values look unlike those of development."""
    by_feature: dict[str, tuple[Record, list[str]]] = {}
    for row in records(index, "shift"):
        by_feature.setdefault(str(row["feature"]), (row, []))[1].append(str(row["model"]))
    if not by_feature:
        return Section("Shift of the inputs", ())
    notable = [item for item in by_feature.values() if _is_notable(item[0])]
    notable.sort(key=lambda item: not item[0]["unit_suspect"])
    every = fmt.counted(len(by_feature), "input")
    rule = (
        f"more than {fmt.percent(MANY, digits=0)} of external patients outside the development "
        f"range, a mean shifted by more than {fmt.plain(FAR)} development standard deviations, a "
        "suspected unit, or nothing that can be said"
    )
    if not notable:
        said = f"None of the {every} of the models looks unlike development ({rule})."
        return Section("Shift of the inputs", (Paragraph(said),))
    said = (
        f"{fmt.integer(len(notable))} of the {every} of the models "
        f"{'looks' if len(notable) == 1 else 'look'} unlike development ({rule}). Values are as "
        "measured, before any harmonisation."
    )
    if len(notable) > MOST_ROWS:
        said += f" The first {fmt.integer(MOST_ROWS)} are shown."
    return Section("Shift of the inputs", (Paragraph(said), _shift_table(notable[:MOST_ROWS])))


def _is_notable(row: Record) -> bool:
    moved, outside = row["standardised_mean_shift"], row["share_outside"]
    return (
        bool(row["unit_suspect"] or row["note"])
        or (moved is not None and abs(moved) > FAR)
        or (outside is not None and outside > MANY)
    )


def _shift_table(notable: Sequence[tuple[Record, list[str]]]) -> Table:
    notes = Footnotes()
    lines = []
    for row, models in notable:
        said = " ".join(str(row[key]) for key in ("unit_suspect", "note") if row[key])
        cells = (
            Cell(str(row["feature"]), notes.mark(said)),
            Cell(", ".join(models)),
            Cell(_range(row)),
            Cell(_measured(row["development_median"])),
            Cell(_measured(row["external_median"])),
            Cell(fmt.number(row["standardised_mean_shift"], digits=2)),
            Cell(fmt.percent(row["share_outside"], digits=0)),
            Cell(fmt.integer(row["missing"])),
        )
        lines.append(Row(cells))
    return Table(
        caption="Inputs whose external values look unlike development.",
        columns=(
            Column("Input"),
            Column("Models"),
            Column("Development range", RIGHT),
            Column("Median", RIGHT),
            Column("External median", RIGHT),
            Column("Mean\u00a0shift, SD", RIGHT),
            Column("Outside", RIGHT),
            Column("Missing", RIGHT),
        ),
        rows=tuple(lines),
        footnotes=notes.listed(),
        remarks=(
            "Mean shift, external minus development mean in development standard deviations (SD); "
            "outside, share of external patients outside the development range; missing, external "
            "patients without a value. All inputs: modelling/shift.csv.",
        ),
    )


def _range(row: Record) -> str:
    low, high = row["development_low"], row["development_high"]
    if low is None or high is None:
        return fmt.NOT_ESTIMABLE
    return f"{_measured(low)} to {_measured(high)}"


def _measured(value: float | None) -> str:
    """Return a measurement of unknown unit with three digits, all of those before the point."""
    if value is not None and abs(value) >= 100.0:
        return fmt.integer(value)
    return fmt.plain(value, significant=3)
