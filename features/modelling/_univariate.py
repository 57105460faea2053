"""One model for every feature: what screening and the relevance of mRMR share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extval.features.modelling import _kernels_screening as kernels
from extval.features.modelling._matrix import constant
from extval.stats._checks import BoolArray, FloatArray
from extval.stats.results import Status

CONSTANT = 4
SENTENCES = {
    kernels.FITTED: "",
    kernels.NOT_CONVERGED: Status.NOT_CONVERGED.value,
    kernels.UNINFORMATIVE: Status.UNINFORMATIVE_PREDICTOR.value,
    CONSTANT: "Not estimable: the feature is the same in every patient.",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Univariate:
    """The models of p features, each array of shape (p,).

    Coefficient and standard error are per unit of the feature; the three statistics are
    chi-squares of one degree of freedom; `code` says why a number is NaN.
    """

    coefficient: FloatArray
    se: FloatArray
    wald: FloatArray
    likelihood_ratio: FloatArray
    score: FloatArray
    code: NDArray[np.int8]

    def sentences(self, model: str) -> list[str]:
        """Return why numbers of each feature are missing; empty where none are."""
        separated = Status.MONOTONE_LIKELIHOOD if model == "cox" else Status.SEPARATION
        sentences = {**SENTENCES, kernels.SEPARATED: separated.value}
        return [sentences[code] for code in self.code.tolist()]


def logistic(x: FloatArray, y: BoolArray) -> Univariate:
    """Return the logistic models of `y`, shape (n,), both classes present, on columns of `x`."""
    rows, scale, flat = _standardised(x)
    out = np.full((x.shape[1], 5), np.nan)
    code = np.full(x.shape[1], CONSTANT, dtype=np.int8)
    found, why = np.empty((rows.shape[0], 5)), np.empty(rows.shape[0], dtype=np.int8)
    kernels.logistic_features(rows, y.astype(np.float64), found, why)
    out[~flat], code[~flat] = found, why
    return _named(out, scale, code)


def cox(
    x: FloatArray, time: FloatArray, event: BoolArray, *, score_only: bool = False
) -> Univariate:
    """Return the Cox models (Efron's ties) on each column of `x`; there is at least one event.

    `score_only` leaves everything but the score statistic NaN.
    """
    order = np.argsort(time, kind="stable")
    ascending = time[order]
    start = np.flatnonzero(np.concatenate(([True], ascending[1:] != ascending[:-1], [True])))
    rows, scale, flat = _standardised(x[order])
    out = np.full((x.shape[1], 5), np.nan)
    code = np.full(x.shape[1], CONSTANT, dtype=np.int8)
    found, why = np.empty((rows.shape[0], 5)), np.empty(rows.shape[0], dtype=np.int8)
    kernels.cox_features(
        rows, np.ascontiguousarray(event[order]), start.astype(np.int64), found, why, score_only
    )
    out[~flat], code[~flat] = found, why
    return _named(out, scale, code)


def _standardised(x: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return the varying columns as rows of unit variance, the scale of all, and who is flat."""
    flat = constant(x)
    scale = np.ones(x.shape[1])
    rows = np.ascontiguousarray(x[:, ~flat].T)
    largest = np.abs(rows).max(axis=1, initial=0.0)[:, None]
    rows /= largest  # so that no square over- or underflows
    rows -= rows.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.einsum("ij,ij->i", rows, rows) / max(rows.shape[1], 1))[:, None]
    rows /= spread
    scale[~flat] = (largest * spread)[:, 0]
    return rows, scale, flat


def _named(out: FloatArray, scale: FloatArray, code: NDArray[np.int8]) -> Univariate:
    return Univariate(
        coefficient=out[:, 0] / scale,
        se=out[:, 1] / scale,
        wald=out[:, 2],
        likelihood_ratio=out[:, 3],
        score=out[:, 4],
        code=code,
    )
