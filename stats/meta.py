"""Random-effects pooling of one performance measure across centres."""

from dataclasses import dataclass
from math import isnan, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr, ndtri, stdtr, stdtrit

from extval.stats import _checks
from extval.stats._between_centers import (
    Heterogeneity,
    heterogeneity,
    restricted_maximum_likelihood,
)
from extval.stats._scales import SCALES, SE_SCALES, from_scale, to_scale
from extval.stats.results import Interval, Status

FloatArray = NDArray[np.float64]

TESTS = ("hartung-knapp", "hartung-knapp-adhoc", "wald")


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledEstimate:
    """A performance measure pooled over centres, and how much centres differ.

    Attributes
    ----------
    value, interval, prediction_interval : float, Interval, Interval
        Mean over centres, its confidence interval, and the interval that a new centre's true
        performance falls in with probability `level`; all on the natural scale.
    scale : {"identity", "log", "logit"}
        Scale on which centres were pooled.
    scaled_value, scaled_se : float
        Mean over centres and its standard error on `scale`.
    statistic, df, p_value : float
        Test of `scaled_value` = 0 (an AUC of 0.5, an O:E of 1); `df` is NaN for a normal.
    prediction_df : float
        Degrees of freedom of the prediction interval; NaN for a normal.
    tau2, tau2_se, tau2_interval : float, float, Interval
        Variance between centres on `scale` (REML), its standard error, its Q-profile interval.
    i2, i2_interval : float, Interval
        Percentage of the variation between estimates that is not sampling error.
    h2 : float
        Total over sampling variation.
    q, q_df, q_p_value : float
        Cochran's test of equal centres.
    common_value : float
        Inverse-variance mean that assumes equal centres, on the natural scale.
    weights : tuple of float
        Share of every given centre in `value`, summing to 1; NaN for one that could not be used.
    n_centers, n_not_estimable : int
        Centres that entered, and centres that were given without a usable estimate.
    method : str
        Estimator and interval as run.
    status : Status
        `Status.OK`, or what is NaN and why.
    """

    value: float
    interval: Interval
    prediction_interval: Interval
    scale: str
    scaled_value: float
    scaled_se: float
    statistic: float
    df: float
    p_value: float
    prediction_df: float
    tau2: float
    tau2_se: float
    tau2_interval: Interval
    i2: float
    i2_interval: Interval
    h2: float
    q: float
    q_df: int
    q_p_value: float
    common_value: float
    weights: tuple[float, ...]
    n_centers: int
    n_not_estimable: int
    method: str
    status: Status


