"""Cox models of each model's prediction beside declared predictors, in every pooled cohort.

One fit a model and cohort, on the patients with all predictors: hazard ratios with Wald and profile
limits, unadjusted ones of the same patients, and the test of proportional hazards by predictor and
of all. With competing events the hazards are cause-specific.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import nan
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from extval.stats.cox import CoxTerm, cox_regression
from extval.stats.proportional_hazards import proportional_hazards_test
from extval.stats.results import Estimate, Interval, SignificanceTest, Status
from extval.validate.characteristics import CENTER, MISSING, labels, numbers, ordered
from extval.validate.cohort import ALL_CENTERS, Group
from extval.validate.errors import InputError
from extval.validate.findings import GroupFindings
from extval.validate.protocol_settings import Predictor
from extval.validate.risk_groups import risk_group_members
from extval.validate.store import CoxRow, ModelRow
from extval.validate.study import FloatArray, SurvivalStudy

Rows = NDArray[np.intp]
Told = TypeVar("Told", Estimate, SignificanceTest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One column of the design: `values` (n,) of all patients, NaN where missing."""

    predictor: str
    contrast: str
    values: FloatArray

    @property
    def name(self) -> str:
        """Return what tells it from the other columns."""
        return f"{self.predictor}: {self.contrast}"


def cox_rows(
    study: SurvivalStudy, groups: Sequence[Group], models: Sequence[ModelRow]
) -> tuple[CoxRow, ...]:
    """Return the rows of every Cox model that the protocol asks for; none without predictors."""
    asked = study.protocol.cox
    if not asked.predictors:
        return ()
    declared = [
        column
        for name, predictor in asked.predictors.items()
        for column in _declared(study, name, predictor)
    ]
    return tuple(
        row
        for group in groups
        if group.center == ALL_CENTERS
        for model in models
        for row in _fitted(study, group, model, [*_of_model(study, model), *declared])
    )


def _of_model(study: SurvivalStudy, model: ModelRow) -> Iterator[_Column]:
    if study.protocol.cox.model_as == "linear-predictor":
        values = study.linear_predictor[model.name]
        yield _Column(predictor=model.name, contrast="per 1 of its linear predictor", values=values)
        return
    member, names = risk_group_members(model, study.score(model.name))
    for index, name in enumerate(names[1:], start=1):
        contrast = f"{name} v {names[0]}"
        values = (member == index).astype(np.float64)
        yield _Column(predictor=model.name, contrast=contrast, values=values)


def _declared(study: SurvivalStudy, name: str, predictor: Predictor) -> Iterator[_Column]:
    cells = study.roster.characteristics[predictor.column]
    if predictor.kind == "continuous":
        values = numbers(cells) / predictor.per
        yield _Column(predictor=name, contrast=f"per {predictor.per:g}", values=values)
        return
    found = np.array(labels(cells), dtype=object)
    categories = ordered(labels(cells))
    reference = predictor.reference or (categories[0] if categories else "")
    if categories and reference not in categories:
        raise InputError(
            f"cox.predictors.{name}.reference `{reference}` does not occur in column "
            f"`{predictor.column}`; its categories are {', '.join(categories)}."
        )
    for category in categories:
        if category != reference:
            values = np.where(found == MISSING, nan, found == category).astype(np.float64)
            yield _Column(predictor=name, contrast=f"{category} v {reference}", values=values)


def _strata(study: SurvivalStudy) -> NDArray[np.object_] | None:
    asked = study.protocol.cox.strata
    if asked is None:
        return None
    if asked == CENTER:
        return study.roster.center
    return np.array(labels(study.roster.characteristics[asked]), dtype=object)


def _fitted(
    study: SurvivalStudy, group: Group, model: ModelRow, columns: Sequence[_Column]
) -> Iterator[CoxRow]:
    """Yield the rows of one model in one cohort."""
    x = np.column_stack([column.values for column in columns])[group.rows]
    layer = _strata(study)
    complete = ~np.isnan(x).any(axis=1)
    if layer is not None:
        complete &= np.asarray(layer[group.rows] != MISSING)
    rows, x = group.rows[complete], x[complete]
    fit = _Fit(study, rows, None if layer is None else layer[rows].astype(str))
    left_out = int(np.count_nonzero(~complete))
    said = f"Patients without all predictors were left out: {left_out}." if left_out else ""

    in_fit, unreferenced = _columns_in_fit(x, columns)
    names = [columns[i].name for i in in_fit]
    adjusted = {method: fit.terms(x[:, in_fit], names, method) for method in ("wald", "profile")}
    for i, column in enumerate(columns):
        found = GroupFindings(group)
        own = [j for j in in_fit if columns[j].predictor == column.predictor]
        own = own if i in own else [i]
        alone = fit.terms(x[:, own], [columns[j].name for j in own], "wald")[column.name]
        # Left out for not varying, its own fit says why.
        terms = [*(fitted.get(column.name, alone) for fitted in adjusted.values()), alone]
        if column.predictor in unreferenced:
            terms = [_without_reference(term) for term in terms]
        wald, profile, alone = terms
        for metric, estimate in (
            ("log_hazard_ratio", wald.log_hazard_ratio),
            ("hazard_ratio", wald.hazard_ratio),
            ("hazard_ratio_profile", profile.hazard_ratio),
            ("hazard_ratio_unadjusted", alone.hazard_ratio),
            ("wald_p", fit.p_value(wald)),
        ):
            found.metric(model.name, metric, fit.told(estimate), note=said)
        yield from _named(found, column.predictor, column.contrast)

    tests = fit.proportional(x[:, in_fit], [columns[i] for i in in_fit])
    for predictor in dict.fromkeys(column.predictor for column in columns):
        found = GroupFindings(group)
        test = tests.get(predictor) or fit.no_test()
        found.test(model.name, "proportional_hazards", fit.told(test), note=said)
        yield from _named(found, predictor, "")
    found = GroupFindings(group)
    found.test(model.name, "proportional_hazards", fit.told(tests[""]), note=said)
    overall = cox_regression(*fit.data, x[:, in_fit], strata=fit.strata, entry=fit.entry)
    found.test(model.name, "likelihood_ratio", fit.told(overall.likelihood_ratio), note=said)
    yield from _named(found, "", "")


