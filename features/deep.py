"""Deep features: a ResNet of torchvision, its global average pool, and weights that are named.

Weights are torchvision's ImageNet ones, a file whose sha256 is given, or seeded random numbers for
demonstrations. There is no falling back from one to another.
"""

import functools
import hashlib
import importlib.util
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from extval.features.errors import FeatureInputError
from extval.features.images import Pair, file_sha256
from extval.features.roi_crop import Crop, CropSettings, crop

if TYPE_CHECKING:
    import torch

Network = Literal["resnet18", "resnet34", "resnet50"]
Layer = Literal["avgpool", "layer4"]
SIDE = 224
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_SD = (0.229, 0.224, 0.225)
FEATURES = {"resnet18": 512, "resnet34": 512, "resnet50": 2048}
IMAGENET_FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomWeights:
    """Weights drawn by torchvision's own initialisation from a seed, for demonstrations."""

    seed: int


@dataclass(frozen=True, slots=True)
class ImageNetWeights:
    """torchvision's weights IMAGENET1K_V1, from torch's cache or downloaded into it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWeights:
    """A state dictionary in a file, used only if its sha256 is this one."""

    path: Path
    sha256: str


Weights = RandomWeights | ImageNetWeights | FileWeights


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepSettings:
    """Which network, which layer, which weights, and how the picture is cut.

    `avgpool` is the penultimate layer; `layer4` the last convolutional map (after its ReLU)
    averaged over its pixels. In a ResNet the two are one number by construction; the name says
    what a study asked for.
    """

    network: Network
    layer: Layer = "avgpool"
    weights: Weights
    crop: CropSettings = field(default_factory=CropSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedNetwork:
    """A network ready to run, the sha256 of its weights and a sentence that names them."""

    module: "torch.nn.Module"
    sha256: str
    sentence: str


def feature_names(settings: DeepSettings) -> tuple[str, ...]:
    """Return the names of the features, for example `resnet18_avgpool_000`."""
    count = FEATURES[settings.network]
    digits = max(3, len(str(count - 1)))
    return tuple(
        f"{settings.network}_{settings.layer}_{index:0{digits}d}" for index in range(count)
    )


def extract(pair: Pair, settings: DeepSettings) -> dict[str, float]:
    """Return the deep features of one region of interest."""
    loaded = load(settings.network, settings.weights)
    values = last_map(loaded, picture(crop(pair, settings.crop))).mean(axis=(1, 2))
    return dict(zip(feature_names(settings), values.tolist(), strict=True))


def picture(cut: Crop) -> NDArray[np.float32]:
    """Return a crop as the network takes it: (3, 224, 224), bilinear, ImageNet mean and SD."""
    torch = _torch()
    with _one_thread(torch):
        channels = torch.from_numpy(cut.picture)[None]
        resized = torch.nn.functional.interpolate(
            channels, size=(SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True
        )[0]
        if resized.shape[0] == 1:
            resized = resized.expand(3, SIDE, SIDE)
        mean = torch.tensor(IMAGENET_MEAN)[:, None, None]
        sd = torch.tensor(IMAGENET_SD)[:, None, None]
        scaled: NDArray[np.float32] = ((resized - mean) / sd).numpy()
    return scaled


def last_map(loaded: LoadedNetwork, ready: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the last convolutional map of a picture, shape (features, 7, 7)."""
    torch = _torch()
    kept: list[Any] = []
    hook = loaded.module.get_submodule("layer4").register_forward_hook(
        lambda _module, _inputs, output: kept.append(output)
    )
    try:
        with _one_thread(torch), torch.inference_mode():
            loaded.module(torch.from_numpy(ready)[None])
    finally:
        hook.remove()
    return np.asarray(kept[0][0].numpy(), dtype=np.float64)


@functools.lru_cache(maxsize=2)
def load(network: Network, weights: Weights) -> LoadedNetwork:
    """Return a network with its weights, in evaluation mode.

    Raises
    ------
    FeatureInputError
        When the weights are not there, not the ones that the hash promises, or do not fit.
    """
    torch = _torch()
    build = _builder(network)
    if isinstance(weights, RandomWeights):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(weights.seed)
            module = build(weights=None)
        digest = state_sha256(module)
        sentence = (
            f"{network} with RANDOM weights (seed {weights.seed}): a demonstration, no trained "
            "network"
        )
    else:
        path = weights.path if isinstance(weights, FileWeights) else _imagenet_file(network)
        digest = _checked_sha256(path, network, weights)
        module = build(weights=None)
        _fill(module, path, network)
        what = (
            "ImageNet weights of torchvision" if isinstance(weights, ImageNetWeights) else "weights"
        )
        sentence = f"{network} with {what} {path.name}, sha256 {digest}"
    module.eval()
    for parameter in module.parameters():
        parameter.requires_grad_(requires_grad=False)
    return LoadedNetwork(module=module, sha256=digest, sentence=sentence)


