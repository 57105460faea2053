"""The smoothers of a calibration curve, each fitted to the data and to bootstrap resamples."""

from math import nan
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from extval.stats._checks import BoolArray, FloatArray
from extval.stats._kernels_curves import resampled_loess, resampled_lowess
from extval.stats._kernels_logistic import resampled_coefficients
from extval.stats.logistic import FLAT, MAX_ITERATIONS, column_scale, fitted
from extval.stats.results import Status
from extval.stats.smoothers import (
    Collapsed,
    loess_at,
    lowess_at,
    lowess_neighbours,
    neighbours,
    segments,
)
from extval.stats.splines import spline_basis, spline_knots

SMOOTHERS = ("loess", "lowess", "rcs")


class CurveFit(Protocol):
    """A curve of observed on predicted risk, from the data and from bootstrap resamples."""

    name: str
    status: Status

    def at(self, targets: FloatArray) -> FloatArray:
        """Return the curve at ascending risks."""
        ...

    def resampled(
        self,
        key: np.uint64,
        first_replicate: int,
        targets: FloatArray,
        counts: NDArray[np.int32],
        curves: FloatArray,
    ) -> None:
        """Write the curves of replicates `first_replicate` onwards into `curves`, shape (b, t).

        `counts`, shape (b, n), is how often each patient, in order of risk, was drawn.
        """
        ...


class LoessFit:
    """Local quadratic regression, span 0.75, fitted directly at every point."""

    name = "loess (degree 2, span 0.75, direct) at every patient's prediction"
    status = Status.OK

    def __init__(self, data: Collapsed, y: BoolArray) -> None:
        self._data = data
        self._y = y
        self._wanted = neighbours(y.size, 0.75)

    def at(self, targets: FloatArray) -> FloatArray:
        """Return the curve at ascending risks; NaN where the window is a point."""
        return loess_at(self._data, targets, wanted=self._wanted)

    def resampled(
        self,
        key: np.uint64,
        first_replicate: int,
        targets: FloatArray,
        counts: NDArray[np.int32],
        curves: FloatArray,
    ) -> None:
        """Write the curves of bootstrap replicates."""
        data = self._data
        cuts = segments(data.x, data.below, float(self._wanted), targets)
        resampled_loess(
            key,
            first_replicate,
            data.x,
            data.index,
            self._y,
            float(self._wanted),
            targets,
            2,
            cuts.first,
            cuts.center,
            cuts.radius,
            counts,
            curves,
        )


class LowessFit:
    """R's lowess without robustness iterations, span 2/3, as rms ``val.prob`` uses it."""

    name = "lowess (degree 1, span 2/3, no robustness iterations, delta 0.01)"
    status = Status.OK

    def __init__(self, data: Collapsed, y: BoolArray) -> None:
        self._data = data
        self._y = y
        self._wanted = lowess_neighbours(y.size, 2 / 3)

    def at(self, targets: FloatArray) -> FloatArray:
        """Return the curve at ascending risks; NaN outside the range of the predictions."""
        return lowess_at(self._data, targets, wanted=self._wanted)

    def resampled(
        self,
        key: np.uint64,
        first_replicate: int,
        targets: FloatArray,
        counts: NDArray[np.int32],
        curves: FloatArray,
    ) -> None:
        """Write the curves of bootstrap replicates; NaN outside a replicate's own range."""
        data = self._data
        cuts = segments(data.x, data.below, float(self._wanted), data.x)
        resampled_lowess(
            key,
            first_replicate,
            data.x,
            data.index,
            self._y,
            float(self._wanted),
            0.01,
            targets,
            cuts.first,
            cuts.center,
            cuts.radius,
            counts,
            curves,
        )


class SplineFit:
    """Logistic regression of the outcome on a restricted cubic spline of logit(p)."""

    status = Status.OK

    def __init__(self, data: Collapsed, y: BoolArray, n_knots: int) -> None:
        self.name = f"logistic regression on a restricted cubic spline of logit(p), {n_knots} knots"
        if data.x[0] == 0.0 or data.x[-1] == 1.0:
            self.status = Status.LOGIT_UNDEFINED
            return
        lp = logit(data.x)[data.index]
        self._knots = spline_knots(lp, n_knots)
        if self._knots.size < 3:
            self.status = Status.TOO_FEW_DISTINCT_PREDICTIONS
            return
        if self._knots.size < n_knots:
            self.name += f", {self._knots.size} of them distinct"
        self.name += ", held fixed"
        self._y = y
        self._design = self._columns(lp)
        total, shift = np.ones(y.size), np.zeros(y.size)
        fit = fitted(self._design, y, total, shift)
        self.status = fit.status
        self._coefficients = fit.coefficients

    def _columns(self, lp: FloatArray) -> FloatArray:
        return np.column_stack((np.ones(lp.size), spline_basis(lp, self._knots)))

    def _target_columns(self, targets: FloatArray) -> FloatArray:
        """Return the design at the targets; NaN at 0 and 1, where the logit is infinite."""
        inside = (targets > 0.0) & (targets < 1.0)
        columns = np.full((targets.size, self._design.shape[1]), nan)
        columns[inside] = self._columns(logit(targets[inside]))
        return columns

    def at(self, targets: FloatArray) -> FloatArray:
        """Return the curve at ascending risks; NaN at 0 and 1."""
        return np.asarray(expit(self._target_columns(targets) @ self._coefficients))

    def resampled(
        self,
        key: np.uint64,
        first_replicate: int,
        targets: FloatArray,
        counts: NDArray[np.int32],
        curves: FloatArray,
    ) -> None:
        """Write the curves of bootstrap replicates; NaN where a replicate has no maximum."""
        scale = column_scale(self._design)
        coefficients = np.empty((curves.shape[0], scale.size))
        resampled_coefficients(
            key,
            first_replicate,
            np.ascontiguousarray(self._design / scale),
            self._y,
            self._coefficients * scale,
            MAX_ITERATIONS,
            FLAT,
            counts,
            coefficients,
        )
        curves[:] = expit((coefficients / scale) @ self._target_columns(targets).T)


def curve_fit(smoother: str, data: Collapsed, y: BoolArray, *, n_knots: int) -> CurveFit:
    """Return the named smoother on `data`; `y`, shape (n,), is in order of risk."""
    if smoother == "loess":
        return LoessFit(data, y)
    return LowessFit(data, y) if smoother == "lowess" else SplineFit(data, y, n_knots)
