"""Raster to parcels, weighted by the exact share of every cell that a parcel covers.

Parcels do not move between nights: their coverage is computed once per grid, and
every later band, date and statistic is a sum over its runs and edges. A run lies in one
row and every parcel adds up its runs, and its edges, in the order of their cells: how a
raster is cut into strips of rows does not change a bit of the sums.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.coverage import (
    CoverageWeights,
    Edges,
    Runs,
    area_ha,
    from_arrays,
    from_shares,
    to_arrays,
    union,
)
from geo.errors import GridMismatchError
from geo.grid import Grid
from geo.overlay import coverage_weights

__all__ = [
    "CoverageWeights",
    "StripSums",
    "area_ha",
    "at_cells",
    "coverage_weights",
    "from_arrays",
    "from_shares",
    "means",
    "observed_share",
    "paint",
    "shares",
    "sums",
    "to_arrays",
    "topmost",
    "union",
    "variances",
]

Numbers = NDArray[np.float64]
Values = NDArray[np.number[Any] | np.bool_]

_STRIP_CELLS = 2**17
"""Cells that are copied to float64 at a time: few enough to stay in the cache."""


class StripSums:
    """Sums over parcels of rasters that come block by block and are never held.

    Every cell is given at most once; cells that are not given count as unobserved. With
    blocks as wide as the grid, given from the top down, the sums have the same bits
    however many rows a block has.
    """

    def __init__(self, weights: CoverageWeights, *, bands: int = 1) -> None:
        self._weights = weights
        # Runs and edges add up apart: their order then does not depend on the blocks.
        self._runs, self._edges = np.zeros((2, bands, len(weights.parcel_ids)))
        self._seen = [_Seen(weights) for _ in range(bands)]

    def add(self, values: NDArray[Any], *, row: int, column: int = 0) -> None:
        """Add a block ``(y, x)`` or ``(band, y, x)`` that starts at row, column.

        NaN is unobserved.

        Raises
        ------
        GridMismatchError
            When the block reaches beyond the grid.
        """
        block = values.reshape(-1, *values.shape[-2:])
        height, width = block.shape[1:]
        buffer = np.empty(_strip_rows(width) * width + 1)
        for rows in _strips(height, width):
            place = _Place(row + rows.start, column, (rows.stop - rows.start, width))
            covering = place.covering(self._weights)
            for band, layer in enumerate(block):
                strip = _Strip.of(layer[rows], buffer)
                self._add_strip(band, strip, place, covering)

    def _add_strip(
        self, band: int, strip: "_Strip", place: "_Place", covering: tuple[Runs, Edges]
    ) -> None:
        runs, edges = covering
        total, count = strip.over_runs(runs)
        value, is_seen = strip.at(edges.cell)
        value *= edges.share
        np.add.at(self._runs[band], runs.parcel, total)
        np.add.at(self._edges[band], edges.parcel, value)
        if count is None and is_seen is None:
            self._seen[band].add_all(place, covering)
        else:
            lengths = runs.lengths if count is None else count
            share = edges.share if is_seen is None else edges.share * is_seen
            self._seen[band].add(covering, lengths.astype(np.float64), share)

    @property
    def result(self) -> tuple[Numbers, Numbers]:
        """Sum of value x area and observed area, ha, each (band, parcel)."""
        cell_ha = self._weights.grid.cell_ha
        observed = np.stack([seen.cells for seen in self._seen])
        return (self._runs + self._edges) * cell_ha, observed * cell_ha


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a strip lies on the grid."""

    row: int
    column: int
    shape: tuple[int, int]

    def covering(self, weights: CoverageWeights) -> tuple[Runs, Edges]:
        return weights.section(self.shape, row=self.row, column=self.column)


