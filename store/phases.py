"""Which plots of a first phase are those of the second."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import replace

import numpy as np

from geo.errors import TableError
from store.estimate_tables import PlotTable


def whole_first_phase(sample: PlotTable, population: PlotTable) -> PlotTable:
    """Return the first phase with the plots of ``sample`` in it, and a note on how.

    Rows are the same plot if they share a plot id where both tables have one, else
    area, cluster and all auxiliaries. Either every plot of the sample is in the
    population, or none is: then the two together are the first phase.

    Raises
    ------
    TableError
        If only some plots are found, or the same id has other auxiliaries.
    """
    has_ids = sample.plot_id is not None and population.plot_id is not None
    there = _places(population, by_id=has_ids)
    mine = [_name(sample, row, by_id=has_ids) for row in range(len(sample))]
    wanted = Counter(mine)
    missing = [
        row for row, name in enumerate(mine) if wanted[name] > len(_at(there, name))
    ]
    if has_ids:
        _require_same(sample, population, there, mine)
    if not missing:
        return _with_note(
            population, "The plots of the sample are among its rows. 含样地。"
        )
    if len(missing) < len(sample):
        raise _missing(sample, population, missing)
    if population.size is not None:
        raise _missing(sample, population, missing)
    return _joined(sample, population)


def _at(there: dict[Hashable, list[int]], name: Hashable) -> list[int]:
    return there.get(name, [])


def _places(table: PlotTable, *, by_id: bool) -> dict[Hashable, list[int]]:
    places: dict[Hashable, list[int]] = {}
    for row in range(len(table)):
        places.setdefault(_name(table, row, by_id=by_id), []).append(row)
    return places


def _name(table: PlotTable, row: int, *, by_id: bool) -> Hashable:
    if by_id and table.plot_id is not None:
        return str(table.cluster[row]), str(table.plot_id[row])
    place = str(table.area[row]), str(table.cluster[row])
    return *place, *(float(value) for value in table.aux[row])


def _require_same(
    sample: PlotTable,
    population: PlotTable,
    there: dict[Hashable, list[int]],
    mine: list[Hashable],
) -> None:
    for row, name in enumerate(mine):
        for place in _at(there, name):
            same_area = sample.area[row] == population.area[place]
            if same_area and np.allclose(sample.aux[row], population.aux[place]):
                continue
            raise TableError(
                f"The plot on line {sample.lines[row]} of {sample.name} has another "
                f"area or other auxiliaries on line {population.lines[place]} of "
                f"{population.name}.",
                zh=f"{sample.name} 第 {sample.lines[row]} 行的样地与 {population.name} "
                f"第 {population.lines[place]} 行的区域或辅助变量不一致。请核对。",
                cure="Correct one of them: a plot has one value of each auxiliary.",
                file=sample.name,
                item=f"line {sample.lines[row]}",
                value=sample.aux[row].tolist(),
                expected=population.aux[place].tolist(),
            )


def _missing(
    sample: PlotTable, population: PlotTable, missing: list[int]
) -> TableError:
    lines = ", ".join(str(sample.lines[row]) for row in missing[:10])
    return TableError(
        f"{len(missing)} of {len(sample)} plots of {sample.name} are not in the first "
        f"phase {population.name}: lines {lines}.",
        zh=f"{sample.name} 有 {len(missing)} 个样地（第 {lines} 行）不在第一相 "
        f"{population.name} 中。请在第一相中列出全部样地。",
        cure="List every plot of the sample in the population too, with the same "
        "auxiliaries to the last digit, or with the same plot_id.",
        file=sample.name,
        item=f"lines {lines}",
        value=len(missing),
        expected=0,
    )


def _joined(sample: PlotTable, population: PlotTable) -> PlotTable:
    both = replace(
        population,
        lines=np.concatenate([population.lines, sample.lines]),
        y=np.concatenate([population.y, sample.y]),
        aux=np.concatenate([population.aux, sample.aux]),
        area=np.concatenate([population.area, sample.area]),
        cluster=np.concatenate([population.cluster, sample.cluster]),
        plot_id=None,
    )
    return _with_note(
        both,
        "No plot of the sample is among its rows, so both tables together are taken as "
        "the first phase. 第一相不含样地，两表合并作为第一相。",
    )


def _with_note(table: PlotTable, note: str) -> PlotTable:
    return replace(table, notes=(*table.notes, f"{table.name}: {note}"))
