"""Likelihood-ratio tests of weak calibration: intercept 0 and slope 1, together and in turn."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from extval.stats import _checks
from extval.stats.calibration import linear_predictor, separates
from extval.stats.logistic import fitted
from extval.stats.results import SignificanceTest, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakCalibration:
    """Three tests of logit P(Y = 1) = a + b logit(p).

    `overall` tests a = 0 and b = 1 (2 degrees of freedom), `in_the_large` a = 0 given b = 1, and
    `slope` b = 1 given any a (1 each); the last two add up to the first.
    """

    overall: SignificanceTest
    in_the_large: SignificanceTest
    slope: SignificanceTest


def weak_calibration_tests(y_true: ArrayLike, y_prob: ArrayLike) -> WeakCalibration:
    r"""Test whether the predicted risks are right on average and neither too extreme nor too flat.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome; 1 marks an event.
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risk.

    Returns
    -------
    WeakCalibration
        With a constant prediction only `in_the_large` is defined. Where the predictions separate
        the outcomes, or a predicted risk is exactly 0 or 1, a test is NaN with a status.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Twice the differences of :math:`\ell(\hat a, \hat b)`, :math:`\ell(\hat a, 1)` and
    :math:`\ell(0, 1)`, referred to chi-square [1]_; for patients who had no part in the model.
    `overall` is U:Chi-sq of rms 6.5 ``val.prob``. Agrees with R 4.2 ``glm`` to 1e-8.

    References
    ----------
    .. [1] Miller, Hui & Tierney (1991), Stat Med 10:1213. :doi:`10.1002/sim.4780100805`

    Examples
    --------
    >>> tests = weak_calibration_tests([0, 1, 0, 1], [0.2, 0.4, 0.5, 0.6])
    >>> round(tests.overall.statistic, 6)
    0.351313
    """
    is_event = _checks.binary(y_true)
    risk = _checks.probabilities(y_prob, is_event.size)
    n, events = is_event.size, int(np.count_nonzero(is_event))

    def test(statistic: float, df: int, hypothesis: str, status: Status) -> SignificanceTest:
        estimable = status is Status.OK
        floored = max(statistic, 0.0)  # rounding can leave -1e-15 between equal likelihoods
        return SignificanceTest(
            statistic=floored if estimable else nan,
            df=float(df) if estimable else nan,
            p_value=float(chdtrc(df, floored)) if estimable else nan,
            method=f"likelihood ratio, {hypothesis}",
            n=n,
            events=events,
            status=status,
        )

    lp, status = linear_predictor(is_event, risk)
    both = status
    none, large, full = nan, nan, nan
    if status is Status.OK:
        ones, zero = np.ones((n, 1)), np.zeros(n)
        none = fitted(np.empty((n, 0)), is_event, ones[:, 0], lp).log_likelihood
        shifted = fitted(ones, is_event, ones[:, 0], lp)
        large, status = shifted.log_likelihood, shifted.status
        both = status
        if np.ptp(lp) == 0.0:
            both = Status.CONSTANT_PREDICTION
        elif separates(lp, is_event):
            both = Status.SEPARATION
        else:
            recalibrated = fitted(np.column_stack((ones, lp)), is_event, ones[:, 0], zero)
            full, both = recalibrated.log_likelihood, recalibrated.status
    return WeakCalibration(
        overall=test(2.0 * (full - none), 2, "intercept 0 and slope 1", both),
        in_the_large=test(2.0 * (large - none), 1, "intercept 0 given slope 1", status),
        slope=test(2.0 * (full - large), 1, "slope 1 given any intercept", both),
    )
