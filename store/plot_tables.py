"""Tables of plots and their trees, as crews and other programs deliver them.

A measure has a unit: from the header (``dbh_mm``, ``胸径(毫米)``), from the caller, or,
where all the world writes it the same way, by default. Areas have no default.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from geo.errors import TableError
from store.headers import ColumnRule, match_columns, split_unit
from store.table_values import Kind, normalised
from store.tables import Table, read_header, read_table


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of a table of plots or trees, and the names it goes by."""

    key: str
    kind: Kind
    names: tuple[str, ...]
    """Headers without their unit, the likeliest first."""
    units: tuple[str, ...] = ()
    default_unit: str = ""
    """"" for a unit that has to be stated."""
    required: bool = False
    low: float | None = None
    """Least value in any unit."""


TREE_MEASURES = (
    Measure("plot_id", "text", ("plot_id", "plot", "样地号", "样地"), required=True),
    Measure("tree_id", "text", ("tree_id", "tree_no", "tree_number", "样木号")),
    Measure(
        "species",
        "text",
        ("species", "species_zh", "树种", "树种名称", "latin", "scientific_name"),
    ),
    Measure(
        "dbh",
        "number",
        ("dbh", "d", "diameter", "胸径"),
        ("cm", "mm", "m"),
        "cm",
        required=True,
        low=0.0,
    ),
    Measure(
        "height", "number", ("height", "h", "树高"), ("m", "dm", "cm"), "m", low=0.0
    ),
    Measure(
        "wood_density",
        "number",
        ("wood_density", "wd", "木材密度"),
        ("g/cm3", "t/m3", "kg/m3"),
        "g/cm3",
        low=0.0,
    ),
    Measure("per_ha", "number", ("per_ha", "stems_per_ha", "每公顷株数"), low=0.0),
)
PLOT_MEASURES = (
    Measure("plot_id", "text", ("plot_id", "plot", "样地号", "样地"), required=True),
    Measure(
        "area",
        "number",
        ("area", "plot_area", "面积", "样地面积"),
        ("ha", "mu", "m2"),
        required=True,
        low=0.0,
    ),
    Measure("slope", "number", ("slope", "坡度"), ("degree", "percent"), "degree"),
    Measure(
        "agb",
        "number",
        ("agb", "agbd", "地上生物量"),
        ("t/ha", "kg/ha", "kg/m2", "g/m2", "t/mu", "kg/mu"),
        low=0.0,
    ),
)
HEIGHT_MEASURES = tuple(one for one in TREE_MEASURES if one.key in {"dbh", "height"})

_SUFFIXES = {
    "deg": "degree",
    "pct": "percent",
    "g_cm3": "g/cm3",
    "kg_m3": "kg/m3",
    "t_m3": "t/m3",
    "t_ha": "t/ha",
    "kg_ha": "kg/ha",
    "kg_m2": "kg/m2",
    "g_m2": "g/m2",
}
_SAME = {"%": "percent", "deg": "degree"}


@dataclass(frozen=True, slots=True)
class MeasureTable:
    """Rows with a column per measure that is there, named by its key."""

    rows: pd.DataFrame
    """Indexed by line. Other columns of the file follow as text, where asked for."""
    units: Mapping[str, str]
    """Of each measure that has one."""
    faults: tuple[TableError, ...]
    faulty: Mapping[str, str]
    """Why, by plot of which a row was left out."""
    notes: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class _Column:
    measure: Measure
    rule: ColumnRule
    is_there: bool


def read_measures(
    path: str | Path,
    measures: Sequence[Measure],
    *,
    roots: Sequence[Path],
    columns: Mapping[str, str],
    units: Mapping[str, str],
    keep_others: bool = False,
) -> MeasureTable:
    """Read a table of plots, trees or heights.

    Parameters
    ----------
    columns
        Headers of measures, by key, that the caller names; others are found by name.
    units
        Units that the caller declares, by key.
    keep_others
        Keep the columns that are no measure, as text.

    Raises
    ------
    TableError
        A column that is missing or misspelt (it names the nearest), there twice, or
        without a unit; a header that contradicts the declared unit; a row that cannot
        be told to a plot. A row that is wrong otherwise is among ``faults``, and its
        plot among ``faulty``.
    """
    file = Path(path)
    header = read_header(path, roots=roots)
    found = [
        _column(file, measure, header, columns.get(measure.key, ""), units)
        for measure in measures
    ]
    rules = [one.rule for one in found]
    match_columns(file, header, rules)
    if keep_others:
        taken = {rule.name for rule in rules}
        rules += [ColumnRule(one, "text") for one in header if one and one not in taken]
    table = read_table(path, roots=roots, columns=rules, key=())
    names = {one.rule.name: one.measure.key for one in found}
    rows = table.rows.rename(columns=names)
    if "plot_id" in rows:
        rows["plot_id"] = rows["plot_id"].map(normalised)
    absent = [one.measure.key for one in found if not one.is_there]
    return MeasureTable(
        rows=rows.drop(columns=absent),
        units={one.measure.key: one.rule.unit for one in found if one.measure.units},
        faults=table.rejected,
        faulty=_faulty(file, table, found, roots),
        notes=table.notes,
        digest=table.digest,
    )