def pool_centers(
    value: ArrayLike,
    se: ArrayLike,
    *,
    scale: str = "identity",
    se_scale: str = "natural",
    test: str = "hartung-knapp",
    prediction: str = "as-test",
    confidence_level: float = 0.95,
) -> PooledEstimate:
    r"""Pool one measure over centres by random effects (REML, Hartung-Knapp).

    Parameters
    ----------
    value : array_like of shape (centers,)
        Estimate of every centre on its natural scale (an AUC, an O:E ratio, a slope); NaN where
        it was not estimable.
    se : array_like of shape (centers,), not negative
        Its standard error; NaN where there is none.
    scale : {"identity", "log", "logit"}
        Scale of the normal model: ``logit`` for AUC and C-index, ``log`` for O:E, ``identity``
        for calibration slope and intercept.
    se_scale : {"natural", "scaled"}
        Whether `se` belongs to `value` (the delta method then moves it) or to its transform.
    test : {"hartung-knapp", "hartung-knapp-adhoc", "wald"}
        Standard error and reference distribution of the mean: Hartung-Knapp with t(k - 1); the
        same, never smaller than Wald's; or Wald with a normal.
    prediction : {"as-test", "k-2"}
        Reference of the prediction interval: that of the test, as metafor has it, or t(k - 2)
        after Higgins, Thompson and Spiegelhalter.
    confidence_level : float in (0, 1)
        Level of every interval.

    Returns
    -------
    PooledEstimate
        Centres with a NaN, a standard error of zero, or a value on the edge of the scale (an AUC
        of exactly 1 on the logit) are left out and counted. With one centre left, its own Wald
        interval is returned and everything about variation between centres is NaN.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With :math:`w_i = 1/(v_i + \tau^2)`, :math:`\tau^2` maximises the restricted likelihood; the
    maximum is searched over the whole half line, then polished to machine precision. The
    Hartung-Knapp variance is :math:`\sum w_i (y_i - \mu)^2 / ((k - 1) \sum w_i)`, the prediction
    interval :math:`\mu \pm t \sqrt{\tau^2 + se^2}`. Agrees with R metafor 3.8.1
    ``rma(method = "REML")`` with ``test`` "knha", "adhoc" and "z", ``predict`` and ``confint``
    to 1e-8 when metafor's convergence threshold is tightened (its default of 1e-5
    leaves tau2 of ``dat.bcg`` at .31324333 where the maximum is .31324326).

    References
    ----------
    .. [1] Hartung & Knapp (2001), Stat Med 20:3875. :doi:`10.1002/sim.1009`
    .. [2] Viechtbauer (2007), Stat Med 26:37. :doi:`10.1002/sim.2514`
    .. [3] Riley, Higgins & Deeks (2011), BMJ 342:d549. :doi:`10.1136/bmj.d549`
    .. [4] Snell, Ensor, Debray, Moons & Riley (2018), Stat Methods Med Res 27:3505.
       :doi:`10.1177/0962280217705678`

    Examples
    --------
    >>> pooled = pool_centers([0.81, 0.74, 0.69, 0.78], [0.03, 0.02, 0.04, 0.03], scale="logit")
    >>> f"{pooled.value:.3f} ({pooled.interval.low:.3f} to {pooled.interval.high:.3f})"
    '0.756 (0.670 to 0.825)'
    """
    level = _checks.level(confidence_level)
    _checks.choice(scale, SCALES, name="scale")
    _checks.choice(se_scale, SE_SCALES, name="se_scale")
    _checks.choice(test, TESTS, name="test")
    _checks.choice(prediction, ("as-test", "k-2"), name="prediction")
    given, given_se = _checks.centers(value, se, scale=scale)

    y_all, se_all = to_scale(given, given_se, scale, se_scale)
    usable = np.isfinite(y_all) & np.isfinite(se_all) & (se_all > 0)
    y, v = y_all[usable], se_all[usable] ** 2
    k = y.size
    if k == 0:
        return _no_centers(scale, given.size, level, test)

    tau2 = restricted_maximum_likelihood(y, v) if k > 1 else 0.0
    w = 1 / (v + tau2)
    mean = float(w @ y / w.sum())
    spread = float(w @ (y - mean) ** 2) if np.ptp(y) > 0 else 0.0
    se_mean, df, status = _standard_error(float(w.sum()), spread, k, test)
    quantile = _quantile(level, df)
    low, high = mean - quantile * se_mean, mean + quantile * se_mean
    statistic = mean / se_mean if se_mean > 0 else nan

    fixed = 1 / v
    common = float(fixed @ y / fixed.sum())
    q = float(fixed @ (y - common) ** 2)
    prediction_df = df if prediction == "as-test" else (k - 2.0 if k > 2 else 0.0)
    if k == 1:
        between = Heterogeneity.undefined(level)
        reach = nan
    else:
        between = heterogeneity(y, v, tau2, level)
        reach = _quantile(level, prediction_df) * sqrt(tau2 + se_mean**2)
        if prediction_df == 0 and status is Status.OK:
            status = Status.TOO_FEW_CENTERS_TO_PREDICT
    weights = np.full(given.size, nan)
    weights[usable] = w / w.sum()
    return PooledEstimate(
        value=from_scale(mean, scale),
        interval=_interval(low, high, scale, level),
        prediction_interval=_interval(mean - reach, mean + reach, scale, level),
        scale=scale,
        scaled_value=mean,
        scaled_se=se_mean,
        statistic=statistic,
        df=df,
        p_value=2 * _lower_tail(-abs(statistic), df),
        prediction_df=prediction_df,
        tau2=between.tau2,
        tau2_se=between.tau2_se,
        tau2_interval=between.tau2_interval,
        i2=between.i2,
        i2_interval=between.i2_interval,
        h2=between.h2,
        q=q if k > 1 else nan,
        q_df=k - 1,
        q_p_value=float(chdtrc(k - 1, q)) if k > 1 else nan,
        common_value=from_scale(common, scale),
        weights=tuple(weights.tolist()),
        n_centers=k,
        n_not_estimable=given.size - k,
        method=f"random effects, REML, {test}; {scale} scale",
        status=status,
    )


