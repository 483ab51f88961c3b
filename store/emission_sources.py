"""Emission sources as delivered: tables of points, layers of points, lines and areas.

Row by row: what a row lacks or gets wrong is named with file, row, field and value, and
the others stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from geo.errors import InputError, TableError, VectorError
from geo.gcj02 import from_gcj02
from store.headers import ColumnRule
from store.parcel_checks import moved, usual_bounds
from store.table_values import MisreadError, Value, normalised, parsed
from store.tables import Table, parsed_rows, read_table
from store.vector_files import RawLayer, read_layer

Datum = Literal["wgs84", "cgcs2000", "gcj02"]
LONLAT = "EPSG:4326"
MOST_T_YR = 2e8
"""Five times the largest power station there is: above it, the unit is another one."""
_FAR_DEG = 50.0
"""A list of a whole country is welcome; another continent is a mistake."""
_TABLES = {".csv", ".tsv", ".txt"}
_FAMILIES = {0: "point", 4: "point", 1: "line", 5: "line", 3: "area", 6: "area"}

_ACTIVITY = (
    ColumnRule("fuel", "text"),
    ColumnRule("fuel_t", "number", unit="t/yr", low=0),
    ColumnRule("generation_gwh", "number", unit="GWh/yr", low=0),
    ColumnRule("capacity_mw", "number", unit="MW", low=0, high=50_000),
    ColumnRule("hours_yr", "number", unit="h/yr", low=0, high=8784),
    ColumnRule("factor_tco2e_mwh", "number", unit="t CO2e/MWh", low=0, high=2),
    ColumnRule("vehicles_day", "number", unit="vehicles/day", low=0, high=1e6),
    ColumnRule("vehicle_class", "text"),
    ColumnRule("length_km", "number", unit="km", low=0),
    ColumnRule("product", "text"),
    ColumnRule("product_t", "number", unit="t/yr", low=0),
)

COLUMNS = (
    ColumnRule("source_id", "text", required=True),
    ColumnRule("name", "text"),
    ColumnRule("name_zh", "text"),
    ColumnRule("sector", "text", required=True),
    ColumnRule("scope", "integer", low=1, high=3),
    ColumnRule("year", "year", required=True),
    ColumnRule("emission_tco2e_yr", "number", unit="t CO2e/yr", low=0, high=MOST_T_YR),
    ColumnRule("estimated", "flag"),
    *_ACTIVITY,
    ColumnRule("status", "text"),
    ColumnRule("reference", "text"),
    ColumnRule("simulated", "flag"),
)
"""What may be said of a source; a table of points has longitude and latitude too."""

_PLACE = (
    ColumnRule("longitude", "number", unit="degree", required=True, low=-180, high=180),
    ColumnRule("latitude", "number", unit="degree", required=True, low=-90, high=90),
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """What the region file says about one file of emission sources."""

    path: str
    datum: Datum
    """In which coordinates it is; web maps of China are shifted (GCJ-02)."""
    layer: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    """Our column = the file's."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Our column = what holds where the file says nothing."""
    keep_status: tuple[str, ...] = ()
    """Texts of ``status`` that count ("" for none); empty for all."""
    declared_crs: str | None = None
    encoding: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SourceRows:
    """Sources that passed, and what was said of the others.

    ``rows`` has the columns of ``COLUMNS``, ``item`` (row or feature of the file) and a
    geometry in the target CRS.
    """

    rows: gpd.GeoDataFrame
    rejected: tuple[InputError, ...]
    notes: tuple[str, ...]
    digest: str
    source: Path


def read_sources(
    told: SourceFile, *, data_root: Path, roots: Sequence[Path], target_crs: str
) -> SourceRows:
    """Read a CSV of points, or a layer of points, lines or areas.

    Raises
    ------
    UnsafePathError, TableError, VectorError
        When the file as a whole cannot be trusted: not what it says, without CRS,
        features of several kinds, nothing in it, a default that is no such value.
    """
    path = data_root / told.path
    if path.suffix.lower() in _TABLES:
        return _points(told, path, roots, target_crs)
    raw = read_layer(path, roots=roots, layer=told.layer, encoding=told.encoding)
    return _features(told, raw, target_crs)


def _rules(told: SourceFile, base: Sequence[ColumnRule]) -> tuple[ColumnRule, ...]:
    known = {rule.name for rule in base}
    for name in (*told.columns, *told.defaults):
        if name not in known:
            raise TableError(
                f"{told.path}: there is no column {name} of emission sources.",
                zh=f"{told.path}：排放源没有名为 {name} 的列，请改正配置。",
                cure=f"Columns: {', '.join(sorted(known))}.",
                file=told.path,
                field=name,
                expected=", ".join(sorted(known)),
            )
    return tuple(
        ColumnRule(
            rule.name,
            rule.kind,
            rule.unit,
            rule.required and rule.name not in told.defaults,
            rule.low,
            rule.high,
            (told.columns[rule.name],) if rule.name in told.columns else (),
        )
        for rule in base
    )


