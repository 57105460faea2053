"""`extval agreement` on ratings: the statistics on their own, and errors that say where."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.stats.agreement import ICC_FORMS, icc
from extval.stats.kappa import cohen_kappa, fleiss_kappa, light_kappa
from extval.validate import agreement_folder

SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]


def tidy(feature, ratings, **more):
    return pd.DataFrame(
        [
            {"subject": f"s{i:02d}", "rater": f"r{j}", "feature": feature, "value": value} | more
            for i, row in enumerate(ratings)
            for j, value in enumerate(row)
        ]
    )


@pytest.fixture
def run(extval, write, tmp_path):
    def agreement(frame, *flags):
        done = extval("agreement", write(frame, "ratings.csv"), "--out", tmp_path / "out", *flags)
        return done, tmp_path / "out" / "agreement.csv"

    return agreement


def read(path):
    frame = pd.read_csv(
        path, keep_default_na=False, na_values={"lower": [""]}, float_precision="round_trip"
    )
    return frame.set_index(["feature", "statistic"])


def test_the_six_forms_are_those_of_shrout_and_fleiss(run):
    done, path = run(tidy("margin", SHROUT_FLEISS))
    assert done.code == 0
    found = read(path).loc["margin"]
    assert tuple(found.index) == ICC_FORMS
    values = found["estimate"].astype(float)
    wanted = [0.1657417684, 0.2897637795, 0.7148407148, 0.4427971, 0.6200505, 0.9093155]
    assert_allclose(values, wanted, rtol=1e-6)
    assert found.index[found["default"] == "yes"].tolist() == ["ICC(2,1)"]
    assert "margin: ICC(2,1) 0.290 (0.019 to 0.761); 6 subjects, 4 raters." in done.stdout


def test_missing_ratings_are_counted_a_feature(run):
    first, second = np.array(SHROUT_FLEISS, float), np.array(SHROUT_FLEISS, float) ** 2
    first[2, 1] = np.nan
    frame = pd.concat([tidy("margin", first), tidy("size", second[:4])])
    done, path = run(frame, "--form", "ICC(3,k)")
    assert done.code == 0
    found = read(path)
    for name, ratings in (("margin", np.delete(first, 2, axis=0)), ("size", second[:4])):
        wanted = icc(ratings[np.newaxis])
        for form in ICC_FORMS:
            row = found.loc[(name, form)]
            assert_allclose(float(row["estimate"]), wanted.form(form).value[0], rtol=1e-10)
    row = found.loc[("margin", "ICC(3,k)")]
    assert (row["subjects"], row["excluded"], row["missing"], row["default"]) == (5, 1, 1, "yes")
    assert found.loc[("size", "ICC(3,k)"), "excluded"] == 0
    assert "5 subjects, 4 raters, 1 subjects left out" in done.stdout


def test_kinds_choose_the_kappa(run):
    rng = np.random.default_rng(4)
    grades = rng.integers(1, 11, (40, 1)) + rng.integers(-1, 2, (40, 2))
    shapes = rng.choice(["round", "lobed"], (40, 3))
    frame = pd.concat(
        [
            tidy("grade", grades, kind="ordinal"),
            tidy("shape", shapes, kind="categorical"),
            tidy("pair", shapes[:, :2], kind="categorical"),
            tidy("size", grades, kind="numeric"),
        ]
    )
    done, path = run(frame)
    assert done.code == 0
    found = read(path)
    scale = sorted(set(grades.flat))
    wanted = {
        ("grade", "Cohen's kappa, quadratic weights"): cohen_kappa(
            grades, weights="quadratic", categories=scale
        ),
        ("shape", "Fleiss' kappa"): fleiss_kappa(shapes),
        ("pair", "Cohen's kappa"): cohen_kappa(shapes[:, :2]),
    }
    for where, kappa in wanted.items():
        row = found.loc[where]
        values = row[["estimate", "se", "lower", "upper"]].astype(float)
        limits = [kappa.value, kappa.se, kappa.interval.low, kappa.interval.high]
        assert_allclose(values, limits, rtol=1e-10)
    assert list(found.index.get_level_values("feature").unique()) == list(frame["feature"].unique())


def test_ordered_categories_of_three_raters_have_lights_kappa_and_all_pairs(run):
    ratings = np.random.default_rng(1).integers(0, 3, (30, 3))
    done, path = run(tidy("grade", ratings), "--kind", "ordinal", "--weights", "linear")
    assert done.code == 0
    found = read(path).loc["grade"]
    pairs = [f"Cohen's kappa, linear weights: r{a} v r{b}" for a, b in ((0, 1), (0, 2), (1, 2))]
    assert list(found.index) == ["Light's kappa, linear weights", *pairs, "Fleiss' kappa"]
    assert found.index[found["default"] == "yes"].tolist() == ["Light's kappa, linear weights"]
    values = found["estimate"].astype(float)
    assert_allclose(values.iloc[0], values[pairs].mean(), rtol=1e-12)
    wanted = light_kappa(ratings, weights="linear", categories=[0, 1, 2])
    limits = found.iloc[0][["se", "lower", "upper"]].astype(float)
    assert_allclose(limits, [wanted.se, wanted.interval.low, wanted.interval.high], rtol=1e-10)
    assert "as unordered ones" in found.loc["Fleiss' kappa", "note"]
    assert "grade: Light's kappa, linear weights" in done.stdout


def test_without_weights_three_raters_have_fleiss_kappa_alone(run):
    ratings = np.random.default_rng(1).integers(0, 3, (30, 3))
    _, path = run(tidy("grade", ratings), "--kind", "ordinal", "--weights", "none")
    assert list(read(path).loc["grade"].index) == ["Fleiss' kappa"]


def test_the_folder_has_a_manifest_and_a_report(run, extval, tmp_path):
    frame = pd.concat([tidy("margin", SHROUT_FLEISS), tidy("size", SHROUT_FLEISS[::-1])])
    _, path = run(frame)
    out = path.parent
    assert {file.name for file in out.iterdir()} == {"agreement.csv", "manifest.json", "report.pdf"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["results_schema"] == "extval-agreement/1"
    assert [item["path"] for item in manifest["outputs"]] == ["agreement.csv", "report.pdf"]
    for item in manifest["outputs"]:
        assert item["sha256"] == hashlib.sha256((out / item["path"]).read_bytes()).hexdigest()
    (table,) = manifest["inputs"]
    assert (table["name"], table["role"]) == ("ratings.csv", "table")
    assert manifest["command"].startswith("extval agreement ratings.csv --kind numeric")
    first = {file.name: file.read_bytes() for file in out.iterdir()}
    run(frame, "--force")
    assert first == {file.name: file.read_bytes() for file in out.iterdir()}
    assert str(tmp_path).encode() not in first["manifest.json"]
    assert extval("verify", out, "--table", tmp_path / "ratings.csv").code == 0
    path.write_text(path.read_text().replace("margin", "mangin"), encoding="utf-8")
    done = extval("verify", out)
    assert (done.code, "agreement.csv was changed" in done.stdout) == (1, True)


def test_the_report_can_be_left_out(run):
    _, path = run(tidy("margin", SHROUT_FLEISS), "--no-report")
    assert not (path.parent / "report.pdf").exists()
    assert (path.parent / "manifest.json").exists()


def test_the_report_shows_every_statistic_of_a_few_features(run, monkeypatch):
    from extval.reports import agreement

    shown = []
    monkeypatch.setattr(agreement, "write_pdf", lambda report, path: shown.append(report))
    monkeypatch.setattr(agreement_folder.results_folder, "listed_files", lambda folder: [])
    run(tidy("margin", SHROUT_FLEISS))
    (quoted,), (others,) = shown[0].summary, shown[0].sections[0].blocks
    (row,) = quoted.rows
    assert [cell.text for cell in row.cells[:3]] == ["margin", "ICC(2,1)", "0.290 (0.019 to 0.761)"]
    assert len(others.rows) == len(ICC_FORMS) - 1


def test_what_is_not_estimable_has_a_sentence(run):
    done, path = run(tidy("margin", [[1, 1], [1, 1], [1, 1]]))
    assert done.code == 0
    row = read(path).loc[("margin", "ICC(2,1)")]
    assert (row["estimate"], row["note"]) == ("", "Not estimable: all ratings are equal.")
    done, path = run(tidy("x", [["", "a"], ["b", ""]]), "--kind", "categorical", "--force")
    assert done.code == 0
    assert "not estimable" in done.stdout


@pytest.mark.parametrize(
    ("change", "flags", "message"),
    [
        ({"value": "big"}, (), "ratings.csv, column `value`, row 3: 'big' is not a number"),
        ({"value": "big"}, ("--kind", "ordinal"), "Number the categories in their order"),
        ({"rater": ""}, (), "column `rater`, row 3: the cell is empty"),
        ({"rater": "r0"}, (), "row 3: rater 'r0' rated 'margin' of subject 's00' already in row 2"),
        ({"feature": "lonely"}, (), "feature 'lonely' was rated by 'r1' alone"),
        ({}, ("--kind", "text"), "--kind 'text' is unknown"),
        ({}, ("--form", "ICC2"), "--form 'ICC2' is unknown"),
        ({}, ("--level", "95"), "--level 95 is not between 0 and 1"),
    ],
)
def test_wrong_input_says_where(run, tmp_path, change, flags, message):
    frame = tidy("margin", SHROUT_FLEISS).astype(object)
    for column, value in change.items():
        frame.loc[1, column] = value
    done, _ = run(frame, *flags)
    assert done.code == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["numeric", "ordinl"], "column `kind`, row 3: 'ordinl' is not a kind"),
        (["numeric", "ordinal"], "row 3: feature 'margin' is ordinal here and numeric above"),
    ],
)
def test_a_kind_must_be_known_and_one(run, kinds, message):
    frame = tidy("margin", SHROUT_FLEISS)
    frame["kind"] = (kinds * len(frame))[: len(frame)]
    done, _ = run(frame)
    assert done.code == 2
    assert message in done.stderr


def test_a_missing_column_is_named(run):
    done, _ = run(tidy("margin", SHROUT_FLEISS).rename(columns={"rater": "reader"}))
    assert done.code == 2
    assert "no column `rater`. Did you mean `reader`?" in done.stderr
