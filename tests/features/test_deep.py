"""Deep features: the network's own pool, named weights, and no silent falling back."""

import hashlib

import numpy as np
import pytest

from extval.features import deep
from extval.features.activation import activation_map
from extval.features.deep import DeepSettings, FileWeights, ImageNetWeights, RandomWeights
from extval.features.errors import FeatureInputError
from extval.features.images import read_pair
from extval.features.roi_crop import CropSettings, crop

from . import cohort

torch = pytest.importorskip("torch")
RANDOM = DeepSettings(network="resnet18", weights=RandomWeights(seed=1))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deep")
    scan = cohort.image(size=(30, 30, 8))
    mask = cohort.ball(scan, radius=6)
    return read_pair(cohort.write(folder, "i.nii.gz", scan), cohort.write(folder, "m.nii.gz", mask))


def test_features_are_the_input_of_the_last_layer(pair):
    """The witness: torchvision's own forward pass, with the classifier taken off."""
    found = deep.extract(pair, RANDOM)
    loaded = deep.load("resnet18", RANDOM.weights)
    ready = deep.picture(crop(pair, RANDOM.crop))
    kept = []
    hook = loaded.module.fc.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    with torch.inference_mode():
        loaded.module(torch.from_numpy(ready)[None])
    hook.remove()
    assert list(found) == [f"resnet18_avgpool_{i:03d}" for i in range(512)]
    assert list(found.values()) == pytest.approx(kept[0][0].tolist(), rel=1e-5, abs=1e-7)
    assert not loaded.module.training


def test_the_picture_is_what_imagenet_expects(pair):
    ready = deep.picture(crop(pair, RANDOM.crop))
    assert ready.shape == (3, 224, 224)
    back = [ready[i] * deep.IMAGENET_SD[i] + deep.IMAGENET_MEAN[i] for i in range(3)]
    assert back[0] == pytest.approx(back[1], abs=1e-6)
    assert back[0].min() >= 0 and back[0].max() <= 1 + 1e-6


def test_one_seed_gives_the_same_bytes_and_leaves_torch_alone(pair):
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    deep.load.cache_clear()
    first = deep.extract(pair, RANDOM)
    deep.load.cache_clear()
    torch.manual_seed(7)
    assert deep.extract(pair, RANDOM) == first
    assert torch.equal(torch.random.get_rng_state(), before)
    other = DeepSettings(network="resnet18", weights=RandomWeights(seed=2))
    assert (
        deep.load("resnet18", other.weights).sha256 != deep.load("resnet18", RANDOM.weights).sha256
    )
    assert "RANDOM weights (seed 1)" in deep.load("resnet18", RANDOM.weights).sentence


def test_masked_and_neighbouring_slices_change_the_values(pair):
    found = [
        tuple(
            deep.extract(
                pair, DeepSettings(network="resnet18", weights=RANDOM.weights, crop=c)
            ).values()
        )
        for c in (CropSettings(), CropSettings(background="masked"), CropSettings(slices=3))
    ]
    assert len(set(found)) == 3


@pytest.mark.parametrize(("network", "count"), [("resnet34", 512), ("resnet50", 2048)])
def test_other_networks(pair, network, count):
    settings = DeepSettings(network=network, layer="layer4", weights=RandomWeights(seed=0))
    found = deep.extract(pair, settings)
    assert len(found) == count
    assert next(iter(found)) == f"{network}_layer4_{'0' * len(str(count - 1))}"
    assert np.isfinite(list(found.values())).all()
    deep.load.cache_clear()


@pytest.fixture
def weights_file(tmp_path):
    loaded = deep.load("resnet18", RandomWeights(seed=1))
    path = tmp_path / "mine.pth"
    torch.save(loaded.module.state_dict(), path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_from_a_file(pair, weights_file):
    path, digest = weights_file
    settings = DeepSettings(
        network="resnet18", weights=FileWeights(path=path, sha256=digest.upper())
    )
    assert deep.extract(pair, settings) == deep.extract(pair, RANDOM)
    loaded = deep.load("resnet18", settings.weights)
    assert loaded.sha256 == digest
    assert digest in loaded.sentence


def test_weights_without_the_last_layer_fit(tmp_path, weights_file):
    state = torch.load(weights_file[0], weights_only=True)
    state = {k: v for k, v in state.items() if not k.startswith("fc.")}
    path = tmp_path / "bare.pth"
    torch.save(state, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    deep.load("resnet18", FileWeights(path=path, sha256=digest))


def test_wrong_weights_are_refused(tmp_path, weights_file):
    path, digest = weights_file
    with pytest.raises(FeatureInputError, match="has the sha256"):
        deep.load("resnet18", FileWeights(path=path, sha256="0" * 64))
    with pytest.raises(FeatureInputError, match="does not exist"):
        deep.load("resnet18", FileWeights(path=tmp_path / "none.pth", sha256=digest))
    with pytest.raises(FeatureInputError, match="does not fit resnet34"):
        deep.load("resnet34", FileWeights(path=path, sha256=digest))
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"no weights")
    digest = hashlib.sha256(b"no weights").hexdigest()
    with pytest.raises(FeatureInputError, match="not a state dictionary of resnet18"):
        deep.load("resnet18", FileWeights(path=bad, sha256=digest))


def test_imagenet_weights_are_not_replaced_by_others(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    with pytest.raises(FeatureInputError, match=r"neither in .* downloaded \(no network\)"):
        deep.load("resnet18", ImageNetWeights())
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "resnet18-f37072fd.pth").write_bytes(b"something else")
    with pytest.raises(FeatureInputError, match="does not begin with f37072fd"):
        deep.load("resnet18", ImageNetWeights())


def test_null_features_are_learned_on_the_rows_given():
    values = np.array([[0.0, 0.0, 1.0, np.nan], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0]])
    assert deep.null_features(values).tolist() == [True, False, False, False]
    assert deep.null_features(values, min_nonzero_share=0.4).tolist() == [True, True, True, False]


def test_the_activation_map_is_grad_cam(pair):
    """The witness: Grad-CAM by automatic differentiation of the score."""
    coefficients = {"resnet18_avgpool_007": 1.5, "resnet18_avgpool_400": -0.5}
    found = activation_map(pair, RANDOM, coefficients)
    values = deep.extract(pair, RANDOM)
    assert found.score == pytest.approx(sum(c * values[n] for n, c in coefficients.items()))
    module = deep.load("resnet18", RANDOM.weights).module
    ready = torch.from_numpy(deep.picture(crop(pair, RANDOM.crop)))[None]
    with torch.no_grad():
        stem = module.maxpool(module.relu(module.bn1(module.conv1(ready))))
        last = module.layer4(module.layer3(module.layer2(module.layer1(stem))))
    last.requires_grad_()
    pooled = last.mean(dim=(2, 3))[0]
    (1.5 * pooled[7] - 0.5 * pooled[400]).backward()
    alpha = last.grad.mean(dim=(2, 3), keepdim=True)
    cam = torch.relu((alpha * last).sum(dim=1, keepdim=True)).detach()
    large = torch.nn.functional.interpolate(
        cam, size=found.heat.shape, mode="bilinear", align_corners=False
    )[0, 0].numpy()
    assert found.heat == pytest.approx(large, rel=1e-4, abs=1e-7 + 1e-5 * float(large.max()))
    assert found.picture.shape == found.region.shape == found.heat.shape
    assert "RANDOM" in found.weights


def test_a_coefficient_of_another_network_is_refused(pair):
    with pytest.raises(FeatureInputError, match="no deep feature of resnet18"):
        activation_map(pair, RANDOM, {"resnet34_avgpool_000": 1.0})
