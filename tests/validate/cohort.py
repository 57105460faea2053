"""A small multicentre radiomics study, simulated: features of two phases, scanners, outcomes."""

from pathlib import Path

import numpy as np
import pandas as pd

N = {"A": 70, "B": 30, "C": 30}  # A develops, B and C validate
STUDY = """\
schema_version: 1
seed: 5
clinical: {table: clinical.csv}
outcome: {column: event, name: Metastasis}
feature_tables: {table: features.csv}
preparation:
  harmonisation: {batch: scanner, new_batch: none}
  selection: {method: mrmr, k: 8}
models:
  RS: {signature: {features: [handcrafted], lasso: {folds: 5}}}
  DLRS: {signature: {features: [handcrafted, deep], lasso: {folds: 5}}}
  clinical:
    clinical:
      predictors:
        large: {column: size_cm, above: 10}
        grade: {column: grade, categorical: true}
  DLRN: {combined: {signature: DLRS, clinical: clinical}}
internal_validation: {folds: 3}
bootstrap: {n_resamples: 20}
calibration: {belt_up_to: 0}
"""
SMALL = """\
schema_version: 1
seed: 5
clinical: {table: clinical.csv}
outcome: {column: event, name: Metastasis}
feature_tables: {table: features.csv}
preparation:
  harmonisation: {batch: scanner, new_batch: none}
  selection: {method: mrmr, k: 6}
models:
  RS: {signature: {features: [handcrafted], lasso: {folds: 3}}}
  clinical: {clinical: {predictors: {large: {column: size_cm, above: 10}}}}
  DLRN: {combined: {signature: RS, clinical: clinical}}
internal_validation: {folds: 3}
bootstrap: {n_resamples: 0}
calibration: {belt_up_to: 0}
"""


def simulate(seed: int = 1, *, signal: float = 1.2) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return clinical and feature tables; with `signal` 0 nothing predicts the outcome."""
    rng = np.random.default_rng(seed)
    n = sum(N.values())
    center = np.repeat(list(N), list(N.values()))
    latent = rng.standard_normal(n)
    size = rng.gamma(4.0, 2.5, n).round(1)
    score = signal * latent + signal * (size > 10) - 0.8
    event = (rng.random(n) < 1 / (1 + np.exp(-score))).astype(int)
    scanner = np.where(rng.random(n) < 0.5, "S1", "S2").astype(object)
    scanner[center == "C"] = "S3"
    clinical = pd.DataFrame(
        {
            "patient": [f"P{i:03d}" for i in range(n)],
            "center": center,
            "cohort": np.where(center == "A", "development", "validation"),
            "scanner": scanner,
            "size_cm": size,
            "grade": rng.choice(["G1", "G2", "G3"], n),
            "event": event,
            "months": np.round(rng.exponential(30.0, n) * np.exp(-0.5 * score) + 0.1, 1),
        }
    )
    columns: dict[str, np.ndarray] = {}
    for phase in ("T1", "T2"):
        for k in range(12):
            loading = 0.8 if k < 3 else 0.0
            columns[f"{phase}__original_glcm_F{k:02d}"] = (
                (loading * latent + rng.standard_normal(n)) * (k + 1)
                + 5 * k
                + (scanner == "S2") * 2.0
            )
        for k in range(6):
            columns[f"{phase}__resnet18_avgpool_{k:03d}"] = np.abs(
                0.5 * latent * (k == 0) + rng.standard_normal(n)
            )
    columns["T1__original_shape_Flat"] = np.full(n, 3.0)
    features = pd.DataFrame(columns)
    features.insert(0, "patient", clinical["patient"])
    return clinical, features


def write(folder: Path, clinical: pd.DataFrame, features: pd.DataFrame, study: str = STUDY) -> Path:
    """Write the three files of a study and return the study file."""
    folder.mkdir(parents=True, exist_ok=True)
    clinical.to_csv(folder / "clinical.csv", index=False)
    features.to_csv(folder / "features.csv", index=False)
    (folder / "study.yaml").write_text(study, encoding="utf-8")
    return folder / "study.yaml"
