"""Tests of calibration by groups of risk: Hosmer-Lemeshow."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from extval.stats import _checks
from extval.stats.quantile_groups import QuantileGroups, quantile_groups
from extval.stats.results import Status

_NOT_ESTIMABLE = {Status.NO_PATIENTS, Status.TOO_FEW_RISK_GROUPS, Status.CERTAIN_RISK_GROUP}


@dataclass(frozen=True, slots=True, kw_only=True)
class HosmerLemeshow:
    """A chi-square test over groups of risk.

    `df` is NaN, like `statistic` and `p_value`, where `status` says that the test is not
    estimable. `groups_used` falls below `groups_asked` where equal risks merge groups.
    """

    statistic: float
    df: float
    p_value: float
    groups_asked: int
    groups_used: int
    method: str
    n: int
    events: int
    status: Status = Status.OK


def hosmer_lemeshow(
    y_true: ArrayLike, y_prob: ArrayLike, *, n_groups: int = 10, external: bool
) -> HosmerLemeshow:
    r"""Test calibration by the Hosmer-Lemeshow statistic.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risk.
    n_groups : int, at least 2
        Groups by quantiles of predicted risk.
    external : bool
        True for patients who had no part in fitting the model: as many degrees of freedom as
        groups. False for development data: two fewer.

    Returns
    -------
    HosmerLemeshow
        NaN with a status if a group of certain predictions (all 0 or all 1) is contradicted by
        an outcome, or too few groups are left.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\sum_g (O_g - E_g)^2 / (E_g (1 - E_g / n_g))` [1]_ over groups between quantiles (R's
    type 7); another quantile type gives another statistic. The test says neither how large nor
    which way a miscalibration is. Agrees with the definition of ``ResourceSelection::hoslem.test``
    in R 4.2 to 1e-8; that function always takes g - 2 degrees of freedom.

    References
    ----------
    .. [1] Hosmer & Lemeshow (1980), Commun Stat A 9:1043. :doi:`10.1080/03610928008827941`

    Examples
    --------
    >>> test = hosmer_lemeshow([0, 1, 0, 1], [0.1, 0.3, 0.6, 0.8], n_groups=2, external=True)
    >>> round(test.statistic, 4), test.df
    (1.506, 2.0)
    """
    is_event = _checks.binary(y_true)
    risk = _checks.probabilities(y_prob, is_event.size)
    asked = _checks.positive_integer(n_groups, name="n_groups", at_least=2)
    n, events, used = is_event.size, int(np.count_nonzero(is_event)), 0
    statistic, status = nan, Status.NO_PATIENTS
    if n:
        groups = quantile_groups(is_event, risk, asked)
        used = groups.n.size
        statistic, status = _pearson(groups)
    df = used if external else used - 2
    if n and df < 1:
        status = Status.TOO_FEW_RISK_GROUPS
    if status is Status.OK and used < asked:
        status = Status.RISK_GROUPS_MERGED
    estimable = status not in _NOT_ESTIMABLE
    return _test(
        statistic if estimable else nan,
        float(df) if estimable else nan,
        asked=asked,
        used=used,
        external=external,
        n=n,
        events=events,
        status=status,
    )


def _pearson(groups: QuantileGroups) -> tuple[float, Status]:
    """Return the statistic; a group without variance adds nothing, or makes it undefined."""
    deviation = groups.events - groups.expected
    variance = groups.expected * (1.0 - groups.expected / groups.n)
    certain = variance <= 0.0
    if np.any(deviation[certain] != 0.0):
        return nan, Status.CERTAIN_RISK_GROUP
    statistic = float((deviation[~certain] ** 2 / variance[~certain]).sum())
    return statistic, Status.CERTAIN_RISK_GROUP_KEPT if certain.any() else Status.OK


def _test(
    statistic: float,
    df: float,
    *,
    asked: int,
    used: int,
    external: bool,
    n: int,
    events: int,
    status: Status,
) -> HosmerLemeshow:
    rule = "df = groups (external data)" if external else "df = groups - 2 (development data)"
    merged = "" if used == asked else f", merged to {used} by equal risks"
    return HosmerLemeshow(
        statistic=statistic,
        df=df,
        p_value=float(chdtrc(df, statistic)) if df > 0 else nan,
        groups_asked=asked,
        groups_used=used,
        method=f"Hosmer-Lemeshow, {asked} quantile groups (type 7){merged}, {rule}",
        n=n,
        events=events,
        status=status,
    )