def _column(
    file: Path,
    measure: Measure,
    header: Sequence[str],
    given: str,
    units: Mapping[str, str],
) -> _Column:
    place = _named(file, measure, header, given) if given else _found(measure, header)
    text = header[place] if place is not None else given
    stated = _stated_unit(text, measure) if place is not None else ""
    unit = _unit_of(file, measure, text, stated, units.get(measure.key, ""))
    rule = ColumnRule(
        name=text or _default_header(measure, unit),
        kind=measure.kind,
        unit=unit,
        required=measure.required or (bool(given) and place is None),
        low=measure.low,
    )
    return _Column(measure, rule, place is not None)


def _named(
    file: Path, measure: Measure, header: Sequence[str], given: str
) -> int | None:
    wanted = {split_unit(given)[0], given.strip().casefold()}
    fits = [
        place
        for place, text in enumerate(header)
        if text == given or split_unit(text)[0] in wanted
    ]
    fits = [place for place in fits if header[place] == given] or fits
    if len(fits) > 1:
        raise _ambiguous(file, measure, [header[place] for place in fits])
    return fits[0] if fits else None


def _found(measure: Measure, header: Sequence[str]) -> int | None:
    """Return the first column with the likeliest name."""
    bases = [_base(text, measure) for text in header]
    for name in measure.names:
        if name in bases:
            return bases.index(name)
    return None


def _base(text: str, measure: Measure) -> str:
    base = split_unit(text)[0]
    for suffix in _suffixes(measure):
        if base.endswith(f"_{suffix}"):
            return base.removesuffix(f"_{suffix}")
    return base


def _stated_unit(text: str, measure: Measure) -> str:
    base, unit = split_unit(text)
    if unit:
        return _SAME.get(unit, unit)
    for suffix, meaning in _suffixes(measure).items():
        if base.endswith(f"_{suffix}"):
            return meaning
    return ""


def _suffixes(measure: Measure) -> dict[str, str]:
    own = {unit: unit for unit in measure.units}
    return own | {s: unit for s, unit in _SUFFIXES.items() if unit in measure.units}


def _unit_of(
    file: Path, measure: Measure, text: str, stated: str, declared: str
) -> str:
    if not measure.units:
        return ""
    if stated and declared and stated != declared:
        raise _unit_error(
            file, measure, text, f"says {stated} but {declared} was declared"
        )
    unit = stated or declared or measure.default_unit
    if not (text or unit or measure.required):
        return ""
    if unit not in measure.units:
        said = f"is in {unit!r}" if unit else "says no unit"
        raise _unit_error(file, measure, text or measure.key, said)
    return unit


def _default_header(measure: Measure, unit: str) -> str:
    return f"{measure.names[0]}_{unit}" if unit else measure.names[0]


def _faulty(
    file: Path, table: Table, found: Sequence[_Column], roots: Sequence[Path]
) -> dict[str, str]:
    """Return the plots of the lines that were rejected, and what is wrong there."""
    plot = next((one.rule for one in found if one.measure.key == "plot_id"), None)
    if not table.rejected or plot is None:
        return {}
    every = read_table(file, roots=roots, columns=[plot], key=())
    if every.rejected:
        raise every.rejected[0]
    plots = every.rows[plot.name].map(normalised)
    reasons: dict[str, str] = {}
    for fault in table.rejected:
        line = int(fault.where["item"].removeprefix("line "))
        reasons.setdefault(plots[line], f"{fault.what} {fault.zh}")
    return dict(sorted(reasons.items()))


def _ambiguous(file: Path, measure: Measure, found: Sequence[str]) -> TableError:
    names = ", ".join(found)
    return TableError(
        f"{file.name} has several columns for {measure.key}: {names}.",
        zh=f"{file.name} 中有多列对应 {measure.key}：{names}。请指明用哪一列。",
        cure="Name the column in full.",
        file=file,
        field=measure.key,
        value=names,
    )


def _unit_error(file: Path, measure: Measure, text: str, said: str) -> TableError:
    known = ", ".join(measure.units)
    return TableError(
        f"The column {text!r} of {file.name} {said}; {measure.key} needs one of "
        f"{known}.",
        zh=f"{file.name} 的“{text}”列单位不明确："
        f"{measure.key} 的单位应为 {known} 之一，请写入表头或另行声明。",
        cure=f"Write the unit into the header, as in {measure.names[0]}_"
        f"{measure.units[0]}, or declare it.",
        file=file,
        field=measure.key,
        value=text,
        expected=known,
    )
