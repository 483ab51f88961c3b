"""A season of simulated scenes on one tile, and all else that a night needs.

SIMULATED, all of it, and made from a seed: six scenes of one season, the last of them
newly arrived, a seventh that covers a quarter of the tile, three of the season before
to learn from, a tree-cover raster, parcels and emission sources.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import rasterio
from ground import Codes, Field, make_ground, tree_cover_pct
from pyproj import Transformer
from scenes import (
    ADD_OFFSET,
    BANDS,
    Numbers,
    Take,
    created,
    grids,
    speckle,
    strips,
    write_rows,
    write_scene,
)
from simulated import grid_of, mosaic

from geo.grid import Grid
from geo.layers import REFLECTANCE
from store.twin_stac import Item, write_catalogue, write_item

BASELINE_YEAR = 2023
BY_YEAR = {
    2023: ((6, 20, 0.13), (7, 25, 0.20), (8, 20, 0.16)),
    2024: (
        *((6, 12, 0.14), (6, 27, 0.28), (7, 12, 0.19)),
        *((7, 30, 0.24), (8, 10, 0.12), (8, 24, 0.17)),
    ),
}
"""Month, day and clouded share of every scene that covers the whole tile."""
NEWEST, QUARTER = date(2024, 8, 24), date(2024, 8, 25)
NIGHTS = {
    "before": NEWEST,
    "newest": NEWEST + timedelta(days=1),
    "quarter": QUARTER + timedelta(days=1),
}
"""A night sees what was taken before its date: five scenes, six, and the quarter."""

REFERENCE_SD_PCT = 18.0
"""How far the tree-cover raster is off: it was mapped, not measured."""
SEEN_AT = time(2, 52, 31, tzinfo=UTC)
GDAL_CACHE_BYTES = 128 * 2**20
PLANTS = 20

_REGION = """\
name = "benchmark"
title = "Benchmark tile, simulated"
title_zh = "基准测试图幅（模拟）"
data_root = "inputs"
simulated = ["everything 全部数据"]

[grid]
crs = "{grid.crs}"
left = {grid.left}
top = {grid.top}
cell_m = {grid.cell_m}
width = {grid.width}
height = {grid.height}

[[scenes]]
kind = "stac"
name = "sentinel-2"
href = "catalog.json"
mask_asset = "scl"

[scenes.bands]
{bands}

[parcels]
path = "parcels.gpkg"
layer = "parcels"
id_field = "parcel_id"
name_field = "name_zh"
simulated = true

[sources]
path = "sources.csv"
simulated = true

[season]
start = "06-01"
stop = "10-01"
min_clear = 2

[model]
tree_cover = "tree_cover.tif"
year = {year}
block_m = 1000

[biomass]
zone = "subtropical_mountain"
root_shoot = "asia_subtropical_humid"

