"""Plots and auxiliaries for an estimate: two CSV tables whose columns the reader names.

A table is taken whole or refused: a plot or a unit left out is another estimate.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import TableError
from store.headers import ColumnRule, unit_beside
from store.table_values import normalised
from store.tables import Table, read_header, read_table

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

PLOT_ID = ("plot_id", "样地号", "样地编号")
"""Headers that name a plot; a table with one of them may list no plot twice."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns an estimate reads; "" for one that is not asked for.

    ``size`` is of the population only: the area of a unit, or the share of a
    first-phase plot that lies in the forest.
    """

    y: str
    aux: tuple[str, ...]
    area: str = ""
    cluster: str = ""
    size: str = ""

    def __post_init__(self) -> None:
        """Refuse a column that is asked for twice, or no auxiliary."""
        named = [normalised(name).casefold() for name in (self.y, *self.aux)]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice or not self.aux or "" in named:
            raise TableError(
                f"The columns asked for are {self.y} by {', '.join(self.aux)}"
                + (f": {twice[0]} twice." if twice else ": a name is missing."),
                zh="观测列与辅助变量列不能为空，也不能重复。",
                cure="Name one --y and one or more others as --aux a,b,c.",
                field="--aux",
                value=",".join(self.aux),
            )


@dataclass(frozen=True, slots=True, eq=False)
class PlotTable:
    """A table as read: rows (n,) in the file's order, "" and None where not asked for.

    ``lines`` (n,) of the file; ``aux`` (n, k); ``y`` NaN in a population.
    """

    name: str
    digest: str
    lines: NDArray[np.int64]
    y: Floats
    aux: Floats
    area: Texts
    cluster: Texts
    plot_id: Texts | None
    size: Floats | None
    units: dict[str, str]
    """Of the auxiliaries, as the header has them in brackets; "" where it has none."""
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.lines)


def read_sample(path: str, columns: Columns) -> PlotTable:
    """Read the plots: ``y`` and auxiliaries, and area and cluster if asked for.

    Rows that are equal throughout are noted, since a plot listed twice counts twice.

    Raises
    ------
    UnsafePathError
        If ``path`` is not a plain file.
    TableError
        If a column is missing or misspelt, a cell is missing or no number, or a plot id
        is there twice; it names file, line and column.
    """
    table = _read(path, columns, observed=True, units={})
    values = pd.DataFrame(np.column_stack([table.y, table.aux]))
    values["place"] = table.area + "\0" + table.cluster
    same = values.duplicated(keep=False).to_numpy()
    if table.plot_id is not None or not same.any():
        return table
    lines = ", ".join(str(line) for line in table.lines[same][:10])
    note = (
        f"Lines {lines} of {table.name} are equal in every column read: a plot listed "
        "twice counts twice. 这些行完全相同，请检查是否重复。"
    )
    return replace(table, notes=(*table.notes, note))


def read_population(
    path: str, columns: Columns, *, units: dict[str, str] | None = None
) -> PlotTable:
    """Read the auxiliaries of areas, of all units, or of a first-phase sample.

    ``units`` are those that the auxiliaries have in the sample: another is refused.

    Raises
    ------
    UnsafePathError, TableError
        As ``read_sample``.
    """
    return _read(path, columns, observed=False, units=units or {})


def _read(
    path: str, columns: Columns, *, observed: bool, units: dict[str, str]
) -> PlotTable:
    # Joined, not resolved: "https://..." must still look like what it is.
    file = path if Path(path).is_absolute() else f"{Path.cwd()}/{path}"
    roots = [Path(os.path.normpath(file)).parent]
    header = read_header(file, roots=roots)
    numbers = [*([columns.y] if observed else []), *columns.aux]
    units = {name: units.get(name) or unit_beside(header, name) for name in numbers}
    rules = [ColumnRule(name, "number", unit, True) for name, unit in units.items()]
    if columns.size and not observed:
        unit = unit_beside(header, columns.size)
        rules.append(ColumnRule(columns.size, "number", unit, True, low=0))
    texts = [name for name in (columns.area, columns.cluster) if name]
    rules += [ColumnRule(name, "text", required=True) for name in texts]
    plot_id = next((name for name in header if _is_plot_id(name)), "")
    if plot_id and plot_id not in texts:
        rules.append(ColumnRule(plot_id, "text", required=True))
    table = read_table(file, roots=roots, columns=rules, key=[])
    _require_whole(table)
    if plot_id:
        _require_once(table, [name for name in (columns.cluster, plot_id) if name])
    found = _plot_table(table, columns, plot_id, observed=observed)
    return replace(found, units=units)


def _plot_table(
    table: Table, columns: Columns, plot_id: str, *, observed: bool
) -> PlotTable:
    rows = table.rows
    return PlotTable(
        name=table.source.name,
        digest=table.digest,
        lines=rows.index.to_numpy(np.int64),
        y=rows[columns.y].to_numpy() if observed else np.full(len(rows), np.nan),
        aux=rows[list(columns.aux)].to_numpy(np.float64),
        area=_texts(rows, columns.area),
        cluster=_texts(rows, columns.cluster),
        plot_id=_texts(rows, plot_id) if plot_id else None,
        size=rows[columns.size].to_numpy() if _has(rows, columns.size) else None,
        units={},
        notes=tuple(note for note in table.notes if "is not used" not in note),
    )


def _has(rows: pd.DataFrame, name: str) -> bool:
    return bool(name) and name in rows


def _texts(rows: pd.DataFrame, name: str) -> Texts:
    given = rows[name] if name else [""] * len(rows)
    return np.array([normalised(text) for text in given], np.str_)


def _is_plot_id(name: str) -> bool:
    return normalised(name).casefold().replace(" ", "_") in PLOT_ID


def _require_whole(table: Table) -> None:
    if not table.rejected:
        return
    first, more = table.rejected[0], len(table.rejected) - 1
    others = f" {more} more cannot either." if more else ""
    others_zh = f"另有 {more} 处问题。" if more else ""
    raise TableError(
        f"{table.source.name} has a row that cannot be used. {first.what}{others}",
        zh=f"{table.source.name} 有不可用的行：{first.zh}{others_zh}请改正后重试。",
        cure="Correct it, or take the row out on purpose: without it, the estimate is "
        "another one.",
        **first.where,
    )


def _require_once(table: Table, key: list[str]) -> None:
    names = pd.DataFrame({name: _texts(table.rows, name) for name in key})
    repeated = names.duplicated(keep=False).to_numpy()
    if not repeated.any():
        return
    first = names.loc[repeated].iloc[0]
    lines = table.rows.index[(names == first).all(axis=1).to_numpy()]
    listed = ", ".join(str(line) for line in lines)
    named = " ".join(f"{name} {first[name]}" for name in key)
    raise TableError(
        f"{named} is on lines {listed} of {table.source.name}: a plot listed twice "
        "counts twice.",
        zh=f"{table.source.name} 中 {named} 在第 {listed} 行重复，会被重复计算。"
        "请每个样地只保留一行。",
        cure="Keep one row for each plot.",
        file=table.source,
        field=" + ".join(key),
        item=f"lines {listed}",
        value=" ".join(first),
        expected="once",
    )
