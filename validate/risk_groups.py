"""Risk groups frozen on development: their curves, and the tests between them."""

from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats.competing_risks import CumulativeIncidence
from extval.stats.cox import cox_regression
from extval.stats.kaplan_meier import KaplanMeier
from extval.stats.numbers_at_risk import numbers_at_risk
from extval.stats.results import Estimate, Interval, Status
from extval.stats.rmst import rmst_comparison
from extval.validate.cohort import Group
from extval.validate.findings import GroupFindings
from extval.validate.outcomes import add_group_outcomes, incidence_curve, survival_curve
from extval.validate.risk_group_tests import add_tests
from extval.validate.store import ModelRow
from extval.validate.study import FloatArray, SurvivalStudy

INTEREST, COMPETING = "interest", "competing"
RISK_TABLE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def risk_group_names(count: int) -> list[str]:
    """Return the names of `count` risk groups, from low to high."""
    if count == 2:
        return ["low", "high"]
    if count == 3:
        return ["low", "intermediate", "high"]
    return [f"group {index + 1} of {count}" for index in range(count)]


def risk_group_members(model: ModelRow, score: FloatArray) -> tuple[NDArray[np.intp], list[str]]:
    """Return the risk group of each patient by the frozen cuts, (n,), and the groups' names."""
    cuts = np.asarray(model.risk_group_cuts, dtype=np.float64)
    return np.searchsorted(cuts, score, side="left"), risk_group_names(cuts.size + 1)


def add_risk_groups(
    found: GroupFindings, study: SurvivalStudy, group: Group, model: ModelRow, score: FloatArray
) -> None:
    """Split at the frozen cuts (above a cut means the higher group), compare, and draw."""
    member, names = risk_group_members(model, score)
    add_group_outcomes(found, study, model.name, member, names)
    add_tests(found, study, group, model, member, names)
    for index in range(1, len(names)):
        pair = (member == 0) | (member == index)
        suffix = "" if len(names) == 2 else f"_{names[index].replace(' ', '_')}"
        _add_contrast(found, study, model.name, pair, member > 0, suffix, f"{names[index]} v low")
    add_group_curves(found, study, model.name, member, names)


def add_group_curves(
    found: GroupFindings,
    study: SurvivalStudy,
    model: str,
    member: NDArray[np.intp],
    names: list[str],
    *,
    landmark: float | None = None,
) -> None:
    """Add the curve of every risk group with patients, and the numbers at risk below it.

    Curves that start at a landmark go to tables of their own, with a column that says which.
    """
    for index, name in enumerate(names):
        chosen = member == index
        if not chosen.any():
            continue
        if study.competing:
            incidence = incidence_curve(study, chosen)
            add_incidence(found, model, name, incidence, landmark=landmark)
        else:
            add_curve(found, model, name, survival_curve(study, chosen), landmark=landmark)
        add_risk_table(found, study, model, name, chosen, landmark=landmark)


def _add_contrast(
    found: GroupFindings,
    study: SurvivalStudy,
    model: str,
    pair: NDArray[np.bool_],
    higher: NDArray[np.bool_],
    suffix: str,
    what: str,
) -> None:
    """Add the hazard ratio, and the difference and ratio of restricted means, of two groups."""
    time, event, group = study.time[pair], study.event[pair], higher[pair]
    entry = None if study.entry is None else study.entry[pair]
    level = study.protocol.confidence_level
    ratio = risk_group_hazard_ratio(time, event, group, entry, level)
    found.metric(model, f"hazard_ratio{suffix}", replace(ratio, method=f"{ratio.method}; {what}"))
    if study.competing:
        return
    for tau in study.protocol.outcome.horizons:
        restricted = _restricted_means(time, event, group, entry, tau, level)
        for metric, estimate in restricted.items():
            said = replace(estimate, method=f"{estimate.method}; {what}")
            found.metric(model, f"{metric}{suffix}", said, horizon=tau)


def risk_group_hazard_ratio(
    time: FloatArray,
    event: NDArray[np.bool_],
    group: NDArray[np.bool_],
    entry: FloatArray | None,
    level: float,
) -> Estimate:
    """Return the hazard ratio of two risk groups; `group` is True in the higher one."""
    n, events = time.size, int(np.count_nonzero(event))
    undefined = Interval.undefined(level)
    if n == 0 or group.all() or not group.any():
        return Estimate(
            value=nan,
            interval=undefined,
            method="Cox regression, Efron ties",
            n=n,
            events=events,
            status=Status.ONE_GROUP,
        )
    fit = cox_regression(time, event, group[:, np.newaxis], entry=entry, confidence_level=level)
    term = fit.terms[0]
    return replace(term.hazard_ratio, method=fit.method)


