"""What happened to a group of patients: survival and restricted means at the horizons, quantiles.

Of everybody, and of the frozen risk groups of a model, whose metrics end in the group's name. With
competing events it is the cumulative incidence of the event of interest.
"""

from math import inf

import numpy as np
from numpy.typing import NDArray

from extval.stats.competing_risks import CumulativeIncidence, aalen_johansen, incidence_at
from extval.stats.kaplan_meier import KaplanMeier, kaplan_meier, quantile, survival_at
from extval.stats.results import Status
from extval.stats.rmst import rmst
from extval.validate.findings import GroupFindings
from extval.validate.study import SurvivalStudy

MEDIAN = 0.5

Chosen = NDArray[np.bool_]


def add_group_outcomes(
    found: GroupFindings,
    study: SurvivalStudy,
    model: str,
    member: NDArray[np.intp],
    names: list[str],
) -> None:
    """Add what happened to each risk group of a model; an empty group has rows that say so."""
    for index, name in enumerate(names):
        ending = f"_{name.replace(' ', '_')}"
        add_outcome(found, study, model, member == index, ending=ending)


def add_outcome(
    found: GroupFindings, study: SurvivalStudy, model: str, chosen: Chosen, *, ending: str = ""
) -> None:
    """Add the outcome of the `chosen` patients, (n,), under metrics that end in `ending`."""
    horizons = study.protocol.outcome.horizons
    if study.competing:
        incidence = incidence_curve(study, chosen)
        for horizon in horizons:
            at = incidence_at(incidence, horizon)
            said = _ran_out(incidence, horizon, at.status)
            found.metric(model, f"incidence_t{ending}", at, horizon=horizon, note=said)
        return
    curve = survival_curve(study, chosen)
    entry = None if study.entry is None else study.entry[chosen]
    for horizon in horizons:
        at = survival_at(curve, horizon)
        said = _ran_out(curve, horizon, at.status)
        found.metric(model, f"survival_t{ending}", at, horizon=horizon, note=said)
        mean = rmst(
            study.time[chosen],
            study.event[chosen],
            tau=horizon,
            entry=entry,
            confidence_level=study.protocol.confidence_level,
        )
        found.metric(model, f"rmst{ending}", mean, horizon=horizon, note=said)
    for q in study.protocol.survival_curves.quantiles:
        at = quantile(curve, q=q)
        said = _ran_out(curve, inf, at.status)
        found.metric(model, f"{quantile_name(q)}{ending}", at, note=said)


def _ran_out(curve: KaplanMeier | CumulativeIncidence, horizon: float, known: Status) -> str:
    """Return what to say where late arrivals found a curve that was at zero already."""
    if curve.status is not Status.RISK_SET_EMPTIED:
        return ""
    first = float(curve.time[np.flatnonzero(curve.survival == 0.0)[0]])
    if horizon < first:
        return ""
    later = f"This was at {first:g}, before others came under observation."
    return later if known is curve.status else f"{curve.status.value} {later}"


def quantile_name(q: float) -> str:
    """Return the metric of the time by which the share `q` had the event."""
    return "survival_median" if q == MEDIAN else f"survival_quantile_{q:g}"


def survival_curve(study: SurvivalStudy, chosen: Chosen) -> KaplanMeier:
    """Return the Kaplan-Meier curve of the `chosen` patients with the protocol's limits."""
    return kaplan_meier(
        study.time[chosen],
        study.event[chosen],
        entry=None if study.entry is None else study.entry[chosen],
        confidence_level=study.protocol.confidence_level,
        method=study.protocol.survival_curves.interval,
    )


def incidence_curve(study: SurvivalStudy, chosen: Chosen) -> CumulativeIncidence:
    """Return the cumulative incidences in the `chosen` patients with the protocol's limits."""
    return aalen_johansen(
        study.time[chosen],
        study.kind[chosen],
        n_causes=2,
        entry=None if study.entry is None else study.entry[chosen],
        confidence_level=study.protocol.confidence_level,
        method=study.protocol.survival_curves.interval,
    )
