"""The part of a study file that turns images into features: `images` and `features`.

```yaml
schema_version: 1
seed: 1
images: {manifest: manifest.csv}
features:
  handcrafted: {preset: ct-1834}
  deep: {network: resnet18, layer: avgpool, weights: {random: 1}}
```
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from extval.features import deep, handcrafted
from extval.features.extraction import Plan
from extval.features.roi_crop import CropSettings, Percentiles, Window
from extval.validate import yaml_file
from extval.validate.protocol_settings import DEFAULT_SEED

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
WEIGHTS = "give `imagenet`, `{file: ..., sha256: ...}` or `{random: SEED}`"
Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class _Strict(BaseModel):
    """Unknown keys are errors, and values are never silently changed into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Images(_Strict):
    """Where the images are and how their masks are taken.

    `modality` is the preset's when it is not given; `ct` switches the check of Hounsfield units
    and the CT window on.
    """

    manifest: Text
    allow_outside: bool = False
    mask_grid: Literal["refuse", "resample"] = "refuse"
    modality: Literal["ct", "mr", "pet", "other"] | None = None


class Handcrafted(_Strict):
    """A preset, or a pyradiomics parameter file with the number of features that it must give."""

    preset: Literal["ct-1834", "mr-1379"] | None = None
    parameters: Text | None = None
    expect: Annotated[int, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Handcrafted":
        if (self.preset is None) == (self.parameters is None):
            raise ValueError("give `preset` or `parameters`, one of the two")
        if self.preset is not None and self.expect is not None:
            raise ValueError("a preset knows its own number of features; leave `expect` out")
        return self


class WeightsChoice(_Strict):
    """`imagenet`, `{file: ..., sha256: ...}` or `{random: SEED}`."""

    imagenet: Literal[True] | None = None
    file: Text | None = None
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")] | None = None
    random: Annotated[int, Field(ge=0, lt=2**63)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, raw: Any) -> Any:
        if raw == "imagenet":
            return {"imagenet": True}
        if not isinstance(raw, dict | WeightsChoice):
            raise ValueError(WEIGHTS)
        return raw

    @model_validator(mode="after")
    def _one_kind(self) -> "WeightsChoice":
        given = [item is not None for item in (self.imagenet, self.file, self.random)]
        if sum(given) != 1:
            raise ValueError(WEIGHTS)
        if (self.file is None) != (self.sha256 is None):
            raise ValueError("`file` and `sha256` go together")
        return self


class Intensity(_Strict):
    """`window: [level, width]` in HU, or `percentiles: [low, high]` of the body."""

    window: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    percentiles: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Intensity":
        if (self.window is None) == (self.percentiles is None):
            raise ValueError("give `window` or `percentiles`, one of the two")
        if self.window is not None and self.window[1] <= 0:
            raise ValueError("the width of a window must be above 0")
        if self.percentiles is not None:
            low, high = self.percentiles
            if not 0 <= low < high <= 100:
                raise ValueError("percentiles must be two rising numbers from 0 to 100")
        return self


class Deep(_Strict):
    """Network, layer and weights, and how the picture is cut.

    Deep features that are null (0 in more than all but `min_nonzero_share` of the development
    patients) are dropped, unless `null_features` is `keep`.
    """

    network: Literal["resnet18", "resnet34", "resnet50"]
    layer: Literal["avgpool", "layer4"] = "avgpool"
    weights: WeightsChoice
    margin_mm: Annotated[float, Field(ge=0.0, le=1000.0)] = 10.0
    slices: Literal[1, 3] = 1
    background: Literal["kept", "masked"] = "kept"
    intensity: Intensity | None = None
    null_features: Literal["drop", "keep"] = "drop"
    min_nonzero_share: Share = 0.0


class Features(_Strict):
    """Which features: handcrafted, deep or both."""

    handcrafted: Handcrafted | None = None
    deep: Deep | None = None

    @model_validator(mode="after")
    def _something(self) -> "Features":
        if self.handcrafted is None and self.deep is None:
            raise ValueError("give `handcrafted`, `deep` or both")
        return self


class ExtractStudy(_Strict):
    """A study file for `extval extract` and `extval check`."""

    schema_version: Literal[1] = 1
    title: Text | None = None
    seed: Annotated[int, Field(ge=0)] = DEFAULT_SEED
    images: Images
    features: Features


def read_study(path: Path) -> ExtractStudy:
    """Return the study in a YAML file; every problem is named with path and line."""
    return yaml_file.parse(ExtractStudy, yaml_file.read_mapping(path), path)


def plan(images: Images, features: Features, folder: Path) -> Plan:
    """Return what the study asks for; paths are relative to `folder`, that of the study file.

    Raises
    ------
    FeatureInputError
        When a parameter file is missing or wrong.
    """
    chosen = features.handcrafted
    parameters = None
    if chosen is not None and chosen.preset is not None:
        parameters = handcrafted.preset(chosen.preset)
    elif chosen is not None and chosen.parameters is not None:
        parameters = handcrafted.read_parameters(folder / chosen.parameters, expect=chosen.expect)
    modality = images.modality or _modality(chosen)
    return Plan(
        modality=modality,
        mask_grid=images.mask_grid,
        handcrafted=parameters,
        deep=_deep(features.deep, modality, folder) if features.deep is not None else None,
        drop_null=features.deep is not None and features.deep.null_features == "drop",
        min_nonzero_share=features.deep.min_nonzero_share if features.deep is not None else 0.0,
    )


def _modality(chosen: Handcrafted | None) -> str:
    return "other" if chosen is None or chosen.preset is None else chosen.preset.split("-")[0]


def _deep(asked: Deep, modality: str, folder: Path) -> deep.DeepSettings:
    weights: deep.Weights
    if asked.weights.random is not None:
        weights = deep.RandomWeights(seed=asked.weights.random)
    elif asked.weights.file is not None and asked.weights.sha256 is not None:
        weights = deep.FileWeights(path=folder / asked.weights.file, sha256=asked.weights.sha256)
    else:
        weights = deep.ImageNetWeights()
    intensity: Window | Percentiles = Window() if modality == "ct" else Percentiles()
    if asked.intensity is not None and asked.intensity.window is not None:
        intensity = Window(level=asked.intensity.window[0], width=asked.intensity.window[1])
    elif asked.intensity is not None and asked.intensity.percentiles is not None:
        low, high = asked.intensity.percentiles
        intensity = Percentiles(low=low, high=high)
    return deep.DeepSettings(
        network=asked.network,
        layer=asked.layer,
        weights=weights,
        crop=CropSettings(
            margin_mm=asked.margin_mm,
            slices=asked.slices,
            background=asked.background,
            intensity=intensity,
        ),
    )
