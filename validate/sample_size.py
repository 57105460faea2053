"""`extval samplesize`: patients wanted for a precision, and the precision of given patients."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from math import isfinite

from extval.stats.linear_predictor import (
    LinearPredictor,
    binormal_linear_predictor,
    normal_linear_predictor,
)
from extval.stats.samplesize import (
    BinaryDesign,
    SampleSize,
    binary_precision,
    binary_sample_size,
)
from extval.stats.samplesize_survival import (
    SurvivalDesign,
    log_hazard_of_risk,
    survival_precision,
    survival_sample_size,
)
from extval.validate.errors import InputError


def binary_design(
    *,
    prevalence: float,
    auc: float,
    lp_mean: float | None,
    lp_sd: float | None,
    threshold: float | None,
    widths: tuple[float, float, float, float],
) -> BinaryDesign:
    """Return the design; without `lp_mean` and `lp_sd` the predictor is binormal at the AUC."""
    if (lp_mean is None) != (lp_sd is None):
        raise InputError("give --lp-mean and --lp-sd together, or neither.")
    oe, slope, area, benefit = widths
    try:
        predictor: LinearPredictor
        if lp_mean is not None and lp_sd is not None:
            predictor = normal_linear_predictor(lp_mean, lp_sd)
        else:
            predictor = binormal_linear_predictor(prevalence, auc)
        return BinaryDesign(
            prevalence=prevalence,
            auc=auc,
            linear_predictor=predictor,
            threshold=threshold,
            oe_width=oe,
            slope_width=slope,
            auc_width=area,
            net_benefit_width=benefit,
        )
    except ValueError as error:
        raise InputError(str(error)) from error


def survival_design(
    *,
    risk: float,
    lp_sd: float,
    lost: float,
    threshold: float | None,
    widths: tuple[float, float, float, float],
) -> SurvivalDesign:
    """Return the design of a time-to-event study with a normal linear predictor."""
    oe, slope, concordance, benefit = widths
    try:
        return SurvivalDesign(
            linear_predictor=log_hazard_of_risk(risk, lp_sd),
            lost=lost,
            threshold=threshold,
            oe_width=oe,
            slope_width=slope,
            c_width=concordance,
            net_benefit_width=benefit,
        )
    except ValueError as error:
        raise InputError(str(error)) from error


def computed(design: BinaryDesign | SurvivalDesign, n: int | None) -> SampleSize:
    """Return the needed size, or the precision of `n` patients when `n` is given."""
    try:
        if isinstance(design, BinaryDesign):
            return binary_sample_size(design) if n is None else binary_precision(design, n)
        return survival_sample_size(design) if n is None else survival_precision(design, n)
    except ValueError as error:
        raise InputError(str(error)) from error


def as_text(found: SampleSize, *, asked: int | None) -> Iterator[str]:
    """Yield the lines of a table that a person reads."""
    yield found.method
    yield f"{'criterion':<28}{'wanted width':>14}{'patients':>10}{'width':>9}"
    for row in found.criteria:
        width = f"{row.width:.3f}" if isfinite(row.width) else "no limit"
        yield f"{row.measure:<28}{row.target_width:>14g}{row.n:>10}{width:>9}"
    if asked is None:
        yield f"Needed: {found.n} patients, of whom about {found.events:.0f} with the event."
    else:
        verdict = "enough" if found.sufficient else "too few"
        yield f"{asked} patients, about {found.events:.0f} with the event: {verdict}."


def as_json(found: SampleSize) -> str:
    """Return everything at full precision."""
    return json.dumps(asdict(found), indent=1)