class _Seen:
    """Observed area of each parcel in one band, in cells.

    While no covered cell is unobserved only the places of strips are kept: the area of
    a whole grid is known already, in the same bits as counting it would give.
    """

    def __init__(self, weights: CoverageWeights) -> None:
        self._weights = weights
        self._whole: list[_Place] = []
        self._counted: Numbers | None = None

    def add_all(self, place: _Place, covering: tuple[Runs, Edges]) -> None:
        """Count a strip without an unobserved cell."""
        if self._counted is None:
            self._whole.append(place)
        else:
            runs, edges = covering
            self.add(covering, runs.lengths.astype(np.float64), edges.share)

    def add(self, covering: tuple[Runs, Edges], count: Numbers, share: Numbers) -> None:
        """Count the observed cells of each run, and the observed shares of edges."""
        inner, outer = self._started()
        np.add.at(inner, covering[0].parcel, count)
        np.add.at(outer, covering[1].parcel, share)

    @property
    def cells(self) -> Numbers:
        given = sum(place.shape[0] * place.shape[1] for place in self._whole)
        height, width = self._weights.grid.shape
        if self._counted is None and given == height * width:
            return self._weights.covered
        inner, outer = self._started()
        return np.asarray(inner + outer)

    def _started(self) -> Numbers:
        if self._counted is None:
            self._counted = np.zeros((2, len(self._weights.parcel_ids)))
            for place in self._whole:
                self.add_all(place, place.covering(self._weights))
        return self._counted


class _Strip:
    """Some rows of a raster as float64, one after another, and a zero after them."""

    def __init__(self, cells: Numbers) -> None:
        self.cells = cells

    @classmethod
    def of(cls, values: NDArray[Any], buffer: Numbers) -> "_Strip":
        cells = buffer[: values.size + 1]
        np.copyto(cells[:-1].reshape(values.shape), values)
        cells[-1] = 0.0
        return cls(cells)

    def over_runs(self, runs: Runs) -> tuple[Numbers, Numbers | None]:
        """Return the sum of each run's observed cells, and their number if not all."""
        # What is not finite makes its run's sum not finite: no other run needs a look.
        with np.errstate(invalid="ignore", over="ignore"):
            total = _add_runs(self.cells, runs.bounds)
        gaps = ~np.isfinite(total)
        if not gaps.any():
            return total, None
        is_seen = np.isfinite(self.cells)
        filled = np.where(is_seen, self.cells, 0.0)
        total[gaps] = _add_runs(filled, runs.bounds[gaps])
        count = runs.lengths.astype(np.float64)
        count[gaps] = _add_runs(is_seen.astype(np.float64), runs.bounds[gaps])
        return total, count

    def at(self, cell: NDArray[np.int64]) -> tuple[Numbers, NDArray[np.bool_] | None]:
        """Return the values of cells, 0 if unobserved; which are seen, if not all."""
        value = self.cells[cell]
        is_seen = np.isfinite(value)
        if is_seen.all():
            return value, None
        value[~is_seen] = 0.0
        return value, is_seen


def _add_runs(cells: Numbers, bounds: NDArray[np.int64]) -> Numbers:
    """Sum of the cells from each bound up to the next, of which every second counts."""
    return np.add.reduceat(cells, bounds.reshape(-1))[::2]


