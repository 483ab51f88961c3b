"""Own layers about the land, raster or vector, on the region's grid row by row.

A layer that limits planting is trusted whole or not at all: a broken feature left out
would open land that is closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from geo.align import Source, sample, window
from geo.coverage import CoverageWeights
from geo.covered import covered_share
from geo.errors import RasterError, VectorError
from geo.grid import Grid
from geo.overlay import coverage_weights
from store.emission_sources import Datum, in_reach, placed, zone_prefix
from store.files import sha256_file
from store.safe import checked_path, open_raster
from store.vector_files import RawLayer, read_layer

Rows = NDArray[np.float32]
_RASTERS = {".tif", ".tiff", ".jp2"}
_POLYGONS, _SHOWN = (3, 6), 5


@dataclass(frozen=True, slots=True)
class LandFile:
    """What the region file says about one layer, and what it may hold."""

    name: str
    path: str
    low: float
    high: float
    """Limits of the values, in the layer's unit; vectors give shares of 0 to 1."""
    values: tuple[str, ...] = ()
    """Codes of a raster, or texts of ``field``, that count; empty for all."""
    field: str | None = None
    layer: str | None = None
    band: int = 1
    buffer_m: float = 0.0
    """Half the width of lines, or the radius about points."""
    resampling: Literal["nearest", "bilinear", "average"] = "nearest"
    datum: Datum = "wgs84"
    declared_crs: str | None = None
    encoding: str | None = None


class Land(Protocol):
    """A layer on the region's grid."""

    @property
    def digest(self) -> str: ...

    @property
    def meets_region(self) -> bool: ...

    def read(self, rows: slice) -> Rows:
        """Return ``(rows, width)`` in the layer's unit; NaN where it has no data."""
        ...


def open_land(
    told: LandFile, *, data_root: Path, roots: Sequence[Path], grid: Grid
) -> Land:
    """Open a layer: a GeoTIFF or JPEG 2000 by rows, a vector layer at once.

    Raises
    ------
    UnsafePathError, RasterError, VectorError
        When it cannot be trusted as a whole.
    """
    path = data_root / told.path
    if path.suffix.lower() in _RASTERS:
        return RasterLand(told, path, roots, grid)
    raw = read_layer(path, roots=roots, layer=told.layer, encoding=told.encoding)
    return VectorLand(raw.digest, _coverage(told, raw, grid))


class RasterLand:
    """A raster layer; every read is checked against the layer's limits."""

    def __init__(
        self, told: LandFile, path: Path, roots: Sequence[Path], grid: Grid
    ) -> None:
        self._told, self._roots, self._grid = told, roots, grid
        self._path = checked_path(path, roots=roots)
        self.digest = sha256_file(self._path)
        self.meets_region = True
        with open_raster(self._path, roots=roots) as source:
            crs = source.crs.to_string() if source.crs else told.declared_crs
            if crs is None or source.transform.is_identity:
                raise self._wrong(
                    f"has no {'georeference' if crs else 'CRS'}",
                    "缺少坐标系或地理定位信息",
                )
            self._source = Source(source.transform, crs, source.height, source.width)
        if window(grid, self._source) is None:
            raise self._wrong(
                "does not meet the region", "不在区域范围内，请检查坐标系"
            )

    def read(self, rows: slice) -> Rows:
        part = self._grid.window(rows, slice(0, self._grid.width))
        place = window(part, self._source)
        if place is None:
            return np.full(part.shape, np.nan, np.float32)
        values = self._values(place)
        corner = place[0].start, place[1].start
        found = sample(
            values,
            corner,
            self._source,
            part,
            method=self._told.resampling,
            nodata=np.nan,
        )
        return found.astype(np.float32)

    def _values(self, place: tuple[slice, slice]) -> Rows:
        told = self._told
        with open_raster(self._path, roots=self._roots) as source:
            box = tuple((part.start, part.stop) for part in place)
            raw = source.read(told.band, window=box)
            nodata = source.nodata
            scale, offset = source.scales[told.band - 1], source.offsets[told.band - 1]
        values = raw.astype(np.float32)
        missing = np.zeros(raw.shape, bool) if nodata is None else raw == nodata
        if told.values:
            codes = np.array([float(code) for code in told.values])
            values = np.isin(raw, codes).astype(np.float32)
        else:
            values = (values * scale + offset).astype(np.float32)
        values[missing] = np.nan
        self._require_possible(values)
        return np.asarray(values, np.float32)

    def _require_possible(self, values: Rows) -> None:
        low, high = self._told.low, self._told.high
        wrong = (values < low) | (values > high)
        if wrong.any():
            raise self._wrong(
                f"holds {values[wrong][0]:g}, outside {low:g} to {high:g}; is a nodata "
                "value not declared, or the unit another one?",
                f"含有 {values[wrong][0]:g}，超出 {low:g}–{high:g}，"
                "请声明无数据值或检查单位",
            )

    def _wrong(self, what: str, zh: str) -> RasterError:
        return RasterError(
            f"Layer {self._told.name} ({self._path.name}) {what}.",
            zh=f"图层 {self._told.name}（{self._path.name}）{zh}。",
            cure="Correct the file, or what the region file says of it.",
            file=self._path,
            layer=self._told.name,
        )


