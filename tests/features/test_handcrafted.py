"""pyradiomics: the IBSI phantom, exact counts, and its silences made loud."""

import io
import logging

import numpy as np
import pytest
import SimpleITK as sitk
from radiomics import featureextractor, imageoperations

from extval.features import handcrafted, ibsi_phantom, self_test
from extval.features.errors import CaseError, FeatureInputError
from extval.features.handcrafted import Extractor, Parameters, preset, read_parameters

from . import cohort

# The digital phantom as printed by IBSI, slice by slice; -1 is outside the region of interest.
PHANTOM = """
1 4 4 1 1
1 4 6 1 1
4 1 6 4 1
4 4 6 4 1

1 4 4 1 1
1 1 6 1 1
-1 1 3 1 1
4 4 6 1 1

1 4 4 -1 -1
1 1 1 1 1
1 1 -1 1 1
1 1 6 1 1

1 4 4 -1 -1
1 1 1 1 1
1 1 1 1 1
1 1 6 1 1
"""


def phantom():
    values = np.array(
        [[row.split() for row in block.splitlines()] for block in PHANTOM.strip().split("\n\n")],
        dtype=float,
    )
    image = sitk.GetImageFromArray(values)
    mask = sitk.GetImageFromArray((values > 0).astype(np.uint8))
    for item in (image, mask):
        item.SetSpacing((2.0, 2.0, 2.0))
    return image, mask


def tiny(images=None, classes=None, **setting):
    return Parameters(
        name="tiny.yaml",
        expected=None,
        content={
            "imageType": images or {"Original": {}},
            "featureClass": classes or {"firstorder": ["Mean", "Energy"]},
            "setting": setting,
        },
    )


def test_the_phantom_in_the_package_is_the_printed_one():
    ours, theirs = ibsi_phantom.phantom(), phantom()
    inside = sitk.GetArrayFromImage(theirs[1])
    assert inside.shape == (4, 4, 5)
    assert inside.sum() == ibsi_phantom.VOXELS == 74
    assert np.array_equal(sitk.GetArrayFromImage(ours[1]), inside)
    assert np.array_equal(
        sitk.GetArrayFromImage(ours[0]) * inside, sitk.GetArrayFromImage(theirs[0]) * inside
    )


def test_first_order_consensus_from_the_definitions():
    """The consensus values follow from the printed voxels alone, without pyradiomics."""
    image, mask = phantom()
    values = sitk.GetArrayFromImage(image)[sitk.GetArrayFromImage(mask) == 1]
    centred = values - values.mean()
    variance = (centred**2).mean()
    _, counts = np.unique(values, return_counts=True)
    share = counts / counts.sum()
    defined = {
        "Mean": values.mean(),
        "Variance": variance,
        "Skewness": (centred**3).mean() / variance**1.5,
        "Kurtosis": (centred**4).mean() / variance**2 - 3,
        "Energy": (values**2).sum(),
        "RootMeanSquared": np.sqrt((values**2).mean()),
        "Entropy": -(share * np.log2(share)).sum(),
        "Uniformity": (share**2).sum(),
        "MeanAbsoluteDeviation": np.abs(centred).mean(),
    }
    for name, value in defined.items():
        assert ibsi_phantom.agrees(f"firstorder_{name}", value), name


def test_pyradiomics_gives_the_consensus_values():
    found = self_test._extract(self_test._IBSI, *phantom())
    for name in ibsi_phantom.CONSENSUS:
        value = ibsi_phantom.in_ibsi_terms(name, found[f"original_{name}"])
        assert ibsi_phantom.agrees(name, value), (name, value)
    assert len(ibsi_phantom.CONSENSUS) == 101
    self_test.check_ibsi()


def test_the_consensus_is_held_to_its_third_digit():
    assert ibsi_phantom.agrees("glcm_Contrast", 5.3249)
    assert not ibsi_phantom.agrees("glcm_Contrast", 5.33)
    assert not ibsi_phantom.agrees("shape_MeshVolume", 561.0)
    assert not ibsi_phantom.agrees("glcm_Contrast", float("nan"))


