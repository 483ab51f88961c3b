"""One cell of a table, parsed by rules that guess nothing."""

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal

Kind = Literal["text", "number", "integer", "year", "date", "flag"]
Value = str | float | int | bool | date | None

MISSING = frozenset({"", "-", "--", "—", "——", "–", "/", "空"})
"""What people write for "no value"; ``NA`` and ``None`` are text, as of a species."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_INTEGER = re.compile(r"[+-]?\d+(\.0+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d{1,3}(\.\d{3})*,\d+")
_WITH_UNIT = re.compile(r"[+-]?\d[\d.]*\s*([^\d\s.,+_-].*)")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
_YEAR = re.compile(r"(\d{4})(\.0+)?年?")
_SERIAL = re.compile(r"[1-9]\d{4}")
_EXCEL_DAY_ZERO = date(1899, 12, 30)
_FLAGS = {"1": True, "true": True, "yes": True, "是": True} | {
    "0": False,
    "false": False,
    "no": False,
    "否": False,
}


class MisreadError(ValueError):
    """Why a cell is not of its kind: in English and in Chinese."""

    def __init__(self, reason: str, zh: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.zh = zh


def normalised(text: str) -> str:
    """Return ``text`` with full-width letters, digits and true minus as ASCII."""
    return unicodedata.normalize("NFKC", text).strip().replace("−", "-")


def parsed(text: str, kind: Kind) -> Value:
    """Return the value of ``text``, None if missing.

    ``text`` must be normalised. Numbers are plain decimals (no separators, no units),
    dates ``2024-03-04`` or ``2024年3月4日``, flags 1/0, true/false, yes/no, 是/否.

    Raises
    ------
    MisreadError
        Saying what is wrong with ``text``.
    """
    if text in MISSING:
        return None
    return _PARSERS[kind](text)


def _text(text: str) -> str:
    return text


def _number(text: str) -> float:
    if _NUMBER.fullmatch(text) is None:
        raise MisreadError(*_why_no_number(text))
    value = float(text)
    if not math.isfinite(value):
        raise MisreadError("is too large for a number", "超出数值范围")
    return value


def _why_no_number(text: str) -> tuple[str, str]:
    if text.lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        return "is not a finite number", "不是有限数值"
    if _THOUSANDS.fullmatch(text):
        plain = text.replace(",", "")
        return (
            f"has thousands separators; write {plain}",
            f"含千位分隔符，请写成 {plain}",
        )
    if _DECIMAL_COMMA.fullmatch(text):
        plain = text.replace(".", "").replace(",", ".")
        return f"has a decimal comma; write {plain}", f"小数点写成逗号，请写成 {plain}"
    unit = _WITH_UNIT.fullmatch(text)
    if unit:
        return (
            f"carries the unit {unit[1]!r}; write the number alone",
            f"带有单位 {unit[1]!r}，请只写数字",
        )
    return "is not a number", "不是数字"


def _integer(text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        _number(text)
        raise MisreadError("is not a whole number", "不是整数")
    return int(text.split(".", maxsplit=1)[0])


def _year(text: str) -> int:
    match = _YEAR.fullmatch(text)
    if match is None:
        raise MisreadError("is not a year such as 2024", "不是年份（如 2024）")
    return int(match[1])


def _date(text: str) -> date:
    match = _ISO.fullmatch(text) or _CHINESE.fullmatch(text)
    if match is None:
        raise MisreadError(*_why_no_date(text))
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError as error:
        raise MisreadError("is not a day of the calendar", "不是有效日期") from error


def _why_no_date(text: str) -> tuple[str, str]:
    if _SERIAL.fullmatch(text):
        day = _EXCEL_DAY_ZERO + timedelta(days=int(text))
        return (
            f"is an Excel day number; write {day}",
            f"是 Excel 序列日期，请写成 {day}",
        )
    return "is not a date such as 2024-03-04", "不是日期（如 2024-03-04）"


def _flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise MisreadError("is neither yes nor no", "不是“是/否”")
    return _FLAGS[text.lower()]


_PARSERS: dict[Kind, Callable[[str], Value]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "year": _year,
    "date": _date,
    "flag": _flag,
}
