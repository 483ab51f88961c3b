"""Parcels laid on lattices of their own: what a double sum over their cells takes.

A cell's term is its share of the parcel's observed area times the standard deviation of
its error. Whole batches of parcels are laid out at once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.coverage import CoverageWeights, Edges, Runs
from geo.errors import GridMismatchError
from geo.grid import Grid

Numbers = NDArray[np.float64]
Cells = NDArray[np.int64]

_STRIP_CELLS = 2**20


@dataclass(frozen=True, slots=True, eq=False)
class CellErrors:
    """Standard deviation of each cell's error, and which cells are in the mean."""

    sd: NDArray[np.floating[Any]] | float
    observed: NDArray[np.bool_] | None = None

    def require_shape(self, grid: Grid) -> None:
        """Raise ``GridMismatchError`` unless rasters have the shape of ``grid``."""
        for values in (self.sd, self.observed):
            if isinstance(values, np.ndarray) and values.shape != grid.shape:
                raise GridMismatchError(
                    f"Values of shape {values.shape} are not on {grid}.",
                    zh=f"数组形状 {values.shape} 与网格 {grid.shape} 不符。",
                    cure="Align the raster with geo.align first.",
                )

    def shares_and_sd(
        self, cell: Cells, share: Numbers
    ) -> tuple[Numbers, Numbers | float]:
        """Return the shares of the cells that are in the mean, and the sd of each.

        The share is zero for a cell that is not.
        """
        sd: Numbers | float
        is_seen: NDArray[np.bool_] | None = None
        if isinstance(self.sd, np.ndarray):
            sd = self.sd.reshape(-1)[cell].astype(np.float64)
            is_seen = np.isfinite(sd)
            sd[~is_seen] = 0.0
        else:
            sd = float(self.sd)
        if self.observed is not None:
            here = self.observed.reshape(-1)[cell]
            is_seen = here if is_seen is None else is_seen & here
        return share if is_seen is None else share * is_seen, sd


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """First row and column, height and width in cells of each parcel; 0 if none."""

    row: Cells
    column: Cells
    height: Cells
    width: Cells

    @property
    def side(self) -> Cells:
        return np.maximum(self.height, self.width)


def bounding_boxes(weights: CoverageWeights) -> Boxes:
    """Return the box of the cells that each parcel covers any of."""
    runs, edges, across = weights.runs, weights.edges, weights.grid.width
    most = np.iinfo(np.int64).max
    low = np.full((2, len(weights.parcel_ids)), most)
    high = np.full_like(low, -1)
    last_of_run = runs.bounds[:, 1] - 1
    for parcel, first, last in (
        (runs.parcel, runs.bounds[:, 0], last_of_run),
        (edges.parcel, edges.cell, edges.cell),
    ):
        for axis, place in enumerate((np.floor_divide, np.remainder)):
            np.minimum.at(low[axis], parcel, place(first, across))
            np.maximum.at(high[axis], parcel, place(last, across))
    low[low == most] = 0
    height, width = high - low + 1
    return Boxes(low[0], low[1], height, width)


def placed_terms(
    weights: CoverageWeights,
    errors: CellErrors,
    boxes: Boxes,
    parcels: Cells,
    sides: tuple[int, int],
) -> Numbers:
    """Return the terms of some parcels, each on a lattice of ``sides`` cells.

    ``(n, y, x)``; a parcel without an observed cell is NaN all over.
    """
    cell, share, lattice = _laid_out(weights, boxes, parcels, sides)
    share, sd = errors.shares_and_sd(cell, share)
    count = len(parcels) * sides[0] * sides[1]
    shares = np.bincount(lattice, share, minlength=count)
    area: Numbers = shares.reshape(len(parcels), -1).sum(axis=1)
    area[area == 0] = np.nan
    if isinstance(sd, np.ndarray):
        terms = np.asarray(np.bincount(lattice, share * sd, minlength=count))
    else:
        terms = np.asarray(shares * sd)
    return np.asarray(terms.reshape(len(parcels), *sides) / area[:, None, None])


