"""Logistic and Cox models behind one face: the maximum, its tests and its two kinds of interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri, ndtr, ndtri, xlogy

from extval.stats._checks import BoolArray, FloatArray
from extval.stats._partial_likelihood import CoxStratum, derivatives, risk_sums, strata_of
from extval.stats.calibration import separates
from extval.stats.cox import cox_regression
from extval.stats.logistic import fitted
from extval.stats.profile_likelihood import profile_limit
from extval.stats.results import Status

LOGISTIC, COX = "logistic", "cox"
TABLE = (
    "term",
    "coefficient",
    "se",
    "ratio",
    "wald_lower",
    "wald_upper",
    "profile_lower",
    "profile_upper",
    "wald_p",
    "likelihood_ratio_p",
    "note",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What is modelled: events, and for a Cox model the follow-up times, shape (n,) each."""

    event: BoolArray
    time: FloatArray | None = None
    ties: str = "efron"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Maximum:
    """A maximum of the likelihood over p coefficients; NaN where there is none, `status` why."""

    coefficients: FloatArray
    covariance: FloatArray
    intercept: float
    log_likelihood: float
    log_likelihood_null: float
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class JointTest:
    """Test that the coefficients of one predictor are all zero."""

    statistic: float
    df: int
    p_value: float


def maximum(outcome: Outcome, columns: FloatArray) -> Maximum:
    """Fit `columns`, shape (n, p), p = 0 allowed; a logistic model has an intercept besides."""
    p = columns.shape[1]
    if outcome.time is None:
        center = columns.mean(axis=0)
        design, n = _with_ones(columns - center), outcome.event.size
        fit = fitted(design, outcome.event, np.ones(n), np.zeros(n))
        return Maximum(
            coefficients=fit.coefficients[1:],
            covariance=fit.covariance[1:, 1:],
            intercept=float(fit.coefficients[0] - center @ fit.coefficients[1:]),
            log_likelihood=fit.log_likelihood if fit.status is Status.OK else nan,
            log_likelihood_null=_of_the_event_rate(outcome.event),
            status=fit.status,
        )
    if p == 0:
        null = derivatives(_layers(outcome, columns), np.empty(0)).value
        return Maximum(
            coefficients=np.empty(0),
            covariance=np.empty((0, 0)),
            intercept=0.0,
            log_likelihood=null,
            log_likelihood_null=null,
            status=Status.OK,
        )
    cox = cox_regression(outcome.time, outcome.event, columns, ties=outcome.ties)
    return Maximum(
        coefficients=cox.coefficients,
        covariance=cox.covariance,
        intercept=0.0,
        log_likelihood=cox.log_likelihood if cox.status is Status.OK else nan,
        log_likelihood_null=cox.log_likelihood_null,
        status=cox.status,
    )


def baseline_hazard(
    outcome: Outcome, columns: FloatArray, coefficients: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return event times and the cumulative hazard there of a patient at the column means.

    Efron's (or Breslow's) estimator, as `extval.stats.cox_survival`, but also without predictors.
    """
    (layer,) = _layers(outcome, columns - columns.mean(axis=0))
    sums = risk_sums(layer, layer.x @ coefficients)
    hazard = np.cumsum(np.add.reduceat(sums.inverse, layer.slot_start))
    return layer.slot_time, hazard * np.exp(-sums.shift)


def likelihood_ratio(
    outcome: Outcome, columns: FloatArray, best: Maximum, drop: Sequence[int]
) -> JointTest:
    """Return the likelihood-ratio test that the coefficients at `drop` are zero."""
    rest, without = np.delete(columns, list(drop), axis=1), best.log_likelihood_null
    if rest.shape[1]:
        without = maximum(outcome, rest).log_likelihood
    statistic = 2.0 * (best.log_likelihood - without)
    statistic = max(statistic, 0.0) if not np.isnan(statistic) else nan
    return _tested(statistic, len(drop))


def wald(best: Maximum, drop: Sequence[int]) -> JointTest:
    """Return the Wald test that the coefficients at `drop` are zero."""
    b, v = best.coefficients[list(drop)], best.covariance[np.ix_(drop, drop)]
    if best.status is not Status.OK:
        return _tested(nan, len(drop))
    return _tested(float(b @ np.linalg.solve(v, b)), len(drop))


def term_table(
    outcome: Outcome,
    columns: FloatArray,
    terms: Sequence[str],
    best: Maximum,
    *,
    level: float,
    note: str,
) -> pd.DataFrame:
    """Return one row a term with ratios, Wald and profile-likelihood limits, and P values."""
    z = float(ndtri(0.5 + level / 2))
    se = np.sqrt(np.diag(best.covariance))
    profile = _profile_limits(outcome, columns, best, z * se, level)
    rows = []
    for j, term in enumerate(terms):
        b, margin = float(best.coefficients[j]), z * float(se[j])
        remark = note
        if not note and np.isnan(profile[j]).any():
            remark = Status.PROFILE_UNBOUNDED.value
        ends = (b, b - margin, b + margin, *profile[j])
        with np.errstate(over="ignore"):
            ratios = [float(v) for v in np.exp(ends)]
        p_wald = float(2.0 * ndtr(-abs(b / se[j])))
        p_ratio = likelihood_ratio(outcome, columns, best, [j]).p_value
        rows.append((term, b, float(se[j]), *ratios, p_wald, p_ratio, remark))
    return pd.DataFrame(rows, columns=list(TABLE))


def with_firth(table: pd.DataFrame, coefficients: FloatArray, se: FloatArray, level: float) -> None:
    """Put Firth's estimates with Wald limits into a table whose terms have no other."""
    z = float(ndtri(0.5 + level / 2))
    table["coefficient"], table["se"] = coefficients, se
    with np.errstate(over="ignore"):
        table["ratio"] = np.exp(coefficients)
        table["wald_lower"] = np.exp(coefficients - z * se)
        table["wald_upper"] = np.exp(coefficients + z * se)
    table["wald_p"] = 2.0 * ndtr(-np.abs(coefficients / se))


