"""Scales on which estimates are about normal: natural, logarithm, logit."""

from math import exp

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

FloatArray = NDArray[np.float64]

SCALES = ("identity", "log", "logit")
SE_SCALES = ("natural", "scaled")


def to_scale(
    value: FloatArray, se: FloatArray, scale: str, se_scale: str
) -> tuple[FloatArray, FloatArray]:
    """Return estimates and standard errors on `scale`; infinite where the scale has no value.

    A standard error given on the natural scale moves by the delta method.
    """
    y, slope = value, np.ones_like(value)
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "log":
            y, slope = np.log(value), 1 / value
        elif scale == "logit":
            y, slope = np.log(value / (1 - value)), 1 / (value * (1 - value))
        return y, se * slope if se_scale == "natural" else se


def from_scale(value: float, scale: str) -> float:
    """Return a number on `scale` on its natural scale."""
    if scale == "log":
        return exp(value)
    return float(expit(value)) if scale == "logit" else value
