"""The two-by-two table at a frozen threshold and every measure read off it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from extval.stats import _checks
from extval.stats.proportions import INTERVALS
from extval.stats.results import Estimate, Interval, Status

ProportionInterval = Callable[..., Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Counts of patients: true and false positives, false and true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def n(self) -> int:
        """Return the number of patients."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def events(self) -> int:
        """Return the number of patients with the event."""
        return self.tp + self.fn

    @property
    def status(self) -> Status:
        """Return whether both classes are there."""
        if self.events and self.n - self.events:
            return Status.OK
        return Status.ONE_CLASS if self.n else Status.NO_PATIENTS


def confusion(y_true: ArrayLike, y_score: ArrayLike, threshold: float) -> Confusion:
    """Count the patients on each side of a threshold; positive means score >= threshold.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    y_score : array_like of shape (n,), finite
    threshold : float

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Examples
    --------
    >>> confusion([0, 0, 1, 1], [1, 3, 3, 4], 3)
    Confusion(tp=2, fp=1, fn=0, tn=1)
    """
    is_case = _checks.binary(y_true)
    score = _checks.finite(y_score, is_case.size, name="y_score")
    positive = score >= _checks.number_in(threshold, name="threshold", above=-np.inf, up_to=np.inf)
    events = int(np.count_nonzero(is_case))
    tp = int(np.count_nonzero(positive & is_case))
    fp = int(np.count_nonzero(positive)) - tp
    return Confusion(tp=tp, fp=fp, fn=events - tp, tn=is_case.size - events - fp)


def classification_measures(
    confusion: Confusion, *, method: str = "wilson", confidence_level: float = 0.95
) -> dict[str, Estimate]:
    r"""Return every measure of a two-by-two table with its interval.

    Parameters
    ----------
    confusion : Confusion
    method : {"wilson", "clopper-pearson"}
        Interval of the proportions, and of the measures that are made of proportions.
    confidence_level : float in (0, 1)

    Returns
    -------
    dict of str to Estimate
        Keys sensitivity, specificity, ppv, npv, accuracy, balanced_accuracy, f1, lr_positive,
        lr_negative, dor, youden. A measure whose denominator is zero is NaN with a status. For a
        likelihood or odds ratio with a zero cell among its counts, 0.5 is added to all four cells,
        for value and interval alike, and the status says so.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    - Proportions: Wilson (or Clopper-Pearson) on their own denominator.
    - Balanced accuracy and Youden's J: the limits of sensitivity and specificity combined by
      Newcombe's square-and-add rule [1]_, as the two come from different patients.
    - F1 :math:`= 2q/(1+q)` with :math:`q = TP/(TP+FP+FN)`: the limits of `q`, a proportion,
      transformed; no normal approximation at the edges.
    - Likelihood ratios: Wald on the log scale [2]_; diagnostic odds ratio: Woolf's.

    Agrees with R epiR 2.0.57 ``epi.tests`` (proportions ``method = "wilson"`` and ``"exact"``,
    likelihood and odds ratios) and ``binom.test`` to 1e-10. epiR's limits for Youden's J add the
    limits of sensitivity and specificity, which covers too much.

    References
    ----------
    .. [1] Newcombe (1998), Statistics in Medicine 17:873.
       :doi:`10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I`
    .. [2] Simel et al. (1991), J Clin Epidemiol 44:763. :doi:`10.1016/0895-4356(91)90128-V`

    Examples
    --------
    >>> found = classification_measures(Confusion(tp=40, fp=10, fn=10, tn=90))
    >>> found["sensitivity"].value, round(found["lr_positive"].value, 6)
    (0.8, 8.0)
    """
    limits = INTERVALS[_checks.choice(method, tuple(INTERVALS), name="method")]
    name = {"wilson": "Wilson", "clopper-pearson": "Clopper-Pearson"}[method]
    level = _checks.level(confidence_level)
    table, t = confusion, confusion
    positive, negative = t.tp + t.fp, t.fn + t.tn
    controls = t.fp + t.tn

    def proportion(successes: int, total: int, empty: Status) -> Estimate:
        return Estimate(
            value=successes / total if total else nan,
            interval=limits(successes, total, confidence_level=level),
            method=f"proportion; {name}",
            n=t.n,
            events=t.events,
            status=Status.OK if total else empty if t.n else Status.NO_PATIENTS,
        )

    sensitivity = proportion(t.tp, t.events, Status.ONE_CLASS)
    specificity = proportion(t.tn, controls, Status.ONE_CLASS)
    return {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": proportion(t.tp, positive, Status.NONE_POSITIVE),
        "npv": proportion(t.tn, negative, Status.NONE_NEGATIVE),
        "accuracy": proportion(t.tp + t.tn, t.n, Status.NO_PATIENTS),
        "balanced_accuracy": _combined(table, sensitivity, specificity, name, "mean"),
        "f1": _f1(table, limits, name, level),
        "lr_positive": _ratio(table, "lr_positive", level),
        "lr_negative": _ratio(table, "lr_negative", level),
        "dor": _ratio(table, "dor", level),
        "youden": _combined(table, sensitivity, specificity, name, "youden"),
    }


