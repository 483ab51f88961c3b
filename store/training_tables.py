"""A table of plots to learn from: a target, a place, and whatever else is a number."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import TableError
from store.headers import ColumnRule, split_unit, unit_beside
from store.table_values import MISSING, MisreadError, normalised, parsed
from store.tables import Table, read_header, read_table

Floats = NDArray[np.float64]

NUMERIC_SHARE = 0.8
"""A column is one of numbers if this share of its cells is; the others are mistakes."""
_ID = re.compile(r"(.*_)?(id|fid|no|编号|样地号)$|unnamed.*|", re.IGNORECASE)
_BRACKETS = re.compile(r"\s*[\(\[（].*[\)\]）]\s*$")
_OF_PLOTS = "equation_status"
"""A column that only tables written by ``forestsink plots`` have."""
_RESULT = re.compile(
    r".*_t_ha(_se|_low|_high)?|area_ha|trees|stems_ha|basal_area_m2_ha|outside_range.*"
)
"""What such a table tells of the trees: known at plots alone, and near the target."""
_UNITS = {
    "_t_ha": "t/ha",
    "_m2_ha": "m2/ha",
    "_m3_ha": "m3/ha",
    "_kg_m2": "kg/m2",
    "_pct": "%",
    "_deg": "degree",
    "_cm": "cm",
    "_ha": "1/ha",
    "_m": "m",
}
"""Units by the end of a column's name, the longest first."""


@dataclass(frozen=True, slots=True)
class TrainingColumns:
    """Which columns are what; ``features`` None for all other numbers, "" for none.

    A feature may be a pattern, as ``chm_*``, for all columns that fit it.
    """

    target: str
    x: str
    y: str
    features: tuple[str, ...] | None = None
    plot_id: str = ""
    measured: str = ""

    def named(self) -> tuple[str, ...]:
        """Return the columns that are no features."""
        told = (self.target, self.x, self.y, self.plot_id, self.measured)
        return tuple(name for name in told if name)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingTable:
    """Plots as read, in the file's order: ``features`` (n, k), NaN for a missing cell.

    ``day`` (n,) is NaT where not known; a year counts as its 1 July.
    """

    name: str
    digest: str
    names: tuple[str, ...]
    units: dict[str, str]
    features: Floats
    target: Floats
    x: Floats
    y: Floats
    ids: tuple[str, ...]
    day: NDArray[np.datetime64]
    rejected: tuple[TableError, ...]
    notes: tuple[str, ...]


def read_training_table(path: str, columns: TrainingColumns) -> TrainingTable:
    """Read the plots; rows with a cell that is no number are left out and told.

    Raises
    ------
    UnsafePathError
        If ``path`` is not a plain file.
    TableError
        If it is no table, a column is missing, misspelt or twice there, no feature is
        left, or an id is there twice.
    """
    # Joined, not resolved: "https://..." must still look like what it is.
    file = path if Path(path).is_absolute() else f"{Path.cwd()}/{path}"
    roots = [Path(os.path.normpath(file)).parent]
    raw = read_header(file, roots=roots)
    _require_apart(Path(file), columns)
    notes: list[str] = []
    if columns.features is None:
        names, notes = _numeric(file, roots, raw, columns)
    else:
        names = _spelt_out(columns.features, raw)
    if not names:
        raise _no_features(Path(file))
    units = {name: unit_of(raw, name) for name in (columns.target, *names)}
    table = read_table(file, roots=roots, columns=_rules(raw, columns, names), key=())
    _require_features(Path(file), names, raw)
    rows = table.rows
    if rows.empty and table.rejected:
        raise table.rejected[0]
    ids = _ids(rows, columns.plot_id, table)
    return TrainingTable(
        table.source.name,
        table.digest,
        names,
        units,
        rows[list(names)].to_numpy(np.float64),
        rows[columns.target].to_numpy(np.float64),
        rows[columns.x].to_numpy(np.float64),
        rows[columns.y].to_numpy(np.float64),
        ids,
        _days(rows, columns.measured, table),
        table.rejected,
        (*notes, *(n for n in table.notes if "is not used" not in n)),
    )


def unit_of(header: Sequence[str], name: str) -> str:
    """Return the unit of a column: in brackets, or by the end of its name."""
    beside = unit_beside(header, name)
    if beside:
        return beside
    folded = name.casefold()
    return next((unit for end, unit in _UNITS.items() if folded.endswith(end)), "")


def _bare(text: str) -> str:
    return _BRACKETS.sub("", text).strip()


def _rules(
    header: Sequence[str], columns: TrainingColumns, names: Sequence[str]
) -> list[ColumnRule]:
    required = (columns.target, columns.x, columns.y)
    rules = [
        ColumnRule(name, "number", unit_beside(header, name), required=True)
        for name in required
    ]
    rules += [ColumnRule(name, "number", unit_beside(header, name)) for name in names]
    texts = [name for name in (columns.plot_id, columns.measured) if name]
    return rules + [ColumnRule(name, "text", required=True) for name in texts]


