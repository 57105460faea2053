"""The start-up self-test: this installation computes what it says, and all of it.

pyradiomics leaves a whole filter out with one log line when scipy or trimesh does not suit, and
some numpy versions make shape values complex. A run stops here, before hours of extraction.
"""

from typing import Any

import numpy as np
import SimpleITK as sitk

from extval.features import ibsi_phantom
from extval.features.errors import CaseError, FeatureInputError
from extval.features.handcrafted import Extractor, Parameters

SIDE = 24
RADIUS = 9
REMEDY = (
    "Install the versions of requirements.lock: numpy below 2.5, scipy below 1.17, trimesh and "
    "PyWavelets."
)
_IBSI = Parameters(
    name="IBSI digital phantom",
    expected=None,
    content={
        "imageType": {"Original": {}},
        "featureClass": dict.fromkeys(
            ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
        ),
        "setting": {"binWidth": 1},
    },
)
_FILTERS = {
    "LBP3D": ("lbp-3D", "scipy below 1.17 and trimesh"),
    "LBP2D": ("lbp-2D", "scikit-image"),
    "LoG": ("log-sigma", "SimpleITK"),
    "Wavelet": ("wavelet", "PyWavelets"),
}


def check_ibsi() -> None:
    """Raise `FeatureInputError` unless the IBSI digital phantom gives the consensus values."""
    found = _extract(_IBSI, *ibsi_phantom.phantom())
    for name, (agreed, _) in ibsi_phantom.CONSENSUS.items():
        value = ibsi_phantom.in_ibsi_terms(name, found.get(f"original_{name}", float("nan")))
        if not ibsi_phantom.agrees(name, value):
            raise FeatureInputError(
                f"self-test: {name} of the IBSI digital phantom is {value:.6g}; the consensus is "
                f"{agreed:g}. {REMEDY}"
            )


def feature_names(parameters: Parameters) -> tuple[str, ...]:
    """Return the names that `parameters` give, in pyradiomics' order, after checking them.

    Raises
    ------
    FeatureInputError
        When a filter gives nothing, a value is complex or not finite, or the number of features
        is not the expected one.
    """
    found = _extract(_without_resegmentation(parameters), *texture(parameters))
    for kind in dict(parameters.content.get("imageType") or {}):
        prefix, needs = _FILTERS.get(kind, ("", ""))
        if prefix and not any(name.startswith(prefix) for name in found):
            raise FeatureInputError(
                f"self-test: pyradiomics left the filter {kind} out. Install {needs}."
            )
    undefined = [name for name, value in found.items() if not np.isfinite(value)]
    if undefined:
        raise FeatureInputError(
            f"self-test: {len(undefined)} features are not finite, first {undefined[0]}. {REMEDY}"
        )
    if parameters.expected is not None and len(found) != parameters.expected:
        raise FeatureInputError(
            f"self-test: {parameters.name} gives {len(found)} features a phase where "
            f"{parameters.expected} are expected. Mend the parameters or `expect`. {REMEDY}"
        )
    return tuple(found)


def texture(parameters: Parameters) -> tuple[Any, Any]:
    """Return an image with texture and a ball in it, on the grid that the parameters ask for."""
    steps = parameters.setting.get("resampledPixelSpacing") or [1.0] * 3
    z, y, x = np.mgrid[:SIDE, :SIDE, :SIDE].astype(float)
    values = 60 * np.sin(0.9 * x) * np.cos(0.7 * y) + 40 * np.sin(0.5 * z + 0.3 * x * y) + 110
    middle = (SIDE - 1) / 2
    ball = (x - middle) ** 2 + (y - middle) ** 2 + (z - middle) ** 2 <= RADIUS**2
    setting = parameters.setting
    width = 5.0 if setting.get("normalize") else float(setting.get("binWidth", 25))
    image = sitk.GetImageFromArray(np.rint(values) * width / 5.0)  # some forty grey levels
    mask = sitk.GetImageFromArray(ball.astype(np.uint8))
    for item in (image, mask):
        item.SetSpacing([float(step) or 1.0 for step in steps])
    return image, mask


def _without_resegmentation(parameters: Parameters) -> Parameters:
    """Return the parameters without a range of intensities, which the test image need not have."""
    setting = {k: v for k, v in parameters.setting.items() if k != "resegmentRange"}
    return Parameters(
        name=parameters.name,
        expected=parameters.expected,
        content={**parameters.content, "setting": setting},
    )


def _extract(parameters: Parameters, image: Any, mask: Any) -> dict[str, float]:
    try:
        return Extractor(parameters).extract(image, mask).values
    except CaseError as error:
        raise FeatureInputError(f"self-test: {error.sentence} {REMEDY}") from error
