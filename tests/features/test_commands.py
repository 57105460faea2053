"""`extval extract` and `extval check` on right and on wrong input."""

import csv
import sys

import pytest
import SimpleITK as sitk

from extval.validate import cli

from . import cohort

HEAD = "schema_version: 1\nimages: {manifest: manifest.csv}\nfeatures:\n"


@pytest.fixture
def extval(monkeypatch, capsys):
    """Return a function that runs the command line and gives code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["extval", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        said = capsys.readouterr()
        return stopped.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "study"
    made.mkdir()
    cohort.cohort(made, patients=2)
    return made


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must hold keys and values"),
        (HEAD, "line 3, `features`: input should be a valid dictionary"),
        (HEAD + "  {}\n", "line 3, `features`: give `handcrafted`, `deep` or both"),
        (
            HEAD + "  handcrafted: {presett: ct-1834}\n",
            "line 4, `features.handcrafted.presett`: is not a known key; here one of preset, "
            "parameters, expect is expected",
        ),
        (HEAD + "  handcrafted: {preset: ct-18}\n", "should be 'ct-1834' or 'mr-1379'"),
        (HEAD + "  handcrafted: {}\n", "give `preset` or `parameters`, one of the two"),
        (HEAD + "  handcrafted: {preset: ct-1834, expect: 3}\n", "leave `expect` out"),
        (HEAD + "  handcrafted: {parameters: none.yaml}\n", "none.yaml cannot be read"),
        (HEAD + "  deep: {network: resnet18}\n", "`features.deep.weights`: is missing"),
        (HEAD + "  deep: {network: vgg, weights: imagenet}\n", "'resnet18', 'resnet34' or"),
        (HEAD + "  deep: {network: resnet18, weights: good}\n", "give `imagenet`, `{file:"),
        (HEAD + "  deep: {network: resnet18, weights: {}}\n", "give `imagenet`, `{file:"),
        (HEAD + "  deep: {network: resnet18, weights: {file: a}}\n", "`sha256` go together"),
        (
            HEAD + "  deep: {network: resnet18, weights: {file: a, sha256: abc}}\n",
            "`features.deep.weights.sha256`: string should match",
        ),
        (
            HEAD + "  deep: {network: resnet18, weights: imagenet, intensity: {window: [40, 0]}}\n",
            "the width of a window must be above 0",
        ),
        (
            HEAD
            + "  deep: {network: resnet18, weights: imagenet, intensity: {percentiles: [9, 2]}}\n",
            "two rising numbers",
        ),
        (
            "images: {manifest: none.csv}\nfeatures: {handcrafted: {preset: mr-1379}}\n",
            "none.csv does not exist",
        ),
    ],
)
def test_a_wrong_study_ends_with_its_place_and_code_2(extval, folder, tmp_path, text, said):
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    code, out, err = extval("extract", path, "--out", tmp_path / "out")
    assert code == 2
    assert out == ""
    assert said in err
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_wrong_count_ends_with_code_2(extval, folder, tmp_path):
    path = cohort.write_study(folder, features="handcrafted: {parameters: tiny.yaml, expect: 4}")
    code, _, err = extval("extract", path, "--out", tmp_path / "out")
    assert code == 2
    assert "gives 3 features a phase where 4 are expected" in err


def test_a_folder_that_holds_something_else_is_left_alone(extval, folder, tmp_path):
    path = cohort.write_study(folder)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").touch()
    code, _, err = extval("extract", path, "--out", tmp_path / "out")
    assert code == 2
    assert "holds other files" in err
    assert [item.name for item in (tmp_path / "out").iterdir()] == ["thesis.docx"]
    code, _, err = extval("extract", path, "--out", path)
    assert code == 2
    assert "is a file" in err


def test_two_readers_that_share_a_file_name(extval, folder, tmp_path):
    rows = cohort.cohort(folder, patients=2)
    cohort.write_manifest(
        folder, [{**row, "reader": who} for who in ("R1", "R 2", "R-2") for row in rows]
    )
    code, _, err = extval("extract", cohort.write_study(folder), "--out", tmp_path / "out")
    assert code == 2
    assert "the readers 'R 2' and 'R-2' would both" in err


def test_check_of_a_study_says_what_is_wrong_before_anything_runs(extval, folder, tmp_path):
    path = cohort.write_study(folder)
    code, out, _ = extval("check", path, "--jobs", "1")
    assert code == 0
    assert "4 of 4 regions of interest can be measured." in out
    mask = folder / "p1_V_mask.nii.gz"
    sitk.WriteImage(cohort.ball(cohort.image(), label=2), str(mask))
    table = tmp_path / "roi.csv"
    code, out, _ = extval("check", path, "--jobs", "1", "--out", table)
    assert code == 1
    assert "failed   other-label            P1 V: the mask does not hold label 1; it holds 2" in out
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert rows[0]["grey_levels"] != ""


def test_check_of_a_manifest_alone(extval, folder):
    code, out, _ = extval("check", folder / "manifest.csv", "--jobs", "1")
    assert code == 0
    assert "grey-levels" not in out
    code, _, err = extval("check", folder / "none.csv")
    assert code == 2
    assert "does not exist" in err


def test_check_of_a_protocol(extval, tmp_path):
    path = tmp_path / "protocol.yaml"
    path.write_text("outcome: {column: y}\nmodels: {a: {probability: p}}\n", encoding="utf-8")
    assert extval("check", path)[:2] == (0, f"{path}: the protocol is complete.\n")
    path.write_text("outcome: {column: y}\nmodels: {}\n", encoding="utf-8")
    code, _, err = extval("check", path)
    assert code == 2
    assert "`models`" in err
