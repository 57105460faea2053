"""Logistic regression by Newton's method, with offset and weights; separation is named."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit

from extval.stats import _checks
from extval.stats._ascent import ascend
from extval.stats._checks import FloatArray
from extval.stats._kernels_logistic import newton
from extval.stats._recession import recession
from extval.stats.results import Status

MAX_ITERATIONS = 200
FLAT = 1e-4  # relative change of a linear predictor that no step to a maximum leaves
FADED = 1e10  # variance of a coefficient times the patients, for columns of size 1
SUSPECT = 1e-7  # the same, above which separation is looked for
CLEAR = 1e-6  # margin of a complete separation, relative to the largest, that needs no second look


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticFit:
    """A maximum-likelihood logistic regression.

    `coefficients`, shape (p,), and `covariance`, shape (p, p), are NaN when the maximum does not
    exist, and then `status` says why; `log_likelihood` is then its supremum where known, else NaN.
    """

    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood: float
    iterations: int
    n: int
    events: int
    status: Status


def logistic_regression(
    design: ArrayLike,
    y_true: ArrayLike,
    *,
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> LogisticFit:
    r"""Fit a logistic regression by maximum likelihood.

    Parameters
    ----------
    design : array_like of shape (n, p), finite
        Columns as they enter the model; an intercept is a column of ones. ``p = 0`` is allowed.
    y_true : array_like of shape (n,), 0 or 1
        Outcome.
    offset : array_like of shape (n,), finite, optional
        Part of the linear predictor with coefficient 1.
    weights : array_like of shape (n,), finite and not negative, optional
        A weight of k counts the row k times.

    Returns
    -------
    LogisticFit
        NaN with a status if outcomes are separated, columns are collinear, or all patients have
        the same outcome.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Newton's method with step halving until the Newton decrement is below 1e-18. Where outcomes
    are separated, wholly or in part [1]_, the likelihood flattens without a maximum. Where the
    linear predictors still move as the decrement vanishes, or the information is singular, a linear
    program decides whether they are; if not, a line search finds the maximum however far out it
    lies. Agrees with R 4.2 ``glm(family = binomial)`` at ``epsilon = 1e-14`` to
    1e-8.

    References
    ----------
    .. [1] Albert & Anderson (1984), Biometrika 71:1. :doi:`10.1093/biomet/71.1.1`

    Examples
    --------
    >>> fit = logistic_regression([[1, 0], [1, 0], [1, 0], [1, 1], [1, 1]], [0, 0, 1, 0, 1])
    >>> [round(float(b), 6) for b in fit.coefficients]
    [-0.693147, 0.693147]
    """
    is_event = _checks.binary(y_true)
    columns = _checks.matrix(design, is_event.size, name="design")
    shift = np.zeros(is_event.size)
    if offset is not None:
        shift = _checks.finite(offset, is_event.size, name="offset")
    total = np.ones(is_event.size)
    if weights is not None:
        total = _checks.weights(weights, is_event.size)
    return fitted(columns, is_event, total, shift)


def fitted(
    columns: FloatArray,
    is_event: NDArray[np.bool_],
    total: FloatArray,
    shift: FloatArray,
    *,
    start: FloatArray | None = None,
) -> LogisticFit:
    """Return `logistic_regression` of arguments that were checked before, from `start` (or 0)."""
    p = columns.shape[1]
    counted = total > 0.0
    n, events = int(np.count_nonzero(counted)), int(np.count_nonzero(is_event & counted))

    def undefined(status: Status, log_likelihood: float = nan) -> LogisticFit:
        return LogisticFit(
            coefficients=np.full(p, nan),
            covariance=np.full((p, p), nan),
            log_likelihood=log_likelihood,
            iterations=0,
            n=n,
            events=events,
            status=status,
        )

    if n == 0:
        return undefined(Status.NO_PATIENTS)
    scale = column_scale(columns)
    beta = np.zeros(p) if start is None else start * scale
    information = np.zeros((p, p))
    scaled = np.ascontiguousarray(columns / scale)
    log_likelihood, iterations, moved = newton(
        scaled, total * is_event, total, shift, beta, information, MAX_ITERATIONS
    )
    if moved > SUSPECT or _faded(information, float(total.sum())):
        if np.linalg.matrix_rank(scaled[counted]) < p:
            return undefined(Status.ONE_CLASS if events in (0, n) else Status.COLLINEAR)
        sign = np.where(is_event[counted], 1.0, -1.0)
        if _separates(scaled[counted] * sign[:, None], beta):
            return undefined(Status.ONE_CLASS if events in (0, n) else Status.SEPARATION)
        if moved > FLAT:
            found = _far_maximum(scaled[counted], sign, total[counted], shift[counted])
            if found is None:
                return undefined(Status.NOT_CONVERGED)
            beta, information, log_likelihood, iterations = found
    inverse = np.linalg.inv(information) if p else information
    return LogisticFit(
        coefficients=beta / scale,
        covariance=inverse / np.outer(scale, scale),
        log_likelihood=log_likelihood,
        iterations=iterations,
        n=n,
        events=events,
        status=Status.OK,
    )


def _faded(information: FloatArray, total: float) -> bool:
    """Return whether hardly anything is left of the information about some coefficient.

    So it is where probabilities round to 0 and 1, and Newton's method stands still there.
    """
    try:
        return bool((np.diag(np.linalg.inv(information)) * total > FADED).any())
    except np.linalg.LinAlgError:
        return True


@dataclass(frozen=True, slots=True)
class _Derivatives:
    value: float
    gradient: FloatArray
    information: FloatArray


def _separates(rows: FloatArray, beta: FloatArray) -> bool:
    """Return whether some b has ``rows @ b >= 0``, not all zero; `beta` may be one.

    Rows are the columns of the patients, negative for those without the event.
    """
    margin = np.einsum("ij,j->i", rows, beta)
    size = float(np.abs(margin).max())
    return bool(size > 0.0 and margin.min() > CLEAR * size) or recession(rows) is not None


def _far_maximum(
    columns: FloatArray, sign: FloatArray, total: FloatArray, shift: FloatArray
) -> tuple[FloatArray, FloatArray, float, int] | None:
    """Return coefficients, information, log-likelihood and iterations of a maximum far out.

    In orthonormal columns, so that steps are as good as the data.
    """
    basis, back = np.linalg.qr(columns)

    def evaluate(place: FloatArray) -> _Derivatives:
        lp = sign * (shift + np.einsum("ij,j->i", basis, place))
        wrong = expit(-lp)
        weight = total * wrong * expit(lp)
        return _Derivatives(
            value=float((total * log_expit(lp)).sum()),
            gradient=np.einsum("i,ij->j", total * sign * wrong, basis),
            information=np.einsum("i,ij,ik->jk", weight, basis, basis),
        )

    p = columns.shape[1]
    place, here, iterations, found = ascend(evaluate, np.zeros(p), np.eye(p))
    if not found:
        return None
    information = np.einsum("ji,jk,kl->il", back, here.information, back)
    return np.linalg.solve(back, place), information, here.value, iterations


def column_scale(columns: FloatArray) -> FloatArray:
    """Return the largest absolute value of each column, 1 for a column of zeros."""
    largest = np.abs(columns).max(axis=0, initial=0.0)
    return np.where(largest > 0.0, largest, 1.0)


class LogisticModel:
    """Unpenalised logistic regression with an intercept, as an estimator with scikit-learn's form.

    After `fit`, `coefficients`, shape (p + 1,), holds the intercept first; it is NaN, and so are
    the predictions, where `status` says that no maximum exists.
    """

    def __init__(self) -> None:
        self.coefficients: FloatArray = np.empty(0)
        self.status = Status.OK

    def fit(self, x: ArrayLike, y: ArrayLike) -> "LogisticModel":
        """Fit outcomes `y`, shape (n,), to the columns of `x`, shape (n, p)."""
        fit = logistic_regression(_with_ones(x), y)
        self.coefficients, self.status = fit.coefficients, fit.status
        return self

    def predict_proba(self, x: ArrayLike) -> FloatArray:
        """Return the probabilities of outcome 0 and 1, shape (n, 2)."""
        lp = _with_ones(x) @ self.coefficients
        return np.column_stack((expit(-lp), expit(lp)))


def _with_ones(x: ArrayLike) -> FloatArray:
    columns = np.asarray(x, dtype=np.float64)
    return np.column_stack((np.ones(columns.shape[0]), columns))
