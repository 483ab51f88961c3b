"""Simulated Sentinel-2 scenes on one tile: digital numbers and classes, in strips.

As a data hub delivers them: bands of 10 m and 20 m as whole numbers with the offset of
processing baseline 05.10, no data 0, and a scene classification of 20 m.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
from ground import LANDS, LEVELS, LOOKS, TREELESS, Codes, Field
from numpy.typing import NDArray
from rasterio.io import DatasetWriter
from rasterio.windows import Window
from simulated import grid_of

from config.simulated import flora
from geo.grid import Grid
from store.twin_rasters import SIMULATED
from store.twin_stac import scene_folder

BANDS = {
    "blue": ("B02", 10),
    "green": ("B03", 10),
    "red": ("B04", 10),
    "rededge1": ("B05", 20),
    "rededge2": ("B06", 20),
    "rededge3": ("B07", 20),
    "nir": ("B08", 10),
    "nir08": ("B8A", 20),
    "swir16": ("B11", 20),
    "swir22": ("B12", 20),
}
"""Sentinel-2's name of each asset's band, and the side of its cells in metres."""
BRIGHT = {"rededge2", "rededge3", "nir", "nir08", "swir16", "swir22"}

ADD_OFFSET = -1_000
STRIP = 1_024
BLOCK = 512
NOISE_SD = (16, 52)
"""Of one look at one cell, in ten-thousandths of reflectance: dark and bright bands."""
LOOK_SD = 0.22
"""How differently stands of one cover look, as a share of their reflectance."""
CLOUD_CELLS = 40.0
"""Clouds are a few times as wide."""
SHADOW_CELLS = 30
"""How far a shadow lies from its cloud, down and to the right."""

Numbers = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Take:
    """One scene: when, how clouded (0-1), and whether it covers only a quarter."""

    day: date
    clouded: float
    number: int
    is_quarter: bool = False

    @property
    def item_id(self) -> str:
        return f"S2{'B' if self.is_quarter else 'A'}_SIMULATED_{self.day:%Y%m%d}_L2A"


@dataclass(frozen=True, slots=True, eq=False)
class Sky:
    """What lies above a strip, at 20 m unless it was made finer."""

    cloud: Numbers
    """Digital number that the cloud has at least; 0 where there is none."""
    shadow: Numbers
    """All bits set in shadow."""

    def finer(self) -> "Sky":
        """Return the same sky over cells of 10 m."""
        return Sky(_finer(self.cloud), _finer(self.shadow))


def grids(grid: Grid) -> dict[str, Grid]:
    """Return the grid of every asset of a scene over ``grid``."""
    half = Grid(grid.crs, grid.left, grid.top, 20.0, grid.width // 2, grid.height // 2)
    by_side = {10: grid, 20: half}
    return {key: by_side[cell_m] for key, (_, cell_m) in BANDS.items()} | {"scl": half}


def speckle(side: int) -> list[Numbers]:
    """Return noise for dark and for bright bands, of which scenes take pieces."""
    generator = np.random.default_rng(side)
    normal = generator.standard_normal((2 * STRIP, side + STRIP), np.float32)
    return [(normal * sd).astype(np.int16) for sd in NOISE_SD]


def write_scene(root: Path, take: Take, codes: Codes, noise: list[Numbers]) -> None:
    """Write every band and the classification of one scene, strip by strip."""
    side = codes.shape[0]
    folder = scene_folder(root, take.item_id)
    folder.mkdir(parents=True)
    generator = np.random.default_rng([take.number, side])
    clouds = Field.make(side, CLOUD_CELLS, 100 + take.number, smooth=1.6)
    colours = _colours(take)
    with ExitStack() as stack:
        targets = {
            key: stack.enter_context(created(folder / f"{key}.tif", grid))
            for key, grid in grids(grid_of(side)).items()
        }
        for rows in strips(side):
            sky = _sky(clouds, take, rows, side)
            skies = {10: sky.finer(), 20: sky}
            for key, target in targets.items():
                cell_m = BANDS[key][1] if key in BANDS else 20
                step = cell_m // 10
                seen = codes[rows][::step, ::step]
                values: NDArray[np.generic]
                if key in BANDS:
                    piece = _part(noise[key in BRIGHT], seen.shape, generator)
                    values = _numbers(colours[key], seen, skies[cell_m], piece)
                else:
                    values = _classes(seen, sky)
                if take.is_quarter:
                    _empty_outside(values, rows.start // step, side // step // 2)
                write_rows(target, rows.start // step, values)


def strips(side: int) -> Iterator[slice]:
    """Yield the rows that are written at a time."""
    for start in range(0, side, STRIP):
        yield slice(start, min(start + STRIP, side))


def created(path: Path, grid: Grid, *, nodata: int = 0) -> DatasetWriter:
    """Open a raster for writing: digital numbers, or bytes if it is no band."""
    target = rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype="uint16" if path.stem in BANDS else "uint8",
        nodata=nodata,
        count=1,
        crs=grid.crs,
        transform=grid.transform,
        height=grid.height,
        width=grid.width,
        tiled=True,
        blockxsize=BLOCK,
        blockysize=BLOCK,
        compress="ZSTD",
        zstd_level=1,
        predictor=2,
        BIGTIFF="IF_SAFER",
    )
    target.update_tags(SIMULATED=SIMULATED)
    return target


def write_rows(target: DatasetWriter, first: int, values: NDArray[np.generic]) -> None:
    """Write whole rows from row ``first`` on."""
    height, width = values.shape
    window = Window(0, first, width, height)
    target.write(values.astype(target.dtypes[0], copy=False), 1, window=window)


def _colours(take: Take) -> dict[str, Numbers]:
    """Return the digital number of every code, by band, in the light of the day."""
    spectra = flora().spectra
    light = np.exp(np.random.default_rng([take.number, 7]).normal(0, 0.03, len(BANDS)))
    share = np.linspace(0, 1, LEVELS)[:, None]
    look = np.linspace(-1.6, 1.6, LOOKS)
    colours = {}
    for band, key in enumerate(BANDS):
        # A vigorous stand is brighter in the infrared and darker in the visible.
        own = np.exp((LOOK_SD if key in BRIGHT else -LOOK_SD) * look)
        rows = []
        for trees, below, _ in LANDS:
            shaded = spectra[trees][band] * (1 - 0.25 * share)
            rows.append((share * shaded + (1 - share) * spectra[below][band]) * own)
        reflectance = np.concatenate(rows).reshape(-1) * light[band]
        colours[key] = np.rint(1e4 * reflectance - ADD_OFFSET).astype(np.int16)
    return colours


def _numbers(colour: Numbers, seen: Codes, sky: Sky, noise: Numbers) -> Numbers:
    values: Numbers = np.take(colour, seen)
    values -= ((values + np.int16(ADD_OFFSET)) & sky.shadow) >> 1  # half the light
    np.maximum(values, sky.cloud, out=values)
    values += noise
    return np.maximum(values, 1, out=values)


def _sky(clouds: Field, take: Take, rows: slice, side: int) -> Sky:
    edge = np.float32(clouds.above(take.clouded))
    columns = slice(0, side)
    thick = clouds.at(rows, columns, step=2) - edge
    cloud = (np.minimum(thick * 9_000, 5_000) + 3_000).astype(np.int16)
    cloud[thick <= 0] = 0
    other = clouds.at(rows, columns, step=2, shift=-SHADOW_CELLS)
    shadow = (other > edge) & (thick <= 0)
    return Sky(cloud, -shadow.astype(np.int16))


def _classes(seen: Codes, sky: Sky) -> NDArray[np.uint8]:
    """Return the scene classification: 4 to 6 by land, 3 shadow, 8 and 9 cloud."""
    land = np.repeat(np.arange(len(LANDS)), LEVELS * LOOKS)
    table = np.where(land < TREELESS, 4, np.where(land == TREELESS, 5, 6))
    classes = np.take(table.astype(np.uint8), seen)
    classes[sky.shadow != 0] = 3
    classes[sky.cloud > 0] = 8
    classes[sky.cloud > 5_000] = 9
    return classes


def _empty_outside(values: NDArray[np.generic], first: int, edge: int) -> None:
    """Leave no data but in the quarter at the upper left."""
    values[:, edge:] = 0
    values[max(edge - first, 0) :] = 0


def _part(
    noise: Numbers, shape: tuple[int, ...], generator: np.random.Generator
) -> Numbers:
    """Return a piece of ``noise`` from anywhere in it."""
    row, column = generator.integers(0, STRIP, 2)
    return noise[row : row + shape[0], column : column + shape[1]]


def _finer(values: Numbers) -> Numbers:
    return values.repeat(2, axis=0).repeat(2, axis=1)
