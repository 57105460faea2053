"""Cumulative incidence of the event of interest and of its competing events, and Gray's test."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from extval.reports import format as fmt
from extval.reports.blocks import Block, Figure, Key, Panel, Paragraph, Plot, Subheading
from extval.reports.figures.cumulative_incidence import axis_end, plot_cumulative_incidence
from extval.reports.figures.kaplan_meier import plot_risk_table
from extval.reports.index import Columns, Index, Measure
from extval.reports.palette import BLACK, GREY, Look, risk_group_looks
from extval.reports.sections.survival_panels import (
    CURVE_MM,
    RISK_LINE_MM,
    SMALL_MM,
    group_names,
)
from extval.validate.landmarks import ENDING
from extval.validate.risk_groups import COMPETING, INTEREST
from extval.validate.store import CohortRow

KIND = "cumulative_incidence"
LOOKS = {INTEREST: Look(BLACK, (), ""), COMPETING: Look(GREY, (4.5, 1.8), "")}
EVENTS = {INTEREST: "Event of interest", COMPETING: "Competing events"}
COUNTED = {INTEREST: "events", COMPETING: "competing"}


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve: its name below the panel, its look, its points and its numbers at risk."""

    name: str
    look: Look
    points: Columns
    at_risk: Columns
    counted: str


@dataclass(frozen=True, slots=True)
class _Labels:
    """What names a curve in its table; without a model and a group it is that of all patients."""

    model: str = ""
    group: str = ""
    landmark: float | None = None

    def of(self, kind: str) -> tuple[str, dict[str, str | float]]:
        """Return the table and the columns to look the curve up by."""
        who: dict[str, str | float] = {"model": self.model, "group": self.group}
        if self.landmark is None:
            return kind, who
        return f"{kind}{ENDING}", {**who, "landmark": self.landmark}


def is_stored(index: Index) -> bool:
    """Return whether there are competing events, so that incidence takes the place of survival."""
    return bool(index.results.curves.get(KIND))


def keys() -> tuple[Key, ...]:
    """Return the legend of the causes."""
    return tuple(Key(EVENTS[cause], look.color, look.dash) for cause, look in LOOKS.items())


def blocks(index: Index, group_keys: tuple[Key, ...]) -> list[Block]:
    """Return the curves of all patients and of the risk groups, under what they estimate."""
    if not is_stored(index):
        return []
    return [
        Subheading("Cumulative incidence"),
        Paragraph(_estimator(index)),
        *_whole_cohorts(index),
        *_risk_groups(index, group_keys),
    ]


def common_end(index: Index, groups: Sequence[CohortRow]) -> float:
    """Return where a vertical axis ends that holds the curves of all patients of each group."""
    every = [_points(index, group, cause, _Labels()) for group in groups for cause in LOOKS]
    return axis_end([points for points in every if points])


def cohort_panel(
    index: Index,
    group: CohortRow,
    *,
    small: bool = False,
    title: str = "",
    highest: float | None = None,
) -> Panel | None:
    """Return the curves of both causes in all patients of a cohort or centre, or None.

    `highest` is where the vertical axis ends, just above the curves if not given.
    """
    found = [
        Curve(cause, look, points, _at_risk(index, group, _Labels()), COUNTED[cause])
        for cause, look in LOOKS.items()
        if (points := _points(index, group, cause, _Labels()))
    ]
    if not found:
        return None
    subtitle = "" if title else index.size(group)
    name = title or index.name(group)
    return _panel(
        index,
        name,
        found,
        small=small,
        subtitle=subtitle,
        highest=highest,
        lines=1 if small else 2,
    )


def risk_group_panels(
    index: Index,
    group: CohortRow,
    model: str,
    *,
    causes: Sequence[str] = (INTEREST, COMPETING),
    small: bool = False,
    landmark: float | None = None,
) -> list[Panel]:
    """Return a panel a cause with the curves of one model's risk groups; none without patients."""
    names = group_names(index, model)
    looks = risk_group_looks(names)

    def curves_of(cause: str) -> list[Curve]:
        found = []
        for name in names:
            labels = _Labels(model, name, landmark)
            points, at_risk = _points(index, group, cause, labels), _at_risk(index, group, labels)
            if points:
                found.append(Curve(name, looks[name], points, at_risk, COUNTED[cause]))
        return found

    by_cause = {cause: curves_of(cause) for cause in causes}
    highest = axis_end([curve.points for curves in by_cause.values() for curve in curves])
    return [
        _panel(
            index,
            model,
            curves,
            small=small,
            subtitle=_said(index, group, model, cause, landmark, small=small),
            highest=highest,
            landmark=landmark,
        )
        for cause, curves in by_cause.items()
        if curves
    ]


def without_groups(index: Index, group: CohortRow, models: Sequence[str]) -> str:
    """Return the sentence on models that put all patients of a cohort into one risk group."""
    alone = [model for model in models if len(_groups_with_patients(index, group, model)) < 2]
    if not alone:
        return ""
    return (
        f"{index.name(group)}: there are no risk groups to compare under {', '.join(alone)}, "
        "because all patients are on one side of the frozen cuts. The curves of all patients "
        "stand for them."
    )


