"""The decision threshold: chosen once, on development patients, by a rule that is named."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import inf, nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats.placements import counts_at_or_above
from extval.stats.results import Status

RULES = ("youden", "closest-to-corner", "sensitivity", "specificity", "value", "cost-ratio")
_UNIT = {"sensitivity", "specificity"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A threshold and what it does to the patients it was chosen on.

    `value` is NaN when no threshold could be chosen, and `status` says why; `sensitivity` and
    `specificity` are NaN where the class they need is absent.
    """

    value: float
    rule: str
    sensitivity: float
    specificity: float
    n: int
    events: int
    status: Status = Status.OK


def choose_threshold(
    y_true: ArrayLike, y_score: ArrayLike, *, rule: str, at: float | None = None
) -> Threshold:
    """Choose the threshold of "positive means score >= threshold" by a named rule.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    y_score : array_like of shape (n,), finite
        Higher means more likely to have the event.
    rule : {"youden", "closest-to-corner", "sensitivity", "specificity", "value", "cost-ratio"}
        ``youden`` maximises sensitivity + specificity; ``closest-to-corner`` minimises
        (1 - sensitivity)^2 + (1 - specificity)^2; ``sensitivity`` is the highest threshold that
        reaches sensitivity `at`; ``specificity`` the lowest that reaches specificity `at`;
        ``value`` is `at` itself; ``cost-ratio`` minimises the cost at the event rate of these
        patients when one missed event costs as much as `at` false alarms.
    at : float or None
        In (0, 1] for ``sensitivity`` and ``specificity``, positive for ``cost-ratio``, finite for
        ``value``; not given for the other two.

    Returns
    -------
    Threshold

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    The candidates are the observed scores. Among candidates that the rule likes equally the
    highest is taken: the fewest patients are called positive. R pROC 1.18.0 ``coords(x = "best")``
    puts its cut midway between the chosen score and the next lower one, and returns all of several
    equally good ones: the patients it was chosen on fall to the same sides, but a new patient whose
    score lies between can fall to another.
    Ties are decided in whole numbers, so rounding never decides one.

    Examples
    --------
    >>> found = choose_threshold([0, 0, 1, 0, 1, 1], [1, 2, 3, 4, 5, 6], rule="youden")
    >>> found.value, round(found.sensitivity, 3), found.specificity
    (5.0, 0.667, 1.0)
    """
    is_case = _checks.binary(y_true)
    score = _checks.finite(y_score, is_case.size, name="y_score")
    rule = _checks.choice(rule, RULES, name="rule")
    wanted = _wanted(rule, at)
    m = int(np.count_nonzero(is_case))
    n = is_case.size - m

    if rule == "value":
        positive = score >= wanted
        true_positives = int(np.count_nonzero(positive & is_case))
        false_positives = int(np.count_nonzero(positive)) - true_positives
        return _threshold(wanted, rule, true_positives, false_positives, m, n)
    if not m or not n:
        return _threshold(nan, rule, 0, 0, m, n)
    values, tp, fp = counts_at_or_above(is_case, score)
    chosen = _choose(rule, wanted, tp.astype(np.int64), fp.astype(np.int64), m, n)
    if chosen is None:
        return Threshold(
            value=nan,
            rule=rule,
            sensitivity=nan,
            specificity=nan,
            n=m + n,
            events=m,
            status=Status.NOT_ATTAINABLE,
        )
    return _threshold(float(values[chosen]), rule, int(tp[chosen]), int(fp[chosen]), m, n)


def _wanted(rule: str, at: float | None) -> float:
    """Return `at` if it fits the rule, NaN for the rules that take none."""
    why = f" for the rule {rule!r}"
    if rule in _UNIT:
        return _checks.number_in(at, name="at", above=0.0, up_to=1.0, why=why)
    if rule == "cost-ratio":
        return _checks.number_in(at, name="at", above=0.0, up_to=np.finfo(float).max, why=why)
    if rule == "value":
        return _checks.number_in(at, name="at", above=-inf, up_to=np.finfo(float).max, why=why)
    _checks.not_given(at, name="at", why=why.strip())
    return nan


def _choose(
    rule: str, wanted: float, tp: NDArray[np.int64], fp: NDArray[np.int64], m: int, n: int
) -> int | None:
    """Return the index of the chosen candidate; candidates descend, so the first is the highest."""
    if rule == "sensitivity":
        return int(np.argmax(tp / m >= wanted))
    if rule == "specificity":
        reached = np.flatnonzero((n - fp) / n >= wanted)
        return int(reached[-1]) if reached.size else None
    if rule == "youden":
        return int(np.argmax(tp * n - fp * m))
    if rule == "closest-to-corner":
        return _least(
            ((m - tp) / m) ** 2 + (fp / n) ** 2,
            lambda i: Fraction(int(m - tp[i]), m) ** 2 + Fraction(int(fp[i]), n) ** 2,
        )
    ratio = Fraction(wanted)
    return _least(fp + wanted * (m - tp), lambda i: int(fp[i]) + ratio * int(m - tp[i]))


def _least(loss: NDArray[np.float64], exact: Callable[[int], Fraction]) -> int:
    """Return the first index of the exactly smallest loss, looking only where rounding matters."""
    smallest = float(loss.min())
    near = np.flatnonzero(loss <= smallest + 1e-12 * abs(smallest))
    return min((int(i) for i in near), key=lambda i: (exact(i), i))


def _threshold(value: float, rule: str, tp: int, fp: int, m: int, n: int) -> Threshold:
    undefined = np.isnan(value)
    status = Status.OK if m and n else Status.ONE_CLASS if m + n else Status.NO_PATIENTS
    return Threshold(
        value=value,
        rule=rule,
        sensitivity=tp / m if m and not undefined else nan,
        specificity=(n - fp) / n if n and not undefined else nan,
        n=m + n,
        events=m,
        status=status,
    )
