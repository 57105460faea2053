"""The numbers of ComBat: effects of all batches of the development, or of one new batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.features.modelling._combat_shrinkage import Shrinkage, shrink
from extval.features.modelling._combat_table import Covariate, refuse_confounded
from extval.features.modelling._kernels_combat import fit_features
from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effects:
    """What ComBat learns of p features, q covariate terms and k batches.

    `slope` has shape (q, p), `location` and `scale` (k, p), the others (p,).
    """

    grand_mean: FloatArray
    slope: FloatArray
    pooled_sd: FloatArray
    unchanged: BoolArray
    location: FloatArray
    scale: FloatArray


def learn(
    x: FloatArray,
    *,
    terms: FloatArray,
    batch: NDArray[np.int64],
    size: FloatArray,
    covariates: Sequence[Covariate],
    reference: int | None,
    how: Shrinkage,
) -> Effects:
    """Return the effects in `x`, shape (p, n), of batches coded 0 to k - 1 and of their `size`.

    `terms` (q, n) is the design of the `covariates`; `reference` the code of a batch to keep.
    """
    (q, n), p, k = terms.shape, len(x), len(size)
    centers = np.array([terms[:, batch == j].mean(axis=1) for j in range(k)]).reshape(k, q)
    within = terms - centers[batch].T
    if q:
        refuse_confounded(terms, within, covariates)
    order = np.argsort(batch, kind="stable")
    projector = np.ascontiguousarray(np.linalg.pinv(within[:, order]).T) if q else within
    mean, squares, slope = np.empty((k, p)), np.empty((k, p)), np.empty((q, p))
    largest, flat = np.empty(p), np.empty(p, dtype=np.bool_)
    start = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    ordered = np.ascontiguousarray(within[:, order])
    fit_features(x, order, start, ordered, projector, mean, slope, squares, largest, flat)

    level = mean - centers @ slope
    if reference is None:
        grand, variance = size @ level / n, squares.sum(axis=0) / n
    else:
        grand, variance = level[reference], squares[reference] / size[reference]
    sd = np.sqrt(variance)
    # What is left of a feature that the design explains completely is rounding.
    flat |= sd <= n * np.finfo(np.float64).eps * largest
    used = ~flat
    location, scale = np.zeros((k, p)), np.ones((k, p))
    for j in range(k):
        if j != reference:
            location[j, used], shrunken = shrink(
                (level[j] - grand)[used] / sd[used],
                squares[j, used] / (size[j] - 1) / variance[used],
                int(size[j]),
                how,
            )
            scale[j, used] = np.sqrt(shrunken)
    return Effects(
        grand_mean=grand,
        slope=slope,
        pooled_sd=np.where(flat, 0.0, sd),
        unchanged=flat,
        location=location,
        scale=scale,
    )


def batch_effect(
    x: ArrayLike,
    *,
    expected: ArrayLike,
    pooled_sd: ArrayLike,
    parametric: bool = True,
    mean_only: bool = False,
    empirical_bayes: bool = True,
) -> tuple[FloatArray, FloatArray]:
    """Estimate location and scale of one batch, all else frozen.

    Parameters
    ----------
    x : array_like of shape (n, p), n >= 2, finite
        The batch's patients; no outcome is used.
    expected : array_like of shape (p,) or (n, p)
        Grand mean, plus the patient's covariate effects if there are covariates.
    pooled_sd : array_like of shape (p,)
        Pooled standard deviation of the development.
    parametric, mean_only, empirical_bayes : bool
        As in `ComBat`.

    Returns
    -------
    location : ndarray of shape (p,)
        In units of `pooled_sd`.
    scale : ndarray of shape (p,)
        Ratio of the batch's standard deviation to `pooled_sd`. A feature that is constant in `x`,
        or whose `pooled_sd` is 0, has location 0 and scale 1 and takes no part in the priors.

    Raises
    ------
    ValueError
        If there are fewer than two patients or a value is not finite.

    Examples
    --------
    >>> from extval.features.modelling.combat import batch_effect
    >>> location, scale = batch_effect(
    ...     [[1.0], [3.0], [5.0]], expected=[1.0], pooled_sd=[4.0], empirical_bayes=False)
    >>> float(location[0]), float(scale[0])
    (0.5, 0.5)
    """
    values = np.asarray(x, dtype=np.float64)
    if values.ndim != 2 or len(values) < 2:
        raise ValueError(
            "The location and scale of a batch need at least 2 patients, shape (n, features); "
            f"got {values.shape}."
        )
    values = _checks.matrix(values, len(values), name="x")
    sd = np.asarray(pooled_sd, dtype=np.float64)
    location, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
    used = (np.ptp(values, axis=0) > 0.0) & (sd > 0.0)
    center = np.broadcast_to(np.asarray(expected, dtype=np.float64), values.shape)
    z = (values[:, used] - center[:, used]) / sd[used]
    location[used], variance = shrink(
        z.mean(axis=0),
        z.var(axis=0, ddof=1),
        len(z),
        Shrinkage(parametric=parametric, mean_only=mean_only, empirical_bayes=empirical_bayes),
    )
    scale[used] = np.sqrt(variance)
    return location, scale
