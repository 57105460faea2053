"""Assumed distributions of a model's linear predictor, integrated deterministically."""

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, log_expit, logit, ndtri, polygamma, psi

from extval.stats import _checks

FloatArray = NDArray[np.float64]

_ORDER = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearPredictor:
    """A distribution of the linear predictor among patients; made by the functions below.

    Attributes
    ----------
    family : {"normal", "beta", "binormal", "sample"}
        Kind of distribution.
    parameters : tuple of float
        Mean and standard deviation; alpha and beta; mean without and with the event, standard
        deviation and prevalence; empty for a sample.
    values : ndarray of shape (n,)
        Sorted values of a sample; empty otherwise.
    """

    family: str
    parameters: tuple[float, ...]
    values: FloatArray

    def describe(self) -> str:
        """Return the distribution in words, for a methods sentence."""
        p = self.parameters
        if self.family == "normal":
            return f"normal linear predictor with mean {p[0]:g} and standard deviation {p[1]:g}"
        if self.family == "beta":
            return f"beta-distributed risks with alpha {p[0]:g} and beta {p[1]:g}"
        if self.family == "binormal":
            return (
                f"linear predictor normal with mean {p[1]:g} with and {p[0]:g} without the event, "
                f"standard deviation {p[2]:g}"
            )
        return f"linear predictors of {self.values.size} patients"


def normal_linear_predictor(mean: float, sd: float) -> LinearPredictor:
    """Return a linear predictor that is normal in the population; `sd` positive."""
    parameters = (_checks.real(mean, name="mean"), _checks.positive(sd, name="sd"))
    return LinearPredictor(family="normal", parameters=parameters, values=np.empty(0))


def beta_risks(alpha: float, beta: float) -> LinearPredictor:
    """Return the logit of risks that follow a beta distribution; both parameters positive."""
    parameters = (_checks.positive(alpha, name="alpha"), _checks.positive(beta, name="beta"))
    return LinearPredictor(family="beta", parameters=parameters, values=np.empty(0))


def binormal_linear_predictor(prevalence: float, auc: float) -> LinearPredictor:
    r"""Return the calibrated linear predictor, normal with and without the event, of a given AUC.

    Parameters
    ----------
    prevalence : float in (0, 1)
        Outcome proportion.
    auc : float in (0.5, 1)
        Area under the ROC curve.

    Returns
    -------
    LinearPredictor
        Variance :math:`\sigma^2 = 2\Phi^{-1}(AUC)^2` in both groups and means
        :math:`logit(prevalence) \mp \sigma^2/2`, which makes the risks exactly calibrated.
        pmvalsampsize searches the same mean by simulation (``lpcstat``).
    """
    phi = _checks.level(prevalence, name="prevalence")
    variance = 2 * float(ndtri(_checks.between(auc, 0.5, 1.0, name="auc"))) ** 2
    middle = float(logit(phi))
    parameters = (middle - variance / 2, middle + variance / 2, sqrt(variance), phi)
    return LinearPredictor(family="binormal", parameters=parameters, values=np.empty(0))


def sampled_linear_predictor(values: ArrayLike) -> LinearPredictor:
    """Return the empirical distribution of the linear predictors of some patients, shape (n,)."""
    sample = np.sort(_checks.spread_sample(values))
    return LinearPredictor(family="sample", parameters=(), values=sample)


@dataclass(frozen=True, slots=True)
class Panels:
    """Quadrature over the linear predictor: weights that sum to one, nodes in ascending order."""

    nodes: FloatArray
    weights: FloatArray
    order: int

    def mean(self, values: FloatArray) -> FloatArray:
        """Return the expectation of `values`, shape (nodes, ...)."""
        return np.asarray(np.tensordot(self.weights, values, axes=1))

    def below(self, values: FloatArray) -> FloatArray:
        """Return, at every node, the integral of `values`, shape (nodes, ...), below it.

        Between patients of a sample the node itself counts one half.
        """
        mass = self.weights.reshape(-1, *[1] * (values.ndim - 1)) * values
        return cumulative(mass, self.order)


