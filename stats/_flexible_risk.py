"""Flexible observed risk at a horizon: a Cox or Fine-Gray model on a spline of the prediction."""

from abc import ABC, abstractmethod
from math import nan

import numpy as np
from numpy.typing import NDArray

from extval.stats import _kernels_fine_gray
from extval.stats._calibration_distances import distances
from extval.stats._kernels_cox_counts import baseline_hazard, derivatives, resampled_risks
from extval.stats.cox import cox_regression
from extval.stats.fine_gray import FADED, WIDEST, Subdistribution, fine_gray_regression
from extval.stats.results import Status
from extval.stats.splines import spline_basis, spline_knots

FloatArray = NDArray[np.float64]
KindArray = NDArray[np.int8]

_CELLS_AT_ONCE = 4_000_000
_MAX_ITERATIONS = 40
_SMALL_STEP = 1e-9


class FlexibleRisk(ABC):
    """A model of a spline of the transformed risk, and what it says at the horizon.

    `kind`, shape (n,), is 0 for censored, 1 for the event of interest, 2 for a competing one.
    """

    model = ""
    status = Status.OK

    def __init__(
        self, time: FloatArray, kind: KindArray, risk: FloatArray, horizon: float, n_knots: int
    ) -> None:
        self.name = (
            f"{self.model} on a restricted cubic spline of log(-log(1 - p)), {n_knots} knots"
        )
        self.status = _unusable(time, kind, risk, horizon)
        if self.status is not Status.OK:
            return
        transformed = _cloglog(risk)
        self._knots = spline_knots(transformed, n_knots)
        if self._knots.size < 3:
            self.status = Status.TOO_FEW_DISTINCT_PREDICTIONS
            return
        if self._knots.size < n_knots:
            self.name += f", {self._knots.size} of them distinct"
        self.name += ", held fixed"
        design = spline_basis(transformed, self._knots)
        self.status, coefficients = self._fit(time, kind, design)
        if self.status is not Status.OK:
            return
        self._center, self._scale = design.mean(axis=0), design.std(axis=0)
        self._beta = coefficients * self._scale
        lp = np.einsum("ij,j->i", design - self._center, coefficients)
        if np.abs(lp).max() > WIDEST:
            self.status = Status.RELATIVE_HAZARD_TOO_WIDE
            return
        order = self._order(time, kind)
        self._time, self._kind = time[order], np.ascontiguousarray(kind[order])
        self._risk, self._horizon = risk[order], horizon
        self._x = np.ascontiguousarray((design[order] - self._center) / self._scale)
        self._opens = np.append(True, self._time[1:] != self._time[:-1])
        self._hazard = self._baseline()

    @abstractmethod
    def _fit(
        self, time: FloatArray, kind: KindArray, design: FloatArray
    ) -> tuple[Status, FloatArray]:
        """Return whether the model has a maximum, and its coefficients."""

    @abstractmethod
    def _order(self, time: FloatArray, kind: KindArray) -> NDArray[np.intp]:
        """Return the order of the patients that the compiled loops go through."""

    @abstractmethod
    def _baseline(self) -> float:
        """Return the cumulative hazard by the horizon of a patient with x = 0."""

    @abstractmethod
    def _resample(
        self,
        key: np.uint64,
        first: int,
        targets: FloatArray,
        counts: NDArray[np.int32],
        risks: FloatArray,
    ) -> None:
        """Write the counts of resamples, (b, n), and their risks at `targets`, (b, t)."""

    def _columns(self, risk: FloatArray) -> FloatArray:
        """Return the columns at predicted risks, NaN at 0 and 1."""
        inside = (risk > 0.0) & (risk < 1.0)
        columns = np.full((risk.size, self._scale.size), nan)
        basis = spline_basis(_cloglog(risk[inside]), self._knots)
        columns[inside] = (basis - self._center) / self._scale
        return columns

    def at(self, risk: FloatArray) -> FloatArray:
        """Return the observed risk at predicted risks; NaN at 0 and 1."""
        lp = np.einsum("ij,j->i", self._columns(risk), self._beta)
        return np.asarray(-np.expm1(-self._hazard * np.exp(lp)))

    def resampled(
        self, grid: FloatArray, key: np.uint64, count: int
    ) -> tuple[FloatArray, FloatArray]:
        """Return the curves on the grid, (count, g), and the four distances, (count, 4)."""
        n = self._time.size
        distinct, place = np.unique(self._risk, return_inverse=True)
        targets = self._columns(np.concatenate((grid, distinct)))
        curves, gaps_of = np.empty((count, grid.size)), np.empty((count, 4))
        batch = max(1, min(count, _CELLS_AT_ONCE // (n + targets.shape[0])))
        counts = np.empty((batch, n), np.int32)
        risks = np.empty((batch, targets.shape[0]))
        rows = np.arange(n)
        for first in range(0, count, batch):
            size = min(batch, count - first)
            self._resample(key, first, targets, counts[:size], risks[:size])
            curves[first : first + size] = risks[:size, : grid.size]
            gaps = np.abs(risks[:size, grid.size :] - distinct)
            drawn = np.stack([np.repeat(rows, drawn) for drawn in counts[:size]])
            gaps_of[first : first + size] = distances(
                np.take_along_axis(gaps, place[drawn], axis=1)
            )
        return curves, gaps_of


class FlexibleCox(FlexibleRisk):
    """Cox's model, Efron's ties; competing events are not known to it."""

    model = "Cox regression"

    def _fit(
        self, time: FloatArray, kind: KindArray, design: FloatArray
    ) -> tuple[Status, FloatArray]:
        found = cox_regression(time, kind, design)
        return found.status, found.coefficients

    def _order(self, time: FloatArray, kind: KindArray) -> NDArray[np.intp]:
        return np.lexsort((kind, -time))  # from the last time, events of a time last

    def _baseline(self) -> float:
        once, p = np.ones(self._time.size, np.int32), self._beta.size
        patients = self._kind == 1, self._opens, self._x, once
        information = np.empty((p, p))
        derivatives(*patients, np.zeros(p), np.empty(p), information)
        self._least = FADED * np.diag(information)
        return baseline_hazard(self._time, *patients, self._beta, self._horizon)

    def _resample(
        self,
        key: np.uint64,
        first: int,
        targets: FloatArray,
        counts: NDArray[np.int32],
        risks: FloatArray,
    ) -> None:
        resampled_risks(
            key,
            first,
            self._time,
            self._kind == 1,
            self._opens,
            self._x,
            self._beta,
            self._horizon,
            targets,
            self._least,
            _MAX_ITERATIONS,
            _SMALL_STEP,
            counts,
            risks,
        )


class FlexibleFineGray(FlexibleRisk):
    """Fine and Gray's model of the event of interest among competing ones, Breslow's ties."""

    model = "Fine-Gray regression"

    def _fit(
        self, time: FloatArray, kind: KindArray, design: FloatArray
    ) -> tuple[Status, FloatArray]:
        found = fine_gray_regression(time, kind, design)
        return found.status, found.coefficients

    def _order(self, time: FloatArray, kind: KindArray) -> NDArray[np.intp]:
        return np.lexsort((kind, time))

    def _baseline(self) -> float:
        patients = Subdistribution(self._time, self._kind, self._x)
        self._least = patients.least_information()
        _, steps = patients.baseline(self._beta)
        return float(steps[self._time <= self._horizon].sum())

    def _resample(
        self,
        key: np.uint64,
        first: int,
        targets: FloatArray,
        counts: NDArray[np.int32],
        risks: FloatArray,
    ) -> None:
        _kernels_fine_gray.resampled_risks(
            key,
            first,
            self._time,
            self._kind,
            self._opens,
            self._x,
            self._beta,
            self._horizon,
            targets,
            self._least,
            _MAX_ITERATIONS,
            _SMALL_STEP,
            counts,
            risks,
        )


def _unusable(time: FloatArray, kind: KindArray, risk: FloatArray, horizon: float) -> Status:
    """Return why no curve can be fitted, if so."""
    if time.size == 0:
        return Status.NO_PATIENTS
    if horizon > time.max():
        return Status.BEYOND_FOLLOW_UP
    if not ((kind == 1) & (time <= horizon)).any():
        return Status.NO_CASE_BY_HORIZON
    if risk.min() == 0.0 or risk.max() == 1.0:
        return Status.CLOGLOG_UNDEFINED
    distinct = np.unique(risk).size
    if distinct == 1:
        return Status.CONSTANT_PREDICTION
    return Status.OK if distinct >= 4 else Status.TOO_FEW_DISTINCT_PREDICTIONS


def _cloglog(risk: FloatArray) -> FloatArray:
    return np.asarray(np.log(-np.log1p(-risk)))
