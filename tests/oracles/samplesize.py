"""Riley's sample-size integrals by the midpoint rule; shares no code with stats."""

import numpy as np
from scipy.special import expit
from scipy.stats import beta, norm


def density(family, parameters):
    """Return the density of the linear predictor and an interval that holds it all."""
    if family == "normal":
        mean, sd = parameters
        return norm(mean, sd).pdf, (mean - 12 * sd, mean + 12 * sd)
    if family == "beta":
        risk = beta(*parameters)
        return lambda x: risk.pdf(expit(x)) * expit(x) * expit(-x), (-36, 36)
    without, event, sd, phi = parameters
    mixture = [(1 - phi, norm(without, sd)), (phi, norm(event, sd))]
    limits = (without - 12 * sd, event + 12 * sd)
    return lambda x: sum(share * part.pdf(x) for share, part in mixture), limits


def expectation(g, family, parameters):
    """Return the expectation of g(x) by the midpoint rule on 400,000 strips."""
    f, (low, high) = density(family, parameters)
    step = (high - low) / 400_000
    x = low + step * (np.arange(400_000) + 0.5)
    return (g(x) * f(x)).sum() * step


def slope_variance(family, parameters, intercept=0.0, slope=1.0):
    """Return n times the variance of the calibration slope."""

    def information(power):
        def g(x):
            p = expit(intercept + slope * x)
            return x**power * p * (1 - p)

        return expectation(g, family, parameters)

    matrix = np.array([[information(0), information(1)], [information(1), information(2)]])
    return np.linalg.inv(matrix)[1, 1]


def uncensored_slope_variance(mean, sd):
    """Return n times the sandwich variance of the slope at a horizon that everybody reaches."""

    def moments(weight):
        s0, s1, s2 = (
            expectation(lambda x, p=power: x**p * weight(x), "normal", (mean, sd))
            for power in (0, 1, 2)
        )
        return np.array([[s0, s1], [s1, s2]])

    def gradient(x):
        return np.exp(x - np.exp(x))

    def binomial(x):
        return -np.expm1(-np.exp(x)) * np.exp(-np.exp(x))

    bread = np.linalg.inv(moments(lambda x: gradient(x) ** 2))
    return (bread @ moments(lambda x: gradient(x) ** 2 * binomial(x)) @ bread)[1, 1]
