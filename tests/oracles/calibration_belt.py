"""The calibration belt by its definition: published integrals, simulation, direct optimisation."""

from math import acos, asin, atan, exp, pi, sqrt

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import chi2

from tests.oracles.calibration import log_likelihood, logit


def cdf(t, degree, *, external, selection=0.95):
    """Return P(T <= t | degree) as printed by Nattino, Finazzi & Bertolini (2014)."""
    q, k = 1 - selection, chi2.ppf(selection, 1)

    def cube(r):
        root = sqrt(k)
        return (
            r**2
            * (exp(-(r**2) / 2) - exp(-t / 2))
            * (
                -pi * root / (2 * r)
                + 2 * root / r * asin((r**2 / k - 1) ** -0.5)
                - 2 * atan((1 - 2 * k / r**2) ** -0.5)
                + 2 * root / r * atan((r**2 / k - 2) ** -0.5)
                + 2 * atan(r / root * sqrt(r**2 / k - 2))
                - 2 * root / r * atan(sqrt(r**2 / k - 2))
            )
        )

    def square(r):
        return (
            r**2
            * exp(-(r**2) / 2)
            * (
                atan(sqrt(r**2 / k * (r**2 / k - 2)))
                - sqrt(k) / r * atan(sqrt(r**2 / k - 2))
                - sqrt(k) / r * acos((r**2 / k - 1) ** -0.5)
            )
        )

    entered = degree - (1 if external else 2)
    if entered == 0:
        value = chi2.cdf(t, 2 if external else 1)
    elif t <= entered * k:
        value = 0.0
    elif external and entered == 1:
        flat = sqrt(2 / pi) * exp(-t / 2) * (sqrt(t) - sqrt(k))
        value = (chi2.cdf(t, 1) - 1 + q - flat) / q
    elif external and entered == 2:
        one = quad(lambda y: (chi2.cdf(t - y, 1) - 1 + q) * chi2.pdf(y, 1), k, t - k)[0]
        two = quad(lambda y: (sqrt(t - y) - sqrt(k)) / sqrt(y), k, t - k)[0]
        value = (one - exp(-t / 2) / pi * two) / q**2
    elif external:
        value = (2 / (pi * q**2)) ** 1.5 * quad(cube, sqrt(3 * k), sqrt(t))[0]
    elif entered == 1:
        arc = quad(lambda r: r * exp(-(r**2) / 2) * acos(sqrt(k) / r), sqrt(k), sqrt(t))[0]
        value = 2 / (pi * q) * arc
    else:
        value = (2 / pi) ** 1.5 / q**2 * quad(square, sqrt(2 * k), sqrt(t))[0]
    return value


def simulated_sf(t, entered, rng, n, *, external, selection=0.95):
    """Return the share of n draws above t of chi-square plus chi-squares above the threshold."""
    total = chi2.rvs(2 if external else 1, size=n, random_state=rng)
    for _ in range(entered):
        total = total + chi2.isf(rng.random(n) * (1 - selection), 1)
    return np.mean(total > t)


def limits_of_a_line(y, p, at, drop):
    """Return the belt of a degree-1 curve at one risk, scanning the slope at each height."""
    lp, x0 = logit(p), float(logit(at))

    def best(height):
        """Return the largest log-likelihood of lines through (x0, height)."""

        def slope_score(b):
            return np.sum((lp - x0) * (y - expit(height + b * (lp - x0))))

        b = brentq(slope_score, -200, 200, xtol=1e-12)
        return log_likelihood(y, height + b * (lp - x0))

    grid = np.linspace(-6, 6, 121)
    tops = [best(h) for h in grid]
    top_height = grid[int(np.argmax(tops))]
    step = grid[1] - grid[0]
    for _ in range(60):  # golden-section search for the maximum
        inner = [top_height - step / 2, top_height, top_height + step / 2]
        top_height = max(inner, key=best)
        step /= 1.7
    top = best(top_height)

    def excess(height):
        return 2 * (top - best(height)) - drop

    return expit(brentq(excess, -30, top_height)), expit(brentq(excess, top_height, 30))
