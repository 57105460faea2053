"""All fits of a LASSO path in lockstep: at each lambda one matrix product serves every fold."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401 - the BLAS that compiled loops call, limited below
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from extval.features.modelling import _kernels_lasso as kernels
from extval.features.modelling._kernels_lasso_cox import cox_losses
from extval.features.modelling._kernels_lasso_screening import add_violators, choose, fold_scales
from extval.features.modelling._matrix import constant
from extval.stats._checks import BoolArray, FloatArray

FAMILIES = {"logistic": kernels.LOGISTIC, "linear": kernels.LINEAR, "cox": kernels.COX}

# Rules by which glmnet 4.1 (`glmnet.control`) leaves a path of its own early.
FEWEST_LAMBDAS = 5
SMALLEST_GAIN = {"logistic": 1e-5, "linear": 1e-5, "cox": 1e-3}
LARGEST_RATIO = {"logistic": 0.999, "linear": 0.999, "cox": 0.99}

# Sums in another order give other last bits, so a product must not depend on how many threads
# the machine has: one.
_BLAS = ThreadpoolController()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is fitted: patients in the order of their times if these are given."""

    family: str
    x: FloatArray
    y: FloatArray
    time: FloatArray | None
    standardise: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockstep:
    """What all fits gave, at L lambdas: the fit to all n patients and those without each fold.

    Attributes
    ----------
    lambdas : ndarray of shape (L,)
    intercepts : ndarray of shape (L,)
    coefficients : ndarray of shape (L, p)
        Of the fit to all patients, for the features as they were given.
    deviance_ratio : ndarray of shape (L,)
        NaN if the null loss is 0.
    null_loss : float
        Mean loss without features, over that of the saturated model: minus the mean log
        likelihood, or half the mean square.
    converged : ndarray of bool, shape (L, 1 + number of folds)
    held_out : ndarray of shape (repeats, L, n)
        Linear predictor of each patient from the fit without the patient's fold.
    held_out_loss : ndarray of shape (repeats, L, k)
        For Cox: by how much a fold raises the summed loss of the fit without it; else empty.
    selected : ndarray of int, shape (L, p)
        In how many of the fits without a fold the feature has a coefficient.
    """

    lambdas: FloatArray
    intercepts: FloatArray
    coefficients: FloatArray
    deviance_ratio: FloatArray
    null_loss: float
    converged: BoolArray
    held_out: FloatArray
    held_out_loss: FloatArray
    selected: NDArray[np.int64]


