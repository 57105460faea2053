"""Calibration and overall performance of one model in one group."""

import numpy as np

from extval.stats.brier import brier, brier_scaled, log_loss, nagelkerke_r2
from extval.stats.brier_decomposition import brier_decomposition
from extval.stats.calibration import calibration_intercept, calibration_slope, oe_ratio
from extval.stats.calibration_belt import calibration_belt
from extval.stats.calibration_curve import calibration_curve, calibration_groups
from extval.stats.curve_fits import SMOOTHERS
from extval.stats.goodness_of_fit import (
    HosmerLemeshow,
    hosmer_lemeshow,
    le_cessie_recalibrated,
    pigeon_heyse,
    spiegelhalter,
)
from extval.stats.results import Estimate, Interval, SignificanceTest, Status
from extval.stats.weak_calibration import weak_calibration_tests
from extval.validate.cohort import VALIDATION, Group
from extval.validate.findings import GroupFindings
from extval.validate.streams import stream
from extval.validate.study import BinaryStudy, BoolArray, FloatArray

DISTRIBUTION_BINS = 40


def add_calibration(found: GroupFindings, study: BinaryStudy, group: Group, model: str) -> None:
    """Add weak and flexible calibration, overall performance, and the tests of fit."""
    protocol, y_true, y_prob = study.protocol, study.y_true, study.y_prob[model]
    level, external = protocol.confidence_level, group.cohort == VALIDATION
    method = protocol.calibration.interval
    for metric, fitted in (
        ("calibration_intercept", calibration_intercept),
        ("calibration_slope", calibration_slope),
    ):
        other = "wald" if method == "profile" else "profile"
        for name, interval in ((metric, method), (f"{metric}_{other}", other)):
            estimate = fitted(y_true, y_prob, method=interval, confidence_level=level)
            found.metric(model, name, estimate)
    found.metric(model, "oe_ratio", oe_ratio(y_true, y_prob, confidence_level=level))
    _add_curve(found, study, group, model)
    for metric, routine in (
        ("brier", brier),
        ("brier_scaled", brier_scaled),
        ("nagelkerke_r2", nagelkerke_r2),
        ("log_loss", log_loss),
    ):
        found.metric(model, metric, routine(y_true, y_prob, confidence_level=level))
    _add_decomposition(found, study, model)
    weak = weak_calibration_tests(y_true, y_prob)
    found.test(model, "weak_calibration", weak.overall)
    found.test(model, "weak_calibration_intercept", weak.in_the_large)
    found.test(model, "weak_calibration_slope", weak.slope)
    groups = protocol.calibration.groups
    for metric, test in (("hosmer_lemeshow", hosmer_lemeshow), ("pigeon_heyse", pigeon_heyse)):
        found.test(model, metric, _test(test(y_true, y_prob, n_groups=groups, external=external)))
    found.test(model, "spiegelhalter_z", spiegelhalter(y_true, y_prob))
    found.test(model, "le_cessie", le_cessie_recalibrated(y_true, y_prob))
    if y_true.size <= protocol.calibration.belt_up_to:
        _add_belt(found, study, model, external=external)
    else:
        found.test(model, "calibration_belt", _no_belt(y_true))


def _add_decomposition(found: GroupFindings, study: BinaryStudy, model: str) -> None:
    parts = brier_decomposition(study.y_true, study.y_prob[model])
    for metric in ("miscalibration", "discrimination", "uncertainty"):
        estimate = Estimate(
            value=getattr(parts, metric),
            interval=Interval.undefined(study.protocol.confidence_level),
            method=parts.method,
            n=parts.n,
            events=parts.events,
            status=parts.status,
        )
        found.metric(model, f"brier_{metric}", estimate)


def _add_belt(found: GroupFindings, study: BinaryStudy, model: str, *, external: bool) -> None:
    belt = calibration_belt(
        study.y_true,
        study.y_prob[model],
        external=external,
        confidence_level=study.protocol.confidence_level,
    )
    test = SignificanceTest(
        statistic=belt.statistic,
        p_value=belt.p_value,
        reference="own",
        method=belt.method,
        n=belt.n,
        events=belt.events,
        status=belt.status,
    )
    found.test(model, "calibration_belt", test)
    found.curve(
        "calibration_belt",
        {"model": model, "level": belt.level},
        predicted=belt.grid,
        lower=belt.lower,
        upper=belt.upper,
    )


def _add_curve(found: GroupFindings, study: BinaryStudy, group: Group, model: str) -> None:
    """Add the flexible curves with band and distances, grouped points, and the histogram.

    The protocol's smoother comes first, and is drawn; the others have names of their own.
    """
    protocol, y_true, y_prob = study.protocol, study.y_true, study.y_prob[model]
    level, chosen = protocol.confidence_level, protocol.calibration.smoother
    for smoother in (chosen, *(name for name in SMOOTHERS if name != chosen)):
        first = smoother == chosen
        curve = calibration_curve(
            y_true,
            y_prob,
            smoother=smoother,
            n_resamples=protocol.bootstrap.n_resamples,
            rng=stream(protocol.seed, f"calibration/{group.label}/{model}"),
            confidence_level=level,
        )
        for metric in ("ici", "e50", "e90", "emax"):
            name = metric if first else f"{metric}_{smoother}"
            found.metric(model, name, getattr(curve, metric))
        found.curve(
            "calibration" if first else "calibration_smoothers",
            {"model": model, "smoother": smoother},
            predicted=curve.grid,
            observed=curve.observed,
            lower=curve.lower,
            upper=curve.upper,
        )
    groups = calibration_groups(
        y_true, y_prob, n_groups=protocol.calibration.groups, confidence_level=level
    )
    found.curve(
        "calibration_groups",
        {"model": model},
        group=np.arange(1, groups.n.size + 1),
        mean_predicted=groups.mean_predicted,
        observed=groups.observed,
        lower=groups.lower,
        upper=groups.upper,
        n=groups.n,
        events=groups.events,
    )
    _add_distribution(found, model, y_true, y_prob)


def _add_distribution(
    found: GroupFindings, model: str, y_true: BoolArray, y_prob: FloatArray
) -> None:
    """Add how many patients with and without the event have each predicted probability."""
    edges = np.linspace(0.0, 1.0, DISTRIBUTION_BINS + 1)
    for outcome in (0, 1):
        counts, _ = np.histogram(y_prob[y_true == outcome], edges)
        found.curve(
            "risk_distribution",
            {"model": model, "outcome": outcome},
            bin_low=edges[:-1],
            bin_high=edges[1:],
            count=counts,
        )


def _no_belt(y_true: BoolArray) -> SignificanceTest:
    return SignificanceTest(
        statistic=np.nan,
        p_value=np.nan,
        reference="own",
        method="GiViTI belt",
        n=y_true.size,
        events=int(np.count_nonzero(y_true)),
        status=Status.TOO_MANY_PATIENTS,
    )


def _test(fit: HosmerLemeshow) -> SignificanceTest:
    return SignificanceTest(
        statistic=fit.statistic,
        df=fit.df,
        p_value=fit.p_value,
        method=fit.method,
        n=fit.n,
        events=fit.events,
        status=fit.status,
    )
