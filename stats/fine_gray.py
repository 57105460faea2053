"""Fine and Gray's regression of the subdistribution hazard of one cause among competing ones."""

from dataclasses import dataclass, replace
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._ascent import ascend
from extval.stats._kernels_fine_gray import (
    baseline_steps,
    derivatives,
    maximize,
    uncensored_before,
)
from extval.stats._newton_cox import is_estimable
from extval.stats._partial_likelihood import Derivatives
from extval.stats._recession import recession
from extval.stats.censoring import censoring_curve, checked_kinds
from extval.stats.results import Status

FloatArray = NDArray[np.float64]

_MAX_ITERATIONS = 40
_SMALL_STEP = 1e-9
WIDEST = 300.0  # linear predictor, from the mean: the square of its exponential is still a number
FADED = 1e-9  # information beside that at zero, below which the likelihood is flat


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FineGrayFit:
    """A fitted Fine-Gray model with p predictors.

    Attributes
    ----------
    coefficients : ndarray of shape (p,)
        Log subdistribution hazard ratios per unit.
    covariance : ndarray of shape (p, p)
        Fine and Gray's sandwich, which counts the uncertainty of the censoring weights.
    model_covariance : ndarray of shape (p, p)
        Inverse of the information of the weighted partial likelihood, as if the weights were known.
    center : ndarray of shape (p,)
        Column means.
    event_time, hazard : ndarray of shape (m,)
        Distinct times of the event of interest, and the cumulative subdistribution hazard there of
        a patient at `center`.
    last_time : float
        End of follow-up.
    log_likelihood, log_likelihood_null : float
        Log partial likelihood at the estimate and at zero.
    n, events, competing : int
    method : str
    status : Status
        All numbers but counts and `center` are NaN (and `event_time`, `hazard` empty) unless `OK`.
    """

    coefficients: FloatArray
    covariance: FloatArray
    model_covariance: FloatArray
    center: FloatArray
    event_time: FloatArray
    hazard: FloatArray
    last_time: float
    log_likelihood: float
    log_likelihood_null: float
    n: int
    events: int
    competing: int
    method: str
    status: Status = Status.OK


def fine_gray_regression(
    time: ArrayLike, event: ArrayLike, x: ArrayLike, *, cause: int = 1
) -> FineGrayFit:
    r"""Fit a proportional subdistribution hazards model for one cause.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
    event : array_like of shape (n,), whole numbers
        0 censored, else the cause of the event.
    x : array_like of shape (n, p), finite, p >= 1
        Predictors, categories already coded as indicator columns.
    cause : int
        The event of interest.

    Returns
    -------
    FineGrayFit
        NaN with a status without patients or events of the cause, with a predictor that does not
        vary, with collinear predictors, if the likelihood is monotone (it rises for ever in some
        direction, so that not all coefficients are finite), or if the iterations fail.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    The partial likelihood of the cause of interest, in which patients with a competing event at
    :math:`T_j` stay in the risk set of a later time *t* with weight :math:`\hat G(t-) / \hat
    G(T_j-)` [1]_; everyone else weighs 1 until he or she leaves. :math:`\hat G` is the
    Kaplan-Meier curve of the censoring times, events before censorings of the same time. Tied
    events as Breslow's. :math:`\hat F(t \mid x) = 1 - \exp\{-\hat\Lambda_0(t) e^{x'b}\}` with
    Breslow's :math:`\hat\Lambda_0`. The sandwich is that of [1]_ with both residuals, that of the
    score and that of the hazard of being censored.

    Agrees with R cmprsk 2.2-11 ``crr`` (coefficients, both covariances, baseline, log likelihoods)
    where no censoring ties with an event, and with survival 3.5.3 ``finegray`` with ``coxph(ties =
    "breslow")`` always. Both take the left limits at both times. At a time that holds events and
    censorings, ``crr`` counts the patients with events among those who could be censored then,
    ``finegray`` and this routine do not.

    References
    ----------
    .. [1] Fine & Gray (1999), J Am Stat Assoc 94:496. :doi:`10.1080/01621459.1999.10474144`

    Examples
    --------
    >>> x = [[2], [3], [1], [2], [0], [1], [1], [3]]
    >>> fit = fine_gray_regression([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 1, 0, 1, 1, 2, 1], x)
    >>> float(fit.coefficients[0].round(4))
    -0.38
    """
    follow_up, kind = checked_kinds(time, event, cause)
    n = follow_up.size
    predictors = _checks.matrix(x, n, name="x")
    p = predictors.shape[1]
    _checks.positive_integer(p, name="the number of columns of x")
    center = predictors.mean(axis=0) if n else np.full(p, nan)
    scale = predictors.std(axis=0) if n else np.zeros(p)
    constant = np.ptp(predictors, axis=0) == 0.0 if n else np.ones(p, np.bool_)
    events, competing = (int(np.count_nonzero(kind == code)) for code in (1, 2))
    blank = FineGrayFit(
        coefficients=np.full(p, nan),
        covariance=np.full((p, p), nan),
        model_covariance=np.full((p, p), nan),
        center=center,
        event_time=np.empty(0),
        hazard=np.empty(0),
        last_time=float(follow_up.max()) if n else nan,
        log_likelihood=nan,
        log_likelihood_null=nan,
        n=n,
        events=events,
        competing=competing,
        method="Fine-Gray regression, Breslow ties",
    )
    if n == 0 or events == 0:
        return replace(blank, status=Status.NO_EVENTS if n else Status.NO_PATIENTS)
    if constant.any():
        return replace(blank, status=Status.UNINFORMATIVE_PREDICTOR)
    data = Subdistribution(follow_up, kind, (predictors - center) / scale)
    null, _, information = data.derivatives(np.zeros(p))
    status = is_estimable(information, events)
    if status is not Status.OK:
        return replace(blank, status=status)
    beta, status = data.maximum()
    if status is Status.OK and data.widest(beta) > WIDEST:
        status = Status.RELATIVE_HAZARD_TOO_WIDE
    if status is not Status.OK:
        return replace(blank, status=status)
    value, _, information = data.derivatives(beta)
    model = np.linalg.inv(information)
    total, steps = data.baseline(beta)
    residuals = _residuals(data, beta, total, steps)
    half = np.einsum("ij,jk->ik", residuals, model)
    unit = np.outer(scale, scale)
    own = steps > 0.0
    return FineGrayFit(
        coefficients=beta / scale,
        covariance=np.einsum("ij,ik->jk", half, half) / unit,
        model_covariance=model / unit,
        center=center,
        event_time=data.time[own],
        hazard=np.cumsum(steps[own]),
        last_time=blank.last_time,
        log_likelihood=value,
        log_likelihood_null=null,
        n=n,
        events=events,
        competing=competing,
        method=blank.method,
    )


