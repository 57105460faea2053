"""Handcrafted features by pyradiomics, with its silences made audible.

pyradiomics drops a filter with one log line, sets a feature to NaN with another, and writes its
warnings to stderr. Here the names are fixed beforehand, its log is kept with the case, and its
lbp-3D filter runs in blocks of voxels: the same values, without 4.5 kB of memory a voxel.
"""

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from extval.features.errors import CaseError, FeatureInputError
from extval.features.roi_quality import Preparation

PRESETS = {"ct-1834": 1834, "mr-1379": 1379}
WIDEST_TOLERANCE = 1e-3
LBP_BLOCK = 100_000
DIAGNOSTICS = "diagnostics_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What pyradiomics is asked for: its own three sections, and the number of features expected.

    `name` is the preset or the name of the file.
    """

    name: str
    expected: int | None
    content: Mapping[str, Any]

    @property
    def setting(self) -> Mapping[str, Any]:
        """Return the section `setting`, empty when the file has none."""
        return dict(self.content.get("setting") or {})

    def preparation(self, modality: str) -> Preparation:
        """Return what the checks of the region of interest need to know."""
        setting, images = self.setting, dict(self.content.get("imageType") or {})
        log = dict(images.get("LoG") or {})
        spacing = setting.get("resampledPixelSpacing")
        resampled = spacing is not None and setting.get("interpolator", "sitkBSpline") is not None
        steps = [float(step) for step in spacing or [] if step]
        pad = int(setting.get("padDistance", 5))
        fixed_width = setting.get("binCount") is None
        return Preparation(
            modality="ct" if modality == "ct" else "other",
            bin_width=float(setting.get("binWidth", 25)) if fixed_width else None,
            normalize=bool(setting.get("normalize", False)),
            normalize_scale=float(setting.get("normalizeScale", 1)),
            outliers=setting.get("removeOutliers"),
            sigmas=tuple(float(s) for s in log.get("sigma", setting.get("sigma", []))),
            padding_mm=pad * min(steps) if resampled and steps else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Handcrafted:
    """Features and diagnostics of one region; `seconds` were spent inside pyradiomics."""

    values: dict[str, float]
    diagnostics: dict[str, Any]
    seconds: float


def preset(name: str) -> Parameters:
    """Return a preset that is shipped: `ct-1834` or `mr-1379`."""
    if name not in PRESETS:
        raise FeatureInputError(f"there is no preset `{name}`; choose one of {', '.join(PRESETS)}.")
    file = resources.files("extval.features") / "presets" / f"{name}.yaml"
    return Parameters(
        name=name,
        expected=PRESETS[name],
        content=_parse(file.read_text(encoding="utf-8"), f"{name}.yaml"),
    )


def read_parameters(path: Path, *, expect: int | None = None) -> Parameters:
    """Return a pyradiomics parameter file; `expect` is the number of features that it must give."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FeatureInputError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FeatureInputError(f"{path} is not UTF-8 text; save it as UTF-8.") from error
    parameters = Parameters(name=path.name, expected=expect, content=_parse(text, path.name))
    Extractor(parameters)  # pyradiomics' own schema
    return parameters


class Extractor:
    """pyradiomics with fixed parameters."""

    def __init__(self, parameters: Parameters) -> None:
        radiomics_extractor = _import_radiomics()
        self.parameters = parameters
        content = {key: value for key, value in parameters.content.items() if value is not None}
        _check_setting(parameters)
        try:
            with _quiet(), _logged("pykwalify.core"):
                self._extractor = radiomics_extractor(dict(content))
        except Exception as error:
            # pykwalify and pyradiomics raise many types for one thing: a wrong parameter file
            raise FeatureInputError(
                f"{parameters.name} does not follow pyradiomics' schema: {_schema_reason(error)}."
            ) from error

    def resolved(self) -> dict[str, Any]:
        """Return every setting as pyradiomics will use it, defaults included."""
        return {
            "setting": dict(self._extractor.settings),
            "imageType": dict(self._extractor.enabledImagetypes),
            "featureClass": {
                name: list(features or [])
                for name, features in self._extractor.enabledFeatures.items()
            },
        }

    def extract(self, image: Any, roi: Any) -> Handcrafted:
        """Return the features of the voxels where `roi` is 1.

        Raises
        ------
        CaseError
            When pyradiomics refuses the region, or gives a complex value.
        """
        started = time.perf_counter()
        with _quiet(), _logged("radiomics") as log, _lbp_in_blocks():
            try:
                found = self._extractor.execute(image, roi, label=1)
            except (ValueError, RuntimeError, IndexError, AssertionError, MemoryError) as error:
                reason = str(error).strip().splitlines() or [type(error).__name__]
                raise CaseError(
                    "not-extracted", f"pyradiomics refuses the region: {reason[-1].rstrip('.')}."
                ) from error
        seconds = time.perf_counter() - started
        values, diagnostics = {}, {}
        for name, value in found.items():
            if name.startswith(DIAGNOSTICS):
                diagnostics[name] = _plain(value)
            else:
                values[name] = _real(name, value)
        diagnostics[f"{DIAGNOSTICS}Log"] = " | ".join(dict.fromkeys(log))
        return Handcrafted(values=values, diagnostics=diagnostics, seconds=seconds)


