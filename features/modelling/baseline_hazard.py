"""Breslow's baseline survival for a linear predictor whose coefficients are already there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extval.features.modelling.outcome import time_and_event
from extval.stats._checks import FloatArray


def breslow_survival(
    y: NDArray[Any], linear_predictor: FloatArray, horizons: Sequence[float]
) -> dict[float, float]:
    r"""Return the survival at each horizon of a patient whose linear predictor is 0.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Time to event (`outcome.survival`).
    linear_predictor : ndarray of shape (n,)
        Log hazard ratios :math:`\eta` under fixed coefficients.
    horizons : sequence of float
        Times, in the unit of the follow-up.

    Returns
    -------
    dict of float to float
        :math:`S_0(t) = \exp\{-\sum_{t_i \le t} d_i / \sum_{t_j \ge t_i} e^{\eta_j}\}`.

    Raises
    ------
    ValueError
        If a horizon lies beyond the last follow-up, where nothing is known.

    Notes
    -----
    Breslow NE. Discussion of Cox (1972). J R Stat Soc B 1972;34:216-217. Agrees with R survival
    3.5 ``basehaz`` at fixed coefficients (ties "breslow", uncentred) to 1e-8.
    """
    time, event = time_and_event(y)
    last = float(time.max())
    beyond = [t for t in horizons if t > last]
    if beyond:
        raise ValueError(
            f"the horizon {beyond[0]:g} lies beyond the last follow-up of the patients it would "
            f"be learned from ({last:g}). Name an earlier horizon."
        )
    order = np.argsort(time, kind="stable")
    hazard_ratio = np.exp(linear_predictor[order])
    at_risk_from = np.cumsum(hazard_ratio[::-1])[::-1]
    sorted_time = time[order]
    first = np.searchsorted(sorted_time, sorted_time, side="left")
    steps = np.where(event[order], 1.0 / at_risk_from[first], 0.0)
    return {t: float(np.exp(-steps[sorted_time <= t].sum())) for t in horizons}
