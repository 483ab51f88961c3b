"""Tables as delivered: every cell parsed by rule, bad rows named by line."""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from geo.errors import TableError
from store.encoding import UnknownEncodingError, decode_texts
from store.headers import ColumnRule, match_columns
from store.safe import checked_path, content_name
from store.table_values import MisreadError, Value, normalised, parsed

MAX_BYTES = 256 * 2**20
"""About two million rows; larger tables are split by the operator."""
MU_PER_HA = 15
AREA_TOLERANCE = 0.05

_DTYPES = {
    "text": "str",
    "number": "float64",
    "integer": "Int64",
    "year": "Int64",
    "date": "datetime64[s]",
    "flag": "boolean",
}
_TEXT = ("plain text", "a file of unknown format")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that passed, indexed by their line in the file, and what was said of others.

    Columns are the rules', in their order: ``text`` is str ("" if missing), ``number``
    float64 (NaN), ``integer`` and ``year`` Int64 (NA), ``date`` datetime64 (NaT),
    ``flag`` boolean (NA).
    """

    rows: pd.DataFrame
    rejected: tuple[TableError, ...]
    digest: str
    """SHA-256 of the file."""
    notes: tuple[str, ...]
    source: Path


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    cells: list[str]


def read_table(
    path: str | Path,
    *,
    roots: Sequence[Path],
    columns: Sequence[ColumnRule],
    key: Sequence[str],
) -> Table:
    """Read a CSV (or tab-separated .tsv, .txt) below ``roots`` by its columns' rules.

    Text is strict UTF-8, with or without BOM, or GB18030, which is noted. A row is
    rejected, and the others stay, if it has another number of cells than the header,
    a cell that its rule refuses, or a key that other rows have too: of rows that are
    equal throughout the first stays, of rows that differ none does.

    Parameters
    ----------
    key
        Names of the columns that together name a row; their texts are normalised, and
        none may be missing. Without any, rows may be alike.

    Raises
    ------
    UnsafePathError
        If ``path`` is not a plain file below ``roots``.
    TableError
        If the file is no such table, too large, of unknown encoding or empty, or its
        header does not match the rules.
    """
    file = checked_path(path, roots=roots)
    content = _content(file)
    text, notes = _text(file, content)
    lines, rejected = _lines(file, text)
    header, lines = lines[0], lines[1:]
    places, header_notes = match_columns(file, header.cells, columns)
    reader = _Reader(file, columns, places, frozenset(key))
    rows, faults = reader.read(lines)
    rows, repeated = _unique(file, rows, key)
    if len(rows) == 0 and not (rejected or faults or repeated):
        raise _wrong(file, "has a header but no rows", "只有表头，没有数据行")
    return Table(
        rows=rows,
        rejected=(*rejected, *faults, *repeated),
        digest=hashlib.sha256(content).hexdigest(),
        notes=(*notes, *header_notes, *reader.notes()),
        source=file,
    )


def read_header(path: str | Path, *, roots: Sequence[Path]) -> list[str]:
    """Return the headers of the columns of a table, as they stand.

    Raises as ``read_table`` does for a file that is no table.
    """
    file = checked_path(path, roots=roots)
    lines, _ = _lines(file, _text(file, _content(file))[0])
    return [cell.strip() for cell in lines[0].cells]


def check_declared_area(
    declared: pd.Series, measured_ha: pd.Series, ids: pd.Series, *, unit: str
) -> tuple[TableError, ...]:
    """Hold declared areas against measured ones; each beyond 5 % is an error.

    Parameters
    ----------
    declared
        In ``unit``, ``ha`` or ``mu``; missing ones are not checked.
    measured_ha
        Areas of the polygons, in ha, in the same order; likewise ``ids``.
    """
    per_ha = {"ha": 1, "mu": MU_PER_HA}[unit]
    other = {"ha": "mu", "mu": "ha"}[unit]
    ratio = declared.to_numpy(float) / measured_ha.to_numpy(float) / per_ha
    swapped = {"ha": MU_PER_HA, "mu": 1 / MU_PER_HA}[unit]
    found = []
    for place in np.flatnonzero(np.abs(ratio - 1) > AREA_TOLERANCE):
        looks = abs(ratio[place] / swapped - 1) <= AREA_TOLERANCE
        hint = f"; it looks like {other}" if looks else ""
        hint_zh = f"，疑似单位为{_UNITS_ZH[other]}" if looks else ""
        measured = float(measured_ha.iloc[place])
        found.append(
            TableError(
                f"The area of {ids.iloc[place]} is declared as "
                f"{declared.iloc[place]:g} {unit} but measures "
                f"{measured:.4f} ha{hint}.",
                zh=f"{ids.iloc[place]} 的申报面积 {declared.iloc[place]:g} "
                f"{_UNITS_ZH[unit]}与图形面积 {measured:.4f} 公顷不符{hint_zh}。",
                cure="Correct the area, or declare the unit of its column.",
                item=ids.iloc[place],
                value=f"{declared.iloc[place]:g} {unit}",
                expected=f"{measured * per_ha:.4f} {unit}",
            )
        )
    return tuple(found)


_UNITS_ZH = {"ha": "公顷", "mu": "亩"}


def _content(file: Path) -> bytes:
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise _wrong(
            file,
            f"has {size:,} bytes; at most {MAX_BYTES:,} are read",
            f"过大（{size:,} 字节），请拆分",
        )
    content = file.read_bytes()
    found = content_name(content[:512])
    is_text = found in _TEXT and b"\0" not in content[:512]
    if file.suffix.lower() not in {".csv", ".tsv", ".txt"} or not is_text:
        raise _wrong(
            file,
            f"is {found}, not a CSV table",
            f"的内容是 {found}，不是 CSV 表格，请另存为 CSV UTF-8",
        )
    return content


def _text(file: Path, content: bytes) -> tuple[str, list[str]]:
    try:
        decoded = decode_texts([content])
    except UnknownEncodingError as error:
        raise _wrong(
            file, f"is in an unknown encoding: {error}", "编码无法判定，请另存为 UTF-8"
        ) from error
    if decoded.cut:
        raise _wrong(file, "ends in half a letter: it was cut off", "末尾被截断")
    notes = []
    if decoded.encoding != "utf-8":
        notes.append(f"{file.name} was read as {decoded.encoding}, not UTF-8.")
    return decoded.texts[0].removeprefix("\ufeff"), notes


def _lines(file: Path, text: str) -> tuple[list[_Line], list[TableError]]:
    """Split rows, the header first; a row with another number of cells is an error."""
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    good: list[_Line] = []
    bad: list[TableError] = []
    start = 1
    try:
        for cells in reader:
            line, start = _Line(start, cells), reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if good and len(cells) != len(good[0].cells):
                bad.append(_ragged(file, line, len(good[0].cells)))
            else:
                good.append(line)
    except csv.Error as error:
        where = f"cannot be split into cells after line {start - 1}: {error}"
        raise _wrong(file, where, f"第 {start} 行附近引号不配对") from error
    if not good:
        raise _wrong(file, "holds no table", "没有表格内容")
    return good, bad


def _delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(",\t;", key=header.count)


def _ragged(file: Path, line: _Line, expected: int) -> TableError:
    return TableError(
        f"Line {line.number} has {len(line.cells)} cells, the header {expected}.",
        zh=f"第 {line.number} 行有 {len(line.cells)} 个单元格，表头有 {expected} 个。",
        cure="Put text with commas in quotes; write numbers without separators.",
        file=file,
        item=f"line {line.number}",
        value=len(line.cells),
        expected=expected,
    )


class _Reader:
    """Parses the lines of one file by the rules of its columns."""

    def __init__(
        self,
        file: Path,
        columns: Sequence[ColumnRule],
        places: dict[str, int],
        key: frozenset[str],
    ) -> None:
        self._file = file
        self._columns = columns
        self._places = places
        self._key = key
        self._changed: Counter[str] = Counter()

    def read(self, lines: Iterable[_Line]) -> tuple[pd.DataFrame, list[TableError]]:
        """Return the rows whose cells all passed, and an error per other cell."""
        good: dict[int, list[Value]] = {}
        faults: list[TableError] = []
        for line in lines:
            values, wrong = self._row(line)
            faults.extend(wrong)
            if not wrong:
                good[line.number] = values
        return self._frame(good), faults

    def notes(self) -> list[str]:
        """Say how many cells had full-width characters."""
        return [
            f"{count} cells of {name} had full-width characters, read as ASCII."
            for name, count in sorted(self._changed.items())
        ]

    def _row(self, line: _Line) -> tuple[list[Value], list[TableError]]:
        values: list[Value] = []
        wrong: list[TableError] = []
        for rule in self._columns:
            try:
                values.append(self._cell(rule, line))
            except MisreadError as why:
                wrong.append(self._fault(rule, line, why))
        return values, wrong

    def _cell(self, rule: ColumnRule, line: _Line) -> Value:
        if rule.name not in self._places:
            return None
        given = line.cells[self._places[rule.name]].strip()
        text = normalised(given)
        if rule.kind == "text" and rule.name not in self._key:
            text = given if text not in {"", "-", "/"} else text
        if text != given:
            self._changed[rule.name] += 1
        value = parsed(text, rule.kind)
        _check_range(rule, value, is_key=rule.name in self._key)
        return value

    def _fault(self, rule: ColumnRule, line: _Line, why: MisreadError) -> TableError:
        given = line.cells[self._places[rule.name]].strip()
        return TableError(
            f"Line {line.number}, column {rule.name}: {given!r} {why.reason}.",
            zh=f"第 {line.number} 行“{rule.name}”列：{given!r} {why.zh}。",
            cure="Correct the cell; the row was left out.",
            file=self._file,
            field=rule.name,
            item=f"line {line.number}",
            value=given,
            expected=rule.unit or rule.kind,
        )

    def _frame(self, rows: dict[int, list[Value]]) -> pd.DataFrame:
        index = pd.Index(list(rows), name="line", dtype="int64")
        return pd.DataFrame(
            {
                rule.name: _series([row[place] for row in rows.values()], rule, index)
                for place, rule in enumerate(self._columns)
            },
            index=index,
        )


def _series(values: list[Value], rule: ColumnRule, index: pd.Index) -> pd.Series:
    if rule.kind == "text":
        return pd.Series(
            ["" if value is None else value for value in values], index, dtype="str"
        )
    if rule.kind == "date":
        return pd.Series(np.array(values, "datetime64[s]"), index)
    return pd.Series(values, index, dtype=_DTYPES[rule.kind])


def _check_range(rule: ColumnRule, value: Value, *, is_key: bool) -> None:
    if value is None:
        if rule.required or is_key:
            raise MisreadError("is missing", "缺失")
        return
    if not isinstance(value, int | float):
        return
    if rule.low is not None and value < rule.low:
        raise MisreadError(f"is below {rule.low:g}", f"低于下限 {rule.low:g}")
    if rule.high is not None and value > rule.high:
        raise MisreadError(f"is above {rule.high:g}", f"高于上限 {rule.high:g}")


def _unique(
    file: Path, rows: pd.DataFrame, key: Sequence[str]
) -> tuple[pd.DataFrame, list[TableError]]:
    names = list(key)
    if not names:
        return rows, []
    shares = rows.duplicated(names, keep=False)
    found, dropped = [], []
    for values, group in rows.loc[shares].groupby(names, sort=True, dropna=False):
        is_same = len(group.drop_duplicates()) == 1
        dropped += list(group.index[1:] if is_same else group.index)
        found.append(_repeated(file, names, values, list(group.index), is_same=is_same))
    return rows.drop(index=dropped), found


def _repeated(
    file: Path, names: list[str], values: object, lines: list[int], *, is_same: bool
) -> TableError:
    named = ", ".join(str(value) for value in np.atleast_1d(np.asarray(values, object)))
    listed = ", ".join(str(line) for line in lines)
    kept = "the first was used" if is_same else "they differ, so none was used"
    kept_zh = "内容相同，只用第一行" if is_same else "内容不同，均未采用"
    return TableError(
        f"{' + '.join(names)} {named} is on lines {listed}; {kept}.",
        zh=f"{' + '.join(names)} {named} 在第 {listed} 行重复；{kept_zh}。",
        cure="Keep one row for each.",
        file=file,
        field=" + ".join(names),
        item=f"lines {listed}",
        value=named,
    )


def _wrong(file: Path, what: str, zh: str) -> TableError:
    return TableError(
        f"{file.name} {what}.",
        zh=f"{file.name} {zh}。",
        cure="Save the table as CSV in UTF-8 and deliver that.",
        file=file,
    )