def predicted_incidence(fit: FineGrayFit, x: ArrayLike, *, t: float) -> FloatArray:
    """Return the cumulative incidence of the cause by time `t` that a fit predicts.

    Parameters
    ----------
    fit : FineGrayFit
    x : array_like of shape (k, p), finite
    t : float, finite, non-negative

    Returns
    -------
    ndarray of shape (k,)
        NaN beyond the last follow-up, or where the fit has a status.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Examples
    --------
    >>> fit = fine_gray_regression([1, 2, 3, 4, 5], [1, 2, 1, 0, 1], [[2], [3], [1], [2], [0]])
    >>> predicted_incidence(fit, [[1], [2]], t=3).round(4).tolist()
    [0.3939, 0.3156]
    """
    rows = np.asarray(x, dtype=np.float64)
    wanted = _checks.matrix(rows, rows.shape[0] if rows.ndim else 0, name="x")
    at = _checks.horizon(t, name="t")
    _checks.same_length(wanted[:1].ravel(), fit.center.size if rows.size else 0, name="a row of x")
    if fit.status is not Status.OK or at > fit.last_time:
        return np.full(wanted.shape[0], nan)
    hazard = float(np.append(0.0, fit.hazard)[np.searchsorted(fit.event_time, at, side="right")])
    lp = np.einsum("ij,j->i", wanted - fit.center, fit.coefficients)
    return np.asarray(-np.expm1(-hazard * np.exp(lp)))


