"""What follows a log-rank test of k groups: the test for trend and all pairs of groups."""

from dataclasses import dataclass
from itertools import combinations
from math import nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from extval.stats import _checks
from extval.stats.logrank import LogrankResult, logrank_test
from extval.stats.multiplicity import holm
from extval.stats.results import SignificanceTest, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class PairwiseLogrank:
    """The log-rank test of two of k groups; `p_adjusted` is Holm's over all pairs."""

    a: Any
    b: Any
    test: LogrankResult
    p_adjusted: float


def logrank_trend_test(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    scores: ArrayLike | None = None,
    weights: str = "logrank",
    rho: float | None = None,
    gamma: float | None = None,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
) -> SignificanceTest:
    r"""Test whether survival rises or falls along ordered groups.

    Parameters
    ----------
    time, event, group, weights, rho, gamma, strata, entry
        As for `logrank_test`; the groups are ordered by their labels.
    scores : array_like of shape (k,), finite, optional
        Where each group lies; equally spaced if not given. Only their spacing matters.

    Returns
    -------
    SignificanceTest
        Chi-square with one degree of freedom; NaN where `logrank_test` is NaN, and where all
        scores are equal.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`(c'U)^2 / c'Vc` with the scores c and the U and V of `logrank_test` [1]_. Agrees with the
    same expression of R survival 3.5.3 ``survdiff``'s components to 1e-10.

    References
    ----------
    .. [1] Tarone (1975), Biometrika 62:679. :doi:`10.1093/biomet/62.3.679`

    Examples
    --------
    >>> test = logrank_trend_test([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 1], [1, 1, 2, 2, 3, 3])
    >>> round(test.statistic, 4)
    6.6717
    """
    whole = logrank_test(
        time, event, group, weights=weights, rho=rho, gamma=gamma, strata=strata, entry=entry
    )
    k = len(whole.groups)
    c = np.arange(k, dtype=np.float64)
    if scores is not None:
        c = _checks.finite(scores, k, name="scores")
    status, statistic = whole.status, nan
    if status is Status.OK:
        c = c - c.mean()
        variance = float(np.einsum("i,ij,j", c, whole.variance, c))
        if variance > 1e-12 * float((c * c * np.diag(whole.variance)).sum()):
            difference = float((c * (whole.observed - whole.expected)).sum())
            statistic = difference * difference / variance
        else:
            status = Status.NO_TREND_TO_TEST
    return SignificanceTest(
        statistic=statistic,
        df=1.0 if status is Status.OK else nan,
        p_value=float(chdtrc(1.0, statistic)),
        method=f"{whole.method} for trend",
        n=whole.n,
        events=whole.events,
        status=status,
    )


def pairwise_logrank_tests(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    weights: str = "logrank",
    rho: float | None = None,
    gamma: float | None = None,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
) -> tuple[PairwiseLogrank, ...]:
    """Compare every two of k groups by a log-rank test, with Holm-adjusted P values.

    Parameters
    ----------
    time, event, group, weights, rho, gamma, strata, entry
        As for `logrank_test`.

    Returns
    -------
    tuple of PairwiseLogrank
        In the order of the labels; empty with fewer than two groups. Each test uses the patients
        of its two groups alone. A pair that cannot be tested is NaN and does not count in the
        family.

    Raises
    ------
    ValueError
        If an argument leaves its domain.

    Notes
    -----
    Agrees with R survival 3.5.3 ``survdiff`` on each pair and ``p.adjust(method = "holm")``.

    Examples
    --------
    >>> pairs = pairwise_logrank_tests(
    ...     [1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 1], [1, 1, 2, 2, 3, 3]
    ... )
    >>> [(p.a, p.b, round(p.p_adjusted, 3)) for p in pairs]
    [(1, 2, 0.269), (1, 3, 0.269), (2, 3, 0.269)]
    """
    n = np.shape(time)[0]
    groups, member = _checks.labels(group, n, name="group")
    data = {"time": time, "event": event, "group": group, "strata": strata, "entry": entry}
    given = {name: np.asarray(values) for name, values in data.items() if values is not None}
    for name, values in given.items():
        _checks.same_length(values, n, name=name)
    tests = []
    for a, b in combinations(range(groups.size), 2):
        chosen = (member == a) | (member == b)
        part = {name: values[chosen] for name, values in given.items()}
        tests.append((a, b, logrank_test(**part, weights=weights, rho=rho, gamma=gamma)))
    adjusted = holm([test.p_value for _, _, test in tests])
    labels = groups.tolist()
    return tuple(
        PairwiseLogrank(a=labels[a], b=labels[b], test=test, p_adjusted=float(p))
        for (a, b, test), p in zip(tests, adjusted, strict=True)
    )
