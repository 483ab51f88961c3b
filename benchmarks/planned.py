"""A simulated region with a published night, for requests of planners."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from simulated import mosaic

from config.environment import CHECKOUT
from config.settings import Settings, read
from config.siting_settings import SitingSettings
from geo.emitters import Sources
from geo.exposure import exposure_at, exposure_grid
from geo.grid import Grid
from geo.kernels import Kernel
from store.catalog import Facts
from store.exports import write_geopackage, write_geoparquet
from store.files import write_json
from store.published import RECORD, Published

Values = NDArray[np.float64]

NIGHT = date(2023, 10, 5)
FARMLAND, WATER, SETTLEMENT, WETLAND = 1, 2, 3, 4
CRS = "EPSG:4548"
_COARSE_M = 800.0
_STRIP = 512
_TOWNS = 4


def planned_region(home: Path, *, side: int, parcels: int) -> Settings:
    """Write layers, parcels and a published night below ``home``; return settings.

    ``side`` is cells of 10 m, ``parcels`` how many there are along a side. About an
    eighth of the land may be planted, in patches.
    """
    settings = planned_settings(home, side=side)
    grid, inputs = settings.region.grid.grid(), settings.data_root
    inputs.mkdir(parents=True, exist_ok=True)
    _write_land(inputs, grid)
    _write_limits(inputs, grid)
    drawn = mosaic(parcels, grid_like(grid)).set_crs(CRS, allow_override=True)
    shift = grid.left - grid_like(grid).left, grid.top - grid_like(grid).top
    shapes = shapely.transform(drawn.geometry.to_numpy(), lambda p: p + shift)
    towns = np.arange(len(shapes)) % parcels * _TOWNS // parcels
    frame = gpd.GeoDataFrame(
        {
            "parcel_id": drawn["parcel_id"],
            "town_zh": [f"{'甲乙丙丁'[town]}镇" for town in towns],
        },
        geometry=shapes,
        crs=CRS,
    )
    write_geopackage(inputs / "parcels.gpkg", {"parcels": frame}, styles={})
    _publish(settings, grid, frame)
    return settings


def grid_like(grid: Grid) -> Grid:
    """Return the grid of that size that ``simulated.mosaic`` takes."""
    return Grid(grid.crs, 500_000.0, 4_000_000.0, grid.cell_m, grid.width, grid.height)


def field_of(seed: int, grid: Grid) -> Callable[[slice], Values]:
    """Return a smooth random field, mean 0 and sd about 1, rows at a time."""
    coarse = max(int(grid.width * grid.cell_m / _COARSE_M), 2) + 3
    nodes = np.random.default_rng(seed).standard_normal((coarse, coarse))
    across = _spline(grid.width, coarse)
    wide = nodes @ across.T

    def rows(part: slice) -> Values:
        return np.asarray(_spline(grid.height, coarse)[part] @ wide * 1.9)

    return rows


def _spline(cells: int, coarse: int) -> Values:
    """Return weights of quadratic B-splines at the cells."""
    at = (np.arange(cells) + 0.5) / cells * (coarse - 3) + 1
    first = np.floor(at).astype(int)
    t = at - first
    found = np.zeros((cells, coarse))
    row = np.arange(cells)
    for step, weight in enumerate(((1 - t) ** 2 / 2, 0.5 + t * (1 - t), t**2 / 2)):
        found[row, first - 1 + step] = weight
    return found


def _write_land(folder: Path, grid: Grid) -> None:
    """Write heights, land use and tree cover, strip by strip."""
    relief, use, woods = (field_of(seed, grid) for seed in (11, 12, 13))
    generator = np.random.default_rng(14)
    with (
        _raster(folder / "dem.tif", grid, "float32") as dem,
        _raster(folder / "land.tif", grid, "uint8") as land,
        _raster(folder / "tree_cover.tif", grid, "uint8") as cover,
    ):
        for start in range(0, grid.height, _STRIP):
            part = slice(start, min(start + _STRIP, grid.height))
            high, used, wood = relief(part), use(part), woods(part)
            code = np.zeros(high.shape, np.uint8)
            code[high < -0.3] = FARMLAND
            code[(high < 0.2) & (used > 1.2)] = SETTLEMENT
            code[(high < -0.9) & (used < -0.9)] = WETLAND
            code[high < -1.7] = WATER
            noise = generator.integers(0, 6, high.shape)
            trees = np.where(wood < 0.9, 60 + noise, 4 + noise)
            window = rasterio.windows.Window(0, start, grid.width, high.shape[0])
            heights = 300 + 180 * high
            dem.write(heights.astype(np.float32), 1, window=window)
            land.write(code, 1, window=window)
            cover.write(trees.astype(np.uint8), 1, window=window)


def _raster(path: Path, grid: Grid, kind: str) -> rasterio.io.DatasetWriter:
    return rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=grid.width,
        height=grid.height,
        count=1,
        dtype=kind,
        crs=grid.crs,
        transform=rasterio.transform.from_origin(
            grid.left, grid.top, grid.cell_m, grid.cell_m
        ),
        nodata=-9999 if kind == "float32" else 255,
        tiled=True,
        blockxsize=512,
        blockysize=512,
        compress="zstd",
        zstd_level=1,
    )


def _write_limits(folder: Path, grid: Grid) -> None:
    """Write roads every few km and round redlines."""
    left, bottom, right, top = grid.bounds
    generator = np.random.default_rng(15)
    step = max((right - left) / 30, 1_500.0)
    roads = [
        shapely.LineString(
            [
                (x, y + generator.uniform(-300, 300))
                for x in np.linspace(left, right, 60)
            ]
        )
        for y in np.arange(bottom + step / 2, top, step)
    ]
    count = max(int((right - left) * (top - bottom) / 5e7), 1)
    places = generator.uniform((left, bottom), (right, top), (count, 2))
    reds = shapely.buffer(shapely.points(places), 700)
    for name, shapes in (("roads", roads), ("redlines", list(reds))):
        frame = gpd.GeoDataFrame(
            {"name": [name] * len(shapes)}, geometry=shapes, crs=CRS
        )
        write_geopackage(folder / f"{name}.gpkg", {name: frame}, styles={})


def planned_settings(home: Path, *, side: int) -> Settings:
    """Return the settings of a region that ``planned_region`` made below ``home``."""
    grid = Grid(CRS, 450_000.0, 3_420_000.0, 10.0, side, side)
    inputs = home / "inputs"
    usual = read(CHECKOUT / "config" / "regions" / "twin.toml")
    codes = {
        "farmland": FARMLAND,
        "water": WATER,
        "settlement": SETTLEMENT,
        "wetland": WETLAND,
    }
    layers: dict[str, object] = {
        name: {"path": "land.tif", "values": [str(code)]}
        for name, code in codes.items()
    }
    layers |= {
        "height": {"path": "dem.tif"},
        "road": {"path": "roads.gpkg", "buffer_m": 4},
        "ecological_redline": {"path": "redlines.gpkg"},
    }
    place = {"crs": CRS, "left": grid.left, "top": grid.top}
    shape = {"width": grid.width, "height": grid.height}
    told = {
        "name": "planned",
        "grid": usual.region.grid.model_copy(update={**place, **shape}),
        "siting": SitingSettings.model_validate({"layers": layers, "rain_mm": 1300}),
        "model": usual.region.model.model_copy(update={"tree_cover": "tree_cover.tif"}),
        "twin": None,
    }
    changed = usual.region.model_copy(update=told)
    return usual.model_copy(
        update={"home": home, "data_root": inputs, "region": changed}
    )


def _publish(settings: Settings, grid: Grid, parcels: gpd.GeoDataFrame) -> None:
    """Publish as much of a night as a request reads of one."""
    generator = np.random.default_rng(16)
    left, bottom, right, top = grid.bounds
    sources = Sources(
        generator.uniform(left, right, 40),
        generator.uniform(bottom, top, 40),
        generator.lognormal(11, 1, 40),
    )
    kernel = Kernel("exponential", length_m=20_000, cutoff_m=100_000)
    middle = shapely.point_on_surface(parcels.geometry.to_numpy())
    exposed = exposure_at(shapely.get_x(middle), shapely.get_y(middle), sources, kernel)

    def build(folder: Path) -> Facts:
        frame = parcels[["parcel_id", "geometry"]].assign(exposure_tco2e_yr=exposed)
        write_geoparquet(folder / "parcels.parquet", frame)
        (folder / "layers").mkdir()
        name = f"layers/exposure_{NIGHT.year}.tif"
        with _raster(folder / name, grid, "float32") as file:
            file.write(exposure_grid(grid, sources, kernel), 1)
        used = {"layer": "exposure", "period": str(NIGHT.year), "file": name}
        told = {"night": str(NIGHT), "run_id": "simulated", "layers": [used]}
        write_json(folder / RECORD, json.loads(json.dumps(told)))
        return {}

    Published(settings.published_root).publish(NIGHT, "simulated", build)
