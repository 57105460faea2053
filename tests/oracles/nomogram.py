"""A nomogram by its definition, one value at a time; no code of features."""

from math import exp, log


def contribution(effect, value):
    """Return what a value adds to the linear predictor; `effect` is a slope or a dict of levels."""
    return effect[value] if isinstance(effect, dict) else effect * value


def points(effects, shown, max_points=100.0):
    """Return {name: [points of the shown values]}; the widest predictor spans `max_points`."""
    spans = {}
    for name, effect in effects.items():
        contributions = [contribution(effect, value) for value in shown[name]]
        spans[name] = (min(contributions), max(contributions))
    widest = max(high - low for low, high in spans.values())
    found = {}
    for name, effect in effects.items():
        low = spans[name][0]
        found[name] = [
            max_points * (contribution(effect, value) - low) / widest for value in shown[name]
        ]
    return found


def risk(intercept, effects, patient, baseline=None):
    """Return the risk of a patient from the coefficients, without any points."""
    lp = intercept + sum(contribution(effect, patient[name]) for name, effect in effects.items())
    return 1 - baseline ** exp(lp) if baseline is not None else 1 / (1 + exp(-lp))


def steps(low, high, n):
    """Return the allowed steps of round ticks that give between n // 3 and about 2 n intervals."""
    size = (high - low) / n
    power = 10.0 ** int(log(size, 10) // 1)
    return [factor * power for factor in (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)]
