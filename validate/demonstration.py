"""Tables to try extval with: a simulated three-centre study and the real NCCTG lung cohort."""

import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from extval.validate.streams import stream

FloatArray = NDArray[np.float64]

STUDIES = ("rls-mdm", "lung")
SEED = 20240416
SIZES = {"center-1": 121, "center-2": 58, "center-3": 60}
LARGE_INSTITUTION = 15
HORIZON_DAYS = 365

# The true risk of a simulated patient is expit(shift + stretch * linear predictor); at the
# development centre and at center-2 it is the linear predictor itself, at center-3 risks are
# lower and less spread, so every model is miscalibrated there by a known amount.
TRANSPORT = {"center-1": (0.0, 1.0), "center-2": (0.0, 1.0), "center-3": (-0.4, 0.7)}
INTERCEPT, HANDCRAFTED, DEEP, LARGE_TUMOUR = -1.95, 0.9, 1.1, 1.6
CORRELATION, SHARE_LARGE = 0.6, 0.6
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """A table of predictions as CSV text and the protocol that goes with it."""

    table: str
    protocol: dict[str, Any]
    about: str


def demonstration(study: str) -> Demonstration:
    """Return the table and protocol of a demonstration study."""
    return lung() if study == "lung" else simulated()


def simulated(sizes: dict[str, int] | None = None) -> Demonstration:
    r"""Simulate a study of the shape of `rls-mdm` with a known truth.

    A handcrafted signal :math:`h` and a deep signal :math:`d` are standard normal with
    correlation 0.6, a tumour is large with probability 0.6, and
    :math:`\operatorname{logit} \pi = -1.95 + 0.9 h + 1.1 d + 1.6\,\mathrm{large}` where the models
    were developed. Each model predicts :math:`E[\pi \mid \text{what it sees}]`: RS sees :math:`h`,
    DLRS sees :math:`h` and :math:`d`, clinical sees the size, DLRN sees everything. So all four
    are calibrated by construction at center-1 (development) and center-2; at center-3 the true
    logit is :math:`-0.4 + 0.7\operatorname{logit}\pi`, hence the slope of DLRN is 0.7 there.
    """
    patients: list[tuple[Any, ...]] = []
    for center, size in (sizes or SIZES).items():
        rng = stream(SEED, f"demonstration/{center}")
        h = rng.standard_normal(size)
        d = CORRELATION * h + np.sqrt(1 - CORRELATION**2) * rng.standard_normal(size)
        large = rng.random(size) < SHARE_LARGE
        shift, stretch = TRANSPORT[center]
        risk = expit(shift + stretch * _linear_predictor(h, d, large))
        event = rng.random(size) < risk
        cohort = "development" if center == "center-1" else "validation"
        columns = (_rs(h), _dlrs(h, d), _dlrn(h, d, large), _clinical(large))
        for row in range(size):
            predicted = [round(float(column[row]), 6) for column in columns]
            number = len(patients) + 1
            patients.append((f"S{number:04d}", center, cohort, int(event[row]), *predicted))
    models = ("RS", "DLRS", "DLRN", "clinical")
    return Demonstration(
        table=_csv(("patient", "center", "cohort", "mdm", *models), patients),
        protocol={
            "schema_version": 1,
            "title": "Simulated external validation of four models in the shape of rls-mdm",
            "seed": SEED,
            "outcome": {"column": "mdm", "name": "Metachronous distant metastasis"},
            "models": {name: {"probability": name} for name in models},
        },
        about=(
            "simulated patients: 121 for development and two external centres of 58 and 60; at "
            "center-3 the predictions are wrong by a known amount (true DLRN slope 0.7)"
        ),
    )


