"""Updating a model for a new setting: recalibration, refitting, and a test that chooses."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, expit, logit

from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray
from extval.stats.logistic import LogisticFit, fitted
from extval.stats.results import SignificanceTest, Status

UPDATES = ("none", "intercept", "intercept+slope", "refit")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatedModel:
    """A model fitted for a new setting; `updated_risk` applies it.

    Attributes
    ----------
    kind : str
        One of `UPDATES`.
    intercept, slope : float
        The new risk is expit(intercept + slope logit(p)); NaN for ``"refit"``.
    coefficients : ndarray of shape (p + 1,)
        Intercept and coefficients of ``"refit"``; empty otherwise.
    status : Status
        Why there is no update; its numbers are then NaN.
    """

    kind: str
    intercept: float
    slope: float
    coefficients: FloatArray
    n: int
    events: int
    status: Status = Status.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTesting:
    """The update that closed testing chose, and its likelihood-ratio tests in their order."""

    model: UpdatedModel
    tests: tuple[SignificanceTest, ...]
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossFittedUpdate:
    """Updated risks, each from patients of the other folds: what an update may be judged on.

    Attributes
    ----------
    y_prob : ndarray of shape (n,)
        NaN for the patients of a fold whose update is not estimable.
    fold : ndarray of shape (n,)
        From 0 to n_folds - 1.
    kinds : tuple of str
        The update of each fold.
    status : Status
        The first reason why a fold has none.
    """

    y_prob: FloatArray
    fold: NDArray[np.int64]
    kinds: tuple[str, ...]
    status: Status = Status.OK


def update_model(
    y_true: ArrayLike, y_prob: ArrayLike, *, kind: str, design: ArrayLike | None = None
) -> UpdatedModel:
    r"""Fit one kind of update to the patients of a new setting.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Risk predicted by the original model.
    kind : {"none", "intercept", "intercept+slope", "refit"}
        Nothing; recalibration in the large (:math:`a + \mathrm{logit}(p)`); logistic
        recalibration (:math:`a + b\,\mathrm{logit}(p)`); or a new fit of all coefficients.
    design : array_like of shape (n, p), finite, needed for ``"refit"``
        The columns of the original model's linear predictor, without a column of ones.

    Returns
    -------
    UpdatedModel
        NaN with a status if the fit has no maximum or a risk is exactly 0 or 1.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Maximum likelihood; agrees with R 4.2 ``glm`` to 1e-8. On the patients that it was fitted
    on, an update is calibrated by construction: judge it on others, or by `cross_fitted_update`.

    References
    ----------
    Steyerberg et al. (2004), Stat Med 23:2567. :doi:`10.1002/sim.1844`

    Examples
    --------
    >>> model = update_model([0, 1, 0, 1], [0.2, 0.4, 0.5, 0.6], kind="intercept")
    >>> round(model.intercept, 6), model.slope
    (0.333405, 1.0)
    """
    is_event, risk, columns = _checked(y_true, y_prob, kind, design)
    return _updated(is_event, risk, columns, kind)


def updated_risk(
    model: UpdatedModel, y_prob: ArrayLike, *, design: ArrayLike | None = None
) -> FloatArray:
    """Return the risks that `model` predicts.

    Parameters
    ----------
    model : UpdatedModel
    y_prob : array_like of shape (n,), in [0, 1]
        Risk predicted by the original model.
    design : array_like of shape (n, p), needed for ``"refit"``
        Columns as in the fit.

    Returns
    -------
    ndarray of shape (n,)
        NaN where the model is not estimable. Risks of 0 and 1 stay what they are.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.
    """
    risk = _checks.vector(y_prob, name="y_prob")
    risk = _checks.probabilities(risk, risk.size)
    if model.kind == "none":
        return risk
    if model.kind == "refit":
        columns = _checks.design_for_refit(design, risk.size)
        return np.asarray(expit(_with_ones(columns) @ model.coefficients))
    inside = (risk > 0.0) & (risk < 1.0)
    out = np.where(np.isnan(model.slope), nan, risk)
    out[inside] = expit(model.intercept + model.slope * logit(risk[inside]))
    return out


def closed_testing_update(
    y_true: ArrayLike, y_prob: ArrayLike, *, design: ArrayLike | None = None, alpha: float = 0.05
) -> ClosedTesting:
    r"""Choose between no update, a new intercept, intercept and slope, and a refit.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Risk predicted by the original model.
    design : array_like of shape (n, p), finite, optional
        The columns of the original model's linear predictor, without a column of ones. Left
        out, the widest model is logistic recalibration.
    alpha : float in (0, 1)
        Level of each test, and so of the whole procedure.

    Returns
    -------
    ClosedTesting
        If the widest model is not estimable there is no update, and the status of `model` and of
        the first test says why.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Likelihood-ratio tests of the widest model against no update, then against a new intercept,
    then against intercept and slope; the first that is not significant ends the procedure with
    its model, and the widest model is taken if none does [1]_. With `design` the degrees of
    freedom are p + 1, p and p - 1, which takes the original linear predictor to be a
    combination of the columns. Agrees with R 4.2 ``glm`` to 1e-8.

    References
    ----------
    .. [1] Vergouwe et al. (2017), Stat Med 36:4529. :doi:`10.1002/sim.7179`

    Examples
    --------
    >>> closed_testing_update([0, 1, 0, 1], [0.2, 0.4, 0.5, 0.6]).model.kind
    'none'
    """
    is_event, risk, columns = _checked(y_true, y_prob, "none", design)
    level = _checks.level(alpha, name="alpha")
    return _closed_testing(is_event, risk, columns, level)


def cross_fitted_update(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    kind: str = "closed testing",
    design: ArrayLike | None = None,
    n_folds: int = 10,
    alpha: float = 0.05,
    rng: np.random.Generator,
) -> CrossFittedUpdate:
    """Update each fold's risks by a model fitted, and chosen, on the other folds.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Risk predicted by the original model.
    kind : {"closed testing", "none", "intercept", "intercept+slope", "refit"}
        What is done in each fold.
    design : array_like of shape (n, p), finite, needed for ``"refit"``
        The columns of the original model's linear predictor, without a column of ones.
    n_folds : int, at least 2
        Folds, as equal as they can be, with events spread over them; drawn by `rng`.
    alpha : float in (0, 1)
        Level of closed testing.
    rng : numpy.random.Generator

    Returns
    -------
    CrossFittedUpdate

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Examples
    --------
    >>> y, p = [0, 1, 0, 1, 1, 0], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    >>> rng = np.random.default_rng(1)
    >>> cross_fitted_update(y, p, kind="intercept", n_folds=3, rng=rng).kinds
    ('intercept', 'intercept', 'intercept')
    """
    _checks.choice(kind, ("closed testing", *UPDATES), name="kind")
    single = "none" if kind == "closed testing" else kind
    is_event, risk, columns = _checked(y_true, y_prob, single, design)
    level = _checks.level(alpha, name="alpha")
    folds = _checks.positive_integer(n_folds, name="n_folds", at_least=2)
    fold = stratified_folds(is_event, folds, _checks.generator(rng))
    out = np.full(risk.size, nan)
    models = []
    for own in range(folds):
        inside, outside = fold == own, fold != own
        theirs = columns[outside] if columns is not None else None
        if kind == "closed testing":
            model = _closed_testing(is_event[outside], risk[outside], theirs, level).model
        else:
            model = _updated(is_event[outside], risk[outside], theirs, kind)
        models.append(model)
        mine = columns[inside] if columns is not None else None
        out[inside] = updated_risk(model, risk[inside], design=mine)
    statuses = [model.status for model in models if model.status is not Status.OK]
    return CrossFittedUpdate(
        y_prob=out,
        fold=fold,
        kinds=tuple(model.kind for model in models),
        status=statuses[0] if statuses else Status.OK,
    )


def stratified_folds(
    is_event: BoolArray, n_folds: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return a fold for each patient: sizes differ by one at most, and so do events a fold."""
    shuffled = rng.permutation(is_event.size)
    ordered = shuffled[np.argsort(is_event[shuffled], kind="stable")]
    fold = np.empty(is_event.size, dtype=np.int64)
    fold[ordered] = np.arange(is_event.size) % n_folds
    return fold


