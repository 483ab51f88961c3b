"""Raster to parcels, weighted by the exact share of every cell that a parcel covers.

Parcels do not move between nights: their coverage is computed once per grid, and
every later band, date and statistic is a sum over its stored shares. Sums add in the
order of storage, so the same inputs give the same bits on every machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import geopandas as gpd
import numpy as np
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from pyproj import CRS
from scipy.sparse import csr_array

from geo.errors import GridMismatchError
from geo.grid import Grid

Numbers = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class CoverageWeights:
    """The share (0-1) of every cell of a grid that every parcel covers.

    ``matrix`` has a row per parcel and a column per cell, rows of the grid one after
    another; a parcel that lies outside the grid has an empty row.
    """

    matrix: csr_array
    parcel_ids: tuple[str, ...]
    grid: Grid
    polygon_ha: Numbers
    """Area of the whole polygon in the plane of the grid's CRS."""

    def __post_init__(self) -> None:
        height, width = self.grid.shape
        expected = (len(self.parcel_ids), height * width)
        if self.matrix.shape != expected or len(self.polygon_ha) != expected[0]:
            raise GridMismatchError(
                f"Coverage of {self.matrix.shape} does not fit {len(self.parcel_ids)} "
                f"parcels on {self.grid}.",
                zh=f"覆盖矩阵 {self.matrix.shape} 与小班数或网格不符，请重新计算覆盖。",
                cure="Compute the coverage again from the parcels and the grid.",
            )

    @property
    def inside_share(self) -> Numbers:
        """Share of each polygon's area that lies on the grid, 0-1."""
        inside = np.zeros(len(self.parcel_ids))
        some = self.polygon_ha > 0
        inside[some] = area_ha(self)[some] / self.polygon_ha[some]
        return np.minimum(inside, 1.0)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The parcel of every stored share."""
        return np.repeat(
            np.arange(len(self.parcel_ids), dtype=np.int64),
            np.diff(self.matrix.indptr),
        )

    def cells(self, parcel: int) -> tuple[NDArray[np.int64], Numbers]:
        """Cell numbers and shares of one parcel."""
        part = slice(self.matrix.indptr[parcel], self.matrix.indptr[parcel + 1])
        return self.matrix.indices[part].astype(np.int64), self.matrix.data[part]

    def only(self, parcels: NDArray[np.bool_]) -> Self:
        """Return the rows where ``parcels`` is true."""
        ids = tuple(np.array(self.parcel_ids)[parcels].tolist())
        rows = csr_array(self.matrix[np.flatnonzero(parcels)])
        return type(self)(rows, ids, self.grid, self.polygon_ha[parcels])

    def window(self, tile: Grid, *, row: int, column: int) -> Self:
        """Return the same parcels on ``tile``, whose first cell is at row, column.

        ``polygon_ha`` stays that of the whole parcel: sums over tiles add up.
        """
        rows, columns = np.divmod(self.matrix.indices, self.grid.width)
        rows, columns = rows - row, columns - column
        here = (rows >= 0) & (rows < tile.height)
        here &= (columns >= 0) & (columns < tile.width)
        cells = rows[here].astype(np.int64) * tile.width + columns[here]
        shape = len(self.parcel_ids), tile.height * tile.width
        matrix = _matrix(self.rows[here], cells, self.matrix.data[here], shape)
        return type(self)(matrix, self.parcel_ids, tile, self.polygon_ha)


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
    left, bottom, right, top = grid.bounds
    # One byte stands for the whole raster: only the geometry of the cells is wanted.
    cells = np.broadcast_to(np.uint8(1), grid.shape)
    raster = NumPyRasterSource(cells, left, bottom, right, top)
    drawn = (~parcels.geometry.isna() & ~parcels.geometry.is_empty).to_numpy()
    shape = len(parcels), grid.height * grid.width
    ids = tuple(str(name) for name in parcels["parcel_id"])
    polygon_ha = np.where(drawn, parcels.geometry.area.to_numpy() / 10_000, 0.0)
    if not drawn.any():
        nothing = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        return CoverageWeights(_matrix(*nothing, shape), ids, grid, polygon_ha)
    found = exact_extract(
        raster,
        parcels.loc[drawn, [parcels.geometry.name]],
        ["cell_id", "coverage"],
        output="pandas",
    )
    counts = np.zeros(len(parcels), np.int64)
    counts[drawn] = [len(one) for one in found["cell_id"]]
    matrix = _matrix(
        np.repeat(np.arange(len(parcels)), counts),
        np.concatenate(list(found["cell_id"])).astype(np.int64),
        np.concatenate(list(found["coverage"])).astype(np.float64),
        shape,
    )
    return CoverageWeights(matrix, ids, grid, polygon_ha)


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


def _matrix(
    rows: NDArray[np.int64],
    cells: NDArray[np.int64],
    shares: Numbers,
    shape: tuple[int, int],
) -> csr_array:
    """Build the matrix with every row's cells in order."""
    order = np.lexsort((cells, rows))
    counts = np.bincount(rows, minlength=shape[0])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return csr_array((shares[order], cells[order], indptr), shape=shape)


def area_ha(weights: CoverageWeights) -> Numbers:
    """Area of each parcel on the grid, in the plane of its CRS, ha."""
    return _add(weights, weights.matrix.data) * weights.grid.cell_ha


