"""Tables as they should not be, and what is said of each."""

import pytest

from geo.errors import TableError, UnsafePathError
from store import tables
from store.headers import ColumnRule
from store.tables import read_table

RULES = (
    ColumnRule("source_id", "text", required=True, aliases=("排放源编号",)),
    ColumnRule("name", "text"),
    ColumnRule("year", "year", required=True),
    ColumnRule("area", "number", "ha", low=0, aliases=("面积",)),
    ColumnRule("emission", "number", "t", required=True, low=0, high=1e8),
    ColumnRule("opened", "date"),
)
HEADER = "source_id,name,year,area,emission,opened\n"
GOOD = "good,x,2019,1,2,2019-01-01\n"


def read(folder, content, name="t.csv"):
    if isinstance(content, str):
        content = content.encode()
    (folder / name).write_bytes(content)
    return read_table(name, roots=[folder], columns=RULES, key=("source_id", "year"))


ROW_CASES = [
    ("T04", "a,x,2019,1,-5,", "emission", "'-5' is below 0"),
    ("T02", "a,x,2019,1,2e9,", "emission", "is above 1e+08"),
    ("T05", 'a,x,2019,1,"1,234.5",', "emission", "write 1234.5"),
    ("T07", "a,x,2019,12.5亩,1,", "area", "carries the unit '亩'"),
    ("T08", "a,x,2019,1,—,", "emission", "is missing"),
    ("T09", "a,x,2019,1,1e400,", "emission", "too large"),
    ("T09", "a,x,2019,1,inf,", "emission", "not a finite number"),
    ("T09", "a,x,2019,1,nan,", "emission", "not a finite number"),
    ("T12", "a,x,2019,1,1,03/04/2024", "opened", "not a date such as 2024-03-04"),
    ("T13", "a,x,2019,1,1,45355", "opened", "Excel day number; write 2024-03-04"),
    ("T24", 'a,x,2019,1,"1.234,5",', "emission", "decimal comma; write 1234.5"),
    ("T16", ",x,2019,1,1,", "source_id", "is missing"),
    ("T17", "a,x,19,1,1,", "year", "'19' is not a year"),
]


@pytest.mark.parametrize(
    ("row", "field", "fragment"),
    [case[1:] for case in ROW_CASES],
    ids=[f"{case[0]}-{case[1]}" for case in ROW_CASES],
)
def test_bad_row_goes_and_the_next_stays(tmp_path, row, field, fragment):
    table = read(tmp_path, HEADER + row + "\n" + GOOD)
    assert table.rows["source_id"].tolist() == ["good"]
    (error,) = table.rejected
    assert isinstance(error, TableError)
    assert fragment in error.what
    assert error.where["file"].endswith("t.csv")
    assert error.where["field"] == field
    assert error.where["item"] == "line 2"
    assert error.zh
    assert error.cure


def test_t22_ragged_rows_are_named_by_line(tmp_path):
    table = read(tmp_path, HEADER + GOOD + "a,x,2019,1,1,234,2020-01-01\nb,x\n")
    assert table.rows["source_id"].tolist() == ["good"]
    assert [error.what for error in table.rejected] == [
        "Line 3 has 7 cells, the header 6.",
        "Line 4 has 2 cells, the header 6.",
    ]


def test_t20_the_same_source_twice(tmp_path):
    text = "a,x,2019,1,2,\na,x,2019,1,3,\na,x,2020,1,2,\n"
    table = read(tmp_path, HEADER + text + GOOD)
    assert table.rows["source_id"].tolist() == ["a", "good"]
    (error,) = table.rejected
    assert error.what == (
        "source_id + year a, 2019 is on lines 2, 3; they differ, so none was used."
    )


def test_t06_full_width_digits_are_read_and_counted(tmp_path):
    table = read(tmp_path, HEADER + "ａ１,x,２０１９,1,１２３,\n")
    assert table.rows["emission"].tolist() == [123.0]
    assert table.rows["source_id"].tolist() == ["a1"]
    assert (
        "1 cells of emission had full-width characters, read as ASCII." in table.notes
    )


