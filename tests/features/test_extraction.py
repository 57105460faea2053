"""A whole cohort: tables, failures, resuming, and the same bytes on every kind of worker."""

import csv
import json
import os
import sys

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from extval.features import cases as cases_module
from extval.features import running
from extval.features.cases import read_stored
from extval.features.handcrafted import Extractor
from extval.validate import cli

from . import cohort


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
def study(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    rows = cohort.cohort(folder)
    return folder, cohort.write_study(folder), rows


def extracted(extval, path, out, *more):
    code, _, said = extval("extract", path, "--out", out, "--jobs", "1", *more)
    return code, said


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(out):
    return {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()}


def kept(out, kind="handcrafted"):
    return {p.name: p.stat().st_mtime_ns for p in (out / "cases").glob(f"{kind}-*")}


def test_tables_hold_a_row_a_patient_and_pyradiomics_values(extval, study, tmp_path):
    folder, path, rows = study
    out = tmp_path / "out"
    code, said = extracted(extval, path, out)
    assert code == 0, said
    table = pd.read_parquet(out / "features.parquet")
    names = ["original_firstorder_Mean", "original_firstorder_Energy", "original_glcm_Contrast"]
    assert sorted(table.columns) == sorted(
        ["patient", "center", "cohort", *(f"{p}__{n}" for p in "AV" for n in names)]
    )
    assert table["patient"].tolist() == ["P0", "P1", "P2", "P3"]
    for row in rows:
        scan = sitk.ReadImage(str(folder / row["image"]))
        mask = sitk.ReadImage(str(folder / row["mask"]))
        values = sitk.GetArrayFromImage(scan)[sitk.GetArrayFromImage(mask) == 1]
        cell = table.set_index("patient").loc[row["patient"], f"{row['phase']}__{names[0]}"]
        assert cell == pytest.approx(values.astype(float).mean(), rel=1e-12)
    from_csv = pd.read_csv(out / "features.csv", float_precision="round_trip")
    pd.testing.assert_frame_equal(from_csv, table)
    assert read(out / "failures.csv") == []
    assert len(read(out / "roi.csv")) == 8
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert {item["path"] for item in manifest["outputs"]} == set(contents(out)) - {"manifest.json"}
    assert manifest["cases"][0]["spacing_mm"] == [1.0, 1.0, 2.0]
    assert manifest["versions"]["pyradiomics"]
    assert manifest["handcrafted"]["settings"]["setting"]["binWidth"] == 5
    assert len(pd.read_parquet(out / "diagnostics.parquet")) == 8


def test_a_second_run_computes_nothing_and_changes_no_byte(extval, study, tmp_path):
    _, path, _ = study
    out = tmp_path / "out"
    extracted(extval, path, out)
    first, times = contents(out), kept(out)
    code, said = extracted(extval, path, out)
    assert code == 0
    assert "nothing to compute; 8 kept" in said
    assert contents(out) == first
    assert kept(out) == times


def test_a_killed_run_resumes_where_it_was(extval, study, tmp_path, monkeypatch):
    _, path, _ = study
    whole = tmp_path / "whole"
    extracted(extval, path, whole)
    out = tmp_path / "out"
    original, calls = Extractor.extract, []

    def killed(self, image, roi):
        calls.append(1)
        if len(calls) == 5:  # two of the self-test come first
            raise KeyboardInterrupt
        return original(self, image, roi)

    monkeypatch.setattr(Extractor, "extract", killed)
    assert extracted(extval, path, out)[0] == 130
    assert len(kept(out)) == 2
    assert not (out / "manifest.json").exists()
    assert not (out / "features.csv").exists()
    (out / "cases" / ".half.parquet.1.part").write_bytes(b"half")
    monkeypatch.setattr(Extractor, "extract", original)
    before = kept(out)
    code, said = extracted(extval, path, out)
    assert code == 0
    assert "6 computed" in said and "2 kept" in said
    assert before.items() <= kept(out).items()
    assert contents(out) == contents(whole)
    assert not list((out / "cases").glob("*.part")) and not list((out / "cases").glob(".*"))


def test_a_changed_setting_recomputes_and_an_old_one_is_still_there(extval, study, tmp_path):
    folder, path, _ = study
    out = tmp_path / "out"
    extracted(extval, path, out)
    first = contents(out)
    (folder / "tiny.yaml").write_text(
        cohort.TINY.replace("binWidth: 5", "binWidth: 2"), encoding="utf-8"
    )
    assert "8 computed" in extracted(extval, path, out)[1]
    assert contents(out)["features.csv"] != first["features.csv"]
    (folder / "tiny.yaml").write_text(cohort.TINY, encoding="utf-8")
    assert "nothing to compute; 8 kept" in extracted(extval, path, out)[1]
    assert contents(out)["features.csv"] == first["features.csv"]


def test_a_kept_file_that_is_damaged_is_computed_again(extval, study, tmp_path):
    _, path, _ = study
    out = tmp_path / "out"
    extracted(extval, path, out)
    first = contents(out)
    victim = sorted((out / "cases").glob("handcrafted-*"))[0]
    victim.write_bytes(victim.read_bytes()[:100])
    assert read_stored(victim) is None
    assert "1 computed" in extracted(extval, path, out)[1]
    assert contents(out) == first


def test_another_version_is_another_key(extval, study, tmp_path, monkeypatch):
    _, path, _ = study
    out = tmp_path / "out"
    extracted(extval, path, out)
    real = cases_module.handcrafted.versions()
    monkeypatch.setattr(cases_module.handcrafted, "versions", lambda: {**real, "scipy": "0.0"})
    assert "8 computed" in extracted(extval, path, out)[1]


BAD = {
    "P0": ("truncated", "truncated"),
    "P1": ("not-3d", "2-dimensional"),
    "P2": ("not-3d", "4-dimensional"),
    "P3": ("other-grid", "not on the grid"),
    "P4": ("empty-mask", "empty"),
    "P5": ("other-label", "holds 2"),
    "P6": ("non-finite-voxels", "NaN"),
    "P7": ("single-voxel", "single voxel"),
    "P8": ("outside-folder", "outside the folder"),
    "P9": ("unreadable", "folder without DICOM"),
    "P10": ("no-mask", "does not exist"),
    "P11": ("unreadable", "is not a NIfTI file"),
    "P12": ("bad-spacing", "spacing"),
}


def spoil(folder, rows):
    """Make thirteen patients bad, each in its own way; the last one stays good."""
    image = {row["patient"]: folder / row["image"] for row in rows}
    mask = {row["patient"]: folder / row["mask"] for row in rows}
    scan = sitk.ReadImage(str(image["P0"]))
    image["P0"].write_bytes(image["P0"].read_bytes()[:700])
    sitk.WriteImage(scan[:, :, 2], str(image["P1"]))
    sitk.WriteImage(sitk.JoinSeries([scan, scan]), str(image["P2"]))
    other = cohort.image(9, size=(20, 20, 20))
    sitk.WriteImage(cohort.ball(other), str(mask["P3"]))
    sitk.WriteImage(cohort.ball(scan) * 0, str(mask["P4"]))
    sitk.WriteImage(cohort.ball(scan, label=2), str(mask["P5"]))
    scan[3, 3, 3] = float("nan")
    sitk.WriteImage(scan, str(image["P6"]))
    sitk.WriteImage(cohort.ball(scan, radius=0.1, at=(4, 4, 4)), str(mask["P7"]))
    outside = folder.parent / "outside.nii.gz"
    sitk.WriteImage(cohort.image(), str(outside))
    rows[8]["image"] = "../outside.nii.gz"
    (folder / "directory").mkdir()
    rows[9]["image"] = "directory"
    mask["P10"].unlink()
    image["P11"].write_bytes(b"no image at all")
    plain = folder / "zero.nii"
    sitk.WriteImage(cohort.image(), str(plain))
    data = bytearray(plain.read_bytes())
    data[88:92] = b"\0\0\0\0"
    plain.write_bytes(data)
    rows[12]["image"] = "zero.nii"
    cohort.write_manifest(folder, rows)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_every_bad_case_is_one_row_and_the_others_finish(extval, tmp_path, jobs):
    folder = tmp_path / "study"
    folder.mkdir()
    rows = cohort.cohort(folder, patients=14, phases=("A",))
    spoil(folder, rows)
    path, out = cohort.write_study(folder), tmp_path / "out"
    code, _, said = extval("extract", path, "--out", out, "--jobs", jobs)
    assert code == 1
    assert "13 failed" in said
    failures = {row["patient"]: row for row in read(out / "failures.csv")}
    assert {who: row["code"] for who, row in failures.items()} == {
        who: code for who, (code, _) in BAD.items()
    } | {"P0": failures["P0"]["code"]}
    assert failures["P0"]["code"] in ("truncated", "unreadable")
    for who, (_, words) in BAD.items():
        assert words in failures[who]["reason"], failures[who]
    table = pd.read_csv(out / "features.csv").set_index("patient")
    assert len(table) == 14
    assert table.loc["P13"].notna().all()
    values = table.drop(columns=["center", "cohort"])
    assert values.loc[list(BAD)].isna().all(axis=None)
    assert (out / "manifest.json").exists()
    roi = {row["patient"]: row for row in read(out / "roi.csv")}
    assert roi["P4"]["voxels"] == "" and roi["P13"]["voxels"] != ""


def test_a_repaired_mask_is_retried_and_nothing_else_is(extval, study, tmp_path):
    folder, path, rows = study
    mask = folder / rows[3]["mask"]
    good = mask.read_bytes()
    sitk.WriteImage(cohort.ball(cohort.image()) * 0, str(mask))
    out = tmp_path / "out"
    assert extracted(extval, path, out)[0] == 1
    before = kept(out)
    assert len(before) == 7
    mask.write_bytes(good)
    code, said = extracted(extval, path, out)
    assert code == 0 and "1 computed" in said and "7 kept" in said
    assert before.items() <= kept(out).items()
    assert read(out / "failures.csv") == []


def test_a_missing_phase_is_empty_cells_and_a_line_but_no_failure(extval, study, tmp_path):
    folder, path, rows = study
    cohort.write_manifest(folder, rows[:-1])
    out = tmp_path / "out"
    code, said = extracted(extval, path, out)
    assert code == 0
    assert "0 failed and 1 absent" in said
    (row,) = read(out / "failures.csv")
    assert (row["patient"], row["phase"], row["code"]) == ("P3", "V", "missing-phase")
    table = pd.read_parquet(out / "features.parquet").set_index("patient")
    assert table.loc["P3"].filter(like="V__").isna().all()
    assert table.loc["P3"].filter(like="A__").notna().all()


def test_other_readers_have_tables_of_their_own(extval, study, tmp_path):
    folder, path, rows = study
    second = [{**row, "reader": "R2"} for row in rows[:2]]
    cohort.write_manifest(folder, [{**row, "reader": "R1"} for row in rows] + second)
    out = tmp_path / "out"
    assert extracted(extval, path, out)[0] == 0
    main, other = (
        pd.read_parquet(out / name) for name in ("features.parquet", "features_R2.parquet")
    )
    assert main["patient"].tolist() == ["P0", "P1", "P2", "P3"]
    assert other["patient"].tolist() == ["P0"]
    pd.testing.assert_frame_equal(other, main.iloc[:1])
    dice = [
        row["dice"] for row in read(out / "roi_comparisons.csv") if row["comparison"] == "reader"
    ]
    assert dice == ["1.0", "1.0"]
    cohort.write_manifest(folder, rows)
    extracted(extval, path, out)
    assert not (out / "features_R2.parquet").exists()


def test_one_image_in_two_cohorts_is_kept_out(extval, study, tmp_path):
    folder, path, rows = study
    (folder / rows[2]["image"]).write_bytes((folder / rows[0]["image"]).read_bytes())
    out = tmp_path / "out"
    code, _ = extracted(extval, path, out)
    assert code == 1
    (row,) = read(out / "failures.csv")
    assert (row["patient"], row["code"]) == ("P1", "same-image")
    assert "voxel by voxel that of patient P0" in row["reason"]


def test_a_bin_width_that_would_fill_the_memory_fails_its_case_alone(extval, study, tmp_path):
    folder, path, rows = study
    (folder / "tiny.yaml").write_text(
        cohort.TINY.replace("binWidth: 5", "binWidth: 0.5"), encoding="utf-8"
    )
    image = folder / rows[0]["image"]
    sitk.WriteImage(sitk.ReadImage(str(image)) * 1e4, str(image))
    out = tmp_path / "out"
    assert extracted(extval, path, out)[0] == 1
    (row,) = read(out / "failures.csv")
    assert (row["patient"], row["phase"]) == ("P0", "A")
    assert row["code"] == "too-many-grey-levels"
    assert len(kept(out)) == 7


def test_undefined_features_leave_their_cell_empty_and_say_so(extval, study, tmp_path, monkeypatch):
    _, path, _ = study
    original, calls = Extractor.extract, []

    def undefined(self, image, roi):
        found = original(self, image, roi)
        calls.append(1)
        if len(calls) == 3:
            found.values["original_glcm_Contrast"] = float("nan")
        return found

    monkeypatch.setattr(Extractor, "extract", undefined)
    out = tmp_path / "out"
    assert extracted(extval, path, out)[0] == 1
    (row,) = read(out / "failures.csv")
    assert row["code"] == "undefined-features"
    assert "original_glcm_Contrast" in row["reason"]
    table = pd.read_parquet(out / "features.parquet").drop(columns=["patient", "center", "cohort"])
    assert table.isna().sum().sum() == 1


def test_two_processes_give_the_same_bytes(extval, study, tmp_path):
    _, path, _ = study
    one, two = tmp_path / "one", tmp_path / "two"
    extracted(extval, path, one)
    assert extval("extract", path, "--out", two, "--jobs", "2")[0] == 0
    assert contents(one) == contents(two)


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_a_dask_cluster_gives_the_same_bytes(extval, study, tmp_path):
    distributed = pytest.importorskip("distributed")
    _, path, _ = study
    local, remote = tmp_path / "local", tmp_path / "remote"
    extracted(extval, path, local)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        code, _, said = extval(
            "extract", path, "--out", remote, "--dask", cluster.scheduler_address
        )
        with running.on_cluster(cluster.scheduler_address) as client:
            found = running.run_each(
                lambda item: os._exit(1) if item == 1 else item * 10,
                [0, 1, 2],
                n_jobs=1,
                lost=lambda item: -item,
                cluster=client,
            )
        assert found == [0, -1, 20]
    assert code == 0, said
    assert contents(local) == contents(remote)


def test_no_dask_scheduler_is_said(extval, study, tmp_path):
    pytest.importorskip("distributed")
    _, path, _ = study
    code, _, said = extval("extract", path, "--out", tmp_path / "o", "--dask", "nowhere")
    assert code == 2
    assert "no dask scheduler answers at nowhere" in said


def dies_on_one(item):
    if item == 1:
        os._exit(1)
    return item * 10


def test_an_item_that_kills_its_process_is_lost_alone():
    found = running.run_each(dies_on_one, [0, 1, 2], n_jobs=2, lost=lambda item: -item)
    assert found == [0, -1, 20]


def test_a_bug_in_one_case_does_not_stop_the_others(extval, study, tmp_path, monkeypatch):
    original, calls = Extractor.extract, []

    def broken(self, image, roi):
        calls.append(1)
        if len(calls) == 4:
            raise ZeroDivisionError("what a surprise")
        return original(self, image, roi)

    monkeypatch.setattr(Extractor, "extract", broken)
    out = tmp_path / "out"
    assert extracted(extval, study[1], out)[0] == 1
    (row,) = read(out / "failures.csv")
    assert row["code"] == "unexpected"
    assert row["reason"] == "ZeroDivisionError: what a surprise"
    assert len(kept(out)) == 7


def test_deep_features_and_the_null_rule(extval, study, tmp_path):
    pytest.importorskip("torch")
    folder, _, _ = study
    path = cohort.write_study(
        folder, features="deep: {network: resnet18, weights: {random: 1}, min_nonzero_share: 0.5}"
    )
    out = tmp_path / "out"
    code, said = extracted(extval, path, out)
    assert code == 0, said
    assert "RANDOM weights (seed 1)" in said
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert "RANDOM" in manifest["deep"]["weights"]
    dropped = manifest["deep"]["null_features_dropped"]
    table = pd.read_parquet(out / "features.parquet")
    assert table.shape[1] == 3 + 2 * 512 - len(dropped)
    assert not set(dropped) & set(table.columns)
    path = cohort.write_study(
        folder, features="deep: {network: resnet18, weights: {random: 1}, null_features: keep}"
    )
    code, said = extracted(extval, path, out)
    assert "nothing to compute; 8 kept" in said
    whole = pd.read_parquet(out / "features.parquet")
    assert whole.shape[1] == 3 + 2 * 512
    development = whole[whole["cohort"] == "development"].drop(
        columns=["patient", "center", "cohort"]
    )
    nonzero = (development != 0).mean()
    assert set(dropped) == set(nonzero.index[nonzero <= 0.5])


def test_real_patients(extval, shared_data, tmp_path):
    """Two patients of the public cohort, one without MR; ROI table and a small preset."""
    folder = shared_data / "sts"
    rows = []
    for patient, phase, stem in (
        ("STS_042", "T1", "STS_042_MR_T1"),
        ("STS_042", "PET", "STS_042_PET"),
        ("STS_035", "T1", "STS_035_MR_T1"),
    ):
        rows.append({
            "patient": patient, "cohort": "development", "phase": phase,
            "image": str(folder / f"{stem}.nii.gz"), "mask": str(folder / f"{stem}_mask.nii.gz"),
        })  # fmt: skip
    cohort.write_manifest(tmp_path, rows)
    (tmp_path / "tiny.yaml").write_text(cohort.TINY, encoding="utf-8")
    path = cohort.write_study(tmp_path)
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            "manifest.csv}", "manifest.csv, allow_outside: true}"
        ),
        encoding="utf-8",
    )
    out = tmp_path / "out"
    code, said = extracted(extval, path, out)
    assert code == 0, said
    roi = {(row["patient"], row["phase"]): row for row in read(out / "roi.csv")}
    assert float(roi["STS_042", "T1"]["volume_ml"]) == pytest.approx(34.8, abs=0.1)
    assert int(roi["STS_042", "PET"]["voxels"]) == 356
    (row,) = read(out / "failures.csv")
    assert (row["patient"], row["phase"]) == ("STS_035", "PET")
    table = pd.read_parquet(out / "features.parquet").set_index("patient")
    assert np.isfinite(table.loc["STS_042"].filter(like="__").astype(float)).all()
