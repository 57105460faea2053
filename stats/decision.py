"""Net benefit over threshold probabilities: decision curves and their uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from extval.stats import _checks
from extval.stats._kernels_decision import (
    count_positives,
    resampled_counts,
    threshold_bins,
)
from extval.stats._resampling import replicate_key
from extval.stats.bootstrap import percentile_band, percentile_interval
from extval.stats.results import Estimate, Interval, Status

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Pointwise limits of a curve; NaN when nothing was resampled."""

    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionCurve:
    """Net benefit of k models, and of treating all or none, at t threshold probabilities.

    Attributes
    ----------
    thresholds : ndarray of shape (t,)
    net_benefit : ndarray of shape (k, t)
        True positives minus weighted false positives, a patient.
    treat_all, treat_none : ndarray of shape (t,)
    standardized : ndarray of shape (k, t)
        Net benefit over the event rate; NaN when there is no event.
    interventions_avoided : ndarray of shape (k, t)
        Net reduction in interventions a patient beside treating all; NaN at threshold 0.
    true_positive_rate, false_positive_rate : ndarray of shape (k, t)
        Shares of all patients (not of a class).
    lower, upper : ndarray of shape (k, t)
        Pointwise percentile limits of `net_benefit`; NaN when `n_resamples` is 0.
    standardized_band, interventions_avoided_band, treat_all_band : Band
    n, events, n_resamples : int
    method : str
    status : Status
    """

    thresholds: FloatArray
    net_benefit: FloatArray
    treat_all: FloatArray
    treat_none: FloatArray
    standardized: FloatArray
    interventions_avoided: FloatArray
    true_positive_rate: FloatArray
    false_positive_rate: FloatArray
    lower: FloatArray
    upper: FloatArray
    standardized_band: Band
    interventions_avoided_band: Band
    treat_all_band: Band
    n: int
    events: int
    n_resamples: int
    confidence_level: float
    method: str
    status: Status = Status.OK


def decision_curve(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    thresholds: ArrayLike,
    harm: ArrayLike | None = None,
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    confidence_level: float = 0.95,
) -> DecisionCurve:
    r"""Compute the decision curves of k models of the same patients.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    y_prob : array_like of shape (k, n), in [0, 1]
        One row a model.
    thresholds : array_like of shape (t,), strictly increasing in [0, 1)
        Threshold probabilities; a patient is treated when y_prob >= threshold.
    harm : array_like of shape (k,) or None
        Harm of obtaining each model's prediction, in net-benefit units; it is subtracted from
        the model's net benefit at every threshold.
    n_resamples : int
        Bootstrap resamples of patients, one draw for all models; 0 gives no band.
    rng : numpy.random.Generator or None
        Needed when `n_resamples` is positive.
    confidence_level : float in (0, 1)
        Of the pointwise percentile limits.

    Returns
    -------
    DecisionCurve

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`NB(t) = (TP - FP\, t/(1-t))/n`; interventions avoided
    :math:`(TN - FN\,(1-t)/t)/n` [1]_, [2]_. Counts are made by binning, without a sort.
    Agrees with dcurves (Python) 1.1.7 ``dca`` to 1e-12. Interventions avoided are those of one
    patient, not of 100.

    References
    ----------
    .. [1] Vickers & Elkin (2006), Med Decis Making 26:565. :doi:`10.1177/0272989X06295361`
    .. [2] Vickers et al. (2008), BMC Med Inform Decis Mak 8:53. :doi:`10.1186/1472-6947-8-53`

    Examples
    --------
    >>> curve = decision_curve([0, 0, 0, 1], [[0.1, 0.3, 0.2, 0.6]], thresholds=[0.2, 0.5])
    >>> curve.net_benefit.tolist(), curve.treat_all.tolist()
    ([[0.125, 0.25]], [0.0625, -0.5])
    """
    is_case = _checks.binary(y_true)
    rows = _checks.model_rows(y_prob, is_case.size, name="y_prob")
    grid = _checks.increasing_thresholds(thresholds)
    harms = np.zeros(len(rows)) if harm is None else _checks.finite(harm, len(rows), name="harm")
    n_resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    level = _checks.level(confidence_level)

    n, events = is_case.size, int(np.count_nonzero(is_case))
    found = _measures(counts_at(is_case, rows, grid), np.array(events), n, grid, harms)
    nothing = np.full_like(found.net_benefit, nan)
    bands = {name: Band(lower=nothing, upper=nothing) for name in ("nb", "standardized", "avoided")}
    bands["all"] = Band(lower=nothing[0], upper=nothing[0])
    if n_resamples and n:
        positives, resampled_events = resampled_counts_at(is_case, rows, grid, n_resamples, rng)
        many = _measures(positives, resampled_events, n, grid, harms)
        for name, values in (
            ("nb", many.net_benefit),
            ("standardized", many.standardized),
            ("avoided", many.avoided),
            ("all", many.treat_all),
        ):
            lower, upper = percentile_band(values, confidence_level=level)
            bands[name] = Band(lower=lower, upper=upper)
    resampling = f"; bootstrap percentile, {n_resamples} resamples" if n_resamples else ""
    return DecisionCurve(
        thresholds=grid,
        net_benefit=found.net_benefit,
        treat_all=found.treat_all,
        treat_none=np.zeros(grid.size),
        standardized=found.standardized,
        interventions_avoided=found.avoided,
        true_positive_rate=found.tp_rate,
        false_positive_rate=found.fp_rate,
        lower=bands["nb"].lower,
        upper=bands["nb"].upper,
        standardized_band=bands["standardized"],
        interventions_avoided_band=bands["avoided"],
        treat_all_band=bands["all"],
        n=n,
        events=events,
        n_resamples=n_resamples,
        confidence_level=level,
        method=f"net benefit{resampling}",
        status=Status.OK if n else Status.NO_PATIENTS,
    )


