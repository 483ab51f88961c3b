import hashlib
from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import TableError
from store.headers import ColumnRule
from store.table_values import MisreadError, normalised, parsed
from store.tables import check_declared_area, read_table

PLOTS = (
    ColumnRule("plot_id", "text", required=True, aliases=("样地号",)),
    ColumnRule("species", "text", aliases=("树种",)),
    ColumnRule("agb_t_ha", "number", "t/ha", required=True, low=0, high=1000),
    ColumnRule("stems", "integer", low=0),
    ColumnRule("year", "year", low=1950, high=2100),
    ColumnRule("measured", "date"),
    ColumnRule("is_natural", "flag"),
)


def read(folder, text, encoding="utf-8", key=("plot_id",), name="t.csv"):
    (folder / name).write_bytes(text.encode(encoding))
    return read_table(name, roots=[folder], columns=PLOTS, key=key)


def test_a_small_table_by_hand(tmp_path):
    text = (
        "plot_id,species,agb_t_ha,stems,year,measured,is_natural\n"
        "001,杉木,12.5,40,2019,2019-08-01,是\n"
        '1,"NA, mixed",0,—,,2019年8月2日,0\n'
    )
    table = read(tmp_path, text)
    rows = table.rows
    assert list(rows.index) == [2, 3]
    assert list(rows["plot_id"]) == ["001", "1"]
    assert list(rows["species"]) == ["杉木", "NA, mixed"]
    assert list(rows["agb_t_ha"]) == [12.5, 0.0]
    assert rows["stems"][2] == 40
    assert rows["stems"].isna().tolist() == [False, True]
    assert rows["year"].isna().tolist() == [False, True]
    assert list(rows["measured"]) == [
        pd.Timestamp("2019-08-01"),
        pd.Timestamp("2019-08-02"),
    ]
    assert list(rows["is_natural"]) == [True, False]
    assert (table.rejected, table.notes) == ((), ())
    assert table.digest == hashlib.sha256((tmp_path / "t.csv").read_bytes()).hexdigest()
    assert [str(kind) for kind in rows.dtypes] == [
        "str", "str", "float64", "Int64", "Int64", "datetime64[s]", "boolean",
    ]  # fmt: skip


def test_dtypes_do_not_depend_on_what_is_missing(tmp_path):
    table = read(tmp_path, "plot_id,agb_t_ha\na,1\n")
    full = read(tmp_path, "plot_id,agb_t_ha,stems,measured\na,1,2,2020-01-01\n")
    assert table.rows.dtypes.equals(full.rows.dtypes)
    assert table.rows["species"].tolist() == [""]
    assert "Optional column stems is absent." in table.notes


def test_headers_may_be_aliases_with_units_in_brackets(tmp_path):
    table = read(tmp_path, "样地号,树种,AGB_t_ha（t/ha）,remark\na,松,1,x\n")
    assert table.rows["agb_t_ha"].tolist() == [1.0]
    assert "Column 'remark' is not used." in table.notes


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.tsv", "plot_id\tagb_t_ha\na\t1\n"),
        ("t.csv", "plot_id;agb_t_ha\na;1\n"),
        ("t.csv", "\ufeffplot_id,agb_t_ha\r\na,1\r\n\r\n"),
        ("t.txt", "\n\nplot_id,agb_t_ha\na,1"),
    ],
)
def test_separators_line_ends_and_byte_order_marks(tmp_path, name, text):
    assert read(tmp_path, text, name=name).rows["agb_t_ha"].tolist() == [1.0]


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    text = 'plot_id,species,agb_t_ha\na,"two\nlines",1\nb,x,bad\n'
    table = read(tmp_path, text)
    assert table.rows["species"].tolist() == ["two\nlines"]
    assert table.rejected[0].where["item"] == "line 4"


def test_every_bad_cell_of_a_row_is_told(tmp_path):
    table = read(tmp_path, "plot_id,agb_t_ha,stems\na,x,1.5\nb,1,1\n")
    assert [error.where["field"] for error in table.rejected] == ["agb_t_ha", "stems"]
    assert table.rows["plot_id"].tolist() == ["b"]


def test_equal_rows_count_once_and_differing_ones_not_at_all(tmp_path):
    text = "plot_id,agb_t_ha\na,1\na,1\nb,1\nb,2\nc,3\n"
    table = read(tmp_path, text)
    assert table.rows["plot_id"].tolist() == ["a", "c"]
    told = [(error.where["value"], error.where["item"]) for error in table.rejected]
    assert told == [("a", "lines 2, 3"), ("b", "lines 4, 5")]
    assert "none was used" in table.rejected[1].what


def test_a_key_may_have_several_columns(tmp_path):
    text = "plot_id,agb_t_ha,year\na,1,2019\na,1,2020\na,2,2020\n"
    table = read(tmp_path, text, key=("plot_id", "year"))
    assert table.rows["year"].tolist() == [2019]
    assert table.rejected[0].where["value"] == "a, 2020"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("1", "number", 1.0),
        ("-1.5e3", "number", -1500.0),
        (".5", "number", 0.5),
        ("１２.５", "number", 12.5),
        ("−3", "number", -3.0),
        ("2020.0", "integer", 2020),
        ("2024年", "year", 2024),
        ("2024-02-29", "date", date(2024, 2, 29)),
        ("２０２４年３月４日", "date", date(2024, 3, 4)),
        ("否", "flag", False),
        ("TRUE", "flag", True),
        ("空", "number", None),
        ("／", "number", None),
        ("－", "text", None),
        ("None", "text", "None"),
    ],
)
def test_cells(text, kind, value):
    assert parsed(normalised(text), kind) == value


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("1,234.5", "number", "write 1234.5"),
        ("1.234,5", "number", "write 1234.5"),
        ("12.5亩", "number", "carries the unit '亩'"),
        ("nan", "number", "not a finite number"),
        ("-Infinity", "number", "not a finite number"),
        ("1e400", "number", "too large"),
        ("1_000", "number", "not a number"),
        ("0x10", "number", "x10"),
        ("1.5", "integer", "not a whole number"),
        ("24", "year", "not a year"),
        ("03/04/2024", "date", "such as 2024-03-04"),
        ("45355", "date", "write 2024-03-04"),
        ("2023-02-29", "date", "not a day of the calendar"),
        ("20240304", "date", "such as 2024-03-04"),
        ("maybe", "flag", "neither yes nor no"),
    ],
)
def test_cells_that_are_not(text, kind, reason):
    with pytest.raises(MisreadError, match=reason):
        parsed(normalised(text), kind)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_float_survives_being_written(value):
    assert parsed(repr(value), "number") == value


@given(st.dates())
def test_any_date_survives_being_written(value):
    assert parsed(value.isoformat(), "date") == value


def area(declared, unit):
    return check_declared_area(
        pd.Series(declared), pd.Series([1.0, 2.0]), pd.Series(["a", "b"]), unit=unit
    )


def test_declared_areas_within_five_percent_pass():
    assert area([1.04, 1.92], "ha") == ()
    assert area([15.5, 29.0], "mu") == ()
    assert area([float("nan"), 2.0], "ha") == ()


@pytest.mark.parametrize(
    ("declared", "unit", "hint"),
    [
        ([15.0, 2.0], "ha", "looks like mu"),
        ([1.0, 30.0], "mu", "looks like ha"),
        ([1.2, 2.0], "ha", "declared as 1.2 ha but measures 1.0000 ha"),
    ],
)
def test_declared_areas_beyond_are_told(declared, unit, hint):
    (error,) = area(declared, unit)
    assert isinstance(error, TableError)
    assert hint in error.what
    assert error.where["item"] == "a"
