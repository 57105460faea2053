"""mRMR: features that tell the outcome and repeat one another little."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from extval.features.modelling import _univariate
from extval.features.modelling._correlated import unit_columns
from extval.features.modelling._kernels_mrmr import (
    f_statistics,
    select_by_correlation,
    select_by_information,
)
from extval.features.modelling._matrix import (
    binary_outcome,
    feature_names,
    matrix,
    refuse_constant,
    survival_outcome,
)
from extval.features.modelling._selection import KeepsFeatures
from extval.features.modelling.outcome import is_survival
from extval.stats import _checks
from extval.stats._checks import BoolArray, FloatArray

VARIANTS = (
    "f-correlation-difference",
    "f-correlation-quotient",
    "mutual-information-difference",
    "mutual-information-quotient",
)
DISCRETIZATIONS = ("mean-and-sd", "quintiles")
EDGE = 1e-9  # in standard deviations: a value this close to a cut counts as on its inner side


class MRMR(KeepsFeatures):
    r"""Select k features by maximum relevance and minimum redundancy.

    Parameters
    ----------
    k : int
        Features to select; all, ranked, if there are no more.
    variant : str
        What is relevance and redundancy, and how the mean redundancy :math:`R_j` to the features
        chosen so far is set against the relevance :math:`V_j`:

        - 'f-correlation-difference' (FCD) and 'f-correlation-quotient' (FCQ): the F statistic of
          the one-way analysis of variance of the feature on the 0/1 outcome; the absolute Pearson
          correlation. For a time to event V is the chi-square of the score test of a Cox model
          with that feature alone, Efron's ties.
        - 'mutual-information-difference' (MID) and 'mutual-information-quotient' (MIQ): mutual
          information in nats of the discretized features, with a 0/1 outcome only.

        The difference is :math:`V_j - R_j`, the quotient :math:`V_j / R_j`. F and the correlation
        have no common unit, so that in FCD redundancy decides among nearly equal F only.
    discretization : {'mean-and-sd', 'quintiles'}
        For mutual information: three states cut at the mean -/+ 1 standard deviation (divisor
        n - 1), or five cut at the quintiles (linear interpolation), a value on a cut belonging
        inside or below. With 'mean-and-sd' a 0/1 feature near balance has one state and no
        information.
    floor : float, above 0
        Quotients count a redundancy to one chosen feature as at least this.

    Attributes
    ----------
    selected_ : tuple of str, length min(k, p)
        Names in the order of selection; `transform` returns them in the order of the columns.
    scores_ : ndarray of shape (min(k, p),)
        Score of each when it was selected; the first is its relevance.
    relevance_ : ndarray of shape (p,)
        Of every feature, in the order of the columns. Infinite where F is, when all patients of a
        class have one value each.
    support_ : ndarray of bool, shape (p,)

    Notes
    -----
    The next feature is the one with the highest score; scores within 1e-10 relative are tied, and
    of tied features the first column wins. So units of features do not matter.

    'f-correlation-quotient' selects the features of mrmr-selection 0.2.8 ``mrmr_classif`` in
    its order. Two differences: that package gives a feature whose mean redundancy is exactly 1
    (a duplicate of everything chosen) the score 0, here it keeps the score of the definition; and
    it leaves out features of zero relevance, so that it may return fewer than k. Constant features
    and gaps are refused here. mRMRe in R uses yet another estimate of information (from Pearson
    correlations), so its choices differ.

    References
    ----------
    Ding & Peng (2005), J Bioinform Comput Biol 3:185. :doi:`10.1142/S0219720005001004`

    Examples
    --------
    >>> x = [[1, 2, 5], [2, 4, 3], [3, 6, 2], [4, 8, 9], [5, 11, 8], [6, 12, 6]]
    >>> MRMR(2).fit(x, [0, 0, 0, 1, 1, 1]).selected_
    ('x1', 'x2')
    """

    _learns_from_outcome = True

    def __init__(
        self,
        k: int = 25,
        variant: str = "f-correlation-quotient",
        *,
        discretization: str = "mean-and-sd",
        floor: float = 0.001,
    ) -> None:
        self.k = k
        self.variant = variant
        self.discretization = discretization
        self.floor = floor

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Select the features.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p), n >= 3, finite
        y : array_like of shape (n,)
            0/1, or a time to event from `outcome.survival`.

        Raises
        ------
        ValueError
            If a feature is constant or has a gap, if there is one class or no event, or if a
            variant of mutual information is asked for a time to event.
        """
        k = _checks.positive_integer(self.k, name="k")
        variant = _checks.choice(self.variant, VARIANTS, name="variant")
        floor = _checks.above_zero(self.floor, name="floor")
        x = matrix(self, X, reset=True, at_least=3)
        by_information = variant.startswith("mutual")
        time_to_event = is_survival(y)
        if by_information and time_to_event:
            raise ValueError(
                f"MRMR's variant {variant!r} is defined for a 0/1 outcome, and `y` is a time to "
                "event. Use a variant of F and correlation."
            )
        quotient = variant.endswith("quotient")
        floor = floor if quotient else 0.0
        chosen = np.empty(min(k, x.shape[1]), dtype=np.int64)
        scores = np.empty(chosen.size)
        if by_information:
            outcome = binary_outcome(self, y, x.shape[0])
            refuse_constant(self, x)
            relevance = np.empty(x.shape[1])
            codes, levels = discretized(x, self.discretization)
            select_by_information(
                codes,
                outcome.astype(np.uint8),
                levels,
                floor,
                quotient,
                relevance,
                chosen,
                scores,
            )
        else:
            if time_to_event:
                time, event = survival_outcome(self, y, x.shape[0])
                refuse_constant(self, x)
                unit = unit_columns(x)
                score = _univariate.cox(x, time, event, score_only=True).score
                relevance = np.nan_to_num(score, nan=0.0)  # none varies among those at risk
            else:
                outcome = binary_outcome(self, y, x.shape[0])
                refuse_constant(self, x)
                unit = unit_columns(x)
                relevance = f_statistic(unit, outcome)
            select_by_correlation(unit, relevance, floor, quotient, chosen, scores)
        self._remember(X)
        names = feature_names(self)
        self.selected_ = tuple(names[j] for j in chosen)
        self.scores_, self.relevance_ = scores, relevance
        self.support_ = np.zeros(x.shape[1], dtype=np.bool_)
        self.support_[chosen] = True
        return self


def f_statistic(unit: FloatArray, outcome: BoolArray) -> FloatArray:
    """Return F of the one-way analysis of variance of each column on two classes, shape (p,).

    Infinite where no value varies within its class. `unit` has columns of length 1, which leaves
    F as it is.
    """
    out = np.empty(unit.shape[1])
    f_statistics(unit, outcome.astype(np.uint8), out)
    return out


def discretized(x: FloatArray, how: str) -> tuple[NDArray[np.uint8], int]:
    """Return the states of every feature, (p, n), and how many there may be."""
    _checks.choice(how, DISCRETIZATIONS, name="discretization")
    z = unit_columns(x) * np.sqrt(x.shape[0] - 1)
    if how == "mean-and-sd":
        codes = (z > 1.0 + EDGE).astype(np.uint8) + (z >= -1.0 - EDGE)
        return np.ascontiguousarray(codes.T.astype(np.uint8)), 3
    codes = np.zeros(z.shape, dtype=np.uint8)
    for cut in np.quantile(z, [0.2, 0.4, 0.6, 0.8], axis=0):
        codes += z > cut + EDGE
    return np.ascontiguousarray(codes.T), 5
