"""Activation maps of a locked signature: the raw coefficients, the figures, the refusals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from extval.features import deep
from extval.features.images import read_pair
from extval.validate import locked_model
from extval.validate.activation import activation_maps, raw_coefficients
from extval.validate.errors import InputError
from extval.validate.locked_model import LockedModel
from tests.features import cohort

pytest.importorskip("torch")

DEEP = ("A__resnet18_avgpool_007", "A__resnet18_avgpool_400")
STUDY = """\
schema_version: 1
images: {manifest: manifest.csv, modality: other}
features: {deep: {network: resnet18, weights: {random: 1}}}
"""


def locked(steps, **more):
    content = {
        "schema": "extval-model/1",
        "name": "DLRS",
        "kind": "signature",
        "outcome": {"kind": "binary", "name": "LM"},
        "link": "logit",
        "steps": steps,
        "outputs": {"score": "score"},
    }
    return locked_model.locked(LockedModel.model_validate(content | more))


def signature(names=DEEP, *, combat=None):
    steps = [] if combat is None else [combat]
    steps.append(
        {
            "step": "standardise",
            "mean": dict.fromkeys(names, 0.5),
            "sd": dict(zip(names, (2.0, 4.0), strict=True)),
        }
    )
    coefficients = dict(zip(names, (3.0, -2.0), strict=True))
    linear = {"step": "linear", "intercept": 0.1, "coefficients": coefficients, "output": "score"}
    return locked([*steps, linear])


@pytest.fixture
def study(tmp_path):
    import csv

    rows = cohort.cohort(tmp_path, patients=2, phases=("A",))
    with (tmp_path / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def write(folder, model):
    path = folder / "DLRS.json"
    path.write_text(locked_model.to_json(model), encoding="utf-8")
    return path


def test_coefficients_are_those_of_raw_features():
    assert raw_coefficients(signature(), {}) == {DEEP[0]: 1.5, DEEP[1]: -0.5}
    combat = {
        "step": "combat",
        "batch": "scanner",
        "features": list(DEEP),
        "grand_mean": [0.0, 0.0],
        "pooled_sd": [1.0, 1.0],
        "location": {"S1": [0.0, 0.0]},
        "scale": {"S1": [2.0, 0.5]},
        "new_batch": "refuse",
    }
    harmonised = signature(combat=combat)
    assert raw_coefficients(harmonised, {"scanner": "S1"}) == {DEEP[0]: 0.75, DEEP[1]: -1.0}
    with pytest.raises(InputError, match="the batch 'S9' has no locked scale"):
        raw_coefficients(harmonised, {"scanner": "S9"})


def test_the_map_is_of_the_locked_score(study):
    found = activation_maps(write(study, signature()), study / "study.yaml", "P0")
    assert list(found) == ["A"]
    pair = read_pair(study / "p0_A.nii.gz", study / "p0_A_mask.nii.gz")
    settings = deep.DeepSettings(network="resnet18", weights=deep.RandomWeights(seed=1))
    values = deep.extract(pair, settings)
    expected = 1.5 * values["resnet18_avgpool_007"] - 0.5 * values["resnet18_avgpool_400"]
    assert_allclose(found["A"].score, expected, rtol=1e-6)
    assert found["A"].heat.shape == found["A"].picture.shape
    assert np.all(found["A"].heat >= 0.0)


def test_the_command_draws_the_same_bytes_twice(extval, study):
    model = write(study, signature())
    for name in ("one", "two"):
        done = extval(
            *("activation", model, study / "study.yaml", "--patient", "P1"),
            *("--out", study / name),
        )
        assert done.code == 0, done.stderr
        assert "RANDOM weights" in done.stdout
    assert (study / "one" / "P1_A.pdf").read_bytes() == (study / "two" / "P1_A.pdf").read_bytes()


@pytest.mark.parametrize(
    ("names", "patient", "sentence"),
    [
        (DEEP, "P7", "patient 'P7' has no image of A"),
        (("V__resnet18_avgpool_000", "V__resnet18_avgpool_001"), "P0", "has no image of V"),
        (("A__resnet34_avgpool_000", "A__resnet34_avgpool_001"), "P0", "no deep feature of"),
        (("A__original_glcm_Id", "A__original_glcm_Idm"), "P0", "uses no deep features"),
    ],
)
def test_what_cannot_be_drawn_is_said(extval, study, names, patient, sentence):
    done = extval(
        *("activation", write(study, signature(names)), study / "study.yaml"),
        *("--patient", patient, "--out", study / "out"),
    )
    assert done.code == 2
    assert sentence in done.stderr
    assert not (study / "out").exists()
