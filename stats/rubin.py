"""Rubin's rules: one estimate from several imputed data sets."""

from dataclasses import dataclass
from math import ceil, inf, isinf, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from extval.stats import _checks
from extval.stats._scales import SCALES, SE_SCALES, from_scale, to_scale
from extval.stats.results import Interval, Status

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImputedEstimate:
    """An estimate pooled over imputations.

    Attributes
    ----------
    value, interval : float, Interval
        Pooled estimate and its t interval on the natural scale.
    scale : {"identity", "log", "logit"}
        Scale on which imputations were pooled.
    scaled_value, scaled_se : float
        Pooled estimate and its total standard error on `scale`.
    within, between : float
        Mean sampling variance, and variance between imputations, on `scale`.
    df : float
        Degrees of freedom (Barnard & Rubin); infinite when imputations do not differ.
    statistic, p_value : float
        Test of `scaled_value` = 0 (an AUC of 0.5, an O:E of 1); NaN for a proportion.
    relative_increase, lambda_, fmi : float
        Increase in variance due to missing values; the share of the variance that it is; and the
        fraction of missing information, which allows for the number of imputations.
    relative_efficiency : float
        Of these imputations against infinitely many.
    n_imputations : int
        Imputations pooled.
    method : str
        Rule as run.
    status : Status
        `Status.OK`, or why the estimate is NaN.
    """

    value: float
    interval: Interval
    scale: str
    scaled_value: float
    scaled_se: float
    within: float
    between: float
    df: float
    statistic: float
    p_value: float
    relative_increase: float
    lambda_: float
    fmi: float
    relative_efficiency: float
    n_imputations: int
    method: str
    status: Status


def pool_imputations(
    value: ArrayLike,
    se: ArrayLike,
    *,
    scale: str = "identity",
    se_scale: str = "natural",
    complete_df: float = inf,
    confidence_level: float = 0.95,
) -> ImputedEstimate:
    r"""Pool the estimates of several imputed data sets by Rubin's rules.

    Parameters
    ----------
    value, se : array_like of shape (imputations,), finite
        Estimate and standard error in every imputed data set; at least two.
    scale : {"identity", "log", "logit"}
        Scale on which the estimate is about normal: ``logit`` for AUC and C-index, ``log`` for
        O:E, ``identity`` for calibration slope and intercept.
    se_scale : {"natural", "scaled"}
        Whether `se` belongs to `value` (the delta method then moves it) or to its transform.
    complete_df : float, positive
        Degrees of freedom with complete data, n minus parameters; infinite for a normal.
    confidence_level : float in (0, 1)
        Level of the interval.

    Returns
    -------
    ImputedEstimate
        NaN when an imputation has a value on the edge of the scale, such as an AUC of exactly 1
        on the logit, or when every standard error is zero.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above; an imputation without an estimate must not
        be left out silently.

    Notes
    -----
    With mean variance W and variance B between m estimates, :math:`T = W + (1 + 1/m)B`,
    :math:`r = (1 + 1/m)B/W`, :math:`\lambda = (1 + 1/m)B/T` and [1]_ [2]_

    .. math:: \nu_m = (m - 1)/\lambda^2, \quad
              \nu_{obs} = \frac{\nu_c + 1}{\nu_c + 3}\nu_c(1 - \lambda), \quad
              \nu = (1/\nu_m + 1/\nu_{obs})^{-1}, \quad
              fmi = \frac{r + 2/(\nu + 3)}{r + 1}.

    These are the definitions of R mice ``pool.scalar(rule = "rubin1987")``; the tests compare
    with them written out in R 4.2.2, to 1e-12.

    References
    ----------
    .. [1] Rubin (1987), Multiple Imputation for Nonresponse in Surveys.
       :doi:`10.1002/9780470316696`
    .. [2] Barnard & Rubin (1999), Biometrika 86:948. :doi:`10.1093/biomet/86.4.948`

    Examples
    --------
    >>> pooled = pool_imputations([0.74, 0.77, 0.75], [0.03, 0.03, 0.03], scale="logit")
    >>> f"{pooled.value:.3f} ({pooled.interval.low:.3f} to {pooled.interval.high:.3f})"
    '0.754 (0.676 to 0.818)'
    """
    level = _checks.level(confidence_level)
    _checks.choice(scale, SCALES, name="scale")
    _checks.choice(se_scale, SE_SCALES, name="se_scale")
    _checks.above_zero(complete_df, name="complete_df")
    given, given_se = _checks.imputed(value, se, scale=scale)
    m = given.size
    method = f"Rubin's rules, {m} imputations; {scale} scale"

    y, y_se = to_scale(given, given_se, scale, se_scale)
    if not np.isfinite(y).all():
        return _undefined(scale, m, level, method, Status.EDGE_OF_SCALE)
    mean = float(y.mean())
    within = float((y_se**2).mean())
    between = float(((y - mean) ** 2).sum()) / (m - 1) if np.ptp(y) > 0 else 0.0
    extra = (1 + 1 / m) * between
    total = within + extra
    if within == 0:
        return _undefined(scale, m, level, method, Status.ZERO_STANDARD_ERROR)
    share = extra / total
    df = _degrees_of_freedom(share, m, complete_df)
    increase = extra / within
    fmi = (increase + 2 / (df + 3)) / (increase + 1)
    se_total = sqrt(total)
    reach = _quantile(level, df) * se_total
    z = mean / se_total
    return ImputedEstimate(
        value=from_scale(mean, scale),
        interval=Interval(from_scale(mean - reach, scale), from_scale(mean + reach, scale), level),
        scale=scale,
        scaled_value=mean,
        scaled_se=se_total,
        within=within,
        between=between,
        df=df,
        statistic=z,
        p_value=2 * float(ndtr(-abs(z)) if isinf(df) else stdtr(df, -abs(z))),
        relative_increase=increase,
        lambda_=share,
        fmi=fmi,
        relative_efficiency=1 / (1 + fmi / m),
        n_imputations=m,
        method=method,
        status=Status.OK,
    )


