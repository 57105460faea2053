"""Life tables, rank tests and restricted means from their definitions; shares no code with stats.

Counts by scanning all patients at every time, sums as exact fractions where that is possible.
"""

from fractions import Fraction
from itertools import combinations, permutations
from math import exp, inf, isnan, log, nan, sqrt

import numpy as np
from scipy.stats import chi2, norm


def life_table(time, event, entry=None, weights=None):
    """Return rows (t, at risk, events, censored), counts as fractions."""
    n = len(time)
    entry = [-inf] * n if entry is None else entry
    weights = [1] * n if weights is None else weights
    rows = []
    for t in sorted({t for t, w in zip(time, weights, strict=True) if w > 0}):
        risk = events = censored = Fraction(0)
        for stop, died, start, w in zip(time, event, entry, weights, strict=True):
            w = Fraction(w)  # noqa: PLW2901
            if start < t <= stop:
                risk += w
            if stop == t and died:
                events += w
            if stop == t and not died:
                censored += w
        rows.append((t, risk, events, censored))
    return rows


def kaplan_meier(time, event, entry=None, weights=None, level=0.95, method="log-log"):
    """Return rows (t, S, standard error, lower, upper)."""
    z, s, variance, rows = norm.ppf(0.5 + level / 2), Fraction(1), Fraction(0), []
    for t, risk, events, _ in life_table(time, event, entry, weights):
        s *= 1 - events / risk
        if s == 0:
            rows.append((t, 0.0, nan, nan, nan))
            continue
        variance += events / (risk * (risk - events))
        se = float(s) * sqrt(variance)
        if s == 1:
            rows.append((t, 1.0, 0.0, nan, nan))
            continue
        if method == "plain":
            low, high = float(s) - z * se, float(s) + z * se
        elif method == "log":
            low, high = (exp(log(s) + side * z * se / float(s)) for side in (-1, 1))
        else:
            eta, width = log(-log(s)), z * se / (float(s) * abs(log(s)))
            low, high = exp(-exp(eta + width)), exp(-exp(eta - width))
        rows.append((t, float(s), se, max(low, 0.0), min(high, 1.0)))
    return rows


def quantile(rows, q, column=1):
    """Return where a step curve of `kaplan_meier` comes down to 1 - q; NaN if it does not."""
    times, values = [row[0] for row in rows], [row[column] for row in rows]
    for i, value in enumerate(values):
        if isnan(value) or value > 1 - q + 1e-8:
            continue
        if value < 1 - q - 1e-8:
            return times[i]
        for later in range(i, len(values)):
            if values[later] < 1 - q - 1e-8:
                return (times[i] + times[later]) / 2
        return nan if isnan(values[-1]) else (times[i] + times[-1]) / 2
    return nan


def numbers_at_risk(time, event, at, entry=None):
    entry = [start if start else -inf for start in (entry or [0] * len(time))]
    patients = list(zip(time, event, entry, strict=True))
    return [
        (
            sum(start < t <= stop for stop, _, start in patients),
            sum(stop < t and bool(died) for stop, died, _ in patients),
            sum(stop < t and not died for stop, died, _ in patients),
        )
        for t in at
    ]


def restricted_mean(time, event, tau):
    """Return (mean, standard error) by adding up rectangles."""
    rows = life_table(time, event)

    def survival_from(start):
        """Area under S between `start` and tau."""
        area, s, last = Fraction(0), Fraction(1), Fraction(0)
        for t, risk, events, _ in [*rows, (tau, Fraction(1), Fraction(0), 0)]:
            low, high = max(last, Fraction(start)), min(Fraction(t), Fraction(tau))
            area += s * max(high - low, 0)
            s *= 1 - events / risk
            last = Fraction(t)
            if t >= tau:
                break
        return area

    variance = sum(
        survival_from(t) ** 2 * events / (risk * (risk - events))
        for t, risk, events, _ in rows
        if t < tau and events and risk > events
    )
    return float(survival_from(0)), sqrt(variance)


def _weight(family, t, table, rho, gamma):
    """Return the weight of event time t from the pooled life table."""
    risk = next(row[1] for row in table if row[0] == t)
    if family == "logrank":
        return 1.0
    if family == "gehan":
        return float(risk)
    if family == "tarone-ware":
        return sqrt(risk)
    if family == "peto-peto":
        s = Fraction(1)
        for u, n, d, _ in table:
            if u <= t:
                s *= 1 - d / (n + 1)
        return float(s)
    s = Fraction(1)
    for u, n, d, _ in table:
        if u < t:
            s *= 1 - d / n
    return float(s) ** rho * float(1 - s) ** gamma


def logrank_parts(
    time, event, group, family="logrank", rho=1.0, gamma=0.0, strata=None, entry=None
):
    """Return (observed, expected, covariance) with one hypergeometric table an event time."""
    labels = sorted(set(group))
    strata = [0] * len(time) if strata is None else strata
    entry = [-inf] * len(time) if entry is None else entry
    k = len(labels)
    observed, expected, variance = np.zeros(k), np.zeros(k), np.zeros((k, k))
    for s in sorted(set(strata)):
        inside = [
            row[:4] for row in zip(time, event, group, entry, strata, strict=True) if row[4] == s
        ]
        table = life_table(*([row[i] for row in inside] for i in (0, 1, 3)))
        for t, risk, deaths, _ in table:
            if deaths == 0:
                continue
            w = _weight(family, t, table, rho, gamma)
            n_j = [sum(g == a and start < t <= u for u, _, g, start in inside) for a in labels]
            d_j = [sum(g == a and u == t and d for u, d, g, _ in inside) for a in labels]
            n, d = int(risk), int(deaths)
            for i in range(k):
                observed[i] += w * d_j[i]
                expected[i] += w * d * n_j[i] / n
                for j in range(k):
                    if n > 1:
                        factor = d * (n - d) / (n - 1)
                        variance[i, j] += w**2 * factor * (n_j[i] / n) * ((i == j) - n_j[j] / n)
    return observed, expected, variance


def logrank(*args, **options):
    """Return (chi-square, df, P) by a generalised inverse; df from its rank."""
    observed, expected, variance = logrank_parts(*args, **options)
    difference = observed - expected
    scale = np.trace(variance)
    rank = 0 if scale == 0 else int((np.linalg.eigvalsh(variance) > 1e-9 * scale).sum())
    if rank == 0:
        return nan, nan, nan
    statistic = float(difference @ np.linalg.pinv(variance, rcond=1e-9) @ difference)
    return statistic, rank, float(chi2.sf(statistic, rank))


def permutation_p(time, event, group, **options):
    """Return the exact P of sum (U_j ** 2 / n_j) over all relabellings of the patients."""
    sizes = {a: group.count(a) for a in group}
    labels = sorted(sizes)

    def statistic(relabelled):
        observed, expected, _ = logrank_parts(time, event, relabelled, **options)
        return sum(
            (o - e) ** 2 / sizes[a] for o, e, a in zip(observed, expected, labels, strict=True)
        )

    reached = statistic(group)
    if len(labels) == 2:
        indices = range(len(group))
        relabellings = [
            [labels[0] if i in chosen else labels[1] for i in indices]
            for chosen in combinations(indices, sizes[labels[0]])
        ]
    else:
        relabellings = sorted(set(permutations(group)))
    values = [statistic(list(g)) for g in relabellings]
    return sum(value >= reached - 1e-9 for value in values) / len(values)
