"""`extval.features.modelling.reliability` against an obvious filter, and its edges."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.base import clone

from extval.features.modelling.reliability import ReliabilityFilter
from extval.stats.agreement import ICC_FORMS
from tests.oracles import agreement as oracle

COLUMNS = ["feature", "comparison", "form", "subjects", "estimate", "lower", "upper", "p_value"]


def main_table(n=30, p=8, seed=5):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        rng.normal(size=(n, p)) + np.arange(p),
        index=[f"p{i}" for i in range(n)],
        columns=[f"f{j}" for j in range(p)],
    )


def read_again(table, noise, seed, patients=None):
    """Delineate again: the later the feature, the noisier."""
    rng = np.random.default_rng(seed)
    size = noise * (0.05 + np.arange(table.shape[1]) / table.shape[1])
    again = table + rng.normal(size=table.shape) * size
    return again if patients is None else again.loc[patients]


def studied():
    x = main_table()
    some = [f"p{i}" for i in range(3, 25)]
    return x, {
        "B": read_again(x, 1.9, 1, some),
        "C": read_again(x, 1.7, 2, some[4:][::-1]),
        "A again": read_again(x, 1.8, 3, some[:15]),
    }


def by_hand(x, readings, kinds, form, keep, above):
    """Return rows (feature, comparison, n, estimate, low, high, p) and kept features."""
    inter = [r for r in readings if kinds.get(r, "inter") == "inter"]
    groups = [("inter: " + ", ".join(inter), inter)] if inter else []
    groups += [(f"intra: {r}", [r]) for r in readings if r not in inter]
    rows, kept = [], []
    for feature in x:
        passes = []
        for name, readers in groups:
            ratings = [
                [x.loc[patient, feature], *(readings[r].loc[patient, feature] for r in readers)]
                for patient in x.index
                if all(patient in readings[r].index for r in readers)
            ]
            value, low, high, _, p = oracle.icc(ratings)[ICC_FORMS.index(form)]
            rows.append((feature, name, len(ratings), value, low, high, p))
            passes.append((value if keep == "estimate" else low) > above)
        if all(passes):
            kept.append(feature)
    return rows, kept


@pytest.mark.parametrize("form", ICC_FORMS)
@pytest.mark.parametrize("keep", ["estimate", "lower"])
@pytest.mark.parametrize("kinds", [{}, {"A again": "intra"}, {"B": "intra", "C": "intra"}])
def test_matches_the_obvious_filter(form, keep, kinds):
    x, readings = studied()
    step = ReliabilityFilter(readings, kinds=kinds, form=form, keep=keep).fit(x)
    rows, kept = by_hand(x, readings, kinds, form, keep, 0.75)
    assert 0 < len(kept) < 8
    assert step.kept_ == tuple(kept)
    assert list(step.table_.columns) == [*COLUMNS, "kept", "note"]
    found = step.table_.set_index(["feature", "comparison"])
    assert len(found) == len(rows) and set(found.form) == {form}
    for feature, name, n, *numbers in rows:
        row = found.loc[(feature, name)]
        assert (row.subjects, row.kept, row.note) == (n, feature in kept, "")
        got = row[["estimate", "lower", "upper", "p_value"]].to_numpy(float)
        assert_allclose(got, numbers, rtol=1e-9, atol=1e-12)
    assert set(step.dropped_) == set(x) - set(kept)


def test_patients_outside_x_are_never_used():
    x, readings = studied()
    kinds = {"A again": "intra"}
    wanted = ReliabilityFilter(readings, kinds=kinds).fit(x)
    rng = np.random.default_rng(9)
    strangers = pd.DataFrame(
        1e6 * rng.normal(size=(40, 8)), index=[f"external{i}" for i in range(40)], columns=x.columns
    )
    polluted = {name: pd.concat([strangers, table]) for name, table in readings.items()}
    got = ReliabilityFilter(polluted, kinds=kinds).fit(x)
    pd.testing.assert_frame_equal(got.table_, wanted.table_)
    assert got.patients_read_ == wanted.patients_read_ == tuple(f"p{i}" for i in range(3, 25))
    # Held-out patients are those that X does not have, though every reading has them.
    fold = x.drop(index=["p5", "p9", "p12"])
    held = ReliabilityFilter(polluted, kinds=kinds).fit(fold)
    left = {
        name: table.drop(index=["p5", "p9", "p12"], errors="ignore")
        for name, table in readings.items()
    }
    alone = ReliabilityFilter(left, kinds=kinds).fit(fold)
    pd.testing.assert_frame_equal(held.table_, alone.table_)
    assert not {"p5", "p9", "p12"} & set(held.patients_read_)
    assert held.patients_seen_ == tuple(fold.index)


@settings(max_examples=15)
@given(st.randoms(use_true_random=False))
def test_order_of_patients_columns_and_readers_does_not_matter(random):
    x, readings = studied()
    rows, columns, readers = list(x.index), list(x), list(readings)
    for each in (rows, columns, readers):
        random.shuffle(each)
    wanted = ReliabilityFilter(readings).fit(x)
    shuffled = {r: readings[r].sample(frac=1, random_state=random.randint(0, 99)) for r in readers}
    got = ReliabilityFilter(shuffled).fit(x.loc[rows, columns])
    assert sorted(got.kept_) == sorted(wanted.kept_)
    ours, theirs = (s.table_.set_index("feature").sort_index() for s in (got, wanted))
    numbers = ["estimate", "lower", "upper", "p_value"]
    assert_allclose(ours[numbers], theirs[numbers], rtol=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 7), st.sampled_from([-2.0, 0.125, 1000.0]), st.integers(-50, 50))
def test_unit_and_origin_of_a_feature_do_not_matter(j, unit, origin):
    x, readings = studied()

    def moved(table):
        return table.assign(**{f"f{j}": unit * table[f"f{j}"] + origin})

    wanted = ReliabilityFilter(readings).fit(x)
    got = ReliabilityFilter({r: moved(t) for r, t in readings.items()}).fit(moved(x))
    assert got.kept_ == wanted.kept_
    assert_allclose(got.table_.estimate, wanted.table_.estimate, rtol=1e-9)


def test_a_biased_reader_fails_agreement_but_not_consistency():
    x = main_table()
    readings = {"B": x + 5}
    with pytest.raises(ValueError, match=r"No feature is reliable: of 8, none has ICC\(2,1\)"):
        ReliabilityFilter(readings).fit(x)
    assert ReliabilityFilter(readings, form="ICC(3,1)").fit(x).kept_ == tuple(x)


def test_the_bound_itself_is_not_above():
    x = main_table(p=2)
    step = ReliabilityFilter({"B": x.assign(f1=x.f1 + 0.01)}, above=0.9).fit(x)
    level = step.table_.estimate[1]
    again = clone(step).set_params(above=level).fit(x)
    assert again.kept_ == ("f0",)
    assert again.dropped_["f1"] == f"inter: B: ICC(2,1) is {level:.3f}, not above {level:g}."


def test_transform_keeps_names_index_and_values():
    x, readings = studied()
    step = ReliabilityFilter(readings).set_output(transform="pandas").fit(x)
    new = main_table(n=4, seed=8)
    out = step.transform(new[list(new)[::-1]])
    pd.testing.assert_frame_equal(out, new[list(step.kept_)])
    assert list(step.get_feature_names_out()) == list(step.kept_)
    plain = clone(step).set_output(transform="default").fit(x)
    assert isinstance(plain.transform(new), np.ndarray)
    with pytest.raises(ValueError, match=r"X lacks 1 of the kept columns: 'f0'"):
        step.transform(new.drop(columns="f0"))


def test_columns_without_a_reading():
    x, readings = studied()
    wide = x.assign(sex="f", deep=1.0)
    with pytest.raises(ValueError, match=r"No reading has the columns 'sex', 'deep'"):
        ReliabilityFilter(readings).fit(wide)
    kept = ReliabilityFilter(readings, unread="keep").fit(wide)
    assert kept.kept_[-2:] == ("sex", "deep") and kept.unread_ == ("sex", "deep")
    assert kept.transform(wide).shape == (30, len(kept.kept_))
    dropped = ReliabilityFilter(readings, unread="drop").fit(wide)
    assert dropped.kept_ == kept.kept_[:-2]
    assert dropped.dropped_["deep"] == "No reading has this column."
    more = {**readings, "C": readings["C"].assign(extra=1.0)}
    assert ReliabilityFilter(more).fit(x).kept_ == dropped.kept_
    with pytest.raises(ValueError, match="Reader 'B' lacks 1 features that another reading has"):
        ReliabilityFilter({**readings, "B": readings["B"].drop(columns="f3")}).fit(x)
    with pytest.raises(ValueError, match="No column of X is in any reading"):
        ReliabilityFilter({"B": x.rename(columns=str.upper)}, unread="keep").fit(x)


def test_undefined_features_are_dropped_with_the_sentence():
    x = main_table(p=4).assign(f1=2.5)
    second = read_again(x, 0.1, 4).assign(f1=2.5)
    second.loc["p2":, "f2"] = np.nan
    second.loc["p5", "f3"] = np.nan
    step = ReliabilityFilter({"B": second}).fit(x)
    assert step.kept_ == ("f0", "f3")
    found = step.table_.set_index("feature")
    assert np.isnan(found.estimate[["f1", "f2"]]).all()
    assert list(found.subjects) == [30, 30, 2, 29]
    assert "equal" in found.note["f1"] and "equal" in step.dropped_["f1"]
    assert found.note["f2"] == "Not estimable: fewer than 3 subjects have all readings."


def test_few_patients():
    x, readings = studied()
    step = ReliabilityFilter({"B": readings["B"]})
    assert step.fit(x).cautions_ == ()
    said = step.fit(x.iloc[:10]).cautions_
    assert "'inter: B' has 7 patients; below 10" in said[0] and len(said) == 1
    assert step.fit(x.iloc[:6]).patients_read_ == ("p3", "p4", "p5")
    with pytest.raises(ValueError, match=r"'inter: B' has 2 patients of X with all readings"):
        step.fit(x.iloc[:5])
    with pytest.raises(ValueError, match=r"has 0 patients.*X \(first '1'\).*\(first 'p3'\)"):
        step.fit(x.set_axis(range(1, 31)))


def test_a_table_given_twice_is_said():
    x, _ = studied()
    said = ReliabilityFilter({"B": x.iloc[:20]}).fit(x).cautions_
    assert "Reader 'B' has exactly the main reader's values" in said[0]


def test_a_patient_drawn_twice_counts_twice():
    x, readings = studied()
    drawn = x.loc[["p3", "p3", "p4", "p5", "p6", "p6", "p6", "p7", "p8", "p9", "p10", "p0"]]
    step = ReliabilityFilter({"B": readings["B"]}, above=0.1).fit(drawn)
    ratings = [[x.loc[p, "f4"], readings["B"].loc[p, "f4"]] for p in drawn.index if p != "p0"]
    assert_allclose(step.table_.estimate[4], oracle.icc(ratings)[1][0], rtol=1e-10)
    assert step.table_.subjects[4] == 11 and len(step.patients_read_) == 8


def test_numbered_patients_match_their_names():
    x = main_table().set_axis(range(30))
    named = ReliabilityFilter({"B": read_again(x, 0.5, 1).set_axis([str(i) for i in range(30)])})
    assert named.fit(x).table_.subjects[0] == 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "ICC2"}, "`form` must be one of"),
        ({"keep": "upper"}, "`keep` must be one of"),
        ({"unread": "maybe"}, "`unread` must be one of"),
        ({"confidence_level": 95}, "confidence_level"),
        ({"kinds": {"Z": "inter"}}, "`kinds` names 'Z', who is not among"),
        ({"kinds": {"B": "other"}}, "must be one of"),
        ({"readings": {}}, "`readings` is empty"),
        ({"readings": {"B": np.ones((30, 8))}}, "must be a DataFrame whose index names"),
        ({"readings": {"B": pd.concat([main_table()] * 2)}}, "has patient 'p0' twice"),
        ({"readings": {"B": main_table().assign(f2="x")}}, "column 'f2' holds text"),
        ({"readings": {"B": main_table().assign(f2=np.inf)}}, "'f2' of patient 'p0' is infinite"),
    ],
    ids=str,
)
def test_what_it_refuses(options, message):
    x, readings = studied()
    with pytest.raises(ValueError, match=message):
        ReliabilityFilter(**{"readings": readings, **options}).fit(x)


def test_more_refusals_and_clone():
    x, readings = studied()
    with pytest.raises(ValueError, match="`X` must be a DataFrame"):
        ReliabilityFilter(readings).fit(x.to_numpy())
    with pytest.raises(ValueError, match="`X` has column 'f0' twice"):
        ReliabilityFilter(readings).fit(x[["f0", "f0"]])
    step = ReliabilityFilter(readings, above=0.5)
    twin = clone(step).fit(x)
    assert twin.kept_ == step.fit(x).kept_ and list(twin.feature_names_in_) == list(x)