def pool_proportions(
    value: ArrayLike, n: int, *, confidence_level: float = 0.95
) -> ImputedEstimate:
    r"""Pool a proportion of the same patients over imputations, with a Wilson interval.

    Parameters
    ----------
    value : array_like of shape (imputations,), in [0, 1]
        Proportion in every imputed data set; at least two.
    n : int, positive
        Patients of whom it is a proportion.
    confidence_level : float in (0, 1)
        Level of the interval.

    Returns
    -------
    ImputedEstimate
        On the natural scale; proportions of exactly 0 or 1 keep an interval. NaN limits when some
        imputations give 0 and all others 1.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With :math:`W = \overline{p(1 - p)/n}` and r as in `pool_imputations`, the limits solve
    :math:`(\bar p - \pi)^2 = t^2_\nu (1 + r) \pi(1 - \pi)/n` [1]_: Wilson's limits for
    :math:`n/(1 + r)` patients and a t quantile with :math:`(m - 1)(1 + 1/r)^2` degrees of freedom.
    Imputations that do not differ give Wilson's interval.

    References
    ----------
    .. [1] Lott & Reiter (2020), Am Stat 74:109. :doi:`10.1080/00031305.2018.1473796`

    Examples
    --------
    >>> pooled = pool_proportions([0.80, 0.85, 0.75], 40)
    >>> f"{pooled.value:.3f} ({pooled.interval.low:.3f} to {pooled.interval.high:.3f})"
    '0.800 (0.561 to 0.926)'
    """
    level = _checks.level(confidence_level)
    patients = _checks.positive_integer(n, name="n")
    p, _ = _checks.imputed(value, np.zeros(np.size(value)), scale="logit")
    m, mean = p.size, float(p.mean() if np.ptp(p) > 0 else p[0])
    method = f"Rubin's rules, {m} imputations; Wilson"
    within = float((p * (1 - p)).mean()) / patients
    between = float(((p - mean) ** 2).sum()) / (m - 1) if np.ptp(p) > 0 else 0.0
    extra = (1 + 1 / m) * between
    if within == 0 and between > 0:
        return _undefined("identity", m, level, method, Status.EDGE_OF_SCALE)
    increase = extra / within if within > 0 else 0.0
    share = increase / (1 + increase)
    df = _degrees_of_freedom(share, m, inf)
    weight = _quantile(level, df) ** 2 * (1 + increase) / patients
    middle = (mean + weight / 2) / (1 + weight)
    reach = sqrt(weight * mean * (1 - mean) + weight**2 / 4) / (1 + weight)
    fmi = (increase + 2 / (df + 3)) / (increase + 1)
    return ImputedEstimate(
        value=mean,
        interval=Interval(max(middle - reach, 0.0), min(middle + reach, 1.0), level),
        scale="identity",
        scaled_value=mean,
        scaled_se=sqrt(within + extra),
        within=within,
        between=between,
        df=df,
        statistic=nan,
        p_value=nan,
        relative_increase=increase,
        lambda_=share,
        fmi=fmi,
        relative_efficiency=1 / (1 + fmi / m),
        n_imputations=m,
        method=method,
        status=Status.OK,
    )


def needed_imputations(fraction_incomplete: float, *, at_least: int = 5) -> int:
    """Return how many imputations a share of incomplete patients asks for.

    Parameters
    ----------
    fraction_incomplete : float in [0, 1]
        Patients with at least one missing value, as a share.
    at_least : int, at least 2
        Smallest number.

    Returns
    -------
    int
        One imputation for every per cent of incomplete patients (White, Royston & Wood 2011), so
        that a repetition of the analysis would give about the same numbers.

    References
    ----------
    White, Royston & Wood (2011), Stat Med 30:377. :doi:`10.1002/sim.4067`

    Examples
    --------
    >>> needed_imputations(0.23), needed_imputations(0.01)
    (23, 5)
    """
    share = _checks.unit(fraction_incomplete, name="fraction_incomplete")
    least = _checks.positive_integer(at_least, name="at_least", at_least=2)
    return max(least, ceil(100 * share * (1 - 1e-12)))


def _degrees_of_freedom(share: float, m: int, complete_df: float) -> float:
    """Return Barnard and Rubin's degrees of freedom for a share lambda of the variance."""
    if isinf(complete_df):
        return (m - 1) / share**2 if share > 0 else inf
    observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - share)
    return 1 / (share**2 / (m - 1) + 1 / observed)


def _quantile(level: float, df: float) -> float:
    return float(ndtri(0.5 + level / 2) if isinf(df) else stdtrit(df, 0.5 + level / 2))


def _undefined(scale: str, m: int, level: float, method: str, status: Status) -> ImputedEstimate:
    return ImputedEstimate(
        value=nan,
        interval=Interval.undefined(level),
        scale=scale,
        scaled_value=nan,
        scaled_se=nan,
        within=nan,
        between=nan,
        df=nan,
        statistic=nan,
        p_value=nan,
        relative_increase=nan,
        lambda_=nan,
        fmi=nan,
        relative_efficiency=nan,
        n_imputations=m,
        method=method,
        status=status,
    )
