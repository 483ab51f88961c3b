"""Any raster onto the grid, with the same numbers whatever the chunks.

GDAL's warper approximates positions between the ends of a scan line, so its answer
depends on how the work was cut. Here each cell's position is computed by itself and
rounded to a millionth of a source pixel, which also settles ties on pixel corners.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geo.grid import Grid

Method = Literal["nearest", "bilinear", "average"]
METHODS: tuple[Method, ...] = ("nearest", "bilinear", "average")

_DECIMALS = 6
"""Positions are known to a millionth of a source pixel."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the pixels of a raster lie: north-up, south-up, rotated or sheared."""

    transform: Affine
    crs: str
    height: int
    width: int

    @property
    def corners(self) -> tuple[list[float], list[float]]:
        """Eastings and northings of the four corners, in ``crs``."""
        ends = ((0, 0), (self.width, 0), (self.width, self.height), (0, self.height))
        points = [self.transform @ end for end in ends]
        return [x for x, _ in points], [y for _, y in points]

    def lonlat_bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north, in degrees; infinite where undefined."""
        xs, ys = self.corners
        return lonlat_bounds(self.crs, (min(xs), min(ys), max(xs), max(ys)))


def lonlat_bounds(
    crs: str, bounds: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """Return the box in degrees around ``bounds`` (left, bottom, right, top)."""
    west, south, east, north = _transformer(crs, "OGC:CRS84").transform_bounds(
        *bounds, densify_pts=21
    )
    return west, south, east, north


def window(grid: Grid, source: Source) -> tuple[slice, slice] | None:
    """Return the rows and columns of ``source`` that ``grid`` needs, or None.

    One cell more on each side, so that neighbours take part.
    """
    wider = grid.window(slice(-1, grid.height + 1), slice(-1, grid.width + 1))
    rows, columns = _positions(wider, source)
    parts = (_span(rows, source.height), _span(columns, source.width))
    return None if parts[0] is None or parts[1] is None else (parts[0], parts[1])


def source_of_grid(grid: Grid) -> Source:
    """Return the cells of ``grid`` as a source."""
    return Source(grid.transform, grid.crs, grid.height, grid.width)


def centres_on(
    cells: Grid, grid: Grid
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return columns and rows of ``grid``, from its corner, of the centres of cells.

    Both have the shape of ``cells``; NaN where the two systems do not meet.
    """
    rows, columns = _positions(cells, source_of_grid(grid))
    wide = np.broadcast_arrays(columns, rows)
    return wide[0], wide[1]


def sample(
    values: NDArray[np.generic],
    corner: tuple[int, int],
    source: Source,
    grid: Grid,
    *,
    method: Method,
    nodata: float,
) -> NDArray[np.generic]:
    """Return the cells of ``grid`` from ``values``, a part of ``source``.

    Parameters
    ----------
    values
        Pixels of ``source`` from the row and column ``corner`` on. ``bilinear`` and
        ``average`` want floats with NaN where there is no data.
    method
        ``average`` is the mean of the pixels whose centre lies in the cell, at least
        half of which must hold data; cells finer than the pixels take the nearest.
        ``bilinear`` gives data exactly where ``nearest`` does.
    nodata
        What cells without data hold.
    """
    if method == "nearest":
        return _nearest(values, corner, _positions(grid, source), nodata)
    if not np.issubdtype(values.dtype, np.floating) or not np.isnan(nodata):
        raise ValueError(f"{method} wants floats with NaN, got {values.dtype}.")
    exact = values.astype(np.float64)
    if method == "bilinear":
        mixed = _bilinear(exact, corner, _positions(grid, source))
    else:
        mixed = _average(exact, corner, source, grid)
    return mixed.astype(values.dtype)


def align(
    values: NDArray[np.generic],
    source_transform: Affine,
    source_crs: str,
    grid: Grid,
    *,
    resampling: Method,
    nodata: float,
) -> NDArray[np.generic]:
    """Return a whole raster on ``grid``, of the dtype of ``values``; see ``sample``."""
    height, width = values.shape
    source = Source(source_transform, source_crs, height, width)
    return sample(values, (0, 0), source, grid, method=resampling, nodata=nodata)