def trouble(outcome: Outcome, columns: FloatArray, terms: Sequence[str], status: Status) -> str:
    """Return why there is no maximum, in a sentence that names the predictors where it can."""
    if status is Status.OK:
        return ""
    constant = [t for t, x in zip(terms, columns.T, strict=True) if np.ptp(x) == 0.0]
    if constant:
        return f"Not estimable: all patients have the same value of {_listed(constant)}."
    if status is Status.SEPARATION:
        alone = [t for t, x in zip(terms, columns.T, strict=True) if separates(x, outcome.event)]
        if alone:
            return (
                f"Not estimable: {_listed(alone)} separates patients with and without the event, "
                "wholly or in part, so its odds ratio is infinite or zero and the logistic model "
                "has no finite maximum-likelihood estimate."
            )
        return (
            "Not estimable: a combination of predictors, or the reference level of one, separates "
            "patients with and without the event, so the logistic model has no finite "
            "maximum-likelihood estimate."
        )
    return str(status.value)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _tested(statistic: float, df: int) -> JointTest:
    p_value = nan if np.isnan(statistic) else float(chdtrc(df, statistic))
    return JointTest(statistic=statistic, df=df, p_value=p_value)


def _of_the_event_rate(event: BoolArray) -> float:
    """Return the log likelihood of giving every patient the event rate."""
    n, events = event.size, int(np.count_nonzero(event))
    return float(xlogy(events, events / n) + xlogy(n - events, 1.0 - events / n))


def _with_ones(columns: FloatArray) -> FloatArray:
    return np.column_stack((np.ones(columns.shape[0]), columns))


def _layers(outcome: Outcome, columns: FloatArray) -> list[CoxStratum]:
    assert outcome.time is not None
    return strata_of(
        outcome.time,
        outcome.event,
        np.ascontiguousarray(columns),
        layer=np.zeros(outcome.event.size, dtype=np.intp),
        entry=None,
        efron=outcome.ties == "efron",
    )


def _profile_limits(
    outcome: Outcome, columns: FloatArray, best: Maximum, margin: FloatArray, level: float
) -> FloatArray:
    """Return lower and upper limits on the log scale, shape (p, 2)."""
    p = columns.shape[1]
    limits = np.full((p, 2), nan)
    if outcome.time is not None and p:
        fit = cox_regression(
            outcome.time,
            outcome.event,
            columns,
            ties=outcome.ties,
            method="profile",
            confidence_level=level,
        )
        for j, term in enumerate(fit.terms):
            limits[j] = term.log_hazard_ratio.interval.low, term.log_hazard_ratio.interval.high
    elif outcome.time is None and best.status is Status.OK:
        design, n = _with_ones(columns - columns.mean(axis=0)), outcome.event.size
        whole = fitted(design, outcome.event, np.ones(n), np.zeros(n))
        drop = float(chdtri(1, 1.0 - level))
        for j in range(1, p + 1):
            others = np.ascontiguousarray(np.delete(design, j, axis=1))
            column = np.ascontiguousarray(design[:, j])
            limits[j - 1] = [
                profile_limit(others, column, np.zeros(n), outcome.event, whole, j, side, drop)
                for side in (-margin[j - 1], margin[j - 1])
            ]
    return limits