def versions() -> dict[str, str]:
    """Return the versions on which handcrafted values depend."""
    with _quiet():
        import radiomics  # noqa: PLC0415 - an optional extra

    found = {
        "pyradiomics": str(radiomics.__version__).lstrip("v"),
        "numpy": np.__version__,
        "SimpleITK": sitk.Version.VersionString(),
    }
    for name in ("scipy", "PyWavelets", "trimesh"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # the self-test says so if a filter needs it
    return found


def _import_radiomics() -> Callable[[dict[str, Any]], Any]:
    try:
        with _quiet():
            from radiomics import featureextractor  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise FeatureInputError(
            f"pyradiomics cannot be imported ({error}). Install the extra `imaging`: pip install "
            "numpy, then pip install --no-build-isolation 'extval[imaging]'."
        ) from error
    extractor: Callable[[dict[str, Any]], Any] = featureextractor.RadiomicsFeatureExtractor
    return extractor


def _parse(text: str, name: str) -> Mapping[str, Any]:
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        problem = str(error.problem).splitlines()[0]
        raise FeatureInputError(f"{name}{where}: {problem}.") from error
    except (YAMLError, ValueError) as error:
        raise FeatureInputError(f"{name} is not valid YAML: {error}.") from error
    if not isinstance(content, dict):
        raise FeatureInputError(
            f"{name} must hold pyradiomics' sections `imageType`, `featureClass` and `setting`."
        )
    return content


def _check_setting(parameters: Parameters) -> None:
    setting = parameters.content.get("setting") or {}
    if not isinstance(setting, dict):
        return  # the schema says it better
    tolerance = setting.get("geometryTolerance")
    if isinstance(tolerance, int | float) and tolerance > WIDEST_TOLERANCE:
        raise FeatureInputError(
            f"{parameters.name}: a geometryTolerance of {tolerance:g} would hide a mask that does "
            "not fit. Leave it out; for masks on another grid set `images: {mask_grid: resample}`."
        )
    if setting.get("correctMask"):
        raise FeatureInputError(
            f"{parameters.name}: correctMask moves masks without a word. Leave it out and set "
            "`images: {mask_grid: resample}`, which does the same and says so."
        )


def _schema_reason(error: Exception) -> str:
    lines = [line.strip(" -\t") for line in str(error).splitlines() if line.strip().startswith("-")]
    text = "; ".join(lines) if lines else str(error).strip().split("\n", maxsplit=1)[0]
    return text.removesuffix(": Path: '/'>").rstrip(".")


def _real(name: str, value: Any) -> float:
    array = np.asarray(value)
    if array.size != 1 or np.iscomplexobj(array):
        raise CaseError(
            "complex-value",
            f"pyradiomics gives {value!r} for {name}, which is not one real number. Install numpy "
            "below 2.5.",
        )
    return float(array.reshape(()))


def _plain(value: Any) -> Any:
    """Return a diagnostic as plain data: numbers and text as such, all else as text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple):
        return " ".join(f"{float(part):.17g}" for part in value)
    return value if isinstance(value, int | float | str) else str(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what pyradiomics and its parts are known to warn of, and nothing else."""
    with warnings.catch_warnings():
        for message in (
            r"Please import `map_coordinates`",
            r"`scipy\.special\.sph_harm` is deprecated",
            r"the load_module\(\) method is deprecated",
        ):
            warnings.filterwarnings("ignore", message=message, category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"trimesh")
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"radiomics\.")
        yield


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def _logged(name: str) -> Iterator[list[str]]:
    """Yield the warnings that a package logs, instead of letting it write to stderr."""
    logger, lines = logging.getLogger(name), _Lines()
    before = logger.handlers, logger.propagate, logger.level
    logger.handlers, logger.propagate = [lines], False
    logger.setLevel(logging.WARNING)
    try:
        yield lines.lines
    finally:
        logger.handlers, logger.propagate = before[0], before[1]
        logger.setLevel(before[2])


@contextmanager
def _lbp_in_blocks() -> Iterator[None]:
    """Let pyradiomics compute lbp-3D in blocks of voxels; each voxel's value is its own affair."""
    from radiomics import imageoperations  # noqa: PLC0415

    original = imageoperations.getLBP3DImage

    def in_blocks(image: Any, mask: Any, **settings: Any) -> Iterator[tuple[Any, str, Any]]:
        label = settings.get("label", 1)
        inside = sitk.GetArrayViewFromImage(mask) == label
        count = int(inside.sum())
        if count <= LBP_BLOCK:
            yield from original(image, mask, **settings)
            return
        whole: dict[str, Any] = {}
        for block in np.array_split(np.flatnonzero(inside), -(-count // LBP_BLOCK)):
            part = np.zeros(inside.shape, dtype=np.uint32)
            part.ravel()[block] = label
            part_mask = sitk.GetImageFromArray(part)
            part_mask.CopyInformation(mask)
            for found, name, _ in original(image, part_mask, **settings):
                values = sitk.GetArrayViewFromImage(found).ravel()[block]
                whole.setdefault(name, np.zeros(inside.shape)).ravel()[block] = values
        for name, values in whole.items():
            result = sitk.GetImageFromArray(values)
            result.CopyInformation(image)
            yield result, name, settings

    imageoperations.getLBP3DImage = in_blocks
    try:
        yield
    finally:
        imageoperations.getLBP3DImage = original
