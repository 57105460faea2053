"""Small images for the tests: a textured block with a ball in it, and what can be wrong."""

import csv
from pathlib import Path

import numpy as np
import SimpleITK as sitk

TINY = """\
imageType:
  Original: {}
featureClass:
  firstorder: [Mean, Energy]
  glcm: [Contrast]
setting:
  binWidth: 5
"""


def image(seed=0, *, size=(12, 14, 10), spacing=(1.0, 1.0, 2.0), origin=(5.0, -7.0, 30.0)):
    values = np.random.default_rng(seed).normal(100, 20, size[::-1]).astype(np.float32)
    made = sitk.GetImageFromArray(values)
    made.SetSpacing(spacing)
    made.SetOrigin(origin)
    return made


def ball(like, *, radius=3.2, label=1, at=None):
    size = like.GetSize()[::-1]
    middle = at or tuple((n - 1) / 2 for n in size)
    grid = np.indices(size)
    away = sum((axis - m) ** 2 for axis, m in zip(grid, middle, strict=True))
    made = sitk.GetImageFromArray((away <= radius**2).astype(np.uint8) * label)
    made.CopyInformation(like)
    return made


def write(folder: Path, name: str, item) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(item, str(path))
    return path


def cohort(folder: Path, *, patients=4, phases=("A", "V")):
    """Write images, masks and a manifest; return the manifest's rows."""
    rows = []
    for number in range(patients):
        for index, phase in enumerate(phases):
            scan = image(10 * number + index)
            write(folder, f"p{number}_{phase}.nii.gz", scan)
            write(folder, f"p{number}_{phase}_mask.nii.gz", ball(scan))
            rows.append(
                {
                    "patient": f"P{number}",
                    "center": "one" if number % 2 else "two",
                    "cohort": "validation" if number % 2 else "development",
                    "phase": phase,
                    "reader": "",
                    "image": f"p{number}_{phase}.nii.gz",
                    "mask": f"p{number}_{phase}_mask.nii.gz",
                    "label": "1",
                }
            )
    write_manifest(folder, rows)
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    return rows


def write_manifest(folder: Path, rows):
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_study(folder: Path, *, features="handcrafted: {parameters: tiny.yaml, expect: 3}"):
    path = folder / "study.yaml"
    path.write_text(
        f"schema_version: 1\nimages: {{manifest: manifest.csv}}\nfeatures:\n  {features}\n",
        encoding="utf-8",
    )
    return path
