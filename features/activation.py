"""Where a deep signature looks: Grad-CAM on its deep features.

A signature is linear in features that are averages of the last convolutional map A (7 x 7), so
that its gradient with respect to A is the coefficient over 49 everywhere, and Grad-CAM
(Selvaraju et al. 2017, doi 10.1109/ICCV.2017.74) is ReLU(sum of coefficient x A) without any
approximation.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extval.features import deep
from extval.features.errors import FeatureInputError
from extval.features.images import Pair
from extval.features.roi_crop import crop


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationMap:
    """A picture and where it raises the score.

    Attributes
    ----------
    picture : ndarray, shape (rows, columns)
        The slice around the region, in [0, 1].
    region : ndarray of bool, shape (rows, columns)
        The region of interest in it.
    heat : ndarray, shape (rows, columns)
        Grad-CAM over the picture, in units of the score a pixel of the 7 x 7 map; 0 where the
        picture does not raise the score.
    score : float
        The signature's deep part of this picture.
    slice_index : int
        The axial slice shown, from the feet up.
    weights : str
        The sentence that names the network's weights.
    """

    picture: NDArray[np.float32]
    region: NDArray[np.bool_]
    heat: NDArray[np.float64]
    score: float
    slice_index: int
    weights: str


def activation_map(
    pair: Pair, settings: deep.DeepSettings, coefficients: Mapping[str, float]
) -> ActivationMap:
    """Return the Grad-CAM of a signature for one region of interest.

    Parameters
    ----------
    pair : Pair
        Image and region.
    settings : DeepSettings
        How the signature's deep features were extracted.
    coefficients : mapping of str to float
        Coefficient of each deep feature on its raw scale (a coefficient of a z-score is divided
        by the SD before).

    Raises
    ------
    FeatureInputError
        When a coefficient names no feature of this network and layer.
    """
    names = {name: index for index, name in enumerate(deep.feature_names(settings))}
    weights = np.zeros(len(names))
    for name, value in coefficients.items():
        if name not in names:
            raise FeatureInputError(
                f"{name} is no deep feature of {settings.network} {settings.layer}."
            )
        weights[names[name]] = value
    loaded = deep.load(settings.network, settings.weights)
    cut = crop(pair, settings.crop)
    last = deep.last_map(loaded, deep.picture(cut))
    cells = last.shape[1] * last.shape[2]
    map_ = np.maximum(np.tensordot(weights, last, axes=1) / cells, 0.0)
    return ActivationMap(
        picture=cut.picture[len(cut.picture) // 2],
        region=cut.region,
        heat=_enlarged(map_, cut.region.shape),
        score=float(weights @ last.mean(axis=(1, 2))),
        slice_index=cut.slice_index,
        weights=loaded.sentence,
    )


def _enlarged(small: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a map on a finer grid, bilinear between the middles of its cells."""
    out = small
    for axis, count in enumerate(shape):
        n = out.shape[axis]
        at = np.clip((np.arange(count) + 0.5) * n / count - 0.5, 0, n - 1)
        low = np.minimum(np.floor(at).astype(int), max(n - 2, 0))
        high = np.minimum(low + 1, n - 1)
        part = (at - low).reshape([-1 if a == axis else 1 for a in range(out.ndim)])
        out = np.take(out, low, axis=axis) * (1 - part) + np.take(out, high, axis=axis) * part
    return out
