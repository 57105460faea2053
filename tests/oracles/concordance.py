"""The concordance index from its definition: all pairs, one after the other."""

from math import sqrt


def uncensored_before(time, event, at):
    """Return the probability of being uncensored just before `at`, events first at equal times."""
    survival = 1.0
    for u in sorted({t for t, e in zip(time, event, strict=True) if not e and t < at}):
        left = sum(t > u or (t == u and not e) for t, e in zip(time, event, strict=True))
        gone = sum(t == u and not e for t, e in zip(time, event, strict=True))
        survival *= 1 - gone / left
    return survival


def pair_weight(time, event, i, estimator, horizon):
    """Return what pairs weigh in which patient i has the earlier event."""
    if not event[i] or (horizon is not None and time[i] > horizon):
        return 0.0
    return 1.0 if estimator == "harrell" else uncensored_before(time, event, time[i]) ** -2


def parts(time, event, score, estimator="harrell", horizon=None):
    """Return C, and each patient's share of the concordant and of the comparable weight."""
    n = len(time)
    wins, pairs = [0.0] * n, [0.0] * n
    total_wins = total_pairs = 0.0
    for i in range(n):
        weight = pair_weight(time, event, i, estimator, horizon)
        for j in range(n):
            outlived = time[j] > time[i] or (time[j] == time[i] and not event[j])
            if i == j or not weight or not outlived:
                continue
            won = weight * (1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0)
            total_wins, total_pairs = total_wins + won, total_pairs + weight
            for k in (i, j):
                wins[k] += won
                pairs[k] += weight
    return total_wins, total_pairs, wins, pairs


def concordance(time, event, score, estimator="harrell", horizon=None):
    """Return C with the influence of each patient, or None if no pair is comparable."""
    won, all_pairs, wins, pairs = parts(time, event, score, estimator, horizon)
    if not all_pairs:
        return None
    c = won / all_pairs
    return c, [(w - c * p) / all_pairs for w, p in zip(wins, pairs, strict=True)]


def standard_error(influence):
    """Return the infinitesimal-jackknife standard error."""
    return sqrt(sum(d * d for d in influence))
