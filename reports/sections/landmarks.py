"""Landmark analyses: the patients at risk at a chosen time, with the clock restarted there."""

from collections.abc import Iterator

from extval.reports import format as fmt
from extval.reports.blocks import Block, Figure, Key, Panel, Subheading, Table
from extval.reports.index import Index, Measure
from extval.reports.palette import risk_group_looks
from extval.reports.sections import cumulative_incidence, risk_group_tests
from extval.reports.sections.survival_panels import curves_panel, group_names
from extval.reports.tabulation import at_horizon, metric_table
from extval.validate.landmarks import ENDING
from extval.validate.risk_groups import risk_group_names
from extval.validate.store import CohortRow

SHOWN = ("c_harrell", "hazard_ratio", "logrank", "gray")


def times(index: Index) -> tuple[float, ...]:
    """Return the landmarks of the protocol."""
    return tuple(index.protocol.get("landmarks") or ())


def measures(index: Index) -> Iterator[Measure]:
    """Yield every metric of the landmark analyses; the tables show the main ones."""
    for at in times(index):
        yield from (Measure(f"{metric}{ENDING}", at) for metric in (*SHOWN, "at_risk"))
        for model in index.results.models:
            for name in risk_group_names(len(model.risk_group_cuts) + 1)[1:]:
                yield Measure(f"hazard_ratio_{name.replace(' ', '_')}{ENDING}", at)
        for measure in risk_group_tests.measures(index, ENDING):
            name = measure.metric
            yield Measure(name, at)


def blocks(index: Index, keys: tuple[Key, ...], legend: str) -> list[Block]:
    """Return, landmark by landmark, a table and the curves of the risk groups."""
    found: list[Block] = []
    for at in times(index):
        table = _table(index, at)
        if table is not None:
            found += [Subheading(f"From the landmark at {at_horizon(index, at)}"), table]
        found += _figures(index, at, keys, legend)
    return found


def _table(index: Index, at: float) -> Table | None:
    several = [
        Measure(f"hazard_ratio_{name.replace(' ', '_')}{ENDING}", at)
        for model in index.results.models
        for name in risk_group_names(len(model.risk_group_cuts) + 1)[1:]
    ]
    shown = [Measure(f"{metric}{ENDING}", at) for metric in ("c_harrell", "hazard_ratio")]
    tests = [
        Measure(f"{name}{ENDING}{end}", at) for name in ("logrank", "gray") for end in ("", "_p")
    ]
    return metric_table(
        index,
        caption="Patients at risk at the landmark, with the clock restarted there.",
        groups=index.cohorts,
        measures=[*shown, *dict.fromkeys(several), *tests],
        remarks=(_who(index, at),),
    )


def _who(index: Index, at: float) -> str:
    """Return how many patients were at risk, and why the others were not."""
    said = []
    for group in index.cohorts:
        row = index.row(group, "", Measure(f"at_risk{ENDING}", at))
        if row is not None:
            size = f"{fmt.counted(row.n, 'patient')}, {fmt.counted(row.events, 'event')}"
            said.append(f"{index.name(group)}, {size} from there. {row.note}")
    return " ".join(said)


def _figures(index: Index, at: float, keys: tuple[Key, ...], legend: str) -> Iterator[Figure]:
    if cumulative_incidence.is_stored(index):
        legend = cumulative_incidence.legend(index, marks=False)
    for group in index.cohorts:
        panels = [panel for model in index.models for panel in _panels(index, group, model, at)]
        if panels:
            where = f"Risk groups from the landmark at {at_horizon(index, at)}"
            yield Figure(
                caption=f"{where}. {index.name(group)}.",
                panels=tuple(panels),
                columns=2,
                left_mm=18.0,
                keys=keys,
                remarks=(legend,),
            )


def _panels(index: Index, group: CohortRow, model: str, at: float) -> list[Panel]:
    if cumulative_incidence.is_stored(index):
        return cumulative_incidence.risk_group_panels(index, group, model, landmark=at)
    names = group_names(index, model)
    looks = risk_group_looks(names)
    found = []
    for name in names:
        who = {"model": model, "group": name, "landmark": at}
        curve, table = (
            index.curve(f"{kind}{ENDING}", group, **who) for kind in ("kaplan_meier", "risk_table")
        )
        if curve:
            found.append((name, looks[name], curve, table))
    return [curves_panel(index, model, found, landmark=at)] if found else []
