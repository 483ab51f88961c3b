"""How much of every cell each parcel covers, kept as runs of whole cells and edges.

Most of a parcel's cells are covered whole and lie side by side: a run of them is two
numbers however long it is. Only the cells on its outline need a share each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from geo.errors import GridMismatchError
from geo.grid import Grid

Numbers = NDArray[np.float64]
Cells = NDArray[np.int64]
Rows = NDArray[np.int32]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Cells that lie side by side in one row of a raster and are covered whole.

    ``bounds`` (n, 2) is the first cell and the one after the last, as numbers of cells
    row by row; ``parcel`` (n,) is whose they are.
    """

    bounds: Cells
    parcel: Rows

    @property
    def lengths(self) -> Cells:
        return self.bounds[:, 1] - self.bounds[:, 0]

    def part(self, which: slice | NDArray[Any]) -> Self:
        """Return some of the runs."""
        return type(self)(self.bounds[which], self.parcel[which])

    def expanded(self) -> tuple[Cells, Cells]:
        """Return every cell of every run, and the number of its run."""
        lengths = self.lengths
        run = np.repeat(np.arange(len(lengths)), lengths)
        skipped = self.bounds[:, 0] - (np.cumsum(lengths) - lengths)
        return np.arange(len(run)) + skipped[run], run


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Cells (n,) of which ``parcel`` covers ``share``, which is not 1."""

    cell: Cells
    share: Numbers
    parcel: Rows

    def part(self, which: slice | NDArray[Any]) -> Self:
        """Return some of the cells."""
        return type(self)(self.cell[which], self.share[which], self.parcel[which])


@dataclass(frozen=True, eq=False)
class CoverageWeights:
    """The share (0-1) of every cell of a grid that every parcel covers.

    ``runs`` and ``edges`` are in the order of their first cell. A parcel that lies
    outside the grid has none. Only in a ``union`` may a cell be covered twice by one
    row; the shares then add.
    """

    runs: Runs
    edges: Edges
    parcel_ids: tuple[str, ...]
    grid: Grid
    polygon_ha: Numbers
    """Area of the whole polygon in the plane of the grid's CRS."""

    def __post_init__(self) -> None:
        count, size = len(self.parcel_ids), self.grid.width * self.grid.height
        parcels = self.runs.parcel, self.edges.parcel
        places = self.runs.bounds, self.edges.cell
        fits = len(self.polygon_ha) == count
        fits &= all(len(those) == 0 or those.max() < count for those in parcels)
        fits &= all(len(those) == 0 or those.max() <= size for those in places)
        if not fits:
            raise GridMismatchError(
                f"The coverage does not fit {count} parcels on {self.grid}.",
                zh=f"覆盖权重与 {count} 个小班或网格 {self.grid.shape} 不符，"
                "请重新计算覆盖。",
                cure="Compute the coverage again from the parcels and the grid.",
            )

    @property
    def share_count(self) -> int:
        """How many pairs of a parcel and a cell it covers there are."""
        return int(self.runs.lengths.sum()) + len(self.edges.cell)

    @cached_property
    def covered(self) -> Numbers:
        """Area of each parcel on the grid, in cells."""
        total = np.zeros(len(self.parcel_ids))
        inner = np.zeros_like(total)
        np.add.at(inner, self.runs.parcel, self.runs.lengths.astype(np.float64))
        np.add.at(total, self.edges.parcel, self.edges.share)
        return inner + total

    @property
    def inside_share(self) -> Numbers:
        """Share of each polygon's area that lies on the grid, 0-1."""
        inside = np.zeros(len(self.parcel_ids))
        some = self.polygon_ha > 0
        inside[some] = area_ha(self)[some] / self.polygon_ha[some]
        return np.minimum(inside, 1.0)

    @cached_property
    def by_parcel(self) -> tuple[Runs, Cells, Edges, Cells]:
        """Runs and edges parcel by parcel, each with the offsets (p + 1,) of parcels.

        Those of parcel i are at ``offsets[i]`` up to ``offsets[i + 1]``.
        """
        numbers = np.arange(len(self.parcel_ids) + 1)
        found: list[Any] = []
        for those in (self.runs, self.edges):
            ordered = those.part(np.argsort(those.parcel, kind="stable"))
            found += [ordered, np.searchsorted(ordered.parcel, numbers)]
        return found[0], found[1], found[2], found[3]

    @cached_property
    def matrix(self) -> csr_array:
        """The same as a sparse matrix, parcels x cells; large: for looking at few."""
        cell, run = self.runs.expanded()
        parcel = np.concatenate([self.runs.parcel[run], self.edges.parcel])
        cell = np.concatenate([cell, self.edges.cell])
        share = np.concatenate([np.ones(len(run)), self.edges.share])
        order = np.lexsort((cell, parcel))
        counts = np.bincount(parcel, minlength=len(self.parcel_ids))
        indptr = np.concatenate([[0], np.cumsum(counts)])
        shape = len(self.parcel_ids), self.grid.width * self.grid.height
        matrix = csr_array((share[order], cell[order], indptr), shape=shape)
        matrix.sum_duplicates()
        return matrix

    @property
    def rows(self) -> Cells:
        """The parcel of every share of ``matrix``."""
        numbers = np.arange(len(self.parcel_ids), dtype=np.int64)
        return np.repeat(numbers, np.diff(self.matrix.indptr))

    def cells(self, parcel: int) -> tuple[Cells, Numbers]:
        """Cell numbers, in order, and shares of one parcel."""
        runs, first_run, edges, first_edge = self.by_parcel
        mine = runs.part(slice(first_run[parcel], first_run[parcel + 1]))
        outline = edges.part(slice(first_edge[parcel], first_edge[parcel + 1]))
        inner, _ = mine.expanded()
        cell, place = np.unique(
            np.concatenate([inner, outline.cell]), return_inverse=True
        )
        share = np.concatenate([np.ones(len(inner)), outline.share])
        return cell, np.bincount(place, share, minlength=len(cell)).astype(np.float64)

    def only(self, parcels: NDArray[np.bool_]) -> Self:
        """Return the rows where ``parcels`` is true."""
        number = np.cumsum(parcels, dtype=np.int32) - np.int32(1)
        runs = self.runs.part(parcels[self.runs.parcel])
        edges = self.edges.part(parcels[self.edges.parcel])
        return type(self)(
            Runs(runs.bounds, number[runs.parcel]),
            Edges(edges.cell, edges.share, number[edges.parcel]),
            tuple(np.array(self.parcel_ids)[parcels].tolist()),
            self.grid,
            self.polygon_ha[parcels],
        )

    def window(self, tile: Grid, *, row: int, column: int) -> Self:
        """Return the same parcels on ``tile``, whose first cell is at row, column.

        ``polygon_ha`` stays that of the whole parcel: sums over tiles add up.
        """
        runs, edges = self.section(tile.shape, row=row, column=column)
        return type(self)(runs, edges, self.parcel_ids, tile, self.polygon_ha)

    def section(
        self, shape: tuple[int, int], *, row: int, column: int
    ) -> tuple[Runs, Edges]:
        """Return what covers a block of cells, numbered row by row within the block.

        Parameters
        ----------
        shape
            Height and width of the block; ``row`` and ``column`` are its first cell.

        Raises
        ------
        GridMismatchError
            When the block reaches beyond the grid.
        """
        self._require_inside(shape, row, column)
        first_run, first_edge = self._row_offsets
        stop = row + shape[0]
        runs = self.runs.part(slice(first_run[row], first_run[stop]))
        edges = self.edges.part(slice(first_edge[row], first_edge[stop]))
        skipped = row * self.grid.width
        runs = Runs(runs.bounds - skipped, runs.parcel)
        edges = Edges(edges.cell - skipped, edges.share, edges.parcel)
        if shape[1] == self.grid.width:
            return runs, edges
        columns = slice(column, column + shape[1])
        return _cut(runs, self.grid.width, columns), _cut_edges(
            edges, self.grid.width, columns
        )

    @cached_property
    def _row_offsets(self) -> tuple[Cells, Cells]:
        """First run and first edge at or after the start of each row, and the ends."""
        starts = np.arange(self.grid.height + 1) * self.grid.width
        first = np.ascontiguousarray(self.runs.bounds[:, 0])
        return np.searchsorted(first, starts), np.searchsorted(self.edges.cell, starts)

    def _require_inside(self, shape: tuple[int, int], row: int, column: int) -> None:
        most = self.grid.height - shape[0], self.grid.width - shape[1]
        if not (0 <= row <= most[0] and 0 <= column <= most[1]):
            raise GridMismatchError(
                f"A block of shape {shape} at row {row}, column {column} reaches "
                f"beyond {self.grid}.",
                zh=f"第 {row} 行第 {column} 列起、大小 {shape} 的数据块超出网格 "
                f"{self.grid.shape}。",
                cure="Give blocks of the very grid that the coverage was made for.",
                value=shape,
                expected=self.grid.shape,
            )


