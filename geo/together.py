"""The error of a whole region's mean, added up part by part.

All parcels of a region as one parcel would need the whole region at once. Its double
sum needs less: the terms of its cells, added over blocks of the region's grid. Parts
give theirs one by one, and a lattice of at most 1,024 blocks a side holds them all.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geo.correlation import LARGEST_SIDE, Variogram, coarse_variance
from geo.coverage import CoverageWeights, union
from geo.grid import Grid
from geo.terms import Blocks, CellErrors, block_sums, painted

Numbers = NDArray[np.float64]

_STRIP_CELLS = 2**20


def block_of(region: Grid) -> int:
    """Return the side in cells of the blocks that a region's errors are added over."""
    return -(-max(region.height, region.width) // LARGEST_SIDE)


@dataclass(frozen=True, slots=True, eq=False)
class PartTerms:
    """What some parcels add to the double sum: share x sd, summed over blocks.

    ``row`` and ``column`` are the first block, counted over the region. ``own`` is the
    sum of the squared terms of the cells, ``area`` that of the shares.
    """

    placed: Numbers
    row: int
    column: int
    own: float
    area: float

    @classmethod
    def of(
        cls,
        weights: CoverageWeights,
        sd: NDArray[np.floating[Any]] | float,
        *,
        observed: NDArray[np.bool_] | None = None,
        place: tuple[int, int],
        block: int,
    ) -> Self:
        """Add up the terms of all parcels of ``weights`` together.

        ``place`` is the row and column of the region's grid at which that of
        ``weights`` starts; ``sd`` and ``observed`` are as ``parcel_variance`` takes
        them. A cell that parcels of two parts share counts as two cells in ``own``.
        """
        errors = CellErrors(sd, observed)
        errors.require_shape(weights.grid)
        whole, (height, width) = union(weights), weights.grid.shape
        above, before = place[0] % block, place[1] % block
        sides = -(-(height + above) // block), -(-(width + before) // block)
        placed, own, area = np.zeros(sides), 0.0, 0.0
        step = block * max(1, _STRIP_CELLS // (block * width))
        start = 0
        while start < height:
            stop = min(start + step - (start + above) % block, height)
            shape = stop - start, width
            share = painted(*whole.section(shape, row=start, column=0), shape)
            cell = np.arange(start * width, stop * width)
            share, cell_sd = errors.shares_and_sd(cell, share.reshape(-1))
            terms = (share * cell_sd).reshape(shape)
            own += float((terms * terms).sum())
            area += float(share.sum())
            framed = np.zeros((shape[0], before + width))
            framed[:, before:] = terms
            added = block_sums(framed, block)
            first = (start + above) // block
            placed[first : first + len(added)] += added
            start = stop
        return cls(placed, place[0] // block, place[1] // block, own, area)


def region_variance(
    parts: list[PartTerms], region: Grid, variogram: Variogram
) -> float:
    """Return the variance of the mean of all parts together; NaN if nothing was seen.

    As ``parcel_variance`` of their union, to which it is equal where the region has at
    most 1,024 cells a side.
    """
    block = block_of(region)
    total = np.zeros((-(-region.height // block), -(-region.width // block)))
    for part in parts:
        height, width = part.placed.shape
        rows = slice(part.row, part.row + height)
        total[rows, part.column : part.column + width] += part.placed
    area = sum(part.area for part in parts)
    if area == 0:
        return float("nan")
    own = sum(part.own for part in parts)
    blocks = Blocks(total / area, block, own / area**2)
    return coarse_variance(blocks, region.cell_m, variogram)
