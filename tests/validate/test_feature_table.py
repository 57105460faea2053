"""Feature tables: separators, identifiers as text, and what is refused with which sentence."""

import numpy as np
import pandas as pd
import pytest

from extval.validate.errors import InputError
from extval.validate.feature_table import read_features, refuse_infinite
from extval.validate.protocol import Columns

TABLE = pd.DataFrame({"patient": ["007", "8", "NA"], "T1__a": [1.5, np.nan, 3.0], "b": [1, 2, 3]})


def read(tmp_path, content, name="features.csv", columns=None):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_features(path, columns)


@pytest.mark.parametrize("form", ["comma", "semicolon", "tab", "bom", "parquet"])
def test_every_form_gives_the_same_table(tmp_path, form):
    path = tmp_path / ("features.parquet" if form == "parquet" else "features.csv")
    written = {
        "semicolon": {"sep": ";", "decimal": ",", "encoding": "utf-8-sig"},
        "tab": {"sep": "\t"},
        "bom": {"encoding": "utf-8-sig"},
    }
    if form == "parquet":
        TABLE.to_parquet(path, index=False)
    else:
        TABLE.to_csv(path, index=False, **written.get(form, {}))
    found = read_features(path)
    assert list(found.index) == ["007", "8", "NA"]
    np.testing.assert_array_equal(found["T1__a"], [1.5, np.nan, 3.0])
    np.testing.assert_array_equal(found["b"], [1.0, 2.0, 3.0])


def test_whole_numbers_that_pandas_kept_as_floats_name_patients(tmp_path):
    path = tmp_path / "features.parquet"
    pd.DataFrame({"patient": [7.0, 8.0], "a": [1.0, 2.0]}).to_parquet(path)
    assert list(read_features(path).index) == ["7", "8"]


def test_the_columns_of_the_study_are_no_features(tmp_path):
    named = Columns(patient="id", center="site", cohort="set")
    found = read(tmp_path, "id,site,set,center,a\n01,A,x,B,2\n", columns=named)
    assert list(found.columns) == ["a"]
    assert list(found.index) == ["01"]
    assert list(read(tmp_path, "patient,a\n01,2\n", columns=named).index) == ["01"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ("patient,a\n", "a header but no patients"),
        ("Patient,a\n1,2\n", "has no column `patient`. Did you mean `Patient`?"),
        ("patient,a\n1,2\n,3\n", "column `patient`, row 3: the cell is empty"),
        ("patient,a\n1,2\n1,3\n", "patient '1' is there 2 times (rows 2, 3)"),
        ("patient,a,a\n1,2,3\n", "column `a` is there more than once"),
        (",patient,a\n0,1,2\n", "column 1 has no name; row numbers would be taken"),
        ("Unnamed: 0,patient,a\n0,1,2\n", "column 1 is called 'Unnamed: 0'"),
        ("patient,a\n1,high\n", "column `a`: 'high' is not a number (patient 1)"),
        ("patient,a\n1,true\n", "column `a`: 'True' is not a number (patient 1)"),
        ("patient,a\n1,2020-01-01\n", "column `a`: '2020-01-01' is not a number"),
        ("patient,a\n1\n", "cannot be read as a table"),
        (b"patient,gr\xf6\xdfe\n1,2\n", "is not UTF-8 text"),
    ],
)
def test_what_is_no_table_of_features_is_refused(tmp_path, content, sentence):
    with pytest.raises(InputError) as refused:
        read(tmp_path, content)
    assert "features.csv" in str(refused.value)
    assert sentence in str(refused.value)


def test_a_spreadsheet_and_a_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="is a spreadsheet; save it as 'CSV UTF-8'"):
        read(tmp_path, b"PK\x03\x04", "features.xlsx")
    with pytest.raises(InputError, match="is a folder"):
        read_features(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_features(tmp_path / "none.csv")


def test_what_cannot_be_a_measurement_is_refused():
    table = pd.DataFrame({"a": [1.0, np.inf]}, index=["p", "q"])
    with pytest.raises(InputError, match="column `a`, patient q: inf cannot be a measurement"):
        refuse_infinite(table, "features.csv")
    refuse_infinite(table.iloc[:1], "features.csv")