def _checked(
    y_true: ArrayLike, y_prob: ArrayLike, kind: str, design: ArrayLike | None
) -> tuple[BoolArray, FloatArray, FloatArray | None]:
    is_event = _checks.binary(y_true)
    risk = _checks.probabilities(y_prob, is_event.size)
    _checks.choice(kind, UPDATES, name="kind")
    if design is None and kind != "refit":
        return is_event, risk, None
    return is_event, risk, _checks.design_for_refit(design, is_event.size)


def _with_ones(columns: FloatArray) -> FloatArray:
    return np.column_stack((np.ones(columns.shape[0]), columns))


def _fit(
    is_event: BoolArray, risk: FloatArray, columns: FloatArray | None, kind: str
) -> LogisticFit:
    """Return the logistic fit behind one kind of update."""
    n = is_event.size
    shift = np.zeros(n)
    if kind != "refit":
        with np.errstate(divide="ignore"):
            lp = logit(risk)
        if np.isinf(lp).any():
            return LogisticFit(
                coefficients=np.full(UPDATES.index(kind), nan),
                covariance=np.empty((0, 0)),
                log_likelihood=nan,
                iterations=0,
                n=n,
                events=int(np.count_nonzero(is_event)),
                status=Status.LOGIT_UNDEFINED,
            )
    if kind == "refit" and columns is not None:
        x = _with_ones(columns)
    elif kind == "intercept+slope":
        x = _with_ones(lp[:, None])
    else:
        x, shift = np.ones((n, 1 if kind == "intercept" else 0)), lp
    return fitted(x, is_event, np.ones(n), shift)


