"""Censoring-weighted estimates and their influence functions, patient by patient.

`kind` is 0 for censored, 1 for the event of interest, 2 for a competing event.
"""

from math import sqrt

from tests.oracles.concordance import uncensored_before


def weights(time, kind, horizon):
    """Return the weights at the horizon; None if they cannot be had."""
    n, last = len(time), max(time)
    ends_censored = any(t == last and k == 0 for t, k in zip(time, kind, strict=True))
    if horizon > last and ends_censored:
        return None
    administrative = horizon == last and ends_censored
    events = [k > 0 for k in kind]
    out = []
    for i in range(n):
        if time[i] <= horizon and kind[i] > 0:
            out.append(1 / uncensored_before(time, events, time[i]))
        elif time[i] > horizon:
            out.append(1 / uncensored_after(time, events, horizon))
        elif administrative and time[i] == last:
            out.append(1 / uncensored_before(time, events, horizon))
        else:
            out.append(0.0)
    return out


def uncensored_after(time, events, at):
    """Return the probability of being uncensored at `at`, censorings at it included."""
    beyond = [t for t in time if t > at]
    return uncensored_before(time, events, min(beyond)) if beyond else 1.0


def hazard_influence(time, kind, k, until, *, inclusive):
    """Return patient k's influence on the cumulative hazard of being censored before `until`."""
    n = len(time)
    total = 0.0
    for u in sorted(set(time)):
        if not (u < until or (inclusive and u == until)):
            continue
        at_risk = sum(t >= u for t in time)
        censored = sum(t == u and c == 0 for t, c in zip(time, kind, strict=True))
        if time[k] == u and kind[k] == 0:
            total += n / at_risk
        if time[k] >= u:
            total -= n * censored / at_risk**2
    return total


def influence_of_mean(time, kind, horizon, values):
    """Return the weighted mean of `values` and each patient's influence on it."""
    n, w = len(time), weights(time, kind, horizon)
    mean = sum(a * b for a, b in zip(w, values, strict=True)) / n
    administrative = horizon == max(time)
    out = []
    for k in range(n):
        through_censoring = 0.0
        for j in range(n):
            event = time[j] <= horizon and kind[j] > 0
            until = time[j] if event else horizon
            inclusive = not event and not administrative
            phi = hazard_influence(time, kind, k, until, inclusive=inclusive)
            through_censoring += w[j] * values[j] * phi
        out.append(w[k] * values[k] - mean + through_censoring / n)
    return mean, out


def brier(time, kind, risk, horizon):
    """Return the Brier score and each patient's influence on it."""
    case = is_case(time, kind, horizon)
    return influence_of_mean(
        time, kind, horizon, [(c - p) ** 2 for c, p in zip(case, risk, strict=True)]
    )


def is_case(time, kind, horizon):
    """Return who had the event of interest by the horizon."""
    return [t <= horizon and k == 1 for t, k in zip(time, kind, strict=True)]


def auc(time, kind, score, horizon):
    """Return the AUC and each patient's influence on it, or None without case or control."""
    n, w = len(time), weights(time, kind, horizon)
    case = is_case(time, kind, horizon)
    control = [a > 0 and not c for a, c in zip(w, case, strict=True)]
    if not any(case) or not any(control):
        return None
    all_cases = sum(w[i] for i in range(n) if case[i]) / n
    all_controls = sum(w[i] for i in range(n) if control[i]) / n

    def share(i, j):
        return 1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0

    value, derivative = 0.0, [0.0] * n
    for i in range(n):
        for j in range(n):
            if case[i] and control[j]:
                value += w[i] * w[j] * share(i, j) / n**2
    value /= all_cases * all_controls
    for i in range(n):  # derivative of the AUC with respect to each patient's weight
        if case[i]:
            won = sum(w[j] * share(i, j) for j in range(n) if control[j]) / n
            derivative[i] = (won - value * all_controls) / (all_cases * all_controls)
        elif control[i]:
            won = sum(w[j] * share(j, i) for j in range(n) if case[j]) / n
            derivative[i] = (won - value * all_cases) / (all_cases * all_controls)
    _, influence = influence_of_mean(time, kind, horizon, derivative)
    return value, influence


def standard_error(influence):
    """Return the standard error of the mean of influences."""
    n = len(influence)
    mean = sum(influence) / n
    return sqrt(sum((x - mean) ** 2 for x in influence) / (n - 1) / n)


def incidence(time, kind, horizon):
    """Return the Aalen-Johansen cumulative incidence of kind 1."""
    free, total = 1.0, 0.0
    for u in sorted({t for t in time if t <= horizon}):
        at_risk = sum(t >= u for t in time)
        cases = sum(t == u and k == 1 for t, k in zip(time, kind, strict=True))
        events = sum(t == u and k > 0 for t, k in zip(time, kind, strict=True))
        total += free * cases / at_risk
        free *= (at_risk - events) / at_risk
    return total


def net_benefit(time, kind, risk, threshold, horizon):
    """Return the net benefit of treating at or above the threshold; None if not followed."""
    treated = [i for i, p in enumerate(risk) if p >= threshold]
    if not treated:
        return 0.0
    own_time, own_kind = [time[i] for i in treated], [kind[i] for i in treated]
    last = max(own_time)
    if horizon > last and any(
        t == last and k == 0 for t, k in zip(own_time, own_kind, strict=True)
    ):
        return None
    share = len(treated) / len(time)
    event = incidence(own_time, own_kind, horizon)
    return share * event - share * (1 - event) * threshold / (1 - threshold)