@pytest.mark.parametrize(
    ("name", "count", "images"), [("ct-1834", 1834, 20), ("mr-1379", 1379, 15)]
)
def test_presets_give_exactly_their_number(name, count, images):
    names = self_test.feature_names(preset(name))
    assert len(names) == len(set(names)) == count == 14 + images * 91
    assert sum("_shape_" in item for item in names) == 14
    per_image = {}
    for item in names:
        kind, family, _ = item.split("_", 2)
        if family != "shape":
            per_image.setdefault(kind, {}).setdefault(family, 0)
            per_image[kind][family] += 1
    assert len(per_image) == images
    families = {"firstorder": 18, "glcm": 22, "glrlm": 16, "glszm": 16, "gldm": 14, "ngtdm": 5}
    assert all(found == families for found in per_image.values())
    assert "lbp-3D-k_ngtdm_Complexity" in names
    assert not any(item.endswith(("SumAverage", "MCC")) for item in names)


def test_values_are_those_of_pyradiomics_itself(tmp_path):
    scan = cohort.image(size=(16, 16, 12))
    mask = cohort.ball(scan)
    plan = preset("mr-1379")
    logging.getLogger("radiomics").setLevel(logging.ERROR)
    with handcrafted._quiet():
        theirs = featureextractor.RadiomicsFeatureExtractor(dict(plan.content)).execute(scan, mask)
    ours = Extractor(plan).extract(scan, mask)
    expected = {k: float(v) for k, v in theirs.items() if not k.startswith("diagnostics")}
    assert ours.values == expected
    assert ours.diagnostics["diagnostics_Image-interpolated_Spacing"] == "1 1 1"
    assert ours.seconds > 0


@pytest.mark.parametrize("block", [7, 50])
def test_lbp_in_blocks_is_lbp(monkeypatch, block):
    scan = cohort.image()
    mask = cohort.ball(scan)
    plan = tiny({"LBP3D": {}}, {"firstorder": None, "glcm": ["Contrast"]}, binWidth=0.5)
    whole = Extractor(plan).extract(scan, mask).values
    monkeypatch.setattr(handcrafted, "LBP_BLOCK", block)
    assert Extractor(plan).extract(scan, mask).values == whole
    assert len(whole) == 3 * 19


def test_nothing_is_left_changed_and_nothing_is_said(capfd):
    before = imageoperations.getLBP3DImage, logging.getLogger("radiomics").handlers[:]
    scan = cohort.image()
    found = Extractor(tiny(binCount=8)).extract(scan, cohort.ball(scan))
    assert (imageoperations.getLBP3DImage, logging.getLogger("radiomics").handlers) == before
    assert capfd.readouterr() == ("", "")
    assert "diagnostics_Log" in found.diagnostics


def test_a_dropped_filter_stops_the_run(monkeypatch):
    def silent(*_, **__):
        logging.getLogger("radiomics.imageoperations").warning("Could not load package scipy")
        return iter(())

    monkeypatch.setattr(imageoperations, "getLBP3DImage", silent)
    with pytest.raises(FeatureInputError, match=r"left the filter LBP3D out. Install scipy below"):
        self_test.feature_names(tiny({"Original": {}, "LBP3D": {}}))


def test_a_complex_value_stops_the_run(monkeypatch):
    original = featureextractor.RadiomicsFeatureExtractor.execute

    def with_complex(self, *arguments, **options):
        found = original(self, *arguments, **options)
        found["original_shape_Flatness"] = np.complex128(1 + 0j)
        return found

    monkeypatch.setattr(featureextractor.RadiomicsFeatureExtractor, "execute", with_complex)
    with pytest.raises(FeatureInputError, match=r"original_shape_Flatness.*numpy below 2\.5"):
        self_test.check_ibsi()