[change]
baseline_year = {year}
"""


def takes() -> tuple[Take, ...]:
    """Return every scene of the two seasons."""
    told = [
        (date(year, month, day), clouded)
        for year, scenes in BY_YEAR.items()
        for month, day, clouded in scenes
    ]
    whole = [Take(day, clouded, n) for n, (day, clouded) in enumerate(told)]
    return (*whole, Take(QUARTER, 0.15, len(whole), is_quarter=True))


def make_season(folder: Path, side: int, parcels_side: int) -> Path:
    """Write a season on ``side`` x ``side`` cells and return its region file.

    ``side`` is a multiple of four: bands of 20 m have half of it, a quarter half again.
    """
    if side % 4:
        raise ValueError(f"The side has to be a multiple of four, got {side}.")
    inputs = folder / "inputs"
    inputs.mkdir(parents=True)
    grid = grid_of(side)
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES):
        _write_scenes(inputs, grid)
    parcels = mosaic(parcels_side, grid)
    parcels["name_zh"] = "模拟小班 simulated"
    parcels.to_file(inputs / "parcels.gpkg", layer="parcels", driver="GPKG")
    _write_plants(inputs / "sources.csv", grid)
    region = folder / "region.toml"
    region.write_text(region_text(grid), encoding="utf-8")
    return region


def region_text(grid: Grid) -> str:
    """Return the region file: one tile, and every band that the program knows."""
    return _REGION.format(
        grid=grid,
        bands="\n".join(f'{band.name} = "{band.name}"' for band in REFLECTANCE),
        year=BASELINE_YEAR,
    )


def _write_scenes(root: Path, grid: Grid) -> None:
    noise = speckle(grid.width)
    items = [item for year in BY_YEAR for item in _write_year(root, grid, year, noise)]
    write_catalogue(root, items)


def _write_year(
    root: Path, grid: Grid, year: int, noise: list[Numbers]
) -> Iterator[Item]:
    """Write the scenes of one season; its ground is gone before the next is made."""
    codes = make_ground(grid.width, is_cleared=year != BASELINE_YEAR)
    names = {key: name for key, (name, _) in BANDS.items()}
    if year == BASELINE_YEAR:
        _write_reference(root / "tree_cover.tif", codes, grid)
    for take in takes():
        if take.day.year == year:
            write_scene(root, take, codes, noise)
            item = _item(take, grid)
            write_item(root, item, grids(grid), names)
            yield item


def _item(take: Take, grid: Grid) -> Item:
    sensed = datetime.combine(take.day, SEEN_AT)
    left, bottom, right, top = grid.bounds
    if take.is_quarter:
        right, bottom = (left + right) / 2, (bottom + top) / 2
    corners = ((left, bottom), (right, bottom), (right, top), (left, top))
    return Item(
        item_id=take.item_id,
        sensed=sensed,
        made=sensed + timedelta(hours=9),
        platform=f"sentinel-2{'b' if take.is_quarter else 'a'}",
        orbit=46 if take.is_quarter else 3,
        tile="SIM01",
        baseline="05.10",
        datastrip=f"SIMULATED_S{sensed:%Y%m%dT%H%M%S}_N05.10",
        add_offset=ADD_OFFSET,
        cloud_pct=round(100 * take.clouded, 1),
        sun_zenith_deg=25.0,
        sun_azimuth_deg=130.0,
        ring=[_lonlat(grid.crs, *corner) for corner in (*corners, corners[0])],
    )


def _write_reference(path: Path, codes: Codes, grid: Grid) -> None:
    """Write the tree cover of the training season, with the error of a map."""
    side = grid.width
    off = Field.make(side, 16.0, 50)
    with created(path, grids(grid)["scl"], nodata=255) as target:
        for rows in strips(side):
            cover = tree_cover_pct(codes[rows])
            mean = (cover[::2, ::2] + cover[1::2, 1::2]) / 2
            mean += REFERENCE_SD_PCT * off.at(rows, slice(0, side), step=2)
            write_rows(target, rows.start // 2, np.rint(np.clip(mean, 0, 100)))


def _write_plants(path: Path, grid: Grid) -> None:
    """Write power plants that do not exist, in and around the tile."""
    generator = np.random.default_rng(PLANTS)
    left, bottom, right, top = grid.bounds
    margin = 0.3 * (right - left)
    xs = generator.uniform(left - margin, right + margin, PLANTS)
    ys = generator.uniform(bottom - margin, top + margin, PLANTS)
    emissions = generator.uniform(2e4, 2e6, PLANTS)
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(
            [
                *("source_id", "name", "name_zh", "sector", "year"),
                *("longitude", "latitude", "emission_tco2e_yr", "estimated"),
            ]
        )
        for number, (x, y) in enumerate(zip(xs, ys, strict=True)):
            longitude, latitude = _lonlat(grid.crs, x, y)
            rows.writerow(
                [
                    *(f"SIM-{number:02d}", f"Simulated plant {number}", "模拟电厂"),
                    *("power", BASELINE_YEAR),
                    *(round(longitude, 6), round(latitude, 6)),
                    *(int(emissions[number]), 1),
                ]
            )


def _lonlat(crs: str, x: float, y: float) -> tuple[float, float]:
    longitude, latitude = _to_degrees(crs).transform(x, y)
    return longitude, latitude


@cache
def _to_degrees(crs: str) -> Transformer:
    return Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