def _restricted_means(
    time: FloatArray,
    event: NDArray[np.bool_],
    group: NDArray[np.bool_],
    entry: FloatArray | None,
    tau: float,
    level: float,
) -> dict[str, Estimate]:
    """Return the higher group's restricted mean minus, and divided by, the lower group's."""
    n, events = time.size, int(np.count_nonzero(event))
    if n == 0 or group.all() or not group.any():
        blank = Estimate(
            value=nan,
            interval=Interval.undefined(level),
            method="restricted mean survival time",
            n=n,
            events=events,
            status=Status.ONE_GROUP,
        )
        return {"rmst_difference": blank, "rmst_ratio": blank}
    lower_group_last = np.where(group, 0, 1)
    found = rmst_comparison(
        time, event, lower_group_last, tau=tau, entry=entry, confidence_level=level
    )
    difference = Estimate(
        value=found.difference.difference,
        se=found.difference.se,
        interval=found.difference.interval,
        method=found.difference.method,
        n=n,
        events=events,
        status=found.difference.status,
    )
    return {"rmst_difference": difference, "rmst_ratio": found.ratio}


def _place(
    kind: str, model: str, risk_group: str, landmark: float | None
) -> tuple[str, dict[str, str | float]]:
    """Return the table of a curve and what is repeated on each of its points."""
    labels: dict[str, str | float] = {"model": model, "group": risk_group}
    if landmark is None:
        return kind, labels
    return f"{kind}_landmark", {**labels, "landmark": landmark}


def add_curve(
    found: GroupFindings,
    model: str,
    risk_group: str,
    curve: KaplanMeier,
    *,
    landmark: float | None = None,
) -> None:
    """Add a Kaplan-Meier curve; an empty `risk_group` means the whole group of patients."""
    found.curve(
        *_place("kaplan_meier", model, risk_group, landmark),
        time=curve.time,
        survival=curve.survival,
        lower=curve.lower,
        upper=curve.upper,
        at_risk=curve.at_risk,
        events=curve.events,
        censored=curve.censored,
    )


def add_incidence(
    found: GroupFindings,
    model: str,
    risk_group: str,
    curve: CumulativeIncidence,
    *,
    landmark: float | None = None,
) -> None:
    """Add the cumulative incidence of the event of interest, then that of the competing events.

    `cause` says which; `competing` counts the events of the other cause at the same time.
    """
    for row, (cause, other) in enumerate(((INTEREST, 1), (COMPETING, 0))):
        kind, labels = _place("cumulative_incidence", model, risk_group, landmark)
        found.curve(
            kind,
            {**labels, "cause": cause},
            time=curve.time,
            incidence=curve.incidence[row],
            lower=curve.lower[row],
            upper=curve.upper[row],
            at_risk=curve.at_risk,
            events=curve.events[row],
            competing=curve.events[other],
            censored=curve.censored,
        )


def add_risk_table(
    found: GroupFindings,
    study: SurvivalStudy,
    model: str,
    risk_group: str,
    chosen: NDArray[np.bool_],
    *,
    landmark: float | None = None,
) -> None:
    """Add the numbers at risk below a curve at round times, and who has left before them."""
    at = risk_table_times(float(study.time.max()))
    entry = None if study.entry is None else study.entry[chosen]
    time, kind = study.time[chosen], study.kind[chosen]
    left = numbers_at_risk(time, kind != 0, at, entry=entry)
    counts: dict[str, Any] = {
        "time": at,
        "at_risk": left.at_risk,
        "events": numbers_at_risk(time, kind == 1, at).events,
        "competing": numbers_at_risk(time, kind == 2, at).events,
        "censored": left.censored,
    }
    if not study.competing:
        del counts["competing"]
    found.curve(*_place("risk_table", model, risk_group, landmark), **counts)


def risk_table_times(last: float) -> FloatArray:
    """Return four to seven round times from 0 to the last follow-up."""
    if last <= 0.0:
        return np.zeros(1)
    rough = last / 5.0
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(s * power for s in RISK_TABLE_STEPS if s * power >= rough * (1 - 1e-12))
    return np.asarray(np.arange(int(np.floor(last / step * (1 + 1e-12))) + 1) * step)
