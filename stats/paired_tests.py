"""Paired comparison of two classifications of the same patients."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, chdtrc, ndtri

from extval.stats import _checks
from extval.stats.results import Comparison, Interval, SignificanceTest, Status

MCNEMAR_METHODS = ("exact", "mid-p", "asymptotic", "corrected")
_MCNEMAR_NAME = {
    "exact": "McNemar, exact",
    "mid-p": "McNemar, mid-P",
    "asymptotic": "McNemar, asymptotic",
    "corrected": "McNemar, asymptotic with continuity correction",
}
Counts = tuple[int, int, int, int]


def mcnemar_test(only_a: int, only_b: int, *, n: int, method: str = "exact") -> SignificanceTest:
    r"""Test whether two paired proportions are equal, from the discordant pairs.

    Parameters
    ----------
    only_a, only_b : int, not negative, together at most `n`
        Patients positive by a alone and by b alone.
    n : int
        All patients, for the record.
    method : {"exact", "mid-p", "asymptotic", "corrected"}
        Binomial test of `only_a` in the discordant pairs; the same counting half the probability
        of the observed count; chi-square without or with the continuity correction.

    Returns
    -------
    SignificanceTest
        `events` counts the discordant pairs. Without any P is 1: the classifications are the same.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    Mid-P is the exact P less half the probability of the outcomes just as extreme, which is one
    outcome when `only_a` equals `only_b` and two otherwise.
    Agrees with R 4.2.2 ``binom.test`` and ``mcnemar.test`` to 1e-12.

    References
    ----------
    Fagerland et al. (2013), BMC Med Res Methodol 13:91. :doi:`10.1186/1471-2288-13-91`

    Examples
    --------
    >>> [round(mcnemar_test(10, 2, n=50, method=m).p_value, 5) for m in ("exact", "mid-p")]
    [0.03857, 0.02246]
    """
    _checks.positive_integer(n, name="n", at_least=0)
    method = _checks.choice(method, MCNEMAR_METHODS, name="method")
    a = _checks.positive_integer(only_a, name="only_a", at_least=0)
    b = _checks.positive_integer(only_b, name="only_b", at_least=0)
    discordant, _ = _checks.successes_of(a + b, n)
    found = partial(SignificanceTest, method=_MCNEMAR_NAME[method], n=n, events=discordant)
    if method in {"asymptotic", "corrected"}:
        gap = max(abs(a - b) - (1 if method == "corrected" else 0), 0)
        statistic = gap * gap / discordant if discordant else 0.0
        return found(statistic=statistic, df=1.0, p_value=float(chdtrc(1.0, statistic)))
    return found(statistic=nan, p_value=_exact_p(min(a, b), discordant, mid=method == "mid-p"))


def sensitivity_test(
    y_true: ArrayLike,
    positive_a: ArrayLike,
    positive_b: ArrayLike,
    *,
    method: str = "exact",
    confidence_level: float = 0.95,
) -> Comparison:
    """Compare the sensitivities of two classifications of the same patients.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    positive_a, positive_b : array_like of shape (n,), 0 or 1
        Whether each model calls the patient positive, each at its own frozen threshold.
    method : {"exact", "mid-p", "asymptotic", "corrected"}
        Of the McNemar test among the patients with the event.
    confidence_level : float in (0, 1)

    Returns
    -------
    Comparison
        Sensitivity a minus sensitivity b; `n` counts the patients with the event, among whom it is
        made. The interval is Tango's score interval. NaN when there is none.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    References
    ----------
    Tango (1998), Statistics in Medicine 17:891.
    :doi:`10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B`

    Examples
    --------
    >>> found = sensitivity_test([1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [1, 0, 0, 0, 1])
    >>> found.difference, found.p_value
    (0.5, 0.5)
    """
    table = _paired(y_true, positive_a, positive_b)
    status = _absent(table.cases, table.controls)
    return _proportion_test(table.cases, sum(table.cases), status, method, confidence_level)


def specificity_test(
    y_true: ArrayLike,
    positive_a: ArrayLike,
    positive_b: ArrayLike,
    *,
    method: str = "exact",
    confidence_level: float = 0.95,
) -> Comparison:
    """Compare the specificities of two classifications of the same patients.

    As `sensitivity_test`, among the patients without the event and for their negative results.

    Examples
    --------
    >>> specificity_test([0, 0, 0, 1], [0, 0, 0, 1], [1, 0, 0, 1]).p_value
    1.0
    """
    table = _paired(y_true, positive_a, positive_b)
    status = _absent(table.controls, table.cases)
    return _proportion_test(table.controls[::-1], 0, status, method, confidence_level)


def tango_interval(only_a: int, only_b: int, n: int, *, confidence_level: float = 0.95) -> Interval:
    r"""Return Tango's score interval of the difference of two paired proportions.

    Parameters
    ----------
    only_a, only_b : int, not negative, together at most `n`
        Patients positive by a alone and by b alone.
    n : int
        All patients; with 0 both limits are NaN.
    confidence_level : float in (0, 1)

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    The differences :math:`\delta` with :math:`|a - b - n\delta| \le z\sqrt{n(2\hat q + \delta
    (1-\delta))}`, where :math:`\hat q` is the maximum-likelihood share of `only_b` given
    :math:`\delta`; the limits are found by bisection to the last bit.

    References
    ----------
    Tango (1998), Statistics in Medicine 17:891.
    :doi:`10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B`

    Examples
    --------
    >>> limits = tango_interval(10, 2, 50)
    >>> round(limits.low, 4), round(limits.high, 4)
    (0.0281, 0.3005)
    """
    a = _checks.positive_integer(only_a, name="only_a", at_least=0)
    b = _checks.positive_integer(only_b, name="only_b", at_least=0)
    _checks.successes_of(a + b, n)
    level = _checks.level(confidence_level)
    if n == 0:
        return Interval.undefined(level)
    z = float(ndtri(0.5 + level / 2))

    def score(delta: float) -> float:
        linear = -a - b + (2 * n - a + b) * delta
        constant = -b * delta * (1.0 - delta)
        share = (sqrt(max(linear * linear - 8 * n * constant, 0.0)) - linear) / (4 * n)
        variance = n * (2.0 * share + delta * (1.0 - delta))
        gap = a - b - n * delta
        if variance <= 0.0:
            return 0.0 if gap == 0.0 else inf if gap > 0.0 else -inf
        return gap / sqrt(variance)

    observed = (a - b) / n
    low = -1.0 if a - b == -n else _crossing(score, z, -1.0, observed)
    high = 1.0 if a - b == n else _crossing(score, -z, observed, 1.0)
    return Interval(low, high, level)


def predictive_value_tests(
    y_true: ArrayLike,
    positive_a: ArrayLike,
    positive_b: ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> dict[str, Comparison]:
    r"""Compare the predictive values of two classifications of the same patients.

    Parameters
    ----------
    y_true : array_like of shape (n,), 0 or 1
    positive_a, positive_b : array_like of shape (n,), 0 or 1
        Whether each model calls the patient positive, each at its own frozen threshold.
    confidence_level : float in (0, 1)

    Returns
    -------
    dict of str to Comparison
        Keys ppv, npv: value a minus value b, with Kosinski's weighted generalized score chi-square
        on 1 degree of freedom and a Wald interval whose variance allows for patients positive
        (negative) by both. NaN when a model calls nobody positive (negative). Zero variance with
        a zero difference gives P = 1.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    With :math:`n_a, n_b` positive, pooled value :math:`p`, and
    :math:`c = (TP_{ab}(1-p)^2 + FP_{ab}p^2)/(n_a + n_b)` over the patients positive by both,
    :math:`T = (PPV_a - PPV_b)^2 / [(p(1-p) - 2c)(1/n_a + 1/n_b)]` [1]_. Reproduces the published
    output of R DTComPair 1.2.2 ``pv.wgs`` to all its digits.

    References
    ----------
    .. [1] Kosinski (2013), Statistics in Medicine 32:964. :doi:`10.1002/sim.5587`
    .. [2] Leisenring et al. (2000), Biometrics 56:345. :doi:`10.1111/j.0006-341X.2000.00345.x`

    Examples
    --------
    >>> y, a, b = [1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0], [1, 1, 1, 0, 0, 1]
    >>> round(predictive_value_tests(y, a, b)["ppv"].difference, 4)
    -0.0833
    """
    table = _paired(y_true, positive_a, positive_b)
    level = _checks.level(confidence_level)
    n, events = int(sum(table.cases) + sum(table.controls)), int(sum(table.cases))
    return {
        "ppv": _predictive_test(table.cases, table.controls, "positive", n, events, level),
        "npv": _predictive_test(
            table.controls[::-1], table.cases[::-1], "negative", n, events, level
        ),
    }


@dataclass(frozen=True, slots=True)
class _Paired:
    """Counts by (both, only a, only b, neither) positive, of cases and of controls.

    Reversed, a tuple counts (neither, only b, only a, both): the negatives of both, of a alone,
    of b alone, of neither.
    """

    cases: Counts
    controls: Counts


def _paired(y_true: ArrayLike, positive_a: ArrayLike, positive_b: ArrayLike) -> _Paired:
    is_case = _checks.binary(y_true)
    a = _checks.binary(positive_a, name="positive_a")
    b = _checks.binary(positive_b, name="positive_b")
    _checks.same_length(a, is_case.size, name="positive_a")
    _checks.same_length(b, is_case.size, name="positive_b")

    def counts(group: NDArray[np.bool_]) -> Counts:
        both, total = int(np.count_nonzero(a & b & group)), int(np.count_nonzero(group))
        in_a, in_b = int(np.count_nonzero(a & group)), int(np.count_nonzero(b & group))
        return both, in_a - both, in_b - both, total - in_a - in_b + both

    return _Paired(counts(is_case), counts(~is_case))


def _absent(own: Counts, other: Counts) -> Status:
    """Return why there is nobody to compare in one class, or `Status.OK`."""
    if sum(own):
        return Status.OK
    return Status.ONE_CLASS if sum(other) else Status.NO_PATIENTS


def _proportion_test(
    counts: Counts, events: int, status: Status, method: str, confidence_level: float
) -> Comparison:
    level = _checks.level(confidence_level)
    method = _checks.choice(method, MCNEMAR_METHODS, name="method")
    _, only_a, only_b, _ = counts
    n = sum(counts)
    result = partial(
        Comparison,
        method=f"{_MCNEMAR_NAME[method]}; Tango score interval",
        n=n,
        events=events,
        status=status,
    )
    if not n:
        return result(difference=nan, interval=Interval.undefined(level))
    test = mcnemar_test(only_a, only_b, n=n, method=method)
    return result(
        difference=(only_a - only_b) / n,
        interval=tango_interval(only_a, only_b, n, confidence_level=level),
        statistic=test.statistic,
        df=test.df,
        p_value=test.p_value,
    )


def _predictive_test(
    right: Counts, wrong: Counts, result_name: str, n: int, events: int, level: float
) -> Comparison:
    """Compare the shares that are `right` among those called by a and among those called by b."""
    both_right, both_wrong = right[0], wrong[0]
    right_a, right_b = right[0] + right[1], right[0] + right[2]
    n_a, n_b = right_a + wrong[0] + wrong[1], right_b + wrong[0] + wrong[2]
    result = partial(
        Comparison,
        method="weighted generalized score chi-square; Wald interval",
        n=n,
        events=events,
    )
    undefined = Interval.undefined(level)
    if not n_a or not n_b:
        nobody = Status.NONE_POSITIVE if result_name == "positive" else Status.NONE_NEGATIVE
        return result(
            difference=nan, interval=undefined, status=nobody if n else Status.NO_PATIENTS
        )
    a, b = right_a / n_a, right_b / n_b
    difference = (right_a * n_b - right_b * n_a) / (n_a * n_b)
    # n^3 times the pooled variance, a whole number, so that a zero variance is exactly zero.
    both, called = right_a + right_b, n_a + n_b
    pooled = both * (called - both) * called - 2 * (
        both_right * (called - both) ** 2 + both_wrong * both**2
    )
    if pooled <= 0:
        if n_a == n_b == both_right + both_wrong:
            no_width = Interval(0.0, 0.0, level)
            return result(
                difference=0.0, se=0.0, interval=no_width, statistic=0.0, df=1.0, p_value=1.0
            )
        return result(difference=difference, interval=undefined, status=Status.NO_VARIATION)
    statistic = difference**2 / (pooled / called**3 * (1 / n_a + 1 / n_b))
    shared = both_right * (1 - a) * (1 - b) + both_wrong * a * b
    se = sqrt(a * (1 - a) / n_a + b * (1 - b) / n_b - 2 * shared / (n_a * n_b))
    margin = float(ndtri(0.5 + level / 2)) * se
    return result(
        difference=difference,
        se=se,
        interval=Interval(difference - margin, difference + margin, level),
        statistic=statistic,
        df=1.0,
        p_value=float(chdtrc(1.0, statistic)),
    )


def _exact_p(fewer: int, discordant: int, *, mid: bool) -> float:
    """Return the two-sided binomial P at one half of the smaller discordant count."""
    if not discordant:
        return 1.0

    def at_most(k: int) -> float:
        return float(betainc(discordant - k, k + 1, 0.5)) if k >= 0 else 0.0

    if 2 * fewer == discordant:
        return 1.5 - at_most(fewer) if mid else 1.0
    # Rounding can lift 2 * 0.5 above 1 by a few ulps.
    return at_most(fewer) + at_most(fewer - 1) if mid else min(1.0, 2.0 * at_most(fewer))


def _crossing(score: Callable[[float], float], level: float, low: float, high: float) -> float:
    """Return where a decreasing score crosses a level between two points."""
    while True:
        middle = 0.5 * (low + high)
        if middle in {low, high}:
            return middle
        if score(middle) > level:
            low = middle
        else:
            high = middle
