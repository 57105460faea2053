"""Sample size for the external validation of a model for a binary outcome (Riley 2021)."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sinh, sqrt

from scipy.special import expit, logit, ndtri

from extval.stats import _checks
from extval.stats.linear_predictor import LinearPredictor, quadrature


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionCriterion:
    """How precisely one performance measure is estimated at one sample size.

    Attributes
    ----------
    measure : str
        Name of the measure, as in the results store.
    anticipated : float
        Value that is expected in the validation cohort.
    n : int
        Patients: the smallest number that reaches `target_width`, or the number asked about.
    se : float
        Standard error at `n`; of the logarithm for a ratio.
    width, target_width : float
        Width of the confidence interval at `n`, and the width that is wanted.
    sufficient : bool
        Whether `width` is no wider than wanted.
    """

    measure: str
    anticipated: float
    n: int
    se: float
    width: float
    target_width: float
    sufficient: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """The precision of all criteria, and the sample size that they ask for together.

    Attributes
    ----------
    criteria : tuple of PrecisionCriterion
        One a measure.
    n : int
        Largest of the criteria (`sample_size`), or the number asked about (`precision`).
    events : float
        Expected patients with the event among `n`.
    sufficient : bool
        Whether every criterion is met at its `n`.
    implied_risk, implied_auc : float
        Mean risk and AUC (or C-index) of the assumed linear predictor if the model is right:
        far from what was anticipated, the assumptions contradict each other.
    confidence_level : float
        Level of the intervals.
    method : str
        What was computed, for a methods sentence.
    """

    criteria: tuple[PrecisionCriterion, ...]
    n: int
    events: float
    sufficient: bool
    implied_risk: float
    implied_auc: float
    confidence_level: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryDesign:
    """What is expected of a model in the validation cohort, and the precision wanted.

    Attributes
    ----------
    prevalence : float in (0, 1)
        Outcome proportion.
    auc : float in (0, 1)
        Anticipated area under the ROC curve.
    linear_predictor : LinearPredictor
        Its distribution among the patients, from `extval.stats.linear_predictor`.
    oe_ratio, calibration_intercept, calibration_slope : float
        Anticipated calibration; 1, 0 and 1 for a model that is right.
    threshold : float in (0, 1), optional
        Risk threshold of the net benefit; without it that criterion is left out.
    sensitivity, specificity : float in [0, 1], optional
        Anticipated at `threshold`; without them they follow from the linear predictor.
    oe_width, slope_width, auc_width, net_benefit_width : float
        Wanted widths of the confidence intervals; the net benefit is the standardised one.
    confidence_level : float in (0, 1)
        Level of the intervals.
    """

    prevalence: float
    auc: float
    linear_predictor: LinearPredictor
    oe_ratio: float = 1.0
    calibration_intercept: float = 0.0
    calibration_slope: float = 1.0
    threshold: float | None = None
    sensitivity: float | None = None
    specificity: float | None = None
    oe_width: float = 0.2
    slope_width: float = 0.2
    auc_width: float = 0.1
    net_benefit_width: float = 0.2
    confidence_level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure before a sample size is known: its variance as a function of n.

    `width_of` turns a standard error and a normal quantile into the width of the interval.
    """

    name: str
    anticipated: float
    target_width: float
    variance: Callable[[int], float]
    width_of: Callable[[float, float], float]