def net_benefit(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    threshold: float,
    harm: float = 0.0,
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the net benefit of one model at one threshold probability.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    y_prob : array_like of shape (n,), in [0, 1]
    threshold : float in [0, 1)
        A patient is treated when y_prob >= threshold.
    harm : float, finite
        Harm of obtaining the prediction, in net-benefit units; it is subtracted.
    n_resamples : int
        Bootstrap resamples of patients; with 0 the interval is Wald's.
    rng : numpy.random.Generator or None
        Needed when `n_resamples` is positive.
    confidence_level : float in (0, 1)

    Returns
    -------
    Estimate
        The interval is NaN when every patient contributes the same or all resamples agree.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Net benefit is the mean of what each patient contributes: 1 for a true positive,
    :math:`-t/(1-t)` for a false positive, else 0. Wald's standard error is that of this mean,
    with denominator :math:`n(n-1)`.

    Examples
    --------
    >>> net_benefit([0, 0, 0, 1], [0.1, 0.3, 0.2, 0.6], threshold=0.2).value
    0.125
    """
    is_case = _checks.binary(y_true)
    prob = _checks.probabilities(y_prob, is_case.size)
    grid = _checks.increasing_thresholds([threshold], name="threshold")
    less = float(_checks.finite([harm], 1, name="harm")[0])
    n_resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    level = _checks.level(confidence_level)
    n, events = is_case.size, int(np.count_nonzero(is_case))
    fp, tp = (int(count) for count in counts_at(is_case, [prob], grid)[0, :, 0])
    odds = float(grid[0] / (1.0 - grid[0]))
    value = (tp - odds * fp) / n if n else nan
    se, interval, status = nan, Interval.undefined(level), Status.NO_PATIENTS
    method = "Wald"
    if n and n_resamples:
        positives, _ = resampled_counts_at(is_case, [prob], grid, n_resamples, rng)
        resampled = (positives[:, 0, 1, 0] - odds * positives[:, 0, 0, 0]) / n - less
        found = percentile_interval(resampled, confidence_level=level)
        se, interval, status, method = found.se, found.interval, found.status, found.method
    elif n:
        spread = tp * (1 - value) ** 2 + fp * (odds + value) ** 2 + (n - tp - fp) * value**2
        alike = n < 2 or n in {tp, fp, n - tp - fp}
        status = Status.NO_VARIATION if alike else Status.OK
        if not alike:
            se = sqrt(spread / (n * (n - 1)))
            margin = float(ndtri(0.5 + level / 2)) * se
            interval = Interval(value - less - margin, value - less + margin, level)
    return Estimate(
        value=value - less,
        se=se,
        interval=interval,
        method=f"net benefit{less_harm(less)}; {method}",
        n=n,
        events=events,
        status=status,
    )


@dataclass(frozen=True, slots=True)
class _Measures:
    net_benefit: FloatArray
    treat_all: FloatArray
    standardized: FloatArray
    avoided: FloatArray
    tp_rate: FloatArray
    fp_rate: FloatArray


def _measures(
    positives: IntArray, events: IntArray, n: int, thresholds: FloatArray, harms: FloatArray
) -> _Measures:
    """Return the curves from counts (..., k, 2, t) and events (...), any leading axes."""
    fp, tp = positives[..., 0, :], positives[..., 1, :]
    total = events[..., np.newaxis]
    odds = thresholds / (1.0 - thresholds)
    harm = harms[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        benefit = (tp - odds * fp) / n - harm
        missed, spared = total[..., np.newaxis] - tp, n - total[..., np.newaxis] - fp
        avoided = (spared - missed / odds) / n - harm / odds
        return _Measures(
            net_benefit=benefit,
            treat_all=(total - odds * (n - total)) / n,
            standardized=np.where(
                total[..., np.newaxis] > 0, benefit * n / total[..., np.newaxis], nan
            ),
            avoided=np.where(np.isfinite(avoided), avoided, nan),
            tp_rate=tp / n,
            fp_rate=fp / n,
        )


def less_harm(harm: float) -> str:
    """Return the words that a method says about the harm of a model's test."""
    return f" less a harm of {harm:g}" if harm else ""


def counts_at(
    is_case: NDArray[np.bool_], rows: Sequence[FloatArray] | FloatArray, thresholds: FloatArray
) -> IntArray:
    """Return false and true positives of k models, (k, 2, t); raise for a value outside [0, 1]."""
    positives = np.empty((len(rows), 2, thresholds.size), np.int64)
    for j, (row, out) in enumerate(zip(rows, positives, strict=True)):
        if not count_positives(row, is_case, thresholds, out):
            _checks.probabilities(row, row.size, name=f"y_prob[{j}]")
    return positives


def resampled_counts_at(
    is_case: NDArray[np.bool_],
    rows: Sequence[FloatArray] | FloatArray,
    thresholds: FloatArray,
    n_resamples: int,
    rng: np.random.Generator | None,
) -> tuple[IntArray, IntArray]:
    """Return false and true positives, (b, k, 2, t), and events, (b,), of each resample."""
    key = replicate_key(_checks.generator(rng))
    codes = np.empty((len(rows), is_case.size), np.int32)
    for row, out in zip(rows, codes, strict=True):
        threshold_bins(row, is_case, thresholds, out)
    positives = np.empty((n_resamples, len(rows), 2, thresholds.size), np.int64)
    events = np.empty(n_resamples, np.int64)
    resampled_counts(key, 0, np.ascontiguousarray(codes.T), positives, events)
    return positives, events
