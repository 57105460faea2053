"""LASSO paths as glmnet defines them, and the cross-validated choice of a lambda on them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.features.modelling._lasso_folds import (
    MEASURES,
    by_fold,
    chosen_lambdas,
    curve,
    draw_folds,
    given_folds,
)
from extval.features.modelling._lasso_lockstep import FAMILIES, Lockstep, Task, run_lockstep
from extval.features.modelling.outcome import is_survival, time_and_event
from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray

TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LassoPath:
    """A LASSO path over L lambdas, from the largest.

    Attributes
    ----------
    family : str
    lambdas : ndarray of shape (L,)
    intercepts : ndarray of shape (L,)
        On the scale of the linear predictor; 0 for Cox, which has none.
    coefficients : ndarray of shape (L, p)
        For the features as they were given.
    n_nonzero : ndarray of int, shape (L,)
    deviance_ratio : ndarray of shape (L,)
        Share of the null deviance that the model explains; NaN if that is 0 (Cox: all patients
        have the event at one time).
    null_deviance : float
        Of the model without features: twice the log likelihood missing to the saturated model;
        for a linear model, the sum of squares.
    converged : ndarray of bool, shape (L,)
    n, events : int
        Patients, and those among them with the event (those with ``y == 1``, if y is 0/1).
    status : str
        A sentence if a model did not converge, else empty.
    """

    family: str
    lambdas: FloatArray
    intercepts: FloatArray
    coefficients: FloatArray
    n_nonzero: NDArray[np.int64]
    deviance_ratio: FloatArray
    null_deviance: float
    converged: BoolArray
    n: int
    events: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LassoCrossValidation:
    """A LASSO path with what patients held out say of each of its L lambdas.

    Attributes
    ----------
    path : LassoPath
        Fitted to all patients.
    measure : str
    mean, se : ndarray of shape (L,)
        Of the measure over folds, averaged over the repeats.
    by_fold : ndarray of shape (repeats, k, L)
    lambda_min, lambda_1se : float
        The lambda with the best mean, and the largest whose mean is within a standard error of it.
    index_min, index_1se : int
        Where they are on the path.
    selection_frequency : ndarray of shape (L, p)
        Share of the repeats x k models without a fold in which the feature has a coefficient.
    folds : ndarray of int, shape (repeats, n)
        Fold of every patient, from 0.
    n_folds, repeats : int
    converged : bool
        Whether all models of all folds did.
    """

    path: LassoPath
    measure: str
    mean: FloatArray
    se: FloatArray
    by_fold: FloatArray
    lambda_min: float
    lambda_1se: float
    index_min: int
    index_1se: int
    selection_frequency: FloatArray
    folds: NDArray[np.intp]
    n_folds: int
    repeats: int
    converged: bool


def lasso_path(
    x: ArrayLike,
    y: Any,
    *,
    family: str = "logistic",
    lambdas: ArrayLike | None = None,
    n_lambda: int = 100,
    lambda_min_ratio: float | None = None,
    standardise: bool = True,
    tolerance: float = TOLERANCE,
) -> LassoPath:
    r"""Fit a LASSO at every lambda of a decreasing sequence.

    Parameters
    ----------
    x : array_like of shape (n, p), finite
        Features. One that does not vary has the coefficient 0, as in glmnet.
    y : array_like of shape (n,)
        0/1 for "logistic", a number for "linear", `outcome.survival` for "cox".
    family : {"logistic", "linear", "cox"}
    lambdas : array_like of shape (L,), positive, optional
        Sequence to use, sorted here from the largest; all of it is fitted. If not given, the
        sequence of glmnet.
    n_lambda : int
        Length of the sequence of glmnet, which may end earlier (see Notes).
    lambda_min_ratio : float in (0, 1), optional
        Smallest lambda over largest; 0.01 if n < p, else 0.0001, as in glmnet.
    standardise : bool
        Penalise coefficients per population standard deviation (divisor n) of the feature.
    tolerance : float
        By how much a condition of the minimum may be off, as a share of the largest lambda.

    Returns
    -------
    LassoPath

    Raises
    ------
    ValueError
        If an argument leaves the domain given above, the outcome does not vary, or no feature
        varies with it.

    Notes
    -----
    Minimises :math:`-\ell(\beta)/n + \lambda \lVert\beta\rVert_1` with the log likelihood, half
    the sum of squares, or the log partial likelihood (with Breslow's ties, as glmnet) in place of
    :math:`\ell`; the intercept is not penalised. The sequence starts at the smallest lambda
    without a coefficient and falls by equal factors. A sequence of its own is left where glmnet
    4.1 leaves it: from the fifth lambda on, if the deviance ratio exceeds 0.999 (Cox: 0.99) or
    rises by less than 1e-5 (linear: 1e-5 of itself; Cox: 0.1% of itself in four steps).

    Each model is a minimum to `tolerance`: for every feature the gradient is at most lambda, and
    lambda with the sign of the coefficient where there is one. Newton's method, with the
    penalised quadratic solved by coordinate descent and, once it has the signs, exactly; features
    are screened by the sequential strong rule and all are checked.

    Agrees with R glmnet 4.1.6 ``glmnet(thresh = 1e-14)`` at the same lambdas: coefficients per
    standard deviation to 4e-6. With its own default, 1e-7, glmnet stops up to 0.02 off.

    References
    ----------
    Friedman, Hastie & Tibshirani (2010), J Stat Softw 33(1). :doi:`10.18637/jss.v033.i01`. Simon
    et al. (2011), J Stat Softw 39(5). :doi:`10.18637/jss.v039.i05`. Tibshirani et al. (2012),
    J R Stat Soc B 74:245. :doi:`10.1111/j.1467-9868.2011.01004.x`.

    Examples
    --------
    >>> x = [[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0], [5.0, 1.0]]
    >>> path = lasso_path(x, [0, 1, 0, 1, 1, 1], lambdas=[0.2, 0.1])
    >>> path.coefficients.round(4).tolist()
    [[0.2747, -0.5347], [0.6977, -2.1339]]
    """
    task = _task(x, y, family, standardise=standardise)
    sequence = _sequence(task, lambdas, n_lambda, lambda_min_ratio, tolerance)
    run = run_lockstep(task, folds=np.empty((0, task.y.size), np.intp), n_folds=0, **sequence)
    return _path(task, run)


def cross_validated_lasso(
    x: ArrayLike,
    y: Any,
    *,
    family: str = "logistic",
    measure: str = "deviance",
    n_folds: int = 10,
    folds: ArrayLike | None = None,
    repeats: int = 1,
    random_state: int = 0,
    lambdas: ArrayLike | None = None,
    n_lambda: int = 100,
    lambda_min_ratio: float | None = None,
    standardise: bool = True,
    tolerance: float = TOLERANCE,
) -> LassoCrossValidation:
    r"""Fit a LASSO path, and judge each of its lambdas by cross-validation.

    Parameters
    ----------
    x, y, family, lambdas, n_lambda, lambda_min_ratio, standardise, tolerance
        As `lasso_path`.
    measure : {"deviance", "auc", "misclassification"}
        Mean deviance of the patients held out (linear: their mean square; probabilities are kept
        1e-5 from 0 and 1). The other two for "logistic" only.
    n_folds : int, at least 2
        Folds drawn so that those with the event (``y == 1``) are spread evenly.
    folds : array_like of shape (n,) or (repeats, n), numbers, optional
        Fold of every patient, in place of a draw.
    repeats : int
        Draws of folds: the curve is their mean.
    random_state : int
        Seed of the draws.

    Returns
    -------
    LassoCrossValidation

    Raises
    ------
    ValueError
        As `lasso_path`, or if there are fewer events than folds, or a fold is of no use.

    Notes
    -----
    All models, those without a fold too, are fitted at the lambdas of the path of all patients.
    ``cv.glmnet`` does so if it is given `lambda`; by default it gives each fold a sequence of its
    own and interpolates its coefficients, a difference in the third digit of the curve.

    Mean over folds weighted by their patients (Cox: by their events), and the standard error
    :math:`\sqrt{\sum_k w_k (m_k - \bar m)^2 / (K - 1)}` with weights that add up to 1. The
    deviance of a fold is for Cox what the fold adds to the partial likelihood deviance of the
    patients outside it, divided by its events: ``grouped = TRUE`` of ``cv.glmnet``. With several
    repeats both are averaged; the standard error stays that of one draw, because the draws share
    their patients.

    Agrees with R glmnet 4.1.6 ``cv.glmnet(lambda, foldid, thresh = 1e-14)``: mean and standard
    error to 1e-5, the same two lambdas.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(60, 4))
    >>> y = x[:, 0] + rng.normal(size=60) > 0
    >>> found = cross_validated_lasso(x, y, n_folds=5)
    >>> found.selection_frequency[found.index_1se].tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    task = _task(x, y, family, standardise=standardise)
    sequence = _sequence(task, lambdas, n_lambda, lambda_min_ratio, tolerance)
    _checks.choice(measure, MEASURES[family], name="measure")
    if folds is None:
        _checks.positive_integer(n_folds, name="n_folds", at_least=2)
        _checks.positive_integer(repeats, name="repeats")
        drawn = draw_folds(task, n_folds=n_folds, repeats=repeats, random_state=random_state)
    else:
        drawn, n_folds = given_folds(task, folds)
    run = run_lockstep(task, folds=drawn, n_folds=n_folds, **sequence)
    values, weights = by_fold(task, run, drawn, n_folds, measure)
    mean, se = curve(values, weights)
    best, sparse = chosen_lambdas(measure, mean, se)
    return LassoCrossValidation(
        path=_path(task, run),
        measure=measure,
        mean=mean,
        se=se,
        by_fold=values,
        lambda_min=float(run.lambdas[best]),
        lambda_1se=float(run.lambdas[sparse]),
        index_min=best,
        index_1se=sparse,
        selection_frequency=run.selected / (len(drawn) * n_folds),
        folds=drawn,
        n_folds=n_folds,
        repeats=len(drawn),
        converged=bool(run.converged.all()),
    )