class _Fits:
    """The fits of a task at the present lambda; fit 0 has all patients."""

    def __init__(self, task: Task, folds: NDArray[np.intp], n_folds: int) -> None:
        n, p = task.x.shape
        self.order = np.arange(n) if task.time is None else np.argsort(task.time, kind="stable")
        y = task.y[self.order]
        self.folds = folds[:, self.order]
        self.family = FAMILIES[task.family]
        self.held = [(r, k) for r in range(len(folds)) for k in range(n_folds)]
        kept = [np.arange(n)]
        kept += [np.flatnonzero(self.folds[r] != k) for r, k in self.held]
        count = len(kept)
        self.sizes = np.array([rows.size for rows in kept])
        self.rows = np.zeros((count, n), np.int64)
        self.y, self.first = np.zeros((count, n)), np.zeros((count, n), np.int64)
        for k, rows in enumerate(kept):
            self.rows[k, : rows.size], self.y[k, : rows.size] = rows, y[rows]
            if task.time is not None:
                times = task.time[self.order][rows]
                self.first[k, : rows.size] = np.searchsorted(times, times, side="left")

        # Centred and scaled over all patients, so that no fold loses digits to a large offset.
        self.center = task.x.mean(axis=0)
        x = task.x[self.order] - self.center
        x[:, constant(task.x)] = 0.0
        self.spread = np.sqrt((x * x).mean(axis=0))
        self.spread[(self.spread == 0.0) | (not task.standardise)] = 1.0
        x /= self.spread
        self.x = np.ascontiguousarray(x.T)
        self.mean, self.inverse = np.empty((count, p)), np.empty((count, p))
        fold_scales(self.x, self.rows, self.sizes, task.standardise, self.mean, self.inverse)

        self.beta, self.intercept = np.zeros((count, p)), np.zeros(count)
        for k, rows in enumerate(kept):
            average = y[rows].mean()
            if task.family == "linear":
                self.intercept[k] = average
            elif task.family == "logistic":
                self.intercept[k] = np.log(average / (1.0 - average))
        self.eta = np.zeros((count, n))
        self.residual = np.zeros((count, n))
        self.loss, self.converged = np.zeros(count), np.zeros(count, dtype=np.bool_)
        self.chosen = np.zeros((count, p), np.int8)
        self.products = np.zeros((count, p))
        self.everyone = np.arange(count)
        self._solve(self.everyone, np.inf, np.inf)  # nothing chosen: the null models

    def _solve(self, fits: NDArray[np.intp], penalty: float, tolerance: float) -> None:
        kernels.solve_fits(
            self.family,
            self.x,
            self.rows,
            self.sizes,
            self.y,
            self.first,
            self.mean,
            self.inverse,
            self.chosen,
            penalty,
            tolerance,
            fits,
            self.beta,
            self.intercept,
            self.eta,
            self.residual,
            self.loss,
            self.converged,
        )
        self.products[fits] = self.residual[fits] @ self.x.T

    def largest_gradient(self) -> float:
        """Return the largest gradient of the fit to all patients: the lambda that it starts at."""
        gradient = (self.products[0] - self.mean[0] * self.residual[0].sum()) * self.inverse[0]
        return float(np.abs(gradient).max(initial=0.0))

    def advance(self, penalty: float, before: float, tolerance: float) -> None:
        """Solve all fits at `penalty`; the conditions of the minimum hold for every feature.

        The working sets follow the sequential strong rule (doi 10.1111/j.1467-9868.2011.01004.x);
        features that it wrongly left out are added until there is none.
        """
        threshold = max(2.0 * penalty - before, 0.8 * penalty)
        choose(
            self.products,
            self.residual.sum(axis=1),
            self.mean,
            self.inverse,
            self.beta,
            threshold,
            self.chosen,
        )
        fits = self.everyone
        while fits.size:
            self._solve(fits, penalty, tolerance)
            added = np.zeros(fits.size, np.int64)
            add_violators(
                self.products[fits],
                self.residual.sum(axis=1),
                self.mean,
                self.inverse,
                penalty + tolerance,
                fits,
                self.chosen,
                added,
            )
            fits = fits[added > 0]

    def model(self) -> tuple[float, FloatArray]:
        """Return intercept and coefficients of the fit to all patients, as the features came."""
        scaled = self.beta[0] * self.inverse[0]
        coefficients = scaled / self.spread
        intercept = self.intercept[0] - scaled @ self.mean[0] - coefficients @ self.center
        return (0.0 if self.family == kernels.COX else float(intercept)), coefficients

    def cox_rises(self, shape: tuple[int, int]) -> FloatArray:
        """Return by how much each fold raises the summed loss of the fit without it."""
        everyone = np.empty(len(self.held))
        cox_losses(self.eta[1:], self.y[0], self.first[0], everyone)
        return np.reshape(everyone - self.loss[1:] * self.sizes[1:], shape)