def binary_sample_size(design: BinaryDesign) -> SampleSize:
    r"""Return the smallest cohort in which every criterion is estimated as precisely as wanted.

    Parameters
    ----------
    design : BinaryDesign
        Anticipated performance and wanted interval widths.

    Returns
    -------
    SampleSize
        The criteria O:E, calibration slope, AUC and, given a threshold, standardised net benefit.

    Raises
    ------
    ValueError
        If a field of the design leaves its domain.

    Notes
    -----
    Standard errors [1]_ with outcome proportion :math:`\phi`:
    :math:`\sqrt{(1-\phi)/(n\phi)}` for ln(O:E); the inverse information of a logistic
    recalibration, with its expectations integrated over the linear predictor by Gauss-Legendre
    panels, for the slope; Newcombe's for the AUC; and, with
    :math:`w = \frac{1-\phi}{\phi}\frac{t}{1-t}`, sensitivity s and specificity c,
    :math:`n^{-1}[s(1-s)/\phi + w^2 c(1-c)/(1-\phi) + w^2(1-c)^2/(\phi(1-\phi))]` for the
    standardised net benefit.

    pmvalsampsize 0.2.1 (Python) integrates by one simulation of 10^6 patients and so depends on
    its seed: prevalence .018, C .8 and a linear predictor N(-5, 2.5) give 4,544 where the
    integral is 4,554. It steps the standard errors of O:E and net benefit by 1e-4 and rounds the
    second to three digits (O:E of width 1: 905 for 906, whose interval is still too wide at 905),
    leaves the false positives out of the net benefit that it prints (0.801 for 0.246), and stops
    with an error when sensitivity and specificity are given.

    References
    ----------
    .. [1] Riley et al. (2021), Stat Med 40:4230. :doi:`10.1002/sim.9025`

    Examples
    --------
    >>> from extval.stats.linear_predictor import normal_linear_predictor
    >>> design = BinaryDesign(
    ...     prevalence=0.018, auc=0.8, linear_predictor=normal_linear_predictor(-5, 2.5),
    ...     oe_width=1.0)
    >>> size = binary_sample_size(design)
    >>> [(criterion.measure, criterion.n) for criterion in size.criteria]
    [('oe_ratio', 906), ('calibration_slope', 4554), ('auc', 4252)]
    """
    measures, implied = _binary_measures(design)
    needed = [needed_n(measure, design.confidence_level) for measure in measures]
    return assemble(measures, needed, design.prevalence, implied, design.confidence_level, _METHOD)


def binary_precision(design: BinaryDesign, n: int) -> SampleSize:
    """Return how precisely every criterion is estimated by `n` patients.

    Parameters
    ----------
    design : BinaryDesign
        Anticipated performance and wanted interval widths.
    n : int, positive
        Patients of the cohort.

    Returns
    -------
    SampleSize
        The criteria of `binary_sample_size`, each at `n`; `sufficient` says whether the cohort
        is large enough for all of them.

    Examples
    --------
    >>> from extval.stats.linear_predictor import binormal_linear_predictor
    >>> design = BinaryDesign(
    ...     prevalence=0.3, auc=0.75, linear_predictor=binormal_linear_predictor(0.3, 0.75))
    >>> [round(criterion.width, 2) for criterion in binary_precision(design, 400).criteria]
    [0.3, 0.53, 0.1]
    """
    size = _checks.positive_integer(n, name="n", at_least=2)
    measures, implied = _binary_measures(design)
    return assemble(
        measures,
        [size] * len(measures),
        design.prevalence,
        implied,
        design.confidence_level,
        _METHOD,
    )


_METHOD = "Riley 2021 criteria; Gauss-Legendre integration over the linear predictor"


