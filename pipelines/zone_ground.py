"""The shapes that a request chooses among: parcels of a night, or blocks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from config.settings import Settings
from config.zone_request import ZoneRequest
from geo.errors import SettingsError, StoreError
from geo.grid import Grid
from models.siting.units import Flags
from pipelines.siting_land import Layer, Values
from pipelines.sources import roots_of
from store.land_layers import Land, LandFile, open_land
from store.published import RECORD, Published
from store.vectors import ParcelRules, read_field

MOST_BLOCKS = 2_000_000
"""More blocks than this are refused: they are finer than any plan."""
LEAST_TOUCH_M2 = 1.0
"""A zone that shares less than this with a parcel does not touch it."""
_MOST_TCO2E = 1e12


@dataclass(frozen=True, slots=True, eq=False)
class PublishedNight:
    """A night that was published: its parcels and what it says of itself."""

    folder: Path
    record: Mapping[str, Any]
    parcels: gpd.GeoDataFrame


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Planning units before anything is known of their land.

    ``shapes`` has ``parcel_id`` (the unit's id) and geometry in the grid's CRS.
    """

    night: PublishedNight
    shapes: gpd.GeoDataFrame
    is_blocks: bool

    def parcels_of(self, inside: Flags) -> tuple[str, ...]:
        """Return ids of the parcels that units are, or that blocks touch."""
        chosen = self.shapes[inside]
        if not self.is_blocks:
            return tuple(chosen["parcel_id"].tolist())
        parcels = self.night.parcels
        tree = shapely.STRtree(parcels.geometry.to_numpy())
        whole = shapely.union_all(chosen.geometry.to_numpy())
        near = np.sort(tree.query(whole, predicate="intersects"))
        shared = shapely.intersection(parcels.geometry.to_numpy()[near], whole)
        touched = near[shapely.area(shared) >= LEAST_TOUCH_M2]
        return tuple(parcels["parcel_id"].iloc[touched].tolist())

    def parcel_at(self) -> NDArray[np.int64]:
        """Return the row of the parcel under the middle of each unit, -1 for none."""
        if not self.is_blocks:
            return np.arange(len(self.shapes))
        tree = shapely.STRtree(self.night.parcels.geometry.to_numpy())
        middle = shapely.centroid(self.shapes.geometry.to_numpy())
        unit, parcel = tree.query(middle, predicate="intersects")
        found = np.full(len(self.shapes), -1, np.int64)
        found[unit[::-1]] = parcel[::-1]  # the first parcel of several
        return found


def published_night(settings: Settings, night: date | None) -> PublishedNight:
    """Open the night asked for, or the latest.

    Raises
    ------
    SettingsError
        The region has no such night.
    StoreError
        What was published has changed since.
    """
    root = settings.published_root
    link = root / (f"{night}/current" if night else "latest")
    if not link.exists():
        raise _no_night(settings, night)
    folder = link.resolve()
    day = date.fromisoformat(folder.parent.name)
    if Published(root).find(day, folder.name) is None:
        raise StoreError(
            f"The published night {day} has changed since it was published.",
            zh=f"已发布的监测夜 {day} 文件已被改动，请重新运行该夜后再规划。",
            cure="Run the night again.",
            file=folder.name,
        )
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    parcels = gpd.read_parquet(folder / "parcels.parquet")
    return PublishedNight(folder, record, parcels)


def ground_of(night: PublishedNight, request: ZoneRequest, grid: Grid) -> Ground:
    """Return the units that a request asks for.

    Raises
    ------
    SettingsError
        Blocks that are no multiple of the grid's cells, or too many.
    """
    if request.units == "parcels":
        return Ground(night, night.parcels[["parcel_id", "geometry"]], is_blocks=False)
    return Ground(night, blocks(grid, block_m=request.block_m), is_blocks=True)