def quadrature(lp: LinearPredictor, *cuts: float) -> Panels:
    """Return nodes and weights for smooth functions with breaks at `cuts` only.

    Composite Gauss-Legendre; panels are at most 0.5 wide near zero, where the logistic function
    bends, so that expectations are accurate to about 1e-13.
    """
    if lp.family == "sample":
        n = lp.values.size
        return Panels(lp.values, np.full(n, 1 / n), 1)
    edges = np.concatenate([_edges(lp), [cut for cut in cuts if np.isfinite(cut)]])
    nodes, widths = legendre_panels(np.unique(edges))
    weights = widths * _density(lp, nodes)
    return Panels(nodes, weights / weights.sum(), _ORDER)


def legendre_panels(edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return Gauss-Legendre nodes and weights on every panel between ascending `edges`."""
    x, w = np.polynomial.legendre.leggauss(_ORDER)
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


def cumulative(mass: FloatArray, order: int) -> FloatArray:
    """Return the running integral at every node of `mass` = weight times integrand.

    `mass` has shape (panels * order, ...). Inside a panel the interpolating polynomial is
    integrated; with `order` 1 every node is an atom and counts one half of itself.
    """
    panels = mass.reshape(-1, order, *mass.shape[1:])
    total = panels.sum(axis=1)
    before = np.cumsum(total, axis=0) - total
    inside = np.einsum("ij,pj...->pi...", _inner_integrals(order), panels)
    return np.asarray((before[:, None] + inside).reshape(mass.shape))


def _inner_integrals(order: int) -> FloatArray:
    """Return the matrix that integrates from the left end of a panel to each of its nodes."""
    if order == 1:
        return np.array([[0.5]])
    x, w = np.polynomial.legendre.leggauss(order)
    powers = np.polynomial.legendre.legvander(x, order - 1)
    to_coefficients = (np.arange(order) + 0.5)[:, None] * powers.T * w
    antiderivative = np.polynomial.legendre.legint(np.eye(order), lbnd=-1, axis=0)
    integrals = np.polynomial.legendre.legvander(x, order) @ antiderivative
    return np.asarray(integrals @ to_coefficients / w)


def _edges(lp: LinearPredictor) -> FloatArray:
    if lp.family == "beta":
        alpha, beta = lp.parameters
        low, high = -40 / min(alpha, 1.0), 40 / min(beta, 1.0)
        middle = float(psi(alpha) - psi(beta))
        sd = sqrt(float(polygamma(1, alpha) + polygamma(1, beta)))
        pieces = [
            np.linspace(low, -40, 81),
            np.arange(-40.0, 40.5, 0.5),
            np.linspace(40, high, 81),
            np.linspace(max(middle - 12 * sd, low), min(middle + 12 * sd, high), 97),
        ]
        return np.concatenate(pieces)
    if lp.family == "binormal":
        first, last, sd = lp.parameters[:3]
    else:
        first, sd = lp.parameters
        last = first
    low, high = first - 10 * sd, last + 10 * sd
    step = min(0.5, sd / 2)
    return np.linspace(low, high, int(np.ceil((high - low) / step)) + 1)


def _density(lp: LinearPredictor, x: FloatArray) -> FloatArray:
    if lp.family == "beta":
        a, b = lp.parameters
        return np.asarray(np.exp(a * log_expit(x) + b * log_expit(-x) - betaln(a, b)))
    if lp.family == "normal":
        return _normal(x, *lp.parameters)
    without, event, sd, phi = lp.parameters
    return (1 - phi) * _normal(x, without, sd) + phi * _normal(x, event, sd)


def _normal(x: FloatArray, mean: float, sd: float) -> FloatArray:
    return np.asarray(np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * sqrt(2 * pi)))