class Subdistribution:
    """Patients in the order of time, with the censoring curve that weighs them.

    `kind` is 0 for censored, 1 for the event of interest, 2 for a competing one; `x`, (n, p), has
    columns of unit variance.
    """

    def __init__(self, time: FloatArray, kind: NDArray[np.int8], x: FloatArray) -> None:
        order = np.lexsort((kind, time))
        self.time, self.kind = time[order], np.ascontiguousarray(kind[order])
        self.x = np.ascontiguousarray(x[order])
        self.opens = np.append(True, self.time[1:] != self.time[:-1])
        self.counts = np.ones(time.size, np.int32)
        self.before = np.empty(time.size)
        uncensored_before(self.kind, self.opens, self.counts, self.before)

    def derivatives(self, beta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log partial likelihood, its gradient and the information at `beta`, (p,)."""
        n, p = self.x.shape
        gradient, information = np.empty(p), np.empty((p, p))
        totals = np.empty((n, 1 + p + p * p))
        value = derivatives(
            self.kind,
            self.opens,
            self.x,
            self.counts,
            self.before,
            beta,
            totals,
            gradient,
            information,
        )
        return value, gradient, np.tril(information) + np.tril(information, -1).T

    def least_information(self) -> FloatArray:
        """Return what is no more than rounding beside the information at zero, shape (p,)."""
        _, _, information = self.derivatives(np.zeros(self.x.shape[1]))
        return np.asarray(FADED * np.diag(information))

    def maximum(self) -> tuple[FloatArray, Status]:
        """Return the coefficients at which the partial likelihood is highest, or why none are.

        Newton's method ends at nearly every maximum. Where it does not, the order of the covariates
        in the risk sets decides whether there is one.
        """
        data = self.kind, self.opens, self.x, self.counts, self.before, self.least_information()
        p = self.x.shape[1]
        beta = np.zeros(p)
        if maximize(*data, _MAX_ITERATIONS, _SMALL_STEP, beta):
            return beta, Status.OK
        if recession(self.orderings()) is not None:
            return beta, Status.MONOTONE_LIKELIHOOD
        beta, _, _, found = ascend(self.likelihood, np.zeros(p), np.eye(p))
        return beta, Status.OK if found else Status.NOT_CONVERGED

    def likelihood(self, beta: FloatArray) -> Derivatives:
        """Return `derivatives` under their names."""
        value, gradient, information = self.derivatives(beta)
        return Derivatives(
            value=value,
            gradient=gradient,
            information=information,
            second_moment=np.diag(information),
        )

    def orderings(self) -> FloatArray:
        """Return rows d, (m, p), for which d'b >= 0 says that b'x is highest for every event.

        One event stands for all of its time. Whoever is at risk at the next event time as well, as
        are all who had a competing event, is compared there.
        """
        events = np.flatnonzero(self.kind == 1)
        times, first = np.unique(self.time[events], return_index=True)
        leading, begins = events[first], np.searchsorted(self.time, times)
        rows = [self.x[leading[:-1]] - self.x[leading[1:]]]
        for lead, start, stop in zip(
            leading, begins, np.append(begins[1:], self.time.size), strict=True
        ):
            own = np.arange(start, stop)
            leaves = own[self.kind[own] != 2] if stop < self.time.size else own
            rows.append(self.x[lead] - self.x[leaves])
            tied = own[(self.kind[own] == 1) & (self.time[own] == self.time[lead])]
            rows.append(self.x[tied] - self.x[lead])
        stayed = np.flatnonzero((self.kind == 2) & (self.before > 0.0))
        rows.append(self.x[leading[-1]] - self.x[stayed])
        return np.concatenate(rows)

    def widest(self, beta: FloatArray) -> float:
        """Return the largest absolute linear predictor of those ever at risk when an event was."""
        at_risk = (self.kind == 2) | (self.time >= self.time[self.kind == 1].min())
        return float(np.abs(np.einsum("ij,j->i", self.x[at_risk], beta)).max())

    def baseline(self, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return relative risk at risk and hazard steps of x = 0, at the first row of each time."""
        total, steps = np.empty(self.time.size), np.empty(self.time.size)
        baseline_steps(self.kind, self.opens, self.x, self.counts, self.before, beta, total, steps)
        return total, steps


def _residuals(
    data: Subdistribution, beta: FloatArray, total: FloatArray, steps: FloatArray
) -> FloatArray:
    r"""Return Fine and Gray's residuals, shape (n, p): of the score, and of the censoring curve.

    All integrals are running sums over the distinct times; :math:`\eta_i` is the integral of
    :math:`(x_i - \bar x) w_i dM_i` and :math:`\psi_i` that of :math:`q / \pi` with respect to the
    censoring martingale.
    """
    x, kind = data.x, data.kind
    curve = censoring_curve(data.time, kind > 0)
    own, m, rival = curve.position, curve.time.size, kind == 2
    opens = np.flatnonzero(data.opens)
    hazard = steps[opens]
    ever = rival | (np.cumsum(hazard)[own] > 0.0)  # whoever was in a risk set
    risk = np.exp(np.where(ever, np.einsum("ij,j->i", x, beta), -np.inf))
    remaining = np.where(rival, risk / data.before, 0.0)  # times G(t-), the risk after T

    def by_time(values: FloatArray) -> FloatArray:
        return np.stack([np.bincount(own, column, m) for column in values.T], axis=1)

    def until(values: FloatArray) -> FloatArray:
        return np.cumsum(values, axis=0)

    def after(values: FloatArray) -> FloatArray:
        later = np.zeros_like(values)
        later[:-1] = np.cumsum(values[:0:-1], axis=0)[::-1]
        return later

    def at_risk(values: FloatArray) -> FloatArray:
        return np.cumsum(values[::-1], axis=0)[::-1]

    moment = at_risk(by_time(risk[:, None] * x))
    gone = until(by_time(remaining[:, None] * x))
    moment[1:] += curve.before[1:, None] * gone[:-1]
    mean = moment / total[opens, None]
    met, met_mean = until(hazard), until(mean * hazard[:, None])
    weighted = curve.before * hazard
    ahead, ahead_mean = after(weighted), after(mean * weighted[:, None])
    out = np.where((kind == 1)[:, None], x - mean[own], 0.0)
    out -= risk[:, None] * (x * met[own, None] - met_mean[own])
    out -= remaining[:, None] * (x * ahead[own, None] - ahead_mean[own])

    left = until(by_time(remaining[:, None]))
    q = gone * ahead[:, None] - left * ahead_mean
    exposed = curve.at_risk - np.bincount(own[kind > 0], minlength=m)
    jump = q / np.maximum(exposed, 1)[:, None]  # where nobody is exposed, nobody is censored
    drift = until(jump * (curve.censored / np.maximum(exposed, 1))[:, None])
    psi = -np.where((kind > 0)[:, None], np.vstack((np.zeros((1, x.shape[1])), drift))[own], 0.0)
    psi += np.where((kind == 0)[:, None], jump[own] - drift[own], 0.0)
    return np.asarray(out + psi)
