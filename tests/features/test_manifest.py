"""The manifest: spellings, order, paths, and what it may not say."""

import pytest

from extval.features.errors import CaseError, FeatureInputError
from extval.features.manifest import missing_phases, prefixed, read_manifest, readers

HEADER = "patient,center,cohort,scanner,phase,reader,image,mask,label\n"


def manifest(folder, text):
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_our_columns(tmp_path):
    (case,) = read_manifest(
        manifest(tmp_path, HEADER + "P1,GE,development,Signa,T1,R1,a.nii,b.nii,2\n")
    )
    assert (case.patient, case.center, case.cohort, case.scanner) == (
        "P1", "GE", "development", "Signa",
    )  # fmt: skip
    assert (case.phase, case.reader, case.label, case.row) == ("T1", "R1", 2, 2)
    assert case.image == (tmp_path / "a.nii").resolve()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_pyradiomics_own_spelling(tmp_path, delimiter):
    text = "\ufeffImage,Mask,Label\na.nii,b.nii,\n\nc.nii,d.nii,3\n".replace(",", delimiter)
    cases = read_manifest(manifest(tmp_path, text))
    assert [(case.patient, case.phase, case.label) for case in cases] == [
        ("row-2", "", 1),
        ("row-4", "", 3),
    ]


def test_other_spellings_of_the_columns(tmp_path):
    text = "patient_id,centre,Phase,IMAGE,segmentation\nP1,GE,A,a.nii,b.nii\n"
    (case,) = read_manifest(manifest(tmp_path, text))
    assert (case.patient, case.center, case.phase) == ("P1", "GE", "A")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (HEADER, "no rows"),
        ("patient,image\nP1,a\n", "no column `mask`"),
        ("image,Image,mask\na,b,c\n", "`image` more than once"),
        ("image,mask\na\n", "row 2 has 1 cells where the header has 2"),
        ("patient,image,mask\n,a,b\n", "row 2: the patient is missing"),
        ("image,mask,label\na,b,0\n", "row 2: the label '0'"),
        ("image,mask,label\na,b,1.5\n", "the label '1.5'"),
        ("image,mask,label\na,b,x\n", "the label 'x'"),
        ("image,mask,phase\na,b,T__1\n", "two underscores"),
        ("patient,image,mask\nP1,a,b\nP1,c,d\n", "P1 is already in row 2"),
        (
            "patient,cohort,phase,image,mask\nP1,development,A,a,b\nP1,validation,V,a,b\n",
            "row 3: patient P1 has cohort 'validation' here and 'development' in row 2",
        ),
    ],
)
def test_wrong_manifests_name_the_place(tmp_path, text, said):
    with pytest.raises(FeatureInputError, match=said):
        read_manifest(manifest(tmp_path, text))


def test_a_missing_file_and_a_folder_are_said(tmp_path):
    with pytest.raises(FeatureInputError, match="does not exist"):
        read_manifest(tmp_path / "none.csv")
    with pytest.raises(FeatureInputError, match="is a folder"):
        read_manifest(tmp_path)


def test_a_file_that_is_not_text_is_said(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FeatureInputError, match="UTF-8"):
        read_manifest(path)


@pytest.mark.parametrize("place", ["../x.nii", "/tmp/x.nii", "sub/../../x.nii"])
def test_paths_out_of_the_folder_fail_alone(tmp_path, place):
    folder = tmp_path / "study"
    folder.mkdir()
    (tmp_path / "x.nii").touch()
    path = manifest(folder, f"image,mask\n{place},m.nii\nok.nii,m.nii\n")
    case, other = read_manifest(path)
    with pytest.raises(CaseError, match="outside the folder of the manifest") as caught:
        case.files()
    assert caught.value.code == "outside-folder"
    assert not other.outside
    assert not read_manifest(path, allow_outside=True)[0].outside


def test_a_link_that_leads_out_of_the_folder_fails_alone(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    (tmp_path / "x.nii").touch()
    (folder / "link.nii").symlink_to(tmp_path / "x.nii")
    (case,) = read_manifest(manifest(folder, "image,mask\nlink.nii,m.nii\n"))
    with pytest.raises(CaseError):
        case.files()


def test_absent_files_and_empty_cells_fail_alone(tmp_path):
    first, second = read_manifest(manifest(tmp_path, "image,mask\n,b.nii\na.nii,b.nii\n"))
    with pytest.raises(CaseError, match="row 2 of the manifest names no image"):
        first.files()
    with pytest.raises(CaseError, match=r"a\.nii does not exist"):
        second.files()


def test_missing_phases_count_for_the_first_reader_only(tmp_path):
    text = "patient,phase,reader,image,mask\nP1,A,R1,a,b\nP1,V,R1,c,d\nP2,A,R1,e,f\nP1,A,R2,a,g\n"
    cases = read_manifest(manifest(tmp_path, text))
    assert [(case.patient, phase) for case, phase in missing_phases(cases)] == [("P2", "V")]
    assert readers(cases) == ["R1", "R2"]


def test_feature_names_carry_their_phase():
    assert prefixed("V", "lbp-3D-k_ngtdm_Complexity") == "V__lbp-3D-k_ngtdm_Complexity"
    assert prefixed("", "original_shape_MeshVolume") == "original_shape_MeshVolume"
