"""The exact overlay of polygons on a grid: once per parcels and grid.

exactextract gives every cell it meets as two numbers. Parcels go to it in batches, and
a large one in strips of the grid, so that what it holds at a time stays small.
"""

from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.feature import Feature, FeatureSource
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from pyproj import CRS

from geo.coverage import CoverageWeights, Edges, Runs, in_order, runs_and_edges
from geo.errors import GridMismatchError
from geo.grid import Grid

_BATCH_CELLS = 4_000_000
"""Cells in the bounding boxes of the parcels that are overlaid at a time."""

Batch = tuple[NDArray[np.int64], slice]


def coverage_weights(parcels: gpd.GeoDataFrame, grid: Grid) -> CoverageWeights:
    """Compute the exact coverage of ``grid`` by ``parcels``.

    Parameters
    ----------
    parcels
        Columns ``parcel_id`` (text) and valid polygons in the CRS of ``grid``; a
        missing or empty geometry covers nothing.

    Raises
    ------
    GridMismatchError
        When the parcels are in another CRS.
    """
    _require_crs(parcels, grid)
    drawn = (~parcels.geometry.isna() & ~parcels.geometry.is_empty).to_numpy()
    polygon_ha = np.where(drawn, parcels.geometry.area.to_numpy() / 10_000, 0.0)
    ids = tuple(str(name) for name in parcels["parcel_id"])
    shapes = parcels.geometry.to_numpy()
    boxes = shapely.bounds(shapes)
    parts = [_overlay(shapes, grid, batch) for batch in _batches(boxes, drawn, grid)]
    nothing = np.empty(0, np.int64)
    parts.append(runs_and_edges(nothing, nothing, np.empty(0), width=grid.width))
    return CoverageWeights(*in_order(parts), ids, grid, polygon_ha)


def _require_crs(parcels: gpd.GeoDataFrame, grid: Grid) -> None:
    if parcels.crs is None or CRS.from_user_input(parcels.crs) != CRS(grid.crs):
        raise GridMismatchError(
            f"The parcels are in {parcels.crs and parcels.crs.name}, the grid in "
            f"{grid.crs}.",
            zh=f"小班坐标系与网格坐标系 {grid.crs} 不一致，请先用 to_crs 转换。",
            cure="Reproject the parcels with to_crs.",
            field="crs",
            value=parcels.crs,
            expected=grid.crs,
        )


def _batches(
    boxes: NDArray[np.float64], drawn: NDArray[np.bool_], grid: Grid
) -> Iterator[Batch]:
    """Yield which parcels to overlay together, and on which rows of the grid."""
    (top, bottom), (left, right) = _cells_met(np.nan_to_num(boxes), grid)
    cells = (bottom - top) * (right - left) * drawn
    small = np.flatnonzero((cells > 0) & (cells <= _BATCH_CELLS))
    turn = np.cumsum(cells[small]) // _BATCH_CELLS
    for together in np.split(small, np.flatnonzero(np.diff(turn)) + 1):
        if len(together):
            yield together, slice(0, grid.height)
    for large in np.flatnonzero(cells > _BATCH_CELLS):
        step = max(1, _BATCH_CELLS // int(right[large] - left[large]))
        for row in range(int(top[large]), int(bottom[large]), step):
            yield np.array([large]), slice(row, min(row + step, int(bottom[large])))


def _cells_met(
    boxes: NDArray[np.float64], grid: Grid
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Rows and columns, first and one past the last, that each box may touch."""
    down = (grid.top - boxes[:, [3, 1]].T) / grid.cell_m
    across = (boxes[:, [0, 2]].T - grid.left) / grid.cell_m
    spans = []
    for (first, last), size in ((down, grid.height), (across, grid.width)):
        start = np.clip(np.floor(first), 0, size).astype(np.int64)
        spans.append((start, np.clip(np.floor(last) + 1, 0, size).astype(np.int64)))
    return spans[0], spans[1]


class _Shapes(FeatureSource):  # type: ignore[misc]  # exactextract has no types
    """Polygons for exactextract as WKB: by way of GeoJSON they take twice the time."""

    def __init__(self, shapes: NDArray[np.object_]) -> None:
        super().__init__()
        self._wkb = shapely.to_wkb(shapes)

    def count(self) -> int:
        return len(self._wkb)

    def __iter__(self) -> Iterator[Feature]:
        return (_Shape(wkb) for wkb in self._wkb)

    def srs_wkt(self) -> None:
        return None


class _Shape(Feature):  # type: ignore[misc]  # exactextract has no types
    def __init__(self, wkb: bytes) -> None:
        super().__init__()
        self._wkb = wkb

    def geometry(self) -> bytes:
        return self._wkb

    def fields(self) -> list[str]:
        return []


def _overlay(
    shapes: NDArray[np.object_], grid: Grid, batch: Batch
) -> tuple[Runs, Edges]:
    which, rows = batch
    strip = grid.window(rows, slice(0, grid.width))
    # One byte stands for the whole raster: only the geometry of the cells is wanted.
    cells = np.broadcast_to(np.uint8(1), strip.shape)
    found = exact_extract(
        NumPyRasterSource(cells, *strip.bounds),
        _Shapes(shapes[which]),
        ["cell_id", "coverage"],
        output="pandas",
    )
    counts = [len(one) for one in found["cell_id"]]
    return runs_and_edges(
        np.repeat(which, counts),
        np.concatenate(list(found["cell_id"])).astype(np.int64)
        + rows.start * grid.width,
        np.concatenate(list(found["coverage"])).astype(np.float64),
        width=grid.width,
    )