def _combined(
    table: Confusion, sensitivity: Estimate, specificity: Estimate, name: str, kind: str
) -> Estimate:
    """Return balanced accuracy or Youden's J with square-and-add limits."""
    a, b = sensitivity.interval, specificity.interval
    total = sensitivity.value + specificity.value
    low = total - sqrt((sensitivity.value - a.low) ** 2 + (specificity.value - b.low) ** 2)
    high = total + sqrt((a.high - sensitivity.value) ** 2 + (b.high - specificity.value) ** 2)
    if kind == "mean":
        value, interval = total / 2, Interval(low / 2, high / 2, a.level)
        label = "mean of sensitivity and specificity"
    else:
        value, interval = total - 1, Interval(low - 1, high - 1, a.level)
        label = "sensitivity + specificity - 1"
    return Estimate(
        value=value,
        interval=interval,
        method=f"{label}; square-and-add of {name}",
        n=table.n,
        events=table.events,
        status=table.status,
    )


def _f1(table: Confusion, limits: ProportionInterval, name: str, level: float) -> Estimate:
    total = table.tp + table.fp + table.fn
    share = limits(table.tp, total, confidence_level=level)
    empty = Status.NO_EVENT_NONE_POSITIVE if table.n else Status.NO_PATIENTS
    return Estimate(
        value=2 * table.tp / (table.tp + total) if total else nan,
        interval=Interval(
            2 * share.low / (1 + share.low), 2 * share.high / (1 + share.high), level
        ),
        method=f"F1; {name} of TP/(TP+FP+FN), transformed",
        n=table.n,
        events=table.events,
        status=Status.OK if total else empty,
    )


def _ratio(table: Confusion, kind: str, level: float) -> Estimate:
    """Return a likelihood ratio or the diagnostic odds ratio with its log-method interval.

    0.5 is added to every cell when the ratio is 0 or infinite or its log variance is zero.
    """
    status, value, interval = table.status, nan, Interval.undefined(level)
    if status is Status.OK:
        tp, fp, fn, tn = float(table.tp), float(table.fp), float(table.fn), float(table.tn)
        degenerate = {
            "lr_positive": not (tp and fp and fn + tn),
            "lr_negative": not (fn and tn and tp + fp),
            "dor": not (tp and fp and fn and tn),
        }[kind]
        if degenerate:
            tp, fp, fn, tn = tp + 0.5, fp + 0.5, fn + 0.5, tn + 0.5
            status = Status.ZERO_CELL
        m, n = tp + fn, fp + tn
        if kind == "lr_positive":
            value, log_variance = (tp * n) / (m * fp), fn / (tp * m) + tn / (fp * n)
        elif kind == "lr_negative":
            value, log_variance = (fn * n) / (m * tn), tp / (fn * m) + fp / (tn * n)
        else:
            value, log_variance = (tp * tn) / (fp * fn), 1 / tp + 1 / fp + 1 / fn + 1 / tn
        factor = exp(float(ndtri(0.5 + level / 2)) * sqrt(log_variance))
        interval = Interval(value / factor, value * factor, level)
    return Estimate(
        value=value,
        interval=interval,
        method="ratio; Wald on the log scale",
        n=table.n,
        events=table.events,
        status=status,
    )