def sums(
    weights: CoverageWeights, values: NDArray[np.floating[Any]]
) -> tuple[Numbers, Numbers]:
    """Sum of value x area and the observed area, per parcel.

    Parameters
    ----------
    values
        ``(y, x)`` on the grid; NaN is unobserved and counts in neither sum.

    Returns
    -------
    tuple
        Sum in (unit of ``values``) x ha and observed area in ha, both in the plane of
        the grid's CRS. Sums of tiles add up to the sum of the whole.
    """
    here = at_cells(weights, values)
    observed = np.isfinite(here)
    shares = np.where(observed, weights.matrix.data, 0.0)
    total = _add(weights, shares * np.where(observed, here, 0.0))
    return total * weights.grid.cell_ha, _add(weights, shares) * weights.grid.cell_ha


def means(weights: CoverageWeights, values: NDArray[np.floating[Any]]) -> Numbers:
    """Area-weighted mean over the observed cells; NaN where nothing was observed."""
    total, observed_ha = sums(weights, values)
    return _ratio(total, observed_ha)


def variances(weights: CoverageWeights, values: NDArray[np.floating[Any]]) -> Numbers:
    """Area-weighted variance of the cells' values about the parcel's mean.

    Spread between the cells of a parcel, not the error of its mean; see
    ``geo.correlation`` for that.
    """
    mean = means(weights, values)
    apart = at_cells(weights, values) - mean[weights.rows]
    observed = np.isfinite(apart)
    shares = np.where(observed, weights.matrix.data, 0.0)
    total = _add(weights, shares * np.where(observed, apart, 0.0) ** 2)
    return _ratio(total, _add(weights, shares))


def shares(
    weights: CoverageWeights,
    mask: NDArray[np.bool_],
    *,
    observed: NDArray[np.bool_] | None = None,
) -> Numbers:
    """Share (0-1) of each parcel's observed area where ``mask`` is true.

    Without ``observed`` every cell counts as observed; NaN where none was.
    """
    seen = np.ones(mask.shape, bool) if observed is None else observed
    return means(weights, np.where(seen, mask, np.nan))


def observed_share(
    weights: CoverageWeights, values: NDArray[np.floating[Any]]
) -> Numbers:
    """Share (0-1) of the whole polygon that was observed.

    What lies beyond the grid is not observed.
    """
    observed_ha = sums(weights, values)[1]
    share = np.zeros(len(observed_ha))
    some = weights.polygon_ha > 0
    share[some] = observed_ha[some] / weights.polygon_ha[some]
    return np.minimum(share, 1.0)


def union(weights: CoverageWeights, *, name: str = "union") -> CoverageWeights:
    """One row that is the sum of all rows: a region as the sum of its parcels.

    Where parcels overlap, their cells count twice, as they do in a sum over parcels.
    """
    cells, place = np.unique(weights.matrix.indices, return_inverse=True)
    together = np.bincount(place, weights.matrix.data, minlength=len(cells)).astype(
        float
    )
    shape = 1, weights.matrix.shape[1]
    row = np.zeros(len(cells), np.int64)
    matrix = _matrix(row, cells.astype(np.int64), together, shape)
    total_ha = np.array([weights.polygon_ha.sum()])
    return CoverageWeights(matrix, (name,), weights.grid, total_ha)


def to_arrays(weights: CoverageWeights) -> Arrays:
    """Everything in ``weights`` as plain arrays, for ``npz`` without pickle."""
    grid = weights.grid
    return {
        "data": weights.matrix.data,
        "indices": weights.matrix.indices.astype(np.int64),
        "indptr": weights.matrix.indptr.astype(np.int64),
        "parcel_ids": np.array(weights.parcel_ids, dtype=np.str_),
        "polygon_ha": weights.polygon_ha,
        "grid_crs": np.array([grid.crs]),
        "grid_place": np.array([grid.left, grid.top, grid.cell_m]),
        "grid_size": np.array([grid.width, grid.height], np.int64),
    }


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> CoverageWeights:
    """Read what ``to_arrays`` wrote."""
    left, top, cell_m = (float(number) for number in arrays["grid_place"])
    width, height = (int(number) for number in arrays["grid_size"])
    grid = Grid(str(arrays["grid_crs"][0]), left, top, cell_m, width, height)
    parts = (arrays["data"], arrays["indices"], arrays["indptr"])
    shape = len(arrays["polygon_ha"]), width * height
    ids = tuple(str(name) for name in arrays["parcel_ids"])
    return CoverageWeights(
        csr_array(parts, shape=shape), ids, grid, arrays["polygon_ha"]
    )


def at_cells(weights: CoverageWeights, values: NDArray[Any]) -> Numbers:
    """Return the value under every stored share, as float64.

    Raises
    ------
    GridMismatchError
        When ``values`` does not have the shape of the grid.
    """
    if values.shape != weights.grid.shape:
        raise GridMismatchError(
            f"Values of shape {values.shape} are not on {weights.grid}.",
            zh=f"数组形状 {values.shape} 与网格 {weights.grid.shape} 不符。",
            cure="Align the raster with geo.align first.",
        )
    # Gathering first keeps memory at the size of the parcels, not of the raster.
    gathered: Numbers = values.reshape(-1)[weights.matrix.indices].astype(np.float64)
    return gathered


def _add(weights: CoverageWeights, terms: Numbers) -> Numbers:
    """Add the terms of each parcel, one after another."""
    # Unlike np.sum and BLAS, bincount adds in order, whatever the processor.
    added = np.bincount(weights.rows, terms, minlength=len(weights.parcel_ids))
    return added.astype(np.float64)


def _ratio(total: Numbers, area: Numbers) -> Numbers:
    ratio = np.full(len(total), np.nan)
    np.divide(total, area, out=ratio, where=area > 0)
    return ratio