def _columns_in_fit(x: FloatArray, columns: Sequence[_Column]) -> tuple[list[int], set[str]]:
    """Return which columns enter the fit, and the predictors whose reference nobody has.

    A column that is the same for all would make the whole fit impossible: it stays out alone. Where
    nobody is in the category that a predictor is compared with, its columns add up to one: one of
    them stays out too, so that the other predictors are adjusted for these categories.
    """
    varies = [i for i in range(len(columns)) if x.shape[0] and np.ptp(x[:, i]) > 0.0]
    unreferenced = set()
    for predictor in dict.fromkeys(columns[i].predictor for i in varies):
        own = [i for i in varies if columns[i].predictor == predictor]
        if len(own) > 1 and bool((x[:, own].sum(axis=1) == 1.0).all()):
            unreferenced.add(predictor)
            varies.remove(own[0])
    return varies or list(range(len(columns))), unreferenced


def _without_reference(term: CoxTerm) -> CoxTerm:
    """Return the term of a contrast with a category that nobody has."""

    def blank(found: Estimate) -> Estimate:
        undefined = Interval.undefined(found.interval.level)
        status = Status.NO_REFERENCE_CATEGORY
        return replace(found, value=nan, se=nan, interval=undefined, status=status)

    log_ratio, ratio = blank(term.log_hazard_ratio), blank(term.hazard_ratio)
    return replace(term, log_hazard_ratio=log_ratio, hazard_ratio=ratio, p_value=nan)


def _named(found: GroupFindings, predictor: str, contrast: str) -> Iterator[CoxRow]:
    for row in found.metrics:
        yield CoxRow(**asdict(row), predictor=predictor, contrast=contrast)


class _Fit:
    """The patients of one fit, and what is asked of Cox models of them."""

    def __init__(self, study: SurvivalStudy, rows: Rows, strata: NDArray[np.str_] | None) -> None:
        self.data = study.time[rows], study.event[rows]
        self.entry = None if study.entry is None else study.entry[rows]
        self.strata = strata
        self._by = study.protocol.cox.strata
        self._level = study.protocol.confidence_level

    def told(self, found: Told) -> Told:
        """Return what was found with the strata in its method."""
        if self.strata is None:
            return found
        return replace(found, method=f"{found.method}, stratified by {self._by}")

    def terms(self, x: FloatArray, names: Sequence[str], method: str) -> Mapping[str, CoxTerm]:
        """Return the terms of one model by name."""
        fit = cox_regression(
            *self.data,
            x,
            names=names,
            strata=self.strata,
            entry=self.entry,
            method=method,
            confidence_level=self._level,
        )
        return {term.name: term for term in fit.terms}

    def proportional(
        self, x: FloatArray, columns: Sequence[_Column]
    ) -> dict[str, SignificanceTest]:
        """Return the test of each predictor, and under the empty name that of all."""
        terms: dict[str, list[str]] = {}
        for column in columns:
            terms.setdefault(column.predictor, []).append(column.name)
        found = proportional_hazards_test(
            *self.data,
            x,
            names=[column.name for column in columns],
            terms=terms,
            strata=self.strata,
            entry=self.entry,
        )
        return {**found.terms, "": found.overall}

    def no_test(self) -> SignificanceTest:
        """Return the test of a predictor that does not vary in these patients."""
        return SignificanceTest(
            statistic=nan,
            p_value=nan,
            method="score test of x g(t)",
            n=self.data[0].size,
            events=int(np.count_nonzero(self.data[1])),
            status=Status.UNINFORMATIVE_PREDICTOR,
        )

    def p_value(self, term: CoxTerm) -> Estimate:
        """Return the P value of a term as a number of its own."""
        return replace(
            term.log_hazard_ratio,
            value=term.p_value,
            se=nan,
            interval=Interval.undefined(self._level),
            method="Cox regression, Wald test",
        )
