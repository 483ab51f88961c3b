"""The answer to a request as rasters: one file a layer, written strip by strip."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.io import DatasetWriter
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from geo.grid import Grid
from geo.layers import LAYERS, Layer
from store.qgis import raster_qml
from store.rasters import BLOCK, drafting, encode

FOLDER = "layers"
"""Where the rasters lie, below the answer's folder."""
ELIGIBLE = "eligible"

Shapes = NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """What the cells of an answer are, and what is told of each."""

    code: NDArray[np.uint8]
    """(y, x): the most binding rule that excludes; 0 may be planted."""
    reasons: Layer
    """The layer ``eligible``, with the region's own rules among its classes."""
    shapes: Shapes
    """The planning units, in the grid's CRS."""
    values: Mapping[str, tuple[NDArray[np.float64], ...]]
    """Layer by name: a value of each unit for each band, NaN for none."""


def write_rasters(
    folder: Path, cells: Cells, grid: Grid, *, tags: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Write a COG and its QGIS style for every layer; return their names, in order.

    A cell has the values of the unit that its middle lies in if it may be planted, and
    none otherwise. A strip of blocks is in memory at a time.

    Raises
    ------
    RasterError
        A value does not fit its band.
    """
    layers = {ELIGIBLE: cells.reasons, **{name: LAYERS[name] for name in cells.values}}
    place = folder / FOLDER
    place.mkdir()
    for name, layer in layers.items():
        style = raster_qml(layer, layer.bands[0], 1)
        (place / f"{name}.qml").write_text(style, encoding="utf-8", newline="\n")
    tree = shapely.STRtree(cells.shapes)
    with ExitStack() as stack:
        targets = {
            name: stack.enter_context(
                drafting(place / f"{name}.tif", layer, grid, tags=tags)
            )
            for name, layer in layers.items()
        }
        for top in range(0, grid.height, BLOCK):
            rows = slice(top, min(top + BLOCK, grid.height))
            _write_strip(cells, grid, rows, tree, (layers, targets))
    return tuple(layers)


def _write_strip(
    cells: Cells,
    grid: Grid,
    rows: slice,
    tree: shapely.STRtree,
    files: tuple[Mapping[str, Layer], Mapping[str, DatasetWriter]],
) -> None:
    layers, targets = files
    code = cells.code[rows]
    window = Window(0, rows.start, grid.width, rows.stop - rows.start)
    (band,) = layers[ELIGIBLE].bands
    targets[ELIGIBLE].write(
        encode(code.astype(np.float32), band, ELIGIBLE), 1, window=window
    )
    unit = _units_of(cells.shapes, tree, grid.window(rows, slice(0, grid.width)))
    unit[code > 0] = -1
    for name, values in cells.values.items():
        for index, (each, band) in enumerate(
            zip(values, layers[name].bands, strict=True), start=1
        ):
            table = np.append(each, np.nan)  # the last one is for no unit, at -1
            targets[name].write(encode(table[unit], band, name), index, window=window)


def _units_of(shapes: Shapes, tree: shapely.STRtree, grid: Grid) -> NDArray[np.int32]:
    """Return the unit that the middle of each cell lies in, -1 for none."""
    near: NDArray[np.int64] = np.sort(tree.query(shapely.box(*grid.bounds)))
    pairs: list[tuple[BaseGeometry, int]] = [
        (shapes[at], int(at)) for at in near if not shapes[at].is_empty
    ]
    if not pairs:
        return np.full(grid.shape, -1, np.int32)
    found: NDArray[np.int32] = rasterize(
        pairs,
        out_shape=grid.shape,
        transform=grid.transform,
        fill=-1,
        dtype="int32",
    )
    return found