def test_a_wrong_value_stops_the_run(monkeypatch):
    original = featureextractor.RadiomicsFeatureExtractor.execute

    def with_wrong(self, *arguments, **options):
        return {**original(self, *arguments, **options), "original_glcm_Contrast": 5.4}

    monkeypatch.setattr(featureextractor.RadiomicsFeatureExtractor, "execute", with_wrong)
    with pytest.raises(
        FeatureInputError, match=r"glcm_Contrast .* is 5\.4; the consensus is 5\.32"
    ):
        self_test.check_ibsi()


def test_a_nan_column_stops_the_run(monkeypatch):
    original = featureextractor.RadiomicsFeatureExtractor.execute

    def with_nan(self, *arguments, **options):
        return {**original(self, *arguments, **options), "original_firstorder_Mean": np.nan}

    monkeypatch.setattr(featureextractor.RadiomicsFeatureExtractor, "execute", with_nan)
    with pytest.raises(FeatureInputError, match="1 features are not finite, first original_first"):
        self_test.feature_names(tiny())


def test_another_count_than_expected_stops_the_run(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(cohort.TINY, encoding="utf-8")
    assert len(self_test.feature_names(read_parameters(path, expect=3))) == 3
    with pytest.raises(FeatureInputError, match=r"gives 3 features a phase where 4 are expected"):
        self_test.feature_names(read_parameters(path, expect=4))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("setting: {foo: 1}", "Key 'foo' was not defined"),
        ("imageType: {Bar: {}}", "Image Type Bar is not recognized"),
        ("featureClass: {glcm: [Nix]}", "unrecognized features: {'Nix'}"),
        ("setting: {geometryTolerance: 1.0}", "would hide a mask that does not fit"),
        ("setting: {correctMask: true}", "mask_grid: resample"),
        ("setting: {binWidth: 1}\nsetting: {binWidth: 2}", "line 2: found duplicate key"),
        ("setting: [1", "line 1"),
        ("- 1", "must hold pyradiomics' sections"),
        ("", "must hold pyradiomics' sections"),
    ],
)
def test_wrong_parameter_files_name_the_place(tmp_path, text, said):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FeatureInputError, match=r"mine\.yaml") as caught:
        read_parameters(path)
    assert said in str(caught.value)


def test_a_missing_parameter_file_and_preset(tmp_path):
    with pytest.raises(FeatureInputError, match="cannot be read"):
        read_parameters(tmp_path / "none.yaml")
    with pytest.raises(FeatureInputError, match="choose one of ct-1834, mr-1379"):
        preset("ct-9")


def test_a_region_that_pyradiomics_refuses_fails_alone():
    scan = cohort.image()
    mask = cohort.ball(scan, radius=0.1, at=(5, 6, 6))
    with pytest.raises(CaseError, match="pyradiomics refuses the region") as caught:
        Extractor(tiny()).extract(scan, mask)
    assert caught.value.code == "not-extracted"


def test_every_resolved_setting_is_written_out():
    setting = Extractor(preset("ct-1834")).resolved()["setting"]
    assert setting["binWidth"] == 25
    assert setting["distances"] == [1]


def test_preparation_reads_the_parameters():
    plan = preset("mr-1379").preparation("mr")
    assert (plan.bin_width, plan.normalize, plan.normalize_scale) == (5.0, True, 100.0)
    assert (plan.sigmas, plan.padding_mm, plan.modality) == ((1.0, 2.0, 3.0), 10.0, "other")
    assert tiny(binCount=8).preparation("ct").bin_width is None
    assert tiny().preparation("ct").padding_mm is None


def test_the_log_is_kept_not_printed(capfd):
    stream = io.StringIO()
    logging.getLogger("radiomics").addHandler(handler := logging.StreamHandler(stream))
    try:
        scan = cohort.image()
        plan = tiny({"LoG": {"sigma": [1.0, 90.0]}})
        found = Extractor(plan).extract(scan, cohort.ball(scan))
    finally:
        logging.getLogger("radiomics").removeHandler(handler)
    assert "sigma(90)" in found.diagnostics["diagnostics_Log"]
    assert stream.getvalue() == ""