def _updated(
    is_event: BoolArray, risk: FloatArray, columns: FloatArray | None, kind: str
) -> UpdatedModel:
    intercept, slope, coefficients, status = 0.0, 1.0, np.zeros(0), Status.OK
    if kind != "none":
        fit = _fit(is_event, risk, columns, kind)
        status = fit.status
        intercept = slope = nan
        if kind == "refit":
            coefficients = fit.coefficients
        else:
            intercept = float(fit.coefficients[0])
            slope = float(fit.coefficients[1]) if kind == "intercept+slope" else 1.0
            slope = slope if status is Status.OK else nan
    return UpdatedModel(
        kind=kind,
        intercept=intercept,
        slope=slope,
        coefficients=coefficients,
        n=is_event.size,
        events=int(np.count_nonzero(is_event)),
        status=status,
    )


def _closed_testing(
    is_event: BoolArray, risk: FloatArray, columns: FloatArray | None, alpha: float
) -> ClosedTesting:
    widest = "intercept+slope" if columns is None else "refit"
    parameters = 2 if columns is None else columns.shape[1] + 1
    top = _fit(is_event, risk, columns, widest)
    n, events = is_event.size, int(np.count_nonzero(is_event))
    tests: list[SignificanceTest] = []
    for kind in UPDATES[: min(UPDATES.index(widest), parameters)]:
        narrow = _fit(is_event, risk, columns, kind)
        status = top.status if top.status is not Status.OK else narrow.status
        df = parameters - UPDATES.index(kind)
        statistic = max(2.0 * (top.log_likelihood - narrow.log_likelihood), 0.0)
        estimable = status is Status.OK
        tests.append(
            SignificanceTest(
                statistic=statistic if estimable else nan,
                df=float(df) if estimable else nan,
                p_value=float(chdtrc(df, statistic)) if estimable else nan,
                method=f"likelihood ratio, {kind} against {widest}",
                n=n,
                events=events,
                status=status,
            )
        )
        if not estimable:
            model = UpdatedModel(
                kind="none",
                intercept=0.0,
                slope=1.0,
                coefficients=np.zeros(0),
                n=n,
                events=events,
                status=status,
            )
            return ClosedTesting(model=model, tests=tuple(tests), alpha=alpha)
        if tests[-1].p_value >= alpha:
            model = _updated(is_event, risk, columns, kind)
            return ClosedTesting(model=model, tests=tuple(tests), alpha=alpha)
    model = _updated(is_event, risk, columns, widest)
    return ClosedTesting(model=model, tests=tuple(tests), alpha=alpha)
