"""From real images to validated models: GE scanners develop, the other vendors validate."""

import json

import numpy as np
import pandas as pd

STUDY = """\
schema_version: 1
seed: 3
clinical: {{table: clinical.csv}}
outcome: {{column: lung_metastasis, name: Lung metastasis}}
images: {{manifest: manifest.csv, modality: pet, allow_outside: true}}
features: {{handcrafted: {{parameters: few.yaml, expect: {expect}}}}}
preparation: {{selection: {{method: mrmr, k: 4}}}}
models:
  RS: {{signature: {{lasso: {{folds: 3}}}}}}
  clinical: {{clinical: {{predictors: {{size_gt_10: {{column: diameter_cm, above: 10}}}}}}}}
  DLRN: {{combined: {{signature: RS, clinical: clinical}}}}
internal_validation: {{folds: 3}}
bootstrap: {{n_resamples: 0}}
calibration: {{belt_up_to: 0}}
"""
PARAMETERS = """\
imageType: {Original: {}}
featureClass: {shape: , firstorder: }
setting: {binWidth: 0.25, resampledPixelSpacing: [4, 4, 4], interpolator: sitkBSpline, label: 1}
"""


def test_real_sarcomas_from_images_to_locked_models(extval, shared_data, tmp_path):
    sts = shared_data / "sts"
    manifest = pd.read_csv(sts / "manifest.csv")
    manifest = manifest[manifest["phase"] == "PET"]
    for column in ("image", "mask"):
        manifest[column] = [str(sts / name) for name in manifest[column]]
    manifest.to_csv(tmp_path / "manifest.csv", index=False)
    clinical = pd.read_csv(sts / "clinical.csv")
    clinical.to_csv(tmp_path / "clinical.csv", index=False)
    (tmp_path / "few.yaml").write_text(PARAMETERS, encoding="utf-8")
    (tmp_path / "study.yaml").write_text(STUDY.format(expect=14 + 18), encoding="utf-8")
    done = extval(
        *("run", tmp_path / "study.yaml", "--out", tmp_path / "out", "--no-report", "--jobs", "2")
    )
    assert done.code == 0, done.stderr
    metrics = pd.read_csv(tmp_path / "out" / "metrics.csv")
    row = metrics[
        (metrics.metric == "auc") & (metrics.cohort == "validation") & (metrics.center == "all")
    ].set_index("model")
    assert list(row["n"]) == [18, 18, 18]
    assert list(row["events"]) == [5, 5, 5]
    assert (row["upper"] - row["lower"] > 0.2).all()  # 5 events say little, and it shows
    audit = pd.read_csv(tmp_path / "out" / "modelling" / "audit.csv")
    assert (audit["external_seen"] == 0).all()
    model = json.loads((tmp_path / "out" / "models" / "RS.json").read_text(encoding="utf-8"))
    assert model["training"]["n"] == int((clinical["cohort"] == "development").sum())
    assert all(name.startswith("PET__original_") for name in model["inputs"])
    assert np.isfinite(model["threshold"])
    # extraction is resumed, not repeated, and nothing changes
    first = (tmp_path / "out" / "metrics.csv").read_bytes()
    again = extval(
        *("run", tmp_path / "study.yaml", "--out", tmp_path / "out", "--no-report", "--force"),
        *("--jobs", "1"),
    )
    assert again.code == 0, again.stderr
    assert "nothing to compute" in again.stderr
    assert (tmp_path / "out" / "metrics.csv").read_bytes() == first
