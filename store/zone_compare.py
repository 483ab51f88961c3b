"""Two answers side by side: what is in both, what in one only, and what each gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.errors import StoreError
from geo.grid import Grid
from geo.layers import LAYERS
from store.catalog import damages, read_manifest
from store.keys import digest_of
from store.numbers import MINUS, MISSING, general, rounded
from store.rasters import read_overview
from store.zone_rasters import ELIGIBLE, FOLDER
from store.zone_record import AnswerRecord, Frozen
from store.zone_sheet import PICTURE_CELLS, Land, land_of

Where = Literal["both", "only_a", "only_b"]
WHERE: Mapping[Where, tuple[str, str, str]] = {
    "both": ("In both", "两方案共有", "#54278f"),
    "only_a": ("Only in A", "仅方案A", "#e6550d"),
    "only_b": ("Only in B", "仅方案B", "#3182bd"),
}
"""English, Chinese and colour."""


class Part(Frozen):
    """Land that both answers choose, or one of them only."""

    where: Where
    area_ha: float
    cost_cny: float | None
    uptake_tco2: float | None
    """Of its units, to the horizon; None where the answers differ in their units or
    their horizon. Cost and uptake are A's, of what only B chooses B's."""


class CompareRecord(Frozen):
    """What two answers have in common, and how they differ."""

    compare_id: str
    a: AnswerRecord
    b: AnswerRecord
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    notes_zh: tuple[str, ...]

    @property
    def years(self) -> tuple[int, ...]:
        """The years that both tell their uptake for."""
        there = {one.year for one in self.b.uptake}
        return tuple(one.year for one in self.a.uptake if one.year in there)


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """An answer as its folder holds it."""

    record: AnswerRecord
    zones: gpd.GeoDataFrame
    units: gpd.GeoDataFrame
    folder: Path


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The record, and the land in both and in one only, as ``record.parts``."""

    record: CompareRecord
    parts: gpd.GeoDataFrame
    zones: tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]
    land: Land


def read_stored(folder: Path) -> Stored:
    """Read an answer back.

    Raises
    ------
    StoreError
        The folder holds no answer, or one that has changed since.
    """
    manifest = read_manifest(folder)
    if manifest is None or "answer_id" not in manifest:
        raise _no_answer(folder, "holds no answer", "不是规划结果目录")
    for damage in damages(folder, manifest["files"]):
        raise _no_answer(
            folder,
            f"has changed: {damage.file.name}",
            f"已被改动（{damage.file.name}）",
        )
    text = (folder / "zones.json").read_text(encoding="utf-8")
    try:
        record = AnswerRecord.model_validate_json(text)
    except ValueError:
        raise _no_answer(
            folder, "is of another version", "由其他版本生成，无法比较"
        ) from None
    zones = gpd.read_file(folder / "zones.gpkg", layer="zones")
    units = gpd.read_file(folder / "zones.gpkg", layer="units")
    return Stored(record, zones, units, folder)


def compared(a: Stored, b: Stored) -> Comparison:
    """Lay two answers over one another.

    Raises
    ------
    StoreError
        They are of different regions.
    """
    if a.record.region != b.record.region:
        raise StoreError(
            f"The answers are of {a.record.region} and {b.record.region}.",
            zh=f"两个方案属于不同区域：{a.record.region} 与 {b.record.region}，"
            "请比较同一区域的方案。",
            cure="Compare answers of one region.",
            file=b.folder.name,
            value=b.record.region,
        )
    first, second = (shapely.union_all(one.zones.geometry.to_numpy()) for one in (a, b))
    shapes: dict[Where, BaseGeometry] = {
        "both": _areas(shapely.intersection(first, second)),
        "only_a": _areas(shapely.difference(first, second)),
        "only_b": _areas(shapely.difference(second, first)),
    }
    parts = tuple(_part(where, shape, a, b) for where, shape in shapes.items())
    notes = _notes(a.record, b.record)
    record = CompareRecord(
        compare_id=digest_of([a.record.answer_id, b.record.answer_id])[:12],
        a=a.record,
        b=b.record,
        parts=parts,
        notes=tuple(english for english, _ in notes),
        notes_zh=tuple(chinese for _, chinese in notes),
    )
    rows = [one.model_dump() for one in parts]
    table = gpd.GeoDataFrame(rows, geometry=list(shapes.values()), crs=a.zones.crs)
    return Comparison(record, table, (a.zones, b.zones), _land(a.folder))


def _areas(shape: BaseGeometry) -> BaseGeometry:
    """Leave out lines and points in which zones touch."""
    parts = [p for p in shapely.get_parts(shape) if p.geom_type == "Polygon"]
    return shapely.multipolygons(parts) if parts else shapely.MultiPolygon()


def _part(where: Where, shape: BaseGeometry, a: Stored, b: Stored) -> Part:
    area = float(shape.area) / 10_000
    if not _same_units(a, b):
        return Part(where=where, area_ha=area, cost_cny=None, uptake_tco2=None)
    in_a, in_b = (one.units["zone_rank"].to_numpy() > 0 for one in (a, b))
    chosen = {"both": in_a & in_b, "only_a": in_a & ~in_b, "only_b": in_b & ~in_a}
    units = (b if where == "only_b" else a).units[chosen[where]]
    same = a.record.horizon == b.record.horizon
    return Part(
        where=where,
        area_ha=area,
        cost_cny=float(units["cost_cny"].sum()),
        uptake_tco2=float(units["uptake_tco2"].sum()) if same else None,
    )