@dataclass(frozen=True, slots=True)
class VectorLand:
    """A vector layer as shares of cells."""

    digest: str
    weights: CoverageWeights

    @property
    def meets_region(self) -> bool:
        return len(self.weights.parcel_ids) > 0

    def read(self, rows: slice) -> Rows:
        return covered_share(self.weights, rows)


def _coverage(told: LandFile, raw: RawLayer, grid: Grid) -> CoverageWeights:
    shapes = _chosen(told, raw)
    crs = raw.crs or (
        CRS.from_user_input(told.declared_crs) if told.declared_crs else None
    )
    if crs is None:
        raise _wrong(told, raw, "does not say in which CRS it is", "缺少坐标系")
    _require_sound(told, raw, shapes)
    there = placed(shapes, crs, grid.crs, datum=told.datum)
    _require_in_reach(told, raw, shapes, there, grid.crs)
    if told.buffer_m > 0:
        there = shapely.buffer(there, told.buffer_m)
    kinds = set(shapely.get_type_id(there).tolist())
    if not kinds <= set(_POLYGONS):
        raise _wrong(
            told,
            raw,
            "has points or lines without a width",
            "含有点或线，但未给出宽度 buffer_m",
        )
    left, bottom, right, top = grid.bounds
    near = shapely.intersects(there, shapely.box(left, bottom, right, top))
    frame = gpd.GeoDataFrame(
        {"parcel_id": [str(n) for n in range(int(near.sum()))]},
        geometry=there[near],
        crs=grid.crs,
    )
    return coverage_weights(frame, grid)


def _chosen(told: LandFile, raw: RawLayer) -> NDArray[np.object_]:
    if len(raw.geometry) == 0:
        raise _wrong(told, raw, "has no feature", "没有要素（空图层）")
    if not told.values:
        return raw.geometry
    if told.field not in raw.attributes.columns:
        found = ", ".join(str(name) for name in raw.attributes.columns)
        raise _wrong(
            told,
            raw,
            f"has no field {told.field}, only {found}",
            f"没有字段 {told.field}，实有 {found}",
        )
    texts = raw.attributes[told.field].astype("str")
    return raw.geometry[texts.isin(told.values).to_numpy()]


def _require_sound(told: LandFile, raw: RawLayer, shapes: NDArray[np.object_]) -> None:
    present = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    bad = np.flatnonzero(~(present & shapely.is_valid(shapes)))
    if len(bad):
        named = ", ".join(str(n + 1) for n in bad[:_SHOWN])
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise _wrong(
            told,
            raw,
            f"has features that are not valid: {named}{more}",
            f"含有无效要素：第 {named} 个等共 {len(bad)} 个",
        )
    families = {int(k) % 3 if k < 3 else int(k) for k in shapely.get_type_id(shapes)}
    kinds = {
        "area" if k in {3, 6} else "point" if k in {0, 4} else "line" for k in families
    }
    if len(kinds) > 1:
        mixed = " and ".join(sorted(kinds))
        raise _wrong(told, raw, f"mixes {mixed} features", f"混有多种几何类型 {mixed}")


def _require_in_reach(
    told: LandFile,
    raw: RawLayer,
    shapes: NDArray[np.object_],
    there: NDArray[np.object_],
    crs: str,
) -> None:
    lost = ~in_reach(there, crs)
    if lost.any():
        x, y = shapely.get_coordinates(shapes[lost][0])[0]
        prefix = zone_prefix(float(x))
        hint = f"; the easting starts with the zone number {prefix}" if prefix else ""
        hint_zh = f"，东坐标带有带号 {prefix}" if prefix else ""
        raise _wrong(
            told,
            raw,
            f"has a feature at {x:.10g}, {y:.10g}, far outside the region's part of "
            f"the world{hint}",
            f"有要素位于 {x:.10g}, {y:.10g}，远在区域之外{hint_zh}",
        )


def _wrong(told: LandFile, raw: RawLayer, what: str, zh: str) -> VectorError:
    return VectorError(
        f"Layer {told.name} ({raw.source.name}) {what}.",
        zh=f"图层 {told.name}（{raw.source.name}）{zh}。请更正后再运行。",
        cure="Correct the layer, or what the region file says of it; it is used whole "
        "or not at all.",
        file=raw.source,
        layer=told.name,
    )