def state_sha256(module: "torch.nn.Module") -> str:
    """Return a hash of a network's weights, by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())
    return digest.hexdigest()


def null_features(
    values: NDArray[np.float64], *, min_nonzero_share: float = 0.0
) -> NDArray[np.bool_]:
    """Return which features are null on development patients.

    Parameters
    ----------
    values : ndarray, shape (n_development, n_features)
        Deep features of the development patients alone; NaN where a patient has none.
    min_nonzero_share : float in [0, 1)
        A feature is null when the share of patients with another value than 0 is at most this.

    Examples
    --------
    >>> import numpy as np
    >>> null_features(np.array([[0.0, 0.0, 2.0], [0.0, 1.0, 2.0]])).tolist()
    [True, False, False]
    """
    known = ~np.isnan(values)
    nonzero = (values != 0.0) & known
    return np.asarray(nonzero.sum(axis=0) <= min_nonzero_share * known.sum(axis=0))


def versions() -> dict[str, str]:
    """Return the versions on which deep values depend."""
    names = ("torch", "torchvision", "numpy", "SimpleITK")
    return {name: metadata.version(name) for name in names}


def _torch() -> Any:
    try:
        import torch  # noqa: PLC0415 - an optional extra, two seconds to import
    except ImportError as error:
        raise FeatureInputError(
            f"torch cannot be imported ({error}). Install the extra `deep`: pip install "
            "'extval[deep]'."
        ) from error
    return torch


def _builder(network: Network) -> Callable[..., Any]:
    _declare_missing_operators()
    try:
        from torchvision import models  # noqa: PLC0415
    except ImportError as error:
        raise FeatureInputError(
            f"torchvision cannot be imported ({error}). Install the extra `deep`: pip install "
            "'extval[deep]'."
        ) from error
    build: Callable[..., Any] = getattr(models, network)
    return build


@functools.cache
def _declare_missing_operators() -> Any:
    """Declare torchvision's box operators where its compiled part cannot be loaded.

    That is so for a CUDA build beside a CPU build of torch; importing it then fails on operators
    that no ResNet calls. The declaration lives as long as what is returned.
    """
    torch = _torch()
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None
    for compiled in sorted(Path(spec.origin).parent.glob("_C.*")):
        try:
            torch.ops.load_library(str(compiled))
        except OSError:
            continue
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def _imagenet_file(network: Network) -> Path:
    """Return torchvision's weights in torch's cache, downloading them if they are not there."""
    torch = _torch()
    name = IMAGENET_FILES[network]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return path
    try:
        torch.hub.load_state_dict_from_url(
            f"https://download.pytorch.org/models/{name}",
            map_location="cpu",
            check_hash=True,
            progress=False,
            weights_only=True,
        )
    except (OSError, RuntimeError) as error:
        raise FeatureInputError(
            f"torchvision's ImageNet weights {name} are neither in {path.parent} nor can they be "
            f"downloaded ({error}). Copy the file there, or give `weights: {{file: ..., sha256: "
            "...}`."
        ) from error
    return path


def _checked_sha256(path: Path, network: Network, weights: Weights) -> str:
    """Return the hash of a weights file, which must be the promised one."""
    if not path.is_file():
        raise FeatureInputError(f"the weights file {path} does not exist.")
    digest = file_sha256(path)
    if isinstance(weights, FileWeights):
        if digest != weights.sha256.lower():
            raise FeatureInputError(
                f"the weights file {path.name} has the sha256 {digest}, not {weights.sha256} as "
                "the study says. Give the file that was meant, or its own sha256."
            )
    else:
        promised = re.sub(r".*-([0-9a-f]{8})\.pth", r"\1", IMAGENET_FILES[network])
        if not digest.startswith(promised):
            raise FeatureInputError(
                f"{path} has the sha256 {digest}, which does not begin with {promised}: it is not "
                "torchvision's file. Delete it to have it downloaded again."
            )
    return digest


def _fill(module: Any, path: Path, network: Network) -> None:
    """Load a state dictionary into the network; the last layer, which is not used, may lack."""
    torch = _torch()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
        missing, unexpected = module.load_state_dict(state, strict=False)
    except Exception as error:
        # torch raises pickle, zip, key, attribute and runtime errors for one thing: a wrong file
        line = str(error).strip().splitlines()
        raise FeatureInputError(
            f"{path.name} is not a state dictionary of {network}: {line[0] if line else error!r}"
        ) from error
    missing = [name for name in missing if not name.startswith("fc.")]
    if missing or unexpected:
        example = (missing or unexpected)[0]
        raise FeatureInputError(
            f"{path.name} does not fit {network}: {len(missing)} weights are missing and "
            f"{len(unexpected)} unknown, for example {example}."
        )


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """Let torch use one thread, so that sums do not depend on the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