@lru_cache(maxsize=8)
def _same_crs(one: str, other: str) -> bool:
    return bool(CRS.from_user_input(one).equals(CRS.from_user_input(other)))


@lru_cache(maxsize=32)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


@lru_cache(maxsize=4)
def _positions(
    grid: Grid, source: Source
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows and columns, in source pixels from its corner, of the cell centres.

    They broadcast to the grid's shape; the bands of a scene share them.
    """
    inverse = ~source.transform
    xs, ys = grid.xs()[np.newaxis, :], grid.ys()[:, np.newaxis]
    if not _same_crs(grid.crs, source.crs):
        wide = np.broadcast_arrays(xs, ys)
        xs, ys = _transformer(grid.crs, source.crs).transform(wide[0], wide[1])
        xs, ys = _finite(xs), _finite(ys)
    columns = inverse.a * xs + inverse.c
    rows = inverse.e * ys + inverse.f
    if inverse.b or inverse.d:
        columns, rows = columns + inverse.b * ys, rows + inverse.d * xs
    rows, columns = np.round(rows, _DECIMALS), np.round(columns, _DECIMALS)
    rows.flags.writeable = columns.flags.writeable = False
    return rows, columns


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)


def _span(positions: NDArray[np.float64], size: int) -> slice | None:
    seen = positions[np.isfinite(positions)]
    if not seen.size:
        return None
    start = max(int(np.floor(seen.min())) - 1, 0)
    stop = min(int(np.ceil(seen.max())) + 2, size)
    return slice(start, stop) if start < stop else None


def _indices(
    positions: NDArray[np.float64], first: int, size: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return which pixel of the part holds each position, and whether one does."""
    local = np.floor(positions) - first
    inside = (local >= 0) & (local < size)
    return np.where(inside, local, 0).astype(np.intp), inside


def _nearest(
    values: NDArray[np.generic],
    corner: tuple[int, int],
    positions: tuple[NDArray[np.float64], NDArray[np.float64]],
    nodata: float,
) -> NDArray[np.generic]:
    rows, in_rows = _indices(positions[0], corner[0], values.shape[0])
    columns, in_columns = _indices(positions[1], corner[1], values.shape[1])
    fill = np.asarray(nodata).astype(values.dtype)
    if rows.shape[1] > 1 or columns.shape[0] > 1:
        return np.where(in_rows & in_columns, values[rows, columns], fill)
    # Rows and columns of the two grids run alike: whole rows are copied.
    found = values[_as_slice(rows[:, 0])][:, _as_slice(columns[0])]
    if in_rows.all() and in_columns.all():
        return found
    found = found.copy()
    found[~in_rows[:, 0]] = fill
    found[:, ~in_columns[0]] = fill
    return found


def _as_slice(indices: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Return a slice in place of indices that follow one another."""
    first, count = int(indices[0]), len(indices)
    follow = np.array_equal(indices, np.arange(first, first + count))
    return slice(first, first + count) if follow else indices


def _bilinear(
    values: NDArray[np.float64],
    corner: tuple[int, int],
    positions: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    rows, columns = positions[0] - 0.5, positions[1] - 0.5
    down, right = rows - np.floor(rows), columns - np.floor(columns)
    total = np.zeros(np.broadcast(rows, columns).shape)
    weights = np.zeros_like(total)
    for step_down, weight_down in ((0, 1 - down), (1, down)):
        for step_right, weight_right in ((0, 1 - right), (1, right)):
            place = (rows + step_down, columns + step_right)
            value = _nearest(values, corner, place, np.nan)
            weight = np.where(np.isnan(value), 0.0, weight_down * weight_right)
            total += np.where(weight > 0, value, 0.0) * weight
            weights += weight
    seen = ~np.isnan(_nearest(values, corner, positions, np.nan))
    return np.divide(total, weights, out=np.full_like(total, np.nan), where=seen)


def _average(
    values: NDArray[np.float64],
    corner: tuple[int, int],
    source: Source,
    grid: Grid,
) -> NDArray[np.float64]:
    cells, inside = _cells(values.shape, corner, source, grid)
    kept = values[inside]
    valid = ~np.isnan(kept)
    size = grid.height * grid.width
    pixels = np.bincount(cells, minlength=size)
    counts = np.bincount(cells[valid], minlength=size)
    sums = np.bincount(cells[valid], weights=kept[valid], minlength=size)
    enough = (counts > 0) & (2 * counts >= pixels)
    mean = np.divide(sums, counts, out=np.full(size, np.nan), where=enough)
    coarse = _nearest(values, corner, _positions(grid, source), np.nan)
    mean = np.where(pixels == 0, coarse.ravel(), mean)
    return mean.reshape(grid.shape)


def averages_at(
    bands: NDArray[np.floating], source: Source, grid: Grid, chosen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the averages ``(band, n)`` of whole rasters at some cells of ``grid``.

    As ``sample`` with the method ``average``, at the cells whose numbers are
    ``chosen``; ``bands`` is ``(band, y, x)`` with NaN where there is no data.
    """
    cells, inside = _cells(bands.shape[1:], (0, 0), source, grid)
    place = np.full(grid.height * grid.width, -1, np.int64)
    place[chosen] = np.arange(len(chosen))
    found = place[cells]
    pixel = np.flatnonzero(inside)[found >= 0]
    found = found[found >= 0]
    pixels = np.bincount(found, minlength=len(chosen))
    rows, columns = _positions(grid, source)
    wide = np.broadcast_shapes(rows.shape, columns.shape)
    nearest = (
        np.broadcast_to(rows, wide).reshape(-1, 1)[chosen],
        np.broadcast_to(columns, wide).reshape(-1, 1)[chosen],
    )
    result = np.empty((len(bands), len(chosen)))
    for band, values in enumerate(bands):
        kept = values.reshape(-1)[pixel].astype(np.float64)
        valid = ~np.isnan(kept)
        counts = np.bincount(found[valid], minlength=len(chosen))
        sums = np.bincount(found[valid], kept[valid], minlength=len(chosen))
        enough = (counts > 0) & (2 * counts >= pixels)
        mean = np.divide(sums, counts, out=np.full(len(chosen), np.nan), where=enough)
        if not pixels.all():
            coarse = _pick(values.astype(np.float64), nearest)
            mean = np.where(pixels == 0, coarse, mean)
        result[band] = mean
    return result


def _pick(
    values: NDArray[np.float64],
    positions: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return the pixels at ``positions`` (n, 1), NaN outside."""
    rows, in_rows = _indices(positions[0], 0, values.shape[0])
    columns, in_columns = _indices(positions[1], 0, values.shape[1])
    return np.where(in_rows & in_columns, values[rows, columns], np.nan)[:, 0]


def _cells(
    shape: tuple[int, ...], corner: tuple[int, int], source: Source, grid: Grid
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the flat cell of each pixel centre that lies in ``grid``, and which do."""
    columns = (np.arange(shape[1]) + corner[1] + 0.5)[np.newaxis, :]
    rows = (np.arange(shape[0]) + corner[0] + 0.5)[:, np.newaxis]
    forward = source.transform
    xs = forward.a * columns + forward.c
    ys = forward.e * rows + forward.f
    if forward.b or forward.d:
        xs, ys = xs + forward.b * rows, ys + forward.d * columns
    if not _same_crs(grid.crs, source.crs):
        wide = np.broadcast_arrays(xs, ys)
        xs, ys = _transformer(source.crs, grid.crs).transform(wide[0], wide[1])
        xs, ys = _finite(xs), _finite(ys)
    right = np.round((xs - grid.left) / grid.cell_m, _DECIMALS)
    down = np.round((grid.top - ys) / grid.cell_m, _DECIMALS)
    in_columns = (right >= 0) & (right < grid.width)
    in_rows = (down >= 0) & (down < grid.height)
    inside = np.broadcast_to(in_columns & in_rows, shape)
    flat = np.floor(np.where(in_rows, down, 0)) * grid.width
    flat = flat + np.floor(np.where(in_columns, right, 0))
    return np.broadcast_to(flat, shape)[inside].astype(np.intp), inside
