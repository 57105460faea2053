"""Reading tables: formats that hospitals send, and complaints that name the place."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from extval.validate.errors import InputError
from extval.validate.table import read_table

TEXT = "patient,y,p\na,0,0.25\nb,1,0.5\nc,1,1e-3\n"


def write(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        "\ufeff" + TEXT,
        TEXT.replace(",", ";"),
        TEXT.replace(",", "\t"),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace(",", ";").replace("0.25", "0,25").replace("0.5", "0,5"),
        TEXT.replace("a,0,0.25", '"a", 0 ,"0.25"'),
        TEXT.replace("patient,y,p", " patient ,y , p"),
        TEXT.rstrip("\n"),
    ],
    ids=[
        "comma",
        "BOM",
        "semicolon",
        "tab",
        "CRLF",
        "decimal comma",
        "quotes and blanks",
        "blanks in the header",
        "no last newline",
    ],
)
def test_the_same_table_in_many_spellings(tmp_path, content):
    table = read_table(write(tmp_path, content))
    assert table.columns == ("patient", "y", "p")
    assert table.text("patient") == ["a", "b", "c"]
    assert_array_equal(table.binary("y"), [False, True, True])
    assert_array_equal(table.probabilities("p"), [0.25, 0.5, 0.001])


def test_parquet_is_read_like_csv(tmp_path):
    data = pa.table({"patient": [7, 8], "y": [0, 1], "p": [0.1, None]})
    pa.parquet.write_table(data, tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.text("patient") == ["7", "8"]
    assert_array_equal(table.binary("y"), [False, True])
    with pytest.raises(InputError, match="column `p`, row 3: the value is missing"):
        table.numbers("p")


def test_identifiers_keep_their_leading_zeros(tmp_path):
    assert read_table(write(tmp_path, "patient,p\n007,1\n")).text("patient") == ["007"]


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_are_read_to_the_last_bit(tmp_path_factory, values):
    text = "p\n" + "".join(f"{value!r}\n" for value in values)
    path = write(tmp_path_factory.mktemp("bits"), text)
    assert_array_equal(read_table(path).numbers("p"), np.array(values))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"t\.csv is empty"),
        ("patient,y,p\n", r"t\.csv has a header but no patients"),
        ("patient,y,y\na,0,1\n", "column `y` is there more than once"),
        ("patient,y,p\na,0\n", r"t\.csv cannot be read as CSV"),
        ("patient,p\nJos\xe9,1\n".encode("latin-1"), "UTF-8"),
        ("pati\xebnt,p\nx,1\n".encode("latin-1"), "not UTF-8 text"),
    ],
)
def test_unreadable_files_are_named(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_table(write(tmp_path, content)).text("patient")


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(InputError, match=r"nothing\.csv does not exist"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_table(write(tmp_path, "no parquet", "t.parquet"))


@pytest.mark.parametrize(
    ("cell", "method", "message"),
    [
        ("0.5x", "numbers", r"column `p`, row 3: the cell holds '0\.5x', which is not a number"),
        ("", "numbers", "column `p`, row 3: the cell is empty"),
        ("nan", "numbers", r"column `p`, row 3: the value is missing \(1 of 2 are\)"),
        ("1.2", "probabilities", r"row 3: 1\.2 is not a probability .*1 of 2"),
        ("-0.1", "probabilities", r"row 3: -0\.1 is not a probability"),
        ("inf", "probabilities", r"row 3: inf is not a probability"),
        ("2", "binary", "row 3: 2 is not 0 or 1"),
        ("0,5", "numbers", "which is not a number"),
    ],
)
def test_a_bad_cell_is_named_by_row_and_value(tmp_path, cell, method, message):
    table = read_table(write(tmp_path, f'patient,p\na,1\nb,"{cell}"\n'))
    with pytest.raises(InputError, match=message):
        getattr(table, method)("p")


def test_a_misspelt_column_says_which_are_there(tmp_path):
    table = read_table(write(tmp_path, TEXT))
    with pytest.raises(InputError, match=r"no column `pateint`. Did you mean `patient`\? .*`y`"):
        table.text("pateint")


def test_a_workbook_is_named_as_such(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match=r"t\.xlsx is a workbook; save the sheet as 'CSV UTF-8'"):
        read_table(tmp_path / "t.xlsx")