def legend(index: Index, *, marks: bool = True) -> str:
    """Return what the bands, the ticks and the numbers below the curves are."""
    return (
        f"Bands, {index.level} limits; ticks, censored patients"
        f"{'; grey vertical lines, horizons' if marks else ''}. Below: number at risk and, in "
        "brackets, events of the panel's kind before that time."
    )


def _estimator(index: Index) -> str:
    """Return the name of the estimator, what competes, and how the groups are compared."""
    method = next((r.method for r in index.results.metrics if r.metric == "incidence_t"), "")
    outcome = index.protocol["outcome"]
    return (
        f"Estimator: {method or 'Aalen-Johansen'}. The event of interest is coded "
        f"{fmt.plain(outcome.get('cause'))} in the column {outcome.get('event')}; every other "
        "event competes with it. At any time the two incidences and the probability of no event "
        "add up to 1. Gray's test compares the incidence of the event of interest between the "
        "risk groups."
    )


def _whole_cohorts(index: Index) -> Iterator[Figure]:
    end = common_end(index, index.cohorts)
    drawn = (cohort_panel(index, group, highest=end) for group in index.cohorts)
    panels = [panel for panel in drawn if panel]
    if panels:
        yield Figure(
            caption=f"Cumulative incidence in all patients. {index.outcome}.",
            panels=tuple(panels),
            columns=2,
            left_mm=18.0,
            keys=keys(),
            remarks=(legend(index).replace("of the panel's kind", "of that kind"),),
        )


def _risk_groups(index: Index, group_keys: tuple[Key, ...]) -> Iterator[Block]:
    for group in index.cohorts:
        sentence = without_groups(index, group, index.models)
        if sentence:
            yield Paragraph(sentence)
        panels = [
            panel
            for model in index.models
            if len(_groups_with_patients(index, group, model)) > 1
            for panel in risk_group_panels(index, group, model)
        ]
        if panels:
            yield Figure(
                caption=f"Cumulative incidence in the risk groups frozen on the development "
                f"cohort. {index.title(group)}.",
                panels=tuple(panels),
                columns=2,
                left_mm=18.0,
                keys=group_keys,
                remarks=(legend(index),),
            )


def _panel(
    index: Index,
    title: str,
    curves: Sequence[Curve],
    *,
    small: bool,
    subtitle: str,
    highest: float | None = None,
    landmark: float | None = None,
    lines: int | None = None,
) -> Panel:
    """Return the curves with the numbers at risk below; the horizons are marked from time zero."""
    last = max(max(curve.points["time"]) for curve in curves)
    tables = [curve for curve in curves if curve.at_risk][:lines]
    ticks = sorted({t for curve in tables for t in curve.at_risk["time"] if t <= last})
    horizons = index.horizons if landmark is None else ()
    drawn = partial(
        plot_cumulative_incidence,
        [(curve.look, curve.points) for curve in curves],
        highest=axis_end([c.points for c in curves]) if highest is None else highest,
        last=last,
        times=ticks,
        marks=[horizon for horizon in horizons if horizon <= last],
    )
    plots = [Plot(drawn, SMALL_MM if small else CURVE_MM)]
    if tables:
        at_risk = partial(
            plot_risk_table,
            [("" if lines == 1 else c.name, c.look, _counts(c)) for c in tables],
            unit=index.unit if landmark is None else f"{index.unit} from the landmark",
            last=last,
            events=not small,
        )
        plots.append(Plot(at_risk, RISK_LINE_MM * len(tables)))
    return Panel(title, tuple(plots), subtitle)


def _counts(curve: Curve) -> Columns:
    """Return the numbers at risk with the events of the curve's cause as `events`."""
    return {**curve.at_risk, "events": curve.at_risk[curve.counted]}


def _said(
    index: Index, group: CohortRow, model: str, cause: str, landmark: float | None, *, small: bool
) -> str:
    """Return the subtitle: which events, and Gray's P of those of interest; P alone if small."""
    measure = Measure("gray_p") if landmark is None else Measure(f"gray{ENDING}_p", landmark)
    test = index.row(group, model, measure)
    if cause != INTEREST or test is None:
        return EVENTS[cause]
    p = fmt.p_value(test.estimate)
    said = f"= {p}" if p[0].isdigit() else p.replace("<", "< ").replace(">", "> ")
    return ("" if small else f"{EVENTS[cause]}; ") + f"Gray's P {said}"


def _groups_with_patients(index: Index, group: CohortRow, model: str) -> list[str]:
    names = group_names(index, model)
    return [name for name in names if _points(index, group, INTEREST, _Labels(model, name))]


def _points(index: Index, where: CohortRow, cause: str, labels: _Labels) -> Columns:
    """Return the points of one curve; results written before causes had a column have one."""
    kind, who = labels.of(KIND)
    if "cause" in index.results.curves.get(kind, {}):
        return index.curve(kind, where, **who, cause=cause)
    return index.curve(kind, where, **who) if cause == INTEREST else {}


def _at_risk(index: Index, where: CohortRow, labels: _Labels) -> Columns:
    kind, who = labels.of("risk_table")
    return index.curve(kind, where, **who)
