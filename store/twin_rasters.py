"""Rasters of the simulated county, written block by block and labelled simulated."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from geo.grid import Grid

SIMULATED = "模拟数据 SIMULATED: no real place, no measurement"
BLOCK = 256
CACHE_BYTES = 128 * 2**20
"""GDAL's cache while writing; it would take a twentieth of the memory otherwise."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a raster's numbers are: number x ``scale`` + ``offset`` is in ``unit``."""

    title: str
    title_zh: str
    unit: str
    dtype: str
    nodata: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    count: int = 1


class BlockWriter:
    """Some rasters of one county, open for writing blocks from the top left on."""

    def __init__(self, targets: Mapping[str, tuple[DatasetWriter, float]]) -> None:
        self._targets = targets

    def write(
        self, row: int, column: int, blocks: Mapping[str, NDArray[np.generic]]
    ) -> None:
        """Write blocks whose first cell of 10 m is at ``row`` and ``column``."""
        for name, cells in blocks.items():
            target, cell_m = self._targets[name]
            height, width = cells.shape[-2:]
            window = Window(
                int(column * 10 / cell_m), int(row * 10 / cell_m), width, height
            )
            if cells.ndim == 2:
                target.write(cells, 1, window=window)
            else:
                target.write(cells, window=window)


@contextmanager
def rasters(
    targets: Mapping[str, tuple[Path, Grid, Content]],
    *,
    tags: Mapping[str, str] | None = None,
) -> Iterator[BlockWriter]:
    """Open GeoTIFFs to be written block by block, each named.

    Everything that a header says is set before the first block, so the header stands
    in front and the blocks behind it in reading order, as in a cloud-optimised file.
    """
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES), ExitStack() as stack:
        opened = {}
        for name, (path, grid, content) in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            target = stack.enter_context(_opened(path, grid, content, tags or {}))
            opened[name] = (target, grid.cell_m)
        yield BlockWriter(opened)


def write_raster(
    path: Path,
    grid: Grid,
    content: Content,
    cells: NDArray[np.generic],
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write a raster that is small enough to be whole in memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _opened(path, grid, content, tags or {}) as target:
        target.write(cells if cells.ndim == 3 else cells[None])


def _opened(
    path: Path, grid: Grid, content: Content, tags: Mapping[str, str]
) -> DatasetWriter:
    side = min(BLOCK, 16 * -(-min(grid.shape) // 16))
    target = rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype=content.dtype,
        nodata=content.nodata,
        count=content.count,
        crs=grid.crs,
        transform=grid.transform,
        height=grid.height,
        width=grid.width,
        tiled=True,
        blockxsize=side,
        blockysize=side,
        interleave="pixel",
        compress="ZSTD",
        zstd_level=3,
        predictor=3 if content.dtype.startswith("float") else 2,
        BIGTIFF="IF_SAFER",
    )
    target.update_tags(
        TITLE=f"{content.title} (SIMULATED)",
        TITLE_ZH=f"{content.title_zh}（模拟）",
        SIMULATED=SIMULATED,
        **tags,
    )
    target.descriptions = (f"{content.title} (simulated 模拟)",) * content.count
    target.units = (content.unit,) * content.count
    target.scales = (content.scale,) * content.count
    target.offsets = (content.offset,) * content.count
    return target
