"""Which column of a delivered table is which: by name, alias and unit."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geo.errors import TableError
from store.table_values import Kind, normalised

_WITH_UNIT = re.compile(r"(.+?)_*[\(\[]_*([^()\[\]]+?)_*[\)\]]")
_SAME_UNIT = {
    "公顷": "ha",
    "hm2": "ha",
    "亩": "mu",
    "吨": "t",
    "千克": "kg",
    "公斤": "kg",
    "厘米": "cm",
    "米": "m",
    "毫米": "mm",
    "分米": "dm",
    "平方米": "m2",
    "年": "yr",
    "兆瓦": "mw",
    "株": "stems",
    "度": "degree",
    "°": "degree",
    "degrees": "degree",
}


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What a column must hold.

    ``required`` columns must be there and have no missing cell; others may be absent.
    ``low`` and ``high`` are inclusive, in ``unit``. ``aliases`` are other headers it
    may have, each with or without the unit in brackets, as in ``面积(公顷)``.
    """

    name: str
    kind: Kind
    unit: str = ""
    required: bool = False
    low: float | None = None
    high: float | None = None
    aliases: tuple[str, ...] = ()

    def headers(self) -> set[str]:
        """Return the headers it goes by, folded for comparison."""
        return {_folded(text) for text in (self.name, *self.aliases)}


def split_unit(header: str) -> tuple[str, str]:
    """Return the name in ``header``, folded, and its unit in brackets, or "".

    ``胸径（毫米）`` gives ``("胸径", "mm")``.
    """
    folded = _folded(header)
    match = _WITH_UNIT.fullmatch(folded)
    return (match[1], _unit(match[2])) if match else (folded, "")


def match_columns(
    file: Path, header: Sequence[str], columns: Sequence[ColumnRule]
) -> tuple[dict[str, int], list[str]]:
    """Return the place of each column found, and notes on those not used or absent.

    Columns that no rule knows are ignored and noted, unless their header is close to
    that of a column that is absent: that is taken for a misspelling.

    Raises
    ------
    TableError
        For missing, misspelt or repeated columns, and for a unit in brackets that is
        not the rule's; it names what was expected and what was found.
    """
    places: dict[str, int] = {}
    unknown: list[str] = []
    for place, text in enumerate(header):
        rule = _rule_for(file, text, columns)
        if rule is None:
            unknown.append(text.strip())
        elif rule.name in places:
            raise _mismatch(file, header, columns, f"has {rule.name} twice")
        else:
            places[rule.name] = place
    absent = [rule for rule in columns if rule.name not in places]
    _require_columns(file, header, columns, absent, unknown)
    notes = [f"Column {text!r} is not used." for text in unknown if text]
    notes += [f"Optional column {rule.name} is absent." for rule in absent]
    return places, notes


def unit_beside(header: Sequence[str], name: str) -> str:
    """Return the unit in brackets that ``name`` has in ``header``, "" if none."""
    for text in header:
        match = _WITH_UNIT.fullmatch(_folded(text))
        if match is not None and match[1] == _folded(name):
            return match[2]
    return ""


def _require_columns(
    file: Path,
    header: Sequence[str],
    columns: Sequence[ColumnRule],
    absent: Sequence[ColumnRule],
    unknown: Sequence[str],
) -> None:
    wrong = []
    for rule in absent:
        near = _nearest(rule, unknown)
        if near:
            wrong.append(f"{rule.name} (did you mean it by {near!r}?)")
        elif rule.required:
            wrong.append(rule.name)
    if wrong:
        raise _mismatch(file, header, columns, f"lacks {', '.join(wrong)}")


def _nearest(rule: ColumnRule, unknown: Sequence[str]) -> str:
    folded = {_folded(text): text for text in unknown}
    for name in sorted(rule.headers()):
        near = difflib.get_close_matches(name, sorted(folded), n=1, cutoff=0.75)
        if near:
            return folded[near[0]]
    return ""


def _rule_for(
    file: Path, text: str, columns: Sequence[ColumnRule]
) -> ColumnRule | None:
    folded = _folded(text)
    for rule in columns:
        if folded in rule.headers():
            return rule
    match = _WITH_UNIT.fullmatch(folded)
    if match is None:
        return None
    for rule in columns:
        if match[1] in rule.headers():
            _require_unit(file, rule, text, match[2])
            return rule
    return None


def _require_unit(file: Path, rule: ColumnRule, header: str, unit: str) -> None:
    if _unit(unit) != _unit(_folded(rule.unit)):
        raise TableError(
            f"Column {header.strip()!r} of {file.name} is in {unit}; "
            f"{rule.name} must be in {rule.unit or 'no unit'}.",
            zh=f"{file.name} 的“{header.strip()}”列单位为 {unit}，"
            f"应为 {rule.unit or '无单位'}。请换算后再提交。",
            cure="Convert the column and its header.",
            file=file,
            field=rule.name,
            value=unit,
            expected=rule.unit,
        )


def _unit(text: str) -> str:
    return _SAME_UNIT.get(text, text)


def _folded(text: str) -> str:
    return normalised(text).casefold().replace(" ", "_")


def _mismatch(
    file: Path, header: Sequence[str], columns: Sequence[ColumnRule], what: str
) -> TableError:
    expected = ", ".join(rule.name for rule in columns)
    found = ", ".join(text.strip() for text in header)
    return TableError(
        f"The header of {file.name} {what}.",
        zh=f"{file.name} 的表头不符：应有 {expected}；实有 {found}。请修改表头。",
        cure="Rename or add the columns.",
        file=file,
        field="header",
        value=found,
        expected=expected,
    )
