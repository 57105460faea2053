"""Logistic regression by Firth's penalised likelihood, which has a maximum under separation."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from extval.stats import _checks
from extval.stats._checks import FloatArray
from extval.stats.logistic import LogisticFit, column_scale
from extval.stats.results import Status

MAX_ITERATIONS = 200
MAX_STEP = 5.0
HALVINGS = 30
TOLERANCE = 1e-10
ROUNDING = 1e-13
DIFFERENCE = 1e-5


def firth_logistic(design: ArrayLike, y_true: ArrayLike) -> LogisticFit:
    r"""Fit a logistic regression by maximum penalised likelihood.

    Parameters
    ----------
    design : array_like of shape (n, p), finite, p >= 1
        Columns as they enter the model; an intercept is a column of ones.
    y_true : array_like of shape (n,), 0 or 1
        Outcome.

    Returns
    -------
    LogisticFit
        `covariance` is the inverse of the Fisher information at the estimate, `log_likelihood` the
        penalised one. NaN with a status if columns are collinear or there are no patients. With
        one outcome only the estimate is finite all the same.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Maximises :math:`\ell(\beta) + \tfrac12 \log|X^\top W X|`, Jeffreys' prior, whose score is
    :math:`X^\top\{y - \pi + h(\tfrac12 - \pi)\}` with the diagonal h of the weighted hat matrix
    [1]_. It removes the first-order bias of the maximum-likelihood estimate and stays finite where
    outcomes are separated [2]_. Agrees with R brglm2 0.9 ``brglm_fit(type = "AS_mean")`` to 1e-6.

    References
    ----------
    .. [1] Firth (1993), Biometrika 80:27. :doi:`10.1093/biomet/80.1.27`
    .. [2] Heinze & Schemper (2002), Stat Med 21:2409. :doi:`10.1002/sim.1047`

    Examples
    --------
    >>> x = np.column_stack((np.ones(6), [0.0, 0, 0, 1, 1, 1]))
    >>> fit = firth_logistic(x, [0, 0, 0, 1, 1, 1])  # separated; each cell gets half a patient
    >>> np.round(fit.coefficients, 6).tolist(), round(float(2 * np.log(7)), 6)
    ([-1.94591, 3.89182], 3.89182)
    """
    is_event = _checks.binary(y_true)
    columns = _checks.matrix(design, is_event.size, name="design")
    n, p = columns.shape
    scale = column_scale(columns)
    x = columns / scale
    status = Status.OK
    if n == 0:
        status = Status.NO_PATIENTS
    elif np.linalg.matrix_rank(x) < p:
        status = Status.COLLINEAR
    beta, information, value, iterations = np.zeros(p), np.eye(p), np.nan, 0
    if status is Status.OK:
        beta, information, value, iterations, converged = _maximise(x, is_event)
        status = Status.OK if converged else Status.NOT_CONVERGED
    if status is not Status.OK:
        beta, information, value = np.full(p, np.nan), np.full((p, p), np.nan), np.nan
    covariance = np.linalg.inv(information) if status is Status.OK else information
    return LogisticFit(
        coefficients=beta / scale,
        covariance=covariance / np.outer(scale, scale),
        log_likelihood=float(value + np.log(scale).sum()),  # of the columns as they were given
        iterations=iterations,
        n=n,
        events=int(np.count_nonzero(is_event)),
        status=status,
    )


def _maximise(
    x: FloatArray, is_event: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray, float, int, bool]:
    """Return estimate, information, penalised log-likelihood, iterations, and whether it is one."""
    beta = np.zeros(x.shape[1])
    information, score, value = _derivatives(x, is_event, beta)
    for iteration in range(1, MAX_ITERATIONS + 1):
        step = _step(x, is_event, beta, score, information)
        largest = float(np.max(np.abs(x @ step)))
        if largest <= TOLERANCE * (1.0 + float(np.max(np.abs(x @ beta)))):
            return beta, information, value, iteration, True
        step *= min(1.0, MAX_STEP / largest)
        slack = ROUNDING * (1.0 + abs(value))
        for _ in range(HALVINGS):
            after = _derivatives(x, is_event, beta + step)
            if after[2] >= value - slack:
                break
            step *= 0.5
        beta = beta + step
        information, score, value = _derivatives(x, is_event, beta)
    return beta, information, value, MAX_ITERATIONS, False


def _step(
    x: FloatArray,
    is_event: NDArray[np.bool_],
    beta: FloatArray,
    score: FloatArray,
    information: FloatArray,
) -> FloatArray:
    """Return Newton's step, its Hessian from differences of the score; Fisher's if that is uphill.

    Fisher's step forgets that the penalty is curved too, and creeps where events are few.
    """
    p = beta.size
    hessian = np.empty((p, p))
    for j in range(p):
        away = np.zeros(p)
        away[j] = DIFFERENCE * max(1.0, abs(beta[j]))
        ahead, behind = (_derivatives(x, is_event, beta + side * away)[1] for side in (1.0, -1.0))
        hessian[:, j] = (ahead - behind) / (2.0 * away[j])
    hessian = (hessian + hessian.T) / 2.0
    if np.linalg.eigvalsh(hessian)[-1] < 0.0:
        return np.asarray(-np.linalg.solve(hessian, score))
    return np.asarray(np.linalg.solve(information, score))


def _derivatives(
    x: FloatArray, is_event: NDArray[np.bool_], beta: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Return Fisher information, modified score and penalised log-likelihood at `beta`."""
    lp = x @ beta
    risk = expit(lp)
    weight = risk * expit(-lp)
    information = (x * weight[:, None]).T @ x
    sign, log_determinant = np.linalg.slogdet(information)
    if sign <= 0:
        return information, np.zeros_like(beta), -np.inf
    hat = weight * np.einsum("ij,ji->i", x, np.linalg.solve(information, x.T))
    score = x.T @ (is_event - risk + hat * (0.5 - risk))
    likelihood = -np.logaddexp(0.0, np.where(is_event, -lp, lp)).sum()
    return information, score, float(likelihood + 0.5 * log_determinant)
