"""Cox's proportional-hazards regression: hazard ratios with Wald or profile intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, inf, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr, ndtri

from extval.stats import _checks
from extval.stats._cox_supremum import Maximum
from extval.stats._newton_cox import is_estimable, maximise, profile_limit
from extval.stats._partial_likelihood import CoxStratum, Derivatives, derivatives, strata_of
from extval.stats.results import Estimate, Interval, SignificanceTest, Status

FloatArray = NDArray[np.float64]

TIE_METHODS = ("efron", "breslow")
INTERVAL_METHODS = ("wald", "profile")
_WIDE = 10.0  # range of a term in log hazard, beyond which its Wald test is looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxTerm:
    """One predictor of a Cox model: its log hazard ratio, hazard ratio and Wald test."""

    name: str
    log_hazard_ratio: Estimate
    hazard_ratio: Estimate
    statistic: float
    p_value: float
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoxFit:
    """A fitted Cox model with p predictors.

    Attributes
    ----------
    terms : tuple of CoxTerm, length p
        In the order of the columns; what a forest plot draws.
    coefficients : ndarray of shape (p,)
        Log hazard ratios per unit; NaN where there is no finite estimate.
    covariance : ndarray of shape (p, p)
        Inverse of the information; NaN rows and columns likewise.
    diverging : ndarray of int8, shape (p,)
        1 or -1 where the likelihood rises for ever with that coefficient going to plus or minus
        infinity (or is then no longer determined), else 0.
    center : ndarray of shape (p,)
        Column means.
    log_likelihood, log_likelihood_null : float
        Log partial likelihood at the estimate (its supremum, if monotone) and at zero.
    likelihood_ratio, score, wald : SignificanceTest
        Three tests that all coefficients are zero. The first two exist for a monotone likelihood.
    ties, method : str
    iterations, n, events : int
    status : Status
    """

    terms: tuple[CoxTerm, ...]
    coefficients: FloatArray
    covariance: FloatArray
    diverging: NDArray[np.int8]
    center: FloatArray
    log_likelihood: float
    log_likelihood_null: float
    likelihood_ratio: SignificanceTest
    score: SignificanceTest
    wald: SignificanceTest
    ties: str
    method: str
    iterations: int
    n: int
    events: int
    status: Status = Status.OK


def cox_regression(
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    ties: str = "efron",
    method: str = "wald",
    confidence_level: float = 0.95,
) -> CoxFit:
    r"""Fit a Cox proportional-hazards model.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
    event : array_like of shape (n,), 0 or 1
    x : array_like of shape (n, p), finite, p >= 1
        Predictors, categories already coded as indicator columns.
    names : sequence of p distinct str, optional
        "x1", "x2", ... if not given.
    strata : array_like of shape (n,), labels, optional
        Each stratum has its own baseline hazard.
    entry : array_like of shape (n,), optional
        Left truncation: at risk only after `entry`.
    ties : {"efron", "breslow"}
    method : {"wald", "profile"}
        Interval: symmetric on the log scale, or where twice the drop of the profile log likelihood
        equals the chi-square quantile.
    confidence_level : float in (0, 1)

    Returns
    -------
    CoxFit
        All NaN without events, with a predictor that does not vary among the patients at risk, and
        with collinear predictors. With a monotone likelihood (separation) the coefficients that
        diverge are NaN and named in `diverging`, the others are estimated in the limit, and a
        profile interval has its one finite limit (none, where a coefficient can go either way). A
        term that is finite but whose Wald test has broken down says so in its status.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Newton's method with step halving on centred and scaled columns, to a step below 1e-9. Where
    that does not end, a linear program over the order of the covariates in the risk sets decides
    whether a maximum exists; if it does, it is found by a line search however far out it lies. A
    term has the caution of a nearly monotone likelihood if its relative hazards exceed
    :math:`e^{10}` and its Wald chi-square is less than a tenth of its likelihood-ratio one, or not
    significant at the level of the intervals where that one is. Times
    are compared as exact floats: events are tied only if their times are the same float, whereas
    R merges times within about 1e-8 relative (``timefix``).
    Agrees with R survival 3.5.3 ``coxph`` (Efron, Breslow, strata, delayed entry: coefficients,
    covariance, log likelihoods, three tests) to 1e-8. Where R stops with "beta may be infinite"
    and prints a large coefficient, here the term is NaN and the status says why.

    References
    ----------
    Cox (1972), J R Stat Soc B 34:187; Efron (1977), J Am Stat Assoc 72:557.
    :doi:`10.1080/01621459.1977.10480613`. Monotone likelihood: Bryson & Johnson (1981),
    Technometrics 23:381.

    Examples
    --------
    >>> fit = cox_regression([1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 1, 1], [[2], [3], [1], [2], [0], [1]])
    >>> round(fit.terms[0].hazard_ratio.value, 4)
    1.8301
    """
    follow_up = _checks.durations(time)
    n = follow_up.size
    had_event = _checks.binary(event, name="event")
    _checks.same_length(had_event, n, name="event")
    predictors = _checks.matrix(x, n, name="x")
    p = predictors.shape[1]
    _checks.positive_integer(p, name="the number of columns of x")
    labels = _checks.names_of(names, p)
    layer = np.zeros(n, np.intp) if strata is None else _checks.labels(strata, n, name="strata")[1]
    started = None if entry is None else _checks.entries(entry, follow_up)
    efron = _checks.choice(ties, TIE_METHODS, name="ties") == "efron"
    profile = _checks.choice(method, INTERVAL_METHODS, name="method") == "profile"
    level = _checks.level(confidence_level)
    description = f"Cox regression, {ties.capitalize()} ties; "
    description += "profile likelihood" if profile else "Wald"
    sheet = _Sheet(labels, level, description, n, int(np.count_nonzero(had_event)))

    center, scale = _center_and_scale(predictors)
    if sheet.events == 0 or (scale == 0.0).any():
        status = Status.UNINFORMATIVE_PREDICTOR
        if sheet.events == 0:
            status = Status.NO_EVENTS if n else Status.NO_PATIENTS
        return _undefined(sheet, center, ties, status)
    layers = strata_of(
        follow_up,
        had_event,
        (predictors - center) / scale,
        layer=layer,
        entry=started,
        efron=efron,
    )
    null = derivatives(layers, np.zeros(p))
    status = is_estimable(null.information, sheet.events)
    if status is not Status.OK:
        return _undefined(sheet, center, ties, status)
    best = maximise(layers, np.zeros(p), np.ones(p, dtype=np.bool_))
    if best.status is Status.NOT_CONVERGED:
        undefined = _undefined(sheet, center, ties, best.status)
        # The score test needs no estimate, only the derivatives at zero.
        return replace(undefined, score=_score_test(sheet, null), log_likelihood_null=null.value)

    finite = best.diverging == 0
    beta, covariance = np.where(finite, best.beta, nan), np.full((p, p), nan)
    inside = np.ix_(finite, finite)
    covariance[inside] = best.covariance[inside]
    if (np.diag(covariance) <= 0.0).any():
        return _undefined(sheet, center, ties, Status.NOT_CONVERGED)
    limits = [_limits(layers, best, covariance, j, level, profile=profile) for j in range(p)]
    extreme = _extreme(layers, best, covariance, level)
    terms = tuple(
        _term(
            sheet,
            labels[j],
            beta[j] / scale[j],
            sqrt(covariance[j, j]) / scale[j] if finite[j] else nan,
            (limits[j][0] / scale[j], limits[j][1] / scale[j]),
            _term_status(best, j, limits[j], extreme=bool(extreme[j])),
        )
        for j in range(p)
    )
    return CoxFit(
        terms=terms,
        coefficients=beta / scale,
        covariance=covariance / np.outer(scale, scale),
        diverging=best.diverging,
        center=center,
        log_likelihood=best.value,
        log_likelihood_null=null.value,
        likelihood_ratio=_test(sheet, 2.0 * max(best.value - null.value, 0.0), "likelihood ratio"),
        score=_score_test(sheet, null),
        wald=_test(sheet, float(beta @ best.information @ beta), "Wald", best.status),
        ties=ties,
        method=description,
        iterations=best.iterations,
        n=n,
        events=sheet.events,
        status=best.status,
    )


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What every number of one fit is reported with."""

    names: tuple[str, ...]
    level: float
    method: str
    n: int
    events: int


