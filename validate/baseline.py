"""The baseline table: who the patients are, by cohort, centre and outcome.

Differences are standardised mean differences; tests are made only when the protocol asks for P
values, by the rule that it declares.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import isnan, nan

import numpy as np
from numpy.typing import NDArray

from extval.stats.contingency import (
    ContingencyTest,
    chi_square_test,
    fisher_exact_test,
    fisher_monte_carlo_test,
)
from extval.stats.group_tests import (
    GroupTest,
    anova_test,
    kruskal_wallis_test,
    mann_whitney_test,
    welch_t_test,
)
from extval.stats.results import Status
from extval.stats.standardized_difference import (
    StandardizedDifference,
    standardized_mean_difference,
    standardized_proportion_difference,
)
from extval.validate.characteristics import MISSING, Cells, labels, numbers, ordered
from extval.validate.cohort import ALL_CENTERS, COHORTS
from extval.validate.protocol_settings import Baseline, Characteristic
from extval.validate.store import BaselineRow
from extval.validate.streams import stream
from extval.validate.study import BinaryStudy, FloatArray, Study

WITHOUT_EVENT, WITH_EVENT = "without the event", "with the event"
EXPECTED_AT_LEAST = 5.0
MONTE_CARLO_TABLES = 10_000
FISHER_PATHS = 50_000_000
RULES = {
    "rank": "Mann-Whitney test for two groups, Kruskal-Wallis test for more",
    "mean": "Welch t test for two groups, one-way analysis of variance for more",
    "auto": (
        "Fisher's exact test when an expected count is below 5, otherwise the chi-square test "
        "without continuity correction"
    ),
    "chi-square": "chi-square test without continuity correction",
    "fisher": "Fisher's exact test",
}

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Split:
    """Groups that are compared: `cohort` is ``all``, or the one whose patients are split."""

    by: str
    cohort: str
    groups: dict[str, Rows]


@dataclass(frozen=True, slots=True)
class _Writer:
    """Fills in which table and variable a row is about."""

    split: _Split
    variable: str

    def row(
        self,
        measure: str,
        value: float,
        *,
        n: int,
        group: str = "",
        category: str = "",
        method: str = "",
        note: str = "",
    ) -> BaselineRow:
        return BaselineRow(
            by=self.split.by,
            cohort=self.split.cohort,
            group=group,
            variable=self.variable,
            category=category,
            measure=measure,
            value=None if isnan(value) else value,
            lower=None,
            upper=None,
            method=method,
            n=n,
            note=note,
        )


def baseline_rows(study: Study) -> tuple[BaselineRow, ...]:
    """Return the rows of every baseline table that the protocol declares.

    Numbers of a group are about its patients whose value is known; how many are missing is a row
    of its own.
    """
    asked = study.protocol.baseline
    return tuple(
        row
        for split in _splits(study, asked)
        for name, variable in asked.variables.items()
        for row in _variable(study, split, name, variable)
    )


def _splits(study: Study, asked: Baseline) -> Iterator[_Split]:
    """Yield the tables; a cohort of one centre is not split by centre."""
    roster = study.roster
    outcome = study.y_true if isinstance(study, BinaryStudy) else study.event
    for by in asked.by:
        if by == "cohort":
            groups = {cohort: roster.rows(cohort) for cohort in COHORTS}
            yield _Split(by=by, cohort=ALL_CENTERS, groups=groups)
            continue
        for cohort in COHORTS:
            member = roster.cohort == cohort
            if by == "center":
                named = {
                    str(center): np.flatnonzero(member & (roster.center == center))
                    for center in sorted(set(roster.center[member]))
                }
            else:
                named = {
                    WITHOUT_EVENT: np.flatnonzero(member & ~outcome),
                    WITH_EVENT: np.flatnonzero(member & outcome),
                }
            if len(named) > 1:
                yield _Split(by=by, cohort=cohort, groups=named)


def _variable(
    study: Study, split: _Split, name: str, variable: Characteristic
) -> Iterator[BaselineRow]:
    cells, write = study.roster.characteristics[variable.column], _Writer(split, name)
    level, asked = study.protocol.confidence_level, study.protocol.baseline
    test: GroupTest | ContingencyTest
    if variable.kind == "continuous":
        values = numbers(cells)
        known = []
        for group, rows in split.groups.items():
            here = values[rows]
            known.append(here[~np.isnan(here)])
            yield from _described(write, group, known[-1], here.size)
        differences = [
            standardized_mean_difference(a, b, confidence_level=level)
            for a, b in combinations(known, 2)
        ]
        if asked.p_values:
            test = _compare_values(known, asked.continuous_test)
    else:
        categories, table = _counts(cells, list(split.groups.values()))
        for (group, rows), counts in zip(split.groups.items(), table, strict=True):
            yield from _counted(write, group, categories, counts, rows.size)
        differences = [
            standardized_proportion_difference(a, b, confidence_level=level)
            for a, b in combinations(table, 2)
        ]
        if asked.p_values:
            rng = stream(study.protocol.seed, f"baseline/{split.by}/{split.cohort}/{name}")
            test = _compare_counts(table, asked.categorical_test, rng)
    yield _difference(write, differences)
    if asked.p_values:
        continuous = variable.kind == "continuous"
        rule = RULES[asked.continuous_test if continuous else asked.categorical_test]
        yield from _tested(write, test, rule)


def _described(
    write: _Writer, group: str, known: FloatArray, patients: int
) -> Iterator[BaselineRow]:
    """Yield count, missing, mean, SD, median, quartiles and range of a number in one group."""
    n = known.size
    empty = Status.NO_PATIENTS.value if n == 0 else ""
    quartiles = np.quantile(known, [0.0, 0.25, 0.5, 0.75, 1.0]) if n else np.full(5, nan)
    low, first, middle, third, high = (float(value) for value in quartiles)
    yield write.row("n", n, n=n, group=group)
    yield write.row("missing", patients - n, n=patients, group=group)
    yield write.row("mean", float(known.mean()) if n else nan, n=n, group=group, note=empty)
    spread = float(known.std(ddof=1)) if n > 1 else nan
    few = "" if n > 1 else "Not estimable: fewer than two patients have a value."
    yield write.row("sd", spread, n=n, group=group, note=few)
    for measure, value in (
        ("median", middle),
        ("q1", first),
        ("q3", third),
        ("minimum", low),
        ("maximum", high),
    ):
        method = "linear between order statistics" if measure in ("median", "q1", "q3") else ""
        yield write.row(measure, value, n=n, group=group, method=method, note=empty)


def _counts(cells: Cells, groups: Sequence[Rows]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the categories of the patients in these groups, and the counts of each group."""
    names = np.array(labels(cells), dtype=object)
    categories = ordered([str(name) for rows in groups for name in names[rows]])
    table = [[np.count_nonzero(names[rows] == c) for c in categories] for rows in groups]
    return categories, np.array(table, dtype=np.int64).reshape(len(groups), len(categories))