def run_lockstep(
    task: Task,
    *,
    folds: NDArray[np.intp],
    n_folds: int,
    lambdas: FloatArray | None,
    n_lambda: int,
    lambda_min_ratio: float,
    tolerance: float,
) -> Lockstep:
    """Fit the path to all patients and without each fold; `folds` is (repeats, n) from 0.

    Raises
    ------
    ValueError
        If no feature varies with the outcome, so that there is no lambda to start from.
    """
    with _BLAS.limit(limits=1, user_api="blas"):
        fits = _Fits(task, folds, n_folds)
        start = fits.largest_gradient()
        if lambdas is None:
            if not start > 1e-14 * (1.0 + float(np.abs(task.y).max())):
                raise ValueError(
                    "`x` must hold a feature that varies with the outcome; none does, so there is "
                    "no lambda to start from."
                )
            sequence = start * lambda_min_ratio ** (np.arange(n_lambda) / max(n_lambda - 1, 1))
        else:
            sequence = lambdas
        # An outcome without any gradient leaves no scale but that of the lambdas.
        exactness = tolerance * max(start, float(sequence[-1]))
        return _walk(task, fits, sequence, start, exactness, stops=lambdas is None)


def _walk(
    task: Task,
    fits: _Fits,
    sequence: FloatArray,
    start: float,
    tolerance: float,
    *,
    stops: bool,
) -> Lockstep:
    n, p = task.x.shape
    repeats, size = len(fits.folds), sequence.size
    n_folds = len(fits.held) // max(repeats, 1)
    cox = task.family == "cox"
    intercepts, coefficients = np.empty(size), np.empty((size, p))
    loss, selected = np.empty(size), np.empty((size, p), np.int64)
    converged = np.empty((size, fits.sizes.size), dtype=np.bool_)
    held_out = np.empty((repeats, size, n))
    held_out_loss = np.empty((repeats, size, n_folds if cox else 0))
    null_loss, before, done = float(fits.loss[0]), start, 0
    offset = _saturated(task)
    null = null_loss - offset
    if null <= 1e-13 * null_loss:  # all events at once, with all patients at risk
        null = 0.0
    ratios: list[float] = []
    everyone = np.arange(n)
    for i, penalty in enumerate(sequence):
        fits.advance(penalty, max(before, penalty), tolerance)
        before, done = penalty, i + 1
        intercepts[i], coefficients[i] = fits.model()
        loss[i], converged[i] = fits.loss[0], fits.converged
        selected[i] = np.count_nonzero(fits.beta[1:], axis=0)
        for r in range(repeats):
            row = 1 + r * n_folds + fits.folds[r]
            held_out[r, i, fits.order] = fits.eta[row, everyone]
        if cox and repeats:
            held_out_loss[:, i] = fits.cox_rises((repeats, n_folds))
        ratios.append(1.0 - (loss[i] - offset) / null if null > 0.0 else float("nan"))
        if stops and _enough(task.family, ratios):
            break
    return Lockstep(
        lambdas=sequence[:done],
        intercepts=intercepts[:done],
        coefficients=coefficients[:done],
        deviance_ratio=np.array(ratios),
        null_loss=null,
        converged=converged[:done],
        held_out=held_out[:, :done],
        held_out_loss=held_out_loss[:, :done],
        selected=selected[:done],
    )


def saturated_cox(time: FloatArray, event: FloatArray) -> float:
    """Return minus the log partial likelihood of the saturated model: only ties leave any."""
    _, counts = np.unique(time[event == 1.0], return_counts=True)
    return float((counts * np.log(counts)).sum())


def _saturated(task: Task) -> float:
    if task.time is None:
        return 0.0
    return saturated_cox(task.time, task.y) / task.y.size


def _enough(family: str, ratios: list[float]) -> bool:
    """Tell whether glmnet would leave its path here: hardly any gain, or next to all explained."""
    if len(ratios) < FEWEST_LAMBDAS:
        return False
    last = ratios[-1]
    if last > LARGEST_RATIO[family]:
        return True
    if family == "cox":
        gain = (last - ratios[-FEWEST_LAMBDAS]) / last
    else:
        gain = last - ratios[-2]
        if family == "linear":
            gain /= last
    return gain < SMALLEST_GAIN[family]
