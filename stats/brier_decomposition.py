"""The Brier score taken apart into miscalibration, discrimination and uncertainty."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike

from extval.stats import _checks
from extval.stats._checks import FloatArray
from extval.stats._kernels_isotonic import pool_adjacent_violators
from extval.stats.quantile_groups import quantile_groups
from extval.stats.results import Status
from extval.stats.smoothers import collapse


@dataclass(frozen=True, slots=True, kw_only=True)
class BrierDecomposition:
    """``brier = miscalibration - discrimination + uncertainty + within_groups``.

    Attributes
    ----------
    brier : float
        Mean squared error of the predicted risks.
    miscalibration : float
        What recalibration would save (Murphy's reliability); 0 is perfect.
    discrimination : float
        What the recalibrated risks save over the prevalence (Murphy's resolution).
    uncertainty : float
        Prevalence times its complement.
    within_groups : float
        What predictions that differ within a group add; 0 unless the method groups them.
    method : str
        How the risks were recalibrated.
    """

    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float
    within_groups: float
    method: str
    n: int
    events: int
    status: Status = Status.OK


def brier_decomposition(
    y_true: ArrayLike, y_prob: ArrayLike, *, method: str = "corp", n_groups: int = 10
) -> BrierDecomposition:
    r"""Decompose the Brier score.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risk.
    method : {"corp", "murphy"}
        ``"corp"`` recalibrates by isotonic regression, which needs no groups. ``"murphy"`` takes
        the observed risk in quantile groups.
    n_groups : int, at least 1
        Quantile groups of ``"murphy"``; unused otherwise.

    Returns
    -------
    BrierDecomposition
        NaN with a status without patients.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With recalibrated risks :math:`\hat c_i`: miscalibration is
    :math:`\overline{(y - p)^2} - \overline{(y - \hat c)^2}`, discrimination
    :math:`\bar y (1 - \bar y) - \overline{(y - \hat c)^2}`; isotonic :math:`\hat c` makes both
    non-negative and stable [1]_. Murphy's terms [2]_ are exact for risks equal within groups;
    here they take the group's mean risk, and `within_groups` is the variance of the risks
    within groups less twice their covariance with the outcome [3]_. Agrees with R 4.2 ``isoreg``
    (risks without ties) and with the formulas to 1e-12.

    References
    ----------
    .. [1] Dimitriadis, Gneiting & Jordan (2021), PNAS 118:e2016191118.
       :doi:`10.1073/pnas.2016191118`
    .. [2] Murphy (1973), J Appl Meteorol 12:595.
    .. [3] Stephenson, Coelho & Jolliffe (2008), Weather and Forecasting 23:752.
       :doi:`10.1175/2007WAF2006116.1`

    Examples
    --------
    >>> parts = brier_decomposition([0, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.6, 0.8])
    >>> round(parts.miscalibration, 4), round(parts.discrimination, 4)
    (0.088, 0.14)
    """
    is_event = _checks.binary(y_true)
    risk = _checks.probabilities(y_prob, is_event.size)
    _checks.choice(method, ("corp", "murphy"), name="method")
    asked = _checks.positive_integer(n_groups, name="n_groups")
    n, events = is_event.size, int(np.count_nonzero(is_event))
    if n == 0:
        parts, name = (nan, nan, nan, nan, nan), "none"
        return _decomposition(*parts, name=name, n=n, events=events, status=Status.NO_PATIENTS)
    score = float(np.mean((is_event - risk) ** 2))
    uncertainty = events * (n - events) / n**2
    if method == "corp":
        data = collapse(risk, is_event.astype(np.float64))
        recalibrated = isotonic(data.events, data.total)
        rest = float(data.total @ (recalibrated * (1.0 - recalibrated))) / n
        parts = (score, max(score - rest, 0.0), max(uncertainty - rest, 0.0), uncertainty, 0.0)
        name = "CORP: isotonic regression (pool adjacent violators)"
    else:
        groups = quantile_groups(is_event, risk, asked)
        observed, mean = groups.events / groups.n, groups.expected / groups.n
        reliability = float(groups.n @ (mean - observed) ** 2) / n
        resolution = float(groups.n @ (observed - events / n) ** 2) / n
        within = score - reliability + resolution - uncertainty
        parts = (score, reliability, resolution, uncertainty, within)
        name = f"Murphy: {asked} quantile groups (type 7), {groups.n.size} used"
    return _decomposition(*parts, name=name, n=n, events=events, status=Status.OK)


def isotonic(events: FloatArray, total: FloatArray) -> FloatArray:
    """Return the non-decreasing risks closest to ``events / total``, shape (m,), in their order."""
    out = np.empty(total.size)
    pool_adjacent_violators(events, total, out)
    return out


def _decomposition(
    score: float,
    miscalibration: float,
    discrimination: float,
    uncertainty: float,
    within: float,
    *,
    name: str,
    n: int,
    events: int,
    status: Status,
) -> BrierDecomposition:
    return BrierDecomposition(
        brier=score,
        miscalibration=miscalibration,
        discrimination=discrimination,
        uncertainty=uncertainty,
        within_groups=within,
        method=name,
        n=n,
        events=events,
        status=status,
    )