def _cut(runs: Runs, width: int, columns: slice) -> Runs:
    """Clip runs to some columns and number their cells within these."""
    row, first = np.divmod(runs.bounds[:, 0], width)
    start = np.maximum(first, columns.start)
    stop = np.minimum(first + runs.lengths, columns.stop)
    here = start < stop
    skipped = row * (columns.stop - columns.start) - columns.start
    bounds = np.column_stack([start + skipped, stop + skipped])
    return Runs(bounds[here], runs.parcel[here])


def _cut_edges(edges: Edges, width: int, columns: slice) -> Edges:
    row, column = np.divmod(edges.cell, width)
    here = (column >= columns.start) & (column < columns.stop)
    cell = row * (columns.stop - columns.start) + column - columns.start
    return Edges(cell[here], edges.share[here], edges.parcel[here])


def area_ha(weights: CoverageWeights) -> Numbers:
    """Area of each parcel on the grid, in the plane of its CRS, ha."""
    return weights.covered * weights.grid.cell_ha


def from_shares(
    shares: tuple[NDArray[np.integer[Any]], Cells, Numbers],
    parcel_ids: tuple[str, ...],
    grid: Grid,
    polygon_ha: Numbers,
) -> CoverageWeights:
    """Return the weights of ``shares``: numbers of parcel and cell, and the share."""
    runs, edges = runs_and_edges(*shares, width=grid.width)
    return CoverageWeights(*in_order([(runs, edges)]), parcel_ids, grid, polygon_ha)


