"""Tests of calibration: over groups of risk, and by the sum of squared errors."""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, expit, ndtr

from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray
from extval.stats.calibration import linear_predictor
from extval.stats.logistic import fitted
from extval.stats.quantile_groups import quantile_groups
from extval.stats.results import SignificanceTest, Status

_NOT_ESTIMABLE = {Status.NO_PATIENTS, Status.TOO_FEW_RISK_GROUPS, Status.CERTAIN_RISK_GROUP}


@dataclass(frozen=True, slots=True, kw_only=True)
class HosmerLemeshow:
    """A chi-square test over groups of risk: Hosmer-Lemeshow, or Pigeon-Heyse if `method` says so.

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
    return _grouped(
        y_true,
        y_prob,
        n_groups,
        name="Hosmer-Lemeshow",
        rule="df = groups (external data)" if external else "df = groups - 2 (development data)",
        lost=0 if external else 2,
    )


def pigeon_heyse(
    y_true: ArrayLike, y_prob: ArrayLike, *, n_groups: int = 10, external: bool
) -> HosmerLemeshow:
    r"""Test calibration by the Pigeon-Heyse statistic, which allows for unequal risks in a group.

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
        groups. False for development data: one fewer.

    Returns
    -------
    HosmerLemeshow
        NaN with a status as in `hosmer_lemeshow`.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\sum_g (O_g - E_g)^2 / \sum_{i \in g} p_i (1 - p_i)` [1]_: the variance of the group's
    count, where Hosmer-Lemeshow takes that of equal risks. Agrees with the definition in R 4.2
    to 1e-8.

    References
    ----------
    .. [1] Pigeon & Heyse (1999), Stat Med 18:847.
       :doi:`10.1002/(SICI)1097-0258(19990415)18:7<847::AID-SIM78>3.0.CO;2-3`

    Examples
    --------
    >>> test = pigeon_heyse([0, 1, 0, 1], [0.1, 0.3, 0.6, 0.8], n_groups=2, external=True)
    >>> round(test.statistic, 4)
    1.6
    """
    return _grouped(
        y_true,
        y_prob,
        n_groups,
        name="Pigeon-Heyse",
        rule="df = groups (external data)" if external else "df = groups - 1 (development data)",
        lost=0 if external else 1,
    )


def spiegelhalter(y_true: ArrayLike, y_prob: ArrayLike) -> SignificanceTest:
    r"""Test calibration by Spiegelhalter's z, the Brier score against its expectation.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risk, from a model in which these patients had no part.

    Returns
    -------
    SignificanceTest
        z and two-sided P. NaN with a status if every risk is 0, 1/2 or 1, which leaves no
        variance.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`\sum (y_i - p_i)(1 - 2 p_i) / \sqrt{\sum (1 - 2 p_i)^2 p_i (1 - p_i)}` [1]_. Agrees with
    rms 6.5 ``val.prob`` (S:z, S:p) to 1e-12.

    References
    ----------
    .. [1] Spiegelhalter (1986), Stat Med 5:421. :doi:`10.1002/sim.4780050506`

    Examples
    --------
    >>> round(spiegelhalter([0, 1, 0, 1], [0.1, 0.3, 0.6, 0.8]).statistic, 4)
    0.5025
    """
    is_event = _checks.binary(y_true)
    risk = _checks.probabilities(y_prob, is_event.size)
    return _squares(is_event, risk, 1.0 - 2.0 * risk, "Spiegelhalter z, risks taken as given")


def le_cessie_van_houwelingen(
    y_true: ArrayLike, y_prob: ArrayLike, design: ArrayLike
) -> SignificanceTest:
    r"""Test a fitted logistic model by the unweighted sum of squared errors.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Risks fitted by maximum likelihood to these patients.
    design : array_like of shape (n, p), finite
        The columns of that model, with its column of ones.

    Returns
    -------
    SignificanceTest
        z and two-sided P. NaN with a status if the columns leave no variance.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    The sum of :math:`(y_i - p_i)^2` less its expectation :math:`\sum p_i(1 - p_i)`, over the root
    of the weighted residual sum of squares of :math:`1 - 2 p_i` on the columns, weights
    :math:`p_i (1 - p_i)`: what fitting took from the variance [1]_ [2]_. Without columns, for a
    model these patients had no part in, it is `spiegelhalter`. The test of the 1991 paper that
    smooths residuals is another one. Agrees with rms 6.5 ``residuals(lrm, "gof")`` to 1e-8.

    References
    ----------
    .. [1] le Cessie & van Houwelingen (1991), Biometrics 47:1267. :doi:`10.2307/2532385`
    .. [2] Hosmer et al. (1997), Stat Med 16:965.
       :doi:`10.1002/(SICI)1097-0258(19970515)16:9<965::AID-SIM509>3.0.CO;2-O`
    """
    is_event = _checks.binary(y_true)
    risk = _checks.probabilities(y_prob, is_event.size)
    columns = _checks.matrix(design, is_event.size, name="design")
    return _projected(is_event, risk, columns, "le Cessie-van Houwelingen, sum of squared errors")


def le_cessie_recalibrated(y_true: ArrayLike, y_prob: ArrayLike) -> SignificanceTest:
    r"""Test whether intercept and slope are all that is wrong with frozen risks.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risk.

    Returns
    -------
    SignificanceTest
        z and two-sided P. NaN with a status where the recalibration does not exist: equal
        outcomes, equal predictions, a risk of exactly 0 or 1, separation.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    `le_cessie_van_houwelingen` [1]_ of :math:`\mathrm{logit} P(Y = 1) = a + b\,\mathrm{logit}(p)`,
    fitted to these patients: a small P says that no intercept and slope put the risks right. For
    the risks as they are, with nothing fitted, the sum of squares less its expectation is
    :math:`\sum (y_i - p_i)(1 - 2 p_i)`, so that the test is Spiegelhalter's. Agrees with rms 6.5
    ``residuals(lrm(y ~ qlogis(p)), "gof")`` to 1e-8.

    References
    ----------
    .. [1] le Cessie & van Houwelingen (1991), Biometrics 47:1267. :doi:`10.2307/2532385`

    Examples
    --------
    >>> y, p = [0, 1, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.5, 0.7, 0.9]
    >>> round(le_cessie_recalibrated(y, p).statistic, 4)
    1.1803
    """
    is_event = _checks.binary(y_true)
    risk = _checks.probabilities(y_prob, is_event.size)
    name = "le Cessie-van Houwelingen, sum of squared errors of the logistic recalibration"
    lp, status = linear_predictor(is_event, risk)
    if status is Status.OK and np.ptp(lp) == 0.0:
        status = Status.CONSTANT_PREDICTION
    columns = np.column_stack((np.ones(is_event.size), lp))
    fitted_risk = np.full(is_event.size, nan)
    if status is Status.OK:
        fit = fitted(columns, is_event, np.ones(is_event.size), np.zeros(is_event.size))
        status = fit.status
        fitted_risk = expit(columns @ fit.coefficients)
    if status is not Status.OK:
        return SignificanceTest(
            statistic=nan,
            p_value=nan,
            reference="normal",
            method=name,
            n=is_event.size,
            events=int(np.count_nonzero(is_event)),
            status=status,
        )
    return _projected(is_event, fitted_risk, columns, name)


def _projected(
    is_event: BoolArray, risk: FloatArray, columns: FloatArray, name: str
) -> SignificanceTest:
    """Return the test of risks that were fitted with `columns`, shape (n, p)."""
    root = np.sqrt(risk * (1.0 - risk))[:, None]
    direction = 1.0 - 2.0 * risk
    if is_event.size:
        coefficients = np.linalg.lstsq(columns * root, direction * root[:, 0], rcond=None)[0]
        direction = direction - columns @ coefficients
    return _squares(is_event, risk, direction, name)


def _squares(
    is_event: BoolArray, risk: FloatArray, direction: FloatArray, name: str
) -> SignificanceTest:
    """Return the test whose variance is that of sum direction * (y - p)."""
    variance = float(np.sum(direction**2 * (risk * (1.0 - risk))))
    status, z = Status.OK, nan
    if not is_event.size:
        status = Status.NO_PATIENTS
    elif variance <= 1e-24 * is_event.size:
        status = Status.NO_VARIANCE_OF_SCORE
    else:
        z = float(np.sum((is_event - risk) * (1.0 - 2.0 * risk))) / sqrt(variance)
    return SignificanceTest(
        statistic=z,
        p_value=float(2.0 * ndtr(-abs(z))),
        reference="normal",
        method=name,
        n=is_event.size,
        events=int(np.count_nonzero(is_event)),
        status=status,
    )


def _grouped(
    y_true: ArrayLike, y_prob: ArrayLike, n_groups: int, *, name: str, rule: str, lost: int
) -> HosmerLemeshow:
    """Return the test with `lost` fewer degrees of freedom than groups."""
    is_event = _checks.binary(y_true)
    risk = _checks.probabilities(y_prob, is_event.size)
    asked = _checks.positive_integer(n_groups, name="n_groups", at_least=2)
    used, statistic, status = 0, nan, Status.NO_PATIENTS
    if is_event.size:
        groups = quantile_groups(is_event, risk, asked)
        used = groups.n.size
        equal = groups.expected * (1.0 - groups.expected / groups.n)
        variance = equal if name == "Hosmer-Lemeshow" else groups.variance
        statistic, status = _chi_square(groups.events - groups.expected, variance)
        if used <= lost:
            status = Status.TOO_FEW_RISK_GROUPS
    if status is Status.OK and used < asked:
        status = Status.RISK_GROUPS_MERGED
    estimable = status not in _NOT_ESTIMABLE
    merged = "" if used == asked else f", merged to {used} by equal risks"
    return HosmerLemeshow(
        statistic=statistic if estimable else nan,
        df=float(used - lost) if estimable else nan,
        p_value=float(chdtrc(used - lost, statistic)) if estimable else nan,
        groups_asked=asked,
        groups_used=used,
        method=f"{name}, {asked} quantile groups (type 7){merged}, {rule}",
        n=is_event.size,
        events=int(np.count_nonzero(is_event)),
        status=status,
    )


def _chi_square(deviation: FloatArray, variance: FloatArray) -> tuple[float, Status]:
    """Return the sum of squares; a group without variance adds nothing, or makes it undefined."""
    certain = variance <= 0.0
    if np.any(deviation[certain] != 0.0):
        return nan, Status.CERTAIN_RISK_GROUP
    statistic = float((deviation[~certain] ** 2 / variance[~certain]).sum())
    return statistic, Status.CERTAIN_RISK_GROUP_KEPT if certain.any() else Status.OK
