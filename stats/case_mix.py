"""Case mix: how unlike two cohorts are, and the AUC that their mix of patients allows."""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri

from extval.stats import _checks
from extval.stats.logistic import logistic_regression
from extval.stats.results import Estimate, Interval, Status
from extval.stats.roc import auc

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A logistic model that tells two cohorts apart.

    Attributes
    ----------
    c_statistic : Estimate
        AUC of the model in the patients it was fitted to, with DeLong's interval; 0.5 means the
        same case mix. `n` is all patients, `events` those of the validation cohort.
    coefficients : ndarray of shape (columns,)
        Log odds of being a validation patient for one standard deviation of a column.
    n_development, n_validation : int
        Patients of the two cohorts.
    """

    c_statistic: Estimate
    coefficients: FloatArray
    n_development: int
    n_validation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMixAuc:
    """The observed AUC of a cohort between the AUCs that its predictions would allow.

    Attributes
    ----------
    observed : Estimate
        AUC with DeLong's interval.
    model_based : Estimate
        AUC expected in these patients if every predicted risk were true: the case-mix-corrected
        AUC. Below the development AUC, the patients are more alike; an observed AUC below it
        means that coefficients do not hold here.
    calibrated : Estimate
        The same after the risks were recalibrated to this cohort's intercept and slope.
    """

    observed: Estimate
    model_based: Estimate
    calibrated: Estimate


def membership_model(
    development: ArrayLike, validation: ArrayLike, *, confidence_level: float = 0.95
) -> Membership:
    """Measure how well a logistic model tells validation from development patients.

    Parameters
    ----------
    development, validation : array_like of shape (n_d, columns), (n_v, columns), finite
        What describes the case mix: predictors, the linear predictor, and the outcome if it
        should count [1]_.
    confidence_level : float in (0, 1)
        Level of the interval.

    Returns
    -------
    Membership
        NaN with a status when a cohort is empty, or when the model has no maximum (columns
        collinear, or cohorts that do not overlap).

    Raises
    ------
    ValueError
        If a value is not finite or the columns differ in number.

    Notes
    -----
    The c-statistic is apparent: it rises with the number of columns even if the cohorts do not
    differ, so few columns, or only the linear predictor and the outcome, say most. Agrees with
    R 4.2.2 ``glm`` and pROC 1.18.0 ``auc`` to 1e-10.

    References
    ----------
    .. [1] Debray et al. (2015), J Clin Epidemiol 68:279. :doi:`10.1016/j.jclinepi.2014.06.018`

    Examples
    --------
    >>> young, old = [[50.], [55.], [61.], [58.]], [[57.], [66.], [63.], [70.]]
    >>> membership_model(young, old).c_statistic.value
    0.875
    """
    level = _checks.level(confidence_level)
    first, second = _checks.case_mix(development, validation)
    member = np.repeat([False, True], [len(first), len(second)])
    columns = np.vstack([first, second])
    scaled = columns
    if member.size:
        spread = columns.std(axis=0)
        scaled = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    fit = logistic_regression(np.column_stack([np.ones(member.size), scaled]), member)
    method = "membership model; AUC, DeLong"
    if fit.status is Status.OK:
        found = auc(member, scaled @ fit.coefficients[1:], confidence_level=level)
        c_statistic = Estimate(
            value=found.value,
            se=found.se,
            interval=found.interval,
            method=method,
            n=found.n,
            events=found.events,
            status=found.status,
        )
    else:
        status = Status.NO_PATIENTS if fit.status is Status.ONE_CLASS else fit.status
        c_statistic = _undefined(method, member.size, len(second), level, status)
    return Membership(
        c_statistic=c_statistic,
        coefficients=fit.coefficients[1:],
        n_development=len(first),
        n_validation=len(second),
    )


def model_based_auc(y_prob: ArrayLike, *, confidence_level: float = 0.95) -> Estimate:
    r"""Return the AUC that predicted risks would have if they were all true.

    Parameters
    ----------
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risks of the patients; no outcome is used.
    confidence_level : float in (0, 1)
        Level of the Wald interval, clipped to [0, 1], with patients as sampled.

    Returns
    -------
    Estimate
        `events` is the expected number, rounded. NaN with fewer than two patients, or when all
        risks are 0, or all 1, so that no pair can differ in outcome. Equal risks give 0.5
        without an interval.

    Raises
    ------
    ValueError
        If a value lies outside [0, 1].

    Notes
    -----
    .. math:: \frac{\sum_{i \ne j} p_i (1 - p_j) [p_i > p_j]}{\sum_{i \ne j} p_i (1 - p_j)},

    ties one half: the model-based concordance of a logistic model [1]_, the limit of Vergouwe's
    case-mix-corrected c-index [2]_, which simulates outcomes. Its standard error is that of a
    ratio of U-statistics. O(n log n). Agrees with the double sum in R 4.2.2 to 1e-12.

    References
    ----------
    .. [1] van Klaveren, Gönen, Steyerberg & Vergouwe (2016), Stat Med 35:4136.
       :doi:`10.1002/sim.6997`
    .. [2] Vergouwe, Moons & Steyerberg (2010), Am J Epidemiol 172:971. :doi:`10.1093/aje/kwq223`

    Examples
    --------
    >>> round(model_based_auc([0.1, 0.2, 0.4, 0.7]).value, 3)
    0.84
    """
    p = _checks.vector(y_prob, name="y_prob")
    p = _checks.probabilities(p, p.size)
    return _model_based(p, _checks.level(confidence_level), "model-based concordance")


def case_mix_auc(
    y_true: ArrayLike, y_prob: ArrayLike, *, confidence_level: float = 0.95
) -> CaseMixAuc:
    """Compare the observed AUC with what the case mix of this cohort allows.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
        Outcome.
    y_prob : array_like of shape (n,), in [0, 1]
        Predicted risks.
    confidence_level : float in (0, 1)
        Level of the intervals.

    Returns
    -------
    CaseMixAuc
        `calibrated` is NaN when the recalibration has no maximum (one class, separation,
        constant risks) or a risk is exactly 0 or 1.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    See `model_based_auc`; `calibrated` is van Klaveren's c-mbc. Differences, not intervals, are
    meant to be read: observed minus model-based is what invalid coefficients cost, model-based
    here minus model-based in development is what the case mix does.

    Examples
    --------
    >>> found = case_mix_auc([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.6, 0.7])
    >>> round(found.observed.value, 3), round(found.model_based.value, 3)
    (0.889, 0.792)
    """
    level = _checks.level(confidence_level)
    is_event = _checks.binary(y_true)
    p = _checks.probabilities(y_prob, is_event.size)
    return CaseMixAuc(
        observed=auc(is_event, p, confidence_level=level),
        model_based=_model_based(p, level, "model-based concordance"),
        calibrated=_calibrated(is_event, p, level),
    )


def _calibrated(is_event: NDArray[np.bool_], p: FloatArray, level: float) -> Estimate:
    method = "model-based concordance, recalibrated"
    n, events = p.size, int(is_event.sum())
    if np.any((p == 0) | (p == 1)):
        return _undefined(method, n, events, level, Status.LOGIT_UNDEFINED)
    design = np.column_stack([np.ones(n), logit(p)])
    fit = logistic_regression(design, is_event)
    if fit.status is not Status.OK:
        return _undefined(method, n, events, level, fit.status)
    return _model_based(np.asarray(expit(design @ fit.coefficients)), level, method)


def _model_based(p: FloatArray, level: float, method: str) -> Estimate:
    """Return the expected AUC of risks and its standard error from every patient's pairs."""
    n, events = p.size, round(float(p.sum()))
    distinct, place = np.unique(p, return_inverse=True)
    cases = np.bincount(place, weights=p, minlength=distinct.size)
    controls = np.bincount(place, weights=1 - p, minlength=distinct.size)
    below = (np.cumsum(controls) - controls)[place] + 0.5 * (controls[place] - (1 - p))
    above = (p.sum() - np.cumsum(cases))[place] + 0.5 * (cases[place] - p)
    # Pairs in which this patient takes part, as the case or as the control.
    concordant = p * below + (1 - p) * above
    pairs = p * (controls.sum() - (1 - p)) + (1 - p) * (cases.sum() - p)
    if n < 2 or not pairs.sum() > 0:
        return _undefined(method, n, events, level, Status.NO_EXPECTED_PAIRS)
    value = float(concordant.sum() / pairs.sum())
    se = 2 * sqrt(float(((concordant - value * pairs) ** 2).sum())) / float(pairs.sum())
    reach = float(ndtri(0.5 + level / 2)) * se
    interval, status = Interval(max(value - reach, 0.0), min(value + reach, 1.0), level), Status.OK
    if distinct.size == 1:
        se, interval, status = 0.0, Interval.undefined(level), Status.CONSTANT_PREDICTION
    return Estimate(
        value=value,
        se=se,
        interval=interval,
        method=method,
        n=n,
        events=events,
        status=status,
    )


def _undefined(method: str, n: int, events: int, level: float, status: Status) -> Estimate:
    return Estimate(
        value=nan,
        interval=Interval.undefined(level),
        method=method,
        n=n,
        events=events,
        status=status,
    )
