"""Checks of parcels one by one: what is wrong with each, and which may stay."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geo.errors import InputError, VectorError
from store.vector_files import RawLayer, problem

MAX_VERTICES = 100_000
"""What a parcel may have. Whether a ring crosses itself takes GEOS the square of that:
2 s for a ragged outline of this many, half a minute for one of 10^6."""
_OUTSIDE_MARGIN_DEG = 6.0

Bounds = tuple[float, float, float, float]
"""West, south, east, north."""


@dataclass(slots=True)
class Sieve:
    """Which features are still in, and why the others are not."""

    source: Path
    ids: list[str]
    is_kept: NDArray[np.bool_]
    rejected: dict[int, InputError] = field(default_factory=dict)
    """By row of the file."""

    def reject(self, row: int, what: str, *, zh: str, cure: str) -> None:
        """Take a feature out; its first reason stands."""
        if not self.is_kept[row]:
            return
        self.is_kept[row] = False
        name = self.ids[row] or f"feature {row + 1}"
        self.rejected[row] = problem(
            f"Parcel {name} {what}.",
            zh=f"小班 {name}：{zh}。",
            cure=cure,
            file=self.source,
            item=name,
        )

    def reasons(self) -> tuple[InputError, ...]:
        """Return why features are out, in the order of the file."""
        return tuple(self.rejected[row] for row in sorted(self.rejected))


def transformer(source: CRS | str, target: CRS | str) -> Transformer:
    """Make the one kind of transformer there is: x is east or longitude, always."""
    return Transformer.from_crs(source, target, always_xy=True)


def moved(
    geometry: NDArray[np.object_], source: CRS | str, target: CRS | str
) -> NDArray[np.object_]:
    """Reproject vertices; what cannot be reprojected becomes infinite, not an error."""
    move = transformer(source, target)

    def both(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(move.transform(points[:, 0], points[:, 1]))

    shapes: NDArray[np.object_] = shapely.transform(geometry, both)
    return shapes


def usual_bounds(target_crs: str) -> Bounds:
    area = CRS.from_user_input(target_crs).area_of_use
    if area is None:
        return -180.0, -90.0, 180.0, 90.0
    margin = _OUTSIDE_MARGIN_DEG
    west, south, east, north = area.bounds
    return west - margin, south - margin, east + margin, north + margin


def sift_ids(sieve: Sieve) -> None:
    counts = Counter(name for name in sieve.ids if name)
    repeated = sorted(name for name, count in counts.items() if count > 1)
    if repeated:
        shown = ", ".join(repeated[:10]) + (" ..." if len(repeated) > 10 else "")
        raise problem(
            f"{len(repeated)} parcel ids of {sieve.source.name} are used more than "
            f"once: {shown}.",
            zh=f"{sieve.source.name} 有 {len(repeated)} 个小班号重复：{shown}。"
            "请修正编号。",
            cure="Give every parcel its own id.",
            file=sieve.source,
            field="id",
            value=shown,
        )
    for row, name in enumerate(sieve.ids):
        if not name:
            sieve.reject(row, "has no id", zh="没有小班号", cure="Give it an id.")


def sift_geometry(sieve: Sieve, raw: RawLayer) -> None:
    polygonal = np.isin(shapely.get_type_id(raw.geometry), (3, 6))
    vertices = shapely.get_num_coordinates(raw.geometry)
    valid = _valid(raw.geometry, polygonal & (vertices <= MAX_VERTICES))
    for row in np.flatnonzero(~valid):
        _reject_shape(sieve, int(row), raw)
    for row in np.flatnonzero(shapely.is_empty(raw.geometry)):
        _reject_shape(sieve, int(row), raw)


def _valid(
    geometry: NDArray[np.object_], wanted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which geometries are valid; those not ``wanted`` are not looked at."""
    valid = wanted.copy()
    valid[wanted] = shapely.is_valid(geometry[wanted])
    return valid