def _counted(
    write: _Writer,
    group: str,
    categories: Sequence[str],
    counts: NDArray[np.int64],
    patients: int,
) -> Iterator[BaselineRow]:
    """Yield how many patients of one group are in each category, and their share of the known."""
    n = int(counts.sum())
    yield write.row("n", n, n=n, group=group)
    yield write.row(MISSING, patients - n, n=patients, group=group)
    empty = Status.NO_PATIENTS.value if n == 0 else ""
    for category, count in zip(categories, counts.tolist(), strict=True):
        yield write.row("count", count, n=n, group=group, category=category)
        share = count / n if n else nan
        yield write.row("proportion", share, n=n, group=group, category=category, note=empty)


def _difference(write: _Writer, found: Sequence[StandardizedDifference]) -> BaselineRow:
    """Return the standardised difference of two groups, or the largest of several pairs."""
    if len(found) == 1:
        only = found[0]
        row = write.row(
            "smd", only.value, n=sum(only.sizes), method=only.method, note=only.status.value
        )
        if isnan(only.value):
            return row
        return replace(row, lower=only.interval.low, upper=only.interval.high)
    known = [one for one in found if not isnan(one.value)]
    largest = max(known, key=lambda one: abs(one.value), default=found[0])
    left_out = len(found) - len(known)
    return write.row(
        "smd_largest",
        abs(largest.value),
        n=sum(largest.sizes),
        method=f"largest of {len(found)} pairs; {largest.method}",
        note=f"{left_out} of {len(found)} pairs are not estimable." if left_out else "",
    )


def _compare_values(groups: Sequence[FloatArray], rule: str) -> GroupTest:
    if len(groups) == 2:
        return (welch_t_test if rule == "mean" else mann_whitney_test)(*groups)
    return (anova_test if rule == "mean" else kruskal_wallis_test)(groups)


def _compare_counts(
    table: NDArray[np.int64], rule: str, rng: np.random.Generator
) -> ContingencyTest:
    pearson = chi_square_test(table)
    if rule == "chi-square" or (rule == "auto" and not pearson.min_expected < EXPECTED_AT_LEAST):
        return pearson
    exact = fisher_exact_test(table, max_paths=FISHER_PATHS)
    if exact.status is not Status.EXACT_TEST_TOO_LARGE:
        return exact
    return fisher_monte_carlo_test(table, n_resamples=MONTE_CARLO_TABLES, rng=rng)


def _tested(write: _Writer, test: GroupTest | ContingencyTest, rule: str) -> Iterator[BaselineRow]:
    n = test.n if isinstance(test, ContingencyTest) else sum(test.sizes)
    method = f"{test.method}; rule: {rule}"
    for measure, value in (
        ("test_statistic", test.statistic),
        ("test_df", test.df),
        ("test_p", test.p_value),
    ):
        # An exact test has no statistic, a normal reference no degrees of freedom.
        if isnan(test.p_value) or not isnan(value):
            yield write.row(measure, value, n=n, method=method, note=test.status.value)