def _same_units(a: Stored, b: Stored) -> bool:
    ids = [one.units["parcel_id"].to_numpy(dtype=str) for one in (a, b)]
    return a.record.run_id == b.record.run_id and np.array_equal(*ids)


def _notes(a: AnswerRecord, b: AnswerRecord) -> list[tuple[str, str]]:
    notes = []
    if a.weights != b.weights:
        notes.append(
            (
                "The weights differ: benefits are each by its own, and not comparable.",
                "两方案权重不同：效益各按自身权重计算，不可直接比较。",
            )
        )
    if a.run_id != b.run_id:
        notes.append(
            (
                f"They build on different nights: {a.night} and {b.night}.",
                f"两方案所依据的监测夜不同：{a.night} 与 {b.night}。",
            )
        )
    if a.horizon != b.horizon:
        notes.append(
            (
                f"Their horizons differ: {a.horizon} and {b.horizon}.",
                f"两方案目标年不同：{a.horizon} 与 {b.horizon}。",
            )
        )
    notes.append(
        (
            "Errors of growth are shared by both, so the difference of uptakes is "
            "surer than either; its limits are not given.",
            "两方案的生长误差相同，因此固碳量之差比各自的数值更可靠；未给出其区间。",
        )
    )
    return notes


def _land(folder: Path) -> Land:
    path = folder / FOLDER / f"{ELIGIBLE}.tif"
    with rasterio.open(path, driver="GTiff") as source:
        left, top = source.transform.c, source.transform.f
        grid = Grid(
            source.crs.to_string(),
            left,
            top,
            source.transform.a,
            source.width,
            source.height,
        )
    step = max(1, -(-max(grid.shape) // PICTURE_CELLS))
    size = -(-grid.height // step), -(-grid.width // step)
    code: NDArray[np.uint8] = read_overview(path, 1, size).astype(np.uint8)
    return land_of(code, LAYERS[ELIGIBLE], grid)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what, in which unit, of A, of B, and B less A."""

    name: tuple[str, str]
    """Chinese and English."""
    unit: str
    a: str
    b: str
    difference: str


def table_rows(record: CompareRecord) -> list[Row]:
    """Return the table of what the answers come to."""
    a, b = record.a, record.b
    rows = [
        _row(("优先区", "Zones"), "", len(a.zones), len(b.zones), 0),
        _row(("面积", "Area"), "ha", a.area_ha, b.area_ha, 2),
    ]
    same = a.weights == b.weights
    rows.append(_benefit(a.benefit, b.benefit, comparable=same))
    rows.append(_row(("造林成本", "Cost"), "CNY", a.cost_cny, b.cost_cny, 0))
    for year in record.years:
        one, other = (next(u for u in side.uptake if u.year == year) for side in (a, b))
        rows.append(
            Row(
                (f"至{year}年固碳", f"Uptake by {year}"),
                "t CO2",
                f"{_limits(one.total_tco2, one.low_tco2, one.high_tco2)}",
                f"{_limits(other.total_tco2, other.low_tco2, other.high_tco2)}",
                _signed(other.total_tco2 - one.total_tco2, 0),
            )
        )
    per_t = _per_tonne(a), _per_tonne(b)
    rows.append(_row(("单位成本", "Cost per t CO2"), "CNY/t CO2", *per_t, 1))
    gaps = a.certificate.gap_pct, b.certificate.gap_pct
    rows.append(_row(("最优性差距 ≤", "Certified gap ≤"), "%", *gaps, 4))
    return rows


def _benefit(a: float, b: float, *, comparable: bool) -> Row:
    name, unit = ("效益", "Benefit"), "score x ha"
    apart = _signed(b - a, 3) if comparable else MISSING
    return Row(name, unit, general(a), general(b), apart)


def _per_tonne(record: AnswerRecord) -> float:
    last = next(one for one in record.uptake if one.year == record.horizon)
    return record.cost_cny / last.total_tco2


def _row(name: tuple[str, str], unit: str, a: float, b: float, decimals: int) -> Row:
    return Row(
        name,
        unit,
        rounded(a, decimals),
        rounded(b, decimals),
        _signed(b - a, decimals),
    )


def _limits(value: float, low: float, high: float) -> str:
    return f"{rounded(value, 0)} ({rounded(low, 0)}–{rounded(high, 0)})"


def _signed(value: float, decimals: int) -> str:
    text = rounded(value, decimals)
    return text if text.startswith(MINUS) or not text.strip("0.,") else f"+{text}"


def _no_answer(folder: Path, what: str, zh: str) -> StoreError:
    return StoreError(
        f"{folder.name} {what}.",
        zh=f"{folder.name} {zh}，请重新生成该方案。",
        cure="Make the answer again with `forestsink zones --request`.",
        file=folder.name,
    )
