"""The test of proportional hazards by scaled Schoenfeld residuals, for each term and for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from extval.stats import _checks
from extval.stats._partial_likelihood import CoxStratum, moment_matrices, risk_sums, strata_of
from extval.stats.cox import CoxFit, cox_regression
from extval.stats.cox_residuals import schoenfeld_residuals
from extval.stats.kaplan_meier import kaplan_meier
from extval.stats.results import SignificanceTest, Status

FloatArray = NDArray[np.float64]

TRANSFORMS = ("km", "rank", "identity", "log")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProportionalHazards:
    """Tests that each hazard ratio is constant in time, and what a plot of them needs.

    Attributes
    ----------
    terms : mapping of str to SignificanceTest
        In the order given; a term may hold several columns.
    overall : SignificanceTest
        All columns at once (R's GLOBAL).
    transform : str
    time, transformed : ndarray of shape (events,)
        Event times, increasing within a stratum, and the time scale of the test.
    effect : ndarray of shape (events, p)
        Scaled Schoenfeld residual plus coefficient: an estimate of each log hazard ratio around
        that time, to be smoothed.
    names : tuple of str, length p
        Columns of `effect`.
    n, events : int
    status : Status
    """

    terms: Mapping[str, SignificanceTest]
    overall: SignificanceTest
    transform: str
    time: FloatArray
    transformed: FloatArray
    effect: FloatArray
    names: tuple[str, ...]
    n: int
    events: int
    status: Status = Status.OK


def proportional_hazards_test(
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    terms: Mapping[str, Sequence[str]] | None = None,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    ties: str = "efron",
    transform: str = "km",
) -> ProportionalHazards:
    r"""Test the proportional-hazards assumption of a Cox model.

    Parameters
    ----------
    time, event, x, names, strata, entry, ties
        As for `cox_regression`, which is fitted first.
    terms : mapping of str to sequences of column names, optional
        Columns that are tested together, such as the indicators of one category; each column on
        its own if not given.
    transform : {"km", "rank", "identity", "log"}
        Time scale g: one minus the Kaplan-Meier estimate just before t, of all patients; the
        mid-rank of t among all times; t; its logarithm.

    Returns
    -------
    ProportionalHazards
        NaN where the fit is, where its relative hazards span more than floating-point numbers, and
        where no time variation is left to test (one event time). `status` says which.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above, or a time is zero with `"log"`.

    Notes
    -----
    The score test that the covariates :math:`x g(t)` have coefficient zero when added to the model:
    :math:`u = \sum_e g_e (x_e - \bar x_e)` with the information blocks :math:`\sum V_e`,
    :math:`\sum g_e V_e` and :math:`\sum g_e^2 V_e`. This is ``cox.zph`` of R survival since version
    3; before it, and in lifelines, V was taken as constant in time, which gives other values (lung,
    age: 0.0287 in lifelines for 0.1880). Agrees with R survival 3.5.3 ``cox.zph`` to 1e-7 for all
    four transforms, ties, strata and delayed entry; R's "km" is that of the exact times.
    Times are equal only if they are the same float, whereas R merges nearly equal ones
    (``timefix``).

    References
    ----------
    Grambsch & Therneau (1994), Biometrika 81:515. :doi:`10.1093/biomet/81.3.515`

    Examples
    --------
    >>> test = proportional_hazards_test(
    ...     [1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 1, 1], [[2], [3], [1], [2], [0], [1]]
    ... )
    >>> round(test.overall.statistic, 4)
    1.1304
    """
    scale = _checks.choice(transform, TRANSFORMS, name="transform")
    fit = cox_regression(time, event, x, names=names, strata=strata, entry=entry, ties=ties)
    follow_up, had_event = _checks.durations(time), _checks.binary(event, name="event")
    n = follow_up.size
    labels = tuple(term.name for term in fit.terms)
    groups = {name: [name] for name in labels} if terms is None else terms
    columns = {
        term: np.array([_checks.choice(name, labels, name="terms") for name in members])
        for term, members in groups.items()
    }
    places = {
        term: np.array([labels.index(name) for name in members], dtype=np.intp)
        for term, members in columns.items()
    }
    started = None if entry is None else _checks.entries(entry, follow_up)
    if scale == "log":
        _checks.positive_values(
            follow_up[had_event], name="time", why="where there is an event if `transform` is 'log'"
        )
    g = _time_scale(follow_up, had_event, started, scale)
    sheet = _Sheet(f"score test of x g(t), g: {scale}, {ties.capitalize()} ties", n, fit.events)

    if fit.status is not Status.OK:
        return _without_test(sheet, fit, places, labels, scale)
    layer = np.zeros(n, np.intp) if strata is None else _checks.labels(strata, n, name="strata")[1]
    x_scale = np.sqrt(np.diag(fit.covariance))
    layers = strata_of(
        follow_up,
        had_event,
        (_checks.matrix(x, n, name="x") - fit.center) * x_scale,
        layer=layer,
        entry=started,
        efron=ties == "efron",
    )
    rows = np.concatenate([stratum.rows[stratum.dying] for stratum in layers])
    lps = (np.einsum("ij,j->i", layer.x, fit.coefficients / x_scale) for layer in layers)
    if any(risk_sums(layer, lp).vanish for layer, lp in zip(layers, lps, strict=True)):
        wide = replace(fit, status=Status.RELATIVE_HAZARD_TOO_WIDE)
        return _without_test(sheet, wide, places, labels, scale)
    g = g - g[rows].mean()
    u, information, residuals = _score_and_information(layers, fit.coefficients / x_scale, g)

    # What x g(t) adds to the information once x itself is in the model.
    plain, mixed, squared = information
    added = squared - mixed @ np.linalg.solve(plain, mixed)
    tests = {
        term: sheet.test(u[chosen], added[np.ix_(chosen, chosen)], np.diag(squared)[chosen])
        for term, chosen in places.items()
    }
    effect = fit.coefficients + fit.events * np.einsum(
        "ej,jk->ek", residuals / x_scale, fit.covariance
    )
    return ProportionalHazards(
        terms=tests,
        overall=sheet.test(u, added, np.diag(squared)),
        transform=scale,
        time=follow_up[rows],
        transformed=_time_scale(follow_up, had_event, started, scale)[rows],
        effect=effect,
        names=labels,
        n=n,
        events=fit.events,
    )


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What every test of one model is reported with."""

    method: str
    n: int
    events: int

    def test(self, u: FloatArray, variance: FloatArray, full: FloatArray) -> SignificanceTest:
        """Return ``u' V^-1 u``; undefined when V is singular beside the variance in `full`."""
        root = np.sqrt(np.where(full > 0.0, full, 1.0))
        eigenvalues = np.linalg.eigvalsh(variance / np.outer(root, root))
        if eigenvalues[0] <= 1e-11:
            return self.undefined(Status.NO_TIME_VARIATION)
        statistic = float((u * np.linalg.solve(variance, u)).sum())
        return SignificanceTest(
            statistic=statistic,
            df=float(u.size),
            p_value=float(chdtrc(u.size, statistic)),
            method=self.method,
            n=self.n,
            events=self.events,
        )

    def undefined(self, status: Status) -> SignificanceTest:
        return SignificanceTest(
            statistic=nan,
            p_value=nan,
            method=self.method,
            n=self.n,
            events=self.events,
            status=status,
        )


def _score_and_information(
    layers: list[CoxStratum], beta: FloatArray, g: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the score of x g(t), shape (p,), the sums of V, gV and ggV, and all residuals."""
    p = beta.size
    u, information, residuals = np.zeros(p), np.zeros((3, p, p)), []
    for stratum in layers:
        sums = risk_sums(stratum, np.einsum("ij,j->i", stratum.x, beta))
        at_death = schoenfeld_residuals(stratum, sums)
        factor = g[stratum.rows[stratum.dying]]
        u += (factor[:, None] * at_death).sum(axis=0)
        for power in range(3):
            second, first = moment_matrices(stratum, sums, factor**power)
            information[power] += second - first
        residuals.append(at_death)
    return u, information, np.concatenate(residuals)


def _time_scale(
    time: FloatArray, event: NDArray[np.bool_], entry: FloatArray | None, transform: str
) -> FloatArray:
    """Return g of every patient's time; that of a censored one is never used."""
    if transform == "identity":
        return time
    if transform == "log":
        return np.log(np.where(time > 0.0, time, 1.0))
    if transform == "rank":
        distinct, place, count = np.unique(time, return_inverse=True, return_counts=True)
        return (
            np.asarray((np.cumsum(count) - 0.5 * (count - 1.0))[place]) if distinct.size else time
        )
    curve = kaplan_meier(time, event, entry=entry)
    before = np.concatenate([[1.0], curve.survival])
    return np.asarray(1.0 - before[np.searchsorted(curve.time, time)])


def _without_test(
    sheet: _Sheet,
    fit: CoxFit,
    places: Mapping[str, NDArray[np.intp]],
    labels: tuple[str, ...],
    transform: str,
) -> ProportionalHazards:
    return ProportionalHazards(
        terms={term: sheet.undefined(fit.status) for term in places},
        overall=sheet.undefined(fit.status),
        transform=transform,
        time=np.zeros(0),
        transformed=np.zeros(0),
        effect=np.zeros((0, len(labels))),
        names=labels,
        n=sheet.n,
        events=sheet.events,
        status=fit.status,
    )