def runs_and_edges(
    parcel: NDArray[np.integer[Any]], cell: Cells, share: Numbers, *, width: int
) -> tuple[Runs, Edges]:
    """Join cells side by side that are covered whole; keep the others that have any."""
    order = np.lexsort((cell, parcel))
    owner: Rows = parcel[order].astype(np.int32)
    cell, share = cell[order], share[order]
    whole = share == 1.0
    part = (share > 0) & ~whole
    edges = Edges(cell[part], share[part], owner[part])
    owner, cell = owner[whole], cell[whole]
    is_first = np.ones(len(cell) + 1, bool)
    is_first[1:-1] = (np.diff(cell) != 1) | (np.diff(owner) != 0)
    is_first[:-1] |= cell % width == 0
    bounds = np.column_stack([cell[is_first[:-1]], cell[is_first[1:]] + 1])
    return Runs(bounds, owner[is_first[:-1]]), edges


def in_order(parts: list[tuple[Runs, Edges]]) -> tuple[Runs, Edges]:
    """Put parts together in the order of cells, then of parcels."""
    runs = Runs(
        np.concatenate([runs.bounds for runs, _ in parts]),
        np.concatenate([runs.parcel for runs, _ in parts]),
    )
    edges = Edges(
        np.concatenate([edges.cell for _, edges in parts]),
        np.concatenate([edges.share for _, edges in parts]),
        np.concatenate([edges.parcel for _, edges in parts]),
    )
    runs = runs.part(np.lexsort((runs.parcel, runs.bounds[:, 0])))
    return runs, edges.part(np.lexsort((edges.parcel, edges.cell)))


def union(weights: CoverageWeights, *, name: str = "union") -> CoverageWeights:
    """One row that is the sum of all rows: a region as the sum of its parcels.

    Where parcels overlap, their cells count twice, as they do in a sum over parcels.
    """
    runs, edges = weights.runs, weights.edges
    return CoverageWeights(
        Runs(runs.bounds, np.zeros_like(runs.parcel)),
        Edges(edges.cell, edges.share, np.zeros_like(edges.parcel)),
        (name,),
        weights.grid,
        np.array([weights.polygon_ha.sum()]),
    )


def to_arrays(weights: CoverageWeights) -> Arrays:
    """Everything in ``weights`` as plain arrays, for ``npz`` without pickle."""
    grid = weights.grid
    return {
        "run_bounds": weights.runs.bounds,
        "run_parcel": weights.runs.parcel,
        "edge_cell": weights.edges.cell,
        "edge_share": weights.edges.share,
        "edge_parcel": weights.edges.parcel,
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
    return CoverageWeights(
        Runs(arrays["run_bounds"], arrays["run_parcel"]),
        Edges(arrays["edge_cell"], arrays["edge_share"], arrays["edge_parcel"]),
        tuple(str(name) for name in arrays["parcel_ids"]),
        Grid(str(arrays["grid_crs"][0]), left, top, cell_m, width, height),
        arrays["polygon_ha"],
    )