def _strip_rows(width: int) -> int:
    return max(1, _STRIP_CELLS // width)


def _strips(height: int, width: int) -> Iterator[slice]:
    step = _strip_rows(width)
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def sums(weights: CoverageWeights, values: Values) -> tuple[Numbers, Numbers]:
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
    _require_shape(weights.grid, values)
    added = StripSums(weights)
    added.add(values, row=0)
    total, observed_ha = added.result
    return total[0], observed_ha[0]


def means(weights: CoverageWeights, values: Values) -> Numbers:
    """Area-weighted mean over the observed cells; NaN where nothing was observed."""
    total, observed_ha = sums(weights, values)
    return _ratio(total, observed_ha)


def variances(weights: CoverageWeights, values: Values) -> Numbers:
    """Area-weighted variance of the cells' values about the parcel's mean.

    Spread between the cells of a parcel, not the error of its mean; see
    ``geo.correlation`` for that.
    """
    total, observed_ha = sums(weights, values)
    mean = _ratio(total, observed_ha)
    inner, outer = np.zeros_like(mean), np.zeros_like(mean)
    for rows in _strips(*weights.grid.shape):
        strip = np.append(values[rows].astype(np.float64), np.nan)
        place = rows.stop - rows.start, weights.grid.width
        runs, edges = weights.section(place, row=rows.start, column=0)
        cell, run = runs.expanded()
        parcel = runs.parcel[run]
        np.add.at(inner, parcel, _square(strip[cell] - mean[parcel]))
        apart = _square(strip[edges.cell] - mean[edges.parcel])
        np.add.at(outer, edges.parcel, apart * edges.share)
    return _ratio(inner + outer, observed_ha / weights.grid.cell_ha)


def _square(apart: Numbers) -> Numbers:
    return np.where(np.isfinite(apart), apart, 0.0) ** 2


def shares(
    weights: CoverageWeights,
    mask: NDArray[np.bool_],
    *,
    observed: NDArray[np.bool_] | None = None,
) -> Numbers:
    """Share (0-1) of each parcel's observed area where ``mask`` is true.

    Without ``observed`` every cell counts as observed; NaN where none was.
    """
    if observed is None:
        return means(weights, mask)
    _require_shape(weights.grid, mask)
    _require_shape(weights.grid, observed)
    added = StripSums(weights)
    for rows in _strips(*mask.shape):
        added.add(np.where(observed[rows], mask[rows], np.nan), row=rows.start)
    total, observed_ha = added.result
    return _ratio(total[0], observed_ha[0])


def observed_share(weights: CoverageWeights, values: Values) -> Numbers:
    """Share (0-1) of the whole polygon that was observed.

    What lies beyond the grid is not observed.
    """
    observed_ha = sums(weights, values)[1]
    share = np.zeros(len(observed_ha))
    some = weights.polygon_ha > 0
    share[some] = observed_ha[some] / weights.polygon_ha[some]
    return np.minimum(share, 1.0)


def paint(
    weights: CoverageWeights, values: Numbers, *, least_share: float = 0.5
) -> NDArray[np.float32]:
    """Return ``(y, x)`` with each parcel's value on the cells it covers enough of.

    Of two parcels that both cover ``least_share`` or more of a cell the later one
    counts; NaN where none does.
    """
    height, width = weights.grid.shape
    painted = np.empty((height, width), np.float32)
    table = np.append(values, np.nan).astype(np.float32)
    for rows in _strips(height, width):
        top = topmost(
            weights, (rows.stop - rows.start, width), row=rows.start, least=least_share
        )
        painted[rows] = table[top]  # -1 picks the NaN at the end
    return painted


def topmost(
    weights: CoverageWeights,
    shape: tuple[int, int],
    *,
    row: int = 0,
    column: int = 0,
    least: float = 0.5,
) -> NDArray[np.int32]:
    """Return ``(y, x)`` with the last parcel that covers ``least`` of a cell, or -1.

    Of a block of ``shape`` cells that starts at ``row`` and ``column`` of the grid.
    """
    runs, edges = weights.section(shape, row=row, column=column)
    top = np.full(shape[0] * shape[1], -1, np.int32)
    cell, run = runs.expanded()
    np.maximum.at(top, cell, runs.parcel[run])
    most = edges.part(edges.share >= least)
    np.maximum.at(top, most.cell, most.parcel)
    return top.reshape(shape)


def at_cells(weights: CoverageWeights, values: NDArray[Any]) -> Numbers:
    """Return the value under every share of ``weights.matrix``, as float64.

    Raises
    ------
    GridMismatchError
        When ``values`` does not have the shape of the grid.
    """
    _require_shape(weights.grid, values)
    gathered: Numbers = values.reshape(-1)[weights.matrix.indices].astype(np.float64)
    return gathered


def _require_shape(grid: Grid, values: NDArray[Any]) -> None:
    if values.shape != grid.shape:
        raise GridMismatchError(
            f"Values of shape {values.shape} are not on {grid}.",
            zh=f"数组形状 {values.shape} 与网格 {grid.shape} 不符。",
            cure="Align the raster with geo.align first.",
        )


def _ratio(total: Numbers, area: Numbers) -> Numbers:
    ratio = np.full(len(total), np.nan)
    np.divide(total, area, out=ratio, where=area > 0)
    return ratio
