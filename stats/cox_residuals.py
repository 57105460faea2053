"""What a Cox model leaves over: martingale, score and Schoenfeld residuals, and robust variance."""

from dataclasses import dataclass, replace
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats._partial_likelihood import CoxStratum, RiskSums, exposure, risk_sums, strata_of
from extval.stats.cox import TIE_METHODS
from extval.stats.results import Status

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoxResiduals:
    """Residuals of n patients under one vector of p coefficients.

    Attributes
    ----------
    martingale : ndarray of shape (n,)
        Observed minus expected events of each patient.
    score : ndarray of shape (n, p)
        Each patient's share of the gradient; the columns sum to it, and to zero at the maximum.
    schoenfeld : ndarray of shape (events, p)
        Covariates of each patient with the event less their mean in the risk set.
    schoenfeld_rows : ndarray of int, shape (events,)
        Which patients these are: stratum by stratum, in the order of their times.
    status : Status
    """

    martingale: FloatArray
    score: FloatArray
    schoenfeld: FloatArray
    schoenfeld_rows: NDArray[np.intp]
    status: Status = Status.OK


def cox_residuals(
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    coefficients: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    ties: str = "efron",
) -> CoxResiduals:
    r"""Compute the residuals of a Cox model at given coefficients.

    Parameters
    ----------
    time, event, x, strata, entry, ties
        As for `cox_regression`.
    coefficients : array_like of shape (p,), finite
        Those of a fit, or those of a model frozen elsewhere (1 for its linear predictor).

    Returns
    -------
    CoxResiduals
        Patients of a stratum without an event have residuals of zero. NaN, with a status, in a
        stratum whose relative hazards span more than floating-point numbers.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With the hazard increments :math:`d\hat\Lambda` of the risk sets and their means :math:`\bar x`,
    :math:`M_i = \delta_i - e^{x_i'b} \Lambda(t_i)` and the score residual is
    :math:`\int (x_i - \bar x) dM_i`. Under Efron's method the patients who die at one time leave
    the risk set in equal steps and meet the reduced hazard.
    Agrees with R survival 3.5.3 ``residuals.coxph`` (martingale, score, schoenfeld) to 1e-10.

    References
    ----------
    Therneau, Grambsch & Fleming (1990), Biometrika 77:147. :doi:`10.1093/biomet/77.1.147`

    Examples
    --------
    >>> left = cox_residuals([1, 2, 3, 4], [1, 0, 1, 1], [[1], [0], [1], [0]], [0.0])
    >>> left.martingale.round(4).tolist()
    [0.75, -0.25, 0.25, -0.75]
    """
    follow_up = _checks.durations(time)
    n = follow_up.size
    had_event = _checks.binary(event, name="event")
    _checks.same_length(had_event, n, name="event")
    predictors = _checks.matrix(x, n, name="x")
    p = predictors.shape[1]
    beta = _checks.finite(coefficients, p, name="coefficients")
    layer = np.zeros(n, np.intp) if strata is None else _checks.labels(strata, n, name="strata")[1]
    started = None if entry is None else _checks.entries(entry, follow_up)
    efron = _checks.choice(ties, TIE_METHODS, name="ties") == "efron"

    centered = predictors - predictors.mean(axis=0) if n else predictors
    layers = strata_of(follow_up, had_event, centered, layer=layer, entry=started, efron=efron)
    status = Status.OK
    martingale, score = np.zeros(n), np.zeros((n, p))
    schoenfeld = [np.zeros((0, p))]
    rows = [np.zeros(0, dtype=np.intp)]
    for stratum in layers:
        sums = risk_sums(stratum, np.einsum("ij,j->i", stratum.x, beta))
        if sums.vanish:
            status = Status.RELATIVE_HAZARD_TOO_WIDE
            sums = replace(sums, inverse=np.full(sums.inverse.size, nan), mean=sums.mean * nan)
        died = np.zeros(stratum.rows.size)
        died[stratum.dying] = 1.0
        hazard = exposure(stratum, sums.inverse)
        first = exposure(stratum, sums.inverse[:, None] * sums.mean)
        at_death = schoenfeld_residuals(stratum, sums)
        martingale[stratum.rows] = died - sums.relative_risk * hazard
        part = sums.relative_risk[:, None] * (first - stratum.x * hazard[:, None])
        part[stratum.dying] += at_death
        score[stratum.rows] = part
        schoenfeld.append(at_death)
        rows.append(stratum.rows[stratum.dying])
    return CoxResiduals(
        martingale=martingale,
        score=score,
        schoenfeld=np.concatenate(schoenfeld),
        schoenfeld_rows=np.concatenate(rows),
        status=status,
    )


def robust_covariance(
    score: ArrayLike, covariance: ArrayLike, *, cluster: ArrayLike | None = None
) -> FloatArray:
    """Return the sandwich (Lin-Wei) covariance of Cox coefficients.

    Parameters
    ----------
    score : array_like of shape (n, p), finite
        `CoxResiduals.score` at the estimate.
    covariance : array_like of shape (p, p), finite
        `CoxFit.covariance`.
    cluster : array_like of shape (n,), labels, optional
        Patients whose outcomes go together; each is on his or her own if not given.

    Notes
    -----
    ``V U'U V`` with U the score residuals summed by cluster. Agrees with R survival 3.5.3
    ``coxph(robust = TRUE)`` and ``coxph(cluster =)`` to 1e-10.

    References
    ----------
    Lin & Wei (1989), J Am Stat Assoc 84:1074. :doi:`10.1080/01621459.1989.10478874`
    """
    n, p = np.shape(score)
    residuals = _checks.matrix(score, n, name="score")
    inverse = _checks.matrix(covariance, p, name="covariance")
    if cluster is not None:
        labels, member = _checks.labels(cluster, n, name="cluster")
        residuals = np.array([np.bincount(member, u, labels.size) for u in residuals.T]).T
    influence = np.einsum("ij,jk->ik", residuals, inverse)
    return np.asarray(np.einsum("ij,ik->jk", influence, influence))


def schoenfeld_residuals(stratum: CoxStratum, sums: RiskSums) -> FloatArray:
    """Return covariates at each event less their risk-set mean, averaged over tied events."""
    by_slot = np.add.reduceat(sums.mean, stratum.slot_start, axis=0)
    deaths = np.bincount(stratum.slot)
    return np.asarray(stratum.x[stratum.dying] - (by_slot / deaths[:, None])[stratum.slot])
