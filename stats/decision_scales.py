"""Net benefit of one model at one threshold on three scales, with intervals."""

from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from extval.stats import _checks
from extval.stats.bootstrap import percentile_interval
from extval.stats.decision import counts_at, less_harm, resampled_counts_at
from extval.stats.results import Estimate, Interval, Status

FloatArray = NDArray[np.float64]
_NAMES = {
    "net_benefit": "net benefit",
    "standardized": "net benefit / event rate",
    "interventions_avoided": "net interventions avoided a patient",
}


def net_benefit_scales(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    threshold: float,
    harm: float = 0.0,
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    confidence_level: float = 0.95,
) -> dict[str, Estimate]:
    r"""Estimate net benefit, standardised net benefit and interventions avoided at one threshold.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    y_prob : array_like of shape (n,), in [0, 1]
    threshold : float in (0, 1)
        A patient is treated when y_prob >= threshold.
    harm : float, finite
        Harm of obtaining the prediction, in net-benefit units; it is subtracted from the net
        benefit before it is brought to either scale.
    n_resamples : int
        Bootstrap resamples of patients; with 0 the intervals are Wald's.
    rng : numpy.random.Generator or None
        Needed when `n_resamples` is positive.
    confidence_level : float in (0, 1)

    Returns
    -------
    dict of str to Estimate
        Keys ``net_benefit`` (that of `net_benefit`), ``standardized`` (NaN without an event) and
        ``interventions_avoided``, from the same resamples. An interval is NaN when every patient
        contributes the same or all resamples agree.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With the net benefit :math:`NB`, event rate :math:`\pi` and odds :math:`w = t/(1-t)`:
    :math:`NB/\pi`, of which 1 is the most [1]_, and :math:`(TN - FN/w)/n`, the net reduction in
    interventions beside treating all [2]_. Wald's standard errors are those of the mean of each
    patient's influence: :math:`(c_i - y_i NB/\pi)/\pi` with the contribution :math:`c_i` to the
    net benefit; and 1 for a true negative, :math:`-1/w` for a false negative, else 0.
    Interventions avoided agree with dcurves (Python) 1.1.7 ``dca`` to 1e-12.

    References
    ----------
    .. [1] Kerr et al. (2016), J Clin Oncol 34:2534. :doi:`10.1200/JCO.2015.65.5654`
    .. [2] Vickers et al. (2008), BMC Med Inform Decis Mak 8:53. :doi:`10.1186/1472-6947-8-53`

    Examples
    --------
    >>> found = net_benefit_scales([0, 0, 0, 1], [0.1, 0.3, 0.2, 0.6], threshold=0.2)
    >>> found["standardized"].value, found["interventions_avoided"].value
    (0.5, 0.25)
    """
    is_case = _checks.binary(y_true)
    prob = _checks.probabilities(y_prob, is_case.size)
    t = _checks.level(threshold, name="threshold")
    less = float(_checks.finite([harm], 1, name="harm")[0])
    n_resamples = _checks.positive_integer(n_resamples, name="n_resamples", at_least=0)
    level = _checks.level(confidence_level)

    n, events, grid, odds = is_case.size, int(np.count_nonzero(is_case)), np.array([t]), t / (1 - t)
    fp, tp = (int(count) for count in counts_at(is_case, [prob], grid)[0, :, 0])
    values = _values(np.array(tp), np.array(fp), np.array(events), n, odds, less)
    found, how = {}, "Wald"
    many: dict[str, FloatArray] = {}
    if n and n_resamples:
        positives, drawn = resampled_counts_at(is_case, [prob], grid, n_resamples, rng)
        many = _values(positives[:, 0, 1, 0], positives[:, 0, 0, 0], drawn, n, odds, less)
    for key, name in _NAMES.items():
        value, se, interval = float(values[key]), nan, Interval.undefined(level)
        status = Status.OK if n else Status.NO_PATIENTS
        if n and np.isnan(value):
            status = Status.ONE_CLASS
        elif n and n_resamples:
            limits = percentile_interval(many[key], confidence_level=level)
            se, interval, status, how = limits.se, limits.interval, limits.status, limits.method
        elif n:
            se = _standard_error(
                _influences(key, value, events / n, odds, less), (tp, fp, events - tp), n
            )
            status = Status.NO_VARIATION if np.isnan(se) else Status.OK
            margin = float(ndtri(0.5 + level / 2)) * se
            interval = Interval(value - margin, value + margin, level)
        found[key] = Estimate(
            value=value,
            se=se,
            interval=interval,
            method=f"{name}{less_harm(less)}; {how}",
            n=n,
            events=events,
            status=status,
        )
    return found


def _values(
    tp: NDArray[np.int64],
    fp: NDArray[np.int64],
    events: NDArray[np.int64],
    n: int,
    odds: float,
    harm: float,
) -> dict[str, FloatArray]:
    """Return the measures from counts of one shape; NaN without an event, or without patients."""
    with np.errstate(divide="ignore", invalid="ignore"):
        benefit = (tp - odds * fp) / (n or nan) - harm
        standardized = (tp - odds * fp - n * harm) / np.where(events > 0, events, nan)
        avoided = ((n - events - fp) - (events - tp) / odds) / (n or nan) - harm / odds
    return {
        "net_benefit": np.asarray(benefit),
        "standardized": np.asarray(standardized),
        "interventions_avoided": np.asarray(avoided),
    }


def _influences(
    key: str, value: float, rate: float, odds: float, harm: float
) -> tuple[float, float, float, float]:
    """Return what a true positive, false positive, false negative and true negative add."""
    if key == "net_benefit":
        return 1.0, -odds, 0.0, 0.0
    if key == "interventions_avoided":
        return 0.0 - value, 0.0 - value, -1.0 / odds - value, 1.0 - value
    parts = (1.0 - harm - value, -odds - harm, 0.0 - harm - value, 0.0 - harm)
    tp, fp, fn, tn = (part / rate for part in parts)
    return tp, fp, fn, tn


def _standard_error(
    influences: tuple[float, float, float, float], counts: tuple[int, int, int], n: int
) -> float:
    """Return the standard error of the mean influence; NaN where all patients have the same."""
    each = tuple(zip(influences, (*counts, n - sum(counts)), strict=True))
    if n < 2 or len({part for part, count in each if count}) < 2:
        return nan
    mean = sum(part * count for part, count in each) / n
    return sqrt(sum(count * (part - mean) ** 2 for part, count in each) / (n * (n - 1)))
