"""`extval agreement` on ratings: the statistics on their own, and errors that say where."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.stats.agreement import ICC_FORMS, icc
from extval.stats.kappa import cohen_kappa, fleiss_kappa

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


def test_ordered_categories_of_three_raters_are_said_to_be_unweighted(run):
    ratings = np.random.default_rng(1).integers(0, 3, (30, 3))
    done, path = run(tidy("grade", ratings), "--kind", "ordinal")
    assert "as unordered ones" in read(path).loc[("grade", "Fleiss' kappa"), "note"]
    assert done.code == 0


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
