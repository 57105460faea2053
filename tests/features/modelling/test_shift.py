"""`extval.features.modelling.shift`: ranges, shares and suspected units."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

from extval.features.modelling.shift import development_range, shift_of

NAN = np.nan
MM = pd.DataFrame({"diameter": [21.0, 30, 34, 52], "mean HU": [-5.0, 20, 33, 60]})


@st.composite
def tables(draw, columns=2):
    n = draw(st.integers(1, 9))
    cell = st.one_of(st.none(), st.integers(-5, 5), st.integers(-5, 5))
    cells = draw(st.lists(cell, min_size=n * columns, max_size=n * columns))
    names = [f"f{j}" for j in range(columns)]
    return pd.DataFrame(np.array(cells, float).reshape(n, columns), columns=names)


@given(tables(), tables())
def test_matches_the_definition(development, table):
    described = development_range(development)
    got = shift_of(described, table)
    for name in development:
        ours = [v for v in table[name] if not np.isnan(v)]
        theirs = sorted(v for v in development[name] if not np.isnan(v))
        row = got.loc[name]
        assert (row["n"], row["missing"]) == (len(ours), len(table) - len(ours))
        if not theirs or not ours:
            assert np.isnan(row["share_outside"])
            assert row["note"].startswith("No ")
            continue
        mean = sum(theirs) / len(theirs)
        assert row["development_low"] == theirs[0]
        assert row["development_high"] == theirs[-1]
        assert row["development_mean"] == pytest.approx(mean)
        assert row["development_median"] == np.median(theirs)
        assert row["external_median"] == np.median(ours)
        out = sum(v < theirs[0] or v > theirs[-1] for v in ours) / len(ours)
        assert row["share_outside"] == pytest.approx(out)
        assert bool(row["note"]) == (out > 0.5)
        if len(theirs) > 1 and theirs[0] < theirs[-1]:
            sd = np.sqrt(sum((v - mean) ** 2 for v in theirs) / (len(theirs) - 1))
            assert row["development_sd"] == pytest.approx(sd)
            wanted = (sum(ours) / len(ours) - mean) / sd
            assert row["standardised_mean_shift"] == pytest.approx(wanted, abs=1e-12)
        else:
            assert np.isnan(row["standardised_mean_shift"])


@given(tables(), tables(), st.randoms(use_true_random=False))
def test_order_of_patients_and_columns_does_not_matter(development, table, random):
    rows = list(range(len(table)))
    random.shuffle(rows)
    described = development_range(development)
    one, other = shift_of(described, table), shift_of(described, table.iloc[rows, ::-1])
    assert_frame_equal(one, other)


@given(tables(), tables(), st.sampled_from([0.5, 4.0, 1024.0]))
def test_a_unit_shared_by_both_does_not_matter(development, table, unit):
    one = shift_of(development_range(development), table)
    other = shift_of(development_range(unit * development), unit * table)
    shared = ["standardised_mean_shift", "share_outside"]
    assert_allclose(other[shared].astype(float), one[shared].astype(float), rtol=1e-12)
    assert (other["unit_suspect"] == "").tolist() == (one["unit_suspect"] == "").tolist()


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (10.0, "10^1"),
        (0.1, "10^-1"),
        (1000.0, "10^3"),
        (1e-6, "10^-6"),
        (25.4, "25.4 (millimetres for inches)"),
        (1 / 25.4, "1/25.4 (inches for millimetres)"),
        (2.54, "2.54 (centimetres for inches)"),
        (1 / 2.54, "1/2.54 (inches for centimetres)"),
    ],
)
def test_another_unit_is_suspected_in_a_cohort_and_in_one_patient(factor, words):
    described = development_range(MM[["diameter"]])
    for rows in (MM, MM.iloc[[1]], MM.iloc[[2]] * 1.02):
        row = shift_of(described, factor * rows).loc["diameter"]
        assert f"a factor near {words}: check the unit" in row["unit_suspect"]
        assert row["share_outside"] > 0.5
        assert "outside the development range" in row["note"]


def test_nothing_is_suspected_inside_the_range():
    wide = pd.DataFrame({"energy": [1.0, 10, 100, 1e4, 1e6]})
    row = shift_of(development_range(wide), pd.DataFrame({"energy": [1e3]})).loc["energy"]
    assert row["unit_suspect"] == row["note"] == ""
    row = shift_of(development_range(MM), MM)
    assert (row[["unit_suspect", "note"]] == "").all(axis=None)
    assert (row["standardised_mean_shift"] == 0).all()


def test_a_shift_that_is_no_unit_is_a_note_only():
    got = shift_of(development_range(MM), pd.DataFrame({"diameter": [170.0], "mean HU": [-80.0]}))
    assert (got["unit_suspect"] == "").all()  # a factor of 5; another sign
    assert got.loc["diameter", "note"] == (
        "The patient lies outside the development range, 21 to 52: check the unit, the scanner "
        "and whether the model applies."
    )
    three = pd.DataFrame({"diameter": [NAN, 20.0, 53.0, 30.0]})
    got = shift_of(development_range(MM[["diameter"]]), three).loc["diameter"]
    assert got["note"].startswith("2 of 3 patients lie outside")
    assert got["missing"] == 1


@given(tables())
def test_the_inputs_are_not_changed(table):
    assume(len(table) > 1)
    before = table.copy()
    described = development_range(table)
    kept = described.copy()
    shift_of(described, table)
    assert_frame_equal(table, before)
    assert_frame_equal(described, kept)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (MM[["diameter"]], r"no column 'mean HU', a feature of the model; 1 of 2"),
        (MM.assign(diameter=["a", "b", "c", "d"]), r"Column 'diameter' must hold numbers"),
        (MM.assign(diameter=np.inf), r"Feature 'diameter' of patient 0 is infinite; 4 of 4"),
        (pd.concat([MM, MM], axis=1), r"Column 'diameter' is there 2 times"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(table, message):
    with pytest.raises(ValueError, match=message):
        shift_of(development_range(MM), table)


def test_a_development_without_its_columns_is_refused():
    with pytest.raises(ValueError, match=r"`development` has no column 'high'"):
        shift_of(development_range(MM).drop(columns="high"), MM)