def _laid_out(
    weights: CoverageWeights, boxes: Boxes, parcels: Cells, sides: tuple[int, int]
) -> tuple[Cells, Numbers, Cells]:
    """Cells and shares of some parcels, and where each cell lies on their lattices."""
    runs, first_run, edges, first_edge = weights.by_parcel

    def shift(cell: Cells, place: Cells) -> Cells:
        """From the number of a cell to its number on the lattices, along a row."""
        row, column = np.divmod(cell, weights.grid.width)
        down = place * sides[0] + row - boxes.row[parcels][place]
        return down * sides[1] + column - boxes.column[parcels][place] - cell

    which, place = _ranges(first_run[parcels], first_run[parcels + 1])
    mine = runs.part(which)
    inner, run = mine.expanded()
    inner_shift = shift(mine.bounds[:, 0], place)
    which, place = _ranges(first_edge[parcels], first_edge[parcels + 1])
    outer = edges.part(which)
    return (
        np.concatenate([inner, outer.cell]),
        np.concatenate([np.ones(len(inner)), outer.share]),
        np.concatenate(
            [inner + inner_shift[run], outer.cell + shift(outer.cell, place)]
        ),
    )


def _ranges(first: Cells, stop: Cells) -> tuple[Cells, Cells]:
    """Return the numbers from each first up to its stop, and which pair they are of."""
    return Runs(
        np.column_stack([first, stop]), np.zeros(len(first), np.int32)
    ).expanded()


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Terms of one large parcel added up over blocks of ``block`` x ``block`` cells.

    ``own`` is the sum of the squared terms of the cells themselves.
    """

    placed: Numbers
    block: int
    own: float


def block_terms(
    weights: CoverageWeights,
    errors: CellErrors,
    boxes: Boxes,
    parcel: int,
    largest_side: int,
) -> Blocks:
    """Return the terms of a parcel on a lattice of at most ``largest_side`` blocks.

    The parcel is painted some rows at a time: memory follows the strip, not the parcel.
    """
    mine = _alone(weights, parcel)
    height, width = int(boxes.height[parcel]), int(boxes.width[parcel])
    block = -(-max(height, width) // largest_side)
    placed = np.zeros((-(-height // block), -(-width // block)))
    own = area = 0.0
    step = block * max(1, _STRIP_CELLS // (block * width))
    for start in range(0, height, step):
        shape = min(step, height - start), width
        row, column = int(boxes.row[parcel]) + start, int(boxes.column[parcel])
        share = painted(*mine.section(shape, row=row, column=column), shape)
        rows, columns = np.arange(row, row + shape[0]), np.arange(width) + column
        cell = (rows[:, None] * weights.grid.width + columns).reshape(-1)
        share, sd = errors.shares_and_sd(cell, share.reshape(-1))
        terms = (share * sd).reshape(shape)
        area += float(share.sum())
        own += float((terms * terms).sum())
        added = block_sums(terms, block)
        placed[start // block : start // block + len(added)] = added
    if area == 0:
        return Blocks(np.full_like(placed, np.nan), block, np.nan)
    return Blocks(placed / area, block, own / area**2)


def _alone(weights: CoverageWeights, parcel: int) -> CoverageWeights:
    if len(weights.parcel_ids) == 1:
        return weights
    return weights.only(np.arange(len(weights.parcel_ids)) == parcel)


def painted(runs: Runs, edges: Edges, shape: tuple[int, int]) -> Numbers:
    """Return the share of each cell of a block; where rows overlap, shares add."""
    step = np.zeros(shape[0] * shape[1] + 1)
    np.add.at(step, runs.bounds[:, 0], 1.0)
    np.add.at(step, runs.bounds[:, 1], -1.0)
    share = np.cumsum(step)[:-1]
    np.add.at(share, edges.cell, edges.share)
    return share.reshape(shape)


def block_sums(terms: Numbers, block: int) -> Numbers:
    """Sum ``terms`` over blocks of ``block`` x ``block`` cells; the last may be cut."""
    for axis in (0, 1):
        terms = np.add.reduceat(terms, np.arange(0, terms.shape[axis], block), axis)
    return terms