def leave_one_center_out(
    value: ArrayLike,
    se: ArrayLike,
    *,
    scale: str = "identity",
    se_scale: str = "natural",
    test: str = "hartung-knapp",
    prediction: str = "as-test",
    confidence_level: float = 0.95,
) -> tuple[PooledEstimate, ...]:
    """Pool again without each centre in turn; the arguments are those of `pool_centers`.

    Returns
    -------
    tuple of PooledEstimate, length centers
        Entry i leaves centre i out (and is the full pooling where centre i was not estimable);
        its `weights` have one entry fewer.

    Examples
    --------
    >>> left = leave_one_center_out([1.1, 0.8, 2.0], [0.2, 0.2, 0.2])
    >>> [round(pooled.value, 2) for pooled in left]
    [1.4, 1.55, 0.95]
    """
    given, given_se = _checks.centers(value, se, scale=scale)
    return tuple(
        pool_centers(
            np.delete(given, i),
            np.delete(given_se, i),
            scale=scale,
            se_scale=se_scale,
            test=test,
            prediction=prediction,
            confidence_level=confidence_level,
        )
        for i in range(given.size)
    )


def probability_beyond(pooled: PooledEstimate, bound: float, *, side: str) -> float:
    """Return the probability that a new centre's true performance lies beyond `bound`.

    Parameters
    ----------
    pooled : PooledEstimate
        Result of `pool_centers`.
    bound : float
        On the natural scale, for example an AUC of 0.7.
    side : {"below", "above"}
        Which side is meant: ``below`` for an AUC, ``above`` for a Brier score.

    Returns
    -------
    float
        From the predictive distribution whose quantiles are the prediction interval; NaN when
        that is not estimable.

    Examples
    --------
    >>> pooled = pool_centers([0.81, 0.74, 0.69, 0.78], [0.03, 0.02, 0.04, 0.03], scale="logit")
    >>> round(probability_beyond(pooled, 0.7, side="below"), 3)
    0.156
    """
    _checks.choice(side, ("below", "above"), name="side")
    natural = np.array([_checks.bound(bound, scale=pooled.scale)])
    edge = float(to_scale(natural, np.ones(1), pooled.scale, "scaled")[0][0])
    if isnan(pooled.tau2) or isnan(pooled.prediction_interval.low):
        return nan
    z = (edge - pooled.scaled_value) / sqrt(pooled.tau2 + pooled.scaled_se**2)
    return _lower_tail(z if side == "below" else -z, pooled.prediction_df)


def _standard_error(
    total_weight: float, spread: float, n: int, test: str
) -> tuple[float, float, Status]:
    """Return the standard error of the mean, its degrees of freedom and what to say."""
    wald = 1 / sqrt(total_weight)
    if n == 1:
        return wald, nan, Status.ONE_CENTER
    if test == "wald":
        return wald, nan, Status.OK
    factor = spread / (n - 1)
    if test == "hartung-knapp-adhoc":
        factor = max(1.0, factor)
    if factor == 0:
        return nan, n - 1.0, Status.EQUAL_CENTERS
    return sqrt(factor) * wald, n - 1.0, Status.OK


def _quantile(level: float, df: float) -> float:
    """Return the two-sided critical value of t(df), or of the normal when `df` is NaN."""
    if isnan(df):
        return float(ndtri(0.5 + level / 2))
    return float(stdtrit(df, 0.5 + level / 2)) if df > 0 else nan


def _lower_tail(z: float, df: float) -> float:
    return float(ndtr(z)) if isnan(df) else float(stdtr(df, z))


def _interval(low: float, high: float, scale: str, level: float) -> Interval:
    return Interval(from_scale(low, scale), from_scale(high, scale), level)


def _no_centers(scale: str, n_given: int, level: float, test: str) -> PooledEstimate:
    none = Interval.undefined(level)
    return PooledEstimate(
        value=nan,
        interval=none,
        prediction_interval=none,
        scale=scale,
        scaled_value=nan,
        scaled_se=nan,
        statistic=nan,
        df=nan,
        p_value=nan,
        prediction_df=nan,
        tau2=nan,
        tau2_se=nan,
        tau2_interval=none,
        i2=nan,
        i2_interval=none,
        h2=nan,
        q=nan,
        q_df=0,
        q_p_value=nan,
        common_value=nan,
        weights=(nan,) * n_given,
        n_centers=0,
        n_not_estimable=n_given,
        method=f"random effects, REML, {test}; {scale} scale",
        status=Status.NO_CENTER,
    )
