"""`extval agreement` on masks: overlap in the unit of the files, and errors that say where."""

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.stats.segmentation_overlap import segmentation_overlap

sitk = pytest.importorskip("SimpleITK")
SPACING = (0.8, 1.0, 2.5)


def box(shift, label=1):
    voxels = np.zeros((12, 14, 16), dtype=np.uint8)
    voxels[3:8, 4:9, 5 + shift : 10 + shift] = label
    return voxels


@pytest.fixture
def save(tmp_path):
    def mask(name, voxels, spacing=SPACING):
        image = sitk.GetImageFromArray(voxels)
        image.SetSpacing(spacing)
        sitk.WriteImage(image, str(tmp_path / name))
        return name

    return mask


@pytest.fixture
def run(extval, write, tmp_path):
    def agreement(rows, *flags):
        table = pd.DataFrame(rows, columns=["subject", "reader_a", "reader_b"])
        done = extval("agreement", write(table, "masks.csv"), "--out", tmp_path / "out", *flags)
        return done, tmp_path / "out" / "segmentations.csv"

    return agreement


def test_overlap_is_in_the_unit_of_the_files(run, save):
    rows = [
        ("one", save("a1.nii.gz", box(0)), save("b1.nii.gz", box(1))),
        ("two", save("a2.nrrd", box(0)), save("b2.nrrd", box(0) * 0)),
    ]
    done, path = run(rows, "--tolerance", "0.5")
    assert done.code == 0
    found = pd.read_csv(path, float_precision="round_trip").set_index("subject")
    (wanted,) = segmentation_overlap(box(0), box(1), spacing=SPACING[::-1], tolerance=0.5)
    for name in ("dice", "jaccard", "hausdorff_95", "surface_dice", "volume_a"):
        assert_allclose(found.loc["one", name], getattr(wanted, name), rtol=1e-6)
    assert found.loc["one", "hausdorff"] == pytest.approx(0.8)
    assert found.loc["two", "dice"] == 0.0
    assert "Only one reader" in found.loc["two", "note"]
    assert "label 1: Hausdorff-95 (mm) median 0.800" in done.stdout
    assert "2 subjects, 1 not estimable." in done.stdout
    manifest = json.loads((path.parent / "manifest.json").read_text())
    assert [item["name"] for item in manifest["inputs"]] == [
        *("masks.csv", "a1.nii.gz", "b1.nii.gz", "a2.nrrd", "b2.nrrd")
    ]
    assert {item["path"] for item in manifest["outputs"]} == {"report.pdf", "segmentations.csv"}
    assert manifest["command"] == "extval agreement masks.csv --tolerance 0.5"


def test_wrong_input_says_where(run, save, tmp_path):
    good = save("a.nrrd", box(0))
    other = save("b.nrrd", box(0), spacing=(1.0, 1.0, 1.0))
    half = save("c.nrrd", box(0).astype(np.float32) / 2)
    empty = save("d.nrrd", box(0) * 0)
    (tmp_path / "e.nrrd").write_text("no image", encoding="utf-8")
    for second, message in (
        ("none.nrrd", "masks.csv, column `reader_b`, row 2: "),
        ("", "column `reader_b`, row 2: the cell is empty"),
        (other, "are not on one grid"),
        (half, "not whole numbers"),
        ("e.nrrd", "column `reader_b`, row 2: "),
    ):
        done, _ = run([("one", good, second)])
        assert done.code == 2, second
        assert message in done.stderr
        assert not (tmp_path / "out").exists()
    done, _ = run([("one", empty, empty)])
    assert "both masks of subject 'one' are empty" in done.stderr