def _center_and_scale(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return column means and standard deviations; exactly 0 for a constant column."""
    if x.shape[0] == 0:
        return np.full(x.shape[1], nan), np.zeros(x.shape[1])
    center = x.mean(axis=0)
    scale = np.sqrt(((x - center) ** 2).mean(axis=0))
    scale[np.ptp(x, axis=0) == 0.0] = 0.0
    return center, scale


def _limits(
    layers: list[CoxStratum],
    best: Maximum,
    covariance: FloatArray,
    j: int,
    level: float,
    *,
    profile: bool,
) -> tuple[float, float]:
    """Return the interval of coefficient j on the scale of the fit; NaN limits if none exists."""
    z = float(ndtri(0.5 + level / 2))
    side = int(best.diverging[j])
    if not profile:
        if side:
            return nan, nan
        margin = z * sqrt(covariance[j, j])
        return float(best.beta[j]) - margin, float(best.beta[j]) + margin
    reach = 1.0 if side else z * sqrt(covariance[j, j])
    falls = best.cone is not None and best.cone.falls[j]
    climbs = best.cone is not None and best.cone.climbs[j]
    low = -inf if falls else profile_limit(layers, best, j, z=z, reach=-reach)
    high = inf if climbs else profile_limit(layers, best, j, z=z, reach=reach)
    return (nan, nan) if np.isnan([low, high]).any() else (low, high)


def _extreme(
    layers: list[CoxStratum], best: Maximum, covariance: FloatArray, level: float
) -> NDArray[np.bool_]:
    """Return which terms have relative hazards so wide that their Wald test has broken down."""
    p, quantile = best.beta.size, float(ndtri(0.5 + level / 2)) ** 2
    extreme = np.zeros(p, dtype=np.bool_)
    for j in np.flatnonzero(best.diverging == 0):
        reach = max(float(np.ptp(layer.x[layer.start < layer.stop, j])) for layer in layers)
        if reach * abs(best.beta[j]) > _WIDE:
            rest = maximise(layers, np.where(np.arange(p) == j, 0.0, best.beta), np.arange(p) != j)
            ratio = 2.0 * (best.value - rest.value)
            wald = best.beta[j] ** 2 / covariance[j, j]
            extreme[j] = wald < 0.1 * ratio or wald < quantile <= ratio
    return extreme


def _term_status(best: Maximum, j: int, limits: tuple[float, float], *, extreme: bool) -> Status:
    if best.diverging[j]:
        return Status.MONOTONE_LIKELIHOOD
    if np.isnan(limits).any():
        return Status.PROFILE_UNBOUNDED
    if best.diverging.any():
        return Status.MONOTONE_ELSEWHERE
    return Status.NEARLY_MONOTONE if extreme else Status.OK


def _term(
    sheet: _Sheet,
    name: str,
    beta: float,
    se: float,
    limits: tuple[float, float],
    status: Status,
) -> CoxTerm:
    """Return one line of the model on the log scale and as a hazard ratio."""

    def estimate(value: float, error: float, low: float, high: float) -> Estimate:
        return Estimate(
            value=value,
            se=error,
            interval=Interval(float(low), float(high), sheet.level),
            method=sheet.method,
            n=sheet.n,
            events=sheet.events,
            status=status,
        )

    z = beta / se
    return CoxTerm(
        name=name,
        log_hazard_ratio=estimate(float(beta), float(se), *limits),
        hazard_ratio=estimate(_exp(beta), nan, _exp(limits[0]), _exp(limits[1])),
        statistic=float(z),
        p_value=float(2.0 * ndtr(-abs(z))),
        status=status,
    )


def _exp(x: float) -> float:
    try:
        return exp(x)
    except OverflowError:
        return inf


def _test(
    sheet: _Sheet, statistic: float, name: str, status: Status = Status.OK
) -> SignificanceTest:
    df = len(sheet.names)
    return SignificanceTest(
        statistic=statistic,
        df=float(df),
        p_value=float(chdtrc(df, statistic)),
        method=f"Cox regression, {name} test",
        n=sheet.n,
        events=sheet.events,
        status=status,
    )


def _score_test(sheet: _Sheet, null: Derivatives) -> SignificanceTest:
    direction = np.linalg.solve(null.information, null.gradient)
    return _test(sheet, float(null.gradient @ direction), "score")


def _undefined(sheet: _Sheet, center: FloatArray, ties: str, status: Status) -> CoxFit:
    """Return a fit of which nothing can be said but why."""
    p = len(sheet.names)
    test = {
        name: _test(sheet, nan, name.replace("_", " "), status)
        for name in ("likelihood_ratio", "score", "wald")
    }
    return CoxFit(
        terms=tuple(_term(sheet, name, nan, nan, (nan, nan), status) for name in sheet.names),
        coefficients=np.full(p, nan),
        covariance=np.full((p, p), nan),
        diverging=np.zeros(p, dtype=np.int8),
        center=center,
        log_likelihood=nan,
        log_likelihood_null=nan,
        likelihood_ratio=test["likelihood_ratio"],
        score=test["score"],
        wald=test["wald"],
        ties=ties,
        method=sheet.method,
        iterations=0,
        n=sheet.n,
        events=sheet.events,
        status=status,
    )