def _points(
    told: SourceFile, path: Path, roots: Sequence[Path], target_crs: str
) -> SourceRows:
    table = read_table(
        path, roots=roots, columns=_rules(told, (*COLUMNS, *_PLACE)), key=_key(told)
    )
    places = shapely.points(table.rows["longitude"], table.rows["latitude"])
    items = [f"line {number}" for number in table.rows.index]
    rows = table.rows.drop(columns=["longitude", "latitude"])
    found = _Found(rows, np.asarray(places, object), items, CRS(LONLAT), table.source)
    return _finished(told, found, table, target_crs)


def _features(told: SourceFile, raw: RawLayer, target_crs: str) -> SourceRows:
    _require_one_kind(raw)
    crs = _crs(told, raw)
    cells = raw.attributes.itertuples(index=False)
    written = [(n, [_written(cell) for cell in row]) for n, row in enumerate(cells, 1)]
    rows, faults, notes = parsed_rows(
        raw.source,
        [str(name) for name in raw.attributes.columns],
        written,
        columns=_rules(told, COLUMNS),
        key=_key(told),
    )
    table = Table(rows, tuple(faults), raw.digest, tuple(notes), raw.source)
    items = [f"feature {number}" for number in rows.index]
    shapes = raw.geometry[rows.index.to_numpy() - 1]
    found = _Found(rows, shapes, items, crs, raw.source)
    return _finished(told, found, table, target_crs)


def _key(told: SourceFile) -> tuple[str, ...]:
    whole = ("source_id", "year", "scope")
    return tuple(name for name in whole if name not in told.defaults)