def test_t10_ids_keep_their_zeros(tmp_path):
    table = read(tmp_path, HEADER + "001,x,2019,1,1,\n1,x,2019,1,1,\n")
    assert table.rows["source_id"].tolist() == ["001", "1"]
    assert table.rejected == ()


def test_t11_na_is_a_name(tmp_path):
    table = read(tmp_path, HEADER + "a,NA,2019,1,1,\nb,None,2019,1,1,\n")
    assert table.rows["name"].tolist() == ["NA", "None"]


def test_t13_a_chinese_date(tmp_path):
    table = read(tmp_path, HEADER + "a,x,2019年,1,1,2024年3月4日\n")
    assert table.rows["opened"].dt.strftime("%Y-%m-%d").tolist() == ["2024-03-04"]


def test_t14_gbk_is_read_and_noted(tmp_path):
    text = HEADER.replace("source_id", "排放源编号") + "甲,煤电厂,2019,1,1,\n"
    table = read(tmp_path, text.encode("gbk"))
    assert table.rows["name"].tolist() == ["煤电厂"]
    assert table.notes == ("t.csv was read as gb18030, not UTF-8.",)


def test_t15_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    table = read(tmp_path, b"\xef\xbb\xbf" + (HEADER + GOOD).encode())
    assert len(table.rows) == 1


TABLE_CASES = [
    ("T01", HEADER.replace("area", "面积(亩)") + GOOD, ["面积(亩)", "is in 亩", "ha"]),
    ("T02", HEADER.replace("emission", "emission (kg)") + GOOD, ["is in kg", "in t"]),
    ("T17", "source_id,name,year,area,opened\n", ["lacks emission", "expected"]),
    ("T17", HEADER.replace("emission", "emision") + GOOD, ["mean it by 'emision'"]),
    ("T17", HEADER.replace("area", "aera") + GOOD, ["lacks area", "'aera'"]),
    ("T17", HEADER.replace("name", "排放源编号") + GOOD, ["has source_id twice"]),
    ("T17", HEADER, ["t.csv has a header but no rows"]),
    ("T17", "\n\n", ["holds no table"]),
    ("T14", "source_id,é\n".encode("cp1252"), ["unknown encoding", "cp1252"]),
    ("T14", (HEADER + GOOD).encode("utf-16"), ["t.csv is UTF-16 text"]),
    ("T14", HEADER.encode() + "a,小".encode()[:-1], ["ends in half a letter"]),
    ("T22", HEADER + 'a,"x,2019,1,1,\n', ["t.csv cannot be split", "line 1"]),
    ("T22", b"PK\x03\x04" + bytes(60), ["t.csv is a ZIP archive or Office file"]),
    ("T22", b"<html></html>", ["t.csv is an HTML page"]),
]


@pytest.mark.parametrize(
    ("content", "fragments"),
    [case[1:] for case in TABLE_CASES],
    ids=[f"{case[0]}-{number}" for number, case in enumerate(TABLE_CASES)],
)
def test_bad_table(tmp_path, content, fragments):
    with pytest.raises(TableError) as caught:
        read(tmp_path, content)
    for fragment in fragments:
        assert fragment in str(caught.value)
    assert caught.value.where["file"].endswith("t.csv")
    assert caught.value.zh
    assert caught.value.cure


def test_t23_a_table_too_large_is_not_read(tmp_path):
    path = tmp_path / "t.csv"
    with path.open("wb") as stream:
        stream.truncate(tables.MAX_BYTES + 1)
    with pytest.raises(TableError, match=r"t\.csv has 268,435,457 bytes"):
        read_table("t.csv", roots=[tmp_path], columns=RULES, key=("source_id",))


def test_paths_are_checked(tmp_path):
    with pytest.raises(UnsafePathError):
        read_table("/etc/passwd", roots=[tmp_path], columns=RULES, key=("source_id",))