def lung() -> Demonstration:
    """Return the NCCTG lung cohort: Cox models from its larger institutions, tried on the rest.

    The data are those of Loprinzi et al. 1994 (doi 10.1200/JCO.1994.12.3.601) as bundled with
    lifelines. Two of the 228 patients lack the institution or the performance status.
    """
    from lifelines import CoxPHFitter  # noqa: PLC0415
    from lifelines.datasets import load_lung  # noqa: PLC0415

    data = load_lung()[["inst", "time", "status", "age", "sex", "ph.ecog"]].dropna()
    sizes = data["inst"].value_counts()
    developed = data["inst"].map(sizes) >= LARGE_INSTITUTION
    predictors = {
        "age and sex": ["age", "sex"],
        "performance status": ["ph.ecog"],
        "both": ["age", "sex", "ph.ecog"],
    }
    columns: dict[str, FloatArray] = {}
    for name, used in predictors.items():
        fitted = CoxPHFitter().fit(data.loc[developed, [*used, "time", "status"]], "time", "status")
        columns[f"lp {name}"] = fitted.predict_log_partial_hazard(data[used]).to_numpy()
        survival = fitted.predict_survival_function(data[used], times=[HORIZON_DAYS])
        columns[f"risk {name}"] = 1.0 - survival.to_numpy()[0]
    rows = [
        (
            f"L{index + 1:03d}",
            f"institution {int(institution):02d}",
            "development" if is_developed else "validation",
            int(time),
            int(status),
            *(round(float(values[row]), 6) for values in columns.values()),
        )
        for row, (index, institution, is_developed, time, status) in enumerate(
            zip(data.index, data["inst"], developed, data["time"], data["status"], strict=True)
        )
    ]
    return Demonstration(
        table=_csv(("patient", "center", "cohort", "time", "death", *columns), rows),
        protocol={
            "schema_version": 1,
            "title": "NCCTG advanced lung cancer: Cox models across institutions",
            "seed": SEED,
            "outcome": {
                "time": "time",
                "event": "death",
                "unit": "days",
                "horizons": [HORIZON_DAYS],
                "name": "Overall survival",
            },
            "models": {
                name: {
                    "linear_predictor": f"lp {name}",
                    "risk": {HORIZON_DAYS: f"risk {name}"},
                }
                for name in predictors
            },
        },
        about=(
            f"226 real patients: {int(developed.sum())} of the larger institutions for "
            f"development, {int((~developed).sum())} of {int((sizes < LARGE_INSTITUTION).sum())} "
            "smaller institutions for validation"
        ),
    )


def _linear_predictor(h: FloatArray, d: FloatArray, large: NDArray[np.bool_]) -> FloatArray:
    return np.asarray(INTERCEPT + HANDCRAFTED * h + DEEP * d + LARGE_TUMOUR * large)


def _dlrn(h: FloatArray, d: FloatArray, large: NDArray[np.bool_]) -> FloatArray:
    return np.asarray(expit(_linear_predictor(h, d, large)))


def _dlrs(h: FloatArray, d: FloatArray) -> FloatArray:
    """Average over the size of the tumour."""
    yes, no = np.ones(h.size, dtype=bool), np.zeros(h.size, dtype=bool)
    return SHARE_LARGE * _dlrn(h, d, yes) + (1 - SHARE_LARGE) * _dlrn(h, d, no)


def _rs(h: FloatArray) -> FloatArray:
    """Average over the deep signal given the handcrafted one, and over the size."""
    spread = np.sqrt(1 - CORRELATION**2)
    total = np.zeros(h.size)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        total += weight * _dlrs(h, CORRELATION * h + spread * node)
    return np.asarray(total / _WEIGHTS.sum())


def _clinical(large: NDArray[np.bool_]) -> FloatArray:
    """Average over both signals, whose weighted sum is normal."""
    variance = HANDCRAFTED**2 + DEEP**2 + 2 * CORRELATION * HANDCRAFTED * DEEP
    total = np.zeros(large.size)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        total += weight * expit(INTERCEPT + LARGE_TUMOUR * large + np.sqrt(variance) * node)
    return np.asarray(total / _WEIGHTS.sum())


def _csv(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()