def _written(cell: object) -> str:
    """Write a typed attribute as a table would; whole floats without their .0."""
    if cell is None or cell is pd.NA or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return str(cell)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Rows of a file with their geometries as they lie in it."""

    rows: pd.DataFrame
    shapes: NDArray[np.object_]
    items: list[str]
    crs: CRS
    source: Path


def _finished(
    told: SourceFile, found: _Found, table: Table, target_crs: str
) -> SourceRows:
    """Fill in defaults, leave out what is out of use, and bring rows to their place."""
    shapes = placed(found.shapes, found.crs, target_crs, datum=told.datum)
    near = in_reach(shapes, target_crs)
    wrong = [_problem(found, at, is_near=bool(near[at])) for at in range(len(shapes))]
    rows = _with_defaults(told, found.rows).assign(item=found.items)
    counts = np.ones(len(rows), bool)
    if told.keep_status:
        counts = rows["status"].isin(told.keep_status).to_numpy()
    sound = np.array([what is None for what in wrong], bool)
    kept = gpd.GeoDataFrame(
        rows.loc[sound & counts].reset_index(drop=True),
        geometry=shapes[sound & counts],
        crs=target_crs,
    )
    rejected = (*table.rejected, *(what for what in wrong if what is not None))
    said = [note for note in table.notes if not note.startswith("Optional column")]
    notes = [*said, *_notes(told, found, int((~counts).sum()))]
    return SourceRows(kept, rejected, tuple(notes), table.digest, found.source)


def _notes(told: SourceFile, found: _Found, unused: int) -> list[str]:
    notes = []
    if told.datum == "gcj02":
        notes.append(
            f"{found.source.name} is declared to be in GCJ-02: its places were shifted "
            "back by some hundred metres."
        )
    if unused:
        notes.append(
            f"{unused} rows of {found.source.name} have another status than "
            f"{', '.join(told.keep_status)} and do not count."
        )
    return notes


def _with_defaults(told: SourceFile, rows: pd.DataFrame) -> pd.DataFrame:
    filled = rows.copy()
    for rule in COLUMNS:
        if rule.name in told.defaults:
            value = _default(told, rule)
            absent = filled[rule.name].isna() | (filled[rule.name].astype("str") == "")
            filled[rule.name] = filled[rule.name].where(~absent, value)
    filled["scope"] = filled["scope"].fillna(1)
    return filled


def _default(told: SourceFile, rule: ColumnRule) -> Value:
    text = told.defaults[rule.name]
    try:
        value = parsed(normalised(text), rule.kind)
    except MisreadError as why:
        raise TableError(
            f"{told.path}: the default {rule.name} = {text!r} {why.reason}.",
            zh=f"{told.path}：默认值 {rule.name}={text!r} {why.zh}。",
            cure="Correct the default in the region file.",
            file=told.path,
            field=rule.name,
            value=text,
        ) from None
    return value


def placed(
    shapes: NDArray[np.object_], crs: CRS, target_crs: str, *, datum: Datum
) -> NDArray[np.object_]:
    """Bring geometries to ``target_crs``; from GCJ-02 by way of unshifted degrees.

    What cannot be brought there becomes infinite, not an error.
    """
    if datum != "gcj02":
        return moved(shapes, crs, target_crs)

    def back(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(from_gcj02(points[:, 0], points[:, 1]))

    unshifted = shapely.transform(moved(shapes, crs, LONLAT), back)
    return moved(unshifted, LONLAT, target_crs)


def _require_one_kind(raw: RawLayer) -> None:
    if len(raw.geometry) == 0:
        raise VectorError(
            f"{raw.source.name} has no emission source.",
            zh=f"排放源图层 {raw.source.name} 没有要素，请检查导出过程。",
            cure="Check how the layer was made.",
            file=raw.source,
        )
    numbers = shapely.get_type_id(raw.geometry)
    kinds = sorted({_FAMILIES.get(int(n), "other") for n in numbers if n >= 0})
    if len(kinds) > 1 or kinds == ["other"]:
        raise VectorError(
            f"{raw.source.name} mixes {' and '.join(kinds)} features.",
            zh=f"排放源图层 {raw.source.name} 混有多种几何类型（{'、'.join(kinds)}），"
            "请分层提交。",
            cure="Deliver points, lines and areas in layers of their own.",
            file=raw.source,
            field="geometry",
            value=", ".join(kinds),
            expected="one of point, line, area",
        )


def _crs(told: SourceFile, raw: RawLayer) -> CRS:
    if raw.crs is not None:
        return raw.crs
    if told.declared_crs:
        return CRS.from_user_input(told.declared_crs)
    raise VectorError(
        f"{raw.source.name} does not say in which CRS it is.",
        zh=f"排放源图层 {raw.source.name} 缺少坐标系，请补全或在配置中声明。",
        cure="Write its CRS into the file, or declare it in the region file.",
        file=raw.source,
        field="crs",
    )


def _problem(found: _Found, at: int, *, is_near: bool) -> VectorError | None:
    own = found.shapes[at]
    if own is None or own.is_empty or not own.is_valid:
        empty = own is None or own.is_empty
        reason = "empty" if empty else shapely.is_valid_reason(own)
        what = f"has a geometry that is not valid: {reason}"
        return _wrong(found, at, what, f"几何无效：{reason}")
    if is_near:
        return None
    x, y = shapely.get_coordinates(own)[0]
    prefix = None if found.crs.is_geographic else zone_prefix(float(x))
    hint = f"; the easting starts with the zone number {prefix}" if prefix else ""
    hint_zh = f"，东坐标带有带号 {prefix}" if prefix else ""
    return _wrong(
        found,
        at,
        f"lies at {x:.10g}, {y:.10g}, far outside the region's part of the world{hint}",
        f"位于 {x:.10g}, {y:.10g}，远在区域之外{hint_zh}，请检查坐标系或经纬度次序",
    )


def zone_prefix(easting_m: float) -> int | None:
    """Return the zone number that an easting such as 39,500,000 starts with."""
    number = int(easting_m // 1_000_000)
    return number if 13 <= number <= 45 else None


def in_reach(shapes: NDArray[np.object_], target_crs: str) -> NDArray[np.bool_]:
    """Say which geometries lie in the CRS's part of the world, 50 degrees around it."""
    boxes = shapely.bounds(moved(shapes, target_crs, LONLAT))
    west, south, east, north = usual_bounds(target_crs)
    with np.errstate(invalid="ignore"):
        inside = (boxes[:, 0] >= west - _FAR_DEG) & (boxes[:, 2] <= east + _FAR_DEG)
        inside &= (boxes[:, 1] >= south - _FAR_DEG) & (boxes[:, 3] <= north + _FAR_DEG)
    return np.asarray(inside & np.isfinite(boxes).all(axis=1))


def _wrong(found: _Found, at: int, what: str, zh: str) -> VectorError:
    source_id = found.rows["source_id"].iloc[at]
    return VectorError(
        f"Source {source_id} {what}.",
        zh=f"排放源 {source_id} {zh}。",
        cure="Correct the feature; it was left out.",
        file=found.source,
        field="geometry",
        item=found.items[at],
        value=source_id,
    )