def blocks(grid: Grid, *, block_m: float) -> gpd.GeoDataFrame:
    """Cut a grid in square blocks from its top left corner, row by row.

    They are named by row and column, "r0012c0345"; the last ones end with the grid.

    Raises
    ------
    SettingsError
        ``block_m`` is no whole number of cells, or there would be too many blocks.
    """
    cells = round(block_m / grid.cell_m)
    if cells < 1 or abs(cells * grid.cell_m - block_m) > 1e-6 * grid.cell_m:
        nearest = max(cells, 1) * grid.cell_m
        raise _wrong_blocks(
            f"block_m = {block_m:g} is no multiple of the cells of {grid.cell_m:g} m.",
            f"block_m = {block_m:g} 不是像元 {grid.cell_m:g} 米的整数倍，"
            f"请改为 {nearest:g}。",
            f"Use {nearest:g}.",
            block_m,
        )
    rows, columns = -(-grid.height // cells), -(-grid.width // cells)
    if rows * columns > MOST_BLOCKS:
        coarser = np.ceil(np.sqrt(grid.width * grid.height / MOST_BLOCKS))
        raise _wrong_blocks(
            f"block_m = {block_m:g} makes {rows * columns:,} blocks; at most "
            f"{MOST_BLOCKS:,} are planned with.",
            f"block_m = {block_m:g} 将产生 {rows * columns:,} 个规划块，"
            f"上限为 {MOST_BLOCKS:,} 个，请至少取 {coarser * grid.cell_m:g}。",
            f"Use {coarser * grid.cell_m:g} or more.",
            block_m,
        )
    row, column = (axis.ravel() for axis in np.indices((rows, columns)))
    left = grid.left + column * block_m
    top = grid.top - row * block_m
    _, bottom, right, _ = grid.bounds
    shapes = shapely.box(
        left, np.maximum(top - block_m, bottom), np.minimum(left + block_m, right), top
    )
    names = [f"r{r:04d}c{c:04d}" for r, c in zip(row, column, strict=True)]
    return gpd.GeoDataFrame({"parcel_id": names}, geometry=shapes, crs=grid.crs)


def exposure_layer(settings: Settings, night: PublishedNight) -> "Tiles":
    """Open the night's map of exposure, t CO2e/yr.

    Raises
    ------
    StoreError
        The night published none.
    """
    used = [one for one in night.record["layers"] if one["layer"] == "exposure"]
    if not used:
        raise StoreError(
            "The published night has no map of exposure.",
            zh="已发布的监测夜没有排放暴露图层，请重新运行该夜，"
            '或改用 units = "parcels"。',
            cure='Run the night again, or ask for units = "parcels".',
            file=night.folder.name,
        )
    grid = settings.region.grid.grid()
    roots = [night.folder]
    told = [LandFile("emission_exposure", one["file"], 0, _MOST_TCO2E) for one in used]
    tiles = [open_land(o, data_root=night.folder, roots=roots, grid=grid) for o in told]
    return Tiles(tuple(tiles))


@dataclass(frozen=True, slots=True)
class Tiles:
    """One layer from the files of its tiles."""

    tiles: tuple[Land, ...]

    def read(self, rows: slice) -> Values:
        found = self.tiles[0].read(rows)
        for tile in self.tiles[1:]:
            found = np.where(np.isnan(found), tile.read(rows), found)
        return np.asarray(found, np.float32)


_: type[Layer] = Tiles


def townships(settings: Settings, request: ZoneRequest, ground: Ground) -> list[str]:
    """Return the township of each unit, "" for none; of blocks, that of their middle.

    Raises
    ------
    VectorError
        The parcel layer has no such field.
    """
    if request.township_field is None:
        return [""] * len(ground.shapes)
    told = settings.region.parcels
    by_id = read_field(
        settings.data_root / told.path,
        request.township_field,
        roots=roots_of(settings),
        rules=ParcelRules(told.id_field, layer=told.layer, encoding=told.encoding),
    )
    ids = ground.night.parcels["parcel_id"].tolist()
    names = [by_id.get(one, "") for one in ids] + [""]
    return [names[at] for at in ground.parcel_at()]


def _wrong_blocks(what: str, zh: str, cure: str, value: float) -> SettingsError:
    return SettingsError(what, zh=zh, cure=cure, field="block_m", value=value)


def _no_night(settings: Settings, night: date | None) -> SettingsError:
    root, name = settings.published_root, settings.region.name
    there = sorted(path.parent.name for path in root.glob("*/current"))
    listed = ", ".join(there) or "none"
    asked = f"night {night}" if night else "night"
    return SettingsError(
        f"Region {name} has no published {asked}; there are: {listed}.",
        zh=f"区域 {name} 没有已发布的监测夜{night or ''}（现有：{listed}）。"
        f"请先运行 forestsink run nightly --region {name}。",
        cure=f"Run `forestsink run nightly --region {name}` first.",
        field="night",
        value=night or "latest",
    )