def needed_n(measure: Measure, confidence_level: float) -> int:
    """Return the smallest n whose interval is no wider than wanted; the width falls with n."""
    z = float(ndtri(0.5 + confidence_level / 2))

    def too_wide(n: int) -> bool:
        width = measure.width_of(sqrt(measure.variance(n)), z)
        return width > measure.target_width * (1 + 1e-12)

    low, high = 1, 2
    while too_wide(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if too_wide(middle) else (low, middle)
    return high


def assemble(
    measures: tuple[Measure, ...],
    sizes: list[int],
    prevalence: float,
    implied: tuple[float, float],
    confidence_level: float,
    method: str,
) -> SampleSize:
    """Return the result for one n a measure."""
    z = float(ndtri(0.5 + confidence_level / 2))
    criteria = []
    for measure, n in zip(measures, sizes, strict=True):
        se = sqrt(measure.variance(n))
        width = measure.width_of(se, z)
        criteria.append(
            PrecisionCriterion(
                measure=measure.name,
                anticipated=measure.anticipated,
                n=n,
                se=se,
                width=width,
                target_width=measure.target_width,
                sufficient=width <= measure.target_width * (1 + 1e-12),
            )
        )
    return SampleSize(
        criteria=tuple(criteria),
        n=max(sizes),
        events=max(sizes) * prevalence,
        sufficient=all(criterion.sufficient for criterion in criteria),
        implied_risk=implied[0],
        implied_auc=implied[1],
        confidence_level=confidence_level,
        method=method,
    )


def wald_width(se: float, z: float) -> float:
    """Return the width of a symmetric interval."""
    return 2 * z * se


def ratio_width(ratio: float) -> Callable[[float, float], float]:
    """Return the width of an interval that is symmetric about the logarithm of `ratio`."""
    # sinh overflows beyond 710, long after any interval has become useless.
    return lambda se, z: 2 * ratio * sinh(min(z * se, 700.0))


def scaled(unit: float) -> Callable[[int], float]:
    """Return the variance `unit` / n."""
    return lambda n: unit / n


def _binary_measures(design: BinaryDesign) -> tuple[tuple[Measure, ...], tuple[float, float]]:
    """Return the measures of a checked design and the risk and AUC that it implies."""
    _checks.level(design.confidence_level)
    phi = _checks.level(design.prevalence, name="prevalence")
    auc = _checks.level(design.auc, name="auc")
    oe = _checks.positive(design.oe_ratio, name="oe_ratio")
    _checks.real(design.calibration_intercept, name="calibration_intercept")
    _checks.real(design.calibration_slope, name="calibration_slope")
    for name in ("oe_width", "slope_width", "auc_width", "net_benefit_width"):
        _checks.positive(getattr(design, name), name=name)

    panels = quadrature(design.linear_predictor)
    x = panels.nodes
    observed = expit(design.calibration_intercept + design.calibration_slope * x)
    information = observed * (1 - observed)
    i00, i01, i11 = (float(panels.mean(information * x**power)) for power in (0, 1, 2))
    measures = [
        Measure(
            name="oe_ratio",
            anticipated=oe,
            target_width=design.oe_width,
            variance=scaled((1 - phi) / phi),
            width_of=ratio_width(oe),
        ),
        Measure(
            name="calibration_slope",
            anticipated=design.calibration_slope,
            target_width=design.slope_width,
            variance=scaled(i00 / (i00 * i11 - i01**2)),
            width_of=wald_width,
        ),
        Measure(
            name="auc",
            anticipated=auc,
            target_width=design.auc_width,
            variance=lambda n: newcombe_variance(auc, n, phi),
            width_of=wald_width,
        ),
    ]
    if design.threshold is not None:
        measures.append(_net_benefit(design, design.threshold, phi))
    return tuple(measures), _implied(design.linear_predictor)


def newcombe_variance(auc: float, n: int, prevalence: float) -> float:
    """Return the variance of an AUC with equal numbers assumed in its middle terms (Newcombe)."""
    half = n / 2 - 1
    middle = 1 + half * (1 - auc) / (2 - auc) + half * auc / (1 + auc)
    return auc * (1 - auc) * middle / (n**2 * prevalence * (1 - prevalence))


def _net_benefit(design: BinaryDesign, threshold: float, phi: float) -> Measure:
    t = _checks.level(threshold, name="threshold")
    _checks.both_or_neither(
        design.sensitivity, design.specificity, names=("sensitivity", "specificity")
    )
    if design.sensitivity is None or design.specificity is None:
        sensitivity, specificity = _classified(design.linear_predictor, t)
    else:
        sensitivity = _checks.unit(design.sensitivity, name="sensitivity")
        specificity = _checks.unit(design.specificity, name="specificity")
    w = (1 - phi) / phi * t / (1 - t)
    unit = (
        sensitivity * (1 - sensitivity) / phi
        + w**2 * specificity * (1 - specificity) / (1 - phi)
        + w**2 * (1 - specificity) ** 2 / (phi * (1 - phi))
    )
    return Measure(
        name="standardized_net_benefit",
        anticipated=sensitivity - (1 - specificity) * w,
        target_width=design.net_benefit_width,
        variance=scaled(unit),
        width_of=wald_width,
    )


def _classified(lp: LinearPredictor, threshold: float) -> tuple[float, float]:
    """Return sensitivity and specificity at a risk threshold of a calibrated model."""
    cut = float(logit(threshold))
    panels = quadrature(lp, cut)
    event = expit(panels.nodes)
    above = panels.nodes > cut
    _checks.reached_threshold(float(panels.mean(event * above)), threshold)
    return (
        float(panels.mean(event * above) / panels.mean(event)),
        float(panels.mean((1 - event) * ~above) / panels.mean(1 - event)),
    )


def _implied(lp: LinearPredictor) -> tuple[float, float]:
    """Return the mean risk and the AUC of a calibrated model with this linear predictor."""
    panels = quadrature(lp)
    event = expit(panels.nodes)
    prevalence = float(panels.mean(event))
    concordant = float(panels.mean(event * panels.below(1 - event)))
    return prevalence, concordant / (prevalence * float(panels.mean(1 - event)))