def _task(x: ArrayLike, y: Any, family: str, *, standardise: bool) -> Task:
    """Return what is to be fitted, or raise."""
    _checks.choice(family, FAMILIES, name="family")
    time = None
    if family == "cox":
        if not is_survival(y):
            raise ValueError(
                "`y` must be a time to event for family cox. Build it with `survival(time, event)`."
            )
        time, event = time_and_event(y)
        time, outcome = _checks.durations(time), event.astype(np.float64)
        if not event.any():
            raise ValueError("`y` must hold an event; all patients are censored.")
    elif family == "logistic":
        outcome = _checks.binary(y, name="y").astype(np.float64)
    else:
        outcome = _checks.vector(y, name="y")
    if family != "cox" and (outcome.size == 0 or (outcome == outcome[0]).all()):
        raise ValueError(
            f"`y` must vary; all {outcome.size} patients have the same outcome (one class)."
        )
    features = _checks.matrix(x, outcome.size, name="x")
    _checks.positive_integer(features.shape[1], name="the number of columns of x")
    return Task(family=family, x=features, y=outcome, time=time, standardise=bool(standardise))


def _sequence(
    task: Task,
    lambdas: ArrayLike | None,
    n_lambda: int,
    lambda_min_ratio: float | None,
    tolerance: float,
) -> dict[str, Any]:
    """Return the arguments of `run_lockstep` that say which lambdas, and how exactly."""
    n, p = task.x.shape
    ratio = (0.01 if n < p else 1e-4) if lambda_min_ratio is None else lambda_min_ratio
    if not 0.0 < ratio < 1.0:
        raise ValueError(f"`lambda_min_ratio` must lie in (0, 1); got {ratio}.")
    wanted = None
    if lambdas is not None:
        wanted = -np.sort(-_checks.vector(lambdas, name="lambdas"))
        if wanted.size == 0 or not wanted[-1] > 0.0:
            raise ValueError(f"`lambdas` must hold positive numbers; got {lambdas!r}.")
    return {
        "lambdas": wanted,
        "n_lambda": _checks.positive_integer(n_lambda, name="n_lambda", at_least=2),
        "lambda_min_ratio": ratio,
        "tolerance": _checks.above_zero(tolerance, name="tolerance"),
    }


def _path(task: Task, run: Lockstep) -> LassoPath:
    converged = run.converged[:, 0]
    failed = int(np.count_nonzero(~converged))
    status = ""
    if failed:
        status = f"The iterations did not converge at {failed} of {converged.size} lambdas."
    return LassoPath(
        family=task.family,
        lambdas=run.lambdas,
        intercepts=run.intercepts,
        coefficients=run.coefficients,
        n_nonzero=np.count_nonzero(run.coefficients, axis=1),
        deviance_ratio=run.deviance_ratio,
        null_deviance=2.0 * task.y.size * run.null_loss,
        converged=converged,
        n=task.y.size,
        events=int(np.count_nonzero(task.y == 1.0)),
        status=status,
    )