def _numeric(
    file: str, roots: Sequence[Path], header: Sequence[str], columns: TrainingColumns
) -> tuple[tuple[str, ...], list[str]]:
    """Return the columns that hold numbers and are not named otherwise, and notes."""
    named = {normalised(name).casefold() for name in columns.named()}
    bare = [_bare(text) for text in header]
    others = [n for n in bare if n and normalised(n).casefold() not in named]
    rules = [ColumnRule(name, "text", unit_beside(header, name)) for name in others]
    rows = read_table(file, roots=roots, columns=rules, key=()).rows
    numbers = [name for name in others if _is_numeric(rows[name])]
    ids = [name for name in numbers if _ID.fullmatch(normalised(name))]
    texts = [name for name in others if name not in numbers]
    notes = (
        [f"Columns that name plots are no features: {', '.join(ids)}."] if ids else []
    )
    if _OF_PLOTS in header:
        own = [name for name in numbers if _RESULT.fullmatch(name)]
        notes.append(f"Results of trees are no features: {', '.join(own)}.")
        ids += own
    if texts:
        notes.append(f"Columns that are no numbers are not used: {', '.join(texts)}.")
    return tuple(name for name in numbers if name not in ids), notes


def _spelt_out(asked: Sequence[str], header: Sequence[str]) -> tuple[str, ...]:
    """Return names with each pattern replaced by the columns that fit it, in order."""
    bare = [_bare(text) for text in header]
    names: dict[str, None] = {}
    for one in asked:
        fits = [text for text in bare if fnmatchcase(text, one)] if "*" in one else []
        names.update(dict.fromkeys(fits or [one]))
    return tuple(names)


def _is_numeric(cells: pd.Series) -> bool:
    there = [text for text in map(normalised, cells) if text not in MISSING]
    readable = sum(_is_number(text) for text in there)
    return bool(there) and readable >= NUMERIC_SHARE * len(there)


def _is_number(text: str) -> bool:
    if text.casefold() in {"na", "nan", "null", "none"}:
        return False
    try:
        parsed(text, "number")
    except MisreadError:
        return False
    return True


def _ids(rows: pd.DataFrame, name: str, table: Table) -> tuple[str, ...]:
    if not name:
        return tuple(f"line {line}" for line in rows.index)
    ids = [normalised(text) for text in rows[name]]
    repeated = sorted({one for one in ids if ids.count(one) > 1}) if ids else []
    if repeated:
        raise TableError(
            f"{table.source.name} has the plot {repeated[0]} more than once.",
            zh=f"{table.source.name} 中样地 {repeated[0]} 重复；请每个样地保留一行。",
            cure="Keep one row for each plot.",
            file=table.source,
            field=name,
            value=repeated[0],
        )
    return tuple(ids)


def _days(rows: pd.DataFrame, name: str, table: Table) -> NDArray[np.datetime64]:
    if not name:
        return np.full(len(rows), np.datetime64("NaT"), dtype="datetime64[D]")
    days = []
    for line, text in zip(rows.index, rows[name], strict=True):
        try:
            days.append(day_of(normalised(text)))
        except MisreadError as why:
            raise TableError(
                f"Line {line}, column {name}: {text!r} {why.reason}.",
                zh=f"第 {line} 行“{name}”列：{text!r} {why.zh}。",
                cure="Write days as 2024-03-04, or years as 2024.",
                file=table.source,
                field=name,
                item=f"line {line}",
            ) from why
    return np.array(days, dtype="datetime64[D]")


def day_of(text: str) -> np.datetime64:
    """Return the day of a date, or 1 July of a year; raise ``MisreadError``."""
    if re.fullmatch(r"\d{4}年?", text):
        return np.datetime64(f"{text[:4]}-07-01", "D")
    day = parsed(text, "date")
    return np.datetime64("NaT" if day is None else str(day), "D")


def _require_apart(file: Path, columns: TrainingColumns) -> None:
    """Refuse a column that is asked for as two things: the target, above all."""
    asked = [*columns.named(), *(columns.features or ())]
    folded = [normalised(name).casefold() for name in asked]
    twice = next(
        (one for one in asked if folded.count(normalised(one).casefold()) > 1), ""
    )
    if twice:
        raise TableError(
            f"The column {twice} is asked for twice.",
            zh=f"列 {twice} 被重复指定；目标、坐标与特征须为不同的列。",
            cure="Name each column once: the target cannot be a feature.",
            file=file,
            field=twice,
        )


def _require_features(file: Path, names: Sequence[str], header: Sequence[str]) -> None:
    """Refuse features that are not there; near misses were told by the reader."""
    there = {split_unit(text)[0] for text in header}
    absent = [name for name in names if split_unit(name)[0] not in there]
    if absent:
        raise TableError(
            f"{file.name} has no feature {', '.join(absent)}.",
            zh=f"{file.name} 没有特征列 {'、'.join(absent)}；请核对列名。",
            cure="Name columns of the table, or a pattern that some of them fit.",
            file=file,
            field="features",
            value=", ".join(absent),
            expected=", ".join(header),
        )


def _no_features(file: Path) -> TableError:
    return TableError(
        f"{file.name} has no column of numbers besides target and place.",
        zh=f"{file.name} 除目标与坐标外没有数值列，无法训练；请补充特征列。",
        cure="Add the features of each plot as columns of numbers.",
        file=file,
        field="features",
    )