def _reject_shape(sieve: Sieve, row: int, raw: RawLayer) -> None:
    shape = raw.geometry[row]
    redraw = "Correct the parcel in QGIS (Vector > Geometry Tools > Check Validity)."
    if raw.is_unreadable[row]:
        what = "has a broken geometry, such as a ring that is not closed"
        sieve.reject(row, what, zh="几何损坏（如环未闭合）", cure=redraw)
    elif shape is None or shape.is_empty:
        what = "has no geometry, or one too broken to read (a ring not closed)"
        zh = "没有几何图形，或几何损坏（如环未闭合）"
        sieve.reject(row, what, zh=zh, cure="Draw it again, or delete the row.")
    elif shape.geom_type not in {"Polygon", "MultiPolygon"}:
        what = f"is a {shape.geom_type}, not a polygon"
        cure = "Deliver parcels as polygons, other features in another layer."
        sieve.reject(row, what, zh=f"几何类型为 {shape.geom_type}，不是面", cure=cure)
    elif shapely.get_num_coordinates(shape) > MAX_VERTICES:
        count = int(shapely.get_num_coordinates(shape))
        what = f"has {count:,} vertices, more than {MAX_VERTICES:,}"
        zh = f"节点过多（{count:,}，上限 {MAX_VERTICES:,}），请简化或拆分"
        cure = "Simplify it (QGIS: Vector > Geometry Tools > Simplify), or cut it."
        sieve.reject(row, what, zh=zh, cure=cure)
    else:
        reason = shapely.is_valid_reason(shape)
        what = f"is not a valid polygon: {reason}"
        sieve.reject(row, what, zh=f"几何无效：{reason}", cure=redraw)


def sift_places(
    sieve: Sieve, geometry: NDArray[np.object_], crs: CRS, bounds: Bounds
) -> None:
    """Reject parcels outside ``bounds``; if that is all of them, the layer is wrong."""
    boxes = shapely.bounds(moved(geometry, crs, "EPSG:4326"))
    west, south, east, north = bounds
    meets = (
        np.isfinite(boxes).all(axis=1)
        & (boxes[:, 0] <= east)
        & (boxes[:, 2] >= west)
        & (boxes[:, 1] <= north)
        & (boxes[:, 3] >= south)
    )
    if sieve.is_kept.any() and not meets[sieve.is_kept].any():
        raise _elsewhere(sieve, geometry[sieve.is_kept], crs, bounds)
    for row in np.flatnonzero(sieve.is_kept & ~meets):
        sieve.reject(
            int(row),
            f"lies outside the region, at {_place(geometry[row])}",
            zh=f"位于区域之外（{_place(geometry[row])}）",
            cure="Correct its coordinates, or widen the bounds of the region.",
        )


def _place(shape: shapely.Geometry) -> str:
    return ", ".join(f"{value:.6g}" for value in shapely.bounds(shape))


def _elsewhere(
    sieve: Sieve, geometry: NDArray[np.object_], crs: CRS, bounds: Bounds
) -> VectorError:
    west, south, east, north = shapely.total_bounds(geometry)
    hint, zh = "Check the CRS and the order of coordinates.", "请检查坐标系与坐标顺序"
    if crs.is_geographic and _meets((south, west, north, east), bounds):
        hint = "Longitude and latitude are swapped: x must be the longitude."
        zh = "经纬度顺序颠倒，x 应为经度"
    elif crs.is_projected and 13e6 <= west <= 46e6:
        hint = f"Eastings begin with zone number {west // 1e6:.0f}: declare that CRS."
        zh = f"东坐标带有带号 {west // 1e6:.0f}，请使用带带号的坐标系"
    found = f"{west:.6g}, {south:.6g}, {east:.6g}, {north:.6g}"
    expected = ", ".join(f"{value:.6g}" for value in bounds)
    return problem(
        f"No parcel of {sieve.source.name} lies where parcels are expected.",
        zh=f"{sieve.source.name} 的小班全部落在预期范围之外：{zh}。",
        cure=hint,
        file=sieve.source,
        value=f"{found} ({crs.name})",
        expected=f"{expected} degrees",
    )


def _meets(box: Bounds, other: Bounds) -> bool:
    return bool(shapely.intersects(shapely.box(*box), shapely.box(*other)))


def sift_moved(sieve: Sieve, shapes: NDArray[np.object_]) -> None:
    finite = np.isfinite(shapely.bounds(shapes)).all(axis=1)
    for row in np.flatnonzero(sieve.is_kept & ~_valid(shapes, sieve.is_kept & finite)):
        sieve.reject(
            int(row),
            f"does not survive reprojection: {shapely.is_valid_reason(shapes[row])}",
            zh="投影后几何无效",
            cure="Correct the parcel near that point.",
        )
