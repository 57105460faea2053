"""Tests between risk groups: of all, within strata, for trend, of pairs, and by permutation.

With competing events Gray's test takes the place of the log-rank test. What a test does not allow
(a trend among competing events, a permutation with delayed entry) is a row with a sentence.
"""

from dataclasses import replace
from itertools import combinations
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.stats.gray import GrayResult, gray_test
from extval.stats.logrank import LogrankResult, logrank_test
from extval.stats.logrank_contrasts import logrank_trend_test
from extval.stats.multiplicity import holm
from extval.stats.permutation_logrank import PermutationLogrank, permutation_logrank_test
from extval.stats.results import Estimate, Interval, SignificanceTest, Status
from extval.validate.characteristics import CENTER, MISSING, labels
from extval.validate.cohort import Group
from extval.validate.findings import GroupFindings
from extval.validate.store import ModelRow
from extval.validate.streams import stream
from extval.validate.study import SurvivalStudy

Member = NDArray[np.intp]
Labels = NDArray[np.object_]


def add_tests(
    found: GroupFindings,
    study: SurvivalStudy,
    group: Group,
    model: ModelRow,
    member: Member,
    names: list[str],
    *,
    ending: str = "",
    horizon: float | None = None,
    pooled: SurvivalStudy | None = None,
) -> None:
    """Compare the risk groups `member`, called `names`; `ending` goes after every metric's name.

    `pooled` are the patients whose centres decide whether there are strata, if not those compared.
    """
    base = "gray" if study.competing else "logrank"

    def add(part: str, test: SignificanceTest) -> None:
        said = replace(test, method=f"{test.method}; risk groups: {model.risk_group_rule}")
        found.test(model.name, f"{base}{part}{ending}", said, horizon=horizon)

    add("", _compared(study, member))
    strata = _strata(study, study if pooled is None else pooled)
    if strata is not None:
        add("_stratified", _stratified(study, member, strata))
    if len(names) > 2:
        add("_trend", _trend(study, member))
        pairs = {
            f"_{_word(names[b])}_v_{_word(names[a])}": (member == a) | (member == b)
            for a, b in combinations(range(len(names)), 2)
        }
        tests = [_compared(study, member, chosen) for chosen in pairs.values()]
        adjusted = holm([test.p_value for test in tests])
        for pair, test, p_value in zip(pairs, tests, adjusted, strict=True):
            add(pair, test)
            found.metric(
                model.name,
                f"{base}{pair}_holm{ending}_p",
                _adjusted(test, float(p_value), len(pairs), study.protocol.confidence_level),
                horizon=horizon,
            )
    if _is_small(study, member, len(names)):
        name = f"permutation{ending}/{group.label}/{model.name}"
        if horizon is not None:
            name = f"{name}/{horizon:g}"
        add("_permutation", _permuted(study, member, stream(study.protocol.seed, name)))


def _word(name: str) -> str:
    return name.replace(" ", "_")


def _weights(study: SurvivalStudy) -> dict[str, Any]:
    """Return the weights of the protocol as the log-rank routines take them."""
    asked = study.protocol.log_rank
    family = "logrank" if asked.weights == "log-rank" else asked.weights
    return {"weights": family, "rho": asked.rho, "gamma": asked.gamma}


def _compared(
    study: SurvivalStudy,
    member: Member,
    chosen: NDArray[np.bool_] | None = None,
    strata: Labels | None = None,
) -> SignificanceTest:
    """Return the test of the groups among the `chosen` patients, or all of them."""
    rows = np.ones(member.size, dtype=np.bool_) if chosen is None else chosen
    layer = None if strata is None else strata[rows].astype(str)
    time, member = study.time[rows], member[rows]
    entry = None if study.entry is None else study.entry[rows]
    if study.competing and entry is not None:
        return _without(study, "Gray's test", Status.DELAYED_ENTRY)
    tested: GrayResult | LogrankResult
    if study.competing:
        tested = gray_test(time, study.kind[rows], member, strata=layer)
    else:
        tested = logrank_test(
            time, study.event[rows], member, strata=layer, entry=entry, **_weights(study)
        )
    return SignificanceTest(
        statistic=tested.statistic,
        df=tested.df,
        p_value=tested.p_value,
        method=tested.method,
        n=tested.n,
        events=tested.events,
        status=tested.status,
    )


def _strata(study: SurvivalStudy, pooled: SurvivalStudy) -> Labels | None:
    """Return the stratum of each patient, None where there is nothing to stratify by.

    Centres are strata only where several are pooled; those of a stated column always are.
    """
    asked = study.protocol.log_rank.strata
    if asked is None:
        return None
    if asked != CENTER:
        return np.array(labels(study.roster.characteristics[asked]), dtype=object)
    return study.roster.center if len(set(pooled.roster.center)) > 1 else None


def _stratified(study: SurvivalStudy, member: Member, strata: Labels) -> SignificanceTest:
    """Return the test within strata; patients whose stratum is missing take no part."""
    known = np.asarray(strata != MISSING)
    test = _compared(study, member, known, strata)
    asked, left_out = study.protocol.log_rank.strata, int(np.count_nonzero(~known))
    said = f" by {asked}"
    if left_out:
        said += f" ({left_out} without it left out)"
    return replace(test, method=test.method + said)


def _trend(study: SurvivalStudy, member: Member) -> SignificanceTest:
    """Return the test that risk rises or falls from group to group, equally spaced."""
    if study.competing:
        return _without(study, "test for trend", Status.COMPETING_EVENTS)
    present = np.unique(member).astype(np.float64)  # a group without patients keeps its place
    return logrank_trend_test(
        study.time, study.event, member, scores=present, entry=study.entry, **_weights(study)
    )


def _is_small(study: SurvivalStudy, member: Member, count: int) -> bool:
    asked = study.protocol.log_rank
    events = np.bincount(member[study.event], minlength=count)
    return asked.permutations > 0 and int(events.min()) < asked.permutations_below


def _permuted(study: SurvivalStudy, member: Member, rng: np.random.Generator) -> SignificanceTest:
    if study.competing:
        return _without(study, "permutation test", Status.COMPETING_EVENTS, reference="own")
    if study.entry is not None:
        return _without(study, "permutation test", Status.DELAYED_ENTRY, reference="own")
    found: PermutationLogrank = permutation_logrank_test(
        study.time,
        study.event,
        member,
        n_resamples=study.protocol.log_rank.permutations,
        rng=rng,
        **_weights(study),
    )
    return SignificanceTest(
        statistic=found.statistic,
        p_value=found.p_value,
        reference="own",
        method=found.method,
        n=found.n,
        events=found.events,
        status=found.status,
    )


def _without(
    study: SurvivalStudy, method: str, status: Status, *, reference: str = "chi-square"
) -> SignificanceTest:
    return SignificanceTest(
        statistic=nan,
        p_value=nan,
        reference=reference,
        method=method,
        n=study.time.size,
        events=int(np.count_nonzero(study.event)),
        status=status,
    )


def _adjusted(test: SignificanceTest, p_value: float, pairs: int, level: float) -> Estimate:
    """Return a P value as a number of its own, with what its test says."""
    return Estimate(
        value=p_value,
        interval=Interval.undefined(level),
        method=f"Holm over {pairs} pairs of risk groups; {test.method}",
        n=test.n,
        events=test.events,
        status=test.status,
    )
